/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of lib/rpc share, and what the framework above needs beyond the public interface: the file descriptor
 * that makes a server event driven, options, and requests from inside the process.
 */

#ifndef RPC_INTERNAL_H
#define RPC_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/jsonrpc.h"
#include "spdk/rpc.h"
#include "bdevkit/rpc.h"

/* A state beside those of spdk/rpc.h, in which no method may be called. */
#define RPC_STATE_ENDING 0x80000000u

/* Limits of a server. Set before the first server listens; the defaults stand behind each. */
struct rpc_server_opts {
	/* Bytes of one request or batch; a longer one is refused and its connection closed. 32 MiB */
	size_t max_request_size;
	/* JSON values of one request or batch. 1 Mi */
	size_t max_request_values;
	/* Nesting of one request. 64 */
	uint32_t max_request_depth;
	/* Bytes of one reply, or of all replies of a batch. 256 MiB */
	size_t max_reply_size;
	/* Replies that a client has not read: beyond it, no more of its requests are taken. 1 MiB */
	size_t max_unread_size;
	/* Requests of one connection that are being carried out: beyond it, no more of them are taken. 256 */
	uint32_t max_in_flight;
	/* Connections of one server: others wait until one closes. 8192 */
	uint32_t max_connections;
};

void rpc_server_get_opts(struct rpc_server_opts *opts);
void rpc_server_set_opts(const struct rpc_server_opts *opts);

/*
 * A descriptor that is readable whenever spdk_rpc_server_accept() has something to do, also when a reply was completed
 * on another thread. It stays valid until the server is closed.
 */
int rpc_server_get_fd(struct spdk_rpc_server *server);

/* As spdk_rpc_server_listen(), with the reason for a failure: a negative errno. It is logged too. */
int rpc_server_open(const char *path, struct spdk_rpc_server **server);

/* The path that a server listens on. */
const char *rpc_server_get_path(const struct spdk_rpc_server *server);

/* The same for a server of spdk_jsonrpc_server_listen(). */
int jsonrpc_server_get_fd(struct spdk_jsonrpc_server *server);

/* The answer to rpc_call(): text is the JSON of the result, or of the whole error object. */
struct rpc_call_reply {
	/* 0, or the code of the error. */
	int error_code;
	const char *text;
	size_t size;
};

/* Runs on the thread that completed the request. The reply is valid until it returns. */
typedef void (*rpc_call_cb)(void *cb_arg, const struct rpc_call_reply *reply);

/*
 * Carries out a method inside the process, as if it had come through a socket: same states, aliases and allow list.
 * params is JSON text (an object, an array or null), or NULL; it is copied. The handler runs before this returns, and
 * so may the callback.
 * Returns 0 if the callback was or will be called once, -EINVAL if params is not such JSON, -ENOMEM.
 */
int rpc_call(const char *method, const void *params, size_t params_size, rpc_call_cb cb, void *cb_arg);

/* The last resort of every server: carries out a request of any source. method is a JSON string. */
void rpc_dispatch(
	struct spdk_jsonrpc_request *request, const struct spdk_json_val *method, const struct spdk_json_val *params);

/* A registered method. */
struct rpc_method {
	const char *name;
	spdk_rpc_method_handler handler;
	/* How it is described; NULL for one that was registered with a handler only. */
	const struct bdk_rpc_method *description;
	uint32_t state_mask;
	/* For a deprecated name: the method that it stands for. */
	struct rpc_method *alias_of;
	bool deprecation_logged;
	/* Requests for it that have not ended; any thread. */
	_Atomic uint32_t requests;
	struct rpc_method *next;
};

/* The newest registration; follow next. */
const struct rpc_method *rpc_method_first(void);

/* Whether the allow list (if there is one) has it. */
bool rpc_method_is_listed(const char *name);

/* Decodes params as described, calls the handler and frees what was decoded; or answers with an error. */
void rpc_params_handle(
	const struct bdk_rpc_method *method, struct spdk_jsonrpc_request *request, const struct spdk_json_val *params);

#endif /* RPC_INTERNAL_H */
