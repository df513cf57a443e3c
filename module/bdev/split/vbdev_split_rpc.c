/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/split/vbdev_split.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_bdev",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct split_opts, base_bdev),
		.required = true,
		.position = 1,
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "split_count",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct split_opts, split_count),
		.required = true,
		.position = 2,
		.help = "number of parts",
	},
	{
		.name = "split_size_mb",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct split_opts, split_size_mb),
		.option = 's',
		.help = "size of each part in MiB; there are fewer parts if not all of them fit",
		.default_text = "the base is divided by split_count",
	},
};

static void
write_name_cb(void *ctx, const char *name)
{
	spdk_json_write_string(ctx, name);
}

static void
rpc_bdev_split_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct split_opts *opts = params;
	struct spdk_json_write_ctx *w;
	const char *why;
	int rc;

	rc = vbdev_split_create(opts, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "Cannot split %s into %" PRIu32 ": %s",
			opts->base_bdev, opts->split_count, why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	vbdev_split_for_each_part(opts->base_bdev, write_name_cb, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_split_create",
	.summary = "Cuts a bdev into several of equal size",
	.result = "array of the names of the parts, empty while the base does not exist",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct split_opts),
	.handler = rpc_bdev_split_create,
};
BDK_RPC_REGISTER(g_create_method)

struct split_delete_params {
	char *base_bdev;
};

static const struct bdk_rpc_param g_delete_params[] = {
	{
		.name = "base_bdev",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct split_delete_params, base_bdev),
		.required = true,
		.position = 1,
		.help = "name of the base bdev",
	},
};

static void
delete_done_cb(void *cb_arg, int rc)
{
	spdk_jsonrpc_send_bool_response(cb_arg, true);
}

static void
rpc_bdev_split_delete(struct spdk_jsonrpc_request *request, void *params)
{
	const struct split_delete_params *p = params;
	int rc = vbdev_split_delete(p->base_bdev, delete_done_cb, request);

	if (rc != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "%s is not split, nor is it to be: %s",
			p->base_bdev, spdk_strerror(-rc));
	}
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_split_delete",
	.summary = "Deletes the parts of a bdev, or the request for those of one that is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_delete_params,
	.num_params = SPDK_COUNTOF(g_delete_params),
	.params_size = sizeof(struct split_delete_params),
	.handler = rpc_bdev_split_delete,
};
BDK_RPC_REGISTER(g_delete_method)
