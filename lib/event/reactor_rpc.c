/* SPDX-License-Identifier: BSD-3-Clause */

/* What the reactors are doing. */

#include "lib/event/reactor.h"

#include "bdevkit/rpc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* A listing that each reactor adds to, on itself. */
struct listing {
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
};

/* Time of a CPU in ticks of the kernel's accounting, all 0 if it is not known. */
struct core_times {
	uint64_t usr;
	uint64_t sys;
	uint64_t irq;
};

static void visit_reactor(void *arg1, void *arg2);

static void
read_core_times(uint32_t core, struct core_times *times)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");
	char line[256], name[32];
	size_t length;

	*times = (struct core_times){};
	if (!file) {
		return;
	}

	length = snprintf(name, sizeof(name), "cpu%u ", core);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) == 0 &&
			sscanf(line + length,
				"%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
				&user, &nice, &system, &idle, &iowait, &irq, &softirq) == 7) {
			times->usr = user + nice;
			times->sys = system;
			times->irq = irq + softirq;
			break;
		}
	}
	fclose(file);
}

static void
write_thread(void *ctx, struct spdk_thread *thread, uint64_t elapsed_tsc)
{
	struct spdk_cpuset cpumask = *spdk_thread_get_cpumask(thread);
	struct spdk_json_write_ctx *w = ctx;

	spdk_cpuset_and(&cpumask, event_reactors_get_cpuset());
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	spdk_json_write_named_string(w, "cpumask", spdk_cpuset_fmt(&cpumask));
	spdk_json_write_named_uint64(w, "elapsed", elapsed_tsc);
	spdk_json_write_object_end(w);
}

static void
write_reactor(struct event_reactor *reactor, struct spdk_json_write_ctx *w)
{
	uint32_t core = event_reactor_get_lcore(reactor);
	struct event_reactor_stats stats;
	struct core_times times;

	event_reactor_get_stats(reactor, &stats);
	read_core_times(core, &times);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint32(w, "lcore", core);
	spdk_json_write_named_uint64(w, "tid", stats.tid);
	spdk_json_write_named_uint64(w, "busy", stats.busy_tsc);
	spdk_json_write_named_uint64(w, "idle", stats.idle_tsc);
	spdk_json_write_named_uint64(w, "asleep", stats.asleep_tsc);
	spdk_json_write_named_uint64(w, "sleeps", stats.sleeps);
	spdk_json_write_named_bool(w, "in_interrupt", stats.in_interrupt);
	spdk_json_write_named_uint64(w, "irq", times.irq);
	spdk_json_write_named_uint64(w, "sys", times.sys);
	spdk_json_write_named_uint64(w, "usr", times.usr);
	spdk_json_write_named_array_begin(w, "lw_threads");
	event_reactor_for_each_thread(reactor, write_thread, w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
}

static void
finish_listing(struct listing *listing, int rc)
{
	if (rc) {
		bdk_rpc_send_errno(listing->request, rc, "Cannot list the reactors");
	} else {
		spdk_json_write_array_end(listing->w);
		spdk_json_write_object_end(listing->w);
		spdk_jsonrpc_end_result(listing->request, listing->w);
	}
	free(listing);
}

static void
go_to_reactor(struct listing *listing, uint32_t core)
{
	struct spdk_event *event;

	if (core == UINT32_MAX) {
		finish_listing(listing, 0);
		return;
	}

	event = spdk_event_allocate(core, visit_reactor, listing, NULL);
	if (!event) {
		finish_listing(listing, -ENOMEM);
		return;
	}
	spdk_event_call(event);
}

static void
visit_reactor(void *arg1, void *arg2)
{
	struct event_reactor *reactor = event_reactor_get_current();
	struct listing *listing = arg1;

	write_reactor(reactor, listing->w);
	go_to_reactor(listing, spdk_env_get_next_core(event_reactor_get_lcore(reactor)));
}

static void
get_reactors(struct spdk_jsonrpc_request *request, void *params)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing) {
		bdk_rpc_send_errno(request, -ENOMEM, "Cannot list the reactors");
		return;
	}

	listing->request = request;
	listing->w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(listing->w);
	spdk_json_write_named_uint64(listing->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_uint64(listing->w, "pid", getpid());
	spdk_json_write_named_array_begin(listing->w, "reactors");
	go_to_reactor(listing, spdk_env_get_first_core());
}

static const struct bdk_rpc_method g_get_reactors = {
	.name = "framework_get_reactors",
	.summary = "Show the reactors, how busy each is, and the threads on it",
	.result = "object with tick_rate, pid and reactors",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_reactors,
};
BDK_RPC_REGISTER(g_get_reactors)

/*
 * framework_monitor_context_switch
 */

struct monitor_params {
	/* What is decoded is written over the sign that nothing was. */
	const struct spdk_json_val *enabled;
};

static const struct bdk_rpc_param g_monitor_params[] = {
	{
		.name = "enabled",
		.type = BDK_RPC_JSON,
		.offset = offsetof(struct monitor_params, enabled),
		.required = true,
		.option = 'e',
		.help = "whether to log context switches of the reactors; needs the log flag reactor",
		.default_text = "only show whether it is enabled",
	},
};

static void
monitor_context_switch(struct spdk_jsonrpc_request *request, void *params)
{
	const struct monitor_params *p = params;
	struct spdk_json_write_ctx *w;
	bool enabled;

	if (p->enabled) {
		if (spdk_json_decode_bool(p->enabled, &enabled)) {
			bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
				"framework_monitor_context_switch: parameter 'enabled' must be true or false");
			return;
		}
		spdk_framework_enable_context_switch_monitor(enabled);
	}

	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_bool(w, "enabled", spdk_framework_context_switch_monitor_enabled());
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_monitor_context_switch = {
	.name = "framework_monitor_context_switch",
	.summary = "Show or set whether context switches of the reactors are logged",
	.result = "object with enabled",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_monitor_params,
	.num_params = SPDK_COUNTOF(g_monitor_params),
	.params_size = sizeof(struct monitor_params),
	.params_rule = BDK_RPC_PARAMS_OPTIONAL,
	.handler = monitor_context_switch,
};
BDK_RPC_REGISTER(g_monitor_context_switch)
