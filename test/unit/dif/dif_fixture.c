/* SPDX-License-Identifier: BSD-3-Clause */

#include "dif_fixture.h"

#include "spdk/util.h"

static uint64_t g_random = 20;

uint64_t
fixture_random(uint64_t limit)
{
	return spdk_rand_xorshift64(&g_random) % limit;
}

void
fixture_fill(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		buf[i] = (uint8_t)fixture_random(256);
	}
}

static uint32_t
random_tag(void)
{
	static const uint32_t edges[] = {0, 1, 0x7fffffff, 0xfffffff0, 0xfffffffe, SPDK_DIF_REFTAG_IGNORE};

	return fixture_random(3) == 0 ? edges[fixture_random(SPDK_COUNTOF(edges))]
				      : (uint32_t)fixture_random(1ULL << 32);
}

struct layout
layout_random(bool interleaved)
{
	struct layout layout = {
		.interleaved = interleaved,
		.head = fixture_random(2),
		.type = (enum spdk_dif_type)(1 + fixture_random(3)),
		.format = (enum spdk_dif_pi_format)fixture_random(3),
		.flags = (uint32_t)fixture_random(8) << 26,
		.init_ref_tag = random_tag(),
		.apptag_mask = (uint16_t)fixture_random(0x10000),
		.app_tag = (uint16_t)fixture_random(0x10000),
		.guard_seed = fixture_random(2) ? 0 : spdk_rand_xorshift64(&g_random),
	};

	if (fixture_random(2) == 0) {
		layout.flags = ALL_FLAGS;
	}
	if (layout.format == SPDK_DIF_PI_FORMAT_16) {
		layout.data_size = 512 * (1 + fixture_random(4));
		layout.guard_seed &= 0xffff;
	} else {
		layout.data_size = 4096 * (1 + fixture_random(2));
	}
	if (layout.format == SPDK_DIF_PI_FORMAT_32) {
		layout.guard_seed &= 0xffffffff;
	}
	layout.md_size = layout_pi_size(&layout) + (fixture_random(2) ? 0 : fixture_random(64));
	layout.data_offset = (uint32_t)(fixture_random(2) ? 0 : fixture_random(100 * layout.data_size));
	return layout;
}

struct spdk_dif_ctx
layout_context(const struct layout *layout)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = layout->format,
	};
	struct spdk_dif_ctx ctx;

	assert_int_equal(spdk_dif_ctx_init(&ctx, layout_stride(layout), layout->md_size, layout->interleaved,
				 layout->head, layout->type, layout->flags, layout->init_ref_tag, layout->apptag_mask,
				 layout->app_tag, layout->data_offset, layout->guard_seed, &opts),
		0);
	return ctx;
}

uint32_t
layout_stride(const struct layout *layout)
{
	return layout->data_size + (layout->interleaved ? layout->md_size : 0);
}

uint32_t
layout_pi_size(const struct layout *layout)
{
	return layout->format == SPDK_DIF_PI_FORMAT_16 ? 8 : 16;
}

uint32_t
layout_pi_offset(const struct layout *layout)
{
	return layout->head ? 0 : layout->md_size - layout_pi_size(layout);
}

/* ---- CRCs ---- */

static uint16_t
crc16(uint16_t crc, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= (uint16_t)(buf[i] << 8);
		for (int bit = 0; bit < 8; bit++) {
			crc = (uint16_t)((crc << 1) ^ (crc & 0x8000 ? 0x8bb7 : 0));
		}
	}
	return crc;
}

uint32_t
reference_crc32c(uint32_t crc, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= buf[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
		}
	}
	return crc;
}

static uint64_t
crc64(uint64_t crc, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= buf[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (crc & 1 ? 0x9a6c9329ac4bc9b5ULL : 0);
		}
	}
	return crc;
}

uint64_t
reference_guard(const struct layout *layout, const uint8_t *data, const uint8_t *md)
{
	uint64_t seed = layout->guard_seed;
	uint32_t covered_md = layout_pi_offset(layout);

	switch (layout->format) {
	case SPDK_DIF_PI_FORMAT_16:
		return crc16(crc16((uint16_t)seed, data, layout->data_size), md, covered_md);
	case SPDK_DIF_PI_FORMAT_32:
		return ~reference_crc32c(reference_crc32c(~(uint32_t)seed, data, layout->data_size), md, covered_md);
	default:
		return ~crc64(crc64(~seed, data, layout->data_size), md, covered_md);
	}
}

/* ---- Fields ---- */

struct field {
	int offset;
	int size;
};

/* By format: guard, application tag, reference tag. */
static const struct field g_fields[3][3] = {
	{{0, 2}, {2, 2}, {4, 4}},
	{{0, 4}, {4, 2}, {8, 8}},
	{{0, 8}, {8, 2}, {10, 6}},
};

enum {
	GUARD,
	APP_TAG,
	REF_TAG
};

static uint64_t
get(const struct layout *layout, const uint8_t *pi, int which)
{
	struct field field = g_fields[layout->format][which];
	uint64_t value = 0;

	for (int i = 0; i < field.size; i++) {
		value = value << 8 | pi[field.offset + i];
	}
	return value;
}

static void
set(const struct layout *layout, uint8_t *pi, int which, uint64_t value)
{
	struct field field = g_fields[layout->format][which];

	for (int i = field.size - 1; i >= 0; i--, value >>= 8) {
		pi[field.offset + i] = (uint8_t)value;
	}
}

/* As the field holds it. */
static uint64_t
cut(const struct layout *layout, int which, uint64_t value)
{
	uint8_t pi[16];

	set(layout, pi, which, value);
	return get(layout, pi, which);
}

static uint64_t
ref_tag(const struct layout *layout, uint64_t index)
{
	uint64_t first = (uint64_t)layout->init_ref_tag + layout->data_offset / layout->data_size;

	return layout->type == SPDK_DIF_TYPE3 ? first : first + index;
}

void
reference_generate(const struct layout *layout, const uint8_t *data, uint8_t *md, uint64_t index)
{
	uint8_t *pi = md + layout_pi_offset(layout);
	uint64_t tag = layout->init_ref_tag == SPDK_DIF_REFTAG_IGNORE ? UINT64_MAX : ref_tag(layout, index);
	uint64_t guard = reference_guard(layout, data, md);

	memset(pi, 0, layout_pi_size(layout));
	set(layout, pi, GUARD, layout->flags & SPDK_DIF_FLAGS_GUARD_CHECK ? guard : 0);
	set(layout, pi, APP_TAG, layout->flags & SPDK_DIF_FLAGS_APPTAG_CHECK ? layout->app_tag : 0);
	set(layout, pi, REF_TAG, layout->flags & SPDK_DIF_FLAGS_REFTAG_CHECK ? tag : 0);
}

int
reference_verify(const struct layout *layout, const uint8_t *data, const uint8_t *md, uint64_t index,
	struct spdk_dif_error *error)
{
	const uint8_t *pi = md + layout_pi_offset(layout);
	uint64_t guard = get(layout, pi, GUARD), app_tag = get(layout, pi, APP_TAG), tag = get(layout, pi, REF_TAG);
	bool escaped = app_tag == 0xffff;

	if (layout->type == SPDK_DIF_TYPE3) {
		escaped = escaped && tag == cut(layout, REF_TAG, UINT64_MAX);
	}
	error->err_offset = (uint32_t)index;
	if (escaped) {
		return 0;
	}
	if ((layout->flags & SPDK_DIF_FLAGS_GUARD_CHECK) && reference_guard(layout, data, md) != guard) {
		error->err_type = SPDK_DIF_GUARD_ERROR;
		error->expected = guard;
		error->actual = reference_guard(layout, data, md);
		return -1;
	}
	if ((layout->flags & SPDK_DIF_FLAGS_APPTAG_CHECK) &&
		(app_tag & layout->apptag_mask) != (layout->app_tag & layout->apptag_mask)) {
		error->err_type = SPDK_DIF_APPTAG_ERROR;
		error->expected = layout->app_tag;
		error->actual = app_tag & layout->apptag_mask;
		return -1;
	}
	if ((layout->flags & SPDK_DIF_FLAGS_REFTAG_CHECK) && layout->type != SPDK_DIF_TYPE3 &&
		tag != cut(layout, REF_TAG, ref_tag(layout, index))) {
		error->err_type = SPDK_DIF_REFTAG_ERROR;
		error->expected = ref_tag(layout, index);
		error->actual = tag;
		return -1;
	}
	return 0;
}

void
reference_generate_all(const struct layout *layout, uint8_t *flat, uint32_t num_blocks)
{
	for (uint32_t i = 0; i < num_blocks; i++, flat += layout_stride(layout)) {
		reference_generate(layout, flat, flat + layout->data_size, i);
	}
}

int
reference_verify_all(
	const struct layout *layout, const uint8_t *flat, uint32_t num_blocks, struct spdk_dif_error *error)
{
	for (uint32_t i = 0; i < num_blocks; i++, flat += layout_stride(layout)) {
		if (reference_verify(layout, flat, flat + layout->data_size, i, error) != 0) {
			return -1;
		}
	}
	return 0;
}

void
expect_same_error(const struct spdk_dif_error *actual, const struct spdk_dif_error *expected)
{
	assert_int_equal(actual->err_type, expected->err_type);
	assert_int_equal(actual->expected, expected->expected);
	assert_int_equal(actual->actual, expected->actual);
	assert_int_equal(actual->err_offset, expected->err_offset);
}

/* ---- Buffers ---- */

static void
add_piece(struct scattered *to, const uint8_t *flat, size_t len)
{
	struct iovec *iov = &to->iovs[to->count++];

	assert_true(to->count <= FIXTURE_MAX_IOVS);
	iov->iov_len = len;
	/* One of length 0 has an address that must not be touched. */
	iov->iov_base = malloc(len);
	assert_true(iov->iov_base != NULL || len == 0);
	memcpy(iov->iov_base, flat, len);
}

void
scatter_at(struct scattered *to, const uint8_t *flat, size_t len, const size_t *cuts, int num_cuts)
{
	size_t from = 0;

	to->count = 0;
	for (int i = 0; i < num_cuts; i++) {
		size_t end = spdk_min(cuts[i], len);

		add_piece(to, flat + from, end - from);
		from = end;
	}
	add_piece(to, flat + from, len - from);
}

void
scatter(struct scattered *to, const uint8_t *flat, size_t len)
{
	size_t cuts[FIXTURE_MAX_IOVS - 1], at = 0;
	int num_cuts = (int)fixture_random(FIXTURE_MAX_IOVS);
	/* Small pieces, then it is one large piece; or pieces of all sizes. */
	uint64_t limit = fixture_random(2) ? 30 : 1 + 2 * len / (num_cuts + 1);

	at = fixture_random(2) ? 0 : fixture_random(len + 1);
	for (int i = 0; i < num_cuts; i++) {
		cuts[i] = at;
		at += fixture_random(limit + 1);
	}
	scatter_at(to, flat, len, cuts, num_cuts);
}

void
gather(const struct scattered *from, uint8_t *flat)
{
	for (int i = 0; i < from->count; i++) {
		memcpy(flat, from->iovs[i].iov_base, from->iovs[i].iov_len);
		flat += from->iovs[i].iov_len;
	}
}

void
expect_and_free(struct scattered *scattered, const uint8_t *flat)
{
	for (int i = 0; i < scattered->count; i++) {
		const struct iovec *iov = &scattered->iovs[i];

		assert_memory_equal(iov->iov_base, flat, iov->iov_len);
		flat += iov->iov_len;
		free(iov->iov_base);
	}
	scattered->count = 0;
}
