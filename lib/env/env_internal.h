/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the rest of the library asks of the operating system beyond spdk/env.h: time, random numbers, locks, system
 * threads. Nothing above lib/env calls clock_gettime, rand, usleep, pthread_* or sched_* itself, so that the whole
 * stack can run in one system thread, under a virtual clock and from one seed.
 */

#ifndef BDEVKIT_ENV_INTERNAL_H
#define BDEVKIT_ENV_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"

#include <sys/socket.h>

/* ---- Clock (clock.c) ---- */

/*
 * Replaces the clock of the whole process by one that moves only when told, from 0, at 1 GHz (a tick is a
 * nanosecond). spdk_delay_us() and env_sleep_us() move it instead of waiting. Call it before threads run.
 * false brings the real clock back.
 */
void env_clock_set_virtual(bool enable);
bool env_clock_is_virtual(void);

/* Moves the virtual clock forward. Ignored while the real clock is in use. */
void env_clock_advance(uint64_t ticks);

/* Wall-clock time; with the virtual clock, the virtual time since 1970. */
void env_clock_get_wall(struct timespec *ts);

/* Gives the processor away for at least so long. */
void env_sleep_us(uint64_t us);
/* The same in real time, also with the virtual clock. */
void env_sleep_real_us(uint64_t us);

/* ---- Random numbers (random.c) ---- */

/*
 * Starts the generators from a seed: from now on env_random_u64() and env_random_bytes() give a sequence that depends
 * on the seed only, per thread in the order in which threads first ask. Without it they come from the kernel.
 */
void env_random_seed(uint64_t seed);
uint64_t env_random_u64(void);

/* Unpredictable to others unless env_random_seed() was called: fit for identifiers and secrets. */
void env_random_bytes(void *buf, size_t len);

/* ---- Unix sockets (unix_socket.c) ---- */

/*
 * Binds a socket and lets clients in. Its file, for its owner only, appears when they can connect. 0, or a negative errno;
 * -EADDRINUSE: there is a file of that name.
 */
int env_unix_listen(int fd, const struct sockaddr *addr, socklen_t addrlen, int backlog);

/* ---- Locks (sync.c) ---- */

struct env_mutex {
	pthread_mutex_t handle;
};

#define ENV_MUTEX_INITIALIZER \
	{ \
		.handle = PTHREAD_MUTEX_INITIALIZER \
	}

int env_mutex_init(struct env_mutex *mutex);
/* May be locked again by the thread that holds it. */
int env_mutex_init_recursive(struct env_mutex *mutex);
void env_mutex_destroy(struct env_mutex *mutex);
void env_mutex_lock(struct env_mutex *mutex);
bool env_mutex_try_lock(struct env_mutex *mutex);
void env_mutex_unlock(struct env_mutex *mutex);

static inline void
env_mutex_unlock_scope(struct env_mutex **mutex)
{
	env_mutex_unlock(*mutex);
}

/* Locks until the enclosing block is left, by whatever way. */
#define ENV_MUTEX_SCOPE(mutex) ENV_MUTEX_SCOPE_LINE(mutex, __LINE__)
#define ENV_MUTEX_SCOPE_LINE(mutex, line) ENV_MUTEX_SCOPE_NAME(mutex, line)
#define ENV_MUTEX_SCOPE_NAME(mutex, line) \
	__attribute__((cleanup(env_mutex_unlock_scope), unused)) struct env_mutex *scoped_mutex_##line = (mutex); \
	env_mutex_lock(scoped_mutex_##line)

struct env_cond {
	pthread_cond_t handle;
};

int env_cond_init(struct env_cond *cond);
void env_cond_destroy(struct env_cond *cond);
void env_cond_wait(struct env_cond *cond, struct env_mutex *mutex);
/* Returns false when timeout_us passed before a signal came. */
bool env_cond_wait_for(struct env_cond *cond, struct env_mutex *mutex, uint64_t timeout_us);
void env_cond_signal(struct env_cond *cond);
void env_cond_broadcast(struct env_cond *cond);

struct env_spinlock {
	pthread_spinlock_t handle;
};

int env_spinlock_init(struct env_spinlock *lock);
void env_spinlock_destroy(struct env_spinlock *lock);
void env_spinlock_lock(struct env_spinlock *lock);
bool env_spinlock_try_lock(struct env_spinlock *lock);
void env_spinlock_unlock(struct env_spinlock *lock);

/* ---- System threads (thread.c) ---- */

/* Starts on every CPU that the process may use. */
#define ENV_THREAD_CPU_ANY UINT32_MAX

struct env_thread;

/*
 * Starts a system thread. name: up to 15 characters are shown by the system. core: one of the environment's cores,
 * whose CPUs the thread is bound to and which spdk_env_get_current_core() then returns in it; or ENV_THREAD_CPU_ANY.
 * The thread blocks all signals, so that they reach the threads of the application.
 *
 * Returns 0, -EINVAL for a core that the environment does not have, or a negative errno. *thread must be given to
 * env_thread_join().
 */
int env_thread_create(struct env_thread **thread, const char *name, void *(*fn)(void *arg), void *arg, uint32_t core);

/* Waits until the thread has returned, and returns what it returned. */
void *env_thread_join(struct env_thread *thread);

/* Names the calling system thread. */
void env_thread_set_name(const char *name);
/* Its name, cut to what fits with a terminating zero. */
void env_thread_get_name(char *name, size_t size);

/* Lets another thread run on this CPU first. */
void env_thread_yield(void);

/* What the calling thread has used since its start, in real time, also with the virtual clock. */
struct env_thread_usage {
	/* Of a clock that starts anywhere. */
	uint64_t wall_ns;
	uint64_t cpu_ns;
	/* Ready to run, but without a CPU; 0 unless knows_wait. */
	uint64_t wait_ns;
	bool knows_wait;
	/* How often it has given up its CPU to wait for something. */
	uint64_t sleeps;
};

void env_thread_get_usage(struct env_thread_usage *usage);

/* The CPUs that a core stands for. -EINVAL if the environment has no such core. */
int env_core_get_cpus(uint32_t core, struct spdk_cpuset *cpus);

/* ---- Memory (heap.c) ---- */

struct env_memory_stats {
	/* Buffers that spdk_malloc() and its relatives have given out, and their sizes together. */
	uint64_t buffers;
	uint64_t bytes;
	/* Address space held for them. */
	uint64_t mapped_bytes;
	/* Part of it that consists of reserved huge pages. */
	uint64_t huge_bytes;
};

/* Bytes of buffers that the process may have at most, as spdk_env_opts.mem_size says; 0: no bound. */
uint64_t env_memory_get_limit(void);

void env_memory_get_stats(struct env_memory_stats *stats);

/*
 * Makes the kernel back a buffer of spdk_malloc() with transparent huge pages where it can: for large buffers that
 * will be used whole, such as the data of a malloc bdev. Costs memory up to 2 MiB for each part that is touched.
 */
void env_memory_prefer_huge(void *buf, size_t len);

/*
 * Makes a part of a buffer of spdk_malloc() read as zeroes, and gives the whole pages in it back to the system: a
 * system call, where there are any.
 */
void env_memory_discard(void *buf, size_t len);

/*
 * Says that the kernel, or a device, holds the pages of the 2 MiB at vaddr: until env_memory_unpin(), or until the memory is
 * given back altogether, what would take other pages in their place does not happen. Memory that is not spdk_malloc()'s
 * is its owner's care. Each 2 MiB is pinned once or not at all.
 */
void env_memory_pin(void *vaddr);
void env_memory_unpin(void *vaddr);

/*
 * Lets allocations of spdk_malloc() and its relatives fail, for tests: the next `after` succeed, then `count` fail.
 * Counts on all threads together. (0, 0) ends it.
 */
void env_memory_inject_failure(uint64_t after, uint64_t count);

/* Called by spdk_malloc() and its relatives with the address of the call; NULL: nobody. Set before threads run. */
extern void (*g_env_malloc_hook)(const void *caller);

/* ---- Secrets (secret.c) ---- */

/*
 * Memory for keys: left out of core dumps, kept out of swap as far as RLIMIT_MEMLOCK allows, and wiped when it is freed.
 * Zeroes, at a multiple of 16 bytes, at most 64 KiB less 16 bytes at a time. NULL: there is none. Any thread.
 */
void *env_secret_alloc(size_t size);
/* Returns NULL if there is none, and secret stays as it is. */
void *env_secret_realloc(void *secret, size_t size);
void env_secret_free(void *secret);
/* Whether an address is within such memory. */
bool env_secret_owns(const void *address);

/* ---- Shared memory (shm.c) ---- */

/*
 * Makes a file of size zeroes in shared memory, with all the memory that it needs, and maps it. It takes the place of
 * another one of that name, which begins with "/". Only this user may open it. Returns 0 or a negative errno.
 */
int env_shm_create(const char *name, size_t size, void **addr);
/* Ends the mapping. The file stays until it is removed. */
void env_shm_unmap(void *addr, size_t size);
void env_shm_remove(const char *name);

#endif /* BDEVKIT_ENV_INTERNAL_H */
