/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/event/app_internal.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

static void
stop_on_signal(int signal)
{
	int saved_errno = errno;

	spdk_app_start_shutdown();
	errno = saved_errno;
}

static struct {
	const int signal;
	void (*const handler)(int signal);
	struct sigaction former;
	bool set;
} g_signals[] = {
	{.signal = SIGINT, .handler = stop_on_signal},
	{.signal = SIGTERM, .handler = stop_on_signal},
	{.signal = SIGPIPE, .handler = SIG_IGN},
};

int
event_signals_set(void)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_signals); i++) {
		struct sigaction action = {.sa_handler = g_signals[i].handler, .sa_flags = SA_RESTART};

		sigemptyset(&action.sa_mask);
		if (sigaction(g_signals[i].signal, &action, &g_signals[i].former)) {
			int rc = -errno;

			SPDK_ERRLOG("sigaction(%d) failed: %s\n", g_signals[i].signal, spdk_strerror(-rc));
			event_signals_restore();
			return rc;
		}
		g_signals[i].set = true;
	}

	return 0;
}

void
event_signals_restore(void)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_signals); i++) {
		if (g_signals[i].set) {
			sigaction(g_signals[i].signal, &g_signals[i].former, NULL);
			g_signals[i].set = false;
		}
	}
}
