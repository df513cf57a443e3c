/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/util.h"

#include "bdevkit/nbd.h"
#include "app/bdevkit/serve.h"

#define URI_SIZE 8192

static void
print_size(uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < SPDK_COUNTOF(units)) {
		value /= 1024;
		unit++;
	}
	printf(value == (uint64_t)value ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* One word for a shell, whatever is in it. */
static void
print_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		printf("%s", word);
		return;
	}
	putchar('\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			printf("'\\''");
		} else {
			putchar(*word);
		}
	}
	putchar('\'');
}

/* A name for the eye only: nothing in it may steer the terminal. */
static void
print_name(const char *name)
{
	for (; *name != '\0'; name++) {
		putchar(iscntrl((unsigned char)*name) ? '?' : *name);
	}
}

static void
print_nbd_client(const char *address, const char *export_name)
{
	char *host, *port;

	if (strncmp(address, "unix:", 5) == 0) {
		printf("    nbd-client  nbd-client -unix ");
		print_word(address + 5);
		printf(" /dev/nbd0 -N ");
		print_word(export_name);
		printf("\n");
		return;
	}
	host = strdup(address + 4);
	port = host == NULL ? NULL : strrchr(host, ':');
	if (port != NULL) {
		*port++ = '\0';
		/* An IPv6 address stands in brackets. */
		if (*host == '[' && port - host > 2) {
			port[-2] = '\0';
		}
		printf("    nbd-client  nbd-client %s %s /dev/nbd0 -N ", *host == '[' ? host + 1 : host, port);
		print_word(export_name);
		printf("\n");
	}
	free(host);
}

static int
print_ways_in(void *ctx, const char *address)
{
	const struct bdk_nbd_export_info *info = ctx;
	char *uri = malloc(URI_SIZE);

	if (uri != NULL && bdk_nbd_format_uri(address, info->name, uri, URI_SIZE) > 0) {
		printf("    URI         %s\n", uri);
		printf("    qemu        qemu-system-x86_64 -m 1G -drive 'file=%s,format=raw,if=virtio%s'\n", uri,
			info->read_only ? ",readonly=on" : "");
		print_nbd_client(address, info->name);
		printf("    fio         fio --name=read --ioengine=nbd --uri='%s' --rw=randread --bs=4k --iodepth=32 "
		       "--time_based --runtime=5\n",
			uri);
	}
	free(uri);
	return 0;
}

static int
print_export(void *ctx, const struct bdk_nbd_export_info *info)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(info->bdev_name);
	size_t *count = ctx;

	printf("\n  ");
	print_name(info->name);
	printf(": ");
	print_size(info->size);
	printf(" in blocks of %" PRIu32 " bytes%s%s%s\n", info->block_size, bdev == NULL ? "" : ", ",
		bdev == NULL ? "" : spdk_bdev_get_product_name(bdev), info->read_only ? ", read-only" : "");
	bdk_nbd_for_each_listener(print_ways_in, (void *)info);
	(*count)++;
	return 0;
}

static int
print_address(void *ctx, const char *address)
{
	printf(" ");
	print_name(address);
	return 0;
}

static void
print_waiting(const char *name, const char *base)
{
	printf("\n  ");
	print_name(name);
	printf(": not there; it comes as soon as there is a block device ");
	print_name(base);
	printf("\n");
}

/* What to give to Prometheus, or to type to see them. */
static void
print_metrics(const char *address)
{
	if (strncmp(address, "unix:", 5) == 0) {
		printf("\nMetrics: curl --unix-socket ");
		print_word(address + 5);
		printf(" http://localhost/metrics\n");
	} else {
		const char *where = address + strlen("tcp:");

		printf("\nMetrics: http://%s%s/metrics\n", strchr(where, ':') == NULL ? "127.0.0.1:" : "", where);
	}
}

void
serve_print(const struct serve_options *options)
{
	size_t count = 0;

	printf("bdevkit %s serves NBD clients on", BDEVKIT_VERSION);
	bdk_nbd_for_each_listener(print_address, NULL);
	printf("\n");
	bdk_nbd_for_each_export(print_export, &count);
	if (count == 0) {
		printf("\n  No block device is there yet. Make one: bdevkit rpc bdev_malloc_create name=disk "
		       "num_blocks=131072 "
		       "block_size=512\n");
	}
	serve_for_each_waiting(print_waiting);
	if (options->app.rpc_addr != NULL) {
		printf("\nRemote procedure calls on ");
		print_name(options->app.rpc_addr);
		printf(": bdevkit rpc");
		if (strcmp(options->app.rpc_addr, SPDK_DEFAULT_RPC_ADDR) != 0) {
			printf(" -r ");
			print_word(options->app.rpc_addr);
		}
		printf("\n");
	}
	if (options->metrics_address != NULL) {
		print_metrics(options->metrics_address);
	}
	printf("Press Ctrl-C to stop.\n");
	fflush(stdout);
}
