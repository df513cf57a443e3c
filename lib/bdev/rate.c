/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/bdev/rate.h"

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define MIB (1024ULL * 1024)
#define IOPS_STEP 1000
#define MIN_IOS_PER_SLICE 1
#define MIN_BYTES_PER_SLICE 512
/* Slices that a thread which comes late can make up for. */
#define MAX_LATE_SLICES 10

static bool
counts_ios(int limit)
{
	return limit == SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT;
}

/* ---- set up ---- */

struct bdev_rate *
bdev_rate_alloc(void)
{
	struct bdev_rate *rate = calloc(1, sizeof(*rate));

	if (rate != NULL) {
		rate->refs = 1;
		rate->slice_ticks = spdk_max(spdk_get_ticks_hz() / BDEV_RATE_SLICES_PER_SEC, 1u);
	}
	return rate;
}

struct bdev_rate *
bdev_rate_get(struct bdev_rate *rate)
{
	if (rate != NULL) {
		atomic_fetch_add_explicit(&rate->refs, 1, memory_order_relaxed);
	}
	return rate;
}

void
bdev_rate_put(struct bdev_rate *rate)
{
	if (rate != NULL && atomic_fetch_sub(&rate->refs, 1) == 1) {
		free(rate);
	}
}

static uint64_t
round_up(uint64_t value, uint64_t step)
{
	uint64_t rest = value % step;

	if (rest == 0) {
		return value;
	}
	return value > UINT64_MAX - step ? value - rest : value + step - rest;
}

void
bdev_rate_normalize(uint64_t limits[BDEV_RATE_NUM])
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		uint64_t rounded;

		if (limits[i] == UINT64_MAX) {
			continue;
		}
		if (!counts_ios(i)) {
			if (limits[i] > UINT64_MAX / MIB) {
				SPDK_WARNLOG("a rate limit of %" PRIu64 " MiB per second is too large, %" PRIu64
					     " is taken\n",
					limits[i], (uint64_t)(UINT64_MAX / MIB));
				limits[i] = UINT64_MAX / MIB;
			}
			limits[i] *= MIB;
			continue;
		}
		rounded = round_up(limits[i], IOPS_STEP);
		if (rounded != limits[i]) {
			SPDK_ERRLOG("a rate limit of %" PRIu64 " I/Os per second is not a multiple of %u, %" PRIu64
				    " is taken\n",
				limits[i], IOPS_STEP, rounded);
			limits[i] = rounded;
		}
	}
}

void
bdev_rate_set(struct bdev_rate *rate, const uint64_t limits[BDEV_RATE_NUM])
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		struct bdev_rate_limit *limit = &rate->limits[i];
		uint64_t per_second = limits[i] != UINT64_MAX ? limits[i] : limit->per_second;
		int64_t per_slice = 0;

		if (per_second != 0) {
			per_slice = per_second / BDEV_RATE_SLICES_PER_SEC;
			per_slice = spdk_max(per_slice, counts_ios(i) ? MIN_IOS_PER_SLICE : MIN_BYTES_PER_SLICE);
		}
		limit->per_second = per_second;
		limit->remaining = per_slice;
		limit->at_start = per_slice;
		limit->refused = false;
		limit->per_slice = per_slice;
	}
	rate->slice_start = spdk_get_ticks();
}

void
bdev_rate_read(const struct bdev_rate *rate, uint64_t limits[BDEV_RATE_NUM])
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		limits[i] = rate != NULL ? rate->limits[i].per_second : 0;
	}
}

void
bdev_rate_read_mib(const struct bdev_rate *rate, uint64_t limits[BDEV_RATE_NUM])
{
	int i;

	bdev_rate_read(rate, limits);
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		limits[i] = counts_ios(i) ? limits[i] : limits[i] / MIB;
	}
}

bool
bdev_rate_is_limited(const struct bdev_rate *rate)
{
	int i;

	for (i = 0; rate != NULL && i < BDEV_RATE_NUM; i++) {
		if (rate->limits[i].per_second != 0) {
			return true;
		}
	}
	return false;
}

/* ---- slices ---- */

/* What a limit that has remaining left has when so many slices have begun. */
static int64_t
replenish(const struct bdev_rate_limit *limit, int64_t remaining, uint64_t slices)
{
	int64_t per_slice = atomic_load_explicit(&limit->per_slice, memory_order_relaxed);
	int64_t most = per_slice, credit;

	if (atomic_load_explicit(&limit->refused, memory_order_relaxed)) {
		most *= (int64_t)spdk_min(slices, (uint64_t)MAX_LATE_SLICES);
	}
	if (slices > INT64_MAX || __builtin_mul_overflow(per_slice, (int64_t)slices, &credit) ||
		__builtin_add_overflow(remaining, credit, &remaining)) {
		return most;
	}
	return spdk_min(remaining, most);
}

/* Nobody has waited, and there are no debts: the next slice may as well begin now. */
static bool
is_idle(const struct bdev_rate *rate, uint64_t slices)
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		const struct bdev_rate_limit *limit = &rate->limits[i];

		if (limit->refused || replenish(limit, limit->remaining, slices) < limit->per_slice) {
			return false;
		}
	}
	return true;
}

/* Begins the slice that now belongs to, if no other thread has. Returns when it began. */
static uint64_t
renew(struct bdev_rate *rate, uint64_t now)
{
	uint64_t start = atomic_load_explicit(&rate->slice_start, memory_order_relaxed);
	uint64_t slices, next;
	int i;

	/* Threads do not agree to the tick on what time it is. */
	if (spdk_likely(now < start || now - start < rate->slice_ticks)) {
		return start;
	}
	slices = (now - start) / rate->slice_ticks;
	next = is_idle(rate, slices) ? now : start + slices * rate->slice_ticks;
	if (!atomic_compare_exchange_strong(&rate->slice_start, &start, next)) {
		return start;
	}
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		struct bdev_rate_limit *limit = &rate->limits[i];
		int64_t remaining = limit->remaining, renewed;

		if (limit->per_slice == 0) {
			continue;
		}
		/* Again if another thread has drawn meanwhile. */
		do {
			renewed = replenish(limit, remaining, slices);
		} while (!atomic_compare_exchange_strong(&limit->remaining, &remaining, renewed));
		limit->at_start = renewed;
		limit->refused = false;
	}
	return next;
}

/* ---- drawing ---- */

static uint32_t
count_others(const struct bdev_rate *rate, const struct bdev_rate_share *share)
{
	return atomic_load_explicit(&rate->waiting, memory_order_relaxed) - (share->waiting ? 1 : 0);
}

/* An equal part of what the slice has brought; what cannot be divided goes round. */
static int64_t
get_part(const struct bdev_rate *rate, const struct bdev_rate_share *share, int i, uint32_t count)
{
	const struct bdev_rate_limit *limit = &rate->limits[i];
	int64_t income = spdk_max(limit->at_start, limit->per_slice);
	uint64_t turn = share->slice / rate->slice_ticks + share->number;

	return income / count + (turn % count < (uint64_t)income % count ? 1 : 0);
}

/* Settles what the channel may take, when it comes for the first time in a slice, or in the half of one. */
static void
update_share(const struct bdev_rate *rate, struct bdev_rate_share *share, uint64_t start, uint64_t now)
{
	bool first_half = now < start + rate->slice_ticks / 2;
	uint32_t others;
	int i;

	if (share->slice == start) {
		share->limited &= first_half;
		return;
	}
	share->slice = start;
	others = count_others(rate, share);
	for (i = 0; others > 0 && i < BDEV_RATE_NUM; i++) {
		int64_t debt = share->sharing ? spdk_min(share->left[i], 0) : 0;

		share->left[i] = debt + get_part(rate, share, i, others + 1);
	}
	share->sharing = others > 0;
	share->limited = share->sharing && first_half;
}

/* Whether a limit has something left that the channel may take. */
static bool
is_open(struct bdev_rate_limit *limit, const struct bdev_rate_share *share, int i)
{
	return atomic_load_explicit(&limit->remaining, memory_order_relaxed) > 0 &&
		!(share->limited && share->left[i] <= 0);
}

static bool
is_concerned(const struct bdev_rate_limit *limit, const struct bdev_rate_cost *cost, int i)
{
	return cost->amount[i] > 0 && atomic_load_explicit(&limit->per_slice, memory_order_relaxed) != 0;
}

static bool
draw(struct bdev_rate_limit *limit, int64_t amount)
{
	int64_t remaining = atomic_load_explicit(&limit->remaining, memory_order_relaxed);

	do {
		if (remaining <= 0) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&limit->remaining, &remaining, remaining - amount));
	return true;
}

static void
undo(struct bdev_rate *rate, struct bdev_rate_share *share, const struct bdev_rate_cost *cost, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (is_concerned(&rate->limits[i], cost, i)) {
			atomic_fetch_add(&rate->limits[i].remaining, cost->amount[i]);
			share->left[i] += share->limited ? cost->amount[i] : 0;
		}
	}
}

bool
bdev_rate_take(struct bdev_rate *rate, struct bdev_rate_share *share, const struct bdev_rate_cost *cost, uint64_t now)
{
	int i;

	update_share(rate, share, renew(rate, now), now);
	/* Look first: what is refused by one limit should not be missing from another for a while. */
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		struct bdev_rate_limit *limit = &rate->limits[i];

		if (is_concerned(limit, cost, i) && !is_open(limit, share, i)) {
			limit->refused = true;
			return false;
		}
	}
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		struct bdev_rate_limit *limit = &rate->limits[i];

		if (!is_concerned(limit, cost, i)) {
			continue;
		}
		if (!draw(limit, cost->amount[i])) {
			limit->refused = true;
			undo(rate, share, cost, i);
			return false;
		}
		share->left[i] -= share->limited ? cost->amount[i] : 0;
	}
	return true;
}

void
bdev_rate_refund(struct bdev_rate *rate, struct bdev_rate_share *share, const struct bdev_rate_cost *cost)
{
	undo(rate, share, cost, BDEV_RATE_NUM);
}

void
bdev_rate_wait(struct bdev_rate *rate, struct bdev_rate_share *share, bool waiting)
{
	if (share->waiting != waiting) {
		share->waiting = waiting;
		if (waiting) {
			share->number = atomic_fetch_add_explicit(&rate->next_number, 1, memory_order_relaxed);
			atomic_fetch_add_explicit(&rate->waiting, 1, memory_order_relaxed);
		} else {
			atomic_fetch_sub_explicit(&rate->waiting, 1, memory_order_relaxed);
		}
	}
}
