/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/event/config_load.h"
#include "lib/event/config_names.h"
#include "lib/json/json_internal.h"
#include "lib/rpc/rpc_internal.h"

#include "bdevkit/module.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define PARSE_FLAGS SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS

struct event_config_load {
	struct event_config_load_opts opts;
	struct spdk_thread *thread;

	/* A text is kept twice: as it came, to count lines; and as the values point into it, with strings decoded. */
	char *name;
	char *text;
	char *decoded;
	size_t size;
	struct spdk_json_val *values;

	/* The array of modules to load first, or NULL; and the next one. */
	const struct spdk_json_val *modules;
	const struct spdk_json_val *module;

	/* The array of subsystems, the present one in it, its entries, and the next one of those; NULL at the start. */
	const struct spdk_json_val *subsystems;
	const struct spdk_json_val *subsystem;
	const struct spdk_json_val *config;
	const struct spdk_json_val *entry;
	/* For error texts. */
	size_t subsystem_index;
	size_t entry_index;

	/* Of the method that is being carried out. */
	const struct spdk_json_val *method;
	const struct spdk_json_val *params;
	char *method_name;
	char *call_error;

	bool error_kept;
	bool cancelled;
	/* The walk that comes first in the first of the loads of a configuration. */
	bool checking_names;
	int rc;
};

/* The members of an element of "subsystems" or of an entry. */
struct member {
	const char *name;
	bool required;
	/* Allowed types; the second may be SPDK_JSON_VAL_INVALID. */
	enum spdk_json_val_type types[2];
	const char *type_text;
};

static const struct member g_subsystem_members[] = {
	{"subsystem", true, {SPDK_JSON_VAL_STRING}, "a string"},
	{"config", true, {SPDK_JSON_VAL_ARRAY_BEGIN, SPDK_JSON_VAL_NULL}, "an array or null"},
};

static const struct member g_entry_members[] = {
	{"method", true, {SPDK_JSON_VAL_STRING}, "a string"},
	{"params", false, {SPDK_JSON_VAL_OBJECT_BEGIN}, "an object"},
};

static void run(void *ctx);
static void load_next_module(void *ctx);

/*
 * Errors
 */

/* "FILE:LINE" of a value, or the way to it by indices. */
static void
format_place(const struct event_config_load *load, const struct spdk_json_val *val, char *buf, size_t size)
{
	size_t line, column;

	if (load->text) {
		json_position(load->text, (const char *)val->start - load->decoded, &line, &column);
		snprintf(buf, size, "%s:%zu", load->name, line);
	} else if (!load->subsystem) {
		snprintf(buf, size, "configuration");
	} else if (load->config) {
		snprintf(buf, size, "subsystems[%zu].config[%zu]", load->subsystem_index, load->entry_index);
	} else {
		snprintf(buf, size, "subsystems[%zu]", load->subsystem_index);
	}
}

static void
keep_error(struct event_config_load *load, const char *text)
{
	if (load->opts.error && !load->error_kept) {
		snprintf(load->opts.error, load->opts.error_size, "%s", text);
		load->error_kept = true;
	}
}

static void __attribute__((format(printf, 3, 4)))
report(struct event_config_load *load, const struct spdk_json_val *val, const char *format, ...)
{
	char place[PATH_MAX + 32];
	char *what, *text;
	va_list args;

	va_start(args, format);
	what = spdk_vsprintf_alloc(format, args);
	va_end(args);

	format_place(load, val, place, sizeof(place));
	text = spdk_sprintf_alloc("%s: %s", place, what ? what : "out of memory");
	SPDK_ERRLOG("%s\n", text ? text : place);
	keep_error(load, text ? text : place);
	free(text);
	free(what);
}

/*
 * Shape
 */

static const struct spdk_json_val *
next_member(const struct spdk_json_val *name)
{
	return name + 1 + spdk_json_val_len(name + 1);
}

static const struct spdk_json_val *
end_of(const struct spdk_json_val *container)
{
	return container + 1 + container->len;
}

/* The value of a member of an object that has it at most once; NULL if it has it not. */
static const struct spdk_json_val *
get_member(const struct spdk_json_val *object, const char *member)
{
	const struct spdk_json_val *name;

	for (name = object + 1; name < end_of(object); name = next_member(name)) {
		if (spdk_json_strequal(name, member)) {
			return name + 1;
		}
	}

	return NULL;
}

static int
check_member(struct event_config_load *load, const struct spdk_json_val *name, const struct member *members,
	size_t num_members, uint32_t *seen)
{
	const struct spdk_json_val *value = name + 1;

	for (size_t i = 0; i < num_members; i++) {
		const struct member *member = &members[i];

		if (!spdk_json_strequal(name, member->name)) {
			continue;
		}
		if (*seen & SPDK_BIT(i)) {
			report(load, name, "\"%s\" is given twice", member->name);
			return -EINVAL;
		}
		*seen |= SPDK_BIT(i);
		if (value->type != member->types[0] &&
			(member->types[1] == SPDK_JSON_VAL_INVALID || value->type != member->types[1])) {
			report(load, value, "\"%s\" must be %s", member->name, member->type_text);
			return -EINVAL;
		}
		return 0;
	}

	report(load, name, "\"%.*s\" is not known here, only \"%s\" and \"%s\"", (int)spdk_min(name->len, 64),
		(const char *)name->start, members[0].name, members[1].name);
	return -EINVAL;
}

static int
check_object(struct event_config_load *load, const struct spdk_json_val *object, const struct member *members,
	size_t num_members, const char *what)
{
	const struct spdk_json_val *name;
	uint32_t seen = 0;
	int rc;

	if (object->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		report(load, object, "%s must be an object", what);
		return -EINVAL;
	}

	for (name = object + 1; name < end_of(object); name = next_member(name)) {
		rc = check_member(load, name, members, num_members, &seen);
		if (rc) {
			return rc;
		}
	}

	for (size_t i = 0; i < num_members; i++) {
		if (members[i].required && !(seen & SPDK_BIT(i))) {
			report(load, object, "%s has no \"%s\"", what, members[i].name);
			return -EINVAL;
		}
	}

	return 0;
}

/* Its methods are called all the same; but where the name decides something, it is not what was meant. */
static void
warn_of_misspelling(struct event_config_load *load, const struct spdk_json_val *subsystem)
{
	char *name = spdk_json_strdup(subsystem);
	const char *guess = name ? event_config_guess_subsystem(name) : NULL;
	char place[PATH_MAX + 32];

	if (guess) {
		format_place(load, subsystem, place, sizeof(place));
		SPDK_WARNLOG("%s: there is no subsystem \"%s\"; was \"%s\" meant?\n", place, name, guess);
	}
	free(name);
}

/*
 * Entries one after the other
 */

/* Goes to the next subsystem. Returns 1 if there is one, 0 at the end, or -EINVAL. */
static int
next_subsystem(struct event_config_load *load)
{
	const struct spdk_json_val *next;
	int rc;

	if (load->subsystem) {
		next = load->subsystem + spdk_json_val_len(load->subsystem);
		load->subsystem_index++;
	} else {
		next = load->subsystems + 1;
		load->subsystem_index = 0;
	}

	load->config = NULL;
	if (next == end_of(load->subsystems)) {
		return 0;
	}

	load->subsystem = next;
	rc = check_object(load, next, g_subsystem_members, SPDK_COUNTOF(g_subsystem_members), "A subsystem");
	if (rc) {
		return rc;
	}

	load->config = get_member(next, "config");
	load->entry = load->config + 1;
	load->entry_index = 0;
	if (load->checking_names) {
		warn_of_misspelling(load, get_member(next, "subsystem"));
	}
	return 1;
}

static bool
has_entry(const struct event_config_load *load)
{
	return load->config && load->config->type == SPDK_JSON_VAL_ARRAY_BEGIN && load->entry < end_of(load->config);
}

/* Finds the next entry. Returns 1 and sets load->method and load->params, 0 at the end, or -EINVAL. */
static int
next_entry(struct event_config_load *load)
{
	int rc;

	while (!has_entry(load)) {
		rc = next_subsystem(load);
		if (rc <= 0) {
			return rc;
		}
	}

	rc = check_object(load, load->entry, g_entry_members, SPDK_COUNTOF(g_entry_members), "A config entry");
	if (rc) {
		return rc;
	}

	load->method = get_member(load->entry, "method");
	load->params = get_member(load->entry, "params");
	free(load->method_name);
	load->method_name = spdk_json_strdup(load->method);
	if (!load->method_name) {
		report(load, load->method, "\"method\" has a zero byte in it, or memory is short");
		return -EINVAL;
	}

	return 1;
}

static void
leave_entry(struct event_config_load *load)
{
	load->entry += spdk_json_val_len(load->entry);
	load->entry_index++;
}

static void
rewind_entries(struct event_config_load *load)
{
	load->subsystem = load->config = load->entry = NULL;
	load->subsystem_index = load->entry_index = 0;
}

static bool
is_linked(const struct event_config_load *load)
{
	char *name = spdk_json_strdup(get_member(load->subsystem, "subsystem"));
	bool linked = name && spdk_subsystem_exists(name);

	free(name);
	return linked;
}

/* A method that nobody registered: returns whether that ends the load. */
static bool
refuse_method(struct event_config_load *load)
{
	if (!load->opts.stop_on_error) {
		return false;
	}

	if (!is_linked(load)) {
		SPDK_NOTICELOG(
			"Skipping method '%s' because its subsystem '%.*s' is not linked into this application.\n",
			load->method_name, (int)get_member(load->subsystem, "subsystem")->len,
			(const char *)get_member(load->subsystem, "subsystem")->start);
		return false;
	}

	report(load, load->method, "Method '%s' was not found", load->method_name);
	return true;
}

/* Walks over all entries without calling any: -EINVAL or -ENOENT if the load would end at one of them. */
static int
check_entries(struct event_config_load *load)
{
	uint32_t mask;
	int rc;

	load->checking_names = load->opts.all || spdk_rpc_get_state() == SPDK_RPC_STARTUP;
	while ((rc = next_entry(load)) == 1) {
		if (spdk_rpc_get_method_state_mask(load->method_name, &mask) && refuse_method(load)) {
			return -ENOENT;
		}
		leave_entry(load);
	}

	load->checking_names = false;
	rewind_entries(load);
	return rc;
}

/* Whether this pass calls the present entry's method. */
static bool
is_due(struct event_config_load *load)
{
	uint32_t state = spdk_rpc_get_state();
	uint32_t mask;

	if (spdk_rpc_get_method_state_mask(load->method_name, &mask) || !(mask & state)) {
		return false;
	}

	return load->opts.all || state != SPDK_RPC_RUNTIME || !(mask & SPDK_RPC_STARTUP);
}

/*
 * Calls
 */

struct text_buffer {
	char *text;
	size_t size;
};

static int
append_cb(void *cb_ctx, const void *data, size_t size)
{
	struct text_buffer *buffer = cb_ctx;
	char *text = realloc(buffer->text, buffer->size + size + 1);

	if (!text) {
		return -1;
	}
	memcpy(text + buffer->size, data, size);
	buffer->text = text;
	buffer->size += size;
	return 0;
}

/* The params as text, without the comments that stand in the file. */
static int
write_params(const struct spdk_json_val *params, struct text_buffer *buffer)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, buffer, 0);

	if (!w) {
		return -ENOMEM;
	}
	spdk_json_write_val(w, params);
	return spdk_json_write_end(w) ? -ENOMEM : 0;
}

/* The "message" of an error object. */
static char *
get_error_text(const struct rpc_call_reply *reply)
{
	struct spdk_json_val values[16];
	char *copy = spdk_sprintf_alloc("%.*s", (int)reply->size, reply->text);
	const struct spdk_json_val *message = NULL;
	char *text;
	ssize_t count;

	if (!copy) {
		return NULL;
	}

	count = spdk_json_parse(
		copy, strlen(copy), values, SPDK_COUNTOF(values), NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	if (count > 0 && count <= (ssize_t)SPDK_COUNTOF(values) && values[0].type == SPDK_JSON_VAL_OBJECT_BEGIN) {
		message = get_member(&values[0], "message");
	}
	text = message ? spdk_json_strdup(message) : NULL;
	if (text) {
		free(copy);
		return text;
	}
	return copy;
}

/* Where an error text speaks of a parameter that was given, that one's place; else the method's. */
static const struct spdk_json_val *
find_culprit(const struct event_config_load *load)
{
	static const char mark[] = "parameter '";
	const char *start = strstr(load->call_error, mark);
	const struct spdk_json_val *name;

	if (!start || !load->params) {
		return load->method;
	}

	start += sizeof(mark) - 1;
	for (name = load->params + 1; name < end_of(load->params); name = next_member(name)) {
		if (strncmp(start, name->start, name->len) == 0 && start[name->len] == '\'') {
			return name;
		}
	}

	return load->method;
}

static void
report_call_error(struct event_config_load *load)
{
	size_t length = strlen(load->method_name);
	bool named = strncmp(load->call_error, load->method_name, length) == 0;

	report(load, find_culprit(load), "%s%s%s", named ? "" : load->method_name, named ? "" : ": ", load->call_error);
}

static void
finish_call(void *ctx)
{
	struct event_config_load *load = ctx;

	if (load->call_error) {
		report_call_error(load);
		free(load->call_error);
		load->call_error = NULL;
		if (load->opts.stop_on_error) {
			load->rc = -EINVAL;
		}
	}

	leave_entry(load);
	run(load);
}

static void
call_cb(void *cb_arg, const struct rpc_call_reply *reply)
{
	struct event_config_load *load = cb_arg;
	int rc;

	if (reply->error_code) {
		load->call_error = get_error_text(reply);
		if (!load->call_error) {
			load->call_error = strdup("failed");
		}
	}

	/* Also when this is the right thread: other things get their turn, such as the message to stop. */
	rc = spdk_thread_send_msg(load->thread, finish_call, load);
	if (rc && spdk_get_thread() == load->thread) {
		finish_call(load);
	} else if (rc) {
		SPDK_ERRLOG("The load of the configuration cannot go on: %s\n", spdk_strerror(-rc));
	}
}

static void
call_method(struct event_config_load *load)
{
	struct text_buffer buffer = {};
	int rc = 0;

	if (load->params) {
		rc = write_params(load->params, &buffer);
	}
	if (rc == 0) {
		rc = rpc_call(load->method_name, buffer.text, buffer.size, call_cb, load);
	}
	free(buffer.text);

	if (rc) {
		report(load, load->method, "%s: %s", load->method_name, spdk_strerror(-rc));
		load->rc = rc;
		leave_entry(load);
		run(load);
	}
}

/*
 * The whole
 */

static void
free_load(struct event_config_load *load)
{
	free(load->name);
	free(load->text);
	free(load->decoded);
	free(load->values);
	free(load->method_name);
	free(load->call_error);
	free(load);
}

static void
finish(struct event_config_load *load, int rc)
{
	event_config_load_fn cb_fn = load->opts.cb_fn;
	void *cb_arg = load->opts.cb_arg;

	free_load(load);
	cb_fn(cb_arg, rc);
}

/* Goes on until a method is being carried out, or to the end. */
static void
run(void *ctx)
{
	struct event_config_load *load = ctx;
	int rc;

	if (load->cancelled) {
		load->rc = -ECANCELED;
	}
	while (load->rc == 0) {
		rc = next_entry(load);
		if (rc <= 0) {
			finish(load, rc);
			return;
		}
		if (is_due(load)) {
			call_method(load);
			return;
		}
		leave_entry(load);
	}

	finish(load, load->rc);
}

/*
 * Modules first: the methods of the entries may be theirs
 */

static void
module_loaded_cb(void *cb_arg, int rc, const char *error)
{
	struct event_config_load *load = cb_arg;

	/* A configuration is loaded in two parts, and the command line may name the same module. */
	if (rc && rc != -EALREADY) {
		report(load, load->module, "module %s", error);
		if (load->opts.stop_on_error) {
			load->rc = rc;
		}
	}
	load->module++;
	rc = spdk_thread_send_msg(load->thread, load_next_module, load);
	if (rc) {
		load_next_module(load);
	}
}

static void
load_next_module(void *ctx)
{
	struct event_config_load *load = ctx;
	char *name;

	if (load->cancelled || load->rc) {
		run(load);
		return;
	}
	if (load->module == end_of(load->modules)) {
		load->module = NULL;
		load->rc = check_entries(load);
		run(load);
		return;
	}
	name = spdk_json_strdup(load->module);
	if (name) {
		bdk_module_load(name, module_loaded_cb, load);
	} else {
		module_loaded_cb(load, -EINVAL, "has a zero byte in its name, or memory is short");
	}
	free(name);
}

static int
explain_text(struct event_config_load *load)
{
	char what[256];
	size_t line = 1, column;
	int length = 0;

	json_explain(load->text, load->size, PARSE_FLAGS, what, sizeof(what));
	if (sscanf(what, "line %zu, column %zu: %n", &line, &column, &length) < 2) {
		length = 0;
	}

	SPDK_ERRLOG("%s:%zu: %s\n", load->name, line, what + length);
	if (load->opts.error) {
		snprintf(load->opts.error, load->opts.error_size, "%s:%zu: %s", load->name, line, what + length);
	}
	return -EINVAL;
}

static int
parse_text(struct event_config_load *load)
{
	ssize_t count, rc;
	void *end;

	count = spdk_json_parse(load->decoded, load->size, NULL, 0, &end, PARSE_FLAGS);
	if (count <= 0 || json_explain(load->text, load->size, PARSE_FLAGS, (char[1]){0}, 1)) {
		return explain_text(load);
	}

	load->values = calloc(count, sizeof(*load->values));
	if (!load->values) {
		return -ENOMEM;
	}
	rc = spdk_json_parse(load->decoded, load->size, load->values, count, &end,
		PARSE_FLAGS | SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	if (rc != count) {
		return explain_text(load);
	}

	return 0;
}

/* Sets load->subsystems and load->modules, or leaves them NULL where there is nothing to load. */
static int
find_subsystems(struct event_config_load *load)
{
	const struct spdk_json_val *root = &load->values[0];
	const struct spdk_json_val *name;

	if (root->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		report(load, root, "A configuration must be an object: {\"subsystems\": [...]}");
		return -EINVAL;
	}

	for (name = root + 1; name < end_of(root); name = next_member(name)) {
		const struct spdk_json_val **member = spdk_json_strequal(name, "subsystems") ? &load->subsystems
			: spdk_json_strequal(name, "modules")                                ? &load->modules
											     : NULL;

		if (member && *member) {
			report(load, name, "\"%.*s\" is given twice", (int)name->len, (const char *)name->start);
			return -EINVAL;
		}
		if (member) {
			*member = name + 1;
		}
	}

	if (!load->subsystems) {
		SPDK_WARNLOG("%s: No 'subsystems' key in the JSON configuration.\n", load->name);
	}
	return 0;
}

static int
copy_text(struct event_config_load *load)
{
	const char *text = load->opts.text ? load->opts.text : "";

	/* A terminating zero that was counted in is no part of the text. */
	load->size = load->opts.size;
	while (load->size > 0 && text[load->size - 1] == '\0') {
		load->size--;
	}

	load->name = strdup(load->opts.name);
	load->text = malloc(load->size + 1);
	load->decoded = malloc(load->size + 1);
	if (!load->name || !load->text || !load->decoded) {
		return -ENOMEM;
	}
	memcpy(load->text, text, load->size);
	memcpy(load->decoded, text, load->size);
	return 0;
}

static int
check_modules(struct event_config_load *load)
{
	const struct spdk_json_val *module;

	if (!load->modules) {
		return 0;
	}
	if (load->modules->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		report(load, load->modules, "\"modules\" must be an array of files or names");
		return -EINVAL;
	}
	for (module = load->modules + 1; module < end_of(load->modules); module += spdk_json_val_len(module)) {
		if (module->type != SPDK_JSON_VAL_STRING) {
			report(load, module, "a module is given by its file or its name, in quotes");
			return -EINVAL;
		}
	}
	load->module = load->modules->len > 0 ? load->modules + 1 : NULL;
	return 0;
}

static int
prepare(struct event_config_load *load)
{
	int rc;

	if (load->opts.subsystems || load->opts.modules) {
		load->subsystems = load->opts.subsystems;
		load->modules = load->opts.modules;
	} else {
		rc = copy_text(load);
		if (rc == 0) {
			rc = parse_text(load);
		}
		if (rc == 0) {
			rc = find_subsystems(load);
		}
		if (rc) {
			return rc;
		}
	}

	rc = check_modules(load);
	if (rc || !load->subsystems) {
		return rc;
	}
	if (load->subsystems->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		report(load, load->subsystems, "\"subsystems\" must be an array");
		return -EINVAL;
	}
	if (load->subsystems->len == 0) {
		SPDK_NOTICELOG("'subsystems' configuration is empty\n");
	}

	/* What the modules bring along is not there yet. */
	return load->module ? 0 : check_entries(load);
}

static const struct spdk_json_val g_no_subsystems[2] = {
	{.type = SPDK_JSON_VAL_ARRAY_BEGIN},
	{.type = SPDK_JSON_VAL_ARRAY_END},
};

int
event_config_load(const struct event_config_load_opts *opts, struct event_config_load **_load)
{
	struct event_config_load *load;
	int rc;

	load = calloc(1, sizeof(*load));
	if (!load) {
		return -ENOMEM;
	}
	load->opts = *opts;
	load->thread = spdk_get_thread();

	rc = prepare(load);
	if (rc == 0 && !load->subsystems) {
		load->subsystems = g_no_subsystems;
	}
	if (rc == 0) {
		rc = spdk_thread_send_msg(load->thread, load->module ? load_next_module : run, load);
	}
	if (rc) {
		free_load(load);
		return rc;
	}

	if (_load) {
		*_load = load;
	}
	return 0;
}

void
event_config_load_cancel(struct event_config_load *load)
{
	load->cancelled = true;
}

/*
 * The public form
 */

struct public_load {
	spdk_subsystem_init_fn cb_fn;
	void *cb_arg;
};

static void
finish_public(void *cb_arg, int rc)
{
	struct public_load *public = cb_arg;

	public->cb_fn(rc, public->cb_arg);
	free(public);
}

void
spdk_subsystem_load_config(
	void *json, ssize_t json_size, spdk_subsystem_init_fn cb_fn, void *cb_arg, bool stop_on_error)
{
	struct event_config_load_opts opts = {
		.name = "configuration",
		.text = json,
		.size = json_size > 0 ? json_size : 0,
		.stop_on_error = stop_on_error,
		.cb_fn = finish_public,
	};
	struct public_load *public;
	int rc;

	assert(cb_fn != NULL);
	public = calloc(1, sizeof(*public));
	if (!public) {
		cb_fn(-ENOMEM, cb_arg);
		return;
	}
	public->cb_fn = cb_fn;
	public->cb_arg = cb_arg;
	opts.cb_arg = public;

	if (!json && opts.size > 0) {
		rc = -EINVAL;
	} else {
		rc = event_config_load(&opts, NULL);
	}
	if (rc) {
		finish_public(public, rc);
	}
}
