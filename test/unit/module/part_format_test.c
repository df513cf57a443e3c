/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/split and module/bdev/gpt on bdevs with protection information: what is written to a part is right there,
 * and at its place on the base, where the same block has another number.
 */

#include "block_pi.h"
#include "fixture.h"
#include "gpt_image.h"
#include "spdk/util.h"

#define BLOCKS 128
/* Where the part begins. */
#define FIRST 64
#define PART_BLOCKS 60

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static void
create_base(const struct pi_format *format)
{
	assert_int_equal(fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': %d, 'md_interleave': %s, %s}",
				 BLOCKS, format->interleaved ? "true" : "false", pi_format_params(format))
				 ->code,
		0);
}

/* Two parts; the second one is the same for both modules. */
static void
split_base(const struct pi_format *format)
{
	create_base(format);
	fixture_rpc_expect("[\"Mp0\",\"Mp1\"]", "bdev_split_create", "{'base_bdev': 'M', 'split_count': 2}");
}

static void
write_table(const struct pi_format *format)
{
	const struct gpt_image_part parts[] = {{GPT_IMAGE_TYPE_SPDK, FIRST, FIRST + PART_BLOCKS - 1, 0x11}};
	struct gpt_image image = {calloc(BLOCKS, format->data_size), format->data_size, BLOCKS, 4};
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	struct fixture_io io = {};

	assert_non_null(image.data);
	gpt_image_make(&image, parts, SPDK_COUNTOF(parts));
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	/* As an NBD client sees it. */
	opts.hide_metadata = true;
	assert_int_equal(spdk_bdev_open_ext_v2("M", true, event_cb, NULL, &opts, &desc), 0);
	ch = spdk_bdev_get_io_channel(desc);
	for (uint64_t lba = 0; lba < BLOCKS; lba += 8) {
		io.done = false;
		assert_true(fixture_io_wait(spdk_bdev_write_blocks(desc, ch, image.data + lba * format->data_size, lba,
						    8, fixture_io_cb, &io),
			&io));
	}
	spdk_put_io_channel(ch);
	spdk_bdev_close(desc);
	free(image.data);
}

static void
partition_base(const struct pi_format *format)
{
	create_base(format);
	write_table(format);
	fixture_rpc_expect("[\"Mp1\"]", "bdev_gpt_examine", "{'name': 'M'}");
}

/* ---- Checks ---- */

static uint32_t
check_flags(const struct pi_disk *disk)
{
	return SPDK_DIF_FLAGS_GUARD_CHECK | (disk->format.type != SPDK_DIF_TYPE3 ? SPDK_DIF_FLAGS_REFTAG_CHECK : 0);
}

/* The base, beside the part, for reading. */
static void
open_base(struct pi_disk *base, const struct pi_format *format)
{
	memset(base, 0, sizeof(*base));
	base->format = *format;
	base->num_blocks = BLOCKS;
	assert_int_equal(spdk_bdev_open_ext("M", false, event_cb, NULL, &base->user.desc), 0);
	base->user.ch = spdk_bdev_get_io_channel(base->user.desc);
	assert_non_null(base->user.ch);
	base->data = calloc(BLOCKS, pi_disk_stride(base));
	base->md = calloc(BLOCKS, format->md_size);
}

/* What was written is there, for readers of the part and of the base; and the writer's buffers are as they were. */
static void
write_and_read(struct pi_disk *part, struct pi_disk *base, uint64_t offset, uint64_t count)
{
	size_t stride = pi_disk_stride(part), md_size = part->format.md_size;
	uint8_t *data = calloc(PART_BLOCKS + 4, stride), *md = calloc(PART_BLOCKS + 4, md_size);

	pi_disk_fill(part, offset, count, (uint32_t)offset);
	memcpy(data, part->data + offset * stride, count * stride);
	memcpy(md, part->md + offset * md_size, count * md_size);
	assert_true(pi_disk_write(part, offset, count, false));
	assert_memory_equal(part->data + offset * stride, data, count * stride);
	assert_memory_equal(part->md + offset * md_size, md, count * md_size);

	memset(part->data + offset * stride, 0, count * stride);
	memset(part->md + offset * md_size, 0, count * md_size);
	assert_true(pi_disk_read(part, offset, count, false));
	assert_memory_equal(part->data + offset * stride, data, count * stride);
	if (!part->format.interleaved) {
		assert_memory_equal(part->md + offset * md_size, md, count * md_size);
	}
	assert_int_equal(pi_disk_check(part, offset, count, check_flags(part)), 0);

	assert_true(pi_disk_read(base, FIRST + offset, count, false));
	assert_int_equal(pi_disk_check(base, FIRST + offset, count, check_flags(base)), 0);
	for (uint64_t i = 0; i < count && !base->format.head; i++) {
		assert_memory_equal(
			base->data + (FIRST + offset + i) * stride, data + i * stride, base->format.data_size);
	}
	free(data);
	free(md);
}

static void
copy_and_read(struct pi_disk *part)
{
	struct fixture_io io = {};

	pi_disk_fill(part, 0, 4, 0);
	assert_true(pi_disk_write(part, 0, 4, false));
	assert_true(fixture_io_wait(
		spdk_bdev_copy_blocks(part->user.desc, part->user.ch, 20, 0, 4, fixture_io_cb, &io), &io));
	assert_true(pi_disk_read(part, 20, 4, false));
	assert_int_equal(pi_disk_check(part, 20, 4, check_flags(part)), 0);
}

static void
wrong_tags_are_refused(struct pi_disk *part)
{
	pi_disk_fill(part, 8, 4, 9);
	assert_int_equal(pi_disk_write(part, 8, 4, false), part->format.type == SPDK_DIF_TYPE3);
	/* Those of the base are as wrong. */
	pi_disk_fill(part, 8, 4, FIRST + 8);
	assert_int_equal(pi_disk_write(part, 8, 4, false), part->format.type == SPDK_DIF_TYPE3);
}

static void
check_format(const struct pi_format *format)
{
	struct pi_disk part, base;

	pi_disk_open(&part, format, "Mp1");
	open_base(&base, format);
	assert_int_equal(spdk_bdev_get_memory_domains(spdk_bdev_get_by_name("Mp1"), NULL, 0),
		format->type == SPDK_DIF_TYPE3 ? spdk_bdev_get_memory_domains(spdk_bdev_get_by_name("M"), NULL, 0) : 0);
	write_and_read(&part, &base, 0, PART_BLOCKS);
	write_and_read(&part, &base, 7, 1);
	copy_and_read(&part);
	wrong_tags_are_refused(&part);
	pi_disk_close(&part);
	pi_disk_close(&base);
}

static void
for_each_format(void (*make)(const struct pi_format *format), bool interleaved_only)
{
	uint64_t seed = 1;

	for (int i = 0; i < 3 * 3 * 2 * (interleaved_only ? 1 : 2); i++) {
		struct pi_format format = {
			.type = 1 + i % 3,
			.format = i / 3 % 3,
			.head = i / 9 % 2,
			.interleaved = i < 18,
			.md_size = 32,
		};

		format.data_size = format.format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096;
		fixture_start(seed++);
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
		make(&format);
		check_format(&format);
		spdk_log_set_print_level(SPDK_LOG_NOTICE);
		fixture_stop();
	}
}

static void
split_keeps_every_format(void **state)
{
	for_each_format(split_base, false);
}

static void
gpt_keeps_every_format(void **state)
{
	for_each_format(partition_base, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_keeps_every_format),
		cmocka_unit_test(gpt_keeps_every_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
