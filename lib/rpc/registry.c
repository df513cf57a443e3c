/* SPDX-License-Identifier: BSD-3-Clause */

/* Methods by name: registration, states, deprecated names, the allow list. */

#include "lib/rpc/jsonrpc_internal.h"
#include "lib/rpc/rpc_internal.h"
#include "lib/env/image.h"
#include "spdk/log.h"
#include "spdk/string.h"

static struct rpc_method *g_methods;
static uint32_t g_state = SPDK_RPC_STARTUP;
static bool g_registration_failed;
static char **g_allowlist;

/* Registration happens in constructors, where nobody can be told: a server refuses to start instead. */
static void __attribute__((format(printf, 1, 2))) refuse_registration(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (env_image_refuse("%s", text)) {
		return;
	}
	SPDK_ERRLOG("%s\n", text);
	g_registration_failed = true;
}

static struct rpc_method *
find_method(const char *name, size_t len)
{
	for (struct rpc_method *method = g_methods; method != NULL; method = method->next) {
		if (strlen(method->name) == len && memcmp(method->name, name, len) == 0) {
			return method;
		}
	}
	return NULL;
}

static struct rpc_method *
add_method(const char *name, uint32_t state_mask)
{
	struct rpc_method *method;

	if (find_method(name, strlen(name)) != NULL) {
		refuse_registration("duplicate RPC %s registered...", name);
		return NULL;
	}
	method = calloc(1, sizeof(*method));
	if (method == NULL || (method->name = strdup(name)) == NULL) {
		free(method);
		refuse_registration("no memory to register RPC %s", name);
		return NULL;
	}
	method->state_mask = state_mask;
	method->next = g_methods;
	g_methods = method;
	return method;
}

void
spdk_rpc_register_method(const char *method, spdk_rpc_method_handler func, uint32_t state_mask)
{
	struct rpc_method *added = add_method(method, state_mask);

	if (added != NULL) {
		added->handler = func;
	}
}

void
bdk_rpc_register(const struct bdk_rpc_method *method)
{
	struct rpc_method *added = add_method(method->name, method->state_mask);

	if (added != NULL) {
		added->description = method;
	}
	for (size_t i = 0; i < method->num_params; i++) {
		if (method->params[i].secret) {
			jsonrpc_log_hide(method->params[i].name);
		}
	}
}

void
spdk_rpc_register_alias_deprecated(const char *method, const char *alias)
{
	struct rpc_method *target = find_method(method, strlen(method)), *added;

	if (target == NULL) {
		refuse_registration("cannot create an alias of RPC %s: it is not registered", method);
		return;
	}
	if (target->alias_of != NULL) {
		refuse_registration("cannot create an alias of RPC %s: it is an alias itself", method);
		return;
	}
	added = add_method(alias, target->state_mask);
	if (added != NULL) {
		added->alias_of = target;
	}
}

/* ---- methods of a file that is loaded at run time ---- */

static bool
is_of_image(const struct rpc_method *method, const struct env_image *image)
{
	const struct rpc_method *target = method->alias_of != NULL ? method->alias_of : method;

	return ENV_IMAGE_HAS_FN(image, target->handler) || env_image_has(image, target->description);
}

static bool
has_requests(const struct env_image *image, char **why)
{
	for (struct rpc_method *method = g_methods; method != NULL; method = method->next) {
		if (is_of_image(method, image) && method->requests > 0) {
			*why = spdk_sprintf_alloc("method %s is being carried out", method->name);
			return true;
		}
	}
	return false;
}

/* Of those whose target goes, too; an alias stands before its target. */
static void
forget_methods(const struct env_image *image)
{
	struct rpc_method **link = &g_methods, *method;

	while ((method = *link) != NULL) {
		if (!is_of_image(method, image)) {
			link = &method->next;
			continue;
		}
		*link = method->next;
		free((char *)(uintptr_t)method->name);
		free(method);
	}
}

static struct env_image_user g_registry_user = {
	.in_use = has_requests,
	.has_left = has_requests,
	.shut = forget_methods,
};
ENV_IMAGE_USER_REGISTER(g_registry_user)

bool
spdk_rpc_verify_methods(void)
{
	return !g_registration_failed;
}

const struct bdk_rpc_method *
bdk_rpc_get_description(const char *name)
{
	const struct rpc_method *method = find_method(name, strlen(name));

	if (method != NULL && method->alias_of != NULL) {
		method = method->alias_of;
	}
	return method != NULL ? method->description : NULL;
}

const struct rpc_method *
rpc_method_first(void)
{
	return g_methods;
}

static void
free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		free(list[i]);
	}
	free(list);
}

void
spdk_rpc_set_allowlist(const char **rpc_allowlist)
{
	char **copy = NULL;
	size_t count = 0;

	if (rpc_allowlist != NULL) {
		while (rpc_allowlist[count] != NULL) {
			count++;
		}
		copy = calloc(count + 1, sizeof(*copy));
		for (size_t i = 0; copy != NULL && i < count; i++) {
			copy[i] = strdup(rpc_allowlist[i]);
			if (copy[i] == NULL) {
				free_list(copy);
				copy = NULL;
			}
		}
		if (copy == NULL) {
			/* A failure must not open what was to be closed. */
			refuse_registration("no memory for the list of allowed RPC methods");
			return;
		}
	}
	free_list(g_allowlist);
	g_allowlist = copy;
}

bool
rpc_method_is_listed(const char *name)
{
	if (g_allowlist == NULL) {
		return true;
	}
	for (size_t i = 0; g_allowlist[i] != NULL; i++) {
		if (strcmp(g_allowlist[i], name) == 0) {
			return true;
		}
	}
	return false;
}

void
spdk_rpc_set_state(uint32_t state_mask)
{
	g_state = state_mask;
}

uint32_t
spdk_rpc_get_state(void)
{
	return g_state;
}

static bool
in_state(const struct rpc_method *method, uint32_t state)
{
	return (method->state_mask & state) == state;
}

int
spdk_rpc_is_method_allowed(const char *method, uint32_t state_mask)
{
	const struct rpc_method *found = find_method(method, strlen(method));

	if (found == NULL || !rpc_method_is_listed(method)) {
		return -ENOENT;
	}
	return in_state(found, state_mask) ? 0 : -EPERM;
}

int
spdk_rpc_get_method_state_mask(const char *method, uint32_t *state_mask)
{
	const struct rpc_method *found = find_method(method, strlen(method));

	if (found == NULL) {
		return -ENOENT;
	}
	*state_mask = found->state_mask;
	return 0;
}

static void
refuse_state(struct spdk_jsonrpc_request *request)
{
	if (g_state == RPC_STATE_ENDING) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
			"The application is ending and takes no more requests.");
		return;
	}
	if (g_state == SPDK_RPC_STARTUP) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
			"Method may only be called after framework is initialized using framework_start_init RPC.");
	} else {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_STATE,
			"Method may only be called before framework is initialized. Use --wait-for-rpc command line "
			"parameter and then issue this RPC before the framework_start_init RPC.");
	}
}

static void
warn_alias(struct rpc_method *method)
{
	if (!method->deprecation_logged) {
		method->deprecation_logged = true;
		SPDK_WARNLOG("RPC method %s is deprecated.  Use %s instead.\n", method->name, method->alias_of->name);
	}
}

void
rpc_dispatch(
	struct spdk_jsonrpc_request *request, const struct spdk_json_val *method, const struct spdk_json_val *params)
{
	struct rpc_method *found = find_method(method->start, method->len);
	struct rpc_method *target = found;

	if (found == NULL || !rpc_method_is_listed(found->name)) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND, "Method not found");
		return;
	}
	if (found->alias_of != NULL) {
		warn_alias(found);
		target = found->alias_of;
	}
	if (!in_state(found, g_state)) {
		refuse_state(request);
		return;
	}
	target->requests++;
	request->handled_by = target;
	if (target->description != NULL) {
		rpc_params_handle(target->description, request, params);
	} else {
		target->handler(request, params);
	}
}
