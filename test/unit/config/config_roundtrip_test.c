/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random configurations are made by RPC in one process, saved, loaded by a fresh process and saved again: both must
 * have come to the same. CONFIG_SEED and CONFIG_COUNT choose the configurations; one that fails is made smaller, and
 * printed with its seed.
 */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "config_json.h"
#include "config_random.h"
#include "config_shape.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "test/unit/folder_guard.h"
#include "test/unit/module/gpt_image.h"

#define DEFAULT_SEED 1
#define DEFAULT_COUNT 1000
#define FILE_SIZE (1 << 20)
/* One in so many is loaded a second time, and looks for leaks. */
#define THOROUGH_EVERY 16

static char g_folder[] = "/tmp/bdevkit-config-XXXXXX";

static struct {
	uint64_t calls;
	uint64_t failed_calls;
	uint64_t bdevs;
} g_totals;

/* ---- comparison ---- */

/* Subsystems in their order, each with its entries in alphabetical order. */
static char *
sort_config(const char *config)
{
	struct json_document *document = json_document_parse(config);
	const struct spdk_json_val *subsystems = json_member(document->values, "subsystems");
	char *all = spdk_sprintf_alloc("%s", "");

	for (const struct spdk_json_val *one = json_first(subsystems); one != NULL; one = json_next(subsystems, one)) {
		char *name = json_text_of(json_member(one, "subsystem"));
		char *entries = json_sort(json_member(one, "config"));

		all = spdk_sprintf_append_realloc(all, "%s:\n%s", name, entries);
		free(entries);
		free(name);
	}
	json_document_free(document);
	return all;
}

static char *
sort_array(const char *array)
{
	struct json_document *document = json_document_parse(array);
	char *sorted = json_sort(document->values);

	json_document_free(document);
	return sorted;
}

/* The order in which bdevs came into a group means nothing, and is not saved. */
static char *
sort_groups(const char *groups)
{
	struct json_document *document = json_document_parse(groups);
	char *all = spdk_sprintf_alloc("%s", "");

	for (const struct spdk_json_val *group = json_first(document->values); group != NULL;
		group = json_next(document->values, group)) {
		for (const struct spdk_json_val *name = json_first(group); name != NULL;
			name = json_next(group, name + 1)) {
			bool members = spdk_json_strequal(name, "bdevs");
			char *value = members ? json_sort(name + 1) : json_print(name + 1);

			all = spdk_sprintf_append_realloc(all, "%s\n", value);
			free(value);
		}
	}
	json_document_free(document);
	return all;
}

static char *
sort_answer(const struct life *life, enum life_answer answer)
{
	switch (answer) {
	case LIFE_SAVED_CONFIG:
		return sort_config(life->answers[answer]);
	case LIFE_QOS_GROUPS:
		return sort_groups(life->answers[answer]);
	case LIFE_SCHEDULER:
		return strdup(life->answers[answer]);
	default:
		return sort_array(life->answers[answer]);
	}
}

/* NULL, or what differs between two lives. */
static char *
compare_lives(const struct life *before, const struct life *after)
{
	for (int i = 0; i < LIFE_NUM_ANSWERS; i++) {
		char *a = sort_answer(before, i), *b = sort_answer(after, i), *fault = NULL;

		if (strcmp(a, b) != 0) {
			fault = spdk_sprintf_alloc("%s differs; before:\n%s\nafter:\n%s", g_life_methods[i], a, b);
		}
		free(a);
		free(b);
		if (fault != NULL) {
			return fault;
		}
	}
	return NULL;
}

/* ---- one configuration ---- */

static char *
check_end(const struct life *life, const char *which)
{
	for (int i = 0; i < LIFE_NUM_ANSWERS; i++) {
		if (life->answers[i] == NULL || life->exit_code != 0) {
			return spdk_sprintf_alloc("%s ended with %d and said:\n%s", which, life->exit_code, life->log);
		}
	}
	return NULL;
}

static char *
reload(const struct life *before, struct life *after, bool thorough)
{
	struct life_opts opts = {.config = before->answers[LIFE_SAVED_CONFIG], .check_leaks = thorough};
	char *fault;

	life_run(&opts, after);
	fault = check_end(after, "the process that loads");
	return fault != NULL ? fault : compare_lives(before, after);
}

/* A configuration that was loaded is saved as it was, to the letter. */
static char *
reload_again(const struct life *before)
{
	struct life after;
	char *fault = reload(before, &after, true);

	if (fault == NULL && strcmp(before->answers[LIFE_SAVED_CONFIG], after.answers[LIFE_SAVED_CONFIG]) != 0) {
		fault = spdk_sprintf_alloc("the order differs; before:\n%s\nafter:\n%s",
			before->answers[LIFE_SAVED_CONFIG], after.answers[LIFE_SAVED_CONFIG]);
	}
	life_free(&after);
	return fault;
}

static uint64_t
count_elements(const char *array)
{
	struct json_document *document = json_document_parse(array);
	uint64_t count = 0;

	for (const struct spdk_json_val *val = json_first(document->values); val != NULL;
		val = json_next(document->values, val)) {
		count++;
	}
	json_document_free(document);
	return count;
}

/* NULL, or what is wrong. */
static char *
try_plan(const struct plan *plan, bool thorough)
{
	char *config = plan_startup_config(plan);
	struct life_opts opts = {
		.config = config,
		.ignore_config_errors = true,
		.calls = plan->calls + plan->num_startup_calls,
		.num_calls = plan->num_calls - plan->num_startup_calls,
		.check_leaks = thorough,
	};
	struct life before, after = {0};
	char *fault;

	life_run(&opts, &before);
	fault = check_end(&before, "the first process");
	if (fault == NULL) {
		g_totals.calls += opts.num_calls;
		g_totals.failed_calls += before.num_failed_calls;
		g_totals.bdevs += count_elements(before.answers[LIFE_BDEVS]);
		fault = shape_check(before.answers[LIFE_SAVED_CONFIG]);
	}
	if (fault == NULL) {
		fault = reload(&before, &after, thorough);
	}
	if (fault == NULL && thorough) {
		fault = reload_again(&after);
	}
	life_free(&before);
	life_free(&after);
	free(config);
	return fault;
}

/* Leaves out every call without which it still fails. */
static void
shrink(struct plan *plan, bool thorough)
{
	for (size_t i = plan->num_calls; i > 0; i--) {
		char *fault;

		plan->calls[i - 1].skipped = true;
		fault = try_plan(plan, thorough);
		if (fault == NULL) {
			plan->calls[i - 1].skipped = false;
		}
		free(fault);
	}
}

static bool
check_seed(uint64_t seed)
{
	bool thorough = seed % THOROUGH_EVERY == 0;
	struct plan plan;
	char *fault;

	plan_make(&plan, seed, g_folder);
	fault = try_plan(&plan, thorough);
	if (fault != NULL) {
		fprintf(stderr, "CONFIG_SEED=%" PRIu64 " CONFIG_COUNT=1 fails: %s\n", seed, fault);
		free(fault);
		shrink(&plan, thorough);
		fault = try_plan(&plan, thorough);
		fprintf(stderr, "These calls are enough for it:\n");
		plan_print(&plan, stderr);
		fprintf(stderr, "%s\n", fault != NULL ? fault : "(but not always)");
		free(fault);
		plan_free(&plan);
		return false;
	}
	plan_free(&plan);
	return true;
}

/* ---- all of them ---- */

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
test_round_trip(void **state)
{
	static const char *const methods[] = {"bdev_set_options", "bdev_examine", "bdev_wait_for_examine",
		"bdev_set_qos_limit", "bdev_enable_histogram", "bdev_qos_group_create", "bdev_qos_group_add_bdev",
		"bdev_malloc_create", "bdev_null_create", "bdev_aio_create", "bdev_uring_create", "bdev_split_create",
		"bdev_gpt_set_options", "bdev_passthru_create", "bdev_crypto_create", "bdev_zone_block_create",
		"bdev_delay_create", "bdev_delay_update_latency", "bdev_error_create", "accel_crypto_key_create",
		"bdev_raid_set_options", "bdev_raid_create", "iobuf_set_options", "framework_set_scheduler",
		"scheduler_set_options", "nbd_set_options", "nbd_export_create", "nbd_listener_create",
		"accel_set_options"};
	uint64_t seed = get_number("CONFIG_SEED", DEFAULT_SEED), count = get_number("CONFIG_COUNT", DEFAULT_COUNT);
	uint64_t failures = 0;

	for (uint64_t i = 0; i < count && failures < 3; i++) {
		failures += !check_seed(seed + i);
	}
	printf("%" PRIu64 " random configurations, seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " calls (%" PRIu64
	       " refused), %" PRIu64 " bdevs; saved entries:\n",
		count, seed, seed + count - 1, g_totals.calls, g_totals.failed_calls, g_totals.bdevs);
	shape_print_counts(stdout);
	assert_int_equal(failures, 0);
	for (size_t i = 0; count >= DEFAULT_COUNT && i < SPDK_COUNTOF(methods); i++) {
		if (shape_count(methods[i]) == 0) {
			fail_msg("%s was never saved", methods[i]);
		}
	}
}

static struct folder_guard g_guard;

static int
write_table(int fd)
{
	const struct gpt_image_part parts[] = {{GPT_IMAGE_TYPE_LINUX, 40, 1999, 0x11}};
	struct gpt_image image = {calloc(1, FILE_SIZE), 512, FILE_SIZE / 512, 16};
	int rc = -1;

	if (image.data != NULL) {
		gpt_image_make(&image, parts, SPDK_COUNTOF(parts));
		rc = pwrite(fd, image.data, FILE_SIZE, 0) == FILE_SIZE ? 0 : -1;
		free(image.data);
	}
	return rc;
}

static int
make_folder(void **state)
{
	char *path;
	int fd;

	if (mkdtemp(g_folder) == NULL) {
		return -1;
	}
	g_guard = folder_guard_start(g_folder);
	for (int i = 0; i < PLAN_NUM_FILES; i++) {
		path = spdk_sprintf_alloc("%s/f%d", g_folder, i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		free(path);
		if (fd < 0 || ftruncate(fd, FILE_SIZE) != 0 || (i == PLAN_NUM_FILES - 1 && write_table(fd) != 0)) {
			return -1;
		}
		close(fd);
	}
	return 0;
}

static int
remove_folder(void **state)
{
	char *path;
	int rc;

	for (int i = 0; i < PLAN_NUM_FILES; i++) {
		path = spdk_sprintf_alloc("%s/f%d", g_folder, i);
		unlink(path);
		free(path);
	}
	rc = rmdir(g_folder);
	folder_guard_end(&g_guard);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
	};

	shape_read_table(CONFIG_ENTRIES);
	return cmocka_run_group_tests_name("config_roundtrip_test", tests, make_folder, remove_folder);
}
