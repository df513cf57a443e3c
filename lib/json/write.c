/* SPDX-License-Identifier: BSD-3-Clause */

/* The JSON writer: structure, numbers and whole values. Strings are in write_string.c. */

#include "lib/json/write_internal.h"
#include "lib/json/json_internal.h"

/* Records the first failure; everything after it is refused, so that the caller may look only at the end. */
int
json_write_fail(struct spdk_json_write_ctx *w, int rc)
{
	if (w->status == 0) {
		w->status = rc;
	}
	return -1;
}

int
json_write_status(const struct spdk_json_write_ctx *w)
{
	return w->status;
}

static int
flush(struct spdk_json_write_ctx *w)
{
	int rc = w->write_cb(w->cb_ctx, w->buf, w->used);

	w->used = 0;
	return rc == 0 ? 0 : json_write_fail(w, rc < 0 ? rc : -EIO);
}

int
json_write_bytes(struct spdk_json_write_ctx *w, const void *data, size_t size)
{
	const char *p = data;

	if (w->status != 0) {
		return -1;
	}
	while (size > sizeof(w->buf) - w->used) {
		size_t piece = sizeof(w->buf) - w->used;

		memcpy(w->buf + w->used, p, piece);
		w->used += piece;
		p += piece;
		size -= piece;
		if (flush(w) != 0) {
			return -1;
		}
	}
	memcpy(w->buf + w->used, p, size);
	w->used += size;
	return 0;
}

static int
write_indent(struct spdk_json_write_ctx *w)
{
	if (!(w->flags & SPDK_JSON_WRITE_FLAG_FORMATTED)) {
		return 0;
	}
	json_write_bytes(w, "\n", 1);
	for (uint32_t i = 0; i < w->depth; i++) {
		json_write_bytes(w, "  ", 2);
	}
	return w->status == 0 ? 0 : -1;
}

/* What stands before every value: nothing after a name or outside of all containers, else a comma and a new line. */
int
json_write_begin_value(struct spdk_json_write_ctx *w)
{
	if (w->after_name) {
		w->after_name = false;
		return w->status == 0 ? 0 : -1;
	}
	if (w->depth > 0 && w->object[w->depth - 1] && !w->in_name) {
		/* In an object, a value without a name. */
		return json_write_fail(w, -EINVAL);
	}
	if (w->depth == 0) {
		/* A second value behind the only one. */
		if (!w->first) {
			return json_write_fail(w, -EINVAL);
		}
		w->first = false;
		return w->status == 0 ? 0 : -1;
	}
	if (!w->first) {
		json_write_bytes(w, ",", 1);
	}
	w->first = false;
	return write_indent(w);
}

static int
write_text(struct spdk_json_write_ctx *w, const char *text, size_t size)
{
	if (json_write_begin_value(w) != 0) {
		return -1;
	}
	return json_write_bytes(w, text, size);
}

void
json_write_init(struct spdk_json_write_ctx *w, spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags)
{
	memset(w, 0, offsetof(struct spdk_json_write_ctx, buf));
	w->write_cb = write_cb;
	w->cb_ctx = cb_ctx;
	w->flags = flags;
	w->first = true;
}

int
json_write_fini(struct spdk_json_write_ctx *w)
{
	if (w->depth > 0 || w->after_name) {
		json_write_fail(w, -EINVAL);
	}
	if (w->status == 0) {
		flush(w);
	}
	return w->status == 0 ? 0 : -1;
}

struct spdk_json_write_ctx *
spdk_json_write_begin(spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags)
{
	struct spdk_json_write_ctx *w = malloc(sizeof(*w));

	if (w != NULL) {
		json_write_init(w, write_cb, cb_ctx, flags);
	}
	return w;
}

int
spdk_json_write_end(struct spdk_json_write_ctx *w)
{
	int rc = 0;

	if (w != NULL) {
		rc = json_write_fini(w);
		free(w);
	}
	return rc;
}

void
spdk_json_write_reset(struct spdk_json_write_ctx *w)
{
	w->used = 0;
	w->depth = 0;
	w->first = true;
	w->after_name = false;
	w->status = 0;
}

static int
begin_container(struct spdk_json_write_ctx *w, bool object)
{
	if (w->depth == JSON_WRITE_MAX_DEPTH) {
		return json_write_fail(w, -E2BIG);
	}
	if (write_text(w, object ? "{" : "[", 1) != 0) {
		return -1;
	}
	w->object[w->depth++] = object;
	w->first = true;
	return 0;
}

static int
end_container(struct spdk_json_write_ctx *w, bool object)
{
	bool empty = w->first;

	if (w->depth == 0 || w->object[w->depth - 1] != object || w->after_name) {
		return json_write_fail(w, -EINVAL);
	}
	w->depth--;
	w->first = false;
	if (!empty && write_indent(w) != 0) {
		return -1;
	}
	return json_write_bytes(w, object ? "}" : "]", 1);
}

int
spdk_json_write_array_begin(struct spdk_json_write_ctx *w)
{
	return begin_container(w, false);
}

int
spdk_json_write_array_end(struct spdk_json_write_ctx *w)
{
	return end_container(w, false);
}

int
spdk_json_write_object_begin(struct spdk_json_write_ctx *w)
{
	return begin_container(w, true);
}

int
spdk_json_write_object_end(struct spdk_json_write_ctx *w)
{
	return end_container(w, true);
}

int
spdk_json_write_null(struct spdk_json_write_ctx *w)
{
	return write_text(w, "null", 4);
}

int
spdk_json_write_bool(struct spdk_json_write_ctx *w, bool val)
{
	return val ? write_text(w, "true", 4) : write_text(w, "false", 5);
}

static char *
format_decimal(char *end, uint64_t val)
{
	do {
		*--end = '0' + val % 10;
		val /= 10;
	} while (val != 0);
	return end;
}

int
spdk_json_write_uint64(struct spdk_json_write_ctx *w, uint64_t val)
{
	char buf[24], *end = buf + sizeof(buf), *start = format_decimal(end, val);

	return write_text(w, start, end - start);
}

int
spdk_json_write_int64(struct spdk_json_write_ctx *w, int64_t val)
{
	char buf[24], *end = buf + sizeof(buf), *start = format_decimal(end, val < 0 ? -(uint64_t)val : (uint64_t)val);

	if (val < 0) {
		*--start = '-';
	}
	return write_text(w, start, end - start);
}

int
spdk_json_write_int32(struct spdk_json_write_ctx *w, int32_t val)
{
	return spdk_json_write_int64(w, val);
}

int
spdk_json_write_uint8(struct spdk_json_write_ctx *w, uint8_t val)
{
	return spdk_json_write_uint64(w, val);
}

int
spdk_json_write_uint16(struct spdk_json_write_ctx *w, uint16_t val)
{
	return spdk_json_write_uint64(w, val);
}

int
spdk_json_write_uint32(struct spdk_json_write_ctx *w, uint32_t val)
{
	return spdk_json_write_uint64(w, val);
}

int
spdk_json_write_uint128(struct spdk_json_write_ctx *w, uint64_t low_val, uint64_t high_val)
{
	unsigned __int128 val = (unsigned __int128)high_val << 64 | low_val;
	char buf[40], *end = buf + sizeof(buf), *start = end;

	do {
		*--start = '0' + (char)(val % 10);
		val /= 10;
	} while (val != 0);
	return write_text(w, start, end - start);
}

int
spdk_json_write_double(struct spdk_json_write_ctx *w, double val)
{
	char buf[48];
	int length;

	/* JSON has no word for them. */
	if (!isfinite(val)) {
		return spdk_json_write_null(w);
	}
	length = snprintf(buf, sizeof(buf), "%.20e", val);
	/* The locale of the program may have another decimal point. */
	buf[1 + (buf[0] == '-')] = '.';
	return write_text(w, buf, length);
}

int
spdk_json_write_val_raw(struct spdk_json_write_ctx *w, const void *data, size_t len)
{
	return write_text(w, data, len);
}

static int
write_scalar(struct spdk_json_write_ctx *w, const struct spdk_json_val *val)
{
	switch (val->type) {
	case SPDK_JSON_VAL_NULL:
		return spdk_json_write_null(w);
	case SPDK_JSON_VAL_TRUE:
	case SPDK_JSON_VAL_FALSE:
		return spdk_json_write_bool(w, val->type == SPDK_JSON_VAL_TRUE);
	case SPDK_JSON_VAL_NUMBER:
		return spdk_json_write_val_raw(w, val->start, val->len);
	case SPDK_JSON_VAL_STRING:
		return spdk_json_write_string_raw(w, val->start, val->len);
	case SPDK_JSON_VAL_NAME:
		return spdk_json_write_name_raw(w, val->start, val->len);
	case SPDK_JSON_VAL_ARRAY_BEGIN:
		return spdk_json_write_array_begin(w);
	case SPDK_JSON_VAL_ARRAY_END:
		return spdk_json_write_array_end(w);
	case SPDK_JSON_VAL_OBJECT_BEGIN:
		return spdk_json_write_object_begin(w);
	case SPDK_JSON_VAL_OBJECT_END:
		return spdk_json_write_object_end(w);
	default:
		return json_write_fail(w, -EINVAL);
	}
}

int
spdk_json_write_val(struct spdk_json_write_ctx *w, const struct spdk_json_val *val)
{
	size_t count = spdk_json_val_len(val);

	for (size_t i = 0; i < count; i++) {
		if (write_scalar(w, &val[i]) != 0) {
			return -1;
		}
	}
	return count > 0 ? 0 : json_write_fail(w, -EINVAL);
}
