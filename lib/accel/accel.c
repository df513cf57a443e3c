/* SPDX-License-Identifier: BSD-3-Clause */

/* Modules and drivers, which module has which operation, start and stop. */

#include "lib/accel/accel_internal.h"
#include "lib/env/image.h"
#include "bdevkit/thread.h"
#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define DEFAULT_COUNT 2048

struct accel g_accel = {
	.modules = TAILQ_HEAD_INITIALIZER(g_accel.modules),
	.drivers = TAILQ_HEAD_INITIALIZER(g_accel.drivers),
	.opts =
		{
			.opts_size = sizeof(struct spdk_accel_opts),
			.small_cache_size = 128,
			.large_cache_size = 16,
			.task_count = DEFAULT_COUNT,
			.sequence_count = DEFAULT_COUNT,
			.buf_count = DEFAULT_COUNT,
		},
	.lock = ENV_MUTEX_INITIALIZER,
	.keys = TAILQ_HEAD_INITIALIZER(g_accel.keys),
	.channels = TAILQ_HEAD_INITIALIZER(g_accel.channels),
};

static const char *const g_opcode_names[] = {
	[SPDK_ACCEL_OPC_COPY] = "copy",
	[SPDK_ACCEL_OPC_FILL] = "fill",
	[SPDK_ACCEL_OPC_DUALCAST] = "dualcast",
	[SPDK_ACCEL_OPC_COMPARE] = "compare",
	[SPDK_ACCEL_OPC_CRC32C] = "crc32c",
	[SPDK_ACCEL_OPC_COPY_CRC32C] = "copy_crc32c",
	[SPDK_ACCEL_OPC_COMPRESS] = "compress",
	[SPDK_ACCEL_OPC_DECOMPRESS] = "decompress",
	[SPDK_ACCEL_OPC_ENCRYPT] = "encrypt",
	[SPDK_ACCEL_OPC_DECRYPT] = "decrypt",
	[SPDK_ACCEL_OPC_XOR] = "xor",
	[SPDK_ACCEL_OPC_DIF_VERIFY] = "dif_verify",
	[SPDK_ACCEL_OPC_DIF_VERIFY_COPY] = "dif_verify_copy",
	[SPDK_ACCEL_OPC_DIF_GENERATE] = "dif_generate",
	[SPDK_ACCEL_OPC_DIF_GENERATE_COPY] = "dif_generate_copy",
	[SPDK_ACCEL_OPC_DIX_GENERATE] = "dix_generate",
	[SPDK_ACCEL_OPC_DIX_VERIFY] = "dix_verify",
};

bool
accel_opcode_is_valid(enum spdk_accel_opcode opcode)
{
	return (unsigned int)opcode < SPDK_ACCEL_OPC_LAST;
}

const char *
spdk_accel_get_opcode_name(enum spdk_accel_opcode opcode)
{
	return accel_opcode_is_valid(opcode) ? g_opcode_names[opcode] : NULL;
}

/* ---- modules ---- */

struct spdk_accel_module_if *
spdk_accel_get_module(const char *name)
{
	struct spdk_accel_module_if *module;

	TAILQ_FOREACH (module, &g_accel.modules, tailq) {
		if (strcmp(module->name, name) == 0) {
			return module;
		}
	}
	return NULL;
}

void
spdk_accel_module_list_add(struct spdk_accel_module_if *accel_module)
{
	struct spdk_accel_module_if *other;

	if (accel_module->name == NULL || accel_module->module_init == NULL || accel_module->get_ctx_size == NULL ||
		accel_module->supports_opcode == NULL || accel_module->get_io_channel == NULL ||
		accel_module->submit_tasks == NULL) {
		SPDK_ERRLOG("accel module %s lacks a name or a callback that must be there\n",
			accel_module->name != NULL ? accel_module->name : "(none)");
		return;
	}
	if (spdk_accel_get_module(accel_module->name) != NULL) {
		if (!env_image_refuse("there is an accel module %s already", accel_module->name)) {
			SPDK_ERRLOG("there is an accel module %s already\n", accel_module->name);
		}
		return;
	}
	TAILQ_FOREACH (other, &g_accel.modules, tailq) {
		if (accel_module->priority < other->priority) {
			TAILQ_INSERT_BEFORE(other, accel_module, tailq);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&g_accel.modules, accel_module, tailq);
}

/* ---- drivers ---- */

static struct spdk_accel_driver *
find_driver(const char *name)
{
	struct spdk_accel_driver *driver;

	TAILQ_FOREACH (driver, &g_accel.drivers, tailq) {
		if (strcmp(driver->name, name) == 0) {
			return driver;
		}
	}
	return NULL;
}

void
spdk_accel_driver_register(struct spdk_accel_driver *driver)
{
	if (find_driver(driver->name) != NULL) {
		SPDK_ERRLOG("there is an accel driver %s already\n", driver->name);
		return;
	}
	TAILQ_INSERT_TAIL(&g_accel.drivers, driver, tailq);
}

static bool
is_fixed(const struct env_image *image, char **why)
{
	struct spdk_accel_module_if *module;
	struct spdk_accel_driver *driver;

	TAILQ_FOREACH (module, &g_accel.modules, tailq) {
		if (env_image_has(image, module)) {
			*why = spdk_sprintf_alloc("it has the accel module %s", module->name);
			return true;
		}
	}
	TAILQ_FOREACH (driver, &g_accel.drivers, tailq) {
		if (env_image_has(image, driver)) {
			*why = spdk_sprintf_alloc("it has the accel driver %s", driver->name);
			return true;
		}
	}
	return false;
}

/* Those that came after the start, or go before it. */
static void
forget(const struct env_image *image)
{
	struct spdk_accel_module_if *module, *next_module;
	struct spdk_accel_driver *driver, *next_driver;

	TAILQ_FOREACH_SAFE (module, &g_accel.modules, tailq, next_module) {
		if (env_image_has(image, module)) {
			TAILQ_REMOVE(&g_accel.modules, module, tailq);
		}
	}
	TAILQ_FOREACH_SAFE (driver, &g_accel.drivers, tailq, next_driver) {
		if (env_image_has(image, driver)) {
			TAILQ_REMOVE(&g_accel.drivers, driver, tailq);
		}
	}
}

static struct env_image_user g_accel_user = {
	.is_fixed = is_fixed,
	.forget = forget,
};
ENV_IMAGE_USER_REGISTER(g_accel_user)

int
spdk_accel_set_driver(const char *name)
{
	struct spdk_accel_driver *driver = NULL;

	if (name != NULL && name[0] != '\0') {
		driver = find_driver(name);
		if (driver == NULL) {
			SPDK_ERRLOG("there is no accel driver %s\n", name);
			return -ENODEV;
		}
	}
	g_accel.driver = driver;
	return 0;
}

const char *
spdk_accel_get_driver_name(void)
{
	return g_accel.driver != NULL ? g_accel.driver->name : NULL;
}

/* ---- options ---- */

/* Copies a member if the structure of the caller reaches as far. */
#define COPY_OPT(to, from, field, size) \
	do { \
		if (offsetof(struct spdk_accel_opts, field) + sizeof((to)->field) <= (size)) { \
			(to)->field = (from)->field; \
		} \
	} while (0)

static void
copy_opts(struct spdk_accel_opts *to, const struct spdk_accel_opts *from, size_t size)
{
	COPY_OPT(to, from, small_cache_size, size);
	COPY_OPT(to, from, large_cache_size, size);
	COPY_OPT(to, from, task_count, size);
	COPY_OPT(to, from, sequence_count, size);
	COPY_OPT(to, from, buf_count, size);
}

int
spdk_accel_set_opts(const struct spdk_accel_opts *opts)
{
	struct spdk_accel_opts new_opts = g_accel.opts;

	if (opts == NULL || opts->opts_size == 0) {
		SPDK_ERRLOG("accel options without opts_size\n");
		return -1;
	}
	copy_opts(&new_opts, opts, opts->opts_size);
	if (new_opts.task_count < ACCEL_TASKS_IN_SEQUENCE) {
		SPDK_ERRLOG("accel task_count is %u, the least is %u\n", new_opts.task_count, ACCEL_TASKS_IN_SEQUENCE);
		return -EINVAL;
	}
	g_accel.opts = new_opts;
	return 0;
}

void
spdk_accel_get_opts(struct spdk_accel_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size < sizeof(opts->opts_size)) {
		SPDK_ERRLOG("no room for accel options\n");
		return;
	}
	copy_opts(opts, &g_accel.opts, opts_size);
	opts->opts_size = opts_size;
}

/* ---- assignments ---- */

int
spdk_accel_assign_opc(enum spdk_accel_opcode opcode, const char *name)
{
	char *copy;

	if (g_accel.started || !accel_opcode_is_valid(opcode)) {
		return -EINVAL;
	}
	copy = strdup(name);
	if (copy == NULL) {
		return -ENOMEM;
	}
	free(g_accel.assignments[opcode].wanted);
	g_accel.assignments[opcode].wanted = copy;
	return 0;
}

int
spdk_accel_get_opc_module_name(enum spdk_accel_opcode opcode, const char **module_name)
{
	if (!accel_opcode_is_valid(opcode)) {
		return -EINVAL;
	}
	if (g_accel.assignments[opcode].module == NULL) {
		return -ENOENT;
	}
	*module_name = g_accel.assignments[opcode].module->name;
	return 0;
}

int
spdk_accel_get_opc_memory_domains(enum spdk_accel_opcode opcode, struct spdk_memory_domain **domains, int array_size)
{
	struct spdk_accel_module_if *module;

	if (!accel_opcode_is_valid(opcode)) {
		return -EINVAL;
	}
	module = g_accel.assignments[opcode].module;
	if (module == NULL || module->get_memory_domains == NULL) {
		return 0;
	}
	return module->get_memory_domains(domains, array_size);
}

uint8_t
spdk_accel_get_buf_align(enum spdk_accel_opcode opcode, const struct spdk_accel_operation_exec_ctx *ctx)
{
	struct spdk_accel_opcode_info module_info = {}, driver_info = {};
	struct spdk_accel_module_if *module;

	if (!accel_opcode_is_valid(opcode)) {
		return 0;
	}
	module = g_accel.assignments[opcode].module;
	if (module != NULL && module->get_operation_info != NULL &&
		module->get_operation_info(opcode, ctx, &module_info) != 0) {
		module_info.required_alignment = 0;
	}
	if (g_accel.driver != NULL && g_accel.driver->get_operation_info != NULL &&
		g_accel.driver->get_operation_info(opcode, ctx, &driver_info) != 0) {
		driver_info.required_alignment = 0;
	}
	return spdk_max(module_info.required_alignment, driver_info.required_alignment);
}

int
spdk_accel_get_compress_level_range(enum spdk_accel_comp_algo comp_algo, uint32_t *min_level, uint32_t *max_level)
{
	struct spdk_accel_module_if *module = g_accel.assignments[SPDK_ACCEL_OPC_COMPRESS].module;

	if (module == NULL || module->get_compress_level_range == NULL) {
		return -ENOTSUP;
	}
	return module->get_compress_level_range(comp_algo, min_level, max_level);
}

static int
apply_wanted(enum spdk_accel_opcode opcode)
{
	struct accel_assignment *assignment = &g_accel.assignments[opcode];
	struct spdk_accel_module_if *module = spdk_accel_get_module(assignment->wanted);

	if (module == NULL) {
		SPDK_ERRLOG("%s is assigned to accel module %s, which is not there\n", g_opcode_names[opcode],
			assignment->wanted);
		return -EINVAL;
	}
	if (!module->supports_opcode(opcode)) {
		SPDK_ERRLOG("%s is assigned to accel module %s, which does not support it\n", g_opcode_names[opcode],
			assignment->wanted);
		return -EINVAL;
	}
	assignment->module = module;
	return 0;
}

static int
check_pair(enum spdk_accel_opcode first, enum spdk_accel_opcode second)
{
	struct spdk_accel_module_if *one = g_accel.assignments[first].module,
				    *other = g_accel.assignments[second].module;

	if (one != other) {
		SPDK_ERRLOG("%s is assigned to accel module %s and %s to %s; one module must have both\n",
			g_opcode_names[first], one != NULL ? one->name : "(none)", g_opcode_names[second],
			other != NULL ? other->name : "(none)");
		return -EINVAL;
	}
	return 0;
}

static int
assign_opcodes(void)
{
	struct spdk_accel_module_if *module;
	enum spdk_accel_opcode opcode;
	int rc;

	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		struct accel_assignment *assignment = &g_accel.assignments[opcode];

		/* The last one has the highest priority. */
		TAILQ_FOREACH (module, &g_accel.modules, tailq) {
			if (module->supports_opcode(opcode)) {
				assignment->module = module;
			}
		}
		if (assignment->wanted != NULL) {
			rc = apply_wanted(opcode);
			if (rc != 0) {
				return rc;
			}
		}
		if (assignment->module == NULL) {
			SPDK_ERRLOG("no accel module supports %s\n", g_opcode_names[opcode]);
			return -EINVAL;
		}
		assignment->knows_domains = assignment->module->get_memory_domains != NULL &&
			assignment->module->get_memory_domains(NULL, 0) > 0;
		assignment->at_once = assignment->module == g_accel.at_once.module ? g_accel.at_once.fn : NULL;
	}
	rc = check_pair(SPDK_ACCEL_OPC_ENCRYPT, SPDK_ACCEL_OPC_DECRYPT);
	if (rc != 0) {
		return rc;
	}
	return check_pair(SPDK_ACCEL_OPC_COMPRESS, SPDK_ACCEL_OPC_DECOMPRESS);
}

/* ---- start ---- */

static int
init_modules(void)
{
	struct spdk_accel_module_if *module, *next;
	int rc, first_rc = 0;

	g_accel.task_size = sizeof(struct spdk_accel_task);
	TAILQ_FOREACH_SAFE (module, &g_accel.modules, tailq, next) {
		rc = module->module_init();
		if (rc == 0) {
			size_t size = module->get_ctx_size();

			g_accel.task_size = spdk_max(g_accel.task_size, size);
			continue;
		}
		TAILQ_REMOVE(&g_accel.modules, module, tailq);
		if (rc == -ENODEV) {
			continue;
		}
		SPDK_ERRLOG("accel module %s does not start: %s\n", module->name, spdk_strerror(-rc));
		if (first_rc == 0) {
			first_rc = rc;
		}
	}
	return first_rc;
}

int
spdk_accel_initialize(void)
{
	int rc;

	rc = spdk_iobuf_register_module("accel");
	if (rc != 0) {
		SPDK_ERRLOG("accel: no buffers: %s\n", spdk_strerror(-rc));
		return rc;
	}
	rc = accel_domain_create();
	if (rc != 0) {
		spdk_iobuf_unregister_module("accel");
		return rc;
	}
	rc = bdk_io_device_register(
		&g_accel, accel_channel_create, accel_channel_destroy, sizeof(struct accel_io_channel), "accel");
	if (rc != 0) {
		accel_domain_destroy();
		spdk_iobuf_unregister_module("accel");
		return rc;
	}
	/* From here on spdk_accel_finish() takes back what has been done. */
	g_accel.started = true;
	rc = init_modules();
	if (rc != 0) {
		return rc;
	}
	rc = assign_opcodes();
	if (rc != 0) {
		return rc;
	}
	if (g_accel.driver != NULL && g_accel.driver->init != NULL) {
		rc = g_accel.driver->init();
		if (rc != 0) {
			SPDK_ERRLOG("accel driver %s does not start: %s\n", g_accel.driver->name, spdk_strerror(-rc));
			g_accel.driver = NULL;
		}
	}
	return rc;
}

struct spdk_io_channel *
spdk_accel_get_io_channel(void)
{
	return g_accel.started ? spdk_get_io_channel(&g_accel) : NULL;
}

/* ---- stop: keys, channels, modules one after the other, last one first ---- */

static struct {
	spdk_accel_fini_cb cb_fn;
	void *cb_arg;
	struct spdk_thread *thread;
	struct spdk_accel_module_if *module;
	/* A module is being called, and has called back. */
	bool calling;
	bool called_back;
} g_finish;

static void
finish_end(void)
{
	enum spdk_accel_opcode opcode;

	if (g_accel.driver != NULL && g_accel.driver->fini != NULL) {
		g_accel.driver->fini();
	}
	g_accel.driver = NULL;
	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		free(g_accel.assignments[opcode].wanted);
		memset(&g_accel.assignments[opcode], 0, sizeof(g_accel.assignments[opcode]));
	}
	memset(&g_accel.stats, 0, sizeof(g_accel.stats));
	accel_domain_destroy();
	spdk_iobuf_unregister_module("accel");
	g_accel.started = false;
	g_finish.cb_fn(g_finish.cb_arg);
}

static void
finish_modules(void)
{
	while (g_finish.module != NULL) {
		struct spdk_accel_module_if *module = g_finish.module;

		g_finish.module = TAILQ_PREV(module, accel_module_list, tailq);
		if (module->module_fini == NULL) {
			continue;
		}
		g_finish.calling = true;
		g_finish.called_back = false;
		module->module_fini(NULL);
		g_finish.calling = false;
		if (!g_finish.called_back) {
			return;
		}
	}
	finish_end();
}

static void
module_finished_cb(void *ctx)
{
	finish_modules();
}

void
spdk_accel_module_finish(void)
{
	if (g_finish.calling && spdk_get_thread() == g_finish.thread) {
		g_finish.called_back = true;
	} else {
		spdk_thread_send_msg(g_finish.thread, module_finished_cb, NULL);
	}
}

static void
channels_gone_cb(void *io_device)
{
	g_finish.module = TAILQ_LAST(&g_accel.modules, accel_module_list);
	finish_modules();
}

void
spdk_accel_finish(spdk_accel_fini_cb cb_fn, void *cb_arg)
{
	g_finish.cb_fn = cb_fn;
	g_finish.cb_arg = cb_arg;
	g_finish.thread = spdk_get_thread();
	if (!g_accel.started) {
		cb_fn(cb_arg);
		return;
	}
	accel_keys_destroy();
	spdk_io_device_unregister(&g_accel, channels_gone_cb);
}

/* ---- configuration ---- */

static void
write_method(struct spdk_json_write_ctx *w, const char *method)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", method);
	spdk_json_write_named_object_begin(w, "params");
}

static void
end_method(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

void
spdk_accel_write_config_json(struct spdk_json_write_ctx *w)
{
	struct spdk_accel_module_if *module;
	enum spdk_accel_opcode opcode;

	spdk_json_write_array_begin(w);
	write_method(w, "accel_set_options");
	spdk_json_write_named_uint32(w, "small_cache_size", g_accel.opts.small_cache_size);
	spdk_json_write_named_uint32(w, "large_cache_size", g_accel.opts.large_cache_size);
	spdk_json_write_named_uint32(w, "task_count", g_accel.opts.task_count);
	spdk_json_write_named_uint32(w, "sequence_count", g_accel.opts.sequence_count);
	spdk_json_write_named_uint32(w, "buf_count", g_accel.opts.buf_count);
	end_method(w);
	if (g_accel.driver != NULL) {
		write_method(w, "accel_set_driver");
		spdk_json_write_named_string(w, "name", g_accel.driver->name);
		end_method(w);
	}
	TAILQ_FOREACH (module, &g_accel.modules, tailq) {
		if (module->write_config_json != NULL) {
			module->write_config_json(w);
		}
	}
	for (opcode = 0; opcode < SPDK_ACCEL_OPC_LAST; opcode++) {
		if (g_accel.assignments[opcode].wanted != NULL) {
			write_method(w, "accel_assign_opc");
			spdk_json_write_named_string(w, "opname", g_opcode_names[opcode]);
			spdk_json_write_named_string(w, "module", g_accel.assignments[opcode].wanted);
			end_method(w);
		}
	}
	accel_keys_write_config(w);
	spdk_json_write_array_end(w);
}
