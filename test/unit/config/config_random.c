/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_random.h"

#include "spdk/json.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

/* ---- choices ---- */

/* splitmix64 */
static uint64_t
draw_word(struct plan *plan)
{
	uint64_t z = plan->random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t
draw(struct plan *plan, uint64_t limit)
{
	return draw_word(plan) % limit;
}

static bool
draw_bool(struct plan *plan)
{
	return draw(plan, 2) == 0;
}

/* ---- calls ---- */

struct text {
	char *data;
	size_t size;
};

static int
append_cb(void *ctx, const void *data, size_t size)
{
	struct text *text = ctx;

	text->data = realloc(text->data, text->size + size + 1);
	if (text->data == NULL) {
		abort();
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
	return 0;
}

static struct text g_params;

static struct spdk_json_write_ctx *
begin_call(struct plan *plan, const char *method)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, &g_params, 0);

	if (w == NULL || plan->num_calls == PLAN_MAX_CALLS) {
		abort();
	}
	plan->calls[plan->num_calls].method = method;
	spdk_json_write_object_begin(w);
	return w;
}

static void
end_call(struct plan *plan, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_end(w);
	if (spdk_json_write_end(w) != 0) {
		abort();
	}
	plan->calls[plan->num_calls++].params = g_params.data;
	memset(&g_params, 0, sizeof(g_params));
}

/* ---- names ---- */

static const char *const g_names[] = {"m0", "m1", "m2", "n0", "n1", "Malloc0", "Malloc7", "p0", "p1", "p2", "a b",
	"d\xc3\xbcnn", "\"in quotes\" and \\", "x/y", "line\nbreak", "null", "17", "{}", "\xf0\x9f\x92\xbe",
	"a name that is longer than most names are, as some programs put all that they know of a disk into its name"};

static const char *
draw_name(struct plan *plan)
{
	return g_names[draw(plan, SPDK_COUNTOF(g_names))];
}

/* A name that an earlier call was to create more often than not. */
static const char *
draw_known_name(struct plan *plan)
{
	return plan->num_names > 0 && draw(plan, 8) != 0 ? plan->names[draw(plan, plan->num_names)] : draw_name(plan);
}

static void
write_new_name(struct plan *plan, struct spdk_json_write_ctx *w)
{
	plan->names[plan->num_names] = strdup(draw_name(plan));
	spdk_json_write_named_string(w, "name", plan->names[plan->num_names++]);
}

/* Of a part: split counts from 0, partitions from 1. */
static void
know_part(struct plan *plan, const char *base, uint64_t number)
{
	plan->names[plan->num_names++] = spdk_sprintf_alloc("%sp%" PRIu64, base, number);
}

static void
maybe_write_uuid(struct plan *plan, struct spdk_json_write_ctx *w)
{
	struct spdk_uuid uuid;

	if (draw_bool(plan)) {
		for (size_t i = 0; i < sizeof(uuid.u.raw); i++) {
			uuid.u.raw[i] = draw_word(plan);
		}
		spdk_json_write_named_uuid(w, "uuid", &uuid);
	}
}

static void
maybe_write_uint32(
	struct plan *plan, struct spdk_json_write_ctx *w, const char *name, const uint32_t *from, size_t count)
{
	if (draw_bool(plan)) {
		spdk_json_write_named_uint32(w, name, from[draw(plan, count)]);
	}
}

#define MAYBE_WRITE_UINT32(plan, w, name, ...) \
	do { \
		static const uint32_t from[] = {__VA_ARGS__}; \
		maybe_write_uint32(plan, w, name, from, SPDK_COUNTOF(from)); \
	} while (0)

/* ---- bdevs ---- */

static void
write_shape(struct plan *plan, struct spdk_json_write_ctx *w, uint64_t max_blocks)
{
	static const uint32_t block_sizes[] = {512, 512, 1024, 4096, 4096, 65536, 1536};

	spdk_json_write_named_uint64(w, "num_blocks", 1 + draw(plan, max_blocks));
	spdk_json_write_named_uint32(w, "block_size", block_sizes[draw(plan, SPDK_COUNTOF(block_sizes))]);
	MAYBE_WRITE_UINT32(plan, w, "physical_block_size", 0, 512, 4096, 8192);
	if (draw(plan, 3) == 0) {
		MAYBE_WRITE_UINT32(plan, w, "md_size", 0, 8, 16, 32, 64, 128);
	}
}

static void
create_malloc(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_malloc_create");

	if (draw(plan, 6) != 0) {
		write_new_name(plan, w);
	}
	maybe_write_uuid(plan, w);
	/* What is more takes time and shows nothing. */
	write_shape(plan, w, 64);
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_bool(w, "md_interleave", draw_bool(plan));
	}
	MAYBE_WRITE_UINT32(plan, w, "optimal_io_boundary", 0, 8, 100);
	end_call(plan, w);
}

static void
create_null(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_null_create");

	write_new_name(plan, w);
	maybe_write_uuid(plan, w);
	write_shape(plan, w, UINT64_C(1) << 40);
	end_call(plan, w);
}

static void
resize_null(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_null_resize");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	spdk_json_write_named_uint64(w, "new_size", 1 + draw(plan, 1000));
	end_call(plan, w);
}

static void
create_aio(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_aio_create");

	write_new_name(plan, w);
	spdk_json_write_named_string_fmt(w, "filename", "%s/f%d", plan->folder, (int)draw(plan, PLAN_NUM_FILES));
	spdk_json_write_named_uint32(w, "block_size", 512u << draw(plan, 4));
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "readonly", draw_bool(plan));
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "fallocate", draw_bool(plan));
	}
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_bool(w, "no_lock", draw_bool(plan));
	}
	maybe_write_uuid(plan, w);
	know_part(plan, plan->names[plan->num_names - 1], 1);
	end_call(plan, w);
}

static void
create_split(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_split_create");
	const char *base = draw_known_name(plan);

	spdk_json_write_named_string(w, "base_bdev", base);
	spdk_json_write_named_uint32(w, "split_count", draw(plan, 4));
	if (draw_bool(plan)) {
		spdk_json_write_named_uint64(w, "split_size_mb", draw(plan, 3));
	}
	know_part(plan, base, 0);
	know_part(plan, base, 1);
	end_call(plan, w);
}

static void
delete_split(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_split_delete");

	spdk_json_write_named_string(w, "base_bdev", draw_known_name(plan));
	end_call(plan, w);
}

static void
examine_partitions(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_gpt_examine");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	end_call(plan, w);
}

static void
show_partitions(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_gpt_set_options");

	spdk_json_write_named_string(w, "partition_types", "all");
	end_call(plan, w);
}

static void
create_uring(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_uring_create");

	write_new_name(plan, w);
	spdk_json_write_named_string_fmt(w, "filename", "%s/f%d", plan->folder, (int)draw(plan, PLAN_NUM_FILES));
	spdk_json_write_named_uint32(w, "block_size", 512u << draw(plan, 4));
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "readonly", draw_bool(plan));
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "buffered", draw_bool(plan));
	}
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_bool(w, "no_lock", draw_bool(plan));
	}
	maybe_write_uuid(plan, w);
	end_call(plan, w);
}

static void
create_passthru(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_passthru_create");

	spdk_json_write_named_string(w, "base_bdev_name", draw_known_name(plan));
	write_new_name(plan, w);
	maybe_write_uuid(plan, w);
	end_call(plan, w);
}

static void
create_delay(struct plan *plan)
{
	static const char *const names[] = {
		"avg_read_latency", "p99_read_latency", "avg_write_latency", "p99_write_latency"};
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_delay_create");

	spdk_json_write_named_string(w, "base_bdev_name", draw_known_name(plan));
	write_new_name(plan, w);
	maybe_write_uuid(plan, w);
	for (size_t i = 0; i < SPDK_COUNTOF(names); i++) {
		/* The second of each pair is seldom less than the first, which is refused. */
		spdk_json_write_named_uint64(w, names[i], draw(plan, 100) + i % 2 * 80);
	}
	end_call(plan, w);
}

/* Its name says what it stands on. */
static void
create_error(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_error_create");
	const char *base = draw_known_name(plan);

	spdk_json_write_named_string(w, "base_name", base);
	maybe_write_uuid(plan, w);
	end_call(plan, w);
	plan->names[plan->num_names++] = spdk_sprintf_alloc("EE_%s", base);
}

static void
update_delay(struct plan *plan)
{
	static const char *const types[] = {"avg_read", "p99_read", "avg_write", "p99_write"};
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_delay_update_latency");

	spdk_json_write_named_string(w, "delay_bdev_name", draw_known_name(plan));
	spdk_json_write_named_string(w, "latency_type", types[draw(plan, SPDK_COUNTOF(types))]);
	spdk_json_write_named_uint64(w, "latency_us", draw(plan, 200));
	end_call(plan, w);
}

static const char *const g_key_names[] = {"k0", "k1", "a key", "p0_AES_XTS"};
static const char g_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char g_hex2[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef";

static const char *
draw_key_name(struct plan *plan)
{
	return g_key_names[draw(plan, SPDK_COUNTOF(g_key_names))];
}

/* What a key is made of; seldom something of which there is none. */
static void
write_key(struct plan *plan, struct spdk_json_write_ctx *w)
{
	bool is_xts = draw(plan, 3) != 0;
	int digits = draw_bool(plan) ? 32 : 64;

	spdk_json_write_named_string(w, "cipher", is_xts ? "AES_XTS" : "AES_CBC");
	spdk_json_write_named_string_fmt(w, "key", "%.*s", digits, g_hex);
	if (is_xts != (draw(plan, 8) == 0)) {
		spdk_json_write_named_string_fmt(w, "key2", "%.*s", digits, g_hex2);
	}
}

static void
create_key(struct plan *plan)
{
	static const char *const modes[] = {
		"SIMPLE_LBA", "JOIN_NEG_LBA_WITH_LBA", "INCR_512_FULL_LBA", "INCR_512_UPPER_LBA"};
	struct spdk_json_write_ctx *w = begin_call(plan, "accel_crypto_key_create");

	spdk_json_write_named_string(w, "name", draw_key_name(plan));
	write_key(plan, w);
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_string(w, "tweak_mode", modes[draw(plan, SPDK_COUNTOF(modes))]);
	}
	end_call(plan, w);
}

static void
destroy_key(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "accel_crypto_key_destroy");

	spdk_json_write_named_string(w, "key_name", draw_key_name(plan));
	end_call(plan, w);
}

static void
create_crypto(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_crypto_create");

	spdk_json_write_named_string(w, "base_bdev_name", draw_known_name(plan));
	write_new_name(plan, w);
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "key_name", draw_key_name(plan));
	} else {
		write_key(plan, w);
	}
	end_call(plan, w);
}

static void
create_zone_block(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_zone_block_create");

	spdk_json_write_named_string(w, "base_bdev", draw_known_name(plan));
	write_new_name(plan, w);
	spdk_json_write_named_uint64(w, "zone_capacity", draw(plan, 20));
	spdk_json_write_named_uint64(w, "optimal_open_zones", 1 + draw(plan, 8));
	MAYBE_WRITE_UINT32(plan, w, "max_open_zones", 0, 1, 5);
	MAYBE_WRITE_UINT32(plan, w, "max_active_zones", 0, 2, 6);
	end_call(plan, w);
}

/* One to three members. Superblocks are left to other tests: what is on disks is no part of a configuration. */
static void
create_raid(struct plan *plan)
{
	static const char *const levels[] = {"raid0", "0", "RAID1", "concat", "raid5", "raid6", "no such level"};
	uint64_t level = draw(plan, SPDK_COUNTOF(levels));
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_raid_create");

	write_new_name(plan, w);
	spdk_json_write_named_string(w, "raid_level", levels[level]);
	if ((level != 2) != (draw(plan, 16) == 0)) {
		spdk_json_write_named_uint32(w, "strip_size_kb", 1u << draw(plan, 8));
	}
	spdk_json_write_named_array_begin(w, "base_bdevs");
	for (uint64_t count = 1 + draw(plan, 3); count > 0; count--) {
		spdk_json_write_string(w, draw_known_name(plan));
	}
	spdk_json_write_array_end(w);
	maybe_write_uuid(plan, w);
	end_call(plan, w);
}

static void
set_raid_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_raid_set_options");

	MAYBE_WRITE_UINT32(plan, w, "process_window_size_kb", 0, 64, 4096);
	MAYBE_WRITE_UINT32(plan, w, "process_max_bandwidth_mb_sec", 0, 100);
	MAYBE_WRITE_UINT32(plan, w, "assembly_timeout_sec", 0, 10, 60);
	end_call(plan, w);
}

static void
delete_bdev(struct plan *plan)
{
	static const char *const methods[] = {"bdev_malloc_delete", "bdev_null_delete", "bdev_aio_delete",
		"bdev_passthru_delete", "bdev_crypto_delete", "bdev_delay_delete", "bdev_zone_block_delete",
		"bdev_error_delete", "bdev_raid_delete"};
	struct spdk_json_write_ctx *w = begin_call(plan, methods[draw(plan, SPDK_COUNTOF(methods))]);

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	end_call(plan, w);
}

static void
examine(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_examine");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	end_call(plan, w);
}

static void
write_limits(struct plan *plan, struct spdk_json_write_ctx *w)
{
	static const char *const limits[] = {
		"rw_ios_per_sec", "rw_mbytes_per_sec", "r_mbytes_per_sec", "w_mbytes_per_sec"};

	for (size_t i = 0; i < SPDK_COUNTOF(limits); i++) {
		if (draw_bool(plan)) {
			spdk_json_write_named_uint64(w, limits[i], draw(plan, 4) * (i == 0 ? 5000 : 7));
		}
	}
}

static void
set_qos_limit(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_set_qos_limit");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	write_limits(plan, w);
	end_call(plan, w);
}

static void
write_group_name(struct plan *plan, struct spdk_json_write_ctx *w)
{
	static const char *const names[] = {"g", "a group", "m0"};

	spdk_json_write_named_string(w, "name", names[draw(plan, SPDK_COUNTOF(names))]);
}

static void
create_group(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_qos_group_create");

	write_group_name(plan, w);
	write_limits(plan, w);
	end_call(plan, w);
}

static void
change_group(struct plan *plan)
{
	static const char *const methods[] = {"bdev_qos_group_set_limit", "bdev_qos_group_delete"};
	uint64_t choice = draw(plan, SPDK_COUNTOF(methods));
	struct spdk_json_write_ctx *w = begin_call(plan, methods[choice]);

	write_group_name(plan, w);
	if (choice == 0) {
		write_limits(plan, w);
	}
	end_call(plan, w);
}

static void
change_members(struct plan *plan)
{
	bool add = draw(plan, 4) != 0;
	struct spdk_json_write_ctx *w =
		begin_call(plan, add ? "bdev_qos_group_add_bdev" : "bdev_qos_group_remove_bdev");

	write_group_name(plan, w);
	spdk_json_write_named_string(w, "bdev_name", draw_known_name(plan));
	end_call(plan, w);
}

static void
enable_histogram(struct plan *plan)
{
	static const char *const opcodes[] = {"read", "write", "flush", "unmap"};
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_enable_histogram");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	spdk_json_write_named_bool(w, "enable", draw(plan, 4) != 0);
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "opc", opcodes[draw(plan, SPDK_COUNTOF(opcodes))]);
	}
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_uint32(w, "granularity", draw(plan, 14));
	}
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_uint64(w, "min_nsec", draw(plan, 1000));
		spdk_json_write_named_uint64(w, "max_nsec", 900 + draw(plan, 1000000));
	}
	end_call(plan, w);
}

/* ---- NBD ---- */

static void
create_export(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "nbd_export_create");

	spdk_json_write_named_string(w, "bdev_name", draw_known_name(plan));
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "name", draw_name(plan));
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "description", draw_name(plan));
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "read_only", draw_bool(plan));
	}
	end_call(plan, w);
}

static void
delete_export(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "nbd_export_delete");

	spdk_json_write_named_string(w, "name", draw_known_name(plan));
	end_call(plan, w);
}

static void
create_listener(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "nbd_listener_create");

	spdk_json_write_named_string_fmt(w, "address", "unix:%s/s%d", plan->folder, (int)draw(plan, 4));
	end_call(plan, w);
}

static void
set_nbd_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "nbd_set_options");

	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "auto_export", draw_bool(plan));
	}
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_bool(w, "read_only", draw_bool(plan));
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "default_export", draw_bool(plan) ? "" : draw_known_name(plan));
	}
	MAYBE_WRITE_UINT32(plan, w, "max_connections", 1, 7, 100000);
	MAYBE_WRITE_UINT32(plan, w, "handshake_timeout_sec", 1, 600);
	end_call(plan, w);
}

/* ---- options of the other subsystems ---- */

static void
set_iobuf_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "iobuf_set_options");

	/* AddressSanitizer marks all the memory of the pools, which is most of the time of a life: mostly small ones. */
	if (draw(plan, 16) != 0) {
		spdk_json_write_named_uint64(w, "small_pool_count", 1024 + draw(plan, 1000));
		spdk_json_write_named_uint64(w, "large_pool_count", 128 + draw(plan, 100));
	}
	MAYBE_WRITE_UINT32(plan, w, "small_bufsize", 4096, 5000, 16384, 100);
	MAYBE_WRITE_UINT32(plan, w, "large_bufsize", 65536, 135000, 270000);
	if (draw(plan, 4) == 0) {
		spdk_json_write_named_bool(w, "enable_numa", draw_bool(plan));
	}
	end_call(plan, w);
}

static void
set_bdev_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "bdev_set_options");

	MAYBE_WRITE_UINT32(plan, w, "bdev_io_pool_size", 2048, 65535, 100000, 7);
	MAYBE_WRITE_UINT32(plan, w, "bdev_io_cache_size", 1, 64, 256, 300);
	if (draw_bool(plan)) {
		spdk_json_write_named_bool(w, "bdev_auto_examine", draw(plan, 3) == 0);
	}
	MAYBE_WRITE_UINT32(plan, w, "iobuf_small_cache_size", 0, 16, 128, 130);
	MAYBE_WRITE_UINT32(plan, w, "iobuf_large_cache_size", 0, 1, 16, 17);
	end_call(plan, w);
}

static void
set_accel_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "accel_set_options");

	MAYBE_WRITE_UINT32(plan, w, "small_cache_size", 0, 16, 128);
	MAYBE_WRITE_UINT32(plan, w, "large_cache_size", 0, 1, 16);
	MAYBE_WRITE_UINT32(plan, w, "task_count", 64, 2048, 3000);
	MAYBE_WRITE_UINT32(plan, w, "sequence_count", 64, 2048);
	MAYBE_WRITE_UINT32(plan, w, "buf_count", 64, 2048);
	end_call(plan, w);
}

static void
assign_opcode(struct plan *plan)
{
	static const char *const opcodes[] = {"copy", "fill", "crc32c", "xor", "nonsense"};
	struct spdk_json_write_ctx *w = begin_call(plan, "accel_assign_opc");

	spdk_json_write_named_string(w, "opname", opcodes[draw(plan, SPDK_COUNTOF(opcodes))]);
	spdk_json_write_named_string(w, "module", "software");
	end_call(plan, w);
}

static void
set_scheduler(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "framework_set_scheduler");

	spdk_json_write_named_string(w, "name", draw(plan, 4) == 0 ? draw_name(plan) : "static");
	if (draw_bool(plan)) {
		spdk_json_write_named_uint64(w, "period", draw(plan, 1000000));
	}
	end_call(plan, w);
}

static void
set_scheduler_options(struct plan *plan)
{
	struct spdk_json_write_ctx *w = begin_call(plan, "scheduler_set_options");

	if (draw_bool(plan)) {
		spdk_json_write_named_uint32(w, "scheduling_core", draw(plan, 4) == 0 ? 1000 : 0);
	}
	if (draw_bool(plan)) {
		spdk_json_write_named_string(w, "isolated_core_mask", draw_bool(plan) ? "[]" : "0x0");
	}
	end_call(plan, w);
}

/* ---- whole plans ---- */

struct kind {
	uint32_t weight;
	void (*add)(struct plan *plan);
};

static const struct kind g_startup_kinds[] = {
	{1, set_iobuf_options},
	{6, set_bdev_options},
	{2, set_accel_options},
	{1, assign_opcode},
	{1, set_scheduler},
	{2, set_scheduler_options},
};

static const struct kind g_runtime_kinds[] = {
	{12, create_malloc},
	{8, create_null},
	{6, create_aio},
	{6, create_uring},
	{14, create_passthru},
	{14, create_delay},
	{10, update_delay},
	{10, create_error},
	{5, create_key},
	{1, destroy_key},
	{14, create_crypto},
	{6, create_zone_block},
	{8, create_raid},
	{2, set_raid_options},
	{10, create_split},
	{2, delete_split},
	{2, examine_partitions},
	{3, resize_null},
	{5, delete_bdev},
	{5, examine},
	{8, set_qos_limit},
	{6, enable_histogram},
	{5, create_group},
	{2, change_group},
	{8, change_members},
	{6, create_export},
	{1, delete_export},
	{2, create_listener},
	{3, set_nbd_options},
	{1, set_scheduler},
};

static void
add_call(struct plan *plan, const struct kind *kinds, size_t num_kinds)
{
	uint32_t total = 0, choice;

	for (size_t i = 0; i < num_kinds; i++) {
		total += kinds[i].weight;
	}
	choice = draw(plan, total);
	for (size_t i = 0; i < num_kinds; i++) {
		if (choice < kinds[i].weight) {
			kinds[i].add(plan);
			return;
		}
		choice -= kinds[i].weight;
	}
}

void
plan_make(struct plan *plan, uint64_t seed, const char *folder)
{
	bool with_partitions;
	uint64_t count;

	memset(plan, 0, sizeof(*plan));
	plan->random_state = seed;
	plan->folder = folder;
	set_iobuf_options(plan);
	/*
	 * Who has exported a disk as a whole, and has its partitions shown after that, has a configuration that cannot do both:
	 * so the option comes first, and no disk is examined later than that.
	 */
	with_partitions = draw(plan, 4) == 0;
	for (count = with_partitions ? 0 : draw(plan, 4); count > 0; count--) {
		add_call(plan, g_startup_kinds, SPDK_COUNTOF(g_startup_kinds));
	}
	plan->num_startup_calls = plan->num_calls;
	if (with_partitions) {
		show_partitions(plan);
	}
	for (count = draw(plan, 30); count > 0; count--) {
		add_call(plan, g_runtime_kinds, SPDK_COUNTOF(g_runtime_kinds));
	}
}

void
plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->num_calls; i++) {
		free(plan->calls[i].params);
	}
	for (size_t i = 0; i < plan->num_names; i++) {
		free(plan->names[i]);
	}
}

char *
plan_startup_config(const struct plan *plan)
{
	/* The names of subsystems do not decide anything. */
	char *text = spdk_sprintf_alloc("{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[");
	bool first = true;

	for (size_t i = 0; i < plan->num_startup_calls; i++) {
		if (!plan->calls[i].skipped) {
			text = spdk_sprintf_append_realloc(text, "%s{\"method\":\"%s\",\"params\":%s}",
				first ? "" : ",", plan->calls[i].method, plan->calls[i].params);
			first = false;
		}
	}
	return spdk_sprintf_append_realloc(text, "]}]}");
}

void
plan_print(const struct plan *plan, FILE *file)
{
	for (size_t i = 0; i < plan->num_calls; i++) {
		if (!plan->calls[i].skipped) {
			fprintf(file, "    %s %s\n", plan->calls[i].method, plan->calls[i].params);
		}
	}
}
