/* SPDX-License-Identifier: BSD-3-Clause */

/* Modules and drivers: who has what, start and stop, and what happens when one of them fails. */

#include "accel_fixture.h"
#include "lib/accel/accel_internal.h"
#include "spdk/util.h"

/* A module of the test, which is told what to do. */
static struct {
	uint64_t opcodes;
	int init_rc;
	int submit_rc;
	int status;
	/* Calls back within submit_tasks. */
	bool inline_callback;
	bool no_channel;
	/* Its fini calls back later, and has been called. */
	bool slow_fini;
	uint32_t started, stopped, submitted;
	struct spdk_accel_task *task;
	int domains;
} g_test;

static struct spdk_accel_module_if g_test_module;

static int
channel_create(void *io_device, void *ctx_buf)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx_buf)
{
}

static int
test_init(void)
{
	if (g_test.init_rc != 0) {
		return g_test.init_rc;
	}
	g_test.started++;
	spdk_io_device_register(&g_test_module, channel_create, channel_destroy, 8, "accel_test");
	return 0;
}

static void
finished_cb(void *ctx)
{
	spdk_accel_module_finish();
}

static void
test_fini(void *ctx)
{
	g_test.stopped++;
	spdk_io_device_unregister(&g_test_module, NULL);
	if (g_test.slow_fini) {
		spdk_thread_send_msg(g_accel_threads[1], finished_cb, NULL);
	} else {
		spdk_accel_module_finish();
	}
}

static size_t
test_get_ctx_size(void)
{
	return sizeof(struct spdk_accel_task);
}

static bool
test_supports_opcode(enum spdk_accel_opcode opcode)
{
	return (g_test.opcodes >> opcode & 1) != 0;
}

static struct spdk_io_channel *
test_get_io_channel(void)
{
	return g_test.no_channel ? NULL : spdk_get_io_channel(&g_test_module);
}

static int
test_submit_tasks(struct spdk_io_channel *ch, struct spdk_accel_task *task)
{
	g_test.submitted++;
	if (g_test.submit_rc != 0) {
		return g_test.submit_rc;
	}
	g_test.task = task;
	if (g_test.inline_callback) {
		spdk_accel_task_complete(task, g_test.status);
	}
	return 0;
}

static int
test_get_memory_domains(struct spdk_memory_domain **domains, int array_size)
{
	return g_test.domains;
}

static struct spdk_accel_module_if g_test_module = {
	.name = "test",
	.priority = 5,
	.module_init = test_init,
	.module_fini = test_fini,
	.get_ctx_size = test_get_ctx_size,
	.supports_opcode = test_supports_opcode,
	.get_io_channel = test_get_io_channel,
	.submit_tasks = test_submit_tasks,
	.get_memory_domains = test_get_memory_domains,
};

/* Another one, of a higher priority. */
static struct spdk_accel_module_if g_high_module;

static int
high_init(void)
{
	spdk_io_device_register(&g_high_module, channel_create, channel_destroy, 8, "accel_high");
	return 0;
}

static void
high_fini(void *ctx)
{
	spdk_io_device_unregister(&g_high_module, NULL);
	spdk_accel_module_finish();
}

static bool
high_supports_opcode(enum spdk_accel_opcode opcode)
{
	return opcode == SPDK_ACCEL_OPC_XOR || opcode == SPDK_ACCEL_OPC_FILL;
}

static struct spdk_io_channel *
high_get_io_channel(void)
{
	return spdk_get_io_channel(&g_high_module);
}

static struct spdk_accel_module_if g_high_module = {
	.name = "high",
	.priority = 6,
	.module_init = high_init,
	.module_fini = high_fini,
	.get_ctx_size = test_get_ctx_size,
	.supports_opcode = high_supports_opcode,
	.get_io_channel = high_get_io_channel,
	.submit_tasks = test_submit_tasks,
};

#define BIT(opcode) (UINT64_C(1) << SPDK_ACCEL_OPC_##opcode)

static int
setup(void **state)
{
	memset(&g_test, 0, sizeof(g_test));
	accel_fixture_init(1);
	/* A module that failed is gone. */
	if (spdk_accel_get_module("test") == NULL) {
		spdk_accel_module_list_add(&g_test_module);
	}
	return 0;
}

static int
teardown(void **state)
{
	TAILQ_REMOVE(&g_accel.modules, &g_high_module, tailq);
	spdk_accel_module_list_add(&g_high_module);
	accel_fixture_fini();
	return 0;
}

static void
assert_owner(enum spdk_accel_opcode opcode, const char *name)
{
	const char *owner = NULL;

	assert_int_equal(spdk_accel_get_opc_module_name(opcode, &owner), 0);
	assert_string_equal(owner, name);
}

static void
open_channel(void)
{
	assert_int_equal(accel_fixture_start(), 0);
	g_accel_ch = spdk_accel_get_io_channel();
	assert_non_null(g_accel_ch);
}

static void
close_channel(void)
{
	spdk_put_io_channel(g_accel_ch);
	accel_fixture_stop();
}

/* ---- who has what ---- */

static void
priorities_and_assignments(void **state)
{
	const char *name;

	g_test.opcodes = BIT(COPY) | BIT(FILL) | BIT(CRC32C);
	assert_int_equal(spdk_accel_get_opc_module_name(SPDK_ACCEL_OPC_COPY, &name), -ENOENT);
	assert_int_equal(spdk_accel_get_opc_module_name(SPDK_ACCEL_OPC_LAST, &name), -EINVAL);
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_LAST, "software"), -EINVAL);
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_FILL, "nobody"), 0);
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_FILL, "test"), 0);
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_CRC32C, "error"), 0);
	assert_int_equal(accel_fixture_start(), 0);
	assert_owner(SPDK_ACCEL_OPC_COPY, "test");
	/* high has it, but for the assignment; the last one counts. */
	assert_owner(SPDK_ACCEL_OPC_FILL, "test");
	assert_owner(SPDK_ACCEL_OPC_XOR, "high");
	assert_owner(SPDK_ACCEL_OPC_CRC32C, "error");
	assert_owner(SPDK_ACCEL_OPC_ENCRYPT, "software");
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_COPY, "software"), -EINVAL);
	accel_fixture_stop();
	/* Assignments do not outlive the framework. */
	assert_int_equal(spdk_accel_get_opc_module_name(SPDK_ACCEL_OPC_COPY, &name), -ENOENT);
	g_test.opcodes = 0;
	assert_int_equal(accel_fixture_start(), 0);
	assert_owner(SPDK_ACCEL_OPC_COPY, "software");
	assert_owner(SPDK_ACCEL_OPC_FILL, "high");
	assert_owner(SPDK_ACCEL_OPC_CRC32C, "software");
	accel_fixture_stop();
}

static void
assignments_that_cannot_be(void **state)
{
	static const struct {
		enum spdk_accel_opcode opcode;
		const char *name;
		uint64_t opcodes;
	} bad[] = {
		{SPDK_ACCEL_OPC_COPY, "nobody", 0},
		{SPDK_ACCEL_OPC_COPY, "error", 0},
		{SPDK_ACCEL_OPC_COPY, "", 0},
		{SPDK_ACCEL_OPC_ENCRYPT, "test", BIT(ENCRYPT)},
		{SPDK_ACCEL_OPC_DECRYPT, "software", BIT(ENCRYPT) | BIT(DECRYPT)},
		{SPDK_ACCEL_OPC_COMPRESS, "test", BIT(COMPRESS)},
		{SPDK_ACCEL_OPC_DECOMPRESS, "software", BIT(COMPRESS) | BIT(DECOMPRESS)},
	};
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		g_test.opcodes = bad[i].opcodes;
		assert_int_equal(spdk_accel_assign_opc(bad[i].opcode, bad[i].name), 0);
		assert_int_equal(accel_fixture_start(), -EINVAL);
		accel_fixture_stop();
	}
	assert_int_equal(accel_fixture_start(), 0);
	accel_fixture_stop();
}

static void
modules_that_are_not_taken(void **state)
{
	static struct spdk_accel_module_if twin, bare = {.name = "bare"};

	twin = g_test_module;
	spdk_accel_module_list_add(&twin);
	spdk_accel_module_list_add(&bare);
	assert_ptr_equal(spdk_accel_get_module("test"), &g_test_module);
	assert_null(spdk_accel_get_module("bare"));
	assert_null(spdk_accel_get_module("nobody"));
}

/* ---- start and stop ---- */

static void
a_module_without_a_device(void **state)
{
	g_test.init_rc = -ENODEV;
	g_test.opcodes = BIT(COPY);
	assert_int_equal(accel_fixture_start(), 0);
	assert_owner(SPDK_ACCEL_OPC_COPY, "software");
	assert_null(spdk_accel_get_module("test"));
	accel_fixture_stop();
	assert_int_equal(g_test.stopped, 0);
}

static void
a_module_that_does_not_start(void **state)
{
	g_test.init_rc = -EIO;
	assert_int_equal(accel_fixture_start(), -EIO);
	accel_fixture_stop();
	assert_int_equal(g_test.stopped, 0);
}

static void
a_module_that_stops_later(void **state)
{
	int round;

	g_test.slow_fini = true;
	for (round = 1; round <= 3; round++) {
		assert_int_equal(accel_fixture_start(), 0);
		accel_fixture_stop();
		assert_int_equal(g_test.started, round);
		assert_int_equal(g_test.stopped, round);
	}
}

static void
a_module_without_a_channel(void **state)
{
	g_test.opcodes = BIT(COPY);
	g_test.no_channel = true;
	assert_int_equal(accel_fixture_start(), 0);
	assert_null(spdk_accel_get_io_channel());
	g_test.no_channel = false;
	g_accel_ch = spdk_accel_get_io_channel();
	assert_non_null(g_accel_ch);
	close_channel();
}

static void
options(void **state)
{
	struct spdk_accel_opts opts = {}, before = {}, after = {};

	spdk_accel_get_opts(&before, sizeof(before));
	assert_int_equal(spdk_accel_set_opts(NULL), -1);
	assert_int_equal(spdk_accel_set_opts(&opts), -1);
	opts = before;
	opts.task_count = 7;
	assert_int_equal(spdk_accel_set_opts(&opts), -EINVAL);
	/* What lies beyond opts_size stays. */
	opts = before;
	opts.small_cache_size = 77;
	opts.task_count = 99;
	opts.opts_size = offsetof(struct spdk_accel_opts, task_count);
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	spdk_accel_get_opts(&after, sizeof(after));
	assert_int_equal(after.small_cache_size, 77);
	assert_int_equal(after.task_count, before.task_count);
	assert_int_equal(spdk_accel_set_opts(&before), 0);
}

/* ---- tasks ---- */

static uint8_t g_data[4096], g_copy[4096];
static struct iovec g_data_iov = {g_data, 4096}, g_copy_iov = {g_copy, 4096};

static void
append(struct spdk_accel_sequence **seq, struct accel_result *result)
{
	assert_int_equal(spdk_accel_append_copy(seq, g_accel_ch, &g_copy_iov, 1, NULL, NULL, &g_data_iov, 1, NULL, NULL,
				 accel_fixture_step_cb, result),
		0);
	assert_int_equal(
		spdk_accel_append_fill(seq, g_accel_ch, g_data, 4096, NULL, NULL, 7, accel_fixture_step_cb, result), 0);
}

static void
a_module_that_refuses(void **state)
{
	struct spdk_accel_opcode_stats stats;
	struct accel_result result = {};
	struct spdk_accel_sequence *seq = NULL;
	struct accel_io_channel *ch;
	int i;

	g_test.opcodes = BIT(COPY);
	g_test.submit_rc = -EAGAIN;
	open_channel();
	ch = spdk_io_channel_get_ctx(g_accel_ch);
	/* No task is lost, however often. */
	for (i = 0; i < 3000; i++) {
		assert_int_equal(
			spdk_accel_submit_copy(g_accel_ch, g_copy, g_data, 4096, accel_fixture_done_cb, &result),
			-EAGAIN);
	}
	assert_false(result.called);
	append(&seq, &result);
	memset(g_data, 1, 4096);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	assert_int_equal(accel_fixture_wait(&result), -EAGAIN);
	assert_int_equal(result.steps, 2);
	assert_int_equal(g_data[0], 1);
	assert_int_equal(ch->tasks.in_use, 0);
	assert_int_equal(ch->sequences.in_use, 0);
	assert_int_equal(ch->stats.sequence_failed, 1);
	spdk_accel_get_opcode_stats(g_accel_ch, SPDK_ACCEL_OPC_COPY, &stats, sizeof(stats));
	assert_int_equal(stats.failed, 3001);
	assert_int_equal(stats.executed, 0);
	close_channel();
}

static void
a_module_that_calls_back_at_once_or_later(void **state)
{
	struct accel_result result = {};
	struct spdk_accel_sequence *seq = NULL;

	g_test.opcodes = BIT(COPY);
	g_test.inline_callback = true;
	open_channel();
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, g_copy, g_data, 4096, accel_fixture_done_cb, &result), 0);
	assert_true(result.called);
	result = (struct accel_result){};
	append(&seq, &result);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	assert_int_equal(accel_fixture_wait(&result), 0);
	assert_int_equal(result.steps, 2);

	/* Later, and a failure. */
	g_test.inline_callback = false;
	result = (struct accel_result){};
	seq = NULL;
	append(&seq, &result);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	spdk_set_thread(g_accel_threads[0]);
	assert_false(result.called);
	assert_int_equal(result.steps, 0);
	spdk_accel_task_complete(g_test.task, -EIO);
	assert_int_equal(accel_fixture_wait(&result), -EIO);
	assert_int_equal(result.steps, 2);
	close_channel();
}

/* A module that knows domains is given data where they lie. */
static void
a_module_that_knows_domains(void **state)
{
	struct spdk_memory_domain *domain = spdk_memory_domain_get_system_domain(), *domains[1];
	struct accel_result result = {};
	struct spdk_accel_sequence *seq = NULL;

	g_test.opcodes = BIT(COPY);
	g_test.domains = 1;
	open_channel();
	assert_int_equal(spdk_accel_get_opc_memory_domains(SPDK_ACCEL_OPC_COPY, domains, 1), 1);
	assert_int_equal(spdk_accel_get_opc_memory_domains(SPDK_ACCEL_OPC_ENCRYPT, domains, 1), 0);
	assert_int_equal(spdk_accel_get_opc_memory_domains(SPDK_ACCEL_OPC_LAST, domains, 1), -EINVAL);
	assert_int_equal(spdk_accel_append_copy(&seq, g_accel_ch, &g_copy_iov, 1, domain, &g_test, &g_data_iov, 1,
				 domain, &g_data, accel_fixture_step_cb, &result),
		0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	assert_ptr_equal(g_test.task->dst_domain, domain);
	assert_ptr_equal(g_test.task->dst_domain_ctx, &g_test);
	assert_ptr_equal(g_test.task->src_domain_ctx, &g_data);
	spdk_accel_task_complete(g_test.task, 0);
	assert_true(result.called);
	close_channel();
}

/* ---- drivers ---- */

static struct {
	/* Tasks of this opcode it does itself. */
	enum spdk_accel_opcode opcode;
	int rc;
	int status;
	/* Gives the sequence back in a message. */
	bool later;
	uint32_t calls, done;
} g_driver;

static void
continue_cb(void *ctx)
{
	spdk_accel_sequence_continue(ctx);
}

static int
execute_sequence(struct spdk_io_channel *ch, struct spdk_accel_sequence *seq)
{
	struct spdk_accel_task *task;

	g_driver.calls++;
	if (g_driver.rc != 0) {
		return g_driver.rc;
	}
	while ((task = spdk_accel_sequence_first_task(seq)) != NULL && task->op_code == g_driver.opcode) {
		g_driver.done++;
		spdk_accel_task_complete(task, g_driver.status);
		if (g_driver.status != 0) {
			break;
		}
	}
	if (g_driver.later) {
		spdk_thread_send_msg(spdk_get_thread(), continue_cb, seq);
	} else {
		spdk_accel_sequence_continue(seq);
	}
	return 0;
}

static struct spdk_accel_driver g_test_driver = {
	.name = "driver",
	.execute_sequence = execute_sequence,
	.get_io_channel = test_get_io_channel,
};

static int
run_with_driver(uint32_t *steps)
{
	struct accel_result result = {};
	struct spdk_accel_sequence *seq = NULL;
	uint32_t crc;

	memset(g_data, 1, 4096);
	memset(g_copy, 0, 4096);
	assert_int_equal(spdk_accel_append_crc32c(
				 &seq, g_accel_ch, &crc, &g_data_iov, 1, NULL, NULL, 0, accel_fixture_step_cb, &result),
		0);
	append(&seq, &result);
	assert_int_equal(spdk_accel_append_crc32c(
				 &seq, g_accel_ch, &crc, &g_data_iov, 1, NULL, NULL, 0, accel_fixture_step_cb, &result),
		0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	accel_fixture_wait(&result);
	*steps = result.steps;
	return result.status;
}

static void
a_driver_in_front(void **state)
{
	struct accel_io_channel *ch;
	uint32_t steps;
	int later;

	assert_null(spdk_accel_get_driver_name());
	assert_int_equal(spdk_accel_set_driver("driver"), -ENODEV);
	spdk_accel_driver_register(&g_test_driver);
	spdk_accel_driver_register(&g_test_driver);
	assert_int_equal(spdk_accel_set_driver("driver"), 0);
	assert_string_equal(spdk_accel_get_driver_name(), "driver");
	g_test.opcodes = 0;
	g_test.inline_callback = true;
	open_channel();
	ch = spdk_io_channel_get_ctx(g_accel_ch);
	for (later = 0; later < 2; later++) {
		memset(&g_driver, 0, sizeof(g_driver));
		g_driver.later = later;
		g_test.submitted = 0;
		/* It does the checksums, modules what is between them. */
		g_driver.opcode = SPDK_ACCEL_OPC_CRC32C;
		assert_int_equal(run_with_driver(&steps), 0);
		assert_int_equal(steps, 4);
		assert_int_equal(g_driver.done, 2);
		assert_int_equal(g_driver.calls, 3);
		assert_int_equal(g_copy[4095], 1);
		assert_int_equal(g_test.submitted, 1);

		/* A task fails in it: modules get none. */
		g_driver.status = -EIO;
		g_test.submitted = 0;
		assert_int_equal(run_with_driver(&steps), -EIO);
		assert_int_equal(steps, 4);
		assert_int_equal(g_copy[4095], 0);
		assert_int_equal(g_test.submitted, 0);

		/* It refuses. */
		g_driver.rc = -ENOTSUP;
		assert_int_equal(run_with_driver(&steps), -ENOTSUP);
		assert_int_equal(steps, 4);
		assert_int_equal(g_copy[4095], 0);
		assert_int_equal(ch->tasks.in_use, 0);
		assert_int_equal(ch->sequences.in_use, 0);
	}
	close_channel();
	/* Not beyond the end of the framework. */
	assert_null(spdk_accel_get_driver_name());
}

/* ---- threads ---- */

struct thread_user {
	struct spdk_io_channel *ch;
	struct spdk_accel_crypto_key *key;
	struct iovec iov;
	uint8_t data[8192], before[8192];
	uint32_t rounds;
	bool encrypted;
};

static void
go_on_cb(void *cb_arg, int status)
{
	struct thread_user *user = cb_arg;
	int rc;

	assert_int_equal(status, 0);
	user->encrypted = !user->encrypted;
	if (!user->encrypted) {
		assert_memory_equal(user->data, user->before, sizeof(user->data));
		if (--user->rounds == 0) {
			spdk_put_io_channel(user->ch);
			return;
		}
	}
	rc = user->encrypted
		? spdk_accel_submit_decrypt(user->ch, user->key, &user->iov, 1, &user->iov, 1, 3, 512, go_on_cb, user)
		: spdk_accel_submit_encrypt(user->ch, user->key, &user->iov, 1, &user->iov, 1, 3, 512, go_on_cb, user);
	assert_int_equal(rc, 0);
}

static void
begin_cb(void *ctx)
{
	struct thread_user *user = ctx;

	user->ch = spdk_accel_get_io_channel();
	assert_non_null(user->ch);
	/* As if a decryption had ended. */
	user->encrypted = true;
	user->rounds++;
	go_on_cb(user, 0);
}

/* One key on all threads; each has its own state. Channels come and go, and their statistics stay. */
static void
a_key_on_several_threads(void **state)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
		.key_name = (char *)"key",
	};
	static struct thread_user users[ACCEL_FIXTURE_THREADS];
	int i, round;

	assert_int_equal(accel_fixture_start(), 0);
	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ACCEL_FIXTURE_THREADS; i++) {
			users[i] = (struct thread_user){.key = spdk_accel_crypto_key_get("key"), .rounds = 20};
			users[i].iov = (struct iovec){users[i].data, sizeof(users[i].data)};
			accel_fixture_fill(users[i].data, sizeof(users[i].data), i);
			memcpy(users[i].before, users[i].data, sizeof(users[i].data));
			spdk_thread_send_msg(g_accel_threads[i], begin_cb, &users[i]);
		}
		spdk_set_thread(NULL);
		bdk_sim_run_until_idle();
		spdk_set_thread(g_accel_threads[0]);
		for (i = 0; i < ACCEL_FIXTURE_THREADS; i++) {
			assert_int_equal(users[i].rounds, 0);
		}
	}
	assert_int_equal(g_accel.stats.operations[SPDK_ACCEL_OPC_ENCRYPT].executed, 3 * 3 * 20);
	assert_int_equal(spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get("key")), 0);
	accel_fixture_stop();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(priorities_and_assignments),
		TEST(assignments_that_cannot_be),
		TEST(modules_that_are_not_taken),
		TEST(a_module_without_a_device),
		TEST(a_module_that_does_not_start),
		TEST(a_module_that_stops_later),
		TEST(a_module_without_a_channel),
		TEST(options),
		TEST(a_module_that_refuses),
		TEST(a_module_that_calls_back_at_once_or_later),
		TEST(a_module_that_knows_domains),
		TEST(a_driver_in_front),
		TEST(a_key_on_several_threads),
	};

	spdk_accel_module_list_add(&g_high_module);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
