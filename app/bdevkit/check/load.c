/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random I/O of all types on all threads at once. I/O that is outstanding together does not overlap, so that what each
 * block holds is known at any time; and the same with resets and aborts in between, which leave it open what the I/O that
 * failed has done.
 */

#include "app/bdevkit/check/check.h"

#include "spdk/env.h"

#define DEPTH 24
#define MAX_BLOCKS 16
#define NUM_IOS 2000
/* One in so many I/Os is followed by a reset or an abort. */
#define ABORT_ONE_IN 16
#define RESET_ONE_IN 64

struct slot {
	struct check_io io;
	struct check_data data;
	uint32_t generation;
	bool busy;
	/* An abort was asked for, or a reset came: it may fail. */
	bool may_fail;
	struct check_io abort;
	bool aborting;
};

struct load {
	struct check *check;
	struct check_rule *rule;
	/* Blocks that an outstanding I/O writes or reads. */
	uint8_t *locked;
	bool disturb;
	uint64_t unit;
	struct slot slots[DEPTH];
	uint64_t submitted;
	uint64_t num_ios;
};

static bool
lock(struct load *load, uint64_t offset, uint64_t blocks)
{
	for (uint64_t i = offset; i < offset + blocks; i++) {
		if (load->locked[i]) {
			return false;
		}
	}
	memset(load->locked + offset, 1, blocks);
	return true;
}

static enum spdk_bdev_io_type
choose_type(const struct load *load)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_READ,
		SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_WRITE_ZEROES, SPDK_BDEV_IO_TYPE_UNMAP, SPDK_BDEV_IO_TYPE_FLUSH,
		SPDK_BDEV_IO_TYPE_COPY};
	enum spdk_bdev_io_type type = types[session_random(SPDK_COUNTOF(types))];

	if ((type == SPDK_BDEV_IO_TYPE_UNMAP || type == SPDK_BDEV_IO_TYPE_FLUSH) &&
		!spdk_bdev_io_type_supported(load->check->bdev, type)) {
		type = SPDK_BDEV_IO_TYPE_READ;
	}
	return type;
}

/* A place that nobody uses at the moment; returns false if none was found quickly. */
static bool
choose_place(struct load *load, struct check_io *io)
{
	uint64_t units = load->check->area / load->unit;
	uint64_t most = units < MAX_BLOCKS ? units : MAX_BLOCKS;
	uint64_t count = 1 + session_random(most);

	io->blocks = count * load->unit;
	io->offset = session_random(units - count + 1) * load->unit;
	if (!lock(load, io->offset, io->blocks)) {
		return false;
	}
	if (io->type == SPDK_BDEV_IO_TYPE_COPY) {
		io->src = session_random(units - count + 1) * load->unit;
		if (!lock(load, io->src, io->blocks)) {
			memset(load->locked + io->offset, 0, io->blocks);
			return false;
		}
	}
	return true;
}

static void
start(struct load *load, struct slot *slot)
{
	struct check_io *io = &slot->io;

	*io = (struct check_io){.check = load->check,
		.type = choose_type(load),
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.data = &slot->data};
	if (!choose_place(load, io)) {
		return;
	}
	if (!check_data_alloc(load->check, &slot->data, io->blocks, session_random(4) == 0)) {
		abort();
	}
	slot->generation = ++load->check->last_generation;
	/* The resets of others come at any time. */
	slot->may_fail = load->disturb && load->check->num_parts > 0;
	if (io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		check_data_fill(load->check, &slot->data, io->offset, slot->generation);
	}
	load->submitted++;
	slot->busy = true;
	check_io_submit(io);
}

static void
learn(struct load *load, const struct slot *slot)
{
	const struct check_io *io = &slot->io;
	bool done = io->rc == 0 && io->success;

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_WRITE:
		check_know(load->check, io->offset, io->blocks, done ? slot->generation : CHECK_UNKNOWN);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		check_know(load->check, io->offset, io->blocks, done ? CHECK_ZEROES : CHECK_UNKNOWN);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		check_know(load->check, io->offset, io->blocks, CHECK_UNKNOWN);
		break;
	case SPDK_BDEV_IO_TYPE_COPY:
		if (done) {
			check_know_copy(load->check, io->offset, io->src, io->blocks);
		} else {
			check_know(load->check, io->offset, io->blocks, CHECK_UNKNOWN);
		}
		break;
	default:
		break;
	}
}

static void
finish(struct load *load, struct slot *slot)
{
	struct check_rule *guards = check_rule(load->check, RULE_IO_GUARDS);
	struct check_io *io = &slot->io;
	bool done = io->rc == 0 && io->success;
	uint64_t wrong = UINT64_MAX;

	check_expect(load->check, load->rule, done || slot->may_fail, io, "failed (%d)", io->rc);
	if (done && io->type == SPDK_BDEV_IO_TYPE_READ) {
		wrong = check_data_find_wrong(load->check, &slot->data, io->offset);
	}
	check_expect(load->check, load->rule, wrong == UINT64_MAX, io, "block %" PRIu64 " is not what was written last",
		wrong);
	check_expect(load->check, guards, check_data_guards_intact(&slot->data), io, "something has changed");
	learn(load, slot);
	memset(load->locked + io->offset, 0, io->blocks);
	if (io->type == SPDK_BDEV_IO_TYPE_COPY) {
		memset(load->locked + io->src, 0, io->blocks);
	}
	check_data_free(&slot->data);
	slot->busy = false;
}

/* ---- disturbances ---- */

static void
abort_one(struct load *load, struct slot *slot)
{
	bool can = spdk_bdev_io_type_supported(load->check->bdev, SPDK_BDEV_IO_TYPE_ABORT);
	struct check_rule *rule = check_rule(load->check, RULE_RESET_ABORTS);

	slot->abort = (struct check_io){.check = load->check,
		.type = SPDK_BDEV_IO_TYPE_ABORT,
		.channel = slot->io.channel,
		.victim = &slot->io};
	slot->may_fail = true;
	check_io_submit(&slot->abort);
	slot->aborting = slot->abort.rc == 0;
	check_expect(load->check, rule, slot->abort.rc == (can ? 0 : -ENOTSUP), &slot->abort, "%d", slot->abort.rc);
}

static void
reset(struct load *load)
{
	struct check_rule *rule = check_rule(load->check, RULE_RESET_ENDS);
	struct check_io io = {.check = load->check,
		.type = SPDK_BDEV_IO_TYPE_RESET,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS)};

	for (size_t i = 0; i < DEPTH; i++) {
		load->slots[i].may_fail = true;
	}
	check_io_run(&io);
	check_expect(load->check, rule,
		io.rc == 0 && (io.success || !spdk_bdev_io_type_supported(load->check->bdev, io.type)), &io,
		"failed (%d)", io.rc);
}

static void
disturb(struct load *load, struct slot *slot)
{
	if (session_random(ABORT_ONE_IN) == 0) {
		abort_one(load, slot);
	} else if (session_random(RESET_ONE_IN) == 0) {
		reset(load);
	}
}

/* ---- the loop ---- */

static bool
is_over(const struct slot *slot)
{
	return slot->io.rc != 0 || slot->io.completions > 0;
}

static bool
some_over(void *arg)
{
	const struct load *load = arg;

	for (size_t i = 0; i < DEPTH; i++) {
		if (!load->slots[i].busy || is_over(&load->slots[i])) {
			return true;
		}
	}
	return false;
}

static void
collect(struct load *load, struct slot *slot)
{
	if (slot->aborting) {
		check_io_wait(&slot->abort);
		slot->aborting = false;
	}
	if (slot->io.rc == 0) {
		check_io_wait(&slot->io);
	}
	finish(load, slot);
}

static bool
goes_on(const struct load *load)
{
	const struct check_options *options = load->check->options;
	uint64_t elapsed = (spdk_get_ticks() - load->check->start_ticks) / spdk_get_ticks_hz();

	return load->submitted < load->num_ios || (!load->disturb && elapsed < options->duration);
}

static void
run(struct load *load)
{
	while (goes_on(load)) {
		struct slot *slot = &load->slots[session_random(DEPTH)];

		if (slot->busy && is_over(slot)) {
			collect(load, slot);
		}
		if (!slot->busy) {
			start(load, slot);
			if (slot->busy && load->disturb) {
				disturb(load, slot);
			}
		}
		/* A round of all threads, also when there is still room. */
		session_wait(some_over, load, CHECK_IO_TIMEOUT_US);
		session_poll();
	}
	for (size_t i = 0; i < DEPTH; i++) {
		if (load->slots[i].busy) {
			collect(load, &load->slots[i]);
		}
	}
}

static void
load_area(struct check *check, enum check_rule_id id, bool with_disturbance)
{
	struct load load = {
		.check = check,
		.rule = check_rule(check, id),
		.locked = calloc(1, check->area),
		.disturb = with_disturbance,
		.unit = check_unit(check),
		.num_ios = (uint64_t)check_rounds(check, NUM_IOS),
	};

	if (load.locked == NULL) {
		abort();
	}
	run(&load);
	free(load.locked);
}

void
check_load(struct check *check)
{
	load_area(check, RULE_LOAD_DATA, false);
}

void
check_reset(struct check *check)
{
	load_area(check, RULE_RESET_DATA, true);
}
