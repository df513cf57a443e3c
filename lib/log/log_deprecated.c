/* SPDX-License-Identifier: BSD-3-Clause */

/* Features that will be removed: who uses them, and how often. */

#include "spdk/log.h"
#include "lib/env/image.h"
#include "spdk/queue.h"

struct spdk_deprecation {
	char *tag;
	char *description;
	char *remove_release;
	uint64_t hits;
	/* Where whoever uses it keeps it. */
	struct spdk_deprecation **reg;
	uint32_t rate_limit_seconds;
	struct bdk_log_rate rate;
	TAILQ_ENTRY(spdk_deprecation) tailq;
};

/* Registered by constructors, before there are threads; used from all. */
static TAILQ_HEAD(, spdk_deprecation) g_deprecations = TAILQ_HEAD_INITIALIZER(g_deprecations);

static void
free_deprecation(struct spdk_deprecation *deprecation)
{
	free(deprecation->tag);
	free(deprecation->description);
	free(deprecation->remove_release);
	free(deprecation);
}

static void
forget_deprecations(const struct env_image *image)
{
	struct spdk_deprecation *deprecation, *next;

	TAILQ_FOREACH_SAFE (deprecation, &g_deprecations, tailq, next) {
		if (env_image_has(image, deprecation->reg)) {
			TAILQ_REMOVE(&g_deprecations, deprecation, tailq);
			free_deprecation(deprecation);
		}
	}
}

static struct env_image_user g_deprecations_user = {
	.forget = forget_deprecations,
};
ENV_IMAGE_USER_REGISTER(g_deprecations_user)

int
spdk_log_deprecation_register(const char *tag, const char *description, const char *remove_release,
	uint32_t rate_limit_seconds, struct spdk_deprecation **reg)
{
	struct spdk_deprecation *deprecation;

	if (tag == NULL || description == NULL || remove_release == NULL || reg == NULL) {
		return -EINVAL;
	}
	deprecation = calloc(1, sizeof(*deprecation));
	if (deprecation == NULL) {
		return -ENOMEM;
	}
	deprecation->tag = strdup(tag);
	deprecation->description = strdup(description);
	deprecation->remove_release = strdup(remove_release);
	deprecation->rate_limit_seconds = rate_limit_seconds;
	deprecation->reg = reg;
	if (deprecation->tag == NULL || deprecation->description == NULL || deprecation->remove_release == NULL) {
		free_deprecation(deprecation);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&g_deprecations, deprecation, tailq);
	*reg = deprecation;
	return 0;
}

void
spdk_log_deprecated(struct spdk_deprecation *deprecation, const char *file, uint32_t line, const char *func)
{
	uint64_t left_out;

	__atomic_fetch_add(&deprecation->hits, 1, __ATOMIC_RELAXED);
	if (!bdk_log_rate_allow(&deprecation->rate, deprecation->rate_limit_seconds, &left_out)) {
		return;
	}
	spdk_log(SPDK_LOG_WARN, file, (int)line, func, "%s: deprecated feature %s to be removed in %s\n",
		deprecation->tag, deprecation->description, deprecation->remove_release);
	if (left_out > 0) {
		spdk_log(SPDK_LOG_WARN, file, (int)line, func, "%s: %" PRIu64 " messages suppressed\n",
			deprecation->tag, left_out);
	}
}

int
spdk_log_for_each_deprecation(void *ctx, spdk_log_for_each_deprecation_fn fn)
{
	struct spdk_deprecation *deprecation;
	int rc = 0;

	TAILQ_FOREACH (deprecation, &g_deprecations, tailq) {
		rc = fn(ctx, deprecation);
		if (rc != 0) {
			break;
		}
	}
	return rc;
}

const char *
spdk_deprecation_get_tag(const struct spdk_deprecation *deprecation)
{
	return deprecation->tag;
}

const char *
spdk_deprecation_get_description(const struct spdk_deprecation *deprecation)
{
	return deprecation->description;
}

const char *
spdk_deprecation_get_remove_release(const struct spdk_deprecation *deprecation)
{
	return deprecation->remove_release;
}

uint64_t
spdk_deprecation_get_hits(const struct spdk_deprecation *deprecation)
{
	return __atomic_load_n(&deprecation->hits, __ATOMIC_RELAXED);
}
