/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox (fake): messages from the test's own thread, delivered in the next turn.
 */
#include <sluice/loop/mailbox.h>

#include <stdlib.h>

#include "fake_private.h"

struct sl_mailbox {
    struct fake_shell shell;
    struct sl_list mail;
    sl_mail_fn *on_mail;
    void *owner;
};

static bool deliver(struct sl_mailbox *mailbox)
{
    struct sl_list mail;
    struct sl_list *node;
    bool did = false;

    sl_list_init(&mail);
    sl_list_splice(&mail, &mailbox->mail);
    while ((node = sl_list_first(&mail)) != NULL) {
        sl_list_unlink(node);
        mailbox->on_mail(mailbox->owner, sl_list_entry(node, struct sl_mail, link));
        did = true;
    }
    return did;
}

static bool poll_mailbox(struct fake_shell *shell)
{
    return deliver(sl_container_of(shell, struct sl_mailbox, shell));
}

static void free_mailbox(struct fake_shell *shell)
{
    free(sl_container_of(shell, struct sl_mailbox, shell));
}

int sl_mailbox_open(struct sl_loop *loop, sl_mail_fn *on_mail, void *owner,
                    struct sl_mailbox **out_mailbox)
{
    struct sl_mailbox *mailbox = calloc(1, sizeof(*mailbox));

    if (!mailbox)
        return SL_ERR_MEMORY;
    mailbox->on_mail = on_mail;
    mailbox->owner = owner;
    sl_list_init(&mailbox->mail);
    fake_shell_open(loop, &mailbox->shell, poll_mailbox, free_mailbox);
    *out_mailbox = mailbox;
    return 0;
}

void sl_mailbox_close(struct sl_mailbox **pmailbox)
{
    struct sl_mailbox *mailbox = *pmailbox;

    if (!mailbox)
        return;
    *pmailbox = NULL;
    fake_shell_close(&mailbox->shell);
    deliver(mailbox);
}

void sl_mailbox_send(struct sl_mailbox *mailbox, struct sl_mail *mail)
{
    sl_list_append(&mailbox->mail, &mail->link);
}
