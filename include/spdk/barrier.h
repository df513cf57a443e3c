/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory barriers. Those without "smp" order accesses as devices see them, those with it as other CPUs do. "r" orders
 * reads, "w" writes, neither both.
 */

#ifndef SPDK_BARRIER_H
#define SPDK_BARRIER_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The compiler moves no access across it. Costs no instruction. */
#define spdk_compiler_barrier() __asm volatile("" ::: "memory")

#define spdk_rmb() _spdk_rmb()
#define spdk_wmb() _spdk_wmb()
#define spdk_mb() _spdk_mb()
#define spdk_smp_rmb() _spdk_smp_rmb()
#define spdk_smp_wmb() _spdk_smp_wmb()
#define spdk_smp_mb() _spdk_smp_mb()
/* Drops the cache line of pdata, where the CPU's caches do not follow devices by themselves. */
#define spdk_ivdt_dcache(pdata) _spdk_ivdt_dcache(pdata)

#if defined(__x86_64__) || defined(__i386__)

/* The CPU keeps the order of reads and of writes among each other; only a read may pass an earlier write. */
#define _spdk_rmb() __asm volatile("lfence" ::: "memory")
#define _spdk_wmb() __asm volatile("sfence" ::: "memory")
#define _spdk_mb() __asm volatile("mfence" ::: "memory")
#define _spdk_smp_rmb() spdk_compiler_barrier()
#define _spdk_smp_wmb() spdk_compiler_barrier()
#define _spdk_smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define _spdk_ivdt_dcache(pdata)

#elif defined(__aarch64__)

#define _spdk_rmb() __asm volatile("dsb ld" ::: "memory")
#define _spdk_wmb() __asm volatile("dsb st" ::: "memory")
#define _spdk_mb() __asm volatile("dsb sy" ::: "memory")
#define _spdk_smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define _spdk_smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define _spdk_smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define _spdk_ivdt_dcache(pdata) __asm volatile("dc civac, %0" : : "r"(pdata) : "memory")

#else

/* The strongest that the compiler has. */
#define _spdk_rmb() __sync_synchronize()
#define _spdk_wmb() __sync_synchronize()
#define _spdk_mb() __sync_synchronize()
#define _spdk_smp_rmb() __sync_synchronize()
#define _spdk_smp_wmb() __sync_synchronize()
#define _spdk_smp_mb() __sync_synchronize()
#define _spdk_ivdt_dcache(pdata)

#endif

#ifdef __cplusplus
}
#endif

#endif /* SPDK_BARRIER_H */
