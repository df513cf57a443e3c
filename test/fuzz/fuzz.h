/* SPDX-License-Identifier: BSD-3-Clause */

/* What fuzz targets share. A target is linked with libFuzzer, or with replay.c, which runs it on the files of a corpus. */

#ifndef FUZZ_H
#define FUZZ_H

#include "spdk/stdinc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that stays in release builds. */
#define FUZZ_CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#endif /* FUZZ_H */
