/* SPDX-License-Identifier: BSD-3-Clause */

/* Operations that read or write memory once: copies, patterns, comparisons, checksums, parity. */

#include "module/accel/software/accel_sw.h"
#include "spdk/crc32.h"
#include "spdk/xor.h"

#define MAX_XOR_SOURCES 256

static void
init_cursors(struct sw_task *task)
{
	if (!task->begun) {
		task->begun = true;
		sw_cursor_init(&task->source, task->base.s.iovs, task->base.s.iovcnt);
		sw_cursor_init(&task->destination, task->base.d.iovs, task->base.d.iovcnt);
	}
}

void
sw_fused_update(struct sw_task *task, const void *data, uint64_t len)
{
	if (task->fused != NULL) {
		task->crc = spdk_crc32c_update(data, len, task->crc);
	}
}

/* Copies from source to destination and moves both. Returns how much; 0: one of them is at its end. */
static uint64_t
copy_piece(struct sw_channel *ch, struct sw_task *task, uint64_t max, void **written)
{
	void *src, *dst;
	uint64_t len = sw_cursor_peek(&task->source, max, &src);

	len = sw_cursor_peek(&task->destination, len, &dst);
	if (len == 0) {
		return 0;
	}
	memcpy(dst, src, len);
	sw_cursor_skip(&task->source, len);
	sw_cursor_skip(&task->destination, len);
	ch->traffic.read += len;
	ch->traffic.written += len;
	*written = dst;
	return len;
}

bool
sw_copy(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, max = task->fused != NULL ? SW_CACHED : SW_SLICE_MEMORY, len;
	void *written;

	init_cursors(task);
	while (budget > 0) {
		len = copy_piece(ch, task, spdk_min(budget, max), &written);
		if (len == 0) {
			return true;
		}
		sw_fused_update(task, written, len);
		budget -= len;
	}
	return false;
}

bool
sw_copy_crc32c(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, len;
	void *written;

	if (!task->begun) {
		task->crc = ~task->base.seed;
	}
	init_cursors(task);
	while (budget > 0) {
		len = copy_piece(ch, task, spdk_min(budget, SW_CACHED), &written);
		if (len == 0) {
			*task->base.crc_dst = task->crc;
			return true;
		}
		task->crc = spdk_crc32c_update(written, len, task->crc);
		budget -= len;
	}
	return false;
}

bool
sw_crc32c(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, len;
	void *src;

	if (!task->begun) {
		task->crc = ~task->base.seed;
	}
	init_cursors(task);
	while (budget > 0) {
		len = sw_cursor_peek(&task->source, budget, &src);
		if (len == 0) {
			*task->base.crc_dst = task->crc;
			return true;
		}
		task->crc = spdk_crc32c_update(src, len, task->crc);
		sw_cursor_skip(&task->source, len);
		ch->traffic.read += len;
		budget -= len;
	}
	return false;
}

bool
sw_fill(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, len;
	void *dst;

	init_cursors(task);
	while (budget > 0) {
		len = sw_cursor_peek(&task->destination, budget, &dst);
		if (len == 0) {
			return true;
		}
		memset(dst, (uint8_t)task->base.fill_pattern, len);
		sw_cursor_skip(&task->destination, len);
		ch->traffic.written += len;
		budget -= len;
	}
	return false;
}

bool
sw_dualcast(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, len;
	void *first, *second;

	if (!task->begun) {
		sw_cursor_init(&task->destination2, task->base.d2.iovs, task->base.d2.iovcnt);
	}
	init_cursors(task);
	while (budget > 0) {
		len = copy_piece(ch, task, spdk_min(budget, SW_CACHED), &first);
		if (len == 0) {
			return true;
		}
		/* One iovec, as long as the first destination. */
		sw_cursor_peek(&task->destination2, len, &second);
		memcpy(second, first, len);
		sw_cursor_skip(&task->destination2, len);
		ch->traffic.written += len;
		budget -= len;
	}
	return false;
}

bool
sw_compare(struct sw_channel *ch, struct sw_task *task)
{
	uint64_t budget = SW_SLICE_MEMORY, len;
	void *first, *second;

	/* The second source lies where others have their destination. */
	init_cursors(task);
	while (budget > 0) {
		len = sw_cursor_peek(&task->source, budget, &first);
		len = sw_cursor_peek(&task->destination, len, &second);
		if (len == 0) {
			return true;
		}
		ch->traffic.read += 2 * len;
		if (memcmp(first, second, len) != 0) {
			task->base.status = 1;
			return true;
		}
		sw_cursor_skip(&task->source, len);
		sw_cursor_skip(&task->destination, len);
		budget -= len;
	}
	return false;
}

bool
sw_xor(struct sw_channel *ch, struct sw_task *task)
{
	struct spdk_accel_task *base = &task->base;
	void *later[MAX_XOR_SOURCES], **sources = base->nsrcs.srcs;
	uint64_t len;
	uint32_t i;

	if (base->nsrcs.cnt < 2 || base->nsrcs.cnt > MAX_XOR_SOURCES) {
		SPDK_ERRLOG("xor of %u sources; 2 to %d are possible\n", base->nsrcs.cnt, MAX_XOR_SOURCES);
		base->status = -EINVAL;
		return true;
	}
	len = spdk_min(base->nbytes - task->done, (uint64_t)SW_SLICE_MEMORY);
	if (task->done > 0) {
		for (i = 0; i < base->nsrcs.cnt; i++) {
			later[i] = (char *)sources[i] + task->done;
		}
		sources = later;
	}
	base->status = spdk_xor_gen((char *)base->d.iovs[0].iov_base + task->done, sources, base->nsrcs.cnt, len);
	ch->traffic.read += base->nsrcs.cnt * len;
	ch->traffic.written += len;
	task->done += len;
	return base->status != 0 || task->done == base->nbytes;
}
