/* SPDX-License-Identifier: BSD-3-Clause */

/* All operations that a sequence can have, in one form: what goes in, what has to come out. */

#ifndef ACCEL_STEPS_H
#define ACCEL_STEPS_H

#include "accel_fixture.h"

/* Data of a step: 8 blocks of 512 bytes, with 8 bytes of metadata each for operations on protected blocks. */
#define STEP_DATA 4096
#define STEP_BLOCKS 8
#define STEP_METADATA 64
#define STEP_MAX (STEP_DATA + STEP_METADATA)

struct step_place {
	struct iovec *iovs;
	uint32_t iovcnt;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
};

extern const enum spdk_accel_opcode g_step_opcodes[];
extern const size_t g_step_count;

/* For cmocka: with accel_fixture_setup(). */
int steps_setup(void **state);
int steps_teardown(void **state);

/* 0: it has none. The second place of operations on separate metadata is their destination. */
size_t step_source_len(enum spdk_accel_opcode opcode);
size_t step_destination_len(enum spdk_accel_opcode opcode);

/* Writes a source that the operation takes; and a destination, which it may take into account. */
void step_prepare(enum spdk_accel_opcode opcode, void *source, void *destination);

/* Turns both into what the operation leaves behind, by one that stands alone. */
void step_expect(enum spdk_accel_opcode opcode, void *source, void *destination);

/* What the last crc32c came to. */
extern uint32_t g_step_crc;

int step_append(struct spdk_accel_sequence **seq, enum spdk_accel_opcode opcode, const struct step_place *destination,
	const struct step_place *source, struct accel_result *result);

int step_finish(struct spdk_accel_sequence *seq, struct accel_result *result);

#endif /* ACCEL_STEPS_H */
