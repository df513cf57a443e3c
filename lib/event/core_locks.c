/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One file per CPU, locked and holding the process id of its owner, as the programs of the interface's first
 * implementation have it, so that a process that keeps a CPU busy finds out about another one.
 */

#include "lib/event/app_internal.h"
#include "lib/event/reactor.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"

#define PATH_FORMAT "/var/tmp/spdk_cpu_lock_%03u"

/* Descriptor + 1 of each CPU's file, 0 where none is held. */
static int g_locks[SPDK_CPUSET_SIZE];

static void
format_path(char *path, size_t size, uint32_t core)
{
	snprintf(path, size, PATH_FORMAT, core);
}

/* Returns the process that holds the lock, 0 if it is gone meanwhile. */
static pid_t
get_owner(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
		return lock.l_pid;
	}
	return 0;
}

static int
lock_file(const char *path, uint32_t core, int *_fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat status;
	int fd, rc;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = -errno;
		SPDK_ERRLOG("Cannot open the lock file %s: %s\n", path, spdk_strerror(-rc));
		return rc;
	}

	if (fcntl(fd, F_SETLK, &lock)) {
		rc = -errno;
		SPDK_ERRLOG("Cannot create lock on core %u, probably process %d has claimed it.\n", core,
			(int)get_owner(fd));
		close(fd);
		return rc == -EACCES ? -EAGAIN : rc;
	}

	/* Its owner may have removed the file between the open and the lock. */
	if (fstat(fd, &status) || status.st_nlink == 0) {
		close(fd);
		return -ESTALE;
	}

	*_fd = fd;
	return 0;
}

static int
take_lock(uint32_t core)
{
	char path[64];
	int fd = -1, rc;

	format_path(path, sizeof(path), core);
	do {
		rc = lock_file(path, core, &fd);
	} while (rc == -ESTALE);
	if (rc) {
		return rc;
	}

	/* For people who look into it; the lock itself counts. */
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		SPDK_WARNLOG("Cannot write to the lock file %s: %s\n", path, spdk_strerror(errno));
	}
	g_locks[core] = fd + 1;
	return 0;
}

static void
release_lock(uint32_t core)
{
	char path[64];

	if (g_locks[core]) {
		format_path(path, sizeof(path), core);
		unlink(path);
		close(g_locks[core] - 1);
		g_locks[core] = 0;
	}
}

int
event_core_locks_take(void)
{
	uint32_t core;
	int rc;

	SPDK_ENV_FOREACH_CORE (core) {
		if (g_locks[core]) {
			continue;
		}
		rc = take_lock(core);
		if (rc) {
			event_core_locks_release();
			return rc;
		}
	}

	return 0;
}

void
event_core_locks_release(void)
{
	for (uint32_t core = 0; core < SPDK_CPUSET_SIZE; core++) {
		release_lock(core);
	}
}
