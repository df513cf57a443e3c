/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mask: a bdev on top of any other one, whose data are the base's with some bits turned around. It changes data on their way,
 * so it cannot hand I/O down as it is. What there is to learn from it: I/O on a base, waiting for what is short, buffers of its
 * own, what must not be handed down, the error of a base.
 */

#include "bdevkit/bdev_module.h"
#include "bdevkit/rpc.h"
#include "bdevkit/thread.h"
#include "bdevkit/vbdev.h"
#include "spdk/bdev_module.h"
#include "spdk/string.h"

struct mask_params {
	uint8_t mask;
};

struct mask {
	struct bdk_vbdev vbdev;
	uint8_t mask;
};

struct mask_channel {
	struct bdk_vbdev_channel vbdev;
	struct bdk_bdev_base base;
	struct spdk_iobuf_channel iobuf;
};

/* Of a read or write on its way. */
struct mask_io {
	struct mask_channel *ch;
	/* What a write has turned around; the buffers of the caller are his. */
	void *buf;
	struct spdk_iobuf_entry buf_wait;
	struct spdk_bdev_io_wait_entry io_wait;
};

static struct spdk_bdev_module g_mask_module;
static struct bdk_vbdev_kind g_mask_kind;

/* Bytes of the largest buffer that there is. */
static uint32_t
get_buffer_size(void)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	return opts.large_bufsize;
}

static void
turn_bits(struct iovec *iovs, int iovcnt, uint8_t mask)
{
	for (int i = 0; i < iovcnt; i++) {
		uint8_t *bytes = iovs[i].iov_base;

		for (size_t j = 0; j < iovs[i].iov_len; j++) {
			bytes[j] ^= mask;
		}
	}
}

static uint64_t
length_of(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;
}

/* ---- What may go wrong between us and the base ---- */

/* The base has not taken an I/O: tries again when it may, or ends ours. */
static void
base_refused(struct spdk_bdev_io *bdev_io, int rc, spdk_bdev_io_wait_cb again)
{
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;
	struct mask *mask = bdev_io->bdev->ctxt;

	if (rc == -ENOMEM) {
		io->io_wait =
			(struct spdk_bdev_io_wait_entry){.bdev = mask->vbdev.base, .cb_fn = again, .cb_arg = bdev_io};
		rc = spdk_bdev_queue_io_wait(mask->vbdev.base, io->ch->base.ch, &io->io_wait);
		if (rc == 0) {
			return;
		}
	}
	if (io->buf != NULL) {
		spdk_iobuf_put(&io->ch->iobuf, io->buf, length_of(bdev_io));
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- Reads: the data come, and are turned around where they are ---- */

static void
read_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	const struct mask *mask = bdev_io->bdev->ctxt;

	if (success) {
		turn_bits(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, mask->mask);
	}
	/* A failure is that of the base, with its details. */
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

static void
read_base(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;
	int rc;

	rc = spdk_bdev_readv_blocks(io->ch->base.desc, io->ch->base.ch, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
		bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks, read_done_cb, bdev_io);
	if (rc != 0) {
		base_refused(bdev_io, rc, read_base);
	}
}

static void
read_cb(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	read_base(bdev_io);
}

/* ---- Writes: the data are turned around in a buffer of ours ---- */

static void
write_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;

	spdk_iobuf_put(&io->ch->iobuf, io->buf, length_of(bdev_io));
	spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	spdk_bdev_free_io(base_io);
}

static void
write_base(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;
	int rc;

	rc = spdk_bdev_write_blocks(io->ch->base.desc, io->ch->base.ch, io->buf, bdev_io->u.bdev.offset_blocks,
		bdev_io->u.bdev.num_blocks, write_done_cb, bdev_io);
	if (rc != 0) {
		base_refused(bdev_io, rc, write_base);
	}
}

static void
buffer_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	struct mask_io *io = SPDK_CONTAINEROF(entry, struct mask_io, buf_wait);
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);
	const struct mask *mask = bdev_io->bdev->ctxt;
	struct iovec iov = {buf, length_of(bdev_io)};

	io->buf = buf;
	spdk_copy_iovs_to_buf(buf, iov.iov_len, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt);
	turn_bits(&iov, 1, mask->mask);
	write_base(bdev_io);
}

static void
write_blocks(struct mask_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;
	void *buf = spdk_iobuf_get(&ch->iobuf, length_of(bdev_io), &io->buf_wait, buffer_cb);

	/* NULL: it waits, and buffer_cb() is called later. */
	if (buf != NULL) {
		buffer_cb(&io->buf_wait, buf);
	}
}

/* ---- The table of functions ---- */

static void
mask_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct mask_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct mask_io *io = (struct mask_io *)bdev_io->driver_ctx;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		io->ch = ch;
		io->buf = NULL;
		spdk_bdev_io_get_buf(bdev_io, read_cb, length_of(bdev_io));
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		io->ch = ch;
		io->buf = NULL;
		write_blocks(ch, bdev_io);
		break;
	default:
		bdk_bdev_forward(bdev_io, &ch->base);
		break;
	}
}

/*
 * What has no data may be handed down. Zeroes must not: the base's zeroes are not ours, so the layer has to write them
 * through us; and it compares and copies by reading and writing.
 */
static bool
mask_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct mask *mask = ctx;

	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_io_type_supported(mask->vbdev.base, io_type);
	default:
		return false;
	}
}

static const struct spdk_bdev_fn_table g_mask_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = mask_submit_request,
	.io_type_supported = mask_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.write_config_json = bdk_vbdev_write_config_json,
};

/* ---- How it comes and goes; the rest is in bdevkit/vbdev.h ---- */

/* The base is open and claimed. */
static int
init_mask(struct bdk_vbdev *vbdev, const void *params, const char **why)
{
	struct mask *mask = (struct mask *)vbdev;
	struct spdk_bdev *bdev = &vbdev->bdev;

	if (spdk_bdev_get_md_size(vbdev->base) != 0 || spdk_bdev_is_zoned(vbdev->base)) {
		*why = "mask takes no base with metadata or zones";
		return -EINVAL;
	}
	mask->mask = ((const struct mask_params *)params)->mask;
	bdk_vbdev_copy_properties(vbdev);
	bdev->holes_are_zeroes = false;
	/* No I/O may be larger than the buffer that it needs: the layer splits it. */
	bdev->max_rw_size = get_buffer_size() / bdev->blocklen;
	if (vbdev->base->max_rw_size != 0) {
		bdev->max_rw_size = spdk_min(bdev->max_rw_size, vbdev->base->max_rw_size);
	}
	return bdev->max_rw_size != 0 ? 0 : -EINVAL;
}

static int
create_channel(struct bdk_vbdev *vbdev, void *ctx)
{
	struct mask_channel *ch = ctx;
	uint32_t small = 16, large = 4;

	ch->base.desc = vbdev->base_desc;
	ch->base.ch = ch->vbdev.base_ch;
	bdk_iobuf_fit_caches(&small, &large);
	return spdk_iobuf_channel_init(&ch->iobuf, "mask", small, large);
}

static void
destroy_channel(struct bdk_vbdev *vbdev, void *ctx)
{
	struct mask_channel *ch = ctx;

	spdk_iobuf_channel_fini(&ch->iobuf);
}

static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	const struct mask_params *params = (const void *)request->params;

	spdk_json_write_named_string(w, "name", request->name);
	spdk_json_write_named_string(w, "base_bdev_name", request->base_name);
	spdk_json_write_named_uint8(w, "mask", params->mask);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
}

static char g_product_name[] = "mask";

static struct bdk_vbdev_kind g_mask_kind = {
	.module = &g_mask_module,
	.product_name = g_product_name,
	.fn_table = &g_mask_fn_table,
	.uuid_namespace.u.raw = {0x52, 0xc4, 0x8e, 0x10, 0x77, 0x3a, 0x4b, 0x65, 0xa9, 0x1d, 0x0c, 0xf3, 0x28, 0x94,
		0x6e, 0xb2},
	.vbdev_size = sizeof(struct mask),
	.channel_size = sizeof(struct mask_channel),
	.params_size = sizeof(struct mask_params),
	.init = init_mask,
	.create_channel = create_channel,
	.destroy_channel = destroy_channel,
	.create_method = "bdev_mask_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_mask_kind.requests),
};

/* ---- RPC ---- */

struct mask_opts {
	struct bdk_vbdev_opts vbdev;
	struct mask_params params;
};

static const struct bdk_rpc_param g_create_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct mask_opts, vbdev.name), .required = true,
		.help = "name of the new bdev"},
	{"base_bdev_name", BDK_RPC_STRING, offsetof(struct mask_opts, vbdev.base_name), .required = true,
		.help = "name of the base bdev, which may come to exist later"},
	{"mask", BDK_RPC_UINT8, offsetof(struct mask_opts, params.mask), .help = "bits to turn around",
		.default_text = "all of them"},
	{"uuid", BDK_RPC_UUID, offsetof(struct mask_opts, vbdev.uuid), .help = "UUID of the bdev",
		.default_text = "one that is made from the UUID of the base"},
};

static const struct mask_opts g_defaults = {.params.mask = 0xff};

static void
rpc_create(struct spdk_jsonrpc_request *request, void *ctx)
{
	const struct mask_opts *opts = ctx;
	const char *why;
	int rc = bdk_vbdev_create(&g_mask_kind, &opts->vbdev, &opts->params, &why);

	bdk_rpc_send_outcome(request, rc, "Cannot create mask bdev %s%s%s", opts->vbdev.name,
		rc != 0 && why != NULL ? ": " : "", rc != 0 && why != NULL ? why : "");
}

static const struct bdk_rpc_method g_create = {
	.name = "bdev_mask_create",
	.summary = "Creates a bdev that turns bits of another one around",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct mask_opts),
	.defaults = &g_defaults,
	.handler = rpc_create,
};
BDK_RPC_REGISTER(g_create)

/* ---- The module ---- */

static int
mask_module_init(void)
{
	return spdk_iobuf_register_module("mask");
}

static void
mask_module_fini(void)
{
	bdk_vbdev_forget_all(&g_mask_kind);
	spdk_iobuf_unregister_module("mask");
}

static int
mask_get_ctx_size(void)
{
	return sizeof(struct mask_io);
}

static void
mask_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_mask_kind, bdev);
}

static int
mask_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_mask_kind, w);
}

static struct spdk_bdev_module g_mask_module = {
	.name = "mask",
	.module_init = mask_module_init,
	.module_fini = mask_module_fini,
	.get_ctx_size = mask_get_ctx_size,
	.examine_config = mask_examine_config,
	.config_json = mask_config_json,
};

SPDK_BDEV_MODULE_REGISTER(mask, &g_mask_module)
