/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Strict mode, as far as it knows neither threads nor bdevs: settings, reports, places in the code, and what the
 * calling system thread is doing. lib/thread and lib/bdev find the faults.
 */

#ifndef STRICT_INTERNAL_H
#define STRICT_INTERNAL_H

#include "bdevkit/strict.h"

#include "spdk/likely.h"

/* ---- settings: strict.c ---- */

struct strict_settings {
	bool enabled;
	struct bdk_strict_opts opts;
};

extern struct strict_settings g_strict;

static inline bool
strict_is_enabled(void)
{
	return spdk_unlikely(g_strict.enabled);
}

/* ---- reports: report.c ---- */

/* What is known of a fault; strings may be NULL. */
struct strict_fault {
	enum bdk_strict_rule rule;
	const char *module;
	const char *bdev;
	const char *thread;
	/* NULL: it is about no I/O. */
	const char *io_type;
	uint64_t io_number;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	uint64_t age_us;
	/* An address in the code that did it. NULL: not known. */
	const void *pc;
	/* Tells apart what happens at one place, or at none that is known. */
	const void *key;
	/* It was found long after: what is on the stack has nothing to do with it. */
	bool found_later;
};

/* Reports a fault. The text says what happened, in words that follow "module M, bdev B, write 7: ". */
void strict_report(const struct strict_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- places: place.c ---- */

#define STRICT_PLACE_SIZE 192

/* Names the code at an address: a function, or where a call in it returns to. "" for NULL. */
void strict_place_format(const void *pc, char *text, size_t size);

/*
 * Where the function was called from, and those that it called on the way here, whose names begin with one of these
 * (the list ends with NULL). Takes microseconds. otherwise, if none of them is on the stack.
 */
const void *strict_place_find_caller(const char *const *prefixes, const void *otherwise);

/* The same for a stack that was recorded earlier, which takes less time: what was got, opened, allocated where. */
#define STRICT_STACK_DEPTH 12

struct strict_stack {
	void *frames[STRICT_STACK_DEPTH];
	int depth;
};

void strict_stack_record(struct strict_stack *stack);
const void *strict_stack_find_caller(
	const struct strict_stack *stack, const char *const *prefixes, const void *otherwise);

/* ---- what the calling system thread is doing: frame.c ---- */

enum strict_frame_kind {
	STRICT_FRAME_POLLER,
	STRICT_FRAME_MESSAGE,
	STRICT_FRAME_SUBMIT,
	STRICT_FRAME_COMPLETION,
};

/* One for each callback of a module or caller that is on the stack. */
struct strict_frame {
	struct strict_frame *outer;
	enum strict_frame_kind kind;
	const void *fn;
	/* Of a poller; else NULL. */
	const char *name;
	/* hold.c */
	uint32_t beat;
	/* alloc.c: allocations that have yet to be accounted for, and where the first of them was. */
	uint32_t allocations;
	const void *allocated_at;
};

extern __thread struct strict_frame *g_strict_frame __attribute__((tls_model("initial-exec")));

/* "poller reap (x_poll (x.so+0x12))", of the innermost frame; "" if there is none. */
void strict_frame_format(const struct strict_frame *frame, char *text, size_t size);

/* ---- callbacks that hold their thread: hold.c ---- */

/* Counts pieces of real time, of which held_ms is made. Stands still while nobody watches. */
extern uint32_t g_strict_beat;

#define STRICT_BEAT_MS 10

/* Starts the beat, once for the life of the process. */
void strict_hold_start(void);

/* Called often on each system thread that is watched: notes what it has used so far. */
void strict_hold_note_slowly(uint32_t beat);

extern __thread uint32_t g_strict_noted_beat __attribute__((tls_model("initial-exec")));

static inline void
strict_hold_note(void)
{
	uint32_t beat = __atomic_load_n(&g_strict_beat, __ATOMIC_RELAXED);

	if (spdk_unlikely(beat != g_strict_noted_beat)) {
		strict_hold_note_slowly(beat);
	}
}

/* True if the frame, which has just ended, was so long that it breaks the rule; then held_ms is how long. */
bool strict_hold_is_too_long(const struct strict_frame *frame, uint64_t *held_ms);

/* For tests: time passes for callbacks only when told, and all of it counts. */
void strict_hold_pretend(void);
void strict_hold_pass_time(uint32_t ms);

static inline void
strict_frame_enter(struct strict_frame *frame, enum strict_frame_kind kind, const void *fn, const char *name)
{
	frame->outer = g_strict_frame;
	frame->kind = kind;
	frame->fn = fn;
	frame->name = name;
	if (frame->outer == NULL) {
		strict_hold_note();
	}
	frame->beat = __atomic_load_n(&g_strict_beat, __ATOMIC_RELAXED);
	frame->allocations = 0;
	g_strict_frame = frame;
}

/* True if the time that it took has to be looked at with strict_hold_is_too_long(). */
static inline bool
strict_frame_leave(const struct strict_frame *frame)
{
	g_strict_frame = frame->outer;
	return spdk_unlikely(__atomic_load_n(&g_strict_beat, __ATOMIC_RELAXED) != frame->beat);
}

/* Accounts for the time of those around it, when it was found to be too long: they are not the ones to blame. */
void strict_frame_forgive_outer(const struct strict_frame *frame);

/* ---- allocations: alloc.c ---- */

/* Lets allocations be counted in frames, if this build or process has a way to see them. */
void strict_alloc_start(void);

/* Those in between are the library's own: rare, and none of whoever is on the stack. */
extern __thread uint32_t g_strict_own_allocations __attribute__((tls_model("initial-exec")));

#define STRICT_OWN_SCOPE() \
	__attribute__((cleanup(strict_own_scope_end), unused)) int strict_own_scope = strict_own_scope_begin()

static inline int
strict_own_scope_begin(void)
{
	g_strict_own_allocations++;
	return 0;
}

static inline void
strict_own_scope_end(const int *scope)
{
	g_strict_own_allocations--;
}

#endif /* STRICT_INTERNAL_H */
