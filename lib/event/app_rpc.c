/* SPDX-License-Identifier: BSD-3-Clause */

/* Start and end of the application by RPC, and the lock files of its CPUs. */

#include "lib/event/app_internal.h"

#include "bdevkit/rpc.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static void
start_init_done(void *cb_arg, int rc)
{
	struct spdk_jsonrpc_request *request = cb_arg;

	if (rc) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"framework_initialization failed: %s; the application ends, see its log",
			spdk_strerror(abs(rc)));
		return;
	}

	spdk_jsonrpc_send_bool_response(request, true);
}

static void
start_init(struct spdk_jsonrpc_request *request, void *params)
{
	int rc = event_app_start_subsystems(start_init_done, request);

	if (rc) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"The application is not waiting for framework_start_init");
	}
}

static const struct bdk_rpc_method g_start_init = {
	.name = "framework_start_init",
	.summary = "Start the subsystems of an application that was started with --wait-for-rpc",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = start_init,
};
BDK_RPC_REGISTER(g_start_init)

static void
wait_init_done(void *cb_arg, int rc)
{
	struct spdk_jsonrpc_request *request = cb_arg;

	if (rc) {
		bdk_rpc_send_error(
			request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "The application ends: %s", spdk_strerror(abs(rc)));
		return;
	}

	spdk_jsonrpc_send_bool_response(request, true);
}

static void
wait_init(struct spdk_jsonrpc_request *request, void *params)
{
	event_app_wait_init(wait_init_done, request);
}

static const struct bdk_rpc_method g_wait_init = {
	.name = "framework_wait_init",
	.summary = "Wait until all subsystems are started and the configuration is loaded",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_IGNORED,
	.handler = wait_init,
};
BDK_RPC_REGISTER(g_wait_init)

/*
 * spdk_kill_instance
 */

struct kill_params {
	char *sig_name;
};

static const struct bdk_rpc_param g_kill_params[] = {
	{
		.name = "sig_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct kill_params, sig_name),
		.required = true,
		.position = 1,
		.help = "SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL or SIGUSR1, or its number",
	},
};

static const struct {
	const char *name;
	int number;
} g_kill_signals[] = {
	{"SIGINT", SIGINT},
	{"SIGTERM", SIGTERM},
	{"SIGQUIT", SIGQUIT},
	{"SIGHUP", SIGHUP},
	{"SIGKILL", SIGKILL},
	{"SIGUSR1", SIGUSR1},
};

static int
find_signal(const char *name)
{
	long number = spdk_strtol(name, 10);

	for (size_t i = 0; i < SPDK_COUNTOF(g_kill_signals); i++) {
		if (strcmp(g_kill_signals[i].name, name) == 0 || g_kill_signals[i].number == number) {
			return g_kill_signals[i].number;
		}
	}

	return 0;
}

static void
send_signal(void *ctx)
{
	kill(getpid(), (int)(uintptr_t)ctx);
}

static void
kill_instance(struct spdk_jsonrpc_request *request, void *params)
{
	const struct kill_params *p = params;
	int number = find_signal(p->sig_name);

	if (number == 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Invalid parameters: '%s' is none of SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL, SIGUSR1",
			p->sig_name);
		return;
	}

	/* The reply goes out first. */
	spdk_jsonrpc_send_bool_response(request, true);
	if (spdk_thread_send_msg(spdk_get_thread(), send_signal, (void *)(uintptr_t)number)) {
		send_signal((void *)(uintptr_t)number);
	}
}

static const struct bdk_rpc_method g_kill_instance = {
	.name = "spdk_kill_instance",
	.summary = "Send a signal to the application",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_kill_params,
	.num_params = SPDK_COUNTOF(g_kill_params),
	.params_size = sizeof(struct kill_params),
	.handler = kill_instance,
};
BDK_RPC_REGISTER(g_kill_instance)

/*
 * Lock files
 */

static void
enable_locks(struct spdk_jsonrpc_request *request, void *params)
{
	int rc = event_core_locks_take();

	if (rc) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Failed to claim the CPUs, another process has one of them: %s", spdk_strerror(-rc));
		return;
	}

	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_enable_locks = {
	.name = "framework_enable_cpumask_locks",
	.summary = "Claim the CPUs of the application with lock files",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = enable_locks,
};
BDK_RPC_REGISTER(g_enable_locks)

static void
disable_locks(struct spdk_jsonrpc_request *request, void *params)
{
	event_core_locks_release();
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_disable_locks = {
	.name = "framework_disable_cpumask_locks",
	.summary = "Remove the lock files of the CPUs of the application",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = disable_locks,
};
BDK_RPC_REGISTER(g_disable_locks)
