/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting. A worker adds to its own cells; whoever scrapes sums the cells of all workers into one
 * of its own. Cells are read while they are written, so a scrape may see two related cells one
 * event apart; each single cell is always whole. Nothing allocates and nothing can fail.
 */
#include <sluice/base/counters.h>

/* sl_counters_sum walks the struct as one array of cells. */
_Static_assert(sizeof(struct sl_counters) % sizeof(sl_count) == 0, "a cell is no sl_count");
_Static_assert(_Alignof(struct sl_counters) == _Alignof(sl_count), "a cell is no sl_count");

static const uint64_t duration_bounds_ms[] = SL_DURATION_BOUNDS_MS;
_Static_assert(SL_N_ELEMENTS(duration_bounds_ms) == SL_N_DURATION_BOUNDS,
               "count the bounds of durations");

const char *sl_handshake_end_name(enum sl_handshake_end end)
{
    switch (end) {
#define X(sym, name)                                                                               \
    case SL_HANDSHAKE_##sym:                                                                       \
        return name;
        SL_HANDSHAKE_ENDS(X)
#undef X
    case SL_N_HANDSHAKE_ENDS:
        break;
    }
    return "internal";
}

void sl_histogram_add(struct sl_histogram *h, uint64_t ms)
{
    size_t i = 0;
    while (i < SL_N_DURATION_BOUNDS && ms > duration_bounds_ms[i])
        i++;
    sl_count_add(&h->bucket[i], 1);
    sl_count_add(&h->sum_ms, ms);
}

void sl_counters_headroom(struct sl_counters *c, enum sl_phase phase, uint64_t used_ms,
                          uint64_t limit_ms)
{
    /* A share of no limit is no number; a phase that waits for nobody has no limit. */
    if ((int)phase < 0 || (int)phase >= SL_N_PHASES || limit_ms == 0 || limit_ms == SL_UNLIMITED)
        return;
    if (used_ms > limit_ms)
        used_ms = limit_ms;
    /* Room for the multiplications below; shares of such giants lose nothing that counts. */
    if (limit_ms > UINT64_MAX / 100) {
        used_ms >>= 7;
        limit_ms >>= 7;
    }
    sl_count_add(&c->headroom[phase][used_ms * (SL_N_HEADROOM - 1) / limit_ms], 1);
    if (used_ms * 100 > limit_ms * SL_NEAR_MISS_PERCENT)
        sl_count_add(&c->near_miss[phase], 1);
}

void sl_counters_sum(struct sl_counters *to, const struct sl_counters *from)
{
    sl_count *cell = (sl_count *)(void *)to;
    const sl_count *add = (const sl_count *)(const void *)from;
    for (size_t i = 0; i < sizeof(*to) / sizeof(*cell); i++)
        sl_count_add(&cell[i], sl_count_get(&add[i]));
}
