/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of deadlines as data. Everything here is expanded from SL_PHASES: a row that is added
 * there gets its enumerator, name and defaults at once, and the assertions below refuse a row that
 * contradicts itself. Nothing can fail at run time.
 */
#include <sluice/base/phase.h>

#define X(sym, key_, awaited_, kind_, scope_, word_, limit_, total_, rate_, window_, bytes_,       \
          status_)                                                                                 \
    [SL_PHASE_##sym] = {.key = #key_,                                                              \
                        .word = word_,                                                             \
                        .awaited = SL_SIDE_##awaited_,                                             \
                        .kind = SL_KIND_##kind_,                                                   \
                        .scope = SL_SCOPE_##scope_,                                                \
                        .preset = {.limit_ms = limit_,                                             \
                                   .total_ms = total_,                                             \
                                   .rate_Bps = rate_,                                              \
                                   .window_ms = window_,                                           \
                                   .cap_bytes = bytes_,                                            \
                                   .is_enforced = true},                                           \
                        .status = status_},
const struct sl_phase_row sl_phase_table[SL_N_PHASES] = {SL_PHASES(X)};
#undef X

/* Metrics, dashboards and configurations count on this order: the order of a connection's life. */
_Static_assert(SL_N_PHASES == 16, "a phase came or went: look at every table indexed by phase");
_Static_assert(SL_PHASE_PROXY_HEADER == 0 && SL_PHASE_DRAIN == SL_N_PHASES - 1,
               "the life of a connection begins with proxy_header and ends with drain");
_Static_assert(SL_PHASE_FIRST_BYTE < SL_PHASE_TLS_HANDSHAKE &&
                   SL_PHASE_TLS_HANDSHAKE < SL_PHASE_REQUEST_START &&
                   SL_PHASE_REQUEST_START < SL_PHASE_REQUEST_HEADER &&
                   SL_PHASE_REQUEST_HEADER < SL_PHASE_REQUEST_BODY &&
                   SL_PHASE_REQUEST_BODY < SL_PHASE_RESPONSE &&
                   SL_PHASE_UPSTREAM_QUEUE < SL_PHASE_UPSTREAM_CONNECT &&
                   SL_PHASE_UPSTREAM_CONNECT < SL_PHASE_UPSTREAM_WRITE &&
                   SL_PHASE_UPSTREAM_WRITE < SL_PHASE_UPSTREAM_HEADER &&
                   SL_PHASE_UPSTREAM_HEADER < SL_PHASE_UPSTREAM_BODY,
               "rows stand in the order in which a connection meets them");

/* Law 1: no phase is unlimited by default. A rate needs a window, and only bodies have a rate. A
   408 blames the client, so only the client's phases may answer it; 503 and 504 blame others. */
#define X(sym, key_, awaited_, kind_, scope_, word_, limit_, total_, rate_, window_, bytes_,       \
          status_)                                                                                 \
    _Static_assert((limit_) > 0 && (limit_) < SL_UNLIMITED, #key_ " has no deadline");             \
    _Static_assert((total_) >= (limit_), #key_ " ends before its own limit");                      \
    _Static_assert(((rate_) > 0) == ((window_) > 0), #key_ ": rate and window go together");       \
    _Static_assert((rate_) == 0 || SL_KIND_##kind_ == SL_KIND_PROGRESS, #key_ " has no pace");     \
    _Static_assert((status_) != 408 || SL_SIDE_##awaited_ == SL_SIDE_CLIENT, #key_ " blames");     \
    _Static_assert((status_) < 500 || SL_SIDE_##awaited_ != SL_SIDE_CLIENT, #key_ " blames");
SL_PHASES(X)
#undef X

const char *sl_phase_key(enum sl_phase phase)
{
    if ((int)phase < 0 || (int)phase >= SL_N_PHASES)
        return "none";
    return sl_phase_table[phase].key;
}

const char *sl_side_name(enum sl_side side)
{
    switch (side) {
    case SL_SIDE_CLIENT:
        return "client";
    case SL_SIDE_UPSTREAM:
        return "upstream";
    case SL_SIDE_POOL:
        return "pool";
    case SL_SIDE_PROXY:
        return "proxy";
    case SL_SIDE_BOTH:
        return "both";
    case SL_SIDE_NONE:
    case SL_N_SIDES:
        break;
    }
    return "none";
}

void sl_deadlines_init(struct sl_deadlines *d)
{
    for (int i = 0; i < SL_N_PHASES; i++)
        d->phase[i] = sl_phase_table[i].preset;
}
