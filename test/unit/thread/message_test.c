/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"
#include "bdevkit/thread.h"

#define MAX_LOG 1024

static int g_log[MAX_LOG];
static int g_log_count;

static int
setup(void **state)
{
	g_log_count = 0;
	return fixture_setup(state);
}

static void
log_number(void *arg)
{
	assert_true(g_log_count < MAX_LOG);
	g_log[g_log_count++] = (int)(intptr_t)arg;
}

static void
send_number(struct spdk_thread *thread, int number)
{
	assert_int_equal(spdk_thread_send_msg(thread, log_number, (void *)(intptr_t)number), 0);
}

static void
test_fifo_in_batches_of_8(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);
	int i;

	for (i = 0; i < 20; i++) {
		send_number(thread, i);
	}
	assert_int_equal(spdk_thread_poll(thread, 100, 0), 1);
	assert_int_equal(g_log_count, 8);
	/* Those that come later go behind those that wait. */
	for (; i < 25; i++) {
		send_number(thread, i);
	}
	spdk_thread_poll(thread, 3, 0);
	assert_int_equal(g_log_count, 11);
	spdk_thread_poll(thread, 0, 0);
	assert_int_equal(g_log_count, 19);
	drain(thread);
	assert_int_equal(g_log_count, 25);
	for (i = 0; i < 25; i++) {
		assert_int_equal(g_log[i], i);
	}
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 0);
	destroy_thread(thread);
}

static void
send_to_self(void *arg)
{
	send_number(spdk_get_thread(), 1);
	log_number((void *)0);
}

static void
test_msg_from_msg_waits_for_next_pass(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	spdk_thread_send_msg(thread, send_to_self, NULL);
	spdk_thread_poll(thread, 0, 0);
	assert_int_equal(g_log_count, 1);
	assert_false(spdk_thread_is_idle(thread));
	spdk_thread_poll(thread, 0, 0);
	assert_int_equal(g_log_count, 2);
	assert_true(spdk_thread_is_idle(thread));
	destroy_thread(thread);
}

static void
test_exec_msg(void **state)
{
	struct spdk_thread *a = spdk_thread_create("a", NULL), *b = spdk_thread_create("b", NULL);

	spdk_set_thread(a);
	spdk_thread_exec_msg(a, log_number, (void *)1);
	assert_int_equal(g_log_count, 1);
	spdk_thread_exec_msg(b, log_number, (void *)2);
	assert_int_equal(g_log_count, 1);
	drain(b);
	assert_int_equal(g_log_count, 2);
	destroy_thread(b);
	destroy_thread(a);
}

static int g_critical_calls;
static int g_critical_rc;

static void
critical(void *arg)
{
	assert_null(arg);
	assert_int_equal(g_log_count, 0);
	g_critical_calls++;
	/* The place is taken until this returns. */
	g_critical_rc = spdk_thread_send_critical_msg(spdk_get_thread(), critical);
}

static void
test_critical_msg(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	send_number(thread, 1);
	assert_int_equal(spdk_thread_send_critical_msg(thread, critical), 0);
	assert_int_equal(spdk_thread_send_critical_msg(thread, critical), -EIO);
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 1);
	assert_int_equal(g_critical_calls, 1);
	assert_int_equal(g_critical_rc, -EIO);
	assert_int_equal(g_log_count, 1);
	g_log_count = 0;
	assert_int_equal(spdk_thread_send_critical_msg(thread, critical), 0);
	assert_false(spdk_thread_is_idle(thread));
	drain(thread);
	assert_int_equal(g_critical_calls, 2);
	destroy_thread(thread);
}

static void
test_pool_is_bounded_and_comes_back(void **state)
{
	struct spdk_thread *a, *b;
	int i, round;

	spdk_thread_lib_fini();
	assert_int_equal(spdk_thread_lib_init_ext(NULL, NULL, 0, 100), 0);
	a = spdk_thread_create("a", NULL);
	b = spdk_thread_create("b", NULL);

	spdk_set_thread(a);
	for (round = 0; round < 3; round++) {
		g_log_count = 0;
		for (i = 0; i < 36; i++) {
			send_number(b, i);
		}
		drain(b);
		assert_int_equal(g_log_count, 36);
	}
	/* The receiver keeps some; the sender gets an error and not a crash when the rest is used up. */
	for (i = 0; spdk_thread_send_msg(a, log_number, NULL) == 0; i++) {
		assert_true(i < 100);
	}
	assert_int_equal(spdk_thread_send_msg(a, log_number, NULL), -ENOMEM);
	drain(a);
	assert_int_equal(spdk_thread_send_msg(a, log_number, NULL), 0);
	drain(a);

	/* A thread that goes gives back what it kept. */
	destroy_thread(b);
	g_log_count = 0;
	spdk_set_thread(NULL);
	for (i = 0; i < 30; i++) {
		send_number(a, i);
	}
	drain(a);
	assert_int_equal(g_log_count, 30);
	destroy_thread(a);
}

static void
test_many_messages_one_way(void **state)
{
	struct spdk_thread *a = spdk_thread_create("a", NULL), *b = spdk_thread_create("b", NULL);
	int i, round;

	/* More than both caches: magazines travel through the depot. */
	spdk_set_thread(a);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 1000; i++) {
			send_number(b, i);
		}
		g_log_count = 0;
		drain(b);
		assert_int_equal(g_log_count, 1000);
		assert_int_equal(g_log[999], 999);
	}
	destroy_thread(b);
	destroy_thread(a);
}

static void
test_destroy_with_undelivered_messages(void **state)
{
	struct spdk_thread *a = spdk_thread_create("a", NULL), *b = spdk_thread_create("b", NULL);
	int i;

	for (i = 0; i < 100; i++) {
		send_number(b, i);
	}
	spdk_set_thread(b);
	spdk_thread_exit(b);
	env_clock_advance(6000000 * US);
	spdk_thread_poll(b, 0, 0);
	assert_true(spdk_thread_is_exited(b));
	spdk_thread_destroy(b);
	assert_int_equal(g_log_count, 8);
	destroy_thread(a);
}

/* A message of the sender's own: sent again from inside its function, in order with the others, refused by the dead. */
static struct bdk_msg g_own_msg;
static int g_own_left;

static void
own_msg_cb(void *arg)
{
	struct spdk_thread *thread = arg;

	log_number((void *)(intptr_t)(1000 + g_own_left));
	/* It is ours again. */
	memset(&g_own_msg, 0xff, sizeof(g_own_msg));
	if (--g_own_left > 0) {
		assert_int_equal(bdk_msg_send(thread, &g_own_msg, own_msg_cb, thread), 0);
	}
}

static void
test_message_of_the_sender(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);
	uint64_t id = spdk_thread_get_id(thread);

	g_own_left = 3;
	send_number(thread, 1);
	assert_int_equal(bdk_msg_send_to_id(id, &g_own_msg, own_msg_cb, thread), 0);
	send_number(thread, 2);
	drain(thread);
	assert_int_equal(g_log_count, 5);
	assert_int_equal(g_log[0], 1);
	assert_int_equal(g_log[1], 1003);
	assert_int_equal(g_log[2], 2);
	assert_int_equal(g_log[3], 1002);
	assert_int_equal(g_log[4], 1001);

	/* One that is left behind in the queue is dropped, and not given back to a pool that it is not of. */
	assert_int_equal(bdk_msg_send(thread, &g_own_msg, own_msg_cb, thread), 0);
	for (g_own_left = 0; g_own_left < 20; g_own_left++) {
		send_number(thread, g_own_left);
	}
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	spdk_set_thread(NULL);
	env_clock_advance(6000000 * US);
	spdk_thread_poll(thread, 0, 0);
	assert_true(spdk_thread_is_exited(thread));
	assert_int_equal(bdk_msg_send(thread, &g_own_msg, own_msg_cb, thread), -EIO);
	assert_int_equal(bdk_msg_send_to_id(id, &g_own_msg, own_msg_cb, thread), -EIO);
	spdk_thread_destroy(thread);
	assert_int_equal(bdk_msg_send_to_id(id, &g_own_msg, own_msg_cb, NULL), -EIO);
	assert_int_equal(bdk_msg_send_to_id(0, &g_own_msg, own_msg_cb, NULL), -EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fifo_in_batches_of_8, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_msg_from_msg_waits_for_next_pass, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_exec_msg, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_critical_msg, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pool_is_bounded_and_comes_back, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_many_messages_one_way, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_destroy_with_undelivered_messages, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_message_of_the_sender, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
