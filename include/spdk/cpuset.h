/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_CPUSET_H
#define SPDK_CPUSET_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CPUSET_SIZE 1024

struct spdk_cpuset;


struct spdk_cpuset {
	char str[257];
	uint8_t cpus[128];
};

struct spdk_cpuset *spdk_cpuset_alloc(void);
void spdk_cpuset_and(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_copy(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
uint32_t spdk_cpuset_count(const struct spdk_cpuset *set);
bool spdk_cpuset_equal(const struct spdk_cpuset *set1, const struct spdk_cpuset *set2);
const char *spdk_cpuset_fmt(struct spdk_cpuset *set);
void spdk_cpuset_for_each_cpu(const struct spdk_cpuset *set, void (*fn)(void *, uint32_t), void *ctx);
void spdk_cpuset_free(struct spdk_cpuset *set);
bool spdk_cpuset_get_cpu(const struct spdk_cpuset *set, uint32_t cpu);
void spdk_cpuset_negate(struct spdk_cpuset *set);
void spdk_cpuset_or(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
int spdk_cpuset_parse(struct spdk_cpuset *set, const char *mask);
void spdk_cpuset_set_cpu(struct spdk_cpuset *set, uint32_t cpu, bool state);
void spdk_cpuset_xor(struct spdk_cpuset *dst, const struct spdk_cpuset *src);
void spdk_cpuset_zero(struct spdk_cpuset *set);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CPUSET_H */
