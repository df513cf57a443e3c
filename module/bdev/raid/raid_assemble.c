/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Putting arrays together from what their members say, in whatever order those come. doc/raid.md has the rules and their
 * reasons:
 *
 * - Of several superblocks the one with the highest sequence number says what the array is. Members that it does not name as
 *   configured, and those whose own number is more than one behind, are stale: nothing of theirs is used. Of two that say
 *   different things under one number the one that was never finished loses.
 * - When all that it names are there, the array starts. When some are not, it waits; then it starts without them if those that
 *   are missing are so few that they cannot have gone on without those that are there, or if somebody says so.
 */

#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct raid_assembly_options g_raid_assembly_options = {.timeout_sec = RAID_ASSEMBLY_TIMEOUT_SEC};

/* A bdev that is looked at, and others because of it. */
struct candidate {
	uint32_t pending;
	raid_cb done;
	void *arg;
	/* That the array is being started when it comes. */
	struct raid_waiter waiter;
	char *name;
};

static struct raid *
find_by_uuid(const struct spdk_uuid *uuid)
{
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		if (spdk_uuid_compare(&raid->bdev.uuid, uuid) == 0) {
			return raid;
		}
	}
	return NULL;
}

static struct raid_member *
find_by_id(struct raid *raid, const struct spdk_uuid *id)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (spdk_uuid_compare(&raid->members[slot].id, id) == 0) {
			return &raid->members[slot];
		}
	}
	return NULL;
}

static bool
is_named(const struct raid_member *member)
{
	return member->recorded == RAID_SLOT_CONFIGURED || member->recorded == RAID_SLOT_REBUILDING;
}

static void
candidate_done(struct candidate *candidate)
{
	if (--candidate->pending > 0) {
		return;
	}
	candidate->done(candidate->arg);
	free(candidate->name);
	free(candidate);
}

static void
other_done_cb(void *arg)
{
	candidate_done(arg);
}

/* ---- What superblocks say ---- */

static void
adopt_slot(struct raid_member *member, const struct raid_super_slot *slot)
{
	member->id = slot->id;
	member->bdev_uuid = slot->bdev_uuid;
	member->uuid = slot->bdev_uuid;
	member->recorded = slot->state;
	member->left_sequence = slot->left_sequence;
	member->data_offset = slot->data_offset;
	member->data_size = slot->data_size;
	member->lacks_dirty_only = slot->lacks_dirty_only;
	member->in_sync_until = slot->state == RAID_SLOT_REBUILDING ? slot->in_sync_until : UINT64_MAX;
	member->durable_until = member->in_sync_until;
}

/* The array is what a superblock says, from now on; members that are there already are looked at anew. */
static void
adopt(struct raid *raid, const struct raid_super *super)
{
	uint8_t num_configured = 0;

	raid_superblock_set_sequence(raid, super->sequence);
	raid->was_clean = super->clean;
	raid->policy = super->policy;
	raid->size = super->num_blocks;
	raid->region_blocks = super->region_blocks;
	raid->journal_blocks = super->journal_blocks;
	raid->resync_offset = super->resync_offset;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];
		const struct raid_super_slot *said = &super->slots[slot];
		bool same = spdk_uuid_compare(&member->id, &said->id) == 0;

		num_configured += said->state == RAID_SLOT_CONFIGURED;
		if (member->desc != NULL &&
			(!same || member->sequence + 1 < super->sequence ||
				(said->state != RAID_SLOT_CONFIGURED && said->state != RAID_SLOT_REBUILDING))) {
			SPDK_WARNLOG("%s: %s is stale: another member knows more, and does without it\n",
				raid->bdev.name, member->name);
			raid_member_forget(member);
		}
		adopt_slot(member, said);
	}
	raid->num_operational = num_configured;
}

/* What never changes in the life of an array. */
static bool
is_same_array(const struct raid *raid, const struct raid_super *super)
{
	return raid->ops == super->ops && raid->num_members == super->num_slots &&
		raid->strip_size_kb == super->strip_size * super->block_size / 1024 &&
		raid_superblock_is_foreign(raid) == super->foreign;
}

static struct raid *
create(const struct raid_super *super, int *rc, const char **why)
{
	struct raid_opts opts = {
		.name = super->name,
		.uuid = super->uuid,
		.ops = super->ops,
		.strip_size_kb = (uint32_t)((uint64_t)super->strip_size * super->block_size / 1024),
		.num_members = super->num_slots,
		.policy = RAID_POLICY_RESYNC,
	};
	struct raid *raid;

	raid = raid_alloc(&opts, rc, why);
	if (raid == NULL) {
		return NULL;
	}
	raid->assembled = true;
	*rc = raid_superblock_alloc(raid, super->foreign, super->sequence);
	if (*rc != 0) {
		raid_delete(raid, false, NULL);
		return NULL;
	}
	adopt(raid, super);
	return raid;
}

/* ---- Starting ---- */

static uint8_t
count_present(const struct raid *raid)
{
	uint8_t count = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		count += raid->members[slot].desc != NULL && raid->members[slot].recorded == RAID_SLOT_CONFIGURED;
	}
	return count;
}

/* Those that may have gone on without the others. */
static uint8_t
count_absent(const struct raid *raid)
{
	uint8_t count = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		count += raid->members[slot].desc == NULL && is_named(&raid->members[slot]);
	}
	return count;
}

int
raid_assemble_check(const struct raid *raid, bool force, const char **why)
{
	if (raid->state != RAID_CONFIGURING || raid->starting || raid->deleting) {
		*why = "it does not wait for members";
		return -EINVAL;
	}
	if (!raid->assembled) {
		*why = "it has never been online: it needs all of its members";
		return -EINVAL;
	}
	if (count_present(raid) < raid->min_operational) {
		*why = "it has less members than its data need";
		return -ENODEV;
	}
	if (force) {
		return 0;
	}
	if (count_absent(raid) >= raid->min_operational) {
		*why = "the members that are missing may have gone on without these: what these have may be old";
		return -EAGAIN;
	}
	if (raid->ops->has_parity && count_absent(raid) > 0 && !raid->was_clean &&
		raid->policy != RAID_POLICY_JOURNAL) {
		*why = "it had not ended properly, and has no journal: what the missing members had may not be what "
		       "parity says";
		return -EAGAIN;
	}
	return 0;
}

static void
timed_start_cb(void *arg, int rc, const char *why)
{
	struct raid *raid = arg;

	if (rc != 0) {
		SPDK_ERRLOG("%s cannot go online: %s\n", raid->bdev.name, why != NULL ? why : spdk_strerror(-rc));
	}
	raid_let_go(raid);
}

/* Counted second by second: while the process, or its machine, stands still, no member can come. */
static int
count_down(void *arg)
{
	struct raid *raid = arg;
	const char *why = NULL;
	int rc;

	if (--raid->assembly_seconds_left > 0) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&raid->assembly_timer);
	rc = raid_assemble_check(raid, false, &why);
	if (rc == 0) {
		SPDK_WARNLOG("%s starts without %u of its members, which have not come\n", raid->bdev.name,
			count_absent(raid));
		raid_hold(raid);
		raid_start(raid, timed_start_cb, raid);
	} else if (rc == -EAGAIN) {
		SPDK_WARNLOG(
			"%s waits for %u of its members: %s. If they are gone for good, bdev_raid_start with force "
			"does without them\n",
			raid->bdev.name, count_absent(raid), why);
	}
	return SPDK_POLLER_BUSY;
}

/* From the last arrival on. */
static void
start_timer(struct raid *raid)
{
	spdk_poller_unregister(&raid->assembly_timer);
	if (g_raid_assembly_options.timeout_sec != 0) {
		raid->assembly_seconds_left = g_raid_assembly_options.timeout_sec;
		raid->assembly_timer = SPDK_POLLER_REGISTER(count_down, raid, SPDK_SEC_TO_USEC);
	}
}

/* ---- A member that comes ---- */

static void
started_cb(void *arg, int rc, const char *why)
{
	struct candidate *candidate = arg;

	if (rc != 0) {
		SPDK_ERRLOG("%s, the last member of an array, has come, but the array cannot go online: %s\n",
			candidate->name, why != NULL ? why : spdk_strerror(-rc));
	}
	candidate_done(candidate);
}

static void
returned_cb(void *arg, int rc, const char *why)
{
	struct candidate *candidate = arg;

	if (rc != 0) {
		SPDK_ERRLOG("%s does not become a member again: %s\n", candidate->name,
			why != NULL ? why : spdk_strerror(-rc));
	}
	candidate_done(candidate);
}

static void
refuse(struct candidate *candidate, const struct raid *raid, const char *why)
{
	SPDK_ERRLOG("%s: %s is not used: %s\n", raid->bdev.name, candidate->name, why);
	candidate_done(candidate);
}

const char *
raid_assemble_check_return(struct raid *raid, const struct raid_super *super, struct raid_member **member)
{
	*member = find_by_id(raid, &super->id);
	if (*member == NULL) {
		return "it was a member of this array and has been replaced";
	}
	if ((*member)->name != NULL) {
		return "another bdev is this member. Is one of them a copy?";
	}
	if (super->sequence >= (*member)->left_sequence) {
		return "it has been changed without the others, as they have without it. If what it holds is not "
		       "needed, wipe it";
	}
	return NULL;
}

/* Of an array that has been started: members that have left may come back. */
static void
assemble_return(struct candidate *candidate, struct raid *raid, const struct raid_super *super)
{
	struct raid_member *member;
	const char *why = raid_assemble_check_return(raid, super, &member);

	/* It may have become a member while it was read. */
	if (member != NULL && member->bdev != NULL && member->bdev == spdk_bdev_get_by_name(candidate->name)) {
		candidate_done(candidate);
	} else if (raid->state == RAID_OFFLINE) {
		refuse(candidate, raid, "the array is offline; it has to be deleted first");
	} else if (why != NULL) {
		refuse(candidate, raid, why);
	} else {
		raid_add_returning(member, candidate->name, super, returned_cb, candidate);
	}
}

/* Of one that waits for members, and says now what the newest of them says. */
static void
assemble_member(struct candidate *candidate, struct raid *raid, const struct raid_super *super)
{
	struct raid_member *member = find_by_id(raid, &super->id);
	const char *why = NULL;
	int rc;

	if (member == NULL || !is_named(member)) {
		refuse(candidate, raid, "it is stale: the other members do without it");
		return;
	}
	if (super->sequence + 1 < raid_superblock_get_sequence(raid)) {
		refuse(candidate, raid,
			"it is stale: what it says of the array is old, but nobody has missed it. Is it a copy?");
		return;
	}
	if (member->desc != NULL && member->bdev == spdk_bdev_get_by_name(candidate->name)) {
		candidate_done(candidate);
		return;
	}
	if (member->desc != NULL) {
		refuse(candidate, raid, "another bdev says that it is this member. Is one of them a copy?");
		return;
	}
	rc = raid_member_set_name(member, candidate->name);
	if (rc == 0) {
		uint64_t until = member->in_sync_until;
		bool lacks_dirty_only = member->lacks_dirty_only;

		rc = raid_member_add_known(member, &why);
		member->in_sync_until = member->durable_until = until;
		member->lacks_dirty_only = lacks_dirty_only;
	}
	if (rc != 0) {
		free(member->name);
		member->name = NULL;
		refuse(candidate, raid, why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	member->sequence = super->sequence;
	start_timer(raid);
	raid_start_if_complete(raid, started_cb, candidate);
}

static void
try_again_cb(void *arg)
{
	struct candidate *candidate = arg;
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(candidate->name);

	if (bdev != NULL) {
		raid_assemble(bdev, other_done_cb, candidate);
	} else {
		candidate_done(candidate);
	}
}

/* Those that an array has the UUIDs of may have been there before anybody knew of it. */
static void
look_for_others(const struct raid *raid, struct candidate *candidate)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];
		struct spdk_bdev *bdev = is_named(member) ? raid_find_bdev(&member->bdev_uuid) : NULL;

		if (bdev != NULL && strcmp(bdev->name, candidate->name) != 0) {
			candidate->pending++;
			raid_assemble(bdev, other_done_cb, candidate);
		}
	}
}

static bool
says_other(const struct raid *raid, const struct raid_super *super)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].recorded != super->slots[slot].state) {
			return true;
		}
	}
	return false;
}

/* Whether a member that is there says what the array is now, under that number, although the superblock names it. */
static bool
is_unfinished(const struct raid *raid, const struct raid_super *super)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];
		const struct raid_super_slot *said = &super->slots[slot];

		if (member->desc != NULL && member->sequence == super->sequence &&
			(said->state == RAID_SLOT_CONFIGURED || said->state == RAID_SLOT_REBUILDING)) {
			return true;
		}
	}
	return false;
}

/*
 * A number may stand for two things: a crash came between the members to which the first was written, and the array started
 * again without the one that had it already. That one was not finished, so nothing was done by it: a member that it names
 * has the other. The other one was, as far as anybody here can tell, and may have been gone by since.
 */
static bool
is_better(struct raid *raid, const struct raid_super *super)
{
	const struct raid_member *member;

	if (super->sequence != raid_superblock_get_sequence(raid)) {
		return super->sequence > raid_superblock_get_sequence(raid);
	}
	member = find_by_id(raid, &super->id);
	return says_other(raid, super) && member != NULL && is_named(member) && !is_unfinished(raid, super);
}

static void
assemble_super(struct candidate *candidate, const struct raid_super *super)
{
	struct raid *raid = find_by_uuid(&super->uuid);
	const char *why = NULL;
	int rc = 0;

	if (raid == NULL) {
		raid = create(super, &rc, &why);
		if (raid == NULL) {
			SPDK_ERRLOG("%s is a member of the array %s, which cannot be made: %s\n", candidate->name,
				super->name, why != NULL ? why : spdk_strerror(-rc));
			candidate_done(candidate);
			return;
		}
		look_for_others(raid, candidate);
	}
	if (raid->superblock == NULL || (!raid->assembled && raid->state == RAID_CONFIGURING)) {
		refuse(candidate, raid, "it says that it is of an array with this UUID, which was created otherwise");
	} else if (!is_same_array(raid, super)) {
		refuse(candidate, raid, "what it says of the array is not what the others say");
	} else if (raid->deleting) {
		refuse(candidate, raid, "the array is being deleted");
	} else if (raid->starting) {
		candidate->waiter =
			(struct raid_waiter){.cb = try_again_cb, .arg = candidate, .next = raid->start_watchers};
		raid->start_watchers = &candidate->waiter;
	} else if (raid->state != RAID_CONFIGURING) {
		assemble_return(candidate, raid, super);
	} else {
		if (is_better(raid, super)) {
			adopt(raid, super);
		}
		assemble_member(candidate, raid, super);
	}
}

static void
loaded_cb(void *arg, int rc, enum raid_super_kind kind, const struct raid_super *super, const char *why)
{
	struct candidate *candidate = arg;

	if (kind == RAID_SUPER_UNUSABLE) {
		SPDK_ERRLOG("%s holds the superblock of an array that cannot be used: %s. It is left as it is\n",
			candidate->name, why);
	}
	if (kind == RAID_SUPER_GOOD) {
		assemble_super(candidate, super);
	} else {
		candidate_done(candidate);
	}
}

void
raid_assemble(struct spdk_bdev *bdev, raid_cb done, void *arg)
{
	struct candidate *candidate = calloc(1, sizeof(*candidate));
	int rc = -ENOMEM;

	if (candidate != NULL) {
		candidate->pending = 1;
		candidate->done = done;
		candidate->arg = arg;
		candidate->name = strdup(bdev->name);
		rc = candidate->name == NULL ? -ENOMEM : raid_load(bdev, loaded_cb, candidate);
	}
	if (rc != 0) {
		SPDK_ERRLOG("%s: cannot look for the superblock of an array: %s\n", bdev->name, spdk_strerror(-rc));
		free(candidate != NULL ? candidate->name : NULL);
		free(candidate);
		done(arg);
	}
}
