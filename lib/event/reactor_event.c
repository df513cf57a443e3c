/* SPDX-License-Identifier: BSD-3-Clause */

/* Events: functions to be run on a CPU, outside of any SPDK thread. */

#include "lib/event/reactor_internal.h"

struct spdk_event {
	struct msg_link link;
	struct event_reactor *reactor;
	spdk_event_fn fn;
	void *arg1;
	void *arg2;
};

struct spdk_event *
spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2)
{
	struct event_reactor *reactor = event_reactor_get(lcore);
	struct spdk_event *event;

	if (reactor == NULL) {
		SPDK_ERRLOG("CPU %u has no reactor\n", lcore);
		return NULL;
	}
	event = malloc(sizeof(*event));
	if (event == NULL) {
		SPDK_ERRLOG("No memory for an event\n");
		return NULL;
	}
	event->reactor = reactor;
	event->fn = fn;
	event->arg1 = arg1;
	event->arg2 = arg2;
	return event;
}

void
spdk_event_call(struct spdk_event *event)
{
	/* After the push the event may be gone at any time, and if it was about the end, the reactor as well. */
	struct thread_waker *waker = event->reactor->host.waker;

	msg_queue_push(&event->reactor->events, &event->link);
	thread_waker_wake(waker);
}

uint32_t
event_reactor_events_run(struct event_reactor *reactor)
{
	struct spdk_event *event;
	uint32_t i, count;

	count = msg_queue_collect(&reactor->events);
	count = spdk_min(count, (uint32_t)EVENT_BATCH);
	for (i = 0; i < count; i++) {
		event = SPDK_CONTAINEROF(msg_queue_pop(&reactor->events), struct spdk_event, link);
		event->fn(event->arg1, event->arg2);
		free(event);
	}
	return count;
}

void
event_reactor_events_discard(struct event_reactor *reactor)
{
	while (msg_queue_collect(&reactor->events) > 0) {
		free(SPDK_CONTAINEROF(msg_queue_pop(&reactor->events), struct spdk_event, link));
	}
}
