/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Unit tests run in strict mode, in which a report aborts the program. One that breaks rules on purpose says which: all
 * others still abort.
 */

#ifndef STRICT_TOLERATE_H
#define STRICT_TOLERATE_H

#include "bdevkit/strict.h"

#define STRICT_RULE(rule) (1ull << BDK_STRICT_##rule)

static inline void
strict_tolerate_cb(void *ctx, const struct bdk_strict_report *report)
{
	if (!(((uintptr_t)ctx >> report->rule) & 1)) {
		fprintf(stderr, "%s\n", report->text);
		abort();
	}
}

/* From now on these may be broken, STRICT_RULE() of each. */
static inline void
strict_tolerate(uint64_t rules)
{
	bdk_strict_set_report_cb(strict_tolerate_cb, (void *)(uintptr_t)rules);
}

#endif /* STRICT_TOLERATE_H */
