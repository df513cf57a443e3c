/* SPDX-License-Identifier: BSD-3-Clause */

/* From a word of an expression to the value of a parameter; see expression.h. */

#include "app/bdevkit/expression.h"

#include "spdk/uuid.h"

int
expression_number(const char *text, uint64_t *number)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*text)) {
		return -EINVAL;
	}
	errno = 0;
	*number = strtoull(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	if (errno != 0) {
		return -EINVAL;
	}
	suffix = *end != '\0' ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix != NULL) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
		end += strcmp(end, "iB") == 0 ? 2 : 0;
	}
	end += strcmp(end, "B") == 0;
	if (*end != '\0' || *number > UINT64_MAX >> shift) {
		return -EINVAL;
	}
	*number <<= shift;
	return 0;
}

static bool
parse_bool(const char *text, bool *value)
{
	static const char *const words[2][5] = {{"false", "no", "off", "0", NULL}, {"true", "yes", "on", "1", NULL}};

	for (int i = 0; i < 2; i++) {
		for (int k = 0; words[i][k] != NULL; k++) {
			if (strcasecmp(text, words[i][k]) == 0) {
				*value = i == 1;
				return true;
			}
		}
	}
	return false;
}

static uint64_t
type_max(enum bdk_rpc_type type)
{
	switch (type) {
	case BDK_RPC_UINT8:
		return UINT8_MAX;
	case BDK_RPC_UINT16:
		return UINT16_MAX;
	case BDK_RPC_UINT32:
		return UINT32_MAX;
	case BDK_RPC_INT32:
		return INT32_MAX;
	default:
		return UINT64_MAX;
	}
}

static int
check_number(const struct bdk_rpc_param *param, const struct expression_word *word, struct expression_error *error)
{
	bool negative = param->type == BDK_RPC_INT32 && word->text[0] == '-';
	uint64_t max = param->max != 0 && param->type != BDK_RPC_INT32 ? param->max : type_max(param->type), number;

	if (expression_number(word->text + negative, &number) != 0) {
		return expression_fail(error, word->at,
			"%s takes a number, perhaps with one of the suffixes K, M, G, T, P, E", param->name);
	}
	if (number > max) {
		return expression_fail(error, word->at, "%s is at most %" PRIu64, param->name, max);
	}
	if (param->type != BDK_RPC_INT32 && number < param->min) {
		return expression_fail(error, word->at, "%s is at least %" PRIu64, param->name, param->min);
	}
	return 0;
}

static int
check_enum(const struct bdk_rpc_param *param, const struct expression_word *word, struct expression_error *error)
{
	char list[160] = "";

	for (const struct bdk_rpc_value *value = param->values; value->name != NULL; value++) {
		size_t length = strlen(list);

		if (strcmp(value->name, word->text) == 0) {
			return 0;
		}
		snprintf(list + length, sizeof(list) - length, "%s%s", length > 0 ? ", " : "", value->name);
	}
	return expression_fail(error, word->at, "%s is one of: %s", param->name, list);
}

/* How many values the text has as JSON; -1: it is none. */
static ssize_t
count_json(char *text)
{
	void *end;
	ssize_t count = spdk_json_parse(text, strlen(text), NULL, 0, &end, 0);

	return count > 0 && end == text + strlen(text) ? count : -1;
}

int
expression_check_value(
	const struct bdk_rpc_param *param, const struct expression_word *word, struct expression_error *error)
{
	struct spdk_uuid uuid;
	bool value;

	if (param == NULL) {
		return 0;
	}
	switch (param->type) {
	case BDK_RPC_BOOL:
		return parse_bool(word->text, &value)
			? 0
			: expression_fail(error, word->at, "%s takes true or false", param->name);
	case BDK_RPC_INT32:
	case BDK_RPC_UINT8:
	case BDK_RPC_UINT16:
	case BDK_RPC_UINT32:
	case BDK_RPC_UINT64:
		return check_number(param, word, error);
	case BDK_RPC_UUID:
		return spdk_uuid_parse(&uuid, word->text) == 0
			? 0
			: expression_fail(error, word->at, "%s takes a UUID", param->name);
	case BDK_RPC_ENUM:
		return check_enum(param, word, error);
	case BDK_RPC_JSON:
		return count_json(word->text) > 0 ? 0 : expression_fail(error, word->at, "%s takes JSON", param->name);
	case BDK_RPC_STRING:
	case BDK_RPC_STRING_ARRAY:
		break;
	}
	return 0;
}

static void
write_list(const char *text, struct spdk_json_write_ctx *w)
{
	spdk_json_write_array_begin(w);
	while (*text != '\0') {
		size_t length = strcspn(text, ";");

		spdk_json_write_string_raw(w, text, length);
		text += length + (text[length] == ';');
	}
	spdk_json_write_array_end(w);
}

static void
write_number(const char *text, struct spdk_json_write_ctx *w)
{
	bool negative = text[0] == '-';
	uint64_t number = 0;

	expression_number(text + negative, &number);
	if (negative) {
		spdk_json_write_int64(w, -(int64_t)number);
	} else {
		spdk_json_write_uint64(w, number);
	}
}

static void
write_json(char *text, struct spdk_json_write_ctx *w)
{
	ssize_t count = count_json(text);
	struct spdk_json_val *values = calloc((size_t)count, sizeof(*values));
	void *end;

	if (values == NULL) {
		spdk_json_write_null(w);
		return;
	}
	spdk_json_parse(text, strlen(text), values, (size_t)count, &end, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	spdk_json_write_val(w, values);
	free(values);
}

/* For a method that nobody has described. */
static void
write_guess(const char *text, struct spdk_json_write_ctx *w)
{
	uint64_t number;

	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		spdk_json_write_bool(w, text[0] == 't');
	} else if (expression_number(text, &number) == 0) {
		spdk_json_write_uint64(w, number);
	} else {
		spdk_json_write_string(w, text);
	}
}

int
expression_write_value(const struct bdk_rpc_param *param, const struct expression_word *word,
	struct spdk_json_write_ctx *w, struct expression_error *error)
{
	bool value = false;
	int rc = expression_check_value(param, word, error);

	if (rc != 0) {
		spdk_json_write_null(w);
		return rc;
	}
	if (param == NULL) {
		write_guess(word->text, w);
		return 0;
	}
	switch (param->type) {
	case BDK_RPC_BOOL:
		parse_bool(word->text, &value);
		spdk_json_write_bool(w, value);
		break;
	case BDK_RPC_INT32:
	case BDK_RPC_UINT8:
	case BDK_RPC_UINT16:
	case BDK_RPC_UINT32:
	case BDK_RPC_UINT64:
		write_number(word->text, w);
		break;
	case BDK_RPC_STRING_ARRAY:
		write_list(word->text, w);
		break;
	case BDK_RPC_JSON:
		write_json(word->text, w);
		break;
	case BDK_RPC_STRING:
	case BDK_RPC_UUID:
	case BDK_RPC_ENUM:
		spdk_json_write_string(w, word->text);
		break;
	}
	return 0;
}
