/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files of sections:
 *
 *     # a comment
 *     [Section1]
 *     key value "another value"
 *     key = value
 *     long \
 *         line
 *
 * A line is a key and its values, with blanks or = between; quotes keep blanks and # in a value, and a backslash keeps
 * the character behind it. A backslash at its end joins a line with the next. Names of sections and keys are compared
 * without regard to case. A key may stand several times in a section.
 *
 * What is returned belongs to the configuration and is valid until that is freed. One system thread at a time. Where a
 * configuration may be NULL, the default one is meant.
 */

#ifndef SPDK_CONF_H
#define SPDK_CONF_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_conf;
struct spdk_conf_item;
struct spdk_conf_section;
struct spdk_conf_value;

/* Returns an empty configuration, or NULL without memory. */
struct spdk_conf *spdk_conf_allocate(void);

/* Frees it with all that it holds. If it is the default one, there is none afterwards. NULL is ignored. */
void spdk_conf_free(struct spdk_conf *cp);

/*
 * Adds what a file says. Returns 0; -EINVAL: it is malformed, and where stands in the log; -ENOMEM; or why it cannot be
 * read. What came before the fault is kept.
 */
int spdk_conf_read(struct spdk_conf *cp, const char *file);

/* Makes it the default one, for whoever does not have it at hand. NULL: there is none any more. */
void spdk_conf_set_as_default(struct spdk_conf *cp);

/* From now on a section whose name was there before is another section, and not the same one continued. */
void spdk_conf_disable_sections_merge(struct spdk_conf *cp);

/* The first section of that name, or NULL. cp may be NULL. */
struct spdk_conf_section *spdk_conf_find_section(struct spdk_conf *cp, const char *name);

/* The sections in their order. NULL: no more. cp may be NULL. */
struct spdk_conf_section *spdk_conf_first_section(struct spdk_conf *cp);
struct spdk_conf_section *spdk_conf_next_section(struct spdk_conf_section *sp);

const char *spdk_conf_section_get_name(const struct spdk_conf_section *sp);

/* The first number in its name: 12 of "Section12"; 0 if there is none. */
int spdk_conf_section_get_num(const struct spdk_conf_section *sp);

/* Whether its name begins so. */
bool spdk_conf_section_match_prefix(const struct spdk_conf_section *sp, const char *name_prefix);

/* Value number idx2 of line number idx1 that has this key, both from 0; NULL: there is none. */
char *spdk_conf_section_get_nmval(struct spdk_conf_section *sp, const char *key, int idx1, int idx2);

/* The first value of line number idx that has this key, or of the first one. NULL: there is none. */
char *spdk_conf_section_get_nval(struct spdk_conf_section *sp, const char *key, int idx);
char *spdk_conf_section_get_val(struct spdk_conf_section *sp, const char *key);

/* The same as a decimal number; -1: there is none. */
int spdk_conf_section_get_intval(struct spdk_conf_section *sp, const char *key);

/* Yes, Y or True; No, N or False; whatever else, or nothing: default_val. */
bool spdk_conf_section_get_boolval(struct spdk_conf_section *sp, const char *key, bool default_val);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_CONF_H */
