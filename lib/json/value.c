/* SPDX-License-Identifier: BSD-3-Clause */

/* Walking through parsed values. */

#include "lib/json/json_internal.h"

size_t
spdk_json_val_len(const struct spdk_json_val *val)
{
	if (val == NULL) {
		return 0;
	}
	if (val->type == SPDK_JSON_VAL_ARRAY_BEGIN || val->type == SPDK_JSON_VAL_OBJECT_BEGIN) {
		return (size_t)val->len + 2;
	}
	return 1;
}

bool
spdk_json_strequal(const struct spdk_json_val *val, const char *str)
{
	if (val->type != SPDK_JSON_VAL_STRING && val->type != SPDK_JSON_VAL_NAME) {
		return false;
	}
	return val->len == strlen(str) && memcmp(val->start, str, val->len) == 0;
}

char *
spdk_json_strdup(const struct spdk_json_val *val)
{
	char *copy;

	if (val->type != SPDK_JSON_VAL_STRING && val->type != SPDK_JSON_VAL_NAME) {
		return NULL;
	}
	if (memchr(val->start, '\0', val->len) != NULL) {
		return NULL;
	}
	copy = malloc((size_t)val->len + 1);
	if (copy != NULL) {
		memcpy(copy, val->start, val->len);
		copy[val->len] = '\0';
	}
	return copy;
}

static bool
is_end(const struct spdk_json_val *val)
{
	return val->type == SPDK_JSON_VAL_ARRAY_END || val->type == SPDK_JSON_VAL_OBJECT_END;
}

static struct spdk_json_val *
first_inside(struct spdk_json_val *begin, enum spdk_json_val_type type)
{
	if (begin == NULL || begin->type != type || is_end(begin + 1)) {
		return NULL;
	}
	return begin + 1;
}

struct spdk_json_val *
spdk_json_array_first(struct spdk_json_val *array_begin)
{
	return first_inside(array_begin, SPDK_JSON_VAL_ARRAY_BEGIN);
}

struct spdk_json_val *
spdk_json_object_first(struct spdk_json_val *object)
{
	return first_inside(object, SPDK_JSON_VAL_OBJECT_BEGIN);
}

struct spdk_json_val *
spdk_json_next(struct spdk_json_val *pos)
{
	/* The end of a container was not reached by way of this function, and nothing may stand behind it. */
	if (pos == NULL || is_end(pos)) {
		return NULL;
	}
	if (pos->type == SPDK_JSON_VAL_NAME) {
		pos++;
	}
	pos += spdk_json_val_len(pos);
	return is_end(pos) ? NULL : pos;
}

int
spdk_json_find(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key,
	struct spdk_json_val **val, enum spdk_json_val_type type)
{
	struct spdk_json_val *name, *found = NULL;

	if (key != NULL) {
		*key = NULL;
	}
	if (val != NULL) {
		*val = NULL;
	}
	if (object == NULL || object->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		return -EPROTOTYPE;
	}
	for (name = spdk_json_object_first(object); name != NULL; name = spdk_json_next(name)) {
		if (!spdk_json_strequal(name, key_name)) {
			continue;
		}
		if (found != NULL) {
			return -EINVAL;
		}
		found = name;
	}
	if (found == NULL) {
		return -ENOENT;
	}
	if (type != SPDK_JSON_VAL_ANY && found[1].type != type) {
		return -EDOM;
	}
	if (key != NULL) {
		*key = found;
	}
	if (val != NULL) {
		*val = found + 1;
	}
	return 0;
}

int
spdk_json_find_string(
	struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **val)
{
	return spdk_json_find(object, key_name, key, val, SPDK_JSON_VAL_STRING);
}

int
spdk_json_find_array(
	struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **value)
{
	return spdk_json_find(object, key_name, key, value, SPDK_JSON_VAL_ARRAY_BEGIN);
}

const char *
json_type_name(enum spdk_json_val_type type)
{
	switch (type) {
	case SPDK_JSON_VAL_NULL:
		return "null";
	case SPDK_JSON_VAL_TRUE:
	case SPDK_JSON_VAL_FALSE:
		return "boolean";
	case SPDK_JSON_VAL_NUMBER:
		return "number";
	case SPDK_JSON_VAL_STRING:
		return "string";
	case SPDK_JSON_VAL_ARRAY_BEGIN:
		return "array";
	case SPDK_JSON_VAL_OBJECT_BEGIN:
		return "object";
	case SPDK_JSON_VAL_NAME:
		return "name";
	default:
		return "nothing";
	}
}
