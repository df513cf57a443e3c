/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_DIF_H
#define SPDK_DIF_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Protection information (PI) as in T10 DIF and NVMe: in the metadata of each block stand a guard (a CRC of the block), an
 * application tag and a reference tag, by which a block that was damaged, or belongs elsewhere, is noticed.
 *
 * Metadata either follows the data of its block in the same buffers (interleaved: spdk_dif_*) or has a buffer of its own
 * (separate: spdk_dix_*). PI stands at the start or at the end of the metadata; the guard covers the data, and the
 * metadata in front of the PI.
 *
 * Buffers may be cut anywhere, and may be longer than what is worked on. Nothing is written but what is said. All functions
 * may be called on any thread, work at once, and never block or allocate. Nothing is checked or made for a context of type
 * SPDK_DIF_DISABLE: functions then return 0 after they have looked at the size of the buffers. Those that return an int
 * return 0 if nothing else is said, -EINVAL if buffers are shorter than the blocks, or the metadata is of the other kind
 * than the function, and -1 if a block is not what it should be.
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

/* Width of the guard in bits. All fields are big endian. */
enum spdk_dif_pi_format {
	/* 8 bytes: guard (CRC-16 of T10, polynomial 0x8bb7), application tag (2), reference tag (4). */
	SPDK_DIF_PI_FORMAT_16 = 0,
	/* 16 bytes: guard (CRC-32C), application tag (2), zeroes (2), reference tag (8). */
	SPDK_DIF_PI_FORMAT_32 = 1,
	/* 16 bytes: guard (CRC-64 of NVMe), application tag (2), reference tag (6). */
	SPDK_DIF_PI_FORMAT_64 = 2,
};

enum spdk_dif_type {
	/* No protection information. */
	SPDK_DIF_DISABLE = 0,
	/*
	 * The reference tag grows by 1 from block to block. It begins with the low 32 bits of the block's number (1), or with
	 * what the application likes (2). A block whose application tag is SPDK_DIF_APPTAG_IGNORE is not checked.
	 */
	SPDK_DIF_TYPE1 = 1,
	SPDK_DIF_TYPE2 = 2,
	/*
	 * The reference tag is the same for all blocks and not checked. A block is not checked if its application tag is
	 * SPDK_DIF_APPTAG_IGNORE and all bits of its reference tag are set.
	 */
	SPDK_DIF_TYPE3 = 3,
};

/*
 * How the protection information of a transfer is laid out, and where the transfer stands. Sizes are bytes. Made by
 * spdk_dif_ctx_init(), and to be read only: its functions trust each other that the fields fit together.
 */
struct spdk_dif_ctx {
	/* With the metadata, if that is interleaved. */
	uint32_t block_size;
	/* From the start of a block, or of its metadata if that is separate, to the guard. */
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
	/* Where what is in the buffers begins in the whole transfer: in bytes of data, and in blocks. */
	uint32_t data_offset;
	uint32_t ref_tag_offset;
	/* Reference tag that remapping gives to the first block of the transfer. */
	uint32_t remapped_init_ref_tag;
	/* Guard of the beginning of a block whose end has not come yet, in streams. */
	uint64_t last_guard;
	/* What guards begin with. */
	uint64_t guard_seed;
};

struct spdk_dif_ctx_init_ext_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	/* enum spdk_dif_pi_format */
	uint32_t dif_pi_format;
};

/* What was found wrong with the first block that is not right. Filled only then. */
struct spdk_dif_error {
	/* SPDK_DIF_*_ERROR: guards are looked at first, then application tags, then reference tags. */
	uint8_t err_type;
	uint8_t rsvd[7];
	/* Guard: what the block has stored as such, and what its bytes have. Tags: that of the context, and that stored. */
	uint64_t expected;
	uint64_t actual;
	/* Number of the block, from 0 for the first one in the buffers. */
	uint32_t err_offset;
};

/* Bytes that PI of this format takes: 8 or 16; 0 if there is no such format. */
uint32_t spdk_dif_pi_format_get_size(enum spdk_dif_pi_format dif_pi_format);

/* ---- Contexts ---- */

/*
 * block_size: bytes of a block, with its metadata if that is interleaved. The data of a block is a multiple of 512 bytes
 * (format 16) or of 4096.
 * md_size: metadata of a block; must have room for the PI, also with SPDK_DIF_DISABLE.
 * dif_loc: true if PI stands at the start of the metadata, false if at its end.
 * dif_flags: SPDK_DIF_FLAGS_*_CHECK, which fields are made and checked; the others are made 0. SPDK_DIF_FLAGS_NVME_PRACT
 * has a meaning for the copying functions.
 * init_ref_tag: reference tag of the first block of the transfer. SPDK_DIF_REFTAG_IGNORE: all blocks are given a tag of all
 * ones.
 * apptag_mask: bits of the application tag that are checked. app_tag is stored with all its bits.
 * data_offset: bytes of data from the start of the transfer to what is in the buffers.
 * guard_seed: what guards begin with: a register of CRC-16, or the CRC of earlier bytes. Usually 0.
 * opts: may be NULL, then the format is 16. Its size field is not looked at.
 *
 * Returns 0, or -EINVAL if anything of that is impossible; *ctx is then unchanged.
 */
int spdk_dif_ctx_init(struct spdk_dif_ctx *ctx, uint32_t block_size, uint32_t md_size, bool md_interleave, bool dif_loc,
	enum spdk_dif_type dif_type, uint32_t dif_flags, uint32_t init_ref_tag, uint16_t apptag_mask, uint16_t app_tag,
	uint32_t data_offset, uint64_t guard_seed, struct spdk_dif_ctx_init_ext_opts *opts);

/* For the next buffers of the same transfer. */
void spdk_dif_ctx_set_data_offset(struct spdk_dif_ctx *ctx, uint32_t data_offset);

/* Reference tag that spdk_dif_remap_ref_tag() and spdk_dix_remap_ref_tag() give to the first block of the transfer. */
void spdk_dif_ctx_set_remapped_init_ref_tag(struct spdk_dif_ctx *ctx, uint32_t remapped_init_ref_tag);

/* ---- Interleaved metadata ---- */

/* Makes the PI of blocks in place. Other metadata is not touched. */
int spdk_dif_generate(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);

/* Checks blocks. err_blk may be NULL. */
int spdk_dif_verify(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err_blk);

/*
 * Copy data from iovs into blocks with metadata in bounce_iovs, whose PI is made; and data of blocks in bounce_iovs, which
 * are checked, to iovs. When a check fails, the blocks up to the bad one, and with it, have been copied.
 *
 * iovs holds data only. With SPDK_DIF_FLAGS_NVME_PRACT and metadata larger than the PI, both sides hold whole blocks, and
 * the metadata in front of the PI is copied too; what iovs has behind it is neither read nor written. Otherwise metadata
 * that is not PI is left as it is in bounce_iovs, and the guard covers it so.
 *
 * Data is copied for SPDK_DIF_DISABLE too.
 */
int spdk_dif_generate_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx);
int spdk_dif_verify_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);

/*
 * Goes on with a CRC-32C over the data of blocks, without their metadata. *crc32c is the register, without the complements
 * at both ends (as spdk_crc32c_update() has it). -EINVAL if crc32c is NULL. Unchanged for SPDK_DIF_DISABLE.
 */
int spdk_dif_update_crc32c(
	struct iovec *iovs, int iovcnt, uint32_t num_blocks, uint32_t *crc32c, const struct spdk_dif_ctx *ctx);

/*
 * Damages one block: flips a random bit in each of the fields that inject_flags names (SPDK_DIF_*_ERROR), for tests. The
 * number of the block comes in *inject_offset, which may be NULL. -EINVAL without blocks.
 */
int spdk_dif_inject_error(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	uint32_t inject_flags, uint32_t *inject_offset);

/*
 * Gives blocks the reference tags that follow from spdk_dif_ctx_set_remapped_init_ref_tag(): growing from block to block,
 * constant for type 3. Blocks that are not to be checked keep theirs. Does nothing if dif_flags has no reference tags.
 * With check_ref_tag, old tags are checked first; at the first wrong one it ends, with those before it remapped.
 */
int spdk_dif_remap_ref_tag(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx,
	struct spdk_dif_error *err_blk, bool check_ref_tag);

/* ---- Streams ----
 *
 * A transfer with interleaved metadata that comes in segments of any length. iovs holds a segment, with its metadata; the
 * context's data_offset says where in the transfer it begins, maybe inside a block. data_offset and data_len name a range
 * of the segment, in bytes of data. What belongs to a block that the range does not end waits in the context, so the parts
 * of one block must come in order, and without others in between; blocks may come in any order.
 *
 * These return -EINVAL if there are no buffers, and -ERANGE if the range, with the metadata of the blocks that it ends, is
 * not in them.
 */

/* Makes the PI of the blocks that the range ends. */
int spdk_dif_generate_stream(
	struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, struct spdk_dif_ctx *ctx);

/*
 * Checks the blocks that the range ends. err_blk, which may be NULL, counts blocks from the one in which the segment
 * begins. The context is unchanged if a block is wrong.
 */
int spdk_dif_verify_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len,
	struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);

/* Goes on with a CRC-32C over the range, as spdk_dif_update_crc32c() does. */
int spdk_dif_update_crc32c_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len,
	uint32_t *crc32c, const struct spdk_dif_ctx *ctx);

/*
 * Lists where the data of the range lies, in iovs: to read or write data without its metadata. Returns how many of iovs
 * were used, or one of the errors above. *mapped_len, if not NULL, is how much data is listed: less than data_len if iovs
 * were too few.
 */
int spdk_dif_set_md_interleave_iovs(struct iovec *iovs, int iovcnt, struct iovec *buf_iovs, int buf_iovcnt,
	uint32_t data_offset, uint32_t data_len, uint32_t *mapped_len, const struct spdk_dif_ctx *ctx);

/*
 * Where a range of data lies in a buffer that begins with a block and has metadata; the metadata of blocks that the range
 * ends belongs to it. The same range if metadata is separate. Results that need more than 32 bits are UINT32_MAX.
 */
void spdk_dif_get_range_with_md(uint32_t data_offset, uint32_t data_len, uint32_t *buf_offset, uint32_t *buf_len,
	const struct spdk_dif_ctx *ctx);

/* Bytes of a buffer that holds that much data from the start of a block, with its metadata. */
uint32_t spdk_dif_get_length_with_md(uint32_t data_len, const struct spdk_dif_ctx *ctx);

/* ---- Separate metadata ----
 *
 * As above, with the data in iovs, and the metadata of all blocks, one after another, in the one buffer md_iov. -EINVAL if
 * there is none.
 */

int spdk_dix_generate(
	struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);

int spdk_dix_verify(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);

int spdk_dix_inject_error(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, uint32_t inject_flags, uint32_t *inject_offset);

int spdk_dix_remap_ref_tag(struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx,
	struct spdk_dif_error *err_blk, bool check_ref_tag);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_DIF_H */
