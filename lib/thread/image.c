/* SPDX-License-Identifier: BSD-3-Clause */

/* What of the thread library points into a shared object: a module that has ended must have left none of it. */

#include "lib/thread/thread_internal.h"

#include "lib/env/image.h"
#include "spdk/string.h"

static bool
is_device_of(const struct io_device *dev, const struct env_image *image)
{
	return env_image_has(image, dev->io_device) || ENV_IMAGE_HAS_FN(image, dev->create_cb) ||
		ENV_IMAGE_HAS_FN(image, dev->destroy_cb) || ENV_IMAGE_HAS_FN(image, dev->busy_cb);
}

static bool
has_left_devices(const struct env_image *image, char **why)
{
	struct io_device *dev;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	RB_FOREACH (dev, io_device_tree, &g_thread_lib.io_devices) {
		if (is_device_of(dev, image)) {
			*why = spdk_sprintf_alloc("io_device %s is registered", dev->name);
			return true;
		}
	}
	return false;
}

static bool
is_poller_of(const struct spdk_poller *poller, const struct env_image *image)
{
	return ENV_IMAGE_HAS_FN(image, poller->fn) || ENV_IMAGE_HAS_FN(image, poller->strict_fn) ||
		ENV_IMAGE_HAS_FN(image, poller->set_mode_cb);
}

static const struct spdk_poller *
find_in_list(const struct poller_list *list, const struct env_image *image)
{
	const struct spdk_poller *poller;

	TAILQ_FOREACH (poller, list, link) {
		if (is_poller_of(poller, image)) {
			return poller;
		}
	}
	return NULL;
}

static const struct spdk_poller *
find_poller(struct spdk_thread *thread, const struct env_image *image)
{
	const struct spdk_poller *poller = find_in_list(&thread->active_pollers, image);
	struct spdk_poller *timed;

	if (poller == NULL) {
		poller = find_in_list(&thread->paused_pollers, image);
	}
	if (poller != NULL) {
		return poller;
	}
	RB_FOREACH (timed, poller_tree, &thread->timed_pollers) {
		if (is_poller_of(timed, image)) {
			return timed;
		}
	}
	return NULL;
}

/* A channel may outlive its device, which then is in no list. */
static const struct spdk_io_channel *
find_channel(struct spdk_thread *thread, const struct env_image *image)
{
	struct spdk_io_channel *ch;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	RB_FOREACH (ch, io_channel_tree, &thread->channels) {
		if (is_device_of(ch->dev, image) || ENV_IMAGE_HAS_FN(image, ch->dev->unregister_cb)) {
			return ch;
		}
	}
	return NULL;
}

static bool
has_post_poller(const struct spdk_thread *thread, const struct env_image *image)
{
	for (uint8_t i = 0; i < thread->post_poller_count; i++) {
		if (ENV_IMAGE_HAS_FN(image, thread->post_poller[i].fn)) {
			return true;
		}
	}
	return false;
}

static bool
has_left_on_thread(const struct env_image *image, char **why)
{
	struct spdk_thread *thread = thread_current();
	const struct spdk_poller *poller = find_poller(thread, image);
	const struct spdk_io_channel *ch = find_channel(thread, image);
	const char *interrupt = thread_interrupt_find(thread, image);

	if (poller != NULL) {
		*why = spdk_sprintf_alloc("poller %s of thread %s is registered", poller->name, thread->name);
	} else if (interrupt != NULL) {
		*why = spdk_sprintf_alloc("interrupt %s of thread %s is registered", interrupt, thread->name);
	} else if (ch != NULL) {
		*why = spdk_sprintf_alloc("thread %s has a channel of io_device %s", thread->name, ch->dev->name);
	} else if (has_post_poller(thread, image)) {
		*why = spdk_sprintf_alloc("thread %s is to call it after a poller", thread->name);
	} else {
		return false;
	}
	return true;
}

static struct env_image_user g_thread_user = {
	.has_left = has_left_devices,
	.has_left_on_thread = has_left_on_thread,
};
ENV_IMAGE_USER_REGISTER(g_thread_user)
