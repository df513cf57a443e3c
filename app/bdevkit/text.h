/* SPDX-License-Identifier: BSD-3-Clause */

/* Text that grows, for what a JSON writer writes. */

#ifndef BDEVKIT_APP_TEXT_H
#define BDEVKIT_APP_TEXT_H

#include "spdk/stdinc.h"

/* Begins as zeroes. data is to be freed; it ends with a zero behind size, and is NULL if nothing was written. */
struct text {
	char *data;
	size_t size;
};

/* A spdk_json_write_cb; ctx is a struct text. */
int text_append(void *ctx, const void *data, size_t size);

#endif /* BDEVKIT_APP_TEXT_H */
