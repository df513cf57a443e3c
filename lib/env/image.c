/* SPDX-License-Identifier: BSD-3-Clause */

/* Shared objects that come and go; see image.h. */

#include "lib/env/image.h"

#include <dlfcn.h>
#include <link.h>

/* Changed by constructors only. */
static struct env_image_user *g_users;

/* Of a file whose constructors run: what was refused. */
static _Thread_local bool g_opening;
static _Thread_local char *g_refusal;

/* Of all refusals together. */
#define MAX_REFUSAL 400

void
env_image_add_user(struct env_image_user *user)
{
	user->next = g_users;
	g_users = user;
}

/* ---- asking the users ---- */

#define ASK_ALL(question) \
	for (struct env_image_user *user = g_users; user != NULL; user = user->next) { \
		if (user->question != NULL && user->question(image, why)) { \
			return true; \
		} \
	} \
	return false

bool
env_image_in_use(const struct env_image *image, char **why)
{
	ASK_ALL(in_use);
}

bool
env_image_is_fixed(const struct env_image *image, char **why)
{
	ASK_ALL(is_fixed);
}

bool
env_image_has_left(const struct env_image *image, char **why)
{
	ASK_ALL(has_left);
}

bool
env_image_has_left_on_thread(const struct env_image *image, char **why)
{
	ASK_ALL(has_left_on_thread);
}

void
env_image_shut(const struct env_image *image)
{
	for (struct env_image_user *user = g_users; user != NULL; user = user->next) {
		if (user->shut != NULL) {
			user->shut(image);
		}
	}
}

void
env_image_forget(const struct env_image *image)
{
	env_image_shut(image);
	for (struct env_image_user *user = g_users; user != NULL; user = user->next) {
		if (user->forget != NULL) {
			user->forget(image);
		}
	}
}

/* ---- opening ---- */

bool
env_image_refuse(const char *format, ...)
{
	char *before = g_refusal, *text = NULL;
	va_list args;

	if (!g_opening) {
		return false;
	}
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
	}
	va_end(args);
	if (before == NULL || text == NULL) {
		g_refusal = before == NULL ? text : before;
		return true;
	}
	if (strlen(before) < MAX_REFUSAL && asprintf(&g_refusal, "%s; %s", before, text) >= 0) {
		free(before);
	} else {
		g_refusal = before;
	}
	free(text);
	return true;
}

struct extent {
	const struct link_map *map;
	struct env_image *image;
};

static int
measure_cb(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct extent *extent = ctx;

	if (info->dlpi_addr != extent->map->l_addr || strcmp(info->dlpi_name, extent->map->l_name) != 0) {
		return 0;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;

		if (segment->p_type == PT_LOAD) {
			extent->image->start = start < extent->image->start ? start : extent->image->start;
			extent->image->end = end > extent->image->end ? end : extent->image->end;
		}
	}
	return 1;
}

static bool
is_linked_to_stay(const struct link_map *map)
{
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_FLAGS_1) {
			return (entry->d_un.d_val & DF_1_NODELETE) != 0;
		}
	}
	return false;
}

static bool
is_in_memory(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);

	if (handle == NULL) {
		return false;
	}
	dlclose(handle);
	return true;
}

/* Where it lies, for those who look for what points there. */
static int
measure(struct env_image *image)
{
	struct link_map *map;
	struct extent extent = {.image = image};

	image->start = UINTPTR_MAX;
	image->end = 0;
	if (dlinfo(image->handle, RTLD_DI_LINKMAP, &map) != 0) {
		return -EINVAL;
	}
	extent.map = map;
	image->stays = is_linked_to_stay(map);
	return dl_iterate_phdr(measure_cb, &extent) == 1 ? 0 : -EINVAL;
}

/* A program that has loaded the library by itself, as fio and Python do, may have kept its symbols from all others. */
static void
show_own_symbols(void)
{
	Dl_info own;
	void *handle;

	if (dladdr(&g_users, &own) != 0 && own.dli_fname != NULL) {
		handle = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
		if (handle != NULL) {
			dlclose(handle);
		}
	}
}

int
env_image_open(const char *path, struct env_image *image, char **error)
{
	memset(image, 0, sizeof(*image));
	*error = NULL;
	if (is_in_memory(path)) {
		return -EEXIST;
	}
	show_own_symbols();
	g_opening = true;
	/* All symbols now, as one that is missing must not show in the middle of the work; and none of them to others. */
	image->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	g_opening = false;
	if (image->handle == NULL) {
		const char *reason = dlerror();

		free(g_refusal);
		g_refusal = NULL;
		*error = reason != NULL ? strdup(reason) : NULL;
		return -EINVAL;
	}
	if (measure(image) != 0) {
		image->start = image->end = 0;
		(void)env_image_close(image);
		return -EINVAL;
	}
	*error = g_refusal;
	g_refusal = NULL;
	return *error == NULL ? 0 : -EINVAL;
}

bool
env_image_close(struct env_image *image)
{
	struct link_map *map;
	char *path = NULL;
	bool gone;

	if (dlinfo(image->handle, RTLD_DI_LINKMAP, &map) == 0) {
		path = strdup(map->l_name);
	}
	dlclose(image->handle);
	image->handle = NULL;
	gone = path == NULL || !is_in_memory(path);
	free(path);
	return gone;
}
