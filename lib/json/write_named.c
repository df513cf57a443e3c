/* SPDX-License-Identifier: BSD-3-Clause */

/* The JSON writer: a name and its value in one call. */

#include "spdk/json.h"

int
spdk_json_write_named_null(struct spdk_json_write_ctx *w, const char *name)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_null(w);
}

int
spdk_json_write_named_bool(struct spdk_json_write_ctx *w, const char *name, bool val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_bool(w, val);
}

int
spdk_json_write_named_uint8(struct spdk_json_write_ctx *w, const char *name, uint8_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uint8(w, val);
}

int
spdk_json_write_named_uint16(struct spdk_json_write_ctx *w, const char *name, uint16_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uint16(w, val);
}

int
spdk_json_write_named_int32(struct spdk_json_write_ctx *w, const char *name, int32_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_int32(w, val);
}

int
spdk_json_write_named_uint32(struct spdk_json_write_ctx *w, const char *name, uint32_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uint32(w, val);
}

int
spdk_json_write_named_int64(struct spdk_json_write_ctx *w, const char *name, int64_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_int64(w, val);
}

int
spdk_json_write_named_uint64(struct spdk_json_write_ctx *w, const char *name, uint64_t val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uint64(w, val);
}

int
spdk_json_write_named_uint128(struct spdk_json_write_ctx *w, const char *name, uint64_t low_val, uint64_t high_val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uint128(w, low_val, high_val);
}

int
spdk_json_write_named_double(struct spdk_json_write_ctx *w, const char *name, double val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_double(w, val);
}

int
spdk_json_write_named_string(struct spdk_json_write_ctx *w, const char *name, const char *val)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_string(w, val);
}

int
spdk_json_write_named_string_fmt_v(struct spdk_json_write_ctx *w, const char *name, const char *fmt, va_list args)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_string_fmt_v(w, fmt, args);
}

int
spdk_json_write_named_bytearray(struct spdk_json_write_ctx *w, const char *name, const void *val, size_t len)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_bytearray(w, val, len);
}

int
spdk_json_write_named_uuid(struct spdk_json_write_ctx *w, const char *name, const struct spdk_uuid *uuid)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_uuid(w, uuid);
}

int
spdk_json_write_named_array_begin(struct spdk_json_write_ctx *w, const char *name)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_array_begin(w);
}

int
spdk_json_write_named_object_begin(struct spdk_json_write_ctx *w, const char *name)
{
	return spdk_json_write_name(w, name) != 0 ? -1 : spdk_json_write_object_begin(w);
}

int
spdk_json_write_named_string_fmt(struct spdk_json_write_ctx *w, const char *name, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = spdk_json_write_named_string_fmt_v(w, name, fmt, args);
	va_end(args);
	return rc;
}
