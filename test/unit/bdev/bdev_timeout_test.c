/* SPDX-License-Identifier: BSD-3-Clause */

/* I/O that takes long, and walks over all that has been submitted: who is found, when, and on which thread. */

#include "mem_disk.h"

#include "lib/env/env_internal.h"

#define NUM_BLOCKS 256
#define THREADS 3
#define SECOND (1000 * 1000)

static struct mem_disk g_disk;
static struct mem_user g_user, g_other;
static uint8_t g_buf[64 * 512];

static int
setup(void **state)
{
	bdev_sim_start(13, THREADS);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_HOLD;
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

/* Lets time pass, and lets happen what is due at its end. */
static void
pass(uint64_t us)
{
	bdk_sim_run_for(us);
	bdk_sim_run_until_idle();
}

static void
open_disk(void)
{
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
}

static void
remove_disk(void)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
}

/* One I/O, and how often it was found. */
struct io {
	uint32_t thread;
	uint32_t done;
	uint32_t late;
	uint8_t type;
	/* In ticks; late_cb() may be called so long after that. */
	uint64_t began;
	uint64_t patience;
};

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct io *io = cb_arg;

	io->done++;
	spdk_bdev_free_io(bdev_io);
}

struct request {
	struct mem_user *user;
	struct io *io;
	/* 0: a reset. */
	uint64_t num_blocks;
};

static void
submit_cb(void *ctx)
{
	struct request *request = ctx;
	struct spdk_io_channel *ch = request->user->ch[request->io->thread];
	int rc;

	if (request->num_blocks == 0) {
		rc = spdk_bdev_reset(request->user->desc, ch, io_done_cb, request->io);
	} else {
		rc = spdk_bdev_read_blocks(
			request->user->desc, ch, g_buf, 0, request->num_blocks, io_done_cb, request->io);
	}
	assert_int_equal(rc, 0);
}

/* In a turn of the thread, from which its time counts. */
static void
submit(struct mem_user *user, struct io *io, uint64_t num_blocks)
{
	struct request request = {.user = user, .io = io, .num_blocks = num_blocks};

	assert_int_equal(spdk_thread_send_msg(g_sim_threads[io->thread], submit_cb, &request), 0);
	bdk_sim_run_until_idle();
}

static int g_timeout_arg;

static void
late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	struct io *io = spdk_bdev_io_get_cb_arg(bdev_io);

	assert_ptr_equal(cb_arg, &g_timeout_arg);
	assert_ptr_equal(spdk_get_thread(), spdk_bdev_io_get_thread(bdev_io));
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[io->thread]);
	assert_true(spdk_get_ticks() - io->began >= io->patience);
	io->late++;
	io->type = bdev_io->type;
}

static void
set_timeout(uint64_t seconds)
{
	int rc;

	ON(0, rc = spdk_bdev_set_timeout(g_user.desc, seconds, seconds == 0 ? NULL : late_cb, &g_timeout_arg));
	assert_int_equal(rc, 0);
}

static void
test_arguments(void **state)
{
	int rc;

	open_disk();
	ON(1, rc = spdk_bdev_set_timeout(g_user.desc, 1, late_cb, NULL));
	assert_int_equal(rc, -1);
	ON(0, rc = spdk_bdev_set_timeout(g_user.desc, 1, NULL, NULL));
	assert_int_equal(rc, -1);
	/* There is nothing to end. */
	set_timeout(0);
	remove_disk();
}

static void
test_late(void **state)
{
	struct io ios[THREADS] = {{.thread = 0}, {.thread = 1}, {.thread = 2}};
	struct io other = {.thread = 1}, young = {.thread = 1};
	uint32_t i, second;

	open_disk();
	mem_user_open(&g_other, &g_disk, THREADS);
	set_timeout(3);
	for (i = 0; i < THREADS; i++) {
		submit(&g_user, &ios[i], 1);
	}
	/* Of another descriptor, that has no timeout. */
	submit(&g_other, &other, 1);
	pass(2900 * 1000);
	submit(&g_user, &young, 1);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(ios[i].late, 0);
	}
	/* From three seconds on each second, each on its thread. */
	for (second = 1; second <= 3; second++) {
		pass(SECOND);
		for (i = 0; i < THREADS; i++) {
			assert_int_equal(ios[i].late, second);
		}
	}
	assert_int_equal(other.late, 0);
	assert_int_equal(young.late, 0);
	/* Those that have ended are not found; young is old now. */
	mem_disk_release(&g_disk, 3);
	pass(SECOND);
	assert_int_equal(ios[0].late, 3);
	assert_int_equal(young.late, 1);
	/* A longer one, and none. */
	set_timeout(100);
	pass(5 * SECOND);
	assert_int_equal(young.late, 1);
	set_timeout(1);
	pass(SECOND);
	assert_int_equal(young.late, 2);
	set_timeout(0);
	pass(5 * SECOND);
	assert_int_equal(young.late, 2);
	mem_disk_release(&g_disk, 2);
	mem_user_close(&g_other);
	remove_disk();
}

/* The process is stopped, or its machine sleeps: none of that time counts for what was under way. */
static void
test_standing_still(void **state)
{
	struct io io = {.thread = 1}, young = {.thread = 2};
	uint32_t i;

	open_disk();
	set_timeout(5);
	submit(&g_user, &io, 1);
	for (i = 0; i < 4; i++) {
		pass(SECOND / 2);
		env_clock_advance(3600 * spdk_get_ticks_hz());
		pass(SECOND / 2);
		assert_int_equal(io.late, 0);
	}
	submit(&g_user, &young, 1);
	pass(2 * SECOND);
	assert_true(io.late > 0);
	/* What came later has its own time. */
	pass(2 * SECOND);
	assert_int_equal(young.late, 0);
	pass(2 * SECOND);
	assert_true(young.late > 0);
	/* A look that comes a little late is none of it. */
	io.late = 0;
	for (i = 0; i < 20; i++) {
		env_clock_advance(spdk_get_ticks_hz() / 2);
		pass(SECOND);
	}
	assert_true(io.late >= 10);
	mem_disk_release(&g_disk, 2);
	remove_disk();
}

static void
quiesced_cb(void *ctx, int status)
{
	assert_int_equal(status, 0);
}

static void
test_what_counts(void **state)
{
	struct io split = {.thread = 0}, nomem = {.thread = 1}, behind = {.thread = 1}, reset = {.thread = 2};
	struct io locked = {.thread = 0};
	int rc;

	/* The whole of what was split, not its parts; what the module has refused, and what is behind it; a reset. */
	g_disk.bdev.max_rw_size = 4;
	g_disk.bdev.reset_io_drain_timeout = 100;
	open_disk();
	set_timeout(2);
	submit(&g_user, &split, 32);
	g_disk.mode = MEM_DISK_INLINE;
	g_disk.refuse = 1000;
	submit(&g_user, &nomem, 1);
	submit(&g_user, &behind, 1);
	/* What waits for a lock does not count. */
	ON(0, spdk_bdev_quiesce_range(&g_disk.bdev, g_disk.bdev.module, 100, 8, quiesced_cb, NULL));
	bdk_sim_run_until_idle();
	ON(0, rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], g_buf, 100, 1, io_done_cb, &locked));
	assert_int_equal(rc, 0);
	pass(2500 * 1000);
	assert_int_equal(split.late, 1);
	assert_int_equal(nomem.late, 1);
	assert_int_equal(behind.late, 1);
	assert_int_equal(locked.late, 0);
	submit(&g_user, &reset, 0);
	pass(2500 * 1000);
	assert_int_equal(reset.late, 1);
	assert_int_equal(reset.type, SPDK_BDEV_IO_TYPE_RESET);
	/* The reset has ended those two. */
	assert_int_equal(nomem.done + behind.done, 2);

	g_disk.refuse = 0;
	mem_disk_release(&g_disk, 100);
	ON(0, spdk_bdev_unquiesce_range(&g_disk.bdev, g_disk.bdev.module, 100, 8, quiesced_cb, NULL));
	pass(2 * SECOND);
	assert_int_equal(split.done + reset.done + locked.done, 3);
	remove_disk();
}

static void
abort_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_true(success);
	spdk_bdev_free_io(bdev_io);
}

static void
abort_late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	struct io *io = spdk_bdev_io_get_cb_arg(bdev_io);

	if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ) {
		return;
	}
	io->late++;
	assert_int_equal(spdk_bdev_abort(g_user.desc, g_user.ch[io->thread], io, abort_done_cb, NULL), 0);
}

static void
test_abort_in_callback(void **state)
{
	struct io ios[100];
	uint32_t i;
	int rc;

	/* So many that objects are fetched while the walk goes on, and are given back. */
	g_disk.abort_mode = MEM_DISK_ABORT_INLINE;
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		ios[i] = (struct io){.thread = 1};
		submit(&g_user, &ios[i], 1);
	}
	ON(0, rc = spdk_bdev_set_timeout(g_user.desc, 1, abort_late_cb, NULL));
	assert_int_equal(rc, 0);
	pass(1500 * 1000);
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_int_equal(ios[i].late, 1);
		assert_int_equal(ios[i].done, 1);
	}
	remove_disk();
}

static void
free_late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	struct io *io = spdk_bdev_io_get_cb_arg(bdev_io);
	struct spdk_bdev_io **kept = cb_arg;
	uint32_t i;

	io->late++;
	/* Gives back so many at once that they leave the thread, and others take their places. */
	for (i = 0; i < 100 && kept[i] != NULL; i++) {
		spdk_bdev_free_io(kept[i]);
		kept[i] = NULL;
	}
}

static struct spdk_bdev_io *g_kept[101];
static uint32_t g_num_kept;

static void
keep_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_kept[g_num_kept++] = bdev_io;
}

static void
test_free_in_callback(void **state)
{
	struct io ios[100];
	uint32_t i;
	int rc;

	g_num_kept = 0;
	memset(g_kept, 0, sizeof(g_kept));
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		g_disk.mode = MEM_DISK_INLINE;
		ON(1, rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch[1], g_buf, 0, 1, keep_cb, NULL));
		assert_int_equal(rc, 0);
		g_disk.mode = MEM_DISK_HOLD;
		ios[i] = (struct io){.thread = 1};
		submit(&g_user, &ios[i], 1);
	}
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_kept, 100);
	ON(0, rc = spdk_bdev_set_timeout(g_user.desc, 1, free_late_cb, g_kept));
	assert_int_equal(rc, 0);
	pass(1500 * 1000);
	/* Each once. */
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_int_equal(ios[i].late, 1);
	}
	mem_disk_release(&g_disk, 100);
	bdk_sim_run_until_idle();
	remove_disk();
}

static void
test_close(void **state)
{
	struct io io = {.thread = 1};
	uint64_t steps;

	/* Closed while a walk is on its way, at each of its steps. The I/O is the channel's, and goes on. */
	for (steps = 0; steps < 8; steps++) {
		uint32_t late;
		uint64_t i;

		mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
		g_disk.mode = MEM_DISK_HOLD;
		open_disk();
		mem_user_open(&g_other, &g_disk, THREADS);
		set_timeout(1);
		io = (struct io){.thread = 1};
		submit(&g_user, &io, 1);
		pass(999 * 1000);
		assert_int_equal(io.late, 0);
		pass(1000);
		for (i = 0; i < steps; i++) {
			bdk_sim_step();
		}
		ON(0, spdk_bdev_close(g_user.desc));
		late = io.late;
		pass(5 * SECOND);
		assert_int_equal(io.late, late);
		mem_disk_release(&g_disk, 1);
		bdk_sim_run_until_idle();
		for (i = 0; i < THREADS; i++) {
			ON(i, spdk_put_io_channel(g_user.ch[i]));
		}
		mem_user_close(&g_other);
		mem_disk_remove(&g_disk);
	}
}

/* ---- asleep ---- */

static void
assert_asleep(void)
{
	uint64_t steps;

	/* Strict mode looks for I/O, too, and rests later. */
	pass(100 * SECOND);
	steps = bdk_sim_get_step_count();
	pass(100 * SECOND);
	assert_int_equal(bdk_sim_get_step_count(), steps);
}

static void
test_sleeps_while_idle(void **state)
{
	struct io io = {.thread = 2}, reset = {.thread = 1};
	uint32_t round;

	open_disk();
	mem_user_open(&g_other, &g_disk, THREADS);
	set_timeout(3);
	ON(0, assert_int_equal(spdk_bdev_set_timeout(g_other.desc, 5, late_cb, &g_timeout_arg), 0));
	for (round = 0; round < 3; round++) {
		assert_asleep();
		io = (struct io){.thread = 2};
		submit(&g_user, &io, 1);
		pass(2900 * 1000);
		assert_int_equal(io.late, 0);
		pass(SECOND);
		assert_int_equal(io.late, 1);
		pass(SECOND);
		assert_int_equal(io.late, 2);
		mem_disk_release(&g_disk, 1);
		/* One more look, which finds nothing. */
		pass(SECOND);
		assert_int_equal(io.late, 2);
		assert_int_equal(io.done, 1);
	}
	/* A reset is I/O as well. */
	g_disk.bdev.reset_io_drain_timeout = 0;
	submit(&g_user, &io, 1);
	submit(&g_user, &reset, 0);
	pass(2 * SECOND);
	assert_int_equal(reset.done, 1);
	assert_asleep();
	/* Nothing to look for, and nothing that looks. */
	set_timeout(0);
	submit(&g_user, &io, 1);
	mem_disk_release(&g_disk, 1);
	pass(2 * SECOND);
	assert_asleep();
	mem_user_close(&g_other);
	remove_disk();
}

static void
test_new_channel(void **state)
{
	struct io io = {.thread = 2};

	/* A thread that comes while all sleep. */
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, 2);
	set_timeout(2);
	pass(5 * SECOND);
	assert_asleep();
	ON(2, g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc));
	assert_non_null(g_user.ch[2]);
	submit(&g_user, &io, 1);
	pass(2900 * 1000);
	assert_int_equal(io.late, 1);
	mem_disk_release(&g_disk, 1);
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	g_user.ch[2] = NULL;
	remove_disk();
}

static void
test_set_while_asleep(void **state)
{
	struct io io = {.thread = 1};

	open_disk();
	set_timeout(100);
	pass(5 * SECOND);
	assert_asleep();
	/* A shorter one, and one that was ended and begins again. */
	set_timeout(2);
	submit(&g_user, &io, 1);
	pass(2 * SECOND);
	assert_int_equal(io.late, 1);
	mem_disk_release(&g_disk, 1);
	pass(5 * SECOND);
	set_timeout(0);
	io = (struct io){.thread = 1};
	submit(&g_user, &io, 1);
	pass(5 * SECOND);
	set_timeout(2);
	pass(SECOND);
	assert_int_equal(io.late, 1);
	mem_disk_release(&g_disk, 1);
	pass(5 * SECOND);
	assert_asleep();
	remove_disk();
}

/* Closed when the first I/O has sent word, at each step of it. */
static void
test_close_while_waking(void **state)
{
	uint64_t steps, i;
	struct io io;

	for (steps = 0; steps < 4; steps++) {
		struct request request = {.user = &g_other, .io = &io, .num_blocks = 1};

		mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
		open_disk();
		mem_user_open(&g_other, &g_disk, THREADS);
		set_timeout(1);
		pass(5 * SECOND);
		io = (struct io){.thread = 1};
		assert_int_equal(spdk_thread_send_msg(g_sim_threads[1], submit_cb, &request), 0);
		for (i = 0; i < steps; i++) {
			bdk_sim_step();
		}
		mem_user_close(&g_user);
		bdk_sim_run_until_idle();
		assert_int_equal(io.done, 1);
		mem_user_close(&g_other);
		mem_disk_remove(&g_disk);
	}
}

/*
 * I/O that comes at any moment of a look, or between two: none that takes long is missed, none is found that does not, and
 * when all has ended, nobody looks.
 */
static void
run_any_moment(uint64_t seed)
{
	struct io ios[40] = {};
	uint32_t i;

	bdev_sim_start(seed, THREADS);
	bdk_sim_set_step_time(1000 * 1000);
	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	set_timeout(2);
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		struct request request = {.user = &g_user, .io = &ios[i], .num_blocks = 1};

		ios[i].thread = (uint32_t)bdk_sim_random(THREADS);
		ios[i].patience = 2 * spdk_get_ticks_hz();
		ios[i].began = spdk_get_ticks();
		assert_int_equal(spdk_thread_send_msg(g_sim_threads[ios[i].thread], submit_cb, &request), 0);
		bdk_sim_run_for(bdk_sim_random(2) == 0 ? bdk_sim_random(20 * 1000) : bdk_sim_random(1500 * 1000));
		bdk_sim_run_until_idle();
		if (bdk_sim_random(8) == 0) {
			bdk_sim_run_for(4 * SECOND);
			assert_true(ios[i].late > 0);
		}
		if (bdk_sim_random(3) == 0) {
			mem_disk_release(&g_disk, (uint32_t)SPDK_COUNTOF(ios));
			bdk_sim_run_until_idle();
			bdk_sim_run_for(bdk_sim_random(3) * SECOND);
		}
	}
	mem_disk_release(&g_disk, SPDK_COUNTOF(ios));
	pass(3 * SECOND);
	assert_asleep();
	for (i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_int_equal(ios[i].done, 1);
	}
	remove_disk();
	bdev_sim_stop();
}

static void
test_any_moment(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= 60; seed++) {
		run_any_moment(seed);
	}
}

/* ---- spdk_bdev_for_each_bdev_io() ---- */

struct walk {
	uint32_t found[SPDK_BDEV_NUM_IO_TYPES];
	uint32_t threads;
	int stop_with;
	uint32_t done;
	int rc;
};

static int
found_io(void *ctx, struct spdk_bdev_io *bdev_io)
{
	struct walk *walk = ctx;
	uint32_t i;

	assert_ptr_equal(spdk_get_thread(), spdk_bdev_io_get_thread(bdev_io));
	for (i = 0; i < THREADS; i++) {
		walk->threads |= (g_sim_threads[i] == spdk_get_thread()) << i;
	}
	walk->found[bdev_io->type]++;
	return walk->stop_with;
}

static void
walked_cb(void *ctx, int rc)
{
	struct walk *walk = ctx;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[0]);
	walk->done++;
	walk->rc = rc;
}

static void
run_walk(struct walk *walk)
{
	ON(0, spdk_bdev_for_each_bdev_io(&g_disk.bdev, walk, found_io, walked_cb));
	assert_int_equal(walk->done, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(walk->done, 1);
}

static void
test_for_each(void **state)
{
	struct io split = {.thread = 0}, read = {.thread = 1}, reset = {.thread = 2}, done = {.thread = 1};
	struct walk walk = {};

	g_disk.bdev.max_rw_size = 4;
	g_disk.bdev.reset_io_drain_timeout = 100;
	open_disk();
	run_walk(&walk);
	assert_int_equal(walk.rc, 0);
	assert_int_equal(walk.threads, 0);

	submit(&g_user, &split, 32);
	submit(&g_user, &read, 1);
	submit(&g_user, &reset, 0);
	g_disk.mode = MEM_DISK_INLINE;
	submit(&g_user, &done, 1);
	bdk_sim_run_until_idle();
	walk = (struct walk){};
	run_walk(&walk);
	assert_int_equal(walk.rc, 0);
	/* The whole, its eight parts, the single one; the one that has ended is not there. */
	assert_int_equal(walk.found[SPDK_BDEV_IO_TYPE_READ], 10);
	assert_int_equal(walk.found[SPDK_BDEV_IO_TYPE_RESET], 1);
	assert_int_equal(walk.threads, 7);

	walk = (struct walk){.stop_with = -EDOM};
	run_walk(&walk);
	assert_int_equal(walk.rc, -EDOM);
	assert_int_equal(walk.found[SPDK_BDEV_IO_TYPE_READ] + walk.found[SPDK_BDEV_IO_TYPE_RESET], 1);
	mem_disk_release(&g_disk, 100);
	pass(2 * SECOND);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_standing_still, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort_in_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_in_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sleeps_while_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_while_asleep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_while_waking, setup, teardown),
		cmocka_unit_test(test_any_moment),
		cmocka_unit_test_setup_teardown(test_for_each, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
