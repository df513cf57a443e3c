/* SPDX-License-Identifier: BSD-3-Clause */

/* Parsed values into C values. */

#include "lib/json/json_internal.h"

static const struct spdk_json_object_decoder *
find_decoder(const struct spdk_json_object_decoder *decoders, size_t num_decoders, const struct spdk_json_val *name)
{
	for (size_t i = 0; i < num_decoders; i++) {
		if (spdk_json_strequal(name, decoders[i].name)) {
			return &decoders[i];
		}
	}
	return NULL;
}

/* Which members have been seen: a bit each, in place for the usual number of them. */
struct seen {
	uint64_t small[2];
	uint64_t *bits;
};

static int
seen_init(struct seen *seen, size_t count)
{
	memset(seen, 0, sizeof(*seen));
	seen->bits = seen->small;
	if (count > sizeof(seen->small) * 8) {
		seen->bits = calloc(count / 64 + 1, sizeof(uint64_t));
	}
	return seen->bits != NULL ? 0 : -ENOMEM;
}

static bool
seen_test_and_set(struct seen *seen, size_t index)
{
	uint64_t bit = 1ULL << (index % 64);
	bool before = (seen->bits[index / 64] & bit) != 0;

	seen->bits[index / 64] |= bit;
	return before;
}

static void
seen_fini(struct seen *seen)
{
	if (seen->bits != seen->small) {
		free(seen->bits);
	}
}

static int
decode_member(const struct spdk_json_object_decoder *decoder, const struct spdk_json_val *val, void *out)
{
	if (decoder->decode_func == NULL) {
		return 0;
	}
	return decoder->decode_func(val, (char *)out + decoder->offset) == 0 ? 0 : -1;
}

static int
decode_members(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders, size_t num_decoders,
	void *out, bool relaxed)
{
	const struct spdk_json_val *name, *end;
	struct seen seen;
	int rc = 0;

	if (values == NULL || values->type != SPDK_JSON_VAL_OBJECT_BEGIN || seen_init(&seen, num_decoders) != 0) {
		return -1;
	}
	end = values + 1 + values->len;
	/* Goes on after an error, so that everything is freed by one spdk_json_free_object(). */
	for (name = values + 1; name < end; name += 1 + spdk_json_val_len(name + 1)) {
		const struct spdk_json_object_decoder *decoder = find_decoder(decoders, num_decoders, name);

		if (decoder == NULL) {
			rc = relaxed ? rc : -1;
		} else if (seen_test_and_set(&seen, decoder - decoders)) {
			rc = -1;
		} else if (decode_member(decoder, name + 1, out) != 0) {
			rc = -1;
		}
	}
	for (size_t i = 0; i < num_decoders; i++) {
		if (!decoders[i].optional && !seen_test_and_set(&seen, i)) {
			rc = -1;
		}
	}
	seen_fini(&seen);
	return rc;
}

int
spdk_json_decode_object(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders,
	size_t num_decoders, void *out)
{
	return decode_members(values, decoders, num_decoders, out, false);
}

int
spdk_json_decode_object_relaxed(const struct spdk_json_val *values, const struct spdk_json_object_decoder *decoders,
	size_t num_decoders, void *out)
{
	return decode_members(values, decoders, num_decoders, out, true);
}

void
spdk_json_free_object(const struct spdk_json_object_decoder *decoders, size_t num_decoders, void *obj)
{
	const struct spdk_json_val invalid = {.type = SPDK_JSON_VAL_INVALID};

	/* A decoder frees what its field held before, and has nothing to put there. */
	for (size_t i = 0; i < num_decoders; i++) {
		decode_member(&decoders[i], &invalid, obj);
	}
}

int
spdk_json_decode_array(const struct spdk_json_val *values, spdk_json_decode_fn decode_func, void *out, size_t max_size,
	size_t *out_size, size_t stride)
{
	const struct spdk_json_val *val, *end;

	*out_size = 0;
	if (values == NULL || values->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return -1;
	}
	end = values + 1 + values->len;
	for (val = values + 1; val < end; val += spdk_json_val_len(val)) {
		if (*out_size == max_size) {
			return -1;
		}
		if (decode_func(val, (char *)out + *out_size * stride) != 0) {
			return -1;
		}
		(*out_size)++;
	}
	return 0;
}

int
spdk_json_decode_bool(const struct spdk_json_val *val, void *out)
{
	if (val->type != SPDK_JSON_VAL_TRUE && val->type != SPDK_JSON_VAL_FALSE) {
		return -EINVAL;
	}
	*(bool *)out = val->type == SPDK_JSON_VAL_TRUE;
	return 0;
}

int
spdk_json_decode_uint8(const struct spdk_json_val *val, void *out)
{
	return spdk_json_number_to_uint8(val, out);
}

int
spdk_json_decode_uint16(const struct spdk_json_val *val, void *out)
{
	return spdk_json_number_to_uint16(val, out);
}

int
spdk_json_decode_uint32(const struct spdk_json_val *val, void *out)
{
	return spdk_json_number_to_uint32(val, out);
}

int
spdk_json_decode_uint64(const struct spdk_json_val *val, void *out)
{
	return spdk_json_number_to_uint64(val, out);
}

int
spdk_json_decode_int32(const struct spdk_json_val *val, void *out)
{
	return spdk_json_number_to_int32(val, out);
}

int
spdk_json_decode_string(const struct spdk_json_val *val, void *out)
{
	char **string = out;

	free(*string);
	*string = val->type == SPDK_JSON_VAL_STRING ? spdk_json_strdup(val) : NULL;
	return *string != NULL ? 0 : -EINVAL;
}

int
spdk_json_decode_uuid(const struct spdk_json_val *val, void *out)
{
	char text[SPDK_UUID_STRING_LEN];

	if (val->type != SPDK_JSON_VAL_STRING || val->len != sizeof(text) - 1) {
		return -EINVAL;
	}
	memcpy(text, val->start, val->len);
	text[val->len] = '\0';
	return spdk_uuid_parse(out, text) == 0 ? 0 : -EINVAL;
}
