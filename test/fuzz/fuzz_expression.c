/* SPDX-License-Identifier: BSD-3-Clause */

/* Bdev expressions: whatever a word holds, it is a configuration, or there is an error that points into it. */

#include "test/fuzz/fuzz.h"

#include "app/bdevkit/expression.h"
#include "app/bdevkit/text.h"

static int
write_one(const char *text, struct text *json, struct expression_error *error)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, json, 0);
	struct expression_names taken = {}, bdevs = {};
	struct expression *expression;
	int rc;

	FUZZ_CHECK(w != NULL);
	spdk_json_write_array_begin(w);
	rc = expression_parse(text, &expression, error);
	if (rc == 0) {
		rc = expression_write(expression, &taken, w, &bdevs, error);
		FUZZ_CHECK(rc != 0 || bdevs.count > 0);
	}
	expression_free(expression);
	expression_names_free(&taken);
	expression_names_free(&bdevs);
	spdk_json_write_array_end(w);
	FUZZ_CHECK(spdk_json_write_end(w) == 0);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct expression_error error = {.at = SIZE_MAX};
	struct text json = {};
	void *end;
	int rc;

	FUZZ_CHECK(text != NULL);
	rc = write_one(text, &json, &error);
	FUZZ_CHECK(rc == 0 || (rc == -EINVAL && error.at <= strlen(text) && error.text[0] != '\0'));
	FUZZ_CHECK(spdk_json_parse(json.data, json.size, NULL, 0, &end, 0) > 0 && end == json.data + json.size);
	free(json.data);
	free(text);
	return 0;
}
