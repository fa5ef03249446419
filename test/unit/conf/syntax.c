/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are not YAML, or YAML that a configuration has no use for, and the bounds of what is
 * read. libfyaml must not print by itself: stderr is watched throughout.
 */
#include <unistd.h>
#include "reading.h"

static struct reading read_quietly(struct sl_span text)
{
    FILE *caught = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_non_null(caught);
    assert_true(saved >= 0 && dup2(fileno(caught), STDERR_FILENO) >= 0);
    struct reading reading = read_span("t", text);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    off_t n_printed = lseek(fileno(caught), 0, SEEK_END);
    fclose(caught);
    if (n_printed)
        fail_msg("printed to stderr for: %.100s", text.ptr);
    return reading;
}

static void not_yaml(void **state)
{
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"a: \"x\n", "t:1:5: not YAML: double-quoted scalar without closing quote\n"},
        {"a: [1, 2\nb: 3\n", NULL},
        {"listeners:\n  - a: 1\n   b: 2\n", NULL},
        {"a:\n\t- b\n", NULL},
        {"a: b: c\n", NULL},
        {"}", NULL},
        {"%YAML 3.1\n---\na: 1\n", NULL},
        {"a: @x\n", NULL},
        {"&a\n&b c\n", NULL},
        {"a: 1\n---\nb: 2\n", "t:2:1: found a second document, expected one document in a file\n"},
        {"--- {}\n--- {}\n", "t:2:1: found a second document, expected one document in a file\n"},
        {"a: !!str b\n", "t:1:10: found a tag (`!`), expected a plain value\n"},
        {"a: !!map {}\n", "t:1:10: found a tag (`!`), expected a plain value\n"},
        {"a: 1\n...\nb\n", "t:2:1: found a second document, expected one document in a file\n"},
        {"a: 1\n%b: 2\n", "t:2:1: found a directive (`%`), expected none but `%YAML`\n"},
        {"%a: 1\n" LEAST, "t:1:1: found a directive (`%`), expected none but `%YAML`\n"},
        {"%TAG ! tag:a,2000:\n---\n" LEAST,
         "t:1:1: found a directive (`%`), expected none but `%YAML`\n"},
        {"? [a]\n: b\n", "t:1:3: found a list, a mapping or an alias as a key, expected a word\n"},
        {"? {a: b}\n: b\n",
         "t:1:3: found a list, a mapping or an alias as a key, expected a word\n"},
        {"a: &x 1\n*x : 2\n",
         "t:2:2: found a list, a mapping or an alias as a key, expected a word\n"},
        {"a: *x\n", "t:1:5: an alias (`*`) to an anchor (`&`) that does not stand before it\n"},
        {"a: &x [*x]\n", "t:1:9: an alias (`*`) to a value that contains it\n"},
        {"workers: \xff\n", "t:1:10: found the byte 0xff, expected UTF-8\n"},
        {"# \xc3\xa4\n# \xed\xa0\x80\n", "t:2:3: found the byte 0xed, expected UTF-8\n"},
        {"\xff\xfe"
         "a",
         "t:1:1: found the byte 0xff, expected UTF-8\n"},
        {"a: \x01\n", "t:1:4: found the control character 0x01, expected text\n"},
        {"a: \x7f\n", "t:1:4: found the control character 0x7f, expected text\n"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++) {
        struct reading reading = read_quietly(sl_span_str(cases[i].text));
        if (reading.err != SL_ERR_CONFIG || reading.n_errors == 0)
            fail_msg("accepted, or refused without a word: %s", cases[i].text);
        if (cases[i].errors && strcmp(cases[i].errors, reading.errors) != 0)
            fail_msg("text:\n%s\nfound:\n%s", cases[i].text, reading.errors);
        if (!cases[i].errors && !strstr(reading.errors, ": not YAML"))
            fail_msg("text:\n%s\nfound:\n%s", cases[i].text, reading.errors);
        forget(&reading);
    }
}

static void directives_and_marks_that_are_fine(void **state)
{
    static const char *const texts[] = {"%YAML 1.2\n---\n" LEAST, "---\n" LEAST "...\n",
                                        "\xef\xbb\xbf" LEAST, LEAST "access_log: ' %a\n\n  %b'\n"};
    for (size_t i = 0; i < SL_N_ELEMENTS(texts); i++) {
        struct reading reading = read_quietly(sl_span_str(texts[i]));
        assert_string_equal(reading.errors, "");
        forget(&reading);
    }
}

static void nul_within(void **state)
{
    struct reading reading = read_quietly(SL_SPAN("workers: 1\n\0"));
    assert_string_equal(reading.errors, "t:2:1: found the control character 0x00, expected text\n");
    forget(&reading);
}

static void nested(size_t depth, const char *errors)
{
    char text[256];
    struct sl_str s;
    sl_str_init(&s, text, sizeof(text));
    sl_str_addz(&s, "a: ");
    for (size_t i = 1; i < depth; i++)
        sl_str_add_char(&s, '[');
    for (size_t i = 1; i < depth; i++)
        sl_str_add_char(&s, ']');
    struct reading reading = read_quietly(sl_span_str(text));
    assert_string_equal(reading.errors, errors);
    forget(&reading);
}

static void depth_is_bounded(void **state)
{
    nested(16, "t:1:1: a: unknown key `a` in the configuration\n"
               "t:1:1: listeners: missing, expected a list, each item after `- `\n"
               "t:1:1: upstreams: missing, expected a list, each item after `- `\n");
    nested(17, "t:1:19: nested too deeply; expected at most 16 levels\n");
    nested(100, "t:1:19: nested too deeply; expected at most 16 levels\n");
}

/* 6 levels of 9 aliases each: 531,441 values in 200 bytes. */
static void alias_bombs_are_refused(void **state)
{
    struct reading reading = read_quietly(SL_SPAN("a: &a [x,x,x,x,x,x,x,x,x]\n"
                                                  "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                                                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                                  "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                                                  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                                                  "f: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"));
    assert_int_equal(reading.n_errors, 1);
    assert_non_null(strstr(reading.errors,
                           "too many values; expected at most 100000, with aliases written out"));
    forget(&reading);
}

/* Texts of nearly 1 MiB, made of one thing repeated: time and memory stay bounded. */
static void large_texts(void **state)
{
    static const struct {
        const char *before, *part, *errors;
        size_t n; /* repetitions; 0: as many as fit */
    } cases[] = {
        {"a: [", "x,", "too many values"},
        {"", "- a\n", "too many values"},
        {"", "k: &a v\n", "too many anchors; expected at most 256"},
        {LEAST "routes:\n", "- {upstream: app}\n",
         "routes: found 10001 items, expected at most 10000", 10001},
        {LEAST "zebras: [", "&a x,", "too many anchors"},
        {"", "[", "nested too deeply"},
        {"", "{a: ", "nested too deeply"},
        {"a: \"", "\\n", "without closing quote"},
        {"", "? ", ""},
        {"", "\n", "listeners: missing"},
        {"#", "#", "listeners: missing"},
        {"a: |\n", " x\n", "unknown key `a`"},
    };
    size_t cap = 1000 * 1024;
    char *text = malloc(cap + 64);
    assert_non_null(text);
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++) {
        size_t len = strlen(cases[i].before), n = strlen(cases[i].part);
        memcpy(text, cases[i].before, len);
        for (size_t left = cases[i].n ? cases[i].n : cap; left && len + n <= cap; left--, len += n)
            memcpy(text + len, cases[i].part, n);
        struct reading reading = read_quietly(sl_span(text, len));
        assert_int_equal(reading.err, SL_ERR_CONFIG);
        if (!strstr(reading.errors, cases[i].errors))
            fail_msg("%s%s...: %.300s", cases[i].before, cases[i].part, reading.errors);
        forget(&reading);
    }
    free(text);
}

/* As many different unknown keys as fit: each is looked up, not each is searched a likeness for. */
static void many_unknown_keys(void **state)
{
    size_t cap = 800 * 1024, len = 0;
    char *text = malloc(cap + 64);
    assert_non_null(text);
    for (unsigned i = 0; len < cap; i++)
        len += (size_t)sprintf(text + len, "key_number_%u: 1\n", i);
    struct reading reading = read_quietly(sl_span(text, len));
    assert_true(reading.n_errors > 30000);
    assert_non_null(strstr(reading.errors, "more errors are not listed\n"));
    forget(&reading);
    free(text);
}

static void too_large(void **state)
{
    size_t len = 1024 * 1024;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, '\n', len + 1);
    memcpy(text, LEAST, sizeof(LEAST) - 1);
    struct reading reading = read_quietly(sl_span(text, len));
    assert_int_equal(reading.err, 0);
    forget(&reading);
    reading = read_quietly(sl_span(text, len + 1));
    assert_string_equal(reading.errors, "t: the file is larger than 1MiB\n");
    forget(&reading);
    free(text);
}

/* Every beginning of a good text, and the text with each byte changed, is read without harm. */
static void cut_and_flipped(void **state)
{
    static const char whole[] =
        "listeners:\n  - address: ':1'\n    tls: {certificates: [{certificate: &c c, key: *c}]}\n"
        "upstreams:\n- name: \"a\\x41\"\n  endpoints: ['a:1', {address: b:2, weight: 3}]\n"
        "deadlines: {request_body: {idle: 5s, min_rate: off}, drain: 1s}\nstatus: off\n";
    static const char bytes[] = " \n\t:-[]{}'\"&*!#%@|>?,0z~\\\x80\xff";
    char text[sizeof(whole)];
    for (size_t n = 0; n < sizeof(whole); n++) {
        struct reading reading = read_span("t", sl_span(whole, n));
        forget(&reading);
    }
    for (size_t i = 0; i + 1 < sizeof(whole); i++) {
        for (size_t b = 0; b + 1 < sizeof(bytes); b++) {
            memcpy(text, whole, sizeof(whole));
            text[i] = bytes[b];
            struct reading reading = read_span("t", sl_span(text, sizeof(whole) - 1));
            forget(&reading);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_yaml),
        cmocka_unit_test(nul_within),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(alias_bombs_are_refused),
        cmocka_unit_test(large_texts),
        cmocka_unit_test(many_unknown_keys),
        cmocka_unit_test(too_large),
        cmocka_unit_test(cut_and_flipped),
        cmocka_unit_test(directives_and_marks_that_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
