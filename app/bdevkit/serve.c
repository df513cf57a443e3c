/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/event.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "bdevkit/app.h"
#include "bdevkit/nbd.h"
#include "bdevkit/strict.h"
#include "bdevkit/uring.h"
#include "app/bdevkit/check/check.h"
#include "app/bdevkit/commands.h"
#include "app/bdevkit/expression_config.h"
#include "app/bdevkit/serve.h"
#include "app/bdevkit/text.h"

/* What is served when nothing is named. */
#define MEMORY_DISK_NAME "memory"
#define MEMORY_DISK_BYTES (1ULL << 30)
#define MEMORY_DISK_BLOCK_SIZE 512

#define FILE_BLOCK_SIZE 512

const char *
serve_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* A file may have a colon in its name. */
bool
serve_is_file(const char *word)
{
	return !expression_is_one(word) || access(word, F_OK) == 0;
}

static void __attribute__((format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bdevkit serve: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	/* It has been said here, in words for the person who typed it. */
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	spdk_app_stop(EXIT_FAILED);
}

/* ---- the configuration that the command line stands for ---- */

static bool
is_read_only(const struct serve_options *options, const char *path)
{
	return options->read_only || access(path, W_OK) != 0;
}

static size_t
count_files(const struct serve_options *options)
{
	size_t count = 0;

	for (size_t i = 0; i < options->files.count; i++) {
		count += serve_is_file(options->files.items[i]);
	}
	return count;
}

/* io_uring if this process may use it, and if not, aio: said once. */
static bool
choose_uring(const struct serve_options *options)
{
	const char *why;

	if (count_files(options) == 0 || bdk_uring_probe(&why) == 0) {
		return true;
	}
	fprintf(stderr, "bdevkit serve: %s: files are served by aio\n", why);
	return false;
}

static void
write_file(struct spdk_json_write_ctx *w, const struct serve_options *options, const char *path, bool uring)
{
	bool read_only = is_read_only(options, path);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", uring ? "bdev_uring_create" : "bdev_aio_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", serve_file_name(path));
	spdk_json_write_named_string(w, "filename", path);
	spdk_json_write_named_uint32(w, "block_size", FILE_BLOCK_SIZE);
	spdk_json_write_named_bool(w, "readonly", read_only);
	if (!uring) {
		spdk_json_write_named_bool(w, "fallocate", !read_only);
	}
	if (options->no_lock) {
		spdk_json_write_named_bool(w, "no_lock", true);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
write_memory_disk(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_malloc_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", MEMORY_DISK_NAME);
	spdk_json_write_named_uint64(w, "num_blocks", MEMORY_DISK_BYTES / MEMORY_DISK_BLOCK_SIZE);
	spdk_json_write_named_uint32(w, "block_size", MEMORY_DISK_BLOCK_SIZE);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* Also for the disks of a configuration, which are there already. */
static void
write_partitions(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_gpt_set_options");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "partition_types", "all");
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
write_metrics(struct spdk_json_write_ctx *w, const char *address)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "metrics_start");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "address", address);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* Entries in the form of a configuration file, for what the command line names besides one. */
static int
format_configuration(const struct serve_options *options, struct text *text)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, text, 0);
	struct expression_names taken = {}, bdevs = {};
	bool uring = choose_uring(options);
	int rc = 0;

	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_array_begin(w, "subsystems");
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "subsystem", "bdev");
	spdk_json_write_named_array_begin(w, "config");
	if (options->partitions) {
		write_partitions(w);
	}
	if (options->metrics_address != NULL) {
		write_metrics(w, options->metrics_address);
	}
	for (size_t i = 0; i < options->files.count && rc == 0; i++) {
		const char *word = options->files.items[i];

		if (serve_is_file(word)) {
			write_file(w, options, word, uring);
		} else {
			rc = expression_write_words("serve", &word, 1, &taken, w, &bdevs);
		}
	}
	expression_names_free(&taken);
	expression_names_free(&bdevs);
	if (options->files.count == 0 && options->app.json_config_file == NULL) {
		write_memory_disk(w);
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_wait_for_examine");
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	return spdk_json_write_end(w) != 0 && rc == 0 ? -ENOMEM : rc;
}

/* ---- the steps, in their order, on the app thread ---- */

static void serve_bdevs_created(int rc, void *ctx);

static int
has_listener(void *ctx, const char *address)
{
	return 1;
}

static int
listen_on(const char *address)
{
	int rc = bdk_nbd_listen(address, NULL);

	switch (-rc) {
	case 0:
	/* The configuration has made it already, or it is named twice. */
	case EEXIST:
		return 0;
	case ENOTSOCK:
		fail("--nbd %s: there is a file of that name that is no socket; name another path", address);
		break;
	case EINVAL:
		fail("--nbd %s: not an address; it is unix:PATH, tcp:HOST:PORT or tcp:PORT", address);
		break;
	case EADDRINUSE:
		fail("--nbd %s: in use; another target serves there, name another address with --nbd", address);
		break;
	default:
		fail("--nbd %s: %s", address, spdk_strerror(-rc));
		break;
	}
	return rc;
}

/* Before anybody can connect. */
static int
set_read_only(void)
{
	struct bdk_nbd_options nbd_options = {.size = sizeof(nbd_options)};
	int rc;

	bdk_nbd_get_options(&nbd_options);
	nbd_options.read_only = true;
	rc = bdk_nbd_set_options(&nbd_options);
	if (rc != 0) {
		fail("--read-only: %s", spdk_strerror(-rc));
	}
	return rc;
}

/* What can be told of a file in plainer words than the module that opens it has. */
static int
check_file(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0) {
		int rc = -errno;

		fail("%s: %s", path, spdk_strerror(-rc));
		return rc;
	}
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
		fail("%s: neither a file nor a block device", path);
		return -EINVAL;
	}
	if (S_ISREG(status.st_mode) && status.st_size == 0) {
		fail("%s: it is empty; 'truncate -s 1G' gives it a size", path);
		return -EINVAL;
	}
	if (S_ISREG(status.st_mode) && status.st_size % FILE_BLOCK_SIZE != 0) {
		fail("%s: its size, %" PRIu64
		     " bytes, is not a multiple of the block size of %d; 'truncate -s %%%d' pads it",
			path, (uint64_t)status.st_size, FILE_BLOCK_SIZE, FILE_BLOCK_SIZE);
		return -EINVAL;
	}
	return 0;
}

static void
serve_start(void *ctx)
{
	struct serve_options *options = ctx;
	struct text text = {};
	int rc;

	for (size_t i = 0; i < options->files.count; i++) {
		if (serve_is_file(options->files.items[i]) && check_file(options->files.items[i]) != 0) {
			return;
		}
	}

	if (options->read_only && set_read_only() != 0) {
		return;
	}
	for (size_t i = 0; i < options->nbd_addresses.count; i++) {
		if (listen_on(options->nbd_addresses.items[i]) != 0) {
			return;
		}
	}
	/* Only where neither the command line nor the configuration says where. */
	if (bdk_nbd_for_each_listener(has_listener, NULL) == 0 && listen_on(SERVE_DEFAULT_NBD_ADDRESS) != 0) {
		return;
	}
	rc = format_configuration(options, &text);
	if (rc == -EINVAL) {
		/* It has been said what is wrong with an expression, and where. */
		free(text.data);
		spdk_log_set_print_level(SPDK_LOG_ERROR);
		spdk_app_stop(EXIT_FAILED);
		return;
	}
	if (rc != 0) {
		free(text.data);
		fail("%s", spdk_strerror(-rc));
		return;
	}
	spdk_subsystem_load_config(text.data, text.size, serve_bdevs_created, options, true);
	free(text.data);
}

static int
has_explicit_export(void *ctx, const struct bdk_nbd_export_info *info)
{
	return info->automatic ? 0 : 1;
}

static int
export_bdev(const char *bdev_name, bool read_only)
{
	struct bdk_nbd_export_opts opts = {.size = sizeof(opts), .read_only = read_only};
	int rc = bdk_nbd_export_create(bdev_name, &opts);

	switch (-rc) {
	case 0:
		return 0;
	case ENODEV:
		fail("--export %s: there is no such block device", bdev_name);
		break;
	case EPERM:
		fail("--export %s: another block device builds on it; add --read-only, or export that one", bdev_name);
		break;
	default:
		fail("--export %s: %s", bdev_name, spdk_strerror(-rc));
		break;
	}
	return rc;
}

static int
export_named(const struct serve_options *options)
{
	int rc = 0;

	for (size_t i = 0; i < options->exports.count && rc == 0; i++) {
		rc = export_bdev(options->exports.items[i], options->read_only);
	}
	return rc;
}

/* Whatever nobody builds on, now and later. */
static int
export_all(void)
{
	struct bdk_nbd_options nbd_options = {.size = sizeof(nbd_options)};
	int rc;

	bdk_nbd_get_options(&nbd_options);
	nbd_options.auto_export = true;
	rc = bdk_nbd_set_options(&nbd_options);
	if (rc != 0) {
		fail("cannot export: %s", spdk_strerror(-rc));
	}
	return rc;
}

static void
serve_bdevs_created(int rc, void *ctx)
{
	struct serve_options *options = ctx;

	if (rc != 0) {
		fail("cannot make the block devices");
		return;
	}
	if (options->exports.count > 0) {
		rc = export_named(options);
	} else if (bdk_nbd_for_each_export(has_explicit_export, NULL) == 0) {
		rc = export_all();
	}
	if (rc == 0) {
		serve_print(options);
		serve_notify("READY=1");
	}
}

int
serve_command(int argc, char **argv)
{
	struct serve_options options;
	int rc;

	rc = serve_options_parse(&options, argc, argv);
	if (rc >= 0) {
		serve_options_free(&options);
		return rc;
	}
	if (bdk_strict_is_enabled()) {
		bdk_strict_tell_crashes(NULL);
	}
	rc = spdk_app_start(&options.app, serve_start, &options);
	check_target_wait();
	spdk_app_fini();
	serve_options_free(&options);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}
