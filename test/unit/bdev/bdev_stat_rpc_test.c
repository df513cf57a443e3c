/* SPDX-License-Identifier: BSD-3-Clause */

/* The methods about statistics. */

#include "bdev_rpc_fixture.h"
#include "mem_disk.h"

#define NO_LATENCIES \
	"\"read_latency_ticks\":0,\"max_read_latency_ticks\":0,\"min_read_latency_ticks\":0," \
	"\"write_latency_ticks\":0,\"max_write_latency_ticks\":0,\"min_write_latency_ticks\":0," \
	"\"unmap_latency_ticks\":0,\"max_unmap_latency_ticks\":0,\"min_unmap_latency_ticks\":0," \
	"\"copy_latency_ticks\":0,\"max_copy_latency_ticks\":0,\"min_copy_latency_ticks\":0"
#define READS(BYTES, OPS) \
	"\"bytes_read\":" #BYTES ",\"num_read_ops\":" #OPS ",\"bytes_written\":0,\"num_write_ops\":0," \
	"\"bytes_unmapped\":0,\"num_unmap_ops\":0,\"bytes_copied\":0,\"num_copy_ops\":0," NO_LATENCIES

static struct mem_disk g_disks[2];
static struct mem_user g_users[2];
static uint8_t g_buf[64 * 512];
static bool g_dump_driver;

static void
dump_device_stat(void *ctx, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uint32(w, "answer", 42);
}

static uint32_t g_driver_resets;

static void
reset_device_stat(void *ctx)
{
	g_driver_resets++;
}

static struct spdk_bdev_fn_table g_fn_table;

static void
add_disks(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		mem_disk_init(&g_disks[i], i == 0 ? "a" : "b", 512, 64);
		if (g_dump_driver) {
			g_fn_table = *g_disks[i].bdev.fn_table;
			g_fn_table.dump_device_stat_json = dump_device_stat;
			g_fn_table.reset_device_stat = reset_device_stat;
			g_disks[i].bdev.fn_table = &g_fn_table;
		}
		mem_disk_add(&g_disks[i]);
		mem_user_open(&g_users[i], &g_disks[i], 2);
	}
	g_dump_driver = false;
}

static void
remove_disks(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		mem_user_close(&g_users[i]);
		mem_disk_remove(&g_disks[i]);
	}
}

static void
run_read(int disk, uint32_t thread, uint64_t num_blocks)
{
	struct mem_io io = {.thread = thread};

	ON(thread,
		io.rc = spdk_bdev_read_blocks(
			g_users[disk].desc, g_users[disk].ch[thread], g_buf, 0, num_blocks, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
}

/* The answer without what stands before the bdevs: ticks and their rate. */
static const char *
skip_ticks(const char *answer)
{
	static const char head[] = "\"result\":{\"tick_rate\":";
	const char *rest;

	assert_int_equal(strncmp(answer, head, strlen(head)), 0);
	assert_int_equal(strtoull(answer + strlen(head), NULL, 10), spdk_get_ticks_hz());
	rest = strstr(answer, "\"ticks\":");
	assert_non_null(rest);
	rest = strchr(rest, ',');
	assert_non_null(rest);
	return rest + 1;
}

static void
test_get_iostat(void **state)
{
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "")), "\"bdevs\":[]}");
	add_disks();
	run_read(0, 0, 2);
	run_read(0, 1, 3);
	run_read(1, 1, 1);
	g_disks[1].fail_status = SPDK_BDEV_IO_STATUS_NVME_ERROR;
	run_read(1, 0, 1);
	g_disks[1].fail_status = SPDK_BDEV_IO_STATUS_ABORTED;
	run_read(1, 0, 1);
	run_read(1, 0, 1);
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "")),
		"\"bdevs\":[{\"name\":\"a\"," READS(2560, 2) ",\"io_error\":{}},{\"name\":\"b\"," READS(
			512, 1) ",\"io_error\":{\"nvme_error\":1,\"aborted\":2}}]}");
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"a\",\"reset_mode\":\"all\"}")),
		"\"bdevs\":[{\"name\":\"a\"," READS(2560, 2) ",\"io_error\":{}}]}");
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"a\"}")),
		"\"bdevs\":[{\"name\":\"a\"," READS(0, 0) ",\"io_error\":{}}]}");
	remove_disks();
}

static void
expect_failure(const char *method, const char *params, const char *code, const char *text)
{
	const char *answer = ask(method, params);
	char start[64];

	snprintf(start, sizeof(start), "\"error\":{\"code\":%s,", code);
	if (strncmp(answer, start, strlen(start)) != 0 || strstr(answer, text) == NULL) {
		fail_msg("%s %s: %s", method, params, answer);
	}
}

static void
test_errors(void **state)
{
	add_disks();
	expect_failure("bdev_get_iostat", "{\"name\":\"c\"}", "-19", "bdev c");
	expect_failure("bdev_get_iostat", "{\"name\":\"c\",\"per_channel\":true}", "-19", "bdev c");
	expect_failure("bdev_get_iostat", "{\"per_channel\":true}", "-22", "name");
	expect_failure("bdev_get_iostat", "{\"name\":\"a\",\"reset_mode\":\"some\"}", "-32603", "some");
	expect_failure("bdev_get_iostat", "{\"nmae\":\"a\"}", "-32603", "nmae");
	expect_failure("bdev_reset_iostat", "{\"name\":\"c\"}", "-19", "bdev c");
	assert_string_equal(ask("bdev_reset_iostat", "{\"name\":\"c\",\"mode\":\"none\"}"), "\"result\":true");
	remove_disks();
}

static void
test_per_channel(void **state)
{
	char expected[2000];

	add_disks();
	run_read(0, 0, 2);
	run_read(0, 1, 3);
	snprintf(expected, sizeof(expected),
		"\"name\":\"a\",\"channels\":[{\"thread_id\":%" PRIu64 "," READS(1024, 1) "},{\"thread_id\":%" PRIu64
											  "," READS(1536, 1) "}]}",
		spdk_thread_get_id(g_sim_threads[0]), spdk_thread_get_id(g_sim_threads[1]));
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"a\",\"per_channel\":true}")), expected);
	remove_disks();
}

static void
test_reset(void **state)
{
	g_dump_driver = true;
	g_driver_resets = 0;
	add_disks();
	run_read(0, 0, 2);
	run_read(1, 0, 2);
	assert_string_equal(ask("bdev_reset_iostat", "{\"name\":\"a\"}"), "\"result\":true");
	assert_int_equal(g_driver_resets, 0);
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "")),
		"\"bdevs\":[{\"name\":\"a\"," READS(
			0, 0) ",\"io_error\":{},\"driver_specific\":{\"answer\":42}},{\"name\":\"b\"," READS(1024,
			1) ",\"io_error\":{},\"driver_specific\":{\"answer\":42}}]}");
	assert_string_equal(ask("bdev_reset_iostat", ""), "\"result\":true");
	assert_int_equal(g_driver_resets, 2);
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"b\"}")),
		"\"bdevs\":[{\"name\":\"b\"," READS(0, 0) ",\"io_error\":{},\"driver_specific\":{\"answer\":42}}]}");
	remove_disks();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get_iostat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_per_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
