/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"
#include "bdevkit/thread.h"
#include "test/unit/common/strict_tolerate.h"

#define THREADS 4

static struct spdk_thread *g_threads[THREADS];
static struct spdk_io_channel *g_channels[THREADS];
static char g_log[256];
static int g_device;
static int g_status;
static struct spdk_thread *g_completed_on;
/* Visit that is not continued at once. */
static struct spdk_io_channel_iter *g_held;
static char g_hold_at;
static int g_unregistered;
/* When true, calloc() fails: see __wrap_calloc(). */
static bool g_no_memory;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	return g_no_memory ? NULL : __real_calloc(count, size);
}

static int
create_channel(void *io_device, void *ctx_buf)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
}

static int
setup(void **state)
{
	const char *names[THREADS] = {"a", "b", "c", "d"};
	int i;

	if (fixture_setup(state) != 0) {
		return -1;
	}
	g_log[0] = '\0';
	g_status = 12345;
	g_hold_at = '\0';
	g_held = NULL;
	g_unregistered = 0;
	for (i = 0; i < THREADS; i++) {
		g_threads[i] = spdk_thread_create(names[i], NULL);
	}
	spdk_set_thread(g_threads[0]);
	spdk_io_device_register(&g_device, create_channel, destroy_channel, 8, "device");
	memset(g_channels, 0, sizeof(g_channels));
	return 0;
}

static void
get_channel(int i)
{
	spdk_set_thread(g_threads[i]);
	g_channels[i] = spdk_get_io_channel(&g_device);
	assert_non_null(g_channels[i]);
	spdk_set_thread(g_threads[0]);
}

static void
put_channel(int i)
{
	spdk_set_thread(g_threads[i]);
	spdk_put_io_channel(g_channels[i]);
	g_channels[i] = NULL;
	spdk_set_thread(g_threads[0]);
}

static void
drain_all(void)
{
	int i, busy;

	do {
		busy = 0;
		for (i = 0; i < THREADS; i++) {
			if (g_threads[i] != NULL) {
				busy += drain(g_threads[i]);
			}
		}
	} while (busy > 0);
}

static int
teardown(void **state)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		if (g_channels[i] != NULL) {
			put_channel(i);
		}
	}
	drain_all();
	if (!g_unregistered) {
		spdk_set_thread(g_threads[0]);
		spdk_io_device_unregister(&g_device, NULL);
	}
	for (i = THREADS - 1; i >= 0; i--) {
		if (g_threads[i] != NULL) {
			destroy_thread(g_threads[i]);
		}
	}
	return fixture_teardown(state);
}

static void
log_thread(void)
{
	strcat(g_log, spdk_thread_get_name(spdk_get_thread()));
}

static void
visit(struct spdk_io_channel_iter *i)
{
	log_thread();
	assert_ptr_equal(spdk_io_channel_get_thread(spdk_io_channel_iter_get_channel(i)), spdk_get_thread());
	assert_ptr_equal(spdk_io_channel_iter_get_io_device(i), &g_device);
	assert_ptr_equal(spdk_io_channel_iter_get_ctx(i), g_log);
	if (g_hold_at == spdk_thread_get_name(spdk_get_thread())[0]) {
		g_held = i;
		return;
	}
	spdk_for_each_channel_continue(i, 0);
}

static void
visit_fails_at_c(struct spdk_io_channel_iter *i)
{
	log_thread();
	spdk_for_each_channel_continue(i, spdk_get_thread() == g_threads[2] ? -ENXIO : 0);
}

static void
complete(struct spdk_io_channel_iter *i, int status)
{
	strcat(g_log, ".");
	g_status = status;
	g_completed_on = spdk_get_thread();
	assert_ptr_equal(spdk_io_channel_iter_get_ctx(i), g_log);
	assert_null(spdk_io_channel_iter_get_channel(i));
}

static void
test_channels_in_order(void **state)
{
	get_channel(2);
	get_channel(0);
	get_channel(3);
	spdk_set_thread(g_threads[3]);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	/* Every visit is a message, also that to the caller's own thread. */
	assert_string_equal(g_log, "");
	drain(g_threads[3]);
	assert_string_equal(g_log, "");
	drain_all();
	assert_string_equal(g_log, "acd.");
	assert_int_equal(g_status, 0);
	assert_ptr_equal(g_completed_on, g_threads[3]);
}

static void
test_error_ends_walk(void **state)
{
	get_channel(0);
	get_channel(2);
	get_channel(3);
	spdk_for_each_channel(&g_device, visit_fails_at_c, g_log, complete);
	drain_all();
	assert_string_equal(g_log, "ac.");
	assert_int_equal(g_status, -ENXIO);
	/* The completion may be missing. */
	spdk_for_each_channel(&g_device, visit_fails_at_c, g_log, NULL);
	drain_all();
	assert_string_equal(g_log, "ac.ac");
}

static void
test_no_channel_or_device(void **state)
{
	int unknown;

	spdk_for_each_channel(&g_device, visit, g_log, complete);
	assert_string_equal(g_log, "");
	drain_all();
	assert_string_equal(g_log, ".");
	assert_int_equal(g_status, 0);
	spdk_for_each_channel(&unknown, visit, g_log, complete);
	assert_string_equal(g_log, ".");
	drain_all();
	assert_string_equal(g_log, "..");
	assert_int_equal(g_status, -ENODEV);
}

static void
test_channel_released_or_replaced_before_its_visit(void **state)
{
	get_channel(1);
	get_channel(2);
	g_hold_at = 'b';
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	assert_non_null(g_held);

	/* The message to c is on its way when c's channel goes: skipped. */
	spdk_set_thread(g_threads[1]);
	put_channel(2);
	spdk_set_thread(g_threads[1]);
	spdk_for_each_channel_continue(g_held, 0);
	drain_all();
	assert_string_equal(g_log, "b.");
	assert_int_equal(g_status, 0);

	/* It goes and comes again: the new one is visited. */
	get_channel(2);
	g_log[0] = '\0';
	spdk_set_thread(g_threads[0]);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	put_channel(2);
	spdk_set_thread(g_threads[1]);
	spdk_for_each_channel_continue(g_held, 0);
	spdk_thread_poll(g_threads[2], 1, 0);
	get_channel(2);
	drain_all();
	assert_string_equal(g_log, "bc.");
}

static void
test_channels_made_during_walk(void **state)
{
	get_channel(1);
	g_hold_at = 'b';
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	get_channel(0);
	get_channel(3);
	spdk_set_thread(g_threads[1]);
	spdk_for_each_channel_continue(g_held, 0);
	drain_all();
	assert_string_equal(g_log, "bd.");
}

static void
unregistered(void *io_device)
{
	g_unregistered++;
	strcat(g_log, "u");
}

static void
test_unregister_waits_for_walk(void **state)
{
	get_channel(1);
	g_hold_at = 'b';
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	spdk_set_thread(g_threads[3]);
	spdk_io_device_unregister(&g_device, unregistered);
	/* A second time is an error; channels can still be had; a new walk cannot begin. */
	spdk_io_device_unregister(&g_device, unregistered);
	get_channel(2);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	assert_string_equal(g_log, "b.");
	assert_int_equal(g_status, -ENODEV);
	assert_int_equal(g_unregistered, 0);

	g_log[0] = '\0';
	g_hold_at = '\0';
	spdk_set_thread(g_threads[1]);
	spdk_for_each_channel_continue(g_held, 0);
	drain_all();
	assert_string_equal(g_log, "c.");
	assert_int_equal(g_status, 0);
	assert_int_equal(g_unregistered, 0);
	spdk_set_thread(g_threads[0]);
	assert_null(spdk_get_io_channel(&g_device));
	put_channel(1);
	put_channel(2);
	drain_all();
	assert_int_equal(g_unregistered, 1);
}

static void
exit_by_force(int i)
{
	spdk_set_thread(g_threads[i]);
	spdk_thread_exit(g_threads[i]);
	env_clock_advance(6000000 * US);
	spdk_thread_poll(g_threads[i], 0, 0);
	assert_true(spdk_thread_is_exited(g_threads[i]));
	spdk_set_thread(g_threads[0]);
}

static void
test_thread_exited_by_force_is_skipped(void **state)
{
	get_channel(1);
	get_channel(2);
	get_channel(3);
	exit_by_force(1);
	exit_by_force(3);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	assert_string_equal(g_log, "c.");
	assert_int_equal(g_status, 0);
}

static void
noop(void *arg)
{
}

static void
test_thread_destroyed_with_visit_in_queue(void **state)
{
	int i;

	get_channel(1);
	get_channel(3);
	for (i = 0; i < 8; i++) {
		spdk_thread_send_msg(g_threads[1], noop, NULL);
	}
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	exit_by_force(1);
	spdk_set_thread(g_threads[1]);
	spdk_put_io_channel(g_channels[1]);
	g_channels[1] = NULL;
	spdk_thread_destroy(g_threads[1]);
	g_threads[1] = NULL;
	drain_all();
	assert_string_equal(g_log, "d.");
	assert_int_equal(g_status, 0);
}

static void
test_thread_destroyed_before_its_walk_ends(void **state)
{
	get_channel(1);
	g_hold_at = 'b';
	spdk_set_thread(g_threads[3]);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	spdk_io_device_unregister(&g_device, unregistered);
	drain_all();
	assert_non_null(g_held);

	/* Neither completion can be delivered; the walk and the unregistration end all the same. */
	exit_by_force(3);
	spdk_thread_destroy(g_threads[3]);
	g_threads[3] = NULL;
	spdk_set_thread(g_threads[1]);
	spdk_for_each_channel_continue(g_held, 0);
	drain_all();
	assert_string_equal(g_log, "b");
	spdk_set_thread(g_threads[0]);
	assert_null(spdk_get_io_channel(&g_device));
	put_channel(1);
	drain_all();
	assert_int_equal(g_unregistered, 0);
	g_unregistered = 1;
}

static void
test_without_memory(void **state)
{
	get_channel(0);
	get_channel(2);
	spdk_set_thread(g_threads[0]);
	g_no_memory = true;
	/* One walk has its memory in the thread. */
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	/* A second one does not: it completes at once. */
	g_status = 12345;
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	assert_string_equal(g_log, ".");
	assert_int_equal(g_status, -ENOMEM);
	drain_all();
	assert_string_equal(g_log, ".ac.");
	assert_int_equal(g_status, 0);
	spdk_for_each_channel(&g_device, visit, g_log, complete);
	drain_all();
	assert_string_equal(g_log, ".ac.ac.");
	g_no_memory = false;
}

static int
idle_poller(void *arg)
{
	return 0;
}

static void
visit_thread(void *ctx)
{
	assert_ptr_equal(ctx, g_log);
	log_thread();
}

static void
complete_threads(void *ctx)
{
	assert_ptr_equal(ctx, g_log);
	strcat(g_log, ".");
	g_completed_on = spdk_get_thread();
}

static void
test_threads(void **state)
{
	struct spdk_poller *poller;

	spdk_set_thread(g_threads[2]);
	spdk_for_each_thread(visit_thread, g_log, complete_threads);
	assert_string_equal(g_log, "");
	drain_all();
	assert_string_equal(g_log, "abcd.");
	assert_ptr_equal(g_completed_on, g_threads[2]);

	/* An exiting one is not visited. */
	g_log[0] = '\0';
	spdk_set_thread(g_threads[1]);
	poller = spdk_poller_register(idle_poller, NULL, 0);
	spdk_thread_exit(g_threads[1]);
	spdk_set_thread(g_threads[0]);
	spdk_for_each_thread(visit_thread, g_log, complete_threads);
	drain_all();
	assert_string_equal(g_log, "acd.");
	spdk_set_thread(g_threads[1]);
	spdk_poller_unregister(&poller);
	drain(g_threads[1]);
	spdk_thread_destroy(g_threads[1]);
	g_threads[1] = NULL;

	/* Not on a thread: just the completion, at once. */
	g_log[0] = '\0';
	spdk_set_thread(NULL);
	spdk_for_each_thread(visit_thread, g_log, complete_threads);
	assert_string_equal(g_log, ".");
	spdk_set_thread(g_threads[0]);
	g_no_memory = true;
	spdk_for_each_thread(visit_thread, g_log, complete_threads);
	spdk_for_each_thread(visit_thread, g_log, complete_threads);
	assert_string_equal(g_log, "..");
	drain_all();
	assert_string_equal(g_log, "..acd.");
	g_no_memory = false;
}

/* A walk in memory of the caller, who uses it for the next walk as soon as the first has ended. */
static struct bdk_channel_walk *g_own_walk;
static int g_own_walks;

static void
own_complete(struct spdk_io_channel_iter *i, int status)
{
	complete(i, status);
	if (--g_own_walks > 0) {
		bdk_for_each_channel(g_own_walk, &g_device, visit, g_log, own_complete);
	} else {
		free(g_own_walk);
	}
}

static void
test_in_memory_of_the_caller(void **state)
{
	get_channel(1);
	get_channel(3);
	g_own_walk = malloc(sizeof(*g_own_walk));
	g_own_walks = 2;
	g_no_memory = true;
	bdk_for_each_channel(g_own_walk, &g_device, visit, g_log, own_complete);
	assert_string_equal(g_log, "");
	drain_all();
	assert_string_equal(g_log, "bd.bd.");
	assert_int_equal(g_status, 0);
	assert_int_equal(g_own_walks, 0);

	/* Devices that are not there, and callers that are on no thread. */
	g_own_walk = malloc(sizeof(*g_own_walk));
	g_own_walks = 1;
	bdk_for_each_channel(g_own_walk, &g_own_walks, visit, g_log, own_complete);
	drain_all();
	assert_int_equal(g_status, -ENODEV);
	g_own_walk = malloc(sizeof(*g_own_walk));
	g_own_walks = 1;
	spdk_set_thread(NULL);
	bdk_for_each_channel(g_own_walk, &g_device, visit, g_log, own_complete);
	assert_int_equal(g_status, -EINVAL);
	assert_int_equal(g_own_walks, 0);
	g_no_memory = false;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_channels_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_ends_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_channel_or_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channel_released_or_replaced_before_its_visit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_channels_made_during_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unregister_waits_for_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread_exited_by_force_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread_destroyed_with_visit_in_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread_destroyed_before_its_walk_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_memory_of_the_caller, setup, teardown),
	};

	/* Threads that are exited by force. */
	strict_tolerate(STRICT_RULE(CHANNEL_LEAKED));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
