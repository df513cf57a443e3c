/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/raid/raid.h"

#include "bdevkit/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* A request that is answered when something has ended. */
struct raid_rpc_wait {
	struct raid_waiter waiter;
	struct spdk_jsonrpc_request *request;
	/* What an error begins with. */
	char *what;
};

static void
answer_true_cb(void *arg)
{
	struct raid_rpc_wait *wait = arg;

	spdk_jsonrpc_send_bool_response(wait->request, true);
	free(wait);
}

static struct raid_rpc_wait *
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
	return wait;
}

static void
answer_done_cb(void *arg, int rc, const char *why)
{
	struct raid_rpc_wait *wait = arg;

	if (rc != 0) {
		bdk_rpc_send_error(wait->request, rc, "%s: %s", wait->what, why != NULL ? why : spdk_strerror(-rc));
	} else {
		spdk_jsonrpc_send_bool_response(wait->request, true);
	}
	free(wait->what);
	free(wait);
}

/* For answer_done_cb(). */
static struct raid_rpc_wait *
wait_for_done(struct spdk_jsonrpc_request *request, const char *format, const char *first, const char *second)
{
	struct raid_rpc_wait *wait = wait_for(request);

	if (wait == NULL) {
		return NULL;
	}
	wait->what = spdk_sprintf_alloc(format, first, second);
	if (wait->what == NULL) {
		bdk_rpc_send_errno(request, -ENOMEM, "Cannot wait for the end of it");
		free(wait);
		return NULL;
	}
	return wait;
}

/* ---- bdev_raid_create ---- */

struct raid_create_params {
	char *name;
	uint32_t strip_size_kb;
	char *raid_level;
	struct bdk_rpc_string_array base_bdevs;
	struct spdk_uuid uuid;
	bool superblock;
	int consistency_policy;
	bool overwrite_superblocks;
};

static const struct raid_create_params g_create_defaults = {.consistency_policy = RAID_NUM_POLICIES};

static const struct bdk_rpc_value g_policies[] = {
	{"resync", RAID_POLICY_RESYNC},
	{"bitmap", RAID_POLICY_BITMAP},
	{"journal", RAID_POLICY_JOURNAL},
	{NULL, 0},
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
		.help = "raid0 or 0, raid1 or 1, concat, raid5 or 5, raid6 or 6, raid5f or 5f",
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
		.help = "keep on the members what the array is, so that it is put together again from them",
	},
	{
		.name = "consistency_policy",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct raid_create_params, consistency_policy),
		.values = g_policies,
		.help = "how members are made to agree after a crash; resync needs no superblock",
		.default_text = "the best that the level has with what is kept on the members",
	},
	{
		.name = "overwrite_superblocks",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct raid_create_params, overwrite_superblocks),
		.help = "whether members may hold superblocks of other arrays, which end with that",
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
		.superblock = p->superblock,
		.policy = (enum raid_policy)p->consistency_policy,
		.overwrite = p->overwrite_superblocks,
	};
	struct raid_rpc_wait *wait;

	opts.ops = raid_level_by_name(p->raid_level);
	if (opts.ops == NULL) {
		bdk_rpc_send_error(request, -EINVAL, "Failed to create RAID bdev %s: there is no level %s", p->name,
			p->raid_level);
		return;
	}
	wait = wait_for_done(request, "Failed to create RAID bdev %s%s", p->name, "");
	if (wait != NULL) {
		raid_create(&opts, answer_done_cb, wait);
	}
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_raid_create",
	.summary = "Creates one bdev out of several",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct raid_create_params),
	.defaults = &g_create_defaults,
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_create,
};
BDK_RPC_REGISTER(g_create_method)

/* ---- bdev_raid_delete, bdev_raid_remove_base_bdev ---- */

struct raid_name_params {
	char *name;
	bool flag;
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
	{
		.name = "wipe_superblocks",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct raid_name_params, flag),
		.help = "also remove the superblocks from the members, so that it does not come back with them",
	},
};

static void
rpc_bdev_raid_delete(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_name_params *p = params;
	struct raid *raid = raid_find(p->name);
	struct raid_rpc_wait *wait;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->name);
		return;
	}
	if (raid->deleting) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "raid bdev %s: %s", p->name,
			spdk_strerror(EALREADY));
		return;
	}
	wait = wait_for(request);
	if (wait != NULL) {
		raid_delete(raid, p->flag, &wait->waiter);
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
	struct raid_rpc_wait *wait;

	if (member == NULL || member->desc == NULL || member->leaving) {
		bdk_rpc_send_error(
			request, -ENODEV, "Failed to remove base bdev from raid bdev: %s is no member of one", p->name);
		return;
	}
	wait = wait_for(request);
	if (wait != NULL) {
		raid_member_leave(member, false, &wait->waiter);
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

/* ---- bdev_raid_add_base_bdev ---- */

struct raid_add_params {
	char *raid_bdev;
	char *base_bdev;
	bool overwrite_superblocks;
};

static const struct bdk_rpc_param g_add_params[] = {
	{
		.name = "raid_bdev",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_add_params, raid_bdev),
		.required = true,
		.position = 1,
		.help = "name of the array",
	},
	{
		.name = "base_bdev",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_add_params, base_bdev),
		.required = true,
		.position = 2,
		.help = "name of the bdev that becomes a member",
	},
	{
		.name = "overwrite_superblocks",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct raid_add_params, overwrite_superblocks),
		.help = "whether it may hold the superblock of another array, or an old one of this, which ends with "
			"that",
	},
};

static void
rpc_bdev_raid_add_base_bdev(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_add_params *p = params;
	struct raid *raid = raid_find(p->raid_bdev);
	struct raid_rpc_wait *wait;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->raid_bdev);
		return;
	}
	wait = wait_for_done(request, "Failed to add base bdev %s to RAID bdev %s", p->base_bdev, p->raid_bdev);
	if (wait != NULL) {
		raid_add_bdev(raid, p->base_bdev, p->overwrite_superblocks, answer_done_cb, wait);
	}
}

static const struct bdk_rpc_method g_add_method = {
	.name = "bdev_raid_add_base_bdev",
	.summary = "Makes a bdev a member of an array that lacks one; an array that is online begins to rebuild it",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_add_params,
	.num_params = SPDK_COUNTOF(g_add_params),
	.params_size = sizeof(struct raid_add_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_add_base_bdev,
};
BDK_RPC_REGISTER(g_add_method)

/* ---- bdev_raid_start ---- */

static const struct bdk_rpc_param g_start_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct raid_name_params, name),
		.required = true,
		.position = 1,
		.help = "name of the array",
	},
	{
		.name = "force",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct raid_name_params, flag),
		.help = "also if the members that are missing may have newer data; what they have is lost then",
	},
};

static void
rpc_bdev_raid_start(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_name_params *p = params;
	struct raid *raid = raid_find(p->name);
	struct raid_rpc_wait *wait;
	const char *why = NULL;
	int rc;

	if (raid == NULL) {
		bdk_rpc_send_error(request, -ENODEV, "raid bdev %s not found", p->name);
		return;
	}
	rc = raid_assemble_check(raid, p->flag, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Failed to start RAID bdev %s: %s", p->name, why);
		return;
	}
	wait = wait_for_done(request, "Failed to start RAID bdev %s%s", p->name, "");
	if (wait != NULL) {
		raid_start(raid, answer_done_cb, wait);
	}
}

static const struct bdk_rpc_method g_start_method = {
	.name = "bdev_raid_start",
	.summary = "Starts an array that was found on its members, without those of them that are missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_start_params,
	.num_params = SPDK_COUNTOF(g_start_params),
	.params_size = sizeof(struct raid_name_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_start,
};
BDK_RPC_REGISTER(g_start_method)

/* ---- bdev_raid_set_options ---- */

struct raid_options_params {
	struct raid_process_options process;
	struct raid_assembly_options assembly;
	uint32_t base_bdev_timeout_sec;
};

static const struct bdk_rpc_param g_options_params[] = {
	{
		.name = "process_window_size_kb",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct raid_options_params, process.window_size_kb),
		.help = "how much background work does at a time, in KiB",
	},
	{
		.name = "process_max_bandwidth_mb_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct raid_options_params, process.max_bandwidth_mb_sec),
		.help = "how fast background work may be, in MiB/s; 0: no limit",
	},
	{
		.name = "assembly_timeout_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct raid_options_params, assembly.timeout_sec),
		.help = "seconds after the last member has come until an array starts without those that are missing; "
			"0: never",
	},
	{
		.name = "base_bdev_timeout_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct raid_options_params, base_bdev_timeout_sec),
		.help = "seconds after which a member that does not answer is reset and leaves its array; 0: never",
	},
};

static void
rpc_bdev_raid_set_options(struct spdk_jsonrpc_request *request, void *params)
{
	const struct raid_options_params *p = params;

	if (p->process.window_size_kb == 0) {
		bdk_rpc_send_error(request, -EINVAL, "Failed to set options: process_window_size_kb must not be 0");
		return;
	}
	if (p->process.window_size_kb != UINT32_MAX) {
		g_raid_process_options.window_size_kb = p->process.window_size_kb;
	}
	if (p->process.max_bandwidth_mb_sec != UINT32_MAX) {
		g_raid_process_options.max_bandwidth_mb_sec = p->process.max_bandwidth_mb_sec;
	}
	if (p->assembly.timeout_sec != UINT32_MAX) {
		g_raid_assembly_options.timeout_sec = p->assembly.timeout_sec;
	}
	if (p->base_bdev_timeout_sec != UINT32_MAX) {
		raid_late_set_timeout(p->base_bdev_timeout_sec);
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct raid_options_params g_options_defaults = {{UINT32_MAX, UINT32_MAX}, {UINT32_MAX}, UINT32_MAX};

static const struct bdk_rpc_method g_options_method = {
	.name = "bdev_raid_set_options",
	.summary = "Sets options of all arrays, for what begins later",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_options_params,
	.num_params = SPDK_COUNTOF(g_options_params),
	.params_size = sizeof(struct raid_options_params),
	.defaults = &g_options_defaults,
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_raid_set_options,
};
BDK_RPC_REGISTER(g_options_method)

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
