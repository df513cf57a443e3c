/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk, a user of it on one thread, accel and a guarded memory domain, for tests of I/O whose data are converted. */

#ifndef TEST_CONVERT_FIXTURE_H
#define TEST_CONVERT_FIXTURE_H

#include "mem_disk.h"
#include "spdk/accel.h"
#include "spdk/crc32.h"
#include "spdk/dif.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "test/unit/dma/guarded_domain.h"

#define BLOCK 512
#define NUM_BLOCKS 256
#define MAX_BYTES (64 * (4096 + 64))

static struct mem_disk g_disk;
static struct mem_user g_user;
static struct guarded_domain g_guarded;
static struct mem_io g_io;
static uint8_t g_buf[MAX_BYTES] __attribute__((unused)), g_expected[MAX_BYTES] __attribute__((unused));
static uint32_t g_steps;

static inline void
set_flag_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

static inline void
init_accel(void *arg)
{
	struct spdk_accel_opts opts;

	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.small_cache_size = 4;
	opts.large_cache_size = 4;
	opts.task_count = 64;
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	assert_int_equal(spdk_accel_initialize(), 0);
}

static inline int
setup(void **state)
{
	bdev_sim_init(5, 2);
	ON(0, init_accel(NULL));
	assert_int_equal(bdev_sim_layer_init(), 0);
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	guarded_domain_create(&g_guarded, MAX_BYTES, "guarded");
	g_io = (struct mem_io){};
	g_steps = 0;
	return 0;
}

static inline void
start(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
}

static inline int
teardown(void **state)
{
	bool done = false;

	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	bdev_sim_layer_fini();
	ON(0, spdk_accel_finish(set_flag_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
	guarded_domain_destroy(&g_guarded);
	bdev_sim_fini();
	return 0;
}

static inline void
fill(uint8_t *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = seed >> 24;
	}
}

static inline bool
is_done(void *arg)
{
	return g_io.done > 0;
}

static inline bool
run(void)
{
	assert_true(bdk_sim_run_until(is_done, NULL, SPDK_SEC_TO_USEC));
	assert_int_equal(g_io.done, 1);
	return g_io.success;
}

static inline void
submit(bool write, struct iovec *iov, int iovcnt, uint64_t offset, uint64_t num_blocks,
	struct spdk_bdev_ext_io_opts *opts)
{
	int rc;

	g_io = (struct mem_io){};
	if (write) {
		ON(0,
			rc = spdk_bdev_writev_blocks_ext(g_user.desc, g_user.ch[0], iov, iovcnt, offset, num_blocks,
				mem_io_done_cb, &g_io, opts));
	} else {
		ON(0,
			rc = spdk_bdev_readv_blocks_ext(g_user.desc, g_user.ch[0], iov, iovcnt, offset, num_blocks,
				mem_io_done_cb, &g_io, opts));
	}
	assert_int_equal(rc, 0);
}

static inline void
use_domain(struct spdk_bdev_ext_io_opts *opts)
{
	*opts = (struct spdk_bdev_ext_io_opts){
		.size = sizeof(*opts), .memory_domain = g_guarded.domain, .memory_domain_ctx = g_guarded.expected_ctx};
}

static inline void
step_cb(void *cb_arg)
{
	g_steps++;
}

static inline struct spdk_io_channel *
get_accel_channel(void)
{
	struct spdk_io_channel *ch;

	ON(0, ch = spdk_accel_get_io_channel());
	return ch;
}

static inline void
put_channel(struct spdk_io_channel *ch)
{
	ON(0, spdk_put_io_channel(ch));
}

static inline void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static inline void
open_hiding(void)
{
	struct spdk_bdev_open_opts opts;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	mem_user_close(&g_user);
	g_user.num_threads = 1;
	ON(0, assert_int_equal(spdk_bdev_open_ext_v2("disk", true, event_cb, &g_user, &opts, &g_user.desc), 0));
	ON(0, g_user.ch[0] = spdk_bdev_get_io_channel(g_user.desc));
	assert_non_null(g_user.ch[0]);
}

#endif /* TEST_CONVERT_FIXTURE_H */
