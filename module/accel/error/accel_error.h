/* SPDX-License-Identifier: BSD-3-Clause */

/* An accel module that makes operations fail, for tests of those that use them. It does crc32c only. */

#ifndef ACCEL_ERROR_H
#define ACCEL_ERROR_H

#include "spdk/accel.h"

enum accel_error_type {
	ACCEL_ERROR_DISABLE,
	/* The result is wrong by one. */
	ACCEL_ERROR_CORRUPT,
	/* The operation ends with an error. */
	ACCEL_ERROR_FAILURE,
};

struct accel_error_opts {
	enum spdk_accel_opcode opcode;
	enum accel_error_type type;
	/* How many times; 0: never. */
	uint64_t count;
	/* Every so many operations; 0 and 1: each of them. */
	uint64_t interval;
	/* What ACCEL_ERROR_FAILURE ends with. */
	int32_t errcode;
};

/* On all channels, also those to come; counts begin anew. 0, -EINVAL for an operation that the module does not do. */
int accel_error_inject(const struct accel_error_opts *opts);

#endif /* ACCEL_ERROR_H */
