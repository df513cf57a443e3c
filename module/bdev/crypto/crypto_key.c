/* SPDX-License-Identifier: BSD-3-Clause */

/* Keys of crypto bdevs: found by name, or made for one bdev and destroyed when nobody has them any more. */

#include "module/bdev/crypto/crypto_internal.h"
#include "module/bdev/crypto/vbdev_crypto.h"

#include "bdevkit/accel.h"
#include "lib/accel/accel_internal.h"
#include "spdk/log.h"
#include "spdk/string.h"

static TAILQ_HEAD(, crypto_key) g_keys = TAILQ_HEAD_INITIALIZER(g_keys);

const char *
crypto_key_get_name(const struct crypto_key *key)
{
	return key->accel->param.key_name;
}

void
crypto_key_ref(struct crypto_key *key)
{
	key->references++;
}

void
crypto_key_put(struct crypto_key *key)
{
	int rc;

	if (--key->references > 0) {
		return;
	}
	TAILQ_REMOVE(&g_keys, key, link);
	bdk_accel_crypto_key_let_go(key->accel);
	if (key->is_owned) {
		rc = spdk_accel_crypto_key_destroy(key->accel);
		if (rc != 0) {
			SPDK_ERRLOG("key %s stays: %s\n", crypto_key_get_name(key), spdk_strerror(-rc));
		}
	}
	free(key);
}

/* The key of that name. NULL: there is none, or *rc is -ENOMEM. */
static struct crypto_key *
find_key(const char *name, int *rc)
{
	struct spdk_accel_crypto_key *accel;
	struct crypto_key *key;

	*rc = 0;
	TAILQ_FOREACH (key, &g_keys, link) {
		if (strcmp(crypto_key_get_name(key), name) == 0) {
			crypto_key_ref(key);
			return key;
		}
	}
	accel = bdk_accel_crypto_key_hold(name);
	if (accel == NULL) {
		return NULL;
	}
	key = calloc(1, sizeof(*key));
	if (key == NULL) {
		bdk_accel_crypto_key_let_go(accel);
		*rc = -ENOMEM;
		return NULL;
	}
	key->accel = accel;
	key->references = 1;
	TAILQ_INSERT_TAIL(&g_keys, key, link);
	return key;
}

/* Whether two texts are the same digits, in a time that tells nothing about where they differ. NULL is no digits. */
static bool
is_same_hex(const char *a, const char *b)
{
	size_t len = a != NULL ? strlen(a) : 0, i;
	unsigned int difference = 0;

	if (len != (b != NULL ? strlen(b) : 0)) {
		return false;
	}
	for (i = 0; i < len; i++) {
		difference |= (unsigned int)((a[i] ^ b[i]) & ~('a' - 'A'));
	}
	return difference == 0;
}

/* Whether a key that exists is what was asked for; who does not say what, gets it by its name. */
static bool
is_made_of(const struct crypto_key *key, const struct crypto_key_opts *opts, const char *cipher)
{
	const struct spdk_accel_crypto_key_create_param *param = &key->accel->param;

	if (opts->key == NULL) {
		return true;
	}
	return strcmp(param->cipher, cipher) == 0 &&
		key->accel->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA &&
		is_same_hex(param->hex_key, opts->key) && is_same_hex(param->hex_key2, opts->key2);
}

static int
make_key(const char *name, const struct crypto_key_opts *opts, const char *cipher, struct crypto_key **key,
	const char **why)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)cipher,
		.hex_key = (char *)opts->key,
		.hex_key2 = (char *)opts->key2,
		.key_name = (char *)name,
	};
	int rc;

	if (opts->key == NULL) {
		*why = "neither the name of a key was given, nor a key";
		return -ENOENT;
	}
	rc = spdk_accel_crypto_key_create(&param);
	if (rc != 0) {
		*why = accel_key_get_fault();
		return rc;
	}
	*key = find_key(name, &rc);
	if (*key == NULL) {
		spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get(name));
		return rc;
	}
	(*key)->is_owned = true;
	return 0;
}

static int
get_by_name(const char *name, struct crypto_key **key, const char **why)
{
	int rc;

	*key = find_key(name, &rc);
	if (*key == NULL && rc == 0) {
		*why = "there is no key of that name";
		return -ENOENT;
	}
	return rc;
}

static int
get_or_make(const char *name, const struct crypto_key_opts *opts, struct crypto_key **key, const char **why)
{
	const char *cipher = opts->cipher != NULL ? opts->cipher : "AES_CBC";
	char *key_name = spdk_sprintf_alloc("%s_%s", name, cipher);
	int rc;

	if (key_name == NULL) {
		return -ENOMEM;
	}
	*key = find_key(key_name, &rc);
	if (*key == NULL && rc == 0) {
		rc = make_key(key_name, opts, cipher, key, why);
	} else if (*key != NULL && !is_made_of(*key, opts, cipher)) {
		crypto_key_put(*key);
		*why = "there is another key of the name that this one would have, the bdev's with the cipher's";
		rc = -EEXIST;
	}
	free(key_name);
	return rc;
}

int
crypto_key_get(const char *bdev_name, const struct crypto_key_opts *opts, struct crypto_key **key, const char **why)
{
	*why = NULL;
	*key = NULL;
	if (opts->key_name != NULL) {
		return get_by_name(opts->key_name, key, why);
	}
	return get_or_make(bdev_name, opts, key, why);
}
