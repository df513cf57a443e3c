/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory for keys: what it is, who it belongs to, and that nothing stays in it. */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "lib/env/env_internal.h"
#include "spdk/util.h"

#define MAX_SIZE (65536 - 16)

static bool
is_filled_with(const char *bytes, size_t size, char with)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != with) {
			return false;
		}
	}
	return true;
}

static void
pieces_are_zeroes_and_apart(void **state)
{
	static const size_t sizes[] = {0, 1, 16, 48, 49, 64, 1000, 4096, 5000, 65000, MAX_SIZE};
	char *pieces[SPDK_COUNTOF(sizes)];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < SPDK_COUNTOF(sizes); i++) {
			pieces[i] = env_secret_alloc(sizes[i]);
			assert_non_null(pieces[i]);
			assert_int_equal((uintptr_t)pieces[i] % 16, 0);
			assert_true(is_filled_with(pieces[i], sizes[i], 0));
			memset(pieces[i], (int)i + 1, sizes[i]);
		}
		for (size_t i = 0; i < SPDK_COUNTOF(sizes); i++) {
			assert_true(is_filled_with(pieces[i], sizes[i], (char)(i + 1)));
			env_secret_free(pieces[i]);
			/* It is kept for the next one, and holds nothing any more. */
			assert_true(is_filled_with(pieces[i], sizes[i], 0));
		}
	}
	assert_null(env_secret_alloc(MAX_SIZE + 1));
	assert_null(env_secret_alloc(SIZE_MAX));
	env_secret_free(NULL);
}

static void
pieces_grow(void **state)
{
	char *piece = env_secret_realloc(NULL, 10), *old = piece;

	assert_non_null(piece);
	memset(piece, 7, 10);
	/* There is room. */
	assert_ptr_equal(env_secret_realloc(piece, 48), piece);
	piece = env_secret_realloc(piece, 1000);
	assert_non_null(piece);
	assert_true(is_filled_with(piece, 10, 7));
	assert_true(is_filled_with(piece + 10, 990, 0));
	assert_true(is_filled_with(old, 48, 0));
	assert_null(env_secret_realloc(piece, MAX_SIZE + 1));
	assert_true(is_filled_with(piece, 10, 7));
	env_secret_free(piece);
}

static void
owner_is_known(void **state)
{
	char *piece = env_secret_alloc(100), *other = malloc(100);

	assert_true(env_secret_owns(piece));
	assert_true(env_secret_owns(piece + 99));
	assert_false(env_secret_owns(other));
	assert_false(env_secret_owns(&piece));
	assert_false(env_secret_owns(NULL));
	free(other);
	env_secret_free(piece);
}

/* What the kernel says of the mapping that holds an address. */
static bool
is_left_out_of_core_dumps(const void *address)
{
	unsigned long start, end;
	char line[512];
	bool inside = false, found = false;
	FILE *file = fopen("/proc/self/smaps", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		} else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
			found = strstr(line, " dd") != NULL;
			break;
		}
	}
	fclose(file);
	return found;
}

static void
core_dumps_leave_it_out(void **state)
{
	char *piece = env_secret_alloc(5000), *other = malloc(100);

	assert_true(is_left_out_of_core_dumps(piece));
	assert_true(is_left_out_of_core_dumps(piece + 4999));
	assert_false(is_left_out_of_core_dumps(other));
	free(other);
	env_secret_free(piece);
}

/* All of the address space, and all of it again when it is back. */
static void
it_ends(void **state)
{
	static char *pieces[8192];
	size_t count = 0, again = 0;

	while (count < SPDK_COUNTOF(pieces) && (pieces[count] = env_secret_alloc(MAX_SIZE)) != NULL) {
		count++;
	}
	assert_in_range(count, 4000, 4096);
	for (size_t i = 0; i < count; i++) {
		env_secret_free(pieces[i]);
	}
	while (again < count && (pieces[again] = env_secret_alloc(MAX_SIZE)) != NULL) {
		again++;
	}
	assert_int_equal(again, count);
	assert_null(env_secret_alloc(MAX_SIZE));
	for (size_t i = 0; i < count; i++) {
		env_secret_free(pieces[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroes_and_apart),
		cmocka_unit_test(pieces_grow),
		cmocka_unit_test(owner_is_known),
		cmocka_unit_test(core_dumps_leave_it_out),
		cmocka_unit_test(it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
