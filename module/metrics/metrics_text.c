/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The text. A thousand bdevs are tens of thousands of lines each time, so numbers are written by hand, and what is the same
 * in all lines of a bdev is put together once.
 *
 * OpenMetrics 1.0 and the format that Prometheus had before differ in how families of counters are called, and at the end.
 */

#include "module/metrics/metrics.h"

#include "spdk/util.h"

/* ---- A text that grows ---- */

static bool
reserve(struct metrics_text *text, size_t size)
{
	size_t capacity;
	char *data;

	if (text->size + size <= text->capacity) {
		return true;
	}
	capacity = spdk_max(text->capacity * 2, text->size + size + 4096);
	data = text->failed ? NULL : realloc(text->data, capacity);
	if (data == NULL) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->capacity = capacity;
	return true;
}

static void
add_bytes(struct metrics_text *text, const char *bytes, size_t size)
{
	if (reserve(text, size)) {
		memcpy(text->data + text->size, bytes, size);
		text->size += size;
	}
}

static void
add(struct metrics_text *text, const char *string)
{
	add_bytes(text, string, strlen(string));
}

/* The most digits of a number, and those behind the point of a second. */
#define DIGITS 20
#define FRACTION 10

static char *
put_bytes(char *at, const char *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static char *
put_number(char *at, uint64_t number)
{
	char digits[DIGITS];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	return put_bytes(at, digits + i, sizeof(digits) - i);
}

/* With nine digits behind the point. */
static char *
put_nanoseconds(char *at, uint64_t seconds, uint32_t nanoseconds)
{
	at = put_number(at, seconds);
	for (int i = 9; i > 0; i--) {
		at[i] = (char)('0' + nanoseconds % 10);
		nanoseconds /= 10;
	}
	at[0] = '.';
	return at + FRACTION;
}

static char *
put_ticks(char *at, uint64_t ticks, uint64_t hz)
{
	static const char none[] = "0.000000000";

	if (ticks == 0) {
		return put_bytes(at, none, sizeof(none) - 1);
	}
	return put_nanoseconds(at, ticks / hz, (uint32_t)((ticks % hz) * 1e9 / (double)hz));
}

static void
add_number(struct metrics_text *text, uint64_t number)
{
	char digits[DIGITS];

	add_bytes(text, digits, (size_t)(put_number(digits, number) - digits));
}

static void
add_nanoseconds(struct metrics_text *text, uint64_t seconds, uint32_t nanoseconds)
{
	char digits[DIGITS + FRACTION];

	add_bytes(text, digits, (size_t)(put_nanoseconds(digits, seconds, nanoseconds) - digits));
}

static void
add_seconds(struct metrics_text *text, double seconds)
{
	uint64_t whole = (uint64_t)seconds;
	uint64_t nanoseconds = (uint64_t)((seconds - (double)whole) * 1e9 + 0.5);

	add_nanoseconds(text, whole + nanoseconds / SPDK_SEC_TO_NSEC, (uint32_t)(nanoseconds % SPDK_SEC_TO_NSEC));
}

static void
add_ticks(struct metrics_text *text, uint64_t ticks, uint64_t hz)
{
	char digits[DIGITS + FRACTION];

	add_bytes(text, digits, (size_t)(put_ticks(digits, ticks, hz) - digits));
}

/* As the value of a label. */
static void
add_escaped(struct metrics_text *text, const char *string)
{
	while (*string != '\0') {
		size_t length = strcspn(string, "\\\"\n");

		add_bytes(text, string, length);
		string += length;
		if (*string != '\0') {
			add(text, *string == '\n' ? "\\n" : *string == '"' ? "\\\"" : "\\\\");
			string++;
		}
	}
}

/* ---- Families ---- */

enum kind {
	COUNTER,
	GAUGE,
	HISTOGRAM
};

/* {bdev="NAME" of a bdev, where all of them are. */
struct label {
	size_t offset;
	size_t size;
};

struct writer {
	struct metrics_text *text;
	bool openmetrics;
	struct metrics_text label_text;
	struct label *labels;
	/* What some lines begin with. */
	struct metrics_text *begin;
};

static void
begin_family(const struct writer *w, const char *name, enum kind kind, const char *help)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	/* A counter's samples end in _total; in the older format its family does, too. */
	const char *suffix = kind == COUNTER && !w->openmetrics ? "_total" : "";

	add(w->text, "# HELP ");
	add(w->text, name);
	add(w->text, suffix);
	add(w->text, " ");
	add(w->text, help);
	add(w->text, "\n# TYPE ");
	add(w->text, name);
	add(w->text, suffix);
	add(w->text, " ");
	add(w->text, kinds[kind]);
	add(w->text, "\n");
}

static void
end_line(const struct writer *w)
{
	add(w->text, "\n");
}

/* {name="value" */
static void
begin_labels(const struct writer *w, const char *sample, const char *label, const char *value)
{
	add(w->text, sample);
	add(w->text, "{");
	add(w->text, label);
	add(w->text, "=\"");
	add_escaped(w->text, value);
	add(w->text, "\"");
}

static void
add_label(const struct writer *w, const char *label, const char *value)
{
	add(w->text, ",");
	add(w->text, label);
	add(w->text, "=\"");
	add_escaped(w->text, value);
	add(w->text, "\"");
}

static bool
make_bdev_labels(struct writer *w, const struct metrics_snapshot *snapshot)
{
	w->labels = calloc(spdk_max(snapshot->num_bdevs, 1), sizeof(*w->labels));
	for (size_t i = 0; w->labels != NULL && i < snapshot->num_bdevs; i++) {
		w->labels[i].offset = w->label_text.size;
		add(&w->label_text, "{bdev=\"");
		add_escaped(&w->label_text, snapshot->bdevs[i]->name);
		add(&w->label_text, "\"");
		w->labels[i].size = w->label_text.size - w->labels[i].offset;
	}
	return w->labels != NULL && !w->label_text.failed;
}

/* A sample of the bdev with this index. */
static void
add_bdev_labels(const struct writer *w, struct metrics_text *text, const char *sample, size_t i)
{
	add(text, sample);
	add_bytes(text, w->label_text.data + w->labels[i].offset, w->labels[i].size);
}

static void
begin_bdev_labels(const struct writer *w, const char *sample, size_t i)
{
	add_bdev_labels(w, w->text, sample, i);
}

/*
 * For count lines that begin with these labels and more, and have at most rest_size bytes behind that. Returns where they go;
 * NULL: no memory.
 */
static char *
begin_bdev_lines(const struct writer *w, const char *sample, size_t i, const char *more, size_t count, size_t rest_size)
{
	w->begin->size = 0;
	add_bdev_labels(w, w->begin, sample, i);
	add(w->begin, more);
	if (w->begin->failed || !reserve(w->text, count * (w->begin->size + rest_size))) {
		w->text->failed = true;
		return NULL;
	}
	return w->text->data + w->text->size;
}

static char *
put_line(const struct writer *w, char *at, const char *rest, size_t rest_size)
{
	return put_bytes(put_bytes(at, w->begin->data, w->begin->size), rest, rest_size);
}

static void
end_bdev_lines(const struct writer *w, const char *at)
{
	w->text->size = (size_t)(at - w->text->data);
}

static void
end_labels(const struct writer *w)
{
	add(w->text, "} ");
}

/* ---- The process, threads, buffers ---- */

static void
write_process(const struct writer *w, const struct metrics_process *process)
{
	begin_family(w, "bdevkit_build_info", GAUGE, "The version that runs, as a label.");
	add(w->text, "bdevkit_build_info{version=\"" BDEVKIT_VERSION "\"} 1\n");
	begin_family(w, "process_cpu_seconds", COUNTER, "CPU time that the process has used.");
	add(w->text, "process_cpu_seconds_total ");
	add_seconds(w->text, process->cpu_seconds);
	end_line(w);
	begin_family(w, "process_resident_memory_bytes", GAUGE, "Memory of the process that is in RAM.");
	add(w->text, "process_resident_memory_bytes ");
	add_number(w->text, process->resident_bytes);
	end_line(w);
	begin_family(w, "process_open_fds", GAUGE, "Open file descriptors of the process.");
	add(w->text, "process_open_fds ");
	add_number(w->text, process->open_fds);
	end_line(w);
	begin_family(w, "process_start_time_seconds", GAUGE, "When the process was started, in seconds since 1970.");
	add(w->text, "process_start_time_seconds ");
	add_seconds(w->text, process->start_seconds);
	end_line(w);
}

static void
write_thread_times(const struct writer *w, const struct metrics_snapshot *snapshot, const char *sample, bool busy)
{
	for (size_t i = 0; i < snapshot->num_threads; i++) {
		const struct metrics_thread *thread = &snapshot->threads[i];

		begin_labels(w, sample, "thread", thread->name);
		end_labels(w);
		add_ticks(w->text, busy ? thread->stats.busy_tsc : thread->stats.idle_tsc, snapshot->ticks_hz);
		end_line(w);
	}
}

static void
write_threads(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	begin_family(w, "bdevkit_thread_busy_seconds", COUNTER, "Time in which a thread had something to do.");
	write_thread_times(w, snapshot, "bdevkit_thread_busy_seconds_total", true);
	begin_family(w, "bdevkit_thread_idle_seconds", COUNTER,
		"Time in which a thread looked for something to do and found nothing; asleep is neither.");
	write_thread_times(w, snapshot, "bdevkit_thread_idle_seconds_total", false);
}

static void
write_iobuf_line(const struct writer *w, const char *module, const char *pool, const char *from, uint64_t count)
{
	begin_labels(w, "bdevkit_iobuf_gets_total", "module", module);
	add_label(w, "pool", pool);
	add_label(w, "from", from);
	end_labels(w);
	add_number(w->text, count);
	end_line(w);
}

static void
write_iobuf_pool(
	const struct writer *w, const char *module, const char *pool, const struct spdk_iobuf_pool_stats *stats)
{
	write_iobuf_line(w, module, pool, "cache", stats->cache);
	write_iobuf_line(w, module, pool, "pool", stats->main);
	write_iobuf_line(w, module, pool, "wait", stats->retry);
}

static void
write_iobufs(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	begin_family(w, "bdevkit_iobuf_gets", COUNTER,
		"Data buffers that were asked for: from a thread's cache, from the pool, or to be waited for.");
	for (size_t i = 0; i < snapshot->num_iobufs; i++) {
		const struct metrics_iobuf *iobuf = &snapshot->iobufs[i];

		write_iobuf_pool(w, iobuf->module, "small", &iobuf->small_pool);
		write_iobuf_pool(w, iobuf->module, "large", &iobuf->large_pool);
	}
}

/* ---- Bdevs ---- */

static void
write_bdevs_themselves(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	begin_family(w, "bdevkit_bdev_info", GAUGE, "What a bdev is, as labels.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_bdev *bdev = snapshot->bdevs[i];

		begin_bdev_labels(w, "bdevkit_bdev_info", i);
		add_label(w, "product", bdev->product);
		add_label(w, "uuid", bdev->uuid);
		end_labels(w);
		add(w->text, "1\n");
	}
	begin_family(w, "bdevkit_bdev_size_bytes", GAUGE, "Size of a bdev.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		begin_bdev_labels(w, "bdevkit_bdev_size_bytes", i);
		end_labels(w);
		add_number(w->text, snapshot->bdevs[i]->size_bytes);
		end_line(w);
	}
	begin_family(w, "bdevkit_bdev_errors", COUNTER, "I/Os of a bdev that have failed.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		begin_bdev_labels(w, "bdevkit_bdev_errors_total", i);
		end_labels(w);
		add_number(w->text, snapshot->bdevs[i]->num_errors);
		end_line(w);
	}
}

#define TYPE_SIZE 12

/* One sample for each type of I/O, whose counters lie at these offsets of the statistics. */
struct typed_counters {
	const char *sample;
	bool is_ticks;
	struct {
		/* As it stands behind type=". */
		char type[TYPE_SIZE];
		size_t offset;
	} counters[4];
};

#define STAT(member) offsetof(struct spdk_bdev_io_stat, member)

static void
write_typed(const struct writer *w, const struct metrics_snapshot *snapshot, const struct typed_counters *typed)
{
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_bdev *bdev = snapshot->bdevs[i];
		char *at = begin_bdev_lines(w, typed->sample, i, ",type=\"", SPDK_COUNTOF(typed->counters),
			TYPE_SIZE + DIGITS + FRACTION + 1);

		for (size_t k = 0; at != NULL && k < SPDK_COUNTOF(typed->counters); k++) {
			uint64_t value = *(const uint64_t *)((const char *)bdev->stat + typed->counters[k].offset);

			at = put_line(w, at, typed->counters[k].type, strlen(typed->counters[k].type));
			at = typed->is_ticks ? put_ticks(at, value, snapshot->ticks_hz) : put_number(at, value);
			*at++ = '\n';
		}
		if (at != NULL) {
			end_bdev_lines(w, at);
		}
	}
}

static void
write_counters(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	static const struct typed_counters ios = {"bdevkit_bdev_ios_total", false,
		{{"read\"} ", STAT(num_read_ops)}, {"write\"} ", STAT(num_write_ops)},
			{"unmap\"} ", STAT(num_unmap_ops)}, {"copy\"} ", STAT(num_copy_ops)}}};
	static const struct typed_counters bytes = {"bdevkit_bdev_bytes_total", false,
		{{"read\"} ", STAT(bytes_read)}, {"write\"} ", STAT(bytes_written)},
			{"unmap\"} ", STAT(bytes_unmapped)}, {"copy\"} ", STAT(bytes_copied)}}};
	static const struct typed_counters seconds = {"bdevkit_bdev_io_seconds_total", true,
		{{"read\"} ", STAT(read_latency_ticks)}, {"write\"} ", STAT(write_latency_ticks)},
			{"unmap\"} ", STAT(unmap_latency_ticks)}, {"copy\"} ", STAT(copy_latency_ticks)}}};

	begin_family(w, "bdevkit_bdev_ios", COUNTER, "I/Os of a bdev that have completed, by type.");
	write_typed(w, snapshot, &ios);
	begin_family(w, "bdevkit_bdev_bytes", COUNTER, "Bytes that I/Os of a bdev have moved, by type.");
	write_typed(w, snapshot, &bytes);
	begin_family(w, "bdevkit_bdev_io_seconds", COUNTER, "Sum of the latencies of the I/Os of a bdev, by type.");
	write_typed(w, snapshot, &seconds);
}

#define BOUND_SIZE 24

struct bound {
	char text[BOUND_SIZE];
	size_t length;
};

/* What stands behind le=". OpenMetrics wants whole numbers with a point. */
static void
format_bounds(struct bound *bounds, bool openmetrics)
{
	for (size_t k = 0; k < METRICS_NUM_BOUNDS; k++) {
		bool whole = g_metrics_bounds[k] % SPDK_SEC_TO_NSEC == 0;

		snprintf(bounds[k].text, BOUND_SIZE, "%.9g%s\"} ", (double)g_metrics_bounds[k] / 1e9,
			whole && openmetrics ? ".0" : "");
		bounds[k].length = strlen(bounds[k].text);
	}
	snprintf(bounds[METRICS_NUM_BOUNDS].text, BOUND_SIZE, "+Inf\"} ");
	bounds[METRICS_NUM_BOUNDS].length = strlen(bounds[METRICS_NUM_BOUNDS].text);
}

/* Returns how many there are in all. */
static uint64_t
write_buckets(const struct writer *w, size_t i, const struct metrics_latency *latency, const struct bound *bounds)
{
	char *at = begin_bdev_lines(
		w, "bdevkit_bdev_latency_seconds_bucket", i, ",le=\"", METRICS_NUM_BOUNDS + 1, BOUND_SIZE + DIGITS + 1);
	char digits[DIGITS];
	size_t num_digits = 0;
	uint64_t count = 0;

	for (size_t k = 0; at != NULL && k <= METRICS_NUM_BOUNDS; k++) {
		/* Most buckets are empty, and their lines say what the last one did. */
		if (latency->counts[k] != 0 || k == 0) {
			count += latency->counts[k];
			num_digits = (size_t)(put_number(digits, count) - digits);
		}
		at = put_line(w, at, bounds[k].text, bounds[k].length);
		at = put_bytes(at, digits, num_digits);
		*at++ = '\n';
	}
	if (at != NULL) {
		end_bdev_lines(w, at);
	}
	return count;
}

static void
write_latencies(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	struct bound bounds[METRICS_NUM_BOUNDS + 1];

	format_bounds(bounds, w->openmetrics);
	begin_family(w, "bdevkit_bdev_latency_seconds", HISTOGRAM,
		"Latencies of all I/Os of a bdev, from submission to completion.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_bdev *bdev = snapshot->bdevs[i];
		uint64_t count;

		if (!bdev->has_latency) {
			continue;
		}
		count = write_buckets(w, i, &bdev->latency, bounds);
		begin_bdev_labels(w, "bdevkit_bdev_latency_seconds_sum", i);
		end_labels(w);
		add_seconds(w->text, bdev->latency.sum_seconds);
		end_line(w);
		begin_bdev_labels(w, "bdevkit_bdev_latency_seconds_count", i);
		end_labels(w);
		add_number(w->text, count);
		end_line(w);
	}
}

/* ---- RAID ---- */

static void
write_raid_numbers(const struct writer *w, const struct metrics_snapshot *snapshot, const char *name, bool working)
{
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_raid *raid = &snapshot->bdevs[i]->raid;

		if (raid->is_one) {
			begin_bdev_labels(w, name, i);
			end_labels(w);
			add_number(w->text, working ? raid->num_working : raid->num_members);
			end_line(w);
		}
	}
}

static void
write_raids(const struct writer *w, const struct metrics_snapshot *snapshot)
{
	begin_family(w, "bdevkit_raid_info", GAUGE, "What a RAID bdev is, as labels.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_bdev *bdev = snapshot->bdevs[i];

		if (bdev->raid.is_one) {
			begin_bdev_labels(w, "bdevkit_raid_info", i);
			add_label(w, "level", bdev->raid.level);
			add_label(w, "state", bdev->raid.state);
			end_labels(w);
			add(w->text, "1\n");
		}
	}
	begin_family(w, "bdevkit_raid_members", GAUGE, "Members that a RAID bdev has when it is whole.");
	write_raid_numbers(w, snapshot, "bdevkit_raid_members", false);
	begin_family(w, "bdevkit_raid_working_members", GAUGE,
		"Members of a RAID bdev that are there and hold all of their data: less than bdevkit_raid_members is "
		"degraded.");
	write_raid_numbers(w, snapshot, "bdevkit_raid_working_members", true);
	begin_family(w, "bdevkit_raid_process_ratio", GAUGE,
		"How far a rebuild, resync or scrub of a RAID bdev has come, from 0 to 1; only while there is one.");
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		const struct metrics_raid *raid = &snapshot->bdevs[i]->raid;

		if (raid->is_one && raid->progress >= 0) {
			begin_bdev_labels(w, "bdevkit_raid_process_ratio", i);
			end_labels(w);
			add_seconds(w->text, raid->progress);
			end_line(w);
		}
	}
}

void
metrics_write(struct metrics_text *text, const struct metrics_snapshot *snapshot, bool openmetrics)
{
	struct metrics_text begin = {};
	struct writer w = {.text = text, .openmetrics = openmetrics, .begin = &begin};

	text->failed = text->failed || !make_bdev_labels(&w, snapshot);
	if (!text->failed) {
		write_process(&w, &snapshot->process);
		write_threads(&w, snapshot);
		write_iobufs(&w, snapshot);
		write_bdevs_themselves(&w, snapshot);
		write_counters(&w, snapshot);
		write_latencies(&w, snapshot);
		write_raids(&w, snapshot);
	}
	if (openmetrics) {
		add(text, "# EOF\n");
	}
	free(begin.data);
	free(w.label_text.data);
	free(w.labels);
}
