/* SPDX-License-Identifier: BSD-3-Clause */

/* The layer inside a program: on its own thread, in the program's loop; queues of both kinds; and how they end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/embed.h"
#include "lib/env/env_internal.h"
#include "spdk/event.h"
#include "spdk/thread.h"

#include <poll.h>

/* Nothing takes so long; it only ends a test that hangs. */
#define PATIENCE_MS 60000
#define PATIENCE_US (PATIENCE_MS * 1000ULL)

static const char g_config[] =
	"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": ["
	"{\"method\": \"bdev_malloc_create\", \"params\": {\"name\": \"m\", \"num_blocks\": 2048, "
	"\"block_size\": 512}},"
	"{\"method\": \"bdev_delay_create\", \"params\": {\"base_bdev_name\": \"m\", \"name\": \"d\", "
	"\"avg_read_latency\": 1000, \"p99_read_latency\": 1000, \"avg_write_latency\": 1000, "
	"\"p99_write_latency\": 1000}},"
	"{\"method\": \"bdev_null_create\", \"params\": {\"name\": \"n\", \"num_blocks\": 2048, "
	"\"block_size\": 512}}]}]}";

static void
start(bool own_loop)
{
	struct bdk_embed_opts opts;

	bdk_embed_opts_init(&opts, sizeof(opts));
	opts.config = g_config;
	opts.own_loop = own_loop;
	assert_int_equal(bdk_embed_start(&opts), 0);
}

static void
stop(void)
{
	assert_int_equal(bdk_embed_stop(), 0);
}

static struct bdk_request *
fill(struct bdk_request *request, enum spdk_bdev_io_type type, void *buf, uint64_t block)
{
	memset(request, 0, sizeof(*request));
	request->type = type;
	request->buf = buf;
	request->offset_blocks = block;
	request->num_blocks = 1;
	request->status = 1;
	return request;
}

#define COUNT 64

/* Writes COUNT blocks from a place on, reads them, and compares. */
static void
write_and_read(struct bdk_queue *queue, uint64_t first)
{
	struct bdk_request requests[COUNT], *array[COUNT], *done[COUNT];
	uint8_t *buf = calloc(COUNT, 512);
	uint32_t i;

	for (i = 0; i < COUNT; i++) {
		memset(buf + i * 512, first + i, 512);
		array[i] = fill(&requests[i], SPDK_BDEV_IO_TYPE_WRITE, buf + i * 512, first + i);
	}
	bdk_queue_submit(queue, array, COUNT);
	assert_int_equal(bdk_queue_wait(queue, done, COUNT, COUNT, PATIENCE_US), COUNT);
	memset(buf, 0xff, COUNT * 512);
	for (i = 0; i < COUNT; i++) {
		assert_int_equal(requests[i].status, 0);
		fill(&requests[i], SPDK_BDEV_IO_TYPE_READ, buf + i * 512, first + i);
	}
	bdk_queue_submit(queue, array, COUNT);
	assert_int_equal(bdk_queue_wait(queue, done, COUNT, COUNT, PATIENCE_US), COUNT);
	for (i = 0; i < COUNT; i++) {
		assert_int_equal(requests[i].status, 0);
		assert_int_equal(buf[i * 512], (uint8_t)(first + i));
		assert_int_equal(buf[i * 512 + 511], (uint8_t)(first + i));
	}
	free(buf);
}

static void
use_disk(const char *name, uint32_t flags)
{
	struct bdk_disk *disk;
	struct bdk_queue *queue;

	assert_int_equal(bdk_disk_open(name, true, &disk), 0);
	assert_int_equal(bdk_disk_get_block_size(disk), 512);
	assert_int_equal(bdk_disk_get_num_blocks(disk), 2048);
	assert_true(bdk_disk_io_type_supported(disk, SPDK_BDEV_IO_TYPE_WRITE));
	assert_false(bdk_disk_io_type_supported(disk, SPDK_BDEV_IO_TYPE_NVME_IO));
	assert_int_equal(bdk_queue_create(disk, flags, &queue), 0);
	assert_int_equal(bdk_disk_close(disk), -EBUSY);
	assert_int_equal(bdk_embed_stop(), -EBUSY);
	write_and_read(queue, 100);
	bdk_queue_destroy(queue);
	assert_int_equal(bdk_disk_close(disk), 0);
}

static void
test_thread(void **state)
{
	int round;

	for (round = 0; round < 2; round++) {
		start(false);
		assert_int_equal(bdk_embed_start(NULL), -EALREADY);
		assert_int_equal(bdk_embed_get_fd(), -EINVAL);
		assert_int_equal(bdk_embed_poll(), -EINVAL);
		use_disk("d", 0);
		use_disk("d", BDK_QUEUE_LOCAL);
		stop();
		assert_int_equal(bdk_embed_stop(), -ESHUTDOWN);
	}
}

static void
test_loop(void **state)
{
	int round;

	for (round = 0; round < 2; round++) {
		start(true);
		assert_true(bdk_embed_get_fd() >= 0);
		use_disk("d", 0);
		use_disk("d", BDK_QUEUE_LOCAL);
		stop();
	}
}

/* An event loop that sleeps in poll(): neither the layer nor what has ended may be missed. */
static void
test_loop_sleeps(void **state)
{
	struct bdk_request requests[8], *array[8], *done[8];
	struct pollfd pfd[2];
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t i, count = 0;
	uint8_t buf[512];

	start(true);
	assert_int_equal(bdk_disk_open("d", false, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, 0, &queue), 0);
	pfd[0] = (struct pollfd){.fd = bdk_embed_get_fd(), .events = POLLIN};
	pfd[1] = (struct pollfd){.fd = bdk_queue_get_fd(queue), .events = POLLIN};
	for (i = 0; i < 8; i++) {
		array[i] = fill(&requests[i], SPDK_BDEV_IO_TYPE_READ, buf, i);
	}
	bdk_queue_submit(queue, array, 8);
	while (count < 8) {
		assert_true(poll(pfd, 2, PATIENCE_MS) > 0);
		if (pfd[0].revents != 0) {
			assert_int_equal(bdk_embed_poll(), 0);
		}
		if (pfd[1].revents != 0) {
			count += bdk_queue_reap(queue, done, 3);
		}
	}
	/* All is done: the loop sleeps. */
	while (poll(pfd, 1, 0) > 0) {
		assert_int_equal(bdk_embed_poll(), 0);
	}
	assert_int_equal(bdk_queue_reap(queue, done, 3), 0);
	assert_int_equal(poll(pfd + 1, 1, 0), 0);
	bdk_queue_destroy(queue);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

static void
direct_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	*(int *)ctx = success ? 1 : -1;
	spdk_bdev_free_io(bdev_io);
}

/* A function of spdk/bdev.h on the thread of a local queue. */
static void
test_direct(void **state)
{
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint8_t buf[512];
	int done = 0;

	start(false);
	assert_int_equal(bdk_disk_open("d", true, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, BDK_QUEUE_LOCAL, &queue), 0);
	spdk_set_thread(bdk_queue_get_thread(queue));
	assert_int_equal(spdk_bdev_read_blocks(bdk_disk_get_desc(disk), bdk_queue_get_channel(queue), buf, 0, 1,
				 direct_done_cb, &done),
		0);
	spdk_set_thread(NULL);
	while (done == 0) {
		bdk_queue_poll(queue);
	}
	assert_int_equal(done, 1);
	bdk_queue_destroy(queue);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

/* The same with the descriptor of a local queue. */
static void
test_local_sleeps(void **state)
{
	struct bdk_request requests[8], *array[8], *done[8];
	struct pollfd pfd = {.events = POLLIN};
	const char *names[] = {"d", "n"};
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t i, n, count;
	uint8_t buf[512];

	start(false);
	for (n = 0; n < 2; n++) {
		assert_int_equal(bdk_disk_open(names[n], false, &disk), 0);
		assert_int_equal(bdk_queue_create(disk, BDK_QUEUE_LOCAL, &queue), 0);
		assert_non_null(bdk_queue_get_channel(queue));
		pfd.fd = bdk_queue_get_fd(queue);
		for (i = 0; i < 8; i++) {
			array[i] = fill(&requests[i], SPDK_BDEV_IO_TYPE_READ, buf, i);
		}
		bdk_queue_submit(queue, array, 8);
		for (count = 0; count < 8; count += bdk_queue_reap(queue, done, 3)) {
			assert_true(poll(&pfd, 1, PATIENCE_MS) > 0);
		}
		bdk_queue_destroy(queue);
		assert_int_equal(bdk_disk_close(disk), 0);
	}
	stop();
}

#define NUM_THREADS 4
#define ROUNDS 50

static struct bdk_queue *g_queue;

static void *
submit_many(void *arg)
{
	struct bdk_request *requests = arg, *array[4];
	int i, k;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < 4; k++) {
			array[k] = &requests[i * 4 + k];
		}
		bdk_queue_submit(g_queue, array, 4);
	}
	return NULL;
}

/* Several threads submit to one queue, and one reaps. */
static void
test_any_thread(void **state)
{
	struct bdk_request *requests = calloc(NUM_THREADS * ROUNDS * 4, sizeof(*requests)), *done[16];
	struct env_thread *threads[NUM_THREADS];
	struct bdk_disk *disk;
	uint32_t i, count = 0, got;
	uint8_t buf[512];

	start(false);
	assert_int_equal(bdk_disk_open("n", false, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, 0, &g_queue), 0);
	for (i = 0; i < NUM_THREADS * ROUNDS * 4; i++) {
		fill(&requests[i], SPDK_BDEV_IO_TYPE_READ, buf, i % 2048);
	}
	for (i = 0; i < NUM_THREADS; i++) {
		assert_int_equal(env_thread_create(&threads[i], "submit", submit_many, requests + i * ROUNDS * 4,
					 ENV_THREAD_CPU_ANY),
			0);
	}
	while (count < NUM_THREADS * ROUNDS * 4) {
		got = bdk_queue_wait(g_queue, done, 1, 16, PATIENCE_US);
		assert_true(got > 0);
		for (i = 0; i < got; i++) {
			assert_int_equal(done[i]->status, 0);
			/* Nobody gets it twice. */
			done[i]->status = 1;
		}
		count += got;
	}
	for (i = 0; i < NUM_THREADS; i++) {
		env_thread_join(threads[i]);
	}
	assert_int_equal(bdk_queue_reap(g_queue, done, 16), 0);
	bdk_queue_destroy(g_queue);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
	free(requests);
}

static void
test_wait_time(void **state)
{
	struct bdk_request *done[1];
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t flags;

	start(false);
	assert_int_equal(bdk_disk_open("n", false, &disk), 0);
	for (flags = 0; flags <= BDK_QUEUE_LOCAL; flags++) {
		assert_int_equal(bdk_queue_create(disk, flags, &queue), 0);
		assert_int_equal(bdk_queue_wait(queue, done, 1, 1, 1000), 0);
		assert_int_equal(bdk_queue_wait(queue, done, 0, 1, UINT64_MAX), 0);
		bdk_queue_destroy(queue);
	}
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

/* The bdev goes away with I/O outstanding: that ends, what comes later fails, and nobody waits for the program. */
static void
remove_under(bool own_loop, uint32_t flags)
{
	struct bdk_request requests[2], *array[2] = {&requests[0], &requests[1]}, *done[2];
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	char *reply = NULL;
	uint8_t buf[512];
	int rounds = 0;

	start(own_loop);
	assert_int_equal(bdk_disk_open("d", true, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, flags, &queue), 0);
	fill(&requests[0], SPDK_BDEV_IO_TYPE_READ, buf, 0);
	bdk_queue_submit(queue, array, 1);
	if (flags == 0) {
		assert_int_equal(bdk_embed_rpc("bdev_delay_delete", "{\"name\": \"d\"}", &reply), 0);
		assert_string_equal(reply, "true");
		free(reply);
	} else {
		/* It waits for the queue's thread, which is this one. */
		assert_int_equal(bdk_embed_rpc("bdev_null_delete", "{\"name\": \"n\"}", NULL), 0);
	}
	assert_int_equal(bdk_queue_wait(queue, done, 1, 1, PATIENCE_US), 1);
	if (flags == 0) {
		assert_true(bdk_disk_is_gone(disk));
		fill(&requests[1], SPDK_BDEV_IO_TYPE_READ, buf, 0);
		bdk_queue_submit(queue, array + 1, 1);
		while (bdk_queue_wait(queue, done, 1, 1, 1000) == 0) {
			assert_true(rounds++ < PATIENCE_MS);
		}
		assert_ptr_equal(done[0], &requests[1]);
		assert_int_equal(requests[1].status, -ENODEV);
		assert_int_equal(bdk_queue_create(disk, 0, &g_queue), -ENODEV);
	}
	bdk_queue_destroy(queue);
	assert_int_equal(bdk_disk_close(disk), 0);
	assert_int_equal(bdk_disk_open(flags == 0 ? "d" : "n", true, &disk), -ENODEV);
	stop();
}

static void
test_removal(void **state)
{
	remove_under(false, 0);
	remove_under(true, 0);
	remove_under(false, BDK_QUEUE_LOCAL);
}

static bool g_deleted;

static void *
delete_delay(void *arg)
{
	int rc = bdk_embed_rpc("bdev_delay_delete", "{\"name\": \"d\"}", NULL);

	__atomic_store_n(&g_deleted, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)rc;
}

/* The same for a local queue: another thread removes it while this one goes on. */
static void
test_local_removal(void **state)
{
	struct bdk_request request, *array[1] = {&request}, *done[1];
	struct env_thread *thread;
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint8_t buf[512];

	start(false);
	assert_int_equal(bdk_disk_open("d", true, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, BDK_QUEUE_LOCAL, &queue), 0);
	assert_int_equal(env_thread_create(&thread, "delete", delete_delay, NULL, ENV_THREAD_CPU_ANY), 0);
	do {
		fill(&request, SPDK_BDEV_IO_TYPE_READ, buf, 0);
		bdk_queue_submit(queue, array, 1);
		assert_int_equal(bdk_queue_wait(queue, done, 1, 1, PATIENCE_US), 1);
	} while (request.status == 0);
	assert_int_equal(request.status, -ENODEV);
	/* It goes on as long as the queue's thread does. */
	while (!__atomic_load_n(&g_deleted, __ATOMIC_ACQUIRE)) {
		assert_int_equal(bdk_queue_wait(queue, done, 1, 1, 1000), 0);
	}
	assert_null(env_thread_join(thread));
	assert_true(bdk_disk_is_gone(disk));
	bdk_queue_destroy(queue);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

/* With requests outstanding: they end first. */
static void
test_destroy_busy(void **state)
{
	struct bdk_request requests[8], *array[8];
	struct bdk_queue *queue;
	struct bdk_disk *disk;
	uint32_t flags, i;
	uint8_t buf[512];

	start(false);
	assert_int_equal(bdk_disk_open("d", true, &disk), 0);
	for (flags = 0; flags <= BDK_QUEUE_LOCAL; flags++) {
		assert_int_equal(bdk_queue_create(disk, flags, &queue), 0);
		for (i = 0; i < 8; i++) {
			array[i] = fill(&requests[i], SPDK_BDEV_IO_TYPE_READ, buf, i);
		}
		bdk_queue_submit(queue, array, 8);
		bdk_queue_destroy(queue);
		for (i = 0; i < 8; i++) {
			/* Not begun yet when its end came, or done. */
			assert_true(requests[i].status == 0 || requests[i].status == -ENODEV);
		}
	}
	bdk_queue_destroy(NULL);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

/* The layer ends by itself: calls fail, what was open can be closed, and it can be started again. */
static void
end_by_itself(bool own_loop)
{
	struct bdk_request request, *array[1] = {&request}, *done[1];
	struct bdk_queue *queue[2];
	struct bdk_disk *disk;
	uint8_t buf[512];
	int rc;

	start(own_loop);
	assert_int_equal(bdk_disk_open("n", true, &disk), 0);
	assert_int_equal(bdk_queue_create(disk, 0, &queue[0]), 0);
	assert_int_equal(bdk_queue_create(disk, BDK_QUEUE_LOCAL, &queue[1]), 0);
	rc = bdk_embed_rpc("framework_get_reactors", NULL, NULL);
	assert_int_equal(rc, 0);
	assert_int_equal(bdk_embed_rpc("no_such_method", NULL, NULL), -EINVAL);
	assert_int_equal(bdk_embed_rpc("bdev_get_bdevs", "{\"name\": \"none\"}", NULL), -ENODEV);
	spdk_app_stop(0);
	do {
		/* Its thread has to give back its channel. */
		bdk_queue_wait(queue[1], done, 1, 1, 1000);
		rc = own_loop ? bdk_embed_poll() : bdk_embed_rpc("framework_get_reactors", NULL, NULL);
	} while (rc != -ESHUTDOWN);
	assert_int_equal(bdk_embed_rpc("framework_get_reactors", NULL, NULL), -ESHUTDOWN);
	fill(&request, SPDK_BDEV_IO_TYPE_READ, buf, 0);
	bdk_queue_submit(queue[0], array, 1);
	assert_int_equal(bdk_queue_wait(queue[0], done, 1, 1, PATIENCE_US), 1);
	assert_true(request.status == -ESHUTDOWN || request.status == -ENODEV);
	assert_int_equal(bdk_embed_stop(), -EBUSY);
	bdk_queue_destroy(queue[0]);
	bdk_queue_destroy(queue[1]);
	assert_int_equal(bdk_disk_close(disk), 0);
	stop();
}

static void
test_end(void **state)
{
	end_by_itself(false);
	end_by_itself(true);
	start(false);
	stop();
}

static int g_calls;

static void
count_call(void *arg)
{
	assert_non_null(spdk_get_thread());
	assert_true(spdk_thread_is_app_thread(NULL));
	g_calls += *(int *)arg;
}

static void
call_twice(void *arg)
{
	count_call(arg);
	assert_int_equal(bdk_embed_call(count_call, arg), 0);
}

static void *
call_from_thread(void *arg)
{
	return (void *)(intptr_t)bdk_embed_call(count_call, arg);
}

static void
test_call(void **state)
{
	struct env_thread *thread;
	int one = 1, loop;

	assert_int_equal(bdk_embed_call(count_call, &one), -ESHUTDOWN);
	for (loop = 0; loop < 2; loop++) {
		g_calls = 0;
		start(loop != 0);
		assert_int_equal(bdk_embed_call(call_twice, &one), 0);
		assert_int_equal(g_calls, 2);
		assert_int_equal(env_thread_create(&thread, "call", call_from_thread, &one, ENV_THREAD_CPU_ANY), 0);
		/* In the other loop it is this thread that carries it out. */
		while (loop != 0 && __atomic_load_n(&g_calls, __ATOMIC_RELAXED) < 3) {
			assert_int_equal(bdk_embed_poll(), 0);
		}
		while (loop != 0 && bdk_embed_stop() == -EBUSY) {
			assert_int_equal(bdk_embed_poll(), 0);
		}
		assert_null(env_thread_join(thread));
		assert_int_equal(g_calls, 3);
		if (loop == 0) {
			stop();
		}
	}
}

static void
no_log(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
}

static void
test_start_fails(void **state)
{
	struct bdk_embed_opts opts;
	int loop;

	for (loop = 0; loop < 2; loop++) {
		bdk_embed_opts_init(&opts, sizeof(opts));
		opts.own_loop = loop != 0;
		opts.log = no_log;
		opts.config_file = "/no/such/file";
		assert_int_equal(bdk_embed_start(&opts), -ENOENT);
		opts.config = g_config;
		assert_int_equal(bdk_embed_start(&opts), -EINVAL);
		opts.config_file = NULL;
		opts.config = "{";
		assert_true(bdk_embed_start(&opts) < 0);
		opts.config = "{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": \"no\"}]}]}";
		assert_true(bdk_embed_start(&opts) < 0);
		opts.ignore_config_errors = true;
		assert_int_equal(bdk_embed_start(&opts), 0);
		assert_int_equal(bdk_embed_stop(), 0);
		opts.config = NULL;
		opts.cpus = "nonsense";
		assert_true(bdk_embed_start(&opts) < 0);
		opts.cpus = NULL;
		opts.size = 1;
		assert_int_equal(bdk_embed_start(&opts), -EINVAL);
	}
	assert_int_equal(bdk_embed_start(NULL), 0);
	assert_int_equal(bdk_disk_open(NULL, true, NULL), -EINVAL);
	assert_int_equal(bdk_queue_create(NULL, 0, NULL), -EINVAL);
	assert_int_equal(bdk_disk_close(NULL), 0);
	stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_loop_sleeps),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_local_sleeps),
		cmocka_unit_test(test_any_thread),
		cmocka_unit_test(test_wait_time),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_local_removal),
		cmocka_unit_test(test_destroy_busy),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_start_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
