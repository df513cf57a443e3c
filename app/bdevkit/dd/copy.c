/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/dd/copy.h"

#include "spdk/env.h"
#include "spdk/queue.h"
#include "spdk/util.h"

/* Zeroes go out in pieces of this size, so that there is progress to see and several are under way. */
#define ZERO_SIZE (128ull * 1024 * 1024)
/* So many seconds later, at the latest, the target is told to make safe what it has: that is what a failure may cost. */
#define SAFE_SECONDS 5

/* A piece on its way. */
struct job {
	struct dd_copy *copy;
	struct dd_io io;
	void *buf;
	/* In the range. */
	uint64_t at;
	uint64_t length;
	/* What of it the target has. */
	uint64_t written;
	bool zero;
	bool ended;
	TAILQ_ENTRY(job) link;
};

struct dd_copy {
	struct dd_end *source;
	struct dd_end *target;
	struct dd_copy_options options;
	dd_copy_fn fn;
	void *ctx;
	/* What pieces begin and end at. */
	uint64_t unit;

	/* The next piece begins here; what is known of the source reaches to there. */
	uint64_t at;
	uint64_t known;
	bool known_zero;
	bool asking;
	bool issuing;
	/* The caller is about to be told. */
	bool over;
	struct dd_io ask;

	struct dd_io flush;
	bool flushing;
	/* Safe when the flush ends, and what had been written when it began. */
	uint64_t flush_done;
	uint64_t flushed_bytes;
	uint64_t flush_ticks;

	struct dd_progress progress;
	struct dd_result result;
	uint32_t out;
	/* In the order of the range. */
	TAILQ_HEAD(, job) busy;
	TAILQ_HEAD(, job) idle;
	struct job jobs[];
};

static void issue(struct dd_copy *copy);
static void look_for_end(struct dd_copy *copy);

static void
fail(struct dd_copy *copy, enum dd_side side, const struct dd_io *io, int rc)
{
	if (copy->result.rc == 0) {
		copy->result = (struct dd_result){.rc = rc, .side = side, .op = io->op, .offset = io->offset};
	}
}

/* ---- safe ---- */

static void flush_sometimes(struct dd_copy *copy);

static void
flushed(struct dd_io *io, int rc)
{
	struct dd_copy *copy = io->ctx;

	copy->flushing = false;
	if (rc == 0) {
		copy->progress.safe = copy->flush_done;
		flush_sometimes(copy);
	} else {
		fail(copy, DD_TARGET, io, rc);
	}
	look_for_end(copy);
}

static void
flush(struct dd_copy *copy)
{
	copy->flushing = true;
	copy->flush_done = copy->progress.done;
	copy->flushed_bytes = copy->progress.data_bytes;
	copy->flush_ticks = spdk_get_ticks();
	copy->flush = (struct dd_io){.op = DD_FLUSH, .fn = flushed, .ctx = copy};
	dd_submit(copy->target, &copy->flush);
}

static void
flush_sometimes(struct dd_copy *copy)
{
	uint64_t bytes = copy->progress.data_bytes - copy->flushed_bytes;

	if (copy->flushing || copy->result.rc != 0 || bytes == 0 || copy->progress.done == copy->progress.safe ||
		copy->progress.done == copy->options.length) {
		return;
	}
	if (bytes >= copy->options.safe_every ||
		spdk_get_ticks() - copy->flush_ticks >= SAFE_SECONDS * spdk_get_ticks_hz()) {
		flush(copy);
	}
}

/* ---- the end ---- */

static void
tell(struct dd_io *io, int rc)
{
	struct dd_copy *copy = io->ctx;

	copy->fn(copy->ctx, &copy->result, &copy->progress);
}

static void
look_for_end(struct dd_copy *copy)
{
	bool over = copy->result.rc != 0 || copy->at == copy->options.length;

	if (!over || copy->over || copy->out > 0 || copy->asking || copy->flushing || copy->issuing) {
		return;
	}
	/* What a dead target has is not known, nor that of one which could not make it safe. */
	if (copy->progress.safe < copy->progress.done && !copy->target->gone &&
		!(copy->result.rc != 0 && copy->result.side == DD_TARGET && copy->result.op == DD_FLUSH)) {
		flush(copy);
		return;
	}
	/* Not from inside an end, which may be closed now. */
	copy->over = true;
	copy->ask = (struct dd_io){.fn = tell, .ctx = copy};
	dd_io_end_later(&copy->ask, 0);
}

/* ---- a piece ---- */

static void write_next(struct job *job);

static void
end_job(struct job *job)
{
	struct dd_copy *copy = job->copy;

	job->ended = true;
	copy->out--;
	/* A piece that failed stays, and holds progress where it is. */
	while ((job = TAILQ_FIRST(&copy->busy)) != NULL && job->ended && job->written == job->length) {
		copy->progress.done = job->at + job->length;
		TAILQ_REMOVE(&copy->busy, job, link);
		TAILQ_INSERT_HEAD(&copy->idle, job, link);
	}
	flush_sometimes(copy);
}

static void
wrote(struct dd_io *io, int rc)
{
	struct job *job = io->ctx;
	struct dd_copy *copy = job->copy;

	if (rc != 0) {
		fail(copy, DD_TARGET, io, rc);
		end_job(job);
	} else {
		/* The last block was filled up. */
		uint64_t length = spdk_min(io->length, job->length - job->written);

		job->written += length;
		*(io->op == DD_ZERO ? &copy->progress.zero_bytes : &copy->progress.data_bytes) += length;
		write_next(job);
	}
	issue(copy);
}

static bool
is_zero(const char *data, uint64_t length)
{
	static const char zeroes[64];

	/* Most data are told apart by their first bytes; the rest is compared with itself, one byte further. */
	if (length < sizeof(zeroes) || memcmp(data, zeroes, sizeof(zeroes)) != 0) {
		return false;
	}
	return memcmp(data, data + sizeof(zeroes), length - sizeof(zeroes)) == 0;
}

/* How much of the buffer from there on is zeroes, or is not, in steps of the grain. */
static uint64_t
find_run(const struct job *job, uint64_t from, bool *zero)
{
	uint64_t grain = job->copy->options.sparse, at = from;

	if (grain == 0) {
		*zero = false;
		return job->length - from;
	}
	for (; at < job->length; at += grain) {
		uint64_t length = spdk_min(grain, job->length - at);
		bool one = length == grain && is_zero((const char *)job->buf + at, length);

		if (at == from) {
			*zero = one;
		} else if (one != *zero) {
			break;
		}
	}
	return spdk_min(at, job->length) - from;
}

static void
write_next(struct job *job)
{
	struct dd_copy *copy = job->copy;
	uint64_t length = 0;
	bool zero = job->zero;

	while (job->written < job->length) {
		length = job->zero ? job->length - job->written : find_run(job, job->written, &zero);
		if (!zero || !copy->target->zeroed) {
			break;
		}
		copy->progress.zero_bytes += length;
		job->written += length;
	}
	if (job->written == job->length) {
		end_job(job);
		return;
	}
	job->io = (struct dd_io){
		.op = zero ? DD_ZERO : DD_WRITE,
		.offset = copy->options.target_at + job->at + job->written,
		.length = dd_round_up(length, copy->target->block_size),
		.buf = (char *)job->buf + job->written,
		.fn = wrote,
		.ctx = job,
	};
	dd_submit(copy->target, &job->io);
}

static void
read_it(struct dd_io *io, int rc)
{
	struct job *job = io->ctx;
	struct dd_copy *copy = job->copy;

	if (rc != 0) {
		fail(copy, DD_SOURCE, io, rc);
		end_job(job);
	} else {
		memset((char *)job->buf + job->length, 0,
			dd_round_up(job->length, copy->target->block_size) - job->length);
		write_next(job);
	}
	issue(copy);
}

static void
start_job(struct dd_copy *copy, uint64_t length)
{
	struct job *job = TAILQ_FIRST(&copy->idle);

	TAILQ_REMOVE(&copy->idle, job, link);
	TAILQ_INSERT_TAIL(&copy->busy, job, link);
	job->at = copy->at;
	job->length = length;
	job->written = 0;
	job->zero = copy->known_zero;
	job->ended = false;
	copy->at += length;
	copy->out++;
	if (job->zero) {
		write_next(job);
		return;
	}
	job->io = (struct dd_io){
		.op = DD_READ,
		.offset = copy->options.source_at + job->at,
		.length = length,
		.buf = job->buf,
		.fn = read_it,
		.ctx = job,
	};
	dd_submit(copy->source, &job->io);
}

/* ---- which piece ---- */

static void
asked(struct dd_io *io, int rc)
{
	struct dd_copy *copy = io->ctx;
	uint64_t stop = copy->at + io->extent_length;

	copy->asking = false;
	if (rc != 0) {
		fail(copy, DD_SOURCE, io, rc);
	} else if (stop >= copy->options.length) {
		copy->known_zero = io->extent_zero;
		copy->known = copy->options.length;
	} else if (io->extent_zero && stop / copy->unit * copy->unit > copy->at) {
		copy->known_zero = true;
		copy->known = stop / copy->unit * copy->unit;
	} else {
		/* A block that is a hole in part is data. */
		copy->known_zero = false;
		copy->known = spdk_min(dd_round_up(spdk_max(stop, copy->at + 1), copy->unit), copy->options.length);
	}
	issue(copy);
}

static void
ask(struct dd_copy *copy)
{
	copy->asking = true;
	copy->ask = (struct dd_io){
		.op = DD_EXTENT,
		.offset = copy->options.source_at + copy->at,
		.length = copy->options.length - copy->at,
		.fn = asked,
		.ctx = copy,
	};
	dd_submit(copy->source, &copy->ask);
}

static uint64_t
next_length(const struct dd_copy *copy)
{
	uint64_t step = copy->known_zero ? ZERO_SIZE : copy->options.io_size;

	/* Pieces end where they always do, wherever extents begin. */
	return spdk_min(step - copy->at % step, copy->known - copy->at);
}

static void
issue(struct dd_copy *copy)
{
	if (copy->issuing) {
		return;
	}
	copy->issuing = true;
	while (copy->result.rc == 0 && copy->at < copy->options.length && !copy->asking && !TAILQ_EMPTY(&copy->idle)) {
		if (copy->at == copy->known) {
			ask(copy);
		} else {
			start_job(copy, next_length(copy));
		}
	}
	copy->issuing = false;
	look_for_end(copy);
}

/* ---- start and stop ---- */

void
dd_copy_free(struct dd_copy *copy)
{
	for (uint32_t i = 0; i < copy->options.depth; i++) {
		spdk_dma_free(copy->jobs[i].buf);
	}
	free(copy);
}

static void
begin(struct dd_io *io, int rc)
{
	struct dd_copy *copy = io->ctx;

	copy->asking = false;
	issue(copy);
}

struct dd_copy *
dd_copy_start(
	struct dd_end *source, struct dd_end *target, const struct dd_copy_options *options, dd_copy_fn fn, void *ctx)
{
	struct dd_copy *copy = calloc(1, sizeof(*copy) + options->depth * sizeof(copy->jobs[0]));
	/* Blocks at the end of the range that are longer than what is left of it. */
	size_t slack = spdk_max(source->block_size, target->block_size);

	if (copy == NULL) {
		return NULL;
	}
	copy->source = source;
	copy->target = target;
	copy->options = *options;
	copy->fn = fn;
	copy->ctx = ctx;
	copy->unit = spdk_max(source->block_size, target->block_size);
	copy->flush_ticks = spdk_get_ticks();
	copy->at = copy->known = options->resume;
	copy->progress.done = copy->progress.safe = options->resume;
	TAILQ_INIT(&copy->busy);
	TAILQ_INIT(&copy->idle);
	for (uint32_t i = 0; i < options->depth; i++) {
		copy->jobs[i].copy = copy;
		copy->jobs[i].buf =
			spdk_dma_malloc(options->io_size + slack, spdk_max(source->buf_align, target->buf_align), NULL);
		if (copy->jobs[i].buf == NULL) {
			dd_copy_free(copy);
			return NULL;
		}
		TAILQ_INSERT_TAIL(&copy->idle, &copy->jobs[i], link);
	}
	/* Not before the caller knows of the copy. */
	copy->asking = true;
	copy->ask = (struct dd_io){.fn = begin, .ctx = copy};
	dd_io_end_later(&copy->ask, 0);
	return copy;
}

void
dd_copy_stop(struct dd_copy *copy)
{
	if (copy->result.rc == 0) {
		copy->result.rc = -ECANCELED;
	}
	look_for_end(copy);
}

void
dd_copy_get_progress(const struct dd_copy *copy, struct dd_progress *progress)
{
	*progress = copy->progress;
}
