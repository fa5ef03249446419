/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: the status endpoint: /metrics, /status, /healthz and /readyz over plain HTTP/1.1 on a
 * listener of its own, on the main thread. It only tells; nothing can be changed through it.
 */
#ifndef SLUICE_SERVER_ADMIN_H
#define SLUICE_SERVER_ADMIN_H

#include <stdbool.h>
#include "survey.h"

#define SL_ADMIN_MAX_CALLS 32    /* connections at once */
#define SL_ADMIN_CALL_MS   10000 /* for one connection, from accept to close; nothing extends it */

struct sl_admin;

/* Whom it asks. */
struct sl_admin_source {
    void *owner;
    struct sl_loop *loop;
    bool (*is_ready)(void *owner);
    /* Facts to be filled. 0 or SL_ERR_MEMORY; then nothing is to be freed. */
    int (*new_facts)(void *owner, struct sl_facts *out_facts);
    /* As sl_survey_open, to all workers. */
    int (*survey)(void *owner, struct sl_facts *facts, sl_survey_fn *on_done, void *asker,
                  struct sl_survey **out_survey);
    /* What can be told without asking. Called last, so that it is no older than the answers. */
    void (*fill)(void *owner, struct sl_facts *facts);
};

/* Takes the listening socket over. `source` is copied. 0 or SL_ERR_*. */
int sl_admin_open(const struct sl_admin_source *source, int fd, struct sl_admin **out_admin);
/* Closes every connection of it. Idempotent. */
void sl_admin_close(struct sl_admin **admin);

#endif
