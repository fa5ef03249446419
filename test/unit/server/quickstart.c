/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quickstart's pure parts: the configuration it makes is one that conf accepts and says what the
 * options said, whatever stands in them; the URL is one that works on this machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sluice/base/err.h>
#include <sluice/conf/config.h>
#include "quickstart.h"

static struct sl_config *read(const struct sl_command *command)
{
    char buf[4096];
    struct sl_str text;
    sl_str_init(&text, buf, sizeof(buf));
    assert_int_equal(sl_quickstart_config(command, &text), 0);
    struct sl_report *report;
    struct sl_config *config = NULL;
    assert_int_equal(sl_report_new("quickstart", &report), 0);
    int err = sl_config_read_text("quickstart", sl_str_span(&text), report, &config);
    if (err)
        sl_report_print(report, stderr);
    assert_int_equal(err, 0);
    sl_report_free(&report);
    return config;
}

static void self_signed(void **state)
{
    struct sl_config *c =
        read(&(struct sl_command){.upstream = "127.0.0.1:8080", .is_self_signed = true});
    assert_int_equal(c->n_listeners, 1);
    assert_string_equal(c->listeners[0].address_text, ":8443");
    assert_false(c->listeners[0].is_tls); /* the generation sets it on, with the identity */
    assert_int_equal(c->n_upstreams, 1);
    assert_string_equal(c->upstreams[0].endpoints[0].text, "127.0.0.1:8080");
    assert_true(c->access_log.is_on);
    assert_string_equal(c->access_log.path, "stdout");
    assert_false(c->status.is_on);
    sl_config_free(&c);
}

static void certificate(void **state)
{
    /* Everything that YAML could take for its own. */
    struct sl_config *c = read(&(struct sl_command){.upstream = "[::1]:80",
                                                    .listen = "127.0.0.1:1",
                                                    .certificate = "/a \"b\"\\: #c, {d}.pem",
                                                    .key = "/%TAG &x *y !z 'k'.pem",
                                                    .status = ":9901"});
    assert_true(c->listeners[0].is_tls);
    assert_int_equal(c->listeners[0].n_certificates, 1);
    assert_string_equal(c->listeners[0].certificates[0].certificate, "/a \"b\"\\: #c, {d}.pem");
    assert_string_equal(c->listeners[0].certificates[0].key, "/%TAG &x *y !z 'k'.pem");
    assert_true(c->status.is_on);
    assert_string_equal(c->status.address_text, "127.0.0.1:9901");
    sl_config_free(&c);
}

static void upstreams(void **state)
{
    static const char *const table[][2] = {
        {"127.0.0.1:8080", "127.0.0.1:8080"},         {"http://127.0.0.1:8080", "127.0.0.1:8080"},
        {"http://127.0.0.1:8080/", "127.0.0.1:8080"}, {"app.example:80", "app.example:80"},
        {"unix:/run/app.sock", "unix:/run/app.sock"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct sl_config *c =
            read(&(struct sl_command){.upstream = table[i][0], .is_self_signed = true});
        assert_string_equal(c->upstreams[0].endpoints[0].text, table[i][1]);
        sl_config_free(&c);
    }
}

static void what_cannot_stand_in_yaml(void **state)
{
    char buf[4096];
    struct sl_str text;
    sl_str_init(&text, buf, sizeof(buf));
    const struct sl_command command = {.upstream = "a:1", .certificate = "a\nb", .key = "k"};
    assert_int_equal(sl_quickstart_config(&command, &text), SL_ERR_INVALID);
    sl_str_init(&text, buf, 64);
    const struct sl_command fine = {.upstream = "a:1", .is_self_signed = true};
    assert_int_equal(sl_quickstart_config(&fine, &text), SL_ERR_LIMIT);
}

static void urls(void **state)
{
    static const char *const table[][2] = {
        {NULL, "https://localhost:8443/"},
        {":443", "https://localhost/"},
        {"0.0.0.0:8443", "https://localhost:8443/"},
        {"[::]:8443", "https://localhost:8443/"},
        {"127.0.0.1:8443", "https://127.0.0.1:8443/"},
        {"192.0.2.7:443", "https://192.0.2.7/"},
        {"[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"},
        {"unix:/run/s.sock", "https://localhost/"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char buf[128];
        struct sl_str url;
        sl_str_init(&url, buf, sizeof(buf));
        sl_quickstart_url(&(struct sl_command){.listen = table[i][0]}, &url);
        assert_string_equal(buf, table[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(self_signed), cmocka_unit_test(certificate),
        cmocka_unit_test(upstreams),   cmocka_unit_test(what_cannot_stand_in_yaml),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
