/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The fio engine:
 *   engine.c   jobs: their disks, queues and I/O
 *   zones.c    disks that are made of zones
 *   layer.c    the block-device layer, which all jobs share
 *   names.c    which bdev a filename= is
 */

#ifndef FIO_ENGINE_H
#define FIO_ENGINE_H

#include "fio.h"
#include "optgroup.h"

#include "bdevkit/embed.h"
#include "spdk/bdev.h"
#include "spdk/thread.h"

/* What a job file may say besides fio's own options; the first ones for the sake of job files of spdk_bdev. */
struct engine_options {
	/* fio takes offset 0 for "no option". */
	void *pad;
	char *conf;
	char *json_conf;
	unsigned int mem_mb;
	int mem_single_seg;
	char *log_flags;
	int initial_zone_reset;
	int zone_append;
	char *env_context;
	char *rpc_listen_addr;
};

/* A file of a job: a bdev, and the queue by which this job's thread reaches it. */
struct engine_file {
	struct fio_file *file;
	struct bdk_disk *disk;
	struct bdk_queue *queue;
	uint32_t block_size;
	/* What fio has queued and not committed. */
	struct bdk_request **pending;
	unsigned int num_pending;
};

/* ---- layer.c ---- */

/* Starts the layer for the first who asks, with his options. 0 or a negative errno, which was told. */
int engine_layer_get(struct thread_data *td);
/* Stops it with the last one. */
void engine_layer_put(void);

/* ---- names.c ---- */

/*
 * Makes the bdev of a filename that is an expression, such as malloc:64M, unless another job has done so. While the layer runs,
 * by one thread at a time. 0 or a negative errno, which was told.
 */
int engine_name_prepare(const char *filename);
/* The name of the bdev that a filename is, valid until the layer stops. */
const char *engine_name_of(const char *filename);
/* With the layer, the bdevs are gone. */
void engine_names_forget(void);

/* ---- engine.c ---- */

/* Opens a disk with a local queue. 0 or a negative errno. */
int engine_file_open(struct engine_file *file, const char *name, bool write);
void engine_file_close(struct engine_file *file);

/* The open file of a running job; NULL: there is none yet. */
struct engine_file *engine_file_of(struct thread_data *td, const struct fio_file *file);

/* ---- zones.c: operations of the engine ---- */

int engine_get_zoned_model(struct thread_data *td, struct fio_file *file, enum zbd_zoned_model *model);
int engine_report_zones(
	struct thread_data *td, struct fio_file *file, uint64_t offset, struct zbd_zone *zones, unsigned int count);
int engine_reset_zones(struct thread_data *td, struct fio_file *file, uint64_t offset, uint64_t length);
int engine_get_max_open_zones(struct thread_data *td, struct fio_file *file, unsigned int *count);

#endif /* FIO_ENGINE_H */
