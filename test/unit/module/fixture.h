/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The library below a bdev module, running in the process of a test: threads, buffer pools, the block-device layer.
 * Test code runs as the code of the app thread, and asks for others to run when it waits for something.
 */

#ifndef TEST_MODULE_FIXTURE_H
#define TEST_MODULE_FIXTURE_H

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "spdk/bdev_module.h"
#include "spdk/thread.h"

#define FIXTURE_THREADS 3

/*
 * Whether disks are read by modules that look what is on them (examine_disk); at first they are not, so that tests may
 * count what a bdev gets. Before the start.
 */
void fixture_examine_disks(bool examine);

/* In simulation: one system thread, virtual time, an order that the seed decides. */
void fixture_start(uint64_t seed);
/* With the real clock, for modules that wait for the kernel. */
void fixture_start_real(void);
/* Ends the layer, which unregisters all bdevs, and checks that nothing is left. */
void fixture_stop(void);

/* Thread 0 is the app thread. */
struct spdk_thread *fixture_thread(int index);
/* Makes it the thread whose code the test is, until the next call. */
void fixture_enter(int index);

/* Lets the threads run until *done, and fails the test if that takes long; or until nothing more happens. */
void fixture_wait(const bool *done);
void fixture_settle(void);

struct fixture_reply {
	bool done;
	/* 0, or the code of the error. */
	int code;
	/* JSON of the result, or the message of the error. */
	char text[16384];
};

/* Calls an RPC method, from the app thread, and waits for the answer. params is JSON with ' for ". */
const struct fixture_reply *fixture_rpc(const char *method, const char *params, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, and the answer must be this result, or this error. */
void fixture_rpc_expect(const char *result, const char *method, const char *params, ...)
	__attribute__((format(printf, 3, 4)));
void fixture_rpc_expect_error(int code, const char *message, const char *method, const char *params, ...)
	__attribute__((format(printf, 4, 5)));

/* The entries of the saved configuration whose method begins with prefix, one a line. Freed with the next call. */
const char *fixture_config(const char *prefix);

/* Carries out the entries that fixture_config() has returned. */
void fixture_load_config(const char *entries);

/* What a user of a bdev has on one thread. */
struct fixture_user {
	int thread;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	/* Set when the bdev is removed; the user then closes as soon as fixture_user_close() is called. */
	bool removed;
	uint64_t resized;
};

/* Opens for writing, on that thread. Returns 0 or the error of opening. */
int fixture_user_open(struct fixture_user *user, int thread, const char *name);
void fixture_user_close(struct fixture_user *user);

struct fixture_io {
	bool done;
	bool success;
	int aio_status;
	/* Kept until fixture_io_free(), if keep was set before. */
	bool keep;
	struct spdk_bdev_io *bdev_io;
};

/* Completion callback of an I/O whose cb_arg is a struct fixture_io. */
void fixture_io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);

/* Waits for an I/O whose submission has returned rc; true if it was successful. */
bool fixture_io_wait(int rc, struct fixture_io *io);

#endif /* TEST_MODULE_FIXTURE_H */
