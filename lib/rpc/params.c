/* SPDX-License-Identifier: BSD-3-Clause */

/* The parameters of a described method: checked and decoded, with error texts that name what was expected. */

#include "lib/rpc/rpc_internal.h"
#include "lib/json/json_internal.h"
#include "spdk/string.h"

struct decoding {
	const struct bdk_rpc_method *method;
	uint8_t *out;
	/* For each parameter: it was given, and its field holds what is to be freed. */
	bool *given;
	/* The code that the error has; 0: that of the method. */
	int code;
	char error[512];
};

/* The value as the caller wrote it, cut to a readable length. */
static const char *
describe_value(const struct spdk_json_val *val, char *buf, size_t size)
{
	enum {
		SHOWN = 60
	};
	int len = val->len < SHOWN ? val->len : SHOWN;
	const char *more = val->len > SHOWN ? "..." : "";

	switch (val->type) {
	case SPDK_JSON_VAL_NUMBER:
		snprintf(buf, size, "%.*s%s", len, (const char *)val->start, more);
		break;
	case SPDK_JSON_VAL_STRING:
		snprintf(buf, size, "the string \"%.*s%s\"", len, (const char *)val->start, more);
		break;
	case SPDK_JSON_VAL_NULL:
		snprintf(buf, size, "null (leave the parameter out for its default)");
		break;
	case SPDK_JSON_VAL_TRUE:
	case SPDK_JSON_VAL_FALSE:
		snprintf(buf, size, "%s", val->type == SPDK_JSON_VAL_TRUE ? "true" : "false");
		break;
	default:
		snprintf(buf, size, "an %s", json_type_name(val->type));
	}
	return buf;
}

static int __attribute__((format(printf, 4, 5))) expected(
	struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val, const char *format, ...)
{
	char what[256], got[128];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (param->secret) {
		/* What was meant to be a key is not for the log of whoever has made the request. */
		snprintf(d->error, sizeof(d->error), "%s: parameter '%s' must be %s", d->method->name, param->name,
			what);
	} else {
		snprintf(d->error, sizeof(d->error), "%s: parameter '%s' must be %s, not %s", d->method->name,
			param->name, what, describe_value(val, got, sizeof(got)));
	}
	return -EINVAL;
}

static uint64_t
type_max(enum bdk_rpc_type type)
{
	switch (type) {
	case BDK_RPC_UINT8:
		return UINT8_MAX;
	case BDK_RPC_UINT16:
		return UINT16_MAX;
	case BDK_RPC_UINT32:
		return UINT32_MAX;
	case BDK_RPC_INT32:
		return INT32_MAX;
	default:
		return UINT64_MAX;
	}
}

static int
decode_unsigned(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val, void *field)
{
	uint64_t value, max = param->max != 0 ? param->max : type_max(param->type);
	bool negative;

	if (json_number_magnitude(val, &negative, &value) != 0 || negative || value < param->min || value > max) {
		return expected(d, param, val, "an integer from %" PRIu64 " to %" PRIu64, param->min, max);
	}
	switch (param->type) {
	case BDK_RPC_UINT8:
		*(uint8_t *)field = value;
		break;
	case BDK_RPC_UINT16:
		*(uint16_t *)field = value;
		break;
	case BDK_RPC_UINT32:
		*(uint32_t *)field = value;
		break;
	default:
		*(uint64_t *)field = value;
	}
	return 0;
}

static int
decode_signed(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val, int32_t *field)
{
	int64_t min = param->max != 0 ? (int64_t)param->min : INT32_MIN;
	int64_t max = param->max != 0 ? (int64_t)param->max : INT32_MAX;
	int32_t value;

	if (spdk_json_number_to_int32(val, &value) != 0 || value < min || value > max) {
		return expected(d, param, val, "an integer from %" PRId64 " to %" PRId64, min, max);
	}
	*field = value;
	return 0;
}

static int
decode_string(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val, char **field)
{
	if (val->type != SPDK_JSON_VAL_STRING || memchr(val->start, '\0', val->len) != NULL) {
		return expected(d, param, val, "a string without \\u0000");
	}
	*field = spdk_json_strdup(val);
	return *field != NULL ? 0 : -ENOMEM;
}

static int
decode_enum(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val, int *field)
{
	char names[200] = "";
	size_t used = 0;

	for (const struct bdk_rpc_value *value = param->values; value->name != NULL; value++) {
		if (val->type == SPDK_JSON_VAL_STRING && strlen(value->name) == val->len &&
			strncasecmp(val->start, value->name, val->len) == 0) {
			*field = value->value;
			return 0;
		}
		if (used < sizeof(names)) {
			used += snprintf(
				names + used, sizeof(names) - used, "%s\"%s\"", used > 0 ? ", " : "", value->name);
		}
	}
	if (val->type == SPDK_JSON_VAL_STRING) {
		d->code = d->method->values_error;
	}
	return expected(d, param, val, "one of %s", names);
}

static void
free_string_array(struct bdk_rpc_string_array *array)
{
	for (size_t i = 0; array->items != NULL && i < array->count; i++) {
		free(array->items[i]);
	}
	free(array->items);
	memset(array, 0, sizeof(*array));
}

static int
decode_string_array(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val,
	struct bdk_rpc_string_array *field)
{
	struct bdk_rpc_string_array array = {};

	if (val->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return expected(d, param, val, "an array of strings");
	}
	array.items = calloc(val->len + 1, sizeof(*array.items));
	if (array.items == NULL) {
		return -ENOMEM;
	}
	/* A first level of strings has as many items as values. */
	for (uint32_t i = 0; i < val->len; i++) {
		int rc = val[1 + i].type == SPDK_JSON_VAL_STRING
			? decode_string(d, param, &val[1 + i], &array.items[i])
			: expected(d, param, &val[1 + i], "an array of strings only");

		if (rc != 0) {
			free_string_array(&array);
			return rc;
		}
		array.count++;
	}
	*field = array;
	return 0;
}

static int
decode_value(struct decoding *d, const struct bdk_rpc_param *param, const struct spdk_json_val *val)
{
	void *field = d->out + param->offset;

	switch (param->type) {
	case BDK_RPC_BOOL:
		return spdk_json_decode_bool(val, field) == 0 ? 0 : expected(d, param, val, "true or false");
	case BDK_RPC_INT32:
		return decode_signed(d, param, val, field);
	case BDK_RPC_UINT8:
	case BDK_RPC_UINT16:
	case BDK_RPC_UINT32:
	case BDK_RPC_UINT64:
		return decode_unsigned(d, param, val, field);
	case BDK_RPC_STRING:
		return decode_string(d, param, val, field);
	case BDK_RPC_UUID:
		return spdk_json_decode_uuid(val, field) == 0
			? 0
			: expected(d, param, val, "a UUID like 01234567-89ab-cdef-0123-456789abcdef");
	case BDK_RPC_ENUM:
		return decode_enum(d, param, val, field);
	case BDK_RPC_STRING_ARRAY:
		return decode_string_array(d, param, val, field);
	case BDK_RPC_JSON:
		*(const struct spdk_json_val **)field = val;
		return 0;
	}
	return -EINVAL;
}

static void
free_params(struct decoding *d)
{
	for (size_t i = 0; i < d->method->num_params; i++) {
		const struct bdk_rpc_param *param = &d->method->params[i];

		if (!d->given[i]) {
			continue;
		}
		if (param->type == BDK_RPC_STRING) {
			char *text = *(char **)(d->out + param->offset);

			if (param->secret && text != NULL) {
				explicit_bzero(text, strlen(text));
			}
			free(text);
		} else if (param->type == BDK_RPC_STRING_ARRAY) {
			free_string_array((struct bdk_rpc_string_array *)(d->out + param->offset));
		}
	}
}

/* "bdev_x_create: it has no parameter 'y', only: name, size" */
static int
refuse_name(struct decoding *d, const struct spdk_json_val *name)
{
	const struct bdk_rpc_method *method = d->method;
	size_t used = snprintf(d->error, sizeof(d->error), "%s: there is no parameter '%.*s'%s", method->name,
		name->len < 60 ? (int)name->len : 60, (const char *)name->start,
		method->num_params > 0 ? ", only" : "");

	for (size_t i = 0; i < method->num_params && used < sizeof(d->error); i++) {
		used += snprintf(
			d->error + used, sizeof(d->error) - used, "%s %s", i > 0 ? "," : "", method->params[i].name);
	}
	return -EINVAL;
}

static int
decode_member(struct decoding *d, const struct spdk_json_val *name)
{
	for (size_t i = 0; i < d->method->num_params; i++) {
		const struct bdk_rpc_param *param = &d->method->params[i];
		int rc;

		if (!spdk_json_strequal(name, param->name)) {
			continue;
		}
		if (d->given[i]) {
			snprintf(d->error, sizeof(d->error), "%s: parameter '%s' is given twice", d->method->name,
				param->name);
			return -EINVAL;
		}
		rc = decode_value(d, param, name + 1);
		d->given[i] = rc == 0;
		return rc;
	}
	return refuse_name(d, name);
}

static int
check_required(struct decoding *d)
{
	for (size_t i = 0; i < d->method->num_params; i++) {
		const struct bdk_rpc_param *param = &d->method->params[i];

		if (param->required && !d->given[i]) {
			snprintf(d->error, sizeof(d->error), "%s: parameter '%s' is missing (%s)", d->method->name,
				param->name, param->help != NULL ? param->help : "it is required");
			return -EINVAL;
		}
	}
	return 0;
}

static int
decode_params(struct decoding *d, const struct spdk_json_val *params)
{
	const struct spdk_json_val *name, *end;

	if (d->method->params_rule == BDK_RPC_PARAMS_IGNORED) {
		return 0;
	}
	if (params == NULL && d->method->params_rule == BDK_RPC_PARAMS_REQUIRED) {
		snprintf(d->error, sizeof(d->error), "%s: params are missing", d->method->name);
		return -EINVAL;
	}
	if (params == NULL) {
		return d->method->params_rule == BDK_RPC_PARAMS_OPTIONAL ? 0 : check_required(d);
	}
	if (d->method->params_rule == BDK_RPC_PARAMS_NONE) {
		snprintf(d->error, sizeof(d->error), "%s requires no parameters", d->method->name);
		return -EINVAL;
	}
	if (params->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		snprintf(d->error, sizeof(d->error),
			"%s: params must be an object with a member for each parameter, not an %s", d->method->name,
			json_type_name(params->type));
		return -EINVAL;
	}
	end = params + 1 + params->len;
	for (name = params + 1; name < end; name += 1 + spdk_json_val_len(name + 1)) {
		int rc = decode_member(d, name);

		if (rc != 0) {
			return rc;
		}
	}
	return check_required(d);
}

void
rpc_params_handle(
	const struct bdk_rpc_method *method, struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct decoding d = {.method = method};
	int rc;

	/* One more byte each: nothing to allocate is not a failure. */
	d.out = calloc(1, method->params_size + 1);
	d.given = calloc(method->num_params + 1, sizeof(*d.given));
	if (d.out == NULL || d.given == NULL) {
		rc = -ENOMEM;
	} else {
		if (method->defaults != NULL) {
			memcpy(d.out, method->defaults, method->params_size);
		}
		rc = decode_params(&d, params);
	}

	if (rc == 0) {
		method->handler(request, method->params_size > 0 ? d.out : NULL);
	} else if (rc == -ENOMEM) {
		bdk_rpc_send_errno(request, rc, "%s", method->name);
	} else {
		if (d.code == 0) {
			d.code = method->params_error != 0 ? method->params_error : SPDK_JSONRPC_ERROR_INVALID_PARAMS;
		}
		spdk_jsonrpc_send_error_response(request, d.code, d.error);
	}
	if (d.given != NULL && d.out != NULL) {
		free_params(&d);
	}
	free(d.given);
	free(d.out);
}

static void
send_error(struct spdk_jsonrpc_request *request, int code, const char *suffix, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0) {
		spdk_jsonrpc_send_error_response(request, code, "Out of memory");
		return;
	}
	if (suffix != NULL) {
		spdk_jsonrpc_send_error_response_fmt(request, code, "%s: %s", text, suffix);
	} else {
		spdk_jsonrpc_send_error_response(request, code, text);
	}
	free(text);
}

void
bdk_rpc_send_error(struct spdk_jsonrpc_request *request, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_error(request, code, NULL, format, args);
	va_end(args);
}

void
bdk_rpc_send_outcome(struct spdk_jsonrpc_request *request, int rc, const char *format, ...)
{
	va_list args;

	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
		return;
	}
	va_start(args, format);
	send_error(request, rc, spdk_strerror(-rc), format, args);
	va_end(args);
}

void
bdk_rpc_send_errno(struct spdk_jsonrpc_request *request, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_error(request, rc, spdk_strerror(-rc), format, args);
	va_end(args);
}
