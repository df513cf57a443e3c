/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What bdevkit adds to spdk/thread.h so that a reactor can sleep while nothing happens, and be awake at once
 * when something does.
 */

#ifndef BDEVKIT_THREAD_H
#define BDEVKIT_THREAD_H

#include "spdk/thread.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * States that the poller has nothing to do until fd becomes readable, so that its reactor may sleep until then.
 * While the reactor is awake the poller runs in every iteration as any other; it need not drain fd: only a new
 * event on it (edge-triggered) ends a sleep. A poller that leaves work behind must report itself busy.
 *
 * Call it on the poller's thread. fd stays the caller's and must stay open until the poller is unregistered or
 * until the call is made again; fd -1 takes the statement back.
 *
 * Returns 0 or a negative errno (of epoll_ctl, -ENOMEM, or -EEXIST if fd is registered on the thread already).
 */
int bdk_poller_set_wakeup_fd(struct spdk_poller *poller, int fd);

/*
 * Makes a timed poller due at that tick instead of after its period; UINT64_MAX: not before this is called again. What it
 * was due at before is forgotten. Called inside the poller's own function it holds for the time after that returns;
 * in the next pass at the earliest; without it the poller is then due after its period. A paused poller is resumed.
 *
 * It needs no memory and is cheap: one poller can be the timer of things that each have their own time. On its thread
 * only, and only for pollers with a period.
 */
void bdk_poller_set_due(struct spdk_poller *poller, uint64_t due);

/*
 * Names the counter of I/Os that this thread has outstanding. While it is not zero, pollers of the thread that have
 * no file descriptor are polled without pause. The counter is written and read only on this thread. NULL removes it.
 */
void bdk_thread_set_io_counter(struct spdk_thread *thread, const uint64_t *outstanding);

/*
 * As spdk_thread_create(), but the framework (reactors, say) is not told: the caller polls the thread, with
 * spdk_thread_poll() from one system thread at a time, and destroys it with spdk_thread_destroy() when it is exited. NULL:
 * no memory. Any system thread.
 */
struct spdk_thread *bdk_thread_create_unscheduled(const char *name);

/*
 * As spdk_io_device_register(), and says whether it has worked: 0, -EINVAL outside SPDK threads, -EEXIST if io_device is
 * registered already, -ENOMEM.
 */
int bdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb, spdk_io_channel_destroy_cb destroy_cb,
	uint32_t ctx_size, const char *name);

/*
 * Names a function that says whether a channel that nobody has any more must live on, because of something that uses it
 * and will end by itself. It gets the context of the channel, on its thread, when it is about to be destroyed, and again
 * every millisecond until it returns false or somebody gets the channel again. busy_cb is called before destroy_cb, and
 * not before a channel exists. To be called before the first channel is got.
 */
void bdk_io_device_set_busy_cb(void *io_device, bool (*busy_cb)(void *ctx));

/*
 * Lowers what somebody wants to ask spdk_iobuf_channel_init() for to what the pools can spare: a quarter of each, shared
 * by all cores. With small pools or many cores, caches as large as one would like leave nothing for the last ones, whose
 * channels then fail.
 */
void bdk_iobuf_fit_caches(uint32_t *small_cache_size, uint32_t *large_cache_size);

/* Does any thread wait for a buffer of spdk_iobuf_get() at this moment? Any thread may ask. */
bool bdk_iobuf_has_waiters(void);

/*
 * A message in memory of its sender, for what must not fail for want of memory. Sending fills it in; from then on until
 * its function is called it may neither be sent again nor freed. The function may do both. If its receiver is
 * destroyed before, it is dropped.
 */
struct bdk_msg {
	void *opaque[4];
};

/* 0, or -EIO if the thread is exited. Any system thread; the receiver must not be destroyed meanwhile. */
int bdk_msg_send(struct spdk_thread *thread, struct bdk_msg *msg, spdk_msg_fn fn, void *arg);

/* The same for a receiver that may be destroyed at any time: -EIO then, too. thread_id of spdk_thread_get_id(). */
int bdk_msg_send_to_id(uint64_t thread_id, struct bdk_msg *msg, spdk_msg_fn fn, void *arg);

/* Memory for a walk over the channels of an io_device, in use until the walk's last function is called. */
struct bdk_channel_walk {
	void *opaque[16];
};

/* As spdk_for_each_channel(), in memory of the caller, so that it does not fail for want of it. SPDK threads only. */
void bdk_for_each_channel(
	struct bdk_channel_walk *walk, void *io_device, spdk_channel_msg fn, void *ctx, spdk_channel_for_each_cpl cpl);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_THREAD_H */
