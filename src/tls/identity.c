// SPDX-License-Identifier: Apache-2.0
/*
 * identity: loads a certificate chain and its key, and refuses with a reason whatever could not be
 * served later.
 *
 * Happy path: read both files, parse the chain, check that the leaf may be served and that its kind
 * of key is one we serve, parse the key, check that both belong together.
 *
 * Failure: the first thing that is wrong becomes one sentence that begins with the file's path.
 * What mbedTLS would only notice in a handshake (a leaf that may not sign, an unknown curve) is
 * refused here. An expired certificate is not an error: serving it beats not starting.
 *
 * The file of the key is zeroised as soon as it was parsed; the parsed key with the
 * last reference: a session may outlive the configuration under which its identity was loaded.
 * An identity is read-only once made, and shared by all threads. What changes in an RSA key while
 * it is used is guarded there: by tls/crypto/rsa_alt.c, or by a lock of the system's mbedTLS.
 */
#include "identity.h"

#include <stdlib.h>
#include <time.h>

#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/sha256.h>

#include "cause.h"
#include "global.h"
#include "keykind.h"
#include "pem.h"

struct sl_identity *sl_identity_new(void)
{
    struct sl_identity *identity = calloc(1, sizeof(*identity));
    if (!identity)
        return NULL;
    atomic_init(&identity->n_refs, 1);
    mbedtls_x509_crt_init(&identity->chain);
    mbedtls_pk_init(&identity->key);
    return identity;
}

struct sl_identity *sl_identity_ref(struct sl_identity *identity)
{
    atomic_fetch_add_explicit(&identity->n_refs, 1, memory_order_relaxed);
    return identity;
}

void sl_identity_free(struct sl_identity **identity)
{
    struct sl_identity *gone = *identity;
    if (!gone)
        return;
    *identity = NULL;
    /* Whatever other threads did with it happened before it is freed here. */
    if (atomic_fetch_sub_explicit(&gone->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_pk_free(&gone->key);
    mbedtls_x509_crt_free(&gone->chain);
    free(gone);
}

static int refuse(struct sl_str *why, const char *path, const char *reason, int err)
{
    sl_str_addf(why, "%s: %s", path, reason);
    return err;
}

static bool is_unknown_key(int ret)
{
    return sl_tls_high_level(ret) == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG ||
           sl_tls_high_level(ret) == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE ||
           sl_tls_high_level(ret) == MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE ||
           sl_tls_high_level(ret) == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG ||
           sl_tls_high_level(ret) == MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE ||
           sl_tls_high_level(ret) == MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
}

/* The kinds of keys that TLS 1.2 and 1.3 have signatures for, and that this library signs with. */
static int check_key_kind(const mbedtls_pk_context *key, const char *path, struct sl_str *why)
{
    if (sl_keykind_is_supported(key))
        return 0;
    sl_str_addf(why, "%s: ", path);
    sl_keykind_refuse(key, why);
    return SL_ERR_UNSUPPORTED;
}

/* mbedTLS could not read the first certificate of the text; `position` is its place in the file. */
static int explain_certificate(const char *text, unsigned position, const char *path, int ret,
                               struct sl_str *why)
{
    sl_str_addf(why, "%s: ", path);
    if (position > 1)
        sl_str_addf(why, "certificate number %u: ", position);
    if (sl_keykind_refuse_certificate(text, why))
        return SL_ERR_UNSUPPORTED;
    if (!is_unknown_key(ret)) {
        sl_str_addz(why, "it is malformed");
        return SL_ERR_INVALID;
    }
    sl_str_addz(why, "it is signed with an algorithm that is not supported, ");
    sl_keykind_signature(text, why);
    sl_str_addz(why, "; supported are RSA and ECDSA with SHA-2");
    return SL_ERR_UNSUPPORTED;
}

static int explain_key(const struct sl_pem *pem, const char *path, int ret, struct sl_str *why)
{
    sl_str_addf(why, "%s: ", path);
    if (sl_keykind_refuse_private(pem->text, why))
        return SL_ERR_UNSUPPORTED;
    sl_str_addz(why, is_unknown_key(ret) ? "its kind of key is not supported: RSA or ECDSA"
                                         : "its key is malformed");
    return is_unknown_key(ret) ? SL_ERR_UNSUPPORTED : SL_ERR_INVALID;
}

/* One by one: mbedTLS's own loop skips what it cannot read, and a chain with a hole would reach
   some clients and fail with others. */
static int parse_certificates(struct sl_identity *identity, const char *text, const char *path,
                              struct sl_str *why)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char end[] = "-----END CERTIFICATE-----";
    unsigned position = 0;
    for (const char *p = strstr(text, begin); p; p = strstr(p + 1, begin)) {
        mbedtls_pem_context block;
        size_t n_used, n;
        position++;
        mbedtls_pem_init(&block);
        int ret =
            mbedtls_pem_read_buffer(&block, begin, end, (const unsigned char *)p, NULL, 0, &n_used);
        if (ret == 0) {
            const unsigned char *der = mbedtls_pem_get_buffer(&block, &n);
            ret = mbedtls_x509_crt_parse_der(&identity->chain, der, n);
        }
        mbedtls_pem_free(&block);
        if (sl_tls_is_memory(ret))
            return refuse(why, path, "out of memory", SL_ERR_MEMORY);
        if (ret != 0)
            return explain_certificate(p, position, path, ret, why);
    }
    return 0;
}

static int parse_chain(struct sl_identity *identity, const struct sl_pem *pem, const char *path,
                       struct sl_str *why)
{
    if (!strstr(pem->text, "-----BEGIN CERTIFICATE-----"))
        return refuse(why, path, "there is no PEM certificate in it", SL_ERR_INVALID);
    int err = parse_certificates(identity, pem->text, path, why);
    if (err)
        return err;
    const mbedtls_x509_crt *leaf = &identity->chain;
    err = check_key_kind(&leaf->pk, path, why);
    if (err)
        return err;
    if (mbedtls_x509_crt_check_key_usage(leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0)
        return refuse(why, path, "its key usage does not permit digital signatures",
                      SL_ERR_INVALID);
    if (mbedtls_x509_crt_check_extended_key_usage(leaf, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0)
        return refuse(why, path, "its extended key usage does not permit servers", SL_ERR_INVALID);
    return 0;
}

static int parse_key(struct sl_identity *identity, const struct sl_pem *pem, const char *path,
                     struct sl_str *why)
{
    if (!sl_pem_has(pem, "PRIVATE KEY"))
        return refuse(why, path, "there is no PEM private key in it", SL_ERR_INVALID);
    int ret = mbedtls_pk_parse_key(&identity->key, (const unsigned char *)pem->text, pem->len + 1,
                                   NULL, 0, sl_tls_rng, NULL);
    if (sl_tls_is_memory(ret))
        return refuse(why, path, "out of memory", SL_ERR_MEMORY);
    if (sl_tls_high_level(ret) == MBEDTLS_ERR_PK_PASSWORD_REQUIRED ||
        sl_tls_high_level(ret) == MBEDTLS_ERR_PK_PASSWORD_MISMATCH ||
        sl_tls_high_level(ret) == MBEDTLS_ERR_PEM_PASSWORD_REQUIRED)
        return refuse(why, path,
                      "the key is encrypted, and nobody is there to type a passphrase: "
                      "store it without one",
                      SL_ERR_UNSUPPORTED);
    if (ret != 0)
        return explain_key(pem, path, ret, why);
    return check_key_kind(&identity->key, path, why);
}

/* Do leaf and key belong together? If not, does another certificate of the file fit? */
static int check_pair(struct sl_identity *identity, const char *key_path, struct sl_str *why)
{
    unsigned position = 1;
    for (mbedtls_x509_crt *crt = &identity->chain; crt; crt = crt->next, position++) {
        if (mbedtls_pk_get_type(&crt->pk) != mbedtls_pk_get_type(&identity->key) ||
            mbedtls_pk_check_pair(&crt->pk, &identity->key, sl_tls_rng, NULL) != 0)
            continue;
        if (position == 1)
            return 0;
        sl_str_addf(why,
                    "%s: key does not belong to the first certificate, but to number %u: the leaf "
                    "must come first",
                    key_path, position);
        return SL_ERR_INVALID;
    }
    return refuse(why, key_path, "key does not belong to the certificate", SL_ERR_INVALID);
}

int sl_identity_load(const char *cert_path, const char *key_path, struct sl_identity **out_identity,
                     bool *out_is_key, struct sl_str *out_why)
{
    struct sl_pem cert = {0}, key = {0};
    struct sl_identity *identity = sl_identity_new();
    *out_identity = NULL;
    *out_is_key = false;
    if (!identity)
        return refuse(out_why, cert_path, "out of memory", SL_ERR_MEMORY);

    int err = sl_pem_read(cert_path, &cert, out_why);
    if (!err)
        err = parse_chain(identity, &cert, cert_path, out_why);
    if (!err) {
        *out_is_key = true;
        err = sl_pem_read(key_path, &key, out_why);
    }
    if (!err)
        err = parse_key(identity, &key, key_path, out_why);
    if (!err)
        err = check_pair(identity, key_path, out_why);
    /* The certificate's file may hold the key too: both are forgotten. */
    sl_pem_fini(&cert);
    sl_pem_fini(&key);
    if (err) {
        sl_identity_free(&identity);
        return err;
    }
    *out_is_key = false;
    *out_identity = identity;
    return 0;
}

enum sl_key_type sl_identity_key_type(const struct sl_identity *identity)
{
    return mbedtls_pk_get_type(&identity->key) == MBEDTLS_PK_RSA ? SL_KEY_RSA : SL_KEY_ECDSA;
}

static int64_t to_unix(const mbedtls_x509_time *t)
{
    struct tm tm = {
        .tm_year = t->year - 1900,
        .tm_mon = t->mon - 1,
        .tm_mday = t->day,
        .tm_hour = t->hour,
        .tm_min = t->min,
        .tm_sec = t->sec,
    };
    return (int64_t)timegm(&tm);
}

int64_t sl_identity_not_before(const struct sl_identity *identity)
{
    return to_unix(&identity->chain.valid_from);
}

int64_t sl_identity_not_after(const struct sl_identity *identity)
{
    return to_unix(&identity->chain.valid_to);
}

void sl_identity_fingerprint(const struct sl_identity *identity, uint8_t out_hash[32])
{
    /* Hashing bytes that are in memory cannot fail. */
    (void)mbedtls_sha256(identity->chain.raw.p, identity->chain.raw.len, out_hash, 0);
}

int sl_identity_write_pem(const struct sl_identity *identity, struct sl_str *s)
{
    const mbedtls_x509_buf *der = &identity->chain.raw;
    size_t cap = der->len * 3 / 2 + 128, n_written = 0; /* base64, line ends, header and footer */
    unsigned char *text = malloc(cap);
    if (!text)
        return SL_ERR_MEMORY;
    int ret =
        mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
                                 der->p, der->len, text, cap, &n_written);
    if (ret == 0)
        sl_str_addz(s, (const char *)text);
    free(text);
    if (ret != 0)
        return SL_ERR_TLS_INTERNAL;
    return s->is_cut ? SL_ERR_LIMIT : 0;
}
