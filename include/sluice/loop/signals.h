/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: process signals as events of one loop. SIGPIPE is ignored for the process from the first
 * sl_loop_new on.
 */
#ifndef SLUICE_LOOP_SIGNALS_H
#define SLUICE_LOOP_SIGNALS_H

struct sl_loop;
struct sl_signals;

typedef void sl_signal_fn(void *owner, int signum);

/* `signums` ends with 0; at most 8. */
int sl_signals_open(struct sl_loop *loop, const int *signums, sl_signal_fn *on_signal, void *owner,
                    struct sl_signals **out_signals);
void sl_signals_close(struct sl_signals **signals);

#endif
