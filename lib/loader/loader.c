/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files with modules: loaded and unloaded, one at a time, on the app thread.
 *
 *   bdk_module_load     the file is found and checked, its constructors run: its modules are in the list
 *   load_start_next     each is initialised and offered the bdevs that are there
 *   load_end
 *
 *   bdk_module_unload   nothing of it is in use: its methods go
 *   unload_stop_next    each module ends, the last one first
 *   unload_drain        rounds of messages through all threads, until nothing is left that points into it
 *   unload_end          out of memory
 *
 * A load that fails goes on as an unload.
 */

#include "lib/loader/loader_internal.h"

#include "lib/bdev/modules_live.h"
#include "lib/env/image.h"

#include "bdevkit/module.h"
#include "spdk/bdev_module.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#define MAX_MODULES 16
/* Messages that were sent before the end of the module have run by then, and those that they sent in the rounds after. */
#define MIN_ROUNDS 2
#define MAX_ROUNDS 64

struct library {
	char *path;
	struct env_image image;
	struct spdk_bdev_module *modules[MAX_MODULES];
	size_t num_modules;
	/* Of these, how many have been initialised while the layer was up. */
	size_t num_started;
	TAILQ_ENTRY(library) link;
};

/* In the order in which they were loaded. */
static TAILQ_HEAD(, library) g_libraries = TAILQ_HEAD_INITIALIZER(g_libraries);

/* What is going on. */
static struct {
	struct library *library;
	uint64_t last_bdev;
	unsigned int rounds;
	/* What a thread still has that points into the library. */
	char *left;
	bdk_module_cb cb_fn;
	void *cb_arg;
	/* How it will end, if that is known: a load that has failed is being undone. */
	int rc;
	char *error;
} g_operation;

static void load_start_next(void);
static void unload_stop_next(void);
static void unload_drain(void);
static void unload_end(bool left);

/* ---- the outcome ---- */

static void __attribute__((format(printf, 4, 5)))
answer(bdk_module_cb cb_fn, void *cb_arg, int rc, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = spdk_vsprintf_alloc(format, args);
	va_end(args);
	cb_fn(cb_arg, rc, text != NULL ? text : spdk_strerror(-rc));
	free(text);
}

static void
operation_begin(struct library *library, bdk_module_cb cb_fn, void *cb_arg)
{
	memset(&g_operation, 0, sizeof(g_operation));
	g_operation.library = library;
	g_operation.cb_fn = cb_fn;
	g_operation.cb_arg = cb_arg;
}

/* What is said first stays. */
static void __attribute__((format(printf, 2, 3))) operation_fail(int rc, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = spdk_vsprintf_alloc(format, args);
	va_end(args);
	if (g_operation.rc == 0) {
		g_operation.rc = rc;
		g_operation.error = text;
		return;
	}
	SPDK_ERRLOG("%s\n", text != NULL ? text : spdk_strerror(-rc));
	free(text);
}

static void
operation_end(void)
{
	bdk_module_cb cb_fn = g_operation.cb_fn;
	void *cb_arg = g_operation.cb_arg;
	char *error = g_operation.error;
	int rc = g_operation.rc;

	g_operation.library = NULL;
	g_operation.error = NULL;
	/* It may begin the next one. */
	cb_fn(cb_arg, rc, rc == 0 ? NULL : error != NULL ? error : spdk_strerror(-rc));
	free(error);
}

/* 0 or -ENOTCONN: while the layer is up, or when there is none. */
static int
check_state(void)
{
	return g_operation.library != NULL ? -EAGAIN : bdev_manager_check_up();
}

/* ---- the list of files ---- */

static void
free_library(struct library *library)
{
	free(library->path);
	free(library);
}

static struct library *
find_by_path(const char *path)
{
	struct library *library;

	TAILQ_FOREACH (library, &g_libraries, link) {
		if (strcmp(library->path, path) == 0) {
			return library;
		}
	}
	return NULL;
}

static struct library *
find_by_module(const struct spdk_bdev_module *module)
{
	struct library *library;

	TAILQ_FOREACH (library, &g_libraries, link) {
		if (env_image_has(&library->image, module)) {
			return library;
		}
	}
	return NULL;
}

/* ---- load ---- */

static void
collect_module(void *ctx, struct spdk_bdev_module *module)
{
	struct library *library = ctx;

	if (!env_image_has(&library->image, module)) {
		return;
	}
	if (library->num_modules == MAX_MODULES) {
		operation_fail(-ENOEXEC, "%s: it has more than %d modules", library->path, MAX_MODULES);
		return;
	}
	library->modules[library->num_modules++] = module;
}

/* What a module that comes after the start can do nothing about. */
static void
check_late(struct library *library)
{
	size_t room = bdev_live_ctx_size();
	char *why = NULL;

	if (env_image_is_fixed(&library->image, &why)) {
		operation_fail(-EPERM, "%s: %s, which has to be there before the start: load it then", library->path,
			why != NULL ? why : "");
	}
	free(why);
	for (size_t i = 0; i < library->num_modules; i++) {
		const struct spdk_bdev_module *module = library->modules[i];
		int size = module->get_ctx_size != NULL ? module->get_ctx_size() : 0;

		if (size > 0 && (size_t)size > room) {
			operation_fail(-ENOSPC,
				"%s: module %s needs %d bytes in each I/O (get_ctx_size), and those that are there "
				"have "
				"%zu: load it before the start",
				library->path, module->name, size, room);
		}
	}
}

/* Nothing of it has run but the constructors. */
static void
load_drop(void)
{
	struct library *library = g_operation.library;

	env_image_forget(&library->image);
	if (!env_image_close(&library->image)) {
		SPDK_NOTICELOG("%s stays in memory, as it was linked to\n", library->path);
	}
	free_library(library);
	operation_end();
}

static void
load_started_cb(void *cb_arg, int rc)
{
	if (rc != 0) {
		/* The layer stops, and so do all modules. */
		operation_fail(rc, "%s: the application ends", g_operation.library->path);
		operation_end();
		return;
	}
	load_start_next();
}

static void
load_undo(void)
{
	struct library *library = g_operation.library;
	char *why = NULL;

	if (env_image_in_use(&library->image, &why)) {
		SPDK_ERRLOG("%s: what of it has started stays: %s\n", library->path, why != NULL ? why : "");
		free(why);
		operation_end();
		return;
	}
	unload_stop_next();
}

static void
load_start_next(void)
{
	struct library *library = g_operation.library;
	struct spdk_bdev_module *module;
	int rc;

	if (library->num_started == library->num_modules) {
		operation_end();
		return;
	}
	module = library->modules[library->num_started++];
	rc = bdev_live_start(module, g_operation.last_bdev, load_started_cb, NULL);
	if (rc == 0) {
		return;
	}
	/* It is out of the list. */
	library->num_started--;
	operation_fail(
		rc, "%s: module %s could not be initialised: %s", library->path, module->name, spdk_strerror(-rc));
	load_undo();
}

/* Takes over the path. */
static struct library *
open_library(char *path, char **error, int *rc)
{
	struct library *library = calloc(1, sizeof(*library));

	*error = NULL;
	*rc = library == NULL ? -ENOMEM : loader_stamp_check(path, error);
	if (*rc == 0) {
		*rc = env_image_open(path, &library->image, error);
	}
	if (*rc != 0 && (library == NULL || library->image.handle == NULL)) {
		free(library);
		return NULL;
	}
	library->path = path;
	return library;
}

/* The dynamic linker begins with the name of the file, too. */
static const char *
without_path(const char *error, const char *path)
{
	size_t length = strlen(path);

	return strncmp(error, path, length) == 0 && strncmp(error + length, ": ", 2) == 0 ? error + length + 2 : error;
}

static void
load_file(char *path, bool up, bdk_module_cb cb_fn, void *cb_arg)
{
	uint64_t last_bdev = bdev_live_last_bdev();
	struct library *library;
	char *error;
	int rc;

	library = open_library(path, &error, &rc);
	if (library == NULL) {
		answer(cb_fn, cb_arg, rc == -EINVAL ? -ENOEXEC : rc, "%s: %s", path,
			error != NULL           ? without_path(error, path)
				: rc == -EEXIST ? "it is in memory, and has not been loaded as a module or has not gone"
						: spdk_strerror(-rc));
		free(error);
		free(path);
		return;
	}
	operation_begin(library, cb_fn, cb_arg);
	g_operation.last_bdev = last_bdev;
	if (rc != 0) {
		operation_fail(-EEXIST, "%s: %s", path, error != NULL ? error : spdk_strerror(-rc));
	}
	free(error);
	bdev_live_for_each(collect_module, library);
	if (up) {
		check_late(library);
	}
	if (g_operation.rc != 0) {
		load_drop();
		return;
	}
	TAILQ_INSERT_TAIL(&g_libraries, library, link);
	if (up) {
		load_start_next();
	} else {
		operation_end();
	}
}

void
bdk_module_load(const char *module, bdk_module_cb cb_fn, void *cb_arg)
{
	int state = check_state();
	char *error, *path;

	if (state == -EAGAIN) {
		answer(cb_fn, cb_arg, -EAGAIN, "%s: modules cannot be loaded while %s", module,
			g_operation.library != NULL ? "another one is being loaded or unloaded"
						    : "the application starts or ends");
		return;
	}
	path = loader_search(module, &error);
	if (path == NULL) {
		cb_fn(cb_arg, -ENOENT, error != NULL ? error : spdk_strerror(ENOMEM));
		free(error);
		return;
	}
	if (find_by_path(path) != NULL) {
		answer(cb_fn, cb_arg, -EALREADY, "%s: it is loaded already", path);
		free(path);
		return;
	}
	load_file(path, state == 0, cb_fn, cb_arg);
}

/* ---- unload ---- */

static void
unload_stopped_cb(void *cb_arg, int rc)
{
	unload_stop_next();
}

static void
unload_stop_next(void)
{
	struct library *library = g_operation.library;

	if (library->num_started == 0) {
		unload_drain();
		return;
	}
	bdev_live_stop(library->modules[--library->num_started], unload_stopped_cb, NULL);
}

static void
visit_thread_cb(void *ctx)
{
	if (g_operation.left == NULL && env_image_has_left_on_thread(&g_operation.library->image, &g_operation.left) &&
		g_operation.left == NULL) {
		g_operation.left = strdup("something is left");
	}
}

static void
unload_round_cb(void *ctx)
{
	struct library *library = g_operation.library;
	bool left = g_operation.left != NULL || env_image_has_left(&library->image, &g_operation.left);

	g_operation.rounds++;
	if (g_operation.rounds < MIN_ROUNDS || (left && g_operation.rounds < MAX_ROUNDS)) {
		unload_drain();
		return;
	}
	unload_end(left);
}

static void
unload_drain(void)
{
	free(g_operation.left);
	g_operation.left = NULL;
	spdk_for_each_thread(visit_thread_cb, NULL, unload_round_cb);
}

static void
unload_end(bool left)
{
	struct library *library = g_operation.library;

	env_image_forget(&library->image);
	TAILQ_REMOVE(&g_libraries, library, link);
	if (left) {
		operation_fail(-EFAULT,
			"%s: it has ended, but %s: it has to stay in memory, and cannot be loaded again", library->path,
			g_operation.left != NULL ? g_operation.left : "something of it is left");
	} else if (!env_image_close(&library->image)) {
		operation_fail(-EFAULT, "%s: it has ended, but the dynamic linker keeps it in memory", library->path);
	}
	free(g_operation.left);
	g_operation.left = NULL;
	free_library(library);
	operation_end();
}

/* Which file is meant; NULL: none, and that has been answered. */
static struct library *
find_to_unload(const char *name, bdk_module_cb cb_fn, void *cb_arg)
{
	struct spdk_bdev_module *module = spdk_bdev_module_list_find(name);
	struct library *library;
	char *path;

	if (module != NULL) {
		library = find_by_module(module);
		if (library == NULL) {
			answer(cb_fn, cb_arg, -EPERM, "module %s is a part of the program", name);
		}
		return library;
	}
	path = realpath(name, NULL);
	library = path != NULL ? find_by_path(path) : NULL;
	free(path);
	if (library == NULL) {
		answer(cb_fn, cb_arg, -ENOENT, "there is no module %s; module_list names them", name);
	}
	return library;
}

void
bdk_module_unload(const char *name, bdk_module_cb cb_fn, void *cb_arg)
{
	struct library *library;
	char *why = NULL;

	if (check_state() != 0) {
		answer(cb_fn, cb_arg, -EAGAIN, "module %s cannot be unloaded while %s", name,
			g_operation.library != NULL ? "another one is being loaded or unloaded"
						    : "the application does not run");
		return;
	}
	library = find_to_unload(name, cb_fn, cb_arg);
	if (library == NULL) {
		return;
	}
	if (library->image.stays || env_image_is_fixed(&library->image, &why)) {
		answer(cb_fn, cb_arg, -EPERM, "module %s cannot be unloaded: %s", name,
			why != NULL ? why : "it was linked with -z nodelete");
	} else if (env_image_in_use(&library->image, &why)) {
		answer(cb_fn, cb_arg, -EBUSY, "module %s is in use: %s", name, why != NULL ? why : "");
	} else {
		operation_begin(library, cb_fn, cb_arg);
		env_image_shut(&library->image);
		library->num_started = library->num_modules;
		unload_stop_next();
	}
	free(why);
}

/* ---- what there is ---- */

struct walk {
	int (*fn)(void *ctx, const struct bdk_module_info *info);
	void *ctx;
	int rc;
};

static void
visit_module(void *ctx, struct spdk_bdev_module *module)
{
	const struct library *library = find_by_module(module);
	struct walk *walk = ctx;
	struct bdk_module_info info = {
		.name = module->name,
		.file = library != NULL ? library->path : NULL,
		.num_bdevs = bdev_live_count_bdevs(module),
	};

	if (walk->rc == 0) {
		walk->rc = walk->fn(walk->ctx, &info);
	}
}

int
bdk_module_for_each(int (*fn)(void *ctx, const struct bdk_module_info *info), void *ctx)
{
	struct walk walk = {.fn = fn, .ctx = ctx};

	bdev_live_for_each(visit_module, &walk);
	return walk.rc;
}

int
bdk_module_for_each_file(int (*fn)(void *ctx, const char *file), void *ctx)
{
	struct library *library;
	int rc = 0;

	TAILQ_FOREACH (library, &g_libraries, link) {
		rc = fn(ctx, library->path);
		if (rc != 0) {
			break;
		}
	}
	return rc;
}
