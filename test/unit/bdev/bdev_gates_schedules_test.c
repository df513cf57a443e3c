/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Clients on several threads use two disks, while ranges are locked and quiesced, rate limits of the disks and of their
 * group change, channels come and go, the disks are reset, and are removed with I/O in every queue. Checked is, at the
 * disks, that nothing touches a range that somebody holds, and that no limit is exceeded in the time since it was set;
 * every I/O and every request ends once; nothing hangs; nothing is left.
 *
 * BDEV_IO_SEED=n runs that schedule only, BDEV_IO_COUNT=n so many.
 */

#include "mem_disk.h"
#include "bdevkit/qos.h"
#include "lib/bdev/io_internal.h"

#define THREADS 4
/* Has no clients, but channels for a while. */
#define VISITOR_THREAD 3
#define DISKS 2
#define CLIENTS 8
#define LOCKERS 4
#define NUM_BLOCKS 64
#define BLOCK_SIZE 512
#define MAX_BLOCKS 16
#define MAX_TURNS 200000
#define KEEP UINT64_MAX

/* What has passed since limits were set. */
struct meter {
	bool on;
	uint64_t start;
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES];
	uint64_t passed[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES];
};

struct target {
	struct mem_disk disk;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[THREADS];
	struct meter meter;
	bool changing;
	/* Of the group: joined, and all channels know. */
	bool member;
	bool in_group;
	uint32_t clients;
	uint32_t resets;
	bool visited;
	bool removing;
	bool unregistered;
	bool gone;
};

struct client {
	struct target *target;
	uint32_t thread;
	enum spdk_bdev_io_type type;
	uint64_t offset;
	uint64_t num_blocks;
	uint32_t left;
	bool running;
	bool stopped;
	bool visitor;
	uint8_t buf[MAX_BLOCKS * BLOCK_SIZE];
	struct spdk_bdev_io_wait_entry wait;
};

enum locker_state {
	LOCKER_IDLE,
	LOCKER_WAITING,
	LOCKER_HOLDING,
	LOCKER_RELEASING,
};

struct locker {
	struct target *target;
	uint32_t thread;
	enum locker_state state;
	bool quiesce;
	uint64_t offset;
	uint64_t num_blocks;
};

/* An I/O inside a disk. */
struct inside {
	struct spdk_bdev_io *bdev_io;
	struct target *target;
};

static struct target g_targets[DISKS];
static struct client g_clients[CLIENTS], g_visitor;
static struct locker g_lockers[LOCKERS];
static struct inside g_inside[1024];
static uint32_t g_num_inside;
static struct meter g_group_meter;
/* No I/O enters a disk later than its limit has let it pass. */
static bool g_exact;
static uint64_t g_completed, g_failed, g_granted, g_kept_back, g_metered, g_changes;

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

/* ---- checks at the disks ---- */

static bool
is_disturbed(const struct locker *locker, const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (!locker->quiesce) {
			return false;
		}
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		break;
	default:
		return false;
	}
	return bdev_io->u.bdev.num_blocks > 0 && bdev_io->u.bdev.offset_blocks < locker->offset + locker->num_blocks &&
		locker->offset < bdev_io->u.bdev.offset_blocks + bdev_io->u.bdev.num_blocks;
}

/* The most that may have passed: the allowance of each slice that has begun, and one I/O more than it allows. */
static void
check_meter(const struct meter *meter, uint64_t bytes)
{
	uint64_t slices = (spdk_get_ticks() - meter->start) / (spdk_get_ticks_hz() / 1000) + 1;
	int i;

	for (i = 0; i < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; i++) {
		uint64_t unit = i == SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT ? 1 : bytes;

		if (meter->limits[i] != 0) {
			assert_true(meter->passed[i] < slices * (meter->limits[i] / 1000) + spdk_max(unit, 1));
			g_metered++;
		}
	}
}

static void
count(struct meter *meter, const struct spdk_bdev_io *bdev_io)
{
	uint64_t bytes = bdev_io->u.bdev.num_blocks * BLOCK_SIZE;

	if (!meter->on) {
		return;
	}
	meter->passed[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT]++;
	meter->passed[SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT] += bytes;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		meter->passed[SPDK_BDEV_QOS_R_BPS_RATE_LIMIT] += bytes;
	} else {
		meter->passed[SPDK_BDEV_QOS_W_BPS_RATE_LIMIT] += bytes;
	}
	if (g_exact) {
		check_meter(meter, MAX_BLOCKS * BLOCK_SIZE);
	}
}

static void
observe(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters)
{
	struct target *target = SPDK_CONTAINEROF(disk, struct target, disk);
	uint32_t i;

	if (!enters) {
		for (i = 0; g_inside[i].bdev_io != bdev_io; i++) {
			assert_true(i < g_num_inside);
		}
		g_inside[i] = g_inside[--g_num_inside];
		return;
	}
	assert_true(g_num_inside < SPDK_COUNTOF(g_inside));
	g_inside[g_num_inside++] = (struct inside){bdev_io, target};
	for (i = 0; i < LOCKERS; i++) {
		struct locker *locker = &g_lockers[i];

		assert_false(
			locker->target == target && locker->state == LOCKER_HOLDING && is_disturbed(locker, bdev_io));
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		count(&target->meter, bdev_io);
		if (target->member) {
			count(&g_group_meter, bdev_io);
		}
	}
}

/* ---- lockers ---- */

static void
granted_cb(void *ctx, int status)
{
	struct locker *locker = ctx, *other;
	uint32_t i;

	assert_int_equal(locker->state, LOCKER_WAITING);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[locker->thread]);
	if (status != 0) {
		assert_int_equal(status, -ENODEV);
		assert_true(locker->target->unregistered);
		locker->state = LOCKER_IDLE;
		locker->target = NULL;
		return;
	}
	locker->state = LOCKER_HOLDING;
	g_granted++;
	for (i = 0; i < g_num_inside; i++) {
		assert_false(g_inside[i].target == locker->target && is_disturbed(locker, g_inside[i].bdev_io));
	}
	for (i = 0; i < LOCKERS; i++) {
		other = &g_lockers[i];
		assert_false(other != locker && other->state == LOCKER_HOLDING && other->target == locker->target &&
			other->offset < locker->offset + locker->num_blocks &&
			locker->offset < other->offset + other->num_blocks);
	}
}

static void
released_cb(void *ctx, int status)
{
	struct locker *locker = ctx;

	assert_int_equal(status, 0);
	assert_int_equal(locker->state, LOCKER_RELEASING);
	locker->state = LOCKER_IDLE;
	locker->target = NULL;
}

static void
lock(struct locker *locker)
{
	struct target *target = &g_targets[below(DISKS)];
	struct spdk_bdev *bdev = &target->disk.bdev;
	int rc;

	if (target->unregistered) {
		return;
	}
	locker->target = target;
	locker->quiesce = one_in(2);
	locker->offset = below(NUM_BLOCKS);
	locker->num_blocks = 1 + below(spdk_min(NUM_BLOCKS - locker->offset, 20));
	locker->state = LOCKER_WAITING;
	if (locker->quiesce) {
		ON(locker->thread,
			rc = spdk_bdev_quiesce_range(
				bdev, bdev->module, locker->offset, locker->num_blocks, granted_cb, locker));
	} else {
		ON(locker->thread, rc = bdev_lock_range(bdev, locker->offset, locker->num_blocks, granted_cb, locker));
	}
	assert_int_equal(rc, 0);
}

static void
unlock(struct locker *locker)
{
	struct spdk_bdev *bdev = &locker->target->disk.bdev;
	int rc;

	locker->state = LOCKER_RELEASING;
	if (locker->quiesce) {
		ON(locker->thread,
			rc = spdk_bdev_unquiesce_range(
				bdev, bdev->module, locker->offset, locker->num_blocks, released_cb, locker));
	} else {
		ON(locker->thread,
			rc = bdev_unlock_range(bdev, locker->offset, locker->num_blocks, released_cb, locker));
	}
	assert_int_equal(rc, 0);
}

static bool
has_lockers(const struct target *target)
{
	uint32_t i;

	for (i = 0; i < LOCKERS; i++) {
		if (g_lockers[i].target == target) {
			return true;
		}
	}
	return false;
}

static void
run_locker(struct locker *locker)
{
	bool ending = locker->target != NULL && locker->target->unregistered;

	if (locker->state == LOCKER_IDLE && one_in(30)) {
		lock(locker);
	} else if (locker->state == LOCKER_HOLDING && (ending || one_in(30))) {
		unlock(locker);
	}
}

/* ---- limits ---- */

static void
random_limits(uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES], bool bytes)
{
	uint32_t i;

	for (i = 0; i < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; i++) {
		limits[i] = one_in(2) ? 0 : 1 + below(8);
	}
	limits[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT] *= 1000;
	for (i = SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT; bytes && i < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; i++) {
		limits[i] *= 1024 * 1024;
	}
}

static void
limits_set_cb(void *ctx, int status)
{
	struct target *target = ctx;

	assert_int_equal(status, 0);
	assert_true(target->changing);
	target->changing = false;
	target->meter.on = true;
}

static void
refused_cb(void *ctx, int status)
{
	assert_int_equal(status, -EAGAIN);
}

static void
change_limits(struct target *target)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES];
	uint32_t thread = below(THREADS);

	if (target->unregistered) {
		return;
	}
	random_limits(limits, false);
	if (target->changing) {
		ON(thread, spdk_bdev_set_qos_rate_limits(&target->disk.bdev, limits, refused_cb, target));
		return;
	}
	target->changing = true;
	memset(&target->meter, 0, sizeof(target->meter));
	target->meter.start = spdk_get_ticks();
	ON(thread, spdk_bdev_set_qos_rate_limits(&target->disk.bdev, limits, limits_set_cb, target));
	memcpy(target->meter.limits, limits, sizeof(limits));
	g_changes++;
}

static void
change_group(void)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES];
	uint32_t i;

	random_limits(limits, false);
	memset(&g_group_meter, 0, sizeof(g_group_meter));
	g_group_meter.on = true;
	g_group_meter.start = spdk_get_ticks();
	assert_int_equal(bdk_bdev_qos_group_set_rate_limits("group", limits), 0);
	for (i = 0; i < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; i++) {
		g_group_meter.limits[i] = limits[i] * (i == SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT ? 1 : 1024 * 1024);
	}
	g_changes++;
}

static void
moved_cb(void *ctx, int status)
{
	struct target *target = ctx;

	assert_int_equal(status, 0);
	assert_true(target->changing);
	target->changing = false;
	target->member = target->in_group;
}

static void
move(struct target *target)
{
	uint32_t thread = below(THREADS);
	bool add = !target->in_group;
	int rc;

	if (target->unregistered) {
		return;
	}
	if (target->changing) {
		ON(thread, rc = bdk_bdev_qos_group_add_bdev("group", &target->disk.bdev, moved_cb, target));
		assert_true(rc == -EAGAIN || rc == -EEXIST);
		return;
	}
	target->changing = true;
	target->in_group = add;
	target->member = false;
	/* Its limits begin anew only for the group. */
	if (add) {
		ON(thread, rc = bdk_bdev_qos_group_add_bdev("group", &target->disk.bdev, moved_cb, target));
	} else {
		ON(thread, rc = bdk_bdev_qos_group_remove_bdev("group", &target->disk.bdev, moved_cb, target));
	}
	assert_int_equal(rc, 0);
	g_changes++;
}

/* ---- clients ---- */

static void next_io(void *ctx);

static void
stop_client(struct client *client)
{
	if (!client->stopped) {
		client->stopped = true;
		client->target->clients--;
	}
}

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct client *client = cb_arg;

	assert_true(client->running);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[client->thread]);
	client->running = false;
	g_completed++;
	g_failed += !success;
	spdk_bdev_free_io(bdev_io);
	if (one_in(3)) {
		spdk_thread_send_msg(spdk_get_thread(), next_io, client);
	} else {
		next_io(client);
	}
}

static int
submit_io(struct client *client)
{
	struct spdk_io_channel *ch = client->target->ch[client->thread];
	struct spdk_bdev_desc *desc = client->target->desc;
	uint64_t offset = client->offset, num_blocks = client->num_blocks;

	switch (client->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_read_blocks(desc, ch, client->buf, offset, num_blocks, io_done_cb, client);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_bdev_write_blocks(desc, ch, client->buf, offset, num_blocks, io_done_cb, client);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch, offset, num_blocks, io_done_cb, client);
	default:
		return spdk_bdev_write_zeroes_blocks(desc, ch, offset, num_blocks, io_done_cb, client);
	}
}

static void
resubmit(void *ctx)
{
	struct client *client = ctx;
	int rc = submit_io(client);

	if (rc == -ENOMEM) {
		client->wait.bdev = &client->target->disk.bdev;
		client->wait.cb_fn = resubmit;
		client->wait.cb_arg = client;
		rc = spdk_bdev_queue_io_wait(client->wait.bdev, client->target->ch[client->thread], &client->wait);
	}
	assert_int_equal(rc, 0);
}

static void
next_io(void *ctx)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_READ,
		SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_UNMAP,
		SPDK_BDEV_IO_TYPE_WRITE_ZEROES};
	struct client *client = ctx;
	uint32_t i;

	if (client->target->removing || client->left == 0) {
		stop_client(client);
		return;
	}
	client->left--;
	client->type = types[below(SPDK_COUNTOF(types))];
	client->offset = below(NUM_BLOCKS);
	client->num_blocks = below(spdk_min(NUM_BLOCKS - client->offset, MAX_BLOCKS) + 1);
	client->running = true;
	for (i = 0; i < LOCKERS; i++) {
		g_kept_back += g_lockers[i].target == client->target && g_lockers[i].state == LOCKER_HOLDING &&
			client->offset < g_lockers[i].offset + g_lockers[i].num_blocks &&
			g_lockers[i].offset < client->offset + client->num_blocks;
	}
	resubmit(client);
}

static void
start_client(struct client *client, uint32_t thread, struct target *target, uint32_t count)
{
	memset(client, 0, sizeof(*client));
	client->target = target;
	client->thread = thread;
	client->left = count;
	target->clients++;
	spdk_thread_send_msg(g_sim_threads[thread], next_io, client);
}

/* A channel that is there for a few I/Os only. */
static void
run_visitor(void)
{
	struct target *target = g_visitor.target;

	if (target == NULL) {
		target = &g_targets[below(DISKS)];
		if (!target->removing && target->desc != NULL && one_in(20)) {
			ON(VISITOR_THREAD, target->ch[VISITOR_THREAD] = spdk_bdev_get_io_channel(target->desc));
			/* Now and then the other threads have all objects of the pool. */
			if (target->ch[VISITOR_THREAD] != NULL) {
				start_client(&g_visitor, VISITOR_THREAD, target, 1 + below(3));
			}
		}
	} else if (g_visitor.stopped) {
		ON(VISITOR_THREAD, spdk_put_io_channel(target->ch[VISITOR_THREAD]));
		target->ch[VISITOR_THREAD] = NULL;
		g_visitor.target = NULL;
	}
}

/* ---- resets ---- */

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct target *target = cb_arg;

	target->resets--;
	spdk_bdev_free_io(bdev_io);
}

static void
reset(struct target *target)
{
	uint32_t thread = below(VISITOR_THREAD);
	int rc;

	if (target->removing) {
		return;
	}
	ON(thread, rc = spdk_bdev_reset(target->desc, target->ch[thread], reset_done_cb, target));
	assert_true(rc == 0 || rc == -ENOMEM);
	target->resets += rc == 0;
}

/* ---- disks ---- */

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct target *target = ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		target->removing = true;
	}
}

static void
add_target(struct target *target, int index)
{
	char name[8];
	uint32_t i;

	snprintf(name, sizeof(name), "d%d", index);
	memset(target, 0, sizeof(*target));
	mem_disk_init(&target->disk, name, BLOCK_SIZE, NUM_BLOCKS);
	target->disk.mode = g_exact ? (enum mem_disk_mode)below(2) : MEM_DISK_RANDOM;
	target->disk.get_buf = !g_exact && one_in(2);
	target->disk.observe = observe;
	target->disk.bdev.max_rw_size = one_in(2) ? 1 + below(8) : 0;
	target->disk.bdev.max_unmap = below(4);
	target->disk.bdev.max_unmap_segments = 1;
	if (one_in(2)) {
		target->disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	}
	mem_disk_add(&target->disk);
	ON(0, assert_int_equal(spdk_bdev_open_ext(name, true, event_cb, target, &target->desc), 0));
	for (i = 0; i < VISITOR_THREAD; i++) {
		ON(i, target->ch[i] = spdk_bdev_get_io_channel(target->desc));
		assert_non_null(target->ch[i]);
	}
}

static void
gone_cb(void *ctx, int rc)
{
	struct target *target = ctx;

	assert_int_equal(rc, 0);
	target->gone = true;
}

static void
remove_target(struct target *target)
{
	target->unregistered = true;
	ON(0, spdk_bdev_unregister(&target->disk.bdev, gone_cb, target));
}

/* Gives everything back when all are done with it. Returns whether it is gone. */
static bool
finish_target(struct target *target)
{
	bool locks = has_lockers(target) && !one_in(200);
	uint32_t i;

	if (target->desc == NULL) {
		return target->gone;
	}
	if (target->removing && target->clients == 0 && target->resets == 0 && !target->changing && !locks &&
		g_visitor.target != target) {
		/* Whoever holds a lock loses it. */
		for (i = 0; i < LOCKERS; i++) {
			if (g_lockers[i].target == target && g_lockers[i].state == LOCKER_HOLDING) {
				g_lockers[i].state = LOCKER_IDLE;
				g_lockers[i].target = NULL;
			}
		}
		for (i = 0; i < VISITOR_THREAD; i++) {
			ON(i, spdk_put_io_channel(target->ch[i]));
		}
		ON(0, spdk_bdev_close(target->desc));
		target->desc = NULL;
	}
	return false;
}

static void
meddle(struct target *target)
{
	if (one_in(40)) {
		change_limits(target);
	}
	if (one_in(60)) {
		move(target);
	}
	if (one_in(100)) {
		change_group();
	}
	if (one_in(400)) {
		reset(target);
	}
	if (one_in(6)) {
		mem_disk_release(&target->disk, 1 + below(4));
	}
}

static void
start_layer(void)
{
	struct spdk_bdev_opts opts = {.opts_size = sizeof(opts)};

	opts.bdev_io_cache_size = CLIENTS * 2 + 1 + below(6);
	opts.bdev_io_pool_size = opts.bdev_io_cache_size * (THREADS + 1) + below(30);
	opts.bdev_auto_examine = true;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
	assert_int_equal(bdk_bdev_qos_group_create("group", NULL), 0);
}

static void
start(void)
{
	uint32_t i;

	g_exact = one_in(2);
	g_num_inside = 0;
	memset(g_lockers, 0, sizeof(g_lockers));
	memset(&g_visitor, 0, sizeof(g_visitor));
	memset(&g_group_meter, 0, sizeof(g_group_meter));
	start_layer();
	for (i = 0; i < DISKS; i++) {
		add_target(&g_targets[i], i);
	}
	for (i = 0; i < LOCKERS; i++) {
		g_lockers[i].thread = below(THREADS);
	}
	for (i = 0; i < CLIENTS; i++) {
		start_client(&g_clients[i], below(VISITOR_THREAD), &g_targets[i % DISKS], 5 + below(30));
	}
}

static void
run_schedule(uint64_t seed)
{
	uint64_t turns, remove_at[DISKS];
	bool all_gone = false;
	uint32_t i;

	bdev_sim_init(seed, THREADS);
	bdk_sim_set_step_time(one_in(2) ? 20000 : 0);
	start();
	for (i = 0; i < DISKS; i++) {
		remove_at[i] = one_in(2) ? below(3000) : MAX_TURNS;
	}
	for (turns = 0; !all_gone; turns++) {
		/* Something always ends what waits. */
		assert_true(turns < MAX_TURNS);
		if (!bdk_sim_step()) {
			bdk_sim_run_for(10 + below(1000));
		}
		for (i = 0; i < LOCKERS; i++) {
			run_locker(&g_lockers[i]);
		}
		run_visitor();
		all_gone = true;
		for (i = 0; i < DISKS; i++) {
			struct target *target = &g_targets[i];

			meddle(target);
			if (!target->unregistered && (turns >= remove_at[i] || target->clients == 0)) {
				remove_target(target);
			}
			all_gone &= finish_target(target);
		}
	}
	for (i = 0; i < CLIENTS; i++) {
		assert_true(g_clients[i].stopped);
		assert_false(g_clients[i].running);
	}
	bdk_sim_run_until_idle();
	for (i = 0; i < LOCKERS; i++) {
		assert_int_equal(g_lockers[i].state, LOCKER_IDLE);
	}
	assert_int_equal(g_num_inside, 0);
	bdev_sim_stop();
}

static uint64_t g_seed;

static void
print_seed(void)
{
	if (g_seed != 0) {
		fprintf(stderr, "failed at BDEV_IO_SEED=%" PRIu64 "\n", g_seed);
	}
}

static void
test_schedules(void **state)
{
	const char *seed = getenv("BDEV_IO_SEED"), *count = getenv("BDEV_IO_COUNT");
	uint64_t last = count != NULL ? strtoull(count, NULL, 10) : 1000;

	if (seed != NULL) {
		g_seed = strtoull(seed, NULL, 10);
		run_schedule(g_seed);
	} else {
		for (g_seed = 1; g_seed <= last; g_seed++) {
			run_schedule(g_seed);
		}
	}
	printf("%" PRIu64 " I/Os, %" PRIu64 " of them failed, %" PRIu64 " met a lock; %" PRIu64 " locks; %" PRIu64
	       " changes of limits, %" PRIu64 " checks of them\n",
		g_completed, g_failed, g_kept_back, g_granted, g_changes, g_metered);
	/* Or the schedules are not worth much. */
	assert_true(seed != NULL || (g_failed > 0 && g_failed < g_completed / 2));
	assert_true(seed != NULL || (g_kept_back > 0 && g_granted > 0 && g_metered > 0));
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
