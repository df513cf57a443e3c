/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit matrix: what the modules support. Nothing of it is written down here but how a bdev of each module is made;
 * matrix_ask.c finds the rest from running code.
 */

#include "app/bdevkit/matrix.h"

#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/check/session.h"
#include "app/bdevkit/commands.h"

static const struct matrix_module g_modules[] = {
	{
		.name = "malloc",
		.create = {"bdev_malloc_create", "\"name\": \"m\", \"num_blocks\": 256, \"block_size\": 4096"},
		.delete = {"bdev_malloc_delete", "\"name\": \"m\""},
	},
	{
		.name = "null",
		.create = {"bdev_null_create", "\"name\": \"m\", \"num_blocks\": 256, \"block_size\": 4096"},
		.delete = {"bdev_null_delete", "\"name\": \"m\""},
		.resize = {"bdev_null_resize", "\"name\": \"m\", \"new_size\": 2"},
	},
	{
		.name = "aio",
		.create = {"bdev_aio_create",
			"\"name\": \"m\", \"filename\": \"" MATRIX_FILE "\", \"block_size\": 4096"},
		.delete = {"bdev_aio_delete", "\"name\": \"m\""},
		.resize = {"bdev_aio_rescan", "\"name\": \"m\""},
	},
	{
		.name = "uring",
		.create = {"bdev_uring_create",
			"\"name\": \"m\", \"filename\": \"" MATRIX_FILE "\", \"block_size\": 4096"},
		.delete = {"bdev_uring_delete", "\"name\": \"m\""},
		.resize = {"bdev_uring_rescan", "\"name\": \"m\""},
	},
	{
		.name = "passthru",
		.on_base = true,
		.create = {"bdev_passthru_create", "\"name\": \"m\", \"base_bdev_name\": \"" MATRIX_BASE "\""},
		.delete = {"bdev_passthru_delete", "\"name\": \"m\""},
	},
	{
		.name = "delay",
		.on_base = true,
		.create = {"bdev_delay_create",
			"\"name\": \"m\", \"base_bdev_name\": \"" MATRIX_BASE
			"\", \"avg_read_latency\": 10, \"p99_read_latency\": 100, \"avg_write_latency\": 10, "
			"\"p99_write_latency\": 100"},
		.delete = {"bdev_delay_delete", "\"name\": \"m\""},
	},
	{
		.name = "error",
		.on_base = true,
		.bdev = "EE_" MATRIX_BASE,
		.create = {"bdev_error_create", "\"base_name\": \"" MATRIX_BASE "\""},
		.delete = {"bdev_error_delete", "\"name\": \"EE_" MATRIX_BASE "\""},
	},
	{
		.name = "crypto",
		.on_base = true,
		.before = {"accel_crypto_key_create",
			"\"name\": \"k\", \"cipher\": \"AES_CBC\", \"key\": \"000102030405060708090a0b0c0d0e0f\""},
		.create = {"bdev_crypto_create",
			"\"name\": \"m\", \"base_bdev_name\": \"" MATRIX_BASE "\", \"key_name\": \"k\""},
		.delete = {"bdev_crypto_delete", "\"name\": \"m\""},
		.after = {"accel_crypto_key_destroy", "\"key_name\": \"k\""},
	},
	{
		.name = "split",
		.bdev = MATRIX_BASE "p0",
		.on_base = true,
		.create = {"bdev_split_create", "\"base_bdev\": \"" MATRIX_BASE "\", \"split_count\": 1"},
		.delete = {"bdev_split_delete", "\"base_bdev\": \"" MATRIX_BASE "\""},
	},
	{
		.name = "gpt",
		.bdev = MATRIX_BASE "p1",
		.on_base = true,
		.prepare = matrix_gpt_prepare,
	},
	{
		.name = "zone_block",
		.on_base = true,
		.create = {"bdev_zone_block_create",
			"\"name\": \"m\", \"base_bdev\": \"" MATRIX_BASE
			"\", \"zone_capacity\": 50, \"optimal_open_zones\": 1"},
		.delete = {"bdev_zone_block_delete", "\"name\": \"m\""},
	},
	{
		.name = "raid",
		.on_base = true,
		.create = {"bdev_raid_create",
			"\"name\": \"m\", \"raid_level\": \"raid0\", \"strip_size_kb\": 16, \"base_bdevs\": "
			"[\"" MATRIX_BASE "\"]"},
		.delete = {"bdev_raid_delete", "\"name\": \"m\""},
	},
};

#define NUM_MODULES SPDK_COUNTOF(g_modules)

/* All have the same rows. */
static struct matrix_column g_columns[NUM_MODULES];

/* ---- output ---- */

static void
print_text(void)
{
	printf("| %-22s |", "");
	for (size_t i = 0; i < NUM_MODULES; i++) {
		printf(" %-13s |", g_modules[i].name);
	}
	printf("\n| ---------------------- |");
	for (size_t i = 0; i < NUM_MODULES; i++) {
		printf(" ------------- |");
	}
	printf("\n");
	for (size_t row = 0; row < g_columns[0].num_rows; row++) {
		printf("| %-22s |", g_columns[0].rows[row]);
		for (size_t i = 0; i < NUM_MODULES; i++) {
			printf(" %-13s |", g_columns[i].values[row]);
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
		for (size_t row = 0; row < g_columns[0].num_rows; row++) {
			spdk_json_write_named_string(w, g_columns[0].rows[row], g_columns[i].values[row]);
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

/* A working directory for files that bdevs are made on. */
static int
enter_folder(char *folder, size_t size)
{
	const char *parent = getenv("TMPDIR");
	int rc = 0;

	snprintf(folder, size, "%s/bdevkit-matrix-XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
		rc = -errno;
		fprintf(stderr, "bdevkit matrix: %s: %s\n", folder, spdk_strerror(-rc));
	}
	return rc;
}

static void
remove_folder(const char *folder)
{
	unlink(MATRIX_FILE);
	rmdir(folder);
}

static int
ask_all(void)
{
	int rc;

	session_simulate(true);
	rc = session_start(0, NULL, 0);
	for (size_t i = 0; i < NUM_MODULES && rc == 0; i++) {
		rc = matrix_ask(&g_modules[i], &g_columns[i]);
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
	char folder[PATH_MAX];
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
	rc = enter_folder(folder, sizeof(folder));
	if (rc == 0) {
		rc = ask_all();
		remove_folder(folder);
	}
	if (rc == 0 && json) {
		rc = print_json();
	} else if (rc == 0) {
		print_text();
	}
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}
