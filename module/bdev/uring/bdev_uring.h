/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * uring: a bdev on a file or a block device of the system, through io_uring.
 */

#ifndef MODULE_BDEV_URING_H
#define MODULE_BDEV_URING_H

#include "spdk/bdev_module.h"

struct bdev_uring_opts {
	const char *name;
	const char *filename;
	/* Bytes; 0: that of the block device. A regular file needs one. */
	uint32_t block_size;
	/* Null: a random one. */
	struct spdk_uuid uuid;
	bool readonly;
	/* Through the page cache, also where the file can do direct I/O. */
	bool buffered;
	/* Do not keep other processes from using the file, nor heed that they want it for themselves. */
	bool no_lock;
};

/*
 * Creates a bdev on a file or block device. Application thread only.
 *
 * Returns 0; -EINVAL for a block size that does not fit, or what is neither a file nor a block device; -EEXIST if the
 * name or the UUID is taken; -EBUSY if another process uses the file; -ENOSYS or -EPERM if there is no io_uring; or the
 * error of opening the file. On failure *why is a sentence that says more, or NULL.
 */
int bdev_uring_create(const struct bdev_uring_opts *opts, const char **why);

/*
 * Looks at the size of the file again and makes the bdev as large. Application thread only.
 *
 * Returns 0; -ENODEV if there is no such uring bdev; -EBUSY if the file has become smaller, which nobody who has the
 * bdev open could follow; or a negative errno. On failure *why is a sentence that says more, or NULL.
 */
int bdev_uring_rescan(const char *name, const char **why);

/*
 * Deletes the uring bdev of that name; the file stays as it is. Returns 0, and cb is called when the file is closed; or
 * -ENODEV if there is none, and cb is not called.
 */
int bdev_uring_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_URING_H */
