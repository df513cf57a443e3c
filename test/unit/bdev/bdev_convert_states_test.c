/* SPDX-License-Identifier: BSD-3-Clause */

/* I/O whose data are converted, and what may happen to it meanwhile: locks, aborts, resets, limits, shortages. */

#include "convert_fixture.h"
#include "spdk/env.h"
#include "spdk/string.h"

#define NUM_IOS 96

static struct mem_io g_ios[NUM_IOS], g_other, g_abort, g_reset;
static uint8_t g_plain[BLOCK];

static int
states_setup(void **state)
{
	memset(g_ios, 0, sizeof(g_ios));
	g_other = (struct mem_io){};
	g_abort = (struct mem_io){};
	g_reset = (struct mem_io){};
	return setup(state);
}

static void
submit_plain_write(struct mem_io *io, uint64_t offset)
{
	*io = (struct mem_io){};
	ON(0,
		assert_int_equal(
			spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_plain, offset, 1, mem_io_done_cb, io), 0));
}

static void
submit_abort(struct mem_io *io, void *target)
{
	*io = (struct mem_io){};
	ON(0, assert_int_equal(spdk_bdev_abort(g_user.desc, g_user.ch[0], target, mem_io_done_cb, io), 0));
}

static void
submit_reset(void)
{
	g_reset = (struct mem_io){};
	ON(0, assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &g_reset), 0));
}

static void
expect_end(const struct mem_io *io, bool success)
{
	bdk_sim_run_until_idle();
	assert_int_equal(io->done, 1);
	assert_int_equal(io->success, success);
}

static void
set_done_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
	*(bool *)ctx = true;
}

static void
quiesce(bool *done)
{
	ON(0, assert_int_equal(spdk_bdev_quiesce(&g_disk.bdev, g_disk.bdev.module, set_done_cb, done), 0));
}

static void
unquiesce(void)
{
	bool done = false;

	ON(0, assert_int_equal(spdk_bdev_unquiesce(&g_disk.bdev, g_disk.bdev.module, set_done_cb, &done), 0));
	bdk_sim_run_until_idle();
	assert_true(done);
}

/* A sequence that fills g_buf with 0x5a. */
static struct spdk_accel_sequence *
make_fill(struct spdk_io_channel *accel_ch, uint64_t len)
{
	struct spdk_accel_sequence *seq = NULL;

	ON(0, assert_int_equal(spdk_accel_append_fill(&seq, accel_ch, g_buf, len, NULL, NULL, 0x5a, step_cb, NULL), 0));
	return seq;
}

static void
submit_sequence(bool write, struct spdk_io_channel *accel_ch, struct iovec *iov, uint64_t offset)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};

	iov->iov_base = g_buf;
	iov->iov_len = 8 * BLOCK;
	opts.accel_sequence = make_fill(accel_ch, 8 * BLOCK);
	submit(write, iov, 1, offset, 8, &opts);
}

/* ---- locks ---- */

static void
lock_does_not_wait_for_data_that_has_yet_to_come(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	bool done = false;

	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.deferred = true;
	submit(true, &iov, 1, 0, 8, &opts);
	bdk_sim_run_until_idle();
	quiesce(&done);
	bdk_sim_run_until_idle();
	assert_true(done);
	ON(0, assert_true(guarded_domain_complete(&g_guarded)));
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_records, 0);
	assert_int_equal(g_io.done, 0);
	unquiesce();
	expect_end(&g_io, true);
	assert_int_equal(g_disk.num_records, 1);
}

/* Whatever the queue for want of memory does when the module has ended it. */
static void
lock_waits_for_data_that_are_on_their_way_back(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	bool done = false;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_HOLD;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.deferred = true;
	submit(false, &iov, 1, 0, 8, &opts);
	g_disk.refuse = 1;
	submit_plain_write(&g_other, 100);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, 1);
	expect_end(&g_other, true);
	assert_int_equal(g_io.done, 0);
	quiesce(&done);
	bdk_sim_run_until_idle();
	assert_false(done);
	/* It is in the submitted set, and cannot be aborted. */
	submit_abort(&g_abort, &g_io);
	expect_end(&g_abort, false);
	ON(0, assert_true(guarded_domain_complete(&g_guarded)));
	expect_end(&g_io, true);
	assert_true(done);
	unquiesce();
}

/* ---- abort ---- */

static void
parts_have_ended_but_the_data_are_on_their_way_back(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.bdev.max_rw_size = 3;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.deferred = true;
	submit(false, &iov, 1, 0, 8, &opts);
	bdk_sim_run_until_idle();
	submit_abort(&g_abort, &g_io);
	expect_end(&g_abort, false);
	assert_int_equal(g_io.done, 0);
	ON(0, assert_true(guarded_domain_complete(&g_guarded)));
	expect_end(&g_io, true);
}

/* The disk holds I/Os until there are no more buffers for those that come. Returns how many it holds. */
static uint32_t
use_up_buffers(struct iovec *iov, struct spdk_bdev_ext_io_opts *opts)
{
	uint32_t i;
	int rc;

	for (i = 0; i < NUM_IOS; i++) {
		ON(0,
			rc = spdk_bdev_readv_blocks_ext(
				g_user.desc, g_user.ch[0], iov, 1, 0, 32, mem_io_done_cb, &g_ios[i], opts));
		assert_int_equal(rc, 0);
		bdk_sim_run_until_idle();
		if (g_disk.num_held == i) {
			return i;
		}
	}
	fail();
	return 0;
}

static void
who_waits_for_a_buffer_can_be_aborted(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	uint32_t held, i;

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_HOLD;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 32 * BLOCK);
	held = use_up_buffers(&iov, &opts);
	submit_abort(&g_abort, &g_ios[held]);
	expect_end(&g_abort, true);
	expect_end(&g_ios[held], false);

	/* A reset does it, too. */
	g_ios[held] = (struct mem_io){};
	submit(false, &iov, 1, 0, 32, &opts);
	bdk_sim_run_until_idle();
	assert_int_equal(g_io.done, 0);
	g_disk.reset_keeps = true;
	submit_reset();
	expect_end(&g_reset, true);
	expect_end(&g_io, false);

	/* Those behind come in turn. */
	submit(false, &iov, 1, 0, 32, &opts);
	bdk_sim_run_until_idle();
	for (i = 0; i <= held; i++) {
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
	}
	for (i = 0; i < held; i++) {
		expect_end(&g_ios[i], true);
	}
	expect_end(&g_io, true);
}

static void
channel_goes_while_its_io_waits_for_a_buffer(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	uint32_t held, i;

	g_disk.mode = MEM_DISK_HOLD;
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 32 * BLOCK);
	held = use_up_buffers(&iov, &opts);
	mem_user_close(&g_user);
	expect_end(&g_ios[held], false);
	mem_disk_release(&g_disk, held);
	for (i = 0; i < held; i++) {
		expect_end(&g_ios[i], true);
	}
}

/* ---- owners are called when nobody is in the middle of a call ---- */

static void
owner_is_not_called_inside_the_submission_of_another(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	int rc;

	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	g_guarded.refuse[GUARDED_PULL] = 1;
	g_guarded.refuse_rc = -ENOMEM;
	submit(true, &iov, 1, 0, 8, &opts);
	assert_int_equal(g_io.done, 0);
	g_guarded.refuse[GUARDED_PULL] = 1;
	g_guarded.refuse_rc = -EIO;
	ON(0, {
		rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_plain, 100, 1, mem_io_done_cb, &g_other);
		assert_int_equal(g_guarded.refuse[GUARDED_PULL], 0);
		assert_int_equal(g_io.done, 0);
		assert_int_equal(g_other.done, 0);
	});
	assert_int_equal(rc, 0);
	expect_end(&g_io, false);
	expect_end(&g_other, true);

	/* Nor if it ends well: what waits is the way back. */
	g_guarded.refuse[GUARDED_PUSH] = 1;
	g_guarded.refuse_rc = -ENOMEM;
	submit(false, &iov, 1, 0, 8, &opts);
	assert_int_equal(g_io.done, 0);
	g_other = (struct mem_io){};
	ON(0, {
		rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_plain, 100, 1, mem_io_done_cb, &g_other);
		assert_int_equal(g_io.done, 0);
	});
	assert_int_equal(rc, 0);
	expect_end(&g_io, true);
	expect_end(&g_other, true);
}

/* ---- limits ---- */

static uint64_t
time_of_writes(uint32_t count)
{
	struct iovec iov = {g_buf, 64 * BLOCK};
	uint64_t start_ticks;
	uint32_t i;

	start_ticks = spdk_get_ticks();
	for (i = 0; i < count; i++) {
		submit(true, &iov, 1, 0, 64, NULL);
		assert_true(run());
	}
	return (spdk_get_ticks() - start_ticks) * 1000 / spdk_get_ticks_hz();
}

static void
limits_count_the_blocks_of_who_does_not_see_metadata(void **state)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {UINT64_MAX, 1, UINT64_MAX, UINT64_MAX};
	uint64_t time;
	bool done = false;

	mem_disk_init(&g_disk, "disk", BLOCK + 512, NUM_BLOCKS);
	g_disk.bdev.md_len = 512;
	g_disk.bdev.md_interleave = true;
	start();
	open_hiding();
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, set_done_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
	/* 1 MiB of data. */
	time = time_of_writes(32);
	assert_in_range(time, 900, 1100);
}

/* ---- sequences that the module executes ---- */

static void
use_sequences(void)
{
	g_disk.sequence_types = 1ull << SPDK_BDEV_IO_TYPE_READ | 1ull << SPDK_BDEV_IO_TYPE_WRITE;
}

static void
module_executes_it_when_it_has_memory(void **state)
{
	struct spdk_io_channel *accel_ch;
	struct iovec iov;
	uint32_t i;

	use_sequences();
	start();
	accel_ch = get_accel_channel();
	g_disk.refuse = 2;
	submit_sequence(true, accel_ch, &iov, 3);
	assert_true(run());
	assert_int_equal(g_steps, 1);
	memset(g_expected, 0x5a, 8 * BLOCK);
	assert_memory_equal(g_disk.data + 3 * BLOCK, g_expected, 8 * BLOCK);
	assert_int_equal(g_disk.num_records, 3);
	for (i = 0; i < 3; i++) {
		assert_true(g_disk.records[i].has_sequence);
	}
	put_channel(accel_ch);
}

static void
sequence_and_domain_meet_in_the_module_or_before_it(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *accel_ch;
	struct iovec iov, copy = {g_buf, 8 * BLOCK};
	int knows;

	for (knows = 0; knows < 2; knows++) {
		mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
		use_sequences();
		g_disk.knows_domains = knows;
		start();
		accel_ch = get_accel_channel();
		use_domain(&opts);
		iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
		seq = NULL;
		fill(g_buf, 8 * BLOCK, 8 + knows);
		memcpy(g_expected, g_buf, 8 * BLOCK);
		ON(0,
			assert_int_equal(spdk_accel_append_copy(&seq, accel_ch, &iov, 1, g_guarded.domain,
						 g_guarded.expected_ctx, &copy, 1, NULL, NULL, step_cb, NULL),
				0));
		opts.accel_sequence = seq;
		submit(true, &iov, 1, 0, 8, &opts);
		assert_true(run());
		assert_true(g_disk.records[0].has_sequence);
		assert_int_equal(g_disk.records[0].memory_domain != NULL, knows);
		assert_memory_equal(g_disk.data, g_expected, 8 * BLOCK);

		seq = NULL;
		memset(g_buf, 0, 8 * BLOCK);
		ON(0,
			assert_int_equal(spdk_accel_append_copy(&seq, accel_ch, &copy, 1, NULL, NULL, &iov, 1,
						 g_guarded.domain, g_guarded.expected_ctx, step_cb, NULL),
				0));
		opts.accel_sequence = seq;
		submit(false, &iov, 1, 0, 8, &opts);
		assert_true(run());
		assert_memory_equal(g_buf, g_expected, 8 * BLOCK);
		put_channel(accel_ch);
		if (knows == 0) {
			mem_user_close(&g_user);
			mem_disk_remove(&g_disk);
		}
	}
	assert_int_equal(g_steps, 4);
}

/* Nobody has executed it, so the data are not what they should be. */
static void
module_that_leaves_it_has_not_written(void **state)
{
	struct spdk_io_channel *accel_ch;
	struct iovec iov;

	use_sequences();
	g_disk.leaves_sequence = true;
	start();
	accel_ch = get_accel_channel();
	submit_sequence(true, accel_ch, &iov, 0);
	assert_false(run());
	assert_int_equal(g_steps, 1);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	submit_sequence(false, accel_ch, &iov, 0);
	assert_false(run());
	assert_int_equal(g_steps, 2);
	put_channel(accel_ch);
}

static void
set_limit(uint64_t iops)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {iops, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	bool done = false;

	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, set_done_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
}

enum before_module {
	BEHIND_LOCK,
	BEHIND_RATE,
	BEHIND_NOMEM,
	BEHIND_RESET,
	NUM_BEFORE_MODULE,
};

/* It was given to the module, which has not come to it: each step is called once, and nothing happens to the data. */
static void
check_never_submitted(enum before_module where, bool by_reset)
{
	struct spdk_io_channel *accel_ch;
	struct iovec iov;
	bool done = false;
	int i;

	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	use_sequences();
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_HOLD;
	start();
	accel_ch = get_accel_channel();
	g_steps = 0;
	memset(g_buf, 0, 8 * BLOCK);
	if (where == BEHIND_LOCK) {
		quiesce(&done);
		bdk_sim_run_until_idle();
	} else if (where == BEHIND_RATE) {
		set_limit(1000);
		for (i = 0; i < 8; i++) {
			submit_plain_write(&g_ios[i], 100);
		}
	} else if (where == BEHIND_NOMEM) {
		g_disk.refuse = 1;
		submit_plain_write(&g_ios[0], 100);
		submit_plain_write(&g_ios[1], 101);
		submit_plain_write(&g_ios[2], 102);
	} else {
		submit_reset();
		/* Not idle: it has just begun. */
		ON(0, );
	}
	if (where == BEHIND_NOMEM) {
		g_disk.refuse = 100;
	}
	submit_sequence(true, accel_ch, &iov, 0);
	if (where == BEHIND_RATE) {
		assert_int_equal(g_io.done, 0);
	}
	if (where == BEHIND_LOCK) {
		bdk_sim_run_until_idle();
		mem_user_close(&g_user);
		expect_end(&g_io, false);
		unquiesce();
	} else if (where != BEHIND_RESET) {
		g_disk.refuse = 0;
		if (by_reset) {
			submit_reset();
		} else {
			submit_abort(&g_abort, &g_io);
		}
		bdk_sim_run_until_idle();
		mem_disk_release(&g_disk, g_disk.num_held);
		expect_end(&g_io, false);
	} else {
		expect_end(&g_io, false);
	}
	mem_disk_release(&g_disk, g_disk.num_held);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, g_disk.num_held);
	bdk_sim_run_until_idle();
	assert_int_equal(g_steps, 1);
	assert_int_equal(g_buf[0], 0);
	put_channel(accel_ch);
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

static void
sequence_of_io_that_never_reached_the_module(void **state)
{
	int where;

	for (where = 0; where < NUM_BEFORE_MODULE; where++) {
		check_never_submitted(where, false);
		check_never_submitted(where, true);
	}
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	start();
}

/* ---- what ends together ---- */

static int
create_nothing_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_nothing_cb(void *io_device, void *ctx)
{
}

static void
abort_in_callback_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	mem_io_done_cb(bdev_io, success, cb_arg);
	assert_int_equal(spdk_bdev_abort(g_user.desc, g_user.ch[0], &g_other, mem_io_done_cb, &g_abort), 0);
}

/* An owner who is told of the end of one aborts the other, which has been taken out of the queue, too. */
static void
aborted_inside_a_sweep(void **state)
{
	struct mem_disk other_disk;
	struct mem_user other_user;
	int rc;

	ON(0, spdk_io_device_register(&g_other, create_nothing_cb, destroy_nothing_cb, 8, "both"));
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.channel_key = &g_other;
	start();
	mem_disk_init(&other_disk, "other", BLOCK, NUM_BLOCKS);
	other_disk.channel_key = &g_other;
	mem_disk_add(&other_disk);
	mem_user_open(&other_user, &other_disk, 1);
	/* Both bdevs have one module channel, and so one queue: what is left of it is the other's. */
	other_disk.refuse = 1000;
	g_disk.refuse = 1000;
	ON(0, rc = spdk_bdev_write_blocks(other_user.desc, other_user.ch[0], g_plain, 0, 1, mem_io_done_cb, &g_ios[2]));
	assert_int_equal(rc, 0);
	ON(0, rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch[0], g_plain, 0, 1, abort_in_callback_cb, &g_ios[0]));
	assert_int_equal(rc, 0);
	submit_plain_write(&g_other, 1);
	submit_reset();
	expect_end(&g_reset, true);
	expect_end(&g_ios[0], false);
	expect_end(&g_other, false);
	assert_int_equal(g_abort.done, 1);
	/* The queue still works. */
	submit_plain_write(&g_ios[1], 2);
	other_disk.refuse = 0;
	g_disk.refuse = 0;
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_end(&g_ios[1], true);
	expect_end(&g_ios[2], true);
	mem_user_close(&other_user);
	mem_disk_remove(&other_disk);
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	ON(0, spdk_io_device_unregister(&g_other, NULL));
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	start();
}

static void
no_blocks_at_all(void **state)
{
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov = {g_buf, 0};

	mem_disk_init(&g_disk, "disk", BLOCK + 8, NUM_BLOCKS);
	g_disk.bdev.md_len = 8;
	g_disk.bdev.md_interleave = true;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	start();
	open_hiding();
	submit(true, &iov, 1, 0, 0, NULL);
	assert_true(run());
	submit(false, &iov, 1, 0, 0, NULL);
	assert_true(run());
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 0);
	submit(true, &iov, 1, 0, 0, &opts);
	assert_true(run());
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, states_setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(lock_does_not_wait_for_data_that_has_yet_to_come),
		TEST(lock_waits_for_data_that_are_on_their_way_back),
		TEST(parts_have_ended_but_the_data_are_on_their_way_back),
		TEST(who_waits_for_a_buffer_can_be_aborted),
		TEST(channel_goes_while_its_io_waits_for_a_buffer),
		TEST(owner_is_not_called_inside_the_submission_of_another),
		TEST(limits_count_the_blocks_of_who_does_not_see_metadata),
		TEST(module_executes_it_when_it_has_memory),
		TEST(sequence_and_domain_meet_in_the_module_or_before_it),
		TEST(module_that_leaves_it_has_not_written),
		TEST(sequence_of_io_that_never_reached_the_module),
		TEST(aborted_inside_a_sweep),
		TEST(no_blocks_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
