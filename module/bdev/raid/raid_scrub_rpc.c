/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* ---- bdev_raid_start_scrub ---- */

struct raid_start_scrub_params {
	char *name;
	char *mode;
};

static const struct bdk_rpc_param g_start_scrub_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_start_scrub_params, name),
		.required = true,
		.position = 1,
		.help = "name of the array",
	},
	{
		.name = "mode",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_start_scrub_params, mode),
		.option = 'm',
		.help = "check: what does not agree is counted; repair: it is also put right",
		.default_text = "check",
	},
};

static const char *
explain(int rc)
{
	switch (rc) {
	case -ENODEV:
		return "it is not online";
	case -ENOTSUP:
		return "its level has nothing to compare";
	case -EAGAIN:
		return "so many members are missing that there is nothing to compare";
	case -EBUSY:
		return "one is under way, or waits";
	default:
		return spdk_strerror(-rc);
	}
}

static void
rpc_bdev_raid_start_scrub(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_start_scrub_params *p = params;
	enum raid_scrub_mode mode = RAID_SCRUB_CHECK;
	struct raid *raid = raid_find(p->name);
	int rc;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->name);
		return;
	}
	if (p->mode != NULL && strcasecmp(p->mode, "repair") == 0) {
		mode = RAID_SCRUB_REPAIR;
	} else if (p->mode != NULL && strcasecmp(p->mode, "check") != 0) {
		bdk_rpc_send_error(request, -EINVAL, "there is no mode %s: check, repair", p->mode);
		return;
	}
	rc = raid_process_start_scrub(raid, mode);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Failed to scrub raid bdev %s: %s", p->name, explain(rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_start_scrub_method = {
	.name = "bdev_raid_start_scrub",
	.summary = "Reads all of an array in the background, and compares what its members hold",
	.result = "true: it has begun, or begins after what is under way",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_start_scrub_params,
	.num_params = SPDK_COUNTOF(g_start_scrub_params),
	.params_size = sizeof(struct raid_start_scrub_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_start_scrub,
};
BDK_RPC_REGISTER(g_start_scrub_method)

/* ---- bdev_raid_stop_scrub ---- */

struct raid_stop_scrub_params {
	char *name;
};

static const struct bdk_rpc_param g_stop_scrub_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_stop_scrub_params, name),
		.required = true,
		.position = 1,
		.help = "name of the array",
	},
};

static void
rpc_bdev_raid_stop_scrub(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_stop_scrub_params *p = params;
	struct raid *raid = raid_find(p->name);
	int rc;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->name);
		return;
	}
	rc = raid_process_stop_scrub(raid);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "raid bdev %s is not being scrubbed", p->name);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_stop_scrub_method = {
	.name = "bdev_raid_stop_scrub",
	.summary = "Ends a scrub; what it has found and repaired stays to be seen",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_stop_scrub_params,
	.num_params = SPDK_COUNTOF(g_stop_scrub_params),
	.params_size = sizeof(struct raid_stop_scrub_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_stop_scrub,
};
BDK_RPC_REGISTER(g_stop_scrub_method)
