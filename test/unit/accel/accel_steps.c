/* SPDX-License-Identifier: BSD-3-Clause */

#include "accel_steps.h"
#include "spdk/dif.h"
#include "spdk/util.h"

#define BLOCK 512
#define FILL 0xa5

const enum spdk_accel_opcode g_step_opcodes[] = {
	SPDK_ACCEL_OPC_COPY,
	SPDK_ACCEL_OPC_FILL,
	SPDK_ACCEL_OPC_DECOMPRESS,
	SPDK_ACCEL_OPC_ENCRYPT,
	SPDK_ACCEL_OPC_DECRYPT,
	SPDK_ACCEL_OPC_CRC32C,
	SPDK_ACCEL_OPC_DIF_VERIFY,
	SPDK_ACCEL_OPC_DIF_VERIFY_COPY,
	SPDK_ACCEL_OPC_DIF_GENERATE,
	SPDK_ACCEL_OPC_DIF_GENERATE_COPY,
	SPDK_ACCEL_OPC_DIX_GENERATE,
	SPDK_ACCEL_OPC_DIX_VERIFY,
};
const size_t g_step_count = SPDK_COUNTOF(g_step_opcodes);

uint32_t g_step_crc;

static struct spdk_accel_crypto_key *g_key;
static struct spdk_dif_ctx g_dif, g_dix;
static struct spdk_dif_error g_error;
static uint8_t g_packed[STEP_DATA];
static uint32_t g_packed_len;

static void
make_context(struct spdk_dif_ctx *ctx, bool interleaved)
{
	struct spdk_dif_ctx_init_ext_opts opts = {.size = sizeof(opts), .dif_pi_format = SPDK_DIF_PI_FORMAT_16};

	assert_int_equal(spdk_dif_ctx_init(ctx, interleaved ? BLOCK + 8 : BLOCK, 8, interleaved, false, SPDK_DIF_TYPE1,
				 SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK,
				 12, 0xffff, 34, 0, 0, &opts),
		0);
}

/* Bytes that can be compressed. */
static void
fill_data(void *data)
{
	accel_fixture_fill(data, STEP_DATA, 1);
	memset((char *)data + STEP_DATA / 2, 0x11, STEP_DATA / 2);
}

static void
pack(void)
{
	struct accel_result result = {};
	uint8_t data[STEP_DATA];
	struct iovec iov = {data, STEP_DATA};

	fill_data(data);
	assert_int_equal(spdk_accel_submit_compress(g_accel_ch, g_packed, sizeof(g_packed), &iov, 1, &g_packed_len,
				 accel_fixture_done_cb, &result),
		0);
	assert_int_equal(accel_fixture_wait(&result), 0);
}

int
steps_setup(void **state)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
		.key_name = (char *)"steps",
	};

	accel_fixture_setup(state);
	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
	g_key = spdk_accel_crypto_key_get("steps");
	make_context(&g_dif, true);
	make_context(&g_dix, false);
	pack();
	return 0;
}

int
steps_teardown(void **state)
{
	return accel_fixture_teardown(state);
}

size_t
step_source_len(enum spdk_accel_opcode opcode)
{
	switch (opcode) {
	case SPDK_ACCEL_OPC_FILL:
		return 0;
	case SPDK_ACCEL_OPC_DECOMPRESS:
		return g_packed_len;
	case SPDK_ACCEL_OPC_DIF_VERIFY:
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return STEP_DATA + STEP_METADATA;
	default:
		return STEP_DATA;
	}
}

size_t
step_destination_len(enum spdk_accel_opcode opcode)
{
	switch (opcode) {
	case SPDK_ACCEL_OPC_CRC32C:
	case SPDK_ACCEL_OPC_DIF_VERIFY:
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return 0;
	case SPDK_ACCEL_OPC_DIX_GENERATE:
	case SPDK_ACCEL_OPC_DIX_VERIFY:
		return STEP_METADATA;
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		return STEP_DATA + STEP_METADATA;
	default:
		return STEP_DATA;
	}
}

void
step_prepare(enum spdk_accel_opcode opcode, void *source, void *destination)
{
	uint8_t data[STEP_DATA];
	struct iovec data_iov = {data, STEP_DATA}, blocks = {source, STEP_MAX}, md = {destination, STEP_METADATA};

	fill_data(data);
	memset(destination, 0, step_destination_len(opcode));
	switch (opcode) {
	case SPDK_ACCEL_OPC_FILL:
		return;
	case SPDK_ACCEL_OPC_DECOMPRESS:
		memcpy(source, g_packed, g_packed_len);
		return;
	case SPDK_ACCEL_OPC_DIF_VERIFY:
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		assert_int_equal(spdk_dif_generate_copy(&data_iov, 1, &blocks, 1, STEP_BLOCKS, &g_dif), 0);
		return;
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		memset(source, 0x33, STEP_MAX);
		return;
	case SPDK_ACCEL_OPC_DIX_VERIFY:
		memcpy(source, data, STEP_DATA);
		assert_int_equal(spdk_dix_generate(&data_iov, 1, &md, STEP_BLOCKS, &g_dix), 0);
		return;
	default:
		memcpy(source, data, STEP_DATA);
		return;
	}
}

static int
submit(enum spdk_accel_opcode opcode, struct iovec *dst, struct iovec *src, struct accel_result *result)
{
	spdk_accel_completion_cb cb_fn = accel_fixture_done_cb;

	switch (opcode) {
	case SPDK_ACCEL_OPC_COPY:
		return spdk_accel_submit_copy(g_accel_ch, dst->iov_base, src->iov_base, src->iov_len, cb_fn, result);
	case SPDK_ACCEL_OPC_FILL:
		return spdk_accel_submit_fill(g_accel_ch, dst->iov_base, FILL, dst->iov_len, cb_fn, result);
	case SPDK_ACCEL_OPC_DECOMPRESS:
		return spdk_accel_submit_decompress(g_accel_ch, dst, 1, src, 1, NULL, cb_fn, result);
	case SPDK_ACCEL_OPC_ENCRYPT:
		return spdk_accel_submit_encrypt(g_accel_ch, g_key, dst, 1, src, 1, 9, BLOCK, cb_fn, result);
	case SPDK_ACCEL_OPC_DECRYPT:
		return spdk_accel_submit_decrypt(g_accel_ch, g_key, dst, 1, src, 1, 9, BLOCK, cb_fn, result);
	case SPDK_ACCEL_OPC_CRC32C:
		return spdk_accel_submit_crc32cv(g_accel_ch, &g_step_crc, src, 1, 77, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_VERIFY:
		return spdk_accel_submit_dif_verify(g_accel_ch, src, 1, STEP_BLOCKS, &g_dif, &g_error, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		return spdk_accel_submit_dif_verify_copy(
			g_accel_ch, dst, 1, src, 1, STEP_BLOCKS, &g_dif, &g_error, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return spdk_accel_submit_dif_generate(g_accel_ch, src, 1, STEP_BLOCKS, &g_dif, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		return spdk_accel_submit_dif_generate_copy(
			g_accel_ch, dst, 1, src, 1, STEP_BLOCKS, &g_dif, cb_fn, result);
	case SPDK_ACCEL_OPC_DIX_GENERATE:
		return spdk_accel_submit_dix_generate(g_accel_ch, src, 1, dst, STEP_BLOCKS, &g_dix, cb_fn, result);
	default:
		return spdk_accel_submit_dix_verify(
			g_accel_ch, src, 1, dst, STEP_BLOCKS, &g_dix, &g_error, cb_fn, result);
	}
}

void
step_expect(enum spdk_accel_opcode opcode, void *source, void *destination)
{
	struct iovec src = {source, step_source_len(opcode)}, dst = {destination, step_destination_len(opcode)};
	struct accel_result result = {};

	assert_int_equal(submit(opcode, &dst, &src, &result), 0);
	assert_false(result.called);
	assert_int_equal(accel_fixture_wait(&result), 0);
}

#define DST destination->iovs, destination->iovcnt, destination->domain, destination->domain_ctx
#define SRC source->iovs, source->iovcnt, source->domain, source->domain_ctx
#define MD destination->iovs, destination->domain, destination->domain_ctx

int
step_append(struct spdk_accel_sequence **seq, enum spdk_accel_opcode opcode, const struct step_place *destination,
	const struct step_place *source, struct accel_result *result)
{
	spdk_accel_step_cb cb_fn = accel_fixture_step_cb;

	switch (opcode) {
	case SPDK_ACCEL_OPC_COPY:
		return spdk_accel_append_copy(seq, g_accel_ch, DST, SRC, cb_fn, result);
	case SPDK_ACCEL_OPC_FILL:
		return spdk_accel_append_fill(seq, g_accel_ch, destination->iovs[0].iov_base,
			destination->iovs[0].iov_len, destination->domain, destination->domain_ctx, FILL, cb_fn,
			result);
	case SPDK_ACCEL_OPC_DECOMPRESS:
		return spdk_accel_append_decompress(seq, g_accel_ch, DST, SRC, cb_fn, result);
	case SPDK_ACCEL_OPC_ENCRYPT:
		return spdk_accel_append_encrypt(seq, g_accel_ch, g_key, DST, SRC, 9, BLOCK, cb_fn, result);
	case SPDK_ACCEL_OPC_DECRYPT:
		return spdk_accel_append_decrypt(seq, g_accel_ch, g_key, DST, SRC, 9, BLOCK, cb_fn, result);
	case SPDK_ACCEL_OPC_CRC32C:
		return spdk_accel_append_crc32c(seq, g_accel_ch, &g_step_crc, SRC, 77, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_VERIFY:
		return spdk_accel_append_dif_verify(seq, g_accel_ch, SRC, STEP_BLOCKS, &g_dif, &g_error, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_VERIFY_COPY:
		return spdk_accel_append_dif_verify_copy(
			seq, g_accel_ch, DST, SRC, STEP_BLOCKS, &g_dif, &g_error, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_GENERATE:
		return spdk_accel_append_dif_generate(seq, g_accel_ch, SRC, STEP_BLOCKS, &g_dif, cb_fn, result);
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
		return spdk_accel_append_dif_generate_copy(
			seq, g_accel_ch, DST, SRC, STEP_BLOCKS, &g_dif, cb_fn, result);
	case SPDK_ACCEL_OPC_DIX_GENERATE:
		return spdk_accel_append_dix_generate(seq, g_accel_ch, SRC, MD, STEP_BLOCKS, &g_dix, cb_fn, result);
	default:
		return spdk_accel_append_dix_verify(
			seq, g_accel_ch, SRC, MD, STEP_BLOCKS, &g_dix, &g_error, cb_fn, result);
	}
}

int
step_finish(struct spdk_accel_sequence *seq, struct accel_result *result)
{
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, result);
	return accel_fixture_wait(result);
}
