/* SPDX-License-Identifier: BSD-3-Clause */

/* Buffers in one piece and in many, at any address. */

#include "app/bdevkit/check/check.h"

#define ROUNDS 100
#define MAX_BLOCKS 40

/* A read without a buffer gets one. */
static void
check_lent_buffer(struct check *check, uint64_t offset, uint64_t blocks)
{
	struct check_rule *rule = check_rule(check, RULE_SHAPE_LENT);
	struct check_data none = {.iovcnt = 1, .blocks = blocks}, lent;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_READ,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &none,
		.keep = true};

	none.iovs[0].iov_len = blocks * check->block_size;
	check_io_run(&io);
	if (check_expect(check, rule, io.rc == 0 && io.success, &io, "failed (%d)", io.rc)) {
		if (check_expect(check, rule, check_io_borrow(&io, &lent), &io, "there is none")) {
			uint64_t wrong = check_data_find_wrong(check, &lent, offset);

			check_expect(
				check, rule, wrong == UINT64_MAX, &io, "block %" PRIu64 " in it is another one", wrong);
		}
		session_enter(session_thread(io.channel));
		spdk_bdev_free_io(io.bdev_io);
		session_enter(NULL);
	}
}

void
check_shapes(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_SHAPE_BUFFERS);
	uint64_t unit = check_unit(check);
	uint64_t units = check->area / unit;

	for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
		uint64_t count = 1 + session_random(units < MAX_BLOCKS ? units : MAX_BLOCKS);
		uint64_t first = session_random(units - count + 1);

		check_write_read(check, rule, first * unit, count * unit, true);
		/* The layer's buffers are not larger. */
		if (count * unit * check->block_size <= SPDK_BDEV_LARGE_BUF_MAX_SIZE) {
			check_lent_buffer(check, first * unit, count * unit);
		}
	}
}
