/* SPDX-License-Identifier: BSD-3-Clause */

/* Options, cores and threads. Each test starts the environment in a process of its own, as it binds the thread. */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

static char g_logged[1024];

static void
take_log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	vsnprintf(g_logged, sizeof(g_logged), format, args);
}

static struct spdk_env_opts
make_opts(const char *mask, const char *map)
{
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};

	spdk_env_opts_init(&opts);
	opts.core_mask = mask;
	opts.lcore_map = map;
	return opts;
}

static int
start(const char *mask, const char *map)
{
	struct spdk_env_opts opts = make_opts(mask, map);
	int rc = spdk_env_init(&opts);

	if (rc == 0) {
		spdk_env_fini();
	}
	return rc;
}

/* The CPUs that this process may use, and their number. */
static uint32_t
get_allowed(uint32_t *cpus, uint32_t max)
{
	cpu_set_t set;
	uint32_t count = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && count < max; cpu++) {
		if (CPU_ISSET(cpu, &set)) {
			cpus[count++] = cpu;
		}
	}
	return count;
}

/* Runs a test in a child, so that it may bind threads and start the environment anew. */
static void
in_child(void (*test)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child: there cmocka's assertions have nobody to tell. */
#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s; logged: %s\n", __FILE__, __LINE__, #cond, g_logged); \
			_exit(1); \
		} \
	} while (0)

static void
child_defaults(void)
{
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};
	uint32_t cpus[64], count = get_allowed(cpus, 64), core;
	struct spdk_cpuset set;

	CHECK(spdk_env_get_core_count() == 0);
	CHECK(spdk_env_get_current_core() == SPDK_ENV_LCORE_ID_ANY);
	CHECK(spdk_env_get_main_core() == SPDK_ENV_LCORE_ID_ANY);
	CHECK(spdk_env_get_first_core() == SPDK_ENV_LCORE_ID_ANY);
	CHECK(spdk_env_init(NULL) == -EINVAL);
	spdk_env_opts_init(&opts);
	CHECK(opts.opts_size == sizeof(opts));
	CHECK(strcmp(opts.core_mask, "0x1") == 0 && opts.main_core == -1 && opts.mem_size == -1 && opts.shm_id == -1);
	CHECK(spdk_env_init(&opts) == 0);
	/* One core, not bound. */
	CHECK(spdk_env_get_core_count() == 1);
	CHECK(spdk_env_get_current_core() == 0);
	CHECK(get_allowed(cpus, 64) == count);
	SPDK_ENV_FOREACH_CORE (core) {
		CHECK(core == 0);
	}
	spdk_env_get_cpuset(&set);
	CHECK(strcmp(spdk_cpuset_fmt(&set), "1") == 0);
	CHECK(spdk_env_init(&opts) == -EINVAL);
	CHECK(spdk_env_init(NULL) == 0);
	spdk_env_fini();
	CHECK(spdk_env_init(NULL) == 0);
	CHECK(spdk_env_get_core_count() == 1);
	spdk_env_fini();
}

static void
defaults(void **state)
{
	in_child(child_defaults);
}

static void
child_mask(void)
{
	uint32_t cpus[64], count = get_allowed(cpus, 64), now[64];
	char mask[64];
	struct spdk_env_opts opts;
	struct spdk_cpuset set;

	snprintf(mask, sizeof(mask), "[%u]", cpus[count - 1]);
	opts = make_opts(mask, NULL);
	CHECK(spdk_env_init(&opts) == 0);
	CHECK(spdk_env_get_core_count() == 1);
	CHECK(spdk_env_get_first_core() == cpus[count - 1]);
	CHECK(spdk_env_get_last_core() == cpus[count - 1]);
	CHECK(spdk_env_get_current_core() == cpus[count - 1]);
	CHECK(spdk_env_get_main_core() == cpus[count - 1]);
	/* Bound, as it was asked for. */
	CHECK(get_allowed(now, 64) == 1 && now[0] == cpus[count - 1]);
	CHECK(spdk_env_get_numa_id(cpus[count - 1]) >= 0);
	CHECK(spdk_env_get_numa_id(1000) == SPDK_ENV_NUMA_ID_ANY);
	CHECK(!spdk_env_core_get_smt_cpuset(&set, 1000));
	if (spdk_env_core_get_smt_cpuset(&set, cpus[count - 1])) {
		CHECK(spdk_cpuset_get_cpu(&set, cpus[count - 1]));
	}
	spdk_env_fini();
	/* The process has not forgotten its other CPUs. */
	snprintf(mask, sizeof(mask), "[%u]", cpus[0]);
	CHECK(start(mask, NULL) == 0 || count == 1);
}

static void
mask_given(void **state)
{
	in_child(child_mask);
}

static void
child_unaffinitized_cb_parent(void)
{
	uint32_t cpus[64], count = get_allowed(cpus, 64), now[64];
	struct spdk_env_opts opts;
	char mask[64];

	snprintf(mask, sizeof(mask), "[%u]", cpus[0]);
	opts = make_opts(mask, NULL);
	CHECK(spdk_env_init(&opts) == 0);
	CHECK(get_allowed(now, 64) == 1);
	spdk_unaffinitize_thread();
	CHECK(get_allowed(now, 64) == count);
	spdk_unaffinitize_thread();
	CHECK(get_allowed(now, 64) == count);
	spdk_env_fini();
}

static void *
count_allowed(void *arg)
{
	uint32_t cpus[64];

	return (void *)(uintptr_t)get_allowed(cpus, 64);
}

static void
child_call_unaffinitized(void)
{
	uint32_t cpus[64], count = get_allowed(cpus, 64), now[64];
	struct spdk_env_opts opts;
	char mask[64];

	snprintf(mask, sizeof(mask), "[%u]", cpus[0]);
	opts = make_opts(mask, NULL);
	CHECK(spdk_env_init(&opts) == 0);
	CHECK((uintptr_t)spdk_call_unaffinitized(count_allowed, NULL) == count);
	CHECK(get_allowed(now, 64) == 1);
	CHECK(spdk_call_unaffinitized(NULL, NULL) == NULL);
	spdk_env_fini();
}

static void
unaffinitized(void **state)
{
	in_child(child_unaffinitized_cb_parent);
	in_child(child_call_unaffinitized);
}

static void
child_map(void)
{
	uint32_t cpus[64], count = get_allowed(cpus, 64), now[64], core, seen = 0;
	struct spdk_env_opts opts;
	struct spdk_cpuset set;
	char map[128];

	/* Cores need not have the numbers of CPUs, and may share them. */
	snprintf(map, sizeof(map), "5@%u,(7,9-10)@(%u,%u)", cpus[count - 1], cpus[0], cpus[count - 1]);
	opts = make_opts(NULL, map);
	opts.main_core = 9;
	CHECK(spdk_env_init(&opts) == 0);
	CHECK(spdk_env_get_core_count() == 4);
	CHECK(spdk_env_get_main_core() == 9);
	CHECK(spdk_env_get_current_core() == 9);
	CHECK(get_allowed(now, 64) == spdk_min(count, 2));
	SPDK_ENV_FOREACH_CORE (core) {
		seen = seen * 100 + core;
	}
	CHECK(seen == 5070910);
	CHECK(spdk_env_get_next_core(5) == 7);
	CHECK(spdk_env_get_next_core(10) == SPDK_ENV_LCORE_ID_ANY);
	CHECK(env_core_get_cpus(5, &set) == 0 && spdk_cpuset_count(&set) == 1);
	CHECK(env_core_get_cpus(6, &set) == -EINVAL);
	spdk_env_fini();
}

static void
map_given(void **state)
{
	in_child(child_map);
}

static void
child_wrong(void)
{
	static const char *const bad_masks[] = {"", "x", "[", "[]", "0", "0x", "[1-0]", "[5000]"};
	static const char *const bad_maps[] = {
		"", "a", "0@", "@1", "0@0,", "(0@0", "0@(0", "0@0x", "0@0,0@0", "1-0", "9999"};
	uint32_t cpus[64], count = get_allowed(cpus, 64);
	struct spdk_env_opts opts;

	for (size_t i = 0; i < SPDK_COUNTOF(bad_masks); i++) {
		CHECK(start(bad_masks[i], NULL) == -EINVAL);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(bad_maps); i++) {
		CHECK(start(NULL, bad_maps[i]) == -EINVAL);
	}
	CHECK(start(NULL, NULL) == -EINVAL);
	CHECK(start("0x1", "0@0") == -EINVAL);
	/* A CPU that is not there is named. */
	g_logged[0] = '\0';
	CHECK(start("[1000]", NULL) == -EINVAL);
	CHECK(strstr(g_logged, "CPU 1000 ") != NULL);
	CHECK(start(NULL, "0@1001") == -EINVAL);
	CHECK(strstr(g_logged, "CPU 1001 ") != NULL);
	opts = make_opts("0x1", NULL);
	opts.main_core = 99;
	CHECK(spdk_env_init(&opts) == -EINVAL);
	opts = make_opts("0x1", NULL);
	opts.opts_size = 0;
	CHECK(spdk_env_init(&opts) == -EINVAL);
	spdk_env_opts_init(NULL);
	spdk_env_opts_init(&opts);
	/* Nothing of it stuck. */
	CHECK(spdk_env_get_core_count() == 0);
	CHECK(get_allowed(cpus, 64) == count);
	CHECK(spdk_env_init(NULL) == -EINVAL);
}

static void
wrong_options(void **state)
{
	in_child(child_wrong);
}

static void
child_old_caller(void)
{
	struct {
		struct spdk_env_opts opts;
		uint8_t beyond;
	} old;

	/* A caller whose structure ends earlier: nothing behind that is written or read. */
	memset(&old, 0xee, sizeof(old));
	old.opts.opts_size = SPDK_SIZEOF(&old.opts, opts_size);
	spdk_env_opts_init(&old.opts);
	CHECK(old.opts.opts_size == SPDK_SIZEOF(&old.opts, opts_size));
	CHECK(*(uint8_t *)&old.opts.enforce_numa == 0xee);
	CHECK(spdk_env_init(&old.opts) == 0);
	spdk_env_fini();
}

static void
old_callers(void **state)
{
	in_child(child_old_caller);
}

/* ---- Threads ---- */

static uint32_t g_seen_core;
static bool g_go;

static int
note_core(void *arg)
{
	while (arg != NULL && !__atomic_load_n(&g_go, __ATOMIC_ACQUIRE)) {
		env_thread_yield();
	}
	__atomic_store_n(&g_seen_core, spdk_env_get_current_core(), __ATOMIC_RELEASE);
	return 0;
}

static void
child_pinned(void)
{
	uint32_t cpus[64];
	struct spdk_env_opts opts;
	char map[64];

	get_allowed(cpus, 64);
	snprintf(map, sizeof(map), "1@%u,2@%u", cpus[0], cpus[0]);
	opts = make_opts(NULL, map);
	CHECK(spdk_env_init(&opts) == 0);
	CHECK(spdk_env_thread_launch_pinned(1, note_core, NULL) == -EBUSY);
	CHECK(spdk_env_thread_launch_pinned(3, note_core, NULL) == -EINVAL);
	CHECK(spdk_env_thread_launch_pinned(2, note_core, &opts) == 0);
	CHECK(spdk_env_thread_launch_pinned(2, note_core, NULL) == -EBUSY);
	__atomic_store_n(&g_go, true, __ATOMIC_RELEASE);
	spdk_env_thread_wait_all();
	CHECK(g_seen_core == 2);
	g_seen_core = 0;
	CHECK(spdk_env_thread_launch_pinned(2, note_core, NULL) == 0);
	spdk_env_thread_wait_all();
	CHECK(g_seen_core == 2);
	spdk_env_thread_wait_all();
	spdk_env_fini();
}

static void
pinned_threads(void **state)
{
	in_child(child_pinned);
}

struct meeting {
	struct env_mutex mutex;
	struct env_cond cond;
	struct env_spinlock spinlock;
	int turn;
	int sum;
};

static void *
meet(void *arg)
{
	struct meeting *meeting = arg;
	sigset_t blocked;

	for (int i = 0; i < 100; i++) {
		ENV_MUTEX_SCOPE(&meeting->mutex);
		while (meeting->turn != 1) {
			env_cond_wait(&meeting->cond, &meeting->mutex);
		}
		meeting->turn = 0;
		env_cond_signal(&meeting->cond);
	}
	for (int i = 0; i < 10000; i++) {
		env_spinlock_lock(&meeting->spinlock);
		meeting->sum++;
		env_spinlock_unlock(&meeting->spinlock);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return sigismember(&blocked, SIGTERM) && spdk_env_get_current_core() == SPDK_ENV_LCORE_ID_ANY ? meeting : NULL;
}

static void
locks_and_threads(void **state)
{
	struct meeting meeting = {.turn = 0};
	struct env_thread *thread;

	assert_int_equal(env_mutex_init(&meeting.mutex), 0);
	assert_int_equal(env_cond_init(&meeting.cond), 0);
	assert_int_equal(env_spinlock_init(&meeting.spinlock), 0);
	assert_int_equal(env_thread_create(&thread, "a_rather_long_name", meet, &meeting, 12345), -EINVAL);
	assert_int_equal(env_thread_create(&thread, "a_rather_long_name", meet, &meeting, ENV_THREAD_CPU_ANY), 0);
	for (int i = 0; i < 100; i++) {
		ENV_MUTEX_SCOPE(&meeting.mutex);
		meeting.turn = 1;
		env_cond_broadcast(&meeting.cond);
		while (meeting.turn != 0) {
			env_cond_wait_for(&meeting.cond, &meeting.mutex, 1000000);
		}
	}
	for (int i = 0; i < 10000; i++) {
		env_spinlock_lock(&meeting.spinlock);
		meeting.sum++;
		env_spinlock_unlock(&meeting.spinlock);
	}
	assert_ptr_equal(env_thread_join(thread), &meeting);
	assert_int_equal(meeting.sum, 20000);
	assert_true(env_mutex_try_lock(&meeting.mutex));
	assert_false(env_mutex_try_lock(&meeting.mutex));
	assert_false(env_cond_wait_for(&meeting.cond, &meeting.mutex, 1000));
	env_mutex_unlock(&meeting.mutex);
	assert_true(env_spinlock_try_lock(&meeting.spinlock));
	assert_false(env_spinlock_try_lock(&meeting.spinlock));
	env_spinlock_unlock(&meeting.spinlock);
	env_spinlock_destroy(&meeting.spinlock);
	env_cond_destroy(&meeting.cond);
	env_mutex_destroy(&meeting.mutex);
	assert_int_equal(env_mutex_init_recursive(&meeting.mutex), 0);
	env_mutex_lock(&meeting.mutex);
	env_mutex_lock(&meeting.mutex);
	env_mutex_unlock(&meeting.mutex);
	env_mutex_unlock(&meeting.mutex);
	env_mutex_destroy(&meeting.mutex);
}

static void
numa_nodes(void **state)
{
	int32_t node, last = -1;

	SPDK_ENV_FOREACH_NUMA_ID (node) {
		assert_true(node > last);
		last = node;
	}
	assert_true(last >= 0);
	assert_int_equal(spdk_env_get_last_numa_id(), last);
	assert_int_equal(spdk_env_get_next_numa_id(last), INT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(mask_given),
		cmocka_unit_test(unaffinitized),
		cmocka_unit_test(map_given),
		cmocka_unit_test(wrong_options),
		cmocka_unit_test(old_callers),
		cmocka_unit_test(pinned_threads),
		cmocka_unit_test(locks_and_threads),
		cmocka_unit_test(numa_nodes),
	};

	spdk_log_open(take_log_cb);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
