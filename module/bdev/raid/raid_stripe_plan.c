/* SPDX-License-Identifier: BSD-3-Clause */

/* What a slice is: which rows, what is read of them, how the rest comes about, and where in memory all of it lies. */

#include "module/bdev/raid/raid_stripe.h"

#include "spdk/util.h"

static uint8_t
num_columns(const struct raid *raid)
{
	return raid->parity->num_data + raid->parity->num_parity;
}

static bool
is_bad(const struct raid_stripe *stripe, uint8_t slot)
{
	return stripe->bad[slot / 64] & (UINT64_C(1) << (slot % 64));
}

void
raid_stripe_plan_section(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;

	for (uint8_t i = 0; i < num_columns(raid); i++) {
		struct raid_stripe_column *column = &stripe->columns[i];

		column->slot = stripe->kind == RAID_STRIPE_ZERO ? i : raid_parity_get_slot(raid, stripe->index, i);
		column->reads = false;
		column->recovers = false;
		column->writes = stripe->kind == RAID_STRIPE_ZERO;
	}
}

/* ---- Which columns and rows ---- */

/* The data columns that are touched at a row of the strips, and up to which row that is so. */
static void
get_touched(const struct raid_stripe *stripe, uint64_t row, uint8_t *first, uint8_t *last, uint64_t *limit)
{
	const struct raid *raid = stripe->pool->raid;
	uint64_t mask = raid->strip_size - 1;
	uint64_t first_row = stripe->begin & mask, end_row = ((stripe->end - 1) & mask) + 1;

	*first = (uint8_t)(stripe->begin >> raid->strip_shift);
	*last = (uint8_t)((stripe->end - 1) >> raid->strip_shift);
	*limit = raid->strip_size;
	if (*first == *last) {
		*limit = end_row;
		return;
	}
	if (row < first_row) {
		(*first)++;
		*limit = first_row;
	}
	if (row < end_row) {
		*limit = spdk_min(*limit, end_row);
	} else {
		(*last)--;
	}
}

/* The first row from one on in which something is touched; false: there is none. */
static bool
find_rows(struct raid_stripe *stripe, uint8_t *first, uint8_t *last, uint64_t *limit)
{
	const struct raid *raid = stripe->pool->raid;
	bool one_column = stripe->begin >> raid->strip_shift == (stripe->end - 1) >> raid->strip_shift;
	uint64_t end = one_column ? ((stripe->end - 1) & (raid->strip_size - 1)) + 1 : raid->strip_size;

	while (stripe->row < end) {
		get_touched(stripe, stripe->row, first, last, limit);
		if (*first <= *last) {
			return true;
		}
		stripe->row = *limit;
	}
	return false;
}

/* What can be done to each member in these rows. */
static void
look_at_members(struct raid_stripe *stripe, uint64_t num_rows, uint8_t first, uint8_t last)
{
	const struct raid *raid = stripe->pool->raid;
	uint64_t row = (stripe->index << raid->strip_shift) + stripe->row;

	for (uint8_t i = 0; i < num_columns(raid); i++) {
		struct raid_stripe_column *column = &stripe->columns[i];
		uint8_t slot = column->slot;
		bool there = raid_get_member_channel(stripe->io->ch, slot) != NULL;

		column->touched = i >= first && i <= last;
		column->writable = there && !raid_io_has_failed_on(stripe->io, slot);
		column->readable = column->writable && !is_bad(stripe, slot) &&
			raid_member_is_in_sync(&raid->members[slot], row, num_rows);
		column->reads = false;
		column->recovers = false;
		column->writes = false;
		column->row = row;
	}
}

/* ---- How ---- */

struct counts {
	uint8_t touched;
	uint8_t missing_data;
	uint8_t missing_touched;
	/* Those that are there, and have failed. */
	uint8_t bad_data;
	/* Data columns that only parity will have. */
	uint8_t lost_data;
	uint8_t readable_parity;
	uint8_t writable_parity;
	bool all_writable_parity_is_readable;
};

static void
count_columns(const struct raid_stripe *stripe, struct counts *counts)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;

	*counts = (struct counts){.all_writable_parity_is_readable = true};
	for (uint8_t i = 0; i < parity->num_data; i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		counts->touched += column->touched;
		counts->missing_data += !column->readable;
		counts->missing_touched += column->touched && !column->readable;
		counts->bad_data += column->writable && is_bad(stripe, column->slot);
		counts->lost_data += column->touched ? !column->writable : !column->readable;
	}
	for (uint8_t i = parity->num_data; i < parity->num_data + parity->num_parity; i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		counts->readable_parity += column->readable;
		counts->writable_parity += column->writable;
		counts->all_writable_parity_is_readable &= column->readable || !column->writable;
	}
}

/*
 * Reads all that it takes to compute what cannot be read: of the touched columns, or of the others. Where members may not
 * agree, what a member has that is there is not what parity makes of it.
 */
static int
plan_recovery(struct raid_stripe *stripe, const struct counts *counts, uint64_t num_rows, bool touched)
{
	const struct raid *raid = stripe->pool->raid;
	const struct raid_parity *parity = raid->parity;
	uint8_t needed = counts->missing_data;

	if (counts->missing_data > counts->readable_parity ||
		(counts->bad_data > 0 && !raid_agrees(raid, stripe->columns[0].row, num_rows))) {
		return -EIO;
	}
	for (uint8_t i = 0; i < parity->num_data; i++) {
		struct raid_stripe_column *column = &stripe->columns[i];

		column->reads = column->readable;
		column->recovers = !column->readable && column->touched == touched;
	}
	for (uint8_t i = parity->num_data; needed > 0; i++) {
		stripe->columns[i].reads = stripe->columns[i].readable;
		needed -= stripe->columns[i].readable;
	}
	return 0;
}

static int
plan_read(struct raid_stripe *stripe, uint64_t num_rows)
{
	struct counts counts;

	count_columns(stripe, &counts);
	if (counts.missing_touched > 0) {
		return plan_recovery(stripe, &counts, num_rows, true);
	}
	for (uint8_t i = 0; i < stripe->pool->raid->parity->num_data; i++) {
		stripe->columns[i].reads = stripe->columns[i].touched;
	}
	return 0;
}

static void
plan_modification(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;

	stripe->plan = RAID_STRIPE_MODIFY;
	for (uint8_t i = 0; i < num_columns(raid); i++) {
		struct raid_stripe_column *column = &stripe->columns[i];

		column->reads = i < raid->parity->num_data ? column->touched : column->writable;
	}
}

static int
plan_write(struct raid_stripe *stripe, uint64_t num_rows)
{
	const struct raid *raid = stripe->pool->raid;
	const struct raid_parity *parity = raid->parity;
	bool can_modify, can_reconstruct;
	struct counts counts;
	uint8_t others;

	count_columns(stripe, &counts);
	if (counts.lost_data > counts.writable_parity) {
		return -EIO;
	}
	for (uint8_t i = 0; i < num_columns(raid); i++) {
		struct raid_stripe_column *column = &stripe->columns[i];

		column->writes = column->writable && (i >= parity->num_data || column->touched);
	}
	stripe->plan = RAID_STRIPE_RECONSTRUCT;
	if (counts.writable_parity == 0) {
		return 0;
	}
	others = parity->num_data - counts.touched;
	can_reconstruct = counts.missing_data == counts.missing_touched;
	can_modify = counts.missing_touched == 0 && counts.all_writable_parity_is_readable &&
		raid_agrees(raid, stripe->columns[0].row, num_rows);
	if (can_modify && (!can_reconstruct || counts.touched + counts.writable_parity < others)) {
		plan_modification(stripe);
		return 0;
	}
	if (!can_reconstruct) {
		return plan_recovery(stripe, &counts, num_rows, false);
	}
	for (uint8_t i = 0; i < parity->num_data; i++) {
		stripe->columns[i].reads = !stripe->columns[i].touched;
	}
	return 0;
}

/* ---- Where ---- */

/* Where in the caller's lists. */
struct cursor {
	const struct iovec *iov;
	uint64_t offset;
	/* Of the beginning of iov. */
	uint64_t pos;
};

static int
max_iovs(const struct raid *raid)
{
	return RAID_STRIPE_IOVS + 2 * raid->parity->num_data;
}

/* A part of the caller's lists; false: there is no room for so many pieces. */
static bool
cut(struct raid_stripe *stripe, struct cursor *cursor, uint64_t from, uint64_t len, struct raid_stripe_content *content)
{
	content->iovs = &stripe->iovs[stripe->num_iovs];
	content->iovcnt = 0;
	while (cursor->pos + cursor->iov->iov_len <= from) {
		cursor->pos += cursor->iov->iov_len;
		cursor->iov++;
	}
	for (cursor->offset = from - cursor->pos; len > 0;) {
		uint64_t piece = spdk_min(len, cursor->iov->iov_len - cursor->offset);

		if (piece > 0 && stripe->num_iovs == max_iovs(stripe->pool->raid)) {
			return false;
		}
		if (piece > 0) {
			stripe->iovs[stripe->num_iovs++] =
				(struct iovec){(char *)cursor->iov->iov_base + cursor->offset, piece};
			content->iovcnt++;
			len -= piece;
			cursor->offset += piece;
		}
		if (len > 0) {
			cursor->pos += cursor->iov->iov_len;
			cursor->iov++;
			cursor->offset = 0;
		}
	}
	return true;
}

/* What the caller has, or wants, of a column. */
static bool
cut_column(struct raid_stripe *stripe, struct cursor *cursor, const struct raid_stripe_column *column,
	uint64_t num_rows, struct raid_stripe_content *content)
{
	const struct raid *raid = stripe->pool->raid;
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(stripe->io)->u.bdev;
	uint64_t in_strip = column->row & (raid->strip_size - 1);
	uint64_t first = ((uint64_t)column->index << raid->strip_shift) + in_strip - stripe->begin;
	uint32_t md_len = raid->parity->md_len;

	content->md = (struct iovec){};
	if (md_len > 0 && params->md_buf != NULL) {
		content->md = (struct iovec){(char *)params->md_buf + first * md_len, num_rows * md_len};
	}
	return cut(stripe, cursor, first * raid->bdev.blocklen, num_rows * raid->bdev.blocklen, content);
}

static struct cursor
start_cursor(const struct raid_stripe *stripe)
{
	return (struct cursor){.iov = raid_bdev_io(stripe->io)->u.bdev.iovs};
}

bool
raid_stripe_plan_direct(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	struct cursor cursor = start_cursor(stripe);
	uint64_t next;

	stripe->num_iovs = 0;
	for (uint64_t block = stripe->begin; block < stripe->end; block = next) {
		struct raid_stripe_column *column = &stripe->columns[block >> raid->strip_shift];
		uint64_t in_strip = block & (raid->strip_size - 1);

		next = spdk_min(stripe->end, block - in_strip + raid->strip_size);
		column->row = (stripe->index << raid->strip_shift) + in_strip;
		column->num_rows = next - block;
		column->reads = raid_get_member_channel(stripe->io->ch, column->slot) != NULL &&
			!is_bad(stripe, column->slot) &&
			raid_member_is_in_sync(&raid->members[column->slot], column->row, column->num_rows);
		if (!column->reads || !cut_column(stripe, &cursor, column, column->num_rows, &column->old)) {
			return false;
		}
	}
	return true;
}

struct lanes {
	uint8_t *next;
	size_t size;
};

static void
take_lane(const struct raid *raid, struct lanes *lanes, uint64_t num_rows, struct raid_stripe_content *content)
{
	size_t len = num_rows * raid->bdev.blocklen;

	content->lane = (struct iovec){lanes->next, len};
	content->iovs = &content->lane;
	content->iovcnt = 1;
	content->md = (struct iovec){lanes->next + SPDK_ALIGN_CEIL(len, 64), num_rows * raid->parity->md_len};
	lanes->next += lanes->size;
}

static bool
needs_zeroes(const struct raid_stripe *stripe)
{
	return stripe->kind == RAID_STRIPE_FILL ||
		(stripe->kind == RAID_STRIPE_WRITE && stripe->pool->raid->parity->md_len > 0 &&
			raid_bdev_io(stripe->io)->u.bdev.md_buf == NULL);
}

/* Whether the old contents go to where the caller wants them. */
static bool
is_for_caller(const struct raid_stripe *stripe, const struct raid_stripe_column *column)
{
	return stripe->kind == RAID_STRIPE_READ && column->touched;
}

static uint32_t
count_lanes(const struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	uint32_t count = needs_zeroes(stripe) ? 1 : 0;

	for (uint8_t i = 0; i < num_columns(raid); i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		count += (column->reads || column->recovers) && !is_for_caller(stripe, column);
		count += column->writes && i >= raid->parity->num_data;
		count += column->touched && stripe->bounces;
	}
	return count;
}

/* The rows for which there is room. */
static uint64_t
get_max_rows(const struct raid_stripe *stripe, uint32_t num_lanes, size_t *lane_size)
{
	const struct raid *raid = stripe->pool->raid;
	const struct raid_parity *parity = raid->parity;

	if (num_lanes == 0) {
		return UINT64_MAX;
	}
	*lane_size = SPDK_ALIGN_FLOOR(parity->buf_size / num_lanes, parity->buf_align);
	return (*lane_size - (parity->md_len > 0 ? 64 : 0)) / (raid->bdev.blocklen + parity->md_len);
}

/* Of metadata that the caller does not care for. */
static void
lay_out_md(struct raid_stripe *stripe, struct raid_stripe_content *content)
{
	if (stripe->kind == RAID_STRIPE_WRITE && content->md.iov_base == NULL) {
		content->md = stripe->zeroes.md;
	}
}

static bool
lay_out_column(struct raid_stripe *stripe, struct raid_stripe_column *column, struct cursor *cursor,
	struct lanes *lanes, uint64_t num_rows)
{
	const struct raid *raid = stripe->pool->raid;
	struct raid_stripe_content *of_caller = stripe->kind == RAID_STRIPE_READ ? &column->old : &column->new;

	column->num_rows = num_rows;
	if (column->touched && stripe->kind == RAID_STRIPE_FILL) {
		column->new = stripe->zeroes;
		column->new.iovs = &column->new.lane;
	} else if (column->touched && stripe->bounces) {
		take_lane(raid, lanes, num_rows, of_caller);
	} else if (column->touched && !cut_column(stripe, cursor, column, num_rows, of_caller)) {
		return false;
	}
	if (column->touched && raid->parity->md_len > 0) {
		lay_out_md(stripe, of_caller);
	}
	if ((column->reads || column->recovers) && !is_for_caller(stripe, column)) {
		take_lane(raid, lanes, num_rows, &column->old);
	}
	if (column->writes && column->index >= raid->parity->num_data) {
		take_lane(raid, lanes, num_rows, &column->new);
	}
	return true;
}

/* False: the lists have too many pieces for so many rows. */
static bool
lay_out(struct raid_stripe *stripe, uint64_t num_rows, size_t lane_size)
{
	const struct raid *raid = stripe->pool->raid;
	struct lanes lanes = {.next = stripe->buf, .size = lane_size};
	struct cursor cursor = {};

	if (stripe->kind != RAID_STRIPE_FILL) {
		cursor = start_cursor(stripe);
	}
	stripe->num_iovs = 0;
	if (needs_zeroes(stripe)) {
		take_lane(raid, &lanes, num_rows, &stripe->zeroes);
		memset(stripe->zeroes.lane.iov_base, 0, stripe->zeroes.lane.iov_len);
		if (raid->parity->md_len > 0) {
			memset(stripe->zeroes.md.iov_base, 0, stripe->zeroes.md.iov_len);
		}
	}
	for (uint8_t i = 0; i < num_columns(raid); i++) {
		if (!lay_out_column(stripe, &stripe->columns[i], &cursor, &lanes, num_rows)) {
			return false;
		}
	}
	return true;
}

bool
raid_stripe_plan_slice(struct raid_stripe *stripe, int *rc)
{
	uint64_t num_rows, limit;
	size_t lane_size = 0;
	uint8_t first, last;

	*rc = 0;
	if (!find_rows(stripe, &first, &last, &limit)) {
		return false;
	}
	num_rows = limit - stripe->row;
	look_at_members(stripe, num_rows, first, last);
	*rc = stripe->kind == RAID_STRIPE_READ ? plan_read(stripe, num_rows) : plan_write(stripe, num_rows);
	if (*rc != 0) {
		return false;
	}
	stripe->bounces = false;
	num_rows = spdk_min(num_rows, get_max_rows(stripe, count_lanes(stripe), &lane_size));
	while (!lay_out(stripe, num_rows, lane_size)) {
		num_rows /= 2;
		if (num_rows == 0) {
			/* A block that is in more pieces than there is room for. */
			stripe->bounces = true;
			num_rows = 1;
			get_max_rows(stripe, count_lanes(stripe), &lane_size);
		}
	}
	stripe->next_row = stripe->row + num_rows;
	return true;
}
