/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/passthru/vbdev_passthru.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct bdk_vbdev_opts, base_name),
		.required = true,
		.option = 'b',
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct bdk_vbdev_opts, name),
		.required = true,
		.option = 'p',
		.help = "name of the new bdev",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct bdk_vbdev_opts, uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "one that is made from the UUID of the base",
	},
};

static void
rpc_bdev_passthru_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct bdk_vbdev_opts *opts = params;
	struct spdk_json_write_ctx *w;
	const char *why;
	int rc;

	rc = vbdev_passthru_create(opts, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create passthru bdev %s on %s: %s", opts->name, opts->base_name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, opts->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_passthru_create",
	.summary = "Creates a bdev that hands every I/O to another one",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct bdk_vbdev_opts),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_passthru_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_passthru_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "passthru", vbdev_passthru_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_passthru_delete",
	.summary = "Deletes a passthru bdev, or the request for one whose base is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_passthru_delete,
};
BDK_RPC_REGISTER(g_delete_method)
