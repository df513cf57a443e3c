/* SPDX-License-Identifier: BSD-3-Clause */

/* The calls that recreate the present state, in the order in which they have to be made. */

#include "lib/bdev/io_internal.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/bdev_stat.h"
#include "spdk/json.h"

static void
write_options(struct spdk_json_write_ctx *w)
{
	const struct spdk_bdev_opts *opts = &g_bdev_manager.opts;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_uint32(w, "bdev_io_pool_size", opts->bdev_io_pool_size);
	spdk_json_write_named_uint32(w, "bdev_io_cache_size", opts->bdev_io_cache_size);
	spdk_json_write_named_bool(w, "bdev_auto_examine", opts->bdev_auto_examine);
	spdk_json_write_named_uint32(w, "iobuf_small_cache_size", opts->iobuf_small_cache_size);
	spdk_json_write_named_uint32(w, "iobuf_large_cache_size", opts->iobuf_large_cache_size);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
write_examine(void *ctx, const char *name)
{
	struct spdk_json_write_ctx *w = ctx;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_examine");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", name);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* What is as usual is left out. */
static void
write_histogram(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_enable_histogram_opts opts;

	if (!bdev_histogram_is_saved(bdev)) {
		return;
	}
	bdk_bdev_histogram_get_opts(bdev, &opts);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_enable_histogram");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_bool(w, "enable", true);
	if (opts.io_type != 0) {
		spdk_json_write_named_string(w, "opc", spdk_bdev_get_io_type_name(opts.io_type));
	}
	if (opts.granularity != SPDK_HISTOGRAM_GRANULARITY_DEFAULT) {
		spdk_json_write_named_uint8(w, "granularity", opts.granularity);
	}
	if (opts.min_nsec != 0) {
		spdk_json_write_named_uint64(w, "min_nsec", opts.min_nsec);
	}
	if (opts.max_nsec != UINT64_MAX) {
		spdk_json_write_named_uint64(w, "max_nsec", opts.max_nsec);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static int
write_bdev(void *ctx, struct spdk_bdev *bdev)
{
	if (bdev->fn_table->write_config_json != NULL) {
		bdev->fn_table->write_config_json(bdev, ctx);
	}
	bdev_qos_write_config(ctx, bdev);
	bdev_qos_group_write_member_config(ctx, bdev);
	write_histogram(bdev, ctx);
	return 0;
}

static struct bdk_bdev_late_config *g_late_configs;

void
bdk_bdev_register_late_config(struct bdk_bdev_late_config *config)
{
	config->next = g_late_configs;
	g_late_configs = config;
}

static void
write_wait(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_wait_for_examine");
	spdk_json_write_object_end(w);
}

void
spdk_bdev_subsystem_config_json(struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_module *module;
	int rc;

	if (w == NULL) {
		return;
	}
	spdk_json_write_array_begin(w);
	write_options(w);
	bdev_examine_for_each(write_examine, w);
	bdev_qos_group_write_config(w);
	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (module->config_json != NULL) {
			module->config_json(w);
		}
	}
	rc = spdk_for_each_bdev(w, write_bdev);
	if (rc != 0) {
		SPDK_ERRLOG("the saved configuration lacks some bdevs: %s\n", spdk_strerror(-rc));
	}
	for (struct bdk_bdev_late_config *config = g_late_configs; config != NULL; config = config->next) {
		config->write(w);
	}
	write_wait(w);
	spdk_json_write_array_end(w);
}
