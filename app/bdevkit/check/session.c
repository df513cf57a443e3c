/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/check/session.h"

#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/rpc.h"

#include "bdevkit/sim.h"
#include "bdevkit/thread.h"

/* Longer than anything of the layer takes; modules that wait for a device may need a while. */
#define START_TIMEOUT_US (60 * 1000000ULL)
#define STOP_TIMEOUT_US (20 * 1000000ULL)
/* Less than that after which a thread that something holds back is exited by force. */
#define EXIT_PATIENCE_US (4 * 1000000ULL)
/* Rounds without work after which devices are given time to do theirs. */
#define IDLE_ROUNDS 64
#define IDLE_PAUSE_NS 20000
/* Rounds that take longer are not counted with all of their time. */
#define ROUNDS_PER_SEC 2

/* Real time that a device outside a simulation gets before virtual time goes on, and how much then. */
#define DEVICE_ROUNDS 10
#define VIRTUAL_STEP_US 1000
/* What takes longer than that of virtual time may wait for a device on a busy machine: from then on time is real. */
#define VIRTUAL_HASTE_US (2 * 1000000ULL)
#define VIRTUAL_POLL_US 10
#define SETTLE_STEPS 100000

/* Subsystems make threads of their own. */
#define MAX_THREADS 64

/* Of each system thread its own. */
static __thread struct {
	bool simulated;
	/* All subsystems are there. */
	bool started;
	/* A device outside may have a say. */
	bool devices;
	struct session_log *log;
	/* Ours come first. NULL: it has ended. */
	struct spdk_thread *threads[MAX_THREADS];
	unsigned int num_threads;
	/* Of what callers draw, and of the order of threads, so that a round more of one does not change the other. */
	uint64_t random_state;
	uint64_t order_state;
} g_session;

/* splitmix64 */
static uint64_t
draw(uint64_t *state, uint64_t limit)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return limit == 0 ? z : z % limit;
}

uint64_t
session_random(uint64_t limit)
{
	return draw(&g_session.random_state, limit);
}

struct spdk_thread *
session_thread(unsigned int index)
{
	return g_session.threads[index];
}

void
session_enter(struct spdk_thread *thread)
{
	spdk_set_thread(thread != NULL ? thread : g_session.threads[0]);
}

static bool
poll_thread(unsigned int index)
{
	struct spdk_thread *thread = g_session.threads[index];

	if (thread == NULL) {
		return false;
	}
	if (spdk_thread_is_exited(thread)) {
		/* One of ours is looked at until the end. */
		if (index >= SESSION_NUM_THREADS) {
			spdk_thread_destroy(thread);
			g_session.threads[index] = NULL;
		}
		return false;
	}
	return spdk_thread_poll(thread, 0, 0) > 0;
}

/* Each thread once, beginning with any of them. Returns whether one had work. */
static bool
poll_round(void)
{
	unsigned int first = (unsigned int)draw(&g_session.order_state, g_session.num_threads);
	bool busy = false;

	spdk_set_thread(NULL);
	for (unsigned int i = 0, count = g_session.num_threads; i < count; i++) {
		if (poll_thread((first + i) % count)) {
			busy = true;
		}
	}
	session_enter(NULL);
	return busy;
}

/* ---- the same in a simulation ---- */

void
session_simulate(bool devices)
{
	g_session.simulated = true;
	g_session.devices = devices;
}

bool
session_has_devices(void)
{
	for (unsigned int i = 1; i < SESSION_NUM_THREADS; i++) {
		if (bdk_sim_has_descriptors(g_session.threads[i])) {
			return true;
		}
	}
	return false;
}

static void
do_nothing(void *arg)
{
}

/* What the caller has done since, in the name of a thread, may be work for somebody. */
static void
tell_simulation(void)
{
	bdk_sim_call(g_session.threads[0], do_nothing, NULL);
	spdk_set_thread(NULL);
}

uint64_t
session_count_steps(uint64_t us)
{
	uint64_t steps;

	/* What was begun before may still set timers. */
	tell_simulation();
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	session_settle();
	spdk_set_thread(NULL);
	steps = bdk_sim_get_step_count();
	bdk_sim_run_for(us);
	session_enter(NULL);
	return bdk_sim_get_step_count() - steps;
}

static bool
wait_simulated(bool (*done)(void *arg), void *arg, uint64_t timeout_us)
{
	const struct timespec pause = {.tv_nsec = IDLE_PAUSE_NS}, step = {.tv_nsec = VIRTUAL_STEP_US * 1000};
	uint64_t begin = spdk_get_ticks(), us = spdk_get_ticks_hz() / 1000000, deadline = begin + timeout_us * us;
	unsigned int idle_rounds = 0;

	tell_simulation();
	while (!done(arg) && spdk_get_ticks() < deadline) {
		if (!g_session.devices) {
			bdk_sim_run_until(done, arg, timeout_us);
		} else if (bdk_sim_step()) {
			idle_rounds = 0;
		} else if (++idle_rounds < DEVICE_ROUNDS) {
			nanosleep(&pause, NULL);
		} else {
			if (spdk_get_ticks() - begin > VIRTUAL_HASTE_US * us) {
				nanosleep(&step, NULL);
			}
			bdk_sim_run_until(done, arg, VIRTUAL_STEP_US);
		}
	}
	session_enter(NULL);
	return done(arg);
}

static void
settle_simulated(void)
{
	unsigned int idle_rounds = 0;

	tell_simulation();
	/* A poller that is always busy must not make it endless. */
	for (unsigned int steps = 0; idle_rounds < DEVICE_ROUNDS && steps < SETTLE_STEPS; steps++) {
		idle_rounds = bdk_sim_step() ? 0 : idle_rounds + 1;
	}
	session_enter(NULL);
}

/* ---- either way ---- */

bool
session_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_us)
{
	const struct timespec pause = {.tv_nsec = IDLE_PAUSE_NS};
	uint64_t hz = spdk_get_ticks_hz(), left = timeout_us * hz / 1000000, now, last = spdk_get_ticks();
	unsigned int idle_rounds = 0;

	if (g_session.simulated) {
		return wait_simulated(done, arg, timeout_us);
	}
	while (!done(arg)) {
		/* A round that takes longer stood still for most of it, like the machine or the process: that is not waited. */
		now = spdk_get_ticks();
		if (spdk_min(now - last, hz / ROUNDS_PER_SEC) > left) {
			return false;
		}
		left -= spdk_min(now - last, hz / ROUNDS_PER_SEC);
		last = now;
		idle_rounds = poll_round() ? 0 : idle_rounds + 1;
		if (idle_rounds > IDLE_ROUNDS) {
			nanosleep(&pause, NULL);
		}
	}
	return true;
}

void
session_poll(void)
{
	if (!g_session.simulated) {
		poll_round();
		return;
	}
	tell_simulation();
	/* One step leaves more orders open; but some things come only with time. */
	if (bdk_sim_random(4) == 0 || !bdk_sim_step()) {
		bdk_sim_run_for(VIRTUAL_POLL_US);
	}
	session_enter(NULL);
}

void
session_settle(void)
{
	unsigned int idle_rounds = 0;

	if (g_session.simulated) {
		settle_simulated();
		return;
	}
	/* A poller that is always busy must not make it endless. */
	for (unsigned int rounds = 0; idle_rounds < IDLE_ROUNDS && rounds < 100 * IDLE_ROUNDS; rounds++) {
		idle_rounds = poll_round() ? 0 : idle_rounds + 1;
	}
	/* How many rounds it took may depend on the clock; what follows does not. */
	g_session.order_state = g_session.random_state;
}

/* ---- notes ---- */

void
session_log_to(struct session_log *log)
{
	g_session.log = log;
}

void
session_note(const char *format, ...)
{
	struct session_log *log = g_session.log;
	uint64_t now = spdk_get_ticks(), second = SPDK_SEC_TO_NSEC;
	char line[256];
	va_list args;
	int length;

	if (log == NULL) {
		return;
	}
	length = snprintf(line, sizeof(line), "%6" PRIu64 ".%09" PRIu64 " ", now / second, now % second);
	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	for (const char *c = line; *c != '\0'; c++) {
		log->text[log->length++ % sizeof(log->text)] = *c;
	}
}

void
session_log_print(const struct session_log *log, FILE *file)
{
	uint64_t from = 0;

	if (log->length > sizeof(log->text)) {
		/* The first line is not whole. */
		from = log->length - sizeof(log->text);
		while (from < log->length && log->text[from++ % sizeof(log->text)] != '\n') {
		}
	}
	for (; from < log->length; from++) {
		fputc(log->text[from % sizeof(log->text)], file);
	}
}

/* ---- steps that end with a callback ---- */

struct outcome {
	bool done;
	int rc;
};

static bool
is_done(void *arg)
{
	return ((const struct outcome *)arg)->done;
}

static void
outcome_cb(int rc, void *ctx)
{
	struct outcome *outcome = ctx;

	outcome->rc = rc;
	outcome->done = true;
}

static void
stopped_cb(void *ctx)
{
	outcome_cb(0, ctx);
}

/* What has timed out may still be answered, so the outcomes outlive this. */
static int
wait_for(struct outcome *outcome, uint64_t timeout_us)
{
	return session_wait(is_done, outcome, timeout_us) ? outcome->rc : -ETIMEDOUT;
}

/* Modules look at what is new, by reading; who counts I/O waits for that. */
static int
wait_for_examine(void)
{
	static __thread struct outcome outcome;
	int rc;

	outcome = (struct outcome){};
	rc = spdk_bdev_wait_for_examine(stopped_cb, &outcome);
	return rc != 0 ? rc : wait_for(&outcome, START_TIMEOUT_US);
}

static int
load(const char *config, size_t config_size, bool stop_on_error)
{
	static __thread struct outcome outcome;
	int rc;

	outcome = (struct outcome){};
	spdk_subsystem_load_config((void *)config, (ssize_t)config_size, outcome_cb, &outcome, stop_on_error);
	rc = wait_for(&outcome, START_TIMEOUT_US);
	/* Before the layer has started there is nothing to look at. */
	return rc == 0 && g_session.started ? wait_for_examine() : rc;
}

int
session_load(const char *config, size_t config_size)
{
	return load(config, config_size, true);
}

int
session_load_again(const char *config, size_t config_size)
{
	return load(config, config_size, false);
}

static int
add_thread(struct spdk_thread *thread)
{
	if (g_session.num_threads == MAX_THREADS) {
		return -ENOMEM;
	}
	g_session.threads[g_session.num_threads++] = thread;
	return 0;
}

static int
start_threads(uint64_t seed)
{
	static const char *const names[SESSION_NUM_THREADS] = {"app_thread", "check_1", "check_2"};
	int rc;

	rc = g_session.simulated ? bdk_sim_init(seed) : spdk_thread_lib_init(add_thread, 0);
	if (rc != 0) {
		return rc;
	}
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		struct spdk_thread *thread = spdk_thread_create(names[i], NULL);

		if (thread == NULL) {
			return -ENOMEM;
		}
		/* Unless add_thread() has. */
		g_session.threads[i] = thread;
	}
	session_enter(NULL);
	return 0;
}

static int
start_subsystems(void)
{
	static __thread struct outcome outcome;

	outcome = (struct outcome){};
	spdk_subsystem_init(outcome_cb, &outcome);
	return wait_for(&outcome, START_TIMEOUT_US);
}

/* So that starting takes no time, and buffers are short now and then. */
static const char g_small_pools[] =
	"{\"subsystems\": [{\"subsystem\": \"iobuf\", \"config\": [{\"method\": \"iobuf_set_options\", "
	"\"params\": {\"small_pool_count\": 1024, \"large_pool_count\": 128}}]}]}";

int
session_start(uint64_t seed, const char *config, size_t config_size)
{
	struct spdk_env_opts env_opts = {.opts_size = sizeof(env_opts)};
	int rc;

	g_session.random_state = seed;
	g_session.order_state = seed;
	spdk_env_opts_init(&env_opts);
	env_opts.name = "bdevkit";
	rc = spdk_env_init(&env_opts);
	if (rc == 0) {
		rc = start_threads(seed);
	}
	if (rc == 0 && g_session.simulated && !g_session.devices) {
		rc = session_load(g_small_pools, strlen(g_small_pools));
	}
	if (rc == 0 && config != NULL) {
		rc = session_load(config, config_size);
	}
	if (rc == 0) {
		rc = start_subsystems();
	}
	if (rc == 0) {
		spdk_rpc_set_state(SPDK_RPC_RUNTIME);
		g_session.started = true;
		rc = config != NULL ? session_load(config, config_size) : 0;
	}
	return rc;
}

static bool
all_exited(void *arg)
{
	for (unsigned int i = 0; i < g_session.num_threads; i++) {
		if (g_session.threads[i] != NULL && !spdk_thread_is_exited(g_session.threads[i])) {
			return false;
		}
	}
	return true;
}

static bool
stop_threads(void)
{
	for (unsigned int i = SESSION_NUM_THREADS; i-- > 0;) {
		spdk_set_thread(g_session.threads[i]);
		spdk_thread_exit(g_session.threads[i]);
	}
	session_enter(NULL);
	if (!session_wait(all_exited, NULL, STOP_TIMEOUT_US)) {
		return false;
	}
	spdk_set_thread(NULL);
	/* The app thread goes last. */
	for (unsigned int i = g_session.num_threads; i-- > 0;) {
		if (g_session.threads[i] != NULL) {
			spdk_thread_destroy(g_session.threads[i]);
			g_session.threads[i] = NULL;
		}
	}
	g_session.num_threads = 0;
	spdk_thread_lib_fini();
	return true;
}

static void
exit_thread(void *arg)
{
	spdk_thread_exit(arg);
}

static bool
no_thread_left(void *arg)
{
	return spdk_thread_get_count() == 0;
}

static bool
stop_simulated(void)
{
	bool ended;

	spdk_set_thread(NULL);
	for (unsigned int i = SESSION_NUM_THREADS; i-- > 0;) {
		bdk_sim_call(g_session.threads[i], exit_thread, g_session.threads[i]);
	}
	ended = bdk_sim_run_until(no_thread_left, NULL, EXIT_PATIENCE_US);
	bdk_sim_fini();
	memset(g_session.threads, 0, sizeof(g_session.threads));
	g_session.num_threads = 0;
	return ended;
}

int
session_join(uint64_t seed)
{
	g_session.random_state = seed;
	g_session.order_state = seed;
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		g_session.threads[i] = bdk_thread_create_unscheduled("check");
		if (g_session.threads[i] == NULL) {
			return -ENOMEM;
		}
		g_session.num_threads++;
	}
	session_enter(NULL);
	return 0;
}

bool
session_leave(void)
{
	bool ended;

	for (unsigned int i = 0; i < g_session.num_threads; i++) {
		spdk_set_thread(g_session.threads[i]);
		spdk_thread_exit(g_session.threads[i]);
	}
	spdk_set_thread(g_session.threads[0]);
	ended = session_wait(all_exited, NULL, STOP_TIMEOUT_US);
	spdk_set_thread(NULL);
	for (unsigned int i = 0; i < g_session.num_threads && ended; i++) {
		spdk_thread_destroy(g_session.threads[i]);
		g_session.threads[i] = NULL;
	}
	g_session.num_threads = 0;
	return ended;
}

bool
session_stop(void)
{
	static __thread struct outcome outcome;

	outcome = (struct outcome){};
	spdk_subsystem_fini(stopped_cb, &outcome);
	if (wait_for(&outcome, STOP_TIMEOUT_US) != 0) {
		return false;
	}
	if (!(g_session.simulated ? stop_simulated() : stop_threads())) {
		return false;
	}
	spdk_env_fini();
	g_session.started = false;
	return true;
}
