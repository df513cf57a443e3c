/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/delay/vbdev_delay.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

struct delay_create_params {
	struct bdk_vbdev_opts opts;
	uint64_t latency_us[DELAY_NUM_LATENCIES];
};

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct delay_create_params, opts.base_name),
		.required = true,
		.option = 'b',
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct delay_create_params, opts.name),
		.required = true,
		.option = 'd',
		.help = "name of the new bdev",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct delay_create_params, opts.uuid),
		.option = 'u',
		.help = "UUID of the bdev",
		.default_text = "one that is made from the UUID of the base",
	},
	{
		.name = "avg_read_latency",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct delay_create_params, latency_us[DELAY_AVG_READ]),
		.required = true,
		.option = 'r',
		.help = "average latency of reads, in microseconds",
	},
	{
		.name = "p99_read_latency",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct delay_create_params, latency_us[DELAY_P99_READ]),
		.required = true,
		.option = 't',
		.help = "latency of one read in a hundred, in microseconds",
	},
	{
		.name = "avg_write_latency",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct delay_create_params, latency_us[DELAY_AVG_WRITE]),
		.required = true,
		.option = 'w',
		.help = "average latency of writes, in microseconds",
	},
	{
		.name = "p99_write_latency",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct delay_create_params, latency_us[DELAY_P99_WRITE]),
		.required = true,
		.option = 'n',
		.help = "latency of one write in a hundred, in microseconds",
	},
};

static void
rpc_bdev_delay_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct delay_create_params *p = params;
	const struct bdk_vbdev_opts *opts = &p->opts;
	struct spdk_json_write_ctx *w;
	const char *why;
	int rc;

	rc = vbdev_delay_create(opts, p->latency_us, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create delay bdev %s on %s: %s", opts->name, opts->base_name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, opts->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_delay_create",
	.summary = "Creates a bdev that delays what another one completes",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct delay_create_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_delay_create,
};
BDK_RPC_REGISTER(g_create_method)

struct delay_update_params {
	char *name;
	int which;
	uint64_t latency_us;
};

static const struct bdk_rpc_value g_latency_types[] = {
	{"avg_read", DELAY_AVG_READ},
	{"p99_read", DELAY_P99_READ},
	{"avg_write", DELAY_AVG_WRITE},
	{"p99_write", DELAY_P99_WRITE},
	{NULL, 0},
};

static const struct bdk_rpc_param g_update_params[] = {
	{
		.name = "delay_bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct delay_update_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
	{
		.name = "latency_type",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct delay_update_params, which),
		.required = true,
		.position = 2,
		.values = g_latency_types,
		.help = "which latency to set",
	},
	{
		.name = "latency_us",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct delay_update_params, latency_us),
		.required = true,
		.position = 3,
		.help = "the latency, in microseconds",
	},
};

static void
rpc_bdev_delay_update_latency(struct spdk_jsonrpc_request *request, void *params)
{
	const struct delay_update_params *p = params;

	if (vbdev_delay_update_latency(p->name, p->which, p->latency_us) != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "There is no delay bdev %s", p->name);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_update_method = {
	.name = "bdev_delay_update_latency",
	.summary = "Changes a latency of a delay bdev",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_update_params,
	.num_params = SPDK_COUNTOF(g_update_params),
	.params_size = sizeof(struct delay_update_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.values_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = rpc_bdev_delay_update_latency,
};
BDK_RPC_REGISTER(g_update_method)

static void
rpc_bdev_delay_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "delay", vbdev_delay_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_delay_delete",
	.summary = "Deletes a delay bdev, or the request for one whose base is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_delay_delete,
};
BDK_RPC_REGISTER(g_delete_method)
