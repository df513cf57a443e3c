/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"
#include "bdevkit/thread.h"

struct spdk_thread *g_sim_threads[BDEV_SIM_MAX_THREADS];

/* Lets the simulation know that something has happened outside of it. */
void
sim_nothing(void *arg)
{
}

/* ---- the layer ---- */

static bool g_examine_disks;

void
bdev_sim_examine_disks(bool examine)
{
	g_examine_disks = examine;
}

/* Of one module. read: what it had for that at first. */
static void
let_examine(const char *name, void (**read)(struct spdk_bdev *bdev))
{
	struct spdk_bdev_module *module = spdk_bdev_module_list_find(name);

	if (module != NULL) {
		*read = module->examine_disk != NULL ? module->examine_disk : *read;
		module->examine_disk = g_examine_disks ? *read : NULL;
	}
}

static void
let_examine_disks(void)
{
	static void (*gpt)(struct spdk_bdev * bdev), (*raid)(struct spdk_bdev * bdev);

	let_examine("gpt", &gpt);
	let_examine("raid", &raid);
}

void
bdev_sim_init(uint64_t seed, uint32_t num_threads)
{
	struct spdk_iobuf_opts opts;
	char name[32];
	uint32_t i;

	let_examine_disks();
	assert_int_equal(bdk_sim_init(seed), 0);
	for (i = 0; i < num_threads; i++) {
		snprintf(name, sizeof(name), "sim%u", i);
		g_sim_threads[i] = spdk_thread_create(name, NULL);
		assert_non_null(g_sim_threads[i]);
	}
	ON(0, {
		spdk_iobuf_get_opts(&opts, sizeof(opts));
		opts.small_pool_count = 128;
		opts.large_pool_count = 32;
		assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
		assert_int_equal(spdk_iobuf_initialize(), 0);
	});
}

static void
set_true_cb(void *ctx)
{
	*(bool *)ctx = true;
}

static bool
is_true(void *ctx)
{
	return *(bool *)ctx;
}

void
bdev_sim_fini(void)
{
	bool done = false;

	ON(0, spdk_iobuf_finish(set_true_cb, &done));
	assert_true(bdk_sim_run_until(is_true, &done, 10 * 1000 * 1000));
	bdk_sim_fini();
}

struct layer_result {
	bool done;
	int rc;
};

static void
init_cb(void *ctx, int rc)
{
	struct layer_result *result = ctx;

	assert_false(result->done);
	result->done = true;
	result->rc = rc;
}

int
bdev_sim_layer_init(void)
{
	struct layer_result result = {};

	ON(0, spdk_bdev_initialize(init_cb, &result));
	assert_true(bdk_sim_run_until(is_true, &result.done, 10 * 1000 * 1000));
	return result.rc;
}

void
bdev_sim_layer_fini(void)
{
	bool done = false;

	ON(0, spdk_bdev_finish(set_true_cb, &done));
	assert_true(bdk_sim_run_until(is_true, &done, 60 * 1000 * 1000));
}

void
bdev_sim_start(uint64_t seed, uint32_t num_threads)
{
	struct spdk_bdev_opts opts = {};

	bdev_sim_init(seed, num_threads);
	opts.opts_size = sizeof(opts);
	opts.bdev_io_pool_size = 1024;
	opts.bdev_io_cache_size = 16;
	opts.bdev_auto_examine = true;
	opts.iobuf_small_cache_size = 4;
	opts.iobuf_large_cache_size = 2;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

void
bdev_sim_stop(void)
{
	bdev_sim_layer_fini();
	bdev_sim_fini();
}

/* ---- the module of the disks ---- */

static int
create_channel(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx)
{
}

static int
module_init(void)
{
	return bdk_io_device_register(&g_sim_module, create_channel, destroy_channel, 8, "sim_module");
}

static void
module_fini(void)
{
	spdk_io_device_unregister(&g_sim_module, NULL);
}

struct spdk_bdev_module g_sim_module = {
	.name = "sim",
	.module_init = module_init,
	.module_fini = module_fini,
};

SPDK_BDEV_MODULE_REGISTER(sim, &g_sim_module)

static int
disk_destruct(void *ctx)
{
	struct sim_disk *disk = ctx;
	int rc = disk->destruct_rc;

	assert_true(TAILQ_EMPTY(&disk->held));
	disk->destructed++;
	disk->destruct_thread = spdk_get_thread();
	if (disk->on_heap && rc <= 0) {
		free(disk);
	}
	return rc;
}

static void
disk_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct sim_disk *disk = bdev_io->bdev->ctxt;

	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET || !disk->hold) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	TAILQ_INSERT_TAIL(&disk->held, bdev_io, internal_link);
}

static bool
disk_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct sim_disk *disk = ctx;

	return (disk->io_types >> type) & 1;
}

static struct spdk_io_channel *
disk_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_sim_module);
}

static int
disk_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct sim_disk *disk = ctx;

	spdk_json_write_named_string(w, "disk", disk->name);
	return 0;
}

static void
disk_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "sim_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table g_disk_fn_table = {
	.destruct = disk_destruct,
	.submit_request = disk_submit_request,
	.io_type_supported = disk_io_type_supported,
	.get_io_channel = disk_get_io_channel,
	.dump_info_json = disk_dump_info_json,
	.write_config_json = disk_write_config_json,
};

void
sim_disk_init(struct sim_disk *disk, const char *name)
{
	memset(disk, 0, sizeof(*disk));
	TAILQ_INIT(&disk->held);
	snprintf(disk->name, sizeof(disk->name), "%s", name);
	disk->io_types = 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE | 1 << SPDK_BDEV_IO_TYPE_RESET;
	disk->bdev.name = disk->name;
	disk->bdev.product_name = disk->name;
	disk->bdev.ctxt = disk;
	disk->bdev.module = &g_sim_module;
	disk->bdev.fn_table = &g_disk_fn_table;
	disk->bdev.blocklen = 512;
	disk->bdev.blockcnt = 1024;
}

struct sim_disk *
sim_disk_create(const char *name)
{
	struct sim_disk *disk = malloc(sizeof(*disk));

	assert_non_null(disk);
	sim_disk_init(disk, name);
	disk->on_heap = true;
	return disk;
}

static void
complete_cb(void *ctx)
{
	spdk_bdev_io_complete(ctx, SPDK_BDEV_IO_STATUS_SUCCESS);
}

void
sim_disk_release(struct sim_disk *disk)
{
	struct spdk_bdev_io *bdev_io;

	disk->hold = false;
	while ((bdev_io = TAILQ_FIRST(&disk->held)) != NULL) {
		TAILQ_REMOVE(&disk->held, bdev_io, internal_link);
		assert_int_equal(spdk_thread_send_msg(spdk_bdev_io_get_thread(bdev_io), complete_cb, bdev_io), 0);
	}
}

int
sim_disk_register(struct sim_disk *disk)
{
	int rc;

	ON(0, rc = spdk_bdev_register(&disk->bdev));
	return rc;
}

void
sim_disk_add(struct sim_disk *disk)
{
	assert_int_equal(sim_disk_register(disk), 0);
	bdk_sim_run_until_idle();
}

static void
unregister_cb(void *ctx, int rc)
{
	struct layer_result *result = ctx;

	assert_false(result->done);
	result->done = true;
	result->rc = rc;
}

int
sim_disk_remove(struct sim_disk *disk)
{
	struct layer_result result = {};

	ON(0, spdk_bdev_unregister(&disk->bdev, unregister_cb, &result));
	assert_true(bdk_sim_run_until(is_true, &result.done, 10 * 1000 * 1000));
	return result.rc;
}

/* ---- opening ---- */

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct sim_open *open = ctx;

	assert_non_null(open->desc);
	assert_ptr_equal(spdk_bdev_desc_get_bdev(open->desc), bdev);
	open->removes += type == SPDK_BDEV_EVENT_REMOVE;
	open->resizes += type == SPDK_BDEV_EVENT_RESIZE;
	open->event_thread = spdk_get_thread();
	if (open->close_on_event) {
		spdk_bdev_close(open->desc);
		open->desc = NULL;
	}
}

int
sim_open(struct sim_open *open, uint32_t thread, const char *name, bool write)
{
	int rc;

	memset(open, 0, sizeof(*open));
	ON(thread, rc = spdk_bdev_open_ext(name, write, event_cb, open, &open->desc));
	return rc;
}

void
sim_close(struct sim_open *open, uint32_t thread)
{
	ON(thread, spdk_bdev_close(open->desc));
	open->desc = NULL;
}
