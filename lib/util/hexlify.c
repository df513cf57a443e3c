/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/hexlify.h"
#include "spdk/log.h"

char *
spdk_hexlify(const char *bin, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = malloc(len * 2 + 1);

	if (hex == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(uint8_t)bin[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)bin[i] & 0xf];
	}
	hex[len * 2] = '\0';
	return hex;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

char *
spdk_unhexlify(const char *hex)
{
	size_t len = strlen(hex);
	char *bin;

	if (len % 2 != 0) {
		SPDK_ERRLOG("An odd number of hexadecimal digits: %zu\n", len);
		return NULL;
	}
	/* One byte at least: NULL means failure. */
	bin = malloc(len / 2 + 1);
	if (bin == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit_value(hex[2 * i]);
		int low = digit_value(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			/* The text may be a key: it is neither shown nor left in memory. */
			SPDK_ERRLOG("Something else than a hexadecimal digit at position %zu\n",
				high < 0 ? 2 * i : 2 * i + 1);
			explicit_bzero(bin, i);
			free(bin);
			return NULL;
		}
		bin[i] = (char)(high << 4 | low);
	}
	return bin;
}
