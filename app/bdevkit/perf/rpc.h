/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BDEVKIT_PERF_RPC_H
#define BDEVKIT_PERF_RPC_H

#include "app/bdevkit/perf/options.h"

/* What calls of perform_tests take for granted if they do not say it; NULL: perf_options_init(). */
void perf_rpc_set_defaults(const struct perf_options *options);

/* Asks a running target, and prints the results as JSON. Returns 0, or a negative errno after stderr was told. */
int perf_rpc_ask(const char *socket_path, const struct perf_options *options);

#endif /* BDEVKIT_PERF_RPC_H */
