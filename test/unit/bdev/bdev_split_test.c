/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Splitting: disks with random limits get random I/O, and must end with the data of a model that knows no limits, while
 * mem_disk checks that nothing exceeds them.
 */

#include "mem_disk.h"

#define NUM_BLOCKS 256
#define MAX_IOVS 40
#define GEOMETRIES 400
#define IOS 25

static struct mem_disk g_disk;
static struct mem_user g_user;

static int
setup(void **state)
{
	bdev_sim_start(11, 1);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
add(const char *name, uint32_t block_size)
{
	mem_disk_init(&g_disk, name, block_size, NUM_BLOCKS);
}

static void
open_disk(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 1);
}

static void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

static void
expect(struct mem_io *io, bool success)
{
	bdk_sim_run_until_idle();
	assert_int_equal(io->rc, 0);
	assert_int_equal(io->done, 1);
	assert_int_equal(io->success, success);
}

static void
expect_record(uint32_t index, uint64_t offset, uint64_t num_blocks, int iovcnt)
{
	assert_true(index < g_disk.num_records);
	assert_int_equal(g_disk.records[index].offset, offset);
	assert_int_equal(g_disk.records[index].num_blocks, num_blocks);
	assert_int_equal(g_disk.records[index].iovcnt, iovcnt);
}

#define READ(IO, BUF, OFFSET, BLOCKS) \
	ON(0, (IO)->rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], BUF, OFFSET, BLOCKS, mem_io_done_cb, IO))
#define WRITE(IO, BUF, OFFSET, BLOCKS) \
	ON(0, (IO)->rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], BUF, OFFSET, BLOCKS, mem_io_done_cb, IO))

/* ---- by hand ---- */

static void
test_boundary(void **state)
{
	static uint8_t buf[64 * 512];
	struct mem_io io = {}, whole = {};

	add("d", 512);
	g_disk.bdev.split_on_optimal_io_boundary = true;
	g_disk.bdev.optimal_io_boundary = 16;
	open_disk();

	/* Ending exactly at a boundary is not crossing it. */
	READ(&whole, buf, 0, 16);
	expect(&whole, true);
	assert_int_equal(g_disk.num_records, 1);

	g_disk.num_records = 0;
	READ(&io, buf, 14, 20);
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 3);
	expect_record(0, 14, 2, 1);
	expect_record(1, 16, 16, 1);
	expect_record(2, 32, 2, 1);
	remove_disk();
}

static void
test_boundary_odd(void **state)
{
	static uint8_t buf[64 * 512];
	struct mem_io io = {};

	add("d", 512);
	g_disk.bdev.split_on_optimal_io_boundary = true;
	g_disk.bdev.optimal_io_boundary = 12;
	open_disk();
	READ(&io, buf, 13, 24);
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 3);
	expect_record(0, 13, 11, 1);
	expect_record(1, 24, 12, 1);
	expect_record(2, 36, 1, 1);
	remove_disk();
}

static void
test_write_unit(void **state)
{
	static uint8_t buf[64 * 512];
	struct mem_io io = {}, small = {}, read = {};

	add("d", 512);
	g_disk.bdev.split_on_write_unit = true;
	g_disk.bdev.write_unit_size = 4;
	open_disk();
	WRITE(&io, buf, 8, 12);
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 3);

	/* Less than a unit cannot be written; reads do not care. */
	WRITE(&small, buf, 8, 2);
	assert_int_equal(small.done, 0);
	expect(&small, false);
	g_disk.num_records = 0;
	READ(&read, buf, 1, 11);
	expect(&read, true);
	assert_int_equal(g_disk.num_records, 1);
	remove_disk();
}

/* More buffers than the children of a round may have: a round ends with a unit, not within one. */
static void
test_write_unit_of_many_buffers(void **state)
{
	static uint8_t buf[24 * 512];
	struct iovec iovs[48];
	struct mem_io io = {};

	for (int i = 0; i < 48; i++) {
		iovs[i] = (struct iovec){buf + i * 256, 256};
	}
	add("d", 512);
	g_disk.bdev.split_on_write_unit = true;
	g_disk.bdev.write_unit_size = 12;
	open_disk();
	ON(0, io.rc = spdk_bdev_writev_blocks(g_user.desc, g_user.ch[0], iovs, 48, 24, 24, mem_io_done_cb, &io));
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 2);
	expect_record(0, 24, 12, 24);
	expect_record(1, 36, 12, 24);

	remove_disk();

	/* Zeroes that the layer writes: it has 128 blocks of them. */
	io = (struct mem_io){};
	add("d", 8192);
	g_disk.bdev.split_on_write_unit = true;
	g_disk.bdev.write_unit_size = 12;
	open_disk();
	ON(0, io.rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], 0, 240, mem_io_done_cb, &io));
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 20);
	remove_disk();
}

static void
test_segments(void **state)
{
	static uint8_t buf[8 * 512];
	/* 1.5 blocks, half a block, 2 blocks: one child has two buffers, and is cut back to whole blocks. */
	struct iovec iovs[] = {{buf, 768}, {buf + 768, 256}, {buf + 1024, 1024}};
	struct mem_io io = {};

	add("d", 512);
	g_disk.bdev.max_num_segments = 2;
	open_disk();
	ON(0, io.rc = spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], iovs, 3, 0, 4, mem_io_done_cb, &io));
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 2);
	expect_record(0, 0, 2, 2);
	expect_record(1, 2, 2, 1);
	remove_disk();
}

static void
test_segments_too_small(void **state)
{
	static uint8_t buf[8 * 512];
	struct iovec iovs[] = {{buf, 256}, {buf + 256, 256}, {buf + 512, 512}};
	struct mem_io io = {};

	/* One block does not fit what the disk takes at once. */
	add("d", 512);
	g_disk.bdev.max_num_segments = 1;
	open_disk();
	ON(0, io.rc = spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], iovs, 3, 0, 2, mem_io_done_cb, &io));
	assert_int_equal(io.done, 0);
	expect(&io, false);
	assert_int_equal(g_disk.num_records, 0);
	remove_disk();
}

static void
test_segment_size(void **state)
{
	static uint8_t buf[8 * 512];
	struct mem_io io = {};

	add("d", 512);
	g_disk.bdev.max_segment_size = 1024;
	g_disk.bdev.max_num_segments = 2;
	open_disk();
	READ(&io, buf, 0, 7);
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 2);
	expect_record(0, 0, 4, 2);
	expect_record(1, 4, 3, 2);
	remove_disk();
}

static void
test_short_buffers(void **state)
{
	static uint8_t buf[8 * 512];
	struct iovec iovs[] = {{buf, 512}, {buf + 512, 512}};
	struct mem_io io = {};

	/* Buffers that are shorter than the I/O: no child reaches beyond them. */
	add("d", 512);
	g_disk.bdev.max_rw_size = 1;
	open_disk();
	ON(0, io.rc = spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], iovs, 2, 0, 4, mem_io_done_cb, &io));
	expect(&io, false);
	assert_int_equal(g_disk.num_records, 2);
	remove_disk();
}

static void
test_rounds(void **state)
{
	static uint8_t buf[100 * 512];
	struct mem_io io = {};

	/* 32 children make a round; the next one waits until all of them have ended. */
	add("d", 512);
	g_disk.bdev.max_rw_size = 1;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	/* More objects than the cache of a thread has. */
	READ(&io, buf, 0, 70);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release(&g_disk, 31);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 32);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release(&g_disk, 32);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 6);
	assert_int_equal(io.done, 0);
	mem_disk_release(&g_disk, 6);
	expect(&io, true);
	remove_disk();
}

static void
test_failed_child(void **state)
{
	static uint8_t buf[100 * 512];
	struct mem_io io = {};

	/* The parent fails when the children that run have ended, and starts no more of them. */
	add("d", 512);
	g_disk.bdev.max_rw_size = 1;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	READ(&io, buf, 0, 40);
	bdk_sim_run_until_idle();
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 0);
	mem_disk_release(&g_disk, 31);
	expect(&io, false);
	assert_int_equal(g_disk.num_records, 32);
	remove_disk();
}

static void
test_unmap(void **state)
{
	struct mem_io io = {}, zero = {};

	/* Both limits have to be there; eight children make a round. */
	add("d", 512);
	g_disk.bdev.max_unmap = 2;
	g_disk.bdev.max_unmap_segments = 4;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	ON(0, io.rc = spdk_bdev_unmap_blocks(g_user.desc, g_user.ch[0], 3, 100, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 8);
	expect_record(0, 3, 8, 1);
	assert_int_equal(g_disk.records[0].len, 0);
	mem_disk_release(&g_disk, 8);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 5);
	expect_record(12, 99, 4, 1);
	mem_disk_release(&g_disk, 5);
	expect(&io, true);

	/* Nothing to do, and nothing done. */
	g_disk.num_records = 0;
	ON(0, zero.rc = spdk_bdev_unmap_blocks(g_user.desc, g_user.ch[0], 3, 0, mem_io_done_cb, &zero));
	assert_int_equal(zero.done, 0);
	expect(&zero, true);
	assert_int_equal(g_disk.num_records, 0);
	remove_disk();
}

static void
test_write_zeroes(void **state)
{
	struct mem_io io = {};

	add("d", 512);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	g_disk.bdev.max_write_zeroes = 10;
	open_disk();
	memset(g_disk.data, 0xee, NUM_BLOCKS * 512);
	ON(0, io.rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], 3, 100, mem_io_done_cb, &io));
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 10);
	assert_int_equal(g_disk.records[0].type, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
	assert_int_equal(g_disk.data[3 * 512 - 1], 0xee);
	assert_int_equal(g_disk.data[3 * 512], 0);
	assert_int_equal(g_disk.data[103 * 512 - 1], 0);
	assert_int_equal(g_disk.data[103 * 512], 0xee);
	remove_disk();
}

static bool
is_all(const uint8_t *data, uint8_t value, size_t len)
{
	return data[0] == value && memcmp(data, data + 1, len - 1) == 0;
}

static void
test_emulated_write_zeroes(void **state)
{
	struct mem_io io = {}, none = {};
	uint32_t i;

	/* Blocks of 128 KiB: one megabyte of zeroes at a time. */
	mem_disk_init(&g_disk, "d", 128 * 1024, 32);
	g_disk.bdev.md_len = 64;
	open_disk();
	memset(g_disk.data, 0xee, 32 * 128 * 1024);
	memset(g_disk.md, 0xee, 32 * 64);
	ON(0, io.rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], 1, 30, mem_io_done_cb, &io));
	expect(&io, true);
	for (i = 0; i < g_disk.num_records; i++) {
		assert_int_equal(g_disk.records[i].type, SPDK_BDEV_IO_TYPE_WRITE);
		assert_true(g_disk.records[i].num_blocks * 128 * 1024 <= 0x100000);
	}
	assert_true(is_all(g_disk.data, 0xee, 128 * 1024));
	assert_true(is_all(g_disk.data + 128 * 1024, 0, 30 * 128 * 1024));
	assert_true(is_all(g_disk.data + 31 * 128 * 1024, 0xee, 128 * 1024));
	assert_true(is_all(g_disk.md, 0xee, 64));
	assert_true(is_all(g_disk.md + 64, 0, 30 * 64));
	assert_true(is_all(g_disk.md + 31 * 64, 0xee, 64));

	ON(0, none.rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], 1, 0, mem_io_done_cb, &none));
	expect(&none, true);
	remove_disk();
}

static void
test_no_objects(void **state)
{
	static uint8_t buf[100 * 512];
	struct spdk_bdev_opts opts;
	struct mem_io io = {}, others[3] = {};
	uint32_t i;

	/* Three objects, and two in reserve, for a parent and its children: they wait for each other. */
	bdev_sim_layer_fini();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 3;
	opts.bdev_io_cache_size = 1;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);

	add("d", 512);
	g_disk.bdev.max_rw_size = 2;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	READ(&io, buf, 0, 20);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 4);
	while (!io.done) {
		assert_true(g_disk.num_held > 0);
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	expect(&io, true);
	assert_int_equal(g_disk.num_records, 10);

	/* Two I/Os hold all but the parent's object, and nobody else gets what it has its children from. */
	memset(&io, 0, sizeof(io));
	for (i = 0; i < 2; i++) {
		READ(&others[i], buf, i, 1);
	}
	READ(&io, buf, 0, 6);
	bdk_sim_run_until_idle();
	assert_int_equal(io.rc, 0);
	assert_int_equal(g_disk.num_held, 4);
	READ(&others[2], buf, 0, 1);
	assert_int_equal(others[2].rc, -ENOMEM);
	while (!io.done) {
		assert_true(g_disk.num_held > 0);
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	expect(&io, true);
	remove_disk();

	bdev_sim_layer_fini();
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 16;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

/* One I/O of a queue of users that is longer than the pool. */
struct queued_io {
	struct spdk_bdev_io_wait_entry entry;
	struct mem_io io;
	uint64_t offset;
	bool zeroes;
};

static void
submit_queued_cb(void *arg)
{
	static uint8_t buf[20 * 512];
	struct queued_io *queued = arg;
	struct mem_io *io = &queued->io;

	if (queued->zeroes) {
		io->rc = spdk_bdev_write_zeroes_blocks(
			g_user.desc, g_user.ch[0], queued->offset, 20, mem_io_done_cb, io);
	} else {
		io->rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], buf, queued->offset, 20, mem_io_done_cb, io);
	}
	if (io->rc == -ENOMEM) {
		queued->entry.bdev = &g_disk.bdev;
		queued->entry.cb_fn = submit_queued_cb;
		queued->entry.cb_arg = queued;
		io->rc = spdk_bdev_queue_io_wait(&g_disk.bdev, g_user.ch[0], &queued->entry);
	}
}

/*
 * More users than objects, so that each object that comes back becomes a parent: something must be left for their
 * children, and for what these are split into.
 */
static void
test_pool_of_parents(void **state)
{
	static struct queued_io queued[64];
	struct spdk_bdev_opts opts;
	uint32_t i;

	bdev_sim_layer_fini();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 4;
	opts.bdev_io_cache_size = 1;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);

	add("d", 512);
	g_disk.bdev.max_rw_size = 2;
	g_disk.mode = MEM_DISK_MESSAGE;
	open_disk();
	memset(queued, 0, sizeof(queued));
	for (i = 0; i < SPDK_COUNTOF(queued); i++) {
		queued[i].offset = i % 8 * 20;
		queued[i].zeroes = i % 3 == 0;
		ON(0, submit_queued_cb(&queued[i]));
	}
	for (i = 0; i < SPDK_COUNTOF(queued); i++) {
		expect(&queued[i].io, true);
	}
	remove_disk();

	bdev_sim_layer_fini();
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 16;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

/* ---- random ---- */

struct work {
	uint8_t *model;
	uint8_t *model_md;
	uint8_t *buf;
	uint8_t *md;
	struct iovec iovs[MAX_IOVS];
	int iovcnt;
	uint64_t offset;
	uint64_t num_blocks;
};

static uint64_t
below(uint64_t limit)
{
	return bdk_sim_random(limit);
}

static void
fill_random(uint8_t *buf, size_t len)
{
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		uint64_t value = bdk_sim_random(0);

		memcpy(buf + i, &value, 8);
	}
}

/* Cuts a buffer into pieces, some of them empty. */
static void
cut(struct work *work, uint64_t len, int pieces)
{
	uint64_t done = 0;

	work->iovcnt = 0;
	while (work->iovcnt < pieces - 1 && done < len) {
		uint64_t piece = below(4) == 0 ? below(len - done + 1) : below(spdk_min(len - done, 1500) + 1);

		work->iovs[work->iovcnt].iov_base = work->buf + done;
		work->iovs[work->iovcnt++].iov_len = piece;
		done += piece;
	}
	if (done < len) {
		work->iovs[work->iovcnt].iov_base = work->buf + done;
		work->iovs[work->iovcnt++].iov_len = len - done;
	}
}

static void
random_geometry(void)
{
	struct spdk_bdev *bdev = &g_disk.bdev;

	mem_disk_init(&g_disk, "d", below(3) == 0 ? 520 : 512, NUM_BLOCKS);
	g_disk.mode = below(3);
	if (g_disk.mode == MEM_DISK_HOLD) {
		g_disk.mode = MEM_DISK_MESSAGE;
	}
	g_disk.get_buf = below(3) == 0;
	if (below(2) == 0) {
		bdev->split_on_optimal_io_boundary = true;
		bdev->optimal_io_boundary = 1 + below(20);
	}
	if (below(2) == 0) {
		/* At least as many as a block may be spread over, or it cannot be done. */
		bdev->max_num_segments = MAX_IOVS * 20;
		if (below(2) == 0) {
			bdev->max_num_segments = MAX_IOVS;
		}
	}
	if (below(3) == 0) {
		bdev->max_segment_size = 300 + below(3000);
	}
	if (below(3) == 0) {
		bdev->max_rw_size = 1 + below(10);
	}
	if (below(4) == 0) {
		/* Less than a segment, or nothing could be bounced. */
		bdev->required_alignment = below(9);
	}
	if (below(4) == 0) {
		bdev->md_len = 8 + below(3) * 8;
	}
	if (below(2) == 0) {
		g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
		bdev->max_write_zeroes = below(30);
	}
	if (below(2) == 0) {
		bdev->max_unmap = 1 + below(10);
		bdev->max_unmap_segments = 1 + below(3);
	}
}

static void
run_one(struct work *work)
{
	uint32_t block_size = g_disk.bdev.blocklen, md_len = g_disk.bdev.md_len;
	struct mem_io io = {.keep = true};
	void *md = md_len > 0 && below(2) == 0 ? work->md : NULL;
	uint8_t *model, *model_md;
	struct iovec *iovs;
	int iovcnt, i;

	work->offset = below(NUM_BLOCKS);
	work->num_blocks = below(spdk_min(NUM_BLOCKS - work->offset, 64) + 1);
	model = work->model + work->offset * block_size;
	model_md = work->model_md + work->offset * md_len;
	fill_random(work->buf, 64 * 520);
	fill_random(work->md, 64 * 32);
	cut(work, work->num_blocks * block_size, 1 + below(MAX_IOVS));
	switch (below(6)) {
	case 0:
	case 1:
		ON(0,
			io.rc = spdk_bdev_writev_blocks_with_md(g_user.desc, g_user.ch[0], work->iovs, work->iovcnt,
				work->iovcnt > 0 ? md : NULL, work->offset, work->num_blocks, mem_io_done_cb, &io));
		expect(&io, true);
		memcpy(model, work->buf, work->num_blocks * block_size);
		if (md != NULL && work->iovcnt > 0) {
			memcpy(model_md, work->md, work->num_blocks * md_len);
		}
		break;
	case 2:
	case 3:
		ON(0,
			io.rc = spdk_bdev_readv_blocks_with_md(g_user.desc, g_user.ch[0], work->iovs, work->iovcnt,
				work->iovcnt > 0 ? md : NULL, work->offset, work->num_blocks, mem_io_done_cb, &io));
		expect(&io, true);
		assert_memory_equal(work->buf, model, work->num_blocks * block_size);
		if (md != NULL && work->iovcnt > 0) {
			assert_memory_equal(work->md, model_md, work->num_blocks * md_len);
		}
		break;
	case 4:
		/* A read without a buffer, of which the disk has to get one. */
		if (!g_disk.get_buf) {
			return;
		}
		ON(0,
			io.rc = spdk_bdev_read_blocks(
				g_user.desc, g_user.ch[0], NULL, work->offset, work->num_blocks, mem_io_done_cb, &io));
		expect(&io, true);
		spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_int_equal(iovs[0].iov_len, work->num_blocks * block_size);
		assert_memory_equal(iovs[0].iov_base, model, iovs[0].iov_len);
		break;
	default:
		if (below(2) == 0) {
			ON(0,
				io.rc = spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch[0], work->offset,
					work->num_blocks, mem_io_done_cb, &io));
		} else {
			ON(0,
				io.rc = spdk_bdev_unmap_blocks(g_user.desc, g_user.ch[0], work->offset,
					work->num_blocks, mem_io_done_cb, &io));
		}
		expect(&io, true);
		memset(model, 0, work->num_blocks * block_size);
		memset(model_md, 0, work->num_blocks * md_len);
		break;
	}
	/* The caller's buffers are in place. */
	for (i = 0; i < work->iovcnt; i++) {
		assert_true((uint8_t *)work->iovs[i].iov_base >= work->buf);
	}
	ON(0, spdk_bdev_free_io(io.bdev_io));
	bdk_sim_run_until_idle();
}

static void
test_random(void **state)
{
	struct work work = {};
	int geometry, i;

	work.model = malloc(NUM_BLOCKS * 520);
	work.model_md = malloc(NUM_BLOCKS * 32);
	work.buf = malloc(64 * 520);
	work.md = malloc(64 * 32);
	for (geometry = 0; geometry < GEOMETRIES; geometry++) {
		random_geometry();
		open_disk();
		memset(work.model, 0, NUM_BLOCKS * 520);
		memset(work.model_md, 0, NUM_BLOCKS * 32);
		for (i = 0; i < IOS; i++) {
			run_one(&work);
			assert_memory_equal(work.model, g_disk.data, NUM_BLOCKS * g_disk.bdev.blocklen);
			if (g_disk.md != NULL) {
				assert_memory_equal(work.model_md, g_disk.md, NUM_BLOCKS * g_disk.bdev.md_len);
			}
		}
		remove_disk();
	}
	free(work.model);
	free(work.model_md);
	free(work.buf);
	free(work.md);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_boundary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_boundary_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_unit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_unit_of_many_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segments_too_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_segment_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_zeroes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_emulated_write_zeroes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool_of_parents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
