/* SPDX-License-Identifier: BSD-3-Clause */

/* The submission functions: what they refuse, in which order, and what the module sees of the rest. */

#include "mem_disk.h"
#include "test/unit/common/strict_tolerate.h"

#define NUM_BLOCKS 256

static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * 512] __attribute__((aligned(4096)));
static uint8_t g_md[64 * 16];

static int
setup(void **state)
{
	bdev_sim_start(3, 2);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
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
unexpected_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	fail_msg("the callback of a refused I/O was called");
}

/* Submits something that is refused. */
#define REFUSED(RC, FUNCTION, ...) \
	do { \
		int rc; \
		ON(0, rc = FUNCTION(__VA_ARGS__, unexpected_cb, NULL)); \
		assert_int_equal(rc, RC); \
	} while (0)

/* Submits something that succeeds. */
#define DONE(IO, FUNCTION, ...) \
	do { \
		memset(IO, 0, sizeof(*(IO))); \
		ON(0, (IO)->rc = FUNCTION(__VA_ARGS__, mem_io_done_cb, IO)); \
		assert_int_equal((IO)->rc, 0); \
		assert_int_equal((IO)->done, 0); \
		bdk_sim_run_until_idle(); \
		assert_int_equal((IO)->done, 1); \
		assert_true((IO)->success); \
	} while (0)

static void
test_bytes(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;
	struct iovec iov = {g_buf, 512};
	struct mem_io io;

	open_disk();
	desc = g_user.desc;
	ch = g_user.ch[0];
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, 1, 512);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, 512, 511);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, UINT64_MAX, 512);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, UINT64_MAX - 511, 512);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, 0, UINT64_MAX - 511);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, NUM_BLOCKS * 512, 512);
	REFUSED(-EINVAL, spdk_bdev_write, desc, ch, g_buf, 256, 512);
	REFUSED(-EINVAL, spdk_bdev_readv, desc, ch, &iov, 1, 256, 512);
	REFUSED(-EINVAL, spdk_bdev_writev, desc, ch, &iov, 1, 256, 512);
	REFUSED(-EINVAL, spdk_bdev_unmap, desc, ch, 256, 512);
	REFUSED(-EINVAL, spdk_bdev_write_zeroes, desc, ch, 256, 512);
	REFUSED(-EINVAL, spdk_bdev_flush, desc, ch, 256, 512);
	/* These would do as blocks. */
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, 1, 1);
	REFUSED(-EINVAL, spdk_bdev_write, desc, ch, g_buf, 1, 1);
	REFUSED(-EINVAL, spdk_bdev_unmap, desc, ch, 1, 1);
	REFUSED(-EINVAL, spdk_bdev_write_zeroes, desc, ch, 1, 1);
	REFUSED(-EINVAL, spdk_bdev_flush, desc, ch, 1, 1);

	DONE(&io, spdk_bdev_read, desc, ch, g_buf, (NUM_BLOCKS - 1) * 512, 512);
	DONE(&io, spdk_bdev_write, desc, ch, g_buf, 1024, 1024);
	assert_int_equal(g_disk.records[1].offset, 2);
	assert_int_equal(g_disk.records[1].num_blocks, 2);
	DONE(&io, spdk_bdev_readv, desc, ch, &iov, 1, 512, 512);
	DONE(&io, spdk_bdev_writev, desc, ch, &iov, 1, 512, 512);
	DONE(&io, spdk_bdev_unmap, desc, ch, 512, 512);
	DONE(&io, spdk_bdev_write_zeroes, desc, ch, 512, 512);
	DONE(&io, spdk_bdev_flush, desc, ch, 0, NUM_BLOCKS * 512);
	remove_disk();
}

static void
test_odd_block_size(void **state)
{
	struct mem_io io;

	mem_disk_init(&g_disk, "d", 520, NUM_BLOCKS);
	open_disk();
	REFUSED(-EINVAL, spdk_bdev_read, g_user.desc, g_user.ch[0], g_buf, 512, 512);
	REFUSED(-EINVAL, spdk_bdev_read, g_user.desc, g_user.ch[0], g_buf, 520, 512);
	DONE(&io, spdk_bdev_read, g_user.desc, g_user.ch[0], g_buf, 1040, 1560);
	assert_int_equal(g_disk.records[0].offset, 2);
	assert_int_equal(g_disk.records[0].num_blocks, 3);
	assert_int_equal(g_disk.records[0].len, 1560);
	remove_disk();
}

static void
test_range(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;
	struct mem_io io;

	open_disk();
	desc = g_user.desc;
	ch = g_user.ch[0];
	REFUSED(-EINVAL, spdk_bdev_read_blocks, desc, ch, g_buf, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, spdk_bdev_read_blocks, desc, ch, g_buf, NUM_BLOCKS - 1, 2);
	REFUSED(-EINVAL, spdk_bdev_read_blocks, desc, ch, g_buf, UINT64_MAX, 1);
	REFUSED(-EINVAL, spdk_bdev_read_blocks, desc, ch, g_buf, UINT64_MAX, 2);
	REFUSED(-EINVAL, spdk_bdev_read_blocks, desc, ch, g_buf, 1, UINT64_MAX);
	REFUSED(-EINVAL, spdk_bdev_write_blocks, desc, ch, g_buf, NUM_BLOCKS - 1, 2);
	REFUSED(-EINVAL, spdk_bdev_unmap_blocks, desc, ch, NUM_BLOCKS - 1, 2);
	REFUSED(-EINVAL, spdk_bdev_write_zeroes_blocks, desc, ch, NUM_BLOCKS - 1, 2);
	REFUSED(-EINVAL, spdk_bdev_flush_blocks, desc, ch, NUM_BLOCKS - 1, 2);
	/* No blocks, also at the very end, are in range. */
	DONE(&io, spdk_bdev_read_blocks, desc, ch, g_buf, NUM_BLOCKS, 0);
	DONE(&io, spdk_bdev_write_blocks, desc, ch, g_buf, 0, 0);
	assert_int_equal(g_disk.num_records, 2);
	DONE(&io, spdk_bdev_read_blocks, desc, ch, g_buf, NUM_BLOCKS - 64, 64);
	remove_disk();
}

static void
test_read_only(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;
	struct iovec iov = {g_buf, 512};
	struct mem_io io;

	mem_disk_add(&g_disk);
	mem_user_open_name(&g_user, "d", 1, false);
	desc = g_user.desc;
	ch = g_user.ch[0];
	/* Bytes that are not blocks come first, the range comes later. */
	REFUSED(-EINVAL, spdk_bdev_write, desc, ch, g_buf, 1, 512);
	REFUSED(-EBADF, spdk_bdev_write, desc, ch, g_buf, 0, 512);
	REFUSED(-EBADF, spdk_bdev_write_blocks, desc, ch, g_buf, NUM_BLOCKS, 1);
	REFUSED(-EBADF, spdk_bdev_writev_blocks, desc, ch, &iov, 1, NUM_BLOCKS, 1);
	REFUSED(-EBADF, spdk_bdev_unmap_blocks, desc, ch, NUM_BLOCKS, 1);
	REFUSED(-EBADF, spdk_bdev_write_zeroes_blocks, desc, ch, NUM_BLOCKS, 1);
	REFUSED(-EBADF, spdk_bdev_flush_blocks, desc, ch, NUM_BLOCKS, 1);
	/* Metadata that does not fit comes before that. */
	REFUSED(-EINVAL, spdk_bdev_write_blocks_with_md, desc, ch, g_buf, g_md, 0, 1);
	DONE(&io, spdk_bdev_read_blocks, desc, ch, g_buf, 0, 1);
	DONE(&io, spdk_bdev_reset, desc, ch);
	remove_disk();
}

static void
test_unsupported(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;

	g_disk.io_types = 1 << SPDK_BDEV_IO_TYPE_READ;
	open_disk();
	desc = g_user.desc;
	ch = g_user.ch[0];
	/* Before the range for a flush, after it for write zeroes. */
	REFUSED(-ENOTSUP, spdk_bdev_flush_blocks, desc, ch, NUM_BLOCKS, 1);
	REFUSED(-EINVAL, spdk_bdev_write_zeroes_blocks, desc, ch, NUM_BLOCKS, 1);
	REFUSED(-ENOTSUP, spdk_bdev_write_zeroes_blocks, desc, ch, 0, 1);
	remove_disk();
}

static void
test_metadata(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;
	struct iovec iov = {g_buf, 1024}, empty = {NULL, 1024};
	struct mem_io io;

	g_disk.bdev.md_len = 16;
	open_disk();
	desc = g_user.desc;
	ch = g_user.ch[0];
	REFUSED(-EINVAL, spdk_bdev_read_blocks_with_md, desc, ch, NULL, g_md, 0, 2);
	REFUSED(-EINVAL, spdk_bdev_write_blocks_with_md, desc, ch, NULL, g_md, 0, 2);
	REFUSED(-EINVAL, spdk_bdev_readv_blocks_with_md, desc, ch, &empty, 1, g_md, 0, 2);
	REFUSED(-EINVAL, spdk_bdev_readv_blocks_with_md, desc, ch, NULL, 0, g_md, 0, 2);
	REFUSED(-EINVAL, spdk_bdev_writev_blocks_with_md, desc, ch, &empty, 1, g_md, 0, 2);

	memset(g_buf, 0xaa, 1024);
	memset(g_md, 0xbb, 32);
	DONE(&io, spdk_bdev_write_blocks_with_md, desc, ch, g_buf, g_md, 4, 2);
	assert_int_equal(g_disk.md[4 * 16], 0xbb);
	memset(g_md, 0, 32);
	io.keep = true;
	DONE(&io, spdk_bdev_readv_blocks_with_md, desc, ch, &iov, 1, g_md, 4, 2);
	assert_int_equal(g_md[31], 0xbb);
	/* Without metadata none is transferred. */
	DONE(&io, spdk_bdev_write_blocks, desc, ch, g_buf, 6, 1);
	assert_null(g_disk.records[2].md_buf);
	assert_int_equal(g_disk.md[6 * 16], 0);
	DONE(&io, spdk_bdev_readv_blocks_with_md, desc, ch, &iov, 1, NULL, 4, 2);
	remove_disk();
}

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
test_metadata_hidden(void **state)
{
	struct spdk_bdev_open_opts opts;
	struct spdk_io_channel *ch;
	struct spdk_bdev_desc *desc;
	struct iovec iov = {g_buf, 512};

	mem_disk_init(&g_disk, "d", 528, NUM_BLOCKS);
	g_disk.bdev.md_len = 16;
	g_disk.bdev.md_interleave = true;
	open_disk();
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	ON(0, {
		assert_int_equal(spdk_bdev_open_ext_v2("d", true, ignore_event_cb, NULL, &opts, &desc), 0);
		ch = spdk_bdev_get_io_channel(desc);
	});
	/* Rather than data with metadata in between that nobody asked for. */
	REFUSED(-ENOTSUP, spdk_bdev_read_blocks, desc, ch, g_buf, 0, 1);
	REFUSED(-ENOTSUP, spdk_bdev_write, desc, ch, g_buf, 512, 512);
	REFUSED(-ENOTSUP, spdk_bdev_readv_blocks, desc, ch, &iov, 1, 0, 1);
	REFUSED(-EINVAL, spdk_bdev_read, desc, ch, g_buf, 528, 528);
	REFUSED(-EINVAL, spdk_bdev_read_blocks_with_md, desc, ch, NULL, NULL, 0, 1);
	ON(0, {
		spdk_put_io_channel(ch);
		spdk_bdev_close(desc);
	});
	remove_disk();
}

#define EXT(RC, TYPE, OPTS, IOV, IOVCNT) \
	do { \
		int rc; \
		ON(0, \
			rc = spdk_bdev_##TYPE##_blocks_ext( \
				g_user.desc, g_user.ch[0], IOV, IOVCNT, 0, 1, unexpected_cb, NULL, OPTS)); \
		assert_int_equal(rc, RC); \
	} while (0)

static void
test_ext(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct iovec iov = {g_buf, 512}, empty = {NULL, 512};
	struct mem_io io = {};

	g_disk.bdev.md_len = 16;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	open_disk();

	opts.size = offsetof(struct spdk_bdev_ext_io_opts, metadata);
	EXT(-EINVAL, readv, &opts, &iov, 1);
	opts.size = sizeof(opts) + 1;
	EXT(-EINVAL, writev, &opts, &iov, 1);
	opts.size = 0;
	EXT(-EINVAL, readv, &opts, &iov, 1);
	opts.size = sizeof(opts);

	/* What cannot be honoured is refused, not ignored. */
	opts.memory_domain = (void *)0x1000;
	EXT(-EINVAL, readv, &opts, &empty, 1);
	EXT(-EINVAL, readv, &opts, NULL, 0);
	EXT(-ENOTSUP, readv, &opts, &iov, 1);
	opts.memory_domain = NULL;
	opts.accel_sequence = (void *)0x1000;
	EXT(-ENOTSUP, writev, &opts, &iov, 1);
	opts.metadata = g_md;
	EXT(-EINVAL, writev, &opts, &iov, 1);
	opts.accel_sequence = NULL;
	opts.nvme_cdw12.raw = SPDK_DIF_FLAGS_NVME_PRACT;
	EXT(-ENOTSUP, writev, &opts, &iov, 1);
	opts.nvme_cdw12.raw = 0;
	EXT(-EINVAL, writev, &opts, &empty, 1);

	/* NULL is fine. */
	ON(0, io.rc = spdk_bdev_readv_blocks_ext(g_user.desc, g_user.ch[0], &iov, 1, 0, 1, mem_io_done_cb, &io, NULL));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.records[0].dif_check_flags, SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK);

	memset(&io, 0, sizeof(io));
	opts.dif_check_flags_exclude_mask = SPDK_DIF_FLAGS_GUARD_CHECK;
	opts.nvme_cdw12.write.dtype = 2;
	ON(0,
		io.rc = spdk_bdev_writev_blocks_ext(
			g_user.desc, g_user.ch[0], &iov, 1, 0, 1, mem_io_done_cb, &io, &opts));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.records[1].dif_check_flags, SPDK_DIF_FLAGS_REFTAG_CHECK);
	assert_int_equal(g_disk.records[1].cdw12, opts.nvme_cdw12.raw);
	assert_ptr_equal(g_disk.records[1].md_buf, g_md);

	/* What lies beyond size counts as 0; and what one I/O has set the next one does not see. */
	memset(&io, 0, sizeof(io));
	opts.size = offsetof(struct spdk_bdev_ext_io_opts, accel_sequence);
	ON(0,
		io.rc = spdk_bdev_writev_blocks_ext(
			g_user.desc, g_user.ch[0], &iov, 1, 0, 1, mem_io_done_cb, &io, &opts));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.records[2].cdw12, 0);
	assert_int_equal(g_disk.records[2].dif_check_flags, SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK);
	remove_disk();
}

static int
get_one_domain(void *ctx, struct spdk_memory_domain **domains, int size)
{
	return 1;
}

static void
test_memory_domain(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .memory_domain = (void *)0x1000};
	struct spdk_bdev_fn_table with_domains = *g_disk.bdev.fn_table;
	struct iovec iov = {g_buf, 2048};
	struct mem_io io = {};
	int i;

	/* A module that takes memory domains gets them, also in parts of an I/O. */
	with_domains.get_memory_domains = get_one_domain;
	g_disk.bdev.fn_table = &with_domains;
	g_disk.bdev.max_rw_size = 2;
	open_disk();
	ON(0,
		io.rc = spdk_bdev_writev_blocks_ext(
			g_user.desc, g_user.ch[0], &iov, 1, 0, 4, mem_io_done_cb, &io, &opts));
	bdk_sim_run_until_idle();
	assert_int_equal(io.rc, 0);
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.num_records, 2);
	for (i = 0; i < 2; i++) {
		assert_ptr_equal(g_disk.records[i].memory_domain, (void *)0x1000);
	}
	memset(&io, 0, sizeof(io));
	ON(0, io.rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 4, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	for (i = 2; i < 4; i++) {
		assert_null(g_disk.records[i].memory_domain);
	}
	remove_disk();
}

/* ---- what modules and owners may do wrong ---- */

static void
test_twice(void **state)
{
	struct mem_io io = {.keep = true};

	open_disk();
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &io));
	/* Freed while it is outstanding, completed after it has ended, freed twice: said, and without effect. */
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	ON(0, spdk_bdev_io_complete(io.bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS));
	ON(0, spdk_bdev_io_complete_nvme_status(io.bdev_io, 5, 1, 1));
	ON(0, {
		spdk_bdev_free_io(io.bdev_io);
		spdk_bdev_free_io(io.bdev_io);
		spdk_bdev_io_complete(io.bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	remove_disk();
}

static void
complete_cb(void *arg)
{
	spdk_bdev_io_complete(arg, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static struct spdk_bdev_io *g_submitted;

static void
submit_nowhere(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	g_submitted = bdev_io;
}

static void
test_other_thread(void **state)
{
	struct spdk_bdev_fn_table fn_table = *g_disk.bdev.fn_table;
	struct mem_io io = {.keep = true};

	fn_table.submit_request = submit_nowhere;
	g_disk.bdev.fn_table = &fn_table;
	open_disk();
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &io));
	/* Freed too early. */
	ON(0, spdk_bdev_free_io(g_submitted));
	/* Completed on another thread: the owner is called on its own all the same. */
	spdk_thread_send_msg(g_sim_threads[1], complete_cb, g_submitted);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	assert_true(io.success);
	ON(1, spdk_bdev_free_io(io.bdev_io));
	bdk_sim_run_until_idle();
	/* A status that there is not. */
	memset(&io, 0, sizeof(io));
	ON(0, {
		io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &io);
		spdk_bdev_io_complete(g_submitted, SPDK_BDEV_IO_STATUS_PENDING);
	});
	assert_int_equal(io.done, 1);
	assert_false(io.success);
	remove_disk();
}

/* ---- objects ---- */

struct waiter {
	struct spdk_bdev_io_wait_entry entry;
	struct mem_io io;
	uint64_t order;
};

static uint64_t g_wait_order;

static void
waited_cb(void *arg)
{
	struct waiter *waiter = arg;

	waiter->order = ++g_wait_order;
	waiter->io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 0, 1, mem_io_done_cb, &waiter->io);
	assert_int_equal(waiter->io.rc, 0);
}

static void
test_io_wait(void **state)
{
	struct spdk_bdev_io_wait_entry other = {};
	struct waiter waiters[3] = {};
	struct spdk_bdev_opts opts;
	struct mem_io ios[6] = {};
	uint32_t i;

	bdev_sim_layer_fini();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 6;
	opts.bdev_io_cache_size = 2;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
	g_wait_order = 0;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();

	/* There is nothing to wait for as long as there is one. */
	waiters[0].entry.bdev = &g_disk.bdev;
	ON(0, assert_int_equal(spdk_bdev_queue_io_wait(&g_disk.bdev, g_user.ch[0], &waiters[0].entry), -EINVAL));
	ON(
		0, for (i = 0; i < 6; i++) {
			ios[i].rc =
				spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, i, 1, mem_io_done_cb, &ios[i]);
			assert_int_equal(ios[i].rc, 0);
		});
	REFUSED(-ENOMEM, spdk_bdev_read_blocks, g_user.desc, g_user.ch[0], g_buf, 0, 1);
	REFUSED(-ENOMEM, spdk_bdev_reset, g_user.desc, g_user.ch[0]);
	ON(0, assert_int_equal(spdk_bdev_queue_io_wait(&g_disk.bdev, g_user.ch[0], &other), -EINVAL));
	for (i = 0; i < 3; i++) {
		waiters[i].entry.bdev = &g_disk.bdev;
		waiters[i].entry.cb_fn = waited_cb;
		waiters[i].entry.cb_arg = &waiters[i];
		ON(0, assert_int_equal(spdk_bdev_queue_io_wait(&g_disk.bdev, g_user.ch[0], &waiters[i].entry), 0));
	}
	/* In the order in which they came, each when an object is free. */
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(waiters[0].order, 1);
	assert_int_equal(waiters[1].order, 0);
	REFUSED(-ENOMEM, spdk_bdev_read_blocks, g_user.desc, g_user.ch[0], g_buf, 0, 1);
	mem_disk_release(&g_disk, 5);
	bdk_sim_run_until_idle();
	assert_int_equal(waiters[1].order, 2);
	assert_int_equal(waiters[2].order, 3);
	mem_disk_release(&g_disk, 3);
	bdk_sim_run_until_idle();
	for (i = 0; i < 3; i++) {
		assert_true(waiters[i].io.done && waiters[i].io.success);
	}
	remove_disk();

	bdev_sim_layer_fini();
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 16;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

static void
test_pool_shared(void **state)
{
	struct spdk_bdev_opts opts;
	struct mem_io ios[8] = {};
	struct mem_user user;
	uint32_t i;

	/* What a thread has borrowed beyond its cache comes back, so that another one gets a channel. */
	bdev_sim_layer_fini();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 6;
	opts.bdev_io_cache_size = 2;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	ON(
		0, for (i = 0; i < 6; i++) {
			ios[i].rc =
				spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, i, 1, mem_io_done_cb, &ios[i]);
			assert_int_equal(ios[i].rc, 0);
		});
	ON(1, assert_null(spdk_bdev_get_io_channel(g_user.desc)));
	mem_disk_release(&g_disk, 6);
	bdk_sim_run_until_idle();
	mem_user_open(&user, &g_disk, 2);
	memset(ios, 0, sizeof(ios));
	ON(
		1, for (i = 0; i < 4; i++) {
			ios[i].thread = 1;
			ios[i].rc = spdk_bdev_read_blocks(user.desc, user.ch[1], g_buf, i, 1, mem_io_done_cb, &ios[i]);
			assert_int_equal(ios[i].rc, 0);
		});
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, 4);
	mem_user_close(&user);
	remove_disk();

	bdev_sim_layer_fini();
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 16;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

static void
test_many(void **state)
{
	static struct mem_io ios[1024];
	uint32_t i;

	/* All objects of the pool on one thread, several times. */
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	for (int round = 0; round < 3; round++) {
		memset(ios, 0, sizeof(ios));
		ON(
			0, for (i = 0; i < 1024; i++) {
				ios[i].rc = spdk_bdev_read_blocks(
					g_user.desc, g_user.ch[0], g_buf, i % NUM_BLOCKS, 1, mem_io_done_cb, &ios[i]);
				assert_int_equal(ios[i].rc, 0);
			});
		REFUSED(-ENOMEM, spdk_bdev_read_blocks, g_user.desc, g_user.ch[0], g_buf, 0, 1);
		mem_disk_release(&g_disk, 1024);
		bdk_sim_run_until_idle();
		for (i = 0; i < 1024; i++) {
			assert_int_equal(ios[i].done, 1);
		}
	}
	remove_disk();
}

/* ---- channels ---- */

static uint32_t g_visits;

static void
visit_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch, void *ctx)
{
	assert_ptr_equal(bdev, &g_disk.bdev);
	assert_ptr_equal(spdk_io_channel_get_thread(ch), spdk_get_thread());
	g_visits++;
	spdk_bdev_for_each_channel_continue(i, *(int *)ctx);
}

static void
visited_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	assert_int_equal(status, *(int *)ctx);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[0]);
	g_visits += 100;
}

static void
test_for_each_channel(void **state)
{
	struct mem_user user;
	int status = 0;

	mem_disk_add(&g_disk);
	g_visits = 0;
	ON(0, spdk_bdev_for_each_channel(&g_disk.bdev, visit_cb, &status, visited_cb));
	assert_int_equal(g_visits, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_visits, 100);
	mem_user_open(&user, &g_disk, 2);
	g_visits = 0;
	ON(0, spdk_bdev_for_each_channel(&g_disk.bdev, visit_cb, &status, visited_cb));
	bdk_sim_run_until_idle();
	assert_int_equal(g_visits, 102);
	status = -EIO;
	g_visits = 0;
	ON(0, spdk_bdev_for_each_channel(&g_disk.bdev, visit_cb, &status, visited_cb));
	bdk_sim_run_until_idle();
	assert_int_equal(g_visits, 101);
	mem_user_close(&user);
	mem_disk_remove(&g_disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_block_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsupported, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metadata, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metadata_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ext, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_domain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_for_each_channel, setup, teardown),
	};

	/* Modules and callers that make mistakes. */
	strict_tolerate(STRICT_RULE(COMPLETED_TWICE) | STRICT_RULE(COMPLETED_ON_WRONG_THREAD) |
		STRICT_RULE(BAD_STATUS) | STRICT_RULE(BDEV_CHANGED));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
