/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A unit test of bdev_queue.c: the real module in the real layer, in one system thread and under a virtual clock, so that time is
 * exact and each run is the same. Any test framework will do; this one is assert().
 */

#undef NDEBUG
#include <assert.h>

/* A test may see what is static. */
#include "bdev_queue.c"

#include "bdevkit/sim.h"
#include "spdk/accel.h"

#define NUM_IOS 200

static struct spdk_thread *g_thread;
static struct spdk_bdev_desc *g_desc;
static struct spdk_io_channel *g_ch;
static char g_buf[NUM_IOS][BLOCK_SIZE];
static int g_succeeded, g_failed;

/* ---- Start and end of the layer ---- */

static bool
is_true(void *arg)
{
	return *(bool *)arg;
}

static void
wait_for(bool *done)
{
	spdk_set_thread(NULL);
	assert(bdk_sim_run_until(is_true, done, 10 * SPDK_SEC_TO_USEC));
	spdk_set_thread(g_thread);
}

static void
init_cb(void *cb_arg, int rc)
{
	assert(rc == 0);
	*(bool *)cb_arg = true;
}

static void
done_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
start(uint64_t seed)
{
	struct queue_opts opts = {.name = (char *)"q", .num_blocks = 1024};
	bool done = false;

	assert(bdk_sim_init(seed) == 0);
	g_thread = spdk_thread_create("test", NULL);
	spdk_set_thread(g_thread);
	assert(spdk_iobuf_initialize() == 0);
	assert(spdk_accel_initialize() == 0);
	spdk_bdev_initialize(init_cb, &done);
	wait_for(&done);
	assert(create_disk(&opts) == 0);
	/* Others read it now, to find out if they know what is on it. */
	done = false;
	assert(spdk_bdev_wait_for_examine(done_cb, &done) == 0);
	wait_for(&done);
	assert(spdk_bdev_open_ext("q", true, event_cb, NULL, &g_desc) == 0);
	g_ch = spdk_bdev_get_io_channel(g_desc);
	assert(g_ch != NULL);
	g_succeeded = g_failed = 0;
}

static void
stop(void)
{
	bool done = false;

	spdk_put_io_channel(g_ch);
	spdk_bdev_close(g_desc);
	spdk_bdev_finish(done_cb, &done);
	wait_for(&done);
	done = false;
	spdk_accel_finish(done_cb, &done);
	wait_for(&done);
	done = false;
	spdk_iobuf_finish(done_cb, &done);
	wait_for(&done);
	spdk_set_thread(NULL);
	bdk_sim_fini();
}

/* ---- The tests ---- */

static void
io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	*(success ? &g_succeeded : &g_failed) += 1;
	spdk_bdev_free_io(bdev_io);
}

static void
run_for(uint64_t us)
{
	spdk_set_thread(NULL);
	bdk_sim_run_for(us);
	spdk_set_thread(g_thread);
}

/* Not before its time, and not much later. */
static void
io_takes_its_time(void)
{
	start(1);
	assert(spdk_bdev_write_blocks(g_desc, g_ch, g_buf[0], 0, 1, io_cb, NULL) == 0);
	run_for(LATENCY_US - 1);
	assert(g_succeeded == 0);
	run_for(LATENCY_US + 1);
	assert(g_succeeded == 1);
	stop();
}

/* More than the module takes at a time: the layer keeps the rest. */
static void
a_full_queue_loses_nothing(void)
{
	start(2);
	for (int i = 0; i < NUM_IOS; i++) {
		assert(spdk_bdev_write_blocks(g_desc, g_ch, g_buf[i], i, 1, io_cb, NULL) == 0);
	}
	run_for(100 * LATENCY_US);
	assert(g_succeeded == NUM_IOS && g_failed == 0);
	stop();
}

static void
a_reset_ends_what_waits(void)
{
	start(3);
	for (int i = 0; i < 10; i++) {
		assert(spdk_bdev_read_blocks(g_desc, g_ch, g_buf[i], i, 1, io_cb, NULL) == 0);
	}
	assert(spdk_bdev_reset(g_desc, g_ch, io_cb, NULL) == 0);
	run_for(LATENCY_US / 2);
	assert(g_failed == 10 && g_succeeded == 1);
	stop();
}

int
main(void)
{
	io_takes_its_time();
	a_full_queue_loses_nothing();
	a_reset_ends_what_waits();
	printf("3 passed, 0 failed\n");
	return 0;
}
