/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Clients on several threads write and read blocks of their own on two disks that share their module channels, while the
 * disks run out of memory, fail, hold I/O back, want aligned buffers and small pieces, are reset, and are removed with
 * I/O in every state. What is read must be what was written; every I/O ends once; nothing is left.
 *
 * BDEV_IO_SEED=n runs that schedule only, BDEV_IO_COUNT=n so many.
 */

#include "mem_disk.h"

#define THREADS 3
#define DISKS 2
#define CLIENTS 12
#define CLIENT_BLOCKS 24
#define NUM_BLOCKS (CLIENTS * CLIENT_BLOCKS)
#define BLOCK_SIZE 512
#define MD_LEN 8
#define MAX_IOVS 6

struct target {
	struct mem_disk disk;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch[THREADS];
	uint32_t clients;
	uint32_t resets;
	bool removing;
	bool gone;
};

struct client {
	struct target *target;
	uint32_t thread;
	uint64_t first_block;
	/* What the disk must hold; a block that a failed I/O may have changed is not known. */
	uint8_t data[CLIENT_BLOCKS * BLOCK_SIZE];
	uint8_t md[CLIENT_BLOCKS * MD_LEN];
	bool known[CLIENT_BLOCKS];
	/* The I/O that runs. */
	enum spdk_bdev_io_type type;
	uint64_t offset;
	uint64_t num_blocks;
	bool with_md;
	bool provided;
	uint8_t raw[CLIENT_BLOCKS * BLOCK_SIZE + 64];
	uint8_t *buf;
	uint8_t raw_md[CLIENT_BLOCKS * MD_LEN + 8];
	struct iovec iovs[MAX_IOVS];
	int iovcnt;
	bool running;
	bool stopped;
	uint32_t left;
	struct spdk_bdev_io_wait_entry wait;
};

static struct target g_targets[DISKS];
static struct client g_clients[CLIENTS];
static int g_channel_device;
static uint64_t g_completed, g_failed;

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

/* ---- clients ---- */

static void next_io(void *ctx);

static void
stop_client(struct client *client)
{
	struct target *target = client->target;

	if (!client->stopped) {
		client->stopped = true;
		target->clients--;
	}
}

static void
forget(struct client *client)
{
	uint64_t i;

	for (i = 0; i < client->num_blocks; i++) {
		client->known[client->offset + i] = false;
	}
}

static void
check_read(struct client *client, struct spdk_bdev_io *bdev_io)
{
	const uint8_t *data = client->buf;
	struct iovec *iovs;
	int iovcnt;
	uint64_t i;

	if (client->provided) {
		spdk_bdev_io_get_iovec(bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_int_equal(iovs[0].iov_len, client->num_blocks * BLOCK_SIZE);
		data = iovs[0].iov_base;
	}
	for (i = 0; i < client->num_blocks; i++) {
		uint64_t block = client->offset + i;

		if (!client->known[block]) {
			continue;
		}
		assert_memory_equal(data + i * BLOCK_SIZE, client->data + block * BLOCK_SIZE, BLOCK_SIZE);
		if (client->with_md) {
			assert_memory_equal(client->raw_md + i * MD_LEN, client->md + block * MD_LEN, MD_LEN);
		}
	}
}

static void
note_written(struct client *client)
{
	uint64_t i;

	for (i = 0; i < client->num_blocks; i++) {
		uint64_t block = client->offset + i;

		if (client->type == SPDK_BDEV_IO_TYPE_WRITE) {
			memcpy(client->data + block * BLOCK_SIZE, client->buf + i * BLOCK_SIZE, BLOCK_SIZE);
			if (client->with_md) {
				memcpy(client->md + block * MD_LEN, client->raw_md + i * MD_LEN, MD_LEN);
			}
			/* Without metadata, what is there stays; it is known only if it was. */
			client->known[block] = client->with_md || client->known[block];
		} else {
			memset(client->data + block * BLOCK_SIZE, 0, BLOCK_SIZE);
			memset(client->md + block * MD_LEN, 0, MD_LEN);
			client->known[block] = true;
		}
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
	if (!success) {
		g_failed++;
		if (client->type != SPDK_BDEV_IO_TYPE_READ) {
			forget(client);
		}
	} else if (client->type == SPDK_BDEV_IO_TYPE_READ) {
		check_read(client, bdev_io);
	} else if (client->type != SPDK_BDEV_IO_TYPE_FLUSH) {
		note_written(client);
	}
	spdk_bdev_free_io(bdev_io);
	if (one_in(3)) {
		spdk_thread_send_msg(spdk_get_thread(), next_io, client);
	} else {
		next_io(client);
	}
}

static void
choose_io(struct client *client)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_READ,
		SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_WRITE_ZEROES, SPDK_BDEV_IO_TYPE_UNMAP, SPDK_BDEV_IO_TYPE_FLUSH};
	uint64_t len, done = 0, i;

	client->type = types[below(SPDK_COUNTOF(types))];
	client->offset = below(CLIENT_BLOCKS);
	client->num_blocks = below(CLIENT_BLOCKS - client->offset + 1);
	client->buf = client->raw + below(64);
	len = client->num_blocks * BLOCK_SIZE;
	client->provided =
		client->type == SPDK_BDEV_IO_TYPE_READ && client->target->disk.get_buf && len > 0 && one_in(4);
	client->iovcnt = 0;
	while (done < len) {
		uint64_t piece = client->iovcnt == MAX_IOVS - 1 || one_in(2) ? len - done : below(len - done + 1);

		client->iovs[client->iovcnt].iov_base = client->buf + done;
		client->iovs[client->iovcnt++].iov_len = piece;
		done += piece;
	}
	client->with_md = !client->provided && client->iovcnt > 0 && one_in(2);
	if (client->type == SPDK_BDEV_IO_TYPE_WRITE) {
		for (i = 0; i < len; i += 64) {
			client->buf[i] = below(256);
		}
		for (i = 0; i < client->num_blocks * MD_LEN; i++) {
			client->raw_md[i] = below(256);
		}
	}
}

static int
submit_io(struct client *client)
{
	struct spdk_io_channel *ch = client->target->ch[client->thread];
	struct spdk_bdev_desc *desc = client->target->desc;
	uint64_t offset = client->first_block + client->offset, num_blocks = client->num_blocks;
	void *md = client->with_md ? client->raw_md : NULL;

	switch (client->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (client->provided) {
			return spdk_bdev_read_blocks(desc, ch, NULL, offset, num_blocks, io_done_cb, client);
		}
		return spdk_bdev_readv_blocks_with_md(
			desc, ch, client->iovs, client->iovcnt, md, offset, num_blocks, io_done_cb, client);
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (one_in(2)) {
			return spdk_bdev_write_blocks_with_md(desc, ch, client->buf, num_blocks > 0 ? md : NULL, offset,
				num_blocks, io_done_cb, client);
		}
		return spdk_bdev_writev_blocks_with_md(
			desc, ch, client->iovs, client->iovcnt, md, offset, num_blocks, io_done_cb, client);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch, offset, num_blocks, io_done_cb, client);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch, offset, num_blocks, io_done_cb, client);
	default:
		return spdk_bdev_flush_blocks(desc, ch, offset, num_blocks, io_done_cb, client);
	}
}

static void
resubmit(void *ctx)
{
	struct client *client = ctx;
	int rc;

	rc = submit_io(client);
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
	struct client *client = ctx;

	if (client->target->removing || client->left == 0) {
		stop_client(client);
		return;
	}
	client->left--;
	choose_io(client);
	client->running = true;
	resubmit(client);
}

/* ---- resets ---- */

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct target *target = cb_arg;

	assert_true(success);
	assert_true(target->resets > 0);
	target->resets--;
	spdk_bdev_free_io(bdev_io);
}

static void
try_reset(struct target *target)
{
	uint32_t thread = below(THREADS);
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

static int
create_channel_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
}

static void
add_target(struct target *target, int index)
{
	struct spdk_bdev *bdev = &target->disk.bdev;
	char name[8];
	uint32_t i;

	snprintf(name, sizeof(name), "d%d", index);
	memset(target, 0, sizeof(*target));
	mem_disk_init(&target->disk, name, BLOCK_SIZE, NUM_BLOCKS);
	target->disk.mode = MEM_DISK_RANDOM;
	target->disk.get_buf = one_in(2);
	target->disk.channel_key = one_in(2) ? &g_channel_device : NULL;
	bdev->md_len = MD_LEN;
	bdev->required_alignment = one_in(2) ? below(10) : 0;
	bdev->max_rw_size = one_in(2) ? 1 + below(8) : 0;
	bdev->max_num_segments = one_in(3) ? 40 : 0;
	bdev->max_segment_size = one_in(3) ? 200 + below(3000) : 0;
	bdev->split_on_optimal_io_boundary = one_in(2);
	bdev->optimal_io_boundary = below(12);
	bdev->max_unmap = below(6);
	bdev->max_unmap_segments = below(3);
	bdev->reset_io_drain_timeout = one_in(2) ? 1 : 0;
	if (one_in(2)) {
		target->disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
		bdev->max_write_zeroes = below(8);
	}
	mem_disk_add(&target->disk);
	ON(0, assert_int_equal(spdk_bdev_open_ext(name, true, event_cb, target, &target->desc), 0));
	for (i = 0; i < THREADS; i++) {
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
release_some(struct target *target)
{
	if (one_in(8)) {
		mem_disk_release_status(&target->disk, 1, SPDK_BDEV_IO_STATUS_NOMEM);
	} else if (one_in(30)) {
		mem_disk_release_status(&target->disk, 1, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	} else {
		mem_disk_release(&target->disk, 1 + below(4));
	}
}

/* Gives everything back when the clients are done with it. Returns whether all is gone. */
static bool
finish_target(struct target *target)
{
	uint32_t i;

	if (target->desc == NULL) {
		return target->gone;
	}
	if (target->clients == 0 && target->resets == 0) {
		for (i = 0; i < THREADS; i++) {
			ON(i, spdk_put_io_channel(target->ch[i]));
		}
		ON(0, spdk_bdev_close(target->desc));
		target->desc = NULL;
	}
	return false;
}

static void
start_clients(void)
{
	uint32_t i;

	memset(g_clients, 0, sizeof(g_clients));
	for (i = 0; i < CLIENTS; i++) {
		struct client *client = &g_clients[i];

		client->target = &g_targets[i % DISKS];
		client->thread = below(THREADS);
		client->first_block = i * CLIENT_BLOCKS;
		client->left = 5 + below(30);
		memset(client->known, true, sizeof(client->known));
		client->target->clients++;
		spdk_thread_send_msg(g_sim_threads[client->thread], next_io, client);
	}
}

static void
start_layer(void)
{
	struct spdk_bdev_opts opts = {.opts_size = sizeof(opts)};

	/*
	 * Few objects and buffers, so that I/O waits for them; but more than all clients can hold on to in I/Os that
	 * wait for their parts, which may have parts too.
	 */
	opts.bdev_io_cache_size = CLIENTS * 2 + 1 + below(6);
	opts.bdev_io_pool_size = opts.bdev_io_cache_size * (THREADS + 1) + below(30);
	opts.bdev_auto_examine = true;
	opts.iobuf_small_cache_size = below(5);
	opts.iobuf_large_cache_size = below(3);
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
	ON(0, spdk_io_device_register(&g_channel_device, create_channel_cb, destroy_channel_cb, 8, "shared"));
}

static void
run_schedule(uint64_t seed)
{
	bool removed[DISKS] = {};
	uint64_t turns, remove_at[DISKS];
	bool all_gone;
	int i;

	bdev_sim_init(seed, THREADS);
	bdk_sim_set_step_time(one_in(2) ? 20000 : 0);
	start_layer();
	for (i = 0; i < DISKS; i++) {
		add_target(&g_targets[i], i);
		remove_at[i] = one_in(2) ? below(1500) : 100000;
	}
	start_clients();
	all_gone = false;
	for (turns = 0; !all_gone; turns++) {
		/* Something always ends what waits. */
		assert_true(turns < 100 * 1000);
		if (!bdk_sim_step()) {
			bdk_sim_run_for(1000 + below(20000));
		}
		all_gone = true;
		for (i = 0; i < DISKS; i++) {
			struct target *target = &g_targets[i];

			if (one_in(6)) {
				release_some(target);
			}
			if (one_in(300)) {
				try_reset(target);
			}
			if (!removed[i] && (turns >= remove_at[i] || target->clients == 0)) {
				removed[i] = true;
				ON(0, spdk_bdev_unregister(&target->disk.bdev, gone_cb, target));
			}
			if (target->removing || target->desc == NULL) {
				all_gone &= finish_target(target);
			} else {
				all_gone = false;
			}
		}
	}
	for (i = 0; i < CLIENTS; i++) {
		assert_true(g_clients[i].stopped);
		assert_false(g_clients[i].running);
	}
	ON(0, spdk_io_device_unregister(&g_channel_device, NULL));
	bdk_sim_run_until_idle();
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
	uint64_t last = count != NULL ? strtoull(count, NULL, 10) : 500;

	if (seed != NULL) {
		g_seed = strtoull(seed, NULL, 10);
		run_schedule(g_seed);
	} else {
		for (g_seed = 1; g_seed <= last; g_seed++) {
			run_schedule(g_seed);
		}
	}
	printf("%" PRIu64 " I/Os, %" PRIu64 " of them failed\n", g_completed, g_failed);
	/* Neither all nor none, or the schedules are not worth much. */
	assert_true(seed != NULL || (g_failed > 0 && g_failed < g_completed / 2));
	g_seed = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),
	};
	int rc;

	atexit(print_seed);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return rc;
}
