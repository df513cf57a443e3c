/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/fd_group.h"
#include "spdk/log.h"

#include <setjmp.h>
#include <cmocka.h>

/* An eventfd in a group, and what its function shall do. */
struct source {
	int fd;
	int calls;
	struct spdk_fd_group *group;
	/* Taken out of its group by the function. */
	struct source *remove;
};

static int
count_cb(void *ctx)
{
	struct source *source = ctx;

	source->calls++;
	if (source->remove != NULL && source->remove->group != NULL) {
		spdk_fd_group_remove(source->remove->group, source->remove->fd);
		source->remove->group = NULL;
	}
	return 0;
}

static void
add_source(struct source *source, struct spdk_fd_group *group, enum spdk_fd_type type)
{
	struct spdk_event_handler_opts opts;

	memset(source, 0, sizeof(*source));
	source->fd = eventfd(0, EFD_NONBLOCK);
	assert_true(source->fd >= 0);
	source->group = group;
	spdk_fd_group_get_default_event_handler_opts(&opts, sizeof(opts));
	opts.fd_type = type;
	assert_int_equal(SPDK_FD_GROUP_ADD_EXT(group, source->fd, count_cb, source, &opts), 0);
}

static void
remove_source(struct source *source)
{
	if (source->group != NULL) {
		spdk_fd_group_remove(source->group, source->fd);
	}
	close(source->fd);
}

static void
signal_source(struct source *source)
{
	assert_int_equal(eventfd_write(source->fd, 1), 0);
}

static struct spdk_fd_group *
create_group(void)
{
	struct spdk_fd_group *group = NULL;

	assert_int_equal(spdk_fd_group_create(&group), 0);
	return group;
}

static void
functions_are_called(void **state)
{
	struct spdk_fd_group *group = create_group();
	struct source a, b;

	assert_int_equal(spdk_fd_group_wait(group, 0), -EINVAL);
	add_source(&a, group, SPDK_FD_TYPE_DEFAULT);
	add_source(&b, group, SPDK_FD_TYPE_EVENTFD);
	assert_int_equal(spdk_fd_group_wait(group, 0), 0);
	signal_source(&a);
	signal_source(&b);
	assert_int_equal(spdk_fd_group_wait(group, -1), 2);
	/* Only the second was emptied. */
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	assert_int_equal(a.calls, 2);
	assert_int_equal(b.calls, 1);
	remove_source(&a);
	remove_source(&b);
	spdk_fd_group_destroy(group);
}

static void
bad_arguments(void **state)
{
	struct spdk_fd_group *group = create_group();
	struct spdk_event_handler_opts opts = {.opts_size = 0};
	struct source a;
	FILE *file = tmpfile();

	add_source(&a, group, SPDK_FD_TYPE_DEFAULT);
	assert_int_equal(spdk_fd_group_create(NULL), -EINVAL);
	assert_int_equal(spdk_fd_group_add(group, a.fd, count_cb, &a, "twice"), -EEXIST);
	assert_int_equal(spdk_fd_group_add(NULL, a.fd, count_cb, &a, "x"), -EINVAL);
	assert_int_equal(spdk_fd_group_add(group, -1, count_cb, &a, "x"), -EINVAL);
	assert_int_equal(spdk_fd_group_add(group, 0, NULL, &a, "x"), -EINVAL);
	assert_int_equal(spdk_fd_group_add(group, fileno(file), count_cb, &a, "file"), -EPERM);
	assert_int_equal(spdk_fd_group_add_ext(group, 0, count_cb, &a, "x", &opts), -EINVAL);
	assert_int_equal(spdk_fd_group_event_modify(group, 12345, EPOLLIN), -EINVAL);
	assert_int_equal(spdk_fd_group_wait(NULL, 0), -EINVAL);
	/* Refused with a message. */
	spdk_fd_group_remove(group, 12345);
	spdk_fd_group_remove(NULL, 0);
	spdk_fd_group_destroy(group);
	spdk_fd_group_destroy(NULL);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	remove_source(&a);
	spdk_fd_group_destroy(group);
	fclose(file);
}

static void
events_can_be_changed(void **state)
{
	struct spdk_fd_group *group = create_group();
	struct source a;

	add_source(&a, group, SPDK_FD_TYPE_DEFAULT);
	assert_int_equal(spdk_fd_group_event_modify(group, a.fd, EPOLLOUT), 0);
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	assert_int_equal(spdk_fd_group_event_modify(group, a.fd, 0), 0);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 0);
	remove_source(&a);
	/* Each event once. */
	a.fd = eventfd(0, EFD_NONBLOCK);
	a.calls = 0;
	assert_int_equal(spdk_fd_group_add_for_events(group, a.fd, EPOLLIN | EPOLLET, count_cb, &a, "edge"), 0);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	assert_int_equal(spdk_fd_group_wait(group, 0), 0);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	a.group = group;
	remove_source(&a);
	spdk_fd_group_destroy(group);
}

static void
removed_while_ready(void **state)
{
	struct spdk_fd_group *group = create_group();
	struct source a, b;

	add_source(&a, group, SPDK_FD_TYPE_EVENTFD);
	add_source(&b, group, SPDK_FD_TYPE_EVENTFD);
	/* Whichever comes first takes the other out, and itself when it is the last. */
	a.remove = &b;
	b.remove = &a;
	signal_source(&a);
	signal_source(&b);
	assert_int_equal(spdk_fd_group_wait(group, 0), 2);
	assert_int_equal(a.calls + b.calls, 1);
	remove_source(&a);
	remove_source(&b);
	add_source(&a, group, SPDK_FD_TYPE_EVENTFD);
	a.remove = &a;
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 1);
	assert_int_equal(a.calls, 1);
	remove_source(&a);
	spdk_fd_group_destroy(group);
}

static int
drain_other_cb(void *ctx)
{
	struct source *other = ctx;
	eventfd_t value;

	eventfd_read(other->fd, &value);
	return 0;
}

static void
emptied_by_another(void **state)
{
	struct spdk_fd_group *group = create_group();
	struct source a;
	int fd = eventfd(1, EFD_NONBLOCK);

	/* Signalled first, and so served first. */
	assert_int_equal(spdk_fd_group_add(group, fd, drain_other_cb, &a, "drain"), 0);
	add_source(&a, group, SPDK_FD_TYPE_EVENTFD);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(group, 0), 2);
	assert_int_equal(a.calls, 0);
	spdk_fd_group_remove(group, fd);
	close(fd);
	remove_source(&a);
	spdk_fd_group_destroy(group);
}

static void
nested_groups(void **state)
{
	struct spdk_fd_group *root = create_group(), *middle = create_group(), *leaf = create_group();
	struct source a, b, c, late;

	add_source(&a, root, SPDK_FD_TYPE_EVENTFD);
	add_source(&b, middle, SPDK_FD_TYPE_EVENTFD);
	add_source(&c, leaf, SPDK_FD_TYPE_EVENTFD);
	assert_int_equal(spdk_fd_group_nest(middle, leaf), 0);
	assert_int_equal(spdk_fd_group_nest(root, middle), 0);
	add_source(&late, leaf, SPDK_FD_TYPE_EVENTFD);

	signal_source(&a);
	signal_source(&b);
	signal_source(&c);
	signal_source(&late);
	assert_int_equal(spdk_fd_group_wait(leaf, 0), 0);
	assert_int_equal(spdk_fd_group_wait(middle, -1), -EINVAL);
	assert_int_equal(spdk_fd_group_wait(root, 0), 4);
	assert_int_equal(a.calls + b.calls + c.calls + late.calls, 4);

	assert_int_equal(spdk_fd_group_nest(root, middle), -EINVAL);
	assert_int_equal(spdk_fd_group_nest(leaf, root), -EINVAL);
	assert_int_equal(spdk_fd_group_nest(NULL, root), -EINVAL);
	assert_int_equal(spdk_fd_group_unnest(root, leaf), -EINVAL);
	/* Refused: they are not empty. */
	spdk_fd_group_destroy(leaf);

	assert_int_equal(spdk_fd_group_unnest(root, middle), 0);
	signal_source(&a);
	signal_source(&late);
	assert_int_equal(spdk_fd_group_wait(root, 0), 1);
	assert_int_equal(spdk_fd_group_wait(middle, 0), 1);
	assert_int_equal(late.calls, 2);
	assert_int_equal(spdk_fd_group_unnest(middle, leaf), 0);
	signal_source(&c);
	assert_int_equal(spdk_fd_group_wait(middle, 0), 0);
	assert_int_equal(spdk_fd_group_wait(leaf, 0), 1);

	remove_source(&a);
	remove_source(&b);
	remove_source(&c);
	remove_source(&late);
	spdk_fd_group_destroy(leaf);
	spdk_fd_group_destroy(middle);
	spdk_fd_group_destroy(root);
}

static void
nesting_undone_on_failure(void **state)
{
	struct spdk_fd_group *root = create_group(), *child = create_group();
	struct source a, b;

	/* The same file descriptor is in both: the second cannot be moved. */
	add_source(&a, child, SPDK_FD_TYPE_EVENTFD);
	add_source(&b, child, SPDK_FD_TYPE_EVENTFD);
	assert_int_equal(spdk_fd_group_add(root, b.fd, count_cb, &b, "both"), 0);
	assert_int_equal(spdk_fd_group_nest(root, child), -EEXIST);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(root, 0), 0);
	assert_int_equal(spdk_fd_group_wait(child, 0), 1);
	assert_int_equal(spdk_fd_group_unnest(root, child), -EINVAL);
	spdk_fd_group_remove(root, b.fd);
	remove_source(&a);
	remove_source(&b);
	spdk_fd_group_destroy(child);
	spdk_fd_group_destroy(root);
}

struct wrapped {
	int calls;
	int event_calls;
};

static int
wrap_cb(void *wrapper_ctx, spdk_fd_fn cb_fn, void *cb_ctx)
{
	struct wrapped *wrapped = wrapper_ctx;
	struct epoll_event event;

	wrapped->calls++;
	if (spdk_fd_group_get_epoll_event(&event) == 0 && (event.events & EPOLLIN)) {
		wrapped->event_calls++;
	}
	return cb_fn(cb_ctx);
}

static void
wrappers(void **state)
{
	struct spdk_fd_group *root = create_group(), *child = create_group(), *other = create_group();
	struct wrapped wrapped = {0};
	struct epoll_event event;
	struct source a;

	add_source(&a, child, SPDK_FD_TYPE_EVENTFD);
	assert_int_equal(spdk_fd_group_set_wrapper(child, wrap_cb, &wrapped), 0);
	assert_int_equal(spdk_fd_group_set_wrapper(child, wrap_cb, &wrapped), -EEXIST);
	assert_int_equal(spdk_fd_group_nest(child, other), -EINVAL);
	assert_int_equal(spdk_fd_group_nest(root, child), 0);
	assert_int_equal(spdk_fd_group_set_wrapper(root, wrap_cb, &wrapped), -EINVAL);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(root, 0), 1);
	assert_int_equal(wrapped.calls, 1);
	assert_int_equal(wrapped.event_calls, 1);
	assert_int_equal(a.calls, 1);
	assert_int_equal(spdk_fd_group_get_epoll_event(&event), -EINVAL);
	assert_int_equal(spdk_fd_group_set_wrapper(child, NULL, NULL), 0);
	signal_source(&a);
	assert_int_equal(spdk_fd_group_wait(root, 0), 1);
	assert_int_equal(wrapped.calls, 1);
	assert_int_equal(a.calls, 2);
	remove_source(&a);
	spdk_fd_group_unnest(root, child);
	spdk_fd_group_destroy(child);
	spdk_fd_group_destroy(other);
	spdk_fd_group_destroy(root);
}

static void
many_are_served_in_turns(void **state)
{
	static struct source sources[200];
	struct spdk_fd_group *group = create_group();
	int served = 0, rc;

	for (int i = 0; i < 200; i++) {
		add_source(&sources[i], group, SPDK_FD_TYPE_EVENTFD);
		signal_source(&sources[i]);
	}
	while ((rc = spdk_fd_group_wait(group, 0)) > 0) {
		served += rc;
	}
	assert_int_equal(served, 200);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(sources[i].calls, 1);
		remove_source(&sources[i]);
	}
	spdk_fd_group_destroy(group);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_called),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(events_can_be_changed),
		cmocka_unit_test(removed_while_ready),
		cmocka_unit_test(emptied_by_another),
		cmocka_unit_test(nested_groups),
		cmocka_unit_test(nesting_undone_on_failure),
		cmocka_unit_test(wrappers),
		cmocka_unit_test(many_are_served_in_turns),
	};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
