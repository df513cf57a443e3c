/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of bdevs that are parts of another one: the base is opened, parts are made on it, the last part that goes
 * takes the base with it.
 */

#include "lib/bdev/part.h"

#include "bdevkit/bdev_module.h"

/* What frees a part goes from the thread that unregistered it to that of the base, and back. */
struct bdev_part_release {
	struct spdk_bdev_part *part;
	uint64_t thread_id;
	struct bdk_msg msg;
};

/* Namespace of the UUIDs that are made from that of the base and the place of the part: the same after a restart. */
static struct spdk_uuid g_uuid_namespace = {
	.u.raw = {0x97, 0x6b, 0x89, 0x9e, 0x3e, 0x1e, 0x4d, 0x71, 0xab, 0x69, 0xc2, 0xb0, 0x8e, 0x9d, 0xf8, 0xb8},
};

/* ---- Channels of a part ---- */

static int
part_channel_create(void *io_device, void *ctx)
{
	struct spdk_bdev_part *part = io_device;
	struct spdk_bdev_part_base *base = part->internal.base;
	struct spdk_bdev_part_channel *ch = ctx;
	int rc;

	ch->part = part;
	ch->base_ch = spdk_bdev_get_io_channel(base->desc);
	if (ch->base_ch == NULL) {
		return -ENOMEM;
	}
	if (base->ch_create_cb != NULL) {
		rc = base->ch_create_cb(io_device, ctx);
		if (rc != 0) {
			spdk_put_io_channel(ch->base_ch);
			return rc;
		}
	}
	return 0;
}

static void
part_channel_destroy(void *io_device, void *ctx)
{
	struct spdk_bdev_part *part = io_device;
	struct spdk_bdev_part_channel *ch = ctx;

	if (part->internal.base->ch_destroy_cb != NULL) {
		part->internal.base->ch_destroy_cb(io_device, ctx);
	}
	spdk_put_io_channel(ch->base_ch);
}

/* ---- What the layer asks of a part; both are put into the module's table ---- */

static struct spdk_io_channel *
part_get_io_channel(void *ctx)
{
	struct spdk_bdev_part *part = ctx;

	return spdk_get_io_channel(part);
}

static bool
part_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct spdk_bdev_part *part = ctx;

	return ((bdev_part_io_types(&part->internal.bdev) >> io_type) & 1) != 0 &&
		bdev_io_type_is_native(part->internal.base->bdev, io_type);
}

/* ---- The base ---- */

static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	struct spdk_bdev_part_base *base = event_ctx;

	/* It may grow: parts stay where and as large as they are. */
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		base->remove_cb(base);
	} else if (type == SPDK_BDEV_EVENT_RESIZE && base->resize_cb != NULL) {
		base->resize_cb(base);
	}
}

int
spdk_bdev_part_base_construct_ext(const char *bdev_name, spdk_bdev_remove_cb_t remove_cb,
	struct spdk_bdev_module *module, struct spdk_bdev_fn_table *fn_table, struct bdev_part_tailq *tailq,
	spdk_bdev_part_base_free_fn free_fn, void *ctx, uint32_t channel_size, spdk_io_channel_create_cb ch_create_cb,
	spdk_io_channel_destroy_cb ch_destroy_cb, struct spdk_bdev_part_base **base_out)
{
	struct spdk_bdev_part_base *base;
	int rc = -ENOMEM;

	if (base_out == NULL || remove_cb == NULL || module == NULL || fn_table == NULL || tailq == NULL ||
		channel_size < sizeof(struct spdk_bdev_part_channel)) {
		SPDK_ERRLOG("a base of parts needs a module with its functions and list, and a place for the result\n");
		return -EINVAL;
	}
	base = calloc(1, sizeof(*base));
	if (base != NULL) {
		rc = spdk_bdev_open_ext(bdev_name, false, base_event_cb, base, &base->desc);
	}
	if (rc == -ENODEV) {
		/* Not worth a word: it may come yet, and the module keeps ctx for that. */
		free(base);
		return rc;
	}
	if (rc != 0) {
		SPDK_ERRLOG("bdev %s cannot be opened for its parts: %s\n", bdev_name, spdk_strerror(-rc));
		free(base);
		if (free_fn != NULL) {
			free_fn(ctx);
		}
		return rc;
	}

	base->bdev = spdk_bdev_desc_get_bdev(base->desc);
	base->thread = spdk_get_thread();
	base->module = module;
	base->fn_table = fn_table;
	/* All bdevs that have this table are parts. */
	fn_table->get_io_channel = part_get_io_channel;
	fn_table->io_type_supported = part_io_type_supported;
	base->tailq = tailq;
	base->remove_cb = remove_cb;
	base->free_fn = free_fn;
	base->ctx = ctx;
	base->channel_size = channel_size;
	base->ch_create_cb = ch_create_cb;
	base->ch_destroy_cb = ch_destroy_cb;
	*base_out = base;
	return 0;
}

void
bdk_bdev_part_base_set_resize_cb(struct spdk_bdev_part_base *base, void (*resize_cb)(void *part_base))
{
	base->resize_cb = resize_cb;
}

static void
close_base_cb(void *arg)
{
	struct spdk_bdev_part_base *base = arg;

	spdk_bdev_close(base->desc);
	free(base);
}

void
spdk_bdev_part_base_free(struct spdk_bdev_part_base *base)
{
	spdk_bdev_part_base_free_fn free_fn = base->free_fn;
	void *ctx = base->ctx;

	if (base->thread == spdk_get_thread() ||
		bdk_msg_send(base->thread, &base->close_msg, close_base_cb, base) != 0) {
		close_base_cb(base);
	}
	if (free_fn != NULL) {
		free_fn(ctx);
	}
}

struct spdk_bdev *
spdk_bdev_part_base_get_bdev(struct spdk_bdev_part_base *base)
{
	return base->bdev;
}

const char *
spdk_bdev_part_base_get_bdev_name(struct spdk_bdev_part_base *base)
{
	return base->bdev->name;
}

struct spdk_bdev_desc *
spdk_bdev_part_base_get_desc(struct spdk_bdev_part_base *base)
{
	return base->desc;
}

struct bdev_part_tailq *
spdk_bdev_part_base_get_tailq(struct spdk_bdev_part_base *base)
{
	return base->tailq;
}

void *
spdk_bdev_part_base_get_ctx(struct spdk_bdev_part_base *base)
{
	return base->ctx;
}

void
spdk_bdev_part_base_hotremove(struct spdk_bdev_part_base *base, struct bdev_part_tailq *tailq)
{
	struct spdk_bdev_part *part, *next;

	TAILQ_FOREACH_SAFE (part, tailq, tailq, next) {
		if (part->internal.base == base) {
			spdk_bdev_unregister(&part->internal.bdev, NULL, NULL);
		}
	}
}

/* ---- Making a part ---- */

void
spdk_bdev_part_construct_opts_init(struct spdk_bdev_part_construct_opts *opts, uint64_t size)
{
	if (opts == NULL || size == 0) {
		SPDK_ERRLOG("spdk_bdev_part_construct_opts_init() needs a structure and its size\n");
		return;
	}
	memset(opts, 0, spdk_min(size, sizeof(*opts)));
	if (size >= sizeof(opts->opts_size)) {
		opts->opts_size = size;
	}
}

static int
set_uuid(struct spdk_bdev_part *part, const struct spdk_bdev_part_construct_opts *opts)
{
	struct {
		struct spdk_uuid base;
		uint64_t offset_blocks;
		uint64_t num_blocks;
	} name;

	if (opts != NULL && opts->opts_size >= sizeof(*opts) && !spdk_uuid_is_null(&opts->uuid)) {
		spdk_uuid_copy(&part->internal.bdev.uuid, &opts->uuid);
		return 0;
	}
	spdk_uuid_copy(&name.base, &part->internal.base->bdev->uuid);
	name.offset_blocks = part->internal.offset_blocks;
	name.num_blocks = part->internal.bdev.blockcnt;
	return spdk_uuid_generate_sha1(&part->internal.bdev.uuid, &g_uuid_namespace, (const char *)&name, sizeof(name));
}

/* What a part has from its base. Limits of I/O are not among it: the base splits what comes to it by itself. */
static void
inherit(struct spdk_bdev *bdev, const struct spdk_bdev *base)
{
	bdev->blocklen = base->blocklen;
	bdev->phys_blocklen = base->phys_blocklen;
	bdev->required_alignment = base->required_alignment;
	bdev->write_cache = base->write_cache;
	bdev->acwu = base->acwu;
	bdev->holes_are_zeroes = base->holes_are_zeroes;
	bdev->md_len = base->md_len;
	bdev->md_interleave = base->md_interleave;
	bdev->dif_type = base->dif_type;
	bdev->dif_pi_format = base->dif_pi_format;
	bdev->dif_is_head_of_md = base->dif_is_head_of_md;
	bdev->dif_check_flags = base->dif_check_flags;
	bdev->numa.id_valid = base->numa.id_valid;
	bdev->numa.id = base->numa.id;
}

static int
check_part(const struct spdk_bdev *base, const char *name, uint64_t offset_blocks, uint64_t num_blocks)
{
	if (num_blocks > base->blockcnt || offset_blocks > base->blockcnt - num_blocks) {
		SPDK_ERRLOG("part %s: %" PRIu64 " blocks from block %" PRIu64
			    " on do not lie within %s, which has %" PRIu64 "\n",
			name, num_blocks, offset_blocks, base->name, base->blockcnt);
		return -EINVAL;
	}
	return 0;
}

static int
claim_base(struct spdk_bdev_part_base *base)
{
	int rc;

	if (base->claimed) {
		return 0;
	}
	rc = spdk_bdev_module_claim_bdev(base->bdev, base->desc, base->module);
	if (rc == 0) {
		base->claimed = true;
	}
	return rc;
}

static void
release_base(struct spdk_bdev_part_base *base)
{
	if (base->num_parts == 0 && base->claimed) {
		spdk_bdev_module_release_bdev(base->bdev);
		base->claimed = false;
	}
}

static void
free_fields(struct spdk_bdev_part *part)
{
	free(part->internal.bdev.name);
	free(part->internal.bdev.product_name);
	free(part->internal.release);
	part->internal.bdev.name = NULL;
	part->internal.bdev.product_name = NULL;
	part->internal.release = NULL;
}

int
spdk_bdev_part_construct_ext(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base, char *name,
	uint64_t offset_blocks, uint64_t num_blocks, char *product_name,
	const struct spdk_bdev_part_construct_opts *opts)
{
	struct spdk_bdev *bdev = &part->internal.bdev;
	int rc;

	if (name == NULL || product_name == NULL) {
		SPDK_ERRLOG("a part needs a name and a product name\n");
		return -EINVAL;
	}
	rc = check_part(base->bdev, name, offset_blocks, num_blocks);
	if (rc != 0) {
		return rc;
	}
	part->internal.base = base;
	part->internal.offset_blocks = offset_blocks;
	bdev->blockcnt = num_blocks;
	bdev->ctxt = part;
	bdev->module = base->module;
	bdev->fn_table = base->fn_table;
	inherit(bdev, base->bdev);
	bdev->name = strdup(name);
	bdev->product_name = strdup(product_name);
	part->internal.release = calloc(1, sizeof(*part->internal.release));
	if (bdev->name == NULL || bdev->product_name == NULL || part->internal.release == NULL) {
		rc = -ENOMEM;
		goto err_free;
	}
	rc = set_uuid(part, opts);
	if (rc != 0) {
		goto err_free;
	}
	rc = claim_base(base);
	if (rc != 0) {
		SPDK_ERRLOG("part %s: %s cannot be claimed: %s\n", name, base->bdev->name, spdk_strerror(-rc));
		goto err_free;
	}
	rc = bdk_io_device_register(part, part_channel_create, part_channel_destroy, base->channel_size, name);
	if (rc != 0) {
		goto err_release;
	}
	base->num_parts++;
	rc = spdk_bdev_register(bdev);
	if (rc != 0) {
		goto err_unregister;
	}
	TAILQ_INSERT_TAIL(base->tailq, part, tailq);
	return 0;

err_unregister:
	base->num_parts--;
	spdk_io_device_unregister(part, NULL);
err_release:
	release_base(base);
err_free:
	free_fields(part);
	return rc;
}

int
spdk_bdev_part_construct(struct spdk_bdev_part *part, struct spdk_bdev_part_base *base, char *name,
	uint64_t offset_blocks, uint64_t num_blocks, char *product_name)
{
	return spdk_bdev_part_construct_ext(part, base, name, offset_blocks, num_blocks, product_name, NULL);
}

struct spdk_bdev *
spdk_bdev_part_get_bdev(struct spdk_bdev_part *part)
{
	return &part->internal.bdev;
}

struct spdk_bdev_part_base *
spdk_bdev_part_get_base(struct spdk_bdev_part *part)
{
	return part->internal.base;
}

struct spdk_bdev *
spdk_bdev_part_get_base_bdev(struct spdk_bdev_part *part)
{
	return part->internal.base->bdev;
}

uint64_t
spdk_bdev_part_get_offset_blocks(struct spdk_bdev_part *part)
{
	return part->internal.offset_blocks;
}

/* ---- Freeing a part, in the order of the functions ---- */

static void part_free_leave_base_cb(void *arg);
static void part_free_finish_cb(void *arg);

/* Its channels are gone. On the thread that unregistered it. */
static void
part_free_begin_cb(void *io_device)
{
	struct spdk_bdev_part *part = io_device;
	struct bdev_part_release *release = part->internal.release;
	struct spdk_thread *base_thread = part->internal.base->thread;

	release->part = part;
	release->thread_id = spdk_thread_get_id(spdk_get_thread());
	/* The module walks its list on that thread, without a lock. */
	if (base_thread == spdk_get_thread() ||
		bdk_msg_send(base_thread, &release->msg, part_free_leave_base_cb, release) != 0) {
		part_free_leave_base_cb(release);
	}
}

static void
part_free_leave_base_cb(void *arg)
{
	struct bdev_part_release *release = arg;
	struct spdk_bdev_part_base *base = release->part->internal.base;

	TAILQ_REMOVE(base->tailq, release->part, tailq);
	if (--base->num_parts == 0) {
		release_base(base);
		spdk_bdev_part_base_free(base);
	}
	if (release->thread_id == spdk_thread_get_id(spdk_get_thread()) ||
		bdk_msg_send_to_id(release->thread_id, &release->msg, part_free_finish_cb, release) != 0) {
		part_free_finish_cb(release);
	}
}

static void
part_free_finish_cb(void *arg)
{
	struct bdev_part_release *release = arg;
	struct spdk_bdev_part *part = release->part;

	spdk_bdev_destruct_done(&part->internal.bdev, 0);
	free_fields(part);
	free(part);
}

int
spdk_bdev_part_free(struct spdk_bdev_part *part)
{
	spdk_io_device_unregister(part, part_free_begin_cb);
	return 1;
}
