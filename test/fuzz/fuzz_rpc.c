/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any bytes from a client of the JSON-RPC server, in two pieces. What comes back must be lines of JSON, the server must
 * come to rest, and a well-behaved client must be served as if nothing had happened.
 */

#include "spdk/stdinc.h"
#include "spdk/log.h"
#include "bdevkit/rpc.h"
#include "lib/rpc/jsonrpc_internal.h"
#include "test/fuzz/fuzz.h"

struct all_types {
	bool flag;
	int32_t level;
	uint8_t tiny;
	uint64_t size;
	char *name;
	struct spdk_uuid uuid;
	int mode;
	struct bdk_rpc_string_array list;
	const struct spdk_json_val *extra;
};

static const struct bdk_rpc_value g_modes[] = {{"fast", 1}, {"slow", 2}, {NULL, 0}};

#define FIELD(_name) .name = #_name, .offset = offsetof(struct all_types, _name)

static const struct bdk_rpc_param g_params[] = {
	{FIELD(flag), .type = BDK_RPC_BOOL},
	{FIELD(level), .type = BDK_RPC_INT32, .min = (uint64_t)-10, .max = 10},
	{FIELD(tiny), .type = BDK_RPC_UINT8},
	{FIELD(size), .type = BDK_RPC_UINT64},
	{FIELD(name), .type = BDK_RPC_STRING},
	{FIELD(uuid), .type = BDK_RPC_UUID},
	{FIELD(mode), .type = BDK_RPC_ENUM, .values = g_modes},
	{FIELD(list), .type = BDK_RPC_STRING_ARRAY},
	{FIELD(extra), .type = BDK_RPC_JSON},
};

static void
all_types(struct spdk_jsonrpc_request *request, void *_params)
{
	const struct all_types *params = _params;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	spdk_json_write_string(w, params->name);
	for (size_t i = 0; i < params->list.count; i++) {
		spdk_json_write_string(w, params->list.items[i]);
	}
	if (params->extra != NULL) {
		spdk_json_write_val(w, params->extra);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_all = {
	.name = "all",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = sizeof(g_params) / sizeof(g_params[0]),
	.params_size = sizeof(struct all_types),
	.handler = all_types,
};
BDK_RPC_REGISTER(g_all)

/* Requests that are completed when the client has sent all it has, the last one first. */
static struct spdk_jsonrpc_request *g_held[4096];
static size_t g_num_held;

static void
hold(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (g_num_held < sizeof(g_held) / sizeof(g_held[0])) {
		g_held[g_num_held++] = request;
	} else {
		spdk_jsonrpc_send_error_response(request, -1, "enough");
	}
}
SPDK_RPC_REGISTER("hold", hold, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static void
ignore_log(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
}

static struct spdk_jsonrpc_server *
get_server(void)
{
	/* The library has methods that stop the process. */
	static const char *allowed[] = {
		"all", "hold", "rpc_get_methods", "rpc_describe_methods", "spdk_get_version", NULL};
	static struct spdk_jsonrpc_server *server;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct rpc_server_opts opts;

	if (server == NULL) {
		spdk_log_open(ignore_log);
		spdk_rpc_set_allowlist(allowed);
		rpc_server_get_opts(&opts);
		opts.max_in_flight = 8;
		opts.max_unread_size = 4096;
		opts.max_request_size = 65536;
		opts.max_request_values = 1000;
		rpc_server_set_opts(&opts);
		/* Nobody connects here: clients are socket pairs. The kernel chooses an abstract address. */
		server = spdk_jsonrpc_server_listen(
			AF_UNIX, 0, (struct sockaddr *)&addr, sizeof(sa_family_t), rpc_dispatch);
		FUZZ_CHECK(server != NULL);
	}
	return server;
}

static int
open_client(struct spdk_jsonrpc_server *server)
{
	int fds[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	FUZZ_CHECK(jsonrpc_conn_create(server, fds[0]) == 0);
	return fds[1];
}

struct text {
	char *data;
	size_t size;
};

static void
receive(int fd, struct text *text)
{
	static char buf[65536];
	ssize_t rc;

	while ((rc = recv(fd, buf, sizeof(buf), 0)) > 0) {
		text->data = realloc(text->data, text->size + rc);
		FUZZ_CHECK(text->data != NULL);
		memcpy(text->data + text->size, buf, rc);
		text->size += rc;
	}
}

static bool
is_quiet(struct spdk_jsonrpc_server *server)
{
	struct pollfd pfd = {.fd = jsonrpc_server_get_fd(server), .events = POLLIN};

	return poll(&pfd, 1, 0) == 0;
}

/* Serves until nothing is left to do, the client reading along; completes what is held. */
static void
settle(struct spdk_jsonrpc_server *server, int fd, struct text *text)
{
	for (int i = 0; !is_quiet(server) || g_num_held > 0; i++) {
		FUZZ_CHECK(i < 100000);
		FUZZ_CHECK(spdk_jsonrpc_server_poll(server) == 0);
		receive(fd, text);
		if (is_quiet(server) && g_num_held > 0) {
			spdk_jsonrpc_send_bool_response(g_held[--g_num_held], true);
		}
	}
	receive(fd, text);
}

static void
say(struct spdk_jsonrpc_server *server, int fd, const uint8_t *data, size_t size, struct text *text)
{
	while (size > 0) {
		ssize_t rc = send(fd, data, size, MSG_NOSIGNAL);

		settle(server, fd, text);
		if (rc < 0) {
			/* Closed by the server; when full, it has been emptied now. */
			if (errno != EAGAIN) {
				return;
			}
			continue;
		}
		data += rc;
		size -= rc;
	}
}

/* Every line is one JSON value. */
static void
check_lines(const struct text *text)
{
	char *p = text->data, *end = text->data + text->size;

	while (p < end) {
		char *newline = memchr(p, '\n', end - p);
		void *rest;

		FUZZ_CHECK(newline != NULL);
		FUZZ_CHECK(spdk_json_parse(p, newline - p, NULL, 0, &rest, 0) > 0);
		FUZZ_CHECK(rest == newline);
		p = newline + 1;
	}
}

static void
check_other_client(struct spdk_jsonrpc_server *server, int fd)
{
	static const char request[] = "{\"method\":\"all\",\"params\":{\"name\":\"x\"},\"id\":1}";
	static const char reply[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[\"x\"]}\n";
	struct text text = {};

	say(server, fd, (const uint8_t *)request, strlen(request), &text);
	FUZZ_CHECK(text.size == strlen(reply) && memcmp(text.data, reply, text.size) == 0);
	free(text.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spdk_jsonrpc_server *server = get_server();
	int fd = open_client(server), other = open_client(server);
	struct text text = {};
	size_t first = size > 0 ? data[size / 2] % size : 0;

	say(server, fd, data, first, &text);
	say(server, fd, data + first, size - first, &text);
	if (size > 0 && data[0] % 2 == 0) {
		/* Only this half closed: the server answers what it has. */
		shutdown(fd, SHUT_WR);
		settle(server, fd, &text);
	}
	check_lines(&text);
	check_other_client(server, other);
	close(fd);
	close(other);
	free(text.data);
	text = (struct text){};
	while (!is_quiet(server)) {
		spdk_jsonrpc_server_poll(server);
	}
	FUZZ_CHECK(server->num_conns == 0);
	return 0;
}
