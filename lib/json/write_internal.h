/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of the JSON writer share. */

#ifndef JSON_WRITE_INTERNAL_H
#define JSON_WRITE_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

/* Far more than any reply nests; deeper is a bug of the caller. */
#define JSON_WRITE_MAX_DEPTH 128

struct spdk_json_write_ctx {
	spdk_json_write_cb write_cb;
	void *cb_ctx;
	uint32_t flags;
	uint32_t depth;
	/* 0, or the first failure as a negative errno. */
	int status;
	/* Nothing has been written yet in the innermost container. */
	bool first;
	/* A name was written and its value not. */
	bool after_name;
	/* A name is being written. */
	bool in_name;
	/* What each open container is. */
	bool object[JSON_WRITE_MAX_DEPTH];
	size_t used;
	char buf[4096];
};

/* A writer that lives in another structure: as spdk_json_write_begin() and _end(), without allocation. */
void json_write_init(struct spdk_json_write_ctx *w, spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags);
int json_write_fini(struct spdk_json_write_ctx *w);

int json_write_fail(struct spdk_json_write_ctx *w, int rc);
int json_write_bytes(struct spdk_json_write_ctx *w, const void *data, size_t size);
int json_write_begin_value(struct spdk_json_write_ctx *w);

#endif /* JSON_WRITE_INTERNAL_H */
