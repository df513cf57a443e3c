/* SPDX-License-Identifier: BSD-3-Clause */

/* spdk_spinlock: a lock for short sections between SPDK threads that aborts when it is misused. */

#include "lib/thread/thread_internal.h"

#include "spdk/log.h"

#ifdef DEBUG
#include <execinfo.h>
#endif

enum spin_error {
	SPIN_OK,
	SPIN_NOT_SPDK_THREAD,
	SPIN_DEADLOCK,
	SPIN_WRONG_THREAD,
	SPIN_PTHREAD,
	SPIN_LOCK_HELD,
	SPIN_LOCK_COUNT,
	SPIN_HOLD_DURING_SWITCH,
	SPIN_DESTROYED,
	SPIN_NOT_INITIALIZED,
};

static const char *const g_error_texts[] = {
	[SPIN_OK] = "No error",
	[SPIN_NOT_SPDK_THREAD] = "Not an SPDK thread",
	[SPIN_DEADLOCK] = "Deadlock detected",
	[SPIN_WRONG_THREAD] = "Unlock on wrong SPDK thread",
	[SPIN_PTHREAD] = "Error from pthread_spinlock",
	[SPIN_LOCK_HELD] = "Destroying a held spinlock",
	[SPIN_LOCK_COUNT] = "Lock count is invalid",
	[SPIN_HOLD_DURING_SWITCH] = "Lock(s) held while SPDK thread going off CPU",
	[SPIN_DESTROYED] = "Lock has been destroyed",
	[SPIN_NOT_INITIALIZED] = "Lock has not been initialized",
};

/* Attempts before the processor is given away: the holder may be waiting for it. */
#define TRIES_BEFORE_YIELD 128

/* ---- where a lock was last used, in debug builds ---- */

#define STACK_FRAMES 16

struct spin_stack {
	void *frames[STACK_FRAMES];
	int depth;
};

struct spdk_spinlock_internal {
	struct spin_stack init;
	struct spin_stack lock;
	struct spin_stack unlock;
};

#ifdef DEBUG
static void
record_stack(struct spdk_spinlock *sspin, size_t offset)
{
	struct spin_stack *stack;

	if (sspin->internal != NULL) {
		stack = (struct spin_stack *)((uint8_t *)sspin->internal + offset);
		stack->depth = backtrace(stack->frames, STACK_FRAMES);
	}
}

static void
print_stack(const char *title, const struct spin_stack *stack)
{
	char **symbols;
	int i;

	SPDK_ERRLOG("  %s:\n", title);
	symbols = backtrace_symbols(stack->frames, stack->depth);
	for (i = 0; symbols != NULL && i < stack->depth; i++) {
		SPDK_ERRLOG("    #%d: %s\n", i, symbols[i]);
	}
	free(symbols);
}

static void
print_stacks(const struct spdk_spinlock *sspin)
{
	if (sspin != NULL && sspin->initialized && sspin->internal != NULL) {
		SPDK_ERRLOG("spinlock %p\n", sspin);
		print_stack("initialized", &sspin->internal->init);
		print_stack("last locked", &sspin->internal->lock);
		print_stack("last unlocked", &sspin->internal->unlock);
	}
}

#define RECORD_STACK(sspin, which) record_stack(sspin, offsetof(struct spdk_spinlock_internal, which))
#else
#define RECORD_STACK(sspin, which) ((void)(sspin))
#define print_stacks(sspin) ((void)(sspin))
#endif

/* ---- misuse ---- */

static void
fail(const struct spdk_spinlock *sspin, enum spin_error error, const char *condition)
{
	SPDK_ERRLOG("unrecoverable spinlock error %d: %s (%s)\n", error, g_error_texts[error], condition);
	print_stacks(sspin);
	abort();
}

#define REQUIRE(condition, error, sspin) \
	do { \
		if (spdk_unlikely(!(condition))) { \
			fail(sspin, error, #condition); \
		} \
	} while (0)

void
thread_fail_locks_held(const struct spdk_thread *thread)
{
	REQUIRE(thread->lock_count == 0, SPIN_HOLD_DURING_SWITCH, NULL);
}

static struct env_spinlock *
os_lock(struct spdk_spinlock *sspin)
{
	_Static_assert(sizeof(struct env_spinlock) == sizeof(sspin->spinlock), "the public field is lib/env's lock");

	return (struct env_spinlock *)(uintptr_t)&sspin->spinlock;
}

/* Others write the owner while this thread compares it with itself; what it reads is exact only if it is the owner. */
static struct spdk_thread *
owner(const struct spdk_spinlock *sspin)
{
	return __atomic_load_n(&sspin->thread, __ATOMIC_RELAXED);
}

static void
set_owner(struct spdk_spinlock *sspin, struct spdk_thread *thread)
{
	__atomic_store_n(&sspin->thread, thread, __ATOMIC_RELAXED);
}

/* ---- the interface ---- */

void
spdk_spin_init(struct spdk_spinlock *sspin)
{
	memset(sspin, 0, sizeof(*sspin));
	REQUIRE(env_spinlock_init(os_lock(sspin)) == 0, SPIN_PTHREAD, sspin);
#ifdef DEBUG
	/* Without memory there is just less to print. */
	sspin->internal = calloc(1, sizeof(*sspin->internal));
	RECORD_STACK(sspin, init);
#endif
	sspin->initialized = true;
}

void
spdk_spin_destroy(struct spdk_spinlock *sspin)
{
	REQUIRE(!sspin->destroyed, SPIN_DESTROYED, sspin);
	REQUIRE(sspin->initialized, SPIN_NOT_INITIALIZED, sspin);
	REQUIRE(owner(sspin) == NULL, SPIN_LOCK_HELD, sspin);

	env_spinlock_destroy(os_lock(sspin));
	free(sspin->internal);
	sspin->internal = NULL;
	sspin->initialized = false;
	sspin->destroyed = true;
}

static void
acquire(struct spdk_spinlock *sspin)
{
	uint32_t tries = 0;

	while (!env_spinlock_try_lock(os_lock(sspin))) {
		if (++tries % TRIES_BEFORE_YIELD == 0) {
			env_thread_yield();
		} else {
			spdk_pause();
		}
	}
}

void
spdk_spin_lock(struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = thread_current();

	REQUIRE(!sspin->destroyed, SPIN_DESTROYED, sspin);
	REQUIRE(sspin->initialized, SPIN_NOT_INITIALIZED, sspin);
	REQUIRE(thread != NULL, SPIN_NOT_SPDK_THREAD, sspin);
	REQUIRE(thread != owner(sspin), SPIN_DEADLOCK, sspin);

	acquire(sspin);
	set_owner(sspin, thread);
	thread->lock_count++;
	RECORD_STACK(sspin, lock);
}

void
spdk_spin_unlock(struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = thread_current();

	REQUIRE(!sspin->destroyed, SPIN_DESTROYED, sspin);
	REQUIRE(sspin->initialized, SPIN_NOT_INITIALIZED, sspin);
	REQUIRE(thread != NULL, SPIN_NOT_SPDK_THREAD, sspin);
	REQUIRE(thread == owner(sspin), SPIN_WRONG_THREAD, sspin);
	REQUIRE(thread->lock_count > 0, SPIN_LOCK_COUNT, sspin);

	RECORD_STACK(sspin, unlock);
	thread->lock_count--;
	set_owner(sspin, NULL);
	env_spinlock_unlock(os_lock(sspin));
}

bool
spdk_spin_held(struct spdk_spinlock *sspin)
{
	struct spdk_thread *thread = thread_current();

	REQUIRE(thread != NULL, SPIN_NOT_SPDK_THREAD, sspin);
	return owner(sspin) == thread;
}
