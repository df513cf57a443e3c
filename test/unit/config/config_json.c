/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_json.h"

#include "spdk/util.h"

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "config_json: %s\n", what);
	exit(1);
}

struct json_document *
json_document_parse(const char *text)
{
	struct json_document *document = calloc(1, sizeof(*document));
	ssize_t count;

	document->text = strdup(text);
	count = spdk_json_parse(document->text, strlen(text), NULL, 0, NULL, 0);
	if (count <= 0) {
		give_up("this is no JSON");
	}
	document->values = calloc(count, sizeof(*document->values));
	if (spdk_json_parse(document->text, strlen(text), document->values, count, NULL,
		    SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE) != count) {
		give_up("two parses differ");
	}
	return document;
}

void
json_document_free(struct json_document *document)
{
	free(document->values);
	free(document->text);
	free(document);
}

const struct spdk_json_val *
json_first(const struct spdk_json_val *container)
{
	if (container == NULL || container->type == SPDK_JSON_VAL_NULL || container->len == 0) {
		return NULL;
	}
	return container + 1;
}

const struct spdk_json_val *
json_next(const struct spdk_json_val *container, const struct spdk_json_val *val)
{
	const struct spdk_json_val *next = val + spdk_json_val_len(val);

	return next < container + 1 + container->len ? next : NULL;
}

const struct spdk_json_val *
json_member(const struct spdk_json_val *object, const char *name)
{
	const struct spdk_json_val *key;

	if (object->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		give_up("an object was expected");
	}
	for (key = json_first(object); key != NULL; key = json_next(object, key + 1)) {
		if (spdk_json_strequal(key, name)) {
			return key + 1;
		}
	}
	return NULL;
}

char *
json_text_of(const struct spdk_json_val *val)
{
	char *text = val != NULL ? strndup(val->start, val->len) : NULL;

	if (text == NULL || (val->type != SPDK_JSON_VAL_STRING && val->type != SPDK_JSON_VAL_NAME)) {
		give_up("a string was expected");
	}
	return text;
}

struct buffer {
	char *data;
	size_t size;
};

static int
append_cb(void *ctx, const void *data, size_t size)
{
	struct buffer *buffer = ctx;

	buffer->data = realloc(buffer->data, buffer->size + size + 1);
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
	return 0;
}

char *
json_print(const struct spdk_json_val *val)
{
	struct buffer buffer = {0};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, &buffer, 0);

	spdk_json_write_val(w, val);
	if (spdk_json_write_end(w) != 0) {
		give_up("a value cannot be written");
	}
	return buffer.data;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *
json_sort(const struct spdk_json_val *array)
{
	const struct spdk_json_val *val;
	struct buffer all = {0};
	size_t count = 0, i = 0;
	char **texts;

	for (val = json_first(array); val != NULL; val = json_next(array, val)) {
		count++;
	}
	texts = calloc(count + 1, sizeof(*texts));
	for (val = json_first(array); val != NULL; val = json_next(array, val)) {
		texts[i++] = json_print(val);
	}
	qsort(texts, count, sizeof(*texts), compare_texts);
	append_cb(&all, "", 0);
	for (i = 0; i < count; i++) {
		append_cb(&all, texts[i], strlen(texts[i]));
		append_cb(&all, "\n", 1);
		free(texts[i]);
	}
	free(texts);
	return all.data;
}
