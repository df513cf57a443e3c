/* SPDX-License-Identifier: BSD-3-Clause */

/* A measurement from its beginning to its results: for each queue depth the bdevs are opened, loaded and closed. */

#ifndef BDEVKIT_PERF_RUN_H
#define BDEVKIT_PERF_RUN_H

#include "spdk/stdinc.h"

#include "app/bdevkit/perf/options.h"
#include "app/bdevkit/perf/result.h"

/* why: what could not be done, if rc is not 0; else NULL. Results may tell of failures all the same. */
typedef void (*perf_run_fn)(void *ctx, int rc, const char *why, const struct perf_results *results);

/* On the app thread, one at a time. options must stay until fn was called, which may be at once. progress: show it on stderr. */
void perf_run(const struct perf_options *options, bool progress, perf_run_fn fn, void *ctx);

/* Ends it early, with the results so far. False: none goes on. On the same thread. */
bool perf_run_interrupt(void);
bool perf_run_is_busy(void);

/* Whether writing needs consent: a bdev of the process keeps what it holds beyond it; its name, or NULL. */
const char *perf_run_find_lasting(void);

#endif /* BDEVKIT_PERF_RUN_H */
