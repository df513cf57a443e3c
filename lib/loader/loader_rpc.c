/* SPDX-License-Identifier: BSD-3-Clause */

/* module_load, module_unload, module_list */

#include "bdevkit/module.h"
#include "bdevkit/rpc.h"
#include "spdk/string.h"

struct word {
	char *word;
};

static void
done_cb(void *cb_arg, int rc, const char *error)
{
	struct spdk_jsonrpc_request *request = cb_arg;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		bdk_rpc_send_error(request, rc, "%s", error);
	}
}

static void
load(struct spdk_jsonrpc_request *request, void *params)
{
	bdk_module_load(((struct word *)params)->word, done_cb, request);
}

static const struct bdk_rpc_param g_load_params[] = {
	{
		.name = "module",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct word, word),
		.required = true,
		.position = 1,
		.help = "file of the target's machine, or a name: NAME.so or bdev_NAME.so in a folder of "
			"BDEVKIT_MODULE_PATH or in that of the installation",
	},
};

static const struct bdk_rpc_method g_module_load = {
	.name = "module_load",
	.summary = "Load a file with bdev modules, initialise them, and let them examine the bdevs that there are",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_load_params,
	.num_params = SPDK_COUNTOF(g_load_params),
	.params_size = sizeof(struct word),
	.handler = load,
};
BDK_RPC_REGISTER(g_module_load)

static void
unload(struct spdk_jsonrpc_request *request, void *params)
{
	bdk_module_unload(((struct word *)params)->word, done_cb, request);
}

static const struct bdk_rpc_param g_unload_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct word, word),
		.required = true,
		.position = 1,
		.help = "module, or the file that it was loaded from",
	},
};

static const struct bdk_rpc_method g_module_unload = {
	.name = "module_unload",
	.summary = "Unload a file with bdev modules, none of which is in use",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_unload_params,
	.num_params = SPDK_COUNTOF(g_unload_params),
	.params_size = sizeof(struct word),
	.handler = unload,
};
BDK_RPC_REGISTER(g_module_unload)

static int
write_module(void *ctx, const struct bdk_module_info *info)
{
	struct spdk_json_write_ctx *w = ctx;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", info->name);
	if (info->file != NULL) {
		spdk_json_write_named_string(w, "file", info->file);
	}
	spdk_json_write_named_uint32(w, "bdevs", info->num_bdevs);
	spdk_json_write_object_end(w);
	return 0;
}

static void
list(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	bdk_module_for_each(write_module, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_module_list = {
	.name = "module_list",
	.summary = "List the bdev modules, and from which files they were loaded",
	.result =
		"array of objects with name, file (not of those that are part of the program) and bdevs, their number",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = list,
};
BDK_RPC_REGISTER(g_module_list)
