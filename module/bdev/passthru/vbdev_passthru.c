/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * In the order of the file: what is remembered, what the layer asks of a bdev, the life of a passthru bdev from its
 * creation to its destruction, the module.
 */

#include "module/bdev/passthru/passthru_internal.h"
#include "module/bdev/passthru/vbdev_passthru.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* What a user has asked for. It outlives the bdev when the base vanishes. Application thread only. */
struct passthru_request {
	char *name;
	char *base_bdev_name;
	struct spdk_uuid uuid;
	/* NULL while the base is missing. */
	struct passthru_bdev *bdev;
	TAILQ_ENTRY(passthru_request) link;
};

static int vbdev_passthru_module_init(void);
static void vbdev_passthru_module_fini(void);
static int vbdev_passthru_get_ctx_size(void);
static void vbdev_passthru_examine_config(struct spdk_bdev *bdev);
static int vbdev_passthru_config_json(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_passthru_module = {
	.name = "passthru",
	.module_init = vbdev_passthru_module_init,
	.module_fini = vbdev_passthru_module_fini,
	.get_ctx_size = vbdev_passthru_get_ctx_size,
	.examine_config = vbdev_passthru_examine_config,
	.config_json = vbdev_passthru_config_json,
};

SPDK_BDEV_MODULE_REGISTER(passthru, &g_passthru_module)

static char g_product_name[] = "passthru";

/* Namespace of the UUIDs that are made from that of the base. */
static struct spdk_uuid g_uuid_namespace = {
	.u.raw = {0x7e, 0x25, 0x81, 0x2e, 0xc8, 0xc0, 0x4d, 0x3f, 0x85, 0x99, 0x16, 0xd7, 0x90, 0x55, 0x5b, 0x85},
};

static TAILQ_HEAD(, passthru_request) g_requests = TAILQ_HEAD_INITIALIZER(g_requests);

/* ---- What is remembered ---- */

static struct passthru_request *
find_request(const char *name)
{
	struct passthru_request *request;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (strcmp(request->name, name) == 0) {
			return request;
		}
	}
	return NULL;
}

static void
free_request(struct passthru_request *request)
{
	free(request->base_bdev_name);
	free(request->name);
	free(request);
}

static struct passthru_request *
remember_request(const struct passthru_bdev_opts *opts)
{
	struct passthru_request *request;

	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return NULL;
	}
	request->name = strdup(opts->name);
	request->base_bdev_name = strdup(opts->base_bdev_name);
	if (request->name == NULL || request->base_bdev_name == NULL) {
		free_request(request);
		return NULL;
	}
	request->uuid = opts->uuid;
	TAILQ_INSERT_TAIL(&g_requests, request, link);
	return request;
}

static void
forget_request(struct passthru_request *request)
{
	if (request->bdev != NULL) {
		request->bdev->request = NULL;
	}
	TAILQ_REMOVE(&g_requests, request, link);
	free_request(request);
}

/* ---- What the layer asks of a bdev, except for I/O, which is in passthru_io.c ---- */

static struct spdk_io_channel *
vbdev_passthru_get_io_channel(void *ctx)
{
	struct passthru_bdev *passthru = ctx;

	return spdk_get_io_channel(passthru);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct passthru_bdev *passthru = io_device;
	struct passthru_channel *ch = ctx;

	ch->base_ch = spdk_bdev_get_io_channel(passthru->base_desc);
	return ch->base_ch != NULL ? 0 : -ENOMEM;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct passthru_channel *ch = ctx;

	spdk_put_io_channel(ch->base_ch);
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
vbdev_passthru_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct passthru_bdev *passthru = ctx;

	spdk_json_write_named_object_begin(w, "passthru");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(&passthru->bdev));
	spdk_json_write_named_string(w, "base_bdev_name", spdk_bdev_get_name(passthru->base));
	spdk_json_write_object_end(w);
	return 0;
}

static void
write_request(struct spdk_json_write_ctx *w, const struct passthru_request *request)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_passthru_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "base_bdev_name", request->base_bdev_name);
	spdk_json_write_named_string(w, "name", request->name);
	if (!spdk_uuid_is_null(&request->uuid)) {
		spdk_json_write_named_uuid(w, "uuid", &request->uuid);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* On a base that is not examined: nothing would carry out a request that comes before the base. */
static void
vbdev_passthru_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct passthru_bdev *passthru = bdev->ctxt;

	if (passthru->request != NULL && !bdk_bdev_is_examined(passthru->base)) {
		write_request(w, passthru->request);
	}
}

/* ---- The end of a passthru bdev: destruct, then its steps in order, on the thread that created it ---- */

static void
destruct_done_cb(void *io_device)
{
	struct passthru_bdev *passthru = io_device;

	spdk_bdev_destruct_done(&passthru->bdev, 0);
	free(passthru->bdev.name);
	free(passthru);
}

static void
destruct_close_base(void *ctx)
{
	struct passthru_bdev *passthru = ctx;

	if (passthru->request != NULL) {
		passthru->request->bdev = NULL;
	}
	/* In this order: when the last descriptor of a base that is being removed is closed, the base is gone. */
	spdk_bdev_module_release_bdev(passthru->base);
	spdk_bdev_close(passthru->base_desc);
	spdk_io_device_unregister(passthru, destruct_done_cb);
}

static int
vbdev_passthru_destruct(void *ctx)
{
	struct passthru_bdev *passthru = ctx;
	int rc;

	/* A descriptor is closed where it was opened, and unregistering may have been asked for anywhere. */
	rc = spdk_thread_exec_msg(passthru->thread, destruct_close_base, passthru);
	if (rc != 0) {
		SPDK_ERRLOG("%s: the base stays claimed: %s\n", passthru->bdev.name, spdk_strerror(-rc));
		return rc;
	}
	return 1;
}

static const struct spdk_bdev_fn_table g_passthru_fn_table = {
	.destruct = vbdev_passthru_destruct,
	.submit_request = passthru_io_submit,
	.io_type_supported = passthru_io_type_supported,
	.get_io_channel = vbdev_passthru_get_io_channel,
	.dump_info_json = vbdev_passthru_dump_info_json,
	.write_config_json = vbdev_passthru_write_config_json,
	.get_memory_domains = passthru_get_memory_domains,
	.accel_sequence_supported = passthru_accel_sequence_supported,
};

/* ---- The beginning of a passthru bdev ---- */

/* Something has happened to the base. On the thread that opened it. */
static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *base, void *event_ctx)
{
	struct passthru_bdev *passthru = event_ctx;
	int rc;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		/* The base waits until destruct_close_base() has closed it. */
		spdk_bdev_unregister(&passthru->bdev, NULL, NULL);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		rc = spdk_bdev_notify_blockcnt_change(&passthru->bdev, spdk_bdev_get_num_blocks(base));
		if (rc != 0) {
			SPDK_ERRLOG("%s: cannot follow the new size of its base %s: %s\n", passthru->bdev.name,
				base->name, spdk_strerror(-rc));
		}
		break;
	default:
		break;
	}
}

static int
set_uuid(struct passthru_bdev *passthru, const struct spdk_uuid *wanted)
{
	const struct spdk_uuid *base_uuid = spdk_bdev_get_uuid(passthru->base);

	if (!spdk_uuid_is_null(wanted)) {
		passthru->bdev.uuid = *wanted;
		return 0;
	}
	return spdk_uuid_generate_sha1(
		&passthru->bdev.uuid, &g_uuid_namespace, (const char *)base_uuid, sizeof(*base_uuid));
}

/* Limits of the base are not copied: the layer splits and aligns what we send to the base as the base needs it. */
static void
copy_properties(struct passthru_bdev *passthru)
{
	const struct spdk_bdev *base = passthru->base;
	struct spdk_bdev *bdev = &passthru->bdev;

	bdev->write_cache = base->write_cache;
	bdev->required_alignment = base->required_alignment;
	bdev->optimal_io_boundary = base->optimal_io_boundary;
	bdev->blocklen = base->blocklen;
	bdev->phys_blocklen = base->phys_blocklen;
	bdev->blockcnt = base->blockcnt;
	bdev->write_unit_size = base->write_unit_size;
	bdev->acwu = base->acwu;
	bdev->holes_are_zeroes = base->holes_are_zeroes;
	bdev->numa = base->numa;
	bdev->nsid = base->nsid;
	bdev->ctratt = base->ctratt;

	bdev->md_len = base->md_len;
	bdev->md_interleave = base->md_interleave;
	bdev->dif_type = base->dif_type;
	bdev->dif_pi_format = base->dif_pi_format;
	bdev->dif_is_head_of_md = base->dif_is_head_of_md;
	bdev->dif_check_flags = base->dif_check_flags;

	bdev->zoned = base->zoned;
	bdev->zone_size = base->zone_size;
	bdev->max_zone_append_size = base->max_zone_append_size;
	bdev->max_open_zones = base->max_open_zones;
	bdev->max_active_zones = base->max_active_zones;
	bdev->optimal_open_zones = base->optimal_open_zones;
}

/*
 * Creates the bdev that was asked for. Returns -ENODEV if its base does not exist or is going away. Every step has its
 * counterpart in the ladder at the end, in reverse order: whatever fails, nothing is left behind.
 */
static int
create_bdev(struct passthru_request *request)
{
	struct passthru_bdev *passthru;
	int rc;

	passthru = calloc(1, sizeof(*passthru));
	if (passthru == NULL) {
		return -ENOMEM;
	}
	passthru->bdev.name = strdup(request->name);
	if (passthru->bdev.name == NULL) {
		rc = -ENOMEM;
		goto free_passthru;
	}

	rc = spdk_bdev_open_ext(request->base_bdev_name, true, base_event_cb, passthru, &passthru->base_desc);
	if (rc != 0) {
		goto free_name;
	}
	passthru->base = spdk_bdev_desc_get_bdev(passthru->base_desc);
	passthru->thread = spdk_get_thread();

	rc = spdk_bdev_module_claim_bdev(passthru->base, passthru->base_desc, &g_passthru_module);
	if (rc != 0) {
		goto close_base;
	}

	rc = set_uuid(passthru, &request->uuid);
	if (rc != 0) {
		goto release_base;
	}
	copy_properties(passthru);
	passthru->bdev.product_name = g_product_name;
	passthru->bdev.ctxt = passthru;
	passthru->bdev.fn_table = &g_passthru_fn_table;
	passthru->bdev.module = &g_passthru_module;

	rc = bdk_io_device_register(
		passthru, create_channel_cb, destroy_channel_cb, sizeof(struct passthru_channel), request->name);
	if (rc != 0) {
		goto release_base;
	}
	rc = spdk_bdev_register(&passthru->bdev);
	if (rc != 0) {
		goto unregister_io_device;
	}
	passthru->request = request;
	request->bdev = passthru;
	return 0;

unregister_io_device:
	spdk_io_device_unregister(passthru, NULL);
release_base:
	spdk_bdev_module_release_bdev(passthru->base);
close_base:
	spdk_bdev_close(passthru->base_desc);
free_name:
	free(passthru->bdev.name);
free_passthru:
	free(passthru);
	return rc;
}

static int
check_opts(const struct passthru_bdev_opts *opts, const char **why)
{
	if (opts->name == NULL || opts->name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	if (opts->base_bdev_name == NULL || opts->base_bdev_name[0] == '\0') {
		*why = "the name of a base bdev is required";
		return -EINVAL;
	}
	if (strcmp(opts->name, opts->base_bdev_name) == 0) {
		*why = "it cannot have the name of its base bdev";
		return -EINVAL;
	}
	if (find_request(opts->name) != NULL) {
		*why = "a passthru bdev of that name exists, or waits for its base bdev";
		return -EEXIST;
	}
	if (spdk_bdev_get_by_name(opts->name) != NULL) {
		*why = "a bdev of that name exists";
		return -EEXIST;
	}
	return 0;
}

int
vbdev_passthru_create(const struct passthru_bdev_opts *opts, const char **why)
{
	struct passthru_request *request;
	int rc;

	*why = NULL;
	rc = check_opts(opts, why);
	if (rc != 0) {
		return rc;
	}
	request = remember_request(opts);
	if (request == NULL) {
		return -ENOMEM;
	}

	rc = create_bdev(request);
	if (rc == -ENODEV) {
		SPDK_NOTICELOG("%s will be created when its base bdev %s exists\n", opts->name, opts->base_bdev_name);
		return 0;
	}
	if (rc != 0) {
		forget_request(request);
	}
	if (rc == -EPERM) {
		*why = "its base bdev is claimed by another module";
	} else if (rc == -EEXIST) {
		*why = "another bdev has its UUID";
	}
	return rc;
}

int
vbdev_passthru_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	struct passthru_request *request;
	int rc = -ENODEV;

	request = find_request(name);
	if (request == NULL) {
		return -ENODEV;
	}
	if (request->bdev != NULL) {
		rc = spdk_bdev_unregister_by_name(name, &g_passthru_module, cb, cb_arg);
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
vbdev_passthru_examine_config(struct spdk_bdev *bdev)
{
	struct passthru_request *request;
	int rc;

	TAILQ_FOREACH (request, &g_requests, link) {
		if (request->bdev != NULL || !bdev_has_name(bdev, request->base_bdev_name)) {
			continue;
		}
		rc = create_bdev(request);
		if (rc != 0) {
			SPDK_ERRLOG("Cannot create passthru bdev %s on %s: %s\n", request->name,
				spdk_bdev_get_name(bdev), spdk_strerror(-rc));
		}
	}
	spdk_bdev_module_examine_done(&g_passthru_module);
}

/*
 * Whether nothing but its base keeps a request waiting. One that something else keeps, which has its name or its base,
 * would be carried out when it is loaded, and what is in its way would not load.
 */
static bool
waits_for_base(const struct passthru_request *request)
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
vbdev_passthru_config_json(struct spdk_json_write_ctx *w)
{
	struct passthru_request *request;

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
vbdev_passthru_get_ctx_size(void)
{
	return sizeof(struct passthru_io);
}

static int
vbdev_passthru_module_init(void)
{
	return 0;
}

static void
vbdev_passthru_module_fini(void)
{
	struct passthru_request *request;

	while ((request = TAILQ_FIRST(&g_requests)) != NULL) {
		forget_request(request);
	}
}
