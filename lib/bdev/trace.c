/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Trace points of the layer.
 *
 * An I/O does not ask whether it is traced: when the points of I/O are switched on or off, a walk over all channels
 * opens or closes a gate, and what passes by way of the gate is marked, so that its end is recorded as well.
 */

#include "lib/bdev/io_internal.h"
#include "bdevkit/thread.h"
#include "lib/trace/trace_internal.h"
#include "spdk_internal/trace_defs.h"

#define POINT_BIT(tpoint_id) (1ull << ((tpoint_id)&0x3f))

/* ---- types, points and owners ---- */

static const struct spdk_trace_tpoint_opts g_points[] = {
	{
		.name = "BDEV_IO_START",
		.tpoint_id = TRACE_BDEV_IO_START,
		.owner_type = OWNER_TYPE_BDEV,
		.object_type = OBJECT_BDEV_IO,
		.new_object = 1,
		.args = {{"type", SPDK_TRACE_ARG_TYPE_INT, 8}, {"ctx", SPDK_TRACE_ARG_TYPE_PTR, 8},
			{"offset", SPDK_TRACE_ARG_TYPE_INT, 8}, {"qd", SPDK_TRACE_ARG_TYPE_INT, 4}},
	},
	{
		.name = "BDEV_IO_DONE",
		.tpoint_id = TRACE_BDEV_IO_DONE,
		.owner_type = OWNER_TYPE_BDEV,
		.object_type = OBJECT_BDEV_IO,
		.args = {{"ctx", SPDK_TRACE_ARG_TYPE_PTR, 8}, {"qd", SPDK_TRACE_ARG_TYPE_INT, 4}},
	},
	{
		.name = "BDEV_IO_WAIT",
		.tpoint_id = BDK_TRACE_BDEV_IO_WAIT,
		.owner_type = OWNER_TYPE_BDEV,
		.object_type = OBJECT_BDEV_IO,
		.args = {{"for", SPDK_TRACE_ARG_TYPE_INT, 4}},
	},
	{
		.name = "BDEV_IO_MODULE",
		.tpoint_id = BDK_TRACE_BDEV_IO_MODULE,
		.owner_type = OWNER_TYPE_BDEV,
		.object_type = OBJECT_BDEV_IO,
	},
	{
		.name = "BDEV_IOCH_CREATE",
		.tpoint_id = TRACE_BDEV_IOCH_CREATE,
		.owner_type = OWNER_TYPE_BDEV,
		.args = {{"tid", SPDK_TRACE_ARG_TYPE_INT, 8}},
	},
	{
		.name = "BDEV_IOCH_DESTROY",
		.tpoint_id = TRACE_BDEV_IOCH_DESTROY,
		.owner_type = OWNER_TYPE_BDEV,
		.args = {{"tid", SPDK_TRACE_ARG_TYPE_INT, 8}},
	},
};

static uint16_t
register_owner(const struct spdk_bdev *bdev)
{
	char description[256];

	snprintf(description, sizeof(description), "bdev_%s", bdev->name);
	return spdk_trace_register_owner(OWNER_TYPE_BDEV, description);
}

void
bdev_trace_register_locked(struct bdev_state *state)
{
	__atomic_store_n(&state->trace_id, register_owner(state->bdev), __ATOMIC_RELAXED);
}

void
bdev_trace_unregister(struct bdev_state *state)
{
	spdk_trace_unregister_owner(bdev_trace_id(state));
}

static void
bdev_trace(void)
{
	struct bdev_state *state;

	spdk_trace_register_owner_type(OWNER_TYPE_BDEV, 'b');
	spdk_trace_register_object(OBJECT_BDEV_IO, 'i');
	spdk_trace_register_description_ext(g_points, SPDK_COUNTOF(g_points));

	/* Those that were there before the trace. */
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (state, &g_bdev_manager.bdevs, link) {
		bdev_trace_register_locked(state);
	}
}

SPDK_TRACE_REGISTER_FN(bdev_trace, "bdev", TRACE_GROUP_BDEV)

/* ---- the gate ---- */

static struct {
	struct env_mutex lock;
	/* The layer is up; under the lock. */
	bool active;
	/* A message is on its way to the thread that walks; under the lock. */
	bool sent;
	uint64_t thread_id;
	struct bdk_msg msg;

	/* Of that thread alone. */
	bool walking;
	bool again;
	struct bdk_channel_walk walk;
} g_gate = {.lock = ENV_MUTEX_INITIALIZER};

static bool
is_io_traced(void)
{
	return (spdk_trace_get_tpoint_mask(TRACE_GROUP_BDEV) &
		       (POINT_BIT(TRACE_BDEV_IO_START) | POINT_BIT(TRACE_BDEV_IO_DONE))) != 0;
}

static void
set_gate(struct bdev_channel *ch)
{
	if (is_io_traced()) {
		ch->gates |= BDEV_GATE_TRACE;
	} else {
		ch->gates &= ~BDEV_GATE_TRACE;
	}
}

static void
visit_thread_cb(struct spdk_io_channel_iter *i)
{
	struct bdev_thread *thread = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));
	struct bdev_shared *shared;
	struct bdev_channel *ch;

	TAILQ_FOREACH (shared, &thread->shared, link) {
		TAILQ_FOREACH (ch, &shared->channels, link) {
			set_gate(ch);
		}
	}
	spdk_for_each_channel_continue(i, 0);
}

static void walk_done_cb(struct spdk_io_channel_iter *i, int status);

static void
walk(void)
{
	g_gate.walking = true;
	bdk_for_each_channel(&g_gate.walk, &g_bdev_manager, visit_thread_cb, NULL, walk_done_cb);
}

static void
walk_done_cb(struct spdk_io_channel_iter *i, int status)
{
	bool again = g_gate.again;

	g_gate.walking = false;
	g_gate.again = false;
	if (again) {
		walk();
	}
}

static void
masks_changed_cb(void *arg)
{
	bool active;

	env_mutex_lock(&g_gate.lock);
	g_gate.sent = false;
	active = g_gate.active;
	env_mutex_unlock(&g_gate.lock);
	if (!active) {
		return;
	}
	if (g_gate.walking) {
		g_gate.again = true;
	} else {
		walk();
	}
}

/* On any system thread. */
static void
masks_changed(void)
{
	ENV_MUTEX_SCOPE(&g_gate.lock);
	if (g_gate.active && !g_gate.sent) {
		g_gate.sent = bdk_msg_send_to_id(g_gate.thread_id, &g_gate.msg, masks_changed_cb, NULL) == 0;
	}
}

static struct trace_listener g_listener = {.masks_changed = masks_changed};

__attribute__((constructor)) static void
add_listener(void)
{
	trace_add_listener(&g_listener);
}

void
bdev_trace_init(void)
{
	ENV_MUTEX_SCOPE(&g_gate.lock);
	g_gate.thread_id = spdk_thread_get_id(spdk_get_thread());
	g_gate.active = true;
	g_gate.sent = false;
	g_gate.walking = false;
	g_gate.again = false;
}

void
bdev_trace_fini(void)
{
	ENV_MUTEX_SCOPE(&g_gate.lock);
	g_gate.active = false;
}

/* ---- what happens ---- */

void
bdev_trace_channel_create(struct bdev_channel *ch)
{
	set_gate(ch);
	spdk_trace_record(TRACE_BDEV_IOCH_CREATE, bdev_trace_id(bdev_state(ch->bdev)), 0, 0,
		spdk_thread_get_id(ch->thread->thread));
}

void
bdev_trace_channel_destroy(struct bdev_channel *ch, struct bdev_state *state)
{
	spdk_trace_record(TRACE_BDEV_IOCH_DESTROY, bdev_trace_id(state), 0, 0, spdk_thread_get_id(ch->thread->thread));
}

/* Whether u.bdev says where and how much. */
static bool
has_range(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return false;
	default:
		return true;
	}
}

void
bdev_trace_start(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;
	bool range = has_range(bdev_io);

	if (bdev_io->internal.marks & BDEV_IO_TRACED) {
		return;
	}
	bdev_io->internal.marks |= BDEV_IO_TRACED;
	spdk_trace_record(TRACE_BDEV_IO_START, bdev_trace_id(bdev_state(bdev_io->bdev)),
		range ? (uint32_t)spdk_min(bdev_io->u.bdev.num_blocks, UINT32_MAX) : 0, (uintptr_t)bdev_io,
		(uint64_t)bdev_io->type, bdev_io->internal.caller_ctx, range ? bdev_io->u.bdev.offset_blocks : 0,
		(uint32_t)ch->outstanding);
}

void
bdev_trace_wait(struct spdk_bdev_io *bdev_io, enum bdk_trace_wait what)
{
	spdk_trace_record(BDK_TRACE_BDEV_IO_WAIT, bdev_trace_id(bdev_state(bdev_io->bdev)), 0, (uintptr_t)bdev_io,
		(uint32_t)what);
}

void
bdev_trace_module(struct spdk_bdev_io *bdev_io)
{
	spdk_trace_record(BDK_TRACE_BDEV_IO_MODULE, bdev_trace_id(bdev_state(bdev_io->bdev)), 0, (uintptr_t)bdev_io);
}

void
bdev_trace_done(struct spdk_bdev_io *bdev_io)
{
	struct bdev_channel *ch = bdev_io->internal.ch;

	bdev_io->internal.marks &= ~BDEV_IO_TRACED;
	spdk_trace_record(TRACE_BDEV_IO_DONE, bdev_trace_id(bdev_state(bdev_io->bdev)), 0, (uintptr_t)bdev_io,
		bdev_io->internal.caller_ctx, (uint32_t)ch->outstanding);
}
