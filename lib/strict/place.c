/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From an address in the code to the name of its function. Callbacks of modules are static functions, which the dynamic
 * linker does not know: the symbol table of the file does, unless it was stripped.
 */

#include "lib/strict/strict_internal.h"

#include "spdk/util.h"

#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <link.h>
#include <sys/mman.h>

#define MAX_FRAMES 24
#define SYMBOL_SIZE 96

struct image {
	const uint8_t *data;
	size_t size;
};

static bool
map_image(const char *path, struct image *image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data;

	if (fd < 0) {
		return false;
	}
	if (fstat(fd, &status) != 0 || status.st_size < (off_t)sizeof(ElfW(Ehdr))) {
		close(fd);
		return false;
	}
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED) {
		return false;
	}
	image->data = data;
	image->size = (size_t)status.st_size;
	return true;
}

/* NULL if the file does not have that many bytes there. */
static const void *
get(const struct image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->size && size <= image->size - offset ? image->data + offset : NULL;
}

static bool
search_table(const struct image *image, const ElfW(Shdr) * sections, uint32_t num_sections, const ElfW(Shdr) * table,
	uint64_t address, char *name, size_t size)
{
	const ElfW(Sym) *symbols = get(image, table->sh_offset, table->sh_size);
	const ElfW(Shdr) *strings = table->sh_link < num_sections ? &sections[table->sh_link] : NULL;
	const char *text = strings != NULL ? get(image, strings->sh_offset, strings->sh_size) : NULL;

	if (symbols == NULL || text == NULL) {
		return false;
	}
	for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
		const ElfW(Sym) *symbol = &symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && address >= symbol->st_value &&
			address - symbol->st_value < symbol->st_size && symbol->st_name < strings->sh_size) {
			snprintf(name, size, "%.*s+0x%" PRIx64, SYMBOL_SIZE, text + symbol->st_name,
				address - (uint64_t)symbol->st_value);
			return true;
		}
	}
	return false;
}

/* Looks for the function with that address, as the file numbers them. */
static bool
search_image(const struct image *image, uint64_t address, char *name, size_t size)
{
	const ElfW(Ehdr) *header = get(image, 0, sizeof(*header));
	const ElfW(Shdr) * sections;

	if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
		header->e_shentsize != sizeof(*sections)) {
		return false;
	}
	sections = get(image, header->e_shoff, (uint64_t)header->e_shnum * sizeof(*sections));
	if (sections == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < header->e_shnum; i++) {
		if (sections[i].sh_type == SHT_SYMTAB &&
			search_table(image, sections, header->e_shnum, &sections[i], address, name, size)) {
			return true;
		}
	}
	return false;
}

/* The name of the function, and the offset in it; address: as the file numbers them. */
static bool
find_symbol(const char *path, uint64_t address, char *name, size_t size)
{
	struct image image;
	bool found;

	if (!map_image(path, &image)) {
		return false;
	}
	found = search_image(&image, address, name, size);
	munmap((void *)(uintptr_t)image.data, image.size);
	return found;
}

/* Where the file of the address is loaded, and which it is. */
static bool
locate(const void *pc, Dl_info *info, uint64_t *offset)
{
	struct link_map *map = NULL;

	if (pc == NULL || dladdr1(pc, info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL) {
		return false;
	}
	*offset = (uintptr_t)pc - (uintptr_t)map->l_addr;
	/* The program itself: its name may be relative to a folder that it has left. */
	if (map->l_name == NULL || map->l_name[0] == '\0') {
		info->dli_fname = "/proc/self/exe";
	}
	return true;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
get_file_name(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length > 0) {
		target[length] = '\0';
		path = target;
	}
	snprintf(name, size, "%.*s", (int)size - 1, base_name(path));
}

static void
format_symbol(const Dl_info *info, const void *pc, uint64_t offset, char *symbol, size_t size)
{
	char *end;

	if (!find_symbol(info->dli_fname, offset, symbol, size)) {
		if (info->dli_sname != NULL) {
			snprintf(symbol, size, "%.*s+0x%tx", SYMBOL_SIZE, info->dli_sname,
				(const char *)pc - (const char *)info->dli_saddr);
		} else {
			snprintf(symbol, size, "?");
		}
	}
	/* The function itself. */
	end = strstr(symbol, "+0x0");
	if (end != NULL && end[4] == '\0') {
		*end = '\0';
	}
}

void
strict_place_format(const void *pc, char *text, size_t size)
{
	char symbol[SYMBOL_SIZE + 32], file[64];
	uint64_t offset;
	Dl_info info;

	text[0] = '\0';
	if (pc == NULL) {
		return;
	}
	if (!locate(pc, &info, &offset)) {
		snprintf(text, size, "%p", pc);
		return;
	}
	format_symbol(&info, pc, offset, symbol, sizeof(symbol));
	get_file_name(info.dli_fname, file, sizeof(file));
	snprintf(text, size, "%s (%s+0x%" PRIx64 ")", symbol, file, offset);
}

static bool
begins_with_any(const char *text, const char *const *prefixes)
{
	for (; *prefixes != NULL; prefixes++) {
		if (strncmp(text, *prefixes, strlen(*prefixes)) == 0) {
			return true;
		}
	}
	return false;
}

static const void *
find_caller(void *const *frames, int depth, const char *const *prefixes, const void *otherwise)
{
	char text[STRICT_PLACE_SIZE];
	bool seen = false;

	for (int i = 0; i < depth; i++) {
		/* The call, not what follows it: that may be another function. */
		strict_place_format((char *)frames[i] - 1, text, sizeof(text));
		if (begins_with_any(text, prefixes)) {
			seen = true;
		} else if (seen) {
			return (char *)frames[i] - 1;
		}
	}
	return otherwise;
}

const void *
strict_place_find_caller(const char *const *prefixes, const void *otherwise)
{
	void *frames[MAX_FRAMES];
	int depth = backtrace(frames, MAX_FRAMES);

	return find_caller(frames, depth, prefixes, otherwise);
}

void
strict_stack_record(struct strict_stack *stack)
{
	stack->depth = backtrace(stack->frames, STRICT_STACK_DEPTH);
}

const void *
strict_stack_find_caller(const struct strict_stack *stack, const char *const *prefixes, const void *otherwise)
{
	return find_caller(stack->frames, stack->depth, prefixes, otherwise);
}
