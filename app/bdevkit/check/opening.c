/* SPDX-License-Identifier: BSD-3-Clause */

/* Who may open the bdev, and how. */

#include "app/bdevkit/check/check.h"

static struct spdk_bdev_module g_claimer = {.name = "bdevkit check"};

/* Opens and closes it again. */
static int
try_open(const char *name, bool write)
{
	struct spdk_bdev_desc *desc = NULL;
	int rc = spdk_bdev_open_ext(name, write, check_ignore_event_cb, NULL, &desc);

	if (rc == 0) {
		spdk_bdev_close(desc);
	}
	return rc;
}

static void
check_claim(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_OPEN_CLAIM);
	int rc = spdk_bdev_module_claim_bdev(check->bdev, NULL, &g_claimer);

	if (!check_expect(check, rule, rc == 0, NULL, "claiming failed: %d", rc)) {
		return;
	}
	rc = try_open(check->name, true);
	check_expect(check, rule, rc == -EPERM, NULL, "opening a claimed bdev for writing: %d", rc);
	rc = try_open(check->name, false);
	check_expect(check, rule, rc == 0, NULL, "opening a claimed bdev for reading: %d", rc);
	spdk_bdev_module_release_bdev(check->bdev);
	rc = try_open(check->name, true);
	check_expect(check, rule, rc == 0, NULL, "opening it for writing after the claim: %d", rc);
}

/* With a descriptor that is open for reading. */
static void
check_read_only(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_OPEN_READ_ONLY);
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_WRITE, SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
		SPDK_BDEV_IO_TYPE_UNMAP, SPDK_BDEV_IO_TYPE_COPY};
	struct spdk_bdev_desc *writable = check->desc;
	struct check_data data;
	int rc = spdk_bdev_open_ext(check->name, false, check_ignore_event_cb, NULL, &check->desc);

	if (!check_data_alloc(check, &data, 1, false)) {
		abort();
	}
	if (check_expect(check, rule, rc == 0, NULL, "opening: %d", rc)) {
		for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
			struct check_io io = {.check = check, .type = types[i], .blocks = 1, .data = &data};

			check_io_run(&io);
			check_expect(check, rule, io.rc == -EBADF, &io, "%d instead of -EBADF", io.rc);
		}
		spdk_bdev_close(check->desc);
	}
	check->desc = writable;
	check_data_free(&data);
}

void
check_opening(struct check *check)
{
	enum spdk_log_level level = spdk_log_get_print_level();
	struct check_rule *again = check_rule(check, RULE_OPEN_AGAIN);
	struct check_rule *same = check_rule(check, RULE_OPEN_CHANNEL);

	/* What is refused here on purpose is no error. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	for (int i = 0; i < 4; i++) {
		int rc = try_open(check->name, i % 2 == 0);

		check_expect(check, again, rc == 0, NULL, "opening: %d", rc);
	}
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		struct spdk_io_channel *ch;

		session_enter(session_thread(i));
		ch = spdk_bdev_get_io_channel(check->desc);
		check_expect(check, same, ch == check->channels[i], NULL, "another channel on thread %u", i);
		if (ch != NULL) {
			spdk_put_io_channel(ch);
		}
		session_enter(NULL);
	}
	check_claim(check);
	check_read_only(check);
	session_settle();
	spdk_log_set_print_level(level);
}
