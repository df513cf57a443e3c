/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Modules that come and go while the layer is up, one at a time. App thread.
 *
 *   bdev_live_start        module_init
 *   start_examine_cb       no init or examine is pending: the bdevs that were there before are offered
 *   start_complete_cb      that is done, too: init_complete
 *
 *   bdev_live_stop         fini_start
 *   stop_fini              module_fini
 *   stop_end               out of the list
 */

#include "lib/bdev/modules_live.h"

#include "lib/bdev/io_internal.h"
#include "lib/env/image.h"

static struct {
	/* The module that is being started or stopped; NULL: none is. */
	struct spdk_bdev_module *module;
	bdev_live_cb cb_fn;
	void *cb_arg;
	/* Bdevs that were registered later have been offered when they were. */
	uint64_t last_bdev;
	struct bdev_idle_waiter waiter;
	/* The next step of a stop waits until the module says that it is done. Under g_bdev_manager.lock. */
	void (*next_step)(void);
	/* It has said so, and the message that takes the step is on its way. */
	void (*due_step)(void);
	struct spdk_thread *thread;
	struct bdk_msg msg;
} g_live;

static void
begin(struct spdk_bdev_module *module, bdev_live_cb cb_fn, void *cb_arg)
{
	assert(g_live.module == NULL);
	g_live.module = module;
	g_live.cb_fn = cb_fn;
	g_live.cb_arg = cb_arg;
	g_live.thread = spdk_get_thread();
}

static void
end(int rc)
{
	g_live.module = NULL;
	g_live.cb_fn(g_live.cb_arg, rc);
}

static void
remove_module(struct spdk_bdev_module *module)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_REMOVE(&g_bdev_manager.modules, module, internal.tailq);
}

/* ---- start ---- */

uint64_t
bdev_live_last_bdev(void)
{
	return g_bdev_manager.bdevs_made;
}

size_t
bdev_live_ctx_size(void)
{
	return bdev_io_pool_get_ctx_size();
}

static void
start_complete_cb(void *ctx)
{
	/* A shutdown that has begun meanwhile ends the module as all others. */
	if (bdev_manager_check_up() != 0) {
		end(-ESHUTDOWN);
		return;
	}
	if (g_live.module->init_complete != NULL) {
		g_live.module->init_complete();
	}
	end(0);
}

static int
examine_older(void *ctx, struct spdk_bdev *bdev)
{
	if (bdev_state(bdev)->number <= g_live.last_bdev) {
		bdev_examine_by(bdev, g_live.module);
	}
	return 0;
}

static void
start_examine_cb(void *ctx)
{
	int rc = 0;

	if (bdev_manager_check_up() == 0) {
		rc = spdk_for_each_bdev(NULL, examine_older);
	}
	if (rc != 0) {
		SPDK_ERRLOG(
			"bdev module %s has not been offered all bdevs: %s\n", g_live.module->name, spdk_strerror(-rc));
	}
	g_live.waiter.cb_fn = start_complete_cb;
	bdev_manager_wait_idle(&g_live.waiter);
}

int
bdev_live_start(struct spdk_bdev_module *module, uint64_t last_bdev, bdev_live_cb cb_fn, void *cb_arg)
{
	int rc;

	begin(module, cb_fn, cb_arg);
	g_live.last_bdev = last_bdev;
	rc = bdev_module_init(module);
	if (rc != 0) {
		remove_module(module);
		g_live.module = NULL;
		return rc;
	}
	g_live.waiter.thread_id = spdk_thread_get_id(spdk_get_thread());
	g_live.waiter.cb_fn = start_examine_cb;
	bdev_manager_wait_idle(&g_live.waiter);
	return 0;
}

/* ---- stop ---- */

static void
next_step_cb(void *ctx)
{
	void (*step)(void);

	env_mutex_lock(&g_bdev_manager.lock);
	step = g_live.due_step;
	g_live.due_step = NULL;
	env_mutex_unlock(&g_bdev_manager.lock);
	step();
}

/* On any thread. */
bool
bdev_live_fini_done(void)
{
	bool waiting;

	env_mutex_lock(&g_bdev_manager.lock);
	waiting = g_live.next_step != NULL;
	if (waiting) {
		g_live.due_step = g_live.next_step;
		g_live.next_step = NULL;
	}
	env_mutex_unlock(&g_bdev_manager.lock);
	if (waiting) {
		bdk_msg_send(g_live.thread, &g_live.msg, next_step_cb, NULL);
	}
	return waiting;
}

/* Calls what a module may have to say of its end, and goes on at once, or when it has said that it is done. */
static void
step(void (*fn)(void), bool async, void (*next)(void))
{
	if (fn == NULL) {
		next();
		return;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	g_live.next_step = async ? next : NULL;
	env_mutex_unlock(&g_bdev_manager.lock);
	fn();
	if (!async) {
		next();
	}
}

static void
stop_end(void)
{
	struct spdk_bdev_module *module = g_live.module;

	module->internal.initialized = false;
	remove_module(module);
	bdev_module_end_action(module);
	end(0);
}

static void
stop_fini(void)
{
	step(g_live.module->module_fini, g_live.module->async_fini, stop_end);
}

void
bdev_live_stop(struct spdk_bdev_module *module, bdev_live_cb cb_fn, void *cb_arg)
{
	begin(module, cb_fn, cb_arg);
	/* A shutdown waits meanwhile. */
	bdev_module_begin_action(module);
	step(module->fini_start, module->async_fini_start, stop_fini);
}

void
bdev_live_for_each(void (*fn)(void *ctx, struct spdk_bdev_module *module), void *ctx)
{
	struct spdk_bdev_module *module, *next;

	TAILQ_FOREACH_SAFE (module, &g_bdev_manager.modules, internal.tailq, next) {
		fn(ctx, module);
	}
}

uint32_t
bdev_live_count_bdevs(const struct spdk_bdev_module *module)
{
	struct bdev_state *state;
	uint32_t count = 0;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (state, &g_bdev_manager.bdevs, link) {
		count += state->module == module;
	}
	return count;
}

/* ---- what points into a shared object ---- */

static bool
is_bdev_of(const struct bdev_state *state, const struct env_image *image)
{
	return env_image_has(image, state->module) || env_image_has(image, state->fn_table);
}

/* What somebody of the image holds of the bdev; state->lock is held. */
static bool
holds_bdev(struct bdev_state *state, const struct env_image *image, char **why)
{
	struct spdk_bdev_module_claim *claim;
	struct spdk_bdev_desc *desc;
	bool claimed = state->claim_type == SPDK_BDEV_CLAIM_EXCL_WRITE && env_image_has(image, state->claim_module);

	TAILQ_FOREACH (claim, &state->claims, link) {
		claimed = claimed || env_image_has(image, claim->module);
	}
	if (claimed) {
		*why = spdk_sprintf_alloc("it has claimed bdev %s", state->bdev->name);
		return true;
	}
	TAILQ_FOREACH (desc, &state->descs, link) {
		if (ENV_IMAGE_HAS_FN(image, desc->event_cb)) {
			*why = spdk_sprintf_alloc("it has opened bdev %s", state->bdev->name);
			return true;
		}
	}
	return false;
}

static bool
has_bdev(const struct env_image *image, char **why)
{
	struct bdev_state *state;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (state, &g_bdev_manager.bdevs, link) {
		ENV_MUTEX_SCOPE(&state->lock);
		if (is_bdev_of(state, image)) {
			*why = spdk_sprintf_alloc("bdev %s is there", state->bdev->name);
			return true;
		}
		if (holds_bdev(state, image, why)) {
			return true;
		}
	}
	TAILQ_FOREACH (state, &g_bdev_manager.destructing, link) {
		if (is_bdev_of(state, image)) {
			*why = spdk_sprintf_alloc("a bdev is being destructed");
			return true;
		}
	}
	return false;
}

static bool
has_action(const struct env_image *image, char **why)
{
	struct spdk_bdev_module *module;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (env_image_has(image, module) && module->internal.action_in_progress > 0) {
			*why = spdk_sprintf_alloc("bdev module %s is examining a bdev", module->name);
			return true;
		}
	}
	return false;
}

static bool
is_in_use(const struct env_image *image, char **why)
{
	return has_bdev(image, why) || has_action(image, why) || bdev_open_async_has(image, why);
}

static bool
has_left(const struct env_image *image, char **why)
{
	return has_bdev(image, why) || bdev_open_async_has(image, why);
}

static void
forget_modules(const struct env_image *image)
{
	struct spdk_bdev_module *module, *next;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH_SAFE (module, &g_bdev_manager.modules, internal.tailq, next) {
		if (env_image_has(image, module)) {
			TAILQ_REMOVE(&g_bdev_manager.modules, module, internal.tailq);
		}
	}
}

static struct env_image_user g_bdev_user = {
	.in_use = is_in_use,
	.has_left = has_left,
	.forget = forget_modules,
};
ENV_IMAGE_USER_REGISTER(g_bdev_user)
