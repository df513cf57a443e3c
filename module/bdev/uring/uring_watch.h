/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Notices that somebody else changes a file under a bdev: when who had it open for writing closes it, when its last name is
 * deleted, and when the kernel reports a change or the removal of a block device. None of that costs anything while
 * nothing happens. Where the system has no such events, a rescan is left.
 */

#ifndef MODULE_BDEV_URING_WATCH_H
#define MODULE_BDEV_URING_WATCH_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "module/bdev/common/block_file.h"

enum uring_watch_event {
	/* It may have another size now. */
	URING_WATCH_CHANGED,
	/* The block device is gone. */
	URING_WATCH_GONE,
};

/* Called on the application thread. The bdev of that name may be gone by now, or be another one. */
typedef void (*uring_watch_fn)(const char *bdev_name, enum uring_watch_event event);

struct uring_watch {
	const char *bdev_name;
	const struct block_file *file;
	/* Of inotify; -1: none. */
	int wd;
	/* Of the block device. */
	dev_t rdev;
	/* Not told yet. */
	bool changed;
	bool gone;
	LIST_ENTRY(uring_watch) link;
};

/* Application thread. Without events of the system all works as well. */
void uring_watch_init(uring_watch_fn fn);
void uring_watch_fini(void);

/* Application thread. Both parameters are kept. */
void uring_watch_start(struct uring_watch *watch, const char *bdev_name, const struct block_file *file);
/* Any thread. */
void uring_watch_stop(struct uring_watch *watch);

/* Has somebody look whether the block device is still there. Any thread. */
void uring_watch_ask(const char *bdev_name);

#endif /* MODULE_BDEV_URING_WATCH_H */
