/* SPDX-License-Identifier: BSD-3-Clause */

/* Threads in traces: as owners, and who gets and puts channels. */

#include "lib/thread/thread_internal.h"

#include "spdk/trace.h"
#include "spdk_internal/trace_defs.h"

static const struct spdk_trace_tpoint_opts g_points[] = {
	{
		.name = "THREAD_IOCH_GET",
		.tpoint_id = TRACE_THREAD_IOCH_GET,
		.owner_type = OWNER_TYPE_THREAD,
		.args = {{"ch", SPDK_TRACE_ARG_TYPE_PTR, 8}, {"refcnt", SPDK_TRACE_ARG_TYPE_INT, 4}},
	},
	{
		.name = "THREAD_IOCH_PUT",
		.tpoint_id = TRACE_THREAD_IOCH_PUT,
		.owner_type = OWNER_TYPE_THREAD,
		.args = {{"ch", SPDK_TRACE_ARG_TYPE_PTR, 8}, {"refcnt", SPDK_TRACE_ARG_TYPE_INT, 4}},
	},
};

void
thread_trace_register_locked(struct spdk_thread *thread)
{
	uint16_t id = spdk_trace_register_owner(OWNER_TYPE_THREAD, thread->name);

	__atomic_store_n(&thread->trace_id, id, __ATOMIC_RELAXED);
}

void
thread_trace_unregister(struct spdk_thread *thread)
{
	spdk_trace_unregister_owner(spdk_thread_get_trace_id(thread));
}

uint16_t
spdk_thread_get_trace_id(struct spdk_thread *thread)
{
	return __atomic_load_n(&thread->trace_id, __ATOMIC_RELAXED);
}

static void
thread_trace(void)
{
	struct spdk_thread *thread;

	spdk_trace_register_owner_type(OWNER_TYPE_THREAD, 't');
	spdk_trace_register_description_ext(g_points, SPDK_COUNTOF(g_points));
	if (!g_thread_lib.initialized) {
		return;
	}
	/* Those that were there before the trace. */
	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	TAILQ_FOREACH (thread, &g_thread_lib.threads, link) {
		thread_trace_register_locked(thread);
	}
}

SPDK_TRACE_REGISTER_FN(thread_trace, "thread", TRACE_GROUP_THREAD)

void
thread_trace_channel(uint16_t tpoint_id, struct spdk_thread *thread, const struct spdk_io_channel *ch)
{
	spdk_trace_record(tpoint_id, spdk_thread_get_trace_id(thread), 0, 0, ch, (uint32_t)ch->ref);
}
