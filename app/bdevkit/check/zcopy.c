/* SPDX-License-Identifier: BSD-3-Clause */

/* Zero-copy: reading and writing in buffers that the bdev lends. */

#include "app/bdevkit/check/check.h"

#define MAX_UNITS 4

struct loan {
	struct check_io io;
	struct check_data data;
};

/* Borrows and looks at what is there. */
static bool
borrow(struct check_rule *rule, struct loan *loan)
{
	struct check *check = loan->io.check;
	uint64_t wrong;

	if (!check_expect(check, rule, check_io_borrow(&loan->io, &loan->data), &loan->io, "it has lent no buffer")) {
		return false;
	}
	wrong = check_data_find_wrong(check, &loan->data, loan->io.offset);
	check_expect(
		check, rule, wrong == UINT64_MAX, &loan->io, "block %" PRIu64 " in the buffer is another one", wrong);
	return true;
}

/* Metadata in a buffer of its own is not lent, so the data has to stay as it fits to it. */
static void
change(struct loan *loan)
{
	struct check *check = loan->io.check;

	if (check->separate_md_size == 0) {
		check_data_fill(check, &loan->data, loan->io.offset, ++check->last_generation);
		check_know(check, loan->io.offset, loan->io.blocks, check->last_generation);
	}
}

static void
give_back(struct check_rule *rule, struct loan *loan, bool commit)
{
	check_io_end_zcopy(&loan->io, commit);
	check_expect(loan->io.check, rule, loan->io.rc == 0 && loan->io.success, &loan->io, "its end failed (%d)",
		loan->io.rc);
	check_holds(loan->io.check, rule, loan->io.offset, loan->io.blocks);
}

static struct loan
make_loan(struct check *check, uint64_t offset, uint64_t blocks, unsigned int channel)
{
	return (struct loan){.io = {.check = check,
				     .type = SPDK_BDEV_IO_TYPE_ZCOPY,
				     .channel = channel,
				     .offset = offset,
				     .blocks = blocks,
				     .keep = true}};
}

static void
check_one(struct check *check, enum check_rule_id id, uint64_t blocks, bool commit)
{
	struct check_rule *rule = check_rule(check, id);
	struct loan loan = make_loan(check, 0, blocks, (unsigned int)session_random(SESSION_NUM_THREADS));

	check_write_read(check, rule, 0, blocks, false);
	if (!check_io_succeeds(rule, &loan.io)) {
		return;
	}
	if (borrow(rule, &loan) && commit) {
		change(&loan);
	}
	give_back(rule, &loan, commit);
}

/* Each thread has one at the same time, of blocks side by side; some are written, some only read. */
static void
check_side_by_side(struct check *check, uint64_t blocks)
{
	struct check_rule *rule = check_rule(check, RULE_ZCOPY_MANY);
	struct loan loans[SESSION_NUM_THREADS];

	check_write_read(check, rule, 0, SESSION_NUM_THREADS * blocks, false);
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		loans[i] = make_loan(check, i * blocks, blocks, i);
		check_io_submit(&loans[i].io);
	}
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		if (loans[i].io.rc == 0) {
			check_io_wait(&loans[i].io);
		}
		check_expect(check, rule, loans[i].io.rc == 0 && loans[i].io.success, &loans[i].io, "failed (%d)",
			loans[i].io.rc);
	}
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		if (loans[i].io.bdev_io != NULL && borrow(rule, &loans[i]) && i != 1) {
			change(&loans[i]);
		}
	}
	for (unsigned int i = SESSION_NUM_THREADS; i-- > 0;) {
		if (loans[i].io.bdev_io != NULL) {
			give_back(rule, &loans[i], i != 1);
		}
	}
}

void
check_zcopy(struct check *check)
{
	static const enum check_rule_id rules[] = {RULE_ZCOPY, RULE_ZCOPY_DROP, RULE_ZCOPY_MANY};
	uint64_t unit = check_unit(check);

	for (size_t i = 0; i < SPDK_COUNTOF(rules); i++) {
		if (!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_ZCOPY)) {
			check_skip(check_rule(check, rules[i]), "the bdev has no zcopy");
		} else if (check->area < SESSION_NUM_THREADS * MAX_UNITS * unit) {
			check_skip(check_rule(check, rules[i]), "it is too small");
		}
	}
	if (check_rule(check, RULE_ZCOPY)->skipped) {
		return;
	}
	for (uint64_t units = 1; units <= MAX_UNITS; units++) {
		check_one(check, RULE_ZCOPY, units * unit, true);
		check_one(check, RULE_ZCOPY_DROP, units * unit, false);
		check_side_by_side(check, units * unit);
	}
}
