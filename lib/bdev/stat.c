/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Statistics. Each channel counts for itself; a bdev adds up its channels when it is asked.
 */

#include "lib/bdev/bdev_internal.h"

void
bdev_stat_init(struct bdev_stat *stat)
{
	size_t i;

	memset(stat, 0, sizeof(*stat));
	for (i = 0; i < SPDK_COUNTOF(stat->counters); i++) {
		stat->counters[i].min_latency = UINT64_MAX;
	}
}

void
bdev_stat_add(struct bdev_stat *total, const struct bdev_stat *add)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(total->counters); i++) {
		struct bdev_counters *to = &total->counters[i];
		const struct bdev_counters *from = &add->counters[i];

		to->ops += from->ops;
		to->blocks += from->blocks;
		to->latency += from->latency;
		to->max_latency = spdk_max(to->max_latency, from->max_latency);
		to->min_latency = spdk_min(to->min_latency, from->min_latency);
	}
}

void
bdev_stat_count_error(struct bdev_state *state, enum spdk_bdev_io_status status)
{
	__atomic_fetch_add(&state->stat.errors[-status - 1], 1, __ATOMIC_RELAXED);
}

int
bdev_state_io_init(struct bdev_state *state)
{
	bdev_stat_init(&state->stat);
	TAILQ_INIT(&state->queued_resets);
	return 0;
}

void
bdev_state_io_fini(struct bdev_state *state)
{
}
