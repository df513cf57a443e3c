/* SPDX-License-Identifier: BSD-3-Clause */

/* Offering a bdev to the modules: who may be offered, and in which order the modules are asked. */

#include "lib/bdev/bdev_internal.h"

#include "bdevkit/bdev_module.h"

/* A name that may be examined although examining is not automatic. */
struct allowed_name {
	char *name;
	TAILQ_ENTRY(allowed_name) link;
};

/* Under g_bdev_manager.lock; changed on the app thread. */
static TAILQ_HEAD(, allowed_name) g_allowed = TAILQ_HEAD_INITIALIZER(g_allowed);

static struct allowed_name *
find_allowed(const char *name)
{
	struct allowed_name *allowed;

	TAILQ_FOREACH (allowed, &g_allowed, link) {
		if (strcmp(allowed->name, name) == 0) {
			return allowed;
		}
	}
	return NULL;
}

static void
forget(const char *name)
{
	struct allowed_name *allowed = find_allowed(name);

	if (allowed != NULL) {
		TAILQ_REMOVE(&g_allowed, allowed, link);
		free(allowed->name);
		free(allowed);
	}
}

void
bdev_examine_forget(const struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *alias;

	forget(bdev->name);
	TAILQ_FOREACH (alias, &bdev->aliases, tailq) {
		forget(alias->alias.name);
	}
}

void
bdev_examine_clear(void)
{
	struct allowed_name *allowed;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	while ((allowed = TAILQ_FIRST(&g_allowed)) != NULL) {
		forget(allowed->name);
	}
}

void
bdev_examine_for_each(void (*fn)(void *ctx, const char *name), void *ctx)
{
	struct allowed_name *allowed;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (allowed, &g_allowed, link) {
		fn(ctx, allowed->name);
	}
}

static bool
is_allowed(const struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *alias;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	if (g_bdev_manager.opts.bdev_auto_examine || find_allowed(bdev->name) != NULL) {
		return true;
	}
	TAILQ_FOREACH (alias, &bdev->aliases, tailq) {
		if (find_allowed(alias->alias.name) != NULL) {
			return true;
		}
	}
	return false;
}

bool
bdk_bdev_is_examined(const struct spdk_bdev *bdev)
{
	return bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_READ) && is_allowed(bdev);
}

/* ---- the two phases ---- */

static void
examine_config(struct spdk_bdev *bdev)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (module->examine_config != NULL) {
			bdev_module_examine_config(module, bdev);
		}
	}
}

static void
examine_disk(struct spdk_bdev *bdev, struct spdk_bdev_module *module)
{
	if (module->examine_disk != NULL) {
		bdev_module_examine_disk(module, bdev);
	}
}

static void
examine_disk_all(struct spdk_bdev *bdev)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		examine_disk(bdev, module);
	}
}

/* Claims come and go while their modules are called, so the next one is found by its number. */
static void
examine_disk_claimers(struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);
	struct spdk_bdev_module_claim *claim;
	struct spdk_bdev_module *module;
	uint64_t number = 0;

	do {
		module = NULL;
		env_mutex_lock(&state->lock);
		TAILQ_FOREACH (claim, &state->claims, link) {
			if (claim->number > number) {
				number = claim->number;
				module = claim->module;
				break;
			}
		}
		env_mutex_unlock(&state->lock);
		if (module != NULL) {
			examine_disk(bdev, module);
		}
	} while (module != NULL);
}

void
bdev_examine(struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);
	enum spdk_bdev_claim_type claim_type;
	struct spdk_bdev_module *module;

	if (!bdk_bdev_is_examined(bdev)) {
		return;
	}

	examine_config(bdev);

	env_mutex_lock(&state->lock);
	claim_type = state->claim_type;
	module = state->claim_module;
	env_mutex_unlock(&state->lock);

	switch (claim_type) {
	case SPDK_BDEV_CLAIM_NONE:
		examine_disk_all(bdev);
		break;
	case SPDK_BDEV_CLAIM_EXCL_WRITE:
		examine_disk(bdev, module);
		break;
	default:
		examine_disk_claimers(bdev);
		break;
	}
}

/* Claims are looked at after examine_config, which may have made one. */
void
bdev_examine_by(struct spdk_bdev *bdev, struct spdk_bdev_module *module)
{
	struct bdev_state *state = bdev_state(bdev);
	struct spdk_bdev_module_claim *claim;
	bool may;

	if (!bdk_bdev_is_examined(bdev)) {
		return;
	}
	if (module->examine_config != NULL) {
		bdev_module_examine_config(module, bdev);
	}
	env_mutex_lock(&state->lock);
	may = state->claim_type == SPDK_BDEV_CLAIM_NONE ||
		(state->claim_type == SPDK_BDEV_CLAIM_EXCL_WRITE && state->claim_module == module);
	TAILQ_FOREACH (claim, &state->claims, link) {
		may = may || claim->module == module;
	}
	env_mutex_unlock(&state->lock);
	if (may) {
		examine_disk(bdev, module);
	}
}

/* ---- examining on request ---- */

static int
allow(const char *name)
{
	struct allowed_name *allowed;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	if (find_allowed(name) != NULL) {
		return -EEXIST;
	}
	allowed = calloc(1, sizeof(*allowed));
	if (allowed == NULL) {
		return -ENOMEM;
	}
	allowed->name = strdup(name);
	if (allowed->name == NULL) {
		free(allowed);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&g_allowed, allowed, link);
	return 0;
}

int
spdk_bdev_examine(const char *name)
{
	struct spdk_bdev_desc *desc;
	struct bdev_state *state;
	int rc;

	if (name == NULL || !spdk_thread_is_app_thread(NULL)) {
		SPDK_ERRLOG("spdk_bdev_examine() needs a name, and is for the app thread\n");
		return -EINVAL;
	}
	if (g_bdev_manager.opts.bdev_auto_examine) {
		SPDK_ERRLOG("bdev %s: bdevs are examined automatically; a request needs bdev_auto_examine off\n", name);
		return -EINVAL;
	}
	desc = bdev_desc_alloc_internal();
	if (desc == NULL) {
		return -ENOMEM;
	}
	rc = allow(name);
	if (rc != 0) {
		free(desc);
		return rc;
	}

	env_mutex_lock(&g_bdev_manager.lock);
	state = bdev_name_find(name);
	rc = state == NULL ? -ENODEV : bdev_desc_attach(desc, state);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (rc != 0) {
		/* It will be examined if and when it comes. */
		free(desc);
		return 0;
	}
	bdev_examine(desc->bdev);
	spdk_bdev_close(desc);
	return 0;
}

/* ---- waiting ---- */

struct wait_request {
	struct bdev_idle_waiter waiter;
	spdk_bdev_wait_for_examine_cb cb_fn;
	void *cb_arg;
};

static void
wait_idle_cb(void *ctx)
{
	struct wait_request request = *(struct wait_request *)ctx;

	free(ctx);
	request.cb_fn(request.cb_arg);
}

int
spdk_bdev_wait_for_examine(spdk_bdev_wait_for_examine_cb cb_fn, void *cb_arg)
{
	struct wait_request *request;

	if (spdk_get_thread() == NULL) {
		return -ENOTSUP;
	}
	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return -ENOMEM;
	}
	request->cb_fn = cb_fn;
	request->cb_arg = cb_arg;
	request->waiter.thread_id = spdk_thread_get_id(spdk_get_thread());
	request->waiter.cb_fn = wait_idle_cb;
	request->waiter.gone_fn = free;
	request->waiter.cb_arg = request;
	bdev_manager_wait_idle(&request->waiter);
	return 0;
}
