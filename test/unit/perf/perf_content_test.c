/* SPDX-License-Identifier: BSD-3-Clause */

/* What verify and --stamp write, what they say of what was not written, and that no two I/Os of a verify meet. */

#include "app/bdevkit/perf/job.h"

#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

#define BLOCK 512
#define DEPTH 32

struct disk {
	struct perf_options options;
	struct perf_job job;
	struct perf_task tasks[DEPTH];
};

/* A job of 4 KiB I/Os on an area of so many blocks that begins at block 1000. */
static void
make(struct disk *disk, const char *workload, bool stamp, const char *distribution, uint64_t area)
{
	struct perf_pattern_opts opts = {
		.sizes = &disk->options.sizes,
		.distribution = &disk->options.distribution,
		.block_size = BLOCK,
		.first = 1000,
		.area = area,
		.seed = 5,
	};

	memset(disk, 0, sizeof(*disk));
	perf_options_init(&disk->options);
	assert_int_equal(perf_options_set_workload(&disk->options, workload), 0);
	assert_int_equal(perf_distribution_parse(&disk->options.distribution, distribution), 0);
	disk->options.stamp = stamp;
	disk->job.options = &disk->options;
	disk->job.first = 1000;
	disk->job.area = area;
	disk->job.block_size = BLOCK;
	opts.is_random = disk->options.workload->random;
	assert_int_equal(perf_pattern_init(&disk->job.pattern, &opts), 0);
	assert_int_equal(perf_content_prepare(&disk->job, 8), 0);
	for (size_t i = 0; i < DEPTH; i++) {
		disk->tasks[i].job = &disk->job;
		disk->tasks[i].blocks = 8;
		disk->tasks[i].buf = calloc(8, BLOCK);
		disk->tasks[i].check_buf = calloc(8, BLOCK);
		assert_non_null(disk->tasks[i].buf);
		assert_non_null(disk->tasks[i].check_buf);
	}
}

static void
unmake(struct disk *disk)
{
	for (size_t i = 0; i < DEPTH; i++) {
		free(disk->tasks[i].buf);
		free(disk->tasks[i].check_buf);
	}
	perf_content_release(&disk->job);
	perf_pattern_free(&disk->job.pattern);
}

static void
next(struct disk *disk, struct perf_task *task)
{
	perf_pattern_next(&disk->job.pattern, &task->offset, &task->blocks);
	perf_content_verify(task);
}

/* Puts into check_buf what a read has found. */
static void
read_back(struct perf_task *task)
{
	memcpy(task->check_buf, task->buf, 8 * BLOCK);
}

static void
assert_why(struct disk *disk, const char *text)
{
	assert_non_null(strstr(disk->job.why, text));
	disk->job.why[0] = '\0';
}

static void
differences_are_explained(void **state)
{
	struct disk disk;
	struct perf_task *task = &disk.tasks[0], *other = &disk.tasks[1];

	make(&disk, "verify", false, "random", 8000);
	next(&disk, task);
	next(&disk, other);
	assert_int_equal(task->offset, 1000);
	assert_int_equal(other->offset, 1008);
	read_back(task);
	assert_true(perf_content_check_verify(task));
	assert_int_equal(disk.job.stats.mismatches, 0);
	assert_string_equal(disk.job.why, "");

	/* One bit, of the last byte of all. */
	((uint8_t *)task->check_buf)[8 * BLOCK - 1] ^= 1;
	assert_false(perf_content_check_verify(task));
	assert_why(&disk, "block 1007, byte 511: ");
	read_back(task);
	memset((uint8_t *)task->check_buf + 3 * BLOCK, 0, BLOCK);
	assert_false(perf_content_check_verify(task));
	assert_why(&disk, "block 1003 holds zeroes");
	read_back(task);
	memcpy((uint8_t *)task->check_buf + BLOCK, (uint8_t *)other->buf + 4 * BLOCK, BLOCK);
	assert_false(perf_content_check_verify(task));
	assert_why(&disk, "block 1001 holds what was written to block 1012");
	assert_int_equal(disk.job.stats.mismatches, 3);

	/* The write was lost: what it held before is still there. */
	read_back(task);
	perf_content_unclaim(task);
	task->offset = 1000;
	perf_content_verify(task);
	assert_int_equal(task->offset, 1000);
	assert_false(perf_content_check_verify(task));
	assert_why(&disk, "block 1000 holds what was written to it another time");
	unmake(&disk);
}

/* Whatever is drawn: each task has a place of its own, again and again. */
static void
places_do_not_meet(void **state)
{
	static const struct {
		const char *workload, *distribution;
	} all[] = {
		{"verify", "random"}, {"randverify", "random"}, {"randverify", "zipf:9"}, {"randverify", "hot:99/1"}};

	for (size_t i = 0; i < SPDK_COUNTOF(all); i++) {
		struct disk disk;
		uint8_t used[DEPTH * 16] = {};

		make(&disk, all[i].workload, false, all[i].distribution, SPDK_COUNTOF(used));
		for (int round = 0; round < 300; round++) {
			/* Some come back late, so that the others go round and reach them. */
			struct perf_task *task = &disk.tasks[round < DEPTH ? round : round * 7 % (DEPTH - 3)];

			if (round >= DEPTH) {
				memset(used + task->offset - 1000, 0, 8);
				perf_content_unclaim(task);
			}
			next(&disk, task);
			assert_true(task->offset >= 1000 && task->offset + 8 <= 1000 + sizeof(used));
			for (int block = 0; block < 8; block++) {
				assert_int_equal(used[task->offset - 1000 + block], 0);
				used[task->offset - 1000 + block] = 1;
			}
		}
		unmake(&disk);
	}
}

static void
stamps_last(void **state)
{
	struct disk one, other;

	make(&one, "randwrite", true, "random", 8000);
	make(&other, "randread", true, "random", 8000);
	one.tasks[0].offset = 4000;
	perf_content_stamp(&one.tasks[0]);
	/* Another run, at another offset of the I/O. */
	other.tasks[0].offset = 4002;
	other.tasks[0].blocks = 6;
	memcpy(other.tasks[0].buf, (uint8_t *)one.tasks[0].buf + 2 * BLOCK, 6 * BLOCK);
	assert_true(perf_content_check_stamp(&other.tasks[0]));
	other.tasks[0].offset = 4001;
	assert_false(perf_content_check_stamp(&other.tasks[0]));
	assert_why(&other, "block 4001 holds what was written to block 4002");
	unmake(&one);
	unmake(&other);
}

static void
stamps_depend_on_the_seed(void **state)
{
	struct disk disk;

	make(&disk, "randwrite", true, "random", 8000);
	disk.tasks[0].offset = 1000;
	perf_content_stamp(&disk.tasks[0]);
	perf_content_release(&disk.job);
	disk.options.seed++;
	assert_int_equal(perf_content_prepare(&disk.job, 8), 0);
	assert_false(perf_content_check_stamp(&disk.tasks[0]));
	assert_why(&disk, "block 1000 holds what was written to it another time");
	unmake(&disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_are_explained),
		cmocka_unit_test(places_do_not_meet),
		cmocka_unit_test(stamps_last),
		cmocka_unit_test(stamps_depend_on_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
