/* SPDX-License-Identifier: BSD-3-Clause */

/* The block-device layer of a fio process: one for all jobs, from the first job's preparation to the last one's end. */

#include "engine.h"

#include <pthread.h>

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int g_users;

static int
start(const struct engine_options *options)
{
	struct bdk_embed_opts opts;
	int rc;

	bdk_embed_opts_init(&opts, sizeof(opts));
	opts.name = "fio";
	opts.config_file = options->json_conf != NULL ? options->json_conf : options->conf;
	opts.rpc_addr = options->rpc_listen_addr;
	rc = bdk_embed_start(&opts);
	if (rc != 0) {
		log_err("bdevkit: cannot start with the configuration %s: %s\n",
			opts.config_file != NULL ? opts.config_file : "(none)", strerror(-rc));
	}
	return rc;
}

static int
set_log_flags(const char *flags)
{
	char *copy = strdup(flags), *rest = copy, *flag;
	int rc = 0;

	while (copy != NULL && rc == 0 && (flag = strsep(&rest, ",")) != NULL) {
		rc = spdk_log_set_flag(flag);
		if (rc != 0) {
			log_err("bdevkit: there is no log flag %s\n", flag);
		}
	}
	free(copy);
	return rc;
}

int
engine_layer_get(struct thread_data *td)
{
	const struct engine_options *options = td->eo;
	int rc = 0;

	pthread_mutex_lock(&g_lock);
	if (g_users == 0) {
		rc = start(options);
		if (rc == 0 && options->log_flags != NULL) {
			rc = set_log_flags(options->log_flags);
			if (rc != 0) {
				bdk_embed_stop();
			}
		}
	}
	if (rc == 0) {
		g_users++;
	}
	pthread_mutex_unlock(&g_lock);
	return rc;
}

void
engine_layer_put(void)
{
	pthread_mutex_lock(&g_lock);
	if (--g_users == 0) {
		engine_names_forget();
		bdk_embed_stop();
	}
	pthread_mutex_unlock(&g_lock);
}
