/* SPDX-License-Identifier: BSD-3-Clause */

/* Assertions in the driver and on reactors end the process: cmocka cannot unwind out of them. */

#include "test/unit/event/reactor_fixture.h"
#include "bdevkit/thread.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

static void
remember_core(void *arg)
{
	*(uint32_t *)arg = event_reactor_get_lcore(event_reactor_get_current());
}

static uint32_t
core_of(struct spdk_thread *thread)
{
	uint32_t core = UINT32_MAX;

	call_on(thread, remember_core, &core);
	return core;
}

/* ---- placement ---- */

static void
place(void)
{
	struct spdk_thread *threads[6], *pinned, *nowhere;
	int count[REACTORS] = {0}, i;

	for (i = 0; i < 6; i++) {
		threads[i] = spdk_thread_create(NULL, NULL);
		count[core_of(threads[i])]++;
	}
	for (i = 0; i < REACTORS; i++) {
		REQUIRE(count[i] == 2);
	}
	for (i = 0; i < REACTORS; i++) {
		pinned = create_on("pinned", (uint32_t)i);
		REQUIRE(core_of(pinned) == (uint32_t)i);
		call_on(pinned, exit_current, NULL);
	}
	/* A CPU that no reactor has: it runs anyway. */
	nowhere = create_on("nowhere", 900);
	REQUIRE(core_of(nowhere) < REACTORS);
	call_on(nowhere, exit_current, NULL);
	for (i = 0; i < 6; i++) {
		call_on(threads[i], exit_current, NULL);
	}
	/* Exited threads are destroyed by their reactor. */
	while (spdk_thread_get_count() != 1) {
		sched_yield();
	}
}

static void
test_placement(void **state)
{
	run_reactors(place, false);
	assert_false(event_reactors_are_initialized());
	assert_int_equal(spdk_thread_get_count(), 0);
}

static void
set_mask(void *arg)
{
	struct spdk_cpuset mask;

	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, *(uint32_t *)arg, true);
	REQUIRE(spdk_thread_set_cpumask(&mask) == 0);
}

static int g_interrupts;

static int
count_interrupt(void *arg)
{
	uint64_t value;

	g_interrupts++;
	REQUIRE(read(*(int *)arg, &value, sizeof(value)) == sizeof(value));
	return 0;
}

static struct spdk_interrupt *g_intr;

static void
register_interrupt(void *arg)
{
	g_intr = SPDK_INTERRUPT_REGISTER(*(int *)arg, count_interrupt, arg);
	REQUIRE(g_intr != NULL);
}

static void
unregister_interrupt(void *arg)
{
	spdk_interrupt_unregister(&g_intr);
}

static void
get_interrupts(void *arg)
{
	*(int *)arg = g_interrupts;
}

static void
fire(int fd)
{
	uint64_t one = 1;

	REQUIRE(write(fd, &one, sizeof(one)) == sizeof(one));
}

static void
bind_current(void *arg)
{
	spdk_thread_bind(spdk_get_thread(), true);
}

static void
move_about(void)
{
	struct spdk_thread *thread = create_on("mover", 0);
	int fd = eventfd(0, EFD_NONBLOCK), seen, round;
	uint32_t core;

	call_on(thread, register_interrupt, &fd);
	for (round = 0; round < 30; round++) {
		core = (uint32_t)(round % REACTORS);
		call_on(thread, set_mask, &core);
		/* It moves when its poll has returned: this message may come before or after, the next not. */
		while (core_of(thread) != core) {
		}
		/* Its descriptors have come with it. */
		fire(fd);
		do {
			call_on(thread, get_interrupts, &seen);
		} while (seen != round + 1);
	}
	call_on(thread, bind_current, NULL);
	core = (core_of(thread) + 1) % REACTORS;
	call_on(thread, set_mask, &core);
	call_on(thread, get_interrupts, &seen);
	REQUIRE(core_of(thread) != core);
	call_on(thread, unregister_interrupt, NULL);
	call_on(thread, exit_current, NULL);
	close(fd);
}

static void
test_set_cpumask_moves(void **state)
{
	g_interrupts = 0;
	run_reactors(move_about, false);
}

/* ---- events ---- */

static sem_t g_sem;

static void
on_event(void *arg1, void *arg2)
{
	REQUIRE(spdk_get_thread() == NULL);
	REQUIRE(spdk_env_get_current_core() == (uint32_t)(uintptr_t)arg1);
	REQUIRE(arg2 == &g_sem);
	sem_post(&g_sem);
}

static void
call_events(void)
{
	struct spdk_event *event;
	uintptr_t core;
	int i;

	sem_init(&g_sem, 0, 0);
	REQUIRE(spdk_event_allocate(REACTORS, on_event, NULL, NULL) == NULL);
	for (i = 0; i < 300; i++) {
		core = (uintptr_t)i % REACTORS;
		event = spdk_event_allocate((uint32_t)core, on_event, (void *)core, &g_sem);
		REQUIRE(event != NULL);
		spdk_event_call(event);
	}
	for (i = 0; i < 300; i++) {
		wait_for(&g_sem);
	}
	sem_destroy(&g_sem);
}

static void
test_events(void **state)
{
	run_reactors(call_events, false);
	run_reactors(call_events, true);
}

/* ---- sleep ---- */

static uint64_t
total_sleeps(void)
{
	struct event_reactor_stats stats;
	uint64_t sleeps = 0;
	uint32_t core;

	for (core = 0; core < REACTORS; core++) {
		event_reactor_get_stats(event_reactor_get(core), &stats);
		REQUIRE(!stats.in_interrupt);
		sleeps += stats.sleeps;
	}
	return sleeps;
}

static int
post_poll(void *arg)
{
	sem_post(arg);
	return SPDK_POLLER_IDLE;
}

static struct spdk_poller *g_poller;
static uint64_t g_outstanding;
static int g_fd;

static void
register_timed(void *arg)
{
	g_poller = spdk_poller_register(post_poll, arg, 5000);
}

static void
register_active(void *arg)
{
	g_poller = spdk_poller_register(post_poll, arg, 0);
}

static void
register_with_fd(void *arg)
{
	g_poller = spdk_poller_register(post_poll, arg, 0);
	REQUIRE(bdk_poller_set_wakeup_fd(g_poller, g_fd) == 0);
}

static void
unregister_poller(void *arg)
{
	spdk_poller_unregister(&g_poller);
}

static void
set_outstanding(void *arg)
{
	g_outstanding = *(uint64_t *)arg;
	bdk_thread_set_io_counter(spdk_get_thread(), &g_outstanding);
}

static void
drain_sem(void)
{
	while (sem_trywait(&g_sem) == 0) {
	}
}

/* How often the poller ran in about so many milliseconds. */
static int
count_polls(int ms)
{
	int count = 0;

	drain_sem();
	usleep((useconds_t)ms * 1000);
	while (sem_trywait(&g_sem) == 0) {
		count++;
	}
	return count;
}

static void
sleep_and_wake(void)
{
	struct spdk_thread *thread = create_on("sleeper", 1);
	uint64_t before, io;
	int i;

	sem_init(&g_sem, 0, 0);
	core_of(thread);

	/* Nothing to do: after a while no reactor even looks. */
	do {
		before = total_sleeps();
		usleep(100000);
	} while (total_sleeps() != before);

	/* A timed poller wakes it, message by message it is woken too. */
	call_on(thread, register_timed, &g_sem);
	for (i = 0; i < 3; i++) {
		wait_for(&g_sem);
	}
	call_on(thread, unregister_poller, NULL);

	/* A poller with a descriptor runs when that has an event, and not otherwise. */
	g_fd = eventfd(0, EFD_NONBLOCK);
	call_on(thread, register_with_fd, &g_sem);
	while (count_polls(100) > 0) {
	}
	fire(g_fd);
	wait_for(&g_sem);
	call_on(thread, unregister_poller, NULL);
	close(g_fd);

	/* One without is polled seldom while nothing is outstanding, without pause while something is. */
	call_on(thread, register_active, &g_sem);
	while (count_polls(100) > 100) {
	}
	while (count_polls(100) == 0) {
	}
	io = 1;
	call_on(thread, set_outstanding, &io);
	while (count_polls(10) < 200) {
	}
	io = 0;
	call_on(thread, set_outstanding, &io);
	while (count_polls(100) > 100) {
	}
	call_on(thread, unregister_poller, NULL);
	call_on(thread, exit_current, NULL);
	sem_destroy(&g_sem);
}

static void
test_sleep(void **state)
{
	run_reactors(sleep_and_wake, false);
}

static void
stay_awake(void)
{
	struct spdk_thread *thread = create_on("awake", 1);

	core_of(thread);
	usleep(20000);
	REQUIRE(total_sleeps() == 0);
	call_on(thread, exit_current, NULL);
}

static void
test_poll_option(void **state)
{
	run_reactors(stay_awake, true);
}

/* ---- end ---- */

static int
never(void *arg)
{
	return SPDK_POLLER_IDLE;
}

static void
unregister_arg(void *arg)
{
	spdk_poller_unregister(arg);
}

static _Atomic int g_late;

static void
count_late(void *arg)
{
	g_late++;
}

static void
leave_threads_behind(void)
{
	struct spdk_thread *thread;
	int i;

	/* Running, with messages that they will still get. */
	for (i = 0; i < 20; i++) {
		thread = spdk_thread_create("left", NULL);
		REQUIRE(spdk_thread_send_msg(thread, count_late, NULL) == 0);
	}
}

static struct spdk_poller *g_late_poller;

static void
exit_with_poller(void *arg)
{
	/* Holds the exit up until the message has come. */
	g_late_poller = spdk_poller_register(never, NULL, 1000000000);
	spdk_thread_exit(spdk_get_thread());
	spdk_thread_send_msg(spdk_get_thread(), unregister_arg, &g_late_poller);
}

static void
leave_exiting_thread(void)
{
	REQUIRE(spdk_thread_send_msg(create_on("exiting", 2), exit_with_poller, NULL) == 0);
}

static void
test_leftovers_exit(void **state)
{
	g_late = 0;
	run_reactors(leave_threads_behind, false);
	assert_int_equal(g_late, 20);
	assert_int_equal(spdk_thread_get_count(), 0);
	run_reactors(leave_exiting_thread, false);
	assert_int_equal(spdk_thread_get_count(), 0);
}

static void
do_nothing(void)
{
}

static void
test_start_and_stop(void **state)
{
	int i;

	assert_int_equal(event_reactors_init(NULL), 0);
	assert_int_equal(event_reactors_init(NULL), -EALREADY);
	assert_true(event_reactors_are_initialized());
	assert_int_equal(spdk_cpuset_count(event_reactors_get_cpuset()), REACTORS);
	assert_null(event_reactor_get(REACTORS));
	assert_null(event_reactor_get_current());
	event_reactors_fini();
	event_reactors_fini();
	for (i = 0; i < 20; i++) {
		run_reactors(do_nothing, false);
	}

	/* Stopped before it runs. */
	assert_int_equal(event_reactors_init(NULL), 0);
	event_reactors_stop();
	assert_int_equal(event_reactors_run(), 0);
	event_reactors_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_and_stop),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_set_cpumask_moves),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_poll_option),
		cmocka_unit_test(test_leftovers_exit),
	};

	return cmocka_run_group_tests(tests, init_env, NULL);
}
