/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * delay: a bdev on top of another one, its base, whose reads and writes take longer: the time of the base, and a latency
 * that is the average one, or for one I/O in a hundred, at random, the 99th percentile.
 */

#ifndef MODULE_BDEV_DELAY_H
#define MODULE_BDEV_DELAY_H

#include "bdevkit/vbdev.h"

enum delay_latency {
	DELAY_AVG_READ,
	DELAY_P99_READ,
	DELAY_AVG_WRITE,
	DELAY_P99_WRITE,
	DELAY_NUM_LATENCIES,
};

/*
 * latency_us: microseconds, by enum delay_latency. As bdk_vbdev_create() says; also -EINVAL for a percentile below its average.
 */
int vbdev_delay_create(
	const struct bdk_vbdev_opts *opts, const uint64_t latency_us[DELAY_NUM_LATENCIES], const char **why);

/*
 * Sets one latency, for what the base completes from now on. I/O of the same kind keeps its order: what waits already
 * waits out its time, and nothing of its kind overtakes it. An average may exceed its percentile. Application thread only.
 *
 * Returns 0 or -ENODEV.
 */
int vbdev_delay_update_latency(const char *name, enum delay_latency which, uint64_t latency_us);

/* As bdk_vbdev_delete() says. I/O that waits ends at once. */
int vbdev_delay_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_DELAY_H */
