/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadlines: from what each level wrote to what is in force, and whether that makes sense.
 *
 * Each value stands by itself: a route that sets only `idle` keeps the minimum rate of the level
 * above. Contradictions are looked for in the values in force at each level, and reported where the
 * level that brings them about wrote one of the two.
 */
#include <sluice/base/err.h>
#include "deadlines.h"
#include "read.h"

static void merge(struct sl_deadlines *out, const struct sl_deadline_set *set)
{
    for (int i = 0; i < SL_N_PHASES; i++) {
        struct sl_limit *to = &out->phase[i];
        const struct sl_limit *from = &set->values.phase[i];
        if (set->set[i].has_limit)
            to->limit_ms = from->limit_ms;
        if (set->set[i].has_total)
            to->total_ms = from->total_ms;
        if (set->set[i].has_rate)
            to->rate_Bps = from->rate_Bps;
        if (set->set[i].has_window)
            to->window_ms = from->window_ms;
        if (set->set[i].has_cap)
            to->cap_bytes = from->cap_bytes;
        if (set->set[i].has_enforce)
            to->is_enforced = from->is_enforced;
    }
}

void sl_config_deadlines(const struct sl_config *config, const struct sl_listener_config *listener,
                         const struct sl_route_config *route, struct sl_deadlines *out)
{
    sl_deadlines_init(out);
    merge(out, &config->deadlines);
    if (listener)
        merge(out, &listener->deadlines);
    if (route)
        merge(out, &route->deadlines);
}

bool sl_deadline_set_has(const struct sl_deadline_set *set, enum sl_phase phase)
{
    return set->set[phase].has_limit || set->set[phase].has_total || set->set[phase].has_rate ||
           set->set[phase].has_window || set->set[phase].has_cap || set->set[phase].has_enforce;
}

/* ---- contradictions ---- */

struct checker {
    struct sl_reader *r;
    const struct sl_deadline_set *set; /* of the level at hand */
    struct sl_deadlines in_force;
    const char *base; /* "listeners[0].deadlines" */
    bool has_tls;
};

static void say(struct checker *c, enum sl_phase phase, const char *member, const char *message)
{
    char path[160];
    snprintf(path, sizeof(path), "%s.%s", c->base, sl_phase_key(phase));
    const struct sl_node *node = sl_node_at(c->r->root, path);
    if (node && node->kind == SL_NODE_MAP) /* else the short form: it has no member's name */
        snprintf(path, sizeof(path), "%s.%s.%s", c->base, sl_phase_key(phase), member);
    sl_report_add(c->r->report, sl_node_where(c->r->root, path), path, "%s", message);
}

/* Was something wrong with this phase already, here or on the top level? */
static bool is_broken(const struct checker *c, enum sl_phase phase)
{
    char path[160];
    snprintf(path, sizeof(path), "%s.%s", c->base, sl_phase_key(phase));
    if (sl_report_touches(c->r->report, path))
        return true;
    snprintf(path, sizeof(path), "deadlines.%s", sl_phase_key(phase));
    return sl_report_touches(c->r->report, path);
}

static void check_pace(struct checker *c, enum sl_phase phase)
{
    const struct sl_limit *limit = &c->in_force.phase[phase];
    const char *word = sl_phase_table[phase].word;
    char buf[256];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    if (limit->rate_Bps && limit->window_ms == 0) {
        say(c, phase, "min_rate", "found a rate without a window, expected `window` beside it");
    } else if (c->set->set[phase].has_window && limit->rate_Bps == 0) {
        say(c, phase, "window", "found a window without a rate, expected `min_rate` beside it");
    } else if (limit->rate_Bps && limit->rate_Bps * limit->window_ms < 1000) {
        say(c, phase, "window",
            "less than one byte is required in a window of this length, "
            "expected a longer window or a higher `min_rate`");
    }
    if (limit->total_ms < limit->limit_ms && limit->limit_ms != SL_UNLIMITED) {
        bool is_total = c->set->set[phase].has_total;
        sl_str_addz(&s, "found ");
        sl_str_add_duration(&s, is_total ? limit->total_ms : limit->limit_ms);
        sl_str_addf(&s, ", expected %s than the `%s` of ", is_total ? "no less" : "no more",
                    is_total ? word : "total");
        sl_str_add_duration(&s, is_total ? limit->limit_ms : limit->total_ms);
        say(c, phase, is_total ? "total" : word, buf);
    }
}

/* Both run from accept: a handshake deadline that ends first would make the other one mute. */
static void check_handshake(struct checker *c)
{
    uint64_t first_ms = c->in_force.phase[SL_PHASE_FIRST_BYTE].limit_ms;
    uint64_t handshake_ms = c->in_force.phase[SL_PHASE_TLS_HANDSHAKE].limit_ms;
    bool sets_first = c->set->set[SL_PHASE_FIRST_BYTE].has_limit;
    bool sets_handshake = c->set->set[SL_PHASE_TLS_HANDSHAKE].has_limit;
    if (!c->has_tls || !(sets_first || sets_handshake) || handshake_ms >= first_ms ||
        is_broken(c, SL_PHASE_FIRST_BYTE) || is_broken(c, SL_PHASE_TLS_HANDSHAKE))
        return;
    char buf[256];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_str_addz(&s, "found ");
    sl_str_add_duration(&s, sets_handshake ? handshake_ms : first_ms);
    sl_str_addf(&s, ", expected no %s than `%s`, which is ", sets_handshake ? "less" : "more",
                sets_handshake ? "first_byte" : "tls_handshake");
    sl_str_add_duration(&s, sets_handshake ? first_ms : handshake_ms);
    sl_str_addz(&s, ": both count from accept");
    say(c, sets_handshake ? SL_PHASE_TLS_HANDSHAKE : SL_PHASE_FIRST_BYTE, "limit", buf);
}

static void check_set(struct checker *c)
{
    for (int i = 0; i < SL_N_PHASES; i++)
        if (sl_deadline_set_has(c->set, (enum sl_phase)i) && !is_broken(c, (enum sl_phase)i))
            check_pace(c, (enum sl_phase)i);
    check_handshake(c);
}

void sl_deadlines_check(struct sl_reader *r, const struct sl_config *config)
{
    char base[64];
    struct checker c = {.r = r, .set = &config->deadlines, .base = "deadlines", .has_tls = true};
    sl_config_deadlines(config, NULL, NULL, &c.in_force);
    check_set(&c);
    c.base = base;
    for (size_t i = 0; i < config->n_listeners; i++) {
        snprintf(base, sizeof(base), "listeners[%zu].deadlines", i);
        c.set = &config->listeners[i].deadlines;
        c.has_tls = config->listeners[i].is_tls;
        sl_config_deadlines(config, &config->listeners[i], NULL, &c.in_force);
        check_set(&c);
    }
    for (size_t i = 0; i < config->n_routes; i++) {
        snprintf(base, sizeof(base), "routes[%zu].deadlines", i);
        c.set = &config->routes[i].deadlines;
        sl_config_deadlines(config, NULL, &config->routes[i], &c.in_force);
        check_set(&c);
    }
}
