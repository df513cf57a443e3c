/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The parts of spdk_app_*:
 *   app.c           start, stop, fini
 *   app_signals.c   signals that stop the application
 *   app_options.c   defaults and copies of the options
 *   app_args.c      command line
 *   core_locks.c    lock files of CPUs
 */

#ifndef LIB_EVENT_APP_INTERNAL_H
#define LIB_EVENT_APP_INTERNAL_H

#include "bdevkit/app.h"
#include "spdk/event.h"

/* ---- app.c ---- */

/*
 * Starts the subsystems when --wait-for-rpc delays that. Returns 0 if cb_fn will be called, when the application runs (0)
 * or its start failed (a negative errno; it then stops); or -EBUSY if it does not wait for that. App thread.
 */
int event_app_start_subsystems(void (*cb_fn)(void *cb_arg, int rc), void *cb_arg);

/* Calls cb_fn on the app thread, now or later: with 0 when the application runs, -ECANCELED when it stops first. */
void event_app_wait_init(void (*cb_fn)(void *cb_arg, int rc), void *cb_arg);

/*
 * The parts of spdk_app_start(), for one who runs the reactors himself. Prepare does all that comes before they run; a
 * negative errno: nothing is to be undone. End comes after; rc: what running them has returned. It returns what
 * spdk_app_stop() was given.
 */
int event_app_prepare(struct spdk_app_opts *opts, spdk_msg_fn start_fn, void *ctx);
int event_app_end(int rc);

/* ---- app_signals.c ---- */

/* SIGINT and SIGTERM call spdk_app_start_shutdown(), SIGPIPE is ignored. 0 or a negative errno. */
int event_signals_set(void);
/* Brings the former handlers back. */
void event_signals_restore(void);

/* ---- app_options.c ---- */

/* Copies the fields that src has by its opts_size; the others get their defaults. */
void event_app_opts_copy(struct spdk_app_opts *dst, const struct spdk_app_opts *src);

/* Copies the fields that dst has by its opts_size. */
void event_app_opts_copy_back(struct spdk_app_opts *dst, const struct spdk_app_opts *src);

/* ---- core_locks.c ---- */

/* Takes the lock file of each CPU of the reactors. 0, or a negative errno, and then none is held. */
int event_core_locks_take(void);
/* Gives them back and removes the files. */
void event_core_locks_release(void);

#endif /* LIB_EVENT_APP_INTERNAL_H */
