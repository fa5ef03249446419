/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: process signals as events of one loop.
 *
 * Ownership: one shell with up to eight handles; it counts them, and the last close callback frees
 * it. Failure modes: only opening can fail; then the handles that were made are closed.
 */
#include <assert.h>
#include <stdlib.h>

#include <sluice/loop/signals.h>

#include "uv_private.h"

#define N_SIGNALS 8

struct sl_signals {
    struct sl_loop *loop;
    sl_signal_fn *on_signal;
    void *owner;
    size_t n_handles;
    uv_signal_t handles[N_SIGNALS];
};

static void on_uv_signal(uv_signal_t *uv, int signum)
{
    struct sl_signals *signals = uv->data;

    sl_loop_woke(signals->loop);
    signals->on_signal(signals->owner, signum); /* libuv calls none that was closed */
}

static void on_closed(uv_handle_t *uv)
{
    struct sl_signals *signals = uv->data;

    if (--signals->n_handles > 0)
        return;
    signals->loop->n_shells--;
    free(signals);
}

void sl_signals_close(struct sl_signals **psignals)
{
    struct sl_signals *signals = *psignals;

    if (!signals)
        return;
    *psignals = NULL;
    for (size_t i = 0; i < signals->n_handles; i++)
        uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}

int sl_signals_open(struct sl_loop *loop, const int *signums, sl_signal_fn *on_signal, void *owner,
                    struct sl_signals **out_signals)
{
    struct sl_signals *signals = calloc(1, sizeof(*signals));
    int err = 0;

    if (!signals)
        return SL_ERR_MEMORY;
    signals->loop = loop;
    signals->on_signal = on_signal;
    signals->owner = owner;
    loop->n_shells++;
    assert(*signums);
    for (; *signums && !err; signums++) {
        uv_signal_t *uv = &signals->handles[signals->n_handles];
        assert(signals->n_handles < N_SIGNALS);
        err = uv_signal_init(&loop->uv, uv);
        if (err)
            break;
        uv->data = signals;
        signals->n_handles++;
        err = uv_signal_start(uv, on_uv_signal, *signums);
    }
    if (!err) {
        *out_signals = signals;
        return 0;
    }
    if (signals->n_handles > 0) {
        sl_signals_close(&signals);
    } else {
        loop->n_shells--;
        free(signals);
    }
    return sl_loop_err(err);
}
