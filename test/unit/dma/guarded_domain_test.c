/* SPDX-License-Identifier: BSD-3-Clause */

/* The guarded domain itself: data gets in and out by its functions, and whoever goes past them dies. */

#include "guarded_domain.h"

#include <setjmp.h>
#include <cmocka.h>

#include "spdk/util.h"

#include <sys/resource.h>
#include <sys/wait.h>

static struct guarded_domain g_guarded;

static int g_done;
static int g_rc;

static void
done_cb(void *ctx, int rc)
{
	assert_ptr_equal(ctx, &g_guarded);
	g_done++;
	g_rc = rc;
}

static int
set_up(void **state)
{
	guarded_domain_create(&g_guarded, 10000, "guarded");
	assert_ptr_equal(spdk_memory_domain_get_first("guarded"), g_guarded.domain);
	g_done = 0;
	return 0;
}

static int
tear_down(void **state)
{
	guarded_domain_destroy(&g_guarded);
	return 0;
}

static int
pull(struct iovec *guarded, int guarded_count, struct iovec *plain, int plain_count)
{
	return spdk_memory_domain_pull_data(g_guarded.domain, g_guarded.expected_ctx, guarded, guarded_count, plain,
		plain_count, done_cb, &g_guarded);
}

static int
push(struct iovec *guarded, int guarded_count, struct iovec *plain, int plain_count)
{
	return spdk_memory_domain_push_data(g_guarded.domain, g_guarded.expected_ctx, guarded, guarded_count, plain,
		plain_count, done_cb, &g_guarded);
}

static void
data_gets_in_and_out(void **state)
{
	struct iovec guarded[2] = {guarded_domain_iov(&g_guarded, 9990, 10), guarded_domain_iov(&g_guarded, 4090, 10)};
	char in[20] = "nineteen characters", out[20] = {};
	struct iovec in_iovs[3] = {{in, 3}, {in + 3, 0}, {in + 3, 17}}, out_iov = {out, 20};

	g_guarded.expected_ctx = &in;
	assert_int_equal(push(guarded, 2, in_iovs, 3), 0);
	assert_memory_equal(g_guarded.window + 9990, in, 10);
	assert_memory_equal(g_guarded.window + 4090, in + 10, 10);
	assert_int_equal(pull(guarded, 2, &out_iov, 1), 0);
	assert_string_equal(out, in);
	assert_int_equal(spdk_memory_domain_memzero(g_guarded.domain, &in, guarded, 1, done_cb, &g_guarded), 0);
	assert_int_equal(g_guarded.window[9990], 0);
	assert_int_equal(g_guarded.window[4090], in[10]);
	assert_int_equal(g_done, 3);
	assert_int_equal(g_rc, 0);
	spdk_memory_domain_invalidate_data(g_guarded.domain, &in, guarded, 2);
	assert_int_equal(g_guarded.invalidated, 1);
	for (int i = 0; i < GUARDED_CALLS; i++) {
		assert_int_equal(g_guarded.calls[i], 1);
		assert_int_equal(g_guarded.bytes[i], i == GUARDED_MEMZERO ? 10 : 20);
	}
}

static void
calls_wait_if_told(void **state)
{
	struct iovec guarded = guarded_domain_iov(&g_guarded, 0, 4);
	char buf[4] = "abc";
	struct iovec plain = {buf, 4};

	g_guarded.deferred = true;
	assert_int_equal(push(&guarded, 1, &plain, 1), 0);
	assert_int_equal(pull(&guarded, 1, &plain, 1), 0);
	assert_int_equal(g_done, 0);
	/* What is moved is what is there when it is moved. */
	buf[0] = 'x';
	assert_true(guarded_domain_complete(&g_guarded));
	assert_int_equal(g_done, 1);
	assert_string_equal(g_guarded.window, "xbc");
	memset(buf, 0, sizeof(buf));
	assert_true(guarded_domain_complete(&g_guarded));
	assert_string_equal(buf, "xbc");
	assert_int_equal(g_done, 2);
	assert_false(guarded_domain_complete(&g_guarded));
}

static void
calls_fail_if_told(void **state)
{
	struct iovec guarded = guarded_domain_iov(&g_guarded, 0, 4);
	char buf[4] = "abc";
	struct iovec plain = {buf, 4};

	g_guarded.refuse[GUARDED_PUSH] = 1;
	g_guarded.fail[GUARDED_PUSH] = 1;
	assert_int_equal(push(&guarded, 1, &plain, 1), -ENOMEM);
	assert_int_equal(g_done, 0);
	assert_int_equal(push(&guarded, 1, &plain, 1), 0);
	assert_int_equal(g_done, 1);
	assert_int_equal(g_rc, -EIO);
	assert_int_equal(g_guarded.window[0], 0);
	assert_int_equal(push(&guarded, 1, &plain, 1), 0);
	assert_int_equal(g_rc, 0);
	assert_string_equal(g_guarded.window, "abc");
}

/* Runs in a process of its own, and must not come back from it. */
static void
expect_death(void (*act)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = {};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		freopen("/dev/null", "w", stderr);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void
read_memory(void)
{
	*(volatile uint8_t *)g_guarded.guarded;
}

static void
write_memory(void)
{
	*(volatile uint8_t *)(g_guarded.guarded + g_guarded.size - 1) = 1;
}

static void
pull_with_wrong_context(void)
{
	char buf[4];
	struct iovec guarded = guarded_domain_iov(&g_guarded, 0, 4), plain = {buf, 4};

	spdk_memory_domain_pull_data(g_guarded.domain, &buf, &guarded, 1, &plain, 1, done_cb, &g_guarded);
}

static void
pull_beyond_the_end(void)
{
	char buf[4];
	struct iovec guarded = {g_guarded.guarded + g_guarded.size - 3, 4}, plain = {buf, 4};

	pull(&guarded, 1, &plain, 1);
}

static void
pull_into_less(void)
{
	char buf[4];
	struct iovec guarded = guarded_domain_iov(&g_guarded, 0, 4), plain = {buf, 3};

	pull(&guarded, 1, &plain, 1);
}

static void
cheats_die(void **state)
{
	expect_death(read_memory);
	expect_death(write_memory);
	expect_death(pull_with_wrong_context);
	expect_death(pull_beyond_the_end);
	expect_death(pull_into_less);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(data_gets_in_and_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_wait_if_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_fail_if_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cheats_die, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
