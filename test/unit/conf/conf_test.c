/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/conf.h"

static char g_path[64];

/* Reads text as a file. */
static int
read_text(struct spdk_conf *conf, const char *text)
{
	int fd, rc;

	snprintf(g_path, sizeof(g_path), "/tmp/bdevkit-conf-XXXXXX");
	fd = mkstemp(g_path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	rc = spdk_conf_read(conf, g_path);
	unlink(g_path);
	return rc;
}

static struct spdk_conf *
conf_of(const char *text)
{
	struct spdk_conf *conf = spdk_conf_allocate();

	assert_non_null(conf);
	assert_int_equal(read_text(conf, text), 0);
	return conf;
}

/* A configuration as programs for load write theirs. */
static void
reads_jobs(void **state)
{
	struct spdk_conf *conf = spdk_conf_allocate();
	struct spdk_conf_section *section;

	spdk_conf_disable_sections_merge(conf);
	assert_int_equal(read_text(conf,
				 "[global]\n"
				 "filename=Malloc0:Malloc1\n"
				 "bs=1024\n"
				 "\n"
				 "[job]\n"
				 "rw = randwrite\n"
				 "[job]\n"
				 "rw=read\n"
				 "iodepth = 64 # many\n"),
		0);
	section = spdk_conf_first_section(conf);
	assert_string_equal(spdk_conf_section_get_name(section), "global");
	assert_string_equal(spdk_conf_section_get_val(section, "filename"), "Malloc0:Malloc1");
	assert_int_equal(spdk_conf_section_get_intval(section, "bs"), 1024);
	assert_int_equal(spdk_conf_section_get_intval(section, "iodepth"), -1);
	section = spdk_conf_next_section(section);
	assert_string_equal(spdk_conf_section_get_val(section, "rw"), "randwrite");
	section = spdk_conf_next_section(section);
	assert_string_equal(spdk_conf_section_get_name(section), "job");
	assert_string_equal(spdk_conf_section_get_val(section, "rw"), "read");
	assert_int_equal(spdk_conf_section_get_intval(section, "iodepth"), 64);
	assert_null(spdk_conf_next_section(section));
	spdk_conf_free(conf);
}

static void
merges_sections_of_one_name(void **state)
{
	struct spdk_conf *conf = conf_of("[A]\nx 1\n[B]\n[a]\nx 2\n");
	struct spdk_conf_section *section = spdk_conf_first_section(conf);

	assert_string_equal(spdk_conf_section_get_nval(section, "X", 0), "1");
	assert_string_equal(spdk_conf_section_get_nval(section, "x", 1), "2");
	assert_null(spdk_conf_section_get_nval(section, "x", 2));
	assert_null(spdk_conf_section_get_nval(section, "x", -1));
	section = spdk_conf_next_section(section);
	assert_string_equal(spdk_conf_section_get_name(section), "B");
	assert_null(spdk_conf_next_section(section));
	spdk_conf_free(conf);
}

static void
splits_lines_into_values(void **state)
{
	struct spdk_conf *conf =
		conf_of("# comment\n"
			"[Section12b34] # comment\n"
			"  key\tone  \"two words\" 'single # quoted' a\\ b \\\"c\\\" pre\"fix\"ed \"\"\n"
			"\tempty\r\n"
			"long first \\\n"
			"  second \\\n"
			"third\n"
			"end \\\\\n"
			"eq==1=2\n"
			"last value");
	struct spdk_conf_section *section = spdk_conf_find_section(conf, "section12B34");
	static const char *const values[] = {
		"one", "two words", "single # quoted", "a b", "\"c\"", "prefixed", "", NULL};
	int i;

	assert_int_equal(spdk_conf_section_get_num(section), 12);
	for (i = 0; values[i] != NULL; i++) {
		assert_string_equal(spdk_conf_section_get_nmval(section, "key", 0, i), values[i]);
	}
	assert_null(spdk_conf_section_get_nmval(section, "key", 0, i));
	assert_null(spdk_conf_section_get_nmval(section, "key", 0, -1));
	assert_null(spdk_conf_section_get_nmval(section, "key", 1, 0));
	assert_null(spdk_conf_section_get_val(section, "empty"));
	assert_null(spdk_conf_section_get_val(section, "#"));
	assert_string_equal(spdk_conf_section_get_nmval(section, "long", 0, 0), "first");
	assert_string_equal(spdk_conf_section_get_nmval(section, "long", 0, 1), "second");
	assert_string_equal(spdk_conf_section_get_nmval(section, "long", 0, 2), "third");
	assert_string_equal(spdk_conf_section_get_val(section, "end"), "\\");
	assert_string_equal(spdk_conf_section_get_nmval(section, "eq", 0, 0), "1");
	assert_string_equal(spdk_conf_section_get_nmval(section, "eq", 0, 1), "2");
	assert_string_equal(spdk_conf_section_get_val(section, "last"), "value");
	spdk_conf_free(conf);
}

static void
answers_questions(void **state)
{
	struct spdk_conf *conf = conf_of("[Plain]\n"
					 "a Yes\nb y\nc TRUE\nd no\ne N\nf False\ng maybe\nh\n"
					 "i 010\nj -5\nk 12x\nl 99999999999\nm 0x10\n"
					 "[Number99999999999]\n");
	struct spdk_conf_section *section = spdk_conf_first_section(conf);

	assert_int_equal(spdk_conf_section_get_num(section), 0);
	assert_true(spdk_conf_section_match_prefix(section, "plA"));
	assert_true(spdk_conf_section_match_prefix(section, ""));
	assert_false(spdk_conf_section_match_prefix(section, "plainer"));

	assert_true(spdk_conf_section_get_boolval(section, "a", false));
	assert_true(spdk_conf_section_get_boolval(section, "b", false));
	assert_true(spdk_conf_section_get_boolval(section, "c", false));
	assert_false(spdk_conf_section_get_boolval(section, "d", true));
	assert_false(spdk_conf_section_get_boolval(section, "e", true));
	assert_false(spdk_conf_section_get_boolval(section, "f", true));
	assert_true(spdk_conf_section_get_boolval(section, "g", true));
	assert_false(spdk_conf_section_get_boolval(section, "g", false));
	assert_true(spdk_conf_section_get_boolval(section, "h", true));
	assert_true(spdk_conf_section_get_boolval(section, "none", true));

	assert_int_equal(spdk_conf_section_get_intval(section, "i"), 10);
	assert_int_equal(spdk_conf_section_get_intval(section, "j"), -5);
	assert_int_equal(spdk_conf_section_get_intval(section, "k"), -1);
	assert_int_equal(spdk_conf_section_get_intval(section, "l"), -1);
	assert_int_equal(spdk_conf_section_get_intval(section, "m"), -1);
	assert_int_equal(spdk_conf_section_get_intval(section, "h"), -1);
	assert_int_equal(spdk_conf_section_get_num(spdk_conf_next_section(section)), INT_MAX);
	spdk_conf_free(conf);
}

static void
refuses_what_is_malformed(void **state)
{
	static const char *const texts[] = {"key value\n", "[A\n", "[]\n", "[A] x\n", "[A]\n\"\" x\n", "[A]\n= x\n",
		"[A]\nkey \"not closed\n", "[A]\n'key\n"};
	struct spdk_conf *conf;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		conf = spdk_conf_allocate();
		if (read_text(conf, texts[i]) != -EINVAL) {
			/* "= x" is a key without values. */
			assert_string_equal(texts[i], "[A]\n= x\n");
			assert_null(spdk_conf_section_get_val(spdk_conf_first_section(conf), "x"));
		}
		spdk_conf_free(conf);
	}
}

static void
keeps_what_came_before_a_fault(void **state)
{
	struct spdk_conf *conf = spdk_conf_allocate();

	assert_int_equal(read_text(conf, "[A]\nkey value\n[B\n[C]\n"), -EINVAL);
	assert_string_equal(spdk_conf_section_get_val(spdk_conf_find_section(conf, "A"), "key"), "value");
	assert_null(spdk_conf_find_section(conf, "C"));
	/* A second file does not go on in the section of the first. */
	assert_int_equal(read_text(conf, "key value\n"), -EINVAL);
	assert_int_equal(read_text(conf, "[A]\nkey more\n"), 0);
	assert_string_equal(spdk_conf_section_get_nval(spdk_conf_find_section(conf, "A"), "key", 1), "more");
	spdk_conf_free(conf);
}

static void
says_why_a_file_cannot_be_read(void **state)
{
	struct spdk_conf *conf = spdk_conf_allocate();

	assert_int_equal(spdk_conf_read(conf, "/nonexistent/file"), -ENOENT);
	assert_int_equal(spdk_conf_read(conf, "/tmp"), -EIO);
	assert_int_equal(spdk_conf_read(conf, ""), -EINVAL);
	assert_int_equal(spdk_conf_read(conf, NULL), -EINVAL);
	assert_int_equal(spdk_conf_read(NULL, "/dev/null"), -EINVAL);
	assert_int_equal(spdk_conf_read(conf, "/dev/null"), 0);
	assert_null(spdk_conf_first_section(conf));
	spdk_conf_free(conf);
	spdk_conf_free(NULL);
}

static void
has_a_default(void **state)
{
	struct spdk_conf *conf = conf_of("[A]\n");

	assert_null(spdk_conf_first_section(NULL));
	assert_null(spdk_conf_find_section(NULL, "A"));
	spdk_conf_set_as_default(conf);
	assert_non_null(spdk_conf_find_section(NULL, "A"));
	assert_null(spdk_conf_find_section(NULL, NULL));
	spdk_conf_free(conf);
	assert_null(spdk_conf_first_section(NULL));
	assert_null(spdk_conf_next_section(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_jobs),
		cmocka_unit_test(merges_sections_of_one_name),
		cmocka_unit_test(splits_lines_into_values),
		cmocka_unit_test(answers_questions),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(keeps_what_came_before_a_fault),
		cmocka_unit_test(says_why_a_file_cannot_be_read),
		cmocka_unit_test(has_a_default),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
