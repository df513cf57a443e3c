/* SPDX-License-Identifier: BSD-3-Clause */

/* Files that are taken for modules: whatever they hold, it is looked at without harm, and an error has a text. */

#include "test/fuzz/fuzz.h"

#include "lib/loader/loader_internal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *error;
	int rc = loader_stamp_check_data(data, size, &error);

	FUZZ_CHECK((rc == 0) == (error == NULL));
	free(error);
	return 0;
}
