/* SPDX-License-Identifier: BSD-3-Clause */

/* Statistics that add up: what was submitted is what is counted. */

#include "app/bdevkit/check/check.h"

#define ROUNDS 20

struct query {
	bool done;
	int rc;
	struct spdk_bdev_io_stat stat;
};

static void
stat_cb(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *cb_arg, int rc)
{
	struct query *query = cb_arg;

	query->rc = rc;
	query->done = true;
}

static bool
is_done(void *arg)
{
	return ((const struct query *)arg)->done;
}

static int
get(struct check *check, struct spdk_bdev_io_stat *stat)
{
	static struct query query;

	query = (struct query){};
	spdk_bdev_get_device_stat(check->bdev, &query.stat, SPDK_BDEV_RESET_STAT_NONE, stat_cb, &query);
	if (!session_wait(is_done, &query, CHECK_IO_TIMEOUT_US)) {
		return -ETIMEDOUT;
	}
	*stat = query.stat;
	return query.rc;
}

/* A read of one unit of writes may have to be split, and then its parts are counted. */
static uint64_t
count_parts(const struct check *check, uint64_t blocks)
{
	const struct spdk_bdev *bdev = check->bdev;

	if (!bdev->split_on_optimal_io_boundary || bdev->optimal_io_boundary == 0) {
		return 1;
	}
	return (blocks + bdev->optimal_io_boundary - 1) / bdev->optimal_io_boundary;
}

void
check_statistics(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_STAT_COUNTS);
	struct check_rule *works = check_rule(check, RULE_DATA_READ);
	/* One unit, whose writes nobody splits. */
	uint64_t blocks = check_unit(check), reads = ROUNDS * count_parts(check, blocks);
	struct spdk_bdev_io_stat before = {}, after = {};
	int rc = get(check, &before);

	for (int i = 0; i < ROUNDS && rc == 0; i++) {
		check_write_read(check, works, 0, blocks, false);
	}
	if (rc == 0) {
		rc = get(check, &after);
	}
	if (!check_expect(check, rule, rc == 0, NULL, "they cannot be had: %d", rc)) {
		return;
	}
	check_expect(check, rule, after.num_read_ops - before.num_read_ops == reads, NULL,
		"%" PRIu64 " reads count as %" PRIu64, reads, after.num_read_ops - before.num_read_ops);
	check_expect(check, rule, after.num_write_ops - before.num_write_ops == ROUNDS, NULL,
		"%d writes count as %" PRIu64, ROUNDS, after.num_write_ops - before.num_write_ops);
	check_expect(check, rule, after.bytes_read - before.bytes_read == ROUNDS * blocks * check->block_size, NULL,
		"%" PRIu64 " bytes read count as %" PRIu64, ROUNDS * blocks * check->block_size,
		after.bytes_read - before.bytes_read);
	check_expect(check, rule, after.bytes_written - before.bytes_written == ROUNDS * blocks * check->block_size,
		NULL, "%" PRIu64 " bytes written count as %" PRIu64, ROUNDS * blocks * check->block_size,
		after.bytes_written - before.bytes_written);
}
