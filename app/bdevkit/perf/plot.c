/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Latency over throughput as SVG: a point for each queue depth, a line for each percentile. Throughput is drawn from 0,
 * latency in powers of ten, as it grows by them once a device has all that it can do.
 */

#include "app/bdevkit/perf/summary.h"

#include "spdk/util.h"

#define WIDTH 800
#define HEIGHT 500
#define LEFT 84
#define RIGHT 116
#define TOP 72
#define BOTTOM 64
/* Shorter than any latency, so that it has a logarithm. */
#define MIN_US 0.001

static double
get_p999(const struct perf_latency *latency)
{
	return latency->percentiles[3];
}

static double
get_p99(const struct perf_latency *latency)
{
	return latency->percentiles[2];
}

static double
get_average(const struct perf_latency *latency)
{
	return latency->avg;
}

static double
get_p50(const struct perf_latency *latency)
{
	return latency->percentiles[0];
}

/* Colours that people tell apart who see less of them, too. */
static const struct {
	const char *name;
	const char *color;
	double (*us)(const struct perf_latency *latency);
} g_lines[] = {
	{"p99.9", "#882255", get_p999},
	{"p99", "#cc6677", get_p99},
	{"average", "#117733", get_average},
	{"p50", "#332288", get_p50},
};

struct plot {
	FILE *out;
	const struct perf_summary *summary;
	double max_iops;
	double step_iops;
	/* Thousands or millions are one. */
	double unit_iops;
	const char *unit_name;
	/* log10 of microseconds. */
	double min_log;
	double max_log;
};

static double
us_of(const struct perf_row *point, size_t line)
{
	return spdk_max(g_lines[line].us(&point->all.latency), MIN_US);
}

/* 1, 2 or 5 times a power of ten, of which about five fit. */
static double
step_of(double max)
{
	double power = pow(10, floor(log10(max / 5))), times = max / 5 / power;

	return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static int
choose_scales(struct plot *plot)
{
	const struct perf_summary *summary = plot->summary;
	double min_us = INFINITY, max_us = MIN_US;

	for (size_t i = 0; i < summary->num_totals; i++) {
		if (!(summary->totals[i].all.iops > 0)) {
			return -ENODATA;
		}
		plot->max_iops = spdk_max(plot->max_iops, summary->totals[i].all.iops);
		for (size_t line = 0; line < SPDK_COUNTOF(g_lines); line++) {
			min_us = spdk_min(min_us, us_of(&summary->totals[i], line));
			max_us = spdk_max(max_us, us_of(&summary->totals[i], line));
		}
	}
	if (summary->num_totals == 0) {
		return -ENODATA;
	}
	plot->step_iops = step_of(plot->max_iops);
	plot->max_iops = ceil(plot->max_iops / plot->step_iops) * plot->step_iops;
	plot->unit_iops = plot->max_iops >= 2e6 ? 1e6 : plot->max_iops >= 2e4 ? 1e3 : 1;
	plot->unit_name = plot->max_iops >= 2e6 ? "million I/Os per second"
		: plot->max_iops >= 2e4         ? "thousand I/Os per second"
						: "I/Os per second";
	plot->min_log = floor(log10(min_us));
	/* Room for the queue depths above the uppermost point. */
	plot->max_log = spdk_max(ceil(log10(max_us) + 0.1), plot->min_log + 1);
	return 0;
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

static void
write_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			/* A control character is no XML at all. */
			fputc((unsigned char)*text < ' ' ? '?' : *text, out);
		}
	}
}

static void
write_size(FILE *out, const struct perf_row *point)
{
	if (strchr(point->sizes, '/') != NULL) {
		write_escaped(out, point->sizes);
	} else if (point->io_size % (1 << 20) == 0) {
		fprintf(out, "%" PRIu64 " MiB", point->io_size >> 20);
	} else if (point->io_size % (1 << 10) == 0) {
		fprintf(out, "%" PRIu64 " KiB", point->io_size >> 10);
	} else {
		fprintf(out, "%" PRIu64 " bytes", point->io_size);
	}
}

static void
draw_title(const struct plot *plot)
{
	const struct perf_summary *summary = plot->summary;
	const struct perf_row *point = &summary->totals[0];
	size_t bdevs = summary->num_rows / summary->num_totals;

	fprintf(plot->out, "<text x='%d' y='28' font-size='16' font-weight='bold'>%s", LEFT, point->workload);
	if (point->mixed) {
		fprintf(plot->out, " (%" PRIu32 " %% reads)", point->read_percent);
	}
	fprintf(plot->out, ", ");
	write_size(plot->out, point);
	fprintf(plot->out, ": ");
	for (size_t i = 0; i < spdk_min(bdevs, 3); i++) {
		fprintf(plot->out, "%s", i > 0 ? ", " : "");
		write_escaped(plot->out, summary->rows[i].name);
	}
	if (bdevs > 3) {
		fprintf(plot->out, " and %zu more", bdevs - 3);
	}
	fprintf(plot->out,
		"</text>\n<text class='small' x='%d' y='50'>latency over throughput; the numbers are queue "
		"depths</text>\n",
		LEFT);
}

static void
draw_x_axis(const struct plot *plot)
{
	/* Whole steps, so that no rounding loses the last one. */
	for (long i = 0; i <= lround(plot->max_iops / plot->step_iops); i++) {
		double iops = (double)i * plot->step_iops, x = x_of(plot, iops);

		fprintf(plot->out,
			"<line class='grid' x1='%.1f' y1='%d' x2='%.1f' y2='%d'/>"
			"<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n",
			x, TOP, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 20, iops / plot->unit_iops);
	}
	fprintf(plot->out, "<text x='%d' y='%d' text-anchor='middle'>throughput, %s</text>\n",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, plot->unit_name);
}

static void
draw_y_axis(const struct plot *plot)
{
	for (long power = lround(plot->min_log); power <= lround(plot->max_log); power++) {
		for (int times = 1; times < 10 && (times == 1 || power < lround(plot->max_log)); times++) {
			double us = times * pow(10, (double)power), y = y_of(plot, us);

			fprintf(plot->out, "<line class='%s' x1='%d' y1='%.1f' x2='%d' y2='%.1f'/>",
				times == 1 ? "grid" : "fine", LEFT, y, WIDTH - RIGHT, y);
			/* Over few decades these help. */
			if (times == 1 || ((times == 2 || times == 5) && plot->max_log - plot->min_log <= 2)) {
				fprintf(plot->out, "<text x='%d' y='%.1f' text-anchor='end'>%g %s</text>", LEFT - 8,
					y + 4,
					us >= 1e6           ? us / 1e6
						: us >= 1e3 ? us / 1e3
							    : us,
					us >= 1e6           ? "s"
						: us >= 1e3 ? "ms"
							    : "\302\265s");
			}
			fprintf(plot->out, "\n");
		}
	}
	fprintf(plot->out, "<text transform='translate(20 %d) rotate(-90)' text-anchor='middle'>latency</text>\n",
		(TOP + HEIGHT - BOTTOM) / 2);
}

static void
draw_line(const struct plot *plot, size_t line)
{
	const struct perf_summary *summary = plot->summary;

	fprintf(plot->out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", g_lines[line].color);
	for (size_t i = 0; i < summary->num_totals; i++) {
		fprintf(plot->out, "%s%.1f,%.1f", i > 0 ? " " : "", x_of(plot, summary->totals[i].all.iops),
			y_of(plot, us_of(&summary->totals[i], line)));
	}
	fprintf(plot->out, "'/>\n");
	for (size_t i = 0; i < summary->num_totals; i++) {
		const struct perf_row *point = &summary->totals[i];

		fprintf(plot->out,
			"<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'><title>queue depth %" PRIu32
			": %.0f IOPS, %s %.2f \302\265s</title></circle>\n",
			x_of(plot, point->all.iops), y_of(plot, us_of(point, line)), g_lines[line].color, point->depth,
			point->all.iops, g_lines[line].name, us_of(point, line));
	}
	fprintf(plot->out, "<rect x='%d' y='%zu' width='16' height='4' fill='%s'/><text x='%d' y='%zu'>%s</text>\n",
		WIDTH - RIGHT + 22, TOP + 8 + line * 24, g_lines[line].color, WIDTH - RIGHT + 46, TOP + 15 + line * 24,
		g_lines[line].name);
}

/* Above the uppermost line, on white so that no other line crosses it. */
static void
draw_depths(const struct plot *plot)
{
	const struct perf_summary *summary = plot->summary;

	for (size_t i = 0; i < summary->num_totals; i++) {
		double top = MIN_US;

		for (size_t line = 0; line < SPDK_COUNTOF(g_lines); line++) {
			top = spdk_max(top, us_of(&summary->totals[i], line));
		}
		fprintf(plot->out, "<text class='depth' x='%.1f' y='%.1f' text-anchor='middle'>%" PRIu32 "</text>\n",
			x_of(plot, summary->totals[i].all.iops), y_of(plot, top) - 9, summary->totals[i].depth);
	}
}

int
perf_summary_plot(const struct perf_summary *summary, const char *path)
{
	struct plot plot = {.summary = summary};
	int rc = choose_scales(&plot);
	bool failed;

	if (rc != 0) {
		return rc;
	}
	plot.out = fopen(path, "w");
	if (plot.out == NULL) {
		return -errno;
	}
	fprintf(plot.out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' "
		"font-family='sans-serif' font-size='13'>\n"
		"<style>.grid{stroke:#ccc}.fine{stroke:#eee}.small{fill:#555}"
		".depth{font-weight:bold;paint-order:stroke;stroke:white;stroke-width:4}</style>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	draw_title(&plot);
	draw_y_axis(&plot);
	draw_x_axis(&plot);
	for (size_t i = 0; i < SPDK_COUNTOF(g_lines); i++) {
		draw_line(&plot, i);
	}
	draw_depths(&plot);
	fprintf(plot.out, "</svg>\n");
	failed = ferror(plot.out) != 0;
	return fclose(plot.out) != 0 || failed ? -EIO : 0;
}
