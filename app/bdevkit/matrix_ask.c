/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a module supports: a bdev of it is made by its RPC method, and asked; what it does not say of itself is tried. In a
 * simulation, so that it can be counted how often an idle bdev wakes its thread.
 */

#include "app/bdevkit/matrix.h"

#include "spdk/accel.h"
#include "spdk/bdev_module.h"
#include "spdk/bdev_zone.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/check/session.h"
#include "app/bdevkit/text.h"

#define PATIENCE_US (10 * 1000000ULL)
/* How long an idle bdev is watched. */
#define SLEEP_US (10 * 1000000ULL)

static void __attribute__((format(printf, 3, 4)))
set_value(struct matrix_column *column, const char *row, const char *format, ...)
{
	va_list args;

	assert(column->num_rows < MATRIX_MAX_ROWS);
	column->rows[column->num_rows] = row;
	va_start(args, format);
	vsnprintf(column->values[column->num_rows++], MATRIX_VALUE_SIZE, format, args);
	va_end(args);
}

/* ---- making and deleting ---- */

enum base {
	BASE_MALLOC,
	/* Which can be resized. */
	BASE_NULL,
};

static int
call_method(const struct matrix_call *call, const char *more)
{
	char *config = spdk_sprintf_alloc("{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": ["
					  "{\"method\": \"%s\", \"params\": {%s%s}}, "
					  "{\"method\": \"bdev_wait_for_examine\"}]}]}",
		call->method, call->params, more);
	int rc = config == NULL ? -ENOMEM : session_load(config, strlen(config));

	free(config);
	return rc;
}

/* Returns 0 also if there is nothing to call. */
static int
call_if_any(const struct matrix_call *call, const char *more)
{
	return call->method == NULL ? 0 : call_method(call, more);
}

static int
make_file(const struct matrix_module *module, off_t size)
{
	int fd = open(MATRIX_FILE, O_RDWR | O_CREAT | O_TRUNC, 0600), rc = 0;

	if (fd < 0) {
		return -errno;
	}
	if (ftruncate(fd, size) != 0) {
		rc = -errno;
	} else if (module->prepare != NULL) {
		rc = module->prepare(fd);
	}
	close(fd);
	return rc;
}

static int
make_base(const struct matrix_module *module, enum base base, const char *more)
{
	static const struct matrix_call on_file = {"bdev_aio_create",
		"\"name\": \"" MATRIX_BASE "\", \"filename\": \"" MATRIX_FILE "\", \"block_size\": 4096"};
	static const struct matrix_call on_memory[] = {
		[BASE_MALLOC] = {"bdev_malloc_create",
			"\"name\": \"" MATRIX_BASE "\", \"num_blocks\": 256, \"block_size\": 4096"},
		[BASE_NULL] = {"bdev_null_create",
			"\"name\": \"" MATRIX_BASE "\", \"num_blocks\": 256, \"block_size\": 4096"},
	};

	return call_method(module->prepare != NULL ? &on_file : &on_memory[base], more);
}

static const char *
name_of(const struct matrix_module *module)
{
	return module->bdev != NULL ? module->bdev : "m";
}

/* more: further parameters, with a comma in front. If they are refused, that is an answer, not an error. */
static struct spdk_bdev *
make_bdev(const struct matrix_module *module, enum base base, const char *more)
{
	int rc = make_file(module, MATRIX_FILE_SIZE);

	if (rc == 0) {
		rc = call_if_any(&module->before, "");
	}
	if (rc == 0 && module->on_base) {
		rc = make_base(module, base, more);
		more = "";
	}
	if (rc == 0) {
		rc = call_if_any(&module->create, more);
	}
	return rc == 0 ? spdk_bdev_get_by_name(name_of(module)) : NULL;
}

static void
delete_base(void)
{
	static const struct matrix_call calls[] = {{"bdev_malloc_delete", "\"name\": \"" MATRIX_BASE "\""},
		{"bdev_null_delete", "\"name\": \"" MATRIX_BASE "\""},
		{"bdev_aio_delete", "\"name\": \"" MATRIX_BASE "\""}};
	const struct spdk_bdev *base = spdk_bdev_get_by_name(MATRIX_BASE);

	for (size_t i = 0; base != NULL && i < SPDK_COUNTOF(calls); i++) {
		if (strncmp(calls[i].method + strlen("bdev_"), base->module->name, strlen(base->module->name)) == 0) {
			call_method(&calls[i], "");
			break;
		}
	}
}

static void
delete_bdev(const struct matrix_module *module)
{
	enum spdk_log_level level = spdk_log_get_print_level();

	/* Also what only waits for its base, and would come back with it; there need not be any. */
	if (spdk_bdev_get_by_name(name_of(module)) == NULL) {
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
	}
	call_if_any(&module->delete, "");
	spdk_log_set_print_level(level);
	delete_base();
	call_if_any(&module->after, "");
	session_settle();
}

/* ---- asking ---- */

struct attempt {
	bool done;
	bool success;
	/* A block that can be written: in a bdev with zones the first one of an empty zone. */
	uint64_t block;
	void *buf;
	struct iovec iovs[2];
};

static void
attempt_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct attempt *attempt = cb_arg;
	int sc, sk, asc, ascq;

	/* Compared and found different is carried out as well: a module may hold anything. */
	spdk_bdev_io_get_scsi_status(bdev_io, &sc, &sk, &asc, &ascq);
	attempt->done = true;
	attempt->success = success || sk == SPDK_SCSI_SENSE_MISCOMPARE;
	spdk_bdev_free_io(bdev_io);
}

static bool
is_done(void *arg)
{
	return ((const struct attempt *)arg)->done;
}

/* Of the types that need no particular device. */
static int
submit(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct attempt *attempt)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return spdk_bdev_compare_blocks(desc, ch, attempt->buf, 0, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return spdk_bdev_comparev_and_writev_blocks(
			desc, ch, &attempt->iovs[0], 1, &attempt->iovs[1], 1, attempt->block, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch, attempt->block, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch, attempt->block, 0, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return spdk_bdev_seek_data(desc, ch, 0, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return spdk_bdev_seek_hole(desc, ch, 0, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch, 0, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch, 0, 1, attempt_cb, attempt);
	default:
		return -ENOTSUP;
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static bool
find_block(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, struct attempt *attempt)
{
	const struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(desc);
	struct attempt reset = {};

	attempt->block = 1;
	if (!spdk_bdev_is_zoned(bdev)) {
		return true;
	}
	attempt->block = spdk_bdev_get_zone_size(bdev);
	return spdk_bdev_zone_management(desc, ch, attempt->block, SPDK_BDEV_ZONE_RESET, attempt_cb, &reset) == 0 &&
		session_wait(is_done, &reset, PATIENCE_US) && reset.success;
}

/* Whether the layer carries out a type that the module does not have: it takes one, and it ends well. */
static bool
is_emulated(const char *name, enum spdk_bdev_io_type type)
{
	static struct attempt attempt;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	bool ended = false;

	attempt = (struct attempt){.buf = aligned_alloc(4096, 4096)};
	if (attempt.buf == NULL || spdk_bdev_open_ext(name, true, event_cb, NULL, &desc) != 0) {
		free(attempt.buf);
		return false;
	}
	memset(attempt.buf, 0, 4096);
	attempt.iovs[0] = attempt.iovs[1] = (struct iovec){.iov_base = attempt.buf, .iov_len = 4096};
	ch = spdk_bdev_get_io_channel(desc);
	if (ch != NULL) {
		ended = find_block(desc, ch, &attempt) && submit(type, desc, ch, &attempt) == 0 &&
			session_wait(is_done, &attempt, PATIENCE_US);
		spdk_put_io_channel(ch);
	}
	spdk_bdev_close(desc);
	free(attempt.buf);
	return ended && attempt.success;
}

static void
ask_io_types(const struct matrix_module *module, struct matrix_column *column, struct spdk_bdev *bdev)
{
	for (int type = SPDK_BDEV_IO_TYPE_READ; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		bool native = bdev->fn_table->io_type_supported(bdev->ctxt, type);

		set_value(column, spdk_bdev_get_io_type_name(type), "%s",
			native                                       ? "native"
				: is_emulated(name_of(module), type) ? "emulated"
								     : "no");
	}
}

static bool
is_accel_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return bdev->fn_table->accel_sequence_supported != NULL &&
		bdev->fn_table->accel_sequence_supported(bdev->ctxt, type);
}

static void
ask_properties(struct matrix_column *column, struct spdk_bdev *bdev)
{
	set_value(column, "memory domains", "%d", spdk_bdev_get_memory_domains(bdev, NULL, 0));
	set_value(column, "accel sequences", "%s",
		is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_READ)
			? is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE) ? "read, write" : "read"
			: is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE) ? "write"
									    : "no");
	set_value(column, "write cache", "%s", spdk_bdev_has_write_cache(bdev) ? "yes" : "no");
	set_value(column, "holes are zeroes", "%s", bdev->holes_are_zeroes ? "yes" : "no");
	set_value(column, "buffer alignment", "%zu", spdk_bdev_get_buf_align(bdev));
}

/* ---- sleeping ---- */

/* An open bdev with a channel, both of which go when it is removed. */
struct opener {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	bool removed;
	bool resized;
};

static void
leave(struct opener *opener)
{
	if (opener->ch != NULL) {
		spdk_put_io_channel(opener->ch);
		opener->ch = NULL;
	}
	if (opener->desc != NULL) {
		spdk_bdev_close(opener->desc);
		opener->desc = NULL;
	}
}

static void
opener_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	struct opener *opener = event_ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		opener->removed = true;
		leave(opener);
	} else if (type == SPDK_BDEV_EVENT_RESIZE) {
		opener->resized = true;
	}
}

static bool
enter(const struct matrix_module *module, struct opener *opener)
{
	*opener = (struct opener){};
	if (spdk_bdev_open_ext(name_of(module), false, opener_cb, opener, &opener->desc) != 0) {
		return false;
	}
	opener->ch = spdk_bdev_get_io_channel(opener->desc);
	if (opener->ch == NULL) {
		leave(opener);
		return false;
	}
	session_settle();
	return true;
}

/* Whether its thread has as little to do while nobody uses it as if it were not there. */
static void
ask_sleep(const struct matrix_module *module, struct matrix_column *column, uint64_t steps_without)
{
	static struct opener opener;
	uint64_t steps;

	if (!enter(module, &opener)) {
		set_value(column, "sleeps while idle", "no channel");
		return;
	}
	steps = session_count_steps(SLEEP_US);
	if (steps > steps_without) {
		set_value(column, "sleeps while idle", "no, %.1f/s",
			(double)(steps - steps_without) * 1000000 / (double)SLEEP_US);
	} else {
		set_value(column, "sleeps while idle", "yes");
	}
	leave(&opener);
	session_settle();
}

/* ---- configuration ---- */

/* What save_config would write, as far as bdevs have to do with it. The caller frees it. */
static char *
save(void)
{
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, 0);

	if (w == NULL) {
		return NULL;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "subsystems");
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", "accel");
	spdk_json_write_name(w, "config");
	spdk_accel_write_config_json(w);
	spdk_json_write_object_end(w);
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", "bdev");
	spdk_json_write_name(w, "config");
	spdk_bdev_subsystem_config_json(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	if (spdk_json_write_end(w) != 0) {
		free(text.data);
		return NULL;
	}
	return text.data;
}

/* Whether what is saved makes the bdev again, so that the same is saved again. Leaves it made. */
static bool
survives_round_trip(const struct matrix_module *module)
{
	const struct spdk_bdev *bdev = spdk_bdev_get_by_name(name_of(module));
	uint64_t num_blocks = bdev->blockcnt;
	char *saved = save(), *again = NULL;
	bool same = false;

	delete_bdev(module);
	if (saved != NULL && session_load(saved, strlen(saved)) == 0) {
		bdev = spdk_bdev_get_by_name(name_of(module));
		again = save();
		same = bdev != NULL && bdev->blockcnt == num_blocks && again != NULL && strcmp(saved, again) == 0;
	}
	free(saved);
	free(again);
	return same;
}

static bool
has_method(const struct matrix_call *call)
{
	return call->method != NULL && spdk_rpc_is_method_allowed(call->method, SPDK_RPC_RUNTIME) == 0;
}

static void
ask_configuration(const struct matrix_module *module, struct matrix_column *column)
{
	set_value(column, "created by method", "%s", has_method(&module->create) ? "yes" : "by examining");
	set_value(column, "removed by method", "%s", has_method(&module->delete) ? "yes" : "no");
	set_value(column, "config round trip", "%s", survives_round_trip(module) ? "yes" : "no");
}

/* ---- removal and resize ---- */

static bool
is_gone(void *arg)
{
	return spdk_bdev_get_by_name(arg) == NULL;
}

static void
unregister_cb(void *ctx, int rc)
{
}

/* Whether the bdev goes while somebody has it open who then closes it: its own removal, or that of its base. */
static bool
goes(const struct matrix_module *module, bool with_base)
{
	static struct opener opener;
	static char name[64];
	struct spdk_bdev *bdev = make_bdev(module, BASE_MALLOC, "");
	bool gone = false;

	snprintf(name, sizeof(name), "%s", name_of(module));
	if (bdev != NULL && enter(module, &opener)) {
		if (with_base) {
			delete_base();
		} else if (module->delete.method != NULL) {
			call_method(&module->delete, "");
		} else {
			spdk_bdev_unregister(bdev, unregister_cb, NULL);
		}
		gone = session_wait(is_gone, name, PATIENCE_US) && opener.removed;
		leave(&opener);
	}
	delete_bdev(module);
	return gone;
}

static const char *
resizes(const struct matrix_module *module)
{
	static const struct matrix_call resize_base = {
		"bdev_null_resize", "\"name\": \"" MATRIX_BASE "\", \"new_size\": 2"};
	static struct opener opener;
	struct spdk_bdev *bdev = make_bdev(module, BASE_NULL, "");
	bool larger = false;
	uint64_t before;

	if (bdev != NULL && enter(module, &opener)) {
		before = bdev->blockcnt;
		if (module->on_base && module->prepare == NULL) {
			call_method(&resize_base, "");
		} else if (module->resize.method != NULL && truncate(MATRIX_FILE, 2L * MATRIX_FILE_SIZE) == 0) {
			call_method(&module->resize, "");
		}
		session_settle();
		larger = opener.resized && bdev->blockcnt > before;
		leave(&opener);
	}
	delete_bdev(module);
	return !larger ? "no" : module->on_base ? "with its base" : "yes";
}

static void
ask_changes(const struct matrix_module *module, struct matrix_column *column)
{
	set_value(column, "removed while open", "%s", goes(module, false) ? "yes" : "no");
	set_value(column, "goes with its base", "%s", !module->on_base ? "-" : goes(module, true) ? "yes" : "no");
	set_value(column, "resized while open", "%s", resizes(module));
}

/* ---- metadata ---- */

/* A format of the metadata: whether a bdev of it can be made, and then has it. */
static bool
has_format(const struct matrix_module *module, const char *more, bool interleaved, int dif_type)
{
	const struct spdk_bdev *bdev = make_bdev(module, BASE_MALLOC, more);
	bool has = bdev != NULL && spdk_bdev_get_md_size(bdev) != 0 &&
		spdk_bdev_is_md_interleaved(bdev) == interleaved && (int)spdk_bdev_get_dif_type(bdev) == dif_type;

	delete_bdev(module);
	return has;
}

static void
ask_formats(const struct matrix_module *module, struct matrix_column *column)
{
	static const struct {
		const char *row;
		/* Where a module has but one place for metadata there is no parameter for it. */
		const char *more[2];
		bool interleaved;
		int dif_type;
	} formats[] = {
		{"separate metadata", {", \"md_size\": 8"}, false, SPDK_DIF_DISABLE},
		{"interleaved metadata", {", \"md_size\": 8, \"md_interleave\": true", ", \"md_size\": 8"}, true,
			SPDK_DIF_DISABLE},
		{"protection type 1",
			{", \"md_size\": 8, \"md_interleave\": true, \"dif_type\": 1",
				", \"md_size\": 8, \"dif_type\": 1"},
			true, SPDK_DIF_TYPE1},
		{"protection type 2",
			{", \"md_size\": 8, \"md_interleave\": true, \"dif_type\": 2",
				", \"md_size\": 8, \"dif_type\": 2"},
			true, SPDK_DIF_TYPE2},
		{"protection type 3",
			{", \"md_size\": 8, \"md_interleave\": true, \"dif_type\": 3",
				", \"md_size\": 8, \"dif_type\": 3"},
			true, SPDK_DIF_TYPE3},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(formats); i++) {
		bool has = has_format(module, formats[i].more[0], formats[i].interleaved, formats[i].dif_type) ||
			(formats[i].more[1] != NULL &&
				has_format(module, formats[i].more[1], formats[i].interleaved, formats[i].dif_type));

		set_value(column, formats[i].row, "%s", !has ? "no" : module->on_base ? "of its base" : "yes");
	}
}

int
matrix_ask(const struct matrix_module *module, struct matrix_column *column)
{
	uint64_t steps_without = session_count_steps(SLEEP_US);
	struct spdk_bdev *bdev = make_bdev(module, BASE_MALLOC, "");

	if (bdev == NULL) {
		fprintf(stderr, "bdevkit matrix: cannot make a bdev of the module %s\n", module->name);
		return -ENODEV;
	}
	ask_io_types(module, column, bdev);
	ask_properties(column, bdev);
	ask_sleep(module, column, steps_without);
	ask_configuration(module, column);
	delete_bdev(module);
	ask_changes(module, column);
	/* A format that a module does not have is an error in its log, but not here. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	ask_formats(module, column);
	spdk_log_set_print_level(SPDK_LOG_WARN);
	return 0;
}
