/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Histograms of 64-bit values whose buckets are about as wide, in relation, everywhere.
 *
 * Values are divided into ranges: range 0 holds those below 2^granularity, each further one those of one more bit.
 * Each range has 2^granularity buckets. With granularity 7, a bucket is at most 1/128 of its values wide. A histogram
 * may keep only a part of the ranges: values outside of it count in its first or last bucket.
 *
 * Not locked.
 */

#ifndef SPDK_HISTOGRAM_DATA_H
#define SPDK_HISTOGRAM_DATA_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_HISTOGRAM_GRANULARITY_DEFAULT 7
#define SPDK_HISTOGRAM_GRANULARITY(h) (h)->granularity
/* Bits of a value above those that range 0 has. */
#define SPDK_HISTOGRAM_BUCKET_LSB(h) (64 - SPDK_HISTOGRAM_GRANULARITY(h))
#define SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) (1ULL << SPDK_HISTOGRAM_GRANULARITY(h))
#define SPDK_HISTOGRAM_BUCKET_MASK(h) (SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) - 1)
/* Ranges that this histogram keeps, and its buckets altogether. */
#define SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h) ((h)->max_range - (h)->min_range + 1)
#define SPDK_HISTOGRAM_NUM_BUCKETS(h) (SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) * SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h))

/* A histogram of numbers of 64 bits. Each range, a power of two, has as many buckets as the next. */
struct spdk_histogram_data {
	uint32_t granularity;
	/* First and last range kept. */
	uint32_t min_range;
	uint32_t max_range;
	uint64_t *bucket;
};

static inline uint32_t
__spdk_histogram_data_get_bucket_range(struct spdk_histogram_data *h, uint64_t datapoint)
{
	uint32_t zeroes = datapoint > 0 ? (uint32_t)__builtin_clzll(datapoint) : 64;

	return zeroes <= SPDK_HISTOGRAM_BUCKET_LSB(h) ? SPDK_HISTOGRAM_BUCKET_LSB(h) - zeroes : 0;
}

/* Place of a value's bucket within its range. */
static inline uint32_t
__spdk_histogram_data_get_bucket_index(struct spdk_histogram_data *h, uint64_t datapoint, uint32_t range)
{
	uint32_t shift = range > 0 ? range - 1 : 0;

	return (uint32_t)((datapoint >> shift) & SPDK_HISTOGRAM_BUCKET_MASK(h));
}

/* The lowest value of a bucket. */
static inline uint64_t
__spdk_histogram_data_get_bucket_start(const struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	if (range == 0) {
		return index;
	}
	return ((uint64_t)1 << (range - 1 + SPDK_HISTOGRAM_GRANULARITY(h))) + ((uint64_t)index << (range - 1));
}

/* The counter of a bucket. range must be one that is kept. */
static inline uint64_t *
__spdk_histogram_get_bucket(const struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	return &h->bucket[((uint64_t)(range - h->min_range) << SPDK_HISTOGRAM_GRANULARITY(h)) + index];
}

static inline uint64_t
__spdk_histogram_get_count(const struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	return *__spdk_histogram_get_bucket(h, range, index);
}

/* Counts in a bucket, the nearest one if its range is not kept. */
static inline void
__spdk_histogram_increment(struct spdk_histogram_data *h, uint32_t range, uint32_t index)
{
	if (range < h->min_range) {
		range = h->min_range;
		index = 0;
	} else if (range > h->max_range) {
		range = h->max_range;
		index = (uint32_t)SPDK_HISTOGRAM_BUCKET_MASK(h);
	}
	(*__spdk_histogram_get_bucket(h, range, index))++;
}

/* Sets all counters to 0. */
static inline void
spdk_histogram_data_reset(struct spdk_histogram_data *histogram)
{
	memset(histogram->bucket, 0, SPDK_HISTOGRAM_NUM_BUCKETS(histogram) * sizeof(uint64_t));
}

/* Counts a value. */
static inline void
spdk_histogram_data_tally(struct spdk_histogram_data *histogram, uint64_t datapoint)
{
	uint32_t range = __spdk_histogram_data_get_bucket_range(histogram, datapoint);

	__spdk_histogram_increment(
		histogram, range, __spdk_histogram_data_get_bucket_index(histogram, datapoint, range));
}

/*
 * Called for a bucket: its values are from start to below end (0 at the very end), count of total were counted in it,
 * so_far in it and those before it.
 */
typedef void (*spdk_histogram_data_fn)(
	void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far);

/* Calls fn for every bucket, lowest first, also for empty ones. */
static inline void
spdk_histogram_data_iterate(const struct spdk_histogram_data *histogram, spdk_histogram_data_fn fn, void *ctx)
{
	uint64_t total = 0, so_far = 0;
	uint64_t i;

	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(histogram); i++) {
		total += histogram->bucket[i];
	}
	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(histogram); i++) {
		uint32_t range = histogram->min_range + (uint32_t)(i >> SPDK_HISTOGRAM_GRANULARITY(histogram));
		uint32_t index = (uint32_t)(i & SPDK_HISTOGRAM_BUCKET_MASK(histogram));
		uint64_t start = __spdk_histogram_data_get_bucket_start(histogram, range, index);
		uint64_t width = (uint64_t)1 << (range > 0 ? range - 1 : 0);

		so_far += histogram->bucket[i];
		fn(ctx, start, start + width, histogram->bucket[i], total, so_far);
	}
}

/* Adds src's counters to dst's. Returns 0; -EINVAL if they have not the same buckets. */
static inline int
spdk_histogram_data_merge(const struct spdk_histogram_data *dst, const struct spdk_histogram_data *src)
{
	uint64_t i;

	if (dst->granularity != src->granularity || dst->min_range != src->min_range ||
		dst->max_range != src->max_range) {
		return -EINVAL;
	}
	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(dst); i++) {
		dst->bucket[i] += src->bucket[i];
	}
	return 0;
}

/*
 * Makes a histogram that keeps the ranges from that of min_val to that of max_val. Returns NULL if min_val is not
 * below max_val, if granularity is not from 1 to 24, or if memory is short.
 */
static inline struct spdk_histogram_data *
spdk_histogram_data_alloc_sized_ext(uint32_t granularity, uint64_t min_val, uint64_t max_val)
{
	struct spdk_histogram_data *h;

	if (min_val >= max_val || granularity < 1 || granularity > 24) {
		return NULL;
	}
	h = (struct spdk_histogram_data *)calloc(1, sizeof(*h));
	if (h == NULL) {
		return NULL;
	}
	h->granularity = granularity;
	h->min_range = __spdk_histogram_data_get_bucket_range(h, min_val);
	h->max_range = __spdk_histogram_data_get_bucket_range(h, max_val);
	h->bucket = (uint64_t *)calloc(SPDK_HISTOGRAM_NUM_BUCKETS(h), sizeof(uint64_t));
	if (h->bucket == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

/* The same for all values; and with the usual granularity. */
static inline struct spdk_histogram_data *
spdk_histogram_data_alloc_sized(uint32_t granularity)
{
	return spdk_histogram_data_alloc_sized_ext(granularity, 0, UINT64_MAX);
}

static inline struct spdk_histogram_data *
spdk_histogram_data_alloc(void)
{
	return spdk_histogram_data_alloc_sized(SPDK_HISTOGRAM_GRANULARITY_DEFAULT);
}

/* h may be NULL. */
static inline void
spdk_histogram_data_free(struct spdk_histogram_data *h)
{
	if (h != NULL) {
		free(h->bucket);
		free(h);
	}
}

#ifdef __cplusplus
}
#endif

#endif /* SPDK_HISTOGRAM_DATA_H */
