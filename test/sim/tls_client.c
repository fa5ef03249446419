// SPDX-License-Identifier: Apache-2.0
/*
 * tls_client: see tls_client.h.
 */
#include "tls_client.h"

#include <stdlib.h>
#include <sluice/tls/server.h>

#include "fake_private.h"

const char *__lsan_default_suppressions(void);

/* mbedTLS 3.6 loses the keys' contexts when it finds no memory in the middle of
   mbedtls_ssl_tls13_compute_*_transform(). */
const char *__lsan_default_suppressions(void)
{
    return "leak:mbedtls_ssl_tls13_compute_\n";
}

static int rng(void *unused, unsigned char *out, size_t n)
{
    return sl_tls_random(out, n);
}

static int bio_send(void *ctx, const unsigned char *bytes, size_t n)
{
    struct tls_client *t = ctx;
    fake_wire_send(t->wire, sl_span(bytes, n));
    return (int)n;
}

static int bio_receive(void *ctx, unsigned char *buf, size_t cap)
{
    struct tls_client *t = ctx;
    struct sl_span left = sl_span_skip(fake_wire_received(t->wire), t->n_read);
    size_t n = left.len < cap ? left.len : cap;

    if (n == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(buf, left.ptr, n);
    t->n_read += n;
    if (n == left.len) {
        fake_wire_forget(t->wire);
        t->n_read = 0;
    }
    return (int)n;
}

void tls_client_init(struct tls_client *t, struct fake_wire *wire, bool is_tls12)
{
    fake_n_own++;
    memset(t, 0, sizeof(*t));
    t->wire = wire;
    mbedtls_ssl_config_init(&t->conf);
    mbedtls_ssl_init(&t->ssl);
    assert_int_equal(mbedtls_ssl_config_defaults(&t->conf, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&t->conf, rng, NULL);
    mbedtls_ssl_conf_authmode(&t->conf, MBEDTLS_SSL_VERIFY_NONE);
    if (is_tls12)
        mbedtls_ssl_conf_max_tls_version(&t->conf, MBEDTLS_SSL_VERSION_TLS1_2);
    assert_int_equal(mbedtls_ssl_setup(&t->ssl, &t->conf), 0);
    assert_int_equal(mbedtls_ssl_set_hostname(&t->ssl, "a.example"), 0);
    mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_receive, NULL);
    fake_n_own--;
}

void tls_client_free(struct tls_client *t)
{
    mbedtls_ssl_free(&t->ssl);
    mbedtls_ssl_config_free(&t->conf);
    free(t->got);
    memset(t, 0, sizeof(*t));
}

static bool read_some(struct tls_client *t)
{
    if (t->n_got + 16384 > t->cap) {
        t->cap = (t->cap + 16384) * 2;
        t->got = realloc(t->got, t->cap);
        assert_non_null(t->got);
    }
    int n = mbedtls_ssl_read(&t->ssl, (unsigned char *)t->got + t->n_got, 16384);
    if (n > 0) {
        t->n_got += (size_t)n;
        return true;
    }
    if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        t->has_end = true;
    else if (n != MBEDTLS_ERR_SSL_WANT_READ && n != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        t->err = n;
    return n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

static bool shake_hands(struct tls_client *t)
{
    int ret = mbedtls_ssl_handshake(&t->ssl);
    if (ret == 0)
        t->is_open = true;
    else if (ret != MBEDTLS_ERR_SSL_WANT_READ)
        t->err = ret;
    return ret == 0;
}

bool tls_client_turn(struct tls_client *t)
{
    if (t->err || t->has_end)
        return false;
    fake_n_own++;
    bool did = t->is_open ? read_some(t) : shake_hands(t);
    fake_n_own--;
    return did;
}

void tls_client_settle(struct sim *s, struct tls_client *t)
{
    size_t n_before;

    do {
        sim_settle(s);
        n_before = sim_n_got(t->wire) - t->n_read;
        while (tls_client_turn(t))
            ;
    } while (n_before > 0 && !t->err);
    sim_settle(s);
}

bool tls_client_write(struct tls_client *t, struct sl_span bytes)
{
    int n = t->is_open && !t->err;

    fake_n_own++;
    while (bytes.len > 0 && n > 0) {
        n = mbedtls_ssl_write(&t->ssl, (const unsigned char *)bytes.ptr,
                              bytes.len < 16384 ? bytes.len : 16384);
        if (n > 0)
            bytes = sl_span_skip(bytes, (size_t)n);
        else
            t->err = n;
    }
    fake_n_own--;
    return bytes.len == 0;
}

void tls_client_say(struct sim *s, struct tls_client *t, struct sl_span bytes)
{
    assert_true(tls_client_write(t, bytes));
    tls_client_settle(s, t);
}

bool tls_client_has(const struct tls_client *t, const char *text)
{
    return t->n_got && memmem(t->got, t->n_got, text, strlen(text)) != NULL;
}
