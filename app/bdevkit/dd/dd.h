/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit dd was asked for, and the run that does it. */

#ifndef BDEVKIT_DD_DD_H
#define BDEVKIT_DD_DD_H

#include "app/bdevkit/dd/copy.h"

enum dd_status {
	DD_STATUS_NONE,
	/* A line at the end. */
	DD_STATUS_SUMMARY,
	DD_STATUS_PROGRESS,
};

struct dd_request {
	/* What the ends are called, and of which kind; what they are opened by, if that is another name. */
	char *words[2];
	char *names[2];
	enum dd_kind kinds[2];
	struct dd_end_options ends[2];

	/* 0: not given; blocks of count, skip and seek are 512 bytes then. */
	uint64_t block;
	/* In blocks, or bytes. UINT64_MAX: all there is. */
	uint64_t count;
	uint64_t skip;
	uint64_t seek;
	bool count_bytes;
	bool skip_bytes;
	bool seek_bytes;
	/* Keep what the target holds beside the range. */
	bool keep;
	uint64_t resume;
	uint32_t depth;
	/* UINT32_MAX: not given. */
	uint32_t sparse;
	uint64_t safe_every;
	/* The target holds nothing but zeroes. */
	bool target_is_zero;
	/* So long an end that is gone is waited for. */
	double retry;
	enum dd_status status;
	bool json;
};

/* On the app thread; request must stay until fn is called, with the exit code. */
void dd_run(const struct dd_request *request, void (*fn)(void *ctx, int exit_code), void *ctx);

/* Ends it early, on the same thread. False: it does not run. */
bool dd_run_interrupt(void);

/* 1.5 GiB */
void dd_format_bytes(char *text, size_t size, double bytes);

#endif /* BDEVKIT_DD_DD_H */
