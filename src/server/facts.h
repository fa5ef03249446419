/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts: everything that the status endpoint tells, gathered at one moment; and the two pages that
 * are written from it. The pages are pure: facts in, text out.
 */
#ifndef SLUICE_SERVER_FACTS_H
#define SLUICE_SERVER_FACTS_H

#include <sluice/proxy/proxy.h>
#include "generation.h"
#include "process.h"

struct sl_facts {
    uint64_t now_us, started_us; /* wall clock */
    uint64_t uptime_ms;
    uint64_t n_reloads, n_reload_failures;
    bool is_draining;
    struct sl_process_use process;
    struct sl_counters counters; /* of all workers together */

    /* Of the generation in force when they were gathered; it may be replaced meanwhile. */
    struct sl_plan *plan; /* a reference */
    uint64_t made_us;
    struct sl_certificate *certificates; /* a copy */
    size_t n_certificates;

    uint64_t n_log_dropped, n_log_failed;       /* error log: lines */
    uint64_t n_access_dropped, n_access_failed; /* access log: lines */

    /* What the workers answered when they were asked; only part of them may have. */
    size_t n_workers, n_answers;
    struct sl_proxy_oldest phases[SL_N_PHASES];
    struct sl_proxy_endpoint *endpoints; /* as in the configuration, upstream by upstream */
    size_t n_endpoints;
};

/* Facts without answers: endpoints are all there and at zero. 0, or SL_ERR_MEMORY and nothing is to
   be freed. */
int sl_facts_init(struct sl_facts *facts, const struct sl_generation *generation);
void sl_facts_fini(struct sl_facts *facts);
/* One worker's answer. That of another plan than the present tells nothing of endpoints. */
void sl_facts_add(struct sl_facts *facts, const struct sl_proxy_snapshot *snapshot);

/* Prometheus text exposition format 0.0.4. */
void sl_facts_write_metrics(const struct sl_facts *facts, FILE *to);
/* JSON (RFC 8259). */
void sl_facts_write_status(const struct sl_facts *facts, FILE *to);

#endif
