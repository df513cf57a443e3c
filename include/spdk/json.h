/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * JSON (RFC 8259): a parser into a flat array of values, decoders from values into C variables, and a writer.
 * Nothing here keeps state of its own; any thread may use it.
 */

#ifndef SPDK_JSON_H
#define SPDK_JSON_H

#include "spdk/stdinc.h"
#include "spdk/uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The values are powers of two so that several types can be tested with one mask. */
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
	/* The name of an object's member; the member's value follows it. */
	SPDK_JSON_VAL_NAME = 1024,
};

/* For spdk_json_find(): a member of any type. */
#define SPDK_JSON_VAL_ANY SPDK_JSON_VAL_INVALID

/*
 * A parsed value. An array or object is a begin value, what it contains, and an end value, one after the other.
 */
struct spdk_json_val {
	/* Where it is in the parsed text. Strings and names: behind the opening quote; nothing terminates them. */
	void *start;
	/* Bytes of the text; for a begin value, the number of values between it and its end value. */
	uint32_t len;
	enum spdk_json_val_type type;
};

/* ---- parser ---- */

/* What spdk_json_parse() returns when there is no value to be had. */
/* The text is not JSON. */
#define SPDK_JSON_PARSE_INVALID -1
/* The text is the beginning of JSON, and ends too early. */
#define SPDK_JSON_PARSE_INCOMPLETE -2
/* Arrays and objects are nested more than 64 deep. */
#define SPDK_JSON_PARSE_MAX_DEPTH_EXCEEDED -3

/*
 * Replace escape sequences in strings and names by what they stand for (UTF-8), in the text itself. Without it, values
 * are the text between the quotes, escape sequences and all.
 */
#define SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE 0x000000001
/* Allow comments, of both C kinds, wherever white space is allowed before or inside the value. */
#define SPDK_JSON_PARSE_FLAG_ALLOW_COMMENTS 0x000000002

/*
 * Parses the first JSON value of a text of size bytes.
 *
 * values receives up to num_values values, which point into the text; it may be NULL. The return value is the number of
 * values that there are, however many were stored: call it once with NULL (and without a flag to decode in place) to
 * learn how many are needed. Otherwise it returns one of the negative SPDK_JSON_PARSE_* above.
 * end (may be NULL) becomes the first byte behind the value and the white space after it: text that is left there is the
 * caller's business. On failure it is the byte at fault, or the end of a text that is incomplete.
 * After a failure, a text that was to be decoded in place may have been changed in part.
 */
ssize_t spdk_json_parse(
	void *json, size_t size, struct spdk_json_val *values, size_t num_values, void **end, uint32_t flags);

/* ---- decoders ---- */

/*
 * Stores a value into the variable at out. Returns 0, or something else if the value does not fit. It is also called
 * with a value of type INVALID, to free what the variable holds.
 */
typedef int (*spdk_json_decode_fn)(const struct spdk_json_val *val, void *out);

/* How a member of an object becomes a field of a structure. */
struct spdk_json_object_decoder {
	const char *name;
	/* Of the field in the structure, in bytes. */
	size_t offset;
	/* NULL: the member is allowed, and not looked at. */
	spdk_json_decode_fn decode_func;
	/* Whether the member may be missing; its field is left alone then. */
	bool optional;
};

/*
 * Decodes an object (values is its begin value) into the structure at out. Returns 0; or -1 if it is no object, a
 * required member is missing, a member is unknown or occurs twice, or a decoder fails. All members are tried in any
 * case: after a failure, spdk_json_free_object() frees what had been decoded.
 */
int spdk_json_decode_object(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders,
	size_t num_decoders, void *out);

/* The same, but unknown members are passed over. */
int spdk_json_decode_object_relaxed(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders,
	size_t num_decoders, void *out);

/* Frees the strings that the decoders have put into obj, and sets them to NULL. */
void spdk_json_free_object(const struct spdk_json_object_decoder *decoders, size_t num_decoders, void *obj);

/*
 * Decodes an array (values is its begin value), each element stride bytes behind the one before, max_size of them at
 * most. out_size becomes the number of elements that have been decoded. Returns 0, or -1 if it is no array, has too many
 * elements, or one cannot be decoded.
 */
int spdk_json_decode_array(const struct spdk_json_val *values, spdk_json_decode_fn decode_func, void *out,
	size_t max_size, size_t *out_size, size_t stride);

/*
 * Decoders, for use by themselves and in the tables above. out points to the C type of the name. Numbers are exact:
 * 1e3 and 10.0 are integers, 1.5 and strings are not, and what is out of range is refused. None of them takes null.
 */
int spdk_json_decode_bool(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint8(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint16(const struct spdk_json_val *val, void *out);
int spdk_json_decode_int32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint32(const struct spdk_json_val *val, void *out);
int spdk_json_decode_uint64(const struct spdk_json_val *val, void *out);

/*
 * A char *, which the caller frees with free(). What it points to before is freed first, so it must be NULL at the
 * beginning. Strings with a zero byte inside are refused.
 */
int spdk_json_decode_string(const struct spdk_json_val *val, void *out);

/* A struct spdk_uuid, from its text of 36 characters. */
int spdk_json_decode_uuid(const struct spdk_json_val *val, void *out);

/*
 * Exact integers. Return 0; -EINVAL if val is no number or has a fraction; -ERANGE if it does not fit, which any negative
 * number, -0 too, does not into an unsigned one. num is set only on success.
 */
int spdk_json_number_to_uint8(const struct spdk_json_val *val, uint8_t *num);
int spdk_json_number_to_uint16(const struct spdk_json_val *val, uint16_t *num);
int spdk_json_number_to_int32(const struct spdk_json_val *val, int32_t *num);
int spdk_json_number_to_uint32(const struct spdk_json_val *val, uint32_t *num);
int spdk_json_number_to_uint64(const struct spdk_json_val *val, uint64_t *num);

/* ---- walking through values ---- */

/* How many values one takes up in the array of values, with all that is inside it; 0 for NULL. */
size_t spdk_json_val_len(const struct spdk_json_val *val);

/* Whether val is a string or name of exactly these bytes. */
bool spdk_json_strequal(const struct spdk_json_val *val, const char *str);

/* A copy of a string or name, for free(). NULL if it is neither, has a zero byte inside, or memory is out. */
char *spdk_json_strdup(const struct spdk_json_val *val);

/* The name of an object's first member; NULL if there is none, or it is no object. */
struct spdk_json_val *spdk_json_object_first(struct spdk_json_val *object);

/* The first element of an array; NULL if there is none, or it is no array. */
struct spdk_json_val *spdk_json_array_first(struct spdk_json_val *array_begin);

/* From an element to the next one, from a member's name to the next name; NULL behind the last. */
struct spdk_json_val *spdk_json_next(struct spdk_json_val *pos);

/*
 * Finds a member of an object by its name. key and val (each may be NULL) become its name and its value, or NULL.
 * Returns 0; -EPROTOTYPE if object is no object; -ENOENT if it has no such member; -EINVAL if it has several; -EDOM if the
 * member is of another type than asked for.
 */
int spdk_json_find(struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key,
	struct spdk_json_val **val, enum spdk_json_val_type type);
int spdk_json_find_string(
	struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **val);
int spdk_json_find_array(
	struct spdk_json_val *object, const char *key_name, struct spdk_json_val **key, struct spdk_json_val **value);

/* ---- writer ---- */

struct spdk_json_write_ctx;

/* Line ends and two blanks of indentation for each level, instead of everything in one line. */
#define SPDK_JSON_WRITE_FLAG_FORMATTED 0x00000001

/* Takes a piece of the text, 4096 bytes at most. Returns 0, or something else to end the writing with an error. */
typedef int (*spdk_json_write_cb)(void *cb_ctx, const void *data, size_t size);

/* A new writer, or NULL if memory is out. */
struct spdk_json_write_ctx *spdk_json_write_begin(spdk_json_write_cb write_cb, void *cb_ctx, uint32_t flags);

/*
 * Hands the rest of the text to the callback, which is called at least once, and frees the writer.
 * All functions below return 0 or -1, and after the first failure nothing more is written: it is enough to look at what
 * this one returns. It is -1 also if an array or object was not closed.
 */
int spdk_json_write_end(struct spdk_json_write_ctx *w);

/* Forgets what has been written and not yet handed to the callback, and any failure, and starts over. */
void spdk_json_write_reset(struct spdk_json_write_ctx *w);

/* Values: the whole text, an element of the open array, or what belongs to the name that was written last. */
int spdk_json_write_null(struct spdk_json_write_ctx *w);
int spdk_json_write_bool(struct spdk_json_write_ctx *w, bool val);
int spdk_json_write_uint8(struct spdk_json_write_ctx *w, uint8_t val);
int spdk_json_write_uint16(struct spdk_json_write_ctx *w, uint16_t val);
int spdk_json_write_int32(struct spdk_json_write_ctx *w, int32_t val);
int spdk_json_write_uint32(struct spdk_json_write_ctx *w, uint32_t val);
int spdk_json_write_int64(struct spdk_json_write_ctx *w, int64_t val);
int spdk_json_write_uint64(struct spdk_json_write_ctx *w, uint64_t val);
int spdk_json_write_uint128(struct spdk_json_write_ctx *w, uint64_t low_val, uint64_t high_val);

/* Twenty digits and an exponent. What is not finite becomes null: JSON has no other word for it. */
int spdk_json_write_double(struct spdk_json_write_ctx *w, double val);

/*
 * A string of UTF-8; what is not ASCII is written as \uXXXX. Anything but UTF-8 is a failure. NULL is written as null.
 * raw: of len bytes, zero bytes included.
 */
int spdk_json_write_string(struct spdk_json_write_ctx *w, const char *val);
int spdk_json_write_string_raw(struct spdk_json_write_ctx *w, const char *val, size_t len);
int spdk_json_write_string_fmt(struct spdk_json_write_ctx *w, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
int spdk_json_write_string_fmt_v(struct spdk_json_write_ctx *w, const char *fmt, va_list args)
	__attribute__((__format__(__printf__, 2, 0)));

/* A string of little-endian UTF-16 up to a zero unit; raw: of len units. */
int spdk_json_write_string_utf16le(struct spdk_json_write_ctx *w, const uint16_t *val);
int spdk_json_write_string_utf16le_raw(struct spdk_json_write_ctx *w, const uint16_t *val, size_t len);

/* A string of two upper case hexadecimal digits for each of len bytes. */
int spdk_json_write_bytearray(struct spdk_json_write_ctx *w, const void *val, size_t len);

/* A string of 36 characters, in lower case. */
int spdk_json_write_uuid(struct spdk_json_write_ctx *w, const struct spdk_uuid *uuid);

/* A parsed value with all that is inside it; its strings must have been decoded in place. Numbers keep their text. */
int spdk_json_write_val(struct spdk_json_write_ctx *w, const struct spdk_json_val *val);

/* Text that is one JSON value already, as it is. */
int spdk_json_write_val_raw(struct spdk_json_write_ctx *w, const void *data, size_t len);

/* Brackets of arrays and objects. */
int spdk_json_write_array_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_array_end(struct spdk_json_write_ctx *w);
int spdk_json_write_object_begin(struct spdk_json_write_ctx *w);
int spdk_json_write_object_end(struct spdk_json_write_ctx *w);

/* The name of the next member of the open object; raw: of len bytes. */
int spdk_json_write_name(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_name_raw(struct spdk_json_write_ctx *w, const char *name, size_t len);

/* A name, and a value as by the function of the same end. */
int spdk_json_write_named_null(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_bool(struct spdk_json_write_ctx *w, const char *name, bool val);
int spdk_json_write_named_uint8(struct spdk_json_write_ctx *w, const char *name, uint8_t val);
int spdk_json_write_named_uint16(struct spdk_json_write_ctx *w, const char *name, uint16_t val);
int spdk_json_write_named_int32(struct spdk_json_write_ctx *w, const char *name, int32_t val);
int spdk_json_write_named_uint32(struct spdk_json_write_ctx *w, const char *name, uint32_t val);
int spdk_json_write_named_int64(struct spdk_json_write_ctx *w, const char *name, int64_t val);
int spdk_json_write_named_uint64(struct spdk_json_write_ctx *w, const char *name, uint64_t val);
int spdk_json_write_named_uint128(struct spdk_json_write_ctx *w, const char *name, uint64_t low_val, uint64_t high_val);
int spdk_json_write_named_double(struct spdk_json_write_ctx *w, const char *name, double val);
int spdk_json_write_named_string(struct spdk_json_write_ctx *w, const char *name, const char *val);
int spdk_json_write_named_string_fmt(struct spdk_json_write_ctx *w, const char *name, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
int spdk_json_write_named_string_fmt_v(struct spdk_json_write_ctx *w, const char *name, const char *fmt, va_list args)
	__attribute__((__format__(__printf__, 3, 0)));
int spdk_json_write_named_bytearray(struct spdk_json_write_ctx *w, const char *name, const void *val, size_t len);
int spdk_json_write_named_uuid(struct spdk_json_write_ctx *w, const char *name, const struct spdk_uuid *uuid);
int spdk_json_write_named_array_begin(struct spdk_json_write_ctx *w, const char *name);
int spdk_json_write_named_object_begin(struct spdk_json_write_ctx *w, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_JSON_H */
