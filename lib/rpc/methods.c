/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods about the service itself. */

#include "lib/rpc/rpc_internal.h"
#include "spdk/util.h"
#include "spdk/version.h"

struct get_methods_params {
	bool current;
	bool include_aliases;
};

static void
get_methods(struct spdk_jsonrpc_request *request, void *_params)
{
	const struct get_methods_params *params = _params;
	uint32_t state = spdk_rpc_get_state();
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (const struct rpc_method *m = rpc_method_first(); m != NULL; m = m->next) {
		if (rpc_method_is_listed(m->name) && (m->alias_of == NULL || params->include_aliases) &&
			(!params->current || (m->state_mask & state) == state)) {
			spdk_json_write_string(w, m->name);
		}
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_param g_get_methods_params[] = {
	{
		.name = "current",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct get_methods_params, current),
		.option = 'c',
		.help = "only methods that may be called in the present state",
		.default_text = "all methods",
	},
	{
		.name = "include_aliases",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct get_methods_params, include_aliases),
		.option = 'i',
		.help = "also deprecated names",
		.default_text = "without them",
	},
};

static const struct bdk_rpc_method g_rpc_get_methods = {
	.name = "rpc_get_methods",
	.summary = "List the names of all methods, the newest registration first.",
	.result = "array of names",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_get_methods_params,
	.num_params = SPDK_COUNTOF(g_get_methods_params),
	.params_size = sizeof(struct get_methods_params),
	.handler = get_methods,
};
BDK_RPC_REGISTER(g_rpc_get_methods)

static void
get_version(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "version", "" SPDK_VERSION_STRING);
	spdk_json_write_named_object_begin(w, "fields");
	spdk_json_write_named_uint32(w, "major", SPDK_VERSION_MAJOR);
	spdk_json_write_named_uint32(w, "minor", SPDK_VERSION_MINOR);
	spdk_json_write_named_uint32(w, "patch", SPDK_VERSION_PATCH);
	spdk_json_write_named_string(w, "suffix", SPDK_VERSION_SUFFIX);
	spdk_json_write_object_end(w);
	spdk_json_write_named_object_begin(w, "implementation");
	spdk_json_write_named_string(w, "name", "bdevkit");
	spdk_json_write_named_string(w, "version", BDEVKIT_VERSION);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_spdk_get_version = {
	.name = "spdk_get_version",
	.summary = "Tell the version of the interface, and which program implements it.",
	.result = "object with version (text), fields (its numbers) and implementation (name, version)",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_version,
};
BDK_RPC_REGISTER(g_spdk_get_version)
