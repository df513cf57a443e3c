/* SPDX-License-Identifier: BSD-3-Clause */

/* Shared memory that other programs find by its name. */

#include "lib/env/env_internal.h"

int
env_shm_create(const char *name, size_t size, void **addr)
{
	int fd, rc;

	/* What a program that died has left. One that lives keeps what it has mapped. */
	shm_unlink(name);
	fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0) {
		return -errno;
	}
	/* All of it now: where there is not enough, touching a page later would end in SIGBUS. */
	rc = -posix_fallocate(fd, 0, (off_t)size);
	if (rc == 0) {
		*addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		rc = *addr == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (rc != 0) {
		shm_unlink(name);
	}
	return rc;
}

void
env_shm_unmap(void *addr, size_t size)
{
	munmap(addr, size);
}

void
env_shm_remove(const char *name)
{
	shm_unlink(name);
}
