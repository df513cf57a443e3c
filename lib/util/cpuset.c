/* SPDX-License-Identifier: BSD-3-Clause */

/* Sets of CPUs. */

#include "spdk/cpuset.h"
#include "spdk/log.h"

struct spdk_cpuset *
spdk_cpuset_alloc(void)
{
	return calloc(1, sizeof(struct spdk_cpuset));
}

void
spdk_cpuset_free(struct spdk_cpuset *set)
{
	free(set);
}

bool
spdk_cpuset_equal(const struct spdk_cpuset *set1, const struct spdk_cpuset *set2)
{
	return memcmp(set1->cpus, set2->cpus, sizeof(set1->cpus)) == 0;
}

void
spdk_cpuset_copy(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	memmove(dst->cpus, src->cpus, sizeof(dst->cpus));
}

void
spdk_cpuset_and(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	for (size_t i = 0; i < sizeof(dst->cpus); i++) {
		dst->cpus[i] &= src->cpus[i];
	}
}

void
spdk_cpuset_or(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	for (size_t i = 0; i < sizeof(dst->cpus); i++) {
		dst->cpus[i] |= src->cpus[i];
	}
}

void
spdk_cpuset_xor(struct spdk_cpuset *dst, const struct spdk_cpuset *src)
{
	for (size_t i = 0; i < sizeof(dst->cpus); i++) {
		dst->cpus[i] ^= src->cpus[i];
	}
}

void
spdk_cpuset_negate(struct spdk_cpuset *set)
{
	for (size_t i = 0; i < sizeof(set->cpus); i++) {
		set->cpus[i] = (uint8_t)~set->cpus[i];
	}
}

void
spdk_cpuset_zero(struct spdk_cpuset *set)
{
	memset(set->cpus, 0, sizeof(set->cpus));
}

void
spdk_cpuset_set_cpu(struct spdk_cpuset *set, uint32_t cpu, bool state)
{
	assert(cpu < SPDK_CPUSET_SIZE);
	if (cpu >= SPDK_CPUSET_SIZE) {
		return;
	}
	if (state) {
		set->cpus[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
	} else {
		set->cpus[cpu / 8] &= (uint8_t) ~(1u << (cpu % 8));
	}
}

bool
spdk_cpuset_get_cpu(const struct spdk_cpuset *set, uint32_t cpu)
{
	return cpu < SPDK_CPUSET_SIZE && (set->cpus[cpu / 8] >> (cpu % 8)) & 1;
}

void
spdk_cpuset_for_each_cpu(const struct spdk_cpuset *set, void (*fn)(void *ctx, uint32_t cpu), void *ctx)
{
	for (uint32_t cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		if (spdk_cpuset_get_cpu(set, cpu)) {
			fn(ctx, cpu);
		}
	}
}

uint32_t
spdk_cpuset_count(const struct spdk_cpuset *set)
{
	uint32_t count = 0;

	for (size_t i = 0; i < sizeof(set->cpus); i++) {
		count += (uint32_t)__builtin_popcount(set->cpus[i]);
	}
	return count;
}

const char *
spdk_cpuset_fmt(struct spdk_cpuset *set)
{
	static const char digits[] = "0123456789abcdef";
	char *pos = set->str;

	for (size_t nibble = sizeof(set->cpus) * 2; nibble-- > 0;) {
		unsigned int value = (set->cpus[nibble / 2] >> (nibble % 2 * 4)) & 0xf;

		if (value != 0 || pos != set->str || nibble == 0) {
			*pos++ = digits[value];
		}
	}
	*pos = '\0';
	return set->str;
}

/* ---- Reading ---- */

static const char *
skip_blanks(const char *pos)
{
	while (isspace((unsigned char)*pos)) {
		pos++;
	}
	return pos;
}

/* Reads a CPU's number from *text and moves *text behind it and blanks. */
static int
parse_cpu(const char **text, uint32_t *cpu)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**text)) {
		SPDK_ERRLOG("CPU list: there is no number at \"%s\"\n", *text);
		return -EINVAL;
	}
	errno = 0;
	value = strtoul(*text, &end, 10);
	if (errno != 0 || value >= SPDK_CPUSET_SIZE) {
		SPDK_ERRLOG("CPU list: CPU %.*s is above %d\n", (int)(end - *text), *text, SPDK_CPUSET_SIZE - 1);
		return -EINVAL;
	}
	*cpu = (uint32_t)value;
	*text = skip_blanks(end);
	return 0;
}

/* A list, from behind its opening bracket. */
static int
parse_list(const char *text, struct spdk_cpuset *set)
{
	uint32_t first, last;

	do {
		text = skip_blanks(text);
		if (parse_cpu(&text, &first) != 0) {
			return -EINVAL;
		}
		last = first;
		if (*text == '-') {
			text = skip_blanks(text + 1);
			if (parse_cpu(&text, &last) != 0) {
				return -EINVAL;
			}
		}
		if (last < first) {
			SPDK_ERRLOG("CPU list: range %u-%u is reversed\n", first, last);
			return -EINVAL;
		}
		for (uint32_t cpu = first; cpu <= last; cpu++) {
			spdk_cpuset_set_cpu(set, cpu, true);
		}
	} while (*text++ == ',');
	if (text[-1] != ']') {
		SPDK_ERRLOG("CPU list: a comma or ] is missing at \"%s\"\n", text - 1);
		return -EINVAL;
	}
	return 0;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A mask: its digits are read from the last to the first. */
static int
parse_mask(const char *mask, struct spdk_cpuset *set)
{
	size_t len = strlen(mask);
	uint32_t cpu = 0;

	while (len > 0 && isspace((unsigned char)mask[len - 1])) {
		len--;
	}
	if (len >= 2 && mask[0] == '0' && (mask[1] == 'x' || mask[1] == 'X')) {
		mask += 2;
		len -= 2;
	} else if (len == 0) {
		return -EINVAL;
	}
	while (len-- > 0) {
		int value = hex_value(mask[len]);

		if (mask[len] == ',') {
			continue;
		}
		if (value < 0) {
			SPDK_ERRLOG("CPU mask: \"%c\" is no hexadecimal digit\n", mask[len]);
			return -EINVAL;
		}
		for (uint32_t bit = 0; bit < 4 && cpu < SPDK_CPUSET_SIZE; bit++, cpu++) {
			spdk_cpuset_set_cpu(set, cpu, (value >> bit) & 1);
		}
	}
	return 0;
}

int
spdk_cpuset_parse(struct spdk_cpuset *set, const char *mask)
{
	struct spdk_cpuset parsed;
	int rc;

	if (set == NULL || mask == NULL) {
		return -EINVAL;
	}
	spdk_cpuset_zero(&parsed);
	mask = skip_blanks(mask);
	rc = *mask == '[' ? parse_list(mask + 1, &parsed) : parse_mask(mask, &parsed);
	if (rc == 0) {
		spdk_cpuset_copy(set, &parsed);
	}
	return rc;
}
