/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/thread/iobuf_internal.h"

#include "bdevkit/thread.h"
#include "spdk/env.h"
#include "bdevkit/thread.h"
#include "spdk/log.h"

#define DEFAULT_SMALL_COUNT 8192
#define DEFAULT_LARGE_COUNT 1024
/* With fewer, threads have hardly anything to work with. */
#define MIN_SMALL_COUNT 64
#define MIN_LARGE_COUNT 8
#define MAX_POOL_COUNT (UINT32_MAX - 1)
#define MAX_BUFSIZE (UINT32_MAX - (IOBUF_ALIGNMENT - 1))

struct iobuf g_iobuf = {
	.opts =
		{
			.small_pool_count = DEFAULT_SMALL_COUNT,
			.large_pool_count = DEFAULT_LARGE_COUNT,
			.small_bufsize = 8 * 1024,
			.large_bufsize = 132 * 1024,
		},
	.modules = TAILQ_HEAD_INITIALIZER(g_iobuf.modules),
	.lock = ENV_MUTEX_INITIALIZER,
};

struct stats_ctx {
	spdk_iobuf_get_stats_cb cb_fn;
	void *cb_arg;
	uint32_t num_modules;
	/* The modules as they were when the statistics were asked for; compared with, not followed. */
	const void **modules;
	struct spdk_iobuf_module_stats *stats;
};

static int
check_range(const char *name, uint64_t value, uint64_t min, uint64_t max, char *error, size_t size)
{
	if (value < min) {
		snprintf(error, size, "%s must be at least %" PRIu64, name, min);
		return -EINVAL;
	}
	if (value > max) {
		snprintf(error, size, "%s must be at most %" PRIu64, name, max);
		return -EINVAL;
	}

	return 0;
}

int
iobuf_opts_check(const struct spdk_iobuf_opts *opts, char *error, size_t size)
{
	if (check_range("small_pool_count", opts->small_pool_count, MIN_SMALL_COUNT, MAX_POOL_COUNT, error, size) ||
		check_range("large_pool_count", opts->large_pool_count, MIN_LARGE_COUNT, MAX_POOL_COUNT, error, size) ||
		check_range("small_bufsize", opts->small_bufsize, 4096, MAX_BUFSIZE, error, size) ||
		check_range("large_bufsize", opts->large_bufsize, 8192, MAX_BUFSIZE, error, size)) {
		return -EINVAL;
	}
	if (opts->small_bufsize > opts->large_bufsize) {
		snprintf(error, size, "small_bufsize must not be greater than large_bufsize, which is %u",
			opts->large_bufsize);
		return -EINVAL;
	}
	if (opts->enable_numa && spdk_env_get_last_numa_id() >= SPDK_CONFIG_MAX_NUMA_NODES) {
		snprintf(error, size, "enable_numa must be false: the system has more NUMA nodes than %d",
			SPDK_CONFIG_MAX_NUMA_NODES);
		return -EINVAL;
	}

	return 0;
}

#define COPY_FIELD(dst, src, size, field) \
	if (offsetof(struct spdk_iobuf_opts, field) + sizeof((src)->field) <= (size)) { \
		(dst)->field = (src)->field; \
	}

/* Copies the fields that a structure of size bytes has, except for opts_size itself. */
static void
copy_opts(struct spdk_iobuf_opts *dst, const struct spdk_iobuf_opts *src, size_t size)
{
	COPY_FIELD(dst, src, size, small_pool_count);
	COPY_FIELD(dst, src, size, large_pool_count);
	COPY_FIELD(dst, src, size, small_bufsize);
	COPY_FIELD(dst, src, size, large_bufsize);
	COPY_FIELD(dst, src, size, enable_numa);
}

int
spdk_iobuf_set_opts(const struct spdk_iobuf_opts *opts)
{
	struct spdk_iobuf_opts new_opts = g_iobuf.opts;
	char error[128];

	if (!opts) {
		SPDK_ERRLOG("opts cannot be NULL\n");
		return -1;
	}
	if (opts->opts_size == 0) {
		SPDK_ERRLOG("opts_size must be set to sizeof(struct spdk_iobuf_opts)\n");
		return -1;
	}

	copy_opts(&new_opts, opts, opts->opts_size);
	if (iobuf_opts_check(&new_opts, error, sizeof(error))) {
		SPDK_ERRLOG("%s\n", error);
		return -EINVAL;
	}

	g_iobuf.opts = new_opts;
	g_iobuf.opts_given = true;
	return 0;
}

void
spdk_iobuf_get_opts(struct spdk_iobuf_opts *opts, size_t opts_size)
{
	if (!opts || opts_size == 0) {
		SPDK_ERRLOG("opts and opts_size must be given\n");
		return;
	}

	copy_opts(opts, &g_iobuf.opts, opts_size);
	if (offsetof(struct spdk_iobuf_opts, opts_size) + sizeof(opts->opts_size) <= opts_size) {
		opts->opts_size = opts_size;
	}
}

/*
 * Pools that nobody asked for take at most half of the memory that the process may have, in the proportion that they
 * have without such a limit.
 */
static void
fit_default_opts(struct spdk_iobuf_opts *opts)
{
	uint64_t limit = env_memory_get_limit() / 2;
	uint64_t size;

	if (g_iobuf.opts_given) {
		return;
	}
	opts->small_pool_count = DEFAULT_SMALL_COUNT;
	opts->large_pool_count = DEFAULT_LARGE_COUNT;
	size = opts->small_pool_count * opts->small_bufsize + opts->large_pool_count * opts->large_bufsize;
	if (limit != 0 && limit < size) {
		opts->small_pool_count = spdk_max(MIN_SMALL_COUNT, DEFAULT_SMALL_COUNT * limit / size);
		opts->large_pool_count = spdk_max(MIN_LARGE_COUNT, DEFAULT_LARGE_COUNT * limit / size);
	}
}

int
spdk_iobuf_initialize(void)
{
	struct spdk_iobuf_opts *opts = &g_iobuf.opts;
	int rc;

	if (g_iobuf.initialized) {
		SPDK_ERRLOG("iobuf is initialized already\n");
		return -EALREADY;
	}

	fit_default_opts(opts);
	opts->small_bufsize = SPDK_ALIGN_CEIL(opts->small_bufsize, IOBUF_ALIGNMENT);
	opts->large_bufsize = SPDK_ALIGN_CEIL(opts->large_bufsize, IOBUF_ALIGNMENT);

	rc = iobuf_pool_create(&g_iobuf.small, opts->small_pool_count, opts->small_bufsize);
	if (rc) {
		SPDK_ERRLOG("No memory for %" PRIu64 " buffers of %u bytes; lower small_pool_count or small_bufsize\n",
			opts->small_pool_count, opts->small_bufsize);
		return rc;
	}

	rc = iobuf_pool_create(&g_iobuf.large, opts->large_pool_count, opts->large_bufsize);
	if (rc) {
		SPDK_ERRLOG("No memory for %" PRIu64 " buffers of %u bytes; lower large_pool_count or large_bufsize\n",
			opts->large_pool_count, opts->large_bufsize);
		iobuf_pool_destroy(&g_iobuf.small);
		return rc;
	}

	rc = bdk_io_device_register(
		&g_iobuf, iobuf_group_create_cb, iobuf_group_destroy_cb, sizeof(struct iobuf_group), "iobuf");
	if (rc) {
		iobuf_pool_destroy(&g_iobuf.large);
		iobuf_pool_destroy(&g_iobuf.small);
		return rc;
	}
	g_iobuf.initialized = true;
	return 0;
}

static void
free_module(struct iobuf_module *module)
{
	free(module->name);
	free(module);
}

static void
report_missing(const char *size_name, struct iobuf_pool *pool)
{
	uint32_t count = iobuf_pool_count(pool);

	if (count != pool->count) {
		SPDK_ERRLOG("%s iobuf pool count is %u, expected %u\n", size_name, count, pool->count);
	}
}

static void
device_unregister_cb(void *io_device)
{
	struct iobuf_module *module;

	report_missing("small", &g_iobuf.small);
	report_missing("large", &g_iobuf.large);
	iobuf_pool_destroy(&g_iobuf.small);
	iobuf_pool_destroy(&g_iobuf.large);

	env_mutex_lock(&g_iobuf.lock);
	while ((module = TAILQ_FIRST(&g_iobuf.modules))) {
		TAILQ_REMOVE(&g_iobuf.modules, module, link);
		free_module(module);
	}
	env_mutex_unlock(&g_iobuf.lock);

	g_iobuf.initialized = false;
	if (g_iobuf.finish_cb) {
		g_iobuf.finish_cb(g_iobuf.finish_arg);
	}
}

void
spdk_iobuf_finish(spdk_iobuf_finish_cb cb_fn, void *cb_arg)
{
	if (!g_iobuf.initialized) {
		cb_fn(cb_arg);
		return;
	}

	g_iobuf.finish_cb = cb_fn;
	g_iobuf.finish_arg = cb_arg;
	spdk_io_device_unregister(&g_iobuf, device_unregister_cb);
}

/* The caller holds the lock. */
static struct iobuf_module *
find_module(const char *name)
{
	struct iobuf_module *module;

	TAILQ_FOREACH (module, &g_iobuf.modules, link) {
		if (strcmp(module->name, name) == 0) {
			return module;
		}
	}

	return NULL;
}

const void *
iobuf_module_find(const char *name)
{
	const void *module;

	env_mutex_lock(&g_iobuf.lock);
	module = find_module(name);
	env_mutex_unlock(&g_iobuf.lock);

	return module;
}

int
spdk_iobuf_register_module(const char *name)
{
	struct iobuf_module *module;
	int rc = 0;

	module = calloc(1, sizeof(*module));
	if (!module) {
		return -ENOMEM;
	}
	module->name = strdup(name);
	if (!module->name) {
		free(module);
		return -ENOMEM;
	}

	env_mutex_lock(&g_iobuf.lock);
	if (find_module(name)) {
		rc = -EEXIST;
	} else {
		TAILQ_INSERT_TAIL(&g_iobuf.modules, module, link);
	}
	env_mutex_unlock(&g_iobuf.lock);

	if (rc) {
		free_module(module);
	}
	return rc;
}

int
spdk_iobuf_unregister_module(const char *name)
{
	struct iobuf_module *module;

	env_mutex_lock(&g_iobuf.lock);
	module = find_module(name);
	if (module) {
		TAILQ_REMOVE(&g_iobuf.modules, module, link);
	}
	env_mutex_unlock(&g_iobuf.lock);

	if (!module) {
		return -ENOENT;
	}
	free_module(module);
	return 0;
}

static void
free_stats(struct stats_ctx *ctx)
{
	for (uint32_t i = 0; ctx->stats && i < ctx->num_modules; i++) {
		free((char *)ctx->stats[i].module);
	}
	free(ctx->stats);
	free(ctx->modules);
	free(ctx);
}

static void
add_stats(struct spdk_iobuf_pool_stats *sum, const struct spdk_iobuf_pool_stats *stats)
{
	sum->cache += stats->cache;
	sum->main += stats->main;
	sum->retry += stats->retry;
}

static void
collect_stats(struct spdk_io_channel_iter *i)
{
	struct stats_ctx *ctx = spdk_io_channel_iter_get_ctx(i);
	struct iobuf_group *group = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	for (uint32_t c = 0; c < group->num_channels; c++) {
		struct spdk_iobuf_channel *ch = group->channels[c];

		for (uint32_t m = 0; m < ctx->num_modules; m++) {
			if (ctx->modules[m] == ch->module) {
				add_stats(&ctx->stats[m].small_pool, &ch->cache[0].small.stats);
				add_stats(&ctx->stats[m].large_pool, &ch->cache[0].large.stats);
				break;
			}
		}
	}

	spdk_for_each_channel_continue(i, 0);
}

static void
collect_stats_done_cb(struct spdk_io_channel_iter *i, int status)
{
	struct stats_ctx *ctx = spdk_io_channel_iter_get_ctx(i);

	ctx->cb_fn(ctx->stats, ctx->num_modules, ctx->cb_arg);
	free_stats(ctx);
}

/* The caller holds the lock. */
static int
list_modules(struct stats_ctx *ctx)
{
	struct iobuf_module *module;
	uint32_t count = 0;

	TAILQ_FOREACH (module, &g_iobuf.modules, link) {
		count++;
	}

	/* One more, as an allocation of nothing may return NULL. */
	ctx->modules = calloc(count + 1, sizeof(*ctx->modules));
	ctx->stats = calloc(count + 1, sizeof(*ctx->stats));
	if (!ctx->modules || !ctx->stats) {
		return -ENOMEM;
	}

	TAILQ_FOREACH (module, &g_iobuf.modules, link) {
		ctx->modules[ctx->num_modules] = module;
		ctx->stats[ctx->num_modules].module = strdup(module->name);
		if (!ctx->stats[ctx->num_modules++].module) {
			return -ENOMEM;
		}
	}

	return 0;
}

int
spdk_iobuf_get_stats(spdk_iobuf_get_stats_cb cb_fn, void *cb_arg)
{
	struct stats_ctx *ctx;
	int rc;

	ctx = calloc(1, sizeof(*ctx));
	if (!ctx) {
		return -ENOMEM;
	}
	ctx->cb_fn = cb_fn;
	ctx->cb_arg = cb_arg;

	env_mutex_lock(&g_iobuf.lock);
	rc = list_modules(ctx);
	env_mutex_unlock(&g_iobuf.lock);
	if (rc) {
		free_stats(ctx);
		return rc;
	}

	spdk_for_each_channel(&g_iobuf, collect_stats, ctx, collect_stats_done_cb);
	return 0;
}

void
bdk_iobuf_fit_caches(uint32_t *small_cache_size, uint32_t *large_cache_size)
{
	uint32_t cores = spdk_env_get_core_count();
	uint32_t shares = 4 * spdk_max(1, cores);

	*small_cache_size = spdk_min(*small_cache_size, g_iobuf.opts.small_pool_count / shares);
	*large_cache_size = spdk_min(*large_cache_size, g_iobuf.opts.large_pool_count / shares);
}

bool
bdk_iobuf_has_waiters(void)
{
	return atomic_load_explicit(&g_iobuf.small.num_waiting, memory_order_relaxed) > 0 ||
		atomic_load_explicit(&g_iobuf.large.num_waiting, memory_order_relaxed) > 0;
}
