/* SPDX-License-Identifier: BSD-3-Clause */

/* What zone_block says of itself; how a bdev over a base lives is in module/bdev/common/vbdev.c. */

#include "module/bdev/zone_block/vbdev_zone_block.h"
#include "module/bdev/zone_block/zone_block_internal.h"

#include "spdk/json.h"
#include "spdk/util.h"

static int vbdev_zone_block_module_init(void);
static void vbdev_zone_block_module_fini(void);
static int vbdev_zone_block_get_ctx_size(void);
static void vbdev_zone_block_examine_config(struct spdk_bdev *bdev);
static int vbdev_zone_block_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_zone_block_module = {
	.name = "bdev_zoned_block",
	.module_init = vbdev_zone_block_module_init,
	.module_fini = vbdev_zone_block_module_fini,
	.get_ctx_size = vbdev_zone_block_get_ctx_size,
	.examine_config = vbdev_zone_block_examine_config,
	.config_json = vbdev_zone_block_config_json,
};

SPDK_BDEV_MODULE_REGISTER(bdev_zoned_block, &g_zone_block_module)

/* ---- What the layer asks of a bdev, except for I/O, which is in zone_block_io.c ---- */

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_zone_block_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct zone_block_bdev *zone_block = ctx;

	spdk_json_write_named_object_begin(w, "zoned_block");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&zone_block->vbdev.bdev));
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_get_name(zone_block->vbdev.base));
	spdk_json_write_named_uint64(w, "zone_capacity", zone_block->zones.capacity);
	spdk_json_write_named_uint64(w, "optimal_open_zones", zone_block->vbdev.bdev.optimal_open_zones);
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_zone_block_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = zone_block_io_submit,
	.io_type_supported = zone_block_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = vbdev_zone_block_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
};

/* ---- What is its own ---- */

static uint64_t
count_zones(const struct spdk_bdev *base, uint64_t zone_size)
{
	return spdk_bdev_get_num_blocks(base) / zone_size;
}

static int
check_base(const struct spdk_bdev *base, uint64_t zone_size, const char **why)
{
	if (spdk_bdev_is_zoned(base)) {
		*why = "its base bdev has zones already";
		return -EEXIST;
	}
	if (count_zones(base, zone_size) == 0) {
		*why = "its base bdev is smaller than a zone";
		return -EINVAL;
	}
	if (count_zones(base, zone_size) > ZONE_TABLE_MAX_ZONES) {
		*why = "its base bdev has room for more than 4194303 zones: let them be larger";
		return -EINVAL;
	}
	return 0;
}

static int
init_zone_block(struct bdk_vbdev *vbdev, const void *arg, const char **why)
{
	struct zone_block_bdev *zone_block = SPDK_CONTAINEROF(vbdev, struct zone_block_bdev, vbdev);
	const struct zone_block_params *params = arg;
	struct spdk_bdev *bdev = &vbdev->bdev;
	uint64_t zone_size = spdk_align64pow2(params->zone_capacity);
	uint64_t num_zones;
	int rc;

	rc = check_base(vbdev->base, zone_size, why);
	if (rc != 0) {
		return rc;
	}
	num_zones = count_zones(vbdev->base, zone_size);
	bdk_vbdev_copy_properties(vbdev);
	bdev->blockcnt = num_zones * zone_size;
	bdev->zoned = true;
	bdev->zone_size = zone_size;
	bdev->max_zone_append_size = spdk_min(params->zone_capacity, UINT32_MAX);
	bdev->optimal_open_zones = params->optimal_open_zones;
	bdev->max_active_zones = params->max_active_zones;
	/* A zone that is open is active. */
	bdev->max_open_zones = params->max_open_zones != 0 ? params->max_open_zones : params->max_active_zones;
	return zone_table_init(&zone_block->zones, zone_size, params->zone_capacity, num_zones, bdev->max_open_zones,
		bdev->max_active_zones);
}

static void
fini_zone_block(struct bdk_vbdev *vbdev)
{
	zone_table_fini(&SPDK_CONTAINEROF(vbdev, struct zone_block_bdev, vbdev)->zones);
}

/* The base has grown: there is room for more zones. */
static int
resize_zone_block(struct bdk_vbdev *vbdev)
{
	struct zone_table *zones = &SPDK_CONTAINEROF(vbdev, struct zone_block_bdev, vbdev)->zones;
	uint64_t num_zones = spdk_min(count_zones(vbdev->base, zones->zone_size), ZONE_TABLE_MAX_ZONES);
	int rc;

	rc = zone_table_grow(zones, num_zones);
	return rc != 0 ? rc : spdk_bdev_notify_blockcnt_change(&vbdev->bdev, num_zones * zones->zone_size);
}

static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	const struct zone_block_params *params = (const void *)request->params;

	spdk_json_write_named_string(w, "base_bdev", request->base_name);
	spdk_json_write_named_string(w, "name", request->name);
	spdk_json_write_named_uint64(w, "zone_capacity", params->zone_capacity);
	spdk_json_write_named_uint64(w, "optimal_open_zones", params->optimal_open_zones);
	if (params->max_open_zones != 0) {
		spdk_json_write_named_uint32(w, "max_open_zones", params->max_open_zones);
	}
	if (params->max_active_zones != 0) {
		spdk_json_write_named_uint32(w, "max_active_zones", params->max_active_zones);
	}
}

static char g_product_name[] = "zone_block";

static struct bdk_vbdev_kind g_zone_block_kind = {
	.module = &g_zone_block_module,
	.product_name = g_product_name,
	.fn_table = &g_zone_block_fn_table,
	.uuid_namespace.u.raw = {0x5f, 0x3f, 0x48, 0x5a, 0xd6, 0xbb, 0x44, 0x43, 0x9d, 0xe7, 0x02, 0x36, 0x83, 0xb7,
		0x73, 0x89},
	.vbdev_size = sizeof(struct zone_block_bdev),
	.channel_size = sizeof(struct bdk_vbdev_channel),
	.params_size = sizeof(struct zone_block_params),
	.init = init_zone_block,
	.fini = fini_zone_block,
	.resize = resize_zone_block,
	.create_method = "bdev_zone_block_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_zone_block_kind.requests),
};

static bool
is_base_taken(const char *base_name)
{
	const struct bdk_vbdev_request *request;

	TAILQ_FOREACH (request, &g_zone_block_kind.requests, link) {
		if (base_name != NULL && strcmp(request->base_name, base_name) == 0) {
			return true;
		}
	}
	return false;
}

static int
check_params(const struct zone_block_params *params, const char **why)
{
	if (params->zone_capacity == 0) {
		*why = "the capacity of a zone must not be 0";
	} else if (params->zone_capacity > 1ull << 63) {
		*why = "the capacity of a zone must not be more than 2^63 blocks";
	} else if (params->optimal_open_zones == 0 || params->optimal_open_zones > UINT32_MAX) {
		*why = "the optimal number of open zones must be from 1 to 4294967295";
	} else if (params->max_active_zones != 0 && params->max_open_zones > params->max_active_zones) {
		*why = "open zones are active: max_open_zones must not be more than max_active_zones";
	} else {
		return 0;
	}
	return -EINVAL;
}

int
vbdev_zone_block_create(const struct bdk_vbdev_opts *opts, const struct zone_block_params *params, const char **why)
{
	int rc;

	rc = check_params(params, why);
	if (rc != 0) {
		return rc;
	}
	if (is_base_taken(opts->base_name)) {
		*why = "another zone_block bdev has this base bdev, or waits for it";
		return -EEXIST;
	}
	return bdk_vbdev_create(&g_zone_block_kind, opts, params, why);
}

int
vbdev_zone_block_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return bdk_vbdev_delete(&g_zone_block_kind, name, cb, cb_arg);
}

/* ---- The module ---- */

static void
vbdev_zone_block_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_zone_block_kind, bdev);
}

static int
vbdev_zone_block_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_zone_block_kind, w);
}

static int
vbdev_zone_block_get_ctx_size(void)
{
	return zone_block_io_ctx_size();
}

static int
vbdev_zone_block_module_init(void)
{
	return 0;
}

static void
vbdev_zone_block_module_fini(void)
{
	bdk_vbdev_forget_all(&g_zone_block_kind);
}
