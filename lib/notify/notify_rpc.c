/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdevkit/rpc.h"
#include "spdk/notify.h"
#include "spdk/util.h"

static int
write_type_cb(const struct spdk_notify_type *type, void *ctx)
{
	spdk_json_write_string(ctx, spdk_notify_type_get_name(type));
	return 0;
}

static void
get_types(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	spdk_notify_foreach_type(write_type_cb, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_types = {
	.name = "notify_get_types",
	.summary = "List the types of notifications that were announced",
	.result = "array of names",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_types,
};
BDK_RPC_REGISTER(g_get_types)

struct get_notifications_params {
	uint64_t id;
	uint64_t max;
};

static const struct bdk_rpc_param g_get_notifications_params[] = {
	{
		.name = "id",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct get_notifications_params, id),
		.option = 'i',
		.help = "first id to list",
		.default_text = "the oldest that is kept",
	},
	{
		.name = "max",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct get_notifications_params, max),
		.option = 'n',
		.help = "how many to list at most",
		.default_text = "all",
	},
};

static const struct get_notifications_params g_get_notifications_defaults = {.max = UINT64_MAX};

static int
write_event_cb(uint64_t id, const struct spdk_notify_event *event, void *ctx)
{
	struct spdk_json_write_ctx *w = ctx;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "type", event->type);
	spdk_json_write_named_string(w, "ctx", event->ctx);
	spdk_json_write_named_uint64(w, "id", id);
	spdk_json_write_object_end(w);
	return 0;
}

static void
get_notifications(struct spdk_jsonrpc_request *request, void *params)
{
	const struct get_notifications_params *p = params;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	spdk_notify_foreach_event(p->id, p->max, write_event_cb, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_notifications = {
	.name = "notify_get_notifications",
	.summary = "List notifications: what happened to bdevs",
	.result = "array of objects with type, ctx and id",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_notifications_params,
	.num_params = SPDK_COUNTOF(g_get_notifications_params),
	.params_size = sizeof(struct get_notifications_params),
	.defaults = &g_get_notifications_defaults,
	.handler = get_notifications,
};
BDK_RPC_REGISTER(g_get_notifications)
