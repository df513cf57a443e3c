/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit show: the configuration that expressions stand for. */

#include "spdk/stdinc.h"
#include "spdk/log.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/expression_config.h"
#include "app/bdevkit/load_module.h"

static void
print_help(void)
{
	printf("usage: bdevkit show [--module FILE|NAME]... [--names] EXPRESSION...\n"
	       "\n"
	       "Prints the configuration that bdev expressions stand for, as 'bdevkit serve --json' loads it.\n"
	       "\n"
	       "  KIND[:ARGUMENT][(BASE,...[,PARAMETER=VALUE,...])]\n"
	       "\n"
	       "KIND is that of a method bdev_KIND_create, or file, raid0, raid1, concat and so on. A BASE is an "
	       "expression or\n"
	       "the name of a bdev. Numbers may have a suffix: K, M, G, T.\n"
	       "\n"
	       "  --module FILE|NAME  load a module, whose kinds of bdevs are known then; may be repeated\n"
	       "  --names             print what the bdevs will be called instead, one in a line\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit show malloc:64M\n"
	       "  bdevkit show 'raid1(file:a.img,file:b.img,name=mirror)'\n");
}

static bool g_names;

/* Returns -1 to go on, or an exit code. */
static int
parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"module", required_argument, NULL, 'm'},
		{"names", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	int ch;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (ch == 'h') {
			print_help();
			return EXIT_OK;
		}
		if (ch == 'n') {
			g_names = true;
			continue;
		}
		if (ch != 'm') {
			fprintf(stderr, "'bdevkit show --help' tells how to use it\n");
			return EXIT_USAGE;
		}
		if (load_module("show", optarg) != 0) {
			return EXIT_FAILED;
		}
	}
	for (int i = optind; i < argc; i++) {
		if (!expression_is_one(argv[i])) {
			fprintf(stderr,
				"bdevkit show: %s is the name of a bdev, and no expression such as malloc:64M\n",
				argv[i]);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "bdevkit show: which expression? 'bdevkit show --help' tells how to use it\n");
		return EXIT_USAGE;
	}
	return -1;
}

int
show_command(int argc, char **argv)
{
	struct expression_names bdevs = {};
	struct text text = {};
	int rc = parse(argc, argv);

	if (rc >= 0) {
		return rc;
	}
	rc = expression_write_config("show", (const char *const *)argv + optind, (size_t)(argc - optind), NULL, 0,
		SPDK_JSON_WRITE_FLAG_FORMATTED, &text, &bdevs);
	if (rc == 0 && !g_names) {
		printf("%s\n", text.data);
	}
	for (size_t i = 0; i < bdevs.count && rc == 0 && g_names; i++) {
		printf("%s\n", bdevs.items[i]);
	}
	expression_names_free(&bdevs);
	free(text.data);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}
