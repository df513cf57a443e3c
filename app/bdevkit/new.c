/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit new: writes the source of a module. What it writes are the files of a folder of templates, which are a module
 * that is built and checked with bdevkit itself, under another name.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/string.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/expression.h"
#include "app/bdevkit/template_paths.h"
#include "app/bdevkit/text.h"

/* For who has not installed it. */
#define TEMPLATES_VARIABLE "BDEVKIT_TEMPLATES"
#define MAX_NAME 32

struct kind {
	const char *name;
	const char *folder;
	const char *minimal_folder;
	/* What the module of the templates is called. */
	const char *word;
	/* How the new one is tried. */
	const char *expression;
};

static const struct kind g_kinds[] = {
	{"disk", "disk", "minimal", "mydisk", "%s:64M"},
	{"filter", "filter", NULL, "myfilter", "'%s(malloc:64M)'"},
};

static const struct kind *g_kind = &g_kinds[0];
static bool g_minimal;

static void
print_help(void)
{
	printf("usage: bdevkit new NAME [--kind disk|filter] [--minimal]\n"
	       "\n"
	       "Writes a folder NAME with the source of a bdev module that works, to be changed: the module, its RPC "
	       "methods, a\n"
	       "Makefile, a test.\n"
	       "\n"
	       "  --kind disk      a disk of its own, here in memory (default)\n"
	       "  --kind filter    one that stands on any other bdev\n"
	       "  --minimal        the shortest disk, in one file\n"
	       "\n"
	       "example:\n"
	       "  bdevkit new mydisk && cd mydisk && make && bdevkit check --module ./mydisk.so mydisk:64M\n");
}

/* ---- the command line ---- */

static bool
set_kind(const char *name)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_kinds); i++) {
		if (strcmp(name, g_kinds[i].name) == 0) {
			g_kind = &g_kinds[i];
			return true;
		}
	}
	fprintf(stderr, "bdevkit new: --kind %s: it is disk or filter\n", name);
	return false;
}

/* What is called NAME_create, NAME_delete or NAME_opts in the headers of the system, as in the source that is written. */
static const char *const g_taken[] = {"epoll", "ip", "memfd", "pthread", "pthread_key", "timer"};

/* Whether names of C that begin with it are somebody else's. */
static bool
is_taken(const char *name)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_taken); i++) {
		if (strcmp(name, g_taken[i]) == 0) {
			return true;
		}
	}
	return strcmp(name, "spdk") == 0 || strcmp(name, "bdk") == 0 || strncmp(name, "spdk_", 5) == 0 ||
		strncmp(name, "bdk_", 4) == 0;
}

/* Parts of names in C, of files, and of a method. */
static bool
check_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (name[length] != '\0' || !islower((unsigned char)name[0]) || length > MAX_NAME) {
		fprintf(stderr,
			"bdevkit new: '%s' is no name for a module: up to %d small letters, digits and underscores, a "
			"letter "
			"first\n",
			name, MAX_NAME);
		return false;
	}
	if (spdk_bdev_module_list_find(name) != NULL) {
		fprintf(stderr, "bdevkit new: bdevkit has a module %s; take another name\n", name);
		return false;
	}
	if (expression_has_kind(name)) {
		fprintf(stderr,
			"bdevkit new: %s:... means another bdev already, see 'bdevkit show'; take another name\n",
			name);
		return false;
	}
	if (is_taken(name)) {
		fprintf(stderr, "bdevkit new: names that begin with %s_ belong to the headers; take another name\n",
			name);
		return false;
	}
	return true;
}

/* Returns -1 to go on, or an exit code. */
static int
parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"kind", required_argument, NULL, 'k'},
		{"minimal", no_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	int ch;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (ch == 'h') {
			print_help();
			return EXIT_OK;
		}
		if (ch == 'm') {
			g_minimal = true;
		} else if (ch != 'k' || !set_kind(optarg)) {
			fprintf(stderr, "'bdevkit new --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "bdevkit new: one name is needed; 'bdevkit new --help' tells how to use it\n");
		return EXIT_USAGE;
	}
	if (g_minimal && g_kind->minimal_folder == NULL) {
		fprintf(stderr, "bdevkit new: --minimal is for disks\n");
		return EXIT_USAGE;
	}
	return check_name(argv[optind]) ? -1 : EXIT_USAGE;
}

/* ---- files ---- */

/* Where the templates were installed, seen from the program, so that an installation can be moved. To be freed. */
static char *
find_templates(void)
{
	const char *root = getenv(TEMPLATES_VARIABLE), *folder = g_minimal ? g_kind->minimal_folder : g_kind->folder;
	char program[PATH_MAX], *slash;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (root != NULL) {
		return spdk_sprintf_alloc("%s/%s", root, folder);
	}
	program[length > 0 ? length : 0] = '\0';
	slash = strrchr(program, '/');
	return slash == NULL
		? NULL
		: spdk_sprintf_alloc("%.*s/" BDEVKIT_TEMPLATES_DIR "/%s", (int)(slash - program), program, folder);
}

static int
complain(const char *what)
{
	int rc = -errno;

	fprintf(stderr, "bdevkit new: %s: %s\n", what, spdk_strerror(errno));
	return rc;
}

static void
copy_upper(char *to, const char *from)
{
	do {
		*to++ = (char)toupper((unsigned char)*from);
	} while (*from++ != '\0');
}

/* Appends text, with one word in the place of another. */
static int
append_renamed(struct text *to, const char *text, const char *word, const char *name)
{
	const char *next;
	int rc = 0;

	while (rc == 0 && (next = strstr(text, word)) != NULL) {
		rc = text_append(to, text, (size_t)(next - text));
		rc = rc == 0 ? text_append(to, name, strlen(name)) : rc;
		text = next + strlen(word);
	}
	return rc == 0 ? text_append(to, text, strlen(text)) : rc;
}

/* To be freed; NULL: no memory. */
static char *
rename_text(const char *text, const char *name)
{
	char upper_word[MAX_NAME + 1], upper_name[MAX_NAME + 1];
	struct text lower = {}, both = {};

	copy_upper(upper_word, g_kind->word);
	copy_upper(upper_name, name);
	if (append_renamed(&lower, text, g_kind->word, name) != 0 ||
		append_renamed(&both, lower.data != NULL ? lower.data : "", upper_word, upper_name) != 0) {
		free(both.data);
		both.data = NULL;
	}
	free(lower.data);
	return both.data;
}

static char *
read_text(const char *path, mode_t *mode)
{
	FILE *file = fopen(path, "r");
	struct stat status;
	char *text = NULL;

	if (file == NULL) {
		return NULL;
	}
	if (fstat(fileno(file), &status) == 0 && (text = calloc(1, (size_t)status.st_size + 1)) != NULL &&
		fread(text, 1, (size_t)status.st_size, file) != (size_t)status.st_size) {
		free(text);
		text = NULL;
		errno = EIO;
	}
	*mode = status.st_mode;
	fclose(file);
	return text;
}

static int
write_text(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	int rc;

	if (file == NULL) {
		return complain(path);
	}
	rc = fputs(text, file) < 0 ? -EIO : 0;
	return fclose(file) != 0 || rc != 0 ? complain(path) : 0;
}

static int
write_from_template(const char *template_path, const char *file_name, const char *name)
{
	mode_t mode = 0644;
	char *text = read_text(template_path, &mode), *renamed, *new_name, *path;
	int rc = -ENOMEM;

	if (text == NULL) {
		return complain(template_path);
	}
	renamed = rename_text(text, name);
	new_name = rename_text(file_name, name);
	path = new_name != NULL ? spdk_sprintf_alloc("%s/%s", name, new_name) : NULL;
	if (renamed != NULL && path != NULL) {
		rc = write_text(path, renamed, mode | S_IWUSR);
	}
	free(path);
	free(new_name);
	free(renamed);
	free(text);
	return rc;
}

static int
write_folder(const char *name)
{
	char *folder = find_templates();
	DIR *dir = folder != NULL ? opendir(folder) : NULL;
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		rc = complain(folder != NULL ? folder : "templates");
		free(folder);
		return rc;
	}
	if (mkdir(name, 0777) != 0) {
		rc = complain(name);
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		char *path = spdk_sprintf_alloc("%s/%s", folder, entry->d_name);

		if (path == NULL) {
			rc = -ENOMEM;
		} else if (entry->d_name[0] != '.') {
			rc = write_from_template(path, entry->d_name, name);
		}
		free(path);
	}
	closedir(dir);
	free(folder);
	return rc;
}

int
new_command(int argc, char **argv)
{
	char expression[MAX_NAME + 32];
	const char *name;
	int rc = parse(argc, argv);

	if (rc >= 0) {
		return rc;
	}
	name = argv[optind];
	if (write_folder(name) != 0) {
		return EXIT_FAILED;
	}
	snprintf(expression, sizeof(expression), g_kind->expression, name);
	printf("%s: a module that works. Next:\n"
	       "\n"
	       "  cd %s && make\n"
	       "  bdevkit check --module ./%s.so %s\n"
	       "  bdevkit serve --module ./%s.so %s\n"
	       "\n"
	       "%s/README.md tells what to change first.\n",
		name, name, name, expression, name, expression, name);
	return EXIT_OK;
}
