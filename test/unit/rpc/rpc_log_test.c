/* SPDX-License-Identifier: BSD-3-Clause */

/* The log of requests and responses: one line each, and no keys or passwords in it. */

#include "spdk/stdinc.h"
#include "lib/rpc/jsonrpc_internal.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

static char *g_text;
static size_t g_size;
static FILE *g_file;

static int
setup(void **state)
{
	g_file = open_memstream(&g_text, &g_size);
	spdk_jsonrpc_set_log_file(g_file);
	jsonrpc_log_hide("key");
	jsonrpc_log_hide("key2");
	jsonrpc_log_hide("key");
	return 0;
}

static int
teardown(void **state)
{
	spdk_jsonrpc_set_log_file(NULL);
	fclose(g_file);
	free(g_text);
	return 0;
}

static const char *
logged(const char *text)
{
	static char line[1000];

	rewind(g_file);
	jsonrpc_log("request", text, strlen(text));
	snprintf(line, sizeof(line), "%.*s", (int)ftell(g_file), g_text);
	return line;
}

static void
secrets_are_masked(void **state)
{
	static const char *const pairs[][2] = {
		{"{\"key\":\"secret\"}", "{\"key\":\"******\"}"},
		{"{\"key\" \t:  \"secret\",\"key2\":\"x\"}", "{\"key\" \t:  \"******\",\"key2\":\"*\"}"},
		{"{\"key\"\n:\r\n\"secret\"}", "{\"key\" :  \"******\"}"},
		{"{\"key\":\"a\\\"b\\\\\",\"name\":\"n\"}", "{\"key\":\"******\",\"name\":\"n\"}"},
		{"{\"key\":\"\"}", "{\"key\":\"\"}"},
		{"[{\"key\":\"one\"},{\"key\":\"two\"}]", "[{\"key\":\"***\"},{\"key\":\"***\"}]"},
		/* The same name, spelt otherwise. */
		{"{\"\\u006bey\":\"secret\"}", "{\"\\u006bey\":\"******\"}"},
		{"{\"k\\u0065\\u0079\":\"secret\"}", "{\"k\\u0065\\u0079\":\"******\"}"},
		{"{\"ke\\u0079\\u0032\":\"secret\"}", "{\"ke\\u0079\\u0032\":\"******\"}"},
		/* Where a string should be. */
		{"{\"key\":123456,\"name\":1}", "{\"key\":******,\"name\":1}"},
		{"{\"key\":[\"one\",{\"a\":\"two\"}],\"b\":\"c\"}", "{\"key\":[\"***\",{\"*\":\"***\"}],\"b\":\"c\"}"},
	};
	char expected[1000];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(pairs); i++) {
		snprintf(expected, sizeof(expected), "request: %s\n", pairs[i][1]);
		assert_string_equal(logged(pairs[i][0]), expected);
	}
}

static void
the_rest_is_not(void **state)
{
	static const char *const texts[] = {
		"{\"name\":\"key\",\"cipher\":\"AES_XTS\"}",
		"{\"key_name\":\"mine\",\"keys\":\"some\",\"ke\":\"y\",\"akey\":\"b\"}",
		"{\"name\":\"a \\\"key\\\": \\\"b\\\"\"}",
		"[\"key\",\"key2\"]",
		"{\"\\u016bey\":\"a\",\"k\\ney\":\"b\"}",
		"{\"a\":\"\\\\\",\"b\":\"c\"}",
	};
	char expected[1000];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(texts); i++) {
		snprintf(expected, sizeof(expected), "request: %s\n", texts[i]);
		assert_string_equal(logged(texts[i]), expected);
	}
}

/* Of what is not whole, too, nothing outside is touched and nothing of the secret shown. */
static void
what_is_cut_off(void **state)
{
	static const char text[] = "{\"\\u006bey\" : [\"sec\\\\ret\\\"\", 12], \"key2\":\"secret\"}";
	size_t len;

	for (len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + 1);

		memcpy(copy, text, len);
		copy[len] = '\0';
		assert_null(strstr(logged(copy), "sec"));
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(the_rest_is_not),
		cmocka_unit_test(what_is_cut_off),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
