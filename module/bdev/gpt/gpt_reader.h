/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading the partition table of a bdev. */

#ifndef MODULE_BDEV_GPT_READER_H
#define MODULE_BDEV_GPT_READER_H

#include "module/bdev/gpt/gpt_table.h"
#include "spdk/bdev.h"

/* What becomes of a bdev that does not answer. */
#define GPT_READER_PATIENCE_SEC 30

/*
 * rc 0: the table is good, entries are what header tells of, and both are valid inside the call. -ENOENT: the bdev has no
 * table; -EILSEQ: it has one, but header and backup are damaged; -ENODEV: the bdev is going away; -EIO; -ETIMEDOUT;
 * -ENOMEM. What is wrong has been logged. The bdev is open.
 */
typedef void (*gpt_reader_cb)(
	void *ctx, struct spdk_bdev *bdev, int rc, const struct gpt_header *header, const void *entries);

/*
 * Reads the table of a bdev, that at its beginning or, if that is damaged, the one at its end. Metadata that is interleaved
 * is no part of it. Returns 0, and cb is called once on this thread, perhaps before this returns; or a negative errno.
 */
int gpt_reader_start(const char *bdev_name, gpt_reader_cb cb, void *ctx);

#endif /* MODULE_BDEV_GPT_READER_H */
