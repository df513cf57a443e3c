/* SPDX-License-Identifier: BSD-3-Clause */

/* What passthru says of itself; how a bdev over a base lives is in module/bdev/common/vbdev.c. */

#include "module/bdev/passthru/vbdev_passthru.h"

#include "bdevkit/bdev_module.h"
#include "spdk/json.h"
#include "spdk/log.h"

static int vbdev_passthru_module_init(void);
static void vbdev_passthru_module_fini(void);
static void vbdev_passthru_examine_config(struct spdk_bdev *bdev);
static int vbdev_passthru_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_passthru_module = {
	.name = "passthru",
	.module_init = vbdev_passthru_module_init,
	.module_fini = vbdev_passthru_module_fini,
	.examine_config = vbdev_passthru_examine_config,
	.config_json = vbdev_passthru_config_json,
};

SPDK_BDEV_MODULE_REGISTER(passthru, &g_passthru_module)

/* ---- The way of an I/O ---- */

struct passthru_channel {
	struct bdk_vbdev_channel vbdev;
	struct bdk_bdev_base base;
};

static int
create_channel(struct bdk_vbdev *passthru, void *ctx)
{
	struct passthru_channel *ch = ctx;

	ch->base.desc = passthru->base_desc;
	ch->base.ch = ch->vbdev.base_ch;
	return 0;
}

/*
 * Down with all it has, and back with all that the base returns. Whoever has to see it on its way back names a function
 * in bdk_bdev_base.done_cb; whoever changes it on its way down submits it with the functions of spdk/bdev.h, and waits
 * with spdk_bdev_queue_io_wait() if they return -ENOMEM.
 */
static void
vbdev_passthru_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct passthru_channel *ch = spdk_io_channel_get_ctx(io_ch);

	bdk_bdev_forward(bdev_io, &ch->base);
}

/* ---- What else the layer asks of a bdev ---- */

/* What the base does by itself is done here, too; what the layer has to do for the base, it does here for us. */
static bool
vbdev_passthru_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct bdk_vbdev *passthru = ctx;

	return spdk_bdev_io_type_supported(passthru->base, io_type);
}

static int
vbdev_passthru_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct bdk_vbdev *passthru = ctx;

	return spdk_bdev_get_memory_domains(passthru->base, domains, array_size);
}

static bool
vbdev_passthru_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct spdk_bdev *base = ((struct bdk_vbdev *)ctx)->base;

	return base->fn_table->accel_sequence_supported != NULL &&
		base->fn_table->accel_sequence_supported(base->ctxt, io_type);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_passthru_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct bdk_vbdev *passthru = ctx;

	spdk_json_write_named_object_begin(w, "passthru");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&passthru->bdev));
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(passthru->base));
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_passthru_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = vbdev_passthru_submit_request,
	.io_type_supported = vbdev_passthru_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = vbdev_passthru_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
	.get_memory_domains = vbdev_passthru_get_memory_domains,
	.accel_sequence_supported = vbdev_passthru_accel_sequence_supported,
};

/* ---- What is its own ---- */

static int
init_passthru(struct bdk_vbdev *passthru, const void *params, const char **why)
{
	bdk_vbdev_copy_properties(passthru);
	return 0;
}

static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_string(w, "base_bdev_name", request->base_name);
	spdk_json_write_named_string(w, "name", request->name);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
}

static char g_product_name[] = "passthru";

static struct bdk_vbdev_kind g_passthru_kind = {
	.module = &g_passthru_module,
	.product_name = g_product_name,
	.fn_table = &g_passthru_fn_table,
	.uuid_namespace.u.raw = {0x7e, 0x25, 0x81, 0x2e, 0xc8, 0xc0, 0x4d, 0x3f, 0x85, 0x99, 0x16, 0xd7, 0x90, 0x55,
		0x5b, 0x85},
	.vbdev_size = sizeof(struct bdk_vbdev),
	.channel_size = sizeof(struct passthru_channel),
	.init = init_passthru,
	.create_channel = create_channel,
	.create_method = "bdev_passthru_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_passthru_kind.requests),
};

int
vbdev_passthru_create(const struct bdk_vbdev_opts *opts, const char **why)
{
	return bdk_vbdev_create(&g_passthru_kind, opts, NULL, why);
}

int
vbdev_passthru_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return bdk_vbdev_delete(&g_passthru_kind, name, cb, cb_arg);
}

/* ---- The module ---- */

static void
vbdev_passthru_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_passthru_kind, bdev);
}

static int
vbdev_passthru_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_passthru_kind, w);
}

static int
vbdev_passthru_module_init(void)
{
	return 0;
}

static void
vbdev_passthru_module_fini(void)
{
	bdk_vbdev_forget_all(&g_passthru_kind);
}
