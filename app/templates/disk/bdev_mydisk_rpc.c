/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The methods bdev_mydisk_create and bdev_mydisk_delete. What is described here is also what `bdevkit rpc` and rpc.py show
 * as help, and what mydisk:64M on a command line means.
 */

#include "bdev_mydisk.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct mydisk_opts, name),
		.required = true,
		.option = 'b',
		.help = "name of the new bdev",
	},
	{
		.name = "num_blocks",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct mydisk_opts, num_blocks),
		.required = true,
		.help = "size in blocks",
	},
	{
		.name = "block_size",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct mydisk_opts, block_size),
		.position = 2,
		.help = "bytes of a block",
		.default_text = "512",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct mydisk_opts, uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "a random one",
	},
};

/* What people rather type than a number of blocks. */
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

static const struct mydisk_opts g_defaults = {
	.block_size = MYDISK_DEFAULT_BLOCK_SIZE,
};

static void
create_disk(struct spdk_jsonrpc_request *request, void *params)
{
	const struct mydisk_opts *opts = params;
	struct spdk_json_write_ctx *w;
	int rc = mydisk_create(opts);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot create mydisk %s", opts->name);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, opts->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_mydisk_create = {
	.name = "bdev_mydisk_create",
	.summary = "Creates a disk in memory",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.cli_params = g_create_cli_params,
	.num_cli_params = SPDK_COUNTOF(g_create_cli_params),
	.params_size = sizeof(struct mydisk_opts),
	.defaults = &g_defaults,
	.handler = create_disk,
};
BDK_RPC_REGISTER(g_mydisk_create)

struct delete_params {
	char *name;
};

static const struct bdk_rpc_param g_delete_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct delete_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
};

static void
deleted_cb(void *cb_arg, int rc)
{
	struct spdk_jsonrpc_request *request = cb_arg;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		bdk_rpc_send_errno(request, rc, "The disk was not deleted");
	}
}

static void
delete_disk(struct spdk_jsonrpc_request *request, void *params)
{
	const char *name = ((struct delete_params *)params)->name;
	int rc = mydisk_delete(name, deleted_cb, request);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot delete mydisk %s", name);
	}
}

static const struct bdk_rpc_method g_mydisk_delete = {
	.name = "bdev_mydisk_delete",
	.summary = "Deletes a mydisk, and what it holds",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_delete_params,
	.num_params = SPDK_COUNTOF(g_delete_params),
	.params_size = sizeof(struct delete_params),
	.handler = delete_disk,
};
BDK_RPC_REGISTER(g_mydisk_delete)
