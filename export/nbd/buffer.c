/* SPDX-License-Identifier: BSD-3-Clause */

/* A buffer that grows as bytes are appended. */

#include "export/nbd/nbd_internal.h"

void
nbd_buffer_append(struct nbd_buffer *buffer, const void *data, size_t length)
{
	size_t needed = buffer->length + length;

	if (buffer->failed || length == 0) {
		return;
	}
	if (needed > buffer->capacity) {
		size_t capacity = spdk_max(needed, buffer->capacity * 2);
		char *grown = realloc(buffer->data, capacity);

		if (grown == NULL) {
			buffer->failed = true;
			return;
		}
		buffer->data = grown;
		buffer->capacity = capacity;
	}
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length = needed;
}
