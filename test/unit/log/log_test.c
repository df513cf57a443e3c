/* SPDX-License-Identifier: BSD-3-Clause */

/* What messages look like and where they go; flags; rates; deprecations. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

SPDK_LOG_REGISTER_COMPONENT(log_test_b)
SPDK_LOG_REGISTER_COMPONENT(log_test_a)
SPDK_LOG_DEPRECATION_REGISTER(old_thing, "the old thing", "v99.01", 2)

static char g_text[4096];

/* Runs say() and leaves what it wrote to stderr in g_text. */
static void
capture(void (*say)(void))
{
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	size_t len;

	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	say();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	len = fread(g_text, 1, sizeof(g_text) - 1, file);
	g_text[len] = '\0';
	fclose(file);
}

static void
say_all_levels(void)
{
	spdk_log(SPDK_LOG_ERROR, "/some/dir/file.c", 7, "func", "e%d\n", 1);
	spdk_log(SPDK_LOG_WARN, "file.c", 12345, "func", "w\n");
	spdk_log(SPDK_LOG_NOTICE, NULL, -1, NULL, "n\n");
	spdk_log(SPDK_LOG_INFO, "f.c", 1, "func", "i\n");
	spdk_log(SPDK_LOG_DEBUG, "f.c", 1, "func", "d\n");
	spdk_log(SPDK_LOG_DISABLED, "f.c", 1, "func", "never\n");
	spdk_log((enum spdk_log_level)77, "f.c", 1, "func", "never\n");
}

static void
only_errors_at_first(void **state)
{
	assert_int_equal(spdk_log_get_print_level(), SPDK_LOG_ERROR);
	assert_int_equal(spdk_log_get_level(), SPDK_LOG_ERROR);
	spdk_log_enable_timestamps(false);
	capture(say_all_levels);
	assert_string_equal(g_text, "file.c:   7:func: *ERROR*: e1\n");
}

static void
lines_of_all_levels(void **state)
{
	spdk_log_enable_timestamps(false);
	spdk_log_set_print_level(SPDK_LOG_DEBUG);
	capture(say_all_levels);
	assert_string_equal(g_text,
		"file.c:   7:func: *ERROR*: e1\n"
		"file.c:12345:func: *WARNING*: w\n"
		"n\n"
		"f.c:   1:func: *INFO*: i\n"
		"f.c:   1:func: *DEBUG*: d\n");
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	capture(say_all_levels);
	assert_string_equal(g_text, "");
	spdk_log_set_print_level(SPDK_LOG_ERROR);
}

static void
say_error(void)
{
	spdk_log(SPDK_LOG_ERROR, "f.c", 1, "func", "text\n");
}

static void
timestamps(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	spdk_log_enable_timestamps(true);
	env_clock_set_virtual(true);
	env_clock_advance(86400ULL * 1000000000 + 3661000042999ULL);
	capture(say_error);
	env_clock_set_virtual(false);
	spdk_log_enable_timestamps(false);
	assert_string_equal(g_text, "[1970-01-02 01:01:01.000042] f.c:   1:func: *ERROR*: text\n");
}

static void
say_long(void)
{
	static char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	spdk_log(SPDK_LOG_ERROR, "f.c", 1, "func", "%s\n", text);
}

static void
long_messages_are_whole(void **state)
{
	capture(say_long);
	assert_int_equal(strlen(g_text), strlen("f.c:   1:func: *ERROR*: ") + 2999 + 1);
}

static void
say_dump(void)
{
	spdk_flog(stderr, "a/f.c", 3, "func", "text %d\n", 4);
	spdk_log_dump(stderr, "label:", "0123456789abcdef\x01\x7f\xff ", 20);
	spdk_log_dump(stderr, "empty", "", 0);
}

static void
dumps(void **state)
{
	capture(say_dump);
	assert_string_equal(g_text,
		"f.c:   3:func: text 4\n"
		"label:\n"
		"00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef\n"
		"00000010  01 7f ff 20                                       ... \n"
		"empty\n");
}

/* ---- The application's own function ---- */

static int g_taken;
static int g_taken_level;

static void
take_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	g_taken++;
	g_taken_level = level;
	vsnprintf(g_text, sizeof(g_text), format, args);
}

static void
count_open_cb(void *ctx)
{
	(*(int *)ctx)++;
}

static void
count_close_cb(void *ctx)
{
	(*(int *)ctx) += 100;
}

static void
own_function(void **state)
{
	int calls = 0;
	struct spdk_log_opts opts = {.size = sizeof(opts),
		.log = take_cb,
		.open = count_open_cb,
		.close = count_close_cb,
		.user_ctx = &calls};

	spdk_log_open_ext(&opts);
	assert_int_equal(calls, 1);
	/* Of every level. */
	spdk_log(SPDK_LOG_DEBUG, "f.c", 1, "func", "to %s", "you");
	assert_int_equal(g_taken, 1);
	assert_int_equal(g_taken_level, SPDK_LOG_DEBUG);
	assert_string_equal(g_text, "to you");
	spdk_log_close();
	assert_int_equal(calls, 101);
	spdk_log_close();
	assert_int_equal(calls, 101);
	capture(say_error);
	assert_int_equal(g_taken, 1);
	assert_string_equal(g_text, "f.c:   1:func: *ERROR*: text\n");
	spdk_log_open(take_cb);
	spdk_log(SPDK_LOG_ERROR, "f.c", 1, "func", "again");
	assert_int_equal(g_taken, 2);
	spdk_log_close();
	/* Older callers' structures end earlier. */
	opts.size = offsetof(struct spdk_log_opts, open);
	spdk_log_open_ext(&opts);
	assert_int_equal(calls, 101);
	spdk_log_close();
	spdk_log_open_ext(NULL);
	spdk_log_close();
}

static void
system_log_levels(void **state)
{
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_ERROR), LOG_ERR);
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_WARN), LOG_WARNING);
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_NOTICE), LOG_NOTICE);
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_INFO), LOG_INFO);
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_DEBUG), LOG_INFO);
	assert_int_equal(spdk_log_to_syslog_level(SPDK_LOG_DISABLED), -1);
}

/* ---- Flags ---- */

static void
say_flagged(void)
{
	SPDK_INFOLOG(log_test_a, "a\n");
	SPDK_INFOLOG(log_test_b, "b\n");
}

static void
flags(void **state)
{
	struct spdk_log_flag *flag, *next, again = {.name = "LOG_TEST_A"};

	for (flag = spdk_log_get_first_flag(); flag != NULL; flag = next) {
		next = spdk_log_get_next_flag(flag);
		assert_true(next == NULL || strcasecmp(flag->name, next->name) < 0);
	}
	assert_int_equal(spdk_log_set_flag("no_such_flag"), -EINVAL);
	assert_int_equal(spdk_log_set_flag(NULL), -EINVAL);
	assert_int_equal(spdk_log_set_flag("LOG_test_B"), 0);
	assert_true(spdk_log_get_flag("log_test_b"));
	assert_false(spdk_log_get_flag("log_test_a"));
	assert_false(spdk_log_get_flag("no_such_flag"));
	spdk_log_set_print_level(SPDK_LOG_INFO);
	capture(say_flagged);
	assert_non_null(strstr(g_text, "*INFO*: b\n"));
	assert_null(strstr(g_text, "*INFO*: a\n"));
	assert_int_equal(spdk_log_set_flag("log_*_?"), 0);
	assert_true(spdk_log_get_flag("log_test_a"));
	assert_int_equal(spdk_log_clear_flag("all"), 0);
	capture(say_flagged);
	assert_string_equal(g_text, "");
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_log_register_flag("log_test_a", &again);
	spdk_log_register_flag(NULL, NULL);
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	spdk_log_set_flag("log_test_a");
	assert_true(SPDK_LOG_log_test_a.enabled);
	assert_false(again.enabled);
	spdk_log_clear_flag("log_test_a");
}

/* ---- Rates ---- */

static void
say_often(void)
{
	for (int i = 0; i < 5; i++) {
		SPDK_ERRLOG_RATELIMIT("number %d\n", i);
	}
	env_clock_advance(1000000000);
	SPDK_ERRLOG_RATELIMIT("another place\n");
}

static void
say_often_again(void)
{
	say_often();
}

static void
rates(void **state)
{
	env_clock_set_virtual(true);
	capture(say_often);
	assert_non_null(strstr(g_text, "number 0\n"));
	assert_null(strstr(g_text, "number 1\n"));
	assert_null(strstr(g_text, "squashed"));
	assert_non_null(strstr(g_text, "another place\n"));
	capture(say_often_again);
	env_clock_set_virtual(false);
	assert_non_null(strstr(g_text, "(same message squashed 4 times)\n"));
	assert_non_null(strstr(g_text, "number 0\n"));
	assert_null(strstr(g_text, "number 1\n"));
}

static int
find_deprecation_cb(void *ctx, struct spdk_deprecation *deprecation)
{
	struct spdk_deprecation **found = ctx;

	if (strcmp(spdk_deprecation_get_tag(deprecation), "old_thing") != 0) {
		return 0;
	}
	*found = deprecation;
	return 55;
}

static void
use_old_thing(void)
{
	SPDK_LOG_DEPRECATED(old_thing);
	env_clock_advance(1000000000);
	SPDK_LOG_DEPRECATED(old_thing);
	env_clock_advance(1000000000);
	SPDK_LOG_DEPRECATED(old_thing);
}

static void
deprecations(void **state)
{
	struct spdk_deprecation *found = NULL;
	const char *line;

	assert_int_equal(spdk_log_for_each_deprecation(&found, find_deprecation_cb), 55);
	assert_string_equal(spdk_deprecation_get_description(found), "the old thing");
	assert_string_equal(spdk_deprecation_get_remove_release(found), "v99.01");
	spdk_log_set_print_level(SPDK_LOG_WARN);
	env_clock_set_virtual(true);
	capture(use_old_thing);
	env_clock_set_virtual(false);
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	assert_int_equal(spdk_deprecation_get_hits(found), 3);
	line = strstr(g_text, "old_thing: deprecated feature the old thing to be removed in v99.01\n");
	assert_non_null(line);
	line = strstr(line + 1, "old_thing: deprecated feature the old thing to be removed in v99.01\n");
	assert_non_null(line);
	assert_null(strstr(strchr(line, '\n'), "deprecated feature"));
	assert_non_null(strstr(line, "old_thing: 1 messages suppressed\n"));
	assert_int_equal(spdk_log_deprecation_register(NULL, "x", "y", 0, &found), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_errors_at_first),
		cmocka_unit_test(lines_of_all_levels),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(long_messages_are_whole),
		cmocka_unit_test(dumps),
		cmocka_unit_test(own_function),
		cmocka_unit_test(system_log_levels),
		cmocka_unit_test(flags),
		cmocka_unit_test(rates),
		cmocka_unit_test(deprecations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
