/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O of bdevs whose module only says where their blocks are (bdk_bdev_register_in_strips()). Such a read or write needs no spdk_bdev_io of its own: it begins as
 * one of the bdev below, where all happens to it that happens to I/O there, and when it has ended it becomes what its
 * owner has submitted. For the bdev above it is meanwhile one that its module has: it is counted as outstanding, and who
 * walks over I/O (locks, aborts, timeouts) finds it by bdev_io_is_below().
 */

#include "lib/bdev/io_submit.h"
#include "lib/bdev/route.h"

/* ---- The way back ---- */

/* Its status is what the bdev below has made of it, and goes on from here as if the module had said so. */
static void __attribute__((noinline)) end_slowly(struct spdk_bdev_io *bdev_io)
{
	enum spdk_bdev_io_status status = bdev_io->internal.status;
	bool lock_waited = bdev_io_private(bdev_io)->upper.lock_waited;

	bdev_io->internal.desc = bdev_io_private(bdev_io)->upper.desc;
	bdev_io->internal.marks &= BDEV_IO_WATCHED;
	bdev_io->internal.flags &= BDEV_IO_HAS_BUF | BDEV_IO_RARE_FIELDS;
	bdev_io->internal.flags |= lock_waited ? BDEV_IO_LOCK_WAITED : 0;
	bdev_io_complete_checked(bdev_io, status);
}

void
bdev_route_end_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	const struct bdev_io_upper *upper = &bdev_io_private(bdev_io)->upper;
	struct bdev_channel *ch = upper->ch;

	bdev_io->bdev = ch->bdev;
	bdev_io->u.bdev.offset_blocks = upper->offset_blocks;
	bdev_io->internal.ch = ch;
	bdev_io->internal.cb = upper->cb;
	bdev_io->internal.caller_ctx = upper->caller_ctx;
	if (spdk_unlikely(
		    ch->gates != 0 || bdev_io_get_word(bdev_io) != BDEV_IO_WORD(SPDK_BDEV_IO_STATUS_SUCCESS, 0))) {
		end_slowly(bdev_io);
		return;
	}
	ch->outstanding--;
	bdev_stat_count(&ch->stat, bdev_io, bdev_thread_now(ch->thread) - bdev_io->internal.submit_tsc);
	upper->cb(bdev_io, true, upper->caller_ctx);
}

/* ---- Channels ---- */

/* Whether a block here is a block there, and route.h finds it. */
static bool
are_usable(const struct spdk_bdev *bdev, const struct bdk_bdev_strips *strips)
{
	if (strips->num_bases == 0 || strips->num_bases > BDEV_ROUTE_MAX_BASES || bdev->md_len != 0) {
		return false;
	}
	for (uint32_t i = 0; i < strips->num_bases; i++) {
		const struct spdk_bdev_desc *desc = strips->bases[i].base.desc;

		if ((desc->gates & BDEV_GATE_HIDDEN_METADATA) || desc->bdev->blocklen != bdev->blocklen) {
			return false;
		}
	}
	return true;
}

void
bdev_route_channel_init(struct bdev_channel *ch)
{
	bdk_bdev_strips_fn get_strips = bdev_state(ch->bdev)->get_strips;
	const struct bdk_bdev_strips *strips = get_strips != NULL ? get_strips(ch->module_ch) : NULL;

	if (strips != NULL && are_usable(ch->bdev, strips)) {
		ch->strips = strips;
	}
}
