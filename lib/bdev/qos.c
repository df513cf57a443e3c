/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Rate limits. Each channel of a bdev that has limits, its own or those of a group, draws for its I/O from budgets that
 * it shares with others (rate.c). What gets nothing waits on the channel, in two queues, of reads and of writes, and is
 * submitted by the channel itself on its own thread: at the next I/O, or by a poller that runs only while something
 * waits. A channel without limits knows nothing of all that.
 *
 * A change of limits or group in the order in which it runs: begin, visit each channel, and back if one lacks memory,
 * finish.
 */

#include "lib/bdev/io_internal.h"
#include "lib/bdev/rate.h"
#include "spdk/json.h"

enum io_kind {
	KIND_READ,
	KIND_WRITE,
	NUM_KINDS,
	/* Not counted. */
	KIND_OTHER = NUM_KINDS,
};

/* The bdev's own, and its group's; each may be NULL. */
enum {
	RATE_BDEV,
	RATE_GROUP,
	NUM_RATES,
};

struct bdev_channel_qos {
	struct bdev_channel *ch;
	struct bdev_rate *rates[NUM_RATES];
	struct bdev_rate_share shares[NUM_RATES];
	/* Oldest first. */
	bdev_io_tailq_t queues[NUM_KINDS];
	/* Number of the next I/O that has to wait. */
	uint64_t next_number;
	/* Paused while nothing waits. */
	struct spdk_poller *poller;
	bool waiting;
	/* The queues are being worked on further up the stack. */
	bool serving;
};

/* ---- what is counted ---- */

/* The owner's blocks. */
static uint64_t
data_bytes(const struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	uint32_t hidden = bdev_io->internal.marks & BDEV_IO_HIDES_METADATA ? bdev->md_len : 0;

	return bdev_io->u.bdev.num_blocks * (bdev->blocklen - hidden);
}

static enum io_kind
classify(const struct spdk_bdev_io *bdev_io, uint64_t *bytes)
{
	const struct spdk_nvme_cmd *cmd = &bdev_io->u.nvme_passthru.cmd;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		*bytes = data_bytes(bdev_io);
		return bdev_io->type == SPDK_BDEV_IO_TYPE_READ ? KIND_READ : KIND_WRITE;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		*bytes = bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;
		if (!bdev_io->u.bdev.zcopy.start) {
			return KIND_OTHER;
		}
		return bdev_io->u.bdev.zcopy.populate ? KIND_READ : KIND_WRITE;
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
		*bytes = bdev_io->u.nvme_passthru.nbytes;
		/* The bit says that data goes to the host. */
		return cmd->opc & 2 ? KIND_READ : KIND_WRITE;
	default:
		return KIND_OTHER;
	}
}

static enum io_kind
get_cost(const struct spdk_bdev_io *bdev_io, struct bdev_rate_cost *cost)
{
	uint64_t bytes = 0;
	enum io_kind kind = classify(bdev_io, &bytes);

	bytes = spdk_min(bytes, (uint64_t)INT64_MAX / 2);
	cost->amount[SPDK_BDEV_QOS_RW_IOPS_RATE_LIMIT] = 1;
	cost->amount[SPDK_BDEV_QOS_RW_BPS_RATE_LIMIT] = bytes;
	cost->amount[SPDK_BDEV_QOS_R_BPS_RATE_LIMIT] = kind == KIND_READ ? bytes : 0;
	cost->amount[SPDK_BDEV_QOS_W_BPS_RATE_LIMIT] = kind == KIND_WRITE ? bytes : 0;
	return kind;
}

/* ---- queues ---- */

static bool
take(struct bdev_channel_qos *qos, const struct bdev_rate_cost *cost)
{
	uint64_t now = bdev_thread_now(qos->ch->thread);
	int i;

	for (i = 0; i < NUM_RATES; i++) {
		if (qos->rates[i] != NULL && !bdev_rate_take(qos->rates[i], &qos->shares[i], cost, now)) {
			break;
		}
	}
	if (i == NUM_RATES) {
		return true;
	}
	while (i-- > 0) {
		if (qos->rates[i] != NULL) {
			bdev_rate_refund(qos->rates[i], &qos->shares[i], cost);
		}
	}
	return false;
}

static bool
is_queue_empty(const struct bdev_channel_qos *qos)
{
	return TAILQ_EMPTY(&qos->queues[KIND_READ]) && TAILQ_EMPTY(&qos->queues[KIND_WRITE]);
}

/* After the queues have changed. */
static void
update_waiting(struct bdev_channel_qos *qos)
{
	bool waiting = !is_queue_empty(qos);
	int i;

	for (i = 0; i < NUM_RATES; i++) {
		if (qos->rates[i] != NULL) {
			bdev_rate_wait(qos->rates[i], &qos->shares[i], waiting);
		}
	}
	if (waiting == qos->waiting) {
		return;
	}
	qos->waiting = waiting;
	if (waiting) {
		spdk_poller_resume(qos->poller);
	} else {
		spdk_poller_pause(qos->poller);
	}
}

/* The oldest that waits, of the kinds that are not blocked. */
static struct spdk_bdev_io *
get_oldest(struct bdev_channel_qos *qos, const bool blocked[NUM_KINDS])
{
	struct spdk_bdev_io *read = blocked[KIND_READ] ? NULL : TAILQ_FIRST(&qos->queues[KIND_READ]);
	struct spdk_bdev_io *write = blocked[KIND_WRITE] ? NULL : TAILQ_FIRST(&qos->queues[KIND_WRITE]);

	if (read == NULL || write == NULL) {
		return read != NULL ? read : write;
	}
	return bdev_io_private(read)->qos_number < bdev_io_private(write)->qos_number ? read : write;
}

static void
enqueue(struct bdev_channel_qos *qos, struct spdk_bdev_io *bdev_io, enum io_kind kind)
{
	bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
	bdev_io->internal.flags |= BDEV_IO_QUEUED_QOS;
	bdev_io_private(bdev_io)->qos_number = qos->next_number++;
	TAILQ_INSERT_TAIL(&qos->queues[kind], bdev_io, internal_link);
}

static void
dequeue(struct bdev_channel_qos *qos, struct spdk_bdev_io *bdev_io)
{
	uint64_t bytes;

	TAILQ_REMOVE(&qos->queues[classify(bdev_io, &bytes)], bdev_io, internal_link);
	bdev_io->internal.flags &= ~BDEV_IO_QUEUED_QOS;
}

static void
submit(struct spdk_bdev_io *bdev_io)
{
	bdev_io->internal.flags |= BDEV_IO_IN_SUBMIT;
	bdev_io_submit_admitted(bdev_io);
}

/* Submits what the budgets allow, in order; what one kind lacks does not stop the other. Returns how many. */
static uint64_t
serve(struct bdev_channel_qos *qos)
{
	bool blocked[NUM_KINDS] = {};
	struct spdk_bdev_io *bdev_io;
	struct bdev_rate_cost cost;
	uint64_t count = 0;

	if (qos->serving) {
		return 0;
	}
	qos->serving = true;
	while ((bdev_io = get_oldest(qos, blocked)) != NULL) {
		enum io_kind kind = get_cost(bdev_io, &cost);

		if (!take(qos, &cost)) {
			blocked[kind] = true;
			continue;
		}
		dequeue(qos, bdev_io);
		submit(bdev_io);
		count++;
	}
	qos->serving = false;
	update_waiting(qos);
	return count;
}

static int
poll_queues(void *ctx)
{
	return serve(ctx) > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

bool
bdev_qos_queue(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel_qos *qos = bdev_io->internal.ch->qos;
	struct bdev_rate_cost cost;
	enum io_kind kind = get_cost(bdev_io, &cost);

	if (kind == KIND_OTHER) {
		return false;
	}
	if (qos->waiting) {
		serve(qos);
	}
	if (TAILQ_EMPTY(&qos->queues[kind]) && take(qos, &cost)) {
		return false;
	}
	if (bdev_io->internal.marks & BDEV_IO_TRACED) {
		bdev_trace_wait(bdev_io, BDK_TRACE_WAIT_LIMIT);
	}
	enqueue(qos, bdev_io, kind);
	update_waiting(qos);
	return true;
}

void
bdev_qos_cancel(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel_qos *qos = bdev_io->internal.ch->qos;

	dequeue(qos, bdev_io);
	update_waiting(qos);
	bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
}

void
bdev_qos_abort(struct bdev_channel *ch)
{
	static const bool none_blocked[NUM_KINDS] = {};
	bdev_io_tailq_t aborted;
	struct spdk_bdev_io *bdev_io;

	if (ch->qos == NULL) {
		return;
	}
	/* What the callbacks submit is not among them. */
	TAILQ_INIT(&aborted);
	while ((bdev_io = get_oldest(ch->qos, none_blocked)) != NULL) {
		dequeue(ch->qos, bdev_io);
		TAILQ_INSERT_TAIL(&aborted, bdev_io, internal_link);
	}
	update_waiting(ch->qos);
	while ((bdev_io = TAILQ_FIRST(&aborted)) != NULL) {
		TAILQ_REMOVE(&aborted, bdev_io, internal_link);
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
}

/* ---- channels ---- */

static int
join(struct bdev_channel *ch)
{
	struct bdev_channel_qos *qos = calloc(1, sizeof(*qos));

	if (qos == NULL) {
		return -ENOMEM;
	}
	qos->poller = spdk_poller_register_named(poll_queues, qos, BDEV_RATE_RETRY_US, "bdev_qos");
	if (qos->poller == NULL) {
		free(qos);
		return -ENOMEM;
	}
	spdk_poller_pause(qos->poller);
	qos->ch = ch;
	TAILQ_INIT(&qos->queues[KIND_READ]);
	TAILQ_INIT(&qos->queues[KIND_WRITE]);
	ch->qos = qos;
	ch->gates |= BDEV_GATE_QOS;
	return 0;
}

/* Takes over the references. */
static void
set_rates(struct bdev_channel_qos *qos, struct bdev_rate *rates[NUM_RATES])
{
	int i;

	for (i = 0; i < NUM_RATES; i++) {
		struct bdev_rate *old = qos->rates[i];

		if (old == rates[i]) {
			bdev_rate_put(rates[i]);
			continue;
		}
		if (old != NULL) {
			bdev_rate_wait(old, &qos->shares[i], false);
			bdev_rate_put(old);
		}
		qos->rates[i] = rates[i];
		memset(&qos->shares[i], 0, sizeof(qos->shares[i]));
		qos->shares[i].slice = BDEV_RATE_NO_SLICE;
	}
}

static void
leave(struct bdev_channel *ch)
{
	struct bdev_rate *none[NUM_RATES] = {};
	struct bdev_channel_qos *qos = ch->qos;

	if (qos == NULL) {
		return;
	}
	set_rates(qos, none);
	/* Nothing holds it back any more. */
	serve(qos);
	spdk_poller_unregister(&qos->poller);
	ch->qos = NULL;
	ch->gates &= ~BDEV_GATE_QOS;
	free(qos);
}

static int
update_channel(struct bdev_channel *ch)
{
	struct bdev_state *state = bdev_state(ch->bdev);
	struct bdev_rate *rates[NUM_RATES];
	int rc = 0;

	env_mutex_lock(&state->lock);
	rates[RATE_BDEV] = bdev_rate_is_limited(state->qos.rate) ? bdev_rate_get(state->qos.rate) : NULL;
	rates[RATE_GROUP] = bdev_rate_get(bdev_qos_group_get_rate(state->qos.group));
	env_mutex_unlock(&state->lock);

	if (rates[RATE_BDEV] == NULL && rates[RATE_GROUP] == NULL) {
		leave(ch);
		return 0;
	}
	if (ch->qos == NULL) {
		rc = join(ch);
	}
	if (rc != 0) {
		bdev_rate_put(rates[RATE_BDEV]);
		bdev_rate_put(rates[RATE_GROUP]);
		return rc;
	}
	set_rates(ch->qos, rates);
	serve(ch->qos);
	return 0;
}

int
bdev_qos_channel_init(struct bdev_channel *ch)
{
	return update_channel(ch);
}

void
bdev_qos_channel_fini(struct bdev_channel *ch)
{
	bdev_qos_abort(ch);
	leave(ch);
}

/* ---- changes ---- */

int
bdev_qos_change_begin_locked(struct bdev_state *state, bdev_qos_cb cb, void *ctx)
{
	struct bdev_qos *qos = &state->qos;

	if (state->detached) {
		return -ENODEV;
	}
	if (qos->changing) {
		return -EAGAIN;
	}
	if (qos->rate == NULL) {
		qos->rate = bdev_rate_alloc();
		if (qos->rate == NULL) {
			return -ENOMEM;
		}
	}
	qos->changing = true;
	qos->status = 0;
	qos->cb = cb;
	qos->ctx = ctx;
	qos->old_group = qos->group;
	bdev_rate_read(qos->rate, qos->old_limits);
	return 0;
}

static void
call_back(bdev_qos_cb cb, void *ctx, int status)
{
	if (cb != NULL) {
		cb(ctx, status);
	}
}

/* While a change is in progress the bdev is not taken away. */
static void
finish_change(struct bdev_state *state)
{
	struct bdev_qos *qos = &state->qos;
	int status = qos->status;
	bdev_qos_cb cb = qos->cb;
	void *ctx = qos->ctx;
	bool detached;

	env_mutex_lock(&g_bdev_manager.lock);
	env_mutex_lock(&state->lock);
	qos->changing = false;
	detached = bdev_unregister_detach(state);
	env_mutex_unlock(&state->lock);
	env_mutex_unlock(&g_bdev_manager.lock);

	call_back(cb, ctx, status);
	if (detached) {
		bdev_unregister_finish(state);
	}
}

static void
change_visit_cb(struct spdk_io_channel_iter *i)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	spdk_for_each_channel_continue(i, update_channel(ch));
}

static void
reverted_cb(struct spdk_io_channel_iter *i, int status)
{
	finish_change(spdk_io_channel_iter_get_io_device(i));
}

static void
changed_cb(struct spdk_io_channel_iter *i, int status)
{
	struct bdev_state *state = spdk_io_channel_iter_get_io_device(i);
	struct bdev_qos *qos = &state->qos;

	if (status == 0) {
		finish_change(state);
		return;
	}
	SPDK_ERRLOG("%s: rate limits stay as they were: %s\n", state->bdev->name, spdk_strerror(-status));
	qos->status = status;
	env_mutex_lock(&g_bdev_manager.lock);
	env_mutex_lock(&state->lock);
	bdev_qos_group_move_locked(state, qos->old_group);
	bdev_rate_set(qos->rate, qos->old_limits);
	env_mutex_unlock(&state->lock);
	env_mutex_unlock(&g_bdev_manager.lock);
	bdk_for_each_channel(&qos->walk, state, change_visit_cb, state, reverted_cb);
}

void
bdev_qos_change_run(struct bdev_state *state)
{
	bdk_for_each_channel(&state->qos.walk, state, change_visit_cb, state, changed_cb);
}

/* ---- the interface ---- */

static bool
is_any_set(const uint64_t *limits)
{
	int i;

	for (i = 0; i < BDEV_RATE_NUM; i++) {
		if (limits[i] != 0 && limits[i] != UINT64_MAX) {
			return true;
		}
	}
	return false;
}

void
spdk_bdev_set_qos_rate_limits(
	struct spdk_bdev *bdev, uint64_t *limits, void (*cb_fn)(void *cb_arg, int status), void *cb_arg)
{
	struct bdev_state *state = bdev_state(bdev);
	bool nothing_to_do = false;
	int rc;

	bdev_rate_normalize(limits);
	if (state == NULL || spdk_get_thread() == NULL) {
		call_back(cb_fn, cb_arg, state == NULL ? -ENODEV : -EINVAL);
		return;
	}
	env_mutex_lock(&state->lock);
	if (!state->qos.changing && !is_any_set(limits) && !bdev_rate_is_limited(state->qos.rate)) {
		nothing_to_do = true;
		rc = 0;
	} else {
		rc = bdev_qos_change_begin_locked(state, cb_fn, cb_arg);
		if (rc == 0) {
			bdev_rate_set(state->qos.rate, limits);
		}
	}
	env_mutex_unlock(&state->lock);
	if (rc != 0 || nothing_to_do) {
		call_back(cb_fn, cb_arg, rc);
		return;
	}
	bdev_qos_change_run(state);
}

void
spdk_bdev_get_qos_rate_limits(struct spdk_bdev *bdev, uint64_t *limits)
{
	struct bdev_state *state = bdev_state(bdev);

	memset(limits, 0, BDEV_RATE_NUM * sizeof(*limits));
	if (state == NULL) {
		return;
	}
	env_mutex_lock(&state->lock);
	bdev_rate_read_mib(state->qos.rate, limits);
	env_mutex_unlock(&state->lock);
}

/* ---- as JSON ---- */

void
bdev_qos_write_limits(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	uint64_t limits[BDEV_RATE_NUM];
	int i;

	spdk_bdev_get_qos_rate_limits(bdev, limits);
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		spdk_json_write_named_uint64(w, spdk_bdev_get_qos_rpc_type(i), limits[i]);
	}
}

void
bdev_qos_write_config(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	uint64_t limits[BDEV_RATE_NUM];
	int i;

	spdk_bdev_get_qos_rate_limits(bdev, limits);
	if (!is_any_set(limits)) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_set_qos_limit");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(bdev));
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		if (limits[i] > 0) {
			spdk_json_write_named_uint64(w, spdk_bdev_get_qos_rpc_type(i), limits[i]);
		}
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}
