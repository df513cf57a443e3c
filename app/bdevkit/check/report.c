/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules, and what is told of them. */

#include "app/bdevkit/check/check.h"

#include "spdk/env.h"
#include "spdk/json.h"

static const struct {
	const char *group;
	const char *text;
} g_rules[CHECK_NUM_RULES] = {
#define CHECK_RULE_TEXT(id, group, text) [RULE_##id] = {group, text},
	CHECK_RULES(CHECK_RULE_TEXT)
#undef CHECK_RULE_TEXT
};

void
check_note(struct check_rule *rule, const char *note)
{
	if (rule->failures == 0) {
		snprintf(rule->note, sizeof(rule->note), "%s", note);
	}
}

void
check_skip(struct check_rule *rule, const char *why)
{
	rule->skipped = true;
	check_note(rule, why);
}

void
check_list_rules(void)
{
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		printf("%-10s %s\n", g_rules[i].group, g_rules[i].text);
	}
}

bool
check_expect(
	struct check *check, struct check_rule *rule, bool holds, const struct check_io *io, const char *format, ...)
{
	va_list args;
	size_t used = 0;

	rule->count++;
	if (holds) {
		return true;
	}
	if (rule->failures++ > 0) {
		return false;
	}
	if (io != NULL) {
		check_io_describe(io, rule->note, sizeof(rule->note));
		used = strlen(rule->note);
		used += (size_t)snprintf(rule->note + used, sizeof(rule->note) - used, ": ");
	}
	va_start(args, format);
	vsnprintf(rule->note + used, sizeof(rule->note) - used, format, args);
	va_end(args);
	return false;
}

void
check_add(struct check *total, const struct check *part)
{
	if (part->checked && !total->checked) {
		const char *name = total->name;
		const struct check_options *options = total->options;

		*total = *part;
		total->name = name;
		total->options = options;
		return;
	}
	for (size_t i = 0; part->checked && i < CHECK_NUM_RULES; i++) {
		struct check_rule *rule = &total->rules[i];

		if (part->rules[i].failures > rule->failures || rule->count == 0) {
			memcpy(rule->note, part->rules[i].note, sizeof(rule->note));
		}
		rule->count += part->rules[i].count;
		rule->failures += part->rules[i].failures;
		rule->skipped = rule->skipped || part->rules[i].skipped;
	}
}

bool
check_passed(const struct check *check)
{
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		if (check->rules[i].failures > 0) {
			return false;
		}
	}
	return true;
}

static const char *
result_of(const struct check_rule *rule)
{
	return rule->failures > 0 ? "FAILED" : rule->skipped || rule->count == 0 ? "skipped" : "ok";
}

static void
print_text(const struct check *check, const struct check_options *options)
{
	uint64_t count = 0, failures = 0;
	int width = 0;

	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		int length = (int)strlen(g_rules[i].text);

		width = length > width ? length : width;
	}

	printf("%s: %" PRIu64 " blocks of %u bytes, module %s, seed %" PRIu64 "\n\n", check->name, check->num_blocks,
		check->block_size, check->module, options->seed);
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		const struct check_rule *rule = &check->rules[i];

		count += rule->count;
		failures += rule->failures > 0;
		printf("  %-10s %-*s %-7s %7" PRIu64 "\n", g_rules[i].group, width, g_rules[i].text, result_of(rule),
			rule->count);
		if (rule->note[0] != '\0') {
			printf("             %s\n", rule->note);
		}
	}
	printf("\n%s: %d rules, %" PRIu64 " checks, %" PRIu64 " broken\n", check->name, CHECK_NUM_RULES, count,
		failures);
}

static void
write_rules(struct spdk_json_write_ctx *w, const struct check *check)
{
	spdk_json_write_named_array_begin(w, "rules");
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		const struct check_rule *rule = &check->rules[i];

		spdk_json_write_object_begin(w);
		spdk_json_write_named_string(w, "group", g_rules[i].group);
		spdk_json_write_named_string(w, "rule", g_rules[i].text);
		spdk_json_write_named_string(w, "result", result_of(rule));
		spdk_json_write_named_uint64(w, "count", rule->count);
		spdk_json_write_named_uint64(w, "failures", rule->failures);
		if (rule->note[0] != '\0') {
			spdk_json_write_named_string(w, "note", rule->note);
		}
		spdk_json_write_object_end(w);
	}
	spdk_json_write_array_end(w);
}

enum check_rule_id
check_find_rule(const char *text)
{
	enum check_rule_id id = 0;

	while (id < CHECK_NUM_RULES && strcmp(g_rules[id].text, text) != 0) {
		id++;
	}
	return id;
}

void
check_write_json(struct spdk_json_write_ctx *w, const struct check *check)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "bdev", check->name);
	spdk_json_write_named_string(w, "module", check->module);
	spdk_json_write_named_uint64(w, "num_blocks", check->num_blocks);
	spdk_json_write_named_uint32(w, "block_size", check->block_size);
	spdk_json_write_named_uint64(w, "seed", check->options->seed);
	spdk_json_write_named_bool(w, "passed", check->checked && check_passed(check));
	write_rules(w, check);
	spdk_json_write_object_end(w);
}

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

static void
print_json(struct check *const *checks, size_t count, const struct check_options *options)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(write_stdout, NULL, SPDK_JSON_WRITE_FLAG_FORMATTED);

	if (w == NULL) {
		return;
	}
	spdk_json_write_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		check_write_json(w, checks[i]);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_end(w);
	printf("\n");
}

void
check_print(struct check *const *checks, size_t count, const struct check_options *options)
{
	if (options->json) {
		print_json(checks, count, options);
	}
	for (size_t i = 0; i < count && !options->json; i++) {
		/* Of one that could not be checked all is said. */
		if (checks[i]->checked) {
			print_text(checks[i], options);
		}
	}
	/* What is found at the end of the process must not keep it from being seen. */
	fflush(stdout);
}

void
check_print_failures(const struct check *check)
{
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		if (check->rules[i].failures > 0) {
			printf("%s: %s: %s\n             %s\n", check->name, g_rules[i].group, g_rules[i].text,
				check->rules[i].note);
		}
	}
}

void
check_give_up(struct check *check)
{
	if (check->options->in_target) {
		check_stay(check);
	}
	if (check->options->slice) {
		check_schedule_ends(check);
	} else {
		check_print(&check, 1, check->options);
	}
	fflush(NULL);
	_exit(1);
}
