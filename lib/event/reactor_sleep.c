/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a reactor does when it finds nothing to do: it spins for a short time, looking at its descriptors in between,
 * and then sleeps until a descriptor, a message, or the time that one of its threads has asked for.
 *
 * The time that it spins adapts to what comes. A sleep that ends soon after it began says that a longer spin might
 * have saved a wake-up; one that lasts longer than the longest spin says that the spin was for nothing. It does without
 * spinning for a while when more spins fail than succeed, and when its successes come with the CPU being taken away
 * meanwhile: then those who give it work need the CPU on which it spins.
 */

#include "lib/event/reactor_internal.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#define MAX_EPOLL_EVENTS 64

/* A sleep shorter than this ends later than it should. */
#define SHORTEST_SLEEP_US 3

/* What a spin grows from. */
#define SHORTEST_SPIN_US 2

/* Spins that may fail beyond those that succeed, and for how long there is none after that. */
#define SPIN_CREDIT 4
#define SPIN_CREDIT_MAX 16
#define SPIN_RETRY_US 50000

/* Successful spins between two questions to the kernel. */
#define SPIN_WINS_PER_CHECK 32

/* ---- descriptors ---- */

static void
watch(struct thread_host *host, struct spdk_thread *thread, int fd)
{
	struct event_reactor *reactor = SPDK_CONTAINEROF(host, struct event_reactor, host);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = thread};

	if (epoll_ctl(reactor->epfd, EPOLL_CTL_ADD, fd, &event) != 0) {
		SPDK_ERRLOG("CPU %u: cannot wait for the descriptors of thread %s: %s\n", reactor->lcore,
			spdk_thread_get_name(thread), strerror(errno));
	}
}

void
event_reactor_unwatch(struct event_reactor *reactor, struct spdk_thread *thread)
{
	int fd = thread_get_watch_fd(thread);

	if (fd >= 0) {
		epoll_ctl(reactor->epfd, EPOLL_CTL_DEL, fd, NULL);
	}
}

int
event_reactor_sleep_init(struct event_reactor *reactor)
{
	/* Edge-triggered: being woken takes the event, so that the eventfd need not be read. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
	int rc = 0;

	reactor->host.watch = watch;
	reactor->spin = g_reactors.spin_max / 2;
	reactor->spin_credit = SPIN_CREDIT;
	reactor->epfd = epoll_create1(EPOLL_CLOEXEC);
	reactor->host.waker = thread_waker_get();
	if (reactor->host.waker == NULL || reactor->epfd < 0 ||
		epoll_ctl(reactor->epfd, EPOLL_CTL_ADD, reactor->host.waker->fd, &event) != 0) {
		rc = reactor->host.waker == NULL ? -ENOMEM : -errno;
		SPDK_ERRLOG("CPU %u: cannot make the descriptors of its reactor: %s\n", reactor->lcore, strerror(-rc));
		event_reactor_sleep_fini(reactor);
	}
	return rc;
}

void
event_reactor_sleep_fini(struct event_reactor *reactor)
{
	if (reactor->epfd >= 0) {
		close(reactor->epfd);
		reactor->epfd = -1;
	}
	if (reactor->host.waker != NULL) {
		thread_waker_put(reactor->host.waker);
		reactor->host.waker = NULL;
	}
}

/* Runs the handlers of the threads whose descriptors are ready. */
static void
serve(struct event_reactor *reactor, const struct epoll_event *events, int count)
{
	struct spdk_thread *thread;
	uint64_t now;
	int i;

	for (i = 0; i < count; i++) {
		thread = events[i].data.ptr;
		if (thread != NULL && thread_serve_fds(thread, reactor->tsc_last) > 0) {
			now = spdk_thread_get_last_tsc(thread);
			reactor_count(&reactor->busy_tsc, now - reactor->tsc_last);
			reactor->tsc_last = now;
			reactor->tsc_busy = now;
		}
	}
}

void
event_reactor_look_at_fds(struct event_reactor *reactor)
{
	struct epoll_event events[MAX_EPOLL_EVENTS];

	reactor->tsc_fds = reactor->tsc_last;
	event_context_switch_check(reactor);
	serve(reactor, events, epoll_wait(reactor->epfd, events, MAX_EPOLL_EVENTS, 0));
}

static bool
has_interrupts(const struct event_reactor *reactor)
{
	struct reactor_thread *rthread;

	TAILQ_FOREACH (rthread, &reactor->threads, link) {
		if (thread_has_interrupts(spdk_thread_get_from_ctx(rthread))) {
			return true;
		}
	}
	return false;
}

void
event_reactor_look_at_fds_sometimes(struct event_reactor *reactor)
{
	if (reactor->tsc_last - reactor->tsc_fds < g_reactors.fds_interval) {
		return;
	}
	/* Descriptors that only end a wait are of no interest to one who does not wait. */
	if (has_interrupts(reactor)) {
		event_reactor_look_at_fds(reactor);
	} else {
		reactor->tsc_fds = reactor->tsc_last;
	}
}

/* ---- sleep ---- */

uint64_t
event_reactor_get_deadline(struct event_reactor *reactor)
{
	struct reactor_thread *rthread;
	uint64_t deadline = THREAD_NEVER, wanted;

	TAILQ_FOREACH (rthread, &reactor->threads, link) {
		wanted = thread_get_deadline(
			spdk_thread_get_from_ctx(rthread), reactor->tsc_last, g_reactors.idle_poll_max);
		deadline = spdk_min(deadline, wanted);
	}
	return deadline;
}

bool
event_reactor_has_mail(struct event_reactor *reactor)
{
	struct reactor_thread *rthread;

	if (msg_queue_has_msgs(&reactor->events)) {
		return true;
	}
	TAILQ_FOREACH (rthread, &reactor->threads, link) {
		if (thread_has_msgs(spdk_thread_get_from_ctx(rthread))) {
			return true;
		}
	}
	return false;
}

static bool
may_end(const struct event_reactor *reactor)
{
	if (!atomic_load(&g_reactors.stop)) {
		return false;
	}
	return !reactor->stopping || TAILQ_EMPTY(&reactor->threads);
}

static int
wait_for_events(struct event_reactor *reactor, struct epoll_event *events, uint64_t ticks)
{
	static _Atomic bool no_pwait2;
	struct pollfd pfd = {.fd = reactor->epfd, .events = POLLIN};
	struct timespec timeout, *ptimeout = NULL;
	uint64_t hz = spdk_get_ticks_hz();
	int rc;

	if (ticks != THREAD_NEVER) {
		timeout.tv_sec = ticks / hz;
		timeout.tv_nsec = (ticks % hz) * SPDK_SEC_TO_NSEC / hz;
		ptimeout = &timeout;
	}
	if (!atomic_load_explicit(&no_pwait2, memory_order_relaxed)) {
		rc = epoll_pwait2(reactor->epfd, events, MAX_EPOLL_EVENTS, ptimeout, NULL);
		if (rc >= 0 || errno != ENOSYS) {
			return rc;
		}
		atomic_store(&no_pwait2, true);
	}
	/* Kernels before 5.11. */
	if (ppoll(&pfd, 1, ptimeout, NULL) <= 0) {
		return 0;
	}
	return epoll_wait(reactor->epfd, events, MAX_EPOLL_EVENTS, 0);
}

static uint64_t
ticks_of(uint64_t us)
{
	return us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
}

static void
stop_spinning(struct event_reactor *reactor)
{
	reactor->spin = 0;
	reactor->spin_credit = SPIN_CREDIT;
	reactor->tsc_spin_retry = reactor->tsc_last + ticks_of(SPIN_RETRY_US);
}

/* It has to sleep after all. */
static void
lose_spin(struct event_reactor *reactor)
{
	reactor->spinning = false;
	if (--reactor->spin_credit == 0) {
		stop_spinning(reactor);
	}
}

/* Whether others got the CPU in most of the spins since the last check. */
static bool
shares_cpu(struct event_reactor *reactor)
{
	struct rusage usage;
	long switches;

	if (getrusage(RUSAGE_THREAD, &usage) != 0) {
		return false;
	}
	switches = usage.ru_nivcsw - reactor->spin_switches;
	reactor->spin_switches = usage.ru_nivcsw;
	return switches > SPIN_WINS_PER_CHECK / 2;
}

/* There was work while it was spinning. */
static void
win_spin(struct event_reactor *reactor)
{
	reactor->spinning = false;
	reactor->spin_credit = spdk_min(reactor->spin_credit + 1, SPIN_CREDIT_MAX);
	if (++reactor->spin_wins % SPIN_WINS_PER_CHECK == 0 && shares_cpu(reactor)) {
		stop_spinning(reactor);
	}
}

static void
adapt_spin(struct event_reactor *reactor, uint64_t slept)
{
	uint64_t shortest = ticks_of(SHORTEST_SPIN_US), longer;

	if (slept >= g_reactors.spin_max) {
		reactor->spin = reactor->spin / 2 >= shortest ? reactor->spin / 2 : 0;
	} else if (reactor->tsc_last >= reactor->tsc_spin_retry) {
		longer = spdk_max(reactor->spin * 2, shortest);
		reactor->spin = spdk_min(longer, g_reactors.spin_max);
	}
}

static void
account_sleep(struct event_reactor *reactor, uint64_t slept)
{
	struct reactor_thread *rthread;

	reactor_count(&reactor->sleeps, 1);
	reactor_count(&reactor->asleep_tsc, slept);
	reactor_count(&reactor->idle_tsc, slept);
	/* All threads of the reactor together have been idle for that time. */
	TAILQ_FOREACH (rthread, &reactor->threads, link) {
		thread_add_idle(spdk_thread_get_from_ctx(rthread), slept / reactor->thread_count);
	}
}

static void
sleep_until(struct event_reactor *reactor, uint64_t deadline)
{
	struct epoll_event events[MAX_EPOLL_EVENTS];
	uint64_t before = reactor->tsc_last, slept;
	int count;

	/*
	 * From here on senders write the eventfd. What they queued before they could see this is found now: both sides
	 * write their word first and read the other's second, all sequentially consistent.
	 */
	atomic_store(&reactor->host.waker->asleep, 1);
	if (event_reactor_has_mail(reactor) || may_end(reactor)) {
		atomic_store(&reactor->host.waker->asleep, 0);
		return;
	}
	count = wait_for_events(reactor, events, deadline != THREAD_NEVER ? deadline - before : THREAD_NEVER);
	atomic_store(&reactor->host.waker->asleep, 0);

	reactor->tsc_last = spdk_get_ticks();
	reactor->tsc_fds = reactor->tsc_last;
	slept = reactor->tsc_last - before;
	account_sleep(reactor, slept);
	if (count > 0) {
		adapt_spin(reactor, slept);
		serve(reactor, events, count);
	}
}

void
event_reactor_after_work(struct event_reactor *reactor)
{
	if (reactor->spinning) {
		win_spin(reactor);
	}
	event_reactor_look_at_fds_sometimes(reactor);
}

static void
spin(struct event_reactor *reactor)
{
	uint64_t busy = reactor->tsc_busy;

	reactor->spinning = true;
	event_reactor_look_at_fds(reactor);
	if (reactor->tsc_busy != busy) {
		win_spin(reactor);
	} else {
		spdk_pause();
	}
}

void
event_reactor_after_idle(struct event_reactor *reactor)
{
	uint64_t deadline, shortest;

	if (g_reactors.opts.poll) {
		event_reactor_look_at_fds_sometimes(reactor);
		spdk_pause();
		return;
	}
	if (reactor->tsc_last - reactor->tsc_busy < reactor->spin) {
		spin(reactor);
		return;
	}
	if (reactor->spinning) {
		lose_spin(reactor);
	}
	deadline = event_reactor_get_deadline(reactor);
	shortest = ticks_of(SHORTEST_SLEEP_US);
	if (deadline <= reactor->tsc_last + shortest) {
		event_reactor_look_at_fds_sometimes(reactor);
		spdk_pause();
		return;
	}
	sleep_until(reactor, deadline);
}
