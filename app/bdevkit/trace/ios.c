/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From events to I/Os, and which belongs to which. An I/O belongs to another one if it is a part of it, or if the module of that
 * one submitted it to carry it out: then what it was to be called back with is the other I/O, or lies in the module's
 * context of it, which is behind it in memory. Where a module keeps that elsewhere, it belongs to none.
 */

#include "app/bdevkit/trace/trace.h"

#include "bdevkit/trace.h"
#include "spdk/util.h"

/* How far the context of a module may reach behind an I/O, and what the layer keeps of it in front. */
#define MOST_BEHIND 8192
#define MOST_BEFORE 2048

/* ---- Those that are under way, by where they lie ---- */

/* Each place in memory that there was an I/O at, and which one is there now; sorted. */
struct place {
	uint64_t object;
	uint32_t io;
};

struct places {
	struct place *places;
	size_t count;
};

static int
compare_objects(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return left->object < right->object ? -1 : left->object > right->object;
}

static int
find_places(const struct trace_recording *recording, struct places *places)
{
	size_t count = 0;

	places->places = calloc(spdk_max(recording->num_events, 1), sizeof(*places->places));
	if (places->places == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < recording->num_events; i++) {
		if (recording->events[i].kind == TRACE_EVENT_START) {
			places->places[count++] = (struct place){recording->events[i].object, TRACE_NO_IO};
		}
	}
	qsort(places->places, count, sizeof(*places->places), compare_objects);
	for (size_t i = 0; i < count; i++) {
		if (places->count == 0 || places->places[places->count - 1].object != places->places[i].object) {
			places->places[places->count++] = places->places[i];
		}
	}
	return 0;
}

/* How many of them do not lie behind an address. */
static size_t
count_up_to(const struct places *places, uint64_t address)
{
	size_t low = 0, high = places->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->places[middle].object <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct place *
find_place(const struct places *places, uint64_t object)
{
	size_t count = count_up_to(places, object);

	return count > 0 && places->places[count - 1].object == object ? &places->places[count - 1] : NULL;
}

/* ---- Parents ---- */

static bool
is_part(const struct trace_io *child, const struct trace_io *parent)
{
	return child->owner == parent->owner && child->offset >= parent->offset &&
		child->offset + child->num_blocks <= parent->offset + parent->num_blocks;
}

static uint32_t
find_parent(const struct trace_ios *ios, const struct places *places, const struct trace_io *child, uint64_t ctx)
{
	size_t count = count_up_to(places, ctx);
	const struct place *below = count > 0 ? &places->places[count - 1] : NULL;
	const struct place *above = count < places->count ? &places->places[count] : NULL;

	/* A part is called back with what the layer keeps in front of the I/O. */
	if (above != NULL && above->io != TRACE_NO_IO && above->object - ctx <= MOST_BEFORE &&
		is_part(child, &ios->ios[above->io])) {
		return above->io;
	}
	if (below == NULL || below->io == TRACE_NO_IO || ctx - below->object > MOST_BEHIND) {
		return TRACE_NO_IO;
	}
	return ios->ios[below->io].owner != child->owner || is_part(child, &ios->ios[below->io]) ? below->io
												 : TRACE_NO_IO;
}

/* ---- The life of one ---- */

static void
begin_io(struct trace_ios *ios, struct places *places, const struct trace_event *event)
{
	struct place *place = find_place(places, event->object);
	struct trace_io *io = &ios->ios[ios->count];

	if (place->io != TRACE_NO_IO) {
		/* Its end was lost. */
		ios->ios[place->io].unfinished = true;
		ios->num_partial++;
	}
	*io = (struct trace_io){
		.owner = event->owner,
		.core = event->core,
		.type = (uint8_t)event->what,
		.offset = event->offset,
		.num_blocks = event->num_blocks,
		.start = event->tsc,
		.end = event->tsc,
		.child = TRACE_NO_IO,
		.sibling = TRACE_NO_IO,
		.stage_start = event->tsc,
	};
	io->parent = find_parent(ios, places, io, event->ctx);
	place->io = ios->count++;
}

static void
end_stage(struct trace_io *io, uint64_t tsc)
{
	io->stages[io->stage] += tsc - io->stage_start;
	io->stage_start = tsc;
	io->end = tsc;
}

static enum trace_stage
stage_of_wait(uint32_t what)
{
	switch (what) {
	case BDK_TRACE_WAIT_LIMIT:
		return TRACE_STAGE_LIMIT;
	case BDK_TRACE_WAIT_PARTS:
		return TRACE_STAGE_PARTS;
	default:
		return TRACE_STAGE_ROOM;
	}
}

/* Of what was under way on that core nobody knows what became of it: its end may be missing, and another one be in its place. */
static void
forget_core(struct trace_ios *ios, struct places *places, uint16_t core)
{
	for (size_t i = 0; i < places->count; i++) {
		struct place *place = &places->places[i];

		if (place->io != TRACE_NO_IO && ios->ios[place->io].core == core) {
			ios->ios[place->io].unfinished = true;
			ios->num_partial++;
			place->io = TRACE_NO_IO;
		}
	}
}

static void
heed(struct trace_ios *ios, struct places *places, const struct trace_event *event)
{
	struct place *place;
	struct trace_io *io;

	if (event->kind == TRACE_EVENT_GAP) {
		forget_core(ios, places, event->core);
		return;
	}
	if (event->kind == TRACE_EVENT_START) {
		begin_io(ios, places, event);
		return;
	}
	place = find_place(places, event->object);
	if (place == NULL || place->io == TRACE_NO_IO) {
		/* It began before the recording. */
		ios->num_partial += event->kind == TRACE_EVENT_DONE;
		return;
	}
	io = &ios->ios[place->io];
	end_stage(io, event->tsc);
	if (event->kind == TRACE_EVENT_WAIT) {
		io->stage = stage_of_wait(event->what);
	} else if (event->kind == TRACE_EVENT_MODULE) {
		io->stage = TRACE_STAGE_MODULE;
	} else {
		place->io = TRACE_NO_IO;
	}
}

/* ---- Where the time went ---- */

static void
add_children(struct trace_ios *ios)
{
	/* Backwards, so that each list is in the order of time. */
	for (uint32_t i = ios->count; i-- > 0;) {
		struct trace_io *io = &ios->ios[i];

		if (io->parent != TRACE_NO_IO) {
			io->sibling = ios->ios[io->parent].child;
			ios->ios[io->parent].child = i;
		}
	}
}

/* Time in which at least one of those that belong to it was under way. */
static uint64_t
get_time_below(const struct trace_ios *ios, const struct trace_io *io)
{
	uint64_t until = io->start, sum = 0;

	for (uint32_t i = io->child; i != TRACE_NO_IO; i = ios->ios[i].sibling) {
		uint64_t start = spdk_max(ios->ios[i].start, until), end = spdk_min(ios->ios[i].end, io->end);

		if (end > start) {
			sum += end - start;
			until = end;
		}
	}
	return sum;
}

static void
set_times(struct trace_ios *ios, struct trace_io *io)
{
	struct trace_times *times = &io->times;

	times->total = io->end - io->start;
	times->queued = io->stages[TRACE_STAGE_LIMIT] + io->stages[TRACE_STAGE_ROOM];
	times->below = spdk_min(get_time_below(ios, io), times->total - times->queued);
	times->own = times->total - times->queued - times->below;
}

int
trace_ios_make(struct trace_recording *recording, struct trace_ios *ios)
{
	struct places places = {};
	uint32_t num_starts = 0;

	*ios = (struct trace_ios){.recording = recording};
	for (size_t i = 0; i < recording->num_events; i++) {
		num_starts += recording->events[i].kind == TRACE_EVENT_START;
	}
	ios->ios = calloc(spdk_max(num_starts, 1), sizeof(*ios->ios));
	if (ios->ios == NULL || find_places(recording, &places) != 0) {
		free(ios->ios);
		ios->ios = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < recording->num_events; i++) {
		heed(ios, &places, &recording->events[i]);
	}
	for (size_t i = 0; i < places.count; i++) {
		if (places.places[i].io != TRACE_NO_IO) {
			ios->ios[places.places[i].io].unfinished = true;
			ios->num_partial++;
		}
	}
	free(places.places);
	add_children(ios);
	for (uint32_t i = 0; i < ios->count; i++) {
		set_times(ios, &ios->ios[i]);
	}
	return 0;
}

void
trace_ios_free(struct trace_ios *ios)
{
	free(ios->ios);
}

const char *
trace_io_get_name(const struct trace_ios *ios, const struct trace_io *io)
{
	const char *name = ios->recording->names[io->owner];

	return name != NULL ? name : "?";
}

double
trace_to_us(const struct trace_ios *ios, uint64_t ticks)
{
	return (double)ticks * 1e6 / (double)ios->recording->ticks_hz;
}
