/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Groups of file descriptors. A group that stands alone, or is the outermost of nested ones, watches everything in
 * its subtree with its own epoll instance: serving an inner group costs no second system call.
 */

#include "spdk/fd_group.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"

#include <sys/epoll.h>

/* Events taken per wait; what is left over comes with the next. */
#define WAIT_MAX_EVENTS 64

#define NAME_LEN 256

struct handler {
	struct spdk_fd_group *group;
	int fd;
	uint32_t events;
	uint32_t fd_type;
	spdk_fd_fn fn;
	void *arg;
	/* Waits in progress that still have an event of this handler to look at. */
	uint32_t pending;
	/* Taken out, but pending. */
	bool removed;
	char name[NAME_LEN];
	TAILQ_ENTRY(handler) tailq;
};

struct spdk_fd_group {
	int epoll_fd;
	/* In this group and all groups below. */
	uint32_t num_all_fds;
	TAILQ_HEAD(, handler) handlers;

	struct spdk_fd_group *parent;
	TAILQ_HEAD(, spdk_fd_group) children;
	TAILQ_ENTRY(spdk_fd_group) tailq;

	spdk_fd_group_wrapper_fn wrapper;
	void *wrapper_ctx;
};

/* The event that a function of the calling thread is running for. */
static __thread const struct epoll_event *t_event;

static struct spdk_fd_group *
find_root(struct spdk_fd_group *group)
{
	while (group->parent != NULL) {
		group = group->parent;
	}
	return group;
}

/* Counts file descriptors that came to or left a group and so all those around it. */
static void
count_fds(struct spdk_fd_group *group, int change)
{
	for (; group != NULL; group = group->parent) {
		group->num_all_fds += (uint32_t)change;
	}
}

static int
watch(struct spdk_fd_group *root, struct handler *handler, int op)
{
	struct epoll_event event = {.events = handler->events, .data.ptr = handler};

	return epoll_ctl(root->epoll_fd, op, handler->fd, &event) == 0 ? 0 : -errno;
}

static struct handler *
find_handler(struct spdk_fd_group *group, int fd)
{
	struct handler *handler;

	TAILQ_FOREACH (handler, &group->handlers, tailq) {
		if (handler->fd == fd) {
			return handler;
		}
	}
	return NULL;
}

/* ---- Groups ---- */

int
spdk_fd_group_create(struct spdk_fd_group **fgrp)
{
	struct spdk_fd_group *group;
	int rc;

	if (fgrp == NULL) {
		return -EINVAL;
	}
	group = calloc(1, sizeof(*group));
	if (group == NULL) {
		return -ENOMEM;
	}
	TAILQ_INIT(&group->handlers);
	TAILQ_INIT(&group->children);
	group->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (group->epoll_fd < 0) {
		rc = -errno;
		free(group);
		return rc;
	}
	*fgrp = group;
	return 0;
}

void
spdk_fd_group_destroy(struct spdk_fd_group *fgrp)
{
	if (fgrp == NULL) {
		return;
	}
	if (fgrp->num_all_fds > 0 || !TAILQ_EMPTY(&fgrp->children) || fgrp->parent != NULL) {
		SPDK_ERRLOG("An fd group with %u file descriptors%s cannot be destroyed\n", fgrp->num_all_fds,
			fgrp->parent != NULL ? ", nested in another," : "");
		return;
	}
	close(fgrp->epoll_fd);
	free(fgrp);
}

int
spdk_fd_group_get_fd(struct spdk_fd_group *fgrp)
{
	return fgrp->epoll_fd;
}

int
spdk_fd_group_set_wrapper(struct spdk_fd_group *fgrp, spdk_fd_group_wrapper_fn cb_fn, void *cb_ctx)
{
	if (fgrp == NULL) {
		return -EINVAL;
	}
	if (cb_fn != NULL && fgrp->wrapper != NULL) {
		return -EEXIST;
	}
	if (!TAILQ_EMPTY(&fgrp->children)) {
		return -EINVAL;
	}
	fgrp->wrapper = cb_fn;
	fgrp->wrapper_ctx = cb_ctx;
	return 0;
}

/* ---- Nesting ---- */

/*
 * Takes a subtree's file descriptors off one epoll instance and puts them on another. On failure all are back where
 * they were, unless that fails too: then -ENOTRECOVERABLE.
 */
static int
move_subtree(struct spdk_fd_group *group, struct spdk_fd_group *from, struct spdk_fd_group *to)
{
	struct spdk_fd_group *child, *done_child;
	struct handler *handler, *done;
	int rc = 0;

	TAILQ_FOREACH (handler, &group->handlers, tailq) {
		rc = watch(to, handler, EPOLL_CTL_ADD);
		if (rc != 0) {
			goto undo_handlers;
		}
		watch(from, handler, EPOLL_CTL_DEL);
	}
	TAILQ_FOREACH (child, &group->children, tailq) {
		rc = move_subtree(child, from, to);
		if (rc != 0) {
			goto undo_children;
		}
	}
	return 0;

undo_children:
	TAILQ_FOREACH (done_child, &group->children, tailq) {
		if (done_child == child) {
			break;
		}
		rc = move_subtree(done_child, to, from) == 0 ? rc : -ENOTRECOVERABLE;
	}
	handler = NULL;
undo_handlers:
	TAILQ_FOREACH (done, &group->handlers, tailq) {
		if (done == handler) {
			break;
		}
		rc = watch(from, done, EPOLL_CTL_ADD) == 0 ? rc : -ENOTRECOVERABLE;
		watch(to, done, EPOLL_CTL_DEL);
	}
	return rc;
}

int
spdk_fd_group_nest(struct spdk_fd_group *parent, struct spdk_fd_group *child)
{
	struct spdk_fd_group *root;
	int rc;

	if (parent == NULL || child == NULL || child->parent != NULL || parent->wrapper != NULL) {
		return -EINVAL;
	}
	root = find_root(parent);
	if (root == child) {
		return -EINVAL;
	}
	rc = move_subtree(child, child, root);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot nest an fd group: %s\n", strerror(-rc));
		return rc;
	}
	child->parent = parent;
	TAILQ_INSERT_TAIL(&parent->children, child, tailq);
	count_fds(parent, (int)child->num_all_fds);
	return 0;
}

int
spdk_fd_group_unnest(struct spdk_fd_group *parent, struct spdk_fd_group *child)
{
	int rc;

	if (parent == NULL || child == NULL || child->parent != parent) {
		return -EINVAL;
	}
	rc = move_subtree(child, find_root(parent), child);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot take an fd group out of another: %s\n", strerror(-rc));
		return rc;
	}
	TAILQ_REMOVE(&parent->children, child, tailq);
	child->parent = NULL;
	count_fds(parent, -(int)child->num_all_fds);
	return 0;
}

/* ---- File descriptors ---- */

static const struct spdk_event_handler_opts g_default_opts = {
	.opts_size = sizeof(struct spdk_event_handler_opts),
	.events = EPOLLIN,
	.fd_type = SPDK_FD_TYPE_DEFAULT,
};

void
spdk_fd_group_get_default_event_handler_opts(struct spdk_event_handler_opts *opts, size_t opts_size)
{
	if (opts == NULL || opts_size == 0) {
		SPDK_ERRLOG("Options of a file descriptor are NULL or of size 0\n");
		return;
	}
	memcpy(opts, &g_default_opts, spdk_min(opts_size, sizeof(g_default_opts)));
	if (opts_size >= SPDK_SIZEOF(opts, opts_size)) {
		opts->opts_size = opts_size;
	}
}

/* Takes what a caller's structure has. */
static int
read_opts(struct spdk_event_handler_opts *read, const struct spdk_event_handler_opts *opts)
{
	*read = g_default_opts;
	if (opts == NULL) {
		return 0;
	}
	if (opts->opts_size == 0) {
		SPDK_ERRLOG("opts_size of a file descriptor's options is 0: set it to the size of the structure\n");
		return -EINVAL;
	}
	memcpy(read, opts, spdk_min(opts->opts_size, sizeof(*read)));
	return 0;
}

int
spdk_fd_group_add_ext(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg, const char *name,
	struct spdk_event_handler_opts *opts)
{
	struct spdk_event_handler_opts given;
	struct handler *handler;
	int rc;

	if (fgrp == NULL || efd < 0 || fn == NULL || read_opts(&given, opts) != 0) {
		return -EINVAL;
	}
	if (find_handler(fgrp, efd) != NULL) {
		return -EEXIST;
	}
	handler = calloc(1, sizeof(*handler));
	if (handler == NULL) {
		return -ENOMEM;
	}
	handler->group = fgrp;
	handler->fd = efd;
	handler->events = given.events;
	handler->fd_type = given.fd_type;
	handler->fn = fn;
	handler->arg = arg;
	snprintf(handler->name, sizeof(handler->name), "%s", name != NULL ? name : "");
	rc = watch(find_root(fgrp), handler, EPOLL_CTL_ADD);
	if (rc != 0) {
		free(handler);
		return rc;
	}
	TAILQ_INSERT_TAIL(&fgrp->handlers, handler, tailq);
	count_fds(fgrp, 1);
	return 0;
}

int
spdk_fd_group_add_for_events(
	struct spdk_fd_group *fgrp, int efd, uint32_t events, spdk_fd_fn fn, void *arg, const char *name)
{
	struct spdk_event_handler_opts opts = g_default_opts;

	opts.events = events;
	return spdk_fd_group_add_ext(fgrp, efd, fn, arg, name, &opts);
}

int
spdk_fd_group_add(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg, const char *name)
{
	return spdk_fd_group_add_ext(fgrp, efd, fn, arg, name, NULL);
}

void
spdk_fd_group_remove(struct spdk_fd_group *fgrp, int efd)
{
	struct handler *handler = fgrp != NULL && efd >= 0 ? find_handler(fgrp, efd) : NULL;
	int rc;

	if (handler == NULL) {
		SPDK_ERRLOG("File descriptor %d is not in the fd group\n", efd);
		return;
	}
	rc = watch(find_root(fgrp), handler, EPOLL_CTL_DEL);
	if (rc != 0) {
		/* It was closed first: the kernel has taken it out already, unless a copy of it is open elsewhere. */
		SPDK_ERRLOG("File descriptor %d (%s) was closed before it was taken out of its fd group: %s\n", efd,
			handler->name, strerror(-rc));
	}
	TAILQ_REMOVE(&fgrp->handlers, handler, tailq);
	count_fds(fgrp, -1);
	handler->removed = true;
	if (handler->pending == 0) {
		free(handler);
	}
}

int
spdk_fd_group_event_modify(struct spdk_fd_group *fgrp, int efd, int event_types)
{
	struct handler *handler = fgrp != NULL && efd >= 0 ? find_handler(fgrp, efd) : NULL;
	uint32_t before;
	int rc;

	if (handler == NULL) {
		return -EINVAL;
	}
	before = handler->events;
	handler->events = (uint32_t)event_types;
	rc = watch(find_root(fgrp), handler, EPOLL_CTL_MOD);
	if (rc != 0) {
		handler->events = before;
	}
	return rc;
}

/* ---- Waiting ---- */

int
spdk_fd_group_get_epoll_event(struct epoll_event *event)
{
	if (t_event == NULL || event == NULL) {
		return -EINVAL;
	}
	*event = *t_event;
	return 0;
}

/* Empties an eventfd. false: somebody else did, there is nothing to call the function for. */
static bool
drain(const struct handler *handler)
{
	uint64_t count;
	ssize_t got;

	if (handler->fd_type != SPDK_FD_TYPE_EVENTFD) {
		return true;
	}
	got = read(handler->fd, &count, sizeof(count));
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return false;
	}
	if (got < 0) {
		SPDK_ERRLOG("Cannot read eventfd %d (%s): %s\n", handler->fd, handler->name, strerror(errno));
	}
	return true;
}

static void
call_handler(struct handler *handler, const struct epoll_event *event)
{
	const struct epoll_event *outer = t_event;
	struct spdk_fd_group *group = handler->group;

	if (!drain(handler)) {
		return;
	}
	t_event = event;
	if (group->wrapper != NULL) {
		group->wrapper(group->wrapper_ctx, handler->fn, handler->arg);
	} else {
		handler->fn(handler->arg);
	}
	t_event = outer;
}

/* What a group that is nested in another answers. */
static int
refuse_nested(int timeout)
{
	if (timeout < 0) {
		return -EINVAL;
	}
	SPDK_WARNLOG("An fd group that is nested in another is waited for: only the outermost one serves\n");
	return 0;
}

int
spdk_fd_group_wait(struct spdk_fd_group *fgrp, int timeout)
{
	struct epoll_event events[WAIT_MAX_EVENTS];
	struct handler *handler;
	int count, rc;

	if (fgrp == NULL) {
		return -EINVAL;
	}
	if (fgrp->parent != NULL) {
		return refuse_nested(timeout);
	}
	if (fgrp->num_all_fds == 0) {
		return -EINVAL;
	}
	count = epoll_wait(fgrp->epoll_fd, events, SPDK_COUNTOF(events), timeout);
	if (count < 0) {
		rc = -errno;
		if (rc != -EINTR) {
			SPDK_ERRLOG("Waiting for an fd group failed: %s\n", strerror(-rc));
		}
		return rc;
	}
	/* First all: a function may take out any of them. */
	for (int i = 0; i < count; i++) {
		handler = events[i].data.ptr;
		handler->pending++;
	}
	for (int i = 0; i < count; i++) {
		handler = events[i].data.ptr;
		if (!handler->removed) {
			call_handler(handler, &events[i]);
		}
		handler->pending--;
		if (handler->removed && handler->pending == 0) {
			free(handler);
		}
	}
	return count;
}
