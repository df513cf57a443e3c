/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sequences: one step after the other, each with memory that its module can reach. For each step, in this order: the
 * driver, if there is one, may have done it; memory is provided for buffers that were only reserved; what lies in a
 * domain that the module does not know is pulled into a buffer of plain memory; the module works; results are pushed
 * back.
 */

#include "lib/accel/accel_internal.h"

static void run(struct spdk_accel_sequence *seq);

/* ---- the end ---- */

void
accel_sequence_end_task(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	spdk_accel_step_cb cb_fn = task->step_cb_fn;
	void *cb_arg = task->cb_arg;

	TAILQ_REMOVE(&seq->tasks, task, seq_link);
	accel_task_put(task);
	if (cb_fn != NULL) {
		cb_fn(cb_arg);
	}
}

static void
put_bounce(struct spdk_accel_sequence *seq)
{
	if (seq->source_bounce != NULL) {
		accel_buffer_put(seq->source_bounce);
		seq->source_bounce = NULL;
	}
	if (seq->destination_bounce != NULL) {
		accel_buffer_put(seq->destination_bounce);
		seq->destination_bounce = NULL;
	}
}

static void
end_tasks(struct spdk_accel_sequence *seq)
{
	struct spdk_accel_task *task;

	put_bounce(seq);
	while ((task = TAILQ_FIRST(&seq->tasks)) != NULL) {
		accel_sequence_end_task(seq, task);
	}
}

static void
end(struct spdk_accel_sequence *seq)
{
	struct accel_io_channel *ch = seq->ch;
	spdk_accel_completion_cb cb_fn = seq->cb_fn;
	void *cb_arg = seq->cb_arg;
	int status = seq->status;

	end_tasks(seq);
	ch->stats.sequence_executed++;
	if (status != 0) {
		ch->stats.sequence_failed++;
	}
	accel_pool_put(&ch->sequences, seq);
	cb_fn(cb_arg, status);
}

void
spdk_accel_sequence_abort(struct spdk_accel_sequence *seq)
{
	struct accel_io_channel *ch;

	if (seq == NULL) {
		return;
	}
	ch = seq->ch;
	end_tasks(seq);
	accel_pool_put(&ch->sequences, seq);
}

/* ---- waiting: whoever calls back says what comes next ---- */

static void
wait_for(struct spdk_accel_sequence *seq, enum accel_step next)
{
	seq->step = ACCEL_STEP_WAIT;
	seq->after_wait = next;
}

static void
go_on(struct spdk_accel_sequence *seq, int status)
{
	if (status != 0) {
		seq->status = status;
	}
	seq->step = seq->after_wait;
	run(seq);
}

static void
memory_ready_cb(struct spdk_accel_sequence *seq, void *cb_arg)
{
	go_on(seq, 0);
}

static void
moved_cb(void *ctx, int rc)
{
	struct spdk_accel_sequence *seq = ctx;

	if (rc != 0) {
		SPDK_ERRLOG("accel: data of a memory domain could not be moved: %d\n", rc);
	}
	go_on(seq, rc);
}

/* ---- memory ---- */

static bool
is_foreign(const struct spdk_accel_task *task, const struct spdk_memory_domain *domain)
{
	/* The system domain is plain memory. */
	return domain != NULL && domain != spdk_memory_domain_get_system_domain() &&
		!g_accel.assignments[task->op_code].knows_domains;
}

/* True if the operation leaves parts of its destination as they were, or only reads it. */
static bool
reads_destination(const struct spdk_accel_task *task)
{
	switch (task->op_code) {
	case SPDK_ACCEL_OPC_DIX_VERIFY:
	case SPDK_ACCEL_OPC_DIX_GENERATE:
	case SPDK_ACCEL_OPC_DIF_GENERATE_COPY:
	case SPDK_ACCEL_OPC_DECOMPRESS:
		return true;
	default:
		return false;
	}
}

static bool
writes_destination(const struct spdk_accel_task *task)
{
	return task->op_code != SPDK_ACCEL_OPC_DIX_VERIFY;
}

/* True if the operation changes its source in place. */
static bool
writes_source(const struct spdk_accel_task *task)
{
	return task->op_code == SPDK_ACCEL_OPC_DIF_GENERATE;
}

static int
start_materialize(struct spdk_accel_sequence *seq, struct accel_buffer *buffer, enum accel_step next)
{
	wait_for(seq, next);
	if (accel_buffer_materialize(buffer, seq, memory_ready_cb, NULL)) {
		seq->step = next;
	}
	return 0;
}

/* Replaces an address within a reserved buffer by the memory behind it. */
static int
resolve(struct spdk_accel_task *task, struct iovec **iovs, uint32_t iovcnt, void *domain_ctx,
	enum spdk_accel_aux_iov_type place)
{
	struct accel_buffer *buffer = domain_ctx;
	void *memory;

	if (iovcnt != 1) {
		SPDK_ERRLOG("accel: a step uses a reserved buffer with %u iovecs instead of one\n", iovcnt);
		return -EINVAL;
	}
	memory = accel_buffer_resolve(buffer, (*iovs)->iov_base, (*iovs)->iov_len);
	if (memory == NULL) {
		SPDK_ERRLOG("accel: a step uses more of a reserved buffer than its %" PRIu64 " bytes\n", buffer->len);
		return -EINVAL;
	}
	*iovs = accel_task_set_iov(task, place, memory, (*iovs)->iov_len);
	return 0;
}

/* Makes a buffer of plain memory stand in for what the module cannot reach. */
static int
bounce(struct spdk_accel_sequence *seq, struct spdk_accel_task *task, uint64_t len, struct accel_buffer **buffer)
{
	struct spdk_iobuf_opts opts;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (len > opts.large_bufsize) {
		SPDK_ERRLOG("accel: a step needs a buffer of %" PRIu64 " bytes, more than iobuf's large_bufsize %u\n",
			len, opts.large_bufsize);
		return -EINVAL;
	}
	*buffer = accel_buffer_get(seq->ch, len);
	return *buffer != NULL ? 0 : -ENOMEM;
}

static int
provide_source(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	if (task->src_domain == g_accel.domain && task->src_domain != NULL) {
		return start_materialize(seq, task->src_domain_ctx, ACCEL_STEP_PULL_SOURCE);
	}
	if (is_foreign(task, task->src_domain)) {
		int rc = bounce(seq, task, accel_iovs_length(task->s.iovs, task->s.iovcnt), &seq->source_bounce);

		return rc != 0 ? rc : start_materialize(seq, seq->source_bounce, ACCEL_STEP_PULL_SOURCE);
	}
	seq->step = ACCEL_STEP_DESTINATION;
	return 0;
}

static int
provide_destination(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	if (task->dst_domain == g_accel.domain && task->dst_domain != NULL) {
		return start_materialize(seq, task->dst_domain_ctx, ACCEL_STEP_PULL_DESTINATION);
	}
	if (is_foreign(task, task->dst_domain)) {
		int rc = bounce(seq, task, accel_iovs_length(task->d.iovs, task->d.iovcnt), &seq->destination_bounce);

		return rc != 0 ? rc : start_materialize(seq, seq->destination_bounce, ACCEL_STEP_PULL_DESTINATION);
	}
	seq->step = ACCEL_STEP_EXECUTE;
	return 0;
}

/* Remembers where data were in the domain, and describes the buffer that stands in for them. */
static void
put_aside(struct spdk_accel_bounce_buffer *bounce, struct accel_buffer *buffer, struct iovec **iovs, uint32_t *iovcnt,
	struct spdk_memory_domain **domain, void **domain_ctx)
{
	bounce->orig_iovs = *iovs;
	bounce->orig_iovcnt = *iovcnt;
	bounce->orig_domain = *domain;
	bounce->orig_domain_ctx = *domain_ctx;
	bounce->iov.iov_base = buffer->memory;
	bounce->iov.iov_len = buffer->len;
	*iovs = &bounce->iov;
	*iovcnt = 1;
	*domain = NULL;
	*domain_ctx = NULL;
}

static int
pull(struct spdk_accel_sequence *seq, struct spdk_accel_bounce_buffer *bounce, enum accel_step next)
{
	wait_for(seq, next);
	return spdk_memory_domain_pull_data(bounce->orig_domain, bounce->orig_domain_ctx, bounce->orig_iovs,
		bounce->orig_iovcnt, &bounce->iov, 1, moved_cb, seq);
}

static int
push(struct spdk_accel_sequence *seq, struct spdk_accel_bounce_buffer *bounce, enum accel_step next)
{
	wait_for(seq, next);
	return spdk_memory_domain_push_data(bounce->orig_domain, bounce->orig_domain_ctx, bounce->orig_iovs,
		bounce->orig_iovcnt, &bounce->iov, 1, moved_cb, seq);
}

static int
pull_source(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	int rc;

	if (seq->source_bounce != NULL) {
		put_aside(&task->aux->bounce.s, seq->source_bounce, &task->s.iovs, &task->s.iovcnt, &task->src_domain,
			&task->src_domain_ctx);
		return pull(seq, &task->aux->bounce.s, ACCEL_STEP_DESTINATION);
	}
	rc = resolve(task, &task->s.iovs, task->s.iovcnt, task->src_domain_ctx, SPDK_ACCEL_AXU_IOV_VIRT_SRC);
	task->src_domain = NULL;
	task->src_domain_ctx = NULL;
	seq->step = ACCEL_STEP_DESTINATION;
	return rc;
}

static int
pull_destination(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	int rc;

	seq->step = ACCEL_STEP_EXECUTE;
	if (seq->destination_bounce != NULL) {
		put_aside(&task->aux->bounce.d, seq->destination_bounce, &task->d.iovs, &task->d.iovcnt,
			&task->dst_domain, &task->dst_domain_ctx);
		return reads_destination(task) ? pull(seq, &task->aux->bounce.d, ACCEL_STEP_EXECUTE) : 0;
	}
	rc = resolve(task, &task->d.iovs, task->d.iovcnt, task->dst_domain_ctx, SPDK_ACCEL_AXU_IOV_VIRT_DST);
	task->dst_domain = NULL;
	task->dst_domain_ctx = NULL;
	return rc;
}

static int
push_result(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	if (seq->destination_bounce != NULL && writes_destination(task)) {
		return push(seq, &task->aux->bounce.d, ACCEL_STEP_DONE);
	}
	if (seq->source_bounce != NULL && writes_source(task)) {
		return push(seq, &task->aux->bounce.s, ACCEL_STEP_DONE);
	}
	seq->step = ACCEL_STEP_DONE;
	return 0;
}

/* ---- modules and the driver ---- */

static int
execute(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	enum spdk_accel_opcode opcode = task->op_code;
	int rc;

	wait_for(
		seq, seq->source_bounce == NULL && seq->destination_bounce == NULL ? ACCEL_STEP_DONE : ACCEL_STEP_PUSH);
	rc = g_accel.assignments[opcode].module->submit_tasks(seq->ch->module_ch[opcode], task);
	if (rc != 0) {
		SPDK_ERRLOG("accel module %s refused %s: %d\n", g_accel.assignments[opcode].module->name,
			spdk_accel_get_opcode_name(opcode), rc);
		seq->ch->stats.operations[opcode].failed++;
	}
	return rc;
}

void
accel_sequence_task_done(struct spdk_accel_sequence *seq, struct spdk_accel_task *task, int status)
{
	if (seq->in_driver) {
		if (status != 0) {
			seq->status = status;
		}
		accel_sequence_end_task(seq, task);
		return;
	}
	go_on(seq, status);
}

static int
hand_to_driver(struct spdk_accel_sequence *seq, const struct spdk_accel_task *task)
{
	int rc;

	if (g_accel.driver == NULL) {
		/* Plain memory needs no preparation. */
		seq->step =
			task->src_domain == NULL && task->dst_domain == NULL ? ACCEL_STEP_EXECUTE : ACCEL_STEP_SOURCE;
		return 0;
	}
	wait_for(seq, ACCEL_STEP_SOURCE);
	seq->in_driver = true;
	rc = g_accel.driver->execute_sequence(seq->ch->driver_ch, seq);
	if (rc != 0) {
		SPDK_ERRLOG("accel driver %s refused a sequence: %d\n", g_accel.driver->name, rc);
		seq->in_driver = false;
	}
	return rc;
}

void
spdk_accel_sequence_continue(struct spdk_accel_sequence *seq)
{
	seq->in_driver = false;
	go_on(seq, 0);
}

struct spdk_accel_task *
spdk_accel_sequence_first_task(struct spdk_accel_sequence *seq)
{
	return TAILQ_FIRST(&seq->tasks);
}

struct spdk_accel_task *
spdk_accel_sequence_next_task(struct spdk_accel_task *task)
{
	return TAILQ_NEXT(task, seq_link);
}

/* ---- one step after the other ---- */

static int
run_step(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	switch (seq->step) {
	case ACCEL_STEP_DRIVER:
		return hand_to_driver(seq, task);
	case ACCEL_STEP_SOURCE:
		return provide_source(seq, task);
	case ACCEL_STEP_PULL_SOURCE:
		return pull_source(seq, task);
	case ACCEL_STEP_DESTINATION:
		return provide_destination(seq, task);
	case ACCEL_STEP_PULL_DESTINATION:
		return pull_destination(seq, task);
	case ACCEL_STEP_EXECUTE:
		return execute(seq, task);
	case ACCEL_STEP_PUSH:
		return push_result(seq, task);
	case ACCEL_STEP_DONE:
		put_bounce(seq);
		seq->step = ACCEL_STEP_DRIVER;
		accel_sequence_end_task(seq, task);
		return 0;
	default:
		return -EINVAL;
	}
}

static void
run(struct spdk_accel_sequence *seq)
{
	struct spdk_accel_task *task;
	int rc;

	if (seq->running) {
		/* The loop below is further up the stack and goes on. */
		return;
	}
	seq->running = true;
	while (seq->step != ACCEL_STEP_WAIT) {
		task = TAILQ_FIRST(&seq->tasks);
		if (seq->status != 0 || task == NULL) {
			end(seq);
			return;
		}
		rc = run_step(seq, task);
		if (rc != 0) {
			seq->status = rc;
			seq->step = ACCEL_STEP_DONE;
		}
	}
	seq->running = false;
}

void
spdk_accel_sequence_finish(struct spdk_accel_sequence *seq, spdk_accel_completion_cb cb_fn, void *cb_arg)
{
	accel_sequence_elide(seq);
	seq->cb_fn = cb_fn;
	seq->cb_arg = cb_arg;
	seq->step = ACCEL_STEP_DRIVER;
	run(seq);
}

void
spdk_accel_sequence_reverse(struct spdk_accel_sequence *seq)
{
	struct accel_task_list reversed;
	struct spdk_accel_task *task;

	TAILQ_INIT(&reversed);
	while ((task = TAILQ_FIRST(&seq->tasks)) != NULL) {
		TAILQ_REMOVE(&seq->tasks, task, seq_link);
		TAILQ_INSERT_HEAD(&reversed, task, seq_link);
	}
	TAILQ_SWAP(&reversed, &seq->tasks, spdk_accel_task, seq_link);
}
