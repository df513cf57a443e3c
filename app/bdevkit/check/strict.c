/* SPDX-License-Identifier: BSD-3-Clause */

/* Strict mode, which watches all the while: each of its rules is one of the check's. */

#include "app/bdevkit/check/check.h"

#include "bdevkit/strict.h"

/* An I/O may take as long as the check waits for one, less the time to say so. */
#define NEVER_COMPLETED_MS (CHECK_IO_TIMEOUT_US / 1000 - 2000)

static struct check *g_check;

static enum check_rule_id
rule_of(enum bdk_strict_rule rule)
{
	static const enum check_rule_id rules[BDK_STRICT_NUM_RULES] = {
		[BDK_STRICT_COMPLETED_TWICE] = RULE_STRICT_TWICE,
		[BDK_STRICT_COMPLETED_ON_WRONG_THREAD] = RULE_STRICT_THREAD,
		[BDK_STRICT_NEVER_COMPLETED] = RULE_STRICT_NEVER,
		[BDK_STRICT_COMPLETED_WITHOUT_CHANNEL] = RULE_STRICT_CHANNEL_GONE,
		[BDK_STRICT_COMPLETED_AFTER_UNREGISTER] = RULE_STRICT_BDEV_GONE,
		[BDK_STRICT_BAD_STATUS] = RULE_STRICT_STATUS,
		[BDK_STRICT_DRIVER_CTX_OVERRUN] = RULE_STRICT_CTX,
		[BDK_STRICT_IO_CHANGED] = RULE_STRICT_IO,
		[BDK_STRICT_DATA_CHANGED] = RULE_STRICT_DATA,
		[BDK_STRICT_BDEV_CHANGED] = RULE_STRICT_BDEV,
		[BDK_STRICT_SUBMITTED_ON_WRONG_THREAD] = RULE_STRICT_CALLER_THREAD,
		[BDK_STRICT_CHANNEL_LEAKED] = RULE_STRICT_CHANNEL,
		[BDK_STRICT_DESCRIPTOR_LEAKED] = RULE_STRICT_DESCRIPTOR,
		[BDK_STRICT_REACTOR_HELD] = RULE_STRICT_HELD,
		[BDK_STRICT_ALLOCATED] = RULE_STRICT_ALLOCATED,
		[BDK_STRICT_DEVICE_LEAKED] = RULE_STRICT_DEVICE,
	};

	return rules[rule];
}

static void
report_cb(void *ctx, const struct bdk_strict_report *report)
{
	if (g_check != NULL) {
		check_expect(g_check, check_rule(g_check, rule_of(report->rule)), false, NULL, "%s", report->text);
	}
}

/* What came before this bdev was watched: while bdevs were made, or below one that was checked before. */
static void
report_earlier_cb(void *ctx, const struct bdk_strict_report *report)
{
	bool *first = ctx;

	if (*first || strcmp(report->bdev, g_check->name) == 0) {
		report_cb(NULL, report);
	}
}

void
check_strict_enable(void)
{
	struct bdk_strict_opts opts;

	/* BDEVKIT_STRICT may say how long a thread may be held on this machine. */
	bdk_strict_get_opts(&opts, sizeof(opts));
	opts.abort = false;
	opts.check_data = true;
	opts.never_completed_ms = NEVER_COMPLETED_MS;
	bdk_strict_set_report_cb(report_cb, NULL);
	bdk_strict_enable(&opts);
}

void
check_strict_watch(struct check *check)
{
	static bool first = true;

	g_check = check;
	bdk_strict_for_each_report(report_earlier_cb, &first);
	first = false;
	for (int rule = 0; rule < BDK_STRICT_NUM_RULES; rule++) {
		struct check_rule *mine = check_rule(check, rule_of(rule));

		if (bdk_strict_is_enabled()) {
			check_expect(check, mine, true, NULL, " ");
		} else {
			check_skip(mine, "--no-strict");
		}
	}
}
