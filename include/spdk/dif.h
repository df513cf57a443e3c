/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_DIF_H
#define SPDK_DIF_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_DIF_APPTAG_ERROR 0x2
#define SPDK_DIF_APPTAG_IGNORE 0xFFFF
#define SPDK_DIF_DATA_ERROR 0x8
#define SPDK_DIF_FLAGS_APPTAG_CHECK (1U << 27)
#define SPDK_DIF_FLAGS_GUARD_CHECK (1U << 28)
#define SPDK_DIF_FLAGS_NVME_PRACT (1U << 29)
#define SPDK_DIF_FLAGS_REFTAG_CHECK (1U << 26)
#define SPDK_DIF_GUARD_ERROR 0x4
#define SPDK_DIF_REFTAG_ERROR 0x1
#define SPDK_DIF_REFTAG_IGNORE 0xFFFFFFFF

enum spdk_dif_check_type {
	SPDK_DIF_CHECK_TYPE_REFTAG = 1,
	SPDK_DIF_CHECK_TYPE_APPTAG = 2,
	SPDK_DIF_CHECK_TYPE_GUARD = 3,
};

enum spdk_dif_pi_format {
	SPDK_DIF_PI_FORMAT_16 = 0,
	SPDK_DIF_PI_FORMAT_32 = 1,
	SPDK_DIF_PI_FORMAT_64 = 2,
};

enum spdk_dif_type {
	SPDK_DIF_DISABLE = 0,
	SPDK_DIF_TYPE1 = 1,
	SPDK_DIF_TYPE2 = 2,
	SPDK_DIF_TYPE3 = 3,
};

struct iovec;
struct spdk_dif_ctx;
struct spdk_dif_ctx_init_ext_opts;
struct spdk_dif_error;


struct spdk_dif_ctx {
	uint32_t block_size;
	uint32_t guard_interval;
	uint32_t md_size;
	bool md_interleave;
	uint8_t dif_type;
	uint8_t dif_pi_format;
	uint8_t rsvd[1];
	uint32_t dif_flags;
	uint8_t rsvd2[4];
	uint64_t init_ref_tag;
	uint16_t app_tag;
	uint16_t apptag_mask;
	uint32_t data_offset;
	uint32_t ref_tag_offset;
	uint32_t remapped_init_ref_tag;
	uint64_t last_guard;
	uint64_t guard_seed;
};

struct spdk_dif_ctx_init_ext_opts {
	size_t size;
	uint32_t dif_pi_format;
};

struct spdk_dif_error {
	uint8_t err_type;
	uint8_t rsvd[7];
	uint64_t expected;
	uint64_t actual;
	uint32_t err_offset;
};

int spdk_dif_ctx_init(struct spdk_dif_ctx *ctx, uint32_t block_size, uint32_t md_size, bool md_interleave, bool dif_loc, enum spdk_dif_type dif_type, uint32_t dif_flags, uint32_t init_ref_tag, uint16_t apptag_mask, uint16_t app_tag, uint32_t data_offset, uint64_t guard_seed, struct spdk_dif_ctx_init_ext_opts *opts);
void spdk_dif_ctx_set_data_offset(struct spdk_dif_ctx *ctx, uint32_t data_offset);
void spdk_dif_ctx_set_remapped_init_ref_tag(struct spdk_dif_ctx *ctx, uint32_t remapped_init_ref_tag);
int spdk_dif_generate(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);
int spdk_dif_generate_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);
int spdk_dif_generate_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, struct spdk_dif_ctx *ctx);
uint32_t spdk_dif_get_length_with_md(uint32_t data_len, const struct spdk_dif_ctx *ctx);
void spdk_dif_get_range_with_md(uint32_t data_offset, uint32_t data_len, uint32_t *buf_offset, uint32_t *buf_len, const struct spdk_dif_ctx *ctx);
int spdk_dif_inject_error(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, uint32_t inject_flags, uint32_t *inject_offset);
uint32_t spdk_dif_pi_format_get_size(enum spdk_dif_pi_format dif_pi_format);
int spdk_dif_remap_ref_tag(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx, struct spdk_dif_error *err_blk, bool check_ref_tag);
int spdk_dif_set_md_interleave_iovs(struct iovec *iovs, int iovcnt, struct iovec *buf_iovs, int buf_iovcnt, uint32_t data_offset, uint32_t data_len, uint32_t *mapped_len, const struct spdk_dif_ctx *ctx);
int spdk_dif_update_crc32c(struct iovec *iovs, int iovcnt, uint32_t num_blocks, uint32_t *crc32c, const struct spdk_dif_ctx *ctx);
int spdk_dif_update_crc32c_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, uint32_t *crc32c, const struct spdk_dif_ctx *ctx);
int spdk_dif_verify(struct iovec *iovs, int iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);
int spdk_dif_verify_copy(struct iovec *iovs, int iovcnt, struct iovec *bounce_iovs, int bounce_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);
int spdk_dif_verify_stream(struct iovec *iovs, int iovcnt, uint32_t data_offset, uint32_t data_len, struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);
int spdk_dix_generate(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx);
int spdk_dix_inject_error(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, uint32_t inject_flags, uint32_t *inject_offset);
int spdk_dix_remap_ref_tag(struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *dif_ctx, struct spdk_dif_error *err_blk, bool check_ref_tag);
int spdk_dix_verify(struct iovec *iovs, int iovcnt, struct iovec *md_iov, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err_blk);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_DIF_H */
