/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A load on a bdev on a file: random reads or writes of one size, at a queue depth, from one thread of an ordinary target
 * that sleeps when it has nothing to do. Prints I/Os per second and the CPU time that each takes, the kernel's included.
 *
 *   uring_bench uring|aio FILE read|write [-b BYTES] [-q DEPTH] [-t SECONDS] [-B]
 *
 * -B: through the page cache (uring only). What is in the file is overwritten by writes.
 */

#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#include "module/bdev/aio/bdev_aio.h"
#include "module/bdev/uring/bdev_uring.h"

#include <sys/resource.h>

#define BLOCK_SIZE 4096

static struct {
	const char *module;
	const char *file;
	bool write;
	bool buffered;
	uint32_t size;
	uint32_t depth;
	uint32_t seconds;

	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	uint8_t *buf;
	uint64_t random;
	uint64_t places;
	uint64_t done;
	uint32_t outstanding;
	bool stopping;
	int rc;
	uint64_t start;
	double cpu_start;
	struct spdk_poller *timer;
} g_load = {.size = 4096, .depth = 32, .seconds = 3, .random = 88172645463325252ULL};

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void
stop(int rc)
{
	if (g_load.ch != NULL) {
		spdk_put_io_channel(g_load.ch);
	}
	if (g_load.desc != NULL) {
		spdk_bdev_close(g_load.desc);
	}
	spdk_app_stop(rc);
}

static void
fail(const char *what, int rc)
{
	fprintf(stderr, "uring_bench: %s: %s\n", what, spdk_strerror(-rc));
	stop(1);
}

static void
report(void)
{
	double seconds = (double)(spdk_get_ticks() - g_load.start) / (double)spdk_get_ticks_hz();
	double cpu = cpu_seconds() - g_load.cpu_start;

	printf("%.0f /s, %.0f ns of CPU each\n", (double)g_load.done / seconds, cpu * 1e9 / (double)g_load.done);
}

static void done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

static uint64_t
next_offset(void)
{
	g_load.random ^= g_load.random << 13;
	g_load.random ^= g_load.random >> 7;
	g_load.random ^= g_load.random << 17;
	return g_load.random % g_load.places * g_load.size;
}

static void
submit(uint8_t *buf)
{
	int rc;

	if (g_load.write) {
		rc = spdk_bdev_write(g_load.desc, g_load.ch, buf, next_offset(), g_load.size, done_cb, buf);
	} else {
		rc = spdk_bdev_read(g_load.desc, g_load.ch, buf, next_offset(), g_load.size, done_cb, buf);
	}
	if (rc == 0) {
		g_load.outstanding++;
	} else {
		g_load.rc = rc;
		g_load.stopping = true;
	}
}

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
	g_load.outstanding--;
	g_load.done++;
	if (!success) {
		g_load.rc = -EIO;
		g_load.stopping = true;
	}
	if (!g_load.stopping) {
		submit(cb_arg);
	} else if (g_load.outstanding == 0) {
		report();
		stop(g_load.rc == 0 ? 0 : 1);
	}
}

static int
time_is_up(void *ctx)
{
	spdk_poller_unregister(&g_load.timer);
	g_load.stopping = true;
	return SPDK_POLLER_BUSY;
}

/* What is measured begins when all pages, tables and caches are there. */
static int
warmed_up(void *ctx)
{
	spdk_poller_unregister(&g_load.timer);
	g_load.done = 0;
	g_load.start = spdk_get_ticks();
	g_load.cpu_start = cpu_seconds();
	g_load.timer = SPDK_POLLER_REGISTER(time_is_up, NULL, g_load.seconds * SPDK_SEC_TO_USEC);
	return SPDK_POLLER_BUSY;
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static int
create(void)
{
	struct aio_bdev_opts aio = {.name = "bench", .filename = g_load.file, .block_size = BLOCK_SIZE};
	struct bdev_uring_opts uring = {
		.name = "bench", .filename = g_load.file, .block_size = BLOCK_SIZE, .buffered = g_load.buffered};
	const char *why = NULL;
	int rc;

	rc = strcmp(g_load.module, "aio") == 0 ? bdev_aio_create(&aio, &why) : bdev_uring_create(&uring, &why);
	if (rc != 0 && why != NULL) {
		fprintf(stderr, "uring_bench: %s\n", why);
	}
	return rc;
}

static void
start_cb(void *ctx)
{
	struct spdk_bdev *bdev;
	int rc = create();

	if (rc == 0) {
		rc = spdk_bdev_open_ext("bench", true, event_cb, NULL, &g_load.desc);
	}
	if (rc != 0) {
		fail(g_load.file, rc);
		return;
	}
	bdev = spdk_bdev_desc_get_bdev(g_load.desc);
	g_load.ch = spdk_bdev_get_io_channel(g_load.desc);
	g_load.buf = spdk_dma_zmalloc((size_t)g_load.size * g_load.depth, BLOCK_SIZE, NULL);
	g_load.places = spdk_bdev_get_num_blocks(bdev) * BLOCK_SIZE / g_load.size;
	if (g_load.ch == NULL || g_load.buf == NULL || g_load.places == 0) {
		fail(g_load.file, -ENOMEM);
		return;
	}
	for (uint32_t i = 0; i < g_load.depth && !g_load.stopping; i++) {
		submit(g_load.buf + (size_t)i * g_load.size);
	}
	g_load.timer = SPDK_POLLER_REGISTER(warmed_up, NULL, SPDK_SEC_TO_USEC / 4);
}

static int
parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "b:q:t:B")) != -1) {
		switch (c) {
		case 'b':
			g_load.size = (uint32_t)spdk_strtol(optarg, 10);
			break;
		case 'q':
			g_load.depth = (uint32_t)spdk_strtol(optarg, 10);
			break;
		case 't':
			g_load.seconds = (uint32_t)spdk_strtol(optarg, 10);
			break;
		case 'B':
			g_load.buffered = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (argc - optind != 3 || g_load.size == 0 || g_load.size % BLOCK_SIZE != 0 || g_load.depth == 0) {
		return -EINVAL;
	}
	g_load.module = argv[optind];
	g_load.file = argv[optind + 1];
	g_load.write = strcmp(argv[optind + 2], "write") == 0;
	return 0;
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	int rc;

	if (parse(argc, argv) != 0) {
		fprintf(stderr, "uring_bench uring|aio FILE read|write [-b BYTES] [-q DEPTH] [-t SECONDS] [-B]\n");
		return 2;
	}
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "uring_bench";
	opts.rpc_addr = NULL;
	opts.print_level = SPDK_LOG_WARN;
	rc = spdk_app_start(&opts, start_cb, NULL);
	spdk_dma_free(g_load.buf);
	spdk_app_fini();
	return rc;
}
