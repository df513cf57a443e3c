/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bdev becomes a member of an array that exists.
 *
 *   add_load: does it hold a superblock, and which?
 *   add_open: it is in the slot, and is nobody else's. Of an array that is not online that is all.
 *   add_examine: what does it lack, if it was a member before?
 *   add_join: it gets all changes from now on.
 *   add_keep: what is kept on members is on this one, too.
 *   add_record: the superblocks of all members say so.
 *   add_rebuild: it is rebuilt, in the background.
 */

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_keep.h"
#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct addition {
	struct raid *raid;
	struct raid_member *member;
	struct spdk_uuid bdev_uuid;
	char *name;
	bool overwrite;
	/* It was a member before. */
	bool returns;
	/* Than the bitmap says is dirty. */
	bool lacks_more;
	/* Of the member. */
	uint32_t joined;
	raid_done_cb done;
	void *arg;
	struct raid_waiter waiter;
};

static void
add_done(struct addition *addition, int rc, const char *why)
{
	struct raid *raid = addition->raid;

	addition->done(addition->arg, rc, why);
	free(addition->name);
	free(addition);
	raid_let_go(raid);
}

/* The slot is free again. */
static void
add_fail(struct addition *addition, int rc, const char *why)
{
	struct raid_member *member = addition->member;

	member->adding = false;
	if (member->desc != NULL) {
		member->leaving = true;
		raid_member_left(member);
	} else if (addition->raid->state != RAID_CONFIGURING) {
		raid_member_forget(member);
	}
	add_done(addition, rc, why);
}

/* ---- The steps of an array at work ---- */

static void
recorded_cb(void *arg)
{
	struct addition *addition = arg;
	struct raid_member *member = addition->member;

	if (member->desc == NULL || member->leaving || addition->raid->state != RAID_ONLINE) {
		add_done(addition, -ENODEV, "it has left again");
		return;
	}
	raid_process_start_rebuild(member);
	/* The others may have had room for more before. */
	raid_resize(addition->raid);
	add_done(addition, member->leaving ? -ENOMEM : 0, NULL);
}

static void
add_record(struct addition *addition)
{
	addition->waiter = (struct raid_waiter){.cb = recorded_cb, .arg = addition};
	raid_superblock_write(addition->raid, &addition->waiter);
}

static void
kept_cb(void *arg)
{
	struct addition *addition = arg;

	/* It may have left, and another one may be on its way. */
	if (addition->member->joined == addition->joined) {
		addition->member->unrecorded = false;
	}
	add_record(addition);
}

static void
add_keep(struct addition *addition)
{
	addition->waiter = (struct raid_waiter){.cb = kept_cb, .arg = addition};
	raid_keep_add_member(addition->member, &addition->waiter);
}

static void
joined_cb(void *arg, int rc)
{
	struct addition *addition = arg;

	if (rc != 0) {
		add_done(addition, rc, NULL);
		return;
	}
	addition->joined = addition->member->joined;
	add_keep(addition);
}

static void
add_join(struct addition *addition)
{
	struct raid_member *member = addition->member;

	if (member->leaving || addition->raid->state != RAID_ONLINE) {
		add_fail(addition, -ENODEV, "it has left again");
		return;
	}
	member->adding = false;
	member->unrecorded = true;
	raid_member_join(member, joined_cb, addition);
}

static void
examined_cb(void *arg, bool covered)
{
	struct addition *addition = arg;

	addition->member->lacks_dirty_only = covered;
	add_join(addition);
}

/* What has changed while it was away? */
static void
add_examine(struct addition *addition)
{
	if (addition->returns && !addition->lacks_more && addition->raid->bitmap != NULL) {
		raid_bitmap_examine_return(addition->member, addition->member->sequence, examined_cb, addition);
	} else {
		add_join(addition);
	}
}

static void
opened_cb(void *arg, int rc, const char *why)
{
	struct addition *addition = arg;

	if (rc != 0) {
		add_fail(addition, rc, why);
	} else if (addition->raid->state == RAID_ONLINE) {
		add_examine(addition);
	} else {
		raid_start_if_complete(addition->raid, addition->done, addition->arg);
		free(addition->name);
		raid_let_go(addition->raid);
		free(addition);
	}
}

static void
add_open(struct addition *addition)
{
	struct raid_member *member = addition->member;
	const char *why = NULL;
	int rc;

	rc = raid_member_set_name(member, addition->name);
	if (rc != 0) {
		add_done(addition, rc, NULL);
		return;
	}
	member->adding = addition->raid->state == RAID_ONLINE;
	if (addition->returns) {
		rc = raid_member_add_known(member, &why);
		opened_cb(addition, rc, why);
	} else {
		raid_member_add(member, addition->overwrite, opened_cb, addition);
	}
}

/* ---- Where it goes ---- */

/*
 * Those with more than one parity take one more at any time. The first implementation has none that could, and its callers wait
 * for the end of a rebuild.
 */
static bool
is_rebuilding(const struct raid *raid)
{
	if (raid->ops->has_parity && raid->ops->get_redundancy(raid->num_members) > 1) {
		return false;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL && raid->members[slot].in_sync_until != UINT64_MAX) {
			return true;
		}
	}
	return false;
}

static bool
is_free(const struct raid_member *member)
{
	return member->name == NULL && member->desc == NULL && member->opening == NULL;
}

/* That which waits for it, or the first one of which nobody knows what is to be there. */
static struct raid_member *
find_slot(const struct addition *addition)
{
	struct raid *raid = addition->raid;

	for (uint8_t slot = 0; raid->state == RAID_CONFIGURING && slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (member->desc == NULL && member->opening == NULL &&
			((member->name != NULL && strcmp(member->name, addition->name) == 0) ||
				(!spdk_uuid_is_null(&member->uuid) &&
					spdk_uuid_compare(&member->uuid, &addition->bdev_uuid) == 0))) {
			return member;
		}
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (is_free(&raid->members[slot]) &&
			(raid->state == RAID_ONLINE || spdk_uuid_is_null(&raid->members[slot].uuid))) {
			return &raid->members[slot];
		}
	}
	return NULL;
}

static void
add_find_slot(struct addition *addition)
{
	struct raid *raid = addition->raid;

	if (raid->deleting || raid->starting || raid->state == RAID_OFFLINE) {
		add_done(addition, -ENODEV, "the array is going, or just coming");
	} else if (raid->state == RAID_ONLINE && raid->ops->recover == NULL) {
		add_done(addition, -EINVAL, "its level has no redundancy to rebuild a member from");
	} else if (raid->state == RAID_ONLINE && is_rebuilding(raid)) {
		add_done(addition, -EPERM, "it is rebuilding another member");
	} else if (raid->state == RAID_CONFIGURING && raid->assembled) {
		add_done(addition, -EINVAL,
			"it waits for members that it knows; bdev_raid_start starts it without them");
	} else {
		addition->member = find_slot(addition);
		if (addition->member == NULL) {
			add_done(addition, -EINVAL, "it has no free slot");
			return;
		}
		add_open(addition);
	}
}

/* One whose rebuild was interrupted lacks what it had not got yet, which no bitmap knows. */
static bool
lacks_more_than_dirty(const struct raid_super *super)
{
	for (uint32_t i = 0; i < super->num_slots; i++) {
		const struct raid_super_slot *slot = &super->slots[i];

		if (spdk_uuid_compare(&slot->id, &super->id) == 0) {
			return slot->state != RAID_SLOT_CONFIGURED && !slot->lacks_dirty_only;
		}
	}
	return true;
}

static void
loaded_cb(void *arg, int rc, enum raid_super_kind kind, const struct raid_super *super, const char *why)
{
	struct addition *addition = arg;
	struct raid *raid = addition->raid;

	if (rc != 0) {
		add_done(addition, rc, "it cannot be read");
		return;
	}
	if (kind == RAID_SUPER_GOOD && !addition->overwrite && raid->superblock != NULL && raid->state == RAID_ONLINE &&
		spdk_uuid_compare(&super->uuid, &raid->bdev.uuid) == 0) {
		why = raid_assemble_check_return(raid, super, &addition->member);
		if (why != NULL) {
			add_done(addition, -EINVAL, why);
			return;
		}
		addition->returns = true;
		addition->lacks_more = lacks_more_than_dirty(super);
		addition->member->sequence = super->sequence;
		add_open(addition);
		return;
	}
	/* Whether it may have what it holds is found again when it is open. */
	add_find_slot(addition);
}

/* ---- The beginning ---- */

static struct addition *
make_addition(struct raid *raid, const char *bdev_name, raid_done_cb done, void *arg)
{
	struct addition *addition = calloc(1, sizeof(*addition));

	if (addition == NULL) {
		return NULL;
	}
	addition->name = strdup(bdev_name);
	if (addition->name == NULL) {
		free(addition);
		return NULL;
	}
	addition->raid = raid;
	addition->done = done;
	addition->arg = arg;
	raid_hold(raid);
	return addition;
}

void
raid_add_bdev(struct raid *raid, const char *bdev_name, bool overwrite, raid_done_cb done, void *arg)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(bdev_name);
	struct addition *addition;
	int rc;

	if (bdev == NULL) {
		done(arg, -ENODEV, "there is no such bdev");
		return;
	}
	addition = make_addition(raid, bdev->name, done, arg);
	if (addition == NULL) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	addition->overwrite = overwrite;
	addition->bdev_uuid = *spdk_bdev_get_uuid(bdev);
	rc = raid_load(bdev, loaded_cb, addition);
	if (rc != 0) {
		add_done(addition, rc, NULL);
	}
}

void
raid_add_returning(
	struct raid_member *member, const char *bdev_name, const struct raid_super *super, raid_done_cb done, void *arg)
{
	struct addition *addition = make_addition(member->raid, bdev_name, done, arg);

	if (addition == NULL) {
		done(arg, -ENOMEM, NULL);
		return;
	}
	addition->member = member;
	addition->returns = true;
	addition->lacks_more = lacks_more_than_dirty(super);
	member->sequence = super->sequence;
	add_open(addition);
}
