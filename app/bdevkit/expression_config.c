/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/expression_config.h"

#include "spdk/string.h"

#include "bdevkit/module.h"
#include "app/bdevkit/load_module.h"

static int
write_word(const char *command, const char *word, struct expression_names *taken, struct spdk_json_write_ctx *w,
	struct expression_names *bdevs)
{
	struct expression_error error = {};
	struct expression *expression;
	int rc = expression_parse(word, &expression, &error);

	if (rc == 0) {
		rc = expression_write(expression, taken, w, bdevs, &error);
	}
	expression_free(expression);
	if (rc == -EINVAL) {
		expression_print_error(command, word, &error);
	} else if (rc != 0) {
		fprintf(stderr, "bdevkit %s: %s: %s\n", command, word, spdk_strerror(-rc));
	}
	return rc;
}

int
expression_write_words(const char *command, const char *const *words, size_t count, struct expression_names *taken,
	struct spdk_json_write_ctx *w, struct expression_names *bdevs)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = expression_is_one(words[i]) ? write_word(command, words[i], taken, w, bdevs)
						 : expression_names_add(bdevs, words[i]);
	}
	return rc;
}

/* ---- whole configurations ---- */

static bool
has_expression(const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (expression_is_one(words[i])) {
			return true;
		}
	}
	return false;
}

static const struct spdk_json_val *
end_of(const struct spdk_json_val *container)
{
	return container + 1 + container->len;
}

static int
load_modules(const char *command, const struct spdk_json_val *modules)
{
	int rc = 0;

	if (modules->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return 0;
	}
	for (const struct spdk_json_val *one = modules + 1; one < end_of(modules) && rc == 0;
		one += spdk_json_val_len(one)) {
		char *name = one->type == SPDK_JSON_VAL_STRING ? spdk_json_strdup(one) : NULL;

		rc = name != NULL ? load_module(command, name) : 0;
		free(name);
	}
	return rc == -EALREADY ? 0 : rc;
}

static int
write_bdevs(const char *command, const char *const *words, size_t count, struct spdk_json_write_ctx *w,
	struct expression_names *bdevs)
{
	struct expression_names taken = {};
	int rc;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", "bdev");
	spdk_json_write_named_array_begin(w, "config");
	rc = expression_write_words(command, words, count, &taken, w, bdevs);
	expression_names_free(&taken);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	return rc;
}

static int
write_file(void *ctx, const char *file)
{
	spdk_json_write_string(ctx, file);
	return 0;
}

static int
has_file(void *ctx, const char *file)
{
	return 1;
}

/* The files that the command line has loaded: without them it could not be loaded again. */
static void
write_modules(struct spdk_json_write_ctx *w)
{
	if (bdk_module_for_each_file(has_file, NULL) != 0) {
		spdk_json_write_named_array_begin(w, "modules");
		bdk_module_for_each_file(write_file, w);
		spdk_json_write_array_end(w);
	}
}

/* What "subsystems" of a configuration has stays in front. */
static void
write_subsystems(struct spdk_json_val *config, struct spdk_json_write_ctx *w)
{
	struct spdk_json_val *subsystems;
	const struct spdk_json_val *one;

	if (config == NULL || spdk_json_find_array(config, "subsystems", NULL, &subsystems) != 0) {
		return;
	}
	for (one = subsystems + 1; one < end_of(subsystems); one += spdk_json_val_len(one)) {
		spdk_json_write_val(w, one);
	}
}

static int
parse_config(const char *command, char *text, size_t size, struct spdk_json_val **values)
{
	ssize_t count = spdk_json_parse(text, size, NULL, 0, NULL, SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS);
	struct spdk_json_val *modules;

	if (count <= 0 || (*values = calloc((size_t)count, sizeof(**values))) == NULL) {
		fprintf(stderr, "bdevkit %s: the configuration is no JSON\n", command);
		return -EINVAL;
	}
	spdk_json_parse(text, size, *values, (size_t)count, NULL,
		SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS | SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	if ((*values)->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		fprintf(stderr, "bdevkit %s: the configuration is no object\n", command);
		return -EINVAL;
	}
	return spdk_json_find_array(*values, "modules", NULL, &modules) == 0 ? load_modules(command, modules) : 0;
}

int
expression_write_config(const char *command, const char *const *words, size_t count, const char *config,
	size_t config_size, uint32_t write_flags, struct text *text, struct expression_names *bdevs)
{
	struct spdk_json_write_ctx *w;
	struct spdk_json_val *values = NULL;
	char *copy = NULL;
	int rc = 0;

	if (!has_expression(words, count)) {
		for (size_t i = 0; i < count && rc == 0; i++) {
			rc = expression_names_add(bdevs, words[i]);
		}
		return rc;
	}
	if (config != NULL) {
		copy = spdk_sprintf_alloc("%.*s", (int)config_size, config);
		rc = copy != NULL ? parse_config(command, copy, strlen(copy), &values) : -ENOMEM;
	}
	w = rc == 0 ? spdk_json_write_begin(text_append, text, write_flags) : NULL;
	if (w != NULL) {
		spdk_json_write_object_begin(w);
		write_modules(w);
		spdk_json_write_named_array_begin(w, "subsystems");
		write_subsystems(values, w);
		rc = write_bdevs(command, words, count, w, bdevs);
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
		rc = spdk_json_write_end(w) != 0 && rc == 0 ? -ENOMEM : rc;
	}
	free(values);
	free(copy);
	return w == NULL && rc == 0 ? -ENOMEM : rc;
}
