/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Protection information as slowly and plainly as can be: CRCs bit by bit, blocks one after another in flat memory. What
 * lib/dif does with scattered buffers is compared with it.
 */

#ifndef TEST_DIF_FIXTURE_H
#define TEST_DIF_FIXTURE_H

#include "spdk/stdinc.h"
#include "spdk/dif.h"

#include <setjmp.h>
#include <cmocka.h>

#define ALL_FLAGS (SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK)
#define FIXTURE_MAX_IOVS 64

/* Below limit; a sequence that is the same in every run. */
uint64_t fixture_random(uint64_t limit);
void fixture_fill(uint8_t *buf, size_t len);

/* The arguments of spdk_dif_ctx_init(), in the terms of this file. */
struct layout {
	uint32_t data_size;
	uint32_t md_size;
	bool interleaved;
	bool head;
	enum spdk_dif_type type;
	enum spdk_dif_pi_format format;
	uint32_t flags;
	uint32_t init_ref_tag;
	uint16_t apptag_mask;
	uint16_t app_tag;
	uint32_t data_offset;
	uint64_t guard_seed;
};

/* Any that is possible, but SPDK_DIF_DISABLE. */
struct layout layout_random(bool interleaved);
struct spdk_dif_ctx layout_context(const struct layout *layout);
/* Bytes from one block to the next in the buffers of the data. */
uint32_t layout_stride(const struct layout *layout);
uint32_t layout_pi_size(const struct layout *layout);
/* From the start of the metadata. */
uint32_t layout_pi_offset(const struct layout *layout);

/* ---- The reference ---- */

/* One block: data, and md of md_size bytes. index: of the block in the call. */
void reference_generate(const struct layout *layout, const uint8_t *data, uint8_t *md, uint64_t index);
/* What spdk_dif_verify() returns for a call that has only this block; err_offset is index. */
int reference_verify(const struct layout *layout, const uint8_t *data, const uint8_t *md, uint64_t index,
	struct spdk_dif_error *error);
uint64_t reference_guard(const struct layout *layout, const uint8_t *data, const uint8_t *md);
uint32_t reference_crc32c(uint32_t crc, const uint8_t *buf, size_t len);

/* All blocks of interleaved metadata in flat memory. */
void reference_generate_all(const struct layout *layout, uint8_t *flat, uint32_t num_blocks);
int reference_verify_all(
	const struct layout *layout, const uint8_t *flat, uint32_t num_blocks, struct spdk_dif_error *error);

void expect_same_error(const struct spdk_dif_error *actual, const struct spdk_dif_error *expected);

/* ---- Buffers, each in heap memory of exactly its size, so that ASan sees a step beyond it ---- */

struct scattered {
	struct iovec iovs[FIXTURE_MAX_IOVS];
	int count;
};

/* Copies flat memory to buffers that are cut at random, some of them empty; more often than not at odd places. */
void scatter(struct scattered *to, const uint8_t *flat, size_t len);
/* The same, cut at given places, in order. */
void scatter_at(struct scattered *to, const uint8_t *flat, size_t len, const size_t *cuts, int num_cuts);
void gather(const struct scattered *from, uint8_t *flat);
/* The buffers hold these bytes; then they are freed. */
void expect_and_free(struct scattered *scattered, const uint8_t *flat);

#endif /* TEST_DIF_FIXTURE_H */
