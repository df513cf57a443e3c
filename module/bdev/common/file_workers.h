/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * System threads that carry out for one bdev what blocks. Each bdev has its own, so that a file that hangs holds up
 * nobody else's; they are started when there is work, and end when there has been none for some time.
 */

#ifndef MODULE_BDEV_FILE_WORKERS_H
#define MODULE_BDEV_FILE_WORKERS_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "lib/env/env_internal.h"

/* More at a time are not needed for what is rare, and would not make a file system faster. */
#define FILE_WORKERS_MAX 4

struct file_job {
	STAILQ_ENTRY(file_job) link;
};

struct file_workers {
	/* Called on a worker for each job; must report its end in its own way. */
	void (*run)(void *ctx, struct file_job *job);
	void *ctx;
	/* How long a thread waits for more work. */
	uint64_t idle_us;

	struct env_mutex lock;
	struct env_cond changed;
	STAILQ_HEAD(, file_job) jobs;
	unsigned int num_jobs;
	unsigned int num_idle;
	bool stopping;
	struct file_worker {
		struct file_workers *workers;
		/* NULL: never started, or joined. */
		struct env_thread *thread;
		bool ended;
	} worker[FILE_WORKERS_MAX];
};

/* No thread is started yet. Returns 0 or a negative errno. */
int file_workers_init(
	struct file_workers *workers, void (*run)(void *ctx, struct file_job *job), void *ctx, uint64_t idle_us);

/* Ends the threads. No job may be left. */
void file_workers_fini(struct file_workers *workers);

/* Queues a job, first in, first out. Any thread. Returns 0, or a negative errno if there is no thread to run it. */
int file_workers_submit(struct file_workers *workers, struct file_job *job);

#endif /* MODULE_BDEV_FILE_WORKERS_H */
