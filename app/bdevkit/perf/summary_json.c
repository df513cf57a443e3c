/* SPDX-License-Identifier: BSD-3-Clause */

/* A summary as JSON: with the members that users of bdevperf know, and more of each type of I/O. */

#include "app/bdevkit/perf/summary.h"

#include "spdk/util.h"

/* ---- writing ---- */

static void
write_latency(const struct perf_latency *latency, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_object_begin(w, "latency_us");
	spdk_json_write_named_double(w, "avg", latency->avg);
	spdk_json_write_named_double(w, "min", latency->min);
	for (size_t i = 0; i < PERF_NUM_PERCENTILES; i++) {
		spdk_json_write_named_double(w, perf_percentiles[i].name, latency->percentiles[i]);
	}
	spdk_json_write_named_double(w, "max", latency->max);
	spdk_json_write_object_end(w);
}

static void
write_line(const struct perf_line *line, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "type", line->type);
	spdk_json_write_named_uint64(w, "ios", line->ios);
	spdk_json_write_named_uint64(w, "bytes", line->bytes);
	spdk_json_write_named_double(w, "iops", line->iops);
	spdk_json_write_named_double(w, "mibps", line->mibps);
	write_latency(&line->latency, w);
	spdk_json_write_object_end(w);
}

/* What a row and a total have. */
static void
write_figures(const struct perf_row *row, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_string(w, "workload", row->workload);
	if (row->mixed) {
		spdk_json_write_named_uint32(w, "percentage", row->read_percent);
	}
	spdk_json_write_named_uint32(w, "queue_depth", row->depth);
	spdk_json_write_named_uint64(w, "io_size", row->io_size);
	spdk_json_write_named_string(w, "io_sizes", row->sizes);
	spdk_json_write_named_double(w, "runtime", row->seconds);
	spdk_json_write_named_double(w, "iops", row->all.iops);
	spdk_json_write_named_double(w, "mibps", row->all.mibps);
	spdk_json_write_named_uint64(w, "io_failed", row->failed);
	spdk_json_write_named_uint64(w, "io_timeout", row->timed_out);
	spdk_json_write_named_uint64(w, "io_aborted", row->aborted);
	spdk_json_write_named_uint64(w, "io_mismatched", row->mismatched);
	spdk_json_write_named_double(w, "avg_latency_us", row->all.latency.avg);
	spdk_json_write_named_double(w, "min_latency_us", row->all.latency.min);
	spdk_json_write_named_double(w, "max_latency_us", row->all.latency.max);
	write_latency(&row->all.latency, w);
	spdk_json_write_named_array_begin(w, "operations");
	for (uint32_t i = 0; i < row->num_lines; i++) {
		write_line(&row->lines[i], w);
	}
	spdk_json_write_array_end(w);
}

static void
write_row(const struct perf_row *row, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "job", row->name);
	spdk_json_write_named_string(w, "core_mask", row->cpus);
	spdk_json_write_named_string(w, "status", row->status);
	if (row->reason[0] != '\0') {
		spdk_json_write_named_string(w, "reason", row->reason);
	}
	if (row->verify) {
		spdk_json_write_named_object_begin(w, "verify_range");
		spdk_json_write_named_uint64(w, "start", row->first_block);
		spdk_json_write_named_uint64(w, "length", row->num_blocks);
		spdk_json_write_object_end(w);
	}
	write_figures(row, w);
	spdk_json_write_object_end(w);
}

void
perf_summary_write_json(const struct perf_summary *summary, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "results");
	for (size_t i = 0; i < summary->num_rows; i++) {
		write_row(&summary->rows[i], w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_named_array_begin(w, "totals");
	for (size_t i = 0; i < summary->num_totals; i++) {
		spdk_json_write_object_begin(w);
		write_figures(&summary->totals[i], w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_named_uint32(w, "core_count", summary->cores);
	spdk_json_write_object_end(w);
}

/* ---- reading ---- */

static int
decode_double(const struct spdk_json_val *val, void *out)
{
	char text[64], *end;

	if (val->type != SPDK_JSON_VAL_NUMBER || val->len >= sizeof(text)) {
		return -EINVAL;
	}
	memcpy(text, val->start, val->len);
	text[val->len] = '\0';
	*(double *)out = strtod(text, &end);
	return *end == '\0' ? 0 : -EINVAL;
}

static int
decode_text(const struct spdk_json_val *val, char *out, size_t size)
{
	if (val->type != SPDK_JSON_VAL_STRING) {
		return -EINVAL;
	}
	snprintf(out, size, "%.*s", (int)val->len, (const char *)val->start);
	return 0;
}

#define DECODE_TEXT(name, structure, field) \
	static int decode_##name(const struct spdk_json_val *val, void *out) \
	{ \
		return decode_text(val, out, sizeof(((structure *)NULL)->field)); \
	}

DECODE_TEXT(type, struct perf_line, type)
DECODE_TEXT(name, struct perf_row, name)
DECODE_TEXT(cpus, struct perf_row, cpus)
DECODE_TEXT(workload, struct perf_row, workload)
DECODE_TEXT(status, struct perf_row, status)
DECODE_TEXT(reason, struct perf_row, reason)
DECODE_TEXT(sizes, struct perf_row, sizes)

static int
decode_latency(const struct spdk_json_val *val, void *out)
{
	struct perf_latency *latency = out;
	struct spdk_json_object_decoder decoders[PERF_NUM_PERCENTILES + 3] = {
		{"avg", offsetof(struct perf_latency, avg), decode_double},
		{"min", offsetof(struct perf_latency, min), decode_double},
		{"max", offsetof(struct perf_latency, max), decode_double},
	};

	for (size_t i = 0; i < PERF_NUM_PERCENTILES; i++) {
		decoders[i + 3] = (struct spdk_json_object_decoder){
			perf_percentiles[i].name, offsetof(struct perf_latency, percentiles[i]), decode_double};
	}
	return spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), latency);
}

static const struct spdk_json_object_decoder g_line_decoders[] = {
	{"type", offsetof(struct perf_line, type), decode_type},
	{"ios", offsetof(struct perf_line, ios), spdk_json_decode_uint64},
	{"bytes", offsetof(struct perf_line, bytes), spdk_json_decode_uint64},
	{"iops", offsetof(struct perf_line, iops), decode_double},
	{"mibps", offsetof(struct perf_line, mibps), decode_double},
	{"latency_us", offsetof(struct perf_line, latency), decode_latency},
};

static int
decode_line(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object_relaxed(val, g_line_decoders, SPDK_COUNTOF(g_line_decoders), out);
}

static int
decode_lines(const struct spdk_json_val *val, void *out)
{
	struct perf_row *row = SPDK_CONTAINEROF(out, struct perf_row, lines);
	size_t count = 0;
	int rc = spdk_json_decode_array(val, decode_line, row->lines, PERF_NUM_KINDS, &count, sizeof(row->lines[0]));

	row->num_lines = (uint32_t)count;
	return rc;
}

static const struct spdk_json_object_decoder g_row_decoders[] = {
	{"job", offsetof(struct perf_row, name), decode_name, true},
	{"core_mask", offsetof(struct perf_row, cpus), decode_cpus, true},
	{"status", offsetof(struct perf_row, status), decode_status, true},
	{"reason", offsetof(struct perf_row, reason), decode_reason, true},
	{"workload", offsetof(struct perf_row, workload), decode_workload},
	{"percentage", offsetof(struct perf_row, read_percent), spdk_json_decode_uint32, true},
	{"queue_depth", offsetof(struct perf_row, depth), spdk_json_decode_uint32},
	{"io_size", offsetof(struct perf_row, io_size), spdk_json_decode_uint64},
	{"io_sizes", offsetof(struct perf_row, sizes), decode_sizes},
	{"runtime", offsetof(struct perf_row, seconds), decode_double},
	{"iops", offsetof(struct perf_row, all.iops), decode_double},
	{"mibps", offsetof(struct perf_row, all.mibps), decode_double},
	{"io_failed", offsetof(struct perf_row, failed), spdk_json_decode_uint64},
	{"io_timeout", offsetof(struct perf_row, timed_out), spdk_json_decode_uint64},
	{"io_aborted", offsetof(struct perf_row, aborted), spdk_json_decode_uint64},
	{"io_mismatched", offsetof(struct perf_row, mismatched), spdk_json_decode_uint64},
	{"latency_us", offsetof(struct perf_row, all.latency), decode_latency},
	{"operations", offsetof(struct perf_row, lines), decode_lines},
};

static int
decode_row(const struct spdk_json_val *val, void *out)
{
	struct perf_row *row = out;

	row->read_percent = UINT32_MAX;
	if (spdk_json_decode_object_relaxed(val, g_row_decoders, SPDK_COUNTOF(g_row_decoders), out) != 0) {
		return -EINVAL;
	}
	/* Only mixed workloads have one. */
	row->mixed = row->read_percent != UINT32_MAX;
	return 0;
}

static int
read_rows(const struct spdk_json_val *answer, const char *name, struct perf_row **rows, size_t *count)
{
	const struct spdk_json_val *array = spdk_json_object_first((struct spdk_json_val *)answer);
	size_t members = 0;

	while (array != NULL && !spdk_json_strequal(array, name)) {
		array = spdk_json_next((struct spdk_json_val *)array);
	}
	if (array == NULL || array[1].type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return -EINVAL;
	}
	array++;
	for (struct spdk_json_val *item = spdk_json_array_first((struct spdk_json_val *)array); item != NULL;
		item = spdk_json_next(item)) {
		members++;
	}
	*rows = calloc(spdk_max(members, 1), sizeof(**rows));
	if (*rows == NULL) {
		return -ENOMEM;
	}
	return spdk_json_decode_array(array, decode_row, *rows, members, count, sizeof(**rows)) == 0 ? 0 : -EINVAL;
}

int
perf_summary_read_json(struct perf_summary *summary, const struct spdk_json_val *answer)
{
	static const struct spdk_json_object_decoder cores = {
		"core_count", offsetof(struct perf_summary, cores), spdk_json_decode_uint32};
	int rc = 0;

	memset(summary, 0, sizeof(*summary));
	if (answer->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		return -EINVAL;
	}
	rc = spdk_json_decode_object_relaxed(answer, &cores, 1, summary) == 0 ? 0 : -EINVAL;
	rc = rc != 0 ? rc : read_rows(answer, "results", &summary->rows, &summary->num_rows);
	rc = rc != 0 ? rc : read_rows(answer, "totals", &summary->totals, &summary->num_totals);
	if (rc != 0) {
		perf_summary_free(summary);
	}
	return rc;
}
