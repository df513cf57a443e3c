/* SPDX-License-Identifier: BSD-3-Clause */

/* A JSON-RPC client without threads: one request at a time, driven by polling. */

#include "spdk/jsonrpc.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "lib/json/json_internal.h"
#include "lib/json/write_internal.h"

#define DEFAULT_PORT "5260"
#define RECEIVE_SIZE (64 * 1024)
/* A reply beyond it is no reply of ours. */
#define MAX_RESPONSE_SIZE (1024UL * 1024 * 1024)

struct buffer {
	char *data;
	size_t size;
	size_t capacity;
};

struct spdk_jsonrpc_client_request {
	struct buffer text;
	size_t sent;
	struct spdk_json_write_ctx writer;
};

/* The response, and the text and values that it points to. */
struct response {
	struct spdk_jsonrpc_client_response public;
	char *text;
	struct spdk_json_val *values;
};

struct spdk_jsonrpc_client {
	int fd;
	bool connecting;
	/* A request has been given, and its response has not come. */
	bool busy;
	struct spdk_jsonrpc_client_request *request;
	struct buffer input;
	struct json_parser parser;
	struct response *response;
};

static int
reserve(struct buffer *buffer, size_t size)
{
	size_t capacity = buffer->capacity;
	char *data;

	if (capacity - buffer->size >= size) {
		return 0;
	}
	capacity = capacity * 2 > buffer->size + size ? capacity * 2 : buffer->size + size;
	data = realloc(buffer->data, capacity);
	if (data == NULL) {
		return -ENOMEM;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

static int
start_connect(struct spdk_jsonrpc_client *client, const struct sockaddr *addr, socklen_t addrlen)
{
	client->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		return -errno;
	}
	if (connect(client->fd, addr, addrlen) == 0) {
		return 0;
	}
	if (errno != EINPROGRESS) {
		return -errno;
	}
	client->connecting = true;
	return 0;
}

static int
connect_unix(struct spdk_jsonrpc_client *client, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path)) {
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, path);
	return start_connect(client, (const struct sockaddr *)&addr, sizeof(addr));
}

static int
connect_inet(struct spdk_jsonrpc_client *client, const char *address, int family)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found;
	char *copy = strdup(address), *host, *port;
	int rc;

	if (copy == NULL) {
		return -ENOMEM;
	}
	rc = spdk_parse_ip_addr(copy, &host, &port);
	if (rc == 0) {
		rc = getaddrinfo(host, port != NULL ? port : DEFAULT_PORT, &hints, &found);
		if (rc != 0) {
			SPDK_ERRLOG("Cannot resolve %s: %s\n", address, gai_strerror(rc));
			rc = -EADDRNOTAVAIL;
		} else {
			rc = start_connect(client, found->ai_addr, found->ai_addrlen);
			freeaddrinfo(found);
		}
	}
	free(copy);
	return rc;
}

struct spdk_jsonrpc_client *
spdk_jsonrpc_client_connect(const char *addr, int addr_family)
{
	struct spdk_jsonrpc_client *client = calloc(1, sizeof(*client));
	int rc;

	if (client == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	client->fd = -1;
	json_parser_init(&client->parser, JSON_MAX_DEPTH, 0);
	rc = addr_family == AF_UNIX ? connect_unix(client, addr) : connect_inet(client, addr, addr_family);
	if (rc != 0) {
		spdk_jsonrpc_client_close(client);
		errno = -rc;
		return NULL;
	}
	return client;
}

static void
free_response(struct response *response)
{
	if (response != NULL) {
		free(response->text);
		free(response->values);
		free(response);
	}
}

void
spdk_jsonrpc_client_close(struct spdk_jsonrpc_client *client)
{
	if (client == NULL) {
		return;
	}
	if (client->fd >= 0) {
		close(client->fd);
	}
	spdk_jsonrpc_client_free_request(client->request);
	free_response(client->response);
	free(client->input.data);
	free(client);
}

struct spdk_jsonrpc_client_request *
spdk_jsonrpc_client_create_request(void)
{
	struct spdk_jsonrpc_client_request *request = malloc(sizeof(*request));

	if (request != NULL) {
		memset(request, 0, offsetof(struct spdk_jsonrpc_client_request, writer));
	}
	return request;
}

void
spdk_jsonrpc_client_free_request(struct spdk_jsonrpc_client_request *req)
{
	if (req != NULL) {
		free(req->text.data);
		free(req);
	}
}

static int
append_cb(void *cb_ctx, const void *data, size_t size)
{
	struct spdk_jsonrpc_client_request *request = cb_ctx;

	if (reserve(&request->text, size) != 0) {
		return -ENOMEM;
	}
	memcpy(request->text.data + request->text.size, data, size);
	request->text.size += size;
	return 0;
}

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_request(struct spdk_jsonrpc_client_request *request, int32_t id, const char *method)
{
	struct spdk_json_write_ctx *w = &request->writer;

	json_write_init(w, append_cb, request, 0);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "jsonrpc", "2.0");
	if (id >= 0) {
		spdk_json_write_named_int32(w, "id", id);
	}
	if (method != NULL) {
		spdk_json_write_named_string(w, "method", method);
	}
	return w;
}

void
spdk_jsonrpc_end_request(struct spdk_jsonrpc_client_request *request, struct spdk_json_write_ctx *w)
{
	assert(w == &request->writer);
	spdk_json_write_object_end(w);
	json_write_fini(w);
	append_cb(request, "\n", 1);
}

int
spdk_jsonrpc_client_send_request(struct spdk_jsonrpc_client *client, struct spdk_jsonrpc_client_request *req)
{
	if (client->busy || client->response != NULL) {
		return -ENOSPC;
	}
	/* A request that could not be written whole must not be sent in part. */
	if (json_write_status(&req->writer) != 0) {
		return json_write_status(&req->writer);
	}
	client->busy = true;
	client->request = req;
	return 0;
}

/* Finishes a connect that was in progress. */
static int
check_connected(struct spdk_jsonrpc_client *client)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
		return -errno;
	}
	client->connecting = error != 0;
	return -error;
}

static int
send_request(struct spdk_jsonrpc_client *client)
{
	struct spdk_jsonrpc_client_request *request = client->request;
	ssize_t rc =
		send(client->fd, request->text.data + request->sent, request->text.size - request->sent, MSG_NOSIGNAL);

	if (rc < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	request->sent += rc;
	if (request->sent == request->text.size) {
		spdk_jsonrpc_client_free_request(request);
		client->request = NULL;
	}
	return 0;
}

static int
take_value(const struct spdk_json_val *val, void *out)
{
	*(const struct spdk_json_val **)out = val;
	return 0;
}

static const struct spdk_json_object_decoder g_response_decoders[] = {
	{"jsonrpc", offsetof(struct spdk_jsonrpc_client_response, version), take_value, true},
	{"id", offsetof(struct spdk_jsonrpc_client_response, id), take_value, true},
	{"result", offsetof(struct spdk_jsonrpc_client_response, result), take_value, true},
	{"error", offsetof(struct spdk_jsonrpc_client_response, error), take_value, true},
};

/* Copies the first size bytes of the input into a response of its own. */
static int
make_response(struct spdk_jsonrpc_client *client, size_t size, size_t num_values)
{
	struct response *response = calloc(1, sizeof(*response));
	struct json_parser parser;

	client->response = response;
	if (response == NULL) {
		return -ENOMEM;
	}
	response->text = malloc(size);
	response->values = calloc(num_values, sizeof(*response->values));
	if (response->text == NULL || response->values == NULL) {
		return -ENOMEM;
	}
	memcpy(response->text, client->input.data, size);
	json_parser_init(&parser, JSON_MAX_DEPTH, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	json_parser_run(&parser, response->text, size, true, response->values, num_values);
	if (spdk_json_decode_object_relaxed(
		    response->values, g_response_decoders, SPDK_COUNTOF(g_response_decoders), &response->public) != 0) {
		return -EINVAL;
	}
	if (response->public.version != NULL && !spdk_json_strequal(response->public.version, "2.0")) {
		return -EINVAL;
	}
	return response->public.result != NULL || response->public.error != NULL ? 0 : -EINVAL;
}

static int
parse_response(struct spdk_jsonrpc_client *client)
{
	ssize_t count = json_parser_run(&client->parser, client->input.data, client->input.size, false, NULL, 0);
	size_t size = client->parser.pos;
	int rc;

	if (count == SPDK_JSON_PARSE_INCOMPLETE) {
		return client->input.size < MAX_RESPONSE_SIZE ? 0 : -EMSGSIZE;
	}
	if (count < 0) {
		return -EINVAL;
	}
	rc = make_response(client, size, count);
	if (rc != 0) {
		free_response(client->response);
		client->response = NULL;
		return rc;
	}
	memmove(client->input.data, client->input.data + size, client->input.size - size);
	client->input.size -= size;
	json_parser_init(&client->parser, JSON_MAX_DEPTH, 0);
	client->busy = false;
	return 1;
}

static int
receive(struct spdk_jsonrpc_client *client)
{
	ssize_t rc;

	if (reserve(&client->input, RECEIVE_SIZE) != 0) {
		return -ENOMEM;
	}
	rc = recv(client->fd, client->input.data + client->input.size, RECEIVE_SIZE, 0);
	if (rc < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -EIO;
	}
	if (rc == 0) {
		return -EIO;
	}
	client->input.size += rc;
	return parse_response(client);
}

/* Does what the events allow. Returns as spdk_jsonrpc_client_poll(). */
static int
handle_events(struct spdk_jsonrpc_client *client, short events)
{
	int sent = 0, received;

	if (client->connecting) {
		int rc = check_connected(client);

		if (rc != 0) {
			return rc;
		}
	}
	if (client->request != NULL && (events & POLLOUT)) {
		sent = send_request(client);
	}
	if (!(events & (POLLIN | POLLHUP | POLLERR))) {
		return sent;
	}
	/* A server that refuses a request may answer before it closes, even if the rest could not be sent. */
	received = receive(client);
	return received == 1 || sent == 0 ? received : sent;
}

int
spdk_jsonrpc_client_poll(struct spdk_jsonrpc_client *client, int timeout)
{
	struct pollfd pfd = {.fd = client->fd, .events = POLLIN};
	int rc;

	if (client->response != NULL) {
		return 1;
	}
	if (client->connecting || client->request != NULL) {
		pfd.events |= POLLOUT;
	}
	/* With nothing under way there is nothing to wait for. */
	rc = poll(&pfd, 1, client->connecting || client->busy ? timeout : 0);
	if (rc < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	if (rc == 0) {
		return client->connecting ? -ENOTCONN : 0;
	}
	return handle_events(client, pfd.revents);
}

struct spdk_jsonrpc_client_response *
spdk_jsonrpc_client_get_response(struct spdk_jsonrpc_client *client)
{
	struct response *response = client->response;

	client->response = NULL;
	return response != NULL ? &response->public : NULL;
}

void
spdk_jsonrpc_client_free_response(struct spdk_jsonrpc_client_response *resp)
{
	if (resp != NULL) {
		free_response(SPDK_CONTAINEROF(resp, struct response, public));
	}
}
