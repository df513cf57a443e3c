/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The layer on a thread of its own. Four threads write to a disk by way of one queue, and this one takes what has ended.
 *
 *	our_loop [CONFIG DISK]
 */

#include <bdevkit/embed.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUM_THREADS 4
#define PER_THREAD 64
#define ARRAY 8

static const char g_memory_disk[] =
	"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": \"bdev_malloc_create\","
	" \"params\": {\"name\": \"disk0\", \"num_blocks\": 8192, \"block_size\": 512}}]}]}";

static struct bdk_queue *g_queue;
static uint32_t g_block_size;
static size_t g_align;

static void
fail(const char *what, int rc)
{
	fprintf(stderr, "our_loop: %s: %s\n", what, strerror(-rc));
	exit(1);
}

/* Each thread writes blocks of its own, eight requests at a time. */
static void *
write_blocks(void *arg)
{
	struct bdk_request *requests = calloc(PER_THREAD, sizeof(*requests)), *array[ARRAY];
	uint64_t first = (uintptr_t)arg * PER_THREAD, i;
	char *buf;

	if (requests == NULL || posix_memalign((void **)&buf, g_align, PER_THREAD * g_block_size) != 0) {
		fail("memory", -ENOMEM);
	}
	memset(buf, (int)(uintptr_t)arg + 1, PER_THREAD * g_block_size);
	/* What belongs to all of them hangs on the first one, and is freed with it. */
	for (i = 0; i < PER_THREAD; i++) {
		requests[i].type = SPDK_BDEV_IO_TYPE_WRITE;
		requests[i].buf = buf + i * g_block_size;
		requests[i].offset_blocks = first + i;
		requests[i].num_blocks = 1;
		array[i % ARRAY] = &requests[i];
		if (i % ARRAY == ARRAY - 1) {
			bdk_queue_submit(g_queue, array, ARRAY);
		}
	}
	return requests;
}

static void
run(struct bdk_disk *disk)
{
	struct bdk_request *done[32], *requests;
	pthread_t threads[NUM_THREADS];
	uint32_t count, left = NUM_THREADS * PER_THREAD, i;
	uintptr_t t;
	void *buf;
	int rc;

	rc = bdk_queue_create(disk, 0, &g_queue);
	if (rc != 0) {
		fail("queue", rc);
	}
	for (t = 0; t < NUM_THREADS; t++) {
		pthread_create(&threads[t], NULL, write_blocks, (void *)t);
	}
	while (left > 0) {
		count = bdk_queue_wait(g_queue, done, 1, 32, UINT64_MAX);
		for (i = 0; i < count; i++) {
			if (done[i]->status != 0) {
				fail("write", done[i]->status);
			}
		}
		left -= count;
	}
	for (t = 0; t < NUM_THREADS; t++) {
		pthread_join(threads[t], (void **)&requests);
		buf = requests[0].buf;
		free(buf);
		free(requests);
	}
	bdk_queue_destroy(g_queue);
	printf("%d blocks written by %d threads\n", NUM_THREADS * PER_THREAD, NUM_THREADS);
}

int
main(int argc, char **argv)
{
	struct bdk_embed_opts opts;
	struct bdk_disk *disk;
	int rc;

	bdk_embed_opts_init(&opts, sizeof(opts));
	opts.name = "our_loop";
	opts.config_file = argc > 2 ? argv[1] : NULL;
	opts.config = argc > 2 ? NULL : g_memory_disk;
	rc = bdk_embed_start(&opts);
	if (rc != 0) {
		fail("start", rc);
	}
	rc = bdk_disk_open(argc > 2 ? argv[2] : "disk0", true, &disk);
	if (rc != 0) {
		fail("open", rc);
	}
	g_block_size = bdk_disk_get_block_size(disk);
	g_align = bdk_disk_get_buf_align(disk);
	if (g_align < sizeof(void *)) {
		g_align = sizeof(void *);
	}
	run(disk);
	bdk_disk_close(disk);
	return bdk_embed_stop() != 0;
}
