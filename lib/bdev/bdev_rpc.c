/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods about the list of bdevs, the options of the layer, and examining. */

#include "lib/bdev/io_internal.h"
#include "bdevkit/rpc.h"
#include "spdk/dma.h"

/* ---- bdev_set_options ---- */

/* What the parameters hold that are not given; no value that can be given is one of these. */
#define KEEP_NUMBER UINT64_MAX
#define KEEP_BOOL 2

struct set_options_params {
	uint64_t pool_size;
	uint64_t cache_size;
	uint8_t auto_examine;
	uint64_t small_cache_size;
	uint64_t large_cache_size;
};

static const struct set_options_params g_set_options_defaults = {
	.pool_size = KEEP_NUMBER,
	.cache_size = KEEP_NUMBER,
	.auto_examine = KEEP_BOOL,
	.small_cache_size = KEEP_NUMBER,
	.large_cache_size = KEEP_NUMBER,
};

static const struct bdk_rpc_param g_set_options_params[] = {
	{
		.name = "bdev_io_pool_size",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_options_params, pool_size),
		.max = UINT32_MAX,
		.option = 'p',
		.help = "number of spdk_bdev_io objects of all threads together",
		.default_text = "unchanged (65535 at first)",
	},
	{
		.name = "bdev_io_cache_size",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_options_params, cache_size),
		.max = UINT32_MAX,
		.option = 'c',
		.help = "number of spdk_bdev_io objects that each thread keeps",
		.default_text = "unchanged (256 at first)",
	},
	{
		.name = "bdev_auto_examine",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct set_options_params, auto_examine),
		.help = "whether new bdevs are offered to the modules at once",
		.default_text = "unchanged (true at first)",
	},
	{
		.name = "iobuf_small_cache_size",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_options_params, small_cache_size),
		.max = UINT32_MAX,
		.help = "number of small data buffers that each thread keeps for bdevs",
		.default_text = "unchanged (128 at first)",
	},
	{
		.name = "iobuf_large_cache_size",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_options_params, large_cache_size),
		.max = UINT32_MAX,
		.help = "number of large data buffers that each thread keeps for bdevs",
		.default_text = "unchanged (16 at first)",
	},
};

static uint32_t
choose(uint64_t given, uint32_t present)
{
	return given == KEEP_NUMBER ? present : given;
}

static void
rpc_bdev_set_options(struct spdk_jsonrpc_request *request, void *ctx)
{
	struct set_options_params *params = ctx;
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = choose(params->pool_size, opts.bdev_io_pool_size);
	opts.bdev_io_cache_size = choose(params->cache_size, opts.bdev_io_cache_size);
	opts.iobuf_small_cache_size = choose(params->small_cache_size, opts.iobuf_small_cache_size);
	opts.iobuf_large_cache_size = choose(params->large_cache_size, opts.iobuf_large_cache_size);
	if (params->auto_examine != KEEP_BOOL) {
		opts.bdev_auto_examine = params->auto_examine;
	}

	if (spdk_bdev_set_opts(&opts) != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Pool size %" PRIu32 " too small for cache size %" PRIu32, opts.bdev_io_pool_size,
			opts.bdev_io_cache_size);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_rpc_bdev_set_options = {
	.name = "bdev_set_options",
	.summary = "Set options of the block-device layer.",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_set_options_params,
	.num_params = SPDK_COUNTOF(g_set_options_params),
	.params_size = sizeof(struct set_options_params),
	.defaults = &g_set_options_defaults,
	.handler = rpc_bdev_set_options,
};

BDK_RPC_REGISTER(g_rpc_bdev_set_options)

/* ---- bdev_examine ---- */

struct examine_params {
	char *name;
};

static const struct bdk_rpc_param g_examine_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct examine_params, name),
		.required = true,
		.option = 'b',
		.help = "name or alias of the bdev, which may be yet to come",
	},
};

static void
rpc_bdev_examine(struct spdk_jsonrpc_request *request, void *ctx)
{
	struct examine_params *params = ctx;
	int rc;

	rc = spdk_bdev_examine(params->name);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "bdev %s%s", params->name,
			g_bdev_manager.opts.bdev_auto_examine
				? " is examined without being asked, as bdev_auto_examine is on"
				: "");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_rpc_bdev_examine = {
	.name = "bdev_examine",
	.summary = "Offer a bdev to the modules, when that does not happen automatically (bdev_set_options).",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_examine_params,
	.num_params = SPDK_COUNTOF(g_examine_params),
	.params_size = sizeof(struct examine_params),
	.handler = rpc_bdev_examine,
};

BDK_RPC_REGISTER(g_rpc_bdev_examine)

/* ---- bdev_wait_for_examine ---- */

static void
examined_cb(void *ctx)
{
	spdk_jsonrpc_send_bool_response(ctx, true);
}

static void
rpc_bdev_wait_for_examine(struct spdk_jsonrpc_request *request, void *params)
{
	int rc;

	rc = spdk_bdev_wait_for_examine(examined_cb, request);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "bdev_wait_for_examine");
	}
}

static const struct bdk_rpc_method g_rpc_bdev_wait_for_examine = {
	.name = "bdev_wait_for_examine",
	.summary = "Answer when all bdevs have been offered to the modules and these have decided.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = rpc_bdev_wait_for_examine,
};

BDK_RPC_REGISTER(g_rpc_bdev_wait_for_examine)

/* ---- bdev_get_bdevs ---- */

static void
dump_aliases(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *alias;

	spdk_json_write_named_array_begin(w, "aliases");
	env_mutex_lock(&g_bdev_manager.lock);
	TAILQ_FOREACH (alias, spdk_bdev_get_aliases(bdev), tailq) {
		spdk_json_write_string(w, alias->alias.name);
	}
	env_mutex_unlock(&g_bdev_manager.lock);
	spdk_json_write_array_end(w);
}

static void
dump_metadata(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	if (spdk_bdev_get_md_size(bdev) == 0) {
		return;
	}
	spdk_json_write_named_uint32(w, "md_size", spdk_bdev_get_md_size(bdev));
	spdk_json_write_named_bool(w, "md_interleave", spdk_bdev_is_md_interleaved(bdev));
	spdk_json_write_named_uint32(w, "dif_type", spdk_bdev_get_dif_type(bdev));
	if (spdk_bdev_get_dif_type(bdev) == SPDK_DIF_DISABLE) {
		return;
	}
	spdk_json_write_named_bool(w, "dif_is_head_of_md", spdk_bdev_is_dif_head_of_md(bdev));
	spdk_json_write_named_object_begin(w, "enabled_dif_check_types");
	spdk_json_write_named_bool(w, "reftag", spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG));
	spdk_json_write_named_bool(w, "apptag", spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_APPTAG));
	spdk_json_write_named_bool(w, "guard", spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_GUARD));
	spdk_json_write_object_end(w);
	spdk_json_write_named_uint32(w, "dif_pi_format", spdk_bdev_get_dif_pi_format(bdev));
}

static void
dump_rate_limits(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	spdk_json_write_named_object_begin(w, "assigned_rate_limits");
	bdev_qos_write_limits(w, bdev);
	spdk_json_write_object_end(w);
}

static void
dump_claim(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);
	enum spdk_bdev_claim_type type;

	env_mutex_lock(&state->lock);
	type = state->claim_type;
	env_mutex_unlock(&state->lock);

	spdk_json_write_named_bool(w, "claimed", type != SPDK_BDEV_CLAIM_NONE);
	if (type != SPDK_BDEV_CLAIM_NONE) {
		spdk_json_write_named_string(w, "claim_type", spdk_bdev_claim_get_name(type));
	}
}

static void
dump_zones(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	spdk_json_write_named_bool(w, "zoned", bdev->zoned);
	if (bdev->zoned) {
		spdk_json_write_named_uint64(w, "zone_size", bdev->zone_size);
		spdk_json_write_named_uint64(w, "max_open_zones", bdev->max_open_zones);
		spdk_json_write_named_uint64(w, "optimal_open_zones", bdev->optimal_open_zones);
	}
}

static void
dump_io_types(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	int type;

	spdk_json_write_named_object_begin(w, "supported_io_types");
	for (type = SPDK_BDEV_IO_TYPE_INVALID + 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		spdk_json_write_named_bool(
			w, spdk_bdev_get_io_type_name(type), spdk_bdev_io_type_supported(bdev, type));
	}
	spdk_json_write_object_end(w);
}

static void
dump_memory_domains(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	int count = spdk_bdev_get_memory_domains(bdev, NULL, 0);
	struct spdk_memory_domain **domains;
	const char *id;
	int i;

	if (count <= 0) {
		return;
	}
	domains = calloc(count, sizeof(*domains));
	if (domains == NULL) {
		SPDK_ERRLOG("the answer to bdev_get_bdevs lacks the memory domains of %s\n", bdev->name);
		return;
	}
	/* There may be more or fewer by now. */
	i = spdk_bdev_get_memory_domains(bdev, domains, count);
	count = spdk_min(count, i);
	spdk_json_write_named_array_begin(w, "memory_domains");
	for (i = 0; i < count; i++) {
		id = spdk_memory_domain_get_dma_device_id(domains[i]);
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "dma_device_id", id != NULL ? id : "");
		spdk_json_write_named_int32(w, "dma_device_type", spdk_memory_domain_get_dma_device_type(domains[i]));
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	free(domains);
}

static int
dump_bdev(void *ctx, struct spdk_bdev *bdev)
{
	struct spdk_json_write_ctx *w = ctx;
	char uuid[SPDK_UUID_STRING_LEN];

	spdk_uuid_fmt_lower(uuid, sizeof(uuid), spdk_bdev_get_uuid(bdev));

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(bdev));
	dump_aliases(w, bdev);
	spdk_json_write_named_string(
		w, "product_name", bdev->product_name == NULL ? "" : spdk_bdev_get_product_name(bdev));
	spdk_json_write_named_uint32(w, "block_size", spdk_bdev_get_block_size(bdev));
	spdk_json_write_named_uint64(w, "num_blocks", spdk_bdev_get_num_blocks(bdev));
	spdk_json_write_named_string(w, "uuid", uuid);
	if (bdev->numa.id_valid) {
		spdk_json_write_named_int32(w, "numa_id", spdk_bdev_get_numa_id(bdev));
	}
	dump_metadata(w, bdev);
	dump_rate_limits(w, bdev);
	dump_claim(w, bdev);
	dump_zones(w, bdev);
	dump_io_types(w, bdev);
	dump_memory_domains(w, bdev);
	spdk_json_write_named_object_begin(w, "driver_specific");
	spdk_bdev_dump_info_json(bdev, w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	return 0;
}

static void
send_bdevs(struct spdk_jsonrpc_request *request)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	/* Short of memory it says less than there is, which is better than nothing. */
	if (spdk_for_each_bdev(w, dump_bdev) != 0) {
		SPDK_ERRLOG("the answer to bdev_get_bdevs lacks some bdevs\n");
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

struct get_bdevs_params {
	char *name;
	uint64_t timeout;
};

static const struct bdk_rpc_param g_get_bdevs_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct get_bdevs_params, name),
		.option = 'b',
		.help = "name or alias of one bdev",
		.default_text = "all bdevs",
	},
	{
		.name = "timeout",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct get_bdevs_params, timeout),
		.option = 't',
		.help = "milliseconds to wait for the named bdev to appear",
		.default_text = "0: do not wait",
	},
};

struct get_bdev_ctx {
	struct spdk_jsonrpc_request *request;
	char *name;
};

static void
get_bdev_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	/* The descriptor is closed within the callback that brings it. */
}

static void
get_bdev_cb(struct spdk_bdev_desc *desc, int rc, void *cb_arg)
{
	struct get_bdev_ctx *ctx = cb_arg;
	struct spdk_json_write_ctx *w;

	if (rc != 0) {
		bdk_rpc_send_errno(ctx->request, rc, "bdev %s", ctx->name);
	} else {
		w = spdk_jsonrpc_begin_result(ctx->request);
		spdk_json_write_array_begin(w);
		dump_bdev(w, spdk_bdev_desc_get_bdev(desc));
		spdk_json_write_array_end(w);
		spdk_jsonrpc_end_result(ctx->request, w);
		spdk_bdev_close(desc);
	}
	free(ctx->name);
	free(ctx);
}

static void
rpc_bdev_get_bdevs(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct get_bdevs_params *params = params_ctx;
	struct spdk_bdev_open_async_opts opts = {.size = sizeof(opts), .timeout_ms = params->timeout};
	struct get_bdev_ctx *ctx;
	int rc;

	if (params->name == NULL) {
		send_bdevs(request);
		return;
	}
	ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL) {
		bdk_rpc_send_errno(request, -ENOMEM, "bdev %s", params->name);
		return;
	}
	ctx->request = request;
	ctx->name = params->name;
	rc = spdk_bdev_open_async(ctx->name, false, get_bdev_event_cb, NULL, &opts, get_bdev_cb, ctx);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "bdev %s", ctx->name);
		free(ctx);
		return;
	}
	/* Now it is ours. */
	params->name = NULL;
}

static const struct bdk_rpc_method g_rpc_bdev_get_bdevs = {
	.name = "bdev_get_bdevs",
	.summary = "Describe one bdev or all of them.",
	.result = "array of bdevs",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_bdevs_params,
	.num_params = SPDK_COUNTOF(g_get_bdevs_params),
	.params_size = sizeof(struct get_bdevs_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_get_bdevs,
};

BDK_RPC_REGISTER(g_rpc_bdev_get_bdevs)
