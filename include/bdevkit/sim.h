/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Deterministic simulation: the thread library in one system thread, under a virtual clock, in an order that depends
 * on a seed only. It is the same library code that reactors run; what is replaced is who polls which thread when.
 *
 * In each step one thread, chosen by the seed among those that have something to do, handles one message and makes one
 * pass over its pollers. Messages to one thread keep their order; between threads there is none. While any thread has
 * something to do, time stands still (or passes by a little, see bdk_sim_set_step_time()); when none has, the clock
 * jumps to the next timed poller. A poller that reports idle is asked again when something else has happened.
 *
 * All functions are for the system thread that called bdk_sim_init(). Nothing else in the process may use the thread
 * library or the clock meanwhile.
 */

#ifndef BDEVKIT_SIM_H
#define BDEVKIT_SIM_H

#include "spdk/stdinc.h"
#include "spdk/thread.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts the thread library, the virtual clock at 0, and the random numbers of the environment, from a seed. The first
 * thread that is created becomes the app thread. Returns 0 or a negative errno; -EBUSY if a simulation is going on.
 */
int bdk_sim_init(uint64_t seed);

/*
 * Ends it: makes all threads exit, lets them finish, destroys them, and ends the thread library. Threads that do not
 * finish are exited by force after their virtual five seconds.
 */
void bdk_sim_fini(void);

/* Runs fn(arg) with the thread current, at once and not as a message. The caller must not be in that thread's code. */
void bdk_sim_call(struct spdk_thread *thread, spdk_msg_fn fn, void *arg);

/* Makes one step. Returns false, and does nothing, if no thread has anything to do at this time. */
bool bdk_sim_step(void);

/*
 * Steps until no thread has anything to do unless time passes: no message, and no poller that reports work. A poller
 * that always reports work makes this endless. Returns the number of steps.
 */
uint64_t bdk_sim_run_until_idle(void);

/* As long as there is something to do, and lets time pass when there is not, until so much of it has passed. */
void bdk_sim_run_for(uint64_t us);

/*
 * The same until done(arg) is true, which is asked after each step. Returns true, or false if it was not true
 * within max_us.
 */
bool bdk_sim_run_until(bool (*done)(void *arg), void *arg, uint64_t max_us);

/*
 * Lets each step take a random time of up to max_ns, so that timed pollers come in between. 0, the default: steps take
 * no time.
 */
void bdk_sim_set_step_time(uint64_t max_ns);

/*
 * Whether something on the thread waits for a file descriptor, other than a message: what is outside the process, and not
 * the seed alone, decides what happens then.
 */
bool bdk_sim_has_descriptors(const struct spdk_thread *thread);

/* A random number below limit from the sequence that orders the threads. limit 0: any 64-bit number. */
uint64_t bdk_sim_random(uint64_t limit);

/* Hash of every choice so far: which thread ran at which time. Equal seeds and equal programs give equal hashes. */
uint64_t bdk_sim_get_schedule_hash(void);

/* Steps made so far. */
uint64_t bdk_sim_get_step_count(void);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_SIM_H */
