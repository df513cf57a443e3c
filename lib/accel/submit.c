/* SPDX-License-Identifier: BSD-3-Clause */

/* Single operations, from the arguments to the module. */

#include "lib/accel/accel_internal.h"

/* Begins one. NULL: there is no room. */
static struct spdk_accel_task *
begin(struct spdk_io_channel *io_ch, enum spdk_accel_opcode opcode, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = accel_task_get(spdk_io_channel_get_ctx(io_ch), opcode, cb_arg);

	if (task != NULL) {
		task->cb_fn = cb_fn;
	}
	return task;
}

static int
submit(struct spdk_accel_task *task)
{
	struct accel_io_channel *ch = task->accel_ch;
	enum spdk_accel_opcode opcode = task->op_code;
	int rc;

	rc = g_accel.assignments[opcode].module->submit_tasks(ch->module_ch[opcode], task);
	if (rc != 0) {
		ch->stats.operations[opcode].failed++;
		accel_task_put(task);
	}
	return rc;
}

static void
set_source(struct spdk_accel_task *task, void *base, uint64_t len)
{
	task->s.iovs = accel_task_set_iov(task, SPDK_ACCEL_AUX_IOV_SRC, base, len);
	task->s.iovcnt = 1;
}

static void
set_destination(struct spdk_accel_task *task, void *base, uint64_t len)
{
	task->d.iovs = accel_task_set_iov(task, SPDK_ACCEL_AUX_IOV_DST, base, len);
	task->d.iovcnt = 1;
}

int
spdk_accel_submit_copy(
	struct spdk_io_channel *ch, void *dst, void *src, uint64_t nbytes, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_COPY, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	set_source(task, src, nbytes);
	set_destination(task, dst, nbytes);
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_dualcast(struct spdk_io_channel *ch, void *dst1, void *dst2, void *src, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	if ((((uintptr_t)dst1 | (uintptr_t)dst2) & 0xfff) != 0) {
		SPDK_ERRLOG("accel: the destinations of a dualcast are not aligned to 4096 bytes\n");
		return -EINVAL;
	}
	task = begin(ch, SPDK_ACCEL_OPC_DUALCAST, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	set_source(task, src, nbytes);
	set_destination(task, dst1, nbytes);
	task->d2.iovs = accel_task_set_iov(task, SPDK_ACCEL_AUX_IOV_DST2, dst2, nbytes);
	task->d2.iovcnt = 1;
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_compare(struct spdk_io_channel *ch, void *src1, void *src2, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_COMPARE, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	set_source(task, src1, nbytes);
	task->s2.iovs = accel_task_set_iov(task, SPDK_ACCEL_AUX_IOV_SRC2, src2, nbytes);
	task->s2.iovcnt = 1;
	task->nbytes = nbytes;
	return submit(task);
}

static uint64_t
repeat(uint8_t byte)
{
	return byte * 0x0101010101010101ULL;
}

int
spdk_accel_submit_fill(struct spdk_io_channel *ch, void *dst, uint8_t fill, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_FILL, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	set_destination(task, dst, nbytes);
	task->fill_pattern = repeat(fill);
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_crc32c(struct spdk_io_channel *ch, uint32_t *crc_dst, void *src, uint32_t seed, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_CRC32C, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	set_source(task, src, nbytes);
	task->crc_dst = crc_dst;
	task->seed = seed;
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_crc32cv(struct spdk_io_channel *ch, uint32_t *crc_dst, struct iovec *iovs, uint32_t iovcnt,
	uint32_t seed, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	if (iovs == NULL || iovcnt == 0) {
		SPDK_ERRLOG("accel: crc32c without data\n");
		return -EINVAL;
	}
	task = begin(ch, SPDK_ACCEL_OPC_CRC32C, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->s.iovs = iovs;
	task->s.iovcnt = iovcnt;
	task->crc_dst = crc_dst;
	task->seed = seed;
	task->nbytes = accel_iovs_length(iovs, iovcnt);
	return submit(task);
}

int
spdk_accel_submit_copy_crc32c(struct spdk_io_channel *ch, void *dst, void *src, uint32_t *crc_dst, uint32_t seed,
	uint64_t nbytes, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_COPY_CRC32C, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	set_source(task, src, nbytes);
	set_destination(task, dst, nbytes);
	task->crc_dst = crc_dst;
	task->seed = seed;
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_copy_crc32cv(struct spdk_io_channel *ch, void *dst, struct iovec *src_iovs, uint32_t iovcnt,
	uint32_t *crc_dst, uint32_t seed, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;
	uint64_t nbytes;

	if (src_iovs == NULL || iovcnt == 0) {
		SPDK_ERRLOG("accel: copy_crc32c without data\n");
		return -EINVAL;
	}
	task = begin(ch, SPDK_ACCEL_OPC_COPY_CRC32C, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	nbytes = accel_iovs_length(src_iovs, iovcnt);
	task->s.iovs = src_iovs;
	task->s.iovcnt = iovcnt;
	set_destination(task, dst, nbytes);
	task->crc_dst = crc_dst;
	task->seed = seed;
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_xor(struct spdk_io_channel *ch, void *dst, void **sources, uint32_t nsrcs, uint64_t nbytes,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, SPDK_ACCEL_OPC_XOR, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	task->nsrcs.srcs = sources;
	task->nsrcs.cnt = nsrcs;
	set_destination(task, dst, nbytes);
	task->nbytes = nbytes;
	return submit(task);
}

/* ---- compression ---- */

static bool
algo_is_supported(enum spdk_accel_comp_algo algo)
{
	struct spdk_accel_module_if *module = g_accel.assignments[SPDK_ACCEL_OPC_COMPRESS].module;

	return module->compress_supports_algo != NULL && module->compress_supports_algo(algo);
}

int
spdk_accel_submit_compress_ext(struct spdk_io_channel *ch, void *dst, uint64_t nbytes, struct iovec *src_iovs,
	size_t src_iovcnt, enum spdk_accel_comp_algo comp_algo, uint32_t comp_level, uint32_t *output_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	if (!algo_is_supported(comp_algo)) {
		SPDK_ERRLOG("accel: compression algorithm %d is not supported\n", comp_algo);
		return -ENOTSUP;
	}
	task = begin(ch, SPDK_ACCEL_OPC_COMPRESS, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->s.iovs = src_iovs;
	task->s.iovcnt = src_iovcnt;
	set_destination(task, dst, nbytes);
	task->comp.algo = comp_algo;
	task->comp.level = comp_level;
	task->output_size = output_size;
	task->nbytes = nbytes;
	return submit(task);
}

int
spdk_accel_submit_compress(struct spdk_io_channel *ch, void *dst, uint64_t nbytes, struct iovec *src_iovs,
	size_t src_iovcnt, uint32_t *output_size, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return spdk_accel_submit_compress_ext(
		ch, dst, nbytes, src_iovs, src_iovcnt, SPDK_ACCEL_COMP_ALGO_DEFLATE, 1, output_size, cb_fn, cb_arg);
}

int
spdk_accel_submit_decompress_ext(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, enum spdk_accel_comp_algo decomp_algo, uint32_t *output_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	if (!algo_is_supported(decomp_algo)) {
		SPDK_ERRLOG("accel: compression algorithm %d is not supported\n", decomp_algo);
		return -ENOTSUP;
	}
	task = begin(ch, SPDK_ACCEL_OPC_DECOMPRESS, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->s.iovs = src_iovs;
	task->s.iovcnt = src_iovcnt;
	task->d.iovs = dst_iovs;
	task->d.iovcnt = dst_iovcnt;
	task->comp.algo = decomp_algo;
	task->comp.level = 0;
	task->output_size = output_size;
	task->nbytes = accel_iovs_length(src_iovs, src_iovcnt);
	return submit(task);
}

int
spdk_accel_submit_decompress(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t *output_size, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return spdk_accel_submit_decompress_ext(ch, dst_iovs, dst_iovcnt, src_iovs, src_iovcnt,
		SPDK_ACCEL_COMP_ALGO_DEFLATE, output_size, cb_fn, cb_arg);
}

/* ---- encryption ---- */

static int
submit_crypto(enum spdk_accel_opcode opcode, struct spdk_io_channel *ch, struct spdk_accel_crypto_key *key,
	struct iovec *dst_iovs, uint32_t dst_iovcnt, struct iovec *src_iovs, uint32_t src_iovcnt, uint64_t iv,
	uint32_t block_size, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	if (key == NULL || dst_iovs == NULL || dst_iovcnt == 0 || src_iovs == NULL || src_iovcnt == 0 ||
		block_size == 0) {
		SPDK_ERRLOG("accel: %s without key, data or block size\n", spdk_accel_get_opcode_name(opcode));
		return -EINVAL;
	}
	task = begin(ch, opcode, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	accel_task_use_key(task, key);
	task->s.iovs = src_iovs;
	task->s.iovcnt = src_iovcnt;
	task->d.iovs = dst_iovs;
	task->d.iovcnt = dst_iovcnt;
	task->nbytes = accel_iovs_length(src_iovs, src_iovcnt);
	task->iv = iv;
	task->block_size = block_size;
	return submit(task);
}

int
spdk_accel_submit_encrypt(struct spdk_io_channel *ch, struct spdk_accel_crypto_key *key, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct iovec *src_iovs, uint32_t src_iovcnt, uint64_t iv, uint32_t block_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_crypto(SPDK_ACCEL_OPC_ENCRYPT, ch, key, dst_iovs, dst_iovcnt, src_iovs, src_iovcnt, iv,
		block_size, cb_fn, cb_arg);
}

int
spdk_accel_submit_decrypt(struct spdk_io_channel *ch, struct spdk_accel_crypto_key *key, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct iovec *src_iovs, uint32_t src_iovcnt, uint64_t iv, uint32_t block_size,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_crypto(SPDK_ACCEL_OPC_DECRYPT, ch, key, dst_iovs, dst_iovcnt, src_iovs, src_iovcnt, iv,
		block_size, cb_fn, cb_arg);
}

/* ---- protection information ---- */

static int
submit_dif(enum spdk_accel_opcode opcode, struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task = begin(ch, opcode, cb_fn, cb_arg);

	if (task == NULL) {
		return -ENOMEM;
	}
	task->s.iovs = src_iovs;
	task->s.iovcnt = src_iovcnt;
	task->d.iovs = dst_iovs;
	task->d.iovcnt = dst_iovcnt;
	task->dif.ctx = ctx;
	task->dif.err = err;
	task->dif.num_blocks = num_blocks;
	task->nbytes = (uint64_t)num_blocks * ctx->block_size;
	return submit(task);
}

int
spdk_accel_submit_dif_verify(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_dif(SPDK_ACCEL_OPC_DIF_VERIFY, ch, NULL, 0, iovs, iovcnt, num_blocks, ctx, err, cb_fn, cb_arg);
}

int
spdk_accel_submit_dif_generate(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_dif(SPDK_ACCEL_OPC_DIF_GENERATE, ch, NULL, 0, iovs, iovcnt, num_blocks, ctx, NULL, cb_fn, cb_arg);
}

int
spdk_accel_submit_dif_generate_copy(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_dif(SPDK_ACCEL_OPC_DIF_GENERATE_COPY, ch, dst_iovs, dst_iovcnt, src_iovs, src_iovcnt, num_blocks,
		ctx, NULL, cb_fn, cb_arg);
}

int
spdk_accel_submit_dif_verify_copy(struct spdk_io_channel *ch, struct iovec *dst_iovs, size_t dst_iovcnt,
	struct iovec *src_iovs, size_t src_iovcnt, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_dif(SPDK_ACCEL_OPC_DIF_VERIFY_COPY, ch, dst_iovs, dst_iovcnt, src_iovs, src_iovcnt, num_blocks,
		ctx, err, cb_fn, cb_arg);
}

int
spdk_accel_submit_dix_generate(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, struct iovec *md_iov,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	return submit_dif(
		SPDK_ACCEL_OPC_DIX_GENERATE, ch, md_iov, 1, iovs, iovcnt, num_blocks, ctx, NULL, cb_fn, cb_arg);
}

int
spdk_accel_submit_dix_verify(struct spdk_io_channel *ch, struct iovec *iovs, size_t iovcnt, struct iovec *md_iov,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_completion_cb cb_fn,
	void *cb_arg)
{
	return submit_dif(SPDK_ACCEL_OPC_DIX_VERIFY, ch, md_iov, 1, iovs, iovcnt, num_blocks, ctx, err, cb_fn, cb_arg);
}
