/* SPDX-License-Identifier: BSD-3-Clause */

/* Sizes and offsets around each limit that the bdev states, and those that it has to refuse. */

#include "app/bdevkit/check/check.h"

#define MAX_BYTES (4U << 20)

/* Around one limit, in blocks, at one place. */
static void
check_around(struct check *check, uint64_t limit)
{
	struct check_rule *rule = check_rule(check, RULE_LIMIT_AROUND);
	uint64_t unit = check_unit(check);

	for (int64_t size = (int64_t)limit - 1; size <= (int64_t)limit + 1; size++) {
		uint64_t blocks = check_round_up(size < 1 ? 1 : (uint64_t)size, unit);
		uint64_t last = check->num_blocks - check->num_blocks % unit;
		const uint64_t offsets[] = {0, unit, check_round_up(limit, unit) - (limit > unit ? unit : 0),
			check_round_up(limit, unit), last - blocks};

		if (blocks * check->block_size > MAX_BYTES || blocks > last) {
			continue;
		}
		for (size_t i = 0; i < SPDK_COUNTOF(offsets); i++) {
			if (offsets[i] <= last - blocks) {
				check_write_read(check, rule, offsets[i], blocks, session_random(2) == 0);
			}
		}
	}
}

static void
check_beyond(struct check *check, enum spdk_bdev_io_type type, struct check_data *data)
{
	struct check_rule *rule = check_rule(check, RULE_LIMIT_END);
	const uint64_t n = check->num_blocks;
	const uint64_t ranges[][2] = {
		{n, 1}, {n - 1, 2}, {0, n + 1}, {n, UINT64_MAX}, {UINT64_MAX, 1}, {UINT64_MAX, 2}, {1, UINT64_MAX}};

	for (size_t i = 0; i < SPDK_COUNTOF(ranges); i++) {
		struct check_io io = {
			.check = check,
			.type = type,
			.offset = ranges[i][0],
			.blocks = ranges[i][1],
			.data = data,
			.write_data = data,
			.keep = type == SPDK_BDEV_IO_TYPE_ZCOPY,
		};

		check_io_run(&io);
		check_expect(check, rule, io.rc == -EINVAL || io.rc == -ENOTSUP, &io, "%d instead of -EINVAL", io.rc);
		if (io.bdev_io != NULL) {
			check_io_end_zcopy(&io, false);
		}
	}
}

static void
check_nothing(struct check *check, enum spdk_bdev_io_type type, uint64_t offset)
{
	struct check_rule *rule = check_rule(check, RULE_LIMIT_NOTHING);
	struct check_data data, neighbour;
	struct check_io io = {.check = check, .type = type, .offset = offset, .data = &data};

	if (!check_data_alloc(check, &data, 0, false) || !check_data_alloc(check, &neighbour, 1, false)) {
		abort();
	}
	check_io_run(&io);
	check_expect(check, rule, io.rc == 0 || io.rc == -EINVAL || io.rc == -ENOTSUP, &io, "%d", io.rc);
	check_expect(check, rule, check_data_guards_intact(&data), &io, "something around its buffer has changed");
	if (offset < check->num_blocks) {
		io = (struct check_io){.check = check,
			.type = SPDK_BDEV_IO_TYPE_READ,
			.offset = offset,
			.blocks = 1,
			.data = &neighbour};
		check_io_run(&io);
		check_expect(check, rule, io.success && check_data_find_wrong(check, &neighbour, offset) == UINT64_MAX,
			&io, "the block has changed");
	}
	check_data_free(&data);
	check_data_free(&neighbour);
}

void
check_limits(struct check *check)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_UNMAP, SPDK_BDEV_IO_TYPE_WRITE_ZEROES, SPDK_BDEV_IO_TYPE_FLUSH,
		SPDK_BDEV_IO_TYPE_COMPARE, SPDK_BDEV_IO_TYPE_COPY, SPDK_BDEV_IO_TYPE_ZCOPY};
	const struct spdk_bdev *bdev = check->bdev;
	/* Beside the bdev's own limits those of the layer's buffers. */
	const uint64_t limits[] = {1, bdev->write_unit_size, bdev->max_rw_size, bdev->optimal_io_boundary,
		bdev->max_segment_size / check->block_size,
		(uint64_t)bdev->max_segment_size * bdev->max_num_segments / check->block_size,
		SPDK_BDEV_SMALL_BUF_MAX_SIZE / check->block_size, SPDK_BDEV_LARGE_BUF_MAX_SIZE / check->block_size};
	struct check_data data;

	for (size_t i = 0; i < SPDK_COUNTOF(limits); i++) {
		if (limits[i] > 0 && check_takes(check, 4)) {
			check_around(check, limits[i]);
		}
	}
	if (!check_data_alloc(check, &data, 2, false)) {
		abort();
	}
	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		check_beyond(check, types[i], &data);
		/* Zero-copy and compare of nothing say nothing. */
		if (types[i] <= SPDK_BDEV_IO_TYPE_FLUSH) {
			check_nothing(check, types[i], 0);
			check_nothing(check, types[i], check->num_blocks);
		}
	}
	check_data_free(&data);
}
