/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * In the order of the file: what is remembered, channels, the end of a bdev, its beginning, what a module does at the
 * request of the layer.
 */

#include "bdevkit/vbdev.h"

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

/* ---- What is remembered ---- */

struct bdk_vbdev_request *
bdk_vbdev_find_request(struct bdk_vbdev_kind *kind, const char *name)
{
	struct bdk_vbdev_request *request;

	TAILQ_FOREACH (request, &kind->requests, link) {
		if (strcmp(request->name, name) == 0) {
			return request;
		}
	}
	return NULL;
}

/* Without what the parameters hold. */
static void
drop_request(struct bdk_vbdev_kind *kind, struct bdk_vbdev_request *request)
{
	if (request->vbdev != NULL) {
		request->vbdev->request = NULL;
	}
	TAILQ_REMOVE(&kind->requests, request, link);
	free(request->base_name);
	free(request->name);
	free(request);
}

static void
forget_request(struct bdk_vbdev_kind *kind, struct bdk_vbdev_request *request)
{
	if (kind->free_params != NULL) {
		kind->free_params(request->params);
	}
	drop_request(kind, request);
}

static struct bdk_vbdev_request *
remember_request(struct bdk_vbdev_kind *kind, const struct bdk_vbdev_opts *opts, const void *params)
{
	struct bdk_vbdev_request *request;

	request = calloc(1, sizeof(*request) + kind->params_size);
	if (request == NULL) {
		return NULL;
	}
	TAILQ_INSERT_TAIL(&kind->requests, request, link);
	request->name = strdup(opts->name);
	request->base_name = strdup(opts->base_name);
	if (request->name == NULL || request->base_name == NULL) {
		drop_request(kind, request);
		return NULL;
	}
	request->uuid = opts->uuid;
	if (kind->params_size > 0) {
		memcpy(request->params, params, kind->params_size);
	}
	return request;
}

static void
write_request(struct bdk_vbdev_kind *kind, const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", kind->create_method);
	spdk_json_write_named_object_begin(w, "params");
	kind->write_params(request, w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	if (kind->write_more != NULL) {
		kind->write_more(request, w);
	}
}

/* ---- Channels ---- */

struct spdk_io_channel *
bdk_vbdev_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct bdk_vbdev *vbdev = io_device;
	struct bdk_vbdev_channel *ch = ctx;
	int rc;

	ch->base_ch = spdk_bdev_get_io_channel(vbdev->base_desc);
	if (ch->base_ch == NULL) {
		return -ENOMEM;
	}
	rc = vbdev->kind->create_channel != NULL ? vbdev->kind->create_channel(vbdev, ch) : 0;
	if (rc != 0) {
		spdk_put_io_channel(ch->base_ch);
	}
	return rc;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct bdk_vbdev *vbdev = io_device;
	struct bdk_vbdev_channel *ch = ctx;

	if (vbdev->kind->destroy_channel != NULL) {
		vbdev->kind->destroy_channel(vbdev, ch);
	}
	spdk_put_io_channel(ch->base_ch);
}

/* ---- The end of a bdev: destruct, then its steps in order, on the thread that created it ---- */

static void
fini(struct bdk_vbdev *vbdev)
{
	if (vbdev->kind->fini != NULL) {
		vbdev->kind->fini(vbdev);
	}
}

static void
leave(struct bdk_vbdev *vbdev)
{
	if (vbdev->kind->leave != NULL) {
		vbdev->kind->leave(vbdev);
	}
}

static void
destruct_done_cb(void *io_device)
{
	struct bdk_vbdev *vbdev = io_device;

	/* First: whoever waits for the bdev to be gone may want to be rid of what it held, too. */
	fini(vbdev);
	spdk_bdev_destruct_done(&vbdev->bdev, 0);
	free(vbdev->bdev.name);
	free(vbdev);
}

static void
close_base(struct bdk_vbdev *vbdev)
{
	/* In this order: when the last descriptor of a base that is being removed is closed, the base is gone. */
	spdk_bdev_module_release_bdev(vbdev->base);
	spdk_bdev_close(vbdev->base_desc);
}

static void
destruct_close_base(void *ctx)
{
	struct bdk_vbdev *vbdev = ctx;

	if (vbdev->request != NULL) {
		vbdev->request->vbdev = NULL;
	}
	close_base(vbdev);
	spdk_io_device_unregister(vbdev, destruct_done_cb);
}

int
bdk_vbdev_destruct(void *ctx)
{
	struct bdk_vbdev *vbdev = ctx;
	int rc;

	/* A descriptor is closed where it was opened, and unregistering may have been asked for anywhere. */
	rc = spdk_thread_exec_msg(vbdev->thread, destruct_close_base, vbdev);
	if (rc != 0) {
		SPDK_ERRLOG("%s: the base stays claimed: %s\n", vbdev->bdev.name, spdk_strerror(-rc));
		return rc;
	}
	return 1;
}

/* ---- The beginning of a bdev ---- */

static int
follow_base(struct bdk_vbdev *vbdev)
{
	if (vbdev->kind->resize != NULL) {
		return vbdev->kind->resize(vbdev);
	}
	return spdk_bdev_notify_blockcnt_change(&vbdev->bdev, spdk_bdev_get_num_blocks(vbdev->base));
}

/* Something has happened to the base. On the thread that opened it. */
static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *base, void *event_ctx)
{
	struct bdk_vbdev *vbdev = event_ctx;
	int rc;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		/* The base waits until destruct_close_base() has closed it. */
		leave(vbdev);
		spdk_bdev_unregister(&vbdev->bdev, NULL, NULL);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		rc = follow_base(vbdev);
		if (rc != 0) {
			SPDK_ERRLOG("%s: cannot follow the new size of its base %s: %s\n", vbdev->bdev.name, base->name,
				spdk_strerror(-rc));
		}
		break;
	default:
		break;
	}
}

static int
open_base(struct bdk_vbdev *vbdev, const char *name)
{
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev *base = spdk_bdev_get_by_name(name);
	int rc;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata =
		vbdev->kind->hide_interleaved_metadata && base != NULL && spdk_bdev_is_md_interleaved(base);
	rc = spdk_bdev_open_ext_v2(name, true, base_event_cb, vbdev, &opts, &vbdev->base_desc);
	if (rc != 0) {
		return rc;
	}
	vbdev->base = spdk_bdev_desc_get_bdev(vbdev->base_desc);
	vbdev->thread = spdk_get_thread();
	rc = spdk_bdev_module_claim_bdev(vbdev->base, vbdev->base_desc, vbdev->kind->module);
	if (rc != 0) {
		spdk_bdev_close(vbdev->base_desc);
	}
	return rc;
}

static int
set_uuid(struct bdk_vbdev *vbdev, const struct spdk_uuid *wanted)
{
	const struct spdk_uuid *base_uuid = spdk_bdev_get_uuid(vbdev->base);

	if (!spdk_uuid_is_null(wanted)) {
		vbdev->bdev.uuid = *wanted;
		return 0;
	}
	return spdk_uuid_generate_sha1(
		&vbdev->bdev.uuid, &vbdev->kind->uuid_namespace, (const char *)base_uuid, sizeof(*base_uuid));
}

/* Limits of the base are not copied: the layer splits and aligns what is sent to the base as the base needs it. */
void
bdk_vbdev_copy_properties(struct bdk_vbdev *vbdev)
{
	const struct spdk_bdev *base = vbdev->base;
	struct spdk_bdev *bdev = &vbdev->bdev;

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

static int
init(struct bdk_vbdev *vbdev, const struct bdk_vbdev_request *request, const char **why)
{
	struct bdk_vbdev_kind *kind = vbdev->kind;
	int rc;

	rc = set_uuid(vbdev, &request->uuid);
	if (rc == 0) {
		rc = kind->init(vbdev, request->params, why);
	}
	if (rc != 0) {
		return rc;
	}
	vbdev->bdev.product_name = kind->product_name;
	vbdev->bdev.ctxt = vbdev;
	vbdev->bdev.fn_table = kind->fn_table;
	vbdev->bdev.module = kind->module;
	return 0;
}

/*
 * Creates the bdev that was asked for. Returns -ENODEV if its base does not exist or is going away. Every step has its
 * counterpart in the ladder at the end, in reverse order: whatever fails, nothing is left behind.
 */
static int
create_bdev(struct bdk_vbdev_kind *kind, struct bdk_vbdev_request *request, const char **why)
{
	struct bdk_vbdev *vbdev;
	int rc;

	vbdev = calloc(1, kind->vbdev_size);
	if (vbdev == NULL) {
		return -ENOMEM;
	}
	vbdev->kind = kind;
	vbdev->bdev.name = strdup(request->name);
	if (vbdev->bdev.name == NULL) {
		rc = -ENOMEM;
		goto free_vbdev;
	}
	rc = open_base(vbdev, request->base_name);
	if (rc != 0) {
		*why = rc == -EPERM ? "its base bdev is claimed by another module" : NULL;
		goto free_name;
	}
	rc = init(vbdev, request, why);
	if (rc != 0) {
		goto close_base;
	}
	rc = bdk_io_device_register(vbdev, create_channel_cb, destroy_channel_cb, kind->channel_size, request->name);
	if (rc != 0) {
		goto fini;
	}
	rc = spdk_bdev_register(&vbdev->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		goto unregister_io_device;
	}
	vbdev->request = request;
	request->vbdev = vbdev;
	return 0;

unregister_io_device:
	spdk_io_device_unregister(vbdev, NULL);
fini:
	fini(vbdev);
close_base:
	close_base(vbdev);
free_name:
	free(vbdev->bdev.name);
free_vbdev:
	free(vbdev);
	return rc;
}

static int
check_opts(struct bdk_vbdev_kind *kind, const struct bdk_vbdev_opts *opts, const char **why)
{
	if (opts->name == NULL || opts->name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	if (opts->base_name == NULL || opts->base_name[0] == '\0') {
		*why = "the name of a base bdev is required";
		return -EINVAL;
	}
	if (strcmp(opts->name, opts->base_name) == 0) {
		*why = "it cannot have the name of its base bdev";
		return -EINVAL;
	}
	if (bdk_vbdev_find_request(kind, opts->name) != NULL) {
		*why = "it exists, or waits for its base bdev";
		return -EEXIST;
	}
	if (spdk_bdev_get_by_name(opts->name) != NULL) {
		*why = "a bdev of that name exists";
		return -EEXIST;
	}
	return 0;
}

int
bdk_vbdev_create(struct bdk_vbdev_kind *kind, const struct bdk_vbdev_opts *opts, const void *params, const char **why)
{
	struct bdk_vbdev_request *request;
	int rc;

	*why = NULL;
	rc = check_opts(kind, opts, why);
	if (rc != 0) {
		return rc;
	}
	request = remember_request(kind, opts, params);
	if (request == NULL) {
		return -ENOMEM;
	}
	rc = create_bdev(kind, request, why);
	if (rc == -ENODEV) {
		SPDK_NOTICELOG("%s will be created when its base bdev %s exists\n", opts->name, opts->base_name);
		return 0;
	}
	if (rc != 0) {
		drop_request(kind, request);
	}
	return rc;
}

int
bdk_vbdev_delete(struct bdk_vbdev_kind *kind, const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	struct bdk_vbdev_request *request;
	int rc = -ENODEV;

	request = bdk_vbdev_find_request(kind, name);
	if (request == NULL) {
		return -ENODEV;
	}
	if (request->vbdev != NULL) {
		leave(request->vbdev);
		rc = spdk_bdev_unregister_by_name(name, kind->module, cb, cb_arg);
		if (rc != 0 && rc != -ENODEV) {
			return rc;
		}
	}
	/* Forgotten at once, so that it does not come back while it goes. */
	forget_request(kind, request);
	if (rc == -ENODEV) {
		/* There is no bdev, as its base is missing, or it is going away with its base. */
		cb(cb_arg, 0);
	}
	return 0;
}

/* ---- What a module does at the request of the layer ---- */

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
void
bdk_vbdev_examine(struct bdk_vbdev_kind *kind, struct spdk_bdev *bdev)
{
	struct bdk_vbdev_request *request;

	TAILQ_FOREACH (request, &kind->requests, link) {
		const char *why = NULL;
		int rc;

		if (request->vbdev != NULL || !bdev_has_name(bdev, request->base_name)) {
			continue;
		}
		rc = create_bdev(kind, request, &why);
		if (rc != 0) {
			SPDK_ERRLOG("Cannot create %s bdev %s on %s: %s\n", kind->product_name, request->name,
				spdk_bdev_get_name(bdev), why != NULL ? why : spdk_strerror(-rc));
		}
	}
	spdk_bdev_module_examine_done(kind->module);
}

/*
 * Whether nothing but its base keeps a request waiting. One that something else keeps, which has its name or its base,
 * would be carried out when it is loaded, and what is in its way would not load.
 */
static bool
waits_for_base(const struct bdk_vbdev_request *request)
{
	struct spdk_bdev *base = spdk_bdev_get_by_name(request->base_name);

	return request->vbdev == NULL && spdk_bdev_get_by_name(request->name) == NULL &&
		(base == NULL || !bdk_bdev_is_examined(base));
}

/*
 * Requests are loaded before the bases and carried out when those are examined. Those that wait come last, lest they take
 * a base from one that has it. They are saved too, as part of what the user has set up.
 */
int
bdk_vbdev_config_json(struct bdk_vbdev_kind *kind, struct spdk_json_write_ctx *w)
{
	struct bdk_vbdev_request *request;

	TAILQ_FOREACH (request, &kind->requests, link) {
		if (request->vbdev != NULL && bdk_bdev_is_examined(request->vbdev->base)) {
			write_request(kind, request, w);
		}
	}
	TAILQ_FOREACH (request, &kind->requests, link) {
		if (waits_for_base(request)) {
			write_request(kind, request, w);
		}
	}
	return 0;
}

/* On a base that is not examined: nothing would carry out a request that comes before the base. */
void
bdk_vbdev_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct bdk_vbdev *vbdev = bdev->ctxt;

	if (vbdev->request != NULL && !bdk_bdev_is_examined(vbdev->base)) {
		write_request(vbdev->kind, vbdev->request, w);
	}
}

/* At shutdown, before bdevs are unregistered. */
void
bdk_vbdev_leave_all(struct bdk_vbdev_kind *kind)
{
	struct bdk_vbdev_request *request;

	TAILQ_FOREACH (request, &kind->requests, link) {
		if (request->vbdev != NULL) {
			leave(request->vbdev);
		}
	}
}

void
bdk_vbdev_forget_all(struct bdk_vbdev_kind *kind)
{
	struct bdk_vbdev_request *request;

	while ((request = TAILQ_FIRST(&kind->requests)) != NULL) {
		forget_request(kind, request);
	}
}
