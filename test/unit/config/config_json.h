/* SPDX-License-Identifier: BSD-3-Clause */

/* Looking into JSON that the program under test has written. What is not as expected ends the test program. */

#ifndef TEST_CONFIG_JSON_H
#define TEST_CONFIG_JSON_H

#include "spdk/json.h"

struct json_document {
	char *text;
	struct spdk_json_val *values;
};

struct json_document *json_document_parse(const char *text);
void json_document_free(struct json_document *document);

/* The first element of an array, or name of an object, and the one behind the value val; NULL: none. */
const struct spdk_json_val *json_first(const struct spdk_json_val *container);
const struct spdk_json_val *json_next(const struct spdk_json_val *container, const struct spdk_json_val *val);

/* A member of an object; NULL if it has it not. */
const struct spdk_json_val *json_member(const struct spdk_json_val *object, const char *name);

/* The text of a string or name; freed by the caller. */
char *json_text_of(const struct spdk_json_val *val);

/* A value as JSON text; freed by the caller. */
char *json_print(const struct spdk_json_val *val);

/*
 * The elements of an array as JSON texts, one a line, in alphabetical order; freed by the caller. Null: as empty.
 */
char *json_sort(const struct spdk_json_val *array);

#endif /* TEST_CONFIG_JSON_H */
