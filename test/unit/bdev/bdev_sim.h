/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The block-device layer in a simulation: its threads, and disks that do what a test tells them.
 * Thread 0 is the app thread.
 */

#ifndef BDEV_SIM_H
#define BDEV_SIM_H

#include "bdevkit/sim.h"
#include "spdk/bdev.h"
#include "spdk/bdev_module.h"

#include <setjmp.h>
#include <cmocka.h>

#define BDEV_SIM_MAX_THREADS 8

extern struct spdk_thread *g_sim_threads[BDEV_SIM_MAX_THREADS];

/*
 * Whether disks are read by modules that look what is on them (examine_disk); at first they are not, so that tests may
 * count what a disk gets. Before the start.
 */
void bdev_sim_examine_disks(bool examine);

/* Starts a simulation with so many threads and small buffer pools, but not the layer. */
void bdev_sim_init(uint64_t seed, uint32_t num_threads);
void bdev_sim_fini(void);

/* The same, and starts and stops the layer, which has to succeed. */
void bdev_sim_start(uint64_t seed, uint32_t num_threads);
void bdev_sim_stop(void);

/* spdk_bdev_initialize() on the app thread, until it has called back. Returns what that got. */
int bdev_sim_layer_init(void);
/* spdk_bdev_finish() on the app thread, until it has called back. */
void bdev_sim_layer_fini(void);

/* Runs statements with a thread current. */
#define ON(thread_index, ...) \
	do { \
		struct spdk_thread *outer_thread = spdk_get_thread(); \
		spdk_set_thread(g_sim_threads[thread_index]); \
		__VA_ARGS__; \
		spdk_set_thread(outer_thread); \
		bdk_sim_call(g_sim_threads[thread_index], sim_nothing, NULL); \
	} while (0)

void sim_nothing(void *arg);

/* ---- disks ---- */

struct sim_disk {
	struct spdk_bdev bdev;
	char name[64];

	/* What destruct returns; if positive, somebody has to call spdk_bdev_destruct_done(). */
	int destruct_rc;
	/* Calls of destruct so far, and on which thread the last one was. */
	uint32_t destructed;
	struct spdk_thread *destruct_thread;
	/* Bit of each supported I/O type. */
	uint64_t io_types;
	/* I/Os that were submitted and are held, oldest first. */
	TAILQ_HEAD(, spdk_bdev_io) held;
	/* Whether submitted I/O is held instead of completed. */
	bool hold;
	/* Freed by destruct. */
	bool on_heap;
};

extern struct spdk_bdev_module g_sim_module;

/* Prepares a disk of 1024 blocks of 512 bytes that supports reading, writing and reset. */
void sim_disk_init(struct sim_disk *disk, const char *name);
struct sim_disk *sim_disk_create(const char *name);

/* Completes what is held, on the threads where it was submitted. */
void sim_disk_release(struct sim_disk *disk);

/* spdk_bdev_register() on the app thread. */
int sim_disk_register(struct sim_disk *disk);
/* The same, which has to succeed, until the disk is settled: examined, and its notification sent. */
void sim_disk_add(struct sim_disk *disk);
/* spdk_bdev_unregister() on the app thread, until it has called back. Returns what that got. */
int sim_disk_remove(struct sim_disk *disk);

/* ---- opening ---- */

/* Events of one descriptor. */
struct sim_open {
	struct spdk_bdev_desc *desc;
	uint32_t removes;
	uint32_t resizes;
	struct spdk_thread *event_thread;
	/* Closes the descriptor when it gets an event. */
	bool close_on_event;
};

/* spdk_bdev_open_ext() on a thread. */
int sim_open(struct sim_open *open, uint32_t thread, const char *name, bool write);
void sim_close(struct sim_open *open, uint32_t thread);

#endif /* BDEV_SIM_H */
