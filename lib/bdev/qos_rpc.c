/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods about rate limits of bdevs and of groups of bdevs. */

#include "lib/bdev/io_internal.h"
#include "lib/bdev/rate.h"
#include "bdevkit/qos.h"
#include "bdevkit/rpc.h"

#define NO_LIMITS \
	{ \
		UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX \
	}

/* The parameters of the four limits, in a structure that has them as limits. */
#define LIMIT_PARAM(STRUCT, TYPE, NAME, HELP, DEFAULT) \
	{ \
		.name = NAME, .type = BDK_RPC_UINT64, .offset = offsetof(struct STRUCT, limits[TYPE]), .help = HELP, \
		.default_text = DEFAULT, \
	}
#define LIMIT_PARAMS(STRUCT, DEFAULT) \
	LIMIT_PARAM(STRUCT, SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT, "rw_ios_per_sec", \
		"reads and writes per second, rounded up to thousands; 0: no limit", DEFAULT), \
		LIMIT_PARAM(STRUCT, SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT, "rw_mbytes_per_sec", \
			"MiB read and written per second; 0: no limit", DEFAULT), \
		LIMIT_PARAM(STRUCT, SPDK_BDEV_QOS_R_BPS_RATE_LIMIT, "r_mbytes_per_sec", \
			"MiB read per second; 0: no limit", DEFAULT), \
		LIMIT_PARAM(STRUCT, SPDK_BDEV_QOS_W_BPS_RATE_LIMIT, "w_mbytes_per_sec", \
			"MiB written per second; 0: no limit", DEFAULT)

static bool
is_any_given(const uint64_t limits[BDEV_RATE_NUM])
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		if (limits[i] != UINT64_MAX) {
			return true;
		}
	}
	return false;
}

/* ---- what keeps a bdev while a call about it runs ---- */

struct bdev_call {
	struct spdk_jsonrpc_request *request;
	struct spdk_bdev_desc *desc;
};

/* NULL: there is no such bdev, or no memory, and the request is answered. */
static struct bdev_call *
begin_call(struct spdk_jsonrpc_request *request, const char *bdev_name)
{
	struct bdev_call *call = calloc(1, sizeof(*call));
	int rc = -ENOMEM;

	if (call != NULL) {
		call->request = request;
		rc = bdev_desc_open_internal(bdev_name, &call->desc);
	}
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "bdev %s", bdev_name);
		free(call);
		return NULL;
	}
	return call;
}

static void
end_call(struct bdev_call *call)
{
	spdk_bdev_close(call->desc);
	free(call);
}

/* ---- bdev_set_qos_limit ---- */

struct set_qos_limit_params {
	char *name;
	uint64_t limits[BDEV_RATE_NUM];
};

static const struct set_qos_limit_params g_set_qos_limit_defaults = {.limits = NO_LIMITS};

static const struct bdk_rpc_param g_set_qos_limit_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct set_qos_limit_params, name),
		.required = true,
		.position = 1,
		.help = "name or alias of the bdev",
	},
	LIMIT_PARAMS(set_qos_limit_params, "unchanged (none at first)"),
};

static void
limits_set_cb(void *ctx, int status)
{
	struct bdev_call *call = ctx;

	if (status != 0) {
		bdk_rpc_send_error(call->request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Failed to configure rate limit: %s", spdk_strerror(-status));
	} else {
		spdk_jsonrpc_send_bool_response(call->request, true);
	}
	end_call(call);
}

static void
rpc_bdev_set_qos_limit(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct set_qos_limit_params *params = params_ctx;
	struct bdev_call *call = begin_call(request, params->name);

	if (call == NULL) {
		return;
	}
	if (!is_any_given(params->limits)) {
		bdk_rpc_send_error(request, -EINVAL, "No rate limits specified");
		end_call(call);
		return;
	}
	spdk_bdev_set_qos_rate_limits(spdk_bdev_desc_get_bdev(call->desc), params->limits, limits_set_cb, call);
}

static const struct bdk_rpc_method g_rpc_bdev_set_qos_limit = {
	.name = "bdev_set_qos_limit",
	.summary = "Limit the rate of reads and writes of a bdev, or end a limit.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_set_qos_limit_params,
	.num_params = SPDK_COUNTOF(g_set_qos_limit_params),
	.params_size = sizeof(struct set_qos_limit_params),
	.defaults = &g_set_qos_limit_defaults,
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_set_qos_limit,
};

BDK_RPC_REGISTER(g_rpc_bdev_set_qos_limit)

/* ---- bdev_qos_group_create, bdev_qos_group_set_limit ---- */

struct group_limit_params {
	char *name;
	uint64_t limits[BDEV_RATE_NUM];
};

static const struct group_limit_params g_group_limit_defaults = {.limits = NO_LIMITS};

static const struct bdk_rpc_param g_group_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_limit_params, name),
		.required = true,
		.position = 1,
		.help = "name of the new group",
	},
	LIMIT_PARAMS(group_limit_params, "no limit"),
};

/* Answers with true, or an error that says what to do about it. */
static void
answer_group(struct spdk_jsonrpc_request *request, int rc, const char *name)
{
	switch (rc) {
	case 0:
		spdk_jsonrpc_send_bool_response(request, true);
		break;
	case -ENOENT:
		bdk_rpc_send_error(request, rc, "there is no group %s; bdev_qos_group_get lists them", name);
		break;
	case -EEXIST:
		bdk_rpc_send_error(request, rc, "there is a group %s already", name);
		break;
	case -EBUSY:
		bdk_rpc_send_error(
			request, rc, "there are bdevs in group %s; bdev_qos_group_remove_bdev takes them out", name);
		break;
	case -EINVAL:
		bdk_rpc_send_error(request, rc, "a group needs a name");
		break;
	default:
		bdk_rpc_send_errno(request, rc, "group %s", name);
	}
}

static void
rpc_bdev_qos_group_create(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct group_limit_params *params = params_ctx;

	answer_group(request, bdk_bdev_qos_group_create(params->name, params->limits), params->name);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_create = {
	.name = "bdev_qos_group_create",
	.summary = "Make a group of bdevs with common rate limits.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_create_params,
	.num_params = SPDK_COUNTOF(g_group_create_params),
	.params_size = sizeof(struct group_limit_params),
	.defaults = &g_group_limit_defaults,
	.handler = rpc_bdev_qos_group_create,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_create)

static const struct bdk_rpc_param g_group_set_limit_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_limit_params, name),
		.required = true,
		.position = 1,
		.help = "name of the group",
	},
	LIMIT_PARAMS(group_limit_params, "unchanged"),
};

static void
rpc_bdev_qos_group_set_limit(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct group_limit_params *params = params_ctx;

	if (!is_any_given(params->limits)) {
		bdk_rpc_send_error(request, -EINVAL, "No rate limits specified");
		return;
	}
	answer_group(request, bdk_bdev_qos_group_set_rate_limits(params->name, params->limits), params->name);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_set_limit = {
	.name = "bdev_qos_group_set_limit",
	.summary = "Change the rate limits of a group of bdevs.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_set_limit_params,
	.num_params = SPDK_COUNTOF(g_group_set_limit_params),
	.params_size = sizeof(struct group_limit_params),
	.defaults = &g_group_limit_defaults,
	.handler = rpc_bdev_qos_group_set_limit,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_set_limit)

/* ---- bdev_qos_group_delete, bdev_qos_group_get ---- */

struct group_params {
	char *name;
};

static const struct bdk_rpc_param g_group_delete_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_params, name),
		.required = true,
		.position = 1,
		.help = "name of the group, which must have no bdevs",
	},
};

static void
rpc_bdev_qos_group_delete(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct group_params *params = params_ctx;

	answer_group(request, bdk_bdev_qos_group_delete(params->name), params->name);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_delete = {
	.name = "bdev_qos_group_delete",
	.summary = "Delete a group of bdevs with common rate limits.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_delete_params,
	.num_params = SPDK_COUNTOF(g_group_delete_params),
	.params_size = sizeof(struct group_params),
	.handler = rpc_bdev_qos_group_delete,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_delete)

static const struct bdk_rpc_param g_group_get_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_params, name),
		.option = 'n',
		.help = "name of one group",
		.default_text = "all groups",
	},
};

static void
rpc_bdev_qos_group_get(struct spdk_jsonrpc_request *request, void *params_ctx)
{
	struct group_params *params = params_ctx;
	struct spdk_json_write_ctx *w;

	if (params->name != NULL && !bdev_qos_group_exists(params->name)) {
		answer_group(request, -ENOENT, params->name);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	bdev_qos_group_write_info(w, params->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_get = {
	.name = "bdev_qos_group_get",
	.summary = "Describe one group of bdevs with common rate limits, or all of them.",
	.result = "array of groups: name, limits, bdevs",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_get_params,
	.num_params = SPDK_COUNTOF(g_group_get_params),
	.params_size = sizeof(struct group_params),
	.handler = rpc_bdev_qos_group_get,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_get)

/* ---- bdev_qos_group_add_bdev, bdev_qos_group_remove_bdev ---- */

struct group_bdev_params {
	char *name;
	char *bdev_name;
};

static const struct bdk_rpc_param g_group_bdev_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_bdev_params, name),
		.required = true,
		.position = 1,
		.help = "name of the group",
	},
	{
		.name = "bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct group_bdev_params, bdev_name),
		.required = true,
		.position = 2,
		.help = "name or alias of the bdev",
	},
};

static void
bdev_moved_cb(void *ctx, int status)
{
	struct bdev_call *call = ctx;

	if (status != 0) {
		bdk_rpc_send_errno(
			call->request, status, "bdev %s", spdk_bdev_get_name(spdk_bdev_desc_get_bdev(call->desc)));
	} else {
		spdk_jsonrpc_send_bool_response(call->request, true);
	}
	end_call(call);
}

static void
refuse_move(struct spdk_jsonrpc_request *request, int rc, const struct group_bdev_params *params)
{
	switch (rc) {
	case -EEXIST:
		bdk_rpc_send_error(request, rc, "bdev %s is in group %s already", params->bdev_name, params->name);
		break;
	case -EBUSY:
		bdk_rpc_send_error(request, rc,
			"bdev %s is in another group; bdev_qos_group_remove_bdev takes it out of that",
			params->bdev_name);
		break;
	case -ENODEV:
		bdk_rpc_send_error(request, rc, "bdev %s is not in group %s", params->bdev_name, params->name);
		break;
	case -ENOENT:
		answer_group(request, rc, params->name);
		break;
	default:
		bdk_rpc_send_errno(request, rc, "bdev %s", params->bdev_name);
	}
}

static void
move_bdev(struct spdk_jsonrpc_request *request, const struct group_bdev_params *params, bool add)
{
	struct bdev_call *call = begin_call(request, params->bdev_name);
	struct spdk_bdev *bdev;
	int rc;

	if (call == NULL) {
		return;
	}
	bdev = spdk_bdev_desc_get_bdev(call->desc);
	if (add) {
		rc = bdk_bdev_qos_group_add_bdev(params->name, bdev, bdev_moved_cb, call);
	} else {
		rc = bdk_bdev_qos_group_remove_bdev(params->name, bdev, bdev_moved_cb, call);
	}
	if (rc != 0) {
		refuse_move(request, rc, params);
		end_call(call);
	}
}

static void
rpc_bdev_qos_group_add_bdev(struct spdk_jsonrpc_request *request, void *params)
{
	move_bdev(request, params, true);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_add_bdev = {
	.name = "bdev_qos_group_add_bdev",
	.summary = "Put a bdev into a group with common rate limits.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_bdev_params,
	.num_params = SPDK_COUNTOF(g_group_bdev_params),
	.params_size = sizeof(struct group_bdev_params),
	.handler = rpc_bdev_qos_group_add_bdev,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_add_bdev)

static void
rpc_bdev_qos_group_remove_bdev(struct spdk_jsonrpc_request *request, void *params)
{
	move_bdev(request, params, false);
}

static const struct bdk_rpc_method g_rpc_bdev_qos_group_remove_bdev = {
	.name = "bdev_qos_group_remove_bdev",
	.summary = "Take a bdev out of a group with common rate limits.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_group_bdev_params,
	.num_params = SPDK_COUNTOF(g_group_bdev_params),
	.params_size = sizeof(struct group_bdev_params),
	.handler = rpc_bdev_qos_group_remove_bdev,
};

BDK_RPC_REGISTER(g_rpc_bdev_qos_group_remove_bdev)
