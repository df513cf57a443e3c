/* SPDX-License-Identifier: BSD-3-Clause */

/* The description of all methods, from which clients make their command line, and doc/rpc.md is generated. */

#include "lib/rpc/rpc_internal.h"

struct describe_params {
	char *method;
};

static const char *
type_name(enum bdk_rpc_type type)
{
	switch (type) {
	case BDK_RPC_BOOL:
		return "boolean";
	case BDK_RPC_INT32:
		return "int32";
	case BDK_RPC_UINT8:
		return "uint8";
	case BDK_RPC_UINT16:
		return "uint16";
	case BDK_RPC_UINT32:
		return "uint32";
	case BDK_RPC_UINT64:
		return "uint64";
	case BDK_RPC_STRING:
		return "string";
	case BDK_RPC_UUID:
		return "uuid";
	case BDK_RPC_ENUM:
		return "enum";
	case BDK_RPC_STRING_ARRAY:
		return "string_array";
	case BDK_RPC_JSON:
		return "json";
	}
	return "json";
}

static void
write_cli(struct spdk_json_write_ctx *w, char option, uint8_t position)
{
	if (option != 0) {
		spdk_json_write_named_string_fmt(w, "option", "%c", option);
	}
	if (position != 0) {
		spdk_json_write_named_uint8(w, "position", position);
	}
}

static void
write_optional_string(struct spdk_json_write_ctx *w, const char *name, const char *text)
{
	if (text != NULL) {
		spdk_json_write_named_string(w, name, text);
	}
}

static void
write_range(struct spdk_json_write_ctx *w, const struct bdk_rpc_param *param)
{
	if (param->max == 0) {
		if (param->min != 0) {
			spdk_json_write_named_uint64(w, "min", param->min);
		}
	} else if (param->type == BDK_RPC_INT32) {
		spdk_json_write_named_int64(w, "min", (int64_t)param->min);
		spdk_json_write_named_int64(w, "max", (int64_t)param->max);
	} else {
		spdk_json_write_named_uint64(w, "min", param->min);
		spdk_json_write_named_uint64(w, "max", param->max);
	}
}

static void
write_param(struct spdk_json_write_ctx *w, const struct bdk_rpc_param *param, bool required)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", param->name);
	spdk_json_write_named_string(w, "type", type_name(param->type));
	spdk_json_write_named_bool(w, "required", required);
	write_cli(w, param->option, param->position);
	if (param->opposite != NULL) {
		spdk_json_write_named_string(w, "opposite", param->opposite);
		if (param->opposite_option != 0) {
			spdk_json_write_named_string_fmt(w, "opposite_option", "%c", param->opposite_option);
		}
	}
	write_range(w, param);
	if (param->values != NULL) {
		spdk_json_write_named_array_begin(w, "values");
		for (const struct bdk_rpc_value *value = param->values; value->name != NULL; value++) {
			spdk_json_write_string(w, value->name);
		}
		spdk_json_write_array_end(w);
	}
	write_optional_string(w, "help", param->help);
	write_optional_string(w, "default", param->default_text);
	spdk_json_write_object_end(w);
}

static void
write_cli_param(struct spdk_json_write_ctx *w, const struct bdk_rpc_cli_param *param)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", param->name);
	write_cli(w, param->option, param->position);
	spdk_json_write_named_string(w, "target", param->target);
	spdk_json_write_named_uint64(w, "multiplier", param->multiplier);
	write_optional_string(w, "divisor", param->divisor);
	write_optional_string(w, "help", param->help);
	spdk_json_write_object_end(w);
}

static void
write_description(struct spdk_json_write_ctx *w, const struct bdk_rpc_method *method)
{
	static const char *const rules[] = {
		[BDK_RPC_PARAMS_DEFAULT] = "checked",
		[BDK_RPC_PARAMS_NONE] = "none",
		[BDK_RPC_PARAMS_IGNORED] = "ignored",
		[BDK_RPC_PARAMS_OPTIONAL] = "optional",
		[BDK_RPC_PARAMS_REQUIRED] = "required",
	};

	write_optional_string(w, "summary", method->summary);
	write_optional_string(w, "result", method->result);
	spdk_json_write_named_string(w, "params_rule", rules[method->params_rule]);
	spdk_json_write_named_array_begin(w, "params");
	for (size_t i = 0; i < method->num_params; i++) {
		/* Who sends no parameters at all does not miss one. */
		write_param(w, &method->params[i],
			method->params[i].required && method->params_rule != BDK_RPC_PARAMS_OPTIONAL);
	}
	spdk_json_write_array_end(w);
	if (method->num_cli_params > 0) {
		spdk_json_write_named_array_begin(w, "cli_params");
		for (size_t i = 0; i < method->num_cli_params; i++) {
			write_cli_param(w, &method->cli_params[i]);
		}
		spdk_json_write_array_end(w);
	}
}

static void
write_method(struct spdk_json_write_ctx *w, const struct rpc_method *method)
{
	const struct bdk_rpc_method *description =
		method->alias_of != NULL ? method->alias_of->description : method->description;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", method->name);
	spdk_json_write_named_array_begin(w, "states");
	if (method->state_mask & SPDK_RPC_STARTUP) {
		spdk_json_write_string(w, "startup");
	}
	if (method->state_mask & SPDK_RPC_RUNTIME) {
		spdk_json_write_string(w, "runtime");
	}
	spdk_json_write_array_end(w);
	if (method->alias_of != NULL) {
		spdk_json_write_named_string(w, "alias_of", method->alias_of->name);
	}
	if (description != NULL) {
		write_description(w, description);
	}
	spdk_json_write_object_end(w);
}

static void
describe_methods(struct spdk_jsonrpc_request *request, void *_params)
{
	const struct describe_params *params = _params;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (const struct rpc_method *m = rpc_method_first(); m != NULL; m = m->next) {
		if (rpc_method_is_listed(m->name) && (params->method == NULL || strcmp(params->method, m->name) == 0)) {
			write_method(w, m);
		}
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_param g_describe_params[] = {
	{
		.name = "method",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct describe_params, method),
		.position = 1,
		.help = "describe only the method of this name",
		.default_text = "all methods",
	},
};

static const struct bdk_rpc_method g_rpc_describe_methods = {
	.name = "rpc_describe_methods",
	.summary = "Describe methods and their parameters: what command line clients make their options and help from.",
	.result = "array of descriptions; a method that was registered without one has only name and states",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_describe_params,
	.num_params = SPDK_COUNTOF(g_describe_params),
	.params_size = sizeof(struct describe_params),
	.handler = describe_methods,
};
BDK_RPC_REGISTER(g_rpc_describe_methods)
