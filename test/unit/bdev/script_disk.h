/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A disk on the heap that has whatever types of I/O it is told to have, and does with each what a script, or chance,
 * says: end it at once, by message, with an error, keep it, refuse it for want of memory, ask for a buffer first. Its
 * memory is gone as soon as the interface lets it go. It checks what the layer promises to modules.
 */

#ifndef SCRIPT_DISK_H
#define SCRIPT_DISK_H

#include "bdev_sim.h"
#include "bdevkit/thread.h"

enum script_action {
	/* Complete inside submit_request. */
	SCRIPT_INLINE,
	/* Complete by message. */
	SCRIPT_MESSAGE,
	/* Keep until it is released, aborted or reset. */
	SCRIPT_HOLD,
	/* NOMEM. */
	SCRIPT_REFUSE,
	/* Any of these, and errors. */
	SCRIPT_CHANCE,
};

struct script_disk {
	struct spdk_bdev bdev;
	char name[32];
	uint64_t io_types;
	enum script_action action;
	/* Of those that come next, so many end by message, whatever action says. */
	uint32_t let_pass;
	/* Ask for a buffer before each type that may have one. */
	bool get_buf;
	/* A reset does not end what is held. */
	bool reset_keeps;
	/* The device is gone: all I/O fails. */
	bool dead;
	/* destruct() returns 1, and its end comes by message on any thread. */
	bool destruct_later;
	uint32_t num_threads;
	struct bdk_msg msg;

	TAILQ_HEAD(, script_io) held;
	uint32_t inside;
	/* What it gives to those who bring no buffer. */
	uint8_t own_buf[64 * 512];
	uint8_t own_md[64 * 8];
};

extern struct spdk_bdev_module g_script_module;

/* Disks that were made, and whose destruct() has been called. */
extern uint32_t g_script_made, g_script_destructed;

/* A disk of 1024 blocks of 512 bytes, not registered. */
struct script_disk *script_disk_create(const char *name, uint32_t num_threads);
/* Completes the oldest count of those held, by message. */
void script_disk_release(struct script_disk *disk, uint32_t count, enum spdk_bdev_io_status status);
/* As if it were pulled out: ends what is held, and everything that comes. */
void script_disk_die(struct script_disk *disk);

#endif /* SCRIPT_DISK_H */
