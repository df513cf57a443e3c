/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/malloc/bdev_malloc.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct malloc_bdev_opts, name),
		.option = 'b',
		.help = "name of the new bdev",
		.default_text = "Malloc0, Malloc1 and so on",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct malloc_bdev_opts, uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "a random one",
	},
	{
		.name = "num_blocks",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct malloc_bdev_opts, num_blocks),
		.required = true,
		.help = "size in blocks",
	},
	BLOCK_FORMAT_RPC_PARAMS(struct malloc_bdev_opts, format, 2),
	{
		.name = "md_interleave",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct malloc_bdev_opts, format.md_interleave),
		.option = 'i',
		.help = "metadata follows the data of its block, instead of lying in a buffer of its own",
		.default_text = "false",
	},
	{
		.name = "optimal_io_boundary",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct malloc_bdev_opts, optimal_io_boundary),
		.option = 'o',
		.help = "boundary in blocks at which I/O is split",
		.default_text = "none",
	},
};

static const struct bdk_rpc_cli_param g_create_cli_params[] = {
	{
		.name = "total_size",
		.position = 1,
		.target = "num_blocks",
		.multiplier = 1024 * 1024,
		.divisor = "block_size",
		.help = "size in MiB",
	},
};

static void
rpc_bdev_malloc_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct malloc_bdev_opts *opts = params;
	struct spdk_json_write_ctx *w;
	struct spdk_bdev *bdev;
	const char *why;
	int rc;

	rc = bdev_malloc_create(opts, &bdev, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create malloc bdev %s: %s",
			opts->name != NULL ? opts->name : "(unnamed)", why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, bdev->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_malloc_create",
	.summary = "Creates a bdev in the memory of the process",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.cli_params = g_create_cli_params,
	.num_cli_params = SPDK_COUNTOF(g_create_cli_params),
	.params_size = sizeof(struct malloc_bdev_opts),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_malloc_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_malloc_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "malloc", bdev_malloc_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_malloc_delete",
	.summary = "Deletes a malloc bdev and what it holds",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_malloc_delete,
};
BDK_RPC_REGISTER(g_delete_method)
