/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/page.h"

#include "spdk/string.h"
#include "spdk/util.h"

#include <wchar.h>

static void
add(struct page *page, int row, const char *format, va_list args)
{
	struct page_line *grown;
	char *text;

	if (page->count == page->max) {
		grown = realloc(page->lines, (page->max * 2 + 32) * sizeof(*grown));
		if (grown == NULL) {
			return;
		}
		page->lines = grown;
		page->max = page->max * 2 + 32;
	}
	text = spdk_vsprintf_alloc(format, args);
	if (text != NULL) {
		page->lines[page->count++] = (struct page_line){.text = text, .row = row};
	}
}

void
page_add(struct page *page, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(page, -1, format, args);
	va_end(args);
}

void
page_add_row(struct page *page, int row, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(page, row, format, args);
	va_end(args);
}

void
page_fix(struct page *page)
{
	page->fixed = page->count;
}

void
page_clear(struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		free(page->lines[i].text);
	}
	free(page->lines);
	page->lines = NULL;
	page->count = page->max = page->fixed = 0;
}

static bool
is_style(char c)
{
	return c >= PAGE_PLAIN[0] && c <= PAGE_ALERT[0];
}

/* Bytes of the next character and its columns; what is no character is a byte of one column. */
static size_t
next(const char *text, int *columns)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t len;

	if (is_style(*text)) {
		*columns = 0;
		return 1;
	}
	len = mbrtowc(&wide, text, MB_CUR_MAX, &state);
	if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
		*columns = 1;
		return 1;
	}
	*columns = spdk_max(wcwidth(wide), 0);
	return len;
}

int
page_width(const char *text)
{
	int width = 0, columns;

	while (*text != '\0') {
		text += next(text, &columns);
		width += columns;
	}
	return width;
}

void
page_fit(char *out, size_t size, const char *text, int width)
{
	size_t used = 0, len;
	int columns;

	while (*text != '\0' && width > 0) {
		len = next(text, &columns);
		if (columns > width || used + len + (size_t)width >= size) {
			break;
		}
		memcpy(out + used, text, len);
		used += len;
		text += len;
		width -= columns;
	}
	while (width-- > 0 && used + 1 < size) {
		out[used++] = ' ';
	}
	out[used] = '\0';
}

void
page_print(const struct page *page, FILE *file)
{
	for (size_t i = 0; i < page->count; i++) {
		char *text = page->lines[i].text;
		size_t len = 0;

		for (const char *c = text; *c != '\0'; c++) {
			if (!is_style(*c)) {
				text[len++] = *c;
			}
		}
		while (len > 0 && text[len - 1] == ' ') {
			len--;
		}
		text[len] = '\0';
		fprintf(file, "%s\n", text);
	}
}
