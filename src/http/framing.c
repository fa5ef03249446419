/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framing: how long is the body? The one decision (RFC 9112 section 6), and every rule about a head
 * whose breach would let two parsers disagree. The lexer has already seen to the bytes.
 *
 * The happy path: one look at Transfer-Encoding, Content-Length, Connection, and for requests at
 * Host, Expect and the target. What comes out is all that anybody needs to know of these fields;
 * the encoder writes them anew.
 *
 * Failure modes: a refusal, with a name of its own per rule. There is no repair: where the RFC lets
 * a recipient choose between mending and refusing, it is refused.
 *
 * Ownership: reads the head, keeps nothing; refusals are static text.
 */
#include <sluice/http/framing.h>

#include <sluice/http/target.h>

#include "bytes.h"

static int refuse(struct sl_refusal *out, int status, const char *rule, const char *why)
{
    *out = (struct sl_refusal){.status = status, .why = why, .rule = rule};
    return SL_ERR_INVALID;
}

static size_t count(const struct sl_head *head, enum sl_field_id id,
                    const struct sl_field **out_first)
{
    size_t n = 0;
    *out_first = sl_head_find(head, id, NULL);
    for (const struct sl_field *f = *out_first; f; f = sl_head_find(head, id, f))
        n++;
    return n;
}

/* 1*DIGIT (RFC 9112 6.3), up to 63 bits. No sign, no list, nothing else. */
static bool read_length(struct sl_span text, uint64_t *out_length)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!sl_is_digit(text.ptr[i]))
            return false;
        unsigned digit = (unsigned)(text.ptr[i] - '0');
        if (n > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out_length = n;
    return text.len > 0;
}

/*
 * Content-Length. RFC 9112 6.3 lets a recipient accept repeated identical values; that leniency has
 * no honest user and is refused.
 */
static int read_content_length(const struct sl_head *head, struct sl_framing *f,
                               struct sl_refusal *out_refusal)
{
    const struct sl_field *field;
    size_t n = count(head, SL_FIELD_CONTENT_LENGTH, &field);
    if (n > 1)
        return refuse(out_refusal, 400, "duplicate_content_length",
                      "There is more than one Content-Length.");
    if (n && !read_length(sl_head_value(head, field), &f->content_length))
        return refuse(out_refusal, 400, "bad_content_length",
                      "Content-Length is not a decimal number of bytes.");
    f->has_content_length = n == 1;
    return 0;
}

/* The members of all Transfer-Encoding fields (RFC 9112 6.1). Only a lone "chunked" is spoken. */
static int read_transfer_encoding(const struct sl_head *head, struct sl_refusal *out_refusal)
{
    size_t n_chunked = 0, n_others = 0;
    bool is_last_chunked = false;
    const struct sl_field *field = NULL;
    while ((field = sl_head_find(head, SL_FIELD_TRANSFER_ENCODING, field))) {
        struct sl_span rest = sl_head_value(head, field), member;
        if (!rest.len || rest.ptr[0] == ',' || rest.ptr[rest.len - 1] == ',')
            return refuse(out_refusal, 400, "bad_transfer_encoding",
                          "Transfer-Encoding has an empty member.");
        while (sl_list_next(&rest, &member)) {
            is_last_chunked = sl_span_ieq(member, SL_SPAN("chunked"));
            n_chunked += is_last_chunked;
            n_others += !is_last_chunked;
        }
    }
    if (n_chunked > 1)
        return refuse(out_refusal, 400, "bad_transfer_encoding",
                      "Transfer-Encoding names chunked twice.");
    if (n_chunked && !is_last_chunked) /* RFC 9112 6.3, rule 4 */
        return refuse(out_refusal, 400, "bad_transfer_encoding",
                      "Transfer-Encoding does not end in chunked.");
    if (n_others || !n_chunked)
        return refuse(out_refusal, 501, "unknown_coding",
                      "The only transfer coding spoken here is chunked.");
    return 0;
}

/* The part that is alike in both directions. *out_is_chunked */
static int read_lengths(const struct sl_head *head, struct sl_framing *f, bool *out_is_chunked,
                        struct sl_refusal *out_refusal)
{
    int err = read_content_length(head, f, out_refusal);
    if (err)
        return err;
    *out_is_chunked = sl_head_find(head, SL_FIELD_TRANSFER_ENCODING, NULL) != NULL;
    if (!*out_is_chunked)
        return 0;
    if (f->has_content_length) /* RFC 9112 6.3, rule 3 */
        return refuse(out_refusal, 400, "cl_and_te",
                      "There are both a Content-Length and a Transfer-Encoding.");
    if (head->minor == 0) /* RFC 9112 6.1: a sign of faulty framing */
        return refuse(out_refusal, 400, "te_in_1_0", "HTTP/1.0 has no Transfer-Encoding.");
    return read_transfer_encoding(head, out_refusal);
}

/* RFC 9112 9.3. */
static bool is_persistent(const struct sl_head *head)
{
    if (sl_head_lists(head, SL_FIELD_CONNECTION, SL_SPAN("close")))
        return false;
    return head->minor >= 1 || sl_head_lists(head, SL_FIELD_CONNECTION, SL_SPAN("keep-alive"));
}

/*
 * RFC 9110 7.8. Upgrade counts when Connection nominates it, and never in HTTP/1.0. An upgrade to
 * h2c is ignored, as any server may: it would open a tunnel in which requests pass that nobody
 * checks.
 */
static bool is_upgrade(const struct sl_head *head)
{
    return head->minor >= 1 && sl_head_find(head, SL_FIELD_UPGRADE, NULL) &&
           sl_head_lists(head, SL_FIELD_CONNECTION, SL_SPAN("upgrade")) &&
           !sl_head_lists(head, SL_FIELD_UPGRADE, SL_SPAN("h2c"));
}

/* The forms of RFC 9112 3.2 and the methods they belong to. */
static int check_target(const struct sl_head *head, struct sl_refusal *out_refusal)
{
    struct sl_target target;
    if (head->method == SL_METHOD_CONNECT)
        return refuse(out_refusal, 501, "connect",
                      "CONNECT is not supported: this server is no forward proxy.");
    if (sl_target_read(sl_head_target(head), &target) || target.form == SL_TARGET_AUTHORITY)
        return refuse(out_refusal, 400, "bad_target",
                      "The request target is neither a path nor an absolute http(s) URI.");
    if (target.form == SL_TARGET_ASTERISK && head->method != SL_METHOD_OPTIONS)
        return refuse(out_refusal, 400, "bad_target", "The target * belongs to OPTIONS only.");
    return 0;
}

/* RFC 9112 3.2: exactly one valid Host, which only HTTP/1.0 may leave out. An empty one is for
   targets without authority, and those are not served here. */
static int check_host(const struct sl_head *head, struct sl_refusal *out_refusal)
{
    struct sl_span name, port;
    const struct sl_field *field;
    size_t n = count(head, SL_FIELD_HOST, &field);
    if (n == 0)
        return head->minor == 0 ? 0
                                : refuse(out_refusal, 400, "no_host", "There is no Host field.");
    if (n > 1)
        return refuse(out_refusal, 400, "duplicate_host", "There is more than one Host field.");
    if (sl_host_read(sl_head_value(head, field), &name, &port))
        return refuse(out_refusal, 400, "bad_host", "Host is not a host with an optional port.");
    return 0;
}

/* RFC 9110 10.1.1: 100-continue is the only expectation, and HTTP/1.0 has none. Said twice it may
   be none to one server and two to another. */
static int read_expect(const struct sl_head *head, struct sl_framing *f,
                       struct sl_refusal *out_refusal)
{
    const struct sl_field *field = NULL;
    bool is_expected = false;
    while ((field = sl_head_find(head, SL_FIELD_EXPECT, field))) {
        if (is_expected || !sl_span_ieq(sl_head_value(head, field), SL_SPAN("100-continue")))
            return refuse(out_refusal, 417, "bad_expect",
                          "The only expectation that can be met here is 100-continue, said once.");
        is_expected = true;
    }
    f->expects_continue = is_expected && head->minor >= 1 && f->body != SL_BODY_NONE;
    return 0;
}

int sl_framing_of_request(const struct sl_head *head, struct sl_framing *out_framing,
                          struct sl_refusal *out_refusal)
{
    bool is_chunked = false;
    struct sl_framing f = {0};
    int err = check_target(head, out_refusal);
    if (!err)
        err = check_host(head, out_refusal);
    if (!err)
        err = read_lengths(head, &f, &is_chunked, out_refusal);
    if (err)
        return err;
    /* RFC 9112 6.3, rules 4, 6 and 7 */
    f.body = is_chunked ? SL_BODY_CHUNKED : f.content_length ? SL_BODY_LENGTH : SL_BODY_NONE;
    f.is_persistent = is_persistent(head);
    f.is_upgrade = is_upgrade(head);
    if (head->method == SL_METHOD_TRACE && f.body != SL_BODY_NONE) /* RFC 9110 9.3.8 */
        return refuse(out_refusal, 400, "trace_with_body", "TRACE must not have a body.");
    err = read_expect(head, &f, out_refusal);
    if (!err)
        *out_framing = f;
    return err;
}

/*
 * A 101 names the protocol that follows (RFC 9110 7.8, 15.2.2), and has neither a body nor what
 * announces one (RFC 9110 8.6, RFC 9112 6.1): where does the new protocol begin else? There are
 * servers that send `Content-Length: 0`; that has one reading.
 */
static int check_switch(const struct sl_head *head, const struct sl_framing *f, bool is_chunked,
                        struct sl_refusal *out_refusal)
{
    if (is_chunked || f->content_length)
        return refuse(out_refusal, 502, "switch_with_body",
                      "It switched protocols and announced a body.");
    if (!is_upgrade(head))
        return refuse(out_refusal, 502, "switch_to_nothing",
                      "It switched protocols without saying to which.");
    return 0;
}

int sl_framing_of_response(const struct sl_head *head, enum sl_method request_method,
                           struct sl_framing *out_framing, struct sl_refusal *out_refusal)
{
    bool is_chunked = false;
    struct sl_framing f = {0};
    if (read_lengths(head, &f, &is_chunked, out_refusal)) {
        out_refusal->status = 502;
        return SL_ERR_INVALID;
    }
    f.is_persistent = is_persistent(head);
    f.is_upgrade = head->status == 101;
    if (f.is_upgrade && check_switch(head, &f, is_chunked, out_refusal))
        return SL_ERR_INVALID;
    /* RFC 9112 6.3, rules 1, 4, 6 and 8. Rule 2 (CONNECT) cannot occur. */
    if (request_method == SL_METHOD_HEAD || head->status < 200 || head->status == 204 ||
        head->status == 304) {
        f.body = SL_BODY_NONE;
        /* A length where there can be no body (RFC 9110 8.6): bytes may follow that are no
         * response. */
        if ((head->status < 200 || head->status == 204) && (is_chunked || f.content_length))
            f.is_persistent = false;
    } else if (is_chunked) {
        f.body = SL_BODY_CHUNKED;
    } else if (f.has_content_length) {
        f.body = f.content_length ? SL_BODY_LENGTH : SL_BODY_NONE;
    } else {
        f.body = SL_BODY_EOF;
        f.is_persistent = false;
    }
    *out_framing = f;
    return 0;
}
