/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * fio's jobs on bdevs: ioengine=external:FOLDER/bdevkit.so, or ioengine=spdk_bdev as job files have it that were made for
 * the plugin of that name. A job is a thread (thread=1); each of its files is a bdev with a local queue, so that the job's
 * own thread carries its I/O out. What fio queues is submitted in one array when it commits.
 *
 * fio itself takes care of verification, rates, zones' write pointers, ...
 */

#include "engine.h"

#include "spdk/bdev_zone.h"

/* Requests that are fetched at once. */
#define MAX_REAP 64

struct job {
	struct engine_file *files;
	unsigned int num_files;
	struct io_u **events;
	/* Appends that have ended, which do not come by way of a queue. */
	struct io_u **appended;
	unsigned int num_appended;
	bool zone_append;
};

/* What an io_u has of the engine. */
struct unit {
	struct bdk_request request;
	struct io_u *io_u;
	struct job *job;
};

extern struct ioengine_ops ioengine, spdk_bdev;

/* ---- files ---- */

int
engine_file_open(struct engine_file *file, const char *name, bool write)
{
	int rc;

	rc = bdk_disk_open(name, write, &file->disk);
	if (rc != 0) {
		log_err("bdevkit: cannot open %s%s: %s\n", name, write ? " for writing" : "", strerror(-rc));
		return rc;
	}
	rc = bdk_queue_create(file->disk, BDK_QUEUE_LOCAL, &file->queue);
	if (rc != 0) {
		log_err("bdevkit: no channel of %s: %s\n", name, strerror(-rc));
		bdk_disk_close(file->disk);
		return rc;
	}
	file->block_size = bdk_disk_get_block_size(file->disk);
	return 0;
}

void
engine_file_close(struct engine_file *file)
{
	bdk_queue_destroy(file->queue);
	bdk_disk_close(file->disk);
}

struct engine_file *
engine_file_of(struct thread_data *td, const struct fio_file *file)
{
	struct job *job = td->io_ops_data;

	return job != NULL && (unsigned int)file->fileno < job->num_files ? &job->files[file->fileno] : NULL;
}

/* ---- before jobs run ---- */

/* All bdevs that nobody else writes to, for filename=*. */
static void
add_all_files(void *arg)
{
	struct thread_data *td = arg;
	struct spdk_bdev *bdev;

	for (bdev = spdk_bdev_first_leaf(); bdev != NULL; bdev = spdk_bdev_next_leaf(bdev)) {
		add_file(td, spdk_bdev_get_name(bdev), 0, 1);
	}
}

static bool
is_all(struct thread_data *td)
{
	return td->o.nr_files == 1 && strcmp(td->files[0]->file_name, "*") == 0;
}

static int
set_all_files(struct thread_data *td)
{
	/* fio frees the list with the job, as the file of this name. */
	td->files_index = 0;
	td->o.nr_files = 0;
	if (bdk_embed_call(add_all_files, td) != 0 || td->o.nr_files == 0) {
		log_err("bdevkit: there is no bdev that filename=* could mean\n");
		return -ENODEV;
	}
	return 0;
}

static int
describe_file(struct thread_data *td, struct fio_file *f)
{
	struct bdk_disk *disk;
	int rc;

	rc = engine_name_prepare(f->file_name);
	if (rc != 0) {
		return rc;
	}
	rc = bdk_disk_open(engine_name_of(f->file_name), false, &disk);
	if (rc != 0) {
		log_err("bdevkit: there is no bdev %s; filename= names one of the configuration, or is an "
			"expression such as malloc\\:64M\n",
			f->file_name);
		return rc;
	}
	f->real_file_size = bdk_disk_get_num_blocks(disk) * bdk_disk_get_block_size(disk);
	f->filetype = FIO_TYPE_BLOCK;
	fio_file_set_size_known(f);
	if (td->o.bs[DDIR_WRITE] % bdk_disk_get_block_size(disk) != 0 ||
		td->o.bs[DDIR_READ] % bdk_disk_get_block_size(disk) != 0) {
		log_err("bdevkit: bs= has to be a multiple of %u, the block size of %s\n",
			bdk_disk_get_block_size(disk), f->file_name);
		rc = -EINVAL;
	}
	bdk_disk_close(disk);
	return rc;
}

static int
describe_files(struct thread_data *td)
{
	struct engine_options *options = td->eo;
	struct fio_file *f;
	unsigned int i;
	int rc;

	for_each_file(td, f, i)
	{
		rc = describe_file(td, f);
		if (rc == 0 && options->initial_zone_reset && td_write(td)) {
			rc = engine_reset_zones(td, f, 0, f->real_file_size);
		}
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int
engine_setup(struct thread_data *td)
{
	int rc;

	/* They stand behind all options of a job: if they are in their place, so is everything that is used here. */
	if ((td->io_ops != &ioengine && td->io_ops != &spdk_bdev) || td->eo == NULL) {
		log_err("bdevkit: the engine was built for another fio than this one\n");
		return 1;
	}
	if (!td->o.use_thread) {
		log_err("bdevkit: jobs share the bdevs of one process: thread=1 is needed\n");
		return 1;
	}
	rc = engine_layer_get(td);
	if (rc != 0) {
		return 1;
	}
	rc = is_all(td) ? set_all_files(td) : 0;
	if (rc == 0) {
		rc = describe_files(td);
	}
	if (rc != 0) {
		engine_layer_put();
		return 1;
	}
	return 0;
}

/* ---- a job ---- */

static void
free_job(struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->num_files; i++) {
		engine_file_close(&job->files[i]);
		free(job->files[i].pending);
	}
	free(job->files);
	free(job->events);
	free(job->appended);
	free(job);
}

static struct job *
alloc_job(struct thread_data *td)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job != NULL) {
		job->files = calloc(td->o.nr_files, sizeof(*job->files));
		job->events = calloc(td->o.iodepth, sizeof(*job->events));
		job->appended = calloc(td->o.iodepth, sizeof(*job->appended));
		if (job->files == NULL || job->events == NULL || job->appended == NULL) {
			free_job(job);
			job = NULL;
		}
	}
	return job;
}

static int
open_files(struct thread_data *td, struct job *job)
{
	struct engine_file *file;
	struct fio_file *f;
	unsigned int i;

	for_each_file(td, f, i)
	{
		file = &job->files[i];
		file->file = f;
		file->pending = calloc(td->o.iodepth, sizeof(*file->pending));
		if (file->pending == NULL ||
			engine_file_open(
				file, engine_name_of(f->file_name), !read_only && (td_write(td) || td_trim(td))) != 0) {
			free(file->pending);
			return -ENODEV;
		}
		job->num_files++;
		if (td->o.nr_files > 1) {
			/* It waits for all of them at once. */
			bdk_queue_get_fd(file->queue);
		}
	}
	return 0;
}

static int
engine_init(struct thread_data *td)
{
	const struct engine_options *options = td->eo;
	struct job *job = alloc_job(td);

	if (job == NULL) {
		return 1;
	}
	job->zone_append = options->zone_append != 0;
	if (open_files(td, job) != 0) {
		free_job(job);
		return 1;
	}
	td->io_ops_data = job;
	return 0;
}

/* Also of a job that did not come to be. */
static void
engine_cleanup(struct thread_data *td)
{
	struct job *job = td->io_ops_data;

	if (job != NULL) {
		free_job(job);
		td->io_ops_data = NULL;
	}
	engine_layer_put();
}

static int
engine_open_file(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

static int
engine_close_file(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

static int
engine_invalidate(struct thread_data *td, struct fio_file *f)
{
	return 0;
}

static int
engine_iomem_alloc(struct thread_data *td, size_t size)
{
	td->orig_buffer = spdk_dma_zmalloc(size, 4096, NULL);
	return td->orig_buffer == NULL;
}

static void
engine_iomem_free(struct thread_data *td)
{
	spdk_dma_free(td->orig_buffer);
}

static int
engine_io_u_init(struct thread_data *td, struct io_u *io_u)
{
	struct unit *unit = calloc(1, sizeof(*unit));

	if (unit == NULL) {
		return 1;
	}
	unit->io_u = io_u;
	unit->request.user = unit;
	io_u->engine_data = unit;
	return 0;
}

static void
engine_io_u_free(struct thread_data *td, struct io_u *io_u)
{
	free(io_u->engine_data);
	io_u->engine_data = NULL;
}

/* ---- I/O ---- */

static void
append_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct unit *unit = ctx;

	unit->io_u->error = success ? 0 : EIO;
	spdk_bdev_free_io(bdev_io);
	unit->job->appended[unit->job->num_appended++] = unit->io_u;
}

static enum fio_q_status
fail(struct io_u *io_u, int error)
{
	io_u->error = error;
	return FIO_Q_COMPLETED;
}

/* zone_append=1: wherever fio wanted it in its zone, it goes to the write pointer. */
static enum fio_q_status
append(struct engine_file *file, struct unit *unit)
{
	struct spdk_bdev_desc *desc = bdk_disk_get_desc(file->disk);
	uint64_t block = unit->io_u->offset / file->block_size;
	int rc;

	if (bdk_disk_is_gone(file->disk)) {
		return fail(unit->io_u, ENODEV);
	}
	spdk_set_thread(bdk_queue_get_thread(file->queue));
	rc = spdk_bdev_zone_append(desc, bdk_queue_get_channel(file->queue), unit->io_u->xfer_buf,
		spdk_bdev_get_zone_id(spdk_bdev_desc_get_bdev(desc), block), unit->io_u->xfer_buflen / file->block_size,
		append_done_cb, unit);
	spdk_set_thread(NULL);
	if (rc == -ENOMEM) {
		return FIO_Q_BUSY;
	}
	return rc != 0 ? fail(unit->io_u, -rc) : FIO_Q_QUEUED;
}

static int
type_of(const struct io_u *io_u)
{
	switch (io_u->ddir) {
	case DDIR_READ:
		return SPDK_BDEV_IO_TYPE_READ;
	case DDIR_WRITE:
		return SPDK_BDEV_IO_TYPE_WRITE;
	case DDIR_TRIM:
		return SPDK_BDEV_IO_TYPE_UNMAP;
	case DDIR_SYNC:
	case DDIR_DATASYNC:
		return SPDK_BDEV_IO_TYPE_FLUSH;
	default:
		return -1;
	}
}

static enum fio_q_status
engine_queue(struct thread_data *td, struct io_u *io_u)
{
	struct engine_file *file = engine_file_of(td, io_u->file);
	struct unit *unit = io_u->engine_data;
	struct bdk_request *request = &unit->request;
	int type = type_of(io_u);

	fio_ro_check(td, io_u);
	unit->job = td->io_ops_data;
	if (type < 0) {
		return fail(io_u, EOPNOTSUPP);
	}
	if (type == SPDK_BDEV_IO_TYPE_FLUSH && !bdk_disk_io_type_supported(file->disk, SPDK_BDEV_IO_TYPE_FLUSH)) {
		/* There is nothing that a flush could make durable. */
		return fail(io_u, 0);
	}
	if (!bdk_disk_io_type_supported(file->disk, (enum spdk_bdev_io_type)type)) {
		return fail(io_u, EOPNOTSUPP);
	}
	if (type != SPDK_BDEV_IO_TYPE_FLUSH &&
		(io_u->offset % file->block_size != 0 || io_u->xfer_buflen % file->block_size != 0)) {
		return fail(io_u, EINVAL);
	}
	if (type == SPDK_BDEV_IO_TYPE_WRITE && unit->job->zone_append) {
		return append(file, unit);
	}
	request->type = (uint8_t)type;
	request->buf = io_u->xfer_buf;
	if (type == SPDK_BDEV_IO_TYPE_FLUSH) {
		request->offset_blocks = 0;
		request->num_blocks = bdk_disk_get_num_blocks(file->disk);
	} else {
		request->offset_blocks = io_u->offset / file->block_size;
		request->num_blocks = io_u->xfer_buflen / file->block_size;
	}
	file->pending[file->num_pending++] = request;
	return FIO_Q_QUEUED;
}

static int
engine_commit(struct thread_data *td)
{
	struct job *job = td->io_ops_data;
	struct engine_file *file;
	unsigned int i, count;

	for (i = 0; i < job->num_files; i++) {
		file = &job->files[i];
		count = file->num_pending;
		if (count > 0) {
			io_u_mark_submit(td, count);
			file->num_pending = 0;
			bdk_queue_submit(file->queue, file->pending, count);
		}
	}
	return 0;
}

static struct io_u *
io_u_of(const struct bdk_request *request)
{
	struct unit *unit = request->user;

	unit->io_u->error = -request->status;
	return unit->io_u;
}

/* Fetches at most max, without waiting. */
static unsigned int
reap(struct job *job, struct io_u **events, unsigned int max)
{
	struct bdk_request *done[MAX_REAP];
	unsigned int total = 0, i;
	uint32_t count, n, room;

	for (i = 0; i < job->num_files && total < max; i++) {
		do {
			room = max - total < MAX_REAP ? max - total : MAX_REAP;
			count = bdk_queue_reap(job->files[i].queue, done, room);
			for (n = 0; n < count; n++) {
				events[total++] = io_u_of(done[n]);
			}
		} while (count == MAX_REAP && total < max);
	}
	while (job->num_appended > 0 && total < max) {
		events[total++] = job->appended[--job->num_appended];
	}
	return total;
}

/* Until something may have ended on one of the queues. */
static void
wait_any(struct job *job, int timeout_ms)
{
	struct pollfd pfd[job->num_files];
	unsigned int i;

	for (i = 0; i < job->num_files; i++) {
		pfd[i] = (struct pollfd){.fd = bdk_queue_get_fd(job->files[i].queue), .events = POLLIN};
	}
	poll(pfd, job->num_files, timeout_ms);
}

/* Waits for one I/O, or so long. Returns how many it has put there. */
static unsigned int
wait_some(struct job *job, struct io_u **event, uint64_t timeout_us)
{
	struct bdk_request *done[1];

	if (job->zone_append) {
		/* Its I/O does not come by way of the queue. */
		wait_any(job, 1);
		return 0;
	}
	if (job->num_files > 1) {
		wait_any(job, timeout_us != UINT64_MAX ? (int)(timeout_us / 1000) + 1 : -1);
		return 0;
	}
	if (bdk_queue_wait(job->files[0].queue, done, 1, 1, timeout_us) == 0) {
		return 0;
	}
	*event = io_u_of(done[0]);
	return 1;
}

static int
engine_getevents(struct thread_data *td, unsigned int min, unsigned int max, const struct timespec *t)
{
	struct job *job = td->io_ops_data;
	uint64_t timeout_us = t != NULL ? t->tv_sec * 1000000ULL + t->tv_nsec / 1000 : UINT64_MAX;
	unsigned int total;
	struct timespec begin;

	fio_gettime(&begin, NULL);
	total = reap(job, job->events, max);
	while (total < min && (t == NULL || utime_since_now(&begin) < timeout_us)) {
		total += wait_some(job, job->events + total, timeout_us);
		total += reap(job, job->events + total, max - total);
	}
	return (int)total;
}

static struct io_u *
engine_event(struct thread_data *td, int event)
{
	struct job *job = td->io_ops_data;

	return job->events[event];
}

/* ---- options ---- */

#define OPTION(NAME, TYPE, FIELD, HELP) \
	{ \
		.name = NAME, .lname = NAME, .type = TYPE, .off1 = offsetof(struct engine_options, FIELD), \
		.help = HELP, .category = FIO_OPT_C_ENGINE, .group = FIO_OPT_G_INVALID, \
	}

static struct fio_option g_options[] = {
	OPTION("spdk_json_conf", FIO_OPT_STR_STORE, json_conf, "Configuration that makes the bdevs, as JSON"),
	OPTION("spdk_conf", FIO_OPT_STR_STORE, conf, "The same as spdk_json_conf"),
	OPTION("spdk_mem", FIO_OPT_INT, mem_mb, "Taken for the sake of old job files: memory is not reserved"),
	OPTION("spdk_single_seg", FIO_OPT_BOOL, mem_single_seg, "Taken for the sake of old job files"),
	OPTION("log_flags", FIO_OPT_STR_STORE, log_flags, "Log flags to switch on, separated by commas"),
	OPTION("initial_zone_reset", FIO_OPT_BOOL, initial_zone_reset, "Reset all zones before the jobs run"),
	OPTION("zone_append", FIO_OPT_BOOL, zone_append, "Write by appending to zones"),
	OPTION("env_context", FIO_OPT_STR_STORE, env_context, "Taken for the sake of old job files"),
	OPTION("spdk_rpc_listen_addr", FIO_OPT_STR_STORE, rpc_listen_addr, "Path of an RPC socket; none without"),
	{.name = NULL},
};

#define OPERATIONS(NAME) \
	{ \
		.name = NAME, .version = FIO_IOOPS_VERSION, \
		.flags = FIO_RAWIO | FIO_NOEXTEND | FIO_NODISKUTIL | FIO_MEMALIGN, .setup = engine_setup, \
		.init = engine_init, .queue = engine_queue, .commit = engine_commit, .getevents = engine_getevents, \
		.event = engine_event, .cleanup = engine_cleanup, .open_file = engine_open_file, \
		.close_file = engine_close_file, .invalidate = engine_invalidate, .iomem_alloc = engine_iomem_alloc, \
		.iomem_free = engine_iomem_free, .io_u_init = engine_io_u_init, .io_u_free = engine_io_u_free, \
		.get_zoned_model = engine_get_zoned_model, .report_zones = engine_report_zones, \
		.reset_wp = engine_reset_zones, .get_max_open_zones = engine_get_max_open_zones, \
		.option_struct_size = sizeof(struct engine_options), .options = g_options, \
	}

/* fio looks for a symbol of the engine's name, or for this one. */
struct ioengine_ops ioengine = OPERATIONS("bdevkit");
struct ioengine_ops spdk_bdev = OPERATIONS("spdk_bdev");

/* For those who preload it. */
static void fio_init
register_engine(void)
{
	register_ioengine(&spdk_bdev);
}
