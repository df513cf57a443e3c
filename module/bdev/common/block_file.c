/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/block_file.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "module/bdev/common/file_lock.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

/* For files whose file system does not say what direct I/O needs. */
#define DIRECT_ALIGN_UNKNOWN 4096

static int
refuse(int rc, const char **why, const char *reason)
{
	*why = reason;
	return rc;
}

/* Before it is opened: opening some special files waits for a peer, or does something. */
static int
check_kind(const char *path, const char **why)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		return -errno;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		return refuse(-EINVAL, why, "it is neither a regular file nor a block device");
	}
	return 0;
}

static int
open_fd(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* Puts fd in the place of that of the file, which is closed. */
static int
replace_fd(struct block_file *file, int fd)
{
	if (fd < 0) {
		return fd;
	}
	close(file->fd);
	file->fd = fd;
	return 0;
}

static bool
lies_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Sets what direct I/O on the file needs. Returns false if it cannot be done in blocks of that size. */
static bool
find_alignment(struct block_file *file, uint32_t block_size)
{
	uint32_t unknown = file->sector_size != 0 ? file->sector_size : spdk_min(block_size, DIRECT_ALIGN_UNKNOWN);

	file->mem_align = unknown;
	file->length_align = unknown;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 && (stx.stx_mask & STATX_DIOALIGN)) {
		file->mem_align = stx.stx_dio_mem_align;
		file->length_align = stx.stx_dio_offset_align;
	}
#endif
	return file->mem_align != 0 && file->length_align != 0 && block_size % file->length_align == 0;
}

/* Direct I/O if the file can do it, as the page cache would only copy, and wait while it does. */
static int
choose_direct(struct block_file *file, const struct block_file_opts *opts, int flags, uint32_t block_size)
{
	int fd;

	file->direct = false;
	file->mem_align = 1;
	file->length_align = 1;
	if (file->in_memory || opts->buffered) {
		return 0;
	}
	fd = open_fd(opts->path, flags | O_DIRECT);
	if (fd == -EINVAL) {
		return 0;
	}
	if (replace_fd(file, fd) != 0) {
		return fd;
	}
	file->direct = find_alignment(file, block_size);
	if (!file->direct) {
		file->mem_align = 1;
		file->length_align = 1;
		return replace_fd(file, open_fd(opts->path, flags));
	}
	return 0;
}

/* The kernel says so only to who reads something. */
bool
block_file_takes_nowait(const struct block_file *file)
{
	struct iovec iov = {.iov_len = file->length_align};
	bool taken;

	if (posix_memalign(&iov.iov_base, spdk_max(file->mem_align, sizeof(void *)), iov.iov_len) != 0) {
		return false;
	}
	taken = preadv2(file->fd, &iov, 1, 0, RWF_NOWAIT) >= 0 || errno == EAGAIN;
	free(iov.iov_base);
	return taken;
}

static int
check_block_size(const struct block_file *file, uint32_t block_size, const char **why)
{
	if (block_size == 0) {
		return refuse(-EINVAL, why, "a regular file has no block size of its own: give block_size");
	}
	if (block_size < 512 || (block_size & (block_size - 1)) != 0) {
		return refuse(-EINVAL, why, "block_size must be a power of two and at least 512");
	}
	if (block_size < file->sector_size) {
		return refuse(-EINVAL, why, "block_size is smaller than the sectors of the block device");
	}
	if (file->size % block_size != 0) {
		return refuse(-EINVAL, why, "the size of the file is not a multiple of block_size");
	}
	return 0;
}

static int
examine_fd(struct block_file *file, const char **why)
{
	struct stat st;
	int sector_size;

	if (fstat(file->fd, &st) != 0) {
		return -errno;
	}
	file->block_device = S_ISBLK(st.st_mode);
	file->in_memory = !file->block_device && lies_in_memory(file->fd);
	if (file->block_device) {
		if (ioctl(file->fd, BLKSSZGET, &sector_size) != 0) {
			return -errno;
		}
		file->sector_size = sector_size;
	}
	return block_file_get_size(file, &file->size);
}

static int
open_checked(struct block_file *file, const struct block_file_opts *opts, const char **why)
{
	int flags = opts->readonly ? O_RDONLY : O_RDWR;
	uint32_t block_size = opts->block_size;
	int rc;

	rc = check_kind(opts->path, why);
	if (rc != 0) {
		return rc;
	}
	file->fd = open_fd(opts->path, flags);
	if (file->fd < 0) {
		return file->fd;
	}
	rc = examine_fd(file, why);
	if (rc == 0) {
		block_size = block_size != 0 ? block_size : file->sector_size;
		rc = check_block_size(file, block_size, why);
	}
	if (rc == 0) {
		rc = choose_direct(file, opts, flags, block_size);
	}
	if (rc != 0) {
		close(file->fd);
	}
	return rc;
}

/* Two processes that write to one file, a virtual machine and we for example, destroy what is on it. */
static int
take_lock(struct block_file *file, const struct block_file_opts *opts, const char **why)
{
	uint32_t others;
	int rc;

	if (opts->no_lock) {
		return 0;
	}
	rc = file_lock_take(file->fd, !opts->readonly, &file->lock, &others);
	if (rc == -EBUSY) {
		*why = "another process uses the file, or wants it for itself; end it, or use no_lock at your own risk";
	} else if (rc == 0 && others > 0) {
		SPDK_WARNLOG("%s: %s is open as another bdev, too; what one of them writes the other does not know "
			     "of\n",
			opts->bdev_name, opts->path);
	}
	return rc;
}

static char *
make_absolute(const char *path)
{
	char folder[PATH_MAX];

	if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL) {
		return strdup(path);
	}
	return spdk_sprintf_alloc("%s/%s", folder, path);
}

int
block_file_open(struct block_file *file, const struct block_file_opts *opts, const char **why)
{
	int rc;

	memset(file, 0, sizeof(*file));
	file->readonly = opts->readonly;
	file->no_lock = opts->no_lock;
	rc = open_checked(file, opts, why);
	if (rc != 0) {
		return rc;
	}
	file->path = make_absolute(opts->path);
	rc = file->path != NULL ? take_lock(file, opts, why) : -ENOMEM;
	if (rc != 0) {
		free(file->path);
		close(file->fd);
	}
	return rc;
}

void
block_file_close(struct block_file *file)
{
	file_lock_release(file->lock, !file->readonly);
	close(file->fd);
	free(file->path);
}

int
block_file_get_size(const struct block_file *file, uint64_t *size)
{
	struct stat st;

	if (file->block_device) {
		return ioctl(file->fd, BLKGETSIZE64, size) == 0 ? 0 : -errno;
	}
	if (fstat(file->fd, &st) != 0) {
		return -errno;
	}
	*size = st.st_size;
	return 0;
}

static bool
device_can_discard(int fd)
{
	char path[64];
	unsigned long long max_bytes = 0;
	struct stat st;
	FILE *f;

	if (fstat(fd, &st) != 0) {
		return false;
	}
	/* A partition has no queue of its own, but its disk, one level up, does. */
	for (int level = 0; level < 2; level++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/discard_max_bytes", major(st.st_rdev),
			minor(st.st_rdev), level == 0 ? "" : "../");
		f = fopen(path, "re");
		if (f != NULL) {
			if (fscanf(f, "%llu", &max_bytes) != 1) {
				max_bytes = 0;
			}
			fclose(f);
			return max_bytes != 0;
		}
	}
	return false;
}

bool
block_file_can_discard(const struct block_file *file)
{
	if (file->readonly) {
		return false;
	}
	if (file->block_device) {
		return device_can_discard(file->fd);
	}
	/* A hole behind the end of the file is none, but a file system that makes no holes refuses it all the same. */
	return fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       SPDK_ALIGN_CEIL(file->size, (uint64_t)(1024 * 1024)), 4096) == 0;
}

bool
block_file_can_seek(const struct block_file *file)
{
	if (file->block_device) {
		/* The kernel knows nothing of what is behind it. */
		return false;
	}
	return lseek(file->fd, 0, SEEK_DATA) >= 0 || errno == ENXIO;
}

static int64_t
find_data(const struct block_file *file, uint64_t offset, uint64_t end, uint32_t block_size)
{
	int64_t data = lseek(file->fd, offset, SEEK_DATA);

	if (data < 0) {
		return -errno;
	}
	data -= data % block_size;
	return (uint64_t)data < end ? data : -ENXIO;
}

/* Holes may be smaller than a block, or begin in the middle of one. */
static int64_t
find_hole(const struct block_file *file, uint64_t offset, uint64_t end, uint32_t block_size)
{
	while (offset < end) {
		int64_t hole = lseek(file->fd, offset, SEEK_HOLE);
		int64_t data;

		if (hole < 0) {
			return -errno;
		}
		data = lseek(file->fd, hole, SEEK_DATA);
		if (data < 0 && errno != ENXIO) {
			return -errno;
		}
		hole = SPDK_ALIGN_CEIL((uint64_t)hole, (uint64_t)block_size);
		if ((uint64_t)hole < end && (data < 0 || data >= hole + block_size)) {
			return hole;
		}
		if (data < 0) {
			break;
		}
		offset = data;
	}
	return -ENXIO;
}

int64_t
block_file_seek(const struct block_file *file, bool hole, uint64_t offset, uint64_t end, uint32_t block_size)
{
	return hole ? find_hole(file, offset, end, block_size) : find_data(file, offset, end, block_size);
}

/* Takes len bytes from the front of an array of iovecs, in place. */
static void
advance(struct iovec **iovs, int *iovcnt, uint64_t len)
{
	while (len > 0 && len >= (*iovs)->iov_len) {
		len -= (*iovs)->iov_len;
		(*iovs)++;
		(*iovcnt)--;
	}
	if (len > 0) {
		(*iovs)->iov_base = (uint8_t *)(*iovs)->iov_base + len;
		(*iovs)->iov_len -= len;
	}
}

typedef ssize_t (*transfer_fn)(int fd, const struct iovec *iov, int iovcnt, off_t offset);

/* Repeats a transfer until all is done, an error, or the end of the file. The iovecs are used up. */
static int64_t
transfer_all(transfer_fn transfer, int fd, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len)
{
	uint64_t done = 0;
	ssize_t part;

	while (done < len) {
		part = transfer(fd, iovs, spdk_min(iovcnt, IOV_MAX), offset + done);
		if (part < 0 && errno == EINTR) {
			continue;
		}
		if (part < 0) {
			return -errno;
		}
		if (part == 0) {
			break;
		}
		done += part;
		advance(&iovs, &iovcnt, part);
	}
	return done;
}

static bool
is_direct_shaped(const struct block_file *file, const struct iovec *iovs, int iovcnt)
{
	for (int i = 0; i < iovcnt; i++) {
		if ((uintptr_t)iovs[i].iov_base % file->mem_align != 0 || iovs[i].iov_len % file->length_align != 0) {
			return false;
		}
	}
	return true;
}

/* A transfer through one aligned buffer, for iovecs that direct I/O does not take. */
static int64_t
transfer_bounced(
	const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len, bool is_write)
{
	struct iovec bounce = {.iov_len = len};
	int64_t done;

	if (posix_memalign(&bounce.iov_base, spdk_max(file->mem_align, sizeof(void *)), len) != 0) {
		return -ENOMEM;
	}
	/* transfer_all() uses the iovec up; the buffer is kept here. */
	void *buf = bounce.iov_base;

	if (is_write) {
		spdk_copy_iovs_to_buf(buf, len, iovs, iovcnt);
		done = transfer_all(pwritev, file->fd, &bounce, 1, offset, len);
	} else {
		done = transfer_all(preadv, file->fd, &bounce, 1, offset, len);
		if (done > 0) {
			spdk_copy_buf_to_iovs(iovs, iovcnt, buf, done);
		}
	}
	free(buf);
	return done;
}

static int64_t
transfer_file(
	const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len, bool is_write)
{
	struct iovec few[8];
	struct iovec *copy = few;
	int64_t done;

	if (!is_direct_shaped(file, iovs, iovcnt)) {
		return transfer_bounced(file, iovs, iovcnt, offset, len, is_write);
	}
	if (iovcnt > (int)SPDK_COUNTOF(few)) {
		copy = calloc(iovcnt, sizeof(*copy));
		if (copy == NULL) {
			return -ENOMEM;
		}
	}
	memcpy(copy, iovs, iovcnt * sizeof(*copy));
	done = transfer_all(is_write ? pwritev : preadv, file->fd, copy, iovcnt, offset, len);
	if (copy != few) {
		free(copy);
	}
	return done;
}

int64_t
block_file_read(const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len)
{
	return transfer_file(file, iovs, iovcnt, offset, len, false);
}

int64_t
block_file_write(const struct block_file *file, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t len)
{
	return transfer_file(file, iovs, iovcnt, offset, len, true);
}

int
block_file_sync(const struct block_file *file)
{
	return fdatasync(file->fd) == 0 ? 0 : -errno;
}

static int
change_device_range(const struct block_file *file, unsigned long request, uint64_t offset, uint64_t len)
{
	uint64_t range[2] = {offset, len};

	return ioctl(file->fd, request, range) == 0 ? 0 : -errno;
}

static int
change_file_range(const struct block_file *file, int mode, uint64_t offset, uint64_t len)
{
	int rc;

	do {
		rc = fallocate(file->fd, mode | FALLOC_FL_KEEP_SIZE, offset, len);
	} while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : -errno;
}

int
block_file_discard(const struct block_file *file, uint64_t offset, uint64_t len)
{
	if (file->block_device) {
		return change_device_range(file, BLKDISCARD, offset, len);
	}
	return change_file_range(file, FALLOC_FL_PUNCH_HOLE, offset, len);
}

/* Zeroes what has blocks, which it keeps. */
static int
zero_file_range(const struct block_file *file, uint64_t offset, uint64_t len)
{
	int rc = change_file_range(file, FALLOC_FL_ZERO_RANGE, offset, len);

	if (rc == -EOPNOTSUPP) {
		/* A hole reads as zeroes as well. */
		rc = change_file_range(file, FALLOC_FL_PUNCH_HOLE, offset, len);
	}
	return rc;
}

/* Moves *offset to the next data, or to end. Returns the length of that data, 0 if there is none. */
static uint64_t
next_data(const struct block_file *file, uint64_t *offset, uint64_t end)
{
	off_t data = lseek(file->fd, *offset, SEEK_DATA), hole;

	if (data < 0 && errno != ENXIO) {
		/* The file system does not know: it is all data. */
		return end - *offset;
	}
	if (data < 0 || (uint64_t)data >= end) {
		*offset = end;
		return 0;
	}
	hole = lseek(file->fd, data, SEEK_HOLE);
	*offset = data;
	return (hole < 0 ? end : spdk_min((uint64_t)hole, end)) - data;
}

/*
 * What is a hole is left one: it is full of zeroes, and to give it blocks would only take space, all of it where a disk is
 * zeroed that nobody has written to. What has blocks keeps them, so that no later write finds the file system full.
 */
int
block_file_zero(const struct block_file *file, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;
	int rc = 0;

	if (file->block_device) {
		return change_device_range(file, BLKZEROOUT, offset, len);
	}
	while (rc == 0 && offset < end) {
		len = next_data(file, &offset, end);
		if (len > 0) {
			rc = zero_file_range(file, offset, len);
			offset += len;
		}
	}
	return rc;
}
