/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said of arrays: to who asks, and in the configuration. */

#include "module/bdev/raid/raid.h"

#include "spdk/util.h"

const char *const g_raid_state_names[RAID_NUM_STATES] = {"configuring", "online", "offline"};

static const struct raid_level_ops *const g_levels[] = {
	&g_raid0_ops, &g_raid1_ops, &g_concat_ops, &g_raid5f_ops, &g_raid5_ops, &g_raid6_ops};

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
	spdk_json_write_object_end(w);
}

void
raid_write_info(const struct raid *raid, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uuid(w, "uuid", &raid->bdev.uuid);
	spdk_json_write_named_uint32(w, "strip_size_kb", raid->strip_size_kb);
	spdk_json_write_named_string(w, "state", g_raid_state_names[raid->state]);
	spdk_json_write_named_string(w, "raid_level", raid->ops->name);
	spdk_json_write_named_bool(w, "superblock", false);
	spdk_json_write_named_uint32(w, "num_base_bdevs", raid->num_members);
	spdk_json_write_named_uint32(w, "num_base_bdevs_discovered", raid->num_discovered);
	spdk_json_write_named_uint32(w, "num_base_bdevs_operational", raid->num_operational);
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
		if (raid->members[slot].name != NULL) {
			spdk_json_write_string(w, raid->members[slot].name);
		} else {
			spdk_json_write_string_fmt(w, "removed_base_bdev_%u", slot);
		}
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}
