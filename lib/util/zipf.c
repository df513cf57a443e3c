/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Numbers after Zipf's law, by the method of Gray et al., "Quickly generating billion-record synthetic databases"
 * (SIGMOD 1994).
 */

#include "spdk/zipf.h"
#include "spdk/util.h"

/* Terms of the zeta sum that are added one by one; the rest is taken as an integral, which is then close enough. */
#define ZETA_MAX_TERMS 10000000ULL

struct spdk_zipf {
	uint64_t range;
	double theta;
	double alpha;
	double eta;
	double zeta;
	uint64_t random;
};

/* 1 / 1^theta + 1 / 2^theta + ... + 1 / n^theta */
static double
sum_zeta(uint64_t n, double theta)
{
	uint64_t terms = spdk_min(n, ZETA_MAX_TERMS);
	double sum = 0;

	for (uint64_t i = 1; i <= terms; i++) {
		sum += pow((double)i, -theta);
	}
	if (n > terms) {
		sum += (pow((double)n, 1 - theta) - pow((double)terms, 1 - theta)) / (1 - theta);
	}
	return sum;
}

struct spdk_zipf *
spdk_zipf_create(uint64_t range, double theta, uint32_t seed)
{
	struct spdk_zipf *zipf;

	if (range == 0 || !(theta >= 0) || isinf(theta)) {
		return NULL;
	}
	zipf = calloc(1, sizeof(*zipf));
	if (zipf == NULL) {
		return NULL;
	}
	/* The formulas divide by 1 - theta. */
	if (fabs(1 - theta) < 1e-6) {
		theta = 1 - 1e-6;
	}
	zipf->range = range;
	zipf->theta = theta;
	zipf->alpha = 1 / (1 - theta);
	zipf->zeta = sum_zeta(range, theta);
	zipf->eta = (1 - pow(2.0 / (double)range, 1 - theta)) / (1 - sum_zeta(spdk_min(range, 2), theta) / zipf->zeta);
	/* Neighbouring seeds are to give different numbers, and the generator's state must not be 0. */
	zipf->random = ((uint64_t)seed + 1) * 0x9e3779b97f4a7c15ULL;
	return zipf;
}

void
spdk_zipf_free(struct spdk_zipf **zipfp)
{
	if (zipfp == NULL) {
		return;
	}
	free(*zipfp);
	*zipfp = NULL;
}

uint64_t
spdk_zipf_generate(struct spdk_zipf *zipf)
{
	/* From 0 to below 1. */
	double u = (double)(spdk_rand_xorshift64(&zipf->random) >> 11) / (double)(1ULL << 53);
	double uz = u * zipf->zeta;
	uint64_t value;

	if (uz < 1 || zipf->range == 1) {
		return 0;
	}
	if (uz < 1 + pow(0.5, zipf->theta) || zipf->range == 2) {
		return 1;
	}
	value = (uint64_t)((double)zipf->range * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha));
	return spdk_min(value, zipf->range - 1);
}
