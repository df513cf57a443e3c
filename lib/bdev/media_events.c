/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Media events: what a bdev has found out about its medium, for the one who writes to it.
 *
 * They wait in a ring of the descriptor, under the bdev's lock, as a module may report them on any thread.
 */

#include "lib/bdev/bdev_internal.h"

#define MAX_PENDING 64

struct bdev_media_events {
	/* Place of the oldest. */
	uint32_t first;
	uint32_t count;
	struct spdk_bdev_media_event ring[MAX_PENDING];
};

struct bdev_media_events *
bdev_media_events_alloc(void)
{
	return calloc(1, sizeof(struct bdev_media_events));
}

static struct spdk_bdev_desc *
first_writer(struct bdev_state *state)
{
	struct spdk_bdev_desc *desc;

	TAILQ_FOREACH (desc, &state->descs, link) {
		if (desc->write && !desc->internal) {
			return desc;
		}
	}
	return NULL;
}

int
spdk_bdev_push_media_events(struct spdk_bdev *bdev, const struct spdk_bdev_media_event *events, size_t num_events)
{
	struct bdev_state *state = bdev_state(bdev);
	struct bdev_media_events *pending;
	struct spdk_bdev_desc *desc;
	size_t i;

	if (state == NULL) {
		return -ENODEV;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	desc = first_writer(state);
	if (desc == NULL || desc->media_events == NULL) {
		return -ENODEV;
	}
	pending = desc->media_events;
	for (i = 0; i < num_events && pending->count < MAX_PENDING; i++) {
		pending->ring[(pending->first + pending->count) % MAX_PENDING] = events[i];
		pending->count++;
	}
	return i;
}

void
spdk_bdev_notify_media_management(struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);
	struct spdk_bdev_desc *desc;

	if (state == NULL) {
		return;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	TAILQ_FOREACH (desc, &state->descs, link) {
		if (desc->media_events != NULL && desc->media_events->count > 0) {
			bdev_desc_send_event_locked(desc, SPDK_BDEV_EVENT_MEDIA_MANAGEMENT);
		}
	}
}

size_t
spdk_bdev_get_media_events(struct spdk_bdev_desc *desc, struct spdk_bdev_media_event *events, size_t max_events)
{
	struct bdev_state *state = bdev_state(desc->bdev);
	struct bdev_media_events *pending = desc->media_events;
	size_t i;

	if (pending == NULL) {
		return 0;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	for (i = 0; i < max_events && pending->count > 0; i++) {
		events[i] = pending->ring[pending->first];
		pending->first = (pending->first + 1) % MAX_PENDING;
		pending->count--;
	}
	return i;
}
