/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit check: the command line. */

#include "app/bdevkit/check/check.h"
#include "app/bdevkit/check/journal.h"

#include "spdk/file.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include "bdevkit/strict.h"
#include "app/bdevkit/commands.h"
#include "app/bdevkit/expression_config.h"
#include "app/bdevkit/load_module.h"

#define MAX_BDEVS 64
#define MAX_THREADS 64

static struct check_options g_options = {.seed = 1, .schedules = 1000};
static bool g_simulate;
/* Of a target that is to check; NULL: this process does. */
static const char *g_socket_path;
static char *g_config;
static size_t g_config_size;

static void
print_help(void)
{
	printf("usage: bdevkit check BDEV|EXPRESSION... [--json CONFIG] [OPTION...]\n"
	       "\n"
	       "Tries whether block devices keep the rules of the interface. What they hold is overwritten. They are "
	       "made in\n"
	       "this process, by a configuration as save_config writes it, or by an expression such as malloc:64M or\n"
	       "'passthru(malloc:64M)', and are to be used by nobody else.\n"
	       "\n"
	       "  --json CONFIG      the configuration that makes them\n"
	       "  --module FILE|NAME load a module; may be repeated\n"
	       "  --no-data          they do not keep what is written, as those of the module null: do not compare\n"
	       "  --seed N           repeat the random choices of another run (default 1)\n"
	       "  --duration S       go on with random I/O until a bdev has been checked for so many seconds\n"
	       "  --threads N        then check once more from N system threads at the same time\n"
	       "  -r SOCKET          check a bdev of a running target, which goes on meanwhile; nobody else may write\n"
	       "                     to the bdev, and what would disturb others is not tried\n"
	       "  --overwrite        yes, what they hold may be lost: needed with -r, and for devices that keep it\n"
	       "  --sim              in one thread, under virtual time, in an order that the seed decides: many short\n"
	       "                     schedules instead of one run; one that fails is repeated by its seed\n"
	       "  --schedules N      so many, with the seeds from --seed on (default 1000)\n"
	       "  --no-strict        without strict mode, which is on otherwise\n"
	       "  --json-output      the results as JSON\n"
	       "  --list-rules       print the rules, and do nothing else\n"
	       "\n"
	       "Exit codes: 0 all rules were kept, 1 one was broken or a bdev cannot be checked, 2 wrong usage.\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit check malloc:64M\n"
	       "  bdevkit check --json disks.json Malloc0\n"
	       "  bdevkit check --json mine.json --module ./bdev_mine.so --seed 7 --duration 60 mine\n");
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
	OPTION_NO_STRICT,
	OPTION_JSON_OUTPUT,
	OPTION_LIST_RULES,
	OPTION_SIM,
	OPTION_SCHEDULES,
	OPTION_THREADS,
	OPTION_OVERWRITE,
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
		return load_module("check", optarg) == 0 ? -1 : EXIT_FAILED;
	case OPTION_NO_DATA:
		g_options.no_data = true;
		return -1;
	case OPTION_SEED:
		return parse_number("--seed", optarg, &g_options.seed) ? -1 : EXIT_USAGE;
	case OPTION_DURATION:
		return parse_number("--duration", optarg, &g_options.duration) ? -1 : EXIT_USAGE;
	case OPTION_NO_STRICT:
		g_options.no_strict = true;
		return -1;
	case OPTION_JSON_OUTPUT:
		g_options.json = true;
		return -1;
	case OPTION_SIM:
		g_simulate = true;
		return -1;
	case 'r':
		g_socket_path = optarg;
		return -1;
	case OPTION_THREADS:
		return parse_number("--threads", optarg, &g_options.threads) ? -1 : EXIT_USAGE;
	case OPTION_OVERWRITE:
		g_options.overwrite = true;
		return -1;
	case OPTION_SCHEDULES:
		return parse_number("--schedules", optarg, &g_options.schedules) ? -1 : EXIT_USAGE;
	case OPTION_LIST_RULES:
		check_list_rules();
		return EXIT_OK;
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
		{"no-strict", no_argument, NULL, OPTION_NO_STRICT},
		{"json-output", no_argument, NULL, OPTION_JSON_OUTPUT},
		{"threads", required_argument, NULL, OPTION_THREADS},
		{"overwrite", no_argument, NULL, OPTION_OVERWRITE},
		{"sim", no_argument, NULL, OPTION_SIM},
		{"schedules", required_argument, NULL, OPTION_SCHEDULES},
		{"list-rules", no_argument, NULL, OPTION_LIST_RULES},
		{NULL, 0, NULL, 0},
	};
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "hr:", long_options, NULL)) != -1) {
		rc = parse_option(ch);
	}
	if (rc < 0 && g_options.threads > MAX_THREADS) {
		fprintf(stderr, "bdevkit check: --threads: at most %d\n", MAX_THREADS);
		rc = EXIT_USAGE;
	}
	if (rc < 0 && g_socket_path != NULL && (g_simulate || g_options.threads > 0 || g_config != NULL)) {
		fprintf(stderr, "bdevkit check: with -r neither --json nor --sim nor --threads\n");
		rc = EXIT_USAGE;
	}
	if (rc < 0 && g_options.schedules == 0) {
		fprintf(stderr, "bdevkit check: --schedules 0 checks nothing\n");
		rc = EXIT_USAGE;
	}
	if (rc < 0 && optind == argc) {
		fprintf(stderr, "bdevkit check: name a block device; 'bdevkit check --help' tells how to use it\n");
		rc = EXIT_USAGE;
	}
	return rc;
}

/* The words of the command line but for those that choose schedules, to repeat one of them. The caller frees it. */
static char **
words_to_repeat(int argc, char **argv)
{
	static const char *const left_out[] = {"--sim", "--seed", "--schedules", "--json-output"};
	char **words = calloc((size_t)argc + 1, sizeof(*words)), **next = words;

	for (int i = 1; words != NULL && i < argc; i++) {
		size_t k;

		for (k = 0; k < SPDK_COUNTOF(left_out); k++) {
			if (strcspn(argv[i], "=") == strlen(left_out[k]) &&
				strncmp(argv[i], left_out[k], strlen(left_out[k])) == 0) {
				break;
			}
		}
		if (k == SPDK_COUNTOF(left_out)) {
			*next++ = argv[i];
		} else if ((k == 1 || k == 2) && strchr(argv[i], '=') == NULL) {
			i++;
		}
	}
	return words;
}

static int
simulate(struct check **checks, size_t count, int argc, char **argv)
{
	char **words = words_to_repeat(argc, argv);
	int rc = words == NULL ? -ENOMEM : check_simulate(checks, count, &g_options, words);

	check_print(checks, count, &g_options);
	free(words);
	return rc;
}

/* Whether the process has a device whose contents are there when it has ended. */
static const char *
find_lasting_bdev(void)
{
	static const char *const modules[] = {"aio", "uring"};

	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		for (size_t i = 0; i < SPDK_COUNTOF(modules); i++) {
			if (strcmp(spdk_bdev_get_module_name(bdev), modules[i]) == 0) {
				return spdk_bdev_get_name(bdev);
			}
		}
	}
	return NULL;
}

static int
check_one(struct check *check)
{
	const char *lasting = g_options.overwrite ? NULL : find_lasting_bdev();
	int rc;

	if (lasting != NULL) {
		fprintf(stderr,
			"bdevkit check: %s keeps what it holds, and checking overwrites it; say with --overwrite that "
			"it "
			"may be lost\n",
			lasting);
		return -EPERM;
	}
	rc = check_bdev(check);
	if (rc != 0) {
		fprintf(stderr, "bdevkit check: %s: %s\n", check->name, check->refusal);
	} else if (g_options.threads > 0) {
		check_in_threads(check);
	}
	return rc;
}

/* Returns 0, or a negative errno if some could not be checked. */
static int
check_all(struct check **checks, size_t count)
{
	int rc = session_start(g_options.seed, g_config, g_config_size), result = 0;
	bool stopped;

	if (rc != 0) {
		fprintf(stderr, "bdevkit check: cannot make the block devices\n");
		fflush(NULL);
		_exit(EXIT_FAILED);
	}
	for (size_t i = 0; i < count; i++) {
		rc = check_one(checks[i]);
		result = rc != 0 ? rc : result;
	}
	/* Strict mode tells of what is left when the end comes. */
	stopped = session_stop();
	check_print(checks, count, &g_options);
	if (!stopped) {
		fprintf(stderr, "bdevkit check: the block devices do not end: a channel or an I/O is left over\n");
		fflush(NULL);
		_exit(EXIT_FAILED);
	}
	return result;
}

/* The bdevs that the words stand for; what makes those of expressions goes into the configuration. */
static int
find_bdevs(const char *const *words, size_t count, struct expression_names *bdevs)
{
	struct text text = {};
	int rc;

	/* A running target has its bdevs. */
	if (g_socket_path != NULL) {
		for (size_t i = 0; i < count; i++) {
			rc = expression_names_add(bdevs, words[i]);
			if (rc != 0) {
				return rc;
			}
		}
		return 0;
	}
	rc = expression_write_config("check", words, count, g_config, g_config_size, 0, &text, bdevs);
	if (rc == 0 && text.data != NULL) {
		free(g_config);
		g_config = text.data;
		g_config_size = text.size;
	} else {
		free(text.data);
	}
	return rc;
}

static int
run_checks(struct check **checks, size_t count, int argc, char **argv)
{
	int rc;

	g_options.patient = g_options.duration > 0;
	g_options.config = g_config;
	g_options.config_size = g_config_size;
	check_journal_register(session_random);
	bdk_strict_tell_crashes(check_tell_crash);
	if (!g_options.no_strict && g_socket_path == NULL) {
		check_strict_enable();
	}
	if (g_socket_path == NULL) {
		return g_simulate ? simulate(checks, count, argc, argv) : check_all(checks, count);
	}
	rc = check_target(g_socket_path, checks, count);
	check_print(checks, count, &g_options);
	return rc;
}

/* Returns an exit code. */
static int
check_bdevs(const struct expression_names *bdevs, int argc, char **argv)
{
	struct check *checks[MAX_BDEVS];
	bool passed = true;
	int rc;

	if (bdevs->count > MAX_BDEVS) {
		fprintf(stderr, "bdevkit check: more than %d bdevs\n", MAX_BDEVS);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < bdevs->count; i++) {
		checks[i] = calloc(1, sizeof(*checks[i]));
		if (checks[i] == NULL) {
			abort();
		}
		checks[i]->name = bdevs->items[i];
		checks[i]->options = &g_options;
	}
	rc = run_checks(checks, bdevs->count, argc, argv);
	for (size_t i = 0; i < bdevs->count; i++) {
		passed = passed && check_passed(checks[i]);
		free(checks[i]);
	}
	return rc == 0 && passed ? EXIT_OK : EXIT_FAILED;
}

int
check_command(int argc, char **argv)
{
	struct expression_names bdevs = {};
	int rc = parse(argc, argv);

	if (rc < 0) {
		spdk_log_set_print_level(SPDK_LOG_ERROR);
		rc = find_bdevs((const char *const *)argv + optind, (size_t)(argc - optind), &bdevs) == 0
			? check_bdevs(&bdevs, argc, argv)
			: EXIT_FAILED;
	}
	free(g_config);
	expression_names_free(&bdevs);
	return rc;
}
