/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef LIB_EVENT_SUBSYSTEM_H
#define LIB_EVENT_SUBSYSTEM_H

#include "spdk_internal/init.h"

TAILQ_HEAD(event_subsystem_list, spdk_subsystem);
TAILQ_HEAD(event_subsystem_depend_list, spdk_subsystem_depend);

/*
 * Orders subsystems so that each comes after those that it depends on, and otherwise as they were. Leaves them as they
 * are and returns -ENOENT if one that is named in a dependency is missing, -ELOOP if dependencies form a circle; both
 * with an error line that names the subsystems.
 */
int event_subsystem_sort(struct event_subsystem_list *subsystems, struct event_subsystem_depend_list *depends);

/* The registered subsystems; after spdk_subsystem_init() in the order in which they are started. */
struct spdk_subsystem *event_subsystem_first(void);
struct spdk_subsystem *event_subsystem_next(struct spdk_subsystem *subsystem);
struct spdk_subsystem *event_subsystem_find(const char *name);

struct spdk_subsystem_depend *event_subsystem_first_depend(void);
struct spdk_subsystem_depend *event_subsystem_next_depend(struct spdk_subsystem_depend *depend);

/* Writes the "config" of a subsystem: an array, or null if it has none. */
void event_subsystem_write_config(struct spdk_subsystem *subsystem, struct spdk_json_write_ctx *w);

#endif /* LIB_EVENT_SUBSYSTEM_H */
