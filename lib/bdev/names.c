/* SPDX-License-Identifier: BSD-3-Clause */

/* One namespace for the names and aliases of all bdevs. */

#include "lib/bdev/bdev_internal.h"

static int
compare_names(struct spdk_bdev_name *a, struct spdk_bdev_name *b)
{
	return strcmp(a->name, b->name);
}

/* Not all of the functions that it makes are needed. */
RB_GENERATE_INTERNAL(bdev_name_tree, spdk_bdev_name, node, compare_names, static __attribute__((unused)))

struct bdev_state *
bdev_name_find(const char *name)
{
	/* The tree does not change the key that it compares with. */
	struct spdk_bdev_name key = {.name = (char *)(uintptr_t)name}, *entry;

	entry = RB_FIND(bdev_name_tree, &g_bdev_manager.names, &key);
	return entry == NULL ? NULL : bdev_state(entry->bdev);
}

int
bdev_name_add(struct spdk_bdev_name *entry, struct spdk_bdev *bdev, const char *name)
{
	entry->name = strdup(name);
	if (entry->name == NULL) {
		return -ENOMEM;
	}
	entry->bdev = bdev;
	if (RB_INSERT(bdev_name_tree, &g_bdev_manager.names, entry) != NULL) {
		free(entry->name);
		entry->name = NULL;
		return -EEXIST;
	}
	return 0;
}

void
bdev_name_del(struct spdk_bdev_name *entry)
{
	RB_REMOVE(bdev_name_tree, &g_bdev_manager.names, entry);
	free(entry->name);
	entry->name = NULL;
}

struct spdk_bdev *
spdk_bdev_get_by_name(const char *bdev_name)
{
	struct bdev_state *state;

	if (bdev_name == NULL) {
		return NULL;
	}
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	state = bdev_name_find(bdev_name);
	return state == NULL ? NULL : state->bdev;
}

int
bdev_alias_add(struct spdk_bdev *bdev, const char *alias)
{
	struct spdk_bdev_alias *entry;
	int rc;

	entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return -ENOMEM;
	}
	rc = bdev_name_add(&entry->alias, bdev, alias);
	if (rc != 0) {
		free(entry);
		return rc;
	}
	TAILQ_INSERT_TAIL(&bdev->aliases, entry, tailq);
	return 0;
}

int
spdk_bdev_alias_add(struct spdk_bdev *bdev, const char *alias)
{
	int rc;

	if (alias == NULL || alias[0] == '\0' || bdev_state(bdev) == NULL) {
		SPDK_ERRLOG("an alias needs a registered bdev and a text\n");
		return -EINVAL;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	rc = bdev_alias_add(bdev, alias);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (rc == -EEXIST) {
		SPDK_ERRLOG("alias %s of bdev %s: another bdev has that name\n", alias, bdev->name);
	}
	return rc;
}

static void
free_alias(struct spdk_bdev *bdev, struct spdk_bdev_alias *entry)
{
	TAILQ_REMOVE(&bdev->aliases, entry, tailq);
	bdev_name_del(&entry->alias);
	free(entry);
}

int
spdk_bdev_alias_del(struct spdk_bdev *bdev, const char *alias)
{
	struct spdk_bdev_alias *entry;

	if (alias == NULL) {
		return -ENOENT;
	}
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (entry, &bdev->aliases, tailq) {
		if (strcmp(entry->alias.name, alias) == 0) {
			free_alias(bdev, entry);
			return 0;
		}
	}
	return -ENOENT;
}

void
bdev_alias_del_all(struct spdk_bdev *bdev)
{
	struct spdk_bdev_alias *entry;

	while ((entry = TAILQ_FIRST(&bdev->aliases)) != NULL) {
		free_alias(bdev, entry);
	}
}

void
spdk_bdev_alias_del_all(struct spdk_bdev *bdev)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	bdev_alias_del_all(bdev);
}

const struct spdk_bdev_aliases_list *
spdk_bdev_get_aliases(const struct spdk_bdev *bdev)
{
	return &bdev->aliases;
}
