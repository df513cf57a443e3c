/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of an array: creation, going online, growing, and its end; and the module. */

#include "module/bdev/raid/raid.h"

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

static char g_product_name[] = "Raid Volume";

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

/* ---- The end ---- */

static void
free_raid(struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		free(raid->members[slot].name);
	}
	if (raid->ops->stop != NULL) {
		raid->ops->stop(raid);
	}
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
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid_member_close(&raid->members[slot]);
	}
	free_raid(raid);
	while (waiter != NULL) {
		struct raid_waiter *next = waiter->next;

		waiter->cb(waiter->arg);
		waiter = next;
	}
}

void
raid_delete(struct raid *raid, struct raid_waiter *waiter)
{
	if (waiter != NULL) {
		waiter->next = raid->gone_waiters;
		raid->gone_waiters = waiter;
	}
	if (raid->deleting) {
		return;
	}
	raid->deleting = true;
	raid_hold(raid);
	if (raid->registered) {
		raid_fail(raid);
	}
	raid_let_go(raid);
}

static bool
has_members(const struct raid *raid)
{
	return raid->num_discovered > 0;
}

void
raid_member_gone(struct raid *raid)
{
	if (!raid->registered && raid->state == RAID_OFFLINE && !has_members(raid)) {
		raid_delete(raid, NULL);
	}
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

void
raid_hold(struct raid *raid)
{
	raid->holds++;
}

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
	raid->deleting = raid->deleting || !has_members(raid);
	raid_let_go(raid);
}

static void
destruct_unregister_channels(struct raid *raid)
{
	raid->ending = false;
	spdk_io_device_unregister(raid, destruct_done_cb);
}

void
raid_let_go(struct raid *raid)
{
	assert(raid->holds > 0);
	if (--raid->holds > 0) {
		return;
	}
	if (raid->ending) {
		destruct_unregister_channels(raid);
	} else if (raid->deleting && !raid->registered) {
		delete_done(raid);
	}
}

static void
destruct_wait_for_holds(void *ctx)
{
	struct raid *raid = ctx;

	/* Neither it nor its user wants it to end: the layer does. */
	raid->deleting = raid->deleting || raid->state == RAID_ONLINE;
	raid->state = RAID_OFFLINE;
	raid->ending = true;
	raid_hold(raid);
	raid_let_go(raid);
}

static int
destruct(void *ctx)
{
	int rc;

	rc = spdk_thread_exec_msg(spdk_thread_get_app_thread(), destruct_wait_for_holds, ctx);
	return rc == 0 ? 1 : rc;
}

void
raid_fail(struct raid *raid)
{
	raid->state = RAID_OFFLINE;
	spdk_bdev_unregister(&raid->bdev, NULL, NULL);
}

/* ---- What the layer asks of a bdev, except for I/O, which is in raid_io.c ---- */

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_object_begin(w, "raid");
	raid_write_info(ctx, w);
	spdk_json_write_object_end(w);
	return 0;
}

static void
write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	const struct raid *raid = bdev->ctxt;

	if (raid->state == RAID_ONLINE) {
		raid_write_config(raid, w);
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return ((const struct raid *)ctx)->io_types & (1u << io_type);
}

static const struct spdk_bdev_fn_table g_raid_fn_table = {
	.destruct = destruct,
	.submit_request = raid_submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
	.dump_info_json = dump_info_json,
	.write_config_json = write_config_json,
};

/* ---- Going online ---- */

/* As the members have it; they all have the same blocks. */
static int
set_properties(struct raid *raid, const char **why)
{
	struct spdk_bdev *bdev = &raid->bdev;
	int rc;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct spdk_bdev *base = raid->members[slot].bdev;

		if (base == NULL) {
			continue;
		}
		bdev->blocklen = base->blocklen;
		bdev->md_len = base->md_len;
		bdev->md_interleave = base->md_interleave;
		bdev->dif_type = base->dif_type;
		bdev->dif_pi_format = base->dif_pi_format;
		bdev->dif_is_head_of_md = base->dif_is_head_of_md;
		bdev->dif_check_flags = base->dif_check_flags;
		bdev->phys_blocklen = spdk_max(bdev->phys_blocklen, base->phys_blocklen);
		bdev->required_alignment = spdk_max(bdev->required_alignment, base->required_alignment);
		/* A promise of one is kept by FLUSH to all. */
		bdev->write_cache |= base->write_cache;
	}
	if (raid->ops->has_strips) {
		uint32_t data_size = spdk_bdev_get_data_block_size(bdev);

		raid->strip_size = (uint64_t)raid->strip_size_kb * 1024 / data_size;
		if (raid->strip_size == 0 || !spdk_u32_is_pow2((uint32_t)raid->strip_size)) {
			*why = "a strip is not a power of two of blocks";
			return -EINVAL;
		}
		raid->strip_shift = spdk_u32log2((uint32_t)raid->strip_size);
	}
	rc = raid->ops->start(raid, why);
	if (rc != 0) {
		return rc;
	}
	bdev->blockcnt = raid->ops->get_size(raid);
	if (bdev->blockcnt == 0) {
		*why = "a member is smaller than a strip";
		return -EINVAL;
	}
	return 0;
}

/* What all members can do. */
static void
set_io_types(struct raid *raid)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_UNMAP, SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
		SPDK_BDEV_IO_TYPE_FLUSH, SPDK_BDEV_IO_TYPE_RESET};

	raid->io_types = 1u << SPDK_BDEV_IO_TYPE_READ | 1u << SPDK_BDEV_IO_TYPE_WRITE;
	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		bool all = raid->ops->can == NULL || raid->ops->can(raid, types[i]);

		for (uint8_t slot = 0; slot < raid->num_members; slot++) {
			all = all &&
				(raid->members[slot].desc == NULL ||
					spdk_bdev_io_type_supported(raid->members[slot].bdev, types[i]));
		}
		raid->io_types |= all ? 1u << types[i] : 0;
	}
}

int
raid_start(struct raid *raid, const char **why)
{
	int rc;

	rc = set_properties(raid, why);
	if (rc != 0) {
		return rc;
	}
	set_io_types(raid);
	raid->bdev.product_name = g_product_name;
	raid->bdev.ctxt = raid;
	raid->bdev.fn_table = &g_raid_fn_table;
	raid->bdev.module = &g_raid_module;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid->members[slot].in_channels = raid->members[slot].desc != NULL;
	}
	rc = bdk_io_device_register(raid, raid_channel_create_cb, raid_channel_destroy_cb,
		sizeof(struct raid_channel) + raid->num_members * sizeof(struct raid_member_channel), raid->bdev.name);
	if (rc != 0) {
		return rc;
	}
	raid->agrees_until = raid->resync_offset;
	raid->state = RAID_ONLINE;
	raid->registered = true;
	rc = spdk_bdev_register(&raid->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		raid->state = RAID_CONFIGURING;
		raid->registered = false;
		spdk_io_device_unregister(raid, NULL);
	}
	return rc;
}

/* It follows its members up, but never down: what would be cut off is somebody's. */
void
raid_resize(struct raid *raid)
{
	uint64_t size;
	int rc;

	if (raid->state != RAID_ONLINE || !raid->ops->grows) {
		return;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];

		if (member->desc != NULL) {
			member->data_size = spdk_bdev_get_num_blocks(member->bdev) - member->data_offset;
		}
	}
	size = raid->ops->get_size(raid);
	if (size < raid->bdev.blockcnt) {
		SPDK_ERRLOG("%s: a member has become too small: what lies beyond its end fails\n", raid->bdev.name);
	} else if (size > raid->bdev.blockcnt) {
		rc = spdk_bdev_notify_blockcnt_change(&raid->bdev, size);
		if (rc != 0) {
			SPDK_ERRLOG("%s: cannot grow with its members: %s\n", raid->bdev.name, spdk_strerror(-rc));
		}
	}
}

/* ---- Creation ---- */

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
	for (size_t i = 0; i < opts->num_members; i++) {
		if (opts->members[i][0] == '\0') {
			*why = "the name of a member is empty";
			return -EINVAL;
		}
	}
	return 0;
}

static struct raid *
alloc_raid(const struct raid_opts *opts)
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
	/* Nobody knows what new members hold. */
	raid->resync_offset = opts->ops->has_parity ? 0 : UINT64_MAX;
	raid->agrees_until = UINT64_MAX;
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid->members[slot].raid = raid;
		raid->members[slot].slot = slot;
		raid->members[slot].name = strdup(opts->members[slot]);
		if (raid->members[slot].name == NULL) {
			free_raid(raid);
			return NULL;
		}
	}
	return raid;
}

/* Those that exist. */
static int
open_members(struct raid *raid, const char **why)
{
	int rc = 0;

	for (uint8_t slot = 0; slot < raid->num_members && rc == 0; slot++) {
		rc = raid_member_open(&raid->members[slot], why);
		if (rc == -ENODEV) {
			SPDK_NOTICELOG("%s waits for its member %s\n", raid->bdev.name, raid->members[slot].name);
			rc = 0;
		}
	}
	return rc;
}

int
raid_create(const struct raid_opts *opts, const char **why)
{
	struct raid *raid;
	int rc;

	*why = NULL;
	rc = check_opts(opts, why);
	if (rc != 0) {
		return rc;
	}
	raid = alloc_raid(opts);
	if (raid == NULL) {
		return -ENOMEM;
	}
	if (spdk_uuid_is_null(&raid->bdev.uuid)) {
		spdk_uuid_generate(&raid->bdev.uuid);
	}
	TAILQ_INSERT_TAIL(&g_raids, raid, link);
	rc = open_members(raid, why);
	if (rc == 0 && raid->num_discovered == raid->num_operational) {
		rc = raid_start(raid, why);
	}
	if (rc != 0) {
		raid_delete(raid, NULL);
	}
	return rc;
}

/* ---- The module ---- */

static bool
waits_for(const struct raid_member *member, const struct spdk_bdev *bdev)
{
	return member->desc == NULL && member->name != NULL && strcmp(member->name, bdev->name) == 0;
}

/* Called for each new bdev: is it a member that an array waits for? */
static void
raid_module_examine(struct spdk_bdev *bdev)
{
	const char *why = NULL;
	struct raid *raid;
	int rc;

	TAILQ_FOREACH (raid, &g_raids, link) {
		for (uint8_t slot = 0; slot < raid->num_members && raid->state == RAID_CONFIGURING; slot++) {
			if (!waits_for(&raid->members[slot], bdev)) {
				continue;
			}
			rc = raid_member_open(&raid->members[slot], &why);
			if (rc == 0 && raid->num_discovered == raid->num_operational) {
				rc = raid_start(raid, &why);
			}
			if (rc != 0) {
				SPDK_ERRLOG("%s: %s does not come to be a member: %s\n", raid->bdev.name, bdev->name,
					why != NULL ? why : spdk_strerror(-rc));
			}
		}
	}
	spdk_bdev_module_examine_done(&g_raid_module);
}

/* Those that are online are saved with the other bdevs, after their members. */
static int
raid_module_config_json(struct spdk_json_write_ctx *w)
{
	struct raid *raid;

	TAILQ_FOREACH (raid, &g_raids, link) {
		if (raid->state == RAID_CONFIGURING) {
			raid_write_config(raid, w);
		}
	}
	return 0;
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
			raid_delete(raid, NULL);
		}
	}
}

static void
raid_module_fini(void)
{
	raid_module_fini_start();
}
