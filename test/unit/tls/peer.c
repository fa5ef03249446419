// SPDX-License-Identifier: Apache-2.0
/*
 * peer: see peer.h. Whatever fails here that a test does not look at is asserted.
 */
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <mbedtls/version.h>

void bytes_add(struct bytes *b, const void *ptr, size_t len)
{
    if (len == 0)
        return;
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2;
        b->ptr = realloc(b->ptr, b->cap);
        assert_non_null(b->ptr);
    }
    memcpy(b->ptr + b->len, ptr, len);
    b->len += len;
}

void bytes_drop(struct bytes *b, size_t n)
{
    assert_true(n <= b->len);
    if (n > 0)
        memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
}

void bytes_free(struct bytes *b)
{
    free(b->ptr);
    *b = (struct bytes){0};
}

static int client_rng(void *unused, unsigned char *out, size_t n)
{
    return sl_tls_random(out, n);
}

static int client_send(void *p_pair, const unsigned char *bytes, size_t n)
{
    struct pair *p = p_pair;
    bytes_add(&p->to_server, bytes, n);
    return (int)n;
}

static int client_receive(void *p_pair, unsigned char *buf, size_t cap)
{
    struct pair *p = p_pair;
    size_t n = p->to_client.len < cap ? p->to_client.len : cap;
    if (n == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(buf, p->to_client.ptr, n);
    bytes_drop(&p->to_client, n);
    return (int)n;
}

static int refuse_certificate(void *unused, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    return MBEDTLS_ERR_X509_FATAL_ERROR;
}

static void configure(struct pair *p, const struct client_options *o)
{
    mbedtls_ssl_config *conf = &p->conf;
    mbedtls_ssl_config_init(conf);
    assert_int_equal(mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(conf, client_rng, NULL);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    if (o->min)
        mbedtls_ssl_conf_min_tls_version(conf, o->min);
    if (o->max)
        mbedtls_ssl_conf_max_tls_version(conf, o->max);
    if (o->suites)
        mbedtls_ssl_conf_ciphersuites(conf, o->suites);
    if (o->groups)
        mbedtls_ssl_conf_groups(conf, o->groups);
    if (o->signatures)
        mbedtls_ssl_conf_sig_algs(conf, o->signatures);
    if (o->protocols)
        assert_int_equal(mbedtls_ssl_conf_alpn_protocols(conf, o->protocols), 0);
    if (o->has_trust_in_nobody)
        mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    if (o->has_trust_in_nobody)
        mbedtls_ssl_conf_verify(conf, refuse_certificate, NULL);
    if (o->has_renegotiation)
        mbedtls_ssl_conf_renegotiation(conf, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
#if MBEDTLS_VERSION_NUMBER >= 0x03060100
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
}

struct sl_tls_server *server_make(bool has_tls12, bool has_tls13, bool is_strict,
                                  struct sl_identity *const *identities, size_t n)
{
    struct sl_tls_server *server = NULL;
    struct sl_tls_settings settings = {
        .has_tls12 = has_tls12,
        .has_tls13 = has_tls13,
        .identities = identities,
        .n_identities = n,
        .is_strict_sni = is_strict,
    };
    assert_int_equal(sl_tls_server_new(&settings, &server), 0);
    return server;
}

void pair_open(struct pair *p, struct sl_tls_server *server, const struct client_options *options)
{
    static const struct client_options plain;
    const struct client_options *o = options ? options : &plain;
    *p = (struct pair){.fatal_alert = -1, .server_ret = SL_ERR_AGAIN};
    configure(p, o);
    mbedtls_ssl_init(&p->client);
    mbedtls_ssl_session_init(&p->ticket);
    assert_int_equal(mbedtls_ssl_setup(&p->client, &p->conf), 0);
    assert_int_equal(mbedtls_ssl_set_hostname(&p->client, o->sni), 0);
    if (o->resume)
        assert_int_equal(mbedtls_ssl_set_session(&p->client, o->resume), 0);
    mbedtls_ssl_set_bio(&p->client, p, client_send, client_receive, NULL);
    sl_chunkpool_init(&p->pool, 4);
    sl_chunkq_init(&p->out, &p->pool, 65536, 16384);
    assert_int_equal(sl_tls_session_new(server, &p->out, &p->session), 0);
}

void pair_flush(struct pair *p)
{
    char buf[4096];
    for (size_t n; (n = sl_chunkq_take(&p->out, buf, sizeof(buf))) > 0;)
        bytes_add(&p->to_client, buf, n);
}

static void note_alert(struct pair *p)
{
    if (p->client_ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        p->fatal_alert = p->client.MBEDTLS_PRIVATE(in_msg)[1];
}

/* One turn of the client's handshake. */
static void client_turn(struct pair *p)
{
    p->client_ret = mbedtls_ssl_handshake(&p->client);
    note_alert(p);
}

/* Gives the session what is on its wire, piece by piece, until its handshake has an answer. */
static void server_turn(struct pair *p)
{
    while (p->to_server.len > 0 && p->server_ret == SL_ERR_AGAIN) {
        size_t n = p->piece && p->piece < p->to_server.len ? p->piece : p->to_server.len;
        struct sl_span in = sl_span(p->to_server.ptr, n);
        p->server_ret = sl_tls_session_handshake(p->session, &in);
        if (p->server_ret == SL_ERR_AGAIN)
            assert_int_equal(in.len, 0);
        bytes_drop(&p->to_server, n - in.len);
    }
    pair_flush(p);
}

bool pair_handshake(struct pair *p)
{
    for (int turn = 0; turn < 20; turn++) {
        client_turn(p);
        server_turn(p);
        if (p->client_ret == 0 && p->server_ret == 0)
            return true;
        if (p->server_ret != 0 && p->server_ret != SL_ERR_AGAIN) {
            client_turn(p);
            return false;
        }
        if (p->client_ret != 0 && p->client_ret != MBEDTLS_ERR_SSL_WANT_READ)
            return false;
    }
    return false;
}

void pair_connect(struct pair *p, struct sl_tls_server *server,
                  const struct client_options *options)
{
    pair_open(p, server, options);
    if (!pair_handshake(p))
        fail_msg("client -0x%04x, server %s", (unsigned)-p->client_ret, sl_err_name(p->server_ret));
}

int pair_client_read(struct pair *p, void *buf, size_t cap)
{
    for (;;) {
        pair_flush(p);
        p->client_ret = mbedtls_ssl_read(&p->client, buf, cap);
        note_alert(p);
        if (p->client_ret != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
            return p->client_ret;
        mbedtls_ssl_session_free(&p->ticket);
        mbedtls_ssl_session_init(&p->ticket);
        assert_int_equal(mbedtls_ssl_get_session(&p->client, &p->ticket), 0);
        p->has_ticket = true;
    }
}

int pair_server_read(struct pair *p, char *buf, size_t cap)
{
    int ret = SL_ERR_AGAIN;
    do {
        size_t n = p->piece && p->piece < p->to_server.len ? p->piece : p->to_server.len;
        struct sl_span in = sl_span(p->to_server.ptr, n);
        ret = sl_tls_session_read(p->session, &in, buf, cap);
        if (ret == SL_ERR_AGAIN)
            assert_int_equal(in.len, 0);
        bytes_drop(&p->to_server, n - in.len);
    } while (ret == SL_ERR_AGAIN && p->to_server.len > 0);
    return ret;
}

void pair_report(const struct pair *p, struct sl_tls_report *out_report)
{
    sl_tls_session_report(p->session, out_report);
}

void pair_close(struct pair *p)
{
    sl_tls_session_free(&p->session);
    mbedtls_ssl_session_free(&p->ticket);
    mbedtls_ssl_free(&p->client);
    mbedtls_ssl_config_free(&p->conf);
    sl_chunkq_clear(&p->out);
    sl_chunkpool_fini(&p->pool);
    bytes_free(&p->to_server);
    bytes_free(&p->to_client);
}
