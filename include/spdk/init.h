/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Start and stop of the subsystems, loading of a configuration, and the JSON-RPC servers of a program. Programs that call
 * spdk_app_start() have all of that done for them; these functions are for those that have their own event loop.
 * spdk_internal/init.h is the other side: how a subsystem is made.
 */

#ifndef SPDK_INIT_H
#define SPDK_INIT_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/log.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- RPC servers ---- */

/* Path of the Unix socket unless told otherwise. */
#define SPDK_DEFAULT_RPC_ADDR "/var/tmp/spdk.sock"

/* How an RPC server logs what it is asked. */
struct spdk_rpc_opts {
	/* sizeof(struct spdk_rpc_opts) of the caller. */
	size_t size;
	/* Requests and replies are written to it, too; NULL: they are not. The caller keeps it open and closes it. */
	FILE *log_file;
	/* Requests and replies are logged at this level; SPDK_LOG_DISABLED: they are not. */
	enum spdk_log_level log_level;
};

/*
 * Starts a server on a Unix socket that only the user may open. Requests are carried out on the calling SPDK thread.
 * Several servers may run. NULL for listen_addr does nothing; NULL for opts is the default.
 *
 * Returns 0, -EINVAL if opts->size is 0, a method is registered wrongly or another process has the socket, -EADDRINUSE if
 * this process has it, or another negative errno.
 */
int spdk_rpc_initialize(const char *listen_addr, const struct spdk_rpc_opts *opts);

/* Closes a server and its connections. Requests that are being carried out go on, without anybody to tell. */
void spdk_rpc_server_finish(const char *listen_addr);

/* Closes all servers. */
void spdk_rpc_finish(void);

/* Lets requests and replies wait; and go on. On the thread of the server. */
void spdk_rpc_server_pause(const char *listen_addr);
void spdk_rpc_server_resume(const char *listen_addr);

/* ---- Subsystems ---- */

/* rc: 0, or the negative errno of what failed. */
typedef void (*spdk_subsystem_init_fn)(int rc, void *ctx);
typedef void (*spdk_subsystem_fini_fn)(void *ctx);

/*
 * Starts the registered subsystems one after the other, each after those that it depends on. On the app thread, where
 * cb_fn runs too, now or later. After a failure those that follow are not started, and spdk_subsystem_fini() is still to
 * be called. -ENOENT: one that another depends on is missing; -ELOOP: they depend on each other.
 */
void spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg);

/*
 * Stops the subsystems that were started, in reverse order. One that is just being started is stopped when it reports, or
 * after 5 seconds; one that failed is stopped, too. cb_fn runs on the calling thread, now or later.
 */
void spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg);

/* Whether a subsystem of that name is part of this program. */
bool spdk_subsystem_exists(const char *name);

/*
 * Calls the methods of a configuration, {"subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_malloc_create",
 * "params": {...}}, ...]}, ...]}, that the present RPC state allows and, if that is SPDK_RPC_RUNTIME, that SPDK_RPC_STARTUP
 * did not allow. So it is called twice: before spdk_subsystem_init(), and after it and spdk_rpc_set_state(). They are
 * called one after the other. The text may contain comments; json_size is in bytes, and the text is copied.
 *
 * On an SPDK thread, where cb_fn runs too; within this call if the text is not such a configuration (-EINVAL, logged with
 * line and reason), else later. If stop_on_error, the first method that fails ends it with -EINVAL, and one that the named
 * subsystem should have but has not ends it with -ENOENT.
 */
void spdk_subsystem_load_config(
	void *json, ssize_t json_size, spdk_subsystem_init_fn cb_fn, void *cb_arg, bool stop_on_error);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_INIT_H */
