/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/file.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define FILE_MAX_SIZE ((size_t)1 << 30)
#define FILE_FIRST_SIZE ((size_t)64 << 10)

/* Makes room for more bytes. NULL: errno says why; then the old memory is free. */
static uint8_t *
grow(uint8_t *data, size_t *capacity)
{
	uint8_t *grown;

	if (*capacity >= FILE_MAX_SIZE) {
		free(data);
		errno = EFBIG;
		return NULL;
	}
	*capacity = *capacity == 0 ? FILE_FIRST_SIZE : *capacity * 2;
	grown = realloc(data, *capacity);
	if (grown == NULL) {
		free(data);
		errno = ENOMEM;
	}
	return grown;
}

void *
spdk_posix_file_load(FILE *file, size_t *size)
{
	uint8_t *data = NULL;
	size_t capacity = 0, used = 0;
	int rc;

	for (;;) {
		if (used == capacity) {
			data = grow(data, &capacity);
			if (data == NULL) {
				return NULL;
			}
		}
		errno = 0;
		used += fread(data + used, 1, capacity - used, file);
		if (used < capacity) {
			break;
		}
	}
	if (ferror(file)) {
		rc = errno != 0 ? errno : EIO;
		free(data);
		errno = rc;
		return NULL;
	}
	*size = used;
	return data;
}

void *
spdk_posix_file_load_from_name(const char *file_name, size_t *size)
{
	FILE *file = fopen(file_name, "re");
	void *data;
	int rc;

	if (file == NULL) {
		return NULL;
	}
	data = spdk_posix_file_load(file, size);
	rc = errno;
	fclose(file);
	errno = rc;
	return data;
}

static int
read_first_line(char **line, const char *path)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0;
	int rc = 0;

	if (file == NULL) {
		return -errno;
	}
	*line = NULL;
	errno = 0;
	if (getline(line, &capacity, file) < 0) {
		/* An empty file has no line. */
		rc = errno != 0 ? -errno : -ENODATA;
		free(*line);
		*line = NULL;
	} else {
		spdk_str_chomp(*line);
	}
	fclose(file);
	return rc;
}

static int
read_attribute(char **attribute, const char *path_format, va_list args)
{
	char *path = spdk_vsprintf_alloc(path_format, args);
	int rc;

	if (path == NULL) {
		return -ENOMEM;
	}
	rc = read_first_line(attribute, path);
	free(path);
	return rc;
}

int
spdk_read_sysfs_attribute(char **attribute, const char *path_format, ...)
{
	va_list args;
	int rc;

	va_start(args, path_format);
	rc = read_attribute(attribute, path_format, args);
	va_end(args);
	return rc;
}

int
spdk_read_sysfs_attribute_uint32(uint32_t *attribute, const char *path_format, ...)
{
	char *text = NULL;
	long long value;
	va_list args;
	int rc;

	va_start(args, path_format);
	rc = read_attribute(&text, path_format, args);
	va_end(args);
	if (rc != 0) {
		return rc;
	}
	value = text == NULL || text[0] == '\0' ? -EINVAL : spdk_strtoll(text, 0);
	free(text);
	if (value < 0) {
		return (int)value;
	}
	if (value > UINT32_MAX) {
		return -ERANGE;
	}
	*attribute = (uint32_t)value;
	return 0;
}
