/* SPDX-License-Identifier: BSD-3-Clause */

/* Data that are not as the module takes them: memory domains, accel sequences, metadata that the opener does not see. */

#include "convert_fixture.h"
#include "spdk/crc32.h"
#include "spdk/dif.h"

/* ---- memory domains ---- */

static void
domain_of_a_module_without_any_is_bounced(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iovs[2];
	int deferred;

	start();
	use_domain(&opts);
	for (deferred = 0; deferred < 2; deferred++) {
		g_guarded.deferred = deferred;
		iovs[0] = guarded_domain_iov(&g_guarded, 0, 3 * BLOCK + 100);
		iovs[1] = guarded_domain_iov(&g_guarded, 8192, 5 * BLOCK - 100);
		fill(g_guarded.window, 3 * BLOCK + 100, 1 + deferred);
		fill(g_guarded.window + 8192, 5 * BLOCK - 100, 2);
		memcpy(g_expected, g_guarded.window, 3 * BLOCK + 100);
		memcpy(g_expected + 3 * BLOCK + 100, g_guarded.window + 8192, 5 * BLOCK - 100);
		submit(true, iovs, 2, 16, 8, &opts);
		if (deferred) {
			bdk_sim_run_until_idle();
			assert_int_equal(g_disk.num_records, 2);
			ON(0, assert_true(guarded_domain_complete(&g_guarded)));
		}
		assert_true(run());
		assert_memory_equal(g_disk.data + 16 * BLOCK, g_expected, 8 * BLOCK);
		assert_null(g_disk.records[g_disk.num_records - 1].memory_domain);

		memset(g_guarded.window, 0, MAX_BYTES);
		submit(false, iovs, 2, 16, 8, &opts);
		if (deferred) {
			bdk_sim_run_until_idle();
			assert_int_equal(g_io.done, 0);
			ON(0, assert_true(guarded_domain_complete(&g_guarded)));
		}
		assert_true(run());
		assert_memory_equal(g_guarded.window, g_expected, 3 * BLOCK + 100);
		assert_memory_equal(g_guarded.window + 8192, g_expected + 3 * BLOCK + 100, 5 * BLOCK - 100);
	}
}

static void
domain_errors_fail_and_shortage_waits(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;

	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.refuse[GUARDED_PULL] = 1;
	g_guarded.refuse_rc = -EIO;
	submit(true, &iov, 1, 0, 8, &opts);
	assert_false(run());

	g_guarded.refuse[GUARDED_PULL] = 2;
	g_guarded.refuse_rc = -ENOMEM;
	fill(g_guarded.window, 8 * BLOCK, 3);
	submit(true, &iov, 1, 0, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_disk.data, g_guarded.window, 8 * BLOCK);

	g_guarded.refuse[GUARDED_PUSH] = 2;
	submit(false, &iov, 1, 0, 8, &opts);
	assert_true(run());

	g_guarded.fail[GUARDED_PUSH] = 1;
	g_guarded.fail_rc = -EIO;
	submit(false, &iov, 1, 0, 8, &opts);
	assert_false(run());
}

static void
whole_io_is_bounced_before_it_is_split(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;

	g_disk.bdev.max_rw_size = 3;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 32 * BLOCK);
	fill(g_guarded.window, 32 * BLOCK, 4);
	submit(true, &iov, 1, 5, 32, &opts);
	assert_true(run());
	assert_int_equal(g_guarded.calls[GUARDED_PULL], 1);
	assert_memory_equal(g_disk.data + 5 * BLOCK, g_guarded.window, 32 * BLOCK);
}

static void
what_moves_data_cannot_be_aborted(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct mem_io abort = {};
	struct iovec iov;

	g_disk.io_types |= 1ULL << SPDK_BDEV_IO_TYPE_ABORT;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	fill(g_guarded.window, 8 * BLOCK, 6);
	g_guarded.deferred = true;
	submit(true, &iov, 1, 0, 8, &opts);
	bdk_sim_run_until_idle();
	ON(0, assert_int_equal(spdk_bdev_abort(g_user.desc, g_user.ch[0], &g_io, mem_io_done_cb, &abort), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(abort.done, 1);
	assert_false(abort.success);
	/* The module has seen neither. */
	assert_int_equal(g_disk.num_records, 0);
	ON(0, assert_true(guarded_domain_complete(&g_guarded)));
	assert_true(run());
	assert_memory_equal(g_disk.data, g_guarded.window, 8 * BLOCK);
}

static void
reset_that_waits_for_moving_data_fails(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct mem_io reset = {};
	struct iovec iov;

	g_disk.bdev.reset_io_drain_timeout = 2;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.deferred = true;
	submit(true, &iov, 1, 0, 8, &opts);
	ON(0, assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &reset), 0));
	bdk_sim_run_for(10 * SPDK_SEC_TO_USEC);
	assert_int_equal(reset.done, 1);
	assert_false(reset.success);
	assert_int_equal(g_disk.resets, 0);
	assert_int_equal(g_io.done, 0);
	ON(0, assert_true(guarded_domain_complete(&g_guarded)));
	run();
}

/* ---- sequences ---- */

static void
check_sequence(uint32_t max_rw_size)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec data = {g_buf, 16 * BLOCK};
	uint32_t crc = 0;

	g_disk.bdev.max_rw_size = max_rw_size;
	start();
	accel_ch = get_accel_channel();
	/* The pattern is made by the sequence, then written. */
	ON(0,
		assert_int_equal(
			spdk_accel_append_fill(&seq, accel_ch, g_buf, 16 * BLOCK, NULL, NULL, 0x5a, step_cb, NULL), 0));
	memset(g_buf, 0, sizeof(g_buf));
	opts.accel_sequence = seq;
	submit(true, &data, 1, 8, 16, &opts);
	assert_true(run());
	assert_int_equal(g_steps, 1);
	memset(g_expected, 0x5a, 16 * BLOCK);
	assert_memory_equal(g_disk.data + 8 * BLOCK, g_expected, 16 * BLOCK);

	/* What was read is checked by it. */
	seq = NULL;
	ON(0,
		assert_int_equal(
			spdk_accel_append_crc32c(&seq, accel_ch, &crc, &data, 1, NULL, NULL, 0, step_cb, NULL), 0));
	memset(g_buf, 0, sizeof(g_buf));
	opts.accel_sequence = seq;
	submit(false, &data, 1, 8, 16, &opts);
	assert_true(run());
	assert_int_equal(crc, spdk_crc32c_update(g_expected, 16 * BLOCK, ~0U));
	assert_int_equal(g_steps, 2);
	put_channel(accel_ch);
}

static void
sequence_is_executed_by_the_layer(void **state)
{
	check_sequence(0);
}

static void
sequence_is_executed_around_a_split(void **state)
{
	check_sequence(3);
}

static void
sequence_that_ends_in_a_domain(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec iov, copy = {g_buf, 8 * BLOCK};

	start();
	accel_ch = get_accel_channel();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	ON(0,
		assert_int_equal(spdk_accel_append_fill(&seq, accel_ch, iov.iov_base, 8 * BLOCK, g_guarded.domain,
					 g_guarded.expected_ctx, 0x77, step_cb, NULL),
			0));
	opts.accel_sequence = seq;
	submit(true, &iov, 1, 0, 8, &opts);
	assert_true(run());
	memset(g_expected, 0x77, 8 * BLOCK);
	assert_memory_equal(g_disk.data, g_expected, 8 * BLOCK);

	fill(g_disk.data, 8 * BLOCK, 9);
	seq = NULL;
	ON(0,
		assert_int_equal(spdk_accel_append_copy(&seq, accel_ch, &copy, 1, NULL, NULL, &iov, 1, g_guarded.domain,
					 g_guarded.expected_ctx, step_cb, NULL),
			0));
	opts.accel_sequence = seq;
	submit(false, &iov, 1, 0, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_buf, g_disk.data, 8 * BLOCK);
	put_channel(accel_ch);
}

#define SEQUENCE_TYPES (1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE)

/* A module that executes sequences gets aligned data all the same: with one more step, to or from the bounce buffer. */
static void
sequence_ends_in_an_aligned_buffer(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec iov = {g_buf + 1, 8 * BLOCK}, other = {g_expected, 8 * BLOCK};
	uint32_t crc = 0;

	g_disk.sequence_types = SEQUENCE_TYPES;
	g_disk.bdev.required_alignment = 9;
	g_disk.bdev.max_segment_size = 1024;
	g_disk.get_buf = true;
	start();
	accel_ch = get_accel_channel();
	fill(g_expected, 8 * BLOCK, 31);
	ON(0,
		assert_int_equal(spdk_accel_append_copy(
					 &seq, accel_ch, &iov, 1, NULL, NULL, &other, 1, NULL, NULL, step_cb, NULL),
			0));
	opts.accel_sequence = seq;
	submit(true, &iov, 1, 3, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_disk.data + 3 * BLOCK, g_expected, 8 * BLOCK);

	seq = NULL;
	memset(g_expected, 0, 8 * BLOCK);
	ON(0, {
		assert_int_equal(
			spdk_accel_append_crc32c(&seq, accel_ch, &crc, &other, 1, NULL, NULL, 0, step_cb, NULL), 0);
		assert_int_equal(spdk_accel_append_copy(
					 &seq, accel_ch, &other, 1, NULL, NULL, &iov, 1, NULL, NULL, step_cb, NULL),
			0);
	});
	opts.accel_sequence = seq;
	submit(false, &iov, 1, 3, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_expected, g_disk.data + 3 * BLOCK, 8 * BLOCK);
	assert_int_equal(crc, spdk_crc32c_update(g_expected, 8 * BLOCK, ~0U));
	assert_int_equal(g_steps, 3);
	put_channel(accel_ch);
}

/* While there is no room for that step the I/O waits. */
static void
aligned_sequence_waits_for_accel(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL, *filler = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec iov = {g_buf + 1, 8 * BLOCK}, other = {g_expected, 8 * BLOCK};

	g_disk.sequence_types = SEQUENCE_TYPES;
	g_disk.bdev.required_alignment = 9;
	g_disk.get_buf = true;
	start();
	accel_ch = get_accel_channel();
	fill(g_expected, 8 * BLOCK, 32);
	ON(0, {
		assert_int_equal(spdk_accel_append_copy(
					 &seq, accel_ch, &iov, 1, NULL, NULL, &other, 1, NULL, NULL, step_cb, NULL),
			0);
		while (spdk_accel_append_copy(
			       &filler, accel_ch, &iov, 1, NULL, NULL, &other, 1, NULL, NULL, NULL, NULL) == 0) {
		}
	});
	opts.accel_sequence = seq;
	submit(true, &iov, 1, 3, 8, &opts);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	assert_int_equal(g_io.done, 0);
	ON(0, spdk_accel_sequence_abort(filler));
	assert_true(run());
	assert_memory_equal(g_disk.data + 3 * BLOCK, g_expected, 8 * BLOCK);
	assert_int_equal(g_steps, 1);
	put_channel(accel_ch);
}

/* An address in a domain says nothing of how the memory behind it lies. */
static void
buffers_in_a_domain_are_not_aligned(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov = guarded_domain_iov(&g_guarded, 1, 8 * BLOCK);

	g_disk.knows_domains = true;
	g_disk.bdev.required_alignment = 9;
	g_disk.get_buf = true;
	start();
	use_domain(&opts);
	fill(g_guarded.window, 8 * BLOCK + 1, 33);
	submit(true, &iov, 1, 3, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_disk.data + 3 * BLOCK, g_guarded.window + 1, 8 * BLOCK);
	memset(g_guarded.window, 0, 8 * BLOCK + 1);
	submit(false, &iov, 1, 3, 8, &opts);
	assert_true(run());
	assert_memory_equal(g_disk.data + 3 * BLOCK, g_guarded.window + 1, 8 * BLOCK);
}

static void
failed_sequence_fails_the_io(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec data = {g_buf, 8 * BLOCK}, damaged = {g_expected, 8 * BLOCK};
	uint32_t records;

	start();
	records = g_disk.num_records;
	accel_ch = get_accel_channel();
	memset(g_expected, 0xff, 8 * BLOCK);
	ON(0,
		assert_int_equal(spdk_accel_append_decompress(
					 &seq, accel_ch, &data, 1, NULL, NULL, &damaged, 1, NULL, NULL, step_cb, NULL),
			0));
	opts.accel_sequence = seq;
	submit(true, &data, 1, 0, 8, &opts);
	assert_false(run());
	assert_int_equal(g_disk.num_records, records);

	/* A read that fails drops it. */
	seq = NULL;
	ON(0,
		assert_int_equal(spdk_accel_append_copy(
					 &seq, accel_ch, &damaged, 1, NULL, NULL, &data, 1, NULL, NULL, step_cb, NULL),
			0));
	g_steps = 0;
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	opts.accel_sequence = seq;
	submit(false, &data, 1, 0, 8, &opts);
	assert_false(run());
	assert_int_equal(g_steps, 1);
	put_channel(accel_ch);
}

/* ---- hidden metadata ---- */

static void
check_hidden(enum spdk_dif_type type, enum spdk_dif_pi_format format, uint32_t data_size, uint32_t md_len,
	uint32_t max_rw_size)
{
	struct spdk_dif_ctx_init_ext_opts dif_opts = {
		.size = SPDK_SIZEOF(&dif_opts, dif_pi_format), .dif_pi_format = format};
	struct spdk_dif_ctx ctx;
	struct iovec iovs[2] = {{g_buf, 1000}, {g_buf + 1000, 16 * data_size - 1000}}, disk_iov;
	uint32_t flags =
		SPDK_DIF_FLAGS_GUARD_CHECK | (type == SPDK_DIF_TYPE3 ? 0 : (uint32_t)SPDK_DIF_FLAGS_REFTAG_CHECK);

	g_disk.bdev.md_len = md_len;
	g_disk.bdev.md_interleave = true;
	g_disk.bdev.dif_type = type;
	g_disk.bdev.dif_pi_format = format;
	g_disk.bdev.dif_check_flags = flags;
	g_disk.bdev.max_rw_size = max_rw_size;
	start();
	open_hiding();
	assert_int_equal(spdk_bdev_desc_get_block_size(g_user.desc), data_size);

	fill(g_expected, 16 * data_size, 21);
	memcpy(g_buf, g_expected, 16 * data_size);
	submit(true, iovs, 2, 7, 16, NULL);
	assert_true(run());
	assert_int_equal(
		spdk_dif_ctx_init(&ctx, data_size + md_len, md_len, true, false, type, flags, 7, 0, 0, 0, 0, &dif_opts),
		0);
	disk_iov.iov_base = g_disk.data + 7 * (data_size + md_len);
	disk_iov.iov_len = 16 * (data_size + md_len);
	assert_int_equal(spdk_dif_verify(&disk_iov, 1, 16, &ctx, NULL), 0);

	memset(g_buf, 0, sizeof(g_buf));
	submit(false, iovs, 2, 7, 16, NULL);
	assert_true(run());
	assert_memory_equal(g_buf, g_expected, 16 * data_size);

	/* One buffer will do as well. */
	memset(g_buf, 0, sizeof(g_buf));
	g_io = (struct mem_io){};
	ON(0,
		assert_int_equal(
			spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 7, 16, mem_io_done_cb, &g_io), 0));
	assert_true(run());
	assert_memory_equal(g_buf, g_expected, 16 * data_size);

	/* Damage is found. */
	((uint8_t *)disk_iov.iov_base)[5 * (data_size + md_len) + 11] ^= 4;
	submit(false, iovs, 2, 7, 16, NULL);
	assert_false(run());
}

static void
hidden_metadata_16(void **state)
{
	mem_disk_init(&g_disk, "disk", 512 + 8, NUM_BLOCKS);
	check_hidden(SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16, 512, 8, 0);
}

static void
hidden_metadata_16_type3_split(void **state)
{
	mem_disk_init(&g_disk, "disk", 512 + 16, NUM_BLOCKS);
	check_hidden(SPDK_DIF_TYPE3, SPDK_DIF_PI_FORMAT_16, 512, 16, 3);
}

static void
hidden_metadata_32(void **state)
{
	mem_disk_init(&g_disk, "disk", 4096 + 16, NUM_BLOCKS);
	check_hidden(SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_32, 4096, 16, 0);
}

static void
hidden_metadata_64(void **state)
{
	mem_disk_init(&g_disk, "disk", 4096 + 64, NUM_BLOCKS);
	check_hidden(SPDK_DIF_TYPE2, SPDK_DIF_PI_FORMAT_64, 4096, 64, 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(domain_of_a_module_without_any_is_bounced),
		TEST(domain_errors_fail_and_shortage_waits),
		TEST(whole_io_is_bounced_before_it_is_split),
		TEST(what_moves_data_cannot_be_aborted),
		TEST(reset_that_waits_for_moving_data_fails),
		TEST(sequence_is_executed_by_the_layer),
		TEST(sequence_is_executed_around_a_split),
		TEST(sequence_that_ends_in_a_domain),
		TEST(sequence_ends_in_an_aligned_buffer),
		TEST(aligned_sequence_waits_for_accel),
		TEST(buffers_in_a_domain_are_not_aligned),
		TEST(failed_sequence_fails_the_io),
		TEST(hidden_metadata_16),
		TEST(hidden_metadata_16_type3_split),
		TEST(hidden_metadata_32),
		TEST(hidden_metadata_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
