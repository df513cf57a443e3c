/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit check --sim: schedules. Each is a process of its own, a child of this one, so that it begins with modules as
 * they are after loading, whatever those before have done, and may end in any way. It starts the layer in a simulation,
 * tries a random small part of the rules, and stops the layer. Its seed decides all of it: what is tried, the order in
 * which threads run, and that in which completions come back.
 */

#include "app/bdevkit/check/check.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/sim.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include "app/bdevkit/check/journal.h"
#include "app/bdevkit/commands.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define MAX_JOBS 64
/* Of real time, far more than any schedule takes. */
#define SCHEDULE_SECONDS 60
/* How much output of a schedule that fails is shown. */
#define MAX_OUTPUT 65536
/* Exit code of a schedule on a bdev that cannot be simulated. */
#define EXIT_REFUSED 3

/* What parent and child share of a schedule. */
struct job {
	pid_t pid;
	uint64_t seed;
	/* What it prints. */
	int output;
	/* Set by the child. */
	uint64_t hash;
	uint64_t steps;
	struct session_log log;
	struct check checks[];
};

static struct {
	struct check **checks;
	size_t count;
	struct check_options *options;
	size_t job_size;
	struct job *jobs[MAX_JOBS];
	unsigned int num_jobs;
	uint64_t done;
	uint64_t steps;
	/* Of all hashes. */
	uint64_t hash;
} g_sim;

/* ---- in the child ---- */

/* How late completions come, and how much time each step takes: all may be 0. */
static void
choose_circumstances(void)
{
	static const uint64_t periods[] = {0, 0, 1, 10, 100};
	static const uint64_t step_times[] = {0, 0, 100, 2000};

	bdk_bdev_delay_completions(periods[session_random(SPDK_COUNTOF(periods))]);
	bdk_sim_set_step_time(step_times[session_random(SPDK_COUNTOF(step_times))]);
}

/* The one that this process is. */
static struct job *g_job;

void
check_schedule_ends(const struct check *check)
{
	g_job->hash = bdk_sim_get_schedule_hash();
	g_job->steps = bdk_sim_get_step_count();
	check_print_failures(check);
}

static int
run_schedule(struct job *job)
{
	struct check *check;
	int rc = session_start(job->seed, g_sim.options->config, g_sim.options->config_size);

	if (rc != 0) {
		fprintf(stderr, "bdevkit check: cannot make the block devices\n");
		return EXIT_REFUSED;
	}
	choose_circumstances();
	check = &job->checks[session_random(g_sim.count)];
	rc = check_bdev(check);
	check_schedule_ends(check);
	if (rc != 0) {
		fprintf(stderr, "bdevkit check: %s: %s\n", check->name, check->refusal);
		return EXIT_REFUSED;
	}
	if (!check_passed(check)) {
		return EXIT_FAILED;
	}
	if (!session_stop()) {
		fprintf(stderr, "bdevkit check: the block devices do not end: a channel or an I/O is left over\n");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void __attribute__((noreturn)) be_child(struct job *job)
{
	dup2(job->output, STDOUT_FILENO);
	dup2(job->output, STDERR_FILENO);
	g_job = job;
	alarm(SCHEDULE_SECONDS);
	g_sim.options->seed = job->seed;
	session_log_to(&job->log);
	session_simulate(false);
	int code = run_schedule(job);

	fflush(NULL);
	_exit(code);
}

/* ---- in the parent ---- */

static int
start(struct job *job, uint64_t seed)
{
	pid_t pid;

	memset(job, 0, g_sim.job_size);
	job->seed = seed;
	for (size_t i = 0; i < g_sim.count; i++) {
		job->checks[i].name = g_sim.checks[i]->name;
		job->checks[i].options = g_sim.options;
	}
	job->output = memfd_create("output", MFD_CLOEXEC);
	if (job->output < 0) {
		return -errno;
	}
	/* The child would print it once more. */
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		return -errno;
	}
	if (pid == 0) {
		be_child(job);
	}
	/* The job is the child's, too. */
	job->pid = pid;
	return 0;
}

static void
print_output(const struct job *job)
{
	char *text = malloc(MAX_OUTPUT);
	ssize_t length = text == NULL ? 0 : pread(job->output, text, MAX_OUTPUT, 0);

	if (length > 0) {
		fwrite(text, 1, (size_t)length, stderr);
	}
	free(text);
}

static void
print_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:@%+,-";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		fprintf(stderr, " %s", word);
		return;
	}
	fprintf(stderr, " '");
	for (; *word != '\0'; word++) {
		fprintf(stderr, *word == '\'' ? "'\\''" : "%c", *word);
	}
	fprintf(stderr, "'");
}

static void
print_failure(const struct job *job, int status, char **words)
{
	fflush(stdout);
	fprintf(stderr, "bdevkit check: the schedule of seed %" PRIu64 " fails. Its last steps (virtual seconds):\n\n",
		job->seed);
	session_log_print(&job->log, stderr);
	fprintf(stderr, "\nschedule %016" PRIx64 " after %" PRIu64 " steps\n", job->hash, job->steps);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, WTERMSIG(status) == SIGALRM ? "it does not end\n" : "it ends with signal %d\n",
			WTERMSIG(status));
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_FAILED) {
		fprintf(stderr, "it ends with exit code %d\n", WEXITSTATUS(status));
	}
	print_output(job);
	fprintf(stderr, "\nthis repeats it:\n  bdevkit check --sim --schedules 1 --seed %" PRIu64, job->seed);
	for (; *words != NULL; words++) {
		print_word(*words);
	}
	fprintf(stderr, "\n");
}

/* Waits for a schedule. Returns 0 to go on, or a negative errno. */
static int
finish(struct job *job, char **words)
{
	int status = 0, rc = 0;

	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR) {
	}
	job->pid = 0;
	for (size_t i = 0; i < g_sim.count; i++) {
		check_add(g_sim.checks[i], &job->checks[i]);
	}
	g_sim.done++;
	g_sim.steps += job->steps;
	g_sim.hash = (g_sim.hash ^ job->hash) * 0x100000001b3;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED) {
		print_output(job);
		rc = -EINVAL;
	} else if (status != 0) {
		print_failure(job, status, words);
		rc = -EIO;
	}
	close(job->output);
	return rc;
}

static void
drop(struct job *job)
{
	int status;

	kill(job->pid, SIGKILL);
	waitpid(job->pid, &status, 0);
	close(job->output);
}

static int
run_all(char **words)
{
	uint64_t seed = g_sim.options->seed, end = seed + g_sim.options->schedules, next = seed;
	/* The first one alone, in case it finds out that the bdevs cannot be simulated. */
	uint64_t ahead = 1;
	int rc = 0;

	for (; seed < end && rc == 0; seed++, ahead = g_sim.num_jobs) {
		for (; next < end && next < seed + ahead && rc == 0; next++) {
			rc = start(g_sim.jobs[next % g_sim.num_jobs], next);
		}
		if (rc == 0) {
			rc = finish(g_sim.jobs[seed % g_sim.num_jobs], words);
		}
	}
	for (unsigned int i = 0; i < g_sim.num_jobs; i++) {
		if (g_sim.jobs[i]->pid > 0) {
			drop(g_sim.jobs[i]);
		}
	}
	return rc;
}

static int
make_jobs(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	g_sim.job_size = sizeof(struct job) + g_sim.count * sizeof(struct check);
	g_sim.num_jobs = cpus < 1 ? 1 : cpus > MAX_JOBS ? MAX_JOBS : (unsigned int)cpus;
	for (unsigned int i = 0; i < g_sim.num_jobs; i++) {
		g_sim.jobs[i] = mmap(NULL, g_sim.job_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (g_sim.jobs[i] == MAP_FAILED) {
			return -ENOMEM;
		}
	}
	return 0;
}

int
check_simulate(struct check **checks, size_t count, struct check_options *options, char **words)
{
	struct timespec start_time, end_time;
	double seconds;
	int rc;

	g_sim.checks = checks;
	g_sim.count = count;
	g_sim.options = options;
	options->slice = true;
	/* Virtual time is not waited for. */
	options->patient = true;
	rc = make_jobs();
	clock_gettime(CLOCK_MONOTONIC, &start_time);
	if (rc == 0) {
		rc = run_all(words);
	}
	clock_gettime(CLOCK_MONOTONIC, &end_time);
	seconds = (double)(end_time.tv_sec - start_time.tv_sec) +
		(double)(end_time.tv_nsec - start_time.tv_nsec) / 1000000000;
	if (rc == 0) {
		fprintf(stderr,
			"%" PRIu64 " schedules, %" PRIu64 " steps, hash %016" PRIx64
			", %.1f s: %.0f schedules a minute\n",
			g_sim.done, g_sim.steps, g_sim.hash, seconds, (double)g_sim.done * 60 / seconds);
	}
	return rc;
}
