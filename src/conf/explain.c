/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: the deadlines in force and where each comes from, for `sluice explain`.
 *
 * A table in the order of a connection's life for a listener, then for each route that sets
 * something, then what follows from it: how long clients of each kind can hold a connection
 * (hold.c). Borrows the configuration; only prints.
 */
#include <sluice/base/err.h>
#include "deadlines.h"
#include "explain.h"
#include "text.h"

struct row {
    char value[128];
    char origin[192];
};

/* ---- values ---- */

static void add_value(enum sl_phase phase, const struct sl_limit *limit, struct sl_str *s)
{
    const struct sl_phase_row *row = &sl_phase_table[phase];
    bool is_progress = row->kind == SL_KIND_PROGRESS;
    if (is_progress || limit->cap_bytes)
        sl_str_addf(s, "%s ", row->word);
    sl_str_add_duration(s, limit->limit_ms);
    if (limit->rate_Bps) {
        sl_str_addz(s, ", ");
        sl_str_add_size(s, limit->rate_Bps);
        sl_str_addz(s, "/s over ");
        sl_str_add_duration(s, limit->window_ms);
    }
    if (is_progress || limit->cap_bytes) {
        sl_str_addz(s, ", total ");
        sl_str_add_duration(s, limit->total_ms);
    }
    if (limit->cap_bytes) {
        sl_str_addz(s, ", ");
        sl_str_add_size(s, limit->cap_bytes);
    }
}

/* ---- origins ---- */

/* The members of a phase that are shown, in the order of struct sl_deadline_set's flags. */
enum member { LIMIT, RATE, WINDOW, TOTAL, CAP, ENFORCE, N_MEMBERS };

static bool level_has(const struct sl_deadline_set *set, enum sl_phase phase, enum member member)
{
    const bool has[N_MEMBERS] = {
        [LIMIT] = set->set[phase].has_limit,   [RATE] = set->set[phase].has_rate,
        [WINDOW] = set->set[phase].has_window, [TOTAL] = set->set[phase].has_total,
        [CAP] = set->set[phase].has_cap,       [ENFORCE] = set->set[phase].has_enforce,
    };
    return has[member];
}

static bool is_shown(enum sl_phase phase, const struct sl_limit *limit, enum member member)
{
    bool is_progress = sl_phase_table[phase].kind == SL_KIND_PROGRESS;
    switch (member) {
    case LIMIT:
        return true;
    case RATE:
        return is_progress;
    case WINDOW:
        return limit->rate_Bps != 0;
    case TOTAL:
        return is_progress || limit->cap_bytes;
    case CAP:
        return limit->cap_bytes != 0;
    default:
        return !limit->is_enforced;
    }
}

static const char *member_name(enum sl_phase phase, enum member member)
{
    static const char *const names[N_MEMBERS] = {
        [RATE] = "min_rate", [WINDOW] = "window",   [TOTAL] = "total",
        [CAP] = "max_bytes", [ENFORCE] = "enforce",
    };
    return member == LIMIT ? sl_phase_table[phase].word : names[member];
}

static enum sl_level level_of(const struct sl_view *view, enum sl_phase phase, enum member member)
{
    if (view->route && level_has(&view->route->deadlines, phase, member))
        return SL_LEVEL_ROUTE;
    if (level_has(&view->listener->deadlines, phase, member))
        return SL_LEVEL_LISTENER;
    if (level_has(&view->config->deadlines, phase, member))
        return SL_LEVEL_GLOBAL;
    return SL_LEVEL_DEFAULT;
}

static void add_level(const struct sl_view *view, enum sl_phase phase, enum sl_level level,
                      struct sl_str *s)
{
    switch (level) {
    case SL_LEVEL_ROUTE:
        sl_str_addf(s, "route %s (line %u)", view->route->name,
                    view->route->deadlines.set[phase].at.line);
        break;
    case SL_LEVEL_LISTENER:
        sl_str_addf(s, "listener %s (line %u)", view->listener->name,
                    view->listener->deadlines.set[phase].at.line);
        break;
    case SL_LEVEL_GLOBAL:
        sl_str_addf(s, "deadlines (line %u)", view->config->deadlines.set[phase].at.line);
        break;
    default:
        sl_str_addz(s, "default");
        break;
    }
}

/* "default"; or "route r (line 9): idle; default: min_rate, window, total" when they differ. */
static void add_origin(const struct sl_view *view, enum sl_phase phase, struct sl_str *s)
{
    const struct sl_limit *limit = &view->in_force.phase[phase];
    bool is_used[SL_LEVEL_ROUTE + 1] = {false};
    size_t n_used = 0;
    for (int m = 0; m < N_MEMBERS; m++) {
        if (!is_shown(phase, limit, (enum member)m))
            continue;
        enum sl_level level = level_of(view, phase, (enum member)m);
        n_used += !is_used[level];
        is_used[level] = true;
    }
    for (int level = SL_LEVEL_ROUTE; level >= SL_LEVEL_DEFAULT; level--) {
        if (!is_used[level])
            continue;
        if (s->len)
            sl_str_addz(s, "; ");
        add_level(view, phase, (enum sl_level)level, s);
        const char *before = ": ";
        for (int m = 0; n_used > 1 && m < N_MEMBERS; m++) {
            if (!is_shown(phase, limit, (enum member)m) ||
                level_of(view, phase, (enum member)m) != (enum sl_level)level)
                continue;
            sl_str_addf(s, "%s%s", before, member_name(phase, (enum member)m));
            before = ", ";
        }
    }
}

/* ---- the table ---- */

bool sl_view_uses(const struct sl_view *view, enum sl_phase phase)
{
    if (phase == SL_PHASE_PROXY_HEADER)
        return view->listener->proxy_protocol == SL_PROXY_PROTOCOL_REQUIRED;
    if (phase == SL_PHASE_TLS_HANDSHAKE)
        return view->listener->is_tls;
    return true;
}

static void fill_row(const struct sl_view *view, enum sl_phase phase, struct row *row)
{
    struct sl_str s;
    sl_str_init(&s, row->value, sizeof(row->value));
    add_value(phase, &view->in_force.phase[phase], &s);
    sl_str_init(&s, row->origin, sizeof(row->origin));
    add_origin(view, phase, &s);
    if (!sl_view_uses(view, phase))
        sl_str_addf(&s, " (not used: `%s: off`)",
                    phase == SL_PHASE_PROXY_HEADER ? "proxy_protocol" : "tls");
}

/* `only` NULL: every phase; else those that it sets. */
static void print_table(const struct sl_view *view, const struct sl_deadline_set *only, FILE *to)
{
    struct row rows[SL_N_PHASES];
    int width = (int)strlen("value");
    for (int i = 0; i < SL_N_PHASES; i++) {
        fill_row(view, (enum sl_phase)i, &rows[i]);
        if ((!only || sl_deadline_set_has(only, (enum sl_phase)i)) &&
            (int)strlen(rows[i].value) > width)
            width = (int)strlen(rows[i].value);
    }
    fprintf(to, "  %-17s %-*s %-9s %-9s %-9s %s\n", "phase", width, "value", "awaited", "kind",
            "enforced", "origin");
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_phase_row *phase = &sl_phase_table[i];
        if (only && !sl_deadline_set_has(only, (enum sl_phase)i))
            continue;
        fprintf(to, "  %-17s %-*s %-9s %-9s %-9s %s\n", phase->key, width, rows[i].value,
                sl_side_name(phase->awaited),
                phase->kind == SL_KIND_ABSOLUTE ? "absolute" : "progress",
                view->in_force.phase[i].is_enforced ? "yes" : "no", rows[i].origin);
    }
}

static void print_beside(const struct sl_config *config, FILE *to)
{
    char buf[128];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_str_add_duration(&s, config->max_age_ms);
    sl_str_addz(&s, ", requests ");
    if (config->max_age_requests == SL_UNLIMITED)
        sl_str_addz(&s, "unlimited");
    else
        sl_str_add_u64(&s, config->max_age_requests);
    fprintf(to, "  %-17s time %s\n", "max_age", buf);
    for (size_t i = 0; i < config->n_upstreams; i++) {
        sl_str_init(&s, buf, sizeof(buf));
        sl_str_add_duration(&s, config->upstreams[i].idle_ms);
        fprintf(to, "  %-17s %s for upstream %s\n", "upstream_idle", buf,
                config->upstreams[i].name);
    }
}

static struct sl_view view_of(const struct sl_config *config,
                              const struct sl_listener_config *listener,
                              const struct sl_route_config *route)
{
    struct sl_view view = {.config = config, .listener = listener, .route = route};
    sl_config_deadlines(config, listener, route, &view.in_force);
    return view;
}

static bool sets_any(const struct sl_deadline_set *set)
{
    for (int i = 0; i < SL_N_PHASES; i++)
        if (sl_deadline_set_has(set, (enum sl_phase)i))
            return true;
    return false;
}

/* ---- which ones ---- */

static const struct sl_listener_config *find_listener(const struct sl_config *config,
                                                      const char *name, FILE *errors)
{
    for (size_t i = 0; i < config->n_listeners; i++)
        if (!name || strcmp(config->listeners[i].name, name) == 0)
            return &config->listeners[i];
    fprintf(errors, "no listener is named %s; there are:\n",
            sl_quote(sl_span_str(name ? name : "")).text);
    for (size_t i = 0; i < config->n_listeners; i++)
        fprintf(errors, "  %s\n", config->listeners[i].name);
    return NULL;
}

static const struct sl_route_config *find_route(const struct sl_config *config, const char *name,
                                                FILE *errors)
{
    for (size_t i = 0; i < config->n_routes; i++)
        if (strcmp(config->routes[i].name, name) == 0)
            return &config->routes[i];
    fprintf(errors, "no route is named %s; there are:\n", sl_quote(sl_span_str(name)).text);
    for (size_t i = 0; i < config->n_routes; i++)
        fprintf(errors, "  %s\n", config->routes[i].name);
    return NULL;
}

static void print_listener_line(const struct sl_listener_config *listener, FILE *to)
{
    bool has_name = strcmp(listener->name, listener->address_text) != 0;
    fprintf(to, "Listener %s%s%s%s: %s%s", listener->name, has_name ? " (" : "",
            has_name ? listener->address_text : "", has_name ? ")" : "",
            listener->is_tls ? "TLS" : "plain HTTP",
            listener->proxy_protocol == SL_PROXY_PROTOCOL_REQUIRED ? " after a PROXY header" : "");
}

int sl_config_explain(const struct sl_config *config, const char *listener_name,
                      const char *route_name, FILE *to, FILE *errors)
{
    const struct sl_listener_config *listener = find_listener(config, listener_name, errors);
    const struct sl_route_config *route = NULL;
    if (listener && route_name)
        route = find_route(config, route_name, errors);
    if (!listener || (route_name && !route))
        return SL_ERR_NOT_FOUND;

    struct sl_view view = view_of(config, listener, route);
    print_listener_line(listener, to);
    if (route)
        fprintf(to, ", route %s to upstream %s", route->name, route->upstream);
    fputs("\n\n", to);
    print_table(&view, NULL, to);
    print_beside(config, to);
    for (size_t i = 0; !route && i < config->n_routes; i++) {
        const struct sl_route_config *other = &config->routes[i];
        if (!sets_any(&other->deadlines))
            continue;
        struct sl_view own = view_of(config, listener, other);
        fprintf(to, "\nRoute %s to upstream %s sets:\n\n", other->name, other->upstream);
        print_table(&own, &other->deadlines, to);
    }
    fputc('\n', to);
    sl_view_print_holds(&view, to);
    for (size_t i = 0; !route && i < config->n_routes; i++) {
        const struct sl_route_config *other = &config->routes[i];
        if (!sl_deadline_set_has(&other->deadlines, SL_PHASE_REQUEST_BODY) &&
            !sl_deadline_set_has(&other->deadlines, SL_PHASE_RESPONSE))
            continue;
        struct sl_view own = view_of(config, listener, other);
        fprintf(to, "\nOn route %s:\n", other->name);
        sl_view_print_body_holds(&own, to);
    }
    return 0;
}
