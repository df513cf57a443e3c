/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * I/O to the same blocks at the same time, and what comes after what: of I/O that is outstanding together any order will
 * do, but it is one order, and block by block the whole of one of them; what has completed is seen by all that comes after.
 */

#include "app/bdevkit/check/check.h"

#include "app/bdevkit/text.h"

#include "spdk/json.h"

#define DEPTH 12
#define ROUNDS 40
/* Units that all of them meet on, and the largest I/O. */
#define HOT_UNITS 12
#define MAX_UNITS 6

struct overlap {
	struct check *check;
	uint64_t unit;
	uint64_t hot_blocks;
	/* A file below goes through the page cache, where the kernel copies bytes while others read them. */
	bool page_cache;
	struct check_io ios[DEPTH];
	struct check_data datas[DEPTH];
	uint32_t generations[DEPTH];
};

static void
start(struct overlap *overlap, unsigned int i)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE_ZEROES};
	uint64_t units = overlap->hot_blocks / overlap->unit;
	uint64_t count = 1 + session_random(spdk_min(units, MAX_UNITS));
	struct check_io *io = &overlap->ios[i];

	*io = (struct check_io){.check = overlap->check,
		.type = types[session_random(SPDK_COUNTOF(types))],
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = session_random(units - count + 1) * overlap->unit,
		.blocks = count * overlap->unit,
		.data = &overlap->datas[i]};
	if (!check_data_alloc(overlap->check, io->data, io->blocks, session_random(3) == 0)) {
		abort();
	}
	overlap->generations[i] = CHECK_ZEROES;
	if (io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		overlap->generations[i] = ++overlap->check->last_generation;
		check_data_fill(overlap->check, io->data, io->offset, overlap->generations[i]);
	}
	check_io_submit(io);
}

static bool
changes(const struct check_io *io, uint64_t block)
{
	return io->type != SPDK_BDEV_IO_TYPE_READ && block >= io->offset && block < io->offset + io->blocks;
}

/*
 * Whether a block, the one with this index in the buffers, is one that it may be: of a write that ran at the same time, or
 * what was there before. after: what was there before has been written over. The one it is, is stored.
 */
static bool
is_legal(struct overlap *overlap, const struct check_data *data, uint64_t index, uint64_t block, bool after,
	uint32_t *generation)
{
	bool changed = false;

	for (unsigned int i = 0; i < DEPTH; i++) {
		if (!changes(&overlap->ios[i], block)) {
			continue;
		}
		changed = true;
		*generation = overlap->generations[i];
		if (check_data_block_is(overlap->check, data, index, block, *generation)) {
			return true;
		}
	}
	*generation = overlap->check->blocks[block].generation;
	return !(after && changed) && check_data_block_is(overlap->check, data, index, block, *generation);
}

/* Whether each byte is of a write that ran at the same time, or was there before. */
static bool
is_mixed(struct overlap *overlap, const struct check_data *data, uint64_t index, uint64_t block)
{
	uint32_t generations[DEPTH + 1];
	size_t count = 0;

	generations[count++] = overlap->check->blocks[block].generation;
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (changes(&overlap->ios[i], block)) {
			generations[count++] = overlap->generations[i];
		}
	}
	return check_data_block_is_of(overlap->check, data, index, block, generations, count);
}

static bool
goes_through_page_cache(void)
{
	bool found = false;

	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL && !found; bdev = spdk_bdev_next(bdev)) {
		struct text text = {0};
		struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, 0);

		if (w == NULL) {
			abort();
		}
		spdk_json_write_object_begin(w);
		spdk_bdev_dump_info_json(bdev, w);
		spdk_json_write_object_end(w);
		spdk_json_write_end(w);
		found = text.data != NULL && strstr(text.data, "\"page_cache\":true") != NULL;
		free(text.data);
	}
	return found;
}

static void
judge_reads(struct overlap *overlap)
{
	struct check_rule *rule = check_rule(overlap->check, RULE_OVERLAP);
	uint32_t generation;

	for (unsigned int i = 0; i < DEPTH; i++) {
		const struct check_io *io = &overlap->ios[i];

		check_expect(overlap->check, rule, io->rc == 0 && io->success, io, "failed (%d)", io->rc);
		for (uint64_t j = 0; io->type == SPDK_BDEV_IO_TYPE_READ && j < io->blocks; j++) {
			bool legal = is_legal(overlap, io->data, j, io->offset + j, false, &generation);

			if (!legal && overlap->page_cache && is_mixed(overlap, io->data, j, io->offset + j)) {
				legal = true;
				check_note(rule,
					"in the page cache of a file, a read beside a write has got part of each");
			}
			check_expect(overlap->check, rule, legal, io,
				"block %" PRIu64
				" is neither what was there before nor the whole of one that was written at the time",
				io->offset + j);
		}
	}
}

/* When all have ended it is settled which one was the last. */
static void
judge_outcome(struct overlap *overlap)
{
	struct check *check = overlap->check;
	struct check_rule *rule = check_rule(check, RULE_OVERLAP_END);
	struct check_data data;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_READ,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.blocks = overlap->hot_blocks,
		.data = &data};
	uint32_t generation;

	if (!check_data_alloc(check, &data, io.blocks, false)) {
		abort();
	}
	if (check_io_succeeds(rule, &io)) {
		for (uint64_t i = 0; i < io.blocks; i++) {
			bool legal = is_legal(overlap, &data, i, i, true, &generation);

			check_expect(check, rule, legal, &io,
				"block %" PRIu64 " is not the whole of one of those that were written last", i);
			check_know(check, i, 1, legal ? generation : CHECK_UNKNOWN);
		}
	}
	check_data_free(&data);
}

static void
check_round(struct overlap *overlap)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		start(overlap, i);
		if (session_random(4) == 0) {
			session_poll();
		}
	}
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (overlap->ios[i].rc == 0) {
			check_io_wait(&overlap->ios[i]);
		}
	}
	judge_reads(overlap);
	judge_outcome(overlap);
	for (unsigned int i = 0; i < DEPTH; i++) {
		check_data_free(&overlap->datas[i]);
	}
}

/* A write that has completed is what each thread reads from then on, while others are busy elsewhere. */
static void
check_order(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_ORDER);
	uint64_t unit = check_unit(check);
	struct check_data datas[SESSION_NUM_THREADS], written;
	struct check_io reads[SESSION_NUM_THREADS];

	for (int round = 0, rounds = check_rounds(check, ROUNDS); round < rounds; round++) {
		struct check_io write = {.check = check,
			.type = SPDK_BDEV_IO_TYPE_WRITE,
			.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
			.offset = session_random(check->area / unit) * unit,
			.blocks = unit,
			.data = &written};

		if (!check_data_alloc(check, &written, unit, false)) {
			abort();
		}
		check_data_fill(check, &written, write.offset, ++check->last_generation);
		check_io_succeeds(rule, &write);
		check_know(check, write.offset, unit, write.success ? check->last_generation : CHECK_UNKNOWN);
		for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
			if (!check_data_alloc(check, &datas[i], unit, false)) {
				abort();
			}
			reads[i] = write;
			reads[i].type = SPDK_BDEV_IO_TYPE_READ;
			reads[i].channel = i;
			reads[i].data = &datas[i];
			check_io_submit(&reads[i]);
		}
		for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
			if (reads[i].rc == 0) {
				check_io_wait(&reads[i]);
			}
			check_expect(check, rule,
				reads[i].rc == 0 && reads[i].success &&
					check_data_find_wrong(check, &datas[i], write.offset) == UINT64_MAX,
				&reads[i], "it is not what thread %u has written there", write.channel);
			check_data_free(&datas[i]);
		}
		check_data_free(&written);
	}
}

/* Each thread would replace the same block by one of its own. One does. */
static void
check_contest(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_CONTEST);
	uint64_t unit = check_unit(check);
	struct check_data expected, datas[SESSION_NUM_THREADS];
	struct check_io ios[SESSION_NUM_THREADS];
	uint32_t held;

	if (check->separate_md_size > 0 || check->options->no_data) {
		check_skip(rule,
			check->options->no_data ? "the bdev does not keep data" : "it leaves out separate metadata");
		return;
	}
	check_write_read(check, rule, 0, unit, false);
	held = check->last_generation;
	for (int round = 0, rounds = check_rounds(check, ROUNDS); round < rounds; round++) {
		unsigned int won = 0;

		if (!check_data_alloc(check, &expected, unit, false)) {
			abort();
		}
		check_data_fill(check, &expected, 0, held);
		for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
			if (!check_data_alloc(check, &datas[i], unit, false)) {
				abort();
			}
			check_data_fill(check, &datas[i], 0, check->last_generation + 1 + i);
			ios[i] = (struct check_io){.check = check,
				.type = SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
				.channel = i,
				.blocks = unit,
				.data = &expected,
				.write_data = &datas[i]};
			check_io_submit(&ios[i]);
		}
		for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
			if (ios[i].rc == 0) {
				check_io_wait(&ios[i]);
			}
			if (ios[i].rc == 0 && ios[i].success) {
				won++;
				held = check->last_generation + 1 + i;
			}
			check_data_free(&datas[i]);
		}
		check->last_generation += SESSION_NUM_THREADS;
		check_know(check, 0, unit, held);
		check_expect(check, rule, won == 1, &ios[0], "%u of %u have succeeded", won, SESSION_NUM_THREADS);
		check_holds(check, rule, 0, unit);
		check_data_free(&expected);
	}
}

void
check_overlap(struct check *check)
{
	struct overlap overlap = {.check = check, .unit = check_unit(check)};

	overlap.hot_blocks = spdk_min(HOT_UNITS * overlap.unit, check->area / overlap.unit * overlap.unit);
	if (check->options->no_data) {
		check_skip(check_rule(check, RULE_OVERLAP), "--no-data: what is read is not compared");
		check_skip(check_rule(check, RULE_OVERLAP_END), "--no-data: what is read is not compared");
	} else {
		check_write_read(check, check_rule(check, RULE_DATA_READ), 0, overlap.hot_blocks, false);
		overlap.page_cache = goes_through_page_cache();
		for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
			check_round(&overlap);
		}
	}
	check_order(check);
	check_contest(check);
}
