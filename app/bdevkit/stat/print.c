/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/stat/print.h"

#include "spdk/json.h"
#include "spdk/util.h"

#define MIB (1024.0 * 1024.0)

/* One bdev between two samples. */
struct row {
	const struct stat_bdev *before;
	const struct stat_bdev *bdev;
	struct stat_rate rates[STAT_TYPES + 1];
};

static const char *const g_type_names[STAT_TYPES] = {"read", "write", "unmap", "copy"};

static const struct {
	const char *name;
	double fraction;
} g_percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

void
stat_format_count(char *text, size_t size, double number)
{
	static const char units[] = {'\0', 'k', 'M', 'G', 'T', 'P'};
	size_t unit = 0;

	while (number >= 9999.5 && unit + 1 < SPDK_COUNTOF(units)) {
		number /= 1000;
		unit++;
	}
	if (unit == 0) {
		/* A number that is whole is not made to look measured. */
		snprintf(text, size, "%.*f", number < 99.95 && number != (double)(uint64_t)number ? 1 : 0, number);
	} else {
		snprintf(text, size, "%.*f%c", number < 9.995 ? 2 : number < 99.95 ? 1 : 0, number, units[unit]);
	}
}

static bool
is_wanted(const struct stat_view *view, const char *name)
{
	for (int i = 0; i < view->num_names; i++) {
		if (strcmp(view->names[i], name) == 0) {
			return true;
		}
	}
	return view->num_names == 0;
}

static void
make_row(struct row *row, const struct stat_sample *before, const struct stat_sample *after,
	const struct stat_bdev *bdev)
{
	double seconds = stat_seconds(before, after);

	row->bdev = bdev;
	row->before = stat_sample_find(before, bdev->name);
	for (int type = 0; type <= STAT_TYPES; type++) {
		stat_rate(row->before, bdev, type, seconds, after->tick_rate, &row->rates[type]);
	}
}

/* Errors that came in between. */
static uint64_t
errors_of(const struct row *row)
{
	uint64_t before = row->before != NULL ? row->before->errors : 0;

	return row->bdev->errors - (before <= row->bdev->errors ? before : 0);
}

/* ---- for people ---- */

static void
print_count(double number)
{
	char text[16];

	stat_format_count(text, sizeof(text), number);
	printf(" %7s", text);
}

static void
print_latency(const struct stat_rate *rate)
{
	if (rate->ios == 0) {
		printf("       -");
	} else {
		print_count(rate->average_us);
	}
}

static void
print_percentiles(const struct row *row, uint64_t tick_rate)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_percentiles); i++) {
		double us = stat_percentile(row->before, row->bdev, g_percentiles[i].fraction, tick_rate);

		if (us < 0) {
			printf("       -");
		} else {
			print_count(us);
		}
	}
}

static void
print_head(const struct stat_view *view, int width, bool rates)
{
	const char *per = rates ? "/s" : "";

	printf("%-*s", width, "bdev");
	for (int type = 0; type < (view->extended ? STAT_TYPES : STAT_UNMAP); type++) {
		char letter = "rwuc"[type];
		char columns[4][16];

		snprintf(columns[0], sizeof(columns[0]), rates ? "%.1s/s" : "%.6ss", g_type_names[type]);
		snprintf(columns[1], sizeof(columns[1]), "%cMiB%s", letter, per);
		snprintf(columns[2], sizeof(columns[2]), "%c KiB", letter);
		snprintf(columns[3], sizeof(columns[3]), "%c us", letter);
		printf(" %7s %7s", columns[0], columns[1]);
		if (view->extended) {
			printf(" %7s", columns[2]);
		}
		printf(" %7s", columns[3]);
	}
	printf(rates ? " %7s" : "", "queue");
	printf(view->extended ? " %7s" : "", "errors");
	for (size_t i = 0; view->percentiles && i < SPDK_COUNTOF(g_percentiles); i++) {
		printf(" %7s", g_percentiles[i].name);
	}
	printf("\n");
}

static void
print_row(const struct stat_view *view, const struct row *row, int width, bool rates, uint64_t tick_rate)
{
	printf("%-*s", width, row->bdev->name);
	for (int type = 0; type < (view->extended ? STAT_TYPES : STAT_UNMAP); type++) {
		const struct stat_rate *rate = &row->rates[type];

		print_count(rates ? rate->iops : (double)rate->ios);
		print_count((rates ? rate->bytes_per_second : (double)rate->bytes) / MIB);
		if (view->extended) {
			print_count(rate->ios > 0 ? (double)rate->bytes / (double)rate->ios / 1024 : 0);
		}
		print_latency(rate);
	}
	if (rates) {
		print_count(row->rates[STAT_TYPES].queue);
	}
	if (view->extended) {
		print_count((double)errors_of(row));
	}
	if (view->percentiles) {
		print_percentiles(row, tick_rate);
	}
	printf("\n");
}

static void
print_time(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
	printf("%s\n", text);
}

int
stat_print(const struct stat_view *view, const struct stat_sample *before, const struct stat_sample *after)
{
	bool rates = stat_seconds(before, after) > 0;
	int width = 12, count = 0;

	for (size_t i = 0; i < after->count; i++) {
		if (is_wanted(view, after->bdevs[i].name)) {
			width = spdk_max(width, (int)strlen(after->bdevs[i].name));
		}
	}
	if (view->time) {
		print_time();
	}
	print_head(view, width, rates);
	for (size_t i = 0; i < after->count; i++) {
		struct row row;

		if (!is_wanted(view, after->bdevs[i].name)) {
			continue;
		}
		count++;
		make_row(&row, before, after, &after->bdevs[i]);
		if (!view->skip_idle || row.rates[STAT_TYPES].ios > 0) {
			print_row(view, &row, width, rates, after->tick_rate);
		}
	}
	return count;
}

/* ---- for programs ---- */

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

static void
write_extremes(struct spdk_json_write_ctx *w, const struct stat_counters *counters, uint64_t tick_rate)
{
	if (counters->ios > 0 && counters->min_latency <= counters->max_latency) {
		spdk_json_write_named_double(w, "min", (double)counters->min_latency / (double)tick_rate * 1e6);
		spdk_json_write_named_double(w, "max", (double)counters->max_latency / (double)tick_rate * 1e6);
	}
}

static void
write_type(struct spdk_json_write_ctx *w, const struct row *row, int type, bool rates, uint64_t tick_rate)
{
	const struct stat_rate *rate = &row->rates[type];

	spdk_json_write_named_object_begin(w, g_type_names[type]);
	spdk_json_write_named_uint64(w, "ios", rate->ios);
	spdk_json_write_named_uint64(w, "bytes", rate->bytes);
	if (rates) {
		spdk_json_write_named_double(w, "iops", rate->iops);
		spdk_json_write_named_double(w, "mibps", rate->bytes_per_second / MIB);
	}
	spdk_json_write_named_object_begin(w, "latency_us");
	spdk_json_write_named_double(w, "avg", rate->average_us);
	/* The target has these of all the time only. */
	if (!rates) {
		write_extremes(w, &row->bdev->counters[type], tick_rate);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
write_row(struct spdk_json_write_ctx *w, const struct stat_view *view, const struct row *row, bool rates,
	uint64_t tick_rate)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", row->bdev->name);
	for (int type = 0; type < STAT_TYPES; type++) {
		write_type(w, row, type, rates, tick_rate);
	}
	if (rates) {
		spdk_json_write_named_double(w, "queue", row->rates[STAT_TYPES].queue);
	}
	spdk_json_write_named_uint64(w, "errors", errors_of(row));
	if (view->percentiles && row->bdev->histogram != NULL) {
		spdk_json_write_named_object_begin(w, "percentiles_us");
		for (size_t i = 0; i < SPDK_COUNTOF(g_percentiles); i++) {
			double us = stat_percentile(row->before, row->bdev, g_percentiles[i].fraction, tick_rate);

			if (us >= 0) {
				spdk_json_write_named_double(w, g_percentiles[i].name, us);
			}
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
}

int
stat_print_json(
	const struct stat_view *view, const struct stat_sample *before, const struct stat_sample *after, bool formatted)
{
	struct spdk_json_write_ctx *w =
		spdk_json_write_begin(write_stdout, NULL, formatted ? SPDK_JSON_WRITE_FLAG_FORMATTED : 0);
	double seconds = stat_seconds(before, after);
	struct timespec now;
	int count = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_double(w, "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9);
	if (seconds > 0) {
		spdk_json_write_named_double(w, "seconds", seconds);
	}
	spdk_json_write_named_array_begin(w, "bdevs");
	for (size_t i = 0; i < after->count; i++) {
		struct row row;

		if (!is_wanted(view, after->bdevs[i].name)) {
			continue;
		}
		count++;
		make_row(&row, before, after, &after->bdevs[i]);
		if (!view->skip_idle || row.rates[STAT_TYPES].ios > 0) {
			write_row(w, view, &row, seconds > 0, after->tick_rate);
		}
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_end(w);
	printf("\n");
	return count;
}
