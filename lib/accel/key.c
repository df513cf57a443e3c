/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Keys: from text to what a module works with, and out of memory again. What a key is made of is never logged, and lies
 * in memory that is left out of core dumps and wiped when it is freed.
 */

#include "lib/accel/accel_internal.h"
#include "bdevkit/accel.h"
#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* A key, and where its uses are counted. */
struct accel_key {
	struct spdk_accel_crypto_key base;
	/* Place in accel_io_channel.key_uses; ACCEL_KEY_SLOTS: shared_uses. */
	uint32_t slot;
	_Atomic uint32_t shared_uses;
	/* Of those who keep it without using it all the time. Behind accel.lock. */
	uint32_t holds;
};

/* Slots that keys have. */
static bool g_slots[ACCEL_KEY_SLOTS];

/* What was wrong with the last key that this thread tried to make. */
static __thread char g_fault[256];

static void __attribute__((format(printf, 1, 2))) explain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(g_fault, sizeof(g_fault), format, args);
	va_end(args);
	SPDK_ERRLOG("%s\n", g_fault);
}

const char *
accel_key_get_fault(void)
{
	return g_fault;
}

static const char *const g_cipher_names[] = {
	[SPDK_ACCEL_CIPHER_AES_CBC] = "AES_CBC",
	[SPDK_ACCEL_CIPHER_AES_XTS] = "AES_XTS",
};

static const char *const g_tweak_mode_names[] = {
	[SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA] = "SIMPLE_LBA",
	[SPDK_ACCEL_CRYPTO_TWEAK_MODE_JOIN_NEG_LBA_WITH_LBA] = "JOIN_NEG_LBA_WITH_LBA",
	[SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_FULL_LBA] = "INCR_512_FULL_LBA",
	[SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA] = "INCR_512_UPPER_LBA",
};

const char *
accel_cipher_get_name(enum spdk_accel_cipher cipher)
{
	return g_cipher_names[cipher];
}

const char *
accel_tweak_mode_get_name(enum spdk_accel_crypto_tweak_mode mode)
{
	return g_tweak_mode_names[mode];
}

static struct accel_key *
key_of(struct spdk_accel_crypto_key *key)
{
	return SPDK_CONTAINEROF(key, struct accel_key, base);
}

/* ---- uses: each channel counts its own, so that operations do not meet in one cache line ---- */

void
accel_key_use(struct accel_io_channel *ch, struct spdk_accel_crypto_key *base)
{
	struct accel_key *key = key_of(base);

	if (key->slot < ACCEL_KEY_SLOTS) {
		__atomic_store_n(&ch->key_uses[key->slot], ch->key_uses[key->slot] + 1, __ATOMIC_RELAXED);
	} else {
		key->shared_uses++;
	}
}

void
accel_key_unuse(struct accel_io_channel *ch, struct spdk_accel_crypto_key *base)
{
	struct accel_key *key = key_of(base);

	if (key->slot < ACCEL_KEY_SLOTS) {
		__atomic_store_n(&ch->key_uses[key->slot], ch->key_uses[key->slot] - 1, __ATOMIC_RELEASE);
	} else {
		key->shared_uses--;
	}
}

/* accel.lock is held. */
static bool
is_used(const struct accel_key *key)
{
	struct accel_io_channel *ch;

	if (key->holds > 0) {
		return true;
	}
	if (key->slot == ACCEL_KEY_SLOTS) {
		return key->shared_uses > 0;
	}
	TAILQ_FOREACH (ch, &g_accel.channels, link) {
		if (__atomic_load_n(&ch->key_uses[key->slot], __ATOMIC_ACQUIRE) > 0) {
			return true;
		}
	}
	return false;
}

/* accel.lock is held. */
static uint32_t
take_slot(void)
{
	uint32_t slot;

	for (slot = 0; slot < ACCEL_KEY_SLOTS; slot++) {
		if (!g_slots[slot]) {
			g_slots[slot] = true;
			return slot;
		}
	}
	return ACCEL_KEY_SLOTS;
}

/* ---- the end of a key ---- */

/* Takes back all that has been made of it, wherever that has stopped. */
static void
free_key(struct accel_key *key)
{
	env_secret_free(key->base.key);
	env_secret_free(key->base.key2);
	env_secret_free(key->base.param.hex_key);
	env_secret_free(key->base.param.hex_key2);
	free(key->base.param.cipher);
	free(key->base.param.tweak_mode);
	free(key->base.param.key_name);
	free(key);
}

/* accel.lock is held. */
static void
destroy(struct accel_key *key)
{
	TAILQ_REMOVE(&g_accel.keys, &key->base, link);
	if (key->slot < ACCEL_KEY_SLOTS) {
		g_slots[key->slot] = false;
	}
	if (key->base.module_if->crypto_key_deinit != NULL) {
		key->base.module_if->crypto_key_deinit(&key->base);
	}
	free_key(key);
}

int
spdk_accel_crypto_key_destroy(struct spdk_accel_crypto_key *key)
{
	struct spdk_accel_crypto_key *known;

	if (key == NULL) {
		return -EINVAL;
	}
	ENV_MUTEX_SCOPE(&g_accel.lock);
	TAILQ_FOREACH (known, &g_accel.keys, link) {
		if (known == key) {
			break;
		}
	}
	if (known == NULL) {
		return -ENOENT;
	}
	if (is_used(key_of(key))) {
		SPDK_ERRLOG("key %s is in use\n", key->param.key_name);
		return -EBUSY;
	}
	destroy(key_of(key));
	return 0;
}

void
accel_keys_destroy(void)
{
	struct spdk_accel_crypto_key *key;

	ENV_MUTEX_SCOPE(&g_accel.lock);
	while ((key = TAILQ_FIRST(&g_accel.keys)) != NULL) {
		if (is_used(key_of(key))) {
			SPDK_ERRLOG("key %s is destroyed while it is in use\n", key->param.key_name);
		}
		destroy(key_of(key));
	}
}

/* ---- the begin of a key ---- */

static int
find_name(const char *const *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return i;
		}
	}
	return -1;
}

static int
copy_string(char **to, const char *from)
{
	if (from != NULL) {
		*to = strdup(from);
		if (*to == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int
copy_secret(char **to, const char *from)
{
	size_t size;

	if (from != NULL) {
		size = strlen(from) + 1;
		*to = env_secret_alloc(size);
		if (*to == NULL) {
			return -ENOMEM;
		}
		memcpy(*to, from, size);
	}
	return 0;
}

static int
copy_param(struct accel_key *key, const struct spdk_accel_crypto_key_create_param *param)
{
	struct spdk_accel_crypto_key_create_param *copy = &key->base.param;

	if (copy_string(&copy->cipher, param->cipher) != 0 || copy_secret(&copy->hex_key, param->hex_key) != 0 ||
		copy_secret(&copy->hex_key2, param->hex_key2) != 0 ||
		copy_string(&copy->tweak_mode, param->tweak_mode) != 0 ||
		copy_string(&copy->key_name, param->key_name) != 0) {
		return -ENOMEM;
	}
	return 0;
}

/* -1: it is none. */
static int
digit_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	digit |= 'a' - 'A';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool
decode_hex(const char *hex, char *bytes, size_t size)
{
	size_t i;
	int high, low;

	for (i = 0; i < size; i++) {
		high = digit_value(hex[2 * i]);
		low = digit_value(hex[2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		bytes[i] = (char)(high << 4 | low);
	}
	return true;
}

static int
parse_hex(const char *name, const char *which, const char *hex, char **bytes, size_t *size)
{
	size_t digits = strnlen(hex, SPDK_ACCEL_CRYPTO_KEY_MAX_HEX_LENGTH);

	if (digits == 0 || digits % 2 != 0 || digits == SPDK_ACCEL_CRYPTO_KEY_MAX_HEX_LENGTH) {
		explain("%s of %s has to be an even number of hexadecimal digits, at most %d", which, name,
			SPDK_ACCEL_CRYPTO_KEY_MAX_HEX_LENGTH - 1);
		return -EINVAL;
	}
	*size = digits / 2;
	*bytes = env_secret_alloc(*size);
	if (*bytes == NULL) {
		return -ENOMEM;
	}
	if (!decode_hex(hex, *bytes, *size)) {
		explain("%s of %s is not made of hexadecimal digits", which, name);
		return -EINVAL;
	}
	return 0;
}

/* Takes as long whatever the contents. */
static bool
are_equal(const char *a, const char *b, size_t len)
{
	unsigned char difference = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		difference |= (unsigned char)(a[i] ^ b[i]);
	}
	return difference == 0;
}

static int
parse_param(struct accel_key *key, const struct spdk_accel_crypto_key_create_param *param)
{
	struct spdk_accel_crypto_key *base = &key->base;
	int value, rc;

	value = find_name(g_cipher_names, SPDK_COUNTOF(g_cipher_names), param->cipher);
	if (value < 0) {
		explain("key %s: there is no cipher %s; there are AES_CBC and AES_XTS", param->key_name, param->cipher);
		return -EINVAL;
	}
	base->cipher = value;
	base->tweak_mode = SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA;
	if (param->tweak_mode != NULL) {
		value = find_name(g_tweak_mode_names, SPDK_COUNTOF(g_tweak_mode_names), param->tweak_mode);
		if (value < 0) {
			explain("key %s: there is no tweak mode %s; there are SIMPLE_LBA, JOIN_NEG_LBA_WITH_LBA, "
				"INCR_512_FULL_LBA and INCR_512_UPPER_LBA",
				param->key_name, param->tweak_mode);
			return -EINVAL;
		}
		base->tweak_mode = value;
	}
	rc = parse_hex(param->key_name, "key", param->hex_key, &base->key, &base->key_size);
	if (rc == 0 && param->hex_key2 != NULL) {
		rc = parse_hex(param->key_name, "key2", param->hex_key2, &base->key2, &base->key2_size);
	}
	return rc;
}

static int
check_key2(const struct spdk_accel_crypto_key *key)
{
	const char *name = key->param.key_name;

	if (key->cipher != SPDK_ACCEL_CIPHER_AES_XTS) {
		if (key->key2 != NULL) {
			explain("key %s: AES_CBC has no key2", name);
			return -EINVAL;
		}
		return 0;
	}
	if (key->key2 == NULL) {
		explain("key %s: AES_XTS needs key2", name);
		return -EINVAL;
	}
	if (key->key2_size != key->key_size) {
		explain("key %s: key has %zu bytes and key2 has %zu; they have to be equally long", name, key->key_size,
			key->key2_size);
		return -EINVAL;
	}
	if (are_equal(key->key, key->key2, key->key_size)) {
		explain("key %s: key and key2 are the same, which makes AES_XTS weak", name);
		return -EINVAL;
	}
	return 0;
}

static int
check_support(const struct spdk_accel_crypto_key *key)
{
	struct spdk_accel_module_if *module = key->module_if;
	const char *name = key->param.key_name;
	bool supported;

	supported = module->crypto_supports_tweak_mode != NULL
		? module->crypto_supports_tweak_mode(key->tweak_mode)
		: key->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA;
	if (!supported) {
		explain("key %s: accel module %s does not support tweak mode %s", name, module->name,
			g_tweak_mode_names[key->tweak_mode]);
		return -EINVAL;
	}
	if (module->crypto_supports_cipher == NULL || !module->crypto_supports_cipher(key->cipher, key->key_size)) {
		explain("key %s: accel module %s does not support %s with a key of %zu bytes", name, module->name,
			g_cipher_names[key->cipher], key->key_size);
		return -EINVAL;
	}
	return 0;
}

/* accel.lock is held. */
static struct spdk_accel_crypto_key *
find(const char *name)
{
	struct spdk_accel_crypto_key *key;

	TAILQ_FOREACH (key, &g_accel.keys, link) {
		if (strcmp(key->param.key_name, name) == 0) {
			return key;
		}
	}
	return NULL;
}

static int
publish(struct accel_key *key)
{
	int rc;

	ENV_MUTEX_SCOPE(&g_accel.lock);
	if (find(key->base.param.key_name) != NULL) {
		explain("there is a key %s already", key->base.param.key_name);
		return -EEXIST;
	}
	rc = key->base.module_if->crypto_key_init(&key->base);
	if (rc != 0) {
		explain("key %s: accel module %s: %s", key->base.param.key_name, key->base.module_if->name,
			spdk_strerror(-rc));
		return rc;
	}
	key->slot = take_slot();
	TAILQ_INSERT_TAIL(&g_accel.keys, &key->base, link);
	return 0;
}

int
spdk_accel_crypto_key_create(const struct spdk_accel_crypto_key_create_param *param)
{
	struct spdk_accel_module_if *module = g_accel.assignments[SPDK_ACCEL_OPC_ENCRYPT].module;
	struct accel_key *key;
	int rc;

	g_fault[0] = '\0';
	if (param == NULL || param->cipher == NULL || param->hex_key == NULL || param->key_name == NULL) {
		explain("a key needs a name, a cipher and a key");
		return -EINVAL;
	}
	if (module == NULL) {
		explain("key %s: nobody encrypts", param->key_name);
		return -ENOENT;
	}
	if (module->crypto_key_init == NULL || module->crypto_supports_cipher == NULL) {
		explain("key %s: accel module %s knows no keys", param->key_name, module->name);
		return -ENOTSUP;
	}
	key = calloc(1, sizeof(*key));
	if (key == NULL) {
		return -ENOMEM;
	}
	key->base.module_if = module;
	rc = copy_param(key, param);
	if (rc == 0) {
		rc = parse_param(key, param);
	}
	if (rc == 0) {
		rc = check_support(&key->base);
	}
	if (rc == 0) {
		rc = check_key2(&key->base);
	}
	if (rc == 0) {
		rc = publish(key);
	}
	if (rc != 0) {
		free_key(key);
	}
	return rc;
}

struct spdk_accel_crypto_key *
spdk_accel_crypto_key_get(const char *name)
{
	ENV_MUTEX_SCOPE(&g_accel.lock);
	return find(name);
}

struct spdk_accel_crypto_key *
bdk_accel_crypto_key_hold(const char *name)
{
	struct spdk_accel_crypto_key *key;

	ENV_MUTEX_SCOPE(&g_accel.lock);
	key = find(name);
	if (key != NULL) {
		key_of(key)->holds++;
	}
	return key;
}

void
bdk_accel_crypto_key_let_go(struct spdk_accel_crypto_key *key)
{
	ENV_MUTEX_SCOPE(&g_accel.lock);
	assert(key_of(key)->holds > 0);
	key_of(key)->holds--;
}

/* ---- configuration ---- */

static void
write_key(struct spdk_json_write_ctx *w, const struct spdk_accel_crypto_key *key)
{
	const struct spdk_accel_crypto_key_create_param *param = &key->param;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "accel_crypto_key_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", param->key_name);
	spdk_json_write_named_string(w, "cipher", param->cipher);
	spdk_json_write_named_string(w, "key", param->hex_key);
	if (param->hex_key2 != NULL) {
		spdk_json_write_named_string(w, "key2", param->hex_key2);
	}
	if (param->tweak_mode != NULL) {
		spdk_json_write_named_string(w, "tweak_mode", param->tweak_mode);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

void
accel_keys_write_config(struct spdk_json_write_ctx *w)
{
	struct spdk_accel_crypto_key *key;

	ENV_MUTEX_SCOPE(&g_accel.lock);
	TAILQ_FOREACH (key, &g_accel.keys, link) {
		write_key(w, key);
	}
}
