/* SPDX-License-Identifier: BSD-3-Clause */

/* What is switched on: points by group, and groups by number and name. */

#include "lib/trace/trace_internal.h"

#include "spdk/log.h"
#include "spdk/string.h"

#define ALL_GROUPS ((1ull << SPDK_TRACE_MAX_GROUP_ID) - 1)

static struct trace_listener *g_listeners;

void
trace_add_listener(struct trace_listener *listener)
{
	listener->next = g_listeners;
	g_listeners = listener;
}

static void
tell_listeners(void)
{
	struct trace_listener *listener;

	for (listener = g_listeners; listener != NULL; listener = listener->next) {
		listener->masks_changed();
	}
}

/* Sets and clears points of the groups in group_mask. */
static int
change_masks(uint64_t group_mask, uint64_t set, uint64_t clear)
{
	uint32_t group;
	int rc = 0;

	env_mutex_lock(&g_trace.lock);
	/* There is nothing to switch off in a trace that there is not. */
	if (set != 0 || g_trace.file != NULL) {
		rc = trace_ensure();
		for (group = 0; rc == 0 && group < SPDK_TRACE_MAX_GROUP_ID; group++) {
			if ((group_mask >> group) & 1) {
				__atomic_store_n(&g_trace.file->tpoint_mask[group],
					(g_trace.file->tpoint_mask[group] | set) & ~clear, __ATOMIC_RELAXED);
			}
		}
	}
	env_mutex_unlock(&g_trace.lock);
	if (rc == 0) {
		tell_listeners();
	}
	return rc;
}

static void
change_group(uint32_t group_id, uint64_t set, uint64_t clear)
{
	if (group_id >= SPDK_TRACE_MAX_GROUP_ID) {
		SPDK_ERRLOG("there is no trace group %u: they are below %d\n", group_id, SPDK_TRACE_MAX_GROUP_ID);
	} else if (change_masks(1ull << group_id, set, clear) == -ENODEV) {
		SPDK_ERRLOG("trace is not initialized\n");
	}
}

void
spdk_trace_set_tpoints(uint32_t group_id, uint64_t tpoint_mask)
{
	change_group(group_id, tpoint_mask, 0);
}

void
spdk_trace_clear_tpoints(uint32_t group_id, uint64_t tpoint_mask)
{
	change_group(group_id, 0, tpoint_mask);
}

void
spdk_trace_set_tpoint_group_mask(uint64_t tpoint_group_mask)
{
	if (change_masks(tpoint_group_mask, UINT64_MAX, 0) == -ENODEV) {
		SPDK_ERRLOG("trace is not initialized\n");
	}
}

void
spdk_trace_clear_tpoint_group_mask(uint64_t tpoint_group_mask)
{
	change_masks(tpoint_group_mask, 0, UINT64_MAX);
}

uint64_t
spdk_trace_get_tpoint_mask(uint32_t group_id)
{
	struct spdk_trace_file *file = __atomic_load_n(&g_trace_file, __ATOMIC_ACQUIRE);

	if (group_id >= SPDK_TRACE_MAX_GROUP_ID) {
		SPDK_ERRLOG("there is no trace group %u: they are below %d\n", group_id, SPDK_TRACE_MAX_GROUP_ID);
		return 0;
	}
	return file == NULL ? 0 : __atomic_load_n(&file->tpoint_mask[group_id], __ATOMIC_RELAXED);
}

uint64_t
spdk_trace_get_tpoint_group_mask(void)
{
	uint64_t mask = 0;
	uint32_t group;

	for (group = 0; group < SPDK_TRACE_MAX_GROUP_ID; group++) {
		if (spdk_trace_get_tpoint_mask(group) != 0) {
			mask |= 1ull << group;
		}
	}
	return mask;
}

/* ---- by name ---- */

uint64_t
spdk_trace_create_tpoint_group_mask(const char *group_name)
{
	struct spdk_trace_register_fn *reg_fn;

	if (group_name == NULL) {
		return 0;
	}
	if (strcmp(group_name, "all") == 0) {
		return ALL_GROUPS;
	}
	for (reg_fn = spdk_trace_get_first_register_fn(); reg_fn != NULL;
		reg_fn = spdk_trace_get_next_register_fn(reg_fn)) {
		if (strcmp(reg_fn->name, group_name) == 0) {
			return 1ull << reg_fn->tgroup_id;
		}
	}
	return 0;
}

int
trace_change_named(const char *group_name, uint64_t set, uint64_t clear)
{
	uint64_t mask = spdk_trace_create_tpoint_group_mask(group_name);

	if (mask == 0) {
		return -EINVAL;
	}
	return change_masks(mask, set, clear);
}

int
spdk_trace_enable_tpoint_group(const char *group_name)
{
	return trace_change_named(group_name, UINT64_MAX, 0);
}

int
spdk_trace_disable_tpoint_group(const char *group_name)
{
	return trace_change_named(group_name, 0, UINT64_MAX);
}

/* One member of the list: a group by name or several by a mask, and perhaps points. */
static int
set_item(char *item)
{
	char *points_text = strchr(item, ':'), *end;
	uint64_t groups, points = UINT64_MAX;

	if (points_text != NULL) {
		*points_text++ = '\0';
		points = strtoull(points_text, &end, 16);
		if (*points_text == '\0' || *points_text == '-' || *end != '\0' || points == 0) {
			return -EINVAL;
		}
	}
	groups = spdk_trace_create_tpoint_group_mask(item);
	if (groups == 0) {
		groups = strtoull(item, &end, 16);
		if (*item == '-' || *end != '\0') {
			return -EINVAL;
		}
		groups &= ALL_GROUPS;
	}
	if (groups == 0 || (points_text != NULL && (groups & (groups - 1)) != 0)) {
		return -EINVAL;
	}
	return change_masks(groups, points, 0);
}

int
trace_set_by_list(const char *list)
{
	char *copy = strdup(list), *rest = copy, *item;
	int rc = copy == NULL ? -ENOMEM : 0;

	if (rc == 0 && *copy == '\0') {
		rc = -EINVAL;
	}
	while (rc == 0 && (item = strsep(&rest, ",")) != NULL) {
		rc = set_item(item);
	}
	free(copy);
	return rc;
}

void
spdk_trace_mask_usage(FILE *f, const char *tmask_arg)
{
	struct spdk_trace_register_fn *reg_fn;

	fprintf(f, " %s, --tpoint-group <group>[:<points>][,...]\n", tmask_arg);
	fprintf(f, "                           trace groups to switch on, by name (");
	for (reg_fn = spdk_trace_get_first_register_fn(); reg_fn != NULL;
		reg_fn = spdk_trace_get_next_register_fn(reg_fn)) {
		fprintf(f, "%s, ", reg_fn->name);
	}
	fprintf(f, "all) or as\n");
	fprintf(f,
		"                           a hexadecimal mask of their numbers; with <points>, a hexadecimal mask,\n");
	fprintf(f, "                           those points of the one group only (bdev:0x1)\n");
}
