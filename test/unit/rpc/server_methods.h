/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods for clients to call, and a server with limits that tests set. */

#ifndef SERVER_METHODS_H
#define SERVER_METHODS_H

#include "test/unit/rpc/server_fixture.h"

static void
echo(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	if (params != NULL) {
		spdk_json_write_val(w, params);
	} else {
		spdk_json_write_null(w);
	}
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("echo", echo, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* Requests that wait to be completed by the test. */
static struct spdk_jsonrpc_request *g_held[1024];
static size_t g_num_held;

static void
hold(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	assert_true(g_num_held < SPDK_COUNTOF(g_held));
	g_held[g_num_held++] = request;
}
SPDK_RPC_REGISTER("hold", hold, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
big(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	static char text[100001];
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	memset(text, 'x', sizeof(text) - 1);
	spdk_json_write_string(w, text);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("big", big, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
malformed(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("malformed", malformed, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
change_mind(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (int i = 0; i < 10000; i++) {
		spdk_json_write_string(w, "half a result");
	}
	spdk_jsonrpc_send_error_response_fmt(request, -5, "no %s\xff", "after all");
}
SPDK_RPC_REGISTER("change_mind", change_mind, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static int g_calls;

static void
count_calls(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_calls++;
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("count", count_calls, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
shut_down(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
	spdk_rpc_server_close(g_server);
	g_server = NULL;
}
SPDK_RPC_REGISTER("shut_down", shut_down, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
set_limits(size_t max_request_size, size_t max_unread, uint32_t in_flight, uint32_t max_connections)
{
	struct rpc_server_opts opts;

	rpc_server_get_opts(&opts);
	opts.max_request_size = max_request_size;
	opts.max_unread_size = max_unread;
	opts.max_in_flight = in_flight;
	opts.max_connections = max_connections;
	rpc_server_set_opts(&opts);
}

/* A new server, as limits count from its start. */
static inline void
restart_with_limits(size_t max_request_size, size_t max_unread, uint32_t in_flight, uint32_t max_connections)
{
	spdk_rpc_server_close(g_server);
	set_limits(max_request_size, max_unread, in_flight, max_connections);
	assert_int_equal(rpc_server_open(g_path, &g_server), 0);
}

static int
setup(void **state)
{
	g_num_held = 0;
	g_calls = 0;
	set_limits(32 << 20, 1 << 20, 256, 8192);
	return fixture_setup(state);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

#endif /* SERVER_METHODS_H */
