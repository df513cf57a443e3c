/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What error says of itself, and what is armed. How a bdev over a base lives is in module/bdev/common/vbdev.c, the way of
 * an I/O in error_io.c.
 */

#include "module/bdev/error/error_internal.h"

#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/util.h"

static int vbdev_error_module_init(void);
static void vbdev_error_fini_start(void);
static void vbdev_error_module_fini(void);
static int vbdev_error_get_ctx_size(void);
static void vbdev_error_examine_config(struct spdk_bdev *bdev);
static int vbdev_error_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_error_module = {
	.name = "error",
	.module_init = vbdev_error_module_init,
	.fini_start = vbdev_error_fini_start,
	.module_fini = vbdev_error_module_fini,
	.get_ctx_size = vbdev_error_get_ctx_size,
	.examine_config = vbdev_error_examine_config,
	.config_json = vbdev_error_config_json,
};

SPDK_BDEV_MODULE_REGISTER(error, &g_error_module)

#define NVME_TYPES \
	((1u << SPDK_BDEV_IO_TYPE_NVME_ADMIN) | (1u << SPDK_BDEV_IO_TYPE_NVME_IO) | \
		(1u << SPDK_BDEV_IO_TYPE_NVME_IO_MD) | (1u << SPDK_BDEV_IO_TYPE_NVME_IOV_MD))

/* ---- What the layer asks of a bdev, except for I/O, which is in error_io.c ---- */

/*
 * What the base does by itself is done here, too; except for commands that are the device's own. Memory domains and
 * sequences are not taken: data of which a byte is to be changed must be at hand.
 */
static bool
vbdev_error_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct bdk_vbdev *error = ctx;

	return ((NVME_TYPES >> io_type) & 1) == 0 && spdk_bdev_io_type_supported(error->base, io_type);
}

static const char *
get_type_name(enum error_type type)
{
	switch (type) {
	case ERROR_FAILURE:
		return "failure";
	case ERROR_PENDING:
		return "pending";
	case ERROR_NOMEM:
		return "nomem";
	default:
		return "corrupt_data";
	}
}

static void
write_injection(struct spdk_json_write_ctx *w, enum spdk_bdev_io_type io_type, const struct error_injection *injection,
	uint64_t num_injected)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "io_type", spdk_bdev_get_io_type_name(io_type));
	if (injection->num > 0) {
		spdk_json_write_named_string(w, "error_type", get_type_name(injection->type));
		spdk_json_write_named_uint64(w, "queue_depth", injection->queue_depth);
		if (injection->type == ERROR_CORRUPT_DATA) {
			spdk_json_write_named_uint64(w, "corrupt_offset", injection->corrupt_offset);
			spdk_json_write_named_uint32(w, "corrupt_value", injection->corrupt_value);
		}
	}
	spdk_json_write_named_uint32(w, "remaining", injection->num);
	spdk_json_write_named_uint64(w, "injected", num_injected);
	spdk_json_write_object_end(w);
}

static void
write_injections(struct spdk_json_write_ctx *w, struct error_bdev *error)
{
	struct error_injection injections[SPDK_BDEV_NUM_IO_TYPES];
	uint64_t num_injected[SPDK_BDEV_NUM_IO_TYPES];

	spdk_spin_lock(&error->lock);
	memcpy(injections, error->injections, sizeof(injections));
	memcpy(num_injected, error->num_injected, sizeof(num_injected));
	spdk_spin_unlock(&error->lock);

	spdk_json_write_named_uint64(w, "held", atomic_load(&error->num_held));
	spdk_json_write_named_array_begin(w, "injections");
	for (int type = 0; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if (injections[type].num > 0 || num_injected[type] > 0) {
			write_injection(w, type, &injections[type], num_injected[type]);
		}
	}
	spdk_json_write_array_end(w);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_error_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct error_bdev *error = ctx;

	spdk_json_write_named_object_begin(w, "error_disk");
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_get_name(error->vbdev.base));
	write_injections(w, error);
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_error_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = error_io_submit,
	.io_type_supported = vbdev_error_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = vbdev_error_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
};

/* ---- What is its own ---- */

/* Namespace of the UUIDs of parts: this bdev is the part of its base that is all of it. */
static struct spdk_uuid g_part_namespace = {
	.u.raw = {0x97, 0x6b, 0x89, 0x9e, 0x3e, 0x1e, 0x4d, 0x71, 0xab, 0x69, 0xc2, 0xb0, 0x8e, 0x9d, 0xf8, 0xb8},
};

static int
set_uuid(struct bdk_vbdev *error, const struct spdk_uuid *wanted)
{
	struct {
		struct spdk_uuid base;
		uint64_t offset_blocks;
		uint64_t num_blocks;
	} name = {.base = *spdk_bdev_get_uuid(error->base), .num_blocks = error->bdev.blockcnt};

	if (!spdk_uuid_is_null(wanted)) {
		error->bdev.uuid = *wanted;
		return 0;
	}
	return spdk_uuid_generate_sha1(&error->bdev.uuid, &g_part_namespace, (const char *)&name, sizeof(name));
}

/* params: the UUID that is wanted. */
static int
init_error(struct bdk_vbdev *vbdev, const void *params, const char **why)
{
	struct error_bdev *error = SPDK_CONTAINEROF(vbdev, struct error_bdev, vbdev);
	int rc;

	bdk_vbdev_copy_properties(vbdev);
	rc = set_uuid(vbdev, params);
	if (rc == 0) {
		spdk_spin_init(&error->lock);
	}
	return rc;
}

static void
fini_error(struct bdk_vbdev *vbdev)
{
	spdk_spin_destroy(&SPDK_CONTAINEROF(vbdev, struct error_bdev, vbdev)->lock);
}

static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_string(w, "base_name", request->base_name);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
}

static char g_product_name[] = "Error Injection Disk";

static struct bdk_vbdev_kind g_error_kind = {
	.module = &g_error_module,
	.product_name = g_product_name,
	.fn_table = &g_error_fn_table,
	.vbdev_size = sizeof(struct error_bdev),
	.channel_size = sizeof(struct error_channel),
	.params_size = sizeof(struct spdk_uuid),
	.init = init_error,
	.fini = fini_error,
	.create_channel = error_channel_create,
	.leave = error_io_leave,
	.create_method = "bdev_error_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_error_kind.requests),
};

int
vbdev_error_create(const char *base_name, const struct spdk_uuid *uuid, const char **why)
{
	struct bdk_vbdev_opts opts = {.base_name = base_name, .uuid = *uuid};
	char *name;
	int rc;

	name = spdk_sprintf_alloc(ERROR_NAME_PREFIX "%s", base_name);
	if (name == NULL) {
		*why = NULL;
		return -ENOMEM;
	}
	opts.name = name;
	rc = bdk_vbdev_create(&g_error_kind, &opts, uuid, why);
	free(name);
	return rc;
}

int
vbdev_error_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return bdk_vbdev_delete(&g_error_kind, name, cb, cb_arg);
}

/* ---- What is armed ---- */

/* By its name or an alias; NULL: there is no error bdev of that name. */
static struct error_bdev *
find_bdev(const char *name)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	return bdev != NULL && bdev->module == &g_error_module ? bdev->ctxt : NULL;
}

static void
arm(struct error_bdev *error, uint64_t io_types, const struct error_injection *injection)
{
	spdk_spin_lock(&error->lock);
	for (int type = 0; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if ((io_types >> type) & 1) {
			error->injections[type] = *injection;
		}
	}
	if (injection->num > 0) {
		atomic_fetch_or(&error->armed, (uint32_t)io_types);
	} else {
		atomic_fetch_and(&error->armed, ~(uint32_t)io_types);
	}
	spdk_spin_unlock(&error->lock);
}

int
vbdev_error_inject(const char *name, uint64_t io_types, const struct error_injection *injection, const char **why)
{
	struct error_bdev *error = find_bdev(name);

	*why = NULL;
	if (error == NULL) {
		*why = "there is no error bdev of that name";
		return -ENODEV;
	}
	if (injection->type == ERROR_CORRUPT_DATA && injection->corrupt_value == 0) {
		*why = "a corrupt_value of 0 changes nothing";
		return -EINVAL;
	}
	if (injection->type == ERROR_NOMEM && ((io_types >> SPDK_BDEV_IO_TYPE_RESET) & 1)) {
		*why = "a reset cannot be tried again";
		return -EINVAL;
	}
	arm(error, io_types, injection);
	return 0;
}

int
vbdev_error_clear(const char *name, void (*cb)(void *cb_arg), void *cb_arg)
{
	static const struct error_injection none;
	struct error_bdev *error = find_bdev(name);

	if (error == NULL) {
		return -ENODEV;
	}
	arm(error, UINT32_MAX, &none);
	return error_io_resume(error, cb, cb_arg);
}

/* ---- The module ---- */

static void
vbdev_error_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_error_kind, bdev);
}

static int
vbdev_error_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_error_kind, w);
}

static int
vbdev_error_get_ctx_size(void)
{
	return sizeof(struct error_io);
}

static int
vbdev_error_module_init(void)
{
	return 0;
}

/* Shutdown does not wait for what is held. */
static void
vbdev_error_fini_start(void)
{
	bdk_vbdev_leave_all(&g_error_kind);
}

static void
vbdev_error_module_fini(void)
{
	bdk_vbdev_forget_all(&g_error_kind);
}
