/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the word that names a module to a file, and what is said of words and files that are none. What happens to files that
 * are modules is tested by test/system/test_module_files.py, what to files of any contents by test/fuzz/fuzz_stamp.c.
 */

#include "lib/loader/loader_internal.h"

#include "bdevkit/module.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

static char g_folder[] = "/tmp/bdevkit-search-XXXXXX";
static const char *const g_files[] = {"one.so", "bdev_two.so", "vbdev_three.so", "four", "bdev_one.so", "fi:ve.so"};

static char *
path_of(const char *name)
{
	char *path = spdk_sprintf_alloc("%s/%s", g_folder, name);

	assert_non_null(path);
	return path;
}

static int
make_files(void **state)
{
	assert_non_null(mkdtemp(g_folder));
	for (size_t i = 0; i < SPDK_COUNTOF(g_files); i++) {
		char *path = path_of(g_files[i]);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);

		assert_true(fd >= 0);
		close(fd);
		free(path);
	}
	return chdir(g_folder);
}

static int
remove_files(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_files); i++) {
		char *path = path_of(g_files[i]);

		unlink(path);
		free(path);
	}
	unsetenv(BDK_MODULE_PATH_VARIABLE);
	return chdir("/") != 0 || rmdir(g_folder) != 0;
}

/* file NULL: none is found, and the error says something. */
static void
expect(const char *word, const char *file)
{
	char *error, *found = loader_search(word, &error);

	if (file == NULL) {
		assert_null(found);
		assert_non_null(error);
		assert_true(strlen(error) > 0);
	} else {
		char *path = path_of(file);

		assert_null(error);
		assert_non_null(found);
		assert_string_equal(found, path);
		free(path);
	}
	free(error);
	free(found);
}

static void
a_name_is_looked_for_in_each_form(void **state)
{
	assert_int_equal(setenv(BDK_MODULE_PATH_VARIABLE, g_folder, 1), 0);
	expect("one", "one.so");
	expect("bdev_one", "bdev_one.so");
	expect("two", "bdev_two.so");
	expect("three", "vbdev_three.so");
	expect("four", "four");
	expect("five", NULL);
	expect("fi:ve", "fi:ve.so");
}

static void
the_path_may_hold_anything(void **state)
{
	static const char *const around[][2] = {{"", ""}, {":", ""}, {"", ":"}, {"/nowhere:", ":/nowhere"},
		{"::", "::"}, {"/dev/null:", ""}, {"\xff\n%s:", ":%n"}};
	char *value, *error;

	for (size_t i = 0; i < SPDK_COUNTOF(around); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s%s%s", around[i][0], g_folder, around[i][1]);
		assert_int_equal(setenv(BDK_MODULE_PATH_VARIABLE, text, 1), 0);
		expect("two", "bdev_two.so");
	}
	/* Nothing is looked for in the root, or in the working directory. */
	assert_int_equal(setenv(BDK_MODULE_PATH_VARIABLE, ":", 1), 0);
	expect("two", NULL);
	unsetenv(BDK_MODULE_PATH_VARIABLE);
	expect("two", NULL);

	value = calloc(1, 100000);
	assert_non_null(value);
	memset(value, 'x', 99999);
	assert_int_equal(setenv(BDK_MODULE_PATH_VARIABLE, value, 1), 0);
	assert_null(loader_search("two", &error));
	free(error);
	assert_null(loader_search(value, &error));
	free(error);
	free(value);
}

static void
a_file_is_named_by_its_path(void **state)
{
	char *path = path_of("bdev_two.so");

	unsetenv(BDK_MODULE_PATH_VARIABLE);
	expect(path, "bdev_two.so");
	expect("./bdev_two.so", "bdev_two.so");
	expect("bdev_two.so", "bdev_two.so");
	expect("./.././../tmp/nowhere.so", NULL);
	/* Without a suffix it is a name, also where there is such a file. */
	expect("four", NULL);
	expect("./four", "four");
	free(path);
}

static void
words_that_name_nothing(void **state)
{
	static const char *const words[] = {
		"", "/", ".", "..", "../x", ".so", "%s%n", "a\nb", "\xff\xfe", "no/such.so"};

	assert_int_equal(setenv(BDK_MODULE_PATH_VARIABLE, "/nowhere", 1), 0);
	for (size_t i = 0; i < SPDK_COUNTOF(words); i++) {
		char *error, *found = loader_search(words[i], &error);

		/* A folder is found and is no module. */
		if (found != NULL) {
			assert_null(error);
			assert_int_not_equal(loader_stamp_check(found, &error), 0);
		}
		assert_non_null(error);
		free(error);
		free(found);
	}
}

static void
files_that_are_none(void **state)
{
	char *error;

	assert_int_equal(loader_stamp_check("/nowhere/x.so", &error), -ENOENT);
	assert_non_null(strstr(error, "No such file"));
	free(error);
	assert_int_equal(loader_stamp_check("one.so", &error), -ENOEXEC);
	assert_non_null(strstr(error, "no shared object"));
	free(error);
	/* An end, and no end. */
	assert_int_not_equal(loader_stamp_check("/dev/null", &error), 0);
	assert_non_null(error);
	free(error);
	assert_int_not_equal(loader_stamp_check("/dev/zero", &error), 0);
	assert_non_null(error);
	free(error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_looked_for_in_each_form),
		cmocka_unit_test(the_path_may_hold_anything),
		cmocka_unit_test(a_file_is_named_by_its_path),
		cmocka_unit_test(words_that_name_nothing),
		cmocka_unit_test(files_that_are_none),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
