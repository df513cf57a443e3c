/* SPDX-License-Identifier: BSD-3-Clause */

/* The registry of io_devices. */

#include "lib/thread/thread_internal.h"

#include "bdevkit/thread.h"
#include "spdk/log.h"
#include "spdk_internal/thread.h"

int
io_device_compare(struct io_device *a, struct io_device *b)
{
	return a->io_device < b->io_device ? -1 : a->io_device > b->io_device;
}

RB_GENERATE(io_device_tree, io_device, node, io_device_compare)

struct io_device *
thread_io_device_find(void *io_device)
{
	struct io_device key;

	key.io_device = io_device;
	return RB_FIND(io_device_tree, &g_thread_lib.io_devices, &key);
}

int
bdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb, spdk_io_channel_destroy_cb destroy_cb,
	uint32_t ctx_size, const char *name)
{
	struct io_device *dev, *existing;

	assert(io_device != NULL && create_cb != NULL && destroy_cb != NULL);

	if (thread_current() == NULL) {
		SPDK_ERRLOG("io_device %p must be registered on an SPDK thread\n", io_device);
		return -EINVAL;
	}
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL) {
		SPDK_ERRLOG("No memory for io_device %s\n", name != NULL ? name : "");
		return -ENOMEM;
	}
	dev->io_device = io_device;
	dev->create_cb = create_cb;
	dev->destroy_cb = destroy_cb;
	dev->ctx_size = ctx_size;
	if (name != NULL) {
		snprintf(dev->name, sizeof(dev->name), "%s", name);
	} else {
		snprintf(dev->name, sizeof(dev->name), "%p", io_device);
	}

	env_mutex_lock(&g_thread_lib.lock);
	existing = RB_INSERT(io_device_tree, &g_thread_lib.io_devices, dev);
	if (existing != NULL) {
		SPDK_ERRLOG("io_device %p already registered (old:%s new:%s)\n", io_device, existing->name, dev->name);
	}
	env_mutex_unlock(&g_thread_lib.lock);
	if (existing != NULL) {
		free(dev);
		return -EEXIST;
	}
	return 0;
}

void
spdk_io_device_register(void *io_device, spdk_io_channel_create_cb create_cb, spdk_io_channel_destroy_cb destroy_cb,
	uint32_t ctx_size, const char *name)
{
	bdk_io_device_register(io_device, create_cb, destroy_cb, ctx_size, name);
}

void
bdk_io_device_set_busy_cb(void *io_device, bool (*busy_cb)(void *ctx))
{
	struct io_device *dev;

	ENV_MUTEX_SCOPE(&g_thread_lib.lock);
	dev = thread_io_device_find(io_device);
	if (dev != NULL) {
		dev->busy_cb = busy_cb;
	}
}

/* ---- release: the device is not in the registry and has no channel any more ---- */

static void
report_unregistered_cb(void *arg)
{
	struct io_device *dev = arg;

	thread_current()->unregister_count--;
	dev->unregister_cb(dev->io_device);
	free(dev);
}

void
thread_io_device_release(struct io_device *dev)
{
	if (dev->unregister_cb == NULL) {
		free(dev);
		return;
	}
	thread_msg_init(&dev->msg, report_unregistered_cb, dev);
	if (thread_msg_send_to_id(dev->unregister_thread_id, &dev->msg) != 0) {
		SPDK_ERRLOG("io_device %s is unregistered, but the thread that asked for it is exited\n", dev->name);
		free(dev);
	}
}

void
thread_io_device_put(struct io_device *dev)
{
	bool last;

	env_mutex_lock(&g_thread_lib.lock);
	assert(dev->refs > 0);
	dev->refs--;
	last = dev->unregistered && dev->refs == 0;
	env_mutex_unlock(&g_thread_lib.lock);

	if (last) {
		thread_io_device_release(dev);
	}
}

/* ---- unregistration ---- */

/* Under the lock. Returns true if the device can be released at once. */
static bool
remove_device(struct io_device *dev)
{
	RB_REMOVE(io_device_tree, &g_thread_lib.io_devices, dev);
	dev->unregistered = true;
	return dev->refs == 0;
}

static void
finish_deferred(struct io_device *dev)
{
	bool release;

	env_mutex_lock(&g_thread_lib.lock);
	release = remove_device(dev);
	env_mutex_unlock(&g_thread_lib.lock);
	if (release) {
		thread_io_device_release(dev);
	}
}

static void
finish_deferred_cb(void *arg)
{
	struct io_device *dev = arg;

	/* From here on the thread only matters if a callback is to come. */
	if (dev->unregister_cb == NULL) {
		thread_current()->unregister_count--;
	}
	finish_deferred(dev);
}

void
thread_io_device_unregister_deferred(struct io_device *dev)
{
	thread_msg_init(&dev->msg, finish_deferred_cb, dev);
	if (thread_msg_send_to_id(dev->unregister_thread_id, &dev->msg) != 0) {
		SPDK_ERRLOG("io_device %s: the thread that unregisters it is exited\n", dev->name);
		finish_deferred(dev);
	}
}

/* Under the lock: -ENODEV, -EBUSY if a walk is going on, 0, or 1 if the device can be released at once. */
static int
start_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb, struct io_device **pdev)
{
	struct io_device *dev = thread_io_device_find(io_device);

	*pdev = dev;
	if (dev == NULL) {
		SPDK_ERRLOG("io_device %p not found\n", io_device);
		return -ENODEV;
	}
	if (dev->pending_unregister) {
		SPDK_ERRLOG("io_device %s (%p) already has an unregistration pending\n", dev->name, io_device);
		return -EALREADY;
	}
	dev->unregister_cb = unregister_cb;
	dev->unregister_thread_id = thread_current()->id;
	if (dev->for_each_count > 0) {
		SPDK_WARNLOG("io_device %s (%p) has %u for_each calls outstanding\n", dev->name, io_device,
			dev->for_each_count);
		dev->pending_unregister = true;
		thread_current()->unregister_count++;
		return -EBUSY;
	}
	if (unregister_cb != NULL) {
		thread_current()->unregister_count++;
	}
	return remove_device(dev) ? 1 : 0;
}

void
spdk_io_device_unregister(void *io_device, spdk_io_device_unregister_cb unregister_cb)
{
	struct io_device *dev;
	int rc;

	if (thread_current() == NULL) {
		SPDK_ERRLOG("io_device %p must be unregistered on an SPDK thread\n", io_device);
		return;
	}
	env_mutex_lock(&g_thread_lib.lock);
	rc = start_unregister(io_device, unregister_cb, &dev);
	env_mutex_unlock(&g_thread_lib.lock);

	if (rc == 1) {
		thread_io_device_release(dev);
	}
}

const char *
spdk_io_device_get_name(struct io_device *dev)
{
	return dev->name;
}
