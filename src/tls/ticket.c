// SPDX-License-Identifier: Apache-2.0
/*
 * ticket: sessions that clients carry for us (RFC 5077; RFC 8446 4.6.1).
 *
 *     name of the key (16) | IV (12) | AES-256-GCM of { version (1), made at (8), hash of the SNI
 * (16), mbedTLS's session } | tag (16)
 *
 * The name of the key and the server's binding (a hash of its identities) are authenticated too, so
 * that a ticket of one listener does not open on another that serves other sites.
 *
 * Happy path of writing: copy the newest key under a read lock, encrypt without it. Of parsing:
 * copy the key that is named, decrypt, check version, age and name, let mbedTLS load the session.
 * Anything that does not fit declines the ticket, and the handshake goes on as a full one:
 *   - a ticket of another version: mbedTLS does not look, and would resume TLS 1.2 with the empty
 *     master secret of a TLS 1.3 session;
 *   - a ticket that is older than the lifetime, whichever key opens it;
 *   - in TLS 1.2, a ticket given for another name (RFC 6066 3 forbids resumption; TLS 1.3 needs no
 *     such rule, RFC 8446 4.6.1). There the ticket may be parsed before the name was read: then the
 *     session notes the name that it must be, and a contradiction ends the handshake.
 *
 * mbedTLS chooses the suite of a resumed TLS 1.2 session anew. A client whose offer has changed
 * since, so that the choice is another, ends that handshake itself.
 *
 * Keys belong to struct sl_ticket_keys and are zeroised when they are replaced; copies live on the
 * stack and are zeroised at once. Two keys exist at most: the newest, and the one before.
 */
#include "ticket.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include "global.h"
#include "session.h"

#define KEY_NAME_BYTES 16
#define KEY_BYTES      32
#define IV_BYTES       12
#define TAG_BYTES      16
#define HEAD_BYTES     (1 + 8 + SL_TICKET_NAME_BYTES)
#define OVERHEAD_BYTES (KEY_NAME_BYTES + IV_BYTES + HEAD_BYTES + TAG_BYTES)
#define MAX_LIFETIME_S 604800 /* RFC 8446 4.6.1 */
/* Browsers open several connections at once and use each ticket once (RFC 8446 C.4). */
#define N_TICKETS 2
/* How far ahead of our clock a ticket may have been made: the clock may have been set back. */
#define CLOCK_SLACK_S 60

struct key {
    uint8_t name[KEY_NAME_BYTES];
    uint8_t secret[KEY_BYTES];
    uint64_t made_s;
};

struct sl_ticket_keys {
    pthread_rwlock_t lock;
    uint64_t lifetime_s;
    struct key newest, previous;
    bool has_previous;
};

static int key_make(struct key *key, uint64_t now_s)
{
    key->made_s = now_s;
    int err = sl_tls_random(key->name, sizeof(key->name));
    return err ? err : sl_tls_random(key->secret, sizeof(key->secret));
}

int sl_ticket_keys_new(uint64_t lifetime_s, struct sl_ticket_keys **out_keys)
{
    *out_keys = NULL;
    if (lifetime_s == 0)
        return SL_ERR_INVALID;
    struct sl_ticket_keys *keys = calloc(1, sizeof(*keys));
    if (!keys)
        return SL_ERR_MEMORY;
    if (pthread_rwlock_init(&keys->lock, NULL) != 0) {
        free(keys);
        return SL_ERR_MEMORY;
    }
    keys->lifetime_s = lifetime_s < MAX_LIFETIME_S ? lifetime_s : MAX_LIFETIME_S;
    int err = key_make(&keys->newest, (uint64_t)time(NULL));
    if (err) {
        sl_ticket_keys_free(&keys);
        return err;
    }
    *out_keys = keys;
    return 0;
}

int sl_ticket_keys_rotate(struct sl_ticket_keys *keys, uint64_t now_s)
{
    struct key fresh;
    int err = 0;
    pthread_rwlock_wrlock(&keys->lock);
    if (now_s >= keys->newest.made_s && now_s - keys->newest.made_s >= keys->lifetime_s) {
        err = key_make(&fresh, now_s);
        if (!err) {
            keys->previous = keys->newest;
            keys->newest = fresh;
            keys->has_previous = true;
        }
        mbedtls_platform_zeroize(&fresh, sizeof(fresh));
    }
    pthread_rwlock_unlock(&keys->lock);
    return err;
}

void sl_ticket_keys_free(struct sl_ticket_keys **keys)
{
    struct sl_ticket_keys *gone = *keys;
    if (!gone)
        return;
    *keys = NULL;
    pthread_rwlock_destroy(&gone->lock);
    mbedtls_platform_zeroize(gone, sizeof(*gone));
    free(gone);
}

/* A copy of the newest key, or of the one with that name. */
static bool take_key(struct sl_ticket_keys *keys, const unsigned char *name, struct key *out_key)
{
    bool is_found = true;
    pthread_rwlock_rdlock(&keys->lock);
    if (!name || memcmp(name, keys->newest.name, KEY_NAME_BYTES) == 0)
        *out_key = keys->newest;
    else if (keys->has_previous && memcmp(name, keys->previous.name, KEY_NAME_BYTES) == 0)
        *out_key = keys->previous;
    else
        is_found = false;
    pthread_rwlock_unlock(&keys->lock);
    return is_found;
}

/* What is authenticated besides the ciphertext. */
struct aad {
    uint8_t key_name[KEY_NAME_BYTES];
    uint8_t binding[SL_TICKET_BINDING_BYTES];
};

static int seal(const struct sl_tls_server *server, unsigned char *ticket, size_t n_plain)
{
    struct key key;
    struct aad aad;
    mbedtls_gcm_context gcm;
    unsigned char *iv = ticket + KEY_NAME_BYTES, *plain = iv + IV_BYTES;
    (void)take_key(server->ticket_keys, NULL, &key);
    memcpy(ticket, key.name, KEY_NAME_BYTES);
    memcpy(aad.key_name, key.name, sizeof(aad.key_name));
    memcpy(aad.binding, server->ticket_binding, sizeof(aad.binding));
    mbedtls_gcm_init(&gcm);
    int ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key.secret, KEY_BYTES * 8);
    if (ret == 0)
        ret = sl_tls_rng(NULL, iv, IV_BYTES);
    if (ret == 0)
        ret = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, n_plain, iv, IV_BYTES,
                                        (const unsigned char *)&aad, sizeof(aad), plain, plain,
                                        TAG_BYTES, plain + n_plain);
    mbedtls_gcm_free(&gcm);
    mbedtls_platform_zeroize(&key, sizeof(key));
    return ret;
}

/* Decrypts in place. */
static int unseal(const struct sl_tls_server *server, unsigned char *ticket, size_t n_plain)
{
    struct key key;
    struct aad aad;
    mbedtls_gcm_context gcm;
    unsigned char *iv = ticket + KEY_NAME_BYTES, *plain = iv + IV_BYTES;
    if (!take_key(server->ticket_keys, ticket, &key))
        return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    memcpy(aad.key_name, key.name, sizeof(aad.key_name));
    memcpy(aad.binding, server->ticket_binding, sizeof(aad.binding));
    mbedtls_gcm_init(&gcm);
    int ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key.secret, KEY_BYTES * 8);
    if (ret == 0 &&
        mbedtls_gcm_auth_decrypt(&gcm, n_plain, iv, IV_BYTES, (const unsigned char *)&aad,
                                 sizeof(aad), plain + n_plain, TAG_BYTES, plain, plain) != 0)
        ret = MBEDTLS_ERR_SSL_INVALID_MAC;
    mbedtls_gcm_free(&gcm);
    mbedtls_platform_zeroize(&key, sizeof(key));
    return ret;
}

static uint8_t version_of(const struct sl_tls_session *session)
{
    return mbedtls_ssl_get_version_number(&session->ssl) == MBEDTLS_SSL_VERSION_TLS1_3 ? 3 : 2;
}

static int write_ticket(void *p_server, const mbedtls_ssl_session *saved, unsigned char *start,
                        const unsigned char *end, size_t *out_len, uint32_t *out_lifetime_s)
{
    const struct sl_tls_server *server = p_server;
    const struct sl_tls_session *session = sl_session_current();
    size_t cap = (size_t)(end - start), n_saved = 0;
    *out_len = 0;
    if (cap < OVERHEAD_BYTES)
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    unsigned char *head = start + KEY_NAME_BYTES + IV_BYTES;
    int ret = mbedtls_ssl_session_save(saved, head + HEAD_BYTES, cap - OVERHEAD_BYTES, &n_saved);
    if (ret != 0)
        return ret;
    uint64_t now_s = (uint64_t)time(NULL);
    head[0] = version_of(session);
    for (int i = 0; i < 8; i++)
        head[1 + i] = (unsigned char)(now_s >> (56 - 8 * i));
    sl_session_name_hash(session, head + 9);
    ret = seal(server, start, HEAD_BYTES + n_saved);
    if (ret != 0) {
        mbedtls_platform_zeroize(start, cap);
        return ret;
    }
    *out_len = OVERHEAD_BYTES + n_saved;
    *out_lifetime_s = (uint32_t)server->ticket_keys->lifetime_s;
    return 0;
}

/* May this session resume what the head of a ticket tells of? */
static int check_head(const struct sl_tls_server *server, struct sl_tls_session *session,
                      const unsigned char head[HEAD_BYTES])
{
    uint64_t made_s = 0, now_s = (uint64_t)time(NULL);
    for (int i = 0; i < 8; i++)
        made_s = made_s << 8 | head[1 + i];
    if (made_s > now_s + CLOCK_SLACK_S)
        return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    if (now_s > made_s && now_s - made_s > server->ticket_keys->lifetime_s)
        return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    if (head[0] != version_of(session))
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    if (head[0] == 3)
        return 0;
    uint8_t name[SL_TICKET_NAME_BYTES];
    sl_session_name_hash(session, name);
    if (memcmp(name, head + 9, sizeof(name)) == 0)
        return 0;
    if (session->has_sni)
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    session->has_ticket_name = true;
    memcpy(session->ticket_name, head + 9, sizeof(name));
    return 0;
}

static int parse_ticket(void *p_server, mbedtls_ssl_session *out_saved, unsigned char *ticket,
                        size_t len)
{
    const struct sl_tls_server *server = p_server;
    if (len <= OVERHEAD_BYTES)
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    size_t n_plain = len - KEY_NAME_BYTES - IV_BYTES - TAG_BYTES;
    int ret = unseal(server, ticket, n_plain);
    if (ret != 0)
        return ret;
    unsigned char *head = ticket + KEY_NAME_BYTES + IV_BYTES;
    ret = check_head(server, sl_session_current(), head);
    if (ret == 0)
        ret = mbedtls_ssl_session_load(out_saved, head + HEAD_BYTES, n_plain - HEAD_BYTES);
    mbedtls_platform_zeroize(head, n_plain);
    return ret;
}

/* Called when the whole ClientHello was read: was the ticket that was opened before its name was
   known given for this name? */
static int check_name(mbedtls_ssl_context *ssl)
{
    const struct sl_tls_session *session = mbedtls_ssl_get_user_data_p(ssl);
    uint8_t name[SL_TICKET_NAME_BYTES];
    if (!session->has_ticket_name)
        return 0;
    sl_session_name_hash(session, name);
    return memcmp(name, session->ticket_name, sizeof(name)) == 0
               ? 0
               : MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER;
}

void sl_ticket_configure(struct sl_tls_server *server)
{
    mbedtls_ssl_conf_session_tickets_cb(&server->conf, write_ticket, parse_ticket, server);
    mbedtls_ssl_conf_new_session_tickets(&server->conf, N_TICKETS);
    mbedtls_ssl_conf_cert_cb(&server->conf, check_name);
}
