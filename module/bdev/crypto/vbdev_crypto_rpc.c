/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/crypto/vbdev_crypto.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

struct crypto_create_params {
	char *base_bdev_name;
	char *name;
	char *crypto_pmd;
	struct {
		char *key;
		char *cipher;
		char *key2;
		char *key_name;
	} key;
};

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_bdev_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, base_bdev_name),
		.required = true,
		.position = 1,
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, name),
		.required = true,
		.position = 2,
		.help = "name of the new bdev",
	},
	{
		.name = "crypto_pmd",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, crypto_pmd),
		.option = 'p',
		.help = "ignored: accel modules are chosen with accel_assign_opc",
	},
	{
		.name = "key",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, key.key),
		.option = 'k',
		.secret = true,
		.help = "key in hexadecimal digits, for one of the bdev's own that is named NAME_CIPHER; better make "
			"one "
			"with accel_crypto_key_create",
	},
	{
		.name = "cipher",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, key.cipher),
		.option = 'c',
		.help = "of such a key: AES_XTS or AES_CBC",
		.default_text = "AES_CBC",
	},
	{
		.name = "key2",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, key.key2),
		.secret = true,
		.help = "of such a key: tweak key of AES_XTS, as long as key and different from it",
	},
	{
		.name = "key_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct crypto_create_params, key.key_name),
		.option = 'n',
		.help = "name of the key, which has to exist",
		.default_text = "one of the bdev's own",
	},
};

static int
get_key(struct spdk_jsonrpc_request *request, const struct crypto_create_params *p, struct crypto_key **key)
{
	struct crypto_key_opts opts = {
		.key_name = p->key.key_name, .cipher = p->key.cipher, .key = p->key.key, .key2 = p->key.key2};
	const char *why;
	int rc;

	rc = crypto_key_get(p->name, &opts, key, &why);
	if (rc == 0) {
		return 0;
	}
	if (p->key.key_name != NULL) {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS,
			"Key was not found: cannot create crypto bdev %s with key %s: %s", p->name, p->key.key_name,
			why != NULL ? why : spdk_strerror(-rc));
	} else {
		bdk_rpc_send_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"No key was found: cannot create crypto bdev %s: %s", p->name,
			why != NULL ? why : spdk_strerror(-rc));
	}
	return rc;
}

static void
rpc_bdev_crypto_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct crypto_create_params *p = params;
	struct spdk_json_write_ctx *w;
	struct crypto_key *key;
	const char *why;
	int rc;

	if (get_key(request, p, &key) != 0) {
		return;
	}
	rc = vbdev_crypto_create(p->name, p->base_bdev_name, key, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create crypto bdev %s on %s: %s", p->name, p->base_bdev_name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	spdk_json_write_string(w, p->name);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_crypto_create",
	.summary = "Creates a bdev that encrypts what it writes to another one",
	.result = "name of the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct crypto_create_params),
	.params_error = SPDK_JSONRPC_ERROR_PARSE_ERROR,
	.handler = rpc_bdev_crypto_create,
};
BDK_RPC_REGISTER(g_create_method)

static void
rpc_bdev_crypto_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "crypto", vbdev_crypto_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_crypto_delete",
	.summary = "Deletes a crypto bdev, or the request for one whose base is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INVALID_PARAMS,
	.handler = rpc_bdev_crypto_delete,
};
BDK_RPC_REGISTER(g_delete_method)
