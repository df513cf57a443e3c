/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static int help_command(int argc, char **argv);
static int version_command(int argc, char **argv);

static const struct command g_commands[] = {
	{"serve", "make block devices and serve them to NBD clients", serve_command},
	{"rpc", "ask a running target", rpc_command},
	{"check", "try whether block devices keep the rules", check_command},
	{"perf", "put load on block devices and measure them", perf_command},
	{"stat", "show how much I/O the bdevs of a running target do", stat_command},
	{"top", "watch a running target live", top_command},
	{"trace", "show where the time of I/Os goes in a running target", trace_command},
	{"dd", "copy between files, block devices and exports", dd_command},
	{"show", "show the configuration that expressions such as malloc:64M stand for", show_command},
	{"new", "write the source of a module, to begin with", new_command},
	{"matrix", "show what the bdev modules support", matrix_command},
	{"raid", "show the arrays of a running target", raid_command},
	{"help", "show this, or the help of a command", help_command},
	{"version", "show the version", version_command},
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_commands); i++) {
		if (strcmp(name, g_commands[i].name) == 0) {
			return &g_commands[i];
		}
	}
	return NULL;
}

static void
print_help(FILE *out)
{
	fprintf(out,
		"bdevkit: block devices in user space\n"
		"\n"
		"usage: bdevkit COMMAND [ARGUMENT...]\n"
		"\n"
		"commands:\n");
	for (size_t i = 0; i < SPDK_COUNTOF(g_commands); i++) {
		fprintf(out, "  %-8s %s\n", g_commands[i].name, g_commands[i].summary);
	}
	fprintf(out,
		"\n"
		"examples:\n"
		"  bdevkit serve disk.img           serve an image; prints how to connect\n"
		"  bdevkit serve malloc:1G          serve a disk in memory\n"
		"  bdevkit serve --json disks.json  serve what a saved configuration describes\n"
		"  bdevkit rpc bdev_get_bdevs       ask the running target for its block devices\n"
		"\n"
		"'bdevkit COMMAND --help' tells more of each. Exit codes: 0 success, 1 what was asked for failed, 2 "
		"wrong usage.\n");
}

static int
help_command(int argc, char **argv)
{
	const struct command *command;
	char *arguments[] = {argc > 1 ? argv[1] : NULL, (char *)"--help", NULL};

	command = argc > 1 ? find_command(argv[1]) : NULL;
	if (argc > 1 && command == NULL) {
		fprintf(stderr, "bdevkit help: there is no command '%s'\n", argv[1]);
		return EXIT_USAGE;
	}
	if (command == NULL || command->run == help_command || command->run == version_command) {
		print_help(stdout);
		return EXIT_OK;
	}
	return command->run(2, arguments);
}

static int
version_command(int argc, char **argv)
{
	printf("bdevkit %s\n", BDEVKIT_VERSION);
	return EXIT_OK;
}

int
main(int argc, char **argv)
{
	const struct command *command;
	char name[32];

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
		return version_command(argc, argv);
	}
	command = find_command(argv[1]);
	if (command == NULL) {
		fprintf(stderr, "bdevkit: there is no command '%s'; 'bdevkit help' lists them\n", argv[1]);
		return EXIT_USAGE;
	}
	/* What getopt_long() puts before its complaints. */
	snprintf(name, sizeof(name), "bdevkit %s", command->name);
	argv[1] = name;
	return command->run(argc - 1, argv + 1);
}
