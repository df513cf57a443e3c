/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The HTTP server: libmicrohttpd with one system thread of its own, which sleeps until somebody asks. A request for the
 * metrics is put aside there while the app thread gathers them (gather_cb), and then written and answered there, so that
 * neither a slow client nor a long text keeps a reactor from I/O.
 *
 * struct request belongs to the HTTP server's thread, except between MHD_suspend_connection() and MHD_resume_connection().
 */

#include "module/metrics/metrics.h"
#include "module/metrics/metrics_address.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <microhttpd.h>
#include <stdatomic.h>

#define MOST_CONNECTIONS 32
#define TIMEOUT_S 30u
/* How often it is looked whether the last request has been answered. */
#define STOP_PERIOD_US 1000

struct metrics_server {
	struct MHD_Daemon *daemon;
	char bound[METRICS_ADDRESS_SIZE];
	struct spdk_thread *thread;
	atomic_bool stopping;
	/* Requests that the app thread has, or is about to get. */
	atomic_uint num_gathering;
	struct spdk_poller *stop_poller;
	void (*stopped_cb)(void *arg);
	void *stopped_arg;
};

struct request {
	struct metrics_server *server;
	struct MHD_Connection *connection;
	bool openmetrics;
	/* What was gathered; NULL and rc: nothing. */
	bool gathered;
	struct metrics_snapshot *snapshot;
	int rc;
};

/* ---- Answers, on the thread of the HTTP server ---- */

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned int status, const char *type, void *data, size_t size,
	enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, data, mode);
	enum MHD_Result rc;

	if (response == NULL) {
		if (mode == MHD_RESPMEM_MUST_FREE) {
			free(data);
		}
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	}
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned int status, const char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", (void *)(uintptr_t)text, strlen(text),
		MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
answer_metrics(struct request *request)
{
	static const char *const types[] = {"text/plain; version=0.0.4; charset=utf-8",
		"application/openmetrics-text; version=1.0.0; charset=utf-8"};
	struct metrics_text text = {};

	if (request->snapshot == NULL) {
		return answer_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"The numbers cannot be gathered now, most likely for want of memory.\n");
	}
	metrics_write(&text, request->snapshot, request->openmetrics);
	metrics_snapshot_free(request->snapshot);
	request->snapshot = NULL;
	if (text.failed) {
		free(text.data);
		return answer_text(
			request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "There is no memory for the text.\n");
	}
	return answer(request->connection, MHD_HTTP_OK, types[request->openmetrics], text.data, text.size,
		MHD_RESPMEM_MUST_FREE);
}

/* ---- Gathering, on the app thread ---- */

static void
gathered_cb(void *arg, struct metrics_snapshot *snapshot, int rc)
{
	struct request *request = arg;
	struct metrics_server *server = request->server;

	request->snapshot = snapshot;
	request->rc = rc;
	request->gathered = true;
	MHD_resume_connection(request->connection);
	/* The request may be gone from here on, and after this the server. */
	atomic_fetch_sub(&server->num_gathering, 1);
}

static void
gather_cb(void *arg)
{
	metrics_gather(gathered_cb, arg);
}

/* ---- Requests ---- */

static bool
wants_openmetrics(struct MHD_Connection *connection)
{
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
}

static enum MHD_Result
begin_gathering(struct request *request)
{
	struct metrics_server *server = request->server;
	int rc;

	request->openmetrics = wants_openmetrics(request->connection);
	/* In this order: whoever stops the server sees the request, or is seen by it. */
	atomic_fetch_add(&server->num_gathering, 1);
	if (atomic_load(&server->stopping)) {
		atomic_fetch_sub(&server->num_gathering, 1);
		return answer_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "The target ends.\n");
	}
	MHD_suspend_connection(request->connection);
	rc = spdk_thread_send_msg(server->thread, gather_cb, request);
	if (rc != 0) {
		request->rc = rc;
		request->gathered = true;
		MHD_resume_connection(request->connection);
		atomic_fetch_sub(&server->num_gathering, 1);
	}
	return MHD_YES;
}

static enum MHD_Result
request_cb(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *upload_data, size_t *upload_data_size, void **con_cls)
{
	struct request *request = *con_cls;

	if (request == NULL) {
		request = calloc(1, sizeof(*request));
		if (request == NULL) {
			return MHD_NO;
		}
		request->server = cls;
		request->connection = connection;
		*con_cls = request;
		/* Called again when the headers have been read whole. */
		return MHD_YES;
	}
	if (*upload_data_size != 0) {
		/* Nothing that is sent along is of use. */
		*upload_data_size = 0;
		return MHD_YES;
	}
	if (request->gathered) {
		return answer_metrics(request);
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Metrics can be read, with GET.\n");
	}
	if (strcmp(url, "/metrics") != 0) {
		return answer_text(connection, MHD_HTTP_NOT_FOUND, "There is only /metrics here.\n");
	}
	return begin_gathering(request);
}

static void
completed_cb(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct request *request = *con_cls;

	if (request != NULL) {
		metrics_snapshot_free(request->snapshot);
		free(request);
		*con_cls = NULL;
	}
}

static void
log_cb(void *cls, const char *format, va_list args)
{
	char line[256];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	SPDK_INFOLOG(metrics, "HTTP server: %s\n", line);
}

/* ---- The server ---- */

int
metrics_server_start(const char *address, char *bound, struct metrics_server **out, const char **why)
{
	struct metrics_server *server = calloc(1, sizeof(*server));
	int fd;

	*why = NULL;
	if (server == NULL) {
		return -ENOMEM;
	}
	fd = metrics_listen(address, server->bound, why);
	if (fd < 0) {
		free(server);
		return fd;
	}
	server->thread = spdk_get_thread();
	/* The socket is the server's from here on; it is closed with it. */
	server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, request_cb, server, MHD_OPTION_EXTERNAL_LOGGER, log_cb, NULL, MHD_OPTION_LISTEN_SOCKET,
		fd, MHD_OPTION_NOTIFY_COMPLETED, completed_cb, NULL, MHD_OPTION_CONNECTION_LIMIT, MOST_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
	if (server->daemon == NULL) {
		*why = "the HTTP server cannot be started";
		close(fd);
		metrics_unlisten(server->bound);
		free(server);
		return -EAGAIN;
	}
	snprintf(bound, METRICS_ADDRESS_SIZE, "%s", server->bound);
	*out = server;
	return 0;
}

static int
stop_poll(void *arg)
{
	struct metrics_server *server = arg;
	void (*cb)(void *arg) = server->stopped_cb;
	void *cb_arg = server->stopped_arg;

	if (atomic_load(&server->num_gathering) != 0) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&server->stop_poller);
	/* Its thread ends in here; what it still answers is short. */
	MHD_stop_daemon(server->daemon);
	metrics_unlisten(server->bound);
	free(server);
	cb(cb_arg);
	return SPDK_POLLER_BUSY;
}

void
metrics_server_stop(struct metrics_server *server, void (*cb)(void *arg), void *arg)
{
	server->stopped_cb = cb;
	server->stopped_arg = arg;
	atomic_store(&server->stopping, true);
	server->stop_poller = SPDK_POLLER_REGISTER(stop_poll, server, STOP_PERIOD_US);
}
