/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/split and module/bdev/gpt, everything at once, in orders that a seed decides: disks come and go, are split,
 * partitioned, partitioned anew; parts are unregistered by themselves; users read and write all the while.
 */

#include "fixture.h"

#include "bdevkit/sim.h"
#include "gpt_image.h"
#include "module/bdev/gpt/vbdev_gpt.h"
#include "module/bdev/split/vbdev_split.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define DISKS 2
#define USERS 5
#define BLOCKS 64
#define BLOCK_SIZE 4096
#define SEEDS 200

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

/* ---- Users ---- */

struct chaos_user {
	struct fixture_user user;
	uint32_t in_flight;
	uint64_t completed;
	uint8_t buf[BLOCK_SIZE];
};

static struct chaos_user g_users[USERS];
static uint64_t g_submitted, g_opened;

/* Callbacks that were promised, and that came. */
struct answers {
	uint64_t expected;
	uint64_t came;
};

static void
chaos_io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct chaos_user *user = cb_arg;

	user->in_flight--;
	user->completed++;
	spdk_bdev_free_io(bdev_io);
}

static void
submit_random(struct chaos_user *user)
{
	struct fixture_user *u = &user->user;
	uint64_t num_blocks = spdk_bdev_get_num_blocks(spdk_bdev_desc_get_bdev(u->desc));
	uint64_t offset = bdk_sim_random(num_blocks);
	int rc;

	fixture_enter(u->thread);
	switch (bdk_sim_random(8)) {
	case 0:
		rc = spdk_bdev_flush_blocks(u->desc, u->ch, 0, num_blocks, chaos_io_cb, user);
		break;
	case 1:
		rc = spdk_bdev_unmap_blocks(u->desc, u->ch, offset, 1, chaos_io_cb, user);
		break;
	case 2:
		rc = spdk_bdev_write_zeroes_blocks(u->desc, u->ch, offset, 1, chaos_io_cb, user);
		break;
	case 3:
		rc = spdk_bdev_reset(u->desc, u->ch, chaos_io_cb, user);
		break;
	case 4:
	case 5:
		rc = spdk_bdev_write_blocks(u->desc, u->ch, user->buf, offset, 1, chaos_io_cb, user);
		break;
	default:
		rc = spdk_bdev_read_blocks(u->desc, u->ch, user->buf, offset, 1, chaos_io_cb, user);
		break;
	}
	fixture_enter(0);
	if (rc == 0) {
		user->in_flight++;
		g_submitted++;
	} else {
		assert_int_equal(rc, -ENOMEM);
	}
}

/* A user whose bdev is removed lets it go as soon as its I/O has come back. */
static void
let_go_of_removed(void)
{
	for (int i = 0; i < USERS; i++) {
		struct chaos_user *user = &g_users[i];

		if (user->user.desc != NULL && user->user.removed && user->in_flight == 0) {
			fixture_user_close(&user->user);
		}
	}
}

/* More often than not a part: a disk that is open is not partitioned. */
static void
open_something(struct chaos_user *user)
{
	struct spdk_bdev *bdev = spdk_bdev_first();
	const char *name;

	for (uint64_t skip = bdk_sim_random(6); bdev != NULL && spdk_bdev_next(bdev) != NULL && skip > 0; skip--) {
		bdev = spdk_bdev_next(bdev);
	}
	if (bdev == NULL) {
		return;
	}
	name = spdk_bdev_get_name(bdev);
	if (strchr(name, 'p') != NULL || bdk_sim_random(4) == 0) {
		g_opened += fixture_user_open(&user->user, bdk_sim_random(FIXTURE_THREADS), name) == 0;
	}
}

static void
unregister(const char *name)
{
	if (exists(name)) {
		/* Not waited for: its users have first to let go. On any thread. */
		fixture_enter(bdk_sim_random(FIXTURE_THREADS));
		spdk_bdev_unregister(spdk_bdev_get_by_name(name), NULL, NULL);
		fixture_enter(0);
	}
}

static void
answered_cb(void *ctx, int rc)
{
	(*(uint64_t *)ctx)++;
}

static void
count_name_cb(void *ctx, const char *name)
{
	assert_non_null(spdk_bdev_get_by_name(name));
}

/* ---- What happens ---- */

/* A table with up to three partitions, some of which may be impossible, on a disk that nobody has claimed. */
static void
write_table(const char *name)
{
	static uint8_t data[BLOCKS * BLOCK_SIZE];
	struct gpt_image image = {data, BLOCK_SIZE, BLOCKS, 16};
	struct gpt_image_part parts[3] = {};
	struct fixture_user user;
	struct fixture_io io = {};

	if (!exists(name) || spdk_bdev_get_num_blocks(spdk_bdev_get_by_name(name)) != BLOCKS ||
		fixture_user_open(&user, 0, name) != 0) {
		return;
	}
	for (size_t i = 0; i < SPDK_COUNTOF(parts); i++) {
		parts[i].type = bdk_sim_random(GPT_IMAGE_TYPE_LINUX + 1);
		parts[i].first = 3 + bdk_sim_random(4) * 15;
		parts[i].last = parts[i].first + bdk_sim_random(15);
		parts[i].unique = bdk_sim_random(8);
	}
	gpt_image_make(&image, parts, SPDK_COUNTOF(parts));
	/* Not waited for by the one who writes it: it may be read half written. */
	assert_true(fixture_io_wait(spdk_bdev_write_blocks(user.desc, user.ch, data, 0, 3, fixture_io_cb, &io), &io));
	fixture_user_close(&user);
}

static void
split_something(const char *base_name, struct answers *answers)
{
	struct split_opts opts = {.base_bdev = base_name, .split_count = 1 + bdk_sim_random(3)};
	const char *why;

	if (bdk_sim_random(2) == 0) {
		vbdev_split_create(&opts, &why);
	} else if (vbdev_split_delete(base_name, answered_cb, &answers->came) == 0) {
		answers->expected++;
	}
}

static void
examine_something(const char *disk_name, struct answers *answers)
{
	enum gpt_partition_types types = bdk_sim_random(2) == 0 ? GPT_PARTITIONS_ALL : GPT_PARTITIONS_SPDK;
	int rc;

	if (bdk_sim_random(4) == 0) {
		rc = vbdev_gpt_set_partition_types(types, answered_cb, &answers->came);
	} else {
		rc = vbdev_gpt_examine(disk_name, answered_cb, &answers->came);
	}
	answers->expected += rc == 0;
	vbdev_gpt_for_each_partition(disk_name, count_name_cb, NULL);
}

static void
do_random_thing(struct answers *answers)
{
	struct chaos_user *user = &g_users[bdk_sim_random(USERS)];
	int disk = bdk_sim_random(DISKS);
	char part_name[64], base_name[32];

	snprintf(base_name, sizeof(base_name), bdk_sim_random(4) == 0 ? "M%dp1" : "M%d", disk);
	snprintf(part_name, sizeof(part_name), "%sp%d", base_name, (int)bdk_sim_random(4));
	switch (bdk_sim_random(14)) {
	case 0:
		fixture_rpc("bdev_malloc_create", "{'name': 'M%d', 'num_blocks': %d, 'block_size': %d}", disk, BLOCKS,
			BLOCK_SIZE);
		break;
	case 1:
		unregister(base_name);
		break;
	case 2:
		split_something(base_name, answers);
		break;
	case 3:
		write_table(base_name);
		break;
	case 4:
	case 5:
		examine_something(base_name, answers);
		break;
	case 6:
		if (bdk_sim_random(4) == 0) {
			unregister(part_name);
		}
		break;
	case 7:
	case 8:
	case 9:
		if (user->user.desc == NULL) {
			open_something(user);
		} else if (user->in_flight == 0) {
			fixture_user_close(&user->user);
		}
		break;
	default:
		for (uint64_t count = bdk_sim_random(8); count > 0 && user->user.desc != NULL; count--) {
			submit_random(user);
		}
		break;
	}
}

static bool
close_all(void)
{
	bool busy = false;

	for (int i = 0; i < USERS; i++) {
		if (g_users[i].user.desc != NULL) {
			busy = busy || g_users[i].in_flight > 0;
			if (g_users[i].in_flight == 0) {
				fixture_user_close(&g_users[i].user);
			}
		}
	}
	return busy;
}

static uint64_t
run_chaos(uint64_t seed)
{
	struct answers answers = {};
	uint64_t completed = 0;

	fixture_start(seed);
	memset(g_users, 0, sizeof(g_users));
	for (int i = 0; i < 250; i++) {
		do_random_thing(&answers);
		spdk_set_thread(NULL);
		for (uint64_t steps = bdk_sim_random(12); steps > 0 && bdk_sim_step(); steps--) {
		}
		fixture_enter(0);
		let_go_of_removed();
	}
	do {
		fixture_settle();
	} while (close_all());
	fixture_settle();
	/* Who asked for something has been answered. */
	assert_int_equal(answers.came, answers.expected);
	for (int i = 0; i < USERS; i++) {
		completed += g_users[i].completed;
	}
	fixture_stop();
	return completed;
}

static void
random_orders_harm_nothing(void **state)
{
	uint64_t completed = 0;

	/* Most of what is tried here must fail, and says so. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	fixture_examine_disks(true);
	g_submitted = g_opened = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		completed += run_chaos(seed);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	print_message("%" PRIu64 " bdevs opened, %" PRIu64 " I/Os\n", g_opened, completed);
	assert_int_equal(completed, g_submitted);
	/* The seeds did get I/O through. */
	assert_true(g_opened > 1000);
	assert_true(completed > 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_orders_harm_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
