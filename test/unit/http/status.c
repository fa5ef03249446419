/* SPDX-License-Identifier: Apache-2.0 */
/* status: reason phrases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/http/encode.h>

static void test_reasons(void **state)
{
    assert_string_equal(sl_status_reason(100), "Continue");
    assert_string_equal(sl_status_reason(200), "OK");
    assert_string_equal(sl_status_reason(404), "Not Found");
    assert_string_equal(sl_status_reason(431), "Request Header Fields Too Large");
    assert_string_equal(sl_status_reason(511), "Network Authentication Required");
    assert_string_equal(sl_status_reason(299), "Unknown");
    assert_string_equal(sl_status_reason(0), "Unknown");
    assert_string_equal(sl_status_reason(-1), "Unknown");
}

/* Whatever is sent as a reason must be able to stand in a status line. */
static void test_reasons_are_plain_text(void **state)
{
    for (int status = 0; status < 1000; status++) {
        const char *reason = sl_status_reason(status);
        assert_true(strlen(reason) > 1);
        for (const char *p = reason; *p; p++)
            assert_in_range(*p, ' ', '~');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_reasons_are_plain_text),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
