/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared objects that come and go while the process runs, and what the libraries keep that points into one.
 *
 * A library that keeps pointers to functions or static structures of its users registers a struct env_image_user, which
 * finds them by their addresses: nobody has to say what is whose, and what was registered late is found as well.
 */

#ifndef LIB_ENV_IMAGE_H
#define LIB_ENV_IMAGE_H

#include "spdk/stdinc.h"

/* One that is in memory. */
struct env_image {
	void *handle;
	uintptr_t start;
	uintptr_t end;
	/* It was linked to stay: -z nodelete. */
	bool stays;
};

static inline bool
env_image_has(const struct env_image *image, const volatile void *pointer)
{
	return (uintptr_t)pointer >= image->start && (uintptr_t)pointer < image->end;
}

#define ENV_IMAGE_HAS_FN(image, fn) env_image_has(image, (const void *)(uintptr_t)(fn))

/*
 * Each may be NULL. The ones that ask return whether there is something, and then what it is in *why, one phrase such as
 * "bdev x is there", which the caller frees; NULL: no memory for it.
 */
struct env_image_user {
	/* Something of the image, or made by it, that only others can end. App thread. */
	bool (*in_use)(const struct env_image *image, char **why);
	/* Something that has to be registered before the start, and stays until the end. App thread. */
	bool (*is_fixed)(const struct env_image *image, char **why);
	/* What the image should have taken back when it ended: everywhere (app thread), and of the current SPDK thread. */
	bool (*has_left)(const struct env_image *image, char **why);
	bool (*has_left_on_thread)(const struct env_image *image, char **why);
	/* Lets nobody call it from outside any more. App thread. */
	void (*shut)(const struct env_image *image);
	/* Drops all that constructors of the image have registered. App thread. */
	void (*forget)(const struct env_image *image);
	struct env_image_user *next;
};

void env_image_add_user(struct env_image_user *user);

#define ENV_IMAGE_USER_REGISTER(user) \
	__attribute__((constructor)) static void env_image_register_##user(void) \
	{ \
		env_image_add_user(&user); \
	}

/* Ask all users, until one has something. */
bool env_image_in_use(const struct env_image *image, char **why);
bool env_image_is_fixed(const struct env_image *image, char **why);
bool env_image_has_left(const struct env_image *image, char **why);
bool env_image_has_left_on_thread(const struct env_image *image, char **why);
void env_image_shut(const struct env_image *image);
/* This includes shut. */
void env_image_forget(const struct env_image *image);

/*
 * Loads a file and runs its constructors. What these register in vain (env_image_refuse()) is an error, too, and then
 * the image is open: it has to be forgotten and closed.
 * Returns 0; -EEXIST if it is in memory; -EINVAL with the reason in *error, which the caller frees (NULL: no memory), and
 * in the case of a refusal image->handle is set, else NULL.
 */
int env_image_open(const char *path, struct env_image *image, char **error);

/* Takes it out of memory. False: it stays there all the same. */
bool env_image_close(struct env_image *image);

/*
 * What a registry has to say against something that is being registered. True: a file is being loaded on this thread,
 * and whoever loads it is told; nobody else needs to be.
 */
bool env_image_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* LIB_ENV_IMAGE_H */
