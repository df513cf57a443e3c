/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_VERSION_H
#define SPDK_VERSION_H


#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_GIT_COMMIT_STRING 
#define SPDK_GIT_COMMIT_STRING_SHA1 
#define SPDK_VERSION 
#define SPDK_VERSION_MAJOR 25
#define SPDK_VERSION_MAJOR_STRING 
#define SPDK_VERSION_MINOR 5
#define SPDK_VERSION_MINOR_STRING 
/* macro SPDK_VERSION_NUM(major, minor, patch) */
#define SPDK_VERSION_PATCH 0
#define SPDK_VERSION_PATCH_STRING 
#define SPDK_VERSION_STRING 
/* macro SPDK_VERSION_STRINGIFY(x) */
/* macro SPDK_VERSION_STRINGIFY_x(x) */
#define SPDK_VERSION_SUFFIX ""




#ifdef __cplusplus
}
#endif

#endif /* SPDK_VERSION_H */
