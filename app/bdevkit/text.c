/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/text.h"

int
text_append(void *ctx, const void *data, size_t size)
{
	struct text *text = ctx;
	char *grown = realloc(text->data, text->size + size + 1);

	if (grown == NULL) {
		return -1;
	}
	memcpy(grown + text->size, data, size);
	text->data = grown;
	text->size += size;
	text->data[text->size] = '\0';
	return 0;
}
