/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Protection information of 4 KiB and 512-byte blocks, beside the bare loop over the CRC that does most of the work: both
 * in turn, in slices of about a millisecond, so that a machine whose speed drifts treats them alike.
 *
 *   dif_bench [SLICES]
 *
 * The bare loops are those of ISA-L: crc16_t10dif, crc32_iscsi and, as it lacks the CRC-64 of NVMe, crc64_ecma_refl, which
 * takes as long with another polynomial. That of the copying functions is crc16_t10dif_copy, or memcpy and the CRC.
 */

#include "spdk/dif.h"
#include "spdk/env.h"
#include "spdk/util.h"

#include <isa-l.h>

#define BYTES (256 * 1024)
#define MD_SIZE 16

struct job {
	struct spdk_dif_ctx ctx;
	enum spdk_dif_pi_format format;
	uint32_t block_size;
	uint32_t num_blocks;
	/* Blocks with metadata, and data alone. */
	uint8_t *blocks;
	uint8_t *data;
	struct iovec blocks_iov;
	struct iovec data_iov;
	/* What a loop comes to, so that no compiler leaves it out. */
	volatile uint64_t sink;
};

static void
must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static uint64_t
bare_crc(enum spdk_dif_pi_format format, uint8_t *buf, uint32_t len)
{
	switch (format) {
	case SPDK_DIF_PI_FORMAT_16:
		return crc16_t10dif(0, buf, len);
	case SPDK_DIF_PI_FORMAT_32:
		return crc32_iscsi(buf, (int)len, 0);
	default:
		return crc64_ecma_refl(0, buf, len);
	}
}

static void
bare(struct job *job)
{
	for (uint32_t i = 0; i < job->num_blocks; i++) {
		job->sink +=
			bare_crc(job->format, job->blocks + (size_t)i * (job->block_size + MD_SIZE), job->block_size);
	}
}

static void
bare_copy(struct job *job)
{
	for (uint32_t i = 0; i < job->num_blocks; i++) {
		uint8_t *dst = job->blocks + (size_t)i * (job->block_size + MD_SIZE);
		uint8_t *src = job->data + (size_t)i * job->block_size;

		if (job->format == SPDK_DIF_PI_FORMAT_16) {
			job->sink += crc16_t10dif_copy(0, dst, src, job->block_size);
		} else {
			memcpy(dst, src, job->block_size);
			job->sink += bare_crc(job->format, dst, job->block_size);
		}
	}
}

static void
generate(struct job *job)
{
	must(spdk_dif_generate(&job->blocks_iov, 1, job->num_blocks, &job->ctx) == 0, "generate");
}

static void
verify(struct job *job)
{
	must(spdk_dif_verify(&job->blocks_iov, 1, job->num_blocks, &job->ctx, NULL) == 0, "verify");
}

static void
generate_copy(struct job *job)
{
	must(spdk_dif_generate_copy(&job->data_iov, 1, &job->blocks_iov, 1, job->num_blocks, &job->ctx) == 0, "copy");
}

static void
verify_copy(struct job *job)
{
	must(spdk_dif_verify_copy(&job->data_iov, 1, &job->blocks_iov, 1, job->num_blocks, &job->ctx, NULL) == 0,
		"copy");
}

static const struct {
	const char *name;
	void (*run)(struct job *job);
	void (*bare)(struct job *job);
} g_works[] = {
	{"generate", generate, bare},
	{"verify", verify, bare},
	{"generate, copy", generate_copy, bare_copy},
	{"verify, copy", verify_copy, bare_copy},
};

static void
start(struct job *job, enum spdk_dif_pi_format format, uint32_t block_size)
{
	struct spdk_dif_ctx_init_ext_opts opts = {.size = sizeof(opts), .dif_pi_format = format};
	uint64_t random = 1;

	job->format = format;
	job->block_size = block_size;
	job->num_blocks = BYTES / block_size;
	job->data_iov = (struct iovec){job->data, BYTES};
	job->blocks_iov = (struct iovec){job->blocks, (size_t)job->num_blocks * (block_size + MD_SIZE)};
	for (size_t i = 0; i < BYTES; i++) {
		job->data[i] = (uint8_t)spdk_rand_xorshift64(&random);
	}
	/* PI first, so that the guard covers what the bare loop covers. */
	must(spdk_dif_ctx_init(&job->ctx, block_size + MD_SIZE, MD_SIZE, true, true, SPDK_DIF_TYPE1,
		     SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK, 7, 0xffff,
		     1, 0, 0, &opts) == 0,
		"context");
	generate_copy(job);
}

/* Nanoseconds for a block. */
static double
measure(struct job *job, void (*run)(struct job *job))
{
	uint64_t start = spdk_get_ticks();
	int rounds = 20;

	for (int i = 0; i < rounds; i++) {
		run(job);
	}
	return (double)(spdk_get_ticks() - start) / (double)spdk_get_ticks_hz() * 1e9 / rounds / job->num_blocks;
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
compare(struct job *job, int work, int slices)
{
	static const char *formats[] = {"16", "32", "64"};
	double *ours = calloc(slices, sizeof(*ours)), *theirs = calloc(slices, sizeof(*theirs));
	double our_median, their_median;

	must(ours != NULL && theirs != NULL, "memory");
	for (int i = 0; i < slices; i++) {
		ours[i] = measure(job, g_works[work].run);
		theirs[i] = measure(job, g_works[work].bare);
	}
	our_median = median(ours, slices);
	their_median = median(theirs, slices);
	printf("%-15s guard %s, %4u B: %6.1f ns a block (%5.2f GB/s), bare loop %6.1f ns: %3.0f %%\n",
		g_works[work].name, formats[job->format], job->block_size, our_median, job->block_size / our_median,
		their_median, their_median / our_median * 100);
	free(ours);
	free(theirs);
}

static void
compare_all(struct job *job, enum spdk_dif_pi_format format, uint32_t block_size, int slices)
{
	start(job, format, block_size);
	for (size_t work = 0; work < SPDK_COUNTOF(g_works); work++) {
		compare(job, (int)work, slices);
	}
}

int
main(int argc, char **argv)
{
	int slices = argc > 1 ? atoi(argv[1]) : 101;
	struct job job = {.data = spdk_zmalloc(BYTES, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA)};

	job.blocks = spdk_zmalloc(BYTES / 512 * (512 + MD_SIZE), 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	must(slices > 0 && job.data != NULL && job.blocks != NULL, "start");
	for (int format = SPDK_DIF_PI_FORMAT_16; format <= SPDK_DIF_PI_FORMAT_64; format++) {
		compare_all(&job, (enum spdk_dif_pi_format)format, 4096, slices);
	}
	/* The other formats do not allow for smaller blocks. */
	compare_all(&job, SPDK_DIF_PI_FORMAT_16, 512, slices);
	spdk_free(job.data);
	spdk_free(job.blocks);
	return 0;
}
