/* SPDX-License-Identifier: BSD-3-Clause */

/* A member in its slot: from the name of a bdev to one that is open and claimed, and back. */

#include "module/bdev/raid/raid_keep.h"
#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static void mark_gone(struct raid_opening *opening);

/* Something has happened to the bdev of a member. On the application thread, which opened it. */
static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct raid_member *member = ctx;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		if (member->desc == NULL) {
			/* It is not one yet, and gives it back as soon as it has been looked at. */
			mark_gone(member->opening);
			break;
		}
		SPDK_NOTICELOG("%s: its member %s is removed\n", member->raid->bdev.name, bdev->name);
		raid_member_leave(member, false, NULL);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		raid_resize(member->raid);
		break;
	default:
		break;
	}
}

/* All members have blocks of one form: that of the first one is that of the array. */
static bool
has_same_format(const struct spdk_bdev *a, const struct spdk_bdev *b)
{
	return a->blocklen == b->blocklen && a->md_len == b->md_len && a->md_interleave == b->md_interleave &&
		a->dif_type == b->dif_type && a->dif_is_head_of_md == b->dif_is_head_of_md &&
		a->dif_check_flags == b->dif_check_flags && a->dif_pi_format == b->dif_pi_format;
}

static const struct spdk_bdev *
find_other(const struct raid_member *member)
{
	const struct raid *raid = member->raid;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (slot != member->slot && raid->members[slot].desc != NULL) {
			return raid->members[slot].bdev;
		}
	}
	return NULL;
}

static bool
takes_protection(const struct raid_level_ops *ops, const struct spdk_bdev *bdev, const char **why)
{
	bool has_tags = spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG);

	if (ops->protection == RAID_PROTECTION_NONE) {
		*why = "a member has protection information, which parity would not fit";
	} else if (ops->protection == RAID_PROTECTION_WITHOUT_TAGS && has_tags) {
		*why = "a member checks reference tags, which would have to be those of each member in one buffer";
	} else {
		return true;
	}
	return false;
}

static int
check(const struct raid_member *member, const struct spdk_bdev *bdev, const char **why)
{
	const struct spdk_bdev *other = find_other(member);

	if (bdev->zoned) {
		*why = "a member is zoned";
		return -EINVAL;
	}
	if (bdev->dif_type != SPDK_DIF_DISABLE && !takes_protection(member->raid->ops, bdev, why)) {
		return -EINVAL;
	}
	if (other != NULL && !has_same_format(bdev, other)) {
		*why = "a member has another block size or other metadata than the rest";
		return -EINVAL;
	}
	return member->raid->superblock != NULL ? raid_superblock_check(bdev, why) : 0;
}

/* ---- From the name of a bdev to a member ---- */

/* A bdev that is open and claimed, and may become a member. */
struct raid_opening {
	struct raid_member *member;
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	bool overwrite;
	/* It has been removed meanwhile. */
	bool gone;
	raid_done_cb done;
	void *arg;
	/* Of overwriting. */
	struct spdk_io_channel *ch;
};

static void
mark_gone(struct raid_opening *opening)
{
	opening->gone = true;
}

static int
open_and_claim(struct raid_opening *opening, const char **why)
{
	struct raid_member *member = opening->member;
	int rc;

	rc = spdk_bdev_open_ext(member->name, true, event_cb, member, &opening->desc);
	if (rc != 0) {
		opening->desc = NULL;
		*why = rc == -EPERM ? "a member is claimed by another module, or listed twice" : NULL;
		return rc;
	}
	opening->bdev = spdk_bdev_desc_get_bdev(opening->desc);
	rc = spdk_bdev_module_claim_bdev(opening->bdev, opening->desc, &g_raid_module);
	if (rc != 0) {
		*why = "a member is claimed by another module, or listed twice";
		goto close;
	}
	rc = check(member, opening->bdev, why);
	if (rc == 0) {
		return 0;
	}
	spdk_bdev_module_release_bdev(opening->bdev);
close:
	spdk_bdev_close(opening->desc);
	opening->desc = NULL;
	return rc;
}

static void
give_back(struct raid_opening *opening)
{
	if (opening->ch != NULL) {
		spdk_put_io_channel(opening->ch);
		opening->ch = NULL;
	}
	if (opening->desc != NULL) {
		spdk_bdev_module_release_bdev(opening->bdev);
		spdk_bdev_close(opening->desc);
	}
}

/* Where the data of a member are: as its superblock says, or where they will be. */
static int
set_data(struct raid_member *member, bool known, const char **why)
{
	struct raid *raid = member->raid;
	uint64_t size = spdk_bdev_get_num_blocks(member->bdev);

	if (known && (member->data_offset > size || member->data_size > size - member->data_offset)) {
		*why = "it is smaller than its superblock says";
		return -EINVAL;
	}
	if (!known) {
		member->data_offset = 0;
		if (raid->superblock != NULL) {
			int rc = raid_keep_set_layout(raid, member->bdev, why);

			if (rc != 0) {
				return rc;
			}
			spdk_uuid_generate(&member->id);
			member->data_offset = raid_superblock_get_data_offset(raid, member->bdev);
		}
		if (member->data_offset >= size) {
			*why = "a member has no room for a superblock and data";
			return -EINVAL;
		}
	}
	/* What is assembled has the size that it had, and then grows. */
	if (!known || raid->state == RAID_ONLINE) {
		member->data_size = size - member->data_offset;
	}
	if (raid->state == RAID_ONLINE && raid->ops->get_size(raid) < spdk_max(raid->bdev.blockcnt, raid->grow_size)) {
		*why = "it is smaller than the array needs";
		return -EINVAL;
	}
	return 0;
}

/* It is a member from now on; of an array at work, one that lacks all data. */
static int
take(struct raid_opening *opening, bool known, const char **why)
{
	struct raid_member *member = opening->member;
	struct raid *raid = member->raid;
	int rc;

	member->desc = opening->desc;
	member->bdev = opening->bdev;
	rc = set_data(member, known, why);
	if (rc == 0 && raid->superblock != NULL) {
		rc = raid_superblock_attach(member);
	}
	if (rc != 0) {
		member->desc = NULL;
		member->bdev = NULL;
		return rc;
	}
	member->uuid = *spdk_bdev_get_uuid(member->bdev);
	member->failed = false;
	member->joined = 0;
	member->in_sync_until = raid->state == RAID_ONLINE ? 0 : UINT64_MAX;
	member->durable_until = member->in_sync_until;
	member->lacks_dirty_only = false;
	member->unrecorded = false;
	raid->num_discovered++;
	opening->desc = NULL;
	member->late_seen = 0;
	member->late_resets = 0;
	member->given_up = false;
	member->aborted_last = 0;
	raid_late_watch(member);
	return 0;
}

/* ---- One of which nothing is known: add_load, add_check, add_overwrite, add_done ---- */

static void
add_done(struct raid_opening *opening, int rc, const char *why)
{
	struct raid_member *member = opening->member;
	struct raid *raid = member->raid;
	raid_done_cb done = opening->done;
	void *arg = opening->arg;

	if (rc == 0 && (opening->gone || raid->deleting || raid->state == RAID_OFFLINE)) {
		rc = -ENODEV;
	}
	if (rc == 0) {
		rc = take(opening, false, &why);
	}
	member->opening = NULL;
	give_back(opening);
	free(opening);
	done(arg, rc, why);
	raid_let_go(raid);
}

static void
overwritten_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct raid_opening *opening = cb_arg;

	spdk_bdev_free_io(bdev_io);
	add_done(opening, success ? 0 : -EIO, success ? NULL : "its old superblock cannot be overwritten");
}

static void
add_overwrite(struct raid_opening *opening)
{
	struct spdk_bdev *bdev = opening->bdev;
	uint64_t num_blocks = SPDK_CEIL_DIV(RAID_SUPER_SIZE, spdk_bdev_get_data_block_size(bdev));
	int rc = -ENOMEM;

	opening->ch = spdk_bdev_get_io_channel(opening->desc);
	if (opening->ch != NULL) {
		rc = spdk_bdev_write_zeroes_blocks(opening->desc, opening->ch, 0,
			spdk_min(num_blocks, spdk_bdev_get_num_blocks(bdev)), overwritten_cb, opening);
	}
	if (rc != 0) {
		add_done(opening, rc, NULL);
	}
}

static void
add_check_cb(void *arg, int rc, enum raid_super_kind kind, const struct raid_super *super, const char *why)
{
	struct raid_opening *opening = arg;

	if (rc != 0) {
		add_done(opening, rc, "a member cannot be read");
	} else if (kind == RAID_SUPER_NONE) {
		add_done(opening, 0, NULL);
	} else if (opening->overwrite) {
		SPDK_WARNLOG("%s: the superblock on %s is overwritten\n", opening->member->raid->bdev.name,
			opening->bdev->name);
		add_overwrite(opening);
	} else {
		add_done(opening, -EEXIST,
			"a member holds the superblock of an array. If that is not needed any more, say "
			"overwrite_superblocks");
	}
}

static void
add_load(struct raid_opening *opening)
{
	int rc = raid_load(opening->bdev, add_check_cb, opening);

	if (rc != 0) {
		add_done(opening, rc, NULL);
	}
}

void
raid_member_add(struct raid_member *member, bool overwrite, raid_done_cb done, void *arg)
{
	struct raid_opening *opening = calloc(1, sizeof(*opening));
	const char *why = NULL;
	int rc = -ENOMEM;

	assert(member->opening == NULL && member->desc == NULL);
	if (opening != NULL) {
		opening->member = member;
		opening->overwrite = overwrite;
		opening->done = done;
		opening->arg = arg;
		rc = open_and_claim(opening, &why);
	}
	if (rc != 0) {
		free(opening);
		done(arg, rc, why);
		return;
	}
	member->opening = opening;
	raid_hold(member->raid);
	add_load(opening);
}

int
raid_member_add_known(struct raid_member *member, const char **why)
{
	struct raid_opening opening = {.member = member};
	int rc;

	assert(member->opening == NULL && member->desc == NULL);
	rc = open_and_claim(&opening, why);
	if (rc == 0) {
		rc = take(&opening, true, why);
		give_back(&opening);
	}
	return rc;
}

int
raid_member_set_name(struct raid_member *member, const char *name)
{
	char *copy = strdup(name);

	if (copy == NULL) {
		return -ENOMEM;
	}
	free(member->name);
	member->name = copy;
	return 0;
}

/* ---- And back ---- */

void
raid_member_close(struct raid_member *member)
{
	struct spdk_bdev_desc *desc = member->desc;

	if (desc == NULL) {
		return;
	}
	raid_superblock_detach(member);
	spdk_bdev_module_release_bdev(member->bdev);
	member->desc = NULL;
	member->bdev = NULL;
	member->raid->num_discovered--;
	spdk_bdev_close(desc);
}

void
raid_member_hold(struct raid_member *member)
{
	member->holds++;
	raid_hold(member->raid);
}

void
raid_member_let_go(struct raid_member *member)
{
	struct raid *raid = member->raid;

	assert(member->holds > 0);
	if (--member->holds == 0 && member->closing) {
		raid_member_left(member);
	}
	raid_let_go(raid);
}

void
raid_member_forget(struct raid_member *member)
{
	raid_member_close(member);
	free(member->name);
	member->name = NULL;
	spdk_uuid_set_null(&member->uuid);
}

struct spdk_bdev *
raid_find_bdev(const struct spdk_uuid *uuid)
{
	char text[SPDK_UUID_STRING_LEN];

	/* It is an alias of each bdev. */
	return spdk_uuid_fmt_lower(text, sizeof(text), uuid) == 0 ? spdk_bdev_get_by_name(text) : NULL;
}

struct raid_member *
raid_member_find(const char *bdev_name)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(bdev_name);
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		for (uint8_t slot = 0; slot < raid->num_members; slot++) {
			struct raid_member *member = &raid->members[slot];

			if (member->bdev != NULL ? member->bdev == bdev
						 : member->name != NULL && strcmp(member->name, bdev_name) == 0) {
				return member;
			}
		}
	}
	return NULL;
}
