/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes of a bdev in strips, most of which become I/O of its bases, that race with all that may meet them above
 * and below: aborts, resets, locks, rate limits, shortage of memory and of buffers, splitting, users that leave, bases that
 * are pulled out; in the order that a seed gives. Every I/O ends once, and what was written reads back.
 *
 * BDEV_ROUTE_SEED=n runs that schedule only, BDEV_ROUTE_COUNT=n so many.
 */

#include "strips_bdev.h"

#define THREADS 3
#define DISK_BLOCKS 256
#define BLOCK 512
#define JOBS 16
#define JOB_BLOCKS 12
#define ACTIONS 250
#define NUM_BLOCKS (JOBS * JOB_BLOCKS)

/* Each has blocks of its own, and one I/O at a time. */
struct job {
	uint32_t thread;
	uint32_t number;
	bool busy;
	bool write;
	uint64_t first;
	uint64_t num_blocks;
	/* What its blocks hold; 0: nobody knows, as a write has failed. */
	uint8_t versions[JOB_BLOCKS];
	uint8_t next_version;
	uint8_t buf[JOB_BLOCKS * BLOCK];
};

/* A place that may be locked. */
struct lock {
	struct spdk_bdev *bdev;
	bool wanted;
	bool granted;
	bool ending;
	uint64_t offset;
	uint64_t num_blocks;
};

static struct mem_disk g_disks[STRIPS_BASES];
static struct mem_user g_user, g_below[STRIPS_BASES];
static struct job g_jobs[JOBS];
/* Of the bdev, and of each base. */
static struct lock g_locks[1 + STRIPS_BASES];
static uint32_t g_pending;
static bool g_pulled;
static uint64_t g_seed, g_done, g_failed, g_routed, g_aborted;

static uint64_t
below(uint64_t limit)
{
	return bdk_sim_random(limit);
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- I/O ---- */

static void
judge(struct job *job, bool success)
{
	for (uint64_t i = 0; i < job->num_blocks; i++) {
		uint8_t *version = &job->versions[job->first + i], wanted[BLOCK];

		if (job->write) {
			*version = success ? job->next_version : 0;
		} else if (success && *version != 0) {
			memset(wanted, *version, sizeof(wanted));
			assert_memory_equal(job->buf + i * BLOCK, wanted, BLOCK);
		}
	}
}

static void
job_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct job *job = cb_arg;

	assert_true(job->busy);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[job->thread]);
	assert_ptr_equal(bdev_io->bdev, &g_strips.bdev);
	assert_ptr_equal(spdk_bdev_io_get_cb_arg(bdev_io), job);
	assert_int_equal(bdev_io->u.bdev.offset_blocks, job->number * JOB_BLOCKS + job->first);
	judge(job, success);
	job->busy = false;
	g_done++;
	g_failed += !success;
	spdk_bdev_free_io(bdev_io);
}

static void
begin_job(struct job *job)
{
	uint64_t offset;
	int rc;

	if (job->busy || g_user.ch[job->thread] == NULL) {
		return;
	}
	job->write = one_in(2);
	job->first = below(JOB_BLOCKS);
	job->num_blocks = 1 + below(JOB_BLOCKS - job->first);
	offset = job->number * JOB_BLOCKS + job->first;
	if (job->write) {
		job->next_version = (uint8_t)(1 + below(255));
		memset(job->buf, job->next_version, sizeof(job->buf));
	}
	ON(job->thread, {
		rc = job->write ? spdk_bdev_write_blocks(g_user.desc, g_user.ch[job->thread], job->buf, offset,
					  job->num_blocks, job_done_cb, job)
				: spdk_bdev_read_blocks(g_user.desc, g_user.ch[job->thread], job->buf, offset,
					  job->num_blocks, job_done_cb, job);
		job->busy = rc == 0;
	});
	assert_true(rc == 0 || rc == -ENOMEM);
}

static void
other_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_pending--;
	g_aborted += success && bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT;
	spdk_bdev_free_io(bdev_io);
}

static void
abort_job(struct job *job)
{
	int rc = 0;

	if (g_user.ch[job->thread] != NULL) {
		g_pending++;
		ON(job->thread, rc = spdk_bdev_abort(g_user.desc, g_user.ch[job->thread], job, other_done_cb, NULL));
		g_pending -= rc != 0;
	}
}

static void
reset(const struct mem_user *user, uint32_t thread)
{
	int rc;

	if (user->desc == NULL || user->ch[thread] == NULL) {
		return;
	}
	g_pending++;
	ON(thread, rc = spdk_bdev_reset(user->desc, user->ch[thread], other_done_cb, NULL));
	g_pending -= rc != 0;
}

/* ---- what gets in the way ---- */

static void
locked_cb(void *ctx, int status)
{
	struct lock *lock = ctx;

	lock->granted = status == 0;
	lock->wanted = false;
}

static void
unlocked_cb(void *ctx, int status)
{
	struct lock *lock = ctx;

	lock->granted = false;
	lock->ending = false;
}

static void
lock_or_unlock(struct lock *lock, bool may_lock)
{
	if (lock->granted && !lock->ending) {
		lock->ending = true;
		ON(0,
			assert_int_equal(spdk_bdev_unquiesce_range(lock->bdev, lock->bdev->module, lock->offset,
						 lock->num_blocks, unlocked_cb, lock),
				0));
	} else if (may_lock && !lock->wanted && !lock->granted && !g_pulled) {
		lock->offset = below(lock->bdev->blockcnt / 2);
		lock->num_blocks = 1 + below(lock->bdev->blockcnt / 2);
		lock->wanted = true;
		ON(0,
			assert_int_equal(spdk_bdev_quiesce_range(lock->bdev, lock->bdev->module, lock->offset,
						 lock->num_blocks, locked_cb, lock),
				0));
	}
}

static void
limited_cb(void *cb_arg, int status)
{
}

static void
limit(struct spdk_bdev *bdev, uint64_t iops)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {iops, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	if (!g_pulled) {
		ON(0, spdk_bdev_set_qos_rate_limits(bdev, limits, limited_cb, NULL));
	}
}

/* Its channel goes when its I/O has ended. */
static void
leave(uint32_t thread)
{
	if (g_user.ch[thread] != NULL) {
		ON(thread, spdk_put_io_channel(g_user.ch[thread]));
		g_user.ch[thread] = NULL;
	}
}

static void
close_below(void)
{
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		mem_user_close(&g_below[i]);
	}
}

/* A base is unregistered, and the bdev with it. */
static void
pull(void)
{
	if (g_pulled) {
		return;
	}
	g_pulled = true;
	ON(0, spdk_bdev_unregister(&g_disks[below(STRIPS_BASES)].bdev, NULL, NULL));
}

static void
act(void)
{
	struct job *job = &g_jobs[below(JOBS)];
	struct mem_disk *disk = &g_disks[below(STRIPS_BASES)];
	uint64_t steps = below(12);

	switch (below(20)) {
	case 0:
	case 1:
		abort_job(job);
		break;
	case 2:
	case 3:
		mem_disk_release(disk, below(10));
		break;
	case 4:
		if (one_in(25)) {
			reset(&g_user, job->thread);
		}
		break;
	case 5:
		if (one_in(25)) {
			reset(&g_below[below(STRIPS_BASES)], job->thread);
		}
		break;
	case 6:
		disk->refuse = below(4);
		break;
	case 7:
		bdk_sim_run_for(below(3000));
		break;
	case 8:
	case 9:
		lock_or_unlock(&g_locks[below(SPDK_COUNTOF(g_locks))], one_in(3));
		break;
	case 10:
		if (one_in(6)) {
			limit(one_in(2) ? &g_strips.bdev : &disk->bdev, one_in(2) ? 0 : 1000 * (1 + below(20)));
		}
		break;
	case 11:
		if (one_in(40)) {
			leave(job->thread);
		} else if (one_in(100)) {
			pull();
		}
		break;
	default:
		begin_job(job);
		break;
	}
	while (steps-- > 0 && bdk_sim_step()) {
	}
}

/* ---- a schedule ---- */

static void
set_up(void)
{
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		struct mem_disk *disk = &g_disks[i];

		mem_disk_init(disk, i == 0 ? "d0" : "d1", BLOCK, DISK_BLOCKS);
		disk->io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
		disk->mode = MEM_DISK_RANDOM;
		disk->abort_mode = MEM_DISK_ABORT_RANDOM;
		disk->reset_keeps = one_in(4);
		disk->get_buf = one_in(2);
		disk->bdev.max_rw_size = one_in(2) ? 0 : 1 + (uint32_t)below(5);
		disk->bdev.required_alignment = one_in(3) ? 12 : 0;
		disk->bdev.reset_io_drain_timeout = one_in(2) ? 0 : 1;
		mem_disk_add(disk);
	}
	strips_bdev_create(g_disks, NUM_BLOCKS);
	mem_user_open_name(&g_user, "strips", THREADS, true);
	g_locks[0] = (struct lock){.bdev = &g_strips.bdev};
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		/* For resets, which need no right to write. */
		mem_user_open_name(&g_below[i], g_disks[i].name, THREADS, false);
		g_locks[1 + i] = (struct lock){.bdev = &g_disks[i].bdev};
	}
	for (uint32_t i = 0; i < JOBS; i++) {
		g_jobs[i] = (struct job){.number = i, .thread = i % THREADS};
	}
	g_pending = 0;
	g_pulled = false;
}

static bool
all_done(void)
{
	bool done = g_pending == 0;

	for (uint32_t i = 0; i < JOBS; i++) {
		done = done && !g_jobs[i].busy;
	}
	for (uint32_t i = 0; i < SPDK_COUNTOF(g_locks); i++) {
		done = done && !g_locks[i].wanted && !g_locks[i].granted;
	}
	return done;
}

static void
tear_down(void)
{
	close_below();
	mem_user_close(&g_user);
	bdk_sim_run_for(100 * 1000);
	if (!g_pulled) {
		strips_bdev_remove();
	}
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		assert_int_equal(g_disks[i].inside, 0);
		if (!g_disks[i].destructed) {
			mem_disk_remove(&g_disks[i]);
		}
	}
}

static void
run_schedule(uint64_t seed)
{
	bdev_sim_start(seed, THREADS);
	set_up();
	for (uint32_t i = 0; i < ACTIONS; i++) {
		act();
	}
	g_routed += g_disks[0].num_records + g_disks[1].num_records;
	limit(&g_strips.bdev, 0);
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		limit(&g_disks[i].bdev, 0);
		g_disks[i].mode = MEM_DISK_INLINE;
		g_disks[i].refuse = 0;
	}
	for (uint32_t i = 0; i < 100 && !all_done(); i++) {
		for (uint32_t n = 0; n < SPDK_COUNTOF(g_locks); n++) {
			lock_or_unlock(&g_locks[n], false);
		}
		for (uint32_t n = 0; n < STRIPS_BASES; n++) {
			mem_disk_release(&g_disks[n], UINT32_MAX);
		}
		bdk_sim_run_for(100 * 1000);
	}
	assert_true(all_done());
	tear_down();
	bdev_sim_stop();
}

static void
print_seed(void)
{
	if (g_seed != 0) {
		fprintf(stderr, "failed at BDEV_ROUTE_SEED=%" PRIu64 "\n", g_seed);
	}
}

static void
test_schedules(void **state)
{
	const char *seed = getenv("BDEV_ROUTE_SEED"), *count = getenv("BDEV_ROUTE_COUNT");
	uint64_t last = count != NULL ? strtoull(count, NULL, 10) : 300, seen = 0;

	if (seed != NULL) {
		g_seed = strtoull(seed, NULL, 10);
		run_schedule(g_seed);
	} else {
		for (g_seed = 1; g_seed <= last; g_seed++) {
			run_schedule(g_seed);
			seen += g_strips.seen;
		}
	}
	printf("%" PRIu64 " I/Os, %" PRIu64 " of them failed; %" PRIu64 " went to the bases, %" PRIu64
	       " came through the module; %" PRIu64 " aborts succeeded\n",
		g_done, g_failed, g_routed, seen, g_aborted);
	/* Enough of each, or the schedules are not worth much. */
	assert_true(seed != NULL || (g_aborted > last / 2 && g_failed < g_done / 2 && g_routed > seen && seen > last));
	g_seed = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
	};

	atexit(print_seed);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
