/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clienthello: a client's first flight. The first byte says in pieces of which size the rest
 * arrives.
 *
 * Both servers see it: one with both versions, tickets and names that must be known, one lenient.
 * Whatever comes, a session asks for more only when all is used up, stays dead once it is, and
 * never calls the bytes of a stranger our own mistake.
 */
#include <stdlib.h>

#include <sluice/tls/session.h>

#define check(condition_)                                                                          \
    do {                                                                                           \
        if (!(condition_))                                                                         \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct sl_tls_server *servers[2];

static void make_servers(void)
{
    static const char *const names[] = {"example.org", "*.example.org"};
    static struct sl_identity *identity;
    static struct sl_ticket_keys *keys;
    check(sl_tls_global_init() == 0);
    check(sl_identity_self_sign(names, 2, 365, &identity) == 0);
    check(sl_ticket_keys_new(3600, &keys) == 0);
    for (int i = 0; i < 2; i++) {
        struct sl_tls_settings settings = {
            .has_tls12 = true,
            .has_tls13 = i == 0,
            .identities = &identity,
            .n_identities = 1,
            .is_strict_sni = i == 0,
            .ticket_keys = i == 0 ? keys : NULL,
        };
        check(sl_tls_server_new(&settings, &servers[i]) == 0);
    }
}

static void greet(struct sl_tls_server *server, struct sl_span hello, size_t piece)
{
    struct sl_chunkpool pool;
    struct sl_chunkq out;
    struct sl_tls_session *session = NULL;
    int err = SL_ERR_AGAIN;
    sl_chunkpool_init(&pool, 0);
    sl_chunkq_init(&out, &pool, 65536, 16384);
    check(sl_tls_session_new(server, &out, &session) == 0);
    while (hello.len > 0 && err == SL_ERR_AGAIN) {
        struct sl_span in = sl_span(hello.ptr, hello.len < piece ? hello.len : piece);
        hello = sl_span_skip(hello, in.len);
        err = sl_tls_session_handshake(session, &in);
        check(err != SL_ERR_AGAIN || in.len == 0);
    }
    /* Nobody can finish a handshake without having read the answer. */
    check(err != 0 && err != SL_ERR_TLS_INTERNAL && err != SL_ERR_MEMORY);
    check(sl_tls_session_sni(session).len <= 255);
    sl_tls_session_abort(session);
    struct sl_span in = SL_SPAN("\x16\x03\x01");
    check(sl_tls_session_handshake(session, &in) == (err == SL_ERR_AGAIN ? SL_ERR_CLOSED : err));
    sl_tls_session_free(&session);
    sl_chunkq_clear(&out);
    sl_chunkpool_fini(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!servers[0])
        make_servers();
    if (n == 0)
        return 0;
    struct sl_span hello = sl_span(bytes + 1, n - 1);
    (void)sl_tls_sniff(hello);
    size_t piece = bytes[0] ? bytes[0] : hello.len;
    greet(servers[0], hello, piece);
    greet(servers[1], hello, piece);
    return 0;
}
