/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bdev on a file or a block device: what the modules that make one share, however their I/O reaches the kernel. Each
 * puts a struct file_bdev first into its own, and a struct file_bdev_channel first into the context of its channels.
 */

#ifndef MODULE_BDEV_FILE_BDEV_H
#define MODULE_BDEV_FILE_BDEV_H

#include "bdevkit/thread.h"
#include "module/bdev/common/block_file.h"
#include "module/bdev/common/file_workers.h"
#include "spdk/likely.h"
#include "spdk/thread.h"

/* It is also the io_device of its channels, and the ctxt of its bdev. */
struct file_bdev {
	struct spdk_bdev bdev;
	struct block_file file;
	struct file_workers workers;
	/* Of the reset that runs: there is one at a time. */
	struct bdk_channel_walk reset_walk;
	/* UNMAP and WRITE_ZEROES are offered where the file can do them. */
	bool clears;
	bool can_discard;
	bool can_seek;
	/* Some I/O has met the end of the file; atomic, as any thread finds out. */
	bool met_end;
};

struct file_bdev_channel {
	/* Of the module, for this thread. */
	struct spdk_io_channel *queue_ch;
	/* I/Os that are in the module. */
	uint64_t outstanding;
	/* A reset that waits until there are none. */
	struct spdk_io_channel_iter *reset;
};

/* The form of a module's bdevs. */
struct file_bdev_form {
	struct spdk_bdev_module *module;
	const struct spdk_bdev_fn_table *fn_table;
	char *product_name;
	/* On a worker: carries out a job of the module's I/O. ctx is the struct file_bdev. */
	void (*run_job)(void *ctx, struct file_job *job);
	bool clears;
};

/* ---- The life of one; application thread only ---- */

/*
 * Opens the file, with which all but the channels exist. Returns 0 or a negative errno, and then there is nothing to be
 * closed and *why is a sentence that says more, or as it was.
 */
int file_bdev_open(struct file_bdev *file_bdev, const struct file_bdev_form *form, const struct block_file_opts *opts,
	const struct spdk_uuid *uuid, const char **why);

/* Undoes file_bdev_open(). */
void file_bdev_close(struct file_bdev *file_bdev);

/* Makes the bdev known, with channels whose contexts have ch_size bytes. On failure it is as it was before. */
int file_bdev_register(struct file_bdev *file_bdev, spdk_io_channel_create_cb create_ch,
	spdk_io_channel_destroy_cb destroy_ch, uint32_t ch_size, const char **why);

/* For spdk_bdev_fn_table.destruct: when all channels are gone, closes the file and frees the bdev with what is around it. */
int file_bdev_destruct(void *ctx);

/* Makes the bdev as large as its file is now. Returns 0; -EBUSY: the file has become smaller; or a negative errno. */
int file_bdev_follow_size(struct file_bdev *file_bdev);

/*
 * Calls use for the bdev of that name, if it is one of the module's, while it is held open. Returns what use does, or
 * -ENODEV.
 */
int file_bdev_use(const char *name, const struct spdk_bdev_module *module,
	int (*use)(struct file_bdev *file_bdev, void *arg), void *arg);

/* What the methods that look at the size of a file again do. As bdev_aio_rescan(). */
int file_bdev_rescan(const char *name, const struct spdk_bdev_module *module, const char **why);

/* ---- I/O; on its thread ---- */

/* For spdk_bdev_fn_table.io_type_supported. */
bool file_bdev_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type);

/* Takes the channel of the module. Returns 0 or -ENOMEM. */
int file_bdev_channel_init(struct file_bdev_channel *ch, struct spdk_bdev_module *module);
void file_bdev_channel_fini(struct file_bdev_channel *ch);

static inline void *
file_bdev_channel_of(struct spdk_bdev_io *bdev_io)
{
	return spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
}

/* To be called after an I/O that has been counted in ch->outstanding has been completed. */
static inline void
file_bdev_leave(struct file_bdev_channel *ch)
{
	struct spdk_io_channel_iter *reset = ch->reset;

	ch->outstanding--;
	if (spdk_unlikely(reset != NULL) && ch->outstanding == 0) {
		ch->reset = NULL;
		spdk_for_each_channel_continue(reset, 0);
	}
}

static inline void
file_bdev_finish(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct file_bdev_channel *ch = file_bdev_channel_of(bdev_io);

	spdk_bdev_io_complete(bdev_io, status);
	file_bdev_leave(ch);
}

/* rc: 0 or a negative errno, as of a system call. */
void file_bdev_finish_with_errno(struct spdk_bdev_io *bdev_io, int rc);
/* Only part of the I/O is done: the file has become smaller, or the kernel has stopped for another reason. */
void file_bdev_finish_at_end(struct spdk_bdev_io *bdev_io);
void file_bdev_finish_seek(struct spdk_bdev_io *bdev_io, int64_t result);

/*
 * A RESET: calls stop for each channel, which ends what has not begun and then calls file_bdev_reset_channel(). It is
 * complete when, on each channel, all I/O is: what the kernel has cannot be relied on to come back sooner.
 */
void file_bdev_reset(struct spdk_bdev_io *bdev_io, spdk_channel_msg stop);
void file_bdev_reset_channel(struct spdk_io_channel_iter *iter);

#endif /* MODULE_BDEV_FILE_BDEV_H */
