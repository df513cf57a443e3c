/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/bases.h"

#include "spdk/util.h"

static const struct spdk_json_val *
end_of(const struct spdk_json_val *val)
{
	return val + spdk_json_val_len(val);
}

static bool
is_container(const struct spdk_json_val *val)
{
	return val->type == SPDK_JSON_VAL_OBJECT_BEGIN || val->type == SPDK_JSON_VAL_ARRAY_BEGIN;
}

static bool
begins_with(const struct spdk_json_val *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return name->type == SPDK_JSON_VAL_NAME && name->len >= len && memcmp(name->start, prefix, len) == 0;
}

static int
tell(const struct spdk_json_val *val, int (*fn)(void *ctx, const char *name), void *ctx)
{
	char *name = spdk_json_strdup(val);
	int rc = name == NULL ? -ENOMEM : *name != '\0' ? fn(ctx, name) : 0;

	free(name);
	return rc;
}

/* Of {"name": ..., ...}. */
static int
tell_member(const struct spdk_json_val *object, int (*fn)(void *ctx, const char *name), void *ctx)
{
	struct spdk_json_val *name = spdk_json_object_first((struct spdk_json_val *)object);

	for (; name != NULL; name = spdk_json_next(name)) {
		if (spdk_json_strequal(name, "name") && name[1].type == SPDK_JSON_VAL_STRING) {
			return tell(&name[1], fn, ctx);
		}
	}
	return 0;
}

/* A name, an object with one, or a list of these. */
static int
tell_all(const struct spdk_json_val *val, int (*fn)(void *ctx, const char *name), void *ctx)
{
	struct spdk_json_val *one;
	int rc = 0;

	switch (val->type) {
	case SPDK_JSON_VAL_STRING:
		return tell(val, fn, ctx);
	case SPDK_JSON_VAL_OBJECT_BEGIN:
		return tell_member(val, fn, ctx);
	case SPDK_JSON_VAL_ARRAY_BEGIN:
		one = spdk_json_array_first((struct spdk_json_val *)val);
		for (; one != NULL && rc == 0; one = spdk_json_next(one)) {
			rc = one->type == SPDK_JSON_VAL_ARRAY_BEGIN ? 0 : tell_all(one, fn, ctx);
		}
		return rc;
	default:
		return 0;
	}
}

int
bases_for_each(const struct spdk_json_val *info, int (*fn)(void *ctx, const char *name), void *ctx)
{
	const struct spdk_json_val *val = info + 1, *end = end_of(info);
	int rc = 0;

	if (!is_container(info)) {
		return 0;
	}
	while (val < end && rc == 0) {
		if (begins_with(val, "base_bdev") || begins_with(val, "base_name") || begins_with(val, "error_disk")) {
			rc = tell_all(val + 1, fn, ctx);
			val = end_of(val + 1);
		} else {
			val++;
		}
	}
	return rc;
}

static const struct spdk_json_val *
find(const struct spdk_json_val *info, const char *name)
{
	for (const struct spdk_json_val *val = info; val < end_of(info); val++) {
		if (val->type == SPDK_JSON_VAL_NAME && spdk_json_strequal(val, name)) {
			return val + 1;
		}
	}
	return NULL;
}

char *
bases_find_string(const struct spdk_json_val *info, const char *name)
{
	const struct spdk_json_val *val = find(info, name);

	return val != NULL && val->type == SPDK_JSON_VAL_STRING ? spdk_json_strdup(val) : NULL;
}

bool
bases_has(const struct spdk_json_val *info, const char *name)
{
	return find(info, name) != NULL;
}
