/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BDEVKIT_PERF_RPC_H
#define BDEVKIT_PERF_RPC_H

#include "spdk/json.h"

#include "app/bdevkit/perf/options.h"

/* What calls of perform_tests take for granted if they do not say it; NULL: perf_options_init(). */
void perf_rpc_set_defaults(const struct perf_options *options);

/* What a target has answered. Returns 0, or a negative errno after stderr was told. */
typedef int (*perf_rpc_answer_fn)(const struct spdk_json_val *answer);

/* Asks a running target. Returns what fn does, or a negative errno after stderr was told. */
int perf_rpc_ask(const char *socket_path, const struct perf_options *options, perf_rpc_answer_fn fn);

#endif /* BDEVKIT_PERF_RPC_H */
