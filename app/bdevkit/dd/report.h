/* SPDX-License-Identifier: BSD-3-Clause */

/* What people see of a copy: progress on standard error, a line at the end, or JSON. */

#ifndef BDEVKIT_DD_REPORT_H
#define BDEVKIT_DD_REPORT_H

#include "app/bdevkit/dd/copy.h"

struct dd_request;
struct spdk_poller;

struct dd_report {
	const struct dd_request *request;
	uint64_t length;
	uint64_t resumed;
	uint64_t begin;
	/* Of the copy that runs, NULL if none does; and of all before it. */
	struct dd_copy *copy;
	struct dd_progress progress;
	struct spdk_poller *poller;
	/* A line without its end stands on the terminal. */
	bool drawn;
};

void dd_report_begin(struct dd_report *report, const struct dd_request *request, uint64_t length, uint64_t resumed);
/* A copy has ended. */
void dd_report_add(struct dd_report *report, const struct dd_progress *progress);
/* Something to know while it goes on. */
void dd_report_note(struct dd_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for another line. */
void dd_report_clear(const struct dd_report *report);
/* Also of a report that never began. */
void dd_report_end(struct dd_report *report, bool good);

#endif /* BDEVKIT_DD_REPORT_H */
