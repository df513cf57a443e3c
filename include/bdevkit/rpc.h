/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Remote procedures that are described once. The description of a method and its parameters makes the decoder, the
 * checks, the error texts, the reference page in doc/, and the options and help of the command line clients.
 */

#ifndef BDEVKIT_RPC_H
#define BDEVKIT_RPC_H

#include "spdk/stdinc.h"
#include "spdk/json.h"
#include "spdk/jsonrpc.h"
#include "spdk/rpc.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The C type that a parameter is decoded into stands behind each. */
enum bdk_rpc_type {
	BDK_RPC_BOOL, /* bool */
	BDK_RPC_INT32, /* int32_t */
	BDK_RPC_UINT8, /* uint8_t */
	BDK_RPC_UINT16, /* uint16_t */
	BDK_RPC_UINT32, /* uint32_t */
	BDK_RPC_UINT64, /* uint64_t */
	BDK_RPC_STRING, /* char *, allocated with malloc() */
	BDK_RPC_UUID, /* struct spdk_uuid */
	BDK_RPC_ENUM, /* int: the value of one of the names in bdk_rpc_param.values */
	BDK_RPC_STRING_ARRAY, /* struct bdk_rpc_string_array */
	BDK_RPC_JSON, /* const struct spdk_json_val *: any value, valid as long as the request */
};

struct bdk_rpc_string_array {
	char **items;
	size_t count;
};

/* One accepted string of a BDK_RPC_ENUM parameter. A list of them ends with name NULL. */
struct bdk_rpc_value {
	const char *name;
	int value;
};

struct bdk_rpc_param {
	const char *name;
	enum bdk_rpc_type type;
	/* Where the value goes in the method's parameter structure. */
	size_t offset;
	bool required;
	/*
	 * A key or password: whatever has a member of this name is masked where requests and replies are logged, and the
	 * decoded string is wiped when the handler has returned.
	 */
	bool secret;
	/* Letter of the command line option, 'b' for -b; 0: only the long form --<name with dashes>, or a position. */
	char option;
	/*
	 * Of a BDK_RPC_BOOL: a further option of the command line, which stands for false, and its letter. Then the
	 * parameter is true on the command line if it is left out. NULL and 0: only --no-<name>.
	 */
	const char *opposite;
	char opposite_option;
	/* Place among the positional arguments of the command line, from 1; 0: it is an option. */
	uint8_t position;
	/* Range of a number; max 0: that of the type. */
	uint64_t min;
	uint64_t max;
	const struct bdk_rpc_value *values;
	/* One phrase, with the unit (bytes or blocks). */
	const char *help;
	/* What a missing parameter means, in words for the reader; NULL: nothing to say. */
	const char *default_text;
};

/*
 * A parameter that only the command line has, for what people rather type than what the method takes. The client sets
 *   target = value * multiplier / (value of the parameter named divisor),
 * rounded down, and does not send the parameter itself. Example: a size in MiB for a method that takes num_blocks:
 *   { .name = "total_size", .position = 1, .target = "num_blocks", .multiplier = 1048576, .divisor = "block_size", ... }
 * The target may still be given by its own name instead.
 */
struct bdk_rpc_cli_param {
	const char *name;
	/* As in bdk_rpc_param; positions of both kinds are counted together. */
	char option;
	uint8_t position;
	/* Name of the numeric parameter that it sets. */
	const char *target;
	uint64_t multiplier;
	/* Name of a numeric parameter; NULL: 1. */
	const char *divisor;
	/* One phrase, with the unit. */
	const char *help;
};

/* What "params" of a request may be. */
enum bdk_rpc_params_rule {
	BDK_RPC_PARAMS_DEFAULT, /* required if a parameter is, else optional */
	BDK_RPC_PARAMS_NONE, /* refused when present */
	BDK_RPC_PARAMS_IGNORED, /* not looked at */
	BDK_RPC_PARAMS_OPTIONAL, /* may be missing, also if a parameter is required in it */
	BDK_RPC_PARAMS_REQUIRED, /* must be there, also if no parameter is required in it */
};

struct bdk_rpc_method {
	const char *name;
	/* One sentence for help and the reference page. */
	const char *summary;
	/* What the result is, in a phrase: "array of bdevs". */
	const char *result;
	/* SPDK_RPC_STARTUP, SPDK_RPC_RUNTIME, or both. */
	uint32_t state_mask;
	const struct bdk_rpc_param *params;
	size_t num_params;
	const struct bdk_rpc_cli_param *cli_params;
	size_t num_cli_params;
	/* Size of the structure that params are decoded into. */
	size_t params_size;
	/* What that structure holds before decoding; NULL: zeroes. Its strings are not freed. */
	const void *defaults;
	enum bdk_rpc_params_rule params_rule;
	/* Error code when parameters cannot be decoded; 0: SPDK_JSONRPC_ERROR_INVALID_PARAMS. */
	int params_error;
	/* The same for a string that is none of the parameter's values; 0: params_error. */
	int values_error;
	/*
	 * Carries the method out, on the thread that polls the server, and completes the request now or later.
	 * params and what it points to is freed when the handler returns: what is to live longer must be copied, or
	 * taken by setting the pointer to NULL. NULL if params_size is 0.
	 */
	void (*handler)(struct spdk_jsonrpc_request *request, void *params);
};

/*
 * Registers a method with spdk_rpc_register_method() and remembers its description, which must live as long as the
 * process, or in a file that is loaded and unloaded (bdevkit/module.h). Meant for constructors, by way of BDK_RPC_REGISTER.
 */
void bdk_rpc_register(const struct bdk_rpc_method *method);

/* The description of the method of that name, or that it is an alias of; NULL: there is none. */
const struct bdk_rpc_method *bdk_rpc_get_description(const char *name);

/*
 * Answers with code and a formatted text that should name the thing and say what to do about it.
 */
void bdk_rpc_send_error(struct spdk_jsonrpc_request *request, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Answers with code rc (a negative errno) and "<format>: <text of the errno>". */
void bdk_rpc_send_errno(struct spdk_jsonrpc_request *request, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* If rc is 0, answers with true, else as bdk_rpc_send_errno(). */
void bdk_rpc_send_outcome(struct spdk_jsonrpc_request *request, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define BDK_RPC_REGISTER(method) \
	__attribute__((constructor(1000))) static void bdk_rpc_register_##method(void) \
	{ \
		bdk_rpc_register(&method); \
	}

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_RPC_H */
