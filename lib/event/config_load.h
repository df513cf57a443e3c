/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Loads a configuration: {"modules": [file, ...],
 * "subsystems": [{"subsystem": name, "config": [{"method": ..., "params": {...}}, ...]}, ...]}. Modules come first.
 * Its shape is checked as a whole before the first method is called; methods are called one after the other.
 */

#ifndef LIB_EVENT_CONFIG_LOAD_H
#define LIB_EVENT_CONFIG_LOAD_H

#include "spdk/stdinc.h"
#include "spdk/json.h"

struct event_config_load;

/* rc: 0, -EINVAL if a method failed or was not found, -ECANCELED, or another negative errno. */
typedef void (*event_config_load_fn)(void *cb_arg, int rc);

struct event_config_load_opts {
	/* Stands before the line number in error texts. Copied. */
	const char *name;
	/* The text, which is copied; comments are allowed. */
	const void *text;
	size_t size;
	/* Instead of a text: what it would have under "subsystems", to stay valid until cb_fn. Places are then indices. */
	const struct spdk_json_val *subsystems;
	/* The same of "modules", beside it or alone; NULL: none. */
	const struct spdk_json_val *modules;

	/*
	 * Call every method that the present state allows. Otherwise those that were allowed in the state before as well
	 * are left out, for they were called by the load before.
	 */
	bool all;
	/* End at the first method that fails or is unknown. Otherwise go on with the next one. */
	bool stop_on_error;

	event_config_load_fn cb_fn;
	void *cb_arg;
	/* Where the first error text goes, too; NULL: only to the log. Must stay valid until cb_fn. */
	char *error;
	size_t error_size;
};

/*
 * Calls the methods on the current thread, over several of its iterations. Returns 0 if cb_fn will be called, once, on
 * this thread and later; or a negative errno: -EINVAL for a text that is not a configuration.
 */
int event_config_load(const struct event_config_load_opts *opts, struct event_config_load **load);

/* Makes the load end as soon as the method that is being carried out is done. */
void event_config_load_cancel(struct event_config_load *load);

#endif /* LIB_EVENT_CONFIG_LOAD_H */
