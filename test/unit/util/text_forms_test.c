/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes as text: Base64, hexadecimal digits, identifiers. */

#include "spdk/stdinc.h"
#include "spdk/base64.h"
#include "spdk/hexlify.h"
#include "spdk/log.h"
#include "spdk/uuid.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

static void
base64_of_rfc_4648(void **state)
{
	static const char *const cases[][2] = {
		{"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
	char text[16];
	uint8_t bytes[16];
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t raw_len = strlen(cases[i][0]);

		assert_int_equal(spdk_base64_encode(text, cases[i][0], raw_len), 0);
		assert_string_equal(text, cases[i][1]);
		assert_int_equal(spdk_base64_get_encoded_strlen(raw_len), strlen(cases[i][1]));
		assert_true(spdk_base64_get_decoded_len(strlen(cases[i][1])) >= raw_len);
		assert_int_equal(spdk_base64_decode(bytes, &len, cases[i][1]), 0);
		assert_int_equal(len, raw_len);
		assert_memory_equal(bytes, cases[i][0], raw_len);
		len = 0;
		assert_int_equal(spdk_base64_decode(NULL, &len, cases[i][1]), 0);
		assert_int_equal(len, raw_len);
	}
}

static void
base64_alphabets(void **state)
{
	static const uint8_t bytes[] = {0xfb, 0xff, 0xfe};
	uint8_t out[3];
	char text[5];

	spdk_base64_encode(text, bytes, 3);
	assert_string_equal(text, "+//+");
	spdk_base64_urlsafe_encode(text, bytes, 3);
	assert_string_equal(text, "-__-");
	assert_int_equal(spdk_base64_urlsafe_decode(out, NULL, "-__-"), 0);
	assert_memory_equal(out, bytes, 3);
	assert_int_equal(spdk_base64_decode(out, NULL, "-__-"), -EINVAL);
	assert_int_equal(spdk_base64_urlsafe_decode(out, NULL, "+//+"), -EINVAL);
}

static void
base64_bad(void **state)
{
	static const char *const bad[] = {
		"", "A", "AA", "AAA", "AAAAA", "A===", "====", "AA=A", "AA A", "AA\nA", "A=AA"};
	uint8_t out[16];
	char text[16];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(spdk_base64_decode(out, NULL, bad[i]), -EINVAL);
	}
	assert_int_equal(spdk_base64_decode(out, NULL, NULL), -EINVAL);
	assert_int_equal(spdk_base64_encode(text, "a", 0), -EINVAL);
	assert_int_equal(spdk_base64_encode(NULL, "a", 1), -EINVAL);
	assert_int_equal(spdk_base64_encode(text, NULL, 1), -EINVAL);
}

static void
hexadecimal(void **state)
{
	char *hex = spdk_hexlify("\x01\xab\xff", 3);
	char *bin = spdk_unhexlify("01ABff");

	assert_string_equal(hex, "01abff");
	assert_memory_equal(bin, "\x01\xab\xff", 3);
	free(hex);
	free(bin);
	assert_null(spdk_unhexlify("abc"));
	assert_null(spdk_unhexlify("0g"));
	assert_null(spdk_unhexlify("0x12"));
	hex = spdk_hexlify("", 0);
	assert_string_equal(hex, "");
	free(hex);
}

static void
identifiers(void **state)
{
	const char *text = "6ba7b810-9DAD-11d1-80b4-00c04fd430c8";
	struct spdk_uuid dns, made, other;
	char out[SPDK_UUID_STRING_LEN];

	assert_int_equal(spdk_uuid_parse(&dns, text), 0);
	assert_int_equal(dns.u.raw[0], 0x6b);
	assert_int_equal(spdk_uuid_fmt_lower(out, sizeof(out), &dns), 0);
	assert_string_equal(out, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	assert_int_equal(spdk_uuid_fmt_lower(out, sizeof(out) - 1, &dns), -EINVAL);
	assert_int_equal(spdk_uuid_parse(&made, "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"), -EINVAL);
	assert_int_equal(spdk_uuid_parse(&made, "6ba7b8109dad11d180b400c04fd430c8"), -EINVAL);
	assert_int_equal(spdk_uuid_parse(&made, "6ba7b810-9dad-11d1-80b4-00c04fd430c8 "), -EINVAL);
	assert_int_equal(spdk_uuid_parse(&made, "6ba7b810-9dad-11d1-80b4-00c04fd430cg"), -EINVAL);
	assert_int_equal(spdk_uuid_parse(&made, NULL), -EINVAL);

	/* Python: uuid.uuid5(uuid.NAMESPACE_DNS, "python.org") */
	assert_int_equal(spdk_uuid_generate_sha1(&made, &dns, "python.org", 10), 0);
	spdk_uuid_fmt_lower(out, sizeof(out), &made);
	assert_string_equal(out, "886313e1-3b8a-5372-9b90-0c9aee199e5d");

	spdk_uuid_copy(&other, &made);
	assert_int_equal(spdk_uuid_compare(&other, &made), 0);
	other.u.raw[15]++;
	assert_true(spdk_uuid_compare(&other, &made) > 0);
	assert_false(spdk_uuid_is_null(&made));
	spdk_uuid_set_null(&made);
	assert_true(spdk_uuid_is_null(&made));
}

static void
random_identifiers(void **state)
{
	struct spdk_uuid a, b;

	for (int i = 0; i < 100; i++) {
		spdk_uuid_generate(&a);
		spdk_uuid_generate(&b);
		assert_int_equal(a.u.raw[6] >> 4, 4);
		assert_int_equal(a.u.raw[8] >> 6, 2);
		assert_true(spdk_uuid_compare(&a, &b) != 0);
	}
	env_random_seed(5);
	spdk_uuid_generate(&a);
	env_random_seed(5);
	spdk_uuid_generate(&b);
	assert_int_equal(spdk_uuid_compare(&a, &b), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_of_rfc_4648),
		cmocka_unit_test(base64_alphabets),
		cmocka_unit_test(base64_bad),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(identifiers),
		cmocka_unit_test(random_identifiers),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
