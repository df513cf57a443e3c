/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an I/O costs in the block-device layer: random reads of 4 KiB with a queue depth, on one SPDK thread that is
 * polled in place. Prints nanoseconds per I/O, load generator included.
 *
 *   null_bench [-q DEPTH] [-n IOS] [-r ROUNDS] [-b BDEV[:ARRAY]]...
 *
 * With :ARRAY requests are submitted so many at a time and come back in arrays (bdevkit/batch.h).
 *
 * Bdevs: "poll" completes from a poller, "inline" inside submit_request, both by a module of this program that does
 * nothing else; "null" and "malloc" are the modules of those names. The latter is a disk of 512 MiB, written before; beside
 * it stands what the copy alone takes ("copy": memcpy() out of as much memory, at random). Only if asked for. So are
 * "passthru", "delay" (without latency), "EE_base" (error, with nothing armed) and "splitp0", each of them on a null bdev;
 * "raid0", of four null bdevs; and "tablep1", a partition of "table", which is like "inline".
 */

#include "bdevkit/batch.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "module/bdev/delay/vbdev_delay.h"
#include "module/bdev/error/vbdev_error.h"
#include "module/bdev/malloc/bdev_malloc.h"
#include "module/bdev/null/bdev_null.h"
#include "module/bdev/passthru/vbdev_passthru.h"
#include "module/bdev/raid/raid.h"
#include "module/bdev/split/vbdev_split.h"
#include "test/unit/module/gpt_image.h"

#define BLOCK_SIZE 512
#define NUM_BLOCKS (1ULL << 20)
#define IO_BLOCKS 8
#define MAX_DEPTH 1024

/* ---- a module that does nothing ---- */

struct bench_channel {
	struct spdk_bdev_io *queue[MAX_DEPTH];
	uint32_t count;
	struct spdk_poller *poller;
};

static int
poll_channel(void *ctx)
{
	struct bench_channel *ch = ctx;
	struct spdk_bdev_io *batch[MAX_DEPTH];
	uint32_t count = ch->count, i;

	memcpy(batch, ch->queue, count * sizeof(batch[0]));
	ch->count = 0;
	for (i = 0; i < count; i++) {
		spdk_bdev_io_complete(batch[i], SPDK_BDEV_IO_STATUS_SUCCESS);
	}
	return count > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct bench_channel *ch = ctx;

	ch->poller = SPDK_POLLER_REGISTER(poll_channel, ch, 0);
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct bench_channel *ch = ctx;

	spdk_poller_unregister(&ch->poller);
}

static int g_poll_device, g_inline_device;

static int
bench_destruct(void *ctx)
{
	return 0;
}

static void
bench_submit_poll(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct bench_channel *ch = spdk_io_channel_get_ctx(io_ch);

	ch->queue[ch->count++] = bdev_io;
}

static void
bench_submit_inline(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* The beginning of a disk with one partition; what is behind it costs nothing, as with "inline". */
#define TABLE_BLOCKS 64
static uint8_t g_table[TABLE_BLOCKS * BLOCK_SIZE];

static void
bench_submit_table(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;

	if (io->offset_blocks + io->num_blocks <= TABLE_BLOCKS) {
		memcpy(io->iovs[0].iov_base, g_table + io->offset_blocks * BLOCK_SIZE, io->num_blocks * BLOCK_SIZE);
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static bool
bench_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE;
}

static struct spdk_io_channel *
bench_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
bench_create_empty_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
bench_destroy_empty_cb(void *io_device, void *ctx)
{
}

static int
bench_module_init(void)
{
	spdk_io_device_register(
		&g_poll_device, create_channel_cb, destroy_channel_cb, sizeof(struct bench_channel), "bench_poll");
	spdk_io_device_register(&g_inline_device, bench_create_empty_cb, bench_destroy_empty_cb, 0, "bench_inline");
	return 0;
}

static void
bench_module_fini(void)
{
	spdk_io_device_unregister(&g_poll_device, NULL);
	spdk_io_device_unregister(&g_inline_device, NULL);
}

static const struct spdk_bdev_fn_table g_poll_fn_table = {
	.destruct = bench_destruct,
	.submit_request = bench_submit_poll,
	.io_type_supported = bench_io_type_supported,
	.get_io_channel = bench_get_io_channel,
};

static const struct spdk_bdev_fn_table g_inline_fn_table = {
	.destruct = bench_destruct,
	.submit_request = bench_submit_inline,
	.io_type_supported = bench_io_type_supported,
	.get_io_channel = bench_get_io_channel,
};

static const struct spdk_bdev_fn_table g_table_fn_table = {
	.destruct = bench_destruct,
	.submit_request = bench_submit_table,
	.io_type_supported = bench_io_type_supported,
	.get_io_channel = bench_get_io_channel,
};

static struct spdk_bdev_module g_bench_module = {
	.name = "bench",
	.module_init = bench_module_init,
	.module_fini = bench_module_fini,
};

SPDK_BDEV_MODULE_REGISTER(bench, &g_bench_module)

static char g_poll_name[] = "poll", g_inline_name[] = "inline", g_table_name[] = "table", g_product_name[] = "bench";

static struct spdk_bdev g_poll_bdev = {
	.name = g_poll_name,
	.product_name = g_product_name,
	.blocklen = BLOCK_SIZE,
	.blockcnt = NUM_BLOCKS,
	.ctxt = &g_poll_device,
	.fn_table = &g_poll_fn_table,
	.module = &g_bench_module,
};

static struct spdk_bdev g_inline_bdev = {
	.name = g_inline_name,
	.product_name = g_product_name,
	.blocklen = BLOCK_SIZE,
	.blockcnt = NUM_BLOCKS,
	.ctxt = &g_inline_device,
	.fn_table = &g_inline_fn_table,
	.module = &g_bench_module,
};

static struct spdk_bdev g_table_bdev = {
	.name = g_table_name,
	.product_name = g_product_name,
	.blocklen = BLOCK_SIZE,
	.blockcnt = NUM_BLOCKS + 2 * TABLE_BLOCKS,
	.ctxt = &g_inline_device,
	.fn_table = &g_table_fn_table,
	.module = &g_bench_module,
};

/* ---- start and stop ---- */

static struct spdk_thread *g_thread;
static bool g_done;

static void
poll_thread(void)
{
	spdk_thread_poll(g_thread, 0, 0);
}

static void
poll_until_done(void)
{
	while (!g_done) {
		poll_thread();
	}
	g_done = false;
	spdk_set_thread(g_thread);
}

static void
fail(const char *what, int rc)
{
	fprintf(stderr, "null_bench: %s: %s\n", what, spdk_strerror(-rc));
	exit(1);
}

static void
init_cb(void *ctx, int rc)
{
	if (rc != 0) {
		fail("the block-device layer does not start", rc);
	}
	g_done = true;
}

static void
done_cb(void *ctx)
{
	g_done = true;
}

static void
settle(void)
{
	int rc = spdk_bdev_wait_for_examine(done_cb, NULL);

	if (rc != 0) {
		fail("wait for examine", rc);
	}
	poll_until_done();
}

static void
start(void)
{
	struct null_bdev_opts null_opts = {
		.name = "null", .num_blocks = NUM_BLOCKS, .format = {.block_size = BLOCK_SIZE}};
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};
	struct spdk_bdev *null_bdev;
	const char *why;
	int rc;

	spdk_log_set_print_level(SPDK_LOG_WARN);
	spdk_env_opts_init(&opts);
	opts.name = "null_bench";
	rc = spdk_env_init(&opts);
	if (rc != 0) {
		fail("environment", rc);
	}
	rc = spdk_thread_lib_init(NULL, 0);
	if (rc != 0) {
		fail("threads", rc);
	}
	g_thread = spdk_thread_create("bench", NULL);
	spdk_set_thread(g_thread);
	rc = spdk_iobuf_initialize();
	if (rc != 0) {
		fail("buffers", rc);
	}
	spdk_bdev_initialize(init_cb, NULL);
	poll_until_done();
	rc = spdk_bdev_register(&g_poll_bdev);
	if (rc == 0) {
		rc = spdk_bdev_register(&g_inline_bdev);
	}
	if (rc == 0) {
		rc = bdev_null_create(&null_opts, &null_bdev, &why);
	}
	if (rc != 0) {
		fail("bdevs", rc);
	}
	settle();
}

static void
stop(void)
{
	spdk_bdev_finish(done_cb, NULL);
	poll_until_done();
	spdk_iobuf_finish(done_cb, NULL);
	poll_until_done();
	spdk_thread_exit(g_thread);
	while (!spdk_thread_is_exited(g_thread)) {
		poll_thread();
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
	spdk_env_fini();
}

/* ---- the load ---- */

struct load {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	void *buf;
	uint64_t random;
	uint64_t to_submit;
	uint64_t outstanding;
};

static void read_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

static inline uint64_t
next_offset(struct load *load)
{
	/* xorshift64: good enough to keep addresses from being foreseen. */
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	return (load->random & (NUM_BLOCKS / IO_BLOCKS - 1)) * IO_BLOCKS;
}

static inline void
submit(struct load *load)
{
	uint64_t offset = next_offset(load);
	int rc;

	load->to_submit--;
	load->outstanding++;
	rc = spdk_bdev_read_blocks(load->desc, load->ch, load->buf, offset, IO_BLOCKS, read_done_cb, load);
	if (rc != 0) {
		fail("read", rc);
	}
}

static void
read_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct load *load = cb_arg;

	spdk_bdev_free_io(bdev_io);
	load->outstanding--;
	if (load->to_submit > 0) {
		submit(load);
	}
}

/* ---- the same in arrays ---- */

struct batch_load {
	struct load load;
	struct bdk_batch *batch;
	uint32_t array;
	struct bdk_request requests[MAX_DEPTH];
	/* Requests that are to be submitted next. */
	struct bdk_request *idle[MAX_DEPTH];
	uint32_t num_idle;
};

static inline void
submit_array(struct batch_load *batch)
{
	struct load *load = &batch->load;
	uint32_t count = spdk_min(batch->num_idle, batch->array), i;
	struct bdk_request **array;

	count = spdk_min(count, load->to_submit);
	array = &batch->idle[batch->num_idle - count];
	for (i = 0; i < count; i++) {
		array[i]->offset_blocks = next_offset(load);
	}
	batch->num_idle -= count;
	load->to_submit -= count;
	load->outstanding += count;
	bdk_batch_submit(batch->batch, array, count);
}

static void
array_done_cb(void *ctx, struct bdk_request **done, uint32_t count)
{
	struct batch_load *batch = ctx;
	uint32_t i;

	batch->load.outstanding -= count;
	for (i = 0; i < count; i++) {
		if (done[i]->status != 0) {
			fail("read", done[i]->status);
		}
		batch->idle[batch->num_idle++] = done[i];
	}
	while (batch->num_idle >= batch->array && batch->load.to_submit > 0) {
		submit_array(batch);
	}
}

static uint64_t
run_batch(struct batch_load *batch, uint64_t depth, uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), i;

	batch->load.to_submit = count;
	batch->num_idle = 0;
	for (i = 0; i < depth; i++) {
		batch->requests[i].type = SPDK_BDEV_IO_TYPE_READ;
		batch->requests[i].buf = batch->load.buf;
		batch->requests[i].num_blocks = IO_BLOCKS;
		batch->idle[batch->num_idle++] = &batch->requests[i];
	}
	while (batch->load.outstanding > 0 || batch->load.to_submit > 0) {
		/* At the beginning, and a rest shorter than an array at the end. */
		if (batch->load.to_submit > 0 && batch->num_idle > 0) {
			submit_array(batch);
		} else {
			poll_thread();
			spdk_set_thread(g_thread);
		}
	}
	return spdk_get_ticks() - begin;
}

static struct batch_load g_batch;

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

/* Returns ticks. */
static uint64_t
run_single(struct load *load, uint64_t depth, uint64_t count)
{
	uint64_t begin = spdk_get_ticks(), i;

	load->to_submit = count;
	for (i = 0; i < depth; i++) {
		submit(load);
	}
	while (load->outstanding > 0) {
		poll_thread();
		spdk_set_thread(g_thread);
	}
	return spdk_get_ticks() - begin;
}

static uint64_t
run(struct load *load, uint64_t depth, uint64_t count)
{
	return g_batch.array > 0 ? run_batch(&g_batch, depth, count) : run_single(load, depth, count);
}

/* array: requests that are submitted at once, 0: by the functions for one I/O. */
static void
measure(const char *name, uint32_t array, uint64_t depth, uint64_t count, int rounds)
{
	struct load load = {.random = 88172645463325252ULL};
	char label[64];
	double ns, best = 1e9, sum = 0;
	int rc, i;

	rc = spdk_bdev_open_ext(name, false, event_cb, NULL, &load.desc);
	if (rc != 0) {
		fail(name, rc);
	}
	load.ch = spdk_bdev_get_io_channel(load.desc);
	load.buf = spdk_dma_malloc(IO_BLOCKS * BLOCK_SIZE, 4096, NULL);
	if (load.ch == NULL || load.buf == NULL) {
		fail(name, -ENOMEM);
	}
	g_batch.array = array;
	if (array > 0) {
		g_batch.load = load;
		g_batch.batch = bdk_batch_create(load.desc, load.ch, array_done_cb, &g_batch);
		snprintf(label, sizeof(label), "%s:%u", name, array);
	} else {
		snprintf(label, sizeof(label), "%s", name);
	}
	run(&load, depth, depth * 16);
	for (i = 0; i < rounds; i++) {
		ns = run(&load, depth, count) * 1e9 / spdk_get_ticks_hz() / count;
		sum += ns;
		best = ns < best ? ns : best;
	}
	printf("%-8s depth %4" PRIu64 "  %7.1f ns/IO (best of %d: %.1f)  %6.2f M IO/s\n", label, depth, sum / rounds,
		rounds, best, 1e3 / (sum / rounds));
	if (array > 0 && bdk_batch_destroy(g_batch.batch) != 0) {
		fail(name, -EBUSY);
	}
	spdk_dma_free(load.buf);
	spdk_put_io_channel(load.ch);
	spdk_bdev_close(load.desc);
	for (i = 0; i < 10; i++) {
		poll_thread();
		spdk_set_thread(g_thread);
	}
}

/* ---- malloc ---- */

#define FILL_BLOCKS 2048

static void
fill_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
	if (!success) {
		fail("malloc", -EIO);
	}
	g_done = true;
}

/* Makes the disk, and all of its memory. */
static void
create_malloc(void)
{
	struct malloc_bdev_opts opts = {
		.name = "malloc", .num_blocks = NUM_BLOCKS, .format = {.block_size = BLOCK_SIZE}};
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct spdk_bdev *bdev;
	const char *why = "";
	uint64_t offset;
	void *buf;
	int rc;

	rc = bdev_malloc_create(&opts, &bdev, &why);
	if (rc != 0) {
		fail("malloc", rc);
	}
	settle();
	rc = spdk_bdev_open_ext("malloc", true, event_cb, NULL, &desc);
	if (rc != 0) {
		fail("malloc", rc);
	}
	ch = spdk_bdev_get_io_channel(desc);
	buf = spdk_dma_zmalloc(FILL_BLOCKS * BLOCK_SIZE, 4096, NULL);
	for (offset = 0; offset < NUM_BLOCKS; offset += FILL_BLOCKS) {
		memset(buf, (int)(offset / FILL_BLOCKS) | 1, FILL_BLOCKS * BLOCK_SIZE);
		rc = spdk_bdev_write_blocks(desc, ch, buf, offset, FILL_BLOCKS, fill_done_cb, NULL);
		if (rc != 0) {
			fail("malloc", rc);
		}
		poll_until_done();
	}
	spdk_dma_free(buf);
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
}

/* What the disk's reads cannot do without. */
static void
measure_copy(uint64_t count, int rounds)
{
	struct load load = {.random = 88172645463325252ULL};
	char *area = spdk_dma_malloc(NUM_BLOCKS * BLOCK_SIZE, 1 << 21, NULL);
	char *buf = spdk_dma_malloc(IO_BLOCKS * BLOCK_SIZE, 4096, NULL);
	double ns, best = 1e9, sum = 0;
	uint64_t begin, n;
	int i;

	if (area == NULL || buf == NULL) {
		fail("copy", -ENOMEM);
	}
	memset(area, 1, NUM_BLOCKS * BLOCK_SIZE);
	for (i = 0; i < rounds; i++) {
		begin = spdk_get_ticks();
		for (n = 0; n < count; n++) {
			memcpy(buf, area + next_offset(&load) * BLOCK_SIZE, IO_BLOCKS * BLOCK_SIZE);
			__asm__ volatile("" : : "r"(buf) : "memory");
		}
		ns = (spdk_get_ticks() - begin) * 1e9 / spdk_get_ticks_hz() / count;
		sum += ns;
		best = ns < best ? ns : best;
	}
	printf("%-8s             %7.1f ns/IO (best of %d: %.1f)\n", "copy", sum / rounds, rounds, best);
	spdk_dma_free(area);
	spdk_dma_free(buf);
}

/* ---- one more layer ---- */

static int
create_passthru(const char *base, const char **why)
{
	struct bdk_vbdev_opts opts = {.name = "passthru", .base_name = base};

	return vbdev_passthru_create(&opts, why);
}

static int
create_delay(const char *base, const char **why)
{
	static const uint64_t latency_us[DELAY_NUM_LATENCIES];
	struct bdk_vbdev_opts opts = {.name = "delay", .base_name = base};

	return vbdev_delay_create(&opts, latency_us, why);
}

static int
create_error(const char *base, const char **why)
{
	static const struct spdk_uuid none;

	return vbdev_error_create(base, &none, why);
}

static int
create_split(const char *base, const char **why)
{
	struct split_opts opts = {.base_bdev = base, .split_count = 1};

	return vbdev_split_create(&opts, why);
}

static void
raid0_created_cb(void *arg, int rc, const char *why)
{
	if (rc != 0) {
		fail(why != NULL ? why : "raid0", rc);
	}
	g_done = true;
}

/* Of the base and three more. */
static int
create_raid0(const char *base, const char **why)
{
	char first[] = "raid member 0", second[] = "raid member 1", third[] = "raid member 2", last[] = "raid member 3";
	char *members[] = {first, second, third, last};
	struct null_bdev_opts null_opts = {.num_blocks = NUM_BLOCKS, .format = {.block_size = BLOCK_SIZE}};
	struct raid_opts opts = {
		.name = "raid0",
		.ops = raid_level_by_name("raid0"),
		.strip_size_kb = 64,
		.members = members,
		.num_members = SPDK_COUNTOF(members),
		.policy = RAID_NUM_POLICIES,
	};
	struct spdk_bdev *bdev;
	int rc;

	for (size_t i = 1; i < SPDK_COUNTOF(members); i++) {
		null_opts.name = members[i];
		rc = bdev_null_create(&null_opts, &bdev, why);
		if (rc != 0) {
			return rc;
		}
	}
	settle();
	raid_create(&opts, raid0_created_cb, NULL);
	poll_until_done();
	return 0;
}

/* As large as the others, between the tables; that at the end is never read. */
static int
create_gpt(const char *base, const char **why)
{
	static const struct gpt_image_part part = {GPT_IMAGE_TYPE_SPDK, TABLE_BLOCKS, TABLE_BLOCKS + NUM_BLOCKS - 1, 1};
	struct gpt_image image = {calloc(g_table_bdev.blockcnt, BLOCK_SIZE), BLOCK_SIZE, g_table_bdev.blockcnt, 128};

	if (image.data == NULL) {
		return -ENOMEM;
	}
	if (spdk_bdev_get_by_name(g_table_name) != NULL) {
		free(image.data);
		return 0;
	}
	gpt_image_make(&image, &part, 1);
	memcpy(g_table, image.data, sizeof(g_table));
	free(image.data);
	return spdk_bdev_register(&g_table_bdev);
}

/* What stands on a null bdev, in which nothing is done; or, without base, on "table". */
static const struct upper {
	const char *name;
	const char *base;
	int (*create)(const char *base, const char **why);
} g_uppers[] = {
	{"passthru", "under passthru", create_passthru},
	{"delay", "under delay", create_delay},
	{"EE_base", "base", create_error},
	{"splitp0", "split", create_split},
	{"raid0", "raid member 0", create_raid0},
	{"tablep1", NULL, create_gpt},
	{"table", NULL, create_gpt},
};

static void
create_upper(const char *name)
{
	struct null_bdev_opts opts = {.num_blocks = NUM_BLOCKS, .format = {.block_size = BLOCK_SIZE}};
	struct spdk_bdev *bdev;
	const char *why = NULL;
	size_t i;
	int rc = 0;

	for (i = 0; i < SPDK_COUNTOF(g_uppers); i++) {
		if (strcmp(g_uppers[i].name, name) != 0) {
			continue;
		}
		if (g_uppers[i].base != NULL) {
			opts.name = g_uppers[i].base;
			rc = bdev_null_create(&opts, &bdev, &why);
		}
		if (rc == 0) {
			settle();
			rc = g_uppers[i].create(g_uppers[i].base, &why);
		}
		if (rc != 0) {
			fail(why != NULL ? why : name, rc);
		}
		settle();
		return;
	}
}

int
main(int argc, char **argv)
{
	char poll[] = "poll", inl[] = "inline", null[] = "null", batch[] = "null:32";
	char *names[8] = {poll, inl, null, batch};
	uint32_t array;
	char *colon;
	uint64_t depth = 128, count = 4000000;
	int num_names = 0, rounds = 5, opt, i;

	while ((opt = getopt(argc, argv, "q:n:r:b:")) != -1) {
		switch (opt) {
		case 'q':
			depth = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			count = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 'b':
			if (num_names < 8) {
				names[num_names++] = optarg;
			}
			break;
		default:
			return 2;
		}
	}
	if (depth == 0 || depth > MAX_DEPTH || count < depth || rounds < 1) {
		fprintf(stderr, "null_bench: 1 <= DEPTH <= %d, DEPTH <= IOS, 1 <= ROUNDS\n", MAX_DEPTH);
		return 2;
	}
	start();
	for (i = 0; i < (num_names > 0 ? num_names : 4); i++) {
		if (strcmp(names[i], "malloc") == 0) {
			create_malloc();
			measure_copy(count, rounds);
		}
		colon = strchr(names[i], ':');
		array = colon != NULL ? atoi(colon + 1) : 0;
		if (colon != NULL) {
			*colon = '\0';
		}
		if (array > depth) {
			fail("an array larger than the depth", -EINVAL);
		}
		create_upper(names[i]);
		measure(names[i], array, depth, count, rounds);
	}
	stop();
	return 0;
}
