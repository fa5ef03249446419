/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold: the longest time that a silent, and a trickling, client can hold a connection, worked out
 * from the values in force, each with its sum. A phase in shadow mode, or unlimited, bounds
 * nothing, and the line says so: that is the number an operator must see.
 */
#include "explain.h"

#define LABEL_WIDTH 26

/* What the phase allows at most: unlimited in shadow mode. */
static uint64_t bound_ms(const struct sl_view *view, enum sl_phase phase)
{
    const struct sl_limit *limit = &view->in_force.phase[phase];
    return limit->is_enforced ? limit->limit_ms : SL_UNLIMITED;
}

static void add_phase(const struct sl_view *view, enum sl_phase phase, struct sl_str *s)
{
    const struct sl_limit *limit = &view->in_force.phase[phase];
    sl_str_addf(s, "%s ", sl_phase_key(phase));
    sl_str_add_duration(s, limit->limit_ms);
    if (!limit->is_enforced)
        sl_str_addz(s, " (not enforced)");
}

static void print_line(const char *label, uint64_t ms, const char *formula, FILE *to)
{
    char buf[64];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    if (ms == SL_UNLIMITED)
        sl_str_addz(&s, "for ever");
    else
        sl_str_add_duration(&s, ms);
    fprintf(to, "  %-*s %-10s %s\n", LABEL_WIDTH, label, buf, formula);
}

/* One phase after the other. */
static void print_sum(const struct sl_view *view, const char *label, const enum sl_phase *phases,
                      size_t n, const char *note, FILE *to)
{
    char buf[256];
    struct sl_str s;
    uint64_t sum = 0;
    sl_str_init(&s, buf, sizeof(buf));
    for (size_t i = 0; i < n; i++) {
        uint64_t ms = bound_ms(view, phases[i]);
        sum = sum == SL_UNLIMITED || ms == SL_UNLIMITED ? SL_UNLIMITED : sum + ms;
        sl_str_addz(&s, i ? " + " : "");
        add_phase(view, phases[i], &s);
    }
    sl_str_addz(&s, note);
    print_line(label, sum, buf, to);
}

/* All of these run from accept: the first to expire ends the silence. */
static void print_silent(const struct sl_view *view, FILE *to)
{
    static const enum sl_phase phases[] = {SL_PHASE_FIRST_BYTE, SL_PHASE_PROXY_HEADER,
                                           SL_PHASE_TLS_HANDSHAKE};
    char buf[256];
    struct sl_str s;
    enum sl_phase first = SL_PHASE_FIRST_BYTE;
    for (size_t i = 1; i < SL_N_ELEMENTS(phases); i++)
        if (sl_view_uses(view, phases[i]) && bound_ms(view, phases[i]) < bound_ms(view, first))
            first = phases[i];
    sl_str_init(&s, buf, sizeof(buf));
    add_phase(view, first, &s);
    print_line("silent", bound_ms(view, first), buf, to);
}

/* What must move for the phase to go on: nothing is said when nothing must. */
static void add_pace(const struct sl_limit *limit, struct sl_str *s)
{
    if (limit->rate_Bps) {
        sl_str_addz(s, "at least ");
        /* the schema's ranges keep the product far below 64 bits */
        sl_str_add_size(s, limit->rate_Bps * limit->window_ms / 1000);
        sl_str_addz(s, " in every ");
        sl_str_add_duration(s, limit->window_ms);
        sl_str_addz(s, " (");
        sl_str_add_size(s, limit->rate_Bps * 3600);
        sl_str_addz(s, " an hour)");
    }
    if (limit->limit_ms != SL_UNLIMITED) {
        sl_str_addz(s, limit->rate_Bps ? " and something in every " : "something in every ");
        sl_str_add_duration(s, limit->limit_ms);
    }
}

static void print_pace(const struct sl_view *view, const char *label, enum sl_phase phase, FILE *to)
{
    const struct sl_limit *limit = &view->in_force.phase[phase];
    char buf[256];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    if (!limit->is_enforced) {
        add_phase(view, phase, &s);
        print_line(label, SL_UNLIMITED, buf, to);
        return;
    }
    add_pace(limit, &s);
    if (s.len == 0) {
        sl_str_addf(&s, "%s total", sl_phase_key(phase));
        print_line(label, limit->total_ms, buf, to);
        return;
    }
    fprintf(to, "  %-*s while it moves %s", LABEL_WIDTH, label, buf);
    sl_str_init(&s, buf, sizeof(buf));
    if (limit->total_ms != SL_UNLIMITED) {
        sl_str_addz(&s, ", and for no more than ");
        sl_str_add_duration(&s, limit->total_ms);
    }
    fprintf(to, "%s\n", buf);
}

void sl_view_print_body_holds(const struct sl_view *view, FILE *to)
{
    print_pace(view, "trickling a request body", SL_PHASE_REQUEST_BODY, to);
    print_pace(view, "reading slowly", SL_PHASE_RESPONSE, to);
}

void sl_view_print_holds(const struct sl_view *view, FILE *to)
{
    static const enum sl_phase tls[] = {SL_PHASE_TLS_HANDSHAKE, SL_PHASE_REQUEST_START,
                                        SL_PHASE_REQUEST_HEADER};
    /* the first byte may be that of the empty line that may stand before a request */
    static const enum sl_phase plain[] = {SL_PHASE_FIRST_BYTE, SL_PHASE_REQUEST_START,
                                          SL_PHASE_REQUEST_HEADER};
    static const enum sl_phase again[] = {SL_PHASE_KEEPALIVE, SL_PHASE_REQUEST_HEADER};
    const struct sl_limit *linger = &view->in_force.phase[SL_PHASE_LINGER];
    char buf[64];
    struct sl_str s;

    fprintf(to, "The longest time that a client can hold a connection:\n");
    print_silent(view, to);
    if (view->listener->is_tls)
        print_sum(view, "trickling before a request", tls, SL_N_ELEMENTS(tls), "", to);
    else
        print_sum(view, "trickling before a request", plain, SL_N_ELEMENTS(plain), "", to);
    print_sum(view, "between two requests", again, SL_N_ELEMENTS(again),
              ", then it must have sent a whole one", to);
    print_line("after an error response", linger->is_enforced ? linger->total_ms : SL_UNLIMITED,
               linger->is_enforced ? "linger total" : "linger total (not enforced)", to);
    sl_view_print_body_holds(view, to);

    sl_str_init(&s, buf, sizeof(buf));
    sl_str_add_duration(&s, view->config->limits.pressure_floor_ms);
    fprintf(to,
            "From %u%% of max_connections on the phases before a request shrink, down to %s at "
            "100%%.\n",
            view->config->limits.pressure_start_percent, buf);
}
