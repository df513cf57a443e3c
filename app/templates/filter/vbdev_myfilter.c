/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The filter: what it does with an I/O, and what it says of itself. How a bdev over a base lives (it waits for it, claims
 * it, goes and comes back with it) is in the library, bdevkit/vbdev.h.
 */

#include "vbdev_myfilter.h"

#include "spdk/json.h"

static void myfilter_module_fini(void);
static void myfilter_examine_config(struct spdk_bdev *bdev);
static int myfilter_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_myfilter_module = {
	.name = "myfilter",
	.module_fini = myfilter_module_fini,
	.examine_config = myfilter_examine_config,
	.config_json = myfilter_config_json,
};

SPDK_BDEV_MODULE_REGISTER(myfilter, &g_myfilter_module)

/* What is kept of a request, beside its names. */
struct myfilter_params {
	bool read_only;
};

struct myfilter_bdev {
	struct bdk_vbdev vbdev;
	bool read_only;
	/* I/Os that the base has failed; any thread. */
	uint64_t num_failed;
};

/* What one thread has for one filter. */
struct myfilter_channel {
	struct bdk_vbdev_channel vbdev;
	/* Where I/O goes, and who sees it on its way back. */
	struct bdk_bdev_base base;
};

static struct bdk_vbdev_kind g_myfilter_kind;

/* ---- The way of an I/O ---- */

/* On its way back: base_io is the I/O of the base, NULL if the base did not take it; cb_arg is ours. */
static void
done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct myfilter_bdev *filter = bdev_io->bdev->ctxt;

	if (!success) {
		__atomic_fetch_add(&filter->num_failed, 1, __ATOMIC_RELAXED);
	}
	/* As the base has completed it, with all that it returns. */
	bdk_bdev_forward_done(bdev_io, base_io);
}

static bool
changes_data(enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return false;
	default:
		return true;
	}
}

/*
 * On its way down. Who changes an I/O submits another one to the base instead, with the functions of spdk/bdev.h, and
 * waits with spdk_bdev_queue_io_wait() if they return -ENOMEM.
 */
static void
myfilter_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct myfilter_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct myfilter_bdev *filter = bdev_io->bdev->ctxt;

	if (filter->read_only && changes_data(bdev_io->type)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	bdk_bdev_forward(bdev_io, &ch->base);
}

static int
create_channel(struct bdk_vbdev *vbdev, void *ctx)
{
	struct myfilter_channel *ch = ctx;

	ch->base.desc = vbdev->base_desc;
	ch->base.ch = ch->vbdev.base_ch;
	ch->base.done_cb = done_cb;
	return 0;
}

/* ---- What else the layer asks of a bdev ---- */

/* What the base does itself is handed down; the rest the layer makes here from what there is. */
static bool
myfilter_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct myfilter_bdev *filter = ctx;

	if (filter->read_only && changes_data(io_type)) {
		return false;
	}
	return spdk_bdev_io_type_supported(filter->vbdev.base, io_type);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
myfilter_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct myfilter_bdev *filter = ctx;

	spdk_json_write_named_object_begin(w, "myfilter");
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(filter->vbdev.base));
	spdk_json_write_named_bool(w, "read_only", filter->read_only);
	spdk_json_write_named_uint64(w, "num_failed", __atomic_load_n(&filter->num_failed, __ATOMIC_RELAXED));
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_myfilter_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = myfilter_submit_request,
	.io_type_supported = myfilter_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = myfilter_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
};

/* ---- How a filter comes and goes ---- */

/* The base is open and claimed. */
static int
init_filter(struct bdk_vbdev *vbdev, const void *params, const char **why)
{
	struct myfilter_bdev *filter = (struct myfilter_bdev *)vbdev;

	filter->read_only = ((const struct myfilter_params *)params)->read_only;
	bdk_vbdev_copy_properties(vbdev);
	return 0;
}

/* The parameters of the call that makes it again, for save_config. */
static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	const struct myfilter_params *params = (const void *)request->params;

	spdk_json_write_named_string(w, "base_bdev_name", request->base_name);
	spdk_json_write_named_string(w, "name", request->name);
	spdk_json_write_named_bool(w, "read_only", params->read_only);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
}

static char g_product_name[] = "myfilter";

static struct bdk_vbdev_kind g_myfilter_kind = {
	.module = &g_myfilter_module,
	.product_name = g_product_name,
	.fn_table = &g_myfilter_fn_table,
	/* Another one for each kind: `uuidgen`. */
	.uuid_namespace.u.raw = {0x3b, 0x0e, 0x6c, 0x5d, 0x1a, 0x8f, 0x4e, 0x02, 0x9d, 0x57, 0x44, 0xc1, 0x06, 0xb8,
		0x2f, 0x91},
	.vbdev_size = sizeof(struct myfilter_bdev),
	.channel_size = sizeof(struct myfilter_channel),
	.params_size = sizeof(struct myfilter_params),
	.init = init_filter,
	.create_channel = create_channel,
	.create_method = "bdev_myfilter_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_myfilter_kind.requests),
};

int
myfilter_create(const struct myfilter_opts *opts, const char **why)
{
	struct myfilter_params params = {.read_only = opts->read_only};

	return bdk_vbdev_create(&g_myfilter_kind, &opts->vbdev, &params, why);
}

int
myfilter_delete(const char *name, spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	return bdk_vbdev_delete(&g_myfilter_kind, name, cb_fn, cb_arg);
}

/* ---- The module ---- */

/* A bdev has come: somebody may have asked for a filter on it. */
static void
myfilter_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_myfilter_kind, bdev);
}

static int
myfilter_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_myfilter_kind, w);
}

static void
myfilter_module_fini(void)
{
	bdk_vbdev_forget_all(&g_myfilter_kind);
}
