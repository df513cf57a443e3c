/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A module that breaks one rule of I/O after the other, and what strict mode says of it: the rule, the module, the bdev,
 * the I/O, its age, and the function.
 */

#include "bdev_sim.h"
#include "test/unit/common/strict_reports.h"
#include "lib/env/env_internal.h"
#include "lib/strict/strict_internal.h"
#include "bdevkit/bdev_module.h"
#include "spdk/log.h"

#define BLOCK 512
#define CTX_SIZE 24

enum mistake {
	MISTAKE_NONE,
	MISTAKE_TWICE,
	MISTAKE_WRONG_STATUS,
	MISTAKE_OVERRUN,
	MISTAKE_FIELD,
	MISTAKE_IOV,
	MISTAKE_IOV_POINTER,
	MISTAKE_DATA,
	MISTAKE_ALLOCATES,
	MISTAKE_ALLOCATES_DMA,
	MISTAKE_ALLOCATES_SELDOM,
	MISTAKE_HOLDS,
};

static enum mistake g_mistake;
static struct spdk_bdev g_bdev;
static char g_name[] = "disk";
static struct spdk_bdev_desc *g_desc;
static struct spdk_io_channel *g_ch[2];
static bool g_hold, g_owner_holds;
static struct spdk_bdev_io *g_held;
static uint32_t g_done, g_succeeded, g_submitted;
static uint8_t g_buf[16 * BLOCK];
static void *g_allocated;

/* ---- the module ---- */

static int
sloppy_init(void)
{
	return 0;
}

static int
sloppy_get_ctx_size(void)
{
	return CTX_SIZE;
}

static struct spdk_bdev_module g_sloppy = {
	.name = "sloppy",
	.module_init = sloppy_init,
	.get_ctx_size = sloppy_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(sloppy, &g_sloppy)

static __attribute__((noinline)) void
sloppy_complete(struct spdk_bdev_io *bdev_io)
{
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	__asm__ volatile("");
}

static __attribute__((noinline)) void
sloppy_allocate(void)
{
	free(g_allocated);
	g_allocated = malloc(24);
	assert_non_null(g_allocated);
}

static __attribute__((noinline)) void
sloppy_allocate_dma(void)
{
	spdk_free(spdk_zmalloc(64, 64, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA));
}

static void
sloppy_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	g_submitted++;
	switch (g_mistake) {
	case MISTAKE_OVERRUN:
		memset(bdev_io->driver_ctx, 1, CTX_SIZE + 3);
		break;
	case MISTAKE_FIELD:
		bdev_io->u.bdev.offset_blocks += 8;
		break;
	case MISTAKE_IOV:
		bdev_io->u.bdev.iovs[0].iov_len -= BLOCK;
		break;
	case MISTAKE_IOV_POINTER:
		bdev_io->u.bdev.iovs = NULL;
		break;
	case MISTAKE_DATA:
		((uint8_t *)bdev_io->u.bdev.iovs[0].iov_base)[100] ^= 1;
		break;
	case MISTAKE_ALLOCATES:
		sloppy_allocate();
		break;
	case MISTAKE_ALLOCATES_DMA:
		sloppy_allocate_dma();
		break;
	case MISTAKE_ALLOCATES_SELDOM:
		if (g_submitted % 20 == 0) {
			sloppy_allocate();
		}
		break;
	case MISTAKE_HOLDS:
		strict_hold_pass_time(350);
		break;
	default:
		break;
	}
	if (g_hold) {
		g_held = bdev_io;
		return;
	}
	if (g_mistake == MISTAKE_WRONG_STATUS) {
		spdk_bdev_io_complete(bdev_io, (enum spdk_bdev_io_status)42);
		return;
	}
	sloppy_complete(bdev_io);
	if (g_mistake == MISTAKE_TWICE) {
		sloppy_complete(bdev_io);
	}
}

/* The io_device is that of another bdev, too, which stays. */
static bool g_gone_alone;

static int
sloppy_destruct(void *ctx)
{
	if (g_gone_alone) {
		return 0;
	}
	spdk_io_device_unregister(&g_bdev, NULL);
	return 0;
}

static bool
sloppy_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_RESET;
}

static struct spdk_io_channel *
sloppy_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_bdev);
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = sloppy_destruct,
	.submit_request = sloppy_submit,
	.io_type_supported = sloppy_io_type_supported,
	.get_io_channel = sloppy_get_io_channel,
};

/* ---- its user ---- */

static int
create_channel(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx)
{
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	g_done++;
	g_succeeded += success;
	if (g_owner_holds) {
		strict_hold_pass_time(350);
	}
	spdk_bdev_free_io(bdev_io);
}

static int
setup_with(const struct bdk_strict_opts *opts)
{
	strict_reports_begin(opts);
	bdev_sim_start(1, 2);
	memset(&g_bdev, 0, sizeof(g_bdev));
	g_bdev.name = g_name;
	g_bdev.product_name = g_name;
	g_bdev.blocklen = BLOCK;
	g_bdev.blockcnt = 1024;
	g_bdev.ctxt = &g_bdev;
	g_bdev.module = &g_sloppy;
	g_bdev.fn_table = &g_fn_table;
	g_mistake = MISTAKE_NONE;
	g_hold = g_owner_holds = false;
	g_held = NULL;
	g_done = g_succeeded = g_submitted = 0;
	ON(0, {
		spdk_io_device_register(&g_bdev, create_channel, destroy_channel, 0, "sloppy");
		assert_int_equal(spdk_bdev_register(&g_bdev), 0);
	});
	bdk_sim_run_until_idle();
	ON(0, assert_int_equal(spdk_bdev_open_ext("disk", true, event_cb, NULL, &g_desc), 0));
	for (uint32_t i = 0; i < 2; i++) {
		ON(i, g_ch[i] = spdk_bdev_get_io_channel(g_desc));
		assert_non_null(g_ch[i]);
	}
	return 0;
}

static int
setup(void **state)
{
	return setup_with(NULL);
}

static int
setup_data(void **state)
{
	struct bdk_strict_opts opts;

	bdk_strict_opts_init(&opts, sizeof(opts));
	opts.check_data = true;
	return setup_with(&opts);
}

static int
setup_fast(void **state)
{
	struct bdk_strict_opts opts;

	bdk_strict_opts_init(&opts, sizeof(opts));
	opts.never_completed_ms = 2000;
	return setup_with(&opts);
}

static void
put_channels(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (g_ch[i] != NULL) {
			ON(i, spdk_put_io_channel(g_ch[i]));
			g_ch[i] = NULL;
		}
	}
	bdk_sim_run_until_idle();
}

static void
remove_disk(void)
{
	if (g_desc == NULL) {
		return;
	}
	put_channels();
	ON(0, {
		spdk_bdev_close(g_desc);
		spdk_bdev_unregister(&g_bdev, NULL, NULL);
	});
	g_desc = NULL;
	bdk_sim_run_until_idle();
}

static int
teardown(void **state)
{
	remove_disk();
	free(g_allocated);
	g_allocated = NULL;
	bdev_sim_stop();
	return 0;
}

static void
submit_read(uint64_t offset)
{
	ON(0, assert_int_equal(spdk_bdev_read_blocks(g_desc, g_ch[0], g_buf, offset, 2, done_cb, NULL), 0));
}

static void
run_read(uint64_t offset)
{
	submit_read(offset);
	bdk_sim_run_until_idle();
}

static void
run_write(uint64_t offset)
{
	ON(0, assert_int_equal(spdk_bdev_write_blocks(g_desc, g_ch[0], g_buf, offset, 2, done_cb, NULL), 0));
	bdk_sim_run_until_idle();
}

/* Of the module and bdev of these tests, and of that I/O. */
static void
expect_io(enum bdk_strict_rule rule, const char *type, uint64_t number, uint64_t offset, const char *function)
{
	expect_one_report(rule);
	assert_string_equal(g_reports.items[0].module, "sloppy");
	assert_string_equal(g_reports.items[0].bdev, "disk");
	assert_string_equal(g_reports.items[0].io_type, type);
	assert_int_equal(g_reports.items[0].io_number, number);
	assert_int_equal(g_reports.items[0].offset_blocks, offset);
	assert_int_equal(g_reports.items[0].num_blocks, 2);
	if (strstr(g_reports.items[0].place, function) == NULL) {
		fail_msg("%s: no %s", g_reports.items[0].text, function);
	}
	assert_non_null(strstr(g_reports.items[0].text, "module sloppy, bdev disk, "));
}

/* ---- tests ---- */

static void
test_nothing_wrong(void **state)
{
	for (uint64_t i = 0; i < 2000; i++) {
		run_read(i % 1000);
		run_write(i % 1000);
	}
	assert_int_equal(g_succeeded, 4000);
	assert_int_equal(g_reports.count, 0);
}

static void
test_completed_twice(void **state)
{
	run_read(8);
	g_mistake = MISTAKE_TWICE;
	run_read(16);
	expect_io(BDK_STRICT_COMPLETED_TWICE, "read", 2, 16, "sloppy_complete+");
	assert_non_null(strstr(g_reports.items[0].callback, "submit_request [sloppy_submit ("));
	/* Its owner got it once. */
	assert_int_equal(g_done, 2);
	assert_int_equal(g_succeeded, 2);
	/* The same place is counted, and not told of again. */
	run_read(24);
	assert_int_equal(g_reports.count, 1);
	assert_int_equal(bdk_strict_get_count(BDK_STRICT_COMPLETED_TWICE), 2);
}

static void
test_completed_again_later(void **state)
{
	struct spdk_bdev_io *stale;

	g_hold = true;
	submit_read(32);
	stale = g_held;
	ON(0, sloppy_complete(stale));
	bdk_sim_run_for(5000);
	assert_int_equal(g_done, 1);
	/* Its object has been free for a while, and others were used meanwhile. */
	g_hold = false;
	for (uint64_t i = 0; i < 200; i++) {
		run_read(i);
	}
	assert_int_equal(g_reports.count, 0);
	ON(0, sloppy_complete(stale));
	expect_io(BDK_STRICT_COMPLETED_TWICE, "read", 1, 32, "sloppy_complete+");
	assert_true(g_reports.items[0].age_us >= 5000);
	assert_int_equal(g_done, 201);
}

static void
test_completed_after_unregister(void **state)
{
	struct spdk_bdev_io *stale;

	g_hold = true;
	submit_read(40);
	stale = g_held;
	ON(0, sloppy_complete(stale));
	bdk_sim_run_until_idle();
	remove_disk();
	assert_int_equal(g_reports.count, 0);
	ON(0, sloppy_complete(stale));
	expect_io(BDK_STRICT_COMPLETED_AFTER_UNREGISTER, "read", 1, 40, "sloppy_complete+");
	assert_int_equal(g_done, 1);
}

static struct spdk_poller *g_put_poller;

static int
put_at_last(void *ch)
{
	spdk_put_io_channel(ch);
	spdk_poller_unregister(&g_put_poller);
	return SPDK_POLLER_BUSY;
}

/* Puts its channel just when it is exited by force, five seconds after it was told to exit. */
static void
use_and_exit(void *arg)
{
	struct spdk_io_channel *ch = spdk_bdev_get_io_channel(g_desc);

	assert_int_equal(spdk_bdev_read_blocks(g_desc, ch, g_buf, 48, 2, done_cb, NULL), 0);
	g_put_poller = spdk_poller_register(put_at_last, ch, 5 * 1000 * 1000);
	spdk_thread_exit(spdk_get_thread());
}

static void
test_completed_without_channel(void **state)
{
	struct spdk_thread *thread = spdk_thread_create("short", NULL);

	g_hold = true;
	bdk_sim_call(thread, use_and_exit, NULL);
	bdk_sim_run_for(7 * 1000 * 1000);
	expect_io(BDK_STRICT_NEVER_COMPLETED, "read", 1, 48, "sloppy_submit");
	assert_non_null(strstr(g_reports.items[0].text, "its thread exits"));
	g_reports.count = 0;
	ON(0, sloppy_complete(g_held));
	expect_io(BDK_STRICT_COMPLETED_WITHOUT_CHANNEL, "read", 1, 48, "sloppy_complete+");
	assert_int_equal(g_done, 0);
}

static void
test_wrong_thread(void **state)
{
	g_hold = true;
	submit_read(56);
	ON(1, sloppy_complete(g_held));
	expect_io(BDK_STRICT_COMPLETED_ON_WRONG_THREAD, "read", 1, 56, "sloppy_complete+");
	assert_string_equal(g_reports.items[0].thread, "sim1");
	assert_non_null(strstr(g_reports.items[0].text, "on thread sim1 instead of thread sim0"));
	bdk_sim_run_until_idle();
	assert_int_equal(g_succeeded, 1);
}

static void
test_never_completed(void **state)
{
	g_hold = true;
	submit_read(64);
	bdk_sim_run_for(1900 * 1000);
	assert_int_equal(g_reports.count, 0);
	bdk_sim_run_for(2000 * 1000);
	expect_io(BDK_STRICT_NEVER_COMPLETED, "read", 1, 64, "sloppy_submit");
	assert_true(g_reports.items[0].age_us > 2000 * 1000);
	/* Once. */
	bdk_sim_run_for(20 * 1000 * 1000);
	assert_int_equal(bdk_strict_get_count(BDK_STRICT_NEVER_COMPLETED), 1);
	ON(0, sloppy_complete(g_held));
	bdk_sim_run_until_idle();
	assert_int_equal(g_succeeded, 1);
}

/* The process is stopped for long, and hears afterwards that the I/O has ended; or never. */
static void
test_never_completed_and_standing_still(void **state)
{
	for (int ends = 1; ends >= 0; ends--) {
		g_hold = true;
		submit_read(64);
		for (int stop = 0; stop < 10; stop++) {
			bdk_sim_run_for(100 * 1000);
			env_clock_advance(3600ULL * 1000 * 1000 * 1000);
		}
		bdk_sim_run_for(1000 * 1000);
		assert_int_equal(g_reports.count, 0);
		if (!ends) {
			bdk_sim_run_for(1500 * 1000);
			assert_int_equal(bdk_strict_get_count(BDK_STRICT_NEVER_COMPLETED), 1);
		}
		ON(0, sloppy_complete(g_held));
		bdk_sim_run_until_idle();
	}
	assert_int_equal(g_succeeded, 2);
	assert_int_equal(bdk_strict_get_count(BDK_STRICT_NEVER_COMPLETED), 1);
}

/* One that stands on the disk, and waits for it. */
static struct bdk_bdev_base g_over_base;

static void
over_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	bdk_bdev_forward(bdev_io, &g_over_base);
}

static void
test_waits_for_its_base(void **state)
{
	static const struct spdk_bdev_fn_table fn_table = {
		.destruct = sloppy_destruct,
		.submit_request = over_submit,
		.io_type_supported = sloppy_io_type_supported,
		.get_io_channel = sloppy_get_io_channel,
	};
	static char name[] = "over";
	struct spdk_bdev over = g_bdev;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	over.name = name;
	over.fn_table = &fn_table;
	memset(&over.internal, 0, sizeof(over.internal));
	memset(&over.uuid, 0, sizeof(over.uuid));
	g_over_base = (struct bdk_bdev_base){.desc = g_desc, .ch = g_ch[0]};
	ON(0, assert_int_equal(spdk_bdev_register(&over), 0));
	bdk_sim_run_until_idle();
	g_hold = true;
	ON(0, {
		assert_int_equal(spdk_bdev_open_ext("over", true, event_cb, NULL, &desc), 0);
		ch = spdk_bdev_get_io_channel(desc);
		assert_int_equal(spdk_bdev_read_blocks(desc, ch, g_buf, 64, 2, done_cb, NULL), 0);
	});
	bdk_sim_run_for(20 * 1000 * 1000);
	/* Only the disk is to blame. */
	expect_io(BDK_STRICT_NEVER_COMPLETED, "read", 1, 64, "sloppy_submit");
	ON(0, sloppy_complete(g_held));
	bdk_sim_run_until_idle();
	assert_int_equal(g_succeeded, 1);
	ON(0, {
		spdk_put_io_channel(ch);
		spdk_bdev_close(desc);
	});
	bdk_sim_run_until_idle();
	g_gone_alone = true;
	ON(0, spdk_bdev_unregister(&over, NULL, NULL));
	bdk_sim_run_until_idle();
	g_gone_alone = false;
}

static void
test_keeps_on_purpose(void **state)
{
	g_hold = true;
	submit_read(64);
	ON(0, bdk_strict_keep_io(g_held));
	bdk_sim_run_for(20 * 1000 * 1000);
	assert_int_equal(g_reports.count, 0);
	ON(0, sloppy_complete(g_held));
	bdk_sim_run_until_idle();
	/* That time only. */
	submit_read(64);
	bdk_sim_run_for(20 * 1000 * 1000);
	expect_one_report(BDK_STRICT_NEVER_COMPLETED);
	ON(0, sloppy_complete(g_held));
	bdk_sim_run_until_idle();
}

/* The poller that looks for it runs only as long as there is something to look at. */
static void
test_sleeps_when_idle(void **state)
{
	uint64_t steps;

	run_read(0);
	bdk_sim_run_for(40 * 1000 * 1000);
	steps = bdk_sim_get_step_count();
	bdk_sim_run_for(100 * 1000 * 1000);
	assert_int_equal(bdk_sim_get_step_count(), steps);
}

static void
test_bad_status(void **state)
{
	g_mistake = MISTAKE_WRONG_STATUS;
	run_read(72);
	expect_io(BDK_STRICT_BAD_STATUS, "read", 1, 72, "sloppy_submit+");
	assert_int_equal(g_done, 1);
	assert_int_equal(g_succeeded, 0);
}

static void
test_overrun(void **state)
{
	g_mistake = MISTAKE_OVERRUN;
	run_write(80);
	expect_io(BDK_STRICT_DRIVER_CTX_OVERRUN, "write", 1, 80, "sloppy_submit");
	assert_non_null(strstr(g_reports.items[0].text, "at least 3 bytes beyond the 24 bytes"));
	assert_int_equal(g_succeeded, 1);
}

static void
test_fields_changed(void **state)
{
	g_mistake = MISTAKE_FIELD;
	run_write(88);
	expect_io(BDK_STRICT_IO_CHANGED, "write", 1, 88, "sloppy_complete+");
	assert_non_null(strstr(g_reports.items[0].text, "another u.bdev.offset_blocks"));
	assert_int_equal(g_succeeded, 1);
}

static void
test_iov_changed(void **state)
{
	struct iovec iovs[2] = {{g_buf, BLOCK}, {g_buf + BLOCK, BLOCK}};

	g_mistake = MISTAKE_IOV;
	ON(0, assert_int_equal(spdk_bdev_readv_blocks(g_desc, g_ch[0], iovs, 2, 96, 2, done_cb, NULL), 0));
	bdk_sim_run_until_idle();
	expect_io(BDK_STRICT_IO_CHANGED, "read", 1, 96, "sloppy_complete+");
	/* For the caller it is as it was. */
	assert_int_equal(iovs[0].iov_len, BLOCK);

	g_reports.count = 0;
	bdk_strict_clear();
	g_mistake = MISTAKE_IOV_POINTER;
	run_read(104);
	expect_io(BDK_STRICT_IO_CHANGED, "read", 2, 104, "sloppy_complete+");
}

static void
test_data_changed(void **state)
{
	run_write(0);
	run_read(0);
	assert_int_equal(g_reports.count, 0);
	g_mistake = MISTAKE_DATA;
	run_write(112);
	expect_io(BDK_STRICT_DATA_CHANGED, "write", 3, 112, "sloppy_complete+");
	assert_int_equal(g_succeeded, 3);
}

static void
test_allocates(void **state)
{
	g_mistake = MISTAKE_ALLOCATES;
	for (uint64_t i = 0; i < 15; i++) {
		run_read(i);
	}
	assert_int_equal(g_reports.count, 0);
	for (uint64_t i = 15; i < 40; i++) {
		run_read(i);
	}
	expect_io(BDK_STRICT_ALLOCATED, "read", 16, 15, "sloppy_allocate+");
	assert_non_null(strstr(g_reports.items[0].text, "in submit_request"));
}

static void
test_allocates_dma(void **state)
{
	g_mistake = MISTAKE_ALLOCATES_DMA;
	for (uint64_t i = 0; i < 40; i++) {
		run_read(i);
	}
	expect_io(BDK_STRICT_ALLOCATED, "read", 16, 15, "sloppy_allocate_dma+");
}

/* A pool that grows now and then is not held against anybody. */
static void
test_allocates_seldom(void **state)
{
	g_mistake = MISTAKE_ALLOCATES_SELDOM;
	for (uint64_t i = 0; i < 1000; i++) {
		run_read(i);
	}
	assert_int_equal(g_reports.count, 0);
}

static void
allocate_and_complete_cb(void *arg)
{
	sloppy_allocate_dma();
	sloppy_complete(arg);
}

static void
test_allocates_in_a_message(void **state)
{
	g_hold = true;
	for (uint64_t i = 0; i < 40; i++) {
		submit_read(i);
		spdk_thread_send_msg(g_sim_threads[0], allocate_and_complete_cb, g_held);
		bdk_sim_run_until_idle();
	}
	assert_int_equal(g_succeeded, 40);
	expect_io(BDK_STRICT_ALLOCATED, "read", 16, 15, "sloppy_allocate_dma+");
	assert_non_null(strstr(g_reports.items[0].text, "in the callback that completes it"));
	assert_non_null(strstr(g_reports.items[0].callback, "message [allocate_and_complete_cb"));
}

static void
test_holds(void **state)
{
	run_read(0);
	g_mistake = MISTAKE_HOLDS;
	run_read(120);
	expect_io(BDK_STRICT_REACTOR_HELD, "read", 2, 120, "sloppy_submit");
	assert_non_null(strstr(g_reports.items[0].text, "submit_request held the thread for 350 ms"));
}

static void
test_owner_holds(void **state)
{
	g_owner_holds = true;
	run_read(128);
	expect_io(BDK_STRICT_REACTOR_HELD, "read", 1, 128, "done_cb");
	assert_non_null(strstr(g_reports.items[0].text, "the completion callback of its owner held"));
}

static void
test_submitted_on_wrong_thread(void **state)
{
	/* Nothing else may run there meanwhile. */
	ON(1, assert_int_equal(spdk_bdev_read_blocks(g_desc, g_ch[0], g_buf, 136, 2, done_cb, NULL), 0));
	assert_int_equal(g_reports.items[0].rule, BDK_STRICT_SUBMITTED_ON_WRONG_THREAD);
	assert_non_null(strstr(g_reports.items[0].text, "submitted on thread sim1 with a channel of thread sim0"));
	if (strstr(g_reports.items[0].place, "test_submitted_on_wrong_thread+") == NULL) {
		fail_msg("%s", g_reports.items[0].text);
	}
	bdk_sim_run_until_idle();
	assert_int_equal(g_done, 1);
}

static void
print_text_cb(void *ctx, const struct bdk_strict_report *report)
{
	*(uint64_t *)ctx += report->count;
}

static void
test_questions(void **state)
{
	uint64_t sum = 0;

	g_mistake = MISTAKE_TWICE;
	run_read(0);
	run_read(1);
	g_mistake = MISTAKE_OVERRUN;
	run_read(2);
	assert_int_equal(g_reports.count, 2);
	bdk_strict_for_each_report(print_text_cb, &sum);
	assert_int_equal(sum, 3);
	assert_int_equal(bdk_strict_get_count(BDK_STRICT_NUM_RULES), 3);
	bdk_strict_clear();
	assert_int_equal(bdk_strict_get_count(BDK_STRICT_NUM_RULES), 0);
	run_read(3);
	assert_int_equal(g_reports.count, 3);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_wrong),
		TEST(test_completed_twice),
		TEST(test_completed_again_later),
		TEST(test_completed_after_unregister),
		TEST(test_completed_without_channel),
		TEST(test_wrong_thread),
		cmocka_unit_test_setup_teardown(test_never_completed, setup_fast, teardown),
		cmocka_unit_test_setup_teardown(test_never_completed_and_standing_still, setup_fast, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_its_base, setup_fast, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_on_purpose, setup_fast, teardown),
		TEST(test_sleeps_when_idle),
		TEST(test_bad_status),
		TEST(test_overrun),
		TEST(test_fields_changed),
		TEST(test_iov_changed),
		cmocka_unit_test_setup_teardown(test_data_changed, setup_data, teardown),
		TEST(test_allocates),
		TEST(test_allocates_dma),
		TEST(test_allocates_seldom),
		TEST(test_allocates_in_a_message),
		TEST(test_holds),
		TEST(test_owner_holds),
		TEST(test_submitted_on_wrong_thread),
		TEST(test_questions),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
