/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An application around the module: with an argument it writes a pattern, reads it back, compares, and ends; without
 * one it serves RPC clients until it is told to stop.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"

#include "bdev_your.h"

#define SIZE (1024 * 1024)
#define BLOCK_SIZE 512
/* More than the module takes in one piece, so that the layer has to split. */
#define LENGTH (256 * 1024)

static struct spdk_bdev_desc *g_desc;
static struct spdk_io_channel *g_channel;
static unsigned char *g_written;
static unsigned char *g_read;

static void
finish(int rc)
{
	if (g_channel) {
		spdk_put_io_channel(g_channel);
	}
	if (g_desc) {
		spdk_bdev_close(g_desc);
	}
	spdk_dma_free(g_written);
	spdk_dma_free(g_read);
	spdk_app_stop(rc);
}

static void
read_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	bool same = success && memcmp(g_written, g_read, LENGTH) == 0;

	spdk_bdev_free_io(bdev_io);
	printf("%s\n", same ? "SAME" : "DIFFERENT");
	finish(same ? 0 : 1);
}

static void
write_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	spdk_bdev_free_io(bdev_io);
	if (!success || spdk_bdev_read(g_desc, g_channel, g_read, BLOCK_SIZE, LENGTH, read_cb, NULL) != 0) {
		finish(1);
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
start(void *ctx)
{
	bool once = *(bool *)ctx;
	int i, rc;

	rc = your_bdev_create("test_bdev", SIZE, BLOCK_SIZE);
	if (rc != 0 || !once) {
		if (rc != 0) {
			spdk_app_stop(rc);
		}
		return;
	}
	g_written = spdk_dma_malloc(LENGTH, 4096, NULL);
	g_read = spdk_dma_zmalloc(LENGTH, 4096, NULL);
	for (i = 0; i < LENGTH; i++) {
		g_written[i] = i * 7 + i / 4096;
	}
	if (spdk_bdev_open_ext("test_bdev", true, event_cb, NULL, &g_desc) != 0) {
		finish(1);
		return;
	}
	g_channel = spdk_bdev_get_io_channel(g_desc);
	if (!g_channel || spdk_bdev_write(g_desc, g_channel, g_written, BLOCK_SIZE, LENGTH, write_cb, NULL) != 0) {
		finish(1);
	}
}

static int
parse_arg(int ch, char *arg)
{
	return -EINVAL;
}

static void
usage(void)
{
}

int
main(int argc, char **argv)
{
	struct spdk_app_opts opts = {};
	bool once = getenv("ONCE") != NULL;
	int rc;

	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "guide";
	rc = spdk_app_parse_args(argc, argv, &opts, "", NULL, parse_arg, usage);
	if (rc != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return rc == SPDK_APP_PARSE_ARGS_HELP ? 0 : 2;
	}
	rc = spdk_app_start(&opts, start, &once);
	spdk_app_fini();
	return rc == 0 ? 0 : 1;
}
