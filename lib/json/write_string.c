/* SPDX-License-Identifier: BSD-3-Clause */

/* The JSON writer: strings and names. What is written is ASCII only. */

#include "lib/json/write_internal.h"
#include "lib/json/utf.h"

/* The letter of the short escape for c, or 0. */
static char
short_escape(uint8_t c)
{
	switch (c) {
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '"':
	case '\\':
		return c;
	default:
		return 0;
	}
}

static void
format_unit(char out[6], uint32_t unit)
{
	static const char digits[] = "0123456789ABCDEF";

	out[0] = '\\';
	out[1] = 'u';
	for (int i = 0; i < 4; i++) {
		out[2 + i] = digits[unit >> (12 - 4 * i) & 0xf];
	}
}

static int
write_escaped(struct spdk_json_write_ctx *w, uint32_t code_point)
{
	char buf[12] = "\\";
	char letter = code_point < 0x80 ? short_escape(code_point) : 0;

	if (letter != 0) {
		buf[1] = letter;
		return json_write_bytes(w, buf, 2);
	}
	if (code_point < 0x10000) {
		format_unit(buf, code_point);
		return json_write_bytes(w, buf, 6);
	}
	format_unit(buf, 0xd800 + ((code_point - 0x10000) >> 10));
	format_unit(buf + 6, 0xdc00 + (code_point & 0x3ff));
	return json_write_bytes(w, buf, 12);
}

static bool
is_utf8(const uint8_t *text, size_t size)
{
	size_t i = 0;

	while ((i += json_plain_run(text + i, size - i)) < size) {
		uint32_t code_point;
		int length = json_utf8_decode(text + i, size - i, &code_point);

		if (length <= 0) {
			return false;
		}
		i += length;
	}
	return true;
}

static int
write_quoted(struct spdk_json_write_ctx *w, const uint8_t *text, size_t size)
{
	size_t i = 0;

	json_write_bytes(w, "\"", 1);
	while (i < size) {
		size_t run = json_plain_run(text + i, size - i);
		uint32_t code_point = 0;

		json_write_bytes(w, text + i, run);
		i += run;
		if (i < size) {
			i += json_utf8_decode(text + i, size - i, &code_point);
			write_escaped(w, code_point);
		}
	}
	return json_write_bytes(w, "\"", 1);
}

int
spdk_json_write_string_raw(struct spdk_json_write_ctx *w, const char *val, size_t len)
{
	/* Before anything is written, so that nothing half is left behind. */
	if (!is_utf8((const uint8_t *)val, len)) {
		return json_write_fail(w, -EILSEQ);
	}
	if (json_write_begin_value(w) != 0) {
		return -1;
	}
	return write_quoted(w, (const uint8_t *)val, len);
}

int
spdk_json_write_string(struct spdk_json_write_ctx *w, const char *val)
{
	return val != NULL ? spdk_json_write_string_raw(w, val, strlen(val)) : spdk_json_write_null(w);
}

int
spdk_json_write_string_fmt_v(struct spdk_json_write_ctx *w, const char *fmt, va_list args)
{
	char *text;
	int rc, length = vasprintf(&text, fmt, args);

	if (length < 0) {
		return json_write_fail(w, -ENOMEM);
	}
	rc = spdk_json_write_string_raw(w, text, length);
	free(text);
	return rc;
}

int
spdk_json_write_string_fmt(struct spdk_json_write_ctx *w, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = spdk_json_write_string_fmt_v(w, fmt, args);
	va_end(args);
	return rc;
}

static uint32_t
utf16le_unit(const uint16_t *unit)
{
	const uint8_t *bytes = (const uint8_t *)unit;

	return bytes[0] | (uint32_t)bytes[1] << 8;
}

int
spdk_json_write_string_utf16le_raw(struct spdk_json_write_ctx *w, const uint16_t *val, size_t len)
{
	uint8_t *text, *out;
	int rc = 0;

	/* A unit becomes at most three bytes of UTF-8. */
	text = out = malloc(len * 3 + 1);
	if (text == NULL) {
		return json_write_fail(w, -ENOMEM);
	}
	for (size_t i = 0; i < len; i++) {
		uint32_t unit = utf16le_unit(&val[i]);

		if (json_utf16_is_high(unit) && i + 1 < len && json_utf16_is_low(utf16le_unit(&val[i + 1]))) {
			unit = json_utf16_join(unit, utf16le_unit(&val[++i]));
		} else if (json_utf16_is_high(unit) || json_utf16_is_low(unit)) {
			rc = json_write_fail(w, -EILSEQ);
			break;
		}
		out += json_utf8_encode(out, unit);
	}
	if (rc == 0) {
		rc = spdk_json_write_string_raw(w, (const char *)text, out - text);
	}
	free(text);
	return rc;
}

int
spdk_json_write_string_utf16le(struct spdk_json_write_ctx *w, const uint16_t *val)
{
	size_t len = 0;

	while (val[len] != 0) {
		len++;
	}
	return spdk_json_write_string_utf16le_raw(w, val, len);
}

int
spdk_json_write_bytearray(struct spdk_json_write_ctx *w, const void *val, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *bytes = val;

	if (json_write_begin_value(w) != 0) {
		return -1;
	}
	json_write_bytes(w, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 0xf]};

		json_write_bytes(w, pair, 2);
	}
	return json_write_bytes(w, "\"", 1);
}

int
spdk_json_write_uuid(struct spdk_json_write_ctx *w, const struct spdk_uuid *uuid)
{
	char text[SPDK_UUID_STRING_LEN];

	if (spdk_uuid_fmt_lower(text, sizeof(text), uuid) != 0) {
		return json_write_fail(w, -EINVAL);
	}
	return spdk_json_write_string(w, text);
}

int
spdk_json_write_name_raw(struct spdk_json_write_ctx *w, const char *name, size_t len)
{
	bool formatted = (w->flags & SPDK_JSON_WRITE_FLAG_FORMATTED) != 0;
	int rc;

	/* A name where a value should stand. */
	if (w->after_name || w->depth == 0 || !w->object[w->depth - 1]) {
		return json_write_fail(w, -EINVAL);
	}
	w->in_name = true;
	rc = spdk_json_write_string_raw(w, name, len);
	w->in_name = false;
	if (rc != 0) {
		return rc;
	}
	w->after_name = true;
	return json_write_bytes(w, ": ", formatted ? 2 : 1);
}

int
spdk_json_write_name(struct spdk_json_write_ctx *w, const char *name)
{
	return spdk_json_write_name_raw(w, name, strlen(name));
}
