/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox: messages between threads, complete and in order.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/loop/loop.h>
#include <sluice/loop/mailbox.h>

#define N_SENDERS 4
#define N_LETTERS 2000

struct letter {
    struct sl_mail mail;
    unsigned sender, number;
};

static struct sl_loop *loop;
static struct sl_mailbox *mailbox;
static unsigned n_got, next_number[N_SENDERS];

static void on_mail(void *owner, struct sl_mail *mail)
{
    struct letter *letter = sl_container_of(mail, struct letter, mail);

    assert_ptr_equal(owner, &loop);
    assert_int_equal(letter->number, next_number[letter->sender]);
    next_number[letter->sender]++;
    n_got++;
    if (n_got == N_SENDERS * N_LETTERS)
        sl_loop_stop(loop);
    free(letter);
}

static void send_one(unsigned sender, unsigned number)
{
    struct letter *letter = calloc(1, sizeof(*letter));

    letter->sender = sender;
    letter->number = number;
    sl_mailbox_send(mailbox, &letter->mail);
}

static void *send_many(void *arg)
{
    unsigned sender = *(unsigned *)arg;

    for (unsigned i = 0; i < N_LETTERS; i++)
        send_one(sender, i);
    return NULL;
}

static void open_mailbox(void)
{
    n_got = 0;
    memset(next_number, 0, sizeof(next_number));
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(sl_mailbox_open(loop, on_mail, &loop, &mailbox), 0);
    assert_int_equal(sl_loop_n_shells(loop), 1);
}

static void many_threads_send_and_nothing_is_lost(void **state)
{
    pthread_t threads[N_SENDERS];
    unsigned numbers[N_SENDERS];

    open_mailbox();
    for (unsigned i = 0; i < N_SENDERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &numbers[i]), 0);
    }
    sl_loop_run(loop);
    for (unsigned i = 0; i < N_SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_got, N_SENDERS * N_LETTERS);
    sl_mailbox_close(&mailbox);
    sl_mailbox_close(&mailbox);
    sl_loop_free(&loop);
}

static void a_close_delivers_what_is_there(void **state)
{
    open_mailbox();
    send_one(0, 0);
    send_one(0, 1);
    sl_mailbox_close(&mailbox);
    assert_int_equal(n_got, 2);
    sl_loop_free(&loop);
}

static unsigned n_closing;

static void on_mail_close(void *owner, struct sl_mail *mail)
{
    n_closing++;
    sl_mailbox_close(&mailbox);
    sl_loop_stop(loop);
    free(sl_container_of(mail, struct letter, mail));
}

static void a_receiver_may_close_it(void **state)
{
    n_closing = 0;
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(sl_mailbox_open(loop, on_mail_close, NULL, &mailbox), 0);
    send_one(0, 0);
    send_one(0, 1);
    sl_loop_run(loop);
    assert_int_equal(n_closing, 2); /* no letter is lost */
    sl_loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_send_and_nothing_is_lost),
        cmocka_unit_test(a_close_delivers_what_is_there),
        cmocka_unit_test(a_receiver_may_close_it),
    };
    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
