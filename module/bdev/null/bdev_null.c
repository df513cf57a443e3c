/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/null/bdev_null.h"

#include "bdevkit/batch.h"
#include "bdevkit/thread.h"
#include "spdk/json.h"
#include "spdk/likely.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "module/bdev/common/block_dif.h"

#define MIB (1024 * 1024ULL)

struct null_bdev {
	struct spdk_bdev bdev;
	struct block_format format;
};

static int bdev_null_module_init(void);
static void bdev_null_module_fini(void);

static struct spdk_bdev_module g_null_module = {
	.name = "null",
	.module_init = bdev_null_module_init,
	.module_fini = bdev_null_module_fini,
	.async_fini = true,
};

SPDK_BDEV_MODULE_REGISTER(null, &g_null_module)

static char g_product_name[] = "Null disk";

/* What a read without a buffer is given. All readers share it; it is writable because a reader may own its buffer. */
static uint8_t g_read_buffer[SPDK_BDEV_LARGE_BUF_MAX_SIZE] __attribute__((aligned(4096)));

static void
read_get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	spdk_bdev_io_complete(bdev_io, success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* A read without a buffer: the caller leaves it to the module to provide one. */
static void
provide_read_buffer(struct spdk_bdev_io *bdev_io)
{
	uint64_t len = bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;

	if (len > sizeof(g_read_buffer)) {
		spdk_bdev_io_get_buf(bdev_io, read_get_buf_cb, len);
		return;
	}
	spdk_bdev_io_set_buf(bdev_io, g_read_buffer, len);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/*
 * Everything is complete at once. The layer hands completions from within submit_request on in batches, so there is
 * neither a queue nor a poller here, and nothing keeps an idle process awake.
 */
static void
bdev_null_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (spdk_unlikely(bdev_io->u.bdev.iovs[0].iov_base == NULL)) {
			provide_read_buffer(bdev_io);
			return;
		}
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_RESET:
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		/* There is never an I/O to abort here: it is complete before anybody can ask. */
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* There is nothing to do. */
static uint32_t
bdev_null_instant(struct spdk_bdev *bdev, struct bdk_request **requests, uint32_t count)
{
	return count;
}

/* ---- With protection information ---- */

/* Whatever the buffer holds, its PI is right. */
static void
complete_read_with_pi(struct spdk_bdev_io *bdev_io)
{
	struct block_dif_range range = block_dif_range_of_io(bdev_io);
	bool good = block_dif_generate(bdev_io->bdev, &range);

	spdk_bdev_io_complete(bdev_io, good ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
read_with_pi_get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		complete_read_with_pi(bdev_io);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
write_with_pi(struct spdk_bdev_io *bdev_io)
{
	struct block_dif_range range = block_dif_range_of_io(bdev_io);
	bool good = block_dif_verify(bdev_io->bdev, &range);

	spdk_bdev_io_complete(bdev_io, good ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
bdev_null_submit_request_with_pi(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		/* A buffer of its own, if there is none: the tags in it are those of its blocks. */
		spdk_bdev_io_get_buf(
			bdev_io, read_with_pi_get_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		write_with_pi(bdev_io);
		break;
	default:
		bdev_null_submit_request(ch, bdev_io);
		break;
	}
}

static bool
bdev_null_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
		return true;
	default:
		return false;
	}
}

/* One channel for all null bdevs of a thread: it has no state. */
static struct spdk_io_channel *
bdev_null_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_null_module);
}

static int
bdev_null_destruct(void *ctx)
{
	struct null_bdev *null_bdev = ctx;

	free(null_bdev->bdev.name);
	free(null_bdev);
	return 0;
}

static void
bdev_null_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct null_bdev *null_bdev = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_null_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	block_format_write_config(&null_bdev->format, w);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table g_null_fn_table = {
	.destruct = bdev_null_destruct,
	.submit_request = bdev_null_submit_request,
	.io_type_supported = bdev_null_io_type_supported,
	.get_io_channel = bdev_null_get_io_channel,
	.write_config_json = bdev_null_write_config_json,
};

static const struct spdk_bdev_fn_table g_null_fn_table_with_pi = {
	.destruct = bdev_null_destruct,
	.submit_request = bdev_null_submit_request_with_pi,
	.io_type_supported = bdev_null_io_type_supported,
	.get_io_channel = bdev_null_get_io_channel,
	.write_config_json = bdev_null_write_config_json,
};

int
bdev_null_create(const struct null_bdev_opts *opts, struct spdk_bdev **bdev, const char **why)
{
	struct null_bdev *null_bdev;
	int rc;

	*why = NULL;
	if (opts->name == NULL || opts->name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	rc = block_format_check(&opts->format, opts->num_blocks, why);
	if (rc != 0) {
		return rc;
	}

	null_bdev = calloc(1, sizeof(*null_bdev));
	if (null_bdev == NULL) {
		return -ENOMEM;
	}
	null_bdev->bdev.name = strdup(opts->name);
	if (null_bdev->bdev.name == NULL) {
		rc = -ENOMEM;
		goto free_null_bdev;
	}

	null_bdev->format = opts->format;
	null_bdev->format.md_interleave = true;
	block_format_apply(&null_bdev->format, &null_bdev->bdev);
	null_bdev->bdev.blockcnt = opts->num_blocks;
	null_bdev->bdev.product_name = g_product_name;
	null_bdev->bdev.uuid = opts->uuid;
	null_bdev->bdev.ctxt = null_bdev;
	/* A table of its own, so that what a null bdev costs is what the layers above cost. */
	null_bdev->bdev.fn_table =
		opts->format.dif_type == SPDK_DIF_DISABLE ? &g_null_fn_table : &g_null_fn_table_with_pi;
	null_bdev->bdev.module = &g_null_module;

	rc = spdk_bdev_register(&null_bdev->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		goto free_name;
	}
	if (opts->format.dif_type == SPDK_DIF_DISABLE) {
		bdk_bdev_set_instant(&null_bdev->bdev, bdev_null_instant);
	}
	*bdev = &null_bdev->bdev;
	return 0;

free_name:
	free(null_bdev->bdev.name);
free_null_bdev:
	free(null_bdev);
	return rc;
}

int
bdev_null_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_null_module, cb, cb_arg);
}

/* Our descriptor lives only as long as bdev_null_resize() runs, on the thread that an event would come to. */
static void
resize_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static int
resize_bdev(struct spdk_bdev *bdev, uint64_t new_size, const char **why)
{
	uint64_t current_size = bdev->blockcnt * bdev->blocklen;
	uint64_t num_blocks;

	if (bdev->module != &g_null_module) {
		*why = "it is not a null bdev";
		return -EINVAL;
	}
	if (new_size < current_size / MIB) {
		*why = "a null bdev cannot shrink";
		return -EINVAL;
	}
	if (new_size > INT64_MAX / MIB) {
		*why = "new_size must be less than 8 EiB";
		return -EINVAL;
	}
	/* The whole MiB of a size with a fraction: not smaller, so it is accepted, but nothing is cut off. */
	num_blocks = spdk_max(new_size * MIB / bdev->blocklen, bdev->blockcnt);
	return spdk_bdev_notify_blockcnt_change(bdev, num_blocks);
}

int
bdev_null_resize(const char *name, uint64_t new_size, const char **why)
{
	struct spdk_bdev_desc *desc;
	int rc;

	*why = NULL;
	rc = spdk_bdev_open_ext(name, false, resize_event_cb, NULL, &desc);
	if (rc != 0) {
		return rc;
	}
	rc = resize_bdev(spdk_bdev_desc_get_bdev(desc), new_size, why);
	spdk_bdev_close(desc);
	return rc;
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
}

static int
bdev_null_module_init(void)
{
	return bdk_io_device_register(&g_null_module, create_channel_cb, destroy_channel_cb, 0, "bdev_null");
}

static void
unregister_done_cb(void *io_device)
{
	spdk_bdev_module_fini_done();
}

static void
bdev_null_module_fini(void)
{
	spdk_io_device_unregister(&g_null_module, unregister_done_cb);
}
