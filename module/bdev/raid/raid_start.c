/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Going online.
 *
 *   start_check: what it is, as its members have it.
 *   start_load: where they may differ after a crash.
 *   start_write_superblock: before anybody can write to it, its members say who they are, and who is missing.
 *   start_look_again: of a new array: each of them has its own, so none of them is there twice.
 *   start_keep: what a crash has interrupted is carried out, now that who is missing is known to be.
 *   start_register: there is a bdev.
 *   start_end
 */

#include "module/bdev/raid/raid_keep.h"
#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static char g_product_name[] = "Raid Volume";

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

	/* Superblocks say it, where there are any. */
	if (raid->state == RAID_ONLINE && raid->superblock == NULL) {
		raid_write_config(raid, w);
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return ((const struct raid *)ctx)->io_types & (1u << io_type);
}

/* Those of all members, one after the other. What a member cannot reach the layer brings to it. */
static int
get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct raid *raid = ctx;
	int count = 0;

	/* Tags are rewritten in the buffers, which must be within reach for that. */
	if (!raid->ops->passes_memory || spdk_bdev_is_dif_check_enabled(&raid->bdev, SPDK_DIF_CHECK_TYPE_REFTAG)) {
		return 0;
	}
	ENV_MUTEX_SCOPE(&raid->lock);
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct raid_member *member = &raid->members[slot];
		int size = spdk_max(array_size - count, 0);

		if (member->in_channels) {
			int rc = spdk_bdev_get_memory_domains(member->bdev, size > 0 ? domains + count : NULL, size);

			count += spdk_max(rc, 0);
		}
	}
	return count;
}

static const struct spdk_bdev_fn_table g_raid_fn_table = {
	.destruct = raid_destruct,
	.submit_request = raid_submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
	.dump_info_json = dump_info_json,
	.write_config_json = write_config_json,
	.get_memory_domains = get_memory_domains,
};

/* ---- What it is ---- */

/* As the members have it; they all have the same blocks. */
static int
set_properties(struct raid *raid, const char **why)
{
	struct spdk_bdev *bdev = &raid->bdev;
	int rc;

	bdev->phys_blocklen = 0;
	bdev->required_alignment = 0;
	bdev->write_cache = 0;
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
	if (raid->assembled && bdev->blockcnt < raid->size) {
		*why = "its members are smaller than their superblocks say";
		return -EINVAL;
	}
	/* Members that are missing may be the smallest. */
	bdev->blockcnt = raid->assembled ? raid->size : bdev->blockcnt;
	raid->size = bdev->blockcnt;
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

/* ---- Going online ---- */

static void
start_end(struct raid *raid, int rc, const char *why)
{
	raid_done_cb done = raid->start_done;
	void *arg = raid->start_arg;
	struct raid_waiter *watchers = raid->start_watchers;

	raid->starting = false;
	raid->start_watchers = NULL;
	if (rc == 0) {
		spdk_poller_unregister(&raid->assembly_timer);
		raid_process_start(raid);
		/* Members may have grown while it was away. */
		raid_resize(raid);
	}
	done(arg, rc, why);
	raid_call_waiters(watchers);
	raid_let_go(raid);
}

/* One that does not answer may be leaving, with what it has been given. */
static bool
is_there(const struct raid_member *member)
{
	return member->desc != NULL && !member->leaving;
}

static uint8_t
count_members(const struct raid *raid)
{
	uint8_t count = 0;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		count += is_there(&raid->members[slot]);
	}
	return count;
}

static int
register_channels(struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		raid->members[slot].in_channels = is_there(&raid->members[slot]);
	}
	return bdk_io_device_register(raid, raid_channel_create_cb, raid_channel_destroy_cb,
		sizeof(struct raid_channel) + raid->num_members * sizeof(struct raid_member_channel), raid->bdev.name);
}

static void
start_register(struct raid *raid)
{
	const char *why = NULL;
	int rc;

	rc = register_channels(raid);
	if (rc != 0) {
		start_end(raid, rc, NULL);
		return;
	}
	raid->agrees_until = raid->resync_offset;
	raid->num_operational = count_members(raid);
	raid->state = RAID_ONLINE;
	raid->registered = true;
	rc = raid_has_plain_strips(raid) ? bdk_bdev_register_in_strips(&raid->bdev, raid_get_strips)
					 : spdk_bdev_register(&raid->bdev);
	if (rc != 0) {
		why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		raid->state = RAID_CONFIGURING;
		raid->registered = false;
		spdk_io_device_unregister(raid, NULL);
	}
	start_end(raid, rc, why);
}

static void start_check(struct raid *raid);
static void start_look_again(struct raid *raid);

/* Goes on if all members are there that it began with. */
static void
start_go_on(struct raid *raid, void (*next)(struct raid *raid))
{
	if (raid->deleting) {
		start_end(raid, -ENODEV, NULL);
	} else if (count_members(raid) == raid->start_members) {
		next(raid);
	} else if (raid->assembled && raid_has_enough_members(raid)) {
		/* Without those that have gone, or on which it has failed. */
		start_check(raid);
	} else {
		start_end(raid, -EIO, "a member has gone, or its superblock cannot be written");
	}
}

static void
kept_cb(void *arg)
{
	start_go_on(arg, start_register);
}

static void
start_keep(struct raid *raid)
{
	raid->start_waiter.cb = kept_cb;
	raid_keep_start(raid, &raid->start_waiter);
}

/* Two bdevs may be one disk, which nothing else tells. One that cannot be read any more is not what is looked for. */
static void
looked_again_cb(void *arg, int rc, enum raid_super_kind kind, const struct raid_super *super, const char *why)
{
	struct raid *raid = arg;
	const struct raid_member *member = &raid->members[raid->start_slot];

	if (kind == RAID_SUPER_GOOD && member->desc != NULL && spdk_uuid_compare(&super->id, &member->id) != 0) {
		start_end(raid, -EINVAL, "two of its members are the same disk");
		return;
	}
	raid->start_slot++;
	start_go_on(raid, start_look_again);
}

static void
start_look_again(struct raid *raid)
{
	int rc;

	if (raid->superblock == NULL || raid->assembled || raid->start_slot == raid->num_members) {
		start_keep(raid);
		return;
	}
	rc = raid_load(raid->members[raid->start_slot].bdev, looked_again_cb, raid);
	if (rc != 0) {
		start_end(raid, rc, NULL);
	}
}

static void
superblock_written_cb(void *arg)
{
	struct raid *raid = arg;

	raid->start_slot = 0;
	start_go_on(raid, start_look_again);
}

static void
start_write_superblock(struct raid *raid)
{
	raid->start_waiter.cb = superblock_written_cb;
	raid_superblock_write(raid, &raid->start_waiter);
}

static void
loaded_cb(void *arg)
{
	start_go_on(arg, start_write_superblock);
}

static void
start_load(struct raid *raid)
{
	raid->start_members = count_members(raid);
	raid->start_waiter.cb = loaded_cb;
	raid->start_waiter.arg = raid;
	raid_keep_load(raid, &raid->start_waiter);
}

static void
start_check(struct raid *raid)
{
	const char *why = NULL;
	int rc;

	if (!raid_has_enough_members(raid)) {
		start_end(raid, -ENODEV, "it has less members than its data need");
		return;
	}
	rc = set_properties(raid, &why);
	rc = rc == 0 ? raid_keep_create(raid, &why) : rc;
	if (rc == 0 && (spdk_bdev_get_by_name(raid->bdev.name) != NULL || raid_find_bdev(&raid->bdev.uuid) != NULL)) {
		rc = -EEXIST;
		why = "another bdev has its name or its UUID";
	}
	if (rc != 0) {
		start_end(raid, rc, why);
		return;
	}
	set_io_types(raid);
	raid->bdev.product_name = g_product_name;
	raid->bdev.ctxt = raid;
	raid->bdev.fn_table = &g_raid_fn_table;
	raid->bdev.module = &g_raid_module;
	start_load(raid);
}

void
raid_start(struct raid *raid, raid_done_cb done, void *arg)
{
	assert(raid->state == RAID_CONFIGURING && !raid->starting);
	raid->starting = true;
	raid->start_done = done;
	raid->start_arg = arg;
	raid_hold(raid);
	start_check(raid);
}

/* Of those that it was put together for, or that it was created with. */
static bool
is_complete(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->desc == NULL && (!raid->assembled || member->recorded == RAID_SLOT_CONFIGURED)) {
			return false;
		}
	}
	return true;
}

void
raid_start_if_complete(struct raid *raid, raid_done_cb done, void *arg)
{
	if (raid->state == RAID_CONFIGURING && !raid->creating && !raid->starting && !raid->deleting &&
		is_complete(raid)) {
		raid_start(raid, done, arg);
	} else {
		done(arg, 0, NULL);
	}
}
