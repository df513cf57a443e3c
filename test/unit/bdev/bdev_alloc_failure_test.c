/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Each allocation of the layer fails once, and once with all that follow it: a clean error or no matter, nothing lost,
 * nothing that hangs, and it works afterwards. What takes things away never fails for want of memory.
 */

#include "io_types.h"
#include "part_module.h"
#include "script_disk.h"
#include "test/unit/common/alloc_failure.h"
#include "spdk/bdev_module.h"
#include "spdk/histogram_data.h"
#include "test/unit/common/strict_tolerate.h"

#define THREADS 3

static struct script_disk *g_disk;
static uint32_t g_called;
static int g_status;

/* ---- the frame ---- */

static bool
is_called(void *count)
{
	return g_called >= *(uint32_t *)count;
}

static void
wait_for_calls(uint32_t count)
{
	assert_true(bdk_sim_run_until(is_called, &count, 60 * 1000 * 1000));
	/* And not more of them. */
	bdk_sim_run_until_idle();
	assert_int_equal(g_called, count);
}

static void
called_cb(void *ctx, int rc)
{
	g_called++;
	g_status = rc;
}

static void
begin(void)
{
	bdev_sim_start(1, THREADS);
	g_disk = NULL;
	g_called = 0;
	g_status = 0;
	g_script_made = g_script_destructed = 0;
}

static void
make_disk(uint64_t types)
{
	g_disk = script_disk_create("d", THREADS);
	g_disk->io_types = types | 1ull << SPDK_BDEV_IO_TYPE_READ | 1ull << SPDK_BDEV_IO_TYPE_WRITE |
		1ull << SPDK_BDEV_IO_TYPE_RESET | 1ull << SPDK_BDEV_IO_TYPE_ABORT;
}

static int
register_disk(void)
{
	int rc;

	ON(0, rc = spdk_bdev_register(&g_disk->bdev));
	if (rc == 0) {
		bdk_sim_run_until_idle();
	}
	return rc;
}

static void
add_disk(void)
{
	make_disk(0);
	assert_int_equal(register_disk(), 0);
}

/* Until its callback has come. */
static void
remove_disk(uint32_t thread)
{
	g_called = 0;
	ON(thread, spdk_bdev_unregister(&g_disk->bdev, called_cb, NULL));
	wait_for_calls(1);
	assert_true(g_status == 0 || g_status == -EIO);
	assert_int_equal(g_script_destructed, g_script_made);
}

static void
end(void)
{
	alloc_disarm();
	if (g_script_destructed < g_script_made) {
		remove_disk(0);
	}
	bdev_sim_stop();
}

/* ---- start and stop ---- */

static int
run_start(const void *arg)
{
	int rc;

	bdev_sim_init(1, THREADS);
	alloc_arm();
	rc = bdev_sim_layer_init();
	alloc_disarm();
	assert_true(rc == 0 || rc == -1);
	bdev_sim_layer_fini();
	bdev_sim_fini();
	return rc == 0 ? 0 : -ENOMEM;
}

static int
run_stop(const void *arg)
{
	struct sim_open open[2];

	begin();
	add_disk();
	assert_int_equal(sim_open(&open[0], 1, "d", true), 0);
	assert_int_equal(sim_open(&open[1], 2, "d", false), 0);
	open[0].close_on_event = open[1].close_on_event = true;
	alloc_arm();
	bdev_sim_layer_fini();
	alloc_disarm();
	assert_int_equal(open[0].removes + open[1].removes, 2);
	assert_int_equal(g_script_destructed, 1);
	bdev_sim_fini();
	return 0;
}

/* ---- coming and going ---- */

static int
run_register(const void *arg)
{
	int rc;

	begin();
	make_disk(0);
	alloc_arm();
	rc = register_disk();
	if (rc != 0) {
		assert_null(spdk_bdev_first());
		free(g_disk);
		g_script_made = 0;
	} else {
		remove_disk(0);
	}
	end();
	return rc;
}

static int
run_unregister(const void *arg)
{
	const bool *later = arg;
	struct sim_open open[2];

	begin();
	add_disk();
	g_disk->destruct_later = *later;
	assert_int_equal(sim_open(&open[0], 1, "d", true), 0);
	assert_int_equal(sim_open(&open[1], 2, "d", false), 0);
	open[0].close_on_event = open[1].close_on_event = true;
	alloc_arm();
	remove_disk(2);
	alloc_disarm();
	assert_int_equal(open[0].removes + open[1].removes, 2);
	end();
	return 0;
}

static int
run_unregister_by_name(const void *arg)
{
	int rc;

	begin();
	add_disk();
	alloc_arm();
	ON(1, rc = spdk_bdev_unregister_by_name("d", &g_script_module, called_cb, NULL));
	if (rc == 0) {
		wait_for_calls(1);
	} else {
		bdk_sim_run_until_idle();
		assert_int_equal(g_called, 0);
	}
	end();
	return rc;
}

static int
run_resize(const void *arg)
{
	struct sim_open open;
	int rc;

	begin();
	add_disk();
	assert_int_equal(sim_open(&open, 1, "d", true), 0);
	alloc_arm();
	ON(0, rc = spdk_bdev_notify_blockcnt_change(&g_disk->bdev, 2000));
	bdk_sim_run_until_idle();
	assert_int_equal(open.resizes, 1);
	ON(0, rc |= spdk_bdev_notify_blockcnt_change(&g_disk->bdev, 3000));
	ON(0, rc |= spdk_bdev_notify_blockcnt_change(&g_disk->bdev, 4000));
	bdk_sim_run_until_idle();
	assert_int_equal(open.resizes, 3);
	alloc_disarm();
	sim_close(&open, 1);
	end();
	return rc;
}

/* ---- opening, claims, names ---- */

static int
run_open(const void *arg)
{
	const bool *media_events = arg;
	struct sim_open open;
	int rc;

	begin();
	add_disk();
	g_disk->bdev.media_events = *media_events;
	alloc_arm();
	rc = sim_open(&open, 1, "d", true);
	if (rc == 0) {
		sim_close(&open, 1);
	}
	end();
	return rc;
}

static struct spdk_bdev_desc *g_opened;

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
opened_cb(struct spdk_bdev_desc *desc, int rc, void *ctx)
{
	g_called++;
	g_status = rc;
	g_opened = desc;
	assert_true((rc == 0) == (desc != NULL));
}

static int
run_open_async(const void *arg)
{
	struct spdk_bdev_open_async_opts opts = {.size = sizeof(opts), .timeout_ms = 1000};
	const bool *later = arg;
	int rc;

	begin();
	if (!*later) {
		add_disk();
	}
	alloc_arm();
	ON(1, rc = spdk_bdev_open_async("d", true, ignore_event_cb, NULL, &opts, opened_cb, NULL));
	if (rc == 0) {
		if (*later) {
			bdk_sim_run_for(150 * 1000);
			alloc_disarm();
			add_disk();
		}
		wait_for_calls(1);
		/* No memory for the poller: the first try is all there is. */
		rc = g_status == -ENODEV ? -ENOMEM : g_status;
		if (g_opened != NULL) {
			ON(1, spdk_bdev_close(g_opened));
		}
	}
	end();
	return rc;
}

static int
run_claim(const void *arg)
{
	const enum spdk_bdev_claim_type *type = arg;
	struct sim_open open;
	int rc;

	begin();
	add_disk();
	assert_int_equal(sim_open(&open, 0, "d", false), 0);
	alloc_arm();
	ON(0, rc = spdk_bdev_module_claim_bdev_desc(open.desc, *type, NULL, &g_script_module));
	alloc_disarm();
	if (rc == 0 && *type == SPDK_BDEV_CLAIM_EXCL_WRITE) {
		spdk_bdev_module_release_bdev(&g_disk->bdev);
	}
	sim_close(&open, 0);
	end();
	return rc;
}

static int
run_alias(const void *arg)
{
	int rc;

	begin();
	add_disk();
	alloc_arm();
	ON(0, rc = spdk_bdev_alias_add(&g_disk->bdev, "alias"));
	assert_true((rc == 0) == (spdk_bdev_get_by_name("alias") != NULL));
	end();
	return rc;
}

static int
visit(void *ctx, struct spdk_bdev *bdev)
{
	return 0;
}

static int
run_for_each_bdev(const void *arg)
{
	int rc;

	begin();
	add_disk();
	alloc_arm();
	ON(1, rc = spdk_for_each_bdev(NULL, visit));
	end();
	return rc;
}

/* ---- examining ---- */

static void
waited_cb(void *ctx)
{
	g_called++;
}

static int
run_wait_for_examine(const void *arg)
{
	int rc;

	begin();
	alloc_arm();
	ON(2, rc = spdk_bdev_wait_for_examine(waited_cb, NULL));
	wait_for_calls(rc == 0);
	end();
	return rc;
}

static int
run_examine(const void *arg)
{
	struct spdk_bdev_opts opts;
	int rc;

	begin();
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = false;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	add_disk();
	alloc_arm();
	ON(0, rc = spdk_bdev_examine("d"));
	bdk_sim_run_until_idle();
	end();
	return rc;
}

/* ---- channels ---- */

static struct spdk_bdev_desc *
open_disk(void)
{
	struct spdk_bdev_desc *desc;
	int rc;

	ON(1, rc = spdk_bdev_open_ext("d", true, ignore_event_cb, NULL, &desc));
	assert_int_equal(rc, 0);
	return desc;
}

static void
close_disk(struct spdk_bdev_desc *desc)
{
	bdk_sim_run_until_idle();
	ON(1, spdk_bdev_close(desc));
}

static int
run_channel(const void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	begin();
	add_disk();
	desc = open_disk();
	alloc_arm();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	bdk_sim_run_until_idle();
	alloc_disarm();
	close_disk(desc);
	end();
	return ch != NULL ? 0 : -ENOMEM;
}

static void
visit_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch, void *ctx)
{
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
visited_cb(struct spdk_bdev *bdev, void *ctx, int rc)
{
	called_cb(ctx, rc);
}

static int
run_for_each_channel(const void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	add_disk();
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_arm();
	ON(0, spdk_bdev_for_each_channel(&g_disk->bdev, visit_channel_cb, NULL, visited_cb));
	wait_for_calls(1);
	alloc_disarm();
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	rc = g_status;
	end();
	return rc;
}

static void
stat_cb(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *ctx, int rc)
{
	called_cb(ctx, rc);
}

static int
run_device_stat(const void *arg)
{
	struct spdk_bdev_io_stat stat = {};
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	add_disk();
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_arm();
	ON(0, spdk_bdev_get_device_stat(&g_disk->bdev, &stat, SPDK_BDEV_RESET_STAT_NONE, stat_cb, NULL));
	wait_for_calls(1);
	alloc_disarm();
	rc = g_status;
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return rc;
}

/* ---- I/O ---- */

enum io_variant {
	VARIANT_PLAIN,
	VARIANT_SPLIT,
	VARIANT_BUFFER,
	VARIANT_NOMEM,
	NUM_VARIANTS,
};

struct io_case {
	const struct io_type *type;
	enum io_variant variant;
	char name[64];
};

static struct io_op g_op;
static struct spdk_bdev_io *g_started;
static bool g_ending, g_success;

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_called++;
	g_success = success;
	if (g_op.type->type == SPDK_BDEV_IO_TYPE_ZCOPY && success && !g_ending) {
		g_started = bdev_io;
	} else {
		spdk_bdev_free_io(bdev_io);
	}
}

static void
end_zcopy(void)
{
	struct spdk_bdev_io *bdev_io = g_started;

	if (bdev_io != NULL) {
		g_started = NULL;
		g_ending = true;
		g_called = 0;
		ON(1, assert_int_equal(spdk_bdev_zcopy_end(bdev_io, true, io_done_cb, &g_op), 0));
		wait_for_calls(1);
	}
}

static void
configure(const struct io_case *c)
{
	struct spdk_bdev *bdev = &g_disk->bdev;

	bdev->acwu = IO_MAX_BLOCKS;
	bdev->md_len = IO_MD_LEN;
	if (c->variant == VARIANT_SPLIT) {
		bdev->max_rw_size = 2;
		bdev->max_unmap = 2;
		bdev->max_unmap_segments = 1;
		bdev->max_write_zeroes = 2;
		bdev->max_copy = 2;
	}
	if (c->variant == VARIANT_BUFFER) {
		bdev->required_alignment = 9;
		g_disk->get_buf = true;
	}
}

static int
run_io(const void *arg)
{
	const struct io_case *c = arg;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	make_disk((uint64_t)c->type->native << c->type->type | c->type->others);
	configure(c);
	assert_int_equal(register_disk(), 0);
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	g_disk->action = c->variant == VARIANT_NOMEM ? SCRIPT_REFUSE : SCRIPT_INLINE;
	io_op_init(&g_op, c->type, &g_disk->bdev, IO_MAX_BLOCKS, io_done_cb);
	/* So that what is compared is equal: the disk reads as zeroes. */
	memset(g_op.raw, 0, sizeof(g_op.raw));
	memset(g_op.md, 0, sizeof(g_op.md));
	g_ending = false;
	alloc_arm();
	ON(1, rc = c->type->submit(&g_op, desc, ch));
	if (rc == 0) {
		if (c->variant == VARIANT_NOMEM) {
			/* Retried, with or without a poller. */
			bdk_sim_run_until_idle();
			bdk_sim_run_for(15 * 1000);
			g_disk->action = SCRIPT_INLINE;
		}
		wait_for_calls(1);
		/* An abort that finds nothing to abort fails, and all is well. */
		rc = g_success || c->type->type == SPDK_BDEV_IO_TYPE_ABORT ? 0 : -ENOMEM;
		end_zcopy();
	}
	alloc_disarm();
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return rc;
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_called++;
	spdk_bdev_free_io(bdev_io);
}

/* Two resets, with I/O inside the module for whose end the first one waits a while. */
static int
run_reset(const void *arg)
{
	static uint8_t buf[512];
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	uint32_t due = 0;
	int rc, all = 0;

	begin();
	make_disk(0);
	g_disk->bdev.reset_io_drain_timeout = 1;
	assert_int_equal(register_disk(), 0);
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	g_disk->action = SCRIPT_HOLD;
	ON(1, assert_int_equal(spdk_bdev_read_blocks(desc, ch, buf, 0, 1, reset_done_cb, NULL), 0));
	bdk_sim_run_until_idle();
	alloc_arm();
	for (; due < 2; due++) {
		ON(1, rc = spdk_bdev_reset(desc, ch, reset_done_cb, NULL));
		all = rc != 0 ? rc : all;
		if (rc != 0) {
			break;
		}
	}
	bdk_sim_run_for(500 * 1000);
	alloc_disarm();
	/* What is left is inside the module: a script holds resets too. */
	while (g_called < due + 1) {
		script_disk_release(g_disk, 1, SPDK_BDEV_IO_STATUS_SUCCESS);
		bdk_sim_run_for(100 * 1000);
	}
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return all;
}

/* ---- locks, parts ---- */

static int
run_quiesce(const void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc, status;

	begin();
	add_disk();
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_arm();
	ON(0, rc = spdk_bdev_quiesce(&g_disk->bdev, &g_script_module, called_cb, NULL));
	status = rc;
	if (rc == 0) {
		wait_for_calls(1);
		status = g_status;
	}
	if (status == 0) {
		g_called = 0;
		ON(0, assert_int_equal(spdk_bdev_unquiesce(&g_disk->bdev, &g_script_module, called_cb, NULL), 0));
		wait_for_calls(1);
		assert_int_equal(g_status, 0);
	}
	alloc_disarm();
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return status;
}

/* A channel that is made under a lock. */
static int
run_channel_under_lock(const void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	add_disk();
	desc = open_disk();
	ON(0, rc = spdk_bdev_quiesce(&g_disk->bdev, &g_script_module, called_cb, NULL));
	assert_int_equal(rc, 0);
	wait_for_calls(1);
	alloc_arm();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_disarm();
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	close_disk(desc);
	end();
	return ch != NULL ? 0 : -ENOMEM;
}

static int
run_part(const void *arg)
{
	char name[] = "slice", product[] = "Slice";
	struct spdk_bdev_part *part = calloc(1, sizeof(*part));
	struct slice_base base;
	int rc;

	assert_non_null(part);
	begin();
	add_disk();
	slice_module_reset();
	alloc_arm();
	rc = slice_base_open(&base, "d");
	if (rc == 0) {
		ON(0, rc = spdk_bdev_part_construct(part, base.part_base, name, 0, 100, product));
		if (rc != 0) {
			ON(0, spdk_bdev_part_base_free(base.part_base));
		}
	}
	bdk_sim_run_until_idle();
	alloc_disarm();
	if (rc == 0) {
		slice_delete(part, 0);
	} else {
		free(part);
	}
	end();
	return rc;
}

/* ---- rate limits, abort, timeouts, histograms ---- */

static int
run_rate_limits(const void *arg)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	const bool *twice = arg;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[2];
	int rc;

	begin();
	add_disk();
	desc = open_disk();
	ON(1, ch[0] = spdk_bdev_get_io_channel(desc));
	ON(2, ch[1] = spdk_bdev_get_io_channel(desc));
	alloc_arm();
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk->bdev, limits, called_cb, NULL));
	wait_for_calls(1);
	rc = g_status;
	if (rc == 0 && *twice) {
		/* Taking them off needs nothing. */
		g_called = 0;
		limits[0] = 0;
		ON(0, spdk_bdev_set_qos_rate_limits(&g_disk->bdev, limits, called_cb, NULL));
		wait_for_calls(1);
		assert_int_equal(g_status, 0);
	}
	spdk_bdev_get_qos_rate_limits(&g_disk->bdev, limits);
	assert_int_equal(limits[0], rc == 0 && !*twice ? 1000 : 0);
	alloc_disarm();
	ON(1, spdk_put_io_channel(ch[0]));
	ON(2, spdk_put_io_channel(ch[1]));
	close_disk(desc);
	end();
	return rc;
}

/* A channel that is made under rate limits, and with histograms on. */
static int
run_channel_with_all(const void *arg)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {1000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;

	begin();
	add_disk();
	desc = open_disk();
	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk->bdev, limits, called_cb, NULL));
	ON(0, spdk_bdev_histogram_enable(&g_disk->bdev, called_cb, NULL, true));
	wait_for_calls(2);
	assert_int_equal(g_status, 0);
	alloc_arm();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_disarm();
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	close_disk(desc);
	end();
	return ch != NULL ? 0 : -ENOMEM;
}

static void
histogram_cb(void *ctx, int status, struct spdk_histogram_data *histogram)
{
	called_cb(ctx, status);
}

static int
run_histogram(const void *arg)
{
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc();
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	assert_non_null(histogram);
	begin();
	add_disk();
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	alloc_arm();
	ON(0, spdk_bdev_histogram_enable(&g_disk->bdev, called_cb, NULL, true));
	wait_for_calls(1);
	rc = g_status;
	if (rc == 0) {
		g_called = 0;
		ON(0, spdk_bdev_histogram_get(&g_disk->bdev, histogram, histogram_cb, NULL));
		wait_for_calls(1);
		rc = g_status;
	}
	alloc_disarm();
	spdk_histogram_data_free(histogram);
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return rc;
}

static void
late_cb(void *ctx, struct spdk_bdev_io *bdev_io)
{
}

static int
run_timeout(const void *arg)
{
	struct spdk_bdev_desc *desc;
	int rc;

	begin();
	add_disk();
	desc = open_disk();
	alloc_arm();
	ON(1, rc = spdk_bdev_set_timeout(desc, 1, late_cb, NULL));
	bdk_sim_run_for(3 * 1000 * 1000);
	alloc_disarm();
	close_disk(desc);
	end();
	return rc == -1 ? -ENOMEM : rc;
}

static int
run_sampling(const void *arg)
{
	begin();
	add_disk();
	alloc_arm();
	/* It cannot say that it has failed; then nothing is sampled. */
	ON(1, spdk_bdev_set_qd_sampling_period(&g_disk->bdev, 1000));
	bdk_sim_run_for(5000);
	ON(1, spdk_bdev_set_qd_sampling_period(&g_disk->bdev, 0));
	bdk_sim_run_for(5000);
	end();
	return 0;
}

static void
depth_cb(struct spdk_bdev *bdev, uint64_t depth, void *ctx, int rc)
{
	called_cb(ctx, rc);
}

static int
run_current_depth(const void *arg)
{
	int rc;

	begin();
	add_disk();
	alloc_arm();
	ON(1, spdk_bdev_get_current_qd(&g_disk->bdev, depth_cb, NULL));
	wait_for_calls(1);
	rc = g_status;
	end();
	return rc;
}

static int
visit_io(void *ctx, struct spdk_bdev_io *bdev_io)
{
	return 0;
}

static int
run_for_each_io(const void *arg)
{
	int rc;

	begin();
	add_disk();
	alloc_arm();
	ON(1, spdk_bdev_for_each_bdev_io(&g_disk->bdev, NULL, visit_io, called_cb));
	wait_for_calls(1);
	rc = g_status;
	end();
	return rc;
}

/* An abort of a split I/O, the parts of which are all over the place. */
static int
run_abort(const void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	make_disk(0);
	g_disk->bdev.max_rw_size = 2;
	assert_int_equal(register_disk(), 0);
	desc = open_disk();
	ON(1, ch = spdk_bdev_get_io_channel(desc));
	g_disk->action = SCRIPT_HOLD;
	io_op_init(&g_op, io_type_find("WRITE"), &g_disk->bdev, IO_MAX_BLOCKS, io_done_cb);
	ON(1, assert_int_equal(g_op.type->submit(&g_op, desc, ch), 0));
	bdk_sim_run_until_idle();
	g_disk->action = SCRIPT_INLINE;
	alloc_arm();
	ON(1, rc = spdk_bdev_abort(desc, ch, &g_op, reset_done_cb, NULL));
	wait_for_calls(rc == 0 ? 2 : 0);
	alloc_disarm();
	if (rc != 0) {
		script_disk_release(g_disk, UINT32_MAX, SPDK_BDEV_IO_STATUS_SUCCESS);
		wait_for_calls(1);
	}
	ON(1, spdk_put_io_channel(ch));
	close_disk(desc);
	end();
	return rc;
}

/* ---- all of them ---- */

#define MAX_SCENARIOS 300

static const bool g_false = false, g_true = true;
static const enum spdk_bdev_claim_type g_excl = SPDK_BDEV_CLAIM_EXCL_WRITE,
				       g_write_one = SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE;

static const struct alloc_scenario g_scenarios[] = {
	{"start", run_start},
	{"shutdown", run_stop, .never_fails = true},
	{"register, unregister", run_register},
	{"unregister", run_unregister, &g_false, .never_fails = true},
	{"unregister, destruct later", run_unregister, &g_true, .never_fails = true},
	{"unregister by name", run_unregister_by_name},
	{"resize", run_resize, .never_fails = true},
	{"open", run_open, &g_false},
	{"open, with media events", run_open, &g_true},
	{"open asynchronously", run_open_async, &g_false},
	{"open asynchronously, later", run_open_async, &g_true},
	{"claim", run_claim, &g_excl, .never_fails = true},
	{"claim of a descriptor", run_claim, &g_write_one},
	{"alias", run_alias},
	{"for each bdev", run_for_each_bdev},
	{"wait for examine", run_wait_for_examine},
	{"examine", run_examine},
	{"channel", run_channel},
	{"for each channel", run_for_each_channel},
	{"device statistics", run_device_stat},
	{"reset", run_reset},
	{"quiesce", run_quiesce},
	{"channel under a lock", run_channel_under_lock},
	{"part", run_part},
	{"rate limits", run_rate_limits, &g_false},
	{"rate limits, set and taken off", run_rate_limits, &g_true},
	{"channel with limits and histograms", run_channel_with_all},
	{"histogram", run_histogram},
	{"timeout", run_timeout},
	{"queue-depth sampling", run_sampling, .never_fails = true},
	{"current queue depth", run_current_depth},
	{"for each I/O", run_for_each_io},
	{"abort", run_abort},
};

static size_t
add_io_scenarios(struct alloc_scenario *scenarios, struct io_case *cases)
{
	static const char *const variants[] = {"", ", split", ", buffer", ", NOMEM"};
	size_t count = 0, i;
	int variant;

	for (i = 0; i < g_num_io_types; i++) {
		for (variant = 0; variant < NUM_VARIANTS; variant++) {
			struct io_case *c = &cases[count];

			if (g_io_types[i].type == SPDK_BDEV_IO_TYPE_RESET) {
				continue;
			}
			assert_true(count < MAX_SCENARIOS);
			c->type = &g_io_types[i];
			c->variant = variant;
			snprintf(c->name, sizeof(c->name), "%s%s", g_io_types[i].name, variants[variant]);
			scenarios[count] = (struct alloc_scenario){c->name, run_io, c};
			count++;
		}
	}
	return count;
}

static void
test_each_allocation(void **state)
{
	static struct alloc_scenario scenarios[SPDK_COUNTOF(g_scenarios) + MAX_SCENARIOS];
	static struct io_case cases[MAX_SCENARIOS];
	size_t count = SPDK_COUNTOF(g_scenarios);

	memcpy(scenarios, g_scenarios, sizeof(g_scenarios));
	count += add_io_scenarios(scenarios + count, cases);
	spdk_log_set_print_level(getenv("ALLOC_SCENARIO") != NULL ? SPDK_LOG_ERROR : SPDK_LOG_DISABLED);
	alloc_run_scenarios(scenarios, count);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_allocation),
	};

	/* The scenarios choose the limits of a registered disk. */
	strict_tolerate(STRICT_RULE(BDEV_CHANGED));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
