/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files and block devices of the system as ends of a copy: through io_uring, or, where the system does not allow that, by calls
 * that wait.
 */

#include "app/bdevkit/dd/end.h"
#include "app/bdevkit/dd/image_lock.h"

#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "bdevkit/thread.h"
#include "bdevkit/uring.h"

#include <linux/falloc.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/fs.h>

/* What direct I/O is aligned to: every device takes it. */
#define DIRECT_BLOCK 4096
/* Written where the file system has no other way to make zeroes. */
#define ZERO_BUFFER (1024 * 1024)
/* The longest I/O that the kernel takes is a little below 2 GiB. */
#define MAX_IO (1024ull * 1024 * 1024)

/* How zeroes are made, the best first. */
enum zero_way {
	ZERO_PUNCH,
	ZERO_RANGE,
	ZERO_WRITE,
};

struct file_end {
	int fd;
	struct stat st;
	/* It was not there before. */
	bool created;
	bool has_ring;
	struct io_uring ring;
	int event_fd;
	struct spdk_poller *poller;
	enum zero_way zero_way;
	void *zeroes;
};

/* ---- open and close ---- */

static int
open_file(struct dd_end *end, struct file_end *state, char *why, size_t why_size)
{
	int flags = (end->write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | (end->options.direct ? O_DIRECT : 0) |
		(end->options.sync ? O_SYNC : 0);

	/* An end that blocks at open, a pipe, is refused below. */
	state->fd = open(end->name, flags | O_NONBLOCK);
	if (state->fd < 0 && errno == ENOENT && end->write && !end->options.must_exist) {
		state->fd = open(end->name, flags | O_CREAT | O_EXCL, 0666);
		state->created = state->fd >= 0;
	} else if (state->fd >= 0 && end->options.must_create) {
		return -EEXIST;
	}
	if (state->fd < 0) {
		if (errno == EINVAL && end->options.direct) {
			snprintf(why, why_size, "the file system takes no direct I/O");
		}
		return -errno;
	}
	/* io_uring would not wait for the device either. */
	if (fstat(state->fd, &state->st) != 0 || fcntl(state->fd, F_SETFL, flags & O_DIRECT) != 0) {
		return -errno;
	}
	return 0;
}

static int
file_lock(struct dd_end *end)
{
	struct file_end *state = end->state;

	return S_ISREG(state->st.st_mode) && !end->options.no_lock ? image_lock_take(state->fd, end->write) : 0;
}

static int
describe(struct dd_end *end, struct file_end *state, char *why, size_t why_size)
{
	mode_t mode = state->st.st_mode;
	int sector = 512;

	end->max_io = MAX_IO;
	if (S_ISREG(mode)) {
		end->size = (uint64_t)state->st.st_size;
		end->grows = end->write;
	} else if (S_ISBLK(mode)) {
		if (ioctl(state->fd, BLKGETSIZE64, &end->size) != 0 || ioctl(state->fd, BLKSSZGET, &sector) != 0) {
			return -errno;
		}
		end->block_size = (uint32_t)sector;
	} else if (S_ISCHR(mode) && lseek(state->fd, 0, SEEK_CUR) >= 0) {
		/* Such as /dev/zero. */
		end->size = UINT64_MAX;
		end->grows = end->write;
		state->zero_way = ZERO_WRITE;
	} else {
		snprintf(why, why_size, S_ISDIR(mode) ? "it is a directory" : "it has no places to read or write at");
		return S_ISDIR(mode) ? -EISDIR : -ESPIPE;
	}
	if (end->options.direct) {
		end->block_size = spdk_max(end->block_size, DIRECT_BLOCK);
	}
	return dd_end_add_file_identity(end, &state->st);
}

static int poll_ring(void *arg);

/* Without a ring everything works all the same. */
static int
make_ring(struct dd_end *end, struct file_end *state)
{
	const char *why;

	if (bdk_uring_probe(&why) != 0) {
		return 0;
	}
	state->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (state->event_fd < 0) {
		return -errno;
	}
	if (io_uring_queue_init(end->options.depth * 2 + 8, &state->ring, 0) != 0) {
		return 0;
	}
	state->has_ring = true;
	state->poller = SPDK_POLLER_REGISTER(poll_ring, state, 0);
	if (state->poller == NULL) {
		return -ENOMEM;
	}
	return io_uring_register_eventfd(&state->ring, state->event_fd) != 0
		? -EIO
		: bdk_poller_set_wakeup_fd(state->poller, state->event_fd);
}

static int
file_open(struct dd_end *end, char *why, size_t why_size)
{
	struct file_end *state = calloc(1, sizeof(*state));
	int rc;

	if (state == NULL) {
		return -ENOMEM;
	}
	end->state = state;
	state->fd = state->event_fd = -1;
	rc = open_file(end, state, why, why_size);
	if (rc == 0) {
		rc = describe(end, state, why, why_size);
	}
	if (rc == 0) {
		rc = make_ring(end, state);
	}
	if (rc == 0 && end->write) {
		state->zeroes = aligned_alloc(DIRECT_BLOCK, ZERO_BUFFER);
		if (state->zeroes == NULL) {
			return -ENOMEM;
		}
		memset(state->zeroes, 0, ZERO_BUFFER);
	}
	return rc;
}

static int
file_prepare(struct dd_end *end, uint64_t keep, uint64_t size)
{
	struct file_end *state = end->state;

	if (!S_ISREG(state->st.st_mode)) {
		return 0;
	}
	/* From here on it is not to be removed. */
	state->created = false;
	if (keep != UINT64_MAX) {
		keep = spdk_min(keep, end->size);
		if (ftruncate(state->fd, (off_t)keep) != 0) {
			return -errno;
		}
		end->size = keep;
		end->zeroed = true;
	}
	if (end->size < size && ftruncate(state->fd, (off_t)size) != 0) {
		return -errno;
	}
	end->size = spdk_max(end->size, size);
	return 0;
}

/* A new file is safe when its name is. */
static int
sync_folder(const char *name)
{
	char *copy = strdup(name);
	int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd >= 0 && fsync(fd) != 0 && errno != EINVAL ? -errno : 0;

	if (fd >= 0) {
		close(fd);
	}
	free(copy);
	return rc;
}

static int
finish(struct dd_end *end, struct file_end *state)
{
	if (!S_ISREG(state->st.st_mode)) {
		return 0;
	}
	/* The last block of direct I/O has gone beyond the end. */
	if (end->size % end->block_size != 0 &&
		(ftruncate(state->fd, (off_t)end->size) != 0 || fsync(state->fd) != 0)) {
		return -errno;
	}
	return sync_folder(end->name);
}

static int
file_close(struct dd_end *end, bool done)
{
	struct file_end *state = end->state;
	int rc = done && end->write ? finish(end, state) : 0;

	spdk_poller_unregister(&state->poller);
	if (state->has_ring) {
		io_uring_queue_exit(&state->ring);
	}
	if (state->event_fd >= 0) {
		close(state->event_fd);
	}
	if (state->fd >= 0) {
		close(state->fd);
	}
	if (state->created) {
		unlink(end->name);
	}
	free(state->zeroes);
	free(state);
	return rc;
}

/* ---- I/O ---- */

static void go_on(struct dd_io *io);

/* Bytes that an operation moves; a read into the last block of the file is as long as the buffer is. */
static uint64_t
length_of(const struct dd_io *io)
{
	return io->op == DD_READ ? dd_round_up(io->length, io->end->block_size) : io->length;
}

static bool
falls_back(struct dd_io *io, int rc)
{
	struct file_end *state = io->end->state;

	if (io->op != DD_ZERO || state->zero_way == ZERO_WRITE ||
		(rc != -EOPNOTSUPP && rc != -ENODEV && rc != -EINVAL && rc != -ENOSYS)) {
		return false;
	}
	state->zero_way++;
	return true;
}

/* What the system has said of it: a number of bytes or a negative errno. Returns true if there is more to do. */
static bool
take_result(struct dd_io *io, int64_t result)
{
	struct file_end *state = io->end->state;

	if (result == -EINTR || result == -EAGAIN || falls_back(io, (int)result)) {
		return true;
	}
	if (result < 0) {
		/* Character devices have nothing to make safe. */
		io->rc = io->op == DD_FLUSH && result == -EINVAL && !S_ISREG(state->st.st_mode) ? 0 : (int)result;
		return false;
	}
	if (io->op == DD_FLUSH || (io->op == DD_ZERO && state->zero_way != ZERO_WRITE)) {
		return false;
	}
	io->moved += (uint64_t)result;
	if (result == 0 && io->moved < io->length) {
		/* The file is shorter than it was; a disk writes nothing only when it is full. */
		io->rc = io->op == DD_READ ? -ENODATA : -ENOSPC;
		return false;
	}
	return io->moved < io->length;
}

static void
prepare_zero(struct dd_io *io, struct file_end *state, struct io_uring_sqe *sqe)
{
	switch (state->zero_way) {
	case ZERO_PUNCH:
		io_uring_prep_fallocate(sqe, state->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
			(off_t)io->length);
		break;
	case ZERO_RANGE:
		io_uring_prep_fallocate(sqe, state->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
			(off_t)io->length);
		break;
	case ZERO_WRITE:
		io_uring_prep_write(sqe, state->fd, state->zeroes,
			(unsigned)spdk_min(io->length - io->moved, ZERO_BUFFER), io->offset + io->moved);
		break;
	}
}

static void
submit_to_ring(struct dd_io *io, struct file_end *state)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&state->ring);
	int rc;

	if (sqe == NULL) {
		dd_io_end_later(io, -EBUSY);
		return;
	}
	switch (io->op) {
	case DD_READ:
		io_uring_prep_read(sqe, state->fd, (char *)io->buf + io->moved, (unsigned)(length_of(io) - io->moved),
			io->offset + io->moved);
		break;
	case DD_WRITE:
		io_uring_prep_write(sqe, state->fd, (char *)io->buf + io->moved, (unsigned)(io->length - io->moved),
			io->offset + io->moved);
		break;
	case DD_ZERO:
		prepare_zero(io, state, sqe);
		break;
	default:
		io_uring_prep_fsync(sqe, state->fd, IORING_FSYNC_DATASYNC);
	}
	io_uring_sqe_set_data(sqe, io);
	/* What does not go now goes with the next poll. */
	rc = io_uring_submit(&state->ring);
	if (rc < 0 && rc != -EAGAIN && rc != -EBUSY && rc != -EINTR) {
		abort();
	}
}

static int
poll_ring(void *arg)
{
	struct file_end *state = arg;
	struct io_uring_cqe *cqe;
	int count = 0;

	if (io_uring_sq_ready(&state->ring) > 0) {
		io_uring_submit(&state->ring);
		count++;
	}
	while (io_uring_peek_cqe(&state->ring, &cqe) == 0) {
		struct dd_io *io = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&state->ring, cqe);
		count++;
		if (take_result(io, result)) {
			go_on(io);
		} else {
			io->fn(io, io->rc);
		}
	}
	return count > 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static int64_t
result_of(int64_t rc)
{
	return rc < 0 ? -errno : rc;
}

static int64_t
call_system(struct dd_io *io, struct file_end *state)
{
	off_t place = (off_t)(io->offset + io->moved);

	switch (io->op) {
	case DD_READ:
		return result_of(pread(state->fd, (char *)io->buf + io->moved, length_of(io) - io->moved, place));
	case DD_WRITE:
		return result_of(pwrite(state->fd, (char *)io->buf + io->moved, io->length - io->moved, place));
	case DD_ZERO:
		if (state->zero_way == ZERO_WRITE) {
			return result_of(
				pwrite(state->fd, state->zeroes, spdk_min(io->length - io->moved, ZERO_BUFFER), place));
		}
		return result_of(fallocate(state->fd,
			FALLOC_FL_KEEP_SIZE |
				(state->zero_way == ZERO_PUNCH ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE),
			(off_t)io->offset, (off_t)io->length));
	default:
		return result_of(fdatasync(state->fd));
	}
}

/* What is allocated of a file that is not being written; of what cannot tell, all. */
static void
find_extent(struct dd_io *io, struct file_end *state)
{
	off_t data = S_ISREG(state->st.st_mode) ? lseek(state->fd, (off_t)io->offset, SEEK_DATA) : (off_t)io->offset;
	off_t end = (off_t)(io->offset + io->length);

	if (data < 0 && errno == ENXIO) {
		data = end;
	}
	io->extent_zero = data > (off_t)io->offset;
	if (!io->extent_zero) {
		data = S_ISREG(state->st.st_mode) ? lseek(state->fd, (off_t)io->offset, SEEK_HOLE) : end;
	}
	io->extent_length = data < 0 || data > end ? io->length : (uint64_t)data - io->offset;
}

static void
go_on(struct dd_io *io)
{
	struct file_end *state = io->end->state;

	if (state->has_ring) {
		submit_to_ring(io, state);
		return;
	}
	while (take_result(io, call_system(io, state))) {
	}
	dd_io_end_later(io, io->rc);
}

static void
file_submit(struct dd_end *end, struct dd_io *io)
{
	if (io->op == DD_EXTENT) {
		find_extent(io, end->state);
		dd_io_end_later(io, 0);
		return;
	}
	go_on(io);
}

const struct dd_end_ops g_dd_file_ops = {
	.open = file_open,
	.lock = file_lock,
	.prepare = file_prepare,
	.submit = file_submit,
	.close = file_close,
};
