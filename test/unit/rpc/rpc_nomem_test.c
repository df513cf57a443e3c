/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory that runs out, at every single allocation of the server in turn: a client loses its reply or its connection at
 * worst, nothing leaks, and the next client is served.
 */

#include "test/unit/rpc/server_fixture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);

/* Allocations until one fails; 0: none does. */
static unsigned g_countdown;

static bool
fails(void)
{
	return g_countdown > 0 && --g_countdown == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

struct params {
	char *name;
	struct bdk_rpc_string_array list;
};

static const struct bdk_rpc_param g_params[] = {
	{.name = "name", .type = BDK_RPC_STRING, .offset = offsetof(struct params, name)},
	{.name = "list", .type = BDK_RPC_STRING_ARRAY, .offset = offsetof(struct params, list)},
};

static void
handle(struct spdk_jsonrpc_request *request, void *_params)
{
	struct params *params = _params;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (int i = 0; i < 1000; i++) {
		spdk_json_write_string(w, params->name);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_described = {
	.name = "described",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct params),
	.handler = handle,
};
BDK_RPC_REGISTER(g_described)

static const char g_requests[] =
	"{\"method\":\"described\",\"params\":{\"name\":\"x\",\"list\":[\"a\",\"b\"]},\"id\":\"\\u00e9\"}"
	"[{\"method\":\"described\",\"params\":{\"name\":7},\"id\":2},{\"method\":\"rpc_get_methods\"},"
	"{\"method\":\"nope\",\"id\":3},4]"
	"{\"method\":\"described\",\"params\":{\"list\":[1]},\"id\":5}"
	"{\"method\":\"described\",\"params\":{\"nope\":1},\"id\":6}{\"id\":7}{\"cut";

/* Serves a client while the nth allocation fails. Returns false if there was no nth. */
static bool
serve_with_failure(unsigned nth)
{
	struct client c = client_open(), other;
	bool reached;

	client_say(&c, g_requests);
	shutdown(c.fd, SHUT_WR);
	g_countdown = nth;
	while (server_step(0)) {
	}
	reached = g_countdown == 0;
	g_countdown = 0;
	client_receive(&c);
	/* Complete or closed, but not left hanging. */
	assert_true(c.eof);
	if (!reached) {
		client_expect_text(&c, "\"id\":\"\\u00E9\",\"result\":[\"x\",");
		client_expect_text(&c, "unfinished");
	}
	other = client_open();
	client_ask(&other, "{\"method\":\"described\",\"params\":{\"name\":\"y\"},\"id\":1}");
	client_expect_text(&other, "\"y\"");
	client_close(&other);
	client_close(&c);
	server_settle();
	return reached;
}

static void
every_allocation_of_the_server(void **state)
{
	unsigned nth = 1;

	while (serve_with_failure(nth)) {
		nth++;
	}
	/* There were some. */
	assert_true(nth > 40);
}

static void
count_reply_cb(void *arg, const struct rpc_call_reply *reply)
{
	(*(int *)arg)++;
}

static void
every_allocation_of_a_call(void **state)
{
	static const char params[] = "{\"name\":\"x\",\"list\":[\"a\"]}";
	unsigned nth = 0;
	bool reached;

	do {
		int rc, replies = 0;

		g_countdown = ++nth;
		rc = rpc_call("described", params, strlen(params), count_reply_cb, &replies);
		reached = g_countdown == 0;
		g_countdown = 0;
		/* Answered once, or not taken. */
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(replies, rc == 0);
	} while (reached);
	assert_true(nth > 8);
}

static void
every_allocation_of_a_start(void **state)
{
	unsigned nth = 0;
	bool reached;

	spdk_rpc_server_close(g_server);
	do {
		int rc;

		g_countdown = ++nth;
		rc = rpc_server_open(g_path, &g_server);
		reached = g_countdown == 0;
		g_countdown = 0;
		assert_true(reached == (rc != 0));
		assert_true((rc == 0) == (g_server != NULL));
	} while (reached);
	assert_true(nth > 2);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(every_allocation_of_the_server),
		SERVER_TEST(every_allocation_of_a_call),
		SERVER_TEST(every_allocation_of_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
