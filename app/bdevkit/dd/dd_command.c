/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit dd: the command line. */

#include "spdk/stdinc.h"
#include "spdk/event.h"
#include "spdk/file.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/dd/dd.h"
#include "app/bdevkit/expression_config.h"
#include "app/bdevkit/load_module.h"
#include "app/bdevkit/rpc_client.h"

#define DEFAULT_DEPTH 16
#define DEFAULT_CONNECTIONS 4
#define DEFAULT_SAFE_EVERY (1024ull * 1024 * 1024)
#define MAX_DEPTH 256
#define MAX_BLOCK (1024ull * 1024 * 1024)
/* All buffers together. */
#define MAX_MEMORY (1024ull * 1024 * 1024)
#define RPC_TIMEOUT 60

static struct dd_request g_request;
static struct spdk_app_opts g_app;
static const char *g_rpc_path;
static char *g_config;
static size_t g_config_size;
static bool g_quiet_by_user;
static int g_exit_code;

static void
print_help(void)
{
	printf("usage: bdevkit dd [OPTION...] [OPERAND...] SOURCE TARGET\n"
	       "\n"
	       "Copies between files, block devices and exports of NBD servers. Holes stay holes, zeroes become\n"
	       "holes, and when it ends well all is safe on the target.\n"
	       "\n"
	       "SOURCE and TARGET, or if= and of=:\n"
	       "  disk.img                        a file or a device of the system; a file is made anew\n"
	       "  malloc:64M, crypto(file:a,...)  a bdev, made for it\n"
	       "  NAME                            a bdev of --json CONFIG, or of the target of -r SOCKET\n"
	       "  nbd://HOST/EXPORT               an export; also nbd+unix:///EXPORT?socket=PATH\n"
	       "\n"
	       "operands, as of dd(1):\n"
	       "  bs=BYTES                        the unit of count, skip and seek (512), and the size of I/Os (1M)\n"
	       "  count=N skip=N seek=N           so much; from there in the source; to there in the target\n"
	       "  iflag=direct,count_bytes,skip_bytes  oflag=direct,sync,seek_bytes\n"
	       "  conv=notrunc,nocreat,excl       keep what a target file holds beside; it must, must not be there\n"
	       "  status=none|noxfer|progress\n"
	       "\n"
	       "options:\n"
	       "  -q DEPTH           I/Os that are out at a time (default 16)\n"
	       "  --sparse BYTES     how many zeroes become a hole (default 4k); 0: only holes are holes\n"
	       "  --target-is-zero   do not write zeroes to a target that has nothing else\n"
	       "  --resume BYTES     go on there, as an earlier run has said\n"
	       "  --retry SECONDS    wait so long for an NBD server that has gone, and go on\n"
	       "  --safe-every BYTES tell the target so often to make safe what it has (default 1G, and every 5 s)\n"
	       "  --no-lock          take files that others use as disk images\n"
	       "  --connections N    to an NBD server that allows several (default 4)\n"
	       "  --json CONFIG      the configuration that makes the bdevs\n"
	       "  --module FILE|NAME load a module; may be repeated\n"
	       "  -r SOCKET          bare names are bdevs of the target there, through its NBD server\n"
	       "  --progress         show how it goes on also where standard error is no terminal\n"
	       "  --json-output      tell at the end what was done as JSON\n"
	       "\n"
	       "Exit codes: 0 copied and safe, 1 not so, 2 wrong usage. A run that fails tells how to go on.\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit dd disk.img nbd://host/disk\n"
	       "  bdevkit dd 'nbd+unix:///disk0?socket=/run/nbd.sock' backup.img\n"
	       "  bdevkit dd disk.img 'crypto(file:secret.img,key=...)'\n"
	       "  bdevkit dd if=/dev/zero of=disk.img bs=1M count=10 seek=5 conv=notrunc\n");
}

static int __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bdevkit dd: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n'bdevkit dd --help' tells how to use it\n");
	return EXIT_USAGE;
}

/* Of the following each returns -1 to go on, or an exit code. */

static int
read_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	if (expression_number(text, number) != 0 || *number < min || *number > max) {
		return wrong("%s%s: not a number from %" PRIu64 " to %" PRIu64, option, text, min, max);
	}
	return -1;
}

static int
read_number32(const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t wide = 0;
	int rc = read_number(option, text, min, max, &wide);

	*number = (uint32_t)wide;
	return rc;
}

/* ---- words with commas between them ---- */

struct flag {
	const char *name;
	/* NULL: it is so anyway. */
	bool *set;
};

static int
read_flags(const char *operand, const char *text, const struct flag *flags, size_t count)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ","), i;

		for (i = 0; i < count; i++) {
			if (strlen(flags[i].name) == len && memcmp(flags[i].name, text, len) == 0) {
				break;
			}
		}
		if (i == count) {
			return wrong("%s%.*s: there is no such flag", operand, (int)len, text);
		}
		if (flags[i].set != NULL) {
			*flags[i].set = true;
		}
		text += len + (text[len] == ',');
	}
	return -1;
}

static int
read_iflag(const char *text)
{
	const struct flag flags[] = {
		{"direct", &g_request.ends[DD_SOURCE].direct},
		{"count_bytes", &g_request.count_bytes},
		{"skip_bytes", &g_request.skip_bytes},
		{"fullblock", NULL},
	};

	return read_flags("iflag=", text, flags, SPDK_COUNTOF(flags));
}

static int
read_oflag(const char *text)
{
	const struct flag flags[] = {
		{"direct", &g_request.ends[DD_TARGET].direct},
		{"sync", &g_request.ends[DD_TARGET].sync},
		{"dsync", &g_request.ends[DD_TARGET].sync},
		{"seek_bytes", &g_request.seek_bytes},
	};

	return read_flags("oflag=", text, flags, SPDK_COUNTOF(flags));
}

static int
read_conv(const char *text)
{
	const struct flag flags[] = {
		{"notrunc", &g_request.keep},
		{"nocreat", &g_request.ends[DD_TARGET].must_exist},
		{"excl", &g_request.ends[DD_TARGET].must_create},
		{"sparse", NULL},
		{"fsync", NULL},
		{"fdatasync", NULL},
	};

	return read_flags("conv=", text, flags, SPDK_COUNTOF(flags));
}

static int
read_status(const char *text)
{
	if (strcmp(text, "progress") == 0) {
		g_request.status = DD_STATUS_PROGRESS;
	} else if (strcmp(text, "none") == 0 || strcmp(text, "noxfer") == 0) {
		g_request.status = DD_STATUS_NONE;
		g_quiet_by_user = true;
	} else {
		return wrong("status=%s: it is none, noxfer or progress", text);
	}
	return -1;
}

/* ---- operands and options ---- */

enum {
	OPERAND_IF = 0x1000,
	OPERAND_OF,
	OPERAND_BS,
	OPERAND_COUNT,
	OPERAND_SKIP,
	OPERAND_SEEK,
	OPERAND_IFLAG,
	OPERAND_OFLAG,
	OPERAND_CONV,
	OPERAND_STATUS,
	OPTION_SPARSE,
	OPTION_TARGET_IS_ZERO,
	OPTION_RESUME,
	OPTION_RETRY,
	OPTION_SAFE_EVERY,
	OPTION_NO_LOCK,
	OPTION_CONNECTIONS,
	OPTION_JSON,
	OPTION_MODULE,
	OPTION_PROGRESS,
	OPTION_JSON_OUTPUT,
};

/* Those in front are operands, too: --bs 4k is bs=4k. */
static const struct option g_options[] = {
	{"if", required_argument, NULL, OPERAND_IF},
	{"of", required_argument, NULL, OPERAND_OF},
	{"bs", required_argument, NULL, OPERAND_BS},
	{"count", required_argument, NULL, OPERAND_COUNT},
	{"skip", required_argument, NULL, OPERAND_SKIP},
	{"iseek", required_argument, NULL, OPERAND_SKIP},
	{"seek", required_argument, NULL, OPERAND_SEEK},
	{"oseek", required_argument, NULL, OPERAND_SEEK},
	{"iflag", required_argument, NULL, OPERAND_IFLAG},
	{"oflag", required_argument, NULL, OPERAND_OFLAG},
	{"conv", required_argument, NULL, OPERAND_CONV},
	{"status", required_argument, NULL, OPERAND_STATUS},
	{"help", no_argument, NULL, 'h'},
	{"qd", required_argument, NULL, 'q'},
	{"sparse", required_argument, NULL, OPTION_SPARSE},
	{"target-is-zero", no_argument, NULL, OPTION_TARGET_IS_ZERO},
	{"resume", required_argument, NULL, OPTION_RESUME},
	{"retry", required_argument, NULL, OPTION_RETRY},
	{"safe-every", required_argument, NULL, OPTION_SAFE_EVERY},
	{"no-lock", no_argument, NULL, OPTION_NO_LOCK},
	{"connections", required_argument, NULL, OPTION_CONNECTIONS},
	{"json", required_argument, NULL, OPTION_JSON},
	{"module", required_argument, NULL, OPTION_MODULE},
	{"progress", no_argument, NULL, OPTION_PROGRESS},
	{"json-output", no_argument, NULL, OPTION_JSON_OUTPUT},
	{NULL, 0, NULL, 0},
};

static int
name_end(enum dd_side side, char *word)
{
	if (g_request.words[side] != NULL) {
		return wrong("'%s': there is '%s' already", word, g_request.words[side]);
	}
	g_request.words[side] = word;
	return -1;
}

static int
read_operand(int operand, char *value)
{
	switch (operand) {
	case OPERAND_IF:
		return name_end(DD_SOURCE, value);
	case OPERAND_OF:
		return name_end(DD_TARGET, value);
	case OPERAND_BS:
		return read_number("bs=", value, 1, MAX_BLOCK, &g_request.block);
	case OPERAND_COUNT:
		return read_number("count=", value, 0, INT64_MAX, &g_request.count);
	case OPERAND_SKIP:
		return read_number("skip=", value, 0, INT64_MAX, &g_request.skip);
	case OPERAND_SEEK:
		return read_number("seek=", value, 0, INT64_MAX, &g_request.seek);
	case OPERAND_IFLAG:
		return read_iflag(value);
	case OPERAND_OFLAG:
		return read_oflag(value);
	case OPERAND_CONV:
		return read_conv(value);
	default:
		return read_status(value);
	}
}

/* SOURCE or TARGET, or KEY=VALUE. */
static int
read_word(char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct option *option = g_options; option->val != 'h' && word[len] == '='; option++) {
		if (strlen(option->name) == len && memcmp(option->name, word, len) == 0) {
			return read_operand(option->val, word + len + 1);
		}
	}
	return name_end(g_request.words[DD_SOURCE] == NULL ? DD_SOURCE : DD_TARGET, word);
}

static int
read_config(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		fprintf(stderr, "bdevkit dd: --json %s: %s\n", path, spdk_strerror(errno));
		return EXIT_FAILED;
	}
	free(g_config);
	g_config = spdk_posix_file_load(file, &g_config_size);
	fclose(file);
	if (g_config == NULL) {
		fprintf(stderr, "bdevkit dd: --json %s: it cannot be read\n", path);
		return EXIT_FAILED;
	}
	return -1;
}

static int
read_retry(const char *text)
{
	char *end;

	g_request.retry = strtod(text, &end);
	if (end == text || *end != '\0' || !(g_request.retry >= 0) || g_request.retry > 1e6) {
		return wrong("--retry %s: not a number of seconds", text);
	}
	return -1;
}

static int
read_connections(const char *text)
{
	uint32_t number = 0;
	int rc = read_number32("--connections ", text, 1, 16, &number);

	g_request.ends[DD_SOURCE].connections = g_request.ends[DD_TARGET].connections = number;
	return rc;
}

static int
read_option(int ch)
{
	switch (ch) {
	case 'h':
		print_help();
		return EXIT_OK;
	case 'q':
		return read_number32("-q ", optarg, 1, MAX_DEPTH, &g_request.depth);
	case 'r':
		g_rpc_path = optarg;
		return -1;
	case OPTION_SPARSE:
		return read_number32("--sparse ", optarg, 0, 1024 * 1024 * 1024, &g_request.sparse);
	case OPTION_TARGET_IS_ZERO:
		g_request.target_is_zero = true;
		return -1;
	case OPTION_RESUME:
		return read_number("--resume ", optarg, 0, INT64_MAX, &g_request.resume);
	case OPTION_RETRY:
		return read_retry(optarg);
	case OPTION_SAFE_EVERY:
		return read_number("--safe-every ", optarg, 1, INT64_MAX, &g_request.safe_every);
	case OPTION_NO_LOCK:
		g_request.ends[DD_SOURCE].no_lock = g_request.ends[DD_TARGET].no_lock = true;
		return -1;
	case OPTION_CONNECTIONS:
		return read_connections(optarg);
	case OPTION_JSON:
		return read_config(optarg);
	case OPTION_MODULE:
		return load_module("dd", optarg) == 0 ? -1 : EXIT_FAILED;
	case OPTION_PROGRESS:
		g_request.status = DD_STATUS_PROGRESS;
		return -1;
	case OPTION_JSON_OUTPUT:
		g_request.json = true;
		return -1;
	case '?':
		fprintf(stderr, "'bdevkit dd --help' tells how to use it\n");
		return EXIT_USAGE;
	default:
		return read_operand(ch, optarg);
	}
}

static int
check(void)
{
	uint64_t io_size = spdk_max(g_request.block, 4096);

	if (g_request.words[DD_SOURCE] == NULL || g_request.words[DD_TARGET] == NULL) {
		return wrong("name a source and a target");
	}
	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		if (strcmp(g_request.words[side], "-") == 0) {
			return wrong("standard input and output have no places to read or write at; ./- is a file");
		}
	}
	if (g_rpc_path != NULL && g_config != NULL) {
		return wrong("bdevs are those of --json CONFIG or those of the target of -r, not both");
	}
	if (io_size * g_request.depth > MAX_MEMORY) {
		return wrong("bs= times -q is more than 1 GiB of memory");
	}
	if (!g_quiet_by_user && g_request.status != DD_STATUS_PROGRESS && isatty(STDERR_FILENO)) {
		g_request.status = DD_STATUS_PROGRESS;
	}
	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		g_request.names[side] = g_request.words[side];
		g_request.kinds[side] = dd_kind_of(g_request.words[side], g_config != NULL || g_rpc_path != NULL);
		g_request.ends[side].depth = g_request.depth;
	}
	return -1;
}

static int
parse(int argc, char **argv)
{
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "hq:r:", g_options, NULL)) != -1) {
		rc = read_option(ch);
	}
	for (int i = optind; i < argc && rc < 0; i++) {
		rc = read_word(argv[i]);
	}
	return rc < 0 ? check() : rc;
}

/* ---- bdevs of a running target ---- */

struct export
{
	char *bdev_name;
	char *uris[8];
	size_t num_uris;
};

static int
decode_uris(const struct spdk_json_val *val, void *out)
{
	struct export *export = SPDK_CONTAINEROF(out, struct export, uris);

	return spdk_json_decode_array(
		val, spdk_json_decode_string, out, SPDK_COUNTOF(export->uris), &export->num_uris, sizeof(char *));
}

/* The URI of a bdev among the exports, to be freed. */
static char *
find_uri(struct spdk_json_val *exports, const char *name)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"bdev_name", offsetof(struct export, bdev_name), spdk_json_decode_string, false},
		{"uris", offsetof(struct export, uris), decode_uris, false},
	};
	char *uri = NULL;

	for (struct spdk_json_val *val = spdk_json_array_first(exports); val != NULL && uri == NULL;
		val = spdk_json_next(val)) {
		struct export export = {};

		if (spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), &export) == 0 &&
			strcmp(export.bdev_name, name) == 0 && export.num_uris > 0) {
			uri = strdup(export.uris[0]);
		}
		for (size_t i = 0; i < export.num_uris; i++) {
			free(export.uris[i]);
		}
		free(export.bdev_name);
	}
	return uri;
}

static int
ask_target(enum dd_side side)
{
	struct rpc_client client = {.socket_path = g_rpc_path, .timeout = RPC_TIMEOUT, .command = "dd"};
	const char *name = g_request.words[side];
	struct spdk_jsonrpc_client_response *response;
	char *uri = NULL;
	struct stat st;

	if (expression_is_one(name)) {
		return wrong("%s: a running target (-r) is only asked for bdevs that it has", name);
	}
	response = rpc_client_call(&client, "nbd_get_exports", NULL, NULL);
	if (response == NULL) {
		rpc_client_close(&client);
		return EXIT_FAILED;
	}
	if (response->result != NULL) {
		uri = find_uri(response->result, name);
	}
	spdk_jsonrpc_client_free_response(response);
	rpc_client_close(&client);
	if (uri == NULL && stat(name, &st) == 0) {
		g_request.kinds[side] = DD_FILE;
		return -1;
	}
	if (uri == NULL) {
		fprintf(stderr,
			"bdevkit dd: the target exports no bdev %s to NBD clients, nor is there a file of that name; "
			"'bdevkit rpc nbd_get_exports' lists what it exports, ./%s makes a file\n",
			name, name);
		return EXIT_FAILED;
	}
	g_request.names[side] = uri;
	g_request.kinds[side] = DD_NBD;
	return -1;
}

/* ---- the run ---- */

static void
done(void *ctx, int exit_code)
{
	g_exit_code = exit_code;
	spdk_app_stop(0);
}

static void
start(void *ctx)
{
	dd_run(&g_request, done, NULL);
}

static void
interrupt(void)
{
	if (!dd_run_interrupt()) {
		spdk_app_stop(0);
	}
}

/* The name of the bdev that a word stands for. */
static void
take_bdev(enum dd_side side, const struct expression_names *bdevs, size_t *next)
{
	if (g_request.kinds[side] == DD_BDEV) {
		g_request.names[side] = bdevs->items[(*next)++];
	}
}

static int
run(void)
{
	const char *words[2];
	struct expression_names bdevs = {};
	struct text text = {};
	size_t count = 0, next = 0;
	int rc;

	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		if (g_request.kinds[side] == DD_BDEV) {
			words[count++] = g_request.words[side];
		}
	}
	rc = expression_write_config("dd", words, count, g_config, g_config_size, 0, &text, &bdevs);
	if (rc == 0 && bdevs.count != count) {
		fprintf(stderr, "bdevkit dd: an end is one bdev, and what stands here makes %zu\n", bdevs.count);
		rc = -EINVAL;
	}
	if (rc == 0) {
		take_bdev(DD_SOURCE, &bdevs, &next);
		take_bdev(DD_TARGET, &bdevs, &next);
		g_app.json_data = text.data != NULL ? text.data : g_config;
		g_app.json_data_size = text.data != NULL ? text.size : g_config_size;
		g_app.shutdown_cb = interrupt;
		rc = spdk_app_start(&g_app, start, NULL);
		spdk_app_fini();
		if (rc != 0) {
			fprintf(stderr, "bdevkit dd: cannot make the block devices\n");
		}
	}
	free(text.data);
	expression_names_free(&bdevs);
	return rc == 0 ? g_exit_code : EXIT_FAILED;
}

int
dd_command(int argc, char **argv)
{
	int rc;

	g_request = (struct dd_request){
		.count = UINT64_MAX,
		.depth = DEFAULT_DEPTH,
		.sparse = UINT32_MAX,
		.safe_every = DEFAULT_SAFE_EVERY,
		.status = DD_STATUS_SUMMARY,
		.ends = {{.connections = DEFAULT_CONNECTIONS}, {.connections = DEFAULT_CONNECTIONS}},
	};
	spdk_app_opts_init(&g_app, sizeof(g_app));
	g_app.name = "bdevkit dd";
	g_app.rpc_addr = NULL;
	g_app.print_level = SPDK_LOG_ERROR;
	rc = parse(argc, argv);
	for (int side = DD_SOURCE; side <= DD_TARGET && rc < 0 && g_rpc_path != NULL; side++) {
		rc = g_request.kinds[side] == DD_BDEV ? ask_target(side) : -1;
	}
	if (rc < 0) {
		spdk_log_set_print_level(SPDK_LOG_ERROR);
		rc = run();
	}
	for (int side = DD_SOURCE; side <= DD_TARGET && g_rpc_path != NULL; side++) {
		if (g_request.names[side] != g_request.words[side]) {
			free(g_request.names[side]);
		}
	}
	free(g_config);
	return rc;
}
