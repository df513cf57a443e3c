/* SPDX-License-Identifier: BSD-3-Clause */

/* The characters of strings: UTF-8, UTF-16, and those that need no care. */

#ifndef JSON_UTF_H
#define JSON_UTF_H

#include "spdk/stdinc.h"

/*
 * Length of the run of bytes that stand for themselves, read and written: ASCII without control characters, '"' and '\\'.
 */
static inline size_t
json_plain_run(const uint8_t *text, size_t size)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL;
	size_t i = 0;

	/* Eight bytes at a time: (x - n * ones) & ~x & tops shows where x has a byte below n; ~x matters above 0x7f only. */
	while (i + 8 <= size) {
		uint64_t word, quote, slash, del;

		memcpy(&word, text + i, 8);
		quote = word ^ ones * '"';
		slash = word ^ ones * '\\';
		del = word ^ ones * 0x7f;
		if (((quote - ones) | (slash - ones) | (del - ones) | (word - ones * 0x20) | word) & tops) {
			break;
		}
		i += 8;
	}
	while (i < size && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\') {
		i++;
	}
	return i;
}

/*
 * Decodes the UTF-8 sequence at text. Returns its length, 0 if it is cut off by the end of the text (and right so
 * far), or -1 if it is not UTF-8: overlong forms, surrogates and code points beyond U+10FFFF included.
 */
static inline int
json_utf8_decode(const uint8_t *text, size_t size, uint32_t *code_point)
{
	uint8_t lead = text[0];
	/* What the second byte may be keeps out overlong forms, surrogates and too large values (Unicode, table 3-7). */
	uint8_t low = 0x80, high = 0xbf;
	int length;

	if (lead < 0x80) {
		*code_point = lead;
		return 1;
	} else if (lead >= 0xc2 && lead <= 0xdf) {
		length = 2;
		*code_point = lead & 0x1f;
	} else if ((lead & 0xf0) == 0xe0) {
		length = 3;
		*code_point = lead & 0x0f;
		low = lead == 0xe0 ? 0xa0 : 0x80;
		high = lead == 0xed ? 0x9f : 0xbf;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		length = 4;
		*code_point = lead & 0x07;
		low = lead == 0xf0 ? 0x90 : 0x80;
		high = lead == 0xf4 ? 0x8f : 0xbf;
	} else {
		return -1;
	}

	for (int i = 1; i < length; i++) {
		if ((size_t)i == size) {
			return 0;
		}
		if (text[i] < low || text[i] > high) {
			return -1;
		}
		*code_point = *code_point << 6 | (text[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

/* Writes the UTF-8 form of a code point, 1 to 4 bytes, and returns its length. */
static inline int
json_utf8_encode(uint8_t *out, uint32_t code_point)
{
	if (code_point < 0x80) {
		out[0] = code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = 0xc0 | code_point >> 6;
		out[1] = 0x80 | (code_point & 0x3f);
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = 0xe0 | code_point >> 12;
		out[1] = 0x80 | (code_point >> 6 & 0x3f);
		out[2] = 0x80 | (code_point & 0x3f);
		return 3;
	}
	out[0] = 0xf0 | code_point >> 18;
	out[1] = 0x80 | (code_point >> 12 & 0x3f);
	out[2] = 0x80 | (code_point >> 6 & 0x3f);
	out[3] = 0x80 | (code_point & 0x3f);
	return 4;
}

static inline bool
json_utf16_is_high(uint32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static inline bool
json_utf16_is_low(uint32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

static inline uint32_t
json_utf16_join(uint32_t high, uint32_t low)
{
	return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}

#endif /* JSON_UTF_H */
