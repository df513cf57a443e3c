/* SPDX-License-Identifier: BSD-3-Clause */

/* Flags of components. They are registered by constructors, of the program and of modules that are loaded. */

#include "spdk/log.h"
#include "spdk/string.h"
#include "lib/env/image.h"

static TAILQ_HEAD(, spdk_log_flag) g_flags = TAILQ_HEAD_INITIALIZER(g_flags);

static struct spdk_log_flag *
find_flag(const char *name)
{
	struct spdk_log_flag *flag;

	TAILQ_FOREACH (flag, &g_flags, tailq) {
		if (strcasecmp(flag->name, name) == 0) {
			return flag;
		}
	}
	return NULL;
}

void
spdk_log_register_flag(const char *name, struct spdk_log_flag *flag)
{
	struct spdk_log_flag *after;

	if (name == NULL || flag == NULL) {
		SPDK_ERRLOG("A log flag has no name or no place\n");
		return;
	}
	if (find_flag(name) != NULL) {
		if (!env_image_refuse("there is a log flag %s already", name)) {
			SPDK_ERRLOG("Log flag %s is registered twice\n", name);
		}
		return;
	}
	flag->name = name;
	TAILQ_FOREACH (after, &g_flags, tailq) {
		if (strcasecmp(after->name, name) > 0) {
			TAILQ_INSERT_BEFORE(after, flag, tailq);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&g_flags, flag, tailq);
}

static void
forget_flags(const struct env_image *image)
{
	struct spdk_log_flag *flag, *next;

	TAILQ_FOREACH_SAFE (flag, &g_flags, tailq, next) {
		if (env_image_has(image, flag)) {
			TAILQ_REMOVE(&g_flags, flag, tailq);
		}
	}
}

static struct env_image_user g_log_flags_user = {
	.forget = forget_flags,
};
ENV_IMAGE_USER_REGISTER(g_log_flags_user)

struct spdk_log_flag *
spdk_log_get_first_flag(void)
{
	return TAILQ_FIRST(&g_flags);
}

struct spdk_log_flag *
spdk_log_get_next_flag(struct spdk_log_flag *flag)
{
	return TAILQ_NEXT(flag, tailq);
}

bool
spdk_log_get_flag(const char *flag)
{
	struct spdk_log_flag *found = find_flag(flag);

	return found != NULL && found->enabled;
}

static int
switch_flags(const char *pattern, bool enabled)
{
	struct spdk_log_flag *flag;
	bool all;
	int rc = -EINVAL;

	if (pattern == NULL) {
		return -EINVAL;
	}
	all = strcasecmp(pattern, "all") == 0;
	TAILQ_FOREACH (flag, &g_flags, tailq) {
		if (all || fnmatch(pattern, flag->name, FNM_CASEFOLD) == 0) {
			flag->enabled = enabled;
			rc = 0;
		}
	}
	return all ? 0 : rc;
}

int
spdk_log_set_flag(const char *flag)
{
	return switch_flags(flag, true);
}

int
spdk_log_clear_flag(const char *flag)
{
	return switch_flags(flag, false);
}

void
spdk_log_usage(FILE *f, const char *log_arg)
{
#ifdef DEBUG
	struct spdk_log_flag *flag;
	size_t column = 0;

	fprintf(f, " %s, --logflag <flag>    switch a component's messages on: all, a name or a pattern of\n", log_arg);
	TAILQ_FOREACH (flag, &g_flags, tailq) {
		column = column == 0 ? (size_t)fprintf(f, "                           %s", flag->name)
				     : column + (size_t)fprintf(f, ", %s", flag->name);
		if (column > 80) {
			fprintf(f, "\n");
			column = 0;
		}
	}
	fprintf(f, "%s", column > 0 ? "\n" : "");
#else
	fprintf(f,
		" %s, --logflag <flag>    switch a component's messages on (rebuild for debugging to see debug\n"
		"                           messages)\n",
		log_arg);
#endif
}
