/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One client of a server: what it sends is cut into requests, what it is to get is queued. It is served as fast as it
 * reads, and no faster: with too much unread or in flight, nothing more is taken from it.
 */

#include "lib/rpc/jsonrpc_internal.h"
#include "spdk/log.h"

/* Room for one receive call. */
#define RECEIVE_SIZE (64 * 1024)
/* Requests taken from one connection before the others get their turn. */
#define TAKE_AT_ONCE 32
/* Replies sent with one call. */
#define SEND_AT_ONCE 64

static int
set_interest(struct spdk_jsonrpc_server_conn *conn, int op, uint32_t interest)
{
	struct epoll_event event = {.events = interest, .data.ptr = conn};

	conn->interest = interest;
	return epoll_ctl(conn->server->epoll_fd, op, conn->fd, &event) == 0 ? 0 : -errno;
}

int
jsonrpc_conn_create(struct spdk_jsonrpc_server *server, int fd)
{
	struct spdk_jsonrpc_server_conn *conn = calloc(1, sizeof(*conn));
	int rc;

	if (conn == NULL) {
		close(fd);
		return -ENOMEM;
	}
	conn->server = server;
	conn->fd = fd;
	conn->hungry = true;
	TAILQ_INIT(&conn->batches);
	TAILQ_INIT(&conn->requests);
	STAILQ_INIT(&conn->replies);
	json_parser_init(&conn->parser, server->opts.max_request_depth, 0);
	rc = set_interest(conn, EPOLL_CTL_ADD, EPOLLIN);
	if (rc != 0) {
		close(fd);
		free(conn);
		return rc;
	}
	TAILQ_INSERT_TAIL(&server->conns, conn, link);
	server->num_conns++;
	return 0;
}

static void
free_replies(struct jsonrpc_reply_list *list)
{
	struct jsonrpc_reply *reply;

	while ((reply = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		free(reply);
	}
}

static void
free_batch(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_batch *batch)
{
	TAILQ_REMOVE(&conn->batches, batch, link);
	free_replies(&batch->replies);
	jsonrpc_frame_put(batch->frame);
	free(batch);
}

static void
free_input(struct jsonrpc_input *input)
{
	free(input->data);
	memset(input, 0, sizeof(*input));
}

void
jsonrpc_conn_close(struct spdk_jsonrpc_server_conn *conn)
{
	struct spdk_jsonrpc_server *server = conn->server;
	struct spdk_jsonrpc_request *request;
	struct jsonrpc_batch *batch;

	if (conn->closed) {
		return;
	}
	conn->closed = true;
	/* Requests that are being carried out go on, and find nobody to answer. */
	while ((request = TAILQ_FIRST(&conn->requests)) != NULL) {
		TAILQ_REMOVE(&conn->requests, request, link);
		request->batch = NULL;
		__atomic_store_n(&request->conn, NULL, __ATOMIC_RELAXED);
	}
	while ((batch = TAILQ_FIRST(&conn->batches)) != NULL) {
		free_batch(conn, batch);
	}
	conn->batch = NULL;
	free_replies(&conn->replies);
	free_input(&conn->input);
	close(conn->fd);
	if (conn->close_cb != NULL) {
		conn->close_cb(conn, conn->close_arg);
	}
	if (conn->touched) {
		TAILQ_REMOVE(&server->touched, conn, touched_link);
		conn->touched = false;
	}
	TAILQ_REMOVE(&server->conns, conn, link);
	TAILQ_INSERT_TAIL(&server->dead, conn, link);
	server->num_conns--;
	jsonrpc_server_set_listening(server, true);
}

void
jsonrpc_conn_touch(struct spdk_jsonrpc_server_conn *conn)
{
	if (!conn->touched && !conn->closed) {
		conn->touched = true;
		TAILQ_INSERT_TAIL(&conn->server->touched, conn, touched_link);
	}
}

/* Whether another request may be taken from it. */
static bool
may_take(const struct spdk_jsonrpc_server_conn *conn)
{
	const struct rpc_server_opts *opts = &conn->server->opts;

	return !conn->failed && !conn->hung_up && !conn->closed && conn->in_flight < opts->max_in_flight &&
		conn->unread <= opts->max_unread_size;
}

static bool
may_receive(const struct spdk_jsonrpc_server_conn *conn)
{
	/* What could not be followed is read on and thrown away, or the answer to it would be lost in a reset. */
	return !conn->eof && (conn->failed || (may_take(conn) && conn->hungry));
}

static int
reserve_input(struct jsonrpc_input *input)
{
	size_t capacity;
	char *data;

	if (input->start > 0) {
		memmove(input->data, input->data + input->start, input->size);
		input->start = 0;
	}
	if (input->capacity - input->size >= RECEIVE_SIZE) {
		return 0;
	}
	capacity = input->size + RECEIVE_SIZE > input->capacity * 2 ? input->size + RECEIVE_SIZE : input->capacity * 2;
	data = realloc(input->data, capacity);
	if (data == NULL) {
		return -ENOMEM;
	}
	input->data = data;
	input->capacity = capacity;
	return 0;
}

/* An idle connection holds no buffer, half a request a small one. */
static void
shrink_input(struct jsonrpc_input *input)
{
	char *data;

	if (input->size == 0) {
		free_input(input);
	} else if (input->size < RECEIVE_SIZE / 16 && input->start == 0) {
		data = realloc(input->data, input->size);
		if (data != NULL) {
			input->data = data;
			input->capacity = input->size;
		}
	}
}

static void
consume_input(struct spdk_jsonrpc_server_conn *conn, size_t size)
{
	conn->input.start += size;
	conn->input.size -= size;
	json_parser_init(&conn->parser, conn->server->opts.max_request_depth, 0);
}

/* After a parse error nobody knows where the next request starts: answer, say goodbye, and listen no more. */
static void __attribute__((format(printf, 3, 4)))
fail_conn(struct spdk_jsonrpc_server_conn *conn, int code, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	SPDK_ERRLOG_RATELIMIT("An RPC connection is closed: %s\n", text);
	conn->failed = true;
	free_input(&conn->input);
	if (jsonrpc_request_refuse(conn, code, text) != 0) {
		jsonrpc_conn_close(conn);
	}
}

static void
receive(struct spdk_jsonrpc_server_conn *conn)
{
	struct jsonrpc_input *input = &conn->input;
	ssize_t rc;

	if (reserve_input(input) != 0) {
		SPDK_ERRLOG("No memory for an RPC request of more than %zu bytes\n", input->size);
		jsonrpc_conn_close(conn);
		return;
	}
	rc = recv(conn->fd, input->data + input->size, RECEIVE_SIZE, 0);
	if (rc < 0 && (errno == EAGAIN || errno == EINTR)) {
		shrink_input(input);
	} else if (rc < 0) {
		jsonrpc_conn_close(conn);
	} else if (rc == 0) {
		conn->eof = true;
	} else if (conn->failed) {
		conn->discarded += rc;
		free_input(input);
	} else {
		input->size += rc;
	}
	jsonrpc_conn_touch(conn);
}

/* Starts on a frame: a request at once, a batch member by member. */
static int
take_frame(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_frame *frame)
{
	const struct spdk_json_val *first = frame->values;
	struct jsonrpc_batch *batch;

	if (first->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return jsonrpc_request_take(conn, frame, NULL, first);
	}
	if (first->len == 0) {
		return jsonrpc_request_refuse(
			conn, SPDK_JSONRPC_ERROR_INVALID_REQUEST, "Invalid request: the batch is empty");
	}
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL) {
		return -ENOMEM;
	}
	batch->frame = jsonrpc_frame_get(frame);
	batch->next = first + 1;
	STAILQ_INIT(&batch->replies);
	TAILQ_INSERT_TAIL(&conn->batches, batch, link);
	conn->batch = batch;
	return 0;
}

static int
take_text(struct spdk_jsonrpc_server_conn *conn, size_t size, size_t num_values)
{
	const struct rpc_server_opts *opts = &conn->server->opts;
	char *text = conn->input.data + conn->input.start;
	struct jsonrpc_frame *frame;
	int rc;

	jsonrpc_log("request", text, size);
	if (num_values > opts->max_request_values) {
		consume_input(conn, size);
		return jsonrpc_request_refuse(
			conn, SPDK_JSONRPC_ERROR_INVALID_REQUEST, "Invalid request: it has too many values");
	}
	frame = jsonrpc_frame_parse(text, size, num_values, opts->max_request_depth);
	/* It may have held a key. */
	explicit_bzero(text, size);
	consume_input(conn, size);
	if (frame == NULL) {
		return -ENOMEM;
	}
	rc = take_frame(conn, frame);
	jsonrpc_frame_put(frame);
	return rc;
}

static void
refuse_text(struct spdk_jsonrpc_server_conn *conn)
{
	size_t line, column;

	json_position(conn->input.data + conn->input.start, conn->parser.pos, &line, &column);
	fail_conn(conn, SPDK_JSONRPC_ERROR_PARSE_ERROR,
		"Parse error at byte %zu of the request (line %zu, column %zu): %s", conn->parser.pos, line, column,
		conn->parser.error);
}

static void
wait_for_text(struct spdk_jsonrpc_server_conn *conn)
{
	struct jsonrpc_input *input = &conn->input;
	bool begun = conn->parser.count > 0 || conn->parser.depth > 0 || conn->parser.state != JSON_STATE_VALUE ||
		conn->parser.pos < input->size;

	if (!begun) {
		/* Only white space. */
		consume_input(conn, input->size);
	} else if (conn->eof) {
		fail_conn(conn, SPDK_JSONRPC_ERROR_PARSE_ERROR,
			"Parse error: the request ends after %zu bytes, unfinished", input->size);
		return;
	} else if (input->size >= conn->server->opts.max_request_size) {
		fail_conn(conn, SPDK_JSONRPC_ERROR_INVALID_REQUEST,
			"Invalid request: it is longer than the limit of %zu bytes",
			conn->server->opts.max_request_size);
		return;
	}
	shrink_input(input);
}

/* Takes the next request from the input. False: there is none. */
static bool
take_from_input(struct spdk_jsonrpc_server_conn *conn)
{
	struct jsonrpc_input *input = &conn->input;
	ssize_t rc;

	if (input->size == 0) {
		shrink_input(input);
		return false;
	}
	rc = json_parser_run(&conn->parser, input->data + input->start, input->size, conn->eof, NULL, 0);
	if (rc == SPDK_JSON_PARSE_INCOMPLETE) {
		wait_for_text(conn);
		return false;
	}
	if (rc < 0) {
		refuse_text(conn);
		return false;
	}
	if (take_text(conn, conn->parser.pos, rc) != 0) {
		SPDK_ERRLOG("No memory for an RPC request\n");
		jsonrpc_conn_close(conn);
		return false;
	}
	return true;
}

/* A batch is through when all its members have been taken and completed: its replies leave as one array. */
static void
finish_batch(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_batch *batch)
{
	struct jsonrpc_reply *end = NULL;

	if (batch->next != NULL || batch->in_flight > 0) {
		return;
	}
	if (!STAILQ_EMPTY(&batch->replies)) {
		if (jsonrpc_reply_append(&end, "]\n", 2) != 0) {
			SPDK_ERRLOG("No memory for an RPC reply\n");
			jsonrpc_conn_close(conn);
			return;
		}
		STAILQ_INSERT_TAIL(&batch->replies, end, link);
		conn->unread += batch->size + 2;
		STAILQ_CONCAT(&conn->replies, &batch->replies);
	}
	free_batch(conn, batch);
}

static bool
take_from_batch(struct spdk_jsonrpc_server_conn *conn)
{
	struct jsonrpc_batch *batch = conn->batch;
	const struct spdk_json_val *value = batch->next;

	batch->next += spdk_json_val_len(value);
	if (batch->next == batch->frame->values + batch->frame->num_values - 1) {
		/* The end of the array. */
		batch->next = NULL;
		conn->batch = NULL;
	}
	if (jsonrpc_request_take(conn, batch->frame, batch, value) != 0) {
		SPDK_ERRLOG("No memory for an RPC request\n");
		jsonrpc_conn_close(conn);
		return false;
	}
	return true;
}

static int
send_replies(struct spdk_jsonrpc_server_conn *conn)
{
	struct iovec iov[SEND_AT_ONCE];
	struct msghdr msg = {.msg_iov = iov};
	struct jsonrpc_reply *reply;
	ssize_t rc;

	STAILQ_FOREACH (reply, &conn->replies, link) {
		if (msg.msg_iovlen == SEND_AT_ONCE) {
			break;
		}
		iov[msg.msg_iovlen].iov_base = reply->data + reply->sent;
		iov[msg.msg_iovlen++].iov_len = reply->size - reply->sent;
	}
	rc = sendmsg(conn->fd, &msg, MSG_NOSIGNAL);
	if (rc < 0) {
		return -errno;
	}
	conn->unread -= rc;
	while (rc > 0 && (reply = STAILQ_FIRST(&conn->replies)) != NULL) {
		size_t piece = (size_t)rc < reply->size - reply->sent ? (size_t)rc : reply->size - reply->sent;

		reply->sent += piece;
		rc -= piece;
		if (reply->sent == reply->size) {
			STAILQ_REMOVE_HEAD(&conn->replies, link);
			free(reply);
		}
	}
	return 0;
}

void
jsonrpc_conn_send(struct spdk_jsonrpc_server_conn *conn)
{
	int rc = 0;

	while (!STAILQ_EMPTY(&conn->replies) && rc == 0) {
		rc = send_replies(conn);
	}
	if (rc != 0 && rc != -EAGAIN && rc != -EINTR) {
		jsonrpc_conn_close(conn);
	}
}

/* Closes what is at its end. */
static void
close_if_done(struct spdk_jsonrpc_server_conn *conn)
{
	bool answered = conn->in_flight == 0 && STAILQ_EMPTY(&conn->replies);

	if (conn->hung_up) {
		jsonrpc_conn_close(conn);
	} else if (answered && conn->eof && conn->input.size == 0 && conn->batch == NULL) {
		jsonrpc_conn_close(conn);
	} else if (answered && conn->failed) {
		/* The client sees the end now, and may take its time to stop sending, within limits. */
		shutdown(conn->fd, SHUT_WR);
		if (conn->discarded > conn->server->opts.max_request_size) {
			jsonrpc_conn_close(conn);
		}
	}
}

static void
update_interest(struct spdk_jsonrpc_server_conn *conn)
{
	uint32_t interest = (may_receive(conn) ? EPOLLIN : 0) | (STAILQ_EMPTY(&conn->replies) ? 0 : EPOLLOUT);

	if (interest != conn->interest && set_interest(conn, EPOLL_CTL_MOD, interest) != 0) {
		jsonrpc_conn_close(conn);
	}
}

bool
jsonrpc_conn_serve(struct spdk_jsonrpc_server_conn *conn)
{
	int taken = 0;
	bool more = true;

	while (taken < TAKE_AT_ONCE && more && may_take(conn)) {
		more = conn->batch != NULL ? take_from_batch(conn) : take_from_input(conn);
		taken += more;
	}
	conn->hungry = !more;
	if (!conn->closed) {
		jsonrpc_conn_send(conn);
	}
	if (!conn->closed) {
		close_if_done(conn);
	}
	if (!conn->closed) {
		update_interest(conn);
	}
	return !conn->closed && more && may_take(conn);
}

void
jsonrpc_conn_event(struct spdk_jsonrpc_server_conn *conn, uint32_t events)
{
	if (conn->closed) {
		return;
	}
	if ((events & (EPOLLHUP | EPOLLERR)) && !((events & EPOLLIN) && may_receive(conn))) {
		/* Gone, and nothing of it left that could be read. */
		conn->hung_up = true;
	} else if ((events & EPOLLIN) && may_receive(conn)) {
		receive(conn);
	}
	jsonrpc_conn_touch(conn);
}

/* Replies of one batch together are limited like one reply. */
static void
limit_batch(struct jsonrpc_batch *batch, struct spdk_jsonrpc_request *request, size_t limit)
{
	if (batch->size + request->reply->size > limit) {
		jsonrpc_request_replace_reply(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Internal error: the results of this batch are too large");
	}
}

static void
queue_in_batch(struct spdk_jsonrpc_server_conn *conn, struct spdk_jsonrpc_request *request)
{
	struct jsonrpc_batch *batch = request->batch;
	struct jsonrpc_reply *reply;

	if (request->reply != NULL) {
		limit_batch(batch, request, conn->server->opts.max_reply_size);
		reply = request->reply;
		request->reply = NULL;
		reply->data[0] = STAILQ_EMPTY(&batch->replies) ? '[' : ',';
		reply->sent = 0;
		batch->size += reply->size;
		STAILQ_INSERT_TAIL(&batch->replies, reply, link);
	}
	batch->in_flight--;
	finish_batch(conn, batch);
}

static int
queue_alone(struct spdk_jsonrpc_server_conn *conn, struct spdk_jsonrpc_request *request)
{
	if (request->reply == NULL) {
		return 0;
	}
	if (jsonrpc_reply_append(&request->reply, "\n", 1) != 0) {
		return -ENOMEM;
	}
	conn->unread += request->reply->size - 1;
	STAILQ_INSERT_TAIL(&conn->replies, request->reply, link);
	request->reply = NULL;
	return 0;
}

void
jsonrpc_conn_reply(struct spdk_jsonrpc_server_conn *conn, struct spdk_jsonrpc_request *request)
{
	TAILQ_REMOVE(&conn->requests, request, link);
	conn->in_flight--;
	if (request->notification) {
		/* Nobody may be told, not even of an error. */
		free(request->reply);
		request->reply = NULL;
	} else if (request->reply != NULL) {
		jsonrpc_log("response", request->reply->data + 1, request->reply->size - 1);
	}
	if (request->reply_lost) {
		SPDK_ERRLOG("No memory for an RPC reply\n");
		TAILQ_INSERT_TAIL(&conn->requests, request, link);
		jsonrpc_conn_close(conn);
	} else if (request->batch != NULL) {
		queue_in_batch(conn, request);
	} else if (queue_alone(conn, request) != 0) {
		SPDK_ERRLOG("No memory for an RPC reply\n");
		jsonrpc_conn_close(conn);
	}
	jsonrpc_conn_touch(conn);
}

int
spdk_jsonrpc_conn_add_close_cb(struct spdk_jsonrpc_server_conn *conn, spdk_jsonrpc_conn_closed_fn cb, void *ctx)
{
	if (conn->close_cb != NULL) {
		return conn->close_cb == cb && conn->close_arg == ctx ? -EEXIST : -ENOSPC;
	}
	conn->close_cb = cb;
	conn->close_arg = ctx;
	return 0;
}

int
spdk_jsonrpc_conn_del_close_cb(struct spdk_jsonrpc_server_conn *conn, spdk_jsonrpc_conn_closed_fn cb, void *ctx)
{
	if (conn->close_cb == NULL || conn->close_cb != cb || conn->close_arg != ctx) {
		return -ENOENT;
	}
	conn->close_cb = NULL;
	conn->close_arg = NULL;
	return 0;
}
