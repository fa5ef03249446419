/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts: snapshots of workers added up. Counts are sums; the oldest connection of a phase is the
 * oldest of any worker. The endpoints are laid out as the configuration has them, so that one that
 * no worker has spoken of yet still has its row.
 */
#include "facts.h"

#include <stdlib.h>

int sl_facts_init(struct sl_facts *facts, const struct sl_generation *generation)
{
    const struct sl_config *config = generation->plan->config;
    *facts = (struct sl_facts){
        .plan = sl_plan_ref(generation->plan),
        .made_us = generation->made_us,
        .certificates = calloc(generation->n_certificates + 1, sizeof(*facts->certificates)),
        .n_certificates = generation->n_certificates,
    };
    size_t n = 0;
    for (size_t i = 0; i < config->n_upstreams; i++)
        n += config->upstreams[i].n_endpoints;
    facts->endpoints = calloc(n + 1, sizeof(*facts->endpoints));
    if (!facts->endpoints || !facts->certificates) {
        sl_facts_fini(facts);
        return SL_ERR_MEMORY;
    }
    if (generation->n_certificates > 0)
        memcpy(facts->certificates, generation->certificates,
               generation->n_certificates * sizeof(*facts->certificates));
    for (size_t i = 0; i < config->n_upstreams; i++)
        for (size_t j = 0; j < config->upstreams[i].n_endpoints; j++)
            facts->endpoints[facts->n_endpoints++] =
                (struct sl_proxy_endpoint){.upstream = i, .endpoint = j};
    return 0;
}

void sl_facts_fini(struct sl_facts *facts)
{
    if (facts->plan)
        sl_plan_unref(&facts->plan);
    free(facts->certificates);
    free(facts->endpoints);
    facts->certificates = NULL;
    facts->endpoints = NULL;
    facts->n_certificates = 0;
    facts->n_endpoints = 0;
}

static void add_endpoint(struct sl_facts *facts, const struct sl_proxy_endpoint *from)
{
    for (size_t i = 0; i < facts->n_endpoints; i++) {
        struct sl_proxy_endpoint *to = &facts->endpoints[i];
        if (to->upstream != from->upstream || to->endpoint != from->endpoint)
            continue;
        to->n_active += from->n_active;
        to->n_idle += from->n_idle;
        to->n_queued += from->n_queued;
        to->n_requests += from->n_requests;
        to->n_failures += from->n_failures;
        to->n_passing_over += from->n_passing_over;
        return;
    }
}

void sl_facts_add(struct sl_facts *facts, const struct sl_proxy_snapshot *snapshot)
{
    facts->n_answers++;
    for (int p = 0; p < SL_N_PHASES; p++) {
        struct sl_proxy_oldest *to = &facts->phases[p];
        const struct sl_proxy_oldest *from = &snapshot->phases[p];
        if (from->n > 0 && (to->n == 0 || from->age_ms > to->age_ms)) {
            to->age_ms = from->age_ms;
            memcpy(to->peer, from->peer, sizeof(to->peer));
        }
        to->n += from->n;
    }
    if (snapshot->plan_number != facts->plan->number)
        return;
    for (size_t i = 0; i < snapshot->n_endpoints; i++)
        add_endpoint(facts, &snapshot->endpoints[i]);
}
