/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/base64.h"

static const char g_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char g_url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
encode(char *dst, const uint8_t *src, size_t len, const char *digits)
{
	if (dst == NULL || src == NULL || len == 0) {
		return -EINVAL;
	}
	for (; len >= 3; len -= 3, src += 3) {
		*dst++ = digits[src[0] >> 2];
		*dst++ = digits[(src[0] & 0x03) << 4 | src[1] >> 4];
		*dst++ = digits[(src[1] & 0x0f) << 2 | src[2] >> 6];
		*dst++ = digits[src[2] & 0x3f];
	}
	if (len > 0) {
		*dst++ = digits[src[0] >> 2];
		*dst++ = digits[(src[0] & 0x03) << 4 | (len == 2 ? src[1] >> 4 : 0)];
		*dst++ = len == 2 ? digits[(src[1] & 0x0f) << 2] : '=';
		*dst++ = '=';
	}
	*dst = '\0';
	return 0;
}

static int
digit_value(char c, const char *digits)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == digits[62]) {
		return 62;
	}
	return c == digits[63] ? 63 : -1;
}

/* Length of src without its padding; 0 if it cannot be Base64. */
static size_t
count_digits(const char *src)
{
	size_t len = strlen(src);

	if (len % 4 != 0) {
		return 0;
	}
	for (int i = 0; i < 2 && len > 0 && src[len - 1] == '='; i++) {
		len--;
	}
	return len;
}

static int
decode(uint8_t *dst, size_t *dst_len, const char *src, const char *digits)
{
	size_t count, len = 0;
	uint32_t bits = 0;

	if (src == NULL) {
		return -EINVAL;
	}
	count = count_digits(src);
	if (count == 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		int value = digit_value(src[i], digits);

		if (value < 0) {
			return -EINVAL;
		}
		bits = bits << 6 | (uint32_t)value;
		/* Each digit but the first of four completes a byte. */
		if (i % 4 != 0) {
			if (dst != NULL) {
				dst[len] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
			}
			len++;
		}
	}
	if (dst_len != NULL) {
		*dst_len = len;
	}
	return 0;
}

int
spdk_base64_encode(char *dst, const void *src, size_t src_len)
{
	return encode(dst, src, src_len, g_digits);
}

int
spdk_base64_urlsafe_encode(char *dst, const void *src, size_t src_len)
{
	return encode(dst, src, src_len, g_url_digits);
}

int
spdk_base64_decode(void *dst, size_t *dst_len, const char *src)
{
	return decode(dst, dst_len, src, g_digits);
}

int
spdk_base64_urlsafe_decode(void *dst, size_t *dst_len, const char *src)
{
	return decode(dst, dst_len, src, g_url_digits);
}
