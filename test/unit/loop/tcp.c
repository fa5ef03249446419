/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: how sockets behave towards their owners. Compiled twice: against libuv and real sockets, and
 * against the loop of the simulations, which must behave the same. Long, because both must see all
 * of it: one small test for each sentence of tcp.h.
 */
#include "world.h"

#define N_BIG (4u << 20)

/* An owner that writes down what it is told. */
struct owner {
    struct world *w;
    struct sl_tcp *tcp;
    char *got;
    size_t n_got, largest;
    unsigned n_accepted, n_connected, n_bytes_events, n_fin, n_failed, n_room, n_drained;
    int connected_err, failed_err, accept_err;
    bool is_in_call, does_leave;
    /* what to do within an event */
    void (*on_any)(struct owner *o);
};

static struct owner *world_owner;

static void told(struct owner *o)
{
    assert_false(o->is_in_call); /* no event from inside a verb */
    assert_non_null(o->tcp);     /* no event after close */
    if (o->on_any)
        o->on_any(o);
}

static void on_connected(void *owner, int err)
{
    struct owner *o = owner;

    o->n_connected++;
    o->connected_err = err;
    told(o);
}

static void on_bytes(void *owner, struct sl_span bytes)
{
    struct owner *o = owner;

    assert_true(bytes.len > 0 && bytes.len <= SL_TCP_READ_BYTES);
    o->got = realloc(o->got, o->n_got + bytes.len);
    memcpy(o->got + o->n_got, bytes.ptr, bytes.len);
    o->n_got += bytes.len;
    o->n_bytes_events++;
    if (bytes.len > o->largest)
        o->largest = bytes.len;
    told(o);
}

static void on_end(void *owner, int err)
{
    struct owner *o = owner;

    if (err) {
        o->n_failed++;
        o->failed_err = err;
    } else {
        assert_int_equal(o->n_failed, 0);
        o->n_fin++;
    }
    told(o);
}

static void on_room(void *owner)
{
    struct owner *o = owner;

    assert_true(sl_chunkq_has_room(sl_tcp_out(o->tcp)));
    o->n_room++;
    told(o);
}

static void on_drained(void *owner)
{
    struct owner *o = owner;

    assert_true(sl_chunkq_is_empty(sl_tcp_out(o->tcp)));
    o->n_drained++;
    told(o);
}

static const struct sl_tcp_events events = {
    .on_connected = on_connected,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_drained,
};

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    struct owner *o = world_owner;

    o->accept_err = err;
    o->n_accepted++;
    if (!err && !o->does_leave)
        assert_int_equal(sl_tcp_accept(listener, &events, o, &o->tcp), 0);
}

static void open_world(struct owner *o)
{
    memset(o, 0, sizeof(*o));
    world_owner = o;
    o->w = world_open(on_accept, o);
}

/* n_kernel: the size of our kernel's buffers; 0: as they come. */
static struct peer *open_pair_through(struct owner *o, int n_kernel)
{
    open_world(o);
    struct peer *p = n_kernel ? peer_dial_through(o->w, n_kernel) : peer_dial(o->w);
    world_spin(o->w, 20);
    assert_int_equal(o->n_accepted, 1);
    assert_non_null(o->tcp);
    return p;
}

static struct peer *open_pair(struct owner *o)
{
    return open_pair_through(o, 0);
}

static void close_world(struct owner *o)
{
    sl_tcp_close(&o->tcp, SL_TCP_FIN);
    sl_tcp_close(&o->tcp, SL_TCP_FIN); /* idempotent */
    world_close(o->w);
    free(o->got);
}

static void say(struct owner *o, const char *text)
{
    struct sl_span span = sl_span_str(text);

    o->is_in_call = true;
    assert_int_equal(sl_tcp_write(o->tcp, &span, 1), 0);
    o->is_in_call = false;
}

static char pattern(size_t i)
{
    return (char)(i * 31 + (i >> 8) * 7);
}

/* Writes bytes [at, at + n) of the pattern, in two spans. */
static void write_pattern(struct owner *o, size_t at, size_t n)
{
    char *bytes = malloc(n);

    for (size_t i = 0; i < n; i++)
        bytes[i] = pattern(at + i);
    struct sl_span spans[2] = {sl_span(bytes, n / 3), sl_span(bytes + n / 3, n - n / 3)};
    o->is_in_call = true;
    assert_int_equal(sl_tcp_write(o->tcp, spans, 2), 0);
    o->is_in_call = false;
    free(bytes);
}

/* Writes until the queue is above its high mark. Returns the number of bytes written. */
static size_t fill(struct owner *o, size_t at)
{
    size_t n = 0;

    while (!sl_chunkq_is_full(sl_tcp_out(o->tcp))) {
        assert_true(n < 64 * N_BIG);
        write_pattern(o, at + n, 50000);
        n += 50000;
    }
    return n;
}

static void assert_took(struct peer *p, const char *text)
{
    char buf[100];
    size_t n = peer_take(p, buf, sizeof(buf));

    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, n);
}

static void assert_got(const struct owner *o, const char *text)
{
    assert_int_equal(o->n_got, strlen(text));
    if (o->n_got)
        assert_memory_equal(o->got, text, o->n_got);
}

/* Takes `n` bytes of the pattern, letting the loop run whenever there are none. */
static void take_pattern(struct owner *o, struct peer *p, size_t at, size_t n)
{
    char *buf = malloc(100000);
    unsigned n_idle = 0;

    for (size_t done = 0; done < n;) {
        size_t max = n - done < 100000 ? n - done : 100000;
        size_t r = peer_take(p, buf, max);
        for (size_t i = 0; i < r; i++)
            if (buf[i] != pattern(at + done + i))
                fail_msg("byte %zu is wrong", at + done + i);
        done += r;
        n_idle = r ? 0 : n_idle + 1;
        assert_true(n_idle < 1000);
        world_spin(o->w, 1);
    }
    free(buf);
}

/* ---- reading ---- */

static void bytes_arrive_once_they_are_asked_for(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    peer_send(p, "early", 5);
    world_spin(o.w, 20);
    assert_int_equal(o.n_got, 0);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 20);
    assert_got(&o, "early");
    peer_send(p, "late", 4);
    world_spin(o.w, 20);
    assert_got(&o, "earlylate");
    close_world(&o);
}

static void reading_goes_off_and_on(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    sl_tcp_read(o.tcp, false);
    peer_send(p, "1", 1);
    world_spin(o.w, 10);
    peer_send(p, "2", 1);
    world_spin(o.w, 10);
    assert_int_equal(o.n_got, 0);
    sl_tcp_read(o.tcp, true);
    sl_tcp_read(o.tcp, false);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    assert_got(&o, "12");
    sl_tcp_read(o.tcp, false);
    sl_tcp_read(o.tcp, true);
    peer_send(p, "3", 1);
    world_spin(o.w, 10);
    assert_got(&o, "123");
    close_world(&o);
}

static void fin_comes_after_the_bytes_and_once(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    peer_send(p, "last", 4);
    peer_fin(p);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 20);
    assert_got(&o, "last");
    assert_int_equal(o.n_fin, 1);
    sl_tcp_read(o.tcp, false);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 20);
    assert_int_equal(o.n_fin, 1);
    say(&o, "answer"); /* half closed: writing still works */
    world_spin(o.w, 20);
    assert_took(p, "answer");
    assert_int_equal(o.n_failed, 0);
    close_world(&o);
}

static void a_fin_while_reading_is_off_is_told_later(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    sl_tcp_read(o.tcp, false);
    peer_send(p, "x", 1);
    peer_fin(p);
    world_spin(o.w, 30);
    assert_int_equal(o.n_fin + o.n_got, 0);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 30);
    assert_got(&o, "x");
    assert_int_equal(o.n_fin, 1);
    close_world(&o);
}

static void read_no_more(struct owner *o)
{
    sl_tcp_read(o->tcp, false);
}

static void a_fin_that_comes_with_the_bytes_waits_too(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_shutdown(o.tcp); /* with FINs both ways the kernel reports a hang-up */
    world_spin(o.w, 10);
    peer_send(p, "x", 1);
    peer_fin(p);
    o.on_any = read_no_more;
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 20);
    assert_got(&o, "x");
    assert_int_equal(o.n_fin, 0);
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 20);
    assert_int_equal(o.n_fin, 1);
    close_world(&o);
}

static void a_reset_is_told_with_its_name(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    peer_reset(p);
    world_spin(o.w, 20);
    assert_int_equal(o.n_failed, 1);
    assert_int_equal(o.failed_err, SL_ERR_RESET);
    say(&o, "too late"); /* harmless */
    world_spin(o.w, 20);
    assert_int_equal(o.n_failed, 1);
    close_world(&o);
}

/* Else a body that ends with its connection would look whole. */
static void a_reset_that_comes_with_the_bytes_is_no_fin(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 5);
    peer_send(p, "some", 4);
    peer_reset(p);
    world_spin(o.w, 20);
    assert_int_equal(o.n_fin, 0);
    assert_int_equal(o.n_failed, 1);
    assert_int_equal(o.failed_err, SL_ERR_RESET);
    close_world(&o);
}

static void a_flood_comes_in_pieces_of_64_KiB(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);
    char *bytes = malloc(300000);
    size_t n = 0;

    for (size_t i = 0; i < 300000; i++)
        bytes[i] = pattern(i);
    sl_tcp_read(o.tcp, true);
    for (; n < 300000; n += 60000) {
        peer_send(p, bytes + n, 60000);
        if (n == 120000)
            world_spin(o.w, 20);
    }
    world_spin(o.w, 50);
    assert_int_equal(o.n_got, 300000);
    assert_memory_equal(o.got, bytes, 300000);
    assert_true(o.largest <= SL_TCP_READ_BYTES);
    free(bytes);
    close_world(&o);
}

static size_t n_got_before, most_per_turn;

static void measure_turn(struct sl_deferred *d)
{
    struct owner *o = world_owner;

    if (o->n_got - n_got_before > most_per_turn)
        most_per_turn = o->n_got - n_got_before;
    n_got_before = o->n_got;
    sl_defer_next(world_loop(o->w), d);
}

static void one_turn_reads_64_KiB_at_most(void **state)
{
    struct owner o;
    struct peer *p = open_pair_through(&o, 600000); /* all of it waits in our kernel */
    char *bytes = calloc(1, 250000);
    struct sl_deferred d;

    peer_send(p, bytes, 250000);
    world_spin(o.w, 10);
    sl_tcp_read(o.tcp, true);
    n_got_before = most_per_turn = 0;
    sl_deferred_init(&d, measure_turn);
    sl_defer_next(world_loop(o.w), &d);
    for (unsigned i = 0; i < 1000 && o.n_got < 250000; i++)
        world_spin(o.w, 0);
    assert_int_equal(o.n_got, 250000);
    assert_int_equal(most_per_turn, SL_TCP_READ_BYTES);
    sl_deferred_cancel(&d);
    free(bytes);
    close_world(&o);
}

/* ---- writing ---- */

static void a_small_write_needs_no_queue(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    say(&o, "hello");
    assert_true(sl_chunkq_is_empty(sl_tcp_out(o.tcp)));
    assert_true(sl_tcp_written_bytes(o.tcp) == 5);
    say(&o, "");
    world_spin(o.w, 10);
    assert_took(p, "hello");
    world_spin(o.w, 10);
    assert_true(sl_tcp_unacked_bytes(o.tcp) == 0);
    assert_int_equal(o.n_drained + o.n_room, 0);
    close_world(&o);
}

static void what_is_queued_goes_first(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    assert_int_equal(sl_chunkq_append(sl_tcp_out(o.tcp), SL_SPAN("one ")), 0);
    assert_true(sl_tcp_written_bytes(o.tcp) == 4);
    say(&o, "two ");
    assert_int_equal(sl_chunkq_append(sl_tcp_out(o.tcp), SL_SPAN("three")), 0);
    sl_tcp_flush(o.tcp);
    assert_true(sl_chunkq_is_empty(sl_tcp_out(o.tcp)));
    world_spin(o.w, 10);
    assert_took(p, "one two three");
    close_world(&o);
}

static void a_peer_that_takes_nothing_fills_the_queue(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    size_t n = fill(&o, 0);
    assert_true(sl_tcp_written_bytes(o.tcp) == n);
    world_spin(o.w, 30);
    assert_int_equal(o.n_room + o.n_drained, 0);
    assert_true(sl_tcp_unacked_bytes(o.tcp) >= sl_tcp_out(o.tcp)->n_bytes);
    take_pattern(&o, p, 0, n);
    world_spin(o.w, 30);
    assert_int_equal(o.n_room, 1);
    assert_int_equal(o.n_drained, 1);
    assert_true(sl_tcp_written_bytes(o.tcp) == n);
    assert_true(sl_tcp_unacked_bytes(o.tcp) == 0);

    size_t more = fill(&o, n); /* and once more */
    take_pattern(&o, p, n, more);
    world_spin(o.w, 30);
    assert_int_equal(o.n_room, 2);
    assert_int_equal(o.n_drained, 2);
    close_world(&o);
}

static void bytes_appended_behind_a_blocked_write_keep_their_order(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    size_t n = fill(&o, 0);
    for (unsigned i = 0; i < 200; i++) { /* while the front of the queue is in flight */
        write_pattern(&o, n, 777);
        n += 777;
        char byte = pattern(n);
        assert_int_equal(sl_chunkq_append(sl_tcp_out(o.tcp), sl_span(&byte, 1)), 0);
        n++;
        sl_tcp_flush(o.tcp);
    }
    take_pattern(&o, p, 0, n);
    assert_int_equal(sl_tcp_written_bytes(o.tcp), n);
    world_spin(o.w, 10);
    assert_int_equal(o.n_drained, 1);
    close_world(&o);
}

static void a_queue_of_many_chunks_keeps_its_order(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);
    size_t n = 700000;

    for (size_t i = 0; i < n; i++) {
        char byte = pattern(i);
        assert_int_equal(sl_chunkq_append(sl_tcp_out(o.tcp), sl_span(&byte, 1)), 0);
    }
    write_pattern(&o, n, 5000); /* does not fit into the same call */
    take_pattern(&o, p, 0, n + 5000);
    close_world(&o);
}

/* What libuv has sent of a write that is not complete counts: else a slow peer's progress would
   show in steps of 64 KiB, and look like a stall in between. */
static void the_progress_of_a_peer_behind_small_buffers_shows(void **state)
{
    struct owner o;
    struct peer *p = open_pair_through(&o, 16384);

    size_t n = fill(&o, 0);
    world_spin(o.w, 50);
    for (size_t taken = 0; taken + 2000 < n; taken += 2000) {
        take_pattern(&o, p, taken, 2000);
        uint64_t acked = sl_tcp_written_bytes(o.tcp) - sl_tcp_unacked_bytes(o.tcp);
        assert_true(acked + 16384 >= taken);
        assert_true(acked <= taken + 2000 + 65536);
    }
    close_world(&o);
}

/* Acknowledged bytes never fall, and while a slow peer takes something they grow. (A receive window
   opens in steps: on loopback, where a segment has 64 KiB, of about 95 KB.) */
static void the_progress_of_a_slow_peer_shows(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);
    uint64_t last = 0;
    unsigned n_still = 0, longest_still = 0;

    size_t n = fill(&o, 0);
    world_spin(o.w, 20);
    for (size_t taken = 0; taken + 20000 < n; taken += 20000) {
        take_pattern(&o, p, taken, 20000);
        world_spin(o.w, 2);
        uint64_t acked = sl_tcp_written_bytes(o.tcp) - sl_tcp_unacked_bytes(o.tcp);
        assert_true(acked >= last);
        assert_true(acked + 200000 >= taken);
        n_still = acked == last ? n_still + 1 : 0;
        if (n_still > longest_still)
            longest_still = n_still;
        last = acked;
    }
    assert_true(longest_still < 10);
    close_world(&o);
}

static void a_write_to_one_who_has_gone_is_told_later_and_once(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    peer_reset(p);
    world_spin(o.w, 10);
    for (int i = 0; i < 5; i++)
        say(&o, "anybody there?");
    assert_int_equal(o.n_failed, 0);
    world_spin(o.w, 10);
    assert_int_equal(o.n_failed, 1);
    assert_int_equal(o.failed_err, SL_ERR_RESET);
    assert_true(sl_tcp_is_stale(o.tcp));
    close_world(&o);
}

static void a_blocked_write_fails_when_the_peer_resets(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    fill(&o, 0);
    world_spin(o.w, 10);
    peer_reset(p);
    world_spin(o.w, 20);
    assert_int_equal(o.n_failed, 1);
    assert_int_equal(o.n_room + o.n_drained, 0);
    close_world(&o);
}

static void an_early_answer_is_heard_before_the_failed_write(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    peer_send(p, "413 too large", 13);
    peer_reset(p);
    say(&o, "more body"); /* the failure is noticed before the answer is read */
    say(&o, "more body");
    world_spin(o.w, 20);
    assert_got(&o, "413 too large");
    assert_int_equal(o.n_failed, 1);
    assert_int_equal(o.n_fin, 0);
    close_world(&o);
}

static void a_long_early_answer_is_heard_to_its_end(void **state)
{
    struct owner o;
    struct peer *p = open_pair_through(&o, 600000);
    char *bytes = calloc(1, 200000);

    peer_send(p, bytes, 200000);
    world_spin(o.w, 50);
    sl_tcp_read(o.tcp, true);
    peer_reset(p);
    say(&o, "more body");
    say(&o, "more body");
    world_spin(o.w, 20);
    assert_int_equal(o.n_got, 200000);
    assert_int_equal(o.n_failed, 1);
    free(bytes);
    close_world(&o);
}

static void one_that_has_half_closed_may_still_die(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    peer_fin(p);
    world_spin(o.w, 10);
    assert_int_equal(o.n_fin, 1);
    peer_reset(p);
    world_spin(o.w, 10);
    say(&o, "a");
    say(&o, "b");
    world_spin(o.w, 20);
    assert_int_equal(o.n_fin, 1);
    assert_int_equal(o.n_failed, 1);
    close_world(&o);
}

/* ---- closing ---- */

static void shutdown_sends_fin_behind_the_queue(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    size_t n = fill(&o, 0);
    sl_tcp_read(o.tcp, true);
    sl_tcp_shutdown(o.tcp);
    world_spin(o.w, 20);
    take_pattern(&o, p, 0, n);
    world_spin(o.w, 20);
    assert_int_equal(peer_sees(p), PEER_FIN);
    peer_send(p, "still there", 11);
    world_spin(o.w, 20);
    assert_got(&o, "still there");
    close_world(&o);
}

static void close_delivers_what_was_accepted_and_a_fin(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    assert_int_equal(sl_chunkq_append(sl_tcp_out(o.tcp), SL_SPAN("unflushed")), 0);
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    assert_null(o.tcp);
    world_spin(o.w, 20);
    assert_took(p, "unflushed");
    assert_int_equal(peer_sees(p), PEER_FIN);
    close_world(&o);
}

static void close_over_bytes_that_do_not_fit_resets(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    fill(&o, 0);
    assert_true(sl_tcp_out(o.tcp)->n_bytes > 0);
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    world_spin(o.w, 20);
    assert_int_equal(peer_sees(p), PEER_RESET);
    close_world(&o);
}

static void close_with_reset_is_seen_as_one(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    say(&o, "cut");
    sl_tcp_shutdown(o.tcp); /* not even after a FIN was sent it is refused */
    world_spin(o.w, 20);
    assert_took(p, "cut");
    sl_tcp_close(&o.tcp, SL_TCP_RESET);
    world_spin(o.w, 20);
    assert_int_equal(peer_sees(p), PEER_FIN); /* the FIN was first */
    close_world(&o);

    p = open_pair(&o);
    sl_tcp_close(&o.tcp, SL_TCP_RESET);
    world_spin(o.w, 20);
    assert_int_equal(peer_sees(p), PEER_RESET);
    close_world(&o);
}

static void close_over_unread_bytes_resets(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    peer_send(p, "unread", 6);
    world_spin(o.w, 20);
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    world_spin(o.w, 20);
    assert_int_equal(peer_sees(p), PEER_RESET);
    close_world(&o);
}

static void close_now(struct owner *o)
{
    sl_tcp_close(&o->tcp, SL_TCP_RESET);
    o->on_any = NULL;
}

static void an_owner_may_close_within_any_event(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o); /* on_bytes */

    o.on_any = close_now;
    sl_tcp_read(o.tcp, true);
    peer_send(p, "x", 1);
    peer_fin(p);
    world_spin(o.w, 20);
    assert_null(o.tcp);
    assert_int_equal(o.n_got, 1);
    assert_int_equal(o.n_fin, 0);
    close_world(&o);

    p = open_pair(&o); /* on_end */
    o.on_any = close_now;
    sl_tcp_read(o.tcp, true);
    peer_fin(p);
    world_spin(o.w, 20);
    assert_null(o.tcp);
    close_world(&o);

    p = open_pair(&o); /* on_end of a failed write */
    o.on_any = close_now;
    fill(&o, 0);
    peer_reset(p);
    world_spin(o.w, 20);
    assert_null(o.tcp);
    close_world(&o);

    p = open_pair(&o); /* on_room: on_drained must not follow */
    o.on_any = close_now;
    fill(&o, 0);
    world_spin(o.w, 20);
    for (int i = 0; i < 1000 && o.tcp; i++) {
        char buf[65536];
        peer_take(p, buf, sizeof(buf));
        world_spin(o.w, 1);
    }
    assert_null(o.tcp);
    assert_int_equal(o.n_room, 1);
    assert_int_equal(o.n_drained, 0);
    close_world(&o);
}

static void a_close_with_bytes_in_flight_is_silent(void **state)
{
    struct owner o;

    open_pair(&o);
    fill(&o, 0);
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    world_spin(o.w, 20);
    close_world(&o);

    open_pair(&o);
    fill(&o, 0);
    world_spin(o.w, 20);
    sl_tcp_close(&o.tcp, SL_TCP_RESET);
    world_spin(o.w, 20);
    close_world(&o);
}

/* ---- owners ---- */

static struct owner heir;

static void hand_over(struct owner *o)
{
    o->on_any = NULL;
    heir.tcp = o->tcp;
    o->tcp = NULL;
    sl_tcp_set_owner(heir.tcp, &events, &heir);
}

static void a_socket_changes_hands_and_no_byte_is_lost(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    memset(&heir, 0, sizeof(heir));
    o.on_any = hand_over;
    sl_tcp_read(o.tcp, true);
    peer_send(p, "1", 1);
    world_spin(o.w, 20);
    peer_send(p, "2", 1);
    peer_fin(p);
    world_spin(o.w, 20);
    assert_got(&o, "1");
    assert_got(&heir, "2");
    assert_int_equal(heir.n_fin, 1);
    assert_int_equal(o.n_fin, 0);
    sl_tcp_close(&heir.tcp, SL_TCP_FIN);
    free(heir.got);
    close_world(&o);
}

static void a_fresh_idle_socket_is_not_stale(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);

    assert_false(sl_tcp_is_stale(o.tcp));
    peer_send(p, "x", 1);
    world_spin(o.w, 10);
    assert_true(sl_tcp_is_stale(o.tcp));
    sl_tcp_read(o.tcp, true);
    world_spin(o.w, 10);
    assert_got(&o, "x");
    sl_tcp_read(o.tcp, false);
    assert_false(sl_tcp_is_stale(o.tcp));
    peer_fin(p);
    world_spin(o.w, 10);
    assert_true(sl_tcp_is_stale(o.tcp));
    close_world(&o);
}

/* ---- connecting ---- */

static void dial(struct owner *o, const struct sl_addr *to)
{
    o->is_in_call = true;
    assert_int_equal(sl_tcp_connect(world_loop(o->w), to, &events, o, &o->tcp), 0);
    o->is_in_call = false;
}

static void connect_succeeds_and_sends_what_was_written_before(void **state)
{
    struct owner o;

    open_world(&o);
    dial(&o, world_target(o.w));
    sl_tcp_read(o.tcp, true);
    say(&o, "impatient");
    struct sl_addr peer = sl_tcp_peer(o.tcp);
    assert_int_equal(peer.storage.ss_family, world_target(o.w)->storage.ss_family);
    assert_true(sl_addr_is_unix(&peer) || sl_addr_eq(&peer, world_target(o.w)));
    world_spin(o.w, 20);
    struct peer *p = peer_answer(o.w);
    world_spin(o.w, 20);
    assert_int_equal(o.n_connected, 1);
    assert_int_equal(o.connected_err, 0);
    assert_took(p, "impatient");
    peer_send(p, "hi", 2);
    world_spin(o.w, 20);
    assert_got(&o, "hi");
    close_world(&o);
}

static void connect_is_refused(void **state)
{
    struct owner o;

    open_world(&o);
    dial(&o, world_desert(o.w));
    world_spin(o.w, 20);
    assert_int_equal(o.n_connected, 1);
    assert_int_equal(o.connected_err, SL_ERR_REFUSED);
    assert_int_equal(o.n_failed + o.n_fin, 0);
    close_world(&o);
}

static void a_close_while_connecting_is_silent(void **state)
{
    struct owner o;

    open_world(&o);
    dial(&o, world_target(o.w));
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    world_spin(o.w, 20);
    assert_int_equal(o.n_connected, 0);
    dial(&o, world_desert(o.w)); /* and within the event */
    o.on_any = close_now;
    world_spin(o.w, 20);
    assert_int_equal(o.n_connected, 1);
    assert_null(o.tcp);
    close_world(&o);
}

/* ---- accepting ---- */

static void one_that_is_not_taken_is_closed(void **state)
{
    struct owner o;

    open_world(&o);
    o.does_leave = true;
    struct peer *p = peer_dial(o.w);
    world_spin(o.w, 20);
    assert_int_equal(o.n_accepted, 1);
    assert_int_equal(peer_sees(p), PEER_FIN);
    close_world(&o);
}

/* ---- law 3: one last look ---- */

static struct owner *looker;
static size_t n_got_at_expiry;

static void on_expired(struct sl_deadline *d)
{
    n_got_at_expiry = looker->n_got;
}

static void bytes_that_had_arrived_count_before_the_deadline(void **state)
{
    struct owner o;
    struct peer *p = open_pair(&o);
    struct sl_deadline d;

    looker = &o;
    n_got_at_expiry = SIZE_MAX;
    sl_tcp_read(o.tcp, true);
    sl_deadline_init(&d, world_loop(o.w), on_expired);
    world_spin(o.w, 20);
    sl_deadline_arm(&d, SL_PHASE_FIRST_BYTE, 0);
    peer_send(p, "in time", 7);
    world_spin(o.w, 20);
    assert_int_equal(n_got_at_expiry, 7);
    sl_deadline_fini(&d);
    close_world(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_once_they_are_asked_for),
        cmocka_unit_test(reading_goes_off_and_on),
        cmocka_unit_test(fin_comes_after_the_bytes_and_once),
        cmocka_unit_test(a_fin_while_reading_is_off_is_told_later),
        cmocka_unit_test(a_fin_that_comes_with_the_bytes_waits_too),
        cmocka_unit_test(a_reset_is_told_with_its_name),
        cmocka_unit_test(a_reset_that_comes_with_the_bytes_is_no_fin),
        cmocka_unit_test(a_flood_comes_in_pieces_of_64_KiB),
        cmocka_unit_test(one_turn_reads_64_KiB_at_most),
        cmocka_unit_test(a_small_write_needs_no_queue),
        cmocka_unit_test(what_is_queued_goes_first),
        cmocka_unit_test(a_peer_that_takes_nothing_fills_the_queue),
        cmocka_unit_test(bytes_appended_behind_a_blocked_write_keep_their_order),
        cmocka_unit_test(a_queue_of_many_chunks_keeps_its_order),
        cmocka_unit_test(the_progress_of_a_peer_behind_small_buffers_shows),
        cmocka_unit_test(the_progress_of_a_slow_peer_shows),
        cmocka_unit_test(a_write_to_one_who_has_gone_is_told_later_and_once),
        cmocka_unit_test(a_blocked_write_fails_when_the_peer_resets),
        cmocka_unit_test(an_early_answer_is_heard_before_the_failed_write),
        cmocka_unit_test(a_long_early_answer_is_heard_to_its_end),
        cmocka_unit_test(one_that_has_half_closed_may_still_die),
        cmocka_unit_test(shutdown_sends_fin_behind_the_queue),
        cmocka_unit_test(close_delivers_what_was_accepted_and_a_fin),
        cmocka_unit_test(close_over_bytes_that_do_not_fit_resets),
        cmocka_unit_test(close_with_reset_is_seen_as_one),
        cmocka_unit_test(close_over_unread_bytes_resets),
        cmocka_unit_test(an_owner_may_close_within_any_event),
        cmocka_unit_test(a_close_with_bytes_in_flight_is_silent),
        cmocka_unit_test(a_socket_changes_hands_and_no_byte_is_lost),
        cmocka_unit_test(a_fresh_idle_socket_is_not_stale),
        cmocka_unit_test(connect_succeeds_and_sends_what_was_written_before),
        cmocka_unit_test(connect_is_refused),
        cmocka_unit_test(a_close_while_connecting_is_silent),
        cmocka_unit_test(one_that_is_not_taken_is_closed),
        cmocka_unit_test(bytes_that_had_arrived_count_before_the_deadline),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
