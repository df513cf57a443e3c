/* SPDX-License-Identifier: BSD-3-Clause */

/* Latency over throughput as SVG: a point for each queue depth, a line for each percentile. */

#include "app/bdevkit/perf/result.h"

#include "spdk/util.h"

#define WIDTH 760
#define HEIGHT 460
#define LEFT 80
#define RIGHT 110
#define TOP 50
#define BOTTOM 60

static const struct {
	const char *name;
	const char *color;
	/* 0: the average. */
	double percent;
} g_lines[] = {
	{"p99.9", "#7b3294", 99.9},
	{"p99", "#d7191c", 99},
	{"average", "#2b83ba", 0},
	{"p50", "#1a9641", 50},
};

struct plot {
	FILE *out;
	const struct perf_results *results;
	/* One sum for each depth. */
	struct {
		uint32_t depth;
		double iops;
		double us[SPDK_COUNTOF(g_lines)];
	} points[PERF_MAX_DEPTHS];
	size_t num_points;
	double max_iops;
	double min_log;
	double max_log;
};

static void
measure_point(struct plot *plot, const struct perf_result *result, struct perf_stats *sum)
{
	size_t n = plot->num_points;

	for (size_t kind = 0; kind < PERF_ABORT; kind++) {
		plot->points[n].iops +=
			result->seconds > 0 ? (double)result->stats.kinds[kind].ios / result->seconds : 0;
	}
	perf_stats_add(sum, &result->stats);
}

/* All kinds of I/O together. */
static void
end_point(struct plot *plot, const struct perf_stats *sum)
{
	struct perf_stats all = {};
	size_t n = plot->num_points++;

	for (size_t kind = 0; kind < PERF_ABORT; kind++) {
		struct perf_stats one = {.kinds = {[PERF_READ] = sum->kinds[kind]}};

		perf_stats_add(&all, &one);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(g_lines); i++) {
		const struct perf_stat *stat = &all.kinds[PERF_READ];
		double us = g_lines[i].percent > 0 ? perf_stat_percentile(stat, g_lines[i].percent)
						   : perf_stat_average(stat);

		us = spdk_max(us, 0.01);
		plot->points[n].us[i] = us;
		plot->min_log = spdk_min(plot->min_log, floor(log10(us)));
		plot->max_log = spdk_max(plot->max_log, ceil(log10(us)));
	}
	plot->max_iops = spdk_max(plot->max_iops, plot->points[n].iops);
	perf_stats_free(&all);
}

static void
take_points(struct plot *plot)
{
	const struct perf_results *results = plot->results;
	size_t bdevs = results->options->bdevs.count;

	plot->min_log = 9;
	plot->max_log = -9;
	for (size_t first = 0; first + bdevs <= results->count && plot->num_points < PERF_MAX_DEPTHS; first += bdevs) {
		struct perf_stats sum = {};

		plot->points[plot->num_points].depth = results->items[first].depth;
		for (size_t i = first; i < first + bdevs; i++) {
			measure_point(plot, &results->items[i], &sum);
		}
		end_point(plot, &sum);
		perf_stats_free(&sum);
	}
	if (plot->max_log <= plot->min_log) {
		plot->max_log = plot->min_log + 1;
	}
}

static double
x_of(const struct plot *plot, double iops)
{
	return LEFT + iops / plot->max_iops * (WIDTH - LEFT - RIGHT);
}

static double
y_of(const struct plot *plot, double us)
{
	double part = (log10(us) - plot->min_log) / (plot->max_log - plot->min_log);

	return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, of which about five fit. */
static double
step_of(double max)
{
	double power = pow(10, floor(log10(max / 5))), times = max / 5 / power;

	return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void
draw_axes(const struct plot *plot)
{
	double step = step_of(plot->max_iops);

	for (double iops = 0; iops <= plot->max_iops * 1.001; iops += step) {
		fprintf(plot->out,
			"<line class='grid' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/>\n"
			"<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n",
			x_of(plot, iops), TOP, x_of(plot, iops), HEIGHT - BOTTOM, x_of(plot, iops),
			HEIGHT - BOTTOM + 18, plot->max_iops >= 10000 ? iops / 1000 : iops);
	}
	for (double power = plot->min_log; power <= plot->max_log; power++) {
		double y = y_of(plot, pow(10, power));

		fprintf(plot->out,
			"<line class='grid' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>\n"
			"<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
			LEFT, y, WIDTH - RIGHT, y, LEFT - 8, y + 4, pow(10, power));
	}
	fprintf(plot->out,
		"<text x='%d' y='%d' text-anchor='middle'>%s</text>\n"
		"<text transform='translate(22 %d) rotate(-90)' text-anchor='middle'>latency, us</text>\n",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16,
		plot->max_iops >= 10000 ? "thousand I/Os a second" : "I/Os a second", (TOP + HEIGHT - BOTTOM) / 2);
}

static void
draw_line(const struct plot *plot, size_t line)
{
	fprintf(plot->out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", g_lines[line].color);
	for (size_t i = 0; i < plot->num_points; i++) {
		fprintf(plot->out, "%.1f,%.1f ", x_of(plot, plot->points[i].iops),
			y_of(plot, plot->points[i].us[line]));
	}
	fprintf(plot->out, "'/>\n");
	for (size_t i = 0; i < plot->num_points; i++) {
		double x = x_of(plot, plot->points[i].iops), y = y_of(plot, plot->points[i].us[line]);

		fprintf(plot->out,
			"<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'><title>depth %" PRIu32
			": %.0f IOPS, %s %.1f us</title></circle>\n",
			x, y, g_lines[line].color, plot->points[i].depth, plot->points[i].iops, g_lines[line].name,
			plot->points[i].us[line]);
		/* The depths once, above the uppermost line. */
		if (line == 0) {
			fprintf(plot->out, "<text x='%.1f' y='%.1f' text-anchor='middle'>%" PRIu32 "</text>\n", x,
				y - 9, plot->points[i].depth);
		}
	}
	fprintf(plot->out, "<rect x='%d' y='%zu' width='14' height='4' fill='%s'/><text x='%d' y='%zu'>%s</text>\n",
		WIDTH - RIGHT + 20, TOP + 10 + line * 22, g_lines[line].color, WIDTH - RIGHT + 40, TOP + 16 + line * 22,
		g_lines[line].name);
}

int
perf_results_plot(const struct perf_results *results, const char *path)
{
	struct plot plot = {.results = results};
	bool failed;

	take_points(&plot);
	if (plot.num_points == 0 || !(plot.max_iops > 0)) {
		return -ENODATA;
	}
	plot.out = fopen(path, "w");
	if (plot.out == NULL) {
		return -errno;
	}
	fprintf(plot.out,
		"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='12'>\n"
		"<style>.grid{stroke:#ddd}</style>\n<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='%d' y='26' font-size='15'>%s, %" PRIu64
		" bytes: latency over throughput, by queue depth</text>\n",
		WIDTH, HEIGHT, LEFT, results->options->workload->name, results->options->sizes.items[0].bytes);
	draw_axes(&plot);
	for (size_t i = 0; i < SPDK_COUNTOF(g_lines); i++) {
		draw_line(&plot, i);
	}
	fprintf(plot.out, "</svg>\n");
	failed = ferror(plot.out) != 0;
	return fclose(plot.out) != 0 || failed ? -EIO : 0;
}
