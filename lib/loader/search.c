/* SPDX-License-Identifier: BSD-3-Clause */

/* From the word that names a module to a file. */

#include "lib/loader/loader_internal.h"
#include "lib/loader/loader_paths.h"

#include "bdevkit/module.h"
#include "spdk/string.h"

#include <dlfcn.h>

static bool
ends_in_so(const char *word)
{
	size_t length = strlen(word);

	return length > 3 && strcmp(word + length - 3, ".so") == 0;
}

static bool
is_file_here(const char *word)
{
	return strchr(word, '/') != NULL || (ends_in_so(word) && access(word, F_OK) == 0);
}

/* A file NAME, NAME.so or bdev_NAME.so of a folder; NULL if there is none. */
static char *
look_into(const char *folder, size_t length, const char *name)
{
	static const char *const forms[] = {"%.*s/%s.so", "%.*s/bdev_%s.so", "%.*s/vbdev_%s.so", "%.*s/%s"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		char *path = spdk_sprintf_alloc(forms[i], (int)length, folder, name);

		if (path != NULL && access(path, F_OK) == 0) {
			return path;
		}
		free(path);
	}
	return NULL;
}

/* Where modules have been built by the same build as the program that runs, if that has not been installed. */
static char *
look_into_build_folder(const char *name)
{
	static const char program[] = "/app/bdevkit/bdevkit";
	char *self = realpath("/proc/self/exe", NULL), *folder, *path = NULL;
	size_t length = self != NULL ? strlen(self) : 0;

	if (length > sizeof(program) && strcmp(self + length - (sizeof(program) - 1), program) == 0) {
		folder = spdk_sprintf_alloc("%.*s/module/%s", (int)(length - (sizeof(program) - 1)), self, name);
		path = folder != NULL ? look_into(folder, strlen(folder), name) : NULL;
		free(folder);
	}
	free(self);
	return path;
}

/* Beside the library, wherever that was installed or moved; of a program that has the library in it, where it was built for. */
static char *
look_into_installation(const char *name)
{
	const char *slash;
	Dl_info info;
	char *folder, *path = NULL;

	if (dladdr((void *)(uintptr_t)look_into_installation, &info) != 0 && strstr(info.dli_fname, ".so") != NULL &&
		(slash = strrchr(info.dli_fname, '/')) != NULL) {
		folder = spdk_sprintf_alloc("%.*s/bdevkit/modules", (int)(slash - info.dli_fname), info.dli_fname);
		path = folder != NULL ? look_into(folder, strlen(folder), name) : NULL;
		free(folder);
	}
	if (path == NULL) {
		path = look_into_build_folder(name);
	}
	return path != NULL ? path : look_into(BDEVKIT_MODULES_DIR, strlen(BDEVKIT_MODULES_DIR), name);
}

char *
loader_search(const char *module, char **error)
{
	const char *folders = getenv(BDK_MODULE_PATH_VARIABLE), *folder = folders;
	char *path = NULL;

	*error = NULL;
	if (*module == '\0') {
		*error = spdk_sprintf_alloc("a module has a name or is a file");
		return NULL;
	}
	if (is_file_here(module)) {
		path = realpath(module, NULL);
		if (path == NULL) {
			*error = spdk_sprintf_alloc("%s: %s", module, spdk_strerror(errno));
		}
		return path;
	}
	while (folder != NULL && path == NULL) {
		size_t length = strcspn(folder, ":");

		path = length > 0 ? look_into(folder, length, module) : NULL;
		folder = folder[length] == ':' ? folder + length + 1 : NULL;
	}
	if (path == NULL) {
		path = look_into_installation(module);
	}
	if (path == NULL) {
		*error = spdk_sprintf_alloc(
			"there is no module %s.so or bdev_%s.so in %s%s%s; a file is named by its path, "
			"./%s.so",
			module, module, folders != NULL ? folders : "", folders != NULL ? ":" : "", BDEVKIT_MODULES_DIR,
			module);
	}
	return path;
}
