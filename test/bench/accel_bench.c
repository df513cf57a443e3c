/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Operations of lib/accel with the software module, beside the bare loop over the library that does the work: both in turn,
 * in slices of about a millisecond, so that a machine whose speed drifts treats them alike.
 *
 *   accel_bench [SLICES [OPERATION]]
 *
 * Operations are submitted 32 at a time, and the thread is polled until they are done.
 */

#include "spdk/accel.h"
#include "spdk/env.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include <gcrypt.h>
#include <isa-l.h>

#define BATCH 32
#define MAX_LEN (128 * 1024)
#define MAX_SOURCES 16

static struct {
	struct spdk_thread *thread;
	struct spdk_io_channel *ch;
	struct spdk_accel_crypto_key *key;
	gcry_cipher_hd_t cipher;
	struct isal_zstream stream;
	uint8_t level_buf[ISAL_DEF_LVL1_DEFAULT];
	uint8_t *src[MAX_SOURCES];
	uint8_t *dst;
	struct iovec src_iov, dst_iov;
	uint32_t len;
	/* Of a block to encrypt, or how many sources there are. */
	uint32_t unit;
	uint32_t done;
	volatile uint64_t sink;
} g;

static void
must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static void
done_cb(void *cb_arg, int status)
{
	must(status == 0, "operation");
	g.done++;
}

/* ---- ours ---- */

static int
submit_xts(void)
{
	return spdk_accel_submit_encrypt(g.ch, g.key, &g.dst_iov, 1, &g.src_iov, 1, 5, g.unit, done_cb, NULL);
}

static uint32_t g_crc;

static int
submit_crc32c(void)
{
	return spdk_accel_submit_crc32c(g.ch, &g_crc, g.src[0], 0, g.len, done_cb, NULL);
}

static int
submit_xor(void)
{
	return spdk_accel_submit_xor(g.ch, g.dst, (void **)g.src, g.unit, g.len, done_cb, NULL);
}

static int
submit_copy(void)
{
	return spdk_accel_submit_copy(g.ch, g.dst, g.src[0], g.len, done_cb, NULL);
}

static int
submit_compress(void)
{
	return spdk_accel_submit_compress(g.ch, g.dst, 2 * MAX_LEN, &g.src_iov, 1, NULL, done_cb, NULL);
}

/* ---- bare ---- */

static void
bare_xts(void)
{
	uint64_t tweak[2] = {0, 5};

	for (uint32_t offset = 0; offset < g.len; offset += g.unit, tweak[1]++) {
		must(gcry_cipher_setiv(g.cipher, tweak, sizeof(tweak)) == 0, "setiv");
		must(gcry_cipher_encrypt(g.cipher, g.dst + offset, g.unit, g.src[0] + offset, g.unit) == 0, "encrypt");
	}
}

static void
bare_crc32c(void)
{
	g.sink += crc32_iscsi(g.src[0], (int)g.len, 0xffffffff);
}

static void
bare_xor(void)
{
	void *array[MAX_SOURCES + 1];

	memcpy(array, g.src, g.unit * sizeof(array[0]));
	array[g.unit] = g.dst;
	must(xor_gen((int)g.unit + 1, (int)g.len, array) == 0, "xor");
}

static void
bare_copy(void)
{
	memcpy(g.dst, g.src[0], g.len);
	g.sink += g.dst[0];
}

static void
bare_compress(void)
{
	isal_deflate_init(&g.stream);
	g.stream.level = 1;
	g.stream.level_buf = g.level_buf;
	g.stream.level_buf_size = sizeof(g.level_buf);
	g.stream.next_in = g.src[0];
	g.stream.avail_in = g.len;
	g.stream.next_out = g.dst;
	g.stream.avail_out = 2 * MAX_LEN;
	g.stream.end_of_stream = 1;
	must(isal_deflate(&g.stream) == COMP_OK, "deflate");
}

/* ---- side by side ---- */

static const struct {
	const char *name;
	int (*submit)(void);
	void (*bare)(void);
	uint32_t len;
	uint32_t unit;
} g_works[] = {
	{"AES-XTS-256, 512 B", submit_xts, bare_xts, 512, 512},
	{"AES-XTS-256, 4 KiB of 512 B", submit_xts, bare_xts, 4096, 512},
	{"AES-XTS-256, 4 KiB", submit_xts, bare_xts, 4096, 4096},
	{"AES-XTS-256, 128 KiB of 512 B", submit_xts, bare_xts, MAX_LEN, 512},
	{"AES-XTS-256, 128 KiB of 4 KiB", submit_xts, bare_xts, MAX_LEN, 4096},
	{"AES-XTS-256, 128 KiB", submit_xts, bare_xts, MAX_LEN, MAX_LEN},
	{"crc32c, 4 KiB", submit_crc32c, bare_crc32c, 4096, 0},
	{"crc32c, 128 KiB", submit_crc32c, bare_crc32c, MAX_LEN, 0},
	{"xor of 4, 4 KiB", submit_xor, bare_xor, 4096, 4},
	{"xor of 4, 128 KiB", submit_xor, bare_xor, MAX_LEN, 4},
	{"xor of 16, 4 KiB", submit_xor, bare_xor, 4096, 16},
	{"xor of 16, 128 KiB", submit_xor, bare_xor, MAX_LEN, 16},
	{"copy, 4 KiB", submit_copy, bare_copy, 4096, 0},
	{"copy, 128 KiB", submit_copy, bare_copy, MAX_LEN, 0},
	{"deflate level 1, 4 KiB", submit_compress, bare_compress, 4096, 0},
	{"deflate level 1, 128 KiB", submit_compress, bare_compress, MAX_LEN, 0},
};

static void
run_ours(const void *submit)
{
	int (*const *fn)(void) = submit;

	g.done = 0;
	for (int i = 0; i < BATCH; i++) {
		must((*fn)() == 0, "submission");
	}
	while (g.done < BATCH) {
		spdk_thread_poll(g.thread, 0, 0);
	}
}

static void
run_bare(const void *bare)
{
	void (*const *fn)(void) = bare;

	for (int i = 0; i < BATCH; i++) {
		(*fn)();
	}
}

/* Nanoseconds for an operation. */
static double
measure(void (*run)(const void *fn), const void *fn, int rounds)
{
	uint64_t start = spdk_get_ticks();

	for (int i = 0; i < rounds; i++) {
		run(fn);
	}
	return (double)(spdk_get_ticks() - start) / (double)spdk_get_ticks_hz() * 1e9 / rounds / BATCH;
}

static int
compare_doubles(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static double
median(double *values, int count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return values[count / 2];
}

static void
compare(size_t work, int slices)
{
	double *ours = calloc(slices, sizeof(*ours)), *theirs = calloc(slices, sizeof(*theirs));
	double our_median, their_median;
	int rounds;

	must(ours != NULL && theirs != NULL, "memory");
	g.len = g_works[work].len;
	g.unit = g_works[work].unit;
	g.src_iov = (struct iovec){g.src[0], g.len};
	g.dst_iov = (struct iovec){g.dst, g.len};
	rounds = (int)(1e6 / (measure(run_bare, &g_works[work].bare, 1) * BATCH)) + 1;
	for (int i = 0; i < slices; i++) {
		ours[i] = measure(run_ours, &g_works[work].submit, rounds);
		theirs[i] = measure(run_bare, &g_works[work].bare, rounds);
	}
	our_median = median(ours, slices);
	their_median = median(theirs, slices);
	printf("%-30s %9.1f ns (%6.2f GB/s), bare loop %9.1f ns: %3.0f %%, %+.0f ns\n", g_works[work].name, our_median,
		g.len / our_median, their_median, their_median / our_median * 100, our_median - their_median);
	free(ours);
	free(theirs);
}

static void
make_key(void)
{
	static const char bytes[64] = "0123456789abcdef0123456789ABCDEFfedcba9876543210FEDCBA9876543210";
	static char hex[2][65];
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS", .hex_key = hex[0], .hex_key2 = hex[1], .key_name = (char *)"key"};

	for (int i = 0; i < 64; i++) {
		snprintf(hex[i / 32] + i % 32 * 2, 3, "%02x", bytes[i]);
	}
	must(spdk_accel_crypto_key_create(&param) == 0, "key");
	g.key = spdk_accel_crypto_key_get("key");
	must(gcry_cipher_open(&g.cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, 0) == 0, "open");
	must(gcry_cipher_setkey(g.cipher, bytes, 64) == 0, "setkey");
}

static uint8_t *
make_buffer(size_t len)
{
	uint8_t *buffer = spdk_zmalloc(len, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	uint64_t random = 1;

	must(buffer != NULL, "memory");
	/* Half of it noise, so that it can be compressed. */
	for (size_t i = 0; i < len; i++) {
		buffer[i] = i / 256 % 2 == 0 ? (uint8_t)spdk_rand_xorshift64(&random) : (uint8_t)(i / 16);
	}
	return buffer;
}

static void
finished_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

int
main(int argc, char **argv)
{
	int slices = argc > 1 ? atoi(argv[1]) : 51;
	bool finished = false;

	must(slices > 0 && spdk_thread_lib_init(NULL, 0) == 0, "start");
	g.thread = spdk_thread_create("bench", NULL);
	spdk_set_thread(g.thread);
	must(spdk_iobuf_initialize() == 0 && spdk_accel_initialize() == 0, "start");
	g.ch = spdk_accel_get_io_channel();
	must(g.ch != NULL, "channel");
	make_key();
	for (int i = 0; i < MAX_SOURCES; i++) {
		g.src[i] = make_buffer(MAX_LEN);
	}
	g.dst = make_buffer(2 * MAX_LEN);
	for (size_t work = 0; work < SPDK_COUNTOF(g_works); work++) {
		if (argc <= 2 || strstr(g_works[work].name, argv[2]) != NULL) {
			compare(work, slices);
		}
	}
	gcry_cipher_close(g.cipher);
	spdk_put_io_channel(g.ch);
	spdk_accel_finish(finished_cb, &finished);
	while (!finished) {
		spdk_thread_poll(g.thread, 0, 0);
	}
	return 0;
}
