/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/load_module.h"

#include "spdk/stdinc.h"

#include <dlfcn.h>

int
load_module(const char *command, const char *path)
{
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL) {
		fprintf(stderr, "bdevkit %s: --module %s\n", command, dlerror());
		return -ENOENT;
	}
	return 0;
}
