/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/aio/file_workers.c: every job is carried out once, side by side, by threads that come and go. */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "module/bdev/common/file_workers.h"
#include "spdk/util.h"

struct counters {
	struct env_mutex lock;
	struct env_cond changed;
	int running;
	int most_running;
	int done;
	/* Jobs end only when so many run at once, which shows that they do. */
	int wait_for_running;
};

struct job {
	struct file_job job;
	int runs;
};

static void
run_cb(void *ctx, struct file_job *file_job)
{
	struct counters *c = ctx;
	struct job *job = SPDK_CONTAINEROF(file_job, struct job, job);

	ENV_MUTEX_SCOPE(&c->lock);
	job->runs++;
	c->running++;
	c->most_running = spdk_max(c->most_running, c->running);
	env_cond_broadcast(&c->changed);
	while (c->most_running < c->wait_for_running) {
		env_cond_wait(&c->changed, &c->lock);
	}
	c->running--;
	c->done++;
	env_cond_broadcast(&c->changed);
}

static void
wait_done(struct counters *c, int count)
{
	ENV_MUTEX_SCOPE(&c->lock);
	while (c->done < count) {
		assert_true(env_cond_wait_for(&c->changed, &c->lock, 10 * SPDK_SEC_TO_USEC));
	}
}

static void
set_up(struct counters *c, struct file_workers *workers, uint64_t idle_us)
{
	memset(c, 0, sizeof(*c));
	assert_int_equal(env_mutex_init(&c->lock), 0);
	assert_int_equal(env_cond_init(&c->changed), 0);
	assert_int_equal(file_workers_init(workers, run_cb, c, idle_us), 0);
}

static void
tear_down(struct counters *c, struct file_workers *workers)
{
	file_workers_fini(workers);
	env_cond_destroy(&c->changed);
	env_mutex_destroy(&c->lock);
}

static unsigned int
count_threads(struct file_workers *workers)
{
	unsigned int count = 0;

	ENV_MUTEX_SCOPE(&workers->lock);
	for (int i = 0; i < FILE_WORKERS_MAX; i++) {
		count += workers->worker[i].thread != NULL && !workers->worker[i].ended;
	}
	return count;
}

#define JOBS 500

static void
every_job_runs_once(void **state)
{
	struct job *jobs = calloc(JOBS, sizeof(*jobs));
	struct file_workers workers;
	struct counters c;

	set_up(&c, &workers, SPDK_SEC_TO_USEC);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(file_workers_submit(&workers, &jobs[i].job), 0);
	}
	wait_done(&c, JOBS);
	tear_down(&c, &workers);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(jobs[i].runs, 1);
	}
	free(jobs);
}

static void
jobs_run_side_by_side(void **state)
{
	struct job jobs[FILE_WORKERS_MAX] = {0};
	struct file_workers workers;
	struct counters c;

	set_up(&c, &workers, SPDK_SEC_TO_USEC);
	c.wait_for_running = FILE_WORKERS_MAX;
	for (int i = 0; i < FILE_WORKERS_MAX; i++) {
		assert_int_equal(file_workers_submit(&workers, &jobs[i].job), 0);
	}
	wait_done(&c, FILE_WORKERS_MAX);
	assert_int_equal(c.most_running, FILE_WORKERS_MAX);
	tear_down(&c, &workers);
}

static void
threads_are_started_as_needed_and_end(void **state)
{
	struct job jobs[20] = {0};
	struct file_workers workers;
	struct counters c;

	set_up(&c, &workers, 2000);
	assert_int_equal(count_threads(&workers), 0);
	for (int i = 0; i < (int)SPDK_COUNTOF(jobs); i++) {
		assert_int_equal(file_workers_submit(&workers, &jobs[i].job), 0);
		wait_done(&c, i + 1);
		if (i % 5 == 4) {
			/* Each of them has waited long enough, and another one can take its place. */
			while (count_threads(&workers) > 0) {
				env_sleep_us(1000);
			}
		}
	}
	tear_down(&c, &workers);
}

static void
ends_at_once_while_threads_wait(void **state)
{
	struct job job = {0};
	struct file_workers workers;
	struct counters c;

	/* Longer than any test may take. */
	set_up(&c, &workers, 3600 * SPDK_SEC_TO_USEC);
	assert_int_equal(file_workers_submit(&workers, &job.job), 0);
	wait_done(&c, 1);
	tear_down(&c, &workers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(jobs_run_side_by_side),
		cmocka_unit_test(threads_are_started_as_needed_and_end),
		cmocka_unit_test(ends_at_once_while_threads_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
