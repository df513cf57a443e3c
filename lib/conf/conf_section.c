/* SPDX-License-Identifier: BSD-3-Clause */

/* What a section holds, and questions about it. */

#include "lib/conf/conf_internal.h"

#include "spdk/log.h"

/* ---- making and freeing ---- */

static int
number_in(const char *name)
{
	const char *digits = strpbrk(name, "0123456789");
	long number = digits == NULL ? 0 : strtol(digits, NULL, 10);

	return number > INT_MAX ? INT_MAX : (int)number;
}

struct spdk_conf_section *
conf_section_add(struct spdk_conf *conf, const char *name)
{
	struct spdk_conf_section *section = calloc(1, sizeof(*section));

	if (section == NULL) {
		return NULL;
	}
	section->name = strdup(name);
	if (section->name == NULL) {
		free(section);
		return NULL;
	}
	section->num = number_in(name);
	STAILQ_INIT(&section->items);
	STAILQ_INSERT_TAIL(&conf->sections, section, link);
	return section;
}

struct spdk_conf_item *
conf_item_add(struct spdk_conf_section *section, const char *key)
{
	struct spdk_conf_item *item = calloc(1, sizeof(*item));

	if (item == NULL) {
		return NULL;
	}
	item->key = strdup(key);
	if (item->key == NULL) {
		free(item);
		return NULL;
	}
	STAILQ_INIT(&item->values);
	STAILQ_INSERT_TAIL(&section->items, item, link);
	return item;
}

struct spdk_conf_value *
conf_value_add(struct spdk_conf_item *item, const char *text)
{
	struct spdk_conf_value *value = calloc(1, sizeof(*value));

	if (value == NULL) {
		return NULL;
	}
	value->text = strdup(text);
	if (value->text == NULL) {
		free(value);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&item->values, value, link);
	return value;
}

static void
free_item(struct spdk_conf_item *item)
{
	struct spdk_conf_value *value;

	while ((value = STAILQ_FIRST(&item->values)) != NULL) {
		STAILQ_REMOVE_HEAD(&item->values, link);
		free(value->text);
		free(value);
	}
	free(item->key);
	free(item);
}

void
conf_section_free(struct spdk_conf_section *section)
{
	struct spdk_conf_item *item;

	while ((item = STAILQ_FIRST(&section->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&section->items, link);
		free_item(item);
	}
	free(section->name);
	free(section);
}

/* ---- questions ---- */

struct spdk_conf_section *
spdk_conf_next_section(struct spdk_conf_section *sp)
{
	return sp == NULL ? NULL : STAILQ_NEXT(sp, link);
}

const char *
spdk_conf_section_get_name(const struct spdk_conf_section *sp)
{
	return sp->name;
}

int
spdk_conf_section_get_num(const struct spdk_conf_section *sp)
{
	return sp->num;
}

bool
spdk_conf_section_match_prefix(const struct spdk_conf_section *sp, const char *name_prefix)
{
	return strncasecmp(sp->name, name_prefix, strlen(name_prefix)) == 0;
}

static struct spdk_conf_item *
find_item(struct spdk_conf_section *sp, const char *key, int idx)
{
	struct spdk_conf_item *item;

	if (sp == NULL || key == NULL || idx < 0) {
		return NULL;
	}
	STAILQ_FOREACH (item, &sp->items, link) {
		if (strcasecmp(item->key, key) == 0 && idx-- == 0) {
			return item;
		}
	}
	return NULL;
}

char *
spdk_conf_section_get_nmval(struct spdk_conf_section *sp, const char *key, int idx1, int idx2)
{
	struct spdk_conf_item *item = find_item(sp, key, idx1);
	struct spdk_conf_value *value;

	if (item == NULL || idx2 < 0) {
		return NULL;
	}
	STAILQ_FOREACH (value, &item->values, link) {
		if (idx2-- == 0) {
			return value->text;
		}
	}
	return NULL;
}

char *
spdk_conf_section_get_nval(struct spdk_conf_section *sp, const char *key, int idx)
{
	return spdk_conf_section_get_nmval(sp, key, idx, 0);
}

char *
spdk_conf_section_get_val(struct spdk_conf_section *sp, const char *key)
{
	return spdk_conf_section_get_nval(sp, key, 0);
}

int
spdk_conf_section_get_intval(struct spdk_conf_section *sp, const char *key)
{
	const char *text = spdk_conf_section_get_val(sp, key);
	char *end;
	long number;

	if (text == NULL) {
		return -1;
	}
	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < INT_MIN || number > INT_MAX) {
		SPDK_ERRLOG("section %s: the value of %s, '%s', is no number\n", sp->name, key, text);
		return -1;
	}
	return (int)number;
}

static bool
is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcasecmp(text, *words) == 0) {
			return true;
		}
	}
	return false;
}

bool
spdk_conf_section_get_boolval(struct spdk_conf_section *sp, const char *key, bool default_val)
{
	static const char *const yes[] = {"yes", "y", "true", NULL}, *const no[] = {"no", "n", "false", NULL};
	const char *text = spdk_conf_section_get_val(sp, key);

	if (text != NULL && is_one_of(text, yes)) {
		return true;
	}
	if (text != NULL && is_one_of(text, no)) {
		return false;
	}
	return default_val;
}
