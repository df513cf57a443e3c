/* SPDX-License-Identifier: BSD-3-Clause */

/* What each operation does to the data. */

#include "app/bdevkit/check/check.h"

#define BLOCKS 8

/* Two places that do not overlap, in whole units. */
struct place {
	uint64_t here;
	uint64_t there;
	uint64_t blocks;
};

static struct place
choose_place(const struct check *check)
{
	uint64_t unit = check_unit(check);
	uint64_t half = check->area / 2 / unit * unit;
	uint64_t blocks = half < BLOCKS ? half : check_round_up(BLOCKS, unit);

	return (struct place){.there = half, .blocks = blocks};
}

static void
check_write_zeroes(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_ZEROES);
	struct check_io io = {
		.check = check, .type = SPDK_BDEV_IO_TYPE_WRITE_ZEROES, .offset = place->here, .blocks = place->blocks};

	check_write_read(
		check, rule, place->here, place->blocks * 2 <= check->area ? place->blocks * 2 : place->blocks, false);
	if (check_io_succeeds(rule, &io)) {
		check_know(check, place->here, place->blocks, CHECK_ZEROES);
		check_holds(
			check, rule, place->here, place->blocks * 2 <= check->area ? place->blocks * 2 : place->blocks);
	}
}

static void
check_unmap(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_UNMAP);
	struct check_io io = {
		.check = check, .type = SPDK_BDEV_IO_TYPE_UNMAP, .offset = place->here, .blocks = place->blocks};

	if (!spdk_bdev_io_type_supported(check->bdev, io.type)) {
		check_skip(rule, "the bdev has no unmap");
		return;
	}
	check_write_read(check, rule, place->there, place->blocks, false);
	if (check_io_succeeds(rule, &io)) {
		check_know(check, place->here, place->blocks, CHECK_UNKNOWN);
		check_holds(check, rule, place->here, place->blocks);
		check_holds(check, rule, place->there, place->blocks);
	}
}

static void
check_flush(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_FLUSH);
	struct check_io io = {.check = check, .type = SPDK_BDEV_IO_TYPE_FLUSH, .blocks = check->num_blocks};

	if (!spdk_bdev_io_type_supported(check->bdev, io.type)) {
		check_skip(rule, "the bdev has no flush");
		return;
	}
	check_write_read(check, rule, place->here, place->blocks, false);
	check_io_succeeds(rule, &io);
	check_holds(check, rule, place->here, place->blocks);
}

static void
check_compare(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_COMPARE);
	struct check_data data;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_COMPARE,
		.offset = place->here,
		.blocks = place->blocks,
		.data = &data};

	if (check->options->no_data) {
		check_skip(rule, "the bdev does not keep data");
		return;
	}
	check_write_read(check, rule, place->here, place->blocks, false);
	if (!check_data_alloc(check, &data, place->blocks, true)) {
		abort();
	}
	check_data_fill(check, &data, place->here, check->last_generation);
	check_io_succeeds(rule, &io);
	for (uint64_t i = 0; i < place->blocks; i++) {
		struct iovec *last = &data.iovs[data.iovcnt - 1];
		uint8_t *byte = (uint8_t *)last->iov_base + session_random(last->iov_len);

		*byte ^= 1;
		check_io_run(&io);
		check_expect(
			check, rule, io.rc == 0 && !io.success && io.miscompare, &io, "it has not seen a difference");
		*byte ^= 1;
	}
	check_data_free(&data);
}

static void
check_compare_and_write(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_COMPARE_WRITE);
	struct check_data expected, data;
	uint64_t blocks = check_unit(check);
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
		.offset = place->here,
		.blocks = blocks,
		.data = &expected,
		.write_data = &data};

	if (check->options->no_data || check->separate_md_size > 0) {
		check_skip(rule,
			check->options->no_data ? "the bdev does not keep data" : "it leaves out separate metadata");
		return;
	}
	check_write_read(check, rule, place->here, blocks, false);
	if (!check_data_alloc(check, &expected, blocks, false) || !check_data_alloc(check, &data, blocks, false)) {
		abort();
	}
	check_data_fill(check, &expected, place->here, check->last_generation);
	check_data_fill(check, &data, place->here, ++check->last_generation);
	if (check_io_succeeds(rule, &io)) {
		check_know(check, place->here, blocks, check->last_generation);
	}
	check_holds(check, rule, place->here, blocks);
	/* Now the expectation is out of date. */
	check_data_fill(check, &data, place->here, ++check->last_generation);
	check_io_run(&io);
	check_expect(check, rule, io.rc == 0 && !io.success, &io, "it has written over something else");
	check_holds(check, rule, place->here, blocks);
	check_data_free(&expected);
	check_data_free(&data);
}

static void
check_copy(struct check *check, const struct place *place)
{
	struct check_rule *rule = check_rule(check, RULE_MEANS_COPY);
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_COPY,
		.offset = place->there,
		.src = place->here,
		.blocks = place->blocks};

	check_write_read(check, rule, place->here, place->blocks, false);
	if (check_io_succeeds(rule, &io)) {
		check_know_copy(check, place->there, place->here, place->blocks);
		check_holds(check, rule, place->there, place->blocks);
		check_holds(check, rule, place->here, place->blocks);
	}
}

void
check_meaning(struct check *check)
{
	struct place place = choose_place(check);

	check_write_zeroes(check, &place);
	check_unmap(check, &place);
	check_flush(check, &place);
	check_compare(check, &place);
	check_compare_and_write(check, &place);
	check_copy(check, &place);
}
