/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes: each has one number, one name and one sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sluice/base/err.h>

static const int all[] = {
#define X(sym, num, name, meaning) sym,
    SL_ERRORS(X)
#undef X
};
#define N_ALL (sizeof(all) / sizeof(all[0]))

static void every_code_is_negative_and_unlike_the_others(void **state)
{
    for (size_t i = 0; i < N_ALL; i++) {
        assert_true(all[i] < 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(all[i], all[k]);
            assert_string_not_equal(sl_err_name(all[i]), sl_err_name(all[k]));
            assert_string_not_equal(sl_err_str(all[i]), sl_err_str(all[k]));
        }
    }
}

/* Names are labels of metrics and values in logs: no quoting must ever be needed. */
static void names_need_no_quoting(void **state)
{
    for (size_t i = 0; i < N_ALL; i++) {
        const char *name = sl_err_name(all[i]);
        assert_true(name[0] != 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    }
}

static void known_codes_have_their_names(void **state)
{
    assert_string_equal(sl_err_name(0), "ok");
    assert_string_equal(sl_err_name(SL_ERR_RESET), "reset");
    assert_string_equal(sl_err_name(SL_ERR_TLS_PLAIN_HTTP), "plain_http");
    assert_string_equal(sl_err_str(SL_ERR_EOF), "the peer ended its stream");
    assert_string_equal(sl_err_str(0), "it ended well");
}

static void foreign_numbers_are_unknown(void **state)
{
    static const int foreign[] = {1, -19, -29, -104, -0x6880, 0x7FFFFFFF, -0x7FFFFFFF - 1};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        assert_string_equal(sl_err_name(foreign[i]), "unknown");
        assert_true(strlen(sl_err_str(foreign[i])) > 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_negative_and_unlike_the_others),
        cmocka_unit_test(names_need_no_quoting),
        cmocka_unit_test(known_codes_have_their_names),
        cmocka_unit_test(foreign_numbers_are_unknown),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
