/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/view.h"

#include "spdk/util.h"

#include "app/bdevkit/stat/print.h"

/* Reactors that have a line of their own above the rest; how many fit is for people with 24 lines. */
#define MAX_REACTORS 8

const char *const g_view_sort_names[SORT_COUNT] = {
	[SORT_NAME] = "name",
	[SORT_IOPS] = "iops",
	[SORT_READ] = "read",
	[SORT_WRITE] = "write",
	[SORT_READ_LATENCY] = "rlat",
	[SORT_WRITE_LATENCY] = "wlat",
	[SORT_QUEUE] = "queue",
};

void
view_format(char *text, size_t size, double number)
{
	if (number < 0.05) {
		snprintf(text, size, "0");
	} else {
		stat_format_count(text, size, number);
	}
}

void
view_format_latency(char *text, size_t size, const struct stat_rate *rate)
{
	if (rate->ios == 0) {
		snprintf(text, size, "-");
	} else {
		stat_format_count(text, size, rate->average_us);
	}
}

void
view_format_bar(char *text, size_t size, double share, int width)
{
	int filled = (int)(share * width + 0.5);
	size_t used = 0;

	for (int i = 0; i < width && used + 1 < size; i++) {
		text[used++] = i < filled ? '|' : ' ';
	}
	text[used] = '\0';
}

/* ---- the top ---- */

static void
draw_title(const struct view *view, const struct model *model, struct page *page)
{
	time_t now = time(NULL);
	char clock[32], left[256], right[64], line[512];
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	snprintf(left, sizeof(left), "bdevkit top  pid %" PRIu64 "  %s", model->pid, model->client->socket_path);
	snprintf(right, sizeof(right), "%severy %g s  %s", view->paused ? "PAUSED, " : "", view->interval, clock);
	page_fit(line, sizeof(line), left, spdk_max(page->width - (int)strlen(right) - 1, 0));
	page_add(page, PAGE_BOLD "%s " PAGE_BOLD "%s", line, right);
}

static void
draw_reactor(const struct model *model, size_t index, struct page *page)
{
	const struct model_reactor *now = &model->now.reactors[index], *before = &model->before.reactors[index];
	int width = spdk_max(page->width - 60, 8);
	double busy, asleep;
	char bar[256];

	busy = model_share(model, before->busy, now->busy);
	asleep = model_share(model, before->asleep, now->asleep);
	view_format_bar(bar, sizeof(bar), busy, width);
	page_add(page,
		"cpu %-3u [" PAGE_GOOD "%s" PAGE_PLAIN "] %3.0f%% busy %3.0f%% asleep %6.0f sleeps/s %3u threads",
		now->core, bar, busy * 100, asleep * 100,
		model_seconds(model) > 0 && now->sleeps >= before->sleeps
			? (double)(now->sleeps - before->sleeps) / model_seconds(model)
			: 0,
		now->num_threads);
}

static void
draw_reactors(const struct model *model, struct page *page)
{
	size_t count = spdk_min(model->now.num_reactors, model->before.num_reactors);

	for (size_t i = 0; i < count; i++) {
		if (i + 1 == MAX_REACTORS && count > MAX_REACTORS) {
			page_add(page, "... and %zu more", count - i);
			return;
		}
		draw_reactor(model, i, page);
	}
}

/* What clients see: bdevs that no other one stands on. */
static void
draw_sum(const struct model *model, struct page *page)
{
	struct stat_rate read = {}, write = {}, rate;
	char texts[5][16];
	double iops = 0;

	for (size_t i = 0; i < model->num_bdevs; i++) {
		if (model->bdevs[i].num_users > 0) {
			continue;
		}
		model_rate(model, i, STAT_TYPES, &rate);
		iops += rate.iops;
		model_rate(model, i, STAT_READ, &rate);
		read.iops += rate.iops;
		read.bytes_per_second += rate.bytes_per_second;
		model_rate(model, i, STAT_WRITE, &rate);
		write.iops += rate.iops;
		write.bytes_per_second += rate.bytes_per_second;
	}
	view_format(texts[0], sizeof(texts[0]), iops);
	view_format(texts[1], sizeof(texts[1]), read.iops);
	view_format(texts[2], sizeof(texts[2]), read.bytes_per_second / (1024 * 1024));
	view_format(texts[3], sizeof(texts[3]), write.iops);
	view_format(texts[4], sizeof(texts[4]), write.bytes_per_second / (1024 * 1024));
	page_add(page, "%zu bdevs, at the top: %s IOPS; read %s/s %s MiB/s, write %s/s %s MiB/s", model->num_bdevs,
		texts[0], texts[1], texts[2], texts[3], texts[4]);
}

static void
draw_help(struct page *page)
{
	page_add(page, PAGE_HEAD "Keys");
	page_fix(page);
	page_add(page, "  1 2 3, Tab       bdevs, threads, pollers");
	page_add(page, "  up down          choose a line; also PageUp, PageDown, Home, End, j, k");
	page_add(page, "  Enter            look into the bdev that is chosen; Escape goes back");
	page_add(page, "  s S              sort by the next column, the one before; r turns it round");
	page_add(page, "  n i              sort by name, by IOPS");
	page_add(page, "  t                as trees of what bdevs stand on, or one bdev a line");
	page_add(page, "  z                leave out what has no I/O");
	page_add(page, "  h                of one bdev: begin or end to collect its latencies");
	page_add(page, "  + -              look more seldom, more often");
	page_add(page, "  Space            stand still, go on");
	page_add(page, "  q                end");
	page_add(page, "%s", "");
	page_add(page, "  us: microseconds of an I/O on average. queue: I/Os that are out on average.");
	page_add(page, "  asleep: share of the time that a reactor slept; a sleeping one costs nothing.");
}

void
view_draw(const struct view *view, const struct model *model, struct page *page)
{
	static void (*const draw[])(const struct view *view, const struct model *model, struct page *page) = {
		[VIEW_BDEVS] = view_draw_bdevs,
		[VIEW_THREADS] = view_draw_threads,
		[VIEW_POLLERS] = view_draw_pollers,
		[VIEW_BDEV] = view_draw_bdev,
	};

	draw_title(view, model, page);
	if (model->why[0] != '\0') {
		page_add(page, PAGE_ALERT "The target does not answer: %s", model->why);
	}
	if (view->kind == VIEW_HELP) {
		draw_help(page);
		return;
	}
	draw_reactors(model, page);
	if (view->kind != VIEW_BDEV) {
		draw_sum(model, page);
	}
	draw[view->kind](view, model, page);
}

void
view_remember(struct view *view, const struct model *model)
{
	int bdev = view->bdev != NULL ? model_find_bdev(model, view->bdev) : -1;
	struct stat_rate rate;

	if (bdev < 0) {
		view->num_history = 0;
		return;
	}
	if (view->num_history == VIEW_HISTORY) {
		memmove(view->history, view->history + 1, (VIEW_HISTORY - 1) * sizeof(view->history[0]));
		view->num_history--;
	}
	model_rate(model, (size_t)bdev, STAT_TYPES, &rate);
	view->history[view->num_history++] = rate.iops;
}
