/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Subsystems: the parts of an application that are started before its start function and stopped after it.
 * A subsystem registers itself by constructor, states what it needs, and reports when it is up and down.
 */

#ifndef SPDK_INTERNAL_INIT_H
#define SPDK_INTERNAL_INIT_H

#include "spdk/stdinc.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_subsystem {
	/* Unique; it is the "subsystem" of a configuration file. */
	const char *name;

	/*
	 * Starts it, on the app thread; must lead to exactly one spdk_subsystem_init_next(), now or later.
	 * NULL: nothing to start.
	 */
	void (*init)(void);

	/*
	 * Stops it, on the app thread; must lead to exactly one spdk_subsystem_fini_next(), now or later.
	 * NULL: nothing to stop.
	 */
	void (*fini)(void);

	/* Writes the array of configuration entries that recreate the present state; NULL: it has none. */
	void (*write_config_json)(struct spdk_json_write_ctx *w);

	TAILQ_ENTRY(spdk_subsystem) tailq;
};

struct spdk_subsystem_depend {
	const char *name;
	const char *depends_on;
	TAILQ_ENTRY(spdk_subsystem_depend) tailq;
};

/* Both are meant for the macros below; the structures stay with the caller, for good. */
void spdk_add_subsystem(struct spdk_subsystem *subsystem);
void spdk_add_subsystem_depend(struct spdk_subsystem_depend *depend);

/* Reports the outcome of init: 0, or a negative errno, which stops the application's start. App thread. */
void spdk_subsystem_init_next(int rc);

/* Reports that fini is complete. Any thread. */
void spdk_subsystem_fini_next(void);

#define SPDK_SUBSYSTEM_REGISTER(_name) \
	__attribute__((constructor)) static void _name##_subsystem_register(void) \
	{ \
		spdk_add_subsystem(&_name); \
	}

#define SPDK_SUBSYSTEM_DEPEND(_name, _depends_on) \
	static struct spdk_subsystem_depend _name##_depends_on_##_depends_on = { \
		.name = #_name, \
		.depends_on = #_depends_on, \
		.tailq = {NULL, NULL}, \
	}; \
	__attribute__((constructor)) static void _name##_depends_on_##_depends_on##_register(void) \
	{ \
		spdk_add_subsystem_depend(&_name##_depends_on_##_depends_on); \
	}

#ifdef __cplusplus
}
#endif

#endif /* SPDK_INTERNAL_INIT_H */
