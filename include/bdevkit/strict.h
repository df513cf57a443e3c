/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Strict mode: the block-device layer and the thread library watch what modules and callers do, and name who breaks a
 * rule: the module, the bdev, the I/O, its age and the place. doc/strict.md says of each rule what is seen and what not.
 *
 * It is switched on by the environment, BDEVKIT_STRICT=1, by bdk_strict_enable(), or by the option --strict of the
 * programs. Off, it costs nothing for an I/O. A report never stops the process, unless that is asked for: what was
 * wrong is put right where that is possible, as it is without strict mode.
 */

#ifndef BDEVKIT_STRICT_H
#define BDEVKIT_STRICT_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bdk_strict_rule {
	/* A module completed an I/O that it had completed before, or that it does not have. */
	BDK_STRICT_COMPLETED_TWICE,
	/* A module completed an I/O on another thread than the one that submitted it. */
	BDK_STRICT_COMPLETED_ON_WRONG_THREAD,
	/* A module has had an I/O for longer than never_completed_ms. */
	BDK_STRICT_NEVER_COMPLETED,
	/* A module completed an I/O whose channel is gone. */
	BDK_STRICT_COMPLETED_WITHOUT_CHANNEL,
	/* A module completed an I/O whose bdev was unregistered and destructed. */
	BDK_STRICT_COMPLETED_AFTER_UNREGISTER,
	/* A module completed an I/O with a status that is none. */
	BDK_STRICT_BAD_STATUS,
	/* A module wrote beyond what its get_ctx_size() asks for of driver_ctx. */
	BDK_STRICT_DRIVER_CTX_OVERRUN,
	/* A module changed a field of an I/O that is not its own, or the caller's iovecs. */
	BDK_STRICT_IO_CHANGED,
	/* The data of a write changed while the module had it. Only with check_data. */
	BDK_STRICT_DATA_CHANGED,
	/* A field of a registered bdev changed that must stay as it was at registration. */
	BDK_STRICT_BDEV_CHANGED,
	/* A caller submitted an I/O on another thread than that of the channel. */
	BDK_STRICT_SUBMITTED_ON_WRONG_THREAD,
	/* A channel was not put: its thread was exited by force, or shutdown waits for it. */
	BDK_STRICT_CHANNEL_LEAKED,
	/* A descriptor was not closed: its bdev, or shutdown, waits for it. */
	BDK_STRICT_DESCRIPTOR_LEAKED,
	/* A callback held its thread for longer than held_ms. */
	BDK_STRICT_REACTOR_HELD,
	/* A module allocated memory on the way of its I/Os. */
	BDK_STRICT_ALLOCATED,
	/* An io_device was still registered when the thread library ended. */
	BDK_STRICT_DEVICE_LEAKED,
	BDK_STRICT_NUM_RULES,
};

/* "completed-twice" and the like. */
const char *bdk_strict_rule_name(enum bdk_strict_rule rule);

struct bdk_strict_opts {
	/* sizeof(struct bdk_strict_opts) of the caller; set by bdk_strict_opts_init(). */
	size_t size;
	/* Abort the process at the first report that no function of bdk_strict_set_report_cb() gets. */
	bool abort;
	/* Compute a checksum of the data of each write before and after. */
	bool check_data;
	/* Longest time that a module may have an I/O, and the same for a callback and its thread; milliseconds, 0: any. */
	uint32_t never_completed_ms;
	uint32_t held_ms;
	/* Freed I/O objects that each thread keeps from being used again, so that late completions are recognized. */
	uint32_t quarantine;
};

/* The defaults. size: sizeof(*opts). */
void bdk_strict_opts_init(struct bdk_strict_opts *opts, size_t size);

/* Those in force, the defaults while it is off. size: sizeof(*opts). */
void bdk_strict_get_opts(struct bdk_strict_opts *opts, size_t size);

/*
 * Switches strict mode on; opts NULL: with the defaults. To be called before the thread library and the block-device
 * layer start: it holds for threads and layers that start later. Returns 0 or -EINVAL.
 *
 * The environment does the same when the library is loaded: BDEVKIT_STRICT is a list, separated by commas, of "1" or
 * "on", "abort", "data", "never=MS", "held=MS", "quarantine=N". "0" or nothing: off.
 */
int bdk_strict_enable(const struct bdk_strict_opts *opts);
bool bdk_strict_is_enabled(void);

/*
 * The same from a text as the environment has it. Returns 0, or -EINVAL, of which the log says why, and then nothing has
 * changed.
 */
int bdk_strict_enable_text(const char *text);

struct bdk_strict_report {
	/* sizeof(struct bdk_strict_report) of the library. */
	size_t size;
	enum bdk_strict_rule rule;
	/* How often the same rule has been broken at the same place. */
	uint64_t count;
	/* "" where there is none. */
	const char *module;
	const char *bdev;
	/* The thread on which it was found. */
	const char *thread;
	/* The I/O. NULL: there is none, and what follows up to num_blocks has no meaning. */
	const char *io_type;
	/* Counted per thread and channel, from 1: the n-th that the channel gave to the module. */
	uint64_t io_number;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* Since the module got the I/O, or since whatever the text says. */
	uint64_t age_us;
	/* Function, its file and the offset in it, as addr2line -e takes it: "done+0x2c (bdev_x.so+0x1a2c)". May be "". */
	const char *place;
	/* What of the module's, or the caller's, runs: "poller reap (x_poll ...)", "submit_request (...)". May be "". */
	const char *callback;
	/* All of it in one line, with what to do. */
	const char *text;
};

/*
 * Calls fn for each new report, on the thread that found it, after it was logged; it must neither break a rule nor wait.
 * What it gets is valid until it returns. NULL: nobody is called.
 */
typedef void (*bdk_strict_report_cb)(void *ctx, const struct bdk_strict_report *report);
void bdk_strict_set_report_cb(bdk_strict_report_cb fn, void *ctx);

/* Calls fn with each report so far, in the order in which they came. From any thread; fn must not cause reports. */
void bdk_strict_for_each_report(bdk_strict_report_cb fn, void *ctx);

/* How often a rule has been broken; BDK_STRICT_NUM_RULES: all of them together. */
uint64_t bdk_strict_get_count(enum bdk_strict_rule rule);

struct spdk_bdev_io;

/*
 * Says that a module means to keep an I/O for as long as it likes, as one does that makes others wait: that it is not
 * completed is not reported, this time that the module has it. For submit_request(), on the thread of the I/O.
 */
void bdk_strict_keep_io(struct spdk_bdev_io *bdev_io);

/* Forgets all reports: what comes again is new. */
void bdk_strict_clear(void);

/*
 * Lets a crash of the process be told of on standard error, before it ends as it does anyway: where, on which thread, and in
 * strict mode in which callback of whom. For SIGSEGV, SIGBUS, SIGILL and SIGFPE, as far as they have no handler. tell may
 * add what the program knows, and runs inside the handler; NULL: nothing is added.
 */
void bdk_strict_tell_crashes(void (*tell)(void));

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_STRICT_H */
