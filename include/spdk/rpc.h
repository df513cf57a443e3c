/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Remote procedures by name, and the server that offers them. Methods that are described with bdevkit/rpc.h instead
 * get their parameters decoded, and their error texts, documentation and command line for nothing.
 */

#ifndef SPDK_RPC_H
#define SPDK_RPC_H

#include "spdk/stdinc.h"
#include "spdk/jsonrpc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When a method may be called: before the application is initialized, after it, or (both bits) always. */
#define SPDK_RPC_STARTUP 0x1
#define SPDK_RPC_RUNTIME 0x2

/*
 * Carries out a method, on the thread that polls the server, and completes the request now or later (spdk/jsonrpc.h).
 * params: an object or array, or NULL if there are none; valid until the request is completed.
 */
typedef void (*spdk_rpc_method_handler)(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params);

/*
 * Registers a method. Meant for constructors, by way of the macro. A name that is taken is logged, and keeps every server
 * from starting.
 */
void spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask);

/* Registers another name of a method that is registered already. Its first use is logged with the name to use instead. */
void spdk_rpc_register_alias_deprecated(const char *method, const char *alias);

/* False if a registration failed. */
bool spdk_rpc_verify_methods(void);

/* method is a string. */
#define SPDK_RPC_REGISTER(method, func, state_mask) \
	__attribute__((constructor(1000))) static void rpc_register_##func(void) \
	{ \
		spdk_rpc_register_method(method, func, state_mask); \
	}

/* Both are written without quotes. */
#define SPDK_RPC_REGISTER_ALIAS_DEPRECATED(method, alias) \
	__attribute__((constructor(1001))) static void rpc_register_##alias(void) \
	{ \
		spdk_rpc_register_alias_deprecated(#method, #alias); \
	}

/* The state that the application is in: SPDK_RPC_STARTUP at first. The application framework sets the other one. */
void spdk_rpc_set_state(uint32_t state_mask);
uint32_t spdk_rpc_get_state(void);

/*
 * Whether a method can be called in this state. Returns 0, -EPERM if not in this state, -ENOENT if there is no such method
 * or the allow list does not have it.
 */
int spdk_rpc_is_method_allowed(const char *method, uint32_t state_mask);

/* In which states a method can be called. Returns 0, or -ENOENT if there is no such method. */
int spdk_rpc_get_method_state_mask(const char *method, uint32_t *state_mask);

/*
 * Lets only these methods be called; all others are as if they did not exist. The list ends with NULL and is copied.
 * NULL: all methods. A deprecated name counts by itself.
 */
void spdk_rpc_set_allowlist(const char **rpc_allowlist);

struct spdk_rpc_server;

/*
 * Opens a server on a Unix socket, with mode 0600. The file "<listen_addr>.lock" keeps others from the same path; a socket
 * that was left behind by a process that died is replaced. Returns NULL after the reason was logged.
 */
struct spdk_rpc_server *spdk_rpc_server_listen(const char *listen_addr);

/* Does all that can be done without waiting. Always on the same thread. */
void spdk_rpc_server_accept(struct spdk_rpc_server *server);

/* Closes the server and removes its files, on the thread that polls it. See spdk_jsonrpc_server_shutdown(). */
void spdk_rpc_server_close(struct spdk_rpc_server *server);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_RPC_H */
