/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

static struct spdk_mempool *
create_pool(size_t count, size_t size)
{
	struct spdk_mempool *mp =
		spdk_mempool_create("pool", count, size, SPDK_MEMPOOL_DEFAULT_CACHE_SIZE, SPDK_ENV_NUMA_ID_ANY);

	assert_non_null(mp);
	return mp;
}

static void
gives_every_element_once(void **state)
{
	struct spdk_mempool *mp = create_pool(100, 24);
	void *elements[101];

	for (int round = 0; round < 3; round++) {
		assert_int_equal(spdk_mempool_count(mp), 100);
		for (int i = 0; i < 100; i++) {
			elements[i] = spdk_mempool_get(mp);
			assert_non_null(elements[i]);
			assert_int_equal((uintptr_t)elements[i] % 64, 0);
			memset(elements[i], i, 24);
			assert_int_equal(spdk_mempool_count(mp), 100 - i - 1);
		}
		assert_null(spdk_mempool_get(mp));
		for (int i = 0; i < 100; i++) {
			for (int j = 0; j < 24; j++) {
				assert_int_equal(((uint8_t *)elements[i])[j], i);
			}
			spdk_mempool_put(mp, elements[i]);
		}
	}
	spdk_mempool_free(mp);
}

static void
bulk_is_all_or_nothing(void **state)
{
	struct spdk_mempool *mp = create_pool(10, 64);
	void *a[10], *b[10];

	assert_int_equal(spdk_mempool_get_bulk(mp, a, 0), 0);
	assert_int_equal(spdk_mempool_get_bulk(mp, a, 7), 0);
	assert_int_equal(spdk_mempool_get_bulk(mp, b, 4), -ENOENT);
	assert_int_equal(spdk_mempool_count(mp), 3);
	spdk_mempool_put_bulk(mp, a, 2);
	assert_int_equal(spdk_mempool_count(mp), 5);
	/* Two that came back and three that were never out. */
	assert_int_equal(spdk_mempool_get_bulk(mp, b, 6), -ENOENT);
	assert_int_equal(spdk_mempool_count(mp), 5);
	assert_int_equal(spdk_mempool_get_bulk(mp, b, 5), 0);
	assert_int_equal(spdk_mempool_count(mp), 0);
	spdk_mempool_put_bulk(mp, b, 5);
	spdk_mempool_put_bulk(mp, a + 2, 5);
	spdk_mempool_put_bulk(mp, a, 0);
	assert_int_equal(spdk_mempool_count(mp), 10);
	assert_int_equal(spdk_mempool_get_bulk(mp, a, 10), 0);
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < i; j++) {
			assert_ptr_not_equal(a[i], a[j]);
		}
	}
	spdk_mempool_put_bulk(mp, a, 10);
	spdk_mempool_free(mp);
}

/* Pages of a stretch of memory that are in memory. */
static size_t
count_resident(void *start, size_t len)
{
	size_t pages = SPDK_CEIL_DIV(len, 4096), count = 0;
	unsigned char *present = malloc(pages);

	assert_int_equal(mincore((void *)SPDK_ALIGN_FLOOR((uintptr_t)start, 4096), len, present), 0);
	for (size_t i = 0; i < pages; i++) {
		count += present[i] & 1;
	}
	free(present);
	return count;
}

struct stretch {
	void *start;
	size_t len;
};

static void
note_memory_cb(struct spdk_mempool *mp, void *opaque, void *addr, uint64_t iova, size_t len, unsigned int mem_idx)
{
	struct stretch *stretch = opaque;

	assert_int_equal(mem_idx, 0);
	stretch->start = addr;
	stretch->len = len;
}

static void
memory_comes_when_used(void **state)
{
	struct spdk_mempool *mp = create_pool(20000, 4096);
	struct stretch stretch;
	void *elements[8];

	assert_int_equal(spdk_mempool_mem_iter(mp, note_memory_cb, &stretch), 1);
	assert_int_equal(stretch.len, 20000UL * 4096);
	assert_int_equal(count_resident(stretch.start, stretch.len), 0);
	for (int round = 0; round < 1000; round++) {
		assert_int_equal(spdk_mempool_get_bulk(mp, elements, 8), 0);
		for (int i = 0; i < 8; i++) {
			memset(elements[i], round, 4096);
		}
		spdk_mempool_put_bulk(mp, elements, 8);
	}
	/* The same eight again and again. */
	assert_true(count_resident(stretch.start, stretch.len) <= 8);
	spdk_mempool_free(mp);
}

static void
init_object_cb(struct spdk_mempool *mp, void *opaque, void *obj, unsigned int obj_idx)
{
	*(uint64_t *)obj = obj_idx + *(uint64_t *)opaque;
}

static void
sum_object_cb(struct spdk_mempool *mp, void *opaque, void *obj, unsigned int obj_idx)
{
	*(uint64_t *)opaque += *(uint64_t *)obj;
}

static void
objects_are_visited(void **state)
{
	uint64_t base = 1000, sum = 0;
	struct spdk_mempool *mp =
		spdk_mempool_create_ctor("ctor", 50, 8, 0, SPDK_ENV_NUMA_ID_ANY, init_object_cb, &base);
	uint64_t *obj = spdk_mempool_get(mp);

	assert_in_range(*obj, 1000, 1049);
	assert_int_equal(spdk_mempool_obj_iter(mp, sum_object_cb, &sum), 50);
	assert_int_equal(sum, 50 * 1000 + 49 * 50 / 2);
	spdk_mempool_put(mp, obj);
	spdk_mempool_free(mp);
}

static void
names(void **state)
{
	struct spdk_mempool *mp = create_pool(1, 1);

	assert_ptr_equal(spdk_mempool_lookup("pool"), mp);
	assert_string_equal(spdk_mempool_get_name(mp), "pool");
	assert_null(spdk_mempool_lookup("none"));
	assert_null(spdk_mempool_create("pool", 1, 1, 0, SPDK_ENV_NUMA_ID_ANY));
	spdk_mempool_free(mp);
	assert_null(spdk_mempool_lookup("pool"));
	assert_null(spdk_mempool_create("a name of more than 28 characters", 1, 1, 0, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_mempool_create(NULL, 1, 1, 0, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_mempool_create("none", 0, 1, 0, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_mempool_create("none", 1, 0, 0, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_mempool_create("huge", 1 << 30, SIZE_MAX / 2, 0, SPDK_ENV_NUMA_ID_ANY));
	spdk_mempool_free(NULL);
}

static void
out_of_memory(void **state)
{
	struct env_memory_stats before, after;

	env_memory_get_stats(&before);
	for (uint64_t i = 0; i < 3; i++) {
		env_memory_inject_failure(i, 1);
		assert_null(spdk_mempool_create("pool", 100, 100, 0, SPDK_ENV_NUMA_ID_ANY));
	}
	env_memory_get_stats(&after);
	assert_int_equal(after.buffers, before.buffers);
	spdk_mempool_free(create_pool(100, 100));
}

/* ---- Several threads ---- */

#define ROUNDS 20000
#define ELEMENTS 16

static void *
use_pool(void *arg)
{
	struct spdk_mempool *mp = arg;
	uint64_t random = (uint64_t)spdk_get_tid();
	uintptr_t clashes = 0;
	uint64_t *elements[5];

	for (int round = 0; round < ROUNDS; round++) {
		size_t count = 1 + spdk_rand_xorshift64(&random) % 5;

		if (spdk_mempool_get_bulk(mp, (void **)elements, count) != 0) {
			env_thread_yield();
			continue;
		}
		/* Nobody else may have any of them now. */
		for (size_t i = 0; i < count; i++) {
			clashes += __atomic_exchange_n(elements[i], 1, __ATOMIC_RELAXED) != 0;
		}
		for (size_t i = 0; i < count; i++) {
			clashes += __atomic_exchange_n(elements[i], 0, __ATOMIC_RELAXED) != 1;
		}
		spdk_mempool_put_bulk(mp, (void **)elements, count);
	}
	return (void *)clashes;
}

static void
shared_by_threads(void **state)
{
	uint64_t zero = 0;
	struct spdk_mempool *mp;
	struct env_thread *threads[3];

	mp = spdk_mempool_create_ctor("pool", ELEMENTS, 8, 0, SPDK_ENV_NUMA_ID_ANY, init_object_cb, &zero);
	for (int i = 0; i < ELEMENTS; i++) {
		*(uint64_t *)spdk_mempool_get(mp) = 0;
	}
	assert_null(spdk_mempool_get(mp));
	spdk_mempool_free(mp);
	mp = create_pool(ELEMENTS, 8);
	for (size_t i = 0; i < SPDK_COUNTOF(threads); i++) {
		assert_int_equal(env_thread_create(&threads[i], "user", use_pool, mp, ENV_THREAD_CPU_ANY), 0);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(threads); i++) {
		assert_null(env_thread_join(threads[i]));
	}
	assert_int_equal(spdk_mempool_count(mp), ELEMENTS);
	spdk_mempool_free(mp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_every_element_once),
		cmocka_unit_test(bulk_is_all_or_nothing),
		cmocka_unit_test(memory_comes_when_used),
		cmocka_unit_test(objects_are_visited),
		cmocka_unit_test(names),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(shared_by_threads),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
