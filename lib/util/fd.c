/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/fd.h"

#include <linux/fs.h>

uint64_t
spdk_fd_get_size(int fd)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) != 0) {
		return 0;
	}
	if (S_ISREG(st.st_mode)) {
		return (uint64_t)st.st_size;
	}
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &size) == 0) {
		return size;
	}
	return 0;
}

uint32_t
spdk_fd_get_blocklen(int fd)
{
	int blocklen;

	return ioctl(fd, BLKSSZGET, &blocklen) == 0 && blocklen > 0 ? (uint32_t)blocklen : 0;
}

static int
change_flag(int fd, bool set)
{
	int flags = fcntl(fd, F_GETFL);
	int wanted;

	if (flags < 0) {
		return -errno;
	}
	wanted = set ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (wanted != flags && fcntl(fd, F_SETFL, wanted) != 0) {
		return -errno;
	}
	return 0;
}

int
spdk_fd_set_nonblock(int fd)
{
	return change_flag(fd, true);
}

int
spdk_fd_clear_nonblock(int fd)
{
	return change_flag(fd, false);
}
