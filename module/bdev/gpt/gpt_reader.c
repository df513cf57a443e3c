/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The steps in their order: the first two blocks, with the master boot record and the header; its entries; if one of the
 * two is damaged, the header in the last block; its entries. Most disks have no table, and end with the first step.
 */

#include "module/bdev/gpt/gpt_reader.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define HEAD_BLOCKS 2
#define PRIMARY_LBA 1

/* What is read at once: metadata that are hidden need a buffer of the layer, and those have an end. */
#define PIECE_SIZE (32 * 1024)

struct gpt_reader {
	gpt_reader_cb cb;
	void *ctx;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct spdk_poller *timer;
	/* cb was called without waiting for the bdev. */
	bool gave_up;

	struct gpt_disk disk;
	struct gpt_header header;
	void *buf;
	/* What is wrong with the table at the beginning. */
	const char *primary_fault;

	/* The step that runs: what it reads into buf, and what comes then. */
	uint64_t lba;
	uint64_t num_blocks;
	uint64_t num_read;
	uint64_t piece;
	void (*next)(struct gpt_reader *reader);
	struct spdk_bdev_io_wait_entry wait;
};

static void read_piece_cb(void *arg);
static void read_head(struct gpt_reader *reader);
static void check_head(struct gpt_reader *reader);
static void check_primary_entries(struct gpt_reader *reader);
static void read_backup(struct gpt_reader *reader, const char *primary_fault);
static void check_backup(struct gpt_reader *reader);
static void check_backup_entries(struct gpt_reader *reader);

static const char *
name_of(const struct gpt_reader *reader)
{
	return spdk_bdev_get_name(spdk_bdev_desc_get_bdev(reader->desc));
}

/* ---- The end ---- */

static void
free_reader(struct gpt_reader *reader)
{
	spdk_poller_unregister(&reader->timer);
	if (reader->ch != NULL) {
		spdk_put_io_channel(reader->ch);
	}
	if (reader->desc != NULL) {
		spdk_bdev_close(reader->desc);
	}
	spdk_dma_free(reader->buf);
	free(reader);
}

static void
finish(struct gpt_reader *reader, int rc)
{
	if (!reader->gave_up) {
		reader->cb(reader->ctx, spdk_bdev_desc_get_bdev(reader->desc), rc, &reader->header, reader->buf);
	}
	free_reader(reader);
}

/* The bdev has not answered. Everything else goes on; what is left here goes when it answers. */
static int
give_up(void *arg)
{
	struct gpt_reader *reader = arg;

	SPDK_ERRLOG("%s has not answered within %d s; it is taken for a disk without a partition table\n",
		name_of(reader), GPT_READER_PATIENCE_SEC);
	spdk_poller_unregister(&reader->timer);
	reader->gave_up = true;
	reader->cb(reader->ctx, spdk_bdev_desc_get_bdev(reader->desc), -ETIMEDOUT, NULL, NULL);
	return SPDK_POLLER_BUSY;
}

/* ---- A step ---- */

static void
read_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct gpt_reader *reader = cb_arg;

	spdk_bdev_free_io(bdev_io);
	if (!success) {
		SPDK_ERRLOG("%s: blocks %" PRIu64 " to %" PRIu64 ", where a partition table may be, cannot be read\n",
			name_of(reader), reader->lba, reader->lba + reader->num_blocks - 1);
	}
	reader->num_read += reader->piece;
	if (reader->gave_up) {
		finish(reader, -ETIMEDOUT);
	} else if (success && reader->num_read < reader->num_blocks) {
		read_piece_cb(reader);
	} else if (success) {
		reader->next(reader);
	} else if (reader->next == check_primary_entries) {
		read_backup(reader, "its entries cannot be read");
	} else {
		finish(reader, -EIO);
	}
}

static void
read_piece_cb(void *arg)
{
	struct gpt_reader *reader = arg;
	uint32_t block_size = reader->disk.block_size;
	int rc;

	reader->piece = spdk_min(reader->num_blocks - reader->num_read, spdk_max(PIECE_SIZE / block_size, 1u));
	rc = spdk_bdev_read_blocks(reader->desc, reader->ch, (uint8_t *)reader->buf + reader->num_read * block_size,
		reader->lba + reader->num_read, reader->piece, read_done_cb, reader);
	if (rc == -ENOMEM) {
		reader->wait.bdev = spdk_bdev_desc_get_bdev(reader->desc);
		reader->wait.cb_fn = read_piece_cb;
		reader->wait.cb_arg = reader;
		/* It cannot be waited for if no I/O is lacking: there is no memory. */
		rc = spdk_bdev_queue_io_wait(reader->wait.bdev, reader->ch, &reader->wait) == 0 ? 0 : -ENOMEM;
	}
	if (rc != 0) {
		SPDK_ERRLOG("%s cannot be read: %s\n", name_of(reader), spdk_strerror(-rc));
		finish(reader, rc);
	}
}

static void
read_blocks(struct gpt_reader *reader, uint64_t lba, uint64_t num_blocks, void (*next)(struct gpt_reader *reader))
{
	reader->lba = lba;
	reader->num_blocks = num_blocks;
	reader->num_read = 0;
	reader->next = next;
	read_piece_cb(reader);
}

/* ---- The steps ---- */

static void
read_head(struct gpt_reader *reader)
{
	read_blocks(reader, 0, HEAD_BLOCKS, check_head);
}

/* From here on with a buffer that is large enough for all. */
static bool
take_large_buf(struct gpt_reader *reader)
{
	size_t align = spdk_bdev_get_buf_align(spdk_bdev_desc_get_bdev(reader->desc));

	spdk_dma_free(reader->buf);
	reader->buf = spdk_dma_malloc(SPDK_ALIGN_CEIL(GPT_MAX_ENTRIES_SIZE, reader->disk.block_size), align, NULL);
	return reader->buf != NULL;
}

static void
check_head(struct gpt_reader *reader)
{
	const uint8_t *header = (const uint8_t *)reader->buf + PRIMARY_LBA * (size_t)reader->disk.block_size;
	const char *fault;

	if (!gpt_mbr_is_protective(reader->buf)) {
		SPDK_DEBUGLOG(vbdev_gpt, "%s has no partition table\n", name_of(reader));
		finish(reader, -ENOENT);
		return;
	}
	fault = gpt_header_read(&reader->disk, header, PRIMARY_LBA, &reader->header);
	if (!take_large_buf(reader)) {
		finish(reader, -ENOMEM);
	} else if (fault != NULL) {
		read_backup(reader, fault);
	} else {
		read_blocks(reader, reader->header.entries_lba, gpt_entries_num_blocks(&reader->disk, &reader->header),
			check_primary_entries);
	}
}

static void
check_primary_entries(struct gpt_reader *reader)
{
	if (gpt_entries_are_good(&reader->header, reader->buf)) {
		finish(reader, 0);
	} else {
		read_backup(reader, "the checksum of its entries is wrong");
	}
}

static void
read_backup(struct gpt_reader *reader, const char *primary_fault)
{
	reader->primary_fault = primary_fault;
	read_blocks(reader, reader->disk.num_blocks - 1, 1, check_backup);
}

static void
finish_damaged(struct gpt_reader *reader, const char *fault)
{
	SPDK_ERRLOG("%s has a partition table that is of no use: the header in block 1: %s; that in the last block: "
		    "%s. 'sgdisk --verify' says more\n",
		name_of(reader), reader->primary_fault, fault);
	finish(reader, -EILSEQ);
}

static void
check_backup(struct gpt_reader *reader)
{
	const char *fault;

	fault = gpt_header_read(&reader->disk, reader->buf, reader->disk.num_blocks - 1, &reader->header);
	if (fault != NULL) {
		finish_damaged(reader, fault);
		return;
	}
	read_blocks(reader, reader->header.entries_lba, gpt_entries_num_blocks(&reader->disk, &reader->header),
		check_backup_entries);
}

static void
check_backup_entries(struct gpt_reader *reader)
{
	if (!gpt_entries_are_good(&reader->header, reader->buf)) {
		finish_damaged(reader, "the checksum of its entries is wrong");
		return;
	}
	SPDK_WARNLOG("%s: the partition table at its beginning is damaged, the header in block 1: %s; the one at its "
		     "end is used. 'sgdisk' mends it\n",
		name_of(reader), reader->primary_fault);
	finish(reader, 0);
}

/* ---- The beginning ---- */

/* The bdev goes when its I/O has ended, and with that the reader. */
static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static int
open_bdev(struct gpt_reader *reader, const char *bdev_name)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(bdev_name);
	struct spdk_bdev_open_opts opts;
	int rc;

	if (bdev == NULL) {
		return -ENODEV;
	}
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = spdk_bdev_is_md_interleaved(bdev);
	rc = spdk_bdev_open_ext_v2(bdev_name, false, event_cb, NULL, &opts, &reader->desc);
	if (rc != 0) {
		return rc;
	}
	reader->disk.block_size = spdk_bdev_desc_get_block_size(reader->desc);
	reader->disk.num_blocks = spdk_bdev_get_num_blocks(bdev);
	return 0;
}

/* Whether there is room for a table, in blocks that can have one. */
static bool
can_have_table(const struct gpt_disk *disk)
{
	return disk->block_size % sizeof(struct spdk_mbr) == 0 && disk->num_blocks > HEAD_BLOCKS;
}

int
gpt_reader_start(const char *bdev_name, gpt_reader_cb cb, void *ctx)
{
	struct gpt_reader *reader = calloc(1, sizeof(*reader));
	struct spdk_bdev *bdev;
	int rc;

	if (reader == NULL) {
		return -ENOMEM;
	}
	reader->cb = cb;
	reader->ctx = ctx;
	rc = open_bdev(reader, bdev_name);
	if (rc != 0) {
		goto err_free;
	}
	bdev = spdk_bdev_desc_get_bdev(reader->desc);
	if (!can_have_table(&reader->disk)) {
		finish(reader, -ENOENT);
		return 0;
	}
	rc = -ENOMEM;
	reader->ch = spdk_bdev_get_io_channel(reader->desc);
	reader->buf =
		spdk_dma_malloc(HEAD_BLOCKS * (size_t)reader->disk.block_size, spdk_bdev_get_buf_align(bdev), NULL);
	reader->timer =
		spdk_poller_register_named(give_up, reader, GPT_READER_PATIENCE_SEC * SPDK_SEC_TO_USEC, "gpt_reader");
	if (reader->ch == NULL || reader->buf == NULL || reader->timer == NULL) {
		goto err_free;
	}
	read_head(reader);
	return 0;

err_free:
	free_reader(reader);
	return rc;
}

SPDK_LOG_REGISTER_COMPONENT(vbdev_gpt)
