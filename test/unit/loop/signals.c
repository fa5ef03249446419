/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: delivered as events, each by its number; none after close; SIGPIPE does no harm.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/base/err.h>
#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/signals.h>

static struct sl_loop *loop;
static struct sl_signals *signals;
static unsigned n_hup, n_usr1;
static bool does_close;

static void on_signal(void *owner, int signum)
{
    assert_ptr_equal(owner, &loop);
    n_hup += signum == SIGHUP;
    n_usr1 += signum == SIGUSR1;
    if (does_close)
        sl_signals_close(&signals);
}

static void on_stop(struct sl_deadline *d)
{
    sl_loop_stop(loop);
}

static void run_a_little(void)
{
    struct sl_deadline d;

    sl_deadline_init(&d, loop, on_stop);
    sl_deadline_arm(&d, SL_PHASE_NONE, 20);
    sl_loop_run(loop);
    sl_deadline_fini(&d);
}

static void open_both(void)
{
    static const int signums[] = {SIGHUP, SIGUSR1, 0};

    n_hup = n_usr1 = 0;
    does_close = false;
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(sl_signals_open(loop, signums, on_signal, &loop, &signals), 0);
    assert_int_equal(sl_loop_n_shells(loop), 1);
}

static void each_comes_by_its_number(void **state)
{
    open_both();
    raise(SIGHUP);
    run_a_little();
    assert_int_equal(n_hup, 1);
    assert_int_equal(n_usr1, 0);
    raise(SIGUSR1);
    run_a_little();
    assert_int_equal(n_usr1, 1);
    raise(SIGPIPE); /* ignored since there is a loop */
    sl_signals_close(&signals);
    sl_signals_close(&signals);
    sl_loop_free(&loop);
}

static void none_comes_after_close(void **state)
{
    open_both();
    does_close = true;
    raise(SIGHUP);
    raise(SIGUSR1);
    run_a_little();
    assert_int_equal(n_hup + n_usr1, 1);
    sl_loop_free(&loop);
}

static void a_signal_that_cannot_be_caught_is_refused(void **state)
{
    static const int signums[] = {SIGHUP, SIGKILL, 0}, first[] = {SIGKILL, 0};

    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_not_equal(sl_signals_open(loop, signums, on_signal, &loop, &signals), 0);
    assert_int_not_equal(sl_signals_open(loop, first, on_signal, &loop, &signals), 0);
    sl_loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_by_its_number),
        cmocka_unit_test(none_comes_after_close),
        cmocka_unit_test(a_signal_that_cannot_be_caught_is_refused),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
