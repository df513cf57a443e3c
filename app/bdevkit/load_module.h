/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BDEVKIT_LOAD_MODULE_H
#define BDEVKIT_LOAD_MODULE_H

/*
 * Loads the shared object of a module, whose constructors register it; it stays loaded. Before the layer starts. Returns 0
 * or -ENOENT, and stderr says in the name of a subcommand why.
 */
int load_module(const char *command, const char *path);

#endif /* BDEVKIT_LOAD_MODULE_H */
