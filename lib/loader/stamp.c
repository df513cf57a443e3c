/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Looks into a shared object without running it: whether it is whole, for this machine, and has the stamps of modules
 * (bdevkit/module_stamp.h) that were compiled with the headers of this library. Nothing in the file is believed.
 */

#include "lib/loader/loader_internal.h"

#include "bdevkit/module_stamp.h"
#include "spdk/accel_module.h"
#include "spdk/bdev_module.h"
#include "spdk/string.h"

#include <elf.h>
#include <link.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#else
#error "which machine is this in ELF?"
#endif

struct image_data {
	const uint8_t *bytes;
	size_t size;
	char **error;
};

static int __attribute__((format(printf, 2, 3))) refuse(const struct image_data *data, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*data->error = spdk_vsprintf_alloc(format, args);
	va_end(args);
	return -ENOEXEC;
}

static bool
has_range(const struct image_data *data, uint64_t offset, uint64_t size)
{
	return offset <= data->size && size <= data->size - offset;
}

static int
check_header(const struct image_data *data, ElfW(Ehdr) * header)
{
	if (!has_range(data, 0, SELFMAG) || memcmp(data->bytes, ELFMAG, SELFMAG) != 0) {
		return refuse(data, "it is no shared object");
	}
	if (!has_range(data, 0, sizeof(*header))) {
		return refuse(data, "it is truncated: it ends in its header");
	}
	memcpy(header, data->bytes, sizeof(*header));
	if (header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
		header->e_ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB) ||
		header->e_machine != OWN_MACHINE) {
		return refuse(data, "it is for another kind of processor");
	}
	if (header->e_type != ET_DYN) {
		return refuse(data, "it is no shared object: link it with -shared");
	}
	if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phnum == PN_XNUM) {
		return refuse(data, "its program headers have a form that is not known");
	}
	if (!has_range(data, header->e_phoff, (uint64_t)header->e_phnum * sizeof(ElfW(Phdr))) ||
		!has_range(data, header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize)) {
		return refuse(data, "it is truncated: it has %zu bytes, and its headers lie behind them", data->size);
	}
	return 0;
}

static void
get_segment(const struct image_data *data, const ElfW(Ehdr) * header, unsigned int index, ElfW(Phdr) * segment)
{
	memcpy(segment, data->bytes + header->e_phoff + index * sizeof(*segment), sizeof(*segment));
}

static int
check_segments(const struct image_data *data, const ElfW(Ehdr) * header)
{
	ElfW(Phdr) segment;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		get_segment(data, header, i, &segment);
		if (!has_range(data, segment.p_offset, segment.p_filesz)) {
			return refuse(data, "it is truncated: it has %zu bytes, and should have %" PRIu64 " or more",
				data->size, (uint64_t)segment.p_offset + segment.p_filesz);
		}
	}
	return 0;
}

/* ---- stamps ---- */

struct expectation {
	uint32_t kind;
	struct {
		const char *name;
		size_t size;
	} structures[4];
};

#define STRUCTURE(tag) \
	{ \
		"struct " #tag, sizeof(struct tag) \
	}

static const struct expectation g_expectations[] = {
	{BDK_MODULE_STAMP_BDEV,
		{STRUCTURE(spdk_bdev), STRUCTURE(spdk_bdev_io), STRUCTURE(spdk_bdev_module),
			STRUCTURE(spdk_bdev_fn_table)}},
	{BDK_MODULE_STAMP_ACCEL,
		{STRUCTURE(spdk_accel_module_if), STRUCTURE(spdk_accel_task), STRUCTURE(spdk_accel_driver)}},
};

static int
check_sizes(const struct image_data *data, const struct bdk_module_stamp *stamp, const struct expectation *expected)
{
	for (size_t i = 0; i < SPDK_COUNTOF(expected->structures); i++) {
		if (stamp->sizes[i] != expected->structures[i].size) {
			return refuse(data,
				"it was compiled with other headers: %s has %" PRIu32 " bytes there and %zu here; "
				"compile it again, with those of bdevkit " BDEVKIT_VERSION,
				expected->structures[i].name != NULL ? expected->structures[i].name : "a structure",
				stamp->sizes[i], expected->structures[i].size);
		}
	}
	return 0;
}

static int
check_stamp(const struct image_data *data, const struct bdk_module_stamp *stamp)
{
	if (stamp->interface_number != BDK_MODULE_INTERFACE) {
		return refuse(data,
			"it was compiled for version %" PRIu32 " of the interface of modules, and this is version %d; "
			"compile it again, with the headers of bdevkit " BDEVKIT_VERSION,
			stamp->interface_number, BDK_MODULE_INTERFACE);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(g_expectations); i++) {
		if (g_expectations[i].kind == stamp->kind) {
			return check_sizes(data, stamp, &g_expectations[i]);
		}
	}
	return refuse(data, "it registers something of kind %" PRIu32 ", which is not known here", stamp->kind);
}

/* Walks over the notes of a segment and checks the stamps among them; counts them. */
static int
check_notes(const struct image_data *data, const ElfW(Phdr) * segment, unsigned int *num_stamps)
{
	uint64_t align = segment->p_align == 8 ? 8 : 4, offset = segment->p_offset,
		 end = segment->p_offset + segment->p_filesz;
	struct bdk_module_stamp stamp;
	ElfW(Nhdr) note;
	int rc = 0;

	while (rc == 0 && end - offset >= sizeof(note)) {
		uint64_t name_size, size;

		memcpy(&note, data->bytes + offset, sizeof(note));
		name_size = ((uint64_t)note.n_namesz + align - 1) & ~(align - 1);
		size = sizeof(note) + name_size + (((uint64_t)note.n_descsz + align - 1) & ~(align - 1));
		if (size > end - offset) {
			break;
		}
		if (size >= sizeof(stamp) && note.n_namesz == sizeof(BDK_MODULE_STAMP_NAME) &&
			memcmp(data->bytes + offset + sizeof(note), BDK_MODULE_STAMP_NAME, note.n_namesz) == 0) {
			memcpy(&stamp, data->bytes + offset, sizeof(stamp));
			rc = check_stamp(data, &stamp);
			(*num_stamps)++;
		}
		offset += size;
	}
	return rc;
}

static int
check_stamps(const struct image_data *data, const ElfW(Ehdr) * header)
{
	unsigned int num_stamps = 0;
	ElfW(Phdr) segment;
	int rc = 0;

	for (unsigned int i = 0; i < header->e_phnum && rc == 0; i++) {
		get_segment(data, header, i, &segment);
		if (segment.p_type == PT_NOTE) {
			rc = check_notes(data, &segment, &num_stamps);
		}
	}
	if (rc == 0 && num_stamps == 0) {
		return refuse(data,
			"it is no module: nothing in it is registered with SPDK_BDEV_MODULE_REGISTER as the headers of "
			"bdevkit define it");
	}
	return rc;
}

int
loader_stamp_check_data(const void *bytes, size_t size, char **error)
{
	struct image_data data = {.bytes = bytes, .size = size, .error = error};
	ElfW(Ehdr) header;
	int rc;

	*error = NULL;
	rc = check_header(&data, &header);
	if (rc == 0) {
		rc = check_segments(&data, &header);
	}
	return rc != 0 ? rc : check_stamps(&data, &header);
}

/* ---- the file ---- */

/* Read, not mapped: it may shrink while it is looked at. */
static int
read_file(int fd, char **bytes, size_t *size)
{
	struct stat status;
	ssize_t count;

	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	}
	*bytes = malloc(status.st_size + 1);
	if (*bytes == NULL) {
		return -ENOMEM;
	}
	for (*size = 0; *size < (size_t)status.st_size; *size += count) {
		count = pread(fd, *bytes + *size, status.st_size - *size, *size);
		if (count < 0) {
			return -errno;
		}
		if (count == 0) {
			break;
		}
	}
	return 0;
}

int
loader_stamp_check(const char *path, char **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
	char *bytes = NULL;
	size_t size = 0;

	*error = NULL;
	if (fd < 0) {
		rc = -errno;
	} else {
		rc = read_file(fd, &bytes, &size);
		close(fd);
	}
	if (rc == 0) {
		rc = loader_stamp_check_data(bytes, size, error);
	} else {
		*error = strdup(rc == -EINVAL ? "it is no file" : spdk_strerror(-rc));
	}
	free(bytes);
	return rc;
}
