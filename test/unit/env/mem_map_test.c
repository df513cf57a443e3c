/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory maps and registration, with addresses that nothing stands at. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/memory.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define NONE 0xdead
#define AT(n) ((void *)(0x100000000000ULL + (n)*VALUE_2MB))

/* What the owner of a map has heard. */
struct owner {
	int registered;
	int unregistered;
	uint64_t pages;
	/* Refuses the registration that comes when this many have been accepted; -1: none. */
	int refuse_after;
	/* Others' registrations (the heap's) are not counted. */
};

static bool
is_ours(const void *vaddr)
{
	return vaddr >= AT(0) && vaddr < AT(100000);
}

static int
notify_cb(void *cb_ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr, size_t size)
{
	struct owner *owner = cb_ctx;

	if (!is_ours(vaddr)) {
		return 0;
	}
	if (action == SPDK_MEM_MAP_NOTIFY_UNREGISTER) {
		owner->unregistered++;
		owner->pages -= size / VALUE_2MB;
		return spdk_mem_map_clear_translation(map, (uintptr_t)vaddr, size);
	}
	if (owner->registered == owner->refuse_after) {
		return -EPERM;
	}
	owner->registered++;
	owner->pages += size / VALUE_2MB;
	for (uint64_t pos = 0; pos < size; pos += VALUE_2MB) {
		spdk_mem_map_set_translation(map, (uintptr_t)vaddr + pos, VALUE_2MB, (uintptr_t)vaddr + pos);
	}
	return 0;
}

static int
contiguous_cb(uint64_t addr_1, uint64_t addr_2)
{
	return addr_1 != NONE && addr_1 + VALUE_2MB == addr_2;
}

static const struct spdk_mem_map_ops g_ops = {.notify_cb = notify_cb, .are_contiguous = contiguous_cb};

static void
translations(void **state)
{
	struct spdk_mem_map *map = spdk_mem_map_alloc(NONE, NULL, NULL);
	uint64_t size = 1;

	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(0), NULL), NONE);
	assert_int_equal(spdk_mem_map_set_translation(map, (uintptr_t)AT(1), 2 * VALUE_2MB, 77), 0);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(0), NULL), NONE);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(1), NULL), 77);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(2) + 5, &size), 77);
	assert_int_equal(size, 1);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(3), NULL), NONE);
	/* Without a function to tell, each 2 MiB stand alone. */
	size = 100 * VALUE_2MB;
	spdk_mem_map_translate(map, (uintptr_t)AT(1) + 10, &size);
	assert_int_equal(size, VALUE_2MB - 10);
	assert_int_equal(spdk_mem_map_clear_translation(map, (uintptr_t)AT(2), VALUE_2MB), 0);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(2), NULL), NONE);

	assert_int_equal(spdk_mem_map_set_translation(map, (uintptr_t)AT(1) + 1, VALUE_2MB, 1), -EINVAL);
	assert_int_equal(spdk_mem_map_set_translation(map, (uintptr_t)AT(1), 4096, 1), -EINVAL);
	assert_int_equal(spdk_mem_map_set_translation(map, 1ULL << 47, VALUE_2MB, 1), -EINVAL);
	assert_int_equal(spdk_mem_map_set_translation(map, 0, UINT64_MAX & ~MASK_2MB, 1), -EINVAL);
	assert_int_equal(spdk_mem_map_translate(map, 1ULL << 47, NULL), NONE);
	assert_int_equal(spdk_mem_map_translate(map, UINT64_MAX, NULL), NONE);
	/* The last 2 MiB there are. */
	assert_int_equal(spdk_mem_map_set_translation(map, (1ULL << 47) - VALUE_2MB, VALUE_2MB, 5), 0);
	size = 4 * VALUE_2MB;
	assert_int_equal(spdk_mem_map_translate(map, (1ULL << 47) - VALUE_2MB, &size), 5);
	spdk_mem_map_free(&map);
	assert_null(map);
	spdk_mem_map_free(&map);
	spdk_mem_map_free(NULL);
}

static void
registration_is_told(void **state)
{
	struct owner early = {.refuse_after = -1}, late = {.refuse_after = -1};
	struct spdk_mem_map *map = spdk_mem_map_alloc(NONE, &g_ops, &early), *late_map;
	uint64_t size;

	assert_int_equal(spdk_mem_register(AT(600), 3 * VALUE_2MB), 0);
	assert_int_equal(spdk_mem_register(AT(603), 1 * VALUE_2MB), 0);
	assert_int_equal(early.registered, 2);
	late_map = spdk_mem_map_alloc(NONE, &g_ops, &late);
	assert_int_equal(late.registered, 2);
	assert_int_equal(late.pages, 4);

	size = UINT64_MAX;
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(600) + 4096, &size), (uintptr_t)AT(600));
	assert_int_equal(size, 4 * VALUE_2MB - 4096);

	assert_int_equal(spdk_mem_register(AT(602), VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_register(AT(599), 2 * VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_register(AT(590), 100 * VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_register(AT(601), VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_register((char *)AT(700) + 1, VALUE_2MB), -EINVAL);
	assert_int_equal(spdk_mem_register(AT(700), VALUE_2MB - 1), -EINVAL);
	assert_int_equal(spdk_mem_register(AT(700), 0), 0);
	assert_int_equal(early.registered, 2);

	assert_int_equal(spdk_mem_unregister(AT(600), VALUE_2MB), -ERANGE);
	assert_int_equal(spdk_mem_unregister(AT(601), 2 * VALUE_2MB), -ERANGE);
	assert_int_equal(spdk_mem_unregister(AT(599), 4 * VALUE_2MB), -EINVAL);
	assert_int_equal(spdk_mem_unregister(AT(600), 5 * VALUE_2MB), -EINVAL);
	assert_int_equal(spdk_mem_unregister(AT(800), VALUE_2MB), -EINVAL);
	assert_int_equal(spdk_mem_unregister(AT(600), 0), 0);
	assert_int_equal(early.unregistered, 0);
	/* Several at once, if they are whole. */
	assert_int_equal(spdk_mem_unregister(AT(600), 4 * VALUE_2MB), 0);
	assert_int_equal(early.unregistered, 2);
	assert_int_equal(early.pages, 0);
	assert_int_equal(spdk_mem_map_translate(map, (uintptr_t)AT(600), NULL), NONE);

	assert_int_equal(spdk_mem_register(AT(600), VALUE_2MB), 0);
	spdk_mem_map_free(&late_map);
	assert_int_equal(late.unregistered, 3);
	assert_int_equal(late.pages, 0);
	assert_int_equal(spdk_mem_unregister(AT(600), VALUE_2MB), 0);
	assert_int_equal(late.unregistered, 3);
	spdk_mem_map_free(&map);
}

static void
refusal_undoes(void **state)
{
	struct owner first = {.refuse_after = -1}, second = {.refuse_after = 1};
	struct spdk_mem_map *map = spdk_mem_map_alloc(NONE, &g_ops, &first);
	struct spdk_mem_map *second_map = spdk_mem_map_alloc(NONE, &g_ops, &second);

	assert_int_equal(spdk_mem_register(AT(1), VALUE_2MB), 0);
	assert_int_equal(spdk_mem_register(AT(5), VALUE_2MB), -EPERM);
	assert_int_equal(first.registered, 2);
	assert_int_equal(first.unregistered, 1);
	assert_int_equal(second.unregistered, 0);
	assert_int_equal(spdk_mem_unregister(AT(5), VALUE_2MB), -EINVAL);
	second.refuse_after = -1;
	assert_int_equal(spdk_mem_register(AT(5), VALUE_2MB), 0);
	spdk_mem_map_free(&second_map);

	/* A new map whose owner refuses the second region does not come to be. */
	second = (struct owner){.refuse_after = 1};
	assert_null(spdk_mem_map_alloc(NONE, &g_ops, &second));
	assert_int_equal(second.registered, 1);
	assert_int_equal(second.unregistered, 1);
	assert_int_equal(spdk_mem_unregister(AT(1), VALUE_2MB), 0);
	assert_int_equal(spdk_mem_unregister(AT(5), VALUE_2MB), 0);
	spdk_mem_map_free(&map);
}

static void
reservation(void **state)
{
	struct spdk_mem_map *map = spdk_mem_map_alloc(NONE, NULL, NULL);

	assert_int_equal(spdk_mem_reserve(AT(0), 3 * VALUE_2MB), 0);
	assert_int_equal(spdk_mem_reserve(AT(0), 0), 0);
	assert_int_equal(spdk_mem_reserve((char *)AT(0) + 4096, VALUE_2MB), -EINVAL);
	assert_int_equal(spdk_mem_register(AT(0), VALUE_2MB), 0);
	assert_int_equal(spdk_mem_reserve(AT(0), 3 * VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_unregister(AT(0), VALUE_2MB), 0);
	spdk_mem_map_free(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(translations),
		cmocka_unit_test(registration_is_told),
		cmocka_unit_test(refusal_undoes),
		cmocka_unit_test(reservation),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
