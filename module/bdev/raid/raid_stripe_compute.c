/* SPDX-License-Identifier: BSD-3-Clause */

/* The sums of a slice: what cannot be read, and the parity. */

#include "module/bdev/raid/raid_stripe.h"

#include "spdk/util.h"

/* Which of the two is added up: data, or the metadata that is kept apart. */
static const struct iovec *
get_list(const struct raid_stripe_content *content, bool md)
{
	return md ? &content->md : content->iovs;
}

static size_t
get_len(const struct raid_stripe *stripe, bool md)
{
	const struct raid *raid = stripe->pool->raid;

	return (stripe->next_row - stripe->row) * (md ? raid->parity->md_len : raid->bdev.blocklen);
}

/* ---- Contents that are missing ---- */

/* Which data columns have not been read; returns how many. */
static int
find_missing(const struct raid_stripe *stripe, uint8_t *missing)
{
	int count = 0;

	for (uint8_t i = 0; i < stripe->pool->raid->parity->num_data; i++) {
		if (!stripe->columns[i].reads && count < RAID_MAX_PARITY) {
			missing[count++] = i;
		}
	}
	return count;
}

static void
recover_column(struct raid_stripe *stripe, uint8_t wanted, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	struct parity_sums *sums = &stripe->pool->sums;
	struct raid_parity_solution solution;
	uint8_t missing[RAID_MAX_PARITY];
	bool has_parity[RAID_MAX_PARITY] = {};
	int num_missing = find_missing(stripe, missing);

	for (uint8_t i = 0; i < parity->num_parity; i++) {
		has_parity[i] = stripe->columns[parity->num_data + i].reads;
	}
	raid_parity_solve(parity, has_parity, missing, num_missing, wanted, &solution);
	parity_sums_begin(sums, solution.of_power == 0 ? PARITY_P : PARITY_ANY);
	for (uint8_t i = 0; i < parity->num_data + parity->num_parity; i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		if (column->reads) {
			parity_sums_add_source(sums, get_list(&column->old, md),
				i < parity->num_data ? raid_parity_get_factor(parity, &solution, i)
						     : solution.of_parity[i - parity->num_data],
				0);
		}
	}
	parity_sums_add_sum(sums, get_list(&stripe->columns[wanted].old, md));
	parity_sums_run(sums, get_len(stripe, md));
}

static void
recover(struct raid_stripe *stripe, bool md)
{
	for (uint8_t i = 0; i < stripe->pool->raid->parity->num_data; i++) {
		if (stripe->columns[i].recovers) {
			recover_column(stripe, i, md);
		}
	}
}

/* ---- Parity ---- */

static void
add_data(struct raid_stripe *stripe, uint8_t i, const struct raid_stripe_content *content, bool only_q, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	uint8_t power = parity->powers[i];

	parity_sums_add_source(&stripe->pool->sums, get_list(content, md), only_q ? power : 1, power);
}

static void
add_old_parity(struct raid_stripe *stripe, bool only_q, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;

	for (uint8_t i = 0; i < parity->num_parity; i++) {
		const struct raid_stripe_column *column = &stripe->columns[parity->num_data + i];

		if (column->writes) {
			parity_sums_add_source(
				&stripe->pool->sums, get_list(&column->old, md), i == 0 || only_q, i == 1);
		}
	}
}

static void
add_new_parity(struct raid_stripe *stripe, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;

	for (uint8_t i = 0; i < parity->num_parity; i++) {
		struct raid_stripe_column *column = &stripe->columns[parity->num_data + i];

		if (column->writes) {
			parity_sums_add_sum(&stripe->pool->sums, get_list(&column->new, md));
		}
	}
}

static void
modify_parity(struct raid_stripe *stripe, bool only_q, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	bool has_q = parity->num_parity == 2 && stripe->columns[parity->num_data + 1].writes;

	parity_sums_begin(&stripe->pool->sums, has_q ? PARITY_ANY : PARITY_P);
	for (uint8_t i = 0; i < parity->num_data; i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		if (column->touched) {
			add_data(stripe, i, &column->old, only_q, md);
			add_data(stripe, i, &column->new, only_q, md);
		}
	}
	add_old_parity(stripe, only_q, md);
	add_new_parity(stripe, md);
	parity_sums_run(&stripe->pool->sums, get_len(stripe, md));
}

static void
reconstruct_parity(struct raid_stripe *stripe, bool only_q, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	bool has_q = parity->num_parity == 2 && stripe->columns[parity->num_data + 1].writes;

	parity_sums_begin(&stripe->pool->sums, !has_q ? PARITY_P : only_q ? PARITY_ANY : PARITY_PQ);
	for (uint8_t i = 0; i < parity->num_data; i++) {
		const struct raid_stripe_column *column = &stripe->columns[i];

		add_data(stripe, i, column->touched ? &column->new : &column->old, only_q, md);
	}
	add_new_parity(stripe, md);
	parity_sums_run(&stripe->pool->sums, get_len(stripe, md));
}

static void
compute_parity(struct raid_stripe *stripe, bool md)
{
	const struct raid_parity *parity = stripe->pool->raid->parity;
	bool has_p = stripe->columns[parity->num_data].writes;
	bool has_q = parity->num_parity == 2 && stripe->columns[parity->num_data + 1].writes;

	if (!has_p && !has_q) {
		return;
	}
	if (stripe->plan == RAID_STRIPE_MODIFY) {
		modify_parity(stripe, !has_p, md);
	} else {
		reconstruct_parity(stripe, !has_p, md);
	}
}

/* ---- Data that go through the buffer ---- */

static void
copy(const struct iovec *iov, size_t offset, void *buf, size_t len, bool to_caller)
{
	char *next = buf;

	while (len > 0) {
		size_t piece = offset < iov->iov_len ? spdk_min(len, iov->iov_len - offset) : 0;
		char *of_caller = (char *)iov->iov_base + offset;

		if (piece > 0) {
			memcpy(to_caller ? of_caller : next, to_caller ? next : of_caller, piece);
		}
		offset = piece > 0 ? 0 : offset - iov->iov_len;
		next += piece;
		len -= piece;
		iov++;
	}
}

/* One row of the touched columns. */
static void
bounce(struct raid_stripe *stripe)
{
	const struct raid *raid = stripe->pool->raid;
	struct spdk_bdev_io_block_params *params = &raid_bdev_io(stripe->io)->u.bdev;

	for (uint8_t i = 0; i < raid->parity->num_data; i++) {
		struct raid_stripe_column *column = &stripe->columns[i];
		uint64_t block = ((uint64_t)i << raid->strip_shift) + stripe->row - stripe->begin;
		struct raid_stripe_content *content = stripe->kind == RAID_STRIPE_READ ? &column->old : &column->new;
		uint32_t md_len = raid->parity->md_len;
		char *md = md_len > 0 && params->md_buf != NULL ? (char *)params->md_buf + block * md_len : NULL;

		if (!column->touched) {
			continue;
		}
		if (stripe->kind == RAID_STRIPE_READ) {
			copy(params->iovs, block * raid->bdev.blocklen, content->lane.iov_base, raid->bdev.blocklen,
				true);
			if (md != NULL) {
				memcpy(md, content->md.iov_base, md_len);
			}
		} else {
			copy(params->iovs, block * raid->bdev.blocklen, content->lane.iov_base, raid->bdev.blocklen,
				false);
			if (md != NULL) {
				memcpy(content->md.iov_base, md, md_len);
			} else if (md_len > 0) {
				memset(content->md.iov_base, 0, md_len);
			}
		}
	}
}

/* ---- */

static void
compute(struct raid_stripe *stripe, bool md)
{
	recover(stripe, md);
	if (stripe->kind != RAID_STRIPE_READ) {
		compute_parity(stripe, md);
	}
}

void
raid_stripe_compute(struct raid_stripe *stripe)
{
	const struct spdk_bdev_io_block_params *params = &raid_bdev_io(stripe->io)->u.bdev;
	bool is_read = stripe->kind == RAID_STRIPE_READ;
	bool has_md = stripe->pool->raid->parity->md_len > 0 && !(is_read && params->md_buf == NULL);

	if (stripe->bounces && !is_read) {
		bounce(stripe);
	}
	compute(stripe, false);
	if (has_md) {
		compute(stripe, true);
	}
	if (stripe->bounces && is_read) {
		bounce(stripe);
	}
}
