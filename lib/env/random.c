/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random numbers: from the kernel, or repeatable from a seed. Each thread has its own generator (xoshiro256**, public
 * domain algorithm of Blackman and Vigna), so that asking for a number costs no system call and no lock.
 */

#include "spdk/log.h"

#include "lib/env/env_internal.h"

#include <sys/random.h>

/* Steps with each env_random_seed(): a generator of an older generation starts anew. 0: never seeded. */
static uint64_t g_generation;
static uint64_t g_seed;
/* Threads that took a generator in this generation. */
static uint64_t g_streams;

static __thread struct {
	bool started;
	uint64_t generation;
	uint64_t state[4];
} t_generator;

/* SplitMix64, which its authors recommend for filling the state of xoshiro. */
static uint64_t
next_split_mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void
read_kernel(void *buf, size_t len)
{
	uint8_t *pos = buf;

	while (len > 0) {
		ssize_t got = getrandom(pos, len, 0);

		if (got < 0) {
			if (errno == EINTR) {
				continue;
			}
			/* Only a system without the call comes here; carrying on with known bytes would be worse. */
			fprintf(stderr, "getrandom failed: %s\n", strerror(errno));
			abort();
		}
		pos += got;
		len -= (size_t)got;
	}
}

static void
start_generator(uint64_t generation)
{
	if (generation == 0) {
		read_kernel(t_generator.state, sizeof(t_generator.state));
	} else {
		uint64_t stream = __atomic_fetch_add(&g_streams, 1, __ATOMIC_RELAXED);
		uint64_t mix = __atomic_load_n(&g_seed, __ATOMIC_RELAXED) ^ (stream * 0xd1342543de82ef95ULL);

		for (int i = 0; i < 4; i++) {
			t_generator.state[i] = next_split_mix(&mix);
		}
	}
	t_generator.generation = generation;
	t_generator.started = true;
}

static uint64_t
rotate_left(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

uint64_t
env_random_u64(void)
{
	uint64_t generation = __atomic_load_n(&g_generation, __ATOMIC_ACQUIRE);
	uint64_t *s = t_generator.state;
	uint64_t result, t;

	if (!t_generator.started || t_generator.generation != generation) {
		start_generator(generation);
	}
	result = rotate_left(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

void
env_random_seed(uint64_t seed)
{
	__atomic_store_n(&g_seed, seed, __ATOMIC_RELAXED);
	__atomic_store_n(&g_streams, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&g_generation, 1, __ATOMIC_RELEASE);
}

void
env_random_bytes(void *buf, size_t len)
{
	uint8_t *pos = buf;

	if (__atomic_load_n(&g_generation, __ATOMIC_ACQUIRE) == 0) {
		read_kernel(buf, len);
		return;
	}
	while (len > 0) {
		uint64_t value = env_random_u64();
		size_t step = len < sizeof(value) ? len : sizeof(value);

		memcpy(pos, &value, step);
		pos += step;
		len -= step;
	}
}
