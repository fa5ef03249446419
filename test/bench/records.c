// SPDX-License-Identifier: Apache-2.0
/*
 * records: what the records of an established session cost: CPU time of the server's side, in
 * memory and without sockets, from plaintext to the queue and from the wire to plaintext.
 *
 *     bench-records [ROUNDS [WORK]]
 *
 * Works are interleaved in rounds, and the median of the rounds is printed. With a work's name only
 * that one is done: for a profiler, which collects inside sl_tls_session_read and _write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <sluice/tls/server.h>

#include "certs.h"
#include "peer.h"

#define MAX_ROUNDS 101
#define READ_BYTES 65536 /* of a socket at once */
#define N_BYTES    (4 << 20)

static const struct work {
    const char *name;
    mbedtls_ssl_protocol_version version;
    size_t n_bytes; /* of plaintext at once */
    bool is_up;
} works[] = {
    {"tls13-down-16383", MBEDTLS_SSL_VERSION_TLS1_3, 16383, false},
    {"tls13-down-1024", MBEDTLS_SSL_VERSION_TLS1_3, 1024, false},
    {"tls13-up-16383", MBEDTLS_SSL_VERSION_TLS1_3, 16383, true},
    {"tls13-up-1024", MBEDTLS_SSL_VERSION_TLS1_3, 1024, true},
    {"tls12-down-16383", MBEDTLS_SSL_VERSION_TLS1_2, 16383, false},
    {"tls12-up-16383", MBEDTLS_SSL_VERSION_TLS1_2, 16383, true},
};

#define N_WORKS SL_N_ELEMENTS(works)

static struct sl_tls_server *server;
static char plain[READ_BYTES + 2 * 16384];

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double write_down(struct pair *p, const struct work *w, size_t n_records)
{
    double spent_us = 0;
    for (size_t i = 0; i < n_records; i++) {
        double start_us = now_us();
        int err = sl_tls_session_write(p->session, sl_span(plain, w->n_bytes));
        spent_us += now_us() - start_us;
        if (err != 0)
            exit(1);
        sl_chunkq_consume(&p->out, p->out.n_bytes);
    }
    return spent_us;
}

/* A small record is read alone, as a request is; large ones in pieces of a socket's read. */
static double read_up(struct pair *p, const struct work *w, size_t n_records)
{
    double spent_us = 0;
    size_t n_read = 0;
    for (size_t i = 0; i < n_records; i++)
        if (mbedtls_ssl_write(&p->client, (const unsigned char *)plain, w->n_bytes) !=
            (int)w->n_bytes)
            exit(1);
    size_t n_wire = p->to_server.len;
    size_t n_piece = w->n_bytes < 16383 ? n_wire / n_records : READ_BYTES;
    for (size_t at = 0; at < n_wire; at += n_piece) {
        size_t n = n_wire - at < n_piece ? n_wire - at : n_piece, n_plain = 0;
        struct sl_span in = sl_span(p->to_server.ptr + at, n);
        int ret;
        double start_us = now_us();
        while ((ret = sl_tls_session_read(p->session, &in, plain + n_plain,
                                          sizeof(plain) - n_plain)) > 0)
            n_plain += (size_t)ret;
        spent_us += now_us() - start_us;
        n_read += n_plain;
    }
    if (n_read != n_records * w->n_bytes)
        exit(1);
    return spent_us;
}

/* Microseconds per record. */
static double measure(const struct work *w)
{
    static const int suites[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};
    struct client_options options = {.max = w->version, .suites = suites, .sni = "example.org"};
    size_t n_records = N_BYTES / w->n_bytes / (w->n_bytes < 16383 ? 8 : 1);
    struct pair p;
    pair_connect(&p, server, &options);
    pair_flush(&p);
    double spent_us = w->is_up ? read_up(&p, w, n_records) : write_down(&p, w, n_records);
    pair_close(&p);
    return spent_us / (double)n_records;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double figures[N_WORKS][MAX_ROUNDS];
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    size_t n_rounds = wanted < 1 ? 1 : wanted > MAX_ROUNDS ? MAX_ROUNDS : (size_t)wanted;
    const char *only = argc > 2 ? argv[2] : NULL;
    if (sl_tls_global_init() != 0)
        return 1;
    struct sl_identity *identities[] = {identity_ecdsa()};
    server = server_make(true, true, false, identities, 1);
    for (size_t round = 0; round < n_rounds; round++)
        for (size_t i = 0; i < N_WORKS; i++)
            if (!only || strcmp(only, works[i].name) == 0)
                figures[i][round] = measure(&works[i]);
    printf("%s\n", sl_tls_library());
    for (size_t i = 0; i < N_WORKS; i++) {
        if (only && strcmp(only, works[i].name) != 0)
            continue;
        qsort(figures[i], n_rounds, sizeof(double), compare);
        double median = figures[i][n_rounds / 2];
        printf("%-20s %9.3f us %7.2f GB/s\n", works[i].name, median,
               (double)works[i].n_bytes / median / 1e3);
    }
    sl_tls_server_unref(&server);
    identities_free();
    sl_tls_global_fini();
    return 0;
}
