/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid_stripe_lock.h"

int
raid_stripe_locks_init(struct raid_stripe_locks *locks, uint32_t zone_shift)
{
	locks->zone_shift = zone_shift;
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		struct raid_stripe_lock_bucket *bucket = &locks->buckets[i];

		if (env_mutex_init(&bucket->mutex) != 0) {
			while (i-- > 0) {
				env_mutex_destroy(&locks->buckets[i].mutex);
			}
			return -ENOMEM;
		}
		TAILQ_INIT(&bucket->held);
		TAILQ_INIT(&bucket->waiting);
	}
	return 0;
}

void
raid_stripe_locks_fini(struct raid_stripe_locks *locks)
{
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		assert(TAILQ_EMPTY(&locks->buckets[i].held) && TAILQ_EMPTY(&locks->buckets[i].waiting));
		env_mutex_destroy(&locks->buckets[i].mutex);
	}
}

static struct raid_stripe_lock_bucket *
find_bucket(struct raid_stripe_locks *locks, const struct raid_stripe_lock *lock)
{
	uint64_t zone = lock->first_row >> locks->zone_shift;

	assert((lock->first_row + lock->num_rows - 1) >> locks->zone_shift == zone);
	return &locks->buckets[zone % RAID_STRIPE_LOCK_BUCKETS];
}

/* Whether one of those in a list, or of those before a certain one, has rows of it. */
static bool
overlaps(const struct raid_stripe_lock *lock, const struct raid_stripe_lock_list *list,
	const struct raid_stripe_lock *end)
{
	const struct raid_stripe_lock *other;

	TAILQ_FOREACH (other, list, link) {
		if (other == end) {
			return false;
		}
		if (lock->first_row < other->first_row + other->num_rows &&
			other->first_row < lock->first_row + lock->num_rows) {
			return true;
		}
	}
	return false;
}

bool
raid_stripe_lock_get(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock)
{
	struct raid_stripe_lock_bucket *bucket = find_bucket(locks, lock);
	bool held;

	lock->thread = spdk_get_thread();
	env_mutex_lock(&bucket->mutex);
	held = !overlaps(lock, &bucket->held, NULL) && !overlaps(lock, &bucket->waiting, NULL);
	if (held) {
		TAILQ_INSERT_HEAD(&bucket->held, lock, link);
	} else {
		TAILQ_INSERT_TAIL(&bucket->waiting, lock, link);
	}
	env_mutex_unlock(&bucket->mutex);
	return held;
}

void
raid_stripe_lock_put(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock)
{
	struct raid_stripe_lock_bucket *bucket = find_bucket(locks, lock);
	struct raid_stripe_lock *waiting, *next;

	env_mutex_lock(&bucket->mutex);
	TAILQ_REMOVE(&bucket->held, lock, link);
	TAILQ_FOREACH_SAFE (waiting, &bucket->waiting, link, next) {
		if (overlaps(waiting, &bucket->held, NULL) || overlaps(waiting, &bucket->waiting, waiting)) {
			continue;
		}
		TAILQ_REMOVE(&bucket->waiting, waiting, link);
		TAILQ_INSERT_HEAD(&bucket->held, waiting, link);
		/* Its channel lives as long as its I/O, and the thread as long as its channel. */
		bdk_msg_send(waiting->thread, &waiting->msg, waiting->locked_cb, waiting->arg);
	}
	env_mutex_unlock(&bucket->mutex);
}
