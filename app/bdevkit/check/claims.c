/* SPDX-License-Identifier: BSD-3-Clause */

/* Claims that a descriptor carries. Nobody has the bdev open meanwhile. */

#include "app/bdevkit/check/check.h"

static struct spdk_bdev_module g_claimer = {.name = "bdevkit check"};

static struct spdk_bdev_desc *
open_desc(struct check *check, struct check_rule *rule, bool write)
{
	struct spdk_bdev_desc *desc = NULL;
	int rc = spdk_bdev_open_ext(check->name, write, check_ignore_event_cb, NULL, &desc);

	check_expect(check, rule, rc == 0, NULL, "opening: %d", rc);
	return desc;
}

static void
expect_open(struct check *check, struct check_rule *rule, bool write, int expected, const char *when)
{
	struct spdk_bdev_desc *desc = NULL;
	int rc = spdk_bdev_open_ext(check->name, write, check_ignore_event_cb, NULL, &desc);

	check_expect(check, rule, rc == expected, NULL, "opening for %s %s: %d instead of %d",
		write ? "writing" : "reading", when, rc, expected);
	if (rc == 0) {
		spdk_bdev_close(desc);
	}
}

static void
check_one_writer(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_CLAIM_ONE);
	struct spdk_bdev_desc *desc = open_desc(check, rule, false);
	int rc;

	if (desc == NULL) {
		return;
	}
	rc = spdk_bdev_module_claim_bdev_desc(desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, NULL, &g_claimer);
	check_expect(check, rule, rc == 0, NULL, "claiming: %d", rc);
	expect_open(check, rule, true, -EPERM, "while another one writes");
	expect_open(check, rule, false, 0, "while another one writes");
	spdk_bdev_close(desc);
	expect_open(check, rule, true, 0, "when that has closed it");
}

static void
check_no_writer(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_CLAIM_NONE);
	struct spdk_bdev_desc *first = open_desc(check, rule, false), *second = open_desc(check, rule, false);

	if (first != NULL && second != NULL) {
		int rc =
			spdk_bdev_module_claim_bdev_desc(first, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, NULL, &g_claimer);

		check_expect(check, rule, rc == 0, NULL, "claiming: %d", rc);
		rc = spdk_bdev_module_claim_bdev_desc(second, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, NULL, &g_claimer);
		check_expect(check, rule, rc == 0, NULL, "claiming once more: %d", rc);
		expect_open(check, rule, true, -EPERM, "while it is claimed by readers");
		spdk_bdev_close(first);
		first = NULL;
		expect_open(check, rule, true, -EPERM, "while one of the readers is left");
	}
	if (first != NULL) {
		spdk_bdev_close(first);
	}
	if (second != NULL) {
		spdk_bdev_close(second);
	}
	expect_open(check, rule, true, 0, "when the readers have closed it");
}

static void
check_shared(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_CLAIM_SHARED);
	struct spdk_bdev_desc *descs[3];
	static const uint64_t keys[] = {7, 7, 8};
	static const int expected[] = {0, 0, -EPERM};
	struct spdk_bdev_claim_opts opts;

	for (size_t i = 0; i < SPDK_COUNTOF(descs); i++) {
		int rc = 0;

		descs[i] = open_desc(check, rule, false);
		spdk_bdev_claim_opts_init(&opts, sizeof(opts));
		opts.shared_claim_key = keys[i];
		if (descs[i] != NULL) {
			rc = spdk_bdev_module_claim_bdev_desc(
				descs[i], SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, &opts, &g_claimer);
		}
		check_expect(check, rule, rc == expected[i], NULL, "claiming with key %" PRIu64 ": %d instead of %d",
			keys[i], rc, expected[i]);
	}
	expect_open(check, rule, true, -EPERM, "while others share it");
	for (size_t i = 0; i < SPDK_COUNTOF(descs); i++) {
		if (descs[i] != NULL) {
			spdk_bdev_close(descs[i]);
		}
	}
	expect_open(check, rule, true, 0, "when those have closed it");
}

void
check_claims(struct check *check)
{
	enum spdk_log_level level = spdk_log_get_print_level();

	check_close(check);
	check_note_remains(check);
	/* What is refused here on purpose is no error. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	check_one_writer(check);
	check_no_writer(check);
	check_shared(check);
	session_settle();
	spdk_log_set_print_level(level);
	check_expect(check, check_rule(check, RULE_OPEN_AGAIN), check_open(check) == 0, NULL, "opening failed");
}
