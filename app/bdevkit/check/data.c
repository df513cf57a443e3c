/* SPDX-License-Identifier: BSD-3-Clause */

/* Data that says where it belongs: each block carries its number, the seed and a generation. */

#include "app/bdevkit/check/check.h"

#include "spdk/dif.h"
#include "spdk/util.h"

#define GUARD_BYTE 0xa5
#define GUARD_SIZE 64
#define ALIGNMENT 4096

/* ---- buffers ---- */

/* Cuts length bytes into pieces at random places; what lies between them is guards. */
static void
cut(struct check_data *data, size_t length, size_t alignment)
{
	uint8_t *next = data->memory + ALIGNMENT;
	int pieces = 2 + (int)session_random(CHECK_MAX_IOVS - 1);

	data->iovcnt = 0;
	while (length > 0) {
		bool last = data->iovcnt == pieces - 1 || data->iovcnt == CHECK_MAX_IOVS - 1;
		size_t size = last ? length : 1 + session_random(length);

		if (alignment > 1 && !last) {
			size = spdk_min(SPDK_ALIGN_CEIL(size, alignment), length);
		}
		next += GUARD_SIZE + session_random(GUARD_SIZE);
		data->iovs[data->iovcnt++] = (struct iovec){.iov_base = next, .iov_len = size};
		next += size;
		length -= size;
	}
}

bool
check_data_alloc(struct check *check, struct check_data *data, uint64_t blocks, bool cut_up)
{
	size_t length = blocks * check->block_size, md_length = blocks * check->separate_md_size;

	memset(data, 0, sizeof(*data));
	data->blocks = blocks;
	data->memory_size =
		SPDK_ALIGN_CEIL(length + (CHECK_MAX_IOVS + 1) * 2 * GUARD_SIZE + md_length, ALIGNMENT) + 2 * ALIGNMENT;
	data->memory = aligned_alloc(ALIGNMENT, data->memory_size);
	if (data->memory == NULL) {
		return false;
	}
	memset(data->memory, GUARD_BYTE, data->memory_size);
	if (cut_up && length > 0) {
		/* Half of them at multiples of four bytes, as those of devices are. */
		cut(data, length, session_random(2) == 0 ? 4 : 1);
	} else {
		data->iovs[0] = (struct iovec){.iov_base = data->memory + ALIGNMENT, .iov_len = length};
		data->iovcnt = 1;
	}
	if (md_length > 0) {
		data->md = data->memory + data->memory_size - GUARD_SIZE - md_length;
	}
	return true;
}

void
check_data_free(struct check_data *data)
{
	free(data->memory);
	data->memory = NULL;
}

static bool
is_guard(const uint8_t *from, const uint8_t *to)
{
	for (; from < to; from++) {
		if (*from != GUARD_BYTE) {
			return false;
		}
	}
	return true;
}

bool
check_data_guards_intact(const struct check_data *data)
{
	const uint8_t *next = data->memory, *end = data->memory + data->memory_size;

	for (int i = 0; i < data->iovcnt; i++) {
		if (!is_guard(next, data->iovs[i].iov_base)) {
			return false;
		}
		next = (const uint8_t *)data->iovs[i].iov_base + data->iovs[i].iov_len;
	}
	if (data->md == NULL) {
		return is_guard(next, end);
	}
	/* Metadata ends one guard before the memory does. */
	return is_guard(next, data->md) && is_guard(end - GUARD_SIZE, end);
}

/* ---- patterns ---- */

static uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void
check_data_pi_context(const struct check *check, struct spdk_dif_ctx *ctx, uint64_t offset)
{
	const struct spdk_bdev *bdev = check->bdev;
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};

	if (spdk_dif_ctx_init(ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
		    bdev->dif_type, bdev->dif_check_flags, (uint32_t)(offset + check->first_block), 0xffff, 0, 0, 0,
		    &opts) != 0) {
		abort();
	}
}

static void
make_pi(const struct check *check, uint8_t *block, uint8_t *md, uint64_t offset)
{
	struct iovec iov = {.iov_base = block, .iov_len = check->block_size};
	struct iovec md_iov = {.iov_base = md, .iov_len = check->md_size};
	struct spdk_dif_ctx ctx;

	check_data_pi_context(check, &ctx, offset);
	if (check->bdev->md_interleave) {
		spdk_dif_generate(&iov, 1, 1, &ctx);
	} else {
		spdk_dix_generate(&iov, 1, &md_iov, 1, &ctx);
	}
}

/* md: where its metadata is, inside the block or apart from it. */
static void
make_block(const struct check *check, uint8_t *block, uint8_t *md, uint64_t number, uint32_t generation)
{
	uint64_t words[3] = {number, check->options->seed, generation};
	uint64_t state = mix(mix(number + 1) ^ check->options->seed) + generation;

	memcpy(block, words, spdk_min(sizeof(words), check->data_size));
	for (uint32_t i = sizeof(words); i < check->data_size; i += sizeof(state)) {
		state += 0x9e3779b97f4a7c15ULL;
		words[0] = mix(state);
		memcpy(block + i, words, spdk_min(sizeof(state), check->data_size - i));
	}
	for (uint32_t i = 0; i < check->md_size; i++) {
		md[i] = (uint8_t)(state >> (i % 8 * 8));
	}
	if (check->bdev->dif_type != SPDK_DIF_DISABLE && check->md_size > 0) {
		make_pi(check, block, md, number);
	}
}

struct scratch {
	uint8_t *block;
	uint8_t *md;
};

static struct scratch
scratch_alloc(const struct check *check)
{
	struct scratch scratch = {.block = calloc(1, check->block_size + check->md_size)};

	if (scratch.block == NULL) {
		abort();
	}
	scratch.md = scratch.block + (check->separate_md_size > 0 ? check->block_size : check->data_size);
	return scratch;
}

/* Copies a range of bytes of the buffers into or out of them. */
static void
copy(const struct check_data *data, size_t from, uint8_t *bytes, size_t size, bool into)
{
	for (int i = 0; i < data->iovcnt && size > 0; i++) {
		size_t length = data->iovs[i].iov_len, part;
		uint8_t *base = data->iovs[i].iov_base;

		if (from >= length) {
			from -= length;
			continue;
		}
		part = spdk_min(length - from, size);
		if (into) {
			memcpy(base + from, bytes, part);
		} else {
			memcpy(bytes, base + from, part);
		}
		bytes += part;
		size -= part;
		from = 0;
	}
}

void
check_data_fill(struct check *check, struct check_data *data, uint64_t offset, uint32_t generation)
{
	struct scratch scratch = scratch_alloc(check);

	for (uint64_t i = 0; i < data->blocks; i++) {
		if (generation != CHECK_ZEROES) {
			make_block(check, scratch.block, scratch.md, offset + i, generation);
		}
		copy(data, i * check->block_size, scratch.block, check->block_size, true);
		if (data->md != NULL) {
			memcpy(data->md + i * check->md_size, scratch.md, check->md_size);
		}
	}
	free(scratch.block);
}

static bool
block_matches(struct check *check, const struct check_data *data, uint64_t i, const struct check_block *known)
{
	struct scratch expected = scratch_alloc(check), found = scratch_alloc(check);
	bool equal;

	if (known->generation != CHECK_ZEROES) {
		make_block(check, expected.block, expected.md, known->number, known->generation);
	}
	copy(data, i * check->block_size, found.block, check->block_size, false);
	if (data->md != NULL) {
		memcpy(found.md, data->md + i * check->md_size, check->md_size);
	}
	equal = memcmp(expected.block, found.block, check->data_size) == 0 &&
		(!known->md_known || (check->separate_md_size > 0 && data->md == NULL) ||
			memcmp(expected.md, found.md, check->md_size) == 0);
	free(expected.block);
	free(found.block);
	return equal;
}

bool
check_data_block_is(
	struct check *check, const struct check_data *data, uint64_t i, uint64_t number, uint32_t generation)
{
	const struct check_block known = {(uint32_t)number, generation, generation != CHECK_ZEROES};

	return block_matches(check, data, i, &known);
}

bool
check_data_block_is_of(struct check *check, const struct check_data *data, uint64_t i, uint64_t number,
	const uint32_t *generations, size_t count)
{
	struct scratch expected = scratch_alloc(check), found = scratch_alloc(check);
	/* Bytes that differ from all so far. */
	uint8_t *unknown = calloc(1, check->block_size);
	bool known = true;

	if (unknown == NULL) {
		abort();
	}
	memset(unknown, 1, check->block_size);
	copy(data, i * check->block_size, found.block, check->block_size, false);
	for (size_t j = 0; j < count; j++) {
		memset(expected.block, 0, check->block_size);
		if (generations[j] != CHECK_ZEROES) {
			make_block(check, expected.block, expected.md, number, generations[j]);
		}
		for (uint32_t k = 0; k < check->block_size; k++) {
			unknown[k] &= expected.block[k] != found.block[k];
		}
	}
	for (uint32_t k = 0; k < check->block_size; k++) {
		known = known && unknown[k] == 0;
	}
	free(unknown);
	free(expected.block);
	free(found.block);
	return known;
}

bool
check_data_matches(struct check *check, const struct check_data *data, uint64_t offset, uint32_t generation)
{
	for (uint64_t i = 0; i < data->blocks; i++) {
		if (!check_data_block_is(check, data, i, offset + i, generation)) {
			return false;
		}
	}
	return true;
}

uint64_t
check_data_find_wrong(struct check *check, const struct check_data *data, uint64_t offset)
{
	for (uint64_t i = 0; i < data->blocks && !check->options->no_data; i++) {
		const struct check_block *known = offset + i < check->area ? &check->blocks[offset + i] : NULL;

		if (known != NULL && known->generation != CHECK_UNKNOWN && !block_matches(check, data, i, known)) {
			return offset + i;
		}
	}
	return UINT64_MAX;
}

/* ---- what the bdev holds ---- */

void
check_know(struct check *check, uint64_t offset, uint64_t blocks, uint32_t generation)
{
	for (uint64_t i = offset; i < offset + blocks && i < check->area; i++) {
		check->blocks[i] = (struct check_block){
			.number = (uint32_t)i,
			.generation = generation,
			.md_known = generation != CHECK_ZEROES,
		};
	}
}

void
check_know_copy(struct check *check, uint64_t offset, uint64_t src, uint64_t blocks)
{
	bool has_pi = spdk_bdev_get_dif_type(check->bdev) != SPDK_DIF_DISABLE;

	for (uint64_t i = 0; i < blocks && offset + i < check->area; i++) {
		check->blocks[offset + i] = check->blocks[src + i];
		/* Reference tags tell the new place. */
		check->blocks[offset + i].md_known = check->blocks[src + i].md_known && !has_pi;
	}
}
