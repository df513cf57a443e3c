/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/view.h"

#include "spdk/util.h"

#define COLUMN 8
#define NUM_COLUMNS 7
#define MAX_NAME 60
/* Bdevs that stand on each other have a bottom; what a target says might not. */
#define MAX_DEPTH 64
/* The longest of the words below that stand for one step of depth, and for the last one. */
#define MAX_STEP 4
#define MAX_BRANCH 6

/* ---- trees ---- */

/* The lines begin with so much of the text. */
static void
draw_below(const struct view_tree *tree, size_t bdev, char *text, size_t length, unsigned depth)
{
	const struct model_bdev *of = &tree->model->bdevs[bdev];
	const char *branch = tree->utf8 ? "├─" : "|-", *last = tree->utf8 ? "└─" : "`-";
	const char *side = tree->utf8 ? "│ " : "| ";

	for (size_t i = 0; i < of->num_bases && depth < MAX_DEPTH; i++) {
		bool end = i + 1 == of->num_bases;
		const char *step = end ? "  " : side;

		strcpy(text + length, end ? last : branch);
		tree->line(tree->ctx, of->bases[i], text);
		strcpy(text + length, step);
		draw_below(tree, of->bases[i], text, length + strlen(step), depth + 1);
	}
}

void
view_draw_tree(const struct view_tree *tree, size_t bdev)
{
	char text[MAX_DEPTH * MAX_STEP + MAX_BRANCH + 1];

	tree->line(tree->ctx, bdev, "");
	draw_below(tree, bdev, text, 0, 0);
}

/* ---- order ---- */

static double
key(const struct view *view, const struct model *model, size_t bdev)
{
	struct stat_rate rate;
	int type = STAT_TYPES;

	if (view->sort == SORT_READ || view->sort == SORT_READ_LATENCY) {
		type = STAT_READ;
	} else if (view->sort == SORT_WRITE || view->sort == SORT_WRITE_LATENCY) {
		type = STAT_WRITE;
	}
	model_rate(model, bdev, type, &rate);
	switch (view->sort) {
	case SORT_IOPS:
		return rate.iops;
	case SORT_READ:
	case SORT_WRITE:
		return rate.bytes_per_second;
	case SORT_READ_LATENCY:
	case SORT_WRITE_LATENCY:
		return rate.average_us;
	default:
		return rate.queue;
	}
}

int
view_compare(const struct view *view, const struct model *model, size_t one, size_t other)
{
	double a, b;
	int order = 0;

	if (view->sort != SORT_NAME) {
		a = key(view, model, one);
		b = key(view, model, other);
		order = a > b ? -1 : a < b ? 1 : 0;
	}
	if (order == 0) {
		order = strcmp(model->bdevs[one].name, model->bdevs[other].name);
	}
	return view->reverse ? -order : order;
}

/* ---- the table ---- */

struct table {
	const struct view *view;
	const struct model *model;
	struct page *page;
	int name_width;
};

static int
compare(const void *one, const void *other, void *ctx)
{
	const struct table *table = ctx;

	return view_compare(table->view, table->model, *(const size_t *)one, *(const size_t *)other);
}

static void
draw_row(void *ctx, size_t bdev, const char *prefix)
{
	const struct table *table = ctx;
	const struct model *model = table->model;
	struct stat_rate all, read, write;
	char name[1024], fitted[1024], columns[NUM_COLUMNS][16];

	model_rate(model, bdev, STAT_TYPES, &all);
	model_rate(model, bdev, STAT_READ, &read);
	model_rate(model, bdev, STAT_WRITE, &write);
	snprintf(name, sizeof(name), "%s%s", prefix, model->bdevs[bdev].name);
	page_fit(fitted, sizeof(fitted), name, table->name_width);
	view_format(columns[0], sizeof(columns[0]), all.iops);
	view_format(columns[1], sizeof(columns[1]), read.bytes_per_second / (1024 * 1024));
	view_format(columns[2], sizeof(columns[2]), write.bytes_per_second / (1024 * 1024));
	view_format_latency(columns[3], sizeof(columns[3]), &read);
	view_format_latency(columns[4], sizeof(columns[4]), &write);
	view_format(columns[5], sizeof(columns[5]), all.queue);
	view_format(columns[6], sizeof(columns[6]),
		(double)model->bdevs[bdev].num_blocks * model->bdevs[bdev].block_size / (1024 * 1024));
	page_add_row(table->page, (int)bdev, "%s%s%*s%*s%*s%*s%*s%*s%*s", all.ios > 0 ? PAGE_PLAIN : PAGE_DIM, fitted,
		COLUMN, columns[0], COLUMN, columns[1], COLUMN, columns[2], COLUMN, columns[3], COLUMN, columns[4],
		COLUMN, columns[5], COLUMN, columns[6]);
}

static void
draw_heading(const struct table *table)
{
	static const struct {
		const char *text;
		enum view_sort sort;
	} columns[NUM_COLUMNS] = {{"IOPS", SORT_IOPS}, {"rMiB/s", SORT_READ}, {"wMiB/s", SORT_WRITE},
		{"r us", SORT_READ_LATENCY}, {"w us", SORT_WRITE_LATENCY}, {"queue", SORT_QUEUE}, {"MiB", SORT_COUNT}};
	char line[512], column[32];

	page_fit(line, sizeof(line), table->view->sort == SORT_NAME ? "bdev*" : "bdev", table->name_width);
	for (int i = 0; i < NUM_COLUMNS; i++) {
		snprintf(column, sizeof(column), "%s%s", columns[i].text,
			columns[i].sort == table->view->sort ? "*" : "");
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%*s", COLUMN, column);
	}
	page_add(table->page, PAGE_HEAD "%s", line);
}

static void
measure(void *ctx, size_t bdev, const char *prefix)
{
	struct table *table = ctx;

	table->name_width =
		spdk_max(table->name_width, page_width(prefix) + page_width(table->model->bdevs[bdev].name));
}

/* Whether a bdev, or one below it, has I/O. */
static bool
is_active(const struct model *model, size_t bdev, unsigned depth)
{
	struct stat_rate rate;
	bool active;

	model_rate(model, bdev, STAT_TYPES, &rate);
	active = rate.ios > 0;
	for (size_t i = 0; i < model->bdevs[bdev].num_bases && !active && depth < MAX_DEPTH; i++) {
		active = is_active(model, model->bdevs[bdev].bases[i], depth + 1);
	}
	return active;
}

/* The bdevs that begin a line of their own, in order. NULL without memory. */
static size_t *
make_roots(const struct table *table, size_t *count)
{
	const struct view *view = table->view;
	const struct model *model = table->model;
	size_t *roots = calloc(model->num_bdevs + 1, sizeof(*roots));

	*count = 0;
	if (roots == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < model->num_bdevs; i++) {
		if ((view->flat || model->bdevs[i].num_users == 0) &&
			(!view->skip_idle || is_active(model, i, view->flat ? MAX_DEPTH : 0))) {
			roots[(*count)++] = i;
		}
	}
	qsort_r(roots, *count, sizeof(*roots), compare, (void *)table);
	return roots;
}

static void
walk(const struct table *table, const size_t *roots, size_t count, void (*line)(void *, size_t, const char *))
{
	struct view_tree tree = {.model = table->model, .utf8 = table->page->utf8, .line = line, .ctx = (void *)table};

	for (size_t i = 0; i < count; i++) {
		if (table->view->flat) {
			line((void *)table, roots[i], "");
		} else {
			view_draw_tree(&tree, roots[i]);
		}
	}
}

void
view_draw_bdevs(const struct view *view, const struct model *model, struct page *page)
{
	struct table table = {.view = view, .model = model, .page = page, .name_width = 8};
	size_t count, *roots = make_roots(&table, &count);
	int room = spdk_max(page->width - COLUMN * NUM_COLUMNS, 16);

	if (roots == NULL) {
		return;
	}
	walk(&table, roots, count, measure);
	table.name_width = spdk_max(spdk_min(spdk_min(table.name_width, MAX_NAME), room), spdk_min(room, 24));
	draw_heading(&table);
	page_fix(page);
	walk(&table, roots, count, draw_row);
	free(roots);
	if (model->num_bdevs == 0) {
		page_add(page, "The target has no bdevs.");
	}
}
