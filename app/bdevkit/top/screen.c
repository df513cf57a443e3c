/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/screen.h"

#include "spdk/util.h"

/* After spdk/stdinc.h, as it has macros with names of its own. */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
#include <termios.h>
#include <wchar.h>
/* A capability of terminals, as a macro. */
#undef lines

enum {
	COLOR_GOOD = 1,
	COLOR_ALERT,
};

static SCREEN *g_screen;
static volatile sig_atomic_t g_quit;

/* ---- the way back when this program is at fault ---- */

static struct termios g_saved_termios;
static char g_restore[256];
static const int g_fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static struct sigaction g_fatal_actions[SPDK_COUNTOF(g_fatal_signals)];

/* What may be done in a signal handler: the terminal's own strings are written, and its modes set back. */
static void
die(int signal_number)
{
	ssize_t written = write(STDOUT_FILENO, g_restore, strlen(g_restore));

	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &g_saved_termios);
	for (size_t i = 0; i < SPDK_COUNTOF(g_fatal_signals); i++) {
		sigaction(g_fatal_signals[i], &g_fatal_actions[i], NULL);
	}
	raise(signal_number);
}

static void
add_restore(const char *name)
{
	const char *text = tigetstr((NCURSES_CONST char *)name);

	if (text != NULL && text != (char *)-1) {
		snprintf(g_restore + strlen(g_restore), sizeof(g_restore) - strlen(g_restore), "%s", text);
	}
}

static void
prepare_for_death(void)
{
	struct sigaction action = {.sa_handler = die, .sa_flags = SA_NODEFER};

	g_restore[0] = '\0';
	add_restore("sgr0");
	add_restore("cnorm");
	add_restore("rmkx");
	add_restore("rmcup");
	for (size_t i = 0; i < SPDK_COUNTOF(g_fatal_signals); i++) {
		sigaction(g_fatal_signals[i], &action, &g_fatal_actions[i]);
	}
}

/* ---- begin and end ---- */

static void
quit(int signal_number)
{
	g_quit = 1;
}

static void
catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = quit};

	for (size_t i = 0; i < SPDK_COUNTOF(signals); i++) {
		sigaction(signals[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

int
screen_begin(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &g_saved_termios) != 0) {
		fprintf(stderr, "bdevkit top: this is no terminal; --batch writes lines instead\n");
		return -ENOTTY;
	}
	g_screen = newterm(NULL, stdout, stdin);
	if (g_screen == NULL) {
		fprintf(stderr, "bdevkit top: a terminal of type '%s' is not known; --batch writes lines instead\n",
			getenv("TERM") != NULL ? getenv("TERM") : "");
		return -ENOTTY;
	}
	prepare_for_death();
	catch_signals();
	atexit(screen_end);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(COLOR_GOOD, COLOR_GREEN, -1);
		init_pair(COLOR_ALERT, COLOR_RED, -1);
	}
	return 0;
}

void
screen_end(void)
{
	if (g_screen == NULL) {
		return;
	}
	endwin();
	delscreen(g_screen);
	g_screen = NULL;
	for (size_t i = 0; i < SPDK_COUNTOF(g_fatal_signals); i++) {
		sigaction(g_fatal_signals[i], &g_fatal_actions[i], NULL);
	}
}

int
screen_get_width(void)
{
	return COLS;
}

/* ---- a page ---- */

static attr_t
attributes_of(char style)
{
	switch (style) {
	case '\002':
		return A_BOLD;
	case '\003':
		return A_DIM;
	case '\004':
		return A_REVERSE;
	case '\005':
		return has_colors() ? COLOR_PAIR(COLOR_GOOD) : A_BOLD;
	case '\006':
		return (has_colors() ? COLOR_PAIR(COLOR_ALERT) : 0) | A_BOLD;
	default:
		return A_NORMAL;
	}
}

static void
show_line(int y, const char *text, attr_t base)
{
	attr_t attributes = base;
	mbstate_t state = {};
	int room = COLS;
	wchar_t wide;
	size_t len;

	move(y, 0);
	while (*text != '\0' && room > 0) {
		if (*text >= '\001' && *text <= '\006') {
			attributes = base | attributes_of(*text);
			text++;
			continue;
		}
		len = mbrtowc(&wide, text, MB_CUR_MAX, &state);
		if (len == (size_t)-1 || len == (size_t)-2 || wcwidth(wide) < 0) {
			wide = L'?';
			len = 1;
			state = (mbstate_t){};
		}
		room -= wcwidth(wide);
		if (room >= 0) {
			attrset(attributes);
			addnwstr(&wide, 1);
		}
		text += len;
	}
	/* Headings and the line that is chosen go to the edge. */
	if (attributes & A_REVERSE) {
		attrset(attributes);
		while (room-- > 0) {
			addch(' ');
		}
	}
	attrset(A_NORMAL);
}

size_t
screen_get_room(const struct page *page)
{
	int room = LINES - 1 - (int)page->fixed;

	return room > 0 ? (size_t)room : 0;
}

void
screen_show(const struct page *page, size_t selected, size_t *top, const char *footer)
{
	size_t fixed = spdk_min(page->fixed, page->count), room = screen_get_room(page);
	size_t rest = page->count - fixed, y = 0;

	if (selected != SIZE_MAX && selected >= fixed) {
		*top = spdk_min(*top, selected - fixed);
		if (selected - fixed >= *top + room) {
			*top = selected - fixed - room + 1;
		}
	}
	*top = rest > room ? spdk_min(*top, rest - room) : 0;
	erase();
	for (; y < fixed && y + 1 < (size_t)LINES; y++) {
		show_line((int)y, page->lines[y].text, A_NORMAL);
	}
	for (size_t i = fixed + *top; i < page->count && y + 1 < (size_t)LINES; i++, y++) {
		show_line((int)y, page->lines[i].text, i == selected ? A_REVERSE : A_NORMAL);
	}
	if (LINES > 0) {
		show_line(LINES - 1, footer, A_NORMAL);
	}
	refresh();
}

/* ---- keys ---- */

int
screen_get_key(int milliseconds)
{
	int key;

	if (g_quit) {
		return SCREEN_QUIT;
	}
	timeout(milliseconds);
	errno = 0;
	key = getch();
	if (g_quit || (key == ERR && errno != 0 && errno != EINTR && errno != EAGAIN)) {
		return SCREEN_QUIT;
	}
	switch (key) {
	case ERR:
		return SCREEN_NOTHING;
	case KEY_RESIZE:
		return SCREEN_RESIZED;
	case KEY_UP:
		return SCREEN_UP;
	case KEY_DOWN:
		return SCREEN_DOWN;
	case KEY_PPAGE:
		return SCREEN_PAGE_UP;
	case KEY_NPAGE:
		return SCREEN_PAGE_DOWN;
	case KEY_HOME:
		return SCREEN_HOME;
	case KEY_END:
		return SCREEN_END;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return SCREEN_ENTER;
	case KEY_BACKSPACE:
	case 127:
	case 8:
	case 27:
		return SCREEN_BACK;
	default:
		return key;
	}
}
