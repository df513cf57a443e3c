/* SPDX-License-Identifier: BSD-3-Clause */

/* Identifiers: libuuid's text forms and name-based ones; random ones from the environment, so that tests can repeat. */

#include "spdk/uuid.h"

#include "lib/env/env_internal.h"

#include <uuid/uuid.h>

SPDK_STATIC_ASSERT(sizeof(struct spdk_uuid) == sizeof(uuid_t), "libuuid has identifiers of another size");

int
spdk_uuid_parse(struct spdk_uuid *uuid, const char *uuid_str)
{
	uuid_t parsed;

	if (uuid == NULL || uuid_str == NULL || uuid_parse(uuid_str, parsed) != 0) {
		return -EINVAL;
	}
	memcpy(uuid, parsed, sizeof(*uuid));
	return 0;
}

int
spdk_uuid_fmt_lower(char *uuid_str, size_t uuid_str_size, const struct spdk_uuid *uuid)
{
	if (uuid_str_size < SPDK_UUID_STRING_LEN) {
		return -EINVAL;
	}
	uuid_unparse_lower(uuid->u.raw, uuid_str);
	return 0;
}

int
spdk_uuid_compare(const struct spdk_uuid *u1, const struct spdk_uuid *u2)
{
	return memcmp(u1->u.raw, u2->u.raw, sizeof(u1->u.raw));
}

void
spdk_uuid_generate(struct spdk_uuid *uuid)
{
	env_random_bytes(uuid->u.raw, sizeof(uuid->u.raw));
	/* Version 4, variant of RFC 4122. */
	uuid->u.raw[6] = (uuid->u.raw[6] & 0x0f) | 0x40;
	uuid->u.raw[8] = (uuid->u.raw[8] & 0x3f) | 0x80;
}

int
spdk_uuid_generate_sha1(struct spdk_uuid *uuid, struct spdk_uuid *ns_uuid, const char *name, size_t len)
{
	if (uuid == NULL || ns_uuid == NULL || name == NULL) {
		return -EINVAL;
	}
	uuid_generate_sha1(uuid->u.raw, ns_uuid->u.raw, name, len);
	return 0;
}

void
spdk_uuid_copy(struct spdk_uuid *dst, const struct spdk_uuid *src)
{
	memmove(dst, src, sizeof(*dst));
}

bool
spdk_uuid_is_null(const struct spdk_uuid *uuid)
{
	return uuid_is_null(uuid->u.raw);
}

void
spdk_uuid_set_null(struct spdk_uuid *uuid)
{
	memset(uuid, 0, sizeof(*uuid));
}
