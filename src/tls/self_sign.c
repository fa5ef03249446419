// SPDX-License-Identifier: Apache-2.0
/*
 * self_sign: a certificate that nobody else vouches for, to try things with.
 *
 * A fresh ECDSA P-256 key; the certificate is for servers only (no CA), names every DNS name and
 * address that was asked for, and begins an hour ago because clocks differ.
 *
 * It fails on names that are neither (SL_ERR_INVALID), or without memory or randomness. Everything
 * on the way belongs to this function; the identity belongs to the caller.
 */
#include "identity.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>

#include "cause.h"
#include "global.h"

#define MAX_NAMES   64
#define MAX_DAYS    36500
#define DER_CAP     (4096 + MAX_NAMES * 260)
#define CN_MAX      64 /* RFC 5280, ub-common-name */
#define NAME_MAX_   253
#define SECONDS_DAY 86400

/* A list from the last to the first: mbedTLS writes it from its end. */
struct sans {
    mbedtls_x509_san_list *last;
    mbedtls_x509_san_list entries[MAX_NAMES];
    uint8_t addresses[MAX_NAMES][16];
};

static bool is_dns_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_)
        return false;
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    /* These also keep the name from having a meaning in the text form of a subject. */
    return name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

static int make_sans(struct sans *sans, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        mbedtls_x509_san_list *entry = &sans->entries[i];
        mbedtls_x509_buf *value = &entry->node.san.unstructured_name;
        entry->next = sans->last;
        sans->last = entry;
        entry->node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
        value->p = sans->addresses[i];
        if (inet_pton(AF_INET, names[i], sans->addresses[i]) == 1) {
            value->len = 4;
        } else if (inet_pton(AF_INET6, names[i], sans->addresses[i]) == 1) {
            value->len = 16;
        } else if (is_dns_name(names[i])) {
            entry->node.type = MBEDTLS_X509_SAN_DNS_NAME;
            value->p = (unsigned char *)(uintptr_t)names[i]; /* only read */
            value->len = strlen(names[i]);
        } else {
            return SL_ERR_INVALID;
        }
    }
    return 0;
}

static int set_times(mbedtls_x509write_cert *writer, unsigned days)
{
    char from[16], to[16];
    struct tm tm;
    time_t start = time(NULL) - 3600, end = start + (time_t)days * SECONDS_DAY;
    strftime(from, sizeof(from), "%Y%m%d%H%M%S", gmtime_r(&start, &tm));
    strftime(to, sizeof(to), "%Y%m%d%H%M%S", gmtime_r(&end, &tm));
    return mbedtls_x509write_crt_set_validity(writer, from, to);
}

/* Everything that the certificate says. Returns 0 or an mbedTLS error. */
static int fill(mbedtls_x509write_cert *writer, mbedtls_pk_context *key, const char *first_name,
                struct sans *sans, unsigned days)
{
    char subject[CN_MAX + 4] = "CN=sluice";
    if (strlen(first_name) <= CN_MAX && !strchr(first_name, ':'))
        memcpy(subject + 3, first_name, strlen(first_name) + 1);
    unsigned char serial[16];
    int ret = sl_tls_rng(NULL, serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */

    mbedtls_asn1_sequence usage = {
        .buf = {.tag = MBEDTLS_ASN1_OID,
                .p = (unsigned char *)(uintptr_t)MBEDTLS_OID_SERVER_AUTH,
                .len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)},
    };
    mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(writer, key);
    mbedtls_x509write_crt_set_issuer_key(writer, key);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_serial_raw(writer, serial, sizeof(serial));
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_subject_name(writer, subject);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_issuer_name(writer, subject);
    if (ret == 0)
        ret = set_times(writer, days);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_basic_constraints(writer, 0, -1);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_key_usage(writer, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_ext_key_usage(writer, &usage);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_subject_key_identifier(writer);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_authority_key_identifier(writer);
    if (ret == 0)
        ret = mbedtls_x509write_crt_set_subject_alternative_name(writer, sans->last);
    return ret;
}

static int make(struct sl_identity *identity, const char *first_name, struct sans *sans,
                unsigned days)
{
    int ret = mbedtls_pk_setup(&identity->key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (ret == 0)
        ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(identity->key),
                                  sl_tls_rng, NULL);
    if (ret != 0)
        return ret;
    unsigned char *der = malloc(DER_CAP);
    if (!der)
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    mbedtls_x509write_cert writer;
    mbedtls_x509write_crt_init(&writer);
    ret = fill(&writer, &identity->key, first_name, sans, days);
    if (ret == 0)
        ret = mbedtls_x509write_crt_der(&writer, der, DER_CAP, sl_tls_rng, NULL);
    if (ret > 0) /* written at the end of the buffer */
        ret = mbedtls_x509_crt_parse_der(&identity->chain, der + DER_CAP - ret, (size_t)ret);
    mbedtls_x509write_crt_free(&writer);
    free(der);
    return ret;
}

int sl_identity_self_sign(const char *const *names, size_t n_names, unsigned days,
                          struct sl_identity **out_identity)
{
    *out_identity = NULL;
    if (n_names == 0 || n_names > MAX_NAMES || days == 0 || days > MAX_DAYS)
        return SL_ERR_INVALID;
    struct sans *sans = calloc(1, sizeof(*sans));
    struct sl_identity *identity = sl_identity_new();
    int err = sans && identity ? make_sans(sans, names, n_names) : SL_ERR_MEMORY;
    int ret = err ? 0 : make(identity, names[0], sans, days);
    if (ret != 0)
        err = sl_tls_is_memory(ret) ? SL_ERR_MEMORY : SL_ERR_TLS_INTERNAL;
    free(sans);
    if (err) {
        sl_identity_free(&identity);
        return err;
    }
    *out_identity = identity;
    return 0;
}
