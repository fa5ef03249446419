/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk: what comes fast comes in large pieces, as large as its owner has place for, and nothing of
 * it waits for long. Real time and real sockets: what is tested is a bargain with the kernel.
 */
#include <time.h>
#include <unistd.h>

#include "world.h"

#define N_SOCKETS 6
#define N_KERNEL  (2 << 20) /* waits in the kernel, so that one thread can play both ends */
#define N_BURST   600000

struct owner {
    struct sl_tcp *tcp;
    struct peer *peer;
    size_t n_got, largest, appetite;
    unsigned n_asked, n_large;
    bool does_pause; /* in the midst of a large read */
    bool does_toil;  /* each read is much work */
    bool does_sleep; /* each large read takes long, but is little work */
};

static struct world *w;
static struct owner owners[N_SOCKETS];
static size_t n_open, n_turn, most_per_turn;
static char burst[N_BURST];

static void on_bytes(void *owner, struct sl_span bytes)
{
    struct owner *o = owner;

    for (size_t i = 0; i < bytes.len;) {
        size_t at = (o->n_got + i) % N_BURST;
        size_t n = bytes.len - i < N_BURST - at ? bytes.len - i : N_BURST - at;
        assert_memory_equal(bytes.ptr + i, burst + at, n);
        i += n;
    }
    o->n_got += bytes.len;
    clock_t from = clock();
    while (o->does_toil && (clock() - from) * 1000 / CLOCKS_PER_SEC < 5)
        ;
    if (o->does_sleep && bytes.len > SL_TCP_READ_BYTES)
        usleep(5000);
    o->largest = bytes.len > o->largest ? bytes.len : o->largest;
    o->n_large += bytes.len > SL_TCP_READ_BYTES;
    n_turn += bytes.len;
    if (o->does_pause && bytes.len > SL_TCP_READ_BYTES)
        sl_tcp_read(o->tcp, false);
}

static void on_end(void *owner, int err)
{
    fail();
}

static size_t appetite(void *owner)
{
    struct owner *o = owner;

    o->n_asked++;
    return o->appetite;
}

static const struct sl_tcp_events hungry = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .appetite = appetite,
};

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    assert_int_equal(err, 0);
    struct owner *o = &owners[n_open++];
    assert_int_equal(sl_tcp_accept(listener, &hungry, o, &o->tcp), 0);
}

static struct owner *open_one(size_t n_appetite)
{
    struct owner *o = &owners[n_open];

    *o = (struct owner){.appetite = n_appetite};
    o->peer = peer_dial_through(w, N_KERNEL);
    while (!o->tcp)
        world_spin(w, 1);
    sl_tcp_read(o->tcp, true);
    return o;
}

static int open_world(void **state)
{
    n_open = n_turn = most_per_turn = 0;
    for (size_t i = 0; i < N_BURST; i++)
        burst[i] = (char)(i % 251);
    w = world_open(on_accept, NULL);
    return 0;
}

static int close_world(void **state)
{
    for (size_t i = 0; i < n_open; i++)
        sl_tcp_close(&owners[i].tcp, SL_TCP_RESET);
    world_close(w);
    return 0;
}

/* True when all of it has come, within a time that no test needs. */
static bool gets(struct owner *o, size_t n)
{
    for (unsigned i = 0; i < 5000 && o->n_got < n; i++)
        world_spin(w, 1);
    return o->n_got == n;
}

/* Long enough that its rate is known. */
static void send_fast(struct owner *o, unsigned n_bursts)
{
    for (unsigned i = 0; i < n_bursts; i++) {
        size_t n = o->n_got + N_BURST;
        peer_send(o->peer, burst, N_BURST);
        assert_true(gets(o, n));
    }
}

static void much_that_comes_fast_comes_in_large_pieces(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    send_fast(o, 20);
    assert_true(o->largest > 2 * SL_TCP_READ_BYTES);
    assert_true(o->largest <= SL_TCP_BULK_BYTES);
}

static void no_piece_is_larger_than_the_appetite(void **state)
{
    struct owner *o = open_one(2 * SL_TCP_READ_BYTES);

    send_fast(o, 20);
    assert_int_equal(o->largest, 2 * SL_TCP_READ_BYTES);
}

static void without_appetite_pieces_stay_small(void **state)
{
    struct owner *o = open_one(0);

    send_fast(o, 5);
    assert_int_equal(o->largest, SL_TCP_READ_BYTES);
}

static void little_asks_for_no_appetite(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    for (unsigned i = 1; i <= 20; i++) {
        peer_send(o->peer, burst + 1000 * (i - 1), 1000);
        assert_true(gets(o, 1000 * i));
    }
    assert_int_equal(o->n_asked, 0);
}

/* The kernel gathers by then; what is less than it waits for must not wait for more. */
static void what_follows_a_burst_is_told_without_more(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    send_fast(o, 20);
    for (unsigned i = 0; i < 20; i++) {
        size_t n = o->n_got + 1;
        peer_send(o->peer, burst + i, 1);
        assert_true(gets(o, n));
    }
}

static void what_has_become_slow_asks_for_no_appetite(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    send_fast(o, 3);
    for (unsigned i = 0; i < 20; i++) {
        if (i == 10)
            o->n_asked = 0;
        peer_send(o->peer, burst + i, 1);
        assert_true(gets(o, 3 * N_BURST + i + 1));
        world_spin(w, 10);
    }
    assert_int_equal(o->n_asked, 0);
}

static void what_comes_while_reading_is_off_is_told_when_it_is_on(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    send_fast(o, 20);
    size_t n = o->n_got;
    sl_tcp_read(o->tcp, false);
    peer_send(o->peer, burst, 100);
    world_spin(w, 20);
    assert_int_equal(o->n_got, n);
    sl_tcp_read(o->tcp, true);
    assert_true(gets(o, n + 100));
}

/* The kernel has taken less than it said, and says so everywhere: the next try waits. */
static void after_a_pause_in_a_large_piece_pieces_are_small_for_a_while(void **state)
{
    struct owner *o = open_one(SIZE_MAX), *other = open_one(SIZE_MAX);

    send_fast(other, 3);
    assert_true(other->largest > SL_TCP_READ_BYTES);
    send_fast(o, 3);
    o->does_pause = true;
    size_t n = o->n_got + N_BURST;
    peer_send(o->peer, burst, N_BURST);
    for (unsigned i = 0; i < 5000 && o->n_got < n; i++) {
        world_spin(w, 1);
        sl_tcp_read(o->tcp, true);
    }
    assert_int_equal(o->n_got, n);
    other->largest = 0;
    send_fast(other, 1);
    assert_true(other->largest <= SL_TCP_READ_BYTES);
    world_spin(w, 1100);
    send_fast(other, 3);
    assert_true(other->largest > SL_TCP_READ_BYTES);
}

static void who_makes_much_work_gets_one_large_piece_only(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    o->does_toil = true;
    for (unsigned i = 0; i < 5; i++) {
        size_t n = o->n_got + N_BURST;
        peer_send(o->peer, burst, N_BURST);
        assert_true(gets(o, n));
    }
    assert_int_equal(o->n_large, 1);
}

/* A thread that the system has put aside for a while has not worked. */
static void who_took_long_without_work_gets_large_pieces_still(void **state)
{
    struct owner *o = open_one(SIZE_MAX);

    o->does_sleep = true;
    send_fast(o, 5);
    assert_true(o->n_large > 1);
}

static void measure_turn(struct sl_deferred *d)
{
    most_per_turn = n_turn > most_per_turn ? n_turn : most_per_turn;
    n_turn = 0;
    sl_defer_next(world_loop(w), d);
}

static void large_pieces_share_the_turn(void **state)
{
    struct sl_deferred d;

    for (unsigned i = 0; i < N_SOCKETS; i++)
        send_fast(open_one(SIZE_MAX), 3); /* each is a bulk */
    for (unsigned i = 0; i < N_SOCKETS; i++) {
        sl_tcp_read(owners[i].tcp, false);
        peer_send(owners[i].peer, burst, N_BURST);
    }
    world_spin(w, 20);
    for (unsigned i = 0; i < N_SOCKETS; i++)
        sl_tcp_read(owners[i].tcp, true);
    n_turn = 0;
    sl_deferred_init(&d, measure_turn);
    sl_defer_next(world_loop(w), &d);
    for (unsigned i = 0; i < N_SOCKETS; i++)
        assert_true(gets(&owners[i], 4 * N_BURST));
    sl_deferred_cancel(&d);
    assert_true(most_per_turn <= 2 * SL_TCP_BULK_BYTES + N_SOCKETS * SL_TCP_READ_BYTES);
}

static void there_is_room_until_the_kernel_takes_no_more(void **state)
{
    struct owner *o = open_one(0);
    struct sl_span span = sl_span(burst, N_BURST);

    size_t n = sl_tcp_room_bytes(o->tcp);
    assert_true(n > N_BURST);
    for (; n > N_BURST / 10; n = sl_tcp_room_bytes(o->tcp)) { /* it takes what it says */
        span.len = n < N_BURST ? n : N_BURST;
        assert_int_equal(sl_tcp_write(o->tcp, &span, 1), 0);
        assert_true(sl_chunkq_is_empty(sl_tcp_out(o->tcp)));
    }
    span.len = N_BURST;
    while (sl_chunkq_is_empty(sl_tcp_out(o->tcp)))
        assert_int_equal(sl_tcp_write(o->tcp, &span, 1), 0);
    assert_int_equal(sl_tcp_room_bytes(o->tcp), 0);
}

#define BULK_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BULK_TEST(much_that_comes_fast_comes_in_large_pieces),
        BULK_TEST(no_piece_is_larger_than_the_appetite),
        BULK_TEST(without_appetite_pieces_stay_small),
        BULK_TEST(little_asks_for_no_appetite),
        BULK_TEST(what_follows_a_burst_is_told_without_more),
        BULK_TEST(what_has_become_slow_asks_for_no_appetite),
        BULK_TEST(what_comes_while_reading_is_off_is_told_when_it_is_on),
        BULK_TEST(after_a_pause_in_a_large_piece_pieces_are_small_for_a_while),
        BULK_TEST(who_makes_much_work_gets_one_large_piece_only),
        BULK_TEST(who_took_long_without_work_gets_large_pieces_still),
        BULK_TEST(large_pieces_share_the_turn),
        BULK_TEST(there_is_room_until_the_kernel_takes_no_more),
    };
    return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
