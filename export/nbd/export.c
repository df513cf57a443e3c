/* SPDX-License-Identifier: BSD-3-Clause */

/* An export and its bdev: opened, claimed, watched, and let go of. All on the app thread. */

#include "export/nbd/nbd_internal.h"

#include "spdk/bdev_module.h"

/* NBD clients know no larger blocks. */
#define MAX_BLOCK_SIZE 65536
#define MIN_PREFERRED_SIZE 4096

/* Claims are made in the name of a module; this one has nothing else to do. */
static int
module_init(void)
{
	return 0;
}

static struct spdk_bdev_module g_nbd_module = {
	.name = "nbd_export",
	.module_init = module_init,
};

SPDK_BDEV_MODULE_REGISTER(nbd_export, &g_nbd_module)

/* ---- opening ---- */

int
nbd_export_check_bdev(struct spdk_bdev *bdev, const char *bdev_name)
{
	uint32_t block_size = spdk_bdev_get_data_block_size(bdev);
	const char *why = NULL;

	if (spdk_bdev_is_zoned(bdev)) {
		why = "NBD has no zones";
	} else if (block_size == 0 || (block_size & (block_size - 1)) != 0 || block_size > MAX_BLOCK_SIZE) {
		why = "its block size is not a power of two up to 65536";
	} else if (!spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ)) {
		why = "it cannot be read";
	}
	if (why != NULL && bdev_name != NULL) {
		SPDK_ERRLOG("bdev %s cannot be exported: %s\n", bdev_name, why);
	}
	return why == NULL ? 0 : -ENOTSUP;
}

static uint16_t
get_flags(struct spdk_bdev *bdev, const struct nbd_export *export)
{
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_CACHE;

	if (export->read_only) {
		return flags | NBD_FLAG_READ_ONLY | NBD_FLAG_CAN_MULTI_CONN;
	}
	/* A device with a cache that it cannot flush promises nothing, and so do we. */
	if (export->flush || !spdk_bdev_has_write_cache(bdev)) {
		/* The device is flushed as a whole, so it does not matter which connection has written. */
		flags |= NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_CAN_MULTI_CONN;
	}
	if (spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_UNMAP)) {
		flags |= NBD_FLAG_SEND_TRIM;
	}
	if (spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES)) {
		flags |= NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO;
	}
	return flags;
}

/* The largest piece for which the block-device layer has a buffer, with metadata and alignment. */
static uint32_t
get_piece_size(struct spdk_bdev *bdev, uint32_t block_size)
{
	uint64_t whole_block = spdk_bdev_get_block_size(bdev);
	uint32_t size = NBD_PIECE_SIZE;
	struct spdk_iobuf_opts opts;

	if (!spdk_bdev_is_md_interleaved(bdev)) {
		whole_block += spdk_bdev_get_md_size(bdev);
	}
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	while (size > block_size &&
		size / block_size * whole_block + spdk_bdev_get_buf_align(bdev) > opts.large_bufsize) {
		size /= 2;
	}
	return size;
}

static void
learn(struct nbd_export *export)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(export->desc);
	uint32_t block_size = spdk_bdev_desc_get_block_size(export->desc);

	export->flush = spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH);
	/* Asked of the module itself: the layer above would make up for what it lacks, by writing. */
	export->fast_zero = bdev->fn_table->io_type_supported(bdev->ctxt, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);
	export->seek = spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_SEEK_DATA) &&
		spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_SEEK_HOLE);
	export->hole_flags = NBD_STATE_HOLE | (bdev->holes_are_zeroes ? NBD_STATE_ZERO : 0);
	export->buf_align = spdk_bdev_get_buf_align(bdev);
	export->block_shift = spdk_u32log2(block_size);
	export->piece_size = get_piece_size(bdev, block_size);
	export->limits.block_size = block_size;
	export->limits.preferred_size =
		spdk_max(block_size, spdk_max(MIN_PREFERRED_SIZE, spdk_bdev_get_physical_block_size(bdev)));
	if ((export->limits.preferred_size & (export->limits.preferred_size - 1)) != 0) {
		export->limits.preferred_size = spdk_max(block_size, MIN_PREFERRED_SIZE);
	}
	export->limits.size = spdk_bdev_get_num_blocks(bdev) * block_size;
	export->limits.flags = get_flags(bdev, export);
}

static void
bdev_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct nbd_export *export = ctx;
	uint64_t size = spdk_bdev_get_num_blocks(bdev) << export->block_shift;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		SPDK_NOTICELOG("export '%s' ends: bdev %s is being removed\n", export->name, export->bdev_name);
		__atomic_store_n(&export->removed, true, __ATOMIC_RELAXED);
		nbd_export_end(export);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		/* The protocol cannot tell connected clients, but they may use what is new. */
		__atomic_store_n(&export->limits.size, size, __ATOMIC_RELAXED);
		SPDK_NOTICELOG("export '%s' now has %" PRIu64 " bytes\n", export->name, size);
		break;
	default:
		break;
	}
}

static int
claim(struct nbd_export *export)
{
	struct spdk_bdev_claim_opts opts;

	spdk_bdev_claim_opts_init(&opts, sizeof(opts));
	/* Several exports may show one bdev. */
	opts.shared_claim_key = (uint64_t)(uintptr_t)&g_nbd_module;
	snprintf(opts.name, sizeof(opts.name), "%.31s", export->name);
	return spdk_bdev_module_claim_bdev_desc(
		export->desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, &opts, &g_nbd_module);
}

static int
open_desc(struct nbd_export *export, const char *bdev_name)
{
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(bdev_name);

	if (bdev == NULL) {
		return -ENODEV;
	}
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = spdk_bdev_is_md_interleaved(bdev);
	return spdk_bdev_open_ext_v2(bdev_name, false, bdev_event_cb, export, &opts, &export->desc);
}

/* Closing is what ends a claim: the bdev is opened anew first, so that it cannot go meanwhile. */
static void
release_claim(struct nbd_export *export)
{
	struct spdk_bdev_desc *claimed = export->desc;

	if (open_desc(export, export->bdev_name) != 0) {
		/* It is going away, which ends the claim as well. */
		export->desc = claimed;
		return;
	}
	export->claimed = false;
	spdk_bdev_close(claimed);
}

void
nbd_export_make_read_only(struct nbd_export *export)
{
	export->read_only = true;
	__atomic_fetch_or(&export->limits.flags, NBD_FLAG_READ_ONLY, __ATOMIC_RELAXED);
	if (export->claimed && export->refs == 0) {
		release_claim(export);
	}
}

int
nbd_export_open(struct nbd_export *export, const char *bdev_name)
{
	struct spdk_bdev *bdev;
	int rc = open_desc(export, bdev_name);

	if (rc != 0) {
		export->desc = NULL;
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(export->desc);
	rc = nbd_export_check_bdev(bdev, bdev_name);
	export->read_only |= !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE);
	if (rc == 0 && !export->read_only) {
		rc = claim(export);
		export->claimed = rc == 0;
	}
	if (rc == 0) {
		export->bdev_name = strdup(spdk_bdev_get_name(bdev));
		rc = export->bdev_name == NULL ? -ENOMEM : 0;
	}
	if (rc != 0) {
		spdk_bdev_close(export->desc);
		export->desc = NULL;
		return rc;
	}
	learn(export);
	return 0;
}

struct nbd_export *
nbd_export_alloc(const char *name, const char *description, bool read_only)
{
	struct nbd_export *export = calloc(1, sizeof(*export));

	if (export == NULL) {
		return NULL;
	}
	export->read_only = read_only || g_nbd_server.read_only;
	export->name = strdup(name);
	export->description = description == NULL ? NULL : strdup(description);
	if (export->name == NULL || (description != NULL && export->description == NULL)) {
		nbd_export_free(export);
		return NULL;
	}
	return export;
}

void
nbd_export_free(struct nbd_export *export)
{
	if (export->desc != NULL) {
		spdk_bdev_close(export->desc);
	}
	if (export->deleted_cb != NULL) {
		export->deleted_cb(export->deleted_arg);
	}
	free(export->name);
	free(export->bdev_name);
	free(export->description);
	free(export);
}

/* ---- the end of an export ---- */

void
nbd_export_put(struct nbd_export *export)
{
	assert(export->refs > 0);
	if (--export->refs > 0) {
		return;
	}
	if (export->ending) {
		g_nbd_server.num_ending_exports--;
		nbd_export_free(export);
		nbd_server_check_stopped();
	} else if (export->automatic) {
		/* Nobody uses it: let go of the bdev. */
		TAILQ_REMOVE(&g_nbd_server.exports, export, link);
		nbd_export_free(export);
	} else if (export->claimed && export->read_only) {
		/* The last of those whose writes may have been under way has gone. */
		release_claim(export);
	}
}

static void
put_message(void *arg)
{
	nbd_export_put(arg);
}

void
nbd_export_detach(struct nbd_export *export)
{
	spdk_thread_send_msg(g_nbd_server.thread, put_message, export);
}

struct end_message {
	struct nbd_export *export;
	struct nbd_group *group;
};

static void
end_on_group(void *arg)
{
	struct end_message *message = arg;
	struct nbd_connection *conn;

	TAILQ_FOREACH (conn, &message->group->connections, link) {
		if (conn->export == message->export ||
			(conn->query != NULL && conn->query->answered && conn->query->export == message->export)) {
			nbd_connection_end_export(conn);
		}
	}
	nbd_export_detach(message->export);
	free(message);
}

void
nbd_export_end(struct nbd_export *export)
{
	if (export->ending) {
		return;
	}
	export->ending = true;
	TAILQ_REMOVE(&g_nbd_server.exports, export, link);
	g_nbd_server.num_ending_exports++;
	/* For this function, so that it is not freed underneath. */
	export->refs++;
	for (uint32_t i = 0; i < g_nbd_server.num_groups; i++) {
		struct end_message *message = malloc(sizeof(*message));

		if (message == NULL) {
			SPDK_ERRLOG("export '%s': out of memory, its clients stay until they go\n", export->name);
			continue;
		}
		*message = (struct end_message){.export = export, .group = g_nbd_server.groups[i]};
		export->refs++;
		spdk_thread_send_msg(message->group->thread, end_on_group, message);
	}
	nbd_export_put(export);
}

void
nbd_export_end_all(void)
{
	while (!TAILQ_EMPTY(&g_nbd_server.exports)) {
		nbd_export_end(TAILQ_FIRST(&g_nbd_server.exports));
	}
}
