/* SPDX-License-Identifier: BSD-3-Clause */

/* Lines of text with styles in them: what a view makes, and a terminal or a file shows. */

#ifndef BDEVKIT_TOP_PAGE_H
#define BDEVKIT_TOP_PAGE_H

#include "spdk/stdinc.h"

/* Bytes in a text that change how what follows them looks; each line begins plain. */
#define PAGE_PLAIN "\001"
#define PAGE_BOLD "\002"
#define PAGE_DIM "\003"
/* A heading, over the whole width if it begins the line. */
#define PAGE_HEAD "\004"
#define PAGE_GOOD "\005"
#define PAGE_ALERT "\006"

struct page_line {
	char *text;
	/* Which thing of the view it is; -1: none. */
	int row;
};

struct page {
	/* Columns; and whether they may be other than ASCII. */
	int width;
	bool utf8;
	struct page_line *lines;
	size_t count, max;
	/* So many lines at the top stay where they are when the rest moves. */
	size_t fixed;
};

/* Adds a line. It is lost without memory. */
void page_add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_add_row(struct page *page, int row, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What was added stays above what comes. */
void page_fix(struct page *page);

/* Forgets the lines. */
void page_clear(struct page *page);

/* Columns that a text takes, styles not counted. */
int page_width(const char *text);

/* Writes a text as wide as that: cut, or filled up with blanks. */
void page_fit(char *out, size_t size, const char *text, int width);

/* Writes it without styles. */
void page_print(const struct page *page, FILE *file);

#endif /* BDEVKIT_TOP_PAGE_H */
