/* SPDX-License-Identifier: BSD-3-Clause */

/* The list of modules, and what they are asked to do at start and stop, at once or later. */

#include "lib/bdev/bdev_internal.h"
#include "lib/env/image.h"

/*
 * A call of examine_config or examine_disk that is on the stack of the app thread; calls nest when a module registers
 * a bdev inside one. Used on the app thread only.
 */
struct examine_call {
	struct spdk_bdev_module *module;
	bool done;
	struct examine_call *outer;
};

static struct examine_call *g_innermost;

/* Where the walk over the modules at shutdown stands: the module to stop next, and whether one is not done yet. */
static struct {
	struct spdk_bdev_module *next;
	struct spdk_bdev_module *current;
	bool waiting;
} g_walk;

static struct spdk_bdev_module g_anonymous_module = {
	.name = "anonymous",
};

struct spdk_bdev_module *
bdev_module_anonymous(void)
{
	return &g_anonymous_module;
}

struct spdk_bdev_module *
spdk_bdev_module_list_find(const char *name)
{
	struct spdk_bdev_module *module;

	if (name == NULL) {
		return NULL;
	}
	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (strcmp(module->name, name) == 0) {
			return module;
		}
	}
	return NULL;
}

void
spdk_bdev_module_list_add(struct spdk_bdev_module *bdev_module)
{
	if (bdev_module->name == NULL) {
		if (!env_image_refuse("its bdev module has no name")) {
			SPDK_ERRLOG("a bdev module without a name is ignored\n");
		}
		return;
	}
	if (spdk_bdev_module_list_find(bdev_module->name) != NULL) {
		if (!env_image_refuse("there is a bdev module %s already", bdev_module->name)) {
			SPDK_ERRLOG("bdev module %s is there already; the second one is ignored\n", bdev_module->name);
		}
		return;
	}

	/* Those that examine come first, so that they are ready before others register what they may be asked about. */
	if (bdev_module->examine_config != NULL || bdev_module->examine_disk != NULL) {
		TAILQ_INSERT_HEAD(&g_bdev_manager.modules, bdev_module, internal.tailq);
	} else {
		TAILQ_INSERT_TAIL(&g_bdev_manager.modules, bdev_module, internal.tailq);
	}
}

size_t
bdev_modules_get_ctx_size(void)
{
	struct spdk_bdev_module *module;
	int size, max = 0;

	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		size = module->get_ctx_size != NULL ? module->get_ctx_size() : 0;
		max = spdk_max(max, size);
	}
	return max;
}

/* ---- what modules may end later ---- */

void
bdev_module_begin_action(struct spdk_bdev_module *module)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	module->internal.action_in_progress++;
	g_bdev_manager.actions_in_progress++;
}

/* Returns whether this was the last action of all modules. */
static bool
end_action_locked(struct spdk_bdev_module *module)
{
	module->internal.action_in_progress--;
	g_bdev_manager.actions_in_progress--;
	return g_bdev_manager.actions_in_progress == 0;
}

void
bdev_module_end_action(struct spdk_bdev_module *module)
{
	bool idle;

	env_mutex_lock(&g_bdev_manager.lock);
	idle = end_action_locked(module);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (idle) {
		bdev_manager_idle();
	}
}

void
spdk_bdev_module_init_done(struct spdk_bdev_module *module)
{
	bool known, idle = false;

	env_mutex_lock(&g_bdev_manager.lock);
	known = module->internal.init_pending;
	if (known) {
		module->internal.init_pending = false;
		idle = end_action_locked(module);
	}
	env_mutex_unlock(&g_bdev_manager.lock);

	if (!known) {
		SPDK_ERRLOG("bdev module %s reports an init that is not pending\n", module->name);
	}
	if (idle) {
		bdev_manager_idle();
	}
}

void
spdk_bdev_module_examine_done(struct spdk_bdev_module *module)
{
	struct examine_call *call = spdk_thread_is_app_thread(NULL) ? g_innermost : NULL;
	bool known = true, idle = false;

	if (call != NULL && call->module == module) {
		call->done = true;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	if (module->internal.action_in_progress > module->internal.init_pending) {
		idle = end_action_locked(module);
	} else if (module->internal.examines_written_off > 0) {
		module->internal.examines_written_off--;
	} else {
		known = false;
	}
	env_mutex_unlock(&g_bdev_manager.lock);

	if (!known) {
		SPDK_ERRLOG("bdev module %s reports an examine that is not pending\n", module->name);
	}
	if (idle) {
		bdev_manager_idle();
	}
}

void
bdev_modules_log_pending(void)
{
	struct spdk_bdev_module *module;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (module->internal.action_in_progress > 0) {
			SPDK_NOTICELOG("bdev module %s has not finished: %s%" PRIu32 " examines\n", module->name,
				module->internal.init_pending ? "its init, " : "",
				module->internal.action_in_progress - module->internal.init_pending);
		}
	}
}

/* Returns whether the module has said that it is done. */
static bool
examine(struct spdk_bdev_module *module, struct spdk_bdev *bdev, void (*fn)(struct spdk_bdev *bdev))
{
	struct examine_call call = {.module = module, .outer = g_innermost};

	bdev_module_begin_action(module);
	g_innermost = &call;
	fn(bdev);
	g_innermost = call.outer;
	return call.done;
}

void
bdev_module_examine_config(struct spdk_bdev_module *module, struct spdk_bdev *bdev)
{
	bool idle = false;

	if (examine(module, bdev, module->examine_config)) {
		return;
	}
	/* Nothing else would ever end it, and neither start nor shutdown would. */
	SPDK_ERRLOG("bdev module %s returned from examine_config(%s) without having called "
		    "spdk_bdev_module_examine_done(); taken as done\n",
		module->name, bdev->name);
	env_mutex_lock(&g_bdev_manager.lock);
	if (module->internal.action_in_progress > module->internal.init_pending) {
		module->internal.examines_written_off++;
		idle = end_action_locked(module);
	}
	env_mutex_unlock(&g_bdev_manager.lock);
	if (idle) {
		bdev_manager_idle();
	}
}

void
bdev_module_examine_disk(struct spdk_bdev_module *module, struct spdk_bdev *bdev)
{
	examine(module, bdev, module->examine_disk);
}

/* ---- start ---- */

int
bdev_module_init(struct spdk_bdev_module *module)
{
	bool pending;
	int rc;

	if (module->module_init == NULL) {
		module->internal.initialized = true;
		return 0;
	}
	if (module->async_init) {
		env_mutex_lock(&g_bdev_manager.lock);
		module->internal.init_pending = true;
		env_mutex_unlock(&g_bdev_manager.lock);
		bdev_module_begin_action(module);
	}
	rc = module->module_init();
	if (rc == 0) {
		module->internal.initialized = true;
		return 0;
	}

	SPDK_ERRLOG("bdev module %s could not be initialised: error %d\n", module->name, rc);
	env_mutex_lock(&g_bdev_manager.lock);
	pending = module->internal.init_pending;
	env_mutex_unlock(&g_bdev_manager.lock);
	if (pending) {
		spdk_bdev_module_init_done(module);
	}
	return rc < 0 ? rc : -EINVAL;
}

int
bdev_modules_init(void)
{
	struct spdk_bdev_module *module;
	int rc;

	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		rc = bdev_module_init(module);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

void
bdev_modules_init_complete(void)
{
	struct spdk_bdev_module *module;

	TAILQ_FOREACH (module, &g_bdev_manager.modules, internal.tailq) {
		if (module->init_complete != NULL) {
			module->init_complete();
		}
	}
}

/* ---- stop ---- */

void
bdev_modules_fini_begin(void)
{
	g_walk.next = TAILQ_LAST(&g_bdev_manager.modules, bdev_module_list);
}

static void
set_waiting(bool waiting)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	g_walk.waiting = waiting;
}

static bool
is_waiting(void)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	return g_walk.waiting;
}

/* The next module that was initialised, or NULL. */
static struct spdk_bdev_module *
walk(void)
{
	struct spdk_bdev_module *module;

	do {
		module = g_walk.next;
		if (module != NULL) {
			g_walk.next = TAILQ_PREV(module, bdev_module_list, internal.tailq);
		}
	} while (module != NULL && !module->internal.initialized);
	g_walk.current = module;
	return module;
}

bool
bdev_modules_fini_start_next(void)
{
	struct spdk_bdev_module *module;

	while (!is_waiting()) {
		module = walk();
		if (module == NULL) {
			return true;
		}
		if (module->fini_start != NULL) {
			set_waiting(module->async_fini_start);
			module->fini_start();
		}
	}
	return false;
}

bool
bdev_modules_fini_next(void)
{
	struct spdk_bdev_module *module;

	while (!is_waiting()) {
		module = walk();
		if (module == NULL) {
			return true;
		}
		module->internal.initialized = false;
		module->internal.examines_written_off = 0;
		if (module->module_fini != NULL) {
			set_waiting(module->async_fini);
			module->module_fini();
		}
	}
	return false;
}

void
bdev_modules_log_stopping(void)
{
	if (is_waiting()) {
		SPDK_NOTICELOG("shutdown waits for bdev module %s\n", g_walk.current->name);
	}
}

static void
fini_done(const char *function)
{
	if (bdev_live_fini_done()) {
		return;
	}
	if (!is_waiting()) {
		SPDK_ERRLOG("%s: no bdev module is being waited for\n", function);
		return;
	}
	set_waiting(false);
	bdev_manager_notify();
}

void
spdk_bdev_module_fini_start_done(void)
{
	fini_done(__func__);
}

void
spdk_bdev_module_fini_done(void)
{
	fini_done(__func__);
}
