/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data that are not in plain memory, and accel sequences that come with I/O. The memory domain here is one whose memory
 * nobody may touch by the pointers that name it: who does so ends the process. Its owner reaches it by a second mapping,
 * and carries out what he is asked for at once or by a message.
 */

#include "app/bdevkit/check/check.h"

#include "spdk/accel.h"
#include "spdk/dma.h"

#include <sys/mman.h>

#define MAX_BYTES (256U << 10)
#define ROUNDS 12

static struct {
	struct spdk_memory_domain *domain;
	/* What others are given, and where the owner reaches it. */
	uint8_t *closed;
	uint8_t *window;
	uint64_t bytes_pulled;
	uint64_t bytes_pushed;
	bool wrong_context;
} g_far;

/* What the domain is asked for. */
struct transfer {
	bool busy;
	bool push;
	struct iovec *far;
	uint32_t far_count;
	struct iovec *near;
	uint32_t near_count;
	spdk_memory_domain_data_cpl_cb cb_fn;
	void *cb_arg;
};

static void
move(const struct transfer *transfer)
{
	struct spdk_iov_xfer near;

	spdk_iov_xfer_init(&near, transfer->near, (int)transfer->near_count);
	for (uint32_t i = 0; i < transfer->far_count; i++) {
		uint8_t *far = g_far.window + ((uint8_t *)transfer->far[i].iov_base - g_far.closed);

		if (transfer->push) {
			g_far.bytes_pushed += spdk_iov_xfer_to_buf(&near, far, transfer->far[i].iov_len);
		} else {
			g_far.bytes_pulled += spdk_iov_xfer_from_buf(&near, far, transfer->far[i].iov_len);
		}
	}
}

static void
later_cb(void *ctx)
{
	struct transfer *kept = ctx, transfer = *kept;

	kept->busy = false;
	move(&transfer);
	transfer.cb_fn(transfer.cb_arg, 0);
}

static int
accept_transfer(void *domain_ctx, const struct transfer *transfer)
{
	/* One I/O moves its data and its metadata one after the other. */
	static struct transfer kept;

	if (domain_ctx != &g_far) {
		g_far.wrong_context = true;
	}
	if (kept.busy || session_random(2) == 0) {
		move(transfer);
		transfer->cb_fn(transfer->cb_arg, 0);
		return 0;
	}
	kept = *transfer;
	kept.busy = true;
	return spdk_thread_send_msg(spdk_get_thread(), later_cb, &kept);
}

static int
pull_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *far, uint32_t far_count, struct iovec *near,
	uint32_t near_count, spdk_memory_domain_data_cpl_cb cb_fn, void *cb_arg)
{
	const struct transfer transfer = {true, false, far, far_count, near, near_count, cb_fn, cb_arg};

	return accept_transfer(domain_ctx, &transfer);
}

static int
push_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *far, uint32_t far_count, struct iovec *near,
	uint32_t near_count, spdk_memory_domain_data_cpl_cb cb_fn, void *cb_arg)
{
	const struct transfer transfer = {true, true, far, far_count, near, near_count, cb_fn, cb_arg};

	return accept_transfer(domain_ctx, &transfer);
}

static int
open_domain(void)
{
	int fd = memfd_create("bdevkit_check", MFD_CLOEXEC);

	memset(&g_far, 0, sizeof(g_far));
	if (fd < 0 || ftruncate(fd, MAX_BYTES) != 0) {
		return -errno;
	}
	g_far.closed = mmap(NULL, MAX_BYTES, PROT_NONE, MAP_SHARED, fd, 0);
	g_far.window = mmap(NULL, MAX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (g_far.closed == MAP_FAILED || g_far.window == MAP_FAILED) {
		return -ENOMEM;
	}
	check_fence_add(g_far.closed, MAX_BYTES);
	if (spdk_memory_domain_create(
		    &g_far.domain, SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_START, NULL, "bdevkit_check") != 0) {
		return -ENOMEM;
	}
	spdk_memory_domain_set_pull(g_far.domain, pull_cb);
	spdk_memory_domain_set_push(g_far.domain, push_cb);
	return 0;
}

static void
close_domain(void)
{
	spdk_memory_domain_destroy(g_far.domain);
	check_fence_remove(g_far.closed);
	munmap(g_far.closed, MAX_BYTES);
	munmap(g_far.window, MAX_BYTES);
}

/* The same bytes as those of near, by the names that others know them by; near is then the window. */
static void
name_far(struct check *check, const struct check_data *near, struct check_data *far, bool copy)
{
	size_t offset = 0;

	*far = *near;
	for (int i = 0; i < near->iovcnt; i++) {
		/* There are gaps, so that what is one piece stays one. */
		if (copy) {
			memcpy(g_far.window + offset, near->iovs[i].iov_base, near->iovs[i].iov_len);
		} else {
			memcpy(near->iovs[i].iov_base, g_far.window + offset, near->iovs[i].iov_len);
		}
		far->iovs[i].iov_base = g_far.closed + offset;
		offset += near->iovs[i].iov_len + 8;
	}
	if (near->md != NULL) {
		size_t length = near->blocks * check->separate_md_size;

		if (copy) {
			memcpy(g_far.window + offset, near->md, length);
		} else {
			memcpy(near->md, g_far.window + offset, length);
		}
		far->md = g_far.closed + offset;
	}
}

static void
exchange_far(struct check *check, uint64_t offset, uint64_t blocks, bool cut)
{
	struct check_rule *rule = check_rule(check, RULE_FAR_DATA);
	struct check_rule *moved = check_rule(check, RULE_FAR_MOVED);
	uint64_t length = blocks * check->block_size;
	struct check_data near, far;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &far,
		.domain = g_far.domain,
		.domain_ctx = &g_far};

	if (!check_data_alloc(check, &near, blocks, cut)) {
		abort();
	}
	check_data_fill(check, &near, offset, ++check->last_generation);
	name_far(check, &near, &far, true);
	g_far.bytes_pulled = g_far.bytes_pushed = 0;
	if (check_io_succeeds(rule, &io)) {
		check_know(check, offset, blocks, check->last_generation);
		check_holds(check, rule, offset, blocks);
		check_expect(check, moved, g_far.bytes_pulled >= length && g_far.bytes_pushed == 0, &io,
			"%" PRIu64 " bytes were pulled and %" PRIu64 " pushed", g_far.bytes_pulled, g_far.bytes_pushed);
		memset(g_far.window, 0, MAX_BYTES);
		g_far.bytes_pulled = 0;
		io.type = SPDK_BDEV_IO_TYPE_READ;
		io.channel = (unsigned int)session_random(SESSION_NUM_THREADS);
		check_io_succeeds(rule, &io);
		check_expect(check, moved, g_far.bytes_pushed >= length, &io, "%" PRIu64 " bytes were pushed",
			g_far.bytes_pushed);
		name_far(check, &near, &far, false);
		check_expect(check, rule, check_data_find_wrong(check, &near, offset) == UINT64_MAX, &io,
			"it is not what was written there just before");
	} else {
		check_know(check, offset, blocks, CHECK_UNKNOWN);
	}
	check_expect(check, moved, !g_far.wrong_context, &io, "the domain was asked with another context");
	check_data_free(&near);
}

static void
check_far(struct check *check)
{
	uint64_t unit = check_unit(check);
	uint64_t most = SPDK_BDEV_LARGE_BUF_MAX_SIZE / 2 / check->block_size / unit;

	if (most == 0 || open_domain() != 0) {
		check_skip(check_rule(check, RULE_FAR_DATA), "there is no memory for it");
		check_skip(check_rule(check, RULE_FAR_MOVED), "there is no memory for it");
		return;
	}
	most = spdk_min(most, check->area / unit);
	for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
		uint64_t blocks = (1 + session_random(most)) * unit;

		exchange_far(check, session_random((check->area - blocks) / unit + 1) * unit, blocks, i % 2 == 0);
	}
	close_domain();
}

/* ---- sequences ---- */

/* Appends a copy, as the first or the last step of what is done to the data. */
static bool
append_copy(struct spdk_accel_sequence **sequence, unsigned int channel, struct check_data *to, struct check_data *from)
{
	struct spdk_io_channel *ch;
	int rc = -ENOMEM;

	session_enter(session_thread(channel));
	ch = spdk_accel_get_io_channel();
	if (ch != NULL) {
		rc = spdk_accel_append_copy(sequence, ch, to->iovs, (uint32_t)to->iovcnt, NULL, NULL, from->iovs,
			(uint32_t)from->iovcnt, NULL, NULL, NULL, NULL);
		/* The sequence keeps it. */
		spdk_put_io_channel(ch);
	}
	session_enter(NULL);
	return rc == 0;
}

static void
exchange_by_sequence(struct check *check, uint64_t offset, uint64_t blocks)
{
	struct check_rule *rule = check_rule(check, RULE_SEQUENCE);
	struct check_data between, far_end;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &between};

	if (!check_data_alloc(check, &between, blocks, false) || !check_data_alloc(check, &far_end, blocks, true)) {
		abort();
	}
	/* The data to write are those that the sequence puts into the buffer. */
	check_data_fill(check, &between, offset, ++check->last_generation);
	check_data_fill(check, &far_end, offset, check->last_generation);
	memset(between.iovs[0].iov_base, 0xee, between.iovs[0].iov_len);
	if (!append_copy(&io.sequence, io.channel, &between, &far_end)) {
		abort();
	}
	if (check_io_succeeds(rule, &io)) {
		check_know(check, offset, blocks, check->last_generation);
		check_holds(check, rule, offset, blocks);
		for (int i = 0; i < far_end.iovcnt; i++) {
			memset(far_end.iovs[i].iov_base, 0xee, far_end.iovs[i].iov_len);
		}
		io.type = SPDK_BDEV_IO_TYPE_READ;
		io.channel = (unsigned int)session_random(SESSION_NUM_THREADS);
		io.sequence = NULL;
		if (!append_copy(&io.sequence, io.channel, &far_end, &between)) {
			abort();
		}
		check_io_succeeds(rule, &io);
		check_expect(check, rule, check_data_find_wrong(check, &far_end, offset) == UINT64_MAX, &io,
			"its sequence does not end with what was written there");
	} else {
		check_know(check, offset, blocks, CHECK_UNKNOWN);
	}
	check_data_free(&between);
	check_data_free(&far_end);
}

void
check_domains(struct check *check)
{
	uint64_t unit = check_unit(check);
	uint64_t most = spdk_min(SPDK_BDEV_LARGE_BUF_MAX_SIZE / 2 / check->block_size, check->area) / unit;

	check_far(check);
	if (most == 0 || check->separate_md_size > 0) {
		check_skip(check_rule(check, RULE_SEQUENCE),
			most == 0 ? "its blocks are too large" : "no I/O has metadata of its own and a sequence");
		return;
	}
	for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
		uint64_t blocks = (1 + session_random(most)) * unit;

		exchange_by_sequence(check, session_random((check->area - blocks) / unit + 1) * unit, blocks);
	}
}
