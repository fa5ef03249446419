// SPDX-License-Identifier: Apache-2.0
/*
 * Every byte split: whole exchanges with the wires delivering pieces of 1, 2, 3, 7, ... bytes both
 * ways, and kernels that take as little, give the same bytes at both ends as in one piece. So do
 * events that come late.
 */
#include "harness.h"

#include <stdlib.h>

struct script {
    const char *name;
    const char *request; /* "@n": n bytes of a pattern */
    const char *awaited; /* the upstream speaks once it has got this as its last bytes */
    const char *response;
    const char *then;      /* NULL, or what the client says after it got some of the response */
    bool has_upstream_end; /* the upstream closes after its response */
};

#define CHUNKED "Transfer-Encoding: chunked\r\n"
static const struct script scripts[] = {
    {"get", SIM_GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", NULL, false},
    {"head", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", NULL, false},
    {"post", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "\r\n\r\nhello",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL, false},
    {"chunked both ways",
     "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
     "0\r\n\r\n", "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
     NULL, false},
    {"trailers both ways",
     "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n" CHUNKED "\r\n1\r\nx\r\n0\r\nSum: 1\r\n\r\n",
     "Sum: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n1\r\ny\r\n0\r\nSum: 2\r\n\r\n", NULL,
     false},
    {"until the end", SIM_GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello world", NULL, true},
    {"until the end, to an old client", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "\r\n\r\n",
     "HTTP/1.1 200 OK\r\n\r\nhello world", NULL, true},
    {"chunked to an old client", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "\r\n\r\n",
     "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n3\r\nabc\r\n0\r\n\r\n", NULL, false},
    {"hints", SIM_GET, "\r\n\r\n",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     NULL, false},
    {"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n",
     "\r\n\r\n",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\nraw bytes",
     "back", false},
    {"long both ways", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n@3000", NULL,
     "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n@4000", NULL, false},
    {"not modified", SIM_GET, "\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
     NULL, false},
};

static void say_script(struct sim *s, struct fake_wire *wire, const char *text)
{
    const char *at = strchr(text, '@');

    if (!at) {
        fake_wire_send(wire, sl_span_str(text));
        return;
    }
    fake_wire_send(wire, sl_span(text, (size_t)(at - text)));
    sim_say_n(s, wire, strtoul(at + 1, NULL, 10));
}

static bool ends_with(struct sl_span s, const char *end)
{
    size_t n = strlen(end);
    return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

/* What is the same whatever the pieces: without the fields that differ each time, and with chunks
   put together. */
static char *normal_form(struct sl_span got)
{
    char *out = test_malloc(got.len + 1);
    size_t n = 0;
    const char *p = got.ptr, *end = got.ptr + got.len;

    while (p < end) { /* lines of heads */
        const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
        size_t len = eol ? (size_t)(eol - p) + 2 : (size_t)(end - p);
        struct sl_span line = sl_span(p, len);
        if (!sl_span_starts(line, SL_SPAN("Date: ")) &&
            !sl_span_starts(line, SL_SPAN("X-Request-Id: ")) &&
            !sl_span_starts(line, SL_SPAN("X-Request-ID: "))) {
            memcpy(out + n, p, len);
            n += len;
        }
        p += len;
    }
    out[n] = '\0';
    /* Chunk by chunk: "3\r\nabc\r\n2\r\nde\r\n" becomes "abcde", after the last head. */
    char *body = strstr(out, "Transfer-Encoding: chunked");
    if (!body || !(body = strstr(body, "\r\n\r\n")))
        return out;
    char *to = body + 4, *from = to;
    for (;;) {
        char *after;
        size_t size = strtoul(from, &after, 16);
        if (after == from || size == 0)
            break;
        from = after + 2;
        memmove(to, from, size);
        to += size;
        from += size + 2;
    }
    memmove(to, from, strlen(from) + 1);
    return out;
}

struct ends {
    char *at_client, *at_upstream;
};

static struct ends play(const struct script *sc, size_t client_piece, size_t up_piece,
                        size_t n_kernel, unsigned n_late)
{
    struct sim s;
    struct ends ends;

    sim_open(&s, &(struct sim_options){0});
    fake_late(s.loop, n_late);
    struct fake_wire *c = fake_wire_accept(s.listener, NULL);
    fake_wire_pieces(c, client_piece);
    fake_wire_kernel(c, n_kernel);
    fake_pieces(s.loop, up_piece);
    say_script(&s, c, sc->request);
    sim_settle(&s);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_kernel(u, n_kernel);
    sim_settle(&s);
    if (sc->awaited && !ends_with(fake_wire_received(u), sc->awaited))
        fail_msg("%s: the upstream got %.*s", sc->name, (int)sim_n_got(u),
                 fake_wire_received(u).ptr);
    say_script(&s, u, sc->response);
    if (sc->has_upstream_end)
        fake_wire_close(u);
    sim_settle(&s);
    if (sc->then)
        sim_say(&s, c, sc->then);
    ends.at_client = normal_form(fake_wire_received(c));
    ends.at_upstream = normal_form(fake_wire_received(u));
    assert_int_equal(sl_count_get(&s.counters.responses[5]), 0);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
    return ends;
}

static void whole_exchanges_are_the_same_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 11, 64, 1000};
    static const size_t kernels[] = {1, 7, 100, 65536};

    for (size_t i = 0; i < SL_N_ELEMENTS(scripts); i++) {
        struct ends whole = play(&scripts[i], 0, 0, 65536, 0);
        for (size_t a = 0; a < SL_N_ELEMENTS(pieces); a++) {
            for (size_t b = 0; b < SL_N_ELEMENTS(pieces); b++) {
                size_t n_kernel = kernels[(a + b) % SL_N_ELEMENTS(kernels)];
                struct ends got = play(&scripts[i], pieces[a], pieces[b], n_kernel, 0);
                if (strcmp(got.at_client, whole.at_client) != 0)
                    fail_msg("%s in %zu/%zu/%zu: the client got\n%s\ninstead of\n%s",
                             scripts[i].name, pieces[a], pieces[b], n_kernel, got.at_client,
                             whole.at_client);
                assert_string_equal(got.at_upstream, whole.at_upstream);
                test_free(got.at_client);
                test_free(got.at_upstream);
            }
        }
        test_free(whole.at_client);
        test_free(whole.at_upstream);
    }
}

/* Each event comes some turns after it could, and those of neighbours in any order. */
static void whole_exchanges_are_the_same_however_late_events_come(void **state)
{
    static const size_t pieces[] = {0, 1, 7};

    for (size_t i = 0; i < SL_N_ELEMENTS(scripts); i++) {
        struct ends whole = play(&scripts[i], 0, 0, 65536, 0);
        for (unsigned n_late = 2; n_late <= 5; n_late++) {
            for (size_t a = 0; a < SL_N_ELEMENTS(pieces); a++) {
                struct ends got = play(&scripts[i], pieces[a], pieces[2 - a], 100, n_late);
                assert_string_equal(got.at_client, whole.at_client);
                assert_string_equal(got.at_upstream, whole.at_upstream);
                test_free(got.at_client);
                test_free(got.at_upstream);
            }
        }
        test_free(whole.at_client);
        test_free(whole.at_upstream);
    }
}

/* The same cut once, at every byte, with the world at rest in between. */
static void an_exchange_may_pause_at_every_byte(void **state)
{
    static const char request[] =
        "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n";
    static const char response[] = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n" CHUNKED
                                   "\r\n3\r\nfgh\r\n0\r\nX: z\r\n\r\n";

    for (size_t i = 1; i < sizeof(request) - 1 || i < sizeof(response) - 1; i++) {
        struct sim s;
        size_t at = i < sizeof(request) - 1 ? i : sizeof(request) - 2;
        sim_open(&s, &(struct sim_options){0});
        struct fake_wire *c = sim_connect(&s, NULL);
        fake_wire_send(c, sl_span(request, at));
        sim_advance(&s, 1000);
        fake_wire_send(c, sl_span(request + at, sizeof(request) - 1 - at));
        struct fake_wire *u = sim_up(&s, 1);
        assert_got(u, "0\r\n");
        at = i < sizeof(response) - 1 ? i : sizeof(response) - 2;
        fake_wire_send(u, sl_span(response, at));
        sim_advance(&s, 1000);
        fake_wire_send(u, sl_span(response + at, sizeof(response) - 1 - at));
        sim_settle(&s);
        assert_got(c, "0\r\nX: z\r\n\r\n");
        assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
        assert_int_equal(s.proxy->upstreams->upstreams[0].endpoints[0].n_idle, 1);
        sim_close(&s);
    }
}

static void chunks_that_come_together_leave_as_one(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){0});
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED
                    "\r\n3;x=y\r\nabc\r\n2\r\nde\r\n9\r\nfghijklmn\r\n0\r\nX: y\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    assert_got(u, "\r\n\r\ne\r\nabcdefghijklmn\r\n0\r\n");
    /* More of them than one event holds. */
    sim_say(&s, u,
            "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n1\r\n0\r\n1\r\n1\r\n1\r\n2\r\n1\r\n3\r\n1\r\n4\r\n"
            "1\r\n5\r\n1\r\n6\r\n1\r\n7\r\n1\r\n8\r\n1\r\n9\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n"
            "1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n1\r\ng\r\n1\r\nh\r\n0\r\nX: z\r\n\r\n");
    assert_got(c, "\r\n\r\n10\r\n0123456789abcdef\r\n2\r\ngh\r\n0\r\nX: z\r\n\r\n");
    assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
    sim_close(&s);
}

/* The chunks before it are told first; what is wrong is acted on all the same, at once. */
static void a_fault_behind_chunks_is_no_end(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){0});
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n3\r\nabc\r\n2\r\ndeX");
    assert_got(c, "HTTP/1.1 400 ");
    assert_state(c, FAKE_FIN);
    assert_state(sim_up(&s, 1), FAKE_RESET);
    c = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 2), "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n3\r\nabc\r\n2\r\nde\r\nX");
    assert_state(c, FAKE_RESET);
    assert_state(s.up[1], FAKE_RESET);
    sim_close(&s);
}

/* Answers each request that has come in whole with its target. */
static bool answer_each(struct sim *s)
{
    for (size_t i = 0; i < s->n_up; i++) {
        struct sl_span got = fake_wire_received(s->up[i]);
        if (!got.len || !ends_with(got, "\r\n\r\n"))
            continue;
        char text[200];
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%.2s",
                 got.ptr + sizeof("GET ") - 1);
        fake_wire_forget(s->up[i]);
        fake_wire_send(s->up[i], sl_span_str(text));
        return true;
    }
    return false;
}

static void pipelined_requests_are_answered_in_order_in_any_pieces(void **state)
{
    static const size_t pieces[] = {0, 1, 2, 3, 7, 50, 200};

    for (size_t a = 0; a < SL_N_ELEMENTS(pieces); a++) {
        struct sim s;
        char text[10000] = "", *p = text;
        sim_open(&s, &(struct sim_options){0});
        s.play = answer_each;
        fake_pieces(s.loop, pieces[a]);
        for (int i = 0; i < 26; i++)
            p += snprintf(p, 200, "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n%s", 'a' + i,
                          i % 3 ? "" : "\r\n");
        struct fake_wire *c = sim_ask(&s, text);
        struct sl_span got = fake_wire_received(c);
        const char *at = got.ptr;
        for (int i = 0; i < 26; i++) {
            char end[] = {'\r', '\n', '\r', '\n', '/', (char)('a' + i), '\0'};
            at = memmem(at, (size_t)(got.ptr + got.len - at), end, 6);
            assert_non_null(at);
        }
        assert_int_equal(s.n_up, 1);
        assert_int_equal(sim_count(&s, SL_COUNT_UPSTREAM_REUSES), 25);
        sim_close(&s);
    }
}

static void a_hundred_and_an_early_refusal_are_the_same_in_any_pieces(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                               "Content-Length: 10\r\n\r\n";
    for (size_t piece = 0; piece < 12; piece++) {
        struct sim s;
        sim_open(&s, &(struct sim_options){0});
        fake_pieces(s.loop, piece);
        struct fake_wire *c = sim_ask(&s, head);
        struct fake_wire *u = sim_up(&s, 1);
        assert_got(u, "Expect: 100-continue\r\n");
        sim_say(&s, u, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_got(c, "HTTP/1.1 100 Continue\r\n");
        fake_wire_forget(c);
        sim_say(&s, c, "0123456789");
        assert_got(u, "\r\n\r\n0123456789");
        sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_got(c, "\r\n\r\nok");
        sim_say(&s, c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n012");
        sim_say(&s, sim_up(&s, 1), "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
        assert_got(c, "\r\n\r\nno");
        fake_wire_forget(c);
        sim_say(&s, c, "3456789" SIM_GET);
        sim_say(&s, sim_up(&s, 2), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_got(c, "\r\n\r\nok");
        assert_int_equal(sim_expired_all(&s), 0);
        sim_close(&s);
    }
}

/* Much in many small chunks fills the link's queue again and again within one event. */
static void many_small_chunks_at_once_all_arrive(void **state)
{
    enum { N_CHUNKS = 20000, MOST = 400, N_UPLOADS = 40 };
    static char text[N_CHUNKS * (MOST + 16) + 16];
    struct sim_options o = {0};

    for (unsigned i = 0; i < N_UPLOADS; i++) {
        struct sim s;
        sim_open(&s, &o);
        struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n");
        struct fake_wire *u = sim_up(&s, 1);
        fake_wire_kernel(u, 8 << 20); /* so there is place for large reads */
        size_t n_text = 0, n_body = 0;
        srand(i);
        for (unsigned k = 0; k < N_CHUNKS; k++) {
            int n = 1 + rand() % MOST;
            n_text += (size_t)sprintf(text + n_text, "%x\r\n", (unsigned)n);
            memset(text + n_text, 'x', (size_t)n);
            memcpy(text + n_text + n, "\r\n", 2);
            n_text += (size_t)n + 2;
            n_body += (size_t)n;
        }
        n_text += (size_t)sprintf(text + n_text, "0\r\n\r\n");
        fake_wire_send(c, sl_span(text, n_text));
        sim_settle(&s);
        struct sl_span got = fake_wire_received(u);
        size_t n_x = 0;
        for (size_t k = 0; k < got.len; k++)
            n_x += got.ptr[k] == 'x';
        assert_int_equal(n_x, n_body);
        assert_true(sim_got(u, "0\r\n\r\n"));
        sim_close(&s);
    }
}

/* A pipelined request whose head ends where the store of waiting bytes has a seam. */
static void a_body_that_waits_behind_a_seam_waits_for_its_link(void **state)
{
    struct sim_options o = {.upstream = ", keepalive: false"};
    static char text[2 * SL_CHUNK_ROOM];
    struct sim s;

    sim_open(&s, &o);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *first = sim_up(&s, 1);
    size_t n = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "Pad: ");
    memset(text + n, 'p', SL_CHUNK_ROOM - n - 4);
    memcpy(text + SL_CHUNK_ROOM - 4, "\r\n\r\n", 4);
    strcpy(text + SL_CHUNK_ROOM, "5\r\nhello\r\n0\r\n\r\n");
    sim_say(&s, c, text);
    sim_say(&s, first, "HTTP/1.1 204 No Content\r\n\r\n");
    struct fake_wire *second = sim_up(&s, 2);
    assert_true(sim_got(second, "hello\r\n0\r\n\r\n"));
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_exchanges_are_the_same_in_any_pieces),
        cmocka_unit_test(whole_exchanges_are_the_same_however_late_events_come),
        cmocka_unit_test(an_exchange_may_pause_at_every_byte),
        cmocka_unit_test(chunks_that_come_together_leave_as_one),
        cmocka_unit_test(a_fault_behind_chunks_is_no_end),
        cmocka_unit_test(many_small_chunks_at_once_all_arrive),
        cmocka_unit_test(a_body_that_waits_behind_a_seam_waits_for_its_link),
        cmocka_unit_test(pipelined_requests_are_answered_in_order_in_any_pieces),
        cmocka_unit_test(a_hundred_and_an_early_refusal_are_the_same_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
