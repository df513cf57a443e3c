/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/uring/uring_watch.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"

#include <linux/netlink.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The multicast group in which the kernel itself speaks. */
#define UEVENT_GROUP_KERNEL 1

#define MESSAGE_SIZE 8192

struct source {
	int fd;
	struct spdk_interrupt *interrupt;
};

static struct source g_inotify = {.fd = -1};
static struct source g_uevents = {.fd = -1};
static uring_watch_fn g_fn;

static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static LIST_HEAD(, uring_watch) g_watches = LIST_HEAD_INITIALIZER(g_watches);

/* ---- What is told ---- */

static bool
take_event_locked(char *name, size_t size, enum uring_watch_event *event)
{
	struct uring_watch *watch;

	LIST_FOREACH (watch, &g_watches, link) {
		if (watch->changed || watch->gone) {
			*event = watch->gone ? URING_WATCH_GONE : URING_WATCH_CHANGED;
			watch->changed = watch->gone = false;
			snprintf(name, size, "%s", watch->bdev_name);
			return true;
		}
	}
	return false;
}

static bool
take_event(char *name, size_t size, enum uring_watch_event *event)
{
	ENV_MUTEX_SCOPE(&g_lock);
	return take_event_locked(name, size, event);
}

/* Without the lock, as who is told may end the bdev, and the watch with it. */
static void
tell(void)
{
	enum uring_watch_event event;
	char name[256];

	while (take_event(name, sizeof(name), &event)) {
		g_fn(name, event);
	}
}

/* ---- Names of files ---- */

static void
mark_file(int wd)
{
	struct uring_watch *watch;

	ENV_MUTEX_SCOPE(&g_lock);
	LIST_FOREACH (watch, &g_watches, link) {
		watch->changed |= watch->wd == wd;
	}
}

static int
read_inotify_cb(void *ctx)
{
	char buf[MESSAGE_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t len;

	while ((len = read(g_inotify.fd, buf, sizeof(buf))) > 0) {
		for (char *pos = buf; pos < buf + len; pos += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)pos;
			mark_file(event->wd);
		}
	}
	tell();
	return SPDK_POLLER_BUSY;
}

/* ---- Block devices ---- */

static void
mark_device(dev_t rdev, bool gone)
{
	struct uring_watch *watch;

	ENV_MUTEX_SCOPE(&g_lock);
	LIST_FOREACH (watch, &g_watches, link) {
		if (watch->file->block_device && watch->rdev == rdev) {
			watch->changed = true;
			watch->gone |= gone;
		}
	}
}

static void
mark_all_devices(void)
{
	struct uring_watch *watch;

	ENV_MUTEX_SCOPE(&g_lock);
	LIST_FOREACH (watch, &g_watches, link) {
		watch->changed |= watch->file->block_device;
	}
}

/* ACTION@PATH, then KEY=VALUE, each ends with a zero byte. */
static void
read_uevent(const char *message, size_t len)
{
	const char *major = NULL, *minor = NULL;
	bool block = false, gone = false;

	for (const char *pos = message; pos < message + len; pos += strlen(pos) + 1) {
		if (strncmp(pos, "MAJOR=", 6) == 0) {
			major = pos + 6;
		} else if (strncmp(pos, "MINOR=", 6) == 0) {
			minor = pos + 6;
		} else if (strcmp(pos, "SUBSYSTEM=block") == 0) {
			block = true;
		} else if (strcmp(pos, "ACTION=remove") == 0) {
			gone = true;
		}
	}
	if (block && major != NULL && minor != NULL) {
		mark_device(makedev((unsigned int)spdk_strtol(major, 10), (unsigned int)spdk_strtol(minor, 10)), gone);
	}
}

static int
read_uevents_cb(void *ctx)
{
	char buf[MESSAGE_SIZE];
	struct sockaddr_nl from;
	socklen_t from_len;
	ssize_t len;

	for (;;) {
		from_len = sizeof(from);
		len = recvfrom(g_uevents.fd, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&from, &from_len);
		if (len < 0 && errno == ENOBUFS) {
			/* Some are lost. */
			mark_all_devices();
			continue;
		}
		if (len <= 0) {
			break;
		}
		/* Others may send to the group, too. */
		if (from.nl_pid == 0) {
			buf[len] = '\0';
			read_uevent(buf, (size_t)len);
		}
	}
	tell();
	return SPDK_POLLER_BUSY;
}

static int
open_uevents(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_KERNEL};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- Life ---- */

static void
close_source(struct source *source)
{
	if (source->interrupt != NULL) {
		spdk_interrupt_unregister(&source->interrupt);
	}
	if (source->fd >= 0) {
		close(source->fd);
		source->fd = -1;
	}
}

static void
open_source(struct source *source, int fd, spdk_interrupt_fn fn, const char *name)
{
	source->fd = fd;
	if (fd < 0) {
		return;
	}
	source->interrupt = spdk_interrupt_register(fd, fn, NULL, name);
	if (source->interrupt == NULL) {
		close_source(source);
	}
}

void
uring_watch_init(uring_watch_fn fn)
{
	g_fn = fn;
}

void
uring_watch_fini(void)
{
	close_source(&g_inotify);
	close_source(&g_uevents);
}

void
uring_watch_start(struct uring_watch *watch, const char *bdev_name, const struct block_file *file)
{
	char path[64];
	struct stat st;

	*watch = (struct uring_watch){.bdev_name = bdev_name, .file = file, .wd = -1};
	if (file->block_device && fstat(file->fd, &st) == 0) {
		watch->rdev = st.st_rdev;
	}
	/* Not before they are needed: a process that uses no file has no such descriptors. */
	if (g_inotify.fd < 0) {
		open_source(&g_inotify, inotify_init1(IN_NONBLOCK | IN_CLOEXEC), read_inotify_cb, "bdev_uring_files");
	}
	if (g_uevents.fd < 0 && file->block_device) {
		open_source(&g_uevents, open_uevents(), read_uevents_cb, "bdev_uring_devices");
	}
	ENV_MUTEX_SCOPE(&g_lock);
	if (g_inotify.fd >= 0 && !file->block_device) {
		/* The file that is open, whatever its name stands for by now. What we write ourselves is no event. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
		watch->wd = inotify_add_watch(g_inotify.fd, path, IN_CLOSE_WRITE | IN_ATTRIB);
	}
	LIST_INSERT_HEAD(&g_watches, watch, link);
}

void
uring_watch_stop(struct uring_watch *watch)
{
	struct uring_watch *other;

	ENV_MUTEX_SCOPE(&g_lock);
	LIST_REMOVE(watch, link);
	LIST_FOREACH (other, &g_watches, link) {
		if (other->wd == watch->wd) {
			/* Of the same file. */
			return;
		}
	}
	if (watch->wd >= 0 && g_inotify.fd >= 0) {
		inotify_rm_watch(g_inotify.fd, watch->wd);
	}
}

static void
ask(void *ctx)
{
	char *name = ctx;

	g_fn(name, URING_WATCH_CHANGED);
	free(name);
}

void
uring_watch_ask(const char *bdev_name)
{
	char *name = strdup(bdev_name);

	if (name != NULL && spdk_thread_send_msg(spdk_thread_get_app_thread(), ask, name) != 0) {
		free(name);
	}
}
