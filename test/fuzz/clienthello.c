/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clienthello: a client's first flight. The first byte says in pieces of which size the rest
 * arrives.
 *
 * Both servers see it: one with both versions, tickets and names that must be known, one lenient.
 * Whatever comes, a session asks for more only when all is used up, stays dead once it is, and
 * never calls the bytes of a stranger our own mistake.
 */
#include "fuzz.h"

#include <sluice/tls/session.h>

#define SNIFF_BYTES 25 /* always suffice */

static struct sl_tls_server *servers[2];

static void make_servers(void)
{
    static const char *const names[] = {"example.org", "*.example.org"};
    static struct sl_identity *identity;
    static struct sl_ticket_keys *keys;
    LAW(sl_tls_global_init() == 0);
    LAW(sl_identity_self_sign(names, 2, 365, &identity) == 0);
    LAW(sl_ticket_keys_new(3600, &keys) == 0);
    for (int i = 0; i < 2; i++) {
        struct sl_tls_settings settings = {
            .has_tls12 = true,
            .has_tls13 = i == 0,
            .identities = &identity,
            .n_identities = 1,
            .is_strict_sni = i == 0,
            .ticket_keys = i == 0 ? keys : NULL,
        };
        LAW(sl_tls_server_new(&settings, &servers[i]) == 0);
    }
}

/* What is known of the first bytes is not taken back when more come. */
static void check_sniffing(struct sl_span hello)
{
    int verdict = SL_ERR_AGAIN;
    for (size_t i = 0; i <= hello.len && i <= SNIFF_BYTES + 1; i++) {
        int now = sl_tls_sniff(sl_span(hello.ptr, i));
        LAW(verdict == SL_ERR_AGAIN || now == verdict);
        LAW(now == 0 || now == SL_ERR_AGAIN || now == SL_ERR_TLS_PLAIN_HTTP ||
            now == SL_ERR_TLS_NOT_TLS);
        LAW(now != SL_ERR_AGAIN || i < SNIFF_BYTES);
        verdict = now;
    }
    LAW(verdict == sl_tls_sniff(hello));
}

static void greet(struct sl_tls_server *server, struct sl_span hello, size_t piece)
{
    struct sl_chunkpool pool;
    struct sl_chunkq out;
    struct sl_tls_session *session = NULL;
    int err = SL_ERR_AGAIN;
    sl_chunkpool_init(&pool, 0);
    sl_chunkq_init(&out, &pool, 65536, 16384);
    LAW(sl_tls_session_new(server, &out, &session) == 0);
    while (hello.len > 0 && err == SL_ERR_AGAIN) {
        struct sl_span in = fuzz_piece(&hello, piece);
        err = sl_tls_session_handshake(session, &in);
        LAW(err != SL_ERR_AGAIN || in.len == 0);
    }
    /* Nobody can finish a handshake without having read the answer. */
    LAW(err != 0 && err != SL_ERR_TLS_INTERNAL && err != SL_ERR_MEMORY);
    LAW(sl_tls_session_sni(session).len <= 255);
    sl_tls_session_abort(session);
    struct sl_span in = SL_SPAN("\x16\x03\x01");
    LAW(sl_tls_session_handshake(session, &in) == (err == SL_ERR_AGAIN ? SL_ERR_CLOSED : err));
    sl_tls_session_free(&session);
    sl_chunkq_clear(&out);
    sl_chunkpool_fini(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    if (!servers[0])
        make_servers();
    size_t piece = fuzz_byte(&in);
    check_sniffing(in);
    greet(servers[0], in, piece);
    greet(servers[1], in, piece);
    return 0;
}
