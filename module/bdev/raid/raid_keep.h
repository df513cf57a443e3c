/* SPDX-License-Identifier: BSD-3-Clause */

/* What arrays keep on their members beside superblocks: a write-intent bitmap, a journal. Application thread only. */

#ifndef MODULE_BDEV_RAID_KEEP_H
#define MODULE_BDEV_RAID_KEEP_H

#include "module/bdev/raid/raid.h"

/* What an array of that level has, if nobody says otherwise. */
enum raid_policy raid_keep_choose_policy(const struct raid_opts *opts);

/* A new array gets its first member: how long the journal is. Returns 0 or -EINVAL with a sentence. */
int raid_keep_set_layout(struct raid *raid, const struct spdk_bdev *bdev, const char **why);

/* Its members are known: makes what it has, if that has not been made yet. Returns 0 or a negative errno with a sentence. */
int raid_keep_create(struct raid *raid, const char **why);
void raid_keep_free(struct raid *raid);

/* The waiters are called at once if there is nothing to do. */

/* Before its superblocks are written: where members may differ after a crash. */
void raid_keep_load(struct raid *raid, struct raid_waiter *waiter);
/* After that: what a crash has interrupted is over, and members hold what will be kept on them. They may have left. */
void raid_keep_start(struct raid *raid, struct raid_waiter *waiter);
/* It ends properly: there is nothing to be done when it comes back. */
void raid_keep_finish(struct raid *raid, struct raid_waiter *waiter);
/*
 * All members have grown, and the array is about to, with raid->grow_from, which may be moved down: 0, and the waiter is called
 * when it may; or -ENOMEM.
 */
int raid_keep_grow(struct raid *raid, struct raid_waiter *waiter);
/* A member is about to be named by superblocks. */
void raid_keep_add_member(struct raid_member *member, struct raid_waiter *waiter);

#endif /* MODULE_BDEV_RAID_KEEP_H */
