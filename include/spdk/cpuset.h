/* SPDX-License-Identifier: BSD-3-Clause */

/* Sets of CPUs. Not locked: a set is changed by one thread at a time. */

#ifndef SPDK_CPUSET_H
#define SPDK_CPUSET_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CPUs are numbered from 0 to one less. */
#define SPDK_CPUSET_SIZE 1024

/* A set of CPUs. */
struct spdk_cpuset {
	/* Where spdk_cpuset_fmt() writes. */
	char str[SPDK_CPUSET_SIZE / 4 + 1];
	/* CPU n is bit n % 8 of cpus[n / 8]. */
	uint8_t cpus[SPDK_CPUSET_SIZE / 8];
};

/* An empty set on the heap, NULL if memory is short; and its end. Sets may also stand in other structures. */
struct spdk_cpuset *spdk_cpuset_alloc(void);
void spdk_cpuset_free(struct spdk_cpuset *set);

/* Whether both hold the same; copies src to dst. */
bool spdk_cpuset_equal(const struct spdk_cpuset *set1, const struct spdk_cpuset *set2);
void spdk_cpuset_copy(struct spdk_cpuset *dst, const struct spdk_cpuset *src);

/* dst becomes dst and src, dst or src, the exclusive or of both. */
void spdk_cpuset_and(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_or(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_xor(struct spdk_cpuset *dst, const struct spdk_cpuset *src);

/* All CPUs in become out and the other way round; all become out. */
void spdk_cpuset_negate(struct spdk_cpuset *set);
void spdk_cpuset_zero(struct spdk_cpuset *set);

/* cpu must be below SPDK_CPUSET_SIZE. */
void spdk_cpuset_set_cpu(struct spdk_cpuset *set, uint32_t cpu, bool state);

/* false also for a CPU that no set can hold. */
bool spdk_cpuset_get_cpu(const struct spdk_cpuset *set, uint32_t cpu);

/* Calls fn(ctx, cpu) for each CPU of the set, lowest first. */
void spdk_cpuset_for_each_cpu(const struct spdk_cpuset *set, void (*fn)(void *ctx, uint32_t cpu), void *ctx);

/* How many CPUs are in the set. */
uint32_t spdk_cpuset_count(const struct spdk_cpuset *set);

/* The set as a hexadecimal mask, "0" if it is empty. The text stands in the set and is good until the next call. */
const char *spdk_cpuset_fmt(struct spdk_cpuset *set);

/*
 * Reads a hexadecimal mask, with or without 0x ("f0"; commas in it are ignored), or a list ("[0,2-4]").
 * Returns 0; -EINVAL if mask is NULL or none of both, and then set is unchanged.
 */
int spdk_cpuset_parse(struct spdk_cpuset *set, const char *mask);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CPUSET_H */
