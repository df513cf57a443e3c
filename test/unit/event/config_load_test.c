/* SPDX-License-Identifier: BSD-3-Clause */

/* Configurations: what is called, in what order, and what is said about those that are wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/rpc.h"
#include "bdevkit/sim.h"
#include "lib/event/config_load.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/util.h"
#include "spdk_internal/init.h"

#define NAME "conf.json"

static struct spdk_thread *g_thread, *g_other_thread;
static char g_log[4096];
/* The methods that were called, each with its text. */
static char g_calls[4096];

static void
keep_log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	size_t used = strlen(g_log);

	if (level <= SPDK_LOG_WARN) {
		vsnprintf(g_log + used, sizeof(g_log) - used, format, args);
	}
}

static void
note(const char *text)
{
	size_t used = strlen(g_calls);

	snprintf(g_calls + used, sizeof(g_calls) - used, "%s;", text);
}

/*
 * Methods
 */

struct text_params {
	char *text;
	uint32_t number;
};

static const struct bdk_rpc_param g_text_params[] = {
	{.name = "text", .type = BDK_RPC_STRING, .offset = offsetof(struct text_params, text), .required = true},
	{.name = "number", .type = BDK_RPC_UINT32, .offset = offsetof(struct text_params, number)},
};

static void
note_text(struct spdk_jsonrpc_request *request, void *params)
{
	const struct text_params *p = params;

	note(p->text);
	if (strcmp(p->text, "fail") == 0) {
		bdk_rpc_send_error(request, -EIO, "Failed as told");
	} else {
		spdk_jsonrpc_send_bool_response(request, true);
	}
}

#define TEXT_METHOD(variable, method, states) \
	static const struct bdk_rpc_method variable = { \
		.name = method, \
		.summary = "Note a text", \
		.state_mask = states, \
		.params = g_text_params, \
		.num_params = SPDK_COUNTOF(g_text_params), \
		.params_size = sizeof(struct text_params), \
		.handler = note_text, \
	}; \
	BDK_RPC_REGISTER(variable)

TEXT_METHOD(g_at_startup, "ut_startup", SPDK_RPC_STARTUP)
TEXT_METHOD(g_at_runtime, "ut_runtime", SPDK_RPC_RUNTIME)
TEXT_METHOD(g_at_both, "ut_both", SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* Completes later, on another thread. */
static struct spdk_jsonrpc_request *g_slow_request;

static void
finish_slow(void *arg)
{
	note("slow done");
	spdk_jsonrpc_send_bool_response(arg, true);
}

static void
slow(struct spdk_jsonrpc_request *request, void *params)
{
	note("slow");
	if (spdk_thread_send_msg(g_other_thread, finish_slow, request)) {
		abort();
	}
}

static const struct bdk_rpc_method g_slow = {
	.name = "ut_slow",
	.summary = "Complete later",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = slow,
};
BDK_RPC_REGISTER(g_slow)

static void
stuck(struct spdk_jsonrpc_request *request, void *params)
{
	g_slow_request = request;
}

static const struct bdk_rpc_method g_stuck = {
	.name = "ut_stuck",
	.summary = "Complete when the test says so",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = stuck,
};
BDK_RPC_REGISTER(g_stuck)

/* What was received, as text: numbers and strings must arrive as they were written. */
static int
append_text_cb(void *ctx, const void *data, size_t size)
{
	size_t used = strlen(g_calls);

	snprintf(g_calls + used, sizeof(g_calls) - used, "%.*s", (int)size, (const char *)data);
	return 0;
}

static void
echo(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_text_cb, NULL, 0);

	spdk_json_write_val(w, params);
	spdk_json_write_end(w);
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("ut_echo", echo, SPDK_RPC_RUNTIME)

static struct spdk_subsystem g_linked = {.name = "ut_linked"};
SPDK_SUBSYSTEM_REGISTER(g_linked)

/*
 * Loading
 */

struct load {
	struct event_config_load_opts opts;
	struct event_config_load *load;
	int start_rc;
	int rc;
	bool done;
};

static void
load_done(void *cb_arg, int rc)
{
	struct load *load = cb_arg;

	assert_false(load->done);
	load->done = true;
	load->rc = rc;
}

static void
start_load(void *arg)
{
	struct load *load = arg;

	load->start_rc = event_config_load(&load->opts, &load->load);
}

static struct load
make_load(const char *text, bool stop_on_error)
{
	return (struct load){
		.opts = {.name = NAME,
			.text = text,
			.size = strlen(text),
			.stop_on_error = stop_on_error,
			.cb_fn = load_done},
	};
}

/* Returns the code, whether it comes at once or later. */
static int
run_load(struct load *load)
{
	g_calls[0] = '\0';
	g_log[0] = '\0';
	load->opts.cb_arg = load;
	bdk_sim_call(g_thread, start_load, load);
	assert_false(load->done);
	bdk_sim_run_until_idle();
	assert_int_equal(load->done, load->start_rc == 0);
	return load->start_rc ? load->start_rc : load->rc;
}

static int
load_text(const char *text, bool stop_on_error)
{
	struct load load = make_load(text, stop_on_error);

	return run_load(&load);
}

static int
setup(void **state)
{
	assert_int_equal(bdk_sim_init(1), 0);
	g_thread = spdk_thread_create("app", NULL);
	g_other_thread = spdk_thread_create("other", NULL);
	spdk_log_open(keep_log_cb);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	return 0;
}

static int
teardown(void **state)
{
	spdk_log_close();
	bdk_sim_fini();
	return 0;
}

#define ENTRY(method, text) "{\"method\": \"" method "\", \"params\": {\"text\": \"" text "\"}}"
#define CONFIG(entries) "{\"subsystems\": [{\"subsystem\": \"ut_linked\", \"config\": [" entries "]}]}"

static void
test_passes(void **state)
{
	static const char text[] = "{\"subsystems\": ["
				   "{\"subsystem\": \"a\", \"config\": [" ENTRY("ut_runtime", "1") "," ENTRY("ut_both",
					   "2") "]},"
						"{\"subsystem\": \"b\", \"config\": null},"
						"{\"config\": [" ENTRY("ut_startup",
							"3") "], \"subsystem\": \"c\"},"
							     "{\"subsystem\": \"a\", \"config\": []},"
							     "{\"subsystem\": \"a\", \"config\": [" ENTRY("ut_runtime",
								     "4") "]}], \"other\": {\"subsystems\": 1}}";
	struct load load;

	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	assert_int_equal(load_text(text, true), 0);
	assert_string_equal(g_calls, "2;3;");
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	assert_int_equal(load_text(text, true), 0);
	assert_string_equal(g_calls, "1;4;");

	/* When there was no pass before. */
	load = make_load(text, true);
	load.opts.all = true;
	assert_int_equal(run_load(&load), 0);
	assert_string_equal(g_calls, "1;2;4;");
	assert_string_equal(g_log, "");
}

struct name_case {
	const char *name;
	/* What the warning asks for; NULL: there is none. */
	const char *meant;
};

static void
test_misspelt_subsystem(void **state)
{
	static const struct name_case cases[] = {
		{"bdev", NULL},
		{"ut_linked", NULL},
		/* Of the interface, and not of this program. */
		{"vhost_scsi", NULL},
		{"bdve", "bdev"},
		{"bdevs", "bdev"},
		{"bde", "bdev"},
		{"Bdev", "bdev"},
		{"schedular", "scheduler"},
		{"ut_linkd", "ut_linked"},
		{"vhost_scis", "vhost_scsi"},
		/* Words of their own. */
		{"", NULL},
		{"x", NULL},
		{"database", NULL},
		{"a_name_that_is_longer_than_that_of_any_subsystem", NULL},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		char text[256], expected[256] = "";
		struct load load;

		snprintf(text, sizeof(text), "{\"subsystems\": [\n{\"subsystem\": \"%s\", \"config\": [%s]}]}",
			cases[i].name, ENTRY("ut_both", "1"));
		if (cases[i].meant) {
			snprintf(expected, sizeof(expected),
				NAME ":2: there is no subsystem \"%s\"; was \"%s\" meant?\n", cases[i].name,
				cases[i].meant);
		}

		/* Said once, by the first of two loads, or by the only one; and its methods are called. */
		spdk_rpc_set_state(SPDK_RPC_STARTUP);
		assert_int_equal(load_text(text, true), 0);
		assert_string_equal(g_log, expected);
		assert_string_equal(g_calls, "1;");
		spdk_rpc_set_state(SPDK_RPC_RUNTIME);
		assert_int_equal(load_text(text, true), 0);
		assert_string_equal(g_log, "");
		load = make_load(text, true);
		load.opts.all = true;
		assert_int_equal(run_load(&load), 0);
		assert_string_equal(g_log, expected);
	}
}

static void
test_one_after_the_other(void **state)
{
	assert_int_equal(load_text(CONFIG("{\"method\": \"ut_slow\"}," ENTRY("ut_runtime", "after")), true), 0);
	assert_string_equal(g_calls, "slow;slow done;after;");
}

static void
test_verbatim(void **state)
{
	assert_int_equal(
		load_text("// begins with a comment\n" CONFIG("{\"params\": {\"n\": 1.50e+3, /* really */\n"
							      "\"big\": 123456789012345678901234567890, \"s\": "
							      "\"a\\\"\\u00e9\\n\", \"l\": [1, {}]}, // so\n"
							      "\"method\": \"ut_\\u0065cho\"}") "\n\n",
			true),
		0);
	assert_string_equal(g_calls,
		"{\"n\":1.50e+3,\"big\":123456789012345678901234567890,\"s\":\"a\\\"\\u00E9\\n\","
		"\"l\":[1,{}]}");
	assert_string_equal(g_log, "");
}

struct bad_case {
	const char *text;
	int rc;
	/* Part of the log. */
	const char *error;
	/* What was called before. */
	const char *calls;
};

static const struct bad_case g_bad[] = {
	/* Not JSON. */
	{"", -EINVAL, NAME ":1: ", ""},
	{" \n\n", -EINVAL, NAME ":3: ", ""},
	{"{\n\"subsystems\": [\n", -EINVAL, NAME ":3: the text ends", ""},
	{"{\n\"subsystems\": [],\n}", -EINVAL, NAME ":3: ", ""},
	{"{\"subsystems\": [] }\n}", -EINVAL, NAME ":2: ", ""},
	{"{'subsystems': []}", -EINVAL, NAME ":1: ", ""},
	{"\xff", -EINVAL, NAME ":1: ", ""},
	{"{\"subsystems\": [\"\n\"]}", -EINVAL, NAME ":1: ", ""},
	/* Not the right shape. */
	{"[]", -EINVAL, NAME ":1: A configuration must be an object", ""},
	{"1", -EINVAL, NAME ":1: A configuration must be an object", ""},
	{"{\n\"subsystems\": {}}", -EINVAL, NAME ":2: \"subsystems\" must be an array", ""},
	{"{\n\"subsystems\": [],\n\"subsystems\": []}", -EINVAL, NAME ":3: \"subsystems\" is given twice", ""},
	{"{\"subsystems\": [\n1]}", -EINVAL, NAME ":2: A subsystem must be an object", ""},
	{"{\"subsystems\": [\n{}]}", -EINVAL, NAME ":2: A subsystem has no \"subsystem\"", ""},
	{"{\"subsystems\": [\n{\"subsystem\": \"x\"}]}", -EINVAL, NAME ":2: A subsystem has no \"config\"", ""},
	{"{\"subsystems\": [{\"subsystem\":\n5, \"config\": []}]}", -EINVAL, NAME ":2: \"subsystem\" must be a string",
		""},
	{"{\"subsystems\": [{\"subsystem\": \"x\",\n\"config\": {}}]}", -EINVAL,
		NAME ":2: \"config\" must be an array or null", ""},
	{"{\"subsystems\": [{\"subsystem\": \"x\", \"config\": [],\n\"more\": 1}]}", -EINVAL,
		NAME ":2: \"more\" is not known here", ""},
	{CONFIG("\n5"), -EINVAL, NAME ":2: A config entry must be an object", ""},
	{CONFIG("\n{}"), -EINVAL, NAME ":2: A config entry has no \"method\"", ""},
	{CONFIG("\n{\"method\": 1}"), -EINVAL, NAME ":2: \"method\" must be a string", ""},
	{CONFIG("{\"method\": \"ut_echo\",\n\"params\": []}"), -EINVAL, NAME ":2: \"params\" must be an object", ""},
	{CONFIG("{\"method\": \"ut_echo\",\n\"params\": null}"), -EINVAL, NAME ":2: \"params\" must be an object", ""},
	{CONFIG("{\"method\": \"ut_echo\",\n\"parms\": {}}"), -EINVAL, NAME ":2: \"parms\" is not known here", ""},
	{CONFIG("{\"method\": \"ut_echo\",\n\"method\": \"x\"}"), -EINVAL, NAME ":2: \"method\" is given twice", ""},
	{CONFIG("\n{\"method\": \"ut\\u0000echo\"}"), -EINVAL, NAME ":2: \"method\" has a zero byte", ""},
	/* Found before anything is called. */
	{CONFIG(ENTRY("ut_runtime", "1") ",\n{\"method\": 1}"), -EINVAL, NAME ":2: \"method\" must be a string", ""},
	{CONFIG(ENTRY("ut_runtime", "1") ",\n" ENTRY("ut_none", "2")), -ENOENT,
		NAME ":2: Method 'ut_none' was not found", ""},
	/* What a method says, at the parameter where it speaks of one. */
	{CONFIG("{\"method\": \"ut_runtime\",\n\"params\": {\"text\":\n5}}"), -EINVAL,
		NAME ":2: ut_runtime: parameter 'text' must be", ""},
	{CONFIG("{\"method\": \"ut_runtime\", \"params\": {\"text\": \"x\",\n\n\"number\": -1}}"), -EINVAL,
		NAME ":3: ut_runtime: parameter 'number' must be", ""},
	{CONFIG("{\"method\": \"ut_runtime\", \"params\": {\"text\": \"x\",\n\"nubmer\": 1}}"), -EINVAL,
		NAME ":2: ut_runtime: there is no parameter 'nubmer'", ""},
	{CONFIG("{\n\"method\": \"ut_runtime\",\n\"params\": {}}"), -EINVAL,
		NAME ":2: ut_runtime: parameter 'text' is missing", ""},
	{CONFIG(ENTRY("ut_runtime", "1") ",\n" ENTRY("ut_runtime", "fail") ",\n" ENTRY("ut_runtime", "2")), -EINVAL,
		NAME ":2: ut_runtime: Failed as told", "1;fail;"},
};

static void
test_bad(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_bad); i++) {
		const struct bad_case *c = &g_bad[i];
		int rc = load_text(c->text, true);

		if (rc != c->rc || strncmp(g_log, c->error, strlen(c->error)) != 0 || strcmp(g_calls, c->calls) != 0) {
			fail_msg("case %zu: %s\nresult %d, log '%s', calls '%s'", i, c->text, rc, g_log, g_calls);
		}
		/* One line says it. */
		assert_ptr_equal(strchr(g_log, '\n') + 1, g_log + strlen(g_log));
	}
}

static void
test_go_on(void **state)
{
	/* A wrong shape ends it all the same. */
	assert_int_equal(load_text(CONFIG(ENTRY("ut_runtime", "1") ", {}"), false), -EINVAL);
	assert_string_equal(g_calls, "");

	assert_int_equal(
		load_text(CONFIG(ENTRY("ut_runtime", "fail") "," ENTRY("ut_none", "1") "," ENTRY("ut_runtime", "2")),
			false),
		0);
	assert_string_equal(g_calls, "fail;2;");
	assert_non_null(strstr(g_log, "Failed as told"));
}

static void
test_not_linked(void **state)
{
	assert_int_equal(load_text("{\"subsystems\": [{\"subsystem\": \"ut_absent\", \"config\": [" ENTRY(
					   "ut_none", "1") "," ENTRY("ut_runtime", "2") "]}]}",
				 true),
		0);
	assert_string_equal(g_calls, "2;");
}

static void
test_nothing(void **state)
{
	static const char padded[] = "{\"subsystems\": []}\n\0";
	struct load load;

	assert_int_equal(load_text("{\"subsystems\": []}", true), 0);
	assert_string_equal(g_log, "");
	assert_int_equal(load_text("{\"other\": []}", true), 0);
	assert_non_null(strstr(g_log, "No 'subsystems' key"));

	/* Whoever counts the terminating zero in. */
	load = make_load(padded, true);
	load.opts.size = sizeof(padded);
	assert_int_equal(run_load(&load), 0);
}

static void
test_error_text(void **state)
{
	char error[32];
	struct load load = make_load(CONFIG(ENTRY("ut_runtime", "fail") "," ENTRY("ut_runtime", "fail")), false);

	load.opts.error = error;
	load.opts.error_size = sizeof(error);
	assert_int_equal(run_load(&load), 0);
	assert_string_equal(error, NAME ":1: ut_runtime: Failed");
}

static void
release_stuck(void *arg)
{
	spdk_jsonrpc_send_bool_response(g_slow_request, true);
}

static void
test_cancel(void **state)
{
	struct load load = make_load(CONFIG("{\"method\": \"ut_stuck\"}," ENTRY("ut_runtime", "after")), true);

	load.opts.cb_arg = &load;
	g_calls[0] = '\0';
	g_slow_request = NULL;
	bdk_sim_call(g_thread, start_load, &load);
	bdk_sim_run_until_idle();
	assert_non_null(g_slow_request);
	event_config_load_cancel(load.load);
	bdk_sim_run_until_idle();
	assert_false(load.done);
	bdk_sim_call(g_other_thread, release_stuck, NULL);
	bdk_sim_run_until_idle();
	assert_true(load.done);
	assert_int_equal(load.rc, -ECANCELED);
	assert_string_equal(g_calls, "");
}

static void
test_allow_list(void **state)
{
	const char *list[] = {"ut_echo", NULL};

	spdk_rpc_set_allowlist(list);
	assert_int_equal(
		load_text(CONFIG("{\"method\": \"ut_echo\", \"params\": {}},\n" ENTRY("ut_runtime", "1")), true),
		-EINVAL);
	spdk_rpc_set_allowlist(NULL);
	assert_string_equal(g_calls, "{}");
	assert_non_null(strstr(g_log, NAME ":2: ut_runtime: Method not found"));
}

/*
 * The public form
 */

static int g_public_rc;
static int g_public_calls;

static void
public_done(int rc, void *cb_arg)
{
	g_public_rc = rc;
	g_public_calls++;
}

static void
load_public(void *arg)
{
	spdk_subsystem_load_config(arg, arg ? (ssize_t)strlen(arg) : 0, public_done, NULL, true);
}

static void
test_public(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{NULL, -EINVAL},
		{"", -EINVAL},
		{"{", -EINVAL},
		{CONFIG(ENTRY("ut_runtime", "1")), 0},
		{CONFIG(ENTRY("ut_none", "1")), -ENOENT},
		{CONFIG(ENTRY("ut_runtime", "fail")), -EINVAL},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		g_public_calls = 0;
		g_public_rc = 1;
		bdk_sim_call(g_thread, load_public, (void *)cases[i].text);
		bdk_sim_run_until_idle();
		assert_int_equal(g_public_calls, 1);
		assert_int_equal(g_public_rc, cases[i].rc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verbatim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_linked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misspelt_subsystem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_allow_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_public, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
