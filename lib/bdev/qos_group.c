/* SPDX-License-Identifier: BSD-3-Clause */

/* Groups of bdevs with common rate limits. The list of groups and their bdevs are under bdev_manager.lock. */

#include "lib/bdev/io_internal.h"
#include "lib/bdev/rate.h"
#include "bdevkit/qos.h"
#include "spdk/json.h"

struct bdev_qos_group {
	char *name;
	struct bdev_rate *rate;
	/* In the order in which they came. */
	TAILQ_HEAD(, bdev_state) members;
	TAILQ_ENTRY(bdev_qos_group) link;
};

static TAILQ_HEAD(, bdev_qos_group) g_groups = TAILQ_HEAD_INITIALIZER(g_groups);

static struct bdev_qos_group *
find(const char *name)
{
	struct bdev_qos_group *group;

	TAILQ_FOREACH (group, &g_groups, link) {
		if (strcmp(group->name, name) == 0) {
			break;
		}
	}
	return group;
}

static void
free_group(struct bdev_qos_group *group)
{
	bdev_rate_put(group->rate);
	free(group->name);
	free(group);
}

static struct bdev_qos_group *
alloc_group(const char *name)
{
	struct bdev_qos_group *group = calloc(1, sizeof(*group));

	if (group == NULL) {
		return NULL;
	}
	TAILQ_INIT(&group->members);
	group->name = strdup(name);
	group->rate = bdev_rate_alloc();
	if (group->name == NULL || group->rate == NULL) {
		free_group(group);
		return NULL;
	}
	return group;
}

static void
set_limits(struct bdev_qos_group *group, const uint64_t *limits)
{
	uint64_t normal[BDEV_RATE_NUM];

	memcpy(normal, limits, sizeof(normal));
	bdev_rate_normalize(normal);
	bdev_rate_set(group->rate, normal);
}

int
bdk_bdev_qos_group_create(const char *name, const uint64_t *limits)
{
	struct bdev_qos_group *group;

	if (name == NULL || name[0] == '\0') {
		return -EINVAL;
	}
	group = alloc_group(name);
	if (group == NULL) {
		return -ENOMEM;
	}
	if (limits != NULL) {
		set_limits(group, limits);
	}
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	if (find(name) != NULL) {
		free_group(group);
		return -EEXIST;
	}
	TAILQ_INSERT_TAIL(&g_groups, group, link);
	return 0;
}

int
bdk_bdev_qos_group_delete(const char *name)
{
	struct bdev_qos_group *group;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	group = find(name);
	if (group == NULL) {
		return -ENOENT;
	}
	if (!TAILQ_EMPTY(&group->members)) {
		return -EBUSY;
	}
	TAILQ_REMOVE(&g_groups, group, link);
	/* Channels that are being told yet keep the budget. */
	free_group(group);
	return 0;
}

int
bdk_bdev_qos_group_set_rate_limits(const char *name, const uint64_t *limits)
{
	struct bdev_qos_group *group;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	group = find(name);
	if (group == NULL) {
		return -ENOENT;
	}
	set_limits(group, limits);
	return 0;
}

int
bdk_bdev_qos_group_get_rate_limits(const char *name, uint64_t *limits)
{
	struct bdev_qos_group *group;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	group = find(name);
	if (group == NULL) {
		return -ENOENT;
	}
	bdev_rate_read_mib(group->rate, limits);
	return 0;
}

/* ---- members ---- */

struct bdev_rate *
bdev_qos_group_get_rate(const struct bdev_qos_group *group)
{
	return group != NULL ? group->rate : NULL;
}

void
bdev_qos_group_move_locked(struct bdev_state *state, struct bdev_qos_group *group)
{
	if (state->qos.group == group) {
		return;
	}
	if (state->qos.group != NULL) {
		TAILQ_REMOVE(&state->qos.group->members, state, qos.group_link);
	}
	state->qos.group = group;
	if (group != NULL) {
		TAILQ_INSERT_TAIL(&group->members, state, qos.group_link);
	}
}

/* Begins the move of a bdev into a group, or out of it. bdev_manager.lock and the state's are held. */
static int
begin_move(struct bdev_state *state, struct bdev_qos_group *group, bool add, bdk_bdev_qos_group_cb cb_fn, void *cb_arg)
{
	int rc;

	if (group == NULL) {
		return -ENOENT;
	}
	if (add && state->qos.group != NULL) {
		return state->qos.group == group ? -EEXIST : -EBUSY;
	}
	if (!add && state->qos.group != group) {
		return -ENODEV;
	}
	rc = bdev_qos_change_begin_locked(state, cb_fn, cb_arg);
	if (rc == 0) {
		bdev_qos_group_move_locked(state, add ? group : NULL);
	}
	return rc;
}

static int
move(const char *name, struct spdk_bdev *bdev, bool add, bdk_bdev_qos_group_cb cb_fn, void *cb_arg)
{
	struct bdev_state *state = bdev_state(bdev);
	int rc;

	if (spdk_get_thread() == NULL) {
		return -EINVAL;
	}
	if (state == NULL) {
		return -ENODEV;
	}
	env_mutex_lock(&g_bdev_manager.lock);
	env_mutex_lock(&state->lock);
	rc = begin_move(state, find(name), add, cb_fn, cb_arg);
	env_mutex_unlock(&state->lock);
	env_mutex_unlock(&g_bdev_manager.lock);
	if (rc == 0) {
		bdev_qos_change_run(state);
	}
	return rc;
}

int
bdk_bdev_qos_group_add_bdev(const char *name, struct spdk_bdev *bdev, bdk_bdev_qos_group_cb cb_fn, void *cb_arg)
{
	return move(name, bdev, true, cb_fn, cb_arg);
}

int
bdk_bdev_qos_group_remove_bdev(const char *name, struct spdk_bdev *bdev, bdk_bdev_qos_group_cb cb_fn, void *cb_arg)
{
	return move(name, bdev, false, cb_fn, cb_arg);
}

void
bdev_qos_group_clear(void)
{
	struct bdev_qos_group *group;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	while ((group = TAILQ_FIRST(&g_groups)) != NULL) {
		assert(TAILQ_EMPTY(&group->members));
		TAILQ_REMOVE(&g_groups, group, link);
		free_group(group);
	}
}

/* ---- as JSON ---- */

static void
write_group(struct spdk_json_write_ctx *w, const struct bdev_qos_group *group)
{
	uint64_t limits[BDEV_RATE_NUM];
	int i;

	spdk_json_write_named_string(w, "name", group->name);
	bdev_rate_read_mib(group->rate, limits);
	for (i = 0; i < BDEV_RATE_NUM; i++) {
		spdk_json_write_named_uint64(w, spdk_bdev_get_qos_rpc_type(i), limits[i]);
	}
}

bool
bdev_qos_group_exists(const char *name)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	return find(name) != NULL;
}

void
bdev_qos_group_write_info(struct spdk_json_write_ctx *w, const char *name)
{
	const struct bdev_qos_group *group;
	const struct bdev_state *state;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	spdk_json_write_array_begin(w);
	TAILQ_FOREACH (group, &g_groups, link) {
		if (name != NULL && strcmp(group->name, name) != 0) {
			continue;
		}
		spdk_json_write_object_begin(w);
		write_group(w, group);
		spdk_json_write_named_array_begin(w, "bdevs");
		TAILQ_FOREACH (state, &group->members, qos.group_link) {
			spdk_json_write_string(w, state->bdev->name);
		}
		spdk_json_write_array_end(w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

void
bdev_qos_group_write_config(struct spdk_json_write_ctx *w)
{
	const struct bdev_qos_group *group;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	TAILQ_FOREACH (group, &g_groups, link) {
		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "method", "bdev_qos_group_create");
		spdk_json_write_named_object_begin(w, "params");
		write_group(w, group);
		spdk_json_write_object_end(w);
		spdk_json_write_object_end(w);
	}
}

void
bdev_qos_group_write_member_config(struct spdk_json_write_ctx *w, struct spdk_bdev *bdev)
{
	const struct bdev_state *state = bdev_state(bdev);

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	if (state->qos.group == NULL) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_qos_group_add_bdev");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", state->qos.group->name);
	spdk_json_write_named_string(w, "bdev_name", bdev->name);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}
