/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/rpc/client.c, against the server and against things that are none. */

#include "test/unit/rpc/server_fixture.h"

static void
echo(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w;

	if (params == NULL) {
		spdk_jsonrpc_send_error_response(request, -7, "no params");
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_val(w, params);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("echo", echo, SPDK_RPC_STARTUP)

static struct spdk_jsonrpc_client_request *
make_request(const char *params)
{
	struct spdk_jsonrpc_client_request *request = spdk_jsonrpc_client_create_request();
	struct spdk_json_write_ctx *w;

	assert_non_null(request);
	w = spdk_jsonrpc_begin_request(request, 3, "echo");
	if (params != NULL) {
		spdk_json_write_name(w, "params");
		spdk_json_write_val_raw(w, params, strlen(params));
	}
	spdk_jsonrpc_end_request(request, w);
	return request;
}

static struct spdk_jsonrpc_client_response *
ask(struct spdk_jsonrpc_client *client, const char *params)
{
	int rc;

	assert_int_equal(spdk_jsonrpc_client_send_request(client, make_request(params)), 0);
	while ((rc = spdk_jsonrpc_client_poll(client, 0)) == 0) {
		server_step(0);
	}
	assert_int_equal(rc, 1);
	return spdk_jsonrpc_client_get_response(client);
}

static void
requests_and_responses(void **state)
{
	struct spdk_jsonrpc_client *client = spdk_jsonrpc_client_connect(g_path, AF_UNIX);
	struct spdk_jsonrpc_client_response *response;
	int32_t code;

	assert_non_null(client);
	/* Nothing under way: no waiting. */
	assert_int_equal(spdk_jsonrpc_client_poll(client, -1), 0);
	assert_null(spdk_jsonrpc_client_get_response(client));

	response = ask(client, "[\"\\u00e9\"]");
	assert_true(spdk_json_strequal(response->version, "2.0"));
	assert_int_equal(spdk_json_number_to_int32(response->id, &code), 0);
	assert_int_equal(code, 3);
	assert_null(response->error);
	assert_true(spdk_json_strequal(&response->result[1], "\xc3\xa9"));
	spdk_jsonrpc_client_free_response(response);

	response = ask(client, NULL);
	assert_null(response->result);
	assert_int_equal(response->error->type, SPDK_JSON_VAL_OBJECT_BEGIN);
	spdk_jsonrpc_client_free_response(response);
	spdk_jsonrpc_client_close(client);
}

static void
one_request_at_a_time(void **state)
{
	struct spdk_jsonrpc_client *client = spdk_jsonrpc_client_connect(g_path, AF_UNIX);
	struct spdk_jsonrpc_client_request *second = make_request(NULL);

	assert_int_equal(spdk_jsonrpc_client_send_request(client, make_request(NULL)), 0);
	assert_int_equal(spdk_jsonrpc_client_send_request(client, second), -ENOSPC);
	while (spdk_jsonrpc_client_poll(client, 0) == 0) {
		server_step(0);
	}
	/* The response has not been fetched. */
	assert_int_equal(spdk_jsonrpc_client_send_request(client, second), -ENOSPC);
	assert_int_equal(spdk_jsonrpc_client_poll(client, 0), 1);
	spdk_jsonrpc_client_free_response(spdk_jsonrpc_client_get_response(client));
	assert_int_equal(spdk_jsonrpc_client_send_request(client, second), 0);
	spdk_jsonrpc_client_close(client);
}

static void
large_requests_and_responses(void **state)
{
	enum {
		SIZE = 5 << 20
	};
	char *params = malloc(SIZE + 8);
	struct spdk_jsonrpc_client *client = spdk_jsonrpc_client_connect(g_path, AF_UNIX);
	struct spdk_jsonrpc_client_response *response;

	assert_non_null(params);
	memset(params, 'x', SIZE);
	memcpy(params, "[\"", 2);
	strcpy(params + SIZE, "\"]");
	response = ask(client, params);
	assert_int_equal(response->result[1].len, SIZE - 2);
	spdk_jsonrpc_client_free_response(response);
	spdk_jsonrpc_client_close(client);
	free(params);
}

static void
malformed_requests_are_not_sent(void **state)
{
	struct spdk_jsonrpc_client *client = spdk_jsonrpc_client_connect(g_path, AF_UNIX);
	struct spdk_jsonrpc_client_request *request = spdk_jsonrpc_client_create_request();
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_request(request, 1, "echo");

	spdk_json_write_named_string(w, "params", "\xff");
	spdk_jsonrpc_end_request(request, w);
	assert_true(spdk_jsonrpc_client_send_request(client, request) < 0);
	spdk_jsonrpc_client_free_request(request);
	spdk_jsonrpc_client_close(client);
}

static void
nobody_there(void **state)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/nothing", g_dir);
	errno = 0;
	assert_null(spdk_jsonrpc_client_connect(path, AF_UNIX));
	assert_int_equal(errno, ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_null(spdk_jsonrpc_client_connect(path, AF_UNIX));
	assert_int_equal(errno, ENAMETOOLONG);
	spdk_jsonrpc_client_close(NULL);
	spdk_jsonrpc_client_free_request(NULL);
	spdk_jsonrpc_client_free_response(NULL);
}

/* What a server may say that is none. */
static void
strange_servers(void **state)
{
	static const struct {
		const char *says;
		int rc;
	} cases[] = {
		{"", -EIO},
		{"{\"jsonrpc\":\"2.0\",\"id\":3,\"resu", -EIO},
		{"HTTP/1.1 400 Bad Request\r\n", -EINVAL},
		{"[]", -EINVAL},
		{"{}", -EINVAL},
		{"{\"jsonrpc\":\"1.0\",\"result\":1}", -EINVAL},
		{"{\"result\":1}", 1},
		{"{\"result\":null,\"more\":[1]}", 1},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer, rc;
		struct spdk_jsonrpc_client *client;

		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/other", g_dir);
		assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(listen(fd, 1), 0);
		client = spdk_jsonrpc_client_connect(addr.sun_path, AF_UNIX);
		assert_non_null(client);
		peer = accept(fd, NULL, NULL);
		assert_int_equal(spdk_jsonrpc_client_send_request(client, make_request(NULL)), 0);
		assert_int_equal(write(peer, cases[i].says, strlen(cases[i].says)), strlen(cases[i].says));
		close(peer);
		while ((rc = spdk_jsonrpc_client_poll(client, FIXTURE_DEADLINE)) == 0) {
		}
		if (cases[i].rc == 1) {
			assert_int_equal(rc, 1);
			spdk_jsonrpc_client_free_response(spdk_jsonrpc_client_get_response(client));
		} else {
			assert_true(rc < 0);
		}
		spdk_jsonrpc_client_close(client);
		close(fd);
		unlink(addr.sun_path);
	}
}

static void
over_tcp(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct spdk_jsonrpc_server *server;
	struct spdk_jsonrpc_client *client;
	struct spdk_jsonrpc_client_response *response;
	socklen_t size = sizeof(addr);
	char address[64];
	int rc;

	server = spdk_jsonrpc_server_listen(AF_INET, 0, (struct sockaddr *)&addr, sizeof(addr), rpc_dispatch);
	assert_non_null(server);
	assert_int_equal(getsockname(server->listen_fd, (struct sockaddr *)&addr, &size), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(addr.sin_port));
	client = spdk_jsonrpc_client_connect(address, AF_INET);
	assert_non_null(client);
	assert_int_equal(spdk_jsonrpc_client_send_request(client, make_request("[1]")), 0);
	while ((rc = spdk_jsonrpc_client_poll(client, 0)) == 0 || rc == -ENOTCONN) {
		spdk_jsonrpc_server_poll(server);
	}
	assert_int_equal(rc, 1);
	response = spdk_jsonrpc_client_get_response(client);
	assert_non_null(response->result);
	spdk_jsonrpc_client_free_response(response);
	spdk_jsonrpc_client_close(client);
	spdk_jsonrpc_server_shutdown(server);
	/* The port is closed now. */
	client = spdk_jsonrpc_client_connect(address, AF_INET);
	if (client != NULL) {
		while ((rc = spdk_jsonrpc_client_poll(client, 100)) == -ENOTCONN) {
		}
		assert_int_equal(rc, -ECONNREFUSED);
		spdk_jsonrpc_client_close(client);
	}
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(requests_and_responses),
		SERVER_TEST(one_request_at_a_time),
		SERVER_TEST(large_requests_and_responses),
		SERVER_TEST(malformed_requests_are_not_sent),
		SERVER_TEST(nobody_there),
		SERVER_TEST(strange_servers),
		SERVER_TEST(over_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
