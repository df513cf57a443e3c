/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tests of lib/thread share: the library under the virtual clock, polled by hand. */

#ifndef THREAD_FIXTURE_H
#define THREAD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "lib/env/env_internal.h"

/* The virtual clock ticks in nanoseconds. */
#define US 1000ull

static inline int
fixture_setup(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	env_clock_set_virtual(true);
	return spdk_thread_lib_init(NULL, 0);
}

static inline int
fixture_teardown(void **state)
{
	spdk_set_thread(NULL);
	spdk_thread_lib_fini();
	env_clock_set_virtual(false);
	return 0;
}

/* Polls the thread until a pass does nothing. */
static inline int
drain(struct spdk_thread *thread)
{
	int passes = 0;

	while (spdk_thread_poll(thread, 0, 0) > 0) {
		passes++;
	}
	return passes;
}

static inline void
destroy_thread(struct spdk_thread *thread)
{
	spdk_set_thread(thread);
	spdk_thread_exit(thread);
	drain(thread);
	assert_true(spdk_thread_is_exited(thread));
	spdk_thread_destroy(thread);
}

#endif /* THREAD_FIXTURE_H */
