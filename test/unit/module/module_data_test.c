/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The bdev modules and data that are not in plain memory, or have sequences: a domain whose memory nobody may touch but
 * by asking it, and a count of the bytes that operations on data have read and written.
 */

#include "fixture.h"

#include "module/accel/software/accel_sw.h"
#include "spdk/accel.h"
#include "spdk/accel_module.h"
#include "spdk/crc32.h"
#include "spdk/dif.h"
#include "spdk/dma.h"
#include "spdk/util.h"
#include "test/unit/dma/guarded_domain.h"

#define BLOCKS 32
#define MAX_LEN (BLOCKS * (4096 + 64))
#define LEN (BLOCKS * 512)

static struct guarded_domain g_guarded;
static uint8_t g_expected[MAX_LEN], g_buf[LEN], g_plain[LEN], g_raw[LEN];
static char g_dir[] = "/tmp/bdk-data-XXXXXX";
static char g_file[64];

static void
fill(uint8_t *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = seed >> 24;
	}
}

static int
start(void **state)
{
	int fd;

	snprintf(g_dir, sizeof(g_dir), "/tmp/bdk-data-XXXXXX");
	assert_non_null(mkdtemp(g_dir));
	snprintf(g_file, sizeof(g_file), "%s/file", g_dir);
	fd = open(g_file, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1024 * 1024), 0);
	close(fd);
	fixture_start_real();
	guarded_domain_create(&g_guarded, 2 * MAX_LEN, "guarded");
	return 0;
}

static int
stop(void **state)
{
	fixture_stop();
	guarded_domain_destroy(&g_guarded);
	unlink(g_file);
	rmdir(g_dir);
	return 0;
}

/* ---- the guarded domain ---- */

struct bdev_case {
	const char *method;
	/* The name is "base". */
	const char *params;
	/* The file comes behind them. */
	bool has_file;
	bool hides;
	/* Reads return zeroes. */
	bool forgets;
	/* Buffers are given to accel as they are: every byte is moved once. */
	bool knows_domains;
};

#define SIZE "'name': 'base', 'num_blocks': 256, "

static const struct bdev_case g_cases[] = {
	{"bdev_malloc_create", SIZE "'block_size': 512", .knows_domains = true},
	{"bdev_malloc_create", SIZE "'block_size': 4096, 'optimal_io_boundary': 3", .knows_domains = true},
	{"bdev_malloc_create", SIZE "'block_size': 512, 'md_size': 16", .knows_domains = true},
	{"bdev_malloc_create", SIZE "'block_size': 512, 'md_size': 16, 'optimal_io_boundary': 3",
		.knows_domains = true},
	{"bdev_malloc_create", SIZE "'block_size': 512, 'md_size': 8, 'md_interleave': true", .knows_domains = true},
	{"bdev_malloc_create", SIZE "'block_size': 512, 'md_size': 8, 'md_interleave': true", .hides = true},
	{"bdev_malloc_create", SIZE "'block_size': 512, 'md_size': 8, 'md_interleave': true, 'dif_type': 1",
		.hides = true},
	{"bdev_malloc_create",
		SIZE "'block_size': 4096, 'md_size': 16, 'md_interleave': true, 'dif_type': 2, 'dif_pi_format': 1,"
		     "'optimal_io_boundary': 5",
		.hides = true},
	{"bdev_null_create", SIZE "'block_size': 512", .forgets = true},
	{"bdev_null_create", SIZE "'block_size': 512, 'md_size': 8, 'dif_type': 1", .hides = true, .forgets = true},
	{"bdev_aio_create", "'name': 'base', 'block_size': 512, ", .has_file = true},
	{"bdev_aio_create", "'name': 'base', 'block_size': 4096, ", .has_file = true},
};

static struct spdk_bdev_desc *g_desc;
static struct spdk_io_channel *g_ch;

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
open_bdev(const char *name, bool hides)
{
	struct spdk_bdev_open_opts opts;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = hides;
	assert_int_equal(spdk_bdev_open_ext_v2(name, true, event_cb, NULL, &opts, &g_desc), 0);
	g_ch = spdk_bdev_get_io_channel(g_desc);
	assert_non_null(g_ch);
}

static void
close_bdev(void)
{
	spdk_put_io_channel(g_ch);
	spdk_bdev_close(g_desc);
	fixture_settle();
}

static bool
transfer(bool write, struct iovec *iovs, int iovcnt, uint64_t offset, uint64_t num_blocks,
	struct spdk_bdev_ext_io_opts *opts)
{
	struct fixture_io io = {};
	int rc;

	if (write) {
		rc = spdk_bdev_writev_blocks_ext(
			g_desc, g_ch, iovs, iovcnt, offset, num_blocks, fixture_io_cb, &io, opts);
	} else {
		rc = spdk_bdev_readv_blocks_ext(
			g_desc, g_ch, iovs, iovcnt, offset, num_blocks, fixture_io_cb, &io, opts);
	}
	return fixture_io_wait(rc, &io);
}

static void
check_guarded(const struct bdev_case *test)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(g_desc);
	uint64_t len = BLOCKS * (uint64_t)spdk_bdev_desc_get_block_size(g_desc);
	uint64_t md_len = spdk_bdev_is_md_separate(bdev) ? BLOCKS * (uint64_t)spdk_bdev_get_md_size(bdev) : 0;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .memory_domain = g_guarded.domain};
	struct iovec iovs[2];
	uint64_t pulled = g_guarded.bytes[GUARDED_PULL], pushed = g_guarded.bytes[GUARDED_PUSH];

	/* Not aligned, and not in whole blocks. */
	iovs[0] = guarded_domain_iov(&g_guarded, 3, 1001);
	iovs[1] = guarded_domain_iov(&g_guarded, 1004, len - 1001);
	if (md_len > 0) {
		opts.metadata = guarded_domain_iov(&g_guarded, MAX_LEN, md_len).iov_base;
	}
	fill(g_guarded.window, 2 * MAX_LEN, 77);
	memcpy(g_expected, g_guarded.window, len + 3);
	assert_true(transfer(true, iovs, 2, 7, BLOCKS, &opts));
	assert_memory_equal(g_guarded.window, g_expected, len + 3);
	memset(g_guarded.window, 0, 2 * MAX_LEN);
	assert_true(transfer(false, iovs, 2, 7, BLOCKS, &opts));
	if (test->forgets) {
		memset(g_expected, 0, len + 3);
	}
	assert_memory_equal(g_guarded.window + 3, g_expected + 3, len);
	assert_int_equal(g_guarded.bytes[GUARDED_PULL] - pulled, len + md_len);
	assert_int_equal(g_guarded.bytes[GUARDED_PUSH] - pushed, len + md_len);
	if (md_len > 0) {
		memcpy(g_expected, g_guarded.window + MAX_LEN, md_len);
		fill(g_guarded.window, 2 * MAX_LEN, 77);
		assert_memory_equal(g_guarded.window + MAX_LEN, g_expected, md_len);
	}
}

static void
check_domains(const char *name, bool known)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);
	struct spdk_memory_domain *domains[8];
	int count = spdk_bdev_get_memory_domains(bdev, domains, SPDK_COUNTOF(domains));
	const struct fixture_reply *reply = fixture_rpc("bdev_get_bdevs", "{'name': '%s'}", name);

	if (!known) {
		assert_int_equal(count, 0);
		assert_null(strstr(reply->text, "memory_domains"));
		return;
	}
	assert_int_equal(count, 3);
	assert_int_equal(spdk_bdev_get_memory_domains(bdev, NULL, 0), 3);
	assert_ptr_equal(domains[0], spdk_memory_domain_get_system_domain());
	assert_ptr_equal(domains[2], g_guarded.domain);
	assert_non_null(strstr(reply->text,
		"\"memory_domains\":[{\"dma_device_id\":\"system\",\"dma_device_type\":1},"
		"{\"dma_device_id\":\"SPDK_ACCEL_DMA_DEVICE\",\"dma_device_type\":2},"
		"{\"dma_device_id\":\"guarded\","));
}

static void
nobody_touches_memory_of_a_domain(void **state)
{
	char created[256];
	size_t i;
	int pass;

	for (i = 0; i < SPDK_COUNTOF(g_cases); i++) {
		const struct bdev_case *test = &g_cases[i];
		bool has_pi = strstr(test->params, "dif_type") != NULL;
		bool known = strcmp(test->method, "bdev_malloc_create") == 0 && !has_pi;

		snprintf(created, sizeof(created), "%s%s%s%s", test->params, test->has_file ? "'filename': '" : "",
			test->has_file ? g_file : "", test->has_file ? "'" : "");
		fixture_rpc_expect("\"base\"", test->method, "{%s}", created);
		for (pass = 0; pass < 2; pass++) {
			const char *name = pass == 0 ? "base" : "above";

			if (pass == 1) {
				fixture_rpc_expect("\"above\"", "bdev_passthru_create",
					"{'name': 'above', 'base_bdev_name': 'base'}");
			}
			check_domains(name, known);
			open_bdev(name, test->hides);
			check_guarded(test);
			close_bdev();
		}
		fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'above'}");
		snprintf(created, sizeof(created), "%.*sdelete", (int)(strlen(test->method) - strlen("create")),
			test->method);
		fixture_rpc_expect("true", created, "{'name': 'base'}");
	}
}

/* ---- arrays ---- */

struct array_case {
	const char *level;
	int num_members;
	/* Of each member but the last, which may be a file. */
	const char *form;
	bool ends_with_file;
	/* What they know all in all; and how often what is written is fetched. */
	int num_domains;
	uint32_t num_pulls;
};

static const struct array_case g_arrays[] = {
	{"raid0", 3, "", .num_domains = 9, .num_pulls = 1},
	{"raid0", 3, "", .ends_with_file = true, .num_domains = 6, .num_pulls = 1},
	{"raid0", 3, ", 'md_size': 16", .num_domains = 9, .num_pulls = 1},
	{"concat", 2, "", .num_domains = 6, .num_pulls = 1},
	{"concat", 2, "", .ends_with_file = true, .num_domains = 3, .num_pulls = 1},
	{"raid1", 2, "", .num_domains = 6, .num_pulls = 2},
	{"raid1", 3, "", .ends_with_file = true, .num_domains = 6, .num_pulls = 3},
	{"raid1", 2, ", 'md_size': 8, 'md_interleave': true", .num_domains = 6, .num_pulls = 2},
	/* The CPU has to see the data. */
	{"raid5", 3, "", .num_pulls = 1},
	{"raid5", 3, ", 'md_size': 16", .num_pulls = 1},
	{"raid6", 4, "", .num_pulls = 1},
	/* And the tags. */
	{"raid0", 3, ", 'md_size': 8, 'md_interleave': true, 'dif_type': 1", .num_pulls = 1},
};

static void
create_array(const struct array_case *test)
{
	int i;

	for (i = 0; i < test->num_members; i++) {
		char name[16];

		snprintf(name, sizeof(name), "\"m%d\"", i);
		if (test->ends_with_file && i == test->num_members - 1) {
			fixture_rpc_expect(name, "bdev_aio_create",
				"{'name': 'm%d', 'filename': '%s', 'block_size': 512}", i, g_file);
		} else {
			fixture_rpc_expect(name, "bdev_malloc_create",
				"{'name': 'm%d', 'num_blocks': 256, 'block_size': 512%s}", i, test->form);
		}
	}
	fixture_rpc_expect("true", "bdev_raid_create", "{'name': 'array', 'raid_level': '%s', %s 'base_bdevs': [%s]}",
		test->level, strcmp(test->level, "raid1") == 0 ? "" : "'strip_size_kb': 4,",
		test->num_members == 2           ? "'m0', 'm1'"
			: test->num_members == 3 ? "'m0', 'm1', 'm2'"
						 : "'m0', 'm1', 'm2', 'm3'");
}

static void
delete_array(const struct array_case *test)
{
	int i;

	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'array'}");
	for (i = 0; i < test->num_members; i++) {
		bool is_file = test->ends_with_file && i == test->num_members - 1;

		fixture_rpc_expect("true", is_file ? "bdev_aio_delete" : "bdev_malloc_delete", "{'name': 'm%d'}", i);
	}
	fixture_settle();
}

/* What goes over several strips, and from one member to the next. */
static void
check_array(const struct array_case *test, uint64_t offset)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(g_desc);
	uint64_t len = BLOCKS * (uint64_t)spdk_bdev_desc_get_block_size(g_desc);
	uint64_t md_len = spdk_bdev_is_md_separate(bdev) ? BLOCKS * (uint64_t)spdk_bdev_get_md_size(bdev) : 0;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .memory_domain = g_guarded.domain};
	uint64_t pulled = g_guarded.bytes[GUARDED_PULL], pushed = g_guarded.bytes[GUARDED_PUSH];
	struct iovec iovs[2];

	iovs[0] = guarded_domain_iov(&g_guarded, 3, 1001);
	iovs[1] = guarded_domain_iov(&g_guarded, 1004, len - 1001);
	if (md_len > 0) {
		opts.metadata = guarded_domain_iov(&g_guarded, MAX_LEN, md_len).iov_base;
	}
	fill(g_guarded.window, 2 * MAX_LEN, (uint32_t)offset);
	memcpy(g_expected, g_guarded.window, len + 3);
	memcpy(g_raw, g_guarded.window + MAX_LEN, md_len);
	assert_true(transfer(true, iovs, 2, offset, BLOCKS, &opts));
	assert_int_equal(g_guarded.bytes[GUARDED_PULL] - pulled, test->num_pulls * (len + md_len));
	memset(g_guarded.window, 0, 2 * MAX_LEN);
	assert_true(transfer(false, iovs, 2, offset, BLOCKS, &opts));
	assert_int_equal(g_guarded.bytes[GUARDED_PUSH] - pushed, len + md_len);
	assert_memory_equal(g_guarded.window + 3, g_expected + 3, len);
	assert_memory_equal(g_guarded.window + MAX_LEN, g_raw, md_len);
}

static void
arrays_hand_it_to_their_members(void **state)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_arrays); i++) {
		const struct array_case *test = &g_arrays[i];
		struct spdk_memory_domain *domains[16] = {};
		struct spdk_bdev *bdev;

		create_array(test);
		bdev = spdk_bdev_get_by_name("array");
		assert_int_equal(spdk_bdev_get_memory_domains(bdev, NULL, 0), test->num_domains);
		/* As many as there is room for. */
		assert_int_equal(spdk_bdev_get_memory_domains(bdev, domains, 4), test->num_domains);
		assert_null(domains[4]);
		if (test->num_domains > 0) {
			assert_ptr_equal(domains[2], g_guarded.domain);
		}
		/* With protection information the layer makes that. */
		open_bdev("array", strstr(test->form, "dif_type") != NULL);
		check_array(test, 7);
		/* Where the second member of a concat begins. */
		check_array(test, spdk_min(spdk_bdev_get_num_blocks(bdev) - BLOCKS, 256 - 5));
		close_bdev();
		delete_array(test);
	}
}

/* The system domain is plain memory, whoever names it. */
static void
system_domain_is_plain_memory(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts), .memory_domain = spdk_memory_domain_get_system_domain()};
	struct iovec iov = {g_plain, LEN}, back = {g_buf, LEN};
	int i;

	for (i = 0; i < 2; i++) {
		if (i == 0) {
			fixture_rpc_expect("\"base\"", "bdev_malloc_create",
				"{'name': 'base', 'num_blocks': 64, 'block_size': 512}");
		} else {
			fixture_rpc_expect("\"base\"", "bdev_aio_create",
				"{'name': 'base', 'filename': '%s', 'block_size': 512}", g_file);
		}
		fill(g_plain, LEN, 5 + i);
		open_bdev("base", false);
		assert_true(transfer(true, &iov, 1, 0, BLOCKS, &opts));
		assert_true(transfer(false, &back, 1, 0, BLOCKS, &opts));
		assert_memory_equal(g_plain, g_buf, LEN);
		close_bdev();
		fixture_rpc_expect("true", i == 0 ? "bdev_malloc_delete" : "bdev_aio_delete", "{'name': 'base'}");
	}
}

/* ---- one pass ---- */

static struct spdk_accel_crypto_key *
create_key(void)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
		.key_name = (char *)"key0",
	};

	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
	return spdk_accel_crypto_key_get("key0");
}

static uint64_t
count_copies(struct spdk_io_channel *accel_ch)
{
	struct spdk_accel_opcode_stats stats;

	spdk_accel_get_opcode_stats(accel_ch, SPDK_ACCEL_OPC_COPY, &stats, sizeof(stats));
	return stats.executed;
}

static uint32_t g_steps;

static void
step_cb(void *arg)
{
	g_steps++;
}

/* What lies between two steps is a buffer of accel, for which there need never be memory. */
struct between {
	struct iovec iov;
	struct spdk_memory_domain *domain;
	void *ctx;
};

static void
check_one_pass(struct spdk_accel_crypto_key *key, struct spdk_io_channel *accel_ch, bool expect_one_pass)
{
	struct spdk_io_channel *sw_ch = spdk_accel_get_module("software")->get_io_channel();
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL;
	struct iovec plain = {g_plain, LEN}, back = {g_buf, LEN};
	struct between between = {.iov = {.iov_len = LEN}};
	uint64_t copies = count_copies(accel_ch);
	struct sw_traffic before, after;
	uint32_t crc = 0;

	g_steps = 0;
	assert_int_equal(spdk_accel_get_buf(accel_ch, LEN, &between.iov.iov_base, &between.domain, &between.ctx), 0);
	opts.memory_domain = between.domain;
	opts.memory_domain_ctx = between.ctx;

	before = accel_sw_get_traffic(sw_ch);
	assert_int_equal(spdk_accel_append_encrypt(&seq, accel_ch, key, &between.iov, 1, between.domain, between.ctx,
				 &plain, 1, NULL, NULL, 7, 512, step_cb, NULL),
		0);
	opts.accel_sequence = seq;
	assert_true(transfer(true, &between.iov, 1, 3, BLOCKS, &opts));
	after = accel_sw_get_traffic(sw_ch);
	assert_int_equal(g_steps, 1);
	print_message("write, encrypted: %d bytes: %" PRIu64 " read, %" PRIu64 " written\n", LEN,
		after.read - before.read, after.written - before.written);
	if (expect_one_pass) {
		assert_int_equal(after.read - before.read, LEN);
		assert_int_equal(after.written - before.written, LEN);
	}

	/* Those who want the data first name what they do with them last. */
	seq = NULL;
	before = accel_sw_get_traffic(sw_ch);
	assert_int_equal(spdk_accel_append_crc32c(&seq, accel_ch, &crc, &back, 1, NULL, NULL, 0, step_cb, NULL), 0);
	assert_int_equal(spdk_accel_append_decrypt(&seq, accel_ch, key, &back, 1, NULL, NULL, &between.iov, 1,
				 between.domain, between.ctx, 7, 512, step_cb, NULL),
		0);
	opts.accel_sequence = seq;
	assert_true(transfer(false, &between.iov, 1, 3, BLOCKS, &opts));
	after = accel_sw_get_traffic(sw_ch);
	assert_int_equal(g_steps, 3);
	print_message("read, decrypted, checked: %d bytes: %" PRIu64 " read, %" PRIu64 " written\n", LEN,
		after.read - before.read, after.written - before.written);
	assert_memory_equal(g_buf, g_plain, LEN);
	assert_int_equal(crc, spdk_crc32c_update(g_plain, LEN, ~0U));
	if (expect_one_pass) {
		assert_int_equal(after.read - before.read, LEN);
		assert_int_equal(after.written - before.written, LEN);
		assert_int_equal(count_copies(accel_ch), copies);
	}
	spdk_accel_put_buf(accel_ch, between.iov.iov_base, between.domain, between.ctx);
	spdk_put_io_channel(sw_ch);
}

static void
encrypted_cb(void *arg, int status)
{
	assert_int_equal(status, 0);
	*(bool *)arg = true;
}

/* The disk has what accel makes of the data by itself. */
static void
check_encrypted(struct spdk_accel_crypto_key *key, struct spdk_io_channel *accel_ch)
{
	struct iovec plain = {g_plain, LEN}, cipher = {g_buf, LEN}, raw = {g_raw, LEN};
	bool done = false;

	assert_int_equal(
		spdk_accel_submit_encrypt(accel_ch, key, &cipher, 1, &plain, 1, 7, 512, encrypted_cb, &done), 0);
	fixture_wait(&done);
	assert_true(transfer(false, &raw, 1, 3, BLOCKS, NULL));
	assert_memory_equal(g_raw, g_buf, LEN);
}

static void
encryption_goes_straight_to_the_disk(void **state)
{
	struct spdk_accel_crypto_key *key = create_key();
	struct spdk_io_channel *accel_ch = spdk_accel_get_io_channel();

	fill(g_plain, LEN, 4);
	fixture_rpc_expect("\"base\"", "bdev_malloc_create", "{'name': 'base', 'num_blocks': 64, 'block_size': 512}");
	open_bdev("base", false);
	check_one_pass(key, accel_ch, true);
	check_encrypted(key, accel_ch);
	close_bdev();
	fixture_rpc_expect("\"above\"", "bdev_passthru_create", "{'name': 'above', 'base_bdev_name': 'base'}");
	open_bdev("above", false);
	fill(g_plain, LEN, 6);
	check_one_pass(key, accel_ch, true);
	check_encrypted(key, accel_ch);
	close_bdev();
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'above'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'base'}");

	/* The layer does it for who does not. */
	fixture_rpc_expect(
		"\"base\"", "bdev_aio_create", "{'name': 'base', 'filename': '%s', 'block_size': 512}", g_file);
	open_bdev("base", false);
	check_one_pass(key, accel_ch, false);
	check_encrypted(key, accel_ch);
	close_bdev();
	fixture_rpc_expect("true", "bdev_aio_delete", "{'name': 'base'}");
	spdk_put_io_channel(accel_ch);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), 0);
}

/* ---- protection information in a sequence ---- */

#define PI_LEN (BLOCKS * 520)

static void
make_pi(uint8_t *buf, uint64_t offset)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format), .dif_pi_format = SPDK_DIF_PI_FORMAT_16};
	struct iovec iov = {buf, PI_LEN};
	struct spdk_dif_ctx ctx;

	assert_int_equal(spdk_dif_ctx_init(&ctx, 520, 8, true, false, SPDK_DIF_TYPE1,
				 SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK, offset, 0, 0, 0, 0, &opts),
		0);
	assert_int_equal(spdk_dif_generate(&iov, 1, BLOCKS, &ctx), 0);
}

/* Writes or reads by way of a copy between the buffer of the I/O and another one. */
static bool
transfer_by_sequence(bool write, struct spdk_io_channel *accel_ch, uint8_t *other, uint64_t offset)
{
	static uint8_t between[PI_LEN];
	struct iovec iov = {between, PI_LEN}, other_iov = {other, PI_LEN};
	struct iovec *to = write ? &iov : &other_iov, *from = write ? &other_iov : &iov;
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	struct spdk_accel_sequence *seq = NULL;

	assert_int_equal(
		spdk_accel_append_copy(&seq, accel_ch, to, 1, NULL, NULL, from, 1, NULL, NULL, step_cb, NULL), 0);
	opts.accel_sequence = seq;
	return transfer(write, &iov, 1, offset, BLOCKS, &opts);
}

static void
protection_is_checked_in_a_sequence(void **state)
{
	static uint8_t written[PI_LEN], read[PI_LEN];
	struct spdk_io_channel *accel_ch = spdk_accel_get_io_channel();

	fixture_rpc_expect("\"base\"", "bdev_malloc_create",
		"{'name': 'base', 'num_blocks': 256, 'block_size': 512, 'md_size': 8, 'md_interleave': true, "
		"'dif_type': "
		"1}");
	open_bdev("base", false);
	assert_true(spdk_bdev_get_by_name("base")->fn_table->accel_sequence_supported(
		spdk_bdev_get_by_name("base")->ctxt, SPDK_BDEV_IO_TYPE_WRITE));
	g_steps = 0;
	fill(written, PI_LEN, 1);
	make_pi(written, 7);
	assert_true(transfer_by_sequence(true, accel_ch, written, 7));
	assert_true(transfer_by_sequence(false, accel_ch, read, 7));
	assert_memory_equal(read, written, PI_LEN);
	/* Of another place, and damaged: nothing of it is stored. */
	fill(read, PI_LEN, 2);
	make_pi(read, 8);
	assert_false(transfer_by_sequence(true, accel_ch, read, 7));
	make_pi(read, 7);
	read[9 * 520 + 3] ^= 1;
	assert_false(transfer_by_sequence(true, accel_ch, read, 7));
	assert_int_equal(g_steps, 4);
	memset(read, 0, PI_LEN);
	assert_true(transfer_by_sequence(false, accel_ch, read, 7));
	assert_memory_equal(read, written, PI_LEN);
	/* Stored where it does not belong, without a check, it is found by the reader. */
	{
		struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts),
			.dif_check_flags_exclude_mask = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK};
		struct iovec iov = {written, PI_LEN};

		assert_true(transfer(true, &iov, 1, 8, BLOCKS, &opts));
	}
	memset(read, 0x77, PI_LEN);
	assert_false(transfer_by_sequence(false, accel_ch, read, 8));
	close_bdev();
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'base'}");
	spdk_put_io_channel(accel_ch);
}

/* ---- shortages ---- */

static void
malloc_waits_for_accel(void **state)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts), .memory_domain = g_guarded.domain};
	struct spdk_io_channel *accel_ch = spdk_accel_get_io_channel();
	struct spdk_accel_sequence *held[64];
	struct iovec iov = guarded_domain_iov(&g_guarded, 0, LEN);
	struct fixture_io io = {};
	int count = 0, i;

	fixture_rpc_expect("\"base\"", "bdev_malloc_create", "{'name': 'base', 'num_blocks': 64, 'block_size': 512}");
	open_bdev("base", false);
	fill(g_guarded.window, LEN, 9);
	for (;;) {
		held[count] = NULL;
		if (spdk_accel_append_fill(&held[count], accel_ch, g_buf, 8, NULL, NULL, 0, NULL, NULL) != 0) {
			break;
		}
		assert_true(++count < (int)SPDK_COUNTOF(held));
	}
	assert_int_equal(spdk_bdev_writev_blocks_ext(g_desc, g_ch, &iov, 1, 0, BLOCKS, fixture_io_cb, &io, &opts), 0);
	fixture_settle();
	assert_false(io.done);
	for (i = 0; i < count; i++) {
		spdk_accel_sequence_abort(held[i]);
	}
	assert_true(fixture_io_wait(0, &io));
	iov = (struct iovec){g_raw, LEN};
	assert_true(transfer(false, &iov, 1, 0, BLOCKS, NULL));
	assert_memory_equal(g_raw, g_guarded.window, LEN);

	/* Buffers that are too short; a domain that fails. */
	iov = guarded_domain_iov(&g_guarded, 0, LEN - 1);
	assert_false(transfer(true, &iov, 1, 0, BLOCKS, &opts));
	iov = guarded_domain_iov(&g_guarded, 0, LEN);
	g_guarded.fail[GUARDED_PUSH] = 1;
	g_guarded.fail_rc = -EIO;
	assert_false(transfer(false, &iov, 1, 0, BLOCKS, &opts));
	close_bdev();
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'base'}");
	spdk_put_io_channel(accel_ch);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(nobody_touches_memory_of_a_domain),
		TEST(arrays_hand_it_to_their_members),
		TEST(system_domain_is_plain_memory),
		TEST(encryption_goes_straight_to_the_disk),
		TEST(protection_is_checked_in_a_sequence),
		TEST(malloc_waits_for_accel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
