/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The trace event format of Chromium, which https://ui.perfetto.dev and chrome://tracing open: a process for each bdev, and in
 * it nestable asynchronous events, as I/Os overlap. Within an I/O are the stages that it went through.
 */

#include "app/bdevkit/trace/trace.h"

#include "spdk/bdev_module.h"
#include "spdk/json.h"
#include "spdk/util.h"

static int
write_cb(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, ctx) == size ? 0 : -EIO;
}

/* phase: "b" begin, "e" end, of the event of that name. */
static void
write_event(struct spdk_json_write_ctx *w, const struct trace_ios *ios, uint32_t number, const char *name,
	const char *phase, uint64_t tsc)
{
	const struct trace_io *io = &ios->ios[number];

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "ph", phase);
	spdk_json_write_named_string(w, "cat", "io");
	spdk_json_write_named_string(w, "name", name);
	spdk_json_write_named_string_fmt(w, "id", "0x%" PRIx32, number);
	spdk_json_write_named_uint32(w, "pid", io->owner);
	spdk_json_write_named_uint32(w, "tid", io->core);
	spdk_json_write_named_double(w, "ts", trace_to_us(ios, tsc - ios->ios[0].start));
	if (*phase == 'b' && strcmp(name, spdk_bdev_get_io_type_name(io->type)) == 0) {
		spdk_json_write_named_object_begin(w, "args");
		spdk_json_write_named_uint64(w, "offset_blocks", io->offset);
		spdk_json_write_named_uint32(w, "num_blocks", io->num_blocks);
		if (io->parent != TRACE_NO_IO && !ios->ios[io->parent].unfinished) {
			spdk_json_write_named_string_fmt(w, "belongs_to", "0x%" PRIx32, io->parent);
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
}

static void
write_io(struct spdk_json_write_ctx *w, const struct trace_ios *ios, uint32_t number)
{
	static const char *const stages[TRACE_NUM_STAGES] = {
		[TRACE_STAGE_LAYER] = "layer",
		[TRACE_STAGE_LIMIT] = "waits for its limit",
		[TRACE_STAGE_ROOM] = "waits for room at the module",
		[TRACE_STAGE_PARTS] = "parts",
		[TRACE_STAGE_MODULE] = "module",
	};
	const struct trace_io *io = &ios->ios[number];
	const char *type = spdk_bdev_get_io_type_name(io->type);
	uint64_t at = io->start;

	write_event(w, ios, number, type, "b", io->start);
	for (size_t i = 0; i < TRACE_NUM_STAGES; i++) {
		if (io->stages[i] > 0) {
			write_event(w, ios, number, stages[i], "b", at);
			at += io->stages[i];
			write_event(w, ios, number, stages[i], "e", at);
		}
	}
	write_event(w, ios, number, type, "e", io->end);
}

static void
write_names(struct spdk_json_write_ctx *w, const struct trace_recording *recording)
{
	for (uint32_t owner = 0; owner < SPDK_COUNTOF(recording->names); owner++) {
		if (recording->names[owner] == NULL) {
			continue;
		}
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "ph", "M");
		spdk_json_write_named_string(w, "name", "process_name");
		spdk_json_write_named_uint32(w, "pid", owner);
		spdk_json_write_named_object_begin(w, "args");
		spdk_json_write_named_string(w, "name", recording->names[owner]);
		spdk_json_write_object_end(w);
		spdk_json_write_object_end(w);
	}
}

int
trace_write_chrome(const struct trace_ios *ios, FILE *file)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(write_cb, file, 0);

	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "displayTimeUnit", "ns");
	spdk_json_write_named_array_begin(w, "traceEvents");
	write_names(w, ios->recording);
	for (uint32_t i = 0; i < ios->count; i++) {
		if (!ios->ios[i].unfinished) {
			write_io(w, ios, i);
		}
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	return spdk_json_write_end(w) == 0 && fflush(file) == 0 ? 0 : -EIO;
}
