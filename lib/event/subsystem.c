/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/event/subsystem.h"

#include "lib/env/image.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

enum subsystem_state {
	SUBSYSTEM_STATE_DOWN,
	/* The init of g_subsystems.current was called, and it did not report yet. */
	SUBSYSTEM_STATE_STARTING,
	/* The same, and it is to be stopped as soon as it has reported: it can hardly be stopped half started. */
	SUBSYSTEM_STATE_START_ABORTED,
	/* All are up, or that of g_subsystems.current failed. */
	SUBSYSTEM_STATE_STARTED,
	/* The fini of g_subsystems.current was called, and it did not report yet. */
	SUBSYSTEM_STATE_STOPPING,
};

/* How long a stop waits for a subsystem that is just being started. */
#define ABORT_TIMEOUT_US 5000000

static struct {
	struct event_subsystem_list list;
	struct event_subsystem_depend_list depends;

	enum subsystem_state state;
	/* The last one that was started, or is being started or stopped. */
	struct spdk_subsystem *current;

	spdk_subsystem_init_fn init_fn;
	void *init_arg;
	spdk_subsystem_fini_fn fini_fn;
	void *fini_arg;
	struct spdk_thread *fini_thread;
	struct spdk_poller *abort_timer;
} g_subsystems = {
	.list = TAILQ_HEAD_INITIALIZER(g_subsystems.list),
	.depends = TAILQ_HEAD_INITIALIZER(g_subsystems.depends),
};

void
spdk_add_subsystem(struct spdk_subsystem *subsystem)
{
	TAILQ_INSERT_TAIL(&g_subsystems.list, subsystem, tailq);
}

void
spdk_add_subsystem_depend(struct spdk_subsystem_depend *depend)
{
	TAILQ_INSERT_TAIL(&g_subsystems.depends, depend, tailq);
}

static bool
is_fixed(const struct env_image *image, char **why)
{
	struct spdk_subsystem *subsystem;

	TAILQ_FOREACH (subsystem, &g_subsystems.list, tailq) {
		if (env_image_has(image, subsystem)) {
			*why = spdk_sprintf_alloc("it has the subsystem %s", subsystem->name);
			return true;
		}
	}
	return false;
}

static void
forget(const struct env_image *image)
{
	struct spdk_subsystem *subsystem, *next_subsystem;
	struct spdk_subsystem_depend *depend, *next_depend;

	TAILQ_FOREACH_SAFE (subsystem, &g_subsystems.list, tailq, next_subsystem) {
		if (env_image_has(image, subsystem)) {
			TAILQ_REMOVE(&g_subsystems.list, subsystem, tailq);
		}
	}
	TAILQ_FOREACH_SAFE (depend, &g_subsystems.depends, tailq, next_depend) {
		if (env_image_has(image, depend)) {
			TAILQ_REMOVE(&g_subsystems.depends, depend, tailq);
		}
	}
}

static struct env_image_user g_subsystem_user = {
	.is_fixed = is_fixed,
	.forget = forget,
};
ENV_IMAGE_USER_REGISTER(g_subsystem_user)

static struct spdk_subsystem *
find(struct event_subsystem_list *subsystems, const char *name)
{
	struct spdk_subsystem *subsystem;

	TAILQ_FOREACH (subsystem, subsystems, tailq) {
		if (strcmp(subsystem->name, name) == 0) {
			return subsystem;
		}
	}

	return NULL;
}

struct spdk_subsystem *
event_subsystem_find(const char *name)
{
	return find(&g_subsystems.list, name);
}

bool
spdk_subsystem_exists(const char *name)
{
	return event_subsystem_find(name) != NULL;
}

struct spdk_subsystem *
event_subsystem_first(void)
{
	return TAILQ_FIRST(&g_subsystems.list);
}

struct spdk_subsystem *
event_subsystem_next(struct spdk_subsystem *subsystem)
{
	return TAILQ_NEXT(subsystem, tailq);
}

struct spdk_subsystem_depend *
event_subsystem_first_depend(void)
{
	return TAILQ_FIRST(&g_subsystems.depends);
}

struct spdk_subsystem_depend *
event_subsystem_next_depend(struct spdk_subsystem_depend *depend)
{
	return TAILQ_NEXT(depend, tailq);
}

void
event_subsystem_write_config(struct spdk_subsystem *subsystem, struct spdk_json_write_ctx *w)
{
	if (subsystem->write_config_json) {
		subsystem->write_config_json(w);
	} else {
		spdk_json_write_null(w);
	}
}

/*
 * Order
 */

static int
check_depends(struct event_subsystem_list *subsystems, struct event_subsystem_depend_list *depends)
{
	struct spdk_subsystem_depend *depend;

	TAILQ_FOREACH (depend, depends, tailq) {
		if (!find(subsystems, depend->name)) {
			SPDK_ERRLOG("subsystem %s is missing\n", depend->name);
			return -ENOENT;
		}
		if (!find(subsystems, depend->depends_on)) {
			SPDK_ERRLOG("subsystem %s dependency %s is missing\n", depend->name, depend->depends_on);
			return -ENOENT;
		}
	}

	return 0;
}

/* A subsystem in waiting that this one depends on; NULL if it depends on none of them. */
static struct spdk_subsystem *
find_obstacle(struct spdk_subsystem *subsystem, struct event_subsystem_list *waiting,
	struct event_subsystem_depend_list *depends)
{
	struct spdk_subsystem_depend *depend;
	struct spdk_subsystem *obstacle;

	TAILQ_FOREACH (depend, depends, tailq) {
		if (strcmp(depend->name, subsystem->name) == 0) {
			obstacle = find(waiting, depend->depends_on);
			if (obstacle) {
				return obstacle;
			}
		}
	}

	return NULL;
}

/* Each of the waiting subsystems depends on another one of them: says which form a circle. */
static void
report_circle(struct event_subsystem_list *waiting, struct event_subsystem_depend_list *depends)
{
	struct spdk_subsystem *subsystem = TAILQ_FIRST(waiting);
	struct spdk_subsystem *start, *step;
	char *text;

	/* After as many steps as there are subsystems the walk is inside the circle. */
	TAILQ_FOREACH (step, waiting, tailq) {
		subsystem = find_obstacle(subsystem, waiting, depends);
	}

	start = subsystem;
	text = spdk_sprintf_alloc("%s", start->name);
	do {
		subsystem = find_obstacle(subsystem, waiting, depends);
		text = spdk_sprintf_append_realloc(text, " -> %s", subsystem->name);
	} while (subsystem != start && text);

	SPDK_ERRLOG("Subsystems depend on each other in a circle: %s\n", text ? text : start->name);
	free(text);
}

int
event_subsystem_sort(struct event_subsystem_list *subsystems, struct event_subsystem_depend_list *depends)
{
	struct event_subsystem_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
	struct event_subsystem_list sorted = TAILQ_HEAD_INITIALIZER(sorted);
	struct spdk_subsystem *subsystem, *next;
	bool progress = true;
	int rc;

	rc = check_depends(subsystems, depends);
	if (rc) {
		return rc;
	}

	TAILQ_CONCAT(&waiting, subsystems, tailq);
	while (progress) {
		progress = false;
		TAILQ_FOREACH_SAFE (subsystem, &waiting, tailq, next) {
			if (!find_obstacle(subsystem, &waiting, depends)) {
				TAILQ_REMOVE(&waiting, subsystem, tailq);
				TAILQ_INSERT_TAIL(&sorted, subsystem, tailq);
				progress = true;
			}
		}
	}

	if (!TAILQ_EMPTY(&waiting)) {
		report_circle(&waiting, depends);
		rc = -ELOOP;
	}
	TAILQ_CONCAT(subsystems, &sorted, tailq);
	TAILQ_CONCAT(subsystems, &waiting, tailq);

	return rc;
}

/*
 * Stop
 */

static void
run_on_fini_thread(spdk_msg_fn fn)
{
	int rc;

	if (spdk_get_thread() == g_subsystems.fini_thread) {
		fn(NULL);
		return;
	}

	rc = spdk_thread_send_msg(g_subsystems.fini_thread, fn, NULL);
	if (rc) {
		SPDK_ERRLOG("The stop of the subsystems cannot go on: %s\n", spdk_strerror(-rc));
	}
}

static void
fini_current(void)
{
	if (!g_subsystems.current) {
		g_subsystems.state = SUBSYSTEM_STATE_DOWN;
		g_subsystems.fini_fn(g_subsystems.fini_arg);
	} else if (g_subsystems.current->fini) {
		g_subsystems.current->fini();
	} else {
		spdk_subsystem_fini_next();
	}
}

static void
begin_fini(void *ctx)
{
	spdk_poller_unregister(&g_subsystems.abort_timer);
	g_subsystems.state = SUBSYSTEM_STATE_STOPPING;
	fini_current();
}

static void
fini_following(void *ctx)
{
	if (g_subsystems.state != SUBSYSTEM_STATE_STOPPING || !g_subsystems.current) {
		SPDK_ERRLOG("A subsystem reported twice that it is stopped\n");
		return;
	}

	g_subsystems.current = TAILQ_PREV(g_subsystems.current, event_subsystem_list, tailq);
	fini_current();
}

void
spdk_subsystem_fini_next(void)
{
	run_on_fini_thread(fini_following);
}

static int
abort_start(void *ctx)
{
	SPDK_WARNLOG("Subsystem %s does not report the end of its start; stopping it all the same\n",
		g_subsystems.current->name);
	begin_fini(NULL);
	return SPDK_POLLER_BUSY;
}

void
spdk_subsystem_fini(spdk_subsystem_fini_fn cb_fn, void *cb_arg)
{
	if (g_subsystems.state == SUBSYSTEM_STATE_STOPPING || g_subsystems.state == SUBSYSTEM_STATE_START_ABORTED) {
		SPDK_ERRLOG("The subsystems are being stopped already\n");
		return;
	}

	g_subsystems.fini_fn = cb_fn;
	g_subsystems.fini_arg = cb_arg;
	g_subsystems.fini_thread = spdk_get_thread();

	if (g_subsystems.state == SUBSYSTEM_STATE_STARTING) {
		g_subsystems.state = SUBSYSTEM_STATE_START_ABORTED;
		g_subsystems.abort_timer = SPDK_POLLER_REGISTER(abort_start, NULL, ABORT_TIMEOUT_US);
		return;
	}

	begin_fini(NULL);
}

/*
 * Start
 */

static void
finish_init(int rc)
{
	g_subsystems.state = SUBSYSTEM_STATE_STARTED;
	g_subsystems.init_fn(rc, g_subsystems.init_arg);
}

static void
init_following(void)
{
	struct spdk_subsystem *next;

	next = g_subsystems.current ? TAILQ_NEXT(g_subsystems.current, tailq) : TAILQ_FIRST(&g_subsystems.list);
	if (!next) {
		finish_init(0);
		return;
	}

	g_subsystems.current = next;
	if (next->init) {
		next->init();
	} else {
		spdk_subsystem_init_next(0);
	}
}

void
spdk_subsystem_init_next(int rc)
{
	assert(spdk_thread_is_app_thread(NULL));

	if (g_subsystems.state == SUBSYSTEM_STATE_START_ABORTED) {
		run_on_fini_thread(begin_fini);
		return;
	}
	/* It took too long and is being stopped. */
	if (g_subsystems.state != SUBSYSTEM_STATE_STARTING) {
		return;
	}

	if (rc) {
		SPDK_ERRLOG("Init subsystem %s failed: %s\n", g_subsystems.current->name, spdk_strerror(abs(rc)));
		finish_init(rc);
		return;
	}

	init_following();
}

void
spdk_subsystem_init(spdk_subsystem_init_fn cb_fn, void *cb_arg)
{
	int rc;

	if (g_subsystems.state != SUBSYSTEM_STATE_DOWN) {
		SPDK_ERRLOG("The subsystems are started already\n");
		cb_fn(-EALREADY, cb_arg);
		return;
	}

	rc = event_subsystem_sort(&g_subsystems.list, &g_subsystems.depends);
	if (rc) {
		cb_fn(rc, cb_arg);
		return;
	}

	g_subsystems.init_fn = cb_fn;
	g_subsystems.init_arg = cb_arg;
	g_subsystems.state = SUBSYSTEM_STATE_STARTING;
	init_following();
}
