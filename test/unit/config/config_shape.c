/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_shape.h"

#include "config_json.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

#define MAX_ROWS 256
#define MAX_METHODS 64

/* A parameter, or, with an empty parameter, a method. */
struct row {
	const char *subsystem;
	const char *method;
	const char *parameter;
	const char *type;
	bool always;
};

/* What is saved beyond the interface. A method of one of these rows may also have parameters of the table. */
static const struct row g_own_rows[] = {
	{"bdev", "bdev_malloc_create", "md_interleave", "boolean", false},
	{"bdev", "bdev_aio_create", "no_lock", "boolean", false},
	{"bdev", "bdev_delay_update_latency", ""},
	{"bdev", "bdev_delay_update_latency", "delay_bdev_name", "string", true},
	{"bdev", "bdev_delay_update_latency", "latency_type", "string", true},
	{"bdev", "bdev_delay_update_latency", "latency_us", "number(uint64)", true},
	{"bdev", "bdev_zone_block_create", "max_open_zones", "number(uint32)", false},
	{"bdev", "bdev_zone_block_create", "max_active_zones", "number(uint32)", false},
	{"bdev", "bdev_uring_create", "readonly", "boolean", false},
	{"bdev", "bdev_uring_create", "buffered", "boolean", false},
	{"bdev", "bdev_uring_create", "no_lock", "boolean", false},
	{"bdev", "bdev_enable_histogram", "granularity", "number(uint32)", false},
	{"bdev", "bdev_enable_histogram", "min_nsec", "number(uint64)", false},
	{"bdev", "bdev_enable_histogram", "max_nsec", "number(uint64)", false},
	{"bdev", "bdev_raid_set_options", "assembly_timeout_sec", "number(uint32)", false},
	{"bdev", "bdev_raid_create", "superblock", "boolean", false},
	{"bdev", "bdev_raid_create", "consistency_policy", "string", false},
	{"bdev", "bdev_gpt_set_options", ""},
	{"bdev", "bdev_gpt_set_options", "partition_types", "string", true},
	{"bdev", "bdev_qos_group_create", ""},
	{"bdev", "bdev_qos_group_create", "name", "string", true},
	{"bdev", "bdev_qos_group_create", "rw_ios_per_sec", "number(uint64)", false},
	{"bdev", "bdev_qos_group_create", "rw_mbytes_per_sec", "number(uint64)", false},
	{"bdev", "bdev_qos_group_create", "r_mbytes_per_sec", "number(uint64)", false},
	{"bdev", "bdev_qos_group_create", "w_mbytes_per_sec", "number(uint64)", false},
	{"bdev", "bdev_qos_group_add_bdev", ""},
	{"bdev", "bdev_qos_group_add_bdev", "name", "string", true},
	{"bdev", "bdev_qos_group_add_bdev", "bdev_name", "string", true},
	{"nbd", "nbd_set_options", ""},
	{"nbd", "nbd_set_options", "auto_export", "boolean", true},
	{"nbd", "nbd_set_options", "read_only", "boolean", true},
	{"nbd", "nbd_set_options", "default_export", "string", true},
	{"nbd", "nbd_set_options", "max_connections", "number(uint32)", true},
	{"nbd", "nbd_set_options", "handshake_timeout_sec", "number(uint32)", true},
	{"nbd", "nbd_export_create", ""},
	{"nbd", "nbd_export_create", "bdev_name", "string", true},
	{"nbd", "nbd_export_create", "name", "string", true},
	{"nbd", "nbd_export_create", "description", "string", false},
	{"nbd", "nbd_export_create", "read_only", "boolean", true},
	{"nbd", "nbd_listener_create", ""},
	{"nbd", "nbd_listener_create", "address", "string", true},
	{"scheduler", "scheduler_set_options", ""},
	{"scheduler", "scheduler_set_options", "isolated_core_mask", "string", false},
	{"scheduler", "scheduler_set_options", "scheduling_core", "number(uint32)", false},
};

static struct row g_rows[MAX_ROWS + SPDK_COUNTOF(g_own_rows)];
static size_t g_num_rows;

static struct {
	char *method;
	uint64_t count;
} g_counts[MAX_METHODS];

/* ---- the table ---- */

void
shape_read_table(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512], *rest;

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	memcpy(g_rows, g_own_rows, sizeof(g_own_rows));
	g_num_rows = SPDK_COUNTOF(g_own_rows);
	/* The first line has the names of the columns. */
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "subsystem\t", 10) == 0) {
			continue;
		}
		if (g_num_rows == SPDK_COUNTOF(g_rows)) {
			fprintf(stderr, "%s: too many rows\n", path);
			exit(1);
		}
		rest = strdup(line);
		rest[strcspn(rest, "\n")] = '\0';
		g_rows[g_num_rows].subsystem = strsep(&rest, "\t");
		strsep(&rest, "\t");
		g_rows[g_num_rows].method = strsep(&rest, "\t");
		g_rows[g_num_rows].parameter = strsep(&rest, "\t");
		g_rows[g_num_rows].type = strsep(&rest, "\t");
		g_rows[g_num_rows].always = rest != NULL && strcmp(rest, "always") == 0;
		g_num_rows++;
	}
	fclose(file);
}

static const struct row *
find_row(const char *method, const char *parameter)
{
	for (size_t i = 0; i < g_num_rows; i++) {
		if (strcmp(g_rows[i].method, method) == 0 && strcmp(g_rows[i].parameter, parameter) == 0) {
			return &g_rows[i];
		}
	}
	return NULL;
}

/* ---- counts ---- */

static void
count(const char *method)
{
	size_t i = 0;

	while (i < MAX_METHODS && g_counts[i].method != NULL && strcmp(g_counts[i].method, method) != 0) {
		i++;
	}
	if (i < MAX_METHODS && g_counts[i].method == NULL) {
		g_counts[i].method = strdup(method);
	}
	if (i < MAX_METHODS) {
		g_counts[i].count++;
	}
}

uint64_t
shape_count(const char *method)
{
	for (size_t i = 0; i < MAX_METHODS && g_counts[i].method != NULL; i++) {
		if (strcmp(g_counts[i].method, method) == 0) {
			return g_counts[i].count;
		}
	}
	return 0;
}

void
shape_print_counts(FILE *file)
{
	for (size_t i = 0; i < MAX_METHODS && g_counts[i].method != NULL; i++) {
		fprintf(file, "    %8" PRIu64 " %s\n", g_counts[i].count, g_counts[i].method);
	}
}

/* ---- one entry ---- */

static bool
has_type(const struct spdk_json_val *val, const char *type)
{
	struct spdk_uuid uuid;
	uint32_t u32;
	uint64_t u64;
	bool b;

	if (strcmp(type, "number(uint32)") == 0) {
		return spdk_json_number_to_uint32(val, &u32) == 0;
	} else if (strcmp(type, "number(uint64)") == 0) {
		return spdk_json_number_to_uint64(val, &u64) == 0;
	} else if (strcmp(type, "number(int64)") == 0) {
		return spdk_json_number_to_uint64(val, &u64) == 0 && u64 <= INT64_MAX;
	} else if (strcmp(type, "boolean") == 0) {
		return spdk_json_decode_bool(val, &b) == 0;
	} else if (strcmp(type, "string(uuid)") == 0) {
		return spdk_json_decode_uuid(val, &uuid) == 0;
	}
	if (strcmp(type, "array") == 0) {
		return val->type == SPDK_JSON_VAL_ARRAY_BEGIN;
	}
	return strcmp(type, "string") == 0 && val->type == SPDK_JSON_VAL_STRING;
}

static char *
check_parameters(const char *method, const struct spdk_json_val *params)
{
	for (const struct spdk_json_val *name = json_first(params); name != NULL; name = json_next(params, name + 1)) {
		char *parameter = json_text_of(name);
		const struct row *row = find_row(method, parameter);
		char *fault = NULL;

		if (row == NULL) {
			fault = spdk_sprintf_alloc("%s: parameter %s is not in the table", method, parameter);
		} else if (!has_type(name + 1, row->type)) {
			fault = spdk_sprintf_alloc("%s: parameter %s is no %s", method, parameter, row->type);
		}
		free(parameter);
		if (fault != NULL) {
			return fault;
		}
	}
	for (size_t i = 0; i < g_num_rows; i++) {
		/* What is in an array is no parameter. */
		if (strcmp(g_rows[i].method, method) == 0 && g_rows[i].parameter[0] != '\0' && g_rows[i].always &&
			strchr(g_rows[i].parameter, '[') == NULL && json_member(params, g_rows[i].parameter) == NULL) {
			return spdk_sprintf_alloc("%s: parameter %s is missing", method, g_rows[i].parameter);
		}
	}
	return NULL;
}

static char *
check_entry(const char *subsystem, const char *method, const struct spdk_json_val *params)
{
	const struct row *row = find_row(method, "");

	if (row == NULL) {
		return spdk_sprintf_alloc("method %s is not in the table", method);
	}
	if (strcmp(row->subsystem, subsystem) != 0) {
		return spdk_sprintf_alloc(
			"method %s is saved by subsystem %s instead of %s", method, subsystem, row->subsystem);
	}
	count(method);
	if (params == NULL) {
		return find_row(method, "")[1].method == row->method ? spdk_sprintf_alloc("%s: no params", method)
								     : NULL;
	}
	return check_parameters(method, params);
}

/* ---- the order within subsystem bdev ---- */

enum phase {
	PHASE_OPTIONS,
	PHASE_EXAMINE,
	PHASE_MODULES,
	PHASE_BDEVS,
	PHASE_WAIT,
	PHASE_END,
};

/* Of methods that stand in one place only; else the earliest place. */
static enum phase
phase_of(const char *method, bool *movable)
{
	*movable = false;
	if (strcmp(method, "bdev_set_options") == 0) {
		return PHASE_OPTIONS;
	} else if (strcmp(method, "bdev_examine") == 0) {
		return PHASE_EXAMINE;
	} else if (strcmp(method, "bdev_qos_group_create") == 0 || strcmp(method, "bdev_gpt_set_options") == 0 ||
		strcmp(method, "bdev_raid_set_options") == 0) {
		return PHASE_MODULES;
	} else if (strcmp(method, "bdev_passthru_create") == 0 || strcmp(method, "bdev_crypto_create") == 0 ||
		strcmp(method, "bdev_zone_block_create") == 0 || strcmp(method, "bdev_split_create") == 0 ||
		strncmp(method, "bdev_delay_", 11) == 0 || strcmp(method, "bdev_error_create") == 0 ||
		strcmp(method, "bdev_raid_create") == 0) {
		/* Of a bdev that is not examined: with the bdevs. */
		*movable = true;
		return PHASE_MODULES;
	} else if (strcmp(method, "bdev_wait_for_examine") == 0) {
		return PHASE_WAIT;
	}
	return PHASE_BDEVS;
}

struct order {
	enum phase phase;
	/* Names of the bdevs whose limits and histograms may follow: those created in this run of entries. */
	char *bdev;
	bool has_options, has_wait, has_histogram;
};

static char *
check_order(struct order *order, const char *method, const struct spdk_json_val *params)
{
	const struct spdk_json_val *name = params != NULL ? json_member(params, "name") : NULL;
	bool movable;
	enum phase phase = phase_of(method, &movable);

	if (phase < order->phase && !(movable && order->phase == PHASE_BDEVS)) {
		return spdk_sprintf_alloc("%s comes too late", method);
	}
	if ((phase == PHASE_OPTIONS && order->has_options) || (phase == PHASE_WAIT && order->has_wait)) {
		return spdk_sprintf_alloc("%s comes twice", method);
	}
	order->has_options |= phase == PHASE_OPTIONS;
	order->has_wait |= phase == PHASE_WAIT;
	if (phase > order->phase) {
		order->phase = phase;
	}
	if (strcmp(method, "bdev_set_qos_limit") == 0) {
		/* Of a bdev that a module saves, it begins the run. */
		if (order->bdev == NULL || !spdk_json_strequal(name, order->bdev)) {
			order->has_histogram = false;
		}
		if (order->has_histogram) {
			return spdk_sprintf_alloc("bdev_set_qos_limit comes after bdev_enable_histogram");
		}
	}
	order->has_histogram = strcmp(method, "bdev_enable_histogram") == 0;
	free(order->bdev);
	order->bdev = name != NULL ? json_text_of(name) : NULL;
	return NULL;
}

static char *
check_subsystem(const struct spdk_json_val *subsystem)
{
	char *subsystem_name = json_text_of(json_member(subsystem, "subsystem"));
	const struct spdk_json_val *config = json_member(subsystem, "config");
	bool is_bdev = strcmp(subsystem_name, "bdev") == 0;
	struct order order = {0};
	char *fault = NULL;

	for (const struct spdk_json_val *entry = json_first(config); entry != NULL && fault == NULL;
		entry = json_next(config, entry)) {
		char *method = json_text_of(json_member(entry, "method"));
		const struct spdk_json_val *params = json_member(entry, "params");

		fault = check_entry(subsystem_name, method, params);
		if (fault == NULL && is_bdev) {
			fault = check_order(&order, method, params);
		}
		free(method);
	}
	free(order.bdev);
	free(subsystem_name);
	if (fault == NULL && is_bdev && !(order.has_options && order.has_wait)) {
		fault = strdup("bdev_set_options or bdev_wait_for_examine is missing");
	}
	return fault;
}

char *
shape_check(const char *config)
{
	struct json_document *document = json_document_parse(config);
	const struct spdk_json_val *subsystems = json_member(document->values, "subsystems");
	char *fault = NULL;

	for (const struct spdk_json_val *subsystem = json_first(subsystems); subsystem != NULL && fault == NULL;
		subsystem = json_next(subsystems, subsystem)) {
		fault = check_subsystem(subsystem);
	}
	json_document_free(document);
	return fault;
}
