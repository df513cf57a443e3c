/* SPDX-License-Identifier: BSD-3-Clause */

/* Options of the layer. Structures of callers may be shorter or longer than ours. */

#include "lib/bdev/bdev_internal.h"

#define OPTS_HAS(opts_size, field) \
	(offsetof(struct spdk_bdev_opts, field) + sizeof(((struct spdk_bdev_opts *)0)->field) <= (opts_size))

/* Copies the members that lie within the first size bytes. */
static void
copy_opts(struct spdk_bdev_opts *dst, const struct spdk_bdev_opts *src, size_t size)
{
#define COPY_OPT(field) \
	do { \
		if (OPTS_HAS(size, field)) { \
			dst->field = src->field; \
		} \
	} while (0)

	COPY_OPT(bdev_io_pool_size);
	COPY_OPT(bdev_io_cache_size);
	COPY_OPT(bdev_auto_examine);
	COPY_OPT(iobuf_small_cache_size);
	COPY_OPT(iobuf_large_cache_size);
#undef COPY_OPT
}

void
spdk_bdev_get_opts(struct spdk_bdev_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("spdk_bdev_get_opts() needs a structure and its size\n");
		return;
	}
	copy_opts(opts, &g_bdev_manager.opts, opts_size);
	if (OPTS_HAS(opts_size, opts_size)) {
		opts->opts_size = opts_size;
	}
}

int
spdk_bdev_set_opts(struct spdk_bdev_opts *opts)
{
	struct spdk_bdev_opts new_opts = g_bdev_manager.opts;
	uint64_t need;

	if (opts == NULL || opts->opts_size == 0) {
		SPDK_ERRLOG("spdk_bdev_set_opts() needs a structure with opts_size set\n");
		return -1;
	}
	copy_opts(&new_opts, opts, opts->opts_size);

	/* Each thread fills its cache from the pool, and the pool must not be empty then. */
	need = (uint64_t)new_opts.bdev_io_cache_size * (spdk_thread_get_count() + 1);
	if (new_opts.bdev_io_pool_size < need) {
		SPDK_ERRLOG("bdev_io_pool_size %" PRIu32 " is too small: a cache of %" PRIu32
			    " for each thread needs at least %" PRIu64 "\n",
			new_opts.bdev_io_pool_size, new_opts.bdev_io_cache_size, need);
		return -1;
	}
	g_bdev_manager.opts = new_opts;
	return 0;
}
