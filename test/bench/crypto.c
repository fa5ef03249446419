// SPDX-License-Identifier: Apache-2.0
/*
 * crypto: what the TLS floor costs: CPU time of the server's side of handshakes, in memory and
 * without sockets, and of records. Built with either mbedTLS, so that both can be compared:
 *
 *     bench-crypto [ROUNDS]
 *
 * Works are interleaved in rounds, and the median of the rounds is printed: the clock of a busy
 * machine lies, ratios of two runs at the same time lie least. Only the calls of the session are
 * timed, not those of the client, which is mbedTLS's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>

#include <sluice/tls/server.h>

#ifdef SL_MBEDTLS_HOOKED
#include <backend.h>
#endif
#include "certs.h"
#include "peer.h"

#define TLS12        MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13        MBEDTLS_SSL_VERSION_TLS1_3
#define MAX_ROUNDS   101
#define RECORD_BYTES 16383
#define N_HANDSHAKES 20
#define N_RECORDS    400

static const uint16_t x25519[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
static const uint16_t p256[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
/* A certificate on P-256 needs its group in TLS 1.2. */
static const uint16_t x25519_first[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                        MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                        MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

static const struct handshake {
    const char *name;
    mbedtls_ssl_protocol_version version;
    const uint16_t *groups;
    bool is_rsa, is_resumed;
} handshakes[] = {
    {"tls13 ecdsa x25519", TLS13, x25519, false, false},
    {"tls13 ecdsa p256", TLS13, p256, false, false},
    {"tls13 rsa2048 x25519", TLS13, x25519, true, false},
    {"tls13 resumed x25519", TLS13, x25519, false, true},
    {"tls12 ecdsa x25519", TLS12, x25519_first, false, false},
    {"tls12 rsa2048 x25519", TLS12, x25519, true, false},
    {"tls12 resumed", TLS12, x25519_first, false, true},
};

/* AES-GCM by whatever is the fastest here, and by libcrypto alone. */
static const struct record {
    const char *name;
    size_t n_bytes;
    unsigned n_aes_bits; /* 0: ChaCha20-Poly1305 */
    bool is_libcrypto;
} records[] = {
    {"aes-128-gcm 16383", 16383, 128, false},
    {"aes-128-gcm 1024", 1024, 128, false},
    {"aes-128-gcm 64", 64, 128, false},
    {"aes-256-gcm 16383", 16383, 256, false},
    {"aes-256-gcm 1024", 1024, 256, false},
    {"aes-256-gcm 64", 64, 256, false},
#ifdef SL_MBEDTLS_HOOKED
    {"aes-128-gcm 16383 libcrypto", 16383, 128, true},
    {"aes-128-gcm 1024 libcrypto", 1024, 128, true},
    {"aes-128-gcm 64 libcrypto", 64, 128, true},
    {"aes-256-gcm 16383 libcrypto", 16383, 256, true},
    {"aes-256-gcm 1024 libcrypto", 1024, 256, true},
    {"aes-256-gcm 64 libcrypto", 64, 256, true},
#endif
    {"chacha20-poly1305 16383", 16383, 0, false},
};

#define N_HANDSHAKE_WORKS SL_N_ELEMENTS(handshakes)
#define N_WORKS           (N_HANDSHAKE_WORKS + SL_N_ELEMENTS(records))

static struct sl_tls_server *servers[2]; /* ECDSA, RSA */
static mbedtls_ssl_session tickets[N_HANDSHAKE_WORKS];

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void connect_timed(struct pair *p, const struct handshake *h, double *spent_us)
{
    struct client_options options = {
        .min = h->version, .max = h->version, .groups = h->groups, .sni = "example.org"};
    size_t i = (size_t)(h - handshakes);
    if (h->is_resumed && tickets[i].MBEDTLS_PRIVATE(ticket))
        options.resume = &tickets[i];
    pair_open(p, servers[h->is_rsa], &options);
    while (p->server_ret == SL_ERR_AGAIN) {
        p->client_ret = mbedtls_ssl_handshake(&p->client);
        struct sl_span in = sl_span(p->to_server.ptr, p->to_server.len);
        double start_us = now_us();
        p->server_ret = sl_tls_session_handshake(p->session, &in);
        *spent_us += now_us() - start_us;
        bytes_drop(&p->to_server, p->to_server.len - in.len);
        pair_flush(p);
    }
    if (p->server_ret != 0 || mbedtls_ssl_handshake(&p->client) != 0) {
        fprintf(stderr, "%s: no handshake: %s\n", h->name, sl_err_name(p->server_ret));
        exit(1);
    }
}

/* A session to resume; in TLS 1.3 it comes with the first bytes. */
static void take_ticket(const struct handshake *h)
{
    struct pair p;
    double spent_us = 0;
    char buf[16];
    mbedtls_ssl_session *ticket = &tickets[h - handshakes];
    mbedtls_ssl_session_init(ticket);
    connect_timed(&p, h, &spent_us);
    if (mbedtls_ssl_write(&p.client, (const unsigned char *)"ping", 4) != 4 ||
        pair_server_read(&p, buf, sizeof(buf)) != 4 ||
        sl_tls_session_write(p.session, SL_SPAN("pong")) != 0)
        exit(1);
    while (pair_client_read(&p, buf, sizeof(buf)) == MBEDTLS_ERR_SSL_WANT_READ)
        ;
    if (p.has_ticket) {
        *ticket = p.ticket;
        mbedtls_ssl_session_init(&p.ticket);
    } else if (mbedtls_ssl_get_session(&p.client, ticket) != 0) {
        exit(1);
    }
    pair_close(&p);
}

static double measure_handshake(const struct handshake *h)
{
    double spent_us = 0;
    for (int i = 0; i < N_HANDSHAKES; i++) {
        struct pair p;
        struct sl_tls_report report;
        connect_timed(&p, h, &spent_us);
        pair_report(&p, &report);
        if (report.is_resumed != h->is_resumed) {
            fprintf(stderr, "%s: the handshake was of the other kind\n", h->name);
            exit(1);
        }
        double start_us = now_us();
        sl_tls_session_free(&p.session);
        spent_us += now_us() - start_us;
        pair_close(&p);
    }
    return spent_us / N_HANDSHAKES;
}

/* Microseconds per record. */
static double measure_records(const struct record *r)
{
    static unsigned char record[RECORD_BYTES], tag[16], iv[12], ad[5];
    static const unsigned char key[32] = {1};
    mbedtls_gcm_context gcm;
    mbedtls_chachapoly_context chacha;
    int ret = 0;
#ifdef SL_MBEDTLS_HOOKED
    (void)sl_crypto_use_gcm_engine(!r->is_libcrypto);
#endif
    mbedtls_gcm_init(&gcm);
    mbedtls_chachapoly_init(&chacha);
    if (r->n_aes_bits)
        ret |= mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, r->n_aes_bits);
    else
        ret |= mbedtls_chachapoly_setkey(&chacha, key);
    double start_us = now_us();
    for (unsigned i = 0; i < N_RECORDS; i++) {
        iv[11] = (unsigned char)i;
        iv[10] = (unsigned char)(i >> 8);
        if (r->n_aes_bits)
            ret |= mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, r->n_bytes, iv, sizeof(iv),
                                             ad, sizeof(ad), record, record, sizeof(tag), tag);
        else
            ret |= mbedtls_chachapoly_encrypt_and_tag(&chacha, r->n_bytes, iv, ad, sizeof(ad),
                                                      record, record, tag);
    }
    double spent_us = now_us() - start_us;
    mbedtls_gcm_free(&gcm);
    mbedtls_chachapoly_free(&chacha);
#ifdef SL_MBEDTLS_HOOKED
    (void)sl_crypto_use_gcm_engine(true);
#endif
    if (ret != 0)
        exit(1);
    return spent_us / N_RECORDS;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(double figures[N_WORKS][MAX_ROUNDS], size_t n_rounds)
{
    printf("%s\n", sl_tls_library());
    for (size_t i = 0; i < N_WORKS; i++) {
        qsort(figures[i], n_rounds, sizeof(double), compare);
        double median = figures[i][n_rounds / 2];
        if (i < N_HANDSHAKE_WORKS) {
            printf("%-28s %9.3f us\n", handshakes[i].name, median);
            continue;
        }
        const struct record *r = &records[i - N_HANDSHAKE_WORKS];
        printf("%-28s %9.3f us %7.2f GB/s\n", r->name, median, (double)r->n_bytes / median / 1e3);
    }
}

int main(int argc, char **argv)
{
    static double figures[N_WORKS][MAX_ROUNDS];
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    size_t n_rounds = wanted < 1 ? 1 : wanted > MAX_ROUNDS ? MAX_ROUNDS : (size_t)wanted;
    struct sl_ticket_keys *keys = NULL;
    if (sl_tls_global_init() != 0 || sl_ticket_keys_new(3600, &keys) != 0)
        return 1;
    struct sl_identity *identities[] = {identity_ecdsa(), identity_rsa()};
    for (size_t i = 0; i < 2; i++) {
        struct sl_tls_settings settings = {.has_tls12 = true,
                                           .has_tls13 = true,
                                           .identities = &identities[i],
                                           .n_identities = 1,
                                           .ticket_keys = keys};
        if (sl_tls_server_new(&settings, &servers[i]) != 0)
            return 1;
    }
    for (size_t i = 0; i < N_HANDSHAKE_WORKS; i++)
        if (handshakes[i].is_resumed)
            take_ticket(&handshakes[i]);
    for (size_t round = 0; round < n_rounds; round++)
        for (size_t i = 0; i < N_WORKS; i++)
            figures[i][round] = i < N_HANDSHAKE_WORKS
                                    ? measure_handshake(&handshakes[i])
                                    : measure_records(&records[i - N_HANDSHAKE_WORKS]);
    report(figures, n_rounds);
    for (size_t i = 0; i < N_HANDSHAKE_WORKS; i++)
        mbedtls_ssl_session_free(&tickets[i]);
    for (size_t i = 0; i < 2; i++)
        sl_tls_server_unref(&servers[i]);
    sl_ticket_keys_free(&keys);
    identities_free();
    sl_tls_global_fini();
    return 0;
}
