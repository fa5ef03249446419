/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strict: a state per place in the grammar of RFC 9112, one step per byte, and tight loops where
 * many bytes of a kind follow each other.
 *
 * The happy path: a head goes through once, each run of name, value or target by one table look-up
 * a byte, and then to llhttp, which parses it. What ends here and would get past llhttp 9.2 with no
 * lenient flag set: more than one blank between the parts of a request line, a bare CR after a
 * status line, HTTP/0.9, RTSP and ICE request lines, empty lines without end before a start line,
 * names and targets of any length, and chunk sizes of 64 bits. What llhttp refuses too is refused
 * here first, so that every refusal has a status, a sentence and a name of ours, whatever llhttp's
 * version.
 *
 * Failure modes: the first byte without a place in the grammar, or over a limit, ends it. The
 * verdict does not depend on how the bytes were split, since every decision is made at one byte.
 *
 * Ownership: plain values; nothing is allocated, no byte is kept.
 */
#include "strict.h"

#include "bytes.h"

#define REFUSAL(name_, status_, why_)                                                              \
    static const struct sl_refusal name_ = {.status = (status_), .why = (why_), .rule = #name_}

REFUSAL(bad_request_line, 400,
        "The request line is not: method, one space, target, one space, "
        "HTTP/1.1.");
REFUSAL(bad_status_line, 502,
        "The status line is not: HTTP/1.1, one space, a status from 100 to 599, "
        "a reason.");
REFUSAL(bad_method, 400, "The method is not a token.");
REFUSAL(bad_target, 400, "The request target holds a byte that no URI may hold.");
REFUSAL(target_too_long, 414, "The request target is longer than this server accepts.");
REFUSAL(http_0_9, 505, "HTTP/0.9 is not spoken here; use HTTP/1.1.");
REFUSAL(http_2, 505, "HTTP/2 is not spoken here without being negotiated; use HTTP/1.1.");
REFUSAL(bad_version, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
REFUSAL(bare_cr, 400, "A carriage return without a line feed.");
REFUSAL(bare_lf, 400, "A line feed without a carriage return.");
REFUSAL(obs_fold, 400, "A field is continued on a second line (obs-fold).");
REFUSAL(blank_before_field, 400, "A blank before the first field.");
REFUSAL(empty_field_name, 400, "A field has no name.");
REFUSAL(bad_field_name, 400, "A field name holds a byte that no token may hold.");
REFUSAL(blank_before_colon, 400, "A blank between a field name and its colon.");
REFUSAL(no_colon, 400, "A field line has no colon.");
REFUSAL(nul_byte, 400, "A NUL byte.");
REFUSAL(control_byte, 400, "A control byte in a field value.");
REFUSAL(too_many_fields, 431, "More header fields than this server accepts.");
REFUSAL(head_too_big, 431, "The header is larger than this server accepts.");
REFUSAL(too_many_trailers, 431, "More trailer fields than this server accepts.");
REFUSAL(trailers_too_big, 431, "The trailer section is larger than this server accepts.");
REFUSAL(bad_chunk_size, 400, "A chunk does not begin with its size in hexadecimal digits.");
REFUSAL(chunk_overflow, 400, "A chunk size does not fit in 63 bits.");
REFUSAL(chunk_line_too_long, 400, "A chunk size line is longer than this server accepts.");
REFUSAL(bad_chunk_extension, 400, "A chunk extension is malformed.");

enum {
    /* request line */
    METHOD_FIRST,
    METHOD,
    TARGET_FIRST,
    TARGET,
    /* version, of either line */
    VERSION,
    MAJOR,
    DOT,
    MINOR,
    /* status line */
    STATUS_BLANK,
    STATUS_1,
    STATUS_2,
    STATUS_3,
    STATUS_END,
    REASON,
    /* ends of the start line */
    LINE_CR,
    LINE_LF,
    /* fields */
    FIELD,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
};

void sl_strict_init(struct sl_strict *s, enum sl_strict_kind kind,
                    const struct sl_head_limits *limits, uint32_t max_bytes)
{
    static const uint8_t first[] = {
        [SL_STRICT_REQUEST] = METHOD_FIRST,
        [SL_STRICT_RESPONSE] = VERSION,
        [SL_STRICT_TRAILERS] = FIELD,
    };
    *s = (struct sl_strict){
        .kind = (uint8_t)kind,
        .state = first[kind],
        .max_bytes = max_bytes,
        .max_target = limits->target_bytes,
        .max_fields = limits->n_fields,
    };
}

static bool is_request(const struct sl_strict *s)
{
    return s->kind == SL_STRICT_REQUEST;
}

/* A byte with no place in the start line. */
static const struct sl_refusal *bad_line(const struct sl_strict *s, char c)
{
    if (c == '\n')
        return &bare_lf;
    if (c == '\0')
        return &nul_byte;
    return is_request(s) ? &bad_request_line : &bad_status_line;
}

/* One byte of "HTTP/1.x". NULL, or the refusal. RFC 9112 2.3: the name is case-sensitive, and a
   version is one digit, a dot, one digit. */
static const struct sl_refusal *step_version(struct sl_strict *s, char c)
{
    static const char http[] = "HTTP/";
    switch (s->state) {
    case VERSION:
        if (c != http[s->n_matched])
            return bad_line(s, c);
        if (++s->n_matched == sizeof(http) - 1)
            s->state = MAJOR;
        return NULL;
    case MAJOR:
        if (!sl_is_digit(c))
            return bad_line(s, c);
        s->state = DOT;
        return c == '1' ? NULL : c == '2' ? &http_2 : &bad_version;
    case DOT:
        s->state = MINOR;
        return c == '.' ? NULL : bad_line(s, c);
    default:
        if (!sl_is_digit(c))
            return bad_line(s, c);
        s->state = is_request(s) ? LINE_CR : STATUS_BLANK;
        return c == '0' || c == '1' ? NULL : &bad_version;
    }
}

static const struct sl_refusal *step_request_line(struct sl_strict *s, char c)
{
    switch (s->state) {
    case METHOD_FIRST:
    case METHOD:
        if (sl_byte_is(c, SL_BYTE_TOKEN))
            s->state = METHOD;
        else if (c == ' ' && s->state == METHOD)
            s->state = TARGET_FIRST;
        else if (c == ' ' || c == '\r' || c == '\n' || c == '\0')
            return bad_line(s, c);
        else
            return &bad_method;
        return NULL;
    case TARGET_FIRST:
    case TARGET:
        if (sl_byte_is(c, SL_BYTE_TARGET)) {
            s->state = TARGET;
            return ++s->n_target > s->max_target ? &target_too_long : NULL;
        }
        if (s->state == TARGET_FIRST)
            return bad_line(s, c);
        if (c == '\r')
            return &http_0_9; /* a request line without version */
        if (c != ' ')
            return c == '\n' || c == '\0' ? bad_line(s, c) : &bad_target;
        s->state = VERSION;
        return NULL;
    default:
        return step_version(s, c);
    }
}

/* RFC 9112 section 4. The blank after the status may be missing when there is no reason: old
   servers write so, and it has one reading. */
static const struct sl_refusal *step_status_line(struct sl_strict *s, char c)
{
    switch (s->state) {
    case STATUS_BLANK:
        s->state = STATUS_1;
        return c == ' ' ? NULL : bad_line(s, c);
    case STATUS_1: /* RFC 9110 section 15: 100 to 599 */
        s->state = STATUS_2;
        return c >= '1' && c <= '5' ? NULL : bad_line(s, c);
    case STATUS_2:
        s->state = STATUS_3;
        return sl_is_digit(c) ? NULL : bad_line(s, c);
    case STATUS_3:
        s->state = STATUS_END;
        return sl_is_digit(c) ? NULL : bad_line(s, c);
    case STATUS_END:
        if (c != ' ' && c != '\r')
            return bad_line(s, c);
        s->state = c == ' ' ? REASON : LINE_LF;
        return NULL;
    case REASON:
        if (c == '\r')
            s->state = LINE_LF;
        else if (!sl_byte_is(c, SL_BYTE_VALUE))
            return bad_line(s, c);
        return NULL;
    default:
        return step_version(s, c);
    }
}

/* The first byte of a line after the start line. */
static const struct sl_refusal *step_field(struct sl_strict *s, char c)
{
    if (sl_byte_is(c, SL_BYTE_TOKEN)) {
        s->state = NAME;
        if (++s->n_fields <= s->max_fields)
            return NULL;
        return s->kind == SL_STRICT_TRAILERS ? &too_many_trailers : &too_many_fields;
    }
    switch (c) {
    case '\r':
        s->state = END_LF;
        return NULL;
    case ' ':
    case '\t':
        return s->n_fields ? &obs_fold : &blank_before_field;
    case ':':
        return &empty_field_name;
    case '\n':
        return &bare_lf;
    case '\0':
        return &nul_byte;
    default:
        return &bad_field_name;
    }
}

static const struct sl_refusal *step_name_or_value(struct sl_strict *s, char c)
{
    if (s->state == NAME) {
        if (c == ':')
            s->state = VALUE;
        else if (c == ' ' || c == '\t')
            return &blank_before_colon;
        else if (c == '\r' || c == '\n')
            return &no_colon;
        else if (c == '\0')
            return &nul_byte;
        else if (!sl_byte_is(c, SL_BYTE_TOKEN))
            return &bad_field_name;
        return NULL;
    }
    if (c == '\r')
        s->state = VALUE_LF;
    else if (c == '\n')
        return &bare_lf;
    else if (c == '\0')
        return &nul_byte;
    else if (!sl_byte_is(c, SL_BYTE_VALUE))
        return &control_byte;
    return NULL;
}

static const struct sl_refusal *step(struct sl_strict *s, char c)
{
    switch (s->state) {
    case LINE_CR:
        s->state = LINE_LF;
        return c == '\r' ? NULL : bad_line(s, c);
    case LINE_LF:
        s->state = FIELD;
        s->has_line = true;
        return c == '\n' ? NULL : &bare_cr;
    case VALUE_LF:
        s->state = FIELD;
        return c == '\n' ? NULL : &bare_cr;
    case END_LF:
        return c == '\n' ? NULL : &bare_cr;
    case FIELD:
        return step_field(s, c);
    case NAME:
    case VALUE:
        return step_name_or_value(s, c);
    default:
        return is_request(s) ? step_request_line(s, c) : step_status_line(s, c);
    }
}

/* Skips the bytes at p that leave the state as it is. */
static const char *skip(struct sl_strict *s, const char *p, const char *end)
{
    if (s->state == VALUE)
        return sl_bytes_run(p, end, SL_BYTE_VALUE, ' ');
    if (s->state == NAME) {
        while (p < end && sl_byte_is(*p, SL_BYTE_TOKEN))
            p++;
        return p;
    }
    if (s->state != TARGET)
        return p;
    if ((size_t)(end - p) > s->max_target - s->n_target)
        end = p + (s->max_target - s->n_target);
    const char *stop = sl_bytes_run(p, end, SL_BYTE_TARGET, '!');
    s->n_target += (uint32_t)(stop - p);
    return stop;
}

static const struct sl_refusal *too_big(const struct sl_strict *s)
{
    if (s->kind == SL_STRICT_TRAILERS)
        return &trailers_too_big;
    return s->state == TARGET ? &target_too_long : &head_too_big;
}

enum sl_strict_verdict sl_strict_scan(struct sl_strict *s, struct sl_span in, size_t *out_n_good)
{
    size_t room = s->max_bytes - s->n_bytes;
    const char *end = in.ptr + (in.len < room ? in.len : room);
    const char *p = in.ptr;
    enum sl_strict_verdict verdict = SL_STRICT_MORE;
    while (verdict == SL_STRICT_MORE && (p = skip(s, p, end)) < end) {
        bool is_last = s->state == END_LF;
        s->refusal = step(s, *p);
        if (s->refusal)
            verdict = SL_STRICT_REFUSED;
        else if (p++, is_last)
            verdict = SL_STRICT_DONE;
    }
    *out_n_good = (size_t)(p - in.ptr);
    s->n_bytes += (uint32_t)*out_n_good;
    if (verdict == SL_STRICT_MORE && *out_n_good < in.len) {
        s->refusal = too_big(s);
        return SL_STRICT_REFUSED;
    }
    return verdict;
}

enum {
    SIZE_FIRST,
    SIZE,
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_VALUE_FIRST,
    EXT_VALUE,
    QUOTED,
    QUOTED_PAIR,
    QUOTED_END,
    SIZE_LF
};

void sl_chunk_line_init(struct sl_chunk_line *l, uint32_t max_bytes)
{
    *l = (struct sl_chunk_line){.max_bytes = max_bytes};
}

static const struct sl_refusal *step_size(struct sl_chunk_line *l, char c)
{
    if (sl_byte_is(c, SL_BYTE_HEX)) {
        if (l->size > (uint64_t)INT64_MAX >> 4)
            return &chunk_overflow;
        l->size = l->size << 4 | sl_hex_value(c);
        l->state = SIZE;
    } else if (l->state == SIZE && c == ';') {
        l->state = EXT_NAME_FIRST;
    } else if (l->state == SIZE && c == '\r') {
        l->state = SIZE_LF;
    } else {
        return &bad_chunk_size; /* a blank too: "BWS" around extensions is not accepted */
    }
    return NULL;
}

/* What may follow a complete extension. */
static const struct sl_refusal *end_extension(struct sl_chunk_line *l, char c)
{
    if (c == ';')
        l->state = EXT_NAME_FIRST;
    else if (c == '\r')
        l->state = SIZE_LF;
    else
        return &bad_chunk_extension;
    return NULL;
}

/* RFC 9112 7.1.1, without the optional blanks: name [ "=" ( token / quoted-string ) ]. */
static const struct sl_refusal *step_extension(struct sl_chunk_line *l, char c)
{
    bool is_token = sl_byte_is(c, SL_BYTE_TOKEN);
    switch (l->state) {
    case EXT_NAME_FIRST:
        l->state = EXT_NAME;
        return is_token ? NULL : &bad_chunk_extension;
    case EXT_NAME:
        if (c == '=')
            l->state = EXT_VALUE_FIRST;
        else if (!is_token)
            return end_extension(l, c);
        return NULL;
    case EXT_VALUE_FIRST:
        l->state = c == '"' ? QUOTED : EXT_VALUE;
        return c == '"' || is_token ? NULL : &bad_chunk_extension;
    case EXT_VALUE:
        return is_token ? NULL : end_extension(l, c);
    case QUOTED:
        if (c == '"')
            l->state = QUOTED_END;
        else if (c == '\\')
            l->state = QUOTED_PAIR;
        return sl_byte_is(c, SL_BYTE_VALUE) ? NULL : &bad_chunk_extension;
    case QUOTED_PAIR:
        l->state = QUOTED;
        return sl_byte_is(c, SL_BYTE_VALUE) ? NULL : &bad_chunk_extension;
    default:
        return end_extension(l, c);
    }
}

enum sl_strict_verdict sl_chunk_line_scan(struct sl_chunk_line *l, struct sl_span in,
                                          size_t *out_n_good)
{
    for (size_t i = 0; i < in.len; i++) {
        *out_n_good = i;
        if (l->n_bytes == l->max_bytes) {
            l->refusal = &chunk_line_too_long;
            return SL_STRICT_REFUSED;
        }
        l->n_bytes++;
        char c = in.ptr[i];
        if (l->state == SIZE_LF) {
            l->refusal = c == '\n' ? NULL : &bare_cr;
            *out_n_good = i + (c == '\n');
            return c == '\n' ? SL_STRICT_DONE : SL_STRICT_REFUSED;
        }
        l->refusal = c == '\n'          ? &bare_lf
                     : l->state <= SIZE ? step_size(l, c)
                                        : step_extension(l, c);
        if (l->refusal)
            return SL_STRICT_REFUSED;
    }
    *out_n_good = in.len;
    return SL_STRICT_MORE;
}
