/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/gpt/vbdev_gpt.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

/* ---- bdev_gpt_set_options ---- */

struct gpt_set_options_params {
	int partition_types;
};

static const struct bdk_rpc_value g_partition_types[] = {
	{"spdk", GPT_PARTITIONS_SPDK},
	{"all", GPT_PARTITIONS_ALL},
	{},
};

static const struct bdk_rpc_param g_set_options_params[] = {
	{
		.name = "partition_types",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct gpt_set_options_params, partition_types),
		.required = true,
		.values = g_partition_types,
		.option = 't',
		.help = "which partitions become bdevs: those of the types that are meant for SPDK, or all",
	},
};

static void
options_set_cb(void *ctx, int rc)
{
	spdk_jsonrpc_send_bool_response(ctx, true);
}

static void
rpc_bdev_gpt_set_options(struct spdk_jsonrpc_request *request, void *params)
{
	const struct gpt_set_options_params *p = params;
	int rc;

	rc = vbdev_gpt_set_partition_types((enum gpt_partition_types)p->partition_types, options_set_cb, request);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot set the options");
	}
}

static const struct bdk_rpc_method g_set_options_method = {
	.name = "bdev_gpt_set_options",
	.summary = "Says which partitions become bdevs; disks that are there are examined anew",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_set_options_params,
	.num_params = SPDK_COUNTOF(g_set_options_params),
	.params_size = sizeof(struct gpt_set_options_params),
	.params_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = rpc_bdev_gpt_set_options,
};
BDK_RPC_REGISTER(g_set_options_method)

/* ---- bdev_gpt_examine ---- */

struct gpt_examine_params {
	char *name;
};

static const struct bdk_rpc_param g_examine_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct gpt_examine_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev that has the table",
	},
};

struct examine_request {
	struct spdk_jsonrpc_request *request;
	char *name;
};

static const char *
explain(int rc)
{
	switch (-rc) {
	case EPERM:
		return "it is claimed by another module";
	case EILSEQ:
		return "its partition table is damaged; the log says how";
	case EBUSY:
		return "partitions that are to go are still going; try again";
	default:
		return spdk_strerror(-rc);
	}
}

static void
write_name_cb(void *ctx, const char *name)
{
	spdk_json_write_string(ctx, name);
}

static void
free_examine_request(struct examine_request *examine)
{
	free(examine->name);
	free(examine);
}

static void
examined_cb(void *ctx, int rc)
{
	struct examine_request *examine = ctx;
	struct spdk_json_write_ctx *w;

	if (rc != 0) {
		bdk_rpc_send_error(
			examine->request, rc, "Cannot read the partitions of %s: %s", examine->name, explain(rc));
	} else {
		w = spdk_jsonrpc_begin_result(examine->request);
		spdk_json_write_array_begin(w);
		vbdev_gpt_for_each_partition(examine->name, write_name_cb, w);
		spdk_json_write_array_end(w);
		spdk_jsonrpc_end_result(examine->request, w);
	}
	free_examine_request(examine);
}

static void
rpc_bdev_gpt_examine(struct spdk_jsonrpc_request *request, void *params)
{
	struct gpt_examine_params *p = params;
	struct examine_request *examine = calloc(1, sizeof(*examine));
	int rc;

	if (examine == NULL) {
		bdk_rpc_send_errno(request, -ENOMEM, "Cannot read the partitions of %s", p->name);
		return;
	}
	examine->request = request;
	examine->name = p->name;
	p->name = NULL;
	rc = vbdev_gpt_examine(examine->name, examined_cb, examine);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot read the partitions of %s", examine->name);
		free_examine_request(examine);
	}
}

static const struct bdk_rpc_method g_examine_method = {
	.name = "bdev_gpt_examine",
	.summary = "Reads the partition table of a bdev again: partitions come and go as it says",
	.result = "array of the names of its partitions",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_examine_params,
	.num_params = SPDK_COUNTOF(g_examine_params),
	.params_size = sizeof(struct gpt_examine_params),
	.params_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = rpc_bdev_gpt_examine,
};
BDK_RPC_REGISTER(g_examine_method)
