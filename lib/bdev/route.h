/* SPDX-License-Identifier: BSD-3-Clause */

/* The way down of I/O that has a route: part of the submission functions of reads and writes, which are inlined. */

#ifndef BDEV_ROUTE_H
#define BDEV_ROUTE_H

#include "lib/bdev/io_submit.h"

/* What of the bdev itself looks at an I/O, and need not when the same looks at it below. */
#define BDEV_ROUTE_GATES (BDEV_GATE_STRICT | BDEV_GATE_LATE)

/* Beyond so many strips the product of the number of one and the reciprocal of so many bases may be one too large. */
#define BDEV_ROUTE_MAX_BASES 255
#define BDEV_ROUTE_MAX_STRIPS (1ULL << 48)

/* Where an I/O of ch goes, and at which block of it; NULL: the ordinary way. */
static BDEV_INLINE const struct bdk_bdev_base *
bdev_route_find(const struct bdev_channel *ch, uint64_t *offset_blocks, uint64_t num_blocks)
{
	const struct bdk_bdev_strips *strips = ch->strips;
	const struct bdk_bdev_strips_base *base;
	uint64_t strip, row, in_strip, place;

	if (spdk_unlikely((ch->gates & ~BDEV_ROUTE_GATES) != 0 || strips == NULL)) {
		return NULL;
	}
	strip = *offset_blocks >> strips->strip_shift;
	in_strip = *offset_blocks - (strip << strips->strip_shift);
	if (spdk_unlikely(in_strip + num_blocks > 1ULL << strips->strip_shift || strip >= BDEV_ROUTE_MAX_STRIPS)) {
		return NULL;
	}
	row = (uint64_t)((unsigned __int128)strip * strips->reciprocal >> 64);
	base = &strips->bases[strip - row * strips->num_bases];
	place = (row << strips->strip_shift) + in_strip + base->offset_blocks;
	if (spdk_unlikely(!bdev_range_fits(base->base.desc->bdev, place, num_blocks))) {
		return NULL;
	}
	*offset_blocks = place;
	return &base->base;
}

/*
 * bdev_io_take() for a read or write of a descriptor with BDEV_GATE_ROUTED: it begins as one of the bdev below, if it may.
 * To be submitted to bdev_io->internal.ch.
 */
static BDEV_INLINE struct spdk_bdev_io *
bdev_route_take(struct spdk_bdev_desc *desc, struct bdev_channel *ch, enum spdk_bdev_io_type type,
	uint64_t offset_blocks, uint64_t num_blocks, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t place = offset_blocks;
	const struct bdk_bdev_base *base = bdev_route_find(ch, &place, num_blocks);
	struct bdev_io_upper *upper;
	struct spdk_bdev_io *bdev_io;

	if (spdk_unlikely(base == NULL)) {
		return bdev_io_take(desc->bdev, desc, ch, type, offset_blocks, num_blocks, cb, cb_arg);
	}
	bdev_io = bdev_io_take(base->desc->bdev, base->desc, spdk_io_channel_get_ctx(base->ch), type, place, num_blocks,
		bdev_route_end_cb, NULL);
	if (spdk_unlikely(bdev_io == NULL)) {
		return NULL;
	}
	/* By which an ABORT that the module hands down finds it. */
	bdev_io->internal.caller_ctx = bdev_io;
	upper = &bdev_io_private(bdev_io)->upper;
	upper->ch = ch;
	upper->desc = desc;
	upper->cb = cb;
	upper->caller_ctx = cb_arg;
	upper->offset_blocks = offset_blocks;
	upper->lock_waited = false;
	ch->outstanding++;
	return bdev_io;
}

#endif /* BDEV_ROUTE_H */
