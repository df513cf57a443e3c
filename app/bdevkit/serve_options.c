/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "bdevkit/app.h"
#include "bdevkit/nbd.h"
#include "app/bdevkit/commands.h"
#include "app/bdevkit/load_module.h"
#include "app/bdevkit/serve.h"

/* Beyond every letter, so that they do not collide with the flags of spdk_app_parse_args(). */
enum {
	OPTION_NBD = 0x1000,
	OPTION_EXPORT,
	OPTION_READ_ONLY,
	OPTION_NO_LOCK,
	OPTION_POLL,
	OPTION_PARTITIONS,
	OPTION_MODULE,
	OPTION_METRICS,
};

static const struct option g_long_options[] = {
	{"nbd", required_argument, NULL, OPTION_NBD},
	{"export", required_argument, NULL, OPTION_EXPORT},
	{"read-only", no_argument, NULL, OPTION_READ_ONLY},
	{"no-lock", no_argument, NULL, OPTION_NO_LOCK},
	{"poll", no_argument, NULL, OPTION_POLL},
	{"partitions", no_argument, NULL, OPTION_PARTITIONS},
	{"module", required_argument, NULL, OPTION_MODULE},
	{"metrics", required_argument, NULL, OPTION_METRICS},
	{NULL, 0, NULL, 0},
};

/* spdk_app_parse_args() calls back without a context. */
static struct serve_options *g_parsing;

static void
print_help(void)
{
	printf("usage: bdevkit serve [FILE|EXPRESSION...] [OPTION...]\n"
	       "\n"
	       "Serves block devices to NBD clients until it is told to stop (Ctrl-C). A FILE is a disk image or a "
	       "block\n"
	       "device; it is exported under its file name. Without FILE and --json it serves a disk in memory, 1 "
	       "GiB,\n"
	       "whose contents end with it. An EXPRESSION such as malloc:64M or 'raid1(file:a.img,file:b.img)' makes "
	       "a\n"
	       "block device; 'bdevkit show --help' tells more.\n"
	       "\n"
	       "what to serve:\n"
	       "  --json CONFIG        a configuration, as save_config writes it\n"
	       "  --export BDEV        export this block device; may be repeated. Without it, every block device that "
	       "no\n"
	       "                       other builds on is exported under its name, and comes and goes with it\n"
	       "  --partitions         export the partitions of disks that have some, as DISKp1, DISKp2, ..., instead "
	       "of "
	       "the\n"
	       "                       whole disk\n"
	       "  --module FILE|NAME   load a module; may be repeated\n"
	       "  --read-only          let no client write\n"
	       "  --no-lock            serve a FILE also while another process, such as QEMU, uses it\n"
	       "\n"
	       "where:\n"
	       "  --nbd unix:PATH      where NBD clients connect; may be repeated\n"
	       "  --nbd tcp:HOST:PORT  (default " SERVE_DEFAULT_NBD_ADDRESS "; tcp:PORT is on loopback)\n"
	       "  -r PATH              Unix socket for remote procedure calls (default " SPDK_DEFAULT_RPC_ADDR ")\n"
	       "  --metrics ADDRESS    where Prometheus finds metrics: tcp:PORT (on loopback), tcp:HOST:PORT, "
	       "unix:PATH\n"
	       "\n"
	       "how:\n"
	       "  -m CPUS              CPUs to run on, a mask (0x3) or a list ([0,2-3]); default one CPU\n"
	       "  --poll               never sleep: lowest latency for a whole CPU\n"
	       "  --wait-for-rpc       do not start before the call framework_start_init\n"
	       "  --strict             name modules and callers that break rules, in the log; costs speed\n"
	       "  -L FLAG              log more of a component ('-L all' for all)\n"
	       "  --help-all           the flags that SPDK applications share\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit serve disk.img\n"
	       "  bdevkit serve --nbd tcp:10809 --read-only debian.iso\n"
	       "  bdevkit serve -m 0x3 --json disks.json\n");
}

static void
print_shared_flags(void)
{
	printf(" --nbd, --export, --partitions, --module, --metrics, --read-only, --no-lock, --poll, --strict: see "
	       "'bdevkit serve "
	       "--help'\n");
}

static int
add_word(struct serve_words *words, const char *word)
{
	const char **items = realloc(words->items, (words->count + 1) * sizeof(*items));

	if (items == NULL) {
		return -ENOMEM;
	}
	items[words->count++] = word;
	words->items = items;
	return 0;
}

static int
parse_own_option(int ch, char *arg)
{
	switch (ch) {
	case OPTION_NBD:
		return add_word(&g_parsing->nbd_addresses, arg);
	case OPTION_EXPORT:
		return add_word(&g_parsing->exports, arg);
	case OPTION_READ_ONLY:
		g_parsing->read_only = true;
		return 0;
	case OPTION_NO_LOCK:
		g_parsing->no_lock = true;
		return 0;
	case OPTION_POLL:
		g_parsing->poll = true;
		return 0;
	case OPTION_PARTITIONS:
		g_parsing->partitions = true;
		return 0;
	case OPTION_MODULE:
		return load_module("serve", arg);
	case OPTION_METRICS:
		if (g_parsing->metrics_address != NULL) {
			fprintf(stderr, "bdevkit serve: --metrics may be given once\n");
			return -EINVAL;
		}
		g_parsing->metrics_address = arg;
		return load_module("serve", "metrics");
	default:
		return -EINVAL;
	}
}

static bool
has_argument(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], word) == 0) {
			return true;
		}
	}
	return false;
}

/* The same file name twice would be two exports of one name. */
static int
check_files(const struct serve_options *options)
{
	for (size_t i = 0; i < options->files.count; i++) {
		const char *name = serve_file_name(options->files.items[i]);

		if (!serve_is_file(options->files.items[i])) {
			continue;
		}
		if (*name == '\0') {
			fprintf(stderr, "bdevkit serve: '%s' is not the name of a file\n", options->files.items[i]);
			return -EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (serve_is_file(options->files.items[j]) &&
				strcmp(name, serve_file_name(options->files.items[j])) == 0) {
				fprintf(stderr,
					"bdevkit serve: '%s' and '%s' would both be exported as '%s'; serve one of "
					"them under "
					"another name through a link to it\n",
					options->files.items[j], options->files.items[i], name);
				return -EEXIST;
			}
		}
	}
	return 0;
}

static int
check_addresses(const struct serve_options *options)
{
	char uri[2 * BDK_NBD_ADDRESS_SIZE];

	for (size_t i = 0; i < options->nbd_addresses.count; i++) {
		const char *address = options->nbd_addresses.items[i];

		if (bdk_nbd_format_uri(address, "", uri, sizeof(uri)) == -EINVAL) {
			fprintf(stderr,
				"bdevkit serve: --nbd %s: not an address; it is unix:PATH, tcp:HOST:PORT (HOST a "
				"numeric address, "
				"localhost or *) or tcp:PORT\n",
				address);
			return -EINVAL;
		}
	}
	return 0;
}

/* What the start would say too late and for people who know the library. */
static int
check_cpus(const struct serve_options *options)
{
	const char *mask = options->app.reactor_mask;
	enum spdk_log_level level = spdk_log_get_print_level();
	struct spdk_cpuset cpus;
	int rc;

	if (mask == NULL) {
		return 0;
	}
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	rc = spdk_cpuset_parse(&cpus, mask);
	spdk_log_set_print_level(level);
	if (rc != 0 || spdk_cpuset_count(&cpus) == 0) {
		fprintf(stderr,
			"bdevkit serve: -m %s: not a set of CPUs; it is a hexadecimal mask such as 0x5, or a list such "
			"as [0,2-3]\n'bdevkit serve --help' shows the options\n",
			mask);
		return -EINVAL;
	}
	return 0;
}

int
serve_options_parse(struct serve_options *options, int argc, char **argv)
{
	spdk_app_parse_args_rvals_t result;

	memset(options, 0, sizeof(*options));
	if (has_argument(argc, argv, "--help") || has_argument(argc, argv, "-h")) {
		print_help();
		return EXIT_OK;
	}
	spdk_app_opts_init(&options->app, sizeof(options->app));
	options->app.name = "bdevkit";
	options->app.print_level = SPDK_LOG_WARN;
	g_parsing = options;
	if (has_argument(argc, argv, "--help-all")) {
		char *arguments[] = {argv[0], (char *)"--help", NULL};

		optind = 1;
		spdk_app_parse_args(
			2, arguments, &options->app, "", g_long_options, parse_own_option, print_shared_flags);
		return EXIT_OK;
	}
	optind = 1;
	result = spdk_app_parse_args(
		argc, argv, &options->app, "", g_long_options, parse_own_option, print_shared_flags);
	if (result != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return result == SPDK_APP_PARSE_ARGS_HELP ? EXIT_OK : EXIT_USAGE;
	}
	for (; optind < argc; optind++) {
		if (add_word(&options->files, argv[optind]) != 0) {
			return EXIT_FAILED;
		}
	}
	return check_cpus(options) == 0 && check_files(options) == 0 && check_addresses(options) == 0 ? -1 : EXIT_USAGE;
}

void
serve_options_free(struct serve_options *options)
{
	free(options->files.items);
	free(options->nbd_addresses.items);
	free(options->exports.items);
}
