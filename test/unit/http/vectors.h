/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors: tables of messages and what the parser must say to them. Each row is a test case of its
 * own. It is fed whole, byte by byte, and cut in two at every place; each time the same events must
 * come. To add a row: the bytes, and the expected log in the language of events.h.
 */
#ifndef SLUICE_TEST_HTTP_VECTORS_H
#define SLUICE_TEST_HTTP_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "events.h"

struct vector {
    const char *name;
    struct sl_span in;
    const char *log;
    enum sl_method method; /* of the request, where a response depends on it */
    bool is_closed;        /* the peer ends its stream behind the bytes */
    bool has_more;         /* messages follow each other: reset after each end */
};

#define BYTES(literal_)                                                                            \
    {                                                                                              \
        .ptr = "" literal_, .len = sizeof(literal_) - 1                                            \
    }

struct vector_run {
    const struct vector *vector;
    enum sl_parser_kind kind;
};

static void vector_feed(const struct vector_run *run, size_t n_first, size_t n_step,
                        struct events *e)
{
    const struct vector *v = run->vector;
    events_open(e, run->kind, v->method);
    e->can_go_on = v->has_more;
    for (size_t at = 0; at < v->in.len && !e->is_over;) {
        size_t n = at == 0 && n_first ? n_first : n_step;
        n = n < v->in.len - at ? n : v->in.len - at;
        /* A copy of its own, so that ASan sees a step past the end of a piece. */
        char *piece = malloc(n);
        if (!piece)
            abort();
        memcpy(piece, v->in.ptr + at, n);
        events_feed(e, sl_span(piece, n));
        free(piece);
        at += n;
    }
    if (v->is_closed)
        events_end(e);
    else if (e->is_in_body)
        sl_str_add_char(&e->log, '\n');
    events_close(e);
}

static void vector_compare(const struct vector_run *run, const struct events *e, size_t n_first,
                           size_t n_step)
{
    if (sl_span_eq(sl_str_span(&e->log), sl_span_str(run->vector->log)))
        return;
    fail_msg("%s (first %zu, then %zu bytes)\nexpected:\n%s\nfound:\n%s", run->vector->name,
             n_first, n_step, run->vector->log, e->log.ptr);
}

static void vector_test(void **state)
{
    static struct events e;
    const struct vector_run *run = *state;
    size_t n = run->vector->in.len;
    for (size_t n_first = 1; n_first <= n; n_first++) {
        vector_feed(run, n_first, n, &e);
        vector_compare(run, &e, n_first, n);
    }
    vector_feed(run, 0, 1, &e);
    vector_compare(run, &e, 0, 1);
}

/* A table of rows; several make one group, as TAP wants one plan per program. */
struct vectors {
    const struct vector *rows;
    size_t n;
};

#define VECTORS(table_)                                                                            \
    {                                                                                              \
        .rows = (table_), .n = SL_N_ELEMENTS(table_)                                               \
    }

static int vectors_run(const char *group, enum sl_parser_kind kind, const struct vectors *tables,
                       size_t n_tables)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < n_tables; i++)
        n += tables[i].n;
    struct CMUnitTest *tests = calloc(n, sizeof(*tests));
    struct vector_run *runs = calloc(n, sizeof(*runs));
    if (!tests || !runs)
        abort();
    for (size_t i = 0; i < n_tables; i++) {
        for (size_t j = 0; j < tables[i].n; j++, k++) {
            runs[k] = (struct vector_run){.vector = &tables[i].rows[j], .kind = kind};
            tests[k] = (struct CMUnitTest){.name = tables[i].rows[j].name,
                                           .test_func = vector_test,
                                           .initial_state = &runs[k]};
        }
    }
    int n_failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
    free(tests);
    free(runs);
    return n_failed;
}

#endif
