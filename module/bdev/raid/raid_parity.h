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
#include "module/bdev/raid/raid_parity_math.h"
#include "module/bdev/raid/raid_stripe_lock.h"

#define RAID_MAX_PARITY 2

/* Of an array. */
struct raid_parity {
	uint8_t num_data;
	uint8_t num_parity;
	/* Data of a stripe. */
	uint64_t stripe_blocks;
	/* Bytes of metadata of a block, if it is kept apart. */
	uint32_t md_len;
	/* 2^k. */
	uint8_t powers[RAID_MAX_MEMBERS];
	/* Stripes that each channel can have at work, and the buffer of each. */
	uint32_t num_stripes;
	size_t buf_size;
	size_t buf_align;
	struct raid_stripe_locks locks;
};

/* The slot of a column. */
static inline uint8_t
raid_parity_get_slot(const struct raid *raid, uint64_t stripe, uint8_t column)
{
	const struct raid_parity *parity = raid->parity;
	uint8_t p = (uint8_t)(raid->num_members - 1 - stripe % raid->num_members);

	if (column >= parity->num_data) {
		return (uint8_t)((p + column - parity->num_data) % raid->num_members);
	}
	/* The parities lie side by side, unless P is on the last slot and Q on the first. */
	if (parity->num_parity == 2 && p == raid->num_members - 1) {
		return column + 1;
	}
	return column < p ? column : column + parity->num_parity;
}

/* What the levels have in common, as in struct raid_level_ops: raid_parity.c, raid_parity_window.c. */
int raid_parity_start(struct raid *raid, const char **why);
void raid_parity_stop(struct raid *raid);
uint64_t raid_parity_get_size(const struct raid *raid);
bool raid_parity_can(const struct raid *raid, enum spdk_bdev_io_type type);
int raid_parity_submit_rw(struct raid_io *io);
int raid_parity_submit_range(struct raid_io *io);
void raid_parity_member_done(struct raid_io *io, uint8_t slot, bool success);
void raid_parity_done(struct raid_io *io);
int raid_parity_recover(struct raid_window *window, uint8_t slot);
uint64_t raid_parity_verify(struct raid_window *window);
void raid_parity_get_array_range(const struct raid *raid, uint64_t member_offset, uint64_t num_blocks,
	uint64_t *offset_blocks, uint64_t *num_array_blocks);

/* ---- Columns that are missing: raid_parity.c ---- */

/* One of them is the sum of the parities, each times of_parity, and of the data columns k, each times base + of_power * 2^k. */
struct raid_parity_solution {
	uint8_t of_parity[RAID_MAX_PARITY];
	uint8_t base;
	uint8_t of_power;
};

/* At most two data columns are missing, in ascending order; if one is, at least one parity is there, else both are. */
void raid_parity_solve(const struct raid_parity *parity, const bool *has_parity, const uint8_t *missing,
	int num_missing, uint8_t wanted, struct raid_parity_solution *solution);

static inline uint8_t
raid_parity_get_factor(const struct raid_parity *parity, const struct raid_parity_solution *solution, uint8_t column)
{
	return solution->base ^
		(solution->of_power == 0 ? 0 : parity_multiply(solution->of_power, parity->powers[column]));
}

/* ---- What is about to be written: the interface to the journal ---- */

/* To one member. */
struct raid_stripe_change {
	uint8_t slot;
	/* Of the data of the member. */
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* 0: it is zeroes. */
	int iovcnt;
	struct iovec *iovs;
	/* Of blocks whose metadata is kept apart. */
	void *md;
};

struct raid_journal_entry;

/*
 * To all members of some rows of one stripe, or of several whole ones, which are locked. It lies in memory of the stripe, and
 * is in use from raid_journal_log() to the end of raid_journal_done().
 */
struct raid_stripe_write {
	struct raid_channel *ch;
	struct raid_io *io;
	uint16_t num_changes;
	struct raid_stripe_change *changes;
	/* On the thread of ch: what was asked for has been done, or cannot be as the array is going offline. */
	void (*cb)(struct raid_stripe_write *write, int status);
	/* The journal's. */
	struct raid_journal_entry *entry;
	struct bdk_msg msg;
	struct raid_waiter waiter;
	const uint64_t *leaving;
	uint16_t next_slot;
	int status;
	void (*left_cb)(struct raid_stripe_write *write);
	TAILQ_ENTRY(raid_stripe_write) link;
};

/* ---- Stripes of channels: raid_stripe_pool.c ---- */

int raid_parity_channel_create(struct raid_channel *ch);
void raid_parity_channel_destroy(struct raid_channel *ch);
/* What an I/O has that can be completed is given back; false: there is more of it to be done. */
bool raid_parity_release(struct raid_io *io);

#endif /* MODULE_BDEV_RAID_PARITY_H */
