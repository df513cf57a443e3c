/* SPDX-License-Identifier: BSD-3-Clause */

/* A copy from one end to another: several I/Os out, holes left out or made. */

#ifndef BDEVKIT_DD_COPY_H
#define BDEVKIT_DD_COPY_H

#include "app/bdevkit/dd/end.h"

struct dd_copy_options {
	/* Where the range begins at each end, and how long it is; in bytes. */
	uint64_t source_at;
	uint64_t target_at;
	uint64_t length;
	/* So much of the range was copied before. */
	uint64_t resume;
	/* Bytes of an I/O; a multiple of both block sizes. */
	uint64_t io_size;
	uint32_t depth;
	/* Zeroes of this length in the data become holes; 0: they are written. */
	uint32_t sparse;
	/* After so much data the target is told to make safe what it has; and every few seconds. */
	uint64_t safe_every;
};

enum dd_side {
	DD_SOURCE,
	DD_TARGET,
};

struct dd_progress {
	/* Everything before this place of the range is copied; before that one it is safe, too. */
	uint64_t done;
	uint64_t safe;
	/* What went over, and what was zeroes: in this run. */
	uint64_t data_bytes;
	uint64_t zero_bytes;
};

struct dd_result {
	/* 0; -ECANCELED: dd_copy_stop(); or what an end said, which one, doing what and where there. */
	int rc;
	enum dd_side side;
	enum dd_op op;
	uint64_t offset;
};

struct dd_copy;

typedef void (*dd_copy_fn)(void *ctx, const struct dd_result *result, const struct dd_progress *progress);

/*
 * Copies, and makes safe what was copied, also after a failure, as far as the target still answers. fn is called when nothing is
 * out any more; it frees the copy with dd_copy_free(). Both ends must stay. NULL without memory.
 */
struct dd_copy *dd_copy_start(
	struct dd_end *source, struct dd_end *target, const struct dd_copy_options *options, dd_copy_fn fn, void *ctx);
void dd_copy_free(struct dd_copy *copy);

/* Ends it as soon as what is out has come back. */
void dd_copy_stop(struct dd_copy *copy);

void dd_copy_get_progress(const struct dd_copy *copy, struct dd_progress *progress);

#endif /* BDEVKIT_DD_COPY_H */
