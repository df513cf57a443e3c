/* SPDX-License-Identifier: BSD-3-Clause */

/* Files and file descriptors. */

#include "spdk/stdinc.h"
#include "spdk/endian.h"
#include "spdk/fd.h"
#include "spdk/file.h"

#include <setjmp.h>
#include <cmocka.h>

static char g_path[] = "/tmp/bdevkit_file_test_XXXXXX";

static void
write_file(const void *data, size_t len)
{
	FILE *file = fopen(g_path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void
loaded_whole(void **state)
{
	static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 300000};
	uint8_t *data = malloc(300000);
	uint8_t *loaded;
	size_t size;

	for (size_t i = 0; i < 300000; i++) {
		data[i] = (uint8_t)(i * 31);
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_file(data, lengths[i]);
		size = SIZE_MAX;
		loaded = spdk_posix_file_load_from_name(g_path, &size);
		assert_non_null(loaded);
		assert_int_equal(size, lengths[i]);
		assert_memory_equal(loaded, data, size);
		free(loaded);
	}
	free(data);
	errno = 0;
	assert_null(spdk_posix_file_load_from_name("/nonexistent/file", &size));
	assert_int_equal(errno, ENOENT);
	assert_null(spdk_posix_file_load_from_name("/tmp", &size));
	assert_int_equal(errno, EISDIR);
}

static void
attributes(void **state)
{
	char *text;
	uint32_t value = 0;

	write_file("first line\nsecond\n", 18);
	assert_int_equal(spdk_read_sysfs_attribute(&text, "%s", g_path), 0);
	assert_string_equal(text, "first line");
	free(text);
	assert_int_equal(spdk_read_sysfs_attribute_uint32(&value, "%s", g_path), -EINVAL);
	write_file("0x1af4\n", 7);
	assert_int_equal(spdk_read_sysfs_attribute_uint32(&value, "%s", g_path), 0);
	assert_int_equal(value, 0x1af4);
	write_file("4294967296", 10);
	assert_int_equal(spdk_read_sysfs_attribute_uint32(&value, "%s", g_path), -ERANGE);
	write_file("\n", 1);
	assert_int_equal(spdk_read_sysfs_attribute_uint32(&value, "%s", g_path), -EINVAL);
	write_file("", 0);
	assert_int_equal(spdk_read_sysfs_attribute(&text, "%s", g_path), -ENODATA);
	assert_int_equal(spdk_read_sysfs_attribute(&text, "/nonexistent/%d", 5), -ENOENT);
}

static void
descriptors(void **state)
{
	int fds[2], fd;

	write_file("12345", 5);
	fd = open(g_path, O_RDWR);
	assert_int_equal(spdk_fd_get_size(fd), 5);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(spdk_fd_get_size(fd), 1 << 20);
	assert_int_equal(spdk_fd_get_blocklen(fd), 0);
	close(fd);
	assert_int_equal(spdk_fd_get_size(-1), 0);
	assert_int_equal(spdk_fd_get_blocklen(-1), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(spdk_fd_get_size(fds[0]), 0);
	assert_int_equal(spdk_fd_set_nonblock(fds[0]), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(spdk_fd_clear_nonblock(fds[0]), 0);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(spdk_fd_set_nonblock(-1), -EBADF);
	close(fds[0]);
	close(fds[1]);
}

static void
byte_orders(void **state)
{
	uint8_t bytes[9];

	to_be16(bytes + 1, 0x0102);
	assert_memory_equal(bytes + 1, "\x01\x02", 2);
	assert_int_equal(from_be16(bytes + 1), 0x0102);
	assert_int_equal(from_le16(bytes + 1), 0x0201);
	to_le32(bytes + 1, 0x01020304);
	assert_memory_equal(bytes + 1, "\x04\x03\x02\x01", 4);
	assert_int_equal(from_le32(bytes + 1), 0x01020304);
	to_be32(bytes + 1, 0x01020304);
	assert_memory_equal(bytes + 1, "\x01\x02\x03\x04", 4);
	assert_int_equal(from_be32(bytes + 1), 0x01020304);
	to_be64(bytes + 1, 0x0102030405060708ULL);
	assert_memory_equal(bytes + 1, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_true(from_be64(bytes + 1) == 0x0102030405060708ULL);
	assert_true(from_le64(bytes + 1) == 0x0807060504030201ULL);
	to_le64(bytes + 1, 0x0102030405060708ULL);
	assert_memory_equal(bytes + 1, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	to_le16(bytes + 1, 0x0102);
	assert_memory_equal(bytes + 1, "\x02\x01", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loaded_whole),
		cmocka_unit_test(attributes),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(byte_orders),
	};
	int fd = mkstemp(g_path);
	int rc;

	if (fd < 0) {
		perror(g_path);
		return 1;
	}
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(g_path);
	return rc;
}
