/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a power cut leaves, of a bdev that stands on a journal (journal.h). Writes and flushes run on all threads, and at
 * some point the power goes. Then everything is removed, the journals hold what the cut has left, the configuration makes
 * the bdev again, and each block has to be what was flushed last, or something that was written later.
 */

#include "app/bdevkit/check/check.h"
#include "app/bdevkit/check/journal.h"

#define DEPTH 16
#define NUM_IOS 300
#define ROUNDS 8
#define MAX_UNITS 48
/* Of one unit; older ones are not told apart. */
#define MAX_HISTORY 32

/* What was written to a unit, one after the other. */
struct history {
	uint32_t generations[MAX_HISTORY];
	unsigned int count;
	/* How many have completed, and have been made to last: those before the last of these are out of date. */
	unsigned int completed;
	unsigned int durable;
	bool busy;
};

struct slot {
	struct check_io io;
	struct check_data data;
	/* Of a write. */
	uint64_t unit_index;
	/* Of a flush: what had completed when it began. */
	unsigned int completed[MAX_UNITS];
	bool busy;
};

struct cut {
	struct check *check;
	enum check_rule_id id;
	uint64_t unit;
	uint64_t num_units;
	struct history units[MAX_UNITS];
	struct slot slots[DEPTH];
	/* As it was when the power went. */
	struct history left[MAX_UNITS];
};

static void
start_write(struct cut *cut, struct slot *slot)
{
	uint64_t index = session_random(cut->num_units);
	struct history *history = &cut->units[index];

	if (history->busy || history->count == MAX_HISTORY) {
		return;
	}
	slot->unit_index = index;
	slot->io = (struct check_io){.check = cut->check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = index * cut->unit,
		.blocks = cut->unit,
		.data = &slot->data};
	if (!check_data_alloc(cut->check, &slot->data, cut->unit, false)) {
		abort();
	}
	history->busy = true;
	history->generations[history->count++] = ++cut->check->last_generation;
	check_data_fill(cut->check, &slot->data, slot->io.offset, cut->check->last_generation);
	slot->busy = true;
	check_io_submit(&slot->io);
}

static void
start_flush(struct cut *cut, struct slot *slot)
{
	uint64_t first = session_random(3) == 0 ? session_random(cut->num_units) : 0;

	slot->io = (struct check_io){.check = cut->check,
		.type = SPDK_BDEV_IO_TYPE_FLUSH,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = first * cut->unit,
		.blocks = (cut->num_units - first) * cut->unit};
	for (uint64_t i = 0; i < cut->num_units; i++) {
		slot->completed[i] = i < first ? 0 : cut->units[i].completed;
	}
	slot->busy = true;
	check_io_submit(&slot->io);
}

/* Returns whether it was a flush. */
static bool
finish(struct cut *cut, struct slot *slot)
{
	struct check_rule *rule = check_rule(cut->check, cut->id);
	struct history *history = &cut->units[slot->unit_index];

	check_expect(cut->check, rule, slot->io.rc == 0 && slot->io.success, &slot->io, "failed (%d)", slot->io.rc);
	if (slot->io.type == SPDK_BDEV_IO_TYPE_WRITE) {
		history->completed = history->count;
		history->busy = false;
		if (cut->id == RULE_UNCACHED) {
			history->durable = history->completed;
		}
		check_data_free(&slot->data);
	} else {
		for (uint64_t i = 0; i < cut->num_units; i++) {
			cut->units[i].durable = spdk_max(cut->units[i].durable, slot->completed[i]);
		}
	}
	slot->busy = false;
	return slot->io.type == SPDK_BDEV_IO_TYPE_FLUSH;
}

static bool
is_over(const struct slot *slot)
{
	return slot->io.rc != 0 || slot->io.completions > 0;
}

/* Returns whether a flush was among them. */
static bool
finish_those_that_are_over(struct cut *cut)
{
	bool flushed = false;

	for (unsigned int i = 0; i < DEPTH; i++) {
		if (cut->slots[i].busy && is_over(&cut->slots[i])) {
			flushed |= finish(cut, &cut->slots[i]);
		}
	}
	return flushed;
}

/* So many; with at_flush fewer, if a flush ends after half of them. */
static void
load_until(struct cut *cut, unsigned int num_ios, bool at_flush)
{
	for (unsigned int started = 0; started < num_ios; started++) {
		struct slot *slot = &cut->slots[session_random(DEPTH)];

		if (finish_those_that_are_over(cut) && at_flush && started >= num_ios / 2) {
			return;
		}
		if (!slot->busy) {
			if (cut->id == RULE_FLUSHED && session_random(6) == 0) {
				start_flush(cut, slot);
			} else {
				start_write(cut, slot);
			}
		}
		session_poll();
	}
}

static void
end_load(struct cut *cut)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (cut->slots[i].busy) {
			if (cut->slots[i].io.rc == 0) {
				check_io_wait(&cut->slots[i].io);
			}
			finish(cut, &cut->slots[i]);
		}
	}
}

/* What is there before: all of it made to last. */
static void
begin(struct cut *cut)
{
	struct check *check = cut->check;
	struct check_rule *rule = check_rule(check, cut->id);
	struct check_io flush = {.check = check, .type = SPDK_BDEV_IO_TYPE_FLUSH, .blocks = cut->num_units * cut->unit};

	memset(cut->units, 0, sizeof(cut->units));
	for (uint64_t i = 0; i < cut->num_units; i++) {
		check_write_read(check, rule, i * cut->unit, cut->unit, false);
		cut->units[i].generations[0] = check->last_generation;
		cut->units[i].count = cut->units[i].completed = cut->units[i].durable = 1;
	}
	if (cut->id == RULE_FLUSHED) {
		check_io_succeeds(rule, &flush);
	}
}

static void
judge(struct cut *cut)
{
	struct check *check = cut->check;
	struct check_rule *rule = check_rule(check, cut->id);
	struct check_data data;

	for (uint64_t i = 0; i < cut->num_units; i++) {
		const struct history *history = &cut->left[i];
		struct check_io io = {.check = check,
			.type = SPDK_BDEV_IO_TYPE_READ,
			.offset = i * cut->unit,
			.blocks = cut->unit,
			.data = &data};

		if (!check_data_alloc(check, &data, cut->unit, false)) {
			abort();
		}
		check_io_succeeds(rule, &io);
		for (uint64_t j = 0; j < cut->unit; j++) {
			bool legal = false;

			for (unsigned int k = history->durable - 1; k < history->count && !legal; k++) {
				legal = check_data_block_is(check, &data, j, io.offset + j, history->generations[k]);
			}
			check_expect(check, rule, legal, &io, "after a power cut block %" PRIu64 " is older than %s",
				io.offset + j,
				cut->id == RULE_FLUSHED ? "the flush behind it" : "a write that was answered");
		}
		check_data_free(&data);
	}
}

static bool
cut_once(struct cut *cut, bool at_flush)
{
	struct check *check = cut->check;

	begin(cut);
	load_until(cut, 40 + (unsigned int)session_random(NUM_IOS), at_flush);
	check_journal_cut();
	memcpy(cut->left, cut->units, sizeof(cut->left));
	load_until(cut, 40, false);
	end_load(cut);
	check_close(check);
	if (!check_expect(check, check_rule(check, RULE_REMOVE_BASE), check_remove_all(check), NULL, "%s does not go",
		    spdk_bdev_first() != NULL ? spdk_bdev_get_name(spdk_bdev_first()) : "one")) {
		return false;
	}
	check_journal_restore();
	if (!check_come_again(check)) {
		return false;
	}
	judge(cut);
	return true;
}

/* Whether it is a journal that holds what is written. */
static bool
stands_on_journal(struct check *check)
{
	uint64_t before;

	if (!check_journal_exists() || check->options->no_data) {
		return false;
	}
	before = check_journal_num_writes();
	check_write_read(check, check_rule(check, RULE_DATA_READ), 0, check_unit(check), false);
	return check_journal_num_writes() > before;
}

void
check_durability(struct check *check)
{
	bool cached = spdk_bdev_has_write_cache(check->bdev);
	enum check_rule_id id = cached ? RULE_FLUSHED : RULE_UNCACHED;
	struct check_rule *flush = check_rule(check, RULE_CACHE_FLUSH);
	struct cut *cut;

	check_skip(check_rule(check, cached ? RULE_UNCACHED : RULE_FLUSHED),
		cached ? "the bdev has a write cache" : "the bdev has no write cache");
	if (cached) {
		check_expect(check, flush, spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_FLUSH), NULL,
			"it has none");
	} else {
		check_skip(flush, "the bdev has no write cache");
	}
	if (!stands_on_journal(check) || flush->failures > 0) {
		check_skip(check_rule(check, id), "it does not stand on a journal (bdev_journal_create)");
		return;
	}
	cut = calloc(1, sizeof(*cut));
	if (cut == NULL) {
		abort();
	}
	cut->check = check;
	cut->id = id;
	cut->unit = check_unit(check);
	cut->num_units = spdk_min(check->area / cut->unit, MAX_UNITS);
	/* Every other time in the moment in which a flush has been answered: a promise that comes too early is not kept then. */
	for (int i = 0; i < ROUNDS && cut_once(cut, i % 2 != 0); i++) {
	}
	free(cut);
}
