/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is known of a file or block device with a bdev on it, and what can be done to it with calls that block. These belong
 * on a worker.
 */

#ifndef MODULE_BDEV_BLOCK_FILE_H
#define MODULE_BDEV_BLOCK_FILE_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"

struct file_lock;

struct block_file_opts {
	/* Of the bdev that it is opened for; said in warnings. */
	const char *bdev_name;
	const char *path;
	/* Bytes; 0: that of the block device. A regular file needs one. */
	uint32_t block_size;
	bool readonly;
	/* Do not keep other processes from using the file, nor heed that they want it for themselves. */
	bool no_lock;
	/* Through the page cache, also where the file can do direct I/O. */
	bool buffered;
};

struct block_file {
	int fd;
	/* Absolute: a saved configuration is loaded by a process that may have been started anywhere else. */
	char *path;
	bool readonly;
	bool no_lock;
	bool block_device;
	/* The file system keeps it in memory. */
	bool in_memory;
	/* Opened with O_DIRECT: buffers need mem_align, and every part of an I/O is a multiple of length_align. */
	bool direct;
	uint32_t mem_align;
	uint32_t length_align;
	/* Of the block device; 0 for a regular file. */
	uint32_t sector_size;
	/* Bytes, when it was opened. */
	uint64_t size;
	/* NULL: none. */
	struct file_lock *lock;
};

/*
 * Opens a file, and locks it. Returns 0 or a negative errno, and then *why is a sentence that says more, or is not
 * changed. -EBUSY: another process uses it.
 */
int block_file_open(struct block_file *file, const struct block_file_opts *opts, const char **why);
void block_file_close(struct block_file *file);

/* Whether the file takes RWF_NOWAIT. Reads from it. */
bool block_file_takes_nowait(const struct block_file *file);

/* Sets *size to the present size in bytes. Returns 0 or a negative errno. */
int block_file_get_size(const struct block_file *file, uint64_t *size);

/* Whether parts of the file can be given back to the system. It changes nothing that can be read. */
bool block_file_can_discard(const struct block_file *file);

/* Whether it is known which parts of the file hold data. */
bool block_file_can_seek(const struct block_file *file);

/*
 * Finds the first block at or behind offset, which is that of a block, that holds data; or, with hole, that holds none at
 * all. Returns its offset, -ENXIO if there is none before end, or another negative errno.
 */
int64_t block_file_seek(const struct block_file *file, bool hole, uint64_t offset, uint64_t end, uint32_t block_size);

/* Both read or write all of it, and return the number of bytes: less only at the end of the file; or a negative errno. */
int64_t block_file_read(const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len);
int64_t block_file_write(const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len);

/* Return 0 or a negative errno. */
int block_file_sync(const struct block_file *file);
int block_file_discard(const struct block_file *file, uint64_t offset, uint64_t len);
int block_file_zero(const struct block_file *file, uint64_t offset, uint64_t len);

/* ---- The I/O of a bdev on a file ---- */

uint64_t block_file_io_offset(const struct spdk_bdev_io *bdev_io);
uint64_t block_file_io_length(const struct spdk_bdev_io *bdev_io);

/* Whether the buffers of a READ or WRITE hold exactly the transfer: the kernel would take longer ones at their word. */
bool block_file_io_buffers_fit(const struct spdk_bdev_io *bdev_io);

/* Whether the file takes the buffers as they are: the layer aligns where they begin, this asks about their lengths. */
bool block_file_io_lengths_fit(const struct block_file *file, const struct spdk_bdev_io *bdev_io);

/* Carries out an I/O with calls that block. Returns bytes for READ, WRITE, SEEK_*; 0; or a negative errno. */
int64_t block_file_io_run(const struct block_file *file, const struct spdk_bdev_io *bdev_io);

/* Completes SEEK_* with the result of block_file_io_run(). */
void block_file_io_complete_seek(struct spdk_bdev_io *bdev_io, int64_t result);

#endif /* MODULE_BDEV_BLOCK_FILE_H */
