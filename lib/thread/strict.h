/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Strict mode of the thread library: callbacks that hold their thread, and channels that are not put. It holds for
 * threads that are created, and channels that are got first, after it was enabled.
 */

#ifndef THREAD_STRICT_H
#define THREAD_STRICT_H

#include "lib/strict/strict_internal.h"
#include "lib/thread/thread_internal.h"

/* Who has got a channel; lies before it in memory, if it has_notes. */
#define CHANNEL_NOTES_PLACES 4

struct channel_notes {
	struct {
		/* An address that tells callers apart; the stack says who they are. */
		const void *caller;
		uint64_t count;
		struct strict_stack stack;
	} places[CHANNEL_NOTES_PLACES];
	uint64_t gets;
	uint64_t puts;
	/* Another channel needs it: that one is put, or not. */
	bool inner;
} __attribute__((aligned(16)));

static inline struct channel_notes *
thread_channel_notes(struct spdk_io_channel *ch)
{
	return ch->has_notes ? (struct channel_notes *)ch - 1 : NULL;
}

/* A pass of a thread that is strict. */
int thread_strict_pass(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now);
/* Instead of a poller's function, with the poller. */
int thread_strict_poller_cb(void *arg);

/* A channel was got from there; created: for the first time. */
void thread_strict_channel_got(struct spdk_io_channel *ch, const void *caller, bool created);

/* Around the create callback of a channel. */
void thread_strict_create_begin(void);
void thread_strict_create_end(void);

/* It is there when the library ends. */
void thread_strict_report_device(const struct io_device *dev);

/* The thread is exited by force and has channels. */
void thread_strict_report_channels(struct spdk_thread *thread);

#endif /* THREAD_STRICT_H */
