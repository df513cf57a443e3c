/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The subcommands of bdevkit. Each gets "bdevkit NAME" as argv[0] and returns the exit code of the process.
 */

#ifndef BDEVKIT_COMMANDS_H
#define BDEVKIT_COMMANDS_H

#define EXIT_OK 0
/* The thing that was asked for failed. */
#define EXIT_FAILED 1
/* It was not clear what was asked for. */
#define EXIT_USAGE 2

int serve_command(int argc, char **argv);
int rpc_command(int argc, char **argv);
int matrix_command(int argc, char **argv);
int show_command(int argc, char **argv);
int new_command(int argc, char **argv);
int check_command(int argc, char **argv);
int perf_command(int argc, char **argv);
int stat_command(int argc, char **argv);
int top_command(int argc, char **argv);
int trace_command(int argc, char **argv);
int dd_command(int argc, char **argv);
int raid_command(int argc, char **argv);

#endif /* BDEVKIT_COMMANDS_H */
