/* SPDX-License-Identifier: BSD-3-Clause */

/* RAID bdevs say in the answer of bdev_get_bdevs how they are; there is no other way in for a module that is a file. */

#include "module/metrics/metrics.h"

#include "spdk/bdev_module.h"
#include "spdk/json.h"
#include "spdk/util.h"

/* More than an array of 255 members says. */
#define MAX_VALUES 8192

struct dump {
	char *data;
	size_t size;
};

static int
dump_cb(void *arg, const void *data, size_t size)
{
	struct dump *dump = arg;
	char *grown = realloc(dump->data, dump->size + size);

	if (grown == NULL) {
		return -ENOMEM;
	}
	memcpy(grown + dump->size, data, size);
	dump->data = grown;
	dump->size += size;
	return 0;
}

/* What the module of a bdev writes about it, as an object. */
static int
dump_info(struct spdk_bdev *bdev, struct dump *dump)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(dump_cb, dump, 0);

	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	bdev->fn_table->dump_info_json(bdev->ctxt, w);
	spdk_json_write_object_end(w);
	return spdk_json_write_end(w);
}

static void
copy_string(struct spdk_json_val *object, const char *name, char *out, size_t size)
{
	struct spdk_json_val *key, *val;

	if (spdk_json_find(object, name, &key, &val, SPDK_JSON_VAL_STRING) == 0) {
		snprintf(out, size, "%.*s", (int)val->len, (const char *)val->start);
	}
}

static void
copy_number(struct spdk_json_val *object, const char *name, uint32_t *out)
{
	struct spdk_json_val *key, *val;

	if (spdk_json_find(object, name, &key, &val, SPDK_JSON_VAL_NUMBER) == 0) {
		spdk_json_number_to_uint32(val, out);
	}
}

/* Those that hold all of their data. */
static uint32_t
count_working(struct spdk_json_val *raid)
{
	struct spdk_json_val *key, *list, *member;
	uint32_t count = 0;

	if (spdk_json_find_array(raid, "base_bdevs_list", &key, &list) != 0) {
		return 0;
	}
	for (member = spdk_json_array_first(list); member != NULL; member = spdk_json_next(member)) {
		char state[32] = "";

		copy_string(member, "state", state, sizeof(state));
		count += strcmp(state, "configured") == 0;
	}
	return count;
}

static double
read_progress(struct spdk_json_val *raid)
{
	struct spdk_json_val *key, *process, *progress;
	uint32_t percent = 0;

	if (spdk_json_find(raid, "process", &key, &process, SPDK_JSON_VAL_OBJECT_BEGIN) != 0 ||
		spdk_json_find(process, "progress", &key, &progress, SPDK_JSON_VAL_OBJECT_BEGIN) != 0) {
		return -1;
	}
	copy_number(progress, "percent", &percent);
	return percent / 100.0;
}

static void
read_object(struct spdk_json_val *object, struct metrics_raid *raid)
{
	struct spdk_json_val *key, *val;

	if (spdk_json_find(object, "raid", &key, &val, SPDK_JSON_VAL_OBJECT_BEGIN) != 0) {
		return;
	}
	raid->is_one = true;
	copy_string(val, "raid_level", raid->level, sizeof(raid->level));
	copy_string(val, "state", raid->state, sizeof(raid->state));
	copy_number(val, "num_base_bdevs", &raid->num_members);
	raid->num_working = count_working(val);
	raid->progress = read_progress(val);
}

void
metrics_read_raid(struct spdk_bdev *bdev, struct metrics_raid *raid)
{
	struct spdk_json_val *values;
	struct dump dump = {};

	if (strcmp(spdk_bdev_get_module_name(bdev), "raid") != 0 || bdev->fn_table->dump_info_json == NULL) {
		return;
	}
	values = calloc(MAX_VALUES, sizeof(*values));
	if (values != NULL && dump_info(bdev, &dump) == 0 &&
		spdk_json_parse(dump.data, dump.size, values, MAX_VALUES, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) >
			0) {
		read_object(values, raid);
	}
	free(dump.data);
	free(values);
}
