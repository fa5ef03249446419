/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: a call is one connection with one request:
 *
 *   accept -> READING -> (ASKING the workers) -> ANSWERED -> the client closes -> gone
 *
 * Happy path: the head is parsed, the page is written into memory, sent with Connection: close, and
 * the call waits for the client's FIN. Pages that need the workers ask them first, which takes a
 * second at most.
 *
 * Failure modes: whatever the client does or omits, the call is gone SL_ADMIN_CALL_MS after its
 * accept. A malformed request gets the parser's refusal. There are at most SL_ADMIN_MAX_CALLS at
 * once, as this must never be what exhausts memory; beyond that the oldest silent one makes room.
 *
 * Ownership: the admin owns its calls, a call its socket, parser, facts and survey.
 */
#include "admin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sluice/http/encode.h>
#include <sluice/http/parser.h>
#include <sluice/http/target.h>
#include <sluice/loop/reaper.h>
#include <sluice/loop/tcp.h>

enum call_stage { READING, ASKING, ANSWERED };

struct call {
    struct sl_grave grave; /* first: it is freed at the end of the turn */
    struct sl_list link;
    struct sl_admin *admin;
    struct sl_tcp *tcp;
    struct sl_parser *parser;
    struct sl_deadline deadline;
    enum call_stage stage;
    bool is_head;                                          /* the method: no body in the answer */
    bool has_ended;                                        /* the client has sent its FIN */
    void (*write)(const struct sl_facts *facts, FILE *to); /* the page that was asked for */
    const char *type;
    struct sl_facts facts;    /* while ASKING */
    struct sl_survey *survey; /* NULL unless ASKING */
};

struct sl_admin {
    struct sl_admin_source source;
    struct sl_tcp_listener *listener;
    struct sl_list calls;
    size_t n_calls;
};

/* ---- the end of a call ---- */

static void free_call(struct sl_grave *grave)
{
    free(sl_container_of(grave, struct call, grave));
}

static void close_call(struct call *call, enum sl_tcp_close how)
{
    sl_survey_close(&call->survey);
    if (call->stage == ASKING)
        sl_facts_fini(&call->facts);
    if (call->parser)
        sl_parser_free(&call->parser);
    sl_deadline_fini(&call->deadline);
    sl_tcp_close(&call->tcp, how);
    sl_list_unlink(&call->link);
    call->admin->n_calls--;
    sl_reap(call->admin->source.loop, &call->grave, free_call);
}

static void on_expired(struct sl_deadline *deadline)
{
    close_call(sl_container_of(deadline, struct call, deadline), SL_TCP_RESET);
}

/* ---- answers ---- */

static void add_date(struct sl_str *s)
{
    char text[40];
    struct tm tm;
    time_t now = time(NULL);
    if (gmtime_r(&now, &tm) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        sl_str_addf(s, "Date: %s\r\n", text);
}

/* The one way a call is answered. */
static void answer(struct call *call, int status, const char *type, const char *more,
                   struct sl_span body)
{
    char buf[512];
    struct sl_str head;
    sl_str_init(&head, buf, sizeof(buf));
    sl_str_addf(&head, "HTTP/1.1 %d %s\r\n", status, sl_status_reason(status));
    add_date(&head);
    sl_str_addf(&head,
                "Content-Type: %s\r\nContent-Length: %zu\r\n%s"
                "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                type, body.len, more);
    call->stage = ANSWERED;
    const struct sl_span spans[] = {sl_str_span(&head), body};
    if (sl_tcp_write(call->tcp, spans, call->is_head ? 1 : 2)) {
        close_call(call, SL_TCP_RESET);
        return;
    }
    sl_tcp_shutdown(call->tcp); /* and then it is the client's turn to close */
    if (call->has_ended && sl_chunkq_is_empty(sl_tcp_out(call->tcp)))
        close_call(call, SL_TCP_FIN);
}

static void answer_text(struct call *call, int status, const char *more, const char *text)
{
    answer(call, status, "text/plain; charset=utf-8", more, sl_span_str(text));
}

/* ---- pages made of facts ---- */

static void answer_page(struct call *call)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    call->admin->source.fill(call->admin->source.owner, &call->facts);
    if (to)
        call->write(&call->facts, to);
    bool is_whole = to && !ferror(to);
    if (to && fclose(to))
        is_whole = false;
    sl_facts_fini(&call->facts);
    if (is_whole)
        answer(call, 200, call->type, "", sl_span(text, n));
    else
        answer_text(call, 500, "", "out of memory\n");
    free(text);
}

static void on_surveyed(void *owner)
{
    struct call *call = owner;
    call->survey = NULL;
    answer_page(call);
}

static void ask(struct call *call, void (*write)(const struct sl_facts *, FILE *), const char *type)
{
    const struct sl_admin_source *source = &call->admin->source;
    call->write = write;
    call->type = type;
    if (source->new_facts(source->owner, &call->facts)) {
        answer_text(call, 500, "", "out of memory\n");
        return;
    }
    call->stage = ASKING;
    if (source->survey(source->owner, &call->facts, on_surveyed, call, &call->survey))
        answer_page(call); /* with what can be known without the workers */
}

/* ---- requests ---- */

static void respond(struct call *call, const struct sl_head *head)
{
    const struct sl_admin_source *source = &call->admin->source;
    struct sl_target target;
    if (sl_target_read(sl_head_target(head), &target)) {
        answer_text(call, 400, "", "the request target is malformed\n");
        return;
    }
    const bool is_metrics = sl_span_eq(target.path, SL_SPAN("/metrics"));
    const bool is_status = sl_span_eq(target.path, SL_SPAN("/status"));
    const bool is_health = sl_span_eq(target.path, SL_SPAN("/healthz"));
    const bool is_readiness = sl_span_eq(target.path, SL_SPAN("/readyz"));

    if (!is_metrics && !is_status && !is_health && !is_readiness)
        answer_text(call, 404, "", "there are /metrics, /status, /healthz and /readyz\n");
    else if (head->method != SL_METHOD_GET && head->method != SL_METHOD_HEAD)
        answer_text(call, 405, "Allow: GET, HEAD\r\n", "only GET and HEAD\n");
    else if (is_metrics)
        ask(call, sl_facts_write_metrics, "text/plain; version=0.0.4; charset=utf-8");
    else if (is_status)
        ask(call, sl_facts_write_status, "application/json");
    else if (is_readiness && !source->is_ready(source->owner))
        answer_text(call, 503, "", "draining\n");
    else
        answer_text(call, 200, "", "ok\n");
}

static void on_bytes(void *owner, struct sl_span bytes)
{
    struct call *call = owner;
    if (call->stage != READING)
        return; /* a body that nobody asked for, or a second request: not read */
    enum sl_parse what = sl_parser_feed(call->parser, &bytes);
    if (what == SL_PARSE_MORE)
        return;
    if (what == SL_PARSE_HEAD) {
        const struct sl_head *head = sl_parser_head(call->parser);
        call->is_head = head->method == SL_METHOD_HEAD;
        respond(call, head);
    } else {
        const struct sl_refusal *refusal = sl_parser_refusal(call->parser);
        char text[256];
        snprintf(text, sizeof(text), "%s\n", refusal->why);
        answer_text(call, refusal->status, "", text);
    }
}

static void on_end(void *owner, int err)
{
    struct call *call = owner;
    /* A client may close its side early and still read: `printf ... | nc`. */
    const bool is_owed = call->stage == ASKING ||
                         (call->stage == ANSWERED && !sl_chunkq_is_empty(sl_tcp_out(call->tcp)));
    call->has_ended = true;
    if (err || !is_owed)
        close_call(call, err ? SL_TCP_RESET : SL_TCP_FIN);
}

static void on_drained(void *owner)
{
    struct call *call = owner;
    if (call->has_ended && call->stage == ANSWERED)
        close_call(call, SL_TCP_FIN);
}

/* Of all calls the oldest that has not said yet what it wants, else the oldest. */
static struct call *least_wanted(const struct sl_admin *admin)
{
    sl_list_foreach (node, &admin->calls) {
        struct call *call = sl_list_entry(node, struct call, link);
        if (call->stage == READING)
            return call;
    }
    return sl_list_entry(sl_list_first(&admin->calls), struct call, link);
}

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    static const struct sl_tcp_events events = {
        .on_bytes = on_bytes, .on_end = on_end, .on_drained = on_drained};
    static const struct sl_parser_limits limits = {
        .head = {.head_bytes = 16384, .target_bytes = 2048, .n_fields = 64},
        .trailer_bytes = 1024,
        .chunk_line_bytes = 256,
    };
    struct sl_admin *admin = owner;
    if (err)
        return; /* not taken, so it is closed */
    if (admin->n_calls >= SL_ADMIN_MAX_CALLS)
        close_call(least_wanted(admin), SL_TCP_RESET);
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return;
    if (sl_parser_new(SL_PARSER_REQUEST, &limits, &call->parser)) {
        free(call);
        return;
    }
    if (sl_tcp_accept(listener, &events, call, &call->tcp)) {
        sl_parser_free(&call->parser);
        free(call);
        return;
    }
    call->admin = admin;
    sl_list_append(&admin->calls, &call->link);
    admin->n_calls++;
    sl_deadline_init(&call->deadline, admin->source.loop, on_expired);
    sl_deadline_arm(&call->deadline, SL_PHASE_NONE, SL_ADMIN_CALL_MS);
    sl_tcp_read(call->tcp, true);
}

/* ---- life ---- */

int sl_admin_open(const struct sl_admin_source *source, int fd, struct sl_admin **out_admin)
{
    struct sl_admin *admin = calloc(1, sizeof(*admin));
    if (!admin) {
        close(fd);
        return SL_ERR_MEMORY;
    }
    admin->source = *source;
    sl_list_init(&admin->calls);
    int err =
        sl_tcp_listen(source->loop, fd, SL_ADMIN_MAX_CALLS, on_accept, admin, &admin->listener);
    if (err) {
        free(admin);
        return err;
    }
    *out_admin = admin;
    return 0;
}

void sl_admin_close(struct sl_admin **admin)
{
    struct sl_admin *a = *admin;
    if (!a)
        return;
    *admin = NULL;
    sl_tcp_listener_close(&a->listener);
    sl_list_foreach_safe (node, &a->calls)
        close_call(sl_list_entry(node, struct call, link), SL_TCP_FIN);
    free(a);
}
