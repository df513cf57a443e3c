/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/aio/bdev_aio.h"
#include "module/bdev/common/block_rpc.h"
#include "module/bdev/common/file_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "filename",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct aio_bdev_opts, filename),
		.required = true,
		.position = 1,
		.help = "path of a file or block device",
	},
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct aio_bdev_opts, name),
		.required = true,
		.position = 2,
		.help = "name of the new bdev",
	},
	{
		.name = "block_size",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct aio_bdev_opts, block_size),
		.position = 3,
		.help = "bytes of a block; a file needs it",
		.default_text = "that of the block device",
	},
	{
		.name = "readonly",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct aio_bdev_opts, readonly),
		.option = 'r',
		.help = "open the file for reading only",
		.default_text = "false",
	},
	{
		.name = "fallocate",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct aio_bdev_opts, fallocate),
		.help = "offer UNMAP and WRITE_ZEROES, if the file can do them",
		.default_text = "false",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct aio_bdev_opts, uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "a random one",
	},
	{
		.name = "no_lock",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct aio_bdev_opts, no_lock),
		.help = "use the file also while another process does, which may destroy what is on it",
		.default_text = "false",
	},
};

static int
create(const void *params, const char **why)
{
	return bdev_aio_create(params, why);
}

static void
answer_create(struct spdk_jsonrpc_request *request, const void *params, int rc, const char *why)
{
	const struct aio_bdev_opts *opts = params;

	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create aio bdev %s on %s: %s", opts->name, opts->filename,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	block_rpc_send_name_examined(request, opts->name);
}

static void
take_strings(void *params)
{
	struct aio_bdev_opts *opts = params;

	opts->name = NULL;
	opts->filename = NULL;
}

static void
free_strings(void *params)
{
	struct aio_bdev_opts *opts = params;

	free((char *)opts->name);
	free((char *)opts->filename);
}

static const struct file_rpc_creator g_creator = {
	.params_size = sizeof(struct aio_bdev_opts),
	.create = create,
	.answer = answer_create,
	.take_strings = take_strings,
	.free_strings = free_strings,
};

static void
rpc_bdev_aio_create(struct spdk_jsonrpc_request *request, void *params)
{
	file_rpc_create(request, &g_creator, params);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_aio_create",
	.summary = "Creates a bdev on a file or block device",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct aio_bdev_opts),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_aio_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_aio_rescan(struct spdk_jsonrpc_request *request, void *params)
{
	const struct block_rpc_name *p = params;
	const char *why;
	int rc;

	rc = bdev_aio_rescan(p->name, &why);
	if (rc != 0) {
		bdk_rpc_send_error(
			request, rc, "Cannot rescan bdev %s: %s", p->name, why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_rescan_method = {
	.name = "bdev_aio_rescan",
	.summary = "Makes an aio bdev as large as its file has become",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_aio_rescan,
};
BDK_RPC_REGISTER(g_rescan_method)

static void
rpc_bdev_aio_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "aio", bdev_aio_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_aio_delete",
	.summary = "Deletes an aio bdev; its file stays",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_aio_delete,
};
BDK_RPC_REGISTER(g_delete_method)
