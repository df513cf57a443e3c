/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/zone_block/vbdev_zone_block.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

struct zone_block_create_params {
	struct bdk_vbdev_opts opts;
	struct zone_block_params params;
};

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct zone_block_create_params, opts.name),
		.required = true,
		.option = 'b',
		.help = "name of the new bdev",
	},
	{
		.name = "base_bdev",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct zone_block_create_params, opts.base_name),
		.required = true,
		.option = 'n',
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "zone_capacity",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct zone_block_create_params, params.zone_capacity),
		.required = true,
		.option = 'z',
		.help = "blocks of a zone that can be written; zones are as large as the next power of two",
	},
	{
		.name = "optimal_open_zones",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct zone_block_create_params, params.optimal_open_zones),
		.required = true,
		.option = 'o',
		.help = "number of zones that are best written at a time, as the bdev says of itself",
	},
	{
		.name = "max_open_zones",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct zone_block_create_params, params.max_open_zones),
		.help = "number of zones that may be open at a time",
		.default_text = "no limit but that of active zones",
	},
	{
		.name = "max_active_zones",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct zone_block_create_params, params.max_active_zones),
		.help = "number of zones that may be open or closed at a time",
		.default_text = "no limit",
	},
};

static void
rpc_bdev_zone_block_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct zone_block_create_params *p = params;
	struct spdk_json_write_ctx *w;
	const char *why;
	int rc;

	rc = vbdev_zone_block_create(&p->opts, &p->params, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"Cannot create zone_block bdev %s on %s: %s", p->opts.name, p->opts.base_name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, p->opts.name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_zone_block_create",
	.summary = "Creates a zoned bdev on one that has no zones",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct zone_block_create_params),
	.handler = rpc_bdev_zone_block_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_zone_block_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "zone_block", vbdev_zone_block_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_zone_block_delete",
	.summary = "Deletes a zone_block bdev, or the request for one whose base is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.handler = rpc_bdev_zone_block_delete,
};
BDK_RPC_REGISTER(g_delete_method)
