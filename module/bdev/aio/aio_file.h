/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What aio knows of a file or block device, and what it can do to it with calls that block. These belong on a worker.
 */

#ifndef MODULE_BDEV_AIO_FILE_H
#define MODULE_BDEV_AIO_FILE_H

#include "spdk/stdinc.h"

/* How reads and writes reach the file without making the reactor wait. */
enum aio_submission {
	/* io_submit() does not wait: direct I/O, or a file system in memory. */
	AIO_SUBMISSION_PLAIN,
	/* io_submit() with RWF_NOWAIT; what would have to wait is refused with EAGAIN. */
	AIO_SUBMISSION_NOWAIT,
	/* io_submit() would do all the work of the I/O before it returns: leave it to a worker. */
	AIO_SUBMISSION_WORKER,
};

struct aio_file {
	int fd;
	bool readonly;
	bool block_device;
	/* Opened with O_DIRECT: buffers need mem_align, and every part of an I/O is a multiple of length_align. */
	bool direct;
	uint32_t mem_align;
	uint32_t length_align;
	/* Of the block device; 0 for a regular file. */
	uint32_t sector_size;
	/* Bytes, when it was opened. */
	uint64_t size;
	/* Atomic: the threads that use the file find out what it cannot do. */
	int submission;
	/* The kernel makes asynchronous fdatasync() of it. */
	bool async_sync;
};

/*
 * Opens a file for I/O in blocks of block_size bytes, 0: those of the device. Returns 0 or a negative errno, and then
 * *why is a sentence that says more, or NULL.
 */
int aio_file_open(struct aio_file *file, const char *path, bool readonly, uint32_t block_size, const char **why);
void aio_file_close(struct aio_file *file);

/* Sets *size to the present size in bytes. Returns 0 or a negative errno. */
int aio_file_get_size(const struct aio_file *file, uint64_t *size);

/* Whether parts of the file can be given back to the system. It changes nothing that can be read. */
bool aio_file_can_discard(const struct aio_file *file);

/* Whether it is known which parts of the file hold data. */
bool aio_file_can_seek(const struct aio_file *file);

/*
 * Finds the first block at or behind offset, which is that of a block, that holds data; or, with hole, that holds none at
 * all. Returns its offset, -ENXIO if there is none before end, or another negative errno.
 */
int64_t aio_file_seek(const struct aio_file *file, bool hole, uint64_t offset, uint64_t end, uint32_t block_size);

/* Both read or write all of it, and return the number of bytes: less only at the end of the file; or a negative errno. */
int64_t aio_file_read(const struct aio_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len);
int64_t aio_file_write(const struct aio_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len);

/* Return 0 or a negative errno. */
int aio_file_sync(const struct aio_file *file);
int aio_file_discard(const struct aio_file *file, uint64_t offset, uint64_t len);
int aio_file_zero(const struct aio_file *file, uint64_t offset, uint64_t len);

#endif /* MODULE_BDEV_AIO_FILE_H */
