/* SPDX-License-Identifier: BSD-3-Clause */

/* Takes the reports of strict mode for tests that cause them. */

#ifndef STRICT_REPORTS_H
#define STRICT_REPORTS_H

#include "bdevkit/strict.h"
#include "lib/strict/strict_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define STRICT_MAX_REPORTS 16

/* Those that came since strict_reports_begin(), with copies of their strings. */
struct strict_reports {
	uint32_t count;
	struct {
		enum bdk_strict_rule rule;
		char module[64];
		char bdev[64];
		char thread[64];
		char io_type[32];
		uint64_t io_number;
		uint64_t offset_blocks;
		uint64_t num_blocks;
		uint64_t age_us;
		char place[256];
		char callback[256];
		char text[1024];
	} items[STRICT_MAX_REPORTS];
};

static struct strict_reports g_reports;

static inline void
strict_reports_cb(void *ctx, const struct bdk_strict_report *report)
{
	uint32_t i = g_reports.count++;

	assert_true(i < STRICT_MAX_REPORTS);
	g_reports.items[i].rule = report->rule;
	g_reports.items[i].io_number = report->io_number;
	g_reports.items[i].offset_blocks = report->offset_blocks;
	g_reports.items[i].num_blocks = report->num_blocks;
	g_reports.items[i].age_us = report->age_us;
#define COPY(member, value) snprintf(g_reports.items[i].member, sizeof(g_reports.items[i].member), "%s", value)
	COPY(module, report->module);
	COPY(bdev, report->bdev);
	COPY(thread, report->thread);
	COPY(io_type, report->io_type != NULL ? report->io_type : "");
	COPY(place, report->place);
	COPY(callback, report->callback);
	COPY(text, report->text);
#undef COPY
}

/* Before the library is started. */
static inline void
strict_reports_begin(const struct bdk_strict_opts *opts)
{
	assert_int_equal(bdk_strict_enable(opts), 0);
	strict_hold_pretend();
	memset(&g_reports, 0, sizeof(g_reports));
	bdk_strict_clear();
	bdk_strict_set_report_cb(strict_reports_cb, NULL);
}

/* There is one report, of that rule; its number. */
static inline void
expect_one_report(enum bdk_strict_rule rule)
{
	if (g_reports.count != 1 || g_reports.items[0].rule != rule) {
		for (uint32_t i = 0; i < g_reports.count; i++) {
			print_message("%s\n", g_reports.items[i].text);
		}
	}
	assert_int_equal(g_reports.count, 1);
	assert_string_equal(bdk_strict_rule_name(g_reports.items[0].rule), bdk_strict_rule_name(rule));
}

#endif /* STRICT_REPORTS_H */
