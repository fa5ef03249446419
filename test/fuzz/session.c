/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: a client that has finished its handshake, or tries to, and then does what it likes. The
 * first byte chooses the version, the second in which pieces the session is fed, the third how many
 * bytes of the handshake are spoilt on their way. Then one act after another: application data,
 * records of any type that are genuine (the client knows the keys), bytes that are not, bytes
 * spoilt; and the server writes and closes.
 *
 * Laws: what the session reads is what the client wrote, in order, and never anything else; a
 * stranger's bytes are never called our own mistake; an end is final; and whatever comes, it
 * answers with a bounded number of bytes of its own.
 */
#include "fuzz.h"

#include "peer.h"

/* Of mbedTLS's inside: sends ssl->out_msg as a record. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *ssl, int force_flush);

#define HANDSHAKE_TURNS 6
#define REPLY_BYTES     2000 /* alerts, refusals of renegotiation; tickets come before */
#define MAX_SPOILT      3
#define MAX_ACTS        64

struct talk {
    struct pair pair;
    struct bytes said;     /* by the client, as application data; not yet read */
    size_t n_out_expected; /* bytes that the server has reason to send */
    size_t n_out;
    bool is_strange; /* something came that was not genuine, or no application data */
    int end;         /* what the session's reading ended with; 0: it goes on */
};

static struct sl_tls_server *server;

static void make_server(void)
{
    static const char *const names[] = {"example.org"};
    struct sl_identity *identity;
    struct sl_ticket_keys *keys;
    LAW(sl_tls_global_init() == 0);
    LAW(sl_identity_self_sign(names, 1, 365, &identity) == 0);
    LAW(sl_ticket_keys_new(604800, &keys) == 0);
    struct sl_tls_settings settings = {
        .has_tls12 = true,
        .has_tls13 = true,
        .identities = &identity,
        .n_identities = 1,
        .ticket_keys = keys,
    };
    LAW(sl_tls_server_new(&settings, &server) == 0);
}

/* ---- the handshake ---- */

struct spoil {
    size_t at; /* which byte of all that the client sends */
    uint8_t with;
};

/* Spoils what lies among the newest bytes, of which the first is number n_before. */
static void spoil(struct pair *p, const struct spoil *spoils, size_t n_spoils, size_t n_before)
{
    for (size_t i = 0; i < n_spoils; i++)
        if (spoils[i].at >= n_before && spoils[i].at - n_before < p->to_server.len)
            p->to_server.ptr[spoils[i].at - n_before] ^= (char)spoils[i].with;
}

static bool shake_hands(struct pair *p, const struct spoil *spoils, size_t n_spoils)
{
    size_t n_sent = 0;
    for (int turn = 0; turn < HANDSHAKE_TURNS; turn++) {
        p->client_ret = mbedtls_ssl_handshake(&p->client);
        spoil(p, spoils, n_spoils, n_sent);
        n_sent += p->to_server.len;
        while (p->to_server.len > 0 && p->server_ret == SL_ERR_AGAIN) {
            size_t n = p->piece && p->piece < p->to_server.len ? p->piece : p->to_server.len;
            struct sl_span in = sl_span(p->to_server.ptr, n);
            p->server_ret = sl_tls_session_handshake(p->session, &in);
            LAW(p->server_ret != SL_ERR_AGAIN || in.len == 0);
            bytes_drop(&p->to_server, n - in.len);
        }
        pair_flush(p);
        if (p->client_ret == 0 && p->server_ret == 0)
            return true;
        if (p->server_ret != 0 && p->server_ret != SL_ERR_AGAIN)
            break;
    }
    LAW(p->server_ret != SL_ERR_TLS_INTERNAL && p->server_ret != SL_ERR_MEMORY);
    return false;
}

/* ---- the acts ---- */

static void say(struct talk *t, struct sl_span bytes)
{
    int n = bytes.len
                ? mbedtls_ssl_write(&t->pair.client, (const unsigned char *)bytes.ptr, bytes.len)
                : 0;
    if (n > 0)
        bytes_add(&t->said, bytes.ptr, (size_t)n);
}

/* A genuine record of any type but 0, which TLS 1.3 takes for padding: the type would then be the
   last of the bytes (RFC 8446 5.4). */
static void say_record(struct talk *t, int type, struct sl_span bytes)
{
    mbedtls_ssl_context *ssl = &t->pair.client;
    if (type == 0 || ssl->MBEDTLS_PRIVATE(out_left) != 0 || ssl->MBEDTLS_PRIVATE(out_msg) == NULL)
        return;
    ssl->MBEDTLS_PRIVATE(out_msgtype) = type;
    ssl->MBEDTLS_PRIVATE(out_msglen) = bytes.len;
    if (bytes.len)
        memcpy(ssl->MBEDTLS_PRIVATE(out_msg), bytes.ptr, bytes.len);
    if (mbedtls_ssl_write_record(ssl, 1) != 0)
        return;
    if (type == MBEDTLS_SSL_MSG_APPLICATION_DATA)
        bytes_add(&t->said, bytes.ptr, bytes.len);
    t->is_strange |= type != MBEDTLS_SSL_MSG_APPLICATION_DATA || bytes.len == 0;
}

static void note_out(struct talk *t)
{
    size_t n_before = t->pair.to_client.len;
    pair_flush(&t->pair);
    t->n_out += t->pair.to_client.len - n_before;
    LAW(t->n_out <= t->n_out_expected + REPLY_BYTES);
}

/* The session reads all there is. */
static void listen(struct talk *t)
{
    char buf[512];
    while (t->pair.to_server.len > 0 && t->end == 0) {
        int got = pair_server_read(&t->pair, buf, sizeof(buf));
        LAW(got != 0 && got != SL_ERR_TLS_INTERNAL && got != SL_ERR_MEMORY);
        if (got > 0) {
            LAW((size_t)got <= t->said.len && memcmp(buf, t->said.ptr, (size_t)got) == 0);
            bytes_drop(&t->said, (size_t)got);
        } else if (got != SL_ERR_AGAIN) {
            LAW(t->is_strange); /* a client that only talks is heard */
            t->end = got;
        }
        note_out(t);
    }
    if (t->end == 0)
        return;
    bytes_add(&t->pair.to_server, "x", 1); /* it stays ended */
    LAW(pair_server_read(&t->pair, buf, sizeof(buf)) == t->end);
    bytes_drop(&t->pair.to_server, t->pair.to_server.len);
}

static void answer(struct talk *t, size_t n)
{
    static const char zeros[256 * 64];
    int err = sl_tls_session_write(t->pair.session, sl_span(zeros, n));
    LAW(err != SL_ERR_TLS_INTERNAL && err != SL_ERR_MEMORY);
    if (err == 0)
        t->n_out_expected += n + (n / 512 + 1) * 64; /* records may be as small as that */
    note_out(t);
}

static void act(struct talk *t, struct sl_span *in)
{
    uint8_t what = fuzz_byte(in);
    size_t n = fuzz_byte(in);
    switch (what % 8) {
    case 0:
        say(t, fuzz_take(in, n));
        break;
    case 1: {
        int type = fuzz_byte(in);
        say_record(t, type, fuzz_take(in, n));
        break;
    }
    case 2: {
        struct sl_span raw = fuzz_take(in, n);
        bytes_add(&t->pair.to_server, raw.ptr, raw.len);
        t->is_strange |= raw.len > 0;
        break;
    }
    case 3:
        if (t->pair.to_server.len > 0 && t->end == 0) {
            t->pair.to_server.ptr[n % t->pair.to_server.len] ^= (char)(what >> 3 | 1);
            t->is_strange = true;
        }
        break;
    case 4:
        answer(t, n * 64);
        break;
    case 5:
        sl_tls_session_close_notify(t->pair.session);
        note_out(t);
        break;
    case 6:
        if (n == 0)
            mbedtls_ssl_close_notify(&t->pair.client);
        t->is_strange |= n == 0;
        break;
    default:
        listen(t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    struct talk t = {0};
    struct spoil spoils[MAX_SPOILT];
    struct client_options options = {.max = MBEDTLS_SSL_VERSION_TLS1_3, .sni = "example.org"};

    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (!server)
        make_server();
    if (fuzz_byte(&in) & 1)
        options.max = MBEDTLS_SSL_VERSION_TLS1_2;
    pair_open(&t.pair, server, &options);
    t.pair.piece = fuzz_byte(&in);
    size_t n_spoils = fuzz_byte(&in) % (MAX_SPOILT + 1);
    for (size_t i = 0; i < n_spoils; i++) {
        spoils[i].at = (size_t)fuzz_byte(&in) << 8;
        spoils[i].at |= fuzz_byte(&in);
        spoils[i].with = fuzz_byte(&in);
    }
    if (shake_hands(&t.pair, spoils, n_spoils)) {
        for (int i = 0; in.len > 0 && i < MAX_ACTS; i++)
            act(&t, &in);
        listen(&t);
        sl_tls_session_abort(t.pair.session);
    }
    bytes_free(&t.said);
    pair_close(&t.pair);
    return 0;
}
