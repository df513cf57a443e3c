/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * crypto: a bdev on top of another one, its base, that encrypts what is written and decrypts what is read. The work is
 * done by the accel framework with one of its keys.
 */

#ifndef MODULE_BDEV_CRYPTO_H
#define MODULE_BDEV_CRYPTO_H

#include "spdk/bdev_module.h"

struct crypto_key;

/* How a key is named, or what it is made of. */
struct crypto_key_opts {
	/* Of a key that exists. Then the others mean nothing. */
	const char *key_name;
	/* AES_CBC if NULL. */
	const char *cipher;
	/* Hexadecimal digits. */
	const char *key;
	const char *key2;
};

/*
 * Gets the key that a bdev of this name is to have, which stays until crypto_key_put(). Without key_name it is named
 * NAME_CIPHER; if there is none of that name it is made, and destroyed with the last bdev that has it. Application thread
 * only.
 *
 * Returns 0; -ENOENT if there is no such key, or not what to make it of; -EEXIST if there is another one of that name; or
 * what spdk_accel_crypto_key_create() returns. On failure *why is a sentence that says more, valid until the next call,
 * or NULL.
 */
int crypto_key_get(
	const char *bdev_name, const struct crypto_key_opts *opts, struct crypto_key **key, const char **why);
void crypto_key_put(struct crypto_key *key);

/*
 * Both as bdk_vbdev_create() and bdk_vbdev_delete() say. The key is taken over, on failure too. Also -EINVAL for a base whose blocks
 * the key cannot encrypt; -ENOTSUP for a zoned base.
 */
int vbdev_crypto_create(const char *name, const char *base_bdev_name, struct crypto_key *key, const char **why);
int vbdev_crypto_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg);

#endif /* MODULE_BDEV_CRYPTO_H */
