/* SPDX-License-Identifier: BSD-3-Clause */

/* One call to a running target, start to finish, for commands that have nothing else to do meanwhile. */

#ifndef BDEVKIT_RPC_CLIENT_H
#define BDEVKIT_RPC_CLIENT_H

#include "spdk/stdinc.h"
#include "spdk/jsonrpc.h"

struct rpc_client {
	const char *socket_path;
	/* How long a call may take, in seconds. */
	unsigned timeout;
	/* Whose complaints they are; NULL: "rpc". */
	const char *command;
	/* Where to put why a call failed instead of on stderr; NULL: nowhere. */
	char *why;
	size_t why_size;
	struct spdk_jsonrpc_client *connection;
};

/* Writes the members of params between its braces. Returns 0, or a negative errno to give up. */
typedef int (*rpc_client_write_params)(struct spdk_json_write_ctx *w, void *ctx);

/*
 * Calls a method, connecting first if need be. write_params NULL: without params. Returns the response, to be freed with
 * spdk_jsonrpc_client_free_response(), in which result or error is set; or NULL after the reason was written to stderr, or
 * to why.
 */
struct spdk_jsonrpc_client_response *rpc_client_call(
	struct rpc_client *client, const char *method, rpc_client_write_params write_params, void *ctx);

void rpc_client_close(struct rpc_client *client);

#endif /* BDEVKIT_RPC_CLIENT_H */
