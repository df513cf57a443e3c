/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Aborts that race with completion, splitting, shortage of memory and of buffers, rate limits and resets, in the order
 * that a seed gives. Every I/O and every abort ends once. When an abort has succeeded, all that it was to abort has
 * ended.
 *
 * BDEV_ABORT_SEED=n runs that schedule only, BDEV_ABORT_COUNT=n so many.
 */

#include "mem_disk.h"

#define THREADS 3
#define CLIENTS 10
#define MAX_ABORTS 400
#define NUM_BLOCKS 256
#define ACTIONS 250

/* Whoever submits I/O, several at a time, all with itself as argument. */
struct client {
	uint32_t thread;
	uint32_t submitted;
	uint32_t ended;
};

struct abort {
	struct client *client;
	/* What the client had submitted when it was aborted. */
	uint32_t submitted;
	uint32_t done;
};

static struct mem_disk g_disk;
static struct mem_user g_user;
static struct client g_clients[CLIENTS];
static struct abort g_aborts[MAX_ABORTS];
static uint32_t g_num_aborts, g_num_resets, g_resets_done;
static bool g_native_zeroes;
static uint8_t g_buf[128 * 512];
static uint64_t g_aborted, g_refused, g_io_failed, g_io_done;

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

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct client *client = cb_arg;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[client->thread]);
	client->ended++;
	g_io_done++;
	g_io_failed += !success;
	spdk_bdev_free_io(bdev_io);
}

static void
submit(struct client *client)
{
	struct spdk_io_channel *ch = g_user.ch[client->thread];
	uint64_t offset = below(NUM_BLOCKS / 2), num_blocks = 1 + below(96), kind = below(5);
	int rc;

	/* Zeroes that the layer makes from writes are not found by an abort. */
	if (kind == 1 && !g_native_zeroes) {
		kind = 0;
	}

	ON(client->thread, {
		switch (kind) {
		case 0:
			rc = spdk_bdev_unmap_blocks(g_user.desc, ch, offset, num_blocks, io_done_cb, client);
			break;
		case 1:
			rc = spdk_bdev_write_zeroes_blocks(g_user.desc, ch, offset, num_blocks, io_done_cb, client);
			break;
		case 2:
			rc = spdk_bdev_write_blocks(g_user.desc, ch, g_buf, offset, num_blocks, io_done_cb, client);
			break;
		case 3:
			rc = spdk_bdev_read_blocks(
				g_user.desc, ch, g_disk.get_buf ? NULL : g_buf, offset, num_blocks, io_done_cb, client);
			break;
		default:
			rc = spdk_bdev_read_blocks(g_user.desc, ch, g_buf, offset, num_blocks, io_done_cb, client);
			break;
		}
	});
	assert_true(rc == 0 || rc == -ENOMEM);
	client->submitted += rc == 0;
}

/* All that was on its way to the owners when the abort ended has arrived. */
static void
check_cb(void *ctx)
{
	struct abort *abort = ctx;

	/* What came later may have ended before what came earlier: at least so many must have. */
	assert_true(abort->client->ended >= abort->submitted);
}

static void
abort_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct abort *abort = cb_arg;

	assert_int_equal(abort->done, 0);
	abort->done++;
	if (success) {
		g_aborted++;
		assert_int_equal(spdk_thread_send_msg(spdk_get_thread(), check_cb, abort), 0);
	} else {
		g_refused++;
	}
	spdk_bdev_free_io(bdev_io);
}

static void
abort_client(struct client *client)
{
	struct abort *abort = &g_aborts[g_num_aborts];
	int rc;

	if (g_num_aborts == MAX_ABORTS) {
		return;
	}
	*abort = (struct abort){.client = client, .submitted = client->submitted};
	ON(client->thread, rc = spdk_bdev_abort(g_user.desc, g_user.ch[client->thread], client, abort_done_cb, abort));
	assert_true(rc == 0 || rc == -ENOMEM);
	g_num_aborts += rc == 0;
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	g_resets_done++;
	spdk_bdev_free_io(bdev_io);
}

static void
reset(uint32_t thread)
{
	int rc;

	ON(thread, rc = spdk_bdev_reset(g_user.desc, g_user.ch[thread], reset_done_cb, NULL));
	assert_true(rc == 0 || rc == -ENOMEM);
	g_num_resets += rc == 0;
}

static void
limited_cb(void *cb_arg, int status)
{
}

static void
limit(uint64_t iops)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {iops, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, limited_cb, NULL));
}

static void
act(void)
{
	struct client *client = &g_clients[below(CLIENTS)];
	uint64_t steps = below(12);

	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		submit(client);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		abort_client(client);
		break;
	case 10:
	case 11:
		mem_disk_release(&g_disk, below(20));
		break;
	case 12:
		if (one_in(4)) {
			reset(client->thread);
		}
		break;
	case 13:
		g_disk.refuse = below(4);
		break;
	case 14:
		bdk_sim_run_for(below(3000));
		break;
	default:
		if (one_in(4)) {
			limit(one_in(2) ? 0 : 1000 * (1 + below(20)));
		}
		break;
	}
	while (steps-- > 0 && bdk_sim_step()) {
	}
}

static bool
all_done(void)
{
	uint32_t i;

	for (i = 0; i < CLIENTS; i++) {
		if (g_clients[i].ended < g_clients[i].submitted) {
			return false;
		}
	}
	for (i = 0; i < g_num_aborts; i++) {
		if (g_aborts[i].done == 0) {
			return false;
		}
	}
	return g_resets_done == g_num_resets;
}

static void
set_up_disk(void)
{
	uint32_t i;

	mem_disk_init(&g_disk, "d", 512, NUM_BLOCKS);
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.mode = MEM_DISK_RANDOM;
	g_disk.abort_mode = MEM_DISK_ABORT_RANDOM;
	g_disk.reset_keeps = one_in(4);
	g_disk.get_buf = one_in(2);
	g_disk.bdev.max_rw_size = one_in(3) ? 0 : 1 + below(16);
	g_disk.bdev.max_unmap = 8;
	g_disk.bdev.max_unmap_segments = one_in(2);
	g_disk.bdev.required_alignment = one_in(3) ? 12 : 0;
	g_native_zeroes = one_in(3);
	if (g_native_zeroes) {
		g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
		g_disk.bdev.max_write_zeroes = 8;
	}
	/* Short enough that the module is asked while I/O is held. */
	g_disk.bdev.reset_io_drain_timeout = one_in(2) ? 0 : 1;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	g_num_aborts = g_num_resets = g_resets_done = 0;
	for (i = 0; i < CLIENTS; i++) {
		g_clients[i] = (struct client){.thread = i % THREADS};
	}
}

static void
run_schedule(uint64_t seed)
{
	uint32_t i;

	bdev_sim_start(seed, THREADS);
	set_up_disk();
	for (i = 0; i < ACTIONS; i++) {
		act();
	}
	g_disk.mode = MEM_DISK_INLINE;
	g_disk.refuse = 0;
	limit(0);
	for (i = 0; i < 100 && !all_done(); i++) {
		mem_disk_release(&g_disk, UINT32_MAX);
		bdk_sim_run_for(100 * 1000);
	}
	assert_true(all_done());
	assert_int_equal(g_disk.inside, 0);
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	bdev_sim_stop();
}

static uint64_t g_seed;

static void
print_seed(void)
{
	if (g_seed != 0) {
		fprintf(stderr, "failed at BDEV_ABORT_SEED=%" PRIu64 "\n", g_seed);
	}
}

static void
test_schedules(void **state)
{
	const char *seed = getenv("BDEV_ABORT_SEED"), *count = getenv("BDEV_ABORT_COUNT");
	uint64_t last = count != NULL ? strtoull(count, NULL, 10) : 500;

	if (seed != NULL) {
		g_seed = strtoull(seed, NULL, 10);
		run_schedule(g_seed);
	} else {
		for (g_seed = 1; g_seed <= last; g_seed++) {
			run_schedule(g_seed);
		}
	}
	printf("%" PRIu64 " I/Os, %" PRIu64 " of them failed; %" PRIu64 " aborts succeeded, %" PRIu64 " failed\n",
		g_io_done, g_io_failed, g_aborted, g_refused);
	/* Enough of each, or the schedules are not worth much. */
	assert_true(seed != NULL || (g_aborted > last && g_refused > last && g_io_failed < g_io_done));
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
