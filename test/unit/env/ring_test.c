/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

static const enum spdk_ring_type g_types[] = {SPDK_RING_TYPE_SP_SC, SPDK_RING_TYPE_MP_SC, SPDK_RING_TYPE_MP_MC};

static void *
as_pointer(uintptr_t value)
{
	return (void *)value;
}

static void
holds_exactly_count(void **state)
{
	static const size_t counts[] = {1, 2, 3, 5, 8, 100};

	for (size_t t = 0; t < SPDK_COUNTOF(g_types); t++) {
		for (size_t c = 0; c < SPDK_COUNTOF(counts); c++) {
			struct spdk_ring *ring = spdk_ring_create(g_types[t], counts[c], SPDK_ENV_NUMA_ID_ANY);
			void *objs[101];
			size_t room;

			for (uintptr_t i = 0; i < counts[c]; i++) {
				objs[0] = as_pointer(i);
				assert_int_equal(spdk_ring_enqueue(ring, objs, 1, &room), 1);
				assert_int_equal(room, counts[c] - i - 1);
				assert_int_equal(spdk_ring_count(ring), i + 1);
			}
			assert_int_equal(spdk_ring_enqueue(ring, objs, 1, &room), 0);
			assert_int_equal(room, 0);
			assert_int_equal(spdk_ring_dequeue(ring, objs, 101), counts[c]);
			for (uintptr_t i = 0; i < counts[c]; i++) {
				assert_ptr_equal(objs[i], as_pointer(i));
			}
			assert_int_equal(spdk_ring_dequeue(ring, objs, 1), 0);
			/* More than it could ever hold. */
			assert_int_equal(spdk_ring_enqueue(ring, objs, counts[c] + 1, &room), 0);
			assert_int_equal(room, counts[c]);
			spdk_ring_free(ring);
		}
	}
}

static void
batches_wrap_around(void **state)
{
	for (size_t t = 0; t < SPDK_COUNTOF(g_types); t++) {
		struct spdk_ring *ring = spdk_ring_create(g_types[t], 11, SPDK_ENV_NUMA_ID_ANY);
		uintptr_t in = 0, out = 0;
		uint64_t random = 5;
		void *objs[16];

		for (int round = 0; round < 5000; round++) {
			size_t count = spdk_rand_xorshift64(&random) % 8;
			size_t expected = in - out + count <= 11 ? count : 0;

			for (size_t i = 0; i < count; i++) {
				objs[i] = as_pointer(in + i);
			}
			assert_int_equal(spdk_ring_enqueue(ring, objs, count, NULL), expected);
			in += expected;
			count = spdk_rand_xorshift64(&random) % 8;
			expected = spdk_min(count, in - out);
			assert_int_equal(spdk_ring_dequeue(ring, objs, count), expected);
			for (size_t i = 0; i < expected; i++) {
				assert_ptr_equal(objs[i], as_pointer(out + i));
			}
			out += expected;
			assert_int_equal(spdk_ring_count(ring), in - out);
		}
		spdk_ring_free(ring);
	}
}

static void
bad_arguments(void **state)
{
	assert_null(spdk_ring_create(SPDK_RING_TYPE_MP_SC, 0, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_ring_create(SPDK_RING_TYPE_MP_SC, SIZE_MAX, SPDK_ENV_NUMA_ID_ANY));
	assert_null(spdk_ring_create((enum spdk_ring_type)9, 8, SPDK_ENV_NUMA_ID_ANY));
	env_memory_inject_failure(0, 1);
	assert_null(spdk_ring_create(SPDK_RING_TYPE_MP_SC, 8, SPDK_ENV_NUMA_ID_ANY));
	spdk_ring_free(NULL);
}

/* ---- Several threads ---- */

#define PER_PRODUCER 30000
#define MAX_PRODUCERS 2

struct traffic {
	struct spdk_ring *ring;
	unsigned int producers;
	/* Pointers that consumers have taken. */
	uint64_t taken;
	uint64_t sum;
	bool out_of_order;
};

struct producer {
	struct traffic *traffic;
	uintptr_t number;
};

/* Values are producer number and count, so that a consumer can see whether each producer's come in order. */
static void *
produce(void *arg)
{
	struct producer *producer = arg;
	uintptr_t sent = 0;
	void *objs[3];

	while (sent < PER_PRODUCER) {
		size_t count = 1 + sent % 3;

		for (size_t i = 0; i < count; i++) {
			objs[i] = as_pointer((producer->number << 32) | (sent + i + 1));
		}
		if (spdk_ring_enqueue(producer->traffic->ring, objs, count, NULL) == count) {
			sent += count;
		} else {
			env_thread_yield();
		}
	}
	return as_pointer(sent);
}

static void *
consume(void *arg)
{
	struct traffic *traffic = arg;
	uintptr_t last[MAX_PRODUCERS] = {0};
	void *objs[7];

	while (__atomic_load_n(&traffic->taken, __ATOMIC_RELAXED) < traffic->producers * (uint64_t)PER_PRODUCER) {
		size_t count = spdk_ring_dequeue(traffic->ring, objs, SPDK_COUNTOF(objs));

		if (count == 0) {
			env_thread_yield();
		}
		for (size_t i = 0; i < count; i++) {
			uintptr_t number = (uintptr_t)objs[i] >> 32;
			uintptr_t value = (uintptr_t)objs[i] & UINT32_MAX;

			if (value <= last[number]) {
				traffic->out_of_order = true;
			}
			last[number] = value;
			__atomic_fetch_add(&traffic->sum, value, __ATOMIC_RELAXED);
		}
		__atomic_fetch_add(&traffic->taken, count, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
run_traffic(enum spdk_ring_type type, unsigned int producers, unsigned int consumers)
{
	struct traffic traffic = {.ring = spdk_ring_create(type, 50, SPDK_ENV_NUMA_ID_ANY), .producers = producers};
	struct env_thread *threads[MAX_PRODUCERS + 2];
	struct producer args[MAX_PRODUCERS];
	uint64_t expected = 0;

	for (unsigned int i = 0; i < producers; i++) {
		args[i].traffic = &traffic;
		args[i].number = i;
		assert_int_equal(env_thread_create(&threads[i], "producer", produce, &args[i], ENV_THREAD_CPU_ANY), 0);
	}
	for (unsigned int i = 0; i < consumers; i++) {
		assert_int_equal(
			env_thread_create(&threads[producers + i], "consumer", consume, &traffic, ENV_THREAD_CPU_ANY),
			0);
	}
	for (unsigned int i = 0; i < producers; i++) {
		uintptr_t sent = (uintptr_t)env_thread_join(threads[i]);

		expected += sent * (sent + 1) / 2;
	}
	for (unsigned int i = 0; i < consumers; i++) {
		env_thread_join(threads[producers + i]);
	}
	assert_true(traffic.sum == expected);
	assert_false(traffic.out_of_order);
	assert_int_equal(spdk_ring_count(traffic.ring), 0);
	spdk_ring_free(traffic.ring);
}

static void
one_producer_one_consumer(void **state)
{
	run_traffic(SPDK_RING_TYPE_SP_SC, 1, 1);
}

static void
many_producers_one_consumer(void **state)
{
	run_traffic(SPDK_RING_TYPE_MP_SC, 2, 1);
}

static void
many_of_both(void **state)
{
	run_traffic(SPDK_RING_TYPE_MP_MC, 2, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_exactly_count),
		cmocka_unit_test(batches_wrap_around),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(one_producer_one_consumer),
		cmocka_unit_test(many_producers_one_consumer),
		cmocka_unit_test(many_of_both),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
