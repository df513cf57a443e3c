/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/view.h"

#include "spdk/util.h"

#include "app/bdevkit/stat/print.h"

#define BAR 40

/* ---- what it is ---- */

struct lines {
	struct page *page;
	const struct model *model;
};

static void
draw_line(void *ctx, size_t bdev, const char *prefix)
{
	const struct lines *lines = ctx;
	const struct model_bdev *of = &lines->model->bdevs[bdev];
	struct stat_rate rate;
	char name[1024], fitted[1024], iops[16], latency[16];

	model_rate(lines->model, bdev, STAT_TYPES, &rate);
	snprintf(name, sizeof(name), "%s%s", prefix, of->name);
	page_fit(fitted, sizeof(fitted), name, 32);
	view_format(iops, sizeof(iops), rate.iops);
	view_format_latency(latency, sizeof(latency), &rate);
	page_add(lines->page, "  %s %-20.20s%7s IOPS%7s us", fitted, of->product != NULL ? of->product : "", iops,
		latency);
}

/* ---- what it does ---- */

static void
draw_types(const struct model *model, size_t bdev, struct page *page)
{
	static const char *const names[STAT_TYPES] = {"read", "write", "unmap", "copy"};
	const struct stat_bdev *now = stat_sample_find(&model->now.sample, model->bdevs[bdev].name);

	page_add(page, PAGE_BOLD "  %-8s%9s%9s%9s%9s%9s%12s", "", "IOPS", "MiB/s", "KiB", "us", "queue", "max us ever");
	for (int type = 0; type < STAT_TYPES; type++) {
		struct stat_rate rate;
		char texts[5][16], longest[16] = "-";

		model_rate(model, bdev, type, &rate);
		view_format(texts[0], sizeof(texts[0]), rate.iops);
		view_format(texts[1], sizeof(texts[1]), rate.bytes_per_second / (1024 * 1024));
		view_format(
			texts[2], sizeof(texts[2]), rate.ios > 0 ? (double)rate.bytes / (double)rate.ios / 1024 : 0);
		view_format_latency(texts[3], sizeof(texts[3]), &rate);
		view_format(texts[4], sizeof(texts[4]), rate.queue);
		if (now != NULL && now->counters[type].ios > 0) {
			stat_format_count(longest, sizeof(longest),
				(double)now->counters[type].max_latency / (double)model->now.sample.tick_rate * 1e6);
		}
		page_add(page, "  %-8s%9s%9s%9s%9s%9s%12s", names[type], texts[0], texts[1], texts[2], texts[3],
			texts[4], longest);
	}
	if (now != NULL && now->errors > 0) {
		page_add(page, PAGE_ALERT "  %" PRIu64 " I/Os have failed", now->errors);
	}
}

static void
draw_history(const struct view *view, struct page *page)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const letters[] = {" ", ".", ".", ":", ":", "|", "|", "#", "#"};
	char text[VIEW_HISTORY * 4 + 1] = "", most_text[16];
	double most = 0;

	for (size_t i = 0; i < view->num_history; i++) {
		most = spdk_max(most, view->history[i]);
	}
	for (size_t i = 0; i < view->num_history; i++) {
		int height = most > 0 ? (int)(view->history[i] / most * 8 + 0.5) : 0;

		strcat(text, (page->utf8 ? blocks : letters)[height]);
	}
	view_format(most_text, sizeof(most_text), most);
	page_add(page, "  IOPS  " PAGE_GOOD "%s" PAGE_PLAIN "  at most %s", text, most_text);
}

/* ---- how long it takes ---- */

static void
draw_buckets(const struct model *model, const struct stat_bdev *before, const struct stat_bdev *now, struct page *page)
{
	uint64_t counts[STAT_BUCKETS], most = 0, total = 0;
	size_t first = STAT_BUCKETS, last = 0;

	stat_buckets(before, now, model->now.sample.tick_rate, counts);
	for (size_t i = 0; i < STAT_BUCKETS; i++) {
		most = spdk_max(most, counts[i]);
		total += counts[i];
		if (counts[i] > 0) {
			first = spdk_min(first, i);
			last = i;
		}
	}
	for (size_t i = first; i <= last && total > 0; i++) {
		char bar[BAR + 1], limit[16];

		view_format_bar(bar, sizeof(bar), (double)counts[i] / (double)most, BAR);
		stat_format_count(limit, sizeof(limit), (double)(1ull << i));
		page_add(page, "  below %6s us  " PAGE_GOOD "%s" PAGE_PLAIN " %5.1f%%", limit, bar,
			(double)counts[i] / (double)total * 100);
	}
}

static void
draw_latencies(const struct model *model, size_t bdev, struct page *page)
{
	static const struct {
		const char *name;
		double fraction;
	} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
	const char *name = model->bdevs[bdev].name;
	const struct stat_bdev *now = stat_sample_find(&model->now.sample, name);
	const struct stat_bdev *before = stat_sample_find(&model->before.sample, name);
	char line[256] = "  us";

	if (now == NULL || now->histogram == NULL) {
		page_add(page, PAGE_DIM "  Its latencies are not collected; h begins that.");
		return;
	}
	for (size_t i = 0; i < SPDK_COUNTOF(percentiles); i++) {
		double us = stat_percentile(before, now, percentiles[i].fraction, model->now.sample.tick_rate);
		char text[16] = "-";

		if (us >= 0) {
			stat_format_count(text, sizeof(text), us);
		}
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "   %s %s", percentiles[i].name, text);
	}
	page_add(page, "%s", line);
	draw_buckets(model, before, now, page);
}

void
view_draw_bdev(const struct view *view, const struct model *model, struct page *page)
{
	int bdev = view->bdev != NULL ? model_find_bdev(model, view->bdev) : -1;
	struct lines lines = {.page = page, .model = model};
	struct view_tree tree = {.model = model, .utf8 = page->utf8, .line = draw_line, .ctx = &lines};
	const struct model_bdev *of;
	char size[16];

	if (bdev < 0) {
		page_add(page, PAGE_HEAD "%s", view->bdev != NULL ? view->bdev : "");
		page_fix(page);
		page_add(page, PAGE_ALERT "  It is gone.");
		return;
	}
	of = &model->bdevs[bdev];
	view_format(size, sizeof(size), (double)of->num_blocks * of->block_size / (1024 * 1024));
	page_add(page, PAGE_HEAD "%s: %s, %s MiB in blocks of %u bytes%s%s", of->name,
		of->product != NULL ? of->product : "?", size, of->block_size, of->claim != NULL ? ", claimed " : "",
		of->claim != NULL ? of->claim : "");
	page_fix(page);
	draw_types(model, (size_t)bdev, page);
	draw_history(view, page);
	if (of->num_bases > 0) {
		page_add(page, PAGE_BOLD "  stands on");
		view_draw_tree(&tree, (size_t)bdev);
	}
	draw_latencies(model, (size_t)bdev, page);
}
