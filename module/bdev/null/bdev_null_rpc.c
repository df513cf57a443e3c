/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/null/bdev_null.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct null_bdev_opts, name),
		.required = true,
		.position = 1,
		.help = "name of the new bdev",
	},
	{
		.name = "num_blocks",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct null_bdev_opts, num_blocks),
		.required = true,
		.help = "size in blocks",
	},
	BLOCK_FORMAT_RPC_PARAMS(struct null_bdev_opts, format, 3),
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct null_bdev_opts, uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "a random one",
	},
};

static const struct bdk_rpc_cli_param g_create_cli_params[] = {
	{
		.name = "total_size",
		.position = 2,
		.target = "num_blocks",
		.multiplier = 1024 * 1024,
		.divisor = "block_size",
		.help = "size in MiB",
	},
};

static void
rpc_bdev_null_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct null_bdev_opts *opts = params;
	struct spdk_json_write_ctx *w;
	struct spdk_bdev *bdev;
	const char *why;
	int rc;

	rc = bdev_null_create(opts, &bdev, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create null bdev %s: %s", opts->name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, bdev->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_null_create",
	.summary = "Creates a bdev that discards what is written and reads as undefined data",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.cli_params = g_create_cli_params,
	.num_cli_params = SPDK_COUNTOF(g_create_cli_params),
	.params_size = sizeof(struct null_bdev_opts),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_null_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_null_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "null", bdev_null_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_null_delete",
	.summary = "Deletes a null bdev",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_null_delete,
};
BDK_RPC_REGISTER(g_delete_method)

struct null_resize_params {
	char *name;
	uint64_t new_size;
};

static const struct bdk_rpc_param g_resize_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct null_resize_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
	{
		.name = "new_size",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct null_resize_params, new_size),
		.required = true,
		.position = 2,
		.help = "new size in MiB, not less than the present one",
	},
};

static void
rpc_bdev_null_resize(struct spdk_jsonrpc_request *request, void *params)
{
	const struct null_resize_params *p = params;
	const char *why;
	int rc;

	rc = bdev_null_resize(p->name, p->new_size, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot resize bdev %s to %" PRIu64 " MiB: %s", p->name, p->new_size,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_resize_method = {
	.name = "bdev_null_resize",
	.summary = "Makes a null bdev larger",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_resize_params,
	.num_params = SPDK_COUNTOF(g_resize_params),
	.params_size = sizeof(struct null_resize_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_null_resize,
};
BDK_RPC_REGISTER(g_resize_method)
