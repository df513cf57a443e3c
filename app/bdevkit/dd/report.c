/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/dd/report.h"

#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "app/bdevkit/dd/dd.h"

/* Microseconds. */
#define PERIOD 500000
#define LINE 79

void
dd_format_bytes(char *text, size_t size, double bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < SPDK_COUNTOF(units)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%.*f %s", unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes, units[unit]);
}

static void
get_progress(const struct dd_report *report, struct dd_progress *progress)
{
	struct dd_progress now = {};

	*progress = report->progress;
	if (report->copy != NULL) {
		dd_copy_get_progress(report->copy, &now);
		progress->done = now.done;
		progress->safe = now.safe;
		progress->data_bytes += now.data_bytes;
		progress->zero_bytes += now.zero_bytes;
	}
}

static double
get_seconds(const struct dd_report *report)
{
	return (double)(spdk_get_ticks() - report->begin) / (double)spdk_get_ticks_hz();
}

/* ---- progress ---- */

static void
format_time(char *text, size_t size, double seconds)
{
	uint64_t whole = (uint64_t)(seconds + 0.5);

	if (whole >= 3600) {
		snprintf(text, size, "%" PRIu64 " h %" PRIu64 " min", whole / 3600, whole / 60 % 60);
	} else if (whole >= 60) {
		snprintf(text, size, "%" PRIu64 " min %" PRIu64 " s", whole / 60, whole % 60);
	} else {
		snprintf(text, size, "%" PRIu64 " s", whole);
	}
}

static int
show_progress(void *arg)
{
	struct dd_report *report = arg;
	struct dd_progress progress;
	double seconds = get_seconds(report), copied, rate;
	char done[32], all[32], speed[32], left[64] = "?", line[256];

	get_progress(report, &progress);
	copied = (double)(progress.done - report->resumed);
	rate = seconds > 0 ? copied / seconds : 0;
	dd_format_bytes(done, sizeof(done), (double)progress.done);
	dd_format_bytes(all, sizeof(all), (double)report->length);
	dd_format_bytes(speed, sizeof(speed), rate);
	if (rate > 0) {
		format_time(left, sizeof(left), (double)(report->length - progress.done) / rate);
	}
	snprintf(line, sizeof(line), "%s of %s (%u %%), %s/s, %s left", done, all,
		report->length > 0 ? (unsigned)((double)progress.done / (double)report->length * 100) : 100, speed,
		left);
	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\r%-*.*s", LINE, LINE, line);
		report->drawn = true;
	} else {
		fprintf(stderr, "%s\n", line);
	}
	fflush(stderr);
	return SPDK_POLLER_BUSY;
}

void
dd_report_clear(const struct dd_report *report)
{
	if (report->drawn) {
		fprintf(stderr, "\r%*s\r", LINE, "");
	}
}

void
dd_report_note(struct dd_report *report, const char *format, ...)
{
	va_list args;

	if (report->request->status == DD_STATUS_NONE) {
		return;
	}
	dd_report_clear(report);
	fprintf(stderr, "bdevkit dd: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
}

/* ---- begin and end ---- */

void
dd_report_begin(struct dd_report *report, const struct dd_request *request, uint64_t length, uint64_t resumed)
{
	*report = (struct dd_report){
		.request = request,
		.length = length,
		.resumed = resumed,
		.begin = spdk_get_ticks(),
		.progress = {.done = resumed, .safe = resumed},
	};
	if (request->status == DD_STATUS_PROGRESS) {
		report->poller = SPDK_POLLER_REGISTER(show_progress, report, PERIOD);
	}
}

void
dd_report_add(struct dd_report *report, const struct dd_progress *progress)
{
	report->copy = NULL;
	report->progress.done = progress->done;
	report->progress.safe = progress->safe;
	report->progress.data_bytes += progress->data_bytes;
	report->progress.zero_bytes += progress->zero_bytes;
}

static void
print_summary(const struct dd_report *report)
{
	double seconds = get_seconds(report), copied = (double)(report->progress.done - report->resumed);
	char size[32], zeroes[32], rate[32];

	dd_format_bytes(size, sizeof(size), copied);
	dd_format_bytes(zeroes, sizeof(zeroes), (double)report->progress.zero_bytes);
	dd_format_bytes(rate, sizeof(rate), seconds > 0 ? copied / seconds : 0);
	fprintf(stderr, "%.0f bytes (%s) copied, %s of them holes, %.2f s, %s/s\n", copied, size, zeroes, seconds,
		rate);
}

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

static void
print_json(const struct dd_report *report, bool good)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(write_stdout, NULL, SPDK_JSON_WRITE_FLAG_FORMATTED);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "source", report->request->words[DD_SOURCE]);
	spdk_json_write_named_string(w, "target", report->request->words[DD_TARGET]);
	spdk_json_write_named_bool(w, "complete", good);
	spdk_json_write_named_uint64(w, "length", report->length);
	spdk_json_write_named_uint64(w, "resumed", report->resumed);
	spdk_json_write_named_uint64(w, "safe", report->progress.safe);
	spdk_json_write_named_uint64(w, "data_bytes", report->progress.data_bytes);
	spdk_json_write_named_uint64(w, "zero_bytes", report->progress.zero_bytes);
	spdk_json_write_named_double(w, "seconds", get_seconds(report));
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	printf("\n");
	fflush(stdout);
}

void
dd_report_end(struct dd_report *report, bool good)
{
	if (report->request == NULL) {
		return;
	}
	if (good && report->poller != NULL) {
		show_progress(report);
	}
	spdk_poller_unregister(&report->poller);
	if (report->drawn && good) {
		fprintf(stderr, "\n");
	}
	if (good && report->request->status != DD_STATUS_NONE) {
		print_summary(report);
	}
	if (report->request->json) {
		print_json(report, good);
	}
}
