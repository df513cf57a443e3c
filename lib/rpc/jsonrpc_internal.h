/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The JSON-RPC server from the inside.
 *
 *   socket -> connection's input buffer -> frame (one request or batch, parsed) -> request -> handler
 *   handler, on any thread -> reply -> mailbox -> server's thread -> connection's queue of replies -> socket
 *
 * Everything but the mailbox and a request that is being carried out belongs to the thread that polls the server.
 */

#ifndef JSONRPC_INTERNAL_H
#define JSONRPC_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/jsonrpc.h"
#include "spdk/queue.h"
#include "lib/json/json_internal.h"
#include "lib/json/write_internal.h"
#include "lib/rpc/rpc_internal.h"

/* One text from a client: a request or a batch of them. Requests point into it; it goes with the last one. */
struct jsonrpc_frame {
	uint32_t refs;
	size_t num_values;
	struct spdk_json_val *values;
	char *text;
	/* Of text. */
	size_t size;
};

struct jsonrpc_frame *jsonrpc_frame_parse(const void *text, size_t size, size_t num_values, uint32_t max_depth);
struct jsonrpc_frame *jsonrpc_frame_get(struct jsonrpc_frame *frame);
void jsonrpc_frame_put(struct jsonrpc_frame *frame);

/*
 * Text on its way to a client. The first byte of data is a place for what stands before the reply in a batch; it is
 * skipped otherwise.
 */
struct jsonrpc_reply {
	STAILQ_ENTRY(jsonrpc_reply) link;
	size_t size;
	size_t capacity;
	/* Bytes of data that have been sent, or are not to be. */
	size_t sent;
	char data[];
};
STAILQ_HEAD(jsonrpc_reply_list, jsonrpc_reply);

/* The limit of jsonrpc_reply_append(), for all servers. */
void jsonrpc_reply_set_max_size(size_t size);

/* Appends to a reply, which is allocated or moved as needed. -EMSGSIZE beyond the limit, -ENOMEM. */
int jsonrpc_reply_append(struct jsonrpc_reply **reply, const void *data, size_t size);

/* A batch that is being carried out. Only its connection refers to it beside its requests. */
struct jsonrpc_batch {
	struct jsonrpc_frame *frame;
	/* The next member to take, or NULL. */
	const struct spdk_json_val *next;
	uint32_t in_flight;
	struct jsonrpc_reply_list replies;
	size_t size;
	TAILQ_ENTRY(jsonrpc_batch) link;
};

/*
 * Where completed requests wait for the server's thread. It outlives the server as long as there are requests.
 */
struct jsonrpc_mailbox {
	/* Completed requests, the last one first; JSONRPC_MAILBOX_CLOSED once the server is gone. */
	struct spdk_jsonrpc_request *head;
	uint32_t refs;
	int event_fd;
};

struct jsonrpc_mailbox *jsonrpc_mailbox_create(void);
struct jsonrpc_mailbox *jsonrpc_mailbox_get(struct jsonrpc_mailbox *mailbox);
void jsonrpc_mailbox_put(struct jsonrpc_mailbox *mailbox);

/* Any thread. False: the server is gone, and the request is still the caller's. */
bool jsonrpc_mailbox_post(struct jsonrpc_mailbox *mailbox, struct spdk_jsonrpc_request *request);

/* What was posted, oldest first, linked by next_completed. close: nothing can be posted from now on. */
struct spdk_jsonrpc_request *jsonrpc_mailbox_take(struct jsonrpc_mailbox *mailbox, bool close);
bool jsonrpc_mailbox_is_empty(const struct jsonrpc_mailbox *mailbox);

/* Makes the server's descriptor readable. */
void jsonrpc_mailbox_wake(struct jsonrpc_mailbox *mailbox);

/* The mailbox whose server is being polled by this system thread, which need not be woken; returns the one before. */
struct jsonrpc_mailbox *jsonrpc_mailbox_set_polling(struct jsonrpc_mailbox *mailbox);

struct spdk_jsonrpc_request {
	/* NULL once the connection is closed, and in a call from inside the process. */
	struct spdk_jsonrpc_server_conn *conn;
	/* NULL in a call from inside the process. */
	struct jsonrpc_mailbox *mailbox;
	struct jsonrpc_frame *frame;
	struct jsonrpc_batch *batch;
	const struct spdk_json_val *method;
	const struct spdk_json_val *params;
	/* Whose handler has it; NULL: nobody's. */
	struct rpc_method *handled_by;
	/* NULL: the reply carries null. */
	const struct spdk_json_val *id;
	/* A request without an id: nobody waits for a reply. */
	bool notification;
	bool result_begun;
	/* There is no memory even for an error reply. */
	bool reply_lost;
	/* An error was answered. */
	int error_code;
	struct jsonrpc_reply *reply;
	struct spdk_jsonrpc_request *next_completed;
	TAILQ_ENTRY(spdk_jsonrpc_request) link;
	/* Of a call from inside the process. It is held by the call and by the completion. */
	rpc_call_cb call_cb;
	void *call_arg;
	uint32_t call_refs;
	/* Last: it has a large buffer that need not be cleared. */
	struct spdk_json_write_ctx writer;
};

/* A request of a connection, counted and linked there; or of none. */
struct spdk_jsonrpc_request *jsonrpc_request_create(
	struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_frame *frame, struct jsonrpc_batch *batch);
void jsonrpc_request_free(struct spdk_jsonrpc_request *request);

/* Takes one request (a value inside a frame) of a connection: checks its form and hands it to the handler. */
int jsonrpc_request_take(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_frame *frame,
	struct jsonrpc_batch *batch, const struct spdk_json_val *value);

/*
 * Says that a reply has nobody to go to: at most once a second, as a client that went away may have left a batch of
 * thousands.
 */
void jsonrpc_warn_of_lost_reply(void);

/* Puts an error in the place of the reply of a completed request. */
void jsonrpc_request_replace_reply(struct spdk_jsonrpc_request *request, int code, const char *text);

/* Answers a request that has no readable form: id is null. */
int jsonrpc_request_refuse(struct spdk_jsonrpc_server_conn *conn, int code, const char *text);

/* The end of a call from inside the process. */
void jsonrpc_call_complete(struct spdk_jsonrpc_request *request);

struct jsonrpc_input {
	char *data;
	size_t start;
	size_t size;
	size_t capacity;
};

struct spdk_jsonrpc_server_conn {
	struct spdk_jsonrpc_server *server;
	int fd;
	/* What epoll waits for. */
	uint32_t interest;
	/* Nothing more comes from the client, but it may still read. */
	bool eof;
	/* What it sent cannot be followed: the reason has been answered, and the rest is thrown away. */
	bool failed;
	/* The client is gone altogether. */
	bool hung_up;
	/* The socket is closed; the structure goes at the end of the poll. */
	bool closed;
	bool touched;
	/* All that has been received has been looked at: only more input helps. */
	bool hungry;
	struct jsonrpc_input input;
	struct json_parser parser;
	size_t discarded;
	/* The batch whose members are being taken; it is also the last of batches. */
	struct jsonrpc_batch *batch;
	TAILQ_HEAD(, jsonrpc_batch) batches;
	TAILQ_HEAD(, spdk_jsonrpc_request) requests;
	uint32_t in_flight;
	struct jsonrpc_reply_list replies;
	size_t unread;
	spdk_jsonrpc_conn_closed_fn close_cb;
	void *close_arg;
	TAILQ_ENTRY(spdk_jsonrpc_server_conn) link;
	TAILQ_ENTRY(spdk_jsonrpc_server_conn) touched_link;
};
TAILQ_HEAD(jsonrpc_conn_list, spdk_jsonrpc_server_conn);

struct spdk_jsonrpc_server {
	int listen_fd;
	int epoll_fd;
	/* Given up for a moment when there are no descriptors left, to turn a client away. */
	int spare_fd;
	bool listening;
	bool polling;
	bool closing;
	struct rpc_server_opts opts;
	spdk_jsonrpc_handle_request_fn handle_request;
	struct jsonrpc_mailbox *mailbox;
	uint32_t num_conns;
	struct jsonrpc_conn_list conns;
	struct jsonrpc_conn_list touched;
	struct jsonrpc_conn_list dead;
};

/* Takes over the socket, whatever the outcome. */
int jsonrpc_conn_create(struct spdk_jsonrpc_server *server, int fd);
void jsonrpc_conn_close(struct spdk_jsonrpc_server_conn *conn);

/* epoll has something for it. */
void jsonrpc_conn_event(struct spdk_jsonrpc_server_conn *conn, uint32_t events);

/* Has it served before this poll ends. */
void jsonrpc_conn_touch(struct spdk_jsonrpc_server_conn *conn);

/* Takes what requests it may, sends what replies it can, and closes if that was all. True: there is more to do. */
bool jsonrpc_conn_serve(struct spdk_jsonrpc_server_conn *conn);

/* Sends what the client takes without waiting. */
void jsonrpc_conn_send(struct spdk_jsonrpc_server_conn *conn);

/* Puts the reply of a completed request on its way. */
void jsonrpc_conn_reply(struct spdk_jsonrpc_server_conn *conn, struct spdk_jsonrpc_request *request);

/* Waits for connections or not: not while there are too many. */
void jsonrpc_server_set_listening(struct spdk_jsonrpc_server *server, bool listening);

/* Logs a text if requests and responses are to be logged. */
void jsonrpc_log(const char *what, const void *text, size_t size);

/* From now on, masks the strings that members of this name have. */
void jsonrpc_log_hide(const char *name);

#endif /* JSONRPC_INTERNAL_H */
