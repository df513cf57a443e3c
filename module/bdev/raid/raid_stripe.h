/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O that needs more of a stripe than one member: writes, reads across strips, reads of what has to be computed.
 *
 * A channel has a number of struct raid_stripe, with a buffer each; an I/O that needs one waits until it gets one. The I/O is
 * carried out section by section - most have only one - each of which lies in one stripe, or is a number of whole stripes that
 * are to be zeroes. The rows of a section are locked. It is worked on in slices: rows of which each column is touched in
 * whole or not at all, as many as the buffer takes. A section ends as an I/O does, when members that have failed have left,
 * and only then its lock is released: on another thread such a member may still be read from.
 */

#ifndef MODULE_BDEV_RAID_STRIPE_H
#define MODULE_BDEV_RAID_STRIPE_H

#include "module/bdev/raid/raid_parity.h"

/* Pieces of the caller's lists that fit into a slice; and two more for each column. */
#define RAID_STRIPE_IOVS 64

enum raid_stripe_kind {
	/* All that is wanted is there. Without a lock. */
	RAID_STRIPE_DIRECT_READ,
	RAID_STRIPE_READ,
	RAID_STRIPE_WRITE,
	/* Zeroes to a part of a stripe, and to whole stripes. */
	RAID_STRIPE_FILL,
	RAID_STRIPE_ZERO,
};

enum raid_stripe_step {
	RAID_STRIPE_LOCK,
	RAID_STRIPE_SLICE,
	RAID_STRIPE_READ_OLD,
	RAID_STRIPE_COMPUTE,
	RAID_STRIPE_LOG,
	RAID_STRIPE_WRITE_NEW,
	RAID_STRIPE_WRITTEN,
	RAID_STRIPE_SLICE_DONE,
	RAID_STRIPE_ZERO_MEMBERS,
	RAID_STRIPE_END,
	RAID_STRIPE_NUM_STEPS,
};

/* How the parity of a slice comes about. */
enum raid_stripe_plan {
	/* Out of all data. */
	RAID_STRIPE_RECONSTRUCT,
	/* Out of what it is, and how the data change. */
	RAID_STRIPE_MODIFY,
};

/* What a column has on its member, or is to have, in the rows of a slice. */
struct raid_stripe_content {
	struct iovec *iovs;
	int iovcnt;
	struct iovec md;
	/* iovs, if it is in the buffer of the stripe. */
	struct iovec lane;
};

struct raid_stripe_column {
	struct raid_stripe *stripe;
	uint8_t index;
	uint8_t slot;
	/* It is in the I/O. */
	bool touched;
	bool readable;
	bool writable;
	/* It is read; its contents, which cannot be, are computed; it is written. */
	bool reads;
	bool recovers;
	bool writes;
	uint64_t row;
	uint64_t num_rows;
	struct raid_stripe_content old;
	struct raid_stripe_content new;
};

struct raid_stripe {
	struct raid_stripe_pool *pool;
	struct raid_io *io;
	enum raid_stripe_kind kind;
	enum raid_stripe_step step;
	struct raid_stripe_lock lock;
	bool locked;
	/* Of the array, where the next section begins. */
	uint64_t next_block;
	/* Of the array; and what of the data of the stripe it is. */
	uint64_t first_block;
	uint64_t index;
	uint64_t begin;
	uint64_t end;
	/* Of the stripe; where the slice begins, and the next one. */
	uint64_t row;
	uint64_t next_row;
	/* A member has not been read; plan anew. One has not been written in this step. */
	bool replan;
	bool some_failed;
	enum raid_stripe_plan plan;
	/* The caller's data go through the buffer. */
	bool bounces;
	/* Members that cannot be read. */
	uint64_t bad[(RAID_MAX_MEMBERS + 63) / 64];
	bool has_bad;
	/* Requests of this step that have not ended, and one while there are more to be submitted; the next one. */
	uint32_t outstanding;
	uint16_t next_column;
	uint8_t retries;
	struct raid_stripe_column *columns;
	uint8_t *buf;
	struct raid_stripe_content zeroes;
	struct iovec *iovs;
	int num_iovs;
	/* The section ends before its last slice. */
	bool is_cut_short;
	struct raid_stripe_write write;
	TAILQ_ENTRY(raid_stripe) link;
};

struct raid_stripe_pool {
	struct raid *raid;
	TAILQ_HEAD(, raid_stripe) free;
	/* I/O that waits for one. */
	TAILQ_HEAD(, raid_io) waiting;
	bool is_dispatching;
	/* Stripes that could not be written because of a reset, and what looks whether it has ended; it rests otherwise. */
	TAILQ_HEAD(, raid_stripe) waiting_for_reset;
	struct spdk_poller *timer;
	struct raid_stripe *stripes;
	void *bufs;
	struct parity_sums sums;
};

/* ---- raid_stripe.c ---- */

/* Carries out an I/O. Always takes it. */
void raid_stripe_submit(struct raid_io *io);
int raid_stripe_poll_timer(void *pool);

/* ---- raid_stripe_plan.c ---- */

/* Decides upon the slice that begins at stripe->row, or behind. False: there are no more rows; or, with an error, no way. */
bool raid_stripe_plan_slice(struct raid_stripe *stripe, int *rc);
/* All that is wanted, at once; false: its lists are too long for that. */
bool raid_stripe_plan_direct(struct raid_stripe *stripe);
/* Sets the columns up for a section. */
void raid_stripe_plan_section(struct raid_stripe *stripe);

/* ---- raid_stripe_compute.c ---- */

void raid_stripe_compute(struct raid_stripe *stripe);

#endif /* MODULE_BDEV_RAID_STRIPE_H */
