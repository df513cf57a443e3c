/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/file_workers.h"

#include "spdk/util.h"

/* Waits for a job. NULL: the worker is to end, and is marked so. */
static struct file_job *
wait_for_job(struct file_worker *worker)
{
	struct file_workers *workers = worker->workers;
	struct file_job *job;
	bool in_time = true;

	ENV_MUTEX_SCOPE(&workers->lock);
	workers->num_idle++;
	while (STAILQ_EMPTY(&workers->jobs) && !workers->stopping && in_time) {
		in_time = env_cond_wait_for(&workers->changed, &workers->lock, workers->idle_us);
	}
	workers->num_idle--;

	job = STAILQ_FIRST(&workers->jobs);
	if (job == NULL) {
		worker->ended = true;
		return NULL;
	}
	STAILQ_REMOVE_HEAD(&workers->jobs, link);
	workers->num_jobs--;
	return job;
}

static void *
worker_main(void *arg)
{
	struct file_worker *worker = arg;
	struct file_workers *workers = worker->workers;
	struct file_job *job;

	while ((job = wait_for_job(worker)) != NULL) {
		workers->run(workers->ctx, job);
	}
	return NULL;
}

/* Starts one more thread if there is room for it; the lock is held. Returns false if the system refuses it. */
static bool
start_worker_locked(struct file_workers *workers)
{
	for (size_t i = 0; i < SPDK_COUNTOF(workers->worker); i++) {
		struct file_worker *worker = &workers->worker[i];

		if (worker->thread != NULL && !worker->ended) {
			continue;
		}
		if (worker->thread != NULL) {
			/* It has left its last function: this does not wait. */
			env_thread_join(worker->thread);
			worker->thread = NULL;
		}
		worker->ended = false;
		return env_thread_create(&worker->thread, "bdev_file", worker_main, worker, ENV_THREAD_CPU_ANY) == 0;
	}
	return true;
}

static bool
has_thread_locked(const struct file_workers *workers)
{
	for (size_t i = 0; i < SPDK_COUNTOF(workers->worker); i++) {
		if (workers->worker[i].thread != NULL && !workers->worker[i].ended) {
			return true;
		}
	}
	return false;
}

int
file_workers_submit(struct file_workers *workers, struct file_job *job)
{
	ENV_MUTEX_SCOPE(&workers->lock);
	if (workers->num_jobs >= workers->num_idle && !start_worker_locked(workers) && !has_thread_locked(workers)) {
		return -EAGAIN;
	}
	STAILQ_INSERT_TAIL(&workers->jobs, job, link);
	workers->num_jobs++;
	env_cond_signal(&workers->changed);
	return 0;
}

int
file_workers_init(
	struct file_workers *workers, void (*run)(void *ctx, struct file_job *job), void *ctx, uint64_t idle_us)
{
	int rc;

	memset(workers, 0, sizeof(*workers));
	workers->run = run;
	workers->ctx = ctx;
	workers->idle_us = idle_us;
	STAILQ_INIT(&workers->jobs);
	for (size_t i = 0; i < SPDK_COUNTOF(workers->worker); i++) {
		workers->worker[i].workers = workers;
	}
	rc = env_mutex_init(&workers->lock);
	if (rc != 0) {
		return rc;
	}
	rc = env_cond_init(&workers->changed);
	if (rc != 0) {
		env_mutex_destroy(&workers->lock);
	}
	return rc;
}

static void
stop(struct file_workers *workers)
{
	ENV_MUTEX_SCOPE(&workers->lock);
	workers->stopping = true;
	env_cond_broadcast(&workers->changed);
}

void
file_workers_fini(struct file_workers *workers)
{
	stop(workers);
	for (size_t i = 0; i < SPDK_COUNTOF(workers->worker); i++) {
		if (workers->worker[i].thread != NULL) {
			env_thread_join(workers->worker[i].thread);
		}
	}
	env_cond_destroy(&workers->changed);
	env_mutex_destroy(&workers->lock);
}
