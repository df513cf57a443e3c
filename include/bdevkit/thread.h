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
 * Names the counter of I/Os that this thread has outstanding. While it is not zero, pollers of the thread that have
 * no file descriptor are polled without pause. The counter is written and read only on this thread. NULL removes it.
 */
void bdk_thread_set_io_counter(struct spdk_thread *thread, const uint64_t *outstanding);

/*
 * As spdk_io_device_register(), and says whether it has worked: 0, -EINVAL outside SPDK threads, -EEXIST if io_device is
 * registered already, -ENOMEM.
 */
int bdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb, spdk_io_channel_destroy_cb destroy_cb,
	uint32_t ctx_size, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_THREAD_H */
