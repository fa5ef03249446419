// SPDX-License-Identifier: Apache-2.0
/*
 * keykind: names the kind of a key, known to mbedTLS or not.
 *
 * mbedTLS says of a key that it cannot read no more than that. Its algorithm stands at a known
 * place of the certificate (RFC 5280 4.1) or of the private key (RFC 5208 5), so it is looked up
 * there: a name for what people have, digits for the rest.
 *
 * Failure: what does not look like a certificate or a key has no kind, and nothing is written. The
 * text was bounded when it was read (pem.h); a private key's copy is zeroised.
 */
#include "keykind.h"

#include <string.h>

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>

#define SUPPORTED                                                                                  \
    "; supported are RSA keys of 2048 to 8192 bits and ECDSA keys on P-256, P-384 or P-521"
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192 /* the largest that mbedTLS signs with */

/* Bytes that are left to read. */
struct der {
    unsigned char *p;
    const unsigned char *end;
};

static const struct name {
    const char *oid;
    size_t n;
    const char *text;
    bool is_supported;
} names[] = {
#define NAME(oid, text)                                                                            \
    {                                                                                              \
        oid, sizeof(oid) - 1, text, false                                                          \
    }
#define SUPPORTED_NAME(oid, text)                                                                  \
    {                                                                                              \
        oid, sizeof(oid) - 1, text, true                                                           \
    }
    NAME("\x2b\x65\x6e", "X25519"),
    NAME("\x2b\x65\x6f", "X448"),
    NAME("\x2b\x65\x70", "Ed25519"),
    NAME("\x2b\x65\x71", "Ed448"),
    NAME("\x2a\x86\x48\xce\x38\x04\x01", "DSA"),
    SUPPORTED_NAME("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"),
    NAME("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSASSA-PSS"),
    NAME("\x60\x86\x48\x01\x65\x03\x04\x03\x11", "ML-DSA-44"),
    NAME("\x60\x86\x48\x01\x65\x03\x04\x03\x12", "ML-DSA-65"),
    NAME("\x60\x86\x48\x01\x65\x03\x04\x03\x13", "ML-DSA-87"),
    NAME("\x2a\x86\x48\xce\x3d\x03\x01\x01", "P-192"),
    SUPPORTED_NAME("\x2a\x86\x48\xce\x3d\x03\x01\x07", "P-256"),
    NAME("\x2b\x81\x04\x00\x21", "P-224"),
    SUPPORTED_NAME("\x2b\x81\x04\x00\x22", "P-384"),
    SUPPORTED_NAME("\x2b\x81\x04\x00\x23", "P-521"),
    NAME("\x2b\x81\x04\x00\x0a", "secp256k1"),
    NAME("\x2b\x24\x03\x03\x02\x08\x01\x01\x07", "brainpoolP256r1"),
    NAME("\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", "brainpoolP384r1"),
    NAME("\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", "brainpoolP512r1"),
#undef NAME
#undef SUPPORTED_NAME
};

bool sl_keykind_is_supported(const mbedtls_pk_context *key)
{
    size_t n_bits = mbedtls_pk_get_bitlen(key);
    switch (mbedtls_pk_get_type(key)) {
    case MBEDTLS_PK_RSA:
        return n_bits >= RSA_MIN_BITS && n_bits <= RSA_MAX_BITS;
    case MBEDTLS_PK_ECKEY:
        switch (mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key))) {
        case MBEDTLS_ECP_DP_SECP256R1:
        case MBEDTLS_ECP_DP_SECP384R1:
        case MBEDTLS_ECP_DP_SECP521R1:
            return true;
        default:
            return false;
        }
    default:
        return false;
    }
}

void sl_keykind_refuse(const mbedtls_pk_context *key, struct sl_str *s)
{
    sl_str_addz(s, "its key is ");
    if (mbedtls_pk_get_type(key) == MBEDTLS_PK_RSA) {
        sl_str_addf(s, "RSA of %zu bits", mbedtls_pk_get_bitlen(key));
    } else if (mbedtls_pk_get_type(key) == MBEDTLS_PK_ECKEY) {
        const mbedtls_ecp_curve_info *curve = mbedtls_ecp_curve_info_from_grp_id(
            mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key)));
        sl_str_addf(s, "ECDSA on %s", curve ? curve->name : "an unknown curve");
    } else {
        sl_str_addz(s, mbedtls_pk_get_name(key));
    }
    sl_str_addz(s, SUPPORTED);
}

/* Goes into the next element, or past it. */
static bool enter(const struct der *from, int tag, struct der *out)
{
    struct der at = *from;
    size_t n;
    if (mbedtls_asn1_get_tag(&at.p, at.end, &n, tag) != 0)
        return false;
    *out = (struct der){at.p, at.p + n};
    return true;
}

static bool skip(struct der *at, int tag)
{
    struct der inside;
    if (!enter(at, tag, &inside))
        return false;
    at->p = (unsigned char *)(uintptr_t)inside.end;
    return true;
}

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

static bool is_oid(const struct der *at, const char *oid, size_t n)
{
    return (size_t)(at->end - at->p) == n && memcmp(at->p, oid, n) == 0;
}

/* Is it one of the supported names? */
static bool add_oid(const struct der *oid, struct sl_str *s)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_oid(oid, names[i].oid, names[i].n)) {
            sl_str_addz(s, names[i].text);
            return names[i].is_supported;
        }
    char digits[80];
    mbedtls_asn1_buf buf = {
        .tag = MBEDTLS_ASN1_OID, .len = (size_t)(oid->end - oid->p), .p = oid->p};
    if (mbedtls_oid_get_numeric_string(digits, sizeof(digits), &buf) > 0)
        sl_str_addf(s, "of OID %s", digits);
    else
        sl_str_addz(s, "of an unknown kind");
    return false;
}

static bool add_curve(const struct der *at, struct sl_str *s)
{
    struct der curve;
    sl_str_addz(s, "ECDSA on ");
    if (enter(at, MBEDTLS_ASN1_OID, &curve))
        return add_oid(&curve, s);
    sl_str_addz(s, "a curve that is given by its numbers instead of its name");
    return false;
}

/* `at` is the modulus. */
static bool add_rsa_bits(const struct der *at, struct sl_str *s)
{
    struct der n;
    if (!enter(at, MBEDTLS_ASN1_INTEGER, &n))
        return true;
    while (n.p < n.end && *n.p == 0)
        n.p++;
    size_t n_bits = (size_t)(n.end - n.p) * 8;
    for (int top = n_bits > 0 ? *n.p : 0x80; top < 0x80; top *= 2)
        n_bits--;
    sl_str_addf(s, " of %zu bits", n_bits);
    return n_bits >= RSA_MIN_BITS && n_bits <= RSA_MAX_BITS;
}

/* AlgorithmIdentifier; of an EC key the curve is its parameter. True also where there is none. */
static bool add_algorithm(const struct der *at, struct sl_str *s)
{
    static const char ec[] = "\x2a\x86\x48\xce\x3d\x02\x01";
    struct der algorithm, oid;
    if (!enter(at, SEQUENCE, &algorithm) || !enter(&algorithm, MBEDTLS_ASN1_OID, &oid))
        return true;
    if (!is_oid(&oid, ec, sizeof(ec) - 1))
        return add_oid(&oid, s);
    algorithm.p = (unsigned char *)(uintptr_t)oid.end;
    return add_curve(&algorithm, s);
}

/* Up to the algorithm of the signature, and further to that of the key. */
static bool find_in_certificate(struct der *at, bool is_signature)
{
    const int version = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED;
    if (!enter(at, SEQUENCE, at) || !enter(at, SEQUENCE, at))
        return false;
    (void)skip(at, version); /* there is none in version 1 */
    if (!skip(at, MBEDTLS_ASN1_INTEGER))
        return false;
    if (is_signature)
        return true;
    for (int i = 0; i < 4; i++) /* signature, issuer, validity, subject */
        if (!skip(at, SEQUENCE))
            return false;
    return enter(at, SEQUENCE, at);
}

static bool is_rsa(const struct der *at)
{
    static const char rsa[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    struct der algorithm, oid;
    return enter(at, SEQUENCE, &algorithm) && enter(&algorithm, MBEDTLS_ASN1_OID, &oid) &&
           is_oid(&oid, rsa, sizeof(rsa) - 1);
}

static struct der bytes_of(mbedtls_pem_context *block)
{
    size_t n;
    const unsigned char *bytes = mbedtls_pem_get_buffer(block, &n);
    return (struct der){(unsigned char *)(uintptr_t)bytes, bytes + n};
}

static bool read_block(const char *pem, const char *begin, const char *end,
                       mbedtls_pem_context *out)
{
    size_t n_used;
    mbedtls_pem_init(out);
    return mbedtls_pem_read_buffer(out, begin, end, (const unsigned char *)pem, NULL, 0, &n_used) ==
           0;
}

/* SubjectPublicKeyInfo, behind its head: the algorithm, and an RSA key's size. */
static bool add_public(struct der *at, struct sl_str *s)
{
    bool is_supported = add_algorithm(at, s);
    if (!is_supported || !is_rsa(at) || !skip(at, SEQUENCE) ||
        !enter(at, MBEDTLS_ASN1_BIT_STRING, at) || at->p == at->end)
        return is_supported;
    at->p++; /* how many bits are unused */
    return !enter(at, SEQUENCE, at) || add_rsa_bits(at, s);
}

static bool add_of_certificate(const char *pem, bool is_signature, struct sl_str *s)
{
    mbedtls_pem_context block;
    bool is_supported = true;
    if (read_block(pem, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", &block)) {
        struct der at = bytes_of(&block);
        if (find_in_certificate(&at, is_signature))
            is_supported = is_signature ? add_algorithm(&at, s) : add_public(&at, s);
    }
    mbedtls_pem_free(&block);
    return is_supported;
}

/* RFC 8017 A.1.2. */
static bool add_pkcs1(struct der *at, struct sl_str *s)
{
    return !enter(at, SEQUENCE, at) || !skip(at, MBEDTLS_ASN1_INTEGER) || add_rsa_bits(at, s);
}

/* RFC 5208 5. */
static bool add_pkcs8(struct der *at, struct sl_str *s)
{
    if (!enter(at, SEQUENCE, at) || !skip(at, MBEDTLS_ASN1_INTEGER))
        return true;
    bool is_supported = add_algorithm(at, s);
    if (!is_supported || !is_rsa(at) || !skip(at, SEQUENCE) ||
        !enter(at, MBEDTLS_ASN1_OCTET_STRING, at))
        return is_supported;
    return add_pkcs1(at, s);
}

/* SEC 1 C.4: the curve stands behind the number. */
static bool add_curve_of_sec1(struct der *at, struct sl_str *s)
{
    const int parameters = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED;
    if (!enter(at, SEQUENCE, at) || !skip(at, MBEDTLS_ASN1_INTEGER) ||
        !skip(at, MBEDTLS_ASN1_OCTET_STRING) || !enter(at, parameters, at))
        return true;
    return add_curve(at, s);
}

static bool add_of_private(const char *pem, struct sl_str *s)
{
    mbedtls_pem_context block;
    bool is_supported = true;
    struct der at;
    if (read_block(pem, "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", &block)) {
        at = bytes_of(&block);
        is_supported = add_pkcs8(&at, s);
    } else if (read_block(pem, "-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----",
                          &block)) {
        at = bytes_of(&block);
        is_supported = add_curve_of_sec1(&at, s);
    } else if (read_block(pem, "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----",
                          &block)) {
        at = bytes_of(&block);
        sl_str_addz(s, "RSA");
        is_supported = add_pkcs1(&at, s);
    } else if (strstr(pem, "-----BEGIN DSA PRIVATE KEY-----")) {
        sl_str_addz(s, "DSA");
        is_supported = false;
    }
    mbedtls_pem_free(&block); /* zeroises */
    return is_supported;
}

static bool refuse(bool is_supported, const struct sl_str *kind, struct sl_str *s)
{
    if (!is_supported)
        sl_str_addf(s, "its key is %s" SUPPORTED, kind->ptr);
    return !is_supported;
}

bool sl_keykind_refuse_certificate(const char *pem, struct sl_str *s)
{
    char buf[128];
    struct sl_str kind;
    sl_str_init(&kind, buf, sizeof(buf));
    bool is_supported = add_of_certificate(pem, false, &kind);
    return refuse(is_supported, &kind, s);
}

bool sl_keykind_refuse_private(const char *pem, struct sl_str *s)
{
    char buf[128];
    struct sl_str kind;
    sl_str_init(&kind, buf, sizeof(buf));
    bool is_supported = add_of_private(pem, &kind);
    return refuse(is_supported, &kind, s);
}

void sl_keykind_signature(const char *pem, struct sl_str *s)
{
    (void)add_of_certificate(pem, true, s);
}
