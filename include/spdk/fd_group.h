/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Groups of file descriptors that are waited for together, with a function for each. A group may be nested into
 * another; whoever waits for the outermost group then serves all. A group belongs to one thread at a time.
 */

#ifndef SPDK_FD_GROUP_H
#define SPDK_FD_GROUP_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;
struct spdk_fd_group;

/* Called when a file descriptor is ready. Its result has no effect. */
typedef int (*spdk_fd_fn)(void *ctx);

/* Called in place of functions of a group; must call cb_fn(cb_ctx). */
typedef int (*spdk_fd_group_wrapper_fn)(void *wrapper_ctx, spdk_fd_fn cb_fn, void *cb_ctx);

/* What kind of descriptor it is. */
enum spdk_fd_type {
	/* The function takes the event away, if that is needed. */
	SPDK_FD_TYPE_DEFAULT = 0,
	/* An eventfd or timerfd: 8 bytes are read from it before the function is called. */
	SPDK_FD_TYPE_EVENTFD = 1,
};

/* How a descriptor is watched. */
struct spdk_event_handler_opts {
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	/* What to wait for, as EPOLLIN. */
	uint32_t events;
	/* enum spdk_fd_type */
	uint32_t fd_type;
};

/* Fills opts, opts_size bytes of it, with defaults: EPOLLIN, SPDK_FD_TYPE_DEFAULT. */
void spdk_fd_group_get_default_event_handler_opts(struct spdk_event_handler_opts *opts, size_t opts_size);

/* Makes a group and stores it in *fgrp. Returns 0, -EINVAL for NULL, or a negative errno. */
int spdk_fd_group_create(struct spdk_fd_group **fgrp);

/* The group must hold no file descriptor or group any more; else says so and does nothing. */
void spdk_fd_group_destroy(struct spdk_fd_group *fgrp);

/*
 * Waits up to timeout milliseconds (-1: for ever, 0: not at all) until a file descriptor of the group or of groups in
 * it is ready, and calls the functions of those that are. A function may add and remove any of them; one that was
 * removed is not called any more.
 *
 * Returns how many were ready; -EINVAL if there are none to wait for; -EINTR; another negative errno. A group that is
 * nested in another is served by that one: 0 at once, with a warning, or -EINVAL for timeout -1.
 */
int spdk_fd_group_wait(struct spdk_fd_group *fgrp, int timeout);

/* The file descriptor to wait for in a loop of one's own: readable when the group has something to do. */
int spdk_fd_group_get_fd(struct spdk_fd_group *fgrp);

/*
 * Moves all of child under parent. child must not be nested yet, parent must have no wrapper.
 * Returns 0; -EINVAL; a negative errno, and then nothing has changed, or -ENOTRECOVERABLE.
 */
int spdk_fd_group_nest(struct spdk_fd_group *parent, struct spdk_fd_group *child);

/* Takes child out of parent. Returns as spdk_fd_group_nest(); -EINVAL if child is not nested in parent. */
int spdk_fd_group_unnest(struct spdk_fd_group *parent, struct spdk_fd_group *child);

/*
 * Lets cb_fn be called in place of the group's functions, with cb_ctx; NULL: no more.
 * Returns 0; -EEXIST if there is one; -EINVAL if groups are nested in this one.
 */
int spdk_fd_group_set_wrapper(struct spdk_fd_group *fgrp, spdk_fd_group_wrapper_fn cb_fn, void *cb_ctx);

/*
 * Adds a file descriptor, which stays the caller's. name is for messages. The forms differ in what is waited for:
 * readability; an epoll mask; opts, which may be NULL for defaults.
 * Returns 0; -EINVAL; -EEXIST if the group has it; or what epoll says, as -EPERM for a regular file.
 */
int spdk_fd_group_add(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg, const char *name);
int spdk_fd_group_add_for_events(
	struct spdk_fd_group *fgrp, int efd, uint32_t events, spdk_fd_fn fn, void *arg, const char *name);
int spdk_fd_group_add_ext(struct spdk_fd_group *fgrp, int efd, spdk_fd_fn fn, void *arg, const char *name,
	struct spdk_event_handler_opts *opts);

/* The same, named after the function. */
#define SPDK_FD_GROUP_ADD(fgrp, efd, fn, arg) spdk_fd_group_add(fgrp, efd, fn, arg, #fn)
#define SPDK_FD_GROUP_ADD_EXT(fgrp, efd, fn, arg, opts) spdk_fd_group_add_ext(fgrp, efd, fn, arg, #fn, opts)

/* Takes a file descriptor out. Do it before closing it. */
void spdk_fd_group_remove(struct spdk_fd_group *fgrp, int efd);

/* Changes what is waited for, an epoll mask. Returns 0, -EINVAL if the group does not have efd, or a negative errno. */
int spdk_fd_group_event_modify(struct spdk_fd_group *fgrp, int efd, int event_types);

/* Copies the event that the calling function was called for. Returns 0; -EINVAL outside of such a function. */
int spdk_fd_group_get_epoll_event(struct epoll_event *event);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_FD_GROUP_H */
