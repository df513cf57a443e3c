/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Threads in interrupt mode under a loop that only knows their descriptor. Real time, but nothing depends on how
 * much.
 */

#include "test/unit/thread/thread_fixture.h"
#include "bdevkit/thread.h"

static int g_exited_calls;

static int
op_fn(struct spdk_thread *thread, enum spdk_thread_op op)
{
	if (op == SPDK_THREAD_OP_RESCHED && spdk_thread_is_exited(thread)) {
		g_exited_calls++;
	}
	return 0;
}

static bool
op_supported(enum spdk_thread_op op)
{
	return true;
}

static int
setup(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	if (!spdk_interrupt_mode_is_enabled() && spdk_interrupt_mode_enable() != 0) {
		return -1;
	}
	g_exited_calls = 0;
	return spdk_thread_lib_init_ext(op_fn, op_supported, 0, 1000);
}

static int
teardown(void **state)
{
	spdk_set_thread(NULL);
	spdk_thread_lib_fini();
	return 0;
}

static struct spdk_thread *
make_thread(void)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	spdk_set_thread(thread);
	return thread;
}

static bool
is_ready(struct spdk_thread *thread, int timeout_ms)
{
	struct pollfd pfd = {.fd = spdk_thread_get_interrupt_fd(thread), .events = POLLIN};

	return poll(&pfd, 1, timeout_ms) > 0;
}

/* What the outer loop does. Fails if done does not become true within a long time. */
static void
run_until(struct spdk_thread *thread, const int *count, int wanted)
{
	while (*count < wanted) {
		assert_true(is_ready(thread, 10000));
		spdk_thread_poll(thread, 0, 0);
	}
}

static void
settle(struct spdk_thread *thread)
{
	while (is_ready(thread, 0)) {
		spdk_thread_poll(thread, 0, 0);
	}
}

static void
end_thread(struct spdk_thread *thread)
{
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	while (!spdk_thread_is_exited(thread)) {
		assert_true(is_ready(thread, 10000));
		spdk_thread_poll(thread, 0, 0);
	}
	assert_int_equal(g_exited_calls, 1);
	spdk_thread_destroy(thread);
}

static void
count_msg(void *arg)
{
	*(int *)arg += 1;
}

static int
count_poll(void *arg)
{
	*(int *)arg += 1;
	return SPDK_POLLER_IDLE;
}

static void
test_enable_too_late(void **state)
{
	assert_int_equal(spdk_interrupt_mode_enable(), -1);
}

static void
test_messages(void **state)
{
	struct spdk_thread *thread = make_thread();
	int count = 0, i;

	settle(thread);
	for (i = 0; i < 50; i++) {
		spdk_thread_send_msg(thread, count_msg, &count);
	}
	run_until(thread, &count, 50);
	settle(thread);
	assert_int_equal(count, 50);
	end_thread(thread);
}

static void
test_timed_poller(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *poller;
	int count = 0;

	poller = spdk_poller_register(count_poll, &count, 2000);
	run_until(thread, &count, 3);
	spdk_poller_pause(poller);
	count = 0;
	/* One pass moves it aside; after that nothing comes. */
	while (is_ready(thread, 20)) {
		spdk_thread_poll(thread, 0, 0);
	}
	assert_int_equal(count, 0);
	spdk_poller_resume(poller);
	run_until(thread, &count, 1);
	spdk_poller_unregister(&poller);
	settle(thread);
	assert_false(is_ready(thread, 10));
	end_thread(thread);
}

static void
test_active_poller_is_polled(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *poller;
	uint64_t outstanding = 1;
	int count = 0;

	poller = spdk_poller_register(count_poll, &count, 0);
	run_until(thread, &count, 10);
	/* Without pause while an I/O is outstanding. */
	bdk_thread_set_io_counter(thread, &outstanding);
	run_until(thread, &count, 1000);
	bdk_thread_set_io_counter(thread, NULL);
	spdk_poller_unregister(&poller);
	end_thread(thread);
}

struct mode_log {
	int calls;
	bool mode;
};

static void
set_mode(struct spdk_poller *poller, void *arg, bool interrupt_mode)
{
	struct mode_log *log = arg;

	log->calls++;
	log->mode = interrupt_mode;
}

static void
test_driven_poller(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *active, *timed;
	struct mode_log active_log = {0}, timed_log = {0};
	int active_count = 0, timed_count = 0;

	active = spdk_poller_register(count_poll, &active_count, 0);
	timed = spdk_poller_register(count_poll, &timed_count, 1000);
	spdk_poller_register_interrupt(active, set_mode, &active_log);
	spdk_poller_register_interrupt(timed, set_mode, &timed_log);
	assert_int_equal(active_log.calls, 1);
	assert_true(active_log.mode);
	settle(thread);
	assert_false(is_ready(thread, 20));
	assert_int_equal(active_count + timed_count, 0);

	spdk_thread_set_interrupt_mode(false);
	assert_int_equal(timed_log.calls, 2);
	assert_false(timed_log.mode);
	while (timed_count == 0) {
		spdk_thread_poll(thread, 0, 0);
	}
	assert_true(active_count > 0);

	/* Messages that came in poll mode are not forgotten when it ends. */
	active_count = 0;
	spdk_thread_send_msg(thread, count_msg, &active_count);
	spdk_thread_set_interrupt_mode(true);
	assert_int_equal(active_log.calls, 3);
	run_until(thread, &active_count, 1);
	spdk_poller_unregister(&active);
	spdk_poller_unregister(&timed);
	end_thread(thread);
}

static void
test_wakeup_fd_runs_poller(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *poller;
	uint64_t one = 1;
	int fd = eventfd(0, EFD_NONBLOCK), count = 0;

	poller = spdk_poller_register(count_poll, &count, 0);
	assert_int_equal(bdk_poller_set_wakeup_fd(poller, fd), 0);
	settle(thread);
	assert_false(is_ready(thread, 20));
	count = 0;
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	run_until(thread, &count, 1);
	spdk_poller_unregister(&poller);
	close(fd);
	end_thread(thread);
}

static int
leave_interrupt_mode(void *arg)
{
	*(int *)arg += 1;
	spdk_thread_set_interrupt_mode(*(int *)arg > 1);
	return 0;
}

static void
test_mode_changed_by_poller(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *poller;
	int count = 0;

	poller = spdk_poller_register(leave_interrupt_mode, &count, 0);
	run_until(thread, &count, 1);
	spdk_thread_poll(thread, 0, 0);
	assert_true(count >= 2);
	spdk_poller_unregister(&poller);
	settle(thread);
	end_thread(thread);
}

static void
test_nested_in_outer_group(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_fd_group *outer;
	struct spdk_poller *poller;
	int count = 0;

	assert_int_equal(spdk_fd_group_create(&outer), 0);
	assert_int_equal(spdk_fd_group_nest(outer, spdk_thread_get_interrupt_fd_group(thread)), 0);
	poller = spdk_poller_register(count_poll, &count, 1000);
	spdk_thread_send_msg(thread, count_msg, &count);
	spdk_set_thread(NULL);
	while (count < 5) {
		assert_true(spdk_fd_group_wait(outer, 10000) > 0);
	}
	spdk_set_thread(thread);
	spdk_poller_unregister(&poller);
	assert_int_equal(spdk_fd_group_unnest(outer, spdk_thread_get_interrupt_fd_group(thread)), 0);
	spdk_fd_group_destroy(outer);
	end_thread(thread);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enable_too_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timed_poller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_active_poller_is_polled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_driven_poller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wakeup_fd_runs_poller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mode_changed_by_poller, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nested_in_outer_group, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
