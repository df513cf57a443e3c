/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A queue that belongs to this thread: it submits arrays, and its own calls carry the I/O out. Prints what a read costs for
 * several lengths of the array.
 *
 *	batch [CONFIG DISK]
 */

#include <bdevkit/embed.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_ARRAY 64
#define NUM_READS 200000

static const char g_null_disk[] =
	"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": \"bdev_null_create\","
	" \"params\": {\"name\": \"disk0\", \"num_blocks\": 8192, \"block_size\": 512}}]}]}";

static void
fail(const char *what, int rc)
{
	fprintf(stderr, "batch: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Returns nanoseconds for one. */
static double
measure(struct bdk_queue *queue, struct bdk_request **array, uint32_t length, uint64_t num_blocks)
{
	struct bdk_request *done[MAX_ARRAY];
	uint64_t left = NUM_READS, place = 0;
	double begin = now_ns();
	uint32_t count, i;

	while (left > 0) {
		for (i = 0; i < length; i++) {
			array[i]->offset_blocks = place++ % num_blocks;
		}
		bdk_queue_submit(queue, array, length);
		count = bdk_queue_wait(queue, done, length, length, UINT64_MAX);
		for (i = 0; i < count; i++) {
			if (done[i]->status != 0) {
				fail("read", done[i]->status);
			}
		}
		left = left > count ? left - count : 0;
	}
	return (now_ns() - begin) / NUM_READS;
}

int
main(int argc, char **argv)
{
	struct bdk_request requests[MAX_ARRAY], *array[MAX_ARRAY];
	struct bdk_embed_opts opts;
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t block_size, length, i;
	char *buf;
	int rc;

	bdk_embed_opts_init(&opts, sizeof(opts));
	opts.name = "batch";
	opts.config_file = argc > 2 ? argv[1] : NULL;
	opts.config = argc > 2 ? NULL : g_null_disk;
	rc = bdk_embed_start(&opts);
	if (rc != 0) {
		fail("start", rc);
	}
	rc = bdk_disk_open(argc > 2 ? argv[2] : "disk0", false, &disk);
	if (rc == 0) {
		rc = bdk_queue_create(disk, BDK_QUEUE_LOCAL, &queue);
	}
	if (rc != 0) {
		fail("open", rc);
	}
	block_size = bdk_disk_get_block_size(disk);
	if (posix_memalign((void **)&buf, 4096, MAX_ARRAY * block_size) != 0) {
		fail("memory", -ENOMEM);
	}
	memset(requests, 0, sizeof(requests));
	for (i = 0; i < MAX_ARRAY; i++) {
		requests[i].type = SPDK_BDEV_IO_TYPE_READ;
		requests[i].buf = buf + i * block_size;
		requests[i].num_blocks = 1;
		array[i] = &requests[i];
	}
	for (length = 1; length <= MAX_ARRAY; length *= 4) {
		printf("arrays of %2u: %7.1f ns a read\n", length,
			measure(queue, array, length, bdk_disk_get_num_blocks(disk)));
	}
	bdk_queue_destroy(queue);
	bdk_disk_close(disk);
	free(buf);
	return bdk_embed_stop() != 0;
}
