/* SPDX-License-Identifier: BSD-3-Clause */

/* What strict mode sees of threads and channels; see strict.h. */

#include "lib/thread/strict.h"

/* What leads from a user to here. */
static const char *const g_getting[] = {"spdk_get_io_channel", "spdk_bdev_get_io_channel", "thread_io_channel_get",
	"find_or_add", "thread_strict_", "strict_", "spdk_accel_get_io_channel", NULL};

/* Create callbacks of channels on the stack. */
static __thread uint32_t g_creating __attribute__((tls_model("initial-exec")));

/* ---- callbacks ---- */

static void
report_held(struct spdk_thread *thread, const struct strict_frame *frame)
{
	struct strict_fault fault = {
		.rule = BDK_STRICT_REACTOR_HELD,
		.thread = thread->name,
		.pc = frame->fn,
	};
	uint64_t held_ms;

	if (!strict_hold_is_too_long(frame, &held_ms)) {
		return;
	}
	strict_frame_forgive_outer(frame);
	if (frame->kind == STRICT_FRAME_POLLER) {
		strict_report(&fault, "the poller %s held the thread for %" PRIu64 " ms", frame->name, held_ms);
	} else {
		strict_report(&fault, "a message held the thread for %" PRIu64 " ms", held_ms);
	}
}

int
thread_strict_poller_cb(void *arg)
{
	struct spdk_poller *poller = arg;
	struct strict_frame frame;
	int rc;

	strict_frame_enter(&frame, STRICT_FRAME_POLLER, (const void *)(uintptr_t)poller->strict_fn, poller->name);
	rc = poller->strict_fn(poller->strict_arg);
	if (strict_frame_leave(&frame)) {
		report_held(poller->thread, &frame);
	}
	return rc;
}

static void
run_message(struct spdk_thread *thread, spdk_msg_fn fn, void *arg)
{
	struct strict_frame frame;

	strict_frame_enter(&frame, STRICT_FRAME_MESSAGE, (const void *)(uintptr_t)fn, NULL);
	fn(arg);
	if (strict_frame_leave(&frame)) {
		report_held(thread, &frame);
	}
}

int
thread_strict_pass(struct spdk_thread *thread, uint32_t max_msgs, uint64_t now)
{
	strict_hold_note();
	return thread_pass_with(thread, max_msgs, now, run_message);
}

/* ---- channels ---- */

void
thread_strict_create_begin(void)
{
	g_creating++;
}

void
thread_strict_create_end(void)
{
	g_creating--;
}

void
thread_strict_channel_got(struct spdk_io_channel *ch, const void *caller, bool created)
{
	struct channel_notes *notes = thread_channel_notes(ch);
	size_t i;

	if (notes == NULL) {
		return;
	}
	if (created) {
		notes->inner = g_creating > 0;
	}
	notes->gets++;
	for (i = 0; i < CHANNEL_NOTES_PLACES - 1; i++) {
		if (notes->places[i].caller == caller || notes->places[i].caller == NULL) {
			break;
		}
	}
	if (notes->places[i].caller != caller) {
		notes->places[i].caller = caller;
		notes->places[i].count = 0;
		strict_stack_record(&notes->places[i].stack);
	}
	notes->places[i].count++;
}

/* Under the lock. */
static void
report_channel(
	struct spdk_thread *thread, struct spdk_io_channel *ch, const struct channel_notes *notes, const char *when)
{
	char places[CHANNEL_NOTES_PLACES * (STRICT_PLACE_SIZE + 32)] = "";
	struct strict_fault fault = {
		.rule = BDK_STRICT_CHANNEL_LEAKED,
		.thread = thread->name,
		.key = ch,
		.found_later = true,
	};
	size_t i, length;

	for (i = 0; i < CHANNEL_NOTES_PLACES && notes->places[i].caller != NULL; i++) {
		const void *pc = strict_stack_find_caller(&notes->places[i].stack, g_getting, notes->places[i].caller);
		char place[STRICT_PLACE_SIZE];

		fault.pc = i == 0 ? pc : fault.pc;
		strict_place_format(pc, place, sizeof(place));
		length = strlen(places);
		snprintf(places + length, sizeof(places) - length, "%s%s (%" PRIu64 "x)", i > 0 ? ", " : "", place,
			notes->places[i].count);
	}
	strict_report(&fault,
		"a channel of io_device %s was got %" PRIu64 " times and put %" PRIu64
		" times when %s; it was got by %s",
		ch->dev->name, notes->gets, notes->puts, when, places);
}

void
thread_strict_report_channels(struct spdk_thread *thread)
{
	const struct channel_notes *notes;
	struct spdk_io_channel *ch;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	RB_FOREACH (ch, io_channel_tree, &thread->channels) {
		notes = thread_channel_notes(ch);
		if (notes != NULL && ch->ref > 0 && !notes->inner) {
			report_channel(thread, ch, notes, "its thread was exited by force");
		}
	}
}

void
thread_strict_report_device(const struct io_device *dev)
{
	struct strict_fault fault = {.rule = BDK_STRICT_DEVICE_LEAKED, .key = dev, .found_later = true};
	char place[STRICT_PLACE_SIZE];

	strict_place_format((const void *)(uintptr_t)dev->create_cb, place, sizeof(place));
	strict_report(&fault, "io_device %s, whose channels are made by %s, is still registered", dev->name, place);
}

void
thread_strict_report_kept_devices(void)
{
	const struct channel_notes *notes;
	struct spdk_io_channel *ch;
	struct spdk_thread *thread;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	TAILQ_FOREACH (thread, &g_thread_lib.threads, link) {
		RB_FOREACH (ch, io_channel_tree, &thread->channels) {
			notes = thread_channel_notes(ch);
			if (notes != NULL && ch->ref > 0 && !notes->inner && ch->dev->unregistered) {
				report_channel(thread, ch, notes, "the device had long been unregistered");
			}
		}
	}
}
