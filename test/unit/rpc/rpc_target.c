/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A target with nothing but an RPC service, for tests of clients: rpc_target SOCKET. Its methods have parameters of
 * every type, and answer with what they were given. It ends when its standard input does.
 */

#include "spdk/stdinc.h"
#include "bdevkit/rpc.h"
#include "lib/rpc/rpc_internal.h"

struct all_types {
	char *name;
	bool flag;
	int32_t level;
	uint8_t tiny;
	uint64_t num_blocks;
	uint32_t block_size;
	struct spdk_uuid uuid;
	int mode;
	struct bdk_rpc_string_array list;
	const struct spdk_json_val *extra;
};

static const struct bdk_rpc_value g_modes[] = {{"fast", 1}, {"slow", 2}, {NULL, 0}};

static void
write_all_types(struct spdk_json_write_ctx *w, const struct all_types *p)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", p->name);
	spdk_json_write_named_bool(w, "flag", p->flag);
	spdk_json_write_named_int32(w, "level", p->level);
	spdk_json_write_named_uint8(w, "tiny", p->tiny);
	spdk_json_write_named_uint64(w, "num_blocks", p->num_blocks);
	spdk_json_write_named_uint32(w, "block_size", p->block_size);
	spdk_json_write_named_uuid(w, "uuid", &p->uuid);
	spdk_json_write_named_int32(w, "mode", p->mode);
	spdk_json_write_named_array_begin(w, "list");
	for (size_t i = 0; i < p->list.count; i++) {
		spdk_json_write_string(w, p->list.items[i]);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_name(w, "extra");
	if (p->extra != NULL) {
		spdk_json_write_val(w, p->extra);
	} else {
		spdk_json_write_null(w);
	}
	spdk_json_write_object_end(w);
}

static void
all_types(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	write_all_types(w, params);
	spdk_jsonrpc_end_result(request, w);
}

#define FIELD(_name) .name = #_name, .offset = offsetof(struct all_types, _name)

static const struct bdk_rpc_param g_params[] = {
	{FIELD(name), .type = BDK_RPC_STRING, .required = true, .option = 'b', .help = "name of 100 % of it"},
	{FIELD(flag), .type = BDK_RPC_BOOL, .option = 'f', .help = "whether", .default_text = "not"},
	{FIELD(level), .type = BDK_RPC_INT32, .min = (uint64_t)-10, .max = 10, .help = "level"},
	{FIELD(tiny), .type = BDK_RPC_UINT8},
	{FIELD(num_blocks), .type = BDK_RPC_UINT64, .required = true, .help = "size in blocks"},
	{FIELD(block_size), .type = BDK_RPC_UINT32, .required = true, .position = 2, .min = 1, .max = 65536,
		.help = "bytes of a block"},
	{FIELD(uuid), .type = BDK_RPC_UUID, .option = 'u'},
	{FIELD(mode), .type = BDK_RPC_ENUM, .values = g_modes, .option = 'm'},
	{FIELD(list), .type = BDK_RPC_STRING_ARRAY, .option = 'l'},
	{FIELD(extra), .type = BDK_RPC_JSON},
};

static const struct bdk_rpc_cli_param g_cli_params[] = {
	{.name = "total_size",
		.position = 1,
		.target = "num_blocks",
		.multiplier = 1024 * 1024,
		.divisor = "block_size",
		.help = "size in MiB"},
};

static const struct bdk_rpc_method g_test_all_types = {
	.name = "test_all_types",
	.summary = "Answer with the parameters.",
	.result = "object with all parameters",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = sizeof(g_params) / sizeof(g_params[0]),
	.cli_params = g_cli_params,
	.num_cli_params = 1,
	.params_size = sizeof(struct all_types),
	.handler = all_types,
};
BDK_RPC_REGISTER(g_test_all_types)

static void
echo(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	if (params == NULL) {
		spdk_json_write_string(w, "nothing");
	} else {
		spdk_json_write_val(w, params);
	}
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("test_undescribed", echo, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

static struct spdk_jsonrpc_request *g_open;

/* The request stays open until the process ends. */
static void
never(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	if (g_open != NULL) {
		spdk_jsonrpc_send_error_response(request, -EBUSY, "one is open already");
	} else {
		g_open = request;
	}
}
SPDK_RPC_REGISTER("test_never", never, SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME)

/* A small framework: two subsystems whose configuration is what was loaded last. */
static int g_started, g_loaded;

static void
start_init(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_started++;
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("framework_start_init", start_init, SPDK_RPC_STARTUP)

struct load_params {
	uint32_t value;
};

static void
load_early(struct spdk_jsonrpc_request *request, void *params)
{
	g_loaded += 1000 * ((struct load_params *)params)->value;
	spdk_jsonrpc_send_bool_response(request, true);
}

static void
load_late(struct spdk_jsonrpc_request *request, void *params)
{
	g_loaded += ((struct load_params *)params)->value;
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_param g_load_params[] = {
	{.name = "value", .type = BDK_RPC_UINT32, .offset = offsetof(struct load_params, value), .required = true},
};

static const struct bdk_rpc_method g_load_early = {
	.name = "test_load_early",
	.summary = "Count before the start.",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_load_params,
	.num_params = 1,
	.params_size = sizeof(struct load_params),
	.handler = load_early,
};
BDK_RPC_REGISTER(g_load_early)

static const struct bdk_rpc_method g_load_late = {
	.name = "test_load_late",
	.summary = "Count after the start.",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_load_params,
	.num_params = 1,
	.params_size = sizeof(struct load_params),
	.handler = load_late,
};
BDK_RPC_REGISTER(g_load_late)

static void
get_subsystems(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_array_begin(w);
	for (int i = 0; i < 2; i++) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "subsystem", i == 0 ? "one" : "none");
		spdk_json_write_named_array_begin(w, "depends_on");
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("framework_get_subsystems", get_subsystems, SPDK_RPC_RUNTIME)

static void
write_entry(struct spdk_json_write_ctx *w, const char *method, uint32_t value)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", method);
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint32(w, "value", value);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
get_config(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	if (spdk_json_strequal(&params[2], "none")) {
		spdk_json_write_null(w);
	} else {
		spdk_json_write_array_begin(w);
		write_entry(w, "test_load_early", g_loaded / 1000);
		write_entry(w, "test_load_late", g_loaded % 1000);
		spdk_json_write_array_end(w);
	}
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("framework_get_config", get_config, SPDK_RPC_RUNTIME)

int
main(int argc, char **argv)
{
	struct spdk_rpc_server *server;

	if (argc != 2 || rpc_server_open(argv[1], &server) != 0) {
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = rpc_server_get_fd(server), .events = POLLIN},
			{.fd = STDIN_FILENO, .events = POLLIN},
		};

		if (poll(fds, 2, -1) < 0 || fds[1].revents != 0) {
			break;
		}
		spdk_rpc_server_accept(server);
	}
	if (g_open != NULL) {
		spdk_jsonrpc_send_error_response(g_open, -ESHUTDOWN, "the target ends");
	}
	spdk_rpc_server_close(server);
	return 0;
}
