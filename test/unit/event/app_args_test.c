/* SPDX-License-Identifier: BSD-3-Clause */

/* Defaults of the options, and the command line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/app.h"
#include "lib/event/app_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include <getopt.h>

#define MAX_ARGS 8

static char g_log[4096];
static char g_app_parsed[64];
static int g_app_rc;

static void
keep_log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	size_t used = strlen(g_log);

	vsnprintf(g_log + used, sizeof(g_log) - used, format, args);
}

static int
parse_app_option(int value, char *arg)
{
	size_t used = strlen(g_app_parsed);

	snprintf(g_app_parsed + used, sizeof(g_app_parsed) - used, "%c=%s;", value < 256 ? value : '#', arg ? arg : "");
	return g_app_rc;
}

static int
count_args(const char *const *args)
{
	int argc = 0;

	while (argc < MAX_ARGS && args[argc]) {
		argc++;
	}
	return argc;
}

static spdk_app_parse_args_rvals_t
parse(struct spdk_app_opts *opts, const char *const *args, const char *letters, const struct option *long_opts)
{
	char *argv[MAX_ARGS + 2] = {(char *)"program"};
	int argc = count_args(args);

	for (int i = 0; i < argc; i++) {
		argv[i + 1] = (char *)args[i];
	}
	g_log[0] = '\0';
	g_app_parsed[0] = '\0';
	return spdk_app_parse_args(
		argc + 1, argv, opts, letters, long_opts, letters || long_opts ? parse_app_option : NULL, NULL);
}

/* Help and usage go to standard output; keep the test's own clean. */
static int g_stdout;

static void
hide_stdout(void)
{
	int null = open("/dev/null", O_WRONLY);

	fflush(stdout);
	g_stdout = dup(STDOUT_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

static void
show_stdout(void)
{
	fflush(stdout);
	dup2(g_stdout, STDOUT_FILENO);
	close(g_stdout);
}

static void
test_defaults(void **state)
{
	struct spdk_app_opts opts;
	struct {
		char bytes[64];
	} small;

	memset(&opts, 0xee, sizeof(opts));
	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(opts.opts_size, sizeof(opts));
	assert_true(opts.enable_coredump);
	assert_int_equal(opts.shm_id, -1);
	assert_int_equal(opts.mem_size, -1);
	assert_int_equal(opts.main_core, -1);
	assert_int_equal(opts.mem_channel, -1);
	assert_int_equal(opts.base_virtaddr, 0x200000000000);
	assert_int_equal(opts.print_level, SPDK_LOG_INFO);
	assert_string_equal(opts.rpc_addr, "/var/tmp/spdk.sock");
	assert_int_equal(opts.num_entries, 32768);
	assert_int_equal(opts.rpc_log_level, SPDK_LOG_DISABLED);
	assert_null(opts.name);
	assert_null(opts.reactor_mask);
	assert_null(opts.json_data);
	assert_false(opts.delay_subsystem_init);

	/* A caller with an older, shorter structure. */
	memset(&small, 0xee, sizeof(small));
	spdk_app_opts_init((struct spdk_app_opts *)&small, 32);
	assert_int_equal((unsigned char)small.bytes[31], 0);
	assert_int_equal((unsigned char)small.bytes[32], 0xee);

	g_log[0] = '\0';
	spdk_app_opts_init(&opts, 0);
	spdk_app_opts_init(NULL, 1);
	assert_string_not_equal(g_log, "");
}

struct arg_case {
	const char *args[MAX_ARGS];
	spdk_app_parse_args_rvals_t result;
	/* Part of the log. */
	const char *error;
	/* Field that is set, and to what. */
	size_t offset;
	enum {
		NONE,
		STRING,
		INT,
		BOOL,
		SIZE
	} kind;
	const char *string;
	int64_t number;
};

#define FIELD(name) offsetof(struct spdk_app_opts, name)
#define OK SPDK_APP_PARSE_ARGS_SUCCESS
#define FAIL SPDK_APP_PARSE_ARGS_FAIL
#define HELP SPDK_APP_PARSE_ARGS_HELP
#define IS_STRING(arg1, arg2, field, text) \
	{ \
		{arg1, arg2}, OK, NULL, FIELD(field), STRING, text, 0 \
	}
#define IS_INT(arg1, arg2, field, value) \
	{ \
		{arg1, arg2}, OK, NULL, FIELD(field), INT, NULL, value \
	}
#define IS_SIZE(arg1, arg2, field, value) \
	{ \
		{arg1, arg2}, OK, NULL, FIELD(field), SIZE, NULL, value \
	}
#define IS_BOOL(arg1, field, value) \
	{ \
		{arg1}, OK, NULL, FIELD(field), BOOL, NULL, value \
	}
#define REFUSED(text, ...) \
	{ \
		{__VA_ARGS__}, FAIL, text, 0, NONE, NULL, 0 \
	}

static const struct arg_case g_cases[] = {
	{{NULL}, OK, NULL, 0, NONE, NULL, 0},
	IS_STRING("-c", "a.json", json_config_file, "a.json"),
	IS_STRING("--config", "a.json", json_config_file, "a.json"),
	IS_STRING("--json", "a.json", json_config_file, "a.json"),
	IS_STRING("-m", "0x3", reactor_mask, "0x3"),
	IS_STRING("--cpumask", "[0,1]", reactor_mask, "[0,1]"),
	IS_STRING("--lcores", "(0-1)@(2-3)", lcore_map, "(0-1)@(2-3)"),
	IS_STRING("-r", "/tmp/s", rpc_addr, "/tmp/s"),
	IS_STRING("--rpc-socket", "/tmp/s", rpc_addr, "/tmp/s"),
	IS_STRING("-e", "bdev", tpoint_group_mask, "bdev"),
	IS_STRING("--huge-dir", "/huge", hugedir, "/huge"),
	IS_STRING("--iova-mode", "va", iova_mode, "va"),
	IS_STRING("--env-context", "x", env_context, "x"),
	IS_STRING("--vfio-vf-token", "t", vf_token, "t"),
	IS_STRING("--no-rpc-server", NULL, rpc_addr, NULL),
	IS_INT("-i", "5", shm_id, 5),
	IS_INT("-i", "-3", shm_id, -3),
	IS_INT("--shm-id", "0x10", shm_id, 16),
	IS_INT("-n", "4", mem_channel, 4),
	IS_INT("-p", "0", main_core, 0),
	IS_INT("-s", "512", mem_size, 512),
	IS_INT("-s", "512M", mem_size, 512),
	IS_INT("-s", "2G", mem_size, 2048),
	IS_INT("--mem-size", "4096K", mem_size, 4),
	IS_INT("--silence-noticelog", NULL, print_level, SPDK_LOG_WARN),
	IS_SIZE("--msg-mempool-size", "1000", msg_mempool_size, 1000),
	IS_SIZE("--num-trace-entries", "0", num_entries, 0),
	IS_SIZE("--num-trace-entries", "64", num_entries, 64),
	IS_SIZE("--base-virtaddr", "0x1000", base_virtaddr, 0x1000),
	IS_BOOL("-d", enable_coredump, false),
	IS_BOOL("--limit-coredump", enable_coredump, false),
	IS_BOOL("-g", hugepage_single_segments, true),
	IS_BOOL("-u", no_pci, true),
	IS_BOOL("-R", unlink_hugepage, true),
	IS_BOOL("--interrupt-mode", interrupt_mode, true),
	IS_BOOL("--wait-for-rpc", delay_subsystem_init, true),
	IS_BOOL("--json-ignore-init-errors", json_config_ignore_errors, true),
	IS_BOOL("--disable-cpumask-locks", disable_cpumask_locks, true),
	IS_BOOL("--no-huge", no_huge, true),
	IS_BOOL("--enforce-numa", enforce_numa, true),
	/* Arguments that are no options; options behind them. */
	{{"disk.img", "-m", "0x2"}, OK, NULL, FIELD(reactor_mask), STRING, "0x2", 0},
	{{"--no-rpc-server", "-r", "/tmp/s"}, OK, NULL, FIELD(rpc_addr), STRING, "/tmp/s", 0},
	{{"-h"}, HELP, NULL, 0, NONE, NULL, 0},
	{{"--help"}, HELP, NULL, 0, NONE, NULL, 0},
	{{"-v"}, HELP, NULL, 0, NONE, NULL, 0},
	{{"-A", "0000:01:00.0"}, OK, NULL, 0, NONE, NULL, 0},
	{{"-B", "01:00.0", "-B", "02:00.1"}, OK, NULL, 0, NONE, NULL, 0},
	{{"-L", "reactor"}, OK, NULL, 0, NONE, NULL, 0},
	{{"-L", "REACT*"}, OK, NULL, 0, NONE, NULL, 0},
	REFUSED("'x'", "-n", "x"),
	REFUSED("'-1'", "-n", "-1"),
	REFUSED("'-1'", "-p", "-1"),
	REFUSED("'1x'", "-p", "1x"),
	REFUSED("'99999999999'", "-p", "99999999999"),
	REFUSED("'five'", "-i", "five"),
	REFUSED("'x'", "-s", "x"),
	REFUSED("'-5'", "-s", "-5"),
	REFUSED("'3T'", "-s", "3T"),
	REFUSED("too large", "-s", "9999999999"),
	REFUSED("'0'", "--msg-mempool-size", "0"),
	REFUSED("'0x10'", "--msg-mempool-size", "0x10"),
	REFUSED("power of two", "--num-trace-entries", "3"),
	REFUSED("'-8'", "--num-trace-entries", "-8"),
	REFUSED("'0'", "--base-virtaddr", "0"),
	REFUSED("--lcores", "-m", "0x1", "--lcores", "0"),
	REFUSED("--lcores", "--lcores", "0", "-m", "0x1"),
	REFUSED("-A and -B", "-A", "01:00.0", "-B", "02:00.0"),
	REFUSED("-A and -B", "-B", "01:00.0", "-A", "02:00.0"),
	REFUSED("'nonsense'", "-A", "nonsense"),
	REFUSED("'01:00.0x'", "-B", "01:00.0x"),
	REFUSED("no log flag 'none'", "-L", "none"),
	REFUSED(NULL, "--unknown"),
	REFUSED(NULL, "-Z"),
	REFUSED(NULL, "-m"),
	/* Passed to the application, which has no options here. */
	REFUSED(NULL, "-W", "x"),
};

static void
check_field(const struct arg_case *c, const struct spdk_app_opts *opts)
{
	const char *field = (const char *)opts + c->offset;
	const char *string;
	size_t size;
	int number;

	switch (c->kind) {
	case STRING:
		memcpy(&string, field, sizeof(string));
		if (c->string) {
			assert_non_null(string);
			assert_string_equal(string, c->string);
		} else {
			assert_null(string);
		}
		break;
	case INT:
		memcpy(&number, field, sizeof(number));
		assert_int_equal(number, c->number);
		break;
	case SIZE:
		memcpy(&size, field, sizeof(size));
		assert_int_equal(size, c->number);
		break;
	case BOOL:
		assert_int_equal(*field, c->number);
		break;
	case NONE:
		break;
	}
}

static void
test_args(void **state)
{
	struct spdk_app_opts opts;
	spdk_app_parse_args_rvals_t result;

	opterr = 0;
	for (size_t i = 0; i < SPDK_COUNTOF(g_cases); i++) {
		const struct arg_case *c = &g_cases[i];

		spdk_app_opts_init(&opts, sizeof(opts));
		hide_stdout();
		result = parse(&opts, c->args, NULL, NULL);
		show_stdout();
		if (result != c->result || (c->error && !strstr(g_log, c->error))) {
			fail_msg("%s %s: result %d, log '%s'", c->args[0], c->args[1] ? c->args[1] : "", result, g_log);
		}
		if (result == OK) {
			check_field(c, &opts);
		}
	}
	spdk_log_clear_flag("all");
}

static void
test_allowlist(void **state)
{
	const char *args[MAX_ARGS] = {"--rpcs-allowed", "a,bc,d"};
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(parse(&opts, args, NULL, NULL), OK);
	assert_string_equal(opts.rpc_allowlist[0], "a");
	assert_string_equal(opts.rpc_allowlist[1], "bc");
	assert_string_equal(opts.rpc_allowlist[2], "d");
	assert_null(opts.rpc_allowlist[3]);
}

static void
test_application_options(void **state)
{
	static const struct option long_opts[] = {
		{"mine", required_argument, NULL, 1000},
		{"poll", no_argument, NULL, 'P'},
		{NULL, 0, NULL, 0},
	};
	const char *args[MAX_ARGS] = {"-z", "-y", "5", "--mine", "x", "-W", "w", "--poll"};
	struct bdk_app_opts bdk_opts;
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(parse(&opts, args, "zy:", long_opts), OK);
	assert_string_equal(g_app_parsed, "z=;y=5;#=x;W=w;P=;");
	bdk_app_get_opts(&bdk_opts, sizeof(bdk_opts));
	assert_false(bdk_opts.poll);

	/* Its own code ends it. */
	g_app_rc = 3;
	assert_int_equal(parse(&opts, args, "zy:", long_opts), FAIL);
	assert_non_null(strstr(g_log, "'z' failed: 3"));
	g_app_rc = 0;

	/* Letters that are taken. */
	assert_int_equal(parse(&opts, args, "zm:", NULL), FAIL);
	assert_non_null(strstr(g_log, "Duplicated option 'm'"));
}

static void
test_options_without_parser(void **state)
{
	char *argv[] = {(char *)"program", NULL};
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(spdk_app_parse_args(1, argv, &opts, "z", NULL, NULL, NULL), FAIL);
	assert_int_equal(spdk_app_parse_args(1, argv, &opts, "", NULL, NULL, NULL), OK);
}

static void
test_poll(void **state)
{
	const char *args[MAX_ARGS] = {"--poll"};
	struct bdk_app_opts before, after;
	struct spdk_app_opts opts;

	bdk_app_opts_init(&before, sizeof(before));
	assert_false(before.poll);
	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(parse(&opts, args, NULL, NULL), OK);
	bdk_app_get_opts(&after, sizeof(after));
	assert_true(after.poll);
	assert_int_equal(after.spin_max_us, before.spin_max_us);
	assert_int_equal(bdk_app_set_opts(&before), 0);
	assert_int_equal(bdk_app_set_opts(NULL), -EINVAL);
}

/* A file that the application presets may be missing; one that the user names is looked for at the start. */
static void
test_preset_config(void **state)
{
	const char *args[MAX_ARGS] = {NULL};
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.json_config_file = "/nonexistent/preset.json";
	assert_int_equal(parse(&opts, args, NULL, NULL), OK);
	assert_null(opts.json_config_file);
	assert_non_null(strstr(g_log, "/nonexistent/preset.json"));
}

/* What lies behind the end of a shorter structure is left alone. */
static void
test_shorter_structure(void **state)
{
	const char *args[MAX_ARGS] = {"-m", "0x3", "--disable-cpumask-locks"};
	struct spdk_app_opts opts;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.opts_size = FIELD(disable_cpumask_locks);
	assert_int_equal(parse(&opts, args, NULL, NULL), OK);
	assert_string_equal(opts.reactor_mask, "0x3");
	assert_false(opts.disable_cpumask_locks);
	assert_int_equal(opts.opts_size, FIELD(disable_cpumask_locks));

	opts.opts_size = 0;
	assert_int_equal(parse(&opts, args, NULL, NULL), FAIL);
}

static int
setup(void **state)
{
	spdk_log_open(keep_log_cb);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_allowlist),
		cmocka_unit_test(test_application_options),
		cmocka_unit_test(test_options_without_parser),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_preset_config),
		cmocka_unit_test(test_shorter_structure),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
