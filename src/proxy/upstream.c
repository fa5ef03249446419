/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round robin is the smooth weighted kind (each pick adds every weight to its endpoint's credit,
 * takes the richest, and charges it the sum), so that a heavy endpoint is not asked in bursts.
 * Least connections compares active links per weight, and falls back to the same credits among
 * equals.
 *
 * An endpoint to which no connection could be made is passed over for `fail_timeout`, so that not
 * every request waits for a host that is down. It is no verdict: when there is no other, it is
 * asked all the same; a link that is made to it, or an answer from it on an old one, ends it. Each
 * worker finds out by itself.
 *
 * A slot is a link in use. Links that rest do not count: where a fresh one is wanted beside them
 * (to send a request once more), an endpoint at its limit closes one of them. When a slot becomes
 * free, the oldest waiting dial is served, as a deferred call of its own (dial.c).
 */
#include "upstream.h"

#include <stdlib.h>
#include "dial.h"
#include "inner.h"

static bool has_slot(const struct sl_endpoint *e)
{
    return e->max_links == 0 || e->n_active < e->max_links;
}

static bool is_tried(const struct sl_tried *tried, size_t index)
{
    return tried->bits[index / 64] >> (index % 64) & 1;
}

void sl_tried_add(struct sl_tried *tried, const struct sl_endpoint *e)
{
    size_t index = sl_endpoint_index(e);
    tried->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

size_t sl_endpoint_index(const struct sl_endpoint *e)
{
    return (size_t)(e - e->upstream->endpoints);
}

/* Is a less loaded than b, by active links per weight? Compared without dividing. */
static int compare_load(const struct sl_endpoint *a, const struct sl_endpoint *b)
{
    uint64_t load_a = (uint64_t)a->n_active * b->config->weight;
    uint64_t load_b = (uint64_t)b->n_active * a->config->weight;
    return load_a < load_b ? -1 : load_a > load_b;
}

bool sl_endpoint_is_passed_over(const struct sl_endpoint *e)
{
    return sl_deadline_is_armed(&e->passed_over);
}

/* Whoever waits may choose anew: which endpoints are passed over is not what it was. */
static void wake_all(struct sl_upstream *u)
{
    sl_list_foreach (node, &u->queue)
        sl_dial_wake(sl_list_entry(node, struct sl_dial, queue));
}

/* Nobody else need find out what is known already, nor all at once whether it is over. */
static void pass_over(struct sl_endpoint *e)
{
    if (!sl_endpoint_is_passed_over(e))
        wake_all(e->upstream);
    sl_deadline_arm(&e->passed_over, SL_PHASE_NONE, e->upstream->config->fail_timeout_ms);
}

void sl_endpoint_fails(struct sl_endpoint *e)
{
    const struct sl_upstream_config *config = e->upstream->config;

    if (config->n_endpoints == 1 || config->fail_timeout_ms == 0)
        return;
    if (!e->has_failed)
        sl_log(SL_LOG_WARN, "upstream %s endpoint %s is passed over while there are others",
               config->name, e->config->text);
    e->has_failed = true;
    pass_over(e);
}

void sl_endpoint_works(struct sl_endpoint *e)
{
    if (!e->has_failed)
        return;
    e->has_failed = false;
    sl_deadline_clear(&e->passed_over);
    sl_log(SL_LOG_INFO, "upstream %s endpoint %s works again", e->upstream->config->name,
           e->config->text);
    wake_all(e->upstream);
}

static struct sl_endpoint *pick_among(struct sl_upstream *u, const struct sl_tried *tried,
                                      bool is_any_welcome, bool *out_is_full)
{
    struct sl_endpoint *best = NULL;
    int64_t total = 0;

    *out_is_full = false;
    for (size_t i = 0; i < u->config->n_endpoints; i++) {
        struct sl_endpoint *e = &u->endpoints[i];
        if (e->config->weight == 0 || is_tried(tried, i) ||
            (!is_any_welcome && sl_endpoint_is_passed_over(e)))
            continue;
        if (!has_slot(e)) {
            *out_is_full = true;
            continue;
        }
        total += e->config->weight;
        e->current_weight += e->config->weight;
        int order = !best ? -1 : 0;
        if (best && u->config->balance == SL_BALANCE_LEAST_CONNECTIONS)
            order = compare_load(e, best);
        if (order < 0 || (order == 0 && best && e->current_weight > best->current_weight))
            best = e;
    }
    if (best)
        best->current_weight -= total;
    return best;
}

struct sl_endpoint *sl_upstream_pick(struct sl_upstream *u, const struct sl_tried *tried,
                                     bool *out_is_full)
{
    struct sl_endpoint *e = pick_among(u, tried, false, out_is_full);

    if (!e && !*out_is_full)
        e = pick_among(u, tried, true, out_is_full);
    if (e && e->has_failed)
        pass_over(e);
    return e;
}

const struct sl_addr *sl_endpoint_addr(const struct sl_endpoint *e)
{
    return &e->plan->addrs[e->addr];
}

void sl_endpoint_leave_addr(struct sl_endpoint *e, const struct sl_addr *failed)
{
    if (failed == sl_endpoint_addr(e)) /* else somebody else has found out before */
        e->addr = (e->addr + 1) % e->plan->n_addrs;
}

static void close_oldest_idle(struct sl_endpoint *e)
{
    struct sl_link *oldest = sl_list_entry(e->idle.prev, struct sl_link, link);
    sl_link_close(&oldest, SL_CHANNEL_CLEAN);
}

void sl_endpoint_make_room(struct sl_endpoint *e)
{
    if (e->n_idle > 0 && e->max_links > 0 && e->n_active + e->n_idle >= e->max_links)
        close_oldest_idle(e);
}

static struct sl_link *first_idle(struct sl_endpoint *e)
{
    struct sl_list *node = sl_list_first(&e->idle);
    return node ? sl_list_entry(node, struct sl_link, link) : NULL;
}

struct sl_link *sl_endpoint_take_idle(struct sl_endpoint *e)
{
    struct sl_link *link = first_idle(e);

    if (!link)
        return NULL;
    sl_list_unlink(&link->link);
    e->n_idle--;
    e->n_active++;
    return link;
}

bool sl_endpoint_keeps_idle(const struct sl_endpoint *e)
{
    const struct sl_upstream *u = e->upstream;
    return u->config->has_keepalive && u->config->max_idle > 0 && !u->set->proxy->is_draining &&
           u->set == u->set->proxy->upstreams;
}

void sl_endpoint_enter(struct sl_endpoint *e)
{
    e->n_active++;
}

/* A slot is free: for the oldest that may use it and was not called already. */
static void wake_for(const struct sl_endpoint *e)
{
    sl_list_foreach (node, &e->upstream->queue) {
        struct sl_dial *d = sl_list_entry(node, struct sl_dial, queue);
        if (!is_tried(&d->tried, sl_endpoint_index(e)) && !sl_dial_is_woken(d)) {
            sl_dial_wake(d);
            return;
        }
    }
}

void sl_upstream_wake(struct sl_upstream *u)
{
    for (size_t i = 0; i < u->config->n_endpoints; i++)
        if (has_slot(&u->endpoints[i]))
            wake_for(&u->endpoints[i]);
}

void sl_endpoint_leave(struct sl_endpoint *e, bool was_idle)
{
    if (was_idle) {
        e->n_idle--;
        return;
    }
    e->n_active--;
    wake_for(e);
}

void sl_endpoint_rest(struct sl_endpoint *e, struct sl_link *link)
{
    e->n_active--;
    e->n_idle++;
    sl_list_prepend(&e->idle, &link->link);
    if (e->n_idle > e->upstream->config->max_idle)
        close_oldest_idle(e);
    wake_for(e);
}

void sl_upstreams_close_idle(struct sl_upstreams *set)
{
    for (size_t u = 0; u < set->plan->config->n_upstreams; u++) {
        for (size_t i = 0; i < set->upstreams[u].config->n_endpoints; i++) {
            struct sl_link *link;
            while ((link = first_idle(&set->upstreams[u].endpoints[i])))
                sl_link_close(&link, SL_CHANNEL_CLEAN);
        }
    }
}

/* Who waits for a slot of another endpoint may try this one. */
static void on_passed_over_enough(struct sl_deadline *d)
{
    wake_for(sl_container_of(d, struct sl_endpoint, passed_over));
}

/* worker: the how manieth to take its share. The shares add up to the limit, and none is 0
 * (plan.c). */
static void init_endpoint(struct sl_endpoint *e, struct sl_upstream *u, size_t index,
                          const struct sl_plan *plan, size_t upstream_index, uint32_t worker)
{
    uint32_t limit = u->config->endpoints[index].max_connections;

    e->upstream = u;
    e->config = &u->config->endpoints[index];
    e->plan = &plan->endpoints[upstream_index][index];
    sl_list_init(&e->idle);
    sl_deadline_init(&e->passed_over, u->set->proxy->loop, on_passed_over_enough);
    e->max_links = limit / plan->n_workers + (worker < limit % plan->n_workers);
}

static void free_set(struct sl_upstreams *set)
{
    for (size_t u = 0; set->upstreams && u < set->plan->config->n_upstreams; u++) {
        struct sl_upstream *upstream = &set->upstreams[u];
        for (size_t e = 0; upstream->endpoints && e < upstream->config->n_endpoints; e++)
            sl_deadline_fini(&upstream->endpoints[e].passed_over);
        free(upstream->endpoints);
    }
    free(set->upstreams);
    free(set);
}

int sl_upstreams_new(struct sl_proxy *proxy, struct sl_plan *plan, struct sl_upstreams **out_set)
{
    const struct sl_config *config = plan->config;
    uint32_t worker = atomic_fetch_add(&plan->n_sets, 1) % plan->n_workers;
    struct sl_upstreams *set = calloc(1, sizeof(*set));

    *out_set = NULL;
    if (!set)
        return SL_ERR_MEMORY;
    set->proxy = proxy;
    set->plan = plan;
    set->n_refs = 1;
    sl_list_init(&set->link);
    sl_inner_parser_limits(config, &set->parser_limits);
    set->upstreams = calloc(config->n_upstreams, sizeof(*set->upstreams));
    if (!set->upstreams) {
        free_set(set);
        return SL_ERR_MEMORY;
    }
    for (size_t i = 0; i < config->n_upstreams; i++) {
        struct sl_upstream *u = &set->upstreams[i];
        u->set = set;
        u->config = &config->upstreams[i];
        sl_list_init(&u->queue);
        u->endpoints = calloc(u->config->n_endpoints, sizeof(*u->endpoints));
        if (!u->endpoints) {
            free_set(set);
            return SL_ERR_MEMORY;
        }
        for (size_t e = 0; e < u->config->n_endpoints; e++)
            init_endpoint(&u->endpoints[e], u, e, plan, i, worker);
    }
    sl_plan_ref(plan);
    sl_list_append(&proxy->sets, &set->link);
    *out_set = set;
    return 0;
}

struct sl_upstreams *sl_upstreams_ref(struct sl_upstreams *set)
{
    set->n_refs++;
    return set;
}

void sl_upstreams_unref(struct sl_upstreams **pset)
{
    struct sl_upstreams *set = *pset;

    *pset = NULL;
    if (!set || --set->n_refs > 0)
        return;
    sl_upstreams_close_idle(set);
    sl_list_unlink(&set->link);
    struct sl_plan *plan = set->plan;
    free_set(set); /* reads the plan's config */
    sl_plan_unref(&plan);
}
