/* SPDX-License-Identifier: BSD-3-Clause */

#include "chaos.h"

#include "bdevkit/sim.h"
#include "spdk/log.h"

#define USERS 4
#define ROUNDS 400

struct chaos_user {
	struct fixture_user user;
	uint32_t in_flight;
	uint64_t completed;
	/* With metadata. */
	uint8_t buf[2 * (4096 + 8)];
};

static const struct chaos_module *g_module;
static struct chaos_user g_users[USERS];
static uint64_t g_submitted;

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

/* ---- I/O ---- */

static void
chaos_io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct chaos_user *user = cb_arg;

	user->in_flight--;
	user->completed++;
	spdk_bdev_free_io(bdev_io);
}

/* The buffer lent is given back, with or without being written. */
static void
chaos_zcopy_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	if (success && spdk_bdev_zcopy_end(bdev_io, bdk_sim_random(2) == 0, chaos_io_cb, cb_arg) == 0) {
		return;
	}
	chaos_io_cb(bdev_io, success, cb_arg);
}

static int
submit_one(struct chaos_user *user)
{
	struct fixture_user *u = &user->user;
	uint64_t offset = bdk_sim_random(CHAOS_BLOCKS);

	if (g_module->submit != NULL) {
		return g_module->submit(u, user->buf, chaos_io_cb, user);
	}
	switch (bdk_sim_random(10)) {
	case 0:
		return spdk_bdev_flush_blocks(u->desc, u->ch, 0, CHAOS_BLOCKS, chaos_io_cb, user);
	case 1:
		return spdk_bdev_unmap_blocks(u->desc, u->ch, offset, 1, chaos_io_cb, user);
	case 2:
		return spdk_bdev_write_zeroes_blocks(u->desc, u->ch, offset, 1, chaos_io_cb, user);
	case 3:
		return spdk_bdev_reset(u->desc, u->ch, chaos_io_cb, user);
	case 4:
		/* All that this user has under way. */
		return spdk_bdev_abort(u->desc, u->ch, user, chaos_io_cb, user);
	case 5:
		return spdk_bdev_zcopy_start(
			u->desc, u->ch, NULL, 0, offset, 1, bdk_sim_random(2) == 0, chaos_zcopy_cb, user);
	case 6:
	case 7:
		return spdk_bdev_write_blocks(u->desc, u->ch, user->buf, offset, 1, chaos_io_cb, user);
	default:
		return spdk_bdev_read_blocks(u->desc, u->ch, user->buf, offset, 1, chaos_io_cb, user);
	}
}

static void
submit_random(struct chaos_user *user)
{
	int rc;

	fixture_enter(user->user.thread);
	rc = submit_one(user);
	fixture_enter(0);
	if (rc == 0) {
		user->in_flight++;
		g_submitted++;
	} else {
		/* Not every bdev lends buffers. */
		assert_true(rc == -ENOMEM || rc == -ENOTSUP);
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

/* ---- Bdevs ---- */

static void __attribute__((format(printf, 3, 0))) print_name(char *name, size_t size, const char *format, int number)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, size, format, number);
#pragma GCC diagnostic pop
}

/* Not waited for: its users have first to let go. */
static void
remove_bdev(const char *name)
{
	if (exists(name)) {
		spdk_bdev_unregister(spdk_bdev_get_by_name(name), NULL, NULL);
	}
}

static void
create_base(const char *name, int number)
{
	if (g_module->create_base != NULL) {
		g_module->create_base(name, number);
	} else {
		fixture_rpc("bdev_malloc_create", "{'name': '%s', 'num_blocks': %d, 'block_size': 4096}", name,
			CHAOS_BLOCKS);
	}
}

static void
do_random_thing(void)
{
	struct chaos_user *user = &g_users[bdk_sim_random(USERS)];
	int number = bdk_sim_random(CHAOS_BASES), base_number = bdk_sim_random(CHAOS_BASES);
	char base[32], upper[32];

	snprintf(base, sizeof(base), "M%d", base_number);
	print_name(upper, sizeof(upper), g_module->name_format, number);
	switch (bdk_sim_random(14)) {
	case 0:
		create_base(base, base_number);
		break;
	case 1:
		remove_bdev(base);
		break;
	case 2:
	case 3:
		if (bdk_sim_random(3) == 0) {
			print_name(base, sizeof(base), g_module->name_format, bdk_sim_random(CHAOS_BASES));
		}
		g_module->create(base, number);
		break;
	case 4:
		if (exists(upper)) {
			remove_bdev(upper);
		} else {
			fixture_rpc(g_module->delete_method, "{'name': '%s'}", upper);
		}
		break;
	case 5:
		if (user->user.desc == NULL) {
			fixture_user_open(
				&user->user, bdk_sim_random(FIXTURE_THREADS), bdk_sim_random(4) == 0 ? base : upper);
		} else if (user->in_flight == 0) {
			fixture_user_close(&user->user);
		}
		break;
	case 6:
	case 7:
		if (g_module->disturb != NULL) {
			g_module->disturb(upper);
		}
		break;
	default:
		for (uint64_t count = bdk_sim_random(8); count > 0 && user->user.desc != NULL; count--) {
			submit_random(user);
		}
		break;
	}
}

/* ---- Runs ---- */

static void
calm_all(void)
{
	char name[32];

	for (int i = 0; i < CHAOS_BASES && g_module->calm != NULL; i++) {
		print_name(name, sizeof(name), g_module->name_format, i);
		g_module->calm(name);
	}
}

/* Waits until all I/O has come back, and closes what is open. */
static void
finish_users(void)
{
	bool busy;

	do {
		calm_all();
		fixture_settle();
		busy = false;
		for (int i = 0; i < USERS; i++) {
			if (g_users[i].user.desc == NULL) {
				continue;
			}
			busy = true;
			if (g_users[i].in_flight == 0) {
				fixture_user_close(&g_users[i].user);
			}
		}
	} while (busy);
}

uint64_t
chaos_run(const struct chaos_module *module, uint64_t seed)
{
	uint64_t completed = 0;

	g_module = module;
	fixture_start(seed);
	memset(g_users, 0, sizeof(g_users));
	for (int i = 0; i < ROUNDS; i++) {
		do_random_thing();
		spdk_set_thread(NULL);
		for (uint64_t steps = bdk_sim_random(12); steps > 0 && bdk_sim_step(); steps--) {
		}
		fixture_enter(0);
		let_go_of_removed();
	}
	finish_users();
	for (int i = 0; i < USERS; i++) {
		completed += g_users[i].completed;
	}
	if (g_module->judge != NULL) {
		fixture_settle();
		g_module->judge();
	}
	fixture_stop();
	return completed;
}

void
chaos_run_seeds(const struct chaos_module *module, uint64_t count)
{
	const char *text = getenv("CHAOS_COUNT");
	uint64_t completed = 0;

	count = text != NULL ? strtoull(text, NULL, 10) : count;
	/* Most of what is tried here must fail, and says so. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	g_submitted = 0;
	for (uint64_t seed = 1; seed <= count; seed++) {
		completed += chaos_run(module, seed);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	assert_int_equal(completed, g_submitted);
	printf("%" PRIu64 " seeds, %" PRIu64 " I/Os\n", count, completed);
	/* The seeds did get I/O through. */
	assert_true(completed > count * 16);
}
