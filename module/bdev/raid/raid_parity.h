/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Levels with parity: raid5f, raid5 and raid6. What their files share.
 *
 * A stripe is a strip of each member at the same place. Its columns are numbered: first those with data, in the order in
 * which the data lie in the array, then P, then Q. Parity of stripe s is on slot n - 1 - s % n, Q on the one after it, and
 * the data columns fill the other slots in ascending order. P is the sum of the data columns, and Q that of column k times
 * 2^k, in the field of 256 elements with the polynomial 0x11d.
 *
 * A row is a block of each member at the same place. Parity holds row by row, so rows are what is locked and worked on:
 * raid_stripe_lock.c. raid_stripe.c carries out what needs more than one member, in slices of rows; raid_parity.c has what
 * the levels have in common, raid_parity_math.c the sums, and raid_parity_window.c what rebuilding and scrubbing ask for.
 */

#ifndef MODULE_BDEV_RAID_PARITY_H
#define MODULE_BDEV_RAID_PARITY_H

#include "module/bdev/raid/raid.h"

#define RAID_MAX_PARITY 2

/* ---- What is about to be written: the interface to the journal ---- */

/* To one member. */
struct raid_stripe_change {
	uint8_t slot;
	/* Of the data of the member. */
	uint64_t offset_blocks;
	uint32_t num_blocks;
	int iovcnt;
	struct iovec *iovs;
	/* Of blocks whose metadata is kept apart. */
	void *md;
};

/*
 * To all members of some rows of one stripe, which are locked. It lies in memory of the stripe, which also has room for
 * what the journal keeps of it, and is in use until the writes have ended.
 */
struct raid_stripe_write {
	struct raid_channel *ch;
	uint16_t num_changes;
	struct raid_stripe_change *changes;
	/* On the thread of ch, when the journal has it; with an error nothing is written. */
	void (*logged_cb)(struct raid_stripe_write *write, int status);
	/* The journal's. */
	void *journal_ctx;
};

#endif /* MODULE_BDEV_RAID_PARITY_H */
