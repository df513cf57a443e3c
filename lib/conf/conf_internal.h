/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include "spdk/conf.h"
#include "spdk/queue.h"

struct spdk_conf_value {
	char *text;
	STAILQ_ENTRY(spdk_conf_value) link;
};

/* A line: a key and its values. */
struct spdk_conf_item {
	char *key;
	STAILQ_HEAD(, spdk_conf_value) values;
	STAILQ_ENTRY(spdk_conf_item) link;
};

struct spdk_conf_section {
	char *name;
	int num;
	STAILQ_HEAD(, spdk_conf_item) items;
	STAILQ_ENTRY(spdk_conf_section) link;
};

struct spdk_conf {
	STAILQ_HEAD(, spdk_conf_section) sections;
	/* The one that lines go to; NULL before the first. */
	struct spdk_conf_section *current;
	bool separate_sections;
};

/* Make a thing at the end of the list of its parent; strings are copied. NULL: no memory. */
struct spdk_conf_section *conf_section_add(struct spdk_conf *conf, const char *name);
struct spdk_conf_item *conf_item_add(struct spdk_conf_section *section, const char *key);
struct spdk_conf_value *conf_value_add(struct spdk_conf_item *item, const char *text);

void conf_section_free(struct spdk_conf_section *section);

#endif /* CONF_INTERNAL_H */
