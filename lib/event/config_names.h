/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef LIB_EVENT_CONFIG_NAMES_H
#define LIB_EVENT_CONFIG_NAMES_H

/*
 * Of a subsystem's name that is neither of this application nor of the interface: the one that was probably meant, or NULL
 * if none is so near.
 */
const char *event_config_guess_subsystem(const char *name);

#endif /* LIB_EVENT_CONFIG_NAMES_H */
