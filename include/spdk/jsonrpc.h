/* SPDX-License-Identifier: BSD-3-Clause */

/* JSON-RPC 2.0 over stream sockets: a server that is polled, and a client that is polled. */

#ifndef SPDK_JSONRPC_H
#define SPDK_JSONRPC_H

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Codes of errors that the specification reserves, and one of ours. Any other code may be answered too. */
#define SPDK_JSONRPC_ERROR_PARSE_ERROR -32700
#define SPDK_JSONRPC_ERROR_INVALID_REQUEST -32600
#define SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND -32601
#define SPDK_JSONRPC_ERROR_INVALID_PARAMS -32602
#define SPDK_JSONRPC_ERROR_INTERNAL_ERROR -32603
/* The method exists, and cannot be called before (or after) the application is initialized. */
#define SPDK_JSONRPC_ERROR_INVALID_STATE -1

/* ---- server ---- */

struct spdk_jsonrpc_server;
struct spdk_jsonrpc_server_conn;
struct spdk_jsonrpc_request;

/*
 * Carries out a request, on the thread that polls the server. method is a string; params is an object, an array, or NULL;
 * both are valid until the request is completed. It must be completed exactly once, now or later, on any thread: with a
 * result (begin_result to end_result), a bool, or an error.
 */
typedef void (*spdk_jsonrpc_handle_request_fn)(
	struct spdk_jsonrpc_request *request, const struct spdk_json_val *method, const struct spdk_json_val *params);

/* A connection has ended; its socket is closed. */
typedef void (*spdk_jsonrpc_conn_closed_fn)(struct spdk_jsonrpc_server_conn *conn, void *arg);

/*
 * Opens a server on a stream socket of its own. A Unix socket gets mode 0600. Returns NULL, with errno set, if it cannot.
 */
struct spdk_jsonrpc_server *spdk_jsonrpc_server_listen(int domain, int protocol, struct sockaddr *listen_addr,
	socklen_t addrlen, spdk_jsonrpc_handle_request_fn handle_request);

/*
 * Does all that can be done without waiting: accepts, receives, calls the handler, sends. Always on the same thread.
 * Returns 0 or a negative errno.
 */
int spdk_jsonrpc_server_poll(struct spdk_jsonrpc_server *server);

/*
 * Closes all connections and frees the server, on the thread that polls it; a handler may call it too. Replies that are
 * ready are sent as far as the sockets take them. Requests that are still open must be completed all the same.
 */
void spdk_jsonrpc_server_shutdown(struct spdk_jsonrpc_server *server);

/* The connection of a request; NULL if it has been closed. Only the thread that polls the server may use it. */
struct spdk_jsonrpc_server_conn *spdk_jsonrpc_get_conn(struct spdk_jsonrpc_request *request);

/*
 * Calls cb once when the connection has been closed. There is room for one. Returns 0, -EEXIST if this one is set
 * already, -ENOSPC if another is. On the thread that polls the server.
 */
int spdk_jsonrpc_conn_add_close_cb(struct spdk_jsonrpc_server_conn *conn, spdk_jsonrpc_conn_closed_fn cb, void *ctx);

/* Takes it back. Returns 0, or -ENOENT if it is not set. */
int spdk_jsonrpc_conn_del_close_cb(struct spdk_jsonrpc_server_conn *conn, spdk_jsonrpc_conn_closed_fn cb, void *ctx);

/*
 * Starts a result: exactly one value must be written to the returned writer. An error may still be answered instead, and
 * replaces what was written.
 */
struct spdk_json_write_ctx *spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request);

/* Completes the request with what was written. If that is no JSON value, the client gets an internal error. */
void spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w);

/* Completes the request with true or false. */
void spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value);

/* Completes the request with an error. msg should say what is wrong, and what to do about it. It is copied. */
void spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int error_code, const char *msg);
void spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *request, int error_code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

/* Logs each request and each reply at this level; SPDK_LOG_DISABLED (the default) does not. */
void spdk_jsonrpc_set_log_level(enum spdk_log_level level);

/* Writes each request and each reply to a file, a line each; NULL (the default) does not. It stays the caller's. */
void spdk_jsonrpc_set_log_file(FILE *file);

/* ---- client ---- */

struct spdk_jsonrpc_client;
struct spdk_jsonrpc_client_request;

/* A reply. The members are NULL that it does not have; either result or error is set. */
struct spdk_jsonrpc_client_response {
	struct spdk_json_val *version;
	struct spdk_json_val *id;
	struct spdk_json_val *result;
	struct spdk_json_val *error;
};

/* Makes something of a result. Returns 0 or a negative errno. */
typedef int (*spdk_jsonrpc_client_response_parser)(void *parser_ctx, const struct spdk_json_val *result);

/*
 * Starts to connect: addr is a path (AF_UNIX), or host:port (AF_INET, AF_INET6; the port is 5260 if left out).
 * Polling completes it. Returns NULL, with errno set, if that is hopeless.
 */
struct spdk_jsonrpc_client *spdk_jsonrpc_client_connect(const char *addr, int addr_family);
void spdk_jsonrpc_client_close(struct spdk_jsonrpc_client *client);

/* A request that is to be filled in; NULL without memory. One that is not sent is freed. */
struct spdk_jsonrpc_client_request *spdk_jsonrpc_client_create_request(void);
void spdk_jsonrpc_client_free_request(struct spdk_jsonrpc_client_request *req);

/*
 * Starts to write a request; the returned writer is inside its object, where the caller may add "params". A negative id
 * or method NULL leaves that member out.
 */
struct spdk_json_write_ctx *spdk_jsonrpc_begin_request(
	struct spdk_jsonrpc_client_request *request, int32_t id, const char *method);
void spdk_jsonrpc_end_request(struct spdk_jsonrpc_client_request *request, struct spdk_json_write_ctx *w);

/*
 * Hands a request over, to be sent by polling; the client frees it. Returns 0; -ENOSPC if the response to the one before
 * has not been fetched; another negative errno if the request could not be written. It stays the caller's then.
 */
int spdk_jsonrpc_client_send_request(struct spdk_jsonrpc_client *client, struct spdk_jsonrpc_client_request *req);

/*
 * Sends and receives, waiting up to timeout milliseconds (-1: as long as it takes) if a response or the connection is
 * still to come. Returns 1 when there is a response, 0 if not, -ENOTCONN while the connection is not made, -EIO if
 * the server closed it, or another negative errno.
 */
int spdk_jsonrpc_client_poll(struct spdk_jsonrpc_client *client, int timeout);

/* The response that has come, which is the caller's then; NULL if there is none. */
struct spdk_jsonrpc_client_response *spdk_jsonrpc_client_get_response(struct spdk_jsonrpc_client *client);
void spdk_jsonrpc_client_free_response(struct spdk_jsonrpc_client_response *resp);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_JSONRPC_H */
