/* SPDX-License-Identifier: BSD-3-Clause */

/* What crypto says of itself; how a bdev over a base lives is in module/bdev/common/vbdev.c. */

#include "module/bdev/crypto/crypto_internal.h"
#include "module/bdev/crypto/vbdev_crypto.h"

#include "spdk/accel.h"
#include "spdk/json.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static void vbdev_crypto_module_fini(void);
static int vbdev_crypto_module_init(void);
static int vbdev_crypto_get_ctx_size(void);
static void vbdev_crypto_examine_config(struct spdk_bdev *bdev);
static int vbdev_crypto_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_crypto_module = {
	.name = "crypto",
	.module_init = vbdev_crypto_module_init,
	.module_fini = vbdev_crypto_module_fini,
	.get_ctx_size = vbdev_crypto_get_ctx_size,
	.examine_config = vbdev_crypto_examine_config,
	.config_json = vbdev_crypto_config_json,
};

SPDK_BDEV_MODULE_REGISTER(crypto, &g_crypto_module)

/* What is asked for beside names. */
struct crypto_params {
	struct crypto_key *key;
};

/* ---- What the layer asks of a bdev, except for I/O, which is in crypto_io.c ---- */

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_crypto_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct crypto_bdev *crypto = ctx;

	spdk_json_write_named_object_begin(w, "crypto");
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(crypto->vbdev.base));
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&crypto->vbdev.bdev));
	spdk_json_write_named_string(w, "key_name", crypto_key_get_name(crypto->key));
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_crypto_fn_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = crypto_io_submit,
	.io_type_supported = crypto_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
	.dump_info_json = vbdev_crypto_dump_info_json,
	.write_config_json = bdk_vbdev_write_config_json,
	.get_memory_domains = crypto_get_memory_domains,
	.accel_sequence_supported = crypto_accel_sequence_supported,
};

/* ---- What is its own ---- */

/* Whether a block can be encrypted with the key: else each write would fail. */
static bool
fits_blocks(const struct crypto_key *key, uint32_t blocklen)
{
	const struct spdk_accel_crypto_key *accel = key->accel;

	if (accel->cipher == SPDK_ACCEL_CIPHER_AES_CBC) {
		return blocklen % 16 == 0;
	}
	if (accel->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_FULL_LBA ||
		accel->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA) {
		return blocklen % 512 == 0;
	}
	return blocklen >= 16;
}

/*
 * How many blocks may be read or written at once: they go through one buffer, of ours or, with the base's metadata, of the
 * layer's. A multiple of what the base writes at once.
 */
static uint64_t
get_max_blocks(const struct crypto_bdev *crypto)
{
	const struct spdk_bdev *base = crypto->vbdev.base;
	struct spdk_iobuf_opts opts;
	uint64_t max;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	max = (opts.large_bufsize - (spdk_bdev_get_buf_align(&crypto->vbdev.bdev) - 1)) / base->blocklen;
	if (base->max_rw_size != 0) {
		max = spdk_min(max, base->max_rw_size);
	}
	return max - max % base->write_unit_size;
}

/* The same for encryption and decryption: no software module asks for more than any buffer has. */
static uint8_t
get_accel_alignment(const struct crypto_bdev *crypto)
{
	struct spdk_accel_operation_exec_ctx ctx = {.size = sizeof(ctx), .block_size = crypto->vbdev.bdev.blocklen};

	return spdk_max(spdk_accel_get_buf_align(SPDK_ACCEL_OPC_ENCRYPT, &ctx),
		spdk_accel_get_buf_align(SPDK_ACCEL_OPC_DECRYPT, &ctx));
}

/* What the layer does below for the base, metadata and limits, is not the user's business. */
static void
set_properties(struct crypto_bdev *crypto)
{
	const struct spdk_bdev *base = crypto->vbdev.base;
	struct spdk_bdev *bdev = &crypto->vbdev.bdev;
	uint8_t accel_alignment;

	bdev->blocklen = spdk_bdev_desc_get_block_size(crypto->vbdev.base_desc);
	bdev->blockcnt = base->blockcnt;
	bdev->write_cache = base->write_cache;
	bdev->optimal_io_boundary = base->optimal_io_boundary;
	bdev->phys_blocklen = base->phys_blocklen;
	bdev->write_unit_size = base->write_unit_size;
	bdev->split_on_write_unit = base->split_on_write_unit;
	bdev->numa = base->numa;

	accel_alignment = get_accel_alignment(crypto);
	crypto->needs_aligned = accel_alignment > 0;
	bdev->required_alignment = spdk_max(base->required_alignment, accel_alignment);
	bdev->max_rw_size = get_max_blocks(crypto);
}

/* Sets *why if the base is not one for this key, or none at all. */
static int
check_base(const struct crypto_bdev *crypto, const char **why)
{
	if (crypto->vbdev.base->zoned) {
		*why = "its base bdev is zoned";
		return -ENOTSUP;
	}
	if (!fits_blocks(crypto->key, crypto->vbdev.bdev.blocklen)) {
		*why = "the key cannot encrypt blocks of the size that its base bdev has";
		return -EINVAL;
	}
	if (crypto->vbdev.bdev.max_rw_size == 0) {
		*why = "what its base bdev writes at once is larger than a large buffer of iobuf";
		return -EINVAL;
	}
	return 0;
}

static int
init_crypto(struct bdk_vbdev *vbdev, const void *params, const char **why)
{
	struct crypto_bdev *crypto = SPDK_CONTAINEROF(vbdev, struct crypto_bdev, vbdev);
	int rc;

	crypto->key = ((const struct crypto_params *)params)->key;
	set_properties(crypto);
	rc = check_base(crypto, why);
	if (rc == 0) {
		crypto_key_ref(crypto->key);
	}
	return rc;
}

static void
fini_crypto(struct bdk_vbdev *vbdev)
{
	crypto_key_put(SPDK_CONTAINEROF(vbdev, struct crypto_bdev, vbdev)->key);
}

static int
create_channel(struct bdk_vbdev *vbdev, void *ctx)
{
	struct crypto_channel *ch = ctx;

	ch->accel_ch = spdk_accel_get_io_channel();
	return ch->accel_ch != NULL ? 0 : -ENOMEM;
}

static void
destroy_channel(struct bdk_vbdev *vbdev, void *ctx)
{
	struct crypto_channel *ch = ctx;

	spdk_put_io_channel(ch->accel_ch);
}

static void
free_params(void *params)
{
	crypto_key_put(((struct crypto_params *)params)->key);
}

/* The key itself is saved by accel, whose configuration is loaded first. */
static void
write_params(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	const struct crypto_params *params = (const void *)request->params;

	spdk_json_write_named_string(w, "base_bdev_name", request->base_name);
	spdk_json_write_named_string(w, "name", request->name);
	spdk_json_write_named_string(w, "key_name", crypto_key_get_name(params->key));
}

static char g_product_name[] = "crypto";

static struct bdk_vbdev_kind g_crypto_kind = {
	.module = &g_crypto_module,
	.product_name = g_product_name,
	.fn_table = &g_crypto_fn_table,
	.uuid_namespace.u.raw = {0x07, 0x8e, 0x3c, 0xf7, 0xf4, 0xb4, 0x45, 0x45, 0xb2, 0xc3, 0xd4, 0x00, 0x45, 0xa6,
		0x4a, 0xe2},
	.vbdev_size = sizeof(struct crypto_bdev),
	.channel_size = sizeof(struct crypto_channel),
	.params_size = sizeof(struct crypto_params),
	/* The layer makes and checks it below. */
	.hide_interleaved_metadata = true,
	.init = init_crypto,
	.fini = fini_crypto,
	.create_channel = create_channel,
	.destroy_channel = destroy_channel,
	.free_params = free_params,
	.create_method = "bdev_crypto_create",
	.write_params = write_params,
	.requests = TAILQ_HEAD_INITIALIZER(g_crypto_kind.requests),
};

int
vbdev_crypto_create(const char *name, const char *base_bdev_name, struct crypto_key *key, const char **why)
{
	const struct bdk_vbdev_opts opts = {.name = name, .base_name = base_bdev_name};
	const struct crypto_params params = {key};
	int rc;

	rc = bdk_vbdev_create(&g_crypto_kind, &opts, &params, why);
	if (rc != 0) {
		crypto_key_put(key);
	}
	return rc;
}

int
vbdev_crypto_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return bdk_vbdev_delete(&g_crypto_kind, name, cb, cb_arg);
}

/* ---- The module ---- */

static void
vbdev_crypto_examine_config(struct spdk_bdev *bdev)
{
	bdk_vbdev_examine(&g_crypto_kind, bdev);
}

static int
vbdev_crypto_config_json(struct spdk_json_write_ctx *w)
{
	return bdk_vbdev_config_json(&g_crypto_kind, w);
}

static int
vbdev_crypto_get_ctx_size(void)
{
	return sizeof(struct crypto_io);
}

static int
vbdev_crypto_module_init(void)
{
	return 0;
}

static void
vbdev_crypto_module_fini(void)
{
	bdk_vbdev_forget_all(&g_crypto_kind);
}
