/* SPDX-License-Identifier: BSD-3-Clause */

/* How often the kernel gave a reactor's CPU to something else, for those who wonder where a latency comes from. */

#include "lib/event/reactor_internal.h"

#include <sys/resource.h>

SPDK_LOG_REGISTER_COMPONENT(reactor)

static _Atomic bool g_enabled = true;

void
spdk_framework_enable_context_switch_monitor(bool enabled)
{
	atomic_store_explicit(&g_enabled, enabled, memory_order_relaxed);
}

bool
spdk_framework_context_switch_monitor_enabled(void)
{
	return atomic_load_explicit(&g_enabled, memory_order_relaxed);
}

void
event_context_switch_check(struct event_reactor *reactor)
{
	struct reactor_switches *last = &reactor->switches;
	struct rusage usage;

	if (spdk_likely(!SPDK_LOG_reactor.enabled) || !spdk_framework_context_switch_monitor_enabled() ||
		reactor->tsc_last - last->tsc < spdk_get_ticks_hz() || getrusage(RUSAGE_THREAD, &usage) != 0) {
		return;
	}

	if (last->tsc != 0 && (usage.ru_nvcsw != last->voluntary || usage.ru_nivcsw != last->involuntary)) {
		SPDK_INFOLOG(reactor, "CPU %u: %ld voluntary and %ld involuntary context switches in %.1f seconds\n",
			reactor->lcore, usage.ru_nvcsw - last->voluntary, usage.ru_nivcsw - last->involuntary,
			(double)(reactor->tsc_last - last->tsc) / spdk_get_ticks_hz());
	}
	last->tsc = reactor->tsc_last;
	last->voluntary = usage.ru_nvcsw;
	last->involuntary = usage.ru_nivcsw;
}
