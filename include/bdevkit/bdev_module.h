/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to spdk/bdev_module.h. */

#ifndef BDEVKIT_BDEV_MODULE_H
#define BDEVKIT_BDEV_MODULE_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Whether the bdev is offered to modules when it is registered: it can be read, and examining is automatic or one of its
 * names is on the list of spdk_bdev_examine().
 *
 * Who saves a bdev that stands on another one needs to know. A request that is loaded before its base exists is carried
 * out when the base is examined; for a base that is not, it has to be saved by write_config_json, which comes after that
 * of the base. Any thread.
 */
bool bdk_bdev_is_examined(const struct spdk_bdev *bdev);

/*
 * Saves what is to be loaded when all bdevs exist, entry by entry as spdk_bdev_module.config_json does: what needs bdevs that
 * are not examined, as nobody tells a module of those. Registered by constructors.
 */
struct bdk_bdev_late_config {
	void (*write)(struct spdk_json_write_ctx *w);
	struct bdk_bdev_late_config *next;
};
void bdk_bdev_register_late_config(struct bdk_bdev_late_config *config);

/*
 * Sets what is called with the base, on its thread, when the bdev below has another size; NULL: nothing. Parts stay as
 * they are, the module may make more. Right after the base was made.
 */
void bdk_bdev_part_base_set_resize_cb(struct spdk_bdev_part_base *part_base, void (*resize_cb)(void *part_base));

/* ---- A bdev that stands on another one, its base, block for block ---- */

/* Where the I/O of a channel goes: a part of the context of the module's channel. */
struct bdk_bdev_base {
	/* The base as the module has opened it, and its channel on this thread. */
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	/*
	 * NULL: an I/O ends as the base has ended it. Otherwise this is called then, with the I/O of the base, and the
	 * I/O that was handed down as cb_arg. It keeps the former, and ends both with bdk_bdev_forward_done(), now or
	 * later, or in another way. What the base does not take is a failure without an I/O of the base, NULL.
	 */
	spdk_bdev_io_completion_cb done_cb;
};

/*
 * Hands an I/O of any type to the base as it came: with metadata, memory domain and sequence; with a buffer, if it is a
 * read that came without one. If there is no memory for that, the I/O waits for it. For submit_request().
 *
 * An ABORT ends what it is to abort if that is inside the base.
 */
void bdk_bdev_forward(struct spdk_bdev_io *bdev_io, const struct bdk_bdev_base *base);

/*
 * Completes bdev_io as the base has completed base_io, with all that it returns, and frees base_io as soon as nothing of
 * it is needed any more. base_io NULL: as what the base did not take, FAILED or NOMEM.
 */
void bdk_bdev_forward_done(struct spdk_bdev_io *bdev_io, struct spdk_bdev_io *base_io);

/* ---- Reference tags of a bdev whose blocks have other numbers on its base ----
 *
 * The buffers of bdev_io hold the tags of its own blocks, the base wants those of base_block and the blocks behind it. They
 * are rewritten in place, so one base at a time can have the I/O, and its data have to be within reach of the CPU.
 */

/* Whether the I/O has tags that are checked, and other ones on the base. For the others below. */
bool bdk_bdev_io_has_tags(const struct spdk_bdev_io *bdev_io, uint64_t base_block);

/* Makes those of a write the base's. False if one is wrong; all are then as they were. */
bool bdk_bdev_io_tags_to_base(struct spdk_bdev_io *bdev_io, uint64_t base_block);
/* The other way, whatever became of the write. */
void bdk_bdev_io_tags_back(struct spdk_bdev_io *bdev_io, uint64_t base_block);

/* Makes those of a read those of bdev_io. False if one is wrong. */
bool bdk_bdev_io_tags_from_base(struct spdk_bdev_io *bdev_io, uint64_t base_block);

/* ---- A bdev that lies on others in strips, or in one piece on one of them ---- */

struct bdk_bdev_strips_base {
	struct bdk_bdev_base base;
	/* Block of the base at which its first strip begins. */
	uint64_t offset_blocks;
};

/* Where its blocks are, for one channel: strip k is strip k / num_bases of base k % num_bases. */
struct bdk_bdev_strips {
	/* In blocks, as a power of two; BDK_BDEV_STRIPS_ONE_PIECE: all of it is on one base. */
	uint32_t strip_shift;
	uint32_t num_bases;
	/* BDK_BDEV_STRIPS_RECIPROCAL(num_bases): what is multiplied by instead of dividing. */
	uint64_t reciprocal;
	struct bdk_bdev_strips_base bases[];
};

#define BDK_BDEV_STRIPS_ONE_PIECE 63
/* 2^64 / num_bases, rounded up; of one base 0, as its strips need no division. */
#define BDK_BDEV_STRIPS_RECIPROCAL(num_bases) (UINT64_MAX / (num_bases) + 1)

/*
 * Returns what holds for a channel of the module, as long as that lives; NULL: nothing. Called once for each channel, on
 * its thread.
 */
typedef const struct bdk_bdev_strips *(*bdk_bdev_strips_fn)(struct spdk_io_channel *ch);

/*
 * spdk_bdev_register() of a bdev without metadata whose reads and writes, if they lie in one strip, need not be seen by its
 * module: they become I/O of the base, with all that goes with it there (limits, queues, resets, aborts, statistics), and
 * end as the base ends them, with what is known of an error. done_cb of the base is not called. What the layer splits,
 * delays, locks or watches over because of the bdev itself comes through submit_request(), as do all other types.
 *
 * The bases have blocks of the same size and are open for writing if the bdev can be written to. At most 255 of them.
 */
int bdk_bdev_register_in_strips(struct spdk_bdev *bdev, bdk_bdev_strips_fn get_strips);

/* ---- Tests ---- */

/*
 * For tests and simulations: what modules complete on channels that are made from now on comes back late and in any order.
 * Every period_us some of what a channel holds comes back, as random numbers say, which a simulation draws from its seed.
 * 0: as it is completed. Any thread.
 */
void bdk_bdev_delay_completions(uint64_t period_us);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_BDEV_MODULE_H */
