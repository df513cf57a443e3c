/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dma: the list of domains, what they know of themselves, what they are asked for. */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "spdk/dma.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include <pthread.h>

static struct spdk_memory_domain *
create(const char *id)
{
	struct spdk_memory_domain *domain = NULL;

	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_RDMA, NULL, id), 0);
	assert_non_null(domain);
	return domain;
}

static void
the_system_domain_is_always_there(void **state)
{
	struct spdk_memory_domain *domain = spdk_memory_domain_get_system_domain();
	size_t size = 77;

	assert_int_equal(spdk_memory_domain_get_dma_device_type(domain), SPDK_DMA_DEVICE_TYPE_DMA);
	assert_string_equal(spdk_memory_domain_get_dma_device_id(domain), "system");
	assert_null(spdk_memory_domain_get_context(domain));
	assert_null(spdk_memory_domain_get_user_context(domain, &size));
	assert_int_equal(size, 77);
	assert_ptr_equal(spdk_memory_domain_get_first(NULL), domain);
	assert_ptr_equal(spdk_memory_domain_get_first("system"), domain);
	assert_null(spdk_memory_domain_get_next(domain, NULL));
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_memory_domain_destroy(domain);
	spdk_memory_domain_destroy(NULL);
	assert_ptr_equal(spdk_memory_domain_get_first(NULL), domain);
}

static void
impossible_domains_are_refused(void **state)
{
	struct spdk_memory_domain *domain = NULL;
	struct spdk_memory_domain_ctx ctx = {};

	assert_int_equal(spdk_memory_domain_create(NULL, SPDK_DMA_DEVICE_TYPE_DMA, NULL, "x"), -EINVAL);
	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, &ctx, "x"), -EINVAL);
	ctx.size = sizeof(ctx);
	ctx.user_ctx_size = 8;
	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, &ctx, "x"), -EINVAL);
	ctx.user_ctx = &ctx;
	ctx.user_ctx_size = SIZE_MAX;
	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, &ctx, "x"), -ENOMEM);
	assert_null(domain);
	assert_null(spdk_memory_domain_get_first("x"));
}

static void
contexts_are_copied(void **state)
{
	struct spdk_memory_domain *domain;
	uint32_t numbers[2] = {17, 4};
	struct spdk_memory_domain_ctx ctx = {
		.size = sizeof(ctx), .user_ctx = numbers, .user_ctx_size = sizeof(numbers)};
	struct spdk_memory_domain_ctx *copy;
	char id[] = "mine";
	uint32_t *copied;
	size_t size = 0;

	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_ACCEL, &ctx, id), 0);
	id[0] = numbers[0] = 0;
	ctx.user_ctx_size = 0;
	assert_int_equal(spdk_memory_domain_get_dma_device_type(domain), SPDK_DMA_DEVICE_TYPE_ACCEL);
	assert_string_equal(spdk_memory_domain_get_dma_device_id(domain), "mine");
	copied = spdk_memory_domain_get_user_context(domain, &size);
	assert_int_equal(size, sizeof(numbers));
	assert_int_equal(copied[0], 17);
	assert_int_equal(copied[1], 4);
	assert_ptr_equal(spdk_memory_domain_get_user_context(domain, NULL), copied);
	copy = spdk_memory_domain_get_context(domain);
	assert_ptr_not_equal(copy, &ctx);
	assert_int_equal(copy->size, sizeof(ctx));
	assert_ptr_equal(copy->user_ctx, numbers);
	assert_int_equal(copy->user_ctx_size, sizeof(numbers));
	spdk_memory_domain_destroy(domain);
}

/* Only what the size of a context covers is looked at: the rest may not exist. */
static void
contexts_may_be_shorter_or_longer(void **state)
{
	struct spdk_memory_domain *domain;
	size_t short_size = offsetof(struct spdk_memory_domain_ctx, user_ctx_size);
	struct spdk_memory_domain_ctx *ctx = malloc(short_size), *copy;
	struct {
		struct spdk_memory_domain_ctx known;
		uint64_t unknown;
	} later = {.known = {.size = sizeof(later)}, .unknown = 5};
	size_t size = 77;

	ctx->size = short_size;
	ctx->user_ctx = &domain;
	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, ctx, NULL), 0);
	free(ctx);
	assert_null(spdk_memory_domain_get_dma_device_id(domain));
	copy = spdk_memory_domain_get_context(domain);
	assert_int_equal(copy->size, short_size);
	assert_ptr_equal(copy->user_ctx, &domain);
	assert_int_equal(copy->user_ctx_size, 0);
	assert_null(spdk_memory_domain_get_user_context(domain, &size));
	assert_int_equal(size, 77);
	spdk_memory_domain_destroy(domain);

	assert_int_equal(spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, &later.known, NULL), 0);
	assert_int_equal(spdk_memory_domain_get_context(domain)->size, sizeof(struct spdk_memory_domain_ctx));
	spdk_memory_domain_destroy(domain);
}

static void
domains_are_found_in_order(void **state)
{
	struct spdk_memory_domain *system = spdk_memory_domain_get_system_domain();
	struct spdk_memory_domain *a1 = create("a"), *none = create(NULL), *b = create("b"), *a2 = create("a"),
				  *other = create("system");

	assert_ptr_equal(spdk_memory_domain_get_first("a"), a1);
	assert_ptr_equal(spdk_memory_domain_get_next(a1, "a"), a2);
	assert_null(spdk_memory_domain_get_next(a2, "a"));
	assert_ptr_equal(spdk_memory_domain_get_next(b, "a"), a2);
	assert_null(spdk_memory_domain_get_first("c"));
	assert_null(spdk_memory_domain_get_first(""));
	assert_null(spdk_memory_domain_get_next(NULL, NULL));
	assert_null(spdk_memory_domain_get_next(NULL, "a"));
	assert_ptr_equal(spdk_memory_domain_get_first("system"), system);
	assert_ptr_equal(spdk_memory_domain_get_next(system, "system"), other);

	assert_ptr_equal(spdk_memory_domain_get_first(NULL), system);
	assert_ptr_equal(spdk_memory_domain_get_next(system, NULL), a1);
	assert_ptr_equal(spdk_memory_domain_get_next(a1, NULL), none);
	spdk_memory_domain_destroy(none);
	assert_ptr_equal(spdk_memory_domain_get_next(a1, NULL), b);
	spdk_memory_domain_destroy(a1);
	assert_ptr_equal(spdk_memory_domain_get_first("a"), a2);
	spdk_memory_domain_destroy(b);
	spdk_memory_domain_destroy(a2);
	spdk_memory_domain_destroy(other);
	assert_null(spdk_memory_domain_get_next(system, NULL));
}

/* ---- What a domain is asked for: every argument arrives, every result comes back ---- */

#define POINTER(number) ((void *)(uintptr_t)(0x1000 + (number)))

static struct spdk_memory_domain *g_domain;
static int g_rc;
static int g_called;

static void
never_called_cb(void *ctx, int rc)
{
	fail();
}

static int
check_two_lists(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt,
	struct iovec *other_iov, uint32_t other_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	assert_ptr_equal(domain, g_domain);
	assert_ptr_equal(domain_ctx, POINTER(1));
	assert_ptr_equal(iov, POINTER(2));
	assert_int_equal(iovcnt, 3);
	assert_ptr_equal(other_iov, POINTER(4));
	assert_int_equal(other_iovcnt, 5);
	assert_ptr_equal(cpl_cb, never_called_cb);
	assert_ptr_equal(cpl_cb_arg, POINTER(6));
	g_called++;
	return g_rc;
}

static int
transfer_cb(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov, uint32_t dst_iovcnt,
	struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov, uint32_t src_iovcnt,
	struct spdk_memory_domain_translation_result *src_translation, spdk_memory_domain_data_cpl_cb cpl_cb,
	void *cpl_cb_arg)
{
	assert_ptr_equal(src_domain, spdk_memory_domain_get_system_domain());
	assert_ptr_equal(src_domain_ctx, POINTER(7));
	assert_ptr_equal(src_translation, POINTER(8));
	return check_two_lists(
		dst_domain, dst_domain_ctx, dst_iov, dst_iovcnt, src_iov, src_iovcnt, cpl_cb, cpl_cb_arg);
}

static int
translate_cb(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct spdk_memory_domain *dst_domain,
	struct spdk_memory_domain_translation_ctx *dst_domain_ctx, void *addr, size_t len,
	struct spdk_memory_domain_translation_result *result)
{
	assert_ptr_equal(src_domain, g_domain);
	assert_ptr_equal(src_domain_ctx, POINTER(1));
	assert_ptr_equal(dst_domain, spdk_memory_domain_get_system_domain());
	assert_ptr_equal(dst_domain_ctx, POINTER(2));
	assert_ptr_equal(addr, POINTER(3));
	assert_int_equal(len, 4);
	assert_ptr_equal(result, POINTER(5));
	g_called++;
	return g_rc;
}

static int
memzero_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	return check_two_lists(domain, domain_ctx, iov, iovcnt, POINTER(4), 5, cpl_cb, cpl_cb_arg);
}

static void
invalidate_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt)
{
	check_two_lists(domain, domain_ctx, iov, iovcnt, POINTER(4), 5, never_called_cb, POINTER(6));
}

/* Asks for everything; each answer must be rc. */
static void
ask_all(int rc)
{
	struct spdk_memory_domain *system = spdk_memory_domain_get_system_domain();

	assert_int_equal(spdk_memory_domain_pull_data(
				 g_domain, POINTER(1), POINTER(2), 3, POINTER(4), 5, never_called_cb, POINTER(6)),
		rc);
	assert_int_equal(spdk_memory_domain_push_data(
				 g_domain, POINTER(1), POINTER(2), 3, POINTER(4), 5, never_called_cb, POINTER(6)),
		rc);
	assert_int_equal(spdk_memory_domain_transfer_data(g_domain, POINTER(1), POINTER(2), 3, system, POINTER(7),
				 POINTER(4), 5, POINTER(8), never_called_cb, POINTER(6)),
		rc);
	assert_int_equal(
		spdk_memory_domain_translate_data(g_domain, POINTER(1), system, POINTER(2), POINTER(3), 4, POINTER(5)),
		rc);
	assert_int_equal(
		spdk_memory_domain_memzero(g_domain, POINTER(1), POINTER(2), 3, never_called_cb, POINTER(6)), rc);
	spdk_memory_domain_invalidate_data(g_domain, POINTER(1), POINTER(2), 3);
}

static void
set_all(bool set)
{
	spdk_memory_domain_set_pull(g_domain, set ? check_two_lists : NULL);
	spdk_memory_domain_set_push(g_domain, set ? check_two_lists : NULL);
	spdk_memory_domain_set_data_transfer(g_domain, set ? transfer_cb : NULL);
	spdk_memory_domain_set_translation(g_domain, set ? translate_cb : NULL);
	spdk_memory_domain_set_memzero(g_domain, set ? memzero_cb : NULL);
	spdk_memory_domain_set_invalidate(g_domain, set ? invalidate_cb : NULL);
}

static void
a_domain_is_asked_for_what_it_can(void **state)
{
	g_domain = create("x");
	g_called = 0;
	ask_all(-ENOTSUP);
	assert_int_equal(g_called, 0);
	set_all(true);
	g_rc = 0;
	ask_all(0);
	assert_int_equal(g_called, 6);
	g_rc = -ENOMEM;
	ask_all(-ENOMEM);
	assert_int_equal(g_called, 12);
	set_all(false);
	ask_all(-ENOTSUP);
	assert_int_equal(g_called, 12);
	spdk_memory_domain_destroy(g_domain);
}

/* ---- Several threads ---- */

#define THREADS 4
#define ROUNDS 2000

static void *
come_and_go_cb(void *arg)
{
	const char *id = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct spdk_memory_domain *domain = NULL;

		if (spdk_memory_domain_create(&domain, SPDK_DMA_DEVICE_TYPE_DMA, NULL, id) != 0 ||
			spdk_memory_domain_get_first(id) != domain || spdk_memory_domain_get_next(domain, id) != NULL) {
			return arg;
		}
		spdk_memory_domain_destroy(domain);
	}
	return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
	static char ids[THREADS][2] = {"a", "b", "c", "d"};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go_cb, ids[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_null(spdk_memory_domain_get_next(spdk_memory_domain_get_system_domain(), NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_system_domain_is_always_there),
		cmocka_unit_test(impossible_domains_are_refused),
		cmocka_unit_test(contexts_are_copied),
		cmocka_unit_test(contexts_may_be_shorter_or_longer),
		cmocka_unit_test(domains_are_found_in_order),
		cmocka_unit_test(a_domain_is_asked_for_what_it_can),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
