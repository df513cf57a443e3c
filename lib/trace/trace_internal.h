/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the trace share, and what the layers above ask of it beyond spdk/trace.h.
 *
 * Lock order: g_trace.lock, held while a trace is made and ended and while masks change; within it, as register
 * functions run under it, locks of the layers above; last the lock of the owners (trace_owner.c).
 */

#ifndef TRACE_INTERNAL_H
#define TRACE_INTERNAL_H

#include "spdk/trace.h"

#include "lib/env/env_internal.h"

/* ---- for the layers above ---- */

/*
 * What spdk_trace_init() will be called with when a trace point is first switched on. Until then nothing is made and no
 * memory taken. num_entries 0: never. -EINVAL if the name is too long, -EEXIST if there is a trace. Ended by
 * spdk_trace_cleanup().
 */
int trace_prepare(const char *shm_name, uint64_t num_entries, uint32_t num_threads);

/*
 * Is told when masks may have changed, on the thread that changed them and with no lock held, and asks what they are
 * now. Added from a constructor.
 */
struct trace_listener {
	void (*masks_changed)(void);
	struct trace_listener *next;
};

void trace_add_listener(struct trace_listener *listener);

/*
 * Switches on what a command line asks for: <group>[:<points>], with commas between; see spdk_trace_mask_usage().
 * -EINVAL if it is not of that form, -ENODEV if there will be no trace, or why it cannot be made.
 */
int trace_set_by_list(const char *list);

/* Where other programs find the file. "": there will be none. */
void trace_get_path(char *path, size_t size);

/* ---- among the files ---- */

/* Bytes of a description, with the terminating zero. */
#define TRACE_DESCRIPTION_SIZE 119
#define TRACE_NUM_OWNERS 8192
#define TRACE_NAME_SIZE 128

struct trace_state {
	struct env_mutex lock;
	/* The same as g_trace_file, but set already while the register functions run. Read with trace_file(). */
	struct spdk_trace_file *file;
	char shm_name[TRACE_NAME_SIZE];
	/* 0: not prepared. */
	uint64_t num_entries;
	uint32_t num_threads;
	/* History of the first user thread: behind those of the cores. */
	uint32_t first_user_thread;
	/* Counts the traces, as threads remember which one they have a history in. */
	uint32_t generation;
	/* User threads that have a history. */
	bool user_thread_used[SPDK_TRACE_MAX_LCORE];
};

extern struct trace_state g_trace;

static inline struct spdk_trace_file *
trace_file(void)
{
	return __atomic_load_n(&g_trace.file, __ATOMIC_ACQUIRE);
}

/* Makes a trace if there is none and one was prepared; g_trace.lock is held. 0, -ENODEV, or why it cannot be made. */
int trace_ensure(void);

/*
 * trace_mask.c: sets and clears points of the group of that name. 0, -EINVAL: there is none, -ENODEV: there will be no
 * trace, or why it cannot be made.
 */
int trace_change_named(const char *group_name, uint64_t set, uint64_t clear);

/* trace_register.c: calls all register functions; g_trace.lock is held. */
void trace_call_register_fns(void);

/* trace_owner.c: forgets all owners of the last trace. */
void trace_reset_owners(void);

#endif /* TRACE_INTERNAL_H */
