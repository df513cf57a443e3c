/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/check/media.h"

#include "spdk/queue.h"

/* What a block was given since it was last durable. */
struct version {
	/* Of the write, and the time when that ended; UINT64_MAX: it has not. */
	uint64_t id;
	uint64_t ended;
	/* The one before. */
	struct version *older;
	uint8_t data[];
};

/* A block. It is dirty if it need not be on the medium as it is read. */
struct block {
	bool dirty;
	struct version *newest;
	/* What a cut has left; NULL: what was durable then. */
	struct version *left;
	TAILQ_ENTRY(block) link;
};

/* Memory for versions, of which there are ever more in one. */
struct chunk {
	struct chunk *next;
	uint8_t versions[];
};

struct media {
	uint32_t block_size;
	bool write_cache;
	/* Its power has been cut. */
	bool off;
	/* Counts what happens. */
	uint64_t time;
	uint8_t *current;
	uint8_t *stable;
	struct block *blocks;
	TAILQ_HEAD(, block) dirty;
	/* Versions that are not in use. */
	struct version *unused;
	struct chunk *chunks;
	size_t chunk_count;
};

struct media *
media_create(uint64_t room, uint32_t block_size, bool write_cache)
{
	struct media *media = calloc(1, sizeof(*media));

	if (media == NULL) {
		return NULL;
	}
	TAILQ_INIT(&media->dirty);
	media->block_size = block_size;
	media->write_cache = write_cache;
	media->current = calloc(room, block_size);
	media->stable = calloc(room, block_size);
	media->blocks = calloc(room, sizeof(*media->blocks));
	if (media->current == NULL || media->stable == NULL || media->blocks == NULL) {
		media_destroy(media);
		return NULL;
	}
	return media;
}

/* ---- Versions: there is no memory to be had where I/O passes by ---- */

static void
add_chunk(struct media *media)
{
	size_t size = (sizeof(struct version) + media->block_size + 7) / 8 * 8;
	struct chunk *chunk;

	media->chunk_count = media->chunk_count > 0 ? media->chunk_count * 2 : 64;
	chunk = malloc(sizeof(*chunk) + media->chunk_count * size);
	if (chunk == NULL) {
		abort();
	}
	chunk->next = media->chunks;
	media->chunks = chunk;
	for (size_t i = 0; i < media->chunk_count; i++) {
		struct version *version = (struct version *)(chunk->versions + i * size);

		version->older = media->unused;
		media->unused = version;
	}
}

static struct version *
alloc_version(struct media *media, const uint8_t *data)
{
	struct version *version;

	if (media->unused == NULL) {
		add_chunk(media);
	}
	version = media->unused;
	media->unused = version->older;
	version->older = NULL;
	memcpy(version->data, data, media->block_size);
	return version;
}

/* Those from one on. */
static void
free_versions(struct media *media, struct version *version)
{
	while (version != NULL) {
		struct version *older = version->older;

		version->older = media->unused;
		media->unused = version;
		version = older;
	}
}

static void
clean_block(struct media *media, struct block *block)
{
	TAILQ_REMOVE(&media->dirty, block, link);
	free_versions(media, block->newest);
	free_versions(media, block->left);
	*block = (struct block){};
}

void
media_destroy(struct media *media)
{
	struct chunk *chunk, *next;

	if (media == NULL) {
		return;
	}
	for (chunk = media->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(media->current);
	free(media->stable);
	free(media->blocks);
	free(media);
}

const uint8_t *
media_data(const struct media *media, uint64_t block)
{
	return media->current + block * media->block_size;
}

const uint8_t *
media_durable(const struct media *media, uint64_t block)
{
	return media->stable + block * media->block_size;
}

/* ---- Writes ---- */

static void
add_version(struct media *media, uint64_t index, uint64_t id)
{
	struct block *block = &media->blocks[index];
	struct version *version;

	if (!block->dirty) {
		block->dirty = true;
		TAILQ_INSERT_TAIL(&media->dirty, block, link);
	}
	if (media->off) {
		return;
	}
	version = alloc_version(media, media_data(media, index));
	version->id = id;
	version->ended = UINT64_MAX;
	version->older = block->newest;
	block->newest = version;
}

uint64_t
media_begin_write(struct media *media, uint64_t offset, uint64_t num_blocks, const struct iovec *iovs, int iovcnt)
{
	uint8_t *to = media->current + offset * media->block_size;
	uint64_t id = ++media->time;

	if (iovs == NULL) {
		memset(to, 0, num_blocks * media->block_size);
	}
	for (int i = 0; iovs != NULL && i < iovcnt; i++) {
		memcpy(to, iovs[i].iov_base, iovs[i].iov_len);
		to += iovs[i].iov_len;
	}
	for (uint64_t i = offset; i < offset + num_blocks; i++) {
		add_version(media, i, id);
	}
	return id;
}

/* All of a block's versions that have ended by then are durable, or have been overwritten. */
static void
make_durable(struct media *media, struct block *block, uint64_t time)
{
	struct version **link = &block->newest;

	while (*link != NULL && (*link)->ended > time) {
		link = &(*link)->older;
	}
	if (*link == NULL) {
		return;
	}
	memcpy(media->stable + (size_t)(block - media->blocks) * media->block_size, (*link)->data, media->block_size);
	free_versions(media, *link);
	*link = NULL;
	if (block->newest == NULL) {
		clean_block(media, block);
	}
}

void
media_end_write(struct media *media, uint64_t offset, uint64_t num_blocks, uint64_t id)
{
	uint64_t now = ++media->time;

	if (media->off) {
		return;
	}
	for (uint64_t i = offset; i < offset + num_blocks; i++) {
		struct block *block = &media->blocks[i];
		struct version *version = block->newest;

		while (version != NULL && version->id != id) {
			version = version->older;
		}
		if (version == NULL) {
			continue;
		}
		version->ended = now;
		if (!media->write_cache) {
			make_durable(media, block, now);
		}
	}
}

/* ---- Flushes ---- */

uint64_t
media_begin_flush(struct media *media)
{
	return media->time;
}

void
media_end_flush(struct media *media, uint64_t offset, uint64_t num_blocks, uint64_t id)
{
	struct block *block, *next;

	if (media->off) {
		return;
	}
	TAILQ_FOREACH_SAFE (block, &media->dirty, link, next) {
		uint64_t index = (uint64_t)(block - media->blocks);

		if (index >= offset && index - offset < num_blocks) {
			make_durable(media, block, id);
		}
	}
}

/* ---- Power ---- */

void
media_cut(struct media *media, uint64_t (*random)(uint64_t limit))
{
	struct block *block;

	media->off = true;
	TAILQ_FOREACH (block, &media->dirty, link) {
		uint64_t count = 0, choice;
		struct version *version;

		for (version = block->newest; version != NULL; version = version->older) {
			count++;
		}
		/* The newest and the durable one more often than those in between. */
		choice = random(2 * count + 1);
		choice = choice > count ? 0 : choice;
		free_versions(media, block->left);
		for (version = block->newest; version != NULL && choice > 0; version = version->older) {
			choice--;
		}
		block->left = version != NULL ? alloc_version(media, version->data) : NULL;
	}
}

void
media_restore(struct media *media)
{
	struct block *block;

	while ((block = TAILQ_FIRST(&media->dirty)) != NULL) {
		size_t at = (size_t)(block - media->blocks) * media->block_size;

		if (block->left != NULL) {
			memcpy(media->stable + at, block->left->data, media->block_size);
		}
		memcpy(media->current + at, media->stable + at, media->block_size);
		clean_block(media, block);
	}
	media->off = false;
}
