// SPDX-License-Identifier: Apache-2.0
/*
 * witness: see witness.h. Its limits are wider than those of any configuration: what it calls
 * unlawful is a matter of grammar. What it allocates is never made to fail.
 */
#include "witness.h"

#include "fake_private.h"
#include "harness.h"

static struct sl_parser *open_parser(enum sl_parser_kind kind)
{
    static const struct sl_parser_limits limits = {
        .head = {.head_bytes = 1 << 20, .target_bytes = 1 << 20, .n_fields = 1000},
        .trailer_bytes = 1 << 20,
        .chunk_line_bytes = 1 << 20,
    };
    struct sl_parser *parser = NULL;

    assert_int_equal(sl_parser_new(kind, &limits, &parser), 0);
    return parser;
}

void witness_free(struct witness *w)
{
    sl_parser_free(&w->requests);
    sl_parser_free(&w->responses);
}

/* ---- requests ---- */

static void note_request(struct witness *w)
{
    w->is_over |= w->n_asked - w->n_answered >= WITNESS_METHODS;
    w->is_mute |= w->is_over;
    w->methods[w->n_asked++ % WITNESS_METHODS] = (uint8_t)sl_parser_head(w->requests)->method;
}

static void read_requests(struct witness *w, struct sl_span in)
{
    while (!w->fault && !w->is_switching) {
        switch (sl_parser_feed(w->requests, &in)) {
        case SL_PARSE_MORE:
            return;
        case SL_PARSE_ERROR:
            w->fault = sl_parser_refusal(w->requests)->why;
            break;
        case SL_PARSE_HEAD:
            note_request(w);
            break;
        case SL_PARSE_BODY:
            break;
        case SL_PARSE_END:
            w->is_switching = sl_parser_framing(w->requests)->is_upgrade;
            sl_parser_reset(w->requests);
            break;
        }
    }
}

void witness_requests(struct witness *w, struct sl_span in)
{
    fake_n_own++;
    if (!w->requests)
        w->requests = open_parser(SL_PARSER_REQUEST);
    read_requests(w, in);
    fake_n_own--;
}

/* ---- responses ---- */

static bool is_to_a_request(const struct witness *w)
{
    return w->n_answered < w->n_asked;
}

/* Before the first byte of each response: by then its request was sent. */
static void expect(struct witness *w)
{
    sl_parser_expect(w->responses, is_to_a_request(w)
                                       ? (enum sl_method)w->methods[w->n_answered % WITNESS_METHODS]
                                       : SL_METHOD_GET);
}

/* To bytes that are no whole request an error may be said, once. */
static void note_response(struct witness *w)
{
    const struct sl_head *head = sl_parser_head(w->responses);

    if (!is_to_a_request(w) &&
        (head->status < 400 || sl_parser_framing(w->responses)->is_persistent))
        fail_msg("%u requests, and one response more: %d", w->n_asked, head->status);
    if (head->status < 200)
        return;
    /* sluice may not have taken it for a HEAD where it refused it. */
    w->is_mute =
        is_to_a_request(w) && w->methods[w->n_answered % WITNESS_METHODS] == SL_METHOD_HEAD;
}

static void end_response(struct witness *w)
{
    w->n_answered++;
    w->is_over = !sl_parser_framing(w->responses)->is_persistent ||
                 sl_parser_head(w->responses)->status == 101 ||
                 (w->is_switching && !is_to_a_request(w));
    w->is_mute |= w->is_switching;
    sl_parser_reset(w->responses);
    expect(w);
}

static void read_responses(struct witness *w, struct sl_span in)
{
    while (!w->is_over) {
        switch (sl_parser_feed(w->responses, &in)) {
        case SL_PARSE_MORE:
            return;
        case SL_PARSE_ERROR:
            fail_msg("a client reads: %s", sl_parser_refusal(w->responses)->why);
            return;
        case SL_PARSE_HEAD:
            note_response(w);
            break;
        case SL_PARSE_BODY:
            break;
        case SL_PARSE_END:
            end_response(w);
            break;
        }
    }
    if (in.len > 0 && !w->is_mute)
        fail_msg("%zu bytes behind the last response", in.len);
}

void witness_responses(struct witness *w, struct sl_span in)
{
    fake_n_own++;
    if (!w->responses)
        w->responses = open_parser(SL_PARSER_RESPONSE);
    if (!sl_parser_has_begun(w->responses))
        expect(w);
    read_responses(w, in);
    fake_n_own--;
}
