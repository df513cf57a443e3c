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
	if (check->num_parts > 0) {
		check->num_blocks = check->num_blocks / check->num_parts / check_unit(check) * check_unit(check);
		check->first_block = check->part * check->num_blocks;
	}
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
refuse(struct check *check, const char *why)
{
	snprintf(check->refusal, sizeof(check->refusal), "%s", why);
	return -EINVAL;
}

/* Those who read may go on, those who write may not; nobody who wants to write can come. */
static int
claim(struct check *check)
{
	static struct spdk_bdev_module module = {.name = "bdevkit check"};
	int rc = spdk_bdev_module_claim_bdev_desc(check->desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, NULL, &module);

	if (rc == -EPERM) {
		return refuse(check, "somebody writes to it, or builds on it");
	}
	return rc != 0 ? refuse(check, spdk_strerror(-rc)) : 0;
}

int
check_open(struct check *check)
{
	int rc = spdk_bdev_open_ext(check->name, true, event_cb, check, &check->desc);

	if (rc == -ENODEV) {
		return refuse(check,
			check->options->in_target
				? "there is no such block device"
				: "there is no such block device; --json names the configuration that makes it");
	}
	if (rc == -EPERM) {
		return refuse(check,
			check->options->in_target ? "somebody writes to it, or builds on it"
						  : "another block device builds on it; check that one");
	}
	if (rc != 0) {
		return refuse(check, spdk_strerror(-rc));
	}
	check->bdev = spdk_bdev_desc_get_bdev(check->desc);
	measure(check);
	if (check->options->in_target && claim(check) != 0) {
		return -EPERM;
	}
	if (!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_WRITE) ||
		!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_READ)) {
		return refuse(check, "only block devices that can be read and written can be checked");
	}
	if (check->area < 4) {
		return refuse(check, "it is too small to be checked");
	}
	check->blocks = calloc(check->area, sizeof(*check->blocks));
	if (check->blocks == NULL) {
		return refuse(check, spdk_strerror(ENOMEM));
	}
	check_know(check, 0, check->area, CHECK_UNKNOWN);
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		session_enter(session_thread(i));
		check->channels[i] = spdk_bdev_get_io_channel(check->desc);
		session_enter(NULL);
		if (check->channels[i] == NULL) {
			return refuse(check, "it gives no channel to a thread");
		}
	}
	if (check->options->slice && session_has_devices()) {
		return refuse(check,
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
	/* It needs the bdev only, so that a target can go on meanwhile. */
	bool in_target;
	/* Others may do the same on other blocks at the same time. */
	bool in_threads;
	/* Others must not do anything else meanwhile. */
	bool together;
};

static bool
is_to_run(struct check *check, const struct group *group)
{
	/* One that did not come back cannot be tried any further. */
	if (check->desc == NULL || check_is_gone(check) || (spdk_bdev_is_zoned(check->bdev) && !group->zones)) {
		return false;
	}
	if (check->options->slice) {
		return session_random(16) < group->share;
	}
	return (group->in_target || !check->options->in_target) && (group->in_threads || check->num_parts == 0);
}

/* What this system thread is doing, for who wants to know why the process ends. */
static __thread const struct check *g_tried;
static __thread const char *g_tried_group;

void
check_tell_crash(void)
{
	if (g_tried != NULL) {
		fprintf(stderr, "bdevkit check: %s crashed in the group '%s', with --seed %" PRIu64 "\n", g_tried->name,
			g_tried_group, g_tried->options->seed);
	}
}

static void
run_group(struct check *check, const struct group *group)
{
	bool together = group->together && check->num_parts > 0;

	g_tried = check;
	g_tried_group = group->name;
	session_note("%s", group->name);
	if (together) {
		check_meet_others(check);
	}
	group->run(check);
	if (together) {
		check_meet_others(check);
	}
	g_tried = NULL;
}

static void
skip_in_target(struct check *check)
{
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		struct check_rule *rule = check_rule(check, i);

		if (rule->count == 0 && !rule->skipped) {
			check_skip(rule, "not in a target, which others use");
		}
	}
}

static void
run_groups(struct check *check)
{
	static const struct group groups[] = {
		{"opening", check_opening, .share = 1, .zones = true},
		{"claims", check_claims, .share = 2, .zones = true},
		{"types", check_types, .share = 2, .in_target = true},
		{"fill", fill_area, .share = 8, .in_target = true, .in_threads = true},
		{"limits", check_limits, .share = 1, .in_target = true},
		{"shapes", check_shapes, .share = 3, .in_target = true, .in_threads = true},
		{"meaning", check_meaning, .share = 2, .in_target = true, .in_threads = true},
		{"zones", check_zones, .share = 8, .zones = true},
		{"zcopy", check_zcopy, .share = 2, .in_target = true, .in_threads = true},
		{"seek", check_seek, .share = 2, .in_target = true},
		{"fences", check_fences, .share = 1},
		{"metadata", check_metadata, .share = 1, .in_target = true, .in_threads = true},
		{"domains", check_domains, .share = 2, .in_target = true},
		{"overlap", check_overlap, .share = 4, .in_target = true, .in_threads = true},
		{"statistics", check_statistics, .share = 1},
		{"load", check_load, .share = 6, .in_target = true, .in_threads = true},
		{"reset", check_reset, .share = 8, .in_target = true, .in_threads = true, .together = true},
		{"end", read_area, .share = 8, .in_target = true, .in_threads = true},
		{"timeouts", check_timeouts, .share = 1},
		{"says the same", check_says_same, .share = 2, .zones = true},
		{"remains", check_remains, .share = 2, .zones = true},
		{"resize", check_resize, .share = 4},
		{"durability", check_durability, .share = 2},
		{"removal", check_removal, .share = 8, .zones = true},
	};
	bool zoned = spdk_bdev_is_zoned(check->bdev);

	for (size_t i = 0; i < SPDK_COUNTOF(groups); i++) {
		if (is_to_run(check, &groups[i])) {
			run_group(check, &groups[i]);
		}
	}
	if (zoned) {
		check_skip_zoned(check);
	}
}

static void
run_all(struct check *check)
{
	bool alone = !check->options->in_target && check->num_parts == 0;

	if (alone) {
		check_strict_watch(check);
		check_fence_watch(check);
	}
	run_groups(check);
	if (alone) {
		check_fence_watch(NULL);
	}
	if (check_is_gone(check)) {
		refuse(check, "it was removed while it was checked");
	} else if (check->options->in_target) {
		skip_in_target(check);
	}
}

int
check_bdev(struct check *check)
{
	int rc = check_open(check);

	if (rc == 0) {
		check->checked = true;
		check->start_ticks = spdk_get_ticks();
		check->at_first = *check->bdev;
		snprintf(check->module, sizeof(check->module), "%s", spdk_bdev_get_module_name(check->bdev));
		if (check->options->no_data) {
			skip_comparisons(check);
		}
		run_all(check);
	}
	if (rc == 0 && check_is_gone(check)) {
		rc = -ENODEV;
	}
	check_close(check);
	return rc;
}
