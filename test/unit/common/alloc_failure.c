/* SPDX-License-Identifier: BSD-3-Clause */

#include "alloc_failure.h"
#include "spdk/env.h"

#include <setjmp.h>
#include <cmocka.h>

/* Only builds with AddressSanitizer have it. 0: no leak so far. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* Allocations while it was armed. */
static uint64_t g_count;
/* The one that fails; 0: none. */
static uint64_t g_fail_at;
/* All that follow it, too. */
static bool g_fail_on;
static bool g_armed;

void
alloc_arm(void)
{
	g_armed = true;
}

void
alloc_disarm(void)
{
	g_armed = false;
}

static bool
fails(void)
{
	if (!g_armed) {
		return false;
	}
	g_count++;
	return g_fail_at != 0 && (g_fail_on ? g_count >= g_fail_at : g_count == g_fail_at);
}

#define WRAP(type, name, params, args) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params \
	{ \
		return fails() ? NULL : __real_##name args; \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *ptr, size_t size), (ptr, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(void *, env_secret_alloc, (size_t size), (size))
WRAP(void *, spdk_malloc, (size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags),
	(size, align, unused, numa_id, flags))
WRAP(void *, spdk_zmalloc, (size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags),
	(size, align, unused, numa_id, flags))

static int
run_with_failure(const struct alloc_scenario *scenario, uint64_t fail_at, bool fail_on)
{
	int rc;

	g_count = 0;
	g_fail_at = fail_at;
	g_fail_on = fail_on;
	rc = scenario->run(scenario->arg);
	assert_false(g_armed);
	g_fail_at = 0;
	return rc;
}

static void
check(const struct alloc_scenario *scenario, uint64_t fail_at, bool fail_on, int rc)
{
	if (rc != 0 && (rc != -ENOMEM || scenario->never_fails || fail_at == 0)) {
		fail_msg("%s: allocation %" PRIu64 "%s failed: %d", scenario->name, fail_at,
			fail_on ? " and all that follow" : "", rc);
	}
}

/* Returns the number of failures. */
static uint64_t
run_scenario(const struct alloc_scenario *scenario)
{
	uint64_t n, allocations, refused = 0;
	bool fail_on;
	int rc;

	check(scenario, 0, false, run_with_failure(scenario, 0, false));
	allocations = g_count;
	for (n = 1; n <= allocations; n++) {
		for (fail_on = false;; fail_on = true) {
			rc = run_with_failure(scenario, n, fail_on);
			check(scenario, n, fail_on, rc);
			refused += rc != 0;
			check(scenario, 0, false, run_with_failure(scenario, 0, false));
			if (fail_on) {
				break;
			}
		}
	}
	if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0) {
		fail_msg("%s: memory is lost", scenario->name);
	}
	printf("%-40s %4" PRIu64 " allocations, %4" PRIu64 " failures, %4" PRIu64 " of them refused\n", scenario->name,
		allocations, 2 * allocations, refused);
	return 2 * allocations;
}

void
alloc_run_scenarios(const struct alloc_scenario *scenarios, size_t count)
{
	const char *only = getenv("ALLOC_SCENARIO");
	uint64_t total = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < count; i++) {
		if (only == NULL || strcmp(only, scenarios[i].name) == 0) {
			total += run_scenario(&scenarios[i]);
		}
	}
	printf("%" PRIu64 " failures injected in %zu scenarios\n", total, count);
}
