/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Steps on memory that the CPU must not touch: what they read is pulled, what they write is pushed, nothing else is; and
 * buffers that are only reserved.
 */

#include "accel_steps.h"
#include "lib/accel/accel_internal.h"
#include "test/unit/dma/guarded_domain.h"
#include "spdk/util.h"

#define PAGE 8192

static struct guarded_domain g_from, g_to;
static uint8_t g_source[PAGE], g_destination[PAGE], g_local[PAGE];
static struct accel_result g_result;

static int
setup(void **state)
{
	steps_setup(state);
	guarded_domain_create(&g_from, PAGE, "from");
	guarded_domain_create(&g_to, PAGE, "to");
	g_result = (struct accel_result){};
	return 0;
}

static int
teardown(void **state)
{
	guarded_domain_destroy(&g_from);
	guarded_domain_destroy(&g_to);
	return steps_teardown(state);
}

static struct step_place
foreign(struct guarded_domain *guarded, struct iovec *iovs, size_t offset, size_t len)
{
	guarded->expected_ctx = guarded;
	iovs[0] = guarded_domain_iov(guarded, offset, len / 3);
	iovs[1] = guarded_domain_iov(guarded, offset + len / 3, len - len / 3);
	return (struct step_place){.iovs = iovs, .iovcnt = 2, .domain = guarded->domain, .domain_ctx = guarded};
}

static void
clear_counts(void)
{
	memset(g_from.calls, 0, sizeof(g_from.calls));
	memset(g_from.bytes, 0, sizeof(g_from.bytes));
	memset(g_to.calls, 0, sizeof(g_to.calls));
	memset(g_to.bytes, 0, sizeof(g_to.bytes));
	g_result = (struct accel_result){};
}

static bool
is_any(enum spdk_accel_opcode opcode, enum spdk_accel_opcode one, enum spdk_accel_opcode other)
{
	return opcode == one || opcode == other;
}

/* What has to be moved for an operation whose source, or destination, is foreign. */
static void
check_moved(enum spdk_accel_opcode opcode, bool source_foreign, bool destination_foreign)
{
	bool has_source = step_source_len(opcode) > 0, has_destination = step_destination_len(opcode) > 0;
	bool in_place = opcode == SPDK_ACCEL_OPC_DIF_GENERATE;
	bool only_reads = opcode == SPDK_ACCEL_OPC_DIX_VERIFY;

	assert_int_equal(g_from.calls[GUARDED_PULL], source_foreign && has_source ? 1 : 0);
	assert_int_equal(g_from.bytes[GUARDED_PULL], source_foreign ? step_source_len(opcode) : 0);
	assert_int_equal(g_from.calls[GUARDED_PUSH], source_foreign && in_place ? 1 : 0);
	assert_int_equal(g_to.calls[GUARDED_PUSH], destination_foreign && has_destination && !only_reads ? 1 : 0);
	if (only_reads && destination_foreign) {
		assert_int_equal(g_to.bytes[GUARDED_PULL], step_destination_len(opcode));
	}
	if (is_any(opcode, SPDK_ACCEL_OPC_COPY, SPDK_ACCEL_OPC_FILL) ||
		is_any(opcode, SPDK_ACCEL_OPC_ENCRYPT, SPDK_ACCEL_OPC_DECRYPT)) {
		/* They write all of it: what was there is not asked for. */
		assert_int_equal(g_to.calls[GUARDED_PULL], 0);
	}
}

static void
run_foreign(enum spdk_accel_opcode opcode, bool source_foreign, bool destination_foreign, bool deferred)
{
	size_t source_len = step_source_len(opcode), destination_len = step_destination_len(opcode);
	uint8_t wanted_source[PAGE] = {}, wanted_destination[PAGE] = {};
	uint8_t *source = source_foreign ? g_from.window + 100 : g_source;
	uint8_t *destination = destination_foreign ? g_to.window + 200 : g_destination;
	struct iovec src_iovs[2] = {{source, source_len}}, dst_iovs[2] = {{destination, destination_len}};
	struct step_place src = {.iovs = src_iovs, .iovcnt = 1}, dst = {.iovs = dst_iovs, .iovcnt = 1};
	struct spdk_accel_sequence *seq = NULL;
	uint32_t crc;

	step_prepare(opcode, wanted_source, wanted_destination);
	memcpy(source, wanted_source, source_len);
	memcpy(destination, wanted_destination, destination_len);
	step_expect(opcode, wanted_source, wanted_destination);
	crc = g_step_crc;
	g_step_crc = 0;
	if (source_foreign && source_len > 0) {
		src = foreign(&g_from, src_iovs, 100, source_len);
	}
	if (destination_foreign && destination_len > 0) {
		dst = foreign(&g_to, dst_iovs, 200, destination_len);
		if (is_any(opcode, SPDK_ACCEL_OPC_FILL, SPDK_ACCEL_OPC_DIX_GENERATE) ||
			opcode == SPDK_ACCEL_OPC_DIX_VERIFY) {
			/* One iovec is all that they take. */
			dst_iovs[0].iov_len = destination_len;
			dst.iovcnt = 1;
		}
	}
	clear_counts();
	g_from.deferred = g_to.deferred = deferred;
	assert_int_equal(step_append(&seq, opcode, &dst, &src, &g_result), 0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &g_result);
	while (deferred && !g_result.called) {
		bool moved = guarded_domain_complete(&g_from) || guarded_domain_complete(&g_to);

		spdk_set_thread(NULL);
		assert_true(bdk_sim_run_until_idle() > 0 || moved);
		spdk_set_thread(g_accel_threads[0]);
	}
	assert_int_equal(accel_fixture_wait(&g_result), 0);
	assert_int_equal(g_result.steps, 1);
	assert_memory_equal(source, wanted_source, source_len);
	assert_memory_equal(destination, wanted_destination, destination_len);
	assert_true(opcode != SPDK_ACCEL_OPC_CRC32C || crc == g_step_crc);
	check_moved(opcode, source_foreign, destination_foreign);
	g_from.deferred = g_to.deferred = false;
}

static void
every_step_on_foreign_memory(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	size_t i;
	int how;

	for (i = 0; i < g_step_count; i++) {
		for (how = 0; how < 8; how++) {
			run_foreign(g_step_opcodes[i], how & 1, how & 2, how & 4);
		}
	}
	assert_int_equal(ch->buffers.in_use, 0);
}

/* A copy out of one domain into a step on another: the step has the source's domain then. */
static void
elision_takes_domains_along(void **state)
{
	struct iovec from_iovs[2], to_iovs[2], local = {g_local, STEP_DATA}, other = {g_destination, STEP_DATA};
	struct step_place from, to, between = {.iovs = &local, .iovcnt = 1},
				    between_too = {.iovs = &other, .iovcnt = 1};
	struct spdk_accel_sequence *seq = NULL;
	uint8_t wanted[PAGE] = {}, source[PAGE];

	step_prepare(SPDK_ACCEL_OPC_ENCRYPT, source, wanted);
	memcpy(g_from.window, source, STEP_DATA);
	step_expect(SPDK_ACCEL_OPC_ENCRYPT, source, wanted);
	from = foreign(&g_from, from_iovs, 0, STEP_DATA);
	to = foreign(&g_to, to_iovs, 0, STEP_DATA);
	clear_counts();
	memset(g_local, 0x55, STEP_DATA);
	memset(g_destination, 0x55, STEP_DATA);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &between, &from, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_ENCRYPT, &between_too, &between, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &to, &between_too, &g_result), 0);
	assert_int_equal(step_finish(seq, &g_result), 0);
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY), 0);
	assert_memory_equal(g_to.window, wanted, STEP_DATA);
	assert_int_equal(g_local[0], 0x55);
	assert_int_equal(g_from.bytes[GUARDED_PULL], STEP_DATA);
	assert_int_equal(g_to.bytes[GUARDED_PUSH], STEP_DATA);
}

/* Same addresses in another domain, or with another context, are another place. */
static void
other_domains_are_other_places(void **state)
{
	struct iovec same = {g_local, STEP_DATA}, src = {g_source, STEP_DATA}, dst = {g_destination, STEP_DATA};
	struct step_place first = {.iovs = &same, .iovcnt = 1}, second = first, source = {.iovs = &src, .iovcnt = 1},
			  destination = {.iovs = &dst, .iovcnt = 1};
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_memory_domain *domain;
	void *buf[2], *ctx[2];
	int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(spdk_accel_get_buf(g_accel_ch, STEP_DATA, &buf[i], &domain, &ctx[i]), 0);
		assert_ptr_equal(domain, spdk_accel_get_memory_domain());
	}
	assert_ptr_equal(buf[0], buf[1]);
	same.iov_base = buf[0];
	first.domain = second.domain = domain;
	first.domain_ctx = ctx[0];
	second.domain_ctx = ctx[1];
	memset(g_source, 0x11, STEP_DATA);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_FILL, &second, NULL, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &first, &source, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &destination, &second, &g_result), 0);
	assert_int_equal(step_finish(seq, &g_result), 0);
	assert_int_equal(g_destination[0], 0xa5);
	assert_int_equal(g_destination[STEP_DATA - 1], 0xa5);
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY), 2);
	spdk_accel_put_buf(g_accel_ch, buf[0], domain, ctx[0]);
	spdk_accel_put_buf(g_accel_ch, buf[1], domain, ctx[1]);
}

static void
moves_that_fail(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct iovec from_iovs[2], to_iovs[2], after = {g_local, STEP_DATA};
	struct step_place from, to, later = {.iovs = &after, .iovcnt = 1};
	struct spdk_accel_sequence *seq;
	int how;

	for (how = 0; how < 4; how++) {
		enum guarded_call call = how % 2 == 0 ? GUARDED_PULL : GUARDED_PUSH;
		struct guarded_domain *guarded = call == GUARDED_PULL ? &g_from : &g_to;

		clear_counts();
		memset(g_local, 0, STEP_DATA);
		memset(g_to.window, 0x55, PAGE);
		from = foreign(&g_from, from_iovs, 0, STEP_DATA);
		to = foreign(&g_to, to_iovs, 0, STEP_DATA);
		if (how < 2) {
			guarded->refuse[call] = 1;
			guarded->refuse_rc = -ENOTSUP;
		} else {
			guarded->fail[call] = 1;
			guarded->fail_rc = -EIO;
		}
		seq = NULL;
		assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_ENCRYPT, &to, &from, &g_result), 0);
		assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_FILL, &later, NULL, &g_result), 0);
		assert_int_equal(step_finish(seq, &g_result), how < 2 ? -ENOTSUP : -EIO);
		assert_int_equal(g_result.steps, 2);
		assert_int_equal(g_local[0], 0);
		assert_int_equal(g_to.window[0], 0x55);
		assert_int_equal(ch->buffers.in_use, 0);
		assert_int_equal(ch->tasks.in_use, 0);
		assert_int_equal(ch->sequences.in_use, 0);
	}
}

/* ---- buffers ---- */

static void
too_much_of_a_buffer(void **state)
{
	static const struct {
		size_t offset;
		size_t len;
		uint32_t iovcnt;
	} bad[] = {{0, STEP_DATA + 1, 1}, {1, STEP_DATA, 1}, {STEP_DATA, 1, 1}, {SIZE_MAX, 1, 1}, {0, 1024, 2}};
	struct spdk_memory_domain *domain;
	struct iovec iovs[2], out = {g_local, STEP_DATA};
	struct step_place place = {.iovs = iovs}, to = {.iovs = &out, .iovcnt = 1};
	struct spdk_accel_sequence *seq;
	void *buf, *ctx;
	size_t i;

	assert_int_equal(spdk_accel_get_buf(g_accel_ch, STEP_DATA, &buf, &domain, &ctx), 0);
	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		iovs[0] = iovs[1] = (struct iovec){(char *)buf + bad[i].offset, bad[i].len};
		place.iovcnt = bad[i].iovcnt;
		place.domain = domain;
		place.domain_ctx = ctx;
		clear_counts();
		seq = NULL;
		assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &to, &place, &g_result), 0);
		assert_int_equal(step_finish(seq, &g_result), -EINVAL);
		clear_counts();
		seq = NULL;
		assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &place, &to, &g_result), 0);
		assert_int_equal(step_finish(seq, &g_result), -EINVAL);
	}
	spdk_accel_put_buf(g_accel_ch, buf, domain, ctx);
}

static void
buffers_that_are_too_large(void **state)
{
	struct spdk_memory_domain *domain;
	struct spdk_iobuf_opts opts;
	void *buf, *ctx;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	assert_int_equal(
		spdk_accel_get_buf(g_accel_ch, (uint64_t)opts.large_bufsize + 1, &buf, &domain, &ctx), -EINVAL);
	assert_int_equal(spdk_accel_get_buf(g_accel_ch, opts.large_bufsize, &buf, &domain, &ctx), 0);
	spdk_accel_put_buf(g_accel_ch, buf, domain, ctx);
}

/* All memory is taken: the sequence waits, and goes on when some comes back. */
static void
memory_runs_out(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct spdk_iobuf_opts opts;
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_memory_domain *domain;
	struct iovec iov = {NULL, STEP_DATA}, out = {g_local, STEP_DATA};
	struct step_place place = {.iovs = &iov, .iovcnt = 1}, to = {.iovs = &out, .iovcnt = 1};
	void *buf, *ctx, **held;
	uint32_t count = 0, i;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	held = calloc(opts.small_pool_count + 1, sizeof(*held));
	while ((held[count] = spdk_iobuf_get(&ch->iobuf, STEP_DATA, NULL, NULL)) != NULL) {
		count++;
		assert_true(count <= opts.small_pool_count);
	}
	assert_int_equal(spdk_accel_get_buf(g_accel_ch, STEP_DATA, &buf, &domain, &ctx), 0);
	iov.iov_base = buf;
	place.domain = domain;
	place.domain_ctx = ctx;
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_FILL, &place, NULL, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_CRC32C, NULL, &place, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &to, &place, &g_result), 0);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_CRC32C, NULL, &place, &g_result), 0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &g_result);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	spdk_set_thread(g_accel_threads[0]);
	assert_false(g_result.called);
	assert_int_equal(ch->stats.retry.iobuf, 1);
	spdk_iobuf_put(&ch->iobuf, held[0], STEP_DATA);
	assert_int_equal(accel_fixture_wait(&g_result), 0);
	assert_int_equal(g_result.steps, 4);
	assert_int_equal(g_local[STEP_DATA - 1], 0xa5);
	spdk_accel_put_buf(g_accel_ch, buf, domain, ctx);
	for (i = 1; i < count; i++) {
		spdk_iobuf_put(&ch->iobuf, held[i], STEP_DATA);
	}
	free(held);
}

/* A bounce needs a descriptor, too. */
static void
descriptors_run_out(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct iovec from_iovs[2], out = {g_local, STEP_DATA};
	struct step_place from = foreign(&g_from, from_iovs, 0, STEP_DATA), to = {.iovs = &out, .iovcnt = 1};
	uint32_t count = g_accel.opts.buf_count, i;
	struct spdk_memory_domain *domain;
	struct spdk_accel_sequence *seq = NULL;
	void **ctx = calloc(count + 1, sizeof(*ctx)), *buf;

	for (i = 0; i < count; i++) {
		assert_int_equal(spdk_accel_get_buf(g_accel_ch, 10, &buf, &domain, &ctx[i]), 0);
	}
	assert_int_equal(spdk_accel_get_buf(g_accel_ch, 10, &buf, &domain, &ctx[i]), -ENOMEM);
	assert_int_equal(ch->stats.retry.bufdesc, 1);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &to, &from, &g_result), 0);
	assert_int_equal(step_finish(seq, &g_result), -ENOMEM);
	assert_int_equal(ch->stats.retry.bufdesc, 2);
	for (i = 0; i < count; i++) {
		spdk_accel_put_buf(g_accel_ch, buf, domain, ctx[i]);
	}
	free(ctx);
}

/* Those who have no sequence reach a buffer through its domain. */
static void
a_buffer_through_its_domain(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct spdk_memory_domain_translation_result result = {.size = sizeof(result)};
	struct spdk_memory_domain *domain;
	void *buf, *ctx;

	assert_int_equal(spdk_accel_get_buf(g_accel_ch, STEP_DATA, &buf, &domain, &ctx), 0);
	assert_int_equal(spdk_memory_domain_get_dma_device_type(domain), SPDK_DMA_DEVICE_TYPE_ACCEL);
	assert_string_equal(spdk_memory_domain_get_dma_device_id(domain), "SPDK_ACCEL_DMA_DEVICE");
	assert_int_equal(spdk_memory_domain_translate_data(
				 domain, ctx, spdk_memory_domain_get_system_domain(), NULL, buf, STEP_DATA, &result),
		0);
	assert_int_equal(result.iov_count, 1);
	assert_int_equal(result.iov.iov_len, STEP_DATA);
	memset(result.iov.iov_base, 0x77, STEP_DATA);
	assert_int_equal(spdk_memory_domain_translate_data(domain, ctx, spdk_memory_domain_get_system_domain(), NULL,
				 buf, STEP_DATA + 1, &result),
		-EINVAL);
	assert_int_equal(
		spdk_memory_domain_translate_data(domain, ctx, g_from.domain, NULL, buf, STEP_DATA, &result), -ENOTSUP);
	spdk_memory_domain_invalidate_data(domain, ctx, &result.iov, 1);
	spdk_accel_put_buf(g_accel_ch, buf, domain, ctx);
	assert_int_equal(ch->buffers.in_use, 0);
}

/* Aborted while it could wait for memory: nothing is left behind. */
static void
sequences_run_out(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct spdk_accel_sequence *seqs[300] = {}, *none = NULL;
	struct iovec out = {g_local, STEP_DATA};
	struct step_place to = {.iovs = &out, .iovcnt = 1};
	uint32_t sequences = g_accel.opts.sequence_count, tasks = g_accel.opts.task_count, i;

	assert_int_equal(sequences, 2048);
	/* Tasks: the last of them are not for a new sequence, but for those that have begun. */
	for (i = 0; i < tasks - ACCEL_TASKS_IN_SEQUENCE + 1; i++) {
		assert_int_equal(step_append(&seqs[i % 300], SPDK_ACCEL_OPC_FILL, &to, NULL, &g_result), 0);
	}
	assert_int_equal(step_append(&none, SPDK_ACCEL_OPC_FILL, &to, NULL, &g_result), -ENOMEM);
	assert_null(none);
	assert_int_equal(ch->stats.retry.sequence, 0);
	for (i = 0; i < ACCEL_TASKS_IN_SEQUENCE - 1; i++) {
		assert_int_equal(step_append(&seqs[0], SPDK_ACCEL_OPC_FILL, &to, NULL, &g_result), 0);
	}
	none = seqs[0];
	assert_int_equal(step_append(&seqs[0], SPDK_ACCEL_OPC_FILL, &to, NULL, &g_result), -ENOMEM);
	assert_ptr_equal(seqs[0], none);
	assert_int_equal(ch->stats.retry.task, 1);
	for (i = 0; i < 300; i++) {
		spdk_accel_sequence_abort(seqs[i]);
	}
	assert_int_equal(g_result.steps, tasks);
	assert_int_equal(ch->tasks.in_use, 0);
	assert_int_equal(ch->sequences.in_use, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_step_on_foreign_memory),
		TEST(elision_takes_domains_along),
		TEST(other_domains_are_other_places),
		TEST(moves_that_fail),
		TEST(too_much_of_a_buffer),
		TEST(buffers_that_are_too_large),
		TEST(memory_runs_out),
		TEST(descriptors_run_out),
		TEST(a_buffer_through_its_domain),
		TEST(sequences_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
