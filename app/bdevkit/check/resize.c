/* SPDX-License-Identifier: BSD-3-Clause */

/* The bdev gets another size: a journal or a null bdev that it stands on, or is, grows. */

#include "app/bdevkit/check/check.h"
#include "app/bdevkit/check/journal.h"

#include "spdk/string.h"

#define GROWTH 64
#define MIB (1U << 20)

static void
grow_null(const struct spdk_bdev *bdev)
{
	uint64_t bytes = spdk_bdev_get_num_blocks(bdev) * spdk_bdev_get_block_size(bdev);
	char *config = spdk_sprintf_alloc("{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": ["
					  "{\"method\": \"bdev_null_resize\", \"params\": "
					  "{\"name\": \"%s\", \"new_size\": %" PRIu64 "}}]}]}",
		spdk_bdev_get_name(bdev), bytes / MIB + 1);

	if (config != NULL) {
		session_load_again(config, strlen(config));
	}
	free(config);
}

/* Returns whether there is something that can be resized. */
static bool
grow_all(void)
{
	bool some = check_journal_exists() && check_journal_resize(GROWTH) == 0;

	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		if (strcmp(spdk_bdev_get_module_name(bdev), "null") == 0) {
			grow_null(bdev);
			some = true;
		}
	}
	session_settle();
	return some;
}

/* It never becomes smaller under somebody who has it open. */
static void
check_shrink(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_SIZE_KEPT);
	uint64_t blocks = spdk_bdev_get_num_blocks(check->bdev);
	int rc = spdk_bdev_notify_blockcnt_change(check->bdev, blocks - 1);

	check_expect(check, rule, rc == -EBUSY, NULL, "making it smaller while it is open: %d instead of -EBUSY", rc);
	check_expect(check, rule, spdk_bdev_get_num_blocks(check->bdev) == blocks, NULL, "it has become smaller");
}

static void
check_grown(struct check *check, uint64_t before)
{
	struct check_rule *rule = check_rule(check, RULE_SIZE_GROWS);
	uint64_t after = spdk_bdev_get_num_blocks(check->bdev), unit = check_unit(check);
	uint64_t last = after / unit * unit - unit;
	struct check_data data;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_READ,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = after,
		.blocks = unit,
		.data = &data};

	check_expect(check, rule, after > before, NULL, "%" PRIu64 " blocks have become %" PRIu64, before, after);
	check_expect(check, rule, check->resizes > 0, NULL, "nobody is told of it");
	check->num_blocks = after;
	check_write_read(check, rule, last, unit, false);
	check_write_read(check, rule, last - unit, 2 * unit, true);
	if (!check_data_alloc(check, &data, unit, false)) {
		abort();
	}
	check_io_run(&io);
	check_expect(check, rule, io.rc == -EINVAL, &io, "%d instead of -EINVAL", io.rc);
	check_data_free(&data);
}

void
check_resize(struct check *check)
{
	uint64_t before = check->num_blocks;
	struct check_rule *grows = check_rule(check, RULE_SIZE_GROWS);

	check_shrink(check);
	check->resizes = 0;
	if (!grow_all()) {
		check_skip(grows, "neither it nor what it stands on is a journal or a null bdev");
	} else if (spdk_bdev_get_num_blocks(check->bdev) == before && check->resizes == 0) {
		check_skip(grows, "it keeps its size when what it stands on grows");
	} else {
		check_grown(check, before);
	}
}
