/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The clock. A tick is a step of the CPU's time-stamp counter where that counts at a constant rate on all CPUs, else
 * a nanosecond of CLOCK_MONOTONIC; or a nanosecond of the virtual clock.
 */

#include "spdk/likely.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

/*
 * The counter is measured against CLOCK_MONOTONIC over at least this time. Reading the pair is exact to some 30 ns,
 * so the frequency is known to about 15 ppm.
 */
#define CALIBRATION_NS 2000000ULL

enum clock_source {
	SOURCE_UNKNOWN,
	SOURCE_TSC,
	SOURCE_MONOTONIC,
	SOURCE_VIRTUAL,
};

static enum clock_source g_source;
static uint64_t g_hz;
static uint64_t g_virtual_ticks;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
/* What pthread_once found. */
static enum clock_source g_real_source;
static uint64_t g_real_hz;

static uint64_t
read_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SPDK_SEC_TO_NSEC + (uint64_t)ts.tv_nsec;
}

#if defined(__x86_64__)

struct clock_pair {
	uint64_t tsc;
	uint64_t ns;
};

/* Taken when the library is loaded, so that the start of the program pays for most of the calibration's time. */
static struct clock_pair g_loaded;

static struct clock_pair
read_pair(void)
{
	struct clock_pair best = {0, 0};
	uint64_t best_width = UINT64_MAX;

	/* An interrupt between the two readings spoils them: the narrowest of a few is good. */
	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc();
		uint64_t ns = read_monotonic();
		uint64_t width = __rdtsc() - before;

		if (width < best_width) {
			best_width = width;
			best.tsc = before + width / 2;
			best.ns = ns;
		}
	}
	return best;
}

__attribute__((constructor)) static void
note_load_time(void)
{
	g_loaded = read_pair();
}

/* The kernel watches the counter: when it has given it up, so do we. Names nothing if it does not say. */
static bool
kernel_distrusts_tsc(void)
{
	static const char *const others[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies"};
	char name[32] = "";
	FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (file == NULL) {
		return false;
	}
	if (fscanf(file, "%31s", name) != 1) {
		name[0] = '\0';
	}
	fclose(file);
	for (size_t i = 0; i < SPDK_COUNTOF(others); i++) {
		if (strcmp(name, others[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool
tsc_is_invariant(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) || !(edx & (1u << 8))) {
		return false;
	}
	return !kernel_distrusts_tsc();
}

/*
 * The frequency that the CPU states, 0 if it does not. A hypervisor may pass its own CPU's statement on to a guest
 * whose counter it scales, so guests measure.
 */
static uint64_t
stated_hz(void)
{
	unsigned int denominator, numerator, crystal, edx;
	unsigned int eax, ebx, ecx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & (1u << 31))) {
		return 0;
	}
	if (!__get_cpuid(0x15, &denominator, &numerator, &crystal, &edx) || denominator == 0 || numerator == 0) {
		return 0;
	}
	return (uint64_t)crystal * numerator / denominator;
}

static uint64_t
measure_hz(void)
{
	struct clock_pair now;
	uint64_t ns;

	while (read_monotonic() - g_loaded.ns < CALIBRATION_NS) {
		__builtin_ia32_pause();
	}
	now = read_pair();
	ns = now.ns - g_loaded.ns;
	return (uint64_t)((__uint128_t)(now.tsc - g_loaded.tsc) * SPDK_SEC_TO_NSEC / ns);
}

static void
choose_real_source(void)
{
	if (!tsc_is_invariant()) {
		g_real_source = SOURCE_MONOTONIC;
		g_real_hz = SPDK_SEC_TO_NSEC;
		return;
	}
	g_real_source = SOURCE_TSC;
	g_real_hz = stated_hz();
	if (g_real_hz == 0) {
		g_real_hz = measure_hz();
	}
}

#else

static void
choose_real_source(void)
{
	g_real_source = SOURCE_MONOTONIC;
	g_real_hz = SPDK_SEC_TO_NSEC;
}

#endif

/* Several threads may come here at once; they all store the same values. */
static void
use_real_source(void)
{
	pthread_once(&g_once, choose_real_source);
	__atomic_store_n(&g_hz, g_real_hz, __ATOMIC_RELAXED);
	__atomic_store_n(&g_source, g_real_source, __ATOMIC_RELEASE);
}

static uint64_t
read_other_source(enum clock_source source)
{
	if (source == SOURCE_UNKNOWN) {
		use_real_source();
		return spdk_get_ticks();
	}
	if (source == SOURCE_VIRTUAL) {
		return __atomic_load_n(&g_virtual_ticks, __ATOMIC_RELAXED);
	}
	return read_monotonic();
}

uint64_t
spdk_get_ticks(void)
{
	enum clock_source source = __atomic_load_n(&g_source, __ATOMIC_RELAXED);

#if defined(__x86_64__)
	if (spdk_likely(source == SOURCE_TSC)) {
		return __rdtsc();
	}
#endif
	return read_other_source(source);
}

uint64_t
spdk_get_ticks_hz(void)
{
	if (spdk_unlikely(__atomic_load_n(&g_source, __ATOMIC_ACQUIRE) == SOURCE_UNKNOWN)) {
		use_real_source();
	}
	return __atomic_load_n(&g_hz, __ATOMIC_RELAXED);
}

void
spdk_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

void
spdk_delay_us(unsigned int us)
{
	uint64_t ticks = (uint64_t)us * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	uint64_t start;

	if (env_clock_is_virtual()) {
		env_clock_advance(ticks);
		return;
	}
	start = spdk_get_ticks();
	while (spdk_get_ticks() - start < ticks) {
		spdk_pause();
	}
}

void
env_clock_set_virtual(bool enable)
{
	if (!enable) {
		use_real_source();
		return;
	}
	__atomic_store_n(&g_virtual_ticks, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&g_hz, SPDK_SEC_TO_NSEC, __ATOMIC_RELAXED);
	__atomic_store_n(&g_source, SOURCE_VIRTUAL, __ATOMIC_RELEASE);
}

bool
env_clock_is_virtual(void)
{
	return __atomic_load_n(&g_source, __ATOMIC_RELAXED) == SOURCE_VIRTUAL;
}

void
env_clock_advance(uint64_t ticks)
{
	if (env_clock_is_virtual()) {
		__atomic_fetch_add(&g_virtual_ticks, ticks, __ATOMIC_RELAXED);
	}
}

void
env_clock_get_wall(struct timespec *ts)
{
	uint64_t ns;

	if (!env_clock_is_virtual()) {
		clock_gettime(CLOCK_REALTIME, ts);
		return;
	}
	ns = spdk_get_ticks();
	ts->tv_sec = (time_t)(ns / SPDK_SEC_TO_NSEC);
	ts->tv_nsec = (long)(ns % SPDK_SEC_TO_NSEC);
}

void
env_sleep_real_us(uint64_t us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(us / SPDK_SEC_TO_USEC), .tv_nsec = (long)(us % SPDK_SEC_TO_USEC) * 1000};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR) {
	}
}

void
env_sleep_us(uint64_t us)
{
	if (env_clock_is_virtual()) {
		env_clock_advance(us * 1000);
		return;
	}
	env_sleep_real_us(us);
}
