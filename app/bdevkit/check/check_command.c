/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit check: the command line, and the groups one after the other on each bdev. */

#include "app/bdevkit/check/check.h"

#include "spdk/env.h"
#include "spdk/file.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include "app/bdevkit/commands.h"

#include <dlfcn.h>

#define MAX_BDEVS 64
/* Of what is known block by block. */
#define MAX_AREA_BYTES (16U << 20)
#define MAX_AREA_BLOCKS 8192
#define CHUNK_BYTES (64U << 10)

static struct check_options g_options = {.seed = 1};
static char *g_config;
static size_t g_config_size;

static void
print_help(void)
{
	printf("usage: bdevkit check BDEV... [--json CONFIG] [OPTION...]\n"
	       "\n"
	       "Tries whether block devices keep the rules of the interface. What they hold is overwritten. They are "
	       "made in\n"
	       "this process, by a configuration as save_config writes it, and are to be used by nobody else.\n"
	       "\n"
	       "  --json CONFIG      the configuration that makes them\n"
	       "  --module M.so      load a module; may be repeated\n"
	       "  --no-data          they do not keep what is written, as those of the module null: do not compare\n"
	       "  --seed N           repeat the random choices of another run (default 1)\n"
	       "  --duration S       go on with random I/O until a bdev has been checked for so many seconds\n"
	       "  --json-output      the results as JSON\n"
	       "\n"
	       "Exit codes: 0 all rules were kept, 1 one was broken or a bdev cannot be checked, 2 wrong usage.\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit check --json disks.json Malloc0\n"
	       "  bdevkit check --json mine.json --module ./bdev_mine.so --seed 7 --duration 60 mine\n");
}

/* ---- a bdev ---- */

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static void
measure(struct check *check)
{
	const struct spdk_bdev *bdev = check->bdev;

	check->block_size = spdk_bdev_get_block_size(bdev);
	check->md_size = spdk_bdev_get_md_size(bdev);
	check->separate_md_size = spdk_bdev_is_md_separate(bdev) ? check->md_size : 0;
	check->data_size = spdk_bdev_get_data_block_size(bdev);
	check->num_blocks = spdk_bdev_get_num_blocks(bdev);
	check->area = MAX_AREA_BYTES / check->block_size;
	if (check->area > MAX_AREA_BLOCKS) {
		check->area = MAX_AREA_BLOCKS;
	}
	if (check->area > check->num_blocks) {
		check->area = check->num_blocks;
	}
	if (bdev->split_on_write_unit) {
		check->area -= check->area % bdev->write_unit_size;
	}
}

static int
refuse(const char *name, const char *why)
{
	fprintf(stderr, "bdevkit check: %s: %s\n", name, why);
	return -EINVAL;
}

static int
open_bdev(struct check *check)
{
	int rc = spdk_bdev_open_ext(check->name, true, event_cb, NULL, &check->desc);

	if (rc == -ENODEV) {
		return refuse(
			check->name, "there is no such block device; --json names the configuration that makes it");
	}
	if (rc == -EPERM) {
		return refuse(check->name, "another block device builds on it; check that one");
	}
	if (rc != 0) {
		return refuse(check->name, spdk_strerror(-rc));
	}
	check->bdev = spdk_bdev_desc_get_bdev(check->desc);
	measure(check);
	if (!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_WRITE) ||
		!spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_READ) || spdk_bdev_is_zoned(check->bdev)) {
		return refuse(check->name, "only block devices that can be read and written anywhere can be checked");
	}
	if (check->area < 4) {
		return refuse(check->name, "it is too small to be checked");
	}
	check->blocks = calloc(check->area, sizeof(*check->blocks));
	if (check->blocks == NULL) {
		return refuse(check->name, spdk_strerror(ENOMEM));
	}
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		session_enter(session_thread(i));
		check->channels[i] = spdk_bdev_get_io_channel(check->desc);
		session_enter(NULL);
		if (check->channels[i] == NULL) {
			return refuse(check->name, "it gives no channel to a thread");
		}
	}
	return 0;
}

static void
close_bdev(struct check *check)
{
	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		if (check->channels[i] != NULL) {
			session_enter(session_thread(i));
			spdk_put_io_channel(check->channels[i]);
			session_enter(NULL);
		}
	}
	if (check->desc != NULL) {
		spdk_bdev_close(check->desc);
	}
	free(check->blocks);
	session_settle();
}

/* Fills the area, so that it is known what each block holds; a block that is written elsewhere as well will show. */
static void
fill_area(struct check *check)
{
	struct check_rule *rule = check_rule(check, "data", "a read returns what was written");
	uint64_t unit = check_unit(check);
	uint64_t chunk = check_round_up(CHUNK_BYTES / check->block_size + 1, unit);

	check_know(check, 0, check->area, CHECK_UNKNOWN);
	for (uint64_t offset = 0; offset < check->area; offset += chunk) {
		check_write_read(
			check, rule, offset, check->area - offset < chunk ? check->area - offset : chunk, false);
	}
}

static void
read_area(struct check *check)
{
	struct check_rule *rule = check_rule(check, "data", "in the end all blocks hold what was written last");
	struct check_data data;

	for (uint64_t offset = 0; offset < check->area; offset++) {
		struct check_io io = {
			.check = check, .type = SPDK_BDEV_IO_TYPE_READ, .offset = offset, .blocks = 1, .data = &data};

		if (!check_data_alloc(check, &data, 1, false)) {
			abort();
		}
		check_io_run(&io);
		check_expect(check, rule, io.rc == 0 && io.success, &io, "failed (%d)", io.rc);
		check_expect(check, rule, check_data_find_wrong(check, &data, offset) == UINT64_MAX, &io,
			"it holds something else");
		check_data_free(&data);
	}
}

static int
check_bdev(struct check *check)
{
	static void (*const groups[])(struct check * check) = {
		check_opening,
		check_types,
		fill_area,
		check_limits,
		check_shapes,
		check_meaning,
		check_statistics,
		check_load,
		check_reset,
		read_area,
	};
	int rc = open_bdev(check);

	if (rc == 0) {
		check->start_ticks = spdk_get_ticks();
		if (check->options->no_data) {
			check_skip(check, "data", "reads are compared with what was written", "--no-data");
		}
		for (size_t i = 0; i < SPDK_COUNTOF(groups); i++) {
			groups[i](check);
		}
	}
	close_bdev(check);
	return rc;
}

/* ---- the command ---- */

static int
load_module(const char *path)
{
	/* It stays loaded: its constructors have registered it. */
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL) {
		fprintf(stderr, "bdevkit check: --module %s\n", dlerror());
		return -ENOENT;
	}
	return 0;
}

static int
read_config(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		fprintf(stderr, "bdevkit check: --json %s: %s\n", path, spdk_strerror(errno));
		return -ENOENT;
	}
	free(g_config);
	g_config = spdk_posix_file_load(file, &g_config_size);
	fclose(file);
	if (g_config == NULL) {
		fprintf(stderr, "bdevkit check: --json %s: it cannot be read\n", path);
		return -EIO;
	}
	return 0;
}

static bool
parse_number(const char *option, const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	if (errno != 0 || *text == '-' || *text == '\0' || *end != '\0') {
		fprintf(stderr, "bdevkit check: %s %s: not a number\n", option, text);
		return false;
	}
	return true;
}

enum {
	OPTION_JSON = 0x1000,
	OPTION_MODULE,
	OPTION_NO_DATA,
	OPTION_SEED,
	OPTION_DURATION,
	OPTION_JSON_OUTPUT,
};

/* Returns -1 to go on, or an exit code. */
static int
parse_option(int ch)
{
	switch (ch) {
	case 'h':
		print_help();
		return EXIT_OK;
	case OPTION_JSON:
		return read_config(optarg) == 0 ? -1 : EXIT_FAILED;
	case OPTION_MODULE:
		return load_module(optarg) == 0 ? -1 : EXIT_FAILED;
	case OPTION_NO_DATA:
		g_options.no_data = true;
		return -1;
	case OPTION_SEED:
		return parse_number("--seed", optarg, &g_options.seed) ? -1 : EXIT_USAGE;
	case OPTION_DURATION:
		return parse_number("--duration", optarg, &g_options.duration) ? -1 : EXIT_USAGE;
	case OPTION_JSON_OUTPUT:
		g_options.json = true;
		return -1;
	default:
		fprintf(stderr, "'bdevkit check --help' tells how to use it\n");
		return EXIT_USAGE;
	}
}

static int
parse(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", required_argument, NULL, OPTION_JSON},
		{"module", required_argument, NULL, OPTION_MODULE},
		{"no-data", no_argument, NULL, OPTION_NO_DATA},
		{"seed", required_argument, NULL, OPTION_SEED},
		{"duration", required_argument, NULL, OPTION_DURATION},
		{"json-output", no_argument, NULL, OPTION_JSON_OUTPUT},
		{NULL, 0, NULL, 0},
	};
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		rc = parse_option(ch);
	}
	if (rc < 0 && (optind == argc || argc - optind > MAX_BDEVS)) {
		fprintf(stderr, "bdevkit check: name %s; 'bdevkit check --help' tells how to use it\n",
			optind == argc ? "a block device" : "fewer block devices");
		rc = EXIT_USAGE;
	}
	return rc;
}

/* Returns 0, or a negative errno if some could not be checked. */
static int
check_all(struct check **checks, char **names, size_t count)
{
	int rc = session_start(g_options.seed, g_config, g_config_size), result = 0;

	if (rc != 0) {
		fprintf(stderr, "bdevkit check: cannot make the block devices\n");
		fflush(NULL);
		_exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < count; i++) {
		checks[i]->name = names[i];
		checks[i]->options = &g_options;
		rc = check_bdev(checks[i]);
		result = rc != 0 ? rc : result;
	}
	check_print(checks, count, &g_options);
	if (!session_stop()) {
		fprintf(stderr, "bdevkit check: the block devices do not end: a channel or an I/O is left over\n");
		fflush(NULL);
		_exit(EXIT_FAILED);
	}
	return result;
}

int
check_command(int argc, char **argv)
{
	struct check *checks[MAX_BDEVS];
	size_t count;
	bool passed = true;
	int rc = parse(argc, argv);

	if (rc >= 0) {
		free(g_config);
		return rc;
	}
	spdk_log_set_print_level(SPDK_LOG_ERROR);
	count = (size_t)(argc - optind);
	for (size_t i = 0; i < count; i++) {
		checks[i] = calloc(1, sizeof(*checks[i]));
		if (checks[i] == NULL) {
			abort();
		}
	}
	rc = check_all(checks, argv + optind, count);
	for (size_t i = 0; i < count; i++) {
		passed = passed && check_passed(checks[i]);
		free(checks[i]);
	}
	free(g_config);
	return rc == 0 && passed ? EXIT_OK : EXIT_FAILED;
}
