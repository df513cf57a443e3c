/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods of the accel framework. */

#include "lib/accel/accel_internal.h"
#include "bdevkit/rpc.h"
#include "spdk/string.h"

/* ---- who does what ---- */

static void
get_opc_assignments(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	enum spdk_accel_opcode opcode;
	const char *name;

	spdk_json_write_object_begin(w);
	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		if (spdk_accel_get_opc_module_name(opcode, &name) == 0) {
			spdk_json_write_named_string(w, spdk_accel_get_opcode_name(opcode), name);
		}
	}
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method accel_get_opc_assignments = {
	.name = "accel_get_opc_assignments",
	.summary = "Shows which module carries out each operation on data.",
	.result = "object of operation names, each with the name of its module",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_opc_assignments,
};
BDK_RPC_REGISTER(accel_get_opc_assignments)

static void
get_module_info(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	struct spdk_accel_module_if *module;
	enum spdk_accel_opcode opcode;

	spdk_json_write_array_begin(w);
	TAILQ_FOREACH (module, &g_accel.modules, tailq) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "module", module->name);
		spdk_json_write_named_array_begin(w, "supported ops");
		for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
			if (module->supports_opcode(opcode)) {
				spdk_json_write_string(w, spdk_accel_get_opcode_name(opcode));
			}
		}
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method accel_get_module_info = {
	.name = "accel_get_module_info",
	.summary = "Lists the modules that carry out operations on data, and the operations that each supports.",
	.result = "array of modules",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_module_info,
};
BDK_RPC_REGISTER(accel_get_module_info)

static const struct bdk_rpc_method accel_get_engine_info = {
	.name = "accel_get_engine_info",
	.summary = "Old name of accel_get_module_info.",
	.result = "array of modules",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_module_info,
};
BDK_RPC_REGISTER(accel_get_engine_info)

struct assign_params {
	char *opname;
	char *module;
};

static const struct bdk_rpc_param g_assign_params[] = {
	{.name = "opname",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct assign_params, opname),
		.required = true,
		.option = 'o',
		.help = "operation: copy, fill, crc32c, encrypt and so on"},
	{.name = "module",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct assign_params, module),
		.required = true,
		.option = 'm',
		.help = "name of the module that is to carry it out"},
};

static void
assign_opc(struct spdk_jsonrpc_request *request, void *params)
{
	struct assign_params *p = params;
	enum spdk_accel_opcode opcode;
	int rc;

	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		if (strcmp(spdk_accel_get_opcode_name(opcode), p->opname) == 0) {
			break;
		}
	}
	if (opcode == SPDK_ACCEL_OPC_LAST) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"there is no operation %s; accel_get_module_info lists them", p->opname);
		return;
	}
	rc = spdk_accel_assign_opc(opcode, p->module);
	if (rc != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "%s cannot be assigned to %s: %s",
			p->opname, p->module, spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method accel_assign_opc = {
	.name = "accel_assign_opc",
	.summary = "Gives an operation on data to a module, whatever its priority. Before framework_start_init.",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_assign_params,
	.num_params = SPDK_COUNTOF(g_assign_params),
	.params_size = sizeof(struct assign_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = assign_opc,
};
BDK_RPC_REGISTER(accel_assign_opc)

struct driver_params {
	char *name;
};

static const struct bdk_rpc_param g_driver_params[] = {
	{.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct driver_params, name),
		.position = 1,
		.help = "name of the driver",
		.default_text = "no driver"},
};

static void
set_driver(struct spdk_jsonrpc_request *request, void *params)
{
	struct driver_params *p = params;
	int rc = spdk_accel_set_driver(p->name);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "accel driver %s", p->name);
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method accel_set_driver = {
	.name = "accel_set_driver",
	.summary = "Makes sequences of operations go to a driver first. Before framework_start_init.",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_driver_params,
	.num_params = SPDK_COUNTOF(g_driver_params),
	.params_size = sizeof(struct driver_params),
	.params_rule = BDK_RPC_PARAMS_REQUIRED,
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = set_driver,
};
BDK_RPC_REGISTER(accel_set_driver)

/* ---- options ---- */

/* What is not given has to stay as it is: a value that no option can have stands for it. */
struct option_params {
	uint64_t small_cache_size;
	uint64_t large_cache_size;
	uint64_t task_count;
	uint64_t sequence_count;
	uint64_t buf_count;
};

static const struct option_params g_option_defaults = {
	.small_cache_size = UINT64_MAX,
	.large_cache_size = UINT64_MAX,
	.task_count = UINT64_MAX,
	.sequence_count = UINT64_MAX,
	.buf_count = UINT64_MAX,
};

#define OPTION(field, text) \
	{ \
		.name = #field, .type = BDK_RPC_UINT64, .offset = offsetof(struct option_params, field), \
		.max = UINT32_MAX, .help = text, .default_text = "unchanged" \
	}

static const struct bdk_rpc_param g_option_params[] = {
	OPTION(small_cache_size, "small buffers that each thread keeps"),
	OPTION(large_cache_size, "large buffers that each thread keeps"),
	OPTION(task_count, "operations that each thread can have at a time, 8 at least"),
	OPTION(sequence_count, "sequences that each thread can have at a time"),
	OPTION(buf_count, "buffers of sequences that each thread can have at a time"),
};

static void
set_option(uint32_t *option, uint64_t value)
{
	if (value != UINT64_MAX) {
		*option = value;
	}
}

static void
set_options(struct spdk_jsonrpc_request *request, void *params)
{
	struct option_params *p = params;
	struct spdk_accel_opts opts;
	uint32_t value;
	int rc;

	spdk_accel_get_opts(&opts, sizeof(opts));
#define SET(field) (value = opts.field, set_option(&value, p->field), opts.field = value)
	SET(small_cache_size);
	SET(large_cache_size);
	SET(task_count);
	SET(sequence_count);
	SET(buf_count);
#undef SET
	rc = spdk_accel_set_opts(&opts);
	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "accel options: task_count has to be 8 at least");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method accel_set_options = {
	.name = "accel_set_options",
	.summary = "Sets how much each thread keeps ready for operations on data. Before framework_start_init.",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP,
	.params = g_option_params,
	.num_params = SPDK_COUNTOF(g_option_params),
	.params_size = sizeof(struct option_params),
	.defaults = &g_option_defaults,
	.params_rule = BDK_RPC_PARAMS_REQUIRED,
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = set_options,
};
BDK_RPC_REGISTER(accel_set_options)

/* ---- statistics ---- */

struct stat_request {
	struct spdk_jsonrpc_request *rpc;
	struct accel_stats stats;
	uint64_t tasks_in_use;
	uint64_t sequences_in_use;
};

static void
add_channel_cb(struct spdk_io_channel_iter *i)
{
	struct stat_request *request = spdk_io_channel_iter_get_ctx(i);
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	accel_stats_add(&request->stats, &ch->stats);
	request->tasks_in_use += ch->tasks.in_use;
	request->sequences_in_use += ch->sequences.in_use;
	spdk_for_each_channel_continue(i, 0);
}

static void
write_operations(struct spdk_json_write_ctx *w, const struct accel_stats *stats)
{
	enum spdk_accel_opcode opcode;
	const char *module;

	spdk_json_write_named_array_begin(w, "operations");
	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		const struct spdk_accel_opcode_stats *op = &stats->operations[opcode];

		if (op->executed + op->failed == 0 || spdk_accel_get_opc_module_name(opcode, &module) != 0) {
			continue;
		}
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "opcode", spdk_accel_get_opcode_name(opcode));
		spdk_json_write_named_string(w, "module_name", module);
		spdk_json_write_named_uint64(w, "executed", op->executed);
		spdk_json_write_named_uint64(w, "failed", op->failed);
		spdk_json_write_named_uint64(w, "num_bytes", op->num_bytes);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

static void
stat_done_cb(struct spdk_io_channel_iter *i, int status)
{
	struct stat_request *request = spdk_io_channel_iter_get_ctx(i);
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request->rpc);

	env_mutex_lock(&g_accel.lock);
	accel_stats_add(&request->stats, &g_accel.stats);
	env_mutex_unlock(&g_accel.lock);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_uint64(w, "sequence_executed", request->stats.sequence_executed);
	spdk_json_write_named_uint64(w, "sequence_failed", request->stats.sequence_failed);
	spdk_json_write_named_uint64(w, "sequence_outstanding", request->sequences_in_use);
	spdk_json_write_named_uint64(w, "task_outstanding", request->tasks_in_use);
	write_operations(w, &request->stats);
	spdk_json_write_named_uint64(w, "retry_task", request->stats.retry.task);
	spdk_json_write_named_uint64(w, "retry_sequence", request->stats.retry.sequence);
	spdk_json_write_named_uint64(w, "retry_iobuf", request->stats.retry.iobuf);
	spdk_json_write_named_uint64(w, "retry_bufdesc", request->stats.retry.bufdesc);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request->rpc, w);
	free(request);
}

static void
get_stats(struct spdk_jsonrpc_request *rpc, void *params)
{
	struct stat_request *request = calloc(1, sizeof(*request));

	if (request == NULL) {
		bdk_rpc_send_errno(rpc, -ENOMEM, "accel statistics");
		return;
	}
	request->rpc = rpc;
	spdk_for_each_channel(&g_accel, add_channel_cb, request, stat_done_cb);
}

static const struct bdk_rpc_method accel_get_stats = {
	.name = "accel_get_stats",
	.summary = "Shows how many operations on data have been carried out, by which modules, and what ran short.",
	.result = "object",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_IGNORED,
	.handler = get_stats,
};
BDK_RPC_REGISTER(accel_get_stats)

/* ---- keys ---- */

static const struct bdk_rpc_param g_create_params[] = {
	{.name = "cipher",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct spdk_accel_crypto_key_create_param, cipher),
		.required = true,
		.option = 'c',
		.help = "AES_XTS or AES_CBC"},
	{.name = "key",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct spdk_accel_crypto_key_create_param, hex_key),
		.required = true,
		.option = 'k',
		.secret = true,
		.help = "key in hexadecimal digits: 32 or 64 of them"},
	{.name = "key2",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct spdk_accel_crypto_key_create_param, hex_key2),
		.option = 'e',
		.secret = true,
		.help = "tweak key of AES_XTS, as long as key and different from it"},
	{.name = "tweak_mode",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct spdk_accel_crypto_key_create_param, tweak_mode),
		.option = 't',
		.help = "how the block address becomes the tweak: SIMPLE_LBA, JOIN_NEG_LBA_WITH_LBA, INCR_512_FULL_LBA "
			"or INCR_512_UPPER_LBA",
		.default_text = "SIMPLE_LBA"},
	{.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct spdk_accel_crypto_key_create_param, key_name),
		.required = true,
		.option = 'n',
		.help = "name of the new key"},
};

static void
crypto_key_create(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_accel_crypto_key_create_param *p = params;
	const char *fault;
	int rc = spdk_accel_crypto_key_create(p);

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
		return;
	}
	fault = accel_key_get_fault();
	bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "failed to create DEK, rc %d: %s", rc,
		fault[0] != '\0' ? fault : spdk_strerror(-rc));
}

static const struct bdk_rpc_method accel_crypto_key_create = {
	.name = "accel_crypto_key_create",
	.summary = "Makes a key for encryption.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct spdk_accel_crypto_key_create_param),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = crypto_key_create,
};
BDK_RPC_REGISTER(accel_crypto_key_create)

struct key_params {
	char *key_name;
};

static const struct bdk_rpc_param g_destroy_params[] = {
	{.name = "key_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct key_params, key_name),
		.required = true,
		.option = 'n',
		.help = "name of the key"},
};

static void
crypto_key_destroy(struct spdk_jsonrpc_request *request, void *params)
{
	struct key_params *p = params;
	struct spdk_accel_crypto_key *key = spdk_accel_crypto_key_get(p->key_name);
	int rc;

	if (key == NULL) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "No key object found: %s", p->key_name);
		return;
	}
	rc = spdk_accel_crypto_key_destroy(key);
	if (rc != 0) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "key %s cannot be destroyed: %s",
			p->key_name, spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method accel_crypto_key_destroy = {
	.name = "accel_crypto_key_destroy",
	.summary = "Destroys a key that is not in use, and wipes it from memory.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_destroy_params,
	.num_params = SPDK_COUNTOF(g_destroy_params),
	.params_size = sizeof(struct key_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = crypto_key_destroy,
};
BDK_RPC_REGISTER(accel_crypto_key_destroy)

static const struct bdk_rpc_param g_get_params[] = {
	{.name = "key_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct key_params, key_name),
		.option = 'k',
		.help = "name of the key",
		.default_text = "all keys"},
};

static void
write_key(struct spdk_json_write_ctx *w, const struct spdk_accel_crypto_key *key)
{
	const struct spdk_accel_crypto_key_create_param *param = &key->param;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", param->key_name);
	spdk_json_write_named_string(w, "cipher", param->cipher);
	spdk_json_write_named_string(w, "key", param->hex_key);
	if (param->hex_key2 != NULL) {
		spdk_json_write_named_string(w, "key2", param->hex_key2);
	}
	if (param->tweak_mode != NULL) {
		spdk_json_write_named_string(w, "tweak_mode", param->tweak_mode);
	}
	spdk_json_write_object_end(w);
}

static void
crypto_keys_get(struct spdk_jsonrpc_request *request, void *params)
{
	struct key_params *p = params;
	struct spdk_accel_crypto_key *key;
	struct spdk_json_write_ctx *w;

	if (p->key_name != NULL && spdk_accel_crypto_key_get(p->key_name) == NULL) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "key was not found: %s", p->key_name);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_array_begin(w);
	env_mutex_lock(&g_accel.lock);
	TAILQ_FOREACH (key, &g_accel.keys, link) {
		if (p->key_name == NULL || strcmp(p->key_name, key->param.key_name) == 0) {
			write_key(w, key);
		}
	}
	env_mutex_unlock(&g_accel.lock);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method accel_crypto_keys_get = {
	.name = "accel_crypto_keys_get",
	.summary = "Shows keys, with all that they are made of.",
	.result = "array of keys",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_params,
	.num_params = SPDK_COUNTOF(g_get_params),
	.params_size = sizeof(struct key_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = crypto_keys_get,
};
BDK_RPC_REGISTER(accel_crypto_keys_get)
