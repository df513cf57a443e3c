/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BDEVKIT_LOAD_MODULE_H
#define BDEVKIT_LOAD_MODULE_H

/*
 * What --module does: loads the file of a module, or the one that is found by its name (bdevkit/module.h). Before the layer
 * starts. Returns 0 or a negative errno, and stderr says in the name of a subcommand why.
 */
int load_module(const char *command, const char *module);

#endif /* BDEVKIT_LOAD_MODULE_H */
