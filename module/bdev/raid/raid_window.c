/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Work on a range of all members while nobody else reads or changes it.
 *
 *   window_quiesce: what users want with the blocks that depend on the range waits.
 *   window_read: all members that are in sync there, at once. One that cannot be read is as good as not there.
 *   window_compute: the level says what members lack, and what does not agree.
 *   window_write: to those members at once. One that does not take it leaves.
 *   window_read_back: to see whether it can be read now.
 *   window_done: who began it is told, and ends it: users go on.
 *
 * Requests go through a channel of the array, so that a member that leaves waits for them as it does for those of users.
 */

#include "module/bdev/raid/raid_window.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* Of all buffers of a window together; for arrays with many members windows are smaller. */
#define MAX_MEMORY (32u * 1024 * 1024)
#define BUF_ALIGN 4096u

static void window_read_done(struct raid_window_work *work);
static void window_write_done(struct raid_window_work *work);
static void window_read_back_done(struct raid_window_work *work);
static void flush_done(struct raid_window_work *work);
static void submit(struct raid_window_request *request);

/* ---- Memory ---- */

static uint32_t
choose_max_blocks(const struct raid *raid, uint32_t window_size_kb)
{
	uint64_t bytes = spdk_min((uint64_t)window_size_kb * 1024, MAX_MEMORY / raid->num_members);

	return (uint32_t)spdk_max(bytes / spdk_bdev_get_data_block_size(&raid->bdev), 1);
}

static bool
alloc_buffers(struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;
	size_t data_size = SPDK_ALIGN_CEIL((size_t)work->max_blocks * raid->bdev.blocklen, BUF_ALIGN);
	size_t md_size = 0;

	if (spdk_bdev_is_md_separate(&raid->bdev)) {
		md_size = SPDK_ALIGN_CEIL((size_t)work->max_blocks * raid->bdev.md_len, BUF_ALIGN);
		work->window.md = calloc(raid->num_members, sizeof(*work->window.md));
	}
	work->window.data = calloc(raid->num_members, sizeof(*work->window.data));
	work->requests = calloc(raid->num_members, sizeof(*work->requests));
	work->memory = spdk_dma_malloc(raid->num_members * (data_size + md_size), BUF_ALIGN, NULL);
	if (work->window.data == NULL || work->requests == NULL || work->memory == NULL ||
		(md_size > 0 && work->window.md == NULL)) {
		return false;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		work->requests[slot].work = work;
		work->requests[slot].slot = slot;
		work->window.data[slot] = work->memory + slot * (data_size + md_size);
		if (md_size > 0) {
			work->window.md[slot] = work->window.data[slot] + data_size;
		}
	}
	return true;
}

static void
free_work(struct raid_window_work *work)
{
	spdk_dma_free(work->memory);
	free(work->requests);
	free(work->window.data);
	free(work->window.md);
	free(work);
}

struct raid_window_work *
raid_window_create(struct raid *raid, uint32_t window_size_kb)
{
	struct raid_window_work *work = calloc(1, sizeof(*work));
	struct spdk_io_channel *ch;

	if (work == NULL) {
		return NULL;
	}
	work->window.raid = raid;
	work->max_blocks = choose_max_blocks(raid, window_size_kb);
	ch = alloc_buffers(work) ? spdk_get_io_channel(raid) : NULL;
	if (ch == NULL) {
		free_work(work);
		return NULL;
	}
	work->ch = spdk_io_channel_get_ctx(ch);
	TAILQ_INSERT_TAIL(&raid->windows, work, link);
	raid_hold(raid);
	return work;
}

static void
destroy_done(struct raid_window_work *work)
{
	struct raid *raid = work->window.raid;

	TAILQ_REMOVE(&raid->windows, work, link);
	spdk_put_io_channel(spdk_io_channel_from_ctx(work->ch));
	free_work(work);
	raid_let_go(raid);
}

void
raid_window_destroy(struct raid_window_work *work)
{
	assert(!work->quiesced && work->remaining == 0);
	work->destroyed = true;
	if (work->num_abandoned == 0) {
		destroy_done(work);
	}
}

/* ---- Requests ---- */

static bool
is_usable(const struct raid_window_work *work, uint8_t slot)
{
	return raid_get_member_channel(work->ch, slot) != NULL && raid_window_has_member(work, slot);
}

static void
put(struct raid_window_work *work)
{
	if (--work->remaining == 0) {
		work->step(work);
	}
}

static bool
is_read(const struct raid_window_work *work)
{
	return work->step == window_read_done || work->step == window_read_back_done;
}

static void
note_failure(struct raid_window_work *work, uint8_t slot)
{
	raid_slots_add(work->step == window_read_done ? &work->unreadable : &work->unwritable, slot);
}

/* The member is done with it. */
static void
request_ended(struct raid_window_request *request, bool success)
{
	struct raid_window_work *work = request->work;

	raid_member_channel_put(&work->ch->members[request->slot]);
	if (request->abandoned) {
		request->abandoned = false;
		work->num_abandoned--;
		if (work->destroyed && work->num_abandoned == 0) {
			destroy_done(work);
		}
		return;
	}
	request->pending = false;
	if (!success) {
		note_failure(work, request->slot);
	}
	put(work);
}

static void
request_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct raid_window_request *request = cb_arg;
	struct raid_window_work *work = request->work;

	if (!success && !request->abandoned) {
		raid_interrupt_note(&work->window.raid->members[request->slot], bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (!success && !request->abandoned && raid_was_reset(work->window.raid, work->resets)) {
		/* That is not the member's fault, either. */
		work->status = -ENOMEM;
		success = true;
	}
	request_ended(request, success);
}

static void
resume_cb(void *arg)
{
	struct raid_window_request *request = arg;

	if (request->abandoned || !is_usable(request->work, request->slot)) {
		request_ended(request, false);
		return;
	}
	submit(request);
}

static int
try_to_submit(struct raid_window_request *request)
{
	struct raid_window_work *work = request->work;
	const struct raid_window *window = &work->window;
	const struct raid_member *member = &window->raid->members[request->slot];
	struct spdk_io_channel *ch = work->ch->members[request->slot].ch;
	uint64_t offset = member->data_offset + window->offset_blocks;
	void *data = window->data[request->slot];

	if (work->step == flush_done) {
		return spdk_bdev_flush_blocks(
			member->desc, ch, 0, spdk_bdev_get_num_blocks(member->bdev), request_done_cb, request);
	}
	if (is_read(work)) {
		return window->md == NULL
			? spdk_bdev_read_blocks(
				  member->desc, ch, data, offset, window->num_blocks, request_done_cb, request)
			: spdk_bdev_read_blocks_with_md(member->desc, ch, data, window->md[request->slot], offset,
				  window->num_blocks, request_done_cb, request);
	}
	return window->md == NULL
		? spdk_bdev_write_blocks(member->desc, ch, data, offset, window->num_blocks, request_done_cb, request)
		: spdk_bdev_write_blocks_with_md(member->desc, ch, data, window->md[request->slot], offset,
			  window->num_blocks, request_done_cb, request);
}

static void
submit(struct raid_window_request *request)
{
	struct raid_window_work *work = request->work;
	const struct raid_member *member = &work->window.raid->members[request->slot];
	int rc = try_to_submit(request);

	if (rc == -ENOMEM) {
		request->wait.bdev = member->bdev;
		request->wait.cb_fn = resume_cb;
		request->wait.cb_arg = request;
		if (spdk_bdev_queue_io_wait(member->bdev, work->ch->members[request->slot].ch, &request->wait) == 0) {
			return;
		}
		/* That is not the member's fault: all of it is tried again later. */
		work->status = -ENOMEM;
		request_ended(request, true);
	} else if (rc != 0) {
		SPDK_ERRLOG("%s: its member %s refuses a request in the background: %s\n", work->window.raid->bdev.name,
			member->bdev->name, spdk_strerror(-rc));
		request_ended(request, false);
	}
}

/* It counts as outstanding from the beginning, so that the channel stays. */
static void
request(struct raid_window_work *work, uint8_t slot)
{
	work->remaining++;
	work->requests[slot].pending = true;
	work->ch->members[slot].outstanding++;
	submit(&work->requests[slot]);
}

void
raid_window_abandon_member(struct raid_member *member)
{
	struct raid_window_work *work;

again:
	TAILQ_FOREACH (work, &member->raid->windows, link) {
		struct raid_window_request *pending = &work->requests[member->slot];

		if (!pending->pending) {
			continue;
		}
		pending->pending = false;
		pending->abandoned = true;
		work->num_abandoned++;
		note_failure(work, member->slot);
		/* What comes then may change the list. */
		put(work);
		goto again;
	}
}

/* ---- The steps ---- */

static void
window_done(struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &work->window.raid->members[slot];

		if (!raid_slots_has(&work->unwritable, slot) || !raid_window_has_member(work, slot)) {
			continue;
		}
		if (raid_can_do_without(member)) {
			raid_member_leave(member, true, NULL);
		} else {
			SPDK_ERRLOG("%s: its member %s cannot be written at block %" PRIu64
				    ", but it is the last one that has the data\n",
				raid->bdev.name, member->bdev->name, work->window.offset_blocks);
		}
	}
	work->done(work->done_arg);
}

static void
window_read_back_done(struct raid_window_work *work)
{
	window_done(work);
}

static void
window_write_done(struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;

	if (work->status != 0) {
		window_done(work);
		return;
	}
	if (work->aim == RAID_WINDOW_RESYNC || work->aim == RAID_WINDOW_REPAIR) {
		work->num_repaired += work->num_mismatches;
	}
	work->step = window_read_back_done;
	work->remaining = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (!(work->window.changed[slot / 64] & (UINT64_C(1) << (slot % 64))) ||
			raid_slots_has(&work->unwritable, slot)) {
			continue;
		}
		if (raid_slots_has(&work->unreadable, slot)) {
			work->num_repaired += work->window.num_blocks;
		}
		if (work->aim == RAID_WINDOW_REREAD && is_usable(work, slot)) {
			request(work, slot);
		}
	}
	put(work);
}

static void
window_write(struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;

	work->step = window_write_done;
	work->remaining = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if ((work->window.changed[slot / 64] & (UINT64_C(1) << (slot % 64))) && is_usable(work, slot)) {
			request(work, slot);
		}
	}
	put(work);
}

/* What members are to have that are not in sync, or cannot read it. */
static void
recover(struct raid_window_work *work)
{
	struct raid_window *window = &work->window;
	const struct raid *raid = window->raid;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		bool is_target = raid_slots_has(&work->targets, slot);

		if (!is_usable(work, slot) || (!is_target && !raid_slots_has(&work->unreadable, slot))) {
			continue;
		}
		if (raid->ops->recover(window, slot) == 0) {
			raid_window_set_changed(window, slot);
		} else if (is_target) {
			work->status = -EIO;
		}
	}
}

static bool
is_redundant(const struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;
	uint8_t num_valid = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		num_valid += raid_window_is_valid(&work->window, slot);
	}
	return num_valid > raid->min_operational;
}

static void
verify(struct raid_window_work *work)
{
	struct raid_window *window = &work->window;
	uint64_t changed[SPDK_COUNTOF(window->changed)];

	if (!is_redundant(work)) {
		return;
	}
	memcpy(changed, window->changed, sizeof(changed));
	window->first_is_right = work->aim == RAID_WINDOW_RESYNC;
	work->num_mismatches = window->raid->ops->verify(window);
	if (work->aim == RAID_WINDOW_CHECK) {
		memcpy(window->changed, changed, sizeof(changed));
	}
}

static void
window_compute(struct raid_window_work *work)
{
	switch (work->aim) {
	case RAID_WINDOW_REBUILD:
	case RAID_WINDOW_REREAD:
		recover(work);
		break;
	case RAID_WINDOW_CHECK:
		/* What cannot be read is to be as the members have it, and not as it would be after a repair. */
		recover(work);
		verify(work);
		break;
	case RAID_WINDOW_RESYNC:
	case RAID_WINDOW_REPAIR:
		verify(work);
		recover(work);
		break;
	}
	window_write(work);
}

static void
window_read_done(struct raid_window_work *work)
{
	const struct raid *raid = work->window.raid;

	if (work->status != 0 || raid->state != RAID_ONLINE) {
		work->status = work->status != 0 ? work->status : -ENODEV;
		window_done(work);
		return;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_slots_has(&work->unreadable, slot)) {
			work->window.valid[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
		}
	}
	window_compute(work);
}

static void
window_read(struct raid_window_work *work)
{
	struct raid_window *window = &work->window;
	const struct raid *raid = window->raid;

	work->num_joins = raid->num_joins;
	work->step = window_read_done;
	work->remaining = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (!is_usable(work, slot)) {
			continue;
		}
		if (raid_member_is_in_sync(&raid->members[slot], window->offset_blocks, window->num_blocks)) {
			window->valid[slot / 64] |= UINT64_C(1) << (slot % 64);
			request(work, slot);
		} else if (work->aim == RAID_WINDOW_REBUILD) {
			raid_slots_add(&work->targets, slot);
		}
	}
	put(work);
}

static void
quiesced_cb(void *ctx, int status)
{
	struct raid_window_work *work = ctx;

	work->quiesced = status == 0;
	if (status != 0 || work->window.raid->state != RAID_ONLINE) {
		work->status = -ENODEV;
		work->done(work->done_arg);
		return;
	}
	window_read(work);
}

static void
prepare(struct raid_window_work *work, raid_cb done, void *arg)
{
	assert(work->remaining == 0 && !work->destroyed);
	work->status = 0;
	work->resets = raid_count_resets(work->window.raid);
	work->num_mismatches = 0;
	work->num_repaired = 0;
	work->targets = (struct raid_slots){};
	work->unreadable = (struct raid_slots){};
	work->unwritable = (struct raid_slots){};
	memset(work->window.valid, 0, sizeof(work->window.valid));
	memset(work->window.changed, 0, sizeof(work->window.changed));
	work->num_joins = work->window.raid->num_joins;
	work->done = done;
	work->done_arg = arg;
}

int
raid_window_begin(struct raid_window_work *work, enum raid_window_aim aim, uint64_t offset_blocks, uint32_t num_blocks,
	raid_cb done, void *arg)
{
	struct raid *raid = work->window.raid;
	int rc;

	assert(num_blocks > 0 && num_blocks <= work->max_blocks && !work->quiesced);
	prepare(work, done, arg);
	work->aim = aim;
	work->window.offset_blocks = offset_blocks;
	work->window.num_blocks = num_blocks;
	raid->ops->get_array_range(raid, offset_blocks, num_blocks, &work->array_offset, &work->array_blocks);
	if (raid->state != RAID_ONLINE) {
		return -ENODEV;
	}
	rc = spdk_bdev_quiesce_range(
		&raid->bdev, &g_raid_module, work->array_offset, work->array_blocks, quiesced_cb, work);
	return rc == 0 || rc == -ENOMEM ? rc : -ENODEV;
}

void
raid_window_end(struct raid_window_work *work)
{
	struct raid *raid = work->window.raid;

	if (work->quiesced) {
		work->quiesced = false;
		spdk_bdev_unquiesce_range(
			&raid->bdev, &g_raid_module, work->array_offset, work->array_blocks, NULL, NULL);
	}
}

/* ---- Beside windows ---- */

static void
flush_done(struct raid_window_work *work)
{
	window_done(work);
}

void
raid_window_flush(struct raid_window_work *work, raid_cb done, void *arg)
{
	struct raid *raid = work->window.raid;
	struct raid_slots targets = work->targets;

	prepare(work, done, arg);
	work->targets = targets;
	work->step = flush_done;
	work->remaining = 1;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid_slots_has(&targets, slot) && is_usable(work, slot) &&
			spdk_bdev_io_type_supported(raid->members[slot].bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
			request(work, slot);
		}
	}
	put(work);
}

bool
raid_window_is_redundant(const struct raid *raid, uint64_t offset_blocks, uint64_t num_blocks)
{
	uint8_t num_good = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		num_good += member->desc != NULL && !member->leaving &&
			raid_member_is_in_sync(member, offset_blocks, num_blocks);
	}
	return num_good > raid->min_operational;
}
