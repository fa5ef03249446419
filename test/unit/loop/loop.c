/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: the turn on real time. That the clock is honest, that nothing which waits for the end of a
 * turn waits for an event, and that neither a stopped process nor a busy loop is charged to a peer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/reaper.h>
#include <sluice/loop/tcp.h>

static struct sl_loop *loop;

static int open_loop(void **state)
{
    return sl_loop_new(&loop);
}

static int close_loop(void **state)
{
    sl_loop_free(&loop);
    sl_loop_free(&loop); /* idempotent */
    return 0;
}

static double now_in_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&t, &t) && errno == EINTR)
        continue;
}

static void on_stop(struct sl_deadline *d)
{
    sl_loop_stop(d->loop);
}

static void run_for(uint64_t ms)
{
    struct sl_deadline d;

    sl_deadline_init(&d, loop, on_stop);
    sl_deadline_arm(&d, SL_PHASE_NONE, ms);
    sl_loop_run(loop);
    sl_deadline_fini(&d);
}

/* ---- deadlines ---- */

#define N_TIMED 50

struct timed {
    struct sl_deadline d;
    double armed_at, in_ms;
};

static struct timed late_timed;
static unsigned n_expired;
static double latest_ms;

static void on_timed(struct sl_deadline *d)
{
    struct timed *t = sl_container_of(d, struct timed, d);
    double elapsed_ms = now_in_ms() - t->armed_at;

    assert_true(elapsed_ms >= t->in_ms);
    if (elapsed_ms - t->in_ms > latest_ms)
        latest_ms = elapsed_ms - t->in_ms;
    n_expired++;
}

static void deadlines_are_never_early_and_hardly_late(void **state)
{
    struct timed timed[N_TIMED];

    n_expired = 0;
    latest_ms = 0;
    run_for(1); /* the time of the loop is fresh */
    for (unsigned i = 0; i < N_TIMED; i++) {
        sl_deadline_init(&timed[i].d, loop, on_timed);
        timed[i].armed_at = now_in_ms();
        timed[i].in_ms = i * 7 % 100;
        sl_deadline_arm(&timed[i].d, SL_PHASE_NONE, (uint64_t)timed[i].in_ms);
    }
    run_for(150);
    assert_int_equal(n_expired, N_TIMED);
    assert_true(latest_ms < 300); /* idle: 3; a shared machine is not idle */
}

static void arm_after_work(struct sl_deferred *d)
{
    struct timed *t = &late_timed;
    double began_at = now_in_ms();

    while (now_in_ms() - began_at < 50)
        continue;
    t->armed_at = now_in_ms();
    sl_deadline_arm(&t->d, SL_PHASE_NONE, 20);
}

static void the_work_of_a_turn_is_not_taken_off_a_deadline(void **state)
{
    struct sl_deferred d;

    n_expired = 0;
    sl_deadline_init(&late_timed.d, loop, on_timed);
    late_timed.in_ms = 20;
    sl_deferred_init(&d, arm_after_work);
    sl_defer(loop, &d);
    run_for(120);
    assert_int_equal(n_expired, 1);
}

static void a_postponed_deadline_expires_at_its_new_time(void **state)
{
    struct timed t;

    n_expired = 0;
    sl_deadline_init(&t.d, loop, on_timed);
    run_for(1);
    t.armed_at = now_in_ms();
    t.in_ms = 60;
    sl_deadline_arm(&t.d, SL_PHASE_NONE, 10);
    sl_deadline_arm(&t.d, SL_PHASE_NONE, 60);
    run_for(30);
    assert_int_equal(n_expired, 0);
    run_for(60);
    assert_int_equal(n_expired, 1);
}

/* ---- the turn ---- */

static void stop_later(struct sl_deferred *d)
{
    sl_loop_stop(loop);
}

static void deferred_work_does_not_wait_for_an_event(void **state)
{
    struct sl_deferred d;
    double began_at = now_in_ms();

    sl_deferred_init(&d, stop_later);
    sl_defer(loop, &d);
    sl_loop_run(loop); /* nothing else would ever end this */
    sl_defer_next(loop, &d);
    sl_loop_run(loop);
    assert_true(now_in_ms() - began_at < 1000);
}

static void a_stop_before_the_run_counts(void **state)
{
    sl_loop_stop(loop);
    sl_loop_run(loop);
}

static void bury(struct sl_grave *g)
{
    free(g);
}

static void the_end_of_the_loop_digs_the_last_graves(void **state)
{
    sl_reap(loop, malloc(sizeof(struct sl_grave)), bury); /* ASan would tell */
}

static void the_wall_clock_is_the_wall_clock(void **state)
{
    assert_true(llabs((long long)(sl_wall_us() / 1000000) - (long long)time(NULL)) <= 1);
}

/* ---- who is charged ---- */

static void work_hard(struct sl_deferred *d)
{
    double began_at = now_in_ms();

    while (now_in_ms() - began_at < 200)
        continue;
    sl_loop_stop(loop);
}

static void nobody_is_charged_for_a_busy_loop(void **state)
{
    struct sl_deferred d;

    run_for(1);
    uint64_t clock_ms = sl_loop_now_ms(loop), charge_ms = sl_loop_charge_ms(loop);
    sl_deferred_init(&d, work_hard);
    sl_defer(loop, &d);
    sl_loop_run(loop);
    run_for(1);
    assert_true(sl_loop_now_ms(loop) - clock_ms >= 200);
    assert_true(sl_loop_charge_ms(loop) - charge_ms < 100);
}

static void a_waiting_loop_charges_its_peers(void **state)
{
    run_for(1);
    uint64_t clock_ms = sl_loop_now_ms(loop), charge_ms = sl_loop_charge_ms(loop);
    run_for(200);
    uint64_t elapsed_ms = sl_loop_now_ms(loop) - clock_ms;
    assert_true(sl_loop_charge_ms(loop) - charge_ms <= elapsed_ms + 2);
    assert_true(sl_loop_charge_ms(loop) - charge_ms >= 150);
}

static unsigned n_short;

static void work_a_little(struct sl_deferred *d)
{
    double began_at = now_in_ms();

    while (now_in_ms() - began_at < 5)
        continue;
    if (++n_short < 40)
        sl_defer_next(loop, d);
    else
        sl_loop_stop(loop);
}

static void a_loop_that_is_always_busy_does_not_stop_the_clock(void **state)
{
    struct sl_deferred d;

    run_for(1);
    uint64_t charge_ms = sl_loop_charge_ms(loop);
    n_short = 0;
    sl_deferred_init(&d, work_a_little);
    sl_defer(loop, &d);
    sl_loop_run(loop);
    run_for(1);
    assert_true(sl_loop_charge_ms(loop) - charge_ms >= 150);
}

/* ---- a process that is stopped ---- */

/* The child accepts one connection, arms a deadline, and exits with what it saw. */
enum saw {
    SAW_BYTES = 10,
    SAW_EXPIRY = 11,
    SAW_UNFAIR_CHARGE = 12,
    SAW_DOUBTFUL_CHARGE = 13,
};

static struct sl_deadline child_deadline;
static struct sl_tcp *child_tcp;
static uint64_t child_charge_ms, child_sure_ms;
static int ready_fd;

static void child_says(int what)
{
    if (sl_loop_charge_ms(loop) - child_charge_ms > 450)
        what = SAW_UNFAIR_CHARGE;
    if (sl_loop_sure_ms(loop) - child_sure_ms > 150) /* of it 50 before the stop */
        what = SAW_DOUBTFUL_CHARGE;
    _exit(what);
}

static void child_on_bytes(void *owner, struct sl_span bytes)
{
    child_says(SAW_BYTES);
}

static void child_on_end(void *owner, int err)
{
    _exit(1);
}

static void child_on_expired(struct sl_deadline *d)
{
    child_says(SAW_EXPIRY);
}

static void child_on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    static const struct sl_tcp_events events = {.on_bytes = child_on_bytes, .on_end = child_on_end};

    if (err || sl_tcp_accept(listener, &events, NULL, &child_tcp))
        _exit(2);
    sl_tcp_read(child_tcp, true);
    sl_deadline_init(&child_deadline, loop, child_on_expired);
    sl_deadline_arm(&child_deadline, SL_PHASE_FIRST_BYTE, 300);
    child_charge_ms = sl_loop_charge_ms(loop);
    child_sure_ms = sl_loop_sure_ms(loop);
    if (write(ready_fd, "r", 1) != 1)
        _exit(3);
}

/* Stops the child for 600 ms in the midst of its 300 ms; what did it see when it went on? */
static int stop_a_child(bool has_bytes)
{
    struct sl_addr any = {.len = sizeof(struct sockaddr_in)}, at;
    int fd, ready[2], status;
    char byte;

    ((struct sockaddr_in *)&any.storage)->sin_family = AF_INET;
    ((struct sockaddr_in *)&any.storage)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sl_tcp_bind(&any, 1, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &at), 0);
    assert_int_equal(pipe(ready), 0);
    ready_fd = ready[1];
    pid_t child = fork();
    if (child == 0) {
        struct sl_tcp_listener *listener;
        if (sl_loop_new(&loop) || sl_tcp_listen(loop, fd, 1, child_on_accept, NULL, &listener))
            _exit(4);
        sl_loop_run(loop);
        _exit(5);
    }
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&at.storage, at.len), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    sleep_ms(50);
    kill(child, SIGSTOP);
    sleep_ms(100);
    if (has_bytes)
        assert_int_equal(write(peer, "x", 1), 1);
    sleep_ms(500);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(peer);
    close(fd);
    close(ready[0]);
    close(ready[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void bytes_that_came_while_we_were_stopped_count(void **state)
{
    assert_int_equal(stop_a_child(true), SAW_BYTES);
}

static void silence_while_we_were_stopped_still_expires(void **state)
{
    assert_int_equal(stop_a_child(false), SAW_EXPIRY);
}

#define LOOP_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(deadlines_are_never_early_and_hardly_late),
        LOOP_TEST(the_work_of_a_turn_is_not_taken_off_a_deadline),
        LOOP_TEST(a_postponed_deadline_expires_at_its_new_time),
        LOOP_TEST(deferred_work_does_not_wait_for_an_event),
        LOOP_TEST(a_stop_before_the_run_counts),
        LOOP_TEST(the_end_of_the_loop_digs_the_last_graves),
        LOOP_TEST(the_wall_clock_is_the_wall_clock),
        LOOP_TEST(nobody_is_charged_for_a_busy_loop),
        LOOP_TEST(a_waiting_loop_charges_its_peers),
        LOOP_TEST(a_loop_that_is_always_busy_does_not_stop_the_clock),
        cmocka_unit_test(bytes_that_came_while_we_were_stopped_count),
        cmocka_unit_test(silence_while_we_were_stopped_still_expires),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
