/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One end of a copy: a file, a bdev, or an export of an NBD server. Everything on the app thread.
 *
 *   end.c        which kind a word means; what the kinds have in common
 *   end_file.c   files and block devices of the system, through io_uring
 *   end_bdev.c   bdevs of this process
 *   end_nbd.c    exports, through libnbd
 */

#ifndef BDEVKIT_DD_END_H
#define BDEVKIT_DD_END_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/queue.h"

enum dd_op {
	DD_READ,
	DD_WRITE,
	/* The range reads as zeroes then, if possible without taking space. */
	DD_ZERO,
	/* What was written before is safe then. */
	DD_FLUSH,
	/* Sets extent_length and extent_zero. */
	DD_EXTENT,
};

struct dd_end;

/* The caller's memory, until fn is called, which is never inside dd_submit(). */
struct dd_io {
	enum dd_op op;
	/* Bytes, multiples of the end's block size. Of DD_READ only, length may be any, and buf has room up to the multiple. */
	uint64_t offset;
	uint64_t length;
	void *buf;
	/* rc: 0 or a negative errno. */
	void (*fn)(struct dd_io *io, int rc);
	void *ctx;
	/* So much from offset on, at most length, reads as zeroes, or may not. */
	uint64_t extent_length;
	bool extent_zero;

	/* The end's. */
	struct dd_end *end;
	uint64_t moved;
	int rc;
	struct spdk_bdev_io_wait_entry wait;
	STAILQ_ENTRY(dd_io) link;
};

struct dd_end_ops {
	/* Sets the members of the end that say what it is like. 0; or a negative errno, and why. */
	int (*open)(struct dd_end *end, char *why, size_t why_size);
	/* Keeps others away; NULL: opening does. 0 or -EBUSY. */
	int (*lock)(struct dd_end *end);
	/*
	 * Of a target, once it is clear that the copy goes ahead: it will be written up to so many bytes. What it holds from keep
	 * on may be thrown away, if it is a file; UINT64_MAX: all stays. May set zeroed.
	 */
	int (*prepare)(struct dd_end *end, uint64_t keep, uint64_t size);
	void (*submit)(struct dd_end *end, struct dd_io *io);
	/* After all I/O has come back, also if open() failed. A target that is done has all and was flushed. */
	int (*close)(struct dd_end *end, bool done);
};

struct dd_end_options {
	/* Of files. */
	bool direct;
	/* Each write is safe when it ends: O_SYNC, FUA. */
	bool sync;
	/* Of targets that are files: it must not be there yet; it must be there. */
	bool must_create;
	bool must_exist;
	/* Take files that others use as disk images. */
	bool no_lock;
	/* I/Os that are out at a time. */
	uint32_t depth;
	/* Connections to an NBD server that allows several. */
	uint32_t connections;
};

struct dd_end {
	const struct dd_end_ops *ops;
	/* As the user has written it, and what it is opened by. */
	char *word;
	char *name;
	bool write;
	struct dd_end_options options;

	/* Bytes; UINT64_MAX: no end. A target that grows takes any. */
	uint64_t size;
	bool grows;
	uint32_t block_size;
	size_t buf_align;
	/* The longest DD_READ and DD_WRITE. */
	uint64_t max_io;
	/* Where nothing was written it reads as zeroes. */
	bool zeroed;
	/* It does not answer any more, or was removed. */
	bool gone;
	/* What tells that two ends are one thing. */
	char **identities;
	size_t num_identities;

	/* The kind's own. */
	void *state;
};

extern const struct dd_end_ops g_dd_file_ops;
extern const struct dd_end_ops g_dd_bdev_ops;
extern const struct dd_end_ops g_dd_nbd_ops;

enum dd_kind {
	DD_FILE,
	DD_BDEV,
	DD_NBD,
};

/*
 * What a word means. bdevs: the command line has a configuration or a target, whose bdevs are meant by bare names; where there is
 * none, it may be a file all the same.
 */
enum dd_kind dd_kind_of(const char *word, bool bdevs);

/* end is zero but for word, name, write, options. After a failure it need not be closed. */
int dd_end_open(struct dd_end *end, enum dd_kind kind, char *why, size_t why_size);
int dd_end_close(struct dd_end *end, bool done);

static inline uint64_t
dd_round_up(uint64_t number, uint64_t unit)
{
	return (number + unit - 1) / unit * unit;
}

static inline void
dd_submit(struct dd_end *end, struct dd_io *io)
{
	io->end = end;
	io->moved = 0;
	io->rc = 0;
	end->ops->submit(end, io);
}

/* For ends: ends an I/O from inside submit(). */
void dd_io_end_later(struct dd_io *io, int rc);

/* For ends: something that only this thing has. Returns 0 or -ENOMEM. */
int dd_end_add_identity(struct dd_end *end, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The file or device of that descriptor. */
int dd_end_add_file_identity(struct dd_end *end, const struct stat *st);

/* Whether two ends are, or stand on, the same thing. */
bool dd_end_is_same(const struct dd_end *one, const struct dd_end *other);

#endif /* BDEVKIT_DD_END_H */
