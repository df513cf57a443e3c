/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A memory domain whose memory the CPU must not touch by the pointers that name it: any access ends the process. Only the
 * domain's own pull, push and zero functions reach the data, through a second mapping. So code that works on buffers of
 * this domain has asked the domain for every byte.
 *
 * Used on one system thread.
 */

#ifndef TEST_GUARDED_DOMAIN_H
#define TEST_GUARDED_DOMAIN_H

#include "spdk/stdinc.h"
#include "spdk/dma.h"
#include "spdk/queue.h"

/* What a call is asked for. */
enum guarded_call {
	GUARDED_PULL,
	GUARDED_PUSH,
	GUARDED_MEMZERO,
	GUARDED_CALLS,
};

struct guarded_request;

struct guarded_domain {
	struct spdk_memory_domain *domain;
	/* What others are given; size bytes, in whole pages. */
	uint8_t *guarded;
	/* The same memory, for the test. */
	uint8_t *window;
	size_t size;

	/* A call with another domain_ctx than this aborts the process. */
	void *expected_ctx;
	/* Calls are carried out, and complete, in guarded_domain_complete() rather than at once: data moves as late as it may. */
	bool deferred;
	/* The next calls of this kind fail: as many at once with refuse_rc, or, those that are accepted, later with fail_rc. */
	int refuse[GUARDED_CALLS];
	int refuse_rc;
	int fail[GUARDED_CALLS];
	int fail_rc;

	/* Calls that were accepted, and bytes they have moved. */
	uint64_t calls[GUARDED_CALLS];
	uint64_t bytes[GUARDED_CALLS];
	uint64_t invalidated;
	STAILQ_HEAD(, guarded_request) requests;
};

/* With size bytes of zeroes, rounded up to whole pages. Ends the process if that is not possible. */
void guarded_domain_create(struct guarded_domain *guarded, size_t size, const char *id);
/* Nothing may be waiting. */
void guarded_domain_destroy(struct guarded_domain *guarded);

/* Names memory at an offset, as it is given to others. */
struct iovec guarded_domain_iov(struct guarded_domain *guarded, size_t offset, size_t len);

/* Carries out the oldest call that waits; false if there is none. Its callback runs inside. */
bool guarded_domain_complete(struct guarded_domain *guarded);

#endif /* TEST_GUARDED_DOMAIN_H */
