/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Splitting. An I/O that exceeds what its bdev states becomes the parent of smaller ones, which are submitted in
 * rounds: those of a round run together, and the next round starts when all of them have ended.
 */

#include "lib/bdev/io_internal.h"

/* Children of one round that have no data buffers. */
#define MAX_CHILDREN 8

static void child_done_cb(struct spdk_bdev_io *child, bool success, void *cb_arg);

/* ---- limits ---- */

/* Blocks between the lines that a read or write must not cross; 0: there are none. */
static uint32_t
get_boundary(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && bdev->split_on_write_unit) {
		return bdev->write_unit_size;
	}
	return bdev->split_on_optimal_io_boundary ? bdev->optimal_io_boundary : 0;
}

static bool
crosses(uint64_t first, uint64_t last, uint32_t boundary)
{
	if (spdk_likely((boundary & (boundary - 1)) == 0)) {
		return ((first ^ last) & ~(uint64_t)(boundary - 1)) != 0;
	}
	return first / boundary != last / boundary;
}

static bool
rw_exceeds_limits(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	uint64_t first = bdev_io->u.bdev.offset_blocks;
	uint64_t num_blocks = bdev_io->u.bdev.num_blocks;
	uint32_t boundary = get_boundary(bdev_io);
	int i;

	if (num_blocks == 0) {
		return false;
	}
	if (bdev->max_rw_size != 0 && num_blocks > bdev->max_rw_size) {
		return true;
	}
	if (boundary != 0 && crosses(first, first + num_blocks - 1, boundary)) {
		return true;
	}
	if (bdev->max_num_segments != 0 && (uint32_t)bdev_io->u.bdev.iovcnt > bdev->max_num_segments) {
		return true;
	}
	if (bdev->max_segment_size != 0) {
		for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
			if (bdev_io->u.bdev.iovs[i].iov_len > bdev->max_segment_size) {
				return true;
			}
		}
	}
	return false;
}

/* The most blocks that a child without data buffers may have; UINT64_MAX: any. */
static uint64_t
get_max_blocks(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	uint64_t max = UINT64_MAX;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_UNMAP) {
		if (bdev->max_unmap != 0 && bdev->max_unmap_segments != 0) {
			max = (uint64_t)bdev->max_unmap * bdev->max_unmap_segments;
		}
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES) {
		if (bdev->max_write_zeroes != 0) {
			max = bdev->max_write_zeroes;
		}
		if (bdev_io_is_emulated(bdev_io)) {
			max = spdk_min(max, bdev_emulate_max_zeroes(bdev));
		}
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_COPY && bdev->max_copy != 0) {
		max = bdev->max_copy;
	}
	return max;
}

bool
bdev_io_needs_split(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return rw_exceeds_limits(bdev_io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_COPY:
		return bdev_io->u.bdev.num_blocks > get_max_blocks(bdev_io) || bdev_io_is_emulated(bdev_io);
	default:
		return false;
	}
}

/* ---- children ---- */

/* Writes of zeroes may have to be split in their turn; no other child is. */
static enum bdev_io_rank
get_child_rank(const struct spdk_bdev_io *parent)
{
	return parent->internal.flags & BDEV_IO_EMULATED ? BDEV_IO_RANK_INNER : BDEV_IO_RANK_LEAF;
}

static struct spdk_bdev_io *
take_child(struct bdev_io_private *parent, enum spdk_bdev_io_type type)
{
	struct spdk_bdev_io *child = bdev_io_take_inner(&parent->io, get_child_rank(&parent->io), type, child_done_cb);

	if (child != NULL && !(parent->io.internal.flags & BDEV_IO_EMULATED)) {
		child->internal.flags |= BDEV_IO_CHILD;
	}
	return child;
}

/* ---- children with data ---- */

bool
bdev_io_take_segment(struct bdev_io_private *parent, uint64_t max, struct iovec *segment)
{
	const struct spdk_bdev_io_block_params *params = &parent->io.u.bdev;
	const struct iovec *iov;

	while (parent->split_iov < params->iovcnt &&
		parent->split_iov_offset == params->iovs[parent->split_iov].iov_len) {
		parent->split_iov++;
		parent->split_iov_offset = 0;
	}
	if (parent->split_iov == params->iovcnt) {
		return false;
	}
	iov = &params->iovs[parent->split_iov];
	segment->iov_base = (char *)iov->iov_base + parent->split_iov_offset;
	segment->iov_len = spdk_min(max, iov->iov_len - parent->split_iov_offset);
	parent->split_iov_offset += segment->iov_len;
	return true;
}

/* Moves the cursor back. */
static void
untake(struct bdev_io_private *parent, uint64_t bytes)
{
	while (bytes > parent->split_iov_offset) {
		bytes -= parent->split_iov_offset;
		parent->split_iov--;
		parent->split_iov_offset = parent->io.u.bdev.iovs[parent->split_iov].iov_len;
	}
	parent->split_iov_offset -= bytes;
}

/* Cuts bytes off the end of iovs and returns how many of them are left. */
static int
trim(struct iovec *iovs, int iovcnt, uint64_t bytes)
{
	while (bytes > 0 && bytes >= iovs[iovcnt - 1].iov_len) {
		bytes -= iovs[--iovcnt].iov_len;
	}
	if (bytes > 0) {
		iovs[iovcnt - 1].iov_len -= bytes;
	}
	return iovcnt;
}

/* What a child has to be a multiple of, in blocks. */
static uint64_t
get_unit(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;

	return bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && bdev->split_on_write_unit ? bdev->write_unit_size : 1;
}

/*
 * Collects the buffers of the next child in iovs, of which it may use room. Returns how many it uses; 0 if that is not
 * enough for one block, or one unit of writes. *num_blocks is what the child may have at most, and on return what it has.
 */
static int
collect(struct bdev_io_private *parent, struct iovec *iovs, int room, uint64_t *num_blocks)
{
	const struct spdk_bdev *bdev = parent->io.bdev;
	uint64_t wanted = *num_blocks * bdev->blocklen;
	uint64_t max_segment = bdev->max_segment_size != 0 ? bdev->max_segment_size : UINT64_MAX;
	uint64_t bytes = 0, excess, unit;
	int iovcnt = 0;

	if (bdev->max_num_segments != 0) {
		room = spdk_min((uint32_t)room, bdev->max_num_segments);
	}
	while (bytes < wanted && iovcnt < room &&
		bdev_io_take_segment(parent, spdk_min(max_segment, wanted - bytes), &iovs[iovcnt])) {
		bytes += iovs[iovcnt++].iov_len;
	}
	/* What is shorter than a unit already is for the module to refuse. */
	unit = get_unit(&parent->io) * bdev->blocklen;
	excess = bytes % (wanted < unit ? bdev->blocklen : unit);
	if (excess != 0) {
		untake(parent, excess);
		iovcnt = trim(iovs, iovcnt, excess);
	}
	*num_blocks = bytes / bdev->blocklen;
	return *num_blocks == 0 ? 0 : iovcnt;
}

static uint64_t
get_child_blocks(const struct bdev_io_private *parent)
{
	uint64_t num_blocks = parent->split_remaining_blocks;
	uint32_t boundary = get_boundary(&parent->io);

	if (boundary != 0) {
		num_blocks = spdk_min(num_blocks, boundary - parent->split_offset_blocks % boundary);
	}
	if (parent->io.bdev->max_rw_size != 0) {
		num_blocks = spdk_min(num_blocks, parent->io.bdev->max_rw_size);
	}
	return num_blocks;
}

static void *
get_child_md(const struct bdev_io_private *parent)
{
	const struct spdk_bdev_io_block_params *params = &parent->io.u.bdev;

	if (params->md_buf == NULL) {
		return NULL;
	}
	return (char *)params->md_buf + (parent->split_offset_blocks - params->offset_blocks) * parent->io.bdev->md_len;
}

static void
advance(struct bdev_io_private *parent, uint64_t num_blocks)
{
	parent->split_offset_blocks += num_blocks;
	parent->split_remaining_blocks -= num_blocks;
	parent->split_outstanding++;
}

static int
submit_rw_children(struct bdev_io_private *parent)
{
	struct spdk_bdev_io_block_params *params = &parent->io.u.bdev;
	int used = 0, iovcnt;

	while (parent->split_remaining_blocks > 0 && used < SPDK_BDEV_IO_NUM_CHILD_IOV) {
		struct iovec *iovs = &parent->child_iov[used];
		uint64_t num_blocks = get_child_blocks(parent);
		struct spdk_bdev_io *child;

		child = take_child(parent, parent->io.type);
		if (child == NULL) {
			return -ENOMEM;
		}
		iovcnt = collect(parent, iovs, SPDK_BDEV_IO_NUM_CHILD_IOV - used, &num_blocks);
		if (iovcnt == 0) {
			bdev_io_drop_inner(child);
			return used == 0 ? -EINVAL : 0;
		}
		child->internal.marks |= parent->io.internal.marks & BDEV_IO_HIDES_METADATA;
		child->u.bdev.offset_blocks = parent->split_offset_blocks;
		child->u.bdev.num_blocks = num_blocks;
		child->u.bdev.iovs = iovs;
		child->u.bdev.iovcnt = iovcnt;
		child->u.bdev.md_buf = get_child_md(parent);
		if (parent->io.internal.flags & BDEV_IO_RARE_FIELDS) {
			child->internal.flags |= BDEV_IO_RARE_FIELDS;
			child->u.bdev.memory_domain = params->memory_domain;
			child->u.bdev.memory_domain_ctx = params->memory_domain_ctx;
			child->u.bdev.nvme_cdw12 = params->nvme_cdw12;
			child->u.bdev.nvme_cdw13 = params->nvme_cdw13;
		}
		advance(parent, num_blocks);
		used += iovcnt;
		bdev_io_submit(child, child->internal.ch);
	}
	return 0;
}

/* ---- children without data ---- */

static int
submit_plain_children(struct bdev_io_private *parent)
{
	uint64_t max = get_max_blocks(&parent->io);
	bool emulated = bdev_io_is_emulated(&parent->io);
	int count = 0;

	while (parent->split_remaining_blocks > 0 && count < MAX_CHILDREN) {
		enum spdk_bdev_io_type type = emulated ? SPDK_BDEV_IO_TYPE_WRITE : parent->io.type;
		struct spdk_bdev_io *child = take_child(parent, type);

		if (child == NULL) {
			return -ENOMEM;
		}
		child->u.bdev.offset_blocks = parent->split_offset_blocks;
		child->u.bdev.num_blocks = spdk_min(max, parent->split_remaining_blocks);
		if (emulated) {
			bdev_emulate_zeroes(child);
		} else {
			child->iov = (struct iovec){};
			child->u.bdev.iovs = parent->io.u.bdev.iovs != NULL ? &child->iov : NULL;
			child->u.bdev.iovcnt = parent->io.u.bdev.iovcnt;
			child->u.bdev.md_buf = NULL;
		}
		if (type == SPDK_BDEV_IO_TYPE_COPY) {
			child->internal.flags |= BDEV_IO_RARE_FIELDS;
			child->u.bdev.copy.src_offset_blocks = parent->io.u.bdev.copy.src_offset_blocks +
				(parent->split_offset_blocks - parent->io.u.bdev.offset_blocks);
		}
		advance(parent, child->u.bdev.num_blocks);
		count++;
		bdev_io_submit_gated(child);
	}
	return 0;
}

/* ---- rounds ---- */

static void next_round(struct bdev_io_private *parent);

static void
next_round_cb(void *cb_arg)
{
	struct bdev_io_private *parent = cb_arg;

	parent->split_waiting = false;
	next_round(parent);
}

static void
next_round(struct bdev_io_private *parent)
{
	int rc;

	if (parent->split_stopped && parent->split_remaining_blocks > 0) {
		bdev_io_end(&parent->io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (parent->io.type == SPDK_BDEV_IO_TYPE_READ || parent->io.type == SPDK_BDEV_IO_TYPE_WRITE) {
		rc = submit_rw_children(parent);
	} else {
		rc = submit_plain_children(parent);
	}
	if (parent->split_outstanding > 0) {
		return;
	}
	if (rc == -ENOMEM) {
		/* No running child will go on with it. */
		parent->split_waiting = true;
		bdev_io_wait_inner(parent, get_child_rank(&parent->io), next_round_cb);
		return;
	}
	if (rc != 0) {
		SPDK_ERRLOG("%s: an I/O of %" PRIu64 " blocks at %" PRIu64
			    " cannot be split within the bdev's limits\n",
			parent->io.bdev->name, parent->io.u.bdev.num_blocks, parent->io.u.bdev.offset_blocks);
	}
	bdev_io_end(&parent->io, rc == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
child_done_cb(struct spdk_bdev_io *child, bool success, void *cb_arg)
{
	struct bdev_io_private *parent = cb_arg;

	spdk_bdev_free_io(child);
	if (!success) {
		parent->split_failed = true;
	}
	if (--parent->split_outstanding > 0) {
		return;
	}
	if (parent->split_failed) {
		bdev_io_end(&parent->io, SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		next_round(parent);
	}
}

static void
buf_ready_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		next_round(bdev_io_private(bdev_io));
	} else {
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

void
bdev_io_split(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *parent = bdev_io_private(bdev_io);
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;

	bdev_io->internal.flags |= BDEV_IO_PARENT;
	if (bdev_io_is_emulated(bdev_io)) {
		bdev_io->internal.flags |= BDEV_IO_EMULATED;
	}
	parent->split_offset_blocks = params->offset_blocks;
	parent->split_remaining_blocks = params->num_blocks;
	parent->split_outstanding = 0;
	parent->split_failed = false;
	parent->split_stopped = false;
	parent->split_waiting = false;
	parent->split_iov = 0;
	parent->split_iov_offset = 0;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && params->iovcnt > 0 && params->iovs[0].iov_base == NULL) {
		/* The children need something to share. */
		spdk_bdev_io_get_buf(bdev_io, buf_ready_cb, params->num_blocks * bdev_io->bdev->blocklen);
	} else {
		next_round(parent);
	}
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
}

bool
bdev_split_stop(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *parent = bdev_io_private(bdev_io);

	parent->split_stopped = true;
	if (!parent->split_waiting) {
		return false;
	}
	parent->split_waiting = false;
	bdev_io_cache_unwait(&bdev_io->internal.ch->thread->cache, get_child_rank(bdev_io), &parent->wait);
	return true;
}
