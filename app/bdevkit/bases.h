/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdev_get_bdevs says of the bdevs that a bdev stands on, whichever module it is of. */

#ifndef BDEVKIT_APP_BASES_H
#define BDEVKIT_APP_BASES_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

/*
 * Calls fn with the name of each bdev below. info: an object that a module writes of a bdev, or the whole description. Modules
 * call them base_bdev_name, base_bdev, base_bdevs_list and so on; missing members are left out. Returns 0, or what fn returned
 * to end it.
 */
int bases_for_each(const struct spdk_json_val *info, int (*fn)(void *ctx, const char *name), void *ctx);

/* The first member of that name that is a string, at any depth, to be freed; NULL: there is none. */
char *bases_find_string(const struct spdk_json_val *info, const char *name);

/* Whether there is a member of that name, at any depth. */
bool bases_has(const struct spdk_json_val *info, const char *name);

#endif /* BDEVKIT_APP_BASES_H */
