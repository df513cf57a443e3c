/* SPDX-License-Identifier: BSD-3-Clause */

/* What the threads are doing, and where they may run. */

#include "lib/event/reactor.h"

#include "bdevkit/rpc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "spdk_internal/thread.h"

/* A listing that each thread adds to, on itself. */
struct listing {
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
	void (*write_thread)(struct spdk_thread *thread, struct spdk_json_write_ctx *w);
};

static void
visit_thread(void *ctx)
{
	struct listing *listing = ctx;

	spdk_json_write_object_begin(listing->w);
	listing->write_thread(spdk_get_thread(), listing->w);
	spdk_json_write_object_end(listing->w);
}

static void
finish_listing(void *ctx)
{
	struct listing *listing = ctx;

	spdk_json_write_array_end(listing->w);
	spdk_json_write_object_end(listing->w);
	spdk_jsonrpc_end_result(listing->request, listing->w);
	free(listing);
}

static void
list_threads(struct spdk_jsonrpc_request *request,
	void (*write_thread)(struct spdk_thread *thread, struct spdk_json_write_ctx *w))
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing) {
		bdk_rpc_send_errno(request, -ENOMEM, "Cannot list the threads");
		return;
	}

	listing->request = request;
	listing->write_thread = write_thread;
	listing->w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_object_begin(listing->w);
	spdk_json_write_named_uint64(listing->w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_array_begin(listing->w, "threads");
	spdk_for_each_thread(visit_thread, listing, finish_listing);
}

/*
 * thread_get_stats
 */

static uint64_t
count_pollers(struct spdk_poller *first, struct spdk_poller *(*next)(struct spdk_poller *prev))
{
	uint64_t count = 0;

	for (struct spdk_poller *poller = first; poller; poller = next(poller)) {
		count++;
	}

	return count;
}

static void
write_stats(struct spdk_thread *thread, struct spdk_json_write_ctx *w)
{
	struct spdk_cpuset cpumask = *spdk_thread_get_cpumask(thread);
	struct spdk_thread_stats stats = {};

	spdk_cpuset_and(&cpumask, event_reactors_get_cpuset());
	spdk_thread_get_stats(&stats);

	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	spdk_json_write_named_string(w, "cpumask", spdk_cpuset_fmt(&cpumask));
	spdk_json_write_named_uint64(w, "busy", stats.busy_tsc);
	spdk_json_write_named_uint64(w, "idle", stats.idle_tsc);
	spdk_json_write_named_uint64(w, "active_pollers_count",
		count_pollers(spdk_thread_get_first_active_poller(thread), spdk_thread_get_next_active_poller));
	spdk_json_write_named_uint64(w, "timed_pollers_count",
		count_pollers(spdk_thread_get_first_timed_poller(thread), spdk_thread_get_next_timed_poller));
	spdk_json_write_named_uint64(w, "paused_pollers_count",
		count_pollers(spdk_thread_get_first_paused_poller(thread), spdk_thread_get_next_paused_poller));
}

static void
get_stats(struct spdk_jsonrpc_request *request, void *params)
{
	list_threads(request, write_stats);
}

static const struct bdk_rpc_method g_get_stats = {
	.name = "thread_get_stats",
	.summary = "Show how busy each thread is and how many pollers it has",
	.result = "object with tick_rate and threads",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_stats,
};
BDK_RPC_REGISTER(g_get_stats)

/*
 * thread_get_pollers
 */

static void
write_poller(struct spdk_poller *poller, struct spdk_json_write_ctx *w)
{
	uint64_t period = spdk_poller_get_period_ticks(poller);
	struct spdk_poller_stats stats;

	spdk_poller_get_stats(poller, &stats);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_poller_get_name(poller));
	spdk_json_write_named_uint64(w, "id", spdk_poller_get_id(poller));
	spdk_json_write_named_string(w, "state", spdk_poller_get_state_str(poller));
	spdk_json_write_named_uint64(w, "run_count", stats.run_count);
	spdk_json_write_named_uint64(w, "busy_count", stats.busy_count);
	if (period) {
		spdk_json_write_named_uint64(w, "period_ticks", period);
	}
	spdk_json_write_object_end(w);
}

static void
write_poller_list(struct spdk_json_write_ctx *w, const char *name, struct spdk_poller *first,
	struct spdk_poller *(*next)(struct spdk_poller *prev))
{
	spdk_json_write_named_array_begin(w, name);
	for (struct spdk_poller *poller = first; poller; poller = next(poller)) {
		write_poller(poller, w);
	}
	spdk_json_write_array_end(w);
}

static void
write_pollers(struct spdk_thread *thread, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_uint64(w, "id", spdk_thread_get_id(thread));
	write_poller_list(
		w, "active_pollers", spdk_thread_get_first_active_poller(thread), spdk_thread_get_next_active_poller);
	write_poller_list(
		w, "timed_pollers", spdk_thread_get_first_timed_poller(thread), spdk_thread_get_next_timed_poller);
	write_poller_list(
		w, "paused_pollers", spdk_thread_get_first_paused_poller(thread), spdk_thread_get_next_paused_poller);
}

static void
get_pollers(struct spdk_jsonrpc_request *request, void *params)
{
	list_threads(request, write_pollers);
}

static const struct bdk_rpc_method g_get_pollers = {
	.name = "thread_get_pollers",
	.summary = "List the pollers of each thread",
	.result = "object with tick_rate and threads",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_pollers,
};
BDK_RPC_REGISTER(g_get_pollers)

/*
 * thread_get_io_channels
 */

static void
write_io_channels(struct spdk_thread *thread, struct spdk_json_write_ctx *w)
{
	struct spdk_io_channel *ch;

	spdk_json_write_named_string(w, "name", spdk_thread_get_name(thread));
	spdk_json_write_named_array_begin(w, "io_channels");
	for (ch = spdk_thread_get_first_io_channel(thread); ch; ch = spdk_thread_get_next_io_channel(ch)) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "name", spdk_io_channel_get_io_device_name(ch));
		spdk_json_write_named_uint32(w, "ref", spdk_io_channel_get_ref_count(ch));
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

static void
get_io_channels(struct spdk_jsonrpc_request *request, void *params)
{
	list_threads(request, write_io_channels);
}

static const struct bdk_rpc_method g_get_io_channels = {
	.name = "thread_get_io_channels",
	.summary = "List the I/O channels of each thread",
	.result = "object with tick_rate and threads",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_io_channels,
};
BDK_RPC_REGISTER(g_get_io_channels)

/*
 * thread_set_cpumask
 */

struct set_cpumask_params {
	uint64_t id;
	char *cpumask;
};

static const struct bdk_rpc_param g_set_cpumask_params[] = {
	{
		.name = "id",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_cpumask_params, id),
		.required = true,
		.option = 'i',
		.help = "thread, as in thread_get_stats",
	},
	{
		.name = "cpumask",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct set_cpumask_params, cpumask),
		.required = true,
		.option = 'm',
		.help = "CPUs, as a mask 0x3 or list [0,1]",
	},
};

struct set_cpumask {
	struct spdk_jsonrpc_request *request;
	struct spdk_thread *home;
	struct spdk_cpuset cpumask;
	int rc;
};

static void
set_cpumask_done(void *ctx)
{
	struct set_cpumask *set = ctx;

	if (set->rc) {
		bdk_rpc_send_errno(set->request, set->rc, "The thread was not moved");
	} else {
		spdk_jsonrpc_send_bool_response(set->request, true);
	}
	free(set);
}

static void
set_cpumask_on_thread(void *ctx)
{
	struct set_cpumask *set = ctx;

	set->rc = spdk_thread_set_cpumask(&set->cpumask);
	if (spdk_thread_send_msg(set->home, set_cpumask_done, set)) {
		/* A request may be completed anywhere. */
		set_cpumask_done(set);
	}
}

/* Returns 0, or the code of the answer that was sent. */
static int
parse_cpumask(struct spdk_jsonrpc_request *request, const char *text, struct spdk_cpuset *cpumask)
{
	struct spdk_cpuset all = *event_reactors_get_cpuset();

	if (spdk_cpuset_parse(cpumask, text)) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "Invalid cpumask %s", text);
		return SPDK_JSONRPC_ERROR_INTERNAL_ERROR;
	}

	spdk_cpuset_and(cpumask, &all);
	if (spdk_cpuset_count(cpumask) == 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"No CPU is selected from reactor mask %s", spdk_cpuset_fmt(&all));
		return SPDK_JSONRPC_ERROR_INTERNAL_ERROR;
	}

	return 0;
}

static void
set_cpumask(struct spdk_jsonrpc_request *request, void *params)
{
	const struct set_cpumask_params *p = params;
	struct spdk_thread *thread = p->id ? spdk_thread_get_by_id(p->id) : NULL;
	struct spdk_cpuset cpumask;
	struct set_cpumask *set;
	int rc;

	if (!thread) {
		bdk_rpc_send_error(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "Thread %" PRIu64 " does not exist", p->id);
		return;
	}
	if (parse_cpumask(request, p->cpumask, &cpumask)) {
		return;
	}

	set = calloc(1, sizeof(*set));
	if (!set) {
		bdk_rpc_send_errno(request, -ENOMEM, "The thread was not moved");
		return;
	}
	set->request = request;
	set->home = spdk_get_thread();
	set->cpumask = cpumask;

	rc = spdk_thread_send_msg(thread, set_cpumask_on_thread, set);
	if (rc) {
		set->rc = rc;
		set_cpumask_done(set);
	}
}

static const struct bdk_rpc_method g_set_cpumask = {
	.name = "thread_set_cpumask",
	.summary = "Move a thread to other CPUs",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_set_cpumask_params,
	.num_params = SPDK_COUNTOF(g_set_cpumask_params),
	.params_size = sizeof(struct set_cpumask_params),
	.handler = set_cpumask,
};
BDK_RPC_REGISTER(g_set_cpumask)
