/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/split and module/bdev/gpt without memory: each of their allocations fails once, and once with all that
 * follow it. What was asked for is done or refused, nothing is lost, and it works afterwards.
 */

#include "../bdev/mem_disk.h"

#include "gpt_image.h"
#include "module/bdev/gpt/vbdev_gpt.h"
#include "module/bdev/split/vbdev_split.h"
#include "spdk/util.h"
#include "test/unit/common/alloc_failure.h"

#define BLOCK_SIZE 512
#define NUM_BLOCKS 256

static struct mem_disk g_disk;

struct result {
	uint32_t calls;
	int rc;
};

static void
result_cb(void *ctx, int rc)
{
	struct result *result = ctx;

	result->calls++;
	result->rc = rc;
}

static void
begin(void)
{
	static const struct gpt_image_part parts[] = {
		{GPT_IMAGE_TYPE_SPDK, 40, 99, 0x11}, {GPT_IMAGE_TYPE_SPDK, 100, 119, 0x22}};
	struct gpt_image image = {calloc(NUM_BLOCKS, BLOCK_SIZE), BLOCK_SIZE, NUM_BLOCKS, 16};

	assert_non_null(image.data);
	gpt_image_make(&image, parts, SPDK_COUNTOF(parts));
	bdev_sim_start(1, 1);
	mem_disk_init(&g_disk, "d", BLOCK_SIZE, NUM_BLOCKS);
	g_disk.data = image.data;
	mem_disk_add(&g_disk);
}

static void
end(void)
{
	mem_disk_remove(&g_disk);
	assert_null(spdk_bdev_first());
	bdev_sim_stop();
}

static int
split_a_disk(const void *arg)
{
	struct split_opts opts = {.base_bdev = "d", .split_count = 2};
	struct result result = {};
	const char *why;
	int rc, delete_rc;

	begin();
	spdk_set_thread(g_sim_threads[0]);
	alloc_arm();
	rc = vbdev_split_create(&opts, &why);
	alloc_disarm();
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(spdk_bdev_get_by_name("dp0") != NULL, rc == 0);
	assert_int_equal(spdk_bdev_get_by_name("dp1") != NULL, rc == 0);
	ON(0, delete_rc = vbdev_split_delete("d", result_cb, &result));
	assert_int_equal(delete_rc, rc == 0 ? 0 : -ENOENT);
	bdk_sim_run_until_idle();
	assert_int_equal(result.calls, rc == 0);
	assert_null(spdk_bdev_get_by_name("dp0"));
	assert_ptr_equal(spdk_bdev_first_leaf(), &g_disk.bdev);
	end();
	return rc;
}

static int
find_partitions(const void *arg)
{
	struct result result = {};
	int rc;

	begin();
	spdk_set_thread(g_sim_threads[0]);
	alloc_arm();
	rc = vbdev_gpt_examine("d", result_cb, &result);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	alloc_disarm();
	bdk_sim_run_until_idle();
	assert_int_equal(result.calls, rc == 0);
	rc = rc == 0 ? result.rc : rc;
	if (rc == 0) {
		assert_non_null(spdk_bdev_get_by_name("dp1"));
		assert_non_null(spdk_bdev_get_by_name("dp2"));
	}
	end();
	return rc;
}

static void
every_allocation_may_fail(void **state)
{
	static const struct alloc_scenario scenarios[] = {
		{"split a disk", split_a_disk},
		{"find partitions", find_partitions},
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	alloc_run_scenarios(scenarios, SPDK_COUNTOF(scenarios));
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
