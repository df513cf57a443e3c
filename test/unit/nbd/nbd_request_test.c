/* SPDX-License-Identifier: BSD-3-Clause */

/* The check of requests, and addresses, URIs and strings: functions of their arguments only. */

#include "export/nbd/nbd_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define ALL_FLAGS \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM | \
		NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_CACHE | NBD_FLAG_SEND_FAST_ZERO)
#define MIB (1ULL << 20)

static struct nbd_limits g_limits;

static int
setup(void **state)
{
	g_limits = (struct nbd_limits){.flags = ALL_FLAGS, .size = 64 * MIB, .block_size = 512};
	return 0;
}

static enum nbd_error
check(uint16_t type, uint16_t flags, uint64_t offset, uint32_t length, bool structured, bool context)
{
	struct nbd_request_header header = {.type = type, .flags = flags, .offset = offset, .length = length};
	const char *why = NULL;
	enum nbd_error error = nbd_request_check(&header, &g_limits, structured, context, &why);

	if (error != NBD_SUCCESS) {
		assert_non_null(why);
	}
	return error;
}

static void
test_good_requests(void **state)
{
	assert_int_equal(check(NBD_CMD_READ, 0, 0, 1, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 65536, true, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_FUA, 64 * MIB - 1, 1, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 0, 32 * MIB, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_FLUSH, 0, 0, 0, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_TRIM, 0, 0, 64 * MIB, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_CACHE, 0, 3, 5, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO, 512, 64 * MIB - 512,
				 false, false),
		NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 0, 512, true, true), NBD_SUCCESS);
}

static void
test_ranges(void **state)
{
	static const uint16_t types[] = {
		NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_TRIM, NBD_CMD_CACHE, NBD_CMD_WRITE_ZEROES, NBD_CMD_BLOCK_STATUS};

	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		bool writes = types[i] == NBD_CMD_WRITE || types[i] == NBD_CMD_WRITE_ZEROES;
		enum nbd_error beyond = writes ? NBD_ENOSPC : NBD_EINVAL;

		assert_int_equal(check(types[i], 0, 0, 0, true, true), NBD_EINVAL);
		assert_int_equal(check(types[i], 0, 64 * MIB, 512, true, true), beyond);
		assert_int_equal(check(types[i], 0, 64 * MIB - 512, 1024, true, true), beyond);
		assert_int_equal(check(types[i], 0, UINT64_MAX, 512, true, true), beyond);
		assert_int_equal(check(types[i], 0, UINT64_MAX - 511, 512, true, true), beyond);
		assert_int_equal(check(types[i], 0, 1ULL << 63, UINT32_MAX, true, true), beyond);
		assert_int_equal(check(types[i], 0, 0, 512, true, true), NBD_SUCCESS);
	}
	g_limits.size = 1ULL << 40;
	assert_int_equal(check(NBD_CMD_READ, 0, 0, 32 * MIB + 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_WRITE, 0, 0, 32 * MIB + 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 32 * MIB, true, false), NBD_EOVERFLOW);
	assert_int_equal(check(NBD_CMD_TRIM, 0, 0, 0xfffffe00, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_FLUSH, 0, 512, 0, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_FLUSH, 0, 0, 512, false, false), NBD_EINVAL);
}

static void
test_alignment(void **state)
{
	g_limits.block_size = 4096;
	assert_int_equal(check(NBD_CMD_READ, 0, 1, 1, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_WRITE, 0, 512, 4096, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_WRITE, 0, 4096, 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_TRIM, 0, 4096, 4097, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_WRITE_ZEROES, 0, 4095, 4096, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_BLOCK_STATUS, 0, 512, 4096, true, true), NBD_EINVAL);
}

static void
test_flags(void **state)
{
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_NO_HOLE, 0, 512, true, true), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_READ, NBD_CMD_FLAG_REQ_ONE, 0, 512, true, true), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_WRITE, NBD_CMD_FLAG_FAST_ZERO, 0, 512, true, true), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_DF, 0, 512, true, true), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_BLOCK_STATUS, 0, 0, 512, true, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_FLUSH, 1 << 15, 0, 0, true, true), NBD_EINVAL);
	g_limits.flags &= ~NBD_FLAG_SEND_FUA;
	assert_int_equal(check(NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 0, 512, false, false), NBD_EINVAL);
}

static void
test_what_is_not_offered(void **state)
{
	g_limits.flags = NBD_FLAG_HAS_FLAGS;
	assert_int_equal(check(NBD_CMD_FLUSH, 0, 0, 0, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_TRIM, 0, 0, 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_CACHE, 0, 0, 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_CMD_WRITE_ZEROES, 0, 0, 512, false, false), NBD_EINVAL);
	assert_int_equal(check(NBD_NUM_COMMANDS, 0, 0, 512, true, true), NBD_EINVAL);
	assert_int_equal(check(UINT16_MAX, 0, 0, 512, true, true), NBD_EINVAL);
}

static void
test_read_only(void **state)
{
	g_limits.flags |= NBD_FLAG_READ_ONLY;
	assert_int_equal(check(NBD_CMD_READ, 0, 0, 512, false, false), NBD_SUCCESS);
	assert_int_equal(check(NBD_CMD_WRITE, 0, 0, 512, false, false), NBD_EPERM);
	assert_int_equal(check(NBD_CMD_TRIM, 0, 0, 512, false, false), NBD_EPERM);
	assert_int_equal(check(NBD_CMD_WRITE_ZEROES, 0, 0, 512, false, false), NBD_EPERM);
	assert_int_equal(check(NBD_CMD_FLUSH, 0, 0, 0, false, false), NBD_SUCCESS);
}

/* ---- addresses ---- */

static void
test_addresses(void **state)
{
	static const struct {
		const char *given;
		int rc;
		const char *text;
	} cases[] = {
		{"unix:/tmp/s", 0, "unix:/tmp/s"},
		{"unix:", -EINVAL, NULL},
		{"tcp:10809", 0, "tcp:127.0.0.1:10809"},
		{"tcp::10809", 0, "tcp:127.0.0.1:10809"},
		{"tcp:localhost:1", 0, "tcp:127.0.0.1:1"},
		{"tcp:10.0.0.1:65535", 0, "tcp:10.0.0.1:65535"},
		{"tcp:[::1]:2", 0, "tcp:[::1]:2"},
		{"tcp:*:3", 0, "tcp:*:3"},
		{"tcp:0", 0, "tcp:127.0.0.1:0"},
		{"tcp:65536", -EINVAL, NULL},
		{"tcp:-1", -EINVAL, NULL},
		{"tcp: 1", -EINVAL, NULL},
		{"tcp:1x", -EINVAL, NULL},
		{"tcp:99999999999999999999", -EINVAL, NULL},
		{"tcp:", -EINVAL, NULL},
		{"tcp:host.example:1", -EINVAL, NULL},
		{"tcp:::1:1", -EINVAL, NULL},
		{"tcp:[]:1", -EINVAL, NULL},
		{"tcp:[::1:1", -EINVAL, NULL},
		{"10809", -EINVAL, NULL},
		{"", -EINVAL, NULL},
	};
	struct nbd_address address;
	char path[200] = "unix:/";

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		assert_int_equal(nbd_address_parse(cases[i].given, &address), cases[i].rc);
		if (cases[i].rc == 0) {
			assert_string_equal(address.text, cases[i].text);
		}
	}
	memset(path + 6, 'x', sizeof(path) - 7);
	assert_int_equal(nbd_address_parse(path, &address), -ENAMETOOLONG);
	assert_int_equal(nbd_address_parse("unix:relative", &address), 0);
	assert_memory_equal(address.text, "unix:/", 6);
}

static void
test_uris(void **state)
{
	static const struct {
		const char *address, *name, *uri;
	} cases[] = {
		{"unix:/tmp/a b", "disk", "nbd+unix:///disk?socket=/tmp/a%20b"},
		{"unix:/s", "a?b%c&d", "nbd+unix:///a%3Fb%25c%26d?socket=/s"},
		{"unix:/s", "", "nbd+unix:///?socket=/s"},
		{"unix:/s", "\xc3\xbc", "nbd+unix:///%C3%BC?socket=/s"},
		{"tcp:10809", "disk", "nbd://127.0.0.1:10809/disk"},
		{"tcp:[::1]:1", "disk", "nbd://[::1]:1/disk"},
		{"tcp:*:1", "disk", "nbd://localhost:1/disk"},
	};
	char uri[128];

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		int length = bdk_nbd_format_uri(cases[i].address, cases[i].name, uri, sizeof(uri));

		assert_int_equal(length, strlen(cases[i].uri));
		assert_string_equal(uri, cases[i].uri);
		assert_int_equal(bdk_nbd_format_uri(cases[i].address, cases[i].name, uri, length), -ENOSPC);
	}
	assert_int_equal(bdk_nbd_format_uri("nowhere", "disk", uri, sizeof(uri)), -EINVAL);
}

static void
test_strings(void **state)
{
	static const struct {
		const char *string;
		size_t length;
		bool valid;
	} cases[] = {
		{"", 0, true},
		{"plain", 5, true},
		{"a\0b", 3, false},
		{"\xc3\xbc", 2, true},
		{"\xc3", 1, false},
		{"\xe2\x82\xac", 3, true},
		{"\xe2\x82", 2, false},
		{"\xf0\x9f\x98\x80", 4, true},
		{"\xc0\x80", 2, false},
		{"\xe0\x80\x80", 3, false},
		{"\xed\xa0\x80", 3, false},
		{"\xf4\x90\x80\x80", 4, false},
		{"\xf5\x80\x80\x80", 4, false},
		{"\x80", 1, false},
		{"\xff", 1, false},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		assert_int_equal(nbd_string_is_valid(cases[i].string, cases[i].length), cases[i].valid);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good_requests, setup),
		cmocka_unit_test_setup(test_ranges, setup),
		cmocka_unit_test_setup(test_alignment, setup),
		cmocka_unit_test_setup(test_flags, setup),
		cmocka_unit_test_setup(test_what_is_not_offered, setup),
		cmocka_unit_test_setup(test_read_only, setup),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
