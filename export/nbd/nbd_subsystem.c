/* SPDX-License-Identifier: BSD-3-Clause */

/* The subsystem "nbd": start, stop, options, saved configuration. */

#include "export/nbd/nbd_internal.h"

#include "spdk_internal/init.h"
#include "spdk/json.h"

#define DEFAULT_MAX_CONNECTIONS 1024
#define DEFAULT_HANDSHAKE_TIMEOUT_SEC 30

SPDK_LOG_REGISTER_COMPONENT(nbd)

static char g_no_name[] = "";

struct nbd_server g_nbd_server = {
	.listeners = TAILQ_HEAD_INITIALIZER(g_nbd_server.listeners),
	.exports = TAILQ_HEAD_INITIALIZER(g_nbd_server.exports),
	.default_export = g_no_name,
	.max_connections = DEFAULT_MAX_CONNECTIONS,
	.handshake_timeout_sec = DEFAULT_HANDSHAKE_TIMEOUT_SEC,
};

/* ---- start and stop ---- */

static void
started(int rc)
{
	g_nbd_server.state = rc == 0 ? NBD_SERVER_UP : NBD_SERVER_DOWN;
	spdk_subsystem_init_next(rc);
}

static void
nbd_subsystem_init(void)
{
	g_nbd_server.thread = spdk_get_thread();
	nbd_groups_start(started);
}

static void
set_default_export(char *name)
{
	if (g_nbd_server.default_export != g_no_name) {
		free(g_nbd_server.default_export);
	}
	g_nbd_server.default_export = name;
}

static void
stopped(void)
{
	g_nbd_server.state = NBD_SERVER_DOWN;
	set_default_export(g_no_name);
	spdk_subsystem_fini_next();
}

void
nbd_server_check_stopped(void)
{
	if (g_nbd_server.state == NBD_SERVER_STOPPING && g_nbd_server.num_connections == 0 &&
		g_nbd_server.num_ending_exports == 0) {
		/* Once only: messages that are still under way find it so. */
		g_nbd_server.state = NBD_SERVER_STOPPED;
		nbd_groups_stop(stopped);
	}
}

static void
end_connections(void *arg)
{
	struct nbd_group *group = arg;
	struct nbd_connection *conn;

	TAILQ_FOREACH (conn, &group->connections, link) {
		nbd_connection_end_export(conn);
	}
}

/* No new clients; those that are there get what they have coming; then the threads go. */
static void
nbd_subsystem_fini(void)
{
	__atomic_store_n(&g_nbd_server.state, NBD_SERVER_STOPPING, __ATOMIC_RELAXED);
	nbd_listener_close_all();
	nbd_export_end_all();
	/* Also those that have no export yet. */
	for (uint32_t i = 0; i < g_nbd_server.num_groups; i++) {
		spdk_thread_send_msg(g_nbd_server.groups[i]->thread, end_connections, g_nbd_server.groups[i]);
	}
	nbd_server_check_stopped();
}

/* ---- options ---- */

void
bdk_nbd_get_options(struct bdk_nbd_options *options)
{
	struct bdk_nbd_options all = {
		.size = options->size,
		.auto_export = g_nbd_server.auto_export,
		.read_only = g_nbd_server.read_only,
		.default_export = g_nbd_server.default_export,
		.max_connections = g_nbd_server.max_connections,
		.handshake_timeout_sec = g_nbd_server.handshake_timeout_sec,
	};

	memcpy(options, &all, spdk_min(options->size, sizeof(all)));
}

static void
set_read_only(bool read_only)
{
	struct nbd_export *export;

	g_nbd_server.read_only = read_only;
	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		if (read_only && !export->read_only) {
			nbd_export_make_read_only(export);
		}
	}
}

int
bdk_nbd_set_options(const struct bdk_nbd_options *given)
{
	struct bdk_nbd_options options = {.size = sizeof(options)};
	char *name;

	bdk_nbd_get_options(&options);
	memcpy(&options, given, spdk_min(given->size, sizeof(options)));
	if (options.max_connections == 0 || options.handshake_timeout_sec == 0 || options.default_export == NULL ||
		strlen(options.default_export) > BDK_NBD_MAX_STRING) {
		return -EINVAL;
	}
	name = options.default_export[0] == '\0' ? g_no_name : strdup(options.default_export);
	if (name == NULL) {
		return -ENOMEM;
	}
	set_default_export(name);
	g_nbd_server.max_connections = options.max_connections;
	g_nbd_server.handshake_timeout_sec = options.handshake_timeout_sec;
	if (g_nbd_server.auto_export && !options.auto_export) {
		nbd_auto_export_end_all();
	}
	g_nbd_server.auto_export = options.auto_export;
	set_read_only(options.read_only);
	return 0;
}

/* ---- saved configuration ---- */

static void
begin_entry(struct spdk_json_write_ctx *w, const char *method)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", method);
	spdk_json_write_named_object_begin(w, "params");
}

static void
end_entry(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static int
write_listener(void *ctx, const char *address)
{
	begin_entry(ctx, "nbd_listener_create");
	spdk_json_write_named_string(ctx, "address", address);
	end_entry(ctx);
	return 0;
}

static void
write_export(struct spdk_json_write_ctx *w, const struct nbd_export *export)
{
	begin_entry(w, "nbd_export_create");
	spdk_json_write_named_string(w, "bdev_name", export->bdev_name);
	spdk_json_write_named_string(w, "name", export->name);
	if (export->description != NULL) {
		spdk_json_write_named_string(w, "description", export->description);
	}
	spdk_json_write_named_bool(w, "read_only", export->read_only);
	end_entry(w);
}

/*
 * Exports first: with auto_export on, the name of one may be taken by a bdev. Listeners last, so that clients find what
 * they ask for.
 */
static void
nbd_subsystem_write_config_json(struct spdk_json_write_ctx *w)
{
	struct nbd_export *export;

	spdk_json_write_array_begin(w);
	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		if (!export->automatic) {
			write_export(w, export);
		}
	}
	begin_entry(w, "nbd_set_options");
	spdk_json_write_named_bool(w, "auto_export", g_nbd_server.auto_export);
	spdk_json_write_named_bool(w, "read_only", g_nbd_server.read_only);
	spdk_json_write_named_string(w, "default_export", g_nbd_server.default_export);
	spdk_json_write_named_uint32(w, "max_connections", g_nbd_server.max_connections);
	spdk_json_write_named_uint32(w, "handshake_timeout_sec", g_nbd_server.handshake_timeout_sec);
	end_entry(w);
	bdk_nbd_for_each_listener(write_listener, w);
	spdk_json_write_array_end(w);
}

static struct spdk_subsystem g_nbd_subsystem = {
	.name = "nbd",
	.init = nbd_subsystem_init,
	.fini = nbd_subsystem_fini,
	.write_config_json = nbd_subsystem_write_config_json,
};

SPDK_SUBSYSTEM_REGISTER(g_nbd_subsystem)
SPDK_SUBSYSTEM_DEPEND(nbd, bdev)
SPDK_SUBSYSTEM_DEPEND(nbd, iobuf)
