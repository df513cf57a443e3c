/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of an array: creation and its end; and the module. raid_start.c has what is in between. */

#include "module/bdev/raid/raid_keep.h"
#include "module/bdev/raid/raid_superblock.h"

#include "bdevkit/bdev_module.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static void raid_module_examine(struct spdk_bdev *bdev);
static int raid_module_init(void);
static void raid_module_fini_start(void);
static void raid_module_fini(void);
static int raid_module_get_ctx_size(void);
static int raid_module_config_json(struct spdk_json_write_ctx *w);

struct spdk_bdev_module g_raid_module = {
	.name = "raid",
	.module_init = raid_module_init,
	.fini_start = raid_module_fini_start,
	.module_fini = raid_module_fini,
	.get_ctx_size = raid_module_get_ctx_size,
	.examine_disk = raid_module_examine,
	.config_json = raid_module_config_json,
};

SPDK_BDEV_MODULE_REGISTER(raid, &g_raid_module)

struct raid_list g_raids = TAILQ_HEAD_INITIALIZER(g_raids);

struct raid *
raid_find(const char *name)
{
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		if (strcmp(raid->bdev.name, name) == 0) {
			return raid;
		}
	}
	return NULL;
}

void
raid_call_waiters(struct raid_waiter *waiter)
{
	while (waiter != NULL) {
		struct raid_waiter *next = waiter->next;

		waiter->cb(waiter->arg);
		waiter = next;
	}
}

void
raid_hold(struct raid *raid)
{
	raid->holds++;
}

bool
raid_has_enough_members(const struct raid *raid)
{
	uint8_t num_good = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		num_good += member->desc != NULL && !member->leaving && member->in_sync_until == UINT64_MAX;
	}
	return num_good >= raid->min_operational;
}

static bool
has_members(const struct raid *raid)
{
	return raid->num_discovered > 0;
}

/* ---- The end of the bdev: destruct_wait_for_holds, destruct_finish, destruct_unregister_channels, destruct_done_cb ---- */

static void
destruct_done_cb(void *io_device)
{
	struct raid *raid = io_device;

	raid->registered = false;
	spdk_bdev_destruct_done(&raid->bdev, 0);
	/* Members that were to leave wait no longer; the array may go with the last one. */
	raid_hold(raid);
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].leaving) {
			raid_member_left(&raid->members[slot]);
		}
	}
	if (!has_members(raid)) {
		raid_delete(raid, false, NULL);
	}
	raid_let_go(raid);
}

static void
destruct_unregister_channels(struct raid *raid)
{
	raid->ending = false;
	spdk_io_device_unregister(raid, destruct_done_cb);
}

static void
finished_cb(void *arg)
{
	raid_let_go(arg);
}

static void
destruct_write_clean_cb(void *arg)
{
	struct raid *raid = arg;

	raid->end_waiter.cb = finished_cb;
	raid_superblock_write_clean(raid, &raid->end_waiter);
}

/* It was well up to now: what the members hold says so, and that they agree. */
static void
destruct_finish(struct raid *raid)
{
	raid->ended_properly = false;
	raid_hold(raid);
	raid->end_waiter.cb = destruct_write_clean_cb;
	raid->end_waiter.arg = raid;
	raid_keep_finish(raid, &raid->end_waiter);
}

static void
destruct_wait_for_holds(void *ctx)
{
	struct raid *raid = ctx;

	/* Neither it nor its user wants it to end: the layer does. */
	raid->deleting = raid->deleting || raid->state == RAID_ONLINE;
	raid->ended_properly = raid->ended_properly || raid->state == RAID_ONLINE;
	raid->state = RAID_OFFLINE;
	raid->ending = true;
	raid_hold(raid);
	raid_process_wake(raid);
	raid_let_go(raid);
}

int
raid_destruct(void *ctx)
{
	int rc;

	rc = spdk_thread_exec_msg(spdk_thread_get_app_thread(), destruct_wait_for_holds, ctx);
	return rc == 0 ? 1 : rc;
}

void
raid_fail(struct raid *raid)
{
	raid->state = RAID_OFFLINE;
	raid_process_wake(raid);
	spdk_bdev_unregister(&raid->bdev, NULL, NULL);
}

/* ---- The end of an array: delete_wipe, delete_done ---- */

static void
free_raid(struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		free(raid->members[slot].name);
	}
	if (raid->ops->stop != NULL) {
		raid->ops->stop(raid);
	}
	raid_repair_free(raid);
	raid_keep_free(raid);
	raid_superblock_free(raid);
	env_mutex_destroy(&raid->lock);
	free(raid->members);
	free(raid->bdev.name);
	free(raid);
}

/* Nothing of it is in use any more. */
static void
delete_done(struct raid *raid)
{
	struct raid_waiter *waiter = raid->gone_waiters;

	TAILQ_REMOVE(&g_raids, raid, link);
	spdk_poller_unregister(&raid->assembly_timer);
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid_member_close(&raid->members[slot]);
	}
	free_raid(raid);
	raid_call_waiters(waiter);
}

static void
delete_wipe(struct raid *raid)
{
	raid->wipe = false;
	raid_hold(raid);
	raid->end_waiter.cb = finished_cb;
	raid->end_waiter.arg = raid;
	raid_superblock_wipe(raid, &raid->end_waiter);
}

void
raid_let_go(struct raid *raid)
{
	assert(raid->holds > 0);
	if (--raid->holds > 0) {
		return;
	}
	if (raid->ending && raid->ended_properly) {
		destruct_finish(raid);
	} else if (raid->ending) {
		destruct_unregister_channels(raid);
	} else if (raid->deleting && !raid->registered && raid->wipe) {
		delete_wipe(raid);
	} else if (raid->deleting && !raid->registered) {
		delete_done(raid);
	}
}

void
raid_delete(struct raid *raid, bool wipe, struct raid_waiter *waiter)
{
	if (waiter != NULL) {
		waiter->next = raid->gone_waiters;
		raid->gone_waiters = waiter;
	}
	if (raid->deleting) {
		return;
	}
	raid->deleting = true;
	raid->wipe = wipe;
	raid_hold(raid);
	if (raid->registered && raid->state == RAID_ONLINE) {
		raid->ended_properly = true;
		raid_fail(raid);
	}
	raid_let_go(raid);
}

void
raid_member_gone(struct raid *raid)
{
	if (!raid->registered && raid->state == RAID_OFFLINE && !has_members(raid)) {
		raid_delete(raid, false, NULL);
	}
}

/* ---- Creation: create_open_next, create_start, create_done ---- */

static int
check_opts(const struct raid_opts *opts, const char **why)
{
	if (opts->name[0] == '\0' || strlen(opts->name) >= RAID_NAME_SIZE) {
		*why = "a name has 1 to 63 characters";
		return -EINVAL;
	}
	if (raid_find(opts->name) != NULL) {
		*why = "a raid bdev of that name exists";
		return -EEXIST;
	}
	if (opts->ops->has_strips ? !spdk_u32_is_pow2(opts->strip_size_kb) : opts->strip_size_kb != 0) {
		*why = opts->ops->has_strips ? "strip_size_kb has to be a power of two" : "this level has no strips";
		return -EINVAL;
	}
	if (opts->num_members < opts->ops->min_members || opts->num_members > RAID_MAX_MEMBERS) {
		*why = "the level needs more members, or cannot have so many";
		return -EINVAL;
	}
	for (size_t i = 0; opts->members != NULL && i < opts->num_members; i++) {
		if (opts->members[i][0] == '\0') {
			*why = "the name of a member is empty";
			return -EINVAL;
		}
		if (strcmp(opts->members[i], opts->name) == 0) {
			*why = "it cannot be a member of itself";
			return -EINVAL;
		}
	}
	if (!opts->superblock && opts->policy != RAID_POLICY_RESYNC && opts->policy != RAID_NUM_POLICIES) {
		*why = "a bitmap or a journal needs superblocks";
		return -EINVAL;
	}
	return 0;
}

static int
init_members(struct raid *raid, const struct raid_opts *opts)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid->members[slot].raid = raid;
		raid->members[slot].slot = slot;
		if (opts->members != NULL && raid_member_set_name(&raid->members[slot], opts->members[slot]) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * Nobody knows what new members hold. Where no write relies on parity only what was never written is at stake, which is not worth
 * going through all of it at each start, when there is nothing that says that it was done before.
 */
static bool
must_resync(const struct raid_opts *opts)
{
	return opts->ops->has_parity && (opts->superblock || !opts->ops->writes_stripes);
}

static struct raid *
make_raid(const struct raid_opts *opts)
{
	struct raid *raid;

	raid = calloc(1, sizeof(*raid));
	if (raid == NULL) {
		return NULL;
	}
	raid->members = calloc(opts->num_members, sizeof(*raid->members));
	raid->bdev.name = strdup(opts->name);
	if (raid->members == NULL || raid->bdev.name == NULL || env_mutex_init(&raid->lock) != 0) {
		free(raid->members);
		free(raid->bdev.name);
		free(raid);
		return NULL;
	}
	raid->num_members = (uint8_t)opts->num_members;
	raid->ops = opts->ops;
	raid->strip_size_kb = opts->strip_size_kb;
	raid->num_operational = raid->num_members;
	raid->min_operational = raid->num_members - opts->ops->get_redundancy(raid->num_members);
	raid->bdev.uuid = opts->uuid;
	raid->policy = raid_keep_choose_policy(opts);
	raid->resync_offset = must_resync(opts) ? 0 : UINT64_MAX;
	raid->agrees_until = UINT64_MAX;
	raid->grow_from = UINT64_MAX;
	TAILQ_INIT(&raid->windows);
	TAILQ_INIT(&raid->area_ios);
	TAILQ_INIT(&raid->resets);
	if (init_members(raid, opts) != 0 || (opts->ops->recover != NULL && raid_repair_alloc(raid) != 0) ||
		(opts->superblock && raid_superblock_alloc(raid, false, 0) != 0)) {
		free_raid(raid);
		return NULL;
	}
	return raid;
}

struct raid *
raid_alloc(const struct raid_opts *opts, int *rc, const char **why)
{
	struct raid *raid;

	*why = NULL;
	*rc = check_opts(opts, why);
	if (*rc != 0) {
		return NULL;
	}
	raid = make_raid(opts);
	if (raid == NULL) {
		*rc = -ENOMEM;
		return NULL;
	}
	if (spdk_uuid_is_null(&raid->bdev.uuid)) {
		spdk_uuid_generate(&raid->bdev.uuid);
	}
	TAILQ_INSERT_TAIL(&g_raids, raid, link);
	return raid;
}

struct creation {
	struct raid *raid;
	bool overwrite;
	raid_done_cb done;
	void *arg;
	uint8_t next_slot;
	int rc;
	const char *why;
	struct raid_waiter gone;
};

static void
create_answer_cb(void *arg)
{
	struct creation *creation = arg;

	creation->done(creation->arg, creation->rc, creation->why);
	free(creation);
}

static void
create_done_cb(void *arg, int rc, const char *why)
{
	struct creation *creation = arg;
	struct raid *raid = creation->raid;

	raid->creating = false;
	creation->rc = rc == 0 && raid->deleting ? -ENODEV : rc;
	creation->why = why;
	if (creation->rc != 0) {
		creation->gone = (struct raid_waiter){.cb = create_answer_cb, .arg = creation};
		raid_delete(raid, raid->superblock != NULL, &creation->gone);
	} else {
		create_answer_cb(creation);
	}
	raid_let_go(raid);
}

static void
create_start(struct creation *creation)
{
	creation->raid->creating = false;
	raid_start_if_complete(creation->raid, create_done_cb, creation);
}

static void create_open_next(struct creation *creation);

static void
opened_cb(void *arg, int rc, const char *why)
{
	struct creation *creation = arg;
	struct raid *raid = creation->raid;

	if (rc == -ENODEV && !raid->deleting) {
		SPDK_NOTICELOG(
			"%s waits for its member %s\n", raid->bdev.name, raid->members[creation->next_slot].name);
		rc = 0;
	}
	if (rc != 0) {
		create_done_cb(creation, rc, why);
		return;
	}
	creation->next_slot++;
	create_open_next(creation);
}

static void
create_open_next(struct creation *creation)
{
	struct raid *raid = creation->raid;

	/* One that has come meanwhile is a member already. */
	while (creation->next_slot < raid->num_members &&
		(raid->members[creation->next_slot].desc != NULL ||
			raid->members[creation->next_slot].opening != NULL)) {
		creation->next_slot++;
	}
	if (creation->next_slot == raid->num_members) {
		create_start(creation);
		return;
	}
	raid_member_add(&raid->members[creation->next_slot], creation->overwrite, opened_cb, creation);
}

void
raid_create(const struct raid_opts *opts, raid_done_cb done, void *arg)
{
	struct creation *creation = calloc(1, sizeof(*creation));
	const char *why = NULL;
	int rc = -ENOMEM;

	if (creation != NULL) {
		creation->raid = raid_alloc(opts, &rc, &why);
	}
	if (rc != 0) {
		free(creation);
		done(arg, rc, why);
		return;
	}
	creation->overwrite = opts->overwrite;
	creation->done = done;
	creation->arg = arg;
	creation->raid->creating = true;
	raid_hold(creation->raid);
	create_open_next(creation);
}

/* ---- The module ---- */

static bool
waits_for(const struct raid_member *member, const struct spdk_bdev *bdev)
{
	const struct spdk_uuid *uuid = spdk_bdev_get_uuid(bdev);

	return member->desc == NULL && member->opening == NULL &&
		((member->name != NULL && strcmp(member->name, bdev->name) == 0) ||
			(!spdk_uuid_is_null(&member->uuid) && spdk_uuid_compare(&member->uuid, uuid) == 0));
}

/* One that nobody has put together from superblocks, which say more than names do. */
static struct raid_member *
find_waiting(const struct spdk_bdev *bdev)
{
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		for (uint8_t slot = 0; slot < raid->num_members; slot++) {
			if (raid->state == RAID_CONFIGURING && !raid->assembled && !raid->deleting &&
				waits_for(&raid->members[slot], bdev)) {
				return &raid->members[slot];
			}
		}
	}
	return NULL;
}

static void
examined_cb(void *arg)
{
	spdk_bdev_module_examine_done(&g_raid_module);
}

static void
examine_started_cb(void *arg, int rc, const char *why)
{
	struct raid *raid = arg;

	if (rc != 0) {
		SPDK_ERRLOG("%s cannot go online: %s\n", raid->bdev.name, why != NULL ? why : spdk_strerror(-rc));
	}
	raid_let_go(raid);
	examined_cb(NULL);
}

static void
examine_added_cb(void *arg, int rc, const char *why)
{
	struct raid_member *member = arg;
	struct raid *raid = member->raid;

	if (rc != 0) {
		SPDK_ERRLOG("%s: %s does not come to be a member: %s\n", raid->bdev.name, member->name,
			why != NULL ? why : spdk_strerror(-rc));
	}
	raid_start_if_complete(raid, examine_started_cb, raid);
}

/* Called for each new bdev: is it a member that an array waits for, or does it say of itself that it is one? */
static void
raid_module_examine(struct spdk_bdev *bdev)
{
	struct raid_member *member = find_waiting(bdev);

	if (member == NULL || raid_member_set_name(member, bdev->name) != 0) {
		raid_assemble(bdev, examined_cb, NULL);
		return;
	}
	raid_hold(member->raid);
	raid_member_add(member, false, examine_added_cb, member);
}

/* Nobody tells it of such a member: it has to exist when the array is created. */
static bool
has_member_that_is_not_examined(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].bdev != NULL && !bdk_bdev_is_examined(raid->members[slot].bdev)) {
			return true;
		}
	}
	return false;
}

static void
write_waiting(struct spdk_json_write_ctx *w, bool late)
{
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		if (raid->state == RAID_CONFIGURING && !raid->assembled &&
			has_member_that_is_not_examined(raid) == late) {
			raid_write_config(raid, w);
		}
	}
}

/* Those that are online are saved with the other bdevs, after their members. */
static int
raid_module_config_json(struct spdk_json_write_ctx *w)
{
	raid_write_options(w);
	write_waiting(w, false);
	return 0;
}

static void
write_late_config(struct spdk_json_write_ctx *w)
{
	write_waiting(w, true);
}

static struct bdk_bdev_late_config g_late_config = {.write = write_late_config};

static void __attribute__((constructor)) register_late_config(void)
{
	bdk_bdev_register_late_config(&g_late_config);
}

static int
raid_module_get_ctx_size(void)
{
	return sizeof(struct raid_io);
}

static int
raid_module_init(void)
{
	return 0;
}

/* Members cannot go while somebody who has no bdev yet holds them. */
static void
raid_module_fini_start(void)
{
	struct raid *raid, *next;

	TAILQ_FOREACH_SAFE (raid, &g_raids, link, next) {
		if (!raid->registered) {
			raid_delete(raid, false, NULL);
		}
	}
}

static void
raid_module_fini(void)
{
	raid_module_fini_start();
}
