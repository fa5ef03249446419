// SPDX-License-Identifier: Apache-2.0
/*
 * threads: several workers share one server, its identities and its ticket keys, while the keys
 * rotate. Whatever is wrong is for ThreadSanitizer to tell; without it, that all of it works.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "certs.h"
#include "peer.h"

#define N_WORKERS    4
#define N_HANDSHAKES 12

static struct sl_tls_server *server;
static struct sl_ticket_keys *keys;
static atomic_int n_done, n_resumed;

static const uint16_t only_rsa[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_TLS1_3_SIG_NONE};

/* Each worker's clients want one kind of certificate, because a session is resumed with the suite
   it began with. */
static void *worker(void *p_is_rsa)
{
    const bool *is_rsa = p_is_rsa;
    struct sl_tls_server *mine = sl_tls_server_ref(server);
    mbedtls_ssl_session ticket;
    bool has_ticket = false;
    mbedtls_ssl_session_init(&ticket);
    for (int i = 0; i < N_HANDSHAKES; i++) {
        bool is_tls12 = i % 4 < 2;
        struct client_options options = {
            .max = is_tls12 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3,
            .sni = "example.org",
            .signatures = *is_rsa ? only_rsa : NULL,
            .resume = has_ticket && is_tls12 ? &ticket : NULL,
        };
        struct sl_tls_report report;
        struct pair p;
        char buf[16];
        pair_connect(&p, mine, &options);
        pair_report(&p, &report);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("hello")), 0);
        int ret;
        while ((ret = pair_client_read(&p, buf, sizeof(buf))) == MBEDTLS_ERR_SSL_WANT_READ)
            ;
        assert_int_equal(ret, 5);
        if (is_tls12 && !has_ticket) {
            assert_int_equal(mbedtls_ssl_get_session(&p.client, &ticket), 0);
            has_ticket = true;
        }
        n_resumed += report.is_resumed;
        n_done++;
        pair_close(&p);
    }
    mbedtls_ssl_session_free(&ticket);
    sl_tls_server_unref(&mine);
    return NULL;
}

static void workers_share_a_server(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa(), identity_rsa()};
    pthread_t threads[N_WORKERS];
    bool is_rsa[N_WORKERS];
    assert_int_equal(sl_ticket_keys_new(60, &keys), 0);
    struct sl_tls_settings settings = {
        .has_tls12 = true,
        .has_tls13 = true,
        .identities = identities,
        .n_identities = 2,
        .ticket_keys = keys,
    };
    assert_int_equal(sl_tls_server_new(&settings, &server), 0);
    for (int i = 0; i < N_WORKERS; i++) {
        is_rsa[i] = i % 2 == 0;
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &is_rsa[i]), 0);
    }
    uint64_t now_s = (uint64_t)time(NULL);
    for (int i = 1; n_done < N_WORKERS * N_HANDSHAKES; i++) {
        /* Far enough apart that a ticket is often still good. */
        if (i % 8 == 0)
            assert_int_equal(sl_ticket_keys_rotate(keys, now_s + 100 * (uint64_t)i), 0);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (int i = 0; i < N_WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(n_resumed > 0);
    sl_tls_server_unref(&server);
    sl_ticket_keys_free(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_share_a_server),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
