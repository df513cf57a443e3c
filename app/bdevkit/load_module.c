/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/load_module.h"

#include "spdk/stdinc.h"

#include "bdevkit/module.h"

struct load {
	const char *command;
	int rc;
};

static void
loaded_cb(void *cb_arg, int rc, const char *error)
{
	struct load *load = cb_arg;

	load->rc = rc;
	if (rc != 0) {
		fprintf(stderr, "bdevkit %s: --module %s\n", load->command, error);
	}
}

int
load_module(const char *command, const char *module)
{
	struct load load = {.command = command};

	/* Before the layer starts, it is done when this returns. */
	bdk_module_load(module, loaded_cb, &load);
	return load.rc;
}
