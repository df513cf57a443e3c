/* SPDX-License-Identifier: BSD-3-Clause */

/* Folders of tests do not stay behind, also when the test is killed: a process that outlives it removes them. */

#ifndef TEST_FOLDER_GUARD_H
#define TEST_FOLDER_GUARD_H

#include "spdk/stdinc.h"

#include <ftw.h>
#include <sys/wait.h>

struct folder_guard {
	pid_t pid;
	/* Closing it, or dying, is what the guard waits for. */
	int fd;
};

static inline int
folder_guard_remove_cb(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	return remove(path);
}

/* Call it before the test has threads. Without a guard the test runs all the same. */
static inline struct folder_guard
folder_guard_start(const char *folder)
{
	struct folder_guard guard = {.fd = -1};
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC) != 0) {
		return guard;
	}
	guard.pid = fork();
	if (guard.pid != 0) {
		close(fds[0]);
		guard.fd = fds[1];
		return guard;
	}

	/* Away from what kills all processes of the test, and from the output that somebody reads to its end. */
	setsid();
	if (dup2(fds[0], STDIN_FILENO) < 0 || close_range(STDIN_FILENO + 1, ~0U, 0) != 0) {
		_exit(1);
	}
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
	}
	nftw(folder, folder_guard_remove_cb, 8, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

/* The folder is gone when this returns. */
static inline void
folder_guard_end(struct folder_guard *guard)
{
	if (guard->fd >= 0) {
		close(guard->fd);
		guard->fd = -1;
	}
	if (guard->pid > 0) {
		waitpid(guard->pid, NULL, 0);
		guard->pid = 0;
	}
}

#endif /* TEST_FOLDER_GUARD_H */
