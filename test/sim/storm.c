// SPDX-License-Identifier: Apache-2.0
/*
 * storm: see storm.h. A move is one choice of sim_pick after another, so a storm is a function of
 * where its choices come from: a seed, or the bytes of a fuzzer (but for what TLS makes up).
 */
#include "storm.h"

#include <stdlib.h>

#include "fake_private.h"
#include "oom.h"

/* What waits for the proxy at most, as a kernel bounds it. A peer that takes it byte by byte would
   otherwise need more turns than are to tell progress from a standstill. */
#define MOST_UNREAD_BYTES 300000

const struct sim_options storm_normal = {
    .endpoints = "{address: 10.0.0.1:80, max_connections: 2}, "
                 "{address: 10.0.0.2:80, max_connections: 1}",
    .upstream = ", max_queue: 3, upstream_idle: 3s, max_idle: 1, fail_timeout: 3s",
    .route = ", max_body: 200000",
    .deadlines = "first_byte: 2s, request_start: 2s, request_header: 2s, tls_handshake: 3s, "
                 "request_body: {idle: 2s, min_rate: 512B/s, window: 4s}, "
                 "response: {stall: 2s, min_rate: 512B/s, window: 4s}, "
                 "upstream_queue: 2s, upstream_connect: 2s, upstream_write: 2s, "
                 "upstream_header: 2s, upstream_body: 2s, tunnel: 2s, keepalive: 3s, "
                 "linger: {idle: 1s, total: 3s}, max_age: {time: 60s, requests: 9}",
    .limits = "max_connections: 5, max_handshaking: 3, max_handshaking_per_client: 2, "
              "pressure_start: 50%, pressure_floor: 500ms",
};

static const char *const requests[] = {
    SIM_GET,
    "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n@70000",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 190000\r\n\r\n@190000",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n@100000",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\nx: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfde8\r\n@65000",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\nraw @70000",
    "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "\x16\x03\x01\x02\x01",
    "PROXY TCP4 192.0.2.9 192.0.2.1 1000 443\r\n",
};

static const char switching[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\nraw @70000";

static const char *const responses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n@100000",
    "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n@300000",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfde8\r\n@65000",
    "HTTP/1.0 200 OK\r\n\r\n@70000",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    switching,
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
    "rubbish\r\n\r\n",
};

/* ---- what is read ---- */

static bool is_client(const struct storm *st, const struct speaker *sp)
{
    return sp >= st->clients && sp < st->clients + STORM_CLIENTS;
}

/* What this client says are requests, and what it reads are responses. */
static bool has_witness(const struct storm *st, const struct speaker *sp)
{
    return sp->tls || st->has_plain_clients;
}

static void read_over_tls(struct speaker *sp)
{
    while (tls_client_turn(sp->tls))
        ;
    witness_responses(&sp->witness, sl_span(sp->tls->got, sp->tls->n_got));
    sp->tls->n_got = 0;
}

/* Everybody reads what has come, and forgets it. */
static void read_all(struct storm *st, struct speaker *sp)
{
    struct sl_span got = fake_wire_received(sp->wire);

    if (!is_client(st, sp)) {
        witness_requests(&sp->witness, got);
        if (sp->witness.fault)
            fail_msg("an upstream reads: %s", sp->witness.fault);
    } else if (sp->tls) {
        read_over_tls(sp);
        return; /* it forgets by itself */
    } else if (has_witness(st, sp)) {
        witness_responses(&sp->witness, got);
    }
    fake_wire_forget(sp->wire);
}

/* False: not yet, or not any more. */
static bool say(struct storm *st, struct speaker *sp, struct sl_span bytes)
{
    if (sp->tls && !sp->tls->is_open)
        tls_client_turn(sp->tls);
    if (sp->tls && !tls_client_write(sp->tls, bytes))
        return false;
    if (!sp->tls)
        fake_wire_send(sp->wire, bytes);
    if (is_client(st, sp) && has_witness(st, sp))
        witness_requests(&sp->witness, bytes);
    return true;
}

/* ---- moves ---- */

static uint64_t pick(struct storm *st, uint64_t n)
{
    return sim_pick(&st->chance, n);
}

static size_t any_size(struct storm *st)
{
    static const size_t sizes[] = {1, 1, 2, 3, 7, 20, 200, 5000, 70000, 1000000};
    return sizes[pick(st, SL_N_ELEMENTS(sizes))];
}

static void speak(struct storm *st, struct speaker *sp, const char *const *texts, size_t n_texts)
{
    static char filler[70000];
    size_t n = any_size(st), n_unread = fake_wire_unread(sp->wire);
    size_t n_room = n_unread < MOST_UNREAD_BYTES ? MOST_UNREAD_BYTES - n_unread : 0;

    n = n < n_room ? n : n_room;
    if (!sp->text || (!*sp->text && sp->n_filler == 0)) {
        sp->text = texts[pick(st, 3) ? pick(st, n_texts) : 0];
        if (texts == responses && sp->witness.is_switching && pick(st, 3))
            sp->text = switching;
        if (pick(st, 40) == 0)
            sp->text += pick(st, strlen(sp->text));
    }
    while (n > 0 && (*sp->text || sp->n_filler > 0)) {
        size_t k = 1;
        if (sp->n_filler > 0) {
            k = sp->n_filler < n ? sp->n_filler : n;
            k = k < sizeof(filler) ? k : sizeof(filler);
            if (!say(st, sp, sl_span(filler, k)))
                return;
            sp->n_filler -= k;
        } else if (*sp->text == '@') {
            char *end;
            sp->n_filler = strtoul(sp->text + 1, &end, 10);
            sp->text = end;
            continue;
        } else {
            k = strcspn(sp->text, "@");
            k = k < n ? k : n;
            if (!say(st, sp, sl_span(sp->text, k)))
                return;
            sp->text += k;
        }
        n -= k;
    }
}

/* Bytes that nobody has thought of; a fuzzer chooses them. */
static void babble(struct storm *st, struct speaker *sp)
{
    char bytes[256];
    size_t n = 1 + pick(st, sizeof(bytes));

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)pick(st, 256);
    if (sp->tls && pick(st, 2)) /* no record of its */
        fake_wire_send(sp->wire, sl_span(bytes, n));
    else
        say(st, sp, sl_span(bytes, n));
}

static void do_anything(struct storm *st, struct speaker *sp, const char *const *texts,
                        size_t n_texts)
{
    static const size_t kernels[] = {1, 100, 2000, 65536};

    if (!sp->wire)
        return;
    switch (pick(st, 80)) {
    case 0:
        fake_wire_fin(sp->wire);
        break;
    case 1:
        fake_wire_close(sp->wire);
        break;
    case 2:
        fake_wire_reset(sp->wire);
        break;
    case 3:
    case 4:
        fake_wire_slow(sp->wire, true);
        break;
    case 5:
    case 6:
    case 7:
        fake_wire_slow(sp->wire, false);
        break;
    case 8:
    case 9:
        fake_wire_take(sp->wire, any_size(st));
        break;
    case 10:
        fake_wire_kernel(sp->wire, kernels[pick(st, SL_N_ELEMENTS(kernels))]);
        break;
    case 11:
        fake_wire_pieces(sp->wire, pick(st, 2) ? 0 : 1 + pick(st, 3000));
        break;
    case 12:
        babble(st, sp);
        break;
    default:
        speak(st, sp, texts, n_texts);
    }
    read_all(st, sp);
}

static void leave(struct speaker *sp)
{
    if (sp->tls)
        tls_client_free(sp->tls);
    witness_free(&sp->witness);
}

static void come(struct storm *st, struct speaker *sp)
{
    leave(sp);
    *sp = (struct speaker){.wire = fake_wire_accept(st->sim.listener, NULL)};
    if (st->sim.tls_server && pick(st, 8)) {
        sp->tls = &st->tls[sp - st->clients];
        tls_client_init(sp->tls, sp->wire, pick(st, 2));
    }
}

static struct speaker *live_up(struct storm *st)
{
    for (size_t i = st->sim.n_up; i-- > 0;) {
        st->ups[i].wire = st->sim.up[i];
        if (!fake_wire_is_closed(st->sim.up[i]) && pick(st, 3))
            return &st->ups[i];
    }
    return NULL;
}

void storm_move(struct storm *st)
{
    static const int answers[] = {0, 0, 0, 0, 0, FAKE_HANG, SL_ERR_REFUSED};
    struct sim *s = &st->sim;
    struct speaker *sp;

    switch (pick(st, 32)) {
    case 0:
    case 1:
    case 2:
        sp = &st->clients[pick(st, STORM_CLIENTS)];
        if (sp->wire && !fake_wire_is_closed(sp->wire) && pick(st, 30))
            break;
        come(st, sp);
        break;
    case 3:
        s->answer = answers[pick(st, SL_N_ELEMENTS(answers))];
        break;
    case 4:
        if ((sp = live_up(st)))
            fake_wire_answer(sp->wire, answers[pick(st, SL_N_ELEMENTS(answers))]);
        break;
    case 5:
        sim_advance(s, pick(st, 4) ? pick(st, 100) : pick(st, 3000));
        break;
    case 6:
        sim_advance(s, pick(st, 300));
        break;
    case 7:
        if (pick(st, 4) == 0)
            fake_stall(s->loop, pick(st, 5000));
        break;
    case 8:
        if (pick(st, 20) == 0 && !s->tls_server)
            sim_reload(s, &storm_normal);
        break;
    case 9:
        if (pick(st, 100) == 0)
            sim_drain(s);
        break;
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
        if ((sp = live_up(st)))
            do_anything(st, sp, responses, SL_N_ELEMENTS(responses));
        break;
    case 19:
        sim_settle(s);
        break;
    case 20:
        if (st->has_short_memory && pick(st, 4) == 0)
            oom_fail_nth(1 + (unsigned)pick(st, 64));
        break;
    default:
        do_anything(st, &st->clients[pick(st, STORM_CLIENTS)], requests, SL_N_ELEMENTS(requests));
    }
    if (pick(st, 3))
        fake_turn(s->loop);
}

void storm_fall_silent(struct storm *st)
{
    struct sim *s = &st->sim;

    oom_off();
    s->answer = FAKE_HANG;
    for (size_t i = 0; i < STORM_CLIENTS; i++)
        if (st->clients[i].wire)
            fake_wire_slow(st->clients[i].wire, true);
    for (size_t i = 0; i < s->n_up; i++)
        fake_wire_slow(s->up[i], true);
    sim_advance(s, 120000);
    assert_int_equal(sl_proxy_n_clients(s->proxy), 0);
    for (size_t i = 0; i < s->n_up; i++)
        assert_true(fake_wire_is_closed(s->up[i]));
    assert_int_equal(sl_loop_n_shells(s->loop), 1); /* the listener */
    assert_int_equal(s->proxy->crowd.n_handshaking, 0);
}

void storm_open(struct storm *st, const struct sim_options *options)
{
    sim_open(&st->sim, options);
    st->has_plain_clients = !options->is_tls && !options->listener;
}

void storm_close(struct storm *st)
{
    oom_off();
    for (size_t i = 0; i < st->sim.n_up; i++) {
        st->ups[i].wire = st->sim.up[i];
        read_all(st, &st->ups[i]);
        witness_free(&st->ups[i].witness);
    }
    for (size_t i = 0; i < STORM_CLIENTS; i++) {
        if (st->clients[i].wire)
            read_all(st, &st->clients[i]);
        leave(&st->clients[i]);
    }
    sim_close(&st->sim);
}
