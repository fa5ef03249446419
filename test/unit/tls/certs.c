// SPDX-License-Identifier: Apache-2.0
/*
 * certs: makes keys and self-signed certificates with mbedTLS's writer, as PEM text and files.
 *
 * Whatever fails here is a failure of the test itself: it is asserted. Files live in one directory
 * below /tmp that scratch_remove() empties.
 */
#include "certs.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <sluice/tls/server.h>

#define MAX_FILES 16

static char directory[64];
static char paths[MAX_FILES][128];
static size_t n_paths;

static int rng(void *unused, unsigned char *out, size_t n)
{
    return sl_tls_random(out, n);
}

static void make_key(const struct cert_spec *spec, mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    mbedtls_pk_type_t type = spec->rsa_bits ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY;
    assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(type)), 0);
    if (spec->rsa_bits)
        assert_int_equal(
            mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), rng, NULL, spec->rsa_bits, 65537), 0);
    else
        assert_int_equal(mbedtls_ecp_gen_key(spec->curve, mbedtls_pk_ec(*key), rng, NULL), 0);
}

static void add_sans(mbedtls_x509write_cert *writer, const struct cert_spec *spec)
{
    mbedtls_x509_san_list list[8] = {0};
    uint8_t addresses[4][16];
    size_t n = 0;
    for (size_t i = 0; i < 4 && spec->dns[i]; i++, n++) {
        list[n].node.type = MBEDTLS_X509_SAN_DNS_NAME;
        list[n].node.san.unstructured_name.p = (unsigned char *)(uintptr_t)spec->dns[i];
        list[n].node.san.unstructured_name.len = strlen(spec->dns[i]);
    }
    for (size_t i = 0; i < 4 && spec->ip[i]; i++, n++) {
        bool is_v6 = strchr(spec->ip[i], ':') != NULL;
        assert_int_equal(inet_pton(is_v6 ? AF_INET6 : AF_INET, spec->ip[i], addresses[i]), 1);
        list[n].node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
        list[n].node.san.unstructured_name.p = addresses[i];
        list[n].node.san.unstructured_name.len = is_v6 ? 16 : 4;
    }
    for (size_t i = 1; i < n; i++) /* mbedTLS writes the list from its end */
        list[i].next = &list[i - 1];
    if (n > 0)
        assert_int_equal(mbedtls_x509write_crt_set_subject_alternative_name(writer, &list[n - 1]),
                         0);
}

void cert_make(const struct cert_spec *spec, struct cert_pem *out_pem)
{
    mbedtls_pk_context key;
    mbedtls_x509write_cert writer;
    unsigned char serial[] = {1};
    const char *subject = spec->subject ? spec->subject : "CN=test";
    make_key(spec, &key);
    mbedtls_x509write_crt_init(&writer);
    mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&writer, &key);
    mbedtls_x509write_crt_set_issuer_key(&writer, &key);
    assert_int_equal(mbedtls_x509write_crt_set_serial_raw(&writer, serial, sizeof(serial)), 0);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(&writer, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&writer, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_validity(&writer,
                                                        spec->from ? spec->from : "20200101000000",
                                                        spec->to ? spec->to : "20400101000000"),
                     0);
    if (spec->key_usage)
        assert_int_equal(mbedtls_x509write_crt_set_key_usage(&writer, spec->key_usage), 0);
    if (spec->ext_key_usage) {
        mbedtls_asn1_sequence usage = {
            .buf = {.tag = MBEDTLS_ASN1_OID,
                    .p = (unsigned char *)(uintptr_t)spec->ext_key_usage,
                    .len = spec->n_ext_key_usage},
        };
        assert_int_equal(mbedtls_x509write_crt_set_ext_key_usage(&writer, &usage), 0);
    }
    add_sans(&writer, spec);
    assert_int_equal(
        mbedtls_x509write_crt_pem(&writer, (unsigned char *)out_pem->cert, PEM_CAP, rng, NULL), 0);
    assert_int_equal(mbedtls_pk_write_key_pem(&key, (unsigned char *)out_pem->key, PEM_CAP), 0);
    mbedtls_x509write_crt_free(&writer);
    mbedtls_pk_free(&key);
}

const char *scratch_file(const char *name, const char *text)
{
    if (!directory[0]) {
        strcpy(directory, "/tmp/sluice-tls-XXXXXX");
        assert_non_null(mkdtemp(directory));
    }
    char path[sizeof(paths[0])];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    size_t i = 0;
    while (i < n_paths && strcmp(paths[i], path) != 0)
        i++;
    if (i == n_paths) {
        assert_true(n_paths < MAX_FILES);
        strcpy(paths[n_paths++], path);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return paths[i];
}

void scratch_remove(void)
{
    for (size_t i = 0; i < n_paths; i++)
        unlink(paths[i]);
    if (directory[0])
        assert_int_equal(rmdir(directory), 0);
    directory[0] = '\0';
    n_paths = 0;
}

struct sl_identity *identity_of(const struct cert_spec *spec)
{
    static struct cert_pem pem;
    struct sl_identity *identity = NULL;
    char buf[512];
    struct sl_str why;
    bool is_key;
    cert_make(spec, &pem);
    sl_str_init(&why, buf, sizeof(buf));
    int err = sl_identity_load(scratch_file("cert.pem", pem.cert), scratch_file("key.pem", pem.key),
                               &identity, &is_key, &why);
    if (err)
        fail_msg("%s", buf);
    return identity;
}

static struct sl_identity *shared[3];

struct sl_identity *identity_ecdsa(void)
{
    static const struct cert_spec spec = {.curve = MBEDTLS_ECP_DP_SECP256R1,
                                          .dns = {"example.org"}};
    if (!shared[0])
        shared[0] = identity_of(&spec);
    return shared[0];
}

struct sl_identity *identity_rsa(void)
{
    static const struct cert_spec spec = {.rsa_bits = 2048,
                                          .dns = {"example.org", "rsa.example.net"}};
    if (!shared[1])
        shared[1] = identity_of(&spec);
    return shared[1];
}

struct sl_identity *identity_other(void)
{
    static const struct cert_spec spec = {.curve = MBEDTLS_ECP_DP_SECP384R1,
                                          .dns = {"other.example.com"}};
    if (!shared[2])
        shared[2] = identity_of(&spec);
    return shared[2];
}

void identities_free(void)
{
    for (size_t i = 0; i < 3; i++)
        sl_identity_free(&shared[i]);
}
