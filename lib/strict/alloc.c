/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Allocations that callbacks make. Three ways lead here: spdk_malloc() and its relatives, by a hook of lib/env; under a
 * sanitizer, its own hooks; otherwise the allocation functions of interpose.c, which the program or a preloaded library
 * brings along. Without one of the last two malloc() is not seen.
 */

#include "lib/strict/strict_internal.h"

#include "lib/env/env_internal.h"
#include "spdk/util.h"

#include <dlfcn.h>
#include <execinfo.h>

__thread uint32_t g_strict_own_allocations __attribute__((tls_model("initial-exec")));

/* Of interpose.c, if that is there: what it calls for each allocation. */
extern void (*bdk_strict_malloc_hook)(const void *caller) __attribute__((weak));

/* Of the run-time library of a sanitizer, if there is one. */
extern int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
	void (*free_hook)(const volatile void *)) __attribute__((weak));

static inline bool
is_counting(void)
{
	return g_strict_frame != NULL && g_strict_own_allocations == 0;
}

static void
note(const void *caller)
{
	struct strict_frame *frame = g_strict_frame;

	if (frame->allocations++ == 0) {
		frame->allocated_at = caller;
	}
}

static void
env_hook(const void *caller)
{
	if (is_counting()) {
		note(caller);
	}
}

/* The file that an address is in. */
static const void *
get_file(const void *pc)
{
	Dl_info info;

	return dladdr(pc, &info) != 0 ? info.dli_fbase : NULL;
}

/* The first frame outside the sanitizer's library, this function and the C library, which allocates for its callers. */
static const void *
find_caller(void)
{
	static _Thread_local const void *skipped[2];
	void *frames[12];
	int depth = backtrace(frames, SPDK_COUNTOF(frames));

	if (skipped[0] == NULL) {
		skipped[0] = get_file((void *)(uintptr_t)__sanitizer_install_malloc_and_free_hooks);
		skipped[1] = get_file((void *)(uintptr_t)getenv);
	}
	for (int i = 3; i < depth; i++) {
		const void *file = get_file(frames[i]);

		if (file != skipped[0] && file != skipped[1]) {
			return (char *)frames[i] - 1;
		}
	}
	return depth > 0 ? frames[depth - 1] : NULL;
}

static void
sanitizer_malloc_hook(const volatile void *ptr, size_t size)
{
	const void *caller;

	if (is_counting()) {
		g_strict_own_allocations++;
		caller = g_strict_frame->allocations == 0 ? find_caller() : NULL;
		g_strict_own_allocations--;
		note(caller);
	}
}

static void
sanitizer_free_hook(const volatile void *ptr)
{
}

void
strict_alloc_start(void)
{
	static bool started;
	void *frames[2];

	if (started) {
		return;
	}
	started = true;
	/* The first call allocates. */
	backtrace(frames, SPDK_COUNTOF(frames));
	g_env_malloc_hook = env_hook;
	if (__sanitizer_install_malloc_and_free_hooks != NULL) {
		__sanitizer_install_malloc_and_free_hooks(sanitizer_malloc_hook, sanitizer_free_hook);
	} else if (&bdk_strict_malloc_hook != NULL) {
		bdk_strict_malloc_hook = env_hook;
	}
}
