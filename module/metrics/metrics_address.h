/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MODULE_METRICS_ADDRESS_H
#define MODULE_METRICS_ADDRESS_H

/*
 * Returns a socket that listens, or a negative errno and, where that does not tell enough, a sentence in *why. bound gets the
 * address that it became, in METRICS_ADDRESS_SIZE bytes.
 */
int metrics_listen(const char *address, char *bound, const char **why);

/* What is left of one that is closed: the file of a Unix socket. */
void metrics_unlisten(const char *bound);

#endif /* MODULE_METRICS_ADDRESS_H */
