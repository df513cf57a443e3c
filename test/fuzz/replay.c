/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs a fuzz target on every file of a corpus, and on every beginning and every one-bit change of the small ones, so
 * that the ordinary tests notice when a target breaks: TARGET FOLDER.
 */

#include "test/fuzz/fuzz.h"

#define SMALL 400
#define MAX_SIZE (4 * 1024 * 1024)

static void
run_copy(const uint8_t *data, size_t size)
{
	/* Of exactly that size, so that ASan sees any step beyond it. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	FUZZ_CHECK(copy != NULL);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
run_variants(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		run_copy(data, i);
		for (int bit = 0; bit < 8; bit++) {
			data[i] ^= 1 << bit;
			run_copy(data, size);
			data[i] ^= 1 << bit;
		}
	}
}

static void
run_file(const char *path)
{
	uint8_t *data = malloc(MAX_SIZE);
	FILE *file = fopen(path, "rb");
	size_t size;

	FUZZ_CHECK(data != NULL && file != NULL);
	size = fread(data, 1, MAX_SIZE, file);
	fclose(file);
	run_copy(data, size);
	if (size <= SMALL) {
		run_variants(data, size);
	}
	free(data);
}

int
main(int argc, char **argv)
{
	char pattern[4096];
	glob_t files;

	FUZZ_CHECK(argc == 2);
	snprintf(pattern, sizeof(pattern), "%s/*", argv[1]);
	FUZZ_CHECK(glob(pattern, 0, NULL, &files) == 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		run_file(files.gl_pathv[i]);
	}
	printf("%zu files\n", files.gl_pathc);
	globfree(&files);
	return 0;
}
