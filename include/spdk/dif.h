/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_DIF_H
#define SPDK_DIF_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Types of protection information (T10 DIF): a guard (CRC of the block), an application tag and a reference tag with
 * each block. The library has no functions to make and check it yet.
 */

/* Kinds of errors. */
#define SPDK_DIF_REFTAG_ERROR 0x1
#define SPDK_DIF_APPTAG_ERROR 0x2
#define SPDK_DIF_GUARD_ERROR 0x4
#define SPDK_DIF_DATA_ERROR 0x8

/* Tags with these values are not checked. */
#define SPDK_DIF_REFTAG_IGNORE 0xFFFFFFFF
#define SPDK_DIF_APPTAG_IGNORE 0xFFFF

/* What is checked; the bits are those of cdw12 of NVMe commands. */
#define SPDK_DIF_FLAGS_REFTAG_CHECK (1U << 26)
#define SPDK_DIF_FLAGS_APPTAG_CHECK (1U << 27)
#define SPDK_DIF_FLAGS_GUARD_CHECK (1U << 28)
/* Protection information is made and checked below, and not transferred. */
#define SPDK_DIF_FLAGS_NVME_PRACT (1U << 29)

enum spdk_dif_check_type {
	SPDK_DIF_CHECK_TYPE_REFTAG = 1,
	SPDK_DIF_CHECK_TYPE_APPTAG = 2,
	SPDK_DIF_CHECK_TYPE_GUARD = 3,
};

/* Width of the guard in bits. */
enum spdk_dif_pi_format {
	SPDK_DIF_PI_FORMAT_16 = 0,
	SPDK_DIF_PI_FORMAT_32 = 1,
	SPDK_DIF_PI_FORMAT_64 = 2,
};

enum spdk_dif_type {
	/* No protection information. Types 1 to 3 differ in what the reference tag is. */
	SPDK_DIF_DISABLE = 0,
	SPDK_DIF_TYPE1 = 1,
	SPDK_DIF_TYPE2 = 2,
	SPDK_DIF_TYPE3 = 3,
};

/* How the protection information of a transfer is laid out, and where the transfer stands. Sizes are bytes. */
struct spdk_dif_ctx {
	uint32_t block_size;
	/* From the start of a block, or of its metadata, to the guard. */
	uint32_t guard_interval;
	uint32_t md_size;
	bool md_interleave;
	uint8_t dif_type;
	uint8_t dif_pi_format;
	uint8_t rsvd[1];
	/* SPDK_DIF_FLAGS_*. */
	uint32_t dif_flags;
	uint8_t rsvd2[4];
	uint64_t init_ref_tag;
	uint16_t app_tag;
	uint16_t apptag_mask;
	/* Of this part of the transfer from its start, in bytes of data, and in blocks. */
	uint32_t data_offset;
	uint32_t ref_tag_offset;
	uint32_t remapped_init_ref_tag;
	uint64_t last_guard;
	uint64_t guard_seed;
};

struct spdk_dif_ctx_init_ext_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* enum spdk_dif_pi_format */
	uint32_t dif_pi_format;
};

/* What was found wrong. */
struct spdk_dif_error {
	/* SPDK_DIF_*_ERROR */
	uint8_t err_type;
	uint8_t rsvd[7];
	uint64_t expected;
	uint64_t actual;
	/* Block, from the start of the transfer. */
	uint32_t err_offset;
};

#ifdef __cplusplus
}
#endif

#endif /* SPDK_DIF_H */
