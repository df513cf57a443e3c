/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Strict mode of the block-device layer. It holds from one start of the layer to its end, if it was enabled before:
 * then each channel has BDEV_GATE_STRICT, so that all I/O takes the ways that look twice, and each I/O that was given to
 * a module is marked BDEV_IO_WATCHED until it is freed. Without, none of this is called, but for what is cold anyhow.
 */

#ifndef BDEV_STRICT_H
#define BDEV_STRICT_H

#include "lib/bdev/io_internal.h"
#include "lib/strict/strict_internal.h"

/* Bytes behind a module's driver_ctx that it must leave as they are. */
#define BDEV_STRICT_CANARY 32
/* The first iovecs of an I/O, which are compared; most have no more. */
#define BDEV_STRICT_IOVS 4

/* Places at which a channel's module was seen to allocate. */
#define BDEV_STRICT_PLACES 4

/* Of a bdev and its module what is still known when they are gone: one for each name, until the layer stops. */
struct bdev_strict_name {
	/* Changes when a bdev of that name is gone. */
	uint32_t generation;
	TAILQ_ENTRY(bdev_strict_name) link;
	char module[64];
	char bdev[];
};

/* Of a registered bdev. */
struct bdev_strict {
	struct bdev_strict_name *name;
	/* What the module wants of driver_ctx. */
	uint32_t ctx_size;
	/* As it was registered. */
	struct spdk_bdev copy;
};

/* Of a channel. */
struct bdev_strict_channel {
	/* I/Os given to the module. */
	uint64_t given;
	struct {
		const void *pc;
		/* I/Os that allocated there, and the number of the first. */
		uint64_t count;
		uint64_t since;
	} places[BDEV_STRICT_PLACES];
};

enum bdev_strict_where {
	BDEV_STRICT_UNUSED,
	BDEV_STRICT_IN_MODULE,
	/* It was refused, and waits in the layer. */
	BDEV_STRICT_REFUSED,
	BDEV_STRICT_COMPLETED,
	/* Its channel was destroyed while the module had it. */
	BDEV_STRICT_ORPHANED,
};

/* Of an I/O: what was known when the module got it. Lies before the bdev_io_private in memory. */
struct bdev_strict_io {
	/* Two cache lines that each I/O touches. */
	struct bdev_strict_name *name;
	uint64_t number;
	uint64_t given_tsc;
	uint64_t completed_tsc;
	const void *completed_by;
	uint32_t generation;
	uint8_t where;
	bool said_stuck;
	/* How often somebody has looked whether it is stuck, and it was there. */
	uint8_t looks;
	/* A user's buffers, which nobody changes meanwhile: the copy in iov, and checksum. */
	bool has_iov;
	bool has_checksum;

	struct spdk_bdev *bdev;
	spdk_bdev_io_completion_cb cb;
	void *caller_ctx;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	struct iovec *iovs;
	int iovcnt;
	uint32_t checksum;
	uint8_t type;

	/* The third is for those that have more than one buffer. */
	struct iovec iov[BDEV_STRICT_IOVS];
} __attribute__((aligned(64)));

static inline struct bdev_strict_io *
bdev_strict_io(struct spdk_bdev_io *bdev_io)
{
	return (struct bdev_strict_io *)bdev_io_private(bdev_io) - 1;
}

/* ---- strict.c ---- */

/* True from the start of the layer to its end. */
extern bool g_bdev_strict;

void bdev_strict_init(void);
void bdev_strict_fini(void);

/* What is watched of a new bdev. 0 or -ENOMEM. Fini when its last channel is gone. */
int bdev_strict_bdev_init(struct bdev_state *state);
void bdev_strict_bdev_fini(struct bdev_state *state);
/* Looks whether fields have changed that must not. */
void bdev_strict_bdev_check(struct spdk_bdev *bdev);
/* state->lock is held: its size changes in a lawful way. */
void bdev_strict_bdev_resized_locked(struct bdev_state *state, uint64_t blockcnt);

/* Remembers who opens it. */
void bdev_strict_note_open(struct spdk_bdev_desc *desc);
/* Its bdev has long been waiting for it to be closed; state->lock is held. */
void bdev_strict_report_open(const struct spdk_bdev_desc *desc);

/* ---- strict_io.c ---- */

int bdev_strict_channel_init(struct bdev_channel *ch);
/* The channel is being destroyed. */
void bdev_strict_channel_fini(struct bdev_channel *ch);
int bdev_strict_thread_init(struct bdev_thread *thread);
void bdev_strict_thread_fini(struct bdev_thread *thread);

/* A module is completing an I/O that it has. */
void bdev_strict_complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status, const void *caller);
/* A module completes an I/O that it does not have. */
void bdev_strict_report_stray(struct spdk_bdev_io *bdev_io, const void *caller);
/* The same on a wrong thread. */
void bdev_strict_report_thread(struct spdk_bdev_io *bdev_io, const void *caller);
void bdev_strict_report_status(struct spdk_bdev_io *bdev_io, int status, const void *caller);
/* Calls its owner. */
void bdev_strict_call_owner(struct spdk_bdev_io *bdev_io, bool success);

#endif /* BDEV_STRICT_H */
