/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Callbacks that hold their thread. Reading a clock around each would cost as much as an I/O; instead a system thread of
 * our own counts a beat every ten milliseconds, and who finds after a callback that many beats have passed looks more
 * closely. What counts then is the time that the thread had a CPU or waited for something other than a CPU: on a busy
 * machine a short callback may take long for no fault of its own.
 */

#include "lib/strict/strict_internal.h"

#include "lib/env/env_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

uint32_t g_strict_beat;
__thread uint32_t g_strict_noted_beat __attribute__((tls_model("initial-exec")));

/* What the calling system thread had used when the beat was last seen to have changed. */
static __thread struct env_thread_usage g_noted;

static struct {
	struct env_mutex lock;
	/* Runs as long as the process. */
	struct env_thread *thread;
	/* Tests have let time pass. */
	bool pretended;
} g_hold = {
	.lock = ENV_MUTEX_INITIALIZER,
};

static void *
count_beats(void *arg)
{
	for (;;) {
		env_sleep_real_us(STRICT_BEAT_MS * 1000);
		if (!__atomic_load_n(&g_hold.pretended, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&g_strict_beat, 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

void
strict_hold_start(void)
{
	ENV_MUTEX_SCOPE(&g_hold.lock);
	if (g_hold.thread != NULL || g_strict.opts.held_ms == 0) {
		return;
	}
	if (env_thread_create(&g_hold.thread, "strict", count_beats, NULL, ENV_THREAD_CPU_ANY) != 0) {
		SPDK_WARNLOG("strict mode: no thread to watch the time of callbacks\n");
		g_hold.thread = NULL;
	}
}

void
strict_hold_note_slowly(uint32_t beat)
{
	g_strict_noted_beat = beat;
	env_thread_get_usage(&g_noted);
}

void
strict_hold_pretend(void)
{
	__atomic_store_n(&g_hold.pretended, true, __ATOMIC_RELAXED);
}

void
strict_hold_pass_time(uint32_t ms)
{
	__atomic_fetch_add(&g_strict_beat, ms / STRICT_BEAT_MS, __ATOMIC_RELAXED);
}

/* Without the time in which the thread was ready to run, but others had the CPU. */
static uint64_t
get_used_ns(const struct env_thread_usage *from, const struct env_thread_usage *to)
{
	if (from->knows_wait && to->knows_wait) {
		return (to->wall_ns - from->wall_ns) - (to->wait_ns - from->wait_ns);
	}
	return to->sleeps != from->sleeps ? to->wall_ns - from->wall_ns : to->cpu_ns - from->cpu_ns;
}

bool
strict_hold_is_too_long(const struct strict_frame *frame, uint64_t *held_ms)
{
	uint32_t beats = __atomic_load_n(&g_strict_beat, __ATOMIC_RELAXED) - frame->beat;
	struct env_thread_usage now;
	uint64_t used_ms;

	if (g_strict.opts.held_ms == 0 || (uint64_t)beats * STRICT_BEAT_MS <= g_strict.opts.held_ms) {
		return false;
	}
	if (__atomic_load_n(&g_hold.pretended, __ATOMIC_RELAXED)) {
		*held_ms = (uint64_t)beats * STRICT_BEAT_MS;
		return true;
	}
	env_thread_get_usage(&now);
	used_ms = get_used_ns(&g_noted, &now) / 1000000;
	*held_ms = spdk_min(used_ms, (uint64_t)(beats + 1) * STRICT_BEAT_MS);
	return used_ms > g_strict.opts.held_ms;
}
