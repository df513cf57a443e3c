/* SPDX-License-Identifier: BSD-3-Clause */

/* Interrupts in poll mode. Interrupt mode itself, which cannot be left, is in interrupt_mode_test.c. */

#include "test/unit/thread/thread_fixture.h"
#include "bdevkit/thread.h"
#include "lib/thread/thread_host.h"

struct source {
	int fd;
	int calls;
	struct spdk_interrupt *intr;
	struct spdk_thread *thread;
	void (*action)(struct source *source);
};

static int
handler(void *arg)
{
	struct source *source = arg;
	uint64_t value;

	source->calls++;
	assert_ptr_equal(spdk_get_thread(), source->thread);
	if (source->action != NULL) {
		source->action(source);
	} else {
		assert_int_equal(read(source->fd, &value, sizeof(value)), sizeof(value));
	}
	return 0;
}

static void
fire(struct source *source)
{
	uint64_t one = 1;

	assert_int_equal(write(source->fd, &one, sizeof(one)), sizeof(one));
}

static void
open_source(struct source *source)
{
	memset(source, 0, sizeof(*source));
	source->fd = eventfd(0, EFD_NONBLOCK);
	assert_true(source->fd >= 0);
	source->thread = spdk_get_thread();
}

static struct spdk_thread *
make_thread(void)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	spdk_set_thread(thread);
	return thread;
}

static void
test_served_while_polled(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct source source;

	assert_false(spdk_interrupt_mode_is_enabled());
	open_source(&source);
	source.intr = SPDK_INTERRUPT_REGISTER(source.fd, handler, &source);
	assert_non_null(source.intr);
	assert_null(SPDK_INTERRUPT_REGISTER(source.fd, handler, &source));
	assert_null(SPDK_INTERRUPT_REGISTER(-1, handler, &source));

	env_clock_advance(100 * US);
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 0);
	fire(&source);
	env_clock_advance(100 * US);
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 1);
	assert_int_equal(source.calls, 1);
	assert_int_equal(spdk_thread_poll(thread, 0, 0), 0);

	/* The same through what a host calls. */
	fire(&source);
	assert_int_equal(thread_serve_fds(thread, spdk_get_ticks()), 1);
	assert_int_equal(source.calls, 2);

	spdk_interrupt_unregister(&source.intr);
	assert_null(source.intr);
	spdk_interrupt_unregister(&source.intr);
	fire(&source);
	assert_true(thread_serve_fds(thread, spdk_get_ticks()) <= 0);
	close(source.fd);
	destroy_thread(thread);
}

static void
unregister(struct source *source)
{
	spdk_interrupt_unregister(&source->intr);
}

static void
test_unregister_in_handler(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct source source;

	open_source(&source);
	source.action = unregister;
	source.intr = SPDK_INTERRUPT_REGISTER(source.fd, handler, &source);
	fire(&source);
	assert_int_equal(thread_serve_fds(thread, 1), 1);
	assert_true(thread_serve_fds(thread, 1) <= 0);
	assert_int_equal(source.calls, 1);
	close(source.fd);
	destroy_thread(thread);
}

static void
test_event_types(void **state)
{
	struct spdk_thread *thread = make_thread(), *other = spdk_thread_create("other", NULL);
	struct spdk_event_handler_opts opts;
	struct source source;

	open_source(&source);
	source.action = unregister;
	source.intr = SPDK_INTERRUPT_REGISTER_FOR_EVENTS(source.fd, SPDK_INTERRUPT_EVENT_IN, handler, &source);
	/* Not readable, but writable. */
	assert_int_equal(thread_serve_fds(thread, 1), 0);
	spdk_set_thread(other);
	assert_int_equal(spdk_interrupt_set_event_types(source.intr, SPDK_INTERRUPT_EVENT_OUT), -EINVAL);
	spdk_set_thread(thread);
	assert_int_equal(spdk_interrupt_set_event_types(source.intr, SPDK_INTERRUPT_EVENT_OUT), 0);
	assert_int_equal(thread_serve_fds(thread, 1), 1);
	close(source.fd);

	/* Of an eventfd the value is read before the handler is called. */
	open_source(&source);
	source.action = unregister;
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.fd_type = SPDK_FD_TYPE_EVENTFD;
	source.intr = SPDK_INTERRUPT_REGISTER_EXT(source.fd, handler, &source, &opts);
	fire(&source);
	assert_int_equal(thread_serve_fds(thread, 1), 1);
	assert_int_equal(read(source.fd, &opts, 8), -1);
	close(source.fd);
	destroy_thread(other);
	destroy_thread(thread);
}

static void
test_refused(void **state)
{
	struct spdk_thread *thread = make_thread(), *other = spdk_thread_create("other", NULL);
	struct spdk_interrupt *copy;
	struct source source;

	open_source(&source);
	spdk_set_thread(NULL);
	assert_null(SPDK_INTERRUPT_REGISTER(source.fd, handler, &source));
	spdk_set_thread(thread);
	source.intr = SPDK_INTERRUPT_REGISTER(source.fd, handler, &source);
	copy = source.intr;
	spdk_set_thread(other);
	spdk_interrupt_unregister(&copy);
	spdk_set_thread(thread);
	fire(&source);
	assert_int_equal(thread_serve_fds(thread, 1), 1);
	spdk_interrupt_unregister(&source.intr);
	spdk_thread_exit(thread);
	assert_null(SPDK_INTERRUPT_REGISTER(source.fd, handler, &source));
	close(source.fd);
	drain(thread);
	spdk_thread_destroy(thread);
	destroy_thread(other);
}

static void
test_fd_group(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_fd_group *group;
	struct spdk_interrupt *intr;
	struct source source;
	int round;

	open_source(&source);
	assert_int_equal(spdk_fd_group_create(&group), 0);
	assert_int_equal(spdk_fd_group_add(group, source.fd, handler, &source, "source"), 0);
	/* It can be registered again after it was unregistered. */
	for (round = 1; round <= 2; round++) {
		intr = spdk_interrupt_register_fd_group(group, "group");
		assert_non_null(intr);
		assert_null(spdk_interrupt_register_fd_group(group, "group"));
		fire(&source);
		assert_int_equal(thread_serve_fds(thread, 1), 1);
		assert_int_equal(source.calls, round);
		assert_int_equal(spdk_interrupt_set_event_types(intr, SPDK_INTERRUPT_EVENT_OUT), -EINVAL);
		spdk_interrupt_unregister(&intr);
	}
	spdk_fd_group_remove(group, source.fd);
	spdk_fd_group_destroy(group);
	close(source.fd);
	destroy_thread(thread);
}

static int
count_calls(void *arg)
{
	*(int *)arg += 1;
	return 0;
}

static void
test_wakeup_fd(void **state)
{
	struct spdk_thread *thread = make_thread();
	struct spdk_poller *poller;
	struct source source;
	struct pollfd pfd;
	int calls = 0;

	open_source(&source);
	poller = spdk_poller_register(count_calls, &calls, 0);
	assert_int_equal(bdk_poller_set_wakeup_fd(poller, source.fd), 0);
	assert_false(thread_has_interrupts(thread));

	/* It makes the thread's descriptor ready, once per event though nobody reads it. */
	pfd.fd = thread_get_watch_fd(thread);
	pfd.events = POLLIN;
	assert_int_equal(poll(&pfd, 1, 0), 0);
	fire(&source);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(thread_serve_fds(thread, 1), 1);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	fire(&source);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(thread_serve_fds(thread, 1), 1);

	/* While the thread is polled the poller runs each time whatever the descriptor says. */
	spdk_thread_poll(thread, 0, 0);
	spdk_thread_poll(thread, 0, 0);
	assert_int_equal(calls, 2);

	assert_int_equal(bdk_poller_set_wakeup_fd(poller, -1), 0);
	fire(&source);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(bdk_poller_set_wakeup_fd(poller, 12345), -EBADF);
	assert_int_equal(bdk_poller_set_wakeup_fd(poller, source.fd), 0);
	assert_int_equal(bdk_poller_set_wakeup_fd(poller, source.fd), 0);
	spdk_poller_unregister(&poller);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	close(source.fd);
	destroy_thread(thread);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_served_while_polled, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_unregister_in_handler, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_event_types, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_fd_group, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_wakeup_fd, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
