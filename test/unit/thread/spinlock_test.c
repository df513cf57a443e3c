/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"

/* Misuse aborts: it happens in a child, whose last words and end are looked at. */
static void
expect_abort(void (*misuse)(void), const char *text)
{
	char output[16384] = {0};
	int fds[2], status;
	ssize_t len = 0, rc;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* No core files of what is meant to fail. */
		struct rlimit limit = {0, 0};

		setrlimit(RLIMIT_CORE, &limit);
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		spdk_log_set_print_level(SPDK_LOG_ERROR);
		misuse();
		_exit(0);
	}
	close(fds[1]);
	while ((rc = read(fds[0], output + len, sizeof(output) - 1 - (size_t)len)) > 0) {
		len += rc;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_non_null(strstr(output, text));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static struct spdk_spinlock g_lock;

static struct spdk_thread *
enter_thread(void)
{
	struct spdk_thread *thread = spdk_thread_create("t", NULL);

	spdk_set_thread(thread);
	return thread;
}

static void
lock_without_thread(void)
{
	spdk_spin_init(&g_lock);
	spdk_spin_lock(&g_lock);
}

static void
held_without_thread(void)
{
	spdk_spin_init(&g_lock);
	spdk_spin_held(&g_lock);
}

static void
lock_twice(void)
{
	enter_thread();
	spdk_spin_init(&g_lock);
	spdk_spin_lock(&g_lock);
	spdk_spin_lock(&g_lock);
}

static void
unlock_of_other(void)
{
	enter_thread();
	spdk_spin_init(&g_lock);
	spdk_spin_lock(&g_lock);
	enter_thread();
	spdk_spin_unlock(&g_lock);
}

static void
unlock_of_free(void)
{
	enter_thread();
	spdk_spin_init(&g_lock);
	spdk_spin_unlock(&g_lock);
}

static void
destroy_held(void)
{
	enter_thread();
	spdk_spin_init(&g_lock);
	spdk_spin_lock(&g_lock);
	spdk_spin_destroy(&g_lock);
}

static void
lock_destroyed(void)
{
	enter_thread();
	spdk_spin_init(&g_lock);
	spdk_spin_destroy(&g_lock);
	spdk_spin_lock(&g_lock);
}

static void
destroy_twice(void)
{
	spdk_spin_init(&g_lock);
	spdk_spin_destroy(&g_lock);
	spdk_spin_destroy(&g_lock);
}

static void
lock_uninitialized(void)
{
	enter_thread();
	memset(&g_lock, 0, sizeof(g_lock));
	spdk_spin_lock(&g_lock);
}

static void
keep_lock(void *arg)
{
	spdk_spin_lock(&g_lock);
}

static int
keep_lock_in_poller(void *arg)
{
	spdk_spin_lock(&g_lock);
	return 0;
}

static void
keep_in_msg(void)
{
	struct spdk_thread *thread = enter_thread();

	spdk_spin_init(&g_lock);
	spdk_thread_send_msg(thread, keep_lock, NULL);
	spdk_thread_poll(thread, 0, 0);
}

static void
keep_in_critical_msg(void)
{
	struct spdk_thread *thread = enter_thread();

	spdk_spin_init(&g_lock);
	spdk_thread_send_critical_msg(thread, keep_lock);
	spdk_thread_poll(thread, 0, 0);
}

static void
keep_in_poller(void)
{
	struct spdk_thread *thread = enter_thread();

	spdk_spin_init(&g_lock);
	spdk_poller_register(keep_lock_in_poller, NULL, 0);
	spdk_thread_poll(thread, 0, 0);
}

static void
keep_in_timed_poller(void)
{
	struct spdk_thread *thread = enter_thread();

	spdk_spin_init(&g_lock);
	spdk_poller_register(keep_lock_in_poller, NULL, 10);
	env_clock_advance(10 * US);
	spdk_thread_poll(thread, 0, 0);
}

static void
keep_in_interrupt(void)
{
	struct spdk_thread *thread = enter_thread();
	int fd = eventfd(1, EFD_NONBLOCK);

	spdk_spin_init(&g_lock);
	spdk_interrupt_register(fd, keep_lock_in_poller, NULL, "fd");
	env_clock_advance(1000 * US);
	spdk_thread_poll(thread, 0, 0);
}

static void
test_misuse(void **state)
{
	expect_abort(lock_without_thread, "unrecoverable spinlock error 1: Not an SPDK thread (thread != NULL)");
	expect_abort(held_without_thread, "unrecoverable spinlock error 1: Not an SPDK thread");
	expect_abort(lock_twice, "unrecoverable spinlock error 2: Deadlock detected");
	expect_abort(unlock_of_other, "unrecoverable spinlock error 3: Unlock on wrong SPDK thread");
	expect_abort(unlock_of_free, "unrecoverable spinlock error 3: Unlock on wrong SPDK thread");
	expect_abort(destroy_held, "unrecoverable spinlock error 5: Destroying a held spinlock");
	expect_abort(lock_destroyed, "unrecoverable spinlock error 8: Lock has been destroyed");
	expect_abort(destroy_twice, "unrecoverable spinlock error 8: Lock has been destroyed");
	expect_abort(lock_uninitialized, "unrecoverable spinlock error 9: Lock has not been initialized");
}

static void
test_kept_after_return(void **state)
{
	const char *text = "unrecoverable spinlock error 7: Lock(s) held while SPDK thread going off CPU";

	expect_abort(keep_in_msg, text);
	expect_abort(keep_in_critical_msg, text);
	expect_abort(keep_in_poller, text);
	expect_abort(keep_in_timed_poller, text);
	expect_abort(keep_in_interrupt, text);
}

static void
test_held(void **state)
{
	struct spdk_thread *a = enter_thread(), *b = enter_thread();

	spdk_spin_init(&g_lock);
	assert_false(spdk_spin_held(&g_lock));
	spdk_spin_lock(&g_lock);
	assert_true(spdk_spin_held(&g_lock));
	/* Only for its holder. */
	spdk_set_thread(a);
	assert_false(spdk_spin_held(&g_lock));
	spdk_set_thread(b);
	spdk_spin_unlock(&g_lock);
	assert_false(spdk_spin_held(&g_lock));
	spdk_spin_destroy(&g_lock);
	destroy_thread(b);
	destroy_thread(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_held, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_misuse, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_kept_after_return, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
