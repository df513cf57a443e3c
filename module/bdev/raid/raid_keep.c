/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * When bitmap and journal are read and written in the life of an array:
 *
 *   keep_load_bitmap: which regions may differ. Superblocks are written next: who is missing is stale from then on.
 *   keep_write_bitmap, keep_replay: all members have the same bitmap; what a crash has interrupted is carried out.
 *   keep_finish_bitmap, keep_finish_journal: at the end, with nothing left to do.
 *   keep_add_journal, keep_add_bitmap: on a new member.
 */

#include "module/bdev/raid/raid_keep.h"

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_journal.h"
#include "spdk/log.h"
#include "spdk/util.h"

enum raid_policy
raid_keep_choose_policy(const struct raid_opts *opts)
{
	if (opts->policy != RAID_NUM_POLICIES) {
		return opts->policy;
	}
	if (!opts->superblock || opts->ops->get_redundancy((uint8_t)opts->num_members) == 0) {
		return RAID_POLICY_RESYNC;
	}
	/* One that takes whole stripes only is for those who want speed. */
	return opts->ops == &g_raid5_ops || opts->ops == &g_raid6_ops ? RAID_POLICY_JOURNAL : RAID_POLICY_BITMAP;
}

int
raid_keep_set_layout(struct raid *raid, const struct spdk_bdev *bdev, const char **why)
{
	uint32_t block_size = spdk_bdev_get_data_block_size(bdev);

	if (raid->policy == RAID_POLICY_RESYNC) {
		return 0;
	}
	if (raid->ops->get_redundancy(raid->num_members) == 0 ||
		(raid->policy == RAID_POLICY_JOURNAL && !raid->ops->has_parity)) {
		*why = "consistency_policy: this level has nothing that could be kept consistent that way";
		return -EINVAL;
	}
	if (raid->policy == RAID_POLICY_JOURNAL && raid->journal_blocks == 0) {
		raid->journal_blocks = raid_journal_choose_size(
			(uint64_t)raid->strip_size_kb * 1024 / block_size, block_size, raid->num_members);
		if (raid->journal_blocks == 0) {
			*why = "consistency_policy: strips that large do not fit into a journal";
			return -EINVAL;
		}
	}
	return 0;
}

static const struct raid_member *
find_smallest(const struct raid *raid)
{
	const struct raid_member *smallest = NULL;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->desc != NULL && (smallest == NULL || member->data_size < smallest->data_size)) {
			smallest = member;
		}
	}
	return smallest;
}

static int
create_bitmap(struct raid *raid, const char **why)
{
	const struct raid_member *member = find_smallest(raid);
	int rc;

	if (raid->policy == RAID_POLICY_RESYNC || raid->bitmap != NULL) {
		return 0;
	}
	if (raid->region_blocks == 0 && !raid->assembled) {
		raid->region_blocks =
			raid_bitmap_choose_region(member->data_size, spdk_bdev_get_data_block_size(member->bdev));
	}
	rc = raid_bitmap_create(raid, !raid->assembled && raid->ops->has_parity);
	if (rc == -EINVAL) {
		*why = "its bitmap is of no form that can be";
	}
	return rc;
}

static int
create_journal(struct raid *raid, const char **why)
{
	int rc;

	if (raid->policy != RAID_POLICY_JOURNAL || raid->journal != NULL) {
		return 0;
	}
	rc = raid_journal_create(raid);
	if (rc == -EINVAL) {
		*why = "its journal is of no form that can be";
	}
	return rc;
}

int
raid_keep_create(struct raid *raid, const char **why)
{
	int rc = create_bitmap(raid, why);

	return rc != 0 ? rc : create_journal(raid, why);
}

void
raid_keep_free(struct raid *raid)
{
	raid_journal_free(raid);
	raid_bitmap_free(raid);
}

/* ---- Start ---- */

static void
call(struct raid_waiter *waiter)
{
	waiter->cb(waiter->arg);
}

static void
bitmap_loaded_cb(void *arg)
{
	struct raid *raid = arg;
	uint64_t offset, num_blocks;

	/* A journal does better. */
	if (!raid->was_clean && raid->policy == RAID_POLICY_BITMAP &&
		raid_bitmap_next_dirty(raid, 0, &offset, &num_blocks)) {
		raid->resync_offset = 0;
	}
	call(raid->keep_waiter);
}

void
raid_keep_load(struct raid *raid, struct raid_waiter *waiter)
{
	raid->keep_waiter = waiter;
	if (!raid->assembled || raid->ops->get_redundancy(raid->num_members) == 0) {
		call(waiter);
		return;
	}
	if (!raid->was_clean && raid->policy == RAID_POLICY_RESYNC) {
		raid->resync_offset = 0;
	}
	if (raid->bitmap == NULL) {
		call(waiter);
		return;
	}
	raid->keep_step = (struct raid_waiter){.cb = bitmap_loaded_cb, .arg = raid};
	raid_bitmap_load(raid, &raid->keep_step);
}

static void
journal_started_cb(void *arg)
{
	struct raid *raid = arg;

	if (raid_journal_get_status(raid) == -EILSEQ) {
		/* What it would have said can only be where something was being written. */
		raid->resync_offset = 0;
	}
	call(raid->keep_waiter);
}

static void
keep_replay(struct raid *raid)
{
	if (raid->journal == NULL) {
		call(raid->keep_waiter);
		return;
	}
	raid->keep_step = (struct raid_waiter){.cb = journal_started_cb, .arg = raid};
	if (raid->assembled) {
		raid_journal_replay(raid, &raid->keep_step);
	} else {
		raid_journal_format(raid, &raid->keep_step);
	}
}

static void
bitmap_written_cb(void *arg)
{
	keep_replay(arg);
}

void
raid_keep_start(struct raid *raid, struct raid_waiter *waiter)
{
	raid->keep_waiter = waiter;
	if (raid->bitmap == NULL) {
		keep_replay(raid);
		return;
	}
	raid->keep_step = (struct raid_waiter){.cb = bitmap_written_cb, .arg = raid};
	raid_bitmap_write(raid, &raid->keep_step);
}

/* ---- End ---- */

static void
journal_finished_cb(void *arg)
{
	call(((struct raid *)arg)->keep_waiter);
}

static void
keep_finish_journal(struct raid *raid)
{
	if (raid->journal == NULL) {
		call(raid->keep_waiter);
		return;
	}
	raid->keep_step = (struct raid_waiter){.cb = journal_finished_cb, .arg = raid};
	raid_journal_finish(raid, &raid->keep_step);
}

static void
bitmap_finished_cb(void *arg)
{
	keep_finish_journal(arg);
}

void
raid_keep_finish(struct raid *raid, struct raid_waiter *waiter)
{
	raid->keep_waiter = waiter;
	if (raid->bitmap == NULL) {
		keep_finish_journal(raid);
		return;
	}
	raid->keep_step = (struct raid_waiter){.cb = bitmap_finished_cb, .arg = raid};
	raid_bitmap_finish(raid, &raid->keep_step);
}

/* ---- Growing ---- */

int
raid_keep_grow(struct raid *raid, struct raid_waiter *waiter)
{
	int rc;

	if (raid->bitmap == NULL) {
		call(waiter);
		return 0;
	}
	rc = raid_bitmap_grow(raid, &raid->grow_from);
	if (rc == 0) {
		raid_bitmap_write(raid, waiter);
	}
	return rc;
}

/* ---- A new member ---- */

static void
bitmap_added_cb(void *arg)
{
	call(((struct raid_member *)arg)->keep_waiter);
}

static void
keep_add_bitmap(struct raid_member *member)
{
	if (member->raid->bitmap == NULL) {
		call(member->keep_waiter);
		return;
	}
	member->keep_step = (struct raid_waiter){.cb = bitmap_added_cb, .arg = member};
	raid_bitmap_write(member->raid, &member->keep_step);
}

static void
journal_added_cb(void *arg)
{
	keep_add_bitmap(arg);
}

void
raid_keep_add_member(struct raid_member *member, struct raid_waiter *waiter)
{
	member->keep_waiter = waiter;
	if (member->raid->journal == NULL) {
		keep_add_bitmap(member);
		return;
	}
	member->keep_step = (struct raid_waiter){.cb = journal_added_cb, .arg = member};
	raid_journal_add_member(member, &member->keep_step);
}
