/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What can be asked about the insides of a thread, for listings. To be called on the thread in question, unless
 * something else is said.
 */

#ifndef SPDK_INTERNAL_THREAD_H
#define SPDK_INTERNAL_THREAD_H

#include "spdk/stdinc.h"
#include "spdk/thread.h"

#ifdef __cplusplus
extern "C" {
#endif

struct io_device;

struct spdk_poller_stats {
	/* Times that its function was called, and times that it reported to be busy. */
	uint64_t run_count;
	uint64_t busy_count;
};

/* ---- Pollers ---- */

const char *spdk_poller_get_name(struct spdk_poller *poller);

/* Unique within its thread. */
uint64_t spdk_poller_get_id(struct spdk_poller *poller);

/* "waiting", "running", "unregistered", "pausing" or "paused". */
const char *spdk_poller_get_state_str(struct spdk_poller *poller);

/* 0 for an active poller. */
uint64_t spdk_poller_get_period_ticks(struct spdk_poller *poller);

void spdk_poller_get_stats(struct spdk_poller *poller, struct spdk_poller_stats *stats);

/*
 * Active ones in the order of registration, timed ones by due time, paused ones in the order in which they were
 * paused.
 */
struct spdk_poller *spdk_thread_get_first_active_poller(struct spdk_thread *thread);
struct spdk_poller *spdk_thread_get_next_active_poller(struct spdk_poller *prev);
struct spdk_poller *spdk_thread_get_first_timed_poller(struct spdk_thread *thread);
struct spdk_poller *spdk_thread_get_next_timed_poller(struct spdk_poller *prev);
struct spdk_poller *spdk_thread_get_first_paused_poller(struct spdk_thread *thread);
struct spdk_poller *spdk_thread_get_next_paused_poller(struct spdk_poller *prev);

/* ---- Channels ---- */

struct spdk_io_channel *spdk_thread_get_first_io_channel(struct spdk_thread *thread);
struct spdk_io_channel *spdk_thread_get_next_io_channel(struct spdk_io_channel *prev);

/* How many users the channel has. */
int spdk_io_channel_get_ref_count(struct spdk_io_channel *ch);

/* The name of its device. */
const char *spdk_io_channel_get_io_device_name(struct spdk_io_channel *ch);

/* The name of a device object, on any thread. */
const char *spdk_io_device_get_name(struct io_device *dev);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_INTERNAL_THREAD_H */
