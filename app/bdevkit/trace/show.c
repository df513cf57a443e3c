/* SPDX-License-Identifier: BSD-3-Clause */

/* Single I/Os: a line for each, with a bar that shows when it was where, and below it those that belong to it. */

#include "app/bdevkit/trace/trace.h"

#include "app/bdevkit/commands.h"
#include "spdk/bdev_module.h"
#include "spdk/util.h"

#define BAR_WIDTH 36
#define NAME_WIDTH 24
#define MOST_DEPTH 16

static bool
is_wanted(const struct trace_ios *ios, const struct trace_io *io, char **names, int num_names)
{
	for (int i = 0; i < num_names; i++) {
		if (strcmp(names[i], trace_io_get_name(ios, io)) == 0) {
			return true;
		}
	}
	return num_names == 0 && io->parent == TRACE_NO_IO;
}

/* Of the time of the I/O that is shown: '#' at its module, 'w' waiting, '=' for parts, '-' in the layer. */
static void
draw_bar(const struct trace_io *io, const struct trace_io *top, char *bar)
{
	static const char marks[TRACE_NUM_STAGES] = {
		[TRACE_STAGE_LAYER] = '-',
		[TRACE_STAGE_LIMIT] = 'w',
		[TRACE_STAGE_ROOM] = 'w',
		[TRACE_STAGE_PARTS] = '=',
		[TRACE_STAGE_MODULE] = '#',
	};
	/* In the order in which an I/O goes through them; if it waited more than once, the times are drawn together. */
	static const enum trace_stage order[] = {
		TRACE_STAGE_LAYER, TRACE_STAGE_LIMIT, TRACE_STAGE_ROOM, TRACE_STAGE_PARTS, TRACE_STAGE_MODULE};
	double scale = BAR_WIDTH / (double)spdk_max(top->end - top->start, 1),
	       from = (double)(io->start - top->start) * scale;

	memset(bar, ' ', BAR_WIDTH);
	bar[BAR_WIDTH] = '\0';
	for (size_t i = 0; i < SPDK_COUNTOF(order); i++) {
		double to = from + (double)io->stages[order[i]] * scale;

		for (int column = (int)from; io->stages[order[i]] > 0 && column < BAR_WIDTH && column <= (int)to;
			column++) {
			bar[column] = marks[order[i]];
		}
		from = to;
	}
}

static void
print_io(const struct trace_ios *ios, const struct trace_io *io, const struct trace_io *top, int depth)
{
	char bar[BAR_WIDTH + 1], label[160];

	draw_bar(io, top, bar);
	snprintf(label, sizeof(label), "%*s%s %s", 2 * depth, "", trace_io_get_name(ios, io),
		spdk_bdev_get_io_type_name(io->type));
	printf("%-*s %10.1f %10.1f %10.1f %10.1f  |%s|  %" PRIu64 "+%" PRIu32 "\n", NAME_WIDTH, label,
		trace_to_us(ios, io->start - top->start), trace_to_us(ios, io->times.total),
		trace_to_us(ios, io->times.queued), trace_to_us(ios, io->times.own), bar, io->offset, io->num_blocks);
	for (uint32_t i = io->child; i != TRACE_NO_IO && depth < MOST_DEPTH; i = ios->ios[i].sibling) {
		print_io(ios, &ios->ios[i], top, depth + 1);
	}
}

struct slowest {
	const struct trace_io *io;
};

static int
compare_slowness(const void *a, const void *b)
{
	uint64_t left = ((const struct slowest *)a)->io->times.total,
		 right = ((const struct slowest *)b)->io->times.total;

	return left > right ? -1 : left < right;
}

int
trace_print_slowest(const struct trace_ios *ios, char **names, int num_names, uint32_t count)
{
	struct slowest *all = calloc(spdk_max(ios->count, 1), sizeof(*all));
	uint32_t found = 0;

	if (all == NULL) {
		fprintf(stderr, "bdevkit trace: no memory\n");
		return EXIT_FAILED;
	}
	for (uint32_t i = 0; i < ios->count; i++) {
		if (!ios->ios[i].unfinished && is_wanted(ios, &ios->ios[i], names, num_names)) {
			all[found++].io = &ios->ios[i];
		}
	}
	qsort(all, found, sizeof(*all), compare_slowness);
	printf("%-*s %10s %10s %10s %10s  |%-*s|  blocks\n", NAME_WIDTH, "I/O", "at us", "took us", "queued", "own",
		BAR_WIDTH, "# module  w wait  = parts  - layer");
	for (uint32_t i = 0; i < found && i < count; i++) {
		if (i > 0) {
			printf("\n");
		}
		print_io(ios, all[i].io, all[i].io, 0);
	}
	if (found == 0) {
		printf("no I/O has begun and ended while it was recorded\n");
	}
	free(all);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
