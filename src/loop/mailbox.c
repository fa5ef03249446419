/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: a list behind a mutex, and a uv_async that wakes the receiver's loop. However many
 * messages come while the loop is busy, they are taken off the list at once and delivered one by
 * one without the lock, so a receiver may send, to itself as well.
 *
 * Failure modes: only opening can fail. Sending allocates nothing; the message brings its link.
 * Ownership: the mailbox is a shell (one handle); its close callback frees it. Closing delivers
 * what is there. A receiver may close it while mail is being delivered: the rest is delivered too,
 * so that no message is lost.
 */
#include <pthread.h>
#include <stdlib.h>

#include <sluice/loop/mailbox.h>

#include "uv_private.h"

struct sl_mailbox {
    uv_async_t uv;
    struct sl_loop *loop;
    sl_mail_fn *on_mail;
    void *owner;
    pthread_mutex_t lock;
    struct sl_list mail;  /* under the lock */
    struct sl_list batch; /* being delivered */
};

/* What was there when it began, so that one who writes to himself does not hold the loop. A close
   from within goes on with the same batch, which keeps the order. */
static void deliver_batch(struct sl_mailbox *mailbox)
{
    struct sl_list *node;

    pthread_mutex_lock(&mailbox->lock);
    sl_list_splice(&mailbox->batch, &mailbox->mail);
    pthread_mutex_unlock(&mailbox->lock);
    while ((node = sl_list_first(&mailbox->batch)) != NULL) {
        sl_list_unlink(node);
        mailbox->on_mail(mailbox->owner, sl_list_entry(node, struct sl_mail, link));
    }
}

static void on_async(uv_async_t *uv)
{
    struct sl_mailbox *mailbox = sl_container_of(uv, struct sl_mailbox, uv);

    sl_loop_woke(mailbox->loop);
    deliver_batch(mailbox);
}

static void on_closed(uv_handle_t *uv)
{
    struct sl_mailbox *mailbox = sl_container_of(uv, struct sl_mailbox, uv);

    mailbox->loop->n_shells--;
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

int sl_mailbox_open(struct sl_loop *loop, sl_mail_fn *on_mail, void *owner,
                    struct sl_mailbox **out_mailbox)
{
    struct sl_mailbox *mailbox = calloc(1, sizeof(*mailbox));

    if (!mailbox)
        return SL_ERR_MEMORY;
    int err = sl_loop_err(uv_async_init(&loop->uv, &mailbox->uv, on_async));
    if (err) {
        free(mailbox);
        return err;
    }
    loop->n_shells++;
    mailbox->loop = loop;
    mailbox->on_mail = on_mail;
    mailbox->owner = owner;
    pthread_mutex_init(&mailbox->lock, NULL);
    sl_list_init(&mailbox->mail);
    sl_list_init(&mailbox->batch);
    *out_mailbox = mailbox;
    return 0;
}

void sl_mailbox_close(struct sl_mailbox **pmailbox)
{
    struct sl_mailbox *mailbox = *pmailbox;

    if (!mailbox)
        return;
    *pmailbox = NULL;
    deliver_batch(mailbox);
    uv_close((uv_handle_t *)&mailbox->uv, on_closed);
}

void sl_mailbox_send(struct sl_mailbox *mailbox, struct sl_mail *mail)
{
    pthread_mutex_lock(&mailbox->lock);
    sl_list_append(&mailbox->mail, &mail->link);
    pthread_mutex_unlock(&mailbox->lock);
    uv_async_send(&mailbox->uv);
}
