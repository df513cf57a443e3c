/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * error: a bdev on top of another one, its base, that does wrong when it is told to: fails I/O, keeps it, says that it has
 * no memory, or changes a byte of the data. By type of I/O, as often as it is told.
 */

#ifndef MODULE_BDEV_ERROR_H
#define MODULE_BDEV_ERROR_H

#include "bdevkit/vbdev.h"

/* Before the name of the base it makes that of the bdev. */
#define ERROR_NAME_PREFIX "EE_"

enum error_type {
	ERROR_NONE,
	/* The I/O ends FAILED. */
	ERROR_FAILURE,
	/* It is held: until vbdev_error_clear() lets it go on, or a reset, an abort, or removal ends it ABORTED. */
	ERROR_PENDING,
	/* It comes back with NOMEM: the layer tries it again. */
	ERROR_NOMEM,
	/* One byte of the data is another one: of a read, behind the base; of a write, before it. */
	ERROR_CORRUPT_DATA,
};

struct error_injection {
	enum error_type type;
	/* How many I/Os it is still for; 0: none. */
	uint32_t num;
	/* Only while the base has at least that many I/Os of the channel. */
	uint64_t queue_depth;
	/* Which byte of the data of an I/O, across its buffers, and what it is xored with. Data that end before stay. */
	uint64_t corrupt_offset;
	uint8_t corrupt_value;
};

/*
 * Creates a bdev that has the name of its base behind ERROR_NAME_PREFIX. uuid may be null: then it is made from that of
 * the base, always the same for the same base. As bdk_vbdev_create() says.
 */
int vbdev_error_create(const char *base_name, const struct spdk_uuid *uuid, const char **why);

/* As bdk_vbdev_delete() says. I/O that is held ends ABORTED. */
int vbdev_error_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

/*
 * Arms it for I/O of these types, one bit for each enum spdk_bdev_io_type, in place of what was armed for them. Each type
 * has its own count, which all threads share. Application thread only.
 *
 * Returns 0; -ENODEV if there is no such bdev; -EINVAL: a value that changes nothing, or NOMEM for RESET, which cannot be
 * tried again; *why is a sentence that says more, or NULL.
 */
int vbdev_error_inject(const char *name, uint64_t io_types, const struct error_injection *injection, const char **why);

/*
 * Disarms all of it, and lets I/O that is held go on to the base. Application thread only.
 *
 * Returns 0, and cb is called when all has gone on; or -ENODEV or -ENOMEM, and it is not.
 */
int vbdev_error_clear(const char *name, void (*cb)(void *cb_arg), void *cb_arg);

#endif /* MODULE_BDEV_ERROR_H */
