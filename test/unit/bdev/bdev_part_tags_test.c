/* SPDX-License-Identifier: BSD-3-Clause */

/* Parts of a bdev that checks reference tags: what lies on the base has its numbers, what users see has the part's. */

#include "part_module.h"

#include "spdk/dif.h"
#include "test/unit/dma/guarded_domain.h"

#define NUM_BLOCKS 64
#define PART_OFFSET 24
#define PART_BLOCKS 32
#define FLAGS (SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK)

static struct mem_disk g_disk;
static struct slice_base g_base;
static struct spdk_bdev_part *g_part;
static struct mem_user g_user;

#define MAX_IOS 100000

/* Where reads of no interest go. */
static uint8_t g_large[8192];

/* Blocks of a user. */
static uint8_t *g_data, *g_md;

static void
start(bool interleaved, enum spdk_dif_pi_format format, enum spdk_dif_type type, uint64_t part_offset)
{
	uint32_t data_size = format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096;
	uint32_t block_size = data_size + (interleaved ? 32 : 0);
	int rc;

	bdev_sim_start(3, 2);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	mem_disk_init(&g_disk, "disk", block_size, NUM_BLOCKS);
	g_disk.bdev.md_len = 32;
	g_disk.bdev.md_interleave = interleaved;
	g_disk.bdev.dif_type = type;
	g_disk.bdev.dif_pi_format = format;
	g_disk.bdev.dif_is_head_of_md = interleaved;
	g_disk.bdev.dif_check_flags = FLAGS;
	mem_disk_add(&g_disk);
	assert_int_equal(slice_base_open(&g_base, "disk"), 0);
	g_part = slice_create(&g_base, "part", part_offset, PART_BLOCKS, &rc);
	assert_non_null(g_part);
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, "part", 1, true);
	g_data = calloc(PART_BLOCKS, block_size);
	g_md = calloc(PART_BLOCKS, 32);
}

static void
stop(void)
{
	mem_user_close(&g_user);
	slice_delete(g_part, 0);
	mem_disk_remove(&g_disk);
	bdev_sim_stop();
	slice_module_reset();
	free(g_data);
	free(g_md);
}

static struct spdk_dif_ctx
context(uint64_t first_tag, uint32_t flags)
{
	const struct spdk_bdev *bdev = &g_disk.bdev;
	struct spdk_dif_ctx_init_ext_opts opts = {.size = sizeof(opts), .dif_pi_format = bdev->dif_pi_format};
	struct spdk_dif_ctx ctx;

	assert_int_equal(
		spdk_dif_ctx_init(&ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
			bdev->dif_type, flags, (uint32_t)first_tag, 0, 0, 0, 0, &opts),
		0);
	return ctx;
}

/* Makes or checks PI of blocks in memory, the first of which has that tag. */
static int
pi(bool make, uint8_t *data, uint8_t *md, uint64_t count, uint64_t first_tag)
{
	struct spdk_dif_ctx ctx = context(first_tag, FLAGS);
	struct iovec iov = {data, count * g_disk.bdev.blocklen}, md_iov = {md, count * 32};

	if (g_disk.bdev.md_interleave) {
		return make ? spdk_dif_generate(&iov, 1, count, &ctx) : spdk_dif_verify(&iov, 1, count, &ctx, NULL);
	}
	return make ? spdk_dix_generate(&iov, 1, &md_iov, count, &ctx)
		    : spdk_dix_verify(&iov, 1, &md_iov, count, &ctx, NULL);
}

static int
check_user(uint64_t count, uint64_t first_tag)
{
	return pi(false, g_data, g_md, count, first_tag);
}

static int
check_disk(uint64_t block, uint64_t count, uint64_t first_tag)
{
	return pi(false, g_disk.data + block * g_disk.bdev.blocklen, g_disk.md + block * 32, count, first_tag);
}

static void
submit(struct mem_io *io, bool write, uint64_t offset, uint64_t count, uint32_t exclude)
{
	/* It stays as long as the I/O, of which there is one at a time. */
	static struct iovec iovs[2];
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.metadata = g_disk.bdev.md_interleave ? NULL : g_md,
		.dif_check_flags_exclude_mask = exclude,
	};

	/* Cut inside the first block. */
	iovs[0] = (struct iovec){g_data, 100};
	iovs[1] = (struct iovec){g_data + 100, count * g_disk.bdev.blocklen - 100};
	memset(io, 0, sizeof(*io));
	if (write) {
		ON(0,
			io->rc = spdk_bdev_writev_blocks_ext(
				g_user.desc, g_user.ch[0], iovs, 2, offset, count, mem_io_done_cb, io, &opts));
	} else {
		ON(0,
			io->rc = spdk_bdev_readv_blocks_ext(
				g_user.desc, g_user.ch[0], iovs, 2, offset, count, mem_io_done_cb, io, &opts));
	}
	assert_int_equal(io->rc, 0);
}

static bool
transfer(bool write, uint64_t offset, uint64_t count, uint32_t exclude)
{
	struct mem_io io;

	submit(&io, write, offset, count, exclude);
	/* Refused I/O is tried again after some time. */
	bdk_sim_run_for(100 * 1000);
	assert_int_equal(io.done, 1);
	return io.success;
}

static void
fill(uint64_t count, uint64_t first_tag)
{
	for (size_t i = 0; i < count * g_disk.bdev.blocklen; i++) {
		g_data[i] = (uint8_t)bdk_sim_random(256);
	}
	assert_int_equal(pi(true, g_data, g_md, count, first_tag), 0);
}

static void
for_each_layout(void (*check)(void))
{
	for (int i = 0; i < 2 * 3 * 2; i++) {
		start(i & 1, (enum spdk_dif_pi_format)(i / 4), i & 2 ? SPDK_DIF_TYPE1 : SPDK_DIF_TYPE2, PART_OFFSET);
		check();
		stop();
	}
}

static void
check_translation(void)
{
	fill(6, 3);
	assert_true(transfer(true, 3, 6, 0));
	assert_int_equal(check_disk(PART_OFFSET + 3, 6, PART_OFFSET + 3), 0);
	/* The writer's buffer is as it was. */
	assert_int_equal(check_user(6, 3), 0);

	memset(g_data, 0, 6 * g_disk.bdev.blocklen);
	memset(g_md, 0, 6 * 32);
	assert_true(transfer(false, 3, 6, 0));
	assert_int_equal(check_user(6, 3), 0);
	assert_int_equal(check_disk(PART_OFFSET + 3, 6, PART_OFFSET + 3), 0);
}

static void
tags_are_translated(void **state)
{
	for_each_layout(check_translation);
}

static void
check_wrong_tags(void)
{
	uint8_t *pi_of_last;

	fill(4, 3);
	assert_true(transfer(true, 3, 4, 0));
	/* The last block has the tag of another one. */
	fill(3, 3);
	assert_int_equal(pi(true, g_data + 3 * g_disk.bdev.blocklen, g_md + 3 * 32, 1, 77), 0);
	assert_false(transfer(true, 3, 4, 0));
	/* Nothing was written, and those before it have got their tags back. */
	assert_int_equal(check_user(3, 3), 0);
	assert_int_equal(pi(false, g_data + 3 * g_disk.bdev.blocklen, g_md + 3 * 32, 1, 77), 0);
	assert_true(transfer(false, 3, 4, 0));
	assert_int_equal(check_user(4, 3), 0);

	/* On the base. */
	pi_of_last = g_disk.bdev.md_interleave
		? g_disk.data + (PART_OFFSET + 6) * g_disk.bdev.blocklen + g_disk.bdev.blocklen - 32
		: g_disk.md + (PART_OFFSET + 7) * 32 - spdk_dif_pi_format_get_size(g_disk.bdev.dif_pi_format);
	pi_of_last[spdk_dif_pi_format_get_size(g_disk.bdev.dif_pi_format) - 1] ^= 1;
	assert_false(transfer(false, 3, 4, 0));
	assert_true(transfer(false, 3, 3, 0));
	/* Not looked at, not touched. */
	assert_true(transfer(false, 3, 3, SPDK_DIF_FLAGS_REFTAG_CHECK));
	assert_int_equal(check_user(3, PART_OFFSET + 3), 0);
}

static void
wrong_tags_fail(void **state)
{
	for_each_layout(check_wrong_tags);
}

static void
check_failed_write(void)
{
	fill(4, 0);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	assert_false(transfer(true, 0, 4, 0));
	assert_int_equal(check_user(4, 0), 0);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	/* The base has it again and again, as it was the first time. */
	g_disk.refuse = 3;
	assert_true(transfer(true, 0, 4, 0));
	assert_int_equal(check_disk(PART_OFFSET, 4, PART_OFFSET), 0);
	assert_int_equal(check_user(4, 0), 0);
	/* The module completes it. */
	g_slice.custom_cb = true;
	assert_true(transfer(true, 1, 3, SPDK_DIF_FLAGS_REFTAG_CHECK));
	fill(4, 0);
	assert_true(transfer(true, 0, 4, 0));
	assert_int_equal(check_user(4, 0), 0);
	assert_true(transfer(false, 0, 4, 0));
	assert_int_equal(check_user(4, 0), 0);
	g_slice.custom_cb = false;
}

static void
buffers_of_writes_are_given_back_as_they_were(void **state)
{
	for_each_layout(check_failed_write);
}

/* When there is no I/O for the base, the part waits, and has its own tags meanwhile. */
static void
waiting_writes_are_translated_once(void **state)
{
	struct mem_user other;
	struct mem_io *ios = calloc(MAX_IOS, sizeof(*ios)), io;
	uint32_t taken = 0;
	int rc = 0;

	start(true, SPDK_DIF_PI_FORMAT_16, SPDK_DIF_TYPE1, PART_OFFSET);
	fill(4, 5);
	mem_user_open_name(&other, "disk", 1, false);
	g_disk.mode = MEM_DISK_HOLD;
	while (rc == 0) {
		assert_true(taken < MAX_IOS);
		ON(0, rc = spdk_bdev_read_blocks(other.desc, other.ch[0], g_large, 0, 1, mem_io_done_cb, &ios[taken]));
		taken += rc == 0;
	}
	assert_int_equal(rc, -ENOMEM);
	/* Room for the part's I/O, and not for the base's. */
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	submit(&io, true, 5, 4, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_slice.waits, 1);
	assert_int_equal(io.done, 0);
	assert_int_equal(check_user(4, 5), 0);

	/* On its way. */
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_slice.waits, 1);
	assert_int_equal(check_user(4, PART_OFFSET + 5), 0);
	mem_disk_release(&g_disk, taken);
	bdk_sim_run_until_idle();
	assert_int_equal(io.done, 1);
	assert_true(io.success);
	assert_int_equal(check_user(4, 5), 0);
	assert_int_equal(check_disk(PART_OFFSET + 5, 4, PART_OFFSET + 5), 0);
	g_disk.mode = MEM_DISK_INLINE;
	mem_user_close(&other);
	stop();
	free(ios);
}

/* A part that begins where its base does has the same numbers; and tags of type 3 are not numbers. */
static void
same_tags_are_left_alone(void **state)
{
	for (int i = 0; i < 2; i++) {
		start(true, SPDK_DIF_PI_FORMAT_16, i ? SPDK_DIF_TYPE3 : SPDK_DIF_TYPE1, i ? PART_OFFSET : 0);
		fill(4, 0);
		assert_true(transfer(true, 0, 4, 0));
		assert_int_equal(check_disk(i ? PART_OFFSET : 0, 4, 0), 0);
		assert_memory_equal(
			g_disk.data + (i ? PART_OFFSET : 0) * g_disk.bdev.blocklen, g_data, 4 * g_disk.bdev.blocklen);
		stop();
	}
}

/* Nobody reaches into memory that is none of the process. */
static void
tags_in_memory_domains_are_refused(void **state)
{
	struct guarded_domain guarded;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct mem_io io;
	struct iovec iov;

	guarded_domain_create(&guarded, 4096, "guarded");
	g_slice.domain = guarded.domain;
	start(true, SPDK_DIF_PI_FORMAT_16, SPDK_DIF_TYPE1, PART_OFFSET);
	opts.memory_domain = guarded.domain;
	iov = guarded_domain_iov(&guarded, 0, 2 * g_disk.bdev.blocklen);
	for (int write = 0; write < 2; write++) {
		memset(&io, 0, sizeof(io));
		ON(0,
			io.rc = write ? spdk_bdev_writev_blocks_ext(
						g_user.desc, g_user.ch[0], &iov, 1, 0, 2, mem_io_done_cb, &io, &opts)
				      : spdk_bdev_readv_blocks_ext(
						g_user.desc, g_user.ch[0], &iov, 1, 0, 2, mem_io_done_cb, &io, &opts));
		assert_int_equal(io.rc, 0);
		bdk_sim_run_until_idle();
		assert_int_equal(io.done, 1);
		assert_false(io.success);
	}
	stop();
	guarded_domain_destroy(&guarded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_translated),
		cmocka_unit_test(wrong_tags_fail),
		cmocka_unit_test(buffers_of_writes_are_given_back_as_they_were),
		cmocka_unit_test(waiting_writes_are_translated_once),
		cmocka_unit_test(same_tags_are_left_alone),
		cmocka_unit_test(tags_in_memory_domains_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
