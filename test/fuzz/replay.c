/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs a fuzz target on every file of a corpus, and on every beginning and every one-bit change of the small ones, so
 * that the ordinary tests notice when a target breaks: TARGET FOLDER [MUTATIONS]. With MUTATIONS also on so many random
 * changes of each file, the same ones each time.
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

static uint64_t
draw(uint64_t *state, uint64_t limit)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % limit;
}

/* A few bytes become others, as numbers that matter more often than not, near each other more often than not. */
static void
mutate(uint8_t *data, size_t size, uint64_t *state)
{
	static const uint8_t bytes[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
	size_t at = draw(state, size);

	for (uint64_t count = 1 + draw(state, 8); count > 0; count--) {
		switch (draw(state, 4)) {
		case 0:
			data[at] ^= 1 << draw(state, 8);
			break;
		case 1:
			data[at] = draw(state, 256);
			break;
		default:
			data[at] = bytes[draw(state, sizeof(bytes))];
			break;
		}
		at = draw(state, 4) == 0 ? draw(state, size) : (at + draw(state, 9)) % size;
	}
}

static void
run_mutations(const uint8_t *data, size_t size, uint64_t count)
{
	uint64_t state = 1 + size;
	uint8_t *copy = malloc(size);

	FUZZ_CHECK(copy != NULL);
	for (; count > 0; count--) {
		memcpy(copy, data, size);
		mutate(copy, size, &state);
		run_copy(copy, size);
	}
	free(copy);
}

static void
run_file(const char *path, uint64_t mutations)
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
	if (size > 0) {
		run_mutations(data, size, mutations);
	}
	free(data);
}

int
main(int argc, char **argv)
{
	char pattern[4096];
	glob_t files;

	FUZZ_CHECK(argc == 2 || argc == 3);
	snprintf(pattern, sizeof(pattern), "%s/*", argv[1]);
	FUZZ_CHECK(glob(pattern, 0, NULL, &files) == 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		run_file(files.gl_pathv[i], argc == 3 ? strtoull(argv[2], NULL, 10) : 0);
	}
	printf("%zu files\n", files.gl_pathc);
	globfree(&files);
	return 0;
}
