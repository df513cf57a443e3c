/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/zone_block under seeds: threads that write, append and manage without waiting for each other, on a base that
 * is slow, refuses and fails. Every place that was given is somebody's alone, what was written is there, limits hold, and in
 * the end each zone is what the answers say that it must be.
 */

#include "../bdev/bdev_sim.h"
#include "../bdev/mem_disk.h"

#include "module/bdev/zone_block/vbdev_zone_block.h"
#include "spdk/bdev_zone.h"
#include "spdk/nvme_spec.h"
#include "spdk/util.h"

#define BIT(TYPE) (1ull << SPDK_BDEV_IO_TYPE_##TYPE)

#define BLOCK 512
#define ZONE 32
#define CAPACITY 29
#define NUM_ZONES 6
#define NUM_THREADS 4
#define MAX_BLOCKS 5
#define MAX_IOS 24
#define MAX_OPEN 3
#define MAX_ACTIVE 4

static struct mem_disk g_disk;
static struct mem_user g_user;

struct job {
	bool used;
	bool done;
	bool success;
	uint32_t thread;
	enum spdk_bdev_io_type type;
	enum spdk_bdev_zone_action action;
	uint32_t zone;
	uint64_t num_blocks;
	/* Order of submission. */
	uint64_t number;
	uint64_t location;
	uint8_t buf[MAX_BLOCKS * BLOCK];
	struct spdk_bdev_zone_info infos[NUM_ZONES];
};

/* What the answers say of a zone. */
struct known_zone {
	/* Number of the write whose data each block has; 0: nobody knows. */
	uint64_t blocks[CAPACITY];
	/* End of the last block that was written well since the last reset. */
	uint64_t good;
	/* The newest append of each thread and where it went. */
	uint64_t last_number[NUM_THREADS];
	uint64_t last_location[NUM_THREADS];
	/* Resets and finishes on their way: answers about them and about writes may come in any order. */
	uint32_t changing;
	/* There were resets while writes were on their way, or the other way round. */
	bool unclear;
	uint32_t writing;
};

static struct job g_jobs[MAX_IOS];
static struct known_zone g_zones[NUM_ZONES];
static uint64_t g_number;
static struct {
	uint64_t good_writes, failed_writes, resets, reports, ordered;
} g_seen;

static void
fill(uint8_t *buf, uint64_t number, uint64_t num_blocks)
{
	for (uint64_t i = 0; i < num_blocks; i++) {
		memset(buf + i * BLOCK, number * 7 + i, BLOCK);
		memcpy(buf + i * BLOCK, &number, sizeof(number));
	}
}

static void
learn_write(struct job *job)
{
	struct known_zone *zone = &g_zones[job->zone];
	uint64_t in_zone = job->location - job->zone * ZONE;

	if (!job->success) {
		g_seen.failed_writes++;
		return;
	}
	g_seen.good_writes++;
	assert_true(job->location >= job->zone * ZONE && in_zone + job->num_blocks <= CAPACITY);
	if (zone->unclear) {
		return;
	}
	for (uint64_t i = 0; i < job->num_blocks; i++) {
		assert_int_equal(zone->blocks[in_zone + i], 0);
		zone->blocks[in_zone + i] = job->number;
	}
	zone->good = spdk_max(zone->good, in_zone + job->num_blocks);
	/* What a thread appends lies in the order in which it came. */
	if (job->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND && zone->last_number[job->thread] != 0) {
		assert_int_equal(
			job->number > zone->last_number[job->thread], job->location > zone->last_location[job->thread]);
		g_seen.ordered++;
	}
	if (job->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND) {
		zone->last_number[job->thread] = job->number;
		zone->last_location[job->thread] = job->location;
	}
}

static void
forget(struct known_zone *zone)
{
	memset(zone->blocks, 0, sizeof(zone->blocks));
	memset(zone->last_number, 0, sizeof(zone->last_number));
	zone->good = 0;
}

static void
learn_management(struct job *job)
{
	struct known_zone *zone = &g_zones[job->zone];

	zone->changing -= job->action == SPDK_BDEV_ZONE_RESET;
	if (job->action == SPDK_BDEV_ZONE_RESET && job->success) {
		g_seen.resets++;
		forget(zone);
	} else if (job->action == SPDK_BDEV_ZONE_RESET) {
		/* The base may have forgotten some of it. */
		forget(zone);
		zone->unclear = true;
	}
}

static void
learn_report(struct job *job)
{
	uint32_t open = 0, active = 0;

	assert_true(job->success);
	g_seen.reports++;
	for (uint32_t i = 0; i < NUM_ZONES; i++) {
		struct spdk_bdev_zone_info *info = &job->infos[i];
		bool is_open =
			info->state == SPDK_BDEV_ZONE_STATE_IMP_OPEN || info->state == SPDK_BDEV_ZONE_STATE_EXP_OPEN;

		assert_int_equal(info->zone_id, i * ZONE);
		assert_true(info->write_pointer >= info->zone_id && info->write_pointer <= info->zone_id + CAPACITY);
		open += is_open;
		active += is_open || info->state == SPDK_BDEV_ZONE_STATE_CLOSED;
	}
	assert_true(open <= MAX_OPEN);
	assert_true(active <= MAX_ACTIVE);
}

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct job *job = cb_arg;

	assert_true(job->used && !job->done);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[job->thread]);
	job->done = true;
	job->success = success;
	if (job->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND && success) {
		job->location = spdk_bdev_io_get_append_location(bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (job->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND || job->type == SPDK_BDEV_IO_TYPE_WRITE) {
		g_zones[job->zone].writing--;
		learn_write(job);
	} else if (job->type == SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT) {
		learn_management(job);
	} else if (job->type == SPDK_BDEV_IO_TYPE_GET_ZONE_INFO) {
		learn_report(job);
	}
	job->used = false;
}

static int
submit_write(struct job *job, bool append)
{
	struct known_zone *zone = &g_zones[job->zone];
	struct spdk_io_channel *ch = g_user.ch[job->thread];
	int rc;

	job->type = append ? SPDK_BDEV_IO_TYPE_ZONE_APPEND : SPDK_BDEV_IO_TYPE_WRITE;
	job->num_blocks = 1 + bdk_sim_random(MAX_BLOCKS);
	/* A guess that is right if nobody else writes. */
	job->location = job->zone * ZONE + spdk_min(zone->good, CAPACITY - 1);
	job->num_blocks = spdk_min(job->num_blocks, NUM_ZONES * ZONE - job->location);
	fill(job->buf, job->number, job->num_blocks);
	if (append) {
		rc = spdk_bdev_zone_append(g_user.desc, ch, job->buf, job->zone * ZONE, job->num_blocks, done_cb, job);
	} else {
		rc = spdk_bdev_write_blocks(g_user.desc, ch, job->buf, job->location, job->num_blocks, done_cb, job);
	}
	if (rc == 0) {
		zone->writing++;
		zone->unclear = zone->unclear || zone->changing > 0;
	}
	return rc;
}

static int
submit_management(struct job *job)
{
	static const enum spdk_bdev_zone_action actions[] = {SPDK_BDEV_ZONE_RESET, SPDK_BDEV_ZONE_RESET,
		SPDK_BDEV_ZONE_OPEN, SPDK_BDEV_ZONE_CLOSE, SPDK_BDEV_ZONE_FINISH};
	struct known_zone *zone = &g_zones[job->zone];
	int rc;

	job->type = SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT;
	job->action = actions[bdk_sim_random(SPDK_COUNTOF(actions))];
	rc = spdk_bdev_zone_management(
		g_user.desc, g_user.ch[job->thread], job->zone * ZONE, job->action, done_cb, job);
	if (rc == 0 && job->action == SPDK_BDEV_ZONE_RESET) {
		zone->unclear = zone->unclear || zone->writing > 0;
		zone->changing++;
	}
	return rc;
}

static void
submit(void *arg)
{
	struct job *job = arg;
	int rc;

	switch (bdk_sim_random(10)) {
	case 0:
		job->type = SPDK_BDEV_IO_TYPE_GET_ZONE_INFO;
		rc = spdk_bdev_get_zone_info(
			g_user.desc, g_user.ch[job->thread], 0, NUM_ZONES, job->infos, done_cb, job);
		break;
	case 1:
		job->type = SPDK_BDEV_IO_TYPE_READ;
		rc = spdk_bdev_read_blocks(
			g_user.desc, g_user.ch[job->thread], job->buf, job->zone * ZONE, MAX_BLOCKS, done_cb, job);
		break;
	case 2:
		rc = submit_management(job);
		break;
	case 3:
		rc = submit_write(job, false);
		break;
	default:
		rc = submit_write(job, true);
		break;
	}
	if (rc != 0) {
		assert_int_equal(rc, -ENOMEM);
		job->used = false;
	}
}

static void
step(void)
{
	struct job *job = &g_jobs[bdk_sim_random(MAX_IOS)];

	if (!job->used) {
		job->used = true;
		job->done = false;
		job->number = ++g_number;
		job->thread = bdk_sim_random(NUM_THREADS);
		job->zone = bdk_sim_random(NUM_ZONES);
		bdk_sim_call(g_sim_threads[job->thread], submit, job);
	}
	if (bdk_sim_random(3) == 0) {
		mem_disk_release_status(&g_disk, bdk_sim_random(4),
			bdk_sim_random(8) == 0 ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	for (uint64_t i = bdk_sim_random(8); i > 0 && bdk_sim_step(); i--) {
	}
}

static bool
is_any_used(void)
{
	for (int i = 0; i < MAX_IOS; i++) {
		if (g_jobs[i].used) {
			return true;
		}
	}
	return false;
}

/* Lets all end. */
static void
settle(void)
{
	for (int i = 0; i < 10000 && is_any_used(); i++) {
		bdk_sim_run_for(1000);
		mem_disk_release(&g_disk, 1000);
		bdk_sim_run_until_idle();
	}
	assert_false(is_any_used());
}

static void
report_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_true(success);
	*(bool *)cb_arg = true;
	spdk_bdev_free_io(bdev_io);
}

/* Nothing is on its way: what is on the disk, and what the device says of itself, follows from the answers. */
static void
compare(void)
{
	struct spdk_bdev_zone_info infos[NUM_ZONES];
	uint64_t number;
	bool done = false;

	g_disk.mode = MEM_DISK_INLINE;
	ON(0,
		assert_int_equal(
			spdk_bdev_get_zone_info(g_user.desc, g_user.ch[0], 0, NUM_ZONES, infos, report_cb, &done), 0));
	bdk_sim_run_until_idle();
	assert_true(done);
	g_disk.mode = MEM_DISK_RANDOM;
	for (uint32_t i = 0; i < NUM_ZONES; i++) {
		struct known_zone *zone = &g_zones[i];

		if (zone->unclear) {
			continue;
		}
		for (uint32_t j = 0; j < CAPACITY; j++) {
			memcpy(&number, g_disk.data + (i * ZONE + j) * BLOCK, sizeof(number));
			if (zone->blocks[j] != 0) {
				assert_int_equal(number, zone->blocks[j]);
			}
		}
		if (infos[i].state != SPDK_BDEV_ZONE_STATE_FULL) {
			assert_int_equal(infos[i].write_pointer - infos[i].zone_id, zone->good);
		}
	}
}

/* Makes it known again what is in the zones. */
static void
reset_all(void)
{
	struct job *job = &g_jobs[0];

	g_disk.mode = MEM_DISK_INLINE;
	for (uint32_t i = 0; i < NUM_ZONES; i++) {
		memset(&g_zones[i], 0, sizeof(g_zones[i]));
		*job = (struct job){.used = true,
			.type = SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
			.action = SPDK_BDEV_ZONE_RESET,
			.zone = i};
		g_zones[i].changing++;
		ON(0,
			assert_int_equal(spdk_bdev_zone_management(g_user.desc, g_user.ch[0], i * ZONE,
						 SPDK_BDEV_ZONE_RESET, done_cb, job),
				0));
		bdk_sim_run_until_idle();
		assert_true(job->success);
	}
	g_disk.mode = MEM_DISK_RANDOM;
}

static void
run_seed(uint64_t seed)
{
	struct bdk_vbdev_opts opts = {.name = "z", .base_name = "d"};
	struct zone_block_params params = {.zone_capacity = CAPACITY,
		.optimal_open_zones = 1,
		.max_open_zones = MAX_OPEN,
		.max_active_zones = MAX_ACTIVE};
	const char *why;
	int rc;

	bdev_sim_start(seed, NUM_THREADS);
	mem_disk_init(&g_disk, "d", BLOCK, NUM_ZONES * ZONE);
	g_disk.io_types = BIT(READ) | BIT(WRITE) | BIT(RESET) | (seed % 4 != 0 ? BIT(UNMAP) : 0);
	mem_disk_add(&g_disk);
	ON(0, rc = vbdev_zone_block_create(&opts, &params, &why));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, "z", NUM_THREADS, true);
	for (int round = 0; round < 3; round++) {
		reset_all();
		for (int i = 0; i < 60; i++) {
			step();
		}
		settle();
		compare();
	}
	mem_user_close(&g_user);
	/* Takes the zones along. */
	mem_disk_remove(&g_disk);
	bdev_sim_stop();
}

static void
test_many_seeds(void **state)
{
	for (uint64_t seed = 1; seed <= 1000; seed++) {
		run_seed(seed);
	}
	assert_true(g_seen.good_writes > 10000);
	assert_true(g_seen.failed_writes > 1000);
	assert_true(g_seen.resets > 1000);
	assert_true(g_seen.reports > 1000);
	assert_true(g_seen.ordered > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
