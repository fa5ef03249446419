// SPDX-License-Identifier: Apache-2.0
/*
 * identity: certificates and keys that load, those that do not and the sentence that says why, the
 * names they cover, and the ones we sign ourselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <mbedtls/oid.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>

#include <sluice/tls/server.h>

#include "certs.h"

static struct cert_pem p256, p384, p256_too, rsa2048;

static int make_shared(void **state)
{
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1}, &p256);
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1}, &p256_too);
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP384R1}, &p384);
    cert_make(&(struct cert_spec){.rsa_bits = 2048}, &rsa2048);
    return 0;
}

struct outcome {
    int err;
    bool is_key;
    char why[512];
};

static struct outcome load_paths(const char *cert, const char *key)
{
    struct sl_identity *identity = (struct sl_identity *)(uintptr_t)1;
    struct outcome o;
    struct sl_str why;
    sl_str_init(&why, o.why, sizeof(o.why));
    o.err = sl_identity_load(cert, key, &identity, &o.is_key, &why);
    if (o.err)
        assert_null(identity);
    else
        assert_string_equal(o.why, "");
    sl_identity_free(&identity);
    return o;
}

static struct outcome load_texts(const char *cert, const char *key)
{
    return load_paths(scratch_file("c.pem", cert), scratch_file("k.pem", key));
}

static void expect(struct outcome o, int err, bool is_key, const char *reason)
{
    if (o.err != err || o.is_key != is_key || !strstr(o.why, reason))
        fail_msg("%s, key %d: \"%s\"; expected %s, key %d: \"%s\"", sl_err_name(o.err), o.is_key,
                 o.why, sl_err_name(err), is_key, reason);
    /* The sentence begins with the file that is at fault. */
    assert_non_null(strstr(o.why, is_key ? "k.pem: " : "c.pem: "));
}

static void good_pairs_load(void **state)
{
    struct cert_pem p521;
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP521R1}, &p521);
    assert_int_equal(load_texts(p256.cert, p256.key).err, 0);
    assert_int_equal(load_texts(p384.cert, p384.key).err, 0);
    assert_int_equal(load_texts(p521.cert, p521.key).err, 0);
    assert_int_equal(load_texts(rsa2048.cert, rsa2048.key).err, 0);
}

static void one_file_may_hold_both(void **state)
{
    static char both[2 * PEM_CAP + 32];
    snprintf(both, sizeof(both), "a note\n%s\n%s", p256.key, p256.cert);
    assert_int_equal(load_texts(both, both).err, 0);
}

static void a_chain_follows_its_leaf(void **state)
{
    static char chain[2 * PEM_CAP];
    snprintf(chain, sizeof(chain), "%s%s", p256.cert, p384.cert);
    assert_int_equal(load_texts(chain, p256.key).err, 0);
    expect(load_texts(chain, p384.key), SL_ERR_INVALID, true,
           "belong to the first certificate, "
           "but to number 2");
}

static void other_peoples_keys_are_refused(void **state)
{
    const char *reason = "key does not belong to the certificate";
    expect(load_texts(p256.cert, p256_too.key), SL_ERR_INVALID, true, reason);
    expect(load_texts(p256.cert, p384.key), SL_ERR_INVALID, true, reason);
    expect(load_texts(p256.cert, rsa2048.key), SL_ERR_INVALID, true, reason);
    expect(load_texts(rsa2048.cert, p256.key), SL_ERR_INVALID, true, reason);
}

static void what_is_no_pem_is_refused(void **state)
{
    expect(load_texts("", p256.key), SL_ERR_INVALID, false, "is empty");
    expect(load_texts("hello\n", p256.key), SL_ERR_INVALID, false, "no PEM certificate in it");
    expect(load_texts(p256.key, p256.key), SL_ERR_INVALID, false, "no PEM certificate in it");
    expect(load_texts(p256.cert, ""), SL_ERR_INVALID, true, "is empty");
    expect(load_texts(p256.cert, "hello\n"), SL_ERR_INVALID, true, "no PEM private key in it");
    expect(load_texts(p256.cert, p256.cert), SL_ERR_INVALID, true, "no PEM private key in it");
}

static void damaged_files_are_refused(void **state)
{
    static struct cert_pem bad;
    bad = p256;
    bad.cert[200] = bad.cert[200] == 'A' ? 'B' : 'A';
    bad.cert[100] = '!';
    expect(load_texts(bad.cert, p256.key), SL_ERR_INVALID, false, "malformed");
    bad = p256;
    memset(strchr(bad.key, '\n') + 1, 'A', 20);
    expect(load_texts(p256.cert, bad.key), SL_ERR_INVALID, true, "malformed");
    bad = p256;
    *strstr(bad.cert, "-----END") = '\0';
    expect(load_texts(bad.cert, p256.key), SL_ERR_INVALID, false, "malformed");
}

static void a_chain_with_a_hole_is_refused(void **state)
{
    static char chain[2 * PEM_CAP];
    snprintf(chain, sizeof(chain), "%s%s", p256.cert, p384.cert);
    char *second = chain + strlen(p256.cert);
    memset(strchr(second, '\n') + 1, 'A', 40);
    expect(load_texts(chain, p256.key), SL_ERR_INVALID, false,
           "certificate number 2: it is malformed");
}

static void encrypted_keys_are_refused(void **state)
{
    /* Only the labels matter: nothing of it is decrypted. */
    expect(load_texts(p256.cert, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                                 "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                                 "AAAAAAAAAAAAAAAAAAAAAA==\n-----END EC PRIVATE KEY-----\n"),
           SL_ERR_UNSUPPORTED, true, "is encrypted");
    expect(load_texts(p256.cert, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                                 "-----END ENCRYPTED PRIVATE KEY-----\n"),
           SL_ERR_UNSUPPORTED, true, "is encrypted");
}

static void weak_and_unknown_keys_are_refused(void **state)
{
    static struct cert_pem pem;
    cert_make(&(struct cert_spec){.rsa_bits = 1024}, &pem);
    expect(load_texts(pem.cert, pem.key), SL_ERR_UNSUPPORTED, false,
           "its key is RSA of 1024 bits; supported are RSA keys of 2048 to 8192 bits");
    expect(load_texts(rsa2048.cert, pem.key), SL_ERR_UNSUPPORTED, true,
           "its key is RSA of 1024 bits; supported are RSA keys of 2048 to 8192 bits");
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256K1}, &pem);
    expect(load_texts(pem.cert, pem.key), SL_ERR_UNSUPPORTED, false, "its key is ECDSA on");
    expect(load_texts(p256.cert, pem.key), SL_ERR_UNSUPPORTED, true, "its key is ECDSA on");
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_BP256R1}, &pem);
    expect(load_texts(pem.cert, pem.key), SL_ERR_UNSUPPORTED, false, "its key is ECDSA on");
    /* An Ed25519 key, which is public: the seed of RFC 8032 7.1, test 1. */
    expect(load_texts(p256.cert,
                      "-----BEGIN PRIVATE KEY-----\n"
                      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                      "-----END PRIVATE KEY-----\n"),
           SL_ERR_UNSUPPORTED, true, "its key is Ed25519; supported are");
}

/* Self-signed with Ed25519. */
static const char odd_cert[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBUzCCAQWgAwIBAgIUeSAElNRD4eNmZk16/cklUnkwPmQwBQYDK2VwMBQxEjAQ\n"
                               "BgNVBAMMCWxvY2FsaG9zdDAeFw0yNjExMjExNTIzNTNaFw0yNjEyMjExNTIzNTNa\n"
                               "MBQxEjAQBgNVBAMMCWxvY2FsaG9zdDAqMAUGAytlcAMhABx2SjM6nnZC80H1/dXG\n"
                               "SUe6JVJDkH75dEHYCPvn/9i3o2kwZzAdBgNVHQ4EFgQUmqjJjRhg3H1ZQqDpn7sk\n"
                               "uawQqg0wHwYDVR0jBBgwFoAUmqjJjRhg3H1ZQqDpn7skuawQqg0wDwYDVR0TAQH/\n"
                               "BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwBQYDK2VwA0EATm5CZD25UVCc\n"
                               "5z29TjcLkdVNsk4Bddol0+pyNcDDq84CZgQI3vB56mDQI9gIu6F4YkPU24vp7zHy\n"
                               "qx0VRkKqBw==\n"
                               "-----END CERTIFICATE-----\n";

/* What is looked up in certificates and keys that mbedTLS cannot read, may be anything. */
static void damaged_odd_ones_do_no_harm(void **state)
{
    const char *const texts[] = {odd_cert, p256.key, rsa2048.key};
    for (size_t i = 0; i < SL_N_ELEMENTS(texts); i++) {
        static char bad[PEM_CAP];
        size_t n = strlen(texts[i]), n_ends = i == 0 ? 26 : 30;
        for (size_t at = 28; at + n_ends < n; at++) {
            memcpy(bad, texts[i], n + 1);
            if (bad[at] == '\n')
                continue;
            bad[at] = bad[at] == 'A' ? '/' : 'A';
            struct outcome o = i == 0 ? load_texts(bad, p256.key) : load_texts(p256.cert, bad);
            if (i == 0)
                assert_int_not_equal(o.err, 0);
            if (o.err)
                assert_true(strlen(o.why) > 0);
        }
    }
}

static void certificates_that_may_not_serve_are_refused(void **state)
{
    static struct cert_pem pem;
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1,
                                  .key_usage = MBEDTLS_X509_KU_KEY_CERT_SIGN},
              &pem);
    expect(load_texts(pem.cert, pem.key), SL_ERR_INVALID, false, "digital signatures");
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1,
                                  .ext_key_usage = MBEDTLS_OID_CLIENT_AUTH,
                                  .n_ext_key_usage = MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)},
              &pem);
    expect(load_texts(pem.cert, pem.key), SL_ERR_INVALID, false, "does not permit servers");
}

static void expired_certificates_load(void **state)
{
    static struct cert_pem pem;
    struct sl_identity *identity = NULL;
    char buf[256];
    struct sl_str why;
    bool is_key;
    cert_make(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1,
                                  .from = "20200102030405",
                                  .to = "20200229235959"},
              &pem);
    sl_str_init(&why, buf, sizeof(buf));
    assert_int_equal(sl_identity_load(scratch_file("c.pem", pem.cert),
                                      scratch_file("k.pem", pem.key), &identity, &is_key, &why),
                     0);
    assert_int_equal(sl_identity_not_before(identity), 1577934245);
    assert_int_equal(sl_identity_not_after(identity), 1583020799);
    sl_identity_free(&identity);
    assert_null(identity);
}

static void unreadable_files_are_told_apart(void **state)
{
    const char *cert = scratch_file("c.pem", p256.cert), *key = scratch_file("k.pem", p256.key);
    struct outcome o = load_paths("/nonexistent/c.pem", key);
    expect(o, SL_ERR_NOT_FOUND, false, "no such file");
    expect(load_paths(cert, "/nonexistent/k.pem"), SL_ERR_NOT_FOUND, true, "no such file");
    o = load_paths("/tmp", key);
    assert_int_equal(o.err, SL_ERR_INVALID);
    assert_string_equal(o.why, "/tmp: is not a regular file");
    o = load_paths("/dev/zero", key);
    assert_int_equal(o.err, SL_ERR_INVALID);
    assert_string_equal(o.why, "/dev/zero: is not a regular file");
    if (geteuid() != 0) { /* root may read everything */
        assert_int_equal(chmod(key, 0), 0);
        expect(load_paths(cert, key), SL_ERR_DENIED, true, "permission denied");
        assert_int_equal(chmod(key, 0600), 0);
    }
    assert_int_equal(truncate(cert, 1024 * 1024), 0);
    expect(load_paths(cert, key), SL_ERR_INVALID, false, "is not text");
    assert_int_equal(truncate(cert, 1024 * 1024 + 1), 0);
    expect(load_paths(cert, key), SL_ERR_INVALID, false, "is larger than 1 MiB");
}

static void a_fifo_does_not_hang(void **state)
{
    const char *path = scratch_file("c.pem", "x");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(load_paths(path, path), SL_ERR_INVALID, false, "is not a regular file");
}

/* Names of the leaf, and what they cover. */
static const struct {
    struct cert_spec spec;
    const char *covers[8], *not_covers[12];
} coverage[] = {
    {{.dns = {"example.org", "*.Wild.example.org"}, .ip = {"192.0.2.7", "2001:db8::7"}},
     {"example.org", "EXAMPLE.ORG", "example.org.", "a.wild.example.org", "A.WILD.EXAMPLE.ORG.",
      "192.0.2.7", "2001:db8::7", "2001:0db8:0::0007"},
     {"", ".", "org", "www.example.org", "example.org..", "wild.example.org", ".wild.example.org",
      "a.b.wild.example.org", "192.0.2.8", "2001:db8::8", "example.orgx", "xexample.org"}},
    /* The CN counts only without a subjectAltName. */
    {{.subject = "CN=cn.example.org"}, {"cn.example.org", "CN.example.ORG"}, {"example.org"}},
    {{.subject = "CN=*.cn.example.org"}, {"a.cn.example.org"}, {"cn.example.org"}},
    {{.subject = "CN=cn.example.org", .dns = {"san.example.org"}},
     {"san.example.org"},
     {"cn.example.org"}},
    {{.subject = "CN=cn.example.org", .ip = {"192.0.2.1"}}, {"192.0.2.1"}, {"cn.example.org"}},
    /* An address is not a name. */
    {{.subject = "CN=192.0.2.1"}, {NULL}, {"192.0.2.1"}},
    {{.dns = {"192.0.2.1", "*.0.2.1"}}, {NULL}, {"192.0.2.1"}},
    /* Only a whole left-most label is a wildcard. */
    {{.dns = {"w*.example.org", "*"}},
     {"w*.example.org"},
     {"www.example.org", "example", "example.org"}},
    {{.dns = {"a.*.example.org"}}, {NULL}, {"a.b.example.org"}},
};

static void names_are_covered(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(coverage); i++) {
        struct cert_spec spec = coverage[i].spec;
        spec.curve = MBEDTLS_ECP_DP_SECP256R1;
        struct sl_identity *identity = identity_of(&spec);
        for (size_t j = 0; j < 8 && coverage[i].covers[j]; j++)
            if (!sl_identity_covers(identity, sl_span_str(coverage[i].covers[j])))
                fail_msg("row %zu does not cover %s", i, coverage[i].covers[j]);
        for (size_t j = 0; j < 12 && coverage[i].not_covers[j]; j++)
            if (sl_identity_covers(identity, sl_span_str(coverage[i].not_covers[j])))
                fail_msg("row %zu covers %s", i, coverage[i].not_covers[j]);
        assert_false(sl_identity_covers(identity, SL_SPAN("example.org\0.evil.example")));
        assert_false(sl_identity_covers(identity, SL_SPAN("192.0.2.7\0")));
        assert_false(sl_identity_covers(identity, (struct sl_span){0}));
        sl_identity_free(&identity);
    }
}

static void identities_describe_themselves(void **state)
{
    char buf[512];
    struct sl_str s;
    struct sl_identity *identity = identity_of(&(struct cert_spec){
        .curve = MBEDTLS_ECP_DP_SECP256R1,
        .subject = "O=Ex,CN=example.org",
        .dns = {"example.org", "e\x01vil\"\n"},
        .ip = {"192.0.2.7", "2001:db8::7"},
    });
    sl_str_init(&s, buf, sizeof(buf));
    sl_identity_describe(identity, &s);
    assert_string_equal(buf, "O=Ex, CN=example.org (DNS:example.org, DNS:e?vil\"?, IP:192.0.2.7, "
                             "IP:2001:db8::7)");
    assert_int_equal(sl_identity_key_type(identity), SL_KEY_ECDSA);
    sl_identity_free(&identity);

    identity = identity_of(&(struct cert_spec){.curve = MBEDTLS_ECP_DP_SECP256R1});
    sl_str_init(&s, buf, sizeof(buf));
    sl_identity_describe(identity, &s);
    assert_string_equal(buf, "CN=test");
    sl_identity_free(&identity);
    assert_int_equal(sl_identity_key_type(identity_rsa()), SL_KEY_RSA);
}

static void self_signed_ones_serve(void **state)
{
    static const char *const names[] = {"localhost", "*.dev.example.org", "127.0.0.1", "::1"};
    struct sl_identity *identity = NULL, *other = NULL;
    char buf[4096];
    struct sl_str s;
    uint8_t hash[32], hash_of_pem[32], hash_of_other[32];
    int64_t now = time(NULL);
    assert_int_equal(sl_identity_self_sign(names, 4, 30, &identity), 0);
    assert_int_equal(sl_identity_self_sign(names, 4, 30, &other), 0);
    for (size_t i = 0; i < 4; i++)
        assert_true(sl_identity_covers(identity, sl_span_str(names[i])));
    assert_true(sl_identity_covers(identity, SL_SPAN("a.dev.example.org")));
    assert_false(sl_identity_covers(identity, SL_SPAN("example.org")));
    assert_int_equal(sl_identity_key_type(identity), SL_KEY_ECDSA);
    assert_in_range(sl_identity_not_before(identity), now - 3700, now - 3500);
    assert_int_equal(sl_identity_not_after(identity) - sl_identity_not_before(identity),
                     30 * 86400);
    sl_str_init(&s, buf, sizeof(buf));
    sl_identity_describe(identity, &s);
    assert_string_equal(buf, "CN=localhost (DNS:localhost, DNS:*.dev.example.org, IP:127.0.0.1, "
                             "IP:::1)");

    /* What is written out is the same certificate, and verifies with itself as its anchor. */
    sl_str_init(&s, buf, sizeof(buf));
    assert_int_equal(sl_identity_write_pem(identity, &s), 0);
    mbedtls_x509_crt crt;
    uint32_t flags = 0;
    mbedtls_x509_crt_init(&crt);
    assert_int_equal(mbedtls_x509_crt_parse(&crt, (unsigned char *)buf, s.len + 1), 0);
    assert_int_equal(mbedtls_sha256(crt.raw.p, crt.raw.len, hash_of_pem, 0), 0);
    assert_int_equal(mbedtls_x509_crt_verify(&crt, &crt, NULL, "localhost", &flags, NULL, NULL), 0);
    assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&crt), 0);
    mbedtls_x509_crt_free(&crt);
    sl_identity_fingerprint(identity, hash);
    sl_identity_fingerprint(other, hash_of_other);
    assert_memory_equal(hash, hash_of_pem, 32);
    assert_memory_not_equal(hash, hash_of_other, 32);

    char small[64];
    sl_str_init(&s, small, sizeof(small));
    assert_int_equal(sl_identity_write_pem(identity, &s), SL_ERR_LIMIT);
    sl_identity_free(&identity);
    sl_identity_free(&other);
}

static void self_signing_refuses_what_is_no_name(void **state)
{
    static const char *const bad[] = {"", "a,CN=b", "a b", "a/b", "*", "a.*.b", "exämple.org"};
    const char *name = "example.org";
    struct sl_identity *identity = NULL;
    for (size_t i = 0; i < SL_N_ELEMENTS(bad); i++)
        if (sl_identity_self_sign(&bad[i], 1, 1, &identity) != SL_ERR_INVALID)
            fail_msg("\"%s\" was signed", bad[i]);
    assert_int_equal(sl_identity_self_sign(&name, 0, 1, &identity), SL_ERR_INVALID);
    assert_int_equal(sl_identity_self_sign(&name, 1, 0, &identity), SL_ERR_INVALID);
    assert_int_equal(sl_identity_self_sign(&name, 1, 36501, &identity), SL_ERR_INVALID);
    assert_null(identity);
    /* Longer than a CN may be: the subject then says who made it. */
    const char *longest = "a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.example";
    assert_int_equal(sl_identity_self_sign(&longest, 1, 36500, &identity), 0);
    assert_true(sl_identity_covers(identity, sl_span_str(longest)));
    assert_true(sl_identity_not_after(identity) > 4000000000);
    char buf[256];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_identity_describe(identity, &s);
    assert_true(sl_span_starts(sl_str_span(&s), SL_SPAN("CN=sluice (DNS:a23456789.")));
    sl_identity_free(&identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_pairs_load),
        cmocka_unit_test(one_file_may_hold_both),
        cmocka_unit_test(a_chain_follows_its_leaf),
        cmocka_unit_test(other_peoples_keys_are_refused),
        cmocka_unit_test(what_is_no_pem_is_refused),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_chain_with_a_hole_is_refused),
        cmocka_unit_test(encrypted_keys_are_refused),
        cmocka_unit_test(weak_and_unknown_keys_are_refused),
        cmocka_unit_test(damaged_odd_ones_do_no_harm),
        cmocka_unit_test(certificates_that_may_not_serve_are_refused),
        cmocka_unit_test(expired_certificates_load),
        cmocka_unit_test(unreadable_files_are_told_apart),
        cmocka_unit_test(a_fifo_does_not_hang),
        cmocka_unit_test(names_are_covered),
        cmocka_unit_test(identities_describe_themselves),
        cmocka_unit_test(self_signed_ones_serve),
        cmocka_unit_test(self_signing_refuses_what_is_no_name),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, make_shared, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
