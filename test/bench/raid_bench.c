/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What arrays cost, on one SPDK thread that is polled in place, beside what they cannot do without:
 *
 *   random reads of 4 KiB from raid0 of 4 null bdevs, beside the same from one null bdev; queue depth 128;
 *   full stripes written to raid5 of 4 null bdevs (192 KiB) and raid6 of 6 (256 KiB), beside ISA-L making the parity of the
 *   same data in a bare loop; queue depth 32.
 *
 *   raid_bench [-r ROUNDS]
 *
 * What is compared takes turns in each round. Prints medians, and the median of the ratios of the rounds.
 */

#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "module/bdev/null/bdev_null.h"
#include "module/bdev/raid/raid.h"

#include <isa-l.h>

#define BLOCK_SIZE 512
#define NUM_BLOCKS (1ULL << 20)
#define STRIP_KB 64
#define STRIP_SIZE (STRIP_KB * 1024)
#define MAX_DEPTH 128
#define STRIPE_DEPTH 32
#define MAX_ROUNDS 99

static struct spdk_thread *g_thread;
static bool g_done;

static void __attribute__((noreturn)) fail(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, spdk_strerror(-rc));
	exit(1);
}

static void
run_once(void)
{
	spdk_thread_poll(g_thread, 0, 0);
	spdk_set_thread(g_thread);
}

static void
poll_until_done(void)
{
	while (!g_done) {
		run_once();
	}
	g_done = false;
}

static void
settle(void)
{
	for (int i = 0; i < 1000; i++) {
		run_once();
	}
}

static void
done_cb(void *arg)
{
	g_done = true;
}

static void
init_cb(void *arg, int rc)
{
	if (rc != 0) {
		fail("bdev", rc);
	}
	g_done = true;
}

/* ---- Bdevs ---- */

static void
created_cb(void *arg, int rc, const char *why)
{
	if (rc != 0) {
		fail(why != NULL ? why : "raid", rc);
	}
	g_done = true;
}

static void
create_array(const char *name, const char *level, int num_members)
{
	char names[8][32];
	char *members[8];
	struct raid_opts opts = {
		.name = name,
		.ops = raid_level_by_name(level),
		.strip_size_kb = STRIP_KB,
		.members = members,
		.num_members = (size_t)num_members,
		.policy = RAID_NUM_POLICIES,
	};

	for (int i = 0; i < num_members; i++) {
		struct null_bdev_opts null_opts = {.num_blocks = NUM_BLOCKS, .format = {.block_size = BLOCK_SIZE}};
		struct spdk_bdev *bdev;
		const char *why = "";
		int rc;

		snprintf(names[i], sizeof(names[i]), "%s_null%d", name, i);
		members[i] = names[i];
		null_opts.name = names[i];
		rc = bdev_null_create(&null_opts, &bdev, &why);
		if (rc != 0) {
			fail(why, rc);
		}
	}
	settle();
	raid_create(&opts, created_cb, NULL);
	poll_until_done();
	settle();
	/* Null bdevs agree: there is nothing to be done in the background. */
	while (raid_find(name)->process != NULL) {
		run_once();
	}
}

static void
start(void)
{
	struct spdk_env_opts opts;
	int rc;

	spdk_env_opts_init(&opts);
	opts.name = "raid_bench";
	spdk_log_set_print_level(SPDK_LOG_WARN);
	if (spdk_env_init(&opts) != 0 || spdk_thread_lib_init(NULL, 0) != 0) {
		fail("environment", -EINVAL);
	}
	g_thread = spdk_thread_create("bench", NULL);
	spdk_set_thread(g_thread);
	rc = spdk_iobuf_initialize();
	if (rc != 0) {
		fail("buffers", rc);
	}
	spdk_bdev_initialize(init_cb, NULL);
	poll_until_done();
	create_array("raid0", "raid0", 4);
	create_array("raid5", "raid5", 4);
	create_array("raid6", "raid6", 6);
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
		spdk_thread_poll(g_thread, 0, 0);
	}
	spdk_thread_destroy(g_thread);
	spdk_thread_lib_fini();
	spdk_env_fini();
}

/* ---- I/O ---- */

struct load {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	bool writes;
	uint32_t num_blocks;
	uint64_t num_places;
	uint32_t depth;
	uint64_t random;
	uint64_t to_submit;
	uint64_t outstanding;
	struct request {
		struct load *load;
		void *buf;
	} requests[MAX_DEPTH];
};

static void io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

static inline void
submit(struct request *request)
{
	struct load *load = request->load;
	uint64_t offset;
	int rc;

	/* xorshift64 */
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	offset = load->random % load->num_places * load->num_blocks;
	load->to_submit--;
	load->outstanding++;
	rc = load->writes ? spdk_bdev_write_blocks(
				    load->desc, load->ch, request->buf, offset, load->num_blocks, io_done_cb, request)
			  : spdk_bdev_read_blocks(
				    load->desc, load->ch, request->buf, offset, load->num_blocks, io_done_cb, request);
	if (rc != 0) {
		fail("I/O", rc);
	}
}

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct request *request = cb_arg;

	spdk_bdev_free_io(bdev_io);
	if (!success) {
		fail("I/O", -EIO);
	}
	request->load->outstanding--;
	if (request->load->to_submit > 0) {
		submit(request);
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
open_load(struct load *load, const char *name, uint32_t bytes, uint32_t depth, bool writes)
{
	int rc;

	*load = (struct load){.random = 88172645463325252ULL, .depth = depth, .writes = writes};
	rc = spdk_bdev_open_ext(name, writes, event_cb, NULL, &load->desc);
	if (rc != 0) {
		fail(name, rc);
	}
	load->ch = spdk_bdev_get_io_channel(load->desc);
	load->num_blocks = bytes / BLOCK_SIZE;
	load->num_places = spdk_bdev_get_num_blocks(spdk_bdev_desc_get_bdev(load->desc)) / load->num_blocks;
	for (uint32_t i = 0; i < depth; i++) {
		load->requests[i].load = load;
		load->requests[i].buf = spdk_dma_malloc(bytes, 4096, NULL);
		if (load->ch == NULL || load->requests[i].buf == NULL) {
			fail(name, -ENOMEM);
		}
		memset(load->requests[i].buf, (int)i, bytes);
	}
}

static void
close_load(struct load *load)
{
	for (uint32_t i = 0; i < load->depth; i++) {
		spdk_dma_free(load->requests[i].buf);
	}
	spdk_put_io_channel(load->ch);
	spdk_bdev_close(load->desc);
	settle();
}

static double
ns_since(uint64_t begin, uint64_t count)
{
	return (double)(spdk_get_ticks() - begin) * 1e9 / (double)spdk_get_ticks_hz() / (double)count;
}

/* Nanoseconds for each I/O. */
static double
run(struct load *load, uint64_t count)
{
	uint64_t begin = spdk_get_ticks();

	load->to_submit = count;
	for (uint32_t i = 0; i < load->depth; i++) {
		submit(&load->requests[i]);
	}
	while (load->outstanding > 0) {
		run_once();
	}
	return ns_since(begin, count);
}

/* The parity of the same buffers into as many of its own as there are. */
static double
run_isal(const struct load *load, void *const *parity, int num_data, int num_parity, uint64_t count)
{
	uint64_t begin = spdk_get_ticks();
	void *vectors[8];

	for (uint64_t n = 0; n < count; n++) {
		const char *data = load->requests[n % load->depth].buf;

		for (int i = 0; i < num_data; i++) {
			vectors[i] = (void *)(uintptr_t)(data + (size_t)i * STRIP_SIZE);
		}
		for (int i = 0; i < num_parity; i++) {
			vectors[num_data + i] = (char *)parity[n % load->depth] + (size_t)i * STRIP_SIZE;
		}
		if (num_parity == 1) {
			xor_gen(num_data + 1, STRIP_SIZE, vectors);
		} else {
			pq_gen(num_data + 2, STRIP_SIZE, vectors);
		}
	}
	return ns_since(begin, count);
}

/* ---- Figures ---- */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

static void
print(const char *what, const char *base, double *ns, double *base_ns, int rounds)
{
	double ratios[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++) {
		ratios[i] = 100 * base_ns[i] / ns[i];
	}
	printf("%-34s %8.1f ns   %-14s %8.1f ns   %5.1f %%\n", what, median(ns, rounds), base, median(base_ns, rounds),
		median(ratios, rounds));
}

static void
measure_reads(int rounds)
{
	double ns[MAX_ROUNDS], base_ns[MAX_ROUNDS];
	static struct load array, null;

	open_load(&array, "raid0", 4096, MAX_DEPTH, false);
	open_load(&null, "raid5_null0", 4096, MAX_DEPTH, false);
	run(&array, 100000);
	run(&null, 100000);
	for (int i = 0; i < rounds; i++) {
		base_ns[i] = run(&null, 2000000);
		ns[i] = run(&array, 2000000);
	}
	print("raid0 of 4, 4 KiB random read", "one null", ns, base_ns, rounds);
	close_load(&array);
	close_load(&null);
}

static void
measure_stripes(const char *name, int num_data, int num_parity, int rounds)
{
	double ns[MAX_ROUNDS], base_ns[MAX_ROUNDS];
	void *parity[STRIPE_DEPTH];
	static struct load array;
	char what[64];

	open_load(&array, name, (uint32_t)num_data * STRIP_SIZE, STRIPE_DEPTH, true);
	for (int i = 0; i < STRIPE_DEPTH; i++) {
		parity[i] = spdk_dma_malloc((size_t)num_parity * STRIP_SIZE, 4096, NULL);
		if (parity[i] == NULL) {
			fail("parity", -ENOMEM);
		}
		memset(parity[i], 1, (size_t)num_parity * STRIP_SIZE);
	}
	run(&array, 2000);
	run_isal(&array, parity, num_data, num_parity, 2000);
	for (int i = 0; i < rounds; i++) {
		base_ns[i] = run_isal(&array, parity, num_data, num_parity, 50000);
		ns[i] = run(&array, 50000);
	}
	snprintf(what, sizeof(what), "%s of %d, full stripes of %d KiB", name, num_data + num_parity,
		num_data * STRIP_KB);
	print(what, "ISA-L alone", ns, base_ns, rounds);
	for (int i = 0; i < STRIPE_DEPTH; i++) {
		spdk_dma_free(parity[i]);
	}
	close_load(&array);
}

int
main(int argc, char **argv)
{
	int rounds = 7, opt;

	while ((opt = getopt(argc, argv, "r:")) != -1) {
		if (opt != 'r' || atoi(optarg) < 1 || atoi(optarg) > MAX_ROUNDS) {
			fprintf(stderr, "usage: raid_bench [-r ROUNDS]\n");
			return 2;
		}
		rounds = atoi(optarg);
	}
	start();
	measure_reads(rounds);
	measure_stripes("raid5", 3, 1, rounds);
	measure_stripes("raid6", 4, 2, rounds);
	stop();
	return 0;
}
