/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Many I/Os in one call, whose ends come back many at a time: less work for each than with the functions of spdk/bdev.h,
 * which take one I/O and call back for one.
 *
 *	batch = bdk_batch_create(desc, ch, done, ctx);
 *	bdk_batch_submit(batch, requests, 64);		// done(ctx, ended, count) is called, once or several times
 *	...
 *	bdk_batch_destroy(batch);
 *
 * bdevkit/embed.h has the same for system threads that are no SPDK threads.
 */

#ifndef BDEVKIT_BATCH_H
#define BDEVKIT_BATCH_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * An I/O, and how it ended. It is the caller's memory, which the layer has from the submission until it hands it back;
 * the same holds for the buffers. What is not used is zero.
 */
struct bdk_request {
	/* enum spdk_bdev_io_type: READ, WRITE, COMPARE, WRITE_ZEROES, UNMAP, FLUSH or RESET. Others end with -ENOTSUP. */
	uint8_t type;
	uint8_t reserved[3];
	/* Number of iovs; 0: the data are in buf. */
	int32_t iovcnt;
	union {
		/* As long as num_blocks are. */
		void *buf;
		struct iovec *iovs;
	};
	/* Separate metadata; NULL: none. */
	void *md_buf;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	/* The caller's own. */
	void *user;
	/* Set when it is handed back: 0 or a negative errno. */
	int32_t status;
	uint32_t reserved2;
	/* The layer's. */
	void *opaque[2];
};

/* What a thread submits to one bdev. To be used on the thread that has created it only. */
struct bdk_batch;

/*
 * Gets requests that have ended, in the order in which they ended; never called inside bdk_batch_submit(). It may submit
 * them again. The array is valid until it returns.
 */
typedef void (*bdk_batch_fn)(void *ctx, struct bdk_request **done, uint32_t count);

/*
 * For a bdev that is open, with a channel of this thread; both must stay until it is destroyed. done_fn NULL: the caller
 * fetches what has ended with bdk_batch_reap(). NULL without memory.
 */
struct bdk_batch *bdk_batch_create(
	struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, bdk_batch_fn done_fn, void *ctx);

/* Returns 0, or -EBUSY if requests were not handed back; then it stays. */
int bdk_batch_destroy(struct bdk_batch *batch);

/*
 * Submits the requests in the order of the array, which may be gone afterwards. It takes all of them: one that is wrong
 * ends with an error, and those for which there is no memory at the moment wait for it, in order.
 */
void bdk_batch_submit(struct bdk_batch *batch, struct bdk_request **requests, uint32_t count);

/* Fetches at most max requests that have ended, in the order in which they ended. Returns how many. */
uint32_t bdk_batch_reap(struct bdk_batch *batch, struct bdk_request **done, uint32_t max);

/* Requests that were submitted and not handed back. */
uint64_t bdk_batch_get_outstanding(const struct bdk_batch *batch);

/* ---- For modules ---- */

/* No more than these come in one call. */
#define BDK_INSTANT_MAX 64

/*
 * Carries out reads and writes whose end need not be waited for, without a spdk_bdev_io. All are of that bdev, inside its
 * size and allowed, and have one buffer, which is not NULL, and no metadata apart. status is 0; of one that fails it
 * becomes a negative errno. Returns how many it has carried out, from the first one on: the next one then goes through
 * submit_request(). On a thread that has a channel of the bdev.
 */
typedef uint32_t (*bdk_bdev_instant_fn)(struct spdk_bdev *bdev, struct bdk_request **requests, uint32_t count);

/*
 * Names that function of a bdev. Channels that are made from now on use it, for what comes in batches and needs nothing
 * of the layer: no rate limits, locks, traces, ... After spdk_bdev_register(), by the module, on the app thread.
 */
void bdk_bdev_set_instant(struct spdk_bdev *bdev, bdk_bdev_instant_fn fn);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_BATCH_H */
