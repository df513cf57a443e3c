/* SPDX-License-Identifier: BSD-3-Clause */

/* What the generated program calls to look at values. */

static int wrong;

static void
complain(const char *name, const char *what)
{
	printf("%s: %s\n", name, what);
	wrong++;
}

static void
check_addresses(const void *const *functions, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (functions[i] == NULL) {
			complain("a function", "has no address");
		}
	}
}

/* `object` was zeroed before -1 was assigned to the field: what is set now are its bits. `offset` is -1 where it is free. */
static void
check_bits(const char *name, const void *object, size_t size, int bits, long offset, int negative, int is_signed)
{
	const uint8_t *bytes = object;
	long first = -1;
	int count = 0;
	size_t i;

	for (i = 0; i < size * 8; i++) {
		if (bytes[i / 8] & (1u << (i % 8))) {
			first = first < 0 ? (long)i : first;
			count++;
		}
	}
	if (count != bits) {
		complain(name, "has another number of bits");
	}
	if (offset >= 0 && first != offset) {
		complain(name, "begins at another bit");
	}
	if (negative != is_signed) {
		complain(name, "has another sign");
	}
}

static void
check_bytes(const char *name, const void *object, const char *bytes, size_t size)
{
	if (memcmp(object, bytes, size) != 0) {
		complain(name, "has other bytes");
	}
}

static void
check_text(const char *name, const char *text, const char *wanted)
{
	if (text == NULL || strcmp(text, wanted) != 0) {
		complain(name, text ? text : "NULL");
	}
}
