/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Queue depth: how many I/Os are inside the module, once and over time.
 *
 * A bdev that is sampled is held open by a descriptor of its own, whose thread does the sampling. Others only leave word
 * of the period that they want; that thread takes it over, never while a sample is being taken.
 */

#include "lib/bdev/io_internal.h"

/* ---- once ---- */

struct depth_walk {
	struct spdk_bdev_channel_iter iter;
	uint64_t depth;
	spdk_bdev_get_current_qd_cb cb_fn;
	void *cb_arg;
};

static void
add_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	uint64_t *depth = ctx;

	*depth += ch->outstanding;
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
added_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct depth_walk *walk = SPDK_CONTAINEROF(ctx, struct depth_walk, depth);

	walk->cb_fn(bdev, walk->depth, walk->cb_arg, status);
	free(walk);
}

void
spdk_bdev_get_current_qd(struct spdk_bdev *bdev, spdk_bdev_get_current_qd_cb cb_fn, void *cb_arg)
{
	struct depth_walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		cb_fn(bdev, 0, cb_arg, -ENOMEM);
		return;
	}
	walk->cb_fn = cb_fn;
	walk->cb_arg = cb_arg;
	bdev_for_each_channel(&walk->iter, bdev, add_channel_cb, &walk->depth, added_cb);
}

/* ---- over time: on the thread that samples ---- */

static int sample(void *ctx);

/*
 * Takes over the period that is wanted. Returns the descriptor if sampling is over: to be closed, after which the state
 * may be gone.
 */
static struct spdk_bdev_desc *
take_over(struct bdev_state *state)
{
	struct bdev_sampling *sampling = &state->sampling;
	struct spdk_bdev_desc *desc = NULL;

	ENV_MUTEX_SCOPE(&state->lock);
	if (sampling->walking) {
		return NULL;
	}
	if (sampling->wanted == sampling->period && sampling->poller != NULL) {
		return NULL;
	}
	spdk_poller_unregister(&sampling->poller);
	if (sampling->wanted != 0) {
		sampling->poller = SPDK_POLLER_REGISTER(sample, state, sampling->wanted);
		if (sampling->poller == NULL) {
			SPDK_ERRLOG("bdev %s: no memory to sample its queue depth\n", state->bdev->name);
			sampling->wanted = 0;
		}
	}
	sampling->period = sampling->wanted;
	if (sampling->period == 0) {
		sampling->depth = UINT64_MAX;
		desc = sampling->desc;
		/* Word of a further change is on its way: it will find this to do. */
		if (sampling->told) {
			return NULL;
		}
		sampling->desc = NULL;
	}
	return desc;
}

static void
apply(struct bdev_state *state)
{
	struct spdk_bdev_desc *desc = take_over(state);

	if (desc != NULL) {
		spdk_bdev_close(desc);
	}
}

static void
told_cb(void *ctx)
{
	struct bdev_state *state = ctx;

	env_mutex_lock(&state->lock);
	state->sampling.told = false;
	env_mutex_unlock(&state->lock);
	apply(state);
}

static void
sampled_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct bdev_sampling *sampling = SPDK_CONTAINEROF(ctx, struct bdev_sampling, sum);
	struct bdev_state *state = SPDK_CONTAINEROF(sampling, struct bdev_state, sampling);

	env_mutex_lock(&state->lock);
	sampling->walking = false;
	sampling->depth = sampling->sum;
	if (sampling->sum > 0) {
		sampling->io_time += sampling->period;
		sampling->weighted_io_time += sampling->period * sampling->sum;
	}
	env_mutex_unlock(&state->lock);
	apply(state);
}

static int
sample(void *ctx)
{
	struct bdev_state *state = ctx;
	struct bdev_sampling *sampling = &state->sampling;
	bool busy;

	env_mutex_lock(&state->lock);
	busy = sampling->walking;
	sampling->walking = true;
	env_mutex_unlock(&state->lock);
	if (busy) {
		return SPDK_POLLER_IDLE;
	}
	sampling->sum = 0;
	bdev_for_each_channel(&sampling->walk, state->bdev, add_channel_cb, &sampling->sum, sampled_cb);
	return SPDK_POLLER_BUSY;
}

/* ---- over time: on any thread ---- */

/* Forgets a thread that has exited without having ended what it did; what it held is to be closed. */
static struct spdk_bdev_desc *
take_orphan(struct bdev_state *state)
{
	struct bdev_sampling *sampling = &state->sampling;
	struct spdk_bdev_desc *desc = sampling->desc;

	SPDK_ERRLOG("bdev %s: thread %s, which sampled its queue depth, has exited\n", state->bdev->name,
		desc->thread_name);
	sampling->desc = NULL;
	sampling->poller = NULL;
	sampling->walking = false;
	sampling->period = 0;
	sampling->depth = UINT64_MAX;
	return desc;
}

/* Leaves word of the period with the thread that samples. False: there is none. */
static bool
tell(struct bdev_state *state, uint64_t period)
{
	struct bdev_sampling *sampling = &state->sampling;
	struct spdk_bdev_desc *orphan = NULL;
	bool told;

	env_mutex_lock(&state->lock);
	told = sampling->desc != NULL;
	/* While the bdev is leaving, nothing can keep it. */
	sampling->wanted = state->status == SPDK_BDEV_STATUS_READY ? period : 0;
	if (told && !sampling->told) {
		sampling->told = bdk_msg_send_to_id(sampling->desc->thread_id, &sampling->msg, told_cb, state) == 0;
		if (!sampling->told) {
			orphan = take_orphan(state);
			told = false;
		}
	}
	env_mutex_unlock(&state->lock);
	if (orphan != NULL) {
		spdk_bdev_close(orphan);
	}
	return told;
}

/* Makes desc, which is attached, the one that samples. 0, or -EEXIST if another thread was faster, or -ENODEV. */
static int
install(struct bdev_state *state, struct spdk_bdev_desc *desc, uint64_t period)
{
	ENV_MUTEX_SCOPE(&state->lock);
	if (state->status != SPDK_BDEV_STATUS_READY) {
		/* Its unregistration would not end this any more. */
		return -ENODEV;
	}
	if (state->sampling.desc != NULL) {
		return -EEXIST;
	}
	state->sampling.desc = desc;
	state->sampling.wanted = period;
	return 0;
}

static int
start(struct bdev_state *state, uint64_t period)
{
	struct spdk_bdev_desc *desc;
	int rc;

	desc = bdev_desc_alloc_internal();
	if (desc == NULL) {
		return -ENOMEM;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	rc = bdev_desc_attach(desc, state);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (rc != 0) {
		free(desc);
		return rc;
	}
	rc = install(state, desc, period);
	if (rc == 0) {
		apply(state);
		return 0;
	}
	if (rc == -EEXIST) {
		tell(state, period);
		rc = 0;
	}
	spdk_bdev_close(desc);
	return rc;
}

void
spdk_bdev_set_qd_sampling_period(struct spdk_bdev *bdev, uint64_t period)
{
	struct bdev_state *state = bdev_state(bdev);
	int rc;

	if (spdk_get_thread() == NULL) {
		SPDK_ERRLOG("bdev %s: the queue depth is sampled on an SPDK thread\n", bdev->name);
		return;
	}
	if (tell(state, period) || period == 0) {
		return;
	}
	rc = start(state, period);
	if (rc != 0) {
		SPDK_ERRLOG("bdev %s: the queue depth cannot be sampled: %s\n", bdev->name, spdk_strerror(-rc));
	}
}

void
bdev_sampling_end(struct bdev_state *state)
{
	tell(state, 0);
}

/* ---- questions ---- */

#define GET(field) \
	struct bdev_state *state = bdev_state(bdev); \
	ENV_MUTEX_SCOPE(&state->lock); \
	return state->sampling.field;

uint64_t
spdk_bdev_get_qd_sampling_period(const struct spdk_bdev *bdev){GET(period)}

uint64_t spdk_bdev_get_qd(const struct spdk_bdev *bdev){GET(depth)}

uint64_t spdk_bdev_get_io_time(const struct spdk_bdev *bdev){GET(io_time)}

uint64_t spdk_bdev_get_weighted_io_time(const struct spdk_bdev *bdev)
{
	GET(weighted_io_time)
}
