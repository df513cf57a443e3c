/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Encryption, by libgcrypt: AES-XTS and AES-CBC, with keys of 128 and 256 bits. A handle of libgcrypt holds the state of
 * one operation, so each channel has its own for each key.
 */

#include "module/accel/software/accel_sw.h"
#include "lib/env/env_internal.h"
#include <gcrypt.h>

#define MAX_BLOCK_SIZE (16 * 1024 * 1024)
#define AES_BLOCK_SIZE 16
/* Modes with a counter change the tweak so often. */
#define COUNTER_UNIT 512

/* Handles of recently used keys that a channel finds at once. */
#define CACHED_HANDLES 64

/* Goes with its key or its channel, whichever goes first. */
struct sw_handle {
	const struct sw_channel *owner;
	gcry_cipher_hd_t cipher;
	LIST_ENTRY(sw_handle) of_key;
	LIST_ENTRY(sw_handle) of_channel;
};

/* Guards the lists of handles of all keys and channels. */
static struct env_mutex g_handles_lock = ENV_MUTEX_INITIALIZER;

struct sw_key {
	/* Never used for another key. */
	uint64_t id;
	LIST_HEAD(, sw_handle) handles;
	int mode;
	int algo;
	/* Of the data key followed by that of the tweak key. */
	size_t size;
	char *bytes;
};

struct sw_crypto_channel {
	LIST_HEAD(, sw_handle) handles;
	struct {
		uint64_t key_id;
		gcry_cipher_hd_t cipher;
	} cache[CACHED_HANDLES];
	/* For blocks that are not in one piece. */
	uint8_t *scratch;
	size_t scratch_size;
};

static uint64_t g_last_key_id;
/* What libgcrypt makes of a key lies in secret memory. Not so if the application has set libgcrypt up for itself. */
static bool g_handles_are_secret;

/* ---- memory of libgcrypt ---- */

static void *
gcrypt_realloc(void *memory, size_t size)
{
	return env_secret_owns(memory) ? env_secret_realloc(memory, size) : realloc(memory, size);
}

static void
gcrypt_free(void *memory)
{
	if (env_secret_owns(memory)) {
		env_secret_free(memory);
	} else {
		free(memory);
	}
}

static int
gcrypt_is_secret(const void *memory)
{
	return env_secret_owns(memory);
}

int
sw_crypto_init(void)
{
	if (g_handles_are_secret) {
		return 0;
	}
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
		SPDK_NOTICELOG("libgcrypt was set up by the application: core dumps may show what it makes of keys\n");
		return 0;
	}
	gcry_set_allocation_handler(malloc, env_secret_alloc, gcrypt_is_secret, gcrypt_realloc, gcrypt_free);
	if (gcry_check_version(GCRYPT_VERSION) == NULL) {
		SPDK_ERRLOG("libgcrypt is older than %s\n", GCRYPT_VERSION);
		return -ENOTSUP;
	}
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	g_handles_are_secret = true;
	return 0;
}

bool
sw_crypto_supports_tweak_mode(enum spdk_accel_crypto_tweak_mode mode)
{
	return (unsigned int)mode <= SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA;
}

bool
sw_crypto_supports_cipher(enum spdk_accel_cipher cipher, size_t key_size)
{
	return key_size == SPDK_ACCEL_AES_XTS_128_KEY_SIZE || key_size == SPDK_ACCEL_AES_XTS_256_KEY_SIZE;
}

/* ---- keys and handles ---- */

int
sw_crypto_key_init(struct spdk_accel_crypto_key *key)
{
	struct sw_key *sw_key;

	if (key->cipher == SPDK_ACCEL_CIPHER_AES_CBC && key->tweak_mode != SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA) {
		SPDK_ERRLOG("key %s: AES_CBC has no other tweak mode than SIMPLE_LBA\n", key->param.key_name);
		return -EINVAL;
	}
	sw_key = calloc(1, sizeof(*sw_key));
	if (sw_key == NULL) {
		return -ENOMEM;
	}
	sw_key->size = key->key_size + key->key2_size;
	sw_key->bytes = env_secret_alloc(sw_key->size);
	if (sw_key->bytes == NULL) {
		free(sw_key);
		return -ENOMEM;
	}
	sw_key->id = __atomic_add_fetch(&g_last_key_id, 1, __ATOMIC_RELAXED);
	LIST_INIT(&sw_key->handles);
	sw_key->mode = key->cipher == SPDK_ACCEL_CIPHER_AES_XTS ? GCRY_CIPHER_MODE_XTS : GCRY_CIPHER_MODE_CBC;
	sw_key->algo = key->key_size == SPDK_ACCEL_AES_XTS_128_KEY_SIZE ? GCRY_CIPHER_AES128 : GCRY_CIPHER_AES256;
	memcpy(sw_key->bytes, key->key, key->key_size);
	if (key->key2 != NULL) {
		memcpy(sw_key->bytes + key->key_size, key->key2, key->key2_size);
	}
	key->priv = sw_key;
	return 0;
}

/* With the lock. */
static void
close_handle(struct sw_handle *handle)
{
	LIST_REMOVE(handle, of_key);
	LIST_REMOVE(handle, of_channel);
	/* Wipes it. */
	gcry_cipher_close(handle->cipher);
	free(handle);
}

void
sw_crypto_key_deinit(struct spdk_accel_crypto_key *key)
{
	struct sw_key *sw_key = key->priv;
	struct sw_handle *handle;

	env_mutex_lock(&g_handles_lock);
	while ((handle = LIST_FIRST(&sw_key->handles)) != NULL) {
		close_handle(handle);
	}
	env_mutex_unlock(&g_handles_lock);
	env_secret_free(sw_key->bytes);
	free(sw_key);
}

static struct sw_handle *
open_handle(const struct sw_channel *ch, const struct sw_key *key)
{
	struct sw_handle *handle = calloc(1, sizeof(*handle));
	gcry_error_t error;

	if (handle == NULL) {
		return NULL;
	}
	handle->owner = ch;
	error = gcry_cipher_open(&handle->cipher, key->algo, key->mode, g_handles_are_secret ? GCRY_CIPHER_SECURE : 0);
	if (error == 0) {
		error = gcry_cipher_setkey(handle->cipher, key->bytes, key->size);
		if (error != 0) {
			gcry_cipher_close(handle->cipher);
		}
	}
	if (error != 0) {
		SPDK_ERRLOG("libgcrypt does not take a key: %s\n", gcry_strerror(error));
		free(handle);
		return NULL;
	}
	return handle;
}

/* The handle of the key on this channel, or NULL. */
static gcry_cipher_hd_t
find_handle(const struct sw_channel *ch, struct sw_key *key)
{
	struct sw_handle *handle;

	ENV_MUTEX_SCOPE(&g_handles_lock);
	LIST_FOREACH (handle, &key->handles, of_key) {
		if (handle->owner == ch) {
			return handle->cipher;
		}
	}
	handle = open_handle(ch, key);
	if (handle == NULL) {
		return NULL;
	}
	LIST_INSERT_HEAD(&key->handles, handle, of_key);
	LIST_INSERT_HEAD(&ch->crypto->handles, handle, of_channel);
	return handle->cipher;
}

static inline gcry_cipher_hd_t
get_handle(struct sw_channel *ch, struct sw_key *key)
{
	typeof(&ch->crypto->cache[0]) entry = &ch->crypto->cache[key->id % CACHED_HANDLES];

	if (entry->key_id != key->id) {
		entry->cipher = find_handle(ch, key);
		entry->key_id = entry->cipher != NULL ? key->id : 0;
	}
	return entry->cipher;
}

int
sw_crypto_channel_create(struct sw_channel *ch)
{
	ch->crypto = calloc(1, sizeof(*ch->crypto));
	return ch->crypto != NULL ? 0 : -ENOMEM;
}

void
sw_crypto_channel_destroy(struct sw_channel *ch)
{
	struct sw_handle *handle;

	env_mutex_lock(&g_handles_lock);
	while ((handle = LIST_FIRST(&ch->crypto->handles)) != NULL) {
		close_handle(handle);
	}
	env_mutex_unlock(&g_handles_lock);
	if (ch->crypto->scratch != NULL) {
		explicit_bzero(ch->crypto->scratch, ch->crypto->scratch_size);
	}
	free(ch->crypto->scratch);
	free(ch->crypto);
}

/* ---- tweaks: sixteen bytes, numbers in them are little endian ---- */

struct tweak {
	uint64_t low;
	uint64_t high;
};

static void
make_tweak(const struct spdk_accel_crypto_key *key, uint64_t value, struct tweak *tweak)
{
	*tweak = (struct tweak){};
	if (key->cipher == SPDK_ACCEL_CIPHER_AES_CBC) {
		tweak->low = htole64(value);
		return;
	}
	switch (key->tweak_mode) {
	case SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA:
		/* In the upper half: what was written by the first software module can be read. */
		tweak->high = htole64(value);
		break;
	case SPDK_ACCEL_CRYPTO_TWEAK_MODE_JOIN_NEG_LBA_WITH_LBA:
		tweak->low = htole64(value);
		tweak->high = htole64(~value & INT64_MAX);
		break;
	case SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_FULL_LBA:
		tweak->low = htole64(value);
		break;
	case SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA:
		tweak->high = htole64(value);
		break;
	}
}

static bool
has_counter(const struct spdk_accel_crypto_key *key)
{
	return key->cipher == SPDK_ACCEL_CIPHER_AES_XTS &&
		(key->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_FULL_LBA ||
			key->tweak_mode == SPDK_ACCEL_CRYPTO_TWEAK_MODE_INCR_512_UPPER_LBA);
}

/* ---- work ---- */

static int
check(const struct spdk_accel_task *base, uint64_t length, uint64_t room)
{
	const struct spdk_accel_crypto_key *key = base->crypto_key;

	if (base->block_size > MAX_BLOCK_SIZE || length == 0 || length != room) {
		SPDK_ERRLOG("key %s: %" PRIu64 " bytes in blocks of %u do not go into %" PRIu64 " bytes\n",
			key->param.key_name, length, base->block_size, room);
		return -ERANGE;
	}
	if (base->block_size == 0 || (length != base->block_size && length % base->block_size != 0)) {
		SPDK_ERRLOG("key %s: %" PRIu64 " bytes are not whole blocks of %u\n", key->param.key_name, length,
			base->block_size);
		return -EINVAL;
	}
	if (key->module_if != &g_sw_module) {
		SPDK_ERRLOG("key %s belongs to accel module %s\n", key->param.key_name, key->module_if->name);
		return -EINVAL;
	}
	if (has_counter(key) && base->block_size % COUNTER_UNIT != 0) {
		SPDK_ERRLOG("key %s: its tweak mode needs blocks of a multiple of %d bytes, not %u\n",
			key->param.key_name, COUNTER_UNIT, base->block_size);
		return -EINVAL;
	}
	if (base->block_size < AES_BLOCK_SIZE ||
		(key->cipher == SPDK_ACCEL_CIPHER_AES_CBC && base->block_size % AES_BLOCK_SIZE != 0)) {
		SPDK_ERRLOG("key %s: blocks of %u bytes cannot be encrypted\n", key->param.key_name, base->block_size);
		return -EINVAL;
	}
	return 0;
}

static void
set_first_tweak(struct sw_task *task)
{
	const struct spdk_accel_task *base = &task->base;

	task->unit = base->block_size;
	task->tweak = base->iv;
	if (has_counter(base->crypto_key)) {
		task->unit = COUNTER_UNIT;
		task->tweak *= base->block_size / COUNTER_UNIT;
	}
}

static int
begin(struct sw_task *task)
{
	struct spdk_accel_task *base = &task->base;

	task->length = sw_iovs_length(base->s.iovs, base->s.iovcnt);
	sw_cursor_init(&task->source, base->s.iovs, base->s.iovcnt);
	sw_cursor_init(&task->destination, base->d.iovs, base->d.iovcnt);
	task->begun = true;
	set_first_tweak(task);
	return check(base, task->length, sw_iovs_length(base->d.iovs, base->d.iovcnt));
}

static void
gather(struct sw_cursor *cursor, uint8_t *to, uint64_t len)
{
	uint64_t part;
	void *data;

	while (len > 0 && (part = sw_cursor_peek(cursor, len, &data)) > 0) {
		memcpy(to, data, part);
		sw_cursor_skip(cursor, part);
		to += part;
		len -= part;
	}
}

static void
scatter(struct sw_cursor *cursor, const uint8_t *from, uint64_t len)
{
	uint64_t part;
	void *data;

	while (len > 0 && (part = sw_cursor_peek(cursor, len, &data)) > 0) {
		memcpy(data, from, part);
		sw_cursor_skip(cursor, part);
		from += part;
		len -= part;
	}
}

static bool
reserve_scratch(struct sw_crypto_channel *crypto, size_t size)
{
	uint8_t *scratch;

	if (crypto->scratch_size < size) {
		scratch = malloc(size);
		if (scratch == NULL) {
			return false;
		}
		if (crypto->scratch != NULL) {
			explicit_bzero(crypto->scratch, crypto->scratch_size);
		}
		free(crypto->scratch);
		crypto->scratch = scratch;
		crypto->scratch_size = size;
	}
	return true;
}

static int
report_gcrypt_error(const struct spdk_accel_task *base, gcry_error_t error)
{
	SPDK_ERRLOG("key %s: libgcrypt: %s\n", base->crypto_key->param.key_name, gcry_strerror(error));
	return -EIO;
}

/* Units in one piece on both sides. */
static gcry_error_t
crypt_units(struct sw_task *task, gcry_cipher_hd_t cipher, uint8_t *dst, const uint8_t *src, uint64_t len)
{
	const struct spdk_accel_task *base = &task->base;
	uint32_t unit = task->unit;
	bool encrypt = base->op_code == SPDK_ACCEL_OPC_ENCRYPT;
	struct tweak tweak;
	gcry_error_t error;
	uint64_t offset;

	for (offset = 0; offset < len; offset += unit) {
		/* In place, libgcrypt wants to be told so. */
		const uint8_t *from = dst != src ? src + offset : NULL;
		size_t from_len = dst != src ? unit : 0;

		make_tweak(base->crypto_key, task->tweak++, &tweak);
		error = gcry_cipher_setiv(cipher, &tweak, sizeof(tweak));
		if (error != 0) {
			return error;
		}
		error = encrypt ? gcry_cipher_encrypt(cipher, dst + offset, unit, from, from_len)
				: gcry_cipher_decrypt(cipher, dst + offset, unit, from, from_len);
		if (error != 0) {
			return error;
		}
	}
	return 0;
}

/* As many whole units as there are in one piece on both sides, at most max bytes; or one that is cut. max >= unit. */
static int
crypt_next(struct sw_channel *ch, struct sw_task *task, gcry_cipher_hd_t cipher, uint64_t max)
{
	const struct spdk_accel_task *base = &task->base;
	uint32_t unit = task->unit;
	uint64_t source, destination, len;
	void *src = NULL, *dst = NULL;
	uint8_t *from, *to;
	gcry_error_t error;

	source = sw_cursor_peek(&task->source, max, &src);
	destination = sw_cursor_peek(&task->destination, max, &dst);
	len = spdk_min(source, destination);
	/* Mostly one, and division is slow. */
	len = len >= 2 * (uint64_t)unit ? len - len % unit : unit;
	from = src;
	to = dst;
	if (source < len || destination < len) {
		if (!reserve_scratch(ch->crypto, unit)) {
			return -ENOMEM;
		}
		if (source < len) {
			from = ch->crypto->scratch;
			gather(&task->source, from, len);
		}
		if (destination < len) {
			to = ch->crypto->scratch;
		}
	}
	error = crypt_units(task, cipher, to, from, len);
	if (error != 0) {
		return report_gcrypt_error(base, error);
	}
	sw_fused_update(task, to, len);
	if (source >= len) {
		sw_cursor_skip(&task->source, len);
	}
	if (destination >= len) {
		sw_cursor_skip(&task->destination, len);
	} else {
		scatter(&task->destination, to, len);
	}
	task->done += len;
	ch->traffic.read += len;
	ch->traffic.written += len;
	return 0;
}

/* In one piece on both sides, and no longer than a slice: so are most. */
static bool
fits_one_go(const struct sw_task *task)
{
	const struct spdk_accel_task *base = &task->base;

	return base->s.iovcnt == 1 && base->d.iovcnt == 1 && base->s.iovs->iov_len <= SW_SLICE_CRYPTO;
}

static int
crypt_in_one_go(struct sw_channel *ch, struct sw_task *task)
{
	const struct spdk_accel_task *base = &task->base;
	const struct iovec *source = base->s.iovs, *destination = base->d.iovs;
	gcry_cipher_hd_t cipher;
	gcry_error_t error;
	int rc;

	rc = check(base, source->iov_len, destination->iov_len);
	if (rc != 0) {
		return rc;
	}
	cipher = get_handle(ch, base->crypto_key->priv);
	if (cipher == NULL) {
		return -ENOMEM;
	}
	set_first_tweak(task);
	error = crypt_units(task, cipher, destination->iov_base, source->iov_base, source->iov_len);
	ch->traffic.read += source->iov_len;
	ch->traffic.written += source->iov_len;
	return error == 0 ? 0 : report_gcrypt_error(base, error);
}

bool
sw_crypt_at_once(struct sw_channel *ch, struct sw_task *task)
{
	if (!fits_one_go(task)) {
		return false;
	}
	task->base.status = crypt_in_one_go(ch, task);
	return true;
}

bool
sw_crypt(struct sw_channel *ch, struct sw_task *task)
{
	struct spdk_accel_task *base = &task->base;
	gcry_cipher_hd_t cipher;
	uint64_t end, max;

	if (!task->begun) {
		if (fits_one_go(task) && task->fused == NULL) {
			base->status = crypt_in_one_go(ch, task);
			return true;
		}
		base->status = begin(task);
		if (base->status != 0) {
			return true;
		}
	}
	cipher = get_handle(ch, base->crypto_key->priv);
	if (cipher == NULL) {
		base->status = -ENOMEM;
		return true;
	}
	end = spdk_min(task->length, task->done + SW_SLICE_CRYPTO);
	while (task->done < end) {
		/* What is checksummed along the way is to be in the cache still. */
		max = spdk_min(end - task->done, task->fused != NULL ? SW_CACHED : SW_SLICE_CRYPTO);
		max = spdk_max(max, base->block_size);
		base->status = crypt_next(ch, task, cipher, max);
		if (base->status != 0) {
			return true;
		}
	}
	return task->done == task->length;
}
