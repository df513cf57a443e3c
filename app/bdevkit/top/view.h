/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What top shows, as a page.
 *
 *   view.c           what all views begin with: the target, its reactors; the help
 *   view_bdevs.c     the bdevs, as trees of what they stand on
 *   view_bdev.c      one bdev
 *   view_threads.c   threads, pollers
 */

#ifndef BDEVKIT_TOP_VIEW_H
#define BDEVKIT_TOP_VIEW_H

#include "app/bdevkit/top/model.h"
#include "app/bdevkit/top/page.h"

enum view_kind {
	VIEW_BDEVS,
	VIEW_THREADS,
	VIEW_POLLERS,
	VIEW_BDEV,
	VIEW_HELP,
};

enum view_sort {
	SORT_NAME,
	SORT_IOPS,
	SORT_READ,
	SORT_WRITE,
	SORT_READ_LATENCY,
	SORT_WRITE_LATENCY,
	SORT_QUEUE,
	SORT_COUNT,
};

#define VIEW_HISTORY 60

struct view {
	enum view_kind kind;
	enum view_sort sort;
	/* The smallest first; names: the last first. */
	bool reverse;
	/* One bdev a line, not what it stands on below it. */
	bool flat;
	bool skip_idle;
	bool paused;
	double interval;
	/* Of VIEW_BDEV. */
	char *bdev;
	/* Its IOPS, the latest last. */
	double history[VIEW_HISTORY];
	size_t num_history;
};

/* The names by which a sort order is asked for: "name", "iops" and so on. */
extern const char *const g_view_sort_names[SORT_COUNT];

/* Fills a page whose width is set. */
void view_draw(const struct view *view, const struct model *model, struct page *page);

/* After each update of the model. */
void view_remember(struct view *view, const struct model *model);

void view_draw_bdevs(const struct view *view, const struct model *model, struct page *page);
void view_draw_bdev(const struct view *view, const struct model *model, struct page *page);
void view_draw_threads(const struct view *view, const struct model *model, struct page *page);
void view_draw_pollers(const struct view *view, const struct model *model, struct page *page);

/* The order that a view wants, of rates of bdevs and their names: as of strcmp(). */
int view_compare(const struct view *view, const struct model *model, size_t one, size_t other);

/* A bdev and all below it, one line each, drawn by line() with what stands in front of the name. */
struct view_tree {
	const struct model *model;
	bool utf8;
	void (*line)(void *ctx, size_t bdev, const char *prefix);
	void *ctx;
};
void view_draw_tree(const struct view_tree *tree, size_t bdev);

/* A number in five columns, blank if it is nothing; a latency. */
void view_format(char *text, size_t size, double number);
void view_format_latency(char *text, size_t size, const struct stat_rate *rate);
/* A bar as wide as that, filled to that share. */
void view_format_bar(char *text, size_t size, double share, int width);

#endif /* BDEVKIT_TOP_VIEW_H */
