/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What bdevs on top of one other have in common. Such a bdev is asked for by name. It comes to be when its base is there,
 * claims it, goes with it, and comes back with it, until it is deleted. A module says what is its own in a struct
 * bdk_vbdev_kind, and puts the functions that begin with bdk_vbdev_ where they fit into its tables. The way of an I/O
 * is its own; bdk_bdev_forward() hands it to the base as it is.
 */

#ifndef BDEVKIT_VBDEV_H
#define BDEVKIT_VBDEV_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "bdevkit/bdev_module.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bdk_vbdev_request;

/* The first member of a module's own structure. It is also the io_device of its channels, and bdev.ctxt. */
struct bdk_vbdev {
	struct spdk_bdev bdev;
	struct bdk_vbdev_kind *kind;
	/* NULL when the user has deleted it. */
	struct bdk_vbdev_request *request;
	struct spdk_bdev *base;
	/* Open for writing and claimed, by this thread. */
	struct spdk_bdev_desc *base_desc;
	struct spdk_thread *thread;
};

/* The first member of the context of a module's channels. */
struct bdk_vbdev_channel {
	struct spdk_io_channel *base_ch;
};

/* What a user asks for, whatever the module. */
struct bdk_vbdev_opts {
	const char *name;
	/* Name or alias of the base. */
	const char *base_name;
	/* Null: made from the UUID of the base, always the same for the same base. */
	struct spdk_uuid uuid;
};

/* What a user has asked for. It outlives the bdev when the base vanishes. Application thread only. */
struct bdk_vbdev_request {
	char *name;
	char *base_name;
	struct spdk_uuid uuid;
	/* NULL while the base is missing. */
	struct bdk_vbdev *vbdev;
	TAILQ_ENTRY(bdk_vbdev_request) link;
	/* What the module was asked for beside: a copy of kind->params_size bytes. */
	max_align_t params[];
};

struct bdk_vbdev_kind {
	struct spdk_bdev_module *module;
	char *product_name;
	const struct spdk_bdev_fn_table *fn_table;
	/* Namespace of the UUIDs that are made from that of the base. */
	struct spdk_uuid uuid_namespace;
	/* Sizes of the module's own structures. */
	size_t vbdev_size;
	size_t channel_size;
	size_t params_size;
	/* Metadata that lies in the blocks of the base is none of the module's business: the layer makes and checks it. */
	bool hide_interleaved_metadata;

	/*
	 * The base is open and claimed. Sets what the bdev is like, beside its name and UUID; bdk_vbdev_copy_properties() for what
	 * is like the base. Returns 0, or a negative errno and perhaps *why, a sentence that says more.
	 */
	int (*init)(struct bdk_vbdev *vbdev, const void *params, const char **why);
	/* The counterpart, when all channels are gone. May be NULL. */
	void (*fini)(struct bdk_vbdev *vbdev);
	/* The channel has that of the base already. Returns 0 or a negative errno. Both may be NULL. */
	int (*create_channel)(struct bdk_vbdev *vbdev, void *ch);
	void (*destroy_channel)(struct bdk_vbdev *vbdev, void *ch);
	/* The base has another size. NULL: the bdev has the same one. Returns 0 or a negative errno. */
	int (*resize)(struct bdk_vbdev *vbdev);
	/*
	 * The bdev is to go: I/O that the module keeps back, of its own accord and for longer than the base needs, ends. Also
	 * more than once. Application thread, which is that of the base. May be NULL.
	 */
	void (*leave)(struct bdk_vbdev *vbdev);
	/* A request is forgotten: what its parameters hold is given back. May be NULL. */
	void (*free_params)(void *params);
	/* The call that creates it again, as it is saved: its method, and its parameters, into an open object. */
	const char *create_method;
	void (*write_params)(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w);
	/* Further calls that it takes, behind that one. May be NULL. */
	void (*write_more)(const struct bdk_vbdev_request *request, struct spdk_json_write_ctx *w);

	/* TAILQ_HEAD_INITIALIZER at first. */
	TAILQ_HEAD(, bdk_vbdev_request) requests;
};

/*
 * Creates a bdev. If its base does not exist, that is remembered, and the bdev appears when its base does; so it does each
 * time when its base has gone and comes back, until bdk_vbdev_delete(). Application thread only.
 *
 * Returns 0; -EEXIST if the name or the UUID is taken; -EPERM if the base is claimed by another module; -EINVAL; -ENOMEM;
 * what init() returns. On failure nothing is remembered, params still belong to the caller, and *why is a sentence that
 * says more, or NULL.
 */
int bdk_vbdev_create(
	struct bdk_vbdev_kind *kind, const struct bdk_vbdev_opts *opts, const void *params, const char **why);

/*
 * Deletes the bdev of that name, or if its base is missing, forgets that it was to be created. Application thread only.
 *
 * Returns 0, and cb is called when it is gone, or at once if there was nothing to remove; -ENODEV if there is none; -ENOMEM.
 * cb is not called on failure.
 */
int bdk_vbdev_delete(struct bdk_vbdev_kind *kind, const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

/* What was asked for under that name; NULL: nothing. */
struct bdk_vbdev_request *bdk_vbdev_find_request(struct bdk_vbdev_kind *kind, const char *name);

/* Block size, metadata, limits, zones: as the base has them, when it is open. */
void bdk_vbdev_copy_properties(struct bdk_vbdev *vbdev);

/* For spdk_bdev_fn_table. */
int bdk_vbdev_destruct(void *ctx);
struct spdk_io_channel *bdk_vbdev_get_io_channel(void *ctx);
void bdk_vbdev_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w);

/*
 * What the functions of spdk_bdev_module do: examine_config, whole, config_json; fini_start
 * of a module that keeps I/O back; module_fini.
 */
void bdk_vbdev_examine(struct bdk_vbdev_kind *kind, struct spdk_bdev *bdev);
int bdk_vbdev_config_json(struct bdk_vbdev_kind *kind, struct spdk_json_write_ctx *w);
void bdk_vbdev_leave_all(struct bdk_vbdev_kind *kind);
void bdk_vbdev_forget_all(struct bdk_vbdev_kind *kind);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_VBDEV_H */
