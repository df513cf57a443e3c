/* SPDX-License-Identifier: BSD-3-Clause */

/* Which bdev a filename= is: one of that name, or one that an expression makes (doc/expressions.md). */

#include "engine.h"

#include "app/bdevkit/expression_config.h"

#include <pthread.h>

/* Expressions, and at the same place the bdevs that they have made. Jobs of the same expression share its bdev. */
static struct expression_names g_expressions, g_bdevs;
/* What expressions have given names to. */
static struct expression_names g_taken;
/* Jobs look up names while others are being prepared. */
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

const char *
engine_name_of(const char *filename)
{
	const char *name = filename;

	pthread_mutex_lock(&g_lock);
	for (size_t i = 0; i < g_expressions.count; i++) {
		if (strcmp(g_expressions.items[i], filename) == 0) {
			name = g_bdevs.items[i];
		}
	}
	pthread_mutex_unlock(&g_lock);
	return name;
}

static int
remember(const char *filename, const char *name)
{
	int rc;

	pthread_mutex_lock(&g_lock);
	rc = expression_names_add(&g_bdevs, name);
	if (rc == 0) {
		rc = expression_names_add(&g_expressions, filename);
	}
	pthread_mutex_unlock(&g_lock);
	return rc;
}

void
engine_names_forget(void)
{
	expression_names_free(&g_expressions);
	expression_names_free(&g_bdevs);
	expression_names_free(&g_taken);
}

/* By the method that takes configurations, as that of the expression is one. */
static int
load(const char *filename, const struct text *config)
{
	char *reply = NULL;
	int rc = bdk_embed_rpc("load_config", config->data, &reply);

	if (rc != 0) {
		log_err("bdevkit: cannot make %s: %s\n", filename, reply != NULL ? reply : strerror(-rc));
	}
	free(reply);
	return rc;
}

static int
write_config(const char *filename, struct text *config, struct expression_names *bdevs)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, config, 0);
	int rc;

	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "subsystems");
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", "bdev");
	spdk_json_write_named_array_begin(w, "config");
	rc = expression_write_words("fio", &filename, 1, &g_taken, w, bdevs);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	return spdk_json_write_end(w) != 0 && rc == 0 ? -ENOMEM : rc;
}

static int
make(const char *filename)
{
	struct expression_names bdevs = {};
	struct text config = {};
	int rc = write_config(filename, &config, &bdevs);

	if (rc == 0 && bdevs.count != 1) {
		log_err("bdevkit: %s is more than one bdev, and filename= names one\n", filename);
		rc = -EINVAL;
	}
	if (rc == 0) {
		rc = load(filename, &config);
	}
	if (rc == 0) {
		rc = remember(filename, bdevs.items[0]);
	}
	expression_names_free(&bdevs);
	free(config.data);
	return rc;
}

static void
find_bdev(void *arg)
{
	const char **name = arg;

	if (spdk_bdev_get_by_name(*name) == NULL) {
		*name = NULL;
	}
}

int
engine_name_prepare(const char *filename)
{
	const char *found = filename;

	if (!expression_is_one(filename) || engine_name_of(filename) != filename) {
		return 0;
	}
	/* A bdev may have a colon in its name. */
	if (bdk_embed_call(find_bdev, &found) != 0 || found != NULL) {
		return 0;
	}
	return make(filename);
}
