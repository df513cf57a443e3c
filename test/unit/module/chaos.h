/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Everything at once, in orders that a seed decides: bases come and go, and so do bdevs on them, while users on several
 * threads open and close them, and read, write, reset and abort. What the module under test does is told by a table.
 */

#ifndef TEST_MODULE_CHAOS_H
#define TEST_MODULE_CHAOS_H

#include "fixture.h"

#define CHAOS_BASES 3
#define CHAOS_BLOCKS 64

struct chaos_module {
	/* printf format of the names of its bdevs, with a number below CHAOS_BASES. */
	const char *name_format;
	const char *delete_method;
	/* Tries to create the bdev of that number on that base. */
	void (*create)(const char *base, int number);
	/* Creates the base of that number; NULL: a plain disk of CHAOS_BLOCKS blocks. */
	void (*create_base)(const char *name, int number);
	/*
	 * Submits one I/O, on two blocks at the most, to a bdev that may be a base. Returns what the layer does. NULL: any of the
	 * types that all disks have.
	 */
	int (*submit)(struct fixture_user *user, void *buf, spdk_bdev_io_completion_cb cb, void *cb_arg);
	/* Something else to be done to one of the bdevs, which may exist; or NULL. */
	void (*disturb)(const char *name);
	/* What makes all I/O end that waits, at the end; or NULL. */
	void (*calm)(const char *name);
	/* When all users have gone; or NULL. */
	void (*judge)(void);
};

/* Returns how many I/Os have come back, which is how many were submitted. */
uint64_t chaos_run(const struct chaos_module *module, uint64_t seed);

/* The same for seeds 1 to count, of which each I/O must come back, and enough must get through for that to mean something. */
void chaos_run_seeds(const struct chaos_module *module, uint64_t count);

#endif /* TEST_MODULE_CHAOS_H */
