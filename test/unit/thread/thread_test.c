/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"

/* ---- creation and questions ---- */

static void
test_ids_and_names(void **state)
{
	struct spdk_thread *a = spdk_thread_create("a", NULL), *b = spdk_thread_create(NULL, NULL);
	char address[32], long_name[400];
	struct spdk_thread *c;

	assert_string_equal(spdk_thread_get_name(a), "a");
	snprintf(address, sizeof(address), "%p", (void *)b);
	assert_string_equal(spdk_thread_get_name(b), address);
	assert_true(spdk_thread_get_id(b) == spdk_thread_get_id(a) + 1);
	assert_ptr_equal(spdk_thread_get_by_id(spdk_thread_get_id(b)), b);
	assert_null(spdk_thread_get_by_id(0));
	assert_null(spdk_thread_get_by_id(spdk_thread_get_id(b) + 1));
	assert_int_equal(spdk_thread_get_count(), 2);
	assert_null(spdk_thread_get_ctx(a));

	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	c = spdk_thread_create(long_name, NULL);
	assert_int_equal(strlen(spdk_thread_get_name(c)), 256);

	destroy_thread(c);
	destroy_thread(b);
	assert_null(spdk_thread_get_by_id(spdk_thread_get_id(a) + 1));
	assert_int_equal(spdk_thread_get_count(), 1);
	destroy_thread(a);
}

static void
test_cpumask(void **state)
{
	struct spdk_cpuset mask;
	struct spdk_thread *all = spdk_thread_create("all", NULL), *one;

	assert_int_equal(spdk_cpuset_count(spdk_thread_get_cpumask(all)), SPDK_CPUSET_SIZE);
	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, 3, true);
	one = spdk_thread_create("one", &mask);
	assert_true(spdk_cpuset_equal(spdk_thread_get_cpumask(one), &mask));

	/* This framework has no operations. */
	spdk_set_thread(one);
	assert_int_equal(spdk_thread_set_cpumask(&mask), -ENOTSUP);
	spdk_thread_bind(one, true);
	assert_true(spdk_thread_is_bound(one));

	destroy_thread(one);
	destroy_thread(all);
}

static struct spdk_thread *g_app_in_callback;
static int g_refuse;
static enum spdk_thread_op g_last_op;

static int
op_fn(struct spdk_thread *thread, enum spdk_thread_op op)
{
	g_last_op = op;
	if (op == SPDK_THREAD_OP_NEW) {
		g_app_in_callback = spdk_thread_get_app_thread();
		memset(spdk_thread_get_ctx(thread), 0x5a, 100);
		assert_ptr_equal(spdk_thread_get_from_ctx(spdk_thread_get_ctx(thread)), thread);
		return g_refuse;
	}
	return 0;
}

static bool
op_supported(enum spdk_thread_op op)
{
	return true;
}

static void
test_framework_operations(void **state)
{
	struct spdk_thread *first, *second;
	struct spdk_cpuset mask;
	uint64_t id;

	spdk_thread_lib_fini();
	assert_int_equal(spdk_thread_lib_init_ext(op_fn, NULL, 0, 10), -EINVAL);
	assert_int_equal(spdk_thread_lib_init_ext(NULL, op_supported, 0, 10), -EINVAL);
	assert_int_equal(spdk_thread_lib_init_ext(op_fn, op_supported, 100, 1000), 0);

	/* The first thread is the app thread, once the framework has it. */
	first = spdk_thread_create("first", NULL);
	assert_null(g_app_in_callback);
	assert_ptr_equal(spdk_thread_get_app_thread(), first);
	assert_true(spdk_thread_is_app_thread(first));
	assert_false(spdk_thread_is_app_thread(NULL));

	g_refuse = -1;
	assert_null(spdk_thread_create("refused", NULL));
	assert_int_equal(spdk_thread_get_count(), 1);
	g_refuse = 0;
	id = spdk_thread_get_id(first);
	second = spdk_thread_create("second", NULL);
	assert_true(spdk_thread_get_id(second) == id + 2);

	spdk_set_thread(NULL);
	spdk_cpuset_zero(&mask);
	assert_int_equal(spdk_thread_set_cpumask(&mask), -EINVAL);
	spdk_set_thread(second);
	assert_int_equal(spdk_thread_set_cpumask(&mask), 0);
	assert_int_equal(g_last_op, SPDK_THREAD_OP_RESCHED);
	assert_int_equal(spdk_cpuset_count(spdk_thread_get_cpumask(second)), 0);

	destroy_thread(second);
	destroy_thread(first);
	/* It is there until the library ends, so that late messages get an error. */
	assert_int_equal(spdk_thread_send_msg(first, NULL, NULL), -EIO);
}

/* ---- exit ---- */

static int
idle_poller(void *arg)
{
	return SPDK_POLLER_IDLE;
}

static void
test_exit_waits_for_pollers(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);
	struct spdk_poller *active, *timed, *paused;

	spdk_set_thread(thread);
	active = spdk_poller_register(idle_poller, NULL, 0);
	timed = spdk_poller_register(idle_poller, NULL, 100);
	paused = spdk_poller_register(idle_poller, NULL, 0);
	spdk_poller_pause(paused);
	drain(thread);
	assert_int_equal(spdk_thread_exit(thread), 0);
	assert_false(spdk_thread_is_running(thread));
	drain(thread);
	assert_false(spdk_thread_is_exited(thread));
	spdk_poller_unregister(&active);
	drain(thread);
	assert_false(spdk_thread_is_exited(thread));
	spdk_poller_unregister(&timed);
	drain(thread);
	assert_false(spdk_thread_is_exited(thread));
	spdk_poller_unregister(&paused);
	drain(thread);
	assert_true(spdk_thread_is_exited(thread));
	/* Again is no harm. */
	assert_int_equal(spdk_thread_exit(thread), 0);

	assert_null(spdk_poller_register(idle_poller, NULL, 0));
	assert_null(spdk_get_io_channel(&thread));
	assert_int_equal(spdk_thread_send_msg(thread, NULL, NULL), -EIO);
	spdk_thread_destroy(thread);
	assert_null(spdk_get_thread());
}

static void
test_exit_is_forced_after_5_s(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("stuck", NULL);

	spdk_set_thread(thread);
	spdk_poller_register(idle_poller, NULL, 0);
	spdk_thread_exit(thread);
	env_clock_advance(4999999 * US);
	spdk_thread_poll(thread, 0, 0);
	assert_false(spdk_thread_is_exited(thread));
	env_clock_advance(1 * US);
	spdk_thread_poll(thread, 0, 0);
	assert_true(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
}

/* The process is stopped until long after that: what the thread waits for has a second to come. */
static void
test_exit_is_not_forced_after_standing_still(void **state)
{
	struct spdk_thread *thread;

	for (int in_time = 0; in_time < 2; in_time++) {
		struct spdk_poller *poller;

		thread = spdk_thread_create("stopped", NULL);
		spdk_set_thread(thread);
		poller = spdk_poller_register(idle_poller, NULL, 0);
		spdk_thread_exit(thread);
		for (int i = 0; i < 2; i++) {
			env_clock_advance(i == 0 ? 60000000 * US : 999999 * US);
			spdk_thread_poll(thread, 0, 0);
			assert_false(spdk_thread_is_exited(thread));
		}
		if (in_time) {
			spdk_poller_unregister(&poller);
		} else {
			/* It does not get more of it each time. */
			env_clock_advance(60000000 * US);
		}
		spdk_thread_poll(thread, 0, 0);
		assert_true(spdk_thread_is_exited(thread));
		spdk_thread_destroy(thread);
	}
}

static void
set_flag(void *arg)
{
	*(int *)arg += 1;
}

static void
test_exiting_thread_still_works(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);
	struct spdk_poller *poller;
	int count = 0;

	spdk_set_thread(thread);
	spdk_thread_send_msg(thread, set_flag, &count);
	spdk_thread_exit(thread);
	poller = spdk_poller_register(idle_poller, NULL, 0);
	assert_non_null(poller);
	assert_int_equal(spdk_thread_send_msg(thread, set_flag, &count), 0);
	drain(thread);
	assert_int_equal(count, 2);
	spdk_poller_unregister(&poller);
	drain(thread);
	assert_true(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
}

/* ---- times ---- */

static int
busy_for_10_us(void *arg)
{
	struct spdk_thread *thread = spdk_get_thread();

	assert_true(spdk_thread_get_last_tsc(thread) == spdk_get_ticks());
	env_clock_advance(10 * US);
	return *(int *)arg;
}

static void
test_stats(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);
	struct spdk_thread_stats stats;
	struct spdk_poller *poller;
	int rc = 0;

	assert_int_equal(spdk_thread_get_stats(&stats), -EINVAL);
	spdk_set_thread(thread);
	assert_int_equal(spdk_thread_get_stats(NULL), -EINVAL);
	poller = spdk_poller_register(busy_for_10_us, &rc, 0);

	assert_int_equal(spdk_thread_poll(thread, 0, 0), 0);
	rc = 5;
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 5);
	assert_int_equal(spdk_thread_poll(thread, 0, spdk_get_ticks()), 5);
	rc = -1;
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 0);
	assert_true(spdk_thread_get_last_tsc(thread) == spdk_get_ticks());
	assert_true(spdk_thread_get_last_tsc(NULL) == spdk_get_ticks());

	assert_int_equal(spdk_thread_get_stats(&stats), 0);
	assert_int_equal(stats.idle_tsc, 20 * US);
	assert_int_equal(stats.busy_tsc, 20 * US);
	spdk_poller_unregister(&poller);
	destroy_thread(thread);
}

static int
poll_other(void *arg)
{
	struct spdk_thread *self = spdk_get_thread();

	spdk_thread_poll(arg, 0, 0);
	assert_ptr_equal(spdk_get_thread(), self);
	return SPDK_POLLER_BUSY;
}

static void
remember_current(void *arg)
{
	*(struct spdk_thread **)arg = spdk_get_thread();
}

static void
test_nested_poll(void **state)
{
	struct spdk_thread *outer = spdk_thread_create("outer", NULL), *inner = spdk_thread_create("inner", NULL);
	struct spdk_thread *seen = NULL;
	struct spdk_poller *poller;

	spdk_set_thread(outer);
	poller = spdk_poller_register(poll_other, inner, 0);
	spdk_thread_send_msg(inner, remember_current, &seen);
	spdk_set_thread(NULL);
	spdk_thread_poll(outer, 0, 0);
	assert_ptr_equal(seen, inner);
	assert_null(spdk_get_thread());
	spdk_set_thread(outer);
	spdk_poller_unregister(&poller);
	destroy_thread(inner);
	destroy_thread(outer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ids_and_names, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_cpumask, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_framework_operations, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_exit_waits_for_pollers, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_exit_is_forced_after_5_s, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_exit_is_not_forced_after_standing_still, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_exiting_thread_still_works, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_stats, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nested_poll, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
