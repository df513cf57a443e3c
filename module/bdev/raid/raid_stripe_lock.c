/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid_stripe_lock.h"

static void
init_queue(struct raid_stripe_lock_queue *queue)
{
	TAILQ_INIT(&queue->held);
	TAILQ_INIT(&queue->waiting);
}

int
raid_stripe_locks_init(struct raid_stripe_locks *locks, uint32_t zone_shift)
{
	locks->zone_shift = zone_shift;
	locks->next_ticket = 0;
	init_queue(&locks->wide);
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		struct raid_stripe_lock_bucket *bucket = &locks->buckets[i];

		if (env_mutex_init(&bucket->mutex) != 0) {
			while (i-- > 0) {
				env_mutex_destroy(&locks->buckets[i].mutex);
			}
			return -ENOMEM;
		}
		init_queue(&bucket->queue);
	}
	return 0;
}

static bool __attribute__((unused)) is_unused(const struct raid_stripe_lock_queue *queue)
{
	return TAILQ_EMPTY(&queue->held) && TAILQ_EMPTY(&queue->waiting);
}

void
raid_stripe_locks_fini(struct raid_stripe_locks *locks)
{
	assert(is_unused(&locks->wide));
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		assert(is_unused(&locks->buckets[i].queue));
		env_mutex_destroy(&locks->buckets[i].mutex);
	}
}

static bool
is_wide(const struct raid_stripe_locks *locks, const struct raid_stripe_lock *lock)
{
	return (lock->first_row + lock->num_rows - 1) >> locks->zone_shift != lock->first_row >> locks->zone_shift;
}

static struct raid_stripe_lock_bucket *
find_bucket(struct raid_stripe_locks *locks, const struct raid_stripe_lock *lock)
{
	return &locks->buckets[(lock->first_row >> locks->zone_shift) % RAID_STRIPE_LOCK_BUCKETS];
}

static void
lock_all(struct raid_stripe_locks *locks)
{
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		env_mutex_lock(&locks->buckets[i].mutex);
	}
}

static void
unlock_all(struct raid_stripe_locks *locks)
{
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		env_mutex_unlock(&locks->buckets[i].mutex);
	}
}

/* Whether one of those in a list has rows of it; of those that wait, one that came before that ticket. */
static bool
overlaps(const struct raid_stripe_lock *lock, const struct raid_stripe_lock_list *list, uint64_t ticket)
{
	const struct raid_stripe_lock *other;

	TAILQ_FOREACH (other, list, link) {
		if (other->ticket < ticket && lock->first_row < other->first_row + other->num_rows &&
			other->first_row < lock->first_row + lock->num_rows) {
			return true;
		}
	}
	return false;
}

static bool
has_to_wait(const struct raid_stripe_lock *lock, const struct raid_stripe_lock_queue *queue, uint64_t ticket)
{
	return overlaps(lock, &queue->held, UINT64_MAX) || overlaps(lock, &queue->waiting, ticket);
}

/* The same for one with rows of several zones, under all mutexes. */
static bool
has_to_wait_wide(const struct raid_stripe_locks *locks, const struct raid_stripe_lock *lock, uint64_t ticket)
{
	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		if (has_to_wait(lock, &locks->buckets[i].queue, ticket)) {
			return true;
		}
	}
	return has_to_wait(lock, &locks->wide, ticket);
}

/* Returns whether it is held now. */
static bool
enter(struct raid_stripe_locks *locks, struct raid_stripe_lock_queue *queue, struct raid_stripe_lock *lock, bool waits)
{
	if (!waits) {
		lock->ticket = 0;
		TAILQ_INSERT_HEAD(&queue->held, lock, link);
		return true;
	}
	/* Two tickets are compared only if both were drawn under the same mutex. */
	lock->ticket = __atomic_fetch_add(&locks->next_ticket, 1, __ATOMIC_RELAXED);
	TAILQ_INSERT_TAIL(&queue->waiting, lock, link);
	return false;
}

bool
raid_stripe_lock_get(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock)
{
	struct raid_stripe_lock_bucket *bucket;
	bool held;

	lock->thread = spdk_get_thread();
	if (is_wide(locks, lock)) {
		lock_all(locks);
		held = enter(locks, &locks->wide, lock, has_to_wait_wide(locks, lock, UINT64_MAX));
		unlock_all(locks);
		return held;
	}
	bucket = find_bucket(locks, lock);
	env_mutex_lock(&bucket->mutex);
	held = enter(locks, &bucket->queue, lock,
		has_to_wait(lock, &bucket->queue, UINT64_MAX) || has_to_wait(lock, &locks->wide, UINT64_MAX));
	env_mutex_unlock(&bucket->mutex);
	return held;
}

static void
grant(struct raid_stripe_lock_queue *queue, struct raid_stripe_lock *lock)
{
	TAILQ_REMOVE(&queue->waiting, lock, link);
	lock->ticket = 0;
	TAILQ_INSERT_HEAD(&queue->held, lock, link);
	/* Its channel lives as long as its I/O, and the thread as long as its channel. */
	bdk_msg_send(lock->thread, &lock->msg, lock->locked_cb, lock->arg);
}

static void
grant_in_bucket(struct raid_stripe_locks *locks, struct raid_stripe_lock_queue *queue)
{
	struct raid_stripe_lock *lock, *next;

	TAILQ_FOREACH_SAFE (lock, &queue->waiting, link, next) {
		if (!has_to_wait(lock, queue, lock->ticket) && !has_to_wait(lock, &locks->wide, lock->ticket)) {
			grant(queue, lock);
		}
	}
}

/* Who is granted what he waits for still keeps it from others: one round is enough, in any order. */
static void
grant_in_all(struct raid_stripe_locks *locks)
{
	struct raid_stripe_lock *lock, *next;

	for (int i = 0; i < RAID_STRIPE_LOCK_BUCKETS; i++) {
		grant_in_bucket(locks, &locks->buckets[i].queue);
	}
	TAILQ_FOREACH_SAFE (lock, &locks->wide.waiting, link, next) {
		if (!has_to_wait_wide(locks, lock, lock->ticket)) {
			grant(&locks->wide, lock);
		}
	}
}

/* Returns whether that may be what one with rows of several zones waits for. */
static bool
put_narrow(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock)
{
	struct raid_stripe_lock_bucket *bucket = find_bucket(locks, lock);

	ENV_MUTEX_SCOPE(&bucket->mutex);
	TAILQ_REMOVE(&bucket->queue.held, lock, link);
	grant_in_bucket(locks, &bucket->queue);
	return !TAILQ_EMPTY(&locks->wide.waiting);
}

void
raid_stripe_lock_put(struct raid_stripe_locks *locks, struct raid_stripe_lock *lock)
{
	bool wide = is_wide(locks, lock);

	if (!wide && !put_narrow(locks, lock)) {
		return;
	}
	lock_all(locks);
	if (wide) {
		TAILQ_REMOVE(&locks->wide.held, lock, link);
	}
	grant_in_all(locks);
	unlock_all(locks);
}
