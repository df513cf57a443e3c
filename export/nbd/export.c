/* SPDX-License-Identifier: BSD-3-Clause */

/* Exports: the table of names, their bdevs, and what connections ask of them. All on the app thread. */

#include "export/nbd/nbd_internal.h"

#include "spdk/bdev_module.h"

#include <endian.h>

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
	export->read_only = read_only;
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

static void
detach(void *arg)
{
	struct nbd_export *export = arg;

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
	}
}

void
nbd_export_detach(struct nbd_export *export)
{
	spdk_thread_send_msg(g_nbd_server.thread, detach, export);
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
	detach(export);
}

/* ---- walking over exports ---- */

struct export_walk {
	int (*fn)(void *ctx, const struct bdk_nbd_export_info *info);
	void *ctx;
	/* NULL: not known or none. */
	const char *default_name;
};

static int
tell(struct export_walk *walk, struct bdk_nbd_export_info *info)
{
	info->is_default = walk->default_name != NULL && strcmp(info->name, walk->default_name) == 0;
	return walk->fn(walk->ctx, info);
}

static int
tell_open(struct export_walk *walk, const struct nbd_export *export)
{
	struct bdk_nbd_export_info info = {
		.name = export->name,
		.bdev_name = export->bdev_name,
		.description = export->description,
		.read_only = export->read_only,
		.automatic = export->automatic,
		.num_connections = export->refs,
		.size = __atomic_load_n(&export->limits.size, __ATOMIC_RELAXED),
		.block_size = export->limits.block_size,
	};

	return tell(walk, &info);
}

static int
tell_automatic(void *ctx, struct nbd_export *export, struct spdk_bdev *bdev)
{
	struct bdk_nbd_export_info info = {0};

	if (export != NULL) {
		return tell_open(ctx, export);
	}
	info.name = spdk_bdev_get_name(bdev);
	info.bdev_name = info.name;
	info.read_only = !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE);
	info.automatic = true;
	info.block_size = spdk_bdev_get_data_block_size(bdev);
	info.size = spdk_bdev_get_num_blocks(bdev) * info.block_size;
	return tell(ctx, &info);
}

static int
walk_exports(struct export_walk *walk)
{
	struct nbd_export *export;

	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		int rc = export->automatic ? 0 : tell_open(walk, export);

		if (rc != 0) {
			return rc;
		}
	}
	return nbd_auto_export_for_each(tell_automatic, walk);
}

struct only_export {
	uint32_t count;
	char *name;
};

static int
count_export(void *ctx, const struct bdk_nbd_export_info *info)
{
	struct only_export *only = ctx;

	if (only->count++ == 0) {
		only->name = strdup(info->name);
	}
	return only->count > 1;
}

/* The name of the default export, to be freed; NULL if there is none. */
static char *
default_name(void)
{
	struct only_export only = {0};
	struct export_walk walk = {.fn = count_export, .ctx = &only};

	if (g_nbd_server.default_export[0] != '\0') {
		return strdup(g_nbd_server.default_export);
	}
	walk_exports(&walk);
	if (only.count == 1) {
		return only.name;
	}
	free(only.name);
	return NULL;
}

int
bdk_nbd_for_each_export(int (*fn)(void *ctx, const struct bdk_nbd_export_info *info), void *ctx)
{
	char *name = default_name();
	struct export_walk walk = {.fn = fn, .ctx = ctx, .default_name = name};
	int rc = walk_exports(&walk);

	free(name);
	return rc;
}

/* ---- names ---- */

static struct nbd_export *
find(const char *name)
{
	struct nbd_export *export;

	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		if (strcmp(export->name, name) == 0) {
			return export;
		}
	}
	return NULL;
}

static int
resolve_name(const char *name, struct nbd_export **export)
{
	*export = find(name);
	return *export != NULL ? 0 : nbd_auto_export_open(name, export);
}

static int
resolve(const char *name, struct nbd_export **export)
{
	char *default_export = NULL;
	int rc;

	if (g_nbd_server.state != NBD_SERVER_UP) {
		return -ESHUTDOWN;
	}
	if (name[0] == '\0') {
		default_export = default_name();
		if (default_export == NULL) {
			return -ENOENT;
		}
		name = default_export;
	}
	rc = resolve_name(name, export);
	free(default_export);
	return rc == -ENODEV ? -ENOENT : rc;
}

/* ---- questions of connections ---- */

static int
append_export(void *ctx, const struct bdk_nbd_export_info *info)
{
	struct nbd_query *query = ctx;
	uint32_t name_length = strlen(info->name);
	uint32_t description_length = info->description == NULL ? 0 : strlen(info->description);
	uint32_t name_length_be = htobe32(name_length);
	struct nbd_option_reply reply = {
		.magic = htobe64(NBD_OPTION_REPLY_MAGIC),
		.option = htobe32(NBD_OPT_LIST),
		.type = htobe32(NBD_REP_SERVER),
		.length = htobe32(sizeof(name_length_be) + name_length + description_length),
	};

	nbd_buffer_append(&query->list, &reply, sizeof(reply));
	nbd_buffer_append(&query->list, &name_length_be, sizeof(name_length_be));
	nbd_buffer_append(&query->list, info->name, name_length);
	nbd_buffer_append(&query->list, info->description, description_length);
	return query->list.failed ? -ENOMEM : 0;
}

static void
answer_about(struct nbd_query *query)
{
	struct nbd_export *export;

	query->rc = resolve(query->name, &export);
	if (query->rc != 0) {
		return;
	}
	query->limits = export->limits;
	query->export_name = strdup(export->name);
	query->description = export->description == NULL ? NULL : strdup(export->description);
	export->refs++;
	if (query->export_name == NULL) {
		query->rc = -ENOMEM;
	} else if (query->kind == NBD_QUERY_ATTACH) {
		query->export = export;
		return;
	}
	/* An automatic export that was opened for this is closed again. */
	detach(export);
}

static void
answered(void *arg)
{
	struct nbd_query *query = arg;

	query->answered = true;
	nbd_connection_wake(query->conn);
}

static void
answer(void *arg)
{
	struct nbd_query *query = arg;

	if (query->kind != NBD_QUERY_LIST) {
		answer_about(query);
	} else if (g_nbd_server.state != NBD_SERVER_UP) {
		query->rc = -ESHUTDOWN;
	} else {
		query->rc = bdk_nbd_for_each_export(append_export, query);
	}
	spdk_thread_send_msg(query->thread, answered, query);
}

/* A new bdev is not shown before all modules have looked at it and had their chance to claim it. */
static void
answer_after_examine(void *arg)
{
	if (!g_nbd_server.auto_export || spdk_bdev_wait_for_examine(answer, arg) != 0) {
		answer(arg);
	}
}

void
nbd_export_ask(struct nbd_query *query)
{
	query->thread = spdk_get_thread();
	spdk_thread_send_msg(g_nbd_server.thread, answer_after_examine, query);
}

void
nbd_query_free(struct nbd_query *query)
{
	free(query->export_name);
	free(query->description);
	free(query->list.data);
	free(query);
}

/* ---- the interface ---- */

static bool
is_name(const char *name)
{
	size_t length = strnlen(name, BDK_NBD_MAX_STRING + 1);

	return length > 0 && length <= BDK_NBD_MAX_STRING && nbd_string_is_valid(name, length);
}

int
bdk_nbd_export_create(const char *bdev_name, const struct bdk_nbd_export_opts *given)
{
	struct bdk_nbd_export_opts opts = {0};
	struct nbd_export *export, *old;
	int rc;

	if (g_nbd_server.state != NBD_SERVER_UP) {
		return -ESHUTDOWN;
	}
	if (given != NULL) {
		memcpy(&opts, given, spdk_min(given->size, sizeof(opts)));
	}
	if (opts.name == NULL) {
		opts.name = bdev_name;
	}
	if (opts.description != NULL && opts.description[0] == '\0') {
		opts.description = NULL;
	}
	if (!is_name(opts.name) || (opts.description != NULL && !is_name(opts.description))) {
		return -EINVAL;
	}
	old = find(opts.name);
	if (old != NULL && !old->automatic) {
		return -EEXIST;
	}
	export = nbd_export_alloc(opts.name, opts.description, opts.read_only);
	if (export == NULL) {
		return -ENOMEM;
	}
	rc = nbd_export_open(export, bdev_name);
	if (rc != 0) {
		nbd_export_free(export);
		return rc;
	}
	if (old != NULL) {
		/* The name means something else from now on. */
		nbd_export_end(old);
	}
	TAILQ_INSERT_TAIL(&g_nbd_server.exports, export, link);
	return 0;
}

int
bdk_nbd_export_delete(const char *name, void (*cb_fn)(void *cb_arg), void *cb_arg)
{
	struct nbd_export *export = find(name);

	if (export == NULL) {
		return -ENOENT;
	}
	if (export->automatic) {
		return -EPERM;
	}
	export->deleted_cb = cb_fn;
	export->deleted_arg = cb_arg;
	nbd_export_end(export);
	return 0;
}

void
nbd_export_end_all(void)
{
	while (!TAILQ_EMPTY(&g_nbd_server.exports)) {
		nbd_export_end(TAILQ_FIRST(&g_nbd_server.exports));
	}
}
