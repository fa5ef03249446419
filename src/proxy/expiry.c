/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry.h"

#include "inner.h"

bool sl_expiry_cuts(struct sl_proxy *proxy, enum sl_phase phase, const struct sl_limit *limit,
                    const struct sl_addr *peer)
{
    char peer_buf[SL_ADDR_TEXT_BYTES];
    struct sl_str text;

    if (limit->is_enforced) {
        sl_count_add(&proxy->counters->expired[phase], 1);
        return true;
    }
    sl_count_add(&proxy->counters->expired_shadow[phase], 1);
    sl_str_init(&text, peer_buf, sizeof(peer_buf));
    sl_addr_write(peer, &text);
    sl_log(SL_LOG_INFO,
           "deadline %s expired and is not enforced: it would have cut peer=%s limit=%llums",
           sl_phase_key(phase), peer_buf, (unsigned long long)limit->limit_ms);
    return false;
}

void sl_expiry_ended_well(struct sl_deadline *d, struct sl_counters *counters,
                          const struct sl_limit *limit)
{
    if (d->phase >= 0 && sl_deadline_is_armed(d))
        sl_counters_headroom(counters, d->phase, sl_loop_now_ms(d->loop) - d->since_ms,
                             limit->limit_ms);
    sl_deadline_clear(d);
}
