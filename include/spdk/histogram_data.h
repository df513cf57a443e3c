/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_HISTOGRAM_DATA_H
#define SPDK_HISTOGRAM_DATA_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* macro SPDK_HISTOGRAM_BUCKET_LSB(h) */
/* macro SPDK_HISTOGRAM_BUCKET_MASK(h) */
/* macro SPDK_HISTOGRAM_GRANULARITY(h) */
#define SPDK_HISTOGRAM_GRANULARITY_DEFAULT 7
/* macro SPDK_HISTOGRAM_NUM_BUCKETS(h) */
/* macro SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE(h) */
/* macro SPDK_HISTOGRAM_NUM_BUCKET_RANGES(h) */

struct spdk_histogram_data;

typedef void (*spdk_histogram_data_fn)(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total, uint64_t so_far);

struct spdk_histogram_data {
	uint32_t granularity;
	uint32_t min_range;
	uint32_t max_range;
	uint64_t *bucket;
};

/* inline: uint32_t __spdk_histogram_data_get_bucket_index(struct spdk_histogram_data *h, uint64_t datapoint, uint32_t range); */
/* inline: uint32_t __spdk_histogram_data_get_bucket_range(struct spdk_histogram_data *h, uint64_t datapoint); */
/* inline: uint64_t __spdk_histogram_data_get_bucket_start(const struct spdk_histogram_data *h, uint32_t range, uint32_t index); */
/* inline: uint64_t *__spdk_histogram_get_bucket(const struct spdk_histogram_data *h, uint32_t range, uint32_t index); */
/* inline: uint64_t __spdk_histogram_get_count(const struct spdk_histogram_data *h, uint32_t range, uint32_t index); */
/* inline: void __spdk_histogram_increment(struct spdk_histogram_data *h, uint32_t range, uint32_t index); */
/* inline: struct spdk_histogram_data *spdk_histogram_data_alloc(void); */
/* inline: struct spdk_histogram_data *spdk_histogram_data_alloc_sized(uint32_t granularity); */
/* inline: struct spdk_histogram_data *spdk_histogram_data_alloc_sized_ext(uint32_t granularity, uint64_t min_val, uint64_t max_val); */
/* inline: void spdk_histogram_data_free(struct spdk_histogram_data *h); */
/* inline: void spdk_histogram_data_iterate(const struct spdk_histogram_data *histogram, spdk_histogram_data_fn fn, void *ctx); */
/* inline: int spdk_histogram_data_merge(const struct spdk_histogram_data *dst, const struct spdk_histogram_data *src); */
/* inline: void spdk_histogram_data_reset(struct spdk_histogram_data *histogram); */
/* inline: void spdk_histogram_data_tally(struct spdk_histogram_data *histogram, uint64_t datapoint); */

#ifdef __cplusplus
}
#endif

#endif /* SPDK_HISTOGRAM_DATA_H */
