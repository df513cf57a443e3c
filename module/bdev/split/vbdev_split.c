/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * In the order of the file: what is remembered, what the layer asks of a part, the life of a base with its parts, what
 * users ask for, the module.
 */

#include "module/bdev/split/vbdev_split.h"

#include "bdevkit/bdev_module.h"
#include "module/bdev/common/part_bdev.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define MIB (1024 * 1024)

struct split_base;

/* What a user has asked for. It outlives the parts when the base vanishes. Application thread only. */
struct split_request {
	char *base_bdev;
	uint32_t split_count;
	uint64_t split_size_mb;
	/* NULL while the base is missing. */
	struct split_base *base;
	/* Made when its base came, not when it was asked for. */
	bool came_with_base;
	TAILQ_ENTRY(split_request) link;
};

/* A bdev that is cut. Freed with its last part. */
struct split_base {
	struct spdk_bdev_part_base *part_base;
	/* NULL when the user has deleted it, or when the base is leaving. */
	struct split_request *request;
	/* The parts so far are number 0 to num_parts - 1. */
	uint32_t num_parts;
	uint64_t part_blocks;
	/* May be NULL. */
	spdk_bdev_unregister_cb deleted_cb;
	void *deleted_cb_arg;
};

static int vbdev_split_module_init(void);
static void vbdev_split_module_fini(void);
static void vbdev_split_examine_config(struct spdk_bdev *bdev);
static int vbdev_split_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_split_module = {
	.name = "split",
	.module_init = vbdev_split_module_init,
	.module_fini = vbdev_split_module_fini,
	.get_ctx_size = part_bdev_get_ctx_size,
	.examine_config = vbdev_split_examine_config,
	.config_json = vbdev_split_config_json,
};

SPDK_BDEV_MODULE_REGISTER(split, &g_split_module)

static char g_product_name[] = "Split Disk";

static TAILQ_HEAD(, split_request) g_requests = TAILQ_HEAD_INITIALIZER(g_requests);

/* All parts of all bases. */
static SPDK_BDEV_PART_TAILQ g_parts = TAILQ_HEAD_INITIALIZER(g_parts);

/* ---- What is remembered ---- */

/* By the name that it was asked for with, or any other that the base has. */
static struct split_request *
find_request(const char *base_bdev)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(base_bdev);
	struct split_request *request;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (strcmp(request->base_bdev, base_bdev) == 0) {
			return request;
		}
	}
	TAILQ_FOREACH (request, &g_requests, link) {
		if (request->base != NULL && spdk_bdev_part_base_get_bdev(request->base->part_base) == bdev) {
			return request;
		}
	}
	return NULL;
}

static struct split_request *
remember_request(const struct split_opts *opts)
{
	struct split_request *request;

	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return NULL;
	}
	request->base_bdev = strdup(opts->base_bdev);
	if (request->base_bdev == NULL) {
		free(request);
		return NULL;
	}
	request->split_count = opts->split_count;
	request->split_size_mb = opts->split_size_mb;
	TAILQ_INSERT_TAIL(&g_requests, request, link);
	return request;
}

static void
forget_request(struct split_request *request)
{
	if (request->base != NULL) {
		request->base->request = NULL;
	}
	TAILQ_REMOVE(&g_requests, request, link);
	free(request->base_bdev);
	free(request);
}

static void
write_request(struct spdk_json_write_ctx *w, const struct split_request *request)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_split_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "base_bdev", request->base_bdev);
	spdk_json_write_named_uint32(w, "split_count", request->split_count);
	spdk_json_write_named_uint64(w, "split_size_mb", request->split_size_mb);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* ---- What the layer asks of a part; I/O is in module/bdev/common ---- */

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_split_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_part *part = ctx;

	spdk_json_write_named_object_begin(w, "split");
	spdk_json_write_named_string(w, "base_bdev", spdk_bdev_part_get_base_bdev(part)->name);
	spdk_json_write_named_uint64(w, "offset_blocks", spdk_bdev_part_get_offset_blocks(part));
	spdk_json_write_object_end(w);
	return 0;
}

/* On a base that is not examined: nothing would carry out a request that comes before the base. */
static void
vbdev_split_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev_part *part = bdev->ctxt;
	struct spdk_bdev_part_base *part_base = spdk_bdev_part_get_base(part);
	struct split_base *base = spdk_bdev_part_base_get_ctx(part_base);

	if (base->request != NULL && part == part_bdev_first(part_base, &g_parts) &&
		!bdk_bdev_is_examined(spdk_bdev_part_get_base_bdev(part))) {
		write_request(w, base->request);
	}
}

/* The helper adds what it does itself. */
static struct spdk_bdev_fn_table g_split_fn_table = {
	.destruct = part_bdev_destruct,
	.submit_request = part_bdev_submit,
	.dump_info_json = vbdev_split_dump_info_json,
	.write_config_json = vbdev_split_write_config_json,
	.get_memory_domains = part_bdev_get_memory_domains,
};

/* ---- The end of a base ---- */

static void
detach_request(struct split_base *base)
{
	if (base->request != NULL) {
		base->request->base = NULL;
		base->request = NULL;
	}
}

static void
base_free_cb(void *ctx)
{
	struct split_base *base = ctx;

	detach_request(base);
	if (base->deleted_cb != NULL) {
		base->deleted_cb(base->deleted_cb_arg, 0);
	}
	free(base);
}

static void
base_removed_cb(void *part_base)
{
	/* At once: by the time that the last part is gone, a new base of that name may have come. */
	detach_request(spdk_bdev_part_base_get_ctx(part_base));
	part_bdev_remove_base(part_base);
}

/* ---- The beginning of a base ---- */

/* How many parts the base is to have, as large as it is, and their size. */
static int
plan_parts(const struct split_request *request, const struct spdk_bdev *bdev, uint32_t *count, uint64_t *blocks,
	const char **why)
{
	if (spdk_bdev_is_zoned(bdev)) {
		*why = "the base has zones, and parts have none";
		return -ENOTSUP;
	}
	if (request->split_size_mb == 0) {
		if (request->split_count > bdev->blockcnt) {
			*why = "the base has fewer blocks than that";
			return -EINVAL;
		}
		*count = request->split_count;
		*blocks = bdev->blockcnt / request->split_count;
		return 0;
	}
	if (request->split_size_mb > UINT64_MAX / MIB) {
		*why = "split_size_mb is too large";
		return -EINVAL;
	}
	if (request->split_size_mb * MIB % bdev->blocklen != 0) {
		*why = "split_size_mb is not a multiple of the block size of the base";
		return -EINVAL;
	}
	*blocks = request->split_size_mb * MIB / bdev->blocklen;
	*count = spdk_min(request->split_count, bdev->blockcnt / *blocks);
	return 0;
}

static int
make_part(struct split_base *base)
{
	struct spdk_bdev *bdev = spdk_bdev_part_base_get_bdev(base->part_base);
	struct spdk_bdev_part *part = calloc(1, sizeof(*part));
	char *name = spdk_sprintf_alloc("%sp%" PRIu32, bdev->name, base->num_parts);
	int rc = -ENOMEM;

	if (part != NULL && name != NULL) {
		rc = spdk_bdev_part_construct(part, base->part_base, name, base->num_parts * base->part_blocks,
			base->part_blocks, g_product_name);
	}
	if (rc == 0) {
		base->num_parts++;
	} else {
		free(part);
	}
	free(name);
	return rc;
}

static int
make_parts(struct split_base *base, uint32_t count)
{
	int rc = 0;

	while (rc == 0 && base->num_parts < count) {
		rc = make_part(base);
	}
	return rc;
}

/* There may be room for parts that did not fit. */
static void
base_resized_cb(void *part_base)
{
	struct split_base *base = spdk_bdev_part_base_get_ctx(part_base);
	const struct spdk_bdev *bdev = spdk_bdev_part_base_get_bdev(part_base);
	const char *why = NULL;
	uint64_t blocks;
	uint32_t count;
	int rc;

	if (base->request == NULL) {
		return;
	}
	if (base->request->split_size_mb == 0) {
		SPDK_WARNLOG("%s has another size now. Its parts stay as they are until it is split anew; loading the "
			     "saved configuration splits it anew, and they will be larger then\n",
			bdev->name);
		return;
	}
	rc = plan_parts(base->request, bdev, &count, &blocks, &why);
	if (rc == 0) {
		rc = make_parts(base, count);
	}
	if (rc != 0) {
		SPDK_ERRLOG("%s has grown, but part %" PRIu32 " cannot be made: %s\n", bdev->name, base->num_parts,
			why != NULL ? why : spdk_strerror(-rc));
	}
}

/*
 * Makes the parts that were asked for. Returns -ENODEV if the base does not exist or is going away. On failure none is
 * left, though those that were made may still be on their way out.
 */
static int
create_parts(struct split_request *request, const char **why)
{
	struct split_base *base = calloc(1, sizeof(*base));
	uint32_t count;
	int rc;

	if (base == NULL) {
		return -ENOMEM;
	}
	rc = spdk_bdev_part_base_construct_ext(request->base_bdev, base_removed_cb, &g_split_module, &g_split_fn_table,
		&g_parts, base_free_cb, base, sizeof(struct spdk_bdev_part_channel), NULL, NULL, &base->part_base);
	if (rc != 0) {
		if (rc == -ENODEV) {
			free(base);
		}
		return rc;
	}
	bdk_bdev_part_base_set_resize_cb(base->part_base, base_resized_cb);
	base->request = request;
	request->base = base;
	rc = plan_parts(request, spdk_bdev_part_base_get_bdev(base->part_base), &count, &base->part_blocks, why);
	if (rc == 0) {
		rc = make_parts(base, count);
	}
	if (rc != 0) {
		detach_request(base);
		part_bdev_remove_base(base->part_base);
	}
	return rc;
}

/* ---- What users ask for ---- */

static int
check_opts(const struct split_opts *opts, const char **why)
{
	const struct split_request *request;

	if (opts->base_bdev == NULL || opts->base_bdev[0] == '\0') {
		*why = "the name of a base bdev is required";
		return -EINVAL;
	}
	if (opts->split_count == 0 || opts->split_count > SPLIT_MAX_COUNT) {
		*why = "split_count must be 1 to " SPDK_STRINGIFY(SPLIT_MAX_COUNT);
		return -EINVAL;
	}
	request = find_request(opts->base_bdev);
	if (request != NULL) {
		*why = request->base != NULL ? "it is split already" : "it is to be split already when it comes";
		return -EEXIST;
	}
	return 0;
}

/*
 * Scripts make a base anew and split it again, as other implementations forget what was asked for when the base goes.
 * Here it has been done when the base came.
 */
static bool
is_done_already(const struct split_opts *opts)
{
	struct split_request *request = opts->base_bdev != NULL ? find_request(opts->base_bdev) : NULL;

	if (request == NULL || request->base == NULL || !request->came_with_base ||
		request->split_count != opts->split_count || request->split_size_mb != opts->split_size_mb) {
		return false;
	}
	request->came_with_base = false;
	return true;
}

int
vbdev_split_create(const struct split_opts *opts, const char **why)
{
	struct split_request *request;
	int rc;

	*why = NULL;
	if (is_done_already(opts)) {
		return 0;
	}
	rc = check_opts(opts, why);
	if (rc != 0) {
		return rc;
	}
	request = remember_request(opts);
	if (request == NULL) {
		return -ENOMEM;
	}
	rc = create_parts(request, why);
	if (rc == -ENODEV) {
		SPDK_NOTICELOG("%s will be split when it exists\n", opts->base_bdev);
		return 0;
	}
	if (rc != 0) {
		forget_request(request);
	}
	if (rc == -EPERM) {
		*why = "it is claimed by another module";
	} else if (rc == -EEXIST) {
		*why = "a bdev has the name of a part";
	}
	return rc;
}

void
vbdev_split_for_each_part(const char *base_bdev, void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct split_request *request = find_request(base_bdev);
	struct spdk_bdev_part *part;

	if (request == NULL || request->base == NULL) {
		return;
	}
	TAILQ_FOREACH (part, &g_parts, tailq) {
		if (spdk_bdev_part_get_base(part) == request->base->part_base && part_bdev_is_known(part)) {
			fn(ctx, spdk_bdev_part_get_bdev(part)->name);
		}
	}
}

int
vbdev_split_delete(const char *base_bdev, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	struct split_request *request = find_request(base_bdev);
	struct split_base *base;

	if (request == NULL) {
		return -ENOENT;
	}
	base = request->base;
	forget_request(request);
	if (base == NULL) {
		cb(cb_arg, 0);
		return 0;
	}
	base->deleted_cb = cb;
	base->deleted_cb_arg = cb_arg;
	part_bdev_remove_base(base->part_base);
	return 0;
}

/* ---- The module ---- */

/* Called for each new bdev: is it a base that somebody waits for? */
static void
vbdev_split_examine_config(struct spdk_bdev *bdev)
{
	struct split_request *request;
	const char *why = NULL;
	int rc;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (request->base == NULL && spdk_bdev_get_by_name(request->base_bdev) == bdev) {
			break;
		}
	}
	if (request != NULL) {
		rc = create_parts(request, &why);
		request->came_with_base = rc == 0;
		if (rc != 0) {
			SPDK_ERRLOG("%s cannot be split as was asked for: %s\n", bdev->name,
				why != NULL ? why : spdk_strerror(-rc));
		}
	}
	spdk_bdev_module_examine_done(&g_split_module);
}

static bool
has_parts(const struct split_request *request)
{
	return request->base != NULL && part_bdev_first(request->base->part_base, &g_parts) != NULL;
}

/*
 * Whether nothing but its base, or the size of that, keeps a request waiting. One that something else keeps, which has
 * the base or the name of a part, would be carried out when it is loaded, and what is in its way would not load.
 */
static bool
waits_for_base(const struct split_request *request)
{
	struct spdk_bdev *base = spdk_bdev_get_by_name(request->base_bdev);

	return request->base != NULL ? !has_parts(request) : base == NULL || !bdk_bdev_is_examined(base);
}

/*
 * Requests are loaded before the bases and carried out when those are examined. Those that wait come last, lest they take
 * a base from one that has it. They are saved too, as part of what the user has set up.
 */
static int
vbdev_split_config_json(struct spdk_json_write_ctx *w)
{
	struct split_request *request;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (has_parts(request) &&
			bdk_bdev_is_examined(spdk_bdev_part_base_get_bdev(request->base->part_base))) {
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
vbdev_split_module_init(void)
{
	return 0;
}

static void
vbdev_split_module_fini(void)
{
	struct split_request *request;

	while ((request = TAILQ_FIRST(&g_requests)) != NULL) {
		forget_request(request);
	}
}
