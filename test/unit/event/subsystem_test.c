/* SPDX-License-Identifier: BSD-3-Clause */

/* The order of subsystems, and their start and stop in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/sim.h"
#include "lib/event/subsystem.h"
#include "spdk/log.h"
#include "spdk/util.h"

/*
 * Order
 */

#define MAX 8

struct order_case {
	const char *subsystems[MAX];
	/* Pairs: the first depends on the second. */
	const char *depends[2 * MAX];
	int rc;
	const char *sorted;
	/* Part of the error line. */
	const char *error;
};

static char g_log[1024];

static void
keep_log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	size_t used = strlen(g_log);

	vsnprintf(g_log + used, sizeof(g_log) - used, format, args);
}

static void
check_order(const struct order_case *c)
{
	struct event_subsystem_list list = TAILQ_HEAD_INITIALIZER(list);
	struct event_subsystem_depend_list depends = TAILQ_HEAD_INITIALIZER(depends);
	struct spdk_subsystem subsystems[MAX] = {}, *subsystem;
	struct spdk_subsystem_depend depend[MAX] = {};
	char sorted[64] = "";

	for (int i = 0; i < MAX && c->subsystems[i]; i++) {
		subsystems[i].name = c->subsystems[i];
		TAILQ_INSERT_TAIL(&list, &subsystems[i], tailq);
	}
	for (int i = 0; i < MAX && c->depends[2 * i]; i++) {
		depend[i].name = c->depends[2 * i];
		depend[i].depends_on = c->depends[2 * i + 1];
		TAILQ_INSERT_TAIL(&depends, &depend[i], tailq);
	}

	g_log[0] = '\0';
	assert_int_equal(event_subsystem_sort(&list, &depends), c->rc);
	TAILQ_FOREACH (subsystem, &list, tailq) {
		strcat(sorted, subsystem->name);
	}
	if (c->sorted) {
		assert_string_equal(sorted, c->sorted);
	}
	if (c->error) {
		assert_non_null(strstr(g_log, c->error));
	} else {
		assert_string_equal(g_log, "");
	}
}

static void
test_order(void **state)
{
	static const struct order_case cases[] = {
		{.rc = 0, .sorted = ""},
		{{"a", "b", "c"}, {}, 0, "abc", NULL},
		{{"a", "b", "c"}, {"a", "b", "b", "c"}, 0, "cba", NULL},
		{{"a", "b", "c", "d"}, {"a", "c", "a", "d"}, 0, "bcda", NULL},
		{{"a", "b", "c", "d"}, {"a", "d", "b", "d", "c", "b"}, 0, "dabc", NULL},
		{{"a", "b"}, {"a", "x"}, -ENOENT, "ab", "subsystem a dependency x is missing"},
		{{"a", "b"}, {"x", "a"}, -ENOENT, "ab", "subsystem x is missing"},
		{{"a", "b"}, {"a", "b", "b", "a"}, -ELOOP, NULL, "a -> b -> a"},
		{{"a"}, {"a", "a"}, -ELOOP, "a", "a -> a"},
		/* One that only leads into the circle is not named. */
		{{"a", "b", "c", "d"}, {"a", "b", "b", "c", "c", "b"}, -ELOOP, NULL, "circle: b -> c -> b\n"},
		{{"a", "b", "c", "d", "e"}, {"e", "a", "a", "b", "b", "c", "c", "a"}, -ELOOP, NULL, " -> "},
	};

	spdk_log_open(keep_log_cb);
	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		check_order(&cases[i]);
	}
	spdk_log_close();
}

/*
 * Start and stop, with the subsystems of the library among them
 */

static struct spdk_thread *g_app_thread, *g_other_thread;
static char g_calls[64];
static bool g_async, g_silent_start;
static int g_fail_rc;

static void
note(const char *text)
{
	strcat(g_calls, text);
}

static void
report_init(void *arg)
{
	spdk_subsystem_init_next((int)(intptr_t)arg);
}

static void
report_fini(void *arg)
{
	spdk_subsystem_fini_next();
}

static void
first_init(void)
{
	note("+1");
	if (g_silent_start) {
		return;
	}
	if (g_async) {
		assert_int_equal(spdk_thread_send_msg(g_app_thread, report_init, NULL), 0);
	} else {
		spdk_subsystem_init_next(0);
	}
}

static void
first_fini(void)
{
	note("-1");
	/* May be reported on any thread. */
	if (g_async) {
		assert_int_equal(spdk_thread_send_msg(g_other_thread, report_fini, NULL), 0);
	} else {
		spdk_subsystem_fini_next();
	}
}

static void
second_init(void)
{
	note("+2");
	spdk_subsystem_init_next(g_fail_rc);
}

static void
second_fini(void)
{
	note("-2");
	spdk_subsystem_fini_next();
}

static void
third_init(void)
{
	note("+3");
	spdk_subsystem_init_next(0);
}

/* In the wrong order, and one without fini. */
static struct spdk_subsystem g_third = {.name = "ut_third", .init = third_init};
static struct spdk_subsystem g_second = {.name = "ut_second", .init = second_init, .fini = second_fini};
static struct spdk_subsystem g_first = {.name = "ut_first", .init = first_init, .fini = first_fini};
static struct spdk_subsystem g_silent = {.name = "ut_silent"};

SPDK_SUBSYSTEM_REGISTER(g_third)
SPDK_SUBSYSTEM_REGISTER(g_second)
SPDK_SUBSYSTEM_REGISTER(g_first)
SPDK_SUBSYSTEM_REGISTER(g_silent)
SPDK_SUBSYSTEM_DEPEND(ut_third, ut_second)
SPDK_SUBSYSTEM_DEPEND(ut_second, ut_first)

static int g_init_rc;

static void
init_done(int rc, void *arg)
{
	note("i");
	g_init_rc = rc;
}

static void
fini_done(void *arg)
{
	note("f");
	assert_ptr_equal(spdk_get_thread(), g_app_thread);
}

static void
init(void *arg)
{
	spdk_subsystem_init(init_done, NULL);
}

static void
fini(void *arg)
{
	spdk_subsystem_fini(fini_done, NULL);
}

static int
setup(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	g_calls[0] = '\0';
	g_async = g_silent_start = false;
	g_fail_rc = 0;
	g_init_rc = 1;
	assert_int_equal(bdk_sim_init(1), 0);
	g_app_thread = spdk_thread_create("app", NULL);
	g_other_thread = spdk_thread_create("other", NULL);
	return 0;
}

static int
teardown(void **state)
{
	bdk_sim_fini();
	return 0;
}

static void
run(spdk_msg_fn fn)
{
	bdk_sim_call(g_app_thread, fn, NULL);
	bdk_sim_run_until_idle();
}

static void
test_start_stop(void **state)
{
	run(init);
	assert_int_equal(g_init_rc, 0);
	assert_string_equal(g_calls, "+1+2+3i");
	run(fini);
	assert_string_equal(g_calls, "+1+2+3i-2-1f");

	/* And once more. */
	g_calls[0] = '\0';
	g_async = true;
	run(init);
	run(fini);
	assert_string_equal(g_calls, "+1+2+3i-2-1f");
	assert_true(spdk_subsystem_exists("ut_first"));
	assert_false(spdk_subsystem_exists("ut_none"));
}

static void
test_init_twice(void **state)
{
	run(init);
	run(init);
	assert_int_equal(g_init_rc, -EALREADY);
	run(fini);
	assert_string_equal(g_calls, "+1+2+3ii-2-1f");
}

/* The one that failed is stopped, too; what would have followed is not started. */
static void
test_failure(void **state)
{
	g_fail_rc = -EIO;
	run(init);
	assert_int_equal(g_init_rc, -EIO);
	assert_string_equal(g_calls, "+1+2i");
	run(fini);
	assert_string_equal(g_calls, "+1+2i-2-1f");
}

static void
test_stop_before_start(void **state)
{
	run(fini);
	assert_string_equal(g_calls, "f");
}

static void
start_first(void)
{
	bdk_sim_call(g_app_thread, init, NULL);
	while (!strchr(g_calls, '1')) {
		assert_true(bdk_sim_step());
	}
	assert_string_equal(g_calls, "+1");
}

/* It is stopped as soon as it has reported, and the next one is not started. */
static void
test_stop_during_start(void **state)
{
	g_async = true;
	start_first();
	bdk_sim_call(g_app_thread, fini, NULL);
	assert_string_equal(g_calls, "+1");
	bdk_sim_run_until_idle();
	assert_string_equal(g_calls, "+1-1f");
	assert_int_equal(g_init_rc, 1);
}

/* One that never reports is stopped in the end; a report that comes then is ignored. */
static void
test_stop_during_long_start(void **state)
{
	g_async = true;
	g_silent_start = true;
	start_first();
	bdk_sim_call(g_app_thread, fini, NULL);
	bdk_sim_run_for(4000000);
	assert_string_equal(g_calls, "+1");
	bdk_sim_run_for(2000000);
	assert_string_equal(g_calls, "+1-1f");
	bdk_sim_call(g_app_thread, report_init, NULL);
	bdk_sim_run_until_idle();
	assert_string_equal(g_calls, "+1-1f");
	assert_int_equal(g_init_rc, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test_setup_teardown(test_start_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_before_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_during_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_during_long_start, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
