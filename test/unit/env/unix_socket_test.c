/* SPDX-License-Identifier: BSD-3-Clause */

/* The file of a Unix socket: there when clients can connect and not before, for its owner only, and the only one. */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "lib/env/env_internal.h"
#include "test/unit/folder_guard.h"

#include <sys/un.h>

static char g_folder[] = "/tmp/bdevkit-socket-XXXXXX";
static struct folder_guard g_guard;
static struct sockaddr_un g_addr;

/* What the system does, as told. */
static struct {
	int rename_error;
	int listen_error;
	int bind_error;
	bool there_before_listen;
} g_system;

int __real_bind(int fd, const struct sockaddr *addr, socklen_t length);
int __real_listen(int fd, int backlog);
int __real_renameat2(int old_folder, const char *old, int new_folder, const char *new, unsigned int flags);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t length);
int __wrap_listen(int fd, int backlog);
int __wrap_renameat2(int old_folder, const char *old, int new_folder, const char *new, unsigned int flags);

int
__wrap_bind(int fd, const struct sockaddr *addr, socklen_t length)
{
	const struct sockaddr_un *address = (const struct sockaddr_un *)addr;

	if (g_system.bind_error != 0 && strcmp(address->sun_path, g_addr.sun_path) != 0) {
		errno = g_system.bind_error;
		return -1;
	}
	return __real_bind(fd, addr, length);
}

int
__wrap_listen(int fd, int backlog)
{
	struct stat st;

	g_system.there_before_listen = lstat(g_addr.sun_path, &st) == 0;
	if (g_system.listen_error != 0) {
		errno = g_system.listen_error;
		return -1;
	}
	return __real_listen(fd, backlog);
}

int
__wrap_renameat2(int old_folder, const char *old, int new_folder, const char *new, unsigned int flags)
{
	if (g_system.rename_error != 0) {
		errno = g_system.rename_error;
		return -1;
	}
	return __real_renameat2(old_folder, old, new_folder, new, flags);
}

static int
open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static int
count_files(void)
{
	DIR *folder = opendir(g_folder);
	struct dirent *entry;
	int count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		count += entry->d_name[0] != '.';
	}
	closedir(folder);
	return count;
}

static void
expect_server(int fd)
{
	int client = open_socket();
	struct stat st;

	assert_int_equal(connect(client, (struct sockaddr *)&g_addr, sizeof(g_addr)), 0);
	assert_int_equal(lstat(g_addr.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files(), 1);
	close(client);
	close(fd);
	unlink(g_addr.sun_path);
}

static void
it_is_there_when_it_listens(void **state)
{
	int fd = open_socket();

	assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1), 0);
	assert_false(g_system.there_before_listen);
	expect_server(fd);
}

static void
file_systems_that_cannot_rename_so(void **state)
{
	static const int errors[] = {EINVAL, ENOSYS};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		int fd = open_socket();

		g_system.rename_error = errors[i];
		assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1), 0);
		assert_false(g_system.there_before_listen);
		expect_server(fd);
	}
}

/* Also one that comes between a look and the call. */
static void
what_has_the_name_keeps_it(void **state)
{
	FILE *file = fopen(g_addr.sun_path, "w");
	char text[8] = "";
	int fd;

	assert_non_null(file);
	assert_true(fputs("mine", file) > 0);
	fclose(file);
	for (int i = 0; i < 3; i++) {
		static const int errors[] = {0, EINVAL, EIO};

		fd = open_socket();
		g_system.rename_error = errors[i];
		assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1),
			errors[i] == EIO ? -EIO : -EADDRINUSE);
		close(fd);
		assert_int_equal(count_files(), 1);
	}
	file = fopen(g_addr.sun_path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "mine");
	unlink(g_addr.sun_path);
}

static void
nothing_is_left_when_it_cannot_listen(void **state)
{
	int fd = open_socket();

	g_system.listen_error = EMFILE;
	assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1), -EMFILE);
	close(fd);
	assert_int_equal(count_files(), 0);
}

/* Profiles of AppArmor may allow one name only. */
static void
where_only_its_own_name_is_allowed(void **state)
{
	int fd = open_socket();

	g_system.bind_error = EACCES;
	assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1), 0);
	expect_server(fd);
}

static void
the_longest_name(void **state)
{
	int fd = open_socket();
	size_t length = strlen(g_addr.sun_path);

	memset(g_addr.sun_path + length, 'x', sizeof(g_addr.sun_path) - 1 - length);
	assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&g_addr, sizeof(g_addr), 1), 0);
	expect_server(fd);
}

static void
names_that_are_no_files(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = open_socket(), client = open_socket();
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		(size_t)snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "%s", g_folder));

	assert_int_equal(env_unix_listen(fd, (struct sockaddr *)&addr, length, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&addr, length), 0);
	assert_int_equal(count_files(), 0);
	close(client);
	close(fd);
}

static int
setup(void **state)
{
	memset(&g_system, 0, sizeof(g_system));
	memset(&g_addr, 0, sizeof(g_addr));
	g_addr.sun_family = AF_UNIX;
	snprintf(g_addr.sun_path, sizeof(g_addr.sun_path), "%s/socket", g_folder);
	return 0;
}

static int
make_folder(void **state)
{
	if (mkdtemp(g_folder) == NULL) {
		return -1;
	}
	g_guard = folder_guard_start(g_folder);
	return 0;
}

static int
remove_folder(void **state)
{
	/* Fails if something was left behind. */
	int rc = rmdir(g_folder);

	folder_guard_end(&g_guard);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_is_there_when_it_listens, setup),
		cmocka_unit_test_setup(file_systems_that_cannot_rename_so, setup),
		cmocka_unit_test_setup(what_has_the_name_keeps_it, setup),
		cmocka_unit_test_setup(nothing_is_left_when_it_cannot_listen, setup),
		cmocka_unit_test_setup(where_only_its_own_name_is_allowed, setup),
		cmocka_unit_test_setup(the_longest_name, setup),
		cmocka_unit_test_setup(names_that_are_no_files, setup),
	};

	return cmocka_run_group_tests_name("unix_socket_test", tests, make_folder, remove_folder);
}
