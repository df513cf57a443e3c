/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * QEMU's protocol. What a process does with an image has bits: 0 is to read it, 1 to write to it, 3 to change its size.
 * It holds a read lock on byte 100 + bit for each that it does, and on byte 200 + bit for each that it does not want
 * others to do. Locks come first, then the look for contradictions: of two that come together at least one sees the other.
 *
 * Such locks belong to an open file, and contradict those of another one also within a process. So a process has one for
 * each file, however many bdevs are on it.
 */

#include "module/bdev/common/file_lock.h"

#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"

#define DOES(bit) (100 + (bit))
#define REFUSES(bit) (200 + (bit))

enum {
	BIT_READ = 0,
	BIT_WRITE = 1,
	BIT_RESIZE = 3,
};

struct file_lock {
	dev_t dev;
	ino_t ino;
	int fd;
	/* Holders in this process; each writer is a reader, too. */
	uint32_t readers;
	uint32_t writers;
	TAILQ_ENTRY(file_lock) link;
};

/* A byte to be locked, and the one that nobody else may have locked. */
struct pair {
	off_t lock;
	off_t contradiction;
};

static const struct pair g_reading[] = {
	{DOES(BIT_READ), REFUSES(BIT_READ)},
	{REFUSES(BIT_WRITE), DOES(BIT_WRITE)},
};

static const struct pair g_writing[] = {
	{DOES(BIT_WRITE), REFUSES(BIT_WRITE)},
	{REFUSES(BIT_RESIZE), DOES(BIT_RESIZE)},
};

static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static TAILQ_HEAD(, file_lock) g_locks = TAILQ_HEAD_INITIALIZER(g_locks);

static int
set_byte(int fd, off_t byte, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

static bool
is_locked_by_others(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void
unlock_pairs(int fd, const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		set_byte(fd, pairs[i].lock, F_UNLCK);
	}
}

/* 0; -EBUSY; or what the file system says that has no such locks. */
static int
lock_pairs(int fd, const struct pair *pairs, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = set_byte(fd, pairs[i].lock, F_RDLCK);
	}
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = is_locked_by_others(fd, pairs[i].contradiction) ? -EBUSY : 0;
	}
	if (rc != 0) {
		unlock_pairs(fd, pairs, count);
	}
	return rc == -EAGAIN || rc == -EACCES ? -EBUSY : rc;
}

static struct file_lock *
find(const struct stat *st)
{
	struct file_lock *lock;

	TAILQ_FOREACH (lock, &g_locks, link) {
		if (lock->dev == st->st_dev && lock->ino == st->st_ino) {
			return lock;
		}
	}
	return NULL;
}

static struct file_lock *
create(int fd, const struct stat *st)
{
	struct file_lock *lock = calloc(1, sizeof(*lock));

	if (lock == NULL) {
		return NULL;
	}
	/* The same open file, which outlives the bdev if there is a second one on it. */
	lock->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (lock->fd < 0) {
		free(lock);
		return NULL;
	}
	lock->dev = st->st_dev;
	lock->ino = st->st_ino;
	TAILQ_INSERT_TAIL(&g_locks, lock, link);
	return lock;
}

static void
destroy(struct file_lock *lock)
{
	TAILQ_REMOVE(&g_locks, lock, link);
	close(lock->fd);
	free(lock);
}

/* What those who are there already have not locked yet. */
static int
extend(struct file_lock *lock, bool write)
{
	int rc = 0;

	if (lock->readers == 0) {
		rc = lock_pairs(lock->fd, g_reading, SPDK_COUNTOF(g_reading));
	}
	if (rc == 0 && write && lock->writers == 0) {
		rc = lock_pairs(lock->fd, g_writing, SPDK_COUNTOF(g_writing));
		if (rc != 0 && lock->readers == 0) {
			unlock_pairs(lock->fd, g_reading, SPDK_COUNTOF(g_reading));
		}
	}
	return rc;
}

int
file_lock_take(int fd, bool write, struct file_lock **result, uint32_t *others)
{
	struct file_lock *lock;
	struct stat st;
	int rc;

	*result = NULL;
	*others = 0;
	if (fstat(fd, &st) != 0) {
		return 0;
	}
	ENV_MUTEX_SCOPE(&g_lock);
	lock = find(&st);
	if (lock == NULL) {
		lock = create(fd, &st);
	}
	if (lock == NULL) {
		return -ENOMEM;
	}
	rc = extend(lock, write);
	if (rc != 0) {
		if (lock->readers == 0) {
			destroy(lock);
		}
		return rc == -EBUSY ? -EBUSY : 0;
	}
	*others = write || lock->writers > 0 ? lock->readers : 0;
	lock->readers++;
	lock->writers += write;
	*result = lock;
	return 0;
}

void
file_lock_release(struct file_lock *lock, bool write)
{
	if (lock == NULL) {
		return;
	}
	ENV_MUTEX_SCOPE(&g_lock);
	lock->readers--;
	lock->writers -= write;
	if (lock->readers == 0) {
		/* Closing the file ends the locks with it, once the bdev has closed it as well. */
		unlock_pairs(lock->fd, g_reading, SPDK_COUNTOF(g_reading));
		unlock_pairs(lock->fd, g_writing, SPDK_COUNTOF(g_writing));
		destroy(lock);
	} else if (write && lock->writers == 0) {
		unlock_pairs(lock->fd, g_writing, SPDK_COUNTOF(g_writing));
	}
}
