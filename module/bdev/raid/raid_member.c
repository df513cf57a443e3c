/* SPDX-License-Identifier: BSD-3-Clause */

/* A member in its slot: from the name of a bdev to one that is open and claimed, and back. */

#include "module/bdev/raid/raid.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* Something has happened to the bdev of a member. On the application thread, which opened it. */
static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct raid_member *member = ctx;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
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

static int
check(const struct raid_member *member, const char **why)
{
	const struct spdk_bdev *other = find_other(member);
	const struct spdk_bdev *bdev = member->bdev;

	if (bdev->zoned) {
		*why = "a member is zoned";
		return -EINVAL;
	}
	if (bdev->dif_type != SPDK_DIF_DISABLE && !member->raid->ops->takes_protection) {
		*why = "a member has protection information, whose tags name other blocks than those of the array";
		return -EINVAL;
	}
	if (other != NULL && !has_same_format(bdev, other)) {
		*why = "a member has another block size or other metadata than the rest";
		return -EINVAL;
	}
	return 0;
}

int
raid_member_open(struct raid_member *member, const char **why)
{
	int rc;

	rc = spdk_bdev_open_ext(member->name, true, event_cb, member, &member->desc);
	if (rc != 0) {
		member->desc = NULL;
		*why = rc == -EPERM ? "a member is claimed by another module" : NULL;
		return rc;
	}
	member->bdev = spdk_bdev_desc_get_bdev(member->desc);
	rc = spdk_bdev_module_claim_bdev(member->bdev, member->desc, &g_raid_module);
	if (rc != 0) {
		*why = "a member is claimed by another module, or listed twice";
		goto close;
	}
	rc = check(member, why);
	if (rc != 0) {
		goto release;
	}
	member->uuid = *spdk_bdev_get_uuid(member->bdev);
	member->data_offset = 0;
	member->data_size = spdk_bdev_get_num_blocks(member->bdev);
	member->in_sync_until = UINT64_MAX;
	member->durable_until = UINT64_MAX;
	member->lacks_dirty_only = false;
	member->raid->num_discovered++;
	return 0;

release:
	spdk_bdev_module_release_bdev(member->bdev);
close:
	spdk_bdev_close(member->desc);
	member->desc = NULL;
	member->bdev = NULL;
	return rc;
}

void
raid_member_close(struct raid_member *member)
{
	struct spdk_bdev_desc *desc = member->desc;

	if (desc == NULL) {
		return;
	}
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
