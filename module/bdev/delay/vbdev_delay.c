/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What delay says of itself. How a bdev over a base lives is in module/bdev/common/vbdev.c, the way of an I/O in
 * delay_io.c.
 */

#include "module/bdev/delay/delay_internal.h"

#include "spdk/json.h"
#include "spdk/util.h"

static int vbdev_delay_module_init(void);
static void vbdev_delay_fini_start(void);
static void vbdev_delay_module_fini(void);
static int vbdev_delay_get_ctx_size(void);
static void vbdev_delay_examine_config(struct spdk_bdev *bdev);
static int vbdev_delay_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_delay_module = {
	.name = "delay",
	.module_init = vbdev_delay_module_init,
	.fini_start = vbdev_delay_fini_start,
	.module_fini = vbdev_delay_module_fini,
	.get_ctx_size = vbdev_delay_get_ctx_size,
	.examine_config = vbdev_delay_examine_config,
	.config_json = vbdev_delay_config_json,
};

SPDK_BDEV_MODULE_REGISTER(delay, &g_delay_module)

/* ---- What the layer asks of a bdev, except for I/O, which is in delay_io.c ---- */

/* What the base does by itself is done here, too; what the layer has to do for the base, it does here for us. */
static bool
vbdev_delay_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct bdk_vbdev *delay = ctx;

	return spdk_bdev_io_type_supported(delay->base, io_type);
}

static int
vbdev_delay_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct bdk_vbdev *delay = ctx;

	return spdk_bdev_get_memory_domains(delay->base, domains, array_size);
}

static bool
vbdev_delay_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct spdk_bdev *base = ((struct bdk_vbdev *)ctx)->base;

	return base->fn_table->accel_sequence_supported != NULL &&
		base->fn_table->accel_sequence_supported(base->ctxt, io_type);
}

static void
write_latencies(struct spdk_json_write_ctx *w, const uint64_t *latency_us)
{
	spdk_json_write_named_uint64(w, "avg_read_latency", latency_us[DELAY_AVG_READ]);
	spdk_json_write_named_uint64(w, "p99_read_latency", latency_us[DELAY_P99_READ]);
	spdk_json_write_named_uint64(w, "avg_write_latency", latency_us[DELAY_AVG_WRITE]);
	spdk_json_write_named_uint64(w, "p99_write_latency", latency_us[DELAY_P99_WRITE]);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_delay_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct delay_bdev *delay = ctx;

	spdk_json_write_named_object_begin(w, "delay");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&delay->vbdev.bdev));
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(delay->vbdev.base));
	spdk_json_write_named_uuid(w, "uuid", spdk_bdev_get_uuid(&delay->vbdev.bdev));
	write_latencies(w, delay->latency_us);
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_delay_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = delay_io_submit,
	.io_type_supported = vbdev_delay_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = vbdev_delay_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
	.get_memory_domains = vbdev_delay_get_memory_domains,
	.accel_sequence_supported = vbdev_delay_accel_sequence_supported,
};

/* ---- What is its own ---- */

static int
init_delay(struct bdk_vbdev *vbdev, const void *params, const char **why)
{
	struct delay_bdev *delay = SPDK_CONTAINEROF(vbdev, struct delay_bdev, vbdev);
	const uint64_t *latency_us = params;

	bdk_vbdev_copy_properties(vbdev);
	for (int which = 0; which < DELAY_NUM_LATENCIES; which++) {
		delay_io_set_latency(delay, which, latency_us[which]);
	}
	return 0;
}

/* A percentile may have been set to less than its average, but not be created so: write_more() follows. */
static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	uint64_t latency_us[DELAY_NUM_LATENCIES];

	memcpy(latency_us, request->params, sizeof(latency_us));
	latency_us[DELAY_P99_READ] = spdk_max(latency_us[DELAY_P99_READ], latency_us[DELAY_AVG_READ]);
	latency_us[DELAY_P99_WRITE] = spdk_max(latency_us[DELAY_P99_WRITE], latency_us[DELAY_AVG_WRITE]);
	spdk_json_write_named_string(w, "base_bdev_name", request->base_name);
	spdk_json_write_named_string(w, "name", request->name);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
	write_latencies(w, latency_us);
}

static void
write_update(struct spdk_json_write_ctx *w, const char *name, const char *type, uint64_t latency_us)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_delay_update_latency");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "delay_bdev_name", name);
	spdk_json_write_named_string(w, "latency_type", type);
	spdk_json_write_named_uint64(w, "latency_us", latency_us);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
write_more(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	const uint64_t *latency_us = (const uint64_t *)request->params;

	if (latency_us[DELAY_P99_READ] < latency_us[DELAY_AVG_READ]) {
		write_update(w, request->name, "p99_read", latency_us[DELAY_P99_READ]);
	}
	if (latency_us[DELAY_P99_WRITE] < latency_us[DELAY_AVG_WRITE]) {
		write_update(w, request->name, "p99_write", latency_us[DELAY_P99_WRITE]);
	}
}

static char g_product_name[] = "delay";

static struct bdk_vbdev_kind g_delay_kind = {
	.module = &g_delay_module,
	.product_name = g_product_name,
	.fn_table = &g_delay_fn_table,
	.uuid_namespace.u.raw = {0x40, 0x09, 0xb5, 0x74, 0x64, 0x30, 0x4f, 0x1b, 0xbc, 0x40, 0xac, 0xe8, 0x11, 0x09,
		0x10, 0x27},
	.vbdev_size = sizeof(struct delay_bdev),
	.channel_size = sizeof(struct delay_channel),
	.params_size = sizeof(uint64_t[DELAY_NUM_LATENCIES]),
	.init = init_delay,
	.create_channel = delay_channel_create,
	.destroy_channel = delay_channel_destroy,
	.leave = delay_io_leave,
	.create_method = "bdev_delay_create",
	.write_params = write_params,
	.write_more = write_more,
	.requests = TAILQ_HEAD_INITIALIZER(g_delay_kind.requests),
};

int
vbdev_delay_create(const struct bdk_vbdev_opts *opts, const uint64_t latency_us[DELAY_NUM_LATENCIES], const char **why)
{
	if (latency_us[DELAY_P99_READ] < latency_us[DELAY_AVG_READ] ||
		latency_us[DELAY_P99_WRITE] < latency_us[DELAY_AVG_WRITE]) {
		*why = "a p99 latency cannot be lower than the average";
		return -EINVAL;
	}
	return bdk_vbdev_create(&g_delay_kind, opts, latency_us, why);
}

/* By its name or an alias; NULL: there is no delay bdev of that name. */
static struct delay_bdev *
find_bdev(const char *name)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	return bdev != NULL && bdev->module == &g_delay_module ? bdev->ctxt : NULL;
}

int
vbdev_delay_update_latency(const char *name, enum delay_latency which, uint64_t latency_us)
{
	struct delay_bdev *delay = find_bdev(name);
	struct bdk_vbdev_request *request;

	request = delay != NULL ? delay->vbdev.request : bdk_vbdev_find_request(&g_delay_kind, name);
	if (delay == NULL && request == NULL) {
		return -ENODEV;
	}
	if (request != NULL) {
		((uint64_t *)request->params)[which] = latency_us;
	}
	if (delay != NULL) {
		delay_io_set_latency(delay, which, latency_us);
	}
	return 0;
}

int
vbdev_delay_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return bdk_vbdev_delete(&g_delay_kind, name, cb, cb_arg);
}

/* ---- The module ---- */

static void
vbdev_delay_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_delay_kind, bdev);
}

static int
vbdev_delay_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_delay_kind, w);
}

static int
vbdev_delay_get_ctx_size(void)
{
	return sizeof(struct delay_io);
}

static int
vbdev_delay_module_init(void)
{
	return 0;
}

/* Shutdown does not wait for what is delayed either. */
static void
vbdev_delay_fini_start(void)
{
	bdk_vbdev_leave_all(&g_delay_kind);
}

static void
vbdev_delay_module_fini(void)
{
	bdk_vbdev_forget_all(&g_delay_kind);
}
