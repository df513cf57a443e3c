/* SPDX-License-Identifier: BSD-3-Clause */

/* What the two files of delay share. */

#ifndef MODULE_BDEV_DELAY_INTERNAL_H
#define MODULE_BDEV_DELAY_INTERNAL_H

#include "module/bdev/delay/vbdev_delay.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"

#include <stdatomic.h>

/* Why nothing is delayed at present; bits of delay_bdev.undelayed. */
#define DELAY_LEAVING 1u
#define DELAY_RESETTING 2u

struct delay_bdev {
	struct bdk_vbdev vbdev;

	/* Application thread only. */
	uint64_t latency_us[DELAY_NUM_LATENCIES];
	/* The same in ticks, for the threads of the channels. */
	_Atomic uint64_t latency[DELAY_NUM_LATENCIES];
	_Atomic uint32_t undelayed;

	/* One reset runs at a time, and it leaves once. */
	struct bdk_channel_walk reset_walk;
	struct bdk_channel_walk leave_walk;
};

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. */
struct delay_io {
	/* In delay_channel.waiting[which], if it waits. */
	TAILQ_ENTRY(delay_io) link;
	bool is_waiting;
	enum delay_latency which;
	/* Tick at which its time is up. */
	uint64_t due;
	/* The I/O of the base, if there is more to say of it than that it has succeeded. */
	struct spdk_bdev_io *base_io;
};

TAILQ_HEAD(delay_io_list, delay_io);

struct delay_channel {
	struct bdk_vbdev_channel vbdev;
	struct bdk_bdev_base base;
	struct delay_bdev *delay;
	/* In the order in which the base has completed them, which is that in which they end. */
	struct delay_io_list waiting[DELAY_NUM_LATENCIES];
	/* Runs when time is up for the first of one of them. UINT64_MAX: nothing waits. */
	struct spdk_poller *timer;
	uint64_t timer_due;
	uint64_t random;
};

/* For the kind. */
int delay_channel_create(struct bdk_vbdev *vbdev, void *ctx);
void delay_channel_destroy(struct bdk_vbdev *vbdev, void *ctx);

/* For the table of functions. */
void delay_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);

/* Keeps a latency, in microseconds. */
void delay_io_set_latency(struct delay_bdev *delay, enum delay_latency which, uint64_t latency_us);

/* The bdev is to go: ends all I/O that waits, and delays none any more. */
void delay_io_leave(struct bdk_vbdev *vbdev);

#endif /* MODULE_BDEV_DELAY_INTERNAL_H */
