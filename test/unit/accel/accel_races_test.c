/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Real threads: one key used on all of them while others are made and destroyed, and while it is asked again and again to
 * be destroyed; channels that come and go. For ThreadSanitizer.
 */

#include "spdk/stdinc.h"
#include <stdatomic.h>
#include "spdk/accel.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include <pthread.h>
#include <setjmp.h>
#include <cmocka.h>

#define WORKERS 3
#define ROUNDS 150
#define LEN (16 * 1024)

struct worker {
	pthread_t pthread;
	struct spdk_thread *thread;
	struct spdk_io_channel *ch;
	uint8_t data[LEN], before[LEN], packed[2 * LEN];
	bool done;
	int status;
};

static struct worker g_workers[WORKERS];
static struct spdk_thread *g_app;
static struct spdk_accel_crypto_key *g_key;
static atomic_int g_working;

/* cmocka's assertions are for the main thread only. */
static void
must(bool good, int line)
{
	if (!good) {
		fprintf(stderr, "line %d failed\n", line);
		abort();
	}
}
#define MUST(condition) must((condition), __LINE__)

static void
done_cb(void *cb_arg, int status)
{
	struct worker *worker = cb_arg;

	worker->done = true;
	worker->status = status;
}

static void
wait_for(struct worker *worker, int rc)
{
	MUST(rc == 0);
	while (!worker->done) {
		spdk_thread_poll(worker->thread, 0, 0);
	}
	worker->done = false;
	MUST(worker->status == 0);
}

static void
one_round(struct worker *worker)
{
	struct iovec data = {worker->data, LEN}, packed = {worker->packed, 0};
	struct spdk_io_channel *ch = worker->ch;
	uint32_t size = 0, crc = 0, crc_too = 1;

	memcpy(worker->before, worker->data, LEN);
	wait_for(worker, spdk_accel_submit_crc32c(ch, &crc, worker->data, 0, LEN, done_cb, worker));
	wait_for(worker, spdk_accel_submit_encrypt(ch, g_key, &data, 1, &data, 1, 7, 512, done_cb, worker));
	wait_for(worker, spdk_accel_submit_decrypt(ch, g_key, &data, 1, &data, 1, 7, 512, done_cb, worker));
	wait_for(worker, spdk_accel_submit_compress(ch, worker->packed, 2 * LEN, &data, 1, &size, done_cb, worker));
	packed.iov_len = size;
	wait_for(worker, spdk_accel_submit_fill(ch, worker->data, 0, LEN, done_cb, worker));
	wait_for(worker, spdk_accel_submit_decompress(ch, &data, 1, &packed, 1, &size, done_cb, worker));
	wait_for(worker, spdk_accel_submit_crc32c(ch, &crc_too, worker->data, 0, LEN, done_cb, worker));
	MUST(crc == crc_too && memcmp(worker->data, worker->before, LEN) == 0);
}

static void *
work(void *arg)
{
	struct worker *worker = arg;
	int round;

	spdk_set_thread(worker->thread);
	for (round = 0; round < ROUNDS; round++) {
		if (worker->ch == NULL) {
			worker->ch = spdk_accel_get_io_channel();
			MUST(worker->ch != NULL);
		}
		one_round(worker);
		if (round % 10 == 9) {
			spdk_put_io_channel(worker->ch);
			worker->ch = NULL;
			spdk_thread_poll(worker->thread, 0, 0);
		}
	}
	spdk_thread_exit(worker->thread);
	while (!spdk_thread_is_exited(worker->thread)) {
		spdk_thread_poll(worker->thread, 0, 0);
	}
	spdk_set_thread(NULL);
	g_working--;
	return NULL;
}

static int
create(const char *name)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
		.key_name = (char *)name,
	};

	return spdk_accel_crypto_key_create(&param);
}

static void
finished_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

static void
keys_and_channels(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct iovec iov = {g_workers[0].packed, 512};
	struct spdk_io_channel *ch;
	bool finished = false;
	int i;

	assert_int_equal(spdk_thread_lib_init(NULL, 0), 0);
	g_app = spdk_thread_create("app", NULL);
	spdk_set_thread(g_app);
	assert_int_equal(spdk_iobuf_initialize(), 0);
	assert_int_equal(spdk_accel_initialize(), 0);
	assert_int_equal(create("shared"), 0);
	g_key = spdk_accel_crypto_key_get("shared");
	/* A sequence holds it throughout. */
	ch = spdk_accel_get_io_channel();
	assert_non_null(ch);
	assert_int_equal(spdk_accel_append_encrypt(
				 &seq, ch, g_key, &iov, 1, NULL, NULL, &iov, 1, NULL, NULL, 0, 512, NULL, NULL),
		0);
	g_working = WORKERS;
	for (i = 0; i < WORKERS; i++) {
		g_workers[i].thread = spdk_thread_create("worker", NULL);
		memset(g_workers[i].data, i, LEN / 2);
		assert_int_equal(pthread_create(&g_workers[i].pthread, NULL, work, &g_workers[i]), 0);
	}
	while (g_working > 0) {
		spdk_thread_poll(g_app, 0, 0);
		assert_int_equal(create("other"), 0);
		assert_int_equal(create("shared"), -EEXIST);
		assert_int_equal(spdk_accel_crypto_key_destroy(g_key), -EBUSY);
		assert_int_equal(spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get("other")), 0);
	}
	for (i = 0; i < WORKERS; i++) {
		pthread_join(g_workers[i].pthread, NULL);
		spdk_thread_destroy(g_workers[i].thread);
	}
	spdk_accel_sequence_abort(seq);
	assert_int_equal(spdk_accel_crypto_key_destroy(g_key), 0);
	spdk_put_io_channel(ch);
	spdk_accel_finish(finished_cb, &finished);
	while (!finished) {
		spdk_thread_poll(g_app, 0, 0);
	}
	finished = false;
	spdk_iobuf_finish(finished_cb, &finished);
	while (!finished) {
		spdk_thread_poll(g_app, 0, 0);
	}
	spdk_thread_exit(g_app);
	while (!spdk_thread_is_exited(g_app)) {
		spdk_thread_poll(g_app, 0, 0);
	}
	spdk_thread_destroy(g_app);
	spdk_thread_lib_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_channels),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
