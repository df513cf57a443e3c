/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reports: one line in the log for each rule and place, however often it happens, and a call of whoever wants to know.
 */

#include "lib/strict/strict_internal.h"

#include "lib/env/env_internal.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* Beyond these only counts are kept: who breaks that many has enough to do. */
#define MAX_REPORTS 256
#define NAME_SIZE 128
#define TEXT_SIZE 1024

static const struct {
	const char *name;
	const char *advice;
} g_rules[BDK_STRICT_NUM_RULES] = {
	[BDK_STRICT_COMPLETED_TWICE] = {"completed-twice", "complete each I/O once"},
	[BDK_STRICT_COMPLETED_ON_WRONG_THREAD] = {"completed-on-wrong-thread",
		"send a message to the thread of the I/O's channel, and complete it there"},
	[BDK_STRICT_NEVER_COMPLETED] = {"never-completed",
		"complete each I/O, also when the device fails, is reset or goes"},
	[BDK_STRICT_COMPLETED_WITHOUT_CHANNEL] = {"completed-without-channel",
		"complete all I/O of a channel before its thread exits"},
	[BDK_STRICT_COMPLETED_AFTER_UNREGISTER] = {"completed-after-unregister",
		"complete all I/O before destruct() is called, and none twice"},
	[BDK_STRICT_BAD_STATUS] = {"bad-status", "complete with one of enum spdk_bdev_io_status, not PENDING"},
	[BDK_STRICT_DRIVER_CTX_OVERRUN] = {"driver-ctx-overrun",
		"let get_ctx_size() return the size of what lies in driver_ctx"},
	[BDK_STRICT_IO_CHANGED] = {"io-changed", "work on a copy of what has to change"},
	[BDK_STRICT_DATA_CHANGED] = {"data-changed",
		"write into no buffer of a write, and let callers leave them alone"},
	[BDK_STRICT_BDEV_CHANGED] = {"bdev-changed",
		"set it before spdk_bdev_register(); spdk_bdev_notify_blockcnt_change() changes the size"},
	[BDK_STRICT_SUBMITTED_ON_WRONG_THREAD] = {"submitted-on-wrong-thread",
		"get a channel on each thread that submits, and use it only there"},
	[BDK_STRICT_CHANNEL_LEAKED] = {"channel-leaked", "put each channel as often as it was got"},
	[BDK_STRICT_DESCRIPTOR_LEAKED] = {"descriptor-leaked", "close it when the event REMOVE comes, and at the end"},
	[BDK_STRICT_REACTOR_HELD] = {"reactor-held",
		"leave work that waits to a system thread, and cut long work into pieces"},
	[BDK_STRICT_ALLOCATED] = {"allocated-in-io-path",
		"take it from driver_ctx, from the channel, or from a pool made beforehand"},
	[BDK_STRICT_DEVICE_LEAKED] = {"io-device-leaked", "call spdk_io_device_unregister(), a module in module_fini"},
};

struct report {
	struct bdk_strict_report public;
	const void *pc;
	const void *key;
	char module[NAME_SIZE];
	char bdev[NAME_SIZE];
	char thread[NAME_SIZE];
	char place[STRICT_PLACE_SIZE];
	char callback[STRICT_PLACE_SIZE];
	char text[TEXT_SIZE];
	STAILQ_ENTRY(report) link;
};

static struct {
	struct env_mutex lock;
	STAILQ_HEAD(report_list, report) reports;
	uint32_t num_reports;
	uint64_t counts[BDK_STRICT_NUM_RULES];
	bdk_strict_report_cb fn;
	void *ctx;
} g_reports = {
	.lock = ENV_MUTEX_INITIALIZER,
	.reports = STAILQ_HEAD_INITIALIZER(g_reports.reports),
};

const char *
bdk_strict_rule_name(enum bdk_strict_rule rule)
{
	return (unsigned int)rule < BDK_STRICT_NUM_RULES ? g_rules[rule].name : "unknown";
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* Under the lock. */
static struct report *
find(const struct strict_fault *fault)
{
	struct report *report;

	STAILQ_FOREACH (report, &g_reports.reports, link) {
		if (report->public.rule == fault->rule && report->pc == fault->pc && report->key == fault->key &&
			strcmp(report->module, or_empty(fault->module)) == 0 &&
			(fault->pc != NULL || strcmp(report->bdev, or_empty(fault->bdev)) == 0)) {
			return report;
		}
	}
	return NULL;
}

static void __attribute__((format(printf, 2, 3))) add(struct report *report, const char *format, ...)
{
	size_t length = strlen(report->text);
	va_list args;

	va_start(args, format);
	vsnprintf(report->text + length, sizeof(report->text) - length, format, args);
	va_end(args);
}

/* "strict: rule: module M, bdev B, write 7 of blocks 8 to 15, 20 us old, on thread T: " */
static void
add_subject(struct report *report)
{
	const struct bdk_strict_report *public = &report->public;

	add(report, "strict: %s:", bdk_strict_rule_name(public->rule));
	if (public->module[0] != '\0') {
		add(report, " module %s,", public->module);
	}
	if (public->bdev[0] != '\0') {
		add(report, " bdev %s,", public->bdev);
	}
	if (public->io_type != NULL) {
		add(report, " %s %" PRIu64, public->io_type, public->io_number);
		if (public->num_blocks > 0) {
			add(report, " of %" PRIu64 " blocks at %" PRIu64, public->num_blocks, public->offset_blocks);
		}
		add(report, ", %" PRIu64 " us old,", public->age_us);
	}
	add(report, " on thread %s: ", public->thread[0] != '\0' ? public->thread : "(none)");
}

static void
set_public(struct report *report, const struct strict_fault *fault)
{
	snprintf(report->module, sizeof(report->module), "%s", or_empty(fault->module));
	snprintf(report->bdev, sizeof(report->bdev), "%s", or_empty(fault->bdev));
	snprintf(report->thread, sizeof(report->thread), "%s", or_empty(fault->thread));
	strict_place_format(fault->pc, report->place, sizeof(report->place));
	strict_frame_format(fault->found_later ? NULL : g_strict_frame, report->callback, sizeof(report->callback));
	report->pc = fault->pc;
	report->key = fault->key;
	report->public = (struct bdk_strict_report){
		.size = sizeof(report->public),
		.rule = fault->rule,
		.count = 1,
		.module = report->module,
		.bdev = report->bdev,
		.thread = report->thread,
		.io_type = fault->io_type,
		.io_number = fault->io_number,
		.offset_blocks = fault->offset_blocks,
		.num_blocks = fault->num_blocks,
		.age_us = fault->age_us,
		.place = report->place,
		.callback = report->callback,
		.text = report->text,
	};
}

/* Counts it; under the lock. NULL: it is known already, or there is no room. */
static struct report *
count(const struct strict_fault *fault)
{
	struct report *report = find(fault);

	g_reports.counts[fault->rule]++;
	if (report != NULL) {
		report->public.count++;
		return NULL;
	}
	if (g_reports.num_reports >= MAX_REPORTS) {
		return NULL;
	}
	report = calloc(1, sizeof(*report));
	if (report != NULL) {
		g_reports.num_reports++;
		STAILQ_INSERT_TAIL(&g_reports.reports, report, link);
	}
	return report;
}

static void
add_text(struct report *report, const struct strict_fault *fault, const char *format, va_list args)
{
	size_t length;

	add_subject(report);
	length = strlen(report->text);
	vsnprintf(report->text + length, sizeof(report->text) - length, format, args);
	if (report->place[0] != '\0') {
		add(report, ", at %s", report->place);
	}
	if (report->callback[0] != '\0') {
		add(report, ", in %s", report->callback);
	}
	add(report, ": %s", g_rules[fault->rule].advice);
}

void
strict_report(const struct strict_fault *fault, const char *format, ...)
{
	struct bdk_strict_report public;
	struct report *report;
	bdk_strict_report_cb fn;
	va_list args;
	void *ctx;

	env_mutex_lock(&g_reports.lock);
	report = count(fault);
	if (report != NULL) {
		set_public(report, fault);
		va_start(args, format);
		add_text(report, fault, format, args);
		va_end(args);
		public = report->public;
	}
	fn = g_reports.fn;
	ctx = g_reports.ctx;
	env_mutex_unlock(&g_reports.lock);

	if (report == NULL) {
		return;
	}
	SPDK_ERRLOG("%s\n", public.text);
	if (fn != NULL) {
		fn(ctx, &public);
	} else if (g_strict.opts.abort) {
		/* The log may be silent, or go elsewhere. */
		fprintf(stderr, "%s\n", public.text);
		abort();
	}
}

/* ---- questions ---- */

void
bdk_strict_set_report_cb(bdk_strict_report_cb fn, void *ctx)
{
	ENV_MUTEX_SCOPE(&g_reports.lock);
	g_reports.fn = fn;
	g_reports.ctx = ctx;
}

void
bdk_strict_for_each_report(bdk_strict_report_cb fn, void *ctx)
{
	struct report *report;

	ENV_MUTEX_SCOPE(&g_reports.lock);
	STAILQ_FOREACH (report, &g_reports.reports, link) {
		fn(ctx, &report->public);
	}
}

uint64_t
bdk_strict_get_count(enum bdk_strict_rule rule)
{
	uint64_t sum = 0;

	ENV_MUTEX_SCOPE(&g_reports.lock);
	for (int i = 0; i < BDK_STRICT_NUM_RULES; i++) {
		sum += rule == BDK_STRICT_NUM_RULES || (int)rule == i ? g_reports.counts[i] : 0;
	}
	return sum;
}

void
bdk_strict_clear(void)
{
	struct report *report;

	ENV_MUTEX_SCOPE(&g_reports.lock);
	while ((report = STAILQ_FIRST(&g_reports.reports)) != NULL) {
		STAILQ_REMOVE_HEAD(&g_reports.reports, link);
		free(report);
	}
	g_reports.num_reports = 0;
	memset(g_reports.counts, 0, sizeof(g_reports.counts));
}
