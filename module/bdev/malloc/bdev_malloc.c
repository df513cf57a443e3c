/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/malloc/bdev_malloc.h"

#include "bdevkit/thread.h"
#include "bdevkit/batch.h"
#include "spdk/accel.h"
#include "spdk/dma.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/likely.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "lib/util/copy_internal.h"
#include "module/bdev/common/block_dif.h"
#include "module/bdev/malloc/malloc_move.h"

#define MALLOC_ALIGNMENT (2 * 1024 * 1024)

/*
 * Most bytes that one UNMAP or WRITE_ZEROES clears: giving back 16 MiB of touched pages takes the kernel about half a
 * millisecond, and other I/O of the thread should not wait longer. The layer splits what is larger.
 */
#define MALLOC_MAX_CLEAR (16 * 1024 * 1024)

/* The same where each block is written instead, as it has protection information. */
#define MALLOC_MAX_REWRITE (4 * 1024 * 1024)

/* Below this size, writing zeroes is cheaper than a system call and the page faults that follow it. */
#define MALLOC_MIN_GIVE_BACK (64 * 1024)

struct malloc_bdev {
	struct spdk_bdev bdev;
	struct block_format format;
	uint8_t *data;
	/* Separate metadata, one after another; NULL if there is none. */
	uint8_t *md;
	/* Much larger than the caches: what is written is not read soon, as a rule. */
	bool past_caches;
	/* Whether there is protection information, and what that of a block is until it is written. */
	bool has_pi;
	struct block_dif_unwritten unwritten;
};

struct malloc_channel {
	/* NULL: accel is not running. */
	struct spdk_io_channel *accel_ch;
};

static int bdev_malloc_module_init(void);
static void bdev_malloc_module_fini(void);
static int bdev_malloc_get_ctx_size(void);

static struct spdk_bdev_module g_malloc_module = {
	.name = "malloc",
	.module_init = bdev_malloc_module_init,
	.module_fini = bdev_malloc_module_fini,
	.get_ctx_size = bdev_malloc_get_ctx_size,
	.async_fini = true,
};

SPDK_BDEV_MODULE_REGISTER(malloc, &g_malloc_module)

static char g_product_name[] = "Malloc disk";

/* Number of the next bdev that is created without a name. */
static unsigned int g_next_number;

static struct malloc_range
locate_blocks(const struct malloc_bdev *malloc_bdev, uint64_t offset, uint64_t count)
{
	const struct spdk_bdev *bdev = &malloc_bdev->bdev;
	struct malloc_range range = {
		.data = malloc_bdev->data + offset * bdev->blocklen,
		.data_len = count * bdev->blocklen,
	};

	if (spdk_unlikely(malloc_bdev->md != NULL)) {
		range.md = malloc_bdev->md + offset * bdev->md_len;
		range.md_len = count * bdev->md_len;
	}
	return range;
}

static struct malloc_range
locate(const struct malloc_bdev *malloc_bdev, const struct spdk_bdev_io *bdev_io)
{
	return locate_blocks(malloc_bdev, bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks);
}

/* Makes the disk itself the buffer of an I/O that has none; it is there as long as the caller's channel is. */
static void
lend(struct spdk_bdev_io *bdev_io, const struct malloc_range *range)
{
	spdk_bdev_io_set_buf(bdev_io, range->data, range->data_len);
	if (range->md != NULL) {
		spdk_bdev_io_set_md_buf(bdev_io, range->md, range->md_len);
	}
}

/* Both return how much could not be copied because the buffers of the I/O are too short. */
static uint64_t
copy_to_iovs(struct iovec *iovs, int iovcnt, const uint8_t *data, uint64_t len)
{
	for (int i = 0; i < iovcnt && len > 0; i++) {
		size_t part = spdk_min(iovs[i].iov_len, len);

		memcpy(iovs[i].iov_base, data, part);
		data += part;
		len -= part;
	}
	return len;
}

static uint64_t
copy_from_iovs(uint8_t *data, uint64_t len, const struct iovec *iovs, int iovcnt, bool past_caches)
{
	for (int i = 0; i < iovcnt && len > 0; i++) {
		size_t part = spdk_min(iovs[i].iov_len, len);

		if (past_caches) {
			util_copy_past_caches(data, iovs[i].iov_base, part);
		} else {
			memcpy(data, iovs[i].iov_base, part);
		}
		data += part;
		len -= part;
	}
	return len;
}

/*
 * The PI of what is stored, before any of it is copied. Separate metadata that the reader does not ask for is not looked
 * at: it may belong to other data, as writes need not bring any.
 */
static bool
stored_is_right(const struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io, const struct malloc_range *range)
{
	struct block_dif_range stored = block_dif_range_of_io(bdev_io);
	struct iovec iov = {.iov_base = range->data, .iov_len = range->data_len};

	stored.iovs = &iov;
	stored.iovcnt = 1;
	if (stored.md != NULL || bdev_io->u.bdev.iovs[0].iov_base == NULL) {
		stored.md = range->md;
	}
	return block_dif_verify(&malloc_bdev->bdev, &stored);
}

static bool
written_is_right(const struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct block_dif_range written = block_dif_range_of_io(bdev_io);

	return block_dif_verify(&malloc_bdev->bdev, &written);
}

static enum spdk_bdev_io_status
read_blocks(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct malloc_range range = locate(malloc_bdev, bdev_io);
	struct iovec *iovs = bdev_io->u.bdev.iovs;

	if (spdk_unlikely(malloc_bdev->has_pi) && !stored_is_right(malloc_bdev, bdev_io, &range)) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	if (iovs[0].iov_base == NULL) {
		lend(bdev_io, &range);
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (copy_to_iovs(iovs, bdev_io->u.bdev.iovcnt, range.data, range.data_len) != 0) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	if (spdk_unlikely(range.md != NULL) && bdev_io->u.bdev.md_buf != NULL) {
		memcpy(bdev_io->u.bdev.md_buf, range.md, range.md_len);
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

static enum spdk_bdev_io_status
write_blocks(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct malloc_range range = locate(malloc_bdev, bdev_io);

	if (spdk_unlikely(malloc_bdev->has_pi) && !written_is_right(malloc_bdev, bdev_io)) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	if (copy_from_iovs(range.data, range.data_len, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
		    malloc_bdev->past_caches) != 0) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	if (spdk_unlikely(range.md != NULL) && bdev_io->u.bdev.md_buf != NULL) {
		memcpy(range.md, bdev_io->u.bdev.md_buf, range.md_len);
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

/* After the blocks have become zeroes. */
static void
make_unwritten(struct malloc_bdev *malloc_bdev, const struct malloc_range *range)
{
	const struct spdk_bdev *bdev = &malloc_bdev->bdev;

	if (range->md != NULL) {
		block_dif_unwritten_apply(
			&malloc_bdev->unwritten, range->md, bdev->md_len, range->md_len / bdev->md_len);
	} else {
		block_dif_unwritten_apply(
			&malloc_bdev->unwritten, range->data, bdev->blocklen, range->data_len / bdev->blocklen);
	}
}

static void
write_zeroes_by_hand(struct malloc_bdev *malloc_bdev, const struct malloc_range *range)
{
	memset(range->data, 0, range->data_len);
	if (range->md != NULL) {
		memset(range->md, 0, range->md_len);
	}
	if (spdk_unlikely(malloc_bdev->has_pi)) {
		make_unwritten(malloc_bdev, range);
	}
}

/* UNMAP: gives memory back where it can, however little. */
static void
unmap_blocks(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct malloc_range range = locate(malloc_bdev, bdev_io);

	if (spdk_unlikely(malloc_bdev->has_pi) && range.md == NULL) {
		/* The PI would have each page of it back at once. */
		write_zeroes_by_hand(malloc_bdev, &range);
		return;
	}
	env_memory_discard(range.data, range.data_len);
	if (range.md != NULL) {
		env_memory_discard(range.md, range.md_len);
	}
	if (spdk_unlikely(malloc_bdev->has_pi)) {
		make_unwritten(malloc_bdev, &range);
	}
}

static void
write_zeroes(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct malloc_range range = locate(malloc_bdev, bdev_io);

	if (range.data_len >= MALLOC_MIN_GIVE_BACK) {
		unmap_blocks(malloc_bdev, bdev_io);
		return;
	}
	write_zeroes_by_hand(malloc_bdev, &range);
}

/* The end, with or without a commit, has nothing to do: what was written is written. */
static void
zero_copy(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	struct malloc_range range = locate(malloc_bdev, bdev_io);

	if (bdev_io->u.bdev.zcopy.start) {
		lend(bdev_io, &range);
	}
}

/* What is copied is right in its old place, and is made right for the new one. */
static bool
may_copy(const struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io, const struct malloc_range *src)
{
	struct iovec iov = {.iov_base = src->data, .iov_len = src->data_len};
	struct block_dif_range stored = block_dif_range_of_io(bdev_io);

	stored.iovs = &iov;
	stored.iovcnt = 1;
	stored.md = src->md;
	stored.offset_blocks = bdev_io->u.bdev.copy.src_offset_blocks;
	return block_dif_verify(&malloc_bdev->bdev, &stored);
}

static bool
move_tags(const struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io, const struct malloc_range *dst)
{
	struct iovec iov = {.iov_base = dst->data, .iov_len = dst->data_len};
	struct block_dif_range copied = block_dif_range_of_io(bdev_io);

	copied.iovs = &iov;
	copied.iovcnt = 1;
	copied.md = dst->md;
	return block_dif_move(&malloc_bdev->bdev, &copied, bdev_io->u.bdev.copy.src_offset_blocks);
}

static enum spdk_bdev_io_status
copy_blocks(struct malloc_bdev *malloc_bdev, struct spdk_bdev_io *bdev_io)
{
	uint64_t src_offset = bdev_io->u.bdev.copy.src_offset_blocks;
	struct malloc_range src = locate_blocks(malloc_bdev, src_offset, bdev_io->u.bdev.num_blocks);
	struct malloc_range dst = locate(malloc_bdev, bdev_io);

	if (spdk_unlikely(malloc_bdev->has_pi) && !may_copy(malloc_bdev, bdev_io, &src)) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	memmove(dst.data, src.data, dst.data_len);
	if (dst.md != NULL) {
		memmove(dst.md, src.md, dst.md_len);
	}
	if (spdk_unlikely(malloc_bdev->has_pi) && !move_tags(malloc_bdev, bdev_io, &dst)) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

/* Requests that are nothing but a copy, of a disk without protection information. */
static uint32_t
bdev_malloc_instant(struct spdk_bdev *bdev, struct bdk_request **requests, uint32_t count)
{
	struct malloc_bdev *malloc_bdev = bdev->ctxt;
	struct malloc_range range;
	uint32_t i;

	for (i = 0; i < count; i++) {
		range = locate_blocks(malloc_bdev, requests[i]->offset_blocks, requests[i]->num_blocks);
		if (requests[i]->type == SPDK_BDEV_IO_TYPE_READ) {
			memcpy(requests[i]->buf, range.data, range.data_len);
		} else if (malloc_bdev->past_caches) {
			util_copy_past_caches(range.data, requests[i]->buf, range.data_len);
		} else {
			memcpy(range.data, requests[i]->buf, range.data_len);
		}
	}
	return count;
}

/* A read or write that is more than a copy of plain memory. */
static bool
has_to_move(const struct spdk_bdev_io *bdev_io)
{
	return (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) &&
		(bdev_io->u.bdev.memory_domain != NULL || bdev_io->u.bdev.accel_sequence != NULL);
}

static void
move_blocks(struct malloc_bdev *malloc_bdev, struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct malloc_channel *malloc_ch = spdk_io_channel_get_ctx(ch);
	struct malloc_range range = locate(malloc_bdev, bdev_io);

	malloc_move(bdev_io, malloc_ch->accel_ch, &range);
}

/*
 * Where accel does not come in, the data is there at once, so that the I/O is complete when this returns; the layer hands
 * completions on in batches.
 */
static void
bdev_malloc_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct malloc_bdev *malloc_bdev = bdev_io->bdev->ctxt;
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;

	if (spdk_unlikely(has_to_move(bdev_io))) {
		move_blocks(malloc_bdev, ch, bdev_io);
		return;
	}

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		status = read_blocks(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		status = write_blocks(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		unmap_blocks(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		write_zeroes(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		zero_copy(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_COPY:
		status = copy_blocks(malloc_bdev, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		/* An I/O is complete before anybody can ask, or its data are being moved, which cannot be stopped. */
	default:
		status = SPDK_BDEV_IO_STATUS_FAILED;
		break;
	}
	spdk_bdev_io_complete(bdev_io, status);
}

static bool
bdev_malloc_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ZCOPY:
	case SPDK_BDEV_IO_TYPE_ABORT:
	case SPDK_BDEV_IO_TYPE_COPY:
		return true;
	default:
		return false;
	}
}

/*
 * Of every domain, as it is accel that moves the data. Protection information is checked, and then the data are copied:
 * with it there are none, lest somebody changes what lies in a domain between the two.
 */
static int
bdev_malloc_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct malloc_bdev *malloc_bdev = ctx;
	struct spdk_memory_domain *domain;
	int count = 0;

	if (malloc_bdev->has_pi) {
		return 0;
	}
	for (domain = spdk_memory_domain_get_first(NULL); domain != NULL;
		domain = spdk_memory_domain_get_next(domain, NULL)) {
		if (count < array_size) {
			domains[count] = domain;
		}
		count++;
	}
	return count;
}

static bool
bdev_malloc_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return io_type == SPDK_BDEV_IO_TYPE_READ || io_type == SPDK_BDEV_IO_TYPE_WRITE;
}

/* One channel for all malloc bdevs of a thread: it has no state of theirs. */
static struct spdk_io_channel *
bdev_malloc_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_malloc_module);
}

static void
free_bdev(struct malloc_bdev *malloc_bdev)
{
	spdk_dma_free(malloc_bdev->md);
	spdk_dma_free(malloc_bdev->data);
	free(malloc_bdev->bdev.name);
	free(malloc_bdev);
}

static int
bdev_malloc_destruct(void *ctx)
{
	free_bdev(ctx);
	return 0;
}

static void
bdev_malloc_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct malloc_bdev *malloc_bdev = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_malloc_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	block_format_write_config(&malloc_bdev->format, w);
	spdk_json_write_named_bool(w, "md_interleave", malloc_bdev->format.md_interleave);
	spdk_json_write_named_uint32(w, "optimal_io_boundary", bdev->optimal_io_boundary);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table g_malloc_fn_table = {
	.destruct = bdev_malloc_destruct,
	.submit_request = bdev_malloc_submit_request,
	.io_type_supported = bdev_malloc_io_type_supported,
	.get_io_channel = bdev_malloc_get_io_channel,
	.write_config_json = bdev_malloc_write_config_json,
	.get_memory_domains = bdev_malloc_get_memory_domains,
	.accel_sequence_supported = bdev_malloc_accel_sequence_supported,
};

static char *
choose_name(const char *wanted)
{
	char *name = NULL;

	if (wanted != NULL) {
		return strdup(wanted);
	}
	/* A name that somebody has given by hand is passed over. */
	do {
		free(name);
		name = spdk_sprintf_alloc("Malloc%u", g_next_number++);
	} while (name != NULL && spdk_bdev_get_by_name(name) != NULL);
	return name;
}

/* Takes the memory of the disk, whose geometry is set. */
static int
map_memory(struct malloc_bdev *malloc_bdev)
{
	const struct spdk_bdev *bdev = &malloc_bdev->bdev;

	malloc_bdev->data = spdk_dma_zmalloc(bdev->blockcnt * bdev->blocklen, MALLOC_ALIGNMENT, NULL);
	malloc_bdev->past_caches = util_is_past_caches(bdev->blockcnt * bdev->blocklen);
	if (malloc_bdev->data == NULL) {
		return -ENOMEM;
	}
	if (bdev->md_len != 0 && !bdev->md_interleave) {
		malloc_bdev->md = spdk_dma_zmalloc(bdev->blockcnt * bdev->md_len, MALLOC_ALIGNMENT, NULL);
		if (malloc_bdev->md == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* Makes all blocks such that they can be read. */
static int
prepare_pi(struct malloc_bdev *malloc_bdev)
{
	const struct spdk_bdev *bdev = &malloc_bdev->bdev;
	struct malloc_range all = {
		.data = malloc_bdev->data,
		.data_len = bdev->blockcnt * bdev->blocklen,
		.md = malloc_bdev->md,
		.md_len = malloc_bdev->md != NULL ? bdev->blockcnt * bdev->md_len : 0,
	};
	int rc;

	if (bdev->dif_type == SPDK_DIF_DISABLE) {
		return 0;
	}
	rc = block_dif_unwritten_init(&malloc_bdev->unwritten, bdev);
	if (rc != 0) {
		return rc;
	}
	malloc_bdev->has_pi = true;
	make_unwritten(malloc_bdev, &all);
	return 0;
}

static void
fill_bdev(struct malloc_bdev *malloc_bdev, const struct malloc_bdev_opts *opts)
{
	struct spdk_bdev *bdev = &malloc_bdev->bdev;
	uint32_t max_clear = MALLOC_MAX_CLEAR;

	malloc_bdev->format = opts->format;
	block_format_apply(&opts->format, bdev);
	if (bdev->dif_type != SPDK_DIF_DISABLE && bdev->md_interleave) {
		max_clear = MALLOC_MAX_REWRITE;
	}
	bdev->blockcnt = opts->num_blocks;
	bdev->product_name = g_product_name;
	bdev->uuid = opts->uuid;
	bdev->write_cache = 1;
	bdev->optimal_io_boundary = opts->optimal_io_boundary;
	bdev->split_on_optimal_io_boundary = opts->optimal_io_boundary != 0;
	bdev->max_unmap = spdk_max(1, max_clear / bdev->blocklen);
	bdev->max_unmap_segments = 1;
	bdev->max_write_zeroes = bdev->max_unmap;
	bdev->ctxt = malloc_bdev;
	bdev->fn_table = &g_malloc_fn_table;
	bdev->module = &g_malloc_module;
}

int
bdev_malloc_create(const struct malloc_bdev_opts *opts, struct spdk_bdev **bdev, const char **why)
{
	struct malloc_bdev *malloc_bdev;
	int rc;

	*why = NULL;
	if (opts->name != NULL && opts->name[0] == '\0') {
		*why = "the name is empty; leave it out to have one chosen";
		return -EINVAL;
	}
	rc = block_format_check(&opts->format, opts->num_blocks, why);
	if (rc != 0) {
		return rc;
	}

	malloc_bdev = calloc(1, sizeof(*malloc_bdev));
	if (malloc_bdev == NULL) {
		return -ENOMEM;
	}
	fill_bdev(malloc_bdev, opts);
	rc = map_memory(malloc_bdev);
	if (rc != 0) {
		*why = "there is not enough memory for a bdev of this size";
		goto free_bdev;
	}
	rc = prepare_pi(malloc_bdev);
	if (rc != 0) {
		goto free_bdev;
	}
	malloc_bdev->bdev.name = choose_name(opts->name);
	if (malloc_bdev->bdev.name == NULL) {
		rc = -ENOMEM;
		goto free_bdev;
	}
	rc = spdk_bdev_register(&malloc_bdev->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		goto free_bdev;
	}
	if (!malloc_bdev->has_pi) {
		bdk_bdev_set_instant(&malloc_bdev->bdev, bdev_malloc_instant);
	}
	*bdev = &malloc_bdev->bdev;
	return 0;

free_bdev:
	free_bdev(malloc_bdev);
	return rc;
}

int
bdev_malloc_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_malloc_module, cb, cb_arg);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct malloc_channel *ch = ctx;

	ch->accel_ch = spdk_accel_get_io_channel();
	/* Without one although accel is running: there is no memory. */
	return ch->accel_ch == NULL && spdk_accel_get_memory_domain() != NULL ? -ENOMEM : 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct malloc_channel *ch = ctx;

	if (ch->accel_ch != NULL) {
		spdk_put_io_channel(ch->accel_ch);
	}
}

static int
bdev_malloc_get_ctx_size(void)
{
	return sizeof(struct malloc_move);
}

static int
bdev_malloc_module_init(void)
{
	return bdk_io_device_register(
		&g_malloc_module, create_channel_cb, destroy_channel_cb, sizeof(struct malloc_channel), "bdev_malloc");
}

static void
unregister_done_cb(void *io_device)
{
	spdk_bdev_module_fini_done();
}

static void
bdev_malloc_module_fini(void)
{
	spdk_io_device_unregister(&g_malloc_module, unregister_done_cb);
}
