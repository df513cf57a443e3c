/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * For the tests of single I/O types: a disk on which every block is different, buffers that hold the same, and a user
 * who submits one I/O and waits for its end.
 */

#ifndef TYPES_FIXTURE_H
#define TYPES_FIXTURE_H

#include "mem_disk.h"

#define NUM_BLOCKS 1024
#define BLOCK 512
#define MD_LEN 16

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[NUM_BLOCKS * BLOCK];
static uint8_t g_md[NUM_BLOCKS * MD_LEN];

static int
setup(void **state)
{
	bdev_sim_start(21, 2);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

static inline void
fill(void *buf, size_t block_size, uint32_t salt)
{
	uint32_t i;

	for (i = 0; i < NUM_BLOCKS; i++) {
		memset((uint8_t *)buf + i * block_size, i ^ salt, block_size);
		/* 256 of them would be the same. */
		memcpy((uint8_t *)buf + i * block_size, &i, sizeof(i));
	}
}

static inline void
open_disk(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 2);
	fill(g_disk.data, BLOCK, 0);
	fill(g_buf, BLOCK, 0);
	if (g_disk.md != NULL) {
		assert_int_equal(g_disk.bdev.md_len, MD_LEN);
		fill(g_disk.md, MD_LEN, 0xff);
		fill(g_md, MD_LEN, 0xff);
	}
}

static inline void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_BLOCKS);
}

/* Submits and expects that the callback does not run inside. */
#define SUBMIT(IO, FUNCTION, ...) \
	ON(0, memset(IO, 0, sizeof(*(IO))); (IO)->keep = true; \
		(IO)->rc = FUNCTION(g_user.desc, g_user.ch[0], ##__VA_ARGS__, mem_io_done_cb, IO); \
		assert_int_equal((IO)->rc, 0); assert_int_equal((IO)->done, 0))

/* The same, until the callback has run. */
#define RUN(IO, FUNCTION, ...) \
	do { \
		SUBMIT(IO, FUNCTION, ##__VA_ARGS__); \
		bdk_sim_run_until_idle(); \
		assert_int_equal((IO)->done, 1); \
	} while (0)

/* How the I/O has ended; frees it. */
static inline void
expect_status(struct mem_io *io, enum spdk_bdev_io_status status)
{
	assert_int_equal(io->done, 1);
	assert_int_equal(io->bdev_io->internal.status, status);
	assert_int_equal(io->success, status == SPDK_BDEV_IO_STATUS_SUCCESS);
	ON(0, spdk_bdev_free_io(io->bdev_io));
}

/* Lets a disk that completes at random go on until the I/O has ended. */
static inline void
finish(struct mem_io *io)
{
	uint32_t i;

	for (i = 0; i < 10000 && !io->done; i++) {
		bdk_sim_run_for(1000);
		mem_disk_release(&g_disk, 1);
	}
	assert_int_equal(io->done, 1);
}

#define REFUSED(ERROR, USER, FUNCTION, ...) \
	ON(0, assert_int_equal(FUNCTION((USER)->desc, (USER)->ch[0], ##__VA_ARGS__, mem_io_done_cb, NULL), ERROR))

/* Starts the layer anew with another pool of spdk_bdev_io. */
static inline void
restart_with_pool(uint32_t pool_size, uint32_t cache_size)
{
	struct spdk_bdev_opts opts;

	bdev_sim_layer_fini();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = pool_size;
	opts.bdev_io_cache_size = cache_size;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

/* ---- more I/O than there are objects ---- */

struct queued_io {
	struct spdk_bdev_io_wait_entry entry;
	struct mem_io io;
	uint32_t index;
	int (*submit)(uint32_t index, struct mem_io *io);
};

static inline void
submit_queued_cb(void *arg)
{
	struct queued_io *queued = arg;

	queued->io.rc = queued->submit(queued->index, &queued->io);
	if (queued->io.rc == -ENOMEM) {
		queued->entry.bdev = &g_disk.bdev;
		queued->entry.cb_fn = submit_queued_cb;
		queued->entry.cb_arg = queued;
		queued->io.rc = spdk_bdev_queue_io_wait(&g_disk.bdev, g_user.ch[0], &queued->entry);
	}
	assert_int_equal(queued->io.rc, 0);
}

/*
 * Submits 64 I/Os with a pool of 4 objects, which the layer also needs for what it makes of them. All have to succeed.
 * The layer has been started with that pool.
 */
static inline void
run_through_small_pool(int (*submit)(uint32_t index, struct mem_io *io))
{
	static struct queued_io queued[64];
	uint32_t i;

	memset(queued, 0, sizeof(queued));
	for (i = 0; i < SPDK_COUNTOF(queued); i++) {
		queued[i].index = i;
		queued[i].submit = submit;
		ON(0, submit_queued_cb(&queued[i]));
	}
	bdk_sim_run_until_idle();
	for (i = 0; i < SPDK_COUNTOF(queued); i++) {
		assert_int_equal(queued[i].io.done, 1);
		assert_true(queued[i].io.success);
	}
}

#endif /* TYPES_FIXTURE_H */
