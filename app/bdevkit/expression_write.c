/* SPDX-License-Identifier: BSD-3-Clause */

/* From the tree of an expression to the entries of a configuration; see expression.h. */

#include "app/bdevkit/expression.h"

#include "bdevkit/uring.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* Of what is named in bytes, where nobody says otherwise. */
#define DEFAULT_BLOCK_SIZE "512"

#define METHOD_FORMAT "bdev_%s_create"

/* One that makes several bdevs makes no more. */
#define MAX_PARTS 1024

/* Digits of the shortest key that a cipher takes. */
#define MIN_KEY_DIGITS 32

/* A kind that is another one with parameters, or of which more is to be known than the description of its method says. */
struct alias {
	const char *kind;
	/* NULL: a file, by io_uring if this process may use it, else by aio. */
	const char *of;
	struct {
		const char *name;
		const char *value;
	} defaults[2];
	/* A parameter whose value, if it is no key in hexadecimal digits, is the other parameter's: the name of one. */
	const char *key, *key_name;
	/* How bdevs are called that get no name of their own: that of the base, between these two; NULL: they do get one. */
	const char *prefix, *suffix;
	/* So many of them, with numbers from 0 on behind their names; NULL: one, without a number. */
	const char *count;
};

static const struct alias g_aliases[] = {
	{"file", NULL, {{"block_size", DEFAULT_BLOCK_SIZE}}},
	{"raid0", "raid", {{"raid_level", "raid0"}, {"strip_size_kb", "64"}}},
	{"raid1", "raid", {{"raid_level", "raid1"}}},
	{"raid5", "raid", {{"raid_level", "raid5"}, {"strip_size_kb", "64"}}},
	{"raid5f", "raid", {{"raid_level", "raid5f"}, {"strip_size_kb", "64"}}},
	{"raid6", "raid", {{"raid_level", "raid6"}, {"strip_size_kb", "64"}}},
	{"concat", "raid", {{"raid_level", "concat"}, {"strip_size_kb", "64"}}},
	{.kind = "crypto", .of = "crypto", .key = "key", .key_name = "key_name"},
	{.kind = "error", .of = "error", .prefix = "EE_", .suffix = ""},
	{.kind = "split", .of = "split", .prefix = "", .suffix = "p", .count = "split_count"},
};

/* By which names methods know what their bdev stands on. */
static const char *const g_base_names[] = {"base_bdev_name", "base_bdev", "base_name", "base_bdevs"};

/* The call that an expression stands for. */
struct call {
	const struct expression *expression;
	struct expression_error *error;
	const struct alias *alias;
	char method_name[80];
	/* NULL: nobody has described it. */
	const struct bdk_rpc_method *method;
	/* The bases, in their order, and the bdevs that it makes. */
	struct expression_names bases;
	struct expression_names made;
};

/* ---- names ---- */

void
expression_names_free(struct expression_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->items[i]);
	}
	free(names->items);
	memset(names, 0, sizeof(*names));
}

/* Takes over name. NULL: no memory. */
static const char *
keep_name(struct expression_names *names, char *name)
{
	char **items = name != NULL ? realloc(names->items, (names->count + 1) * sizeof(*items)) : NULL;

	if (items == NULL) {
		free(name);
		return NULL;
	}
	names->items = items;
	items[names->count++] = name;
	return name;
}

int
expression_names_add(struct expression_names *names, const char *name)
{
	return keep_name(names, strdup(name)) != NULL ? 0 : -ENOMEM;
}

static bool
is_taken(const struct expression_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* Returns 0 or -ENOMEM; name NULL: there was no memory for it. */
static int
add_made(struct call *call, struct expression_names *names, char *name)
{
	const char *kept = keep_name(names, name);

	return kept != NULL ? expression_names_add(&call->made, kept) : -ENOMEM;
}

/* The kind, of a file its own name, and with a number behind it if that is taken. */
static char *
make_name(const struct expression_names *names, const struct call *call)
{
	const struct expression *expression = call->expression;
	bool is_file = call->alias != NULL && call->alias->of == NULL && expression->argument.text != NULL;
	const char *slash = is_file ? strrchr(expression->argument.text, '/') : NULL;
	const char *stem = !is_file ? expression->kind.text : slash != NULL ? slash + 1 : expression->argument.text;
	char *name;

	/* A path may end with a slash. */
	stem = stem[0] == '\0' ? expression->kind.text : stem;
	name = strdup(stem);
	for (unsigned int i = 1; name != NULL && is_taken(names, name); i++) {
		free(name);
		name = spdk_sprintf_alloc("%s.%u", stem, i);
	}
	return name;
}

/* ---- the method and its parameters ---- */

static int
find_method(struct call *call)
{
	const struct expression *expression = call->expression;
	const char *kind = expression->kind.text, *why;
	uint32_t states;

	for (size_t i = 0; i < SPDK_COUNTOF(g_aliases) && call->alias == NULL; i++) {
		call->alias = strcmp(g_aliases[i].kind, kind) == 0 ? &g_aliases[i] : NULL;
	}
	if (call->alias != NULL) {
		kind = call->alias->of;
	}
	if (kind == NULL) {
		kind = bdk_uring_probe(&why) == 0 ? "uring" : "aio";
	}
	snprintf(call->method_name, sizeof(call->method_name), METHOD_FORMAT, kind);
	if (spdk_rpc_get_method_state_mask(call->method_name, &states) != 0) {
		return expression_fail(call->error, expression->kind.at, "there is no kind of bdev '%s': no method %s",
			expression->kind.text, call->method_name);
	}
	call->method = bdk_rpc_get_description(call->method_name);
	return 0;
}

bool
expression_has_kind(const char *kind)
{
	char method_name[sizeof(((struct call *)NULL)->method_name)];
	uint32_t states;

	for (size_t i = 0; i < SPDK_COUNTOF(g_aliases); i++) {
		if (strcmp(g_aliases[i].kind, kind) == 0) {
			return true;
		}
	}
	snprintf(method_name, sizeof(method_name), METHOD_FORMAT, kind);
	return spdk_rpc_get_method_state_mask(method_name, &states) == 0;
}

/* NULL: it has none of that name. */
static const struct bdk_rpc_param *
find_param(const struct call *call, const char *name)
{
	for (size_t i = 0; call->method != NULL && i < call->method->num_params; i++) {
		const struct bdk_rpc_param *param = &call->method->params[i];
		size_t k;

		for (k = 0; name[k] != '\0' && (name[k] == param->name[k] || (name[k] == '-' && param->name[k] == '_'));
			k++) {
		}
		if (name[k] == '\0' && param->name[k] == '\0') {
			return param;
		}
	}
	return NULL;
}

static const char *
find_base_name(const struct call *call)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_base_names); i++) {
		if (find_param(call, g_base_names[i]) != NULL) {
			return g_base_names[i];
		}
	}
	return call->method == NULL ? g_base_names[0] : NULL;
}

static bool
is_key(const char *text)
{
	size_t length = strlen(text);

	return length >= MIN_KEY_DIGITS && strspn(text, "0123456789abcdefABCDEF") == length;
}

/* The name of the parameter that an item is for. */
static const char *
param_name(const struct call *call, const struct expression_item *item)
{
	const struct alias *alias = call->alias;

	if (alias != NULL && alias->key != NULL && strcmp(item->name.text, alias->key) == 0 &&
		!is_key(item->value.text)) {
		return alias->key_name;
	}
	return item->name.text;
}

static const struct expression_item *
find_item(const struct call *call, const char *name)
{
	const struct bdk_rpc_param *param = find_param(call, name);

	for (size_t i = 0; i < call->expression->num_items; i++) {
		const struct expression_item *item = &call->expression->items[i];

		if (item->base == NULL &&
			(strcmp(param_name(call, item), name) == 0 ||
				(param != NULL && find_param(call, param_name(call, item)) == param))) {
			return item;
		}
	}
	return NULL;
}

/* What the ARGUMENT is: the first positional argument of the command line that is neither name nor base. */
struct argument {
	const struct bdk_rpc_param *param;
	/* A size in bytes that sets another one. */
	const struct bdk_rpc_cli_param *cli_param;
};

static bool
is_own_name(const struct call *call, const char *name)
{
	const char *base = find_base_name(call);

	return strcmp(name, "name") == 0 || (base != NULL && strcmp(name, base) == 0);
}

static struct argument
find_argument(const struct call *call)
{
	const struct bdk_rpc_method *method = call->method;
	struct argument argument = {};
	unsigned int first = UINT_MAX;

	for (size_t i = 0; method != NULL && i < method->num_params; i++) {
		const struct bdk_rpc_param *param = &method->params[i];

		if (param->position != 0 && param->position < first && !is_own_name(call, param->name)) {
			first = param->position;
			argument.param = param;
		}
	}
	for (size_t i = 0; method != NULL && i < method->num_cli_params; i++) {
		const struct bdk_rpc_cli_param *param = &method->cli_params[i];

		if (param->position != 0 && param->position < first) {
			first = param->position;
			argument.cli_param = param;
			argument.param = find_param(call, param->target);
		}
	}
	return argument;
}

/* ---- checks ---- */

static int
check_item(const struct call *call, size_t index)
{
	const struct expression_item *item = &call->expression->items[index];
	const char *name = param_name(call, item);
	const struct bdk_rpc_param *param = find_param(call, name);
	const char *base = find_base_name(call);

	if (call->method != NULL && param == NULL) {
		return expression_fail(call->error, item->name.at,
			"%s has no parameter %s; 'bdevkit rpc %s --help' tells them", call->expression->kind.text,
			item->name.text, call->method_name);
	}
	if (base != NULL && strcmp(item->name.text, base) == 0) {
		return expression_fail(call->error, item->name.at,
			"the bases of %s stand in front of its parameters, without a name",
			call->expression->kind.text);
	}
	for (size_t i = 0; i < index; i++) {
		const struct expression_item *other = &call->expression->items[i];

		if (other->base == NULL &&
			(strcmp(param_name(call, other), name) == 0 ||
				(param != NULL && find_param(call, param_name(call, other)) == param))) {
			return expression_fail(call->error, item->name.at, "%s is given twice", item->name.text);
		}
	}
	return expression_check_value(param, &item->value, call->error);
}

static int
check_bases(const struct call *call)
{
	const struct expression *expression = call->expression;
	const char *base = find_base_name(call);
	const struct bdk_rpc_param *param = base != NULL ? find_param(call, base) : NULL;
	size_t max = base == NULL ? 0 : param != NULL && param->type == BDK_RPC_STRING_ARRAY ? SIZE_MAX : 1, seen = 0;

	for (size_t i = 0; i < expression->num_items; i++) {
		const struct expression *item = expression->items[i].base;

		if (item != NULL && ++seen > max) {
			return expression_fail(call->error, item->kind.text != NULL ? item->kind.at : item->name.at,
				max == 0 ? "%s stands on no other bdev" : "%s stands on one bdev only",
				expression->kind.text);
		}
	}
	if (seen == 0 && param != NULL && param->required) {
		return expression_fail(call->error, expression->kind.at, "%s stands on another bdev: %s(BASE)",
			expression->kind.text, expression->kind.text);
	}
	return 0;
}

static const char *
argument_hint(const struct argument *argument)
{
	return argument->cli_param != NULL ? "its size, such as 64M" : argument->param->help;
}

static int
check_argument(const struct call *call)
{
	const struct expression *expression = call->expression;
	struct argument argument = find_argument(call);

	if (expression->argument.text == NULL) {
		return 0;
	}
	if (argument.param == NULL) {
		return expression_fail(call->error, expression->argument.at,
			call->method != NULL ? "%s takes no argument behind a colon"
					     : "what %s takes is not described: write PARAMETER=VALUE in brackets",
			expression->kind.text);
	}
	if (expression->argument.text[0] == '\0') {
		return expression_fail(call->error, expression->argument.at,
			"%s needs an argument behind the colon: %s", expression->kind.text, argument_hint(&argument));
	}
	if (find_item(call, argument.param->name) != NULL) {
		return expression_fail(call->error, expression->argument.at, "%s is given twice: here and by its name",
			argument.param->name);
	}
	return argument.cli_param != NULL ? 0
					  : expression_check_value(argument.param, &expression->argument, call->error);
}

static bool
has_default(const struct call *call, const char *name)
{
	for (size_t i = 0; call->alias != NULL && i < SPDK_COUNTOF(call->alias->defaults); i++) {
		if (call->alias->defaults[i].name != NULL && strcmp(call->alias->defaults[i].name, name) == 0) {
			return true;
		}
	}
	return strcmp(name, "block_size") == 0;
}

static int
check_required(const struct call *call)
{
	struct argument argument = find_argument(call);

	for (size_t i = 0; call->method != NULL && i < call->method->num_params; i++) {
		const struct bdk_rpc_param *param = &call->method->params[i];
		bool is_argument = param == argument.param;

		if (!param->required || is_own_name(call, param->name) || find_item(call, param->name) != NULL ||
			has_default(call, param->name) || (is_argument && call->expression->argument.text != NULL)) {
			continue;
		}
		return expression_fail(call->error, call->expression->kind.at,
			is_argument ? "%s needs an argument behind a colon: %s" : "%s needs the parameter %s",
			call->expression->kind.text, is_argument ? argument_hint(&argument) : param->name);
	}
	return 0;
}

static int
check_call(const struct call *call)
{
	int rc = 0;

	if (call->method != NULL && find_param(call, "name") == NULL &&
		(call->alias == NULL || call->alias->prefix == NULL)) {
		return expression_fail(call->error, call->expression->kind.at,
			"%s is not one bdev with a name of its own: call the method %s", call->expression->kind.text,
			call->method_name);
	}
	for (size_t i = 0; i < call->expression->num_items && rc == 0; i++) {
		rc = call->expression->items[i].base == NULL ? check_item(call, i) : 0;
	}
	if (rc == 0) {
		rc = check_bases(call);
	}
	if (rc == 0) {
		rc = check_argument(call);
	}
	return rc != 0 ? rc : check_required(call);
}

/* ---- what is written ---- */

static void
write_default(const struct call *call, const char *name, const char *value, struct spdk_json_write_ctx *w)
{
	struct expression_word word = {.text = (char *)(uintptr_t)value};
	struct expression_error ignored;

	if (find_param(call, name) != NULL && find_item(call, name) == NULL) {
		spdk_json_write_name(w, name);
		expression_write_value(find_param(call, name), &word, w, &ignored);
	}
}

/* What nobody has said, and this program knows. */
static void
write_defaults(const struct call *call, struct spdk_json_write_ctx *w)
{
	const struct bdk_rpc_param *block_size = find_param(call, "block_size");
	bool has_block_size = false;

	for (size_t i = 0; call->alias != NULL && i < SPDK_COUNTOF(call->alias->defaults); i++) {
		if (call->alias->defaults[i].name != NULL) {
			write_default(call, call->alias->defaults[i].name, call->alias->defaults[i].value, w);
			has_block_size = has_block_size || strcmp(call->alias->defaults[i].name, "block_size") == 0;
		}
	}
	if (block_size != NULL && block_size->required && !has_block_size) {
		write_default(call, "block_size", DEFAULT_BLOCK_SIZE, w);
	}
	if (call->alias != NULL && call->alias->of == NULL && call->expression->argument.text != NULL &&
		access(call->expression->argument.text, F_OK) == 0 &&
		access(call->expression->argument.text, W_OK) != 0) {
		write_default(call, "readonly", "true", w);
	}
}

/* The value that a numeric parameter will have. */
static uint64_t
get_number(const struct call *call, const char *name)
{
	const struct bdk_rpc_param *param = find_param(call, name);
	const struct expression_item *item = find_item(call, name);
	uint64_t number = 0;

	if (item != NULL) {
		expression_number(item->value.text, &number);
		return number;
	}
	if (param != NULL && !param->required && call->method->defaults != NULL && param->type == BDK_RPC_UINT32) {
		number = *(const uint32_t *)((const char *)call->method->defaults + param->offset);
	}
	return number != 0 ? number : strtoull(DEFAULT_BLOCK_SIZE, NULL, 10);
}

/* A size in bytes, which the method wants in other units. */
static int
write_size(const struct call *call, const struct bdk_rpc_cli_param *size, struct spdk_json_write_ctx *w)
{
	const struct expression_word *word = &call->expression->argument;
	uint64_t bytes, unit = size->divisor != NULL ? get_number(call, size->divisor) : 1;

	if (expression_number(word->text, &bytes) != 0) {
		return expression_fail(call->error, word->at,
			"a size is a number of bytes, perhaps with one of the suffixes K, M, G, T, P, E");
	}
	if (unit == 0 || bytes % unit != 0) {
		return expression_fail(call->error, word->at, "%" PRIu64 " bytes are no multiple of the %s, %" PRIu64,
			bytes, size->divisor, unit);
	}
	spdk_json_write_named_uint64(w, size->target, bytes / unit);
	return 0;
}

static int
write_argument(const struct call *call, struct spdk_json_write_ctx *w)
{
	struct argument argument = find_argument(call);

	if (call->expression->argument.text == NULL) {
		return 0;
	}
	if (argument.cli_param != NULL) {
		return write_size(call, argument.cli_param, w);
	}
	spdk_json_write_name(w, argument.param->name);
	return expression_write_value(argument.param, &call->expression->argument, w, call->error);
}

static void
write_bases(const struct call *call, struct spdk_json_write_ctx *w)
{
	const char *base = find_base_name(call);
	const struct bdk_rpc_param *param = base != NULL ? find_param(call, base) : NULL;

	if (call->bases.count == 0) {
		return;
	}
	spdk_json_write_name(w, base);
	if (param == NULL || param->type != BDK_RPC_STRING_ARRAY) {
		spdk_json_write_string(w, call->bases.items[0]);
		return;
	}
	spdk_json_write_array_begin(w);
	for (size_t i = 0; i < call->bases.count; i++) {
		spdk_json_write_string(w, call->bases.items[i]);
	}
	spdk_json_write_array_end(w);
}

static int
write_params(const struct call *call, struct spdk_json_write_ctx *w)
{
	int rc;

	if (call->alias == NULL || call->alias->prefix == NULL) {
		spdk_json_write_named_string(w, "name", call->made.items[0]);
	}
	write_bases(call, w);
	rc = write_argument(call, w);
	for (size_t i = 0; i < call->expression->num_items && rc == 0; i++) {
		const struct expression_item *item = &call->expression->items[i];
		const struct bdk_rpc_param *param;

		if (item->base == NULL && strcmp(item->name.text, "name") != 0) {
			param = find_param(call, param_name(call, item));
			spdk_json_write_name(w, param != NULL ? param->name : item->name.text);
			rc = expression_write_value(param, &item->value, w, call->error);
		}
	}
	if (rc == 0) {
		write_defaults(call, w);
	}
	return rc;
}

static int
write_call(const struct call *call, struct spdk_json_write_ctx *w)
{
	int rc;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", call->method_name);
	spdk_json_write_named_object_begin(w, "params");
	rc = write_params(call, w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	return rc;
}

/* A base may be several bdevs, where that is what the method takes. */
static int
write_base_call(
	struct call *call, const struct expression *base, struct expression_names *names, struct spdk_json_write_ctx *w)
{
	const struct bdk_rpc_param *param = find_param(call, find_base_name(call));
	struct expression_names bdevs = {};
	int rc = expression_write(base, names, w, &bdevs, call->error);

	if (rc == 0 && bdevs.count > 1 && (param == NULL || param->type != BDK_RPC_STRING_ARRAY)) {
		rc = expression_fail(call->error, base->kind.at, "these are %zu bdevs, and %s stands on one only",
			bdevs.count, call->expression->kind.text);
	}
	for (size_t i = 0; i < bdevs.count && rc == 0; i++) {
		rc = expression_names_add(&call->bases, bdevs.items[i]);
	}
	expression_names_free(&bdevs);
	return rc;
}

static int
write_base_calls(struct call *call, struct expression_names *names, struct spdk_json_write_ctx *w)
{
	const struct expression *expression = call->expression;
	int rc = 0;

	for (size_t i = 0; i < expression->num_items && rc == 0; i++) {
		if (expression->items[i].base != NULL) {
			rc = write_base_call(call, expression->items[i].base, names, w);
		}
	}
	return rc;
}

/* ---- how the bdevs are called ---- */

/* As the module calls them. */
static int
name_parts(struct call *call, struct expression_names *names)
{
	const struct alias *alias = call->alias;
	struct argument argument __attribute__((unused)) = find_argument(call);
	const struct expression_word *word = NULL;
	uint64_t count = 1;
	int rc = 0;

	if (alias->count != NULL) {
		word = find_item(call, alias->count) != NULL ? &find_item(call, alias->count)->value
							     : &call->expression->argument;
		assert(word->text != NULL && (word != &call->expression->argument || argument.param != NULL));
		expression_number(word->text, &count);
		if (count == 0 || count > MAX_PARTS) {
			return expression_fail(call->error, word->at, "%s makes from 1 to %d bdevs",
				call->expression->kind.text, MAX_PARTS);
		}
	}
	for (uint64_t i = 0; i < count && rc == 0; i++) {
		char *name = alias->count != NULL
			? spdk_sprintf_alloc("%s%s%s%" PRIu64, alias->prefix, call->bases.items[0], alias->suffix, i)
			: spdk_sprintf_alloc("%s%s%s", alias->prefix, call->bases.items[0], alias->suffix);

		if (name != NULL && is_taken(names, name)) {
			rc = expression_fail(
				call->error, call->expression->kind.at, "there is another bdev of the name %s", name);
			free(name);
		} else {
			rc = add_made(call, names, name);
		}
	}
	return rc;
}

static int
name_call(struct call *call, struct expression_names *names)
{
	const struct expression_item *item = find_item(call, "name");

	if (call->alias != NULL && call->alias->prefix != NULL) {
		return name_parts(call, names);
	}
	if (item == NULL) {
		return add_made(call, names, make_name(names, call));
	}
	if (is_taken(names, item->value.text)) {
		return expression_fail(call->error, item->value.at, "there is another bdev of this name");
	}
	return add_made(call, names, strdup(item->value.text));
}

int
expression_write(const struct expression *expression, struct expression_names *names, struct spdk_json_write_ctx *w,
	struct expression_names *bdevs, struct expression_error *error)
{
	struct call call = {.expression = expression, .error = error};
	int rc;

	if (expression->kind.text == NULL) {
		return expression_names_add(bdevs, expression->name.text);
	}
	rc = find_method(&call);
	if (rc == 0) {
		rc = check_call(&call);
	}
	if (rc == 0) {
		rc = write_base_calls(&call, names, w);
	}
	if (rc == 0) {
		rc = name_call(&call, names);
	}
	if (rc == 0) {
		rc = write_call(&call, w);
	}
	for (size_t i = 0; i < call.made.count && rc == 0; i++) {
		rc = expression_names_add(bdevs, call.made.items[i]);
	}
	expression_names_free(&call.made);
	expression_names_free(&call.bases);
	return rc;
}
