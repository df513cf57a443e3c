/* SPDX-License-Identifier: BSD-3-Clause */

/* A bdev that is checked: opened, measured, filled, and the groups one after the other. */

#include "app/bdevkit/check/check.h"

#include "spdk/env.h"
#include "spdk/string.h"

/* Of what is known block by block. */
#define MAX_AREA_BYTES (16U << 20)
#define MAX_AREA_BLOCKS 8192
#define CHUNK_BYTES (64U << 10)
/* In a slice. */
#define MAX_SLICE_BLOCKS 64

void
check_ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	struct check *check = event_ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		check->removals++;
	} else if (type == SPDK_BDEV_EVENT_RESIZE) {
		check->resizes++;
	}
}

static void
measure(struct check *check)
{
	const struct spdk_bdev *bdev = check->bdev;

	check->block_size = spdk_bdev_get_block_size(bdev);
	check->md_size = spdk_bdev_get_md_size(bdev);
	check->separate_md_size = spdk_bdev_is_md_separate(bdev) ? check->md_size : 0;
	check->data_size = spdk_bdev_get_data_block_size(bdev);
	check->num_blocks = spdk_bdev_get_num_blocks(bdev);
	check->area = MAX_AREA_BYTES / check->block_size;
	if (check->area > MAX_AREA_BLOCKS) {
		check->area = MAX_AREA_BLOCKS;
	}
	if (check->options->slice) {
		check->area = spdk_min(check->area, MAX_SLICE_BLOCKS);
	}
	if (check->area > check->num_blocks) {
		check->area = check->num_blocks;
	}
	if (bdev->split_on_write_unit) {
		check->area -= check->area % bdev->write_unit_size;
	}
}

static int
refuse(const char *name, const char *why)
{
	fprintf(stderr, "bdevkit check: %s: %s\n", name, why);
	return -EINVAL;
}

int
check_open(struct check *check)
{
	int rc = spdk_bdev_open_ext(check->name, true, event_cb, check, &check->desc);

	if (rc == -ENODEV) {
		return refuse(
			check->name, "there is no such block device; --json names the configuration that makes it");
	}
	if (rc == -EPERM) {
		return refuse(check->name, "another block device builds on it; check that one");
	}
	if (rc != 0) {
		return refuse(check->name, spdk_strerror(-rc));
	}
	check->bdev = spdk_bdev_desc_get_bdev(check->desc);
	measure(check);
	if (!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_WRITE) ||
		!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_READ)) {
		return refuse(check->name, "only block devices that can be read and written can be checked");
	}
	if (check->area < 4) {
		return refuse(check->name, "it is too small to be checked");
	}
	check->blocks = calloc(check->area, sizeof(*check->blocks));
	if (check->blocks == NULL) {
		return refuse(check->name, spdk_strerror(ENOMEM));
	}
	check_know(check, 0, check->area, CHECK_UNKNOWN);
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		session_enter(session_thread(i));
		check->channels[i] = spdk_bdev_get_io_channel(check->desc);
		session_enter(NULL);
		if (check->channels[i] == NULL) {
			return refuse(check->name, "it gives no channel to a thread");
		}
	}
	if (check->options->slice && session_has_devices()) {
		return refuse(check->name,
			"it waits for a file descriptor, and what happens there is not decided by a "
			"seed; check it without --sim");
	}
	return 0;
}

void
check_close(struct check *check)
{
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		if (check->channels[i] != NULL) {
			session_enter(session_thread(i));
			spdk_put_io_channel(check->channels[i]);
			session_enter(NULL);
			check->channels[i] = NULL;
		}
	}
	if (check->desc != NULL) {
		spdk_bdev_close(check->desc);
		check->desc = NULL;
	}
	free(check->blocks);
	check->blocks = NULL;
	session_settle();
}

/* Fills the area, so that it is known what each block holds; a block that is written elsewhere as well will show. */
static void
fill_area(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_DATA_READ);
	uint64_t unit = check_unit(check);
	uint64_t chunk = check_round_up(CHUNK_BYTES / check->block_size + 1, unit);

	for (uint64_t offset = 0; offset < check->area; offset += chunk) {
		check_write_read(
			check, rule, offset, check->area - offset < chunk ? check->area - offset : chunk, false);
	}
}

static void
read_area(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_DATA_END);
	struct check_data data;

	for (uint64_t offset = 0; offset < check->area; offset++) {
		struct check_io io = {
			.check = check, .type = SPDK_BDEV_IO_TYPE_READ, .offset = offset, .blocks = 1, .data = &data};

		if (!check_data_alloc(check, &data, 1, false)) {
			abort();
		}
		check_io_run(&io);
		check_expect(check, rule, io.rc == 0 && io.success, &io, "failed (%d)", io.rc);
		check_expect(check, rule, check_data_find_wrong(check, &data, offset) == UINT64_MAX, &io,
			"it holds something else");
		check_data_free(&data);
	}
}

static void
skip_comparisons(struct check *check)
{
	static const enum check_rule_id rules[] = {RULE_DATA_READ, RULE_DATA_END, RULE_LOAD_DATA, RULE_RESET_DATA};

	for (size_t i = 0; i < SPDK_COUNTOF(rules); i++) {
		check_skip(check_rule(check, rules[i]), "--no-data: what is read is not compared");
	}
}

struct group {
	const char *name;
	void (*run)(struct check *check);
	/* Out of 16 slices so many have it. */
	unsigned int share;
	/* It can be tried on zones, which are written from beginning to end. */
	bool zones;
};

static void
run_group(struct check *check, const struct group *group)
{
	/* One that did not come back cannot be tried any further. */
	if (check->desc != NULL) {
		session_note("%s", group->name);
		group->run(check);
	}
}

static void
run_groups(struct check *check)
{
	static const struct group groups[] = {
		{"opening", check_opening, 1, true},
		{"claims", check_claims, 2, true},
		{"types", check_types, 2},
		{"fill", fill_area, 8},
		{"limits", check_limits, 1},
		{"shapes", check_shapes, 3},
		{"meaning", check_meaning, 2},
		{"zones", check_zones, 8, true},
		{"zcopy", check_zcopy, 2},
		{"seek", check_seek, 2},
		{"fences", check_fences, 1},
		{"metadata", check_metadata, 1},
		{"domains", check_domains, 2},
		{"overlap", check_overlap, 4},
		{"statistics", check_statistics, 1},
		{"load", check_load, 6},
		{"reset", check_reset, 8},
		{"end", read_area, 8},
		{"timeouts", check_timeouts, 1},
		{"says the same", check_says_same, 2, true},
		{"remains", check_remains, 2, true},
		{"resize", check_resize, 4},
		{"durability", check_durability, 2},
		{"removal", check_removal, 8, true},
	};

	bool zoned = spdk_bdev_is_zoned(check->bdev);

	for (size_t i = 0; i < SPDK_COUNTOF(groups); i++) {
		if ((groups[i].zones || !zoned) && (!check->options->slice || session_random(16) < groups[i].share)) {
			run_group(check, &groups[i]);
		}
	}
	if (zoned) {
		check_skip_zoned(check);
	}
}

int
check_bdev(struct check *check)
{
	int rc = check_open(check);

	if (rc == 0) {
		check->checked = true;
		check_strict_watch(check);
		check->start_ticks = spdk_get_ticks();
		check->at_first = *check->bdev;
		snprintf(check->module, sizeof(check->module), "%s", spdk_bdev_get_module_name(check->bdev));
		if (check->options->no_data) {
			skip_comparisons(check);
		}
		check_fence_watch(check);
		run_groups(check);
		check_fence_watch(NULL);
	}
	check_close(check);
	return rc;
}
