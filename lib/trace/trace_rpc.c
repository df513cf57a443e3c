/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/trace/trace_internal.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"

struct group_params {
	char *name;
	uint64_t tpoint_mask;
};

static const struct bdk_rpc_param g_group_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_params, name),
		.required = true,
		.position = 1,
		.help = "name of the trace group, or 'all'",
	},
};

static const struct bdk_rpc_param g_mask_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_params, name),
		.required = true,
		.position = 1,
		.help = "name of the trace group, or 'all'",
	},
	{
		.name = "tpoint_mask",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct group_params, tpoint_mask),
		.position = 2,
		.help = "mask of trace points in the group",
		.default_text = "all of them",
	},
};

static const struct group_params g_mask_defaults = {.tpoint_mask = UINT64_MAX};

static void
change(struct spdk_jsonrpc_request *request, const char *name, uint64_t set, uint64_t clear)
{
	int rc = trace_change_named(name, set, clear);

	switch (rc) {
	case 0:
		spdk_jsonrpc_send_bool_response(request, true);
		break;
	case -EINVAL:
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"there is no trace group '%s'; trace_get_tpoint_group_mask lists them", name);
		break;
	case -ENODEV:
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"the program was started without traces (--num-trace-entries 0)");
		break;
	default:
		bdk_rpc_send_errno(request, rc, "the trace file cannot be made");
		break;
	}
}

static void
enable_group(struct spdk_jsonrpc_request *request, void *params)
{
	const struct group_params *p = params;

	change(request, p->name, UINT64_MAX, 0);
}

static const struct bdk_rpc_method g_enable_group = {
	.name = "trace_enable_tpoint_group",
	.summary = "Switch all trace points of a group on",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_group_params,
	.num_params = SPDK_COUNTOF(g_group_params),
	.params_size = sizeof(struct group_params),
	.handler = enable_group,
};
BDK_RPC_REGISTER(g_enable_group)

static void
disable_group(struct spdk_jsonrpc_request *request, void *params)
{
	const struct group_params *p = params;

	change(request, p->name, 0, UINT64_MAX);
}

static const struct bdk_rpc_method g_disable_group = {
	.name = "trace_disable_tpoint_group",
	.summary = "Switch all trace points of a group off",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_group_params,
	.num_params = SPDK_COUNTOF(g_group_params),
	.params_size = sizeof(struct group_params),
	.handler = disable_group,
};
BDK_RPC_REGISTER(g_disable_group)

static void
set_mask(struct spdk_jsonrpc_request *request, void *params)
{
	const struct group_params *p = params;

	change(request, p->name, p->tpoint_mask, 0);
}

static const struct bdk_rpc_method g_set_mask = {
	.name = "trace_set_tpoint_mask",
	.summary = "Switch some trace points of a group on",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_mask_params,
	.num_params = SPDK_COUNTOF(g_mask_params),
	.params_size = sizeof(struct group_params),
	.defaults = &g_mask_defaults,
	.handler = set_mask,
};
BDK_RPC_REGISTER(g_set_mask)

static void
clear_mask(struct spdk_jsonrpc_request *request, void *params)
{
	const struct group_params *p = params;

	change(request, p->name, 0, p->tpoint_mask);
}

static const struct bdk_rpc_method g_clear_mask = {
	.name = "trace_clear_tpoint_mask",
	.summary = "Switch some trace points of a group off",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_mask_params,
	.num_params = SPDK_COUNTOF(g_mask_params),
	.params_size = sizeof(struct group_params),
	.defaults = &g_mask_defaults,
	.handler = clear_mask,
};
BDK_RPC_REGISTER(g_clear_mask)

/* ---- questions ---- */

static void
write_mask(struct spdk_json_write_ctx *w, const char *name, uint64_t mask)
{
	spdk_json_write_named_string_fmt(w, name, "0x%" PRIx64, mask);
}

static void
get_group_mask(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	uint64_t on = spdk_trace_get_tpoint_group_mask();
	struct spdk_trace_register_fn *group;

	spdk_json_write_object_begin(w);
	write_mask(w, "tpoint_group_mask", on);
	for (group = spdk_trace_get_first_register_fn(); group != NULL;
		group = spdk_trace_get_next_register_fn(group)) {
		spdk_json_write_named_object_begin(w, group->name);
		spdk_json_write_named_bool(w, "enabled", (on >> group->tgroup_id) & 1);
		write_mask(w, "mask", 1ull << group->tgroup_id);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_group_mask = {
	.name = "trace_get_tpoint_group_mask",
	.summary = "List the trace groups, and whether they are on",
	.result = "object with the mask of those that are on, and for each group its name: enabled, mask",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_group_mask,
};
BDK_RPC_REGISTER(g_get_group_mask)

static void
get_info(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	char path[TRACE_NAME_SIZE + sizeof("/dev/shm")];
	struct spdk_trace_register_fn *group;

	trace_get_path(path, sizeof(path));
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "tpoint_shm_path", path);
	write_mask(w, "tpoint_group_mask", spdk_trace_get_tpoint_group_mask());
	for (group = spdk_trace_get_first_register_fn(); group != NULL;
		group = spdk_trace_get_next_register_fn(group)) {
		spdk_json_write_named_object_begin(w, group->name);
		write_mask(w, "mask", 1ull << group->tgroup_id);
		write_mask(w, "tpoint_mask", spdk_trace_get_tpoint_mask(group->tgroup_id));
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_info = {
	.name = "trace_get_info",
	.summary = "Tell where the trace file is, and which trace points are on",
	.result = "object with path and masks, and for each group its name: mask, tpoint_mask",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_info,
};
BDK_RPC_REGISTER(g_get_info)
