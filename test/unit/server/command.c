/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: what is understood, what is refused and in which words, and that help promises
 * exactly the options that are read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "command.h"

#define MAX_WORDS 12

struct outcome {
    struct sl_command command;
    char *out, *errors; /* what was printed */
    int result;
};

static struct outcome run(const char *const *words)
{
    char program[] = "sluice";
    char *argv[MAX_WORDS + 2] = {program};
    int argc = 1;
    struct outcome o;
    size_t n_out, n_errors;
    while (words[argc - 1]) {
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
        argc++;
    }
    FILE *out = open_memstream(&o.out, &n_out), *errors = open_memstream(&o.errors, &n_errors);
    o.result = sl_command_read(argc, argv, out, errors, &o.command);
    fclose(out);
    fclose(errors);
    return o;
}

static void finish(struct outcome *o)
{
    free(o->out);
    free(o->errors);
}

static void good_lines(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        struct sl_command want;
    } table[] = {
        {{"run", "-c", "f"}, {.verb = SL_VERB_RUN, .config = "f"}},
        {{"run", "-cf"}, {.verb = SL_VERB_RUN, .config = "f"}},
        {{"run", "--config", "f"}, {.verb = SL_VERB_RUN, .config = "f"}},
        {{"run", "--config=f"}, {.verb = SL_VERB_RUN, .config = "f"}},
        {{"check", "-c", "f"}, {.verb = SL_VERB_CHECK, .config = "f"}},
        {{"explain", "-c", "f"}, {.verb = SL_VERB_EXPLAIN, .config = "f"}},
        {{"explain", "--route=r", "--listener", "l", "-c", "f"},
         {.verb = SL_VERB_EXPLAIN, .config = "f", .listener = "l", .route = "r"}},
        {{"quickstart", "--upstream", "a:1", "--self-signed"},
         {.verb = SL_VERB_QUICKSTART, .upstream = "a:1", .is_self_signed = true}},
        {{"quickstart", "-u", "a:1", "-l", ":2", "-s", "--status", ":3"},
         {.verb = SL_VERB_QUICKSTART,
          .upstream = "a:1",
          .listen = ":2",
          .status = ":3",
          .is_self_signed = true}},
        {{"quickstart", "--certificate", "c", "--key", "k", "--upstream", "a:1"},
         {.verb = SL_VERB_QUICKSTART, .upstream = "a:1", .certificate = "c", .key = "k"}},
        {{"version"}, {.verb = SL_VERB_VERSION}},
        {{"--version"}, {.verb = SL_VERB_VERSION}},
        {{"-V"}, {.verb = SL_VERB_VERSION}},
        {{"full-config"}, {.verb = SL_VERB_FULL_CONFIG}},
        {{"reference"}, {.verb = SL_VERB_REFERENCE}},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct outcome o = run(table[i].words);
        const char *const got[] = {o.command.config,   o.command.listener, o.command.route,
                                   o.command.upstream, o.command.listen,   o.command.certificate,
                                   o.command.key,      o.command.status};
        const struct sl_command *w = &table[i].want;
        const char *const want[] = {w->config, w->listener,    w->route, w->upstream,
                                    w->listen, w->certificate, w->key,   w->status};
        assert_int_equal(o.result, 0);
        assert_int_equal(o.command.verb, w->verb);
        assert_int_equal(o.command.is_self_signed, w->is_self_signed);
        for (size_t j = 0; j < sizeof(got) / sizeof(got[0]); j++) {
            assert_int_equal(got[j] != NULL, want[j] != NULL);
            if (want[j])
                assert_string_equal(got[j], want[j]);
        }
        assert_string_equal(o.out, "");
        assert_string_equal(o.errors, "");
        finish(&o);
    }
}

static void bad_lines(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        const char *says, *points_to;
    } table[] = {
        {{"rum"}, "there is no command 'rum'", "`sluice --help`"},
        {{"-x"}, "unknown option -x before the command", "`sluice --help`"},
        {{"help", "rum"}, "there is no command 'rum'", "`sluice --help`"},
        {{"run"}, "-c FILE", "`sluice run --help`"},
        {{"check"}, "-c FILE", "`sluice check --help`"},
        {{"explain"}, "-c FILE", "`sluice explain --help`"},
        {{"run", "-c"}, "-c needs a value", "`sluice run --help`"},
        {{"run", "--config"}, "--config needs a value", "`sluice run --help`"},
        {{"run", "-c", ""}, "-c FILE", "`sluice run --help`"},
        {{"check", "--config="}, "-c FILE", "`sluice check --help`"},
        {{"run", "--confix=a"}, "unknown option --confix=a", "`sluice run --help`"},
        {{"run", "-q"}, "unknown option -q", "`sluice run --help`"},
        {{"run", "-c", "f", "--route", "r"}, "unknown option --route", "`sluice run --help`"},
        {{"run", "-c", "f", "g"}, "unexpected word 'g'", "`sluice run --help`"},
        {{"version", "-c", "f"}, "unknown option -c", "`sluice version --help`"},
        {{"quickstart", "--self-signed"}, "--upstream HOST:PORT", "`sluice quickstart --help`"},
        {{"quickstart", "-u", "a:1"}, "a certificate is needed", "`sluice quickstart --help`"},
        {{"quickstart", "-u", "a:1", "--key", "k"},
         "--key needs --certificate",
         "`sluice quickstart --help`"},
        {{"quickstart", "-u", "a:1", "--certificate", "c"},
         "--certificate needs --key",
         "`sluice quickstart --help`"},
        {{"quickstart", "-u", "a:1", "-s", "--key", "k"},
         "--self-signed excludes",
         "`sluice quickstart --help`"},
        {{"quickstart", "-u", "a:1", "--self-signed=yes"},
         "--self-signed=yes: this option has no value",
         "`sluice quickstart --help`"},
        {{"run", "-c", "f", "--help=me"}, "this option has no value", "`sluice run --help`"},
        {{"run", "-xc", "f"}, "unknown option -x", "`sluice run --help`"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct outcome o = run(table[i].words);
        assert_int_equal(o.result, SL_EXIT_USAGE);
        assert_string_equal(o.out, "");
        if (!strstr(o.errors, table[i].says) || !strstr(o.errors, table[i].points_to))
            fail_msg("row %zu: '%s' is not '%s' ... '%s'", i, o.errors, table[i].says,
                     table[i].points_to);
        finish(&o);
    }
}

static void nothing_at_all(void **state)
{
    struct outcome o = run((const char *const[]){NULL});
    assert_int_equal(o.result, SL_EXIT_USAGE);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.errors, "usage: sluice COMMAND"));
    finish(&o);
}

static void general_help(void **state)
{
    static const char *const lines[][2] = {{"--help"}, {"-h"}, {"help"}};
    static const char *const commands[] = {"run",         "check",     "explain", "quickstart",
                                           "full-config", "reference", "version"};
    for (size_t i = 0; i < 3; i++) {
        struct outcome o = run(lines[i]);
        assert_int_equal(o.result, 0);
        assert_int_equal(o.command.verb, SL_VERB_NONE);
        assert_string_equal(o.errors, "");
        for (size_t j = 0; j < sizeof(commands) / sizeof(commands[0]); j++)
            assert_non_null(strstr(o.out, commands[j]));
        finish(&o);
    }
}

/* Each command's help names its options and no others, however it is asked for. */
static void help_of_each(void **state)
{
    static const struct {
        const char *command, *has, *lacks;
    } table[] = {
        {"run", "--config FILE", "--route"},
        {"check", "--config FILE", "--upstream"},
        {"explain", "--listener NAME", "--listen ["},
        {"quickstart", "--self-signed", "--config"},
        {"version", "--help", "--config"},
        {"full-config", "--help", "--config"},
        {"reference", "--help", "--config"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *const lines[][4] = {{table[i].command, "--help"},
                                        {table[i].command, "-h"},
                                        {"help", table[i].command},
                                        {table[i].command, "--help", "rest"}};
        for (size_t j = 0; j < 4; j++) {
            struct outcome o = run(lines[j]);
            assert_int_equal(o.result, 0);
            assert_int_equal(o.command.verb, SL_VERB_NONE);
            assert_string_equal(o.errors, "");
            assert_non_null(strstr(o.out, table[i].has));
            assert_null(strstr(o.out, table[i].lacks));
            finish(&o);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),     cmocka_unit_test(bad_lines),
        cmocka_unit_test(nothing_at_all), cmocka_unit_test(general_help),
        cmocka_unit_test(help_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
