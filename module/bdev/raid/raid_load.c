/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reading what a bdev begins with. Blocks are read as they are, as who has never been written may have metadata that are
 * wrong, and what is read has a checksum of its own.
 *
 *   load_both: both copies at once; with an error, what can be read of them:
 *   load_first, load_second.
 */

#include "module/bdev/raid/raid_superblock.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* A bdev that does not answer keeps nobody waiting for longer. */
#define PATIENCE_SEC 30

struct load {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct spdk_bdev *bdev;
	raid_load_cb cb;
	void *arg;
	struct spdk_poller *timer;
	bool gave_up;

	/* Raw blocks, and their metadata if that is kept apart. */
	uint8_t *blocks;
	uint8_t *md;
	struct iovec iov;
	uint32_t data_block_size;
	/* What there is of RAID_SUPER_SIZE. */
	uint32_t num_blocks;
	/* What is read now. */
	uint32_t first;
	uint32_t count;
	void (*next)(struct load *load, bool success);
	/* A copy that cannot be read is as if it were full of zeroes; but not both. */
	bool any;
	struct spdk_bdev_io_wait_entry wait;

	uint8_t data[RAID_SUPER_SIZE];
	struct raid_super super;
};

static void
free_load(struct load *load)
{
	spdk_poller_unregister(&load->timer);
	if (load->ch != NULL) {
		spdk_put_io_channel(load->ch);
	}
	if (load->desc != NULL) {
		spdk_bdev_close(load->desc);
	}
	spdk_dma_free(load->blocks);
	spdk_dma_free(load->md);
	free(load);
}

static void
finish(struct load *load, int rc)
{
	enum raid_super_kind kind = RAID_SUPER_NONE;
	const char *why = NULL;

	if (!load->gave_up) {
		if (rc == 0) {
			kind = raid_super_parse(load->data,
				spdk_min((size_t)load->num_blocks * load->data_block_size, sizeof(load->data)),
				spdk_bdev_get_uuid(load->bdev), &load->super, &why);
		}
		/* What it is asked to do may be to claim the bdev. */
		spdk_put_io_channel(load->ch);
		load->ch = NULL;
		spdk_poller_unregister(&load->timer);
		load->cb(load->arg, rc, kind, kind == RAID_SUPER_GOOD ? &load->super : NULL, why);
	}
	free_load(load);
}

static int
give_up(void *arg)
{
	struct load *load = arg;

	SPDK_ERRLOG("%s has not answered within %d s; it is taken for one that is no member of an array\n",
		load->bdev->name, PATIENCE_SEC);
	spdk_poller_unregister(&load->timer);
	load->gave_up = true;
	load->cb(load->arg, -ETIMEDOUT, RAID_SUPER_NONE, NULL, NULL);
	return SPDK_POLLER_BUSY;
}

/* ---- A step ---- */

/* What has been read, without metadata. */
static void
keep(struct load *load)
{
	uint32_t size = load->data_block_size;

	for (uint32_t i = load->first; i < load->first + load->count; i++) {
		size_t at = (size_t)i * size;

		if (at < sizeof(load->data)) {
			memcpy(load->data + at, load->blocks + (size_t)(i - load->first) * load->bdev->blocklen,
				spdk_min((size_t)size, sizeof(load->data) - at));
		}
	}
	load->any = true;
}

static void
read_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct load *load = cb_arg;

	spdk_bdev_free_io(bdev_io);
	if (load->gave_up) {
		free_load(load);
		return;
	}
	if (success) {
		keep(load);
	}
	load->next(load, success);
}

static void
read_cb(void *arg)
{
	struct load *load = arg;
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.metadata = load->md,
		.dif_check_flags_exclude_mask = load->bdev->dif_check_flags,
	};
	int rc;

	load->iov = (struct iovec){load->blocks, (size_t)load->count * load->bdev->blocklen};
	rc = spdk_bdev_readv_blocks_ext(
		load->desc, load->ch, &load->iov, 1, load->first, load->count, read_done_cb, load, &opts);
	if (rc == -ENOMEM) {
		load->wait = (struct spdk_bdev_io_wait_entry){.bdev = load->bdev, .cb_fn = read_cb, .cb_arg = load};
		/* It cannot be waited for if no I/O is lacking: there is no memory. */
		rc = spdk_bdev_queue_io_wait(load->bdev, load->ch, &load->wait) == 0 ? 0 : -ENOMEM;
	}
	if (rc != 0) {
		if (load->gave_up) {
			free_load(load);
		} else {
			finish(load, rc);
		}
	}
}

static void
read_blocks(struct load *load, uint32_t first, uint32_t end, void (*next)(struct load *load, bool success))
{
	load->first = first;
	load->count = end - first;
	load->next = next;
	read_cb(load);
}

/* ---- The steps ---- */

static void
load_done(struct load *load, bool success)
{
	finish(load, load->any ? 0 : -EIO);
}

static uint32_t
end_of_first(const struct load *load)
{
	return spdk_min(load->num_blocks, spdk_max(RAID_SUPER_COPY_SIZE / load->data_block_size, 1u));
}

static void
load_second(struct load *load, bool success)
{
	if (end_of_first(load) == load->num_blocks) {
		load_done(load, success);
		return;
	}
	read_blocks(load, end_of_first(load), load->num_blocks, load_done);
}

static void
load_first(struct load *load, bool success)
{
	if (success) {
		load_done(load, success);
		return;
	}
	SPDK_WARNLOG("%s: its first blocks cannot be read at once; what can be read of them is looked for\n",
		load->bdev->name);
	read_blocks(load, 0, end_of_first(load), load_second);
}

static void
load_both(struct load *load)
{
	read_blocks(load, 0, load->num_blocks, load_first);
}

/* ---- The beginning ---- */

/* It goes when its I/O has ended, and with that who reads it. */
static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static int
init_load(struct load *load, struct spdk_bdev *bdev)
{
	size_t align = spdk_bdev_get_buf_align(bdev);
	int rc;

	load->data_block_size = spdk_bdev_get_data_block_size(bdev);
	load->num_blocks = (uint32_t)spdk_min(
		spdk_bdev_get_num_blocks(bdev), (uint64_t)SPDK_CEIL_DIV(RAID_SUPER_SIZE, load->data_block_size));
	load->blocks = spdk_dma_zmalloc((size_t)load->num_blocks * bdev->blocklen, align, NULL);
	if (spdk_bdev_is_md_separate(bdev)) {
		load->md = spdk_dma_zmalloc((size_t)load->num_blocks * bdev->md_len, align, NULL);
	}
	if (load->blocks == NULL || (spdk_bdev_is_md_separate(bdev) && load->md == NULL)) {
		return -ENOMEM;
	}
	rc = spdk_bdev_open_ext(spdk_bdev_get_name(bdev), false, event_cb, NULL, &load->desc);
	if (rc != 0) {
		load->desc = NULL;
		return rc;
	}
	load->bdev = bdev;
	load->ch = spdk_bdev_get_io_channel(load->desc);
	load->timer = SPDK_POLLER_REGISTER(give_up, load, PATIENCE_SEC * SPDK_SEC_TO_USEC);
	return load->ch != NULL && load->timer != NULL ? 0 : -ENOMEM;
}

int
raid_load(struct spdk_bdev *bdev, raid_load_cb cb, void *arg)
{
	struct load *load;
	int rc;

	load = calloc(1, sizeof(*load));
	if (load == NULL) {
		return -ENOMEM;
	}
	load->cb = cb;
	load->arg = arg;
	rc = init_load(load, bdev);
	if (rc != 0) {
		free_load(load);
		return rc;
	}
	load_both(load);
	return 0;
}
