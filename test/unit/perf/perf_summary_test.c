/* SPDX-License-Identifier: BSD-3-Clause */

/* Summaries of results: sums, JSON there and back, the table, the plot, the line that shows how it goes on. */

#include "app/bdevkit/perf/summary.h"

#include "spdk/env.h"
#include "spdk/util.h"

#include "app/bdevkit/perf/progress.h"

#include <setjmp.h>
#include <cmocka.h>

static char g_name_one[] = "one", g_name_other[] = "a<b&c>";
static char *g_names[] = {g_name_one, g_name_other};

static uint64_t
ticks(double us)
{
	return (uint64_t)(us * (double)spdk_get_ticks_hz() / SPDK_SEC_TO_USEC);
}

/* Two bdevs at three depths: 1000 reads a second of depth * 10 us each; on the second one also 500 writes of 1 ms. */
static void
make_results(struct perf_results *results, struct perf_options *options)
{
	perf_options_init(options);
	assert_int_equal(perf_options_set_workload(options, "randrw"), 0);
	assert_int_equal(perf_options_set_depths(options, "1,8,64"), 0);
	options->bdevs.items = g_names;
	options->bdevs.count = SPDK_COUNTOF(g_names);
	*results = (struct perf_results){.options = options, .cores = 2};
	for (size_t i = 0; i < 6; i++) {
		struct perf_result *result = perf_results_add(results);

		assert_non_null(result);
		snprintf(result->name, sizeof(result->name), "%s", g_names[i % 2]);
		snprintf(result->cpus, sizeof(result->cpus), "0x%zx", 1 + i % 2);
		result->depth = options->depths[i / 2];
		result->seconds = 2;
		assert_int_equal(perf_stats_use(&result->stats, PERF_READ), 0);
		assert_int_equal(perf_stats_use(&result->stats, PERF_WRITE), 0);
		for (int k = 0; k < 2000; k++) {
			perf_stat_count(&result->stats.kinds[PERF_READ], 4096, ticks(result->depth * 10));
		}
		for (int k = 0; i % 2 == 1 && k < 1000; k++) {
			perf_stat_count(&result->stats.kinds[PERF_WRITE], 4096, ticks(1000));
		}
		perf_stats_settle(&result->stats);
	}
}

static void
make_summary(struct perf_summary *summary)
{
	struct perf_options options;
	struct perf_results results;

	make_results(&results, &options);
	assert_int_equal(perf_summary_make(summary, &results), 0);
	perf_results_free(&results);
}

static void
assert_near(double value, double expected)
{
	assert_true(fabs(value - expected) <= expected * 0.01);
}

static void
bdevs_are_added_up(void **state)
{
	struct perf_summary summary;
	const struct perf_row *row, *total;

	make_summary(&summary);
	assert_int_equal(summary.num_rows, 6);
	assert_int_equal(summary.num_totals, 3);
	assert_true(perf_summary_good(&summary));
	row = &summary.rows[0];
	assert_int_equal(row->num_lines, 1);
	assert_string_equal(row->lines[0].type, "read");
	assert_near(row->all.iops, 1000);
	assert_near(row->all.mibps, 1000 * 4096 / 1048576.0);
	assert_near(row->all.latency.avg, 10);
	assert_string_equal(row->status, "finished");
	row = &summary.rows[3];
	assert_int_equal(row->depth, 8);
	assert_int_equal(row->num_lines, 2);
	assert_near(row->all.iops, 1500);
	assert_near(row->all.latency.percentiles[0], 80);
	assert_near(row->all.latency.percentiles[2], 1000);
	total = &summary.totals[1];
	assert_int_equal(total->depth, 8);
	assert_int_equal(total->all.ios, 5000);
	assert_near(total->all.iops, 2500);
	assert_near(total->all.latency.avg, (4000 * 80 + 1000 * 1000) / 5000.0);
	assert_near(total->all.latency.min, 80);
	perf_summary_free(&summary);
}

static void
troubles_are_seen(void **state)
{
	struct perf_options options;
	struct perf_results results;
	struct perf_summary summary;
	uint64_t *counts[] = {NULL, NULL, NULL};
	size_t size;
	FILE *out;
	char *text;

	make_results(&results, &options);
	counts[0] = &results.items[3].stats.failed;
	counts[1] = &results.items[3].stats.timed_out;
	counts[2] = &results.items[3].stats.mismatches;
	for (size_t i = 0; i < SPDK_COUNTOF(counts); i++) {
		*counts[i] = 7;
		assert_int_equal(perf_summary_make(&summary, &results), 0);
		assert_false(perf_summary_good(&summary));
		assert_string_equal(summary.rows[3].status, "failed");
		assert_string_equal(summary.rows[2].status, "finished");
		out = open_memstream(&text, &size);
		assert_non_null(out);
		perf_summary_print(&summary, out);
		fclose(out);
		assert_non_null(strstr(text, "a<b&c>, depth 8: 7 I/Os "));
		free(text);
		perf_summary_free(&summary);
		*counts[i] = 0;
	}
	results.interrupted = true;
	assert_int_equal(perf_summary_make(&summary, &results), 0);
	assert_true(perf_summary_good(&summary));
	assert_string_equal(summary.rows[0].status, "terminated");
	perf_summary_free(&summary);
	perf_results_free(&results);
}

struct json {
	char text[65536];
	size_t size;
};

static int
append_cb(void *ctx, const void *data, size_t size)
{
	struct json *json = ctx;

	assert_true(json->size + size < sizeof(json->text));
	memcpy(json->text + json->size, data, size);
	json->size += size;
	return 0;
}

static void
write_json(const struct perf_summary *summary, struct json *json)
{
	struct spdk_json_write_ctx *w;

	memset(json, 0, sizeof(*json));
	w = spdk_json_write_begin(append_cb, json, 0);
	assert_non_null(w);
	perf_summary_write_json(summary, w);
	assert_int_equal(spdk_json_write_end(w), 0);
}

static int
read_json(struct perf_summary *summary, char *text)
{
	static struct spdk_json_val values[8192];
	void *end;
	ssize_t count = spdk_json_parse(
		text, strlen(text), values, SPDK_COUNTOF(values), &end, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);

	assert_in_range(count, 1, (ssize_t)SPDK_COUNTOF(values));
	return perf_summary_read_json(summary, values);
}

/* What a target answers is what it would have printed itself. */
static void
json_goes_there_and_back(void **state)
{
	static struct json first, second;
	struct perf_summary summary, copy;

	make_summary(&summary);
	snprintf(summary.rows[2].reason, sizeof(summary.rows[2].reason), "\"why\"");
	write_json(&summary, &first);
	second = first;
	assert_int_equal(read_json(&copy, second.text), 0);
	assert_false(perf_summary_good(&copy));
	write_json(&copy, &second);
	assert_string_equal(first.text, second.text);
	perf_summary_free(&summary);
	perf_summary_free(&copy);
}

static void
other_answers_are_refused(void **state)
{
	static const char *const answers[] = {"1", "[]", "{}", "{\"results\": []}",
		"{\"results\": 1, \"totals\": [], \"core_count\": 1}",
		"{\"results\": [{}], \"totals\": [], \"core_count\": 1}",
		"{\"results\": [], \"totals\": [], \"core_count\": \"x\"}"};
	struct perf_summary summary;
	char text[256];

	for (size_t i = 0; i < SPDK_COUNTOF(answers); i++) {
		snprintf(text, sizeof(text), "%s", answers[i]);
		assert_int_equal(read_json(&summary, text), -EINVAL);
	}
	snprintf(text, sizeof(text), "{\"results\": [], \"totals\": [], \"core_count\": 1}");
	assert_int_equal(read_json(&summary, text), 0);
	assert_false(perf_summary_good(&summary));
	perf_summary_free(&summary);
}

/* ---- the plot ---- */

static char *
plot(const struct perf_summary *summary)
{
	char path[] = "/tmp/perf_plot_XXXXXX", *text;
	int fd = mkstemp(path);
	FILE *file;
	long size;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(perf_summary_plot(summary, path), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	fclose(file);
	unlink(path);
	return text;
}

static size_t
count(const char *text, const char *word)
{
	size_t found = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word)) {
		found++;
	}
	return found;
}

static void
plot_has_what_it_needs(void **state)
{
	static const char *const words[] = {"randrw (50 % reads), 4 KiB: one, a&lt;b&amp;c&gt;", ">p50<", ">p99<",
		">p99.9<", ">average<", ">1 ms<", ">10 \302\265s<", "throughput, I/Os per second", ">latency<",
		">64</text>"};
	struct perf_summary summary;
	char *text;

	make_summary(&summary);
	text = plot(&summary);
	for (size_t i = 0; i < SPDK_COUNTOF(words); i++) {
		if (strstr(text, words[i]) == NULL) {
			fail_msg("%s is not in the plot", words[i]);
		}
	}
	assert_int_equal(count(text, "<polyline"), 4);
	assert_int_equal(count(text, "<circle"), 12);
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	free(text);
	perf_summary_free(&summary);
}

/* All points lie between the axes, whatever the figures are. */
static void
plot_keeps_its_bounds(void **state)
{
	static const double scales[] = {1e-6, 0.5, 1, 1e7};
	struct perf_summary summary;

	for (size_t i = 0; i < SPDK_COUNTOF(scales); i++) {
		const char *circle;
		char *text;

		make_summary(&summary);
		for (size_t k = 0; k < summary.num_totals; k++) {
			summary.totals[k].all.iops *= scales[i];
			summary.totals[k].all.latency.avg *= scales[i];
		}
		text = plot(&summary);
		circle = text;
		while ((circle = strstr(circle, "<circle")) != NULL) {
			double x, y;

			assert_int_equal(sscanf(circle, "<circle cx='%lf' cy='%lf'", &x, &y), 2);
			assert_true(x >= 84 && x <= 684 && y >= 72 && y <= 436);
			circle++;
		}
		free(text);
		perf_summary_free(&summary);
	}
}

static void
nothing_is_not_drawn(void **state)
{
	struct perf_summary none = {}, summary;

	assert_int_equal(perf_summary_plot(&none, "/dev/null"), -ENODATA);
	make_summary(&summary);
	assert_int_equal(perf_summary_plot(&summary, "/nonexistent/plot.svg"), -ENOENT);
	assert_int_equal(perf_summary_plot(&summary, "/dev/full"), -EIO);
	summary.totals[1].all.iops = 0;
	assert_int_equal(perf_summary_plot(&summary, "/dev/null"), -ENODATA);
	perf_summary_free(&summary);
}

/* ---- how it goes on ---- */

static void
progress_fits_a_line(void **state)
{
	struct perf_progress_state progress = {.depth = 32, .count = 1, .done = 0.5, .seconds_left = 4.6};
	char line[160];

	perf_progress_format(&progress, 123456, 482.3, line, sizeof(line));
	assert_string_equal(line, "depth 32 [######------]  50 %  5 s left    123456 IOPS    482.3 MiB/s");
	progress = (struct perf_progress_state){
		.depth = 256, .index = 8, .count = 16, .done = 7, .seconds_left = 86399, .warmup = false};
	perf_progress_format(&progress, 99999999, 390624.9, line, sizeof(line));
	assert_non_null(strstr(line, "depth 256 (9/16) [############] 100 %"));
	progress.warmup = true;
	progress.done = 0;
	perf_progress_format(&progress, 0, 0, line, sizeof(line));
	assert_non_null(strstr(line, "[------------]   0 %   warm-up         0 IOPS"));
	assert_true(strlen(line) < 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bdevs_are_added_up),
		cmocka_unit_test(troubles_are_seen),
		cmocka_unit_test(json_goes_there_and_back),
		cmocka_unit_test(other_answers_are_refused),
		cmocka_unit_test(plot_has_what_it_needs),
		cmocka_unit_test(plot_keeps_its_bounds),
		cmocka_unit_test(nothing_is_not_drawn),
		cmocka_unit_test(progress_fits_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
