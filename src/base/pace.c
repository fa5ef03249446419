/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimum pace of a body. Charged time is cut into slices, SL_PACE_SLICES of which make exactly
 * one window. At each slice's end, once a whole window has gone by, the bytes of the last window
 * must reach rate x window. Bytes of older slices are forgotten: that is what bounds the credit of
 * a fast start.
 *
 * A slice's end is passed only when its window has enough. One that has not stays the present end:
 * the check reports it, and progress that is told afterwards fills the gap first, as late within
 * the window as possible, since bytes found late have arrived somewhere between the last call and
 * now. A peer that moves its due in every window can thus never be cut, however late the loop is.
 *
 * After a gap of any length a call does a bounded number of steps: once a slice's end has been
 * passed with exactly the bytes needed, each further window needs exactly rate x window of the
 * fresh bytes and leaves the ring as it was, so whole windows are skipped by one division.
 *
 * Nothing allocates and nothing fails. Sums stay within 64 bits because no slice counts more than
 * one window needs, and no window needs more than NEED_MAX.
 */
#include <sluice/base/pace.h>

/* SL_PACE_SLICES times this fit into 64 bits. No machine moves so much in a window. */
#define NEED_MAX (UINT64_MAX / (2 * SL_PACE_SLICES))

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Rate x window, rounded up: who moves at least so much has moved enough. An unlimited window never
   ends, and an unlimited minimum is the operator's word for none. */
static uint64_t need_of(const struct sl_limit *limit)
{
    uint64_t rate = limit->rate_Bps, window = limit->window_ms, whole, part;
    if (rate == SL_UNLIMITED || window == SL_UNLIMITED)
        return 0;
    /* (1000 q + r) x window / 1000 = q x window + r x window / 1000 */
    if (__builtin_mul_overflow(rate / 1000, window, &whole) ||
        __builtin_mul_overflow(rate % 1000, window, &part))
        return NEED_MAX;
    return min_u64(add_capped(whole, part / 1000 + (part % 1000 != 0)), NEED_MAX);
}

/* Slices differ by at most 1 ms, so that any SL_PACE_SLICES in a row make exactly one window. */
static uint64_t slice_ms(const struct sl_pace *p, uint64_t index)
{
    uint64_t window = p->limit.window_ms;
    return window / SL_PACE_SLICES + (index % SL_PACE_SLICES < window % SL_PACE_SLICES);
}

static void charge(struct sl_pace *p, uint64_t now_ms)
{
    if (!p->is_running || now_ms <= p->since_ms)
        return;
    p->charged_ms = add_capped(p->charged_ms, now_ms - p->since_ms);
    p->since_ms = now_ms;
}

static void fill(struct sl_pace *p, uint64_t n)
{
    uint64_t *slice = &p->slice_bytes[p->n_slices % SL_PACE_SLICES];
    n = min_u64(n, p->need_bytes - *slice);
    *slice += n;
    p->window_bytes += n;
}

/* Whether the window that ends with slice `index` is a whole one. */
static bool is_judged(uint64_t index)
{
    return index + 1 >= SL_PACE_SLICES;
}

/* Passes all slice ends up to now, as far as the bytes go; `fresh` bytes have arrived since the
   last call. */
static void settle(struct sl_pace *p, uint64_t fresh)
{
    if (p->need_bytes == 0)
        return;
    while (p->slice_end_ms <= p->charged_ms && p->slice_end_ms != SL_UNLIMITED) {
        if (is_judged(p->n_slices) && p->window_bytes <= p->need_bytes) {
            uint64_t gap = p->need_bytes - p->window_bytes, gift = min_u64(gap, fresh);
            fill(p, gift);
            fresh -= gift;
            if (gift < gap)
                return;
            uint64_t n_windows = min_u64((p->charged_ms - p->slice_end_ms) / p->limit.window_ms,
                                         fresh / p->need_bytes);
            fresh -= n_windows * p->need_bytes;
            p->slice_end_ms += n_windows * p->limit.window_ms;
            p->n_slices += n_windows * SL_PACE_SLICES;
        }
        p->n_slices++;
        p->slice_end_ms = add_capped(p->slice_end_ms, slice_ms(p, p->n_slices));
        uint64_t *oldest = &p->slice_bytes[p->n_slices % SL_PACE_SLICES];
        p->window_bytes -= *oldest;
        *oldest = 0;
    }
    fill(p, fresh);
}

void sl_pace_init(struct sl_pace *p, const struct sl_limit *limit)
{
    *p = (struct sl_pace){.limit = *limit, .need_bytes = need_of(limit)};
    p->slice_end_ms = slice_ms(p, 0);
}

void sl_pace_run(struct sl_pace *p, uint64_t now_ms)
{
    if (p->is_running)
        return;
    p->is_running = true;
    p->since_ms = now_ms;
}

void sl_pace_stop(struct sl_pace *p, uint64_t now_ms)
{
    charge(p, now_ms);
    p->is_running = false;
}

void sl_pace_progress(struct sl_pace *p, uint64_t n, uint64_t now_ms)
{
    if (n == 0)
        return;
    charge(p, now_ms);
    p->progress_ms = p->charged_ms;
    p->n_bytes = add_capped(p->n_bytes, n);
    p->said = SL_PACE_OK;
    settle(p, n);
}

/* Charged time at which, without further progress, a window will have too few bytes. */
static uint64_t breach_ms(const struct sl_pace *p)
{
    uint64_t end = p->slice_end_ms, sum = p->window_bytes, index = p->n_slices;
    while (!is_judged(index) || sum >= p->need_bytes) {
        index++;
        end = add_capped(end, slice_ms(p, index));
        sum -= p->slice_bytes[index % SL_PACE_SLICES];
    }
    return end;
}

uint64_t sl_pace_due_ms(const struct sl_pace *p)
{
    if (!p->is_running || p->said != SL_PACE_OK)
        return SL_UNLIMITED;
    uint64_t due = min_u64(p->limit.total_ms, add_capped(p->progress_ms, p->limit.limit_ms));
    if (p->need_bytes)
        due = min_u64(due, breach_ms(p));
    if (due == SL_UNLIMITED)
        return SL_UNLIMITED;
    return add_capped(p->since_ms, due > p->charged_ms ? due - p->charged_ms : 0);
}

enum sl_pace_verdict sl_pace_check(struct sl_pace *p, uint64_t now_ms)
{
    const struct sl_limit *limit = &p->limit;
    charge(p, now_ms);
    settle(p, 0);
    p->said = SL_PACE_OK;
    if (limit->total_ms != SL_UNLIMITED && p->charged_ms >= limit->total_ms)
        p->said = SL_PACE_TOTAL;
    else if (limit->limit_ms != SL_UNLIMITED && p->charged_ms - p->progress_ms >= limit->limit_ms)
        p->said = SL_PACE_IDLE;
    else if (p->need_bytes && p->slice_end_ms <= p->charged_ms && p->slice_end_ms != SL_UNLIMITED)
        p->said = SL_PACE_RATE;
    return p->said;
}

uint64_t sl_pace_charged_ms(const struct sl_pace *p, uint64_t now_ms)
{
    if (!p->is_running || now_ms <= p->since_ms)
        return p->charged_ms;
    return add_capped(p->charged_ms, now_ms - p->since_ms);
}
