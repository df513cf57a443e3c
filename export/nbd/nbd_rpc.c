/* SPDX-License-Identifier: BSD-3-Clause */

/* The methods nbd_*. */

#include "export/nbd/nbd_internal.h"

#include "bdevkit/rpc.h"

/* ---- listeners ---- */

struct listener_params {
	char *address;
};

#define ADDRESS_HELP "unix:PATH, tcp:HOST:PORT or tcp:PORT (loopback)"

static const struct bdk_rpc_param g_listener_params[] = {
	{.name = "address",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct listener_params, address),
		.required = true,
		.position = 1,
		.help = ADDRESS_HELP},
};

static void
nbd_listener_create(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct listener_params *params = decoded;
	struct spdk_json_write_ctx *w;
	char bound[BDK_NBD_ADDRESS_SIZE];
	int rc = bdk_nbd_listen(params->address, bound);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "cannot listen on '%s' (%s)", params->address, ADDRESS_HELP);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, bound);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_nbd_listener_create = {
	.name = "nbd_listener_create",
	.summary = "Accept NBD clients on an address.",
	.result = "the address, with the port that was chosen",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_listener_params,
	.num_params = SPDK_COUNTOF(g_listener_params),
	.params_size = sizeof(struct listener_params),
	.handler = nbd_listener_create,
};
BDK_RPC_REGISTER(g_nbd_listener_create)

static void
nbd_listener_delete(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct listener_params *params = decoded;
	int rc = bdk_nbd_unlisten(params->address);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "no listener on '%s', see nbd_get_listeners", params->address);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_nbd_listener_delete = {
	.name = "nbd_listener_delete",
	.summary = "Accept no more NBD clients on an address; connections stay.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_listener_params,
	.num_params = SPDK_COUNTOF(g_listener_params),
	.params_size = sizeof(struct listener_params),
	.handler = nbd_listener_delete,
};
BDK_RPC_REGISTER(g_nbd_listener_delete)

static int
write_listener(void *ctx, const char *address)
{
	spdk_json_write_object_begin(ctx);
	spdk_json_write_named_string(ctx, "address", address);
	spdk_json_write_object_end(ctx);
	return 0;
}

static void
nbd_get_listeners(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	bdk_nbd_for_each_listener(write_listener, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_nbd_get_listeners = {
	.name = "nbd_get_listeners",
	.summary = "List the addresses on which NBD clients are accepted.",
	.result = "array of objects with address",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = nbd_get_listeners,
};
BDK_RPC_REGISTER(g_nbd_get_listeners)

/* ---- exports ---- */

struct export_create_params {
	char *bdev_name;
	char *name;
	char *description;
	bool read_only;
};

static const struct bdk_rpc_param g_export_create_params[] = {
	{.name = "bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct export_create_params, bdev_name),
		.required = true,
		.position = 1,
		.help = "name or alias of the bdev"},
	{.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct export_create_params, name),
		.option = 'n',
		.help = "name that clients ask for",
		.default_text = "the name given for the bdev"},
	{.name = "description",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct export_create_params, description),
		.option = 'd',
		.help = "text for people who list exports"},
	{.name = "read_only",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct export_create_params, read_only),
		.option = 'r',
		.help = "clients cannot write, and the bdev is not claimed",
		.default_text = "false"},
};

static void
explain_create_error(struct spdk_jsonrpc_request *request, int rc, const char *bdev_name, const char *name)
{
	switch (rc) {
	case -EEXIST:
		bdk_rpc_send_errno(request, rc, "an export '%s' exists, delete it first or give another name", name);
		break;
	case -EPERM:
		bdk_rpc_send_errno(request, rc,
			"bdev '%s' is claimed or open for writing elsewhere, export it read_only", bdev_name);
		break;
	case -ENODEV:
		bdk_rpc_send_errno(request, rc, "no bdev '%s', see bdev_get_bdevs", bdev_name);
		break;
	case -ENOTSUP:
		bdk_rpc_send_errno(request, rc,
			"bdev '%s' is zoned or its block size is not a power of two up to 65536", bdev_name);
		break;
	case -EINVAL:
		bdk_rpc_send_errno(
			request, rc, "name and description must be UTF-8 of at most %d bytes", BDK_NBD_MAX_STRING);
		break;
	default:
		bdk_rpc_send_errno(request, rc, "cannot export bdev '%s'", bdev_name);
		break;
	}
}

static void
nbd_export_create(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct export_create_params *params = decoded;
	const char *name = params->name != NULL ? params->name : params->bdev_name;
	struct bdk_nbd_export_opts opts = {
		.size = sizeof(opts),
		.name = name,
		.description = params->description,
		.read_only = params->read_only,
	};
	int rc = bdk_nbd_export_create(params->bdev_name, &opts);
	struct spdk_json_write_ctx *w;

	if (rc != 0) {
		explain_create_error(request, rc, params->bdev_name, name);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_nbd_export_create = {
	.name = "nbd_export_create",
	.summary = "Export a bdev to NBD clients under a name.",
	.result = "the name of the export",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_export_create_params,
	.num_params = SPDK_COUNTOF(g_export_create_params),
	.params_size = sizeof(struct export_create_params),
	.handler = nbd_export_create,
};
BDK_RPC_REGISTER(g_nbd_export_create)

struct export_delete_params {
	char *name;
};

static const struct bdk_rpc_param g_export_delete_params[] = {
	{.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct export_delete_params, name),
		.required = true,
		.position = 1,
		.help = "name of the export"},
};

static void
export_deleted_cb(void *cb_arg)
{
	spdk_jsonrpc_send_bool_response(cb_arg, true);
}

static void
nbd_export_delete(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct export_delete_params *params = decoded;
	int rc = bdk_nbd_export_delete(params->name, export_deleted_cb, request);

	if (rc == -EPERM) {
		bdk_rpc_send_errno(request, rc,
			"export '%s' is automatic, it ends with its bdev or with nbd_set_options auto_export",
			params->name);
	} else if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "no export '%s', see nbd_get_exports", params->name);
	}
}

static const struct bdk_rpc_method g_nbd_export_delete = {
	.name = "nbd_export_delete",
	.summary = "End an export and close its connections.",
	.result = "true, once the bdev is not used any more",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_export_delete_params,
	.num_params = SPDK_COUNTOF(g_export_delete_params),
	.params_size = sizeof(struct export_delete_params),
	.handler = nbd_export_delete,
};
BDK_RPC_REGISTER(g_nbd_export_delete)

struct uri_writer {
	struct spdk_json_write_ctx *w;
	const char *export_name;
};

/* Every byte of name and path may take three. */
#define URI_SIZE (3 * (BDK_NBD_MAX_STRING + BDK_NBD_ADDRESS_SIZE) + 64)

static int
write_uri(void *ctx, const char *address)
{
	struct uri_writer *writer = ctx;
	char *uri = malloc(URI_SIZE);

	if (uri != NULL && bdk_nbd_format_uri(address, writer->export_name, uri, URI_SIZE) > 0) {
		spdk_json_write_string(writer->w, uri);
	}
	free(uri);
	return 0;
}

static int
write_export(void *ctx, const struct bdk_nbd_export_info *info)
{
	struct uri_writer writer = {.w = ctx, .export_name = info->name};

	spdk_json_write_object_begin(ctx);
	spdk_json_write_named_string(ctx, "name", info->name);
	spdk_json_write_named_string(ctx, "bdev_name", info->bdev_name);
	spdk_json_write_named_string(ctx, "description", info->description != NULL ? info->description : "");
	spdk_json_write_named_bool(ctx, "read_only", info->read_only);
	spdk_json_write_named_bool(ctx, "automatic", info->automatic);
	spdk_json_write_named_bool(ctx, "default", info->is_default);
	spdk_json_write_named_uint32(ctx, "num_connections", info->num_connections);
	spdk_json_write_named_uint64(ctx, "size", info->size);
	spdk_json_write_named_uint32(ctx, "block_size", info->block_size);
	spdk_json_write_named_array_begin(ctx, "uris");
	bdk_nbd_for_each_listener(write_uri, &writer);
	spdk_json_write_array_end(ctx);
	spdk_json_write_object_end(ctx);
	return 0;
}

static void
nbd_get_exports(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	bdk_nbd_for_each_export(write_export, w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_nbd_get_exports = {
	.name = "nbd_get_exports",
	.summary = "List what NBD clients may ask for, automatic exports included.",
	.result =
		"array of exports: name, bdev_name, description, read_only, automatic, default, num_connections, size "
		"and block_size in bytes, uris",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = nbd_get_exports,
};
BDK_RPC_REGISTER(g_nbd_get_exports)

/* ---- connections ---- */

struct connection_answer {
	struct spdk_jsonrpc_request *request;
	struct spdk_json_write_ctx *w;
};

static void
begin_connections(struct connection_answer *answer)
{
	if (answer->w == NULL) {
		answer->w = spdk_jsonrpc_begin_result(answer->request);
		spdk_json_write_array_begin(answer->w);
	}
}

static int
write_connection(void *ctx, const struct bdk_nbd_connection_info *info)
{
	struct connection_answer *answer = ctx;

	begin_connections(answer);
	spdk_json_write_object_begin(answer->w);
	spdk_json_write_named_uint64(answer->w, "id", info->id);
	spdk_json_write_named_string(answer->w, "listener", info->listener);
	spdk_json_write_named_string(answer->w, "peer", info->peer);
	if (info->export_name != NULL) {
		spdk_json_write_named_string(answer->w, "export_name", info->export_name);
	}
	spdk_json_write_named_uint32(answer->w, "requests", info->requests);
	spdk_json_write_named_uint64(answer->w, "bytes_read", info->bytes_read);
	spdk_json_write_named_uint64(answer->w, "bytes_written", info->bytes_written);
	spdk_json_write_object_end(answer->w);
	return 0;
}

static void
connections_done(void *ctx, int rc)
{
	struct connection_answer *answer = ctx;

	if (rc != 0) {
		bdk_rpc_send_errno(answer->request, rc, "connections cannot be listed");
	} else {
		begin_connections(answer);
		spdk_json_write_array_end(answer->w);
		spdk_jsonrpc_end_result(answer->request, answer->w);
	}
	free(answer);
}

static void
nbd_get_connections(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct connection_answer *answer = calloc(1, sizeof(*answer));
	int rc = -ENOMEM;

	if (answer != NULL) {
		answer->request = request;
		rc = bdk_nbd_for_each_connection(write_connection, connections_done, answer);
	}
	if (rc != 0) {
		free(answer);
		bdk_rpc_send_errno(request, rc, "connections cannot be listed");
	}
}

static const struct bdk_rpc_method g_nbd_get_connections = {
	.name = "nbd_get_connections",
	.summary = "List the NBD clients that are connected.",
	.result = "array of connections: id, listener, peer, export_name (not during the handshake), requests being "
		  "worked on, bytes_read, bytes_written",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = nbd_get_connections,
};
BDK_RPC_REGISTER(g_nbd_get_connections)

/* ---- options ---- */

/* What is not given stays as it is. */
#define UNCHANGED 2

struct options_params {
	/* A bool, or UNCHANGED. */
	uint8_t auto_export;
	uint8_t read_only;
	char *default_export;
	uint32_t max_connections;
	uint32_t handshake_timeout_sec;
};

SPDK_STATIC_ASSERT(sizeof(bool) == sizeof(uint8_t), "a decoded bool goes into a byte");

static const struct options_params g_options_defaults = {.auto_export = UNCHANGED, .read_only = UNCHANGED};

static const struct bdk_rpc_param g_options_params[] = {
	{.name = "auto_export",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct options_params, auto_export),
		.help = "export every bdev that nobody has claimed, under its name",
		.default_text = "unchanged"},
	{.name = "read_only",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct options_params, read_only),
		.help = "let no client write, whatever its export says",
		.default_text = "unchanged"},
	{.name = "default_export",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct options_params, default_export),
		.help = "export for clients that ask for none by name; empty: the only one, if there is just one",
		.default_text = "unchanged"},
	{.name = "max_connections",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct options_params, max_connections),
		.min = 1,
		.help = "clients beyond this number are turned away",
		.default_text = "unchanged"},
	{.name = "handshake_timeout_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct options_params, handshake_timeout_sec),
		.min = 1,
		.help = "seconds that a client may take to choose its export",
		.default_text = "unchanged"},
};

static void
nbd_set_options(struct spdk_jsonrpc_request *request, void *decoded)
{
	struct options_params *params = decoded;
	struct bdk_nbd_options options = {.size = sizeof(options)};
	int rc;

	bdk_nbd_get_options(&options);
	if (params->auto_export != UNCHANGED) {
		options.auto_export = params->auto_export;
	}
	if (params->read_only != UNCHANGED) {
		options.read_only = params->read_only;
	}
	if (params->default_export != NULL) {
		options.default_export = params->default_export;
	}
	if (params->max_connections != 0) {
		options.max_connections = params->max_connections;
	}
	if (params->handshake_timeout_sec != 0) {
		options.handshake_timeout_sec = params->handshake_timeout_sec;
	}
	rc = bdk_nbd_set_options(&options);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "options are not changed");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_nbd_set_options = {
	.name = "nbd_set_options",
	.summary = "Change options of the NBD server.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_options_params,
	.num_params = SPDK_COUNTOF(g_options_params),
	.params_size = sizeof(struct options_params),
	.defaults = &g_options_defaults,
	.handler = nbd_set_options,
};
BDK_RPC_REGISTER(g_nbd_set_options)
