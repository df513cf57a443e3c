/* SPDX-License-Identifier: BSD-3-Clause */

/* The buffer pools as a subsystem, and their RPC methods. */

#include "bdevkit/rpc.h"
#include "lib/thread/iobuf_internal.h"
#include "spdk/assert.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "spdk_internal/init.h"

static void
iobuf_init(void)
{
	spdk_subsystem_init_next(spdk_iobuf_initialize());
}

static void
finish_done_cb(void *cb_arg)
{
	spdk_subsystem_fini_next();
}

static void
iobuf_fini(void)
{
	spdk_iobuf_finish(finish_done_cb, NULL);
}

static void
iobuf_write_config_json(struct spdk_json_write_ctx *w)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));

	spdk_json_write_array_begin(w);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "iobuf_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint64(w, "small_pool_count", opts.small_pool_count);
	spdk_json_write_named_uint64(w, "large_pool_count", opts.large_pool_count);
	spdk_json_write_named_uint32(w, "small_bufsize", opts.small_bufsize);
	spdk_json_write_named_uint32(w, "large_bufsize", opts.large_bufsize);
	spdk_json_write_named_bool(w, "enable_numa", opts.enable_numa);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem g_iobuf_subsystem = {
	.name = "iobuf",
	.init = iobuf_init,
	.fini = iobuf_fini,
	.write_config_json = iobuf_write_config_json,
};
SPDK_SUBSYSTEM_REGISTER(g_iobuf_subsystem)

/*
 * iobuf_set_options
 */

/* Decoded into a copy of the present options, so that what is not given stays. */
static const struct bdk_rpc_param g_set_options_params[] = {
	{
		.name = "small_pool_count",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct spdk_iobuf_opts, small_pool_count),
		.help = "number of small buffers, at least 64",
		.default_text = "8192, or what was set before",
	},
	{
		.name = "large_pool_count",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct spdk_iobuf_opts, large_pool_count),
		.help = "number of large buffers, at least 8",
		.default_text = "1024, or what was set before",
	},
	{
		.name = "small_bufsize",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct spdk_iobuf_opts, small_bufsize),
		.help = "size of a small buffer in bytes, at least 4096; rounded up to a multiple of 4096",
		.default_text = "8192, or what was set before",
	},
	{
		.name = "large_bufsize",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct spdk_iobuf_opts, large_bufsize),
		.help = "size of a large buffer in bytes, at least 8192; rounded up to a multiple of 4096",
		.default_text = "135168, or what was set before",
	},
	{
		.name = "enable_numa",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct spdk_iobuf_opts, enable_numa),
		.help = "whether each NUMA node has pools of its own; refused on a system with more than one",
		.default_text = "false, or what was set before",
	},
};
SPDK_STATIC_ASSERT(SPDK_SIZEOF_MEMBER(struct spdk_iobuf_opts, enable_numa) == sizeof(bool), "decoded as bool");

static void
set_options(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_iobuf_opts *opts = params;
	char error[128];
	int rc;

	rc = iobuf_opts_check(opts, error, sizeof(error));
	if (rc) {
		int length = strcspn(error, " ");

		bdk_rpc_send_error(request, rc, "Invalid argument: parameter '%.*s'%s", length, error, error + length);
		return;
	}

	opts->opts_size = sizeof(*opts);
	rc = spdk_iobuf_set_opts(opts);
	if (rc) {
		bdk_rpc_send_errno(request, rc, "iobuf_set_options");
		return;
	}

	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_set_options = {
	.name = "iobuf_set_options",
	.summary = "Set the number and size of the buffers that all modules share",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_set_options_params,
	.num_params = SPDK_COUNTOF(g_set_options_params),
	.params_size = sizeof(struct spdk_iobuf_opts),
	.defaults = &g_iobuf.opts,
	.params_rule = BDK_RPC_PARAMS_REQUIRED,
	.handler = set_options,
};
BDK_RPC_REGISTER(g_set_options)

/*
 * iobuf_get_stats
 */

static void
write_pool(struct spdk_json_write_ctx *w, const char *name, const struct spdk_iobuf_pool_stats *stats)
{
	spdk_json_write_named_object_begin(w, name);
	spdk_json_write_named_uint64(w, "cache", stats->cache);
	spdk_json_write_named_uint64(w, "main", stats->main);
	spdk_json_write_named_uint64(w, "retry", stats->retry);
	spdk_json_write_object_end(w);
}

static void
write_stats_cb(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *cb_arg)
{
	struct spdk_jsonrpc_request *request = cb_arg;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (uint32_t i = 0; i < num_modules; i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "module", modules[i].module);
		write_pool(w, "small_pool", &modules[i].small_pool);
		write_pool(w, "large_pool", &modules[i].large_pool);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static void
get_stats(struct spdk_jsonrpc_request *request, void *params)
{
	int rc = spdk_iobuf_get_stats(write_stats_cb, request);

	if (rc) {
		bdk_rpc_send_errno(request, rc, "iobuf_get_stats");
	}
}

static const struct bdk_rpc_method g_get_stats = {
	.name = "iobuf_get_stats",
	.summary = "Show how the requests for buffers of each module were served",
	.result = "array of objects with module, small_pool and large_pool",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_IGNORED,
	.handler = get_stats,
};
BDK_RPC_REGISTER(g_get_stats)
