/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What messages, wake-ups and idleness cost.
 *
 *   thread_bench messages           nanoseconds per message, on one thread and between reactors
 *   thread_bench wakeup             from a message or descriptor event to the handler, for a reactor that sleeps
 *   thread_bench socket [SPIN_US…]  round trips of another process with a handler on a reactor, for each longest spin
 *   thread_bench idle [SECONDS]     processor time of reactors that have nothing to do
 */

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "bdevkit/thread.h"
#include "lib/event/reactor.h"

#include <sys/prctl.h>

/* ---- frame: reactors on this system thread, the measurement on another ---- */

static struct event_reactor_opts g_opts;
static const char *g_map = "0@0,1@1";
static bool g_env_up;

static void
die(const char *what)
{
	fprintf(stderr, "thread_bench: %s failed: %s\n", what, strerror(errno));
	exit(1);
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double
cpu_us(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void *
run_measurement(void *arg)
{
	((void (*)(void))(uintptr_t)arg)();
	while (spdk_thread_get_count() > 1) {
		usleep(1000);
	}
	event_reactors_stop();
	return NULL;
}

static void
with_reactors(void (*measure)(void))
{
	struct spdk_env_opts env_opts;
	pthread_t thread;

	if (!g_env_up) {
		env_opts.opts_size = sizeof(env_opts);
		spdk_env_opts_init(&env_opts);
		env_opts.name = "thread_bench";
		env_opts.core_mask = NULL;
		env_opts.lcore_map = g_map;
		if (spdk_env_init(&env_opts) != 0) {
			exit(1);
		}
		g_env_up = true;
	}
	if (event_reactors_init(&g_opts) != 0 || spdk_thread_create("app_thread", NULL) == NULL) {
		exit(1);
	}
	pthread_create(&thread, NULL, run_measurement, (void *)(uintptr_t)measure);
	event_reactors_run();
	pthread_join(thread, NULL);
	event_reactors_fini();
}

static struct spdk_thread *
create_on(uint32_t core)
{
	struct spdk_cpuset mask;

	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, core, true);
	return spdk_thread_create(NULL, &mask);
}

static sem_t g_done;

static void
wait_done(void)
{
	while (sem_wait(&g_done) != 0) {
	}
}

static void
exit_current(void *arg)
{
	spdk_thread_exit(spdk_get_thread());
}

static void
run_on(struct spdk_thread *thread, spdk_msg_fn fn, void *arg)
{
	spdk_thread_send_msg(thread, fn, arg);
	wait_done();
}

/* ---- messages ---- */

#define MESSAGES 2000000

static uint64_t g_left;

static void
send_to_self(void *arg)
{
	if (g_left == 0) {
		return;
	}
	if (--g_left == 0) {
		sem_post(&g_done);
		return;
	}
	spdk_thread_send_msg(spdk_get_thread(), send_to_self, NULL);
}

static struct spdk_thread *g_pair[2];

static void
bounce(void *arg)
{
	uintptr_t self = (uintptr_t)arg;

	if (--g_left == 0) {
		sem_post(&g_done);
		return;
	}
	spdk_thread_send_msg(g_pair[1 - self], bounce, (void *)(1 - self));
}

static void
report(const char *what, double us, uint64_t count)
{
	printf("%-64s %8.1f ns\n", what, us * 1000 / (double)count);
}

static void
measure_messages(void)
{
	double begin;
	int i;

	g_pair[0] = create_on(0);
	g_pair[1] = create_on(1);

	g_left = MESSAGES;
	begin = now_us();
	run_on(g_pair[0], send_to_self, NULL);
	report("message to the own thread, one at a time (a pass each)", now_us() - begin, MESSAGES);

	g_left = MESSAGES;
	begin = now_us();
	for (i = 0; i < 64; i++) {
		spdk_thread_send_msg(g_pair[0], send_to_self, NULL);
	}
	wait_done();
	report("message to the own thread, 64 in flight", now_us() - begin, MESSAGES);
	usleep(10000);

	g_left = MESSAGES / 10;
	begin = now_us();
	run_on(g_pair[0], bounce, (void *)0);
	report("message between two reactors, one at a time", now_us() - begin, MESSAGES / 10);
	spdk_thread_send_msg(g_pair[0], exit_current, NULL);
	spdk_thread_send_msg(g_pair[1], exit_current, NULL);
}

/* ---- wake-up ---- */

static double g_arrival;

static void
arrive(void *arg)
{
	g_arrival = now_us();
	sem_post(&g_done);
}

static int g_fd;
static struct spdk_interrupt *g_intr;

static int
arrive_by_fd(void *arg)
{
	uint64_t value;

	if (read(g_fd, &value, sizeof(value)) == sizeof(value)) {
		arrive(NULL);
	}
	return 0;
}

static void
watch_fd(void *arg)
{
	g_intr = SPDK_INTERRUPT_REGISTER(g_fd, arrive_by_fd, NULL);
	sem_post(&g_done);
}

static void
unwatch_fd(void *arg)
{
	spdk_interrupt_unregister(&g_intr);
	sem_post(&g_done);
}

static int
compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
report_times(const char *what, unsigned int pause, double *us, int count)
{
	qsort(us, (size_t)count, sizeof(us[0]), compare_double);
	printf("%-16s after a pause of %6u us: median %7.1f us, 99 %% within %7.1f us\n", what, pause, us[count / 2],
		us[count * 99 / 100]);
}

static void
measure_wakeup(void)
{
	static const unsigned int pauses[] = {1, 50, 1000, 20000};
	struct spdk_thread *thread = create_on(1);
	uint64_t one = 1;
	double us[1000], begin;
	size_t p;
	int i, count;

	g_fd = eventfd(0, EFD_NONBLOCK);
	run_on(thread, watch_fd, NULL);
	for (p = 0; p < SPDK_COUNTOF(pauses); p++) {
		count = pauses[p] > 5000 ? 100 : 1000;
		for (i = 0; i < count; i++) {
			usleep(pauses[p]);
			begin = now_us();
			run_on(thread, arrive, NULL);
			us[i] = g_arrival - begin;
		}
		report_times("message", pauses[p], us, count);
		for (i = 0; i < count; i++) {
			usleep(pauses[p]);
			begin = now_us();
			if (write(g_fd, &one, sizeof(one)) != sizeof(one)) {
				die("write");
			}
			wait_done();
			us[i] = g_arrival - begin;
		}
		report_times("descriptor", pauses[p], us, count);
	}
	run_on(thread, unwatch_fd, NULL);
	close(g_fd);
	spdk_thread_send_msg(thread, exit_current, NULL);
}

/* ---- a client process at the other end of a socket ---- */

#define ROUND_TRIPS 30000

static int g_sockets[2];
static unsigned int g_depth;
static int g_client_cpu;

static int
echo(void *arg)
{
	char buf[4096];
	ssize_t len = recv(g_sockets[0], buf, sizeof(buf), MSG_DONTWAIT);

	if (len > 0 && send(g_sockets[0], buf, (size_t)len, 0) != len) {
		die("send");
	}
	return 0;
}

static void
watch_socket(void *arg)
{
	g_intr = SPDK_INTERRUPT_REGISTER(g_sockets[0], echo, NULL);
	sem_post(&g_done);
}

/* The client: keeps g_depth requests of 64 bytes in flight. */
static void
run_client(void)
{
	char buf[4096] = {0};
	uint64_t received = 0, sent;
	ssize_t len;
	cpu_set_t cpus;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&cpus);
	CPU_SET(g_client_cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	sent = g_depth * 64;
	if (send(g_sockets[1], buf, sent, 0) != (ssize_t)sent) {
		die("send");
	}
	while (received < ROUND_TRIPS * 64) {
		len = recv(g_sockets[1], buf, sizeof(buf), 0);
		if (len <= 0) {
			die("recv");
		}
		received += (uint64_t)len;
		if (sent < ROUND_TRIPS * 64) {
			sent += (uint64_t)len;
			if (send(g_sockets[1], buf, (size_t)len, 0) != len) {
				die("send");
			}
		}
	}
	_exit(0);
}

static pid_t g_client;

static void
measure_socket(void)
{
	struct spdk_thread *thread = create_on(0);
	double begin, cpu = cpu_us(RUSAGE_SELF), us;
	int status;

	run_on(thread, watch_socket, NULL);
	begin = now_us();
	g_client = fork();
	if (g_client == 0) {
		run_client();
	}
	waitpid(g_client, &status, 0);
	us = now_us() - begin;
	cpu = cpu_us(RUSAGE_SELF) - cpu;
	run_on(thread, unwatch_fd, NULL);
	spdk_thread_send_msg(thread, exit_current, NULL);
	printf("client on %s CPU, depth %2u, spin up to %3u us: %8.0f round trips/s, %5.2f us of server CPU each\n",
		g_client_cpu == 0 ? "the same " : "the other", g_depth, g_opts.spin_max_us, ROUND_TRIPS * 1e6 / us,
		cpu / ROUND_TRIPS);
}

static void
measure_sockets(unsigned int spin_max_us)
{
	static const unsigned int depths[] = {1, 16};
	size_t d;

	g_opts.spin_max_us = spin_max_us;
	for (g_client_cpu = 1; g_client_cpu >= 0; g_client_cpu--) {
		for (d = 0; d < SPDK_COUNTOF(depths); d++) {
			g_depth = depths[d];
			if (socketpair(AF_UNIX, SOCK_STREAM, 0, g_sockets) != 0) {
				die("socketpair");
			}
			with_reactors(measure_socket);
			close(g_sockets[0]);
			close(g_sockets[1]);
		}
	}
}

/* ---- idle ---- */

#define MAX_IDLE_THREADS 100

static unsigned int g_seconds = 5;
static int g_idle_threads;
static bool g_with_spinner;
static uint64_t g_polls;

static int
idle_poll(void *arg)
{
	g_polls++;
	return SPDK_POLLER_IDLE;
}

struct idler {
	struct spdk_thread *thread;
	struct spdk_poller *poller;
	struct spdk_interrupt *intr;
	int fds[2];
	bool spinner;
};

static void
start_idler(void *arg)
{
	struct idler *idler = arg;

	idler->poller = SPDK_POLLER_REGISTER(idle_poll, NULL, 0);
	if (!idler->spinner) {
		idler->fds[0] = eventfd(0, EFD_NONBLOCK);
		bdk_poller_set_wakeup_fd(idler->poller, idler->fds[0]);
	}
	idler->fds[1] = eventfd(0, EFD_NONBLOCK);
	idler->intr = SPDK_INTERRUPT_REGISTER(idler->fds[1], idle_poll, NULL);
	sem_post(&g_done);
}

static void
stop_idler(void *arg)
{
	struct idler *idler = arg;

	spdk_poller_unregister(&idler->poller);
	spdk_interrupt_unregister(&idler->intr);
	spdk_thread_exit(idler->thread);
	sem_post(&g_done);
}

static void
measure_idle(void)
{
	static struct idler idlers[MAX_IDLE_THREADS];
	double cpu;
	int i;

	for (i = 0; i < g_idle_threads; i++) {
		idlers[i].thread = create_on((uint32_t)i % 2);
		idlers[i].spinner = g_with_spinner && i == 0;
		run_on(idlers[i].thread, start_idler, &idlers[i]);
	}
	usleep(500000);
	g_polls = 0;
	cpu = cpu_us(RUSAGE_SELF);
	sleep(g_seconds);
	cpu = cpu_us(RUSAGE_SELF) - cpu;
	printf("2 reactors, %d threads, each with a poller and an interrupt%s: %.4f %% of a core (%.0f us in %u s, "
	       "%" PRIu64 " polls)\n",
		g_idle_threads, g_with_spinner ? ", one of the pollers without a descriptor" : "",
		cpu / 1e4 / g_seconds, cpu, g_seconds, g_polls);
	for (i = 0; i < g_idle_threads; i++) {
		run_on(idlers[i].thread, stop_idler, &idlers[i]);
	}
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int i;

	spdk_log_set_print_level(SPDK_LOG_ERROR);
	setvbuf(stdout, NULL, _IOLBF, 0);
	event_reactor_opts_init(&g_opts);
	sem_init(&g_done, 0, 0);
	if (strcmp(what, "messages") == 0) {
		with_reactors(measure_messages);
	} else if (strcmp(what, "wakeup") == 0) {
		with_reactors(measure_wakeup);
	} else if (strcmp(what, "socket") == 0) {
		/* One reactor only. */
		g_map = "0@0";
		measure_sockets(argc > 2 ? (unsigned int)atoi(argv[2]) : g_opts.spin_max_us);
		for (i = 3; i < argc; i++) {
			measure_sockets((unsigned int)atoi(argv[i]));
		}
	} else if (strcmp(what, "idle") == 0) {
		g_seconds = argc > 2 ? (unsigned int)atoi(argv[2]) : g_seconds;
		for (i = 0; i < 4; i++) {
			g_idle_threads = i < 2 ? 2 : MAX_IDLE_THREADS;
			g_with_spinner = i % 2 == 1;
			with_reactors(measure_idle);
		}
	} else {
		fprintf(stderr, "usage: thread_bench messages|wakeup|socket [SPIN_US...]|idle [SECONDS]\n");
		return 2;
	}
	return 0;
}
