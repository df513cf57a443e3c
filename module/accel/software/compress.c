/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Compression, by ISA-L: raw DEFLATE, one stream for each operation. The state of a stream is large. A channel makes one
 * when it is first needed, and more only while several operations that take longer than a slice go on at once.
 */

#include "module/accel/software/accel_sw.h"
#include <isa-l/igzip_lib.h>

/* Operations beyond wait for those that have begun. */
#define MAX_STREAMS 8

struct sw_stream {
	union {
		struct isal_zstream deflate;
		struct inflate_state inflate;
	};
	/* As large as the highest level so far needs it. */
	uint8_t *level_buf;
	uint32_t level_buf_size;
};

static const uint32_t g_level_buf_sizes[] = {
	ISAL_DEF_LVL0_DEFAULT,
	ISAL_DEF_LVL1_DEFAULT,
	ISAL_DEF_LVL2_DEFAULT,
	ISAL_DEF_LVL3_DEFAULT,
};

bool
sw_compress_supports_algo(enum spdk_accel_comp_algo algo)
{
	return algo == SPDK_ACCEL_COMP_ALGO_DEFLATE;
}

int
sw_compress_get_level_range(enum spdk_accel_comp_algo algo, uint32_t *min_level, uint32_t *max_level)
{
	if (algo != SPDK_ACCEL_COMP_ALGO_DEFLATE) {
		return -EINVAL;
	}
	*min_level = 0;
	*max_level = ISAL_DEF_MAX_LEVEL;
	return 0;
}

/* ---- streams ---- */

static void
free_stream(struct sw_stream *stream)
{
	if (stream != NULL) {
		free(stream->level_buf);
		free(stream);
	}
}

void
sw_compress_channel_destroy(struct sw_channel *ch)
{
	assert(ch->streams.in_use == 0);
	free_stream(ch->streams.spare);
}

/* Gives the task a stream. -EAGAIN: later, when another one has ended. */
static int
get_stream(struct sw_channel *ch, struct sw_task *task)
{
	if (ch->streams.spare != NULL) {
		task->stream = ch->streams.spare;
		ch->streams.spare = NULL;
	} else {
		task->stream = ch->streams.in_use < MAX_STREAMS ? calloc(1, sizeof(*task->stream)) : NULL;
		if (task->stream == NULL) {
			return ch->streams.in_use > 0 ? -EAGAIN : -ENOMEM;
		}
	}
	ch->streams.in_use++;
	return 0;
}

static void
put_stream(struct sw_channel *ch, struct sw_task *task)
{
	ch->streams.in_use--;
	free_stream(ch->streams.spare);
	ch->streams.spare = task->stream;
	task->stream = NULL;
}

/* ---- compress ---- */

static bool
reserve_level_buf(struct sw_stream *stream, uint32_t size)
{
	if (stream->level_buf_size < size) {
		free(stream->level_buf);
		stream->level_buf = malloc(size);
		stream->level_buf_size = stream->level_buf != NULL ? size : 0;
	}
	return stream->level_buf_size >= size;
}

static int
begin_deflate(struct sw_channel *ch, struct sw_task *task)
{
	uint32_t level = task->base.comp.level;
	struct isal_zstream *deflate;
	int rc;

	if (level > ISAL_DEF_MAX_LEVEL) {
		SPDK_ERRLOG("there is no compression level %u; the highest is %d\n", level, ISAL_DEF_MAX_LEVEL);
		return -EINVAL;
	}
	rc = get_stream(ch, task);
	if (rc != 0) {
		return rc;
	}
	if (!reserve_level_buf(task->stream, g_level_buf_sizes[level])) {
		put_stream(ch, task);
		return -ENOMEM;
	}
	deflate = &task->stream->deflate;
	isal_deflate_init(deflate);
	deflate->level = level;
	deflate->level_buf = task->stream->level_buf;
	deflate->level_buf_size = g_level_buf_sizes[level];
	deflate->next_out = task->base.d.iovs[0].iov_base;
	deflate->avail_out = spdk_min(task->base.nbytes, UINT32_MAX);
	sw_cursor_init(&task->source, task->base.s.iovs, task->base.s.iovcnt);
	task->length = sw_iovs_length(task->base.s.iovs, task->base.s.iovcnt);
	task->begun = true;
	return 0;
}

/* Returns true if the task has ended; otherwise it waits for a stream. */
static bool
fail_to_begin(struct sw_task *task, int rc)
{
	task->base.status = rc != -EAGAIN ? rc : 0;
	return rc != -EAGAIN;
}

static bool
end_deflate(struct sw_channel *ch, struct sw_task *task)
{
	struct isal_zstream *deflate = &task->stream->deflate;

	if (task->base.output_size != NULL) {
		*task->base.output_size = deflate->total_out;
	}
	ch->traffic.written += deflate->total_out;
	if (task->base.status == 0 && deflate->internal_state.state != ZSTATE_END) {
		task->base.status = -ENOMEM;
	}
	put_stream(ch, task);
	return true;
}

bool
sw_compress(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_COMPRESS, len;
	struct isal_zstream *deflate;
	void *src = NULL;
	int rc;

	if (!task->begun) {
		rc = begin_deflate(ch, task);
		if (rc != 0) {
			return fail_to_begin(task, rc);
		}
	}
	deflate = &task->stream->deflate;
	while (budget > 0) {
		len = sw_cursor_peek(&task->source, budget, &src);
		sw_cursor_skip(&task->source, len);
		ch->traffic.read += len;
		budget -= len;
		task->done += len;
		deflate->next_in = src;
		deflate->avail_in = len;
		deflate->end_of_stream = task->done == task->length;
		if (isal_deflate(deflate) != COMP_OK) {
			task->base.status = -EINVAL;
			return end_deflate(ch, task);
		}
		if (deflate->end_of_stream || deflate->avail_out == 0) {
			return end_deflate(ch, task);
		}
	}
	return false;
}

/* ---- decompress ---- */

static bool
is_at_end(struct sw_cursor *cursor)
{
	void *data;

	return sw_cursor_peek(cursor, 1, &data) == 0;
}

static int
begin_inflate(struct sw_channel *ch, struct sw_task *task)
{
	int rc = get_stream(ch, task);

	if (rc != 0) {
		return rc;
	}
	isal_inflate_init(&task->stream->inflate);
	sw_cursor_init(&task->source, task->base.s.iovs, task->base.s.iovcnt);
	sw_cursor_init(&task->destination, task->base.d.iovs, task->base.d.iovcnt);
	task->spare_given = false;
	task->begun = true;
	return 0;
}

/* Gives the stream what comes next on both sides, where it has used up what it had. False: there is no room any more. */
static bool
feed(struct sw_channel *ch, struct sw_task *task, struct inflate_state *inflate)
{
	uint64_t len;
	void *data;

	if (inflate->avail_in == 0) {
		len = sw_cursor_peek(&task->source, SW_SLICE_COMPRESS, &data);
		if (len > 0) {
			sw_cursor_skip(&task->source, len);
			ch->traffic.read += len;
			inflate->next_in = data;
			inflate->avail_in = len;
		}
	}
	if (inflate->avail_out == 0) {
		len = sw_cursor_peek(&task->destination, SW_SLICE_DECOMPRESSED, &data);
		if (len > 0) {
			sw_cursor_skip(&task->destination, len);
			inflate->next_out = data;
		} else {
			/* The end of the stream may be all that is left of it. It has no room for anything else. */
			if (task->spare_given) {
				return false;
			}
			task->spare_given = true;
			inflate->next_out = &task->spare;
			len = 1;
		}
		inflate->avail_out = len;
	}
	return true;
}

static bool
end_inflate(struct sw_channel *ch, struct sw_task *task, int status)
{
	struct inflate_state *inflate = &task->stream->inflate;
	/* A byte in the spare place is one too many. */
	bool overflow = task->spare_given && inflate->avail_out == 0;
	uint32_t total = inflate->total_out - overflow;

	task->base.status = status == 0 && overflow ? -ENOMEM : status;
	if (task->base.output_size != NULL) {
		*task->base.output_size = total;
	}
	ch->traffic.written += total;
	put_stream(ch, task);
	return true;
}

bool
sw_decompress(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t read_before = ch->traffic.read;
	struct inflate_state *inflate;
	uint32_t written_before;
	int rc;

	if (!task->begun) {
		rc = begin_inflate(ch, task);
		if (rc != 0) {
			return fail_to_begin(task, rc);
		}
	}
	inflate = &task->stream->inflate;
	written_before = inflate->total_out;
	while (ch->traffic.read - read_before < SW_SLICE_COMPRESS &&
		inflate->total_out - written_before < SW_SLICE_DECOMPRESSED) {
		if (!feed(ch, task, inflate)) {
			SPDK_ERRLOG("decompressed data do not fit the %" PRIu64 " bytes that are there for them\n",
				sw_iovs_length(task->base.d.iovs, task->base.d.iovcnt));
			return end_inflate(ch, task, -ENOMEM);
		}
		if (isal_inflate(inflate) < 0) {
			SPDK_ERRLOG("compressed data are damaged\n");
			return end_inflate(ch, task, -EINVAL);
		}
		if (inflate->block_state == ISAL_BLOCK_FINISH) {
			return end_inflate(ch, task, 0);
		}
		if (inflate->avail_in == 0 && inflate->avail_out > 0 && is_at_end(&task->source)) {
			SPDK_ERRLOG("compressed data end too early\n");
			return end_inflate(ch, task, -EINVAL);
		}
	}
	return false;
}
