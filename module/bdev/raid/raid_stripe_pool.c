/* SPDX-License-Identifier: BSD-3-Clause */

/* The stripes of a channel: all of their memory is taken when the channel is made. */

#include "module/bdev/raid/raid_stripe.h"

#include "spdk/env.h"

static void
free_stripe(struct raid_stripe *stripe)
{
	free(stripe->columns);
	free(stripe->iovs);
	free(stripe->write.changes);
}

static int
init_stripe(struct raid_stripe_pool *pool, struct raid_stripe *stripe, uint8_t *buf)
{
	const struct raid *raid = pool->raid;

	stripe->pool = pool;
	stripe->buf = buf;
	stripe->columns = calloc(raid->num_members, sizeof(*stripe->columns));
	stripe->iovs = calloc(RAID_STRIPE_IOVS + 2 * (size_t)raid->parity->num_data, sizeof(*stripe->iovs));
	stripe->write.changes = calloc(raid->num_members, sizeof(*stripe->write.changes));
	if (stripe->columns == NULL || stripe->iovs == NULL || stripe->write.changes == NULL) {
		return -ENOMEM;
	}
	for (uint8_t i = 0; i < raid->num_members; i++) {
		stripe->columns[i].stripe = stripe;
		stripe->columns[i].index = i;
	}
	TAILQ_INSERT_TAIL(&pool->free, stripe, link);
	return 0;
}

int
raid_parity_channel_create(struct raid_channel *ch)
{
	const struct raid_parity *parity = ch->raid->parity;
	struct raid_stripe_pool *pool;
	int rc = 0;

	pool = calloc(1, sizeof(*pool));
	if (pool == NULL) {
		return -ENOMEM;
	}
	ch->stripes = pool;
	pool->raid = ch->raid;
	TAILQ_INIT(&pool->free);
	TAILQ_INIT(&pool->waiting);
	TAILQ_INIT(&pool->waiting_for_reset);
	pool->timer = SPDK_POLLER_REGISTER(raid_stripe_poll_timer, pool, 1000);
	pool->stripes = calloc(parity->num_stripes, sizeof(*pool->stripes));
	pool->bufs = spdk_dma_malloc(parity->num_stripes * parity->buf_size, parity->buf_align, NULL);
	if (pool->stripes == NULL || pool->bufs == NULL || pool->timer == NULL) {
		rc = -ENOMEM;
	} else {
		bdk_poller_set_due(pool->timer, UINT64_MAX);
	}
	for (uint32_t i = 0; i < parity->num_stripes && rc == 0; i++) {
		rc = init_stripe(pool, &pool->stripes[i], (uint8_t *)pool->bufs + i * parity->buf_size);
	}
	if (rc != 0) {
		raid_parity_channel_destroy(ch);
	}
	return rc;
}

void
raid_parity_channel_destroy(struct raid_channel *ch)
{
	struct raid_stripe_pool *pool = ch->stripes;

	if (pool == NULL) {
		return;
	}
	for (uint32_t i = 0; pool->stripes != NULL && i < ch->raid->parity->num_stripes; i++) {
		free_stripe(&pool->stripes[i]);
	}
	spdk_poller_unregister(&pool->timer);
	spdk_dma_free(pool->bufs);
	free(pool->stripes);
	free(pool);
	ch->stripes = NULL;
}
