/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/accel/error/accel_error.h"
#include "bdevkit/rpc.h"

struct inject_params {
	char *opcode;
	int type;
	uint64_t count;
	uint64_t interval;
	int32_t errcode;
};

static const struct inject_params g_inject_defaults = {
	.count = UINT64_MAX,
};

static const struct bdk_rpc_value g_types[] = {
	{"disable", ACCEL_ERROR_DISABLE},
	{"corrupt", ACCEL_ERROR_CORRUPT},
	{"failure", ACCEL_ERROR_FAILURE},
	{},
};

static const struct bdk_rpc_param g_inject_params[] = {
	{.name = "opcode",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct inject_params, opcode),
		.required = true,
		.option = 'o',
		.help = "operation: crc32c"},
	{.name = "type",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct inject_params, type),
		.required = true,
		.option = 't',
		.values = g_types,
		.help = "what happens to it"},
	{.name = "count",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct inject_params, count),
		.option = 'c',
		.help = "how many times on each thread, 0 for never",
		.default_text = "without end"},
	{.name = "interval",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct inject_params, interval),
		.option = 'i',
		.help = "to one of so many operations",
		.default_text = "to each"},
	{.name = "errcode",
		.type = BDK_RPC_INT32,
		.offset = offsetof(struct inject_params, errcode),
		.help = "status of operations that fail",
		.default_text = "0"},
};

static void
inject_error(struct spdk_jsonrpc_request *request, void *params)
{
	struct inject_params *p = params;
	struct accel_error_opts opts = {
		.type = p->type, .count = p->count, .interval = p->interval, .errcode = p->errcode};

	for (opts.opcode = 0; opts.opcode < SPDK_ACCEL_OPC_LAST; opts.opcode++) {
		if (strcmp(spdk_accel_get_opcode_name(opts.opcode), p->opcode) == 0) {
			break;
		}
	}
	if (accel_error_inject(&opts) != 0) {
		bdk_rpc_send_error(request, -EINVAL, "errors cannot be injected into %s, only into crc32c", p->opcode);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method accel_error_inject_error = {
	.name = "accel_error_inject_error",
	.summary = "Makes operations of accel module error go wrong; accel_assign_opc gives them to it.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_inject_params,
	.num_params = SPDK_COUNTOF(g_inject_params),
	.params_size = sizeof(struct inject_params),
	.defaults = &g_inject_defaults,
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = inject_error,
};
BDK_RPC_REGISTER(accel_error_inject_error)
