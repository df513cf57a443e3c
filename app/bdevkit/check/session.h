/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The block-device layer in one system thread, or a part of it, for code that says what it does from top to bottom: nothing happens
 * unless session_wait() or session_settle() is called, which poll all SPDK threads, in an order that a seed decides. The
 * caller is on the app thread unless it has entered another one.
 */

#ifndef BDEVKIT_CHECK_SESSION_H
#define BDEVKIT_CHECK_SESSION_H

#include "spdk/stdinc.h"
#include "spdk/thread.h"

/* How many SPDK threads there are; the first is the app thread. */
#define SESSION_NUM_THREADS 3

/*
 * To be called before session_start(): time is virtual, and the order of everything is decided by the seed alone
 * (bdevkit/sim.h). With devices: as far as none outside the process has a say in it.
 */
void session_simulate(bool devices);

/* Where session_note() writes to; the last lines stay. NULL: nowhere. */
struct session_log {
	uint64_t length;
	char text[16384];
};
void session_log_to(struct session_log *log);
/* Adds a line, with the time, of what is done or happens. */
void session_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void session_log_print(const struct session_log *log, FILE *file);

/* Starts the layer with a configuration: text of JSON, or NULL. Returns 0 or a negative errno. */
int session_start(uint64_t seed, const char *config, size_t config_size);

/* Removes all bdevs and stops the layer. False: something does not end, and the process is not fit for more. */
bool session_stop(void);

/*
 * Instead of these two in a process whose layer others have started, or in one more system thread: a session of its own
 * threads, none of which is the app thread, so that it cannot load configurations. Leaving: as session_stop().
 */
int session_join(uint64_t seed);
bool session_leave(void);

struct spdk_thread *session_thread(unsigned int index);

/* Makes a thread the current one, until the app thread is made it again by NULL. */
void session_enter(struct spdk_thread *thread);

/* Polls until done(arg), for at most timeout_us. Returns what done() said last. */
bool session_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_us);

/* Polls each thread once. */
void session_poll(void);

/* Polls until the threads have nothing to say to each other any more. */
void session_settle(void);

/* In a simulation: whether a device outside has a say in it by now, on a thread other than the app thread. */
bool session_has_devices(void);

/* In a simulation: lets time pass, and returns how often some thread had something to do. */
uint64_t session_count_steps(uint64_t us);

/* Carries out a configuration, and returns when it is done, with 0 or a negative errno. */
int session_load(const char *config, size_t config_size);

/* The same, of which some is there already: what fails is passed over. */
int session_load_again(const char *config, size_t config_size);

/* A random number below limit, from the seed. */
uint64_t session_random(uint64_t limit);

#endif /* BDEVKIT_CHECK_SESSION_H */
