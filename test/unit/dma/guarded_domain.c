/* SPDX-License-Identifier: BSD-3-Clause */

#include "guarded_domain.h"

#include "spdk/util.h"

#include <sys/mman.h>

/* assert() that stays in release builds, without a test framework: benches and fuzzers use this too. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

struct guarded_request {
	enum guarded_call call;
	struct iovec *guarded_iov;
	uint32_t guarded_iovcnt;
	/* NULL for GUARDED_MEMZERO. */
	struct iovec *plain_iov;
	uint32_t plain_iovcnt;
	int rc;
	spdk_memory_domain_data_cpl_cb cpl_cb;
	void *cpl_cb_arg;
	STAILQ_ENTRY(guarded_request) link;
};

/* The domain is known to its functions by what it was made with. */
static struct guarded_domain *
from_domain(struct spdk_memory_domain *domain, void *domain_ctx)
{
	struct guarded_domain **owner;
	size_t size = 0;

	owner = spdk_memory_domain_get_user_context(domain, &size);
	MUST(owner != NULL && size == sizeof(*owner) && (*owner)->domain == domain);
	MUST(domain_ctx == (*owner)->expected_ctx);
	return *owner;
}

/* Where the CPU may reach memory that is named so. All of it must be in the domain. */
static uint8_t *
reach(struct guarded_domain *guarded, const struct iovec *iov)
{
	uintptr_t offset = (uintptr_t)iov->iov_base - (uintptr_t)guarded->guarded;

	MUST(offset <= guarded->size && iov->iov_len <= guarded->size - offset);
	return guarded->window + offset;
}

static size_t
total(const struct iovec *iovs, uint32_t count)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum += iovs[i].iov_len;
	}
	return sum;
}

static void
move_data(struct guarded_domain *guarded, const struct guarded_request *request)
{
	size_t len = total(request->guarded_iov, request->guarded_iovcnt);
	struct spdk_iov_xfer plain;

	MUST(request->call == GUARDED_MEMZERO || total(request->plain_iov, request->plain_iovcnt) == len);
	spdk_iov_xfer_init(&plain, request->plain_iov, (int)request->plain_iovcnt);
	for (uint32_t i = 0; i < request->guarded_iovcnt; i++) {
		size_t piece = request->guarded_iov[i].iov_len;
		uint8_t *reached = reach(guarded, &request->guarded_iov[i]);

		if (request->call == GUARDED_MEMZERO) {
			memset(reached, 0, piece);
		} else if (request->call == GUARDED_PULL) {
			spdk_iov_xfer_from_buf(&plain, reached, piece);
		} else {
			spdk_iov_xfer_to_buf(&plain, reached, piece);
		}
	}
	guarded->bytes[request->call] += len;
}

static void
carry_out(struct guarded_domain *guarded, const struct guarded_request *request)
{
	if (request->rc == 0) {
		move_data(guarded, request);
	}
	request->cpl_cb(request->cpl_cb_arg, request->rc);
}

/* Takes one of those that are to fail. */
static bool
take(int *count)
{
	if (*count == 0) {
		return false;
	}
	(*count)--;
	return true;
}

static int
accept_request(struct guarded_domain *guarded, struct guarded_request request)
{
	struct guarded_request *kept;

	if (take(&guarded->refuse[request.call])) {
		return guarded->refuse_rc;
	}
	guarded->calls[request.call]++;
	request.rc = take(&guarded->fail[request.call]) ? guarded->fail_rc : 0;
	if (!guarded->deferred) {
		carry_out(guarded, &request);
		return 0;
	}
	kept = malloc(sizeof(*kept));
	MUST(kept != NULL);
	*kept = request;
	STAILQ_INSERT_TAIL(&guarded->requests, kept, link);
	return 0;
}

static int
pull_cb(struct spdk_memory_domain *src_domain, void *src_domain_ctx, struct iovec *src_iov, uint32_t src_iovcnt,
	struct iovec *dst_iov, uint32_t dst_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	return accept_request(from_domain(src_domain, src_domain_ctx),
		(struct guarded_request){
			.call = GUARDED_PULL,
			.guarded_iov = src_iov,
			.guarded_iovcnt = src_iovcnt,
			.plain_iov = dst_iov,
			.plain_iovcnt = dst_iovcnt,
			.cpl_cb = cpl_cb,
			.cpl_cb_arg = cpl_cb_arg,
		});
}

static int
push_cb(struct spdk_memory_domain *dst_domain, void *dst_domain_ctx, struct iovec *dst_iov, uint32_t dst_iovcnt,
	struct iovec *src_iov, uint32_t src_iovcnt, spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	return accept_request(from_domain(dst_domain, dst_domain_ctx),
		(struct guarded_request){
			.call = GUARDED_PUSH,
			.guarded_iov = dst_iov,
			.guarded_iovcnt = dst_iovcnt,
			.plain_iov = src_iov,
			.plain_iovcnt = src_iovcnt,
			.cpl_cb = cpl_cb,
			.cpl_cb_arg = cpl_cb_arg,
		});
}

static int
memzero_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt,
	spdk_memory_domain_data_cpl_cb cpl_cb, void *cpl_cb_arg)
{
	return accept_request(from_domain(domain, domain_ctx),
		(struct guarded_request){
			.call = GUARDED_MEMZERO,
			.guarded_iov = iov,
			.guarded_iovcnt = iovcnt,
			.cpl_cb = cpl_cb,
			.cpl_cb_arg = cpl_cb_arg,
		});
}

static void
invalidate_cb(struct spdk_memory_domain *domain, void *domain_ctx, struct iovec *iov, uint32_t iovcnt)
{
	from_domain(domain, domain_ctx)->invalidated++;
}

void
guarded_domain_create(struct guarded_domain *guarded, size_t size, const char *id)
{
	struct spdk_memory_domain_ctx ctx = {
		.size = sizeof(ctx),
		.user_ctx = &guarded,
		.user_ctx_size = sizeof(guarded),
	};
	int fd = memfd_create("guarded_domain", MFD_CLOEXEC);

	memset(guarded, 0, sizeof(*guarded));
	guarded->size = SPDK_ALIGN_CEIL(size, (size_t)sysconf(_SC_PAGESIZE));
	MUST(fd >= 0 && ftruncate(fd, (off_t)guarded->size) == 0);
	guarded->guarded = mmap(NULL, guarded->size, PROT_NONE, MAP_SHARED, fd, 0);
	guarded->window = mmap(NULL, guarded->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(guarded->guarded != MAP_FAILED && guarded->window != MAP_FAILED);
	close(fd);
	guarded->refuse_rc = -ENOMEM;
	guarded->fail_rc = -EIO;
	STAILQ_INIT(&guarded->requests);

	MUST(spdk_memory_domain_create(&guarded->domain, SPDK_DMA_DEVICE_VENDOR_SPECIFIC_TYPE_START, &ctx, id) == 0);
	spdk_memory_domain_set_pull(guarded->domain, pull_cb);
	spdk_memory_domain_set_push(guarded->domain, push_cb);
	spdk_memory_domain_set_memzero(guarded->domain, memzero_cb);
	spdk_memory_domain_set_invalidate(guarded->domain, invalidate_cb);
}

void
guarded_domain_destroy(struct guarded_domain *guarded)
{
	MUST(STAILQ_EMPTY(&guarded->requests));
	spdk_memory_domain_destroy(guarded->domain);
	munmap(guarded->guarded, guarded->size);
	munmap(guarded->window, guarded->size);
}

struct iovec
guarded_domain_iov(struct guarded_domain *guarded, size_t offset, size_t len)
{
	MUST(offset <= guarded->size && len <= guarded->size - offset);
	return (struct iovec){.iov_base = guarded->guarded + offset, .iov_len = len};
}

bool
guarded_domain_complete(struct guarded_domain *guarded)
{
	struct guarded_request *request = STAILQ_FIRST(&guarded->requests);

	if (request == NULL) {
		return false;
	}
	STAILQ_REMOVE_HEAD(&guarded->requests, link);
	carry_out(guarded, request);
	free(request);
	return true;
}
