/* SPDX-License-Identifier: BSD-3-Clause */

/* What the system knows of this process. */

#include "lib/env/env_internal.h"

#include "bdevkit/env.h"
#include "spdk/util.h"

/* Clock ticks of the system from when the machine was started to when the process was; 0: nobody says. */
static unsigned long long
read_start_ticks(void)
{
	unsigned long long ticks = 0;
	char line[1024];
	FILE *file = fopen("/proc/self/stat", "re");

	/* The 22nd field, the 20th behind the name, which ends with the last parenthesis. */
	if (file != NULL && fgets(line, sizeof(line), file) != NULL && strrchr(line, ')') != NULL) {
		sscanf(strrchr(line, ')') + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks);
	}
	if (file != NULL) {
		fclose(file);
	}
	return ticks;
}

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now = {};

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * (int64_t)SPDK_SEC_TO_NSEC + now.tv_nsec;
}

/* /proc/stat has when the machine was started, but a service need not see it. */
static int64_t
get_start(void)
{
	unsigned long long ticks = read_start_ticks();
	int64_t now = read_clock(CLOCK_REALTIME), per_second = sysconf(_SC_CLK_TCK);

	if (ticks == 0 || per_second <= 0) {
		return now;
	}
	return now - read_clock(CLOCK_BOOTTIME) + (int64_t)((double)ticks / (double)per_second * 1e9);
}

void
bdk_env_get_process_start(struct timespec *start)
{
	static int64_t g_start;
	int64_t nanoseconds = __atomic_load_n(&g_start, __ATOMIC_RELAXED), none = 0;

	/* Once: the wall clock may be set meanwhile. */
	if (nanoseconds == 0) {
		nanoseconds = get_start();
		if (!__atomic_compare_exchange_n(
			    &g_start, &none, nanoseconds, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			nanoseconds = none;
		}
	}
	start->tv_sec = (time_t)(nanoseconds / (int64_t)SPDK_SEC_TO_NSEC);
	start->tv_nsec = (long)(nanoseconds % (int64_t)SPDK_SEC_TO_NSEC);
}
