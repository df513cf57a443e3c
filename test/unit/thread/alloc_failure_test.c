/* SPDX-License-Identifier: BSD-3-Clause */

/* Each allocation of the thread library fails once: a clean error, nothing lost, and it works afterwards. */

#include "test/unit/common/alloc_failure.h"
#include "bdevkit/sim.h"
#include "bdevkit/thread.h"
#include "spdk/log.h"
#include "spdk/thread.h"

#include <setjmp.h>
#include <cmocka.h>
#include <sys/eventfd.h>

#define THREADS 3

static struct spdk_thread *g_threads[THREADS];
static int g_device;
static uint32_t g_called;

static void
begin(void)
{
	int i;

	assert_int_equal(bdk_sim_init(1), 0);
	for (i = 0; i < THREADS; i++) {
		g_threads[i] = spdk_thread_create("t", NULL);
		assert_non_null(g_threads[i]);
	}
	spdk_set_thread(g_threads[0]);
	g_called = 0;
}

static void
end(void)
{
	alloc_disarm();
	bdk_sim_run_until_idle();
	spdk_set_thread(NULL);
	bdk_sim_fini();
}

static void
count_cb(void *ctx)
{
	g_called++;
}

static int
poll_cb(void *ctx)
{
	g_called++;
	return SPDK_POLLER_IDLE;
}

/* ---- the library, threads ---- */

static int
run_lib(const void *arg)
{
	int rc;

	alloc_arm();
	rc = bdk_sim_init(1);
	alloc_disarm();
	bdk_sim_fini();
	return rc;
}

static int
run_thread(const void *arg)
{
	struct spdk_thread *thread;

	begin();
	alloc_arm();
	thread = spdk_thread_create("new", NULL);
	alloc_disarm();
	assert_int_equal(spdk_thread_get_count(), thread != NULL ? THREADS + 1 : THREADS);
	end();
	return thread != NULL ? 0 : -ENOMEM;
}

/* ---- messages, walks ---- */

static int
run_msgs(const void *arg)
{
	uint32_t sent = 0;
	int i, rc = 0, first = 0;

	begin();
	alloc_arm();
	for (i = 0; i < 1000; i++) {
		rc = spdk_thread_send_msg(g_threads[i % THREADS], count_cb, NULL);
		sent += rc == 0;
		first = first != 0 ? first : rc;
	}
	bdk_sim_run_until_idle();
	alloc_disarm();
	assert_int_equal(g_called, sent);
	end();
	return first;
}

static int
run_for_each_thread(const void *arg)
{
	uint32_t walks;

	begin();
	alloc_arm();
	/* The completion comes, whatever happens; the thread keeps memory for one walk. */
	spdk_for_each_thread(count_cb, NULL, count_cb);
	bdk_sim_run_until_idle();
	walks = g_called;
	alloc_disarm();
	assert_int_equal(walks, THREADS + 1);
	end();
	return 0;
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
}

static void
visit_cb(struct spdk_io_channel_iter *i)
{
	spdk_for_each_channel_continue(i, 0);
}

static int g_walk_status;

static void
visited_cb(struct spdk_io_channel_iter *i, int status)
{
	g_walk_status = status != 0 ? status : g_walk_status;
	g_called++;
}

static int
run_for_each_channel(const void *arg)
{
	struct spdk_io_channel *ch[THREADS];
	int i;

	begin();
	assert_int_equal(bdk_io_device_register(&g_device, create_channel_cb, destroy_channel_cb, 8, "d"), 0);
	for (i = 0; i < THREADS; i++) {
		spdk_set_thread(g_threads[i]);
		ch[i] = spdk_get_io_channel(&g_device);
		assert_non_null(ch[i]);
	}
	spdk_set_thread(g_threads[0]);
	alloc_arm();
	g_walk_status = 0;
	/* Three at once; there is a reserve for one. */
	for (i = 0; i < 3; i++) {
		spdk_for_each_channel(&g_device, visit_cb, NULL, visited_cb);
	}
	bdk_sim_run_until_idle();
	alloc_disarm();
	assert_int_equal(g_called, 3);
	for (i = 0; i < THREADS; i++) {
		spdk_set_thread(g_threads[i]);
		spdk_put_io_channel(ch[i]);
	}
	bdk_sim_run_until_idle();
	spdk_set_thread(g_threads[0]);
	spdk_io_device_unregister(&g_device, NULL);
	end();
	return g_walk_status;
}

/* ---- devices ---- */

static int
run_io_device(const void *arg)
{
	struct spdk_io_channel *ch = NULL;
	int rc;

	begin();
	alloc_arm();
	rc = bdk_io_device_register(&g_device, create_channel_cb, destroy_channel_cb, 8, NULL);
	if (rc == 0) {
		ch = spdk_get_io_channel(&g_device);
		rc = ch != NULL ? 0 : -ENOMEM;
		if (ch != NULL) {
			spdk_put_io_channel(ch);
		}
		bdk_sim_run_until_idle();
		spdk_io_device_unregister(&g_device, count_cb);
		bdk_sim_run_until_idle();
		assert_int_equal(g_called, 1);
	} else {
		assert_null(spdk_get_io_channel(&g_device));
	}
	end();
	return rc;
}

/* ---- pollers, interrupts ---- */

static int
run_pollers(const void *arg)
{
	struct spdk_poller *active, *timed;
	int rc;

	begin();
	alloc_arm();
	active = SPDK_POLLER_REGISTER(poll_cb, NULL, 0);
	timed = SPDK_POLLER_REGISTER(poll_cb, NULL, 1000);
	bdk_sim_run_for(5000);
	rc = active != NULL && timed != NULL ? 0 : -ENOMEM;
	spdk_poller_unregister(&active);
	spdk_poller_unregister(&timed);
	end();
	return rc;
}

static int
run_wakeup_fd(const void *arg)
{
	int fd = eventfd(0, EFD_NONBLOCK), rc = -ENOMEM;
	struct spdk_poller *poller;

	begin();
	alloc_arm();
	poller = SPDK_POLLER_REGISTER(poll_cb, NULL, 0);
	if (poller != NULL) {
		rc = bdk_poller_set_wakeup_fd(poller, fd);
	}
	bdk_sim_run_until_idle();
	alloc_disarm();
	spdk_poller_unregister(&poller);
	end();
	close(fd);
	return rc;
}

/* Threads that nobody but their descriptors wake, as in a framework that only waits for those. */
static int
run_interrupt(const void *arg)
{
	struct spdk_interrupt *intr = NULL;
	int fd = eventfd(0, EFD_NONBLOCK);
	struct spdk_thread *thread;

	/* It stays on. */
	if (!spdk_interrupt_mode_is_enabled()) {
		assert_int_equal(spdk_interrupt_mode_enable(), 0);
	}
	assert_int_equal(spdk_thread_lib_init(NULL, 0), 0);
	alloc_arm();
	thread = spdk_thread_create("t", NULL);
	if (thread != NULL) {
		spdk_set_thread(thread);
		intr = SPDK_INTERRUPT_REGISTER(fd, poll_cb, NULL);
	}
	alloc_disarm();
	if (intr != NULL) {
		spdk_interrupt_unregister(&intr);
		intr = (void *)1;
	}
	if (thread != NULL) {
		spdk_thread_exit(thread);
		while (!spdk_thread_is_exited(thread)) {
			spdk_thread_poll(thread, 0, 0);
		}
		spdk_thread_destroy(thread);
	}
	spdk_thread_lib_fini();
	close(fd);
	return intr != NULL ? 0 : -ENOMEM;
}

/* ---- iobuf ---- */

static void
set_small_pools(void)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = 128;
	opts.large_pool_count = 32;
	assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
}

static void
end_iobuf(void)
{
	spdk_iobuf_finish(count_cb, NULL);
	bdk_sim_run_until_idle();
}

static int
run_iobuf_init(const void *arg)
{
	int rc;

	begin();
	set_small_pools();
	alloc_arm();
	rc = spdk_iobuf_initialize();
	alloc_disarm();
	if (rc == 0) {
		end_iobuf();
	}
	end();
	return rc;
}

static void
stats_cb(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *ctx)
{
	g_called++;
}

static int
use_iobuf_channel(struct spdk_iobuf_channel *ch)
{
	struct spdk_iobuf_entry entry;
	void *buf;
	int rc;

	buf = spdk_iobuf_get(ch, 4096, &entry, NULL);
	if (buf != NULL) {
		spdk_iobuf_put(ch, buf, 4096);
	}
	g_called = 0;
	rc = spdk_iobuf_get_stats(stats_cb, NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, rc == 0);
	return buf == NULL ? -ENOMEM : rc;
}

static int
run_iobuf_channel(const void *arg)
{
	static struct spdk_iobuf_channel ch;
	int rc;

	begin();
	set_small_pools();
	assert_int_equal(spdk_iobuf_initialize(), 0);
	alloc_arm();
	rc = spdk_iobuf_register_module("m");
	if (rc == 0) {
		rc = spdk_iobuf_channel_init(&ch, "m", 4, 2);
		if (rc == 0) {
			rc = use_iobuf_channel(&ch);
			alloc_disarm();
			spdk_iobuf_channel_fini(&ch);
		}
		alloc_disarm();
		spdk_iobuf_unregister_module("m");
	}
	alloc_disarm();
	end_iobuf();
	end();
	return rc;
}

/* ---- the rest ---- */

static int
run_spinlock(const void *arg)
{
	static struct spdk_spinlock lock;

	begin();
	alloc_arm();
	spdk_spin_init(&lock);
	spdk_spin_lock(&lock);
	spdk_spin_unlock(&lock);
	spdk_spin_destroy(&lock);
	end();
	return 0;
}

static void
test_each_allocation(void **state)
{
	static const struct alloc_scenario scenarios[] = {
		{"library", run_lib},
		{"thread", run_thread},
		{"messages", run_msgs},
		{"walk over threads", run_for_each_thread, .never_fails = true},
		{"walks over channels", run_for_each_channel},
		{"io_device and channel", run_io_device},
		{"pollers", run_pollers},
		{"poller with a descriptor", run_wakeup_fd},
		{"iobuf", run_iobuf_init},
		{"iobuf channel", run_iobuf_channel},
		{"spinlock", run_spinlock, .never_fails = true},
		{"thread in interrupt mode", run_interrupt},
	};

	spdk_log_set_print_level(getenv("ALLOC_SCENARIO") != NULL ? SPDK_LOG_ERROR : SPDK_LOG_DISABLED);
	alloc_run_scenarios(scenarios, SPDK_COUNTOF(scenarios));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
