/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The layer in the program's own event loop: one poll() for the layer, for what has ended, and for whatever else the
 * program waits for, here a timer. There is no other thread.
 *
 *	own_loop [CONFIG DISK]
 */

#include <bdevkit/embed.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define DEPTH 16
#define TICKS 5

static const char g_memory_disk[] =
	"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": \"bdev_malloc_create\","
	" \"params\": {\"name\": \"disk0\", \"num_blocks\": 8192, \"block_size\": 512}}]}]}";

static void
fail(const char *what, int rc)
{
	fprintf(stderr, "own_loop: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static int
make_timer(void)
{
	struct itimerspec when = {.it_interval.tv_nsec = 20000000, .it_value.tv_nsec = 20000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	timerfd_settime(fd, 0, &when, NULL);
	return fd;
}

/* Reads on and on until the timer has fired often enough, and all is done. */
static void
run(struct bdk_queue *queue, struct bdk_request *requests, uint64_t num_blocks)
{
	struct pollfd fds[3] = {{.fd = bdk_embed_get_fd(), .events = POLLIN},
		{.fd = bdk_queue_get_fd(queue), .events = POLLIN}, {.fd = make_timer(), .events = POLLIN}};
	struct bdk_request *done[DEPTH];
	uint64_t reads = 0, next = 0, ticks = 0, value;
	uint32_t outstanding = DEPTH, count, i;

	for (i = 0; i < DEPTH; i++) {
		done[i] = &requests[i];
		requests[i].offset_blocks = next++ % num_blocks;
	}
	bdk_queue_submit(queue, done, DEPTH);
	while (outstanding > 0) {
		if (poll(fds, 3, -1) < 0) {
			fail("poll", -errno);
		}
		if (fds[2].revents != 0 && read(fds[2].fd, &value, sizeof(value)) == sizeof(value)) {
			ticks += value;
		}
		if (fds[0].revents != 0 && bdk_embed_poll() != 0) {
			fail("the layer has ended", -ESHUTDOWN);
		}
		if (fds[1].revents == 0) {
			continue;
		}
		count = bdk_queue_reap(queue, done, DEPTH);
		outstanding -= count;
		for (i = 0; i < count; i++) {
			if (done[i]->status != 0) {
				fail("read", done[i]->status);
			}
			done[i]->offset_blocks = next++ % num_blocks;
		}
		reads += count;
		if (ticks < TICKS) {
			bdk_queue_submit(queue, done, count);
			outstanding += count;
		}
	}
	close(fds[2].fd);
	printf("%llu reads between %llu ticks\n", (unsigned long long)reads, (unsigned long long)ticks);
}

int
main(int argc, char **argv)
{
	struct bdk_request requests[DEPTH];
	struct bdk_embed_opts opts;
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t block_size, i;
	char *buf;
	int rc;

	bdk_embed_opts_init(&opts, sizeof(opts));
	opts.name = "own_loop";
	opts.own_loop = true;
	opts.config_file = argc > 2 ? argv[1] : NULL;
	opts.config = argc > 2 ? NULL : g_memory_disk;
	rc = bdk_embed_start(&opts);
	if (rc != 0) {
		fail("start", rc);
	}
	rc = bdk_disk_open(argc > 2 ? argv[2] : "disk0", false, &disk);
	if (rc != 0) {
		fail("open", rc);
	}
	rc = bdk_queue_create(disk, 0, &queue);
	if (rc != 0) {
		fail("queue", rc);
	}
	block_size = bdk_disk_get_block_size(disk);
	if (posix_memalign((void **)&buf, 4096, DEPTH * block_size) != 0) {
		fail("memory", -ENOMEM);
	}
	memset(requests, 0, sizeof(requests));
	for (i = 0; i < DEPTH; i++) {
		requests[i].type = SPDK_BDEV_IO_TYPE_READ;
		requests[i].buf = buf + i * block_size;
		requests[i].num_blocks = 1;
	}
	run(queue, requests, bdk_disk_get_num_blocks(disk));
	bdk_queue_destroy(queue);
	bdk_disk_close(disk);
	free(buf);
	return bdk_embed_stop() != 0;
}
