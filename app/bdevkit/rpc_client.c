/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/string.h"

#include "app/bdevkit/rpc_client.h"

/* Milliseconds; how often a wait looks at its deadline. */
#define POLL_INTERVAL 100

static void __attribute__((format(printf, 2, 3))) complain(const struct rpc_client *client, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (client->why != NULL) {
		snprintf(client->why, client->why_size, "%s", text);
	} else {
		fprintf(stderr, "bdevkit %s: %s: %s\n", client->command != NULL ? client->command : "rpc",
			client->socket_path, text);
	}
}

static int
connect_to(struct rpc_client *client)
{
	if (client->connection != NULL) {
		return 0;
	}
	client->connection = spdk_jsonrpc_client_connect(client->socket_path, AF_UNIX);
	if (client->connection == NULL) {
		complain(client, "%s; is a target running there? 'bdevkit serve' starts one, -r names its socket",
			spdk_strerror(errno));
		return -ENOTCONN;
	}
	return 0;
}

static struct spdk_jsonrpc_client_request *
make_request(const struct rpc_client *client, const char *method, rpc_client_write_params write_params, void *ctx)
{
	struct spdk_jsonrpc_client_request *request = spdk_jsonrpc_client_create_request();
	struct spdk_json_write_ctx *w;
	int rc = 0;

	if (request == NULL) {
		complain(client, "out of memory");
		return NULL;
	}
	w = spdk_jsonrpc_begin_request(request, 1, method);
	if (write_params != NULL) {
		spdk_json_write_named_object_begin(w, "params");
		rc = write_params(w, ctx);
		spdk_json_write_object_end(w);
	}
	spdk_jsonrpc_end_request(request, w);
	if (rc != 0) {
		spdk_jsonrpc_client_free_request(request);
		return NULL;
	}
	return request;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* Returns 0 when poll says so, or the negative errno that it ended with. */
static int
poll_until(struct rpc_client *client, uint64_t deadline, int wanted)
{
	int rc;

	do {
		rc = spdk_jsonrpc_client_poll(client->connection, POLL_INTERVAL);
		if (rc == wanted) {
			return 0;
		}
		if (rc < 0 && rc != -ENOTCONN && rc != -EINTR) {
			return rc;
		}
	} while (now_ms() < deadline);
	return -ETIMEDOUT;
}

struct spdk_jsonrpc_client_response *
rpc_client_call(struct rpc_client *client, const char *method, rpc_client_write_params write_params, void *ctx)
{
	uint64_t deadline = now_ms() + client->timeout * 1000ull;
	struct spdk_jsonrpc_client_request *request;
	int rc;

	if (connect_to(client) != 0) {
		return NULL;
	}
	request = make_request(client, method, write_params, ctx);
	if (request == NULL) {
		return NULL;
	}
	/* A connection that is not established yet refuses requests; polling establishes it. */
	rc = poll_until(client, deadline, 0);
	if (rc == 0) {
		rc = spdk_jsonrpc_client_send_request(client->connection, request);
	}
	if (rc != 0) {
		spdk_jsonrpc_client_free_request(request);
	} else {
		rc = poll_until(client, deadline, 1);
	}
	if (rc == -ETIMEDOUT) {
		complain(client, "no reply to %s within %u s; -t SECONDS waits longer", method, client->timeout);
		return NULL;
	}
	if (rc != 0) {
		complain(
			client, "%s: %s", method, rc == -EIO ? "the target closed the connection" : spdk_strerror(-rc));
		return NULL;
	}
	return spdk_jsonrpc_client_get_response(client->connection);
}

void
rpc_client_close(struct rpc_client *client)
{
	if (client->connection != NULL) {
		spdk_jsonrpc_client_close(client->connection);
		client->connection = NULL;
	}
}
