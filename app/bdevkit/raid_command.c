/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit raid status: what an operator wants to know of the arrays of a running target, at a glance. */

#include "spdk/stdinc.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/rpc_client.h"

#define TIMEOUT 60
#define MAX_MEMBERS 255
#define BAR_WIDTH 30

/* ---- What the target says ---- */

struct member {
	/* NULL: the slot has none. */
	char *name;
	char *state;
};

struct process {
	char *type;
	char *target;
	char *mode;
	uint32_t percent;
	uint64_t mib_per_sec;
	/* UINT64_MAX: it is not known yet. */
	uint64_t seconds_left;
};

struct array {
	char *name;
	char *level;
	char *state;
	char *policy;
	bool degraded;
	bool superblock;
	uint64_t mismatches;
	uint64_t repaired;
	struct process process;
	struct member members[MAX_MEMBERS];
	size_t num_members;
};

static int
decode_name(const struct spdk_json_val *val, void *out)
{
	return val->type == SPDK_JSON_VAL_NULL ? 0 : spdk_json_decode_string(val, out);
}

static const struct spdk_json_object_decoder g_member_decoders[] = {
	{"name", offsetof(struct member, name), decode_name, false},
	{"state", offsetof(struct member, state), spdk_json_decode_string, true},
};

static int
decode_member(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object_relaxed(val, g_member_decoders, SPDK_COUNTOF(g_member_decoders), out);
}

static int
decode_members(const struct spdk_json_val *val, void *out)
{
	struct array *array = SPDK_CONTAINEROF(out, struct array, members);

	return spdk_json_decode_array(val, decode_member, out, MAX_MEMBERS, &array->num_members, sizeof(struct member));
}

static int
decode_progress(const struct spdk_json_val *val, void *out)
{
	static const struct spdk_json_object_decoder decoders[] = {{"percent", 0, spdk_json_decode_uint32, false}};

	return spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), out);
}

static const struct spdk_json_object_decoder g_process_decoders[] = {
	{"type", offsetof(struct process, type), spdk_json_decode_string, false},
	{"target", offsetof(struct process, target), spdk_json_decode_string, true},
	{"mode", offsetof(struct process, mode), spdk_json_decode_string, true},
	{"progress", offsetof(struct process, percent), decode_progress, true},
	{"mib_per_sec", offsetof(struct process, mib_per_sec), spdk_json_decode_uint64, true},
	{"seconds_left", offsetof(struct process, seconds_left), spdk_json_decode_uint64, true},
};

static int
decode_process(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object_relaxed(val, g_process_decoders, SPDK_COUNTOF(g_process_decoders), out);
}

static const struct spdk_json_object_decoder g_array_decoders[] = {
	{"name", offsetof(struct array, name), spdk_json_decode_string, false},
	{"raid_level", offsetof(struct array, level), spdk_json_decode_string, false},
	{"state", offsetof(struct array, state), spdk_json_decode_string, false},
	{"superblock", offsetof(struct array, superblock), spdk_json_decode_bool, true},
	{"consistency_policy", offsetof(struct array, policy), spdk_json_decode_string, true},
	{"degraded", offsetof(struct array, degraded), spdk_json_decode_bool, true},
	{"mismatches", offsetof(struct array, mismatches), spdk_json_decode_uint64, true},
	{"repaired", offsetof(struct array, repaired), spdk_json_decode_uint64, true},
	{"process", offsetof(struct array, process), decode_process, true},
	{"base_bdevs_list", offsetof(struct array, members), decode_members, false},
};

static void
free_array(struct array *array)
{
	free(array->name);
	free(array->level);
	free(array->state);
	free(array->policy);
	free(array->process.type);
	free(array->process.target);
	free(array->process.mode);
	for (size_t i = 0; i < array->num_members; i++) {
		free(array->members[i].name);
		free(array->members[i].state);
	}
	free(array);
}

/* ---- For people ---- */

static void
print_time(uint64_t seconds)
{
	if (seconds >= 48 * 3600) {
		printf("%" PRIu64 " d %" PRIu64 " h", seconds / 86400, seconds / 3600 % 24);
	} else if (seconds >= 3600) {
		printf("%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
	} else if (seconds >= 60) {
		printf("%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
	} else {
		printf("%" PRIu64 " s", seconds);
	}
}

static void
print_process(const struct process *process)
{
	uint32_t filled = spdk_min(process->percent, 100) * BAR_WIDTH / 100;

	printf("  %s", process->type);
	if (process->target != NULL) {
		printf(" of %s", process->target);
	} else if (process->mode != NULL) {
		printf(" (%s)", process->mode);
	}
	printf("  [");
	for (uint32_t i = 0; i < BAR_WIDTH; i++) {
		putchar(i < filled ? '#' : '.');
	}
	printf("] %u %%, %" PRIu64 " MiB/s", process->percent, process->mib_per_sec);
	if (process->seconds_left != UINT64_MAX) {
		printf(", ");
		print_time(process->seconds_left);
		printf(" left");
	}
	printf("\n");
}

static void
print_array(const struct array *array)
{
	int width = 6;

	printf("%s: %s, %s%s", array->name, array->level, array->state, array->degraded ? ", DEGRADED" : "");
	if (array->superblock) {
		printf("; superblock, %s", array->policy != NULL ? array->policy : "resync");
	}
	printf("\n");
	for (size_t i = 0; i < array->num_members; i++) {
		const char *name = array->members[i].name;

		width = spdk_max(width, name != NULL ? (int)strlen(name) : 0);
	}
	for (size_t i = 0; i < array->num_members; i++) {
		const struct member *member = &array->members[i];

		printf("  %3zu  %-*s  %s\n", i, width, member->name != NULL ? member->name : "-",
			member->state != NULL ? member->state : "");
	}
	if (array->process.type != NULL) {
		print_process(&array->process);
	}
	if (array->mismatches > 0 || array->repaired > 0) {
		printf("  %" PRIu64 " blocks did not agree in the last scrub, %" PRIu64 " were repaired\n",
			array->mismatches, array->repaired);
	}
}

static bool
is_wanted(const char *name, int num_names, char **names)
{
	for (int i = 0; i < num_names; i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return num_names == 0;
}

/* Returns how many there are, or a negative errno. */
static int
print_arrays(const struct spdk_json_val *result, int num_names, char **names)
{
	struct spdk_json_val *val;
	int count = 0;

	for (val = spdk_json_array_first((struct spdk_json_val *)result); val != NULL; val = spdk_json_next(val)) {
		struct array *array = calloc(1, sizeof(*array));

		if (array == NULL) {
			return -ENOMEM;
		}
		array->process.seconds_left = UINT64_MAX;
		if (spdk_json_decode_object_relaxed(val, g_array_decoders, SPDK_COUNTOF(g_array_decoders), array) !=
			0) {
			free_array(array);
			return -EINVAL;
		}
		if (is_wanted(array->name, num_names, names)) {
			printf("%s", count == 0 ? "" : "\n");
			print_array(array);
			count++;
		}
		free_array(array);
	}
	return count;
}

/* ---- For programs ---- */

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

static char *
get_name(const struct spdk_json_val *val)
{
	static const struct spdk_json_object_decoder decoders[] = {{"name", 0, spdk_json_decode_string, false}};
	char *name = NULL;

	spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), &name);
	return name;
}

static int
write_arrays(const struct spdk_json_val *result, int num_names, char **names)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(write_stdout, NULL, SPDK_JSON_WRITE_FLAG_FORMATTED);
	struct spdk_json_val *val;
	int count = 0;

	spdk_json_write_array_begin(w);
	for (val = spdk_json_array_first((struct spdk_json_val *)result); val != NULL; val = spdk_json_next(val)) {
		char *name = get_name(val);

		if (name != NULL && is_wanted(name, num_names, names)) {
			spdk_json_write_val(w, val);
			count++;
		}
		free(name);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_end(w);
	printf("\n");
	return count;
}

/* ---- The command ---- */

static int
write_category(struct spdk_json_write_ctx *w, void *ctx)
{
	return spdk_json_write_named_string(w, "category", "all");
}

static int
show_status(struct rpc_client *client, bool json, int num_names, char **names)
{
	struct spdk_jsonrpc_client_response *response;
	int count;

	response = rpc_client_call(client, "bdev_raid_get_bdevs", write_category, NULL);
	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->result == NULL) {
		fprintf(stderr, "bdevkit raid: the target cannot say what arrays it has\n");
		spdk_jsonrpc_client_free_response(response);
		return EXIT_FAILED;
	}
	count = json ? write_arrays(response->result, num_names, names)
		     : print_arrays(response->result, num_names, names);
	spdk_jsonrpc_client_free_response(response);
	if (count < 0) {
		fprintf(stderr, "bdevkit raid: the target's answer is not understood\n");
		return EXIT_FAILED;
	}
	if (count < num_names) {
		fprintf(stderr, "bdevkit raid: the target has no array of that name\n");
		return EXIT_FAILED;
	}
	if (count == 0 && !json) {
		printf("The target has no arrays.\n");
	}
	return EXIT_OK;
}

static void
print_help(void)
{
	printf("usage: bdevkit raid status [-r SOCKET] [--json-output] [ARRAY...]\n"
	       "\n"
	       "Shows the arrays of a running target: members and their state, how far a rebuild or a scrub has\n"
	       "come, what did not agree and what was repaired.\n"
	       "\n"
	       "  -r SOCKET      the target's socket (default " SPDK_DEFAULT_RPC_ADDR ")\n"
	       "  --json-output  as the target says it\n"
	       "\n"
	       "example:\n"
	       "  watch bdevkit raid status\n");
}

int
raid_command(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json-output", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct rpc_client client = {.socket_path = SPDK_DEFAULT_RPC_ADDR, .timeout = TIMEOUT, .command = "raid"};
	bool json = false;
	int ch, rc;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "hr:", long_options, NULL)) != -1) {
		switch (ch) {
		case 'h':
			print_help();
			return EXIT_OK;
		case 'j':
			json = true;
			break;
		case 'r':
			client.socket_path = optarg;
			break;
		default:
			fprintf(stderr, "'bdevkit raid --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	if (optind == argc || strcmp(argv[optind], "status") != 0) {
		fprintf(stderr, "bdevkit raid: status is what there is to ask for; 'bdevkit raid --help' tells more\n");
		return EXIT_USAGE;
	}
	rc = show_status(&client, json, argc - optind - 1, argv + optind + 1);
	rpc_client_close(&client);
	return rc;
}
