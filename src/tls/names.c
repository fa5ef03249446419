// SPDX-License-Identifier: Apache-2.0
/*
 * names: which names an identity's leaf is good for.
 *
 * The names are the subjectAltName entries of type DNS and IP address; the subject's CN counts only
 * where there is no subjectAltName at all (RFC 6125 6.4.4). A wildcard is the whole left-most label
 * and stands for exactly one label (6.4.3). Comparison is ASCII, case-insensitive, without a final
 * dot. A name that is an address matches only addresses, and never a wildcard.
 *
 * Nothing here fails or allocates.
 */
#include "identity.h"

#include <arpa/inet.h>

#include <mbedtls/oid.h>

#define NAME_CAP 256 /* the longest DNS name has 253 characters */

static bool is_san(const mbedtls_x509_sequence *entry, unsigned type)
{
    return entry->buf.p && (entry->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == (int)type;
}

static struct sl_span common_name(const mbedtls_x509_crt *leaf)
{
    struct sl_span cn = {0};
    for (const mbedtls_x509_name *part = &leaf->subject; part; part = part->next)
        if (part->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) == 0)
            cn = sl_span(part->val.p, part->val.len);
    return cn;
}

/* Bytes of the address that the text is, or 0. */
static size_t read_ip(struct sl_span text, uint8_t out_bytes[16])
{
    char buf[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(buf))
        return 0;
    memcpy(buf, text.ptr, text.len);
    buf[text.len] = '\0';
    if (strlen(buf) != text.len)
        return 0;
    if (inet_pton(AF_INET, buf, out_bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, buf, out_bytes) == 1 ? 16 : 0;
}

static bool dns_matches(struct sl_span pattern, struct sl_span name)
{
    if (pattern.len && pattern.ptr[pattern.len - 1] == '.')
        pattern.len--;
    if (!sl_span_starts(pattern, SL_SPAN("*.")))
        return pattern.len > 0 && sl_span_ieq(pattern, name);
    const char *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;
    if (!dot || dot == name.ptr)
        return false;
    return sl_span_ieq(sl_span_skip(pattern, 1), sl_span_skip(name, (size_t)(dot - name.ptr)));
}

bool sl_identity_covers(const struct sl_identity *identity, struct sl_span name)
{
    const mbedtls_x509_crt *leaf = &identity->chain;
    uint8_t ip[16];
    size_t n_ip = read_ip(name, ip);
    if (name.len && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0)
        return false;
    if (!leaf->subject_alt_names.buf.p)
        return !n_ip && dns_matches(common_name(leaf), name);
    for (const mbedtls_x509_sequence *entry = &leaf->subject_alt_names; entry;
         entry = entry->next) {
        if (n_ip && is_san(entry, MBEDTLS_X509_SAN_IP_ADDRESS) &&
            sl_span_eq(sl_span(entry->buf.p, entry->buf.len), sl_span(ip, n_ip)))
            return true;
        if (!n_ip && is_san(entry, MBEDTLS_X509_SAN_DNS_NAME) &&
            dns_matches(sl_span(entry->buf.p, entry->buf.len), name))
            return true;
    }
    return false;
}

/* What a certificate says of itself may be anything: only printable ASCII is passed on. */
static void add_printable(struct sl_str *s, struct sl_span text)
{
    for (size_t i = 0; i < text.len; i++)
        sl_str_add_char(s, text.ptr[i] > ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '?');
}

static void add_ip(struct sl_str *s, const mbedtls_x509_buf *buf)
{
    char text[INET6_ADDRSTRLEN];
    int family = buf->len == 4 ? AF_INET : AF_INET6;
    if ((buf->len == 4 || buf->len == 16) && inet_ntop(family, buf->p, text, sizeof(text)))
        sl_str_addz(s, text);
    else
        sl_str_add_char(s, '?');
}

void sl_identity_first_name(const struct sl_identity *identity, struct sl_str *s)
{
    const mbedtls_x509_crt *leaf = &identity->chain;
    for (const mbedtls_x509_sequence *entry = &leaf->subject_alt_names; entry;
         entry = entry->next) {
        if (is_san(entry, MBEDTLS_X509_SAN_DNS_NAME)) {
            sl_str_add(s, sl_span(entry->buf.p, entry->buf.len));
            return;
        }
        if (is_san(entry, MBEDTLS_X509_SAN_IP_ADDRESS)) {
            add_ip(s, &entry->buf);
            return;
        }
    }
    sl_str_add(s, common_name(leaf));
}

void sl_identity_describe(const struct sl_identity *identity, struct sl_str *s)
{
    const mbedtls_x509_crt *leaf = &identity->chain;
    char subject[NAME_CAP];
    int n = mbedtls_x509_dn_gets(subject, sizeof(subject), &leaf->subject);
    sl_str_addz(s, n > 0 ? subject : "no subject");
    const char *before = " (";
    for (const mbedtls_x509_sequence *entry = &leaf->subject_alt_names; entry;
         entry = entry->next) {
        bool is_dns = is_san(entry, MBEDTLS_X509_SAN_DNS_NAME);
        if (!is_dns && !is_san(entry, MBEDTLS_X509_SAN_IP_ADDRESS))
            continue;
        sl_str_addz(s, before);
        before = ", ";
        sl_str_addz(s, is_dns ? "DNS:" : "IP:");
        if (is_dns)
            add_printable(s, sl_span(entry->buf.p, entry->buf.len));
        else
            add_ip(s, &entry->buf);
    }
    if (before[0] == ',')
        sl_str_add_char(s, ')');
}
