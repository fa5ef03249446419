/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: made and given its first plan on the main thread, so that every failure shows before
 * anything serves; then a thread that runs its loop until a STOP. It closes everything of its own
 * on its own thread.
 *
 * Failure modes: a new socket that cannot be attached during a reload (the descriptor limit,
 * memory) leaves this worker without that one listener; the others serve on, and the answer tells
 * the main thread. A letter that arrives after the proxy is gone is answered with SL_ERR_CLOSED.
 *
 * Ownership: the worker owns its loop, proxy, inbox and listeners. Letters belong to whoever has
 * them; those of DRAIN and STOP are embedded, as ending must not depend on memory.
 */
#include "worker.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- letters ---- */

int sl_letter_new(enum sl_order order, struct sl_letter **out_letter)
{
    struct sl_letter *letter = calloc(1, sizeof(*letter));
    if (!letter)
        return SL_ERR_MEMORY;
    letter->order = order;
    *out_letter = letter;
    return 0;
}

static void listener_free(struct sl_worker_listener *listener)
{
    if (!listener)
        return;
    sl_tcp_listener_close(&listener->tcp);
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener);
}

static void listeners_free(struct sl_worker_listener **listeners, size_t n)
{
    for (size_t i = 0; i < n; i++)
        listener_free(listeners[i]);
    free(listeners);
}

void sl_letter_free(struct sl_letter **letter)
{
    struct sl_letter *l = *letter;
    if (!l)
        return;
    listeners_free(l->listeners, l->n_listeners);
    if (l->plan)
        sl_plan_unref(&l->plan);
    free(l->snapshot.endpoints);
    free(l);
    *letter = NULL;
}

int sl_letter_add_listener(struct sl_letter *letter, size_t index, int fd,
                           const struct sl_listener_config *config)
{
    struct sl_worker_listener *listener = calloc(1, sizeof(*listener));
    if (!listener) {
        close(fd);
        return SL_ERR_MEMORY;
    }
    listener->fd = fd;
    listener->address = config->address;
    listener->backlog = config->backlog;
    letter->listeners[index] = listener;
    return 0;
}

/* ---- orders, on the worker's thread ---- */

static void on_accept(void *owner, struct sl_tcp_listener *tcp, int err)
{
    struct sl_worker_listener *listener = owner;
    if (err)
        sl_proxy_accept_failed(listener->worker->proxy, err);
    else
        sl_proxy_accept(listener->worker->proxy, tcp, listener->index);
}

/* Takes the listener for this address out of those that the worker has now. */
static struct sl_worker_listener *take_present(struct sl_worker *worker,
                                               const struct sl_addr *address)
{
    for (size_t i = 0; i < worker->n_listeners; i++) {
        struct sl_worker_listener *listener = worker->listeners[i];
        if (!listener || !sl_addr_eq(&listener->address, address))
            continue;
        worker->listeners[i] = NULL;
        return listener;
    }
    return NULL;
}

static int attach(struct sl_worker *worker, struct sl_worker_listener *listener)
{
    int fd = listener->fd;
    listener->worker = worker;
    listener->fd = -1; /* sl_tcp_listen takes it over, also when it fails */
    return sl_tcp_listen(worker->loop, fd, (int)listener->backlog, on_accept, listener,
                         &listener->tcp);
}

/* The listener that the worker has for this address, as the new configuration wants it. */
static struct sl_worker_listener *keep(struct sl_worker *worker,
                                       const struct sl_listener_config *config)
{
    struct sl_worker_listener *listener = take_present(worker, &config->address);
    if (listener && listener->backlog != config->backlog) {
        listener->backlog = config->backlog;
        sl_tcp_listener_set_backlog(listener->tcp, (int)config->backlog);
    }
    return listener;
}

/* The plan changes and the sockets with it, in one turn: no accept falls between the two. */
static int adopt(struct sl_worker *worker, struct sl_letter *letter)
{
    int first_err = 0;
    for (size_t i = 0; i < letter->n_listeners; i++) {
        struct sl_worker_listener **at = &letter->listeners[i];
        int err = 0;
        if (*at)
            err = attach(worker, *at);
        else
            *at = keep(worker, &letter->plan->config->listeners[i]);
        if (err) {
            listener_free(*at);
            *at = NULL;
            first_err = first_err ? first_err : err;
        }
        if (*at)
            (*at)->index = i;
    }
    listeners_free(worker->listeners, worker->n_listeners);
    worker->listeners = letter->listeners;
    worker->n_listeners = letter->n_listeners;
    letter->listeners = NULL;
    letter->n_listeners = 0;
    return first_err;
}

static void stop_listening(struct sl_worker *worker)
{
    listeners_free(worker->listeners, worker->n_listeners);
    worker->listeners = NULL;
    worker->n_listeners = 0;
}

static void reply(struct sl_worker *worker, struct sl_letter *letter)
{
    sl_mailbox_send(worker->replies, &letter->mail);
}

static void on_drained(void *owner)
{
    struct sl_worker *worker = owner;
    reply(worker, &worker->drain);
}

static void on_mail(void *owner, struct sl_mail *mail)
{
    struct sl_worker *worker = owner;
    struct sl_letter *letter = sl_container_of(mail, struct sl_letter, mail);
    letter->err = worker->proxy ? 0 : SL_ERR_CLOSED;
    switch (letter->order) {
    case SL_ORDER_ADOPT:
        if (worker->proxy) {
            sl_proxy_set_plan(worker->proxy, letter->plan);
            sl_proxy_set_access(worker->proxy, letter->access);
            letter->err = adopt(worker, letter);
        }
        reply(worker, letter);
        break;
    case SL_ORDER_SURVEY:
        if (worker->proxy)
            letter->err = sl_proxy_snapshot(worker->proxy, &letter->snapshot);
        reply(worker, letter);
        break;
    case SL_ORDER_DRAIN:
        stop_listening(worker);
        if (worker->proxy)
            sl_proxy_drain(worker->proxy, on_drained, worker);
        break;
    case SL_ORDER_STOP:
        sl_loop_stop(worker->loop);
        break;
    }
}

/* ---- life ---- */

/* Everything that belongs to the loop, on the loop's thread (or before there was one). */
static void take_down(struct sl_worker *worker)
{
    stop_listening(worker);
    if (worker->proxy)
        sl_proxy_free(&worker->proxy);
    if (worker->inbox)
        sl_mailbox_close(&worker->inbox);
    if (worker->loop)
        sl_loop_free(&worker->loop);
}

static void *run(void *arg)
{
    struct sl_worker *worker = arg;
    sl_loop_run(worker->loop);
    take_down(worker);
    return NULL;
}

int sl_worker_new(unsigned index, struct sl_mailbox *replies, struct sl_letter *letter,
                  struct sl_worker **out_worker)
{
    struct sl_worker *worker = aligned_alloc(alignof(struct sl_worker), sizeof(*worker));
    int err = SL_ERR_MEMORY;
    if (!worker)
        goto out;
    memset(worker, 0, sizeof(*worker));
    worker->index = index;
    worker->replies = replies;
    worker->drain = (struct sl_letter){.order = SL_ORDER_DRAIN, .worker = worker};
    worker->stop = (struct sl_letter){.order = SL_ORDER_STOP, .worker = worker};
    err = sl_loop_new(&worker->loop);
    if (!err)
        err = sl_mailbox_open(worker->loop, on_mail, worker, &worker->inbox);
    if (!err)
        err = sl_proxy_new(worker->loop, letter->plan, &worker->counters, letter->access,
                           &worker->proxy);
    if (!err)
        err = adopt(worker, letter);
    if (err)
        sl_worker_free(&worker);
out:
    sl_letter_free(&letter);
    *out_worker = worker;
    return err;
}

int sl_worker_start(struct sl_worker *worker)
{
    if (pthread_create(&worker->thread, NULL, run, worker))
        return SL_ERR_LIMIT;
    worker->has_thread = true;
    char name[16];
    snprintf(name, sizeof(name), "sluice-%u", worker->index);
    pthread_setname_np(worker->thread, name);
    return 0;
}

void sl_worker_send(struct sl_worker *worker, struct sl_letter *letter)
{
    letter->worker = worker;
    sl_mailbox_send(worker->inbox, &letter->mail);
}

void sl_worker_stop(struct sl_worker *worker)
{
    if (worker->has_thread)
        sl_worker_send(worker, &worker->stop);
}

void sl_worker_join(struct sl_worker *worker)
{
    if (worker->has_thread)
        pthread_join(worker->thread, NULL);
    worker->has_thread = false;
}

void sl_worker_free(struct sl_worker **worker)
{
    if (!*worker)
        return;
    assert(!(*worker)->has_thread);
    take_down(*worker); /* what is left when no thread was ever started */
    free(*worker);
    *worker = NULL;
}
