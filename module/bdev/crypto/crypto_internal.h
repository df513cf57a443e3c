/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of crypto share. */

#ifndef MODULE_BDEV_CRYPTO_INTERNAL_H
#define MODULE_BDEV_CRYPTO_INTERNAL_H

#include "bdevkit/vbdev.h"

#include "spdk/accel_module.h"

/* A key that requests and bdevs have in common. Application thread only, but for accel. */
struct crypto_key {
	struct spdk_accel_crypto_key *accel;
	/* Made for a bdev; goes with the last one. */
	bool is_owned;
	uint32_t references;
	TAILQ_ENTRY(crypto_key) link;
};

/* One more reference. */
void crypto_key_ref(struct crypto_key *key);
const char *crypto_key_get_name(const struct crypto_key *key);

/* Metadata of the base that lies in its blocks is hidden. */
struct crypto_bdev {
	struct bdk_vbdev vbdev;
	struct crypto_key *key;
	/* The accel module needs buffers that are aligned, whatever the base does. */
	bool needs_aligned;
};

struct crypto_channel {
	struct bdk_vbdev_channel base;
	struct spdk_io_channel *accel_ch;
};

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. */
struct crypto_io {
	struct spdk_bdev_io_wait_entry wait;
	/* What is done to the data of a read or write, until the base has it. */
	struct spdk_accel_sequence *sequence;
	/* Of a write: where its data lie when they are encrypted. Memory for it is taken when it cannot be done without. */
	struct iovec encrypted;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
};

/* For the table of functions: crypto_io.c. */
void crypto_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);
bool crypto_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type);
int crypto_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size);
bool crypto_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type);

#endif /* MODULE_BDEV_CRYPTO_INTERNAL_H */
