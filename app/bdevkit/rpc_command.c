/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit rpc: a method of a running target, with its parameters as key=value. What the methods and parameters are, and
 * of which type, the target tells.
 */

#include "spdk/stdinc.h"
#include "spdk/init.h"
#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/rpc_client.h"

#define DEFAULT_TIMEOUT 60

/* ---- what the target says of its methods ---- */

struct param_description {
	char *name;
	char *type;
	char *help;
	char *default_text;
	bool required;
};

#define MAX_PARAMS 64

struct method_description {
	char *name;
	char *summary;
	char *result;
	struct param_description params[MAX_PARAMS];
	size_t num_params;
};

static const struct spdk_json_object_decoder g_param_decoders[] = {
	{"name", offsetof(struct param_description, name), spdk_json_decode_string, false},
	{"type", offsetof(struct param_description, type), spdk_json_decode_string, false},
	{"required", offsetof(struct param_description, required), spdk_json_decode_bool, true},
	{"help", offsetof(struct param_description, help), spdk_json_decode_string, true},
	{"default", offsetof(struct param_description, default_text), spdk_json_decode_string, true},
};

static int
decode_param(const struct spdk_json_val *val, void *out)
{
	return spdk_json_decode_object_relaxed(val, g_param_decoders, SPDK_COUNTOF(g_param_decoders), out);
}

static int
decode_params(const struct spdk_json_val *val, void *out)
{
	struct method_description *method = SPDK_CONTAINEROF(out, struct method_description, params);

	return spdk_json_decode_array(
		val, decode_param, out, MAX_PARAMS, &method->num_params, sizeof(struct param_description));
}

static const struct spdk_json_object_decoder g_method_decoders[] = {
	{"name", offsetof(struct method_description, name), spdk_json_decode_string, false},
	{"summary", offsetof(struct method_description, summary), spdk_json_decode_string, true},
	{"result", offsetof(struct method_description, result), spdk_json_decode_string, true},
	{"params", offsetof(struct method_description, params), decode_params, true},
};

static void
free_method(struct method_description *method)
{
	free(method->name);
	free(method->summary);
	free(method->result);
	for (size_t i = 0; i < method->num_params; i++) {
		free(method->params[i].name);
		free(method->params[i].type);
		free(method->params[i].help);
		free(method->params[i].default_text);
	}
	free(method);
}

/* The next method of an array of descriptions, NULL if it cannot be had. */
static struct method_description *
decode_method(const struct spdk_json_val *val)
{
	struct method_description *method = calloc(1, sizeof(*method));

	if (method == NULL) {
		return NULL;
	}
	if (spdk_json_decode_object_relaxed(val, g_method_decoders, SPDK_COUNTOF(g_method_decoders), method) != 0) {
		free_method(method);
		return NULL;
	}
	return method;
}

static const struct param_description *
find_param(const struct method_description *method, const char *name, size_t len)
{
	for (size_t i = 0; i < method->num_params; i++) {
		if (strlen(method->params[i].name) == len && memcmp(method->params[i].name, name, len) == 0) {
			return &method->params[i];
		}
	}
	return NULL;
}

/* ---- key=value ---- */

struct arguments {
	const struct method_description *method;
	char **words;
	int count;
};

/* Writes a word that is JSON already. Returns false if it is none. */
static bool
write_json_text(struct spdk_json_write_ctx *w, const char *text)
{
	size_t len = strlen(text);
	void *end;
	ssize_t count = spdk_json_parse((void *)text, len, NULL, 0, &end, 0);

	if (count <= 0 || (const char *)end != text + len) {
		return false;
	}
	spdk_json_write_val_raw(w, text, len);
	return true;
}

static void
write_list(struct spdk_json_write_ctx *w, const char *text)
{
	if (*text == '[' && write_json_text(w, text)) {
		return;
	}
	spdk_json_write_array_begin(w);
	while (*text != '\0') {
		size_t len = strcspn(text, ",");

		spdk_json_write_string_raw(w, text, len);
		text += len + (text[len] == ',');
	}
	spdk_json_write_array_end(w);
}

/* By the type that the target says; what does not fit it is sent as a string, and the target says what is wrong. */
static void
write_value(struct spdk_json_write_ctx *w, const struct param_description *param, const char *text)
{
	const char *type = param == NULL ? "any" : param->type;

	if (strstr(type, "array") != NULL) {
		write_list(w, text);
	} else if (strncmp(type, "string", 6) == 0 || strcmp(type, "uuid") == 0 || strcmp(type, "enum") == 0 ||
		!write_json_text(w, text)) {
		spdk_json_write_string(w, text);
	}
}

static int
write_arguments(struct spdk_json_write_ctx *w, void *ctx)
{
	const struct arguments *arguments = ctx;

	for (int i = 0; i < arguments->count; i++) {
		const char *word = arguments->words[i];
		size_t len = strcspn(word, "=");

		spdk_json_write_name_raw(w, word, len);
		write_value(w, find_param(arguments->method, word, len), word + len + 1);
	}
	return 0;
}

/* Catches on this side what needs no target: a word without '=', a parameter that is not there. */
static int
check_arguments(const struct arguments *arguments)
{
	for (int i = 0; i < arguments->count; i++) {
		const char *word = arguments->words[i];
		size_t len = strcspn(word, "=");

		if (word[len] == '\0') {
			fprintf(stderr, "bdevkit rpc: '%s' is not KEY=VALUE; 'bdevkit rpc %s --help' lists the keys\n",
				word, arguments->method->name);
			return -EINVAL;
		}
		/* A method without a description decides for itself. */
		if (arguments->method->summary != NULL && find_param(arguments->method, word, len) == NULL) {
			fprintf(stderr,
				"bdevkit rpc: %s has no parameter '%.*s'; 'bdevkit rpc %s --help' lists those it has\n",
				arguments->method->name, (int)len, word, arguments->method->name);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- output ---- */

static int
write_stdout(void *ctx, const void *data, size_t size)
{
	return fwrite(data, 1, size, stdout) == size ? 0 : -1;
}

/* A string bare, so that scripts can use it; anything else as indented JSON. */
static void
print_result(struct spdk_json_val *result)
{
	struct spdk_json_write_ctx *w;
	char *text;

	if (result->type == SPDK_JSON_VAL_STRING) {
		text = spdk_json_strdup(result);
		printf("%s\n", text == NULL ? "" : text);
		free(text);
		return;
	}
	w = spdk_json_write_begin(write_stdout, NULL, SPDK_JSON_WRITE_FLAG_FORMATTED);
	spdk_json_write_val(w, result);
	spdk_json_write_end(w);
	printf("\n");
}

static void
print_error(const char *method, struct spdk_json_val *error)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"message", 0, spdk_json_decode_string, false},
	};
	char *message = NULL;

	if (spdk_json_decode_object_relaxed(error, decoders, SPDK_COUNTOF(decoders), &message) != 0) {
		fprintf(stderr, "bdevkit rpc: %s failed\n", method);
		return;
	}
	/* Most messages begin with the method's name already. */
	fprintf(stderr, "bdevkit rpc: %s%s%s\n", strncmp(message, method, strlen(method)) == 0 ? "" : method,
		strncmp(message, method, strlen(method)) == 0 ? "" : ": ", message);
	free(message);
}

static void
print_help(void)
{
	printf("usage: bdevkit rpc [-r SOCKET] [-t SECONDS] [METHOD [KEY=VALUE...]]\n"
	       "\n"
	       "Calls a method of a running target and prints its result. Without METHOD it lists the methods,\n"
	       "'bdevkit rpc METHOD --help' shows the parameters of one.\n"
	       "\n"
	       "  -r SOCKET   the target's socket (default " SPDK_DEFAULT_RPC_ADDR ")\n"
	       "  -t SECONDS  how long to wait for the reply (default 60)\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit rpc bdev_malloc_create name=disk num_blocks=131072 block_size=512\n"
	       "  bdevkit rpc bdev_get_bdevs name=disk\n"
	       "  bdevkit rpc save_config > disks.json\n");
}

static void
print_methods(struct spdk_json_val *methods)
{
	struct spdk_json_val *val;

	for (val = spdk_json_array_first(methods); val != NULL; val = spdk_json_next(val)) {
		struct method_description *method = decode_method(val);

		if (method != NULL) {
			printf("%-34s %s\n", method->name, method->summary == NULL ? "" : method->summary);
			free_method(method);
		}
	}
}

static void
print_method(const struct method_description *method)
{
	printf("usage: bdevkit rpc %s", method->name);
	for (size_t i = 0; i < method->num_params; i++) {
		const struct param_description *param = &method->params[i];

		printf(param->required ? " %s=%s" : " [%s=%s]", param->name, param->type);
	}
	printf("\n\n%s\n", method->summary == NULL ? "It has no description." : method->summary);
	if (method->num_params > 0) {
		printf("\n");
	}
	for (size_t i = 0; i < method->num_params; i++) {
		const struct param_description *param = &method->params[i];

		printf("  %s=%s%s\n", param->name, param->type, param->required ? "" : "  (optional)");
		if (param->help != NULL) {
			printf("      %s%s%s\n", param->help, param->default_text == NULL ? "" : "; default: ",
				param->default_text == NULL ? "" : param->default_text);
		}
	}
	if (method->result != NULL) {
		printf("\nResult: %s\n", method->result);
	}
}

/* ---- the command ---- */

static int
write_method_name(struct spdk_json_write_ctx *w, void *ctx)
{
	return spdk_json_write_named_string(w, "method", ctx);
}

/* The description of a method; NULL if the target has none of that name, or after an error was told (*told). */
static struct method_description *
ask_for_method(struct rpc_client *client, const char *name, bool *told)
{
	struct spdk_jsonrpc_client_response *response;
	struct method_description *method = NULL;
	struct spdk_json_val *val;

	response = rpc_client_call(client, "rpc_describe_methods", write_method_name, (void *)name);
	*told = response == NULL;
	if (response == NULL) {
		return NULL;
	}
	val = response->result == NULL ? NULL : spdk_json_array_first(response->result);
	if (val != NULL) {
		method = decode_method(val);
	}
	spdk_jsonrpc_client_free_response(response);
	return method;
}

static int
list_methods(struct rpc_client *client)
{
	struct spdk_jsonrpc_client_response *response = rpc_client_call(client, "rpc_describe_methods", NULL, NULL);

	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->result != NULL) {
		print_methods(response->result);
	} else {
		print_error("rpc_describe_methods", response->error);
	}
	spdk_jsonrpc_client_free_response(response);
	return EXIT_OK;
}

static int
call_method(struct rpc_client *client, struct arguments *arguments)
{
	const char *name = arguments->method->name;
	struct spdk_jsonrpc_client_response *response;
	int rc = EXIT_OK;

	response = rpc_client_call(client, name, arguments->count == 0 ? NULL : write_arguments, arguments);
	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->result != NULL) {
		print_result(response->result);
	} else {
		print_error(name, response->error);
		rc = EXIT_FAILED;
	}
	spdk_jsonrpc_client_free_response(response);
	return rc;
}

static int
run_method(struct rpc_client *client, const char *name, int argc, char **argv)
{
	struct method_description *method;
	struct arguments arguments = {.words = argv, .count = argc};
	bool told;
	int rc;

	method = ask_for_method(client, name, &told);
	if (method == NULL) {
		if (!told) {
			fprintf(stderr,
				"bdevkit rpc: the target has no method '%s'; 'bdevkit rpc' lists those it has\n", name);
		}
		return told ? EXIT_FAILED : EXIT_USAGE;
	}
	arguments.method = method;
	if (argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
		print_method(method);
		rc = EXIT_OK;
	} else if (check_arguments(&arguments) != 0) {
		rc = EXIT_USAGE;
	} else {
		rc = call_method(client, &arguments);
	}
	free_method(method);
	return rc;
}

int
rpc_command(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct rpc_client client = {.socket_path = SPDK_DEFAULT_RPC_ADDR, .timeout = DEFAULT_TIMEOUT};
	long timeout;
	int ch, rc;

	optind = 1;
	/* '+': what follows the method belongs to it. */
	while ((ch = getopt_long(argc, argv, "+hr:t:", long_options, NULL)) != -1) {
		switch (ch) {
		case 'h':
			print_help();
			return EXIT_OK;
		case 'r':
			client.socket_path = optarg;
			break;
		case 't':
			timeout = spdk_strtol(optarg, 10);
			if (timeout <= 0 || timeout > INT_MAX / 1000) {
				fprintf(stderr, "bdevkit rpc: -t %s: not a number of seconds\n", optarg);
				return EXIT_USAGE;
			}
			client.timeout = timeout;
			break;
		default:
			fprintf(stderr, "'bdevkit rpc --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		rc = list_methods(&client);
	} else {
		rc = run_method(&client, argv[optind], argc - optind - 1, argv + optind + 1);
	}
	rpc_client_close(&client);
	return rc;
}
