/* SPDX-License-Identifier: BSD-3-Clause */

/* The terminal, and how it is left as it was. */

#ifndef BDEVKIT_TOP_SCREEN_H
#define BDEVKIT_TOP_SCREEN_H

#include "app/bdevkit/top/page.h"

enum screen_key {
	/* The time is over. */
	SCREEN_NOTHING = 0,
	/* The terminal has another size. */
	SCREEN_RESIZED = 0x1000,
	SCREEN_UP,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_BACK,
	/* A signal asks to end, or the terminal is gone. */
	SCREEN_QUIT,
};

/* 0, or -ENOTTY after stderr was told. From now on until screen_end() nothing is to be written elsewhere. */
int screen_begin(void);
void screen_end(void);

int screen_get_width(void);

/*
 * Shows a page: its fixed lines, of the rest what is around the selected line, and a footer. top: the first of the lines behind
 * the fixed ones; it is changed so that the selected one is seen. selected: a line of the page, or SIZE_MAX.
 */
void screen_show(const struct page *page, size_t selected, size_t *top, const char *footer);

/* Lines that fit between the fixed ones and the footer. */
size_t screen_get_room(const struct page *page);

/* A key as a character or screen_key, waiting for at most so many milliseconds. */
int screen_get_key(int milliseconds);

#endif /* BDEVKIT_TOP_SCREEN_H */
