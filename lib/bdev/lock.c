/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Range locks, and quiescing, which is the same for reads too.
 *
 * A lock is announced to each channel in turn. From then on the channel keeps I/O that overlaps it in a queue, and
 * counts what overlaps it and is under way; when no channel counts any more, the lock is granted. Its end is announced
 * in the same way, and each channel submits what it has kept, in order. No I/O takes a mutex: a channel has a list of
 * its own, which only its thread touches. Nothing is polled: I/O that a lock waits for is marked, and tells it.
 *
 * In the order in which they run: acquire, announce, announced, grant; release, withdraw, withdrawn, then those that
 * waited for the range. The walks and the message are a part of the lock, so that ending one cannot fail.
 */

#include "lib/bdev/strict.h"

#include <stdatomic.h>

enum lock_phase {
	/* In the queue: it overlaps one that is not released. */
	LOCK_WAITING,
	/* Being announced, or waiting for I/O. */
	LOCK_ACQUIRING,
	LOCK_HELD,
	/* Not in a list any more. */
	LOCK_RELEASING,
};

TAILQ_HEAD(range_lock_list, range_lock);

/* All locks of a bdev. It outlives the bdev while something that belongs to a lock is on its way. */
struct bdev_lock_set {
	struct env_mutex mutex;
	/* NULL when the bdev is gone. */
	struct bdev_state *state;
	/* The bdev, and each lock. */
	uint32_t refs;
	/* Acquiring and held: no two of them overlap. */
	struct range_lock_list active;
	/* Oldest first. */
	struct range_lock_list waiting;
};

struct range_lock {
	struct bdev_lock_set *set;
	/* Its own, and each channel's that has it. */
	_Atomic uint32_t refs;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* Reads wait too. */
	bool quiesce;
	enum lock_phase phase;
	/* Who it belongs to; NULL for a quiesce. */
	void *owner;
	/* Channels that count I/O under way, and 1 while it is being announced. */
	_Atomic uint32_t pending;
	int status;
	/* Of what is being done at present: who asked for it and is to be told. */
	uint64_t thread_id;
	bdev_lock_cb cb;
	void *cb_ctx;
	struct bdk_msg msg;
	struct bdk_channel_walk walk;
	TAILQ_ENTRY(range_lock) link;
};

/* A lock in the list of a channel. */
struct bdev_channel_lock {
	struct range_lock *lock;
	/* I/Os of the channel that it waits for. */
	uint64_t outstanding;
	TAILQ_ENTRY(bdev_channel_lock) link;
};

static void begin_cb(void *ctx);
static void granted_cb(void *ctx);

/* ---- what overlaps ---- */

static bool
overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len > 0 && b_len > 0 && a < b + b_len && b < a + a_len;
}

/* True if I/O of this type and place has to wait for the lock. */
static bool
concerns(const struct range_lock *lock, const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;

	/* What a part of an I/O does has been waited for, or is waited for, with the whole. */
	if (bdev_io->internal.flags & (BDEV_IO_CHILD | BDEV_IO_LOCK_OWNER)) {
		return false;
	}
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
		/* What a raw command does, and where, is not looked into. */
		return lock->num_blocks > 0;
	case SPDK_BDEV_IO_TYPE_READ:
		if (!lock->quiesce) {
			return false;
		}
		/* Fall through. */
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_ZCOPY:
	case SPDK_BDEV_IO_TYPE_COPY:
		return overlaps(params->offset_blocks, params->num_blocks, lock->offset_blocks, lock->num_blocks);
	default:
		return false;
	}
}

/* The same for a read or write that is one of the bdev below at the moment. */
static bool
concerns_below(const struct range_lock *lock, struct spdk_bdev_io *bdev_io)
{
	return (lock->quiesce || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) &&
		overlaps(bdev_io_private(bdev_io)->upper.offset_blocks, bdev_io->u.bdev.num_blocks, lock->offset_blocks,
			lock->num_blocks);
}

/* ---- the set ---- */

struct bdev_lock_set *
bdev_lock_set_alloc(struct bdev_state *state)
{
	struct bdev_lock_set *set = calloc(1, sizeof(*set));

	if (set == NULL) {
		return NULL;
	}
	env_mutex_init(&set->mutex);
	set->state = state;
	set->refs = 1;
	TAILQ_INIT(&set->active);
	TAILQ_INIT(&set->waiting);
	return set;
}

static void
put_set(struct bdev_lock_set *set)
{
	bool last;

	env_mutex_lock(&set->mutex);
	last = --set->refs == 0;
	env_mutex_unlock(&set->mutex);
	if (last) {
		env_mutex_destroy(&set->mutex);
		free(set);
	}
}

static void
put_lock(struct range_lock *lock)
{
	struct bdev_lock_set *set = lock->set;

	if (atomic_fetch_sub(&lock->refs, 1) == 1) {
		free(lock);
		put_set(set);
	}
}

/* The mutex is held. */
static bool
is_free(struct bdev_lock_set *set, const struct range_lock *wanted)
{
	const struct range_lock *lock;

	TAILQ_FOREACH (lock, &set->active, link) {
		if (overlaps(lock->offset_blocks, lock->num_blocks, wanted->offset_blocks, wanted->num_blocks)) {
			return false;
		}
	}
	return true;
}

/* Calls the owner of a lock that does not come to be, or that has ended. */
static void
end_lock(struct range_lock *lock)
{
	bdev_lock_cb cb = lock->cb;
	void *ctx = lock->cb_ctx;
	int status = lock->status;

	put_lock(lock);
	if (cb != NULL) {
		cb(ctx, status);
	}
}

static void
end_lock_cb(void *ctx)
{
	end_lock(ctx);
}

/* False: the thread is gone, and with it who would be told. */
static bool
send_to_owner(struct range_lock *lock, spdk_msg_fn fn)
{
	return bdk_msg_send_to_id(lock->thread_id, &lock->msg, fn, lock) == 0;
}

void
bdev_lock_set_close(struct bdev_lock_set *set)
{
	struct range_lock *lock, *next;
	struct range_lock_list gone;

	TAILQ_INIT(&gone);
	env_mutex_lock(&set->mutex);
	set->state = NULL;
	TAILQ_FOREACH_SAFE (lock, &set->active, link, next) {
		/* The others have a message on its way, which will find the bdev gone. */
		if (lock->phase == LOCK_HELD) {
			TAILQ_REMOVE(&set->active, lock, link);
			TAILQ_INSERT_TAIL(&gone, lock, link);
		}
	}
	TAILQ_CONCAT(&gone, &set->waiting, link);
	env_mutex_unlock(&set->mutex);

	TAILQ_FOREACH_SAFE (lock, &gone, link, next) {
		lock->status = -ENODEV;
		if (lock->phase == LOCK_HELD || !send_to_owner(lock, end_lock_cb)) {
			put_lock(lock);
		}
	}
	put_set(set);
}

/* ---- grant ---- */

static void
drop_pending(struct range_lock *lock)
{
	if (atomic_fetch_sub(&lock->pending, 1) == 1 && !send_to_owner(lock, granted_cb)) {
		SPDK_ERRLOG("a range stays locked, as the thread that wanted it has exited\n");
	}
}

static void
granted_cb(void *ctx)
{
	struct range_lock *lock = ctx;
	struct bdev_lock_set *set = lock->set;

	env_mutex_lock(&set->mutex);
	if (set->state == NULL) {
		TAILQ_REMOVE(&set->active, lock, link);
		env_mutex_unlock(&set->mutex);
		lock->status = -ENODEV;
		end_lock(lock);
		return;
	}
	lock->phase = LOCK_HELD;
	env_mutex_unlock(&set->mutex);
	/* It may be released, and gone, before the callback returns. */
	if (lock->cb != NULL) {
		lock->cb(lock->cb_ctx, 0);
	}
}

/* ---- channels ---- */

static struct bdev_channel_lock *
find_in_channel(struct bdev_channel *ch, const struct range_lock *lock)
{
	struct bdev_channel_lock *entry;

	TAILQ_FOREACH (entry, &ch->locks, link) {
		if (entry->lock == lock) {
			break;
		}
	}
	return entry;
}

static struct bdev_channel_lock *
add_to_channel(struct bdev_channel *ch, struct range_lock *lock)
{
	STRICT_OWN_SCOPE();
	struct bdev_channel_lock *entry = calloc(1, sizeof(*entry));

	if (entry != NULL) {
		atomic_fetch_add(&lock->refs, 1);
		entry->lock = lock;
		TAILQ_INSERT_TAIL(&ch->locks, entry, link);
		ch->gates |= BDEV_GATE_LOCK;
	}
	return entry;
}

static void
remove_from_channel(struct bdev_channel *ch, struct bdev_channel_lock *entry)
{
	TAILQ_REMOVE(&ch->locks, entry, link);
	put_lock(entry->lock);
	free(entry);
	if (TAILQ_EMPTY(&ch->locks)) {
		ch->gates &= ~BDEV_GATE_LOCK;
	}
}

int
bdev_lock_channel_init(struct bdev_channel *ch)
{
	struct bdev_lock_set *set = bdev_state(ch->bdev)->locks;
	struct range_lock *lock;
	int rc = 0;

	TAILQ_INIT(&ch->locks);
	TAILQ_INIT(&ch->lock_queue);
	/* What comes later is announced: the channel can be found already. */
	env_mutex_lock(&set->mutex);
	TAILQ_FOREACH (lock, &set->active, link) {
		if (add_to_channel(ch, lock) == NULL) {
			rc = -ENOMEM;
			break;
		}
	}
	env_mutex_unlock(&set->mutex);
	if (rc != 0) {
		bdev_lock_channel_fini(ch);
	}
	return rc;
}

void
bdev_lock_abort(struct bdev_channel *ch)
{
	struct spdk_bdev_io *bdev_io;

	while ((bdev_io = TAILQ_FIRST(&ch->lock_queue)) != NULL) {
		TAILQ_REMOVE(&ch->lock_queue, bdev_io, internal_link);
		bdev_io->internal.flags &= ~BDEV_IO_QUEUED_LOCK;
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
}

void
bdev_lock_channel_fini(struct bdev_channel *ch)
{
	struct bdev_channel_lock *entry;

	bdev_lock_abort(ch);
	while ((entry = TAILQ_FIRST(&ch->locks)) != NULL) {
		if (entry->outstanding > 0) {
			drop_pending(entry->lock);
		}
		remove_from_channel(ch, entry);
	}
}

/* ---- I/O ---- */

static bool
is_blocked(const struct bdev_channel *ch, const struct spdk_bdev_io *bdev_io)
{
	const struct bdev_channel_lock *entry;

	TAILQ_FOREACH (entry, &ch->locks, link) {
		if (concerns(entry->lock, bdev_io)) {
			return true;
		}
	}
	return false;
}

bool
bdev_lock_queue(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	if (!is_blocked(ch, bdev_io)) {
		return false;
	}
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	bdev_io->internal.flags |= BDEV_IO_QUEUED_LOCK;
	TAILQ_INSERT_TAIL(&ch->lock_queue, bdev_io, internal_link);
	return true;
}

void
bdev_lock_io_ended(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;
	struct bdev_channel_lock *entry;

	bdev_io->internal.flags &= ~BDEV_IO_LOCK_WAITED;
	/* All of them that concern it have counted it: what came after them would have been kept back. */
	TAILQ_FOREACH (entry, &ch->locks, link) {
		if (entry->outstanding > 0 && concerns(entry->lock, bdev_io) && --entry->outstanding == 0) {
			drop_pending(entry->lock);
		}
	}
}

/* Submits what nothing keeps back any more. */
static void
submit_queued(struct bdev_channel *ch)
{
	bdev_io_tailq_t queue;
	struct spdk_bdev_io *bdev_io;

	/* What is kept back again keeps its place. */
	TAILQ_INIT(&queue);
	TAILQ_CONCAT(&queue, &ch->lock_queue, internal_link);
	while ((bdev_io = TAILQ_FIRST(&queue)) != NULL) {
		TAILQ_REMOVE(&queue, bdev_io, internal_link);
		bdev_io->internal.flags &= ~BDEV_IO_QUEUED_LOCK;
		bdev_io->internal.flags |= BDEV_IO_IN_SUBMIT;
		bdev_io->internal.submit_tsc = bdev_thread_now(ch->thread);
		bdev_io_submit_gated(bdev_io);
	}
}

/* ---- acquire ---- */

static void
announce_visit(struct spdk_io_channel_iter *walk)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(walk));
	struct range_lock *lock = spdk_io_channel_iter_get_ctx(walk);
	const struct bdev_io_cache *cache = &ch->thread->cache;
	struct bdev_channel_lock *entry;
	uint64_t i;

	/*
	 * A channel that is younger than the lock has it already, and no I/O that is older. One that is leaving would
	 * not hear of its end.
	 */
	if (ch->leaving || find_in_channel(ch, lock) != NULL) {
		spdk_for_each_channel_continue(walk, 0);
		return;
	}
	entry = add_to_channel(ch, lock);
	if (entry == NULL) {
		spdk_for_each_channel_continue(walk, -ENOMEM);
		return;
	}
	for (i = 0; i < cache->held; i++) {
		struct spdk_bdev_io *bdev_io = cache->all[i];

		/* What has yet to get its data would be kept back, and wait for the lock that waits for it. */
		if (bdev_io_is_submitted(bdev_io, ch) && !bdev_convert_is_before(bdev_io) && concerns(lock, bdev_io)) {
			bdev_io->internal.flags |= BDEV_IO_LOCK_WAITED;
			entry->outstanding++;
		} else if (bdev_io_is_below(bdev_io, ch) && concerns_below(lock, bdev_io)) {
			bdev_io_private(bdev_io)->upper.lock_waited = true;
			entry->outstanding++;
		}
	}
	if (entry->outstanding > 0) {
		atomic_fetch_add(&lock->pending, 1);
	}
	spdk_for_each_channel_continue(walk, 0);
}

static void withdraw(struct range_lock *lock);

static void
announced_cb(struct spdk_io_channel_iter *walk, int status)
{
	struct range_lock *lock = spdk_io_channel_iter_get_ctx(walk);
	struct bdev_lock_set *set = lock->set;

	if (status == 0) {
		drop_pending(lock);
		return;
	}
	/* It keeps its share of pending, and so is not granted while it is taken back. */
	lock->status = status;
	env_mutex_lock(&set->mutex);
	lock->phase = LOCK_RELEASING;
	TAILQ_REMOVE(&set->active, lock, link);
	env_mutex_unlock(&set->mutex);
	withdraw(lock);
}

/* On the thread that wants the lock. The bdev, if it is still there, stays so while the mutex is held. */
static void
begin_cb(void *ctx)
{
	struct range_lock *lock = ctx;
	struct bdev_lock_set *set = lock->set;

	env_mutex_lock(&set->mutex);
	if (set->state == NULL) {
		TAILQ_REMOVE(&set->active, lock, link);
		env_mutex_unlock(&set->mutex);
		lock->status = -ENODEV;
		end_lock(lock);
		return;
	}
	bdk_for_each_channel(&lock->walk, set->state, announce_visit, lock, announced_cb);
	env_mutex_unlock(&set->mutex);
}

static int
acquire(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bool quiesce, void *owner, bdev_lock_cb cb,
	void *cb_ctx)
{
	struct bdev_lock_set *set = bdev_state(bdev)->locks;
	STRICT_OWN_SCOPE();
	struct range_lock *lock = calloc(1, sizeof(*lock));
	bool begin;

	if (lock == NULL) {
		return -ENOMEM;
	}
	lock->set = set;
	lock->refs = 1;
	lock->offset_blocks = offset_blocks;
	lock->num_blocks = num_blocks;
	lock->quiesce = quiesce;
	lock->owner = owner;
	lock->pending = 1;
	lock->thread_id = spdk_thread_get_id(spdk_get_thread());
	lock->cb = cb;
	lock->cb_ctx = cb_ctx;

	env_mutex_lock(&set->mutex);
	set->refs++;
	begin = is_free(set, lock);
	if (begin) {
		lock->phase = LOCK_ACQUIRING;
		TAILQ_INSERT_TAIL(&set->active, lock, link);
	} else {
		TAILQ_INSERT_TAIL(&set->waiting, lock, link);
	}
	env_mutex_unlock(&set->mutex);
	if (begin) {
		begin_cb(lock);
	}
	return 0;
}

/* ---- release ---- */

static void
withdraw_visit(struct spdk_io_channel_iter *walk)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(walk));
	struct bdev_channel_lock *entry = find_in_channel(ch, spdk_io_channel_iter_get_ctx(walk));

	if (entry != NULL) {
		remove_from_channel(ch, entry);
		submit_queued(ch);
	}
	spdk_for_each_channel_continue(walk, 0);
}

/* The first that waits and need not any more. */
static struct range_lock *
take_waiting(struct bdev_lock_set *set)
{
	struct range_lock *lock;

	ENV_MUTEX_SCOPE(&set->mutex);
	TAILQ_FOREACH (lock, &set->waiting, link) {
		if (is_free(set, lock)) {
			TAILQ_REMOVE(&set->waiting, lock, link);
			TAILQ_INSERT_TAIL(&set->active, lock, link);
			lock->phase = LOCK_ACQUIRING;
			return lock;
		}
	}
	return NULL;
}

static void
begin_waiting(struct bdev_lock_set *set)
{
	struct range_lock *lock;

	while ((lock = take_waiting(set)) != NULL) {
		if (!send_to_owner(lock, begin_cb)) {
			env_mutex_lock(&set->mutex);
			TAILQ_REMOVE(&set->active, lock, link);
			env_mutex_unlock(&set->mutex);
			put_lock(lock);
		}
	}
}

static void
withdrawn_cb(struct spdk_io_channel_iter *walk, int status)
{
	struct range_lock *lock = spdk_io_channel_iter_get_ctx(walk);

	/* If the bdev is being torn down, channels that are left keep the lock, and no I/O is in their queues. */
	begin_waiting(lock->set);
	end_lock(lock);
}

static void
withdraw(struct range_lock *lock)
{
	struct bdev_lock_set *set = lock->set;

	env_mutex_lock(&set->mutex);
	bdk_for_each_channel(&lock->walk, set->state, withdraw_visit, lock, withdrawn_cb);
	env_mutex_unlock(&set->mutex);
}

static int
release(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bool quiesce, void *owner, bdev_lock_cb cb,
	void *cb_ctx)
{
	struct bdev_lock_set *set = bdev_state(bdev)->locks;
	struct range_lock *lock;

	env_mutex_lock(&set->mutex);
	TAILQ_FOREACH (lock, &set->active, link) {
		if (lock->phase == LOCK_HELD && lock->offset_blocks == offset_blocks &&
			lock->num_blocks == num_blocks && lock->quiesce == quiesce && lock->owner == owner) {
			break;
		}
	}
	if (lock != NULL) {
		lock->phase = LOCK_RELEASING;
		TAILQ_REMOVE(&set->active, lock, link);
	}
	env_mutex_unlock(&set->mutex);
	if (lock == NULL) {
		return -EINVAL;
	}
	lock->thread_id = spdk_thread_get_id(spdk_get_thread());
	lock->cb = cb;
	lock->cb_ctx = cb_ctx;
	withdraw(lock);
	return 0;
}

/* ---- the two kinds ---- */

int
bdev_lock_range(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bdev_lock_cb cb, void *ctx)
{
	return acquire(bdev, offset_blocks, num_blocks, false, ctx, cb, ctx);
}

int
bdev_unlock_range(struct spdk_bdev *bdev, uint64_t offset_blocks, uint64_t num_blocks, bdev_lock_cb cb, void *ctx)
{
	return release(bdev, offset_blocks, num_blocks, false, ctx, cb, ctx);
}

static bool
may_quiesce(const struct spdk_bdev *bdev, const struct spdk_bdev_module *module)
{
	return module != NULL && bdev->module == module && bdev_state(bdev) != NULL && spdk_get_thread() != NULL;
}

int
spdk_bdev_quiesce_range(struct spdk_bdev *bdev, struct spdk_bdev_module *module, uint64_t offset, uint64_t length,
	spdk_bdev_quiesce_cb cb_fn, void *cb_arg)
{
	uint64_t blockcnt = __atomic_load_n(&bdev->blockcnt, __ATOMIC_RELAXED);

	if (!may_quiesce(bdev, module) || length > blockcnt || offset > blockcnt - length) {
		return -EINVAL;
	}
	return acquire(bdev, offset, length, true, NULL, cb_fn, cb_arg);
}

int
spdk_bdev_unquiesce_range(struct spdk_bdev *bdev, struct spdk_bdev_module *module, uint64_t offset, uint64_t length,
	spdk_bdev_quiesce_cb cb_fn, void *cb_arg)
{
	if (!may_quiesce(bdev, module)) {
		return -EINVAL;
	}
	return release(bdev, offset, length, true, NULL, cb_fn, cb_arg);
}

int
spdk_bdev_quiesce(struct spdk_bdev *bdev, struct spdk_bdev_module *module, spdk_bdev_quiesce_cb cb_fn, void *cb_arg)
{
	return spdk_bdev_quiesce_range(bdev, module, 0, spdk_bdev_get_num_blocks(bdev), cb_fn, cb_arg);
}

int
spdk_bdev_unquiesce(struct spdk_bdev *bdev, struct spdk_bdev_module *module, spdk_bdev_quiesce_cb cb_fn, void *cb_arg)
{
	return spdk_bdev_unquiesce_range(bdev, module, 0, spdk_bdev_get_num_blocks(bdev), cb_fn, cb_arg);
}
