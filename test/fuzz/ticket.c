/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket: clients that come back with something. The first byte chooses the version and what they
 * come with: a genuine ticket of ours; one with bytes changed, cut or added; anything at all; or
 * what only we can seal, with contents that this program never wrote (another version of it, with
 * the same keys, might).
 *
 * Laws: a genuine ticket is resumed; what is not genuine is declined, and the handshake goes on
 * without it; sealed contents of any kind do no harm.
 */
#include "fuzz.h"

#include "peer.h"

/* The private parts are wanted: how a ticket is sealed. */
#include "../../src/tls/ticket.c"

#define MAX_TICKET_BYTES 2000

enum { GENUINE, CHANGED, CUT, ADDED, ANYTHING, SEALED, N_KINDS };

static struct sl_tls_server *ticket_server;
/* Genuine sessions of TLS 1.2 and 1.3. */
static struct pair genuine[2];

static struct client_options options_of(int is_tls13)
{
    return (struct client_options){
        .max = is_tls13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2,
        .sni = "example.org",
    };
}

static void get_genuine(int is_tls13)
{
    struct client_options options = options_of(is_tls13);
    struct pair *p = &genuine[is_tls13];
    char byte;
    pair_connect(p, ticket_server, &options);
    if (is_tls13) {
        while (!p->has_ticket)
            LAW(pair_client_read(p, &byte, 1) == MBEDTLS_ERR_SSL_WANT_READ);
    } else {
        LAW(mbedtls_ssl_get_session(&p->client, &p->ticket) == 0);
    }
    LAW(p->ticket.MBEDTLS_PRIVATE(ticket_len) > OVERHEAD_BYTES);
}

static void set_up(void)
{
    static const char *const names[] = {"example.org"};
    struct sl_identity *identity;
    struct sl_ticket_keys *keys;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    LAW(sl_tls_global_init() == 0);
    LAW(sl_identity_self_sign(names, 1, 365, &identity) == 0);
    LAW(sl_ticket_keys_new(MAX_LIFETIME_S, &keys) == 0);
    struct sl_tls_settings settings = {
        .has_tls12 = true,
        .has_tls13 = true,
        .identities = &identity,
        .n_identities = 1,
        .ticket_keys = keys,
    };
    LAW(sl_tls_server_new(&settings, &ticket_server) == 0);
    for (int is_tls13 = 0; is_tls13 < 2; is_tls13++)
        get_genuine(is_tls13);
}

/* True: something is different now. */
static bool change(unsigned char *ticket, size_t n, struct sl_span in)
{
    struct sl_span was = sl_span(malloc(n), n);
    LAW(was.ptr);
    memcpy((char *)(uintptr_t)was.ptr, ticket, n);
    while (in.len > 2) {
        size_t at = (size_t)fuzz_byte(&in) << 8;
        at |= fuzz_byte(&in);
        ticket[at % n] ^= fuzz_byte(&in);
    }
    bool is_changed = memcmp(was.ptr, ticket, n) != 0;
    free((char *)(uintptr_t)was.ptr);
    return is_changed;
}

/* Fills the ticket; returns its length. *io_kind becomes GENUINE when it is one after all. */
static size_t make_ticket(int *io_kind, const unsigned char *ours, size_t n_ours, struct sl_span in,
                          unsigned char *ticket)
{
    LAW(n_ours < MAX_TICKET_BYTES);
    size_t n = n_ours;
    memcpy(ticket, ours, n_ours);
    switch (*io_kind) {
    case CHANGED:
        if (!change(ticket, n, in))
            *io_kind = GENUINE;
        return n;
    case CUT:
        return n - 1 - fuzz_byte(&in) % (n - 1);
    case ADDED:
        in = fuzz_take(&in, MAX_TICKET_BYTES - n);
        if (in.len == 0)
            *io_kind = GENUINE;
        else
            memcpy(ticket + n, in.ptr, in.len);
        return n + in.len;
    case ANYTHING: /* but not nothing, which RFC 8446 4.2.11 forbids */
        in = fuzz_take(&in, MAX_TICKET_BYTES);
        if (in.len)
            memcpy(ticket, in.ptr, in.len);
        return in.len ? in.len : 1;
    case SEALED: { /* our own contents with changes, or other ones altogether */
        unsigned char *head = ticket + KEY_NAME_BYTES + IV_BYTES;
        size_t n_plain = n - KEY_NAME_BYTES - IV_BYTES - TAG_BYTES;
        LAW(unseal(ticket_server, ticket, n_plain) == 0);
        if (fuzz_byte(&in) & 1) {
            in = fuzz_take(&in, MAX_TICKET_BYTES - OVERHEAD_BYTES);
            n_plain = HEAD_BYTES + in.len;
            if (in.len)
                memcpy(head + HEAD_BYTES, in.ptr, in.len);
        } else {
            change(head, n_plain, in);
        }
        LAW(seal(ticket_server, ticket, n_plain) == 0);
        return n_plain + KEY_NAME_BYTES + IV_BYTES + TAG_BYTES;
    }
    default:
        return n;
    }
}

/* A client that resumes with this ticket, which mbedTLS copies. */
static void come_back(struct pair *p, int is_tls13, unsigned char *ticket, size_t n)
{
    struct client_options options = options_of(is_tls13);
    mbedtls_ssl_session *session = &genuine[is_tls13].ticket;
    unsigned char *ours = session->MBEDTLS_PRIVATE(ticket);
    size_t n_ours = session->MBEDTLS_PRIVATE(ticket_len);

    session->MBEDTLS_PRIVATE(ticket) = ticket;
    session->MBEDTLS_PRIVATE(ticket_len) = n;
    options.resume = session;
    pair_open(p, ticket_server, &options);
    session->MBEDTLS_PRIVATE(ticket) = ours;
    session->MBEDTLS_PRIVATE(ticket_len) = n_ours;
}

static void check_declined(struct pair *p, bool is_genuine)
{
    struct sl_tls_report report;
    LAW(pair_handshake(p));
    pair_report(p, &report);
    LAW(report.is_resumed == is_genuine);
}

/* Only the server's answer: what it resumed need not make sense to the client, which is mbedTLS's.
 */
static void check_harmless(struct pair *p)
{
    mbedtls_ssl_handshake(&p->client);
    struct sl_span in = sl_span(p->to_server.ptr, p->to_server.len);
    int err = sl_tls_session_handshake(p->session, &in);
    LAW(err != 0 && err != SL_ERR_MEMORY && err != SL_ERR_TLS_INTERNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    unsigned char ticket[MAX_TICKET_BYTES];

    if (!ticket_server)
        set_up();
    uint8_t choice = fuzz_byte(&in);
    int is_tls13 = choice & 1, kind = (choice >> 1) % N_KINDS;
    const mbedtls_ssl_session *ours = &genuine[is_tls13].ticket;
    size_t n_ticket = make_ticket(&kind, ours->MBEDTLS_PRIVATE(ticket),
                                  ours->MBEDTLS_PRIVATE(ticket_len), in, ticket);
    struct pair p;
    come_back(&p, is_tls13, ticket, n_ticket);
    if (kind == SEALED)
        check_harmless(&p);
    else
        check_declined(&p, kind == GENUINE);
    pair_close(&p);
    return 0;
}
