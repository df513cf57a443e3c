/* SPDX-License-Identifier: BSD-3-Clause */

/* Where there is data, and where there is none. */

#include "app/bdevkit/check/check.h"

#define ROUNDS 20
/* Blocks of a hole that are read. */
#define MAX_LOOK 64

static uint64_t
seek(struct check_rule *rule, struct check *check, enum spdk_bdev_io_type type, uint64_t offset)
{
	struct check_io io = {.check = check,
		.type = type,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset};

	if (!check_io_succeeds(rule, &io)) {
		return offset;
	}
	check_expect(check, rule, io.seek_offset == UINT64_MAX || io.seek_offset >= offset, &io,
		"block %" PRIu64 " is found, in front of it", io.seek_offset);
	return io.seek_offset;
}

static bool
is_zero(const struct check *check, const struct check_data *data)
{
	const uint8_t *bytes = data->iovs[0].iov_base;

	for (uint64_t i = 0; i < data->blocks; i++) {
		for (uint32_t j = 0; j < check->data_size; j++) {
			if (bytes[i * check->block_size + j] != 0) {
				return false;
			}
		}
	}
	return true;
}

/* From there on there is a hole. */
static void
look_into_hole(struct check *check, uint64_t offset)
{
	struct check_rule *rule = check_rule(check, RULE_SEEK_ZEROES);
	uint64_t unit = check_unit(check), end = seek(rule, check, SPDK_BDEV_IO_TYPE_SEEK_DATA, offset);
	struct check_data data;
	struct check_io io = {.check = check, .type = SPDK_BDEV_IO_TYPE_READ, .offset = offset, .data = &data};

	end = end > check->num_blocks ? check->num_blocks : end;
	io.blocks = spdk_min(end - offset, MAX_LOOK);
	if (io.blocks == 0 || offset % unit != 0) {
		return;
	}
	if (!check_data_alloc(check, &data, io.blocks, false)) {
		abort();
	}
	if (check_io_succeeds(rule, &io)) {
		check_expect(check, rule, is_zero(check, &data), &io, "a hole holds something else");
	}
	check_data_free(&data);
}

static void
check_round(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_SEEK_DATA);
	uint64_t unit = check_unit(check), units = check->area / unit;
	uint64_t there = session_random(units) * unit, from = session_random(there + 1), hole;
	struct check_io unmap = {.check = check, .type = SPDK_BDEV_IO_TYPE_UNMAP};

	/* Something is given up around it, so that there is something to pass over. */
	unmap.offset = session_random(units) * unit;
	unmap.blocks = check_round_up(1 + session_random(spdk_min(256, check->area - unmap.offset)), unit);
	if (unmap.offset + unmap.blocks <= check->area) {
		if (!spdk_bdev_io_type_supported(check->bdev, unmap.type)) {
			unmap.type = SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
		}
		check_io_succeeds(rule, &unmap);
		check_know(check, unmap.offset, unmap.blocks, CHECK_UNKNOWN);
	}
	check_write_read(check, rule, there, unit, false);
	check_expect(check, rule, seek(rule, check, SPDK_BDEV_IO_TYPE_SEEK_DATA, from) <= there, NULL,
		"a seek for data from block %" PRIu64 " passes over block %" PRIu64 ", which was written", from, there);
	hole = seek(rule, check, SPDK_BDEV_IO_TYPE_SEEK_HOLE, from);
	check_expect(check, rule, hole < there || hole > there + unit - 1, NULL,
		"a seek for a hole from block %" PRIu64 " finds block %" PRIu64 ", which was written", from, hole);
	if (check->bdev->holes_are_zeroes && hole < check->num_blocks) {
		look_into_hole(check, hole);
	}
}

void
check_seek(struct check *check)
{
	struct check_rule *zeroes = check_rule(check, RULE_SEEK_ZEROES);

	if (check->options->no_data) {
		check_skip(check_rule(check, RULE_SEEK_DATA), "the bdev does not keep data");
		check_skip(zeroes, "the bdev does not keep data");
		return;
	}
	for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
		check_round(check);
	}
	if (!check->bdev->holes_are_zeroes) {
		check_skip(zeroes, "the bdev does not say so (holes_are_zeroes)");
	} else if (zeroes->count == 0) {
		check_skip(zeroes, "there are no holes");
	}
}
