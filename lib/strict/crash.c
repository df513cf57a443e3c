/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is said of a crash before it ends the process: where it is, and in which callback. It looks into files and formats
 * text, which a signal handler should not; the process is lost anyway, and an alarm ends it if that hangs.
 */

#include "lib/strict/strict_internal.h"

#include "spdk/thread.h"
#include "spdk/util.h"

#include <execinfo.h>
#include <signal.h>
#include <ucontext.h>

#define MAX_FRAMES 32
/* Of those that the handler stands on: deeper ones are the same for all crashes. */
#define MAX_PRINTED 8
/* Below it are members of structures that are not there. */
#define NULL_PAGE 4096
#define PATIENCE_S 10

static const int g_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
static void (*g_tell)(void);

/* NULL: not known on this machine. */
static void *
get_pc(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (void *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (void *)(uintptr_t)context->uc_mcontext.pc;
#else
	return NULL;
#endif
}

static void
print_stack(void *pc)
{
	char place[STRICT_PLACE_SIZE];
	void *frames[MAX_FRAMES];
	int depth = backtrace(frames, MAX_FRAMES), first = 0;

	/* What stands above it are this handler and the kernel's way into it. */
	for (int i = 0; i < depth; i++) {
		first = frames[i] == pc ? i : first;
	}
	for (int i = first; i < depth && i < first + MAX_PRINTED; i++) {
		/* All but the innermost are where a call returns to. */
		strict_place_format((char *)frames[i] - (frames[i] != pc), place, sizeof(place));
		fprintf(stderr, "  %s %s\n", i == first ? "at" : "by", place);
	}
}

static void
crashed_cb(int signal_number, siginfo_t *info, void *context)
{
	struct spdk_thread *thread = spdk_get_thread();
	char callback[STRICT_PLACE_SIZE];

	alarm(PATIENCE_S);
	strict_frame_format(g_strict_frame, callback, sizeof(callback));
	fprintf(stderr, "crashed: %s, address %p%s, on thread %s%s%s\n", strsignal(signal_number), info->si_addr,
		(uintptr_t)info->si_addr < NULL_PAGE ? ", as of a NULL pointer" : "",
		thread != NULL ? spdk_thread_get_name(thread) : "(none)", callback[0] != '\0' ? ", in " : "", callback);
	print_stack(get_pc(context));
	if (g_tell != NULL) {
		g_tell();
	}
	/* Once more, without this handler: it ends as it would have. */
	raise(signal_number);
}

void
bdk_strict_tell_crashes(void (*tell)(void))
{
	struct sigaction action = {.sa_sigaction = crashed_cb, .sa_flags = SA_SIGINFO | (int)SA_RESETHAND}, old;
	void *frame;

	/* The first time it loads a library. */
	backtrace(&frame, 1);
	g_tell = tell;
	for (size_t i = 0; i < SPDK_COUNTOF(g_signals); i++) {
		if (sigaction(g_signals[i], NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) == 0 &&
			old.sa_handler == SIG_DFL) {
			sigaction(g_signals[i], &action, NULL);
		}
	}
}
