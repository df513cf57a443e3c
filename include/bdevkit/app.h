/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to spdk/event.h: how the reactors of an application sleep. */

#ifndef BDEVKIT_APP_H
#define BDEVKIT_APP_H

#include "spdk/stdinc.h"
#include "spdk/event.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bdk_app_opts {
	/* sizeof(struct bdk_app_opts) of the caller; set by bdk_app_opts_init(). */
	size_t size;
	/*
	 * Never sleep: every reactor spins on its CPU. Then the CPUs are also claimed with lock files, unless
	 * spdk_app_opts.disable_cpumask_locks is set, so that two such processes do not spin on the same one.
	 */
	bool poll;
	/* Longest time that an idle reactor spins before it sleeps, in microseconds. It adapts below that. */
	uint32_t spin_max_us;
	/*
	 * Longest pause, in microseconds, between two polls of pollers without a file descriptor that report idle and
	 * whose thread has no I/O outstanding.
	 */
	uint32_t idle_poll_max_us;
};

/* Fills in the defaults. size: sizeof(*opts). */
void bdk_app_opts_init(struct bdk_app_opts *opts, size_t size);

/*
 * Sets the options of the next spdk_app_start(). They are copied. The command line option --poll, which
 * spdk_app_parse_args() knows, does the same for poll.
 *
 * Returns 0, or -EINVAL if opts is NULL or its size is 0.
 */
int bdk_app_set_opts(const struct bdk_app_opts *opts);

/* Copies the present options. size: sizeof(*opts). */
void bdk_app_get_opts(struct bdk_app_opts *opts, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_APP_H */
