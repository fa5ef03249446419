/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: a thread with its own loop, sockets, proxy and counters. The main thread talks to it in
 * letters: each goes there with an order and comes back to the main thread's mailbox with the
 * answer, so that a worker allocates nothing for an answer and an answer cannot fail.
 */
#ifndef SLUICE_SERVER_WORKER_H
#define SLUICE_SERVER_WORKER_H

#include <pthread.h>
#include <stdalign.h>
#include <sluice/loop/mailbox.h>
#include <sluice/proxy/proxy.h>

struct sl_worker;

/* One listening socket of one worker. */
struct sl_worker_listener {
    struct sl_worker *worker;
    int fd;                      /* until it is attached to the loop; else -1 */
    struct sl_tcp_listener *tcp; /* NULL until then */
    struct sl_addr address;
    uint32_t backlog;
    size_t index; /* in the worker's present plan */
};

enum sl_order {
    SL_ORDER_ADOPT,  /* serve under another plan, with these sockets */
    SL_ORDER_SURVEY, /* fill the snapshot */
    SL_ORDER_DRAIN,  /* stop listening; the answer comes when nothing is left */
    SL_ORDER_STOP,   /* end the thread; there is no answer but its end */
};

struct sl_letter {
    struct sl_mail mail;
    enum sl_order order;
    struct sl_worker *worker;
    int err; /* the answer: 0 or SL_ERR_* */

    /* ADOPT; taken over by the worker */
    struct sl_plan *plan;     /* a reference */
    struct sl_logger *access; /* borrowed; NULL: off */
    struct sl_worker_listener *
        *listeners; /* as in the plan; NULL: the one that it has for this address */
    size_t n_listeners;

    /* SURVEY */
    struct sl_proxy_snapshot snapshot; /* with err 0 */
    void *asker;
};

/* A letter on the heap, not yet sent. 0 or SL_ERR_MEMORY. */
int sl_letter_new(enum sl_order order, struct sl_letter **out_letter);
/* With everything that is still in it: closes sockets, gives the plan back, frees the snapshot. */
void sl_letter_free(struct sl_letter **letter);
/* The listener under `index` for a socket; takes fd over. 0 or SL_ERR_MEMORY. */
int sl_letter_add_listener(struct sl_letter *letter, size_t index, int fd,
                           const struct sl_listener_config *config);

struct sl_worker {
    alignas(
        64) struct sl_counters counters; /* written by this worker only: a cache line of its own */
    unsigned index;
    pthread_t thread;
    bool has_thread;
    struct sl_loop *loop; /* NULL once the thread has ended */
    struct sl_proxy *proxy;
    struct sl_mailbox *inbox;
    struct sl_mailbox *replies; /* the main thread's. Borrowed. */
    struct sl_worker_listener **listeners;
    size_t n_listeners;
    struct sl_letter drain, stop; /* always at hand: ending must not need memory */
};

/*
 * Makes the worker with its loop and proxy and has it adopt the letter (ADOPT, consumed in any
 * case). Not yet a thread: everything that can fail fails here, on the caller's thread. 0 or
 * SL_ERR_*.
 */
int sl_worker_new(unsigned index, struct sl_mailbox *replies, struct sl_letter *adopt,
                  struct sl_worker **out_worker);
/* Starts the thread. Signals that are blocked for the caller are blocked for it. 0 or SL_ERR_LIMIT.
 */
int sl_worker_start(struct sl_worker *worker);
/* From the main thread. */
void sl_worker_send(struct sl_worker *worker, struct sl_letter *letter);
/* Ends its thread at once and cuts what is left. Not waited for. Nothing may be sent after it. */
void sl_worker_stop(struct sl_worker *worker);
/* Waits for the thread, which was stopped. Its counters live on until the free. */
void sl_worker_join(struct sl_worker *worker);
/* Only when no letter of it can be in the main thread's mailbox any more. */
void sl_worker_free(struct sl_worker **worker);

#endif
