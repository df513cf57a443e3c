/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Notifications: a short history of what happened, for clients of the RPC server that ask for it from time to time.
 * All functions may be called on any system thread.
 */

#ifndef SPDK_NOTIFY_H
#define SPDK_NOTIFY_H

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes in bytes, the terminating zero included. */
#define SPDK_NOTIFY_MAX_NAME_SIZE 128
#define SPDK_NOTIFY_MAX_CTX_SIZE 128

struct spdk_notify_type;

/* What has happened, and to what. */
struct spdk_notify_event {
	/* What happened, for example "bdev_register". */
	char type[SPDK_NOTIFY_MAX_NAME_SIZE];
	/* To what, for example the name of the bdev. */
	char ctx[SPDK_NOTIFY_MAX_CTX_SIZE];
};

/* Non-zero ends the walk. It must not call into this header: a lock is held. */
typedef int (*spdk_notify_foreach_type_cb)(const struct spdk_notify_type *type, void *ctx);

/* idx is the event's id. Non-zero ends the walk. It must not call into this header: a lock is held. */
typedef int (*spdk_notify_foreach_event_cb)(uint64_t idx, const struct spdk_notify_event *event, void *ctx);

/*
 * Announces a type of event, so that clients can list it; events of other types may be sent all the same. Types are
 * never removed.
 *
 * type is copied; 1 to 127 bytes. Returns the type, the present one if it was registered before, or NULL if the name
 * is bad or memory is short.
 */
struct spdk_notify_type *spdk_notify_type_register(const char *type);

/* Valid as long as the process. */
const char *spdk_notify_type_get_name(const struct spdk_notify_type *type);

/* Visits the types in the order of their registration. cb_fn runs within the call. */
void spdk_notify_foreach_type(spdk_notify_foreach_type_cb cb_fn, void *ctx);

/*
 * Records an event; of both texts at most 127 bytes are kept. Returns its id; ids count from 0. The newest 1024
 * events are kept.
 */
uint64_t spdk_notify_send(const char *type, const char *ctx);

/*
 * Visits at most max events in the order of their ids, from start_idx on or from the oldest that is kept. cb_fn runs
 * within the call. Returns how many were visited, without the one on which cb_fn ended the walk.
 */
uint64_t spdk_notify_foreach_event(uint64_t start_idx, uint64_t max, spdk_notify_foreach_event_cb cb_fn, void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NOTIFY_H */
