/* SPDX-License-Identifier: BSD-3-Clause */

/* Universally unique identifiers (RFC 4122). */

#ifndef SPDK_UUID_H
#define SPDK_UUID_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A UUID, in the order of its text. */
struct spdk_uuid {
	union {
		/* In the order in which the text has them. */
		uint8_t raw[16];
	} u;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_uuid) == 16, "Incorrect size");

/* Room for an identifier's text with its terminating zero. */
#define SPDK_UUID_STRING_LEN 37

/*
 * Reads the form of 36 characters, with letters of either case and nothing else around it.
 * Returns 0; -EINVAL if it is none, and then *uuid is unchanged.
 */
int spdk_uuid_parse(struct spdk_uuid *uuid, const char *uuid_str);

/* Writes that form, in small letters. Returns 0; -EINVAL if uuid_str_size is below SPDK_UUID_STRING_LEN. */
int spdk_uuid_fmt_lower(char *uuid_str, size_t uuid_str_size, const struct spdk_uuid *uuid);

/* Less than 0, 0, or more: as memcmp(). */
int spdk_uuid_compare(const struct spdk_uuid *u1, const struct spdk_uuid *u2);

/* Makes a random identifier (version 4). */
void spdk_uuid_generate(struct spdk_uuid *uuid);

/*
 * Makes the identifier that belongs to a name of len bytes within a name space (version 5): always the same one.
 * Returns 0, -EINVAL if a pointer is NULL.
 */
int spdk_uuid_generate_sha1(struct spdk_uuid *uuid, struct spdk_uuid *ns_uuid, const char *name, size_t len);

void spdk_uuid_copy(struct spdk_uuid *dst, const struct spdk_uuid *src);

/* The identifier of nothing: all bytes 0. */
bool spdk_uuid_is_null(const struct spdk_uuid *uuid);
void spdk_uuid_set_null(struct spdk_uuid *uuid);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_UUID_H */
