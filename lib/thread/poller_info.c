/* SPDX-License-Identifier: BSD-3-Clause */

/* What can be asked about a thread's pollers, for the RPCs that list them. */

#include "lib/thread/thread_internal.h"

#include "spdk_internal/thread.h"

const char *
spdk_poller_get_name(struct spdk_poller *poller)
{
	return poller->name;
}

uint64_t
spdk_poller_get_id(struct spdk_poller *poller)
{
	return poller->id;
}

const char *
spdk_poller_get_state_str(struct spdk_poller *poller)
{
	switch (poller->state) {
	case POLLER_WAITING:
		return poller->running ? "running" : "waiting";
	case POLLER_UNREGISTERED:
		return "unregistered";
	case POLLER_PAUSING:
		return "pausing";
	case POLLER_PAUSED:
		return "paused";
	}
	return NULL;
}

uint64_t
spdk_poller_get_period_ticks(struct spdk_poller *poller)
{
	return poller->period;
}

void
spdk_poller_get_stats(struct spdk_poller *poller, struct spdk_poller_stats *stats)
{
	stats->run_count = poller->run_count;
	stats->busy_count = poller->busy_count;
}

/* The list has the newest first; listings show the order of registration. */
struct spdk_poller *
spdk_thread_get_first_active_poller(struct spdk_thread *thread)
{
	return TAILQ_LAST(&thread->active_pollers, poller_list);
}

struct spdk_poller *
spdk_thread_get_next_active_poller(struct spdk_poller *prev)
{
	return TAILQ_PREV(prev, poller_list, link);
}

struct spdk_poller *
spdk_thread_get_first_paused_poller(struct spdk_thread *thread)
{
	return TAILQ_FIRST(&thread->paused_pollers);
}

struct spdk_poller *
spdk_thread_get_next_paused_poller(struct spdk_poller *prev)
{
	return TAILQ_NEXT(prev, link);
}

struct spdk_poller *
spdk_thread_get_first_timed_poller(struct spdk_thread *thread)
{
	return RB_MIN(poller_tree, &thread->timed_pollers);
}

struct spdk_poller *
spdk_thread_get_next_timed_poller(struct spdk_poller *prev)
{
	return RB_NEXT(poller_tree, &prev->thread->timed_pollers, prev);
}
