/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/string.h"
#include "spdk/util.h"

/* ---- printf ---- */

char *
spdk_vsprintf_append_realloc(char *buffer, const char *format, va_list args)
{
	size_t old_len = buffer != NULL ? strlen(buffer) : 0;
	va_list again;
	char *grown;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	grown = len < 0 ? NULL : realloc(buffer, old_len + (size_t)len + 1);
	if (grown != NULL) {
		vsnprintf(grown + old_len, (size_t)len + 1, format, again);
	}
	va_end(again);
	return grown;
}

char *
spdk_sprintf_append_realloc(char *buffer, const char *format, ...)
{
	va_list args;
	char *grown;

	va_start(args, format);
	grown = spdk_vsprintf_append_realloc(buffer, format, args);
	va_end(args);
	return grown;
}

char *
spdk_vsprintf_alloc(const char *format, va_list args)
{
	return spdk_vsprintf_append_realloc(NULL, format, args);
}

char *
spdk_sprintf_alloc(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = spdk_vsprintf_alloc(format, args);
	va_end(args);
	return text;
}

/* ---- In place ---- */

char *
spdk_strlwr(char *s)
{
	if (s == NULL) {
		return NULL;
	}
	for (char *pos = s; *pos != '\0'; pos++) {
		*pos = (char)tolower((unsigned char)*pos);
	}
	return s;
}

char *
spdk_str_trim(char *s)
{
	char *start = s;
	size_t len;

	if (s == NULL) {
		return NULL;
	}
	while (isspace((unsigned char)*start)) {
		start++;
	}
	len = strlen(start);
	while (len > 0 && isspace((unsigned char)start[len - 1])) {
		len--;
	}
	memmove(s, start, len);
	s[len] = '\0';
	return s;
}

size_t
spdk_str_chomp(char *s)
{
	size_t len = strlen(s);
	size_t removed = 0;

	while (len > 0 && (s[len - 1] == '\r' || s[len - 1] == '\n')) {
		s[--len] = '\0';
		removed++;
	}
	return removed;
}

/*
 * Moves the next token to `to`, its quotes and backslashes removed; from and to may be the same. Returns where the
 * character that ended it stands.
 */
static char *
move_token(char *from, char *to, const char *delim)
{
	char quote = '\0';

	for (; *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0') {
			*to++ = *++from;
		} else if (quote != '\0') {
			if (*from == quote) {
				quote = '\0';
			} else {
				*to++ = *from;
			}
		} else if (*from == '\'' || *from == '"') {
			quote = *from;
		} else if (*from == '\n' || strchr(delim, *from) != NULL) {
			break;
		} else {
			*to++ = *from;
		}
	}
	/* The token may have become shorter: from and *from are still the text's own if to has not reached them. */
	if (to != from) {
		*to = '\0';
	}
	return from;
}

char *
spdk_strsepq(char **stringp, const char *delim)
{
	char *token = *stringp;
	char *end, ended_by;

	if (token == NULL) {
		return NULL;
	}
	token += strspn(token, delim);
	if (*token == '\0' || *token == '\n') {
		*stringp = NULL;
		return NULL;
	}
	end = move_token(token, token, delim);
	ended_by = *end;
	*end = '\0';
	if (ended_by == '\0' || ended_by == '\n') {
		*stringp = NULL;
		return token;
	}
	end++;
	end += strspn(end, delim);
	*stringp = *end == '\0' || *end == '\n' ? NULL : end;
	return token;
}

int
spdk_parse_ip_addr(char *ip, char **host, char **port)
{
	char *end;

	if (ip == NULL) {
		return -EINVAL;
	}
	*host = NULL;
	*port = NULL;
	if (*ip == '[') {
		end = strchr(ip, ']');
		if (end == NULL) {
			return -EINVAL;
		}
		*host = ip + 1;
		*end++ = '\0';
		if (*end != ':') {
			return 0;
		}
	} else {
		*host = ip;
		end = strchr(ip, ':');
		if (end == NULL) {
			return 0;
		}
	}
	*end++ = '\0';
	if (*end != '\0') {
		*port = end;
	}
	return 0;
}

/* ---- Numbers ---- */

long long
spdk_strtoll(const char *nptr, int base)
{
	char *end = NULL;
	long long value;

	errno = 0;
	value = strtoll(nptr, &end, base);
	if (*end != '\0') {
		return -EINVAL;
	}
	if (errno == EINVAL) {
		return -EINVAL;
	}
	if (errno == ERANGE || value < 0) {
		return -ERANGE;
	}
	return value;
}

long
spdk_strtol(const char *nptr, int base)
{
	long long value = spdk_strtoll(nptr, base);

	return value > LONG_MAX ? -ERANGE : (long)value;
}

static int
suffix_shift(char suffix)
{
	switch (suffix) {
	case '\0':
		return 0;
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return -EINVAL;
	}
}

int
spdk_parse_capacity(const char *cap_str, uint64_t *cap, bool *has_prefix)
{
	unsigned long long value;
	char *end;
	int shift;

	/* strtoull() takes "-1" and blanks. */
	if (!isdigit((unsigned char)cap_str[0])) {
		return -EINVAL;
	}
	errno = 0;
	value = strtoull(cap_str, &end, 10);
	if (errno != 0) {
		return -errno;
	}
	shift = suffix_shift(*end);
	if (shift < 0) {
		return shift;
	}
	if (value > UINT64_MAX >> shift) {
		return -ERANGE;
	}
	*cap = value << shift;
	if (has_prefix != NULL) {
		*has_prefix = shift != 0;
	}
	return 0;
}

/* ---- Errors ---- */

void
spdk_strerror_r(int errnum, char *buf, size_t buflen)
{
	const char *text;

	if (buflen == 0) {
		return;
	}
	/* The GNU form may return a text of its own. */
	text = strerror_r(errnum, buf, buflen);
	if (text != buf) {
		snprintf(buf, buflen, "%s", text);
	}
}

const char *
spdk_strerror(int errnum)
{
	static __thread char buf[256];

	spdk_strerror_r(errnum, buf, sizeof(buf));
	return buf;
}

/* ---- Padded fields ---- */

void
spdk_strcpy_pad(void *dst, const char *src, size_t size, int pad)
{
	size_t len = strnlen(src, size);

	memcpy(dst, src, len);
	memset((uint8_t *)dst + len, pad, size - len);
}

size_t
spdk_strlen_pad(const void *str, size_t size, int pad)
{
	const uint8_t *bytes = str;

	while (size > 0 && bytes[size - 1] == (uint8_t)pad) {
		size--;
	}
	return size;
}

bool
spdk_mem_all_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	/* Each byte equals the one before it, and the first is 0. */
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* ---- Copies ---- */

int
spdk_strcpy_replace(char *dst, size_t size, const char *src, const char *search, const char *replace)
{
	size_t search_len, replace_len, len;
	size_t used = 0;

	if (dst == NULL || src == NULL || search == NULL || replace == NULL || search[0] == '\0' || size == 0) {
		return -EINVAL;
	}
	search_len = strlen(search);
	replace_len = strlen(replace);
	while (*src != '\0') {
		bool found = strncmp(src, search, search_len) == 0;

		len = found ? replace_len : 1;
		if (len >= size - used) {
			return -EINVAL;
		}
		memcpy(dst + used, found ? replace : src, len);
		used += len;
		src += found ? search_len : 1;
	}
	dst[used] = '\0';
	return 0;
}

void
spdk_strarray_free(char **strarray)
{
	if (strarray == NULL) {
		return;
	}
	for (size_t i = 0; strarray[i] != NULL; i++) {
		free(strarray[i]);
	}
	free(strarray);
}

char **
spdk_strarray_from_string(const char *str, const char *delim)
{
	size_t count = 1;
	char **array;

	for (const char *pos = str + strcspn(str, delim); *pos != '\0'; pos += 1 + strcspn(pos + 1, delim)) {
		count++;
	}
	array = calloc(count + 1, sizeof(*array));
	if (array == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		size_t len = strcspn(str, delim);

		array[i] = strndup(str, len);
		if (array[i] == NULL) {
			spdk_strarray_free(array);
			return NULL;
		}
		str += len + 1;
	}
	return array;
}

char **
spdk_strarray_dup(const char **strarray)
{
	size_t count = 0;
	char **copy;

	while (strarray[count] != NULL) {
		count++;
	}
	copy = calloc(count + 1, sizeof(*copy));
	if (copy == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(strarray[i]);
		if (copy[i] == NULL) {
			spdk_strarray_free(copy);
			return NULL;
		}
	}
	return copy;
}
