/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sequences that begin or end in memory and need one operation only, carried out inside the call that ends them: for bdevs
 * whose blocks are memory, which may complete an I/O inside its submission.
 */

#ifndef ACCEL_AT_ONCE_H
#define ACCEL_AT_ONCE_H

#include "spdk/accel_module.h"

/* Between memory and the buffers of a read or write. */
struct accel_transfer {
	/* Else from it. */
	bool to_memory;
	/* Not empty, and as long as the buffers. */
	struct iovec *memory;
	struct iovec *iovs;
	uint32_t iovcnt;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
};

/*
 * The same as a copy behind the sequence, or before it where data come from memory, and its end; where the one step of the
 * sequence can do without the copy, and its module carries it out at once. Returns whether that is so: the sequence is gone,
 * and *status says how it went. Else nothing has changed.
 */
bool accel_sequence_try_at_once(struct spdk_accel_sequence *seq, const struct accel_transfer *transfer, int *status);

/*
 * Carries out a task, whose sides are plain memory, without a callback, and sets its status. False: it takes longer, or is
 * not for this module to do so, and nothing has happened.
 */
typedef bool (*accel_at_once_fn)(struct spdk_io_channel *ch, struct spdk_accel_task *task);

/* What a module has to offer for the operations that it will be assigned; from its module_init. */
void accel_at_once_provide(const struct spdk_accel_module_if *module, accel_at_once_fn fn);

#endif /* ACCEL_AT_ONCE_H */
