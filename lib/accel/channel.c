/* SPDX-License-Identifier: BSD-3-Clause */

/* Channels: what one thread needs for its operations. */

#include "lib/accel/accel_internal.h"
#include "bdevkit/thread.h"

static bool
pool_init(struct accel_pool *pool, uint32_t count, size_t size)
{
	/* Large, so that it comes from the system as zero pages, which cost nothing until they are used. */
	pool->size = SPDK_ALIGN_CEIL(size, 64);
	pool->count = count;
	SLIST_INIT(&pool->free);
	pool->memory = calloc(count, pool->size);
	return pool->memory != NULL;
}

void
accel_stats_add(struct accel_stats *total, const struct accel_stats *add)
{
	enum spdk_accel_opcode opcode;

	total->sequence_executed += add->sequence_executed;
	total->sequence_failed += add->sequence_failed;
	total->retry.task += add->retry.task;
	total->retry.sequence += add->retry.sequence;
	total->retry.iobuf += add->retry.iobuf;
	total->retry.bufdesc += add->retry.bufdesc;
	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		total->operations[opcode].executed += add->operations[opcode].executed;
		total->operations[opcode].failed += add->operations[opcode].failed;
		total->operations[opcode].num_bytes += add->operations[opcode].num_bytes;
	}
}

static bool
alloc_pools(struct accel_io_channel *ch)
{
	const struct spdk_accel_opts *opts = &g_accel.opts;
	/* What a task needs besides, in case that it does, lies behind it. */
	size_t task_size = SPDK_ALIGN_CEIL(g_accel.task_size, 64) + sizeof(struct spdk_accel_task_aux_data);

	ch->key_uses = calloc(ACCEL_KEY_SLOTS, sizeof(*ch->key_uses));
	return ch->key_uses != NULL && pool_init(&ch->tasks, opts->task_count, task_size) &&
		pool_init(&ch->sequences, opts->sequence_count, sizeof(struct spdk_accel_sequence)) &&
		pool_init(&ch->buffers, opts->buf_count, sizeof(struct accel_buffer));
}

static void
free_pools(struct accel_io_channel *ch)
{
	free(ch->key_uses);
	free(ch->tasks.memory);
	free(ch->sequences.memory);
	free(ch->buffers.memory);
}

static int
get_module_channels(struct accel_io_channel *ch)
{
	enum spdk_accel_opcode opcode;

	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		struct spdk_accel_module_if *module = g_accel.assignments[opcode].module;

		if (module == NULL) {
			SPDK_ERRLOG("accel: nobody does %s\n", spdk_accel_get_opcode_name(opcode));
			return -ENOMEM;
		}
		ch->module_ch[opcode] = module->get_io_channel();
		if (ch->module_ch[opcode] == NULL) {
			SPDK_ERRLOG("accel module %s gave no channel\n", module->name);
			return -ENOMEM;
		}
	}
	if (g_accel.driver != NULL) {
		ch->driver_ch = g_accel.driver->get_io_channel();
		if (ch->driver_ch == NULL) {
			SPDK_ERRLOG("accel driver %s gave no channel\n", g_accel.driver->name);
			return -ENOMEM;
		}
	}
	return 0;
}

static void
put_module_channels(struct accel_io_channel *ch)
{
	enum spdk_accel_opcode opcode;

	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		if (ch->module_ch[opcode] != NULL) {
			spdk_put_io_channel(ch->module_ch[opcode]);
		}
	}
	if (ch->driver_ch != NULL) {
		spdk_put_io_channel(ch->driver_ch);
	}
}

int
accel_channel_create(void *io_device, void *ctx_buf)
{
	uint32_t small = g_accel.opts.small_cache_size, large = g_accel.opts.large_cache_size;
	struct accel_io_channel *ch = ctx_buf;

	memset(ch, 0, sizeof(*ch));
	if (!alloc_pools(ch)) {
		SPDK_ERRLOG("accel: no memory for a channel with %u tasks, %u sequences and %u buffers\n",
			g_accel.opts.task_count, g_accel.opts.sequence_count, g_accel.opts.buf_count);
		free_pools(ch);
		return -ENOMEM;
	}
	if (get_module_channels(ch) != 0) {
		put_module_channels(ch);
		free_pools(ch);
		return -ENOMEM;
	}
	bdk_iobuf_fit_caches(&small, &large);
	if (spdk_iobuf_channel_init(&ch->iobuf, "accel", small, large) != 0) {
		SPDK_ERRLOG(
			"accel: iobuf has not the %u small and %u large buffers that a channel keeps\n", small, large);
		put_module_channels(ch);
		free_pools(ch);
		return -ENOMEM;
	}
	env_mutex_lock(&g_accel.lock);
	TAILQ_INSERT_TAIL(&g_accel.channels, ch, link);
	env_mutex_unlock(&g_accel.lock);
	return 0;
}

void
accel_channel_destroy(void *io_device, void *ctx_buf)
{
	struct accel_io_channel *ch = ctx_buf;

	if (ch->tasks.in_use > 0 || ch->sequences.in_use > 0 || ch->buffers.in_use > 0) {
		SPDK_ERRLOG("accel: a channel was put with %u tasks, %u sequences and %u buffers in use\n",
			ch->tasks.in_use, ch->sequences.in_use, ch->buffers.in_use);
	}
	env_mutex_lock(&g_accel.lock);
	TAILQ_REMOVE(&g_accel.channels, ch, link);
	accel_stats_add(&g_accel.stats, &ch->stats);
	env_mutex_unlock(&g_accel.lock);
	spdk_iobuf_channel_fini(&ch->iobuf);
	put_module_channels(ch);
	free_pools(ch);
}

void
spdk_accel_get_opcode_stats(
	struct spdk_io_channel *ch, enum spdk_accel_opcode opcode, struct spdk_accel_opcode_stats *stats, size_t size)
{
	struct accel_io_channel *accel_ch = spdk_io_channel_get_ctx(ch);

	if (!accel_opcode_is_valid(opcode)) {
		SPDK_ERRLOG("there is no accel operation %d\n", opcode);
		return;
	}
	memcpy(stats, &accel_ch->stats.operations[opcode], spdk_min(size, sizeof(*stats)));
}
