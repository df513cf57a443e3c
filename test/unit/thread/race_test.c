/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Threads, messages, channels and sleeping reactors on several system threads at once. Meant for ThreadSanitizer
 * above all; in the other builds it shows that nothing is lost: a lost message or wake-up makes it hang.
 */

#include "test/unit/event/reactor_fixture.h"
#include "bdevkit/thread.h"

#include <stdatomic.h>

#define WORKERS 6

static struct spdk_thread *g_threads[WORKERS];

static void
create_workers(void)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		g_threads[i] = create_on("worker", (uint32_t)i % REACTORS);
	}
}

static void
exit_workers(void)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		call_on(g_threads[i], exit_current, NULL);
	}
}

static void
expect(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* ---- messages: each hops from thread to thread, its payload is plain memory ---- */

#define HOPPERS 50
#define HOPS 400

struct hopper {
	uint32_t hops;
	uint32_t random;
	uint64_t trail;
};

static struct hopper g_hoppers[HOPPERS];
static sem_t g_done;

static void
hop(void *arg)
{
	struct hopper *hopper = arg;

	hopper->trail = hopper->trail * 31 + spdk_thread_get_id(spdk_get_thread());
	if (++hopper->hops == HOPS) {
		sem_post(&g_done);
		return;
	}
	hopper->random = hopper->random * 1103515245 + 12345;
	expect(spdk_thread_send_msg(g_threads[(hopper->random >> 16) % WORKERS], hop, hopper) == 0, "send_msg failed");
}

static void
hop_about(void)
{
	int i;

	create_workers();
	sem_init(&g_done, 0, 0);
	for (i = 0; i < HOPPERS; i++) {
		g_hoppers[i] = (struct hopper){.random = (uint32_t)i};
		expect(spdk_thread_send_msg(g_threads[i % WORKERS], hop, &g_hoppers[i]) == 0, "send_msg failed");
	}
	for (i = 0; i < HOPPERS; i++) {
		wait_for(&g_done);
	}
	sem_destroy(&g_done);
	exit_workers();
}

static void
test_messages(void **state)
{
	run_reactors(hop_about, false);
	run_reactors(hop_about, true);
}

/* ---- wake-ups: one message at a time, so that the receiver is asleep or about to be, at ever another moment ---- */

static void
nudge(void *arg)
{
	*(int *)arg += 1;
}

static void
wake_again_and_again(void)
{
	volatile int spin;
	int i, j, count = 0;

	create_workers();
	for (i = 0; i < 3000; i++) {
		call_on(g_threads[i % 2], nudge, &count);
		for (j = 0, spin = 0; j < i % 1000 * 30; j++) {
			spin++;
		}
	}
	expect(count == 3000, "a message was lost");
	exit_workers();
}

static void
test_wakeups(void **state)
{
	run_reactors(wake_again_and_again, false);
}

/* ---- descriptors: an event for a poller or an interrupt at ever another moment of the reactor's way to sleep ---- */

static int g_poller_fd, g_interrupt_fd;
static struct spdk_poller *g_poller;
static struct spdk_interrupt *g_intr;

static int
drain_fd(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value)) {
		return 0;
	}
	sem_post(&g_done);
	return 1;
}

static int
poll_fd(void *arg)
{
	return drain_fd(g_poller_fd);
}

static int
on_interrupt(void *arg)
{
	return drain_fd(g_interrupt_fd);
}

static void
watch_fds(void *arg)
{
	g_poller = spdk_poller_register(poll_fd, NULL, 0);
	expect(bdk_poller_set_wakeup_fd(g_poller, g_poller_fd) == 0, "set_wakeup_fd failed");
	g_intr = SPDK_INTERRUPT_REGISTER(g_interrupt_fd, on_interrupt, NULL);
	expect(g_intr != NULL, "interrupt_register failed");
}

static void
unwatch_fds(void *arg)
{
	spdk_poller_unregister(&g_poller);
	spdk_interrupt_unregister(&g_intr);
}

static void
fire_again_and_again(void)
{
	uint64_t one = 1;
	volatile int spin;
	int i, j, fd;

	create_workers();
	sem_init(&g_done, 0, 0);
	g_poller_fd = eventfd(0, EFD_NONBLOCK);
	g_interrupt_fd = eventfd(0, EFD_NONBLOCK);
	call_on(g_threads[1], watch_fds, NULL);
	for (i = 0; i < 3000; i++) {
		fd = i % 2 == 0 ? g_poller_fd : g_interrupt_fd;
		expect(write(fd, &one, sizeof(one)) == sizeof(one), "write failed");
		wait_for(&g_done);
		for (j = 0, spin = 0; j < i % 1000 * 30; j++) {
			spin++;
		}
	}
	call_on(g_threads[1], unwatch_fds, NULL);
	close(g_poller_fd);
	close(g_interrupt_fd);
	sem_destroy(&g_done);
	exit_workers();
}

static void
test_descriptors(void **state)
{
	run_reactors(fire_again_and_again, false);
}

/* ---- walks over channels that come and go ---- */

#define ROUNDS 150

static int g_device;
static struct spdk_io_channel *g_channels[WORKERS];
static _Atomic int g_existing;
static _Atomic int g_visits;

struct context {
	struct spdk_thread *thread;
	uint64_t visits;
};

static int
create_channel(void *io_device, void *ctx_buf)
{
	struct context *context = ctx_buf;

	context->thread = spdk_get_thread();
	atomic_fetch_add(&g_existing, 1);
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
	atomic_fetch_sub(&g_existing, 1);
}

static void
register_device(void *arg)
{
	spdk_io_device_register(&g_device, create_channel, destroy_channel, sizeof(struct context), "device");
}

static void
unregistered(void *io_device)
{
	sem_post(&g_done);
}

static void
unregister_device(void *arg)
{
	spdk_io_device_unregister(&g_device, unregistered);
}

/* Each thread gets and puts its channel by messages to itself, without end until its rounds are over. */
struct churn {
	int self;
	int rounds;
};

static struct churn g_churn[WORKERS];

static void
churn(void *arg)
{
	struct churn *c = arg;

	if (g_channels[c->self] == NULL) {
		g_channels[c->self] = spdk_get_io_channel(&g_device);
		expect(g_channels[c->self] != NULL, "get_io_channel failed");
	} else {
		spdk_put_io_channel(g_channels[c->self]);
		g_channels[c->self] = NULL;
		c->rounds++;
	}
	if (c->rounds == ROUNDS) {
		sem_post(&g_done);
		return;
	}
	spdk_thread_send_msg(spdk_get_thread(), churn, c);
}

static void
visit(struct spdk_io_channel_iter *i)
{
	struct context *context = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	expect(context->thread == spdk_get_thread(), "visited on a thread that is not the channel's");
	context->visits++;
	atomic_fetch_add(&g_visits, 1);
	spdk_for_each_channel_continue(i, 0);
}

static int g_walks[WORKERS];

static void start_walk(void *arg);

static void
walked(struct spdk_io_channel_iter *i, int status)
{
	int *walks = spdk_io_channel_iter_get_ctx(i);

	expect(status == 0, "a walk failed");
	if (++*walks == ROUNDS) {
		sem_post(&g_done);
		return;
	}
	start_walk(walks);
}

static void
start_walk(void *arg)
{
	spdk_for_each_channel(&g_device, visit, arg, walked);
}

static void
count_thread(void *arg)
{
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void
threads_visited(void *arg)
{
	sem_post(&g_done);
}

static void
visit_threads(void *arg)
{
	spdk_for_each_thread(count_thread, arg, threads_visited);
}

static void
churn_and_walk(void)
{
	_Atomic int visited = 0;
	int i;

	create_workers();
	sem_init(&g_done, 0, 0);
	call_on(g_threads[0], register_device, NULL);
	for (i = 0; i < WORKERS; i++) {
		g_churn[i] = (struct churn){.self = i};
		g_walks[i] = 0;
		spdk_thread_send_msg(g_threads[i], churn, &g_churn[i]);
		spdk_thread_send_msg(g_threads[i], start_walk, &g_walks[i]);
	}
	for (i = 0; i < 2 * WORKERS; i++) {
		wait_for(&g_done);
	}
	/* The device goes while the last channels may not be destroyed yet. */
	call_on(g_threads[2], unregister_device, NULL);
	wait_for(&g_done);
	expect(atomic_load(&g_existing) == 0, "a channel was left");

	call_on(g_threads[3], visit_threads, &visited);
	wait_for(&g_done);
	expect(visited == WORKERS + 1, "for_each_thread missed a thread");
	sem_destroy(&g_done);
	exit_workers();
}

static void
test_channels(void **state)
{
	run_reactors(churn_and_walk, false);
}

/* ---- threads that come, move and go ---- */

static void
live_and_die(void *arg)
{
	struct spdk_cpuset mask;

	spdk_cpuset_zero(&mask);
	spdk_cpuset_set_cpu(&mask, (uint32_t)(uintptr_t)arg % REACTORS, true);
	spdk_thread_set_cpumask(&mask);
	spdk_thread_exit(spdk_get_thread());
}

static void
create_short_lived(void *arg)
{
	struct spdk_thread *thread = spdk_thread_create(NULL, NULL);

	expect(thread != NULL, "thread_create failed");
	spdk_thread_send_msg(thread, live_and_die, arg);
}

static void
come_and_go(void)
{
	int i, nudges = 0;

	create_workers();
	for (i = 0; i < 300; i++) {
		spdk_thread_send_msg(g_threads[i % WORKERS], create_short_lived, (void *)(uintptr_t)i);
		spdk_thread_send_msg(g_threads[(i + 1) % WORKERS], create_short_lived, (void *)(uintptr_t)i);
		call_on(g_threads[i % WORKERS], nudge, &nudges);
	}
	while (spdk_thread_get_count() != WORKERS + 1) {
		usleep(100);
	}
	exit_workers();
}

static void
test_threads(void **state)
{
	run_reactors(come_and_go, false);
	assert_int_equal(spdk_thread_get_count(), 0);
}

/* ---- spinlock ---- */

static struct spdk_spinlock g_lock;
static int g_guarded;

static void
add_under_lock(void *arg)
{
	int *left = arg;

	spdk_spin_lock(&g_lock);
	expect(spdk_spin_held(&g_lock), "a lock is not held");
	g_guarded++;
	spdk_spin_unlock(&g_lock);
	if (--*left == 0) {
		sem_post(&g_done);
	} else {
		spdk_thread_send_msg(spdk_get_thread(), add_under_lock, left);
	}
}

static void
contend(void)
{
	int left[WORKERS], i;

	create_workers();
	sem_init(&g_done, 0, 0);
	spdk_spin_init(&g_lock);
	g_guarded = 0;
	for (i = 0; i < WORKERS; i++) {
		left[i] = 1000;
		spdk_thread_send_msg(g_threads[i], add_under_lock, &left[i]);
	}
	for (i = 0; i < WORKERS; i++) {
		wait_for(&g_done);
	}
	expect(g_guarded == 1000 * WORKERS, "a lock did not keep others out");
	spdk_spin_destroy(&g_lock);
	sem_destroy(&g_done);
	exit_workers();
}

static void
test_spinlock(void **state)
{
	run_reactors(contend, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_wakeups),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_spinlock),
	};

	return cmocka_run_group_tests(tests, init_env, NULL);
}
