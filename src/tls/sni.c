// SPDX-License-Identifier: Apache-2.0
/*
 * sni: the client has named the server it wants (RFC 6066 3).
 *
 * Happy path: the name is noted in the session, and every identity that covers it is offered to the
 * handshake, which picks one by the client's signature algorithms. If none covers it, a strict
 * server refuses (unrecognized_name); another one goes on as if no name had been sent.
 *
 * mbedTLS calls this while it parses the ClientHello, and a second time for the ClientHello that
 * follows a HelloRetryRequest (RFC 8446 4.1.2): the choice then starts anew.
 */
#include "server.h"

#include "identity.h"
#include "session.h"

int sl_sni_choose(void *p_server, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
    const struct sl_tls_server *server = p_server;
    struct sl_tls_session *session = mbedtls_ssl_get_user_data_p(ssl);
    struct sl_span wanted = sl_span(name, len);
    size_t n_covering = 0;

    sl_session_note_sni(session, wanted);
    (void)mbedtls_ssl_set_hs_own_cert(ssl, NULL, NULL); /* empties the list; cannot fail */
    for (size_t i = 0; i < server->n_identities; i++) {
        struct sl_identity *identity = server->identities[i];
        if (!sl_identity_covers(identity, wanted))
            continue;
        n_covering++;
        if (mbedtls_ssl_set_hs_own_cert(ssl, &identity->chain, &identity->key) != 0) {
            /* mbedTLS takes every failure of this callback for an unknown name. */
            sl_session_note_err(session, SL_ERR_MEMORY);
            return -1;
        }
    }
    return n_covering == 0 && server->is_strict_sni ? -1 : 0;
}
