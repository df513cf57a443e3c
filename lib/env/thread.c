/* SPDX-License-Identifier: BSD-3-Clause */

/* System threads: for reactors, for work that blocks, and the interface's own pinned ones. */

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#include "lib/env/cpu_internal.h"
#include "lib/env/env_internal.h"

struct env_thread {
	pthread_t handle;
	void *(*fn)(void *arg);
	void *arg;
	uint32_t core;
	char name[16];
};

int
spdk_get_tid(void)
{
	return (int)syscall(SYS_gettid);
}

void
env_thread_yield(void)
{
	sched_yield();
}

void
env_thread_set_name(const char *name)
{
	char cut[16];

	snprintf(cut, sizeof(cut), "%s", name);
	pthread_setname_np(pthread_self(), cut);
}

void
env_thread_get_name(char *name, size_t size)
{
	char full[16] = "";

	pthread_getname_np(pthread_self(), full, sizeof(full));
	snprintf(name, size, "%s", full);
}

static void *
run_thread(void *arg)
{
	struct env_thread *thread = arg;

	env_thread_set_name(thread->name);
	if (thread->core != ENV_THREAD_CPU_ANY) {
		int rc = cpu_enter_core(thread->core);

		if (rc != 0) {
			/* CPUs can be taken away while we run; work goes on where the system lets it. */
			SPDK_WARNLOG("Thread %s cannot be bound to core %u: %s\n", thread->name, thread->core,
				strerror(-rc));
		}
	} else {
		spdk_unaffinitize_thread();
	}
	return thread->fn(thread->arg);
}

/* Starts a thread that blocks all signals, which it inherits from us. */
static int
start_thread(struct env_thread *thread)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread->handle, NULL, run_thread, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int
env_thread_create(struct env_thread **out, const char *name, void *(*fn)(void *arg), void *arg, uint32_t core)
{
	struct env_thread *thread;
	struct spdk_cpuset cpus;
	int rc;

	if (core != ENV_THREAD_CPU_ANY && env_core_get_cpus(core, &cpus) != 0) {
		return -EINVAL;
	}
	thread = calloc(1, sizeof(*thread));
	if (thread == NULL) {
		return -ENOMEM;
	}
	thread->fn = fn;
	thread->arg = arg;
	thread->core = core;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	rc = start_thread(thread);
	if (rc != 0) {
		free(thread);
		return rc;
	}
	*out = thread;
	return 0;
}

void *
env_thread_join(struct env_thread *thread)
{
	void *result = NULL;

	pthread_join(thread->handle, &result);
	free(thread);
	return result;
}

/* ---- Time ---- */

static uint64_t
read_clock(clockid_t clock)
{
	struct timespec ts = {};

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * SPDK_SEC_TO_NSEC + (uint64_t)ts.tv_nsec;
}

/* The second number of the file is the time that the thread has waited for a CPU. */
static bool
read_wait(uint64_t *wait_ns)
{
	char text[96];
	ssize_t length;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return false;
	}
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0) {
		return false;
	}
	text[length] = '\0';
	return sscanf(text, "%*u %" SCNu64, wait_ns) == 1;
}

void
env_thread_get_usage(struct env_thread_usage *usage)
{
	struct rusage rusage = {};

	memset(usage, 0, sizeof(*usage));
	getrusage(RUSAGE_THREAD, &rusage);
	usage->wall_ns = read_clock(CLOCK_MONOTONIC);
	usage->cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
	usage->sleeps = (uint64_t)rusage.ru_nvcsw;
	usage->knows_wait = read_wait(&usage->wait_ns);
}

/* ---- Affinity ---- */

void
spdk_unaffinitize_thread(void)
{
	struct spdk_cpuset allowed;

	if (cpu_get_allowed(&allowed) == 0) {
		cpu_bind_thread(&allowed);
	}
}

void *
spdk_call_unaffinitized(void *cb(void *arg), void *arg)
{
	cpu_set_t *before;
	size_t size = CPU_ALLOC_SIZE(SPDK_CPUSET_SIZE);
	bool known;
	void *result;

	if (cb == NULL) {
		return NULL;
	}
	before = CPU_ALLOC(SPDK_CPUSET_SIZE);
	known = before != NULL && sched_getaffinity(0, size, before) == 0;
	if (known) {
		spdk_unaffinitize_thread();
	}
	result = cb(arg);
	if (known) {
		sched_setaffinity(0, size, before);
	}
	CPU_FREE(before);
	return result;
}

/* ---- One function per core ---- */

struct pinned {
	uint32_t core;
	struct env_thread *thread;
	thread_start_fn fn;
	void *arg;
	bool finished;
	TAILQ_ENTRY(pinned) tailq;
};

static TAILQ_HEAD(pinned_list, pinned) g_pinned = TAILQ_HEAD_INITIALIZER(g_pinned);
static struct env_mutex g_pinned_mutex = ENV_MUTEX_INITIALIZER;

static void *
run_pinned(void *arg)
{
	struct pinned *pinned = arg;

	pinned->fn(pinned->arg);
	__atomic_store_n(&pinned->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
join_pinned(struct pinned *pinned)
{
	env_thread_join(pinned->thread);
	free(pinned);
}

/* Takes what runs on a core off the list; with only_finished, leaves it if it still runs. */
static struct pinned *
take_pinned(uint32_t core, bool only_finished)
{
	struct pinned *pinned;

	TAILQ_FOREACH (pinned, &g_pinned, tailq) {
		if (pinned->core == core) {
			if (only_finished && !__atomic_load_n(&pinned->finished, __ATOMIC_ACQUIRE)) {
				return NULL;
			}
			TAILQ_REMOVE(&g_pinned, pinned, tailq);
			return pinned;
		}
	}
	return NULL;
}

static bool
core_is_taken(uint32_t core)
{
	struct pinned *pinned;

	TAILQ_FOREACH (pinned, &g_pinned, tailq) {
		if (pinned->core == core) {
			return true;
		}
	}
	return core == spdk_env_get_main_core();
}

int
spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg)
{
	struct pinned *pinned, *done;
	char name[16];
	int rc;

	ENV_MUTEX_SCOPE(&g_pinned_mutex);
	done = take_pinned(core, true);
	if (done != NULL) {
		join_pinned(done);
	}
	if (core_is_taken(core)) {
		return -EBUSY;
	}
	pinned = calloc(1, sizeof(*pinned));
	if (pinned == NULL) {
		return -ENOMEM;
	}
	pinned->core = core;
	pinned->fn = fn;
	pinned->arg = arg;
	snprintf(name, sizeof(name), "core_%u", core);
	rc = env_thread_create(&pinned->thread, name, run_pinned, pinned, core);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot start a thread on core %u: %s\n", core, strerror(-rc));
		free(pinned);
		return rc;
	}
	TAILQ_INSERT_TAIL(&g_pinned, pinned, tailq);
	return 0;
}

void
spdk_env_thread_wait_all(void)
{
	struct pinned *pinned;

	for (;;) {
		env_mutex_lock(&g_pinned_mutex);
		pinned = TAILQ_FIRST(&g_pinned);
		if (pinned != NULL) {
			TAILQ_REMOVE(&g_pinned, pinned, tailq);
		}
		env_mutex_unlock(&g_pinned_mutex);
		if (pinned == NULL) {
			return;
		}
		join_pinned(pinned);
	}
}
