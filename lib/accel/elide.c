/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Copies that a sequence can do without. A step that reads what a copy has just written can read where the copy read
 * from; a step whose result is only copied on can write where the copy writes to.
 */

#include "lib/accel/accel_internal.h"

struct place {
	struct iovec *iovs;
	uint32_t iovcnt;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
};

static struct place
source_of(const struct spdk_accel_task *task)
{
	return (struct place){task->s.iovs, task->s.iovcnt, task->src_domain, task->src_domain_ctx};
}

static struct place
destination_of(const struct spdk_accel_task *task)
{
	return (struct place){task->d.iovs, task->d.iovcnt, task->dst_domain, task->dst_domain_ctx};
}

static void
set_source(struct spdk_accel_task *task, const struct place *place)
{
	task->s.iovs = place->iovs;
	task->s.iovcnt = place->iovcnt;
	task->src_domain = place->domain;
	task->src_domain_ctx = place->domain_ctx;
}

static void
set_destination(struct spdk_accel_task *task, const struct place *place)
{
	task->d.iovs = place->iovs;
	task->d.iovcnt = place->iovcnt;
	task->dst_domain = place->domain;
	task->dst_domain_ctx = place->domain_ctx;
}

static bool
are_same(const struct place *a, const struct place *b)
{
	return a->domain == b->domain && a->domain_ctx == b->domain_ctx && a->iovcnt == b->iovcnt &&
		(a->iovs == b->iovs || memcmp(a->iovs, b->iovs, a->iovcnt * sizeof(*a->iovs)) == 0);
}

static bool
overlap(const struct place *a, const struct place *b)
{
	uint32_t i, j;

	if (a->domain != b->domain || a->domain_ctx != b->domain_ctx) {
		return false;
	}
	for (i = 0; i < a->iovcnt; i++) {
		for (j = 0; j < b->iovcnt; j++) {
			const char *first = a->iovs[i].iov_base, *second = b->iovs[j].iov_base;

			if (first < second + b->iovs[j].iov_len && second < first + a->iovs[i].iov_len) {
				return true;
			}
		}
	}
	return false;
}

static bool
has_source(const struct spdk_accel_task *task)
{
	return task->op_code != SPDK_ACCEL_OPC_FILL;
}

/* Reads its destination, too, or what is there already. */
static bool
reads_destination(const struct spdk_accel_task *task)
{
	return task->op_code == SPDK_ACCEL_OPC_DIX_VERIFY || task->op_code == SPDK_ACCEL_OPC_DIX_GENERATE;
}

/* True if a step behind task still reads what lies at place: then it has to be written. */
static bool
is_read_later(struct spdk_accel_task *task, const struct place *place)
{
	while ((task = TAILQ_NEXT(task, seq_link)) != NULL) {
		struct place source = source_of(task), destination = destination_of(task);

		if (has_source(task) && overlap(&source, place)) {
			return true;
		}
		if (reads_destination(task) && overlap(&destination, place)) {
			return true;
		}
	}
	return false;
}

#define BIT(opcode) (1U << SPDK_ACCEL_OPC_##opcode)

/* These read their source once, to write something else. */
#define READ_ELSEWHERE \
	(BIT(COPY) | BIT(DECOMPRESS) | BIT(ENCRYPT) | BIT(DECRYPT) | BIT(DIF_GENERATE_COPY) | BIT(DIF_VERIFY_COPY))
/* These write their destination, and do not read it. */
#define WRITE_ELSEWHERE \
	(BIT(FILL) | BIT(DECOMPRESS) | BIT(ENCRYPT) | BIT(DECRYPT) | BIT(DIF_GENERATE_COPY) | BIT(DIF_VERIFY_COPY))
#define ONLY_READ (BIT(CRC32C) | BIT(DIX_GENERATE) | BIT(DIX_VERIFY))

static bool
is_one_of(const struct spdk_accel_task *task, uint32_t opcodes)
{
	return (opcodes >> task->op_code) & 1;
}

/*
 * True if the step may read from one place and write to the other. While it works it must not overwrite what it has not
 * read yet; encryption of a whole place onto itself does not.
 */
static bool
can_join(const struct spdk_accel_task *task, const struct place *source, const struct place *destination)
{
	if (!overlap(source, destination)) {
		return true;
	}
	return (task->op_code == SPDK_ACCEL_OPC_ENCRYPT || task->op_code == SPDK_ACCEL_OPC_DECRYPT) &&
		are_same(source, destination);
}

/* A copy between places of different lengths copies less than what is in the longer one. */
static bool
copies_all(const struct spdk_accel_task *copy)
{
	return accel_iovs_length(copy->s.iovs, copy->s.iovcnt) == accel_iovs_length(copy->d.iovs, copy->d.iovcnt);
}

/* copy A to B, step reads B: the step reads A. */
static bool
elide_before(struct spdk_accel_sequence *seq, struct spdk_accel_task *copy, struct spdk_accel_task *next)
{
	struct place from = source_of(copy), to = destination_of(copy), read, written;

	if (!is_one_of(next, READ_ELSEWHERE)) {
		return false;
	}
	read = source_of(next);
	written = destination_of(next);
	if (!are_same(&to, &read) || !copies_all(copy) || !can_join(next, &from, &written) ||
		is_read_later(next, &to)) {
		return false;
	}
	set_source(next, &from);
	accel_sequence_end_task(seq, copy);
	return true;
}

/* step writes A, copy A to B: the step writes B. */
static bool
elide_behind(struct spdk_accel_sequence *seq, struct spdk_accel_task *task, struct spdk_accel_task *copy)
{
	struct place written = destination_of(task), from, to, read = source_of(task);

	if (copy->op_code != SPDK_ACCEL_OPC_COPY) {
		return false;
	}
	from = source_of(copy);
	to = destination_of(copy);
	if (!are_same(&written, &from) || !copies_all(copy) || !can_join(task, &read, &to) ||
		is_read_later(copy, &from)) {
		return false;
	}
	set_destination(task, &to);
	accel_sequence_end_task(seq, copy);
	return true;
}

/* step writes A, another reads A, copy A to B: the one writes B, the other reads it there. */
static bool
elide_around(struct spdk_accel_sequence *seq, struct spdk_accel_task *reader, struct spdk_accel_task *copy)
{
	struct spdk_accel_task *writer = TAILQ_PREV(reader, accel_task_list, seq_link);
	struct place read = source_of(reader), metadata = destination_of(reader), from, to, source, written;

	if (writer == NULL || !is_one_of(writer, WRITE_ELSEWHERE) || copy->op_code != SPDK_ACCEL_OPC_COPY) {
		return false;
	}
	from = source_of(copy);
	to = destination_of(copy);
	written = destination_of(writer);
	source = source_of(writer);
	if (!are_same(&read, &from) || !are_same(&written, &from) || !copies_all(copy) ||
		!can_join(writer, &source, &to) || overlap(&metadata, &to) || is_read_later(copy, &from)) {
		return false;
	}
	set_destination(writer, &to);
	set_source(reader, &to);
	accel_sequence_end_task(seq, copy);
	return true;
}

static bool
elide(struct spdk_accel_sequence *seq, struct spdk_accel_task *task, struct spdk_accel_task *next)
{
	if (task->op_code == SPDK_ACCEL_OPC_COPY) {
		return elide_before(seq, task, next);
	}
	if (is_one_of(task, WRITE_ELSEWHERE)) {
		return elide_behind(seq, task, next);
	}
	return is_one_of(task, ONLY_READ) && elide_around(seq, task, next);
}

void
accel_sequence_elide(struct spdk_accel_sequence *seq)
{
	struct spdk_accel_task *task = TAILQ_FIRST(&seq->tasks), *next;

	while (task != NULL) {
		next = TAILQ_NEXT(task, seq_link);
		if (next == NULL) {
			return;
		}
		/* A step that stays where it is may have another copy behind it. */
		if (!elide(seq, task, next) || task->op_code == SPDK_ACCEL_OPC_COPY) {
			task = next;
		}
	}
}
