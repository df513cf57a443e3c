/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * In the order of the file: what is remembered, what the layer asks of a bdev, the life of a crypto bdev from its creation
 * to its destruction, the module.
 */

#include "module/bdev/crypto/crypto_internal.h"
#include "module/bdev/crypto/vbdev_crypto.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"
#include "spdk/accel.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* A request that a user has made. It outlives the bdev when the base vanishes, and keeps the key. Application thread only. */
struct crypto_request {
	char *name;
	char *base_bdev_name;
	struct crypto_key *key;
	/* NULL while the base is missing. */
	struct crypto_bdev *bdev;
	TAILQ_ENTRY(crypto_request) link;
};

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

static char g_product_name[] = "crypto";

/* Namespace of the UUIDs, which are made from that of the base. */
static struct spdk_uuid g_uuid_namespace = {
	.u.raw = {0x07, 0x8e, 0x3c, 0xf7, 0xf4, 0xb4, 0x45, 0x45, 0xb2, 0xc3, 0xd4, 0x00, 0x45, 0xa6, 0x4a, 0xe2},
};

static TAILQ_HEAD(, crypto_request) g_requests = TAILQ_HEAD_INITIALIZER(g_requests);

/* ---- What is remembered ---- */

static struct crypto_request *
find_request(const char *name)
{
	struct crypto_request *request;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (strcmp(request->name, name) == 0) {
			return request;
		}
	}
	return NULL;
}

static void
free_request(struct crypto_request *request)
{
	free(request->base_bdev_name);
	free(request->name);
	free(request);
}

static struct crypto_request *
remember_request(const char *name, const char *base_bdev_name, struct crypto_key *key)
{
	struct crypto_request *request;

	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return NULL;
	}
	request->name = strdup(name);
	request->base_bdev_name = strdup(base_bdev_name);
	if (request->name == NULL || request->base_bdev_name == NULL) {
		free_request(request);
		return NULL;
	}
	request->key = key;
	TAILQ_INSERT_TAIL(&g_requests, request, link);
	return request;
}

static void
forget_request(struct crypto_request *request)
{
	if (request->bdev != NULL) {
		request->bdev->request = NULL;
	}
	TAILQ_REMOVE(&g_requests, request, link);
	crypto_key_put(request->key);
	free_request(request);
}

/* ---- What the layer asks of a bdev, except for I/O, which is in crypto_io.c ---- */

static struct spdk_io_channel *
vbdev_crypto_get_io_channel(void *ctx)
{
	struct crypto_bdev *crypto = ctx;

	return spdk_get_io_channel(crypto);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct crypto_bdev *crypto = io_device;
	struct crypto_channel *ch = ctx;

	ch->accel_ch = spdk_accel_get_io_channel();
	if (ch->accel_ch == NULL) {
		return -ENOMEM;
	}
	ch->base_ch = spdk_bdev_get_io_channel(crypto->base_desc);
	if (ch->base_ch == NULL) {
		spdk_put_io_channel(ch->accel_ch);
		return -ENOMEM;
	}
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct crypto_channel *ch = ctx;

	spdk_put_io_channel(ch->base_ch);
	spdk_put_io_channel(ch->accel_ch);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_crypto_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct crypto_bdev *crypto = ctx;

	spdk_json_write_named_object_begin(w, "crypto");
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(crypto->base));
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&crypto->bdev));
	spdk_json_write_named_string(w, "key_name", crypto_key_get_name(crypto->key));
	spdk_json_write_object_end(w);
	return 0;
}

/* The key itself is saved by accel, whose configuration is loaded first. */
static void
write_request(struct spdk_json_write_ctx *w, const struct crypto_request *request)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_crypto_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "base_bdev_name", request->base_bdev_name);
	spdk_json_write_named_string(w, "name", request->name);
	spdk_json_write_named_string(w, "key_name", crypto_key_get_name(request->key));
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* On a base that is not examined: nothing would carry out a request that comes before the base. */
static void
vbdev_crypto_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct crypto_bdev *crypto = bdev->ctxt;

	if (crypto->request != NULL && !bdk_bdev_is_examined(crypto->base)) {
		write_request(w, crypto->request);
	}
}

/* ---- The end of a crypto bdev: destruct, then its steps in order, on the thread that created it ---- */

static void
destruct_done_cb(void *io_device)
{
	struct crypto_bdev *crypto = io_device;

	/* First: whoever waits for the bdev to be gone may want to be rid of its key, too. */
	crypto_key_put(crypto->key);
	spdk_bdev_destruct_done(&crypto->bdev, 0);
	free(crypto->bdev.name);
	free(crypto);
}

static void
destruct_close_base(void *ctx)
{
	struct crypto_bdev *crypto = ctx;

	if (crypto->request != NULL) {
		crypto->request->bdev = NULL;
	}
	/* In this order: when the last descriptor of a base that is being removed is closed, the base is gone. */
	spdk_bdev_module_release_bdev(crypto->base);
	spdk_bdev_close(crypto->base_desc);
	spdk_io_device_unregister(crypto, destruct_done_cb);
}

static int
vbdev_crypto_destruct(void *ctx)
{
	struct crypto_bdev *crypto = ctx;
	int rc;

	/* A descriptor is closed where it was opened, and unregistering may have been asked for anywhere. */
	rc = spdk_thread_exec_msg(crypto->thread, destruct_close_base, crypto);
	if (rc != 0) {
		SPDK_ERRLOG("%s: the base stays claimed: %s\n", crypto->bdev.name, spdk_strerror(-rc));
		return rc;
	}
	return 1;
}

static const struct spdk_bdev_fn_table g_crypto_fn_table = {
	.destruct = vbdev_crypto_destruct,
	.submit_request = crypto_io_submit,
	.io_type_supported = crypto_io_type_supported,
	.get_io_channel = vbdev_crypto_get_io_channel,
	.dump_info_json = vbdev_crypto_dump_info_json,
	.write_config_json = vbdev_crypto_write_config_json,
	.get_memory_domains = crypto_get_memory_domains,
	.accel_sequence_supported = crypto_accel_sequence_supported,
};

/* ---- The beginning of a crypto bdev ---- */

/* Something has happened to the base. On the thread that opened it. */
static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *base, void *event_ctx)
{
	struct crypto_bdev *crypto = event_ctx;
	int rc;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		/* The base waits until destruct_close_base() has closed it. */
		spdk_bdev_unregister(&crypto->bdev, NULL, NULL);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		rc = spdk_bdev_notify_blockcnt_change(&crypto->bdev, spdk_bdev_get_num_blocks(base));
		if (rc != 0) {
			SPDK_ERRLOG("%s: cannot follow the new size of its base %s: %s\n", crypto->bdev.name,
				base->name, spdk_strerror(-rc));
		}
		break;
	default:
		break;
	}
}

/* Opens the base and claims it. Metadata that lies in its blocks is not for us: the layer makes and checks it below. */
static int
open_base(struct crypto_bdev *crypto, const char *name)
{
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev *base;
	int rc;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	base = spdk_bdev_get_by_name(name);
	opts.hide_metadata = base != NULL && spdk_bdev_is_md_interleaved(base);
	rc = spdk_bdev_open_ext_v2(name, true, base_event_cb, crypto, &opts, &crypto->base_desc);
	if (rc != 0) {
		return rc;
	}
	crypto->base = spdk_bdev_desc_get_bdev(crypto->base_desc);
	crypto->thread = spdk_get_thread();
	rc = spdk_bdev_module_claim_bdev(crypto->base, crypto->base_desc, &g_crypto_module);
	if (rc != 0) {
		spdk_bdev_close(crypto->base_desc);
	}
	return rc;
}

static void
close_base(struct crypto_bdev *crypto)
{
	spdk_bdev_module_release_bdev(crypto->base);
	spdk_bdev_close(crypto->base_desc);
}

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
	const struct spdk_bdev *base = crypto->base;
	struct spdk_iobuf_opts opts;
	uint64_t max;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	max = (opts.large_bufsize - (spdk_bdev_get_buf_align(&crypto->bdev) - 1)) / base->blocklen;
	if (base->max_rw_size != 0) {
		max = spdk_min(max, base->max_rw_size);
	}
	return max - max % base->write_unit_size;
}

/* The same for encryption and decryption: no software module asks for more than any buffer has. */
static uint8_t
get_accel_alignment(const struct crypto_bdev *crypto)
{
	struct spdk_accel_operation_exec_ctx ctx = {.size = sizeof(ctx), .block_size = crypto->bdev.blocklen};

	return spdk_max(spdk_accel_get_buf_align(SPDK_ACCEL_OPC_ENCRYPT, &ctx),
		spdk_accel_get_buf_align(SPDK_ACCEL_OPC_DECRYPT, &ctx));
}

static void
copy_properties(struct crypto_bdev *crypto)
{
	const struct spdk_bdev *base = crypto->base;
	struct spdk_bdev *bdev = &crypto->bdev;
	uint8_t accel_alignment;

	bdev->blocklen = spdk_bdev_desc_get_block_size(crypto->base_desc);
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
	if (crypto->base->zoned) {
		*why = "its base bdev is zoned";
		return -ENOTSUP;
	}
	if (!fits_blocks(crypto->key, crypto->bdev.blocklen)) {
		*why = "the key cannot encrypt blocks of the size that its base bdev has";
		return -EINVAL;
	}
	if (crypto->bdev.max_rw_size == 0) {
		*why = "what its base bdev writes at once is larger than a large buffer of iobuf";
		return -EINVAL;
	}
	return 0;
}

static int
fill_bdev(struct crypto_bdev *crypto, const char **why)
{
	const struct spdk_uuid *base_uuid = spdk_bdev_get_uuid(crypto->base);
	int rc;

	copy_properties(crypto);
	rc = check_base(crypto, why);
	if (rc != 0) {
		return rc;
	}
	crypto->bdev.product_name = g_product_name;
	crypto->bdev.ctxt = crypto;
	crypto->bdev.fn_table = &g_crypto_fn_table;
	crypto->bdev.module = &g_crypto_module;
	return spdk_uuid_generate_sha1(
		&crypto->bdev.uuid, &g_uuid_namespace, (const char *)base_uuid, sizeof(*base_uuid));
}

/*
 * Creates the bdev that was asked for. Returns -ENODEV if its base does not exist or is going away. Every step has its
 * counterpart in the ladder at the end, in reverse order: whatever fails, nothing is left behind.
 */
static int
create_bdev(struct crypto_request *request, const char **why)
{
	struct crypto_bdev *crypto;
	int rc;

	crypto = calloc(1, sizeof(*crypto));
	if (crypto == NULL) {
		return -ENOMEM;
	}
	crypto->key = request->key;
	crypto->bdev.name = strdup(request->name);
	if (crypto->bdev.name == NULL) {
		rc = -ENOMEM;
		goto free_crypto;
	}
	rc = open_base(crypto, request->base_bdev_name);
	if (rc != 0) {
		*why = rc == -EPERM ? "its base bdev is claimed by another module" : NULL;
		goto free_name;
	}
	rc = fill_bdev(crypto, why);
	if (rc != 0) {
		goto close_base;
	}
	rc = bdk_io_device_register(
		crypto, create_channel_cb, destroy_channel_cb, sizeof(struct crypto_channel), request->name);
	if (rc != 0) {
		goto close_base;
	}
	rc = spdk_bdev_register(&crypto->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		goto unregister_io_device;
	}
	crypto_key_ref(crypto->key);
	crypto->request = request;
	request->bdev = crypto;
	return 0;

unregister_io_device:
	spdk_io_device_unregister(crypto, NULL);
close_base:
	close_base(crypto);
free_name:
	free(crypto->bdev.name);
free_crypto:
	free(crypto);
	return rc;
}

static int
check_names(const char *name, const char *base_bdev_name, const char **why)
{
	if (name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	if (base_bdev_name[0] == '\0') {
		*why = "the name of a base bdev is required";
		return -EINVAL;
	}
	if (strcmp(name, base_bdev_name) == 0) {
		*why = "it cannot have the name of its base bdev";
		return -EINVAL;
	}
	if (find_request(name) != NULL) {
		*why = "a crypto bdev of that name exists, or waits for its base bdev";
		return -EEXIST;
	}
	if (spdk_bdev_get_by_name(name) != NULL) {
		*why = "a bdev of that name exists";
		return -EEXIST;
	}
	return 0;
}

int
vbdev_crypto_create(const char *name, const char *base_bdev_name, struct crypto_key *key, const char **why)
{
	struct crypto_request *request = NULL;
	int rc;

	*why = NULL;
	rc = check_names(name, base_bdev_name, why);
	if (rc == 0) {
		request = remember_request(name, base_bdev_name, key);
		rc = request != NULL ? 0 : -ENOMEM;
	}
	if (rc != 0) {
		crypto_key_put(key);
		return rc;
	}

	rc = create_bdev(request, why);
	if (rc == -ENODEV) {
		SPDK_NOTICELOG("%s will be created when its base bdev %s exists\n", name, base_bdev_name);
		return 0;
	}
	if (rc != 0) {
		forget_request(request);
	}
	return rc;
}

int
vbdev_crypto_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	struct crypto_request *request;
	int rc = -ENODEV;

	request = find_request(name);
	if (request == NULL) {
		return -ENODEV;
	}
	if (request->bdev != NULL) {
		rc = spdk_bdev_unregister_by_name(name, &g_crypto_module, cb, cb_arg);
		if (rc != 0 && rc != -ENODEV) {
			return rc;
		}
	}
	/* Forgotten at once, so that it does not come back while it goes. */
	forget_request(request);
	if (rc == -ENODEV) {
		/* There is no bdev, as its base is missing, or it is going away with its base. */
		cb(cb_arg, 0);
	}
	return 0;
}

/* ---- The module ---- */

static bool
bdev_has_name(const struct spdk_bdev *bdev, const char *name)
{
	const struct spdk_bdev_alias *alias;

	if (strcmp(spdk_bdev_get_name(bdev), name) == 0) {
		return true;
	}
	TAILQ_FOREACH (alias, spdk_bdev_get_aliases(bdev), tailq) {
		if (strcmp(alias->alias.name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Called for each new bdev: is it a base that somebody waits for? */
static void
vbdev_crypto_examine_config(struct spdk_bdev *bdev)
{
	struct crypto_request *request;
	const char *why = NULL;
	int rc;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (request->bdev != NULL || !bdev_has_name(bdev, request->base_bdev_name)) {
			continue;
		}
		rc = create_bdev(request, &why);
		if (rc != 0) {
			SPDK_ERRLOG("Cannot create crypto bdev %s on %s: %s\n", request->name, spdk_bdev_get_name(bdev),
				why != NULL ? why : spdk_strerror(-rc));
		}
	}
	spdk_bdev_module_examine_done(&g_crypto_module);
}

/*
 * Whether nothing but its base keeps a request waiting. One that something else keeps, which has its name or its base,
 * would be carried out when it is loaded, and what is in its way would not load.
 */
static bool
waits_for_base(const struct crypto_request *request)
{
	struct spdk_bdev *base = spdk_bdev_get_by_name(request->base_bdev_name);

	return request->bdev == NULL && spdk_bdev_get_by_name(request->name) == NULL &&
		(base == NULL || !bdk_bdev_is_examined(base));
}

/*
 * Requests are loaded before the bases and carried out when those are examined. Those that wait come last, lest they take
 * a base from one that has it. They are saved too, as part of what the user has set up.
 */
static int
vbdev_crypto_config_json(struct spdk_json_write_ctx *w)
{
	struct crypto_request *request;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (request->bdev != NULL && bdk_bdev_is_examined(request->bdev->base)) {
			write_request(w, request);
		}
	}
	TAILQ_FOREACH (request, &g_requests, link) {
		if (waits_for_base(request)) {
			write_request(w, request);
		}
	}
	return 0;
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
	struct crypto_request *request;

	while ((request = TAILQ_FIRST(&g_requests)) != NULL) {
		forget_request(request);
	}
}
