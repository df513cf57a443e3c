/* SPDX-License-Identifier: BSD-3-Clause */

/* All I/Os of a bdev and type in one line: where their time went. */

#include "app/bdevkit/trace/trace.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/text.h"
#include "spdk/bdev_module.h"
#include "spdk/json.h"
#include "spdk/util.h"

struct row {
	const char *name;
	uint16_t owner;
	uint8_t type;
	/* Parts into which I/Os of that bdev were split. */
	bool parts;
	uint32_t count;
	struct trace_times sum;
	/* Of count I/Os, sorted. */
	uint64_t *totals;
};

struct rows {
	struct row *rows;
	size_t count;
};

static bool
is_wanted(const char *name, char **names, int num_names)
{
	for (int i = 0; i < num_names; i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return num_names == 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Where most time went comes first. */
static int
compare_rows(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	uint64_t left_time = left->sum.own + left->sum.queued, right_time = right->sum.own + right->sum.queued;

	return left_time > right_time ? -1 : left_time < right_time;
}

static struct row *
find_row(struct rows *rows, const struct trace_ios *ios, const struct trace_io *io)
{
	bool parts = io->parent != TRACE_NO_IO && ios->ios[io->parent].owner == io->owner;
	struct row *grown;

	for (size_t i = 0; i < rows->count; i++) {
		if (rows->rows[i].owner == io->owner && rows->rows[i].type == io->type &&
			rows->rows[i].parts == parts) {
			return &rows->rows[i];
		}
	}
	grown = realloc(rows->rows, (rows->count + 1) * sizeof(*grown));
	if (grown == NULL) {
		return NULL;
	}
	rows->rows = grown;
	grown[rows->count] =
		(struct row){.name = trace_io_get_name(ios, io), .owner = io->owner, .type = io->type, .parts = parts};
	return &grown[rows->count++];
}

static void
free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].totals);
	}
	free(rows->rows);
}

/* Twice over all I/Os: first they are counted, then there is room for each. */
static int
make_rows(const struct trace_ios *ios, char **names, int num_names, struct rows *rows)
{
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < ios->count; i++) {
			const struct trace_io *io = &ios->ios[i];
			struct row *row;

			if (io->unfinished || !is_wanted(trace_io_get_name(ios, io), names, num_names)) {
				continue;
			}
			row = find_row(rows, ios, io);
			if (row == NULL) {
				return -ENOMEM;
			}
			if (pass == 1) {
				row->totals[row->count] = io->times.total;
				row->sum.total += io->times.total;
				row->sum.queued += io->times.queued;
				row->sum.below += io->times.below;
				row->sum.own += io->times.own;
			}
			row->count++;
		}
		for (size_t i = 0; i < rows->count && pass == 0; i++) {
			rows->rows[i].totals = calloc(rows->rows[i].count, sizeof(uint64_t));
			rows->rows[i].count = 0;
			if (rows->rows[i].totals == NULL) {
				return -ENOMEM;
			}
		}
	}
	for (size_t i = 0; i < rows->count; i++) {
		qsort(rows->rows[i].totals, rows->rows[i].count, sizeof(uint64_t), compare_numbers);
	}
	if (rows->count > 0) {
		qsort(rows->rows, rows->count, sizeof(*rows->rows), compare_rows);
	}
	return 0;
}

static double
get_percentile(const struct trace_ios *ios, const struct row *row, double part)
{
	return trace_to_us(ios, row->totals[(size_t)(part * (row->count - 1))]);
}

static uint64_t
get_all_time(const struct rows *rows)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < rows->count; i++) {
		sum += rows->rows[i].sum.own + rows->rows[i].sum.queued;
	}
	return spdk_max(sum, 1);
}

static void
print_lost(const struct trace_ios *ios)
{
	if (ios->recording->num_lost > 0) {
		printf("%" PRIu64 " entries were overwritten before they could be read; a target with a larger "
		       "--num-trace-entries keeps more\n",
			ios->recording->num_lost);
	}
}

int
trace_print_summary(const struct trace_ios *ios, char **names, int num_names)
{
	struct rows rows = {};
	uint64_t all;

	if (make_rows(ios, names, num_names, &rows) != 0) {
		fprintf(stderr, "bdevkit trace: no memory\n");
		free_rows(&rows);
		return EXIT_FAILED;
	}
	all = get_all_time(&rows);
	printf("%-20s %-12s %9s %10s %10s %10s | %10s %10s %10s %6s\n", "bdev", "type", "I/Os", "avg us", "p50", "p99",
		"queued", "own", "below", "share");
	for (size_t i = 0; i < rows.count; i++) {
		const struct row *row = &rows.rows[i];
		double count = row->count;
		char type[32];

		snprintf(type, sizeof(type), "%s%s", spdk_bdev_get_io_type_name(row->type), row->parts ? " part" : "");
		printf("%-20s %-12s %9" PRIu32 " %10.1f %10.1f %10.1f | %10.1f %10.1f %10.1f %5.1f%%\n", row->name,
			type, row->count, trace_to_us(ios, row->sum.total) / count, get_percentile(ios, row, 0.5),
			get_percentile(ios, row, 0.99), trace_to_us(ios, row->sum.queued) / count,
			trace_to_us(ios, row->sum.own) / count, trace_to_us(ios, row->sum.below) / count,
			100.0 * (double)(row->sum.own + row->sum.queued) / (double)all);
	}
	if (rows.count == 0) {
		printf("no I/O has begun and ended while it was recorded\n");
	}
	print_lost(ios);
	free_rows(&rows);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}

static void
write_row(struct spdk_json_write_ctx *w, const struct trace_ios *ios, const struct row *row, uint64_t all)
{
	double count = row->count;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "bdev", row->name);
	spdk_json_write_named_string(w, "type", spdk_bdev_get_io_type_name(row->type));
	spdk_json_write_named_bool(w, "parts", row->parts);
	spdk_json_write_named_uint32(w, "ios", row->count);
	spdk_json_write_named_double(w, "avg_us", trace_to_us(ios, row->sum.total) / count);
	spdk_json_write_named_double(w, "p50_us", get_percentile(ios, row, 0.5));
	spdk_json_write_named_double(w, "p99_us", get_percentile(ios, row, 0.99));
	spdk_json_write_named_double(w, "queued_us", trace_to_us(ios, row->sum.queued) / count);
	spdk_json_write_named_double(w, "own_us", trace_to_us(ios, row->sum.own) / count);
	spdk_json_write_named_double(w, "below_us", trace_to_us(ios, row->sum.below) / count);
	spdk_json_write_named_double(w, "share", (double)(row->sum.own + row->sum.queued) / (double)all);
	spdk_json_write_object_end(w);
}

int
trace_print_summary_json(const struct trace_ios *ios, char **names, int num_names)
{
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, SPDK_JSON_WRITE_FLAG_FORMATTED);
	struct rows rows = {};
	int rc = EXIT_FAILED;

	if (w != NULL && make_rows(ios, names, num_names, &rows) == 0) {
		uint64_t all = get_all_time(&rows);

		spdk_json_write_object_begin(w);
		spdk_json_write_named_uint64(w, "lost", ios->recording->num_lost);
		spdk_json_write_named_uint64(w, "partial", ios->num_partial);
		spdk_json_write_named_array_begin(w, "rows");
		for (size_t i = 0; i < rows.count; i++) {
			write_row(w, ios, &rows.rows[i], all);
		}
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
		rc = EXIT_OK;
	}
	if (w != NULL && spdk_json_write_end(w) == 0 && rc == EXIT_OK) {
		printf("%s\n", text.data);
	} else {
		fprintf(stderr, "bdevkit trace: no memory\n");
		rc = EXIT_FAILED;
	}
	free(text.data);
	free_rows(&rows);
	return rc;
}
