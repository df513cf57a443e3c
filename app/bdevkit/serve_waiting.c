/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Block devices that are asked for and not there, as what they stand on is missing: modules wait for it without a word.
 * The saved configuration names all that was asked for, so that no module has to be known here.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/json.h"
#include "spdk/util.h"

#include "app/bdevkit/serve.h"
#include "app/bdevkit/text.h"

static char *
get_string(struct spdk_json_val *object, const char *name)
{
	struct spdk_json_val *value;

	return spdk_json_find_string(object, name, NULL, &value) == 0 ? spdk_json_strdup(value) : NULL;
}

/* The base of a block device, as the methods of the modules call it. */
static char *
get_base(struct spdk_json_val *params)
{
	static const char *const names[] = {"base_bdev_name", "base_name", "base_bdev"};
	char *base = NULL;

	for (size_t i = 0; i < SPDK_COUNTOF(names) && base == NULL; i++) {
		base = get_string(params, names[i]);
	}
	return base;
}

static void
look_at_entry(struct spdk_json_val *entry, void (*fn)(const char *name, const char *base))
{
	struct spdk_json_val *params;
	char *name, *base;

	if (spdk_json_find(entry, "params", NULL, &params, SPDK_JSON_VAL_OBJECT_BEGIN) != 0) {
		return;
	}
	name = get_string(params, "name");
	base = get_base(params);
	if (base != NULL && spdk_bdev_get_by_name(base) == NULL) {
		fn(name != NULL ? name : "a block device", base);
	}
	free(name);
	free(base);
}

static int
parse(const struct text *text, struct spdk_json_val **values)
{
	ssize_t count = spdk_json_parse(text->data, text->size, NULL, 0, NULL, 0);

	*values = count > 0 ? calloc(count, sizeof(**values)) : NULL;
	if (*values == NULL) {
		return -ENOMEM;
	}
	spdk_json_parse(text->data, text->size, *values, count, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	return 0;
}

void
serve_for_each_waiting(void (*fn)(const char *name, const char *base))
{
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, 0);
	struct spdk_json_val *values, *entry;

	if (w == NULL) {
		return;
	}
	spdk_bdev_subsystem_config_json(w);
	if (spdk_json_write_end(w) == 0 && parse(&text, &values) == 0) {
		for (entry = spdk_json_array_first(values); entry != NULL; entry = spdk_json_next(entry)) {
			look_at_entry(entry, fn);
		}
		free(values);
	}
	free(text.data);
}
