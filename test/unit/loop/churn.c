/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn: the law of lifetimes under pressure. Thousands of connections between a listener and
 * dialling sockets of the same loop, whose owners are freed at random moments: within events, in
 * deferred calls, on deadlines, by FIN or RST, with bytes in flight. Under ASan every event for an
 * owner that is gone would show; in the end nothing may be left.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/reaper.h>
#include <sluice/loop/tcp.h>

#define N_DIALS    6000
#define N_PARALLEL 60

struct end {
    struct sl_grave grave; /* first */
    struct sl_tcp *tcp;    /* NULL: closed */
    struct sl_deadline d;
    struct sl_deferred later;
    bool is_dialling;
};

static struct sl_loop *loop;
static struct sl_tcp_listener *listener;
static struct sl_addr at;
static unsigned n_dialled, n_open, n_accepted, n_events;
static uint64_t rng = 2463534242;

static uint64_t draw(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static void dial_more(void);

static void bury(struct sl_grave *g)
{
    free(sl_container_of(g, struct end, grave));
}

static void end_close(struct end *e)
{
    sl_tcp_close(&e->tcp, draw(2) ? SL_TCP_FIN : SL_TCP_RESET);
    sl_deadline_fini(&e->d);
    sl_deferred_cancel(&e->later);
    sl_reap(loop, &e->grave, bury);
    n_open--;
    if (e->is_dialling)
        dial_more();
}

static void write_some(struct end *e)
{
    static const char bytes[100000];
    struct sl_span spans[2] = {sl_span(bytes, draw(2000)), sl_span(bytes, draw(3) ? 5 : 100000)};

    if (sl_tcp_write(e->tcp, spans, 2))
        end_close(e);
}

/* Something at random; the end may be closed afterwards. */
static void act(struct end *e)
{
    n_events++;
    switch (draw(8)) {
    case 0:
        end_close(e);
        break;
    case 1:
        sl_tcp_read(e->tcp, false);
        sl_defer_next(loop, &e->later);
        break;
    case 2:
        sl_defer(loop, &e->later);
        break;
    case 3:
        sl_deadline_arm(&e->d, SL_PHASE_NONE, draw(10));
        break;
    default:
        write_some(e);
        break;
    }
}

static void on_later(struct sl_deferred *d)
{
    struct end *e = sl_container_of(d, struct end, later);

    sl_tcp_read(e->tcp, true);
    if (draw(10) == 0)
        end_close(e);
    else
        write_some(e);
}

static void on_expired(struct sl_deadline *d)
{
    end_close(sl_container_of(d, struct end, d));
}

static void on_connected(void *owner, int err)
{
    if (err)
        end_close(owner);
    else
        act(owner);
}

static void on_bytes(void *owner, struct sl_span bytes)
{
    act(owner);
}

static void on_end(void *owner, int err)
{
    end_close(owner);
}

static void on_room(void *owner)
{
    act(owner);
}

static const struct sl_tcp_events events = {
    .on_connected = on_connected,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_room,
};

static struct end *end_new(void)
{
    struct end *e = calloc(1, sizeof(*e));

    sl_deadline_init(&e->d, loop, on_expired);
    sl_deferred_init(&e->later, on_later);
    sl_deadline_arm(&e->d, SL_PHASE_NONE, 20 + draw(30)); /* law 1 */
    n_open++;
    return e;
}

static void on_accept(void *owner, struct sl_tcp_listener *l, int err)
{
    if (err || draw(20) == 0)
        return;
    struct end *e = end_new();
    n_accepted++;
    assert_int_equal(sl_tcp_accept(l, &events, e, &e->tcp), 0);
    sl_tcp_read(e->tcp, true);
    if (draw(10) == 0)
        end_close(e);
}

static void dial_more(void)
{
    if (n_dialled == N_DIALS)
        return;
    n_dialled++;
    struct end *e = end_new();
    e->is_dialling = true;
    assert_int_equal(sl_tcp_connect(loop, &at, &events, e, &e->tcp), 0);
    sl_tcp_read(e->tcp, true);
    if (draw(3) == 0)
        write_some(e);
}

static void on_tick(struct sl_deadline *d)
{
    if (n_open == 0 && n_dialled == N_DIALS)
        sl_loop_stop(loop);
    else
        sl_deadline_arm(d, SL_PHASE_NONE, 20);
}

static void thousands_come_and_go_and_nothing_is_left(void **state)
{
    struct sl_addr any = {.len = sizeof(struct sockaddr_in)};
    struct sl_deadline tick;
    int fd;

    ((struct sockaddr_in *)&any.storage)->sin_family = AF_INET;
    ((struct sockaddr_in *)&any.storage)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(sl_tcp_bind(&any, 256, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, &at), 0);
    assert_int_equal(sl_tcp_listen(loop, fd, 256, on_accept, NULL, &listener), 0);
    sl_deadline_init(&tick, loop, on_tick);
    sl_deadline_arm(&tick, SL_PHASE_NONE, 1);
    for (unsigned i = 0; i < N_PARALLEL; i++)
        dial_more();
    sl_loop_run(loop);
    assert_true(n_accepted > N_DIALS / 2);
    assert_true(n_events > N_DIALS);
    sl_tcp_listener_close(&listener);
    sl_loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_come_and_go_and_nothing_is_left),
    };
    return cmocka_run_group_tests_name("churn", tests, NULL, NULL);
}
