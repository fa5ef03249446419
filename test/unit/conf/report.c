/* SPDX-License-Identifier: Apache-2.0 */
/* The report by itself: order, form, bounds. */
#include "reading.h"

static char *print(const struct sl_report *report)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    sl_report_print(report, to);
    fclose(to);
    return text;
}

static void lines_in_the_order_of_the_file(void **state)
{
    struct sl_report *report;
    assert_int_equal(sl_report_new("f.yaml", &report), 0);
    assert_int_equal(sl_report_count(report), 0);
    sl_report_add(report, (struct sl_where){9, 1}, "c", "third");
    sl_report_add(report, (struct sl_where){2, 5}, "b", "second %d", 2);
    sl_report_add(report, (struct sl_where){9, 1}, "d", "fourth");
    sl_report_add(report, (struct sl_where){2, 3}, "", "first");
    sl_report_add(report, (struct sl_where){0}, "x", "nowhere");
    assert_int_equal(sl_report_count(report), 5);
    char *text = print(report);
    assert_string_equal(text, "f.yaml: x: nowhere\n"
                              "f.yaml:2:3: first\n"
                              "f.yaml:2:5: b: second 2\n"
                              "f.yaml:9:1: c: third\n"
                              "f.yaml:9:1: d: fourth\n");
    free(text);
    sl_report_free(&report);
    sl_report_free(&report); /* NULL already */
}

static void without_a_file(void **state)
{
    struct sl_report *report;
    assert_int_equal(sl_report_new(NULL, &report), 0);
    sl_report_add(report, (struct sl_where){0}, "", "a");
    sl_report_add(report, (struct sl_where){0}, "p", "b");
    sl_report_add(report, (struct sl_where){1, 2}, "p", "c");
    char *text = print(report);
    assert_string_equal(text, "a\np: b\n1:2: p: c\n");
    free(text);
    sl_report_free(&report);
}

/* One finding is one line of printable text, whatever it is made of. */
static void controls_and_long_texts(void **state)
{
    struct sl_report *report;
    char huge[5000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = 0;
    assert_int_equal(sl_report_new("f", &report), 0);
    sl_report_add(report, (struct sl_where){1, 1}, "a\nb", "c\rd\x1b[31m\x7f\te");
    sl_report_add(report, (struct sl_where){2, 1}, huge, "%s", huge);
    char *text = print(report);
    assert_true(strncmp(text, "f:1:1: a?b: c?d?[31m??e\nf:2:1: xxx", 34) == 0);
    size_t n_lines = 0;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    assert_int_equal(n_lines, 2);
    free(text);
    sl_report_free(&report);
}

static void count_line(void *ctx, const char *line)
{
    assert_null(strchr(line, '\n'));
    ++*(size_t *)ctx;
}

static void too_many_are_counted(void **state)
{
    struct sl_report *report;
    size_t n_lines = 0;
    assert_int_equal(sl_report_new("f", &report), 0);
    for (unsigned i = 0; i < 3000; i++)
        sl_report_add(report, (struct sl_where){i + 1, 1}, "", "e");
    assert_int_equal(sl_report_count(report), 3000);
    sl_report_each(report, count_line, &n_lines);
    assert_int_equal(n_lines, 501);
    char *text = print(report);
    assert_non_null(strstr(text, "f:500:1: e\nf: 2500 more errors are not listed\n"));
    free(text);
    sl_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_the_order_of_the_file),
        cmocka_unit_test(without_a_file),
        cmocka_unit_test(controls_and_long_texts),
        cmocka_unit_test(too_many_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
