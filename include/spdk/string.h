/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_STRING_H
#define SPDK_STRING_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* macro SPDK_STRINGIFY(x) */
/* macro _SPDK_STRINGIFY(x) */



bool spdk_mem_all_zero(const void *data, size_t size);
int spdk_parse_capacity(const char *cap_str, uint64_t *cap, bool *has_prefix);
int spdk_parse_ip_addr(char *ip, char **host, char **port);
char *spdk_sprintf_alloc(const char *format, ...);
char *spdk_sprintf_append_realloc(char *buffer, const char *format, ...);
size_t spdk_str_chomp(char *s);
char *spdk_str_trim(char *s);
char **spdk_strarray_dup(const char **strarray);
void spdk_strarray_free(char **strarray);
char **spdk_strarray_from_string(const char *str, const char *delim);
void spdk_strcpy_pad(void *dst, const char *src, size_t size, int pad);
int spdk_strcpy_replace(char *dst, size_t size, const char *src, const char *search, const char *replace);
const char *spdk_strerror(int errnum);
void spdk_strerror_r(int errnum, char *buf, size_t buflen);
size_t spdk_strlen_pad(const void *str, size_t size, int pad);
char *spdk_strlwr(char *s);
char *spdk_strsepq(char **stringp, const char *delim);
long spdk_strtol(const char *nptr, int base);
long long spdk_strtoll(const char *nptr, int base);
char *spdk_vsprintf_alloc(const char *format, va_list args);
char *spdk_vsprintf_append_realloc(char *buffer, const char *format, va_list args);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_STRING_H */
