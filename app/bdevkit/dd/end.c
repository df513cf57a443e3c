/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/dd/end.h"

#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "app/bdevkit/expression.h"

enum dd_kind
dd_kind_of(const char *word, bool bdevs)
{
	static const char *const schemes[] = {
		"nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://", "nbds+vsock://"};
	struct stat st;

	for (size_t i = 0; i < SPDK_COUNTOF(schemes); i++) {
		if (strncmp(word, schemes[i], strlen(schemes[i])) == 0) {
			return DD_NBD;
		}
	}
	/* Nobody means an expression by what begins like a path. */
	if (word[0] == '/' || strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0) {
		return DD_FILE;
	}
	if (expression_is_one(word)) {
		return stat(word, &st) == 0 ? DD_FILE : DD_BDEV;
	}
	return bdevs && strchr(word, '/') == NULL ? DD_BDEV : DD_FILE;
}

int
dd_end_open(struct dd_end *end, enum dd_kind kind, char *why, size_t why_size)
{
	static const struct dd_end_ops *const ops[] = {
		[DD_FILE] = &g_dd_file_ops, [DD_BDEV] = &g_dd_bdev_ops, [DD_NBD] = &g_dd_nbd_ops};
	int rc;

	end->ops = ops[kind];
	end->block_size = 1;
	end->buf_align = 4096;
	end->max_io = UINT64_MAX;
	*why = '\0';
	rc = end->ops->open(end, why, why_size);
	if (rc != 0) {
		if (*why == '\0') {
			snprintf(why, why_size, "%s", spdk_strerror(-rc));
		}
		dd_end_close(end, false);
	}
	return rc;
}

int
dd_end_close(struct dd_end *end, bool done)
{
	int rc = end->ops != NULL && end->state != NULL ? end->ops->close(end, done) : 0;

	end->state = NULL;
	end->ops = NULL;
	for (size_t i = 0; i < end->num_identities; i++) {
		free(end->identities[i]);
	}
	free(end->identities);
	end->identities = NULL;
	end->num_identities = 0;
	return rc;
}

static void
end_io(void *ctx)
{
	struct dd_io *io = ctx;

	io->fn(io, io->rc);
}

void
dd_io_end_later(struct dd_io *io, int rc)
{
	io->rc = rc;
	if (spdk_thread_send_msg(spdk_get_thread(), end_io, io) != 0) {
		/* Only an exited thread refuses what is sent, and this one runs. */
		abort();
	}
}

/* ---- identities ---- */

int
dd_end_add_identity(struct dd_end *end, const char *format, ...)
{
	char **grown = realloc(end->identities, (end->num_identities + 1) * sizeof(*grown));
	va_list args;
	char *text;

	if (grown == NULL) {
		return -ENOMEM;
	}
	end->identities = grown;
	va_start(args, format);
	text = spdk_vsprintf_alloc(format, args);
	va_end(args);
	if (text == NULL) {
		return -ENOMEM;
	}
	end->identities[end->num_identities++] = text;
	return 0;
}

int
dd_end_add_file_identity(struct dd_end *end, const struct stat *st)
{
	if (S_ISBLK(st->st_mode)) {
		return dd_end_add_identity(end, "device %ju", (uintmax_t)st->st_rdev);
	}
	if (S_ISREG(st->st_mode)) {
		return dd_end_add_identity(end, "file %ju %ju", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
	}
	return 0;
}

bool
dd_end_is_same(const struct dd_end *one, const struct dd_end *other)
{
	for (size_t i = 0; i < one->num_identities; i++) {
		for (size_t j = 0; j < other->num_identities; j++) {
			if (strcmp(one->identities[i], other->identities[j]) == 0) {
				return true;
			}
		}
	}
	return false;
}
