/* SPDX-License-Identifier: BSD-3-Clause */

/* Locks of the operating system. A failing lock is a bug of ours, never a state to handle. */

#include "lib/env/env_internal.h"

static void
check(int rc)
{
	if (rc != 0) {
		fprintf(stderr, "lock misused: %s\n", strerror(rc));
		abort();
	}
}

int
env_mutex_init(struct env_mutex *mutex)
{
	return -pthread_mutex_init(&mutex->handle, NULL);
}

int
env_mutex_init_recursive(struct env_mutex *mutex)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc != 0) {
		return -rc;
	}
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	rc = pthread_mutex_init(&mutex->handle, &attr);
	pthread_mutexattr_destroy(&attr);
	return -rc;
}

void
env_mutex_destroy(struct env_mutex *mutex)
{
	check(pthread_mutex_destroy(&mutex->handle));
}

void
env_mutex_lock(struct env_mutex *mutex)
{
	check(pthread_mutex_lock(&mutex->handle));
}

bool
env_mutex_try_lock(struct env_mutex *mutex)
{
	return pthread_mutex_trylock(&mutex->handle) == 0;
}

void
env_mutex_unlock(struct env_mutex *mutex)
{
	check(pthread_mutex_unlock(&mutex->handle));
}

int
env_cond_init(struct env_cond *cond)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	if (rc != 0) {
		return -rc;
	}
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&cond->handle, &attr);
	pthread_condattr_destroy(&attr);
	return -rc;
}

void
env_cond_destroy(struct env_cond *cond)
{
	check(pthread_cond_destroy(&cond->handle));
}

void
env_cond_wait(struct env_cond *cond, struct env_mutex *mutex)
{
	check(pthread_cond_wait(&cond->handle, &mutex->handle));
}

bool
env_cond_wait_for(struct env_cond *cond, struct env_mutex *mutex, uint64_t timeout_us)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(timeout_us / 1000000);
	until.tv_nsec += (long)(timeout_us % 1000000) * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	rc = pthread_cond_timedwait(&cond->handle, &mutex->handle, &until);
	if (rc == ETIMEDOUT) {
		return false;
	}
	check(rc);
	return true;
}

void
env_cond_signal(struct env_cond *cond)
{
	check(pthread_cond_signal(&cond->handle));
}

void
env_cond_broadcast(struct env_cond *cond)
{
	check(pthread_cond_broadcast(&cond->handle));
}

int
env_spinlock_init(struct env_spinlock *lock)
{
	return -pthread_spin_init(&lock->handle, PTHREAD_PROCESS_PRIVATE);
}

void
env_spinlock_destroy(struct env_spinlock *lock)
{
	check(pthread_spin_destroy(&lock->handle));
}

void
env_spinlock_lock(struct env_spinlock *lock)
{
	check(pthread_spin_lock(&lock->handle));
}

bool
env_spinlock_try_lock(struct env_spinlock *lock)
{
	return pthread_spin_trylock(&lock->handle) == 0;
}

void
env_spinlock_unlock(struct env_spinlock *lock)
{
	check(pthread_spin_unlock(&lock->handle));
}
