/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Buffers between the steps of a sequence. They are reserved first, and get memory from iobuf when a step needs it. The
 * accel memory domain is where they lie: an address in it is an offset from ACCEL_BUFFER_BASE, and the context of the
 * domain says in which buffer.
 */

#include "lib/accel/accel_internal.h"
#include "spdk/util.h"

#define DOMAIN_ID "SPDK_ACCEL_DMA_DEVICE"

struct accel_buffer *
accel_buffer_get(struct accel_io_channel *ch, uint64_t len)
{
	struct accel_buffer *buffer = accel_pool_get(&ch->buffers);

	if (buffer == NULL) {
		ch->stats.retry.bufdesc++;
		return NULL;
	}
	memset(buffer, 0, sizeof(*buffer));
	buffer->ch = ch;
	buffer->len = len;
	return buffer;
}

static void
drop_memory(struct accel_buffer *buffer)
{
	if (buffer->memory != NULL) {
		spdk_iobuf_put(&buffer->ch->iobuf, buffer->memory, buffer->len);
		buffer->memory = NULL;
	}
}

void
accel_buffer_put(struct accel_buffer *buffer)
{
	if (buffer->cb_fn != NULL) {
		spdk_iobuf_entry_abort(&buffer->ch->iobuf, &buffer->iobuf, buffer->len);
	}
	drop_memory(buffer);
	accel_pool_put(&buffer->ch->buffers, buffer);
}

static void
memory_ready_cb(struct spdk_iobuf_entry *entry, void *memory)
{
	struct accel_buffer *buffer = SPDK_CONTAINEROF(entry, struct accel_buffer, iobuf);
	spdk_accel_sequence_get_buf_cb cb_fn = buffer->cb_fn;

	buffer->cb_fn = NULL;
	buffer->memory = memory;
	cb_fn(buffer->seq, buffer->cb_ctx);
}

bool
accel_buffer_materialize(struct accel_buffer *buffer, struct spdk_accel_sequence *seq,
	spdk_accel_sequence_get_buf_cb cb_fn, void *cb_ctx)
{
	if (buffer->memory != NULL) {
		return true;
	}
	buffer->seq = seq;
	buffer->cb_fn = cb_fn;
	buffer->cb_ctx = cb_ctx;
	buffer->memory = spdk_iobuf_get(&buffer->ch->iobuf, buffer->len, &buffer->iobuf, memory_ready_cb);
	if (buffer->memory == NULL) {
		buffer->ch->stats.retry.iobuf++;
		return false;
	}
	buffer->cb_fn = NULL;
	return true;
}

void *
accel_buffer_resolve(struct accel_buffer *buffer, const void *address, uint64_t len)
{
	uint64_t offset = (uintptr_t)address - (uintptr_t)ACCEL_BUFFER_BASE;

	if (buffer->memory == NULL || offset > buffer->len || len > buffer->len - offset) {
		return NULL;
	}
	return (char *)buffer->memory + offset;
}

int
spdk_accel_get_buf(
	struct spdk_io_channel *ch, uint64_t len, void **buf, struct spdk_memory_domain **domain, void **domain_ctx)
{
	struct spdk_iobuf_opts opts;
	struct accel_buffer *buffer;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (len > opts.large_bufsize) {
		SPDK_ERRLOG("accel: a buffer of %" PRIu64 " bytes is larger than iobuf's large_bufsize %u\n", len,
			opts.large_bufsize);
		return -EINVAL;
	}
	buffer = accel_buffer_get(spdk_io_channel_get_ctx(ch), len);
	if (buffer == NULL) {
		return -ENOMEM;
	}
	*buf = ACCEL_BUFFER_BASE;
	*domain = g_accel.domain;
	*domain_ctx = buffer;
	return 0;
}

void
spdk_accel_put_buf(struct spdk_io_channel *ch, void *buf, struct spdk_memory_domain *domain, void *domain_ctx)
{
	struct accel_buffer *buffer = domain_ctx;

	assert(domain == g_accel.domain && buf == (void *)ACCEL_BUFFER_BASE);
	assert(buffer->ch == spdk_io_channel_get_ctx(ch));
	accel_buffer_put(buffer);
}

bool
spdk_accel_alloc_sequence_buf(struct spdk_accel_sequence *seq, void *buf, struct spdk_memory_domain *domain,
	void *domain_ctx, spdk_accel_sequence_get_buf_cb cb_fn, void *cb_ctx)
{
	return accel_buffer_materialize(domain_ctx, seq, cb_fn, cb_ctx);
}

/* ---- the domain: for those who want to reach such a buffer without a sequence ---- */

struct spdk_memory_domain *
spdk_accel_get_memory_domain(void)
{
	return g_accel.domain;
}

/* Without waiting: who translates has no callback. */
static bool
materialize_now(struct accel_buffer *buffer)
{
	if (buffer->memory == NULL) {
		buffer->memory = spdk_iobuf_get(&buffer->ch->iobuf, buffer->len, NULL, NULL);
	}
	return buffer->memory != NULL;
}

static int
translate_cb(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct spdk_memory_domain *dst_domain,
	struct spdk_memory_domain_translation_ctx *dst_domain_ctx, void *addr, size_t len,
	struct spdk_memory_domain_translation_result *result)
{
	struct accel_buffer *buffer = src_domain_ctx;

	if (dst_domain != spdk_memory_domain_get_system_domain()) {
		SPDK_ERRLOG("accel: buffers are translated to plain memory only\n");
		return -ENOTSUP;
	}
	if (!materialize_now(buffer)) {
		return -ENOMEM;
	}
	result->iov.iov_base = accel_buffer_resolve(buffer, addr, len);
	if (result->iov.iov_base == NULL) {
		return -EINVAL;
	}
	result->iov.iov_len = len;
	result->iov_count = 1;
	result->dst_domain = dst_domain;
	return 0;
}

static void
invalidate_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt)
{
	drop_memory(domain_ctx);
}

/* Turns addresses into memory, one piece after the other, and copies to or from it. */
static int
move(struct accel_buffer *buffer, const struct iovec *iovs, uint32_t iovcnt, struct iovec *plain, uint32_t plaincnt,
	bool to_plain)
{
	struct spdk_ioviter iter;
	size_t len;
	void *address, *memory, *other;

	for (len = spdk_ioviter_first(&iter, (struct iovec *)iovs, iovcnt, plain, plaincnt, &address, &other); len > 0;
		len = spdk_ioviter_next(&iter, &address, &other)) {
		memory = accel_buffer_resolve(buffer, address, len);
		if (memory == NULL) {
			return -EINVAL;
		}
		memcpy(to_plain ? other : memory, to_plain ? memory : other, len);
	}
	return 0;
}

static int
pull_cb(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov, uint32_t src_iovcnt,
	struct iovec *dst_iov, uint32_t dst_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	int rc = move(src_domain_ctx, src_iov, src_iovcnt, dst_iov, dst_iovcnt, true);

	if (rc == 0) {
		cpl_cb(cpl_cb_arg, 0);
	}
	return rc;
}

static int
push_cb(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov, uint32_t dst_iovcnt,
	struct iovec *src_iov, uint32_t src_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	int rc;

	if (!materialize_now(dst_domain_ctx)) {
		return -ENOMEM;
	}
	rc = move(dst_domain_ctx, dst_iov, dst_iovcnt, src_iov, src_iovcnt, false);
	if (rc == 0) {
		cpl_cb(cpl_cb_arg, 0);
	}
	return rc;
}

int
accel_domain_create(void)
{
	int rc;

	rc = spdk_memory_domain_create(&g_accel.domain, SPDK_DMA_DEVICE_TYPE_ACCEL, NULL, DOMAIN_ID);
	if (rc != 0) {
		return rc;
	}
	spdk_memory_domain_set_translation(g_accel.domain, translate_cb);
	spdk_memory_domain_set_invalidate(g_accel.domain, invalidate_cb);
	spdk_memory_domain_set_pull(g_accel.domain, pull_cb);
	spdk_memory_domain_set_push(g_accel.domain, push_cb);
	return 0;
}

void
accel_domain_destroy(void)
{
	spdk_memory_domain_destroy(g_accel.domain);
	g_accel.domain = NULL;
}
