/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The work is ISA-L's, which takes arrays of pointers to vectors of one length: the lists are cut where one of them is.
 * Its fast functions want aligned vectors; what is not goes to those for erasure codes, which take any.
 */

#include "module/bdev/raid/raid_parity_math.h"

#include "spdk/likely.h"
#include "spdk/util.h"
#include "spdk/xor.h"

#include <isa-l.h>

/* Of addresses, as the widest vectors want it, and of lengths. */
#define PQ_ALIGN 64
#define PQ_LENGTH 32
/* What spdk_xor_gen() takes. */
#define XOR_MAX_SOURCES 256

uint8_t
parity_multiply(uint8_t a, uint8_t b)
{
	return gf_mul(a, b);
}

uint8_t
parity_invert(uint8_t a)
{
	return gf_inv(a);
}

uint8_t
parity_power(unsigned int exponent)
{
	uint8_t result = 1;

	while (exponent-- > 0) {
		result = (uint8_t)((result << 1) ^ (result & 0x80 ? 0x1d : 0));
	}
	return result;
}

static void
start_tables(struct parity_sums *sums)
{
	uint8_t *next = sums->flat;

	for (int r = 0; r < sums->num_sums; r++) {
		memcpy(next, sums->coefficients[r], (size_t)sums->num_sources);
		next += sums->num_sources;
	}
	ec_init_tables(sums->num_sources, sums->num_sums, sums->flat, sums->tables);
}

static void
set_pq_coefficients(struct parity_sums *sums)
{
	uint8_t power = 1;

	for (int i = 0; i < sums->num_sources; i++) {
		sums->coefficients[0][i] = 1;
		sums->coefficients[1][i] = power;
		power = gf_mul(power, 2);
	}
}

static bool
is_fit_for_pq(const struct parity_sums *sums, size_t len)
{
	uintptr_t bits = len % PQ_LENGTH;

	for (int i = 0; i < sums->num_sources + sums->num_sums; i++) {
		bits |= (uintptr_t)sums->pointers[i] % PQ_ALIGN;
	}
	return bits == 0;
}

/* Vectors of one length. */
static void
run_piece(struct parity_sums *sums, size_t len, bool *has_tables)
{
	void **to = &sums->pointers[sums->num_sources];

	if (sums->kind == PARITY_P && sums->num_sources <= XOR_MAX_SOURCES) {
		if (sums->num_sources == 1) {
			memcpy(to[0], sums->pointers[0], len);
		} else {
			spdk_xor_gen(to[0], sums->pointers, (uint32_t)sums->num_sources, (uint32_t)len);
		}
		return;
	}
	if (sums->kind == PARITY_PQ && is_fit_for_pq(sums, len)) {
		pq_gen(sums->num_sources + sums->num_sums, (int)len, sums->pointers);
		return;
	}
	if (!*has_tables) {
		if (sums->kind == PARITY_PQ) {
			set_pq_coefficients(sums);
		}
		start_tables(sums);
		*has_tables = true;
	}
	ec_encode_data((int)len, sums->num_sources, sums->num_sums, sums->tables, (unsigned char **)sums->pointers,
		(unsigned char **)to);
}

/* Points to where each list is; returns how far all of them go on in one piece. */
static size_t
point(struct parity_sums *sums, size_t len)
{
	for (int i = 0; i < sums->num_sources + sums->num_sums; i++) {
		struct parity_vector *vector = &sums->vectors[i];

		while (spdk_unlikely(vector->offset == vector->iov->iov_len)) {
			vector->iov++;
			vector->offset = 0;
		}
		sums->pointers[i] = (char *)vector->iov->iov_base + vector->offset;
		len = spdk_min(len, vector->iov->iov_len - vector->offset);
	}
	return len;
}

void
parity_sums_run(struct parity_sums *sums, size_t len)
{
	bool has_tables = false;

	for (int i = 0; i < sums->num_sources + sums->num_sums; i++) {
		sums->vectors[i].offset = 0;
	}
	while (len > 0) {
		size_t piece = point(sums, len);

		run_piece(sums, piece, &has_tables);
		for (int i = 0; i < sums->num_sources + sums->num_sums; i++) {
			sums->vectors[i].offset += piece;
		}
		len -= piece;
	}
}
