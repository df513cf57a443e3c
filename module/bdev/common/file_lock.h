/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Keeps two processes from writing to one file, or one from reading what the other changes. The locks are advisory, and
 * those that QEMU and its tools set on disk images: they exclude these, too.
 */

#ifndef MODULE_BDEV_FILE_LOCK_H
#define MODULE_BDEV_FILE_LOCK_H

#include "spdk/stdinc.h"

struct file_lock;

/*
 * Locks the file behind fd for reading, or for writing as well. *lock is NULL where the file system has no locks. What
 * else this process has open of the same file is not in the way; *others then says how many, if it is not only read by
 * all. Any thread. Returns 0, -EBUSY if another process is in the way, or -ENOMEM.
 */
int file_lock_take(int fd, bool write, struct file_lock **lock, uint32_t *others);
/* With the write that it was taken with. NULL is allowed. */
void file_lock_release(struct file_lock *lock, bool write);

#endif /* MODULE_BDEV_FILE_LOCK_H */
