/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: every error found in a configuration.
 *
 * Findings are added in any order (reading, then checking, then what the server finds when it opens
 * files and sockets) and printed in the order of the file. Each is one line of printable text,
 * whatever the file holds. At most SL_REPORT_MAX are kept; a file with more errors than that is
 * told how many more there are. Without memory a finding is counted and its text lost: a
 * configuration with an error is never taken for a good one. The report owns its texts.
 */
#include <stdlib.h>
#include <sluice/base/err.h>
#include "report.h"
#include "text.h"

#define MESSAGE_BYTES 640
#define LINE_BYTES    2048

struct finding {
    struct sl_where at;
    size_t order;
    char *path; /* one allocation with the message */
    const char *message;
};

struct sl_report {
    char *file;
    struct finding *findings;
    size_t n_findings, cap;
    size_t n_total;
    bool is_out_of_memory;
};

int sl_report_new(const char *file, struct sl_report **out_report)
{
    struct sl_report *report = calloc(1, sizeof(*report));
    if (!report)
        return SL_ERR_MEMORY;
    report->file = strdup(file ? file : "");
    if (!report->file) {
        free(report);
        return SL_ERR_MEMORY;
    }
    *out_report = report;
    return 0;
}

void sl_report_free(struct sl_report **report)
{
    struct sl_report *r = *report;
    *report = NULL;
    if (!r)
        return;
    for (size_t i = 0; i < r->n_findings; i++)
        free(r->findings[i].path);
    free(r->findings);
    free(r->file);
    free(r);
}

/* In place: bytes that could move a cursor or break a line of the log. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static bool has_place(struct sl_report *report)
{
    if (report->n_findings < report->cap)
        return true;
    size_t cap = report->cap ? report->cap * 2 : 16;
    struct finding *findings = realloc(report->findings, cap * sizeof(*findings));
    if (!findings)
        return false;
    report->findings = findings;
    report->cap = cap;
    return true;
}

void sl_report_add(struct sl_report *report, struct sl_where where, const char *path,
                   const char *fmt, ...)
{
    report->n_total++;
    if (report->n_findings >= SL_REPORT_MAX)
        return;
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);

    size_t path_len = strlen(path), message_len = strlen(message);
    char *text = has_place(report) ? malloc(path_len + message_len + 2) : NULL;
    if (!text) {
        report->is_out_of_memory = true;
        return;
    }
    memcpy(text, path, path_len + 1);
    memcpy(text + path_len + 1, message, message_len + 1);
    make_printable(text);
    make_printable(text + path_len + 1);
    report->findings[report->n_findings] = (struct finding){
        .at = where, .order = report->n_findings, .path = text, .message = text + path_len + 1};
    report->n_findings++;
}

size_t sl_report_count(const struct sl_report *report)
{
    return report->n_total;
}

bool sl_report_is_out_of_memory(const struct sl_report *report)
{
    return report->is_out_of_memory;
}

bool sl_report_touches(const struct sl_report *report, const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < report->n_findings; i++) {
        const char *other = report->findings[i].path;
        if (strncmp(other, path, n) == 0 && (other[n] == 0 || other[n] == '.' || other[n] == '['))
            return true;
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    if (x->at.col != y->at.col)
        return x->at.col < y->at.col ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void sl_report_each(const struct sl_report *report, void (*fn)(void *ctx, const char *line),
                    void *ctx)
{
    char buf[LINE_BYTES];
    if (report->n_findings)
        qsort(report->findings, report->n_findings, sizeof(report->findings[0]), compare);
    for (size_t i = 0; i < report->n_findings; i++) {
        const struct finding *f = &report->findings[i];
        struct sl_str s;
        sl_str_init(&s, buf, sizeof(buf));
        if (report->file[0])
            sl_str_addz(&s, report->file);
        if (f->at.line)
            sl_str_addf(&s, "%s%u:%u", s.len ? ":" : "", f->at.line, f->at.col);
        if (f->path[0])
            sl_str_addf(&s, "%s%s", s.len ? ": " : "", f->path);
        sl_str_addf(&s, "%s%s", s.len ? ": " : "", f->message);
        fn(ctx, buf);
    }
    if (report->n_total > report->n_findings) {
        snprintf(buf, sizeof(buf), "%s%s%zu more errors are not listed", report->file,
                 report->file[0] ? ": " : "", report->n_total - report->n_findings);
        fn(ctx, buf);
    }
}

static void print_line(void *ctx, const char *line)
{
    fprintf(ctx, "%s\n", line);
}

void sl_report_print(const struct sl_report *report, FILE *to)
{
    sl_report_each(report, print_line, to);
}
