/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Claims: what a module that builds on a bdev forbids to others.
 *
 * A v1 claim belongs to the bdev and a module, until that releases it. A v2 claim belongs to a descriptor and ends
 * when it is closed; several descriptors may share one type of it.
 */

#include "lib/bdev/bdev_internal.h"

const char *
spdk_bdev_claim_get_name(enum spdk_bdev_claim_type claim_type)
{
	switch (claim_type) {
	case SPDK_BDEV_CLAIM_NONE:
		return "not_claimed";
	case SPDK_BDEV_CLAIM_EXCL_WRITE:
		return "exclusive_write";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
		return "read_many_write_one";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
		return "read_many_write_none";
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
		return "read_many_write_many";
	}
	return "invalid_claim";
}

void
bdev_claim_log(const struct bdev_state *state)
{
	const char *type = spdk_bdev_claim_get_name(state->claim_type);
	struct spdk_bdev_module_claim *claim;

	if (state->claim_type == SPDK_BDEV_CLAIM_EXCL_WRITE) {
		SPDK_ERRLOG(
			"bdev %s is claimed (%s) by module %s\n", state->bdev->name, type, state->claim_module->name);
		return;
	}
	TAILQ_FOREACH (claim, &state->claims, link) {
		SPDK_ERRLOG("bdev %s is claimed (%s) by module %s%s%s\n", state->bdev->name, type, claim->module->name,
			claim->name[0] == '\0' ? "" : ": ", claim->name);
	}
}

/* ---- v1 ---- */

int
spdk_bdev_module_claim_bdev(struct spdk_bdev *bdev, struct spdk_bdev_desc *desc, struct spdk_bdev_module *module)
{
	struct bdev_state *state = bdev_state(bdev);

	if (module == NULL) {
		SPDK_ERRLOG("bdev %s: a claim needs a module\n", bdev->name);
		return -EINVAL;
	}
	ENV_MUTEX_SCOPE(&state->lock);
	if (state->claim_type != SPDK_BDEV_CLAIM_NONE) {
		bdev_claim_log(state);
		return -EPERM;
	}
	state->claim_type = SPDK_BDEV_CLAIM_EXCL_WRITE;
	state->claim_module = module;
	if (desc != NULL) {
		desc->write = true;
	}
	return 0;
}

void
spdk_bdev_module_release_bdev(struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);

	ENV_MUTEX_SCOPE(&state->lock);
	if (state->claim_type != SPDK_BDEV_CLAIM_EXCL_WRITE) {
		SPDK_ERRLOG("bdev %s has no claim of the kind that is released so\n", bdev->name);
		return;
	}
	state->claim_type = SPDK_BDEV_CLAIM_NONE;
	state->claim_module = NULL;
}

/* ---- v2 ---- */

void
spdk_bdev_claim_opts_init(struct spdk_bdev_claim_opts *opts, size_t size)
{
	if (opts == NULL || size == 0) {
		SPDK_ERRLOG("spdk_bdev_claim_opts_init() needs a structure and its size\n");
		return;
	}
	memset(opts, 0, spdk_min(size, sizeof(*opts)));
	opts->opts_size = size;
}

/* The members that lie within the caller's size; the others keep their defaults. */
static int
copy_opts(struct spdk_bdev_claim_opts *dst, const struct spdk_bdev_claim_opts *src)
{
	spdk_bdev_claim_opts_init(dst, sizeof(*dst));
	if (src == NULL) {
		return 0;
	}
	if (src->opts_size == 0) {
		SPDK_ERRLOG("the size of the claim options is not set\n");
		return -EINVAL;
	}
	if (src->opts_size >= offsetof(struct spdk_bdev_claim_opts, name) + sizeof(src->name)) {
		snprintf(dst->name, sizeof(dst->name), "%.*s", (int)sizeof(src->name) - 1, src->name);
	}
	if (src->opts_size >= offsetof(struct spdk_bdev_claim_opts, shared_claim_key) + sizeof(src->shared_claim_key)) {
		dst->shared_claim_key = src->shared_claim_key;
	}
	return 0;
}

static bool
others_write(const struct bdev_state *state, const struct spdk_bdev_desc *desc)
{
	const struct spdk_bdev_desc *other;

	TAILQ_FOREACH (other, &state->descs, link) {
		if (other != desc && other->write) {
			SPDK_ERRLOG("bdev %s: it is open for writing elsewhere\n", state->bdev->name);
			return true;
		}
	}
	return false;
}

static int
check_write_one(struct bdev_state *state, struct spdk_bdev_desc *desc, uint64_t key)
{
	if (key != 0) {
		SPDK_ERRLOG("bdev %s: a claim of one writer has no key\n", state->bdev->name);
		return -EINVAL;
	}
	if (state->claim_type != SPDK_BDEV_CLAIM_NONE) {
		bdev_claim_log(state);
		return -EPERM;
	}
	return others_write(state, desc) ? -EPERM : 0;
}

static int
check_write_none(struct bdev_state *state, struct spdk_bdev_desc *desc, uint64_t key)
{
	if (key != 0) {
		SPDK_ERRLOG("bdev %s: a claim without writers has no key\n", state->bdev->name);
		return -EINVAL;
	}
	if (desc->write) {
		SPDK_ERRLOG(
			"bdev %s: a claim without writers needs a descriptor opened for reading\n", state->bdev->name);
		return -EINVAL;
	}
	if (state->claim_type == SPDK_BDEV_CLAIM_NONE && others_write(state, desc)) {
		return -EPERM;
	}
	return 0;
}

static int
check_write_shared(struct bdev_state *state, struct spdk_bdev_desc *desc, uint64_t key)
{
	if (key == 0) {
		SPDK_ERRLOG("bdev %s: a claim of several writers needs a key other than 0\n", state->bdev->name);
		return -EINVAL;
	}
	if (state->claim_type == SPDK_BDEV_CLAIM_NONE) {
		return others_write(state, desc) ? -EPERM : 0;
	}
	if (state->claim_key != key) {
		SPDK_ERRLOG("bdev %s: it is claimed with another key\n", state->bdev->name);
		bdev_claim_log(state);
		return -EPERM;
	}
	return 0;
}

/* Whether the claim may be made; state->lock is held. */
static int
check_claim(struct bdev_state *state, struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type, uint64_t key)
{
	if (state->claim_type != SPDK_BDEV_CLAIM_NONE && state->claim_type != type) {
		bdev_claim_log(state);
		return -EPERM;
	}
	if (desc->claim != NULL) {
		SPDK_ERRLOG("bdev %s: the descriptor holds a claim (%s) already\n", state->bdev->name,
			spdk_bdev_claim_get_name(state->claim_type));
		return -EPERM;
	}
	switch (type) {
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
		return check_write_one(state, desc, key);
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
		return check_write_none(state, desc, key);
	case SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
		return check_write_shared(state, desc, key);
	default:
		SPDK_ERRLOG("bdev %s: %d is no type of a claim\n", state->bdev->name, type);
		return -ENOTSUP;
	}
}

/* claim is taken over in case of success; state->lock is held. */
static void
add_claim(struct bdev_state *state, struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type,
	struct spdk_bdev_module_claim *claim, uint64_t key)
{
	claim->number = ++state->claims_made;
	claim->desc = desc;
	desc->claim = claim;
	if (type != SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE) {
		desc->write = true;
	}
	state->claim_type = type;
	state->claim_key = key;
	TAILQ_INSERT_TAIL(&state->claims, claim, link);
}

int
spdk_bdev_module_claim_bdev_desc(struct spdk_bdev_desc *desc, enum spdk_bdev_claim_type type,
	struct spdk_bdev_claim_opts *opts, struct spdk_bdev_module *module)
{
	struct spdk_bdev_module_claim *claim;
	struct spdk_bdev_claim_opts copy;
	struct bdev_state *state;
	int rc;

	if (desc == NULL || module == NULL) {
		SPDK_ERRLOG("a claim needs a descriptor and a module\n");
		return -EINVAL;
	}
	rc = copy_opts(&copy, opts);
	if (rc != 0) {
		return rc;
	}
	if (type == SPDK_BDEV_CLAIM_EXCL_WRITE) {
		return spdk_bdev_module_claim_bdev(desc->bdev, desc, module);
	}
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL) {
		return -ENOMEM;
	}
	claim->module = module;
	memcpy(claim->name, copy.name, sizeof(claim->name));

	state = bdev_state(desc->bdev);
	env_mutex_lock(&state->lock);
	rc = check_claim(state, desc, type, copy.shared_claim_key);
	if (rc == 0) {
		add_claim(state, desc, type, claim, copy.shared_claim_key);
	}
	env_mutex_unlock(&state->lock);
	if (rc != 0) {
		free(claim);
	}
	return rc;
}

void
bdev_claim_release_desc(struct spdk_bdev_desc *desc)
{
	struct bdev_state *state = bdev_state(desc->bdev);

	if (desc->claim == NULL) {
		return;
	}
	TAILQ_REMOVE(&state->claims, desc->claim, link);
	free(desc->claim);
	desc->claim = NULL;
	if (TAILQ_EMPTY(&state->claims)) {
		state->claim_type = SPDK_BDEV_CLAIM_NONE;
		state->claim_key = 0;
	}
}
