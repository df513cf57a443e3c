/* SPDX-License-Identifier: BSD-3-Clause */

/* The text, and how histograms are sorted into its buckets. */

#include "module/metrics/metrics.h"

#include "spdk/histogram_data.h"

#include <setjmp.h>
#include <cmocka.h>

static struct metrics_snapshot *
make_snapshot(void)
{
	struct metrics_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	assert_non_null(snapshot);
	snapshot->ticks_hz = 2000000000;
	snapshot->process = (struct metrics_process){1.5, 4096, 7, 1700000000.25};
	snapshot->threads = calloc(1, sizeof(*snapshot->threads));
	snapshot->num_threads = 1;
	strcpy(snapshot->threads[0].name, "app_thread");
	snapshot->threads[0].stats = (struct spdk_thread_stats){.busy_tsc = 3000000001, .idle_tsc = 1};
	snapshot->bdevs = calloc(2, sizeof(*snapshot->bdevs));
	snapshot->num_bdevs = 2;
	for (int i = 0; i < 2; i++) {
		snapshot->bdevs[i] = calloc(1, sizeof(*snapshot->bdevs[i]));
		snapshot->bdevs[i]->stat = calloc(1, sizeof(struct spdk_bdev_io_stat));
		snapshot->bdevs[i]->raid.progress = -1;
	}
	strcpy(snapshot->bdevs[0]->name, "a\"b\\c\nd");
	strcpy(snapshot->bdevs[0]->product, "Malloc disk");
	snapshot->bdevs[0]->size_bytes = UINT64_MAX;
	snapshot->bdevs[0]->num_errors = 3;
	snapshot->bdevs[0]->stat->num_read_ops = 10;
	snapshot->bdevs[0]->stat->bytes_written = 4096;
	snapshot->bdevs[0]->stat->unmap_latency_ticks = 1000;
	snapshot->bdevs[0]->has_latency = true;
	snapshot->bdevs[0]->latency.counts[0] = 2;
	snapshot->bdevs[0]->latency.counts[3] = 1;
	snapshot->bdevs[0]->latency.counts[METRICS_NUM_BOUNDS] = 4;
	snapshot->bdevs[0]->latency.sum_seconds = 41.000000125;
	strcpy(snapshot->bdevs[1]->name, "array");
	snapshot->bdevs[1]->raid = (struct metrics_raid){true, "raid5", "online", 4, 3, 0.25};
	return snapshot;
}

static char *
write_it(bool openmetrics)
{
	struct metrics_snapshot *snapshot = make_snapshot();
	struct metrics_text text = {};
	char *string;

	metrics_write(&text, snapshot, openmetrics);
	assert_false(text.failed);
	string = strndup(text.data, text.size);
	free(text.data);
	metrics_snapshot_free(snapshot);
	return string;
}

static void
expect(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	if (found == NULL || (found != text && found[-1] != '\n') || found[strlen(line)] != '\n') {
		print_error("no line: %s\n", line);
		fail();
	}
}

static void
test_lines(void **state)
{
	char *text = write_it(true);

	expect(text, "# TYPE process_cpu_seconds counter");
	expect(text, "process_cpu_seconds_total 1.500000000");
	expect(text, "process_start_time_seconds 1700000000.250000000");
	expect(text, "bdevkit_thread_busy_seconds_total{thread=\"app_thread\"} 1.500000000");
	expect(text, "bdevkit_bdev_size_bytes{bdev=\"a\\\"b\\\\c\\nd\"} 18446744073709551615");
	expect(text, "bdevkit_bdev_errors_total{bdev=\"a\\\"b\\\\c\\nd\"} 3");
	expect(text, "bdevkit_bdev_ios_total{bdev=\"a\\\"b\\\\c\\nd\",type=\"read\"} 10");
	expect(text, "bdevkit_bdev_ios_total{bdev=\"a\\\"b\\\\c\\nd\",type=\"copy\"} 0");
	expect(text, "bdevkit_bdev_bytes_total{bdev=\"a\\\"b\\\\c\\nd\",type=\"write\"} 4096");
	expect(text, "bdevkit_bdev_io_seconds_total{bdev=\"a\\\"b\\\\c\\nd\",type=\"unmap\"} 0.000000500");
	expect(text, "bdevkit_bdev_latency_seconds_bucket{bdev=\"a\\\"b\\\\c\\nd\",le=\"1e-06\"} 2");
	expect(text, "bdevkit_bdev_latency_seconds_bucket{bdev=\"a\\\"b\\\\c\\nd\",le=\"1e-05\"} 3");
	expect(text, "bdevkit_bdev_latency_seconds_bucket{bdev=\"a\\\"b\\\\c\\nd\",le=\"10.0\"} 3");
	expect(text, "bdevkit_bdev_latency_seconds_bucket{bdev=\"a\\\"b\\\\c\\nd\",le=\"+Inf\"} 7");
	expect(text, "bdevkit_bdev_latency_seconds_sum{bdev=\"a\\\"b\\\\c\\nd\"} 41.000000125");
	expect(text, "bdevkit_bdev_latency_seconds_count{bdev=\"a\\\"b\\\\c\\nd\"} 7");
	/* One has no histogram. */
	assert_null(strstr(text, "bucket{bdev=\"array\""));
	expect(text, "bdevkit_raid_info{bdev=\"array\",level=\"raid5\",state=\"online\"} 1");
	expect(text, "bdevkit_raid_members{bdev=\"array\"} 4");
	expect(text, "bdevkit_raid_working_members{bdev=\"array\"} 3");
	expect(text, "bdevkit_raid_process_ratio{bdev=\"array\"} 0.250000000");
	assert_null(strstr(text, "bdevkit_raid_members{bdev=\"a\\"));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

static void
test_the_older_format(void **state)
{
	char *text = write_it(false);

	expect(text, "# TYPE process_cpu_seconds_total counter");
	expect(text, "# TYPE bdevkit_bdev_ios_total counter");
	expect(text, "bdevkit_bdev_latency_seconds_bucket{bdev=\"a\\\"b\\\\c\\nd\",le=\"10\"} 3");
	assert_null(strstr(text, "EOF"));
	free(text);
}

static void
test_buckets(void **state)
{
	/* A tick is a nanosecond. */
	struct spdk_histogram_data *histogram = spdk_histogram_data_alloc_sized_ext(4, 500, 20000000000);
	struct metrics_latency latency = {};

	assert_non_null(histogram);
	spdk_histogram_data_tally(histogram, 1);
	spdk_histogram_data_tally(histogram, 900);
	spdk_histogram_data_tally(histogram, 1500);
	spdk_histogram_data_tally(histogram, 120000);
	spdk_histogram_data_tally(histogram, 120000);
	spdk_histogram_data_tally(histogram, 9000000000);
	spdk_histogram_data_tally(histogram, 60000000000);
	metrics_fold(histogram, 1000000000, &latency);
	assert_int_equal(latency.count, 7);
	assert_int_equal(latency.counts[0], 2);
	assert_int_equal(latency.counts[1], 1);
	assert_int_equal(latency.counts[7], 2);
	assert_int_equal(latency.counts[METRICS_NUM_BOUNDS - 1], 1);
	assert_int_equal(latency.counts[METRICS_NUM_BOUNDS], 1);
	/* What is beyond the largest bucket counts as that. */
	assert_true(latency.sum_seconds > 9 + 20 && latency.sum_seconds < 9 + 60);
	spdk_histogram_data_free(histogram);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_the_older_format),
		cmocka_unit_test(test_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
