/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading a file of sections. */

#include "lib/conf/conf_internal.h"

#include "spdk/log.h"
#include "spdk/string.h"

#define BLANKS " \t\r\n"
#define BETWEEN " \t="

static struct spdk_conf *g_default_conf;

struct spdk_conf *
spdk_conf_allocate(void)
{
	struct spdk_conf *conf = calloc(1, sizeof(*conf));

	if (conf != NULL) {
		STAILQ_INIT(&conf->sections);
	}
	return conf;
}

void
spdk_conf_free(struct spdk_conf *cp)
{
	struct spdk_conf_section *section;

	if (cp == NULL) {
		return;
	}
	while ((section = STAILQ_FIRST(&cp->sections)) != NULL) {
		STAILQ_REMOVE_HEAD(&cp->sections, link);
		conf_section_free(section);
	}
	if (g_default_conf == cp) {
		g_default_conf = NULL;
	}
	free(cp);
}

void
spdk_conf_set_as_default(struct spdk_conf *cp)
{
	g_default_conf = cp;
}

void
spdk_conf_disable_sections_merge(struct spdk_conf *cp)
{
	cp->separate_sections = true;
}

struct spdk_conf_section *
spdk_conf_first_section(struct spdk_conf *cp)
{
	struct spdk_conf *conf = cp != NULL ? cp : g_default_conf;

	return conf == NULL ? NULL : STAILQ_FIRST(&conf->sections);
}

struct spdk_conf_section *
spdk_conf_find_section(struct spdk_conf *cp, const char *name)
{
	struct spdk_conf_section *section;

	if (name == NULL) {
		return NULL;
	}
	for (section = spdk_conf_first_section(cp); section != NULL; section = spdk_conf_next_section(section)) {
		if (strcasecmp(section->name, name) == 0) {
			return section;
		}
	}
	return NULL;
}

/* ---- reading ---- */

/* Ends the text before its last blanks. */
static void
trim_end(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL) {
		text[--length] = '\0';
	}
}

/*
 * Takes the next word off *rest, without its quotes and backslashes. NULL: the line, or what is no comment of it, is at
 * its end; or a quote is not closed, and then *rest is NULL.
 */
static char *
take_word(char **rest, const char *between)
{
	char *from = *rest + strspn(*rest, between), *word = from, *to = from;
	char quote = '\0';

	if (*from == '\0' || *from == '#') {
		*rest = from + strlen(from);
		return NULL;
	}
	for (; *from != '\0'; from++) {
		if (quote == '\0' && strchr(between, *from) != NULL) {
			break;
		}
		if (*from == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*from == '"' || *from == '\'')) {
			quote = *from;
		} else {
			if (*from == '\\' && from[1] != '\0') {
				from++;
			}
			*to++ = *from;
		}
	}
	*rest = quote != '\0' ? NULL : *from == '\0' ? from : from + 1;
	*to = '\0';
	return quote != '\0' ? NULL : word;
}

static int
read_section(struct spdk_conf *conf, char *line)
{
	char *end = strchr(line, ']');

	if (end == NULL || end == line + 1) {
		return -EINVAL;
	}
	*end = '\0';
	end += 1 + strspn(end + 1, BLANKS);
	if (*end != '\0' && *end != '#') {
		return -EINVAL;
	}
	conf->current = conf->separate_sections ? NULL : spdk_conf_find_section(conf, line + 1);
	if (conf->current == NULL) {
		conf->current = conf_section_add(conf, line + 1);
	}
	return conf->current == NULL ? -ENOMEM : 0;
}

static int
read_item(struct spdk_conf *conf, char *line)
{
	struct spdk_conf_item *item;
	char *rest = line, *word = take_word(&rest, BETWEEN);

	if (conf->current == NULL || word == NULL || *word == '\0') {
		return -EINVAL;
	}
	item = conf_item_add(conf->current, word);
	if (item == NULL) {
		return -ENOMEM;
	}
	while ((word = take_word(&rest, BETWEEN)) != NULL) {
		if (conf_value_add(item, word) == NULL) {
			return -ENOMEM;
		}
	}
	return rest == NULL ? -EINVAL : 0;
}

static int
read_line(struct spdk_conf *conf, char *line)
{
	line += strspn(line, BLANKS);
	if (*line == '\0' || *line == '#') {
		return 0;
	}
	return *line == '[' ? read_section(conf, line) : read_item(conf, line);
}

/* Whether the line goes on in the next one; if so, without its backslash. */
static bool
is_continued(char *line)
{
	size_t length = strlen(line), backslashes = 0;

	while (backslashes < length && line[length - 1 - backslashes] == '\\') {
		backslashes++;
	}
	/* An even number of them are backslashes by themselves. */
	if (backslashes % 2 == 0) {
		return false;
	}
	line[length - 1] = '\0';
	return true;
}

/* Reads lines from file until one is not continued, into *whole. 0: the end; 1: there is one; -ENOMEM. */
static int
get_line(FILE *file, char **whole, uint64_t *line_number)
{
	char *line = NULL, *joined;
	size_t size = 0;
	bool more = true;
	int rc = 0;

	*whole = NULL;
	while (more && getline(&line, &size, file) >= 0) {
		(*line_number)++;
		trim_end(line);
		more = is_continued(line);
		joined = *whole == NULL ? strdup(line) : spdk_sprintf_append_realloc(*whole, "%s", line);
		if (joined == NULL) {
			rc = -ENOMEM;
			break;
		}
		*whole = joined;
		rc = 1;
	}
	free(line);
	return rc;
}

static int
read_lines(struct spdk_conf *conf, FILE *stream, const char *file)
{
	uint64_t line_number = 0;
	char *line;
	int rc;

	while ((rc = get_line(stream, &line, &line_number)) > 0) {
		rc = read_line(conf, line);
		free(line);
		if (rc != 0) {
			SPDK_ERRLOG("%s, line %" PRIu64 ": %s\n", file, line_number,
				rc == -ENOMEM ? "out of memory" : "neither [section], key and values, nor # comment");
			return rc;
		}
	}
	if (rc < 0) {
		free(line);
		return rc;
	}
	return ferror(stream) ? -EIO : 0;
}

int
spdk_conf_read(struct spdk_conf *cp, const char *file)
{
	FILE *stream;
	int rc;

	if (cp == NULL || file == NULL || *file == '\0') {
		return -EINVAL;
	}
	stream = fopen(file, "re");
	if (stream == NULL) {
		rc = -errno;
		SPDK_ERRLOG("%s: %s\n", file, spdk_strerror(-rc));
		return rc;
	}
	cp->current = NULL;
	rc = read_lines(cp, stream, file);
	fclose(stream);
	return rc;
}
