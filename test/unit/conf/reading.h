/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this folder: a text read into a configuration, and its report as one text. */
#ifndef SLUICE_TEST_CONF_READING_H
#define SLUICE_TEST_CONF_READING_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sluice/base/err.h>
#include <sluice/conf/config.h>

/* The least that the reader accepts, in two lines. */
#define LISTENER "listeners: [{address: ':1', tls: off}]\n"
#define UPSTREAM "upstreams: [{name: app, endpoints: ['a:1']}]\n"
#define LEAST    LISTENER UPSTREAM

struct reading {
    struct sl_config *config;
    int err;
    size_t n_errors;
    char *errors; /* every line of the report, each with its newline */
};

static struct reading read_span(const char *name, struct sl_span text)
{
    struct reading reading = {NULL};
    struct sl_report *report;
    size_t len;
    assert_int_equal(sl_report_new("t", &report), 0);
    reading.err = sl_config_read_text(name, text, report, &reading.config);
    reading.n_errors = sl_report_count(report);
    FILE *to = open_memstream(&reading.errors, &len);
    assert_non_null(to);
    sl_report_print(report, to);
    fclose(to);
    sl_report_free(&report);
    assert_null(report);
    if (reading.err == 0) {
        assert_non_null(reading.config);
        assert_int_equal(reading.n_errors, 0);
    } else {
        assert_null(reading.config);
    }
    return reading;
}

static inline struct reading read_text(const char *text)
{
    return read_span("/etc/sluice/t.yaml", sl_span_str(text));
}

static inline void forget(struct reading *reading)
{
    sl_config_free(&reading->config);
    assert_null(reading->config);
    free(reading->errors);
}

/* A text without errors. */
static inline struct reading read_good(const char *text)
{
    struct reading reading = read_text(text);
    if (reading.err)
        fail_msg("refused:\n%s\nbecause:\n%s", text, reading.errors);
    return reading;
}

/* A text with exactly these errors. */
static inline void expect_errors(const char *text, const char *errors)
{
    struct reading reading = read_text(text);
    if (strcmp(reading.errors, errors) != 0)
        fail_msg("text:\n%s\nfound:\n%s\nexpected:\n%s", text, reading.errors, errors);
    assert_int_equal(reading.err, *errors ? SL_ERR_CONFIG : 0);
    forget(&reading);
}

#endif
