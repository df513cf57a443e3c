/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/thread/thread_fixture.h"
#include "spdk_internal/thread.h"

struct device {
	int created;
	int destroyed;
	int unregistered;
	int create_rc;
	struct spdk_thread *unregistered_on;
	void (*in_create)(struct device *device);
	void (*in_destroy)(struct device *device);
	struct device *other;
	struct spdk_io_channel *nested;
};

struct context {
	char bytes[64];
};

static int
create_channel(void *io_device, void *ctx_buf)
{
	struct device *device = io_device;
	struct context zero = {{0}};

	assert_memory_equal(ctx_buf, &zero, sizeof(zero));
	memset(ctx_buf, 0x77, sizeof(zero));
	device->created++;
	if (device->in_create != NULL) {
		device->in_create(device);
	}
	return device->create_rc;
}

static void
destroy_channel(void *io_device, void *ctx_buf)
{
	struct device *device = io_device;

	device->destroyed++;
	if (device->in_destroy != NULL) {
		device->in_destroy(device);
	}
}

static void
unregistered(void *io_device)
{
	struct device *device = io_device;

	device->unregistered++;
	device->unregistered_on = spdk_get_thread();
}

static void
register_device(struct device *device, const char *name)
{
	spdk_io_device_register(device, create_channel, destroy_channel, sizeof(struct context), name);
}

static struct spdk_thread *
make_thread(const char *name)
{
	struct spdk_thread *thread = spdk_thread_create(name, NULL);

	spdk_set_thread(thread);
	return thread;
}

static void
test_get_and_put(void **state)
{
	struct spdk_thread *a = make_thread("a"), *b = make_thread("b");
	struct device device = {0};
	struct spdk_io_channel *ch_a, *ch_b;

	register_device(&device, "disk");
	spdk_set_thread(a);
	ch_a = spdk_get_io_channel(&device);
	assert_non_null(ch_a);
	assert_ptr_equal(spdk_get_io_channel(&device), ch_a);
	assert_int_equal(spdk_io_channel_get_ref_count(ch_a), 2);
	assert_int_equal(device.created, 1);
	assert_ptr_equal(spdk_io_channel_get_thread(ch_a), a);
	assert_ptr_equal(spdk_io_channel_get_io_device(ch_a), &device);
	assert_string_equal(spdk_io_channel_get_io_device_name(ch_a), "disk");
	assert_int_equal((char *)spdk_io_channel_get_ctx(ch_a) - (char *)ch_a, 96);
	assert_ptr_equal(spdk_io_channel_from_ctx(spdk_io_channel_get_ctx(ch_a)), ch_a);
	assert_ptr_equal(spdk_thread_get_first_io_channel(a), ch_a);
	assert_null(spdk_thread_get_next_io_channel(ch_a));

	spdk_set_thread(b);
	ch_b = spdk_get_io_channel(&device);
	assert_ptr_not_equal(ch_b, ch_a);
	assert_int_equal(device.created, 2);
	/* Not its thread: logged, and nothing happens. */
	spdk_put_io_channel(ch_a);
	assert_int_equal(spdk_io_channel_get_ref_count(ch_a), 2);

	/* The last put takes effect in a message. */
	spdk_put_io_channel(ch_b);
	assert_int_equal(device.destroyed, 0);
	drain(b);
	assert_int_equal(device.destroyed, 1);

	spdk_set_thread(a);
	spdk_put_io_channel(ch_a);
	spdk_put_io_channel(ch_a);
	/* Got again before that: the same channel lives on. */
	assert_ptr_equal(spdk_get_io_channel(&device), ch_a);
	drain(a);
	assert_int_equal(device.destroyed, 1);
	/* Put, got and put: released once. */
	spdk_put_io_channel(ch_a);
	assert_ptr_equal(spdk_get_io_channel(&device), ch_a);
	spdk_put_io_channel(ch_a);
	drain(a);
	assert_int_equal(device.destroyed, 2);
	assert_int_equal(device.created, 2);

	spdk_io_device_unregister(&device, NULL);
	assert_null(spdk_get_io_channel(&device));
	destroy_thread(b);
	destroy_thread(a);
}

static void
test_create_fails(void **state)
{
	struct spdk_thread *thread = make_thread("t");
	struct device device = {.create_rc = -EIO};

	register_device(&device, NULL);
	assert_null(spdk_get_io_channel(&device));
	assert_null(spdk_thread_get_first_io_channel(thread));
	device.create_rc = 0;
	spdk_put_io_channel(spdk_get_io_channel(&device));
	drain(thread);
	assert_int_equal(device.destroyed, 1);
	spdk_io_device_unregister(&device, NULL);
	destroy_thread(thread);
}

static void
unregister_now(struct device *device)
{
	spdk_io_device_unregister(device, unregistered);
}

static void
test_create_unregisters_and_fails(void **state)
{
	struct spdk_thread *thread = make_thread("t");
	struct device device = {.create_rc = -EIO, .in_create = unregister_now};

	register_device(&device, NULL);
	assert_null(spdk_get_io_channel(&device));
	assert_int_equal(device.unregistered, 0);
	drain(thread);
	assert_int_equal(device.unregistered, 1);
	destroy_thread(thread);
}

static void
get_nested(struct device *device)
{
	device->nested = spdk_get_io_channel(device->other);
}

static void
get_self(struct device *device)
{
	device->nested = spdk_get_io_channel(device);
}

static void
put_nested(struct device *device)
{
	spdk_put_io_channel(device->nested);
}

static void
test_nested_devices(void **state)
{
	struct spdk_thread *thread = make_thread("t");
	struct device base = {0}, top = {.in_create = get_nested, .in_destroy = put_nested, .other = &base};
	struct device self = {.in_create = get_self};
	struct spdk_io_channel *ch;

	register_device(&base, "base");
	register_device(&top, "top");
	ch = spdk_get_io_channel(&top);
	assert_int_equal(base.created, 1);
	spdk_put_io_channel(ch);
	drain(thread);
	assert_int_equal(top.destroyed, 1);
	assert_int_equal(base.destroyed, 1);

	/* The channel can be found while it is being made. */
	register_device(&self, "self");
	ch = spdk_get_io_channel(&self);
	assert_ptr_equal(self.nested, ch);
	assert_int_equal(spdk_io_channel_get_ref_count(ch), 2);
	spdk_put_io_channel(ch);
	spdk_put_io_channel(ch);
	drain(thread);

	spdk_io_device_unregister(&self, NULL);
	spdk_io_device_unregister(&top, NULL);
	spdk_io_device_unregister(&base, NULL);
	destroy_thread(thread);
}

static void
test_get_in_destroy_makes_a_new_one(void **state)
{
	struct spdk_thread *thread = make_thread("t");
	struct device device = {.in_destroy = get_self};
	struct spdk_io_channel *ch;

	register_device(&device, NULL);
	ch = spdk_get_io_channel(&device);
	spdk_put_io_channel(ch);
	drain(thread);
	assert_int_equal(device.created, 2);
	device.in_destroy = NULL;
	spdk_put_io_channel(device.nested);
	drain(thread);
	assert_int_equal(device.destroyed, 2);
	spdk_io_device_unregister(&device, NULL);
	destroy_thread(thread);
}

static void
test_unregister_with_channels(void **state)
{
	struct spdk_thread *a = make_thread("a"), *b = make_thread("b");
	struct device device = {0};
	struct spdk_io_channel *old, *new;

	register_device(&device, "old");
	old = spdk_get_io_channel(&device);
	spdk_set_thread(a);
	spdk_io_device_unregister(&device, unregistered);
	drain(a);
	assert_int_equal(device.unregistered, 0);

	/* The pointer is free again at once; the old channel is not the new device's. */
	register_device(&device, "new");
	spdk_set_thread(b);
	new = spdk_get_io_channel(&device);
	assert_ptr_not_equal(new, old);
	assert_string_equal(spdk_io_channel_get_io_device_name(old), "old");
	spdk_put_io_channel(old);
	drain(b);
	assert_int_equal(device.unregistered, 0);
	drain(a);
	assert_int_equal(device.unregistered, 1);
	assert_ptr_equal(device.unregistered_on, a);

	spdk_put_io_channel(new);
	drain(b);
	spdk_set_thread(b);
	spdk_io_device_unregister(&device, unregistered);
	drain(b);
	assert_int_equal(device.unregistered, 2);
	destroy_thread(b);
	destroy_thread(a);
}

static void
test_exit_waits_for_channels_and_unregister(void **state)
{
	struct spdk_thread *a = make_thread("a"), *b = make_thread("b");
	struct device device = {0};
	struct spdk_io_channel *ch;

	register_device(&device, NULL);
	ch = spdk_get_io_channel(&device);
	spdk_set_thread(a);
	spdk_io_device_unregister(&device, unregistered);
	spdk_thread_exit(a);
	drain(a);
	assert_false(spdk_thread_is_exited(a));

	spdk_set_thread(b);
	spdk_thread_exit(b);
	drain(b);
	assert_false(spdk_thread_is_exited(b));
	spdk_put_io_channel(ch);
	drain(b);
	assert_true(spdk_thread_is_exited(b));
	drain(a);
	assert_true(spdk_thread_is_exited(a));
	assert_int_equal(device.unregistered, 1);
	spdk_thread_destroy(b);
	spdk_thread_destroy(a);
}

static void
test_misuse(void **state)
{
	struct spdk_thread *thread = make_thread("t");
	struct device device = {0};

	spdk_set_thread(NULL);
	register_device(&device, "no thread");
	assert_null(spdk_get_io_channel(&device));
	spdk_set_thread(thread);
	assert_null(spdk_get_io_channel(&device));
	spdk_io_device_unregister(&device, unregistered);
	drain(thread);
	assert_int_equal(device.unregistered, 0);

	/* A second registration changes nothing. */
	register_device(&device, "first");
	spdk_io_device_register(&device, create_channel, destroy_channel, 10, "second");
	spdk_put_io_channel(spdk_get_io_channel(&device));
	assert_string_equal(spdk_io_channel_get_io_device_name(spdk_thread_get_first_io_channel(thread)), "first");
	drain(thread);
	spdk_io_device_unregister(&device, NULL);
	destroy_thread(thread);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get_and_put, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_create_fails, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_create_unregisters_and_fails, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_nested_devices, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_get_in_destroy_makes_a_new_one, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_unregister_with_channels, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_exit_waits_for_channels_and_unregister, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_misuse, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
