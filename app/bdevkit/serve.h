/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit serve: what the command line asks for (serve_options.c), carried out on the app thread (serve.c), and told
 * to the person at the terminal (serve_print.c, serve_waiting.c) and to a service manager (serve_notify.c).
 */

#ifndef BDEVKIT_SERVE_H
#define BDEVKIT_SERVE_H

#include "spdk/stdinc.h"
#include "spdk/event.h"

/* Where NBD clients find the target when no --nbd says otherwise. */
#define SERVE_DEFAULT_NBD_ADDRESS "unix:/var/tmp/bdevkit-nbd.sock"

/* Words that the command line repeats: an array that points into argv. */
struct serve_words {
	const char **items;
	size_t count;
};

struct serve_options {
	struct spdk_app_opts app;
	struct serve_words files;
	struct serve_words nbd_addresses;
	struct serve_words exports;
	/* NULL: none are served. */
	const char *metrics_address;
	bool read_only;
	bool no_lock;
	bool poll;
	/* Those of any type, not only of those that are meant for SPDK. */
	bool partitions;
};

/*
 * Reads the command line. Returns -1 to go on, or the exit code when all is said: after --help, or a wrong argument that
 * has been named on stderr. serve_options_free() in any case.
 */
int serve_options_parse(struct serve_options *options, int argc, char **argv);
void serve_options_free(struct serve_options *options);

/* The part of a path behind its last slash: the name under which a file is served. */
const char *serve_file_name(const char *path);

/* Whether a word that says what to serve is a file, and not an expression that makes a bdev. */
bool serve_is_file(const char *word);

/* Prints every export with the lines to paste, and how to go on. */
void serve_print(const struct serve_options *options);

/* Tells a service manager the state, "READY=1" for one; nothing without NOTIFY_SOCKET in the environment. */
void serve_notify(const char *state);

/* Calls fn for each block device that is asked for and waits for one that it stands on. */
void serve_for_each_waiting(void (*fn)(const char *name, const char *base));

#endif /* BDEVKIT_SERVE_H */
