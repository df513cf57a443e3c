/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit matrix: what the modules support. Nothing of it is written down here: a bdev of each module is made by its RPC
 * method, and asked. What a module does not say of itself is tried.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/check/session.h"
#include "app/bdevkit/commands.h"
#include "app/bdevkit/text.h"

#define MAX_ROWS 64
#define VALUE_SIZE 40
#define PATIENCE_US (10 * 1000000ULL)

/* How a bdev of each module is made. */
struct matrix_module {
	const char *name;
	/* Parameters of its create method besides the name. */
	const char *params;
	/* It takes a "filename": that of a file of 1 MiB. */
	bool on_file;
	/* Stands on a malloc bdev "base", which gets what further parameters there are in its place. */
	bool on_base;
};

static const struct matrix_module g_modules[] = {
	{.name = "malloc", .params = "\"num_blocks\": 256, \"block_size\": 4096"},
	{.name = "null", .params = "\"num_blocks\": 256, \"block_size\": 4096"},
	{.name = "aio", .params = "\"block_size\": 4096", .on_file = true},
	{.name = "passthru", .params = "\"base_bdev_name\": \"base\"", .on_base = true},
};

#define NUM_MODULES SPDK_COUNTOF(g_modules)

static const char g_base_params[] = "\"name\": \"base\", \"num_blocks\": 256, \"block_size\": 4096";

/* What a column of the table holds, in the order of the rows. */
struct column {
	char values[MAX_ROWS][VALUE_SIZE];
};

static struct {
	const char *rows[MAX_ROWS];
	size_t num_rows;
	struct column columns[NUM_MODULES];
	char file[PATH_MAX];
} g_matrix;

static void __attribute__((format(printf, 3, 4))) set_value(size_t module, const char *row, const char *format, ...)
{
	va_list args;
	size_t i;

	for (i = 0; i < g_matrix.num_rows && strcmp(g_matrix.rows[i], row) != 0; i++) {
	}
	assert(i < MAX_ROWS);
	if (i == g_matrix.num_rows) {
		g_matrix.rows[g_matrix.num_rows++] = row;
	}
	va_start(args, format);
	vsnprintf(g_matrix.columns[module].values[i], VALUE_SIZE, format, args);
	va_end(args);
}

/* ---- making and deleting ---- */

/* method and params as JSON. */
static int __attribute__((format(printf, 1, 2))) call_method(const char *format, ...)
{
	char *call, *config;
	va_list args;
	int rc;

	va_start(args, format);
	call = spdk_vsprintf_alloc(format, args);
	va_end(args);
	config = call == NULL
		? NULL
		: spdk_sprintf_alloc("{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{%s}]}]}", call);
	rc = config == NULL ? -ENOMEM : session_load(config, strlen(config));
	free(config);
	free(call);
	return rc;
}

/* more: further parameters, with a comma in front. If they are refused, that is an answer, not an error. */
static struct spdk_bdev *
make_bdev(const struct matrix_module *module, const char *more)
{
	int rc = 0;

	if (module->on_base) {
		rc = call_method("\"method\": \"bdev_malloc_create\", \"params\": {%s%s}", g_base_params, more);
		more = "";
	}
	if (rc == 0) {
		rc = call_method("\"method\": \"bdev_%s_create\", \"params\": {\"name\": \"m\", %s%s%s%s%s}",
			module->name, module->params, module->on_file ? ", \"filename\": \"" : "",
			module->on_file ? g_matrix.file : "", module->on_file ? "\"" : "", more);
	}
	return rc == 0 ? spdk_bdev_get_by_name("m") : NULL;
}

static void
delete_bdev(const struct matrix_module *module)
{
	if (spdk_bdev_get_by_name("m") != NULL) {
		call_method("\"method\": \"bdev_%s_delete\", \"params\": {\"name\": \"m\"}", module->name);
	}
	if (spdk_bdev_get_by_name("base") != NULL) {
		call_method("\"method\": \"bdev_malloc_delete\", \"params\": {\"name\": \"base\"}");
	}
	session_settle();
}

static bool
has_method(const char *module, const char *verb)
{
	char *method = spdk_sprintf_alloc("bdev_%s_%s", module, verb);
	bool has = method != NULL && spdk_rpc_is_method_allowed(method, SPDK_RPC_RUNTIME) == 0;

	free(method);
	return has;
}

/* ---- asking ---- */

struct attempt {
	bool done;
	bool success;
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
			desc, ch, &attempt->iovs[0], 1, &attempt->iovs[1], 1, 0, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, attempt_cb, attempt);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch, 1, 0, 1, attempt_cb, attempt);
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

/* Whether the layer carries out a type that the module does not have: it takes one, and it ends well. */
static bool
is_emulated(enum spdk_bdev_io_type type)
{
	static struct attempt attempt;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	bool ended = false;

	attempt = (struct attempt){.buf = aligned_alloc(4096, 4096)};
	if (attempt.buf == NULL || spdk_bdev_open_ext("m", true, event_cb, NULL, &desc) != 0) {
		free(attempt.buf);
		return false;
	}
	memset(attempt.buf, 0, 4096);
	attempt.iovs[0] = attempt.iovs[1] = (struct iovec){.iov_base = attempt.buf, .iov_len = 4096};
	ch = spdk_bdev_get_io_channel(desc);
	if (ch != NULL) {
		ended = submit(type, desc, ch, &attempt) == 0 && session_wait(is_done, &attempt, PATIENCE_US);
		spdk_put_io_channel(ch);
	}
	spdk_bdev_close(desc);
	free(attempt.buf);
	return ended && attempt.success;
}

static void
ask_io_types(size_t module, struct spdk_bdev *bdev)
{
	for (int type = SPDK_BDEV_IO_TYPE_READ; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		bool native = bdev->fn_table->io_type_supported(bdev->ctxt, type);

		set_value(module, spdk_bdev_get_io_type_name(type), "%s",
			native                      ? "native"
				: is_emulated(type) ? "emulated"
						    : "no");
	}
}

static bool
is_accel_supported(struct spdk_bdev *bdev, enum spdk_bdev_io_type type)
{
	return bdev->fn_table->accel_sequence_supported != NULL &&
		bdev->fn_table->accel_sequence_supported(bdev->ctxt, type);
}

/* Whether a saved configuration has the call that makes the bdev, be it written by the bdev or by its module. */
static bool
is_saved(const char *module)
{
	char *method = spdk_sprintf_alloc("\"bdev_%s_create\"", module);
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, 0);
	bool saved = false;

	if (w != NULL) {
		spdk_bdev_subsystem_config_json(w);
		saved = spdk_json_write_end(w) == 0 && method != NULL && text.data != NULL &&
			strstr(text.data, method) != NULL;
	}
	free(text.data);
	free(method);
	return saved;
}

static void
ask_properties(size_t module, struct spdk_bdev *bdev)
{
	const char *name = g_modules[module].name;

	set_value(module, "memory domains", "%d", spdk_bdev_get_memory_domains(bdev, NULL, 0));
	set_value(module, "accel sequences", "%s",
		is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_READ)
			? is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE) ? "read, write" : "read"
			: is_accel_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE) ? "write"
									    : "no");
	set_value(module, "write cache", "%s", spdk_bdev_has_write_cache(bdev) ? "yes" : "no");
	set_value(module, "holes are zeroes", "%s", bdev->holes_are_zeroes ? "yes" : "no");
	set_value(module, "buffer alignment", "%zu", spdk_bdev_get_buf_align(bdev));
	set_value(module, "saved in configuration", "%s", is_saved(name) ? "yes" : "no");
	set_value(module, "removed by method", "%s", has_method(name, "delete") ? "yes" : "no");
	set_value(module, "resized by method", "%s",
		has_method(name, "resize")           ? "yes"
			: has_method(name, "rescan") ? "rescan"
						     : "no");
}

/* A format of the metadata: whether a bdev of it can be made, and then has it. */
static bool
has_format(size_t module, const char *more, bool interleaved, int dif_type)
{
	const struct spdk_bdev *bdev = make_bdev(&g_modules[module], more);
	bool has = bdev != NULL && spdk_bdev_get_md_size(bdev) != 0 &&
		spdk_bdev_is_md_interleaved(bdev) == interleaved && (int)spdk_bdev_get_dif_type(bdev) == dif_type;

	delete_bdev(&g_modules[module]);
	return has;
}

static void
ask_formats(size_t module)
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

		set_value(module, formats[i].row, "%s",
			!has                                ? "no"
				: g_modules[module].on_base ? "of its base"
							    : "yes");
	}
}

static int
ask_module(size_t module)
{
	struct spdk_bdev *bdev = make_bdev(&g_modules[module], "");

	if (bdev == NULL) {
		fprintf(stderr, "bdevkit matrix: cannot make a bdev of the module %s\n", g_modules[module].name);
		return -ENODEV;
	}
	ask_io_types(module, bdev);
	ask_properties(module, bdev);
	delete_bdev(&g_modules[module]);
	/* A format that a module does not have is an error in its log, but not here. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	ask_formats(module);
	spdk_log_set_print_level(SPDK_LOG_WARN);
	return 0;
}

/* ---- output ---- */

static void
print_text(void)
{
	printf("| %-22s |", "");
	for (size_t i = 0; i < NUM_MODULES; i++) {
		printf(" %-11s |", g_modules[i].name);
	}
	printf("\n| ---------------------- |");
	for (size_t i = 0; i < NUM_MODULES; i++) {
		printf(" ----------- |");
	}
	printf("\n");
	for (size_t row = 0; row < g_matrix.num_rows; row++) {
		printf("| %-22s |", g_matrix.rows[row]);
		for (size_t i = 0; i < NUM_MODULES; i++) {
			printf(" %-11s |", g_matrix.columns[i].values[row]);
		}
		printf("\n");
	}
}

static void
print_help(void)
{
	printf("usage: bdevkit matrix [--json-output]\n"
	       "\n"
	       "Prints what the bdev modules support. A bdev of each module is made in this process and asked; "
	       "'native' is\n"
	       "what the module does itself, 'emulated' what the layer makes from other operations.\n"
	       "\n"
	       "  --json-output  as JSON: an object for each module\n");
}

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

static int
print_json(void)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(write_stdout, NULL, SPDK_JSON_WRITE_FLAG_FORMATTED);

	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	for (size_t i = 0; i < NUM_MODULES; i++) {
		spdk_json_write_named_object_begin(w, g_modules[i].name);
		for (size_t row = 0; row < g_matrix.num_rows; row++) {
			spdk_json_write_named_string(w, g_matrix.rows[row], g_matrix.columns[i].values[row]);
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
	if (spdk_json_write_end(w) != 0) {
		return -EIO;
	}
	printf("\n");
	return 0;
}

/* ---- the command ---- */

static int
make_file(void)
{
	const char *folder = getenv("TMPDIR");
	int fd, rc = 0;

	snprintf(g_matrix.file, sizeof(g_matrix.file), "%s/bdevkit-matrix-XXXXXX", folder != NULL ? folder : "/tmp");
	fd = mkstemp(g_matrix.file);
	if (fd < 0 || ftruncate(fd, 1 << 20) != 0) {
		rc = -errno;
		fprintf(stderr, "bdevkit matrix: %s: %s\n", g_matrix.file, spdk_strerror(-rc));
	}
	if (fd >= 0) {
		close(fd);
	}
	return rc;
}

static int
ask_all(void)
{
	int rc = session_start(0, NULL, 0);

	for (size_t i = 0; i < NUM_MODULES && rc == 0; i++) {
		rc = ask_module(i);
	}
	return session_stop() ? rc : -ETIMEDOUT;
}

int
matrix_command(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json-output", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	bool json = false;
	int ch, rc;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (ch) {
		case 'h':
			print_help();
			return EXIT_OK;
		case 'j':
			json = true;
			break;
		default:
			fprintf(stderr, "'bdevkit matrix --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "bdevkit matrix: '%s' is too much; 'bdevkit matrix --help' tells how to use it\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	spdk_log_set_print_level(SPDK_LOG_WARN);
	rc = make_file();
	if (rc == 0) {
		rc = ask_all();
		unlink(g_matrix.file);
	}
	if (rc == 0 && json) {
		rc = print_json();
	} else if (rc == 0) {
		print_text();
	}
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}
