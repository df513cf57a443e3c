/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Each allocation of accel and of what moves the data of an I/O fails once, and once with all that follow it: channels of
 * accel, keys and what is made of them, I/O with memory domains, sequences and hidden metadata, crypto bdevs. A clean error
 * or no matter, nothing lost, nothing that hangs, and it works afterwards.
 */

#include "convert_fixture.h"

#include "module/bdev/crypto/vbdev_crypto.h"
#include "spdk/accel_module.h"
#include "spdk/log.h"
#include "test/unit/common/alloc_failure.h"

#define HEX_KEY "000102030405060708090a0b0c0d0e0f"
#define HEX_KEY2 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

/* ---- the frame ---- */

static void
begin(void)
{
	assert_int_equal(setup(NULL), 0);
}

static int
end(int rc)
{
	alloc_disarm();
	assert_int_equal(teardown(NULL), 0);
	return rc;
}

static int
make_key(const char *name)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)HEX_KEY,
		.hex_key2 = (char *)HEX_KEY2,
		.key_name = (char *)name,
	};

	return spdk_accel_crypto_key_create(&param);
}

/* Reads or writes eight blocks. What the caller has, he still has if it is refused; if it fails, the log says why. */
static int
try_io(bool write, struct iovec *iovs, int iovcnt, struct spdk_bdev_ext_io_opts *opts)
{
	int rc;

	g_io = (struct mem_io){};
	if (write) {
		ON(0,
			rc = spdk_bdev_writev_blocks_ext(
				g_user.desc, g_user.ch[0], iovs, iovcnt, 3, 8, mem_io_done_cb, &g_io, opts));
	} else {
		ON(0,
			rc = spdk_bdev_readv_blocks_ext(
				g_user.desc, g_user.ch[0], iovs, iovcnt, 3, 8, mem_io_done_cb, &g_io, opts));
	}
	if (rc != 0) {
		if (opts != NULL) {
			ON(0, spdk_accel_sequence_abort(opts->accel_sequence));
		}
		return rc;
	}
	return run() ? 0 : -ENOMEM;
}

/* ---- accel ---- */

static int
run_accel_channel(const void *arg)
{
	struct spdk_io_channel *ch;

	begin();
	start();
	alloc_arm();
	ch = NULL;
	ON(1, ch = spdk_accel_get_io_channel());
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	bdk_sim_run_until_idle();
	return end(ch != NULL ? 0 : -ENOMEM);
}

/* What a thread needs before its first I/O, accel among it. */
static int
run_bdev_channel(const void *arg)
{
	struct spdk_io_channel *ch = NULL;

	begin();
	start();
	alloc_arm();
	ON(1, ch = spdk_bdev_get_io_channel(g_user.desc));
	if (ch != NULL) {
		ON(1, spdk_put_io_channel(ch));
	}
	bdk_sim_run_until_idle();
	return end(ch != NULL ? 0 : -ENOMEM);
}

/* One that has not started is not asked again, in this process: here it gets another chance. */
static void
add_again(struct spdk_accel_module_if *module)
{
	if (spdk_accel_get_module(module->name) == NULL) {
		spdk_accel_module_list_add(module);
	}
}

static int
run_accel_start(const void *arg)
{
	struct spdk_accel_module_if *software = spdk_accel_get_module("software"),
				    *error = spdk_accel_get_module("error");
	bool done = false;
	int rc;

	bdev_sim_init(5, 2);
	alloc_arm();
	ON(0, rc = spdk_accel_initialize());
	alloc_disarm();
	/* It takes back whatever there is. */
	ON(0, spdk_accel_finish(set_flag_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
	add_again(software);
	add_again(error);
	bdev_sim_fini();
	return rc;
}

static int
run_key(const void *arg)
{
	int rc;

	begin();
	start();
	alloc_arm();
	rc = make_key("key");
	alloc_disarm();
	assert_true((rc == 0) == (spdk_accel_crypto_key_get("key") != NULL));
	if (rc == 0) {
		assert_int_equal(spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get("key")), 0);
	}
	return end(rc);
}

static void
encrypted_cb(void *arg, int status)
{
	*(int *)arg = status;
}

/* What is made of a key on a channel, and a place for blocks that are cut. */
static int
run_first_encryption(const void *arg)
{
	struct iovec iovs[2] = {{g_buf, 700}, {g_buf + 700, 324}};
	struct spdk_accel_crypto_key *key;
	struct spdk_io_channel *ch;
	int status = 1, rc;

	begin();
	start();
	ch = get_accel_channel();
	assert_int_equal(make_key("key"), 0);
	key = spdk_accel_crypto_key_get("key");
	alloc_arm();
	ON(0, rc = spdk_accel_submit_encrypt(ch, key, iovs, 2, iovs, 2, 0, 512, encrypted_cb, &status));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	alloc_disarm();
	put_channel(ch);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), 0);
	return end(status);
}

/* ---- I/O ---- */

static int
run_domain(const void *arg)
{
	const bool *write = arg;
	struct spdk_bdev_ext_io_opts opts;
	struct iovec iov;
	int rc;

	begin();
	start();
	use_domain(&opts);
	iov = guarded_domain_iov(&g_guarded, 0, 8 * BLOCK);
	alloc_arm();
	rc = try_io(*write, &iov, 1, &opts);
	return end(rc);
}

static int
run_sequence(const void *arg)
{
	const bool *write = arg;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct iovec iov = {g_buf, 8 * BLOCK}, other = {g_expected, 8 * BLOCK};
	struct iovec *to = *write ? &iov : &other, *from = *write ? &other : &iov;
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_io_channel *ch;
	int rc;

	begin();
	start();
	ch = get_accel_channel();
	alloc_arm();
	ON(0, rc = spdk_accel_append_copy(&seq, ch, to, 1, NULL, NULL, from, 1, NULL, NULL, step_cb, NULL));
	if (rc == 0) {
		opts.accel_sequence = seq;
		rc = try_io(*write, &iov, 1, &opts);
		assert_int_equal(g_steps, 1);
	}
	alloc_disarm();
	put_channel(ch);
	return end(rc);
}

static int
run_hidden_metadata(const void *arg)
{
	struct iovec iov = {g_buf, 8 * BLOCK};
	int rc;

	begin();
	mem_disk_init(&g_disk, "disk", BLOCK + 8, NUM_BLOCKS);
	g_disk.bdev.md_len = 8;
	g_disk.bdev.md_interleave = true;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	start();
	open_hiding();
	alloc_arm();
	rc = try_io(true, &iov, 1, NULL);
	if (rc == 0) {
		rc = try_io(false, &iov, 1, NULL);
	}
	return end(rc);
}

/* ---- crypto bdevs ---- */

static void
deleted_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static int
create_crypto(const struct crypto_key_opts *opts)
{
	struct crypto_key *key;
	const char *why;
	int rc;

	ON(0, {
		rc = crypto_key_get("c", opts, &key, &why);
		if (rc == 0) {
			rc = vbdev_crypto_create("c", "disk", key, &why);
		}
	});
	bdk_sim_run_until_idle();
	return rc;
}

static void
delete_crypto(void)
{
	bool deleted = false;

	ON(0, assert_int_equal(vbdev_crypto_delete("c", deleted_cb, &deleted), 0));
	bdk_sim_run_until_idle();
	assert_true(deleted);
}

/* With a key of its own, or one that is there. */
static int
run_crypto_create(const void *arg)
{
	const bool *own = arg;
	struct crypto_key_opts opts = {.cipher = "AES_XTS", .key = HEX_KEY, .key2 = HEX_KEY2};
	int rc;

	begin();
	mem_disk_add(&g_disk);
	if (!*own) {
		assert_int_equal(make_key("key"), 0);
		opts.key_name = "key";
	}
	alloc_arm();
	rc = create_crypto(&opts);
	alloc_disarm();
	assert_true((rc == 0) == (spdk_bdev_get_by_name("c") != NULL));
	if (rc == 0) {
		delete_crypto();
	}
	/* Nobody has it, and nobody needs it. */
	assert_null(spdk_accel_crypto_key_get("c_AES_XTS"));
	if (!*own) {
		assert_int_equal(spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get("key")), 0);
	}
	return end(rc);
}

static int
run_crypto_delete(const void *arg)
{
	struct crypto_key_opts opts = {.cipher = "AES_XTS", .key = HEX_KEY, .key2 = HEX_KEY2};
	bool deleted = false;
	int rc;

	begin();
	mem_disk_add(&g_disk);
	assert_int_equal(create_crypto(&opts), 0);
	alloc_arm();
	ON(0, rc = vbdev_crypto_delete("c", deleted_cb, &deleted));
	bdk_sim_run_until_idle();
	alloc_disarm();
	assert_int_equal(rc == 0, deleted);
	if (rc != 0) {
		delete_crypto();
	}
	assert_null(spdk_accel_crypto_key_get("c_AES_XTS"));
	return end(rc);
}

static int
run_crypto_io(const void *arg)
{
	struct crypto_key_opts opts = {.cipher = "AES_XTS", .key = HEX_KEY, .key2 = HEX_KEY2};
	struct spdk_bdev_desc *desc;
	struct iovec iovs[2] = {{g_buf, 100}, {g_buf + 100, 8 * BLOCK - 100}};
	int rc = 0;

	begin();
	mem_disk_add(&g_disk);
	assert_int_equal(create_crypto(&opts), 0);
	ON(0, assert_int_equal(spdk_bdev_open_ext("c", true, event_cb, &g_user, &desc), 0));
	g_user.desc = desc;
	g_user.num_threads = 1;
	alloc_arm();
	ON(0, g_user.ch[0] = spdk_bdev_get_io_channel(desc));
	if (g_user.ch[0] == NULL) {
		rc = -ENOMEM;
	}
	for (int i = 0; i < 2 && rc == 0; i++) {
		rc = try_io(i == 0, iovs, 2, NULL);
	}
	alloc_disarm();
	mem_user_close(&g_user);
	delete_crypto();
	return end(rc);
}

/* ---- all of them ---- */

static const bool g_no = false, g_yes = true;

static const struct alloc_scenario g_scenarios[] = {
	{"accel starts", run_accel_start, NULL, false},
	{"a channel of accel", run_accel_channel, NULL, false},
	{"a channel of a bdev", run_bdev_channel, NULL, false},
	{"a key", run_key, NULL, false},
	{"the first encryption", run_first_encryption, NULL, false},
	{"a write from a domain", run_domain, &g_yes, false},
	{"a read into a domain", run_domain, &g_no, false},
	{"a write with a sequence", run_sequence, &g_yes, false},
	{"a read with a sequence", run_sequence, &g_no, false},
	{"hidden metadata", run_hidden_metadata, NULL, false},
	{"a crypto bdev with a key of its own", run_crypto_create, &g_yes, false},
	{"a crypto bdev", run_crypto_create, &g_no, false},
	{"deleting a crypto bdev", run_crypto_delete, NULL, false},
	{"reading and writing a crypto bdev", run_crypto_io, NULL, false},
};

static void
allocations_fail(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	alloc_run_scenarios(g_scenarios, SPDK_COUNTOF(g_scenarios));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
