/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: messages from other threads to a loop. The only door between threads.
 */
#ifndef SLUICE_LOOP_MAILBOX_H
#define SLUICE_LOOP_MAILBOX_H

#include <sluice/base/list.h>

struct sl_loop;
struct sl_mailbox;

/* Embedded by the sender's message; belongs to the mailbox until it is delivered. */
struct sl_mail {
    struct sl_list link;
};

/* On the loop's thread, one call per message, in the order of sending. The message is the
 * receiver's. */
typedef void sl_mail_fn(void *owner, struct sl_mail *mail);

int sl_mailbox_open(struct sl_loop *loop, sl_mail_fn *on_mail, void *owner,
                    struct sl_mailbox **out_mailbox);
/* On the loop's thread, when nobody sends any more. Undelivered mail is delivered first. */
void sl_mailbox_close(struct sl_mailbox **mailbox);
/* From any thread. */
void sl_mailbox_send(struct sl_mailbox *mailbox, struct sl_mail *mail);

#endif
