/* SPDX-License-Identifier: BSD-3-Clause */

/* Strings. */

#ifndef SPDK_STRING_H
#define SPDK_STRING_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The text of an expression, after macros in it are replaced. */
#define SPDK_STRINGIFY(x) _SPDK_STRINGIFY(x)
#define _SPDK_STRINGIFY(x) #x

/* ---- Made with printf formats; free() the result. NULL: out of memory. ---- */

char *spdk_sprintf_alloc(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *spdk_vsprintf_alloc(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Adds to a string made by these functions, or NULL, and returns it where it now is. On failure buffer is unchanged. */
char *spdk_sprintf_append_realloc(char *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *spdk_vsprintf_append_realloc(char *buffer, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* ---- In place ---- */

/* Makes ASCII letters small. Returns s; NULL for NULL. */
char *spdk_strlwr(char *s);

/* Removes blanks at both ends. Returns s; NULL for NULL. */
char *spdk_str_trim(char *s);

/* Removes the line ends (CR, LF) at the end. Returns how many characters. */
size_t spdk_str_chomp(char *s);

/*
 * Cuts the next token from *stringp at any character of delim, and moves *stringp behind it. Runs of delimiters count
 * as one. Quotes (' or ") keep delimiters, and a backslash the character behind it; both are removed. A line end
 * outside of quotes ends the text. Returns NULL when there is no more.
 */
char *spdk_strsepq(char **stringp, const char *delim);

/*
 * Takes "host", "host:port" or "[address]:port" apart. *host, and *port unless there is none, point into ip, which is
 * changed. Returns 0; -EINVAL if ip is NULL or its ] is missing.
 */
int spdk_parse_ip_addr(char *ip, char **host, char **port);

/* ---- Numbers ---- */

/*
 * Reads a number that is not negative and takes up the whole string, blanks before it aside; an empty string is 0.
 * Returns it; -EINVAL if it is none; -ERANGE if it is negative or too large.
 */
long spdk_strtol(const char *nptr, int base);
long long spdk_strtoll(const char *nptr, int base);

/*
 * Reads a size such as "4k" or "10G": a decimal number and K, M or G (1024, 1024^2, 1024^3) of either case. What
 * follows the letter is ignored, so "4kB" will do. *has_prefix, if not NULL: whether there was a letter.
 * Returns 0; -EINVAL if there is no number, a minus sign, or another letter; -ERANGE if it is too large.
 */
int spdk_parse_capacity(const char *cap_str, uint64_t *cap, bool *has_prefix);

/* ---- Errors ---- */

/* Text of an errno (positive), in a buffer of the calling thread that the next call overwrites. */
const char *spdk_strerror(int errnum);

/* The same, into buf. */
void spdk_strerror_r(int errnum, char *buf, size_t buflen);

/* ---- Fields of fixed length, padded ---- */

/* Copies src to a field of size bytes, cut or padded. There is no terminating zero unless pad is one. */
void spdk_strcpy_pad(void *dst, const char *src, size_t size, int pad);

/* Length of a field's content without the padding. */
size_t spdk_strlen_pad(const void *str, size_t size, int pad);

/* Whether all bytes are 0; true for size 0. */
bool spdk_mem_all_zero(const void *data, size_t size);

/* ---- Copies ---- */

/*
 * Copies src to dst with every `search` in it replaced. size: bytes of dst.
 * Returns 0; -EINVAL if an argument is NULL, search is empty, or the result and its zero do not fit.
 */
int spdk_strcpy_replace(char *dst, size_t size, const char *src, const char *search, const char *replace);

/*
 * Splits str at each character of delim into an array that ends with NULL; empty pieces are kept.
 * spdk_strarray_dup() copies such an array. Free it with spdk_strarray_free(). NULL: out of memory.
 */
char **spdk_strarray_from_string(const char *str, const char *delim);
char **spdk_strarray_dup(const char **strarray);

/* strarray may be NULL. */
void spdk_strarray_free(char **strarray);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_STRING_H */
