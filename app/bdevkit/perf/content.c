/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What verify and --stamp write. Each block begins with its own number, the key of its writing and a mark, so that of a wrong
 * one can be said where it came from; the rest is made from number and key. The key of verify is another one in each run and
 * for each write, so that an old copy is found; that of --stamp is the same in each run with the same seed.
 */

#include "app/bdevkit/perf/job.h"

#include "spdk/env.h"
#include "spdk/util.h"

#define MARK 0x9d3fb5c14e7a6d2bULL
#define MAX_CLAIM_BITS (1ULL << 27)

enum {
	WORD_BLOCK,
	WORD_KEY,
	WORD_MARK,
};

static uint64_t
mix(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x7fb5d329728ea185ULL;
	value ^= value >> 27;
	value *= 0x81dadef4bc2dd44dULL;
	return value ^ value >> 33;
}

static void
fill(const struct perf_job *job, void *buf, uint64_t block, uint32_t blocks, uint64_t key)
{
	size_t count = job->block_size / sizeof(uint64_t);
	uint64_t *words = buf;

	for (uint32_t i = 0; i < blocks; i++, block++, words += count) {
		uint64_t state = mix(key ^ mix(block)) | 1;

		words[WORD_BLOCK] = block;
		words[WORD_KEY] = key;
		words[WORD_MARK] = MARK;
		for (size_t word = WORD_MARK + 1; word < count; word++) {
			words[word] = perf_random(&state);
		}
	}
}

/* ---- places in use ---- */

static bool
place_is_free(const struct perf_claims *claims, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		uint64_t bit = i & claims->mask;

		if (claims->bits[bit / 64] & 1ULL << bit % 64) {
			return false;
		}
	}
	return true;
}

static void
flip_place(struct perf_claims *claims, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		uint64_t bit = i & claims->mask;

		claims->bits[bit / 64] ^= 1ULL << bit % 64;
	}
}

static bool
claim(struct perf_task *task)
{
	struct perf_job *job = task->job;
	uint64_t first = (task->offset - job->first) / job->claims.unit;
	uint64_t last = (task->offset - job->first + task->blocks - 1) / job->claims.unit;

	if (!place_is_free(&job->claims, first, last)) {
		return false;
	}
	flip_place(&job->claims, first, last);
	return true;
}

void
perf_content_unclaim(struct perf_task *task)
{
	struct perf_job *job = task->job;

	flip_place(&job->claims, (task->offset - job->first) / job->claims.unit,
		(task->offset - job->first + task->blocks - 1) / job->claims.unit);
}

/*
 * More than half of the area is free. A distribution may nevertheless draw hardly anything but places in use: after some
 * tries it is the next one that is free.
 */
static void
find_place(struct perf_task *task)
{
	struct perf_job *job = task->job;

	for (int tries = 0; tries < 64; tries++) {
		if (claim(task)) {
			return;
		}
		perf_pattern_next(&job->pattern, &task->offset, &task->blocks);
	}
	while (!claim(task)) {
		task->offset += job->claims.unit;
		if (task->offset + task->blocks > job->first + job->area) {
			task->offset = job->first;
		}
	}
}

/* ---- */

int
perf_content_prepare(struct perf_job *job, uint32_t max_blocks)
{
	uint64_t units, bits = 64;

	if (job->options->stamp) {
		job->content_key = mix(job->options->seed ^ MARK);
		job->expected = malloc((size_t)max_blocks * job->block_size);
		return job->expected == NULL ? -ENOMEM : 0;
	}
	if (!job->options->workload->verify) {
		return 0;
	}
	/* The lower half counts. */
	job->content_key = mix(mix(spdk_get_ticks()) ^ job->seed) & ~(uint64_t)UINT32_MAX;
	job->claims.unit = job->pattern.unit;
	units = job->area / job->claims.unit + 1;
	while (bits < units && bits < MAX_CLAIM_BITS) {
		bits *= 2;
	}
	job->claims.mask = bits - 1;
	job->claims.bits = calloc(bits / 64, sizeof(uint64_t));
	return job->claims.bits == NULL ? -ENOMEM : 0;
}

void
perf_content_release(struct perf_job *job)
{
	free(job->expected);
	free(job->claims.bits);
}

void
perf_content_verify(struct perf_task *task)
{
	struct perf_job *job = task->job;

	find_place(task);
	fill(job, task->buf, task->offset, task->blocks, job->content_key | ++job->generation);
}

void
perf_content_stamp(struct perf_task *task)
{
	fill(task->job, task->buf, task->offset, task->blocks, task->job->content_key);
}

static bool
is_zero(const uint8_t *data, size_t size)
{
	return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Of the first block that is wrong. */
static void
explain(struct perf_job *job, uint64_t block, const uint8_t *expected, const uint8_t *got)
{
	const uint64_t *words = (const uint64_t *)got;
	size_t i = 0;

	if (job->why[0] != '\0') {
		return;
	}
	while (expected[i] == got[i]) {
		i++;
	}
	if (is_zero(got, job->block_size)) {
		snprintf(job->why, sizeof(job->why), "block %" PRIu64 " holds zeroes, not what was written", block);
	} else if (words[WORD_MARK] == MARK && words[WORD_BLOCK] != block) {
		snprintf(job->why, sizeof(job->why), "block %" PRIu64 " holds what was written to block %" PRIu64,
			block, words[WORD_BLOCK]);
	} else if (words[WORD_MARK] == MARK && i / sizeof(*words) == WORD_KEY) {
		snprintf(job->why, sizeof(job->why), "block %" PRIu64 " holds what was written to it another time",
			block);
	} else {
		snprintf(job->why, sizeof(job->why), "block %" PRIu64 ", byte %zu: %02x was written, and %02x read",
			block, i, expected[i], got[i]);
	}
}

static bool
check(struct perf_task *task, const uint8_t *expected, const uint8_t *got)
{
	struct perf_job *job = task->job;

	for (uint32_t i = 0; i < task->blocks; i++) {
		size_t at = (size_t)i * job->block_size;

		if (memcmp(expected + at, got + at, job->block_size) != 0) {
			job->stats.mismatches++;
			explain(job, task->offset + i, expected + at, got + at);
			return false;
		}
	}
	return true;
}

bool
perf_content_check_verify(struct perf_task *task)
{
	return check(task, task->buf, task->check_buf);
}

bool
perf_content_check_stamp(struct perf_task *task)
{
	struct perf_job *job = task->job;

	fill(job, job->expected, task->offset, task->blocks, job->content_key);
	return check(task, job->expected, task->buf);
}
