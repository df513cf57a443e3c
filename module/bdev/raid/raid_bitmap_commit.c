/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The write-intent bitmap between memory and the members. On the application thread, one thing at a time:
 *
 *   commit_begin: what pages say is fixed: all that is dirty or changing now. commit_write: to each member, and a flush.
 *   commit_leave: members that have failed, or are leaving, have to be gone from the superblocks: whoever has no such page
 *   must not be taken for current after a crash. commit_end: those regions are dirty, and who waited goes on. All that have
 *   come to wait meanwhile share the next commit.
 *
 *   clear_begin: regions that nobody has changed for a while are candidates. clear_flush: what was changed in them is
 *   durable. clear_take: those that are still candidates are clean from now on, and a commit says so. Only while all members
 *   are there and agree: a member that comes back needs to know what has changed since it left.
 *
 *   load_next, load_read: what members say, one after the other, is added to what is known.
 */

#include "module/bdev/raid/raid_bitmap_internal.h"
#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* A region that has been left alone for one to two of these is cleared. */
#define CLEAR_PERIOD_US (2 * 1000 * 1000)

static int clear_poll(void *arg);

static void
call_waiters(struct raid_waiter **list)
{
	struct raid_waiter *waiter = *list;

	*list = NULL;
	while (waiter != NULL) {
		struct raid_waiter *next = waiter->next;

		waiter->cb(waiter->arg);
		waiter = next;
	}
}

static void
add_waiter(struct raid_waiter **list, struct raid_waiter *waiter)
{
	waiter->next = *list;
	*list = waiter;
}

static void
become_busy(struct raid_bitmap *bitmap)
{
	assert(!bitmap->busy);
	bitmap->busy = true;
	raid_hold(bitmap->raid);
}

static void
become_idle(struct raid_bitmap *bitmap)
{
	struct raid *raid = bitmap->raid;

	bitmap->busy = false;
	bitmap_go_on(bitmap);
	raid_let_go(raid);
}

/* ---- Commit ---- */

/* Fixes what a page says. */
static void
draw_page(struct raid_bitmap *bitmap, uint32_t index)
{
	struct bitmap_page *page = &bitmap->pages[index];
	uint8_t *bits = page->block + bitmap->block_size / 2;
	struct raid_bitmap_page header = {
		.uuid = bitmap->raid->bdev.uuid,
		.index = index,
		.region_blocks = bitmap->region_blocks,
		.cleared_sequence = bitmap->cleared_sequence,
	};

	memset(bits, 0, bitmap->block_size / 2);
	for (uint32_t i = 0; i < bitmap_page_size(bitmap); i++) {
		if (bitmap_is_set(__atomic_load_n(&page->words[i], __ATOMIC_ACQUIRE))) {
			bits[i / 8] |= (uint8_t)(1 << i % 8);
		}
	}
	raid_bitmap_page_encode(page->block, bitmap->block_size, &header);
}

/* What the page says is durable. */
static void
finish_page(struct raid_bitmap *bitmap, struct bitmap_page *page)
{
	const uint8_t *bits = page->block + bitmap->block_size / 2;

	page->writing = false;
	for (uint32_t i = 0; i < bitmap_page_size(bitmap); i++) {
		if (bits[i / 8] & 1 << i % 8) {
			__atomic_fetch_or(&page->words[i], BITMAP_DIRTY, __ATOMIC_RELEASE);
			if (bitmap->poller == NULL) {
				bitmap->poller = spdk_poller_register(clear_poll, bitmap, CLEAR_PERIOD_US);
			}
		}
	}
}

static void
go_on_cb(void *arg)
{
	raid_io_begin(arg);
}

static void
fail_cb(void *arg)
{
	raid_io_complete(arg, SPDK_BDEV_IO_STATUS_FAILED);
}

/* Those that need not wait any more. */
static void
wake(struct raid_bitmap *bitmap)
{
	bool offline = bitmap->raid->state != RAID_ONLINE;
	struct raid_io *io, *next;
	TAILQ_HEAD(, raid_io) ready = TAILQ_HEAD_INITIALIZER(ready);

	env_mutex_lock(&bitmap->lock);
	TAILQ_FOREACH_SAFE (io, &bitmap->waiting, link, next) {
		if (offline || bitmap_may_go_on(io)) {
			TAILQ_REMOVE(&bitmap->waiting, io, link);
			TAILQ_INSERT_TAIL(&ready, io, link);
		}
	}
	env_mutex_unlock(&bitmap->lock);
	while ((io = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, io, link);
		bdk_msg_send(spdk_bdev_io_get_thread(raid_bdev_io(io)), &io->msg, offline ? fail_cb : go_on_cb, io);
	}
}

static void
commit_end(struct raid_group *group)
{
	struct raid_bitmap *bitmap = group->arg;

	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		if (bitmap->pages[i].writing) {
			finish_page(bitmap, &bitmap->pages[i]);
		}
	}
	wake(bitmap);
	call_waiters(&bitmap->writing_waiters);
	become_idle(bitmap);
}

static void
commit_leave(struct raid_group *group)
{
	raid_group_leave(group, commit_end);
}

/* The next page that is to be written, then a flush. */
static bool
commit_write(struct raid_group_member *member)
{
	struct raid_bitmap *bitmap = member->group->arg;
	uint32_t skip = member->step;

	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		if (bitmap->pages[i].writing && skip-- == 0) {
			raid_area_write(
				&member->io, bitmap->pages[i].block, RAID_BITMAP_OFFSET / bitmap->block_size + i, 1);
			return true;
		}
	}
	if (skip == 0 && member->step > 0) {
		raid_area_flush(&member->io);
		return true;
	}
	return false;
}

static void
commit_begin(struct raid_bitmap *bitmap)
{
	env_mutex_lock(&bitmap->lock);
	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		bitmap->pages[i].writing = bitmap->pages[i].wanted;
		bitmap->pages[i].wanted = false;
	}
	env_mutex_unlock(&bitmap->lock);
	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		if (bitmap->pages[i].writing) {
			draw_page(bitmap, i);
		}
	}
	bitmap->writing_waiters = bitmap->write_waiters;
	bitmap->write_waiters = NULL;
	raid_group_run(&bitmap->group, commit_write, commit_leave);
}

static void
want_all(struct raid_bitmap *bitmap)
{
	env_mutex_lock(&bitmap->lock);
	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		bitmap->pages[i].wanted = true;
	}
	env_mutex_unlock(&bitmap->lock);
}

void
raid_bitmap_write(struct raid *raid, struct raid_waiter *waiter)
{
	want_all(raid->bitmap);
	add_waiter(&raid->bitmap->write_waiters, waiter);
	bitmap_go_on(raid->bitmap);
}

/* ---- Clearing ---- */

static bool
may_clear(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->desc == NULL || member->leaving || member->adding || member->join_cb != NULL ||
			!raid_member_is_in_sync(member, 0, UINT64_MAX)) {
			return false;
		}
	}
	return true;
}

/* Whether there is one; those that were used since the last time get another chance, unless it is the last time. */
static bool
choose_candidates(struct raid_bitmap *bitmap, bool all)
{
	bool found = false;

	for (uint32_t region = 0; region < bitmap->num_regions; region++) {
		uint32_t *word = bitmap_word(bitmap, region), value = __atomic_load_n(word, __ATOMIC_ACQUIRE);

		if (!(value & BITMAP_DIRTY) || value & (BITMAP_NEEDS_SYNC | BITMAP_COUNT)) {
			continue;
		}
		if (value & BITMAP_USED) {
			__atomic_fetch_and(word, ~BITMAP_USED, __ATOMIC_ACQ_REL);
		}
		if (all || !(value & BITMAP_USED)) {
			__atomic_fetch_or(word, BITMAP_CANDIDATE, __ATOMIC_ACQ_REL);
			found = true;
		}
	}
	return found;
}

/* Those that nobody has entered since. */
static void
clear_take(struct raid_bitmap *bitmap, bool flushed)
{
	bool cleared = false;

	for (uint32_t region = 0; region < bitmap->num_regions; region++) {
		uint32_t *word = bitmap_word(bitmap, region), idle = BITMAP_DIRTY | BITMAP_CANDIDATE;

		if (flushed && __atomic_compare_exchange_n(word, &idle, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			env_mutex_lock(&bitmap->lock);
			bitmap_page_of(bitmap, region)->wanted = true;
			env_mutex_unlock(&bitmap->lock);
			cleared = true;
		} else {
			__atomic_fetch_and(word, ~BITMAP_CANDIDATE, __ATOMIC_ACQ_REL);
		}
	}
	if (cleared) {
		bitmap->cleared_sequence = raid_superblock_get_sequence(bitmap->raid);
	}
	commit_begin(bitmap);
}

static void
clear_flushed(struct raid_group *group)
{
	bool flushed = true;

	for (uint8_t slot = 0; slot < group->raid->num_members; slot++) {
		flushed = flushed && group->members[slot].active && !group->members[slot].failed;
	}
	clear_take(group->arg, flushed && may_clear(group->raid));
}

static bool
clear_flush(struct raid_group_member *member)
{
	if (member->step > 0) {
		return false;
	}
	raid_area_flush(&member->io);
	return true;
}

/* Returns false if there is nothing to do. */
static bool
clear_begin(struct raid_bitmap *bitmap, bool all)
{
	if (!may_clear(bitmap->raid) || !choose_candidates(bitmap, all)) {
		return false;
	}
	become_busy(bitmap);
	raid_group_run(&bitmap->group, clear_flush, clear_flushed);
	return true;
}

static bool
has_dirty(const struct raid_bitmap *bitmap)
{
	for (uint32_t region = 0; region < bitmap->num_regions; region++) {
		if (__atomic_load_n(bitmap_word(bitmap, region), __ATOMIC_RELAXED) & BITMAP_DIRTY) {
			return true;
		}
	}
	return false;
}

static int
clear_poll(void *arg)
{
	struct raid_bitmap *bitmap = arg;

	if (bitmap->busy || bitmap->raid->state != RAID_ONLINE) {
		return SPDK_POLLER_IDLE;
	}
	if (!has_dirty(bitmap)) {
		spdk_poller_unregister(&bitmap->poller);
		return SPDK_POLLER_IDLE;
	}
	return clear_begin(bitmap, false) ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

/* Who asked for it waits for the commit, if there is one. */
static void
finish_begin(struct raid_bitmap *bitmap)
{
	bitmap->write_waiters = bitmap->finish_waiters;
	bitmap->finish_waiters = NULL;
	if (!clear_begin(bitmap, true)) {
		call_waiters(&bitmap->write_waiters);
	}
}

void
raid_bitmap_finish(struct raid *raid, struct raid_waiter *waiter)
{
	add_waiter(&raid->bitmap->finish_waiters, waiter);
	bitmap_go_on(raid->bitmap);
}

/* ---- Reading ---- */

/* What a page says is added. */
static bool
load_page(struct raid_bitmap *bitmap, uint32_t index, const uint8_t *block)
{
	struct raid_bitmap_page page;

	if (raid_bitmap_page_decode(block, bitmap->block_size, &page) != NULL ||
		spdk_uuid_compare(&page.uuid, &bitmap->raid->bdev.uuid) != 0 || page.index != index ||
		page.region_blocks != bitmap->region_blocks) {
		return false;
	}
	for (uint32_t i = 0; i < bitmap_page_size(bitmap); i++) {
		uint32_t region = (index << bitmap->page_shift) + i;

		if (page.bits[i / 8] & 1 << i % 8 && region < bitmap->num_regions) {
			__atomic_fetch_or(bitmap_word(bitmap, region), BITMAP_NEEDS_SYNC, __ATOMIC_RELEASE);
		}
	}
	bitmap->cleared_sequence = spdk_max(bitmap->cleared_sequence, page.cleared_sequence);
	return true;
}

static void
load_pages(struct raid_bitmap *bitmap)
{
	for (uint32_t i = 0; i < bitmap->num_pages; i++) {
		if (load_page(bitmap, i, bitmap->read_buf + (size_t)i * bitmap->buffer_size)) {
			bitmap->page_known[i] = true;
		}
	}
}

/* What nobody could tell. */
static void
load_unknown(struct raid_bitmap *bitmap)
{
	for (uint32_t region = 0; region < bitmap->num_regions; region++) {
		if (bitmap->page_known == NULL || !bitmap->page_known[region >> bitmap->page_shift]) {
			__atomic_fetch_or(bitmap_word(bitmap, region), BITMAP_NEEDS_SYNC, __ATOMIC_RELEASE);
		}
	}
}

static void
load_free(struct raid_bitmap *bitmap)
{
	spdk_dma_free(bitmap->read_buf);
	free(bitmap->page_known);
	bitmap->read_buf = NULL;
	bitmap->page_known = NULL;
}

/* 0, or -ENOMEM, and then nothing can be read: all of it is dirty. */
static int
load_alloc(struct raid_bitmap *bitmap)
{
	bitmap->read_buf = spdk_dma_malloc((size_t)bitmap->num_pages * bitmap->buffer_size, 4096, NULL);
	bitmap->page_known = calloc(bitmap->num_pages, sizeof(*bitmap->page_known));
	if (bitmap->read_buf == NULL || bitmap->page_known == NULL) {
		load_free(bitmap);
		return -ENOMEM;
	}
	return 0;
}

static void
load_end(struct raid_group *group)
{
	struct raid_bitmap *bitmap = group->arg;

	load_unknown(bitmap);
	load_free(bitmap);
	call_waiters(&bitmap->load_waiters);
	become_idle(bitmap);
}

static void load_next(struct raid_bitmap *bitmap);

/* What has been read is in one buffer. */
static void
load_read(struct raid_group *group)
{
	struct raid_bitmap *bitmap = group->arg;
	struct raid_group_member *member = &group->members[bitmap->read_slot];

	if (member->active && !member->failed) {
		load_pages(bitmap);
	}
	bitmap->read_slot++;
	load_next(bitmap);
}

/* Of the member whose turn it is. */
static bool
submit_read(struct raid_group_member *member)
{
	struct raid_bitmap *bitmap = member->group->arg;

	if (member->io.member->slot != bitmap->read_slot || member->step > 0) {
		return false;
	}
	raid_area_read(&member->io, bitmap->read_buf, RAID_BITMAP_OFFSET / bitmap->block_size, bitmap->num_pages);
	return true;
}

static void
load_next(struct raid_bitmap *bitmap)
{
	if (bitmap->read_slot < bitmap->raid->num_members && bitmap->read_buf != NULL) {
		raid_group_run(&bitmap->group, submit_read, load_read);
	} else {
		load_end(&bitmap->group);
	}
}

static void
load_begin(struct raid_bitmap *bitmap)
{
	become_busy(bitmap);
	bitmap->read_slot = 0;
	if (load_alloc(bitmap) != 0) {
		SPDK_ERRLOG("%s: no memory to read its bitmap: all of it counts as dirty\n", bitmap->raid->bdev.name);
	}
	load_next(bitmap);
}

void
raid_bitmap_load(struct raid *raid, struct raid_waiter *waiter)
{
	add_waiter(&raid->bitmap->load_waiters, waiter);
	bitmap_go_on(raid->bitmap);
}

/* ---- A member that returns ---- */

static void
return_end(struct raid_group *group)
{
	struct raid_bitmap *bitmap = group->arg;
	struct bitmap_return *returning = &bitmap->returns[bitmap->read_slot];
	struct raid_group_member *member = &group->members[bitmap->read_slot];
	raid_bitmap_cb cb = returning->cb;
	bool covered = bitmap->read_buf != NULL && member->active && !member->failed;

	if (covered) {
		load_pages(bitmap);
		covered = returning->sequence >= bitmap->cleared_sequence;
	}
	for (uint32_t i = 0; covered && i < bitmap->num_pages; i++) {
		covered = bitmap->page_known[i];
	}
	load_free(bitmap);
	group->with_new = false;
	returning->cb = NULL;
	cb(returning->arg, covered);
	become_idle(bitmap);
}

static void
return_begin(struct raid_bitmap *bitmap, uint8_t slot)
{
	become_busy(bitmap);
	bitmap->read_slot = slot;
	bitmap->group.with_new = true;
	if (load_alloc(bitmap) == 0) {
		raid_group_run(&bitmap->group, submit_read, return_end);
	} else {
		return_end(&bitmap->group);
	}
}

/* The first slot whose member returns, or -1. */
static int
find_returning(const struct raid_bitmap *bitmap)
{
	for (uint8_t slot = 0; slot < bitmap->raid->num_members; slot++) {
		if (bitmap->returns[slot].cb != NULL) {
			return slot;
		}
	}
	return -1;
}

void
raid_bitmap_examine_return(struct raid_member *member, uint64_t sequence, raid_bitmap_cb cb, void *arg)
{
	struct raid_bitmap *bitmap = member->raid->bitmap;

	bitmap->returns[member->slot] = (struct bitmap_return){.sequence = sequence, .cb = cb, .arg = arg};
	bitmap_go_on(bitmap);
}

/* ---- What is next ---- */

static bool
is_wanted(struct raid_bitmap *bitmap)
{
	bool wanted;

	env_mutex_lock(&bitmap->lock);
	wanted = !TAILQ_EMPTY(&bitmap->waiting);
	env_mutex_unlock(&bitmap->lock);
	return wanted || bitmap->write_waiters != NULL;
}

void
bitmap_go_on(struct raid_bitmap *bitmap)
{
	if (bitmap->busy) {
		return;
	}
	if (bitmap->load_waiters != NULL) {
		load_begin(bitmap);
	} else if (find_returning(bitmap) >= 0) {
		return_begin(bitmap, (uint8_t)find_returning(bitmap));
	} else if (is_wanted(bitmap)) {
		become_busy(bitmap);
		commit_begin(bitmap);
	} else if (bitmap->finish_waiters != NULL) {
		finish_begin(bitmap);
	}
}

void
bitmap_kick_cb(void *arg)
{
	struct raid_bitmap *bitmap = arg;

	env_mutex_lock(&bitmap->lock);
	bitmap->kicked = false;
	env_mutex_unlock(&bitmap->lock);
	bitmap_go_on(bitmap);
}
