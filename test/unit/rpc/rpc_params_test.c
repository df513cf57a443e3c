/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/rpc/params.c, registry.c, describe.c, methods.c and call.c: described methods, called from inside the process. */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <pthread.h>
#include <cmocka.h>
#include "bdevkit/rpc.h"
#include "lib/rpc/rpc_internal.h"

/* ---- one call ---- */

static char g_reply[1 << 20];
static int g_code;
static int g_replies;

static void
reply_cb(void *arg, const struct rpc_call_reply *reply)
{
	assert_true(reply->size < sizeof(g_reply));
	memcpy(g_reply, reply->text, reply->size);
	g_reply[reply->size] = '\0';
	g_code = reply->error_code;
	g_replies++;
}

static const char *
call(const char *method, const char *params)
{
	g_replies = 0;
	assert_int_equal(rpc_call(method, params, params != NULL ? strlen(params) : 0, reply_cb, NULL), 0);
	assert_int_equal(g_replies, 1);
	return g_reply;
}

/* ---- a method with parameters of all types ---- */

struct all_types {
	bool flag;
	int32_t level;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	uint32_t percent;
	char *name;
	struct spdk_uuid uuid;
	int mode;
	struct bdk_rpc_string_array list;
	const struct spdk_json_val *json;
};

static struct all_types g_seen;
static char *g_taken;

static void
take_all_types(struct spdk_jsonrpc_request *request, void *_params)
{
	struct all_types *params = _params;

	g_seen = *params;
	/* Taken, so that it is not freed. */
	g_taken = params->name;
	params->name = NULL;
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_value g_modes[] = {{"fast", 1}, {"slow", 2}, {NULL, 0}};
static const struct all_types g_defaults = {.u32 = 4096, .mode = 2};

#define FIELD(_name) .name = #_name, .offset = offsetof(struct all_types, _name)

static const struct bdk_rpc_param g_params[] = {
	{FIELD(flag), .type = BDK_RPC_BOOL},
	{FIELD(level), .type = BDK_RPC_INT32, .min = (uint64_t)-5, .max = 5},
	{FIELD(u8), .type = BDK_RPC_UINT8},
	{FIELD(u16), .type = BDK_RPC_UINT16},
	{FIELD(u32), .type = BDK_RPC_UINT32},
	{FIELD(u64), .type = BDK_RPC_UINT64},
	{FIELD(percent), .type = BDK_RPC_UINT32, .min = 1, .max = 100},
	{FIELD(name), .type = BDK_RPC_STRING, .required = true, .help = "name of the thing"},
	{FIELD(uuid), .type = BDK_RPC_UUID},
	{FIELD(mode), .type = BDK_RPC_ENUM, .values = g_modes},
	{FIELD(list), .type = BDK_RPC_STRING_ARRAY},
	{FIELD(json), .type = BDK_RPC_JSON},
};

static const struct bdk_rpc_method g_all_types = {
	.name = "all_types",
	.summary = "Take all types.",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct all_types),
	.defaults = &g_defaults,
	.handler = take_all_types,
};
BDK_RPC_REGISTER(g_all_types)

static void
every_type(void **state)
{
	assert_string_equal(call("all_types",
				    "{\"flag\":true,\"level\":-5,\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
				    "\"u64\":18446744073709551615,\"percent\":1e2,\"name\":\"n\\u00e9\","
				    "\"uuid\":\"00000000-0000-0000-0000-0000000000ff\",\"mode\":\"FAST\","
				    "\"list\":[\"a\",\"\"],\"json\":{\"x\":[]}}"),
		"true");
	assert_true(g_seen.flag);
	assert_int_equal(g_seen.level, -5);
	assert_int_equal(g_seen.u8, 255);
	assert_int_equal(g_seen.u16, 65535);
	assert_int_equal(g_seen.u32, UINT32_MAX);
	assert_true(g_seen.u64 == UINT64_MAX);
	assert_int_equal(g_seen.percent, 100);
	assert_string_equal(g_taken, "n\xc3\xa9");
	assert_int_equal(((uint8_t *)&g_seen.uuid)[15], 255);
	assert_int_equal(g_seen.mode, 1);
	assert_int_equal(g_seen.list.count, 2);
	assert_non_null(g_seen.json);
	free(g_taken);
}

static void
defaults(void **state)
{
	call("all_types", "{\"name\":\"a\"}");
	assert_int_equal(g_code, 0);
	assert_int_equal(g_seen.u32, 4096);
	assert_int_equal(g_seen.mode, 2);
	assert_false(g_seen.flag);
	assert_null(g_seen.list.items);
	assert_null(g_seen.json);
	free(g_taken);
}

static const struct {
	const char *params;
	const char *text;
} g_refused[] = {
	{NULL, "all_types: parameter 'name' is missing (name of the thing)"},
	{"null", "all_types: parameter 'name' is missing (name of the thing)"},
	{"{}", "all_types: parameter 'name' is missing (name of the thing)"},
	{"[]", "all_types: params must be an object with a member for each parameter, not an array"},
	{"{\"name\":7}", "all_types: parameter 'name' must be a string without \\u0000, not 7"},
	{"{\"name\":\"a\\u0000b\"}", "all_types: parameter 'name' must be a string"},
	{"{\"name\":null}", "not null (leave the parameter out for its default)"},
	{"{\"name\":[]}", "not an array"},
	{"{\"name\":{}}", "not an object"},
	{"{\"name\":\"a\",\"name\":\"b\"}", "all_types: parameter 'name' is given twice"},
	{"{\"name\":\"a\",\"nam\":\"b\"}", "all_types: there is no parameter 'nam', only flag, level, u8,"},
	{"{\"name\":\"a\",\"\":\"b\"}", "there is no parameter ''"},
	{"{\"name\":\"a\",\"flag\":1}", "parameter 'flag' must be true or false, not 1"},
	{"{\"name\":\"a\",\"flag\":\"true\"}", "parameter 'flag' must be true or false, not the string \"true\""},
	{"{\"name\":\"a\",\"u8\":256}", "parameter 'u8' must be an integer from 0 to 255, not 256"},
	{"{\"name\":\"a\",\"u8\":-1}", "parameter 'u8' must be an integer from 0 to 255, not -1"},
	{"{\"name\":\"a\",\"u8\":1.5}", "parameter 'u8' must be an integer from 0 to 255, not 1.5"},
	{"{\"name\":\"a\",\"u8\":\"1\"}", "parameter 'u8' must be an integer from 0 to 255, not the string \"1\""},
	{"{\"name\":\"a\",\"u8\":true}", "not true"},
	{"{\"name\":\"a\",\"u16\":65536}", "from 0 to 65535"},
	{"{\"name\":\"a\",\"u32\":4294967296}", "from 0 to 4294967295"},
	{"{\"name\":\"a\",\"u64\":18446744073709551616}", "from 0 to 18446744073709551615, not 18446744073709551616"},
	{"{\"name\":\"a\",\"u64\":3e19}", "from 0 to 18446744073709551615, not 3e19"},
	{"{\"name\":\"a\",\"percent\":0}", "parameter 'percent' must be an integer from 1 to 100, not 0"},
	{"{\"name\":\"a\",\"percent\":101}", "from 1 to 100"},
	{"{\"name\":\"a\",\"level\":6}", "parameter 'level' must be an integer from -5 to 5, not 6"},
	{"{\"name\":\"a\",\"level\":-6}", "from -5 to 5"},
	{"{\"name\":\"a\",\"uuid\":\"x\"}", "parameter 'uuid' must be a UUID like"},
	{"{\"name\":\"a\",\"mode\":\"fas\"}",
		"parameter 'mode' must be one of \"fast\", \"slow\", not the string \"fas\""},
	{"{\"name\":\"a\",\"mode\":1}", "must be one of"},
	{"{\"name\":\"a\",\"list\":\"x\"}", "parameter 'list' must be an array of strings"},
	{"{\"name\":\"a\",\"list\":[\"x\",1]}", "parameter 'list' must be an array of strings only, not 1"},
	{"{\"name\":\"a\",\"list\":[\"x\",[\"y\"]]}",
		"parameter 'list' must be an array of strings only, not an array"},
	{"{\"list\":[\"x\"],\"json\":1}", "parameter 'name' is missing"},
};

static void
unescape_quotes(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && (text[1] == '"' || text[1] == '\\')) {
			text++;
		}
		*out++ = *text;
	}
	*out = '\0';
}

static void
refused_parameters_are_named(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_refused); i++) {
		call("all_types", g_refused[i].params);
		unescape_quotes(g_reply);
		assert_int_equal(g_code, SPDK_JSONRPC_ERROR_INVALID_PARAMS);
		if (strstr(g_reply, g_refused[i].text) == NULL) {
			fail_msg("%s: '%s' is not in %s", g_refused[i].params, g_refused[i].text, g_reply);
		}
	}
}

static void
long_values_are_cut(void **state)
{
	char params[4096];
	size_t used = sprintf(params, "{\"name\":\"");

	/* Cut within a character of three bytes: the text stays UTF-8. */
	used = sprintf(params, "{\"mode\":\"x");
	for (int i = 0; i < 1000; i++) {
		used += sprintf(params + used, "\xe2\x82\xac");
	}
	sprintf(params + used, "\"}");
	call("all_types", params);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_INVALID_PARAMS);
	assert_true(strlen(g_reply) < 500);
	assert_non_null(strstr(g_reply, "..."));
}

/* ---- rules for params, codes, states ---- */

struct no_params {
	uint32_t x;
};

static int g_handled;

static void
handle(struct spdk_jsonrpc_request *request, void *params)
{
	g_handled++;
	spdk_jsonrpc_send_bool_response(request, params == NULL);
}

static const struct bdk_rpc_method g_none = {
	.name = "none",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = handle,
};
BDK_RPC_REGISTER(g_none)

static const struct bdk_rpc_method g_ignored = {
	.name = "ignored",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_IGNORED,
	.handler = handle,
};
BDK_RPC_REGISTER(g_ignored)

static const struct bdk_rpc_param g_coded_params[] = {
	{.name = "x", .type = BDK_RPC_UINT32},
};

static const struct bdk_rpc_method g_coded = {
	.name = "coded",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_coded_params,
	.num_params = 1,
	.params_size = sizeof(struct no_params),
	.params_error = -32603,
	.handler = handle,
};
BDK_RPC_REGISTER(g_coded)

struct loud_params {
	int loud;
};

static const struct bdk_rpc_value g_loud_values[] = {{"loud", 1}, {}};

static const struct bdk_rpc_param g_loud_params[] = {
	{.name = "x", .type = BDK_RPC_ENUM, .required = true, .values = g_loud_values},
};

/* Its only parameter is required, but parameters are not. */
static const struct bdk_rpc_method g_loud = {
	.name = "loud",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_loud_params,
	.num_params = 1,
	.params_size = sizeof(struct loud_params),
	.params_rule = BDK_RPC_PARAMS_OPTIONAL,
	.params_error = -32603,
	.values_error = -32602,
	.handler = handle,
};
BDK_RPC_REGISTER(g_loud)

/* The other way round. */
static const struct bdk_rpc_method g_given = {
	.name = "given",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_coded_params,
	.num_params = 1,
	.params_size = sizeof(struct no_params),
	.params_rule = BDK_RPC_PARAMS_REQUIRED,
	.handler = handle,
};
BDK_RPC_REGISTER(g_given)

static const struct bdk_rpc_method g_early = {
	.name = "early",
	.state_mask = SPDK_RPC_STARTUP,
	.handler = handle,
};
BDK_RPC_REGISTER(g_early)
SPDK_RPC_REGISTER_ALIAS_DEPRECATED(early, old_early)

static void
rules_for_params(void **state)
{
	assert_string_equal(call("none", NULL), "true");
	call("none", "null");
	assert_int_equal(g_code, 0);
	call("none", "{}");
	assert_int_equal(g_code, -32602);
	assert_non_null(strstr(g_reply, "none requires no parameters"));
	call("none", "[1]");
	assert_int_equal(g_code, -32602);
	assert_string_equal(call("ignored", "{\"anything\":[1]}"), "true");
	assert_string_equal(call("ignored", "[1]"), "true");

	call("loud", NULL);
	assert_int_equal(g_code, 0);
	call("loud", "{\"x\":\"loud\"}");
	assert_int_equal(g_code, 0);
	call("loud", "{}");
	assert_int_equal(g_code, -32603);
	call("loud", "{\"x\":1}");
	assert_int_equal(g_code, -32603);
	call("loud", "{\"x\":\"quiet\"}");
	assert_int_equal(g_code, -32602);

	call("given", "{}");
	assert_int_equal(g_code, 0);
	call("given", NULL);
	assert_int_equal(g_code, -32602);
	assert_non_null(strstr(g_reply, "given: params are missing"));
	call("given", "null");
	assert_int_equal(g_code, -32602);
}

static void
codes_and_states(void **state)
{
	assert_int_equal(spdk_rpc_get_state(), SPDK_RPC_STARTUP);
	g_handled = 0;
	call("coded", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_INVALID_STATE);
	assert_non_null(strstr(g_reply, "after framework is initialized using framework_start_init RPC."));
	call("early", NULL);
	call("old_early", NULL);
	assert_int_equal(g_handled, 2);
	assert_int_equal(spdk_rpc_is_method_allowed("early", SPDK_RPC_STARTUP), 0);
	assert_int_equal(spdk_rpc_is_method_allowed("early", SPDK_RPC_RUNTIME), -EPERM);
	assert_int_equal(spdk_rpc_is_method_allowed("nope", SPDK_RPC_RUNTIME), -ENOENT);

	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	call("early", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_INVALID_STATE);
	assert_non_null(strstr(g_reply, "Use --wait-for-rpc command line parameter"));
	call("old_early", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_INVALID_STATE);
	call("coded", "{\"x\":\"y\"}");
	assert_int_equal(g_code, -32603);
	assert_int_equal(g_handled, 2);
	call("coded", "{\"x\":1}");
	assert_int_equal(g_handled, 3);
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
}

static void
state_masks(void **state)
{
	uint32_t mask = 0;

	assert_int_equal(spdk_rpc_get_method_state_mask("coded", &mask), 0);
	assert_int_equal(mask, SPDK_RPC_RUNTIME);
	assert_int_equal(spdk_rpc_get_method_state_mask("old_early", &mask), 0);
	assert_int_equal(mask, SPDK_RPC_STARTUP);
	assert_int_equal(spdk_rpc_get_method_state_mask("nope", &mask), -ENOENT);
}

static void
allow_list(void **state)
{
	const char *list[] = {"none", "old_early", "rpc_get_methods", NULL};

	spdk_rpc_set_allowlist(list);
	list[0] = "copied";
	assert_string_equal(call("none", NULL), "true");
	call("ignored", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
	call("early", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
	call("old_early", NULL);
	assert_int_equal(g_code, 0);
	assert_int_equal(spdk_rpc_is_method_allowed("ignored", SPDK_RPC_STARTUP), -ENOENT);
	assert_string_equal(
		call("rpc_get_methods", "{\"include_aliases\":true}"), "[\"old_early\",\"rpc_get_methods\",\"none\"]");
	spdk_rpc_set_allowlist(NULL);
	assert_string_equal(call("ignored", NULL), "true");
}

static void
listing(void **state)
{
	call("rpc_get_methods", NULL);
	assert_non_null(strstr(g_reply, "\"coded\""));
	assert_null(strstr(g_reply, "\"old_early\""));
	/* Newest first. */
	assert_true(strstr(g_reply, "\"early\"") < strstr(g_reply, "\"all_types\""));
	call("rpc_get_methods", "{\"current\":true,\"include_aliases\":true}");
	assert_null(strstr(g_reply, "\"coded\""));
	assert_non_null(strstr(g_reply, "\"old_early\""));
	call("spdk_get_version", NULL);
	assert_non_null(strstr(g_reply, "\"fields\":{\"major\":25,\"minor\":5,\"patch\":0,\"suffix\":\"\"}"));
	call("spdk_get_version", "{}");
	assert_int_equal(g_code, -32602);
}

static void
descriptions(void **state)
{
	call("rpc_describe_methods", "{\"method\":\"all_types\"}");
	assert_int_equal(g_code, 0);
	assert_non_null(strstr(g_reply,
		"[{\"name\":\"all_types\",\"states\":[\"startup\",\"runtime\"],\"summary\":\"Take all types.\""));
	assert_non_null(
		strstr(g_reply, "{\"name\":\"level\",\"type\":\"int32\",\"required\":false,\"min\":-5,\"max\":5}"));
	assert_non_null(strstr(
		g_reply, "{\"name\":\"mode\",\"type\":\"enum\",\"required\":false,\"values\":[\"fast\",\"slow\"]}"));
	assert_string_equal(call("rpc_describe_methods", "{\"method\":\"nope\"}"), "[]");
	call("rpc_describe_methods", "{\"method\":\"old_early\"}");
	assert_non_null(strstr(g_reply, "\"alias_of\":\"early\""));
	call("rpc_describe_methods", NULL);
	assert_non_null(strstr(g_reply, "{\"name\":\"all_types\""));
}

/* ---- registrations that fail; last, as they are remembered ---- */

static void
plain_handler(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, params == NULL);
}

static void
failed_registrations(void **state)
{
	assert_true(spdk_rpc_verify_methods());
	spdk_rpc_register_method("none", plain_handler, SPDK_RPC_RUNTIME);
	assert_false(spdk_rpc_verify_methods());
	/* The first one stays. */
	assert_string_equal(call("none", NULL), "true");
	spdk_rpc_register_alias_deprecated("nope", "alias_of_nothing");
	spdk_rpc_register_alias_deprecated("old_early", "alias_of_an_alias");
	call("alias_of_nothing", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
	call("alias_of_an_alias", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
}

/* ---- calls from inside ---- */

static struct spdk_jsonrpc_request *g_held;

static void
hold(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_held = request;
}
SPDK_RPC_REGISTER("hold", hold, SPDK_RPC_STARTUP)

static void *
complete(void *arg)
{
	bdk_rpc_send_errno(g_held, -ENODEV, "bdev %s", "x");
	return NULL;
}

static void
calls_that_complete_later(void **state)
{
	pthread_t thread;

	g_replies = 0;
	assert_int_equal(rpc_call("hold", NULL, 0, reply_cb, NULL), 0);
	assert_int_equal(g_replies, 0);
	assert_null(spdk_jsonrpc_get_conn(g_held));
	assert_int_equal(pthread_create(&thread, NULL, complete, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(g_replies, 1);
	assert_int_equal(g_code, -ENODEV);
	assert_string_equal(g_reply, "{\"code\":-19,\"message\":\"bdev x: No such device\"}");
}

static void
calls_with_bad_params(void **state)
{
	static const char *const bad[] = {"", " ", "{", "{} x", "7", "\"x\"", "{'a':1}", "// c\n{}"};

	for (size_t i = 0; i < SPDK_COUNTOF(bad); i++) {
		g_replies = 0;
		assert_int_equal(rpc_call("ignored", bad[i], strlen(bad[i]), reply_cb, NULL), -EINVAL);
		assert_int_equal(g_replies, 0);
	}
	call("nope", NULL);
	assert_int_equal(g_code, SPDK_JSONRPC_ERROR_METHOD_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),
		cmocka_unit_test(defaults),
		cmocka_unit_test(refused_parameters_are_named),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(rules_for_params),
		cmocka_unit_test(codes_and_states),
		cmocka_unit_test(state_masks),
		cmocka_unit_test(allow_list),
		cmocka_unit_test(listing),
		cmocka_unit_test(descriptions),
		cmocka_unit_test(calls_that_complete_later),
		cmocka_unit_test(calls_with_bad_params),
		cmocka_unit_test(failed_registrations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
