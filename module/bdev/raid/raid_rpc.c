/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* A request that is answered when something has ended. */
struct raid_rpc_wait {
	struct raid_waiter waiter;
	struct spdk_jsonrpc_request *request;
};

static void
answer_true_cb(void *arg)
{
	struct raid_rpc_wait *wait = arg;

	spdk_jsonrpc_send_bool_response(wait->request, true);
	free(wait);
}

static struct raid_waiter *
wait_for(struct spdk_jsonrpc_request *request)
{
	struct raid_rpc_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL) {
		bdk_rpc_send_errno(request, -ENOMEM, "Cannot wait for the end of it");
		return NULL;
	}
	wait->waiter.cb = answer_true_cb;
	wait->waiter.arg = wait;
	wait->request = request;
	return &wait->waiter;
}

/* ---- bdev_raid_create ---- */

struct raid_create_params {
	char *name;
	uint32_t strip_size_kb;
	char *raid_level;
	struct bdk_rpc_string_array base_bdevs;
	struct spdk_uuid uuid;
	bool superblock;
};

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_create_params, name),
		.required = true,
		.option = 'n',
		.help = "name of the array",
	},
	{
		.name = "strip_size_kb",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct raid_create_params, strip_size_kb),
		.option = 'z',
		.help = "what is next to each other on a member, in KiB: a power of two; not for raid1",
	},
	{
		.name = "raid_level",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_create_params, raid_level),
		.required = true,
		.option = 'r',
		.help = "raid0 or 0, raid1 or 1, concat",
	},
	{
		.name = "base_bdevs",
		.type = BDK_RPC_STRING_ARRAY,
		.offset = offsetof(struct raid_create_params, base_bdevs),
		.required = true,
		.option = 'b',
		.help = "names of the members, which may come to exist later",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct raid_create_params, uuid),
		.help = "UUID of the array",
		.default_text = "a random one",
	},
	{
		.name = "superblock",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct raid_create_params, superblock),
		.option = 's',
		.help = "keep on the members what the array is",
	},
};

static void
rpc_bdev_raid_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_create_params *p = params;
	struct raid_opts opts = {
		.name = p->name,
		.uuid = p->uuid,
		.strip_size_kb = p->strip_size_kb,
		.members = p->base_bdevs.items,
		.num_members = p->base_bdevs.count,
	};
	const char *why;
	int rc;

	opts.ops = raid_level_by_name(p->raid_level);
	if (opts.ops == NULL) {
		bdk_rpc_send_error(request, -EINVAL, "Failed to create RAID bdev %s: there is no level %s", p->name,
			p->raid_level);
		return;
	}
	rc = raid_create(&opts, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Failed to create RAID bdev %s: %s", p->name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_raid_create",
	.summary = "Creates one bdev out of several",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct raid_create_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_create,
};
BDK_RPC_REGISTER(g_create_method)

/* ---- bdev_raid_delete, bdev_raid_remove_base_bdev ---- */

struct raid_name_params {
	char *name;
};

static const struct bdk_rpc_param g_delete_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_name_params, name),
		.required = true,
		.position = 1,
		.help = "name of the array",
	},
};

static void
rpc_bdev_raid_delete(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_name_params *p = params;
	struct raid *raid = raid_find(p->name);
	struct raid_waiter *waiter;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->name);
		return;
	}
	if (raid->deleting) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "raid bdev %s: %s", p->name,
			spdk_strerror(EALREADY));
		return;
	}
	waiter = wait_for(request);
	if (waiter != NULL) {
		raid_delete(raid, waiter);
	}
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_raid_delete",
	.summary = "Deletes an array; what its members hold stays",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_delete_params,
	.num_params = SPDK_COUNTOF(g_delete_params),
	.params_size = sizeof(struct raid_name_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_delete,
};
BDK_RPC_REGISTER(g_delete_method)

static const struct bdk_rpc_param g_remove_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_name_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev that is a member",
	},
};

static void
rpc_bdev_raid_remove_base_bdev(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_name_params *p = params;
	struct raid_member *member = raid_member_find(p->name);
	struct raid_waiter *waiter;

	if (member == NULL || member->desc == NULL || member->leaving) {
		bdk_rpc_send_error(
			request, -ENODEV, "Failed to remove base bdev from raid bdev: %s is no member of one", p->name);
		return;
	}
	waiter = wait_for(request);
	if (waiter != NULL) {
		raid_member_leave(member, false, waiter);
	}
}

static const struct bdk_rpc_method g_remove_method = {
	.name = "bdev_raid_remove_base_bdev",
	.summary = "Takes a member out of its array, which goes offline if it cannot do without",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_remove_params,
	.num_params = SPDK_COUNTOF(g_remove_params),
	.params_size = sizeof(struct raid_name_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_remove_base_bdev,
};
BDK_RPC_REGISTER(g_remove_method)

/* ---- bdev_raid_get_bdevs ---- */

struct raid_get_params {
	char *category;
};

static const struct bdk_rpc_param g_get_params[] = {
	{
		.name = "category",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_get_params, category),
		.required = true,
		.position = 1,
		.help = "which arrays: all, online, configuring or offline",
	},
};

static bool
is_category(const char *category)
{
	for (int state = 0; state < RAID_NUM_STATES; state++) {
		if (strcasecmp(category, g_raid_state_names[state]) == 0) {
			return true;
		}
	}
	return strcmp(category, "all") == 0;
}

static void
rpc_bdev_raid_get_bdevs(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_get_params *p = params;
	struct spdk_json_write_ctx *w;
	struct raid *raid;

	if (!is_category(p->category)) {
		bdk_rpc_send_error(
			request, -EINVAL, "there is no category %s: all, online, configuring, offline", p->category);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	TAILQ_FOREACH (raid, &g_raids, link) {
		if (strcmp(p->category, "all") != 0 && strcasecmp(p->category, g_raid_state_names[raid->state]) != 0) {
			continue;
		}
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "name", raid->bdev.name);
		raid_write_info(raid, w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_method = {
	.name = "bdev_raid_get_bdevs",
	.summary = "Lists arrays, with their members",
	.result = "array of objects",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_params,
	.num_params = SPDK_COUNTOF(g_get_params),
	.params_size = sizeof(struct raid_get_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_get_bdevs,
};
BDK_RPC_REGISTER(g_get_method)
