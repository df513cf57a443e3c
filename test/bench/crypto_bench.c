/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes through a crypto bdev on a malloc bdev, with AES-XTS-256, beside the bare loop over libgcrypt and the one
 * over OpenSSL, which encrypt and decrypt between the same buffers and the same places of as much memory; beside libgcrypt with
 * a copy to or from there, where the cipher works on buffers only; and beside the malloc bdev alone. All in turn, in slices of about two milliseconds, so that a machine whose speed drifts treats them alike.
 *
 *   crypto_bench [-s SLICES] [-m MIB] [-w WORK] [-n IOS]
 *
 * MIB is the size of the disk; without it there are two, one in the caches and one far beyond. WORK is a part of the name of
 * what is measured. -n: only so many I/Os, through the crypto bdev only, for a profiler.
 */

#include "spdk/accel.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "module/bdev/crypto/vbdev_crypto.h"
#include "module/bdev/malloc/bdev_malloc.h"

#include <gcrypt.h>
#include <openssl/evp.h>

#define BLOCK_SIZE 4096
#define MAX_DEPTH 32
#define MAX_LEN (128 * 1024)
#define KEY "0123456789abcdef0123456789ABCDEF"
#define KEY2 "fedcba9876543210FEDCBA9876543210"

struct work {
	const char *name;
	uint32_t len;
	uint32_t depth;
	bool write;
};

static const struct work g_works[] = {
	{"4 KiB random read", 4096, 32, false},
	{"4 KiB random write", 4096, 32, true},
	{"128 KiB random read", MAX_LEN, 8, false},
	{"128 KiB random write", MAX_LEN, 8, true},
};

/* What a request of ours has. */
struct slot {
	uint8_t *buf;
};

static struct {
	struct spdk_thread *thread;
	bool done;
	const struct work *work;
	uint64_t disk_size;
	uint64_t random;
	struct slot slots[MAX_DEPTH];
	/* As much memory as the disk, for the bare loops. */
	uint8_t *area;
	uint8_t bounce[BLOCK_SIZE];
	gcry_cipher_hd_t gcrypt;
	EVP_CIPHER_CTX *openssl;

	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	uint64_t to_submit;
	uint32_t outstanding;
} g;

static void
must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "crypto_bench: %s failed\n", what);
		exit(1);
	}
}

static uint64_t
next_offset(void)
{
	return spdk_rand_xorshift64(&g.random) % (g.disk_size / g.work->len) * g.work->len;
}

/* ---- ours ---- */

static void submit(struct slot *slot);

static void
done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	must(success, "I/O");
	spdk_bdev_free_io(bdev_io);
	g.outstanding--;
	submit(cb_arg);
}

static void
submit(struct slot *slot)
{
	uint64_t block, num_blocks = g.work->len / BLOCK_SIZE;
	int rc;

	if (g.to_submit == 0) {
		return;
	}
	g.to_submit--;
	g.outstanding++;
	block = next_offset() / BLOCK_SIZE;
	if (g.work->write) {
		rc = spdk_bdev_write_blocks(g.desc, g.ch, slot->buf, block, num_blocks, done_cb, slot);
	} else {
		rc = spdk_bdev_read_blocks(g.desc, g.ch, slot->buf, block, num_blocks, done_cb, slot);
	}
	must(rc == 0, "submission");
}

static void
run_bdev(uint64_t count)
{
	g.to_submit = count;
	for (uint32_t i = 0; i < g.work->depth; i++) {
		submit(&g.slots[i]);
	}
	while (g.outstanding > 0) {
		spdk_thread_poll(g.thread, 0, 0);
		spdk_set_thread(g.thread);
	}
}

/* ---- bare ---- */

static void
run_gcrypt(uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		uint64_t offset = next_offset(), tweak[2] = {0, offset / BLOCK_SIZE};
		uint8_t *buf = g.slots[n % g.work->depth].buf, *place = g.area + offset;
		gcry_error_t error = 0;

		for (uint32_t i = 0; i < g.work->len; i += BLOCK_SIZE, tweak[1]++) {
			error |= gcry_cipher_setiv(g.gcrypt, tweak, sizeof(tweak));
			error |= g.work->write
				? gcry_cipher_encrypt(g.gcrypt, place + i, BLOCK_SIZE, buf + i, BLOCK_SIZE)
				: gcry_cipher_decrypt(g.gcrypt, buf + i, BLOCK_SIZE, place + i, BLOCK_SIZE);
		}
		must(error == 0, "libgcrypt");
	}
}

/* With a copy, as it is where the cipher does not reach the disk: a write's goes by way of a buffer that stays in the caches. */
static void
run_copied(uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		uint64_t offset = next_offset(), tweak[2] = {0, offset / BLOCK_SIZE};
		uint8_t *buf = g.slots[n % g.work->depth].buf, *place = g.area + offset;
		gcry_error_t error = 0;

		for (uint32_t i = 0; i < g.work->len; i += BLOCK_SIZE, tweak[1]++) {
			error |= gcry_cipher_setiv(g.gcrypt, tweak, sizeof(tweak));
			if (g.work->write) {
				error |= gcry_cipher_encrypt(g.gcrypt, g.bounce, BLOCK_SIZE, buf + i, BLOCK_SIZE);
				memcpy(place + i, g.bounce, BLOCK_SIZE);
			} else {
				memcpy(buf + i, place + i, BLOCK_SIZE);
				error |= gcry_cipher_decrypt(g.gcrypt, buf + i, BLOCK_SIZE, NULL, 0);
			}
		}
		must(error == 0, "libgcrypt");
	}
}

static void
run_openssl(uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		uint64_t offset = next_offset(), tweak[2] = {0, offset / BLOCK_SIZE};
		uint8_t *buf = g.slots[n % g.work->depth].buf, *place = g.area + offset;
		int len, good = 1;

		for (uint32_t i = 0; i < g.work->len; i += BLOCK_SIZE, tweak[1]++) {
			good &= EVP_CipherInit_ex(g.openssl, NULL, NULL, NULL, (uint8_t *)tweak, g.work->write);
			good &= g.work->write ? EVP_CipherUpdate(g.openssl, place + i, &len, buf + i, BLOCK_SIZE)
					      : EVP_CipherUpdate(g.openssl, buf + i, &len, place + i, BLOCK_SIZE);
		}
		must(good == 1, "OpenSSL");
	}
}

/* ---- side by side ---- */

enum side {
	SIDE_CRYPTO,
	SIDE_MALLOC,
	SIDE_GCRYPT,
	SIDE_COPIED,
	SIDE_OPENSSL,
	NUM_SIDES,
};

static struct {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
} g_opened[2];

static void
run(enum side side, uint64_t count)
{
	switch (side) {
	case SIDE_GCRYPT:
		run_gcrypt(count);
		break;
	case SIDE_COPIED:
		run_copied(count);
		break;
	case SIDE_OPENSSL:
		must(EVP_CipherInit_ex(
			     g.openssl, EVP_aes_256_xts(), NULL, (const uint8_t *)KEY KEY2, NULL, g.work->write) == 1,
			"OpenSSL");
		run_openssl(count);
		break;
	default:
		g.desc = g_opened[side].desc;
		g.ch = g_opened[side].ch;
		run_bdev(count);
		break;
	}
}

static double
measure(enum side side, uint64_t count)
{
	uint64_t start = spdk_get_ticks();

	run(side, count);
	return (double)(spdk_get_ticks() - start) / (double)spdk_get_ticks_hz() * 1e9 / (double)count;
}

static int
compare_doubles(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static void
compare(const struct work *work, int slices)
{
	double *times[NUM_SIDES], median[NUM_SIDES], best[NUM_SIDES];
	uint64_t count;

	g.work = work;
	for (int side = 0; side < NUM_SIDES; side++) {
		times[side] = calloc(slices, sizeof(double));
		must(times[side] != NULL, "memory");
		run(side, 1000);
	}
	count = (uint64_t)(2e6 / measure(SIDE_GCRYPT, 1000)) + 1;
	for (int i = 0; i < slices; i++) {
		for (int side = 0; side < NUM_SIDES; side++) {
			times[side][i] = measure(side, count);
		}
	}
	for (int side = 0; side < NUM_SIDES; side++) {
		qsort(times[side], slices, sizeof(double), compare_doubles);
		median[side] = times[side][slices / 2];
		best[side] = times[side][0];
		free(times[side]);
	}
	printf("%-20s %4" PRIu64 " MiB: %7.0f ns (%5.2f GB/s), libgcrypt alone %7.0f ns: %3.0f %%, %+5.0f ns; "
	       "and a copy %7.0f ns: %3.0f %%; OpenSSL alone %7.0f ns; without encryption %7.0f ns; "
	       "best %.0f, %.0f: %.0f %%, %+.0f ns, and a copy %.0f: %.0f %%\n",
		work->name, g.disk_size >> 20, median[SIDE_CRYPTO], work->len / median[SIDE_CRYPTO],
		median[SIDE_GCRYPT], median[SIDE_GCRYPT] / median[SIDE_CRYPTO] * 100,
		median[SIDE_CRYPTO] - median[SIDE_GCRYPT], median[SIDE_COPIED],
		median[SIDE_COPIED] / median[SIDE_CRYPTO] * 100, median[SIDE_OPENSSL], median[SIDE_MALLOC],
		best[SIDE_CRYPTO], best[SIDE_GCRYPT], best[SIDE_GCRYPT] / best[SIDE_CRYPTO] * 100,
		best[SIDE_CRYPTO] - best[SIDE_GCRYPT], best[SIDE_COPIED], best[SIDE_COPIED] / best[SIDE_CRYPTO] * 100);
	fflush(stdout);
}

/* ---- start and stop ---- */

static void
poll_until_done(void)
{
	while (!g.done) {
		spdk_thread_poll(g.thread, 0, 0);
	}
	g.done = false;
	spdk_set_thread(g.thread);
}

static void
started_cb(void *ctx, int rc)
{
	must(rc == 0, "start");
	g.done = true;
}

static void
deleted_cb(void *ctx, int rc)
{
	must(rc == 0, "deletion");
	g.done = true;
}

static void
set_done_cb(void *ctx)
{
	g.done = true;
}

static void
start(void)
{
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};
	uint8_t key[] = KEY KEY2;

	spdk_log_set_print_level(SPDK_LOG_WARN);
	spdk_env_opts_init(&opts);
	opts.name = "crypto_bench";
	must(spdk_env_init(&opts) == 0, "environment");
	must(spdk_thread_lib_init(NULL, 0) == 0, "threads");
	g.thread = spdk_thread_create("bench", NULL);
	spdk_set_thread(g.thread);
	must(spdk_iobuf_initialize() == 0, "buffers");
	must(spdk_accel_initialize() == 0, "accel");
	spdk_bdev_initialize(started_cb, NULL);
	poll_until_done();

	must(gcry_cipher_open(&g.gcrypt, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0) == 0, "libgcrypt");
	must(gcry_cipher_setkey(g.gcrypt, key, sizeof(key) - 1) == 0, "libgcrypt");
	g.openssl = EVP_CIPHER_CTX_new();
	must(g.openssl != NULL, "OpenSSL");
	for (int i = 0; i < MAX_DEPTH; i++) {
		g.slots[i].buf = spdk_dma_malloc(MAX_LEN, 4096, NULL);
		must(g.slots[i].buf != NULL, "memory");
		memset(g.slots[i].buf, i + 1, MAX_LEN);
	}
	g.random = 88172645463325252ULL;
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
settle(void)
{
	must(spdk_bdev_wait_for_examine(set_done_cb, NULL) == 0, "examine");
	poll_until_done();
}

static void
create_disks(void)
{
	struct malloc_bdev_opts malloc_opts = {
		.num_blocks = g.disk_size / BLOCK_SIZE, .format = {.block_size = BLOCK_SIZE}};
	static const char *const names[] = {"base", "plain"};
	struct crypto_key_opts key_opts = {.cipher = "AES_XTS", .key = "", .key2 = ""};
	struct crypto_key *key;
	struct spdk_bdev *bdev;
	char hex[2][65];
	const char *why;

	for (int i = 0; i < 2; i++) {
		malloc_opts.name = names[i];
		must(bdev_malloc_create(&malloc_opts, &bdev, &why) == 0, "malloc bdev");
		settle();
	}
	for (int i = 0; i < 32; i++) {
		snprintf(hex[0] + 2 * i, 3, "%02x", KEY[i]);
		snprintf(hex[1] + 2 * i, 3, "%02x", KEY2[i]);
	}
	key_opts.key = hex[0];
	key_opts.key2 = hex[1];
	must(crypto_key_get("crypto", &key_opts, &key, &why) == 0, "key");
	must(vbdev_crypto_create("crypto", "base", key, &why) == 0, "crypto bdev");
	settle();
	for (int side = 0; side < 2; side++) {
		must(spdk_bdev_open_ext(
			     side == SIDE_CRYPTO ? "crypto" : "plain", true, event_cb, NULL, &g_opened[side].desc) == 0,
			"opening");
		g_opened[side].ch = spdk_bdev_get_io_channel(g_opened[side].desc);
		must(g_opened[side].ch != NULL, "channel");
	}
	g.area = spdk_dma_malloc(g.disk_size, 2 << 20, NULL);
	must(g.area != NULL, "memory");
}

static void
fill_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	must(success, "write");
	spdk_bdev_free_io(bdev_io);
	g.done = true;
}

/* All memory has been written to, so that no page is met for the first time. */
static void
fill_disks(void)
{
	uint64_t blocks = MAX_LEN / BLOCK_SIZE;

	for (uint64_t offset = 0; offset < g.disk_size; offset += MAX_LEN) {
		memset(g.area + offset, (int)offset / MAX_LEN, MAX_LEN);
		for (int side = 0; side < 2; side++) {
			must(spdk_bdev_write_blocks(g_opened[side].desc, g_opened[side].ch, g.area + offset,
				     offset / BLOCK_SIZE, blocks, fill_done_cb, NULL) == 0,
				"write");
			poll_until_done();
		}
	}
}

static void
delete_disks(void)
{
	for (int side = 0; side < 2; side++) {
		spdk_put_io_channel(g_opened[side].ch);
		spdk_bdev_close(g_opened[side].desc);
	}
	must(vbdev_crypto_delete("crypto", deleted_cb, NULL) == 0, "deletion");
	poll_until_done();
	must(bdev_malloc_delete("base", deleted_cb, NULL) == 0, "deletion");
	poll_until_done();
	must(bdev_malloc_delete("plain", deleted_cb, NULL) == 0, "deletion");
	poll_until_done();
	spdk_dma_free(g.area);
}

static void
stop(void)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		spdk_dma_free(g.slots[i].buf);
	}
	gcry_cipher_close(g.gcrypt);
	EVP_CIPHER_CTX_free(g.openssl);
	spdk_bdev_finish(set_done_cb, NULL);
	poll_until_done();
	spdk_accel_finish(set_done_cb, NULL);
	poll_until_done();
	spdk_iobuf_finish(set_done_cb, NULL);
	poll_until_done();
	spdk_thread_exit(g.thread);
	while (!spdk_thread_is_exited(g.thread)) {
		spdk_thread_poll(g.thread, 0, 0);
	}
	spdk_thread_destroy(g.thread);
	spdk_thread_lib_fini();
	spdk_env_fini();
}

static void
bench_size(uint64_t mib, const char *wanted, int slices, uint64_t ios)
{
	g.disk_size = mib << 20;
	create_disks();
	fill_disks();
	for (size_t i = 0; i < SPDK_COUNTOF(g_works); i++) {
		if (wanted != NULL && strstr(g_works[i].name, wanted) == NULL) {
			continue;
		}
		g.work = &g_works[i];
		if (ios > 0) {
			run(SIDE_CRYPTO, ios);
		} else {
			compare(&g_works[i], slices);
		}
	}
	delete_disks();
}

int
main(int argc, char **argv)
{
	const char *wanted = NULL;
	uint64_t mib = 0, ios = 0;
	int slices = 101, opt;

	while ((opt = getopt(argc, argv, "s:m:w:n:")) != -1) {
		switch (opt) {
		case 's':
			slices = atoi(optarg);
			break;
		case 'm':
			mib = strtoull(optarg, NULL, 10);
			break;
		case 'w':
			wanted = optarg;
			break;
		case 'n':
			ios = strtoull(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (slices < 1 || mib > 65536) {
		fprintf(stderr, "crypto_bench: 1 <= SLICES, MIB <= 65536\n");
		return 2;
	}
	start();
	if (mib != 0) {
		bench_size(mib, wanted, slices, ios);
	} else {
		bench_size(4, wanted, slices, ios);
		bench_size(512, wanted, slices, ios);
	}
	stop();
	return 0;
}
