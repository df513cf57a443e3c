/* SPDX-License-Identifier: BSD-3-Clause */

/* The simulator itself, and lib/thread under it: many orders of threads that all use one device. */

#include "test/unit/thread/thread_fixture.h"
#include "bdevkit/sim.h"
#include "bdevkit/thread.h"

#define THREADS 5

/* ThreadSanitizer makes each many times slower, and finds nothing where there is one system thread. */
#ifdef __SANITIZE_THREAD__
#define SEEDS 100
#else
#define SEEDS 1000
#endif

/* ---- a program with work on several threads ---- */

struct worker {
	struct spdk_thread *thread;
	struct spdk_io_channel *ch;
	int actions_left;
	int sent;
	int received;
	/* From each other thread, the number that came last: they must come in order. */
	int last_from[THREADS];
};

struct letter {
	int from;
	int to;
	int number;
};

static struct worker g_workers[THREADS];
static int g_device;
static int g_walks;
static int g_channels;

static int
create_channel(void *io_device, void *ctx_buf)
{
	g_channels++;
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
	g_channels--;
}

static int
index_of_current(void)
{
	int i;

	for (i = 0; g_workers[i].thread != spdk_get_thread(); i++) {
		assert_true(i < THREADS);
	}
	return i;
}

static void
receive(void *arg)
{
	struct letter *letter = arg;
	struct worker *worker = &g_workers[letter->to];

	assert_ptr_equal(spdk_get_thread(), worker->thread);
	assert_int_equal(letter->number, worker->last_from[letter->from] + 1);
	worker->last_from[letter->from] = letter->number;
	worker->received++;
	free(letter);
}

static int g_numbers[THREADS][THREADS];

static void
send_letter(int from, int to)
{
	struct letter *letter = malloc(sizeof(*letter));

	letter->from = from;
	letter->to = to;
	letter->number = ++g_numbers[from][to];
	g_workers[from].sent++;
	assert_int_equal(spdk_thread_send_msg(g_workers[to].thread, receive, letter), 0);
}

static void
visit(struct spdk_io_channel_iter *i)
{
	struct worker *worker = &g_workers[index_of_current()];

	assert_ptr_equal(spdk_io_channel_iter_get_channel(i), worker->ch);
	spdk_for_each_channel_continue(i, 0);
}

static void
visited_all(struct spdk_io_channel_iter *i, int status)
{
	assert_int_equal(status, 0);
	g_walks--;
}

static int
act(void *arg)
{
	struct worker *worker = arg;
	int self = (int)(worker - g_workers);

	if (worker->actions_left == 0) {
		return SPDK_POLLER_IDLE;
	}
	worker->actions_left--;
	switch (bdk_sim_random(4)) {
	case 0:
		send_letter(self, (int)bdk_sim_random(THREADS));
		break;
	case 1:
		if (worker->ch == NULL) {
			worker->ch = spdk_get_io_channel(&g_device);
		}
		break;
	case 2:
		if (worker->ch != NULL) {
			/* Given back and had again: the same channel, whatever comes in between. */
			spdk_put_io_channel(worker->ch);
			assert_ptr_equal(spdk_get_io_channel(&g_device), worker->ch);
		}
		break;
	default:
		g_walks++;
		spdk_for_each_channel(&g_device, visit, NULL, visited_all);
		break;
	}
	return SPDK_POLLER_BUSY;
}

static struct spdk_poller *g_pollers[THREADS];

static void
start_worker(void *arg)
{
	struct worker *worker = arg;
	int self = (int)(worker - g_workers);

	if (self == 0) {
		spdk_io_device_register(&g_device, create_channel, destroy_channel, 0, "device");
	}
	g_pollers[self] = spdk_poller_register(act, worker, self % 2 == 0 ? 0 : 10);
}

static void
stop_worker(void *arg)
{
	struct worker *worker = arg;
	int self = (int)(worker - g_workers);

	spdk_poller_unregister(&g_pollers[self]);
	if (worker->ch != NULL) {
		spdk_put_io_channel(worker->ch);
	}
	if (self == 0) {
		spdk_io_device_unregister(&g_device, NULL);
	}
}

static bool
all_have_acted(void *arg)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		if (g_workers[i].actions_left > 0) {
			return false;
		}
	}
	return true;
}

static uint64_t
run_program(uint64_t seed)
{
	int i, sent = 0, received = 0;
	uint64_t hash;

	memset(g_workers, 0, sizeof(g_workers));
	memset(g_numbers, 0, sizeof(g_numbers));
	g_walks = 0;
	assert_int_equal(bdk_sim_init(seed), 0);
	for (i = 0; i < THREADS; i++) {
		g_workers[i].thread = spdk_thread_create(NULL, NULL);
		g_workers[i].actions_left = 20;
	}
	for (i = 0; i < THREADS; i++) {
		bdk_sim_call(g_workers[i].thread, start_worker, &g_workers[i]);
	}
	assert_true(bdk_sim_run_until(all_have_acted, NULL, 1000000));
	bdk_sim_run_until_idle();
	for (i = 0; i < THREADS; i++) {
		sent += g_workers[i].sent;
		received += g_workers[i].received;
		bdk_sim_call(g_workers[i].thread, stop_worker, &g_workers[i]);
	}
	assert_int_equal(sent, received);
	assert_int_equal(g_walks, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_channels, 0);
	hash = bdk_sim_get_schedule_hash();
	bdk_sim_fini();
	assert_int_equal(spdk_thread_get_count(), 0);
	return hash;
}

static void
test_many_seeds(void **state)
{
	uint64_t seed, hash, last = 0;
	int same = 0;

	for (seed = 1; seed <= SEEDS; seed++) {
		hash = run_program(seed);
		same += hash == last;
		last = hash;
		if (seed % 100 == 0) {
			/* The seed decides everything. */
			assert_true(run_program(seed) == hash);
		}
	}
	assert_int_equal(same, 0);
}

/* ---- its functions ---- */

static int
count_poll(void *arg)
{
	*(int *)arg += 1;
	return SPDK_POLLER_IDLE;
}

static int g_count;
static struct spdk_poller *g_poller;

static void
register_timed(void *arg)
{
	g_poller = spdk_poller_register(count_poll, &g_count, 1000);
}

static void
register_active(void *arg)
{
	g_poller = spdk_poller_register(count_poll, &g_count, 0);
}

static void
unregister(void *arg)
{
	spdk_poller_unregister(&g_poller);
}

static bool
has_counted_5(void *arg)
{
	return g_count >= 5;
}

static void
test_time(void **state)
{
	struct spdk_thread *thread;

	g_count = 0;
	assert_int_equal(bdk_sim_init(7), 0);
	assert_int_equal(bdk_sim_init(7), -EBUSY);
	thread = spdk_thread_create("t", NULL);
	assert_true(spdk_thread_is_app_thread(thread));
	bdk_sim_call(thread, register_timed, NULL);
	assert_int_equal(bdk_sim_run_until_idle(), 0);
	/* An hour passes in no time. */
	bdk_sim_run_for(3600 * 1000000ull);
	assert_true(spdk_get_ticks() == 3600 * 1000000000ull);
	assert_in_range(g_count, 3599999, 3600000);
	g_count = 0;
	assert_true(bdk_sim_run_until(has_counted_5, NULL, 6000));
	bdk_sim_call(thread, unregister, NULL);
	g_count = 0;
	assert_false(bdk_sim_run_until(has_counted_5, NULL, 6000));
	bdk_sim_fini();
}

static void
count_msg(void *arg)
{
	g_count++;
}

static void
test_idle_poller_is_asked_when_something_happened(void **state)
{
	struct spdk_thread *a, *b;

	g_count = 0;
	assert_int_equal(bdk_sim_init(1), 0);
	a = spdk_thread_create("a", NULL);
	b = spdk_thread_create("b", NULL);
	bdk_sim_call(a, register_active, NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(g_count, 1);
	assert_false(bdk_sim_step());
	spdk_thread_send_msg(b, count_msg, NULL);
	bdk_sim_run_until_idle();
	assert_in_range(g_count, 3, 4);
	/* Time passes in jumps of the bound for idle pollers, or finely while an I/O is outstanding. */
	g_count = 0;
	bdk_sim_run_for(1000000);
	assert_in_range(g_count, 20, 200);
	bdk_sim_call(a, unregister, NULL);
	bdk_sim_fini();
}

static void
test_stuck_thread_is_exited_by_force(void **state)
{
	struct spdk_thread *thread;

	assert_int_equal(bdk_sim_init(1), 0);
	thread = spdk_thread_create("stuck", NULL);
	bdk_sim_call(thread, register_timed, NULL);
	bdk_sim_fini();
	assert_int_equal(spdk_thread_get_count(), 0);
}

static void
test_step_time(void **state)
{
	struct spdk_thread *thread;

	assert_int_equal(bdk_sim_init(3), 0);
	bdk_sim_set_step_time(1000);
	thread = spdk_thread_create("t", NULL);
	spdk_thread_send_msg(thread, count_msg, NULL);
	spdk_thread_send_msg(thread, count_msg, NULL);
	bdk_sim_run_until_idle();
	assert_in_range(spdk_get_ticks(), 1, 3000);
	assert_int_equal(bdk_sim_get_step_count(), 2);
	bdk_sim_fini();
}

static int
setup(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_idle_poller_is_asked_when_something_happened),
		cmocka_unit_test(test_stuck_thread_is_exited_by_force),
		cmocka_unit_test(test_step_time),
		cmocka_unit_test(test_many_seeds),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
