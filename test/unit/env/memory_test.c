/* SPDX-License-Identifier: BSD-3-Clause */

/* Buffers and memory zones. */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/memory.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define DMA (SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE)

static bool
is_filled(const uint8_t *buf, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != value) {
			return false;
		}
	}
	return true;
}

static void
arguments(void **state)
{
	uint64_t unused = 0;
	void *buf;

	assert_null(spdk_malloc(10, 0, NULL, SPDK_ENV_NUMA_ID_ANY, 0));
	assert_null(spdk_malloc(10, 0, &unused, SPDK_ENV_NUMA_ID_ANY, DMA));
	assert_null(spdk_malloc(0, 0, NULL, SPDK_ENV_NUMA_ID_ANY, DMA));
	assert_null(spdk_malloc(10, 96, NULL, SPDK_ENV_NUMA_ID_ANY, DMA));
	assert_null(spdk_malloc(SIZE_MAX, 0, NULL, SPDK_ENV_NUMA_ID_ANY, DMA));
	assert_null(spdk_malloc(SIZE_MAX / 8, 0, NULL, SPDK_ENV_NUMA_ID_ANY, DMA));
	assert_null(spdk_dma_malloc(10, 0, &unused));
	assert_null(spdk_dma_realloc(NULL, 10, 0, &unused));
	for (size_t align = 1; align <= 16 << 20; align *= 2) {
		buf = spdk_malloc(10, align, NULL, 0, DMA);
		assert_non_null(buf);
		assert_int_equal((uintptr_t)buf % spdk_max(align, 64), 0);
		memset(buf, 1, 10);
		spdk_free(buf);
	}
	spdk_free(NULL);
	spdk_dma_free(NULL);
}

struct buffer {
	uint8_t *start;
	size_t size;
	uint8_t value;
};

/* Random buffers live side by side without touching each other, and everything is given back. */
static void
random_work(void **state)
{
	static struct buffer buffers[200];
	struct env_memory_stats before, after;
	uint64_t random = 17;

	env_memory_get_stats(&before);
	for (int round = 0; round < 6000; round++) {
		struct buffer *buffer = &buffers[spdk_rand_xorshift64(&random) % SPDK_COUNTOF(buffers)];
		uint64_t choice = spdk_rand_xorshift64(&random);
		size_t align = (size_t)64 << (choice % 8);
		bool zero = choice & 1024;

		if (buffer->start != NULL) {
			assert_true(is_filled(buffer->start, buffer->size, buffer->value));
			spdk_free(buffer->start);
			buffer->start = NULL;
			continue;
		}
		buffer->size = 1 + spdk_rand_xorshift64(&random) % (choice % 50 == 0 ? 3000000 : 9000);
		buffer->value = (uint8_t)round;
		buffer->start = zero ? spdk_zmalloc(buffer->size, align, NULL, SPDK_ENV_NUMA_ID_ANY, DMA)
				     : spdk_malloc(buffer->size, align, NULL, SPDK_ENV_NUMA_ID_ANY, DMA);
		assert_non_null(buffer->start);
		assert_int_equal((uintptr_t)buffer->start % align, 0);
		if (zero) {
			assert_true(is_filled(buffer->start, buffer->size, 0));
		}
		memset(buffer->start, buffer->value, buffer->size);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(buffers); i++) {
		spdk_free(buffers[i].start);
	}
	env_memory_get_stats(&after);
	assert_int_equal(after.buffers, before.buffers);
	assert_int_equal(after.bytes, before.bytes);
	/* Of the address space, what one empty shared region takes may be kept. */
	assert_true(after.mapped_bytes <= before.mapped_bytes + (16 << 20));
}

static size_t
count_resident(void *start, size_t len)
{
	unsigned char present[1024];
	size_t count = 0;

	assert_true(len / 4096 <= sizeof(present));
	assert_int_equal(mincore(start, len, present), 0);
	for (size_t i = 0; i < len / 4096; i++) {
		count += present[i] & 1;
	}
	return count;
}

static void
large_buffers_are_not_touched(void **state)
{
	struct region_policy policy = {.no_huge = true};
	uint8_t *buf;

	region_set_policy(&policy);
	buf = spdk_dma_zmalloc(4 << 20, 4096, NULL);
	assert_int_equal(count_resident(buf, 4 << 20), 0);
	buf[1 << 20] = 1;
	/* One page, and not 2 MiB. */
	assert_int_equal(count_resident(buf, 4 << 20), 1);
	spdk_dma_free(buf);
}

static void
parts_can_be_given_back(void **state)
{
	const size_t size = 2 << 20;
	uint8_t *buf = spdk_dma_malloc(size, 4096, NULL);

	memset(buf, 5, size);
	/* Not one whole page; whole pages and what is around them; nothing. */
	env_memory_discard(buf + 10, 4000);
	env_memory_discard(buf + 8000, 100000);
	env_memory_discard(buf + 500000, 0);
	assert_true(is_filled(buf, 10, 5));
	assert_true(is_filled(buf + 10, 4000, 0));
	assert_true(is_filled(buf + 4010, 3990, 5));
	assert_true(is_filled(buf + 8000, 100000, 0));
	assert_true(is_filled(buf + 108000, size - 108000, 5));
	env_memory_discard(buf, size);
	assert_int_equal(count_resident(buf, size), 0);
	assert_true(is_filled(buf, size, 0));
	spdk_dma_free(buf);
}

static void
moved_with_content(void **state)
{
	uint8_t *buf = spdk_realloc(NULL, 100, 0);

	memset(buf, 7, 100);
	buf = spdk_realloc(buf, 100000, 4096);
	assert_int_equal((uintptr_t)buf % 4096, 0);
	assert_true(is_filled(buf, 100, 7));
	memset(buf, 8, 100000);
	buf = spdk_dma_realloc(buf, 50, 0, NULL);
	assert_true(is_filled(buf, 50, 8));
	env_memory_inject_failure(0, 1);
	assert_null(spdk_realloc(buf, 60, 0));
	assert_true(is_filled(buf, 50, 8));
	assert_null(spdk_realloc(buf, 0, 0));
}

static void
registered_with_maps(void **state)
{
	struct spdk_mem_map *map;
	uint64_t size;
	void *small, *large;

	small = spdk_dma_malloc(100, 0, NULL);
	map = spdk_mem_map_alloc(0, NULL, NULL);
	assert_non_null(map);
	large = spdk_dma_malloc(5 << 20, 0, NULL);
	/* Both are: registering them again is refused. */
	assert_int_equal(spdk_mem_register((void *)FLOOR_2MB(small), VALUE_2MB), -EBUSY);
	assert_int_equal(spdk_mem_register((void *)FLOOR_2MB(large), 3 * VALUE_2MB), -EBUSY);
	spdk_dma_free(large);
	assert_int_equal(spdk_mem_unregister((void *)FLOOR_2MB(large), 3 * VALUE_2MB), -EINVAL);
	size = 100;
	if (spdk_vtophys(small, &size) == SPDK_VTOPHYS_ERROR) {
		assert_int_equal(size, 100);
	}
	assert_int_equal(spdk_vtophys((void *)&size, NULL) == SPDK_VTOPHYS_ERROR, true);
	assert_int_equal(spdk_mem_get_fd_and_offset(&size, &size), -ENOENT);
	assert_true(spdk_mem_get_numa_id(small, NULL) >= SPDK_ENV_NUMA_ID_ANY);
	spdk_mem_map_free(&map);
	spdk_dma_free(small);
}

static void
bounded(void **state)
{
	void *buf;

	heap_set_limit(8 << 20);
	assert_null(spdk_dma_malloc(9 << 20, 0, NULL));
	buf = spdk_dma_malloc(7 << 20, 0, NULL);
	assert_non_null(buf);
	assert_null(spdk_dma_malloc(2 << 20, 0, NULL));
	spdk_dma_free(buf);
	buf = spdk_dma_malloc(2 << 20, 0, NULL);
	assert_non_null(buf);
	spdk_dma_free(buf);
	heap_set_limit(0);
}

static void
failures_can_be_injected(void **state)
{
	void *bufs[2];

	env_memory_inject_failure(1, 2);
	bufs[0] = spdk_dma_malloc(1, 0, NULL);
	assert_non_null(bufs[0]);
	assert_null(spdk_dma_malloc(1, 0, NULL));
	assert_null(spdk_dma_malloc(1, 0, NULL));
	bufs[1] = spdk_dma_malloc(1, 0, NULL);
	assert_non_null(bufs[1]);
	spdk_dma_free(bufs[0]);
	spdk_dma_free(bufs[1]);
}

static void
zones(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	uint8_t *zone = spdk_memzone_reserve("zone", 1000, SPDK_ENV_NUMA_ID_ANY, 0);

	assert_true(is_filled(zone, 1000, 0));
	assert_int_equal((uintptr_t)zone % 64, 0);
	assert_null(spdk_memzone_reserve("zone", 1, SPDK_ENV_NUMA_ID_ANY, 0));
	assert_ptr_equal(spdk_memzone_lookup("zone"), zone);
	assert_null(spdk_memzone_lookup("other"));
	assert_null(spdk_memzone_reserve(NULL, 1, SPDK_ENV_NUMA_ID_ANY, 0));
	assert_null(spdk_memzone_reserve("a name of 32 characters xxxxxxxx", 1, SPDK_ENV_NUMA_ID_ANY, 0));
	assert_null(spdk_memzone_reserve("empty", 0, SPDK_ENV_NUMA_ID_ANY, 0));
	zone = spdk_memzone_reserve_aligned("aligned", 10, SPDK_ENV_NUMA_ID_ANY, SPDK_MEMZONE_NO_IOVA_CONTIG, 8192);
	assert_int_equal((uintptr_t)zone % 8192, 0);
	spdk_memzone_dump(file);
	fclose(file);
	assert_non_null(strstr(text, "zone: "));
	assert_non_null(strstr(text, "aligned: "));
	assert_non_null(strstr(text, "length 1000\n"));
	free(text);
	assert_int_equal(spdk_memzone_free("zone"), 0);
	assert_int_equal(spdk_memzone_free("zone"), -ENOENT);
	assert_int_equal(spdk_memzone_free("aligned"), 0);
}

static void *
allocate_often(void *arg)
{
	uint64_t random = (uint64_t)spdk_get_tid();
	void *bufs[20] = {NULL};

	for (int i = 0; i < 3000; i++) {
		void **slot = &bufs[spdk_rand_xorshift64(&random) % 20];

		spdk_free(*slot);
		*slot = spdk_dma_malloc(1 + spdk_rand_xorshift64(&random) % 5000, 0, NULL);
		if (*slot == NULL) {
			return arg;
		}
		*(uint8_t *)*slot = 1;
	}
	for (int i = 0; i < 20; i++) {
		spdk_free(bufs[i]);
	}
	return NULL;
}

static void
from_several_threads(void **state)
{
	struct env_thread *threads[2];
	int failed;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			env_thread_create(&threads[i], "allocate", allocate_often, &failed, ENV_THREAD_CPU_ANY), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_null(env_thread_join(threads[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(random_work),
		cmocka_unit_test(large_buffers_are_not_touched),
		cmocka_unit_test(parts_can_be_given_back),
		cmocka_unit_test(moved_with_content),
		cmocka_unit_test(registered_with_maps),
		cmocka_unit_test(bounded),
		cmocka_unit_test(failures_can_be_injected),
		cmocka_unit_test(zones),
		cmocka_unit_test(from_several_threads),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
