/* SPDX-License-Identifier: BSD-3-Clause */

/* What rebuilding, scrubbing and repairing ask of levels with parity, of a range of all members in buffers. */

#include "module/bdev/raid/raid_parity.h"

#include "spdk/util.h"

/* Rows of the window that lie in one stripe. */
struct part {
	struct raid_window *window;
	uint64_t stripe;
	uint32_t first;
	uint32_t num_rows;
};

/* In memory of its own: a window is no I/O, but rare work on one thread. */
static struct parity_sums g_sums;

static bool
is_set(const uint64_t *bits, uint8_t slot)
{
	return bits[slot / 64] & (UINT64_C(1) << (slot % 64));
}

/* The part that begins at a row of the window; false: there is none. */
static bool
get_part(struct raid_window *window, uint32_t first, struct part *part)
{
	const struct raid *raid = window->raid;
	uint64_t row = window->offset_blocks + first;

	if (first >= window->num_blocks) {
		return false;
	}
	part->window = window;
	part->stripe = row >> raid->strip_shift;
	part->first = first;
	part->num_rows =
		(uint32_t)spdk_min(window->num_blocks - first, raid->strip_size - (row & (raid->strip_size - 1)));
	return true;
}

static struct iovec
get_list(const struct part *part, uint8_t slot, bool md)
{
	const struct raid *raid = part->window->raid;
	size_t size = md ? raid->parity->md_len : raid->bdev.blocklen;
	uint8_t *buf = md ? part->window->md[slot] : part->window->data[slot];

	return (struct iovec){buf + part->first * size, part->num_rows * size};
}

/* ---- Recovery ---- */

/* Data column, out of the others. */
static int
recover_data(const struct part *part, uint8_t wanted, bool md)
{
	const struct raid *raid = part->window->raid;
	const struct raid_parity *parity = raid->parity;
	struct iovec lists[RAID_MAX_MEMBERS + 1];
	struct raid_parity_solution solution;
	uint8_t missing[RAID_MAX_PARITY] = {};
	bool has_parity[RAID_MAX_PARITY] = {};
	int num_missing = 0, num_parity = 0;

	for (uint8_t i = 0; i < parity->num_data; i++) {
		bool valid = i != wanted && is_set(part->window->valid, raid_parity_get_slot(raid, part->stripe, i));

		if (!valid && num_missing == parity->num_parity) {
			return -EIO;
		}
		if (!valid) {
			missing[num_missing++] = i;
		}
	}
	/* As many as there are columns missing; the others need not be right. */
	for (uint8_t i = 0; i < parity->num_parity && num_parity < num_missing; i++) {
		has_parity[i] =
			is_set(part->window->valid, raid_parity_get_slot(raid, part->stripe, parity->num_data + i));
		num_parity += has_parity[i];
	}
	if (num_parity < num_missing) {
		return -EIO;
	}
	raid_parity_solve(parity, has_parity, missing, num_missing, wanted, &solution);
	parity_sums_begin(&g_sums, solution.of_power == 0 ? PARITY_P : PARITY_ANY);
	for (uint8_t i = 0; i < raid->num_members; i++) {
		bool is_missing = i == missing[0] || (num_missing == 2 && i == missing[1]);

		lists[i] = get_list(part, raid_parity_get_slot(raid, part->stripe, i), md);
		if (i < parity->num_data && !is_missing) {
			parity_sums_add_source(&g_sums, &lists[i], raid_parity_get_factor(parity, &solution, i), 0);
		} else if (i >= parity->num_data && has_parity[i - parity->num_data]) {
			parity_sums_add_source(&g_sums, &lists[i], solution.of_parity[i - parity->num_data], 0);
		}
	}
	parity_sums_add_sum(&g_sums, &lists[wanted]);
	parity_sums_run(&g_sums, lists[wanted].iov_len);
	return 0;
}

/* One of the parities, of all data, from a byte of the lists on. */
static void
compute_parity(const struct part *part, uint8_t which, size_t from, const struct iovec *to, bool md)
{
	const struct raid *raid = part->window->raid;
	const struct raid_parity *parity = raid->parity;
	struct iovec lists[RAID_MAX_MEMBERS];

	parity_sums_begin(&g_sums, which == 0 ? PARITY_P : PARITY_ANY);
	for (uint8_t i = 0; i < parity->num_data; i++) {
		lists[i] = get_list(part, raid_parity_get_slot(raid, part->stripe, i), md);
		lists[i].iov_base = (uint8_t *)lists[i].iov_base + from;
		parity_sums_add_source(&g_sums, &lists[i], which == 0 ? 1 : parity->powers[i], 0);
	}
	parity_sums_add_sum(&g_sums, to);
	parity_sums_run(&g_sums, to->iov_len);
}

static int
recover_column(const struct part *part, uint8_t column, bool md)
{
	const struct raid *raid = part->window->raid;
	const struct raid_parity *parity = raid->parity;
	struct iovec to;

	if (column < parity->num_data) {
		return recover_data(part, column, md);
	}
	/* Needs all data: those that are missing come first. They are not said to be valid. */
	for (uint8_t i = 0; i < parity->num_data; i++) {
		int rc;

		if (is_set(part->window->valid, raid_parity_get_slot(raid, part->stripe, i))) {
			continue;
		}
		rc = recover_data(part, i, md);
		if (rc != 0) {
			return rc;
		}
	}
	to = get_list(part, raid_parity_get_slot(raid, part->stripe, column), md);
	compute_parity(part, column - parity->num_data, 0, &to, md);
	return 0;
}

static uint8_t
find_column(const struct raid *raid, uint64_t stripe, uint8_t slot)
{
	uint8_t column = 0;

	while (raid_parity_get_slot(raid, stripe, column) != slot) {
		column++;
	}
	return column;
}

int
raid_parity_recover(struct raid_window *window, uint8_t slot)
{
	const struct raid *raid = window->raid;
	struct part part;

	for (uint32_t first = 0; get_part(window, first, &part); first += part.num_rows) {
		uint8_t column = find_column(raid, part.stripe, slot);
		int rc = recover_column(&part, column, false);

		if (rc == 0 && raid->parity->md_len > 0) {
			rc = recover_column(&part, column, true);
		}
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- Verification ---- */

/* How much is compared at a time. */
#define CHUNK 16384

static uint8_t g_chunk[CHUNK] __attribute__((aligned(64)));

/* Whether a part has the parity that its data have. It then gets it, if it is to be mended. */
static bool
agrees(const struct part *part, uint8_t which, bool md, bool mend)
{
	const struct raid *raid = part->window->raid;
	uint8_t slot = raid_parity_get_slot(raid, part->stripe, raid->parity->num_data + which);
	struct iovec there = get_list(part, slot, md);
	bool result = true;

	for (size_t done = 0; done < there.iov_len; done += CHUNK) {
		struct iovec to = {g_chunk, spdk_min(CHUNK, there.iov_len - done)};

		compute_parity(part, which, done, &to, md);
		if (memcmp((uint8_t *)there.iov_base + done, g_chunk, to.iov_len) == 0) {
			continue;
		}
		result = false;
		if (mend) {
			memcpy((uint8_t *)there.iov_base + done, g_chunk, to.iov_len);
			part->window->changed[slot / 64] |= UINT64_C(1) << (slot % 64);
		}
	}
	return result;
}

static bool
all_agree(const struct part *part, bool mend)
{
	const struct raid *raid = part->window->raid;
	const struct raid_parity *parity = raid->parity;
	bool result = true;

	for (uint8_t which = 0; which < parity->num_parity; which++) {
		if (!is_set(part->window->valid, raid_parity_get_slot(raid, part->stripe, parity->num_data + which))) {
			continue;
		}
		result &= agrees(part, which, false, mend);
		if (parity->md_len > 0) {
			result &= agrees(part, which, true, mend);
		}
	}
	return result;
}

/* Data that are missing are what the first parity says, and the second one is to agree. false: nothing can be said. */
static bool
complete_data(const struct part *part)
{
	const struct raid *raid = part->window->raid;
	const struct raid_parity *parity = raid->parity;

	for (uint8_t i = 0; i < parity->num_data; i++) {
		if (is_set(part->window->valid, raid_parity_get_slot(raid, part->stripe, i))) {
			continue;
		}
		if (recover_data(part, i, false) != 0 || (parity->md_len > 0 && recover_data(part, i, true) != 0)) {
			return false;
		}
	}
	return true;
}

/*
 * Data are believed, and parity is not. Two parities could say which single column is wrong, but after a crash several may
 * be half-way between old and new, and then they would point at one that is right.
 */
uint64_t
raid_parity_verify(struct raid_window *window)
{
	uint64_t count = 0;
	struct part part;

	for (uint32_t first = 0; get_part(window, first, &part); first += part.num_rows) {
		if (!complete_data(&part) || all_agree(&part, false)) {
			continue;
		}
		for (uint32_t row = 0; row < part.num_rows; row++) {
			struct part one = part;

			one.first += row;
			one.num_rows = 1;
			count += !all_agree(&one, true);
		}
	}
	return count;
}

void
raid_parity_get_array_range(const struct raid *raid, uint64_t member_offset, uint64_t num_blocks,
	uint64_t *offset_blocks, uint64_t *num_array_blocks)
{
	uint64_t first = member_offset >> raid->strip_shift;
	uint64_t end = ((member_offset + num_blocks - 1) >> raid->strip_shift) + 1;

	*offset_blocks = spdk_min(first * raid->parity->stripe_blocks, raid->bdev.blockcnt);
	*num_array_blocks = spdk_min(end * raid->parity->stripe_blocks, raid->bdev.blockcnt) - *offset_blocks;
}
