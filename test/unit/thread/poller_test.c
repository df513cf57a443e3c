/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"
#include "spdk_internal/thread.h"
#include "bdevkit/thread.h"
#include "lib/thread/thread_host.h"

/* A poller that logs its letter. */
struct subject {
	char letter;
	int rc;
	struct spdk_poller *poller;
	void (*action)(struct subject *subject);
	struct subject *other;
};

static char g_log[256];

static int
setup(void **state)
{
	g_log[0] = '\0';
	return fixture_setup(state);
}

static int
log_letter(void *arg)
{
	struct subject *subject = arg;
	size_t len = strlen(g_log);

	assert_true(len + 1 < sizeof(g_log));
	g_log[len] = subject->letter;
	g_log[len + 1] = '\0';
	if (subject->action != NULL) {
		subject->action(subject);
	}
	return subject->rc;
}

static void
start(struct subject *subject, char letter, uint64_t period)
{
	subject->letter = letter;
	subject->poller = spdk_poller_register_named(log_letter, subject, period, "subject");
	assert_non_null(subject->poller);
}

static struct spdk_thread *
make_thread(void)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	spdk_set_thread(thread);
	return thread;
}

static void
expect_pass(struct spdk_thread *thread, const char *log)
{
	g_log[0] = '\0';
	spdk_thread_poll(thread, 0, 0);
	assert_string_equal(g_log, log);
}

static void
test_active_newest_first(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[3] = {0};

	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	start(&s[2], 'c', 0);
	expect_pass(thread, "cba");
	spdk_poller_unregister(&s[1].poller);
	assert_null(s[1].poller);
	spdk_poller_unregister(&s[1].poller);
	expect_pass(thread, "ca");
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[2].poller);
	assert_false(spdk_thread_has_pollers(thread));
	destroy_thread(thread);
}

static void
test_timed(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[3] = {0};
	uint64_t begin = spdk_get_ticks();

	start(&s[0], 'a', 30);
	start(&s[1], 'b', 10);
	start(&s[2], 'c', 30);
	assert_int_equal(spdk_thread_next_poller_expiration(thread), begin + 10 * US);
	assert_false(spdk_thread_has_active_pollers(thread));
	assert_true(spdk_thread_has_pollers(thread));
	expect_pass(thread, "");
	env_clock_advance(10 * US);
	expect_pass(thread, "b");
	/* Equal times: in the order in which they were queued. */
	env_clock_advance(20 * US);
	expect_pass(thread, "bac");
	/* Missed periods are not made up for: the next is due a period after this pass. */
	env_clock_advance(55 * US);
	expect_pass(thread, "bac");
	env_clock_advance(9 * US);
	expect_pass(thread, "");
	env_clock_advance(1 * US);
	expect_pass(thread, "b");
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	spdk_poller_unregister(&s[2].poller);
	assert_int_equal(spdk_thread_next_poller_expiration(thread), 0);
	destroy_thread(thread);
}

static void
unregister_self(struct subject *subject)
{
	spdk_poller_unregister(&subject->poller);
}

static void
unregister_other(struct subject *subject)
{
	spdk_poller_unregister(&subject->other->poller);
}

static void
unregister_both(struct subject *subject)
{
	unregister_other(subject);
	unregister_self(subject);
}

static void
test_unregister_while_running(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[3];

	/* b runs first and takes away a, which is next. */
	memset(s, 0, sizeof(s));
	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	s[1].other = &s[0];
	s[1].action = unregister_other;
	expect_pass(thread, "b");
	s[1].action = unregister_self;
	expect_pass(thread, "b");
	expect_pass(thread, "");

	memset(s, 0, sizeof(s));
	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	start(&s[2], 'c', 0);
	s[1].other = &s[0];
	s[1].action = unregister_both;
	expect_pass(thread, "cb");
	expect_pass(thread, "c");
	spdk_poller_unregister(&s[2].poller);

	/* The same with timed ones. */
	memset(s, 0, sizeof(s));
	start(&s[0], 'a', 10);
	start(&s[1], 'b', 10);
	s[0].other = &s[1];
	s[0].action = unregister_both;
	env_clock_advance(10 * US);
	expect_pass(thread, "a");
	assert_false(spdk_thread_has_pollers(thread));
	destroy_thread(thread);
}

static void
register_other(struct subject *subject)
{
	subject->action = NULL;
	start(subject->other, 'n', 0);
}

static void
test_registered_while_running_waits(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 0);
	s[0].other = &s[1];
	s[0].action = register_other;
	expect_pass(thread, "a");
	expect_pass(thread, "na");
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	destroy_thread(thread);
}

static void
pause_self(struct subject *subject)
{
	spdk_poller_pause(subject->poller);
}

static void
test_pause(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 0);
	assert_string_equal(spdk_poller_get_state_str(s[0].poller), "waiting");
	spdk_poller_pause(s[0].poller);
	spdk_poller_pause(s[0].poller);
	assert_string_equal(spdk_poller_get_state_str(s[0].poller), "pausing");
	spdk_poller_resume(s[0].poller);
	expect_pass(thread, "a");
	spdk_poller_pause(s[0].poller);
	expect_pass(thread, "");
	assert_string_equal(spdk_poller_get_state_str(s[0].poller), "paused");
	assert_ptr_equal(spdk_thread_get_first_paused_poller(thread), s[0].poller);
	assert_false(spdk_thread_has_pollers(thread));
	spdk_poller_resume(s[0].poller);
	expect_pass(thread, "a");
	s[0].action = pause_self;
	expect_pass(thread, "a");
	expect_pass(thread, "");
	spdk_poller_unregister(&s[0].poller);

	/* A timed one that was paused waits a full period; one that was only about to be keeps its time. */
	start(&s[1], 'b', 10);
	env_clock_advance(5 * US);
	spdk_poller_pause(s[1].poller);
	spdk_poller_resume(s[1].poller);
	env_clock_advance(5 * US);
	expect_pass(thread, "b");
	spdk_poller_pause(s[1].poller);
	env_clock_advance(25 * US);
	expect_pass(thread, "");
	spdk_poller_resume(s[1].poller);
	env_clock_advance(9 * US);
	expect_pass(thread, "");
	env_clock_advance(1 * US);
	expect_pass(thread, "b");
	spdk_poller_unregister(&s[1].poller);
	destroy_thread(thread);
}

static void
resume_self(struct subject *subject)
{
	spdk_poller_pause(subject->poller);
	spdk_poller_resume(subject->poller);
	spdk_poller_unregister(&subject->poller);
}

static void
test_pause_resume_unregister_in_own_function(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 0);
	start(&s[1], 'b', 10);
	s[0].action = resume_self;
	s[1].action = resume_self;
	env_clock_advance(10 * US);
	expect_pass(thread, "ab");
	assert_false(spdk_thread_has_pollers(thread));
	destroy_thread(thread);
}

static void
set_due_in_20_us(struct subject *subject)
{
	bdk_poller_set_due(subject->poller, spdk_get_ticks() + 20 * US);
}

static void
set_due_in_the_past(struct subject *subject)
{
	bdk_poller_set_due(subject->poller, 0);
}

/* One timer for things that each have their own time. */
static void
test_set_due(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 10);
	bdk_poller_set_due(s[0].poller, UINT64_MAX);
	assert_int_equal(spdk_thread_next_poller_expiration(thread), 0);
	env_clock_advance(1000 * US);
	expect_pass(thread, "");

	/* Later, earlier, and then again after its period. */
	bdk_poller_set_due(s[0].poller, spdk_get_ticks() + 30 * US);
	bdk_poller_set_due(s[0].poller, spdk_get_ticks() + 3 * US);
	assert_int_equal(spdk_thread_next_poller_expiration(thread), spdk_get_ticks() + 3 * US);
	env_clock_advance(2 * US);
	expect_pass(thread, "");
	env_clock_advance(1 * US);
	expect_pass(thread, "a");
	env_clock_advance(9 * US);
	expect_pass(thread, "");
	env_clock_advance(1 * US);
	expect_pass(thread, "a");

	/* In its own function; a time that has passed is the next pass. */
	s[0].action = set_due_in_20_us;
	env_clock_advance(10 * US);
	expect_pass(thread, "a");
	env_clock_advance(19 * US);
	expect_pass(thread, "");
	s[0].action = set_due_in_the_past;
	env_clock_advance(1 * US);
	expect_pass(thread, "a");
	env_clock_advance(1 * US);
	s[0].action = NULL;
	expect_pass(thread, "a");

	/* A pause ends. One without a period has no time. */
	spdk_poller_pause(s[0].poller);
	env_clock_advance(10 * US);
	expect_pass(thread, "");
	bdk_poller_set_due(s[0].poller, spdk_get_ticks() + 1 * US);
	env_clock_advance(1 * US);
	expect_pass(thread, "a");
	start(&s[1], 'b', 0);
	bdk_poller_set_due(s[1].poller, UINT64_MAX);
	expect_pass(thread, "b");

	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	destroy_thread(thread);
}

static void
test_counters_and_listing(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[3] = {0};
	struct spdk_poller_stats stats;
	struct spdk_poller *poller;

	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	start(&s[2], 'c', 7);
	expect_pass(thread, "ba");
	s[0].rc = 3;
	expect_pass(thread, "ba");
	s[0].rc = -3;
	expect_pass(thread, "ba");
	spdk_poller_get_stats(s[0].poller, &stats);
	assert_int_equal(stats.run_count, 3);
	assert_int_equal(stats.busy_count, 1);
	assert_int_equal(spdk_poller_get_id(s[0].poller), 1);
	assert_int_equal(spdk_poller_get_id(s[2].poller), 3);
	assert_int_equal(spdk_poller_get_period_ticks(s[0].poller), 0);
	assert_int_equal(spdk_poller_get_period_ticks(s[2].poller), 7 * US);
	assert_string_equal(spdk_poller_get_name(s[0].poller), "subject");

	poller = spdk_thread_get_first_active_poller(thread);
	assert_ptr_equal(poller, s[0].poller);
	poller = spdk_thread_get_next_active_poller(poller);
	assert_ptr_equal(poller, s[1].poller);
	assert_null(spdk_thread_get_next_active_poller(poller));
	poller = spdk_thread_get_first_timed_poller(thread);
	assert_ptr_equal(poller, s[2].poller);
	assert_null(spdk_thread_get_next_timed_poller(poller));
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	spdk_poller_unregister(&s[2].poller);
	destroy_thread(thread);
}

static void
test_wrong_thread(void **state)
{
	struct spdk_thread *thread = make_thread(), *other = spdk_thread_create("other", NULL);
	struct subject s = {0};
	struct spdk_poller *poller;

	start(&s, 'a', 0);
	spdk_set_thread(other);
	poller = s.poller;
	spdk_poller_pause(poller);
	spdk_poller_unregister(&poller);
	assert_null(poller);
	expect_pass(thread, "a");
	spdk_set_thread(NULL);
	assert_null(spdk_poller_register(log_letter, &s, 0));
	spdk_set_thread(thread);
	spdk_poller_unregister(&s.poller);
	destroy_thread(other);
	destroy_thread(thread);
}

static void
post(void *arg)
{
	strcat(g_log, "p");
	/* Refused, or this would never end. */
	spdk_thread_register_post_poller_handler(post, NULL);
}

static void
register_posts(struct subject *subject)
{
	int i;

	for (i = 0; i < 6; i++) {
		spdk_thread_register_post_poller_handler(post, NULL);
	}
}

static void
test_post_poller_handlers(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	s[1].action = register_posts;
	expect_pass(thread, "bppppa");
	s[1].action = NULL;
	expect_pass(thread, "ba");
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	destroy_thread(thread);
}

static void
poll_own_thread(struct subject *subject)
{
	subject->action = NULL;
	spdk_thread_poll(spdk_get_thread(), 0, 0);
}

static void
test_poll_of_own_thread_does_not_recurse(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};

	start(&s[0], 'a', 0);
	start(&s[1], 'b', 0);
	s[1].action = poll_own_thread;
	g_log[0] = '\0';
	spdk_thread_poll(thread, 0, 0);
	assert_string_equal(g_log, "ba");
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	destroy_thread(thread);
}

/* ---- when the thread wants to be polled: what reactors sleep by ---- */

#define MAX_IDLE (10000 * US)

static void
noop(void *arg)
{
}

static void
test_deadline(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct subject s[2] = {0};
	uint64_t outstanding = 0, now, deadline;
	int fd = eventfd(0, EFD_NONBLOCK);

	now = spdk_get_ticks();
	assert_true(thread_get_deadline(thread, now, MAX_IDLE) == THREAD_NEVER);
	spdk_thread_send_msg(thread, noop, NULL);
	assert_true(thread_get_deadline(thread, now, MAX_IDLE) == now);
	drain(thread);

	/* A poller without a descriptor: seldom when it has been idle for long, at the bound in the end. */
	start(&s[0], 'a', 0);
	spdk_thread_poll(thread, 0, 0);
	now = spdk_get_ticks();
	deadline = thread_get_deadline(thread, now, MAX_IDLE);
	assert_true(deadline > now && deadline <= now + 10 * US);
	env_clock_advance(8000 * US);
	spdk_thread_poll(thread, 0, 0);
	now = spdk_get_ticks();
	deadline = thread_get_deadline(thread, now, MAX_IDLE);
	assert_true(deadline > now + 900 * US && deadline < now + 1100 * US);
	env_clock_advance(1000000 * US);
	spdk_thread_poll(thread, 0, 0);
	now = spdk_get_ticks();
	assert_true(thread_get_deadline(thread, now, MAX_IDLE) == now + MAX_IDLE);

	/* Work, or an I/O outstanding, makes it busy again at once. */
	bdk_thread_set_io_counter(thread, &outstanding);
	outstanding = 1;
	assert_true(thread_get_deadline(thread, now, MAX_IDLE) == now);
	outstanding = 0;
	s[0].rc = 1;
	spdk_thread_poll(thread, 0, 0);
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) <= spdk_get_ticks() + 10 * US);

	/* With a descriptor it need not be polled, outstanding I/O or not. */
	assert_int_equal(bdk_poller_set_wakeup_fd(s[0].poller, fd), 0);
	outstanding = 1;
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) == THREAD_NEVER);
	assert_int_equal(bdk_poller_set_wakeup_fd(s[0].poller, -1), 0);
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) == spdk_get_ticks());
	outstanding = 0;

	/* Timed pollers are exact; paused ones do not count. */
	spdk_poller_pause(s[0].poller);
	start(&s[1], 'b', 50000);
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) == spdk_get_ticks() + 50000 * US);
	spdk_poller_unregister(&s[0].poller);
	spdk_poller_unregister(&s[1].poller);
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) == THREAD_NEVER);

	/* An exiting thread looks again when its time is up. */
	spdk_poller_register(log_letter, &s[0], 100000000);
	spdk_thread_exit(thread);
	spdk_thread_poll(thread, 0, 0);
	assert_true(thread_get_deadline(thread, spdk_get_ticks(), MAX_IDLE) == spdk_get_ticks() + 5000000 * US);
	env_clock_advance(5000000 * US);
	spdk_thread_poll(thread, 0, 0);
	spdk_thread_destroy(thread);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_active_newest_first, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_timed, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_unregister_while_running, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_registered_while_running_waits, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_pause_resume_unregister_in_own_function, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_set_due, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_counters_and_listing, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_thread, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_post_poller_handlers, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_poll_of_own_thread_does_not_recurse, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
