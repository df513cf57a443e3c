/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Budgets of I/Os and bytes per time slice, which the channels of a bdev, or of the bdevs of a group, draw from on their
 * threads, without a lock.
 *
 * A slice is a millisecond. Each brings an allowance of what the limit gives for that time. I/O may start as long as
 * anything is left, however large it is; what it takes too much is a debt that the next slices pay. What nobody has
 * used is lost, so that no burst is larger than an allowance; but slices that pass while I/O waits for them, because
 * its thread comes late, are not lost (up to some).
 */

#ifndef BDEV_RATE_H
#define BDEV_RATE_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#include <stdatomic.h>

#define BDEV_RATE_NUM SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES
#define BDEV_RATE_SLICES_PER_SEC 1000
#define BDEV_RATE_NO_SLICE UINT64_MAX
/* How often a channel with I/O that waits should try again. */
#define BDEV_RATE_RETRY_US 500

struct bdev_rate_limit {
	/* I/Os or bytes; 0: no limit. */
	_Atomic uint64_t per_second;
	_Atomic int64_t per_slice;
	_Atomic int64_t remaining;
	/* What was there when the slice began. */
	_Atomic int64_t at_start;
	/* Something was refused since the slice began. */
	_Atomic bool refused;
};

struct bdev_rate {
	_Atomic uint32_t refs;
	/* Channels that have I/O waiting. */
	_Atomic uint32_t waiting;
	_Atomic uint32_t next_number;
	/* Ticks. */
	_Atomic uint64_t slice_start;
	uint64_t slice_ticks;
	struct bdev_rate_limit limits[BDEV_RATE_NUM];
};

/* What one I/O takes from each limit; 0: it is not concerned. */
struct bdev_rate_cost {
	int64_t amount[BDEV_RATE_NUM];
};

/*
 * What one channel may take of a slice. While others wait too, each has an equal part in the first half of the slice;
 * what is left in the second half is for whoever comes. Who takes more than its part, as I/Os are not divided, has that
 * much less later.
 */
struct bdev_rate_share {
	/* Its begin, or BDEV_RATE_NO_SLICE. */
	uint64_t slice;
	/* Others wait in this slice; and this is its first half. */
	bool sharing;
	bool limited;
	int64_t left[BDEV_RATE_NUM];
	/* The channel is one of those in bdev_rate.waiting, and its number there. */
	bool waiting;
	uint32_t number;
};

/* With one reference and no limits. NULL: no memory. */
struct bdev_rate *bdev_rate_alloc(void);
struct bdev_rate *bdev_rate_get(struct bdev_rate *rate);
void bdev_rate_put(struct bdev_rate *rate);

/*
 * Turns what users give (I/Os and MiB per second; UINT64_MAX: as before; 0: none) into I/Os and bytes per second, as far
 * as there is a limit of that size. UINT64_MAX stays.
 */
void bdev_rate_normalize(uint64_t limits[BDEV_RATE_NUM]);

/* Begins a slice with these limits: I/Os and bytes per second; UINT64_MAX: as before. */
void bdev_rate_set(struct bdev_rate *rate, const uint64_t limits[BDEV_RATE_NUM]);
/* I/Os and bytes per second. */
void bdev_rate_read(const struct bdev_rate *rate, uint64_t limits[BDEV_RATE_NUM]);
/* The same in MiB instead of bytes. */
void bdev_rate_read_mib(const struct bdev_rate *rate, uint64_t limits[BDEV_RATE_NUM]);
bool bdev_rate_is_limited(const struct bdev_rate *rate);

/* Draws from all limits, or from none. now: ticks. */
bool bdev_rate_take(
	struct bdev_rate *rate, struct bdev_rate_share *share, const struct bdev_rate_cost *cost, uint64_t now);
/* Gives back what was drawn for nothing. */
void bdev_rate_refund(struct bdev_rate *rate, struct bdev_rate_share *share, const struct bdev_rate_cost *cost);
/* Says whether the channel has I/O waiting. */
void bdev_rate_wait(struct bdev_rate *rate, struct bdev_rate_share *share, bool waiting);

#endif /* BDEV_RATE_H */
