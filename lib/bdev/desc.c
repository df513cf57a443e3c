/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Descriptors, and the events that their owners get.
 *
 * A descriptor belongs to the thread that opened it: opening, closing and event callbacks all happen there. Other
 * threads only count the events that they have for it, under the bdev's lock, while it is in the bdev's list. One
 * message, which is a part of the descriptor, tells of one event at a time; so none is lost for want of memory.
 */

#include "lib/bdev/strict.h"

/* ---- events ---- */

/* The one to tell of next, REMOVE last: whoever hears of it closes. BDEV_NUM_EVENTS: there is none. */
static int
next_event(const struct spdk_bdev_desc *desc)
{
	static const enum spdk_bdev_event_type order[] = {
		SPDK_BDEV_EVENT_RESIZE, SPDK_BDEV_EVENT_MEDIA_MANAGEMENT, SPDK_BDEV_EVENT_REMOVE};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(order); i++) {
		if (desc->events[order[i]] > 0) {
			return order[i];
		}
	}
	return BDEV_NUM_EVENTS;
}

static void
free_desc(struct spdk_bdev_desc *desc)
{
	free(desc->opened_at);
	free(desc->media_events);
	free(desc);
}

static void event_msg_cb(void *ctx);

/* Lets the opener be told of the next event; state->lock is held. */
static void
send_event(struct spdk_bdev_desc *desc)
{
	if (desc->event_sent || next_event(desc) == BDEV_NUM_EVENTS) {
		return;
	}
	desc->event_sent = bdk_msg_send_to_id(desc->thread_id, &desc->event_msg, event_msg_cb, desc) == 0;
	if (!desc->event_sent) {
		memset(desc->events, 0, sizeof(desc->events));
		SPDK_ERRLOG(
			"bdev %s: its opener cannot be told of an event: thread %s has exited without having closed "
			"it\n",
			desc->bdev->name, desc->thread_name);
	}
}

static void
event_msg_cb(void *ctx)
{
	struct spdk_bdev_desc *desc = ctx;
	struct bdev_state *state;
	int type;

	if (desc->closed) {
		/* Out of the list, so that no other thread sends any more; and the bdev may be gone. */
		free_desc(desc);
		return;
	}
	state = bdev_state(desc->bdev);
	env_mutex_lock(&state->lock);
	type = next_event(desc);
	desc->events[type]--;
	desc->event_sent = false;
	send_event(desc);
	env_mutex_unlock(&state->lock);

	/* The callback may close it. */
	desc->event_cb(type, desc->bdev, desc->event_ctx);
}

void
bdev_desc_send_event_locked(struct spdk_bdev_desc *desc, enum spdk_bdev_event_type type)
{
	if (!desc->internal) {
		desc->events[type]++;
		send_event(desc);
	}
}

void
bdev_desc_post_event_locked(struct bdev_state *state, enum spdk_bdev_event_type type)
{
	struct spdk_bdev_desc *desc;

	TAILQ_FOREACH (desc, &state->descs, link) {
		bdev_desc_send_event_locked(desc, type);
	}
}

int
spdk_bdev_notify_blockcnt_change(struct spdk_bdev *bdev, uint64_t size)
{
	struct bdev_state *state = bdev_state(bdev);

	if (state == NULL) {
		bdev->blockcnt = size;
		return 0;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	if (size == bdev->blockcnt) {
		return 0;
	}
	/* Openers may rely on what they have seen. */
	if (size < bdev->blockcnt && !TAILQ_EMPTY(&state->descs)) {
		return -EBUSY;
	}
	bdev_strict_bdev_resized_locked(state, size);
	/* Those who submit I/O read it without the lock, and then what the module has prepared for it. */
	__atomic_store_n(&bdev->blockcnt, size, __ATOMIC_RELEASE);
	bdev_desc_post_event_locked(state, SPDK_BDEV_EVENT_RESIZE);
	return 0;
}

/* ---- open ---- */

void
spdk_bdev_open_opts_init(struct spdk_bdev_open_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("spdk_bdev_open_opts_init() needs a structure and its size\n");
		return;
	}
	memset(opts, 0, spdk_min(opts_size, sizeof(*opts)));
	opts->size = opts_size;
}

int
bdev_desc_attach(struct spdk_bdev_desc *desc, struct bdev_state *state)
{
	struct spdk_bdev *bdev = state->bdev;

	ENV_MUTEX_SCOPE(&state->lock);
	if (state->status != SPDK_BDEV_STATUS_READY) {
		return -ENODEV;
	}
	if (desc->write && state->claim_type != SPDK_BDEV_CLAIM_NONE) {
		SPDK_ERRLOG("bdev %s cannot be opened for writing\n", bdev->name);
		bdev_claim_log(state);
		return -EPERM;
	}
	if (desc->hide_metadata && spdk_bdev_is_md_separate(bdev)) {
		SPDK_ERRLOG("bdev %s: only metadata that lies in the blocks can be hidden\n", bdev->name);
		return -EINVAL;
	}
	if (bdev->media_events && !desc->internal) {
		desc->media_events = bdev_media_events_alloc();
		if (desc->media_events == NULL) {
			return -ENOMEM;
		}
	}
	desc->bdev = bdev;
	TAILQ_INSERT_TAIL(&state->descs, desc, link);
	return 0;
}

/* 0 outside SPDK threads. */
static uint64_t
current_thread_id(void)
{
	struct spdk_thread *thread = spdk_get_thread();

	return thread == NULL ? 0 : spdk_thread_get_id(thread);
}

static const char *
current_thread_name(void)
{
	struct spdk_thread *thread = spdk_get_thread();

	return thread == NULL ? "(none)" : spdk_thread_get_name(thread);
}

static struct spdk_bdev_desc *
alloc_desc(void)
{
	struct spdk_bdev_desc *desc = calloc(1, sizeof(*desc));
	const char *name;

	if (desc != NULL) {
		desc->thread_id = current_thread_id();
		name = current_thread_name();
		memcpy(desc->thread_name, name, strnlen(name, sizeof(desc->thread_name) - 1));
	}
	return desc;
}

struct spdk_bdev_desc *
bdev_desc_alloc_internal(void)
{
	struct spdk_bdev_desc *desc = alloc_desc();

	if (desc != NULL) {
		desc->internal = true;
	}
	return desc;
}

int
bdev_desc_open_internal(const char *bdev_name, struct spdk_bdev_desc **desc_out)
{
	struct spdk_bdev_desc *desc;
	struct bdev_state *state;
	int rc;

	if (bdev_name == NULL) {
		return -EINVAL;
	}
	if (spdk_get_thread() == NULL) {
		return -ENOTSUP;
	}
	desc = bdev_desc_alloc_internal();
	if (desc == NULL) {
		return -ENOMEM;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	state = bdev_name_find(bdev_name);
	rc = state == NULL ? -ENODEV : bdev_desc_attach(desc, state);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (rc != 0) {
		free(desc);
		return rc;
	}
	*desc_out = desc;
	return 0;
}

/* Asks the module what holds as long as the descriptor is open, so that no I/O has to. */
static void
capture(struct spdk_bdev_desc *desc)
{
	struct spdk_bdev *bdev = desc->bdev;
	int type;

	desc->block_size = spdk_bdev_desc_get_block_size(desc);
	if (desc->block_size != 0 && spdk_u32_is_pow2(desc->block_size)) {
		desc->block_shift = spdk_u32log2(desc->block_size);
	}
	if (desc->hide_metadata && bdev->md_len != 0) {
		desc->gates = BDEV_GATE_HIDDEN_METADATA;
	} else if (bdev_state(bdev)->get_strips != NULL) {
		desc->gates = BDEV_GATE_ROUTED;
	}
	desc->memory_domains_supported = spdk_bdev_get_memory_domains(bdev, NULL, 0) > 0;
	if (bdev->fn_table->accel_sequence_supported == NULL) {
		return;
	}
	for (type = SPDK_BDEV_IO_TYPE_INVALID + 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if (bdev->fn_table->accel_sequence_supported(bdev->ctxt, type)) {
			desc->accel_sequence_types |= 1ull << type;
		}
	}
}

/* *desc is set to NULL if there is such a bdev but it cannot be opened. */
static int
open_by_name(const char *bdev_name, struct spdk_bdev_desc *new_desc, struct spdk_bdev_desc **desc)
{
	struct bdev_state *state;
	int rc;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	state = bdev_name_find(bdev_name);
	if (state == NULL) {
		return -ENODEV;
	}
	if (new_desc->thread_id == 0) {
		SPDK_ERRLOG("bdev %s: bdevs are opened on an SPDK thread\n", bdev_name);
		return -ENOTSUP;
	}
	rc = bdev_desc_attach(new_desc, state);
	*desc = rc == 0 ? new_desc : NULL;
	return rc;
}

int
spdk_bdev_open_ext_v2(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
	struct spdk_bdev_open_opts *opts, struct spdk_bdev_desc **desc)
{
	struct spdk_bdev_desc *new_desc;
	int rc;

	if (bdev_name == NULL || event_cb == NULL || desc == NULL) {
		SPDK_ERRLOG("bdev %s: opening needs a name, an event callback and a place for the descriptor\n",
			bdev_name == NULL ? "(null)" : bdev_name);
		return -EINVAL;
	}
	if (opts != NULL && opts->size == 0) {
		SPDK_ERRLOG("bdev %s: the size of the open options is not set\n", bdev_name);
		return -EINVAL;
	}
	new_desc = alloc_desc();
	if (new_desc == NULL) {
		return -ENOMEM;
	}
	new_desc->write = write;
	new_desc->event_cb = event_cb;
	new_desc->event_ctx = event_ctx;
	if (opts != NULL && opts->size > offsetof(struct spdk_bdev_open_opts, hide_metadata)) {
		new_desc->hide_metadata = opts->hide_metadata;
	}

	rc = open_by_name(bdev_name, new_desc, desc);
	if (rc != 0) {
		free(new_desc);
		return rc;
	}
	capture(new_desc);
	bdev_strict_note_open(new_desc);
	return 0;
}

int
spdk_bdev_open_ext(
	const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx, struct spdk_bdev_desc **desc)
{
	return spdk_bdev_open_ext_v2(bdev_name, write, event_cb, event_ctx, NULL, desc);
}

/* ---- close ---- */

static void
close_cb(void *ctx)
{
	spdk_bdev_close(ctx);
}

/* True if the close is left to the descriptor's own thread; false if that has exited. */
static bool
pass_close_on(struct spdk_bdev_desc *desc)
{
	struct bdev_state *state = bdev_state(desc->bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	if (desc->close_sent) {
		return true;
	}
	desc->close_sent = bdk_msg_send_to_id(desc->thread_id, &desc->close_msg, close_cb, desc) == 0;
	SPDK_ERRLOG("bdev %s: a descriptor of thread %s is closed on thread %s%s\n", desc->bdev->name,
		desc->thread_name, current_thread_name(),
		desc->close_sent ? "; passed on to the right one" : ", as its own has exited");
	return desc->close_sent;
}

void
spdk_bdev_close(struct spdk_bdev_desc *desc)
{
	struct bdev_state *state = bdev_state(desc->bdev);
	bool detached, pending;

	if (desc->thread_id != current_thread_id() && pass_close_on(desc)) {
		return;
	}
	bdev_timeout_close(desc);
	env_mutex_lock(&g_bdev_manager.lock);
	env_mutex_lock(&state->lock);
	TAILQ_REMOVE(&state->descs, desc, link);
	bdev_claim_release_desc(desc);
	desc->closed = true;
	pending = desc->event_sent;
	detached = bdev_unregister_detach(state);
	env_mutex_unlock(&state->lock);
	env_mutex_unlock(&g_bdev_manager.lock);

	if (!pending) {
		free_desc(desc);
	}
	if (detached) {
		bdev_unregister_finish(state);
	}
}
