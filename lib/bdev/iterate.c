/* SPDX-License-Identifier: BSD-3-Clause */

/* Walks over the I/O of a channel, and of a bdev, that has been submitted and has not ended. */

#include "lib/bdev/io_internal.h"

int
bdev_channel_for_each_io(struct bdev_channel *ch, spdk_bdev_io_fn fn, void *ctx)
{
	struct bdev_io_cache *cache = &ch->thread->cache;
	uint32_t visit = ++ch->thread->visit;
	uint64_t i, departures;
	int rc;

	for (i = 0; i < cache->held; i++) {
		bdev_io_private(cache->all[i])->visit = bdev_io_is_under_way(cache->all[i], ch) ? visit : 0;
	}
	i = 0;
	while (i < cache->held) {
		struct bdev_io_private *priv = bdev_io_private(cache->all[i]);

		if (priv->visit != visit || !bdev_io_is_under_way(&priv->io, ch)) {
			i++;
			continue;
		}
		priv->visit = 0;
		departures = cache->departures;
		rc = fn(ctx, &priv->io);
		if (rc != 0) {
			return rc;
		}
		/* Where objects have left, others have moved, perhaps to the front. */
		i = departures == cache->departures ? i + 1 : 0;
	}
	return 0;
}

struct io_walk {
	struct spdk_bdev_channel_iter iter;
	spdk_bdev_io_fn fn;
	spdk_bdev_for_each_io_cb cb;
	void *ctx;
};

static void
visit_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct io_walk *walk = ctx;

	spdk_bdev_for_each_channel_continue(
		i, bdev_channel_for_each_io(spdk_io_channel_get_ctx(io_ch), walk->fn, walk->ctx));
}

static void
visited_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct io_walk *walk = ctx;

	walk->cb(walk->ctx, status);
	free(walk);
}

void
spdk_bdev_for_each_bdev_io(struct spdk_bdev *bdev, void *ctx, spdk_bdev_io_fn fn, spdk_bdev_for_each_io_cb cb)
{
	struct io_walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		cb(ctx, -ENOMEM);
		return;
	}
	walk->fn = fn;
	walk->cb = cb;
	walk->ctx = ctx;
	bdev_for_each_channel(&walk->iter, bdev, visit_channel_cb, walk, visited_cb);
}
