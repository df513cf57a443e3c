/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_INIT_H
#define SPDK_INIT_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/log.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_DEFAULT_RPC_ADDR "/var/tmp/spdk.sock"

struct spdk_rpc_opts;

typedef void (*spdk_subsystem_fini_fn)(void *ctx);
typedef void (*spdk_subsystem_init_fn)(int rc, void *ctx);

struct spdk_rpc_opts {
	size_t size;
	FILE *log_file;
	enum spdk_log_level log_level;
};

void spdk_rpc_finish(void);
int spdk_rpc_initialize(const char *listen_addr, const struct spdk_rpc_opts *opts);
void spdk_rpc_server_finish(const char *listen_addr);
void spdk_rpc_server_pause(const char *listen_addr);
void spdk_rpc_server_resume(const char *listen_addr);
bool spdk_subsystem_exists(const char *name);
void spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg);
void spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg);
void spdk_subsystem_load_config(void *json, ssize_t json_size, spdk_subsystem_init_fn cb_fn, void *cb_arg, bool stop_on_error);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_INIT_H */
