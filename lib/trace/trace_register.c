/* SPDX-License-Identifier: BSD-3-Clause */

/* Groups, and what their register functions say of types and trace points. */

#include "lib/trace/trace_internal.h"

#include "lib/env/image.h"

#include "spdk/log.h"
#include "spdk/util.h"

/* Changed by constructors, of the program and of modules that are loaded at run time. */
static struct spdk_trace_register_fn *g_register_fns;

/* ---- groups ---- */

static bool
is_taken(const struct spdk_trace_register_fn *reg_fn)
{
	struct spdk_trace_register_fn *other;

	for (other = g_register_fns; other != NULL; other = other->next) {
		if (strcmp(other->name, reg_fn->name) == 0 || other->tgroup_id == reg_fn->tgroup_id) {
			if (!env_image_refuse("its trace group %s (%u) has the name or number of group %s (%u)",
				    reg_fn->name, reg_fn->tgroup_id, other->name, other->tgroup_id)) {
				SPDK_ERRLOG("trace group %s (%u) has the name or number of group %s (%u)\n",
					reg_fn->name, reg_fn->tgroup_id, other->name, other->tgroup_id);
			}
			return true;
		}
	}
	return false;
}

void
spdk_trace_add_register_fn(struct spdk_trace_register_fn *reg_fn)
{
	ENV_MUTEX_SCOPE(&g_trace.lock);
	/* "all" is the name of all groups together. */
	if (reg_fn->name == NULL || reg_fn->name[0] == '\0' || strcmp(reg_fn->name, "all") == 0 ||
		reg_fn->tgroup_id >= SPDK_TRACE_MAX_GROUP_ID) {
		SPDK_ERRLOG(
			"a trace group needs a name other than 'all' and a number below %d\n", SPDK_TRACE_MAX_GROUP_ID);
		return;
	}
	if (is_taken(reg_fn)) {
		return;
	}
	reg_fn->next = g_register_fns;
	g_register_fns = reg_fn;
	if (trace_file() != NULL) {
		reg_fn->reg_fn();
	}
}

/* Its points are told anew if the group comes back; their relations would only be added to. */
static void
clear_relations(uint8_t group_id)
{
	uint16_t first = (uint16_t)(group_id << 6);

	for (uint16_t i = 0; trace_file() != NULL && i < 64; i++) {
		memset(trace_file()->tpoint[first + i].related_objects, 0,
			sizeof(trace_file()->tpoint[first + i].related_objects));
	}
}

static void
forget_register_fns(const struct env_image *image)
{
	struct spdk_trace_register_fn **link = &g_register_fns;

	ENV_MUTEX_SCOPE(&g_trace.lock);
	while (*link != NULL) {
		if (env_image_has(image, *link)) {
			clear_relations((*link)->tgroup_id);
			*link = (*link)->next;
		} else {
			link = &(*link)->next;
		}
	}
}

static struct env_image_user g_trace_user = {
	.forget = forget_register_fns,
};
ENV_IMAGE_USER_REGISTER(g_trace_user)

struct spdk_trace_register_fn *
spdk_trace_get_first_register_fn(void)
{
	return g_register_fns;
}

struct spdk_trace_register_fn *
spdk_trace_get_next_register_fn(struct spdk_trace_register_fn *register_fn)
{
	return register_fn->next;
}

void
trace_call_register_fns(void)
{
	struct spdk_trace_register_fn *reg_fn;

	for (reg_fn = g_register_fns; reg_fn != NULL; reg_fn = reg_fn->next) {
		reg_fn->reg_fn();
	}
}

/* ---- what they say ---- */

static bool
has_trace(void)
{
	if (trace_file() == NULL) {
		SPDK_ERRLOG("trace is not initialized\n");
		return false;
	}
	return true;
}

void
spdk_trace_register_owner_type(uint8_t type, char id_prefix)
{
	if (has_trace() && type != OWNER_TYPE_NONE) {
		trace_file()->owner_type[type].type = type;
		trace_file()->owner_type[type].id_prefix = id_prefix;
	}
}

void
spdk_trace_register_object(uint8_t type, char id_prefix)
{
	if (has_trace() && type != OBJECT_NONE) {
		trace_file()->object[type].type = type;
		trace_file()->object[type].id_prefix = id_prefix;
	}
}

static bool
is_arg_valid(uint8_t type, uint8_t size)
{
	switch (type) {
	case SPDK_TRACE_ARG_TYPE_INT:
	case SPDK_TRACE_ARG_TYPE_PTR:
		return size >= 1 && size <= sizeof(uint64_t);
	case SPDK_TRACE_ARG_TYPE_STR:
		return size >= 1;
	default:
		return false;
	}
}

/* How many arguments there are; -EINVAL if one cannot be. */
static int
count_args(const struct spdk_trace_tpoint_opts *opts)
{
	int i;

	for (i = 0; i < SPDK_TRACE_MAX_ARGS_COUNT && opts->args[i].name != NULL && opts->args[i].name[0] != '\0'; i++) {
		if (!is_arg_valid(opts->args[i].type, opts->args[i].size)) {
			SPDK_ERRLOG("trace point %s: argument %s of type %u cannot have %u bytes\n", opts->name,
				opts->args[i].name, opts->args[i].type, opts->args[i].size);
			return -EINVAL;
		}
	}
	return i;
}

/* As much as fits; an array that is full has no terminating zero. */
static void
copy_name(char *name, size_t size, const char *from)
{
	size_t length = strnlen(from, size);

	memset(name, 0, size);
	memcpy(name, from, length);
}

static void
register_tpoint(const struct spdk_trace_tpoint_opts *opts)
{
	struct spdk_trace_tpoint *tpoint;
	int num_args, i;

	if (opts->name == NULL || opts->tpoint_id >= SPDK_TRACE_MAX_TPOINT_ID) {
		SPDK_ERRLOG("a trace point needs a name and a number below %d\n", SPDK_TRACE_MAX_TPOINT_ID);
		return;
	}
	num_args = count_args(opts);
	if (num_args < 0) {
		return;
	}
	/* Its relations may have been registered before it. */
	tpoint = &trace_file()->tpoint[opts->tpoint_id];
	snprintf(tpoint->name, sizeof(tpoint->name), "%s", opts->name);
	tpoint->tpoint_id = opts->tpoint_id;
	tpoint->owner_type = opts->owner_type;
	tpoint->object_type = opts->object_type;
	tpoint->new_object = opts->new_object;
	for (i = 0; i < num_args; i++) {
		copy_name(tpoint->args[i].name, sizeof(tpoint->args[i].name), opts->args[i].name);
		tpoint->args[i].type = opts->args[i].type;
		tpoint->args[i].size = opts->args[i].size;
	}
	tpoint->num_args = (uint8_t)num_args;
}

void
spdk_trace_register_description_ext(const struct spdk_trace_tpoint_opts *opts, size_t num_opts)
{
	size_t i;

	if (!has_trace()) {
		return;
	}
	for (i = 0; i < num_opts; i++) {
		register_tpoint(&opts[i]);
	}
}

void
spdk_trace_register_description(const char *name, uint16_t tpoint_id, uint8_t owner_type, uint8_t object_type,
	uint8_t new_object, uint8_t arg1_type, const char *arg1_name)
{
	struct spdk_trace_tpoint_opts opts = {
		.name = name,
		.tpoint_id = tpoint_id,
		.owner_type = owner_type,
		.object_type = object_type,
		.new_object = new_object,
		.args = {{.name = arg1_name, .type = arg1_type, .size = sizeof(uint64_t)}},
	};

	spdk_trace_register_description_ext(&opts, 1);
}

void
spdk_trace_tpoint_register_relation(uint16_t tpoint_id, uint8_t object_type, uint8_t arg_index)
{
	struct spdk_trace_tpoint *tpoint;
	size_t i;

	if (!has_trace()) {
		return;
	}
	if (tpoint_id >= SPDK_TRACE_MAX_TPOINT_ID || arg_index >= SPDK_TRACE_MAX_ARGS_COUNT ||
		object_type == OBJECT_NONE) {
		SPDK_ERRLOG("trace point %u cannot have a relation of argument %u to objects of type %u\n", tpoint_id,
			arg_index, object_type);
		return;
	}
	tpoint = &trace_file()->tpoint[tpoint_id];
	for (i = 0; i < SPDK_COUNTOF(tpoint->related_objects); i++) {
		if (tpoint->related_objects[i].object_type == OBJECT_NONE) {
			tpoint->related_objects[i].object_type = object_type;
			tpoint->related_objects[i].arg_index = arg_index;
			return;
		}
	}
	SPDK_ERRLOG("trace point %u has %zu relations, which is as many as it can have\n", tpoint_id, i);
}
