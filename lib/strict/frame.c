/* SPDX-License-Identifier: BSD-3-Clause */

/* Which callbacks of modules and callers are on the stack. */

#include "lib/strict/strict_internal.h"

#include "spdk/util.h"

__thread struct strict_frame *g_strict_frame __attribute__((tls_model("initial-exec")));

static const char *const g_kinds[] = {
	[STRICT_FRAME_POLLER] = "poller",
	[STRICT_FRAME_MESSAGE] = "message",
	[STRICT_FRAME_SUBMIT] = "submit_request",
	[STRICT_FRAME_COMPLETION] = "completion callback",
};

void
strict_frame_format(const struct strict_frame *frame, char *text, size_t size)
{
	char place[STRICT_PLACE_SIZE];

	text[0] = '\0';
	if (frame == NULL) {
		return;
	}
	strict_place_format(frame->fn, place, sizeof(place));
	snprintf(text, size, "%s%s%s [%.*s]", g_kinds[frame->kind], frame->name != NULL ? " " : "",
		frame->name != NULL ? frame->name : "", (int)(size / 2), place);
}

void
strict_frame_forgive_outer(const struct strict_frame *frame)
{
	uint32_t beat = __atomic_load_n(&g_strict_beat, __ATOMIC_RELAXED);
	struct strict_frame *outer;

	for (outer = frame->outer; outer != NULL; outer = outer->outer) {
		outer->beat = beat;
	}
}
