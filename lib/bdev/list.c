/* SPDX-License-Identifier: BSD-3-Clause */

/* Walking the list of bdevs. */

#include "lib/bdev/strict.h"
#include "lib/thread/thread_host.h"

static bool
is_claimed(struct bdev_state *state)
{
	bool claimed;

	env_mutex_lock(&state->lock);
	claimed = state->claim_type != SPDK_BDEV_CLAIM_NONE;
	env_mutex_unlock(&state->lock);
	return claimed;
}

/* The one after prev, or the first one if that is NULL; NULL at the end, or if prev has left the list. */
static struct bdev_state *
next_state(struct spdk_bdev *prev)
{
	struct bdev_state *state;

	if (prev == NULL) {
		return TAILQ_FIRST(&g_bdev_manager.bdevs);
	}
	state = bdev_state(prev);
	return state == NULL || state->detached ? NULL : TAILQ_NEXT(state, link);
}

static struct spdk_bdev *
next_bdev(struct spdk_bdev *prev, bool leaf)
{
	struct bdev_state *state;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	state = next_state(prev);
	while (state != NULL && leaf && is_claimed(state)) {
		state = TAILQ_NEXT(state, link);
	}
	return state == NULL ? NULL : state->bdev;
}

struct spdk_bdev *
spdk_bdev_first(void)
{
	return next_bdev(NULL, false);
}

struct spdk_bdev *
spdk_bdev_next(struct spdk_bdev *prev)
{
	return next_bdev(prev, false);
}

struct spdk_bdev *
spdk_bdev_first_leaf(void)
{
	return next_bdev(NULL, true);
}

struct spdk_bdev *
spdk_bdev_next_leaf(struct spdk_bdev *prev)
{
	return next_bdev(prev, true);
}

/* Attaches desc to the first bdev after prev that is not on its way out; false if there is none. */
static bool
attach_next(struct spdk_bdev_desc *desc, struct spdk_bdev *prev, bool leaf)
{
	struct bdev_state *state;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	state = next_state(prev);
	while (state != NULL && ((leaf && is_claimed(state)) || bdev_desc_attach(desc, state) != 0)) {
		state = TAILQ_NEXT(state, link);
	}
	return state != NULL;
}

static int
for_each_bdev(void *ctx, spdk_for_each_bdev_fn fn, bool leaf)
{
	struct spdk_bdev_desc *desc, *prev = NULL;
	int rc = 0;

	if (spdk_get_thread() == NULL) {
		return -ENOTSUP;
	}
	/* The descriptor on a bdev keeps its place in the list until the next one is held. */
	for (;;) {
		desc = bdev_desc_alloc_internal();
		if (desc == NULL) {
			rc = -ENOMEM;
		} else if (!attach_next(desc, prev == NULL ? NULL : prev->bdev, leaf)) {
			free(desc);
			desc = NULL;
		}
		if (prev != NULL) {
			spdk_bdev_close(prev);
		}
		if (desc == NULL) {
			return rc;
		}
		rc = fn(ctx, desc->bdev);
		if (rc != 0) {
			spdk_bdev_close(desc);
			return rc;
		}
		prev = desc;
	}
}

int
spdk_for_each_bdev(void *ctx, spdk_for_each_bdev_fn fn)
{
	return for_each_bdev(ctx, fn, false);
}

int
spdk_for_each_bdev_leaf(void *ctx, spdk_for_each_bdev_fn fn)
{
	return for_each_bdev(ctx, fn, true);
}

void
bdev_list_log_leaving(void)
{
	struct bdev_state *state;
	struct spdk_bdev_desc *desc;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (state, &g_bdev_manager.bdevs, link) {
		ENV_MUTEX_SCOPE(&state->lock);
		if (state->reset_in_progress != NULL) {
			SPDK_NOTICELOG("shutdown waits for bdev %s: a reset is running\n", state->bdev->name);
		}
		TAILQ_FOREACH (desc, &state->descs, link) {
			if (state->status == SPDK_BDEV_STATUS_REMOVING) {
				SPDK_NOTICELOG("shutdown waits for bdev %s: it is open on thread %s\n",
					state->bdev->name, desc->thread_name);
				bdev_strict_report_open(desc);
			}
		}
	}
	/* What these stand for may be freed by now. */
	if (!TAILQ_EMPTY(&g_bdev_manager.destructing)) {
		SPDK_NOTICELOG("shutdown waits for channels of bdevs to be put, or for modules to destruct bdevs\n");
		thread_strict_report_kept_devices();
	}
}
