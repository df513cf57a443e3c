/* SPDX-License-Identifier: BSD-3-Clause */

/* Sequences, from the arguments to a list of steps. */

#include "lib/accel/accel_internal.h"

/* A side of a step: data, and where it lies. */
struct side {
	struct iovec *iovs;
	size_t iovcnt;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
};

static struct spdk_accel_sequence *
begin_sequence(struct accel_io_channel *ch)
{
	struct spdk_accel_sequence *seq;

	/* One that cannot take a few steps would only be in the way of those that were begun before. */
	if (ch->tasks.count - ch->tasks.in_use < ACCEL_TASKS_IN_SEQUENCE) {
		return NULL;
	}
	seq = accel_pool_get(&ch->sequences);
	if (seq == NULL) {
		ch->stats.retry.sequence++;
		return NULL;
	}
	memset(seq, 0, sizeof(*seq));
	seq->ch = ch;
	TAILQ_INIT(&seq->tasks);
	return seq;
}

/*
 * Adds a step at the end of *seq, or of a new sequence. NULL: there is no room, and nothing has changed. What the
 * operation needs besides its sides is the caller's to fill in.
 */
static struct spdk_accel_task *
append(struct spdk_accel_sequence **seq, struct spdk_io_channel *io_ch, enum spdk_accel_opcode opcode,
	const struct side *dst, const struct side *src, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_accel_sequence *to = *seq;
	struct spdk_accel_task *task;

	if (to == NULL) {
		to = begin_sequence(ch);
		if (to == NULL) {
			return NULL;
		}
	}
	task = accel_task_get(ch, opcode, cb_arg);
	if (task == NULL) {
		if (*seq == NULL) {
			accel_pool_put(&ch->sequences, to);
		}
		return NULL;
	}
	task->seq = to;
	task->step_cb_fn = cb_fn;
	if (src != NULL) {
		task->s.iovs = src->iovs;
		task->s.iovcnt = src->iovcnt;
		task->src_domain = src->domain;
		task->src_domain_ctx = src->domain_ctx;
		task->nbytes = accel_iovs_length(src->iovs, src->iovcnt);
	}
	if (dst != NULL) {
		task->d.iovs = dst->iovs;
		task->d.iovcnt = dst->iovcnt;
		task->dst_domain = dst->domain;
		task->dst_domain_ctx = dst->domain_ctx;
	}
	TAILQ_INSERT_TAIL(&to->tasks, task, seq_link);
	*seq = to;
	return task;
}

#define SIDE(name) \
	(&(struct side){.iovs = name##_iovs, \
		.iovcnt = name##_iovcnt, \
		.domain = name##_domain, \
		.domain_ctx = name##_domain_ctx})
#define ONE_SIDE (&(struct side){.iovs = iovs, .iovcnt = iovcnt, .domain = domain, .domain_ctx = domain_ctx})

int
spdk_accel_append_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	uint32_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	uint32_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, spdk_accel_step_cb cb_fn,
	void *cb_arg)
{
	return append(seq, ch, SPDK_ACCEL_OPC_COPY, SIDE(dst), SIDE(src), cb_fn, cb_arg) != NULL ? 0 : -ENOMEM;
}

int
spdk_accel_append_fill(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, void *buf, uint64_t len,
	struct spdk_memory_domain *domain, void *domain_ctx, uint8_t pattern, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	task = append(seq, ch, SPDK_ACCEL_OPC_FILL, NULL, NULL, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->d.iovs = accel_task_set_iov(task, SPDK_ACCEL_AUX_IOV_DST, buf, len);
	task->d.iovcnt = 1;
	task->dst_domain = domain;
	task->dst_domain_ctx = domain_ctx;
	task->fill_pattern = pattern * 0x0101010101010101ULL;
	task->nbytes = len;
	return 0;
}

int
spdk_accel_append_decompress_ext(struct spdk_accel_sequence **pseq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	enum spdk_accel_comp_algo decomp_algo, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_module_if *module = g_accel.assignments[SPDK_ACCEL_OPC_COMPRESS].module;
	struct spdk_accel_task *task;

	if (module->compress_supports_algo == NULL || !module->compress_supports_algo(decomp_algo)) {
		SPDK_ERRLOG("accel: compression algorithm %d is not supported\n", decomp_algo);
		return -ENOTSUP;
	}
	task = append(pseq, ch, SPDK_ACCEL_OPC_DECOMPRESS, SIDE(dst), SIDE(src), cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->comp.algo = decomp_algo;
	task->comp.level = 0;
	task->output_size = NULL;
	return 0;
}

int
spdk_accel_append_decompress(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, spdk_accel_step_cb cb_fn,
	void *cb_arg)
{
	return spdk_accel_append_decompress_ext(seq, ch, dst_iovs, dst_iovcnt, dst_domain, dst_domain_ctx, src_iovs,
		src_iovcnt, src_domain, src_domain_ctx, SPDK_ACCEL_COMP_ALGO_DEFLATE, cb_fn, cb_arg);
}

static int
finish_crypto(struct spdk_accel_task *task, struct spdk_accel_crypto_key *key, uint64_t iv, uint32_t block_size)
{
	if (task == NULL) {
		return -ENOMEM;
	}
	accel_task_use_key(task, key);
	task->iv = iv;
	task->block_size = block_size;
	return 0;
}

int
spdk_accel_append_encrypt(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct spdk_accel_crypto_key *key, struct iovec *dst_iovs, uint32_t dst_iovcnt,
	struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs, uint32_t src_iovcnt,
	struct spdk_memory_domain *src_domain, void *src_domain_ctx, uint64_t iv, uint32_t block_size,
	spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_crypto(
		append(seq, ch, SPDK_ACCEL_OPC_ENCRYPT, SIDE(dst), SIDE(src), cb_fn, cb_arg), key, iv, block_size);
}

int
spdk_accel_append_decrypt(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct spdk_accel_crypto_key *key, struct iovec *dst_iovs, uint32_t dst_iovcnt,
	struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs, uint32_t src_iovcnt,
	struct spdk_memory_domain *src_domain, void *src_domain_ctx, uint64_t iv, uint32_t block_size,
	spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_crypto(
		append(seq, ch, SPDK_ACCEL_OPC_DECRYPT, SIDE(dst), SIDE(src), cb_fn, cb_arg), key, iv, block_size);
}

int
spdk_accel_append_crc32c(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, uint32_t *dst,
	struct iovec *iovs, uint32_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t seed,
	spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct spdk_accel_task *task;

	task = append(seq, ch, SPDK_ACCEL_OPC_CRC32C, NULL, ONE_SIDE, cb_fn, cb_arg);
	if (task == NULL) {
		return -ENOMEM;
	}
	task->crc_dst = dst;
	task->seed = seed;
	return 0;
}

static int
finish_dif(
	struct spdk_accel_task *task, uint32_t num_blocks, const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err)
{
	if (task == NULL) {
		return -ENOMEM;
	}
	task->dif.ctx = ctx;
	task->dif.err = err;
	task->dif.num_blocks = num_blocks;
	task->nbytes = (uint64_t)num_blocks * ctx->block_size;
	return 0;
}

int
spdk_accel_append_dif_verify(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_dif(
		append(seq, ch, SPDK_ACCEL_OPC_DIF_VERIFY, NULL, ONE_SIDE, cb_fn, cb_arg), num_blocks, ctx, err);
}

int
spdk_accel_append_dif_verify_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *dst_iovs,
	size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *src_iovs,
	size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, struct spdk_dif_error *err, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_dif(append(seq, ch, SPDK_ACCEL_OPC_DIF_VERIFY_COPY, SIDE(dst), SIDE(src), cb_fn, cb_arg),
		num_blocks, ctx, err);
}

int
spdk_accel_append_dif_generate(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, uint32_t num_blocks,
	const struct spdk_dif_ctx *ctx, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_dif(
		append(seq, ch, SPDK_ACCEL_OPC_DIF_GENERATE, NULL, ONE_SIDE, cb_fn, cb_arg), num_blocks, ctx, NULL);
}

int
spdk_accel_append_dif_generate_copy(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch,
	struct iovec *dst_iovs, size_t dst_iovcnt, struct spdk_memory_domain *dst_domain, void *dst_domain_ctx,
	struct iovec *src_iovs, size_t src_iovcnt, struct spdk_memory_domain *src_domain, void *src_domain_ctx,
	uint32_t num_blocks, const struct spdk_dif_ctx *ctx, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	return finish_dif(append(seq, ch, SPDK_ACCEL_OPC_DIF_GENERATE_COPY, SIDE(dst), SIDE(src), cb_fn, cb_arg),
		num_blocks, ctx, NULL);
}

/* The metadata of dix operations takes the place of the destination. */
int
spdk_accel_append_dix_generate(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *md_iov,
	struct spdk_memory_domain *md_domain, void *md_domain_ctx, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct side md = {.iovs = md_iov, .iovcnt = 1, .domain = md_domain, .domain_ctx = md_domain_ctx};

	return finish_dif(
		append(seq, ch, SPDK_ACCEL_OPC_DIX_GENERATE, &md, ONE_SIDE, cb_fn, cb_arg), num_blocks, ctx, NULL);
}

int
spdk_accel_append_dix_verify(struct spdk_accel_sequence **seq, struct spdk_io_channel *ch, struct iovec *iovs,
	size_t iovcnt, struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *md_iov,
	struct spdk_memory_domain *md_domain, void *md_domain_ctx, uint32_t num_blocks, const struct spdk_dif_ctx *ctx,
	struct spdk_dif_error *err, spdk_accel_step_cb cb_fn, void *cb_arg)
{
	struct side md = {.iovs = md_iov, .iovcnt = 1, .domain = md_domain, .domain_ctx = md_domain_ctx};

	return finish_dif(
		append(seq, ch, SPDK_ACCEL_OPC_DIX_VERIFY, &md, ONE_SIDE, cb_fn, cb_arg), num_blocks, ctx, err);
}
