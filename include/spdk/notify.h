/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_NOTIFY_H
#define SPDK_NOTIFY_H

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_NOTIFY_MAX_CTX_SIZE 128
#define SPDK_NOTIFY_MAX_NAME_SIZE 128

struct spdk_notify_event;
struct spdk_notify_type;

typedef int (*spdk_notify_foreach_event_cb)(uint64_t idx, const struct spdk_notify_event *event, void *ctx);
typedef int (*spdk_notify_foreach_type_cb)(const struct spdk_notify_type *type, void *ctx);

struct spdk_notify_event {
	char type[128];
	char ctx[128];
};

uint64_t spdk_notify_foreach_event(uint64_t start_idx, uint64_t max, spdk_notify_foreach_event_cb cb_fn, void *ctx);
void spdk_notify_foreach_type(spdk_notify_foreach_type_cb cb_fn, void *ctx);
uint64_t spdk_notify_send(const char *type, const char *ctx);
const char *spdk_notify_type_get_name(const struct spdk_notify_type *type);
struct spdk_notify_type *spdk_notify_type_register(const char *type);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NOTIFY_H */
