/* SPDX-License-Identifier: BSD-3-Clause */

/* The methods about the list of bdevs. */

#include "bdev_rpc_fixture.h"

#define LIMITS \
	"\"assigned_rate_limits\":{\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,\"w_mbytes_" \
	"per_sec\":0},"
/* A disk that can read, write and reset: and so the layer can write zeroes. */
#define TYPES \
	"\"supported_io_types\":{\"read\":true,\"write\":true,\"unmap\":false,\"flush\":false,\"reset\":true," \
	"\"nvme_admin\":false,\"nvme_io\":false,\"nvme_io_md\":false,\"write_zeroes\":true,\"zcopy\":false," \
	"\"get_zone_info\":false,\"zone_management\":false,\"zone_append\":false,\"compare\":false," \
	"\"compare_and_write\":false,\"abort\":false,\"seek_hole\":false,\"seek_data\":false,\"copy\":false," \
	"\"nvme_iov_md\":false}"

static void
init_disk(struct sim_disk *disk, const char *name, char digit)
{
	char uuid[] = "00000000-1111-4222-8333-44444444444x";

	sim_disk_init(disk, name);
	uuid[sizeof(uuid) - 2] = digit;
	assert_int_equal(spdk_uuid_parse(&disk->bdev.uuid, uuid), 0);
}

static void
test_get_bdevs(void **state)
{
	struct sim_disk a, b;

	assert_string_equal(ask("bdev_get_bdevs", ""), "\"result\":[]");
	init_disk(&a, "a", '0');
	sim_disk_add(&a);
#define A_TEXT \
	"{\"name\":\"a\",\"aliases\":[\"00000000-1111-4222-8333-444444444440\"],\"product_name\":\"a\"," \
	"\"block_size\":512,\"num_blocks\":1024,\"uuid\":\"00000000-1111-4222-8333-444444444440\"," LIMITS \
	"\"claimed\":false,\"zoned\":false," TYPES ",\"driver_specific\":{\"disk\":\"a\"}}"
	assert_string_equal(ask("bdev_get_bdevs", ""), "\"result\":[" A_TEXT "]");

	/* Everything that is there only sometimes. */
	init_disk(&b, "b", '1');
	b.bdev.product_name = NULL;
	b.bdev.blocklen = 520;
	b.bdev.md_len = 8;
	b.bdev.md_interleave = true;
	b.bdev.dif_type = SPDK_DIF_TYPE2;
	b.bdev.dif_check_flags = SPDK_DIF_FLAGS_REFTAG_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK;
	b.bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_64;
	b.bdev.dif_is_head_of_md = true;
	b.bdev.numa.id_valid = 1;
	b.bdev.numa.id = 3;
	b.bdev.zoned = true;
	b.bdev.zone_size = 128;
	b.bdev.max_open_zones = 4;
	b.bdev.optimal_open_zones = 2;
	sim_disk_add(&b);
	ON(0, {
		assert_int_equal(spdk_bdev_alias_add(&b.bdev, "nick \"name\""), 0);
		assert_int_equal(spdk_bdev_module_claim_bdev(&b.bdev, NULL, &g_sim_module), 0);
	});
#define B_TEXT \
	"{\"name\":\"b\",\"aliases\":[\"00000000-1111-4222-8333-444444444441\",\"nick \\\"name\\\"\"]," \
	"\"product_name\":\"\",\"block_size\":520,\"num_blocks\":1024," \
	"\"uuid\":\"00000000-1111-4222-8333-444444444441\",\"numa_id\":3,\"md_size\":8,\"md_interleave\":true," \
	"\"dif_type\":2,\"dif_is_head_of_md\":true," \
	"\"enabled_dif_check_types\":{\"reftag\":true,\"apptag\":true,\"guard\":false},\"dif_pi_format\":2," LIMITS \
	"\"claimed\":true,\"claim_type\":\"exclusive_write\"," \
	"\"zoned\":true,\"zone_size\":128,\"max_open_zones\":4,\"optimal_open_zones\":2," TYPES \
	",\"driver_specific\":{\"disk\":\"b\"}}"
	assert_string_equal(ask("bdev_get_bdevs", "{\"name\":\"b\"}"), "\"result\":[" B_TEXT "]");
	assert_string_equal(ask("bdev_get_bdevs", "{\"name\":\"nick \\\"name\\\"\"}"), "\"result\":[" B_TEXT "]");
	assert_string_equal(ask("bdev_get_bdevs", "{}"), "\"result\":[" A_TEXT "," B_TEXT "]");

	/* One that is on its way out is not shown. */
	ON(0, spdk_bdev_unregister(&a.bdev, NULL, NULL));
	assert_string_equal(ask("bdev_get_bdevs", ""), "\"result\":[" B_TEXT "]");
	ON(0, spdk_bdev_module_release_bdev(&b.bdev));
	assert_int_equal(sim_disk_remove(&b), 0);
}

static void
test_get_bdevs_waits(void **state)
{
	struct sim_disk a;

	assert_string_equal(ask("bdev_get_bdevs", "{\"name\":\"a\"}"),
		"\"error\":{\"code\":-19,\"message\":\"bdev a: No such device\"}");
	assert_string_equal(ask_within("bdev_get_bdevs", "{\"name\":\"a\",\"timeout\":1000}", 1200),
		"\"error\":{\"code\":-110,\"message\":\"bdev a: Connection timed out\"}");

	assert_string_equal(ask_within("bdev_get_bdevs", "{\"name\":\"a\",\"timeout\":1000}", 500), "nothing");
	init_disk(&a, "a", '0');
	sim_disk_add(&a);
	bdk_sim_run_for(200 * 1000);
	serve();
	assert_true(has_reply());
	client_expect_text(&g_client, A_TEXT);
	assert_int_equal(sim_disk_remove(&a), 0);
	assert_int_equal(a.destructed, 1);

	/* A client that has gone, and a huge time. */
	assert_string_equal(
		ask_within("bdev_get_bdevs", "{\"name\":\"a\",\"timeout\":18446744073709551615}", 500), "nothing");
	client_close(&g_client);
	serve();
	bdk_sim_run_for(1000 * 1000);
	g_client = client_open();
}

static void
expect_error(const char *method, const char *params, int code)
{
	const char *reply = ask(method, params);
	char head[100];

	snprintf(head, sizeof(head), "\"error\":{\"code\":%d,\"message\":\"", code);
	if (strncmp(reply, head, strlen(head)) != 0) {
		fail_msg("%s %s: %s", method, params, reply);
	}
}

static void
test_bad_params(void **state)
{
	static const char *const bad[] = {"[]", "{\"name\":5}", "{\"name\":null}", "{\"nmae\":\"a\"}", "\"a\""};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		expect_error("bdev_get_bdevs", bad[i], i == 4 ? -32600 : -32603);
		expect_error("bdev_examine", bad[i], i == 4 ? -32600 : -32602);
	}
	expect_error("bdev_get_bdevs", "{\"name\":\"a\",\"timeout\":-1}", -32603);
	expect_error("bdev_examine", "", -32602);
	expect_error("bdev_examine", "{}", -32602);
	expect_error("bdev_wait_for_examine", "{}", -32602);
	expect_error("bdev_set_options", "{}", -1);
}

static void
test_examine(void **state)
{
	struct spdk_bdev_opts opts;

	assert_string_equal(ask("bdev_wait_for_examine", ""), "\"result\":true");
	expect_error("bdev_examine", "{\"name\":\"a\"}", -EINVAL);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = false;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_string_equal(ask("bdev_examine", "{\"name\":\"a\"}"), "\"result\":true");
	expect_error("bdev_examine", "{\"name\":\"a\"}", -EEXIST);
	opts.bdev_auto_examine = true;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
}

static void
test_set_options(void **state)
{
	struct spdk_bdev_opts before = {}, after = {};

	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	spdk_bdev_get_opts(&before, sizeof(before));
	assert_string_equal(ask("bdev_set_options", ""), "\"result\":true");
	assert_string_equal(ask("bdev_set_options", "{}"), "\"result\":true");
	spdk_bdev_get_opts(&after, sizeof(after));
	assert_memory_equal(&before, &after, sizeof(before));

	assert_string_equal(
		ask("bdev_set_options", "{\"bdev_io_pool_size\":5000,\"bdev_auto_examine\":false}"), "\"result\":true");
	spdk_bdev_get_opts(&after, sizeof(after));
	assert_int_equal(after.bdev_io_pool_size, 5000);
	assert_int_equal(after.bdev_io_cache_size, before.bdev_io_cache_size);
	assert_false(after.bdev_auto_examine);
	assert_string_equal(ask("bdev_set_options",
				    "{\"bdev_auto_examine\":true,\"bdev_io_cache_size\":100,"
				    "\"iobuf_small_cache_size\":7,\"iobuf_large_cache_size\":0}"),
		"\"result\":true");
	spdk_bdev_get_opts(&after, sizeof(after));
	assert_int_equal(after.bdev_io_cache_size, 100);
	assert_true(after.bdev_auto_examine);
	assert_int_equal(after.iobuf_small_cache_size, 7);
	assert_int_equal(after.iobuf_large_cache_size, 0);

	assert_string_equal(ask("bdev_set_options", "{\"bdev_io_pool_size\":299,\"bdev_io_cache_size\":100}"),
		"\"error\":{\"code\":-32602,\"message\":\"Pool size 299 too small for cache size 100\"}");
	expect_error("bdev_set_options", "{\"bdev_io_pool_size\":4294967296}", -32602);
	expect_error("bdev_set_options", "{\"bdev_io_pool_size\":-5}", -32602);
	expect_error("bdev_set_options", "{\"bdev_auto_examine\":1}", -32602);
	expect_error("bdev_set_options", "{\"bdev_io_pool\":5}", -32602);
	assert_int_equal(spdk_bdev_set_opts(&before), 0);
	expect_error("bdev_get_bdevs", "", -1);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_get_bdevs),
		TEST(test_get_bdevs_waits),
		TEST(test_bad_params),
		TEST(test_examine),
		TEST(test_set_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
