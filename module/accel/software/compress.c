/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Compression, by ISA-L: raw DEFLATE, one stream for each operation. The state of a stream is large; a channel has one
 * for each direction from the first use on, and one operation at a time, the first of those being worked on, uses it.
 */

#include "module/accel/software/accel_sw.h"
#include <isa-l/igzip_lib.h>

struct sw_compress_channel {
	struct isal_zstream deflate;
	struct inflate_state inflate;
	/* Level buffers, made when that level is first used. */
	uint8_t *level_buf[ISAL_DEF_MAX_LEVEL + 1];
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

void
sw_compress_channel_destroy(struct sw_channel *ch)
{
	size_t i;

	if (ch->compress != NULL) {
		for (i = 0; i < SPDK_COUNTOF(ch->compress->level_buf); i++) {
			free(ch->compress->level_buf[i]);
		}
		free(ch->compress);
	}
}

static struct sw_compress_channel *
get_channel(struct sw_channel *ch)
{
	if (ch->compress == NULL) {
		ch->compress = calloc(1, sizeof(*ch->compress));
	}
	return ch->compress;
}

/* ---- compress ---- */

static int
begin_deflate(struct sw_channel *ch, struct sw_task *task)
{
	struct sw_compress_channel *compress = get_channel(ch);
	uint32_t level = task->base.comp.level;

	if (compress == NULL) {
		return -ENOMEM;
	}
	if (level > ISAL_DEF_MAX_LEVEL) {
		SPDK_ERRLOG("there is no compression level %u; the highest is %d\n", level, ISAL_DEF_MAX_LEVEL);
		return -EINVAL;
	}
	if (compress->level_buf[level] == NULL && g_level_buf_sizes[level] > 0) {
		compress->level_buf[level] = malloc(g_level_buf_sizes[level]);
		if (compress->level_buf[level] == NULL) {
			return -ENOMEM;
		}
	}
	isal_deflate_init(&compress->deflate);
	compress->deflate.level = level;
	compress->deflate.level_buf = compress->level_buf[level];
	compress->deflate.level_buf_size = g_level_buf_sizes[level];
	compress->deflate.next_out = task->base.d.iovs[0].iov_base;
	compress->deflate.avail_out = spdk_min(task->base.nbytes, UINT32_MAX);
	sw_cursor_init(&task->source, task->base.s.iovs, task->base.s.iovcnt);
	task->length = sw_iovs_length(task->base.s.iovs, task->base.s.iovcnt);
	task->begun = true;
	return 0;
}

static void
end_deflate(struct sw_channel *ch, struct sw_task *task)
{
	struct isal_zstream *stream = &ch->compress->deflate;

	if (task->base.output_size != NULL) {
		*task->base.output_size = stream->total_out;
	}
	ch->traffic.written += stream->total_out;
	if (stream->internal_state.state != ZSTATE_END) {
		task->base.status = -ENOMEM;
	}
}

bool
sw_compress(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_COMPRESS, len;
	struct isal_zstream *stream;
	void *src = NULL;

	if (!task->begun) {
		task->base.status = begin_deflate(ch, task);
		if (task->base.status != 0) {
			return true;
		}
	}
	stream = &ch->compress->deflate;
	while (budget > 0) {
		len = sw_cursor_peek(&task->source, budget, &src);
		sw_cursor_skip(&task->source, len);
		ch->traffic.read += len;
		budget -= len;
		task->done += len;
		stream->next_in = src;
		stream->avail_in = len;
		stream->end_of_stream = task->done == task->length;
		if (isal_deflate(stream) != COMP_OK) {
			task->base.status = -EINVAL;
			return true;
		}
		if (stream->end_of_stream || stream->avail_out == 0) {
			end_deflate(ch, task);
			return true;
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
	if (get_channel(ch) == NULL) {
		return -ENOMEM;
	}
	isal_inflate_init(&ch->compress->inflate);
	sw_cursor_init(&task->source, task->base.s.iovs, task->base.s.iovcnt);
	sw_cursor_init(&task->destination, task->base.d.iovs, task->base.d.iovcnt);
	task->spare_given = false;
	task->begun = true;
	return 0;
}

/* Gives the stream what comes next on both sides, where it has used up what it had. False: there is no room any more. */
static bool
feed(struct sw_channel *ch, struct sw_task *task, struct inflate_state *stream, uint64_t max)
{
	uint64_t len;
	void *data;

	if (stream->avail_in == 0) {
		len = sw_cursor_peek(&task->source, max, &data);
		if (len > 0) {
			sw_cursor_skip(&task->source, len);
			ch->traffic.read += len;
			stream->next_in = data;
			stream->avail_in = len;
		}
	}
	if (stream->avail_out == 0) {
		len = sw_cursor_peek(&task->destination, SW_SLICE_MEMORY, &data);
		if (len > 0) {
			sw_cursor_skip(&task->destination, len);
			stream->next_out = data;
		} else {
			/* The end of the stream may be all that is left of it. It has no room for anything else. */
			if (task->spare_given) {
				return false;
			}
			task->spare_given = true;
			stream->next_out = &task->spare;
			len = 1;
		}
		stream->avail_out = len;
	}
	return true;
}

static bool
end_inflate(struct sw_channel *ch, struct sw_task *task, int status)
{
	uint32_t total = ch->compress->inflate.total_out;

	task->base.status = status;
	if (task->base.output_size != NULL) {
		*task->base.output_size = total;
	}
	ch->traffic.written += total;
	return true;
}

bool
sw_decompress(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t before = ch->traffic.read;
	struct inflate_state *stream;

	if (!task->begun) {
		task->base.status = begin_inflate(ch, task);
		if (task->base.status != 0) {
			return true;
		}
	}
	stream = &ch->compress->inflate;
	while (ch->traffic.read - before < SW_SLICE_COMPRESS) {
		if (!feed(ch, task, stream, SW_SLICE_COMPRESS)) {
			SPDK_ERRLOG("decompressed data do not fit the %" PRIu64 " bytes that are there for them\n",
				sw_iovs_length(task->base.d.iovs, task->base.d.iovcnt));
			return end_inflate(ch, task, -ENOMEM);
		}
		if (isal_inflate(stream) < 0) {
			SPDK_ERRLOG("compressed data are damaged\n");
			return end_inflate(ch, task, -EINVAL);
		}
		if (stream->block_state == ISAL_BLOCK_FINISH) {
			/* A byte in the spare place is one too many. */
			return end_inflate(ch, task, task->spare_given && stream->avail_out == 0 ? -ENOMEM : 0);
		}
		if (stream->avail_in == 0 && stream->avail_out > 0 && is_at_end(&task->source)) {
			SPDK_ERRLOG("compressed data end too early\n");
			return end_inflate(ch, task, -EINVAL);
		}
	}
	return false;
}
