# SPDX-License-Identifier: BSD-3-Clause
"""For each RPC method good parameters, bad ones, and the codes of the errors."""

import re

from rpc_table import read_methods

METHODS = read_methods()

INVALID_STATE, INVALID_PARAMS, INTERNAL, NOT_FOUND, PARSE_ERROR = -1, -32602, -32603, -32601, -32700
EPERM, ENOENT, ENOMEM, EBUSY, EEXIST, ENODEV, EINVAL, ETIMEDOUT = -1, -2, -12, -16, -17, -19, -22, -110

# Code of what cannot be decoded; -32602 where nothing else stands. Bdev methods: but for these three.
DECODE_ERROR = {name: INTERNAL for name in METHODS if re.match(r"bdev_|log_(set|clear)_|log_enable", name)}
DECODE_ERROR.update({name: PARSE_ERROR for name, one in METHODS.items() if name.startswith("accel_") and one.params})
DECODE_ERROR.update(bdev_set_options=INVALID_PARAMS, bdev_examine=INVALID_PARAMS, bdev_wait_for_examine=INVALID_PARAMS,
                    bdev_crypto_create=PARSE_ERROR, bdev_crypto_delete=INVALID_PARAMS)
DECODE_ERROR.update(bdev_zone_block_create=INVALID_PARAMS, bdev_zone_block_delete=INVALID_PARAMS)
DECODE_ERROR.update(bdev_split_create=INVALID_PARAMS, bdev_split_delete=INVALID_PARAMS)

UUID = "3f1c6b1e-52f2-4b5c-9f0a-0123456789ab"

# Parameters that a method takes in a running target that `served` prepared: all that the table has of it.
EXAMPLES = {
    "accel_assign_opc": {"opname": "copy", "module": "software"},
    "accel_crypto_key_create": {"name": "key1", "cipher": "AES_XTS", "key": "00112233445566778899aabbccddeeff",
                                "key2": "ffeeddccbbaa99887766554433221100", "tweak_mode": "SIMPLE_LBA"},
    "accel_crypto_key_destroy": {"key_name": "key0"},
    "accel_crypto_keys_get": {"key_name": "key0"},
    "accel_set_driver": {"name": "no such"},
    "accel_set_options": {"small_cache_size": 128, "large_cache_size": 16, "task_count": 2048, "sequence_count": 2048,
                          "buf_count": 2048},
    "bdev_aio_create": {"name": "aio1", "filename": "{file}", "block_size": 512, "readonly": False, "fallocate": True,
                        "uuid": UUID.replace("3f", "a0")},
    "bdev_aio_delete": {"name": "aio1"},
    "bdev_aio_rescan": {"name": "aio0"},
    "bdev_crypto_create": {"base_bdev_name": "malloc1", "name": "crypto1", "crypto_pmd": "crypto_aesni_mb",
                           "key": "00112233445566778899aabbccddeeff", "cipher": "AES_XTS",
                           "key2": "ffeeddccbbaa99887766554433221100", "key_name": "key0"},
    "bdev_crypto_delete": {"name": "crypto1"},
    "bdev_delay_create": {"base_bdev_name": "malloc1", "name": "delay1", "uuid": UUID.replace("3f", "d0"),
                          "avg_read_latency": 1, "p99_read_latency": 2, "avg_write_latency": 3, "p99_write_latency": 4},
    "bdev_delay_delete": {"name": "delay1"},
    "bdev_delay_update_latency": {"delay_bdev_name": "delay0", "latency_type": "p99_write", "latency_us": 50},
    "bdev_enable_histogram": {"name": "null0", "enable": True, "opc": "read", "granularity": 7, "min_nsec": 0,
                              "max_nsec": 1000000},
    "bdev_examine": {"name": "null0"},
    "bdev_get_bdevs": {"name": "null0", "timeout": 1000},
    "bdev_get_histogram": {"name": "null0"},
    "bdev_get_iostat": {"name": "null0", "per_channel": True, "reset_mode": "none"},
    "bdev_malloc_create": {"name": "malloc1", "uuid": UUID, "num_blocks": 128, "block_size": 512,
                           "physical_block_size": 4096, "optimal_io_boundary": 8, "md_size": 8, "md_interleave": True,
                           "dif_type": 1, "dif_is_head_of_md": False, "dif_pi_format": 0},
    "bdev_malloc_delete": {"name": "malloc1"},
    "bdev_null_create": {"name": "null1", "uuid": UUID.replace("3f", "b0"), "num_blocks": 128, "block_size": 512,
                         "physical_block_size": 4096, "md_size": 8, "dif_type": 1, "dif_is_head_of_md": False,
                         "dif_pi_format": 0},
    "bdev_null_delete": {"name": "null1"},
    "bdev_null_resize": {"name": "null0", "new_size": 64},
    "bdev_passthru_create": {"base_bdev_name": "malloc1", "name": "over1", "uuid": UUID.replace("3f", "c0")},
    "bdev_passthru_delete": {"name": "over1"},
    "bdev_reset_iostat": {"name": "null0", "mode": "all"},
    "bdev_set_options": {"bdev_io_pool_size": 32768, "bdev_io_cache_size": 128, "bdev_auto_examine": True,
                         "iobuf_small_cache_size": 64, "iobuf_large_cache_size": 8},
    "bdev_set_qd_sampling_period": {"name": "null0", "period": 1000},
    "bdev_set_qos_limit": {"name": "null0", "rw_ios_per_sec": 20000, "rw_mbytes_per_sec": 100, "r_mbytes_per_sec": 50,
                           "w_mbytes_per_sec": 50},
    "bdev_split_create": {"base_bdev": "null2", "split_count": 2, "split_size_mb": 1},
    "bdev_split_delete": {"base_bdev": "null2"},
    "bdev_zone_block_create": {"name": "zones1", "base_bdev": "malloc1", "zone_capacity": 24, "optimal_open_zones": 2},
    "bdev_zone_block_delete": {"name": "zones1"},
    "framework_get_config": {"name": "bdev"},
    "framework_monitor_context_switch": {"enabled": True},
    "framework_set_scheduler": {"name": "static", "period": 1000000},
    "iobuf_set_options": {"small_pool_count": 1024, "large_pool_count": 64, "small_bufsize": 8192,
                          "large_bufsize": 135168, "enable_numa": False},
    "log_clear_flag": {"flag": "thread"},
    "log_enable_timestamps": {"enabled": True},
    "log_set_flag": {"flag": "thread"},
    "log_set_level": {"level": "NOTICE"},
    "log_set_print_level": {"level": "NOTICE"},
    "notify_get_notifications": {"id": 0, "max": 10},
    "rpc_get_methods": {"current": True, "include_aliases": True},
    "scheduler_set_options": {"isolated_core_mask": "0x0", "scheduling_core": 0},
    "spdk_kill_instance": {"sig_name": "SIGUSR1"},
    "thread_set_cpumask": {"id": "{thread}", "cpumask": "{cpumask}"},
    "trace_clear_tpoint_mask": {"name": "bdev", "tpoint_mask": 1},
    "trace_disable_tpoint_group": {"name": "bdev"},
    "trace_enable_tpoint_group": {"name": "bdev"},
    "trace_set_tpoint_mask": {"name": "bdev", "tpoint_mask": 1},
}

# Methods that end something, in the order in which the target can bear it; all others come before them.
LAST = ["bdev_zone_block_delete", "bdev_crypto_delete", "bdev_delay_delete", "bdev_passthru_delete",
        "bdev_malloc_delete", "bdev_null_delete", "bdev_aio_delete"]
# These have tests of their own: they change the state, end the target, or need it to be started in another way.
APART = {"bdev_split_delete", "framework_start_init", "framework_wait_init", "spdk_kill_instance", "bdev_examine",
         "accel_crypto_key_destroy", "accel_set_driver"}

# A bdev is split once, AES-XTS has two keys, a file has no blocks of its own, what encrypts needs a key, and no limit is
# nothing to set.
LEAST_IS_NOT_ENOUGH = {"accel_crypto_key_create": INVALID_PARAMS, "bdev_aio_create": EINVAL,
                       "bdev_crypto_create": INTERNAL, "bdev_set_qos_limit": EINVAL,
                       "bdev_split_create": INVALID_PARAMS}

# What goes wrong, and the code that says so.
FAILURES = [
    ("accel_crypto_key_create", {"name": "x", "cipher": "ROT13", "key": "00"}, INVALID_PARAMS),
    ("accel_crypto_key_create", {"name": "x", "cipher": "AES_CBC", "key": "not hex"}, INVALID_PARAMS),
    ("accel_crypto_key_create", {"name": "key0", "cipher": "AES_CBC", "key": "00112233445566778899aabbccddeeff"},
     INVALID_PARAMS),
    ("accel_crypto_key_destroy", {"key_name": "no such"}, INVALID_PARAMS),
    ("accel_crypto_keys_get", {"key_name": "no such"}, INVALID_PARAMS),
    ("bdev_get_bdevs", {"name": "no such"}, ENODEV),
    ("bdev_get_bdevs", {"name": "no such", "timeout": 1}, ETIMEDOUT),
    ("bdev_malloc_create", {"num_blocks": 0, "block_size": 512}, EINVAL),
    ("bdev_malloc_create", {"num_blocks": 8, "block_size": 100}, EINVAL),
    ("bdev_malloc_create", {"num_blocks": 8, "block_size": 512, "physical_block_size": 700}, EINVAL),
    ("bdev_malloc_create", {"num_blocks": 8, "block_size": 512, "md_size": 7}, EINVAL),
    ("bdev_malloc_create", {"name": "malloc0", "num_blocks": 8, "block_size": 512}, EEXIST),
    ("bdev_malloc_delete", {"name": "null0"}, ENODEV),
    ("bdev_null_create", {"name": "x", "num_blocks": 0, "block_size": 512}, EINVAL),
    ("bdev_null_create", {"name": "x", "num_blocks": 8, "block_size": 513}, EINVAL),
    ("bdev_null_create", {"name": "null0", "num_blocks": 8, "block_size": 512}, EEXIST),
    ("bdev_null_delete", {"name": "malloc0"}, ENODEV),
    ("bdev_null_resize", {"name": "no such", "new_size": 8}, ENODEV),
    ("bdev_null_resize", {"name": "malloc0", "new_size": 8}, EINVAL),
    ("bdev_null_resize", {"name": "null0", "new_size": 1}, EINVAL),
    ("bdev_crypto_create", {"name": "x", "base_bdev_name": "malloc0", "key_name": "no such"}, INVALID_PARAMS),
    ("bdev_crypto_create", {"name": "x", "base_bdev_name": "malloc0"}, INTERNAL),
    ("bdev_crypto_create", {"name": "x", "base_bdev_name": "malloc0", "key": "not hex"}, INTERNAL),
    ("bdev_crypto_create", {"name": "crypto0", "base_bdev_name": "malloc0", "key_name": "key0"}, EEXIST),
    ("bdev_crypto_create", {"name": "x", "base_bdev_name": "malloc0", "key_name": "key0"}, EPERM),
    ("bdev_crypto_delete", {"name": "malloc0"}, ENODEV),
    ("bdev_passthru_create", {"name": "over0", "base_bdev_name": "null0"}, EEXIST),
    ("bdev_passthru_delete", {"name": "null0"}, ENODEV),
    ("bdev_delay_create", {"name": "x", "base_bdev_name": "null0", "avg_read_latency": 2, "p99_read_latency": 1,
                           "avg_write_latency": 0, "p99_write_latency": 0}, EINVAL),
    ("bdev_delay_create", {"name": "x", "base_bdev_name": "malloc0", "avg_read_latency": 0, "p99_read_latency": 0,
                           "avg_write_latency": 0, "p99_write_latency": 0}, EPERM),
    ("bdev_delay_delete", {"name": "null0"}, ENODEV),
    ("bdev_delay_update_latency", {"delay_bdev_name": "null0", "latency_type": "avg_read", "latency_us": 1},
     INVALID_PARAMS),
    ("bdev_delay_update_latency", {"delay_bdev_name": "delay0", "latency_type": "median", "latency_us": 1},
     INVALID_PARAMS),
    ("bdev_zone_block_create", {"name": "x", "base_bdev": "null0", "zone_capacity": 0, "optimal_open_zones": 1}, INTERNAL),
    ("bdev_zone_block_create", {"name": "x", "base_bdev": "null0", "zone_capacity": 8, "optimal_open_zones": 0}, INTERNAL),
    ("bdev_zone_block_create", {"name": "zones0", "base_bdev": "null0", "zone_capacity": 8, "optimal_open_zones": 1},
     INTERNAL),
    ("bdev_zone_block_create", {"name": "x", "base_bdev": "zones0", "zone_capacity": 8, "optimal_open_zones": 1}, INTERNAL),
    ("bdev_zone_block_delete", {"name": "null0"}, ENODEV),
    ("bdev_aio_create", {"name": "x", "filename": "/does/not/exist", "block_size": 512}, ENOENT),
    ("bdev_aio_create", {"name": "x", "filename": "{file}"}, EINVAL),
    ("bdev_aio_create", {"name": "x", "filename": "{file}", "block_size": 1000}, EINVAL),
    ("bdev_aio_create", {"name": "aio0", "filename": "{file}", "block_size": 512}, EEXIST),
    ("bdev_aio_delete", {"name": "malloc0"}, ENODEV),
    ("bdev_aio_rescan", {"name": "no such"}, ENODEV),
    ("bdev_aio_rescan", {"name": "malloc0"}, ENODEV),
    ("bdev_examine", {"name": "null0"}, EINVAL),
    ("bdev_enable_histogram", {"name": "no such", "enable": True}, ENODEV),
    ("bdev_enable_histogram", {"name": "null0", "enable": True, "opc": "no such"}, INTERNAL),
    ("bdev_get_histogram", {"name": "no such"}, ENODEV),
    ("bdev_get_histogram", {"name": "aio0"}, ENOMEM),
    ("bdev_get_iostat", {"name": "no such"}, ENODEV),
    ("bdev_get_iostat", {"per_channel": True}, EINVAL),
    ("bdev_reset_iostat", {"name": "no such"}, ENODEV),
    ("bdev_reset_iostat", {"name": "no such", "mode": "none"}, 0),
    ("bdev_set_qd_sampling_period", {"name": "no such", "period": 1}, ENODEV),
    ("bdev_set_qos_limit", {"name": "no such", "rw_ios_per_sec": 20000}, ENODEV),
    ("bdev_set_qos_limit", {"name": "null0"}, EINVAL),
    ("bdev_split_create", {"base_bdev": "null0", "split_count": 0}, INVALID_PARAMS),
    ("bdev_split_create", {"base_bdev": "null0", "split_count": 65537}, INVALID_PARAMS),
    ("bdev_split_create", {"base_bdev": "", "split_count": 1}, INVALID_PARAMS),
    ("bdev_split_create", {"base_bdev": "malloc0", "split_count": 1}, INVALID_PARAMS),
    ("bdev_split_delete", {"base_bdev": "null0"}, INVALID_PARAMS),
    ("framework_get_config", {"name": "no such"}, INVALID_PARAMS),
    ("framework_set_scheduler", {"name": "no such"}, INTERNAL),
    ("log_set_level", {"level": "LOUD"}, INVALID_PARAMS),
    ("log_set_print_level", {"level": "LOUD"}, INVALID_PARAMS),
    ("log_set_flag", {"flag": "no such"}, INVALID_PARAMS),
    ("log_clear_flag", {"flag": "no such"}, INVALID_PARAMS),
    ("spdk_kill_instance", {"sig_name": "SIGNONE"}, INVALID_PARAMS),
    ("thread_set_cpumask", {"id": 1 << 40, "cpumask": "1"}, INVALID_PARAMS),
    ("thread_set_cpumask", {"id": "{thread}", "cpumask": "what"}, INTERNAL),
    ("trace_clear_tpoint_mask", {"name": "no such"}, INVALID_PARAMS),
    ("trace_disable_tpoint_group", {"name": "no such"}, INVALID_PARAMS),
    ("trace_enable_tpoint_group", {"name": "no such"}, INVALID_PARAMS),
    ("trace_set_tpoint_mask", {"name": "no such"}, INVALID_PARAMS),
]

FAILURES_AT_START = [
    ("accel_assign_opc", {"opname": "no such", "module": "software"}, INVALID_PARAMS),
    ("accel_set_driver", {"name": "no such"}, ENODEV),
    ("bdev_set_options", {"bdev_io_pool_size": 10, "bdev_io_cache_size": 20}, INVALID_PARAMS),
    ("iobuf_set_options", {"small_pool_count": 0}, EINVAL),
    ("iobuf_set_options", {"small_bufsize": 1}, EINVAL),
    ("scheduler_set_options", {"isolated_core_mask": "what"}, INVALID_PARAMS),
    ("scheduler_set_options", {"scheduling_core": 100000}, INVALID_PARAMS),
    ("framework_set_scheduler", {"name": "no such"}, INTERNAL),
    ("log_set_level", {"level": "LOUD"}, INVALID_PARAMS),
]
