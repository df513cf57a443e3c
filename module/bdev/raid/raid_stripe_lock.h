/* SPDX-License-Identifier: BSD-3-Clause */

/* Locks on rows of an array, for all threads. */

#ifndef MODULE_BDEV_RAID_STRIPE_LOCK_H
#define MODULE_BDEV_RAID_STRIPE_LOCK_H

#include "bdevkit/thread.h"
#include "lib/env/env_internal.h"
#include "spdk/queue.h"

#define RAID_STRIPE_LOCK_BUCKETS 32

struct raid_stripe_lock {
	uint64_t first_row;
	uint64_t num_rows;
	/* Called on the thread that has waited for it, when it has it. */
	void (*locked_cb)(void *arg);
	void *arg;
	struct spdk_thread *thread;
	struct bdk_msg msg;
	/* Of those that wait: who has come earlier has a smaller one. */
	uint64_t ticket;
	TAILQ_ENTRY(raid_stripe_lock) link;
};

TAILQ_HEAD(raid_stripe_lock_list, raid_stripe_lock);

struct raid_stripe_lock_queue {
	struct raid_stripe_lock_list held;
	/* In the order in which they came; none that could be held. */
	struct raid_stripe_lock_list waiting;
};

/* Of those whose rows lie in one zone, for some zones. */
struct raid_stripe_lock_bucket {
	struct env_mutex mutex;
	struct raid_stripe_lock_queue queue;
} __attribute__((aligned(64)));

struct raid_stripe_locks {
	/* A zone has 2^zone_shift rows. */
	uint32_t zone_shift;
	/* Of those with rows of several zones. It changes under all mutexes, so that any of them is enough to look at it. */
	struct raid_stripe_lock_queue wide;
	uint64_t next_ticket;
	struct raid_stripe_lock_bucket buckets[RAID_STRIPE_LOCK_BUCKETS];
};

/* Returns 0 or -ENOMEM. */
int raid_stripe_locks_init(struct raid_stripe_locks *locks, uint32_t zone_shift);
void raid_stripe_locks_fini(struct raid_stripe_locks *locks);

/*
 * Returns whether it is held now; otherwise locked_cb will be called on this thread. Those who want rows that somebody
 * has waited for longer come after him. Who waits must hold no other. Rows of several zones cost a mutex for each bucket.
 */
bool raid_stripe_lock_get(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock);
void raid_stripe_lock_put(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock);

#endif /* MODULE_BDEV_RAID_STRIPE_LOCK_H */
