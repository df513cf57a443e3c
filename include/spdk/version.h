/* SPDX-License-Identifier: BSD-3-Clause */

/* The version of the interface that this library is source compatible with. Its own version is another thing. */

#ifndef SPDK_VERSION_H
#define SPDK_VERSION_H

#define SPDK_VERSION_MAJOR 25
#define SPDK_VERSION_MINOR 5
#define SPDK_VERSION_PATCH 0
#define SPDK_VERSION_SUFFIX ""

/* A number that grows with the version, to compare SPDK_VERSION with. */
#define SPDK_VERSION_NUM(major, minor, patch) ((((major)*100) + (minor)) * 100 + (patch))
#define SPDK_VERSION SPDK_VERSION_NUM(SPDK_VERSION_MAJOR, SPDK_VERSION_MINOR, SPDK_VERSION_PATCH)

#define SPDK_VERSION_STRINGIFY_x(x) #x
#define SPDK_VERSION_STRINGIFY(x) SPDK_VERSION_STRINGIFY_x(x)

/* Month and, unless it is 0, patch have a leading zero or a dot: "SPDK v25.05". */
#define SPDK_VERSION_MAJOR_STRING SPDK_VERSION_STRINGIFY(SPDK_VERSION_MAJOR)
#if SPDK_VERSION_MINOR < 10
#define SPDK_VERSION_MINOR_STRING ".0" SPDK_VERSION_STRINGIFY(SPDK_VERSION_MINOR)
#else
#define SPDK_VERSION_MINOR_STRING "." SPDK_VERSION_STRINGIFY(SPDK_VERSION_MINOR)
#endif
#if SPDK_VERSION_PATCH != 0
#define SPDK_VERSION_PATCH_STRING "." SPDK_VERSION_STRINGIFY(SPDK_VERSION_PATCH)
#else
#define SPDK_VERSION_PATCH_STRING ""
#endif

/* The commit that was built, where the build says it. */
#ifdef SPDK_GIT_COMMIT
#define SPDK_GIT_COMMIT_STRING SPDK_VERSION_STRINGIFY(SPDK_GIT_COMMIT)
#define SPDK_GIT_COMMIT_STRING_SHA1 " git sha1 " SPDK_GIT_COMMIT_STRING
#else
#define SPDK_GIT_COMMIT_STRING ""
#define SPDK_GIT_COMMIT_STRING_SHA1 ""
#endif

#define SPDK_VERSION_STRING \
	"SPDK v" SPDK_VERSION_MAJOR_STRING SPDK_VERSION_MINOR_STRING SPDK_VERSION_PATCH_STRING SPDK_VERSION_SUFFIX \
		SPDK_GIT_COMMIT_STRING_SHA1

#endif /* SPDK_VERSION_H */
