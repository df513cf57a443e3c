/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/job.h"

void
perf_verify_fill(struct perf_task *task)
{
	struct perf_job *job = task->job;
	uint64_t state = (job->seed + 1) * 0x9e3779b97f4a7c15ULL ^ (task->offset << 20) ^ ++job->generation;
	uint64_t *words = task->buf;
	size_t count = (size_t)task->blocks * job->block_size / sizeof(*words);

	state = state != 0 ? state : 1;
	for (size_t i = 0; i < count; i++) {
		words[i] = perf_random(&state);
	}
}

bool
perf_verify_compare(struct perf_task *task)
{
	struct perf_job *job = task->job;
	const uint8_t *written = task->buf, *read = task->check_buf;
	size_t size = (size_t)task->blocks * job->block_size, i = 0;

	if (memcmp(written, read, size) == 0) {
		return true;
	}
	while (written[i] == read[i]) {
		i++;
	}
	if (job->why[0] == '\0') {
		snprintf(job->why, sizeof(job->why), "block %" PRIu64 ", byte %zu: %02x was written, and %02x read",
			task->offset + i / job->block_size, i % job->block_size, written[i], read[i]);
	}
	return false;
}
