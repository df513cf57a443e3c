/* SPDX-License-Identifier: BSD-3-Clause */

/* Exact integers from the text of a number. */

#include "lib/json/json_internal.h"

/* A number taken apart: the digits without point, leading and trailing zeros, times a power of ten. */
struct decimal {
	const char *text;
	const char *end;
	bool negative;
	int64_t power;
};

/* More digits than a number can have that is not out of range, so that sums of two such cannot overflow. */
#define POWER_LIMIT (INT64_MAX / 4)

static int64_t
read_exponent(const char *text, const char *end)
{
	int64_t value = 0;
	bool negative = text < end && *text == '-';

	if (text < end && (*text == '-' || *text == '+')) {
		text++;
	}
	for (; text < end && value < POWER_LIMIT / 10; text++) {
		value = value * 10 + (*text - '0');
	}
	return negative ? -value : value;
}

/*
 * magnitude = digits * 10^power, where digits are those of the text up to end without the point.
 */
static int
multiply(const struct decimal *number, uint64_t *magnitude)
{
	uint64_t value = 0;

	for (const char *p = number->text; p < number->end; p++) {
		if (*p != '.' &&
			(__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))) {
			return -ERANGE;
		}
	}
	for (int64_t i = 0; i < number->power && value != 0; i++) {
		if (__builtin_mul_overflow(value, 10, &value)) {
			return -ERANGE;
		}
	}
	*magnitude = value;
	return 0;
}

int
json_number_magnitude(const struct spdk_json_val *val, bool *negative, uint64_t *magnitude)
{
	struct decimal number = {};
	const char *limit, *exponent, *point;

	if (val == NULL || val->type != SPDK_JSON_VAL_NUMBER || val->len == 0) {
		return -EINVAL;
	}
	number.text = val->start;
	limit = number.text + val->len;
	number.negative = *number.text == '-';
	number.text += number.negative;

	for (exponent = number.text; exponent < limit && *exponent != 'e' && *exponent != 'E'; exponent++) {
	}
	number.end = exponent;
	if (exponent < limit) {
		number.power = read_exponent(exponent + 1, limit);
	}
	point = memchr(number.text, '.', number.end - number.text);
	if (point != NULL) {
		number.power -= number.end - point - 1;
	}
	/* Zeros at the end make up for a negative power: 100e-2, 10.0. */
	while (number.power < 0 && number.end > number.text && (number.end[-1] == '0' || number.end[-1] == '.')) {
		number.power += number.end[-1] == '0';
		number.end--;
	}

	*negative = number.negative;
	if (number.power < 0) {
		/* What is left of a zero such as 0e-5 or 0.00 is nothing; anything else is a fraction. */
		if (number.end > number.text) {
			return -EINVAL;
		}
		*magnitude = 0;
		return 0;
	}
	return multiply(&number, magnitude);
}

static int
to_unsigned(const struct spdk_json_val *val, uint64_t max, uint64_t *value)
{
	bool negative;
	int rc = json_number_magnitude(val, &negative, value);

	if (rc != 0) {
		return rc;
	}
	return negative || *value > max ? -ERANGE : 0;
}

#define NUMBER_TO(name, ctype, max) \
	int spdk_json_number_to_##name(const struct spdk_json_val *val, ctype *num) \
	{ \
		uint64_t value; \
		int rc = to_unsigned(val, max, &value); \
\
		if (rc == 0) { \
			*num = value; \
		} \
		return rc; \
	}

NUMBER_TO(uint8, uint8_t, UINT8_MAX)
NUMBER_TO(uint16, uint16_t, UINT16_MAX)
NUMBER_TO(uint32, uint32_t, UINT32_MAX)
NUMBER_TO(uint64, uint64_t, UINT64_MAX)

int
spdk_json_number_to_int32(const struct spdk_json_val *val, int32_t *num)
{
	uint64_t magnitude;
	bool negative;
	int rc = json_number_magnitude(val, &negative, &magnitude);

	if (rc != 0) {
		return rc;
	}
	if (magnitude > (uint64_t)INT32_MAX + negative) {
		return -ERANGE;
	}
	*num = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}
