/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_RPC_H
#define SPDK_RPC_H

#include "spdk/stdinc.h"
#include "spdk/jsonrpc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_RPC_REGISTER(method, func, state_mask) \
	__attribute__((constructor(1000))) static void rpc_register_##func(void) \
	{ \
		spdk_rpc_register_method(method, func, state_mask); \
	}
#define SPDK_RPC_REGISTER_ALIAS_DEPRECATED(method, alias) \
	__attribute__((constructor(1001))) static void rpc_register_##alias(void) \
	{ \
		spdk_rpc_register_alias_deprecated(#method, #alias); \
	}
#define SPDK_RPC_RUNTIME 0x2
#define SPDK_RPC_STARTUP 0x1

struct spdk_json_val;
struct spdk_jsonrpc_request;
struct spdk_rpc_server;

typedef void (*spdk_rpc_method_handler)(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params);

int spdk_rpc_get_method_state_mask(const char *method, uint32_t *state_mask);
uint32_t spdk_rpc_get_state(void);
int spdk_rpc_is_method_allowed(const char *method, uint32_t state_mask);
void spdk_rpc_register_alias_deprecated(const char *method, const char *alias);
void spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask);
void spdk_rpc_server_accept(struct spdk_rpc_server *server);
void spdk_rpc_server_close(struct spdk_rpc_server *server);
struct spdk_rpc_server *spdk_rpc_server_listen(const char *listen_addr);
void spdk_rpc_set_allowlist(const char **rpc_allowlist);
void spdk_rpc_set_state(uint32_t state_mask);
bool spdk_rpc_verify_methods(void);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_RPC_H */
