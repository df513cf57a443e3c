/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods of rate limits, and what is saved of them. */

#include "bdev_rpc_fixture.h"
#include "spdk/json.h"

static struct sim_disk g_a, g_b;

static int
setup_disks(void **state)
{
	if (setup(state) != 0) {
		return -1;
	}
	sim_disk_init(&g_a, "a");
	sim_disk_init(&g_b, "b");
	sim_disk_add(&g_a);
	sim_disk_add(&g_b);
	return 0;
}

static int
teardown_disks(void **state)
{
	sim_disk_remove(&g_a);
	sim_disk_remove(&g_b);
	return teardown(state);
}

static void
expect(const char *method, const char *params, const char *reply)
{
	assert_string_equal(ask(method, params), reply);
}

static int
append(void *ctx, const void *data, size_t size)
{
	strncat(ctx, data, size);
	return 0;
}

/* The part of the saved configuration from a method on, up to where the next one begins. */
static const char *
saved(const char *method)
{
	static char text[8192], part[1024];
	struct spdk_json_write_ctx *w;
	const char *begin, *end;
	char head[128];

	text[0] = '\0';
	w = spdk_json_write_begin(append, text, 0);
	ON(0, spdk_bdev_subsystem_config_json(w));
	spdk_json_write_end(w);
	snprintf(head, sizeof(head), "{\"method\":\"%s\"", method);
	begin = strstr(text, head);
	if (begin == NULL) {
		return "";
	}
	end = strstr(begin + 1, ",{\"method\"");
	snprintf(part, sizeof(part), "%.*s", (int)(end - begin), begin);
	return part;
}

static void
test_set_qos_limit(void **state)
{
	assert_string_equal(saved("bdev_set_qos_limit"), "");
	expect("bdev_set_qos_limit", "{\"name\":\"a\",\"rw_ios_per_sec\":1500,\"w_mbytes_per_sec\":7}",
		"\"result\":true");
	assert_non_null(strstr(ask("bdev_get_bdevs", "{\"name\":\"a\"}"),
		"\"assigned_rate_limits\":{\"rw_ios_per_sec\":2000,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,"
		"\"w_mbytes_per_sec\":7}"));
	assert_string_equal(saved("bdev_set_qos_limit"),
		"{\"method\":\"bdev_set_qos_limit\",\"params\":{\"name\":\"a\",\"rw_ios_per_sec\":2000,"
		"\"w_mbytes_per_sec\":7}}");
	/* The others stay. */
	expect("bdev_set_qos_limit", "{\"name\":\"a\",\"rw_ios_per_sec\":0,\"r_mbytes_per_sec\":3}", "\"result\":true");
	assert_non_null(strstr(ask("bdev_get_bdevs", "{\"name\":\"a\"}"),
		"\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":3,\"w_mbytes_per_sec\":7}"));
	expect("bdev_set_qos_limit",
		"{\"name\":\"a\",\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,"
		"\"w_mbytes_per_sec\":0}",
		"\"result\":true");
	assert_string_equal(saved("bdev_set_qos_limit"), "");
}

static void
test_set_qos_limit_errors(void **state)
{
	expect("bdev_set_qos_limit", "{\"name\":\"a\"}",
		"\"error\":{\"code\":-22,\"message\":\"No rate limits specified\"}");
	expect("bdev_set_qos_limit", "{\"name\":\"x\",\"rw_ios_per_sec\":1000}",
		"\"error\":{\"code\":-19,\"message\":\"bdev x: No such device\"}");
	assert_non_null(strstr(ask("bdev_set_qos_limit", "{\"rw_ios_per_sec\":1000}"), "\"code\":-32603"));
	assert_non_null(strstr(ask("bdev_set_qos_limit", "{\"name\":\"a\",\"rw_ios_per_sec\":-1}"), "\"code\":-32603"));
	assert_non_null(strstr(ask("bdev_set_qos_limit", "{\"name\":\"a\",\"iops\":1}"), "\"code\":-32603"));
}

static void
busy_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
}

static void
test_set_qos_limit_meanwhile(void **state)
{
	uint64_t limits[] = {1000, 0, 0, 0};

	client_say(&g_client,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bdev_set_qos_limit\",\"params\":{\"name\":\"a\","
		"\"rw_ios_per_sec\":5000}}");
	ON(1, {
		spdk_bdev_set_qos_rate_limits(&g_a.bdev, limits, busy_cb, NULL);
		server_settle();
	});
	bdk_sim_run_until_idle();
	ON(0, server_settle());
	assert_true(has_reply());
	assert_non_null(strstr(g_client.text,
		"\"error\":{\"code\":-32602,\"message\":\"Failed to configure rate limit: Resource temporarily "
		"unavailable\"}"));
	spdk_bdev_get_qos_rate_limits(&g_a.bdev, limits);
	assert_int_equal(limits[0], 1000);
}

#define GROUP_G \
	"{\"name\":\"g\",\"rw_ios_per_sec\":2000,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,\"w_mbytes_per_sec\":" \
	"5,"
#define GROUP_H \
	"{\"name\":\"h\",\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,\"w_mbytes_per_sec\":0," \
	"\"bdevs\":[]}"

static void
test_groups(void **state)
{
	expect("bdev_qos_group_get", "", "\"result\":[]");
	expect("bdev_qos_group_create", "{\"name\":\"g\",\"rw_ios_per_sec\":1001,\"w_mbytes_per_sec\":5}",
		"\"result\":true");
	expect("bdev_qos_group_create", "{\"name\":\"h\"}", "\"result\":true");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"g\",\"bdev_name\":\"b\"}", "\"result\":true");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"g\",\"bdev_name\":\"a\"}", "\"result\":true");
	expect("bdev_qos_group_get", "", "\"result\":[" GROUP_G "\"bdevs\":[\"b\",\"a\"]}," GROUP_H "]");
	expect("bdev_qos_group_get", "{\"name\":\"h\"}", "\"result\":[" GROUP_H "]");
	assert_string_equal(saved("bdev_qos_group_create"),
		"{\"method\":\"bdev_qos_group_create\",\"params\":{\"name\":\"g\",\"rw_ios_per_sec\":2000,"
		"\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,\"w_mbytes_per_sec\":5}}");
	assert_string_equal(saved("bdev_qos_group_add_bdev"),
		"{\"method\":\"bdev_qos_group_add_bdev\",\"params\":{\"name\":\"g\",\"bdev_name\":\"a\"}}");
	expect("bdev_qos_group_set_limit", "{\"name\":\"g\",\"rw_ios_per_sec\":0,\"w_mbytes_per_sec\":0}",
		"\"result\":true");
	expect("bdev_qos_group_remove_bdev", "{\"name\":\"g\",\"bdev_name\":\"b\"}", "\"result\":true");
	sim_disk_remove(&g_a);
	expect("bdev_qos_group_get", "{\"name\":\"g\"}",
		"\"result\":[{\"name\":\"g\",\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,\"r_mbytes_per_sec\":0,"
		"\"w_mbytes_per_sec\":0,\"bdevs\":[]}]");
	expect("bdev_qos_group_delete", "{\"name\":\"g\"}", "\"result\":true");
	expect("bdev_qos_group_get", "", "\"result\":[" GROUP_H "]");
	sim_disk_add(&g_a);
}

static void
test_group_errors(void **state)
{
	expect("bdev_qos_group_create", "{\"name\":\"\"}",
		"\"error\":{\"code\":-22,\"message\":\"a group needs a name\"}");
	expect("bdev_qos_group_create", "{\"name\":\"g\"}", "\"result\":true");
	expect("bdev_qos_group_create", "{\"name\":\"g\"}",
		"\"error\":{\"code\":-17,\"message\":\"there is a group g already\"}");
	expect("bdev_qos_group_create", "{\"name\":\"h\"}", "\"result\":true");
	assert_non_null(strstr(ask("bdev_qos_group_create", "{}"), "\"code\":-32602"));
	expect("bdev_qos_group_set_limit", "{\"name\":\"g\"}",
		"\"error\":{\"code\":-22,\"message\":\"No rate limits specified\"}");
	expect("bdev_qos_group_set_limit", "{\"name\":\"x\",\"rw_ios_per_sec\":1}",
		"\"error\":{\"code\":-2,\"message\":\"there is no group x; bdev_qos_group_get lists them\"}");
	expect("bdev_qos_group_get", "{\"name\":\"x\"}",
		"\"error\":{\"code\":-2,\"message\":\"there is no group x; bdev_qos_group_get lists them\"}");
	expect("bdev_qos_group_delete", "{\"name\":\"x\"}",
		"\"error\":{\"code\":-2,\"message\":\"there is no group x; bdev_qos_group_get lists them\"}");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"x\",\"bdev_name\":\"a\"}",
		"\"error\":{\"code\":-2,\"message\":\"there is no group x; bdev_qos_group_get lists them\"}");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"g\",\"bdev_name\":\"x\"}",
		"\"error\":{\"code\":-19,\"message\":\"bdev x: No such device\"}");
	expect("bdev_qos_group_remove_bdev", "{\"name\":\"g\",\"bdev_name\":\"a\"}",
		"\"error\":{\"code\":-19,\"message\":\"bdev a is not in group g\"}");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"g\",\"bdev_name\":\"a\"}", "\"result\":true");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"g\",\"bdev_name\":\"a\"}",
		"\"error\":{\"code\":-17,\"message\":\"bdev a is in group g already\"}");
	expect("bdev_qos_group_add_bdev", "{\"name\":\"h\",\"bdev_name\":\"a\"}",
		"\"error\":{\"code\":-16,\"message\":\"bdev a is in another group; bdev_qos_group_remove_bdev takes it "
		"out "
		"of that\"}");
	expect("bdev_qos_group_delete", "{\"name\":\"g\"}",
		"\"error\":{\"code\":-16,\"message\":\"there are bdevs in group g; bdev_qos_group_remove_bdev takes "
		"them "
		"out\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set_qos_limit, setup_disks, teardown_disks),
		cmocka_unit_test_setup_teardown(test_set_qos_limit_errors, setup_disks, teardown_disks),
		cmocka_unit_test_setup_teardown(test_set_qos_limit_meanwhile, setup_disks, teardown_disks),
		cmocka_unit_test_setup_teardown(test_groups, setup_disks, teardown_disks),
		cmocka_unit_test_setup_teardown(test_group_errors, setup_disks, teardown_disks),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
