/* SPDX-License-Identifier: BSD-3-Clause */

/* The methods about statistics. */

#include "bdev_rpc_fixture.h"
#include "mem_disk.h"
#include "spdk/base64.h"

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

/* ---- queue depth ---- */

static void
test_queue_depth(void **state)
{
	struct mem_io io = {};

	add_disks();
	expect_failure("bdev_set_qd_sampling_period", "{\"name\":\"a\"}", "-32603", "period");
	expect_failure("bdev_set_qd_sampling_period", "{\"name\":\"c\",\"period\":10}", "-19", "bdev c");
	assert_string_equal(ask("bdev_set_qd_sampling_period", "{\"name\":\"a\",\"period\":10000}"), "\"result\":true");
	/* No sample yet. */
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"a\"}")),
		"\"bdevs\":[{\"name\":\"a\"," READS(
			0, 0) ",\"io_error\":{},\"queue_depth_polling_period\":10000,"
			      "\"queue_depth\":18446744073709551615,\"io_time\":0,\"weighted_io_time\":0}]}");
	g_disks[0].mode = MEM_DISK_HOLD;
	ON(0,
		assert_int_equal(
			spdk_bdev_read_blocks(g_users[0].desc, g_users[0].ch[0], g_buf, 0, 1, mem_io_done_cb, &io), 0));
	bdk_sim_run_for(10 * 1000);
	bdk_sim_run_until_idle();
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "")),
		"\"bdevs\":[{\"name\":\"a\"," READS(
			0, 0) ",\"io_error\":{},\"queue_depth_polling_period\":10000,"
			      "\"queue_depth\":1,\"io_time\":10000,\"weighted_io_time\":10000},"
			      "{\"name\":\"b\"," READS(0, 0) ",\"io_error\":{}}]}");
	assert_string_equal(ask("bdev_set_qd_sampling_period", "{\"name\":\"a\",\"period\":0}"), "\"result\":true");
	assert_string_equal(skip_ticks(ask("bdev_get_iostat", "{\"name\":\"a\"}")),
		"\"bdevs\":[{\"name\":\"a\"," READS(0, 0) ",\"io_error\":{}}]}");
	mem_disk_release(&g_disks[0], 1);
	bdk_sim_run_until_idle();
	remove_disks();
}

/* ---- histograms ---- */

static void
expect_histogram(const char *answer, uint32_t granularity, uint64_t total)
{
	static const char head[] = "\"result\":{\"histogram\":\"";
	char *text, *end, rest[200];
	uint64_t *buckets, sum = 0;
	size_t size, i;

	assert_int_equal(strncmp(answer, head, strlen(head)), 0);
	text = strdup(answer + strlen(head));
	end = strchr(text, '"');
	*end = '\0';
	buckets = malloc(spdk_base64_get_decoded_len(strlen(text)));
	assert_int_equal(spdk_base64_decode(buckets, &size, text), 0);
	for (i = 0; i < size / sizeof(*buckets); i++) {
		sum += buckets[i];
	}
	assert_int_equal(sum, total);
	assert_int_equal(size, ((64 - granularity + 1) << granularity) * sizeof(*buckets));
	snprintf(rest, sizeof(rest), ",\"granularity\":%u,\"min_range\":0,\"max_range\":%u,\"tsc_rate\":%" PRIu64 "}",
		granularity, 64 - granularity, spdk_get_ticks_hz());
	assert_string_equal(end + 1, rest);
	free(buckets);
	free(text);
}

static void
test_histogram(void **state)
{
	add_disks();
	expect_failure("bdev_get_histogram", "{}", "-32603", "name");
	expect_failure("bdev_get_histogram", "{\"name\":\"c\"}", "-19", "bdev c");
	/* Never enabled. */
	expect_failure("bdev_get_histogram", "{\"name\":\"a\"}", "-12", "bdev a");
	expect_failure("bdev_enable_histogram", "{\"name\":\"a\"}", "-32603", "enable");
	expect_failure("bdev_enable_histogram", "{\"name\":\"c\",\"enable\":true}", "-19", "bdev c");
	expect_failure("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":true,\"opc\":\"peek\"}", "-32603",
		"Invalid Io type");
	expect_failure("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":true,\"granularity\":256}", "-32603",
		"granularity");
	expect_failure("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":true,\"min_nsec\":5,\"max_nsec\":5}", "-12",
		"bdev a: granularity, min_nsec and max_nsec make no histogram");
	expect_failure("bdev_get_histogram", "{\"name\":\"a\"}", "-12", "bdev_enable_histogram begins one");

	assert_string_equal(ask("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":true}"), "\"result\":true");
	run_read(0, 0, 2);
	run_read(0, 1, 3);
	expect_histogram(ask("bdev_get_histogram", "{\"name\":\"a\"}"), 7, 2);
	assert_string_equal(
		ask("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":true,\"opc\":\"write\",\"granularity\":3}"),
		"\"result\":true");
	run_read(0, 0, 2);
	expect_histogram(ask("bdev_get_histogram", "{\"name\":\"a\"}"), 3, 0);
	assert_string_equal(ask("bdev_enable_histogram", "{\"name\":\"a\",\"enable\":false}"), "\"result\":true");
	expect_failure("bdev_get_histogram", "{\"name\":\"a\"}", "-32603",
		"Bad address: histogram of bdev a; bdev_enable_histogram begins one");
	remove_disks();
}

static int
append_cb(void *ctx, const void *data, size_t size)
{
	strncat(ctx, data, size);
	return 0;
}

static void
expect_config(const char *expected)
{
	char *text = calloc(1, 20000);
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, text, 0);

	ON(0, spdk_bdev_subsystem_config_json(w));
	assert_int_equal(spdk_json_write_end(w), 0);
	if (strstr(text, expected) == NULL) {
		fail_msg("%s", text);
	}
	free(text);
}

static void
test_histogram_config(void **state)
{
	add_disks();
	assert_string_equal(ask("bdev_enable_histogram", "{\"name\":\"b\",\"enable\":true}"), "\"result\":true");
	expect_config("{\"method\":\"bdev_enable_histogram\",\"params\":{\"name\":\"b\",\"enable\":true}},"
		      "{\"method\":\"bdev_wait_for_examine\"}");
	assert_string_equal(ask("bdev_enable_histogram", "{\"name\":\"b\",\"enable\":false}"), "\"result\":true");
	assert_string_equal(ask("bdev_enable_histogram",
				    "{\"name\":\"a\",\"enable\":true,\"opc\":\"unmap\",\"granularity\":9,"
				    "\"min_nsec\":100,\"max_nsec\":100000}"),
		"\"result\":true");
	expect_config(
		"{\"method\":\"bdev_enable_histogram\",\"params\":{\"name\":\"a\",\"enable\":true,\"opc\":\"unmap\","
		"\"granularity\":9,\"min_nsec\":100,\"max_nsec\":100000}},{\"method\":\"bdev_wait_for_examine\"}");
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
		cmocka_unit_test_setup_teardown(test_queue_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histogram_config, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
