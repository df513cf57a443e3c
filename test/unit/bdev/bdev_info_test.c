/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * lib/bdev/info.c and options.c: what may be asked of the layer, of a bdev and of a descriptor, and how structures of
 * callers that were compiled with another version are taken. With it, wrong arguments of names.c, claims.c, config.c.
 */

#include "bdev_sim.h"

#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/util.h"

static struct sim_disk g_disk;

static int
setup(void **state)
{
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	bdev_sim_start(1, 2);
	sim_disk_init(&g_disk, "disk");
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
types_have_names(void **state)
{
	for (int type = SPDK_BDEV_IO_TYPE_INVALID + 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		const char *name = spdk_bdev_get_io_type_name(type);

		assert_non_null(name);
		assert_int_equal(spdk_bdev_get_io_type(name), type);
	}
	assert_null(spdk_bdev_get_io_type_name(SPDK_BDEV_IO_TYPE_INVALID));
	assert_null(spdk_bdev_get_io_type_name(SPDK_BDEV_NUM_IO_TYPES));
	assert_null(spdk_bdev_get_io_type_name((enum spdk_bdev_io_type) - 1));
	assert_int_equal(spdk_bdev_get_io_type("no such type"), -1);
	assert_int_equal(spdk_bdev_get_io_type(""), -1);

	for (int type = 0; type < SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES; type++) {
		assert_non_null(spdk_bdev_get_qos_rpc_type(type));
	}
	assert_null(spdk_bdev_get_qos_rpc_type(SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES));
	assert_null(spdk_bdev_get_qos_rpc_type((enum spdk_bdev_qos_rate_limit_type) - 1));
}

static void *
get_module_ctx(void *ctx)
{
	return (char *)ctx + 1;
}

static int
get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	return 2 + array_size;
}

/* Callbacks that a module may have or leave out. */
static void
modules_are_asked_where_they_answer(void **state)
{
	const struct spdk_bdev_fn_table *without = g_disk.bdev.fn_table;
	struct spdk_bdev_fn_table with = *without;
	struct sim_open open;

	sim_disk_add(&g_disk);
	assert_int_equal(sim_open(&open, 0, "disk", false), 0);
	assert_null(spdk_bdev_get_module_ctx(open.desc));
	assert_int_equal(spdk_bdev_get_memory_domains(&g_disk.bdev, NULL, 0), 0);

	with.dump_info_json = NULL;
	with.get_module_ctx = get_module_ctx;
	with.get_memory_domains = get_memory_domains;
	g_disk.bdev.fn_table = &with;
	assert_ptr_equal(spdk_bdev_get_module_ctx(open.desc), (char *)g_disk.bdev.ctxt + 1);
	assert_int_equal(spdk_bdev_get_memory_domains(&g_disk.bdev, NULL, 3), 5);
	assert_int_equal(spdk_bdev_get_memory_domains(NULL, NULL, 3), -EINVAL);
	assert_int_equal(spdk_bdev_dump_info_json(&g_disk.bdev, NULL), 0);
	g_disk.bdev.fn_table = without;

	assert_int_equal(spdk_bdev_get_numa_id(&g_disk.bdev), SPDK_ENV_NUMA_ID_ANY);
	g_disk.bdev.numa.id_valid = 1;
	g_disk.bdev.numa.id = 3;
	assert_int_equal(spdk_bdev_get_numa_id(&g_disk.bdev), 3);

	sim_close(&open, 0);
	assert_int_equal(sim_disk_remove(&g_disk), 0);
}

struct metadata_case {
	uint32_t md_len;
	bool interleave;
	enum spdk_dif_type dif_type;
	bool head;
	uint32_t flags;
};

static const struct metadata_case g_metadata[] = {
	{0, false, SPDK_DIF_DISABLE, false, 0},
	/* Without metadata what is said of it means nothing. */
	{0, true, SPDK_DIF_TYPE1, true, SPDK_DIF_FLAGS_GUARD_CHECK},
	{8, false, SPDK_DIF_DISABLE, true, SPDK_DIF_FLAGS_GUARD_CHECK},
	{8, true, SPDK_DIF_DISABLE, false, 0},
	{8, false, SPDK_DIF_TYPE1, false, SPDK_DIF_FLAGS_GUARD_CHECK},
	{8, true, SPDK_DIF_TYPE1, true, SPDK_DIF_FLAGS_REFTAG_CHECK},
	{16, true, SPDK_DIF_TYPE3, false, SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_GUARD_CHECK},
};

static bool
has_flag(const struct metadata_case *c, uint32_t flag)
{
	return c->md_len != 0 && c->dif_type != SPDK_DIF_DISABLE && (c->flags & flag) != 0;
}

static void
check_metadata_of_desc(struct spdk_bdev_desc *desc, const struct metadata_case *c)
{
	const struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(desc);

	assert_int_equal(spdk_bdev_desc_get_block_size(desc), bdev->blocklen);
	assert_int_equal(spdk_bdev_desc_get_md_size(desc), c->md_len);
	assert_int_equal(spdk_bdev_desc_is_md_interleaved(desc), spdk_bdev_is_md_interleaved(bdev));
	assert_int_equal(spdk_bdev_desc_is_md_separate(desc), spdk_bdev_is_md_separate(bdev));
	assert_int_equal(spdk_bdev_desc_get_dif_type(desc), spdk_bdev_get_dif_type(bdev));
	assert_int_equal(spdk_bdev_desc_get_dif_pi_format(desc), spdk_bdev_get_dif_pi_format(bdev));
	assert_int_equal(spdk_bdev_desc_is_dif_head_of_md(desc), spdk_bdev_is_dif_head_of_md(bdev));
	for (int type = SPDK_DIF_CHECK_TYPE_REFTAG; type <= SPDK_DIF_CHECK_TYPE_GUARD; type++) {
		assert_int_equal(
			spdk_bdev_desc_is_dif_check_enabled(desc, type), spdk_bdev_is_dif_check_enabled(bdev, type));
	}
}

/* One who does not want to see metadata sees blocks without it, and no protection. */
static void
check_hidden_metadata(struct spdk_bdev_desc *desc)
{
	const struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(desc);

	assert_int_equal(spdk_bdev_desc_get_block_size(desc), bdev->blocklen - bdev->md_len);
	assert_int_equal(spdk_bdev_desc_get_md_size(desc), 0);
	assert_false(spdk_bdev_desc_is_md_interleaved(desc));
	assert_false(spdk_bdev_desc_is_md_separate(desc));
	assert_int_equal(spdk_bdev_desc_get_dif_type(desc), SPDK_DIF_DISABLE);
	assert_int_equal(spdk_bdev_desc_get_dif_pi_format(desc), SPDK_DIF_PI_FORMAT_16);
	assert_false(spdk_bdev_desc_is_dif_head_of_md(desc));
	for (int type = SPDK_DIF_CHECK_TYPE_REFTAG; type <= SPDK_DIF_CHECK_TYPE_GUARD; type++) {
		assert_false(spdk_bdev_desc_is_dif_check_enabled(desc, type));
	}
}

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

static void
metadata_is_told_as_it_is_seen(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_metadata); i++) {
		const struct metadata_case *c = &g_metadata[i];
		bool has_dif = c->md_len != 0 && c->dif_type != SPDK_DIF_DISABLE;
		struct spdk_bdev_open_opts opts;
		struct spdk_bdev_desc *desc;
		struct spdk_bdev *bdev = &g_disk.bdev;
		struct sim_open open;

		sim_disk_init(&g_disk, "disk");
		bdev->md_len = c->md_len;
		bdev->md_interleave = c->interleave;
		bdev->blocklen = 512 + (c->interleave ? c->md_len : 0);
		bdev->dif_type = c->dif_type;
		bdev->dif_is_head_of_md = c->head;
		bdev->dif_check_flags = c->flags;
		sim_disk_add(&g_disk);

		assert_int_equal(spdk_bdev_is_md_interleaved(bdev), c->md_len != 0 && c->interleave);
		assert_int_equal(spdk_bdev_is_md_separate(bdev), c->md_len != 0 && !c->interleave);
		assert_int_equal(spdk_bdev_get_dif_type(bdev), has_dif ? c->dif_type : SPDK_DIF_DISABLE);
		assert_int_equal(spdk_bdev_is_dif_head_of_md(bdev), has_dif && c->head);
		assert_int_equal(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG),
			has_flag(c, SPDK_DIF_FLAGS_REFTAG_CHECK));
		assert_int_equal(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_APPTAG),
			has_flag(c, SPDK_DIF_FLAGS_APPTAG_CHECK));
		assert_int_equal(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_GUARD),
			has_flag(c, SPDK_DIF_FLAGS_GUARD_CHECK));
		assert_false(spdk_bdev_is_dif_check_enabled(bdev, (enum spdk_dif_check_type)99));

		assert_int_equal(sim_open(&open, 0, "disk", false), 0);
		check_metadata_of_desc(open.desc, c);
		sim_close(&open, 0);
		if (c->interleave) {
			spdk_bdev_open_opts_init(&opts, sizeof(opts));
			opts.hide_metadata = true;
			ON(0,
				assert_int_equal(
					spdk_bdev_open_ext_v2("disk", false, ignore_event_cb, NULL, &opts, &desc), 0));
			check_hidden_metadata(desc);
			ON(0, spdk_bdev_close(desc));
		}
		assert_int_equal(sim_disk_remove(&g_disk), 0);
	}
}

/* ---- structures of callers ---- */

static void
options_of_any_size(void **state)
{
	struct spdk_bdev_opts all, part;

	memset(&all, 0, sizeof(all));
	spdk_bdev_get_opts(&all, sizeof(all));
	assert_int_equal(all.opts_size, sizeof(all));
	assert_true(all.bdev_io_pool_size > 0);

	/* Every length: what lies within it is filled in, and no byte behind it is touched. */
	for (size_t size = 1; size <= sizeof(all); size++) {
		memset(&part, 0xee, sizeof(part));
		spdk_bdev_get_opts(&part, size);
		for (size_t i = size; i < sizeof(part); i++) {
			assert_int_equal(((uint8_t *)&part)[i], 0xee);
		}
	}
	memset(&part, 0xee, sizeof(part));
	spdk_bdev_get_opts(&part, 0);
	spdk_bdev_get_opts(NULL, sizeof(part));
	assert_int_equal(part.bdev_io_pool_size, 0xeeeeeeee);

	/* Members that the caller does not know stay as they are. */
	part = all;
	part.bdev_io_cache_size = 1;
	part.bdev_io_pool_size = all.bdev_io_pool_size + 1;
	part.opts_size = offsetof(struct spdk_bdev_opts, bdev_io_cache_size);
	assert_int_equal(spdk_bdev_set_opts(&part), 0);
	spdk_bdev_get_opts(&part, sizeof(part));
	assert_int_equal(part.bdev_io_pool_size, all.bdev_io_pool_size + 1);
	assert_int_equal(part.bdev_io_cache_size, all.bdev_io_cache_size);
	part.opts_size = 1;
	part.bdev_io_pool_size = 0;
	assert_int_equal(spdk_bdev_set_opts(&part), 0);

	assert_int_equal(spdk_bdev_set_opts(NULL), -1);
	part.opts_size = 0;
	assert_int_equal(spdk_bdev_set_opts(&part), -1);
	part = all;
	part.bdev_io_pool_size = part.bdev_io_cache_size;
	assert_int_equal(spdk_bdev_set_opts(&part), -1);
	assert_int_equal(spdk_bdev_set_opts(&all), 0);
}

static void
claim_options_of_any_size(void **state)
{
	struct spdk_bdev_claim_opts opts;
	struct sim_open open;

	memset(&opts, 0xee, sizeof(opts));
	spdk_bdev_claim_opts_init(NULL, sizeof(opts));
	spdk_bdev_claim_opts_init(&opts, 0);
	assert_int_equal(((uint8_t *)&opts)[0], 0xee);
	spdk_bdev_claim_opts_init(&opts, offsetof(struct spdk_bdev_claim_opts, name));
	assert_int_equal(opts.name[0], (char)0xee);

	sim_disk_add(&g_disk);
	assert_int_equal(sim_open(&open, 0, "disk", false), 0);
	/* The key lies behind what this caller knows: it is as if there were none, and this claim needs one. */
	opts.shared_claim_key = 1;
	ON(0,
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(
					 open.desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, &opts, &g_sim_module),
			-EINVAL));
	opts.opts_size = 0;
	ON(0,
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(
					 open.desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, &opts, &g_sim_module),
			-EINVAL));
	ON(0,
		assert_int_equal(
			spdk_bdev_module_claim_bdev_desc(open.desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, NULL, NULL),
			-EINVAL));
	ON(0,
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(
					 NULL, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, NULL, &g_sim_module),
			-EINVAL));
	ON(0, assert_int_equal(spdk_bdev_module_claim_bdev(&g_disk.bdev, open.desc, NULL), -EINVAL));
	assert_ptr_equal(spdk_bdev_first_leaf(), &g_disk.bdev);
	sim_close(&open, 0);
	assert_int_equal(sim_disk_remove(&g_disk), 0);
}

/* ---- wrong arguments ---- */

static void
names_that_are_none(void **state)
{
	struct spdk_bdev other = {.name = (char *)"not registered"};

	assert_null(spdk_bdev_get_by_name(NULL));
	assert_null(spdk_bdev_get_by_name(""));
	sim_disk_add(&g_disk);
	assert_int_equal(spdk_bdev_alias_add(&g_disk.bdev, NULL), -EINVAL);
	assert_int_equal(spdk_bdev_alias_add(&g_disk.bdev, ""), -EINVAL);
	assert_int_equal(spdk_bdev_alias_add(&other, "alias"), -EINVAL);
	assert_int_equal(spdk_bdev_alias_del(&g_disk.bdev, NULL), -ENOENT);
	assert_int_equal(spdk_bdev_alias_del(&g_disk.bdev, "alias"), -ENOENT);
	assert_null(spdk_bdev_get_by_name("alias"));
	spdk_bdev_subsystem_config_json(NULL);
	assert_int_equal(sim_disk_remove(&g_disk), 0);
}

/* A tree of names that is filled and emptied in every order that a seed gives finds all that are in it, and no other. */
static void
many_names_in_any_order(void **state)
{
	enum {
		COUNT = 200
	};
	bool there[COUNT] = {};
	char name[16];

	sim_disk_add(&g_disk);
	for (int i = 0; i < 20 * COUNT; i++) {
		uint64_t n = bdk_sim_random(COUNT);

		snprintf(name, sizeof(name), "alias%" PRIu64, n);
		if (there[n]) {
			assert_ptr_equal(spdk_bdev_get_by_name(name), &g_disk.bdev);
			assert_int_equal(spdk_bdev_alias_add(&g_disk.bdev, name), -EEXIST);
			assert_int_equal(spdk_bdev_alias_del(&g_disk.bdev, name), 0);
		} else {
			assert_int_equal(spdk_bdev_alias_del(&g_disk.bdev, name), -ENOENT);
			assert_int_equal(spdk_bdev_alias_add(&g_disk.bdev, name), 0);
		}
		there[n] = !there[n];
		assert_int_equal(spdk_bdev_get_by_name(name) != NULL, there[n]);
	}
	assert_int_equal(sim_disk_remove(&g_disk), 0);
	for (int n = 0; n < COUNT; n++) {
		snprintf(name, sizeof(name), "alias%d", n);
		assert_null(spdk_bdev_get_by_name(name));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(types_have_names),
		TEST(modules_are_asked_where_they_answer),
		TEST(metadata_is_told_as_it_is_seen),
		TEST(options_of_any_size),
		TEST(claim_options_of_any_size),
		TEST(names_that_are_none),
		TEST(many_names_in_any_order),
	};

	return cmocka_run_group_tests_name("bdev_info_test", tests, NULL, NULL);
}
