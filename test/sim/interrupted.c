// SPDX-License-Identifier: Apache-2.0
/*
 * interrupted: after each turn of an exchange a peer closes, half-closes, resets or vanishes, or we
 * ourselves stop, drain or reload, so that whatever was under way is cancelled there, or not; with
 * events in time, and late. Nobody waits for ever, nothing is left, no part of a response ends like
 * a whole, who may finish does, and the next one is served.
 */
#include "harness.h"

#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define OK_2    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct script {
    const char *name, *request;
    const char *awaited; /* the upstream answers once it has got this as its last bytes */
    const char *response;
    const char *then;        /* what the client says after that */
    bool has_upstream_close; /* behind its response */
    const char *end;         /* with it: what only a whole response has; NULL: a FIN */
};

static const struct script scripts[] = {
    {"get twice", SIM_GET, "\r\n\r\n", OK_2, SIM_GET, false, NULL},
    {"upload", "POST / HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n",
     "0\r\n\r\n", OK_2, NULL, false, NULL},
    {"chunked", SIM_GET, "\r\n\r\n",
     "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n", NULL, false, NULL},
    {"until the end", SIM_GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello, hello you all", NULL,
     true, "0\r\n\r\n"},
    {"until the end, to an old client", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "\r\n\r\n",
     "HTTP/1.1 200 OK\r\n\r\nhello, hello you all", NULL, true, NULL},
    {"tunnel", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n", "\r\n\r\n",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\nraw bytes",
     "and back again", false, NULL},
};

enum how { FIN, CLOSE, RESET, VANISH, N_HOWS };

static bool ends_with(struct sl_span s, const char *end)
{
    size_t n = strlen(end);
    return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

struct stage {
    const struct script *script;
    struct fake_wire *client;
    bool has_answered;   /* the upstream */
    bool is_never_whole; /* its response ends with its connection, and that will be a reset */
};

/* The upstream answers when it has got all, and then the client goes on. */
static bool play(struct sim *s)
{
    struct stage *st = s->play_ctx;

    if (st->has_answered || s->n_up == 0 ||
        !ends_with(fake_wire_received(s->up[0]), st->script->awaited))
        return false;
    st->has_answered = true;
    fake_wire_send(s->up[0], sl_span_str(st->script->response));
    if (st->script->has_upstream_close && !st->is_never_whole)
        fake_wire_close(s->up[0]);
    if (st->script->then)
        fake_wire_send(st->client, sl_span_str(st->script->then));
    return true;
}

static void interrupt(struct fake_wire *wire, enum how how)
{
    switch (how) {
    case FIN:
        fake_wire_fin(wire);
        break;
    case CLOSE:
        fake_wire_close(wire);
        break;
    case RESET:
        fake_wire_reset(wire);
        break;
    default: /* its kernel takes nothing any more, and its user says nothing */
        fake_wire_slow(wire, true);
        fake_wire_kernel(wire, 1);
    }
}

static void next_one_is_served(struct sim *s)
{
    size_t n_up = s->n_up;

    s->play = NULL;
    fake_late(s->loop, 0);
    fake_pieces(s->loop, 0);
    struct fake_wire *c = sim_ask(s, SIM_GET);
    sim_say(s, sim_up(s, n_up + 1), OK_2);
    assert_got(c, "\r\n\r\nok");
}

static void assert_visibly_cut(const struct stage *st, unsigned n_turns)
{
    bool has_head = sim_got(st->client, "HTTP/1.1 200");
    bool has_end = st->script->end ? sim_got(st->client, st->script->end)
                                   : fake_wire_state(st->client) == FAKE_FIN;

    if (has_head && has_end)
        fail_msg("%s: after %u turns a part ended like a whole: %.*s", st->script->name, n_turns,
                 (int)sim_n_got(st->client), fake_wire_received(st->client).ptr);
}

static void open_stage(struct sim *s, struct stage *st, unsigned n_turns, unsigned n_late)
{
    sim_open(s, &(struct sim_options){0});
    s->play = play;
    s->play_ctx = st;
    fake_late(s->loop, n_late);
    fake_pieces(s->loop, 7);
    st->client = fake_wire_accept(s->listener, NULL);
    fake_wire_send(st->client, sl_span_str(st->script->request));
    for (unsigned i = 0; i < n_turns; i++)
        fake_turn(s->loop);
}

/* Returns whether there were so many turns. */
static bool interrupted_after(const struct script *script, bool is_client, enum how how,
                              unsigned n_turns, unsigned n_late)
{
    struct sim s;
    struct stage st = {.script = script};

    st.is_never_whole = !is_client && how == RESET && script->has_upstream_close;
    open_stage(&s, &st, n_turns, n_late);
    struct fake_wire *wire = is_client ? st.client : s.n_up ? s.up[0] : NULL;
    if (wire && !fake_wire_is_closed(wire))
        interrupt(wire, how);
    sim_settle(&s);
    if (st.is_never_whole)
        assert_visibly_cut(&st, n_turns);
    /* Peers fall silent: within the deadlines everybody is gone. */
    sim_advance(&s, 4000000);
    if (sl_proxy_n_clients(s.proxy) != 0)
        fail_msg("%s: after %u turns: somebody waits for ever", script->name, n_turns);
    assert_int_equal(sl_loop_n_shells(s.loop), 1); /* the listener */
    next_one_is_served(&s);
    sim_close(&s);
    return n_turns < 120;
}

static void interrupt_everywhere(bool is_client)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(scripts); i++)
        for (enum how how = FIN; how < N_HOWS; how++)
            for (unsigned n_late = 0; n_late <= 3; n_late += 3)
                for (unsigned n = 0; interrupted_after(&scripts[i], is_client, how, n, n_late); n++)
                    ;
}

/* ---- by ourselves ---- */

enum what { STOP, DRAIN, RELOAD, N_WHATS };

static bool is_whole(const struct stage *st)
{
    const char *last = strstr(st->script->response, "\r\n\r\n") + 4;

    if (strstr(st->script->response, CHUNKED))
        return sim_got(st->client, "\r\n0\r\n\r\n");
    if (st->script->end)
        return sim_got(st->client, st->script->end);
    return sim_got(st->client, last);
}

/* Before sluice knew of a request a drain may close; whose request has come is served. */
static void assert_finished(const struct sim *s, const struct stage *st, enum what what,
                            unsigned n_turns)
{
    bool has_begun = s->n_up > 0;

    if ((has_begun || what == RELOAD) && !is_whole(st))
        fail_msg("%s: after %u turns: of the answer came only: %.*s", st->script->name, n_turns,
                 (int)sim_n_got(st->client), fake_wire_received(st->client).ptr);
}

static bool ended_after(const struct script *script, enum what what, unsigned n_turns,
                        unsigned n_late)
{
    struct sim s;
    struct stage st = {.script = script};

    open_stage(&s, &st, n_turns, n_late);
    if (what == DRAIN)
        sim_drain(&s);
    if (what == RELOAD)
        sim_reload(&s, &(struct sim_options){0});
    if (what != STOP) {
        sim_settle(&s);
        assert_finished(&s, &st, what, n_turns);
        sim_advance(&s, 4000000);
        assert_int_equal(sl_proxy_n_clients(s.proxy), 0);
        assert_int_equal(sl_loop_n_shells(s.loop), 1); /* the listener */
        assert_int_equal(s.is_drained, what == DRAIN);
    }
    if (what == RELOAD)
        next_one_is_served(&s);
    sim_close(&s); /* stops, and nothing is left */
    return n_turns < 120;
}

static void we_may_stop_drain_and_reload_after_every_turn(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(scripts); i++)
        for (enum what what = STOP; what < N_WHATS; what++)
            for (unsigned n_late = 0; n_late <= 3; n_late += 3)
                for (unsigned n = 0; ended_after(&scripts[i], what, n, n_late); n++)
                    ;
}

static void a_client_may_go_after_every_turn(void **state)
{
    interrupt_everywhere(true);
}

static void an_upstream_may_go_after_every_turn(void **state)
{
    interrupt_everywhere(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_go_after_every_turn),
        cmocka_unit_test(an_upstream_may_go_after_every_turn),
        cmocka_unit_test(we_may_stop_drain_and_reload_after_every_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
