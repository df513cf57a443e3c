/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The methods bdev_myfilter_create and bdev_myfilter_delete. What is described here is also what `bdevkit rpc` and rpc.py show
 * as help, and what myfilter(malloc:64M) on a command line means.
 */

#include "vbdev_myfilter.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct myfilter_opts, vbdev.base_name),
		.required = true,
		.option = 'b',
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct myfilter_opts, vbdev.name),
		.required = true,
		.option = 'p',
		.help = "name of the new bdev",
	},
	{
		.name = "read_only",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct myfilter_opts, read_only),
		.option = 'r',
		.help = "what would change the data fails",
		.default_text = "false",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct myfilter_opts, vbdev.uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "one that is made from the UUID of the base",
	},
};

static void
create_filter(struct spdk_jsonrpc_request *request, void *params)
{
	const struct myfilter_opts *opts = params;
	struct spdk_json_write_ctx *w;
	const char *why = NULL;
	int rc = myfilter_create(opts, &why);

	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create myfilter %s on %s: %s", opts->vbdev.name,
			opts->vbdev.base_name, why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, opts->vbdev.name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_myfilter_create = {
	.name = "bdev_myfilter_create",
	.summary = "Creates a filter on another bdev",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct myfilter_opts),
	.handler = create_filter,
};
BDK_RPC_REGISTER(g_myfilter_create)

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
		bdk_rpc_send_errno(request, rc, "The filter was not deleted");
	}
}

static void
delete_filter(struct spdk_jsonrpc_request *request, void *params)
{
	const char *name = ((struct delete_params *)params)->name;
	int rc = myfilter_delete(name, deleted_cb, request);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot delete myfilter %s", name);
	}
}

static const struct bdk_rpc_method g_myfilter_delete = {
	.name = "bdev_myfilter_delete",
	.summary = "Deletes a myfilter; what it stands on stays",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_delete_params,
	.num_params = SPDK_COUNTOF(g_delete_params),
	.params_size = sizeof(struct delete_params),
	.handler = delete_filter,
};
BDK_RPC_REGISTER(g_myfilter_delete)
