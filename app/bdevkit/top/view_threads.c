/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/view.h"

#include "spdk/util.h"

#define BAR 20

/* ---- threads ---- */

static const struct model_thread *
find_thread(const struct model_snapshot *snapshot, uint64_t id)
{
	for (size_t i = 0; i < snapshot->num_threads; i++) {
		if (snapshot->threads[i].id == id) {
			return &snapshot->threads[i];
		}
	}
	return NULL;
}

static void
draw_thread(const struct model *model, size_t index, struct page *page, int name_width)
{
	static const struct model_thread none;
	const struct model_thread *now = &model->now.threads[index], *before;
	char name[256], bar[BAR + 1];
	double busy;

	before = find_thread(&model->before, now->id);
	before = before != NULL ? before : &none;
	busy = model_share(model, before->busy, now->busy);
	view_format_bar(bar, sizeof(bar), busy, BAR);
	page_fit(name, sizeof(name), now->name, name_width);
	page_add_row(page, (int)index, "%s%5" PRIu64 "%8s  [" PAGE_GOOD "%s" PAGE_PLAIN "] %4.0f%%%7u%7u%7u", name,
		now->id, now->cpus != NULL ? now->cpus : "", bar, busy * 100, now->active_pollers, now->timed_pollers,
		now->paused_pollers);
}

void
view_draw_threads(const struct view *view, const struct model *model, struct page *page)
{
	int width = spdk_max(page->width - 66, 14);
	char name[256];

	page_fit(name, sizeof(name), "thread", width);
	page_add(page, PAGE_HEAD "%s%5s%8s  %-*s%6s%7s%7s%7s", name, "id", "cpus", BAR + 2, "", "busy", "active",
		"timed", "paused");
	page_fix(page);
	for (size_t i = 0; i < model->now.num_threads; i++) {
		draw_thread(model, i, page, width);
	}
}

/* ---- pollers ---- */

struct order {
	const struct view *view;
	const struct model *model;
};

static const struct model_poller *
find_poller(const struct model_snapshot *snapshot, const struct model_poller *poller)
{
	for (size_t i = 0; i < snapshot->num_pollers; i++) {
		if (snapshot->pollers[i].thread_id == poller->thread_id && snapshot->pollers[i].id == poller->id) {
			return &snapshot->pollers[i];
		}
	}
	return NULL;
}

/* Times a second that it ran, and that it found something to do. */
static void
get_rates(const struct model *model, const struct model_poller *now, double *runs, double *busy)
{
	const struct model_poller *before = find_poller(&model->before, now);
	double seconds = model_seconds(model);

	*runs = *busy = 0;
	if (before != NULL && seconds > 0 && now->runs >= before->runs && now->busy >= before->busy) {
		*runs = (double)(now->runs - before->runs) / seconds;
		*busy = (double)(now->busy - before->busy) / seconds;
	}
}

static int
compare(const void *one, const void *other, void *ctx)
{
	const struct order *order = ctx;
	const struct model_poller *a = &order->model->now.pollers[*(const size_t *)one];
	const struct model_poller *b = &order->model->now.pollers[*(const size_t *)other];
	double a_runs, a_busy, b_runs, b_busy;
	int result = 0;

	get_rates(order->model, a, &a_runs, &a_busy);
	get_rates(order->model, b, &b_runs, &b_busy);
	if (order->view->sort != SORT_NAME) {
		result = a_busy > b_busy ? -1 : a_busy < b_busy ? 1 : a_runs > b_runs ? -1 : a_runs < b_runs;
	}
	if (result == 0) {
		result = strcmp(a->name, b->name);
	}
	if (result == 0) {
		result = a->id < b->id ? -1 : a->id > b->id;
	}
	return order->view->reverse ? -result : result;
}

static void
draw_poller(const struct model *model, size_t index, struct page *page, int name_width)
{
	static const char *const kinds[] = {"active", "timed", "paused"};
	const struct model_poller *poller = &model->now.pollers[index];
	char name[256], thread[64], runs_text[16], busy_text[16], period[16] = "";
	double runs, busy;

	get_rates(model, poller, &runs, &busy);
	page_fit(name, sizeof(name), poller->name, name_width);
	page_fit(thread, sizeof(thread), poller->thread, 16);
	view_format(runs_text, sizeof(runs_text), runs);
	view_format(busy_text, sizeof(busy_text), busy);
	if (poller->period > 0 && model->now.sample.tick_rate > 0) {
		view_format(period, sizeof(period), (double)poller->period / (double)model->now.sample.tick_rate * 1e6);
	}
	page_add_row(page, (int)index, "%s%s %s%8s%9s%9s%10s", runs > 0 ? PAGE_PLAIN : PAGE_DIM, name, thread,
		kinds[poller->kind], runs_text, busy_text, period);
}

void
view_draw_pollers(const struct view *view, const struct model *model, struct page *page)
{
	size_t *indices = calloc(model->now.num_pollers + 1, sizeof(*indices));
	struct order order = {.view = view, .model = model};
	int width = spdk_max(page->width - 53, 16);
	double runs, busy;
	char name[256];

	if (indices == NULL) {
		return;
	}
	for (size_t i = 0; i < model->now.num_pollers; i++) {
		indices[i] = i;
	}
	qsort_r(indices, model->now.num_pollers, sizeof(*indices), compare, &order);
	page_fit(name, sizeof(name), "poller", width);
	page_add(page, PAGE_HEAD "%s %-16s%8s%9s%9s%10s", name, "thread", "kind", "runs/s", "busy/s", "period us");
	page_fix(page);
	for (size_t i = 0; i < model->now.num_pollers; i++) {
		get_rates(model, &model->now.pollers[indices[i]], &runs, &busy);
		if (!view->skip_idle || runs > 0) {
			draw_poller(model, indices[i], page, width);
		}
	}
	free(indices);
}
