/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit top: what a running target does, live. */

#include "spdk/stdinc.h"
#include "spdk/init.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/top/screen.h"
#include "app/bdevkit/top/view.h"

#include <langinfo.h>
#include <locale.h>

/* Seconds for the target to answer: longer than that, and the keys do not either. */
#define TIMEOUT 10
#define DEFAULT_WIDTH 120
#define MIN_INTERVAL 0.1
#define MAX_INTERVAL 3600

struct top {
	struct rpc_client client;
	struct model model;
	struct view view;
	struct page page;
	char why[256];
	bool batch;
	/* Pages of a batch; 0: without end. */
	uint64_t count;
	int width;

	/* What is chosen: of bdevs the name; else the row. */
	char *chosen;
	int chosen_row;
	size_t top;
	/* The view that help or one bdev was called from. */
	enum view_kind back;
};

static void
print_help(void)
{
	printf("usage: bdevkit top [OPTION...] [BDEV]\n"
	       "\n"
	       "Shows live what a running target does: its reactors, how busy they are and how much they sleep, its\n"
	       "bdevs as trees of what they stand on, with IOPS, MiB/s and latency; threads and pollers; one BDEV.\n"
	       "The key ? lists the keys, q ends it.\n"
	       "\n"
	       "  -d SECONDS         how often it looks (default 1)\n"
	       "  -v VIEW            what to begin with: bdevs, threads, pollers\n"
	       "  --sort COLUMN      name, iops, read, write, rlat, wlat, queue (default name)\n"
	       "  --flat             one bdev a line, not as trees\n"
	       "  -z                 leave out what has no I/O\n"
	       "  --batch            write pages of lines instead, also where there is no terminal\n"
	       "  -n COUNT           so many pages; implies --batch\n"
	       "  --once             the same as -n 1\n"
	       "  -w COLUMNS         width of the pages (default: of the terminal, or 120)\n"
	       "  -r SOCKET          the target's socket (default " SPDK_DEFAULT_RPC_ADDR ")\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit top\n"
	       "  bdevkit top --once --sort iops | head\n");
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int
update(struct top *top)
{
	int rc;

	top->model.want_pollers = top->view.kind == VIEW_POLLERS;
	top->client.why = top->why;
	top->client.why_size = sizeof(top->why);
	top->why[0] = '\0';
	rc = model_update(&top->model);
	if (rc != 0 && top->model.why[0] == '\0') {
		snprintf(top->model.why, sizeof(top->model.why), "%s",
			top->why[0] != '\0' ? top->why : spdk_strerror(-rc));
	}
	if (rc == 0) {
		view_remember(&top->view, &top->model);
	}
	return rc;
}

static void
draw(struct top *top, int width)
{
	page_clear(&top->page);
	top->page.width = width;
	view_draw(&top->view, &top->model, &top->page);
}

/* ---- batch ---- */

static int
run_batch(struct top *top)
{
	uint64_t pause = (uint64_t)(top->view.interval * 1e6);
	int rc = update(top);

	for (uint64_t i = 0; rc == 0 && (top->count == 0 || i < top->count); i++) {
		usleep((useconds_t)pause);
		rc = update(top);
		if (rc == 0) {
			draw(top, top->width);
			printf("%s", i > 0 ? "\n" : "");
			page_print(&top->page, stdout);
			rc = fflush(stdout) != 0 ? -errno : 0;
		}
	}
	if (rc == 0 && top->view.bdev != NULL && model_find_bdev(&top->model, top->view.bdev) < 0) {
		fprintf(stderr, "bdevkit top: the target has no bdev '%s'\n", top->view.bdev);
		return EXIT_FAILED;
	}
	if (rc != 0) {
		fprintf(stderr, "bdevkit top: %s: %s\n", top->client.socket_path, top->model.why);
	}
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

/* ---- what is chosen ---- */

static void
choose(struct top *top, size_t line)
{
	int row = line < top->page.count ? top->page.lines[line].row : -1;

	free(top->chosen);
	top->chosen = NULL;
	top->chosen_row = (int)line;
	if (top->view.kind == VIEW_BDEVS && row >= 0 && (size_t)row < top->model.num_bdevs) {
		top->chosen = strdup(top->model.bdevs[row].name);
	}
}

static bool
is_chosen(const struct top *top, size_t line)
{
	int row = top->page.lines[line].row;

	return row >= 0 && (size_t)row < top->model.num_bdevs && top->chosen != NULL &&
		strcmp(top->model.bdevs[row].name, top->chosen) == 0;
}

/* The line that is chosen: the one where it was, if that is still the same bdev; SIZE_MAX: none can be. */
static size_t
find_chosen(struct top *top)
{
	size_t first = top->page.fixed, line;

	if (first >= top->page.count || top->page.lines[first].row < 0) {
		return SIZE_MAX;
	}
	line = spdk_min(spdk_max((size_t)top->chosen_row, first), top->page.count - 1);
	if (top->view.kind == VIEW_BDEVS && top->chosen != NULL && !is_chosen(top, line)) {
		for (size_t i = first; i < top->page.count; i++) {
			if (is_chosen(top, i)) {
				line = i;
				break;
			}
		}
	}
	return line;
}

static void
move_choice(struct top *top, int key)
{
	size_t room = screen_get_room(&top->page), line = find_chosen(top);
	size_t first = top->page.fixed, last = top->page.count - 1, by = 1, at;

	if (key == SCREEN_PAGE_UP || key == SCREEN_PAGE_DOWN) {
		by = room;
	} else if (key == SCREEN_HOME || key == SCREEN_END) {
		by = top->page.count;
	}
	at = line != SIZE_MAX ? line : first + top->top;
	if (key == SCREEN_UP || key == SCREEN_PAGE_UP || key == SCREEN_HOME) {
		at = at - first > by ? at - by : first;
	} else {
		at = spdk_min(at + by, last);
	}
	if (line == SIZE_MAX) {
		top->top = at - first;
	} else {
		choose(top, at);
	}
}

/* ---- keys ---- */

static void
show_view(struct top *top, enum view_kind kind)
{
	top->view.kind = kind;
	top->top = 0;
	top->chosen_row = 0;
}

static void
look_into(struct top *top)
{
	if (top->view.kind != VIEW_BDEVS || find_chosen(top) == SIZE_MAX) {
		return;
	}
	choose(top, find_chosen(top));
	if (top->chosen == NULL) {
		return;
	}
	free(top->view.bdev);
	top->view.bdev = strdup(top->chosen);
	free(top->model.histogram_of);
	top->model.histogram_of = strdup(top->chosen);
	top->view.num_history = 0;
	top->back = VIEW_BDEVS;
	show_view(top, VIEW_BDEV);
}

static void
go_back(struct top *top)
{
	if (top->view.kind == VIEW_HELP) {
		top->view.kind = top->back;
		top->back = VIEW_BDEVS;
	} else if (top->view.kind != VIEW_BDEVS) {
		top->view.kind = VIEW_BDEVS;
	}
	top->top = 0;
}

static void
toggle_histogram(struct top *top)
{
	const struct stat_bdev *bdev;

	if (top->view.kind != VIEW_BDEV) {
		return;
	}
	bdev = stat_sample_find(&top->model.now.sample, top->view.bdev);
	if (bdev != NULL) {
		model_enable_histogram(&top->model, top->view.bdev, bdev->histogram == NULL);
		update(top);
	}
}

static void
change_interval(struct top *top, bool longer)
{
	static const double steps[] = {MIN_INTERVAL, 0.25, 0.5, 1, 2, 5, 10, 30, 60};
	size_t count = SPDK_COUNTOF(steps);

	for (size_t i = 0; i < count && longer; i++) {
		if (steps[i] > top->view.interval) {
			top->view.interval = steps[i];
			return;
		}
	}
	for (size_t i = count; i > 0 && !longer; i--) {
		if (steps[i - 1] < top->view.interval) {
			top->view.interval = steps[i - 1];
			return;
		}
	}
}

static void
press_order(struct view *view, int key)
{
	switch (key) {
	case 's':
	case '>':
		view->sort = (view->sort + 1) % SORT_COUNT;
		break;
	case 'S':
	case '<':
		view->sort = (view->sort + SORT_COUNT - 1) % SORT_COUNT;
		break;
	case 'n':
		view->sort = SORT_NAME;
		break;
	case 'i':
		view->sort = SORT_IOPS;
		break;
	case 'r':
		view->reverse = !view->reverse;
		break;
	case 't':
		view->flat = !view->flat;
		break;
	case 'z':
		view->skip_idle = !view->skip_idle;
		break;
	default:
		break;
	}
}

/* Returns whether the target is to be asked at once. */
static bool
press(struct top *top, int key)
{
	static const enum view_kind after[] = {[VIEW_BDEVS] = VIEW_THREADS,
		[VIEW_THREADS] = VIEW_POLLERS,
		[VIEW_POLLERS] = VIEW_BDEVS,
		[VIEW_BDEV] = VIEW_BDEVS,
		[VIEW_HELP] = VIEW_BDEVS};

	switch (key) {
	case '1':
	case '2':
	case '3':
		show_view(top, VIEW_BDEVS + (key - '1'));
		return key == '3';
	case '\t':
		show_view(top, after[top->view.kind]);
		return top->view.kind == VIEW_POLLERS;
	case '?':
		top->back = top->view.kind == VIEW_HELP ? top->back : top->view.kind;
		show_view(top, VIEW_HELP);
		return false;
	case SCREEN_ENTER:
		look_into(top);
		return top->view.kind == VIEW_BDEV;
	case SCREEN_BACK:
		go_back(top);
		return false;
	case 'h':
		toggle_histogram(top);
		return false;
	case '+':
	case '-':
		change_interval(top, key == '+');
		return false;
	case ' ':
		top->view.paused = !top->view.paused;
		return false;
	case 'k':
	case 'j':
		move_choice(top, key == 'k' ? SCREEN_UP : SCREEN_DOWN);
		return false;
	default:
		if (key >= SCREEN_UP && key <= SCREEN_END) {
			move_choice(top, key);
		} else {
			press_order(&top->view, key);
		}
		return false;
	}
}

static const char *
footer_of(const struct top *top)
{
	switch (top->view.kind) {
	case VIEW_BDEVS:
		return PAGE_DIM "q quit  ? help  1 bdevs 2 threads 3 pollers  Enter one bdev  s sort  t trees";
	case VIEW_BDEV:
		return PAGE_DIM "q quit  ? help  Esc back  h latencies";
	case VIEW_HELP:
		return PAGE_DIM "q quit  Esc back";
	default:
		return PAGE_DIM "q quit  ? help  1 bdevs 2 threads 3 pollers";
	}
}

/* ---- live ---- */

static int
run_live(struct top *top)
{
	uint64_t due = 0;
	int key = SCREEN_NOTHING;

	if (update(top) != 0) {
		fprintf(stderr, "bdevkit top: %s: %s\n", top->client.socket_path, top->model.why);
		return EXIT_FAILED;
	}
	if (screen_begin() != 0) {
		return EXIT_FAILED;
	}
	/* The first rates come soon. */
	due = now_ms() + (uint64_t)(spdk_min(top->view.interval, 0.5) * 1000);
	while (key != 'q' && key != SCREEN_QUIT) {
		uint64_t now = now_ms();
		bool ask = key != SCREEN_NOTHING && press(top, key);

		if (ask || (now >= due && !top->view.paused)) {
			update(top);
			now = now_ms();
			due = now + (uint64_t)(top->view.interval * 1000);
		}
		draw(top, screen_get_width());
		screen_show(&top->page, find_chosen(top), &top->top, footer_of(top));
		key = screen_get_key(top->view.paused || due <= now ? 1000 : (int)(due - now));
	}
	screen_end();
	return EXIT_OK;
}

/* ---- the command line ---- */

enum {
	OPTION_SORT = 0x1000,
	OPTION_FLAT,
	OPTION_BATCH,
	OPTION_ONCE,
};

static int __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bdevkit top: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n'bdevkit top --help' tells how to use it\n");
	return EXIT_USAGE;
}

/* A place in a list of words, or -1. */
static int
find_word(const char *word, const char *const *words, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0) {
			return i;
		}
	}
	return -1;
}

static int
parse_option(struct top *top, int ch)
{
	static const char *const views[] = {"bdevs", "threads", "pollers"};
	char *end = NULL;
	int place;

	switch (ch) {
	case 'h':
		print_help();
		return EXIT_OK;
	case 'd':
		top->view.interval = strtod(optarg, &end);
		if (end == optarg || *end != '\0' || !(top->view.interval >= MIN_INTERVAL) ||
			top->view.interval > MAX_INTERVAL) {
			return wrong(
				"-d %s: not a number of seconds from %g to %d", optarg, MIN_INTERVAL, MAX_INTERVAL);
		}
		return -1;
	case 'v':
		place = find_word(optarg, views, SPDK_COUNTOF(views));
		top->view.kind = (enum view_kind)spdk_max(place, 0);
		return place >= 0 ? -1 : wrong("-v %s: it is bdevs, threads or pollers", optarg);
	case OPTION_SORT:
		place = find_word(optarg, g_view_sort_names, SORT_COUNT);
		top->view.sort = (enum view_sort)spdk_max(place, 0);
		return place >= 0 ? -1 : wrong("--sort %s: it is name, iops, read, write, rlat, wlat or queue", optarg);
	case OPTION_FLAT:
		top->view.flat = true;
		return -1;
	case 'z':
		top->view.skip_idle = true;
		return -1;
	case OPTION_BATCH:
		top->batch = true;
		return -1;
	case OPTION_ONCE:
		top->batch = true;
		top->count = 1;
		return -1;
	case 'n':
		top->batch = true;
		top->count = strtoull(optarg, &end, 10);
		return *end == '\0' && top->count > 0 ? -1 : wrong("-n %s: not a number from 1 on", optarg);
	case 'w':
		top->width = (int)spdk_strtol(optarg, 10);
		return top->width >= 40 && top->width <= 1000 ? -1
							      : wrong("-w %s: not a number from 40 to 1000", optarg);
	case 'r':
		top->client.socket_path = optarg;
		return -1;
	default:
		fprintf(stderr, "'bdevkit top --help' tells how to use it\n");
		return EXIT_USAGE;
	}
}

static int
parse(struct top *top, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"interval", required_argument, NULL, 'd'},
		{"view", required_argument, NULL, 'v'},
		{"sort", required_argument, NULL, OPTION_SORT},
		{"flat", no_argument, NULL, OPTION_FLAT},
		{"batch", no_argument, NULL, OPTION_BATCH},
		{"once", no_argument, NULL, OPTION_ONCE},
		{NULL, 0, NULL, 0},
	};
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "hd:v:zn:w:r:", long_options, NULL)) != -1) {
		rc = parse_option(top, ch);
	}
	if (rc < 0 && optind + 1 < argc) {
		return wrong("one BDEV at a time");
	}
	if (rc < 0 && optind < argc) {
		top->view.kind = VIEW_BDEV;
		top->view.bdev = strdup(argv[optind]);
		top->model.histogram_of = strdup(argv[optind]);
	}
	return rc;
}

static int
default_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40 ? size.ws_col : DEFAULT_WIDTH;
}

int
top_command(int argc, char **argv)
{
	struct top top = {
		.client = {.socket_path = SPDK_DEFAULT_RPC_ADDR, .timeout = TIMEOUT, .command = "top"},
		.view = {.interval = 1},
		.width = default_width(),
	};
	int rc;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	top.page.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	top.model.client = &top.client;
	rc = parse(&top, argc, argv);
	if (rc < 0) {
		rc = top.batch ? run_batch(&top) : run_live(&top);
	}
	page_clear(&top.page);
	model_free(&top.model);
	rpc_client_close(&top.client);
	free(top.view.bdev);
	free(top.chosen);
	return rc;
}
