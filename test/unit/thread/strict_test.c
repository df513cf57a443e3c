/* SPDX-License-Identifier: BSD-3-Clause */

/* What strict mode says of callbacks that hold their thread, and of channels that are not put; and its settings. */

#include "test/unit/thread/thread_fixture.h"
#include "test/unit/common/strict_reports.h"
#include "lib/strict/strict_internal.h"

#include <sys/wait.h>

static struct spdk_thread *g_thread;

static int
setup(void **state)
{
	strict_reports_begin(NULL);
	fixture_setup(state);
	g_thread = spdk_thread_create("worker", NULL);
	assert_non_null(g_thread);
	spdk_set_thread(g_thread);
	return 0;
}

static int
teardown(void **state)
{
	if (g_thread != NULL) {
		destroy_thread(g_thread);
	}
	return fixture_teardown(state);
}

/* ---- callbacks ---- */

static void
slow_message(void *arg)
{
	strict_hold_pass_time(*(uint32_t *)arg);
}

static int
slow_poll(void *arg)
{
	strict_hold_pass_time(*(uint32_t *)arg);
	return SPDK_POLLER_BUSY;
}

static void
test_message_holds(void **state)
{
	uint32_t ms = 200;

	spdk_thread_send_msg(g_thread, slow_message, &ms);
	drain(g_thread);
	assert_int_equal(g_reports.count, 0);
	ms = 250;
	spdk_thread_send_msg(g_thread, slow_message, &ms);
	drain(g_thread);
	expect_one_report(BDK_STRICT_REACTOR_HELD);
	assert_string_equal(g_reports.items[0].thread, "worker");
	assert_non_null(strstr(g_reports.items[0].text, "a message held the thread for 250 ms"));
	assert_non_null(strstr(g_reports.items[0].place, "slow_message ("));
}

static void
test_poller_holds(void **state)
{
	uint32_t ms = 1000;
	struct spdk_poller *poller = spdk_poller_register_named(slow_poll, &ms, 10, "reap");

	env_clock_advance(20 * US);
	assert_int_equal(spdk_thread_poll(g_thread, 0, 0), 1);
	expect_one_report(BDK_STRICT_REACTOR_HELD);
	assert_non_null(strstr(g_reports.items[0].text, "the poller reap held the thread for 1000 ms"));
	assert_non_null(strstr(g_reports.items[0].place, "slow_poll ("));
	spdk_poller_unregister(&poller);
}

/* The message that polls is not to blame for the one that it runs. */
static void
poll_again(void *arg)
{
	struct spdk_thread *other = arg;

	spdk_thread_poll(other, 0, 0);
}

static void
test_innermost_is_blamed(void **state)
{
	struct spdk_thread *other = spdk_thread_create("other", NULL);
	uint32_t ms = 300;

	spdk_thread_send_msg(other, slow_message, &ms);
	spdk_thread_send_msg(g_thread, poll_again, other);
	drain(g_thread);
	expect_one_report(BDK_STRICT_REACTOR_HELD);
	assert_string_equal(g_reports.items[0].thread, "other");
	destroy_thread(other);
	spdk_set_thread(g_thread);
}

/* ---- channels ---- */

static int
create_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_cb(void *io_device, void *ctx)
{
}

static __attribute__((noinline)) struct spdk_io_channel *
careless_get(void *io_device)
{
	struct spdk_io_channel *ch = spdk_get_io_channel(io_device);

	assert_non_null(ch);
	return ch;
}

static void
test_channel_leaked(void **state)
{
	int device;
	struct spdk_io_channel *ch;

	spdk_io_device_register(&device, create_cb, destroy_cb, 0, "box");
	ch = careless_get(&device);
	careless_get(&device);
	spdk_put_io_channel(ch);
	spdk_thread_exit(g_thread);
	drain(g_thread);
	assert_int_equal(g_reports.count, 0);
	env_clock_advance(6 * 1000 * 1000 * US);
	spdk_thread_poll(g_thread, 0, 0);
	assert_true(spdk_thread_is_exited(g_thread));
	expect_one_report(BDK_STRICT_CHANNEL_LEAKED);
	assert_string_equal(g_reports.items[0].thread, "worker");
	assert_non_null(strstr(g_reports.items[0].text, "a channel of io_device box was got 2 times and put 1 times"));
	assert_non_null(strstr(g_reports.items[0].text, "careless_get+"));
	assert_non_null(strstr(g_reports.items[0].place, "careless_get+"));

	/* Late, but not lost. */
	spdk_put_io_channel(ch);
	spdk_io_device_unregister(&device, NULL);
	spdk_thread_destroy(g_thread);
	g_thread = NULL;
}

/* ---- what is left in the end ---- */

/* In a process of its own: what is left behind is lost. */
static void
test_device_leaked(void **state)
{
	int kept, unregistered, status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child > 0) {
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		return;
	}
	spdk_io_device_register(&kept, create_cb, destroy_cb, 0, "box");
	spdk_io_device_register(&unregistered, create_cb, destroy_cb, 0, "bag");
	spdk_io_device_unregister(&unregistered, NULL);
	destroy_thread(g_thread);
	spdk_set_thread(NULL);
	spdk_thread_lib_fini();
	_exit(g_reports.count == 1 && g_reports.items[0].rule == BDK_STRICT_DEVICE_LEAKED &&
				strstr(g_reports.items[0].text,
					"io_device box, whose channels are made by create_cb (") != NULL
			? 0
			: 1);
}

/* ---- settings ---- */

static void
test_text(void **state)
{
	assert_int_equal(bdk_strict_enable_text("on,data,never=5,held=6,quarantine=7"), 0);
	assert_true(g_strict.opts.check_data);
	assert_false(g_strict.opts.abort);
	assert_int_equal(g_strict.opts.never_completed_ms, 5);
	assert_int_equal(g_strict.opts.held_ms, 6);
	assert_int_equal(g_strict.opts.quarantine, 7);
	assert_int_equal(bdk_strict_enable_text("abort"), 0);
	assert_true(g_strict.opts.abort);
	assert_false(g_strict.opts.check_data);

	assert_int_equal(bdk_strict_enable_text("yes"), -EINVAL);
	assert_int_equal(bdk_strict_enable_text("never="), -EINVAL);
	assert_int_equal(bdk_strict_enable_text("never=-1"), -EINVAL);
	assert_int_equal(bdk_strict_enable_text("held=1x"), -EINVAL);
	assert_int_equal(bdk_strict_enable_text("held=4294967296"), -EINVAL);
	assert_int_equal(bdk_strict_enable_text("quarantine=1000000"), -EINVAL);
	/* What was before stays. */
	assert_true(g_strict.opts.abort);
}

static void
test_options(void **state)
{
	struct bdk_strict_opts opts = {.size = 0};

	assert_int_equal(bdk_strict_enable(&opts), -EINVAL);
	/* Of an older program, which knows fewer. */
	opts.size = offsetof(struct bdk_strict_opts, never_completed_ms);
	opts.check_data = true;
	opts.never_completed_ms = 3;
	assert_int_equal(bdk_strict_enable(&opts), 0);
	assert_true(g_strict.opts.check_data);
	assert_int_equal(g_strict.opts.never_completed_ms, 60000);
	assert_string_equal(bdk_strict_rule_name(BDK_STRICT_ALLOCATED), "allocated-in-io-path");
	assert_string_equal(bdk_strict_rule_name(BDK_STRICT_NUM_RULES), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_message_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poller_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_innermost_is_blamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel_leaked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device_leaked, setup, teardown),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
