/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Automatic exports. They are not kept: which bdevs there are and which of them are claimed is looked up whenever a
 * client or the user asks, so the answer is right at any moment and an unused bdev is held by nothing. Only while clients
 * are connected is there an object, with the bdev open and claimed.
 */

#include "export/nbd/nbd_internal.h"

#include "spdk/bdev_module.h"

static struct nbd_export *
find_by_bdev(const char *bdev_name)
{
	struct nbd_export *export;

	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		if (export->automatic && strcmp(export->bdev_name, bdev_name) == 0) {
			return export;
		}
	}
	return NULL;
}

static bool
is_explicit_name(const char *name)
{
	struct nbd_export *export;

	TAILQ_FOREACH (export, &g_nbd_server.exports, link) {
		if (!export->automatic && strcmp(export->name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int
open_new(struct spdk_bdev *bdev, struct nbd_export **out)
{
	struct nbd_export *export = nbd_export_alloc(spdk_bdev_get_name(bdev), NULL, false);
	int rc;

	if (export == NULL) {
		return -ENOMEM;
	}
	export->automatic = true;
	rc = nbd_export_open(export, export->name);
	if (rc != 0) {
		nbd_export_free(export);
		return rc;
	}
	TAILQ_INSERT_TAIL(&g_nbd_server.exports, export, link);
	*out = export;
	return 0;
}

int
nbd_auto_export_open(const char *name, struct nbd_export **export)
{
	struct spdk_bdev *bdev;

	if (!g_nbd_server.auto_export) {
		return -ENOENT;
	}
	/* By alias too, so that a UUID is a name that lasts. */
	bdev = spdk_bdev_get_by_name(name);
	if (bdev == NULL || is_explicit_name(spdk_bdev_get_name(bdev))) {
		return -ENOENT;
	}
	*export = find_by_bdev(spdk_bdev_get_name(bdev));
	return *export != NULL ? 0 : open_new(bdev, export);
}

int
nbd_auto_export_for_each(int (*fn)(void *ctx, struct nbd_export *export, struct spdk_bdev *bdev), void *ctx)
{
	struct spdk_bdev *unclaimed, *bdev;
	int rc = 0;

	if (!g_nbd_server.auto_export) {
		return 0;
	}
	/* Both walks are in the order of registration: one tells which of the other's bdevs are claimed. */
	unclaimed = spdk_bdev_first_leaf();
	for (bdev = spdk_bdev_first(); bdev != NULL && rc == 0; bdev = spdk_bdev_next(bdev)) {
		struct nbd_export *export = find_by_bdev(spdk_bdev_get_name(bdev));
		bool is_unclaimed = bdev == unclaimed;

		if (is_unclaimed) {
			unclaimed = spdk_bdev_next_leaf(unclaimed);
		}
		if (is_explicit_name(spdk_bdev_get_name(bdev))) {
			continue;
		}
		if (export != NULL) {
			rc = fn(ctx, export, bdev);
		} else if (is_unclaimed && nbd_export_check_bdev(bdev, NULL) == 0) {
			rc = fn(ctx, NULL, bdev);
		}
	}
	return rc;
}

void
nbd_auto_export_end_all(void)
{
	struct nbd_export *export, *next;

	TAILQ_FOREACH_SAFE (export, &g_nbd_server.exports, link, next) {
		if (export->automatic) {
			nbd_export_end(export);
		}
	}
}
