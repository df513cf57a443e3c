/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * In the order of the file: partitions that are bdevs, what the layer asks of them, how they are made, the examination of a
 * disk, the module.
 */

#include "module/bdev/gpt/vbdev_gpt.h"

#include "bdevkit/bdev_module.h"
#include "module/bdev/common/part_bdev.h"
#include "module/bdev/gpt/gpt_reader.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/*
 * Tables within partitions within partitions. What is on a disk decides, and each level costs stack for its I/O: a hostile
 * one could have thousands.
 */
#define MAX_DEPTH 2

/* A table that changes while its old partitions go is read again, but not for ever. */
#define MAX_READS 3

struct gpt_part {
	/* First: the helper frees it. */
	struct spdk_bdev_part part;
	struct gpt_partition info;
	/* 1: on a disk; 2: on a partition of one. */
	uint32_t depth;
};

static int vbdev_gpt_module_init(void);
static void vbdev_gpt_module_fini(void);
static void vbdev_gpt_examine_disk(struct spdk_bdev *bdev);
static int vbdev_gpt_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_gpt_module = {
	.name = "gpt",
	.module_init = vbdev_gpt_module_init,
	.module_fini = vbdev_gpt_module_fini,
	.get_ctx_size = part_bdev_get_ctx_size,
	.examine_disk = vbdev_gpt_examine_disk,
	.config_json = vbdev_gpt_config_json,
};

SPDK_BDEV_MODULE_REGISTER(gpt, &g_gpt_module)

static char g_product_name[] = "GPT Disk";

/* The types that are meant for SPDK, and for what older versions of it have made. */
static const struct spdk_gpt_guid g_spdk_type = SPDK_GPT_GUID(0x6527994e, 0x2c5a, 0x4eec, 0x9613, 0x8f5944074e8b);
static const struct spdk_gpt_guid g_old_spdk_type = SPDK_GPT_GUID(0x7c5222bd, 0x8f5d, 0x4087, 0x9c00, 0xbf9843c7b58c);

static enum gpt_partition_types g_types = GPT_PARTITIONS_SPDK;

/* All partitions of all disks. Application thread only. */
static SPDK_BDEV_PART_TAILQ g_parts = TAILQ_HEAD_INITIALIZER(g_parts);

static bool
has_type(const struct gpt_partition *partition, const struct spdk_gpt_guid *type)
{
	struct spdk_uuid uuid = gpt_guid_to_uuid(type);

	return spdk_uuid_compare(&partition->type, &uuid) == 0;
}

/* Any partition of a disk, or NULL. */
static struct spdk_bdev_part *
first_part_of(const struct spdk_bdev *disk)
{
	struct spdk_bdev_part *part;

	TAILQ_FOREACH (part, &g_parts, tailq) {
		if (spdk_bdev_part_get_base_bdev(part) == disk) {
			return part;
		}
	}
	return NULL;
}

static struct gpt_part *
find_part(const struct spdk_bdev *disk, uint32_t index)
{
	struct spdk_bdev_part *part;

	TAILQ_FOREACH (part, &g_parts, tailq) {
		struct gpt_part *gpt_part = SPDK_CONTAINEROF(part, struct gpt_part, part);

		if (spdk_bdev_part_get_base_bdev(part) == disk && gpt_part->info.index == index) {
			return gpt_part;
		}
	}
	return NULL;
}

/* Level of the partitions of a disk. That may be a partition which is not in the list yet, as it is being registered. */
static uint32_t
depth_on(const struct spdk_bdev *disk)
{
	const struct spdk_bdev_part *part = disk->ctxt;

	return disk->module == &g_gpt_module ? SPDK_CONTAINEROF(part, struct gpt_part, part)->depth + 1 : 1;
}

/* ---- What the layer asks of a partition; I/O is in module/bdev/common ---- */

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_gpt_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct gpt_part *part = SPDK_CONTAINEROF((struct spdk_bdev_part *)ctx, struct gpt_part, part);

	spdk_json_write_named_object_begin(w, "gpt");
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_part_get_base_bdev(&part->part)->name);
	spdk_json_write_named_uint64(w, "offset_blocks", spdk_bdev_part_get_offset_blocks(&part->part));
	spdk_json_write_named_uuid(w, "partition_type_guid", &part->info.type);
	spdk_json_write_named_uuid(w, "unique_partition_guid", &part->info.unique);
	spdk_json_write_named_string(w, "partition_name", part->info.name);
	spdk_json_write_object_end(w);
	return 0;
}

/* The helper adds what it does itself. A partition is found again, so there is nothing to save. */
static struct spdk_bdev_fn_table g_gpt_fn_table = {
	.destruct = part_bdev_destruct,
	.submit_request = part_bdev_submit,
	.dump_info_json = vbdev_gpt_dump_info_json,
	.get_memory_domains = part_bdev_get_memory_domains,
};

/* ---- Making partitions ---- */

/*
 * Reads an entry of the table. Returns 0 if it is to be a bdev, and how large; -ENOENT if not; -EINVAL if that is because
 * something is wrong with it.
 */
static int
read_wanted(const struct gpt_header *header, const void *entries, uint32_t index, struct gpt_partition *partition,
	const char **why)
{
	int rc = gpt_entry_read(header, entries, index, partition, why);
	bool is_old;

	if (rc != 0) {
		return rc;
	}
	is_old = has_type(partition, &g_old_spdk_type);
	if (g_types != GPT_PARTITIONS_ALL && !is_old && !has_type(partition, &g_spdk_type)) {
		return -ENOENT;
	}
	/* The old type never had its last block. What was made of such a partition counts on its size. */
	if (is_old && --partition->num_blocks == 0) {
		*why = "it has no block but the last, which its type leaves out";
		return -EINVAL;
	}
	return 0;
}

static bool
is_same(const struct gpt_part *part, const struct gpt_partition *wanted)
{
	return part->info.first_block == wanted->first_block && part->info.num_blocks == wanted->num_blocks &&
		spdk_uuid_compare(&part->info.type, &wanted->type) == 0 &&
		spdk_uuid_compare(&part->info.unique, &wanted->unique) == 0;
}

static void
base_removed_cb(void *part_base)
{
	part_bdev_remove_base(part_base);
}

static int
open_base(const struct spdk_bdev *disk, struct spdk_bdev_part_base **base)
{
	return spdk_bdev_part_base_construct_ext(disk->name, base_removed_cb, &g_gpt_module, &g_gpt_fn_table, &g_parts,
		NULL, NULL, sizeof(struct spdk_bdev_part_channel), NULL, NULL, base);
}

/*
 * The UUID is the unique GUID of the partition. There may be two disks that are copies of each other: then the second one
 * has UUIDs that are made from its own, and from where the partition lies.
 */
static void
choose_uuid(const char *name, const struct gpt_partition *partition, struct spdk_bdev_part_construct_opts *opts)
{
	char text[SPDK_UUID_STRING_LEN];

	spdk_bdev_part_construct_opts_init(opts, sizeof(*opts));
	spdk_uuid_fmt_lower(text, sizeof(text), &partition->unique);
	if (spdk_bdev_get_by_name(text) == NULL) {
		opts->uuid = partition->unique;
	} else {
		SPDK_WARNLOG("%s: another bdev has its GUID %s; it gets a UUID of its own\n", name, text);
	}
}

static int
make_part(struct spdk_bdev_part_base *base, const struct gpt_partition *partition)
{
	struct spdk_bdev *disk = spdk_bdev_part_base_get_bdev(base);
	struct gpt_part *part = calloc(1, sizeof(*part));
	char *name = spdk_sprintf_alloc("%sp%" PRIu32, disk->name, partition->index + 1);
	struct spdk_bdev_part_construct_opts opts;
	int rc = -ENOMEM;

	if (part != NULL && name != NULL) {
		part->info = *partition;
		part->depth = depth_on(disk);
		choose_uuid(name, partition, &opts);
		rc = spdk_bdev_part_construct_ext(
			&part->part, base, name, partition->first_block, partition->num_blocks, g_product_name, &opts);
	}
	if (rc != 0) {
		SPDK_ERRLOG("%s: partition %" PRIu32 " cannot be made a bdev: %s\n", disk->name, partition->index + 1,
			spdk_strerror(-rc));
		free(part);
	}
	free(name);
	return rc;
}

/* Makes the partitions that there are not yet. One that is bad is left out. */
static int
make_parts(struct spdk_bdev *disk, const struct gpt_header *header, const void *entries)
{
	struct spdk_bdev_part *any = first_part_of(disk);
	struct spdk_bdev_part_base *base = any != NULL ? spdk_bdev_part_get_base(any) : NULL;
	struct gpt_partition partition;
	const char *why;
	int rc = 0;

	for (uint32_t i = 0; i < header->num_entries && rc != -EPERM && rc != -ENOMEM; i++) {
		int entry_rc = read_wanted(header, entries, i, &partition, &why);

		if (entry_rc == -EINVAL) {
			SPDK_ERRLOG("%s: partition %" PRIu32 " is left out: %s\n", disk->name, i + 1, why);
		}
		if (entry_rc != 0 || find_part(disk, i) != NULL) {
			continue;
		}
		rc = base == NULL ? open_base(disk, &base) : 0;
		if (rc != 0) {
			return rc;
		}
		rc = make_part(base, &partition);
	}
	if (base != NULL && part_bdev_first(base, &g_parts) == NULL) {
		spdk_bdev_part_base_free(base);
	}
	return rc;
}

/* ---- The examination of a disk ---- */

struct gpt_examination {
	gpt_examine_cb cb;
	void *ctx;
	char *disk_name;
	uint32_t num_reads;
	/* Partitions that are going, and one for ourselves while we ask them to. */
	uint32_t num_leaving;
};

static void examination_read(struct gpt_examination *examination);

static void
examination_end(struct gpt_examination *examination, int rc)
{
	examination->cb(examination->ctx, rc);
	free(examination->disk_name);
	free(examination);
}

static void
examination_left_cb(void *ctx, int rc)
{
	struct gpt_examination *examination = ctx;

	if (--examination->num_leaving == 0) {
		examination_read(examination);
	}
}

/* Asks partitions to go that are not in the table any more. header NULL: there is no table. */
static bool
examination_remove_old(struct gpt_examination *examination, const struct spdk_bdev *disk,
	const struct gpt_header *header, const void *entries)
{
	struct spdk_bdev_part *part, *next;
	struct gpt_partition wanted;
	bool leaving = false;
	const char *why;

	TAILQ_FOREACH_SAFE (part, &g_parts, tailq, next) {
		struct gpt_part *gpt_part = SPDK_CONTAINEROF(part, struct gpt_part, part);

		if (spdk_bdev_part_get_base_bdev(part) != disk) {
			continue;
		}
		if (header != NULL && gpt_part->info.index < header->num_entries &&
			read_wanted(header, entries, gpt_part->info.index, &wanted, &why) == 0 &&
			is_same(gpt_part, &wanted)) {
			gpt_part->info = wanted;
			continue;
		}
		leaving = true;
		examination->num_leaving++;
		spdk_bdev_unregister(spdk_bdev_part_get_bdev(part), examination_left_cb, examination);
	}
	return leaving;
}

static void
examination_read_cb(void *ctx, struct spdk_bdev *disk, int rc, const struct gpt_header *header, const void *entries)
{
	struct gpt_examination *examination = ctx;

	if (rc != 0 && rc != -ENOENT) {
		examination_end(examination, rc);
		return;
	}
	examination->num_leaving = 1;
	if (examination_remove_old(examination, disk, rc == 0 ? header : NULL, entries)) {
		/* What is new may have the name of one that goes. */
		examination_left_cb(examination, 0);
		return;
	}
	examination->num_leaving = 0;
	examination_end(examination, rc == 0 ? make_parts(disk, header, entries) : 0);
}

static void
examination_read(struct gpt_examination *examination)
{
	int rc = -EBUSY;

	if (examination->num_reads++ < MAX_READS) {
		rc = gpt_reader_start(examination->disk_name, examination_read_cb, examination);
	}
	if (rc != 0) {
		examination_end(examination, rc);
	}
}

int
vbdev_gpt_examine(const char *bdev_name, gpt_examine_cb cb, void *ctx)
{
	struct spdk_bdev *disk = spdk_bdev_get_by_name(bdev_name);
	struct gpt_examination *examination;

	if (disk == NULL) {
		return -ENODEV;
	}
	examination = calloc(1, sizeof(*examination));
	if (examination == NULL) {
		return -ENOMEM;
	}
	if (depth_on(disk) > MAX_DEPTH) {
		SPDK_NOTICELOG("%s: tables of partitions of partitions are not looked at\n", disk->name);
		free(examination);
		cb(ctx, 0);
		return 0;
	}
	examination->cb = cb;
	examination->ctx = ctx;
	examination->disk_name = strdup(disk->name);
	if (examination->disk_name == NULL) {
		free(examination);
		return -ENOMEM;
	}
	examination_read(examination);
	return 0;
}

void
vbdev_gpt_for_each_partition(const char *bdev_name, void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct spdk_bdev *disk = spdk_bdev_get_by_name(bdev_name);
	struct spdk_bdev_part *part;
	struct gpt_part *gpt_part;
	uint32_t num_entries = 0;

	TAILQ_FOREACH (part, &g_parts, tailq) {
		gpt_part = SPDK_CONTAINEROF(part, struct gpt_part, part);
		if (spdk_bdev_part_get_base_bdev(part) == disk) {
			num_entries = spdk_max(num_entries, gpt_part->info.index + 1);
		}
	}
	for (uint32_t i = 0; i < num_entries; i++) {
		gpt_part = find_part(disk, i);
		if (gpt_part != NULL && part_bdev_is_known(&gpt_part->part)) {
			fn(ctx, spdk_bdev_part_get_bdev(&gpt_part->part)->name);
		}
	}
}

/* ---- Other types ---- */

struct gpt_types_change {
	gpt_examine_cb cb;
	void *ctx;
	/* Examinations that run, and one for ourselves while we begin them. */
	uint32_t num_running;
};

static void
change_examined_cb(void *ctx, int rc)
{
	struct gpt_types_change *change = ctx;

	if (--change->num_running == 0) {
		change->cb(change->ctx, 0);
		free(change);
	}
}

static void
change_examine(struct gpt_types_change *change, const struct spdk_bdev *disk)
{
	int rc;

	change->num_running++;
	rc = vbdev_gpt_examine(disk->name, change_examined_cb, change);
	if (rc != 0) {
		SPDK_ERRLOG("%s cannot be examined for partitions: %s\n", disk->name, spdk_strerror(-rc));
		change->num_running--;
	}
}

static int
change_examine_ours(void *ctx, struct spdk_bdev *disk)
{
	if (first_part_of(disk) != NULL) {
		change_examine(ctx, disk);
	}
	return 0;
}

static int
change_examine_free(void *ctx, struct spdk_bdev *disk)
{
	if (bdk_bdev_is_examined(disk)) {
		change_examine(ctx, disk);
	}
	return 0;
}

int
vbdev_gpt_set_partition_types(enum gpt_partition_types types, gpt_examine_cb cb, void *ctx)
{
	struct gpt_types_change *change = calloc(1, sizeof(*change));

	if (change == NULL) {
		return -ENOMEM;
	}
	change->cb = cb;
	change->ctx = ctx;
	change->num_running = 1;
	if (types != g_types) {
		g_types = types;
		spdk_for_each_bdev(change, change_examine_ours);
		spdk_for_each_bdev_leaf(change, change_examine_free);
	}
	change_examined_cb(change, 0);
	return 0;
}

/* ---- The module ---- */

static void
examined_cb(void *ctx, int rc)
{
	spdk_bdev_module_examine_done(&g_gpt_module);
}

/* Called for each new bdev that nobody has claimed. */
static void
vbdev_gpt_examine_disk(struct spdk_bdev *bdev)
{
	int rc;

	if (spdk_bdev_is_zoned(bdev)) {
		/* Nobody could change a table there, and a read of it need not be possible. */
		examined_cb(NULL, 0);
		return;
	}
	rc = vbdev_gpt_examine(bdev->name, examined_cb, NULL);
	if (rc != 0) {
		SPDK_ERRLOG("%s cannot be examined for partitions: %s\n", bdev->name, spdk_strerror(-rc));
		examined_cb(NULL, rc);
	}
}

static int
vbdev_gpt_config_json(struct spdk_json_write_ctx *w)
{
	if (g_types == GPT_PARTITIONS_SPDK) {
		return 0;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_gpt_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "partition_types", "all");
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	return 0;
}

static int
vbdev_gpt_module_init(void)
{
	return 0;
}

static void
vbdev_gpt_module_fini(void)
{
	g_types = GPT_PARTITIONS_SPDK;
}
