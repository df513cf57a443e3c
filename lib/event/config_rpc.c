/* SPDX-License-Identifier: BSD-3-Clause */

/* The subsystems and their configuration: list, save, load. */

#include "lib/event/app_internal.h"
#include "lib/event/config_load.h"
#include "lib/event/subsystem.h"

#include "bdevkit/module.h"
#include "bdevkit/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

/*
 * framework_get_subsystems, framework_get_config, framework_get_pci_devices
 */

static void
write_depends(struct spdk_subsystem *subsystem, struct spdk_json_write_ctx *w)
{
	struct spdk_subsystem_depend *depend;

	spdk_json_write_named_array_begin(w, "depends_on");
	for (depend = event_subsystem_first_depend(); depend; depend = event_subsystem_next_depend(depend)) {
		if (strcmp(depend->name, subsystem->name) == 0) {
			spdk_json_write_string(w, depend->depends_on);
		}
	}
	spdk_json_write_array_end(w);
}

static void
get_subsystems(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	struct spdk_subsystem *subsystem;

	spdk_json_write_array_begin(w);
	for (subsystem = event_subsystem_first(); subsystem; subsystem = event_subsystem_next(subsystem)) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "subsystem", subsystem->name);
		write_depends(subsystem, w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_subsystems = {
	.name = "framework_get_subsystems",
	.summary = "List the subsystems in the order in which they are started, and what each depends on",
	.result = "array of objects with subsystem and depends_on",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_subsystems,
};
BDK_RPC_REGISTER(g_get_subsystems)

struct name_params {
	char *name;
};

static const struct bdk_rpc_param g_get_config_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct name_params, name),
		.required = true,
		.position = 1,
		.help = "subsystem",
	},
};

static struct spdk_subsystem *
find_subsystem(struct spdk_jsonrpc_request *request, const char *name)
{
	struct spdk_subsystem *subsystem = event_subsystem_find(name);

	if (!subsystem) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "Subsystem '%s' not found", name);
	}
	return subsystem;
}

static void
get_config(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_subsystem *subsystem = find_subsystem(request, ((struct name_params *)params)->name);
	struct spdk_json_write_ctx *w;

	if (subsystem) {
		w = spdk_jsonrpc_begin_result(request);
		event_subsystem_write_config(subsystem, w);
		spdk_jsonrpc_end_result(request, w);
	}
}

static const struct bdk_rpc_method g_get_config = {
	.name = "framework_get_config",
	.summary = "Show the methods and parameters that recreate the present state of a subsystem",
	.result = "array of objects with method and params, or null",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_config_params,
	.num_params = SPDK_COUNTOF(g_get_config_params),
	.params_size = sizeof(struct name_params),
	.handler = get_config,
};
BDK_RPC_REGISTER(g_get_config)

static void
get_pci_devices(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	/* No module drives a PCI device yet, hence none is attached. */
	spdk_json_write_array_begin(w);
	spdk_json_write_array_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_get_pci_devices = {
	.name = "framework_get_pci_devices",
	.summary = "List the PCI devices that the application drives",
	.result = "array of objects",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = get_pci_devices,
};
BDK_RPC_REGISTER(g_get_pci_devices)

/*
 * save_config, save_subsystem_config
 */

static void
write_subsystem(struct spdk_subsystem *subsystem, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", subsystem->name);
	spdk_json_write_name(w, "config");
	event_subsystem_write_config(subsystem, w);
	spdk_json_write_object_end(w);
}

static int
has_file(void *ctx, const char *file)
{
	return 1;
}

static int
write_file(void *ctx, const char *file)
{
	spdk_json_write_string(ctx, file);
	return 0;
}

static void
save_config(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);
	struct spdk_subsystem *subsystem;

	spdk_json_write_object_begin(w);
	if (bdk_module_for_each_file(has_file, NULL)) {
		spdk_json_write_named_array_begin(w, "modules");
		bdk_module_for_each_file(write_file, w);
		spdk_json_write_array_end(w);
	}
	spdk_json_write_named_array_begin(w, "subsystems");
	for (subsystem = event_subsystem_first(); subsystem; subsystem = event_subsystem_next(subsystem)) {
		write_subsystem(subsystem, w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_save_config = {
	.name = "save_config",
	.summary = "Show the configuration that recreates the present state, in the form of a configuration file",
	.result = "object with subsystems, and with modules if files of them are loaded",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = save_config,
};
BDK_RPC_REGISTER(g_save_config)

static const struct bdk_rpc_param g_save_subsystem_config_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct name_params, name),
		.required = true,
		.option = 'n',
		.help = "subsystem",
	},
};

static void
save_subsystem_config(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_subsystem *subsystem = find_subsystem(request, ((struct name_params *)params)->name);
	struct spdk_json_write_ctx *w;

	if (subsystem) {
		w = spdk_jsonrpc_begin_result(request);
		write_subsystem(subsystem, w);
		spdk_jsonrpc_end_result(request, w);
	}
}

static const struct bdk_rpc_method g_save_subsystem_config = {
	.name = "save_subsystem_config",
	.summary = "Show the configuration that recreates the present state of a subsystem",
	.result = "object with subsystem and config",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_save_subsystem_config_params,
	.num_params = SPDK_COUNTOF(g_save_subsystem_config_params),
	.params_size = sizeof(struct name_params),
	.handler = save_subsystem_config,
};
BDK_RPC_REGISTER(g_save_subsystem_config)

/*
 * load_config, load_subsystem_config
 */

struct load_request {
	struct spdk_jsonrpc_request *request;
	struct event_config_load_opts opts;
	char error[512];
	/* load_subsystem_config only: its parameters, and the array of one subsystem that is made of them. */
	char *subsystem;
	struct spdk_json_val *values;
};

static void load_config_started(void *cb_arg, int rc);

static void
free_load_request(struct load_request *load)
{
	free(load->values);
	free(load->subsystem);
	free(load);
}

static void
finish_load(struct load_request *load, int rc)
{
	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(load->request, true);
	} else if (load->error[0]) {
		bdk_rpc_send_error(load->request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "%s", load->error);
	} else {
		bdk_rpc_send_errno(load->request, rc, "The configuration was not loaded");
	}
	free_load_request(load);
}

static void
load_done(void *cb_arg, int rc)
{
	finish_load(cb_arg, rc);
}

/* The methods for the STARTUP state were called. */
static void
load_config_startup_done(void *cb_arg, int rc)
{
	struct load_request *load = cb_arg;

	/* One of them may have been framework_start_init. */
	if (rc == 0 && spdk_rpc_get_state() == SPDK_RPC_STARTUP) {
		rc = event_app_start_subsystems(load_config_started, load);
		if (rc == 0) {
			return;
		}
		snprintf(load->error, sizeof(load->error), "The subsystems are being started already");
	}
	if (rc) {
		finish_load(load, rc);
		return;
	}

	load_config_started(load, 0);
}

/* The application runs. */
static void
load_config_started(void *cb_arg, int rc)
{
	struct load_request *load = cb_arg;

	if (rc == 0) {
		load->opts.all = false;
		load->opts.cb_fn = load_done;
		rc = event_config_load(&load->opts, NULL);
	}
	if (rc) {
		finish_load(load, rc);
	}
}

static struct load_request *
create_load_request(struct spdk_jsonrpc_request *request)
{
	struct load_request *load = calloc(1, sizeof(*load));

	if (!load) {
		bdk_rpc_send_errno(request, -ENOMEM, "The configuration was not loaded");
		return NULL;
	}

	load->request = request;
	load->opts.all = true;
	load->opts.stop_on_error = true;
	load->opts.cb_fn = load_done;
	load->opts.cb_arg = load;
	load->opts.error = load->error;
	load->opts.error_size = sizeof(load->error);
	return load;
}

struct load_config_params {
	const struct spdk_json_val *modules;
	const struct spdk_json_val *subsystems;
};

static const struct bdk_rpc_param g_load_config_params[] = {
	{
		.name = "modules",
		.type = BDK_RPC_JSON,
		.offset = offsetof(struct load_config_params, modules),
		.help = "array of modules to load first, as of module_load",
		.default_text = "none",
	},
	{
		.name = "subsystems",
		.type = BDK_RPC_JSON,
		.offset = offsetof(struct load_config_params, subsystems),
		.required = true,
		.help = "as in a configuration file",
	},
};

static void
load_config(struct spdk_jsonrpc_request *request, void *params)
{
	struct load_request *load = create_load_request(request);
	int rc;

	if (!load) {
		return;
	}

	load->opts.subsystems = ((struct load_config_params *)params)->subsystems;
	load->opts.modules = ((struct load_config_params *)params)->modules;
	if (spdk_rpc_get_state() == SPDK_RPC_STARTUP) {
		load->opts.cb_fn = load_config_startup_done;
	}
	rc = event_config_load(&load->opts, NULL);
	if (rc) {
		finish_load(load, rc);
	}
}

static const struct bdk_rpc_method g_load_config = {
	.name = "load_config",
	.summary = "Call the methods of a configuration; starts the subsystems if the application waits for that",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_load_config_params,
	.num_params = SPDK_COUNTOF(g_load_config_params),
	.params_size = sizeof(struct load_config_params),
	.handler = load_config,
};
BDK_RPC_REGISTER(g_load_config)

struct load_subsystem_config_params {
	char *subsystem;
	const struct spdk_json_val *config;
};

static const struct bdk_rpc_param g_load_subsystem_config_params[] = {
	{
		.name = "subsystem",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct load_subsystem_config_params, subsystem),
		.required = true,
		.help = "subsystem",
	},
	{
		.name = "config",
		.type = BDK_RPC_JSON,
		.offset = offsetof(struct load_subsystem_config_params, config),
		.required = true,
		.help = "array of objects with method and params, or null",
	},
};

/* [{"subsystem": name, "config": config}] */
static struct spdk_json_val *
wrap_config(char *name, const struct spdk_json_val *config)
{
	static char subsystem[] = "subsystem", member[] = "config";
	size_t length = spdk_json_val_len(config);
	struct spdk_json_val *values = calloc(length + 7, sizeof(*values));

	if (!values) {
		return NULL;
	}

	values[0] = (struct spdk_json_val){.len = length + 5, .type = SPDK_JSON_VAL_ARRAY_BEGIN};
	values[1] = (struct spdk_json_val){.len = length + 3, .type = SPDK_JSON_VAL_OBJECT_BEGIN};
	values[2] = (struct spdk_json_val){.start = subsystem, .len = strlen(subsystem), .type = SPDK_JSON_VAL_NAME};
	values[3] = (struct spdk_json_val){.start = name, .len = strlen(name), .type = SPDK_JSON_VAL_STRING};
	values[4] = (struct spdk_json_val){.start = member, .len = strlen(member), .type = SPDK_JSON_VAL_NAME};
	memcpy(&values[5], config, length * sizeof(*values));
	values[5 + length] = (struct spdk_json_val){.type = SPDK_JSON_VAL_OBJECT_END};
	values[6 + length] = (struct spdk_json_val){.type = SPDK_JSON_VAL_ARRAY_END};
	return values;
}

static void
load_subsystem_config(struct spdk_jsonrpc_request *request, void *params)
{
	struct load_subsystem_config_params *p = params;
	struct load_request *load;
	int rc = -ENOMEM;

	if (!find_subsystem(request, p->subsystem)) {
		return;
	}
	load = create_load_request(request);
	if (!load) {
		return;
	}

	load->subsystem = p->subsystem;
	p->subsystem = NULL;
	load->values = wrap_config(load->subsystem, p->config);
	load->opts.subsystems = load->values;
	if (load->values) {
		rc = event_config_load(&load->opts, NULL);
	}
	if (rc) {
		finish_load(load, rc);
	}
}

static const struct bdk_rpc_method g_load_subsystem_config = {
	.name = "load_subsystem_config",
	.summary = "Call the methods of a subsystem's configuration that are allowed in the present state",
	.result = "true",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params = g_load_subsystem_config_params,
	.num_params = SPDK_COUNTOF(g_load_subsystem_config_params),
	.params_size = sizeof(struct load_subsystem_config_params),
	.handler = load_subsystem_config,
};
BDK_RPC_REGISTER(g_load_subsystem_config)
