/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said of arrays: to who asks, and in the configuration. */

#include "module/bdev/raid/raid.h"

#include "spdk/util.h"

const char *const g_raid_state_names[RAID_NUM_STATES] = {"configuring", "online", "offline"};

static const struct raid_level_ops *const g_levels[] = {
	&g_raid0_ops, &g_raid1_ops, &g_concat_ops, &g_raid5f_ops, &g_raid5_ops, &g_raid6_ops};

const char *const g_raid_policy_names[RAID_NUM_POLICIES] = {"resync", "bitmap", "journal"};

const struct raid_level_ops *
raid_level_by_number(uint32_t number)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		if (g_levels[i]->number == number) {
			return g_levels[i];
		}
	}
	return NULL;
}

const struct raid_level_ops *
raid_level_by_name(const char *name)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_levels); i++) {
		const char *alias = g_levels[i]->alias;

		if (strcasecmp(g_levels[i]->name, name) == 0 || (alias != NULL && strcasecmp(alias, name) == 0)) {
			return g_levels[i];
		}
	}
	return NULL;
}

static const char *
name_of_state(const struct raid_member *member)
{
	if (member->desc != NULL) {
		return member->in_sync_until == UINT64_MAX ? "configured" : "rebuilding";
	}
	return member->recorded == RAID_SLOT_FAILED || member->failed ? "failed" : "missing";
}

static void
write_member(const struct raid_member *member, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_name(w, "name");
	if (member->name != NULL) {
		spdk_json_write_string(w, member->name);
	} else {
		spdk_json_write_null(w);
	}
	spdk_json_write_named_uuid(w, "uuid", &member->uuid);
	spdk_json_write_named_bool(w, "is_configured", member->desc != NULL);
	spdk_json_write_named_uint64(w, "data_offset", member->data_offset);
	spdk_json_write_named_uint64(w, "data_size", member->data_size);
	spdk_json_write_named_string(w, "state", name_of_state(member));
	spdk_json_write_object_end(w);
}

static bool
has_all_members(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		if (member->desc == NULL || member->leaving || member->in_sync_until != UINT64_MAX) {
			return false;
		}
	}
	return true;
}

void
raid_write_info(const struct raid *raid, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uuid(w, "uuid", &raid->bdev.uuid);
	spdk_json_write_named_uint32(w, "strip_size_kb", raid->strip_size_kb);
	spdk_json_write_named_string(w, "state", g_raid_state_names[raid->state]);
	spdk_json_write_named_string(w, "raid_level", raid->ops->name);
	spdk_json_write_named_bool(w, "superblock", raid->superblock != NULL);
	spdk_json_write_named_string(w, "consistency_policy", g_raid_policy_names[raid->policy]);
	spdk_json_write_named_bool(w, "degraded", raid->state == RAID_ONLINE && !has_all_members(raid));
	spdk_json_write_named_uint32(w, "num_base_bdevs", raid->num_members);
	spdk_json_write_named_uint32(w, "num_base_bdevs_discovered", raid->num_discovered);
	spdk_json_write_named_uint32(w, "num_base_bdevs_operational", raid->num_operational);
	raid_process_write_info(raid, w);
	spdk_json_write_named_uint64(w, "mismatches", raid->num_mismatches);
	spdk_json_write_named_uint64(w, "repaired", raid->num_repaired);
	spdk_json_write_named_array_begin(w, "base_bdevs_list");
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		write_member(&raid->members[slot], w);
	}
	spdk_json_write_array_end(w);
}

void
raid_write_config(const struct raid *raid, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_raid_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", raid->bdev.name);
	spdk_json_write_named_uuid(w, "uuid", &raid->bdev.uuid);
	if (raid->strip_size_kb != 0) {
		spdk_json_write_named_uint32(w, "strip_size_kb", raid->strip_size_kb);
	}
	spdk_json_write_named_string(w, "raid_level", raid->ops->name);
	spdk_json_write_named_array_begin(w, "base_bdevs");
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		const struct raid_member *member = &raid->members[slot];

		/* One that lacks data must not come back as one that has them. */
		if (member->name != NULL && (member->desc == NULL || member->in_sync_until == UINT64_MAX)) {
			spdk_json_write_string(w, member->name);
		} else {
			spdk_json_write_string_fmt(w, "removed_base_bdev_%u", slot);
		}
	}
	spdk_json_write_array_end(w);
	/* Of one that has not been online yet: otherwise it is on the members. */
	if (raid->superblock != NULL) {
		spdk_json_write_named_bool(w, "superblock", true);
		spdk_json_write_named_string(w, "consistency_policy", g_raid_policy_names[raid->policy]);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

void
raid_write_options(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_raid_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint32(w, "process_window_size_kb", g_raid_process_options.window_size_kb);
	spdk_json_write_named_uint32(w, "process_max_bandwidth_mb_sec", g_raid_process_options.max_bandwidth_mb_sec);
	if (g_raid_assembly_options.timeout_sec != RAID_ASSEMBLY_TIMEOUT_SEC) {
		spdk_json_write_named_uint32(w, "assembly_timeout_sec", g_raid_assembly_options.timeout_sec);
	}
	if (g_raid_member_timeout_sec != RAID_MEMBER_TIMEOUT_SEC) {
		spdk_json_write_named_uint32(w, "base_bdev_timeout_sec", g_raid_member_timeout_sec);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}
