/* SPDX-License-Identifier: BSD-3-Clause */

/* What the levels with parity have in common. */

#include "module/bdev/raid/raid_stripe.h"

#include "spdk/util.h"

/* Bytes of a member whose rows make a zone of locks; as much becomes zeroes with one request. */
#define ZONE_BYTES (4u << 20)
/* For the sums of one slice, and for all stripes of a channel: there are as many as fit into that, within bounds. */
#define BUF_SIZE (128u << 10)
#define POOL_SIZE (16u << 20)
#define MIN_STRIPES 4
#define MAX_STRIPES 32
#define PAGE 4096u

static uint8_t
get_num_parity(const struct raid *raid)
{
	return raid->ops->get_redundancy(raid->num_members);
}

static void
set_buf_size(struct raid *raid)
{
	struct raid_parity *parity = raid->parity;
	/* A row, at worst: old and new contents of all columns, and zeroes. */
	size_t num_lanes = 2 * (size_t)raid->num_members + 1;
	size_t lane_size;

	parity->buf_align = spdk_max(PAGE, (size_t)1 << raid->bdev.required_alignment);
	lane_size = SPDK_ALIGN_CEIL(raid->bdev.blocklen + parity->md_len + 64, parity->buf_align);
	parity->buf_size = spdk_max(BUF_SIZE, num_lanes * lane_size);
	parity->num_stripes = (uint32_t)spdk_max(MIN_STRIPES, spdk_min(MAX_STRIPES, POOL_SIZE / parity->buf_size));
}

int
raid_parity_start(struct raid *raid, const char **why)
{
	struct raid_parity *parity;
	uint32_t zone_shift;
	int rc;

	raid_parity_stop(raid);
	if (posix_memalign((void **)&parity, 64, sizeof(*parity)) != 0) {
		return -ENOMEM;
	}
	memset(parity, 0, sizeof(*parity));
	zone_shift = spdk_max(raid->strip_shift, spdk_u32log2(ZONE_BYTES / spdk_min(ZONE_BYTES, raid->bdev.blocklen)));
	rc = raid_stripe_locks_init(&parity->locks, zone_shift);
	if (rc != 0) {
		free(parity);
		return rc;
	}
	raid->parity = parity;
	parity->num_parity = get_num_parity(raid);
	parity->num_data = raid->num_members - parity->num_parity;
	parity->stripe_blocks = parity->num_data * raid->strip_size;
	parity->md_len = raid->bdev.md_interleave ? 0 : raid->bdev.md_len;
	parity->powers[0] = 1;
	for (uint8_t k = 1; k < parity->num_data; k++) {
		parity->powers[k] = parity_multiply(parity->powers[k - 1], 2);
	}
	set_buf_size(raid);
	if (parity->stripe_blocks > UINT32_MAX) {
		*why = "a stripe has too many blocks";
		raid_parity_stop(raid);
		return -EINVAL;
	}
	raid->bdev.optimal_io_boundary = (uint32_t)parity->stripe_blocks;
	raid->bdev.split_on_optimal_io_boundary = true;
	return 0;
}

void
raid_parity_stop(struct raid *raid)
{
	if (raid->parity != NULL) {
		raid_stripe_locks_fini(&raid->parity->locks);
		free(raid->parity);
		raid->parity = NULL;
	}
}

uint64_t
raid_parity_get_size(const struct raid *raid)
{
	uint64_t strips = UINT64_MAX;

	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL) {
			strips = spdk_min(strips, raid->members[slot].data_size >> raid->strip_shift);
		}
	}
	return strips * raid->parity->stripe_blocks;
}

/* The layer makes WRITE_ZEROES out of writes for those who cannot. */
static bool
has_zeroes_of_its_own(struct spdk_bdev *bdev)
{
	return bdev->fn_table->io_type_supported(bdev->ctxt, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
}

/*
 * Zeroes are what they are the parity of. Nobody says what a block holds after UNMAP, and its parity has to be known: it is
 * carried out as WRITE_ZEROES, where all members know both, and so is worth its while. What zeroes do to metadata is not
 * said either.
 */
bool
raid_parity_can(const struct raid *raid, enum spdk_bdev_io_type type)
{
	if (type != SPDK_BDEV_IO_TYPE_UNMAP && type != SPDK_BDEV_IO_TYPE_WRITE_ZEROES) {
		return true;
	}
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		struct spdk_bdev *bdev = raid->members[slot].bdev;

		if (bdev != NULL && !has_zeroes_of_its_own(bdev)) {
			return false;
		}
	}
	return raid->bdev.md_len == 0;
}

/* ---- I/O ---- */

static void
get_strip(const struct raid *raid, uint64_t block, uint8_t *slot, uint64_t *row)
{
	uint64_t stripe = block / raid->parity->stripe_blocks, in_stripe = block % raid->parity->stripe_blocks;

	*slot = raid_parity_get_slot(raid, stripe, (uint8_t)(in_stripe >> raid->strip_shift));
	*row = (stripe << raid->strip_shift) + (in_stripe & (raid->strip_size - 1));
}

/* A read of one strip that can be read goes to its member; everything else needs more. */
int
raid_parity_submit_rw(struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	uint64_t first = bdev_io->u.bdev.offset_blocks, num_blocks = bdev_io->u.bdev.num_blocks;
	uint64_t row;
	uint8_t slot;

	if (num_blocks == 0) {
		io->num_succeeded = 1;
		return 0;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ &&
		(first & (raid->strip_size - 1)) + num_blocks <= raid->strip_size) {
		get_strip(raid, first, &slot, &row);
		if (raid_get_member_channel(io->ch, slot) != NULL && !raid_io_has_failed_on(io, slot) &&
			raid_member_is_in_sync(&raid->members[slot], row, num_blocks)) {
			return raid_io_rw(io, slot, row);
		}
	}
	raid_stripe_submit(io);
	return 0;
}

/* To all members, as far as they hold stripes of the range. */
static int
submit_flush(struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	const struct spdk_bdev_io *bdev_io = raid_bdev_io(io);
	uint64_t end = bdev_io->u.bdev.offset_blocks + bdev_io->u.bdev.num_blocks;
	uint64_t first = bdev_io->u.bdev.offset_blocks / raid->parity->stripe_blocks;
	uint64_t num_stripes = spdk_divide_round_up(end, raid->parity->stripe_blocks) - first;

	for (; io->next_slot < raid->num_members; io->next_slot++) {
		uint8_t slot = (uint8_t)io->next_slot;
		int rc = 0;

		if (raid_get_member_channel(io->ch, slot) != NULL) {
			rc = raid_io_range(io, slot, first << raid->strip_shift, num_stripes << raid->strip_shift);
		}
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

int
raid_parity_submit_range(struct raid_io *io)
{
	if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_FLUSH) {
		return submit_flush(io);
	}
	raid_stripe_submit(io);
	return 0;
}

/* Of what has gone to members without a stripe. */
void
raid_parity_member_done(struct raid_io *io, uint8_t slot, bool success)
{
	if (success) {
		io->num_succeeded = 1;
	} else {
		raid_io_set_failed_on(io, slot);
	}
}

void
raid_parity_done(struct raid_io *io)
{
	enum spdk_bdev_io_status status = io->status;

	if (status == SPDK_BDEV_IO_STATUS_FAILED && !raid_io_has_failed(io) && raid_io_was_reset(io)) {
		/* Too much could not be read; nothing has been written of what is left. */
		if (raid_parity_release(io)) {
			raid_interrupt_wait(io);
		}
		return;
	}
	if (raid_bdev_io(io)->type == SPDK_BDEV_IO_TYPE_READ) {
		if (io->stripe == NULL && status == SPDK_BDEV_IO_STATUS_SUCCESS && raid_io_has_failed(io)) {
			/* From the others. */
			raid_io_go_on(io);
		} else {
			raid_io_complete(io, status);
		}
		return;
	}
	if (io->stripe == NULL && raid_io_has_failed(io) && raid_io_was_reset(io)) {
		/* A flush. */
		raid_interrupt_wait(io);
		return;
	}
	if (raid_io_has_failed(io) && io->num_succeeded > 0) {
		raid_io_complete_without_failed(io);
		return;
	}
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && io->num_succeeded == 0) {
		status = SPDK_BDEV_IO_STATUS_FAILED;
	}
	raid_io_complete(io, status);
}

/* ---- Columns that are missing ---- */

void
raid_parity_solve(const struct raid_parity *parity, const bool *has_parity, const uint8_t *missing, int num_missing,
	uint8_t wanted, struct raid_parity_solution *solution)
{
	uint8_t a, b, x, y;

	if (num_missing == 1 && has_parity[0]) {
		/* P without the others. */
		*solution = (struct raid_parity_solution){.of_parity = {1, 0}, .base = 1, .of_power = 0};
		return;
	}
	if (num_missing == 1) {
		/* Q without the others, divided by 2^x. */
		a = parity_invert(parity->powers[wanted]);
		*solution = (struct raid_parity_solution){.of_parity = {0, a}, .base = 0, .of_power = a};
		return;
	}
	/*
	 * With p = Dx + Dy and q = 2^x Dx + 2^y Dy, which are P and Q without the others:
	 * Dx = (2^(y-x) p + 2^-x q) / (2^(y-x) + 1), and Dy = p + Dx.
	 */
	x = missing[0];
	y = missing[1];
	a = parity->powers[y - x];
	b = parity_invert(a ^ 1);
	a = parity_multiply(a, b);
	b = parity_multiply(parity_invert(parity->powers[x]), b);
	if (wanted == y) {
		a ^= 1;
	}
	*solution = (struct raid_parity_solution){.of_parity = {a, b}, .base = a, .of_power = b};
}
