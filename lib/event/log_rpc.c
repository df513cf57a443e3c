/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdevkit/rpc.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define BOTH_STATES (SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static const struct bdk_rpc_value g_levels[] = {
	{"ERROR", SPDK_LOG_ERROR},
	{"WARNING", SPDK_LOG_WARN},
	{"NOTICE", SPDK_LOG_NOTICE},
	{"INFO", SPDK_LOG_INFO},
	{"DEBUG", SPDK_LOG_DEBUG},
	{NULL, 0},
};

static void
send_level(struct spdk_jsonrpc_request *request, enum spdk_log_level level)
{
	struct spdk_json_write_ctx *w;

	for (const struct bdk_rpc_value *value = g_levels; value->name; value++) {
		if (value->value == (int)level) {
			w = spdk_jsonrpc_begin_result(request);
			spdk_json_write_string(w, value->name);
			spdk_jsonrpc_end_result(request, w);
			return;
		}
	}

	bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "invalid log level: logging is disabled");
}

struct level_params {
	int level;
};

static const struct bdk_rpc_param g_level_params[] = {
	{
		.name = "level",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct level_params, level),
		.required = true,
		.position = 1,
		.values = g_levels,
		.help = "the least important level that is still logged",
	},
};

static void
set_level(struct spdk_jsonrpc_request *request, void *params)
{
	spdk_log_set_level(((struct level_params *)params)->level);
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_set_level = {
	.name = "log_set_level",
	.summary = "Set the level of messages to the system log",
	.result = "true",
	.state_mask = BOTH_STATES,
	.params = g_level_params,
	.num_params = SPDK_COUNTOF(g_level_params),
	.params_size = sizeof(struct level_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.values_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = set_level,
};
BDK_RPC_REGISTER(g_set_level)

static void
set_print_level(struct spdk_jsonrpc_request *request, void *params)
{
	spdk_log_set_print_level(((struct level_params *)params)->level);
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_set_print_level = {
	.name = "log_set_print_level",
	.summary = "Set the level of messages to standard error",
	.result = "true",
	.state_mask = BOTH_STATES,
	.params = g_level_params,
	.num_params = SPDK_COUNTOF(g_level_params),
	.params_size = sizeof(struct level_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.values_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = set_print_level,
};
BDK_RPC_REGISTER(g_set_print_level)

static void
get_level(struct spdk_jsonrpc_request *request, void *params)
{
	send_level(request, spdk_log_get_level());
}

static const struct bdk_rpc_method g_get_level = {
	.name = "log_get_level",
	.summary = "Show the level of messages to the system log",
	.result = "ERROR, WARNING, NOTICE, INFO or DEBUG",
	.state_mask = BOTH_STATES,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_level,
};
BDK_RPC_REGISTER(g_get_level)

static void
get_print_level(struct spdk_jsonrpc_request *request, void *params)
{
	send_level(request, spdk_log_get_print_level());
}

static const struct bdk_rpc_method g_get_print_level = {
	.name = "log_get_print_level",
	.summary = "Show the level of messages to standard error",
	.result = "ERROR, WARNING, NOTICE, INFO or DEBUG",
	.state_mask = BOTH_STATES,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_print_level,
};
BDK_RPC_REGISTER(g_get_print_level)

/*
 * Flags
 */

struct flag_params {
	char *flag;
};

static const struct bdk_rpc_param g_flag_params[] = {
	{
		.name = "flag",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct flag_params, flag),
		.required = true,
		.position = 1,
		.help = "a component, a pattern such as bdev*, or all",
	},
};

static void
send_flag_result(struct spdk_jsonrpc_request *request, const char *flag, int rc)
{
	if (rc) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"invalid log flag '%s'; log_get_flags lists them", flag);
		return;
	}

	spdk_jsonrpc_send_bool_response(request, true);
}

static void
set_flag(struct spdk_jsonrpc_request *request, void *params)
{
	const char *flag = ((struct flag_params *)params)->flag;

	send_flag_result(request, flag, spdk_log_set_flag(flag));
}

static const struct bdk_rpc_method g_set_flag = {
	.name = "log_set_flag",
	.summary = "Log a component's INFO and DEBUG messages",
	.result = "true",
	.state_mask = BOTH_STATES,
	.params = g_flag_params,
	.num_params = SPDK_COUNTOF(g_flag_params),
	.params_size = sizeof(struct flag_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = set_flag,
};
BDK_RPC_REGISTER(g_set_flag)

static void
clear_flag(struct spdk_jsonrpc_request *request, void *params)
{
	const char *flag = ((struct flag_params *)params)->flag;

	send_flag_result(request, flag, spdk_log_clear_flag(flag));
}

static const struct bdk_rpc_method g_clear_flag = {
	.name = "log_clear_flag",
	.summary = "Log a component's INFO and DEBUG messages no longer",
	.result = "true",
	.state_mask = BOTH_STATES,
	.params = g_flag_params,
	.num_params = SPDK_COUNTOF(g_flag_params),
	.params_size = sizeof(struct flag_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = clear_flag,
};
BDK_RPC_REGISTER(g_clear_flag)

static void
get_flags(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	struct spdk_log_flag *flag;

	spdk_json_write_object_begin(w);
	for (flag = spdk_log_get_first_flag(); flag; flag = spdk_log_get_next_flag(flag)) {
		spdk_json_write_named_bool(w, flag->name, flag->enabled);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_flags = {
	.name = "log_get_flags",
	.summary = "List the components and whether their INFO and DEBUG messages are logged",
	.result = "object with a member for each component",
	.state_mask = BOTH_STATES,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_flags,
};
BDK_RPC_REGISTER(g_get_flags)

/*
 * Timestamps
 */

struct timestamps_params {
	bool enabled;
};

static const struct bdk_rpc_param g_timestamps_params[] = {
	{
		.name = "enabled",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct timestamps_params, enabled),
		.required = true,
		.option = 'e',
		.help = "whether lines on standard error begin with the time",
	},
};

static void
enable_timestamps(struct spdk_jsonrpc_request *request, void *params)
{
	spdk_log_enable_timestamps(((struct timestamps_params *)params)->enabled);
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_enable_timestamps = {
	.name = "log_enable_timestamps",
	.summary = "Begin log lines with the time, or do not",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_timestamps_params,
	.num_params = SPDK_COUNTOF(g_timestamps_params),
	.params_size = sizeof(struct timestamps_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = enable_timestamps,
};
BDK_RPC_REGISTER(g_enable_timestamps)
