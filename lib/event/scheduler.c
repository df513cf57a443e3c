/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The scheduler decides on which reactor a thread runs after it was placed first. There is one, "static", by which
 * threads stay where they are, and no governor of CPU frequencies.
 */

#include "lib/event/reactor.h"

#include "bdevkit/rpc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "spdk_internal/init.h"

#define BOTH_STATES (SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static struct {
	/* One was chosen, by RPC or by the start of the subsystem. */
	bool chosen;
	/* CPUs that a scheduler would neither take threads from nor move them to. */
	struct spdk_cpuset isolated;
	/* CPU on which a scheduler would run; UINT32_MAX: the main one. */
	uint32_t scheduling_core;
} g_scheduler = {.scheduling_core = UINT32_MAX};

static const char g_name[] = "static";

static void
scheduler_init(void)
{
	g_scheduler.chosen = true;
	spdk_subsystem_init_next(0);
}

static void
scheduler_fini(void)
{
	g_scheduler.chosen = false;
	g_scheduler.scheduling_core = UINT32_MAX;
	spdk_cpuset_zero(&g_scheduler.isolated);
	spdk_subsystem_fini_next();
}

static void
write_options(struct spdk_json_write_ctx *w)
{
	bool has_isolated = spdk_cpuset_count(&g_scheduler.isolated) > 0;

	if (!has_isolated && g_scheduler.scheduling_core == UINT32_MAX) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "scheduler_set_options");
	spdk_json_write_named_object_begin(w, "params");
	if (has_isolated) {
		spdk_json_write_named_string_fmt(
			w, "isolated_core_mask", "0x%s", spdk_cpuset_fmt(&g_scheduler.isolated));
	}
	if (g_scheduler.scheduling_core != UINT32_MAX) {
		spdk_json_write_named_uint32(w, "scheduling_core", g_scheduler.scheduling_core);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
scheduler_write_config_json(struct spdk_json_write_ctx *w)
{
	spdk_json_write_array_begin(w);
	write_options(w);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "framework_set_scheduler");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", g_name);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem g_scheduler_subsystem = {
	.name = "scheduler",
	.init = scheduler_init,
	.fini = scheduler_fini,
	.write_config_json = scheduler_write_config_json,
};
SPDK_SUBSYSTEM_REGISTER(g_scheduler_subsystem)

/*
 * framework_set_scheduler, framework_get_scheduler, framework_get_governor
 */

struct set_scheduler_params {
	char *name;
	uint64_t period;
	/* Of a scheduler that moves threads. They are taken, so that who asks for one is told that it is not there. */
	uint8_t load_limit, core_limit, core_busy;
};

static const struct bdk_rpc_param g_set_scheduler_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct set_scheduler_params, name),
		.required = true,
		.position = 1,
		.help = "\"static\", by which threads stay where they are",
	},
	{
		.name = "period",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_scheduler_params, period),
		.option = 'p',
		.help = "microseconds between two runs; the static scheduler never runs and has no use for it",
	},
	{
		.name = "load_limit",
		.type = BDK_RPC_UINT8,
		.offset = offsetof(struct set_scheduler_params, load_limit),
		.help = "percent, of a scheduler that moves threads; the static scheduler has no use for it",
	},
	{
		.name = "core_limit",
		.type = BDK_RPC_UINT8,
		.offset = offsetof(struct set_scheduler_params, core_limit),
		.help = "percent, of a scheduler that moves threads; the static scheduler has no use for it",
	},
	{
		.name = "core_busy",
		.type = BDK_RPC_UINT8,
		.offset = offsetof(struct set_scheduler_params, core_busy),
		.help = "percent, of a scheduler that moves threads; the static scheduler has no use for it",
	},
};

static void
set_scheduler(struct spdk_jsonrpc_request *request, void *params)
{
	const struct set_scheduler_params *p = params;

	if (strcmp(p->name, g_name) != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Scheduler '%s' does not exist, only '%s'", p->name, g_name);
		return;
	}

	g_scheduler.chosen = true;
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_set_scheduler = {
	.name = "framework_set_scheduler",
	.summary = "Choose the scheduler that places threads on CPUs",
	.result = "true",
	.state_mask = BOTH_STATES,
	.params = g_set_scheduler_params,
	.num_params = SPDK_COUNTOF(g_set_scheduler_params),
	.params_size = sizeof(struct set_scheduler_params),
	.handler = set_scheduler,
};
BDK_RPC_REGISTER(g_set_scheduler)

static uint32_t
get_scheduling_core(void)
{
	return g_scheduler.scheduling_core == UINT32_MAX ? spdk_env_get_main_core() : g_scheduler.scheduling_core;
}

static void
get_scheduler(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_object_begin(w);
	if (g_scheduler.chosen) {
		spdk_json_write_named_string(w, "scheduler_name", g_name);
	}
	spdk_json_write_named_uint64(w, "scheduler_period", 0);
	spdk_json_write_named_string(w, "isolated_core_mask", spdk_cpuset_fmt(&g_scheduler.isolated));
	spdk_json_write_named_uint32(w, "scheduling_core", get_scheduling_core());
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_scheduler = {
	.name = "framework_get_scheduler",
	.summary = "Show the scheduler and its options",
	.result = "object",
	.state_mask = BOTH_STATES,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_scheduler,
};
BDK_RPC_REGISTER(g_get_scheduler)

static void
get_governor(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_object_begin(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_governor = {
	.name = "framework_get_governor",
	.summary = "Show the governor of CPU frequencies; the static scheduler has none",
	.result = "object, empty without a governor",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_governor,
};
BDK_RPC_REGISTER(g_get_governor)

/*
 * scheduler_set_options
 */

struct set_options_params {
	char *isolated_core_mask;
	uint32_t scheduling_core;
};

static const struct set_options_params g_set_options_defaults = {.scheduling_core = UINT32_MAX};

static const struct bdk_rpc_param g_set_options_params[] = {
	{
		.name = "isolated_core_mask",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct set_options_params, isolated_core_mask),
		.option = 'i',
		.help = "CPUs that a scheduler leaves alone, as a mask or list",
		.default_text = "none",
	},
	{
		.name = "scheduling_core",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct set_options_params, scheduling_core),
		.option = 's',
		.help = "CPU that a scheduler runs on",
		.default_text = "the main one",
	},
};

static void
set_options(struct spdk_jsonrpc_request *request, void *params)
{
	const struct set_options_params *p = params;
	struct spdk_cpuset isolated = g_scheduler.isolated;
	struct spdk_cpuset all = *event_reactors_get_cpuset();
	struct spdk_cpuset allowed;
	uint32_t core = p->scheduling_core != UINT32_MAX ? p->scheduling_core : get_scheduling_core();

	if (p->isolated_core_mask) {
		if (spdk_cpuset_parse(&isolated, p->isolated_core_mask)) {
			bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
				"Invalid isolated core mask '%s'", p->isolated_core_mask);
			return;
		}
		allowed = isolated;
		spdk_cpuset_and(&allowed, &all);
		if (!spdk_cpuset_equal(&allowed, &isolated)) {
			bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
				"Invalid isolated core mask '%s': the application runs on %s only",
				p->isolated_core_mask, spdk_cpuset_fmt(&all));
			return;
		}
	}
	if (!spdk_cpuset_get_cpu(&all, core)) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Invalid scheduling core %u: the application does not run on it", core);
		return;
	}
	if (spdk_cpuset_get_cpu(&isolated, core)) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Scheduling core %u cannot be included in isolated core mask", core);
		return;
	}

	g_scheduler.isolated = isolated;
	g_scheduler.scheduling_core = p->scheduling_core != UINT32_MAX ? core : g_scheduler.scheduling_core;
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_set_options = {
	.name = "scheduler_set_options",
	.summary = "Set what CPUs a scheduler leaves alone and which it runs on",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_set_options_params,
	.num_params = SPDK_COUNTOF(g_set_options_params),
	.params_size = sizeof(struct set_options_params),
	.defaults = &g_set_options_defaults,
	.params_rule = BDK_RPC_PARAMS_REQUIRED,
	.handler = set_options,
};
BDK_RPC_REGISTER(g_set_options)
