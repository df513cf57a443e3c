/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The NBD server: serves bdevs over Unix sockets and TCP to anything that speaks the NBD protocol (qemu, libnbd,
 * nbd-client, fio), without root and without a kernel module.
 *
 * An export is a bdev under a name. There are two kinds:
 *
 *   explicit   Made with bdk_nbd_export_create() for a bdev that exists, and there until it is deleted or its bdev goes
 *              away. A writable one claims its bdev (shared among the exports of this server) from the start, so that
 *              no other module builds on it; a read-only one claims nothing and may also show a bdev that another
 *              module has claimed.
 *   automatic  With the option auto_export, every bdev that nobody has claimed is an export under its own name, unless
 *              an explicit export has that name. Nothing is held of such a bdev while no client is connected to it:
 *              it can be claimed, resized and deleted, and the export comes and goes with that. While clients are
 *              connected, it is claimed as an explicit export is, so that claiming it elsewhere fails with -EPERM.
 *
 * When a bdev is removed, its exports end: what is in flight is finished, what arrives is answered ESHUTDOWN, and
 * the connections are closed.
 *
 * All functions are called on the app thread, after the subsystem "nbd" has started, unless said otherwise. They
 * return 0 or a negative errno, and have logged the reason where the number alone would not tell it.
 */

#ifndef BDEVKIT_NBD_H
#define BDEVKIT_NBD_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest name of an export and longest description, in bytes without the terminator; the protocol's limit. */
#define BDK_NBD_MAX_STRING 4096

/* Room for any listener address, terminator included. */
#define BDK_NBD_ADDRESS_SIZE 128

/* ---- listeners ---- */

/*
 * Starts to accept clients on an address:
 *   unix:PATH       a Unix socket, created with mode 0600; a socket that nobody listens on any more is taken over
 *   tcp:HOST:PORT   HOST is a numeric IPv4 address, a numeric IPv6 address in brackets, "localhost", or "*" for every
 *                   address of the machine; empty: 127.0.0.1. PORT 0: any free port.
 *   tcp:PORT        the same as tcp:127.0.0.1:PORT
 *
 * bound, if not NULL, receives the address with what was chosen filled in (BDK_NBD_ADDRESS_SIZE bytes); it is the name
 * by which the listener is known from now on.
 *
 * -EINVAL: not an address; -EEXIST: this server listens there already; -EADDRINUSE: another does; -ENOTSOCK: a file that
 * is no socket is in the way; -ENAMETOOLONG: PATH is longer than a Unix socket's may be; otherwise what the system said.
 */
int bdk_nbd_listen(const char *address, char *bound);

/*
 * Stops accepting on an address, given as to bdk_nbd_listen() or as it was returned there. Connections stay. The file
 * of a Unix socket is removed. -ENOENT: no such listener.
 */
int bdk_nbd_unlisten(const char *address);

/* Calls fn for each listener, oldest first, until it returns non-zero, which is then returned. */
int bdk_nbd_for_each_listener(int (*fn)(void *ctx, const char *address), void *ctx);

/* ---- exports ---- */

struct bdk_nbd_export_opts {
	/* Set to sizeof() by the caller; members beyond it take their defaults. */
	size_t size;
	/* Name that clients ask for; NULL: the bdev's name. Need not outlive the call, nor description. */
	const char *name;
	/* Text for people, shown by clients that list exports; NULL: none. */
	const char *description;
	bool read_only;
};

/*
 * Exports a bdev, named by name or alias. opts may be NULL: writable, under the name that was given.
 *
 * -ENODEV: no such bdev; -EEXIST: an explicit export, or the automatic one of another bdev,
 * has that name; -EPERM: another module has claimed the bdev and the
 * export is not read-only; -EINVAL: a name or description that is too long or not UTF-8; -ENOTSUP: the bdev cannot be
 * exported (zoned, or its block size is not a power of two from 1 to 65536).
 */
int bdk_nbd_export_create(const char *bdev_name, const struct bdk_nbd_export_opts *opts);

/*
 * Ends an explicit export: its connections are closed as if the bdev had been removed. cb_fn (may be NULL) is called on
 * the app thread once the last is gone and the bdev is closed. Automatic exports cannot be deleted: -EPERM.
 * -ENOENT: no such export. On an error cb_fn is not called.
 */
int bdk_nbd_export_delete(const char *name, void (*cb_fn)(void *cb_arg), void *cb_arg);

struct bdk_nbd_export_info {
	const char *name;
	const char *bdev_name;
	/* NULL: none. */
	const char *description;
	bool read_only;
	/* It is there because of the option auto_export. */
	bool automatic;
	/* It is what a client gets that asks for the empty name. */
	bool is_default;
	uint32_t num_connections;
	/* In bytes. */
	uint64_t size;
	uint32_t block_size;
};

/*
 * Calls fn for each export, explicit ones first, until it returns non-zero, which is then returned. info is valid during
 * the call. fn must not change exports. -ENOMEM is possible.
 */
int bdk_nbd_for_each_export(int (*fn)(void *ctx, const struct bdk_nbd_export_info *info), void *ctx);

/*
 * Writes the URI of an export by way of a listener's address, for example nbd+unix:///Malloc0?socket=/tmp/nbd.sock or
 * nbd://127.0.0.1:10809/Malloc0; name and path are percent-encoded where a URI needs it. An export name "" gives the URI
 * of the default export. Any thread; nothing needs to exist.
 *
 * Returns the length without the terminator, -EINVAL (not an address), or -ENOSPC.
 */
int bdk_nbd_format_uri(const char *address, const char *export_name, char *uri, size_t size);

/* ---- connections ---- */

struct bdk_nbd_connection_info {
	uint64_t id;
	/* Address of the listener it came by. */
	const char *listener;
	/* "unix" with pid and uid of the client, or its address and port. */
	const char *peer;
	/* NULL during the handshake. */
	const char *export_name;
	/* Requests being worked on. */
	uint32_t requests;
	uint64_t bytes_read;
	uint64_t bytes_written;
};

/*
 * Collects the connections of all threads, then calls fn on the app thread for each, until it returns non-zero, then done_fn. info is
 * valid during the call. Neither is called if the function returns an error (-ENOMEM).
 */
int bdk_nbd_for_each_connection(int (*fn)(void *ctx, const struct bdk_nbd_connection_info *info),
	void (*done_fn)(void *ctx, int rc), void *ctx);

/* ---- options ---- */

struct bdk_nbd_options {
	/* Set to sizeof() by the caller; members beyond it stay as they are (set), or untouched (get). */
	size_t size;
	/* Export every unclaimed bdev under its name. Default false. Turning it off closes the connections to them. */
	bool auto_export;
	/*
	 * No client may write, whatever its export was made for. Exports that are there become read-only for good; clients
	 * that are connected to them get EPERM when they write, and may still flush. Default false.
	 */
	bool read_only;
	/*
	 * What a client gets that asks for the empty name, "" for none in particular: then it is the only export if there
	 * is just one. Default "". Copied by set; get gives a pointer valid until the next set.
	 */
	const char *default_export;
	/* Clients beyond this number are turned away. Default 1024. */
	uint32_t max_connections;
	/* Seconds a client may take for the handshake before it is dropped. Default 30. */
	uint32_t handshake_timeout_sec;
};

void bdk_nbd_get_options(struct bdk_nbd_options *options);

/* -EINVAL: a zero limit, or a name that is too long. Limits hold for new connections. */
int bdk_nbd_set_options(const struct bdk_nbd_options *options);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_NBD_H */
