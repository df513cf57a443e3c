/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/rpc.h"
#include "spdk/trace.h"
#include "lib/trace/trace_internal.h"
#include "test/unit/rpc/server_fixture.h"

static struct client g_client;
static char g_name[64];

static void
test_points(void)
{
	spdk_trace_register_description("POINT", SPDK_TPOINT_ID(19, 0), 0, 0, 0, 0, NULL);
}

SPDK_TRACE_REGISTER_FN(test_points, "test", 19)

static int
setup(void **state)
{
	snprintf(g_name, sizeof(g_name), "/bdevkit-trace-rpc-test.%d", getpid());
	if (fixture_setup(state) != 0) {
		return -1;
	}
	/* They are there from the start. */
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	g_client = client_open();
	assert_int_equal(trace_prepare(g_name, 128, 1), 0);
	return 0;
}

static int
teardown(void **state)
{
	spdk_trace_cleanup();
	client_close(&g_client);
	server_settle();
	return fixture_teardown(state);
}

/* Returns the reply's text behind "id":1, without the end. */
static const char *
ask(const char *method, const char *params)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,";
	char request[500];

	snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}", method,
		params[0] != '\0' ? ",\"params\":" : "", params);
	g_client.size = 0;
	client_say(&g_client, request);
	while (g_client.size == 0 || g_client.text[g_client.size - 1] != '\n') {
		assert_true(server_step(FIXTURE_DEADLINE));
		client_receive(&g_client);
	}
	assert_int_equal(strncmp(g_client.text, head, strlen(head)), 0);
	g_client.text[g_client.size - 2] = '\0';
	return g_client.text + strlen(head);
}

#define assert_has(text, part) \
	do { \
		const char *whole = text; \
		if (strstr(whole, part) == NULL) { \
			fail_msg("%s is not in %s", part, whole); \
		} \
	} while (0)

#define OK "\"result\":true"

static void
switches_groups(void **state)
{
	char path[100];

	snprintf(path, sizeof(path), "\"tpoint_shm_path\":\"/dev/shm%s\"", g_name);
	assert_has(ask("trace_get_info", ""), path);
	assert_has(ask("trace_get_info", ""), "\"tpoint_group_mask\":\"0x0\"");
	assert_has(ask("trace_get_info", ""), "\"test\":{\"mask\":\"0x80000\",\"tpoint_mask\":\"0x0\"}");
	assert_null(g_trace_file);
	assert_string_equal(ask("trace_disable_tpoint_group", "{\"name\":\"test\"}"), OK);
	assert_null(g_trace_file);

	assert_string_equal(ask("trace_enable_tpoint_group", "{\"name\":\"test\"}"), OK);
	assert_true(spdk_trace_tpoint_enabled(SPDK_TPOINT_ID(19, 0)));
	assert_has(ask("trace_get_info", ""), "\"tpoint_group_mask\":\"0x80000\"");
	assert_has(ask("trace_get_info", ""), "\"test\":{\"mask\":\"0x80000\",\"tpoint_mask\":\"0xffffffffffffffff\"}");
	assert_has(ask("trace_get_tpoint_group_mask", ""), "\"tpoint_group_mask\":\"0x80000\"");
	assert_has(ask("trace_get_tpoint_group_mask", ""), "\"test\":{\"enabled\":true,\"mask\":\"0x80000\"}");
	assert_has(ask("trace_get_tpoint_group_mask", ""), "\"bdev\":{\"enabled\":false,\"mask\":\"0x8\"}");
	assert_has(ask("trace_get_tpoint_group_mask", ""), "\"thread\":{\"enabled\":false,\"mask\":\"0x400\"}");

	assert_string_equal(ask("trace_disable_tpoint_group", "{\"name\":\"test\"}"), OK);
	assert_has(ask("trace_get_tpoint_group_mask", ""), "\"test\":{\"enabled\":false,\"mask\":\"0x80000\"}");
	assert_string_equal(ask("trace_enable_tpoint_group", "{\"name\":\"all\"}"), OK);
	assert_has(ask("trace_get_info", ""), "\"tpoint_group_mask\":\"0xfffff\"");
}

static void
switches_points(void **state)
{
	assert_string_equal(ask("trace_set_tpoint_mask", "{\"name\":\"bdev\",\"tpoint_mask\":3}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), 3);
	assert_string_equal(ask("trace_set_tpoint_mask", "{\"name\":\"bdev\",\"tpoint_mask\":8}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), 11);
	assert_string_equal(ask("trace_clear_tpoint_mask", "{\"name\":\"bdev\",\"tpoint_mask\":1}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), 10);
	assert_string_equal(ask("trace_clear_tpoint_mask", "{\"name\":\"bdev\"}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), 0);
	assert_string_equal(ask("trace_set_tpoint_mask", "{\"name\":\"test\"}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(19), UINT64_MAX);
	assert_string_equal(ask("trace_set_tpoint_mask", "{\"name\":\"all\",\"tpoint_mask\":1}"), OK);
	assert_int_equal(spdk_trace_get_tpoint_mask(5), 1);
}

static void
refuses_what_is_wrong(void **state)
{
	static const char *const methods[] = {"trace_enable_tpoint_group", "trace_disable_tpoint_group",
		"trace_set_tpoint_mask", "trace_clear_tpoint_mask"};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(methods); i++) {
		assert_has(ask(methods[i], ""), "\"code\":-32602");
		assert_has(ask(methods[i], "{}"), "\"code\":-32602");
		assert_has(ask(methods[i], "{\"name\":\"nothing\"}"), "\"code\":-32602");
		assert_has(ask(methods[i], "{\"name\":\"nothing\"}"), "no trace group 'nothing'");
		assert_has(ask(methods[i], "{\"name\":1}"), "\"code\":-32602");
		assert_has(ask(methods[i], "{\"name\":\"test\",\"tpoint_mask\":-1}"), "\"code\":-32602");
	}
	assert_has(ask("trace_get_info", "{}"), "\"code\":-32602");
	assert_has(ask("trace_get_tpoint_group_mask", "[]"), "\"code\":-32602");
	assert_null(g_trace_file);
}

static void
says_that_there_is_no_trace(void **state)
{
	spdk_trace_cleanup();
	assert_has(ask("trace_get_info", ""), "\"tpoint_shm_path\":\"\"");
	assert_has(ask("trace_enable_tpoint_group", "{\"name\":\"test\"}"), "\"code\":-32603");
	assert_has(ask("trace_set_tpoint_mask", "{\"name\":\"test\"}"), "--num-trace-entries");
	assert_string_equal(ask("trace_disable_tpoint_group", "{\"name\":\"test\"}"), OK);

	/* Or why it cannot be made. */
	assert_int_equal(trace_prepare(g_name, 1ull << 32, 64), 0);
	assert_has(ask("trace_enable_tpoint_group", "{\"name\":\"test\"}"), "\"code\":-");
	assert_has(ask("trace_enable_tpoint_group", "{\"name\":\"test\"}"), "cannot be made");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(switches_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(switches_points, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(says_that_there_is_no_trace, setup, teardown),
	};

	return cmocka_run_group_tests_name("trace RPC", tests, NULL, NULL);
}
