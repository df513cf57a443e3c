/* SPDX-License-Identifier: BSD-3-Clause */

/* I/O that waits: for a module that is short of memory, and for data buffers; and buffers that need another place. */

#include "mem_disk.h"
#include "test/unit/common/strict_tolerate.h"

#define NUM_BLOCKS 256
#define MAX_IOS 64

static struct mem_disk g_disk, g_other;
static struct mem_user g_user;
static uint8_t g_raw[300 * 1024] __attribute__((aligned(4096)));
static struct mem_io g_ios[MAX_IOS];

static int
setup(void **state)
{
	bdev_sim_start(5, 2);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	memset(g_ios, 0, sizeof(g_ios));
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
submit(struct mem_user *user, uint32_t first, uint32_t count)
{
	uint32_t i;

	ON(
		0, for (i = first; i < first + count; i++) {
			g_ios[i].rc =
				spdk_bdev_write_blocks(user->desc, user->ch[0], g_raw, i, 1, mem_io_done_cb, &g_ios[i]);
			assert_int_equal(g_ios[i].rc, 0);
		});
}

static void
expect(uint32_t first, uint32_t count, bool success)
{
	uint32_t i;

	for (i = first; i < first + count; i++) {
		assert_int_equal(g_ios[i].done, 1);
		assert_int_equal(g_ios[i].success, success);
	}
}

static uint32_t
count_done(void)
{
	uint32_t count = 0, i;

	for (i = 0; i < MAX_IOS; i++) {
		count += g_ios[i].done;
	}
	return count;
}

/* ---- NOMEM ---- */

static void
test_nomem_idle(void **state)
{
	/* Nothing outstanding: tried again after 10 ms, in order, and the owner does not notice. */
	g_disk.refuse = 1;
	g_disk.mode = MEM_DISK_MESSAGE;
	open_disk();
	submit(&g_user, 0, 3);
	bdk_sim_run_until_idle();
	/* The second one tried again, as nothing was outstanding. */
	expect(0, 3, true);
	assert_true(g_ios[0].order < g_ios[1].order && g_ios[1].order < g_ios[2].order);

	g_disk.num_records = 0;
	g_disk.refuse = 3;
	submit(&g_user, 3, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_ios[3].done, 0);
	bdk_sim_run_for(9 * 1000);
	assert_int_equal(g_disk.num_records, 1);
	bdk_sim_run_for(2 * 1000);
	assert_int_equal(g_disk.num_records, 2);
	bdk_sim_run_for(20 * 1000);
	expect(3, 1, true);
	assert_int_equal(g_disk.num_records, 4);
	assert_int_equal(g_disk.records[0].num_retries, 0);
	assert_int_equal(g_disk.records[3].num_retries, 3);
	remove_disk();
}

static void
test_nomem_threshold(void **state)
{
	/* 20 outstanding: tried again when no more than 12 are left. */
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit(&g_user, 0, 20);
	g_disk.refuse = 1;
	submit(&g_user, 20, 3);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 21);
	mem_disk_release(&g_disk, 7);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 21);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 24);
	assert_int_equal(g_disk.records[21].offset, 20);
	assert_int_equal(g_disk.records[22].offset, 21);
	assert_int_equal(g_disk.records[23].offset, 22);

	/* New ones go straight again. */
	submit(&g_user, 23, 1);
	assert_int_equal(g_disk.num_records, 25);
	mem_disk_release(&g_disk, MAX_IOS);
	bdk_sim_run_until_idle();
	expect(0, 24, true);
	remove_disk();
}

static void
test_nomem_later(void **state)
{
	/* Refused after submit_request has returned; those that were refused last come first. */
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit(&g_user, 0, 4);
	mem_disk_release_status(&g_disk, 2, SPDK_BDEV_IO_STATUS_NOMEM);
	bdk_sim_run_until_idle();
	submit(&g_user, 4, 1);
	assert_int_equal(g_disk.num_records, 4);
	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 7);
	assert_int_equal(g_disk.records[4].offset, 1);
	assert_int_equal(g_disk.records[5].offset, 0);
	assert_int_equal(g_disk.records[6].offset, 4);
	mem_disk_release(&g_disk, 3);
	bdk_sim_run_until_idle();
	expect(0, 5, true);
	remove_disk();
}

static int g_shared_device;

static int
create_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_cb(void *io_device, void *ctx)
{
}

static void
test_nomem_shared(void **state)
{
	struct mem_user other;

	/* Two bdevs with one module channel wait in one queue, and help each other out of it. */
	ON(0, spdk_io_device_register(&g_shared_device, create_cb, destroy_cb, 8, "shared"));
	mem_disk_init(&g_other, "e", 512, NUM_BLOCKS);
	g_disk.channel_key = &g_shared_device;
	g_other.channel_key = &g_shared_device;
	g_disk.mode = MEM_DISK_HOLD;
	g_other.mode = MEM_DISK_HOLD;
	open_disk();
	mem_disk_add(&g_other);
	mem_user_open(&other, &g_other, 1);

	submit(&other, 0, 4);
	g_disk.refuse = 1;
	submit(&g_user, 4, 1);
	submit(&other, 5, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_other.num_records, 4);
	mem_disk_release(&g_other, 2);
	bdk_sim_run_until_idle();
	/* Both went: the one of the other bdev in its turn. */
	assert_int_equal(g_disk.num_records, 2);
	assert_int_equal(g_other.num_records, 5);

	/* A bdev that goes takes only its own along. */
	g_disk.refuse = 1;
	submit(&g_user, 6, 1);
	submit(&other, 7, 1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	ON(0, spdk_put_io_channel(g_user.ch[0]));
	g_user.ch[0] = NULL;
	bdk_sim_run_until_idle();
	expect(6, 1, false);
	mem_disk_release(&g_other, 5);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_other, 5);
	bdk_sim_run_until_idle();
	expect(7, 1, true);
	mem_user_close(&other);
	remove_disk();
	mem_disk_remove(&g_other);
	ON(0, spdk_io_device_unregister(&g_shared_device, NULL));
	bdk_sim_run_until_idle();
}

static void
test_nomem_unregister(void **state)
{
	bool gone = false;

	/* What waits is aborted when the bdev is unregistered; what is inside is not. */
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit(&g_user, 0, 4);
	g_disk.refuse = 1;
	submit(&g_user, 4, 3);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	expect(4, 3, false);
	assert_int_equal(count_done(), 3);
	assert_int_equal(g_ios[4].nvme_sc, SPDK_NVME_SC_ABORTED_BY_REQUEST);
	assert_int_equal(g_user.removes, 1);
	mem_disk_release(&g_disk, 4);
	bdk_sim_run_until_idle();
	expect(0, 4, true);
	mem_user_close(&g_user);
	gone = g_disk.destructed;
	assert_true(gone);
}

/* ---- buffers ---- */

static struct iovec g_iovs[3];

static void
test_bounce(void **state)
{
	uint8_t *odd = g_raw + 1;
	struct mem_io io = {};
	int i;

	/* Unaligned buffers are replaced while the module has the I/O. */
	g_disk.get_buf = true;
	g_disk.bdev.required_alignment = 12;
	open_disk();
	for (i = 0; i < 1536; i++) {
		odd[i] = i * 7;
	}
	g_iovs[0] = (struct iovec){odd, 512};
	g_iovs[1] = (struct iovec){odd + 512, 100};
	g_iovs[2] = (struct iovec){odd + 612, 924};
	ON(0, io.rc = spdk_bdev_writev_blocks(g_user.desc, g_user.ch[0], g_iovs, 3, 5, 3, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_memory_equal(g_disk.data + 5 * 512, odd, 1536);
	assert_ptr_equal(g_iovs[0].iov_base, odd);
	memset(odd, 0, 1536);
	memset(&io, 0, sizeof(io));
	io.keep = true;
	ON(0, io.rc = spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], g_iovs, 3, 5, 3, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_memory_equal(g_disk.data + 5 * 512, odd, 1536);
	/* The user's are back in the I/O too. */
	assert_ptr_equal(io.bdev_io->u.bdev.iovs, g_iovs);
	assert_int_equal(io.bdev_io->u.bdev.iovcnt, 3);
	ON(0, spdk_bdev_free_io(io.bdev_io));
	remove_disk();
}

static void
test_bounce_failed(void **state)
{
	struct mem_io io = {};

	/* What could not be read leaves the user's buffer alone. */
	g_disk.get_buf = true;
	g_disk.bdev.required_alignment = 12;
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	open_disk();
	memset(g_raw, 0x55, 1024);
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_raw + 4, 0, 1, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && !io.success);
	assert_int_equal(g_raw[4], 0x55);
	remove_disk();
}

static void
test_bounce_metadata(void **state)
{
	static uint8_t md[4 * 8];
	struct mem_io io = {};

	g_disk.get_buf = true;
	g_disk.bdev.required_alignment = 9;
	g_disk.bdev.md_len = 8;
	open_disk();
	memset(md, 0x66, sizeof(md));
	memset(g_raw, 0x77, 2049);
	ON(0,
		io.rc = spdk_bdev_write_blocks_with_md(
			g_user.desc, g_user.ch[0], g_raw + 1, md, 0, 4, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_memory_equal(g_disk.md, md, sizeof(md));
	assert_true(g_disk.records[0].md_buf == md);
	memset(md, 0, sizeof(md));
	memset(&io, 0, sizeof(io));
	ON(0,
		io.rc = spdk_bdev_read_blocks_with_md(
			g_user.desc, g_user.ch[0], g_raw + 1, md, 0, 4, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_memory_equal(g_disk.md, md, sizeof(md));

	/* Without metadata none is written, whatever the bounce buffer held before. */
	memset(&io, 0, sizeof(io));
	ON(0, io.rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_raw + 1, 8, 4, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.md[8 * 8], 0);
	remove_disk();
}

static void
test_no_buffer_given(void **state)
{
	struct mem_io io = {.keep = true};
	struct iovec *iovs;
	void *md;
	int iovcnt;

	/* The layer's buffer stays until the I/O is freed, with metadata behind the data. */
	g_disk.get_buf = true;
	g_disk.bdev.required_alignment = 12;
	g_disk.bdev.md_len = 8;
	open_disk();
	memset(g_disk.data + 512, 0x12, 1024);
	memset(g_disk.md + 8, 0x34, 16);
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 1, 2, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	md = spdk_bdev_io_get_md_buf(io.bdev_io);
	assert_int_equal(iovcnt, 1);
	assert_memory_equal(iovs[0].iov_base, g_disk.data + 512, 1024);
	assert_ptr_equal(md, (uint8_t *)iovs[0].iov_base + 1024);
	assert_memory_equal(md, g_disk.md + 8, 16);
	ON(0, spdk_bdev_free_io(io.bdev_io));
	remove_disk();
}

static void
test_buffer_too_large(void **state)
{
	struct mem_io io = {};

	/* More than the largest buffer, and no limit that would have it split. */
	mem_disk_init(&g_disk, "d", 4096, 64);
	g_disk.get_buf = true;
	open_disk();
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 0, 64, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && !io.success);
	assert_int_equal(g_disk.buf_failures, 1);
	/* The same when it has to be split, where children share the buffer. */
	memset(&io, 0, sizeof(io));
	g_disk.bdev.max_rw_size = 8;
	ON(0, io.rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 0, 64, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && !io.success);
	remove_disk();

	/* 128 KiB and one block, with an alignment of 4 KiB: split so that each part fits. */
	mem_disk_init(&g_disk, "d", 4096, 64);
	g_disk.get_buf = true;
	g_disk.bdev.required_alignment = 12;
	open_disk();
	memset(&io, 0, sizeof(io));
	memset(g_raw, 0x3c, 33 * 4096 + 1);
	ON(0, io.rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_raw + 1, 3, 33, mem_io_done_cb, &io));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	assert_int_equal(g_disk.num_records, 2);
	assert_memory_equal(g_disk.data + 3 * 4096, g_raw, 33 * 4096);
	remove_disk();
}

static void
submit_reads(uint32_t first, uint32_t count)
{
	uint32_t i;

	ON(
		0, for (i = first; i < first + count; i++) {
			g_ios[i].rc = spdk_bdev_read_blocks(
				g_user.desc, g_user.ch[0], NULL, 0, 128, mem_io_done_cb, &g_ios[i]);
			assert_int_equal(g_ios[i].rc, 0);
		});
}

static void
test_buffers_used_up(void **state)
{
	bool done = false;

	/* 32 large buffers in all. */
	g_disk.get_buf = true;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_reads(0, 40);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release(&g_disk, 3);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	assert_int_equal(count_done(), 3);

	/* Those that wait are aborted by an unregistration, and leave nothing behind. */
	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(count_done(), 3 + 5);
	expect(35, 5, false);
	mem_disk_release(&g_disk, 32);
	bdk_sim_run_until_idle();
	expect(0, 35, true);
	mem_user_close(&g_user);
	done = g_disk.destructed;
	assert_true(done);
}

static void
test_split_waits_for_buffer(void **state)
{
	/* A parent that waits for its buffer is aborted too. */
	g_disk.get_buf = true;
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	submit_reads(0, 32);
	g_disk.bdev.max_rw_size = 64;
	submit_reads(32, 2);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 33);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	expect(33, 1, false);
	mem_disk_release(&g_disk, 33);
	bdk_sim_run_until_idle();
	expect(0, 33, true);
	mem_user_close(&g_user);
}

/* ---- a second buffer ---- */

static struct spdk_io_channel *g_aux_ch;
static void *g_aux_buf;
static uint32_t g_aux_called;

static void
aux_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, void *aux_buf)
{
	g_aux_called++;
	g_aux_ch = ch;
	g_aux_buf = aux_buf;
}

static void
test_aux_buf(void **state)
{
	struct spdk_bdev_io *first, *second;

	g_disk.mode = MEM_DISK_HOLD;
	g_aux_called = 0;
	open_disk();
	submit(&g_user, 0, 2);
	first = mem_disk_get_oldest(&g_disk);
	ON(0, spdk_bdev_io_get_aux_buf(first, aux_buf_cb));
	assert_int_equal(g_aux_called, 1);
	assert_ptr_equal(g_aux_ch, spdk_bdev_io_get_io_channel(first));
	assert_non_null(g_aux_buf);
	memset(g_aux_buf, 0xaa, 512);
	ON(0, spdk_bdev_io_put_aux_buf(first, g_aux_buf));

	mem_disk_release(&g_disk, 2);
	bdk_sim_run_until_idle();

	/* More than a buffer holds. */
	submit(&g_user, 2, 1);
	second = mem_disk_get_oldest(&g_disk);
	second->u.bdev.num_blocks = 10000;
	ON(0, spdk_bdev_io_get_aux_buf(second, aux_buf_cb));
	assert_int_equal(g_aux_called, 2);
	assert_null(g_aux_buf);
	second->u.bdev.num_blocks = 1;
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	remove_disk();
}

static void
test_aux_buf_waits(void **state)
{
	struct spdk_bdev_io *bdev_io;

	/* All large buffers are in use. */
	g_disk.get_buf = true;
	g_disk.mode = MEM_DISK_HOLD;
	g_aux_called = 0;
	open_disk();
	submit_reads(0, 33);
	assert_int_equal(g_disk.num_held, 32);
	bdev_io = mem_disk_get_oldest(&g_disk);
	ON(0, spdk_bdev_io_get_aux_buf(bdev_io, aux_buf_cb));
	assert_int_equal(g_aux_called, 0);
	/* The first that comes back is for the read that came before. */
	mem_disk_release_newest(&g_disk);
	bdk_sim_run_until_idle();
	assert_int_equal(g_aux_called, 0);
	assert_int_equal(g_disk.num_held, 32);
	mem_disk_release_newest(&g_disk);
	bdk_sim_run_until_idle();
	assert_int_equal(g_aux_called, 1);
	assert_non_null(g_aux_buf);
	ON(0, spdk_bdev_io_put_aux_buf(bdev_io, g_aux_buf));
	mem_disk_release(&g_disk, 40);
	bdk_sim_run_until_idle();
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nomem_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem_threshold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nomem_unregister, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounce_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounce_metadata, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_buffer_given, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffer_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffers_used_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_waits_for_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aux_buf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aux_buf_waits, setup, teardown),
	};

	/* Tests choose the limits of a registered disk. */
	strict_tolerate(STRICT_RULE(BDEV_CHANGED));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
