/* SPDX-License-Identifier: BSD-3-Clause */

/* The JSON-RPC server over a real socket: requests of every kind, one and many. */

#include "test/unit/rpc/server_methods.h"
#include <pthread.h>

/* ---- the form of requests and replies ---- */

static void
one_request(void **state)
{
	struct client c = client_open();

	assert_string_equal(client_ask(&c, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"a\":[1]},\"id\":1}"),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":[1]}}\n");
	/* Without a version, with params null, spread over lines. */
	assert_string_equal(client_ask(&c, "\n{\n \"id\" : \"x\" ,\n \"params\" : null,\n \"method\":\"echo\"\n}\n"),
		"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":null}\n");
	client_close(&c);
}

static void
ids_come_back_as_they_were(void **state)
{
	static const char *const ids[] = {
		"0", "-1", "1.50e+3", "123456789012345678901234567890", "\"\"", "\"\\u00E9\\n\\u0000\"", "null"};
	struct client c = client_open();

	for (size_t i = 0; i < SPDK_COUNTOF(ids); i++) {
		char request[200], reply[200];

		snprintf(request, sizeof(request), "{\"method\":\"echo\",\"id\":%s}", ids[i]);
		snprintf(reply, sizeof(reply), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":null}\n", ids[i]);
		assert_string_equal(client_ask(&c, request), reply);
	}
	client_close(&c);
}

static void
requests_that_are_no_requests(void **state)
{
	static const struct {
		const char *request;
		const char *id;
		const char *text;
	} cases[] = {
		{"1\n", "null", "must be an object"},
		{"\"x\"", "null", "must be an object"},
		{"null", "null", "must be an object"},
		{"{}", "null", "\\\"method\\\" is missing"},
		{"[]", "null", "the batch is empty"},
		{"{\"id\":7}", "7", "\\\"method\\\" is missing"},
		{"{\"id\":7,\"method\":1}", "7", "\\\"method\\\" must be a string"},
		{"{\"method\":\"echo\",\"method\":\"echo\",\"id\":7}", "7", "once"},
		{"{\"id\":7,\"method\":\"echo\",\"params\":1}", "7", "\\\"params\\\" must be"},
		{"{\"method\":\"echo\",\"params\":\"x\",\"id\":\"a\"}", "\"a\"", "\\\"params\\\" must be"},
		{"{\"id\":7,\"method\":\"echo\",\"jsonrpc\":\"1.0\"}", "7", "\\\"jsonrpc\\\" must be"},
		{"{\"id\":7,\"method\":\"echo\",\"jsonrpc\":2}", "7", "\\\"jsonrpc\\\" must be"},
		{"{\"id\":7,\"method\":\"echo\",\"extra\":2}", "7", "only the members"},
		{"{\"id\":[],\"method\":\"echo\"}", "null", "\\\"id\\\" must be"},
		{"{\"id\":{},\"method\":\"echo\"}", "null", "\\\"id\\\" must be"},
		{"{\"id\":true,\"method\":\"echo\"}", "null", "\\\"id\\\" must be"},
		{"{\"id\":1,\"id\":2,\"method\":\"echo\"}", "1", "once"},
	};
	struct client c = client_open();

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		char start[100];

		client_ask(&c, cases[i].request);
		snprintf(start, sizeof(start),
			"{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32600,\"message\":\"Invalid request: ",
			cases[i].id);
		client_expect_text(&c, start);
		client_expect_text(&c, cases[i].text);
	}
	/* The connection still works. */
	assert_string_equal(
		client_ask(&c, "{\"method\":\"echo\",\"id\":1}"), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
	client_close(&c);
}

static void
unknown_methods(void **state)
{
	static const char *const names[] = {"nope", "", "ech", "echoo", "ECHO", "a\\u0000b"};
	struct client c = client_open();

	for (size_t i = 0; i < SPDK_COUNTOF(names); i++) {
		char request[100];

		snprintf(request, sizeof(request), "{\"method\":\"%s\",\"id\":1}", names[i]);
		client_ask(&c, request);
		client_expect_text(&c, "\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}");
	}
	client_close(&c);
}

static void
notifications_are_not_answered(void **state)
{
	struct client c = client_open();

	client_say(&c,
		"{\"method\":\"count\"}{\"method\":\"nope\"}{\"method\":\"malformed\"}{\"method\":\"change_mind\"}");
	assert_string_equal(
		client_ask(&c, "{\"method\":\"echo\",\"id\":1}"), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
	assert_int_equal(g_calls, 1);
	client_close(&c);
}

static void
errors_of_methods(void **state)
{
	struct client c = client_open();

	/* The half result is thrown away, and a text that is not UTF-8 is mended. */
	assert_string_equal(client_ask(&c, "{\"method\":\"change_mind\",\"id\":1}"),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-5,\"message\":\"no after all\\uFFFD\"}}\n");
	client_ask(&c, "{\"method\":\"malformed\",\"id\":1}");
	client_expect_text(&c, "\"code\":-32603,\"message\":\"Internal error: ");
	client_close(&c);
}

/* ---- batches ---- */

static void
batches(void **state)
{
	struct client c = client_open();

	assert_string_equal(client_ask(&c, "[{\"method\":\"echo\",\"id\":1}]"),
		"[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}]\n");
	/* Members that are no requests, unknown methods, notifications. */
	client_ask(&c,
		"[1,{\"method\":\"echo\",\"params\":[[]],\"id\":\"a\"},{\"method\":\"count\"},{},{\"method\":\"nope\","
		"\"id\":3},[]]");
	assert_int_equal(c.text[0], '[');
	assert_string_equal(c.text + c.size - 2, "]\n");
	client_expect_text(&c, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":[[]]}");
	client_expect_text(&c, "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32601");
	client_expect_text(&c, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600");
	assert_int_equal(g_calls, 1);
	/* The whole is JSON, and has five members. */
	{
		struct spdk_json_val values[200], *val;
		int count = 0;

		assert_true(spdk_json_parse(c.text, c.size, values, SPDK_COUNTOF(values), NULL, 0) > 0);
		for (val = spdk_json_array_first(values); val != NULL; val = spdk_json_next(val)) {
			count++;
		}
		assert_int_equal(count, 5);
	}
	/* Nothing but notifications: no answer at all. */
	client_say(&c, "[{\"method\":\"count\"},{\"method\":\"count\"}]");
	assert_string_equal(
		client_ask(&c, "{\"method\":\"echo\",\"id\":1}"), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}\n");
	assert_int_equal(g_calls, 3);
	client_close(&c);
}

static void
batches_wait_for_all_and_hold_up_nobody(void **state)
{
	struct client c = client_open();

	client_say(&c, "[{\"method\":\"hold\",\"id\":1},{\"method\":\"echo\",\"id\":2}]");
	assert_string_equal(
		client_ask(&c, "{\"method\":\"echo\",\"id\":3}"), "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":null}\n");
	assert_int_equal(g_num_held, 1);
	c.size = 0;
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	client_expect(&c, 1, false);
	assert_string_equal(c.text,
		"[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null},{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}]\n");
	client_close(&c);
}

static void
large_batches_are_taken_in_turn(void **state)
{
	enum {
		COUNT = 20000
	};
	char *text = malloc(COUNT * 40), *p = text;
	struct client c;

	assert_non_null(text);
	restart_with_limits(32 << 20, 1 << 20, 8, 100);
	c = client_open();
	for (int i = 0; i < COUNT; i++) {
		p += sprintf(p, "%c{\"method\":\"count\",\"id\":%d}", i == 0 ? '[' : ',', i);
	}
	*p++ = ']';
	assert_true(client_send(&c, text, p - text));
	client_expect(&c, 1, false);
	assert_int_equal(g_calls, COUNT);
	client_expect_text(&c, "\"id\":19999,");
	client_close(&c);
	free(text);
}

static int g_lost_replies_logged;

static void
count_lost_replies_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	g_lost_replies_logged += strstr(format, "Unable to send response") != NULL;
}

static void
a_client_that_goes_leaves_one_line_and_not_hundreds(void **state)
{
	enum {
		COUNT = 200
	};
	struct client c = client_open();
	char text[COUNT * 32], *p = text;

	for (int i = 0; i < COUNT; i++) {
		p += sprintf(p, "%c{\"method\":\"hold\",\"id\":%d}", i == 0 ? '[' : ',', i);
	}
	*p++ = ']';
	assert_true(client_send(&c, text, p - text));
	while (g_num_held < COUNT) {
		assert_true(server_step(FIXTURE_DEADLINE));
	}
	client_close(&c);
	server_settle();
	g_lost_replies_logged = 0;
	spdk_log_open(count_lost_replies_cb);
	for (int i = 0; i < COUNT; i++) {
		spdk_jsonrpc_send_bool_response(g_held[i], true);
		server_settle();
	}
	spdk_log_close();
	/* More only if this took more than a second. */
	assert_in_range(g_lost_replies_logged, 1, 20);
}

/* ---- many requests at a time ---- */

static void
replies_in_any_order(void **state)
{
	struct client c = client_open();

	client_say(&c, "{\"method\":\"hold\",\"id\":1}{\"method\":\"hold\",\"id\":2}{\"method\":\"hold\",\"id\":3}");
	while (g_num_held < 3) {
		assert_true(server_step(FIXTURE_DEADLINE));
	}
	spdk_jsonrpc_send_bool_response(g_held[2], true);
	client_expect(&c, 1, false);
	spdk_jsonrpc_send_error_response(g_held[0], -1, "x");
	client_expect(&c, 2, false);
	spdk_jsonrpc_send_bool_response(g_held[1], false);
	client_expect(&c, 3, false);
	assert_string_equal(c.text,
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":true}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"x\"}}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":false}\n");
	client_close(&c);
}

static void
requests_in_flight_are_bounded(void **state)
{
	struct client c = client_open(), other = client_open();
	enum {
		COUNT = 300
	};

	for (int i = 0; i < COUNT; i++) {
		client_say(&c, "{\"method\":\"hold\",\"id\":1}");
	}
	server_settle();
	assert_int_equal(g_num_held, 256);
	/* Others are served. */
	client_ask(&other, "{\"method\":\"echo\",\"id\":1}");
	for (size_t i = 0; i < COUNT; i++) {
		if (i == g_num_held) {
			server_settle();
		}
		assert_true(i < g_num_held);
		spdk_jsonrpc_send_bool_response(g_held[i], true);
	}
	client_expect(&c, COUNT, false);
	assert_int_equal(g_num_held, COUNT);
	client_close(&c);
	client_close(&other);
}

static void *
complete_all(void *arg)
{
	for (size_t i = 0; i < g_num_held; i++) {
		spdk_jsonrpc_send_bool_response(g_held[i], true);
	}
	return NULL;
}

static void
replies_from_another_thread_wake_the_server(void **state)
{
	enum {
		COUNT = 200
	};
	struct client c = client_open();
	pthread_t thread;

	for (int i = 0; i < COUNT; i++) {
		client_say(&c, "{\"method\":\"hold\",\"id\":1}");
	}
	server_settle();
	assert_int_equal(g_num_held, COUNT);
	assert_int_equal(pthread_create(&thread, NULL, complete_all, NULL), 0);
	client_expect(&c, COUNT, false);
	pthread_join(thread, NULL);
	server_settle();
	client_close(&c);
}

static void
requests_outlive_the_connection_and_the_server(void **state)
{
	struct client c = client_open();
	struct spdk_jsonrpc_server_conn *conn;

	client_say(&c, "{\"method\":\"hold\",\"id\":1}{\"method\":\"hold\",\"id\":2}[{\"method\":\"hold\",\"id\":3}]");
	server_settle();
	assert_int_equal(g_num_held, 3);
	conn = spdk_jsonrpc_get_conn(g_held[0]);
	assert_non_null(conn);
	client_close(&c);
	server_settle();
	assert_null(spdk_jsonrpc_get_conn(g_held[0]));
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	server_settle();
	spdk_rpc_server_close(g_server);
	g_server = NULL;
	spdk_jsonrpc_send_bool_response(g_held[1], true);
	spdk_jsonrpc_send_error_response(g_held[2], -1, "x");
}

static void
a_handler_may_close_the_server(void **state)
{
	struct client c = client_open(), idle = client_open();
	const char *request = "{\"method\":\"shut_down\",\"id\":1}{\"method\":\"count\",\"id\":2}";

	client_say(&c, request);
	while (g_server != NULL) {
		assert_true(server_step(FIXTURE_DEADLINE));
	}
	client_receive(&c);
	client_receive(&idle);
	assert_true(c.eof && idle.eof);
	/* What was completed before is still delivered. */
	client_expect_text(&c, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}\n");
	client_close(&c);
	client_close(&idle);
}

static int g_closed;

static void
closed_cb(struct spdk_jsonrpc_server_conn *conn, void *arg)
{
	g_closed++;
	assert_ptr_equal(arg, &g_closed);
}

static void
close_callbacks(void **state)
{
	struct client c = client_open(), d = client_open();
	struct spdk_jsonrpc_server_conn *conn;

	g_closed = 0;
	client_say(&c, "{\"method\":\"hold\",\"id\":1}");
	server_settle();
	conn = spdk_jsonrpc_get_conn(g_held[0]);
	assert_int_equal(spdk_jsonrpc_conn_del_close_cb(conn, closed_cb, &g_closed), -ENOENT);
	assert_int_equal(spdk_jsonrpc_conn_add_close_cb(conn, closed_cb, &g_closed), 0);
	assert_int_equal(spdk_jsonrpc_conn_add_close_cb(conn, closed_cb, &g_closed), -EEXIST);
	assert_int_equal(spdk_jsonrpc_conn_add_close_cb(conn, closed_cb, NULL), -ENOSPC);
	assert_int_equal(spdk_jsonrpc_conn_del_close_cb(conn, closed_cb, NULL), -ENOENT);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	client_expect(&c, 1, false);
	assert_int_equal(g_closed, 0);
	client_close(&c);
	server_settle();
	assert_int_equal(g_closed, 1);

	g_num_held = 0;
	client_say(&d, "{\"method\":\"hold\",\"id\":1}");
	server_settle();
	conn = spdk_jsonrpc_get_conn(g_held[0]);
	assert_int_equal(spdk_jsonrpc_conn_add_close_cb(conn, closed_cb, &g_closed), 0);
	assert_int_equal(spdk_jsonrpc_conn_del_close_cb(conn, closed_cb, &g_closed), 0);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	client_close(&d);
	server_settle();
	assert_int_equal(g_closed, 1);
}
int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(one_request),
		SERVER_TEST(ids_come_back_as_they_were),
		SERVER_TEST(requests_that_are_no_requests),
		SERVER_TEST(unknown_methods),
		SERVER_TEST(notifications_are_not_answered),
		SERVER_TEST(errors_of_methods),
		SERVER_TEST(batches),
		SERVER_TEST(batches_wait_for_all_and_hold_up_nobody),
		SERVER_TEST(large_batches_are_taken_in_turn),
		SERVER_TEST(a_client_that_goes_leaves_one_line_and_not_hundreds),
		SERVER_TEST(replies_in_any_order),
		SERVER_TEST(requests_in_flight_are_bounded),
		SERVER_TEST(replies_from_another_thread_wake_the_server),
		SERVER_TEST(requests_outlive_the_connection_and_the_server),
		SERVER_TEST(a_handler_may_close_the_server),
		SERVER_TEST(close_callbacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
