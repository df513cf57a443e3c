/* SPDX-License-Identifier: BSD-3-Clause */

/* Sums of columns in the field of 256 elements, over scatter lists that need not be cut at the same places. */

#ifndef MODULE_BDEV_RAID_PARITY_MATH_H
#define MODULE_BDEV_RAID_PARITY_MATH_H

#include "spdk/stdinc.h"

#include <sys/uio.h>

/* A modification has the old and the new contents of up to all columns but one, and both parities. */
#define PARITY_MAX_SOURCES 512
#define PARITY_MAX_SUMS 2

/* A list as it is walked through. */
struct parity_vector {
	const struct iovec *iov;
	size_t offset;
};

enum parity_kind {
	/* Sum r is that of all sources i, each times coefficients[r][i]. */
	PARITY_ANY,
	/* The same with one sum, all of whose coefficients are 1. */
	PARITY_P,
	/* Two: that, and the one of each source i times 2^i. */
	PARITY_PQ,
};

/* Too large for a stack; each thread has its own. */
struct parity_sums {
	enum parity_kind kind;
	int num_sources;
	int num_sums;
	/* First the sources, then the sums. A sum lies where no source does. */
	struct parity_vector vectors[PARITY_MAX_SOURCES + PARITY_MAX_SUMS];
	uint8_t coefficients[PARITY_MAX_SUMS][PARITY_MAX_SOURCES];

	void *pointers[PARITY_MAX_SOURCES + PARITY_MAX_SUMS];
	uint8_t flat[PARITY_MAX_SUMS * PARITY_MAX_SOURCES];
	uint8_t tables[32 * PARITY_MAX_SUMS * PARITY_MAX_SOURCES];
};

/* Computes len bytes of the sums. */
void parity_sums_run(struct parity_sums *sums, size_t len);

/* A source of a sum that has been started with num_sources 0. */
static inline void
parity_sums_add_source(struct parity_sums *sums, const struct iovec *iov, uint8_t coefficient0, uint8_t coefficient1)
{
	int i = sums->num_sources++;

	sums->vectors[i].iov = iov;
	sums->coefficients[0][i] = coefficient0;
	sums->coefficients[1][i] = coefficient1;
}

/* After all sources. */
static inline void
parity_sums_add_sum(struct parity_sums *sums, const struct iovec *iov)
{
	sums->vectors[sums->num_sources + sums->num_sums++].iov = iov;
}

static inline void
parity_sums_begin(struct parity_sums *sums, enum parity_kind kind)
{
	sums->kind = kind;
	sums->num_sources = 0;
	sums->num_sums = 0;
}

/* 2^exponent; exponents below 255. */
uint8_t parity_power(unsigned int exponent);
uint8_t parity_multiply(uint8_t a, uint8_t b);
uint8_t parity_invert(uint8_t a);

#endif /* MODULE_BDEV_RAID_PARITY_MATH_H */
