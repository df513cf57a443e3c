/* SPDX-License-Identifier: BSD-3-Clause */

/* The bdev is removed while there is I/O, and made again; then all that it stands on. */

#include "app/bdevkit/check/check.h"

#include "spdk/string.h"

#define DEPTH 16
#define GONE_TIMEOUT_US (5 * 1000000ULL)
/* For what is examined before it is built upon. */
#define COME_TIMEOUT_US (5 * 1000000ULL)

/* ---- all bdevs ---- */

static bool
none_left(void *arg)
{
	return spdk_bdev_first() == NULL;
}

static void
unregister_all(void)
{
	/* Each goes by messages, so none vanishes meanwhile. */
	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		spdk_bdev_unregister(bdev, NULL, NULL);
	}
}

bool
check_remove_all(struct check *check)
{
	bool gone;

	unregister_all();
	gone = session_wait(none_left, NULL, GONE_TIMEOUT_US);
	/* A name is free before its module has done all that it does. */
	session_settle();
	return gone;
}

static bool
is_there(void *arg)
{
	return spdk_bdev_get_by_name(arg) != NULL;
}

bool
check_come_again(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_AGAIN);
	enum spdk_log_level level = spdk_log_get_print_level();
	bool there;

	/* What is not bound to a bdev is there already. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	session_load_again(check->options->config, check->options->config_size);
	there = session_wait(is_there, (void *)check->name, COME_TIMEOUT_US);
	session_settle();
	spdk_log_set_print_level(level);
	return check_expect(check, rule, there, NULL, "it does not come") &&
		check_expect(check, rule, check_open(check) == 0, NULL, "it cannot be opened");
}

/* ---- one, with I/O ---- */

struct gone {
	bool done;
	int rc;
};

static void
gone_cb(void *cb_arg, int rc)
{
	struct gone *gone = cb_arg;

	gone->done = true;
	gone->rc = rc;
}

static bool
is_gone(void *arg)
{
	return ((const struct gone *)arg)->done;
}

static bool
is_told(void *arg)
{
	return ((const struct check *)arg)->removals > 0;
}

struct load {
	struct check_io ios[DEPTH];
	struct check_data datas[DEPTH];
};

static void
start_load(struct check *check, struct load *load)
{
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE,
		SPDK_BDEV_IO_TYPE_WRITE_ZEROES, SPDK_BDEV_IO_TYPE_COPY};
	uint64_t unit = check_unit(check), units = check->area / unit;

	for (unsigned int i = 0; i < DEPTH; i++) {
		uint64_t count = 1 + session_random(spdk_min(units, 8));

		load->ios[i] = (struct check_io){.check = check,
			.type = types[session_random(SPDK_COUNTOF(types))],
			.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
			.offset = session_random(units - count + 1) * unit,
			.src = session_random(units - count + 1) * unit,
			.blocks = count * unit,
			.data = &load->datas[i]};
		if (!check_data_alloc(check, &load->datas[i], count * unit, session_random(2) == 0)) {
			abort();
		}
		check_data_fill(check, &load->datas[i], load->ios[i].offset, ++check->last_generation);
		check_io_submit(&load->ios[i]);
	}
}

/* Each ends, and once: it may have failed. */
static void
end_load(struct check *check, struct load *load)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_ENDS);

	for (unsigned int i = 0; i < DEPTH; i++) {
		if (load->ios[i].rc == 0) {
			check_io_wait(&load->ios[i]);
		}
		check_expect(check, rule, load->ios[i].rc == 0, &load->ios[i], "refused (%d)", load->ios[i].rc);
	}
}

/* Nothing that it had is answered when it has gone; the buffers are still there to notice. */
static void
free_load(struct check *check, struct load *load)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_ENDS);

	for (unsigned int i = 0; i < DEPTH; i++) {
		check_expect(check, rule, load->ios[i].completions <= 1, &load->ios[i], "answered %u times",
			load->ios[i].completions);
		check_expect(check, rule, check_data_guards_intact(&load->datas[i]), &load->ios[i],
			"something around its buffers has changed");
		check_data_free(&load->datas[i]);
	}
}

static void
expect_told(struct check *check)
{
	struct check_rule *told = check_rule(check, RULE_REMOVE_TOLD);
	struct check_rule *closed = check_rule(check, RULE_REMOVE_CLOSED);
	struct spdk_bdev_desc *desc = NULL;
	int rc;

	check_expect(check, told, session_wait(is_told, check, GONE_TIMEOUT_US), NULL, "no event comes");
	rc = spdk_bdev_open_ext(check->name, false, check_ignore_event_cb, NULL, &desc);
	check_expect(check, closed, rc == -ENODEV, NULL, "opening: %d instead of -ENODEV", rc);
	if (rc == 0) {
		spdk_bdev_close(desc);
	}
}

static void
remove_with_load(struct check *check, bool with_reset)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_GONE);
	/* Its callback may come later than anybody waits for it. */
	static struct gone gone;
	struct check_io reset = {.check = check, .type = SPDK_BDEV_IO_TYPE_RESET, .channel = 1};
	struct load before, after;

	gone = (struct gone){};
	check->removals = 0;
	start_load(check, &before);
	if (with_reset) {
		check_io_submit(&reset);
	}
	for (uint64_t i = session_random(4); i > 0; i--) {
		session_poll();
	}
	spdk_bdev_unregister(check->bdev, gone_cb, &gone);
	/* Who has it open may go on until he closes it. */
	start_load(check, &after);
	expect_told(check);
	end_load(check, &before);
	end_load(check, &after);
	if (with_reset && reset.rc == 0) {
		check_io_wait(&reset);
	}
	check_expect(check, rule, !gone.done, NULL, "it goes while it is open");
	check_close(check);
	if (check_expect(check, rule, session_wait(is_gone, &gone, GONE_TIMEOUT_US), NULL,
		    "it does not go: a channel or a descriptor is left")) {
		check_expect(check, rule, gone.rc == 0, NULL, "its end is told as %d", gone.rc);
		check_expect(check, rule, spdk_bdev_get_by_name(check->name) == NULL, NULL, "its name is still there");
	}
	check_expect(check, check_rule(check, RULE_REMOVE_TOLD), check->removals == 1, NULL, "it is told %u times",
		check->removals);
	session_settle();
	free_load(check, &before);
	free_load(check, &after);
}

/* ---- what is below ---- */

/* It goes, too, or it stands on none of those that have gone. */
static bool
told_or_alone(void *arg)
{
	const struct check *check = arg;

	return check->removals > 0 || (spdk_bdev_first() == check->bdev && spdk_bdev_next(check->bdev) == NULL);
}

/* Everything goes at once; the bdev because it is removed itself, or because its base is. */
static void
remove_all_with_load(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_BASE);
	struct load load;

	check->removals = 0;
	start_load(check, &load);
	for (uint64_t i = session_random(4); i > 0; i--) {
		session_poll();
	}
	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		if (bdev != check->bdev) {
			spdk_bdev_unregister(bdev, NULL, NULL);
		}
	}
	check_expect(check, rule, session_wait(told_or_alone, check, GONE_TIMEOUT_US), NULL,
		"one of those that it may stand on waits, and it does not go");
	if (check->removals == 0) {
		spdk_bdev_unregister(check->bdev, NULL, NULL);
	}
	expect_told(check);
	end_load(check, &load);
	check_close(check);
	check_expect(check, rule, session_wait(none_left, NULL, GONE_TIMEOUT_US), NULL, "%s does not go",
		spdk_bdev_first() != NULL ? spdk_bdev_get_name(spdk_bdev_first()) : "one");
	session_settle();
	free_load(check, &load);
}

/* It is as good as the first one. */
static bool
works_again(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_REMOVE_AGAIN);

	if (!check_come_again(check)) {
		return false;
	}
	for (int i = 0; i < 8; i++) {
		if (!check_write_somewhere(check, rule, 1, i % 2 == 0)) {
			return false;
		}
	}
	return true;
}

/* All are removed before they are made again: a configuration makes a bdev together with what it stands on. */
static bool
start_over(struct check *check)
{
	return check_expect(check, check_rule(check, RULE_REMOVE_BASE), check_remove_all(check), NULL, "%s does not go",
		       spdk_bdev_first() != NULL ? spdk_bdev_get_name(spdk_bdev_first()) : "one") &&
		works_again(check);
}

void
check_removal(struct check *check)
{
	for (int round = 0, rounds = check_rounds(check, 4); round < rounds; round++) {
		remove_with_load(check, round % 2 == 1);
		if (!start_over(check)) {
			return;
		}
		remove_all_with_load(check);
		if (!works_again(check)) {
			return;
		}
	}
}
