/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The write-intent bitmap in memory: what I/O asks of it, and what others may know. raid_bitmap_commit.c takes it to the
 * members.
 *
 * A region is a word: how many changes are under way, and flags. A change adds itself first and looks at the flags then; who
 * clears a region does that only if the word says that nothing is under way. So either the change sees that the region is
 * clean, and waits, or the region stays dirty.
 */

#include "module/bdev/raid/raid_bitmap_internal.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/util.h"

/* An array has about so many regions when it is made, and may grow a hundredfold before its last one gets larger. */
#define TARGET_REGIONS 16384
#define MIN_REGION_SIZE (64 * 1024)

uint64_t
raid_bitmap_choose_region(uint64_t data_blocks, uint32_t data_block_size)
{
	uint64_t blocks = spdk_max(1, MIN_REGION_SIZE / data_block_size);

	while (SPDK_CEIL_DIV(data_blocks, blocks) > TARGET_REGIONS) {
		blocks *= 2;
	}
	return blocks;
}

/* ---- Its life ---- */

/* The last region has all that is left. */
static uint32_t
count_regions(const struct raid_bitmap *bitmap, uint64_t data_blocks)
{
	uint64_t limit = (uint64_t)bitmap->max_pages << bitmap->page_shift;

	return (uint32_t)spdk_min(limit, spdk_max(1, SPDK_CEIL_DIV(data_blocks, bitmap->region_blocks)));
}

/* Of each member, as far as the array uses them: what lies beyond is never compared. */
static uint64_t
get_data_blocks(const struct raid_bitmap *bitmap)
{
	return spdk_max(bitmap->raid->size, bitmap->raid->grow_size) / bitmap->num_data;
}

static int
alloc_page(struct raid_bitmap *bitmap, uint32_t index)
{
	struct bitmap_page *page = &bitmap->pages[index];

	page->words = calloc(1u << bitmap->page_shift, sizeof(*page->words));
	page->block = spdk_dma_zmalloc(bitmap->buffer_size, 4096, NULL);
	return page->words != NULL && page->block != NULL ? 0 : -ENOMEM;
}

static int
add_regions(struct raid_bitmap *bitmap, uint64_t data_blocks)
{
	uint32_t num_regions = count_regions(bitmap, data_blocks);
	uint32_t num_pages = (num_regions - 1) / bitmap_page_size(bitmap) + 1;
	int rc = 0;

	for (uint32_t i = bitmap->num_pages; i < num_pages && rc == 0; i++) {
		/* What an attempt that failed has left is used. */
		rc = bitmap->pages[i].block != NULL ? 0 : alloc_page(bitmap, i);
	}
	if (rc != 0) {
		return rc;
	}
	bitmap->data_blocks = data_blocks;
	bitmap->num_pages = num_pages;
	/* Changes beyond have not begun: the array has not grown yet. */
	__atomic_store_n(&bitmap->num_regions, num_regions, __ATOMIC_RELEASE);
	return 0;
}

/* Returns where the first region that is dirty then begins. */
static uint64_t
mark_dirty(struct raid_bitmap *bitmap, uint64_t from)
{
	uint64_t first = spdk_min(from >> bitmap->region_shift, (uint64_t)bitmap->num_regions - 1);

	for (uint64_t region = first; region < bitmap->num_regions; region++) {
		__atomic_fetch_or(bitmap_word(bitmap, (uint32_t)region), BITMAP_NEEDS_SYNC, __ATOMIC_RELEASE);
	}
	return first << bitmap->region_shift;
}

static int
check_layout(const struct raid *raid, uint32_t block_size)
{
	if (raid->region_blocks == 0 || (raid->region_blocks & (raid->region_blocks - 1)) != 0 ||
		raid->region_blocks > UINT64_C(1) << 48) {
		return -EINVAL;
	}
	return RAID_BITMAP_OFFSET % block_size == 0 && spdk_u32_is_pow2(block_size) ? 0 : -EINVAL;
}

static const struct spdk_bdev *
any_member(const struct raid *raid)
{
	for (uint8_t slot = 0; slot < raid->num_members; slot++) {
		if (raid->members[slot].desc != NULL) {
			return raid->members[slot].bdev;
		}
	}
	return NULL;
}

int
raid_bitmap_create(struct raid *raid, bool dirty)
{
	const struct spdk_bdev *bdev = any_member(raid);
	uint32_t block_size = bdev != NULL ? spdk_bdev_get_data_block_size(bdev) : 0;
	struct raid_bitmap *bitmap;

	if (bdev == NULL || check_layout(raid, block_size) != 0) {
		return -EINVAL;
	}
	bitmap = calloc(1, sizeof(*bitmap));
	if (bitmap == NULL) {
		return -ENOMEM;
	}
	bitmap->raid = raid;
	bitmap->block_size = block_size;
	bitmap->buffer_size = bdev->blocklen;
	bitmap->region_blocks = raid->region_blocks;
	bitmap->region_shift = (uint32_t)__builtin_ctzll(raid->region_blocks);
	bitmap->max_pages = RAID_BITMAP_SIZE / block_size;
	bitmap->page_shift = spdk_u32log2(block_size / 2 * 8);
	bitmap->num_data = raid->num_members - raid->ops->get_redundancy(raid->num_members);
	TAILQ_INIT(&bitmap->waiting);
	bitmap->pages = calloc(bitmap->max_pages, sizeof(*bitmap->pages));
	bitmap->returns = calloc(raid->num_members, sizeof(*bitmap->returns));
	if (bitmap->pages == NULL || bitmap->returns == NULL || raid_group_init(&bitmap->group, raid, bitmap) != 0 ||
		env_mutex_init(&bitmap->lock) != 0) {
		raid_group_fini(&bitmap->group);
		free(bitmap->returns);
		free(bitmap->pages);
		free(bitmap);
		return -ENOMEM;
	}
	raid->bitmap = bitmap;
	if (add_regions(bitmap, get_data_blocks(bitmap)) != 0) {
		raid_bitmap_free(raid);
		return -ENOMEM;
	}
	if (dirty) {
		mark_dirty(bitmap, 0);
	}
	return 0;
}

void
raid_bitmap_free(struct raid *raid)
{
	struct raid_bitmap *bitmap = raid->bitmap;

	if (bitmap == NULL) {
		return;
	}
	assert(!bitmap->busy && TAILQ_EMPTY(&bitmap->waiting));
	raid->bitmap = NULL;
	spdk_poller_unregister(&bitmap->poller);
	for (uint32_t i = 0; i < bitmap->max_pages; i++) {
		free(bitmap->pages[i].words);
		spdk_dma_free(bitmap->pages[i].block);
	}
	env_mutex_destroy(&bitmap->lock);
	raid_group_fini(&bitmap->group);
	free(bitmap->returns);
	free(bitmap->pages);
	free(bitmap);
}

int
raid_bitmap_grow(struct raid *raid, uint64_t *dirty_from)
{
	struct raid_bitmap *bitmap = raid->bitmap;
	int rc = add_regions(bitmap, get_data_blocks(bitmap));

	if (rc == 0 && *dirty_from != UINT64_MAX) {
		*dirty_from = mark_dirty(bitmap, *dirty_from);
	}
	return rc;
}

/* ---- Changes ---- */

struct range {
	uint32_t first;
	uint32_t last;
};

/* The regions of the members' data that an I/O changes. */
static struct range
get_range(const struct raid_io *io)
{
	const struct raid *raid = io->ch->raid;
	const struct raid_bitmap *bitmap = raid->bitmap;
	const struct spdk_bdev_io_block_params *params =
		&((const struct spdk_bdev_io *)((const char *)io - offsetof(struct spdk_bdev_io, driver_ctx)))->u.bdev;
	uint64_t first = params->offset_blocks, last = first + spdk_max(params->num_blocks, 1) - 1;
	uint32_t max = __atomic_load_n(&bitmap->num_regions, __ATOMIC_ACQUIRE) - 1;

	if (raid->ops->has_strips) {
		/* All of each stripe: its parity changes wherever its data do. */
		first = first / (raid->strip_size * bitmap->num_data) * raid->strip_size;
		last = last / (raid->strip_size * bitmap->num_data) * raid->strip_size + raid->strip_size - 1;
	}
	return (struct range){(uint32_t)spdk_min(max, first >> bitmap->region_shift),
		(uint32_t)spdk_min(max, last >> bitmap->region_shift)};
}

static bool
is_dirty(const struct raid_bitmap *bitmap, struct range range)
{
	for (uint32_t region = range.first; region <= range.last; region++) {
		if (!(__atomic_load_n(bitmap_word(bitmap, region), __ATOMIC_ACQUIRE) & BITMAP_DIRTY)) {
			return false;
		}
	}
	return true;
}

bool
bitmap_may_go_on(const struct raid_io *io)
{
	return is_dirty(io->ch->raid->bitmap, get_range(io));
}

/* Returns false if it need not wait any more. */
static bool
wait_for_commit(struct raid_io *io, struct range range)
{
	struct raid_bitmap *bitmap = io->ch->raid->bitmap;
	bool kick;

	env_mutex_lock(&bitmap->lock);
	if (is_dirty(bitmap, range)) {
		env_mutex_unlock(&bitmap->lock);
		return false;
	}
	for (uint32_t region = range.first; region <= range.last; region++) {
		bitmap_page_of(bitmap, region)->wanted = true;
	}
	TAILQ_INSERT_TAIL(&bitmap->waiting, io, link);
	kick = !bitmap->kicked;
	bitmap->kicked = true;
	env_mutex_unlock(&bitmap->lock);
	if (kick) {
		bdk_msg_send(spdk_thread_get_app_thread(), &bitmap->kick_msg, bitmap_kick_cb, bitmap);
	}
	return true;
}

bool
raid_bitmap_enter(struct raid_io *io)
{
	struct raid_bitmap *bitmap = io->ch->raid->bitmap;
	struct range range = get_range(io);
	uint32_t all = BITMAP_DIRTY;

	for (uint32_t region = range.first; region <= range.last; region++) {
		uint32_t *word = bitmap_word(bitmap, region);
		uint32_t old = __atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);

		all &= old;
		if (spdk_unlikely(!(old & BITMAP_USED))) {
			__atomic_fetch_or(word, BITMAP_USED, __ATOMIC_RELEASE);
		}
	}
	return spdk_likely(all != 0) || !wait_for_commit(io, range);
}

void
raid_bitmap_leave(struct raid_io *io, enum spdk_bdev_io_status status)
{
	struct raid_bitmap *bitmap = io->ch->raid->bitmap;
	struct range range = get_range(io);

	for (uint32_t region = range.first; region <= range.last; region++) {
		uint32_t *word = bitmap_word(bitmap, region);

		if (spdk_unlikely(status != SPDK_BDEV_IO_STATUS_SUCCESS && status != SPDK_BDEV_IO_STATUS_NOMEM)) {
			/* Some members may have carried it out. */
			__atomic_fetch_or(word, BITMAP_NEEDS_SYNC, __ATOMIC_RELAXED);
			__atomic_store_n(&bitmap->sync_disturbed, true, __ATOMIC_RELEASE);
		}
		__atomic_fetch_sub(word, 1, __ATOMIC_RELEASE);
	}
}

/* ---- What others may know ---- */

static bool
may_differ(const struct raid_bitmap *bitmap, uint32_t region)
{
	return bitmap_is_set(__atomic_load_n(bitmap_word(bitmap, region), __ATOMIC_ACQUIRE));
}

/* Where a region ends; the last one has all that is left. */
static uint64_t
end_of(const struct raid_bitmap *bitmap, uint32_t region)
{
	return region == bitmap->num_regions - 1 ? bitmap->data_blocks : (region + UINT64_C(1)) << bitmap->region_shift;
}

bool
raid_bitmap_next_dirty(const struct raid *raid, uint64_t from, uint64_t *offset_blocks, uint64_t *num_blocks)
{
	const struct raid_bitmap *bitmap = raid->bitmap;
	uint64_t region = spdk_min(from >> bitmap->region_shift, bitmap->num_regions - 1);

	if (from >= bitmap->data_blocks) {
		return false;
	}
	while (region < bitmap->num_regions && !may_differ(bitmap, (uint32_t)region)) {
		region++;
	}
	if (region == bitmap->num_regions) {
		return false;
	}
	*offset_blocks = spdk_max(from, region << bitmap->region_shift);
	while (region + 1 < bitmap->num_regions && may_differ(bitmap, (uint32_t)region + 1)) {
		region++;
	}
	*num_blocks = end_of(bitmap, (uint32_t)region) - *offset_blocks;
	return true;
}

uint64_t
raid_bitmap_num_dirty(const struct raid *raid)
{
	uint64_t offset = 0, num_blocks = 0, total = 0;

	while (raid_bitmap_next_dirty(raid, offset + num_blocks, &offset, &num_blocks)) {
		total += num_blocks;
	}
	return total;
}

void
raid_bitmap_synced(struct raid *raid, uint64_t offset_blocks, uint64_t num_blocks)
{
	struct raid_bitmap *bitmap = raid->bitmap;
	bool disturbed = __atomic_exchange_n(&bitmap->sync_disturbed, false, __ATOMIC_ACQ_REL);
	uint64_t end =
		num_blocks < bitmap->data_blocks - offset_blocks ? offset_blocks + num_blocks : bitmap->data_blocks;
	uint64_t region;

	/* Regions may be larger than what is done at a time. */
	if (disturbed || offset_blocks != bitmap->synced_until) {
		bitmap->synced_from = offset_blocks;
	}
	bitmap->synced_until = end;
	/* Those before that were done with the ranges before. */
	region = spdk_max(SPDK_CEIL_DIV(bitmap->synced_from, bitmap->region_blocks),
		spdk_min(offset_blocks >> bitmap->region_shift, bitmap->num_regions - 1));
	for (; region < bitmap->num_regions && end_of(bitmap, (uint32_t)region) <= end; region++) {
		__atomic_fetch_and(bitmap_word(bitmap, (uint32_t)region), ~BITMAP_NEEDS_SYNC, __ATOMIC_ACQ_REL);
	}
}
