/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the next I/O goes and how long it is. Nothing here allocates or divides per I/O, but for Zipf's law. */

#ifndef BDEVKIT_PERF_PATTERN_H
#define BDEVKIT_PERF_PATTERN_H

#include "spdk/stdinc.h"

#define PERF_MAX_SIZES 8
/* Room for what perf_sizes_format() writes. */
#define PERF_SIZES_TEXT (PERF_MAX_SIZES * 32)
#define PERF_DISTRIBUTION_TEXT 64

struct spdk_zipf;

struct perf_size {
	uint64_t bytes;
	uint32_t percent;
};

struct perf_sizes {
	struct perf_size items[PERF_MAX_SIZES];
	uint32_t count;
};

enum perf_shape {
	PERF_UNIFORM,
	/* Zipf's law with .theta; the places that are frequent lie scattered. */
	PERF_ZIPF,
	/* .hot_ios percent of the I/Os go to the first .hot_area percent. */
	PERF_HOT,
};

struct perf_distribution {
	enum perf_shape shape;
	double theta;
	double hot_ios;
	double hot_area;
};

/* "4k", or "4k/70:64k/30" with percentages. Returns 0 or -EINVAL. */
int perf_sizes_parse(struct perf_sizes *sizes, const char *text);
/* The other way round, in bytes. */
void perf_sizes_format(const struct perf_sizes *sizes, char text[static PERF_SIZES_TEXT]);

/* "random", "zipf:THETA" or "hot:IOS/AREA". Returns 0 or -EINVAL. */
int perf_distribution_parse(struct perf_distribution *distribution, const char *text);
void perf_distribution_format(const struct perf_distribution *distribution, char text[static PERF_DISTRIBUTION_TEXT]);

/* A state of its own for each job. */
struct perf_pattern {
	uint64_t random;
	/* Blocks; random places are multiples of unit from first on. */
	uint64_t first;
	uint64_t area;
	uint64_t unit;
	uint64_t next;
	bool is_random;
	enum perf_shape shape;
	uint32_t num_sizes;
	struct {
		uint32_t blocks;
		/* Places at which it fits. */
		uint64_t slots;
		/* A random number below chooses this one. */
		uint64_t limit;
		/* Of them, hot ones. */
		uint64_t hot_slots;
	} sizes[PERF_MAX_SIZES];
	uint64_t hot_limit;
	struct spdk_zipf *zipf;
	/* Has no common divisor with the number of places. */
	uint64_t scatter;
};

struct perf_pattern_opts {
	const struct perf_sizes *sizes;
	const struct perf_distribution *distribution;
	bool is_random;
	uint32_t block_size;
	uint64_t first;
	uint64_t area;
	uint64_t seed;
};

/*
 * Returns 0; -EINVAL if a size is not whole blocks; -ENOSPC if the area is shorter than one I/O; -ENOMEM. On success to be freed.
 */
int perf_pattern_init(struct perf_pattern *pattern, const struct perf_pattern_opts *opts);
void perf_pattern_free(struct perf_pattern *pattern);

/* xorshift64*. */
static inline uint64_t
perf_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ULL;
}

/* Below limit, without division. */
static inline uint64_t
perf_random_below(uint64_t *state, uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)perf_random(state) * limit) >> 64);
}

/* A place out of slots that is not uniformly chosen. */
uint64_t perf_pattern_draw(struct perf_pattern *pattern, uint32_t size);

static inline void
perf_pattern_next(struct perf_pattern *pattern, uint64_t *offset, uint32_t *blocks)
{
	uint32_t size = 0;

	if (pattern->num_sizes > 1) {
		uint64_t random = perf_random(&pattern->random);

		while (random >= pattern->sizes[size].limit && size + 1 < pattern->num_sizes) {
			size++;
		}
	}
	*blocks = pattern->sizes[size].blocks;
	if (!pattern->is_random) {
		if (pattern->next + *blocks > pattern->area) {
			pattern->next = 0;
		}
		*offset = pattern->first + pattern->next;
		pattern->next += *blocks;
	} else if (pattern->shape == PERF_UNIFORM) {
		*offset = pattern->first +
			perf_random_below(&pattern->random, pattern->sizes[size].slots) * pattern->unit;
	} else {
		*offset = pattern->first + perf_pattern_draw(pattern, size) * pattern->unit;
	}
}

#endif /* BDEVKIT_PERF_PATTERN_H */
