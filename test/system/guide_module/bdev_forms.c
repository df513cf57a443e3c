/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The forms that the module development guide shows beyond those of bdev_your.c, each in its place in a disk that works: the
 * whole table of functions, metadata, memory domains, accel sequences, a module with all callbacks that it names, statuses,
 * cleaning up. Where the guide's text could not work, the comment says what is changed; doc/guide/corrections.md lists it.
 */

#include "spdk/stdinc.h"
#include "spdk/accel.h"
#include "spdk/bdev_module.h"
#include "spdk/dma.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"

#define BLOCK_SIZE 512

struct forms_bdev {
	struct spdk_bdev bdev; // Must be first member
	void *forms_context;
	void *forms_md;
};

static int bdev_forms_initialize(void);
static void bdev_forms_finish(void);
static int bdev_forms_get_ctx_size(void);
static void bdev_forms_examine(struct spdk_bdev *bdev);
static int bdev_forms_config_json(struct spdk_json_write_ctx *w);

/* Module registration: the six members that the guide shows. */
static struct spdk_bdev_module forms_if = {.name = "forms",
	.module_init = bdev_forms_initialize,
	.module_fini = bdev_forms_finish,
	.get_ctx_size = bdev_forms_get_ctx_size,
	.examine_config = bdev_forms_examine,
	.config_json = bdev_forms_config_json};

SPDK_BDEV_MODULE_REGISTER(forms, &forms_if)

static int g_forms_bdev_head;
static struct spdk_memory_domain *g_forms_memory_domain;

struct forms_io {
	struct iovec place;
	struct iovec md_place;
	struct iovec md;
};

struct forms_channel {
	struct spdk_io_channel *accel_ch;
};

/* 3.1 Destruct */
static int
bdev_forms_destruct(void *ctx)
{
	struct forms_bdev *disk = ctx;

	// Free allocated resources
	spdk_dma_free(disk->forms_context);
	free(disk->forms_md);
	free(disk->bdev.name); // Added: the guide's example keeps it
	free(disk);

	return 0; // Synchronous completion
}

static void
forms_done(void *ctx, int status)
{
	struct spdk_bdev_io *bdev_io = ctx;
	uint32_t cdw0 = 0;
	int sct = SPDK_NVME_SCT_GENERIC, sc = SPDK_NVME_SC_DATA_TRANSFER_ERROR;

	/* I/O completion: the three forms */
	if (status == 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (status == -EIO) {
		spdk_bdev_io_complete_nvme_status(bdev_io, cdw0, sct, sc);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* One copy between the disk and the caller's memory, wherever that is, as a step of a sequence. */
static int
forms_append(struct spdk_accel_sequence **sequence, struct forms_channel *ch, struct spdk_bdev_io *bdev_io,
	struct iovec *place, struct iovec *iovs, int iovcnt)
{
	struct spdk_memory_domain *domain = bdev_io->u.bdev.memory_domain;
	void *domain_ctx = bdev_io->u.bdev.memory_domain_ctx;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		return spdk_accel_append_copy(
			sequence, ch->accel_ch, place, 1, NULL, NULL, iovs, iovcnt, domain, domain_ctx, NULL, NULL);
	}
	return spdk_accel_append_copy(
		sequence, ch->accel_ch, iovs, iovcnt, domain, domain_ctx, place, 1, NULL, NULL, NULL, NULL);
}

static void
forms_copy(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct forms_channel *forms_ch = spdk_io_channel_get_ctx(ch);
	struct forms_bdev *disk = bdev_io->bdev->ctxt;
	struct forms_io *forms_io = (struct forms_io *)bdev_io->driver_ctx;
	struct spdk_accel_sequence *sequence = io->accel_sequence;
	size_t md_length = io->num_blocks * bdev_io->bdev->md_len;
	char *md = (char *)disk->forms_md + io->offset_blocks * bdev_io->bdev->md_len;
	int rc;

	forms_io->place.iov_base = (char *)disk->forms_context + io->offset_blocks * BLOCK_SIZE;
	forms_io->place.iov_len = io->num_blocks * BLOCK_SIZE;
	rc = forms_append(&sequence, forms_ch, bdev_io, &forms_io->place, io->iovs, io->iovcnt);
	if (rc == 0 && io->md_buf != NULL) {
		/* Metadata lies where the data lies: in the memory domain, if there is one. */
		forms_io->md_place = (struct iovec){md, md_length};
		forms_io->md = (struct iovec){io->md_buf, md_length};
		rc = forms_append(&sequence, forms_ch, bdev_io, &forms_io->md_place, &forms_io->md, 1);
	}
	if (rc != 0) {
		/* A sequence that came with the I/O stays with it. A copy that stands in it twice then does no harm. */
		if (io->accel_sequence == NULL) {
			spdk_accel_sequence_abort(sequence);
		}
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	io->accel_sequence = NULL;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_accel_sequence_reverse(sequence);
	} else if (io->md_buf == NULL) {
		memset(md, 0xff, md_length);
	}
	spdk_accel_sequence_finish(sequence, forms_done, bdev_io);
}

static void
forms_read_into_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	forms_copy(ch, bdev_io);
}

/* Not in the guide: zeroes have to come with metadata that nobody checks. */
static void
forms_clear(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct forms_bdev *disk = bdev_io->bdev->ctxt;

	memset((char *)disk->forms_context + io->offset_blocks * BLOCK_SIZE, 0, io->num_blocks * BLOCK_SIZE);
	memset((char *)disk->forms_md + io->offset_blocks * bdev_io->bdev->md_len, 0xff,
		io->num_blocks * bdev_io->bdev->md_len);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* 3.2 Submit request; changed: a read asks for its buffer, and what 3.3 claims is there. */
static void
bdev_forms_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, forms_read_into_buf, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		forms_copy(ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		forms_clear(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

/* 3.3 I/O type supported: the six types of the guide */
static bool
bdev_forms_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return true;
	default:
		return false;
	}
}

/* 3.4 Get I/O channel */
static struct spdk_io_channel *
bdev_forms_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_forms_bdev_head);
}

/* Memory domains; changed: array_size may be 0, and the number is asked for then. */
static int
bdev_forms_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	if (array_size >= 1) {
		domains[0] = g_forms_memory_domain;
	}
	return 1; // Number of domains returned
}

/* Acceleration sequence support */
static bool
bdev_forms_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE;
}

static int
bdev_forms_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	return 0;
}

/* Changed: it gets the bdev, and returns nothing. */
static void
bdev_forms_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_forms_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* Core function table: the eight members that the guide lists */
static const struct spdk_bdev_fn_table forms_fn_table = {
	.destruct = bdev_forms_destruct,
	.submit_request = bdev_forms_submit_request,
	.io_type_supported = bdev_forms_io_type_supported,
	.get_io_channel = bdev_forms_get_io_channel,
	.dump_info_json = bdev_forms_dump_info_json,
	.write_config_json = bdev_forms_write_config_json,
	.get_memory_domains = bdev_forms_get_memory_domains,
	.accel_sequence_supported = bdev_forms_accel_sequence_supported,
};

/* Step 4: initialize and register */
static int
forms_bdev_create(const char *name, uint64_t size_bytes, uint32_t block_size)
{
	struct forms_bdev *bdev;
	uint32_t metadata_size = 8;
	int rc;

	bdev = calloc(1, sizeof(*bdev));
	if (!bdev) {
		return -ENOMEM;
	}

	bdev->bdev.name = strdup(name);
	bdev->bdev.product_name = (char *)"Forms";
	bdev->bdev.blocklen = block_size;
	bdev->bdev.blockcnt = size_bytes / block_size;
	bdev->bdev.fn_table = &forms_fn_table;
	bdev->bdev.ctxt = bdev;
	bdev->bdev.module = &forms_if; // Added: whose bdev it is

	// Set capabilities
	bdev->bdev.write_cache = 0;
	bdev->bdev.max_rw_size = SPDK_BDEV_LARGE_BUF_MAX_SIZE / block_size;

	// Initialize metadata support; the disk keeps protection information, and leaves checking it to others
	bdev->bdev.md_len = metadata_size;
	bdev->bdev.md_interleave = false;
	bdev->bdev.dif_type = SPDK_DIF_TYPE1;
	bdev->bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_16;

	bdev->forms_context = spdk_dma_zmalloc(size_bytes, 4096, NULL);
	bdev->forms_md = malloc(bdev->bdev.blockcnt * metadata_size);
	if (bdev->bdev.name == NULL || bdev->forms_context == NULL || bdev->forms_md == NULL) {
		bdev_forms_destruct(bdev);
		return -ENOMEM;
	}
	memset(bdev->forms_md, 0xff, bdev->bdev.blockcnt * metadata_size);

	// Register with the block-device layer
	rc = spdk_bdev_register(&bdev->bdev);
	if (rc) {
		bdev_forms_destruct(bdev);
		return rc;
	}

	return 0;
}

static bool
forms_is_reserved(const char *name)
{
	return strncmp(name, "reserved", 8) == 0;
}

struct rpc_forms_create {
	char *name;
	uint64_t num_blocks;
};

static const struct spdk_json_object_decoder rpc_forms_create_decoders[] = {
	{"name", offsetof(struct rpc_forms_create, name), spdk_json_decode_string},
	{"num_blocks", offsetof(struct rpc_forms_create, num_blocks), spdk_json_decode_uint64},
};

static void
rpc_bdev_forms_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct rpc_forms_create req = {};
	int rc;

	if (spdk_json_decode_object(params, rpc_forms_create_decoders, SPDK_COUNTOF(rpc_forms_create_decoders), &req)) {
		spdk_jsonrpc_send_error_response(
			request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "bdev_forms_create: name and num_blocks");
		goto cleanup;
	}

	rc = forms_bdev_create(req.name, req.num_blocks * BLOCK_SIZE, BLOCK_SIZE);
	if (rc == 0 && forms_is_reserved(req.name)) {
		/*
		 * Resource cleanup. Changed: a registered bdev is unregistered, which frees it when its destruct is called;
		 * to free it here as well would free it twice.
		 */
		spdk_bdev_unregister(spdk_bdev_get_by_name(req.name), NULL, NULL);
		rc = -EPERM;
	}
	if (rc != 0) {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
		goto cleanup;
	}
	spdk_jsonrpc_send_bool_response(request, true);

cleanup:
	free(req.name);
}
SPDK_RPC_REGISTER("bdev_forms_create", rpc_bdev_forms_create, SPDK_RPC_RUNTIME)

static int
forms_channel_create(void *io_device, void *ctx)
{
	struct forms_channel *ch = ctx;

	ch->accel_ch = spdk_accel_get_io_channel();
	return ch->accel_ch ? 0 : -ENOMEM;
}

static void
forms_channel_destroy(void *io_device, void *ctx)
{
	struct forms_channel *ch = ctx;

	spdk_put_io_channel(ch->accel_ch);
}

static int
bdev_forms_initialize(void)
{
	g_forms_memory_domain = spdk_memory_domain_get_system_domain();
	spdk_io_device_register(
		&g_forms_bdev_head, forms_channel_create, forms_channel_destroy, sizeof(struct forms_channel), "forms");
	return 0;
}

static void
bdev_forms_finish(void)
{
	spdk_io_device_unregister(&g_forms_bdev_head, NULL);
}

static int
bdev_forms_get_ctx_size(void)
{
	return sizeof(struct forms_io);
}

/* Added: it says that it is done. */
static void
bdev_forms_examine(struct spdk_bdev *bdev)
{
	spdk_bdev_module_examine_done(&forms_if);
}

static int
bdev_forms_config_json(struct spdk_json_write_ctx *w)
{
	return 0;
}
