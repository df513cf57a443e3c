/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_UUID_H
#define SPDK_UUID_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_UUID_STRING_LEN 37

struct spdk_uuid;


struct spdk_uuid {
	union {
		uint8_t raw[16];
	} u;
};

int spdk_uuid_compare(const struct spdk_uuid *u1, const struct spdk_uuid *u2);
void spdk_uuid_copy(struct spdk_uuid *dst, const struct spdk_uuid *src);
int spdk_uuid_fmt_lower(char *uuid_str, size_t uuid_str_size, const struct spdk_uuid *uuid);
void spdk_uuid_generate(struct spdk_uuid *uuid);
int spdk_uuid_generate_sha1(struct spdk_uuid *uuid, struct spdk_uuid *ns_uuid, const char *name, size_t len);
bool spdk_uuid_is_null(const struct spdk_uuid *uuid);
int spdk_uuid_parse(struct spdk_uuid *uuid, const char *uuid_str);
void spdk_uuid_set_null(struct spdk_uuid *uuid);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_UUID_H */
