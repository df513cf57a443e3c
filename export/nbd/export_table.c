/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of exports: what name means which, and what connections ask about that. All on the app thread. */

#include "export/nbd/nbd_internal.h"

#include <endian.h>

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
	info.read_only = g_nbd_server.read_only || !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE);
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
	nbd_export_put(export);
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

static bool
is_automatic_name(const char *name)
{
	struct spdk_bdev *bdev = g_nbd_server.auto_export ? spdk_bdev_get_by_name(name) : NULL;

	return bdev != NULL && strcmp(spdk_bdev_get_name(bdev), name) == 0;
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
	/* Clients know that name as that of another disk. */
	if (is_automatic_name(opts.name) && spdk_bdev_get_by_name(opts.name) != spdk_bdev_get_by_name(bdev_name)) {
		return -EEXIST;
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
		return is_automatic_name(name) ? -EPERM : -ENOENT;
	}
	if (export->automatic) {
		return -EPERM;
	}
	export->deleted_cb = cb_fn;
	export->deleted_arg = cb_arg;
	nbd_export_end(export);
	return 0;
}
