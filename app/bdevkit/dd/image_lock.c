/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * QEMU's protocol: of byte 100 + n those hold a read lock who do something with the image, of byte 200 + n those who do not
 * want others to do it; n is 0 for reading, 1 for writing, 3 for resizing. Who has set its locks looks for contradictions.
 */

#include "app/bdevkit/dd/image_lock.h"

#include "spdk/util.h"

enum {
	READS = 100,
	WRITES = 101,
	RESIZES = 103,
	REFUSES_READERS = 200,
	REFUSES_WRITERS = 201,
	REFUSES_RESIZERS = 203,
};

static bool
is_locked_by_others(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int
image_lock_take(int fd, bool write)
{
	static const struct {
		off_t lock;
		off_t contradiction;
		bool writers;
	} pairs[] = {
		{READS, REFUSES_READERS, false},
		{REFUSES_WRITERS, WRITES, false},
		{WRITES, REFUSES_WRITERS, true},
		{REFUSES_RESIZERS, RESIZES, true},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(pairs); i++) {
		struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = pairs[i].lock, .l_len = 1};

		if ((write || !pairs[i].writers) && fcntl(fd, F_OFD_SETLK, &lock) != 0) {
			return errno == EAGAIN || errno == EACCES ? -EBUSY : 0;
		}
	}
	for (size_t i = 0; i < SPDK_COUNTOF(pairs); i++) {
		if ((write || !pairs[i].writers) && is_locked_by_others(fd, pairs[i].contradiction)) {
			return -EBUSY;
		}
	}
	return 0;
}
