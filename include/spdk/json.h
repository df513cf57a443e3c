/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_JSON_H
#define SPDK_JSON_H

#include "spdk/stdinc.h"
#include "spdk/uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS 0x000000002
#define SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE 0x000000001
#define SPDK_JSON_PARSE_INCOMPLETE -2
#define SPDK_JSON_PARSE_INVALID -1
#define SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED -3
#define SPDK_JSON_VAL_ANY SPDK_JSON_VAL_INVALID
#define SPDK_JSON_WRITE_FLAG_FORMATTED 0x00000001

enum spdk_json_val_type {
	SPDK_JSON_VAL_INVALID = 0,
	SPDK_JSON_VAL_NULL = 2,
	SPDK_JSON_VAL_TRUE = 4,
	SPDK_JSON_VAL_FALSE = 8,
	SPDK_JSON_VAL_NUMBER = 16,
	SPDK_JSON_VAL_STRING = 32,
	SPDK_JSON_VAL_ARRAY_BEGIN = 64,
	SPDK_JSON_VAL_ARRAY_END = 128,
	SPDK_JSON_VAL_OBJECT_BEGIN = 256,
	SPDK_JSON_VAL_OBJECT_END = 512,
	SPDK_JSON_VAL_NAME = 1024,
};

struct spdk_json_object_decoder;
struct spdk_json_val;
struct spdk_json_write_ctx;
struct spdk_uuid;

typedef int (*spdk_json_decode_fn)(const struct spdk_json_val *val, void *out);
typedef int (*spdk_json_write_cb)(void *cb_ctx, const void *data, size_t size);

struct spdk_json_object_decoder {
	const char *name;
	size_t offset;
	spdk_json_decode_fn decode_func;
	bool optional;
};

struct spdk_json_val {
	void *start;
	uint32_t len;
	enum spdk_json_val_type type;
};

struct spdk_json_val *spdk_json_array_first(struct spdk_json_val *array_begin);
int spdk_json_decode_array(const struct spdk_json_val *values, spdk_json_decode_fn decode_func, void *out, size_t max_size, size_t *out_size, size_t stride);
int spdk_json_decode_bool(const struct spdk_json_val *val, void *out);
int spdk_json_decode_int32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_object(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders, size_t num_decoders, void *out);
int spdk_json_decode_object_relaxed(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders, size_t num_decoders, void *out);
int spdk_json_decode_string(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint16(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint64(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint8(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uuid(const struct spdk_json_val *val, void *out);
int spdk_json_find(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **val, enum spdk_json_val_type type);
int spdk_json_find_array(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **value);
int spdk_json_find_string(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **val);
void spdk_json_free_object(const struct spdk_json_object_decoder *decoders, size_t num_decoders, void *obj);
struct spdk_json_val *spdk_json_next(struct spdk_json_val *pos);
int spdk_json_number_to_int32(const struct spdk_json_val *val, int32_t *num);
int spdk_json_number_to_uint16(const struct spdk_json_val *val, uint16_t *num);
int spdk_json_number_to_uint32(const struct spdk_json_val *val, uint32_t *num);
int spdk_json_number_to_uint64(const struct spdk_json_val *val, uint64_t *num);
int spdk_json_number_to_uint8(const struct spdk_json_val *val, uint8_t *num);
struct spdk_json_val *spdk_json_object_first(struct spdk_json_val *object);
ssize_t spdk_json_parse(void *json, size_t size, struct spdk_json_val *values, size_t num_values, void **end, uint32_t flags);
char *spdk_json_strdup(const struct spdk_json_val *val);
bool spdk_json_strequal(const struct spdk_json_val *val, const char *str);
size_t spdk_json_val_len(const struct spdk_json_val *val);
int spdk_json_write_array_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_array_end(struct spdk_json_write_ctx *w);
struct spdk_json_write_ctx *spdk_json_write_begin(spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags);
int spdk_json_write_bool(struct spdk_json_write_ctx *w, bool val);
int spdk_json_write_bytearray(struct spdk_json_write_ctx *w, const void *val, size_t len);
int spdk_json_write_double(struct spdk_json_write_ctx *w, double val);
int spdk_json_write_end(struct spdk_json_write_ctx *w);
int spdk_json_write_int32(struct spdk_json_write_ctx *w, int32_t val);
int spdk_json_write_int64(struct spdk_json_write_ctx *w, int64_t val);
int spdk_json_write_name(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_name_raw(struct spdk_json_write_ctx *w, const char *name, size_t len);
int spdk_json_write_named_array_begin(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_bool(struct spdk_json_write_ctx *w, const char *name, bool val);
int spdk_json_write_named_bytearray(struct spdk_json_write_ctx *w, const char *name, const void *val, size_t len);
int spdk_json_write_named_double(struct spdk_json_write_ctx *w, const char *name, double val);
int spdk_json_write_named_int32(struct spdk_json_write_ctx *w, const char *name, int32_t val);
int spdk_json_write_named_int64(struct spdk_json_write_ctx *w, const char *name, int64_t val);
int spdk_json_write_named_null(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_object_begin(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_string(struct spdk_json_write_ctx *w, const char *name, const char *val);
int spdk_json_write_named_string_fmt(struct spdk_json_write_ctx *w, const char *name, const char *fmt, ...);
int spdk_json_write_named_string_fmt_v(struct spdk_json_write_ctx *w, const char *name, const char *fmt, va_list args);
int spdk_json_write_named_uint128(struct spdk_json_write_ctx *w, const char *name, uint64_t low_val, uint64_t high_val);
int spdk_json_write_named_uint16(struct spdk_json_write_ctx *w, const char *name, uint16_t val);
int spdk_json_write_named_uint32(struct spdk_json_write_ctx *w, const char *name, uint32_t val);
int spdk_json_write_named_uint64(struct spdk_json_write_ctx *w, const char *name, uint64_t val);
int spdk_json_write_named_uint8(struct spdk_json_write_ctx *w, const char *name, uint8_t val);
int spdk_json_write_named_uuid(struct spdk_json_write_ctx *w, const char *name, const struct spdk_uuid *uuid);
int spdk_json_write_null(struct spdk_json_write_ctx *w);
int spdk_json_write_object_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_object_end(struct spdk_json_write_ctx *w);
void spdk_json_write_reset(struct spdk_json_write_ctx *w);
int spdk_json_write_string(struct spdk_json_write_ctx *w, const char *val);
int spdk_json_write_string_fmt(struct spdk_json_write_ctx *w, const char *fmt, ...);
int spdk_json_write_string_fmt_v(struct spdk_json_write_ctx *w, const char *fmt, va_list args);
int spdk_json_write_string_raw(struct spdk_json_write_ctx *w, const char *val, size_t len);
int spdk_json_write_string_utf16le(struct spdk_json_write_ctx *w, const uint16_t *val);
int spdk_json_write_string_utf16le_raw(struct spdk_json_write_ctx *w, const uint16_t *val, size_t len);
int spdk_json_write_uint128(struct spdk_json_write_ctx *w, uint64_t low_val, uint64_t high_val);
int spdk_json_write_uint16(struct spdk_json_write_ctx *w, uint16_t val);
int spdk_json_write_uint32(struct spdk_json_write_ctx *w, uint32_t val);
int spdk_json_write_uint64(struct spdk_json_write_ctx *w, uint64_t val);
int spdk_json_write_uint8(struct spdk_json_write_ctx *w, uint8_t val);
int spdk_json_write_uuid(struct spdk_json_write_ctx *w, const struct spdk_uuid *uuid);
int spdk_json_write_val(struct spdk_json_write_ctx *w, const struct spdk_json_val *val);
int spdk_json_write_val_raw(struct spdk_json_write_ctx *w, const void *data, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_JSON_H */
