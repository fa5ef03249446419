// SPDX-License-Identifier: Apache-2.0
/*
 * oom: every allocation fails in turn. Nothing crashes, nothing leaks, and the answer says why.
 *
 * The allocator is replaced for the whole process, mbedTLS included; only what runs between arm()
 * and disarm() may fail. A sanitizer has an allocator of its own: then there is nothing to do here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef SL_MBEDTLS_HOOKED
#include <backend.h>
#endif
#include "certs.h"
#include "peer.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
int main(void)
{
    puts("1..0 # SKIP the sanitizer owns the allocator");
    return 0;
}
#else

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

/* What one half of a lost pair of contexts consists of. */
#ifdef SL_MBEDTLS_HOOKED
#define N_LOST 5
#else
#define N_LOST 1
#endif

static bool is_armed;
static long n_until_failure; /* counts down; the allocation at zero fails, and none after it */
static long n_failed, n_live;

static bool must_fail(void)
{
    if (!is_armed || n_until_failure-- != 0)
        return false;
    n_failed++;
    return true;
}

static void *counted(void *p)
{
    n_live += p != NULL;
    return p;
}

void *malloc(size_t n)
{
    return must_fail() ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n)
{
    if (must_fail())
        return NULL;
    return p ? __libc_realloc(p, n) : counted(__libc_malloc(n));
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return must_fail() ? NULL : counted(__libc_memalign(alignment, n));
}

void free(void *p)
{
    n_live -= p != NULL;
    __libc_free(p);
}

static void arm(long at)
{
    n_until_failure = at;
    n_failed = 0;
    is_armed = true;
}

/* The failures go on counting where they stopped. */
static void rearm(void)
{
    is_armed = true;
}

static bool disarm(void)
{
    is_armed = false;
    return n_failed > 0;
}

/* Some memory is kept on purpose for as long as its thread lives, and may go with a failure or come
   with it; what is lost is lost at the second look at the same failure, too. */
static bool must_look_again(long n_before, long n_lost)
{
    static bool is_second;
    is_second = !is_second && n_live > n_before + n_lost;
    return is_second;
}

static struct sl_identity *identities[2];
static struct sl_ticket_keys *keys;

static int set_up(void **state)
{
    identities[0] = identity_ecdsa();
    identities[1] = identity_rsa();
    return sl_ticket_keys_new(3600, &keys);
}

static int tear_down(void **state)
{
    sl_ticket_keys_free(&keys);
    return 0;
}

static const struct sl_tls_settings settings = {
    .has_tls12 = true,
    .has_tls13 = true,
    .identities = identities,
    .n_identities = 2,
};

static void servers_and_keys(void **state)
{
    bool has_failed = true;
    long at = 0;
    do {
        long n_before = n_live;
        struct sl_ticket_keys *some_keys = NULL;
        struct sl_tls_server *server = NULL;
        arm(at);
        int err = sl_ticket_keys_new(3600, &some_keys);
        if (!err)
            err = sl_tls_server_new(&settings, &server);
        has_failed = disarm();
        assert_int_equal(err, has_failed ? SL_ERR_MEMORY : 0);
        sl_tls_server_unref(&server);
        sl_ticket_keys_free(&some_keys);
        assert_int_equal(n_live, n_before);
        at++;
    } while (has_failed);
    assert_true(at > 3);
}

static void self_signed_identities(void **state)
{
    static const char *const names[] = {"example.org", "192.0.2.1"};
    struct sl_identity *first = NULL;
    bool has_failed = true;
    long at = 0;
    /* The C library reads its time zone once and keeps it. */
    assert_int_equal(sl_identity_self_sign(names, 2, 30, &first), 0);
    sl_identity_free(&first);
    do {
        long n_before = n_live;
        struct sl_identity *identity = NULL;
        arm(at);
        int err = sl_identity_self_sign(names, 2, 30, &identity);
        has_failed = disarm();
        if (err != 0 && !(has_failed && err == SL_ERR_MEMORY))
            fail_msg("allocation %ld: %s", at, sl_err_name(err));
        /* Done without that memory, but then done well. */
        for (size_t i = 0; i < 2 && !err; i++)
            assert_true(sl_identity_covers(identity, sl_span_str(names[i])));
        sl_identity_free(&identity);
        if (must_look_again(n_before, 0))
            continue;
        assert_true(n_live <= n_before);
        at++;
    } while (has_failed);
    assert_true(at > 50);
}

static void loaded_identities(void **state)
{
    static struct cert_pem pem;
    static const struct cert_spec specs[] = {
        {.curve = MBEDTLS_ECP_DP_SECP256R1, .dns = {"example.org"}},
        {.rsa_bits = 2048, .dns = {"example.org"}},
    };
    for (size_t i = 0; i < 2; i++) {
        cert_make(&specs[i], &pem);
        const char *cert = scratch_file("c.pem", pem.cert), *key = scratch_file("k.pem", pem.key);
        bool has_failed = true;
        long at = 0;
        do {
            long n_before = n_live;
            struct sl_identity *identity = NULL;
            struct sl_str why;
            char buf[256];
            bool is_key;
            sl_str_init(&why, buf, sizeof(buf));
            arm(at);
            int err = sl_identity_load(cert, key, &identity, &is_key, &why);
            has_failed = disarm();
            /* mbedTLS tries one format after the other, and its last word may be that it is none.
             */
            if (err != 0 && !(has_failed && (err == SL_ERR_MEMORY || err == SL_ERR_INVALID)))
                fail_msg("allocation %ld: %s: %s", at, sl_err_name(err), buf);
            sl_identity_free(&identity);
            if (must_look_again(n_before, 0))
                continue;
            assert_true(n_live <= n_before);
            at++;
        } while (has_failed);
        assert_true(at > 20);
    }
}

/* One handshake and some words, the `at`th allocation of the session failing. True: it failed. */
static bool converse(struct sl_tls_server *server, const struct client_options *options, long at)
{
    struct pair p;
    char buf[64];
    bool has_failed = false;
    int err = SL_ERR_AGAIN;
    pair_open(&p, server, options);
    sl_tls_session_free(&p.session);

    arm(at);
    int new_err = sl_tls_session_new(server, &p.out, &p.session);
    if (disarm()) {
        assert_int_equal(new_err, SL_ERR_MEMORY);
        pair_close(&p);
        return true;
    }
    for (int turn = 0; turn < 10 && err == SL_ERR_AGAIN; turn++) {
        p.client_ret = mbedtls_ssl_handshake(&p.client);
        struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
        rearm();
        err = sl_tls_session_handshake(p.session, &in);
        has_failed = disarm();
        bytes_drop(&p.to_server, p.to_server.len - in.len);
        pair_flush(&p);
    }
    if (!err && !has_failed && mbedtls_ssl_handshake(&p.client) == 0 &&
        mbedtls_ssl_write(&p.client, (const unsigned char *)"ping", 4) == 4) {
        struct sl_span in = sl_span(p.to_server.ptr, 10),
                       rest = sl_span(p.to_server.ptr, p.to_server.len);
        rearm();
        int ret = sl_tls_session_read(p.session, &in, buf, sizeof(buf)); /* a part of a record */
        rest = sl_span_skip(rest, 10);
        if (ret == SL_ERR_AGAIN)
            ret = sl_tls_session_read(p.session, &rest, buf, 1); /* more than is asked for */
        for (size_t n = 1; ret > 0 && n < 4; n++)
            ret = sl_tls_session_read(p.session, &rest, buf + n, 1);
        if (ret > 0)
            err = sl_tls_session_write(p.session, sl_span(buf, 4));
        sl_tls_session_close_notify(p.session);
        has_failed = disarm();
        if (ret < 0)
            err = ret;
    }
    /* What can do without that memory goes on. Some of mbedTLS's functions hide the reason. */
    static const int hidden[] = {SL_ERR_AGAIN, SL_ERR_MEMORY, SL_ERR_TLS_INTERNAL,
                                 SL_ERR_TLS_BAD_RECORD, SL_ERR_TLS_PROTOCOL};
    bool is_explained = err == 0;
    for (size_t i = 0; i < SL_N_ELEMENTS(hidden) && has_failed; i++)
        is_explained = is_explained || err == hidden[i];
    if (!is_explained)
        fail_msg("allocation %ld: %s", at, sl_err_name(err));
    pair_close(&p);
    return has_failed;
}

static void conversations(void **state)
{
    struct sl_tls_settings with_tickets = settings;
    struct sl_tls_server *server = NULL;
    with_tickets.ticket_keys = keys;
    assert_int_equal(sl_tls_server_new(&with_tickets, &server), 0);
    for (int version = TLS12; version <= TLS13; version++) {
        struct client_options options = {.max = (mbedtls_ssl_protocol_version)version,
                                         .sni = "example.org"};
        long at = 0, n_before = 0;
        bool has_failed = true;
        for (int i = 0; i < 10; i++) /* makes all that lives as long as the thread */
            converse(server, &options, 1000000);
        do {
            n_before = n_live;
            has_failed = converse(server, &options, at);
            /* mbedTLS 3.6 itself loses cipher contexts when it finds no memory in the middle of
               mbedtls_ssl_tls13_compute_*_transform(). */
            long n_lost = version == TLS13 && has_failed ? N_LOST : 0;
            if (must_look_again(n_before, n_lost))
                continue;
            if (n_live > n_before + n_lost)
                fail_msg("version %x, allocation %ld: %ld left", version, at, n_live - n_before);
            at += 1 + at / 50; /* big numbers allocate by the thousand */
        } while (has_failed);
        assert_true(at > 50);
    }
    sl_tls_server_unref(&server);
}

#ifdef SL_MBEDTLS_HOOKED
/* One message of each kind: by the engine, by libcrypto with the same key, and in parts. */
static int use_aead(void)
{
    static const uint8_t bytes[32] = {1};
    uint8_t out[32], tag[16];
    struct sl_aead *aead;
    int err = sl_aead_new(SL_AEAD_AES_GCM, bytes, 16, &aead);
    if (err)
        return err;
    err = sl_aead_seal(aead, bytes, 12, bytes, 5, bytes, 32, out, tag, 16);
    if (!err)
        err = sl_aead_seal(aead, bytes, 16, bytes, 5, bytes, 32, out, tag, 16);
    if (!err)
        err = sl_aead_open(aead, bytes, 16, bytes, 5, out, 32, tag, 16, out);
    if (!err)
        err = sl_aead_begin(aead, false, bytes, 12);
    if (!err)
        err = sl_aead_update(aead, bytes, 32, out);
    if (!err)
        err = sl_aead_end(aead, tag);
    sl_aead_free(&aead);
    return err;
}

static void aeads(void **state)
{
    for (int has_engine = 0; has_engine <= 1; has_engine++) {
        bool has_failed = true;
        long n_tried = 0;
        (void)sl_crypto_use_gcm_engine(has_engine);
        assert_int_equal(use_aead(), SL_CRYPTO_OK);
        for (long n_before = n_live; has_failed; n_tried++) {
            arm(n_tried);
            int err = use_aead();
            has_failed = disarm();
            assert_int_equal(err, has_failed ? SL_CRYPTO_FAILED : SL_CRYPTO_OK);
            assert_int_equal(n_live, n_before);
        }
        assert_true(n_tried > 3);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef SL_MBEDTLS_HOOKED
        cmocka_unit_test(aeads),
#endif
        cmocka_unit_test(servers_and_keys),
        cmocka_unit_test(self_signed_identities),
        cmocka_unit_test(loaded_identities),
        cmocka_unit_test(conversations),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n = cmocka_run_group_tests(tests, set_up, tear_down);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n;
}
#endif
