/* SPDX-License-Identifier: BSD-3-Clause */

/* The RPC method about the queue depth over time. */

#include "lib/bdev/bdev_internal.h"
#include "bdevkit/rpc.h"

struct set_period_params {
	char *name;
	uint64_t period;
};

static const struct bdk_rpc_param g_set_period_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct set_period_params, name),
		.required = true,
		.position = 1,
		.help = "name or alias of a bdev",
	},
	{
		.name = "period",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct set_period_params, period),
		.required = true,
		.position = 2,
		.help = "microseconds between measurements; 0 ends them",
	},
};

static void
rpc_bdev_set_qd_sampling_period(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct set_period_params *params = ctx;
	struct spdk_bdev_desc *desc;
	int rc;

	rc = bdev_desc_open_internal(params->name, &desc);
	if (rc != 0) {
		bdk_rpc_send_errno(rpc, rc, "bdev %s", params->name);
		return;
	}
	spdk_bdev_set_qd_sampling_period(spdk_bdev_desc_get_bdev(desc), params->period);
	spdk_bdev_close(desc);
	spdk_jsonrpc_send_bool_response(rpc, true);
}

static const struct bdk_rpc_method g_rpc_bdev_set_qd_sampling_period = {
	.name = "bdev_set_qd_sampling_period",
	.summary = "Measure the queue depth of a bdev again and again; bdev_get_iostat shows it.",
	.result = "true; the change may take effect a little later",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_set_period_params,
	.num_params = SPDK_COUNTOF(g_set_period_params),
	.params_size = sizeof(struct set_period_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_set_qd_sampling_period,
};

BDK_RPC_REGISTER(g_rpc_bdev_set_qd_sampling_period)
